"""Element-wise products as a number and powers of factors, so that a part can be taken out; and the
exponents of powers, which may be expressions themselves."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from typing import TypeVar

from ..core.cost import sum_of
from ..core.expr import (
    MINUS,
    UNIT,
    WHOLE,
    ZERO,
    Add,
    Expr,
    Eye,
    Number,
    Ones,
    Power,
    Real,
    Times,
    add,
    exact,
    matmul,
    number,
    power,
    times,
    value_of,
)
from ..core.named_tuples import NamedTuple
from ..core.structure import terms_of

NOTHING = Fraction(0)
PoweredBase = tuple[Expr, Fraction]  # a base and its exponent
Base = TypeVar("Base")


class Product(NamedTuple):
    """A number times powers of distinct bases; a power to what is no number is a base itself."""

    coefficient: Real = WHOLE
    factors: tuple[PoweredBase, ...] = ()

    @staticmethod
    def of(*parts: Expr) -> Product:
        """The product of the expressions."""
        coefficient: Real = WHOLE
        factors: dict[Expr, Fraction] = {}
        pending = [(e, WHOLE) for e in reversed(parts)]
        while pending:
            a, p = pending.pop()
            opens = isinstance(a, (Number, Times, Power)) and (p is WHOLE or abs(p) == 1)
            if opens and isinstance(a, Number) and (p is WHOLE or p > 0 or a.value):
                positive = p is WHOLE or p > 0
                coefficient = scaled(coefficient, a.value) if positive else coefficient / a.value
            elif opens and isinstance(a, Times):
                pending.extend([(x, p) for x in reversed(a.args)])
            elif opens and isinstance(a, Power) and (exponent := exact(a.args[1])) is not None:
                pending.append((a.args[0], exponent if p is WHOLE else p * exponent))
            else:
                factors[a] = factors[a] + p if a in factors else p
        return Product(coefficient, tuple([f for f in factors.items() if f[1] is WHOLE or f[1]]))

    def times(self, other: Product, at: int | None = None) -> Product:
        """The product with the factors of another put in at a place, or at the end."""
        factors: dict[Expr, Fraction] = {}
        at = len(self.factors) if at is None else at
        for base, p in (*self.factors[:at], *other.factors, *self.factors[at:]):
            factors[base] = factors[base] + p if base in factors else p
        return Product(
            scaled(self.coefficient, other.coefficient),
            tuple([f for f in factors.items() if f[1] is WHOLE or f[1]]),
        )

    def power(self, p: Fraction | int) -> Product | None:
        """The product to a power; None where its number has none that is exact."""
        if p is WHOLE:
            return self
        if self.coefficient != 1 and (p != int(p) or (p < 0 and not self.coefficient)):
            return None
        factors = tuple([(b, q * p) for b, q in self.factors])
        return Product(raised(self.coefficient, int(p)), factors)

    def root(self, p: Fraction) -> Product | None:
        """The product of which this is the power p, if its exponents are whole."""
        if any((q / p).denominator != 1 for _, q in self.factors if q.denominator == 1):
            return None
        return self.power(1 / p)

    def without(self, part: Product, same: Callable[[Expr, Expr], bool]) -> Product | None:
        """What is left when a part is taken out, any number of it; None if it isn't there."""
        rest = dict(self.factors)
        for base, p in part.factors:
            key = next((b for b in rest if same(b, base)), None)
            if key is None:
                return None
            here = rest[key]
            if here is p:
                del rest[key]
            elif here * p < 0 or abs(here) < abs(p):
                return None
            else:
                rest[key] = here - p
        if not part.coefficient:
            return None
        k = over(self.coefficient, part.coefficient)
        return Product(k, tuple([(b, p) for b, p in rest.items() if p]))

    def scalars(self) -> tuple[Product, Product]:
        """The scalar factors with the number, and the others."""
        scalars = tuple([f for f in self.factors if f[0].is_scalar])
        if len(scalars) == len(self.factors):
            return self, Product()
        others = tuple([f for f in self.factors if not f[0].is_scalar])
        return Product(self.coefficient, scalars), Product(WHOLE, others)

    def in_order(self) -> Expr:
        """The product as its factors stand."""
        return times(number(self.coefficient), *powers_of(self.factors))

    def expression(self) -> Expr:
        """The product in the order of writing: the number, the factors, the divisors.

        Ones that spread no further than the rest are left out; a minus goes into a sum."""
        parts = powers_of(self.factors)
        if self.coefficient == -1 and len(parts) == 1 and isinstance(parts[0], Add):
            return sum_of([times(MINUS, a) for a in parts[0].args])
        below = [e for e, (_, p) in zip(parts, self.factors, strict=True) if p < 0]
        ordered = [number(self.coefficient), *(e for e in parts if e not in below), *below]
        whole, narrow = times(*ordered), [e for e in ordered if not isinstance(e, Ones)]
        slim = times(*narrow) if len(narrow) < len(ordered) else whole
        return slim if slim.shape == whole.shape else whole


def powers_of(factors: Iterable[PoweredBase]) -> list[Expr]:
    """The factors as expressions."""
    return [b if p is WHOLE else power(b, number(p)) for b, p in factors]


def scaled(a: Real, b: Real) -> Real:
    """The product of two numbers, most of which are 1."""
    return b if a is WHOLE else a if b is WHOLE else a * b


def over(a: Real, b: Real) -> Real:
    """The quotient of two numbers likewise."""
    return a if b is WHOLE else a / b


def raised(a: Real, p: int) -> Real:
    """A whole power of a number likewise."""
    return a if a is WHOLE or p == 1 else a**p


def multiplied(parts: Sequence[Expr]) -> Expr:
    """The element-wise product, equal factors gathered."""
    return Product.of(*parts).expression()


def product(factors: Sequence[Expr]) -> Expr:
    """The matrix product without identities, the scalar multiples of its factors in front."""
    fronts, matrices = [], []
    for f in factors:
        front, rest = Product.of(f).scalars()
        fronts.append(front.expression())
        if rest.factors:
            matrices.append(rest.expression())
    chain = [e for e in matrices if not isinstance(e, Eye)] or matrices[:1]
    return multiplied([*fronts, *([matmul(*chain)] if chain else [])])


# ------------------------------------------------------------------------------------ exponents


def gathered(powers: Iterable[tuple[Base, Expr]]) -> dict[Base, Expr]:
    """Powers of equal bases as one: the bases, each with its exponent, which may be zero."""
    found: dict[Base, Expr] = {}
    for base, p in powers:
        found[base] = add_exponents(found[base], p) if base in found else p
    return found


def add_exponents(a: Expr, b: Expr) -> Expr:
    if isinstance(a, Number) and isinstance(b, Number):
        return number(a.value + b.value)
    return _linear(add(a, b))


def multiply_exponents(a: Expr, b: Expr) -> Expr:
    if isinstance(a, Number) and isinstance(b, Number):
        return b if a is UNIT else number(scaled(a.value, b.value))
    return _linear(times(a, b))


def exponent_parts(exponent: Expr) -> tuple[frozenset[Expr], Real]:
    """What is no number in an exponent, and the number added to that."""
    terms = terms_of(exponent)
    numbers = [value_of(t) for t in terms if isinstance(t, Number)]
    return frozenset(t for t in terms if not isinstance(t, Number)), sum(numbers, NOTHING)


def _linear(exponent: Expr) -> Expr:
    """An exponent with like terms combined: scalars by scalars, as a sum of coefficients times
    parts."""
    totals: dict[Expr, Real] = {}
    for part in terms_of(exponent):
        front = isinstance(part, Times) and isinstance(part.args[0], Number)
        k = value_of(part.args[0]) if front else WHOLE
        rest = times(*part.args[1:]) if front else part
        if isinstance(part, Number):
            k, rest = part.value, UNIT
        for inner in terms_of(rest):  # k (a + b)
            totals[inner] = totals.get(inner, NOTHING) + k
    parts = [times(number(k), rest) for rest, k in totals.items() if k]
    return sum_of(parts) if parts else ZERO
