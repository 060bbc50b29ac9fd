"""An operation as the chain rule sees it: by one argument, with its scalar derivative as factors.

A view is what a rule is searched for; its pattern is what the rule depends on: the row of the
table, the signature with the sides that are 1, the axis. The factors of the scalar derivative are
templates, put in place for the operation at hand.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from fractions import Fraction
from functools import cache, lru_cache
from itertools import chain, combinations, product
from typing import Any

from ..core.dims import ONE, SCALAR, Dim, Shape
from ..core.errors import DerivationError
from ..core.expr import (
    KINDS,
    UNIT,
    Abstract,
    Add,
    Call,
    Expr,
    MatMul,
    Number,
    Power,
    Times,
    abstract,
    call,
    dimension,
    matmul,
    node,
    number,
    symbol,
    times,
    zeros,
)
from ..core.functions import TABLE, Array, Function, Signature, SignatureSide, parse_signature
from ..core.named_tuples import NamedTuple
from ..core.structure import data_of, factors_of, terms_of
from ..core.traversal import postorder, rebuild
from ..language.expressions import parse_scalar
from .power_sums import is_series, occurrence
from .principal_types import Type, principal_types
from .ties import row_by_ties

NAMES = ("a", "b")


class LocalDerivative(NamedTuple):
    """One argument of an operation, the operation seen as one of at most two arguments."""

    row: Function
    args: tuple[Expr, ...]
    value: Expr
    position: int

    @property
    def argument(self) -> Expr:
        return self.args[self.position]


class DerivativeTerm(NamedTuple):
    """A term of a scalar derivative: a number times factors, templates in x, y (or a, b, y) and
    k."""

    coefficient: Fraction
    factors: tuple[Expr, ...]


def views(
    e: Expr, position: int, active: Container[Expr], singly: bool = False
) -> list[LocalDerivative]:
    """The operation as a chain of views, the outermost first: `P A S` is P times (A times S). With
    `singly`, the factors of a product are taken off one at a time. What is `active` depends on the
    variable."""
    if isinstance(e, MatMul):
        return list(_product_views(e, position, singly))
    if isinstance(e, Times):
        rest = times(*e.args[:position], *e.args[position + 1 :])
        return [LocalDerivative(TABLE[Times.op], (e.args[position], rest), e, 0)]
    if isinstance(e, Add):
        rest = zeros(*e.shape)  # what else is added doesn't matter, but its shape does
        return [LocalDerivative(TABLE[Add.op], (e.args[position], rest), e, 0)]
    if is_series(e):
        _, product, _ = occurrence(e, position)
        return list(_product_views(product, 1, singly))
    row = ABSTRACT if isinstance(e, Abstract) else row_by_ties(e, active)
    return [LocalDerivative(row, e.args, e, position)]


def _product_views(e: Expr, position: int, singly: bool) -> Iterator[LocalDerivative]:
    row, value = TABLE[MatMul.op], e
    start, end = 0, len(e.args)
    while start < position:
        cut = start + 1 if singly else position
        rest = matmul(*e.args[cut:end])
        yield LocalDerivative(row, (matmul(*e.args[start:cut]), rest), value, 1)
        start, value = cut, rest
    while end > position + 1:
        cut = end - 1 if singly else position + 1
        rest = matmul(*e.args[start:cut])
        yield LocalDerivative(row, (rest, matmul(*e.args[cut:end])), value, 0)
        end, value = cut, rest


def _no_value(*_: Any) -> Array:
    raise NotImplementedError("an abstract function has a value only where one is bound to it")


# A declared element-wise function: its derivative is that of the next order, whatever its name.
ABSTRACT = Function("abstract", _no_value, ("",), (), "elementwise", (-2, 2))


# ------------------------------------------------------------------------- the scalar derivative

_X, _Y, _K = (symbol(name, SCALAR) for name in "xyk")
_OPERANDS = tuple(symbol(name, SCALAR) for name in NAMES)


def scalar_derivative(view: LocalDerivative) -> tuple[DerivativeTerm, ...]:
    """The scalar derivative by the view's argument as a sum of products. Of an element-wise
    function the whole derivative is one factor."""
    if view.row is ABSTRACT:
        name, order = _data(view.value)
        return (DerivativeTerm(Fraction(1), (abstract(name, order + 1, _X),)),)
    return read_derivative(view.row, view.position)


@cache
def read_derivative(row: Function, position: int) -> tuple[DerivativeTerm, ...]:
    text = row.derivative[position]
    if not text:
        raise DerivationError(
            f"`{row.name}` has no derivative by its argument {position + 1} in closed form."
        )
    names = {
        "y": _Y,
        "k": _K,
        **({"x": _X} if row.arity == 1 else dict(zip(NAMES, _OPERANDS, strict=True))),
    }
    derivative = parse_scalar(text, names)
    if row.elementwise:
        zero = isinstance(derivative, Number) and derivative.value == 0
        if isinstance(derivative, Number):
            return () if zero else (DerivativeTerm(Fraction(derivative.value), ()),)
        return (DerivativeTerm(Fraction(1), (derivative,)),)
    products = []
    for part in terms_of(derivative):
        coefficient = Fraction(1)
        rest: list[Expr] = []
        for f in factors_of(part):
            if isinstance(f, Number):
                coefficient *= Fraction(f.value)
            elif (
                isinstance(f, Power)
                and isinstance(f.args[1], Number)
                and f.args[1].value in (2, 3, 4)
            ):
                rest += [f.args[0]] * int(f.args[1].value)
            else:
                rest.append(f)
        if coefficient:
            products.append(DerivativeTerm(coefficient, tuple(rest)))
    return _gathered(products)


def _gathered(products: Sequence[DerivativeTerm]) -> tuple[DerivativeTerm, ...]:
    """`x x + x x + x x` as 3 times `x x`; opposite signs are apart, since they may not cancel."""
    totals: dict[tuple[bool, tuple[Expr, ...]], Fraction] = {}
    for p in products:
        key = p.coefficient > 0, p.factors
        totals[key] = totals.get(key, Fraction(0)) + p.coefficient
    return tuple(DerivativeTerm(total, factors) for (_, factors), total in totals.items())


def instantiate(template: Expr, view: LocalDerivative) -> Expr:
    """A factor of the scalar derivative with the operation's arguments and value put in."""
    names = (_X,) if view.row.arity == 1 else _OPERANDS
    new: dict[Expr, Expr] = dict(zip(names, view.args, strict=False))
    new[_Y] = view.value
    for e in _parts(template):
        if e is _K:
            new[e] = _count(view)
        elif e.args and e.op in TABLE and TABLE[e.op].takes_axis:
            axis = _data(view.value) if data_of(e) is None else data_of(e)
            new[e] = call(e.op, *(new[a] for a in e.args), data=axis)
        elif e not in new:
            new[e] = _counted(rebuild(e, [new[a] for a in e.args]))
    return new[template]


def _counted(e: Expr) -> Expr:
    """A sum of numbers as a number: the exponent `2 - 1` in the derivative of a square."""
    values = [a.value for a in e.args if isinstance(a, Number)]
    is_counted = isinstance(e, Add) and len(values) == len(e.args)
    return number(sum(values, Fraction(0))) if is_counted else e


@lru_cache(maxsize=1024)
def _parts(template: Expr) -> tuple[Expr, ...]:
    return tuple(postorder([template]))


def _count(view: LocalDerivative) -> Expr:
    """How many entries of the argument go into one of the value."""
    size: Expr = UNIT
    for inner, outer in zip(view.argument.shape, view.value.shape, strict=True):
        size = times(size, dimension(inner)) if outer == ONE else size
    return size


# ------------------------------------------------------------------------------------- patterns


def _data(value: Expr) -> Any:
    """What an operation needs beside its arguments: an axis, sizes, the name and order of an
    abstract function."""
    return (value.name, value.order) if isinstance(value, Abstract) else data_of(value)


def _made(row: Function, args: tuple[Expr, ...], data: Any, shape: Shape) -> Expr:
    """The row's operation on arguments as they are, nested sums and products too."""
    if row is ABSTRACT:
        return abstract(*data, *args)
    kind = KINDS.get(row.name)
    return node(Call, args, shape, row.name, data) if kind is None else node(kind, args, shape)


class Pattern(NamedTuple):
    """What a rule depends on: the row, the signature with the letters that are 1, the axis (or the
    order of an abstract function), and by which argument."""

    row: Function
    signature: Signature
    ones: frozenset[str]
    data: Any
    position: int

    def example(self) -> LocalDerivative:
        """The operation on symbols whose dimensions are the signature's letters."""

        def dim(letters: tuple[str, ...]) -> Dim:
            size = ONE
            for c in letters:
                size = size if c in self.ones else size * Dim.of(c)
            return size

        def shape(side: SignatureSide) -> tuple[Dim, Dim]:
            return dim(side[0]), dim(side[1])

        args = tuple(symbol(f"#{i}", shape(s)) for i, s in enumerate(self.signature.args))
        data = tuple(dim((c,)) for c in "mn") if self.data == "sizes" else self.data
        value = _made(self.row, args, data, shape(self.signature.value))
        return LocalDerivative(self.row, args, value, self.position)

    def types(self) -> tuple[Type, Type]:
        """The principal types of the argument and of the value."""
        args, value = principal_types(self.signature, self.row.units, self.ones)
        return args[self.position], value


def pattern_of(view: LocalDerivative) -> Pattern:
    """The pattern of an operation: of a broadcasting one, by which sides are 1."""

    def sides(e: Expr) -> SignatureSide:
        rows, cols = e.shape
        return (() if rows == ONE else ("r",)), (() if cols == ONE else ("c",))

    data = _data(view.value)
    if view.row.signatures:
        signature, dims = view.row.signature_for(view.args, data)
        ones = frozenset(c for c, d in dims.items() if d == ONE)
        kind = "sizes" if isinstance(data, tuple) else data
        return Pattern(view.row, signature, ones, kind, view.position)
    signature = Signature(tuple(sides(a) for a in view.args), sides(view.value))
    return Pattern(view.row, signature, frozenset(), data, view.position)


def patterns_of(row: Function) -> Iterator[Pattern]:
    """All patterns of a row: at each of its signatures, with each choice of sides that are 1."""
    signatures = [(axis, parse_signature(text)) for axis, text in row.signatures]
    for axis, signature in signatures or [(None, s) for s in _broadcasting(row.arity)]:
        fused = any(len(side) > 1 for sides in signature.args for side in sides)
        data = "sizes" if fused else axis
        letters = signature.letters if row.signatures else ()
        ones = chain.from_iterable(combinations(letters, k) for k in range(len(letters) + 1))
        for of_one, position in product(ones, range(row.arity)):
            pattern = Pattern(row, signature, frozenset(of_one), data, position)
            yield pattern_of(pattern.example())  # of its shapes another signature may be the first


def _broadcasting(arity: int) -> Iterator[Signature]:
    """The signatures of an element-wise operation, by which sides are 1."""
    sides = product(((), ("r",)), ((), ("c",)))
    for args in product(sides, repeat=arity):
        rows, cols = map(max, zip(*args, strict=True))
        yield Signature(args, (rows, cols))
