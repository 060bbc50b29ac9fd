"""How many digits of a value are right as it is computed, by the scale of its inputs: the picture
by which Herbie tells where a formula breaks down.

The value is compared with what its form gives in extended precision. Where NumPy has none, or has
none for an operation (those of LAPACK), there is no picture.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

import numpy as np

from ..core.expr import Expr
from ..core.functions import Array
from .evaluation import EvaluationTape, Valuation

SCALES = 10.0 ** np.arange(-8, 8.25, 0.5)
ENDS = np.finfo(float).tiny, np.finfo(float).max  # of the values that a double can hold
FLOOR = 1e-17  # below which an error is none
EXTENDED = np.finfo(np.longdouble).eps < 1e-18


class ScaleErrors(NamedTuple):
    """The largest relative errors at scales of the inputs, of each of several forms; 1 is that no
    digit is right, NaN that there is nothing to compare with."""

    scales: tuple[float, ...]
    errors: tuple[tuple[float, ...], ...]


def scale_errors(
    forms: Sequence[Expr], points: Sequence[Valuation], scaled: Collection[str]
) -> ScaleErrors | None:
    """The errors of forms of one value, of which the last is the most exact, where the inputs of
    the names `scaled` are those of points times the scale; None where nothing exact is known."""
    if not EXTENDED or not points:
        return None
    tape, exact = EvaluationTape(forms), EvaluationTape(forms[-1:])
    found = []
    for env, sizes, functions in points:
        given = {k: _at_scales(x) if k in scaled else x for k, x in env.items()}
        precise = {k: x.astype(np.longdouble) for k, x in given.items()}
        try:
            (right,) = exact.run(precise, sizes, functions)
        except TypeError:  # LAPACK has no extended precision
            return None
        if right.dtype != np.longdouble:
            return None
        values = tape.run(given, sizes, functions)
        found.append([_errors(value, right) for value in values])
    with np.errstate(invalid="ignore"):
        worst = np.fmax.reduce(np.array(found), axis=0)
    if np.isnan(worst).all():
        return None
    return ScaleErrors(tuple(map(float, SCALES)), tuple(tuple(map(float, e)) for e in worst))


def _at_scales(x: Array) -> Array:
    return x * SCALES[:, None, None]


def _errors(value: Array, right: Array) -> Array:
    """The relative errors of values at the scales."""
    shape = (len(SCALES), *right.shape[-2:])
    value, right = np.broadcast_to(value, shape), np.broadcast_to(right, shape)
    size = np.abs(right).max(axis=(-2, -1))
    with np.errstate(all="ignore"):
        off = np.abs(value - right).max(axis=(-2, -1)) / size
    off = np.where(np.isfinite(off), np.clip(off, FLOOR, 1), 1)
    held = np.isfinite(size) & (size > ENDS[0]) & (size < ENDS[1])
    return np.where(held, off, np.nan).astype(float)
