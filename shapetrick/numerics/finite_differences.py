"""Finite differences: derivatives of a batched function along directions, and their errors.

A derivative of order r is taken along r directions at once, so that entries of a gradient (r = 1)
and of a Hessian (r = 2) are one computation. All points are evaluated in one call.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, cached_property
from itertools import product
from math import sqrt

import numpy as np

from ..core.functions import Array
from ..core.named_tuples import NamedTuple
from ..core.records import dataclass

Batched = Callable[[Array], Array]  # (points, rows, columns) to (points, values)

EPS = float(np.finfo(float).eps)
FIRST_STEP = {1: 2.0**-8, 2: 2.0**-6}  # relative; rounding and truncation are then about equal
LEVELS = 3
RATIO = 2.0 ** (-2 / 3)  # of the steps: irrational, so that no wave looks slow at all of them
COARSEST = 1e-4  # relative: above it, a right derivative can't be told from a wrong one
TAYLOR_STEPS = 2.0 ** np.array([-5, -7, -9, -11, -13])
SMALLEST = float(np.finfo(float).tiny)  # so that no tolerance is 0
ABOVE_ROUNDING = 100  # a remainder counts where it is this many times its rounding


@dataclass(frozen=True)
class Derivative:
    """Values (directions × values of the function), what they may be off by, and the part of that
    which is rounding."""

    value: Array
    error: Array
    rounding: Array

    @cached_property
    def scale(self) -> float:
        """The largest of them."""
        return float(np.abs(self.value).max())

    @cached_property
    def is_zero(self) -> bool:
        """Whether they are rounding, and no more."""
        return self.scale <= 4 * float(self.rounding.max())

    def is_coarse(self, coarsest: float = COARSEST) -> bool:
        """Whether a right derivative can't be told from a wrong one."""
        return not float(self.error.max()) <= coarsest * self.scale

    def tolerance(self, finest: float) -> Array:
        """By how much a right derivative may differ, whose own rounding is `finest`, relative to
        the largest."""
        return self.error + finest * self.scale + SMALLEST


class Remainder(NamedTuple):
    """How the Taylor remainder falls: its order (infinite where there is none but rounding)."""

    order: float
    sharp: bool  # false where rounding hides a wrong derivative


class _Stencil(NamedTuple):
    """Offsets (points × order) in the first step; two rows of weights: of the extrapolated
    difference, and of the difference of the two that it was extrapolated from; and how much the
    former's rounding is in the largest value's."""

    offsets: Array
    weights: Array
    rounding: float


@cache
def _stencil(order: int) -> _Stencil:
    signs, weights = central(order)
    offsets = np.concatenate([signs * RATIO**level for level in range(LEVELS)])
    plain = np.zeros((LEVELS, len(offsets)))
    for level in range(LEVELS):
        own = slice(level * len(signs), (level + 1) * len(signs))
        plain[level, own] = weights / (RATIO**level) ** order
    # central differences have only even error terms
    once = (plain[1:] - RATIO**2 * plain[:-1]) / (1 - RATIO**2)
    twice = (once[1] - RATIO**4 * once[0]) / (1 - RATIO**4)
    weights = np.stack([twice, once[1] - once[0]])
    return _Stencil(offsets, weights, EPS * float(np.abs(twice).sum()))


def points_per_direction(order: int) -> int:
    """How many points a derivative along one direction (one pair, …) takes."""
    return len(_stencil(order).offsets)


def derivative(f: Batched, x: Array, directions: Array, shrink: float = 1.0) -> Derivative:
    """The derivative of f at x along each of `directions` (k × order × rows × columns): central
    differences in three steps, extrapolated twice (Richardson).

    The step is relative to the entries' size. The error is what the last extrapolation started
    from: more than the truncation, and with as much rounding as the value."""
    difference = Difference(x, directions, shrink)
    return difference.derivative(f(difference.points))


class Difference:
    """The points at which a derivative needs a function's values, and what it makes of these."""

    def __init__(self, x: Array, directions: Array, shrink: float) -> None:
        self._count, order, *shape = directions.shape
        self._stencil = _stencil(order)
        step = FIRST_STEP[order] * shrink * magnitude(x)
        length = np.abs(directions).max(axis=(2, 3))  # k × order
        scaled = directions.reshape(self._count, order, -1) * (step / length)[:, :, None]
        self.points = x + (self._stencil.offsets @ scaled).reshape(-1, *shape)
        self._unit = length.prod(axis=1) / step**order

    def derivative(self, values: Array) -> Derivative:
        """The derivative from the values (points × values)."""
        by_direction = values.reshape(self._count, len(self._stencil.offsets), -1)
        value, last, rounding = _extrapolated(self._stencil, by_direction, self._unit)
        spread = np.sqrt((last * last).sum(axis=0) / self._count)  # one may be small by chance
        return Derivative(value, 2 * (last + spread) + rounding, rounding)


def _extrapolated(stencil: _Stencil, values: Array, unit: Array) -> tuple[Array, Array, Array]:
    """From the values (k × points × values): the derivatives, what the last extrapolation added to
    them, and their rounding."""
    unit = unit[:, None]
    value, last = np.einsum("wp,kpv->wkv", stencil.weights, values) * unit
    return value, np.abs(last), stencil.rounding * np.abs(values).max(axis=1) * unit


def derivatives(f: Batched, x: Array, directions: Array, shrink: float = 1.0) -> Derivative:
    """The derivative of f at each of many points (k × rows × columns) along a direction of its own
    (k × order × rows × columns), which is scaled so that its largest entry is a step that is 1.

    f takes k × points × rows × columns, and gives k × points × values. Each has an error of its
    own."""
    count, order, *shape = directions.shape
    stencil = _stencil(order)
    step = FIRST_STEP[order] * shrink
    moves = step * directions.reshape(count, order, -1)
    points = x[:, None] + (stencil.offsets @ moves).reshape(count, -1, *shape)
    unit = np.full(count, 1 / step**order)
    value, last, rounding = _extrapolated(stencil, f(points), unit)
    return Derivative(value, 4 * last + 2 * rounding, rounding)


def remainder(
    f: Batched, x: Array, direction: Array, predicted: Array, shrink: float = 1.0
) -> Remainder:
    """How the remainder of f's expansion at x falls, with the derivative `predicted` along
    `direction` (order × rows × columns): by one order more than that, if it is right."""
    order = len(direction)
    corners, signs = forward(order)
    steps = TAYLOR_STEPS * shrink * magnitude(x)
    lengths = np.array([magnitude(d) for d in direction])
    moves = corners @ (direction / lengths[:, None, None]).reshape(order, -1)
    points = x + steps[:, None, None, None] * moves.reshape(-1, *x.shape)
    values = f(points.reshape(-1, *x.shape)).reshape(len(steps), len(corners), -1)
    difference = np.einsum("c,scv->sv", signs, values)
    linear = steps[:, None] ** order * (predicted / lengths.prod())
    left = np.abs(difference - linear).max(axis=1)
    largest = np.abs(linear).max(axis=1)
    rounding = 4 * EPS * (np.abs(values).max() + largest)
    sharp = bool(1e3 * rounding[0] <= largest[0])
    seen = np.flatnonzero(left > ABOVE_ROUNDING * rounding)
    if len(seen) < 2:
        return Remainder(np.inf, sharp)
    first, second = seen[-2:]
    slope = np.log(left[first] / left[second]) / np.log(steps[first] / steps[second])
    return Remainder(float(slope), sharp)


@cache
def central(order: int) -> tuple[Array, Array]:
    """The central difference: how many steps its points are away along each direction (points ×
    order), and the weights of the values there; for steps of 1."""
    signs = np.array(list(product((1.0, -1.0), repeat=order)))
    return signs, signs.prod(axis=1) / 2.0**order


@cache
def forward(order: int) -> tuple[Array, Array]:
    """The forward difference likewise, whose error is the Taylor remainder."""
    corners = np.array(list(product((0.0, 1.0), repeat=order)))
    return corners, (-1.0) ** (order - corners.sum(axis=1))


def magnitude(x: Array) -> float:
    """The root mean square of the entries; 1 if all are 0."""
    return sqrt((x * x).sum() / x.size) or 1.0
