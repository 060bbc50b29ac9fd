"""Arguments that are the numbers of classes: each stands for its one-hot matrix, by rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..core import expr as ex
from ..core.dims import ONE, Dim
from ..core.errors import TraceError
from ..core.expr import Symbol
from . import arrays, axis_functions, indexing
from .array_terms import SubAxis, laid
from .arrays import Traced

ATTRIBUTE = "onehot"


def numbers(x: Traced) -> Traced:
    """The array as numbers of classes. Raises TraceError for what is no argument."""
    if not isinstance(x.body, Symbol) or not (x.rank == 1 or x.indices):
        raise TraceError(
            "the numbers of classes are an argument with one axis: give what is computed one-hot."
        )
    return x


def one_hot(x: Traced, count: Dim) -> Traced:
    """The matrix that has 1 at each class, of so many. Raises TraceError."""
    if not x.indices and arrays.counts(x) and x.shape[0] == count:
        return Traced(ex.eye(count), (count, count))
    symbol = numbers(x).body
    assert isinstance(symbol, Symbol)
    new = SubAxis(count, arrays.free_name(x.axes))
    own = [*x.own, new]
    e = ex.symbol(symbol.name, arrays.sides([p.size for p in own]), (ATTRIBUTE,))
    return arrays.made([*x.axes, (new,)], laid(e, own))


def rows(x: Traced, index: Traced, axis: int = 0) -> Traced:
    """As `take`: the rows of a matrix, or the entries, whose numbers are given; or its columns."""
    chosen = one_hot(index, x.shape[axis])
    return chosen @ x if axis == 0 else x @ arrays.transpose(chosen)


def along_rows(x: Traced, index: Traced, axis: int) -> Traced:
    """As `take_along_axis`: of each row the entry of a class, `y[:, None]`."""
    if x.rank != 2 or axis_functions.axes_of(x, axis) != (1,) or index.shape != (x.shape[0], ONE):
        raise TraceError("of each row one class is followed: `y[:, None]` along the last axis.")
    picked = one_hot(arrays.reshape(index, x.shape[:1]), x.shape[1]) * x
    return axis_functions.reduce("sum", picked, 1, True)


def chosen(x: Traced, keys: Sequence[Any], lifted: Callable[[Any], Traced]) -> Traced | None:
    """`x[y]`, `x[:, y]`, `x[arange(n), y]` and `x[arange(n), 3]`: rows, columns, or an entry of
    each row; None for what is something else."""
    given = [lifted(key) if hasattr(key, "ndim") and key.ndim else None for key in keys]
    if any(key is not None and key.is_mask for key in given) or x.rank > 2:
        return None
    match given:
        case [Traced() as index] if arrays.depends_on(index):
            return rows(x, index)
        case [None, Traced() as index] if (
            keys[0] == slice(None) and x.rank == 2 and arrays.depends_on(index)
        ):
            return rows(x, index, 1)
        case [Traced() as first, second] if arrays.counts(first) and first.shape[0] == x.shape[0]:
            if second is not None:
                return axis_functions.reduce("sum", one_hot(second, x.shape[1]) * x, 1)
            return indexing.indexed(x, (slice(None), keys[1])) if isinstance(keys[1], int) else None
    return None


def written(
    x: Traced, keys: Sequence[Any], new: Traced, lifted: Callable[[Any], Traced]
) -> Traced | None:
    """`x` after `x[arange(n), y] = new`; None for what is something else."""
    given = [lifted(key) if hasattr(key, "ndim") and key.ndim else None for key in keys]
    match given:
        case [Traced() as first, Traced() as y] if arrays.counts(first) and x.rank == 2:
            column = arrays.reshape(new, (*new.shape, ONE)) if new.rank else new
            return arrays.choose(arrays.masked(one_hot(y, x.shape[1])), column, x)
    return None
