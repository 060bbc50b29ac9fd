"""Multipliers that can be isolated: by what multiplies one in its equation, or by the structure of
the unknown; and those of the library's factorizations, as its rows say them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress

from ..core.equations import EquationSystem, LinearEquation, structure_of
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
from ..core.problem import Problem
from ..core.structure import factors_of
from ..language.expressions import read_expression
from ..language.syntax.equation_library import OF_VARIANTS, TABLE, DefinedByEquations
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


def library_multiplier(
    system: EquationSystem, received: Sequence[Expr], simplifier: Simplifier
) -> Expr | None:
    """The multiplier of the first equation in what each unknown receives, where the row of the
    library that the system is of says it of such arguments."""
    row = _row(system, simplifier)
    if row is None or not row.multiplier:
        return None
    names = dict(zip((f"{u}_bar" for u in row.letters[1]), received, strict=True))
    return _in_letters(row.multiplier, row, system, names, simplifier)


def library_differentials(
    system: EquationSystem, right: Expr, simplifier: Simplifier
) -> list[Expr]:
    """The differentials of the unknowns where that of the first equation has a right side, if the
    row of the library says them; else none."""
    row = _row(system, simplifier)
    if row is None:
        return []
    names = {"D": right}
    return [_in_letters(text, row, system, names, simplifier) for text in row.differentials]


def _row(system: EquationSystem, simplifier: Simplifier) -> DefinedByEquations | None:
    row = TABLE.get(OF_VARIANTS.get(system.solver, system.solver))
    if row is None or not row.of_symmetric or all(map(simplifier.is_symmetric, system.arguments)):
        return row
    return None


def _in_letters(
    text: str,
    row: DefinedByEquations,
    system: EquationSystem,
    names: Mapping[str, Expr],
    simplifier: Simplifier,
) -> Expr:
    """An expression of a row in what a system has for its letters."""
    arguments, unknowns = row.letters
    known = dict(zip((*arguments, *unknowns), (*system.arguments, *system.unknowns), strict=True))
    return simplifier(read_expression(text, Problem(text, {}, {}, ()), {**known, **names}))


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
