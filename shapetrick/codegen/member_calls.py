"""CALLS: what functions of arrays with letters are in operations on named axes, where they are not
what they are in any other plan, on every array by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from math import prod

from ..core.dims import ONE
from ..core.expr import Call
from ..core.records import dataclass
from ..core.structure import data_of
from .axes import Axes, NamedArray
from .from_expressions import TABLE, Operation, reshaped
from .ir import ArrayOperation, Value
from .member_products import Products, SummedProduct
from .member_reads import LetterRanges

NO_CODE = "there is no code for `{}` of members with several indices: `evaluate` gives the values."


@dataclass(frozen=True, slots=True)
class MemberCall:
    """A function of what has letters, which run in these ranges."""

    to: Products
    e: Call
    args: Sequence[SummedProduct]
    scope: LetterRanges

    @property
    def p(self) -> SummedProduct:
        return self.args[0]

    @property
    def over(self) -> list[str]:
        """The axes that a function of an argument works along."""
        data = data_of(self.e)
        sides = (self.p.col,) if data == 1 else (self.p.row,) if data == 0 else self.sides
        return [x for x in sides if x is not None]

    @property
    def sides(self) -> tuple[str | None, str | None]:
        return self.p.row, self.p.col

    def array(self) -> NamedArray:
        return self.to.array(self.p, self.scope)


Rule = Callable[[MemberCall], SummedProduct]


@dataclass(frozen=True, slots=True)
class _AlongAxes(Operation):
    """An operation on an array along some of its named axes."""

    axes: Axes
    own: tuple[str, ...]
    over: Sequence[str]

    @property
    def kept(self) -> tuple[str, ...]:
        return tuple(x for x in self.own if x not in self.over)

    @property
    def alone(self) -> bool:
        return self.kept == self.own

    def reduced(self, op: ArrayOperation, v: Value) -> Value:
        return self.axes.reduced(op, NamedArray(v, self.own), self.over).value

    def beside(self, v: Value) -> Value:
        return self.axes.aligned(NamedArray(v, self.kept), self.own)


def _along(c: MemberCall) -> SummedProduct:
    """A function along axes, as in any other plan."""
    a = c.array()
    operation = _AlongAxes(c.to.graph, c.e, (a.value,), c.to.axes, a.axes, c.over)
    v = TABLE[c.e.function](operation)
    if v.rank == len(a.axes):
        return SummedProduct((NamedArray(v, a.axes),), *c.sides)
    row, col = (None if x in c.over else x for x in c.sides)
    return SummedProduct((NamedArray(v, operation.kept),), row, col)


def _mean(c: MemberCall) -> SummedProduct:
    count = prod((c.to.axes.dim(x) for x in c.over), start=ONE)
    p, graph = c.p.summed_over(c.over), c.to.graph
    return replace(p, factors=(*p.factors, NamedArray(graph.reciprocal(graph.size(count)), ())))


def _norm(c: MemberCall) -> SummedProduct:
    squares = c.to.array(c.to.squares(c.p, c.scope), c.scope)
    return SummedProduct((NamedArray(c.to.graph.root(squares.value), squares.axes),))


def _norm1(c: MemberCall) -> SummedProduct:
    a = c.array()
    held = NamedArray(c.to.graph.function("abs", a.value), a.axes)
    return SummedProduct((held,), *c.sides).summed_over(c.sides)


def _dot(c: MemberCall) -> SummedProduct:
    p = c.to.times(c.args)
    return p.summed_over((p.row, p.col))


def _on_diagonal(c: MemberCall, row: str, col: str) -> SummedProduct:
    """The argument times the identity with these axes."""
    factors = (*c.p.factors, c.to.identity(row, col))
    return SummedProduct(factors, row, col, c.p.summed)


def _trace(c: MemberCall) -> SummedProduct:
    row, col = c.sides
    if not (row and col):
        return c.p
    if any({row, col} <= {*f.axes} for f in c.p.factors):
        return _on_diagonal(c, row, col).summed_over(c.sides)
    return c.p.renamed({col: row}).summed_over((row,))  # of two factors the same axis


def _diag(c: MemberCall) -> SummedProduct:
    """Of a vector the diagonal matrix, of a matrix its diagonal."""
    row, col = c.sides
    if row and col:
        return _on_diagonal(c, row, col).summed_over((col,))
    own = row or col
    return _on_diagonal(c, own, c.to.axes.name(c.to.axes.dim(own))) if own else c.p


def _merged(
    c: MemberCall,
    factors: Sequence[NamedArray],
    rows: Iterable[str | None],
    cols: Iterable[str | None],
) -> SummedProduct:
    """A product with several axes for its rows, and for its columns, as one axis for each."""
    axes, (below, beside) = c.to.axes, ([x for x in own if x] for own in (rows, cols))
    letters = c.to.letters({x for f in factors for x in f.axes}, c.scope)
    whole = [*letters, *below, *beside]
    v = axes.spread(axes.product(factors, whole), whole)
    row, col = (
        axes.name(prod(axes.extent(own), start=ONE)) if own else None for own in (below, beside)
    )
    names = (*letters, *(x for x in (row, col) if x))
    shape = axes.extent(names)
    return SummedProduct((NamedArray(reshaped(c.to.graph, v, shape), names),), row, col)


def _kron(c: MemberCall) -> SummedProduct:
    a, b = c.args
    return _merged(c, (*a.factors, *b.factors), (a.row, b.row), (a.col, b.col))


def _unvec(c: MemberCall) -> SummedProduct:
    """Of each vector the matrix with that `vec`."""
    a, (row, col) = c.array(), c.to.sides(c.e)
    own = tuple(x for x in (col, row) if x)
    axes = (*(x for x in a.axes if x not in c.sides), *own)
    v = reshaped(c.to.graph, a.value, c.to.axes.extent(axes))
    return SummedProduct((NamedArray(v, axes),), row, col)


CALLS: Mapping[str, Rule] = {
    "sum": lambda c: c.p.summed_over(c.over),
    "mean": _mean,
    "norm": _norm,
    "norm1": _norm1,
    "dot": _dot,
    "tr": _trace,
    "diag": _diag,
    "kron": _kron,
    "vec": lambda c: _merged(c, c.p.factors, (c.p.col, c.p.row), ()),
    "unvec": _unvec,
    "square": lambda c: c.to.squared(c.p, c.scope),
}


def rule_of(function: str) -> Rule | None:
    """What a function is; None for one that has no operations of its own."""
    return CALLS.get(function, _along if function in TABLE else None)


# What the square of a function is, without a root that is squared again.
SQUARES: Mapping[str, Rule] = {"norm": lambda c: c.to.squares(c.p, c.scope)}
