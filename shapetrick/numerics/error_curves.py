"""The picture by which people judge a gradient: its error against the step of the differences.

The error of a central difference falls with the square of its step until rounding makes it rise
again, a V; the Taylor remainder falls with one order more than the derivative. A wrong gradient
shows as a floor under the one, and a slope too small in the other.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..core.functions import Array
from ..core.named_tuples import NamedTuple
from .finite_differences import EPS, central, forward, magnitude

STEPS = 2.0 ** -np.arange(1.0, 46.0)  # relative to the entries' size
ABOVE_ROUNDING = 100  # the slope is fitted where a remainder is this many times its rounding
FITTED = 8  # of the smallest steps above it


class Curve(NamedTuple):
    """Relative errors of central differences, and relative Taylor remainders, at steps that are
    relative to the size of the entries; NaN where the function has no value. `order` is the slope
    of the remainder, infinite where it is rounding alone."""

    steps: tuple[float, ...]
    errors: tuple[float, ...]
    remainders: tuple[float, ...]
    order: float


@np.errstate(
    over="ignore"
)  # far from the point a value, or its share of a small slope, is infinite
def error_curve(f: Callable[[Array], Array], x: Array, direction: Array, predicted: Array) -> Curve:
    """The curve of a derivative at x, `predicted` along `direction` (order × rows × columns).

    `f` takes points to values, one row a point, and gives NaN where it has none."""
    order = len(direction)
    lengths = np.array([magnitude(d) for d in direction])
    unit = direction / lengths[:, None, None]
    slope = predicted / lengths.prod()
    (around, weights), (ahead, signs) = central(order), forward(order)
    offsets = np.tensordot(np.concatenate([around, ahead]), unit, axes=1)
    steps = STEPS * magnitude(x)
    errors, remainders, rounding = [], [], []
    scale = np.abs(slope).max() or 1.0
    for h in steps:
        values = f(x + h * offsets)
        measured = weights @ values[: len(around)] / h**order
        errors.append(np.abs(measured - slope).max() / scale)
        left = signs @ values[len(around) :] - h**order * slope
        unit_of_remainder = scale * magnitude(x) ** order
        remainders.append(np.abs(left).max() / unit_of_remainder)
        rounding.append(4 * EPS * np.abs(values).max() / unit_of_remainder)
    found = np.array(remainders)
    return Curve(
        tuple(map(float, STEPS)),
        tuple(map(float, errors)),
        tuple(map(float, remainders)),
        _slope(found, np.array(rounding)),
    )


def _slope(remainders: Array, rounding: Array) -> float:
    """The slope of the remainder at the smallest steps at which it is more than rounding."""
    above = np.isfinite(remainders) & (remainders > ABOVE_ROUNDING * rounding)
    seen = np.flatnonzero(above)[-FITTED:]
    if len(seen) < 2:
        return float("inf")
    return float(np.polyfit(np.log(STEPS[seen]), np.log(remainders[seen]), 1)[0])
