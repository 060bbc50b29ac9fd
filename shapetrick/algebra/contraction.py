"""A network being contracted: node by node, into the products that people write.

Two factors that meet in a node that is summed over become a matrix product, parallel ones an
element-wise product, a factor alone at a summed node a sum along an axis, a loop a diagonal or a
trace.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from functools import lru_cache
from itertools import chain

from ..core.cost import is_below, length
from ..core.dims import ONE, SCALAR, Dim
from ..core.expr import (
    UNIT,
    Abstract,
    Add,
    Expr,
    MatMul,
    Name,
    Number,
    Power,
    Symbol,
    Times,
    Transpose,
    add,
    call,
    dimension,
    eye,
    matmul,
    power,
    times,
    transpose,
)
from ..core.functions import TABLE
from ..core.records import dataclass
from ..core.structure import adds_up, data_of, spreads, takes_diagonal
from ..core.traversal import Classes, postorder, rebuild
from .fingerprints import Symmetric
from .index_terms import Nodes
from .monomials import gathered

MOST_FLIPPED = 4096  # transposes that are remembered: the same few are asked for again and again
MOST_ENDS = 4  # of a product that is summed: factors that are tried as the last
Matrix = tuple[Expr, int, int]  # a factor and the nodes of its rows and columns


@lru_cache(maxsize=MOST_FLIPPED)
def flip(e: Expr, symmetric: Symmetric, depth: int = 3) -> Expr:
    """The transpose, pushed into products where that isn't longer, and cancelled where a factor is
    symmetric; no deeper than `depth` products within each other."""
    if e.shape == SCALAR or symmetric(e):
        return e
    if depth == 0 or isinstance(e, (Symbol, Name, Transpose)):
        return transpose(e)
    outside = length(e) + 1  # the transpose of the whole
    match e.op:
        case "matmul":
            pushed = matmul(*_flipped(reversed(e.args), symmetric, depth))
            return transpose(e) if outside + 2 <= length(pushed) else pushed
        case "times" | "add":
            pushed = (times if isinstance(e, Times) else add)(*_flipped(e.args, symmetric, depth))
            return pushed if length(pushed) <= outside else transpose(e)
        case "power" if e.args[1].is_scalar:
            return power(flip(e.args[0], symmetric, depth - 1), e.args[1])
    if spreads(e):  # along the diagonal
        return e
    if isinstance(e, Abstract) or (e.op in TABLE and TABLE[e.op].elementwise):
        pushed = rebuild(e, _flipped(e.args, symmetric, depth))
        return pushed if length(pushed) < outside else transpose(e)
    return transpose(e)


def _flipped(args: Iterable[Expr], symmetric: Symmetric, depth: int) -> list[Expr]:
    return [flip(a, symmetric, depth - 1) for a in args]


def product(*factors: Expr) -> Expr:
    """The element-wise product, in which equal factors are a power."""
    powers = [
        (f.args[0], f.args[1])
        if isinstance(f, Power) and isinstance(f.args[1], Number)
        else (f, UNIT)
        for f in factors
    ]
    return times(*(power(b, p) for b, p in gathered(powers).items()))


def _are_plain(factors: list[Expr]) -> bool:
    """Whether the transposes of some factors, products of what has nothing to turn inside, are
    only longer."""
    parts = chain.from_iterable(v.args if isinstance(v, MatMul) else [v] for v in factors)
    return all(isinstance(part, (Symbol, Name)) or adds_up(part) for part in parts)


def _is_of_entries(e: Expr) -> bool:
    """Whether there is a function of every entry at its top, or in a sum or product there."""
    if isinstance(e, (Add, Times)):
        return any(map(_is_of_entries, e.args))
    base = e.args[0] if isinstance(e, (Power, Transpose)) else e
    return isinstance(e, Power) or (base.op in TABLE and TABLE[base.op].elementwise)


def _is_form(factors: Sequence[Expr]) -> bool:
    """Whether a product is a quadratic form, `A' X A` or `A X A'`."""
    first, *inner, last = factors
    turned = first is transpose(last)
    return turned and len(inner) > 0 and {first, last}.isdisjoint(inner)


def _place(e: Expr, order: Mapping[Expr, int]) -> int:
    """Where the first factor of a product was put down: of two ways to write it that are as long,
    the one that begins with what came first is read as itself again."""
    first = e.args[0] if isinstance(e, MatMul) else e
    atoms = postorder([first], into=lambda x: x not in order)
    return min((order[x] for x in atoms if x in order), default=len(order))


@dataclass(slots=True)
class Contraction:
    """The network while it is being contracted: matrices between two nodes, vectors at one."""

    symmetric: Symmetric
    dims: dict[int, Dim]
    outside: frozenset[int]
    matrices: list[Matrix] = field(default_factory=list)
    vectors: dict[int, list[Expr]] = field(default_factory=dict)
    scalars: list[Expr] = field(default_factory=list)
    places: dict[Expr, int] = field(default_factory=dict)  # of the factors, as they were put down

    def copy(self) -> Contraction:
        vectors = {n: list(v) for n, v in self.vectors.items()}
        return Contraction(
            self.symmetric, dict(self.dims), self.outside, list(self.matrices), vectors,
            list(self.scalars), self.places,
        )  # fmt: skip

    def is_forest(self) -> bool:
        """Whether no two ways lead from node to node: then the order doesn't matter."""
        joined: Classes[int] = Classes()
        return all(joined.join(a, b) for _, a, b in self.matrices)

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
        if isinstance(e, MatMul):
            for cut in range(1, len(e.args)):
                left, right = matmul(*e.args[:cut]), matmul(*e.args[cut:])
                if ONE not in left.shape:
                    return call("sum", times(left, flip(right, self.symmetric)), data=1)
        return call("diag", e)

    def doubled(self, n: int) -> tuple[int, Expr]:
        """A second node for an index, and what stands between the two: an identity, or the vectors
        at the first as a diagonal."""
        new = max(self.dims) + 1
        self.dims[new] = self.dims[n]
        at = self.vectors.pop(n, [])
        return new, call("diag", self.column(at)) if at else eye(self.dims[n])

    # ------------------------------------------------------------------------- orientations

    def column(self, factors: list[Expr]) -> Expr:
        return product(*(flip(v, self.symmetric) if v.shape[1] != ONE else v for v in factors))

    def row(self, factors: list[Expr]) -> Expr:
        pushed = product(*(flip(v, self.symmetric) if v.shape[0] != ONE else v for v in factors))
        if len(factors) == 1:
            return pushed
        outside = transpose(self.column(factors))
        return outside if length(outside) < length(pushed) else pushed

    def oriented(self, matrix: Matrix, start: int) -> Expr:
        e, a, _ = matrix
        return e if a == start else flip(e, self.symmetric)

    # -------------------------------------------------------------------------- contraction

    def merge_parallel(self) -> None:
        if len(self.matrices) < 2:
            return
        groups: dict[frozenset[int], list[Matrix]] = {}
        for matrix in self.matrices:
            groups.setdefault(frozenset(matrix[1:]), []).append(matrix)
        if len(groups) == len(self.matrices):
            return
        merged = []
        for group in groups.values():
            if len(group) == 1 or self._is_cycle(group):
                merged.extend(group)
                continue
            _, a, b = group[0]
            start = a if all(m[1] == a for m in group) else self._better_start(group)
            together = product(*(self.oriented(x, start) for x in group))
            merged.append((together, start, b if start == a else a))
        self.matrices = merged

    def _better_start(self, group: list[Matrix]) -> int:
        """From which of their two nodes parallel factors are the shorter to write."""
        _, a, b = group[0]
        lengths = {s: sum(length(self.oriented(m, s)) for m in group) for s in (a, b)}
        if lengths[a] == lengths[b] and self._is_symmetric(group, a):
            return a  # from both it is the same: as the first factor stands
        return min((a, b), key=lambda s: (lengths[s], s))  # the rows of the whole come first

    def _is_symmetric(self, group: list[Matrix], start: int) -> bool:
        return self.symmetric(times(*(self.oriented(m, start) for m in group)))

    def _is_cycle(self, group: list[Matrix]) -> bool:
        """Two factors between two summed nodes that nothing else touches: a trace of a product."""
        _, a, b = group[0]
        alone = not {a, b} & self.outside and not self.vectors.get(a) and not self.vectors.get(b)
        others = any({a, b} & set(m[1:]) for m in self.matrices if m not in group)
        return len(group) == 2 and alone and not others

    def weigh(self) -> None:
        """Functions' entries that are scaled by rows and by columns are so by an outer product, as
        in the delta rule, unless the rows or columns are only added up."""
        for i, (e, a, b) in enumerate(self.matrices):
            rows, cols = self.vectors.get(a), self.vectors.get(b)
            if a == b or not rows or not cols or not _is_of_entries(e):
                continue
            ends = Counter(n for _, *nodes in self.matrices for n in nodes)
            kept = all(n in self.outside or ends[n] > 1 for n in (a, b))
            if kept and not any(map(is_below, [*rows, *cols])):
                self.matrices[i] = product(matmul(self.column(rows), self.row(cols)), e), a, b
                del self.vectors[a], self.vectors[b]

    def inner(self) -> dict[int, list[Matrix]]:
        touching: dict[int, list[Matrix]] = {n: [] for n in self.dims if n not in self.outside}
        for matrix in self.matrices:
            for n in matrix[1:]:
                if n in touching:
                    touching[n].append(matrix)
        return touching

    def drop(self, n: int, used: list[Matrix]) -> list[Expr]:
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
            total = call("tr", v.args[0]) if takes_diagonal(v) else self._sum_of(v)
            self.scalars.append(total)
        else:
            self.scalars.append(self._dot(factors))

    def _sum_of(self, v: Expr) -> Expr:
        if adds_up(v) and data_of(v) is not None:  # along one axis, then the other
            return call("sum", v.args[0])
        if isinstance(v, Power) and isinstance(v.args[1], Number) and v.args[1].value == 2:
            return matmul(self.row([v.args[0]]), self.column([v.args[0]]))
        return call("sum", v)

    def _dot(self, factors: list[Expr]) -> Expr:
        """The sum of a product of vectors, the shortest way found to write it."""
        last = factors[-1]
        if len(factors) == 2 and factors[0] is last:
            return matmul(self.row([last]), self.column([last]))
        for v in factors:  # a product as the second factor keeps the first one plain
            if isinstance(v, MatMul) and not isinstance(last, MatMul):
                last = v
        found = []
        for v in dict.fromkeys([last, *factors[:MOST_ENDS]]):
            rest = list(factors)
            rest.remove(v)
            dot = matmul(self.row(rest), self.column([v]))
            turned = matmul(*(flip(a, self.symmetric) for a in reversed(dot.args)))
            found += [dot, turned]
        here = {v: i for i, v in reversed([*enumerate(factors)])}  # one may stand elsewhere, too
        order = here if here.keys() <= self.places.keys() else self.places
        best = min(found, key=lambda e: (length(e), e not in self.scalars, _place(e, order)))
        by_sum = call("sum", self.column(factors))  # `sum(x ./ y)`, not `(1 ./ y)' x`
        return by_sum if length(by_sum) < length(best) else best

    def sum_leaf(self, n: int, matrix: Matrix) -> None:
        """A node with one matrix: times the vectors there, or summed along the axis."""
        e, a, b = matrix
        other = b if a == n else a
        factors = self.drop(n, [matrix])
        if not factors:
            axis = 1 if b == n or self.symmetric(e) else 0
            self.put_vector(other, call("sum", e, data=axis))
            return
        rows = a == n and all(v.shape[0] == ONE for v in factors)
        if rows:
            by_product = matmul(self.row(factors), e)
        else:
            by_product = matmul(flip(e, self.symmetric) if a == n else e, self.column(factors))
        if (rows or (b == n and all(v.shape[1] == ONE for v in factors))) and _are_plain(factors):
            self.put_vector(other, by_product)  # nothing is turned: no sum is shorter
            return
        scaled = product(self.column(factors), e) if a == n else product(e, self.row(factors))
        if length(scaled) < length(by_product) and self._is_idle(other):
            self.drop(other, [])
            self.scalars.append(call("sum", scaled))
            return
        by_sum = call("sum", scaled, data=1 if b == n else 0)
        turned = by_sum.shape != by_product.shape  # a row for a column: a transpose to come
        shorter = length(by_sum) + turned < length(by_product) + isinstance(e, Times)
        self.put_vector(other, by_sum if shorter else by_product)

    def _is_idle(self, n: int) -> bool:
        """Whether nothing stands at a node that is summed over."""
        touched = self.vectors.get(n) or any(n in m[1:] for m in self.matrices)
        return n not in self.outside and not touched

    def contract(self, n: int, one: Matrix, other: Matrix) -> None:
        """A node with two matrices: their product, with the vectors there scaling the second."""
        start = one[1] if one[2] == n else one[2]
        end = other[1] if other[2] == n else other[2]
        factors = self.drop(n, [one, other])
        left, right = self.oriented(one, start), self.oriented(other, n)
        if factors:
            right = times(self.column(factors), right)
        joined = matmul(left, right)
        if start == end:
            self.close(start, joined, left, right)
        else:
            self.put(joined, (start,), (end,))

    def close(self, n: int, loop: Expr, left: Expr, right: Expr) -> None:
        """A loop at a node: a trace if nothing else is there, else a diagonal."""
        alone = n not in self.outside and not self.vectors.get(n)
        if alone and not any(n in m[1:] for m in self.matrices):
            del self.dims[n]
            as_sum = call("sum", times(left, flip(right, self.symmetric)))
            trace, *sums = self._turned(loop)
            is_form = isinstance(trace.args[0], MatMul) and _is_form(trace.args[0].args)
            self.scalars.append(trace if is_form else min(trace, *sums, as_sum, key=length))
        else:
            self.put_vector(n, self.diagonal(loop))

    def _turned(self, loop: Expr) -> Iterator[Expr]:
        """A trace, turned so that it is short, and begins with what came first; `tr(A' X B)` as
        `sum(A .* (X B))`, but `tr(A' X A)` as it is."""
        if not isinstance(loop, MatMul):
            yield call("tr", loop)
            return
        ways = [loop.args, tuple(flip(a, self.symmetric) for a in reversed(loop.args))]
        turned = [(*way[i:], *way[:i]) for way in ways for i in range(len(way))]
        turned.sort(key=lambda x: (length(matmul(*x)), not _is_form(x), _place(x[0], self.places)))
        yield call("tr", matmul(*turned[0]))
        for first, *rest in turned:
            if isinstance(first, Transpose):
                yield call("sum", times(first.args[0], matmul(*rest)))

    def run(self, pick: int) -> bool:
        """Contracts every summed node; `pick` chooses among those with two matrices. False if
        stuck."""
        while True:
            self.merge_parallel()
            if len(self.vectors) > 1:
                self.weigh()
            touching = self.inner()
            if not touching:
                return True
            idle = next((n for n, t in touching.items() if not t), None)
            leaves = [n for n, t in touching.items() if len(t) == 1]
            leaf = next((n for n in leaves if n in self.vectors), leaves[0] if leaves else None)
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
