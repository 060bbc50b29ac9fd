"""The terms of a sum and the factors of a product; and what operations do with entries, read from
their rows: add them up, move them, multiply them, invert a matrix. More is not known of them."""

from __future__ import annotations

from .dims import Dim
from .expr import (
    IDENTITY,
    Add,
    Call,
    Data,
    Expr,
    Eye,
    MatMul,
    Name,
    Number,
    OfVectors,
    PowerSum,
    Times,
    Transpose,
    Zeros,
)
from .functions import TABLE, Function, Signature


def data_of(e: Expr) -> Data:
    """The axis of a call, or its sizes; None for what is no call."""
    return e.data if isinstance(e, Call) else None


def sizes_of(e: Expr) -> tuple[Dim, ...]:
    """The dimensions that an expression has beside its shape: of a call, a commutation,
    a duplication, powers."""
    match e:
        case Call(data=tuple() as sizes) | OfVectors(sizes=sizes):
            return sizes
        case PowerSum():
            return (e.degree,)
    return ()


def terms_of(e: Expr) -> tuple[Expr, ...]:
    """The terms of a sum; of what is none, itself."""
    return e.args if isinstance(e, Add) else (e,)


def factors_of(e: Expr) -> tuple[Expr, ...]:
    """The factors of an element-wise product; of what is none, itself."""
    return e.args if isinstance(e, Times) else (e,)


def has_transposes(e: Expr) -> bool:
    """Whether a product has one among its factors, or a sum among those of its summands."""
    parts = (p for a in e.args for p in factors_of(a))
    return any(isinstance(a, Transpose) for p in parts for a in (*p.args, p))


def unnamed(e: Expr) -> Expr:
    """What the names of a value stand for."""
    while isinstance(e, Name):
        (e,) = e.args
    return e


def is_identity(e: Expr) -> bool:
    """Whether it is an `I`, a word of the language and no definition."""
    return isinstance(e, Name) and e.name == IDENTITY and isinstance(e.args[0], Eye)


def is_zero(e: Expr) -> bool:
    """Whether it is a matrix of zeros, or the number 0."""
    return isinstance(e, Zeros) or (isinstance(e, Number) and e.value == 0)


def linear_row(e: Expr) -> Function | None:
    """The row of an operation that is linear in each of its arguments."""
    row = TABLE.get(e.op)
    return row if row is not None and row.units == "linear" else None


def is_product(e: Expr) -> bool:
    """Whether it is linear in each of two arguments (of a chain: in all)."""
    row = linear_row(e)
    return row is not None and row.arity == 2


def sums(e: Expr) -> bool:
    """Whether it adds up entries of its only argument, or takes their mean."""
    signature = _signature(e)
    return signature is not None and signature.sums


def is_flat(e: Expr) -> bool:
    """Whether it is a function's value that changes at kinks alone: a sign or a step."""
    row = TABLE.get(e.op)
    return row is not None and {*row.derivative} == {"0"}


def adds_up(e: Expr) -> bool:
    """Likewise, but no mean."""
    return sums(e) and not TABLE[e.op].averages


def moves(e: Expr) -> bool:
    """Whether its entries are those of its only argument, at other places, and zeros."""
    if isinstance(e, Transpose):
        return True
    signature = _signature(e)
    return signature is not None and not signature.sums


def spreads(e: Expr) -> bool:
    """Whether there are zeros beside the argument's entries: a diagonal matrix."""
    signature = _signature(e)
    return signature is not None and signature.spreads


def takes_diagonal(e: Expr) -> bool:
    """Whether its entries are a diagonal of its argument."""
    signature = _signature(e)
    return signature is not None and signature.merges


def is_inverse(e: Expr) -> bool:
    """Whether it is the inverse of its argument."""
    row = TABLE.get(e.op)
    return row is not None and row.units == "inverse" and row.derivative == ("-y y",)


def _signature(e: Expr) -> Signature | None:
    row = linear_row(e)
    if row is None or row.arity != 1 or isinstance(e, (MatMul, Transpose)):
        return None
    return row.signature_for(e.args, data_of(e))[0]
