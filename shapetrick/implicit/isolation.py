"""A symbol isolated in an equation that is linear in it: its terms collected, what all of them have
on a side cancelled, and what multiplies the symbol inverted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

from ..core.dims import Shape, shape_text
from ..core.expr import (
    UNIT,
    Expr,
    Eye,
    Number,
    Symbol,
    Transpose,
    add,
    call,
    divide,
    eye,
    matmul,
    negate,
    times,
)
from ..core.structure import factors_of, is_inverse, spreads
from ..simplification.simplifier import Simplifier
from .linear_forms import LinearTerm, LinearTerms, NotLinear, linear_terms, product, total

REGULAR = frozenset({"posdef", "orthogonal"})  # attributes of what has an inverse


class Isolated(NamedTuple):
    """The equation with the terms of the symbol collected on the left, the value of the symbol, and
    the `factors` that this is the product of; `inverted` are what is divided by."""

    value: Expr
    left: Expr
    right: Expr
    factors: tuple[Expr, ...]
    inverted: tuple[Expr, ...] = ()


class NotIsolated(Exception):
    """The argument says why a symbol can't be isolated."""


def isolated(residual: Expr, s: Symbol, simplifier: Simplifier) -> Isolated:
    """The symbol, where `residual` is zero. Raises NotIsolated."""
    try:
        terms = linear_terms(residual, s)
    except NotLinear as error:
        why = f"the equation is not linear in `{s.name}`, which is in `{error.args[0]}`"
        raise NotIsolated(why) from None
    if all(t.without for t in terms):
        raise NotIsolated(f"`{s.name}` is not in the equation")
    if all(t.turned for t in terms if not t.without):
        terms = tuple(t.turn() for t in terms)
    own = [t for t in terms if not t.without]
    if any(t.turned for t in own):
        raise NotIsolated(f"`{s.name}` and its transpose stand in it, and they have no common form")
    if any(t.mask is not None for t in own):
        return _by_entry(terms, s, simplifier)
    return _in_products(residual, _cancelled(terms), s, simplifier)


def _by_entry(terms: LinearTerms, s: Symbol, simplifier: Simplifier) -> Isolated:
    """`D .* s = right`."""
    own, others = _apart(terms)
    if any(t.left or t.right for t in own):
        raise NotIsolated(f"`{s.name}` is multiplied by entry in one term, by a matrix in another")
    masks = (UNIT if t.mask is None else t.mask for t in own)
    scales = simplifier(add(*(times(t.scale, m) for t, m in zip(own, masks, strict=True))))
    right = simplifier(negate(total(others, s.shape)))
    value = simplifier(divide(right, scales))
    return Isolated(value, times(scales, s), right, (value,))


def _in_products(residual: Expr, terms: LinearTerms, s: Symbol, simplifier: Simplifier) -> Isolated:
    """`M s N = right`, where all terms have one N, or all have one M."""
    own, others = _apart(terms)
    like = _shape(own[0], s)
    right = negate(total(others, like))
    if s.is_scalar and like != s.shape:
        raise NotIsolated(f"the equation is {shape_text(like)}, and `{s.name}` a scalar")
    before, behind = (eye(d) for d in s.shape)
    if len({t.right for t in own}) == 1:
        before = add(*(times(t.scale, _product_or(before, t.left)) for t in own))
        behind = _product_or(behind, own[0].right)
    elif len({t.left for t in own}) == 1:
        behind = add(*(times(t.scale, _product_or(behind, t.right)) for t in own))
        before = _product_or(before, own[0].left)
    else:
        raise NotIsolated(
            f"`{s.name}` stands between products that differ on both sides, which no inverse of "
            "one matrix undoes"
        )
    for m in (before, behind):
        if m.shape[0] != m.shape[1]:
            raise NotIsolated(
                f"`{s.name}` is multiplied by `{simplifier(m)}`, which is {shape_text(m.shape)}: "
                f"only a square matrix has an inverse (of least squares, ask `solve grad "
                f"norm({residual})^2 wrt {s.name} = 0`)"
            )
    before_scale, before = _scale_apart(simplifier(before))
    behind_scale, behind = _scale_apart(simplifier(behind))
    scale = simplifier(times(before_scale, behind_scale))
    right = simplifier(divide(right, scale))
    left = matmul(*(m for m in (before, s, behind) if not _is_one(m)))
    factors = (*_inverse(before, simplifier), right, *_inverse(behind, simplifier))
    if _is_one(behind) and spreads(before):
        factors = (simplifier(divide(right, *before.args)),)
    inverted = tuple(m for m in (_without_number(scale), before, behind) if not _is_one(m))
    return Isolated(simplifier(matmul(*factors)), left, right, factors, inverted)


def _inverse(m: Expr, simplifier: Simplifier) -> tuple[Expr, ...]:
    """The inverse as a factor, if there is one; diagonal matrices in it stand as such."""
    if _is_one(m):
        return ()
    scaled = simplifier.with_diagonals(m)
    return (simplifier(call("inv", m)) if scaled is m else call("inv", scaled),)


def _cancelled(terms: LinearTerms) -> LinearTerms:
    """The terms without what all of them have in front or behind, where that has an inverse, and
    without a scale that all have."""
    while all(t.left for t in terms) and len({t.left[0] for t in terms}) == 1:
        if not is_regular(terms[0].left[0]):
            break
        terms = tuple(replace(t, left=t.left[1:]) for t in terms)
    while all(_last(t) for t in terms) and len({_last(t)[-1] for t in terms}) == 1:
        if not is_regular(_last(terms[0])[-1]):
            break
        terms = tuple(_without_last(t) for t in terms)
    common = set.intersection(*({*factors_of(t.scale)} for t in terms))
    for scale in (x for x in factors_of(terms[0].scale) if x in common):
        terms = tuple(replace(t, scale=_less(t.scale, scale)) for t in terms)
    return terms


def _last(t: LinearTerm) -> tuple[Expr, ...]:
    return t.left if t.without else t.right


def _without_last(t: LinearTerm) -> LinearTerm:
    return replace(t, left=t.left[:-1]) if t.without else replace(t, right=t.right[:-1])


def _less(scale: Expr, factor: Expr) -> Expr:
    """The scale without one of its factors."""
    left = [*factors_of(scale)]
    left.remove(factor)
    return times(*left)


def is_regular(m: Expr) -> bool:
    """Whether a matrix is known to have an inverse, by what is declared of it."""
    if isinstance(m, Transpose):
        return is_regular(m.args[0])
    if isinstance(m, Symbol):
        return not m.attributes.isdisjoint(REGULAR)
    return is_inverse(m)


def _scale_apart(m: Expr) -> tuple[Expr, Expr]:
    """The number by which a matrix is multiplied, of the identity and of a scalar all factors, and
    what is left of it."""
    if m.is_scalar:
        return m, UNIT
    factors = factors_of(m)
    inner = times(*(a for a in factors if not a.is_scalar))
    scales = [a for a in factors if a.is_scalar]
    if not isinstance(inner, Eye):
        scales = [a for a in scales if isinstance(a, Number)]
        inner = times(*(a for a in factors if a not in scales))
    return times(*scales), inner


def _without_number(scale: Expr) -> Expr:
    return times(*(a for a in factors_of(scale) if not isinstance(a, Number)))


def _is_one(m: Expr) -> bool:
    """Whether it is an identity, or the number 1."""
    return m is UNIT or isinstance(m, Eye)


def _apart(terms: LinearTerms) -> tuple[list[LinearTerm], list[LinearTerm]]:
    """The terms that have what is isolated, its multiples last (`K + lam I`), and the others."""
    own = sorted((t for t in terms if not t.without), key=lambda t: not (t.left or t.right))
    return own, [t for t in terms if t.without]


def _shape(term: LinearTerm, s: Symbol) -> Shape:
    rows = term.left[0].shape[0] if term.left else s.shape[0]
    cols = term.right[-1].shape[1] if term.right else s.shape[1]
    return rows, cols


def _product_or(identity: Expr, factors: Sequence[Expr]) -> Expr:
    return product(factors) if factors else identity
