"""What may go wrong where an expression is computed: operations that overflow, that end at infinity
where something is rounded to 0, and that cancel.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np

from ..algebra.monomials import Product
from ..algebra.ranges import EntryRanges
from ..core.cost import has_minus, is_below
from ..core.expr import (
    UNIT,
    Add,
    Call,
    Expr,
    Name,
    Number,
    Power,
    Symbol,
    Times,
    add,
    exact,
    negate,
)
from ..core.functions import TABLE, Function
from ..core.structure import factors_of, is_flat, unnamed
from ..core.traversal import postorder, remembered
from .identities import LOGARITHM, LOGARITHMS, ROOT

LARGE = 800.0  # an argument at which exp has no value any more
OVERFLOW, SINGULAR, CANCELLATION = 10_000, 1_000, 100  # what each counts; an operation is 1


class Risks:
    """Risks of expressions, and which of their parts are shares of 1 by the way they are used."""

    def __init__(self, roots: Sequence[Expr]) -> None:
        self.ranges = EntryRanges()
        self._found: dict[Expr, int] = {}
        self._computed: dict[Expr, bool] = {}
        nodes = (e for e in postorder(roots) if _is_complement(e) and not self.is_computed(e))
        self._shares = {x for e in nodes for x in (e, negate(e.args[1]))}

    def of(self, e: Expr) -> int:
        """The risk of all that is computed for it."""
        return remembered(
            self._found, e, lambda x: self._own(x) + sum(self._found[a] for a in x.args)
        )

    def is_computed(self, e: Expr) -> bool:
        """Whether there is a function in it."""
        return remembered(
            self._computed,
            e,
            lambda x: isinstance(x, Call) or any(self._computed[a] for a in x.args),
        )

    def overflows(self, e: Expr) -> bool:
        """Whether it is a function of what may be large, as the exponential is, that has a value
        at 0 and may have none there."""
        if self._own(e) != OVERFLOW or not np.isfinite(_at_zero(e.op)) or _picks(e.args[0]):
            return False
        return self.ranges.of(e.args[0]).high > LARGE

    def has_no_value_at(self, weight: Expr, e: Expr) -> bool:
        """Whether a weight may be 0 where a function of something else overflows, is a log or a
        reciprocal of 1 and what may be -1 together, or is a log of a sum with the weight in it."""
        if e.op == LOGARITHM:
            form = self.ranges.form(e.args[0])
            nonneg = all(c > 0 and self.ranges.of(x).low >= 0 for x, c in form.items())
            return nonneg and len(form) > 1 and unnamed(weight) in form
        return self._may_be_infinite(e) and self.is_weight(weight) and weight not in postorder([e])

    def _may_be_infinite(self, e: Expr) -> bool:
        x = add(UNIT, e.args[0]) if e.op in LOGARITHMS else e.args[0] if is_below(e) else UNIT
        if not isinstance(x, Add) or x.args[0] is not UNIT:
            return self.overflows(e)
        low, _, never_zero = self.ranges.of(x)
        return self.is_computed(x) and low <= 0 and not never_zero

    def is_weight(self, e: Expr) -> bool:
        """Whether it is a share of 1, as labels are, or declared to be nonneg, and may be 0."""
        low, high, never_zero = self.ranges.of(e)
        bounded = high <= 1 or isinstance(e, Symbol)
        return e in self._shares or (low == 0 and bounded and not never_zero)

    def _own(self, e: Expr) -> int:
        """That of its own operation."""
        if isinstance(e, Add):
            negative = any(has_minus(a) or self.ranges.of(a).low < 0 for a in e.args)
            return CANCELLATION if negative and self._may_cancel(e) else 1
        if is_below(e) and self._may_underflow(e.args[0]):
            return SINGULAR
        if is_root(e) and self.overflows(unnamed(e.args[0])):
            return SINGULAR  # where the root has a value yet
        row = TABLE.get(e.op)
        found = 1 if row is None else _risk(row)
        if found == SINGULAR and not self.is_computed(e.args[0]):
            return 1  # what is given is not rounded to 0
        if found == SINGULAR:
            factors = Product.of(unnamed(e.args[0])).factors
            found += SINGULAR * sum(self._may_underflow(base) for base, _ in factors)
        if row is None or not row.increasing or found != OVERFLOW:
            return found
        if not row.never_zero and self.ranges.of(e.args[0]).high < LARGE:
            return 1
        return 1 if self.ranges.excludes(e, 1) and self._is_scaled(e.args[0]) else found

    def _is_scaled(self, exponent: Expr) -> bool:
        """Whether it is less the largest of some, of which one is 0 then; or not known to be 0."""
        picked = (c < 0 and _picks(x) for x, c in self.ranges.form(exponent).items())
        return self.ranges.of(exponent).high > 0 or any(picked)

    def _may_cancel(self, e: Expr) -> bool:
        """Whether it is a difference of bounded values, or of a number and functions' values."""
        if all(isinstance(x, Number) or is_flat(x) for a in e.args for x in factors_of(a)):
            return False  # whole numbers, which nothing rounds
        bounds = [self.ranges.of(a)[:2] for a in e.args]
        numbers = sum(isinstance(a, Number) for a in e.args)
        values = sum(any(map(self._is_written_out, factors_of(a))) for a in e.args)
        return bool(np.isfinite(bounds).all()) or (numbers > 0 and numbers + values == len(e.args))

    def _is_written_out(self, e: Expr) -> bool:
        """Whether there is a function in it; `1 - Z.^2` is of a value that is there already."""
        is_saved = isinstance(e, Power) and isinstance(e.args[0], Name) and not is_below(e)
        return self.is_computed(e) and not is_saved

    def _may_underflow(self, e: Expr) -> bool:
        """Whether it has a factor whose values come near 0, and are never 0 but for rounding."""
        parts = postorder([unnamed(e)], into=_vanishes_within)
        near = (x for x in parts if (row := TABLE.get(x.op)) is not None and row.never_zero)
        return any(self.ranges.of(x).low == 0 for x in near)


@cache
def _risk(row: Function) -> int:
    """What a function of every entry counts: where it overflows, where it has a pole at 0."""
    if row.arity != 1 or not row.elementwise:
        return 1
    with np.errstate(all="ignore"):
        ends = row.value(np.array([-LARGE, LARGE]), None)
    return OVERFLOW if np.isinf(ends).any() else SINGULAR if np.isinf(_at_zero(row.name)) else 1


@cache
def _at_zero(op: str) -> float:
    """The value of a function of every entry at 0; of other operations none."""
    row = TABLE.get(op)
    if row is None or row.arity != 1 or not row.elementwise:
        return np.nan
    with np.errstate(all="ignore"):
        return float(row.value(np.zeros(1), None)[0])


def is_root(e: Expr) -> bool:
    """Whether it is a power between -1 and 1."""
    p = exact(e.args[1]) if isinstance(e, Power) else None
    return e.op == ROOT or (p is not None and abs(p) < 1)


def _is_complement(e: Expr) -> bool:
    """Whether it is one less something."""
    return isinstance(e, Add) and len(e.args) == 2 and e.args[0] is UNIT and has_minus(e.args[1])


def _picks(e: Expr) -> bool:
    """Whether it is the larger or smaller of some."""
    return e.op in TABLE and TABLE[e.op].picks


def _vanishes_within(e: Expr) -> bool:
    """Whether it is 0 where a part of it is."""
    return isinstance(e, (Name, Power, Times)) or _at_zero(e.op) == 0
