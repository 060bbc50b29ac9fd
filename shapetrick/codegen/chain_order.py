"""Matrix products in the order that costs least, at given or nominal sizes.

The classic dynamic programme over the intervals of a product, with three things added: a part of
the product that was computed before costs nothing, a diagonal matrix or an inverse is never made
to be multiplied by (rows are scaled, a system is solved), and a product with ones is a sum or a
repetition.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import prod

from ..core.dims import ONE, Dim, Sides, extent
from .from_expressions import unraveled
from .ir import ArrayOperation, ChainFactor, Graph, Value, pairs, rewritten

ChainInterval = tuple[int, int]  # the first factor, and the one after the last
LONGEST = 64  # a product with more factors is taken from the end where a vector stands
SKINNY = 4  # times as many rows as columns
# What chooses entries of a vector, as an operation on that.
CHOSEN: Mapping[ArrayOperation, ArrayOperation] = {
    "duplicate": "duplicated", "eliminate": "eliminated",
}  # fmt: skip
NOMINAL = 100  # the size of a dimension that none was given for


class Association:
    """Associates the products of one plan; what was computed is remembered for later products."""

    def __init__(self, graph: Graph, sizes: Mapping[str, int]) -> None:
        self._graph = graph
        self.size = nominal(sizes)  # of a side
        self._known: dict[tuple[ChainFactor, ...], Value] = {}

    def __call__(self, roots: Sequence[Value]) -> dict[Value, Value]:
        """Every node that the roots need, in products of two."""
        return rewritten(self._graph, roots, self._changed)

    def _changed(self, v: Value) -> Value:
        match v.op:
            case "chain":
                return self._product(self._split(list(pairs(v))))[0]
            case "trace_of_chain":
                return self._trace(self._split(list(pairs(v))))
            case "diagonal_of_chain":
                return self._diagonal(self._split(list(pairs(v))))
            case "row_dots":
                return self._row_dots(v)
            case "mul":
                return self._scaled(v)
        return v

    # ------------------------------------------------------------------------------ the programme

    def _product(self, factors: list[ChainFactor]) -> ChainFactor:
        if len(factors) > LONGEST:
            return self._from_one_end(factors)
        return _Programme(self, factors).best((0, len(factors)))

    def _from_one_end(self, factors: list[ChainFactor]) -> ChainFactor:
        if factors[-1][1][1] == ONE:
            product = factors[-1]
            for factor in reversed(factors[:-1]):
                product = self.join(factor, product)
            return product
        product = factors[0]
        for factor in factors[1:]:
            product = self.join(product, factor)
        return product

    def _split(self, factors: list[ChainFactor]) -> list[ChainFactor]:
        """What only repeats a row or a column is a product with ones."""
        graph = self._graph
        parts: list[ChainFactor] = []
        for v, (rows, cols) in factors:
            if v.op not in ("ones", "spread") or not v.is_matrix:
                parts.append((v, (rows, cols)))
                continue
            ones = [(graph.spread(graph.one, extent(s)), s) for s in ((rows, ONE), (ONE, cols))]
            bare = v.args[0] if v.args else graph.one
            if bare.is_matrix:
                parts += [(graph.unlifted(bare), (rows, ONE)), ones[1]]
            elif bare.rank:
                parts += [ones[0], (bare, (ONE, cols))]
            else:
                parts += [(graph.mul(bare, ones[0][0]), (rows, ONE)), ones[1]]
        return parts

    def _trace(self, factors: list[ChainFactor]) -> Value:
        """The inner product of two parts of the circle of factors, where that is cheapest."""
        if any(rows == ONE for _, (rows, _) in factors):
            start = next(i for i, (_, (rows, _)) in enumerate(factors) if rows == ONE)
            return self._product([*factors[start:], *factors[:start]])[0]
        count = len(factors)
        if count > LONGEST:
            return self._inner(self._from_one_end(factors[:-1]), factors[-1])
        programme = _Programme(self, [*factors, *factors])

        def cost(split: ChainInterval) -> tuple[float, bool]:
            i, j = split
            parts = programme.cost((i, j)) + programme.cost((j, i + count))
            turned = programme.is_turned((i, j)) != programme.is_turned((j, i + count))
            return parts + programme.pass_over(i, j), not turned

        splits = [(i, j) for i in range(count) for j in range(i + 1, min(i + count, count + 1))]
        i, j = min(splits, key=cost)
        return self._inner(programme.best((i, j)), programme.best((j, i + count)))

    def _inner(self, left: ChainFactor, right: ChainFactor) -> Value:
        """The trace of a product of two."""
        graph = self._graph
        (a, _), (b, _) = left, right
        if {"inv", "diagonal_matrix"} & {a.op, b.op}:
            return graph.reduced("trace", self.join(left, right)[0], None)
        forms = [(graph.transpose(a), b), (a, graph.transpose(b))]
        straight = [f for f in forms if not any(x.op == "transpose" for x in f)]
        if straight:
            return graph.node("inner", straight[0])
        return graph.node("trace_of_product", (a, b))

    def _diagonal(self, factors: list[ChainFactor]) -> Value:
        graph, count = self._graph, len(factors)
        if count > LONGEST:
            left, right = self._from_one_end(factors[:-1]), factors[-1]
        else:
            programme = _Programme(self, factors)
            j = min(
                range(1, count),
                key=lambda j: (
                    programme.cost((0, j)) + programme.cost((j, count)) + programme.pass_over(0, j)
                ),
            )
            left, right = programme.best((0, j)), programme.best((j, count))
        (a, _), (b, _) = left, right
        if a.rank == 1:
            return graph.mul(a, b)
        if {"inv", "diagonal_matrix"} & {a.op, b.op}:
            whole = self.join(left, right)[0]
            return graph.node("diagonal", (whole,), None, whole.shape[:1])
        return graph.node("row_dots", (a, graph.transpose(b)), None, a.shape[:1])

    def _row_dots(self, v: Value) -> Value:
        """The rows of A B' times those of C are those of A times those of C B: less, if it is
        there."""
        graph = self._graph
        for a, c in (v.args, v.args[::-1]):
            if a.op == "matmul" and all(x.is_matrix for x in a.args):
                turned = graph.transpose(a.args[1])
                known = self.known((_factor(c), _factor(turned)))
                if known is not None and self._entries(known) < self._entries(a):
                    return graph.node("row_dots", (a.args[0], known), None, v.shape)
        return v

    def _scaled(self, v: Value) -> Value:
        """Scalars are multiplied to a factor of a product where that is smaller than it."""
        graph = self._graph
        *scalars, a = v.args
        if a.op not in ("outer", "matmul") or any(x.rank for x in scalars):
            return v
        args = list(a.args)
        place = min(range(len(args)), key=lambda i: self._entries(args[i]))
        if self._entries(args[place]) >= self._entries(a):
            return v
        args[place] = graph.mul(*scalars, args[place])
        return graph.node(a.op, args, None, a.shape)

    def _entries(self, v: Value) -> int:
        return prod(self.size(d) for d in v.shape)

    # --------------------------------------------------------------------------- products of two

    def known(self, factors: tuple[ChainFactor, ...]) -> Value | None:
        """The value of a product that was computed, or of which the transpose was; the sides tell
        a row from a column, which is the same array."""
        found = self._known.get(factors)
        if found is not None:
            return found
        turned = ((self._graph.transpose(v), (c, r)) for v, (r, c) in reversed(factors))
        found = self._known.get(tuple(turned))
        return None if found is None else self._graph.transpose(found)

    def remember(self, factors: tuple[ChainFactor, ...], product: Value) -> None:
        self._known[factors] = product

    def join(self, left: ChainFactor, right: ChainFactor) -> ChainFactor:
        """The product of two."""
        (a, (rows, inside)), (b, (_, cols)) = left, right
        sides = (rows, cols)
        if inside == ONE:
            return self._outer(a, b, sides), sides
        for special in (self._with_diagonal, self._with_ones, self._with_inverse, self._unrolled):
            product = special(a, b, sides)
            if product is not None:
                return product, sides
        if self._is_skinny(a, b):
            turned = (self._graph.transpose(b), self._graph.transpose(a))
            product = self._graph.node("matmul", turned, None, extent(sides[::-1]))
            return self._graph.transpose(product), sides
        return self._graph.node("matmul", (a, b), None, extent(sides)), sides

    def _is_skinny(self, a: Value, b: Value) -> bool:
        """Whether a product A' B with few columns is faster as (B' A)': rows stay rows."""
        if not (a.is_matrix and b.is_matrix and a.op == "transpose" and b.op != "transpose"):
            return False
        return SKINNY * self.size(b.shape[1]) <= self.size(a.shape[0])

    def _outer(self, a: Value, b: Value, sides: Sides) -> Value:
        graph = self._graph
        if ONE in sides:
            return graph.mul(a, b)
        if a.op == "ones":
            return graph.spread(b, sides)
        if b.op == "ones":
            return graph.spread(graph.lift(a), sides)
        return graph.node("outer", (a, b), None, sides)

    def _with_diagonal(self, a: Value, b: Value, sides: Sides) -> Value | None:
        """Rows or columns are scaled."""
        graph = self._graph
        if a.op == b.op == "diagonal_matrix":
            return graph.diagonal_matrix(graph.mul(a.args[0], b.args[0]))
        if a.op == "diagonal_matrix":
            return graph.mul(graph.lift(a.args[0]) if b.is_matrix else a.args[0], b)
        if b.op == "diagonal_matrix":
            return graph.mul(a, b.args[0])
        return None

    def _with_ones(self, a: Value, b: Value, sides: Sides) -> Value | None:
        """A row of ones sums the rows, a column of ones the columns."""
        ones, other, axis = (a, b, 0) if sides[0] == ONE and a.op == "ones" else (b, a, 1)
        if ones.op != "ones" or ones.rank != 1:
            return None
        if other.op == "ones" and other.rank == 1:
            return self._graph.size(other.shape[0])
        if other.op == "inv":
            return None
        if other.op == "transpose":
            other, axis = other.args[0], 1 - axis
        return self._graph.reduced("sum", other, axis if other.is_matrix else None)

    def _with_inverse(self, a: Value, b: Value, sides: Sides) -> Value | None:
        """A system is solved."""
        graph = self._graph
        if a.op == "inv":
            return graph.node("solve", (a.args[0], b), None, extent(sides))
        if b.op == "inv":
            turned = graph.transpose(b.args[0]), graph.transpose(a)
            solved = graph.node("solve", turned, None, extent(sides[::-1]))
            return graph.transpose(solved)
        return None

    def _unrolled(self, a: Value, b: Value, sides: Sides) -> Value | None:
        """A large matrix of known structure times a vector, without the matrix."""
        graph = self._graph
        if a.op in CHOSEN and b.rank == 1:
            return graph.node(CHOSEN[a.op], (b,), a.data, extent(sides))
        if sides[0] == ONE and a.rank == 1 and b.op in ("kron", "commute", "transpose"):
            return self._unrolled(graph.transpose(b), a, sides[::-1]) if _large(b) else None
        if b.rank != 1 or not _large(a):
            return None
        turned = a.op == "transpose"
        large = a.args[0] if turned else a
        if large.op == "commute":
            m, n = large.data[::-1] if turned else large.data
            inside = graph.transpose(unraveled(graph, b, m, n))
            return graph.node("ravel", (graph.transpose(inside),), None, b.shape)
        left, right = (graph.transpose(x) if turned else x for x in large.args)
        middle = unraveled(graph, b, right.shape[1], left.shape[1])
        factors = [right, middle, graph.transpose(left)]
        product = self._product([(x, (x.shape[0], x.shape[1])) for x in factors])[0]
        return graph.node("ravel", (graph.transpose(product),), None, extent(sides))


def _factor(v: Value) -> ChainFactor:
    """A matrix as a factor of a product."""
    rows, cols = v.shape
    return v, (rows, cols)


def _large(v: Value) -> bool:
    if v.op == "transpose":
        v = v.args[0]
    if v.op == "kron":
        return all(ONE not in a.shape for a in v.args)
    return v.op == "commute"


def nominal(sizes: Mapping[str, int]) -> Callable[[Dim], int]:
    """The sizes of dimensions: as given, and equal for all other names."""
    return lambda d: d.size({**dict.fromkeys(d.names, NOMINAL), **sizes})


class _Programme:
    """The best order for one product: the costs of its intervals, and their values on demand."""

    def __init__(self, owner: Association, factors: list[ChainFactor]) -> None:
        self._owner = owner
        self._factors = factors
        self._values = [v for v, _ in factors]
        self._sizes = [owner.size(s[0]) for _, s in factors] + [owner.size(factors[-1][1][1])]
        self._costs: dict[ChainInterval, tuple[float, int]] = {}
        self._made: dict[ChainInterval, ChainFactor] = {}

    def pass_over(self, i: int, j: int) -> int:
        """The entries of a matrix with the sides before the factors i and j."""
        return self._sizes[i] * self._sizes[j]

    def is_turned(self, interval: ChainInterval) -> bool:
        """Whether an interval is a single, transposed factor."""
        i, j = interval
        return j - i == 1 and self._values[i].op == "transpose"

    def cost(self, interval: ChainInterval) -> float:
        """The multiplications that an interval takes."""
        return self._cost(interval)[0]

    def _cost(self, interval: ChainInterval) -> tuple[float, int]:
        """That, and the place where the interval is divided."""
        found = self._costs.get(interval)
        if found is None:
            i, j = interval
            if j - i == 1 or self._owner.known(tuple(self._factors[i:j])) is not None:
                found = (0.0, i)
            else:
                found = min((self._divided(i, k, j), k) for k in range(i + 1, j))
            self._costs[interval] = found
        return found

    def _divided(self, i: int, k: int, j: int) -> float:
        own = self._sizes[i] * self._sizes[k] * self._sizes[j]
        if self._is_diagonal(i, k):
            own = self._sizes[k] * (1 if self._is_diagonal(k, j) else self._sizes[j])
        elif self._is_diagonal(k, j):
            own = self._sizes[i] * self._sizes[k]
        return own + self.cost((i, k)) + self.cost((k, j))

    def _is_diagonal(self, i: int, j: int) -> bool:
        return all(v.op == "diagonal_matrix" for v in self._values[i:j])

    def best(self, interval: ChainInterval) -> ChainFactor:
        """The value of an interval, associated."""
        found = self._made.get(interval)
        if found is None:
            found = self._made[interval] = self._make(interval)
        return found

    def _make(self, interval: ChainInterval) -> ChainFactor:
        i, j = interval
        if j - i == 1:
            return self._factors[i]
        factors = tuple(self._factors[i:j])
        known = self._owner.known(factors)
        if known is not None:
            return known, (self._factors[i][1][0], self._factors[j - 1][1][1])
        _, k = self._cost(interval)
        product = self._owner.join(self.best((i, k)), self.best((k, j)))
        self._owner.remember(factors, product[0])
        return product
