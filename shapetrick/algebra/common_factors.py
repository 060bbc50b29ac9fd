"""Sums of products with common factors taken out: `A x + A' x` as `(A + A') x`, `2 a + 2 b` as `2
(a + b)`.

Greedy: the factor that shortens the sum most is taken out first, then the rest is looked at
again. Each step makes the sum shorter, so this ends.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Sequence
from fractions import Fraction
from functools import cached_property
from math import ceil, gcd, lcm
from operator import is_
from typing import Any, Literal

from ..core.cost import has_minus, length, length_as_factor, sum_of
from ..core.dims import ONE, broadcast
from ..core.expr import (
    MINUS,
    UNIT,
    WHOLE,
    Add,
    Dimension,
    Expr,
    Eye,
    MatMul,
    Name,
    Number,
    Ones,
    Power,
    Real,
    Structured,
    Symbol,
    Times,
    Transpose,
    add,
    call,
    exact,
    eye,
    matmul,
    number,
    ones,
    power,
    times,
    transpose,
)
from ..core.functions import TABLE
from ..core.named_tuples import NamedTuple
from ..core.structure import adds_up, data_of, factors_of
from ..core.traversal import postorder, rebuild
from .monomials import PoweredBase, Product, add_exponents, exponent_parts, powers_of
from .sum_signs import Signs, negate_part, with_one_sum_negated

Length = Callable[[Expr], int]
MOST_FACTORS = 60  # candidates looked at in one round
MOST_FEWER = 4  # of a power's factors that are tried without the others
MOST_TRIALS = 4  # of them carried out


class Common(NamedTuple):
    """What several parts share: a power of a factor (or a number), a matrix at the left or at the
    right of what is no scalar in them, or a linear function of which all of that are values."""

    kind: Literal["factor", "left", "right", "linear"]
    base: Expr
    exponent: Expr = UNIT
    function: tuple[str, Any] = ("", None)


class _Summand:
    """A part of a sum: a number with scalars, and what is no scalar (None if there is nothing
    else); with what every round asks of it."""

    def __init__(self, front: Product, body: Expr | None) -> None:
        self.front, self.body = front, body

    @staticmethod
    def of(product: Product) -> _Summand:
        front, matrices = product.scalars()
        return _Summand(front, matrices.in_order() if matrices.factors else None)

    def with_body(self, body: Expr) -> _Summand:
        """The part with something else in the place of what is no scalar in it."""
        if body.is_scalar or isinstance(body, (Times, Power)):
            return _Summand.of(self.front.times(Product.of(body)))
        return _Summand(self.front, body)

    def scaled(self, k: int) -> _Summand:
        return _Summand(self.front._replace(coefficient=self.front.coefficient * k), self.body)

    @cached_property
    def matrices(self) -> tuple[PoweredBase, ...]:
        """The factors of what is no scalar."""
        return () if self.body is None else Product.of(self.body).factors

    @cached_property
    def expression(self) -> Expr:
        """The number, the scalars, the matrices, and the scalars that it is divided by."""
        above: list[PoweredBase] = []
        under: list[PoweredBase] = []
        for factor in self.front.factors:
            (under if _is_under(factor) else above).append(factor)
        body = () if self.body is None else (self.body,)
        k = number(self.front.coefficient)
        return times(k, *powers_of(above), *body, *powers_of(under))

    @cached_property
    def factors(self) -> list[Common]:
        return _factors(self)

    @cached_property
    def linear(self) -> Expr | None:
        """The linear function that it is a value of; of a scalar, with letters alone beside it."""
        if self.body is not None:
            return self.body if is_linear(self.body) else None
        values = [base for base, p in self.front.factors if p == 1 and is_linear(base)]
        letters = (Symbol, Name, Dimension)
        alone = sum(not isinstance(base, letters) for base, _ in self.front.factors) == 1
        return values[0] if values and alone else None


def _is_under(factor: PoweredBase) -> bool:
    base, p = factor
    below = p is not WHOLE and p < 0
    return below or (isinstance(base, Power) and has_minus(base.args[1]))


def factored(summands: Sequence[Expr], length: Length, signs: Signs) -> Expr:
    """The sum, with common factors taken out as long as that makes it shorter."""
    products = [Product.of(a) for e in summands for a in _summands(e)]
    total = _factored(products, length, signs)
    apart = _powers_apart(products)
    if apart is None:
        return total
    return min(total, _factored(apart, length, signs), key=length)


def _powers_apart(products: Sequence[Product]) -> list[Product] | None:
    """The products with powers whose exponents differ by a number as multiples of the lowest: `x^(p
    - 1)` and `x^p` as `x^(p - 1)` and `x^(p - 1) x`. None if there are none."""
    lowest: dict[tuple[Expr, frozenset[Expr]], Real] = {}
    differ = False
    for base, _ in (f for p in products for f in p.factors if isinstance(f[0], Power)):
        rest, k = exponent_parts(base.args[1])
        at = base.args[0], rest
        differ = differ or lowest.get(at, k) != k
        lowest[at] = min(lowest.get(at, k), k)
    if not differ:
        return None

    def apart(base: Expr, p: Fraction) -> Iterable[Expr]:
        if isinstance(base, Power):
            rest, k = exponent_parts(base.args[1])
            least = lowest[base.args[0], rest]
            if least != k:
                other = power(base.args[0], add_exponents(base.args[1], number(least - k)))
                yield power(other, number(p))
                yield power(base.args[0], number((k - least) * p))
                return
        yield base if p is WHOLE else power(base, number(p))

    return [
        Product.of(number(q.coefficient), *(x for f in q.factors for x in apart(*f)))
        for q in products
    ]


def _factored(products: Sequence[Product], length: Length, signs: Signs) -> Expr:
    found = [_Summand.of(p) for p in products]
    while len(found) > 1:
        better = _best_step(found, length, signs)
        if better is None:
            break
        found = better
    parts = _plain_first(found)
    if len(parts) > 1 and all(p.front.coefficient < 0 for p in parts):
        parts = [_without_minus(p) for p in parts]
        if all(p.front.coefficient < 0 for p in parts):
            return times(MINUS, sum_of([p.scaled(-1).expression for p in parts]))
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
    part = _Summand.of(Product.of(e))
    turned = _without_minus(part)
    return e if turned is part else turned.expression


def with_common_in_front(e: Expr, kept: Container[Expr]) -> Expr:
    """A product with the number and letters that a sum among its factors has in common in front,
    where that is no longer, or a number alone becomes 1: `4 a (2 t - 1)`, not `a (8 t - 4)`; or
    where a bracket goes: `(A + B - 2 I) x / 2`, not `((A + B) / 2 - I) x`. Sums that are to be kept
    stay."""
    if not isinstance(e, (Times, MatMul)):
        return e
    factors, front, shared, more = [*e.args], WHOLE, list[Expr](), 0
    for i, a in enumerate(e.args):
        x = a.args[0] if isinstance(a, Transpose) else a
        if not isinstance(x, Add) or x in kept:
            continue
        k, letters = _number_in_front(x), _shared_letters(x)
        if k != 1 or letters:
            shared += letters
            parts = [
                times(number(1 / k), *(b for b in factors_of(part) if b not in letters))
                for part in x.args
            ]
            rest = add(*parts)
            factors[i] = rest if x is a else transpose(rest)
            front *= k
            alone = k > 1 and not {UNIT, MINUS}.isdisjoint(parts)
            more = max(more, alone or any(isinstance(part, Add) for part in parts))
    if front == 1 and not shared:
        return e
    found = times(number(front), *shared, rebuild(e, factors))
    return found if length(found) <= length(e) + more else e


def _shared_letters(total: Expr) -> list[Expr]:
    """The scalar letters that are in every summand."""
    first, *others = map(factors_of, total.args)
    letters = [a for a in first if a.is_scalar and isinstance(a, (Symbol, Name))]
    return [a for a in letters if all(a in factors for factors in others)]


def _number_in_front(total: Expr) -> Fraction:
    """The greatest number of which that in front of every summand is a whole multiple."""
    fronts = [a.args[0] if isinstance(a, Times) else a for a in total.args]
    if not any(isinstance(x, Number) for x in fronts):
        return WHOLE
    return _content([(exact(x) or WHOLE).as_integer_ratio() for x in fronts])


def _content(ratios: Sequence[tuple[int, int]]) -> Fraction:
    """The greatest number of which others are whole multiples."""
    return Fraction(gcd(*(k for k, _ in ratios)), lcm(*(below for _, below in ratios)))


def _without_minus(part: _Summand) -> _Summand:
    turned = None if part.body is None else with_one_sum_negated(part.body)
    if turned is not None:
        return part.scaled(-1).with_body(turned)
    for i, (base, p) in enumerate(part.front.factors):
        turned = with_one_sum_negated(base) if p is WHOLE else None
        if turned is not None:
            factors = list(part.front.factors)
            factors[i] = turned, p
            return _Summand(Product(-part.front.coefficient, tuple(factors)), part.body)
    return part


def _plain_first(parts: Sequence[_Summand]) -> list[_Summand]:
    """The parts with a matrix before its transpose: `A + A'`."""
    ordered = [*parts]
    bodies = [part.body for part in parts]
    places = {body: i for i, body in enumerate(bodies)}
    for i, body in enumerate(bodies):
        if isinstance(body, Transpose):
            j = places.get(body.args[0], i)
            if j > i:
                ordered.remove(parts[j])
                ordered.insert(ordered.index(parts[i]), parts[j])
    return ordered


def _best_step(parts: list[_Summand], length: Length, signs: Signs) -> list[_Summand] | None:
    shared: dict[Common, list[int]] = {}
    for i, part in enumerate(parts):
        for common in part.factors:
            places = shared.setdefault(common, [])
            if not places or places[-1] != i:
                places.append(i)
    shared = {c: places for c, places in shared.items() if len(places) > 1}
    shared.update(_common_numbers([part.front for part in parts]))
    trials = []
    for common, places in list(shared.items())[:MOST_FACTORS]:
        group = [parts[i] for i in places]
        saving = _estimate(common, group, length)
        whole = common.kind == "factor" and len(group) == len(parts)
        bare = any(p.expression is common.base for p in group)
        if saving > 0 or (saving == 0 and (whole or bare)):
            trials.append((saving, common, places))
    trials.sort(key=lambda trial: -trial[0])  # stable: of equal ones the first found
    for _, common, places in trials[:MOST_TRIALS]:
        group = [parts[i] for i in places]
        taken = _take_out(common, group, length, signs)
        if taken is None:
            continue
        before = sum_of([p.expression for p in group])
        if common.kind == "linear" and signs.has(before):
            continue
        after = without_leading_minus(taken.expression)
        shorter = length(before) - length(after)
        if shorter > 0 or (shorter == 0 and _written(after) < _written(before)):
            others = set(places[1:])
            return [taken if i == places[0] else p for i, p in enumerate(parts) if i not in others]
    return None


def _written(e: Expr) -> tuple[int, int, int, int]:
    """How many names, powers but of letters, and numbers a person writes, and how large these are:
    `(I - y y') A` has fewer names than `A - y y' A`, `J (1 - J)` fewer powers than `J - J^2`, `2 (1
    - x)` fewer numbers than `2 - 2 x`, `2 (I - 2 A)` smaller ones than `2 I - 4 A`."""
    counts: dict[Expr, tuple[int, int, int, int]] = {}
    for x in postorder([e], into=lambda x: not isinstance(x, Name)):
        named = isinstance(x, (Symbol, Name))
        if named or not x.args:
            k = x.value if isinstance(x, Number) and abs(x.value) != 1 else None
            size = 0 if k is None or k == 2 else sum(map(abs, k.as_integer_ratio()))
            counts[x] = int(named), 0, int(k is not None or isinstance(x, Eye)), size
        else:
            names, powers, numbers, sizes = map(sum, zip(*[counts[a] for a in x.args], strict=True))
            is_power = isinstance(x, Power) and not isinstance(x.args[0], Symbol)
            numbers = counts[x.args[0]][2] if isinstance(x, Power) else numbers  # no exponent
            counts[x] = names, powers + is_power, numbers, sizes
    return counts[e]


def _estimate(common: Common, group: Sequence[_Summand], length: Length) -> int:
    """How much shorter the sum would be with the factor in front of a bracket."""
    own = 0 if common.kind == "linear" else length_as_factor(common.base)
    saving = -1 - own - (common.exponent not in (UNIT, MINUS))
    taken = _power(common)
    for part in group:
        rest = _without(common, taken, part)
        if rest is None:
            return 0
        saving += length(part.expression) - length(rest.expression)
    return saving


def _common_numbers(parts: Sequence[Product]) -> dict[Common, list[int]]:
    """The numbers that some parts have in front, or below, with the places of these; and the
    greatest common divisor of all, if it isn't 1; a minus if all have one."""
    found: dict[Common, list[int]] = {}
    ratios = [
        p.coefficient.as_integer_ratio() for p in parts if isinstance(p.coefficient, Fraction)
    ]
    if len(ratios) < len(parts):
        return found
    for i, (k, below) in enumerate(ratios):
        if below != 1 or abs(k) != 1:
            base = number(abs(k) if below == 1 else below)
            found.setdefault(Common("factor", base, UNIT if below == 1 else MINUS), []).append(i)
    sign = -1 if all(k < 0 for k, _ in ratios) else 1
    if (content := sign * _content(ratios)) != 1:
        found[Common("factor", number(content))] = list(range(len(parts)))
    return {common: places for common, places in found.items() if len(places) > 1}


def _factors(part: _Summand) -> list[Common]:
    scalars, body = part.front.factors, part.body
    found = _powers(scalars)
    if (value := part.linear) is not None:
        shape = ones(*value.args[0].shape)  # only what stands on equal shapes is taken together
        found.append(Common("linear", shape, function=(value.op, data_of(value))))
    if body is None:
        return found
    left, right = _chain(body, "left"), _chain(body, "right")
    if left is not None:
        cuts = [(left.args[:k], left.args[k:]) for k in range(1, len(left.args))]
        found += [Common("left", matmul(*x)) for x, rest in cuts if not _is_placed(x, rest)]
    if right is not None:
        cuts = [(right.args[-k:], right.args[:-k]) for k in range(1, len(right.args))]
        found += [Common("right", matmul(*x)) for x, rest in cuts if not _is_placed(x, rest)]
    if left is right is None and not isinstance(body, Eye):
        found += [Common("left", body), Common("right", body)]
    return found + _powers(part.matrices)


def _powers(factors: Sequence[PoweredBase]) -> list[Common]:
    """The factors, and of those that are there more than once, fewer; a root stays whole below."""
    found = [Common("factor", base, number(p)) for base, p in factors]
    repeated = [f for f in factors if f[1] is not WHOLE and abs(f[1]) > 1]
    for base, p in repeated:
        if p > 0 or base.is_scalar or base.op not in TABLE:
            fewer = range(1, min(ceil(abs(p)), MOST_FEWER + 1))
            found += [Common("factor", base, number(k if p > 0 else -k)) for k in fewer]
    return found


def _chain(body: Expr, side: Literal["left", "right"]) -> Expr | None:
    """The product from which a matrix may be taken out at that side of what is no scalar: all of
    it, or the one among its factors that rows (at the left) or columns (at the right) scale. A
    matrix that is summed along its other side is a product with ones."""
    added = body.args[0] if isinstance(body, Transpose) else body
    if isinstance(axis := data_of(added), int) and adds_up(added):
        (matrix,) = added.args
        if added is not body:
            matrix, axis = transpose(matrix), 1 - axis
        if axis == 1 and side == "left":
            return matmul(matrix, ones(matrix.shape[1], ONE))
        return matmul(ones(ONE, matrix.shape[0]), matrix) if axis == 0 and side == "right" else None
    factors = body.args if isinstance(body, Times) else (body,)
    chains = [
        a
        for a in factors
        if isinstance(a, MatMul) and all(b is a or b.shape[side == "right"] == ONE for b in factors)
    ]
    return chains[0] if len(chains) == 1 else None


def _is_placed(taken: Sequence[Expr], rest: Sequence[Expr]) -> bool:
    """Whether the rest is there for what is taken: structured constants alone are written by what
    they do, as slices of what they stand beside, as blocks of it."""
    return _are_structured(rest) and not _are_structured(taken)


def _are_structured(factors: Sequence[Expr]) -> bool:
    waiting, found = [*factors], False
    while waiting:
        x = waiting.pop()
        found = found or isinstance(x, Structured)
        if not (x.args or isinstance(x, (Structured, Number))):
            return False
        waiting += x.args
    return found


def is_linear(e: Expr) -> bool:
    """Whether it is a linear function of one argument."""
    return len(e.args) == 1 and e.op in TABLE and TABLE[e.op].units == "linear"


def _take_out(
    common: Common, group: Sequence[_Summand], length: Length, signs: Signs
) -> _Summand | None:
    taken = _power(common)
    rests = [_without(common, taken, part) for part in group]
    if any(r is None for r in rests):
        return None
    inside = factored([r.expression for r in rests if r is not None], length, signs)
    if common.base.is_scalar and common.kind == "factor":
        return _Summand.of(taken.times(Product.of(inside)))
    whole = _Summand.of(Product.of(inside))
    core = whole.body
    if core is None:  # only what is multiplied entry by entry may be a scalar
        if common.kind != "factor":
            return None
        whole, core = _Summand(Product(), None), inside
    if isinstance(core, Add):
        core, sign = signs.natural(core)
        whole = whole.scaled(sign)
    body = _put_back(common, taken, core)
    shapes = [part.expression.shape for part in group]
    if body is None or body.shape != broadcast(shapes):
        return None
    return whole.with_body(body)


def _power(common: Common) -> Product:
    """A factor to its power, as a product; of another kind, nothing."""
    if common.kind != "factor":
        return Product()
    exponent = exact(common.exponent)
    assert exponent is not None
    taken = Product.of(common.base).power(exponent)
    return Product(1, ((common.base, exponent),)) if taken is None else taken  # a root of a minus


def _put_back(common: Common, taken: Product, core: Expr) -> Expr | None:
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
        case "factor":
            return times(taken.in_order(), core)
    return None


def _without(common: Common, taken: Product, part: _Summand) -> _Summand | None:
    """The part with the factor, which is `taken` as a product, taken out; or None where that leaves
    nothing that fits."""
    body, base = part.body, common.base
    if common.kind == "factor" and base.is_scalar:
        front = part.front.without(taken, is_)
        return None if front is None else _Summand(front, body)
    if common.kind == "linear":
        value = part.linear
        assert value is not None
        front = part.front if body is value else part.front.without(Product.of(value), is_)
        return None if front is None else _Summand(front, None).with_body(value.args[0])
    assert body is not None
    if common.kind == "factor":
        left = Product(WHOLE, part.matrices).without(taken, is_)
        if left is None:
            return None
        return _Summand(part.front, left.in_order() if left.factors else None)
    if body is base:
        return part.with_body(eye(base.shape[1] if common.kind == "left" else base.shape[0]))
    k = len(base.args) if isinstance(base, MatMul) else 1
    chain = _chain(body, common.kind)
    if chain is None or len(chain.args) <= k:
        return None
    rest = matmul(*(chain.args[k:] if common.kind == "left" else chain.args[:-k]))
    if isinstance(rest, Ones):  # 1, beside others of its shape
        return _Summand(part.front, None)
    if body is chain:
        return part.with_body(rest)
    return part.with_body(times(*(rest if a is chain else a for a in body.args)))
