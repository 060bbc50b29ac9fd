"""Expressions: one immutable, hash-consed node type; equal expressions are one object.

A node is an operation, its arguments, what else the operation needs (a name, a number, an axis),
and its shape, which the constructors below compute and check. What an operation *means* stands in
the operation table (`core/functions.py`); here is only how nodes are put together, without
recursion.
"""

from __future__ import annotations

import math
import numbers
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Any, ClassVar, NoReturn

from .dims import ONE, SCALAR, Dim, Shape, broadcast, shape_text
from .errors import OperandError, RequestError, ShapeError
from .functions import TABLE
from .indices import Range

Number = Fraction | float
MAX_POWER = 64  # that is written out: of a number, or of a matrix as a product
MOST_FACTORS = 4096  # of a power
MOST_BITS = 1000  # of a number: more than floats can hold


@dataclass(frozen=True, slots=True, eq=False, repr=False, weakref_slot=True)
class Expr:
    """A node. Compare with `is` or `==` (the same thing: nodes are interned)."""

    op: str
    args: tuple[Expr, ...]
    data: Any
    shape: Shape
    written_length: int | None = None  # kept by `lengths.length`

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
        return node, (self.op, self.args, self.data, self.shape)

    # ---- operators: what the language writes with the same sign, where Python's users agree on it

    @property
    def T(self) -> Expr:
        """The transpose."""
        return transpose(self)

    def hadamard(self, other: Any) -> Expr:
        """The element-wise product, `.*` in the language; broadcasts."""
        return times(self, operand(other))

    def __add__(self, other: Any) -> Expr:
        return add(self, operand(other))

    def __radd__(self, other: Any) -> Expr:
        return add(operand(other), self)

    def __sub__(self, other: Any) -> Expr:
        return subtract(self, operand(other))

    def __rsub__(self, other: Any) -> Expr:
        return subtract(operand(other), self)

    def __neg__(self) -> Expr:
        return negate(self)

    def __pos__(self) -> Expr:
        return self

    def __matmul__(self, other: Any) -> Expr:
        return matmul(self, operand(other))

    def __rmatmul__(self, other: Any) -> Expr:
        return matmul(operand(other), self)

    def __mul__(self, other: Any) -> Expr:
        return _scaled(self, operand(other))

    def __rmul__(self, other: Any) -> Expr:
        return _scaled(operand(other), self)

    def __truediv__(self, other: Any) -> Expr:
        return _quotient(self, operand(other))

    def __rtruediv__(self, other: Any) -> Expr:
        return _quotient(operand(other), self)

    def __pow__(self, exponent: Any) -> Expr:
        return whole_power(self, operand(exponent))

    def __rpow__(self, base: Any) -> Expr:
        return whole_power(operand(base), self)

    __array_ufunc__: ClassVar[None] = None  # NumPy leaves its operators to ours

    def __array__(self, *_: Any, **__: Any) -> NoReturn:
        raise OperandError("an expression is no array: `evaluate` it on arrays.")

    def __bool__(self) -> NoReturn:
        raise OperandError(
            "an expression is neither true nor false; `==` tells whether two are the same."
        )

    def __iter__(self) -> NoReturn:
        raise OperandError("an expression is not a sequence: it has a shape, but no values.")

    def __getitem__(self, _: Any) -> NoReturn:
        raise OperandError(
            "an expression has no entries to take: multiply by a declared vector, as in `e.T @ x`."
        )


_writers: dict[str, Callable[[Expr], str]] = {}


def register_writer(form: str, writer: Callable[[Expr], str]) -> None:
    """Let expressions be shown by `writer`: as "text" in the language, or in "latex".

    How an expression is written stands above what it is, so that the writer comes from there."""
    _writers[form] = writer


@dataclass(frozen=True, slots=True)
class Symbol:
    """A declared name: what it is called and from which set its values come."""

    name: str
    attributes: frozenset[str] = frozenset()


_SIGNS = {"add": "+", "times": ".*", "power": ".^"}  # of the operations that broadcast
_nodes: weakref.WeakValueDictionary[tuple[Any, ...], Expr] = weakref.WeakValueDictionary()


def node(op: str, args: tuple[Expr, ...], data: Any = None, shape: Shape | None = None) -> Expr:
    """The one node of these fields. Only constructors call this: it checks nothing but whether the
    arguments of a sum or an element-wise product broadcast, over which its shape follows."""
    if op in _SIGNS:
        shape = None  # of a node that exists it isn't computed again
    key = (op, args, type(data), data, shape)  # 0.5 and 1/2 are equal, and print differently
    found = _nodes.get(key)
    if found is None:
        found = _nodes[key] = Expr(op, args, data, shape or _broadcast(op, args))
    return found


def number(value: int | Number) -> Expr:
    """A constant, 1×1; whole numbers and fractions are exact. Raises ShapeError for huge ones."""
    return UNIT if value is WHOLE else _number(value)


@lru_cache(maxsize=4096, typed=True)
def _number(value: int | Number) -> Expr:
    if isinstance(value, Fraction) and _bits(value) > MOST_BITS:
        raise ShapeError("a number has more than 300 digits.")
    return node("number", (), Fraction(value) if not isinstance(value, float) else value, SCALAR)


UNIT = _number(1)
WHOLE: Fraction = UNIT.data
ZERO = number(0)
MINUS = number(-1)


def symbol(name: str, shape: Shape, attributes: Iterable[str] = ()) -> Expr:
    """A declared name of that shape."""
    return node("symbol", (), Symbol(name, frozenset(attributes)), shape)


def dimension(dim: Dim) -> Expr:
    """A dimension as a scalar."""
    terms = [
        times(number(k), *(node("dimension", (), name, SCALAR) for name in names))
        for names, k in sorted(dim.terms, key=lambda t: (-len(t[0]), t[0]))
    ]
    return add(*terms) if terms else ZERO


def constant(name: str) -> Expr:
    """`pi` or `e`."""
    return node("constant", (), name, SCALAR)


def ones(rows: Dim, cols: Dim = ONE) -> Expr:
    """The matrix of ones; the scalar 1 if both are 1."""
    return UNIT if (rows, cols) == SCALAR else node("ones", (), None, (rows, cols))


def zeros(rows: Dim, cols: Dim = ONE) -> Expr:
    """The matrix of zeros; the scalar 0 if both are 1."""
    return ZERO if (rows, cols) == SCALAR else node("zeros", (), None, (rows, cols))


def eye(n: Dim) -> Expr:
    """The identity of n rows; the scalar 1 if n is 1."""
    return UNIT if n == ONE else node("eye", (), None, (n, n))


IDENTITY = "I"  # the name of identities whose size is inferred


def is_identity(e: Expr) -> bool:
    """Whether it is an `I`, a word of the language and no definition."""
    return e.op == "name" and e.data == IDENTITY and e.args[0].op == "eye"


def commute(m: Dim, n: Dim) -> Expr:
    """The commutation matrix: vec(X') = commute(m, n) vec(X) for an m×n X."""
    return node("commute", (), (m, n), (m * n, m * n))


def named(name: str, body: Expr) -> Expr:
    """A definition: has the value of its body and prints as its name."""
    return node("name", (body,), name, body.shape)


def add(*args: Expr) -> Expr:
    """Sum with broadcasting; nested sums are one."""
    flat = _flatten("add", args)
    return flat[0] if len(flat) == 1 else node("add", flat)


def negate(a: Expr) -> Expr:
    return times(MINUS, a)


def subtract(a: Expr, b: Expr) -> Expr:
    return add(a, negate(b))


def times(*args: Expr) -> Expr:
    """Element-wise product with broadcasting, scaling by a scalar too; nested ones are one."""
    flat = tuple([a for a in _flatten("times", args) if a is not UNIT])
    if len(flat) < 2:
        return flat[0] if flat else UNIT
    numbers = [a for a in flat if a.op == "number"]
    if numbers and (len(numbers) > 1 or flat[0] is not numbers[0]):  # one number, and in front
        value = math.prod((a.data for a in numbers), start=WHOLE)
        return times(number(value), *(a for a in flat if a.op != "number"))
    return node("times", flat)


def power(base: Expr, exponent: Expr) -> Expr:
    """Element-wise power with broadcasting; of scalars, the power."""
    if exponent is UNIT:
        return base
    if base.op == "number" and exponent.op == "number":
        folded = _number_power(base.data, exponent.data)
        if folded is not None:
            return folded
    return node("power", (base, exponent))


def divide(a: Expr, b: Expr) -> Expr:
    """Element-wise quotient with broadcasting."""
    return times(a, power(b, MINUS))


def matmul(*args: Expr) -> Expr:
    """Matrix product; scaling where a factor is a scalar; nested products are one."""
    chain, shape = [args[0]], args[0].shape
    for factor in args[1:]:
        if shape == SCALAR or factor.is_scalar:
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
    return node("matmul", _flatten("matmul", factors), None, shape)


def matrix_power(a: Expr, k: int) -> Expr:
    """Whole power of a square matrix; negative powers are powers of the inverse."""
    if a.is_scalar:
        return power(a, number(k))
    if a.shape[0] != a.shape[1]:
        raise ShapeError(f"a power needs a square matrix, not {shape_text(a.shape)}.")
    if k == 0:
        return eye(a.shape[0])
    if len(_flatten("matmul", [a])) * abs(k) > MOST_FACTORS:
        raise ShapeError(f"a power is a product of more than {MOST_FACTORS} factors.")
    return matmul(*[a if k > 0 else call("inv", a)] * abs(k))


def transpose(a: Expr) -> Expr:
    """The transpose; of a transpose the matrix itself, of a scalar the scalar."""
    if a.is_scalar:
        return a
    if a.op == "transpose":
        return a.args[0]
    if a.op in ("ones", "zeros"):
        return node(a.op, (), None, a.shape[::-1])
    if a.op == "eye":
        return a
    return node("transpose", (a,), None, a.shape[::-1])


def total(a: Expr, over: Range) -> Expr:
    """The sum of the members that `a` stands for, over the range of their index."""
    return node("total", (a,), over, a.shape)


def abstract(name: str, order: int, a: Expr) -> Expr:
    """A declared element-wise function, or its derivative of that order, of every entry."""
    return node("abstract", (a,), (name, order), a.shape)


def call(name: str, *args: Expr, data: Any = None) -> Expr:
    """A function of the operation table; `data` is its axis (None, 0, 1), or the sizes for `unvec`.

    Raises ShapeError if its signature doesn't fit."""
    operator = _OPERATORS.get(name)
    if operator is not None:
        return operator(*args)
    return node(name, args, data, TABLE[name].shape_of(args, data))


_OPERATORS: dict[str, Callable[..., Expr]] = {
    "add": add,
    "times": times,
    "power": power,
    "matmul": matmul,
    "transpose": transpose,
}


def rebuild(e: Expr, args: Sequence[Expr]) -> Expr:
    """The node with other arguments, through its constructor: shapes are computed anew."""
    if e.args == tuple(args):
        return e
    if e.op == "name":
        return named(e.data, args[0])
    if e.op == "total":
        return total(args[0], e.data)
    if e.op == "abstract":
        name, order = e.data
        return abstract(name, order, args[0])
    return call(e.op, *args, data=e.data)


# ------------------------------------------------------------------------- Python's operators


def operand(value: Any) -> Expr:
    """What a Python value is in an expression: itself, or a constant, decimals exact as written.

    Raises OperandError for what is neither an expression nor a finite real number."""
    if isinstance(value, Expr):
        return value
    if getattr(value, "size", None) == 1 and hasattr(value, "item"):  # an array of one entry
        value = value.item() if not isinstance(value, numbers.Number) else value
    if isinstance(value, numbers.Rational):
        return number(Fraction(int(value.numerator), int(value.denominator)))
    if isinstance(value, numbers.Real) and math.isfinite(value):
        return number(Fraction(str(value)))
    raise OperandError(
        f"{type(value).__name__} is no operand of an expression, which is made of symbols and "
        "finite real numbers. For an array, declare a symbol of its shape and give `evaluate` its "
        "value; what SymPy made goes through `from_sympy`."
    )


def whole_power(base: Expr, exponent: Expr) -> Expr:
    """The power of a scalar, or a whole power of a square matrix. Raises ShapeError."""
    if not exponent.is_scalar:
        raise ShapeError(
            f"an exponent is a scalar, not {shape_text(exponent.shape)}; the power of every entry "
            "is `.^`, in Python `power(a, B)`."
        )
    if base.is_scalar:
        return power(base, exponent)
    while exponent.op == "name":
        exponent = exponent.args[0]
    k = exponent.data if exponent.op == "number" else None
    if not isinstance(k, Fraction) or k.denominator != 1 or abs(k) > MAX_POWER:
        raise ShapeError(
            f"the power of a matrix is a whole number up to {MAX_POWER}; the power of every entry "
            "is `.^`, in Python `power(A, p)`."
        )
    return matrix_power(base, int(k))


def _scaled(a: Expr, b: Expr) -> Expr:
    if not a.is_scalar and not b.is_scalar:
        raise ShapeError(
            f"`*` of {shape_text(a.shape)} and {shape_text(b.shape)} could mean two things: write "
            "`A @ B` for the matrix product, `A.hadamard(B)` for the product of the entries."
        )
    return matmul(a, b)


def _quotient(a: Expr, b: Expr) -> Expr:
    if not b.is_scalar:
        raise ShapeError(
            f"`/` divides by a scalar, not by {shape_text(b.shape)}: write "
            "`A.hadamard(power(B, -1))` to divide the entries, `A @ inv(B)` for the inverse."
        )
    return divide(a, b)


def postorder(roots: Iterable[Expr], into: Callable[[Expr], bool] | None = None) -> Iterator[Expr]:
    """Every node once, arguments before the nodes that use them; `into(e)` false keeps out of e."""
    done: set[Expr] = set()
    entered: set[Expr] = set()
    for root in roots:
        stack = [root]
        while stack:
            e = stack[-1]
            if e.args and e not in entered and e not in done and (into is None or into(e)):
                entered.add(e)
                stack += [a for a in reversed(e.args) if a not in done]
                continue
            stack.pop()
            if e not in done:
                done.add(e)
                yield e


def transform(root: Expr, change: Callable[[Expr], Expr]) -> Expr:
    """The expression with `change` applied to every node, bottom up."""
    new: dict[Expr, Expr] = {}
    for e in postorder([root]):
        new[e] = change(rebuild(e, [new[a] for a in e.args]))
    return new[root]


def substitute(root: Expr, replacements: Mapping[Expr, Expr]) -> Expr:
    """The expression with nodes replaced; what is put in is not searched again."""
    new: dict[Expr, Expr] = {}
    for e in postorder([root], into=lambda e: e not in replacements):
        replacement = replacements.get(e)
        new[e] = rebuild(e, [new[a] for a in e.args]) if replacement is None else replacement
    return new[root]


def expand_names(root: Expr) -> Expr:
    """The expression in declared symbols alone: every definition replaced by its body."""
    return transform(root, lambda e: e.args[0] if e.op == "name" else e)


def symbols_of(root: Expr) -> list[Expr]:
    """The symbols that occur, in order of first appearance."""
    return [e for e in postorder([root]) if e.op == "symbol"]


def _flatten(op: str, args: Iterable[Expr]) -> tuple[Expr, ...]:
    given = tuple(args)
    if op not in {a.op for a in given}:
        return given
    return tuple([part for a in given for part in (a.args if a.op == op else (a,))])


def _broadcast(op: str, args: Sequence[Expr]) -> Shape:
    shape = broadcast([a.shape for a in args])
    if shape is None:
        shapes = ", ".join(dict.fromkeys(shape_text(a.shape) for a in args))
        sign = _SIGNS[op]
        raise ShapeError(f"the operands of `{sign}` have shapes {shapes}, which don't broadcast.")
    return shape


def _bits(value: Fraction) -> int:
    return max(value.numerator.bit_length(), value.denominator.bit_length())


def _number_power(base: Number, exponent: Number) -> Expr | None:
    """The power of two numbers where it is exact and small, else None."""
    if not isinstance(base, Fraction) or not isinstance(exponent, Fraction):
        return None
    if exponent.denominator != 1 or abs(exponent) > MAX_POWER:
        return None
    if base == 0 and exponent < 0:
        return None
    return number(base ** int(exponent))
