"""Expressions to a computation plan: the meaning of every operation in array operations.

TABLE has a row for each operation whose arguments decide how it is computed: reductions, what is
stable only if written with care, what would make large matrices of small ones. Every other
operation is one operation of the array library too, and is spelled there
(`codegen/python/operations.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from ..core.block_forms import Acted, BlockMatrix, Part, written_through
from ..core.dims import NOTHING, ONE, Dim, Extent, extent
from ..core.errors import RequestError
from ..core.expr import Abstract, Expr, Name, PowerSum, value_of
from ..core.functions import TABLE as FUNCTIONS
from ..core.records import dataclass
from ..core.solved import LinearSolver, Solved, SolvedBy
from ..core.structure import data_of, sizes_of
from ..core.traversal import postorder
from . import reductions
from .ir import ArrayOperation, Graph, Value, pairs
from .reductions import inner, total


@dataclass(frozen=True, slots=True)
class Translation:
    """The values of some expressions, and the names that the problem has for values."""

    graph: Graph
    values: Mapping[Expr, Value]
    names: Mapping[Value, str]


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation on values: its expression, for the shapes, and the values of its arguments."""

    graph: Graph
    e: Expr
    args: Sequence[Value]

    @property
    def x(self) -> Value:
        return self.args[0]

    @property
    def axis_given(self) -> int | None:
        """The axis as the function has it."""
        data = data_of(self.e)
        return data if isinstance(data, int) else None

    @property
    def axis(self) -> int | None:
        """The axis of the array along which a function works; a vector has only one."""
        return self.axis_given if self.x.is_matrix else None

    @property
    def alone(self) -> bool:
        """Whether the function works on every entry by itself: along an axis that is 1."""
        sides = self.e.args[0].shape
        return not self.x.rank or (self.axis_given is not None and sides[self.axis_given] == ONE)

    def beside(self, v: Value) -> Value:
        """A reduced value spread beside the argument that it came from."""
        return self.graph.lift(v) if self.axis == 1 else v

    def reduced(self, op: ArrayOperation, v: Value) -> Value:
        """A value of the argument's shape, reduced along the axis."""
        return self.graph.reduced(op, v, self.axis)


def translate(roots: Iterable[Expr], graph: Graph) -> Translation:
    """The values of the expressions and of all that they are made of."""
    values: dict[Expr, Value] = {}
    given = list(roots)
    forms = written_through(given)
    _translate(graph, forms, values)
    names: dict[Value, str] = {}
    for e in postorder(forms):
        if isinstance(e, Name) and values[e].args:
            names.setdefault(values[e], e.name)
    values.update((e, values[form]) for e, form in zip(given, forms, strict=True))
    return Translation(graph, values, names)


def _translate(graph: Graph, roots: Sequence[Expr], values: dict[Expr, Value]) -> None:
    """Add the values of what the roots are made of and what has none yet."""
    for e in postorder(roots, into=lambda e: e not in values):
        if e not in values:
            values[e] = translated(graph, e, [values[a] for a in e.args])


def translated(graph: Graph, e: Expr, args: list[Value]) -> Value:
    """The value of an operation whose arguments have these. Raises RequestError."""
    row = TABLE.get(e.op)
    if row is not None:
        return row(Operation(graph, e, args))
    if e.op not in FUNCTIONS:
        raise RequestError(f"there is no code for `{e.op}`.")
    if FUNCTIONS[e.op].elementwise:
        return graph.function(e.op, *_aligned(graph, e, args))
    matrices = [reshaped(graph, v, a.shape) for a, v in zip(e.args, args, strict=True)]
    return reshaped(graph, graph.node("function", matrices, e.op, e.shape), extent(e.shape))


def _aligned(graph: Graph, e: Expr, args: Sequence[Value]) -> list[Value]:
    """The operands, columns lifted where they stand beside matrices or rows."""
    if ONE in e.shape:
        return list(args)
    return [graph.lift(v) if a.shape[1] == ONE else v for a, v in zip(e.args, args, strict=True)]


# ------------------------------------------------------------------------------------- operators


def _add(c: Operation) -> Value:
    return c.graph.spread(c.graph.add(*_aligned(c.graph, c.e, c.args)), extent(c.e.shape))


def _times(c: Operation) -> Value:
    """The element-wise product; an outer product in it is a column and a row."""
    factors: list[Value] = []
    for v in _aligned(c.graph, c.e, c.args):
        factors.extend(_outer_parts(c.graph, v) if len(c.args) > 1 and v.is_matrix else (v,))
    return c.graph.spread(c.graph.mul(*factors), extent(c.e.shape))


def _outer_parts(graph: Graph, v: Value) -> tuple[Value, ...]:
    if v.op == "chain":
        factors = list(pairs(v))
        for i, (_, (rows, _cols)) in enumerate(factors):
            if i and rows == ONE:
                return graph.lift(graph.chain(factors[:i])), graph.chain(factors[i:])
    return (v,)


def _power(c: Operation) -> Value:
    return c.graph.power(*_aligned(c.graph, c.e, c.args))


def _matmul(c: Operation) -> Value:
    return c.graph.chain([(v, a.shape) for a, v in zip(c.e.args, c.args, strict=True)])


def _diag(c: Operation) -> Value:
    """Of a vector the diagonal matrix, of a matrix its diagonal."""
    if not c.x.rank:
        return c.x
    return c.graph.diagonal_matrix(c.x) if c.x.rank == 1 else reductions.diagonal(c.graph, c.x)


def _leaf(op: ArrayOperation) -> Callable[[Operation], Value]:
    return lambda c: c.graph.node(op, (), sizes_of(c.e) or None, extent(c.e.shape))


def _input(c: Operation) -> Value:
    return c.graph.node("input", (), c.e, extent(c.e.shape))


def _spread(number: int) -> Callable[[Operation], Value]:
    return lambda c: c.graph.spread(c.graph.number(number), extent(c.e.shape))


def _abstract(c: Operation) -> Value:
    assert isinstance(c.e, Abstract)
    return c.graph.entrywise("abstract", c.x, data=(c.e.name, c.e.order))


# --------------------------------------------------------------------------- of a square matrix


def _of_square(
    op: ArrayOperation, of_scalar: Callable[[Graph, Value], Value]
) -> Callable[[Operation], Value]:
    """A function of a square matrix, which is simpler of a number."""

    def made(c: Operation) -> Value:
        if c.e.args[0].is_scalar:
            return of_scalar(c.graph, c.x)
        return c.graph.node(op, c.args, None, (*c.x.shape[:-2], *extent(c.e.shape)))

    return made


def _absolute_logarithm(graph: Graph, x: Value) -> Value:
    return graph.function("log", graph.function("abs", x))


def _powers(c: Operation) -> Value:
    """A power; and a sum of products of powers stands in the corner of a power of a block matrix,
    with the bases on its diagonal and what is between them beside it."""
    assert isinstance(c.e, PowerSum)
    graph, count, degree = c.graph, len(c.args) // 2, c.e.degree
    if not count:
        return graph.node("matrix_power", (c.x, graph.size(degree)), None, c.e.shape)
    sides = [a.shape[0] for a in c.e.args[::2]]
    size = sum(sides, NOTHING)
    rows = []
    for i, side in enumerate(sides):
        cells = [graph.spread(graph.number(0), (side, other)) for other in sides]
        cells[i : i + 2] = c.args[2 * i : 2 * i + 2]
        rows.append(concatenated(graph, cells, 1, (side, size)))
    block = concatenated(graph, rows, 0, (size, size))
    exponent = graph.size(degree + Dim.of(count))
    power = graph.node("matrix_power", (block, exponent), None, block.shape)
    corner = (NOTHING, sides[0], False), (size - sides[-1], size, False)
    return graph.node("slice", (power,), corner, c.e.shape)


def _solved(c: Operation) -> Value:
    """What a library solves for, or a column for which a rule has a value: then the node has a
    symbol for it, the rule of this, and that value."""
    assert isinstance(c.e, Solved)
    solver = c.e.compute
    if isinstance(solver, LinearSolver):
        *given, right = c.args
        values = dict[Expr, Value](zip(solver.given, given, strict=True))
        rule = written_through([solver.rule])
        _translate(c.graph, rule, values)
        args = (values[solver.solution], values[rule[0]], right)
        return c.graph.node("linear_solution", args, None, extent(c.e.shape))
    assert isinstance(solver, SolvedBy)
    matrices = [reshaped(c.graph, v, a.shape) for a, v in zip(c.e.args, c.args, strict=True)]
    if solver.item is None:
        found = c.graph.node("solved", matrices, solver.solver, c.e.shape)
    else:
        number, rank = solver.item
        several = c.graph.node("decomposed", matrices, solver.solver)
        shape = extent(c.e.shape) if rank < 2 else c.e.shape
        found = c.graph.node("item", (several,), (solver.solver, number), shape)
    return reshaped(c.graph, found, extent(c.e.shape))


def _adjugate(c: Operation) -> Value:
    if c.e.args[0].is_scalar:
        return c.graph.one
    determinant = c.graph.node("det", c.args, None, c.x.shape[:-2])
    return c.graph.mul(c.beside(determinant), c.graph.node("inv", c.args, None, c.x.shape))


# ------------------------------------------------------------------------------------ reductions


def _count(c: Operation) -> Value:
    shape, axis = c.e.args[0].shape, c.axis_given
    sides = shape if axis is None else (shape[axis], ONE)
    return c.graph.size(sides[0] * sides[1])


def _sum(c: Operation) -> Value:
    return c.x if c.alone else total(c.graph, c.x, c.axis)


def _mean(c: Operation) -> Value:
    return c.graph.mul(_sum(c), c.graph.reciprocal(_count(c)))


def _norm(c: Operation) -> Value:
    if not c.x.rank:
        return c.graph.function("abs", c.x)
    return c.graph.root(total(c.graph, c.graph.square(c.x)))


def _norm1(c: Operation) -> Value:
    return total(c.graph, c.graph.function("abs", c.x))


def _dot(c: Operation) -> Value:
    return inner(c.graph, *c.args)


def _extreme(op: ArrayOperation) -> Callable[[Operation], Value]:
    return lambda c: c.x if c.alone else c.reduced(op, c.x)


def _is_extreme(extreme: ArrayOperation) -> Callable[[Operation], Value]:
    def made(c: Operation) -> Value:
        if c.alone:
            return c.graph.spread(c.graph.one, c.x.shape)
        best = c.beside(c.reduced(extreme, c.x))
        found = c.graph.entrywise("equal", c.x, best)  # equal ones share the 1
        count = c.beside(c.reduced("sum", found))
        return c.graph.mul(found, c.graph.reciprocal(count))

    return made


def _product_of_entries(c: Operation) -> Value:
    return c.x if c.alone else c.reduced("prod", c.x)


def _exponentials(c: Operation) -> tuple[Value, Value, Value, Value]:
    """The largest entry, what entries are above it, exp of that, and the sum of it: none can
    overflow."""
    top = c.reduced("max", c.x)
    above = c.graph.add(c.x, c.graph.scaled(-1, c.beside(top)))
    exponentials = c.graph.function("exp", above)
    return top, above, exponentials, c.reduced("sum", exponentials)


def _logsumexp(c: Operation) -> Value:
    if c.alone:
        return c.x
    top, *_, summed = _exponentials(c)
    return c.graph.add(top, c.graph.function("log", summed))


def _softmax(c: Operation) -> Value:
    if c.alone:
        return c.graph.spread(c.graph.one, c.x.shape)
    *_, exponentials, summed = _exponentials(c)
    return c.graph.mul(exponentials, c.graph.reciprocal(c.beside(summed)))


def _log_softmax(c: Operation) -> Value:
    if c.alone:
        return c.graph.spread(c.graph.number(0), c.x.shape)
    _, above, _, summed = _exponentials(c)
    below = c.beside(c.graph.function("log", summed))
    return c.graph.add(above, c.graph.scaled(-1, below))


# ----------------------------------------------------------------------------------- rearranging


def _vec(c: Operation) -> Value:
    """The columns below each other: of the transpose, its rows beside each other."""
    if c.x.rank < 2:
        return c.x
    return c.graph.node("ravel", (c.graph.transpose(c.x),), None, extent(c.e.shape))


def _unvec(c: Operation) -> Value:
    m, n = sizes_of(c.e)
    return unraveled(c.graph, c.x, m, n)


def unraveled(graph: Graph, v: Value, m: Dim, n: Dim) -> Value:
    """The m×n matrix with that `vec`."""
    if ONE in (m, n):
        return v
    if v.op == "ravel" and v.args[0].shape == (n, m):
        return graph.transpose(v.args[0])
    return graph.transpose(reshaped(graph, v, (n, m)))


def _kron(c: Operation) -> Value:
    if any(not a.rank for a in c.args):
        return c.graph.mul(*c.args)
    a, b = (reshaped(c.graph, v, arg.shape) for v, arg in zip(c.args, c.e.args, strict=True))
    product = c.graph.node("kron", (a, b), None, c.e.shape)
    return reshaped(c.graph, product, extent(c.e.shape))


def reshaped(graph: Graph, v: Value, shape: Extent) -> Value:
    return v if v.shape == shape else graph.node("reshape", (v,), None, shape)


# --------------------------------------------------------------------- slices, blocks and triangles


def _part(c: Operation) -> Value:
    """A slice; of what has one axis, one slice."""
    assert isinstance(c.e, Part)
    return sliced(c.graph, c.x, c.e)


def sliced(graph: Graph, x: Value, e: Part, lead: Extent = ()) -> Value:
    """The slice of an array that has these axes in front."""
    places: list[AxisPart | None] = [
        None if bounds is None else (bounds[0] - ONE, bounds[1], bounds[0] == bounds[1])
        for bounds, dim in zip((e.rows, e.cols), e.args[0].shape, strict=True)
        if dim != ONE
    ]
    whole = (*[None] * len(lead), *places)
    return graph.node("slice", (x,), whole, (*lead, *extent(e.shape)))


def _block(c: Operation) -> Value:
    """The parts of each row beside each other, the rows below each other."""
    assert isinstance(c.e, BlockMatrix)
    graph, width = c.graph, c.e.width
    cells = list(zip(c.e.args, c.args, strict=True))
    if ONE in c.e.shape:
        vectors = [graph.spread(v, (ONE,)) if not v.rank else v for _, v in cells]
        return concatenated(graph, vectors, 0, extent(c.e.shape))
    rows = []
    for at in range(0, len(cells), width):
        row = cells[at : at + width]
        parts = [graph.spread(v, a.shape) if not v.rank else _whole(graph, v, a) for a, v in row]
        rows.append(concatenated(graph, parts, 1, (row[0][0].shape[0], c.e.shape[1])))
    return concatenated(graph, rows, 0, c.e.shape)


def _whole(graph: Graph, v: Value, e: Expr) -> Value:
    """The array with both its axes."""
    return v if v.is_matrix else graph.lift(v) if e.shape[1] == ONE else reshaped(graph, v, e.shape)


def concatenated(graph: Graph, parts: Sequence[Value], axis: int, shape: Extent) -> Value:
    return parts[0] if len(parts) == 1 else graph.node("concatenate", parts, axis, shape)


def _acted(c: Operation) -> Value:
    assert isinstance(c.e, Acted)
    if not c.x.rank:
        return c.x if c.e.by is None else c.graph.number(0)
    return acted(c.graph, c.x, c.e)


def acted(graph: Graph, x: Value, e: Acted, lead: Extent = ()) -> Value:
    """What keeps the shape of an array that has these axes in front."""
    shape, axis = (*lead, *extent(e.shape)), e.axis
    if axis is not None:
        axis = len(shape) - 1 if axis else len(lead)
    if e.by is None:
        return graph.node(ACTED[e.function], (x,), axis, shape)
    return shifted(graph, x, e.by, shape, len(lead) if axis is None else axis)


def shifted(graph: Graph, x: Value, by: Dim, shape: Extent, axis: int) -> Value:
    """The entries moved behind, or to the front, along an axis: zeros before or behind them, and as
    many as there were."""
    degree = max((len(letters) for letters, _ in by.terms), default=0)
    up = all(k < 0 for letters, k in by.terms if len(letters) == degree)  # `2 - n`, if n is large
    places = -by if up else by
    empty, longer = ((*shape[:axis], d, *shape[axis + 1 :]) for d in (places, shape[axis] + places))
    zeros = graph.spread(graph.number(0), empty)
    whole = graph.node("concatenate", [x, zeros] if up else [zeros, x], axis, longer)
    first = places if up else NOTHING
    cut: list[AxisPart | None] = [None] * len(shape)
    cut[axis] = (first, first + shape[axis], False)
    return graph.node("slice", (whole,), tuple(cut), shape)


ACTED: Mapping[str, ArrayOperation] = {  # what keeps an array's shape, without a number
    "flip": "flip",
    "lower": "lower",
    "upper": "upper",
    "cumsum": "cumsum",
}
AxisPart = tuple[Dim, Dim, bool]  # of an axis: from where, to where, and whether it is one entry

TABLE: Mapping[str, Callable[[Operation], Value]] = {
    "part": _part,
    "block": _block,
    "acted": _acted,
    "number": lambda c: c.graph.number(value_of(c.e)),
    "dimension": lambda c: c.graph.size(Dim.of(str(c.e))),
    "constant": lambda c: c.graph.node("constant", (), c.e.payload[0], ()),
    "symbol": _input,
    "name": lambda c: c.x,
    "ones": _spread(1),
    "zeros": _spread(0),
    "eye": _leaf("eye"),
    "commute": _leaf("commute"),
    "duplicate": _leaf("duplicate"),
    "eliminate": _leaf("eliminate"),
    "abstract": _abstract,
    "add": _add,
    "times": _times,
    "power": _power,
    "square": lambda c: c.graph.square(c.x),
    "sqrt": lambda c: c.graph.root(c.x),
    "matmul": _matmul,
    "powers": _powers,
    "solved": _solved,
    "transpose": lambda c: c.graph.transpose(c.x),
    "tr": lambda c: reductions.trace(c.graph, c.x) if c.x.rank else c.x,
    "det": _of_square("det", lambda graph, x: x),
    "logdet": _of_square("logdet", _absolute_logarithm),
    "inv": _of_square("inv", Graph.reciprocal),
    "adj": _adjugate,
    "diag": _diag,
    "vec": _vec,
    "unvec": _unvec,
    "kron": _kron,
    "sum": _sum,
    "mean": _mean,
    "prod": _product_of_entries,
    "max": _extreme("max"),
    "min": _extreme("min"),
    "ismax": _is_extreme("max"),
    "ismin": _is_extreme("min"),
    "norm": _norm,
    "norm1": _norm1,
    "dot": _dot,
    "logsumexp": _logsumexp,
    "softmax": _softmax,
    "log_softmax": _log_softmax,
}
