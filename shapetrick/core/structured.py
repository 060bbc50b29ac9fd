"""Constants of known structure, and what products with them are.

A slice is a product with rows of an identity, a block a sum of products with their transposes; a
shift, a cumulative sum and a triangle are products too. Nothing else is known of them: derivatives
are those of products. `core/block_forms.py` writes them as slices, blocks and masks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .dims import NOTHING, ONE, Dim, Sizes
from .expr import (
    UNIT,
    Expr,
    Ones,
    Structured,
    StructureKind,
    add,
    eye,
    matmul,
    structured,
    times,
    transpose,
    zeros,
)
from .structure import is_zero

# ------------------------------------------------------------------------------------- constants


def selection(first: Dim, last: Dim, size: Dim) -> Expr:
    """The rows `first..last` of the identity of that size."""
    return structured("moved", last - first + ONE, size, first - ONE)


def selected(a: Expr, rows: Expr | None, cols: Expr | None) -> Expr:
    """The rows and columns of `a` that selections say; None for all."""
    factors = [f for f in (rows, a, None if cols is None else transpose(cols)) if f is not None]
    return matmul(*factors)


def block_matrix(rows: Sequence[Sequence[Expr]]) -> Expr:
    """The block matrix of these parts, whose shapes fit."""
    height = sum((row[0].shape[0] for row in rows), NOTHING)
    width = sum((a.shape[1] for a in rows[0]), NOTHING)
    parts, above = [], NOTHING
    for row in rows:
        left = NOTHING
        for a in row:
            start, left = left, left + a.shape[1]
            if is_zero(a):
                continue
            factors = [] if a.is_scalar else [a]
            if len(rows) > 1:
                factors.insert(0, structured("moved", height, a.shape[0], -above))
            if len(row) > 1:
                factors.append(structured("moved", a.shape[1], width, start))
            whole = matmul(*factors) if factors else UNIT
            parts.append(times(a, whole) if a.is_scalar else whole)
        above = above + row[0].shape[0]
    return add(*parts) if parts else zeros(height, width)


def shifted(a: Expr, k: Dim, axis: int) -> Expr:
    """The entries moved down (or right) by k; zeros enter."""
    n = a.shape[axis]
    move = structured("moved", n, n, -k if axis == 0 else k)
    return matmul(move, a) if axis == 0 else matmul(a, move)


def flipped(a: Expr, axis: int) -> Expr:
    """The order of the rows (or columns) turned round."""
    turn = structured("turned", a.shape[axis], a.shape[axis])
    return matmul(turn, a) if axis == 0 else matmul(a, turn)


def accumulated(a: Expr, axis: int) -> Expr:
    """The cumulative sums down the columns (or along the rows)."""
    n = a.shape[axis]
    below = structured("lower", n, n)
    return matmul(below, a) if axis == 0 else matmul(a, transpose(below))


def lower(a: Expr) -> Expr:
    """The entries on and below the diagonal; zeros above."""
    return _triangle("lower", a)


def upper(a: Expr) -> Expr:
    """The entries on and above the diagonal; zeros below."""
    return _triangle("upper", a)


def _triangle(pattern: StructureKind, a: Expr) -> Expr:
    mask = structured(pattern, *a.shape)
    return mask if isinstance(a, Ones) else times(mask, a)


def entries(e: Structured, sizes: Sizes) -> Any:
    """The matrix, for sizes of the dimensions."""
    rows, cols = (d.size(sizes) for d in e.shape)
    match e.pattern:
        case "moved":
            return np.eye(rows, cols, e.offset.size(sizes))
        case "turned":
            return np.eye(rows)[::-1]
        case "lower":
            return np.tri(rows, cols)
        case "upper":
            return np.tri(cols, rows).T


# ------------------------------------------------------------------------------------ what is known


def selects(e: Expr) -> bool:
    """Whether each row is one of an identity's, at all sizes at which the slice has a meaning."""
    return (
        isinstance(e, Structured)
        and e.pattern == "moved"
        and slack(e).is_eventually_natural
        and e.offset.is_eventually_natural
    )


def slack(e: Structured) -> Dim:
    """How many rows of the identity come behind those that are selected."""
    return e.shape[1] - e.shape[0] - e.offset


def needs(e: Structured) -> tuple[Dim, ...]:
    """What is at least 1 where a slice has a meaning."""
    return (slack(e) + ONE, e.offset + ONE) if selects(e) else ()


def is_square_move(e: Expr) -> bool:
    """Whether it shifts."""
    return isinstance(e, Structured) and e.pattern == "moved" and e.shape[0] == e.shape[1]


def composed(a: Structured, b: Structured) -> Expr | None:
    """The product of two as one constant, where it is one of known structure."""
    rows, cols = a.shape[0], b.shape[1]
    if a.pattern == b.pattern == "turned":
        return eye(rows)
    if a.pattern != "moved" or b.pattern != "moved":
        return None
    if not (selects(a) or selects(transpose(b))):
        return None
    found = structured("moved", rows, cols, a.offset + b.offset)
    if not isinstance(found, Structured) or rows == cols:
        return found
    return found if selects(found) or selects(transpose(found)) else None


def sums_to_ones(e: Structured) -> bool:
    """Whether the sum of each row is one."""
    return e.pattern == "turned" or selects(e)


def is_canonical(e: Structured) -> bool:
    """Whether it stands for itself and its transpose, of which one is enough."""
    turned = transpose(e)
    assert isinstance(turned, Structured)
    if selects(e) != selects(turned):
        return selects(e)
    return _key(e) <= _key(turned)


def _key(e: Structured) -> tuple[str, str, str]:
    return e.pattern, str(e.shape), str(e.offset)
