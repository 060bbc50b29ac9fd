"""Arrays of more than two axes, as sums of products of matrices that lie along some of the axes:
`X[:, None, :] - Y[None, :, :]`, until a sum over an axis makes matrices of them again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import reduce
from itertools import product
from string import ascii_letters
from typing import NamedTuple

import numpy as np

from ..core import expr as ex
from ..core.dims import ONE, Dim, Extent
from ..core.errors import TraceError
from ..core.expr import Expr
from ..core.functions import TABLE
from . import arrays, contractions, parts
from .arrays import HIGHEST_RANK, LetteredArray, ManyAxes, Traced

MOST_TERMS = 64  # of a sum of products
HIGHEST_POWER = 4  # that is multiplied out


class PlacedArray(NamedTuple):
    """An array of one or two axes, or none: which axes of the whole they are, in their order."""

    axes: tuple[int, ...]
    x: Traced


class ArrayProduct(NamedTuple):
    """A product of factors, entry by entry, each the same along the axes that it lacks."""

    scale: Traced
    factors: tuple[PlacedArray, ...]

    @property
    def axes(self) -> set[int]:
        return {k for f in self.factors for k in f.axes}


class SumOfProducts(ManyAxes):
    """An array that is a sum of products."""

    __slots__ = ("terms",)

    def __init__(self, shape: Extent, terms: Sequence[ArrayProduct]) -> None:
        super().__init__(shape, terms=tuple(terms))

    terms: tuple[ArrayProduct, ...]

    # ------------------------------------------------------------------- what `arrays` asks for

    def added(self, a: Traced, b: Traced) -> Traced:
        shape = arrays.broadcast(a, b)
        return _whole(shape, [*_products(a, shape), *_products(b, shape)])

    def multiplied(self, a: Traced, b: Traced) -> Traced:
        shape = arrays.broadcast(a, b)
        return _whole(shape, _multiplied(_products(a, shape), _products(b, shape)))

    def mapped(self, f: Callable[..., Expr], values: Sequence[Traced]) -> Traced:
        """A function of the entries, where there are no more than two axes along which they
        differ."""
        shape = arrays.broadcast(*values)
        each = [_products(x, shape) for x in values]
        axes = _axes(term for terms in each for term in terms)
        if len(axes) > HIGHEST_RANK:
            raise self.refusal()
        found = arrays.entrywise(f, *(_summed_up(terms, axes, shape) for terms in each))
        return _whole(shape, [ArrayProduct(arrays.constant(1), (PlacedArray(axes, found),))])

    def powered(self, exponent: Traced) -> Traced:
        n = ex.value_of(exponent.e) if isinstance(exponent.e, ex.Number) else None
        if n not in range(1, HIGHEST_POWER + 1) or len(_axes(self.terms)) <= HIGHEST_RANK:
            return self.mapped(ex.power, (self, exponent))
        return _whole(self.shape, reduce(_multiplied, [self.terms] * int(n or 1)))

    def reduced(self, name: str, axes: tuple[int, ...], keepdims: bool) -> Traced:
        kept = [k for k in range(self.rank) if k not in axes]
        scale = _SUMS.get(name)
        if scale is None:
            terms = [self._reduced_alone(name, axes)]
        else:
            sums = [t for term in self.terms for t in _contracted(term, kept, self.shape)]
            by = scale(arrays.count(self, axes))
            terms = [ArrayProduct(t.scale * by, t.factors) for t in sums]
        whole = tuple(ONE if k in axes else d for k, d in enumerate(self.shape))
        found = SumOfProducts(whole, terms)
        return _whole(whole, terms) if keepdims else found.moved(kept)

    def _reduced_alone(self, name: str, axes: tuple[int, ...]) -> ArrayProduct:
        """By something else than a sum: of a single matrix, the same along all other axes."""
        own = _axes(self.terms)
        alike = any(k not in own and self.shape[k] != ONE for k in axes)
        if len(own) > HIGHEST_RANK or (alike and not _is_of_equals(name)):
            raise self.refusal()
        x = _summed_up(self.terms, own, self.shape)
        along = tuple(own.index(k) for k in axes if k in own)
        found = arrays.reduce(name, x, along) if along else x
        rest = tuple(k for k in own if k not in axes)
        return ArrayProduct(arrays.constant(1), (PlacedArray(rest, found),))

    def moved(self, order: Sequence[int]) -> Traced:
        """The axes in this order; those of size 1 may be left out."""
        place = {k: i for i, k in enumerate(order)}
        shape = tuple(self.shape[k] for k in order)
        return _whole(shape, [_relabelled(term, place) for term in self.terms])

    def reshaped(self, shape: Extent) -> Traced:
        if [d for d in shape if d != ONE] != [d for d in self.shape if d != ONE]:
            raise self.refusal()
        own = (k for k, d in enumerate(self.shape) if d != ONE)
        new = (k for k, d in enumerate(shape) if d != ONE)
        place = dict(zip(own, new, strict=True))
        return _whole(shape, [_relabelled(term, place) for term in self.terms])

    def cut(self, ends: Sequence[tuple[Dim, Dim]]) -> Traced:
        def part(f: PlacedArray) -> PlacedArray:
            return PlacedArray(f.axes, parts.cut(f.x, [ends[k] for k in f.axes]))

        shape = tuple(behind - first for first, behind in ends)
        terms = [ArrayProduct(t.scale, tuple(map(part, t.factors))) for t in self.terms]
        return _whole(shape, terms)

    def rewritten(self, f: Callable[[Expr], Expr]) -> Traced:
        def part(x: PlacedArray) -> PlacedArray:
            return PlacedArray(x.axes, arrays.rewritten(x.x, f))

        terms = [
            ArrayProduct(arrays.rewritten(t.scale, f), tuple(map(part, t.factors)))
            for t in self.terms
        ]
        return SumOfProducts(self.shape, terms)

    def contracted(self, given: Sequence[LetteredArray], result: str) -> Traced:
        letters = [*result, *sorted({c for f in given for c in f.letters} - set(result))]
        sizes = [ONE for _ in letters]
        terms: Sequence[ArrayProduct] = [ArrayProduct(arrays.constant(1), ())]
        for f in given:
            if len(set(f.letters)) < len(f.letters):
                raise TraceError("einsum with a letter twice in an array of 3 axes isn't followed.")
            place = {k: letters.index(c) for k, c in enumerate(f.letters)}
            for k, d in enumerate(f.x.shape):
                sizes[place[k]] = d if sizes[place[k]] == ONE else sizes[place[k]]
            own = [_relabelled(term, place) for term in _products(f.x, f.x.shape)]
            terms = _multiplied(terms, own)
        shape, kept = tuple(sizes), range(len(result))
        found = [t for term in terms for t in _contracted(term, kept, shape)]
        return _whole(shape[: len(result)], found)


# Reductions that are sums, and what these are multiplied with, of so many entries.
_SUMS: Mapping[str, Callable[[Traced], Traced]] = {
    "sum": lambda _: arrays.constant(1),
    "mean": lambda n: 1 / n,
}


def _is_of_equals(name: str) -> bool:
    """Whether a reduction of equal entries is one of them."""
    return bool(TABLE[name].value(np.full((2, 1), 3.0), None) == 3)


# -------------------------------------------------------------------------------- by letters


def einsum(subscripts: str, *operands: Traced) -> Traced:
    """The sum of products over the letters that the result lacks. Raises TraceError."""
    given, result = contractions.read(subscripts, operands)
    wide = arrays.many(*operands)
    if wide is None and len(result) <= HIGHEST_RANK:
        return contractions.contracted(given, result)
    return (wide or SumOfProducts((), ())).contracted(given, result)


def _contracted(term: ArrayProduct, kept: Iterable[int], shape: Extent) -> list[ArrayProduct]:
    """A product summed over the axes that aren't kept."""
    left, scale = set(kept), term.scale
    for k in set(range(len(shape))) - left - term.axes:
        scale = scale * arrays.Traced(ex.dimension(shape[k]), ())
    waiting, found = list(_without_identities(term, left).factors), []
    while waiting:
        group = [waiting.pop()]
        while linked := [f for f in waiting if _meet(group, f, left)]:
            group += linked
            waiting = [f for f in waiting if not any(f is g for g in linked)]
        found.append(_product_of(group, left))
    return [ArrayProduct(scale, tuple(found))]


def _without_identities(term: ArrayProduct, kept: set[int]) -> ArrayProduct:
    """The same sum, where one over an axis of I is what stands at its other axis."""
    for f in term.factors:
        summed = [k for k in f.axes if k not in kept]
        others = tuple(g for g in term.factors if g is not f)
        if isinstance(f.x.e, ex.Eye) and summed and not any({*f.axes} <= {*g.axes} for g in others):
            gone = summed[0]
            place = {k: k for k in term.axes} | {gone: next(k for k in f.axes if k != gone)}
            left = _relabelled(ArrayProduct(term.scale, others), place)
            return _without_identities(left, kept)
    return term


def _meet(group: Sequence[PlacedArray], f: PlacedArray, kept: set[int]) -> bool:
    """Whether a factor has an axis with a group over which both are summed."""
    return any(k in g.axes for g in group for k in f.axes if k not in kept)


def _product_of(group: Sequence[PlacedArray], kept: set[int]) -> PlacedArray:
    """The product of factors, summed over the axes that aren't kept."""
    axes = tuple(sorted({k for f in group for k in f.axes} & kept))
    if len(axes) > HIGHEST_RANK:
        raise TraceError(
            "a product over more than two axes is summed here, and no matrix: it isn't followed."
        )
    letters = {k: ascii_letters[k] for f in group for k in f.axes}
    given = [LetteredArray("".join(letters[k] for k in f.axes), f.x) for f in group]
    return PlacedArray(axes, contractions.contracted(given, "".join(letters[k] for k in axes)))


# ------------------------------------------------------------------------------ sums of products


def _products(x: Traced, shape: Extent) -> Sequence[ArrayProduct]:
    """The terms of an array beside others: its axes are the last ones of a shape."""
    first = len(shape) - x.rank
    if isinstance(x, SumOfProducts):
        return [_relabelled(t, {k: k + first for k in range(x.rank)}) for t in x.terms]
    own = tuple(k for k, d in enumerate(x.shape) if d != ONE)
    bare = arrays.reshape(x, tuple(x.shape[k] for k in own))
    if not own:
        return [ArrayProduct(bare, ())]
    return [ArrayProduct(arrays.constant(1), (PlacedArray(tuple(k + first for k in own), bare),))]


def _relabelled(term: ArrayProduct, place: Mapping[int, int]) -> ArrayProduct:
    """With other numbers of its axes."""
    factors = []
    for f in term.factors:
        axes = tuple(place[k] for k in f.axes)
        turned = len(axes) == HIGHEST_RANK and axes[0] > axes[1]
        factors.append(
            PlacedArray(axes[::-1], arrays.transpose(f.x)) if turned else PlacedArray(axes, f.x)
        )
    return ArrayProduct(term.scale, tuple(factors))


def _multiplied(a: Sequence[ArrayProduct], b: Sequence[ArrayProduct]) -> list[ArrayProduct]:
    """The product of two sums, multiplied out; equal terms once."""
    found: dict[tuple[object, ...], ArrayProduct] = {}
    for s, t in product(a, b):
        factors = (*s.factors, *t.factors)
        key = tuple(sorted((f.axes, id(f.x.e)) for f in factors))
        scale = s.scale * t.scale
        known = found.get(key)
        found[key] = ArrayProduct(scale if known is None else known.scale + scale, factors)
    if len(found) > MOST_TERMS:
        raise TraceError(f"this has more than {MOST_TERMS} products of arrays with 3 axes.")
    return list(found.values())


def _axes(terms: Iterable[ArrayProduct]) -> tuple[int, ...]:
    """The axes along which something differs."""
    return tuple(sorted({k for term in terms for k in term.axes}))


def _summed_up(terms: Sequence[ArrayProduct], axes: tuple[int, ...], shape: Extent) -> Traced:
    """The array of no more than two axes that a sum of products is."""
    sizes = tuple(shape[k] for k in axes)

    def along(f: PlacedArray) -> Traced:
        own = tuple(d if k in f.axes else ONE for k, d in zip(axes, sizes, strict=True))
        return arrays.reshape(f.x, own)

    values = [reduce(arrays.multiply, map(along, t.factors), t.scale) for t in terms]
    return reduce(arrays.add, values)


def _whole(shape: Extent, terms: Sequence[ArrayProduct]) -> Traced:
    """The array of these terms: one matrix along its axes, if it is one."""
    axes = _axes(terms)
    if len(axes) > HIGHEST_RANK:
        return SumOfProducts(shape, terms)
    x = _summed_up(terms, axes, shape)
    if len(shape) > HIGHEST_RANK:
        one = (
            ArrayProduct(arrays.constant(1), (PlacedArray(axes, x),))
            if axes
            else ArrayProduct(x, ())
        )
        return SumOfProducts(shape, [one])
    turned = axes == (1,)  # it lies along the second axis: a row
    return Traced(ex.transpose(x.e) if turned else x.e, shape, x.is_mask)


def placed(x: Traced, places: Sequence[int], shape: Extent) -> Traced:
    """An array whose axes are those at these places of a shape; along others it is the same."""
    own = _products(x, x.shape)
    return _whole(shape, [_relabelled(t, dict(enumerate(places))) for t in own])


arrays.place_by(placed)
