"""Probes: where a target is differentiated by numbers.

A `Site` is a target at one assignment of sizes, a `Draw` has values for its inputs, and a `Point`
is a draw inside the domain and away from kinks, with the derivatives there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cached_property, partial
from itertools import chain, islice, product

import numpy as np

from ..core.budget import numbers_in
from ..core.errors import ShapetrickError
from ..core.functions import Array
from ..core.named_tuples import NamedTuple
from ..core.records import dataclass
from ..numerics.evaluation import EvaluationTape, FunctionValues
from ..numerics.finite_differences import COARSEST, Derivative, derivative, points_per_direction
from ..numerics.sampling import (
    PLAIN,
    SIGN_FREE,
    Profile,
    abstract_functions,
    any_profiles,
    draw,
    draw_all,
    draws,
    generator,
    within,
)
from .check_targets import Target
from .domain_search import Env

# What is raised where an expression has no value.
WITHOUT_VALUE = (ShapetrickError, ArithmeticError, TypeError, ValueError)
OUTSIDE = "no point was found at which its value is finite"
SINGULAR = "no point was found at which every matrix to be inverted is well conditioned"
UNSOLVED = "no point was found at which the equations have a solution that they determine"
KINK = "every point that was drawn is too near a kink"
COARSE = "finite differences are too coarse here: rounding hides the derivative"
TOO_LARGE = "its sizes are too large to be checked"
LARGEST_CONDITION = 1e6
LARGEST_VALUE = 1e140  # so that squares don't overflow
FINEST = 1e-11  # relative: what the rounding of a right gradient may amount to
MOST_POINTS = 5000  # at once; where the entries take more, random directions stand for them
MOST_NUMBERS = 4_000_000  # at once, of all nodes
MOST_HELD = 40_000_000  # numbers of a gradient and its spoilt copies, which take some 1 GB
HELD_TIMES = 16  # the entries of a gradient are held while it is compared, spoilt copies included
FEWEST_POINTS = 24
ROUNDINGS = 3  # other ones, by which a value is told from rounding
NOISE = 10.0  # times as much as these change: nothing but rounding
MANY_DIGITS = 1e4  # so much more rounding than that of the value itself: it cancels
SCOUTS = 96
SOLVED_SCOUTS = 12  # where each is moved to a solution of equations
SCOUTED_ARRAYS = 3000
SCOUTINGS = 3
MIRRORED = 2
KEPT_SCOUTS = 8

# profiles of the inputs, and by how much the step of the differences shrinks
Tries = Sequence[tuple[Profile, float]]
FIRST_TRIES: Tries = (
    (PLAIN, 1.0),
    (PLAIN, 1 / 16),
    (Profile(sign=1), 1.0),
    (Profile(0.1, 1, near_identity=True), 1 / 16),
    (Profile(1e-6, 1, near_identity=True), 1 / 16),
    (PLAIN, 1 / 256),
    (Profile(0.1), 1 / 16),
)
LARGE_TRIES: Tries = tuple(
    (Profile(scale, sign), 1 / 16) for scale in (10.0, 100.0, 1000.0) for sign in (0, 1, -1)
)
_SHRINKING = (1.0, 1 / 16, 16.0, 1 / 256)


class Unsuitable(Exception):
    """A draw at which the derivative can't be judged; the argument is the reason."""


@dataclass(frozen=True, slots=True)
class Draw:
    """Values for the inputs and the abstract functions; by how much steps from there are shrunk;
    whether all that is computed there is rounded once more, at random (how, says `rounded`)."""

    env: Env
    functions: FunctionValues
    shrink: float
    rounded: int | None = None

    def moved(self, by: float) -> Draw:
        """The draw with each entry changed a little."""
        waves = ((name, x, np.cos(np.arange(x.size))) for name, x in self.env.items())
        env = {name: x * (1 + by * wave.reshape(x.shape)) for name, x, wave in waves}
        return replace(self, env=env)


class Point(NamedTuple):
    """The derivatives at a draw along some directions, and by how much a right gradient may differ;
    `scale` is the largest, `zero` says that they are but rounding: `inner`, if that is rounding of
    what the value is computed from. Before that is known, `unsettled` is the value's own."""

    draw: Draw
    directions: Array
    derivatives: Array
    tolerance: Array
    scale: float
    zero: bool
    inner: bool = False
    unsettled: float | None = None

    @property
    def coarseness(self) -> float:
        """The largest tolerance over the largest derivative; infinite where these are zero."""
        return np.inf if self.zero else float(self.tolerance.max()) / self.scale

    def errors(self, predicted: Array) -> tuple[Array, Array]:
        """The largest error of each of some predictions (… × directions × values), itself and in
        tolerances; it may overflow."""
        errors = np.abs(predicted - self.derivatives)
        return errors.max(axis=(-1, -2)), (errors / self.tolerance).max(axis=(-1, -2))

    def off(self, predicted: Array) -> tuple[float, float]:
        """The largest error in tolerances, and over the largest derivative (where all is zero, 0 or
        infinite)."""
        largest, off = map(float, self.errors(predicted))
        if self.zero:
            return off, 0.0 if off <= 1 else np.inf
        return off, largest / self.scale


class Site:
    """A target at one assignment of sizes, with `most` points at once; `failures` counts why draws
    were unsuitable."""

    def __init__(
        self,
        target: Target,
        sizes: Mapping[str, int],
        seed: Sequence[int],
        most: int = MOST_POINTS,
    ) -> None:
        self.target = target
        self.sizes = sizes
        self.failures: Counter[str] = Counter()
        self._seed = tuple(seed)
        self._most = most

    @cached_property
    def most_points(self) -> int:
        """How many points are evaluated at once; none where the derivative itself is too large."""
        if HELD_TIMES * numbers_in([self.target.shape], self.sizes) > MOST_HELD:
            return 0
        numbers = self.target.numbers(self.sizes)
        fewest = min(FEWEST_POINTS, MOST_HELD // numbers)  # of a deep network, say
        return min(self._most, max(MOST_NUMBERS // numbers, fewest))

    @property
    def room(self) -> int:
        """Along how many directions derivatives are taken at once."""
        return self.most_points // points_per_direction(self.target.order)

    def points(self, tries: Tries = FIRST_TRIES) -> Iterator[Point]:
        """Points with the derivatives by all entries, as many as are found; where these are zero,
        what rounding may hide is not known before they are `settled`."""
        rng = self.generator(0)
        for drawn in self._suitable(rng, tries):
            try:
                yield self.unsettled(drawn, self.target.directions(drawn.env, rng, self.room))
            except Unsuitable as problem:
                self.failures[str(problem)] += 1

    def draws(self) -> Iterator[Draw]:
        """The inputs of these points, and of others at which the function has a value."""
        for drawn in self._suitable(self.generator(0)):
            try:
                self.values(drawn, self.target.point(drawn.env)[None])
            except Unsuitable as problem:
                self.failures[str(problem)] += 1
            else:
                yield drawn

    def is_inhabited(self) -> bool:
        """Whether there is a draw at which the function has a value."""
        return next(self.draws(), None) is not None

    def point(self, drawn: Draw, directions: Array) -> Point:
        """The derivatives along the directions (k × order × rows × cols).

        Raises Unsuitable where there are none, or where they are too coarse."""
        return self.settled(self.unsettled(drawn, directions))

    def unsettled(self, drawn: Draw, directions: Array) -> Point:
        """Likewise; of zeros, the tolerance is what the differences say alone."""
        found = self.measured(drawn, directions)
        scale, tolerance = found.scale, found.tolerance(FINEST)
        if found.is_zero:
            rounding = float(found.rounding.max())
            return Point(drawn, directions, found.value, tolerance, scale, True, False, rounding)
        if not found.is_coarse():
            return Point(drawn, directions, found.value, tolerance, scale, False)
        noise = NOISE * self._rounding_errors(drawn, directions, found.value)
        if scale > float(noise.max()):
            raise Unsuitable(COARSE)
        return Point(drawn, directions, found.value, tolerance + noise, scale, True, True)

    def settled(self, point: Point) -> Point:
        """The point, of which it is known what rounding of all that is computed may hide."""
        if point.unsettled is None:
            return point
        noise = NOISE * self._rounding_errors(point.draw, point.directions, point.derivatives)
        inner = float(noise.max()) > MANY_DIGITS * point.unsettled
        return point._replace(tolerance=point.tolerance + noise, inner=inner, unsettled=None)

    def scale(self, point: Point) -> float | Array:
        """The size of a derivative by the variable's entries."""
        return point.scale

    def measured(self, drawn: Draw, directions: Array) -> Derivative:
        """The derivatives, however coarse they are. Raises Unsuitable where there are none."""
        return derivative(
            partial(self.values, drawn),
            self.target.point(drawn.env),
            self.target.travelled(directions),
            drawn.shrink,
        )

    def _rounding_errors(self, drawn: Draw, directions: Array, before: Array) -> Array:
        """By how much rounding, of all that is computed, may change the derivatives."""
        changed = np.zeros(before.shape)
        for k in range(ROUNDINGS if self.target.depends else 0):
            with suppress(Unsuitable):
                after = self.measured(replace(drawn, rounded=k), directions).value
                changed = np.maximum(changed, np.abs(after - before))
        return changed

    def fresh(self, points: Iterator[Point]) -> Iterator[tuple[Draw, Array]]:
        """Draws, and a random direction (order × rows × cols) for each. The first have the signs
        that the first point's variable does not have; the points' own come last."""
        rng = self.generator(1)
        first = next(points)
        for i, drawn in enumerate(self._suitable(rng)):
            env = self._mirrored(drawn.env, first.draw.env) if i < MIRRORED else drawn.env
            yield replace(drawn, env=env), self.target.random_direction(env, rng)
        for point, factor in product(chain([first], points), (1 / 16, 1 / 256)):
            near = replace(point.draw, shrink=point.draw.shrink * factor)
            yield near, self.target.random_direction(near.env, rng)

    def values(self, drawn: Draw, points: Array) -> Array:
        """The function's values (points × values) where the variable takes those points.

        Raises Unsuitable outside the domain, or if the points are on several sides of a kink."""
        branches: list[Array] = []
        at = self.target.moved(drawn.env, points)
        value, *inverted = self._run(at, drawn.functions, branches, self._rounding(drawn))
        values = self.target.read(value, drawn.env, len(points))
        if not _is_moderate(values):
            raise Unsuitable(OUTSIDE)
        if any(b.ndim > 2 and (b != b[:1]).any() for b in branches):
            raise Unsuitable(KINK)
        if any(condition(a if a.ndim == 2 else a[0]) > LARGEST_CONDITION for a in inverted):
            raise Unsuitable(SINGULAR)
        return values

    def holds(self, program: EvaluationTape) -> bool:
        """Whether there is room for the values of gradients and of all that is on the way."""
        return numbers_in(program.shapes, self.sizes) <= MOST_HELD

    def gradients(self, program: EvaluationTape, drawn: Draw) -> list[Array | None]:
        """The values of gradients; None where one isn't finite or can't be computed."""
        try:
            rounding = self._rounding(drawn)
            values = program.run(drawn.env, self.sizes, drawn.functions, rounding=rounding)
        except WITHOUT_VALUE:
            alone = program.each()
            if len(alone) == 1:
                return [None]
            return [self.gradients(one, drawn)[0] for one in alone]
        return [value if _is_moderate(value) else None for value in values]

    def constant(self, point: Point) -> bool | None:
        """Whether the function has one value at all draws of the variable, however large; None if
        it has until the variable is large, or if it changes by no more than rounding at the point
        would hide: then rounding swallows it."""
        if not self.target.depends:
            return True
        small = self._values_at(point, [Profile(1.0)] * 8)
        if not _all_same(small):
            changes = max(float(np.abs(value - small[0][0]).max()) for value, _ in small)
            hides = point.inner and float(point.tolerance.max()) > COARSEST * changes
            return None if hides else False
        large = self._values_at(point, [Profile(scale) for scale in (1e2, 1e4, 1e8, 1e12)])
        return True if _all_same(small + large) else None

    def underflows(self, drawn: Draw) -> bool:
        """Whether a value on the way to the function's is too small for a number."""
        try:
            self.target.program.run(drawn.env, self.sizes, drawn.functions, under="raise")
        except FloatingPointError:
            return True
        return False

    def _values_at(self, point: Point, profiles: Sequence[Profile]) -> list[tuple[Array, Array]]:
        """The function's values where the variable alone is drawn anew, inside the domain, each
        with what rounding changes of it."""
        found = []
        rng = self.generator(2)
        for profile in profiles:
            x = draw(self.target.wrt, self.sizes, rng, profile)[None]
            with suppress(Unsuitable):
                value = self.values(point.draw, x)
                others = [
                    self.values(replace(point.draw, rounded=k), x)
                    for k in range(ROUNDINGS if point.inner or profile.scale > 1 else 0)
                ]
                noise = [NOISE * np.abs(other - value) for other in others]
                found.append((value, sum(noise, np.zeros(value.shape))))
        return found

    def generator(self, *purpose: int) -> np.random.Generator:
        """The same draws whatever was drawn before for other purposes."""
        return generator(*self._seed, *purpose)

    def _rounding(self, drawn: Draw) -> np.random.Generator | None:
        return None if drawn.rounded is None else self.generator(4, drawn.rounded)

    def inside(self, env: Env, rng: np.random.Generator) -> Env:
        """The inputs, of which those are drawn anew that go straight into a function with a
        domain."""
        ranges = self.target.ranges
        return {**env, **{name: within(ranges[name], env[name].shape, rng) for name in ranges}}

    def _mirrored(self, env: Env, other: Env) -> Env:
        """The inputs with the variables' signs opposite to those of the other, if they are free."""
        free = [s.name for s in self.target.variables if s.attributes <= SIGN_FREE]
        return {**env, **{name: -np.copysign(env[name], other[name]) for name in free}}

    def _suitable(self, rng: np.random.Generator, tries: Tries = FIRST_TRIES) -> Iterator[Draw]:
        if self.most_points < FEWEST_POINTS:
            self.failures[TOO_LARGE] += 1
            return
        solved, tried, singular = 0, 0, self.failures[SINGULAR]
        for profile, shrink in self._in_turn(tries):
            tried += 1
            env = draw_all(self.target.inputs, self.sizes, rng, profile)
            found = self._drawn(env, abstract_functions(self.target.abstract, rng), shrink)
            if not self.target.systems or all(np.isfinite(x).all() for x in found.env.values()):
                solved += 1
                yield found
            else:
                self.failures[UNSOLVED] += 1
        if self.failures[SINGULAR] == singular + tried:
            return  # what is singular at every one of them is so at these sizes
        for shrink in _SHRINKING if self.target.ranges else ():
            inside = self.inside(draw_all(self.target.inputs, self.sizes, rng), rng)
            yield self._drawn(inside, abstract_functions(self.target.abstract, rng), shrink)
        yield from self._searched(rng)
        scouted = chain.from_iterable(self._scouted(rng) for _ in range(SCOUTINGS))
        if self.failures[UNSOLVED] and not solved:
            return  # what no draw could be moved to has no solutions at these sizes
        for i, (inside, functions) in enumerate(islice(scouted, KEPT_SCOUTS)):
            yield Draw(inside, functions, _SHRINKING[i % len(_SHRINKING)])

    def _in_turn(self, tries: Tries) -> Iterator[tuple[Profile, float]]:
        """The tries; where the first is singular, one near the identity comes next, and the others
        only if that isn't: a product of random matrices may be ill conditioned by its length, but
        what is singular near the identity, too, is so at these sizes."""
        singular = self.failures[SINGULAR]
        first, *others = tries
        yield first
        near = [one for one in others if one[0].near_identity][:1]
        if near and self.failures[SINGULAR] > singular:
            yield near[0]
            if self.failures[SINGULAR] > singular + 1:
                return
        yield from others

    def _searched(self, rng: np.random.Generator) -> Iterator[Draw]:
        """Draws moved to where the arguments of functions with a domain are inside it."""
        search = self.target.domain_search
        for shrink in _SHRINKING if search else ():
            env = draw_all(self.target.inputs, self.sizes, rng)
            functions = abstract_functions(self.target.abstract, rng)
            inside = search.moved(self.inside(env, rng), self.sizes, functions, rng)
            if inside is not None:
                yield self._drawn(inside, functions, shrink)

    def _drawn(self, env: Env, functions: FunctionValues, shrink: float) -> Draw:
        """A draw that fulfils the equations, where there are some."""
        return Draw(self.target.consistent(env, self.sizes, functions), functions, shrink)

    def _scouted(self, rng: np.random.Generator) -> Iterator[tuple[Env, FunctionValues]]:
        """Draws of all signs and magnitudes that are inside the domain, found in one evaluation."""
        most = SCOUTS if not self.target.systems else SOLVED_SCOUTS
        count = min(most, self.most_points, 1 + SCOUTED_ARRAYS // len(self.target.inputs))
        functions = abstract_functions(self.target.abstract, rng)
        common = any_profiles(count // 2, rng)  # the others: one for each input
        stacked = {}
        for symbol in self.target.inputs:
            profiles = common.above(any_profiles(count - count // 2, rng))
            stacked.update(draws([symbol], self.sizes, rng, profiles, count))
        stacked = {**self.target.consistent(stacked, self.sizes, functions)}
        try:
            value, *inverted = self._run(stacked, functions, None)
        except Unsuitable as problem:
            self.failures[str(problem)] += 1
            return
        inside = np.broadcast_to((np.abs(value) < LARGEST_VALUE).all(axis=(-1, -2)), count)
        regular = inside.copy()
        for matrices in inverted:
            regular &= condition(matrices) <= LARGEST_CONDITION
        self.failures[OUTSIDE] += int((~inside).sum())
        self.failures[SINGULAR] += int((inside & ~regular).sum())
        for i in np.flatnonzero(regular):
            yield {name: values[i] for name, values in stacked.items()}, functions

    def _run(
        self,
        env: Env,
        functions: FunctionValues,
        branches: list[Array] | None,
        rounding: np.random.Generator | None = None,
    ) -> list[Array]:
        try:
            strict = branches is not None
            return self.target.program.run(env, self.sizes, functions, branches, strict, rounding)
        except FloatingPointError:
            raise Unsuitable(OUTSIDE) from None
        except np.linalg.LinAlgError:
            raise Unsuitable(SINGULAR) from None
        except WITHOUT_VALUE as problem:
            raise Unsuitable(f"its value can't be computed: {problem}") from problem


def _is_moderate(values: Array) -> bool:
    """Whether all are finite and their squares don't overflow."""
    return bool(np.abs(values).max() < LARGEST_VALUE)  # of NaN, nothing is true


def _all_same(values: Sequence[tuple[Array, Array]]) -> bool:
    """Whether all are one, but for the last digits and the rounding that they have."""
    if not values:
        return True
    first, least = values[0]
    return all(
        (np.abs(v - first) <= 1e-12 * np.abs(first) + 2 * (least + noise)).all()
        for v, noise in values
    )


def condition(matrices: Array) -> Array:
    """The condition numbers; infinite where an entry isn't finite."""
    finite = np.isfinite(matrices).all(axis=(-1, -2), keepdims=True)
    scales = np.linalg.svd(np.where(finite, matrices, 0.0), compute_uv=False)  # falling
    with np.errstate(all="ignore"):
        condition = scales[..., 0] / scales[..., -1]
    return np.where(np.isnan(condition), np.inf, condition)
