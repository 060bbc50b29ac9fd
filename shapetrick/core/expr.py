"""Expressions: immutable, hash-consed nodes of a closed set of kinds; equal ones are one object.

A node is its kind, its arguments, what else the kind needs (a name, a number, an axis), and its
shape, which the constructors below compute and check. What an operation *means* stands in the
operation table (`core/functions.py`), where `op` is the name of its row. Nothing here recurs.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import field, fields
from decimal import Decimal
from fractions import Fraction
from typing import Any, ClassVar, Literal, TypeVar, get_args

from .dims import NOTHING, ONE, SCALAR, Dim, Shape, broadcast, shape_text, triangular
from .errors import OperandError, RequestError, ShapeError
from .exact_powers import MAX_POWER, MOST_BITS, bits, number_power
from .functions import TABLE
from .indices import Index, Range, member, parts
from .node_table import NodeTable
from .operands import Operand
from .records import dataclass

SUM, LARGEST, SMALLEST, PRODUCT = FOLDS = ("sum", "max", "min", "prod")  # of members
Real = Fraction | float
MOST_FACTORS = 4096  # of a power
WRITTEN_OUT = 8  # the largest power of a matrix that is the product of its factors


@dataclass(frozen=True, slots=True, eq=False, repr=False, weakref_slot=True)
class Expr(Operand["Expr"]):
    """A node. Compare with `is` or `==` (the same thing: nodes are interned)."""

    args: tuple[Expr, ...]
    shape: Shape
    written_length: int | None = field(default=None, init=False)  # kept by `cost.length`
    contents: int | None = field(default=None, init=False)  # kept by `contents.contents`

    @property
    def op(self) -> str:
        """The name of the operation, which is that of its row in the table if it has one."""
        raise NotImplementedError

    @property
    def payload(self) -> tuple[Any, ...]:
        """What the kind needs beside arguments and shape."""
        return tuple([getattr(self, f.name) for f in fields(self)[4:]])

    @property
    def is_scalar(self) -> bool:
        return self.shape == SCALAR

    def __str__(self) -> str:
        """The expression in the language."""
        return _writers["text"](self)

    def __repr__(self) -> str:
        """The same, so that it reads back; a short note where it would be endless."""
        try:
            return str(self)
        except RequestError:
            return f"<an expression too long to print : {shape_text(self.shape)}>"

    def _repr_latex_(self) -> str:
        """In a notebook: the same in print, as the text where it would be endless."""
        try:
            return rf"$\displaystyle {_writers['latex'](self)}$"
        except RequestError:
            return repr(self)

    def __reduce__(self) -> tuple[Any, ...]:
        """Copies and pickles are the node itself."""
        return node, (type(self), self.args, self.shape, *self.payload)


_writers: dict[str, Callable[[Expr], str]] = {}


def register_writer(form: str, writer: Callable[[Expr], str]) -> None:
    """Let expressions be shown by `writer`: as "text" in the language, or in "latex".

    How an expression is written stands above what it is, so that the writer comes from there."""
    _writers[form] = writer


# ------------------------------------------------------------------------------- kinds of nodes

Data = int | tuple[Dim, ...] | None  # of a call: its axis, or sizes
StructureKind = Literal["moved", "turned", "lower", "upper"]  # of a structured constant
node_class = dataclass(frozen=True, slots=True, eq=False, repr=False)


@node_class
class Named(Expr):
    """What has a name: of a member, its family's and the member's indices."""

    base: str
    indices: tuple[Index, ...]

    @property
    def name(self) -> str:
        return member(self.base, *self.indices) if self.indices else self.base

    @property
    def is_stand_in(self) -> bool:
        """Whether its name is the text of what it stands for, as of a sum over members."""
        return self.base.startswith("(")


@node_class
class Number(Expr):
    """A constant; whole numbers and fractions are exact."""

    value: Real
    op: ClassVar[str] = "number"


@node_class
class Symbol(Named):
    """A declared name, a member's with its indices; and from which set its values come."""

    attributes: frozenset[str]
    op: ClassVar[str] = "symbol"


@node_class
class Dimension(Expr):
    """A dimension's name as a scalar."""

    name: str
    op: ClassVar[str] = "dimension"


@node_class
class Constant(Expr):
    """`pi` or `e`; `nan` where code has no value."""

    name: str
    op: ClassVar[str] = "constant"


class Ones(Expr):
    """The matrix of ones."""

    __slots__ = ()
    op: ClassVar[str] = "ones"


class Zeros(Expr):
    """The matrix of zeros."""

    __slots__ = ()
    op: ClassVar[str] = "zeros"


class Eye(Expr):
    """The identity."""

    __slots__ = ()
    op: ClassVar[str] = "eye"


@node_class
class OfVectors(Expr):
    """A constant that takes the entries of matrices of these sizes, stacked, to other places."""

    sizes: tuple[Dim, ...]


class Commute(OfVectors):
    """The commutation matrix: vec(X') = commute(m, n) vec(X) for an m×n X."""

    __slots__ = ()
    op: ClassVar[str] = "commute"


class Duplicate(OfVectors):
    """The duplication matrix: vec(S) = duplicate(n) vech(S) for a symmetric n×n S."""

    __slots__ = ()
    op: ClassVar[str] = "duplicate"


class Eliminate(OfVectors):
    """The elimination matrix: vech(A) = eliminate(n) vec(A), what is on and below the diagonal of
    an n×n A, column by column."""

    __slots__ = ()
    op: ClassVar[str] = "eliminate"


@node_class
class Structured(Expr):
    """A constant matrix of zeros and ones: an identity moved to the right (of any shape, so that it
    selects rows or columns), one turned round, or what is below or above the diagonal."""

    pattern: StructureKind
    offset: Dim
    op: ClassVar[str] = "structured"


class Name(Named):
    """A definition: has the value of its body, and prints as its name."""

    __slots__ = ()
    op: ClassVar[str] = "name"


class Add(Expr):
    """A sum, with broadcasting."""

    __slots__ = ()
    op: ClassVar[str] = "add"


class Times(Expr):
    """An element-wise product, with broadcasting; scaling too."""

    __slots__ = ()
    op: ClassVar[str] = "times"


class Power(Expr):
    """An element-wise power, with broadcasting."""

    __slots__ = ()
    op: ClassVar[str] = "power"


class MatMul(Expr):
    """A matrix product of two factors or more."""

    __slots__ = ()
    op: ClassVar[str] = "matmul"


@node_class
class PowerSum(Expr):
    """The sum of all products `A^r G B^s … H C^t` of which the exponents are natural numbers that
    add up to `degree`; of one argument, a power of it. Where the degree is negative, it is zero."""

    degree: Dim
    op: ClassVar[str] = "powers"


class Transpose(Expr):
    """A transpose."""

    __slots__ = ()
    op: ClassVar[str] = "transpose"


@node_class
class Total(Expr):
    """The sum, or another `fold`, of what members the argument stands for, over their index."""

    over: Range
    fold: str
    op: ClassVar[str] = "total"


@node_class
class Abstract(Named):
    """A declared element-wise function, or its derivative of that order, of every entry."""

    order: int
    op: ClassVar[str] = "abstract"


@node_class
class Call(Expr):
    """A function of the operation table."""

    function: str
    data: Data

    @property
    def op(self) -> str:
        return self.function

    @property
    def payload(self) -> tuple[Any, ...]:
        return self.function, self.data


Node = (
    Number | Symbol | Dimension | Constant | Ones | Zeros | Eye | Commute | Duplicate | Eliminate
    | Structured
    | Name
    | Add | Times | Power | MatMul | PowerSum | Transpose | Total | Abstract | Call
)  # fmt: skip
NodeT = TypeVar("NodeT", bound=Expr)

KINDS: dict[str, type[Expr]] = {kind.op: kind for kind in get_args(Node) if kind is not Call}
_SIGNS: dict[type[Expr], str] = {Add: "+", Times: ".*", Power: ".^"}  # of those that broadcast
_nodes: NodeTable[Expr] = NodeTable()


def node(kind: type[NodeT], args: tuple[Expr, ...], shape: Shape | None, *payload: Any) -> NodeT:
    """The one node of these fields. Only constructors call this: it checks nothing but whether the
    arguments of a sum or an element-wise product broadcast, over which its shape follows."""
    if kind in _SIGNS:
        shape = None  # of a node that exists it isn't computed again
    key = (kind, args, shape, *payload)
    if kind is Number:
        (value,) = payload  # 0.5 and 1/2 are equal, and print differently
        key = value.as_integer_ratio() if isinstance(value, Fraction) else (value,)
    found = _nodes.found(key)
    if found is None:
        found = _nodes.entered(key, kind(args, shape or _broadcast(kind, args), *payload))
    return found  # type: ignore[return-value]  # the key begins with the kind


def number(value: int | Real) -> Number:
    """A constant, 1×1; whole numbers and fractions are exact. Raises ShapeError for huge ones."""
    return UNIT if value is WHOLE else _number(value)


def _number(value: int | Real) -> Number:
    if isinstance(value, Fraction):
        if bits(value) > MOST_BITS:
            raise ShapeError("a number has more than 300 digits.")
        return node(Number, (), SCALAR, value)
    return node(Number, (), SCALAR, value if isinstance(value, float) else Fraction(value))


WHOLE = Fraction(1)
UNIT = _number(WHOLE)
ZERO = number(0)
MINUS = number(-1)


def symbol(name: str, shape: Shape, attributes: Iterable[str] = ()) -> Symbol:
    """A declared name of that shape."""
    return node(Symbol, (), shape, *parts(name), frozenset(attributes))


def dimension(dim: Dim) -> Expr:
    """A dimension as a scalar."""
    terms = [
        times(number(k), *(node(Dimension, (), SCALAR, name) for name in names))
        for names, k in sorted(dim.terms, key=lambda t: (-len(t[0]), t[0]))
    ]
    return add(*terms) if terms else ZERO


Dim.scalar = property(dimension)


def constant(name: str) -> Expr:
    """`pi` or `e`."""
    return node(Constant, (), SCALAR, name)


def ones(rows: Dim, cols: Dim = ONE) -> Expr:
    """The matrix of ones; the scalar 1 if both are 1."""
    return UNIT if (rows, cols) == SCALAR else node(Ones, (), (rows, cols))


def zeros(rows: Dim, cols: Dim = ONE) -> Expr:
    """The matrix of zeros; the scalar 0 if both are 1."""
    return ZERO if (rows, cols) == SCALAR else node(Zeros, (), (rows, cols))


def eye(n: Dim) -> Expr:
    """The identity of n rows; the scalar 1 if n is 1."""
    return UNIT if n == ONE else node(Eye, (), (n, n))


IDENTITY = "I"  # the name of identities whose size is inferred


def commute(m: Dim, n: Dim) -> Expr:
    """The commutation matrix: vec(X') = commute(m, n) vec(X) for an m×n X."""
    return node(Commute, (), (m * n, m * n), (m, n))


def duplicate(n: Dim) -> Expr:
    """The duplication matrix: vec(S) = duplicate(n) vech(S) for a symmetric n×n S."""
    return UNIT if n == ONE else node(Duplicate, (), (n * n, triangular(n)), (n,))


def eliminate(n: Dim) -> Expr:
    """The elimination matrix: vech(A) = eliminate(n) vec(A) for an n×n A."""
    return UNIT if n == ONE else node(Eliminate, (), (triangular(n), n * n), (n,))


OF_VECTORS: Mapping[str, Callable[..., Expr]] = {
    f.__name__: f for f in (commute, duplicate, eliminate)
}


def structured(pattern: StructureKind, rows: Dim, cols: Dim, offset: Dim = NOTHING) -> Expr:
    """The matrix of that pattern; where it is an identity, or zero, these."""
    if pattern == "moved" and ((offset - cols).is_at_least(0) or (-offset - rows).is_at_least(0)):
        return zeros(rows, cols)
    if (pattern, cols) == ("lower", ONE) or (pattern, rows) == ("upper", ONE):
        return ones(rows, cols)
    if pattern != "turned" and ONE in (rows, cols):
        pattern = "moved"  # of a triangle, its corner is left
    if (rows, cols) == SCALAR or (pattern == "moved" and rows == cols and offset == NOTHING):
        return eye(rows)
    return node(Structured, (), (rows, cols), pattern, offset)


def named(name: str, body: Expr) -> Expr:
    """A definition: has the value of its body and prints as its name."""
    return node(Name, (body,), body.shape, *parts(name))


def add(*args: Expr) -> Expr:
    """Sum with broadcasting; nested sums are one."""
    flat = _flatten(Add, args)
    return flat[0] if len(flat) == 1 else node(Add, flat, None)


def negate(a: Expr) -> Expr:
    return times(MINUS, a)


def subtract(a: Expr, b: Expr) -> Expr:
    return add(a, negate(b))


def times(*args: Expr) -> Expr:
    """Element-wise product with broadcasting, scaling by a scalar too; nested ones are one."""
    flat = tuple([a for a in _flatten(Times, args) if a is not UNIT])
    if len(flat) < 2:
        return flat[0] if flat else UNIT
    numbers = [a for a in flat if isinstance(a, Number)]
    if numbers and (len(numbers) > 1 or flat[0] is not numbers[0]):  # one number, and in front
        value = math.prod((a.value for a in numbers), start=WHOLE)
        return times(number(value), *(a for a in flat if not isinstance(a, Number)))
    return node(Times, flat, None)


def power(base: Expr, exponent: Expr) -> Expr:
    """Element-wise power with broadcasting; of scalars, the power."""
    if exponent is UNIT:
        return base
    if isinstance(base, Number) and isinstance(exponent, Number):
        folded = number_power(base.value, exponent.value)
        if folded is not None:
            return number(folded)
    return node(Power, (base, exponent), None)


def divide(a: Expr, b: Expr) -> Expr:
    """Element-wise quotient with broadcasting."""
    return times(a, power(b, MINUS))


def matmul(*args: Expr) -> Expr:
    """Matrix product; scaling where a factor is a scalar; nested products are one."""
    chain, shape = [args[0]], args[0].shape
    for factor in args[1:]:
        if shape == SCALAR or factor.shape == SCALAR:
            chain = [times(_chain(chain, shape), factor)]
            shape = chain[0].shape
            continue
        if shape[1] != factor.shape[0]:
            raise ShapeError(
                f"{shape_text(shape)} times {shape_text(factor.shape)} is not a matrix "
                f"product: the inner dimensions are {shape[1]} and {factor.shape[0]}."
            )
        chain.append(factor)
        shape = (shape[0], factor.shape[1])
    return _chain(chain, shape)


def _chain(factors: Sequence[Expr], shape: Shape) -> Expr:
    """The product of factors that fit; nested products are one."""
    if len(factors) == 1:
        return factors[0]
    return node(MatMul, _flatten(MatMul, factors), shape)


def needs_square(base: Expr) -> None:
    """Raises ShapeError for what has no power as a matrix."""
    if base.shape[0] != base.shape[1]:
        raise ShapeError(
            f"a power needs a square matrix, not {shape_text(base.shape)}; the power of every "
            "entry is `.^`, in Python `st.power(A, p)`."
        )


def matrix_power(a: Expr, k: int) -> Expr:
    """Whole power of a square matrix; negative powers are powers of the inverse. A large one is
    what a power with a letter is, so that its derivative is a sum over the exponent."""
    if a.is_scalar:
        return power(a, number(k))
    needs_square(a)
    if k == 0:
        return eye(a.shape[0])
    if isinstance(a, PowerSum) and len(a.args) == 1 and a.degree.integer is not None:
        return matrix_power(a.args[0], a.degree.integer * k)
    if len(_flatten(MatMul, [a])) * abs(k) > MOST_FACTORS:
        raise ShapeError(f"a power is a product of more than {MOST_FACTORS} factors.")
    base = a if k > 0 else call("inv", a)
    if abs(k) > WRITTEN_OUT:
        return node(PowerSum, (base,), a.shape, Dim.of(abs(k)))
    return matmul(*[base] * abs(k))


def powers(first: Expr, *others: Expr, degree: Dim) -> Expr:
    """The sum of all products `A^r G B^s … H C^t` with exponents that add up to the degree, of the
    factors A, G, B, …, H, C; scalars stand outside, and of one factor it is a power."""
    if not others and degree.integer is not None:
        return matrix_power(first, degree.integer)
    shape = first.shape[0], (others or (first,))[-1].shape[1]
    parts = [part for g in others[::2] for part in _flatten(Times, [g])]
    scalars = [part for part in parts if part.is_scalar]
    inner = [times(*(x for x in _flatten(Times, [g]) if not x.is_scalar)) for g in others[::2]]
    if any(isinstance(g, Zeros) for g in inner):
        return zeros(*shape)
    if len(inner) == 1 and isinstance(inner[0], Eye) and others[1] is first:  # its terms are equal
        return times(*scalars, dimension(degree + ONE), powers(first, degree=degree))
    factors = [x for pair in zip(inner, others[1::2], strict=True) for x in pair]
    return times(*scalars, node(PowerSum, (first, *factors), shape, degree))


_TURNED: Mapping[StructureKind, StructureKind] = {"lower": "upper", "upper": "lower"}


def transpose(a: Expr) -> Expr:
    """The transpose; of a transpose the matrix itself, of a scalar the scalar."""
    if a.shape == SCALAR:
        return a
    match a:
        case Transpose():
            return a.args[0]
        case Ones() | Zeros():
            return node(type(a), (), a.shape[::-1])
        case Eye():
            return a
        case Commute():
            return commute(*reversed(a.sizes))
        case PowerSum():
            return powers(*map(transpose, reversed(a.args)), degree=a.degree)
        case Structured():
            return structured(_TURNED.get(a.pattern, a.pattern), *a.shape[::-1], -a.offset)
    return node(Transpose, (a,), a.shape[::-1])


def total(a: Expr, over: Range, fold: str = SUM) -> Expr:
    """The sum, or another fold, of the members that `a` stands for, over their index's range."""
    if fold == SUM and (a is ZERO or isinstance(a, Zeros)):
        return a
    return node(Total, (a,), a.shape, over, fold)


def abstract(name: str, order: int, a: Expr) -> Expr:
    """A declared element-wise function, or its derivative of that order, of every entry."""
    return node(Abstract, (a,), a.shape, *parts(name), order)


def call(name: str, *args: Expr, data: Data = None) -> Expr:
    """A function of the operation table; `data` is its axis (None, 0, 1), or the sizes for `unvec`.

    Raises ShapeError if its signature doesn't fit."""
    operator = _OPERATORS.get(name)
    if operator is not None:
        return operator(*args)
    return node(Call, args, TABLE[name].shape_of(args, data), name, data)


_OPERATORS: dict[str, Callable[..., Expr]] = {
    f.__name__: f for f in (add, times, power, matmul, transpose)
}


def operand(value: Any) -> Expr:
    """What a Python value is in an expression: itself, or a constant, decimals exact as written.

    Raises OperandError for what is neither an expression nor a finite real number."""
    if isinstance(value, Expr):
        return value
    if getattr(value, "size", None) == 1 and hasattr(value, "item"):  # an array of one entry
        value = value.item() if not isinstance(value, numbers.Number) else value
    if isinstance(value, numbers.Rational):
        return number(Fraction(int(value.numerator), int(value.denominator)))
    if isinstance(value, (numbers.Real, Decimal)) and math.isfinite(value):
        return number(Fraction(str(value)))
    if isinstance(value, Dim):
        return dimension(value)
    if isinstance(getattr(value, "gradient", None), Expr):
        raise OperandError(f"{value!r} is no operand: its `gradient` is the expression.")
    library = type(value).__module__.partition(".")[0]
    owner = "" if library in ("builtins", "__main__") else f"{library}'s "
    raise OperandError(
        f"{owner}{type(value).__name__} is no operand of an expression, which is made of symbols "
        "and finite real numbers. For an array, declare a symbol of its shape and give `evaluate` "
        "its value; a text is for `derive` or `read`; what SymPy made goes through `from_sympy`."
    )


def whole_power(base: Expr, exponent: Expr) -> Expr:
    """The power of a scalar, or a whole power of a square matrix. Raises ShapeError."""
    if not exponent.is_scalar:
        raise ShapeError(
            f"an exponent is a scalar, not {shape_text(exponent.shape)}; the power of every entry "
            "is `.^`, in Python `st.power(a, B)`."
        )
    if base.is_scalar:
        return power(base, exponent)
    while isinstance(exponent, Name):
        exponent = exponent.args[0]
    k = exponent.value if isinstance(exponent, Number) else None
    if not isinstance(k, Fraction) or k.denominator != 1 or abs(k) > MAX_POWER:
        raise ShapeError(
            f"the power of a matrix is a whole number up to {MAX_POWER}, or `k : natural`; a root "
            "is `R = sqrtm(A)`; the power of every entry is `.^`, in Python `st.power(A, p)`."
        )
    return matrix_power(base, int(k))


Operand.operators = {f.__name__: f for f in (
    add, subtract, times, divide, matmul, negate, power, transpose, whole_power, call, operand
)}  # fmt: skip


def value_of(e: Expr) -> Real:
    """The value of what is known to be a number."""
    assert isinstance(e, Number)
    return e.value


def exact(e: Expr) -> Fraction | None:
    """The value of a whole number or a fraction; None for anything else."""
    return e.value if isinstance(e, Number) and isinstance(e.value, Fraction) else None


def as_symbol(e: Expr) -> Symbol:
    """What is known to be a symbol, as one."""
    assert isinstance(e, Symbol)
    return e


def _flatten(kind: type[Expr], args: Iterable[Expr]) -> tuple[Expr, ...]:
    given = tuple(args)
    for a in given:
        if type(a) is kind:
            return tuple([part for a in given for part in (a.args if type(a) is kind else (a,))])
    return given


def _broadcast(kind: type[Expr], args: Sequence[Expr]) -> Shape:
    shape = broadcast([a.shape for a in args])
    if shape is None:
        shapes = ", ".join(dict.fromkeys(shape_text(a.shape) for a in args))
        sign = _SIGNS[kind]
        turned = broadcast([args[0].shape, *(a.shape[::-1] for a in args[1:])])
        hint = "" if turned is None else "; the second one transposed, `B.T`, would"
        raise ShapeError(
            f"the operands of `{sign}` have shapes {shapes}, which don't broadcast{hint}."
        )
    return shape
