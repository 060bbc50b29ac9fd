"""What occurs in an expression, as bits: a cheap way to tell that something can't be there."""

from __future__ import annotations

from .cost import is_below
from .expr import Add, Call, Expr, Name, Power
from .functions import TABLE

SUM, NAME, DIVISOR, KINK, INVERSE = 1, 2, 4, 8, 16


def contents(e: Expr) -> int:
    """What there is of it in an expression, definitions by their bodies too."""
    known = e.contents
    if known is not None:
        return known
    stack = [e]
    while stack:
        x = stack[-1]
        missing = [a for a in x.args if a.contents is None]
        if missing:
            stack += missing
            continue
        stack.pop()
        known = _own(x) | inside(x)
        object.__setattr__(x, "contents", known)
    assert known is not None
    return known


def inside(e: Expr) -> int:
    """What there is of it below the expression's head."""
    found = 0
    for a in e.args:
        found |= contents(a)
    return found


def _own(x: Expr) -> int:
    match x:
        case Add():
            return SUM
        case Name():
            return NAME
        case Power() if is_below(x):
            return DIVISOR
        case Call() if TABLE[x.op].two_sided:
            return KINK
        case Call() if TABLE[x.op].units == "inverse":
            return INVERSE
    return 0
