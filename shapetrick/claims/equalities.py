"""Judging an equality of two expressions: by their values at many points, what mends a wrong one,
a counter-example, and under what it would hold.

Inputs are drawn with their attributes, of several sizes, magnitudes and signs, and unknowns are at
a solution of their equations. A difference counts where it is beyond what rounding makes of both
sides; points without a value are left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations, islice

import numpy as np

from ..core.dims import SCALAR, Dim, shape_text
from ..core.equations import EquationSystem, inputs_of
from ..core.errors import ShapetrickError, Span
from ..core.expr import Abstract, Expr, Number, Symbol, call, symbol, times
from ..core.functions import TABLE, Array
from ..core.problem import Claim, EqualityClaim, Problem, Request
from ..core.structure import unnamed
from ..core.traversal import postorder, redimensioned, substitute, symbols_of
from ..language.syntax.tree import ATTRIBUTES
from ..numerics.evaluation import EvaluationTape, Valuation
from ..numerics.implicit_solving import ImplicitSolver
from ..numerics.sampling import (
    PLAIN,
    Profile,
    abstract_functions,
    any_profiles,
    assignments,
    dims_among,
    draw,
    generator,
)
from ..numerics.solvers import TABLE as SOLVERS
from ..numerics.solvers import solved_unknowns
from ..validation.sample_points import Draw
from ..validation.sample_points import condition as condition_number
from .judgement import judge
from .verdicts import ClaimVerdict, Judgement

SITES = 5  # assignments of sizes
DRAWS = 24  # at each
FEWEST = 6  # points with values of both sides, for a verdict
APART = 1e-8  # relative: values that differ by more are two
NUDGE = 1e-13  # relative, by which inputs are changed to see what rounding does
FULFILLED = 1e-9  # relative residual of a solution
NOISE = 1e3  # times what the nudge changes is no difference
WORST_CONDITION = 1e14  # of what is inverted: beyond it, the inverse is made of rounding
MOST_SHOWN = 18  # numbers of a counter-example
MOST_NUMBERS = 4  # beside which it is looked: a kink may be there
MOST_SYMBOLS = 5  # of which two are tried together
SMALL = 3  # whole numbers up to it are tried first in a counter-example
_CONDITIONS = {
    "nonneg": "the entries of {} are not negative",
    "symmetric": "{} is symmetric",
    "orthogonal": "{} is orthogonal",
    "diagonal": "{} is diagonal",
}


@dataclass(frozen=True, slots=True)
class CounterExample:
    """A point at which the sides differ: sizes, inputs, and the values of both."""

    sizes: Mapping[str, int]
    inputs: Mapping[str, Array]
    left: Array
    right: Array

    def __str__(self) -> str:
        given = [f"{name} = {size}" for name, size in self.sizes.items()]
        if sum(x.size for x in self.inputs.values()) <= MOST_SHOWN:
            given += [f"{name} = {_shown(x)}" for name, x in self.inputs.items()]
        i, j = np.unravel_index(np.argmax(np.abs(self.left - self.right)), self.left.shape)
        sides = f"{self.left[i, j]:.6g} ≠ {self.right[i, j]:.6g}"
        entry = "" if self.left.size == 1 else f" in row {i + 1}, column {j + 1}"
        return f"at {', '.join(given)}: {sides}{entry}" if given else sides


@dataclass(frozen=True, slots=True)
class EqualityJudgement:
    """What was found: the verdict, why, a counter-example of a wrong one, under what it would be
    right, and its right side with the small change that makes it right."""

    claim: EqualityClaim
    verdict: ClaimVerdict
    diagnosis: str
    points: int = 0
    example: CounterExample | None = None
    condition: str = ""
    suggestion: str | None = None

    @property
    def span(self) -> Span | None:
        """Where it stands in the problem's text."""
        return self.claim.span

    @property
    def mended(self) -> bool:
        """Whether a small change makes it right."""
        return self.suggestion is not None


def judge_equality(
    claim: EqualityClaim, seed: int = 0, problem: Problem | None = None
) -> EqualityJudgement:
    """The verdict on an equality; of one that a problem claims, also what mends it."""
    left, right = claim.left, claim.right
    if left.shape != right.shape:
        shapes = (
            f"the left side is {shape_text(left.shape)}, the right side {shape_text(right.shape)}"
        )
        return EqualityJudgement(claim, "wrong", shapes)
    systems = () if problem is None else problem.systems_of(left, right)
    sides = _Sides(left, right, seed, systems)
    verdict, points = sides.verdict()
    if verdict == "right":
        return EqualityJudgement(claim, verdict, "", points)
    if verdict == "unchecked":
        reason = "too few points were found at which both sides have a value"
        return EqualityJudgement(claim, verdict, reason, points)
    example = sides.example()
    condition = "" if systems else next(_conditions(sides), "")
    mended = None if problem is None or systems else _mended(claim, problem, seed)
    said = [] if mended is None else [mended.diagnosis]
    said.append("the sides have other values" if example is None else str(example))
    if condition and (mended is None or mended.proviso is None):  # which says it already
        said.append(f"right where {condition}")
    suggestion = None if mended is None else mended.suggestion
    return EqualityJudgement(
        claim, verdict, "; ".join(said), points, example, condition, suggestion
    )


def _mended(claim: EqualityClaim, problem: Problem, seed: int) -> Judgement | None:
    """What is wrong with the right side, and what it is with that mended; None where no small
    change mends it. The left side is judged as the gradient by `w` of `sum(left .* w)`."""
    if problem.has_families or claim.right_span is None:
        return None
    weights = symbol("#weights", claim.left.shape)
    right = Claim(claim.right_text, claim.right, claim.right_span)
    of = call("sum", times(claim.left, weights))
    left, typed = unnamed(claim.left), {*postorder([claim.right])}
    names = {  # of those of the left side, what the right side has
        n: e for n, e in problem.definitions.items() if unnamed(e) is not left or e in typed
    }
    request = Request("grad", of, claim.left_text, weights, claim=right)
    try:
        found = judge(replace(problem, definitions=names), request, seed)
    except ShapetrickError:  # there may be no small change, too
        return None
    new = found.suggestion or ""
    if not found.mended or new.split() == claim.left_text.split():  # it would say nothing
        return None
    return found


@dataclass(slots=True)
class _Sides:
    """Two expressions of one shape, to be compared at points."""

    left: Expr
    right: Expr
    seed: int
    systems: tuple[EquationSystem, ...] = ()  # what determines some of the symbols

    @property
    def symbols(self) -> list[Symbol]:
        others = inputs_of(self.systems)
        return list(dict.fromkeys([*symbols_of(self.left), *symbols_of(self.right), *others]))

    def verdict(self) -> tuple[ClaimVerdict, int]:
        """Whether they agree wherever both have a value; at how many points that was seen."""
        agreed = 0
        for at in self._points():
            same = self._agree(at)
            if same is False:
                return "wrong", agreed + 1
            agreed += same is True
        return ("right" if agreed >= FEWEST else "unchecked"), agreed

    def example(self) -> CounterExample | None:
        """A point where they differ: of small whole numbers, if there is one."""
        for at in (*self._whole(), *self._points()):
            if self._agree(at) is False:
                return CounterExample(at.sizes, at.env, *self._tape.run(*at))
        return None

    def with_put(self, put: Mapping[Expr, Expr]) -> _Sides:
        """The sides with symbols replaced."""
        return _Sides(substitute(self.left, put), substitute(self.right, put), self.seed)

    @property
    def _tape(self) -> EvaluationTape:
        return EvaluationTape([self.left, self.right])

    def _sizes(self) -> list[dict[str, int]]:
        nodes = list(postorder([self.left, self.right]))
        found = islice(assignments(dims_among(nodes), generator(self.seed, 1)), SITES)
        return list({tuple(sizes.items()): sizes for sizes in found}.values())

    def _points(self) -> Iterator[Valuation]:
        """Sizes and inputs: plain ones, and of all magnitudes and signs."""
        names = [e.name for e in postorder([self.left, self.right]) if isinstance(e, Abstract)]
        numbers = [e.value for e in postorder([self.left, self.right]) if isinstance(e, Number)]
        kinks = dict.fromkeys(abs(float(n)) for n in numbers if n not in (0, 1, 2))
        scales = [times * n for n in islice(kinks, MOST_NUMBERS) for times in (0.5, 2.0)]
        unknowns = [u for system in self.systems for u in system.unknowns]
        for k, sizes in enumerate(self._sizes()):
            rng = generator(self.seed, 2, k)
            functions = abstract_functions(dict.fromkeys(names), rng)
            profiles = [PLAIN, Profile(sign=1), Profile(sign=-1), Profile(boosted=False)]
            profiles += [Profile(scale, sign) for scale in scales for sign in (1, -1)]
            for i in range(max(DRAWS, len(profiles))):
                profile = profiles[i] if i < len(profiles) else None
                symbols = dict.fromkeys([*self.symbols, *unknowns])
                inputs = {
                    s.name: draw(s, sizes, rng, profile or _any_profile(rng)) for s in symbols
                }
                at = Valuation(inputs, sizes, functions)
                yield self._solved(at) if self.systems else at

    def _solved(self, at: Valuation) -> Valuation:
        """Inputs with a solution of the equations: the one that a library finds, else one nearby;
        not a number where there is none."""
        solver = ImplicitSolver(self.systems)
        unknowns = solved_unknowns(self.systems, SOLVERS)
        found = dict(at.env)
        nothing = at._replace(env={name: np.full_like(x, np.nan) for name, x in found.items()})
        try:
            if len(unknowns) < len(solver.unknowns):
                found = solver.consistent(at)
            values = EvaluationTape([*unknowns.values()]).run(found, *at[1:])
        except (ArithmeticError, ValueError, np.linalg.LinAlgError):
            return nothing
        found.update((str(u), x) for u, x in zip(unknowns, values, strict=True))
        if any(x.shape != at.env[name].shape for name, x in found.items()):
            return nothing  # as of more columns than rows
        solved = at._replace(env=found)
        return solved if solver.residual_off(solved) <= FULFILLED else nothing

    def _whole(self) -> Iterator[Valuation]:
        """Small inputs of whole numbers, where nothing else is declared of them."""
        if self.systems or any(s.attributes - {"symmetric", "diagonal"} for s in self.symbols):
            return
        if any(isinstance(e, Abstract) for e in postorder([self.left, self.right])):
            return
        smallest = self._sizes()[0]
        rng = generator(self.seed, 3)
        for _ in range(DRAWS):
            inputs = {}
            for s in self.symbols:
                x = rng.integers(-1, SMALL, [d.size(smallest) for d in s.shape]).astype(float)
                x = (x + x.T) // 2 if "symmetric" in s.attributes else x
                inputs[s.name] = x * np.eye(len(x)) if "diagonal" in s.attributes else x
            yield Valuation(inputs, smallest, {})

    def _agree(self, at: Valuation) -> bool | None:
        """Whether the values agree; None where one has none, or rounding makes it uncertain."""
        tape = self._tape
        moved = Draw(at.env, at.functions, 1.0).moved(NUDGE)
        try:
            left, right = tape.run(*at)
            near = tape.run(moved.env, *at[1:])
        except (ArithmeticError, ValueError, np.linalg.LinAlgError):
            return None
        values = (left, right, *near)
        if not all(np.isfinite(v).all() for v in values):
            return None
        with np.errstate(over="ignore", invalid="ignore"):
            largest = float(max(np.abs(left).max(), np.abs(right).max()))
            changed = [np.abs(v - w).max() for v, w in zip((left, right), near, strict=True)]
            noise = NOISE * float(max(changed))
            apart = float(np.abs(left - right).max())
            if np.isfinite(noise) and apart > max(APART * largest, noise):  # or in what is inside
                if self._is_singular(at):
                    return None
                try:
                    near = tape.run(*at, rounding=generator(self.seed, 4))
                except np.linalg.LinAlgError:
                    return None
                changed = [np.abs(v - w).max() for v, w in zip((left, right), near, strict=True)]
                noise = max(noise, NOISE * float(max(changed)))
        if not np.isfinite(largest) or not np.isfinite(noise) or noise > np.sqrt(APART) * largest:
            return True if apart == 0 else None
        return bool(apart <= max(APART * largest, noise))

    def _is_singular(self, at: Valuation) -> bool:
        """Whether a matrix that must have an inverse has none but for rounding."""
        nodes = [*postorder([self.left, self.right])]
        rows = ((TABLE.get(e.op), e.args) for e in nodes)
        inverted = [a for row, args in rows if row and row.units == "inverse" for a in args]
        values = EvaluationTape(inverted).run(*at)
        return any((condition_number(x) > WORST_CONDITION).any() for x in values)


def _any_profile(rng: np.random.Generator) -> Profile:
    drawn = any_profiles(1, rng)
    return Profile(float(np.ravel(drawn.scale)[0]), int(np.ravel(drawn.sign)[0]))


def _conditions(sides: _Sides) -> Iterator[str]:
    """Under what the sides agree: an attribute of one symbol or of two, or a size."""
    for attribute, words in _CONDITIONS.items():
        able = [s for s in sides.symbols if _may_have(s, attribute)]
        groups = [*combinations(able, 1), *combinations(able[:MOST_SYMBOLS], 2)]
        for group in groups if attribute == "symmetric" else combinations(able, 1):
            if _given(sides, group, attribute).verdict()[0] == "right":
                names = " and ".join(s.name for s in group)
                yield words.format(names) if len(group) == 1 else f"{names} are {attribute}"
    for a, b in combinations(_squares(sides)[:MOST_SYMBOLS], 2):
        if a.shape == b.shape and _commuting(sides, a, b).verdict()[0] == "right":
            yield f"{a.name} and {b.name} commute"
    for letter in dict.fromkeys(n for s in sides.symbols for d in s.shape for n in d.names):
        one = {letter: Dim.of(1)}
        left, right = redimensioned([sides.left, sides.right], partial(Dim.substitute, dims=one))
        if _Sides(left, right, sides.seed).verdict()[0] == "right":
            yield f"{letter} = 1"


def _squares(sides: _Sides) -> list[Symbol]:
    return [s for s in sides.symbols if s.shape[0] == s.shape[1] and s.shape != SCALAR]


def _may_have(s: Symbol, attribute: str) -> bool:
    if attribute == "nonneg":
        return not s.attributes - {"const"}
    return not s.attributes and s.shape[0] == s.shape[1] and s.shape != SCALAR


def _given(sides: _Sides, group: Sequence[Symbol], attribute: str) -> _Sides:
    assert attribute in ATTRIBUTES
    return sides.with_put({s: symbol(s.name, s.shape, {*s.attributes, attribute}) for s in group})


def _commuting(sides: _Sides, a: Symbol, b: Symbol) -> _Sides:
    """The sides with a polynomial of one matrix in place of another: they commute."""
    return sides.with_put({b: a @ a - 2 * a})


def _shown(x: Array) -> str:
    """`[1 2; 0 1]`, a scalar as it is."""
    rows = "; ".join(" ".join(f"{v:.4g}" for v in row) for row in x)
    return rows if x.size == 1 else f"[{rows}]"
