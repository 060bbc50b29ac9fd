"""Expressions: one immutable, hash-consed node type; equal expressions are one object.

A node is an operation, its arguments, what else the operation needs (a name, a number, an axis), and
its shape, which the constructors below compute and check. What an operation *means* stands in the
operation table (`functions.py`); here is only how nodes are put together. Every walk is iterative.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from hashlib import blake2b
from typing import Any

from .dims import ONE, SCALAR, Dim, Shape, broadcast, shape_text
from .errors import ShapeError
from .functions import TABLE

Number = Fraction | float


@dataclass(frozen=True, slots=True, eq=False, repr=False, weakref_slot=True)
class Expr:
    """A node. Compare with `is` or `==` (the same thing: nodes are interned)."""

    op: str
    args: tuple[Expr, ...]
    data: Any
    shape: Shape
    digest: bytes  # of the structure: an order that no run depends on

    @property
    def is_scalar(self) -> bool:
        return self.shape == SCALAR

    def __str__(self) -> str:
        """The expression in the language. Printing stands above: this is the one import that looks up."""
        from .render.text import to_text

        return to_text(self)

    def __repr__(self) -> str:
        return f"<{self} : {shape_text(self.shape)}>"


@dataclass(frozen=True, slots=True)
class Symbol:
    """A declared name: what it is called and from which set its values come."""

    name: str
    attributes: frozenset[str] = frozenset()


_nodes: weakref.WeakValueDictionary[tuple[Any, ...], Expr] = weakref.WeakValueDictionary()


def node(op: str, args: tuple[Expr, ...], data: Any, shape: Shape) -> Expr:
    """The one node of these fields. Only constructors call this: it checks nothing."""
    key = (op, args, data, shape)
    found = _nodes.get(key)
    if found is None:
        payload = (
            (data.name, tuple(sorted(data.attributes))) if isinstance(data, Symbol) else data
        )
        own = repr((op, payload, shape if not args else None)).encode()
        digest = blake2b(own + b"".join(a.digest for a in args), digest_size=10).digest()
        found = Expr(op, args, data, shape, digest)
        _nodes[key] = found
    return found


# ------------------------------------------------------------------------------------- leaves


def number(value: int | Number) -> Expr:
    """A constant, 1×1; whole numbers and fractions are exact."""
    return node("number", (), Fraction(value) if not isinstance(value, float) else value, SCALAR)


ZERO = number(0)
UNIT = number(1)
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


def commute(m: Dim, n: Dim) -> Expr:
    """The commutation matrix: vec(X') = commute(m, n) vec(X) for an m×n X."""
    return node("commute", (), (m, n), (m * n, m * n))


# --------------------------------------------------------------------------------- operations


def named(name: str, body: Expr) -> Expr:
    """A definition: has the value of its body and prints as its name."""
    return node("name", (body,), name, body.shape)


def add(*args: Expr) -> Expr:
    """Sum with broadcasting; nested sums are one."""
    flat = _flatten("add", args)
    if len(flat) == 1:
        return flat[0]
    return node("add", flat, None, _broadcast("+", flat))


def negate(a: Expr) -> Expr:
    return times(MINUS, a)


def subtract(a: Expr, b: Expr) -> Expr:
    return add(a, negate(b))


def times(*args: Expr) -> Expr:
    """Element-wise product with broadcasting, which scaling by a scalar is too; nested ones are one."""
    flat = tuple(a for a in _flatten("times", args) if a is not UNIT)
    if not flat:
        return UNIT
    if len(flat) == 1:
        return flat[0]
    if sum(a.op == "number" for a in flat) > 1:
        value: Any = Fraction(1)
        for a in flat:
            value = value * a.data if a.op == "number" else value
        return times(number(value), *(a for a in flat if a.op != "number"))
    return node("times", flat, None, _broadcast(".*", flat))


def power(base: Expr, exponent: Expr) -> Expr:
    """Element-wise power with broadcasting; of scalars, the power."""
    if exponent is UNIT:
        return base
    if base.op == "number" and exponent.op == "number":
        folded = _number_power(base.data, exponent.data)
        if folded is not None:
            return folded
    return node("power", (base, exponent), None, _broadcast(".^", (base, exponent)))


def divide(a: Expr, b: Expr) -> Expr:
    """Element-wise quotient with broadcasting."""
    return times(a, power(b, MINUS))


def matmul(*args: Expr) -> Expr:
    """Matrix product; scaling where a factor is a scalar; nested products are one."""
    product = args[0]
    for factor in args[1:]:
        if product.is_scalar or factor.is_scalar:
            product = times(product, factor)
            continue
        if product.shape[1] != factor.shape[0]:
            raise ShapeError(
                f"{shape_text(product.shape)} times {shape_text(factor.shape)} is not a matrix "
                f"product: the inner dimensions are {product.shape[1]} and {factor.shape[0]}."
            )
        parts = _flatten("matmul", (product, factor))
        product = node("matmul", parts, None, (product.shape[0], factor.shape[1]))
    return product


def matrix_power(a: Expr, k: int) -> Expr:
    """Whole power of a square matrix; negative powers are powers of the inverse."""
    if a.is_scalar:
        return power(a, number(k))
    if a.shape[0] != a.shape[1]:
        raise ShapeError(f"a power needs a square matrix, not {shape_text(a.shape)}.")
    if k == 0:
        return eye(a.shape[0])
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


def abstract(name: str, order: int, a: Expr) -> Expr:
    """A declared element-wise function, or its derivative of that order, of every entry."""
    return node("abstract", (a,), (name, order), a.shape)


def call(name: str, *args: Expr, data: Any = None) -> Expr:
    """A function of the operation table; `data` is its axis (None, 0, 1), or the sizes for `unvec`.

    Raises ShapeError if its signature doesn't fit."""
    return node(name, args, data, TABLE[name].shape_of(args, data))


def rebuild(e: Expr, args: Sequence[Expr]) -> Expr:
    """The node with other arguments, through its constructor: shapes are computed and checked anew."""
    if not e.args or all(a is b for a, b in zip(e.args, args, strict=True)):
        return e
    structural = _CONSTRUCTORS.get(e.op)
    if structural is not None:
        return structural(e, args)
    return call(e.op, *args, data=e.data)


_CONSTRUCTORS: dict[str, Callable[[Expr, Sequence[Expr]], Expr]] = {
    "name": lambda e, args: named(e.data, args[0]),
    "add": lambda e, args: add(*args),
    "times": lambda e, args: times(*args),
    "power": lambda e, args: power(*args),
    "matmul": lambda e, args: matmul(*args),
    "transpose": lambda e, args: transpose(args[0]),
    "abstract": lambda e, args: abstract(*e.data, args[0]),
}

# -------------------------------------------------------------------------------------- walks


def postorder(roots: Iterable[Expr], into: Callable[[Expr], bool] | None = None) -> Iterator[Expr]:
    """Every node once, arguments before the nodes that use them; `into(e)` false keeps out of e."""
    done: set[Expr] = set()
    for root in roots:
        stack = [(root, False)]
        while stack:
            e, ready = stack.pop()
            if e in done:
                continue
            if ready or not e.args or (into is not None and not into(e)):
                done.add(e)
                yield e
            else:
                stack.append((e, True))
                stack.extend((a, False) for a in reversed(e.args))


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
    flat: list[Expr] = []
    for a in args:
        flat.extend(a.args if a.op == op else (a,))
    return tuple(flat)


def _broadcast(sign: str, args: Sequence[Expr]) -> Shape:
    shape = broadcast(a.shape for a in args)
    if shape is None:
        shapes = ", ".join(dict.fromkeys(shape_text(a.shape) for a in args))
        raise ShapeError(f"the operands of `{sign}` have shapes {shapes}, which don't broadcast.")
    return shape


def _number_power(base: Number, exponent: Number) -> Expr | None:
    """The power of two numbers where it is exact and small, else None."""
    whole = isinstance(exponent, Fraction) and exponent.denominator == 1
    if not isinstance(base, Fraction) or not whole or abs(exponent) > 64:
        return None
    if base == 0 and exponent < 0:
        return None
    return number(base ** int(exponent))
