"""Values as a factor and an exponential: `sum(q .* exp(x))` is `sum(q .* exp(x - k)) exp(k)`, where
`k = max(x)`, so that quotients and logs are finite where the sums themselves are not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import cache, reduce

import numpy as np

from ..algebra.monomials import add_exponents, multiplied, multiply_exponents
from ..algebra.ranges import EntryRanges
from ..core.dims import ONE, Shape
from ..core.expr import (
    MINUS,
    UNIT,
    ZERO,
    Add,
    Call,
    Expr,
    MatMul,
    Name,
    Number,
    Power,
    Times,
    Transpose,
    add,
    call,
    matmul,
    negate,
    number,
    ones,
    times,
    transpose,
)
from ..core.functions import TABLE, Function
from ..core.named_tuples import NamedTuple
from ..core.structure import data_of, factors_of, is_zero, sums, unnamed
from ..core.traversal import postorder, rebuild, remembered
from .identities import EXPONENTIAL, LOGARITHM, LOGARITHMS, ROOT

FAR = 10**9  # beyond all exponents
ROUNDED = 40  # beside 1, the exponential of its opposite is rounded off


class ScaledValue(NamedTuple):
    """A factor, times the exponential of something where there is one."""

    factor: Expr
    exponent: Expr | None = None

    def over(self, k: Expr) -> Expr:
        """The value divided by the exponential of something."""
        own = ZERO if self.exponent is None else self.exponent
        left = ZERO if own is k else add_exponents(own, multiply_exponents(MINUS, k))
        return self.factor if is_zero(left) else multiplied([self.factor, call(EXPONENTIAL, left)])

    def log(self) -> Expr:
        """The log of the value."""
        factor = self.factor
        if isinstance(factor, Power) and factor.args[1] is MINUS:
            log = negate(call(LOGARITHM, factor.args[0]))
        else:
            log = call(LOGARITHM, factor)
        return log if self.exponent is None else add(self.exponent, log)

    def turned(self) -> ScaledValue:
        """The transpose."""
        return ScaledValue(
            transpose(self.factor), None if self.exponent is None else transpose(self.exponent)
        )


class ScaledValues:
    """Writes expressions with one exponential in front, also in the place of functions that are
    multiples of it far above 0; `rewrite` knows the logs of functions."""

    def __init__(self, rewrite: Callable[[Expr], Expr], ranges: EntryRanges) -> None:
        self._rewrite = rewrite
        self._ranges = ranges
        self._found: dict[Expr, ScaledValue] = {}

    def rescaled(self, e: Expr) -> Expr:
        """The expression by its factor and exponent, a log by their logs."""
        is_log = e.op in LOGARITHMS
        value = remembered(self._found, e.args[0] if is_log else e, self._scaled)
        if value.exponent is None:
            return e
        if is_log and e.op != LOGARITHM:
            if value.factor is UNIT:
                return self._rewrite(call(e.op, call(EXPONENTIAL, value.exponent)))
            value = _sum([ScaledValue(UNIT), value])
        whole = value.log() if is_log else _where_it_counts(value).over(ZERO)
        return whole if whole.shape == e.shape else e

    def _scaled(self, e: Expr) -> ScaledValue:
        if isinstance(e, Call) and (log := self._log(e)) is not None:
            return ScaledValue(UNIT, log)
        if isinstance(e, Call) and (cut := self._cut_far_above(e, _cut(e))) is not None:
            return cut
        parts = [self._found[a] for a in e.args]
        scaled = [p.exponent for p in parts if p.exponent is not None]
        beside_plain = isinstance(e, Add) and len(scaled) < len(parts)
        plain = beside_plain and all(self._ranges.of(k).high <= 0 for k in scaled)
        found = _of_parts(e, parts) if scaled and not plain else None
        if found is None or found.exponent is None:
            return ScaledValue(e)
        return found._replace(exponent=self._rewrite(found.exponent))

    def _cut_far_above(self, e: Call, cut: ScaledValue | None) -> ScaledValue | None:
        """A function that is a multiple of an exponential far above 0, too: its value where nothing
        is rounded off, and what its exponent is more above."""
        factor, k = ScaledValue(e) if cut is None else cut
        if factor.op != e.op or not _is_near_exponential(e.op, 1):
            return cut
        (x,) = factor.args
        if self._ranges.of(x).high <= ROUNDED:
            return cut
        above = call("maximum", add(x, number(-ROUNDED)), ZERO)
        found = rebuild(factor, [call("minimum", x, number(ROUNDED))])
        return ScaledValue(found, above if k is None else add(k, above))

    def _log(self, e: Expr) -> Expr | None:
        """The log of a positive function of which a row tells it."""
        if self._ranges.sign(e) != "positive":
            return None
        log = call(LOGARITHM, e)
        found = self._rewrite(log)
        return None if found is log else found


def is_near_linear(op: str) -> bool:
    """Whether a function of every entry is a multiple of its argument near 0."""
    row = TABLE.get(op)
    return row is not None and _is_multiple(row, np.positive, (-1e-30, 1e-30, 1e-20))


def _is_near_exponential(op: str, side: int = -1) -> bool:
    """Whether a function of every entry is a multiple of the exponential far below 0, or above."""
    row = TABLE.get(op)
    return row is not None and _is_multiple(row, np.exp, (side * 400.0, side * 50.0, side * 40.0))


@cache
def _is_multiple(row: Function, of: np.ufunc, at: tuple[float, ...]) -> bool:
    if row.arity != 1 or not row.elementwise:
        return False
    x = np.array(at)
    with np.errstate(all="ignore"):
        ratios = row.value(x, None) / of(x)
    return bool(0 < abs(ratios[0]) < np.inf and np.ptp(ratios) <= 1e-12 * abs(ratios[0]))


def _cut(e: Expr) -> ScaledValue | None:
    """Functions of each other that are together a multiple of an exponential far below 0: their
    value where that is not rounded off, and what its exponent is less below."""
    path = [e]
    while not _is_near_exponential(path[-1].op):
        inner = [a for a in path[-1].args if not _is_small(a)]
        if len(inner) != 1 or not (isinstance(path[-1], Times) or is_near_linear(path[-1].op)):
            return None
        path.append(unnamed(inner[0]))
    (x,) = path[-1].args
    found = rebuild(path.pop(), [call("maximum", x, number(-ROUNDED))])
    for outer in reversed(path):
        found = rebuild(outer, [a if _is_small(a) else found for a in outer.args])
    return ScaledValue(found, call("minimum", add(x, number(ROUNDED)), ZERO))


def _is_small(e: Expr) -> bool:
    """Whether it is a number beside which what is rounded off stays so."""
    return isinstance(e, Number) and -ROUNDED <= e.value <= ROUNDED


def _of_parts(e: Expr, parts: Sequence[ScaledValue]) -> ScaledValue | None:
    """What an operation makes of scaled values; None where it makes no such value."""
    factor, k = parts[0]
    match e:
        case Name():
            return parts[0]
        case Add():
            return _sum(parts)
        case Times():
            exponents = [p.exponent for p in parts if p.exponent is not None]
            return ScaledValue(
                multiplied([p.factor for p in parts]), reduce(add_exponents, exponents)
            )
        case MatMul():
            return _product(e.args, parts)
        case _ if k is None:
            return None
        case Power() if isinstance(e.args[1], Number):
            return ScaledValue(_raised(e, factor), multiply_exponents(e.args[1], k))
        case Transpose():
            return parts[0].turned()
        case Call() if e.op == ROOT:
            half = number(Fraction(1, 2))
            return ScaledValue(_raised(e, factor), multiply_exponents(half, k))
        case Call() if sums(e):
            axis = data_of(e)
            along = axis if isinstance(axis, int) else None
            inner, largest = _even(e.args[0].shape, parts[0], along)
            return ScaledValue(rebuild(e, [inner]), largest)
    return None


def _raised(e: Expr, factor: Expr) -> Expr:
    """A power or root of another factor: of 1, it is 1."""
    return factor if factor is UNIT else rebuild(e, [factor, *e.args[1:]])


def _where_it_counts(value: ScaledValue) -> ScaledValue:
    """The value with an exponent that is far below all others where a weight that is given is 0:
    there it is not the largest, and its exponential is 0."""
    factor, k = value
    if k is None or k.is_scalar:
        return value
    for weight in [a for a in factors_of(factor) if a.shape == k.shape]:
        computed = any(isinstance(x, Call) for x in postorder([weight]))
        if not computed and EntryRanges().sign(weight) != "positive":
            bound = add(times(number(2 * FAR), call("step", call("abs", weight))), number(-FAR))
            k = call("minimum", k, bound)
    return ScaledValue(factor, k)


def _sum(parts: Sequence[ScaledValue]) -> ScaledValue:
    """The sum, by the largest of the exponents."""
    parts = [*map(_where_it_counts, parts)]
    exponents = list(dict.fromkeys(ZERO if p.exponent is None else p.exponent for p in parts))
    largest = reduce(lambda a, b: call("maximum", a, b), exponents)
    return ScaledValue(add(*(p.over(largest) for p in parts)), largest)


def _product(factors: Sequence[Expr], parts: Sequence[ScaledValue]) -> ScaledValue | None:
    """A matrix product, by the largest exponents of the rows at the left or the columns at the
    right; an inner product by the largest of their sums."""
    whole, found = factors[0], parts[0]
    for factor, part in zip(factors[1:], parts[1:], strict=True):
        left, right, whole = whole, factor, matmul(whole, factor)
        if found.exponent is part.exponent is None:
            found = ScaledValue(whole)
            continue
        if whole.is_scalar:
            both = _of_parts(times(transpose(left), right), [found.turned(), part])
            inner, k = _even(right.shape, both or part, None)
            found = ScaledValue(call("sum", inner), k)
            continue
        a, k = _even(left.shape, found, 1)
        b, m = _even(right.shape, part, 0)
        exponents = [x for x in (k, m) if x is not None]
        if len({x.shape for x in exponents}) > 1 and not any(x.is_scalar for x in exponents):
            return None
        found = ScaledValue(matmul(a, b), reduce(add_exponents, exponents))
    return found


def _even(shape: Shape, value: ScaledValue, axis: int | None) -> tuple[Expr, Expr | None]:
    """A value of a shape by an exponent that is the same along an axis, or everywhere."""
    value = _where_it_counts(value)
    factor, k = value
    if k is None:
        return factor, None
    others = ONE if axis is None else k.shape[1 - axis]
    if any(side != ONE for side in (k.shape if axis is None else k.shape[axis : axis + 1])):
        largest = call("max", k, data=None if others == ONE else axis)
        factor, k = value.over(largest), largest
    return (factor if factor.shape == shape else times(factor, ones(*shape))), k
