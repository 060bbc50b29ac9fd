"""Functions by their arguments: their values at zeros, and at negated ones."""

from __future__ import annotations

from functools import cache

import numpy as np

from ..algebra.monomials import multiplied
from ..algebra.sum_signs import is_odd, negate_part, parity
from ..core.cost import has_minus, length
from ..core.expr import (
    MINUS,
    UNIT,
    Add,
    Call,
    Expr,
    Ones,
    Times,
    call,
    number,
    ones,
    zeros,
)
from ..core.functions import TABLE
from ..core.structure import is_zero
from ..core.traversal import rebuild
from .identities import COMPLEMENTED, IDENTITIES
from .networks import Networks


def value_at_zero(_: Networks, e: Expr) -> Expr | None:
    """A function of every entry, of zeros alone, as its value there, where that is 0, 1 or -1."""
    if not isinstance(e, Call) or not (TABLE[e.op].elementwise and all(map(is_zero, e.args))):
        return None
    with np.errstate(all="ignore"):
        value = float(TABLE[e.op].value(*(np.zeros((1, 1)) for _ in e.args), e.data)[0, 0])
    if value not in (-1, 0, 1):
        return None
    return multiplied([number(int(value)), ones(*e.shape)]) if value else zeros(*e.shape)


def sign_outside(networks: Networks, e: Expr) -> Expr | None:
    """An even or odd function of an argument without the minus in front of that; an even one of a
    sum with the sign that the sum has elsewhere."""
    if not isinstance(e, Call) or not isinstance(x := e.args[0], (Add, Times)):
        return None
    even = e.op in _even() or parity(TABLE[e.op]) > 0
    if isinstance(x, Add):
        found, sign = networks.signs.natural(x) if even else (x, 1)
    else:
        found, sign = (negate_part(x), -1) if has_minus(x) else (x, 1)
    if sign > 0 or not (even or is_odd(e)):
        return None
    plain = rebuild(e, [found, *e.args[1:]])
    return plain if even else multiplied([MINUS, plain])


def with_opposite_argument(networks: Networks, e: Expr) -> Expr:
    """One less a function as that of the opposite argument, where that is as short: `1 - sigmoid(a
    - b)` as `sigmoid(b - a)`."""
    if not isinstance(e, Add) or len(e.args) != 2:
        return e
    called = next((a for a in map(negate_part, e.args) if a.op == COMPLEMENTED), None)
    if called is None or not any(a is UNIT or isinstance(a, Ones) for a in e.args):
        return e
    opposite = networks.simplify(multiplied([MINUS, *called.args]))
    return e if length(opposite) > length(called.args[0]) else call(COMPLEMENTED, opposite)


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
