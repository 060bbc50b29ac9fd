"""Multipliers that can be isolated: by what multiplies one in its equation, or by the structure of
the unknown."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from ..core.equations import structure_of
from ..core.expr import (
    Expr,
    Symbol,
    add,
    call,
    divide,
    matmul,
    negate,
    structured,
    subtract,
    times,
    transpose,
)
from ..core.results import LinearEquation
from ..core.structure import factors_of
from ..simplification.simplifier import Simplifier
from .isolation import NotIsolated, isolated


def closed_form(
    equations: Sequence[LinearEquation], s: Symbol, simplifier: Simplifier
) -> Expr | None:
    """The multiplier, where its only equation isolates it."""
    if len(equations) != 1:
        return None
    (q,) = equations
    if q.entries:
        return _triangular(q, s, simplifier)
    with suppress(NotIsolated):
        return matmul(*isolated(subtract(q.left, q.right), s, simplifier).factors)
    return None


def _triangular(q: LinearEquation, s: Symbol, simplifier: Simplifier) -> Expr | None:
    """Of `c S L` on and below the diagonal, with a symmetric S and the lower triangular unknown L
    (or `c U S` on and above it): what L' is multiplied from the left with keeps its lower part, so
    that L' (c S L), which is symmetric, is known by it."""
    t, turned = q.unknown, transpose(q.unknown)
    factors = factors_of(q.left)
    scalars = [a for a in factors if a.is_scalar]
    matrices = [a for a in factors if not a.is_scalar]
    inverse, pattern = call("inv", t), structure_of(t)
    if structure_of(s) != "symmetric":
        return None
    if pattern == "lower" and matrices == [matmul(s, t)]:
        known, sides = matmul(turned, q.right), (transpose(inverse), inverse)
        mask = structured("lower", *s.shape)
    elif pattern == "upper" and matrices == [matmul(t, s)]:
        known, sides = matmul(q.right, turned), (inverse, transpose(inverse))
        mask = structured("upper", *s.shape)
    else:
        return None
    known = simplifier(known)
    half = times(mask, known)
    whole = add(half, transpose(half), negate(call("diag", call("diag", known))))
    return divide(matmul(sides[0], whole, sides[1]), times(*scalars))
