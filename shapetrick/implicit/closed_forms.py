"""Multipliers that can be isolated: what multiplies one in an equation, collected and inverted; and
those of the library's factorizations, as its rows say them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ..core.dims import ONE
from ..core.equations import EquationSystem, structure_of
from ..core.expr import (
    UNIT,
    Add,
    Expr,
    Eye,
    MatMul,
    Symbol,
    Times,
    Transpose,
    add,
    call,
    divide,
    eye,
    matmul,
    negate,
    structured,
    times,
    transpose,
)
from ..core.problem import Problem
from ..core.results import LinearEquation
from ..core.structure import factors_of
from ..core.traversal import postorder, substitute, symbols_of
from ..language.expressions import read_expression
from ..language.syntax.equation_library import OF_VARIANTS, TABLE, DefinedByEquations
from ..simplification.simplifier import Simplifier


def closed_form(
    equations: Sequence[LinearEquation], s: Symbol, simplifier: Simplifier
) -> Expr | None:
    """The multiplier, where its only equation is `M S N`, or has it on one side of products."""
    if len(equations) != 1:
        return None
    left, right = equations[0].left, equations[0].right
    if equations[0].entries:
        return _triangular(equations[0], s, simplifier)

    def inverse(m: Expr) -> Expr:
        simple = simplifier(m)
        if simplifier.with_diagonals(simple) is not simple:
            return call("inv", m)  # scaled by diagonal matrices, as it was collected
        return simplifier(call("inv", simple))

    if s.is_scalar:
        return simplifier(divide(right, substitute(left, {s: UNIT})))
    scales = _entrywise(left, s)
    if scales is not None:
        return simplifier(divide(right, scales))
    before = _coefficient(left, s)
    if before is not None:
        return matmul(inverse(before), right) if _is_square(before) else None
    after = _coefficient(_turned(left), transpose(s))  # S N is (N' S')'
    if after is not None:
        return matmul(right, inverse(transpose(after))) if _is_square(after) else None
    return _between(left, right, s, inverse)


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


def _entrywise(left: Expr, s: Symbol) -> Expr | None:
    """D where the left side is `D .* S`, or a multiple of S."""
    if left is s:
        return UNIT
    if not isinstance(left, Times) or left.args.count(s) != 1:
        return None
    others = times(*(a for a in left.args if a is not s))
    return others if s not in symbols_of(others) else None


def _between(left: Expr, right: Expr, s: Symbol, inverse: Callable[[Expr], Expr]) -> Expr | None:
    """Of one product `c M S N`, or `c M S' N`."""
    factors = factors_of(left)
    inside = [a for a in factors if s in symbols_of(a)]
    scale = times(*(a for a in factors if a not in inside))
    if len(inside) != 1 or not scale.is_scalar or not isinstance(inside[0], MatMul):
        return None
    product = inside[0].args
    places = [i for i, a in enumerate(product) if s in symbols_of(a)]
    if len(places) != 1 or product[places[0]] not in (s, transpose(s)):
        return None
    at = places[0]
    m = eye(product[at].shape[0]) if at == 0 else matmul(*product[:at])
    n = eye(product[at].shape[1]) if at == len(product) - 1 else matmul(*product[at + 1 :])
    if not (_is_square(m) and _is_square(n)):
        return None
    found = matmul(inverse(m), divide(right, scale), inverse(n))
    return found if product[at] is s else transpose(found)


def _is_square(m: Expr) -> bool:
    return m.shape[0] == m.shape[1]


def _turned(e: Expr) -> Expr:
    """The transpose, taken to the factors of sums and products."""
    new: dict[Expr, Expr] = {}
    for x in postorder([e]):
        match x:
            case Add():
                new[x] = add(*(new[a] for a in x.args))
            case Times():
                new[x] = times(*(new[a] for a in x.args))
            case MatMul():
                new[x] = matmul(*(new[a] for a in reversed(x.args)))
            case _:
                new[x] = transpose(x)
    return new[e]


def _coefficient(e: Expr, s: Expr) -> Expr | None:
    """M where e is `M s`, put together from the summands and factors."""
    found: dict[Expr, Expr | None] = {s: eye(s.shape[0])}
    inner = s.args[0] if isinstance(s, Transpose) else s
    with_s = {x for x in postorder([e]) if x is s or (x is not inner and inner in symbols_of(x))}
    for x in postorder([e], into=lambda x: x is not s):
        if x is s or x not in with_s:
            continue
        own = [a for a in x.args if a in with_s or a is inner]
        m = found.get(own[0]) if own else None
        others = [a for a in x.args if a not in own]
        match x:
            case Add() if all(a in with_s for a in x.args):
                parts = [found.get(a) for a in x.args]
                whole = [p for p in parts if p is not None]
                found[x] = add(*whole) if len(whole) == len(parts) else None
            case Times() if len(own) == 1 and m is not None:
                scale = times(*others)
                if scale.is_scalar:
                    found[x] = times(scale, m)
                elif own[0].is_scalar and scale.shape[1] == ONE:  # a column times `c' s`
                    found[x] = _product(scale, m)
                elif s.shape[1] == ONE and scale.shape[1] == ONE:
                    found[x] = _product(call("diag", scale), m)
            case MatMul() if len(own) == 1 and own[0] is x.args[-1] and m is not None:
                found[x] = _product(*others, m)
    return found.get(e)


def _product(*factors: Expr) -> Expr:
    """The product without identities."""
    kept = [a for a in factors if not isinstance(a, Eye)]
    return matmul(*kept) if kept else factors[0]
