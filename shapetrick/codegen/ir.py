"""The computation plan: array operations as nodes, before anything is spelled in a library.

A vector of the language, n×1 or 1×n, is an array with one axis here, and a scalar has none: that
is how people write array programs. A node (`Value`) is an operation, its arguments, what else it
needs, and its shape; a `Graph` hands out one node for equal ones, which is what shares
subexpressions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from math import prod
from typing import Any, Literal

from ..core.dims import ONE, Dim, Extent, Sides, extent
from ..core.expr import Real
from ..core.records import dataclass
from ..core.traversal import postorder

# Operations on arrays, in groups: what is given, of every entry, what stands where, sums and
# products, of square matrices, what products are until `codegen/chain_order.py` orders them, and
# what arrays of members need (`codegen/axes.py`, `codegen/member_reads.py`).
ArrayOperation = Literal[
    "number", "size", "constant", "input",
    "add", "mul", "power", "root", "equal", "function", "abstract",
    "transpose", "lift", "ravel", "reshape", "spread", "array", "full", "zeros", "ones", "eye",
    "commute", "duplicate", "eliminate", "duplicated", "eliminated",
    "diagonal_matrix", "diagonal", "kron", "slice",
    "concatenate", "flip", "lower", "upper",
    "sum", "cumsum", "prod", "max", "min", "trace", "inner", "trace_of_product", "row_dots",
    "column_dots",
    "outer", "matmul",
    "matrix_power", "solved", "decomposed", "item", "linear_solution",
    "solve", "inv", "det", "logdet", "mirrored", "cholesky", "cholesky_diagonal",
    "cholesky_solve", "cholesky_inverse", "lu", "lu_diagonal", "lu_det", "lu_solve",
    "lu_solve_transposed", "lu_inverse",
    "chain", "trace_of_chain", "diagonal_of_chain",
    "permute", "expand", "einsum", "tensordot", "pad", "select", "windows", "axis_diagonal",
    "arange", "at_most", "masked", "member", "stack",
]  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Value:
    """An array that is computed. Compare with `is`: a graph has one node for equal ones.

    A "function" is one of the operation table that is no other operation: its name is `data`."""

    op: ArrayOperation
    args: tuple[Value, ...]
    data: Any
    shape: Extent

    @property
    def rank(self) -> int:
        return len(self.shape)

    @property
    def is_matrix(self) -> bool:
        return len(self.shape) == 2

    @property
    def exponent(self) -> Real | None:
        """Of a power by a number, that."""
        is_power = self.op == "power" and self.args[1].op == "number"
        return self.args[1].data if is_power else None


def dims_in(v: Value) -> Iterator[Dim]:
    """The dimensions that stand in a value itself, in its shape and in what else it has."""
    stack: list[object] = [v.data, *reversed(v.shape)]
    while stack:
        x = stack.pop()
        if isinstance(x, Dim):
            yield x
        elif isinstance(x, tuple):
            stack += reversed(x)


ChainFactor = tuple[Value, Sides]  # a factor of a matrix product as it stands in it


class Graph:
    """Hands out nodes; its methods are the constructors, which bring nodes to one form."""

    def __init__(self) -> None:
        self._nodes: dict[tuple[Any, ...], Value] = {}
        self.one = self.number(Fraction(1))

    def node(
        self,
        op: ArrayOperation,
        args: Sequence[Value] = (),
        data: Any = None,
        shape: Extent = (),
    ) -> Value:
        """The one node of these fields, as they are."""
        key = (op, tuple(args), type(data), data, shape)
        found = self._nodes.get(key)
        if found is None:
            found = self._nodes[key] = Value(op, tuple(args), data, shape)
        return found

    def number(self, value: Real | int) -> Value:
        return self.node("number", (), value if isinstance(value, float) else Fraction(value))

    def size(self, dim: Dim) -> Value:
        """A dimension as a number."""
        whole = dim.integer
        return self.number(whole) if whole is not None else self.node("size", (), dim)

    def renewed(self, v: Value, args: Sequence[Value]) -> Value:
        """The node with other arguments of the same shapes."""
        if v.op == "mul":
            return self.spread(self.mul(*args), v.shape)
        return self.node(v.op, args, v.data, v.shape)

    # ---------------------------------------------------------------------------- entry by entry

    def add(self, *args: Value) -> Value:
        """The sum, broadcast as NumPy does; what was only spread for the others isn't spread."""
        terms = self._unspread(_grouped(self.add, list(args)))
        return terms[0] if len(terms) == 1 else self.node("add", terms, None, broadcast(terms))

    def mul(self, *args: Value) -> Value:
        """The product entry by entry, numbers and scalars first."""
        factors = self._unspread(_grouped(self.mul, [x for a in args for x in self._scaled(a)]))
        scalars = [a for a in factors if not a.rank]
        coefficient: Real = prod((a.data for a in scalars if a.op == "number"), start=Fraction(1))
        scalars = [a for a in scalars if a.op != "number"]
        arrays = sorted(
            (a for a in factors if a.rank), key=lambda a: sum(d != ONE for d in a.shape)
        )
        if coefficient != 1 or not (scalars or arrays):
            scalars.insert(0, self.number(coefficient))
        whole = [*scalars, *arrays]
        return whole[0] if len(whole) == 1 else self.node("mul", whole, None, broadcast(whole))

    def _scaled(self, a: Value) -> tuple[Value, ...]:
        """The factors that are taken out of an argument: those of scalars, and scalar multiples."""
        if a.op == "mul" and sum(x.rank > 0 for x in a.args) <= 1:
            return a.args
        return (a,)

    def _unspread(self, args: list[Value]) -> list[Value]:
        """The arguments, those left out or narrowed that only spread what others spread too."""
        whole = broadcast(args)
        for i, a in enumerate(args):
            if a.op in ("spread", "ones"):
                bare = a.args[0] if a.args else self.one
                others = [*args[:i], bare, *args[i + 1 :]]
                if broadcast(others) == whole:
                    args = others
        return args

    def scaled(self, coefficient: Real, a: Value) -> Value:
        return self.mul(self.number(coefficient), a)

    def power(self, base: Value, exponent: Value) -> Value:
        """The power, entry by entry; a square root squared is what stood under the root."""
        p = exponent.data if exponent.op == "number" else None
        if p == 1:
            return base
        if p == -1 and base.op == "number" and base.data:
            return self.number(1 / base.data)
        if p == 2 and base.op == "root":
            return base.args[0]
        if p == 3:  # libraries are quick at squares, and slow at all other powers
            return self.mul(self.square(base), base)
        if p == 4:
            return self.square(self.square(base))
        return self.node("power", (base, exponent), None, broadcast((base, exponent)))

    def reciprocal(self, a: Value) -> Value:
        return self.power(a, self.number(-1))

    def square(self, a: Value) -> Value:
        return self.power(a, self.number(2))

    def root(self, a: Value) -> Value:
        """The square root, entry by entry."""
        return self.entrywise("root", a)

    def entrywise(self, op: ArrayOperation, *args: Value, data: Any = None) -> Value:
        """An operation on every entry."""
        return self.node(op, args, data, broadcast(args))

    def function(self, name: str, *args: Value) -> Value:
        """A function of the table, of every entry."""
        return self.entrywise("function", *args, data=name)

    # ------------------------------------------------------------------------------- other shapes

    def spread(self, a: Value, shape: Extent) -> Value:
        """The array repeated over a larger shape; this is computed only where nothing else
        spreads it."""
        if a.shape == shape:
            return a
        if a is self.one:
            return self.node("ones", (), None, shape)
        return self.node("spread", (a,), None, shape)

    def lift(self, a: Value) -> Value:
        """A vector as a column beside matrices: `a[:, None]`; its sign stays outside."""
        if a.rank != 1:
            return a
        if a.op == "mul" and a.args[0].op == "number" and a.args[0].data == -1:
            return self.mul(a.args[0], self.lift(self.mul(*a.args[1:])))
        return self.node("lift", (a,), None, (*a.shape, ONE))

    def unlifted(self, a: Value) -> Value:
        """The vector that stands as a column beside matrices, such as `a[:, None] ** 2`."""
        if a.op == "lift":
            return a.args[0]
        if a.op in ("mul", "power"):
            build = self.mul if a.op == "mul" else self.power
            return build(*(self.unlifted(x) if x.is_matrix else x for x in a.args))
        return self.node("ravel", (a,), None, a.shape[:1])

    def transpose(self, a: Value) -> Value:
        """The transpose: of a vector the vector, of a product the product of the transposes."""
        if a.rank < 2 or a.op in ("eye", "diagonal_matrix") or _is_symmetric(a):
            return a
        if a.op == "transpose":
            return a.args[0]
        if a.op == "chain":
            return self.chain(self._turned(list(pairs(a))))
        if a.op == "outer":
            return self.node("outer", a.args[::-1], None, a.shape[::-1])
        if a.op == "inv":
            return self.node("inv", (self.transpose(a.args[0]),), None, a.shape)
        return self.node("transpose", (a,), None, a.shape[::-1])

    def diagonal_matrix(self, v: Value) -> Value:
        return self.node("diagonal_matrix", (v,), None, (*v.shape, *v.shape))

    def reduced(self, op: ArrayOperation, a: Value, axis: int | None) -> Value:
        """A reduction by its name, without simplifications."""
        shape = () if axis is None else tuple(d for i, d in enumerate(a.shape) if i != axis)
        return self.node(op, (a,), axis, shape)

    # ----------------------------------------------------------------------------------- products

    def chain(self, factors: Sequence[tuple[Value, Sides]]) -> Value:
        """A matrix product that is not yet associated; see `codegen/chain_order.py`."""
        from_scalars, matrices = self._opened(factors)
        product: Value
        if not matrices:
            product = self.one
        elif len(matrices) == 1:
            product = matrices[0][0]
        else:
            sides = matrices[0][1][0], matrices[-1][1][1]
            product = self.node(
                "chain",
                [v for v, _ in matrices],
                tuple(s for _, s in matrices),
                extent(sides),
            )
        return self.mul(*from_scalars, product)

    def _opened(
        self, factors: Sequence[tuple[Value, Sides]]
    ) -> tuple[list[Value], list[tuple[Value, Sides]]]:
        """The scalars and the factors of a product; products within it are opened if cheap."""
        scalars: list[Value] = []
        matrices: list[tuple[Value, Sides]] = []
        pending = list(reversed(factors))
        room = max(MOST_FACTORS - len(pending), 0)
        while pending:
            v, sides = pending.pop()
            if v.op == "mul" and v.rank and sum(x.rank > 0 for x in v.args) == 1:
                scalars.extend(x for x in v.args if not x.rank)
                pending.append((next(x for x in v.args if x.rank), sides))
            elif v.rank == 0:
                scalars.append(v)
            elif v.op == "eye" and (matrices or pending):
                continue
            elif v.op == "chain" and len(v.args) <= room:
                room -= len(v.args)
                pending.extend(reversed(self._standing(v, sides)))
            else:
                matrices.append((v, sides))
        return scalars, matrices

    def _standing(self, chain: Value, sides: Sides) -> list[tuple[Value, Sides]]:
        """The factors of a product as it stands here: a vector's may have to be turned."""
        factors = list(pairs(chain))
        if (factors[0][1][0], factors[-1][1][1]) == sides:
            return factors
        return self._turned(factors)

    def _turned(self, factors: list[tuple[Value, Sides]]) -> list[tuple[Value, Sides]]:
        return [(self.transpose(v), (c, r)) for v, (r, c) in reversed(factors)]


MOST_OPERANDS = 12  # of one sum or product, so that it fits a line
MOST_FACTORS = 24  # of a product that products within it are opened into


def pairs(chain: Value) -> Iterator[tuple[Value, Sides]]:
    """A product's factors with their sides."""
    return zip(chain.args, chain.data, strict=True)


def _is_symmetric(a: Value) -> bool:
    return a.op == "input" and bool(a.data.attributes & {"symmetric", "posdef", "diagonal"})


def _grouped(build: Callable[..., Value], operands: list[Value]) -> list[Value]:
    """The operands, put together in groups where there are many."""
    while len(operands) > MOST_OPERANDS:
        starts = range(0, len(operands), MOST_OPERANDS)
        operands = [build(*operands[i : i + MOST_OPERANDS]) for i in starts]
    return operands


def broadcast(args: Sequence[Value]) -> Extent:
    """The shape over which arrays broadcast, as in NumPy; what doesn't fit was refused long
    before."""
    rank = max(a.rank for a in args)
    shape = [ONE] * rank
    for a in args:
        for i, d in enumerate(a.shape, start=rank - a.rank):
            if d != ONE:
                shape[i] = d
    return tuple(shape)


def rewritten(
    graph: Graph, roots: Sequence[Value], change: Callable[[Value], Value]
) -> dict[Value, Value]:
    """Every node that the roots need with `change` applied, arguments first."""
    new: dict[Value, Value] = {}
    for v in postorder(roots):
        args = [new[a] for a in v.args]
        same = all(a is b for a, b in zip(args, v.args, strict=True))
        new[v] = change(v if same else graph.renewed(v, args))
    return new
