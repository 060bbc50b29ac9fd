"""Sums of products with common factors taken out: `A x + A' x` as `(A + A') x`, `2 a + 2 b` as `2
(a + b)`.

Greedy: the factor that shortens the sum most is taken out first, then the rest is looked at
again. Each step makes the sum shorter, so this ends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from math import gcd
from typing import Any, Literal, NamedTuple

from ..core.cost import has_minus, is_divisor, length_as_factor, sum_of
from ..core.dims import broadcast
from ..core.expr import (
    MINUS,
    UNIT,
    WHOLE,
    ZERO,
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
    call,
    data_of,
    eye,
    matmul,
    number,
    ones,
    postorder,
    power,
    times,
    transpose,
    value_of,
)
from ..core.functions import TABLE
from .index_terms import add_exponents
from .sum_signs import Signs, negate_part, with_one_sum_negated

Length = Callable[[Expr], int]
Scalars = tuple[tuple[Expr, Expr], ...]  # (base, exponent)
MOST_FACTORS = 60  # candidates looked at in one round
MOST_TRIALS = 4  # of them carried out


class Part(NamedTuple):
    """A summand: a number, powers of scalars, and a matrix (None for a scalar summand)."""

    coefficient: Real
    scalars: Scalars
    body: Expr | None

    @property
    def expression(self) -> Expr:
        front = [power(b, p) for b, p in self.scalars if not is_divisor(p)]
        under = [power(b, p) for b, p in self.scalars if is_divisor(p)]
        body = [] if self.body is None else [self.body]
        return times(number(self.coefficient), *front, *body, *under)


class Common(NamedTuple):
    """A factor that several parts share: a number, a power of a scalar, a matrix at the left, at
    the right, or element-wise; or a linear function that all of them are values of."""

    kind: Literal["number", "scalar", "left", "right", "times", "linear"]
    base: Expr
    exponent: Expr = UNIT
    function: tuple[str, Any] = ("", None)


def split(e: Expr) -> tuple[Real, Scalars, Expr | None]:
    """The number, the powers of scalars, and the rest of a product."""
    coefficient: Real = WHOLE
    scalars: list[tuple[Expr, Expr]] = []
    rest: list[Expr] = []
    for a in e.args if isinstance(e, Times) else (e,):
        if isinstance(a, Number):
            coefficient = a.value if coefficient is WHOLE else coefficient * a.value
        elif a.is_scalar:
            scalars.append((a.args[0], a.args[1]) if isinstance(a, Power) else (a, UNIT))
        else:
            rest.append(a)
    return coefficient, _gathered(scalars), times(*rest) if rest else None


def _gathered(scalars: Iterable[tuple[Expr, Expr]]) -> Scalars:
    """Powers of equal bases as one."""
    powers: dict[Expr, Expr] = {}
    for base, p in scalars:
        powers[base] = add_exponents(powers[base], p) if base in powers else p
    return tuple((b, p) for b, p in powers.items() if p is not ZERO)


def factored(summands: Sequence[Expr], length: Length, signs: Signs) -> Expr:
    """The sum, with common factors taken out as long as that makes it shorter."""
    parts = [Part(*split(a)) for e in summands for a in _summands(e)]
    while len(parts) > 1:
        better = _best_step(parts, length, signs)
        if better is None:
            break
        parts = better
    parts = _plain_first(parts)
    if len(parts) > 1 and all(p.coefficient < 0 for p in parts):
        parts = [_without_minus(p) for p in parts]
        if all(p.coefficient < 0 for p in parts):
            positive = [Part(-p.coefficient, p.scalars, p.body) for p in parts]
            return times(MINUS, sum_of([p.expression for p in positive]))
    return sum_of([p.expression for p in parts])


def _summands(e: Expr) -> Iterable[Expr]:
    """What a summand adds to the sum: a sum below a minus its own summands."""
    if (
        isinstance(e, Times)
        and e.args[0] is MINUS
        and len(e.args) == 2
        and isinstance(e.args[1], Add)
    ):
        inner = e.args[1]
        if all(a.shape == inner.shape for a in inner.args):
            return [negate_part(a) for a in inner.args]
    return [e]


def without_leading_minus(e: Expr) -> Expr:
    """`-A (y - x)` as `A (x - y)`: a minus in front goes into a sum that has one inside."""
    if not isinstance(e, Times) or not has_minus(e):
        return e
    part = Part(*split(e))
    turned = _without_minus(part)
    return e if turned is part else turned.expression


def _without_minus(part: Part) -> Part:
    turned = None if part.body is None else with_one_sum_negated(part.body)
    return part if turned is None else Part(-part.coefficient, part.scalars, turned)


def _plain_first(parts: Sequence[Part]) -> list[Part]:
    """The parts with a matrix before its transpose: `A + A'`."""
    ordered = list(parts)
    places = {p.body: i for i, p in enumerate(ordered)}
    for i, part in enumerate(parts):
        if part.body is not None and isinstance(part.body, Transpose):
            j = places.get(part.body.args[0], i)
            if j > i:
                ordered[i], ordered[j] = ordered[j], ordered[i]
    return ordered


def _best_step(parts: list[Part], length: Length, signs: Signs) -> list[Part] | None:
    shared: dict[Common, list[int]] = {}
    for i, part in enumerate(parts):
        for common in _factors(part):
            places = shared.setdefault(common, [])
            if not places or places[-1] != i:
                places.append(i)
    shared = {c: places for c, places in shared.items() if len(places) > 1}
    numbers = _common_number(parts)
    if numbers is not None:
        shared[numbers] = list(range(len(parts)))
    trials = []
    for common, places in list(shared.items())[:MOST_FACTORS]:
        group = [parts[i] for i in places]
        saving = _estimate(common, group, length)
        if saving > 0 or (saving == 0 and any(p.expression is common.base for p in group)):
            trials.append((saving, common, places))
    trials.sort(key=lambda trial: -trial[0])  # stable: of equal ones the first found
    for _, common, places in trials[:MOST_TRIALS]:
        group = [parts[i] for i in places]
        taken = _take_out(common, group, length, signs)
        if taken is None:
            continue
        before, after = sum_of([p.expression for p in group]), taken.expression
        if (length(after), _letters(after)) < (length(before), _letters(before)):
            others = set(places[1:])
            return [taken if i == places[0] else p for i, p in enumerate(parts) if i not in others]
    return None


def _letters(e: Expr) -> int:
    """How many names a person writes: `(I - y y') A` has fewer than `A - y y' A`."""
    counts: dict[Expr, int] = {}
    for x in postorder([e], into=lambda x: not isinstance(x, Name)):
        named = isinstance(x, (Symbol, Name))
        counts[x] = 1 if named else sum(counts[a] for a in x.args)
    return counts[e]


def _estimate(common: Common, group: Sequence[Part], length: Length) -> int:
    """How much shorter the sum would be with the factor in front of a bracket."""
    own = 0 if common.kind == "linear" else length_as_factor(common.base)
    saving = -1 - own - (common.exponent not in (UNIT, MINUS))
    for part in group:
        rest = _without(common, part)
        if rest is None:
            return 0
        saving += length(part.expression) - length(rest.expression)
    return saving


def _common_number(parts: Sequence[Part]) -> Common | None:
    """The greatest common divisor of the coefficients, if it isn't 1; a minus if all have one."""
    if not all(isinstance(p.coefficient, Fraction) for p in parts):
        return None
    fractions = [Fraction(p.coefficient) for p in parts]
    over = gcd(*(f.numerator for f in fractions))
    under = 1
    for f in fractions:
        under = under * f.denominator // gcd(under, f.denominator)
    content = Fraction(over, under) * (-1 if all(f < 0 for f in fractions) else 1)
    return None if content == 1 else Common("number", number(content))


def _factors(part: Part) -> list[Common]:
    found = [Common("scalar", b, p) for b, p in part.scalars]
    found += [
        Common("scalar", b, number(Fraction(1 if p.value > 0 else -1)))
        for b, p in part.scalars
        if isinstance(p, Number) and not -1 <= p.value <= 1
    ]
    body = part.body
    if body is None:
        return found
    if _is_linear(body):
        shape = ones(*body.args[0].shape)  # only what stands on equal shapes is taken together
        found.append(Common("linear", shape, function=(body.op, data_of(body))))
    if isinstance(body, MatMul):
        for k in range(1, len(body.args)):
            found.append(Common("left", matmul(*body.args[:k])))
            found.append(Common("right", matmul(*body.args[-k:])))
    elif not isinstance(body, Eye):
        found += [Common("left", body), Common("right", body)]
    for a in body.args if isinstance(body, Times) else (body,):
        base, p = a.args if isinstance(a, Power) and isinstance(a.args[1], Number) else (a, UNIT)
        found.append(Common("times", base, p))
        if p is not UNIT and value_of(p) > 1:
            found.append(Common("times", base))
    return found


def _is_linear(e: Expr) -> bool:
    return len(e.args) == 1 and e.op in TABLE and TABLE[e.op].units == "linear"


def _take_out(common: Common, group: Sequence[Part], length: Length, signs: Signs) -> Part | None:
    rests = [_without(common, part) for part in group]
    if any(r is None for r in rests):
        return None
    inside = factored([r.expression for r in rests if r is not None], length, signs)
    c, scalars, core = split(inside)
    base, exponent = common.base, common.exponent
    if common.kind == "number":
        return Part(c * value_of(base), scalars, core)
    if common.kind == "scalar":
        return Part(c, _gathered(((base, exponent), *scalars)), core)
    if core is None:
        # only what is multiplied entry by entry may be a scalar
        if common.kind != "times":
            return None
        c, scalars, core = WHOLE, (), inside
    if isinstance(core, Add):
        core, sign = signs.natural(core)
        c = c * sign
    body = _put_back(common, core)
    if body is None or body.shape != broadcast(p.body.shape for p in group if p.body is not None):
        return None
    front, more, rest = split(body)
    return Part(c * front, _gathered((*scalars, *more)), rest)


def _put_back(common: Common, core: Expr) -> Expr | None:
    """The common factor and what is left of the sum, or None where they don't fit."""
    base = common.base
    match common.kind:
        case "linear":
            op, data = common.function
            return transpose(core) if op == "transpose" else call(op, core, data=data)
        case "left" if core.shape[0] == base.shape[1]:
            return matmul(base, core)
        case "right" if core.shape[1] == base.shape[0]:
            return matmul(core, base)
        case "times":
            return times(power(base, common.exponent), core)
    return None


def _without(common: Common, part: Part) -> Part | None:
    """The part with the factor taken out, or None where that leaves nothing that fits."""
    base, exponent = common.base, common.exponent
    match common.kind:
        case "number":
            return Part(part.coefficient / value_of(base), part.scalars, part.body)
        case "scalar":
            scalars = []
            for b, p in part.scalars:
                if b is base and p is exponent:
                    continue
                scalars.append(
                    (b, number(value_of(p) - value_of(exponent))) if b is base else (b, p)
                )
            return Part(part.coefficient, tuple(scalars), part.body)
        case "linear":
            assert part.body is not None
            return Part(part.coefficient, part.scalars, part.body.args[0])
        case "times":
            return _without_entrywise(base, exponent, part)
        case "left" | "right":
            return _without_end(common, part)


def _without_entrywise(base: Expr, exponent: Expr, part: Part) -> Part | None:
    body = part.body
    assert body is not None
    rest, done = [], False
    for a in body.args if isinstance(body, Times) else (body,):
        b, p = a.args if isinstance(a, Power) and isinstance(a.args[1], Number) else (a, UNIT)
        if b is base and not done:
            done = True
            if p is not exponent:
                rest.append(power(b, number(value_of(p) - value_of(exponent))))
        else:
            rest.append(a)
    return Part(part.coefficient, part.scalars, times(*rest) if rest else None)


def _without_end(common: Common, part: Part) -> Part | None:
    body, base = part.body, common.base
    assert body is not None
    if body is base:
        side = base.shape[1] if common.kind == "left" else base.shape[0]
        return Part(part.coefficient, part.scalars, eye(side))
    k = len(base.args) if isinstance(base, MatMul) else 1
    if not isinstance(body, MatMul) or len(body.args) <= k:
        return None
    kept = body.args[k:] if common.kind == "left" else body.args[:-k]
    return Part(part.coefficient, part.scalars, matmul(*kept))
