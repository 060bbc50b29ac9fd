"""Powers: to one exponent as the power of a product or quotient, `x.^2 ./ y.^2` as `(x ./ y).^2`;
of one matrix beside each other as one, `A^k A` as `A^(k+1)`.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from fractions import Fraction
from functools import reduce
from itertools import permutations

from ..algebra.monomials import Product, exponent_parts, multiplied, multiply_exponents
from ..core.cost import has_minus, length
from ..core.dims import NOTHING, ONE, Dim
from ..core.expr import (
    MINUS,
    WHOLE,
    WRITTEN_OUT,
    Add,
    Expr,
    Name,
    Number,
    Power,
    PowerSum,
    Real,
    Times,
    add,
    matmul,
    power,
    powers,
)
from ..core.structure import factors_of, is_inverse
from ..core.traversal import postorder
from .networks import Networks


def with_equal_powers(e: Expr, known: Container[Expr] = ()) -> Expr:
    """A product with powers to one exponent, or to that and its negative, as the power of a product
    or quotient, where that is shorter. Of powers to a number only quotients are, and products of
    what is no letter: `x.^2 .* y.^2` is kept. Of a sum, one divisor may be outside for that, and
    what is outside may be inside; of ways that are as short, that with the most `known` powers."""
    if isinstance(e, Add):
        return min((e, *_with_one_outside(e)), key=length)
    found = _below(_together(e)) if _has_powers(e) else e
    ways = [found, *_with_powers_inside(found)]
    return min(ways, key=lambda way: _with_fewest_new(way, known)) if len(ways) > 1 else found


def _with_fewest_new(e: Expr, known: Container[Expr]) -> tuple[int, int]:
    nodes = postorder([e], into=lambda x: not isinstance(x, Name))
    return length(e), -sum(x in known for x in nodes)


def _with_one_outside(e: Expr) -> Iterator[Expr]:
    """A sum with one of its divisors outside, where powers of the others may be joined: `s^6 ./
    x.^7 + s^2 ./ x.^3` is `((s ./ x).^6 + (s ./ x).^2) ./ x`."""
    products = [Product.of(a) for a in e.args]
    divisors = [[base for base, p in product.factors if p < -1] for product in products]
    for base in (b for b in divisors[0] if all(b in others for others in divisors)):
        inner = [_together(p.times(Product.of(base)).expression()) for p in products]
        found = multiplied([add(*inner), power(base, MINUS)])
        if found.shape == e.shape:
            yield found


def _with_powers_inside(e: Expr) -> Iterator[Expr]:
    """A product with what stands outside of a sum in the powers of it in all summands: `s (2 s^11 -
    s^5)` is `2 s^12 - s^6`, `s (2 (s / r)^11 - (s / r)^5) / r^3` is `(2 (s / r)^12 - (s / r)^6) /
    r^2`."""
    for at, total in enumerate(e.args if isinstance(e, Times) else ()):
        if not isinstance(total, Add):
            continue
        parts = [_bases_apart(a) for a in total.args]
        inside = [dict(part.factors) for part in parts]
        shared = [base for base in inside[0] if all(base in powers for powers in inside)]
        if not shared:
            continue
        outside = _bases_apart(*(a for a in e.args if a is not total))
        for taken in _taken_inside(dict(outside.factors), inside, shared):
            inner = add(*(_together(part.times(taken).expression()) for part in parts))
            given = Product(WHOLE, tuple([(base, -p) for base, p in taken.factors]))
            found = outside.times(given).times(Product.of(inner), at).expression()
            if found.shape == e.shape:
                yield found


def _taken_inside(
    outside: Mapping[Expr, Fraction],
    inside: Sequence[Mapping[Expr, Fraction]],
    shared: Sequence[Expr],
) -> Iterator[Product]:
    """What is outside of a `shared` base, of which all summands have powers; or of one of two with
    which all have powers of their quotient, with what that takes of the other."""
    for a, b in permutations(shared, 2):
        degrees = {powers[a] + powers[b] for powers in inside}
        alike = a.shape == b.shape and len(degrees) == 1  # a scalar alone may stand before a sum
        if alike and all(powers[a] > 0 > powers[b] for powers in inside):
            (degree,) = degrees
            p, q = (outside.get(base, Fraction(0)) for base in (a, b))
            yield Product(WHOLE, ((a, p), (b, -degree - p)))
            yield Product(WHOLE, ((a, -degree - q), (b, q)))
    for a in shared:
        if a in outside:
            yield Product(WHOLE, ((a, outside[a]),))


def _bases_apart(*parts: Expr) -> Product:
    """A product, with the whole powers of products in it as those of their factors."""
    whole = Product.of(*parts)
    opened = {
        base: found
        for base, p in whole.factors
        if isinstance(base, Times)
        and p.denominator == 1
        and (found := Product.of(base).power(p)) is not None
    }
    apart = whole._replace(factors=tuple([f for f in whole.factors if f[0] not in opened]))
    return reduce(Product.times, opened.values(), apart)


def _has_powers(e: Expr) -> bool:
    """Whether it is a product of several powers that may be joined, or of one that may be below."""
    if not isinstance(e, Times) or len(e.args) < 2:
        return False
    if any(_may_be_below(a) for a in e.args):
        return True
    return sum(isinstance(a, Power) and _may_join(_read(a)[1]) for a in e.args) > 1


def _read(e: Expr) -> tuple[Expr, Expr]:
    """A power's base and exponent; one below the fraction line is that of an inverse."""
    base, exponent = e.args
    if exponent is MINUS and isinstance(base, Power):
        return base.args[0], multiply_exponents(MINUS, base.args[1])
    return base, exponent


def _together(e: Expr) -> Expr:
    groups: dict[tuple[frozenset[Expr], Real], tuple[Expr, list[tuple[Expr, bool]]]] = {}
    others = []
    for a in factors_of(e):
        if not isinstance(a, Power) or not _may_join(_read(a)[1]):
            others.append(a)
            continue
        base, exponent = _read(a)
        opposite = multiply_exponents(MINUS, exponent)
        below = exponent_parts(opposite) in groups
        key = exponent_parts(opposite if below else exponent)
        groups.setdefault(key, (exponent, []))[1].append((base, below))
    for exponent, bases in groups.values():
        opposite = multiply_exponents(MINUS, exponent)
        if isinstance(exponent, Number):
            turned = exponent.value < 0
        else:
            turned = next((below for base, below in bases if not base.is_scalar), False)
        quotient = Product.of(*(power(b, MINUS) if k is not turned else b for b, k in bases))
        balanced = len(bases) == 2 * sum(below for _, below in bases)
        composite = all(not below and b.args and not isinstance(b, Name) for b, below in bases)
        joined = balanced or composite or not isinstance(exponent, Number)
        if len(bases) > 1 and joined:
            others.append(power(quotient.expression(), opposite if turned else exponent))
        else:
            others += [power(b, opposite if below else exponent) for b, below in bases]
    found = Product.of(*others).expression()
    return found if found.shape == e.shape and length(found) < length(e) else e


def _may_be_below(e: Expr) -> bool:
    return isinstance(e, Power) and not isinstance(e.args[1], Number) and has_minus(e.args[1])


def _below(e: Expr) -> Expr:
    """A product with powers to what has a minus below the fraction line, where that is shorter."""
    if not isinstance(e, Times):
        return e
    found = Product.of(*map(_as_divisor, e.args)).expression()
    return found if found.shape == e.shape and length(found) < length(e) else e


def _as_divisor(e: Expr) -> Expr:
    if not _may_be_below(e):
        return e
    base, exponent = e.args
    return power(power(base, multiply_exponents(MINUS, exponent)), MINUS)


def _may_join(exponent: Expr) -> bool:
    if not isinstance(exponent, Number):
        return True
    return exponent.value > 1 or exponent.value < -1


def powers_joined(networks: Networks, e: Expr) -> Expr | None:
    """A product with each run of powers of one matrix, and of its inverse, as one power; a power of
    a power. An exponent that may be negative stays as it is: such a `PowerSum` is zero."""
    if isinstance(e, PowerSum):
        base, degree = _power(e)
        inner, times = _power(base)
        known = base is not inner and len(e.args) == 1 and _is_natural(times)
        return powers(inner, degree=times * degree) if known and _is_natural(degree) else None
    if not any(isinstance(a, PowerSum) for a in e.args) and len(e.args) <= WRITTEN_OUT:
        return None
    runs: list[tuple[Expr, Dim]] = []
    for a in e.args:
        base, degree = _power(a)
        last, before = runs[-1] if runs else (None, NOTHING)
        both = _is_natural(degree) and _is_natural(before)
        if both and base is last:
            runs[-1] = base, before + degree
        elif both and last is not None and (base is _inverted(last) or last is _inverted(base)):
            runs.pop()
            if _is_natural(before - degree):
                runs.append((last, before - degree))
            elif _is_natural(degree - before):
                runs.append((base, degree - before))
            else:
                runs += (last, before), (base, degree)
        else:
            runs.append((base, degree))
    found = matmul(*(b if degree == ONE else powers(b, degree=degree) for b, degree in runs))
    return found if found is not e else None


def _power(e: Expr) -> tuple[Expr, Dim]:
    """The matrix and the exponent of which it is the power."""
    if isinstance(e, PowerSum) and len(e.args) == 1:
        return e.args[0], e.degree
    return e, ONE


def _inverted(e: Expr) -> Expr | None:
    """Of what it is the inverse."""
    return e.args[0] if is_inverse(e) else None


def _is_natural(exponent: Dim) -> bool:
    """Whether it is not negative, whatever its letters are, 0 too."""
    return all(k >= 0 for _, k in exponent.terms)
