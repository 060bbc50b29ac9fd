"""Powers with a letter for their exponent: one occurrence in the written-out product is derived as
any product is, with what stands before and behind it; what differs from occurrence to occurrence
are the exponents, over which the results are summed."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from ..core.dims import ONE
from ..core.expr import (
    Expr,
    MatMul,
    PowerSum,
    Symbol,
    matmul,
    node,
    powers,
    symbol,
    transpose,
)
from ..core.traversal import postorder, substitute


@lru_cache(maxsize=256)
def occurrence(e: PowerSum, position: int) -> tuple[Symbol, MatMul, Symbol]:
    """What stands before one occurrence of an argument, the product of all, and what stands behind
    it; r and s are the exponents."""
    before, behind = _sides(e, position)
    x = e.args[position]
    left = symbol(_told(before, "r"), (before[0].shape[0], x.shape[0]))
    right = symbol(_told(behind, "s"), (x.shape[1], behind[-1].shape[1]))
    shape = left.shape[0], right.shape[1]
    return left, node(MatMul, (left, x, right), shape), right  # `x` as it is, if it is a product


def summed(e: PowerSum, position: int, arranged: Expr) -> Expr:
    """The sum over all occurrences of what was arranged for one, such as `P' G S'`."""
    left, _, right = occurrence(e, position)
    before, behind = _sides(e, position)
    sides: dict[Expr, Sequence[Expr]] = {left: before, right: behind}
    for s in (left, right):
        sides[transpose(s)] = [transpose(a) for a in reversed(sides[s])]
    degree = e.degree if position % 2 else e.degree - ONE
    new: dict[Expr, Expr] = {}
    for x in postorder([arranged]):
        if isinstance(x, MatMul) and x.args[0] in sides and x.args[-1] in sides:
            inner = matmul(*x.args[1:-1])
            new[x] = powers(*sides[x.args[0]], inner, *sides[x.args[-1]], degree=degree)
    return substitute(arranged, new)


def _sides(e: PowerSum, position: int) -> tuple[Sequence[Expr], Sequence[Expr]]:
    """The factors before and behind an argument; one with an exponent is on both sides."""
    if position % 2:
        return e.args[:position], e.args[position + 1 :]
    return e.args[: position + 1], e.args[position:]


def _told(factors: Sequence[Expr], letter: str) -> str:
    """A name for what stands on a side: `(A^r)`."""
    texts = [str(f) if isinstance(f, Symbol) else f"({f})" for f in factors]
    return f"({' '.join(t if i % 2 else f'{t}^{letter}' for i, t in enumerate(texts))})"
