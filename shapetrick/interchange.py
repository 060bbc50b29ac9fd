"""Expressions to SymPy and back; the only importer of SymPy.

A dimension is a positive integer symbol, a scalar a real one, everything else a matrix expression.
Broadcasting becomes explicit: a row over m rows is `OneMatrix(m, 1)*row`. What one side hasn't is
refused by name. SymPy's matrix symbols have no attributes: ours are lost on the way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from fractions import Fraction
from functools import reduce
from typing import Any

import sympy as sp
from sympy.core.function import AppliedUndef
from sympy.matrices.expressions.applyfunc import ElementwiseApplyFunction
from sympy.matrices.expressions.diagonal import DiagMatrix, DiagonalMatrix, DiagonalOf
from sympy.matrices.expressions.matexpr import MatrixElement

from . import expr as ex
from .dims import ONE, SCALAR, Dim, Shape
from .elaboration import is_name
from .errors import NameProblem, OperandError, RequestError, ShapetrickError
from .expr import Expr, call
from .functions import TABLE

_VARIABLE = sp.Dummy("x", real=True)

# Element-wise functions, as functions of scalars.
_SCALARS: Mapping[str, Callable[..., Any]] = {
    "exp": sp.exp,
    "log": sp.log,
    "log1p": lambda x: sp.log(1 + x),
    "expm1": lambda x: sp.exp(x) - 1,
    "sqrt": sp.sqrt,
    "square": lambda x: x**2,
    "abs": sp.Abs,
    "sign": sp.sign,
    "sin": sp.sin,
    "cos": sp.cos,
    "tan": sp.tan,
    "asin": sp.asin,
    "acos": sp.acos,
    "atan": sp.atan,
    "sinh": sp.sinh,
    "cosh": sp.cosh,
    "tanh": sp.tanh,
    "sigmoid": lambda x: 1 / (1 + sp.exp(-x)),
    "softplus": lambda x: sp.log(1 + sp.exp(x)),
    "relu": lambda x: sp.Max(x, 0),
    "leaky_relu": lambda x: sp.Max(x, 0) + sp.Min(x, 0) / 100,
    "elu": lambda x: sp.Max(x, 0) + sp.exp(sp.Min(x, 0)) - 1,
    "gelu": lambda x: x * (1 + sp.erf(x / sp.sqrt(2))) / 2,
    "silu": lambda x: x / (1 + sp.exp(-x)),
    "erf": sp.erf,
    "step": lambda x: sp.Heaviside(x, 0),
    "maximum": sp.Max,
    "minimum": sp.Min,
}


# ------------------------------------------------------------------------------------- to SymPy


def to_sympy(e: Expr) -> Any:
    """The SymPy expression of the same value; definitions are written out.

    Raises RequestError for what SymPy hasn't."""
    done: dict[Expr, Any] = {}
    try:
        for part in ex.postorder([_expanded(e)]):
            done[part] = _made(part, [done[a] for a in part.args])
    except RecursionError:
        raise RequestError("the expression is too deep for SymPy.") from None
    return done[part]


def _expanded(e: Expr) -> Expr:
    """The expression without definitions, and without reductions that SymPy hasn't."""

    def change(part: Expr) -> Expr:
        if part.op == "name":
            return part.args[0]
        expand = _EXPANSIONS.get(part.op)
        return part if expand is None else expand(*part.args, part.data)

    return ex.transform(e, change)


def _total(x: Expr, axis: int | None = None) -> Expr:
    rows, cols = x.shape
    total = x if axis == 1 else ex.matmul(ex.ones(ONE, rows), x)
    return total if axis == 0 else ex.matmul(total, ex.ones(cols, ONE))


def _mean(x: Expr, axis: int | None) -> Expr:
    total = _total(x, axis)
    summed = (d for d, t in zip(x.shape, total.shape, strict=True) if d != t)
    return ex.divide(total, ex.times(*map(ex.dimension, summed)))


def _softmax(x: Expr, axis: int | None) -> Expr:
    powers = call("exp", x)
    return ex.divide(powers, _total(powers, axis))


def _trace(x: Expr) -> Expr:
    return x if x.is_scalar else call("tr", x)


_EXPANSIONS: Mapping[str, Callable[..., Expr]] = {
    "sum": _total,
    "mean": _mean,
    "norm": lambda x, _: call("sqrt", _trace(ex.matmul(ex.transpose(x), x))),
    "norm1": lambda x, _: _total(call("abs", x)),
    "dot": lambda a, b, _: _trace(ex.matmul(ex.transpose(a), b)),
    "logsumexp": lambda x, axis: call("log", _total(call("exp", x), axis)),
    "softmax": _softmax,
    "log_softmax": lambda x, axis: ex.subtract(x, call("log", _total(call("exp", x), axis))),
    "adj": lambda x, _: ex.times(call("det", x), call("inv", x)),
    "logdet": lambda x, _: call("log", call("abs", call("det", x))),
}


def _made(e: Expr, args: list[Any]) -> Any:
    """The SymPy expression of a node, given those of its arguments."""
    make = _MAKERS.get(e.op)
    if make is not None:
        return make(e, args)
    row = TABLE.get(e.op)
    if row is not None and row.elementwise and (e.op in _SCALARS or row.arity == 1):
        return _apply(e, args, _SCALARS.get(e.op) or sp.Function(e.op))
    raise RequestError(f"SymPy has no matrix expression for `{e.op}`.")


def _size(dim: Dim) -> Any:
    return sp.Add(*(k * sp.Mul(*map(_dimension, names)) for names, k in dim.terms))


def _dimension(name: str) -> Any:
    return sp.Symbol(name, integer=True, positive=True)


def _symbol(e: Expr, _: Any) -> Any:
    if not e.is_scalar:
        return sp.MatrixSymbol(e.data.name, *map(_size, e.shape))
    known = [a for a in ("positive", "nonnegative") if a[:6] in {b[:6] for b in e.data.attributes}]
    return sp.Symbol(e.data.name, real=True, **dict.fromkeys(known, True))


def _number(e: Expr, _: Any) -> Any:
    if isinstance(e.data, Fraction):
        return sp.Rational(e.data.numerator, e.data.denominator)
    return sp.Float(e.data)


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


def _abstract(e: Expr, args: list[Any]) -> Any:
    name, order = e.data
    function = sp.Function(name)
    if not order:
        return _apply(e, args, function)
    derivative = sp.Derivative(function(_VARIABLE), (_VARIABLE, order))
    if e.is_scalar:
        return sp.Subs(derivative, _VARIABLE, args[0])
    return ElementwiseApplyFunction(sp.Lambda(_VARIABLE, derivative), args[0])


def _apply(e: Expr, args: list[Any], function: Callable[..., Any]) -> Any:
    """A function of scalars, of every entry; SymPy has it for one matrix at most."""
    if e.is_scalar:
        return function(*args)
    matrices = [x for a, x in zip(e.args, args, strict=True) if not a.is_scalar]
    if len(matrices) > 1:
        raise RequestError(f"SymPy has no matrix expression for `{e.op}` of two matrices.")
    values = [x if a.is_scalar else _VARIABLE for a, x in zip(e.args, args, strict=True)]
    return ElementwiseApplyFunction(sp.Lambda(_VARIABLE, function(*values)), matrices[0])


_MAKERS: Mapping[str, Callable[[Expr, list[Any]], Any]] = {
    "number": _number,
    "symbol": _symbol,
    "dimension": lambda e, _: _dimension(e.data),
    "constant": lambda e, _: {"pi": sp.pi, "e": sp.E}[e.data],
    "ones": lambda e, _: sp.OneMatrix(*map(_size, e.shape)),
    "zeros": lambda e, _: sp.ZeroMatrix(*map(_size, e.shape)),
    "eye": lambda e, _: sp.Identity(_size(e.shape[0])),
    "add": _sum,
    "times": _times,
    "power": _power,
    "matmul": _matmul,
    "transpose": lambda e, args: sp.Transpose(args[0]),
    "tr": _of_square(sp.Trace, lambda x: x),
    "det": _of_square(sp.Determinant, lambda x: x),
    "inv": _of_square(sp.Inverse, lambda x: 1 / x),
    "diag": _diag,
    "kron": _kron,
    "abstract": _abstract,
}


# ----------------------------------------------------------------------------------- from SymPy


def from_sympy(expression: Any) -> Expr:
    """The expression of the same value. Symbols in a shape, and positive integers, are dimensions.

    Raises RequestError for what has no place in an expression here, NameProblem for such a name."""
    try:
        expression = sp.sympify(expression, strict=True)  # which evaluates no text
    except sp.SympifyError:
        raise OperandError(f"{type(expression).__name__} is no SymPy expression.") from None
    sizes = {
        s.name
        for part in _postorder(expression)
        for size in _sizes(part)
        for s in size.free_symbols
    }
    return _read(expression, {}, frozenset(sizes))


def _read(root: Any, bound: Mapping[Any, Expr], sizes: frozenset[str]) -> Expr:
    """`bound` are the variables of a function that is applied to every entry."""
    done: dict[Any, Expr] = dict(bound)
    parts = [part for part in _postorder(root) if part not in done]
    for part in reversed(parts):  # the outermost has the name that a person knows
        if not _is_readable(part):
            raise _refused(part)
    for part in parts:
        if isinstance(part, sp.Symbol):
            done[part] = _read_symbol(part, sizes)
        elif isinstance(part, ElementwiseApplyFunction):
            done[part] = _read_applied(part.function, done[part.expr], sizes)
        elif isinstance(part, sp.Subs | sp.Derivative):
            done[part] = _read_derivative(part, done, sizes)
        else:
            done[part] = _read_node(part, [done[a] for a in _children(part)])
    return done[root]


def _postorder(root: Any) -> Iterator[Any]:
    stack = [(root, False)]
    seen = set()
    while stack:
        part, ready = stack.pop()
        if ready:
            yield part
        elif part not in seen:
            seen.add(part)
            stack.append((part, True))
            stack.extend((a, False) for a in reversed(_children(part)))


def _children(part: Any) -> tuple[Any, ...]:
    if isinstance(part, ElementwiseApplyFunction):
        return (part.expr,)
    if isinstance(part, MatrixElement):
        return (part.parent,)
    if isinstance(part, sp.Subs):
        return tuple(part.point)
    opaque = sp.MatrixSymbol | sp.Identity | sp.OneMatrix | sp.ZeroMatrix | sp.Derivative
    if isinstance(part, opaque | sp.MatrixBase) or not isinstance(part, sp.Basic):
        return ()
    return tuple(part.args)


def _sizes(part: Any) -> tuple[Any, ...]:
    if isinstance(part, sp.MatrixSymbol | sp.Identity | sp.OneMatrix | sp.ZeroMatrix):
        return tuple(part.shape)
    return ()


def _read_size(size: Any) -> Dim:
    total = Dim(())
    try:
        for powers, k in sp.Poly(size, *sorted(size.free_symbols, key=str), domain="ZZ").terms():
            if k < 0:
                raise RequestError(f"`{size}` is no dimension: there is a minus in it.")
            term = Dim.of(int(k))
            for symbol, power in zip(sorted(size.free_symbols, key=str), powers, strict=True):
                for _ in range(power):
                    term = term * Dim.of(_checked(symbol.name))
            total = total + term
    except sp.GeneratorsNeeded:
        return Dim.of(int(size))
    except (sp.PolynomialError, sp.CoercionFailed):
        raise RequestError(f"`{size}` is no dimension.") from None
    return total


def _read_shape(part: Any) -> Shape:
    rows, cols = map(_read_size, part.shape)
    return rows, cols


def _checked(name: str) -> str:
    if not is_name(name):
        raise NameProblem(f"`{name}` is not a name in the language: rename the symbol.")
    return name


def _read_symbol(symbol: Any, sizes: frozenset[str]) -> Expr:
    name = _checked(symbol.name)
    if name in sizes or (symbol.is_integer and symbol.is_positive):
        return ex.dimension(Dim.of(name))
    attributes = ["positive"] if symbol.is_positive else ["nonneg"] if symbol.is_nonnegative else []
    return ex.symbol(name, SCALAR, attributes)


def _read_applied(function: Any, argument: Expr, sizes: frozenset[str]) -> Expr:
    """A function of scalars, applied to every entry."""
    (variable,) = function.variables
    body = function.expr.xreplace({variable: _VARIABLE})
    known = _KNOWN.get(body)
    if known is not None:
        return call(known, argument)
    value = _read(body, {_VARIABLE: argument}, sizes)
    return ex.times(value, ex.ones(*argument.shape)) if value.shape != argument.shape else value


def _read_derivative(part: Any, done: Mapping[Any, Expr], sizes: frozenset[str]) -> Expr:
    """A derivative of an undefined function, at a point or at its own variable."""
    derivative, point = part, None
    if isinstance(part, sp.Subs) and len(part.point) == 1:
        derivative, point = part.expr.xreplace({part.variables[0]: _VARIABLE}), part.point[0]
    if isinstance(derivative, sp.Derivative) and len(derivative.variable_count) == 1:
        of, (variable, order) = derivative.expr, derivative.variable_count[0]
        if isinstance(of, AppliedUndef) and of.args == (variable,) and order.is_Integer:
            argument = done.get(variable if point is None else point)
            if argument is None:
                argument = _read_symbol(variable, sizes)
            return ex.abstract(_checked(of.func.__name__), int(order), argument)
    raise _refused(part)


def _is_readable(part: Any) -> bool:
    special = sp.Symbol | ElementwiseApplyFunction | sp.Subs | sp.Derivative
    if isinstance(part, AppliedUndef):
        return len(part.args) == 1
    return isinstance(part, special) or _reader(part) is not None


def _reader(part: Any) -> Callable[..., Expr] | None:
    return next((_READERS[cls] for cls in type(part).__mro__ if cls in _READERS), None)


def _read_node(part: Any, args: list[Expr]) -> Expr:
    reader = _reader(part)
    if reader is not None:
        return reader(part, *args)
    name = _checked(type(part).__name__)
    row = TABLE.get(name)
    return call(name, *args) if row and row.elementwise else ex.abstract(name, 0, *args)


def _refused(part: Any) -> ShapetrickError:
    name = type(part).__name__
    if isinstance(part, sp.MatrixBase):
        return RequestError(
            f"an explicit matrix ({name}) has no place in an expression: use a MatrixSymbol, and "
            "give its value to `evaluate`."
        )
    return RequestError(f"SymPy's {name} has no counterpart here (in `{part}`).")


def _read_float(part: Any) -> Expr:
    return ex.number(Fraction(str(part)))


def _read_matrix_power(part: Any, base: Expr, exponent: Expr) -> Expr:
    return ex.whole_power(base, exponent)


def _read_power(part: Any, base: Expr, exponent: Expr) -> Expr:
    half = exponent.op == "number" and exponent.data == Fraction(1, 2)
    return call("sqrt", base) if half else ex.power(base, exponent)


def _read_element(part: Any, parent: Expr) -> Expr:
    if not parent.is_scalar:
        raise _refused(part)
    return parent


def _read_kron(part: Any, *args: Expr) -> Expr:
    return reduce(lambda a, b: call("kron", a, b), args)


def _named(name: str) -> Callable[..., Expr]:
    """A function of the table, folded over the arguments if it takes two."""
    if TABLE[name].arity == 1:
        return lambda part, x: call(name, x)
    return lambda part, *args: reduce(lambda a, b: call(name, a, b), args)


_READERS: Mapping[type, Callable[..., Expr]] = {
    sp.Rational: lambda part: ex.number(Fraction(int(part.p), int(part.q))),
    sp.Float: _read_float,
    type(sp.pi): lambda part: ex.constant("pi"),
    type(sp.E): lambda part: ex.constant("e"),
    sp.MatrixSymbol: lambda part: ex.symbol(_checked(part.name), _read_shape(part)),
    sp.Identity: lambda part: ex.eye(_read_size(part.shape[0])),
    sp.OneMatrix: lambda part: ex.ones(*_read_shape(part)),
    sp.ZeroMatrix: lambda part: ex.zeros(*_read_shape(part)),
    sp.Add: lambda part, *args: ex.add(*args),
    sp.MatAdd: lambda part, *args: ex.add(*args),
    sp.Mul: lambda part, *args: ex.times(*args),
    sp.MatMul: lambda part, *args: ex.matmul(*args),
    sp.HadamardProduct: lambda part, *args: ex.times(*args),
    sp.Pow: _read_power,
    sp.HadamardPower: _read_power,
    sp.MatPow: _read_matrix_power,
    sp.Inverse: lambda part, x, *_: ex.whole_power(x, ex.MINUS),
    sp.Transpose: lambda part, x: ex.transpose(x),
    sp.Trace: lambda part, x: _trace(x),
    sp.Determinant: lambda part, x: x if x.is_scalar else call("det", x),
    DiagMatrix: lambda part, x: x if x.is_scalar else call("diag", x),
    DiagonalOf: lambda part, x: x if x.is_scalar else call("diag", x),
    DiagonalMatrix: lambda part, x: x if x.is_scalar else call("diag", call("diag", x)),
    sp.KroneckerProduct: _read_kron,
    MatrixElement: _read_element,
    sp.Heaviside: lambda part, x, *_: call("step", x),
    **{f: _named(name) for name, f in _SCALARS.items() if isinstance(f, type)},
}
# What some functions are made of, to know them again.
_KNOWN = {f(_VARIABLE): name for name, f in _SCALARS.items() if TABLE[name].arity == 1}
