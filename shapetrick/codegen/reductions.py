"""Sums, traces and diagonals of array expressions, taken without making the array that is summed.

A sum of a product becomes a product of vectors or an inner product; a trace or a diagonal of a
matrix product keeps its factors, for `codegen/chain_order.py` to split them where that is cheapest.
A product of entries that is computed anyway is summed as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..core.dims import ONE, Extent
from ..core.traversal import postorder
from .ir import ArrayOperation, ChainFactor, Graph, Value, pairs, rewritten


def total(graph: Graph, a: Value, axis: int | None = None) -> Value:
    """The sum of the entries, or along an axis of a matrix."""
    if not a.rank:
        return a
    if a.op == "transpose" and axis is not None:
        return total(graph, a.args[0], 1 - axis)
    if a.op == "mul":
        return _sum_of_product(graph, a.args, a.shape, axis)
    if a.op == "chain" or a.exponent == 2:
        return _sum_of_product(graph, (a,), a.shape, axis)
    if a.op in ("spread", "ones"):
        return _sum_of_product(graph, (a.args[0] if a.args else graph.one,), a.shape, axis)
    if a.op == "diagonal_matrix":
        return a.args[0] if axis is not None else total(graph, a.args[0])
    return graph.reduced("sum", a, axis)


def inner(graph: Graph, a: Value, b: Value) -> Value:
    """The sum of the products of the entries of two arrays of one shape."""
    if not a.rank:
        return graph.mul(a, b)
    if a.rank == 1:
        (n,) = a.shape
        return graph.chain([(a, (ONE, n)), (b, (n, ONE))])
    rows, cols = a.shape
    return trace(graph, graph.chain([(graph.transpose(a), (cols, rows)), (b, (rows, cols))]))


def trace(graph: Graph, a: Value) -> Value:
    """The trace; of a product, with the factors kept."""
    if a.op == "transpose":
        return trace(graph, a.args[0])
    if a.op == "mul" and sum(x.rank > 0 for x in a.args) == 1:
        scalars, matrix = a.args[:-1], a.args[-1]
        return graph.mul(*scalars, trace(graph, matrix))
    if a.op == "add" and any(x.op in ("chain", "mul") for x in a.args):
        return graph.add(*(_trace_of_term(graph, x, a.shape) for x in a.args))
    if a.op == "chain":
        return _trace_of_product(graph, list(pairs(a)))
    if a.op == "diagonal_matrix":
        return total(graph, a.args[0])
    if a.op == "eye":
        return graph.size(a.shape[0])
    return graph.reduced("trace", a, None)


def _trace_of_term(graph: Graph, term: Value, shape: Extent) -> Value:
    return trace(graph, graph.spread(term, shape))


def _trace_of_product(graph: Graph, factors: list[ChainFactor]) -> Value:
    """Turned so that it begins and ends at a side of 1, if there is one: then it is a plain
    product."""
    for i, (_, (rows, _cols)) in enumerate(factors):
        if rows == ONE:
            return graph.chain([*factors[i:], *factors[:i]])
    values, sides = zip(*factors, strict=True)
    return graph.node("trace_of_chain", values, sides)


def diagonal(graph: Graph, a: Value) -> Value:
    """The diagonal of a square matrix as a vector; of a product, with the factors kept."""
    if a.op == "transpose":
        return diagonal(graph, a.args[0])
    if a.op == "diagonal_matrix":
        return a.args[0]
    if _is_column(a):
        return graph.unlifted(a)
    if a.op in ("mul", "add"):
        build = graph.mul if a.op == "mul" else graph.add
        parts = [x if x.rank < 2 else diagonal(graph, x) for x in a.args]
        return graph.spread(build(*parts), a.shape[:1])
    if a.op == "chain":
        return graph.node("diagonal_of_chain", a.args, a.data, a.shape[:1])
    if a.op in ("ones", "eye"):
        return graph.spread(graph.one, a.shape[:1])
    return graph.node("diagonal", (a,), None, a.shape[:1])


# ------------------------------------------------------------------------------- sums of products


def _is_column(a: Value) -> bool:
    """Whether it is a vector that stands as a column beside matrices."""
    return a.is_matrix and a.shape[1] == ONE


def _sum_of_product(
    graph: Graph, factors: Sequence[Value], shape: Extent, axis: int | None
) -> Value:
    """The sum of an element-wise product of this shape: scalars, columns and rows are taken out
    of the sum, or multiplied to the matrices as vectors."""
    scalars = [a for a in factors if not a.rank]
    arrays = [a for a in factors if a.rank]
    if len(arrays) == 1 and arrays[0].exponent == 2 and arrays[0].shape == shape:
        arrays = [arrays[0].args[0]] * 2
    if len(shape) == 1:
        return graph.mul(*scalars, _sum_of_vectors(graph, arrays, shape))
    columns = [graph.unlifted(a) for a in arrays if _is_column(a)]
    rows = [a for a in arrays if a.rank == 1]
    matrices = [a for a in arrays if a.is_matrix and not _is_column(a)]
    summed = _Sum(graph, columns, rows, matrices, shape)
    by_axis = {None: summed.all, 0: summed.down, 1: summed.along}
    return graph.mul(*scalars, by_axis[axis]())


def _sum_of_vectors(graph: Graph, vectors: list[Value], shape: Extent) -> Value:
    """The sum of a product of vectors: a dot product of two."""
    if len(vectors) > 1:
        return inner(graph, graph.mul(*vectors[:-1]), vectors[-1])
    if not vectors:
        return graph.size(shape[0])
    (v,) = vectors
    if v.op != "chain":
        return graph.reduced("sum", v, None)
    return inner(graph, graph.spread(graph.one, shape), v)


class _Sum:
    """The sum of u_i v_j M_ij N_ij … over all, over the rows i or over the columns j."""

    def __init__(
        self,
        graph: Graph,
        columns: list[Value],
        rows: list[Value],
        matrices: list[Value],
        shape: Extent,
    ) -> None:
        self.graph = graph
        self.u = graph.mul(*columns) if columns else None
        self.v = graph.mul(*rows) if rows else None
        self.matrices = matrices
        self.rows, self.cols = shape

    def all(self) -> Value:
        graph, u, v = self.graph, self.u, self.v
        if not self.matrices:
            return graph.mul(self._sum(u, self.rows), self._sum(v, self.cols))
        if len(self.matrices) == 1:
            if u is None and v is None and self.matrices[0].op != "chain":
                return graph.reduced("sum", self.matrices[0], None)
            return graph.chain([self._left(), self._matrix(), self._right()])
        if u is None and v is None:
            return inner(graph, *self._two())
        return inner(graph, self._left()[0], self.along(False))

    def along(self, with_u: bool = True) -> Value:
        """Over j: a vector of the rows."""
        graph, v = self.graph, self.v
        if not self.matrices:
            summed = graph.spread(self._sum(v, self.cols), (self.rows,))
        elif len(self.matrices) == 1:
            summed = self._single(1) if v is None else graph.chain([self._matrix(), self._right()])
        else:
            a, b = self._two()
            summed = graph.node(
                "row_dots", (a, b if v is None else graph.mul(v, b)), None, a.shape[:1]
            )
        return graph.mul(self.u, summed) if with_u and self.u is not None else summed

    def down(self) -> Value:
        """Over i: a vector of the columns."""
        graph, u = self.graph, self.u
        if not self.matrices:
            summed = graph.spread(self._sum(u, self.rows), (self.cols,))
        elif len(self.matrices) == 1:
            summed = self._single(0) if u is None else graph.chain([self._left(), self._matrix()])
        else:
            a, b = self._two()
            a = a if u is None else graph.mul(graph.lift(u), a)
            summed = graph.node("column_dots", (a, b), None, a.shape[1:])
        return graph.mul(self.v, summed) if self.v is not None else summed

    def _single(self, axis: int) -> Value:
        """The only matrix, summed."""
        (m,) = self.matrices
        if m.op == "chain":
            ends = [self._matrix(), self._right()] if axis else [self._left(), self._matrix()]
            return self.graph.chain(ends)
        return self.graph.reduced("sum", m, axis)

    def _sum(self, vector: Value | None, size: object) -> Value:
        if vector is not None:
            return total(self.graph, vector)
        return self.graph.size(self.rows if size is self.rows else self.cols)

    def _left(self) -> ChainFactor:
        vector = self.u if self.u is not None else self.graph.spread(self.graph.one, (self.rows,))
        return vector, (ONE, self.rows)

    def _right(self) -> ChainFactor:
        vector = self.v if self.v is not None else self.graph.spread(self.graph.one, (self.cols,))
        return vector, (self.cols, ONE)

    def _matrix(self) -> ChainFactor:
        return self.matrices[0], (self.rows, self.cols)

    def _two(self) -> tuple[Value, Value]:
        first, *rest = self.matrices
        return first, self.graph.mul(*rest)


_SUMS: Mapping[ArrayOperation, int | None] = {"inner": None, "row_dots": 1, "column_dots": 0}


def with_products_reused(graph: Graph, roots: Sequence[Value]) -> dict[Value, Value]:
    """Every node that the roots need; sums of products that are there are plain sums."""
    products: dict[frozenset[Value], Value] = {}
    for v in postorder(roots):
        if v.op == "mul" and len(v.args) == 2 and all(a.shape == v.shape for a in v.args):
            products[frozenset(v.args)] = v

    def change(v: Value) -> Value:
        product = products.get(frozenset(v.args)) if v.op in _SUMS else None
        if product is None or product.shape != v.args[0].shape:
            return v
        return graph.reduced("sum", product, _SUMS[v.op])

    return rewritten(graph, roots, change)
