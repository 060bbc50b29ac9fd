"""Expressions as they are computed: in forms whose digits last, and whose values are finite where
the expression's are. `log(1 + exp(x))` is `softplus(x)`, `1 - cos(x)` is `2 sin(x / 2).^2`.

A form is taken where it has fewer operations that may overflow, end at infinity, or cancel.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np

from ..algebra.monomials import Product, multiplied
from ..algebra.ranges import EntryRanges
from ..algebra.symmetry import Symmetry
from ..core.cost import has_minus, is_below
from ..core.expr import (
    MINUS,
    UNIT,
    Add,
    Call,
    Expr,
    Name,
    Number,
    Power,
    Times,
    add,
    call,
    negate,
    number,
    times,
)
from ..core.functions import TABLE, Function
from ..core.structure import factors_of, terms_of, unnamed
from ..core.traversal import postorder, remembered, transform
from .identities import EXPONENTIAL, LOGARITHMS, ONE_LESS, ROOT
from .rewriting import Rewriter, Rows
from .scaled_values import ScaledValues, is_near_linear

LARGE = 800.0  # an argument at which exp has no value any more
OVERFLOW, SINGULAR, CANCELLATION = 10_000, 1_000, 100  # what each counts; an operation is 1
_FACTORS = (Name, Power, Times)


@cache
def _risk(row: Function) -> int:
    """What a function of every entry counts: where it overflows, where it has a pole at 0."""
    if row.arity != 1 or not row.elementwise:
        return 1
    with np.errstate(all="ignore"):
        ends, pole = (row.value(np.array(x), None) for x in ([-LARGE, LARGE], [0.0]))
    return OVERFLOW if np.isinf(ends).any() else SINGULAR if np.isinf(pole).any() else 1


def stable(roots: Sequence[Expr]) -> list[Expr]:
    """The expressions in stable forms; what has a name keeps it."""
    ranges = EntryRanges()
    risks: dict[Expr, int] = {}
    called: dict[Expr, bool] = {}
    done: dict[Expr, Expr] = {}
    final: dict[Expr, Expr] = {}

    def risk(e: Expr) -> int:
        return remembered(risks, e, lambda x: own(x) + sum(risks[a] for a in x.args))

    def own(e: Expr) -> int:
        if isinstance(e, Add):
            negative = any(has_minus(a) or ranges.of(a).low < 0 for a in e.args)
            return CANCELLATION if negative and may_cancel(e) else 1
        if is_below(e) and _may_underflow(e.args[0], ranges):
            return SINGULAR
        row = TABLE.get(e.op)
        found = 1 if row is None else _risk(row)
        if found == SINGULAR and not calls(e.args[0]):
            return 1  # what is given is not rounded to 0
        if found == SINGULAR:
            found += SINGULAR * sum(
                _may_underflow(b, ranges) for b, _ in Product.of(unnamed(e.args[0])).factors
            )
        if row is None or not row.increasing or found != OVERFLOW:
            return found
        if not row.never_zero and ranges.of(e.args[0]).high < LARGE:
            return 1
        return 1 if ranges.excludes(e, 1) and is_scaled(e.args[0]) else found

    def is_scaled(exponent: Expr) -> bool:
        """Whether it is less the largest of some, of which one is 0 then; or not known to be 0."""
        picked = (c < 0 and _picks(x) for x, c in ranges.form(exponent).items())
        return ranges.of(exponent).high > 0 or any(picked)

    def calls(e: Expr) -> bool:
        """Whether there is a function in it."""
        return remembered(
            called, e, lambda x: isinstance(x, Call) or any(called[a] for a in x.args)
        )

    def may_cancel(e: Expr) -> bool:
        """Whether it is a difference of bounded values, or of a number and functions' values."""
        if all(map(_is_whole, e.args)):
            return False
        bounds = [ranges.of(a)[:2] for a in e.args]
        numbers = sum(isinstance(a, Number) for a in e.args)
        values = sum(any(isinstance(x, Call) for x, _ in Product.of(a).factors) for a in e.args)
        return bool(np.isfinite(bounds).all()) or (numbers > 0 and numbers + values == len(e.args))

    rewriter = Rewriter(Symmetry(), risk, Rows.STABLE)
    values = [ScaledValues(rewriter.rewrite, ranges, far_above=k) for k in (True, False)]

    def opened(e: Expr) -> Expr:
        """A sum with definitions opened, like summands added up, and `exp(x) - 1` in two."""
        parts = (
            [number(c), add(call(EXPONENTIAL, *x.args), MINUS) if x.op == ONE_LESS else x]
            for x, c in ranges.form(e).items()
        )
        whole = ranges.form(add(*map(multiplied, parts)))
        return add(*(multiplied([number(c), x]) for x, c in whole.items()))

    def changed(e: Expr) -> Expr:
        if isinstance(e, Name):
            return e
        if e.op in LOGARITHMS and isinstance(e.args[0], Add):
            found = rewriter.rewrite(call(e.op, opened(e.args[0])))
            if found.shape == e.shape and risk(found) + CANCELLATION <= risk(e):
                return found
        return rewriter.rewrite(e)

    def rescaled(e: Expr) -> Expr:
        """A product or a log by the largest of its exponents, where that is safer; with a sum of
        which a part may be 0 where an exponential has no value, each part by itself."""
        if not (isinstance(e, Times) or e.op in LOGARITHMS) or risk(e) < SINGULAR:
            return e
        parted = next((x for a in e.args if (x := in_parts(e, a)) is not e), e)
        if parted is not e:
            return parted
        found = (v.rescaled(e) for v in values)
        return next((x for x in found if risk(x) < risk(e)), e)

    def in_parts(e: Expr, total: Expr) -> Expr:
        """A product with a sum, as the sum of what its weight and the rest are multiplied to."""
        if not isinstance(total, Add) or not any(map(overflows, e.args)):
            return e
        rest = times(*(a for a in e.args if a is not total))
        terms = terms_of(opened(total))
        parts = [[a for a in terms if calls(a) is computed] for computed in (False, True)]
        if not all(parts) or not is_weight(add(*parts[0])):
            return e
        found = add(*(rescaled(rewriter.rewrite(times(add(*p), rest))) for p in parts))
        return found if found.shape == e.shape else e

    def weighed(e: Expr) -> Expr:
        """A product with an exponential that has no value where another factor is 0: there it is
        that of 0."""
        above = [*filter(overflows, factors_of(e))]
        weights = [a for a in factors_of(e) if is_weight(a)] if above else []
        if not weights:
            return e
        there = [a if _is_flat(a) else call("step", call("abs", a)) for a in weights]
        others = [a for a in factors_of(e) if a not in above]
        return times(*others, *(call(EXPONENTIAL, times(*there, *a.args)) for a in above))

    def overflows(e: Expr) -> bool:
        """Whether it is an exponential of what may be large."""
        if e.op != EXPONENTIAL or own(e) != OVERFLOW or _picks(e.args[0]):
            return False
        return ranges.of(e.args[0]).high > LARGE

    def is_weight(e: Expr) -> bool:
        """Whether it is a share of 1, as labels are, that may be 0."""
        low, high, never_zero = ranges.of(e)
        return e in shares or (low == 0 and high <= 1 and not never_zero)

    found = [transform(root, changed, done) for root in roots]
    shares = {x for e in postorder(found) if not calls(e) for x in _shares(e)}
    found = [transform(root, rescaled, final) for root in found]
    guarded: dict[Expr, Expr] = {}
    return [transform(root, weighed, guarded) for root in found]


def _shares(e: Expr) -> tuple[Expr, ...]:
    """What is one less something, and this."""
    if not isinstance(e, Add) or len(e.args) != 2 or e.args[0] is not UNIT:
        return ()
    return (e, negate(e.args[1])) if has_minus(e.args[1]) else ()


def _picks(e: Expr) -> bool:
    """Whether it is the larger or smaller of some."""
    return e.op in TABLE and TABLE[e.op].picks


def _is_flat(e: Expr) -> bool:
    """Whether it is a function's value that changes at kinks alone: a sign or a step."""
    row = TABLE.get(e.op)
    return row is not None and row.derivative == ("0",)


def _is_whole(e: Expr) -> bool:
    """Whether its entries are whole numbers, which nothing rounds: of signs and steps."""
    return all(isinstance(x, Number) or _is_flat(x) for x in factors_of(e))


def _may_underflow(e: Expr, ranges: EntryRanges) -> bool:
    """Whether it has a factor whose values come near 0, and are never 0 but for rounding."""
    parts = postorder([unnamed(e)], into=_vanishes_within)
    near = (x for x in parts if (row := TABLE.get(x.op)) is not None and row.never_zero)
    return any(ranges.of(x).low == 0 for x in near)


def _vanishes_within(e: Expr) -> bool:
    """Whether it is 0 where a part of it is."""
    return isinstance(e, _FACTORS) or e.op == ROOT or is_near_linear(e.op)
