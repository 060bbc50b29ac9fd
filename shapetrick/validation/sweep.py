"""A sweep: a gradient compared with the function at draws of all magnitudes and signs, and on each
side of every kink that the function or the gradient has.

Many draws are compared in one evaluation, each along one direction. What misses there is only
suspected: the checker looks at it with all its care.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from functools import cached_property

import numpy as np

from ..algebra.ranges import EntryRanges
from ..core.expr import Add, Expr, Number, Symbol
from ..core.functions import TABLE, Array
from ..core.named_tuples import NamedTuple
from ..numerics.evaluation import EvaluationTape, FunctionValues
from ..numerics.finite_differences import COARSEST, SMALLEST, derivatives, points_per_direction
from ..numerics.sampling import (
    SIGN_FREE,
    Profile,
    abstract_functions,
    any_profiles,
    draws,
    is_scalable,
)
from .sample_points import (
    FINEST,
    LARGEST_CONDITION,
    LARGEST_VALUE,
    WITHOUT_VALUE,
    Draw,
    Site,
    condition,
)

MAGNITUDES = (1e-3, 0.03, 0.3, 1.0, 3.0, 10.0, 100.0)
MOST_NUMBERS = 4  # of the text, to whose magnitude inputs are drawn too
NUMBERS = (1e-5, 1e5)  # between which these are
SHRINK = 1 / 16  # of steps: a kink must be farther away than that
NOISE = 64 * float(np.finfo(float).eps)  # relative: a gradient that is less is nothing
MOST_SUSPECTED = 6  # looked at with care, of one batch
INSIDE = 16  # draws of inputs inside the domains of a user's functions
BASES = 2  # draws that lines go through
GRID = 10  # points per power of ten on a line
DECADES = (-4, 2)  # powers of ten by which a draw is scaled on a line
ROUNDS = 8  # of bisection
MOST_BRACKETS = 48  # bisected in one round
MOST_TESTED = 48  # points between kinks that are compared
HUNTS, HUNTED = 3, 64  # draws for a side that wasn't reached
LONGEST = 60  # characters of a branch that is told

KinkSide = tuple[Expr, int]


class _Compared(NamedTuple):
    """Of some draws, where the gradient agrees, how far it is off, and the branches taken."""

    agrees: Array
    off: Array
    branches: Sequence[Array]


class Suspect(NamedTuple):
    """A draw at which the gradient by a variable seems to be wrong."""

    draw: Draw
    variable: Symbol


class Sweep:
    """The sweep of a gradient at one site; `scale` is that of the derivative elsewhere.

    Where a target has several variables, the draws move one of them each, in turn."""

    def __init__(self, site: Site, gradient: EvaluationTape, scale: float | Array) -> None:
        self._site, self._gradient = site, gradient
        self._variables = {s: k for k, s in enumerate(site.target.variables)}
        self._negligible = NOISE * scale
        self._target = site.target
        self._rng = site.generator(3)
        self._functions: FunctionValues = abstract_functions(self._target.abstract, self._rng)
        programs = self._target.program, gradient
        self._of_kinks = [program.of_kinks() for program in programs]
        kinked = [e for program in programs for e in program.kinked]
        self._kinks = [(i, e) for i, e in enumerate(kinked) if TABLE[e.op].two_sided]
        self._has_kinks = bool(kinked)
        self._reached: dict[KinkSide, Array] = {}  # by variable
        self._tied: set[Expr] = set()  # which compare what was equal somewhere
        self._numbers = self._numbers_told()

    def suspects(self) -> Iterator[Suspect]:
        """The draws at which the gradient seems to be wrong, the worst first."""
        yield from self._suspects(self._tour())
        if self._target.ranges:
            count = min(INSIDE, self._most_for_each) * len(self._variables)
            plain = self._draws(Profile(), Profile(), count)
            yield from self._suspects(self._site.inside(plain, self._rng))
        if self._has_kinks:
            yield from self._suspects(self._between_kinks())
            for _ in range(HUNTS):
                missing = self._missing()
                if not missing:
                    break
                yield from self._suspects(self._hunted(missing))

    def unreached(self) -> str | None:
        """A branch that may exist and that no draw has reached where the gradient was compared."""
        for e, side in self._missing():
            sign = ">" if side > 0 else "<"
            left, right = map(str, e.args) if len(e.args) == 2 else (str(e.args[0]), "0")
            told = f"{left} {sign} {right}"
            return told if len(told) <= LONGEST else f"{e.op} of … {sign} 0"
        return None

    def acquit(self, suspect: Suspect) -> None:
        """A suspected draw at which the gradient is right."""
        env = {name: x[None] for name, x in suspect.draw.env.items()}
        self._note(self._branches(env), np.array([True]), self._variables[suspect.variable])

    # ------------------------------------------------------------------------- which draws

    def _numbers_told(self) -> tuple[float, ...]:
        """Numbers in the function and the gradient that may be where something changes."""
        found: dict[float, None] = {}
        for e in (*self._target.nodes, *self._gradient.nodes):
            if isinstance(e, Number) and isinstance(e.value, Fraction):
                size = abs(float(e.value))
                if size not in (0.0, 1.0, 2.0) and NUMBERS[0] <= size <= NUMBERS[1]:
                    found[size] = None
        return tuple(found)[:MOST_NUMBERS]

    def _room(self, each: int) -> int:
        """How many draws of so many points are evaluated at once."""
        return self._site.most_points // each

    @cached_property
    def _most_for_each(self) -> int:
        """How many draws are compared at once by each variable."""
        room = self._room(points_per_direction(self._target.order))
        return max(1, room // len(self._variables))

    def _tour(self) -> Mapping[str, Array]:
        """Draws of all magnitudes, of either sign and of both: of the variable alone, and of all
        inputs together."""
        ladder = np.array([*MAGNITUDES, *self._numbers])
        scales, signs = np.repeat(ladder, 3), np.tile((0, 1, -1), len(ladder))
        together = np.arange(len(scales)) % 2 == 0
        turns, each = len(self._variables), min(len(scales), self._most_for_each)
        if turns > 1 or each < len(scales):
            kept = np.linspace(0, len(scales) - 1, each).astype(int)
            kept = ((kept[:, None] + np.arange(turns)) % len(scales)).ravel()
            scales, signs, together = scales[kept], signs[kept], together[kept]
        other_scales, other_signs = np.where(together, scales, 1.0), np.where(together, signs, 0)
        return self._draws(
            Profile(_column(scales), _column(signs), boosted=False),
            Profile(_column(other_scales), _column(other_signs), boosted=False),
            len(scales),
        )

    def _draws(self, own: Profile, others: Profile, count: int) -> Mapping[str, Array]:
        target, sizes = self._target, self._site.sizes
        turns = np.arange(count) % len(self._variables)
        still = [s for s in target.inputs if s not in self._variables]
        drawn = draws(still, sizes, self._rng, others, count)
        for s, turn in self._variables.items():
            profile = others.replaced(turns == turn, own)
            drawn.update(draws([s], sizes, self._rng, profile, count))
        return target.consistent(drawn, sizes, self._functions)

    def _hunted(self, missing: Sequence[KinkSide]) -> Mapping[str, Array]:
        """Draws that take branches which were not reached."""
        count = min(HUNTED, self._room(1))
        scales = np.array([*MAGNITUDES, *self._numbers])
        both = []
        for _ in range(2):
            profile = any_profiles(count, self._rng)
            scale = scales[self._rng.integers(len(scales), size=(count, 1, 1))]
            both.append(profile._replace(scale=scale, boosted=False))
        env = self._draws(both[0], both[1], count)
        branches = self._branches(env)
        if branches is None:
            return {}
        wanted = np.zeros(count, bool)
        for i, e in self._kinks:
            for side in (1, -1):
                if (e, side) in missing:
                    wanted |= _anywhere(branches[i] == side, count)
        return self._for_each(env, _spread(np.flatnonzero(wanted), MOST_TESTED // 2))

    # ----------------------------------------------------------------------- between kinks

    def _between_kinks(self) -> Mapping[str, Array]:
        """Points on lines through the origin, one between any two kinks that were found there by
        bisection: the variable is scaled alone, and all inputs are."""
        target = self._target
        base = self._draws(Profile(boosted=False), Profile(boosted=False), BASES)
        alone = {s.name for s in target.variables}
        moved = [alone & _movable(target.inputs), _movable(target.inputs)]
        free = [all(s.attributes <= SIGN_FREE for s in target.inputs if s.name in names)
                for names in moved]  # fmt: skip
        lines = [(b, k) for k in range(2) for b in range(BASES) if moved[k]]
        if not lines:
            return {}
        least = min(1.0, *self._numbers, 1.0) * 10.0 ** DECADES[0]
        most = max(1.0, *self._numbers, 1.0) * 10.0 ** DECADES[1]
        positive = np.geomspace(least, most, 1 + round(GRID * np.log10(most / least)))
        both = np.concatenate([-positive[::-1], positive])
        ts = np.concatenate([both if free[k] else positive for _, k in lines])
        ids = np.concatenate([np.full(2 * len(positive) if free[k] else len(positive), i)
                              for i, (_, k) in enumerate(lines)])  # fmt: skip
        room = self._room(1)
        if len(ts) > room:
            kept = np.linspace(0, len(ts) - 1, room).astype(int)
            ts, ids = ts[kept], ids[kept]

        def at(ids: Array, ts: Array) -> Mapping[str, Array]:
            bases = np.array([b for b, _ in lines])[ids]
            env = {}
            for name, x in base.items():
                moves = np.array([name in moved[k] for _, k in lines])[ids]
                env[name] = x[bases] * np.where(moves, ts, 1.0)[:, None, None]
            return env

        marks = self._marks(at(ids, ts))
        if marks is None:
            return {}
        for _ in range(ROUNDS):
            apart = (marks[1:] != marks[:-1]).any(axis=1) & (ids[1:] == ids[:-1])
            left = _spread(np.flatnonzero(apart & (ts[1:] * ts[:-1] > 0)), MOST_BRACKETS)
            if not len(left):
                break
            middle = np.sign(ts[left]) * np.sqrt(ts[left] * ts[left + 1])
            found = self._marks(at(ids[left], middle))
            if found is None:
                break
            ts, ids = np.insert(ts, left + 1, middle), np.insert(ids, left + 1, ids[left])
            marks = np.insert(marks, left + 1, found, axis=0)
        apart = (marks[1:] != marks[:-1]).any(axis=1) | (ids[1:] != ids[:-1])
        starts = np.concatenate([[0], np.flatnonzero(apart) + 1, [len(ts)]])
        middles = (starts[:-1] + starts[1:] - 1) // 2
        points = _spread(middles, min(MOST_TESTED, self._most_for_each))
        return self._for_each(at(ids[points], ts[points]), np.arange(len(points)))

    def _for_each(self, env: Mapping[str, Array], places: Array) -> Mapping[str, Array]:
        """The draws at these places, or as many as there is room for, once for each variable."""
        rows = np.repeat(_spread(places, self._most_for_each), len(self._variables))
        return {name: x[rows] for name, x in env.items()} if len(rows) else {}

    def _marks(self, env: Mapping[str, Array]) -> Array | None:
        """The branches taken at each draw, as a row of small numbers."""
        branches = self._branches(env)
        if branches is None:
            return None
        count = len(next(iter(env.values())))
        rows = [np.broadcast_to(b, (count, *b.shape[-2:])).reshape(count, -1) for b in branches]
        marks = np.nan_to_num(np.concatenate(rows, axis=1), nan=9.0)
        return np.asarray(marks.astype(np.int8))

    def _branches(self, env: Mapping[str, Array]) -> list[Array] | None:
        """The branches of the function, then those of the gradient, at many draws."""
        found: list[Array] = []
        try:
            for program in self._of_kinks:
                program.run(env, self._site.sizes, self._functions, found)
        except WITHOUT_VALUE:
            return None
        return found

    # -------------------------------------------------------------------------- comparison

    def _suspects(self, env: Mapping[str, Array]) -> Iterator[Suspect]:
        if not env or not len(next(iter(env.values()))):
            return
        found = self._compared(env)
        self._note(found.branches, found.agrees)
        worst = np.argsort(-found.off, kind="stable")[:MOST_SUSPECTED]
        for i in worst[found.off[worst] > 1]:
            own = {name: x[i] for name, x in env.items()}
            variable = self._target.variables[i % len(self._variables)]
            yield Suspect(Draw(own, self._functions, SHRINK), variable)

    def _note(self, branches: Sequence[Array] | None, agrees: Array, first: int = 0) -> None:
        """Which sides were reached where the gradient agrees."""
        each = np.eye(len(self._variables), dtype=bool)
        turns = each[(first + np.arange(len(agrees))) % len(each)] & agrees[:, None]
        for i, e in self._kinks if branches else ():
            assert branches is not None
            compares = len(e.args) == 2 or isinstance(e.args[0], Add)
            if compares and (branches[i] == 0).any():
                self._tied.add(e)
            for side in (1, -1):
                reached = _anywhere(branches[i] == side, len(agrees)) @ turns
                self._reached[e, side] = reached | self._reached.get((e, side), False)

    def _missing(self) -> list[KinkSide]:
        """The sides that may exist; what is compared with its equal on an open set has none
        but those that follow from other kinks inside."""
        ranges = EntryRanges()
        sides = [(e, side) for _, e in self._kinks if e not in self._tied for side in (1, -1)]
        found = {side for side, reached in self._reached.items() if reached.all()}
        return [s for s in sides if s not in found and not ranges.excludes(*s)]

    def _compared(self, env: Mapping[str, Array]) -> _Compared:
        """The gradient compared at each draw, along a direction in which all entries change in
        proportion to their size."""
        count = len(next(iter(env.values())))
        nothing = _Compared(np.zeros(count, bool), np.zeros(count), ())
        try:
            return self._compared_at_once(env, count)
        except np.linalg.LinAlgError:  # at one of them, perhaps
            if count == 1:
                return nothing
        except WITHOUT_VALUE:
            return nothing
        turns = len(self._variables)
        half = count // 2 // turns * turns or count // 2
        halves = [{n: x[part] for n, x in env.items()}
                  for part in (slice(0, half), slice(half, count))]  # fmt: skip
        first, second = map(self._compared, halves)
        return _Compared(
            np.concatenate([first.agrees, second.agrees]),
            np.concatenate([first.off, second.off]),
            self._branches(env) or (),
        )

    def _compared_at_once(self, env: Mapping[str, Array], count: int) -> _Compared:
        target, site = self._target, self._site
        x, scope = target.point(env), target.scope(env)
        size = np.sqrt((x * x * scope).mean(axis=(1, 2), keepdims=True))
        size = np.where(size == 0, 1.0, size / np.sqrt(scope.mean(axis=(1, 2), keepdims=True)))
        directions = self._rng.standard_normal((count, target.order, *x.shape[1:]))
        directions *= (np.where(x == 0, size, np.abs(x)) * scope)[:, None]
        directions /= np.abs(directions / size[:, None]).max(axis=(2, 3), keepdims=True)
        if target.kind in ("jvp", "hvp"):
            given = target.given(env)
            directions[:, -1] = given / np.abs(given / size).max(axis=(1, 2), keepdims=True)
        wide = {name: values[:, None] for name, values in env.items()}
        crossed = np.zeros(count, bool)
        regular = np.ones(count, bool)

        def f(points: Array) -> Array:
            branches: list[Array] = []
            moved = target.moved(wide, points)
            value, *inverted = target.program.run(moved, site.sizes, self._functions, branches)
            for b in branches:
                if b.ndim == 4:
                    np.logical_or(crossed, (b != b[:, :1]).any(axis=(1, 2, 3)), out=crossed)
            for a in inverted:
                center = a[:, 0] if a.ndim == 4 else a
                np.logical_and(regular, condition(center) <= LARGEST_CONDITION, out=regular)
            value = np.broadcast_to(value, (*points.shape[:2], *value.shape[-2:]))
            return target.outputs(value, wide)

        with np.errstate(all="ignore"):
            found = derivatives(f, x, target.travelled(directions), SHRINK)
            branches: list[Array] = []
            (gradient,) = self._gradient.run(env, site.sizes, self._functions, branches)
            own: list[Array] = []
            if self._kinks:
                target.program.run(env, site.sizes, self._functions, own)
            gradient = np.broadcast_to(gradient, (count, *gradient.shape[-2:]))
            predicted = target.predicted(gradient, directions[:, None])[:, 0]
            scale = np.abs(found.value).max(axis=1)
            zero = scale <= 4 * found.rounding.max(axis=1)
            sharp = zero | (found.error.max(axis=1) <= COARSEST * scale)
            moderate = np.abs(predicted).max(axis=1) < LARGEST_VALUE
            usable = sharp & moderate & (scale < LARGEST_VALUE) & ~crossed & regular
            tolerance = found.error + FINEST * scale[:, None] + SMALLEST
            off = (np.abs(predicted - found.value) / tolerance).max(axis=1)
            seen = np.abs(gradient) if len(self._variables) == 1 else np.abs(gradient) * scope
            nothing = zero & (seen <= self._negligible).all(axis=(1, 2))
        off = np.where(usable & ~nothing, off, 0.0)
        return _Compared(usable & (off <= 1), off, [*own, *branches])


def _column(values: Array) -> Array:
    return values[:, None, None]


def _anywhere(entries: Array, count: int) -> Array:
    """For each draw, whether it holds of an entry."""
    return np.broadcast_to(entries.any(axis=(-1, -2)), count)


def _spread(places: Array, most: int) -> Array:
    """At most so many of them, evenly spread."""
    if len(places) <= most:
        return places
    return np.asarray(places[np.linspace(0, len(places) - 1, most).astype(int)])


def _movable(inputs: Sequence[Symbol]) -> set[str]:
    """The names of what obeys its attributes at every scale."""
    return {s.name for s in inputs if is_scalable(s)}
