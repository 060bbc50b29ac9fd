"""Parts of arrays and what is put together of them: slices, entries, stacked arrays, triangles and
running sums, as products with constants of known structure.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..core import expr as ex
from ..core import structured
from ..core.dims import NOTHING, ONE, Dim
from ..core.errors import TraceError
from ..core.expr import Expr
from ..core.families import reindexed
from ..core.indices import Index
from . import arrays, axis_functions, extents
from .array_terms import (
    HIGHEST_RANK,
    ArrayAxis,
    AxisName,
    PlacedMatrix,
    SubAxis,
    index,
    laid,
    lying,
    whole_matrix,
)
from .arrays import Opaque, Traced

MOST_PARTS = 64  # into which an array is split
_WHOLE, _TURNED = slice(None), slice(None, None, -1)


def indexed(x: Traced, keys: Sequence[Any]) -> Traced:
    """`x[…]` with slices, entries, whole axes and new ones. Raises TraceError for others."""
    kept: list[Dim] = []
    ends: list[tuple[Dim, Dim]] = []
    for given in _expanded(x, keys):
        if given is None:
            kept.append(ONE)
            continue
        axis, key, places = len(ends), given, _numbers(given)
        if places:
            x, key = _taken(x, axis, places), _WHOLE
        turned = isinstance(key, slice) and key == _TURNED
        if turned:
            x = flipped(x, axis)
        ends.append(_ends(_WHOLE if turned else key, x.shape[axis]))
        if isinstance(key, slice):
            kept.append(ends[axis][1] - ends[axis][0])
    return arrays.reshape(cut(x, ends), tuple(kept))


def _numbers(key: Any) -> list[int]:
    """The numbers of several entries that a key is; none of others."""
    listed = key.tolist() if isinstance(key, np.ndarray) else key
    return listed if isinstance(listed, list) and all(type(k) is int for k in listed) else []


def _taken(x: Traced, axis: int, places: Sequence[int]) -> Traced:
    """The entries at these places of an axis, in their order."""
    whole = [(NOTHING, d) for d in x.shape]
    ends = (_ends(k, x.shape[axis]) for k in places)
    return joined([cut(x, [*whole[:axis], end, *whole[axis + 1 :]]) for end in ends], axis)


def cut(x: Traced, ends: Sequence[tuple[Dim, Dim]]) -> Traced:
    """What lies in each axis from a place on and before another, counted from 0."""
    if all(end == (NOTHING, d) for d, end in zip(x.shape, ends, strict=True)):
        return x
    if isinstance(x, Opaque):
        return x.cut(ends)
    x = arrays.flattened(x, [k for k, d in enumerate(x.shape) if ends[k] != (NOTHING, d)])
    axes: list[ArrayAxis] = []
    at: dict[str, Index] = {}  # of indices
    rows: dict[AxisName | None, Expr] = {}  # that are chosen of I, by axes
    for axis, d, end in zip(x.axes, x.shape, ends, strict=True):
        if end == (NOTHING, d):
            axes.append(axis)
            continue
        if not axis:
            raise TraceError(f"there is nothing in {end[0]}:{end[1]} of an axis of 1.")
        outer, *inner = axis  # so many of the inner ones
        first, behind = (extents.quotient(k, arrays.size(p.size for p in inner)) for k in end)
        left = outer._replace(size=behind - first)
        if isinstance(outer.name, int):
            rows[outer.name] = structured.selection(first + ONE, behind, outer.size)
        elif left.size == ONE:
            at[outer.name] = index(first + ONE)
        else:
            at[outer.name] = Index(outer.name).added(index(first))
        axes.append((*([] if left.size == ONE else [left]), *inner))

    def part(f: PlacedMatrix) -> PlacedMatrix:
        e = reindexed(f.e, at) if at else f.e
        return lying(structured.selected(e, rows.get(f.rows), rows.get(f.cols)), f.rows, f.cols)

    return arrays.made(axes, [t.rewritten(part) for t in x.terms], x.is_mask)


def replaced(x: Traced, ends: Sequence[tuple[Dim, Dim]], new: Traced) -> Traced:
    """An array with other entries from a place on and before another in each axis."""
    for k, (first, behind) in enumerate(ends):
        if (first, behind) == (NOTHING, x.shape[k]):
            continue
        whole = [(NOTHING, d) for d in x.shape]
        before, part, after = (
            None if a == b else cut(x, [*whole[:k], (a, b), *whole[k + 1 :]])
            for a, b in ((NOTHING, first), (first, behind), (behind, x.shape[k]))
        )
        assert part is not None
        inner = replaced(part, [*ends[:k], (NOTHING, behind - first), *ends[k + 1 :]], new)
        return joined([y for y in (before, inner, after) if y is not None], k)
    return arrays.spread_over(new, x.shape)


def written(x: Traced, keys: Sequence[Any], new: Traced) -> Traced:
    """`x` after `x[…] = new`, with slices and entries. Raises TraceError for others."""
    given = _expanded(x, keys)
    if None in given:
        raise _refused()
    ends = [_ends(key, d) for key, d in zip(given, x.shape, strict=True)]
    sizes = [behind - first for first, behind in ends]
    kept = tuple(d for key, d in zip(given, sizes, strict=True) if isinstance(key, slice))
    part = arrays.spread_over(arrays.reshape(new, new.shape[-len(kept) :] if kept else ()), kept)
    return replaced(x, ends, arrays.reshape(part, tuple(sizes)))


def _expanded(x: Traced, keys: Sequence[Any]) -> list[Any]:
    """The keys, one for each axis and each new one."""
    missing = x.rank - sum(1 for k in keys if k is not None and k is not Ellipsis)
    if missing < 0:
        raise TraceError(f"an array of shape {extents.shape_of(x.shape)} has fewer axes than this.")
    found: list[Any] = []
    dotted = False
    for k in keys:
        dotted = dotted or k is Ellipsis
        found.extend([_WHOLE] * missing if k is Ellipsis else [k])
    return found if dotted else found + [_WHOLE] * missing


def _ends(key: Any, size: Dim) -> tuple[Dim, Dim]:
    """The first place of a key, and that behind its last. Raises TraceError."""
    if isinstance(key, slice):
        if key.step is not None and dim(key.step) != ONE:
            raise _refused()
        first = NOTHING if key.start is None else _from_front(dim(key.start), size)
        behind = size if key.stop is None else _from_front(dim(key.stop), size)
    else:
        first = _from_front(dim(key), size)
        behind = first + ONE
    if not ((behind - first).is_at_least(1) or (behind - first).names) or not (
        first.is_at_least(0) or first.names
    ):
        raise TraceError(f"there is nothing in {first}:{behind} of an axis of {size}.")
    return first, behind


def _from_front(place: Dim, size: Dim) -> Dim:
    """A place counted from the front, where it is a negative number."""
    return place + size if (place.integer or 0) < 0 else place


def dim(key: Any) -> Dim:
    """A size, or a number that is one. Raises TraceError."""
    if isinstance(key, Dim):
        return key
    if isinstance(key, int) and not isinstance(key, bool):
        return Dim.of(key)
    found = getattr(key, "dim", None)
    if isinstance(found, Dim):
        return found
    raise _refused()


def _refused() -> TraceError:
    return TraceError(
        "of an array's parts, slices with a step of 1 and entries at a number are followed: write "
        "others by whole arrays, such as a product with a mask."
    )


def divided(x: Traced, sizes: Sequence[Dim], axis: Any) -> tuple[Traced, ...]:
    """The parts of these sizes along an axis, one behind the other. Raises TraceError."""
    (k,) = axis_functions.axes_of(x, axis)
    if sum(sizes, NOTHING) != x.shape[k]:
        raise TraceError(f"an axis of {x.shape[k]} is no sum of {', '.join(map(str, sizes))}.")
    found, first = [], NOTHING
    for size in sizes:
        ends = [(NOTHING, d) for d in x.shape]
        ends[k] = (first, first + size)
        found.append(cut(x, ends))
        first = first + size
    return tuple(found)


def in_equal_parts(x: Traced, count: Any, axis: Any = 0) -> tuple[Traced, ...]:
    """So many parts of one size. Raises TraceError."""
    if not isinstance(count, int) or isinstance(count, bool) or not 0 < count <= MOST_PARTS:
        raise TraceError(f"an array is split into a number of equal parts, at most {MOST_PARTS}.")
    (k,) = axis_functions.axes_of(x, axis)
    return divided(x, [extents.quotient(x.shape[k], Dim.of(count))] * count, axis)


# ------------------------------------------------------------------------------- put together


def joined(parts: Sequence[Traced], axis: int) -> Traced:
    """Arrays behind each other along an axis. Raises TraceError."""
    first = parts[0]
    (k,) = axis_functions.axes_of(first, axis)
    if any(x.rank != first.rank for x in parts):
        raise TraceError("arrays with a different number of axes can't be joined.")
    for i, lengths in enumerate(zip(*(x.shape for x in parts), strict=True)):
        for d in lengths:
            if i != k and d != lengths[0]:
                raise arrays.misfit(lengths[0], d, f"of joined arrays in axis {i}")
    parts, last = [arrays.flattened(x, [k]) for x in parts], first.rank
    places = [[*range(k), last + n, *range(k + 1, last)] for n in range(len(parts))]
    axes, each = arrays.together(parts, places, last + len(parts))
    others = [p for axis in axes[:last] for p in axis if not p.is_index]
    along = [axis[0] if axis else None for axis in axes[last:]]
    if any(p and p.is_index for p in along) or any(len(axis) > 1 for axis in axes[last:]):
        raise arrays.refusal(first)
    if len(others) >= HIGHEST_RANK:
        raise arrays.too_many(first.shape)
    in_rows = not any(p in others for axis in axes[:k] for p in axis)  # the other axis is behind
    es = []
    for terms, part in zip(each, along, strict=True):
        slots = [part, *others] if in_rows else [*others, part]
        es.append(whole_matrix(terms, slots))
    e = structured.block_matrix([[e] for e in es] if in_rows else [es])
    whole = SubAxis(sum((x.shape[k] for x in parts), NOTHING), arrays.free_name(axes))
    axes[k] = (whole,)
    return arrays.made(axes[:last], laid(e, [whole, *others] if in_rows else [*others, whole]))


def stacked(parts: Sequence[Traced], axis: int = 0) -> Traced:
    """Arrays behind each other along a new axis."""
    k = axis % (parts[0].rank + 1)
    wide = [arrays.reshape(x, (*x.shape[:k], ONE, *x.shape[k:])) for x in parts]
    return joined(wide, k) if len(parts[0].own) < HIGHEST_RANK else _laid_apart(parts, k)


def _laid_apart(parts: Sequence[Traced], axis: int) -> Traced:
    """Each array times what is 1 at its place along a new axis, and else 0, added up."""
    if any(x.shape != parts[0].shape for x in parts):
        raise TraceError("arrays of different shapes can't be stacked.")
    count, shape = Dim.of(len(parts)), parts[0].shape
    places = Traced(ex.eye(count), (count, count))
    along = tuple(count if k == axis else ONE for k in range(len(shape) + 1))
    units = (arrays.reshape(indexed(places, (i,)), along) for i in range(len(parts)))
    wide = (arrays.reshape(x, (*shape[:axis], ONE, *shape[axis:])) for x in parts)
    terms = [unit * x for unit, x in zip(units, wide, strict=True)]
    return sum(terms[1:], terms[0])


def side_by_side(parts: Sequence[Traced]) -> Traced:
    """As `hstack`."""
    return joined(parts, 0 if parts[0].rank == 1 else 1)


def below(parts: Sequence[Traced]) -> Traced:
    """As `vstack`."""
    return joined([_row(x) for x in parts], 0)


def _row(x: Traced) -> Traced:
    return arrays.reshape(x, (ONE, x.shape[0])) if x.rank == 1 else x


def as_columns(parts: Sequence[Traced]) -> Traced:
    """As `column_stack`."""
    return joined([arrays.transpose(_row(x)) if x.rank == 1 else x for x in parts], 1)


# ------------------------------------------------------------------------ orders and triangles


def accumulated(x: Traced, axis: Any = None) -> Traced:
    """The running sums along an axis."""
    if axis is None:
        x, axis = arrays.ravel(x), 0
    (k,) = axis_functions.axes_of(x, axis)
    return axis_functions.along_axis(structured.accumulated, x, k)


def flipped(x: Traced, axis: Any = None) -> Traced:
    """The entries in the opposite order along axes."""
    for k in axis_functions.axes_of(x, axis):
        x = axis_functions.along_axis(structured.flipped, x, k)
    return x


def lower_triangle(x: Traced, k: int = 0) -> Traced:
    """The entries on and below a diagonal."""
    if k > 0:
        return arrays.masked(x - upper_triangle(x, k + 1), x.is_mask)
    return axis_functions.of_matrices(lambda e: _triangle(structured.lower, e, -k, 0), x)


def upper_triangle(x: Traced, k: int = 0) -> Traced:
    """The entries on and above a diagonal."""
    if k < 0:
        return arrays.masked(x - lower_triangle(x, k - 1), x.is_mask)
    return axis_functions.of_matrices(lambda e: _triangle(structured.upper, e, k, 1), x)


def _triangle(of: Callable[[Expr], Expr], e: Expr, k: int, axis: int) -> Expr:
    """A triangle, so many diagonals away from the main one."""
    if not k:
        return of(e)
    if k == 1:
        return ex.subtract(e, (structured.lower if axis else structured.upper)(e))
    ones = of(ex.ones(*e.shape))
    return ex.times(e, structured.shifted(ones, Dim.of(k), axis))


def rolled(x: Traced, shift: Any, axis: Any = None) -> Traced:
    """As `roll`: what leaves at one end enters at the other."""
    if axis is None and x.rank > 1:
        return arrays.reshape(rolled(arrays.ravel(x), shift, 0), x.shape)
    axes = axis_functions.axes_of(x, 0 if axis is None else axis)
    shifts = shift if isinstance(shift, tuple | list) else (shift,) * len(axes)
    for k, by in zip(axes, shifts, strict=True):
        if not isinstance(by, int) or abs(by) > MOST_PARTS:
            raise TraceError(f"`roll` is followed by a number of places, at most {MOST_PARTS}.")
        if by:
            x = joined([_along(x, k, slice(-by, None)), _along(x, k, slice(None, -by))], k)
    return x


def _along(x: Traced, axis: int, key: slice) -> Traced:
    """A slice along one axis."""
    return indexed(x, [key if k == axis else _WHOLE for k in range(x.rank)])


def padded(x: Traced, widths: Sequence[tuple[Any, Any]], by: Traced) -> Traced:
    """With so many entries before and behind, along each axis, of one value."""
    for k, pair in enumerate(widths):
        sides = [_filled(x, k, dim(width), by) for width in pair]
        known = [y for y in (sides[0], x, sides[1]) if y is not None]
        x = joined(known, k) if len(known) > 1 else x
    return x


def _filled(x: Traced, axis: int, width: Dim, by: Traced) -> Traced | None:
    """As long as an array, and so wide along an axis; None for no width."""
    if width == NOTHING:
        return None
    shape = tuple(width if k == axis else d for k, d in enumerate(x.shape))
    return arrays.spread_over(by, shape)


def repeated(x: Traced, times: Sequence[Any]) -> Traced:
    """As `tile`: so many copies beside each other, along each axis."""
    times = (1,) * (x.rank - len(times)) + tuple(times)
    x = arrays.reshape(x, (ONE,) * (len(times) - x.rank) + x.shape)
    for k, count in enumerate(times):
        if not isinstance(count, int) or not 0 < count <= MOST_PARTS:
            raise TraceError(f"copies are followed in a number of at most {MOST_PARTS}.")
        x = joined([x] * count, k) if count > 1 else x
    return x


def differences(x: Traced, n: int = 1, axis: int = -1, sign: int = -1) -> Traced:
    """As `diff`: of entries that follow each other; their sums for the other sign."""
    for _ in range(n):
        (k,) = axis_functions.axes_of(x, axis)
        x = _along(x, k, slice(1, None)) + sign * _along(x, k, slice(None, -1))
    return x
