"""Probes: where a function is differentiated by numbers, and what a gradient predicts there.

A `Target` is what is differentiated by what; a `Site` is a target at one assignment of sizes; a
`Point` is a draw of the inputs there, inside the domain and away from kinks, with the derivatives.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import chain, islice

import numpy as np

from .differences import COARSEST, Derivative, derivative, points_per_direction
from .dims import Shape
from .errors import ShapetrickError
from .evaluation import Program
from .expr import Expr, postorder
from .functions import TABLE, Array
from .problem import Kind
from .sampling import PLAIN, Profile, abstract_functions, any_profile, draw

Env = dict[str, Array]
Functions = dict[str, Callable[[Array, int], Array]]

OUTSIDE = "no point was found at which its value is finite"
SINGULAR = "no point was found at which every matrix to be inverted is well conditioned"
KINK = "every point that was drawn is too near a kink"
COARSE = "finite differences are too coarse here: rounding hides the derivative"
TOO_LARGE = "its sizes are too large to be checked"
LARGEST_CONDITION = 1e6
LARGEST_VALUE = 1e140  # so that squares don't overflow
FINEST = 1e-11  # relative: what the rounding of a right gradient may amount to
SECOND_ORDER: frozenset[Kind] = frozenset({"hess", "hvp"})
MOST_POINTS = 5000  # at once; where the entries take more, random directions stand for them
MOST_NUMBERS = 20_000_000  # at once, of all nodes
FEWEST_POINTS = 24
RANDOM_DIRECTIONS = 32
SCOUTS = 96
SCOUTINGS = 3
KEPT_SCOUTS = 8

# profiles of the inputs, and by how much the step of the differences shrinks
_FIRST_TRIES = (
    (PLAIN, 1.0),
    (PLAIN, 1 / 16),
    (Profile(sign=1), 1.0),
    (Profile(0.1, 1, near_identity=True), 1 / 16),
    (Profile(1e-6, 1, near_identity=True), 1.0),
    (PLAIN, 1 / 256),
    (Profile(0.1), 1 / 16),
)
_SHRINKING = (1.0, 1 / 16, 16.0, 1 / 256)


class Unsuitable(Exception):
    """A draw at which the derivative can't be judged; the argument is the reason."""


@dataclass(frozen=True)
class Target:
    """What is differentiated: `kind` of `of` by `wrt`, as in a request; `symbols` are drawn too."""

    of: Expr
    wrt: Expr
    kind: Kind
    direction: Expr | None
    symmetric: bool
    symbols: tuple[Expr, ...]
    functions: tuple[str, ...]

    @property
    def order(self) -> int:
        return 2 if self.kind in SECOND_ORDER else 1

    @cached_property
    def nodes(self) -> tuple[Expr, ...]:
        """What is computed, arguments first."""
        return tuple(postorder([self.of]))

    @cached_property
    def inputs(self) -> tuple[Expr, ...]:
        """The symbols to be drawn."""
        leaves = [e for e in self.nodes if e.op == "symbol"]
        extra = [self.wrt, *([] if self.direction is None else [self.direction]), *self.symbols]
        return tuple(dict.fromkeys([*leaves, *extra]))

    @cached_property
    def inverted(self) -> tuple[Expr, ...]:
        """The matrices that must not be singular."""
        rows = ((TABLE.get(e.op), e.args) for e in self.nodes)
        found = (a for row, args in rows if row and row.units == "inverse" for a in args)
        return tuple(dict.fromkeys(found))

    @cached_property
    def abstract(self) -> tuple[str, ...]:
        """The names of the abstract functions to be drawn."""
        used = {e.data[0] for e in self.nodes if e.op == "abstract"}
        return tuple(sorted(used.union(self.functions)))

    @property
    def shape(self) -> Shape:
        """The shape that the derivative has."""
        rows, cols = self.wrt.shape
        match self.kind:
            case "grad" | "vjp" | "hvp":
                return self.wrt.shape
            case "jvp":
                return self.of.shape
            case "hess":
                return rows * cols, rows * cols
            case "jac":
                p, q = self.of.shape
                return self.of.shape if self.wrt.is_scalar else (p * q, rows * cols)

    def predicted(self, gradient: Array, directions: Array) -> Array:
        """What the gradient says of the derivatives along the directions (k × order × rows × cols):
        k × values. Matrices are read column by column."""
        along = directions.swapaxes(2, 3).reshape(*directions.shape[:2], -1)
        column = gradient.T.reshape(-1, 1)
        match self.kind:
            case "grad" | "vjp" | "hvp":
                return np.asarray(along[:, 0] @ column)
            case "jvp":
                return np.broadcast_to(column.T, (len(along), column.size))
            case "hess":
                return np.asarray(((along[:, 0] @ gradient) * along[:, 1]).sum(1, keepdims=True))
            case "jac":
                return np.asarray(along[:, 0] @ (column.T if self.wrt.is_scalar else gradient.T))

    def directions(self, env: Env, rng: np.random.Generator, room: int) -> Array:
        """Along what to differentiate (k × order × rows × cols): every entry, or pair of entries.
        Where that takes more than `room` directions, random ones."""
        shape = env[self.wrt.data.name].shape
        if self.kind == "jvp":
            return self._given(env)[None, None]
        if self.kind == "hess":
            room = int(room**0.5)  # directions come in pairs
        if shape[0] * shape[1] <= room:
            entries = np.eye(shape[0] * shape[1]).reshape(-1, *shape[::-1]).swapaxes(1, 2)
        else:
            entries = rng.standard_normal((min(room, RANDOM_DIRECTIONS), *shape))
        if self.kind == "hvp":
            given = np.broadcast_to(self._given(env), entries.shape)
            return np.stack([entries, given], axis=1)
        if self.kind == "hess":
            first, second = np.indices((len(entries), len(entries))).reshape(2, -1)
            return np.stack([entries[first], entries[second]], axis=1)
        return entries[:, None]

    def random_direction(self, env: Env, rng: np.random.Generator) -> Array:
        """A direction that is no entry: order × rows × cols."""
        direction = rng.standard_normal((self.order, *env[self.wrt.data.name].shape))
        if self.kind in ("jvp", "hvp"):
            direction[-1] = self._given(env)
        return direction

    def travelled(self, directions: Array) -> Array:
        """How the variable moves along them: for `symmetric`, within the symmetric matrices."""
        return (directions + directions.swapaxes(-1, -2)) / 2 if self.symmetric else directions

    def read(self, value: Array, env: Env, count: int) -> Array:
        """The function's values at `count` points, one row a point."""
        value = np.broadcast_to(value, (count, *value.shape[-2:]))
        if self.kind == "vjp":
            return np.asarray((value * self._given(env)).sum(axis=(1, 2))[:, None])
        return value.swapaxes(1, 2).reshape(count, -1)

    def _given(self, env: Env) -> Array:
        assert self.direction is not None
        return env[self.direction.data.name]


@dataclass(frozen=True, slots=True)
class Point:
    """A draw of the inputs and the derivatives there, each with its tolerance.

    `zero` says that rounding is all there is."""

    env: Env
    functions: Functions
    shrink: float
    directions: Array
    found: Derivative
    scale: float
    zero: bool

    @property
    def tolerance(self) -> Array:
        return self.found.error + FINEST * self.scale


class Site:
    """A target at one assignment of sizes; `failures` counts why draws were unsuitable."""

    def __init__(self, target: Target, sizes: Mapping[str, int], seed: Sequence[int]) -> None:
        self.target = target
        self.sizes = sizes
        self.failures: Counter[str] = Counter()
        self._seed = tuple(seed)

    @cached_property
    def _program(self) -> Program:
        return Program([self.target.of, *self.target.inverted], self.sizes)

    @cached_property
    def _most_points(self) -> int:
        """How many points are evaluated at once."""
        computed = dict.fromkeys([*self.target.nodes, *self.target.inputs])
        sides = {d: d.size(self.sizes) for e in computed for d in e.shape}
        numbers = sum(sides[e.shape[0]] * sides[e.shape[1]] for e in computed)
        return min(MOST_POINTS, MOST_NUMBERS // numbers)

    def points(self) -> Iterator[Point]:
        """Points with finite differences, as many as are found."""
        rng = self._generator(0)
        for env, functions, shrink in self._suitable(rng):
            try:
                yield self._point(env, functions, shrink, rng)
            except Unsuitable as problem:
                self.failures[str(problem)] += 1

    def draws(self, points: Iterable[Point]) -> Iterator[tuple[Env, Functions, Array, float]]:
        """Inputs, a random direction (order × rows × cols), by how much to shrink steps on it. If
        fresh inputs don't do, those of the points come last."""
        rng = self._generator(1)
        known = ((point.env, point.functions, point.shrink) for point in points)
        for env, functions, shrink in chain(self._suitable(rng), known):
            yield env, functions, self.target.random_direction(env, rng), shrink

    def values(self, env: Env, functions: Functions, points: Array) -> Array:
        """The function's values (points × values) where the variable takes those points.

        Raises Unsuitable outside the domain, or if the points are on several sides of a kink."""
        branches: list[Array] = []
        at = {**env, self.target.wrt.data.name: points}
        value, *inverted = self._run(at, functions, branches)
        values = self.target.read(value, env, len(points))
        if not (np.abs(values) < LARGEST_VALUE).all():
            raise Unsuitable(OUTSIDE)
        if any(b.ndim > 2 and (b != b[:1]).any() for b in branches):
            raise Unsuitable(KINK)
        if any(_condition(a if a.ndim == 2 else a[0]) > LARGEST_CONDITION for a in inverted):
            raise Unsuitable(SINGULAR)
        return values

    def constant(self, point: Point) -> bool | None:
        """Whether the function has one value at all draws of the variable, however large; None if
        it has until the variable is large: then rounding swallows it."""
        small = self._values_at(point, [Profile(1.0)] * 8)
        if not _all_same(small):
            return False
        large = self._values_at(point, [Profile(scale) for scale in (1e2, 1e4, 1e8, 1e12)])
        return True if _all_same(small + large) else None

    def _values_at(self, point: Point, profiles: Sequence[Profile]) -> list[Array]:
        """The function's values where the variable alone is drawn anew, inside the domain."""
        found = []
        rng = self._generator(2)
        for profile in profiles:
            x = draw(self.target.wrt, self.sizes, rng, profile)
            with suppress(Unsuitable):
                found.append(self.values(point.env, point.functions, x[None]))
        return found

    def _generator(self, purpose: int) -> np.random.Generator:
        """The same draws whatever was drawn before for other purposes."""
        return np.random.default_rng([*self._seed, purpose])

    def _point(
        self, env: Env, functions: Functions, shrink: float, rng: np.random.Generator
    ) -> Point:
        target = self.target
        room = self._most_points // points_per_direction(target.order)
        directions = target.directions(env, rng, room)
        found = derivative(
            partial(self.values, env, functions),
            env[target.wrt.data.name],
            target.travelled(directions),
            shrink,
        )
        scale = float(np.abs(found.value).max())
        zero = scale <= 4 * float(found.rounding.max())
        if not zero and not float(found.error.max()) <= COARSEST * scale:
            raise Unsuitable(COARSE)
        return Point(env, functions, shrink, directions, found, scale, zero)

    def _suitable(self, rng: np.random.Generator) -> Iterator[tuple[Env, Functions, float]]:
        if self._most_points < FEWEST_POINTS:
            self.failures[TOO_LARGE] += 1
            return
        for profile, shrink in _FIRST_TRIES:
            env = {s.data.name: draw(s, self.sizes, rng, profile) for s in self.target.inputs}
            yield env, abstract_functions(self.target.abstract, rng), shrink
        scouted = chain.from_iterable(self._scouted(rng) for _ in range(SCOUTINGS))
        for i, (env, functions) in enumerate(islice(scouted, KEPT_SCOUTS)):
            yield env, functions, _SHRINKING[i % len(_SHRINKING)]

    def _scouted(self, rng: np.random.Generator) -> Iterator[tuple[Env, Functions]]:
        """Draws of all signs and magnitudes that are inside the domain, found in one evaluation."""
        count = min(SCOUTS, self._most_points)
        functions = abstract_functions(self.target.abstract, rng)
        common = [any_profile(rng) for _ in range(count // 2)]  # the others: one for each input
        stacked = {}
        for symbol in self.target.inputs:
            profiles = common + [any_profile(rng) for _ in range(count - len(common))]
            drawn = [draw(symbol, self.sizes, rng, profile) for profile in profiles]
            stacked[symbol.data.name] = np.stack(drawn)
        try:
            value, *inverted = self._run(stacked, functions, None)
        except Unsuitable as problem:
            self.failures[str(problem)] += 1
            return
        inside = np.broadcast_to((np.abs(value) < LARGEST_VALUE).all(axis=(-1, -2)), count)
        regular = inside.copy()
        for matrices in inverted:
            regular &= _condition(matrices) <= LARGEST_CONDITION
        self.failures[OUTSIDE] += int((~inside).sum())
        self.failures[SINGULAR] += int((inside & ~regular).sum())
        for i in np.flatnonzero(regular):
            yield {name: values[i] for name, values in stacked.items()}, functions

    def _run(self, env: Env, functions: Functions, branches: list[Array] | None) -> list[Array]:
        try:
            return self._program.run(env, functions, branches, strict=branches is not None)
        except FloatingPointError:
            raise Unsuitable(OUTSIDE) from None
        except np.linalg.LinAlgError:
            raise Unsuitable(SINGULAR) from None
        except (ShapetrickError, ArithmeticError, TypeError, ValueError) as problem:
            raise Unsuitable(f"its value can't be computed: {problem}") from problem


def _all_same(values: Sequence[Array]) -> bool:
    return all(np.allclose(value, values[0], rtol=1e-12, atol=0.0) for value in values)


def _condition(matrices: Array) -> Array:
    """The condition numbers; infinite where an entry isn't finite."""
    finite = np.asarray(np.isfinite(matrices).all(axis=(-1, -2)))
    with np.errstate(all="ignore"):
        condition = np.linalg.cond(np.where(finite[..., None, None], matrices, 0.0))
    return np.where(finite & ~np.isnan(condition), condition, np.inf)
