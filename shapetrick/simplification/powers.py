"""Powers: to one exponent as the power of a product or quotient, `x.^2 ./ y.^2` as `(x ./ y).^2`;
of one matrix beside each other as one, `A^k A` as `A^(k+1)`.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..algebra.monomials import Product, exponent_parts, multiplied, multiply_exponents
from ..core.cost import has_minus, length
from ..core.dims import NOTHING, ONE, Dim
from ..core.expr import (
    MINUS,
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
from ..core.structure import is_inverse
from .networks import Networks


def with_equal_powers(e: Expr) -> Expr:
    """A product with powers to one exponent, or to that and its negative, as the power of a product
    or quotient, where that is shorter. Of powers to a number only quotients are, and products of
    what is no letter: `x.^2 .* y.^2` is kept. Of a sum, one divisor may be outside for that."""
    if isinstance(e, Add):
        return min((e, *_with_one_outside(e)), key=length)
    return _below(_together(e)) if _has_powers(e) else e


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
    for a in e.args:
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
