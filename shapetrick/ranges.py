"""What the entries of expressions lie between, as far as the table of functions says, and which
sides of a kink that excludes.

Everything here errs on the side of not knowing.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import numpy as np

from .expr import MINUS, Expr, times
from .functions import TABLE, Function
from .walks import remembered

Range = tuple[float, float]

ANYTHING: Range = (-np.inf, np.inf)
NONNEGATIVE: Range = (0.0, np.inf)
NESTED = 6  # operations one within the other, in a comparison
_BETWEEN: dict[str, Range] = {
    "positive": NONNEGATIVE, "nonneg": NONNEGATIVE, "unit": (0.0, 1.0), "simplex": (0.0, 1.0),
    "onehot": (0.0, 1.0),
}  # fmt: skip
_LEAVES: dict[str, Range] = {
    "dimension": (1.0, np.inf), "constant": (2.0, 4.0), "ones": (1.0, 1.0), "zeros": (0.0, 0.0),
    "eye": (0.0, 1.0), "commute": (0.0, 1.0),
}  # fmt: skip
_PRODUCTS = frozenset({"times", "matmul", "kron", "dot"})
_TOTALS = frozenset({"matmul", "sum", "tr", "dot"})  # of one entry or more


class Ranges:
    """What entries lie between; what was found for a node is remembered."""

    def __init__(self) -> None:
        self._found: dict[Expr, Range] = {}

    def of(self, e: Expr) -> Range:
        """What all entries lie between."""
        return remembered(self._found, e, self._range)

    def excludes(self, e: Expr, side: int) -> bool:
        """Whether the argument of a function with kinks (the difference of the two) is known not to
        have the sign `side` anywhere."""
        greater, less = _sides(e)
        if side < 0:
            greater, less = less, greater
        return self._at_most(greater, less)

    def _at_most(self, a: Expr | None, b: Expr | None, nested: int = NESTED) -> bool:
        """Whether a ≤ b is known, entry by entry; None is 0."""
        if a is b:
            return True
        high = 0.0 if a is None else self.of(a)[1]
        low = 0.0 if b is None else self.of(b)[0]
        if high <= low:
            return True
        if not nested:
            return False
        below = a.args if a is not None and _row(a).beside == "below" else ()
        above = b.args if b is not None and _row(b).beside == "above" else ()
        return any(self._at_most(x, b, nested - 1) for x in below) or any(
            self._at_most(a, x, nested - 1) for x in above
        )

    def _range(self, e: Expr) -> Range:
        if e.op == "symbol":
            known = (r for a, r in _BETWEEN.items() if a in e.data.attributes)
            return next(known, ANYTHING)
        if e.op == "number":
            return float(e.data), float(e.data)
        row = _row(e)
        if not e.args:
            return _LEAVES.get(e.op, ANYTHING)
        args = [self._found[a] for a in e.args]
        if e.op == "add":
            return sum(low for low, _ in args), sum(high for _, high in args)
        if e.op in _PRODUCTS:
            product = NONNEGATIVE if _is_square(e) else reduce(_product, args)
            return _total(product) if e.op in _TOTALS else product
        if e.op == "power":
            return _power(args[0], e.args[1])
        if e.op == "diag":
            low, high = args[0]
            return min(low, 0.0), max(high, 0.0)
        if e.op == "name" or row.units == "linear":
            return _total(args[0]) if e.op in _TOTALS else args[0]
        return _of_values(row, args)


def _row(e: Expr) -> Function:
    return TABLE.get(e.op, TABLE["add"])


def _sides(e: Expr) -> tuple[Expr | None, Expr | None]:
    """What is compared where a function has a kink: its two arguments; the two parts of a
    difference; or the argument and 0."""
    if len(e.args) == 2:
        return e.args[0], e.args[1]
    argument = e.args[0]
    while argument.op == "name":
        argument = argument.args[0]
    if argument.op == "add" and len(argument.args) == 2:
        for a, b in (argument.args, argument.args[::-1]):
            if b.op == "times" and b.args[0] is MINUS:
                return a, times(*b.args[1:])
    return argument, None


def _is_square(e: Expr) -> bool:
    """Whether a product is of something with itself, entry by entry: x'x, dot(x, x), x .* x."""
    if len(e.args) != 2 or e.op == "kron":
        return False
    a, b = e.args
    if e.op == "matmul":
        return e.is_scalar and a.op == "transpose" and a.args[0] is b
    return a is b


def _product(a: Range, b: Range) -> Range:
    ends = [0.0 if 0.0 in (x, y) else x * y for x in a for y in b]
    return min(ends), max(ends)


def _total(each: Range) -> Range:
    """The range of a sum of at least one."""
    low, high = each
    return (low if low >= 0 else -np.inf), (high if high <= 0 else np.inf)


def _power(base: Range, exponent: Expr) -> Range:
    even = exponent.op == "number" and exponent.data % 2 == 0
    return NONNEGATIVE if even or base[0] >= 0 else ANYTHING


def _of_values(row: Function, args: Sequence[Range]) -> Range:
    """The range of a function, from its row."""
    if not row.increasing:
        return row.within
    with np.errstate(all="ignore"):
        low, high = (
            float(row.value(*(np.array([[a[i]]]) for a in args), None)[0, 0]) for i in (0, 1)
        )
    return (-np.inf if np.isnan(low) else low), (np.inf if np.isnan(high) else high)
