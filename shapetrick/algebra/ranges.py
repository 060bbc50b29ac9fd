"""What the entries of expressions lie between, as far as the table of functions says, and which
sides of a kink that excludes.

Everything here errs on the side of not knowing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from functools import reduce
from typing import Any

import numpy as np

from ..core.dims import ONE
from ..core.expr import (
    UNIT,
    Add,
    Expr,
    MatMul,
    Name,
    Number,
    Power,
    Symbol,
    Times,
    Transpose,
    times,
)
from ..core.functions import TABLE, Function
from ..core.traversal import remembered

Range = tuple[float, float]
Form = Mapping[Expr, Fraction]  # a sum of expressions, each with a number before it

ANYTHING: Range = (-np.inf, np.inf)
NONNEGATIVE: Range = (0.0, np.inf)
MOST_REPLACED = 5  # parts that are replaced by what they are known to be above or below
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
        self._forms: dict[Expr, Form] = {}
        self._alike: dict[Any, Expr] = {}  # of expressions that are the same sums inside, one

    def excludes(self, e: Expr, side: int) -> bool:
        """Whether the argument of a function with kinks (the difference of the two) is known not to
        have the sign `side` anywhere."""
        forms = [remembered(self._forms, a, self._form) for a in e.args]
        difference = forms[0] if len(forms) == 1 else _sum(forms[0], forms[1], Fraction(-1))
        return self._is_nonpositive({x: side * c for x, c in difference.items()}, MOST_REPLACED)

    def _is_nonpositive(self, form: Form, replaced: int) -> bool:
        """Whether a sum is known to be 0 at most, entry by entry: it is, or it is when a part is
        replaced by something that is larger."""
        if sum(_product((float(c), float(c)), self._of(x))[1] for x, c in form.items()) <= 0:
            return True
        return replaced > 0 and any(
            all(self._is_nonpositive(larger, replaced - 1) for larger in several)
            for several in self._larger(form)
        )

    def _larger(self, form: Form) -> Iterator[list[Form]]:
        """Sums of which one, or of several the largest, is at least this one everywhere."""
        for e, c in form.items():
            row = _row(e)
            bound = "above" if c < 0 else "below"
            rest = {x: k for x, k in form.items() if x is not e}
            others = [
                _sum(rest, remembered(self._forms, a, self._form), c)
                for a in (e.args if row.beside else ())
            ]
            if row.beside == bound:
                yield from ([other] for other in others)
            elif row.beside and row.two_sided and row.arity == 2:  # it is one of the two
                yield others

    def _form(self, e: Expr) -> Form:
        """The expression as a sum, numbers apart; the same for all ways of writing it so."""
        if isinstance(e, Name):
            return self._forms[e.args[0]]
        if isinstance(e, Number):
            return {UNIT: Fraction(e.value)} if e.value else {}
        if isinstance(e, Add):
            return reduce(_sum, (self._forms[a] for a in e.args), {})
        numbers = [a for a in e.args if isinstance(a, Number)] if isinstance(e, Times) else []
        if numbers:
            factor = reduce(lambda c, a: c * Fraction(a.value), numbers, Fraction(1))
            rest = remembered(
                self._forms, times(*(a for a in e.args if not isinstance(a, Number))), self._form
            )
            return {x: c * factor for x, c in rest.items()}
        inside = tuple(frozenset(self._forms[a].items()) for a in e.args)
        key = (e.op, e.payload, inside) if e.args else e
        return {self._alike.setdefault(key, e): Fraction(1)}

    def _of(self, e: Expr) -> Range:
        return remembered(self._found, e, self._range)

    def _range(self, e: Expr) -> Range:
        if isinstance(e, Symbol):
            known = (r for a, r in _BETWEEN.items() if a in e.attributes)
            return next(known, ANYTHING)
        if isinstance(e, Number):
            return float(e.value), float(e.value)
        row = _row(e)
        if not e.args:
            return _LEAVES.get(e.op, ANYTHING)
        args = [self._found[a] for a in e.args]
        if isinstance(e, Add):
            return sum(low for low, _ in args), sum(high for _, high in args)
        if e.op in _PRODUCTS:
            product = NONNEGATIVE if _is_square(e) else reduce(_product, args)
            return _total(product) if e.op in _TOTALS and not _is_outer(e) else product
        if isinstance(e, Power):
            return _power(args[0], e.args[1])
        if e.op == "diag":
            low, high = args[0]
            return min(low, 0.0), max(high, 0.0)
        if isinstance(e, Name) or row.units == "linear":
            return _total(args[0]) if e.op in _TOTALS else args[0]
        return _of_values(row, args)


def _row(e: Expr) -> Function:
    return TABLE.get(e.op, TABLE["add"])


def _sum(a: Form, b: Form, factor: Fraction = Fraction(1)) -> Form:
    total = dict(a)
    for x, c in b.items():
        total[x] = total.get(x, Fraction(0)) + factor * c
    return {x: c for x, c in total.items() if c}


def _is_square(e: Expr) -> bool:
    """Whether a product is of something with itself, entry by entry: x'x, dot(x, x), x .* x."""
    if len(e.args) != 2 or e.op == "kron":
        return False
    a, b = e.args
    if isinstance(e, MatMul):
        return e.is_scalar and isinstance(a, Transpose) and a.args[0] is b
    return a is b


def _is_outer(e: Expr) -> bool:
    """Whether a product sums over sides of 1 alone: a column times a row."""
    return isinstance(e, MatMul) and all(a.shape[1] == ONE for a in e.args[:-1])


def _product(a: Range, b: Range) -> Range:
    ends = [0.0 if 0.0 in (x, y) else x * y for x in a for y in b]
    return min(ends), max(ends)


def _total(each: Range) -> Range:
    """The range of a sum of at least one."""
    low, high = each
    return (low if low >= 0 else -np.inf), (high if high <= 0 else np.inf)


def _power(base: Range, exponent: Expr) -> Range:
    even = isinstance(exponent, Number) and exponent.value % 2 == 0
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
