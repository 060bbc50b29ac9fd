"""SymPy's expressions to ours.

SymPy's own conversion makes matrices of arrays where it can; an array of one axis is a column.
What has no counterpart here is refused by name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from fractions import Fraction
from functools import lru_cache, reduce
from typing import Any

import sympy as sp
from sympy.core.function import AppliedUndef
from sympy.matrices.expressions.applyfunc import ElementwiseApplyFunction
from sympy.matrices.expressions.diagonal import DiagMatrix, DiagonalMatrix, DiagonalOf
from sympy.matrices.expressions.matexpr import MatrixElement
from sympy.tensor.array import expressions as arrays
from sympy.tensor.array.expressions.array_expressions import ArrayElementwiseApplyFunc

from ..core import expr as ex
from ..core.dims import ONE, SCALAR, Dim, Shape
from ..core.errors import NameProblem, OperandError, RequestError, ShapetrickError
from ..core.expr import Expr, Number, call
from ..core.functions import TABLE, Function
from ..language.vocabularies import is_name
from .sympy_export import VARIABLE, of_scalars, trace

_ENTRYWISE = ElementwiseApplyFunction | ArrayElementwiseApplyFunc
_LEAVES = (
    sp.MatrixSymbol
    | sp.Identity
    | sp.OneMatrix
    | sp.ZeroMatrix
    | arrays.ArraySymbol
    | arrays.OneArray
    | arrays.ZeroArray
)
_ARRAYS = (
    arrays.ArrayAdd,
    arrays.ArrayContraction,
    arrays.ArrayDiagonal,
    arrays.ArrayTensorProduct,
    arrays.PermuteDims,
    ArrayElementwiseApplyFunc,
)


def from_sympy(*expressions: Any) -> Any:
    """The expressions of the same values, in order; a single one is returned bare.

    Symbols in the shape of any of them, and positive integers, are dimensions. Raises RequestError
    for what has no place in an expression here, NameProblem for such a name.

    >>> from sympy import MatrixSymbol, Symbol
    >>> n = Symbol("n", integer=True, positive=True)
    >>> A, x = MatrixSymbol("A", n, n), MatrixSymbol("x", n, 1)
    >>> st.from_sympy(x.T * A * x)
    x' A x
    """
    roots = [_sympified(expression) for expression in expressions]
    sizes = frozenset(
        s.name
        for root in roots
        for part in _postorder(root)
        for size in _sizes(part)
        for s in size.free_symbols
    )
    found = [_read(root, {}, sizes) for root in roots]
    return found[0] if len(found) == 1 else tuple(found)


def _sympified(expression: Any) -> Any:
    try:
        root = sp.sympify(expression, strict=True)  # which evaluates no text
    except sp.SympifyError:
        raise OperandError(f"{type(expression).__name__} is no SymPy expression.") from None
    if isinstance(root, _ARRAYS):
        # SymPy raises these on arrays that are no matrices: they are refused by name then.
        with suppress(AssertionError, AttributeError, IndexError, TypeError, ValueError):
            return arrays.convert_array_to_matrix(root)
    return root


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
        elif isinstance(part, _ENTRYWISE):
            done[part] = _read_applied(part.function, done[part.expr], sizes)
        elif isinstance(part, (sp.Subs, sp.Derivative)):
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
    if isinstance(part, _ENTRYWISE):
        return (part.expr,)
    if isinstance(part, MatrixElement):
        return (part.parent,)
    if isinstance(part, sp.Subs):
        return tuple(part.point)
    opaque = _LEAVES | sp.Derivative | sp.MatrixBase
    if isinstance(part, opaque) or not isinstance(part, sp.Basic):
        return ()
    if isinstance(part, (arrays.ArrayDiagonal, arrays.Reshape)):
        return (part.expr,)
    return tuple(part.args)


def _sizes(part: Any) -> tuple[Any, ...]:
    return tuple(part.shape) if isinstance(part, (_LEAVES, arrays.Reshape)) else ()


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
    """The shape of a matrix, or of an array with one axis as a column."""
    if len(part.shape) not in (1, 2):
        raise _refused(part)
    rows, cols = (*map(_read_size, part.shape), ONE)[:2]
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
    body = function.expr.xreplace({variable: VARIABLE})
    known = _known().get(body)
    if known is not None:
        return call(known, argument)
    value = _read(body, {VARIABLE: argument}, sizes)
    return ex.times(value, ex.ones(*argument.shape)) if value.shape != argument.shape else value


def _read_derivative(part: Any, done: Mapping[Any, Expr], sizes: frozenset[str]) -> Expr:
    """A derivative of an undefined function, at a point or at its own variable."""
    derivative, point = part, None
    if isinstance(part, sp.Subs) and len(part.point) == 1:
        derivative, point = part.expr.xreplace({part.variables[0]: VARIABLE}), part.point[0]
    if isinstance(derivative, sp.Derivative) and len(derivative.variable_count) == 1:
        of, (variable, order) = derivative.expr, derivative.variable_count[0]
        if isinstance(of, AppliedUndef) and of.args == (variable,) and order.is_Integer:
            argument = done.get(variable if point is None else point)
            if argument is None:
                argument = _read_symbol(variable, sizes)
            return ex.abstract(_checked(of.func.__name__), int(order), argument)
    raise _refused(part)


def _is_readable(part: Any) -> bool:
    special = sp.Symbol | _ENTRYWISE | sp.Subs | sp.Derivative
    if isinstance(part, AppliedUndef):
        row = TABLE.get(type(part).__name__)
        return len(part.args) == (row.arity if row is not None and row.elementwise else 1)
    return isinstance(part, special) or _reader(part) is not None


def _reader(part: Any) -> Callable[..., Expr] | None:
    return next((_READERS[cls] for cls in type(part).__mro__ if cls in _READERS), None)


def _known() -> Mapping[Any, str]:
    """What functions of one scalar are in SymPy, to know them again."""
    return _forms(tuple(row for row in TABLE.values() if row.elementwise and row.arity == 1))


@lru_cache(maxsize=4)
def _forms(rows: Sequence[Function]) -> Mapping[Any, str]:
    return {of_scalars(row)(VARIABLE): row.name for row in rows}


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


def _read_power(_: Any, base: Expr, exponent: Expr) -> Expr:
    half = isinstance(exponent, Number) and exponent.value == Fraction(1, 2)
    return call("sqrt", base) if half else ex.power(base, exponent)


def _read_element(part: Any, parent: Expr) -> Expr:
    if not parent.is_scalar:
        raise _refused(part)
    return parent


def _read_diagonal(_: Any, x: Expr) -> Expr:
    return x if x.is_scalar else call("diag", x)


def _read_reshape(part: Any, x: Expr) -> Expr:
    """SymPy goes along the rows, `vec` down the columns."""
    rows, cols = _read_shape(part)
    turned = call("vec", ex.transpose(x))
    return ex.transpose(call("unvec", turned, data=(cols, rows)))


def _named(name: str) -> Callable[..., Expr]:
    """A function of the table, folded over the arguments if it takes two."""
    if TABLE[name].arity == 1:
        return lambda part, x: call(name, x)
    return lambda part, *args: reduce(lambda a, b: call(name, a, b), args)


def _class_of(row: Function) -> type | None:
    """SymPy's class of applied functions that stands for the row."""
    found = getattr(sp, row.sympy, None) if row.sympy else None
    return found if isinstance(found, type) else None


_READERS: Mapping[type, Callable[..., Expr]] = {
    sp.Rational: lambda part: ex.number(Fraction(int(part.p), int(part.q))),
    sp.Float: lambda part: ex.number(Fraction(str(part))),
    type(sp.pi): lambda part: ex.constant("pi"),
    type(sp.E): lambda part: ex.constant("e"),
    sp.MatrixSymbol: lambda part: ex.symbol(_checked(part.name), _read_shape(part)),
    arrays.ArraySymbol: lambda part: ex.symbol(_checked(str(part.name)), _read_shape(part)),
    sp.Identity: lambda part: ex.eye(_read_size(part.shape[0])),
    sp.OneMatrix: lambda part: ex.ones(*_read_shape(part)),
    arrays.OneArray: lambda part: ex.ones(*_read_shape(part)),
    sp.ZeroMatrix: lambda part: ex.zeros(*_read_shape(part)),
    arrays.ZeroArray: lambda part: ex.zeros(*_read_shape(part)),
    sp.Add: lambda part, *args: ex.add(*args),
    sp.MatAdd: lambda part, *args: ex.add(*args),
    sp.Mul: lambda part, *args: ex.times(*args),
    sp.MatMul: lambda part, *args: ex.matmul(*args),
    sp.HadamardProduct: lambda part, *args: ex.times(*args),
    sp.Pow: _read_power,
    sp.HadamardPower: _read_power,
    sp.MatPow: lambda part, *args: ex.whole_power(*args),
    sp.Inverse: lambda part, x, *_: ex.whole_power(x, ex.MINUS),
    sp.Transpose: lambda part, x: ex.transpose(x),
    sp.Trace: lambda part, x: trace(x),
    sp.Determinant: lambda part, x: x if x.is_scalar else call("det", x),
    DiagMatrix: _read_diagonal,
    DiagonalOf: _read_diagonal,
    DiagonalMatrix: lambda part, x: x if x.is_scalar else call("diag", call("diag", x)),
    sp.KroneckerProduct: _named("kron"),
    arrays.ArrayDiagonal: _read_diagonal,
    arrays.Reshape: _read_reshape,
    MatrixElement: _read_element,
    sp.Heaviside: lambda part, x, *_: call("step", x),
    **{f: _named(row.name) for row in TABLE.values() if (f := _class_of(row)) is not None},
}
