"""Functions by their arguments: their values at zeros, and at a negated sum."""

from __future__ import annotations

from functools import cache

import numpy as np

from ..algebra.monomials import multiplied
from ..algebra.sum_signs import negate_part
from ..core.cost import length
from ..core.expr import (
    MINUS,
    UNIT,
    Add,
    Call,
    Expr,
    Name,
    Ones,
    call,
    number,
    ones,
    rebuild,
    times,
    zeros,
)
from ..core.functions import TABLE
from ..core.structure import is_zero
from ..core.traversal import remembered
from .identities import COMPLEMENTED, IDENTITIES
from .networks import Networks

_AT_ZERO = {0.0: number(0), 1.0: number(1), -1.0: number(-1)}  # values that are told


def value_at_zero(_: Networks, e: Expr) -> Expr | None:
    """A function of zeros alone as its value there, where that is 0, 1 or -1."""
    if not isinstance(e, Call) or not all(map(is_zero, e.args)):
        return None
    row = TABLE[e.op]
    if not row.elementwise and not e.is_scalar:
        return None
    with np.errstate(all="ignore"):
        values = row.value(*(np.zeros((2, 2)) for _ in e.args), e.data)
    found = _AT_ZERO.get(float(values.flat[0])) if (values == values.flat[0]).all() else None
    if found is None or not (row.elementwise or found.value == 0):
        return None
    return zeros(*e.shape) if found.value == 0 else times(found, ones(*e.shape))


def even_function_of_sum(networks: Networks, e: Expr) -> Expr | None:
    """An even function of a sum with the sign that the sum has elsewhere."""
    if not isinstance(e, Call) or e.op not in _even() or not isinstance(e.args[0], Add):
        return None
    found, sign = networks.signs.natural(e.args[0])
    return rebuild(e, [found, *e.args[1:]]) if sign < 0 else None


def with_opposite_arguments(networks: Networks, e: Expr, known: dict[Expr, Expr]) -> Expr:
    """The expression with one less a function as that of the opposite argument, where that is as
    short: `1 - sigmoid(a - b)` as `sigmoid(b - a)`."""

    def written(x: Expr) -> Expr:
        if isinstance(x, Name):
            return x
        x = rebuild(x, [known[a] for a in x.args])
        if not isinstance(x, Add) or len(x.args) != 2:
            return x
        called = next((a for a in map(negate_part, x.args) if a.op == COMPLEMENTED), None)
        if called is None or not any(a is UNIT or isinstance(a, Ones) for a in x.args):
            return x
        opposite = networks.simplify(multiplied([MINUS, *called.args]))
        return x if length(opposite) > length(called.args[0]) else call(COMPLEMENTED, opposite)

    return remembered(known, e, written, into_names=False)


@cache
def _even() -> frozenset[str]:
    """The functions of which a row of the identities says that they are even."""
    calls = (row.left.partition("(-") for row in IDENTITIES)
    rights = (row.right for row in IDENTITIES)
    return frozenset(
        f
        for (f, minus, x), right in zip(calls, rights, strict=True)
        if minus and right == f"{f}({x}"
    )
