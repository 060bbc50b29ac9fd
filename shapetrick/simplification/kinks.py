"""Functions that have their kinks at one place: each is plain on either side of it, and so is what
they are together, which may be one of them or none.

`maximum(x, y) .* step(x - y)` is x above and 0 below: `x .* step(x - y)`. On the kink itself the
new form has the value of the old one; or that of a side, which is as good a derivative there,
unless the problem has conditions (`step`, `sign`) of its own: then a 0 on the kink may be meant.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from functools import cache
from operator import is_
from typing import Literal

import numpy as np

from ..algebra.assumptions import CONSTRAINTS
from ..algebra.monomials import PoweredBase, Product, multiplied
from ..algebra.ranges import EntryRanges, Form
from ..core.cost import length, sum_of
from ..core.dims import ONE
from ..core.expr import (
    MINUS,
    UNIT,
    ZERO,
    Add,
    Call,
    Constant,
    Dimension,
    Expr,
    MatMul,
    Name,
    Number,
    Power,
    Real,
    Symbol,
    Times,
    Transpose,
    add,
    call,
    number,
    ones,
    times,
)
from ..core.functions import TABLE, Function
from ..core.named_tuples import NamedTuple
from ..core.results import Rewriting
from ..core.structure import factors_of, is_zero, terms_of, unnamed
from ..core.traversal import postorder, rebuild
from .networks import Networks

MOST_CALLS = 8


class KinkSides(NamedTuple):
    """What a function is above its kink and below: numbers, multiples of its argument, or one of
    its two arguments (1 for the first)."""

    kind: Literal["constant", "linear", "order"]
    above: Fraction
    below: Fraction


@cache
def sides_of(row: Function) -> KinkSides | None:
    """The sides of a function whose kinks are where its argument changes its sign, or where its two
    are equal; None if it isn't plain on both."""
    if not (row.two_sided and row.elementwise):
        return None
    one, two = np.array([1.0]), np.array([2.0])
    if row.arity == 2:
        above, below = row.value(two, one, None)[0], row.value(one, two, None)[0]
        return KinkSides("order", Fraction(int(above == 2)), Fraction(int(below == 1)))
    values = (row.value(x, None)[0] for x in (one, two, -one, -two))
    a, b, c, d = (Fraction(str(float(y))) for y in values)
    if (a, c) == (b, d):
        return KinkSides("constant", a, c)
    return KinkSides("linear", a, -c) if (b, d) == (2 * a, 2 * c) else None


def _sides(e: Expr) -> KinkSides | None:
    return sides_of(TABLE[e.op]) if isinstance(e, Call) and e.op in TABLE else None


def is_condition(e: Expr) -> bool:
    """Whether it is a function that only tells on which side of a kink its argument is."""
    sides = _sides(e)
    return sides is not None and sides.kind == "constant"


def side_alone(networks: Networks, e: Expr) -> Expr | None:
    """A function that only tells a side, of its argument without positive factors."""
    if not is_condition(e):
        return None
    (x,) = e.args
    kept = [a for a in factors_of(x) if networks.ranges.sign(a) != "positive"]
    inner = times(*(MINUS if isinstance(a, Number) else a for a in kept))
    found = call(e.op, inner)
    return found if kept and found is not e and found.shape == e.shape else None


@cache
def _rows() -> Sequence[tuple[str, KinkSides]]:
    """The functions of the language with plain sides, but for those with odd slopes."""
    found = [(row.name, sides_of(row)) for row in TABLE.values() if not row.ranges]
    return [(name, s) for name, s in found if s is not None and {s.above, s.below} <= {-1, 0, 1}]


def sides_joined(networks: Networks, e: Expr) -> Expr | None:
    """A sum or product in which functions have their kinks at one place, as what both sides are, or
    with one such function, where that is shorter."""
    if not isinstance(e, (Add, Times)):
        return None
    calls = _calls_within(networks, e)
    if not 0 < len(calls) <= MOST_CALLS:
        return None
    shared = [x for x in calls if is_condition(x) and _is_shared(networks, x, e)]
    if len(calls) == 1 and not shared:
        return None
    for group in _groups(calls, networks.ranges, shared):
        found = _Kink(networks, networks.ranges, e, group).joined()
        if found is not None:
            networks.log.append(Rewriting("sides of a kink", e, found))
            return found
    return None


def _is_shared(networks: Networks, x: Expr, e: Expr) -> bool:
    """Whether a function stands in several summands, or in one of a sum that is a factor."""
    if isinstance(e, Times):
        return any(x in _calls_within(networks, a) for a in e.args if isinstance(a, Add))
    return sum(x in _calls_within(networks, a) for a in e.args) > 1


def _calls_within(networks: Networks, e: Expr) -> tuple[Expr, ...]:
    """The functions with plain sides that sums, products, powers and such functions have within."""
    known: dict[Expr, tuple[Expr, ...]] = networks.memo.setdefault(_calls_within, {})

    def within(x: Expr) -> tuple[Expr, ...]:
        own = () if _sides(unnamed(x)) is None else (x,)
        inner = x.args if _is_open(x) else ()
        return tuple(dict.fromkeys([*own, *(c for a in inner for c in known[a])]))

    for x in postorder([e], into=lambda x: x not in known and _is_open(x)):
        if x not in known:
            known[x] = within(x)
    return known[e]


def _is_open(e: Expr) -> bool:
    """Whether it is of values at the same entry alone, and finite where they are."""
    if isinstance(e, Power):
        p = e.args[1]
        return isinstance(p, Number) and p.value > 0
    return isinstance(e, (Add, Times)) or _sides(e) is not None


def _groups(
    calls: Sequence[Expr], ranges: EntryRanges, shared: Sequence[Expr]
) -> list[dict[Expr, int]]:
    """The functions that have their kinks at one place, several or one that is shared, and on which
    side of it each has its upper side: 1 if that is where the first one has it, else -1."""
    found: dict[frozenset[tuple[Expr, Fraction]], dict[Expr, int]] = {}
    for x in calls:
        form = _direction(ranges.kink(unnamed(x)))
        key, other = frozenset(form.items()), frozenset(_negative(form).items())
        sign = -1 if other in found and form else 1
        found.setdefault(key if sign > 0 else other, {})[x] = sign
    return [g for g in found.values() if len(g) > 1 or not g.keys().isdisjoint(shared)]


def _direction(form: Form) -> Form:
    """The sum up to a positive factor."""
    largest = max(map(abs, form.values()), default=Fraction(1))
    return {x: k / largest for x, k in form.items()}


def _negative(form: Form) -> Form:
    return {x: -k for x, k in form.items()}


class _Kink:
    """A place of kinks in an expression, and what the expression is above and below it."""

    def __init__(
        self, networks: Networks, ranges: EntryRanges, e: Expr, calls: dict[Expr, int]
    ) -> None:
        self._networks, self._ranges, self._e, self._calls = networks, ranges, e, calls
        first = unnamed(next(iter(calls)))
        self._at = first.args[0] if len(first.args) == 1 else _difference(*first.args)
        self._direction = _direction(ranges.kink(first))
        self._read = self._as_read(e, 1), self._as_read(e, -1)
        self.above, self.below = map(networks.simplify, self._read)

    def joined(self) -> Expr | None:
        """The shortest form that is the same above and below, if it is shorter."""
        best, least = None, (length(self._e), len(_calls_within(self._networks, self._e)))
        for form in self._forms():
            size = length(form), len(_calls_within(self._networks, form))
            if form.shape == self._e.shape and size < least and self._is_right_at_kink(form):
                best, least = form, size
        return best

    def _is_right_at_kink(self, form: Expr) -> bool:
        if not self._networks.has_conditions and self._is_thin():
            return True
        apart = _difference(self._side(self._e, 0), self._side(form, 0))
        off = _direction(self._ranges.form(apart))
        return not off or off in (self._direction, _negative(self._direction))

    def _is_thin(self) -> bool:
        """Whether the argument is known to be 0 at single points alone: without kinks, if it has no
        entries that are so everywhere; with one, if it is 0 on neither side of that."""
        calls = _calls_within(self._networks, self._at)
        if not all(_is_generic(x) or x in calls for x in postorder([self._at])) or len(calls) > 1:
            return False
        if not calls:
            return True
        inner = _Kink(self._networks, self._ranges, self._at, {calls[0]: 1})
        return not any(map(is_zero, (inner.above, inner.below)))

    # --------------------------------------------------------------------------------- sides

    def _side(self, e: Expr, side: int) -> Expr:
        """The expression above the place (1), below it (-1), or on it (0)."""
        return self._networks.simplify(self._as_read(e, side))

    def _as_read(self, e: Expr, side: int) -> Expr:
        """That side with its factors as they were, of which the argument may be one."""
        new = {}
        for x in _calls_within(self._networks, e):
            sign = self._calls.get(x) or self._sign(self._ranges.kink(unnamed(x)))
            if sign:
                new[x] = _plain(unnamed(x), side * sign)
        return _substituted(e, new)

    def _sign(self, form: Form) -> int:
        """1 if a sum is positive above the place and negative below, -1 if the other way round, 0
        if its signs are others."""
        form = _direction(form)
        return 1 if form == self._direction else -1 if form == _negative(self._direction) else 0

    def _are_equal(self, a: Expr, b: Expr) -> bool:
        if a is b or self._ranges.form(a) == self._ranges.form(b):
            return True
        return isinstance(b, Times) and self._networks.simplify(b) is a

    # --------------------------------------------------------------------------------- forms

    def _forms(self) -> Iterator[Expr]:
        """Forms with the same sides."""
        if self._are_equal(self.above, self.below):
            yield self._networks.simplify(times(self.above, ones(*self._e.shape)))
            return
        for above, below in dict.fromkeys([(self.above, self.below), self._read]):
            for at, upper, lower in (
                (self._at, above, below),
                (multiplied([MINUS, self._at]), below, above),
            ):
                for name, sides in _rows():
                    if sides.kind == "order":
                        yield from self._of_two(name, sides, at, upper, lower)
                    elif sides.above:
                        yield from self._of_one(name, sides, at, upper, lower)

    def _of_one(
        self, name: str, sides: KinkSides, at: Expr, upper: Expr, lower: Expr
    ) -> Iterator[Expr]:
        """The sides as a multiple of a function, or as one side and a number."""
        rest = upper if sides.kind == "constant" else _quotient(upper, at)
        k = sides.above * sides.below
        multiple = multiplied([number(k), upper]) if k else ZERO
        if rest is not None and self._are_equal(lower, multiple):
            yield multiplied([number(sides.above), rest, call(name, at)])
        if sides.kind == "constant" and sides.above == 1 and sides.below == 0:
            apart = self._ranges.form(_difference(upper, lower))
            if apart.keys() == {UNIT}:
                yield sum_of([multiplied([number(apart[UNIT]), call(name, at)]), lower])

    def _of_two(
        self, name: str, sides: KinkSides, at: Expr, upper: Expr, lower: Expr
    ) -> Iterator[Expr]:
        """The sides as a multiple of a function that picks one of two, or as that and a rest."""
        for larger, smaller, calls in self._pairs(at):
            picked = calls.get(name, call(name, larger, smaller))
            above, below = (larger, smaller) if sides.above else (smaller, larger)
            for one, a, other, b in ((upper, above, lower, below), (lower, below, upper, above)):
                factor = _quotient(one, a)
                if factor is not None and self._are_equal(other, multiplied([factor, b])):
                    yield multiplied([factor, picked])
            rest = _difference(upper, above)
            if self._are_equal(_difference(lower, below), rest):
                yield picked if is_zero(rest) else sum_of([picked, *terms_of(rest)])

    def _pairs(self, at: Expr) -> Iterable[tuple[Expr, Expr, dict[str, Expr]]]:
        """Two expressions of which the first is larger where the argument is positive, and the
        functions that are there of the two."""
        for x in self._calls:
            a, *others = unnamed(x).args
            if others:
                b = others[0]
                same = {
                    unnamed(y).op: y for y in self._calls if unnamed(y).args in ((a, b), (b, a))
                }
                above = (
                    self._sign(self._ranges.kink(unnamed(x))) * (1 if at is self._at else -1) > 0
                )
                yield (a, b, same) if above else (b, a, same)
        if isinstance(at, Add) and len(at.args) == 2:
            yield at.args[0], multiplied([MINUS, at.args[1]]), {}


def _is_generic(e: Expr) -> bool:
    """Whether no entry of a value is 0 because of where it stands."""
    match e:
        case Symbol():
            # A member may be defined: a largest one is as large as one of the others everywhere.
            return not e.attributes & CONSTRAINTS and not e.indices
        case Transpose():
            return ONE in e.shape
        case Call():
            row = TABLE[e.op]
            return row.elementwise and row.branch is None
    return isinstance(e, (Number, Dimension, Constant, Name, Add, Times, Power, MatMul))


def _substituted(e: Expr, new: dict[Expr, Expr]) -> Expr:
    """The expression with others put in; what is multiplied by 0 is 0, and is not added."""
    for x in postorder([e], into=lambda x: x not in new and _is_open(x)):
        if x in new or not _is_open(x):  # below others it is another value
            continue
        args = [new.get(a, a) for a in x.args]
        match x:
            case Times() if any(map(is_zero, args)):
                new[x] = ZERO
            case Add():
                total = number(sum(a.value for a in args if isinstance(a, Number)))
                others = [a for a in args if not isinstance(a, Number)]
                new[x] = add(*[a for a in (total, *others) if not is_zero(a)] or [ZERO])
            case _:
                new[x] = rebuild(x, args)
    return new.get(e, e)


def _plain(e: Expr, side: int) -> Expr:
    """The value of a function above its kink (1), below it (-1), or on it (0)."""
    sides = _sides(e)
    assert sides is not None
    value = sides.above if side > 0 else sides.below
    if sides.kind == "order":
        return e.args[0] if value else e.args[1]
    if side == 0:
        return ZERO
    return number(value) if sides.kind == "constant" else times(number(value), e.args[0])


def _difference(a: Expr, b: Expr) -> Expr:
    """The difference, equal terms added up."""
    found: dict[tuple[PoweredBase, ...], Real] = {}
    for sign, e in ((1, a), (-1, b)):
        for term in () if is_zero(e) else terms_of(e):
            k, factors = Product.of(term)
            found[factors] = found.get(factors, Fraction(0)) + sign * k
    parts = [Product(k, factors).expression() for factors, k in found.items() if k]
    return sum_of(parts) if parts else ZERO


def _quotient(a: Expr, b: Expr) -> Expr | None:
    """What is left of a product without the factors of another, if these are there."""
    if is_zero(b):
        return None
    found = Product.of(a).without(Product.of(b), is_)
    return None if found is None else found.expression()
