"""Expressions as they are computed: in forms whose digits last, and whose values are finite where
the expression's are. `log(1 + exp(x))` is `softplus(x)`, `1 - cos(x)` is `2 sin(x / 2).^2`.

A form is taken where it has fewer operations that may overflow, end at infinity, or cancel.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np

from ..algebra.monomials import Product
from ..algebra.ranges import EntryRanges
from ..algebra.symmetry import Symmetry
from ..core.cost import has_minus, is_below
from ..core.expr import Add, Call, Expr, Name, Number, Power, Times, add, times
from ..core.functions import TABLE, Function
from ..core.structure import factors_of, unnamed
from ..core.traversal import postorder, remembered, transform
from .identities import LOGARITHMS, ROOT
from .rewriting import Rewriter, Rows
from .scaled_values import ScaledValues, is_near_linear

LARGE = 800.0  # an argument at which exp has no value any more
OVERFLOW, SINGULAR, CANCELLATION = 10_000, 1_000, 100  # what each counts; an operation is 1
_FACTORS = (Name, Power, Times)
DEEPEST = 8  # sums within each other that a divisor is looked for in


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
        picked = (
            c < 0 and x.op in TABLE and TABLE[x.op].picks for x, c in ranges.form(exponent).items()
        )
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

    def changed(e: Expr) -> Expr:
        return e if isinstance(e, Name) else rewriter.rewrite(_divisors_cancelled(e, ranges))

    def rescaled(e: Expr) -> Expr:
        """A product or a log by the largest of its exponents, where that is safer."""
        if not (isinstance(e, Times) or e.op in LOGARITHMS) or risk(e) < SINGULAR:
            return e
        found = (v.rescaled(e) for v in values)
        return next((x for x in found if risk(x) < risk(e)), e)

    found = [transform(root, changed, done) for root in roots]
    return [transform(root, rescaled, final) for root in found]


def _is_whole(e: Expr) -> bool:
    """Whether its entries are whole numbers, which nothing rounds: of signs and steps."""
    rows = (TABLE.get(x.op) for x in factors_of(e) if not isinstance(x, Number))
    return all(row is not None and row.derivative == ("0",) for row in rows)


def _divisors_cancelled(e: Expr, ranges: EntryRanges, depth: int = 0) -> Expr:
    """A product whose factors that may be 0 for rounding alone are multiplied into a sum that they
    divide: `h .* (x - y ./ h)` as `x .* h - y`, where `h = sigmoid(z)`."""
    if not isinstance(e, Times) or depth == DEEPEST:
        return e
    for total in e.args:
        divisors = _divisors_within(total) if isinstance(total, Add) else {}
        for d in e.args:
            if (below := divisors.get(unnamed(d))) is not None and _may_underflow(d, ranges):
                terms = [Product.of(a, below).expression() for a in total.args]
                inner = add(*(_divisors_cancelled(a, ranges, depth + 1) for a in terms))
                rest = [a for a in e.args if a is not d and a is not total]
                return _divisors_cancelled(times(*rest, inner), ranges, depth)
    return e


def _divisors_within(total: Expr) -> dict[Expr, Expr]:
    """What the summands of a sum are divided by, or those of sums that are factors in them, by what
    a name stands for."""
    products = postorder([total], into=lambda x: isinstance(x, (Add, Times)))
    return {unnamed(x.args[0]): x.args[0] for x in products if is_below(x)}


def _may_underflow(e: Expr, ranges: EntryRanges) -> bool:
    """Whether it has a factor whose values come near 0, and are never 0 but for rounding."""
    parts = postorder([unnamed(e)], into=_vanishes_within)
    near = (x for x in parts if (row := TABLE.get(x.op)) is not None and row.never_zero)
    return any(ranges.of(x).low == 0 for x in near)


def _vanishes_within(e: Expr) -> bool:
    """Whether it is 0 where a part of it is."""
    return isinstance(e, _FACTORS) or e.op == ROOT or is_near_linear(e.op)
