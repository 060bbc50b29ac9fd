"""Parts of arrays and what is put together of them: slices, entries, stacked arrays, triangles and
running sums, as products with constants of known structure.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..core import structured
from ..core.dims import NOTHING, ONE, Dim
from ..core.errors import TraceError
from ..core.expr import Expr
from . import arrays
from .arrays import HIGHEST_RANK, Traced

MOST_PARTS = 64  # into which an array is split
_WHOLE, _TURNED = slice(None), slice(None, None, -1)


def indexed(x: Traced, keys: Sequence[Any]) -> Traced:
    """`x[…]` with slices, entries, whole axes and new ones. Raises TraceError for others."""
    kept: list[Dim] = []
    ends: list[tuple[Dim, Dim]] = []
    for key in _expanded(x, keys):
        if key is None:
            kept.append(ONE)
            continue
        axis = len(ends)
        turned = isinstance(key, slice) and key == _TURNED
        if turned:
            x = flipped(x, axis)
        ends.append(_ends(_WHOLE if turned else key, x.shape[axis]))
        if isinstance(key, slice):
            kept.append(ends[axis][1] - ends[axis][0])
    return arrays.reshape(cut(x, ends), tuple(kept))


def cut(x: Traced, ends: Sequence[tuple[Dim, Dim]]) -> Traced:
    """What lies in each axis from a place on and before another, counted from 0."""
    chosen = [
        None if end == (NOTHING, d) else structured.selection(end[0] + ONE, end[1], d)
        for d, end in zip(x.shape, ends, strict=True)
    ]
    if all(s is None for s in chosen):
        return x
    rows, cols = [*chosen, None, None][:2]
    shape = tuple(behind - first for first, behind in ends)
    return arrays.value(structured.selected(arrays.spread(x), rows, cols), shape)


def _expanded(x: Traced, keys: Sequence[Any]) -> list[Any]:
    """The keys, one for each axis and each new one."""
    missing = x.rank - sum(1 for k in keys if k is not None and k is not Ellipsis)
    if missing < 0:
        raise TraceError(f"an array of shape {arrays.shape_of(x.shape)} has fewer axes than this.")
    found: list[Any] = []
    dotted = False
    for k in keys:
        dotted = dotted or k is Ellipsis
        found.extend([_WHOLE] * missing if k is Ellipsis else [k])
    return found if dotted else found + [_WHOLE] * missing


def _ends(key: Any, size: Dim) -> tuple[Dim, Dim]:
    """The first place of a key, and that behind its last. Raises TraceError."""
    if isinstance(key, slice):
        if key.step is not None and _dim(key.step) != ONE:
            raise _refused()
        first = NOTHING if key.start is None else _from_front(_dim(key.start), size)
        behind = size if key.stop is None else _from_front(_dim(key.stop), size)
    else:
        first = _from_front(_dim(key), size)
        behind = first + ONE
    if not ((behind - first).is_at_least(1) or (behind - first).names) or not first.is_at_least(0):
        raise TraceError(f"there is nothing in {first}:{behind} of an axis of {size}.")
    return first, behind


def _from_front(place: Dim, size: Dim) -> Dim:
    """A place counted from the front, where it is a negative number."""
    return place + size if (place.integer or 0) < 0 else place


def _dim(key: Any) -> Dim:
    """A size, or a number that is one. Raises TraceError."""
    if isinstance(key, int) and not isinstance(key, bool):
        return Dim.of(key)
    dim = getattr(key, "dim", None)
    if isinstance(dim, Dim):
        return dim
    raise _refused()


def _refused() -> TraceError:
    return TraceError(
        "of an array's parts, slices with a step of 1 and entries at a number are followed: write "
        "others by whole arrays, such as a product with a mask."
    )


def divided(x: Traced, sizes: Sequence[Dim], axis: Any) -> tuple[Traced, ...]:
    """The parts of these sizes along an axis, one behind the other. Raises TraceError."""
    (k,) = arrays.axes_of(x, axis)
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
    (k,) = arrays.axes_of(x, axis)
    return divided(x, [arrays.quotient(x.shape[k], Dim.of(count))] * count, axis)


# ------------------------------------------------------------------------------- put together


def joined(parts: Sequence[Traced], axis: int) -> Traced:
    """Arrays behind each other along an axis. Raises TraceError."""
    first = parts[0]
    (k,) = arrays.axes_of(first, axis)
    for x in parts[1:]:
        if x.rank != first.rank:
            raise TraceError("arrays with a different number of axes can't be joined.")
        for i, (a, b) in enumerate(zip(first.shape, x.shape, strict=True)):
            if i != k and a != b:
                raise arrays.misfit(a, b, f"of joined arrays in axis {i}")
    shape = tuple(
        sum((x.shape[k] for x in parts), NOTHING) if i == k else d
        for i, d in enumerate(first.shape)
    )
    es = [arrays.spread(x) for x in parts]
    return arrays.value(structured.block_matrix([es] if k else [[e] for e in es]), shape)


def stacked(parts: Sequence[Traced], axis: int = 0) -> Traced:
    """Arrays of one axis as the rows of a matrix, or as its columns."""
    if any(x.rank != 1 for x in parts):
        raise TraceError(
            f"at most {HIGHEST_RANK} axes are followed: only arrays of one are stacked."
        )
    columns = axis in (1, -1)
    wide = [arrays.reshape(x, (x.shape[0], ONE) if columns else (ONE, x.shape[0])) for x in parts]
    return joined(wide, 1 if columns else 0)


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
    (k,) = arrays.axes_of(x, axis)
    return arrays.value(structured.accumulated(arrays.spread(x), k), x.shape)


def flipped(x: Traced, axis: Any = None) -> Traced:
    """The entries in the opposite order along axes."""
    e = arrays.spread(x)
    for k in arrays.axes_of(x, axis):
        e = structured.flipped(e, k)
    return arrays.value(e, x.shape)


def lower_triangle(x: Traced, k: int = 0) -> Traced:
    """The entries on and below the diagonal."""
    return arrays.value(structured.lower(_main(x, k)), x.shape)


def upper_triangle(x: Traced, k: int = 0) -> Traced:
    """The entries on and above the diagonal."""
    return arrays.value(structured.upper(_main(x, k)), x.shape)


def _main(x: Traced, k: int) -> Expr:
    if k or x.rank != HIGHEST_RANK:
        raise TraceError("only triangles of a matrix with its main diagonal are followed.")
    return arrays.spread(x)


def differences(x: Traced, n: int = 1, axis: int = -1) -> Traced:
    """As `diff`: of entries that follow each other."""
    for _ in range(n):
        (k,) = arrays.axes_of(x, axis)
        later, earlier = ([_WHOLE] * x.rank for _ in range(2))
        later[k], earlier[k] = slice(1, None), slice(None, -1)
        x = indexed(x, later) - indexed(x, earlier)
    return x
