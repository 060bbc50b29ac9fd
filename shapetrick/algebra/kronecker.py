"""Fused sides: what is left of a network between stacked rows and columns, as vec and Kronecker
products.

The rows of a stacked matrix are a pair of nodes (column of the matrix, row of the matrix). A
factor between the two outer nodes, and one between the two inner ones, are a Kronecker product;
one between rows and columns crosswise is that after a commutation; one within a side is a stacked
column. Where a factor has no partner, ones take its place. (J. R. Magnus and H. Neudecker, Matrix
Differential Calculus, ch. 2 and 3.)
"""

from __future__ import annotations

from itertools import zip_longest

from ..core.cost import length
from ..core.dims import ONE, Dim
from ..core.expr import UNIT, Expr, Eye, Ones, call, commute, eye, matmul, ones, times, transpose
from .contraction import Contraction
from .index_terms import Nodes
from .permutations import Permuted, kronecker


def body_between(contraction: Contraction, rows: Nodes, cols: Nodes, compact: bool) -> Expr | None:
    if not rows and not cols:
        return None
    if rows == cols:
        factors = contraction.vectors.get(rows[0], [])
        if not factors:
            return eye(contraction.dims[rows[0]])
        return call("diag", min(contraction.column(factors), contraction.row(factors), key=length))
    if not cols or not rows:
        n = (rows or cols)[0]
        factors = contraction.vectors.get(n, [])
        if not factors:
            if compact:
                return None
            return ones(contraction.dims[n]) if rows else ones(ONE, contraction.dims[n])
        return contraction.column(factors) if rows else contraction.row(factors)
    r, c = rows[0], cols[0]
    at_rows, at_cols = contraction.vectors.get(r, []), contraction.vectors.get(c, [])
    if contraction.matrices:
        left = [contraction.column(at_rows)] if at_rows else []
        right = [contraction.row(at_cols)] if at_cols else []
        return times(*left, contraction.oriented(contraction.matrices[0], r), *right)
    if not at_rows and not at_cols:
        return None if compact else ones(contraction.dims[r], contraction.dims[c])
    if compact and not at_cols:
        return contraction.column(at_rows)
    if compact and not at_rows:
        return contraction.row(at_cols)
    column = contraction.column(at_rows) if at_rows else ones(contraction.dims[r])
    return matmul(column, contraction.row(at_cols) if at_cols else ones(ONE, contraction.dims[c]))


def stacked(contraction: Contraction, rows: Nodes, cols: Nodes) -> Expr | None:
    """What stands between sides of which at least one is fused, or None if it has no such form."""
    if len(rows) > 2 or len(cols) > 2:
        straight = _straight(contraction, rows, cols)
        return Permuted(contraction, rows, cols).product() if straight is None else straight
    if not rows or not cols:
        n, m = rows or cols
        matrix = body_between(contraction, (m,), (n,), compact=False)
        if matrix is None:
            return None
        column = call("vec", matrix)
        return column if rows else transpose(column)
    return _Pairs(contraction, rows, cols).product()


def _straight(contraction: Contraction, rows: Nodes, cols: Nodes) -> Expr | None:
    """What stands between sides of several nodes if nothing crosses: the Kronecker product of the
    factors between the first of each, the second of each, and so on. A side may be of 1."""
    if len({*rows, *cols}) < len(rows) + len(cols) or (rows and cols and len(rows) != len(cols)):
        return None
    pairs = list(zip_longest(rows, cols))
    if any({a, b} not in [{*pair} for pair in pairs] for _, a, b in contraction.matrices):
        return None
    places = _Pairs(contraction, (), ())
    result: Expr | None = None
    for i, j in reversed(pairs):
        part = places.between(i, j)
        result = part if result is None else kronecker(part, result)
    return result


MaybePlace = int | None  # a node, or none where the side is 1


class _Pairs:
    """The four places of a stacked matrix: (outer, inner) of its rows and of its columns. A side
    that isn't fused is the inner place, with an outer one of size 1 (or the outer, where that is
    joined)."""

    def __init__(self, contraction: Contraction, rows: Nodes, cols: Nodes) -> None:
        self._contraction = contraction
        places = self._separate([*self._pair(rows, cols), *self._pair(cols, rows)])
        self._rows, self._cols = (places[0], places[1]), (places[2], places[3])

    def _pair(self, side: Nodes, other: Nodes) -> tuple[MaybePlace, MaybePlace]:
        if len(side) == 2:
            return side[0], side[1]
        if not side:
            return None, None
        (n,) = side
        joined = {m for matrix in self._contraction.matrices for m in matrix[1:] if n in matrix[1:]}
        return (n, None) if other and other[0] in joined | {n} else (None, n)

    def _separate(self, places: list[MaybePlace]) -> list[MaybePlace]:
        """The places with a node for each: where two are one index, I stands between them. What is
        between both places of the columns stays there, `A diag(vec(V))`."""
        contraction = self._contraction
        distinct: list[MaybePlace] = []
        for i, n in enumerate(places):
            if n is None or n not in distinct:
                distinct.append(n)
                continue
            new, between = contraction.doubled(n)
            partner = distinct[i - 1] if i % 2 else places[i + 1]
            for position, (e, a, b) in enumerate(contraction.matrices):
                if {a, b} == {n, partner}:
                    contraction.matrices[position] = (e, new if a == n else a, new if b == n else b)
            contraction.matrices.append((between, n, new))
            distinct.append(new)
        return distinct

    def _dim(self, n: MaybePlace) -> Dim:
        return ONE if n is None else self._contraction.dims[n]

    def product(self) -> Expr | None:
        (i, k), (j, m) = self._rows, self._cols
        joined = any(self._edge(a, b) is not None for a in (i, k) for b in (j, m))
        scales = any(self._contraction.vectors.get(n) for n in (i, k, j, m) if n is not None)
        if not joined and (not scales or self._holds(i, k) == self._holds(j, m)):
            return matmul(self._side(i, k), transpose(self._side(j, m)))
        straight = self._kron(i, j, k, m)
        crossed = self._kron(i, m, k, j)
        parts: list[Expr] = []
        if crossed is not None:
            turn = UNIT if None in (j, m) else commute(self._dim(m), self._dim(j))
            parts.append(turn if isinstance(crossed, Eye) else matmul(crossed, turn))
        if straight is not None:
            parts.append(straight)
        column, row = self._stack(i, k), self._stack(j, m)
        if len(parts) == 1 and isinstance(parts[0], Eye) and (column is None) != (row is None):
            vector = column if column is not None else row
            assert vector is not None
            return call("diag", vector)
        if column is not None:
            parts.insert(0, column)
        if row is not None:
            parts.append(transpose(row))
        return times(*parts)

    def _edge(self, a: MaybePlace, b: MaybePlace) -> Expr | None:
        """The factor between two places, its rows at the first."""
        if a is None or b is None:
            return None
        matrices = [m for m in self._contraction.matrices if {a, b} == set(m[1:])]
        if not matrices:
            return None
        return times(*(self._contraction.oriented(m, a) for m in matrices))

    def _holds(self, outer: MaybePlace, inner: MaybePlace) -> bool:
        """Whether there is a factor at the places of one side."""
        vectors = self._contraction.vectors
        at_places = any(vectors.get(n) for n in (outer, inner) if n is not None)
        return at_places or self._edge(inner, outer) is not None

    def _side(self, outer: MaybePlace, inner: MaybePlace) -> Expr:
        """What stands at the places of one side, as a column."""
        if self._edge(inner, outer) is not None:
            return call("vec", self.between(inner, outer))
        return kronecker(self.between(outer, None), self.between(inner, None))

    def _stack(self, outer: MaybePlace, inner: MaybePlace) -> Expr | None:
        matrix = self._edge(inner, outer)
        return None if matrix is None else call("vec", matrix)

    def _kron(self, i: MaybePlace, j: MaybePlace, k: MaybePlace, m: MaybePlace) -> Expr | None:
        """The Kronecker product of the factors between i and j and between k and m."""
        left, right = self._with_vectors(i, j), self._with_vectors(k, m)
        if left is None and right is None:
            return None
        left = ones(self._dim(i), self._dim(j)) if left is None else left
        right = ones(self._dim(k), self._dim(m)) if right is None else right
        return kronecker(left, right)

    def between(self, a: MaybePlace, b: MaybePlace) -> Expr:
        """The factors between two places; ones if there are none."""
        found = self._with_vectors(a, b)
        return ones(self._dim(a), self._dim(b)) if found is None else found

    def _with_vectors(self, a: MaybePlace, b: MaybePlace) -> Expr | None:
        contraction = self._contraction
        here = contraction.vectors.pop(a, []) if a is not None else []
        there = contraction.vectors.pop(b, []) if b is not None else []
        edge = self._edge(a, b)
        if edge is None and not here and not there:
            return None
        if edge is None:
            column = contraction.column(here) if here else ones(self._dim(a))
            row = contraction.row(there) if there else ones(ONE, self._dim(b))
            return matmul(column, row)
        scaled = [contraction.column(here)] if here else []
        return times(*scaled, edge, *([contraction.row(there)] if there else []))


def unstacked(
    contraction: Contraction, whole: Expr, sides: tuple[Nodes, Nodes], rows: Nodes, cols: Nodes
) -> Expr | None:
    """A factor with fused sides among others, open at one place of each side: what the others are
    between its places is multiplied in entry by entry, then the places that aren't open are
    summed, as in `kron(I, ones(p)') (G .* kron(ones(m, n), B)) kron(I, ones(q))`. A side that has a
    place twice, of which the entries on a diagonal are taken, has no such form."""
    if any(len({*side}) < len(side) for side in sides):
        return None
    if any(n not in sides[0] for n in rows) or any(n not in sides[1] for n in cols):
        if any(n not in sides[1] for n in rows) or any(n not in sides[0] for n in cols):
            return None
        turned = unstacked(contraction, whole, sides, cols, rows)
        return None if turned is None else transpose(turned)
    product = whole
    if contraction.matrices or contraction.vectors:
        several = max(map(len, sides)) > 2
        others = (
            _straight(contraction, *sides) if several else _Pairs(contraction, *sides).product()
        )
        if others is None:
            return None
        product = whole if isinstance(others, Ones) else times(whole, others)
    left = _sum_over(contraction, sides[0], rows)
    right = _sum_over(contraction, sides[1], cols)
    return matmul(
        *([] if left is None else [transpose(left)]), product, *([] if right is None else [right])
    )


def _sum_over(contraction: Contraction, side: Nodes, kept: Nodes) -> Expr | None:
    """The matrix that sums over the nodes of a side that aren't kept; None if all are."""
    if set(side) <= set(kept):
        return None
    result: Expr | None = None
    for n in side:
        part = eye(contraction.dims[n]) if n in kept else ones(contraction.dims[n])
        result = part if result is None else kronecker(result, part)
    return result
