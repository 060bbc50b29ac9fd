"""What the entries of expressions lie between, as far as the table of functions says, and which
sides of a kink that excludes.

Everything here errs on the side of not knowing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from functools import lru_cache, reduce
from typing import Any, Literal

import numpy as np

from ..core.dims import ONE
from ..core.expr import (
    OF_VECTORS,
    UNIT,
    Add,
    Expr,
    Eye,
    MatMul,
    Name,
    Number,
    Power,
    Real,
    Symbol,
    Times,
    Transpose,
    times,
)
from ..core.functions import TABLE, Function
from ..core.named_tuples import NamedTuple
from ..core.structure import data_of
from ..core.traversal import remembered

EntrySign = Literal["positive", "nonneg", ""]  # of every entry; "" if it isn't known
Form = Mapping[Expr, Fraction]  # a sum of expressions, each with a number before it


class EntryRange(NamedTuple):
    """What entries lie between, and whether none of them is 0."""

    low: float
    high: float
    never_zero: bool = False

    @property
    def sign(self) -> EntrySign:
        if self.low < 0:
            return ""
        return "positive" if self.low > 0 or self.never_zero else "nonneg"


ANYTHING = EntryRange(-np.inf, np.inf)
NONNEGATIVE = EntryRange(0.0, np.inf)
MOST_REPLACED = 5  # parts that are replaced by what they are known to be above or below
_BETWEEN: dict[str, EntryRange] = {
    "unit": EntryRange(0.0, 1.0, True), "positive": EntryRange(0.0, np.inf, True),
    "simplex": EntryRange(0.0, 1.0), "onehot": EntryRange(0.0, 1.0), "nonneg": NONNEGATIVE,
}  # fmt: skip
_WITH_ZEROS = frozenset({"diagonal", "lower", "upper"})  # beside the entries that are declared
_LEAVES: dict[str, EntryRange] = {
    "dimension": EntryRange(1.0, np.inf), "constant": EntryRange(2.0, 4.0),
    "ones": EntryRange(1.0, 1.0), "zeros": EntryRange(0.0, 0.0),
    **dict.fromkeys(("eye", *OF_VECTORS), EntryRange(0.0, 1.0)),
}  # fmt: skip
ROUNDING = 1e-12  # of a sum of bounds: what is less beside its summands is 0


class EntryRanges:
    """What entries lie between; what was found for a node is remembered."""

    def __init__(self) -> None:
        self._found: dict[Expr, EntryRange] = {}
        self._forms: dict[Expr, Form] = {}
        self._alike: dict[Any, Expr] = {}  # of expressions that are the same sums inside, one

    def sign(self, e: Expr) -> EntrySign:
        """The sign of every entry, as far as it is known."""
        return self.of(e).sign

    def excludes(self, e: Expr, side: int) -> bool:
        """Whether the argument of a function with kinks (the difference of the two) is known not to
        have the sign `side` anywhere."""
        return self._is_nonpositive({x: side * c for x, c in self.kink(e).items()}, MOST_REPLACED)

    def kink(self, e: Expr) -> Form:
        """What is 0 on the kink of a function: its argument, or the difference of the two."""
        forms = [self.form(a) for a in e.args]
        return forms[0] if len(forms) == 1 else _sum(forms[0], forms[1], Fraction(-1))

    def form(self, e: Expr) -> Form:
        """The expression as a sum, numbers apart; the same for all ways of writing it so."""
        return remembered(self._forms, e, self._form)

    def _is_nonpositive(self, form: Form, replaced: int) -> bool:
        """Whether a sum is known to be 0 at most, entry by entry: it is, or it is when a part is
        replaced by something that is larger."""
        parts = (_product(_exactly(c), self.of(x)) for x, c in form.items())
        if sum(part.high for part in parts) <= 0:
            return True
        return replaced > 0 and any(
            all(self._is_nonpositive(larger, replaced - 1) for larger in several)
            for several in self._larger(form)
        )

    def _larger(self, form: Form) -> Iterator[list[Form]]:
        """Sums of which one, or of several the largest, is at least this one everywhere."""
        for e, c in form.items():
            row = TABLE.get(e.op)
            if row is None or not row.beside:
                continue
            bound = "above" if c < 0 else "below"
            rest = {x: k for x, k in form.items() if x is not e}
            others = [_sum(rest, self.form(a), c) for a in e.args]
            if row.beside == bound:
                yield from ([other] for other in others)
            elif row.picks and row.arity == len(e.args) == 2:  # it is one of the two
                yield others

    def _form(self, e: Expr) -> Form:
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
        others = [a for a in e.args if not isinstance(a, Eye)]
        if isinstance(e, MatMul) and len(others) == 1:
            return self._forms[others[0]]
        inside = tuple(frozenset(self._forms[a].items()) for a in e.args)
        key = (e.op, e.payload, inside) if e.args else e
        return {self._alike.setdefault(key, e): Fraction(1)}

    def of(self, e: Expr) -> EntryRange:
        """What the entries lie between."""
        return remembered(self._found, e, self._range)

    def _range(self, e: Expr) -> EntryRange:
        if isinstance(e, Symbol):
            known = next((r for a, r in _BETWEEN.items() if a in e.attributes), ANYTHING)
            return _with_zeros(known) if e.attributes & _WITH_ZEROS else known
        if isinstance(e, Number):
            return _exactly(e.value)
        if not e.args:
            return _LEAVES.get(e.op, ANYTHING)
        args = [self._found[a] for a in e.args]
        if isinstance(e, Name):
            return args[0]
        if isinstance(e, Add):
            return _of_sum(args)
        if isinstance(e, Power):
            return _power(args[0], e.args[1])
        row = TABLE.get(e.op)
        if row is None:
            return ANYTHING
        return _of_linear(e, row, args) if row.units == "linear" else _of_values(row, tuple(args))


def _exactly(value: Real) -> EntryRange:
    return EntryRange(float(value), float(value), value != 0)


def _with_zeros(each: EntryRange) -> EntryRange:
    return EntryRange(min(each.low, 0.0), max(each.high, 0.0))


def _sum(a: Form, b: Form, factor: Fraction = Fraction(1)) -> Form:
    total = dict(a)
    for x, c in b.items():
        total[x] = total.get(x, Fraction(0)) + factor * c
    return {x: c for x, c in total.items() if c}


def _of_linear(e: Expr, row: Function, args: Sequence[EntryRange]) -> EntryRange:
    """The range of what adds and multiplies entries."""
    each = args[0]
    if row.arity == 2:
        each = _square(args[0]) if _is_square(e) else reduce(_product, args)
    if not row.signatures:
        return each
    if isinstance(e, MatMul):
        return each if _is_outer(e) else _total(each)
    signature, _ = row.signature_for(e.args, data_of(e))
    if signature.spreads:
        return _with_zeros(each)
    if signature.sums:
        return _mean(each) if row.averages else _total(each)
    return each


def _is_square(e: Expr) -> bool:
    """Whether a product is of something with itself, entry by entry: x'x, dot(x, x), x .* x."""
    if len(e.args) != 2:
        return False
    a, b = e.args
    if isinstance(e, MatMul):
        return e.is_scalar and isinstance(a, Transpose) and a.args[0] is b
    return a is b and (e.is_scalar or isinstance(e, Times))


def _square(each: EntryRange) -> EntryRange:
    return NONNEGATIVE._replace(never_zero=each.never_zero)


def _is_outer(e: MatMul) -> bool:
    """Whether a product sums over sides of 1 alone: a column times a row."""
    return all(a.shape[1] == ONE for a in e.args[:-1])


def _of_sum(args: Sequence[EntryRange]) -> EntryRange:
    low, high = _settled([a.low for a in args]), _settled([a.high for a in args])
    one_sided = all(a.low >= 0 for a in args) or all(a.high <= 0 for a in args)
    return EntryRange(low, high, one_sided and any(a.never_zero for a in args))


def _settled(bounds: Sequence[float]) -> float:
    total = sum(bounds)
    rounded = np.isfinite(total) and abs(total) <= ROUNDING * max(map(abs, bounds))
    return 0.0 if rounded else total


def _product(a: EntryRange, b: EntryRange) -> EntryRange:
    ends = [0.0 if 0.0 in (x, y) else x * y for x in a[:2] for y in b[:2]]
    return EntryRange(min(ends), max(ends), a.never_zero and b.never_zero)


def _total(each: EntryRange) -> EntryRange:
    """The range of a sum of at least one."""
    low, high = (each.low if each.low >= 0 else -np.inf), (each.high if each.high <= 0 else np.inf)
    return _mean(EntryRange(low, high, each.never_zero))


def _mean(each: EntryRange) -> EntryRange:
    """The same range; entries of both signs may cancel."""
    one_sided = each.low >= 0 or each.high <= 0
    return each._replace(never_zero=each.never_zero and one_sided)


def _power(base: EntryRange, exponent: Expr) -> EntryRange:
    even = isinstance(exponent, Number) and exponent.value % 2 == 0
    known = NONNEGATIVE if even or base.low >= 0 else ANYTHING
    return known._replace(never_zero=base.never_zero and known is NONNEGATIVE)


@lru_cache(maxsize=1024)
def _of_values(row: Function, args: tuple[EntryRange, ...]) -> EntryRange:
    """The range of a function, from its row."""
    never_zero = row.never_zero or (row.picks and all(a.never_zero for a in args))
    if not row.increasing:
        return EntryRange(*row.within, never_zero)
    with np.errstate(all="ignore"):
        low, high = (
            float(row.value(*(np.array([[a[i]]]) for a in args), None)[0, 0]) for i in (0, 1)
        )
    low, high = (-np.inf if np.isnan(low) else low), (np.inf if np.isnan(high) else high)
    return EntryRange(max(low, row.within[0]), min(high, row.within[1]), never_zero)
