"""Sums of products of arrays with named axes, as broadcast products, batched products and sums.

An axis has a name, so that which axes of two arrays are one, which a sum runs over and where the
others stand is known without counting. A product is multiplied out two factors at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from itertools import combinations
from math import prod

from ..core.dims import ONE, Dim, Extent
from ..core.named_tuples import NamedTuple
from .ir import ArrayOperation, Graph, Value

_WINDOWED = ("windows", "flip")  # whose entries stand in memory in another order than their axes


class NamedArray(NamedTuple):
    """An array and the names of its axes."""

    value: Value
    axes: tuple[str, ...]


class Axes:
    """The named axes of one plan, and what is done with arrays that have them; `size` is that of a
    dimension, where an order is chosen."""

    def __init__(self, graph: Graph, size: Callable[[Dim], int]) -> None:
        self.graph = graph
        self.size = size
        self._dims: dict[str, Dim] = {}

    def name(self, dim: Dim, wanted: str = "") -> str:
        """An axis of that size, of its own unless a name is wanted."""
        name = wanted or f"#{len(self._dims)}"
        self._dims[name] = dim
        return name

    def dim(self, name: str) -> Dim:
        return self._dims[name]

    def extent(self, names: Iterable[str]) -> Extent:
        return tuple(self._dims[name] for name in names)

    # ------------------------------------------------------------------------------ arrangements

    def ordered(self, a: NamedArray, axes: Sequence[str]) -> NamedArray:
        """The array with its axes in the order of these."""
        own = tuple(x for x in axes if x in a.axes)
        order = tuple(a.axes.index(x) for x in own)
        return NamedArray(self.permuted(a.value, order), own)

    def permuted(self, v: Value, order: tuple[int, ...]) -> Value:
        """The array whose axes are those of another one in this order."""
        if order == tuple(range(len(order))):
            return v
        if v.op == "permute":
            return self.permuted(v.args[0], tuple(v.data[i] for i in order))
        if v.rank == 2:
            return self.graph.transpose(v)
        return self.graph.node("permute", (v,), order, tuple(v.shape[i] for i in order))

    def aligned(self, a: NamedArray, axes: Sequence[str]) -> Value:
        """The array as it broadcasts beside others with all these axes."""
        found = self.ordered(a, axes)
        places = [x in found.axes for x in axes]
        places = places[places.index(True) :] if any(places) else []
        if all(places):
            return found.value
        dims = iter(found.value.shape)
        shape = tuple(next(dims) if own else ONE for own in places)
        return self.graph.node("expand", (found.value,), tuple(places), shape)

    def spread(self, a: NamedArray, axes: Sequence[str]) -> Value:
        """The array with all these axes."""
        return self.graph.spread(self.aligned(a, axes), self.extent(axes))

    def reduced(self, op: ArrayOperation, a: NamedArray, over: Collection[str]) -> NamedArray:
        """A reduction along axes."""
        kept = tuple(x for x in a.axes if x not in over)
        if len(kept) == len(a.axes):
            return a
        places = tuple(i for i, x in enumerate(a.axes) if x in over)
        data: int | tuple[int, ...] | None = places[0] if len(places) == 1 else places
        if not kept:
            data = None
        return NamedArray(self.graph.node(op, (a.value,), data, self.extent(kept)), kept)

    # ----------------------------------------------------------------------------------- products

    def product(self, factors: Sequence[NamedArray], axes: Sequence[str]) -> NamedArray:
        """The product of the factors with those of these axes that they have, summed over all
        others."""
        scalars = [f.value for f in factors if not f.axes]
        arrays = [f for f in factors if f.axes]
        while True:
            arrays = [self._summed_alone(i, arrays, axes) for i in range(len(arrays))]
            if all(x in axes for f in arrays for x in f.axes):
                break
            a, b, rest = self._next_pair(arrays, axes)
            needed = {*axes, *(x for f in rest for x in f.axes)}
            if self._stands_behind(a, b, axes):
                a, b = b, a
            arrays = [*rest, self._joined(a, b, needed)]
        own = [x for x in axes if any(x in f.axes for f in arrays)]
        if len(arrays) == 2 and arrays[0] == arrays[1]:
            square = self.graph.square(self.ordered(arrays[0], own).value)
            return NamedArray(self.graph.mul(*scalars, square), tuple(own))
        values = [self.aligned(f, own) for f in arrays]
        return NamedArray(self.graph.mul(*scalars, *values), tuple(own))

    def _summed_alone(
        self, i: int, arrays: Sequence[NamedArray], axes: Sequence[str]
    ) -> NamedArray:
        """A factor summed over what no other factor has."""
        others = {x for j, f in enumerate(arrays) if j != i for x in f.axes}
        over = {x for x in arrays[i].axes if x not in axes and x not in others}
        return self.reduced("sum", arrays[i], over)

    def _next_pair(
        self, arrays: Sequence[NamedArray], axes: Sequence[str]
    ) -> tuple[NamedArray, NamedArray, list[NamedArray]]:
        """The two factors whose product makes the arrays least, and the other factors."""

        def growth(pair: tuple[int, int]) -> tuple[float, float]:
            i, j = pair
            rest = {x for k, f in enumerate(arrays) if k not in pair for x in f.axes}
            both = {*arrays[i].axes, *arrays[j].axes}
            left = [x for x in both if x in axes or x in rest]
            new = self._entries(left)
            return new - sum(self._entries(arrays[k].axes) for k in pair), self._entries(both)

        i, j = min(combinations(range(len(arrays)), 2), key=growth)
        return arrays[i], arrays[j], [f for k, f in enumerate(arrays) if k not in (i, j)]

    @staticmethod
    def _stands_behind(a: NamedArray, b: NamedArray, axes: Sequence[str]) -> bool:
        """Whether a product is turned otherwise than it is wanted."""
        own = [axes.index(x) for x in a.axes if x in axes and x not in b.axes]
        others = [axes.index(x) for x in b.axes if x in axes and x not in a.axes]
        return bool(own and others) and max(own) > max(others)

    def _entries(self, axes: Iterable[str]) -> float:
        return prod(self.size(self._dims[x]) for x in axes)

    def _joined(self, a: NamedArray, b: NamedArray, needed: Collection[str]) -> NamedArray:
        """The product of two factors, summed over what they share and nothing else needs."""
        shared = [
            x for x in (b if a.value.op in _WINDOWED else a).axes if x in a.axes and x in b.axes
        ]
        summed = [x for x in shared if x not in needed]
        batch = [x for x in shared if x in needed]
        left = [x for x in a.axes if x not in b.axes]
        right = [x for x in b.axes if x not in a.axes]
        if not summed:
            axes = (*a.axes, *right)
            return NamedArray(self.graph.mul(self.aligned(a, axes), self.aligned(b, axes)), axes)
        if batch and left and right:
            return self._batched(a, b, batch, summed, left, right)
        if batch:
            return self._einsum(a, b, [*batch, *left, *right])
        return self._contracted(a, b, summed, [*left, *right])

    def _batched(
        self,
        a: NamedArray,
        b: NamedArray,
        batch: Sequence[str],
        summed: Sequence[str],
        left: Sequence[str],
        right: Sequence[str],
    ) -> NamedArray:
        """A matrix product for each of the other axes."""
        inner = max(summed, key=lambda x: self._entries([x]))
        others = [x for x in summed if x != inner]
        lead = [*batch, *others, *left[:-1], *right[:-1]]
        first = self.aligned(a, [*lead, left[-1], inner])
        second = self.aligned(b, [*lead, inner, right[-1]])
        axes = (*lead, left[-1], right[-1])
        found = NamedArray(
            self.graph.node("matmul", (first, second), None, self.extent(axes)), axes
        )
        return self.reduced("sum", found, others)

    def _einsum(self, a: NamedArray, b: NamedArray, axes: Sequence[str]) -> NamedArray:
        letters = dict(zip(dict.fromkeys([*a.axes, *b.axes]), "abcdefghijklmnopqrs", strict=False))
        first, second, out = ("".join(letters[x] for x in own) for own in (a.axes, b.axes, axes))
        text = f"{first},{second}->{out}"
        found = self.graph.node("einsum", (a.value, b.value), text, self.extent(axes))
        return NamedArray(found, tuple(axes))

    def _contracted(
        self, a: NamedArray, b: NamedArray, summed: Sequence[str], axes: Sequence[str]
    ) -> NamedArray:
        """One matrix product, of what is summed by all other axes."""
        graph, shape = self.graph, self.extent(axes)
        if not axes and a.axes == b.axes:
            return NamedArray(graph.node("inner", (a.value, b.value)), ())
        if len(summed) == 1 and (len(b.axes) == 2 or (len(a.axes) <= 2 and len(b.axes) == 1)):
            first = self.ordered(a, [*axes, *summed]).value
            second = self.ordered(b, [*summed, *axes]).value
            return NamedArray(graph.node("matmul", (first, second), None, shape), tuple(axes))
        if self._copies_rows(a, summed) is False or self._copies_rows(b, summed):
            a, b = b, a
        if self._copies_rows(b, summed) is False:
            b = self.ordered(b, [b.axes[k] for k in _in_memory(b.value)])
        places = tuple(tuple(own.axes.index(x) for x in summed) for own in (a, b))
        axes = [x for own in (a, b) for x in own.axes if x not in summed]
        value = graph.node("tensordot", (a.value, b.value), places, self.extent(axes))
        return NamedArray(value, tuple(axes))

    @staticmethod
    def _copies_rows(a: NamedArray, summed: Collection[str]) -> bool | None:
        """Whether windows, which a product copies, are copied along memory where what is summed
        stands last; None for what is no window."""
        if a.value.op not in _WINDOWED:
            return None
        return a.axes[_in_memory(a.value)[-1]] in summed


def _in_memory(v: Value) -> list[int]:
    """The axes of an array from the one along which entries are farthest apart in memory."""
    if v.op not in _WINDOWED:
        return list(range(v.rank))
    found = _in_memory(v.args[0])
    if v.op == "windows":
        found.insert(found.index(v.data[0]) + 1, v.rank - 1)
    return found
