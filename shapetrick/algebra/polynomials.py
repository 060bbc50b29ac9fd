"""Polynomials in several letters with exact coefficients: sums, products and division, with what
it leaves over.

A polynomial is a mapping of monomials to numbers; a monomial is the exponents of its letters. Where
one would get too large, `TooLargeError` is raised.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from functools import reduce
from math import gcd, lcm

Exponents = tuple[int, ...]
Polynomial = Mapping[Exponents, Fraction]

MOST_MONOMIALS = 32
HIGHEST = 16  # exponent of a monomial


class TooLargeError(Exception):
    """A polynomial has too many monomials, or one of too high an exponent."""


def constant(value: Fraction, letters: int) -> Polynomial:
    """The polynomial that is a number."""
    return {(0,) * letters: value} if value else {}


def letter(i: int, letters: int) -> Polynomial:
    """The polynomial that is the letter of that place."""
    return {tuple(int(k == i) for k in range(letters)): Fraction(1)}


def added(a: Polynomial, b: Polynomial) -> Polynomial:
    """The sum."""
    total = dict(a)
    for monomial, k in b.items():
        total[monomial] = total.get(monomial, Fraction(0)) + k
    return _bounded({monomial: k for monomial, k in total.items() if k})


def multiplied(a: Polynomial, b: Polynomial) -> Polynomial:
    """The product."""
    total: dict[Exponents, Fraction] = {}
    for m, k in a.items():
        for n, c in b.items():
            monomial = tuple([p + q for p, q in zip(m, n, strict=True)])
            total[monomial] = total.get(monomial, Fraction(0)) + k * c
    return _bounded({monomial: k for monomial, k in total.items() if k})


def power(a: Polynomial, p: int) -> Polynomial:
    """A power of at least one."""
    return reduce(multiplied, [a] * p)


def divided(a: Polynomial, b: Polynomial) -> Polynomial | None:
    """The quotient, or None if something is left over."""
    quotient, left = quotient_and_rest(a, b, exact=True)
    return None if left else quotient


def quotient_and_rest(
    a: Polynomial, b: Polynomial, exact: bool = False
) -> tuple[Polynomial, Polynomial]:
    """The quotient and what is left over, in which no monomial is a multiple of the divisor's
    first; if it has to be `exact`, only whether anything is."""
    top = max(b)
    rest, quotient, left = dict(a), dict[Exponents, Fraction](), dict[Exponents, Fraction]()
    while rest and not (exact and left):
        lead = max(rest)
        monomial = tuple([p - q for p, q in zip(lead, top, strict=True)])
        if min(monomial, default=0) < 0 or len(quotient) == MOST_MONOMIALS:
            left[lead] = rest.pop(lead)
            continue
        k = quotient[monomial] = rest[lead] / b[top]
        for n, c in b.items():
            m = tuple([p + q for p, q in zip(monomial, n, strict=True)])
            remaining = rest.get(m, Fraction(0)) - k * c
            if remaining:
                rest[m] = remaining
            else:
                rest.pop(m, None)
    return quotient, left


def content(a: Polynomial) -> tuple[Fraction, Exponents]:
    """The number and the monomial that all of a polynomial has in common; the sign is that of the
    first monomial. A decimal that is added to whole multiples is kept: `x^2 + 0.01`."""
    common = tuple([min(exponents) for exponents in zip(*a, strict=True)])
    added, numbers = a.get(common), list(a.values())
    k = Fraction(gcd(*(c.numerator for c in numbers)), lcm(*(c.denominator for c in numbers)))
    if _is_decimal(added) and all(c is added or c.denominator == 1 for c in numbers):
        k = Fraction(1)
    return (k if a[max(a)] > 0 else -k), common


def _is_decimal(k: Fraction | None) -> bool:
    """Whether a number is written with a point, and not as a fraction: 0.03, and not 1/4."""
    below = 1 if k is None else k.denominator
    return below % 10 == 0 and pow(10, below.bit_length(), below) == 0


def without_content(a: Polynomial) -> Polynomial:
    """The polynomial divided by what all of it has in common."""
    k, common = content(a)
    return {
        tuple([p - q for p, q in zip(monomial, common, strict=True)]): c / k
        for monomial, c in a.items()
    }


def replaced_square(a: Polynomial, i: int, square: Polynomial) -> Polynomial:
    """The polynomial with another one in the place of the square of a letter."""
    total: Polynomial = {}
    for monomial, k in a.items():
        rest = (*monomial[:i], monomial[i] % 2, *monomial[i + 1 :])
        part: Polynomial = {rest: k}
        if monomial[i] > 1:
            part = multiplied(part, power(square, monomial[i] // 2))
        total = added(total, part)
    return total


def _bounded(a: Polynomial) -> Polynomial:
    if len(a) > MOST_MONOMIALS or any(max(m, default=0) > HIGHEST for m in a):
        raise TooLargeError
    return a
