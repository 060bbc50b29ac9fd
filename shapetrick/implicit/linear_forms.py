"""Equations that are linear in a symbol: what stands before and behind it, in each of the terms.

The products are multiplied out as far as the symbol is in them, and no further: `X' (X w - y)` is
`X' X w - X' y`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from ..core.dims import ONE, Shape
from ..core.expr import (
    UNIT,
    Add,
    Call,
    Expr,
    MatMul,
    Name,
    Symbol,
    Times,
    Transpose,
    add,
    call,
    dimension,
    divide,
    eye,
    matmul,
    ones,
    times,
    transpose,
    zeros,
)
from ..core.functions import TABLE
from ..core.structure import data_of, sums
from ..core.traversal import expand_names, postorder, rebuild, symbols_of


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
