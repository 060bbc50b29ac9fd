"""Powers with a letter for their exponent, and power series of a matrix: one occurrence in the
written-out product is derived as any product is, with what stands before and behind it; what
differs from occurrence to occurrence are the exponents, over which the results are summed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

from ..core.dims import ONE
from ..core.expr import (
    Expr,
    Eye,
    MatMul,
    PowerSum,
    Symbol,
    call,
    matmul,
    node,
    powers,
    symbol,
    times,
    transpose,
    zeros,
)
from ..core.functions import TABLE
from ..core.structure import factors_of
from ..core.structured import block_matrix, selected, selection
from ..core.traversal import postorder, substitute


def is_series(e: Expr) -> bool:
    """Whether it is a power with a letter, a sum of such, or a power series of a matrix; in that of
    a number all commutes, and its row's derivative holds."""
    row = TABLE.get(e.op)
    return isinstance(e, PowerSum) or (row is not None and row.series and not e.is_scalar)


@lru_cache(maxsize=256)
def occurrence(e: Expr, position: int) -> tuple[Symbol, MatMul, Symbol]:
    """What stands before one occurrence of an argument, the product of all, and what stands behind
    it; r and s are the exponents."""
    before, behind = _sides(e, position)
    x = e.args[position]
    left = symbol(_told(e, before, "r"), (before[0].shape[0], x.shape[0]))
    right = symbol(_told(e, behind, "s"), (x.shape[1], behind[-1].shape[1]))
    shape = left.shape[0], right.shape[1]
    return left, node(MatMul, (left, x, right), shape), right  # `x` as it is, if it is a product


def summed(e: Expr, position: int, arranged: Expr, handed: Mapping[Expr, Expr]) -> Expr:
    """The sum over all occurrences of what was arranged for one, such as `P' G S'`, with what is
    `handed` on in the place of G."""
    left, _, right = occurrence(e, position)
    before, behind = _sides(e, position)
    sides: dict[Expr, Sequence[Expr]] = {left: before, right: behind}
    for s in (left, right):
        sides[transpose(s)] = [transpose(a) for a in reversed(sides[s])]
    new: dict[Expr, Expr] = {}
    for x in postorder([arranged]):
        if isinstance(x, MatMul) and x.args[0] in sides and x.args[-1] in sides:
            inner = substitute(matmul(*x.args[1:-1]), handed)
            new[x] = _summed(e, position, (*sides[x.args[0]], inner, *sides[x.args[-1]]))
    return substitute(arranged, new)


def _summed(e: Expr, position: int, factors: Sequence[Expr]) -> Expr:
    if isinstance(e, PowerSum):
        return powers(*factors, degree=e.degree if position % 2 else e.degree - ONE)
    a, between, b = factors
    scalars = [f for f in factors_of(between) if f.is_scalar]
    larger = times(*(f for f in factors_of(between) if not f.is_scalar))
    if isinstance(larger, Eye) and a is b and TABLE[e.op].derivative == ("y",):
        return times(*scalars, call(e.op, a))  # all commutes, as numbers do
    n = a.shape[0]
    block = block_matrix([[a, larger], [zeros(n, n), b]])
    first, last = selection(ONE, n, n + n), selection(n + ONE, n + n, n + n)
    return times(*scalars, selected(call(e.op, block), first, last))


def _sides(e: Expr, position: int) -> tuple[Sequence[Expr], Sequence[Expr]]:
    """The factors before and behind an argument; one with an exponent is on both sides."""
    if position % 2:
        return e.args[:position], e.args[position + 1 :]
    return e.args[: position + 1], e.args[position:]


def _told(e: Expr, factors: Sequence[Expr], letter: str) -> str:
    """A name for what stands on a side: `(A^r)`, `expm(r A)`."""
    texts = [str(f) if isinstance(f, Symbol) else f"({f})" for f in factors]
    if not isinstance(e, PowerSum):
        return f"{e.op}({letter} {texts[0]})"
    return f"({' '.join(t if i % 2 else f'{t}^{letter}' for i, t in enumerate(texts))})"
