"""Expressions to SymPy.

A dimension is a positive integer symbol, a scalar a real one, everything else a matrix expression.
Broadcasting becomes explicit: a row over m rows is `OneMatrix(m, 1)*row`. What SymPy hasn't is
refused by name. Its matrix symbols have no attributes: ours are lost on the way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction
from itertools import count, islice
from typing import Any

import sympy as sp
from sympy.matrices.expressions.applyfunc import ElementwiseApplyFunction
from sympy.matrices.expressions.diagonal import DiagMatrix, DiagonalOf
from sympy.matrices.expressions.slice import MatrixSlice

from ..core import expr as ex
from ..core.block_forms import Acted, BlockMatrix, Part, written
from ..core.dims import ONE, SCALAR, Dim, Shape
from ..core.errors import RequestError
from ..core.expr import Abstract, Call, Expr, Name, Number, PowerSum, Symbol, call, operand
from ..core.functions import TABLE, Function
from ..core.structure import data_of
from ..core.traversal import postorder, transform
from ..language.definitions import definition, written_out

VARIABLE = sp.Dummy("x", real=True)

# Where a function isn't one of SymPy's, of the same arguments.
_SPELLINGS: Mapping[str, Callable[..., Any]] = {"step": lambda x: sp.Heaviside(x, 0)}


def to_sympy(e: Expr) -> Any:
    """The SymPy expression of the same value; definitions are written out.

    >>> A, x = st.symbols("A: n x n; x: n")
    >>> st.to_sympy(A @ x)
    A*x

    Raises RequestError for what SymPy hasn't."""
    done: dict[Expr, Any] = {}
    try:
        for part in postorder([written(_expanded(operand(e)))]):
            done[part] = _made(part, [done[a] for a in part.args])
    except RecursionError:
        raise RequestError("the expression is too deep for SymPy.") from None
    return done[part]


def _expanded(e: Expr) -> Expr:
    """The expression without names, and without reductions that SymPy hasn't."""

    def change(part: Expr) -> Expr:
        if isinstance(part, Name):
            return part.args[0]
        expand = _EXPANSIONS.get(part.op)
        return part if expand is None else expand(*part.args, data_of(part))

    return transform(written_out(e, lambda part: not TABLE[part.function].elementwise), change)


def _total(x: Expr, axis: int | None = None) -> Expr:
    rows, cols = x.shape
    total = x if axis == 1 else ex.matmul(ex.ones(ONE, rows), x)
    return total if axis == 0 else ex.matmul(total, ex.ones(cols, ONE))


def trace(x: Expr) -> Expr:
    return x if x.is_scalar else call("tr", x)


_EXPANSIONS: Mapping[str, Callable[..., Expr]] = {"sum": _total}


def of_scalars(row: Function) -> Callable[..., Any]:
    """The row's function of scalars in SymPy: its own, or by the definition, or undefined."""
    function: Callable[..., Any] | None
    function = _SPELLINGS.get(row.name) or getattr(sp, row.sympy or "-", None)
    if function is not None:
        return function
    if not row.definition:
        return sp.Function(row.name)  # type: ignore[no-any-return]
    places = tuple(ex.symbol(f"#{i}", SCALAR) for i in range(row.arity))
    body = definition(ex.node(Call, places, SCALAR, row.name, None))
    return sp.Lambda(tuple(map(to_sympy, places)), to_sympy(body))  # type: ignore[no-any-return]


def _made(e: Expr, args: list[Any]) -> Any:
    """The SymPy expression of a node, given those of its arguments."""
    make = _MAKERS.get(e.op)
    if make is not None:
        return make(e, args)
    row = TABLE.get(e.op)
    if row is not None and row.elementwise:
        return _apply(e, args, of_scalars(row))
    raise RequestError(f"SymPy has no matrix expression for `{e.op}`.")


def _size(dim: Dim) -> Any:
    return sp.Add(*(k * sp.Mul(*map(_dimension, names)) for names, k in dim.terms))


def _dimension(name: str) -> Any:
    return sp.Symbol(name, integer=True, positive=True)


def _symbol(e: Symbol, _: Any) -> Any:
    if not e.is_scalar:
        return sp.MatrixSymbol(e.name, *map(_size, e.shape))
    known = [a for a in ("positive", "nonnegative") if a[:6] in {b[:6] for b in e.attributes}]
    return sp.Symbol(e.name, real=True, **dict.fromkeys(known, True))


def _number(e: Number, _: Any) -> Any:
    if isinstance(e.value, Fraction):
        return sp.Rational(e.value.numerator, e.value.denominator)
    return sp.Float(e.value)


def _spread(value: Any, have: Shape, want: Shape) -> Any:
    """A broadcast operand, with the ones that it stands for."""
    if have == want:
        return value
    if have == SCALAR:
        ones = sp.OneMatrix(*map(_size, want))
        return ones if value == 1 else sp.MatMul(value, ones)
    if have[0] != want[0]:
        return sp.MatMul(sp.OneMatrix(_size(want[0]), 1), value)
    return sp.MatMul(value, sp.OneMatrix(1, _size(want[1])))


def _all_spread(e: Expr, args: Iterable[Any]) -> list[Any]:
    return [_spread(x, a.shape, e.shape) for a, x in zip(e.args, args, strict=True)]


def _sum(e: Expr, args: list[Any]) -> Any:
    return sp.Add(*args) if e.is_scalar else sp.MatAdd(*_all_spread(e, args))


def _times(e: Expr, args: list[Any]) -> Any:
    pairs = list(zip(e.args, args, strict=True))
    scalar = sp.Mul(*(x for a, x in pairs if a.is_scalar))
    if e.is_scalar:
        return scalar
    matrices = [_spread(x, a.shape, e.shape) for a, x in pairs if not a.is_scalar]
    product = sp.HadamardProduct(*matrices) if len(matrices) > 1 else matrices[0]
    return product if scalar == 1 else sp.MatMul(scalar, product)


def _power(e: Expr, args: list[Any]) -> Any:
    base, exponent = args
    if e.is_scalar:
        return sp.Pow(base, exponent)
    if not e.args[0].is_scalar:
        base = _spread(base, e.args[0].shape, e.shape)
    if not e.args[1].is_scalar:
        exponent = _spread(exponent, e.args[1].shape, e.shape)
    return sp.HadamardPower(base, exponent)


def _matmul(e: Expr, args: list[Any]) -> Any:
    product = sp.MatMul(*args)
    return sp.Trace(product) if e.is_scalar else product  # SymPy's 1×1 matrices are no scalars


def _powers(e: PowerSum, args: list[Any]) -> Any:
    """A power; or a sum over each exponent but the last."""
    taken = {str(s) for a in args for s in a.free_symbols}
    letters = list(
        islice((r for r in map(_exponent, count()) if str(r) not in taken), len(args) // 2)
    )
    exponents = [*letters, _size(e.degree) - sp.Add(*letters)]
    powers = [sp.MatPow(a, p) for a, p in zip(args[::2], exponents, strict=True)]
    product = powers[0]
    for between, power in zip(args[1::2], powers[1:], strict=True):
        product = sp.MatMul(product, between, power)
    for i in reversed(range(len(letters))):
        product = sp.Sum(product, (letters[i], 0, _size(e.degree) - sp.Add(*letters[:i])))
    return product


def _exponent(i: int) -> Any:
    return sp.Symbol(f"r{i or ''}", integer=True, nonnegative=True)


def _of_square(matrix: Callable[[Any], Any], scalar: Callable[[Any], Any]) -> Callable[..., Any]:
    return lambda e, args: (scalar if e.args[0].is_scalar else matrix)(args[0])


def _diag(e: Expr, args: list[Any]) -> Any:
    rows, cols = e.args[0].shape
    if rows != ONE and cols != ONE:
        return DiagonalOf(args[0])
    if rows == cols:
        return args[0]
    return DiagMatrix(args[0] if cols == ONE else args[0].T)


def _kron(e: Expr, args: list[Any]) -> Any:
    if any(a.is_scalar for a in e.args):
        return sp.Mul(*args) if e.is_scalar else sp.MatMul(*args)
    return sp.KroneckerProduct(*args)


def _part(e: Part, args: list[Any]) -> Any:
    if e.is_scalar:
        return args[0][tuple(0 if b is None else _size(b[0] - ONE) for b in (e.rows, e.cols))]
    sides = zip((e.rows, e.cols), e.args[0].shape, strict=True)
    slices = [
        (0, _size(dim), 1) if b is None else (_size(b[0] - ONE), _size(b[1]), 1) for b, dim in sides
    ]
    return MatrixSlice(args[0], *slices)


def _block(e: BlockMatrix, args: list[Any]) -> Any:
    cells = [
        sp.MatMul(x, sp.OneMatrix(1, 1)) if a.is_scalar else x
        for a, x in zip(e.args, args, strict=True)
    ]
    return sp.BlockMatrix([cells[i : i + e.width] for i in range(0, len(cells), e.width)])


def _acted(e: Acted, args: list[Any]) -> Any:
    """A product with a constant: of entries, or on a side."""
    (x,) = args
    rows, cols = e.shape
    i, j = sp.symbols("i j", integer=True)
    n = cols if e.axis == 1 or e.axis is None else rows
    by = _size(e.by) if e.by is not None else 0
    entry = {
        "lower": i >= j,
        "upper": i <= j,
        "cumsum": i >= j,
        "flip": sp.Eq(i + j, _size(n) - 1),
        "shift": sp.Eq(i - j, by),
    }[e.function]
    chosen = sp.Lambda((i, j), sp.Piecewise((1, entry), (0, True)))
    if e.axis is None:
        return sp.HadamardProduct(sp.FunctionMatrix(*map(_size, e.shape), chosen), x)
    constant = sp.FunctionMatrix(_size(n), _size(n), chosen)
    return sp.MatMul(constant, x) if e.axis == 0 else sp.MatMul(x, sp.Transpose(constant))


def _abstract(e: Abstract, args: list[Any]) -> Any:
    function = sp.Function(e.name)
    if not e.order:
        return _apply(e, args, function)
    derivative = sp.Derivative(function(VARIABLE), (VARIABLE, e.order))
    if e.is_scalar:
        return sp.Subs(derivative, VARIABLE, args[0])
    return ElementwiseApplyFunction(sp.Lambda(VARIABLE, derivative), args[0])


def _apply(e: Expr, args: list[Any], function: Callable[..., Any]) -> Any:
    """A function of scalars, of every entry; SymPy has it for one matrix at most."""
    if e.is_scalar:
        return function(*args)
    matrices = [x for a, x in zip(e.args, args, strict=True) if not a.is_scalar]
    if len(matrices) > 1:
        raise RequestError(f"SymPy has no matrix expression for `{e.op}` of two matrices.")
    values = [x if a.is_scalar else VARIABLE for a, x in zip(e.args, args, strict=True)]
    return ElementwiseApplyFunction(sp.Lambda(VARIABLE, function(*values)), matrices[0])


_MAKERS: Mapping[str, Callable[[Any, list[Any]], Any]] = {
    "number": _number,
    "symbol": _symbol,
    "dimension": lambda e, _: _dimension(e.name),
    "constant": lambda e, _: {"pi": sp.pi, "e": sp.E}[e.name],
    "ones": lambda e, _: sp.OneMatrix(*map(_size, e.shape)),
    "zeros": lambda e, _: sp.ZeroMatrix(*map(_size, e.shape)),
    "eye": lambda e, _: sp.Identity(_size(e.shape[0])),
    "add": _sum,
    "times": _times,
    "power": _power,
    "matmul": _matmul,
    "powers": _powers,
    "transpose": lambda e, args: sp.Transpose(args[0]),
    "tr": _of_square(sp.Trace, lambda x: x),
    "det": _of_square(sp.Determinant, lambda x: x),
    "inv": _of_square(sp.Inverse, lambda x: 1 / x),
    "diag": _diag,
    "kron": _kron,
    "abstract": _abstract,
    "part": _part,
    "block": _block,
    "acted": _acted,
}
