"""A symbol isolated in an equation that is linear in it: its terms collected, what all of them have
on a side cancelled, and what multiplies the symbol inverted.

The products are multiplied out as far as the symbol is in them, and no further: `X' (X w - y)` is
`X' X w - X' y`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from ..core.dims import ONE, Shape, shape_text
from ..core.expr import (
    UNIT,
    Add,
    Call,
    Expr,
    Eye,
    MatMul,
    Name,
    Number,
    Symbol,
    Times,
    Transpose,
    add,
    call,
    dimension,
    divide,
    eye,
    matmul,
    negate,
    ones,
    times,
    transpose,
    zeros,
)
from ..core.functions import TABLE
from ..core.structure import data_of, factors_of, is_inverse, spreads, sums
from ..core.traversal import expand_names, postorder, rebuild, symbols_of
from ..simplification.simplifier import Simplifier


class NotLinear(Exception):
    """The argument is the part that is not linear in the symbol, or has no form that is read."""


@dataclass(frozen=True, slots=True)
class LinearTerm:
    """`scale left… s right…`, with `s'` where it is turned, or `mask .* s`; a term `without` the
    symbol has all its factors on the left."""

    scale: Expr = UNIT
    left: tuple[Expr, ...] = ()
    right: tuple[Expr, ...] = ()
    turned: bool = False
    mask: Expr | None = None
    without: bool = False

    def turn(self) -> LinearTerm:
        """The transpose."""
        left, right = (tuple(transpose(a) for a in reversed(x)) for x in (self.right, self.left))
        mask = None if self.mask is None else transpose(self.mask)
        if self.without:
            return replace(self, left=right)
        return replace(self, left=left, right=right, turned=not self.turned, mask=mask)

    def scaled(self, by: Expr) -> LinearTerm:
        return replace(self, scale=times(self.scale, by))

    def between(self, before: Sequence[Expr], behind: Sequence[Expr], part: Expr) -> LinearTerm:
        """With factors put before it and behind it; `part` is what is said not to fit."""
        if self.without:
            return replace(self, left=(*before, *self.left, *behind))
        if self.mask is not None and (before or behind):
            raise NotLinear(part)
        return replace(self, left=(*before, *self.left), right=(*self.right, *behind))


LinearTerms = tuple[LinearTerm, ...]


def linear_terms(e: Expr, s: Symbol) -> LinearTerms:
    """The terms of an expression, with the symbol and without. Raises NotLinear."""
    names = {x.name for x in postorder([e]) if isinstance(x, Name) and s in symbols_of(x)}
    e = expand_names(e, names)
    holding: set[Expr] = {s}
    found: dict[Expr, LinearTerms] = {s: (LinearTerm(),)}
    for x in postorder([e]):
        if not holding.isdisjoint(x.args):
            holding.add(x)
            found[x] = _terms(x, [a for a in x.args if a in holding], found)
        elif x is not s:
            found[x] = (_constant(x),)
    return tuple(_column(term, s, e.shape) for term in found[e])


def _terms(x: Expr, own: Sequence[Expr], found: dict[Expr, LinearTerms]) -> LinearTerms:
    match x:
        case Add():
            return tuple(t for a in x.args for t in _spread(found[a], a.shape, x))
        case Transpose():
            return tuple(t.turn() for t in found[x.args[0]])
    if len(own) > 1:
        raise NotLinear(x)
    (inner,) = own
    match x:
        case MatMul() if x.args.count(inner) == 1:
            at = x.args.index(inner)
            return tuple(t.between(x.args[:at], x.args[at + 1 :], x) for t in found[inner])
        case Times() if x.args.count(inner) == 1:
            others = times(*(a for a in x.args if a is not inner))
            return tuple(_multiplied(t, others, inner, x) for t in found[inner])
        case Call() if sums(x):
            change = _summed if TABLE[x.op].takes_axis else _traced
            return tuple(change(t, x) for t in found[inner])
    raise NotLinear(x)


def _constant(x: Expr) -> LinearTerm:
    """A term without the symbol, its scalar factors apart from those of its product."""
    scales: list[Expr] = []
    if isinstance(x, Times) and not x.is_scalar:
        scales = [a for a in x.args if a.is_scalar]
        x = times(*(a for a in x.args if not a.is_scalar))
    left = x.args if isinstance(x, MatMul) else (x,)
    return LinearTerm(times(*scales), left, without=True)


def _spread(terms: LinearTerms, shape: Shape, x: Expr) -> LinearTerms:
    """LinearTerms of a summand as they are in a sum over which it broadcasts."""
    if shape == x.shape:
        return terms
    before = (ones(x.shape[0]),) if shape[0] != x.shape[0] else ()
    behind = (ones(ONE, x.shape[1]),) if shape[1] != x.shape[1] else ()
    return tuple(t.between(before, behind, x) for t in terms)


def _multiplied(term: LinearTerm, by: Expr, inner: Expr, x: Expr) -> LinearTerm:
    """A term of `inner` times something, entry by entry."""
    if by.is_scalar:
        return term.scaled(by)
    if term.without:
        return replace(term, scale=UNIT, left=(times(term.scale, by, product(term.left)),))
    if inner.is_scalar:
        rows, cols = by.shape
        if cols == ONE:
            return term.between((by,), (), x)
        if rows == ONE:
            return term.between((), (by,), x)
        raise NotLinear(x)
    if inner.shape == x.shape and by.shape[1] == ONE:
        return term.between((call("diag", by),), (), x)
    if inner.shape == x.shape and by.shape[0] == ONE:
        return term.between((), (call("diag", by),), x)
    if inner.shape == by.shape and not (term.left or term.right):
        return replace(term, mask=by if term.mask is None else times(term.mask, by))
    raise NotLinear(x)


def _summed(term: LinearTerm, x: Expr) -> LinearTerm:
    """A term of what a function sums, along an axis or over all entries, or takes the mean of."""
    rows, cols = x.args[0].shape
    axis = data_of(x)
    before = (ones(ONE, rows),) if axis in (None, 0) and rows != ONE else ()
    behind = (ones(cols),) if axis in (None, 1) and cols != ONE else ()
    summed = term.between(before, behind, x)
    if not TABLE[x.op].averages:
        return summed
    count = {None: rows * cols, 0: rows, 1: cols}[axis if isinstance(axis, int) else None]
    return summed.scaled(divide(UNIT, dimension(count)))


def _traced(term: LinearTerm, x: Expr) -> LinearTerm:
    """`tr(L s R)` of a column or a row s is `R L s`."""
    if term.without:
        whole = times(term.scale, product(term.left))
        return replace(term, scale=UNIT, left=(rebuild(x, [whole]),))
    if term.mask is not None or not (term.left or term.right):
        raise NotLinear(x)
    if term.right and (not term.left or term.right[0].shape[0] == ONE):
        return replace(term, left=(*term.right, *term.left), right=())
    return replace(term, left=(), right=(*term.right, *term.left))


def _column(term: LinearTerm, s: Symbol, shape: Shape) -> LinearTerm:
    """A term with the symbol as it is, where it is a column whose transpose makes a scalar:
    `a (s' b)` is `a b' s`."""
    if not term.turned or s.shape[1] != ONE or shape[1] != ONE:
        return term
    if s.is_scalar:
        return replace(term, turned=False)
    return replace(term, left=(*term.left, *term.turn().left), right=(), turned=False)


def product(factors: Sequence[Expr]) -> Expr:
    """The factors multiplied, without identities beside others."""
    return matmul(*factors) if factors else UNIT


def total(terms: Iterable[LinearTerm], like: Shape) -> Expr:
    """The sum of terms without the symbol."""
    parts = [times(t.scale, product(t.left) if t.left else eye(like[0])) for t in terms]
    return add(*parts) if parts else zeros(*like)


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
