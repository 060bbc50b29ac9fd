"""Functions by their arguments: their values at zeros, and at a negated sum."""

from __future__ import annotations

from functools import cache

import numpy as np

from ..algebra.monomials import multiplied
from ..algebra.sum_signs import negate_part
from ..core.cost import length
from ..core.expr import MINUS, UNIT, Add, Call, Expr, Ones, call, number, ones, times, zeros
from ..core.functions import TABLE
from ..core.structure import is_zero
from ..core.traversal import rebuild
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
    try:
        with np.errstate(all="ignore"):
            values = row.value(*(np.zeros((2, 2)) for _ in e.args), e.data)
    except np.linalg.LinAlgError:  # inv(0)
        return None
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
