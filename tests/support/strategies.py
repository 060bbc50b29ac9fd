"""Hypothesis strategies: random well-shaped expressions with finite values, and inputs for them."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

import numpy as np
from hypothesis import HealthCheck, assume, settings
from hypothesis import strategies as st

from shapetrick.core import expr as ex
from shapetrick.core.dims import ONE, SCALAR, Dim, Shape
from shapetrick.core.errors import ShapeError
from shapetrick.core.expr import Expr
from shapetrick.core.functions import OPERATORS, TABLE, Array
from shapetrick.core.traversal import postorder, substitute, symbols_of
from shapetrick.numerics import sampling
from shapetrick.numerics.evaluation import FunctionValues

DIMS = tuple(Dim.of(name) for name in ("m", "n", "k"))
SIZES = {"m": 3, "n": 4, "k": 2}
SIDES = (*DIMS, ONE)
SHAPES = [(r, c) for r in SIDES for c in SIDES]
ELEMENTWISE = ("sigma", "phi")

# Two names for each shape, so that products of different factors occur; one reads like a function.
_LETTERS = {SCALAR: ("s", "lam"), (ONE, DIMS[0]): ("r_m", "matrix"), (DIMS[1], DIMS[1]): ("A", "S")}


def _names(shape: Shape) -> tuple[str, ...]:
    rows, cols = shape
    return _LETTERS.get(shape, (f"P_{rows}{cols}", f"Q_{rows}{cols}"))


SYMBOLS: dict[Shape, tuple[Expr, ...]] = {
    shape: tuple(ex.symbol(name, shape) for name in _names(shape)) for shape in SHAPES
}
_SQUARE_ATTRIBUTES = ("symmetric", "posdef", "diagonal", "orthogonal", "lower", "upper")
_ENTRY_ATTRIBUTES = ("positive", "nonneg", "unit", "simplex", "onehot")


def _attributed(shape: Shape) -> list[Expr]:
    """A symbol of the shape for every attribute that fits it."""
    names = _ENTRY_ATTRIBUTES if shape != SCALAR else ("positive", "nonneg", "unit")
    if shape[0] == shape[1] != ONE:
        names = (*names, *_SQUARE_ATTRIBUTES)
    return [ex.symbol(f"{a}_{shape[0]}{shape[1]}", shape, [a]) for a in names]


ATTRIBUTED: dict[Shape, list[Expr]] = {shape: _attributed(shape) for shape in SHAPES}
DECLARATIONS = "\n".join(
    [
        *(f"{s.name} : {s.shape[0]} x {s.shape[1]}" for ss in SYMBOLS.values() for s in ss),
        *(f"{name} : elementwise" for name in ELEMENTWISE),
    ]
)
_SQUARE = [name for name, row in TABLE.items() if row.units == "inverse"]
_ELEMENTWISE = [
    name
    for name, row in TABLE.items()
    if row.elementwise and name not in OPERATORS and row.arity == 1
]
_BINARY = [
    name
    for name, row in TABLE.items()
    if row.elementwise and name not in OPERATORS and row.arity == 2
]
_AXIS = [name for name, row in TABLE.items() if row.takes_axis]
_numbers = st.one_of(
    st.integers(-3, 5).map(Fraction),
    st.builds(Fraction, st.integers(-5, 5), st.integers(1, 8)),
    st.sampled_from([Fraction(99, 100), Fraction(1, 100), 0.1, 1e-7, -2.5]),
)


# Hypothesis would print an example by its fields, interned parts and all.
Expr._repr_pretty_ = lambda self, printer, cycle: printer.text(repr(self))  # type: ignore[attr-defined]


def examples(count: int) -> settings:
    """That many random examples of a test, or as many times more as the profile asks for."""
    share = count * settings.default.max_examples // 100  # type: ignore[union-attr]
    return settings(max_examples=share, suppress_health_check=list(HealthCheck))


def environment(seed: int = 0) -> dict[str, Array]:
    """A value for every symbol, also for those with attributes."""
    rng = np.random.default_rng(seed)
    attributed = (s for symbols in ATTRIBUTED.values() for s in symbols)
    return {s.name: sampling.draw(s, SIZES, rng) for s in attributed} | {
        s.name: rng.uniform(-1.5, 1.5, [d.size(SIZES) for d in shape])
        for shape, symbols in SYMBOLS.items()
        for s in symbols
    }


def abstract_values() -> FunctionValues:
    """Smooth functions that stand for the abstract ones, with their derivatives."""
    return {
        "sigma": lambda x, order: np.sin(x + order * np.pi / 2),
        "phi": lambda x, order: np.exp(x / 2) / 2**order,
    }


@st.composite
def expressions(draw: st.DrawFn, shape: Shape | None = None, depth: int = 4) -> Expr:
    """A well-shaped expression of that shape, or of any; its value is finite and moderate."""
    wanted = shape if shape is not None else draw(st.sampled_from(SHAPES))
    return _expression(draw, wanted, depth)


@st.composite
def attributed_expressions(draw: st.DrawFn, depth: int = 4) -> Expr:
    """Likewise, in which some symbols have attributes; numbers are exact."""
    e = draw(expressions(depth=depth))
    assume(not any(isinstance(x, ex.Number) and isinstance(x.value, float) for x in postorder([e])))
    symbols = symbols_of(e)
    return substitute(e, {s: draw(st.sampled_from([s, s, *ATTRIBUTED[s.shape]])) for s in symbols})


def _expression(draw: st.DrawFn, shape: Shape, depth: int) -> Expr:
    if depth == 0:
        return _leaf(draw, shape)
    build = draw(st.sampled_from(_BUILDERS))
    try:
        return build(draw, shape, depth - 1)
    except ShapeError:  # that builder makes nothing of this shape
        return _leaf(draw, shape)


def _leaf(draw: st.DrawFn, shape: Shape) -> Expr:
    leaves = [*SYMBOLS[shape], *(ex.transpose(s) for s in SYMBOLS[shape[::-1]])]
    if shape == SCALAR:
        return draw(
            st.one_of(
                st.sampled_from([*leaves, ex.dimension(DIMS[0]), ex.dimension(DIMS[1] + ONE)]),
                st.sampled_from([ex.constant("pi"), ex.constant("e")]),
                _numbers.map(ex.number),
            )
        )
    leaves.append(ex.ones(*shape))
    if shape[0] == shape[1]:
        leaves += [ex.eye(shape[0])] * 2
    return draw(st.sampled_from(leaves))


def _broadcastable(draw: st.DrawFn, shape: Shape, depth: int, count: int) -> list[Expr]:
    """Operands that broadcast to the shape: one has it, the others perhaps a side of 1."""
    first = _expression(draw, shape, depth)
    rest = []
    for _ in range(count - 1):
        rows, cols = (draw(st.sampled_from([d, d, ONE])) for d in shape)
        rest.append(_expression(draw, (rows, cols), depth))
    return draw(st.permutations([first, *rest]))


def _sum(draw: st.DrawFn, shape: Shape, depth: int) -> Expr:
    terms = _broadcastable(draw, shape, depth, draw(st.integers(2, 3)))
    return ex.add(*(ex.negate(t) if draw(st.booleans()) else t for t in terms))


def _product(draw: st.DrawFn, shape: Shape, depth: int) -> Expr:
    factors = _broadcastable(draw, shape, depth, draw(st.integers(2, 3)))
    if draw(st.booleans()):
        factors.append(ex.number(draw(_numbers)))
    if draw(st.booleans()):
        factors.append(ex.power(_positive(_expression(draw, SCALAR, depth)), ex.MINUS))
    return ex.times(*factors)


def _quotient(draw: st.DrawFn, shape: Shape, depth: int) -> Expr:
    a, b = _broadcastable(draw, shape, depth, 2)
    return ex.divide(a, _positive(b))


def _power(draw: st.DrawFn, shape: Shape, depth: int) -> Expr:
    base, exponent = _broadcastable(draw, shape, depth, 2)
    if draw(st.booleans()):
        fixed = draw(st.sampled_from([2, 3, -1, -2, Fraction(1, 2), Fraction(-1, 2)]))
        return ex.power(_positive(_expression(draw, shape, depth)), ex.number(fixed))
    return ex.power(_positive(base), ex.call("tanh", exponent))


def _matmul(draw: st.DrawFn, shape: Shape, depth: int) -> Expr:
    inner = [shape[0], *draw(st.lists(st.sampled_from(SIDES), min_size=1, max_size=2)), shape[1]]
    factors = [_expression(draw, pair, depth) for pair in pairwise(inner)]
    return ex.matmul(*factors)


def _matrix_power(draw: st.DrawFn, shape: Shape, depth: int) -> Expr:
    return ex.matrix_power(_expression(draw, shape, depth), draw(st.integers(2, 3)))


def _elementwise(draw: st.DrawFn, shape: Shape, depth: int) -> Expr:
    name = draw(st.sampled_from(_ELEMENTWISE))
    x = _expression(draw, shape, depth)
    low, high = TABLE[name].drawn_from
    low, high = Fraction(str(low)), Fraction(str(high))
    middle, half = ex.number((low + high) / 2), ex.number((high - low) / 2)
    inside = ex.call("tanh", x) if draw(st.booleans()) else ex.call("sin", x)
    return ex.call(name, ex.add(middle, ex.times(half, inside)))


def _binary(draw: st.DrawFn, shape: Shape, depth: int) -> Expr:
    return ex.call(draw(st.sampled_from(_BINARY)), *_broadcastable(draw, shape, depth, 2))


def _abstract(draw: st.DrawFn, shape: Shape, depth: int) -> Expr:
    x = ex.call("tanh", _expression(draw, shape, depth))
    return ex.abstract(draw(st.sampled_from(ELEMENTWISE)), draw(st.integers(0, 2)), x)


def _transpose(draw: st.DrawFn, shape: Shape, depth: int) -> Expr:
    return ex.transpose(_expression(draw, shape[::-1], depth))


def _of_square(draw: st.DrawFn, shape: Shape, depth: int) -> Expr:
    n = shape[0] if shape != SCALAR else draw(st.sampled_from(DIMS))
    a = ex.call("tanh", _expression(draw, (n, n), depth))
    regular = ex.add(a, ex.times(ex.number(2), ex.dimension(n), ex.eye(n)))
    return _of_shape(ex.call(draw(st.sampled_from([*_SQUARE, "tr"])), regular), shape)


def _folding(draw: st.DrawFn, shape: Shape, depth: int) -> Expr:
    rows, cols = shape
    name = draw(st.sampled_from(_AXIS))
    axis = draw(st.sampled_from([a for a, _ in TABLE[name].signatures]))
    if name not in ("softmax", "log_softmax", "ismax", "ismin"):
        rows = rows if axis == 1 else draw(st.sampled_from(DIMS))
        cols = cols if axis == 0 else draw(st.sampled_from(DIMS))
    return _of_shape(ex.call(name, _expression(draw, (rows, cols), depth), data=axis), shape)


def _scalar_valued(draw: st.DrawFn, shape: Shape, depth: int) -> Expr:
    inner = draw(st.sampled_from(SHAPES))
    name = draw(st.sampled_from(["norm", "norm1", "dot"]))
    args = [_expression(draw, inner, depth) for _ in range(TABLE[name].arity)]
    return _of_shape(ex.call(name, *args), shape)


def _structural(draw: st.DrawFn, shape: Shape, depth: int) -> Expr:
    """diag both ways, vec and unvec, the Kronecker product."""
    rows, cols = shape
    if rows == cols:
        return ex.call(
            "diag", _expression(draw, draw(st.sampled_from([(rows, ONE), (ONE, rows)])), depth)
        )
    if cols == ONE and draw(st.booleans()):
        return ex.call("diag", _expression(draw, (rows, rows), depth))
    if draw(st.booleans()):
        pair = [_expression(draw, s, depth) for s in ((rows, ONE), (ONE, cols))]
        return ex.call("kron", *draw(st.permutations(pair)))
    column = ex.call("vec", _expression(draw, shape, depth))
    if draw(st.booleans()):
        rows, cols = cols, rows
        column = ex.matmul(ex.commute(cols, rows), column)
        return ex.transpose(ex.call("unvec", column, data=(rows, cols)))
    return ex.call("unvec", column, data=(rows, cols))


def _positive(e: Expr) -> Expr:
    """A value between about 1/2 and 3/2 in its place."""
    return ex.add(ex.UNIT, ex.times(ex.number(Fraction(1, 2)), ex.call("tanh", e)))


def _of_shape(e: Expr, shape: Shape) -> Expr:
    if e.shape != shape:
        raise ShapeError("another shape")
    return e


_BUILDERS = (
    *(_sum, _product, _matmul, _elementwise) * 2,
    *(_quotient, _power, _matrix_power, _binary, _abstract, _transpose),
    *(_of_square, _folding, _scalar_valued, _structural),
)
