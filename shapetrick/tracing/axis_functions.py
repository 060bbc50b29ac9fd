"""What is done along the axes of arrays: sums and other reductions, what keeps the shape, and
functions of the matrices that the last two axes are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from ..core import expr as ex
from ..core.dims import ONE
from ..core.errors import TraceError
from ..core.expr import LARGEST, PRODUCT, SMALLEST, SUM, Expr
from ..core.functions import TABLE
from . import array_terms, arrays, extents
from .array_terms import HIGHEST_RANK, ArrayTerms, AxisName, laid, names_of, simplest, whole_matrix
from .arrays import Opaque, Traced


def axes_of(x: Traced, axis: Any) -> tuple[int, ...]:
    """The axes that an `axis` of Python means, counted from 0; all for None. Raises TraceError."""
    given = range(x.rank) if axis is None else axis if isinstance(axis, tuple | list) else (axis,)
    found = []
    for k in given:
        if isinstance(k, bool) or not isinstance(k, int) or not -x.rank <= k < x.rank:
            raise TraceError(f"an array of shape {extents.shape_of(x.shape)} has no axis {k}.")
        found.append(k % x.rank)
    return tuple(sorted(found))


def count(x: Traced, axis: Any = None) -> Traced:
    """How many entries there are along axes."""
    return Traced(ex.dimension(arrays.size([x.shape[k] for k in axes_of(x, axis)])), ())


def reduce(name: str, x: Traced, axis: Any = None, keepdims: bool = False) -> Traced:
    """A reduction of our table (`sum`, `mean`, `max`, `logsumexp`, …) along axes."""
    axes = axes_of(x, axis)
    if isinstance(x, Opaque):
        return x.reduced(name, axes, keepdims)
    gone = [p for k in axes for p in x.axes[k]]
    members = [p for p in gone if p.is_index]
    if members and name in _THROUGH:
        inner, outer = _THROUGH[name]
        return arrays.mapped(outer, reduce("sum", arrays.mapped(inner, x), axes, keepdims))
    if members and name not in _FOLDS:
        raise arrays.refusal(x)
    own = {p.name for p in gone if not p.is_index}
    left = (() if k in axes else a for k, a in enumerate(x.axes) if keepdims or k not in axes)
    found = arrays.made(left, _reduced(name, x, own) if own else x.terms)
    for p in members:
        found = arrays.folded(found, p, _FOLDS[name])
        found = found / Traced(ex.dimension(p.size), ()) if TABLE[name].averages else found
    return found


# Reductions that are folds over the members, and those that are through another one.
_FOLDS = {"sum": SUM, "mean": SUM, "prod": PRODUCT, "max": LARGEST, "min": SMALLEST}
_THROUGH = {"logsumexp": ("exp", "log")}


def _reduced(name: str, x: Traced, gone: set[AxisName]) -> ArrayTerms:
    """The terms of an array that is reduced along axes that are no indices."""
    own = x.own
    if len(own) > HIGHEST_RANK and name in _SUMS:
        sizes = {p.name: p.size for p in own}
        by = _SUMS[name](ex.dimension(arrays.size(d for k, d in sizes.items() if k in gone)))
        sums = [array_terms.contracted(t, sizes.keys() - gone, sizes) for t in x.terms]
        return array_terms.scaled(sums, by)
    if len(own) > HIGHEST_RANK:  # of a single the same along all other axes
        own = x.differing
        alike = any(p.name in gone and p not in own for p in x.own)
        if len(own) > HIGHEST_RANK or (alike and not _is_of_equals(name)):
            raise arrays.refusal(x)
    slots = simplest(own, x.terms)
    e = whole_matrix(x.terms, slots)
    if gone.isdisjoint(p.name for p in own):
        return x.terms
    if gone.issuperset(p.name for p in own):
        is_vector = len(own) < HIGHEST_RANK or not TABLE[name].vector_without_axis
        return laid(ex.call(name, e if is_vector else ex.call("vec", e)), ())
    side = 0 if own[0].name in gone else 1
    return laid(ex.call(name, e, data=side), own)


# Reductions that are sums, and what these are multiplied with, of so many entries.
_SUMS: Mapping[str, Callable[[Expr], Expr]] = {
    "sum": lambda _: ex.UNIT,
    "mean": lambda n: ex.divide(ex.UNIT, n),
}


def _is_of_equals(name: str) -> bool:
    """Whether a reduction of equal entries is one of them."""
    return bool(TABLE[name].value(np.full((2, 1), 3.0), None) == 3)


def along(name: str, x: Traced, axis: Any = None) -> Traced:
    """A function of our table that keeps the shape (softmax, log_softmax) along an axis."""
    axes = [k for k in axes_of(x, axis) if axis is not None or x.axes[k]]
    if len(axes) != 1:
        raise TraceError(f"`{name}` of a matrix over all its entries isn't followed.")
    alone = len(x.own) < HIGHEST_RANK and bool(x.axes[axes[0]])
    return along_axis(lambda e, side: ex.call(name, e, data=None if alone else side), x, axes[0])


def along_axis(f: Callable[[Expr, int], Expr], x: Traced, axis: int) -> Traced:
    """A function that keeps the shape, of a matrix and the side, rows or columns, on which an axis
    lies."""
    x = arrays.flattened(x, [axis])
    if len(x.axes[axis]) > 1:
        raise arrays.refusal(x)
    part = x.axes[axis][0] if x.axes[axis] else None
    own = [p for k, a in enumerate(x.axes) for p in (a if k != axis else (part,))]
    slots = [p for p in own if p is None or not p.is_index]
    if part not in slots or len(slots) > HIGHEST_RANK:
        raise arrays.refusal(x)
    e = f(whole_matrix(x.terms, slots), slots.index(part))
    return arrays.made(x.axes, laid(e, slots), x.is_mask)


def variance(x: Traced, axis: Any, keepdims: bool, correction: float) -> Traced:
    """The mean of the squares of what is left without the mean; divided by n - correction."""
    squares = (x - reduce("mean", x, axis, True)) ** 2
    if not correction:
        return reduce("mean", squares, axis, keepdims)
    return reduce("sum", squares, axis, keepdims) / (count(x, axis) - correction)


def norm(x: Traced, axis: Any = None, keepdims: bool = False) -> Traced:
    """The Euclidean norm along axes, of a matrix over all its entries the Frobenius norm."""
    axes = axes_of(x, axis)
    if len(axes) == x.rank <= HIGHEST_RANK and not isinstance(x, Opaque) and not x.indices:
        return Traced(ex.call("norm", x.whole), (ONE,) * x.rank if keepdims else ())
    return arrays.root(reduce("sum", x**2, axis, keepdims))


# --------------------------------------------------------------------------------- matrices


def of_matrices(f: Callable[[Expr], Expr], x: Traced, kept: Sequence[int] | None = None) -> Traced:
    """A function of the matrices that the last two axes are; its values have those of these axes
    that are kept, else both, or none if they are numbers."""
    last = x.axes[-2:]
    slots = [p for axis in last for p in axis or (None,)]
    names = {p.name for p in slots if p is not None}
    has_index = any(p is not None and p.is_index for p in slots)
    if len(slots) != HIGHEST_RANK or has_index or not names_of(x.terms) <= names:
        raise arrays.refusal(x)
    e = f(whole_matrix(x.terms, slots))
    if kept is None:
        kept = () if e.is_scalar and names else (0, 1)
    terms = laid(e, [slots[k] for k in kept])
    return arrays.made([*x.axes[:-2], *(last[k] for k in kept)], terms, x.is_mask)


def diagonal(x: Traced) -> Traced:
    """The diagonal of a matrix; the diagonal matrix of what has one axis."""
    if x.rank == 1:
        if x.indices:
            raise arrays.refusal(x)
        return Traced(ex.call("diag", x.whole), x.shape * 2)
    check_square(x)
    return of_matrices(partial(ex.call, "diag"), x, (0,))


def of_square(name: str, x: Traced) -> Traced:
    """A function of our table of square matrices: tr, det, logdet, inv."""
    check_square(x)
    return of_matrices(partial(ex.call, name), x)


def check_square(x: Traced) -> None:
    """Refuse what are no square matrices. Raises TraceError."""
    shape = x.shape[-2:]
    if len(shape) < HIGHEST_RANK:
        given = extents.shape_of(x.shape)
        raise TraceError(f"this takes a square matrix, not an array of shape {given}.")
    if shape[0] != shape[1]:
        raise arrays.misfit(shape[0], shape[1], extents.shape_of(x.shape))


def solve(a: Traced, b: Traced) -> Traced:
    """What, multiplied by `a`, is `b`."""
    return arrays.matmul(of_square("inv", a), b)
