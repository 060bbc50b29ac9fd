"""Terms to expressions: a network is contracted, node by node, into the products that people write.

Two factors that meet in a node that is summed over become a matrix product, parallel ones an
element-wise product, a factor alone at a summed node a sum along an axis, a loop a diagonal or a trace,
and a node on the outside without a factor is spread by ones. Several orders are tried and the shortest
result is taken. A network that needs more than two sides at a time has no such form: `spell` gives None.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction

from .dims import ONE, Dim
from .expr import (
    MINUS,
    Expr,
    add,
    call,
    dimension,
    eye,
    matmul,
    number,
    ones,
    power,
    times,
    transpose,
)
from .network import Edge, Nodes, Term

Symmetric = Callable[[Expr], bool]
Fold = Callable[[Expr], Expr]


def length(e: Expr, memo: dict[Expr, int] | None = None) -> int:
    """How many operators and calls a person writes for it: the cost that simplification lowers."""
    memo = {} if memo is None else memo
    stack = [e]
    while stack:
        x = stack[-1]
        if x in memo:
            stack.pop()
            continue
        if not x.args or x.op == "name":
            memo[x] = 1 if x.op in ("ones", "zeros", "commute") else 0
            continue
        missing = [a for a in x.args if a not in memo]
        if missing:
            stack.extend(missing)
            continue
        memo[x] = _own_length(x) + sum(memo[a] for a in x.args)
    return memo[e]


def _own_length(x: Expr) -> int:
    if x.op == "add":
        # A minus inside a sum is its operator; in front it is one more.
        return len(x.args) - 1 - sum(has_minus(a) for a in x.args[1:])
    if x.op == "times":
        own, k = len(x.args) - 1, x.args[0]
        if k.op == "number":
            if isinstance(k.data, Fraction) and abs(k.data.numerator) != 1 != k.data.denominator:
                own += 1  # 2/3 x
            if k.data < 0 and abs(k.data) != 1 and k.data.denominator == 1 or (
                k.data < 0 and k.data.denominator != 1
            ):
                own += 1
        return own
    if x.op == "matmul":
        runs = sum(a is not b for a, b in zip(x.args, x.args[1:], strict=False))
        powers = sum(
            a is b and (i == 0 or x.args[i - 1] is not a)
            for i, (a, b) in enumerate(zip(x.args, x.args[1:], strict=False))
        )
        return runs + powers
    if x.op == "power":
        p = x.args[1]
        return 0 if p is MINUS else 2 if p.op == "number" and p.data < 0 else 1
    return 1


def has_minus(e: Expr) -> bool:
    k = e.args[0] if e.op == "times" else e
    return k.op == "number" and k.data < 0


def flip(e: Expr, symmetric: Symmetric) -> Expr:
    """The transpose, pushed into products and cancelled where a factor is symmetric."""
    if e.is_scalar or symmetric(e):
        return e
    if e.op == "matmul":
        return matmul(*(flip(a, symmetric) for a in reversed(e.args)))
    if e.op == "times":
        return times(*(flip(a, symmetric) for a in e.args))
    if e.op == "power" and e.args[1].is_scalar:
        return power(flip(e.args[0], symmetric), e.args[1])
    if e.op == "diag" and e.shape[0] == e.shape[1] != ONE:
        return e
    return transpose(e)


@dataclass(slots=True)
class _Board:
    """The network while it is being contracted: matrices between two nodes, vectors at one."""

    symmetric: Symmetric
    dims: dict[int, Dim]
    outside: frozenset[int]
    matrices: list[tuple[Expr, int, int]] = field(default_factory=list)
    vectors: dict[int, list[Expr]] = field(default_factory=dict)
    scalars: list[Expr] = field(default_factory=list)

    def copy(self) -> _Board:
        vectors = {n: list(v) for n, v in self.vectors.items()}
        return _Board(
            self.symmetric, dict(self.dims), self.outside, list(self.matrices), vectors,
            list(self.scalars),
        )  # fmt: skip

    # ------------------------------------------------------------------ putting factors down

    def put(self, e: Expr, rows: Nodes, cols: Nodes) -> None:
        if rows and cols and rows == cols:
            self.put_vector(rows[0], self.diagonal(e))
        elif rows and cols:
            self.matrices.append((e, rows[0], cols[0]))
        elif rows or cols:
            self.put_vector((rows + cols)[0], e)
        else:
            self.scalars.append(e)

    def put_vector(self, n: int, e: Expr) -> None:
        self.vectors.setdefault(n, []).append(e)

    def diagonal(self, e: Expr) -> Expr:
        """The diagonal of a square matrix as a column; of a product as a sum of products."""
        if e.op == "matmul":
            for cut in range(1, len(e.args)):
                left, right = matmul(*e.args[:cut]), matmul(*e.args[cut:])
                if ONE not in left.shape:
                    return call("sum", times(left, flip(right, self.symmetric)), data=1)
        return call("diag", e)

    # ------------------------------------------------------------------------- orientations

    def column(self, factors: list[Expr]) -> Expr:
        return times(*(flip(v, self.symmetric) if v.shape[1] != ONE else v for v in factors))

    def row(self, factors: list[Expr]) -> Expr:
        return times(*(flip(v, self.symmetric) if v.shape[0] != ONE else v for v in factors))

    def oriented(self, matrix: tuple[Expr, int, int], start: int) -> Expr:
        e, a, _ = matrix
        return e if a == start else flip(e, self.symmetric)

    # -------------------------------------------------------------------------- contraction

    def merge_parallel(self) -> None:
        groups: dict[frozenset[int], list[tuple[Expr, int, int]]] = {}
        for matrix in self.matrices:
            groups.setdefault(frozenset(matrix[1:]), []).append(matrix)
        merged = []
        for group in groups.values():
            if len(group) == 1 or self._is_cycle(group):
                merged.extend(group)
                continue
            _, a, b = group[0]
            both = [(sum(length(self.oriented(x, s)) for x in group), s) for s in (a, b)]
            start = a if both[0] <= both[1] or both[0][0] == both[1][0] else b
            product = times(*(self.oriented(x, start) for x in group))
            merged.append((product, start, b if start == a else a))
        self.matrices = merged

    def _is_cycle(self, group: list[tuple[Expr, int, int]]) -> bool:
        """Two factors between two summed nodes that nothing else touches: a trace of a product."""
        _, a, b = group[0]
        alone = not {a, b} & self.outside and not self.vectors.get(a) and not self.vectors.get(b)
        others = any({a, b} & set(m[1:]) for m in self.matrices if m not in group)
        return len(group) == 2 and alone and not others

    def inner(self) -> dict[int, list[tuple[Expr, int, int]]]:
        touching: dict[int, list[tuple[Expr, int, int]]] = {
            n: [] for n in self.dims if n not in self.outside
        }
        for matrix in self.matrices:
            for n in matrix[1:]:
                if n in touching:
                    touching[n].append(matrix)
        return touching

    def drop(self, n: int, used: list[tuple[Expr, int, int]]) -> list[Expr]:
        for matrix in used:
            self.matrices.remove(matrix)
        del self.dims[n]
        return self.vectors.pop(n, [])

    def sum_vectors(self, n: int) -> None:
        dim = self.dims[n]
        factors = self.drop(n, [])
        if not factors:
            self.scalars.append(dimension(dim))
        elif len(factors) == 1:
            v = factors[0]
            inner = v.args[0] if v.op == "diag" and v.shape[1] == ONE else None
            self.scalars.append(call("sum", v) if inner is None else call("tr", inner))
        else:
            self.scalars.append(self._dot(factors))

    def _dot(self, factors: list[Expr]) -> Expr:
        last = factors[-1]
        if len(factors) == 2 and factors[0] is last:
            return matmul(self.row([last]), self.column([last]))
        for v in factors:  # a product as the second factor keeps the first one plain
            if v.op == "matmul" and last.op != "matmul":
                last = v
        rest = list(factors)
        rest.remove(last)
        return matmul(self.row(rest), self.column([last]))

    def sum_leaf(self, n: int, matrix: tuple[Expr, int, int]) -> None:
        """A node with one matrix: times the vectors there, or summed along the axis."""
        e, a, b = matrix
        other = b if a == n else a
        factors = self.drop(n, [matrix])
        if not factors:
            self.put_vector(other, call("sum", e, data=1 if b == n else 0))
        elif a == n and all(v.shape[0] == ONE for v in factors):
            self.put_vector(other, matmul(self.row(factors), e))
        else:
            self.put_vector(
                other, matmul(flip(e, self.symmetric) if a == n else e, self.column(factors))
            )

    def contract(self, n: int, one: tuple[Expr, int, int], other: tuple[Expr, int, int]) -> None:
        """A node with two matrices: their product, with the vectors there scaling the second."""
        start = one[1] if one[2] == n else one[2]
        end = other[1] if other[2] == n else other[2]
        factors = self.drop(n, [one, other])
        left, right = self.oriented(one, start), self.oriented(other, n)
        if factors:
            right = times(self.column(factors), right)
        product = matmul(left, right)
        if start == end:
            self.close(start, product, left, right)
        else:
            self.put(product, (start,), (end,))

    def close(self, n: int, product: Expr, left: Expr, right: Expr) -> None:
        """A loop at a node: a trace if nothing else is there, else a diagonal."""
        alone = n not in self.outside and not self.vectors.get(n)
        if alone and not any(n in m[1:] for m in self.matrices):
            del self.dims[n]
            trace = call("tr", product)
            as_sum = call("sum", times(left, flip(right, self.symmetric)))
            self.scalars.append(as_sum if length(as_sum) < length(trace) else trace)
        else:
            self.put_vector(n, self.diagonal(product))

    def run(self, pick: int) -> bool:
        """Contracts every summed node; `pick` chooses among those with two matrices. False if stuck."""
        while True:
            self.merge_parallel()
            touching = self.inner()
            if not touching:
                return True
            idle = next((n for n, t in touching.items() if not t), None)
            leaf = next((n for n, t in touching.items() if len(t) == 1), None)
            if idle is not None:
                self.sum_vectors(idle)
            elif leaf is not None:
                self.sum_leaf(leaf, touching[leaf][0])
            else:
                pairs = [n for n, t in touching.items() if len(t) == 2]
                if not pairs:
                    return False
                n = pairs[pick % len(pairs)]
                self.contract(n, *touching[n])


def spell(
    term: Term,
    symmetric: Symmetric = lambda e: False,
    fold: Fold = lambda e: e,
    compact: bool = False,
) -> Expr | None:
    """The shortest expression found for a term, or None if it has no form with two sides.

    With `compact`, a side along which the term is constant may be left as 1, for where it broadcasts.
    `fold` puts definitions back, so that what they shorten counts."""
    term = _split_fused(term)
    board = _lay_out(term, symmetric)
    if board is None:
        return None
    best: Expr | None = None
    memo: dict[Expr, int] = {}
    variants = min(4, max(1, sum(n not in board.outside for n in board.dims)))
    for pick in range(variants):
        trial = board.copy() if variants > 1 else board
        if not trial.run(pick):
            continue
        found = _assemble(trial, term, compact)
        if found is None:
            return None
        found = fold(found)
        if best is None or length(found, memo) < length(best, memo):
            best = found
    return best


def _split_fused(term: Term) -> Term:
    """Sides that are fused in the same way everywhere are one node again; a fused column is read as
    the matrix that was stacked."""
    groups = {side for e in term.edges for side in (e.rows, e.cols) if len(side) > 1}
    groups |= {side for side in (term.rows, term.cols) if len(side) > 1}
    dims, names = dict(term.dims), {}
    for group in sorted(groups):
        members = set(group)
        sides = [s for e in term.edges for s in (e.rows, e.cols)] + [term.rows, term.cols]
        if all(s == group or not members & set(s) for s in sides):
            dim = ONE
            for n in group:
                dim = dim * dims.pop(n)
            dims[min(group)] = dim
            names[group] = (min(group),)
    edges = []
    for e in term.edges:
        rows, cols = names.get(e.rows, e.rows), names.get(e.cols, e.cols)
        atom = e.atom
        if len(rows) == 2 and not cols:
            (n, m), data = rows, (term.dims[rows[1]], term.dims[rows[0]])
            atom, rows, cols = call("unvec", atom, data=data), (m,), (n,)
        elif len(cols) == 2 and not rows:
            (n, m), data = cols, (term.dims[cols[1]], term.dims[cols[0]])
            atom, rows, cols = call("unvec", transpose(atom), data=data), (m,), (n,)
        edges.append(Edge(atom, rows, cols, e.exponent))
    return Term(
        term.coefficient,
        term.scalars,
        tuple(edges),
        dims,
        names.get(term.rows, term.rows),
        names.get(term.cols, term.cols),
    )


def _lay_out(term: Term, symmetric: Symmetric) -> _Board | None:
    board = _Board(symmetric, dict(term.dims), frozenset(term.open_nodes))
    for edge in term.edges:
        if len(edge.rows) > 1 or len(edge.cols) > 1:
            return None
        board.put(power(edge.atom, edge.exponent), edge.rows, edge.cols)
    return board


def _assemble(board: _Board, term: Term, compact: bool) -> Expr | None:
    """Scalars, what is left between the open sides, and divisors, in the order of writing; None where
    the open sides are fused in a way that has no form."""
    if max(len(term.rows), len(term.cols)) > 1:
        body = _stacked(board, term.rows, term.cols)
        if body is None:
            return None
    else:
        body = _body(board, term.rows, term.cols, compact)
    front = [power(b, p) for b, p in term.scalars if not is_divisor(p)] + board.scalars
    under = [power(b, p) for b, p in term.scalars if is_divisor(p)]
    parts = [number(term.coefficient), *front, *([] if body is None else [body]), *under]
    return times(*parts)


def is_divisor(p: Expr) -> bool:
    k = p.args[0] if p.op == "times" else p
    return k.op == "number" and k.data < 0


def _body(board: _Board, rows: Nodes, cols: Nodes, compact: bool) -> Expr | None:
    if not rows and not cols:
        return None
    if rows == cols:
        factors = board.vectors.get(rows[0], [])
        return call("diag", times(*factors)) if factors else eye(board.dims[rows[0]])
    if not cols or not rows:
        n = (rows or cols)[0]
        factors = board.vectors.get(n, [])
        if not factors:
            if compact:
                return None
            return ones(board.dims[n]) if rows else ones(ONE, board.dims[n])
        return board.column(factors) if rows else board.row(factors)
    r, c = rows[0], cols[0]
    at_rows, at_cols = board.vectors.get(r, []), board.vectors.get(c, [])
    if board.matrices:
        left = [board.column(at_rows)] if at_rows else []
        right = [board.row(at_cols)] if at_cols else []
        return times(*left, board.oriented(board.matrices[0], r), *right)
    if not at_rows and not at_cols:
        return None if compact else ones(board.dims[r], board.dims[c])
    if compact and not at_cols:
        return board.column(at_rows)
    if compact and not at_rows:
        return board.row(at_cols)
    column = board.column(at_rows) if at_rows else ones(board.dims[r])
    return matmul(column, board.row(at_cols) if at_cols else ones(ONE, board.dims[c]))


def _stacked(board: _Board, rows: Nodes, cols: Nodes) -> Expr | None:
    """A fused side: a matrix whose columns are stacked."""
    if len(rows) + len(cols) > 2:
        return None
    n, m = rows or cols
    matrix = _body(board, (m,), (n,), compact=False)
    if matrix is None:
        return None
    column = call("vec", matrix)
    return column if rows else transpose(column)


def sum_of(parts: list[Expr]) -> Expr:
    """A sum in which a part without a minus comes first, if there is one."""
    first = next((i for i, p in enumerate(parts) if not has_minus(p)), 0)
    return add(parts[first], *parts[:first], *parts[first + 1 :])
