"""Arguments that are the numbers of classes: each stands for its one-hot matrix, by rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..core import expr as ex
from ..core.dims import Dim
from ..core.errors import TraceError
from ..core.expr import Symbol
from . import arrays, parts
from .arrays import Traced

ATTRIBUTE = "onehot"


def numbers(x: Traced) -> Traced:
    """The array as numbers of classes. Raises TraceError for what is no argument."""
    if not isinstance(x.e, Symbol) or x.rank != 1:
        raise TraceError(
            "the numbers of classes are an argument with one axis: give what is computed one-hot."
        )
    return x


def one_hot(x: Traced, count: Dim) -> Traced:
    """The matrix that has 1 at each class, of so many. Raises TraceError."""
    if arrays.counts(x) and x.shape[0] == count:
        return Traced(ex.eye(count), (count, count))
    symbol = numbers(x).e
    assert isinstance(symbol, Symbol)
    shape = x.shape[0], count
    return Traced(ex.symbol(symbol.name, shape, (ATTRIBUTE,)), shape)


def chosen(x: Traced, keys: Sequence[Any], first: Traced | None) -> Traced | None:
    """`x[arange(n), y]` and `x[arange(n), 3]`, an entry of each row, where the first key counts
    these; None for what is something else."""
    if first is None or x.rank != 2 or len(keys) != 2 or not arrays.counts(first):
        return None
    if first.shape[0] != x.shape[0]:
        return None
    if isinstance(keys[1], int):
        return parts.indexed(x, (slice(None), keys[1]))
    given = getattr(keys[1], "value", None)
    if not isinstance(given, Traced):
        return None
    return arrays.reduce("sum", one_hot(given, x.shape[1]) * x, 1)
