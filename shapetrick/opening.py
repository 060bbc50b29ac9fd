"""Which sums and definitions are worth multiplying out: those whose terms may meet others."""

from __future__ import annotations

from .expr import Expr
from .functions import TABLE

OPENED_HORIZON = 6  # how many operations deep a product is read where sums are multiplied out
PRODUCTS = frozenset({"times", "matmul", "transpose"})


def is_multilinear(e: Expr) -> bool:
    """Whether the operation is read as a network: sums, products, and the linear rows."""
    if e.op in ("add", "times", "matmul", "transpose", "power"):
        return True
    return e.op in TABLE and TABLE[e.op].units == "linear"


def is_reduction(e: Expr) -> bool:
    """Whether it sums over something: then terms inside may cancel."""
    row = TABLE.get(e.op)
    return row is not None and row.units == "linear" and row.takes_axis


def worth_opening(e: Expr, names: bool) -> set[Expr]:
    """The sums (and definitions) near the top whose terms may meet others when multiplied out: not
    those under an element-wise product, unless that is summed or is itself a summand."""
    meets = e.op == "add" or is_reduction(e) or e.op == "tr"
    found: set[Expr] = set()
    stack = [(a, 1) for a in e.args] if is_multilinear(e) and e.op != "power" else []
    while stack:
        x, depth = stack.pop()
        if x.op == "add":
            found.add(x)
        elif x.op == "name":
            if not names or not is_multilinear(x.args[0]):
                continue
            found.add(x)
        elif not is_multilinear(x) or x.op == "power":
            continue
        if x.op == "times" and not meets and sum(not a.is_scalar for a in x.args) > 1:
            continue
        if depth < OPENED_HORIZON:
            stack.extend((a, depth + 1) for a in x.args)
    return found if names is any(x.op == "name" for x in found) else set()
