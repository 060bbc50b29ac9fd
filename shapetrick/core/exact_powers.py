"""Powers of exact numbers, and how large they may get."""

from __future__ import annotations

from fractions import Fraction

MAX_POWER = 64  # that is written out: of a number, or of a matrix as a product
MOST_BITS = 1000  # of a number: more than floats can hold


def bits(value: Fraction) -> int:
    """The digits of the larger of numerator and denominator, in the binary system."""
    p, q = value.as_integer_ratio()
    return max(p.bit_length(), q.bit_length())


def number_power(base: Fraction | float, exponent: Fraction | float) -> Fraction | None:
    """The power of two numbers where it is exact and small, else None."""
    if not isinstance(base, Fraction) or exponent != int(exponent):
        return None
    p = int(exponent)
    if abs(p) > MAX_POWER or bits(base) * abs(p) > MOST_BITS:
        return None
    return None if base == 0 and p < 0 else base**p
