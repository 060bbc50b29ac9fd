"""Arrays of numbers that a function makes itself: what they are at every size, as expressions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..core import expr as ex
from ..core import structured
from ..core.dims import Dim, Extent
from ..core.errors import TraceError
from ..core.expr import Expr
from ..core.functions import Array
from ..numerics.evaluation import EvaluationTape
from ..numerics.sampling import dims_of
from . import arrays, indexing
from .arrays import Traced, constant

TRIED = 37  # a size at which entries are compared
MOST_ENTRIES = 10**6  # of an array in which something is looked for
MOST_NUMBERS = 64  # of an array that is written out


def of_numbers(array: Array, shape: Extent) -> Traced:
    """What an array of numbers is. Raises TraceError where that isn't known."""
    found = None
    if array.dtype.kind in "biuf" and 0 < array.size <= MOST_ENTRIES:
        found = recognised(array, shape)
    if found is None:
        raise TraceError(
            "an array of numbers which is no argument can't be followed, but for ones, zeros, I, "
            f"triangles, and up to {MOST_NUMBERS} numbers: give the shape of one that has a name, "
            "as if it were an argument, or make it one."
        )
    return arrays.masked(found) if array.dtype.kind == "b" else found


def compared(holds: Callable[[Any, Any], Any], a: Traced, b: Traced) -> Traced | None:
    """Where a comparison holds of two arrays without symbols; None of others."""
    if arrays.depends_on(a) or arrays.depends_on(b):
        return None
    shape = arrays.broadcast(a, b)
    roots = [arrays.spread_over(x, shape).whole for x in (a, b)]
    dims = (name for d in dims_of(roots) for name in d.names)
    sizes = {name: TRIED + k for k, name in enumerate(dict.fromkeys(dims))}
    found = holds(*EvaluationTape(roots).run({}, sizes))
    return arrays.masked(of_numbers(found.reshape([d.size(sizes) for d in shape]), shape))


def recognised(array: Array, shape: Extent) -> Traced | None:
    """Equal numbers, steps from one to the next, triangles of two numbers, a diagonal; else the
    numbers themselves, if they are few and their count is no letter. None for what is unknown."""
    first = array.reshape(-1)[0].item()
    if (array == first).all():
        return Traced(constant(first).e, shape)
    if array.ndim == 1:
        found = _in_steps(array, shape[0])
    else:
        found = _diagonal(array, shape) or _triangles(array, shape) if array.ndim == 2 else None
    if found is None and array.size <= MOST_NUMBERS and not any(d.names for d in shape):
        return _written(array)
    return found


def _in_steps(array: Array, size: Dim) -> Traced | None:
    """`a + b k` for k = 0, 1, 2, …"""
    first, step = float(array[0]), float(array[1] - array[0])
    if not size.names or not (array == first + step * np.arange(len(array))).all():
        return None
    return arrays.counting(size) * step + first


def _diagonal(array: Array, shape: Extent) -> Traced | None:
    """One number on the diagonal, and another one elsewhere."""
    if shape[0] != shape[1] or not shape[0].names:
        return None
    on, off = float(array[0, 0]), float(array[0, -1])
    if not (array == np.where(np.eye(len(array), dtype=bool), on, off)).all():
        return None
    found = Traced(ex.times(constant(on - off).e, ex.eye(shape[0])), shape)
    return found + off if off else found


def _triangles(array: Array, shape: Extent) -> Traced | None:
    """One number on and below a diagonal, and another one above."""
    if shape[0] != shape[1] or not shape[0].names:
        return None
    below, above = float(array[-1, 0]), float(array[0, -1])
    k = int((array[0] == below).sum()) - 1
    if k < 0:
        k = -int((array[:, 0] == above).sum())
    if not (array == np.where(np.tri(len(array), k=k, dtype=bool), below, above)).all():
        return None
    triangle = indexing.lower_triangle(Traced(ex.ones(*shape), shape), k)
    if above == 0:
        return triangle * below
    if below == 0:
        return indexing.upper_triangle(Traced(ex.ones(*shape), shape), k + 1) * above
    return triangle * (below - above) + above


def _written(array: Array) -> Traced | None:
    if array.ndim > 2:
        return None
    cells = [[constant(x.item()).e for x in row] for row in array.reshape(len(array), -1)]
    e: Expr = structured.block_matrix(cells)
    return Traced(e, tuple(map(Dim.of, array.shape)))
