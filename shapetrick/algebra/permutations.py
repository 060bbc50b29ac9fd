"""Fused sides of many nodes whose factors cross: a Kronecker product of what each factor is between
its nodes, between two matrices that put the nodes in order.

A factor between a node of the rows and one of the columns is a matrix, one between two nodes of a
side a stacked column or row; the order of the nodes is changed by commutations of neighbours, as in
`vec(kron(A, X)) = kron(kron(I, commute(n, p)), I) kron(vec(A), I) vec(X)`.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from ..core.dims import ONE
from ..core.expr import UNIT, Expr, Eye, Ones, call, commute, eye, matmul, ones, times, transpose
from .contraction import Contraction
from .index_terms import Nodes

MOST_SWAPS = 6  # of neighbours: a form with more is not read by anybody


class Permuted:
    """What stands between the nodes of the rows and of the columns."""

    def __init__(self, contraction: Contraction, rows: Nodes, cols: Nodes) -> None:
        self._contraction = contraction
        self._rows, self._cols = self._separate(rows, cols)

    def product(self) -> Expr | None:
        """The matrix, or None where a node has several factors, or the order too many swaps."""
        groups = self._groups()
        if groups is None:
            return None
        order = sorted(groups, key=lambda g: min(map(self._place, g)))
        whole = _together([self._part(group) for group in order])
        before = self._sorting(self._rows, [n for g in order for n in g if n in self._rows])
        behind = self._sorting(self._cols, [n for g in order for n in g if n in self._cols])
        if before is None or behind is None:
            return None
        parts = (before, whole, transpose(behind))
        return matmul(*([p for p in parts if not isinstance(p, Eye)] or [whole]))

    def _place(self, n: int) -> int:
        nodes = (*self._rows, *self._cols)
        return nodes.index(n)

    def _separate(self, rows: Nodes, cols: Nodes) -> tuple[Nodes, Nodes]:
        """The nodes, each once: where two are one index, an identity stands between them."""
        contraction = self._contraction
        found: list[int] = []
        for n in (*rows, *cols):
            if n not in found:
                found.append(n)
                continue
            new, between = contraction.doubled(n)
            contraction.matrices.append((between, n, new))
            found.append(new)
        return tuple(found[: len(rows)]), tuple(found[len(rows) :])

    def _groups(self) -> list[tuple[int, ...]] | None:
        """The nodes that a factor joins, those of the rows first; a node without one is alone."""
        nodes = (*self._rows, *self._cols)
        partner: dict[int, int] = {}
        for _, a, b in self._contraction.matrices:
            if a == b or partner.setdefault(a, b) != b or partner.setdefault(b, a) != a:
                return None
        if not partner.keys() <= {*nodes}:
            return None
        found: list[tuple[int, ...]] = []
        for n in nodes:
            if not any(n in group for group in found):
                found.append((n, partner[n]) if n in partner else (n,))
        return found

    def _part(self, group: tuple[int, ...]) -> Expr:
        """What a group of nodes is between their part of the rows and that of the columns."""
        contraction = self._contraction
        vectors = [contraction.vectors.get(n, []) for n in group]
        if len(group) == 1:
            (n,), (at,) = group, vectors
            if n in self._rows:
                return contraction.column(at) if at else ones(contraction.dims[n])
            return contraction.row(at) if at else ones(ONE, contraction.dims[n])
        first, second = group
        joined = [m for m in contraction.matrices if {*m[1:]} == {*group}]
        inner = times(
            *([contraction.column(vectors[0])] if vectors[0] else []),
            *(contraction.oriented(m, first) for m in joined),
            *([contraction.row(vectors[1])] if vectors[1] else []),
        )
        if first in self._rows and second in self._cols:
            return inner
        stacked = call("vec", transpose(inner))  # the first node is the outer one
        return stacked if first in self._rows else transpose(stacked)

    def _sorting(self, wanted: Sequence[int], given: Sequence[int]) -> Expr | None:
        """The matrix that brings stacked nodes from the given order into the wanted one."""
        dims = [self._contraction.dims[n] for n in given]
        order = [wanted.index(n) for n in given]
        result: Expr = eye(prod(dims, start=ONE))
        swaps = 0
        for end in range(len(order) - 1, 0, -1):
            for i in range(end):
                if order[i] < order[i + 1]:
                    continue
                swaps += 1
                if swaps > MOST_SWAPS:
                    return None
                turn = commute(dims[i + 1], dims[i])  # u ⊗ v to v ⊗ u
                sides = eye(prod(dims[:i], start=ONE)), eye(prod(dims[i + 2 :], start=ONE))
                step = kronecker(kronecker(sides[0], turn), sides[1])
                result = step if isinstance(result, Eye) else matmul(step, result)
                order[i], order[i + 1] = order[i + 1], order[i]
                dims[i], dims[i + 1] = dims[i + 1], dims[i]
        return result


def _together(parts: Sequence[Expr]) -> Expr:
    """The Kronecker product of all, neighbouring identities and ones put together first."""
    merged: list[Expr] = []
    for part in parts:
        alike = merged and isinstance(part, (Eye, Ones)) and type(merged[-1]) is type(part)
        if alike:
            merged[-1] = kronecker(merged[-1], part)
        else:
            merged.append(part)
    whole: Expr = UNIT
    for part in merged:
        whole = kronecker(whole, part)
    return whole


def kronecker(left: Expr, right: Expr) -> Expr:
    """The Kronecker product; of two identities, or of ones and ones, again one."""
    if isinstance(left, Eye) and isinstance(right, Eye):
        return eye(left.shape[0] * right.shape[0])
    if isinstance(left, Ones) and isinstance(right, Ones):
        return ones(left.shape[0] * right.shape[0], left.shape[1] * right.shape[1])
    if left is UNIT or right is UNIT:
        return right if left is UNIT else left
    return call("kron", left, right)
