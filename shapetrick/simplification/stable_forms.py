"""Expressions as they are computed: in forms whose digits last, and whose values are finite where
the expression's are. `log(1 + exp(x))` is `softplus(x)`, `1 - cos(x)` is `2 sin(x / 2).^2`.

A form is taken where it has fewer operations that may overflow, end at infinity, or cancel.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np

from ..algebra.ranges import EntryRanges
from ..algebra.symmetry import Symmetry
from ..core.cost import has_minus
from ..core.expr import Add, Expr, Name, Number, named, rebuild
from ..core.functions import TABLE, Function
from ..core.traversal import remembered
from .rewriting import Rewriter, Rows

LARGE = 800.0  # an argument at which exp has no value any more
OVERFLOW, SINGULAR, CANCELLATION = 10_000, 1_000, 100  # what each counts; an operation is 1


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
    done: dict[Expr, Expr] = {}

    def risk(e: Expr) -> int:
        return remembered(risks, e, lambda x: own(x) + sum(risks[a] for a in x.args))

    def own(e: Expr) -> int:
        if isinstance(e, Add):
            return CANCELLATION if any(map(has_minus, e.args)) and may_cancel(e) else 1
        row = TABLE.get(e.op)
        found = 1 if row is None else _risk(row)
        if row is None or not row.increasing or found != OVERFLOW:
            return found
        scaled = ranges.excludes(e, 1) and ranges.of(e.args[0]).high > 0  # by the largest: one is 1
        return 1 if scaled else found

    def may_cancel(e: Expr) -> bool:
        bounds = [ranges.of(a)[:2] for a in e.args]
        return any(isinstance(a, Number) for a in e.args) or bool(np.isfinite(bounds).all())

    rewriter = Rewriter(Symmetry(), risk, Rows.STABLE)

    def changed(e: Expr) -> Expr:
        args = [done[a] for a in e.args]
        return named(e.name, args[0]) if isinstance(e, Name) else rewriter.rewrite(rebuild(e, args))

    return [remembered(done, root, changed) for root in roots]
