"""What an expression is made of: its terms, multiplied out too, and the functions in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .elaboration import parse_scalar
from .expr import Expr, abstract, matmul, postorder, times
from .functions import OPERATORS, TABLE
from .surface import Callee

MOST_OPENED = 24  # terms


def terms_of(e: Expr) -> tuple[Expr, ...]:
    """The terms of a sum."""
    return e.args if e.op == "add" else (e,)


def distributed(e: Expr) -> list[Expr]:
    """The terms with products of sums multiplied out, as far as there are few."""
    waiting, done = list(terms_of(e)), list[Expr]()
    while waiting and len(waiting) + len(done) <= MOST_OPENED:
        term = waiting.pop(0)
        opened = _opened(term)
        if opened is None:
            done.append(term)
        else:
            waiting[:0] = opened
    return [*done, *waiting]


def _opened(term: Expr) -> list[Expr] | None:
    """The product multiplied out at its first sum, or None if it has none."""
    if term.op not in ("times", "matmul"):
        return None
    make = times if term.op == "times" else matmul
    for i, factor in enumerate(term.args):
        inner = list(factor.args) if factor.op == "add" else _opened(factor)
        if inner is not None and all(a.shape == factor.shape for a in inner):
            return [make(*term.args[:i], a, *term.args[i + 1 :]) for a in inner]
    return None


def functions_in(roots: Sequence[Expr]) -> Iterator[tuple[str, object]]:
    """The functions of one argument that occur, as kinds and values of nodes."""
    for e in postorder(roots):
        if e.op == "abstract":
            name, order = e.data
            yield from (("abstract", (name, k)) for k in (order, order + 1))
        elif e.data in (None, 0, 1) and is_called(e.op) and TABLE[e.op].arity == 1:
            yield "call", Callee(e.op, e.data)


def is_called(op: str) -> bool:
    """Whether an operation is a function that is written as a call."""
    return op in TABLE and op not in (*OPERATORS, "transpose")


def derivatives_in(of: Expr) -> Iterator[tuple[Expr, Expr]]:
    """The element-wise functions that occur, and their derivatives."""
    for e in postorder([of]):
        if e.op == "abstract":
            name, order = e.data
            yield e, abstract(name, order + 1, e.args[0])
        elif is_called(e.op) and TABLE[e.op].elementwise and TABLE[e.op].arity == 1:
            yield e, parse_scalar(TABLE[e.op].derivative[0], {"x": e.args[0], "y": e})
