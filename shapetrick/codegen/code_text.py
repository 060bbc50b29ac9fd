"""The text of values: how tightly it holds together, numbers, quotients, sizes and shapes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from enum import IntEnum
from fractions import Fraction

from ..core.dims import Dim
from ..core.expr import Real
from ..core.records import dataclass

LARGEST_WHOLE = 2**53


class CodePrecedence(IntEnum):
    """How tightly an expression in code holds together, loosest first."""

    SUM = 0
    PRODUCT = 1  # with * and /
    MATMUL = 2  # with @: as tight as *, but brackets make a mixture readable
    UNARY = 3
    POWER = 4
    ATOM = 5


@dataclass(frozen=True, slots=True)
class CodeText:
    """The text of a value without its sign, how tightly it holds together, and the names in it."""

    text: str
    level: CodePrecedence = CodePrecedence.ATOM
    negative: bool = False
    depth: int = 0
    names: frozenset[str] = frozenset()

    def __format__(self, least: str) -> str:
        """With its sign, in brackets unless it holds together well enough: `{piece:atom}`."""
        return self.enclosed(CodePrecedence[least.upper()] if least else CodePrecedence.SUM)

    def enclosed(self, least: CodePrecedence) -> str:
        if self.negative:
            return f"-{self.text}" if least == CodePrecedence.SUM else f"(-{self.text})"
        return self.text if self.level >= least else f"({self.text})"

    @property
    def is_simple(self) -> bool:
        """Whether it can be repeated: a name or a number."""
        return self.text.replace(".", "").isalnum() or self.text.isidentifier()

    @property
    def unsigned(self) -> CodeText:
        return replace(self, negative=False)


class Quotient:
    """A product: a number, scalars and arrays above the bar and below it."""

    def __init__(self, spell: Callable[[Real], CodeText]) -> None:
        self._spell = spell
        self._coefficient: Real = Fraction(1)
        self._negative = False
        self._above: tuple[list[CodeText], list[CodeText]] = ([], [])  # scalars, arrays
        self._below: tuple[list[CodeText], list[CodeText]] = ([], [])

    def multiply(self, coefficient: Real) -> None:
        self._coefficient = self._coefficient * coefficient

    def above(self, piece: CodeText, is_array: bool) -> None:
        self._negative ^= piece.negative
        self._above[is_array].append(piece.unsigned)

    def below(self, piece: CodeText, is_array: bool) -> None:
        self._negative ^= piece.negative
        self._below[is_array].append(piece.unsigned)

    def negate(self, negative: bool) -> None:
        self._negative ^= negative

    def steps(self) -> list[tuple[str, str]]:
        """The NumPy function that applies the scalars to an array, and what it is given."""
        scalars, divisors = self._scalars()
        sign = "-" if self._negative ^ (self._coefficient < 0) else ""
        if scalars:
            return [("multiply", f"{sign}{quotient(scalars, [], divisors):unary}")]
        if divisors:
            return [("divide", f"{sign}{quotient(divisors, [], []):unary}")]
        return [("negative", "")] if sign else []

    def piece(self) -> CodeText:
        scalars, divisors = self._scalars()
        arrays, array_divisors = self._above[True], self._below[True]
        piece = self.assembled(scalars, divisors, arrays, array_divisors)
        if not self._negative ^ (self._coefficient < 0):
            return piece
        return CodeText(
            piece.enclosed(CodePrecedence.PRODUCT),
            max(piece.level, CodePrecedence.PRODUCT),
            negative=True,
        )

    def assembled(
        self,
        scalars: list[CodeText],
        divisors: list[CodeText],
        arrays: Sequence[CodeText],
        array_divisors: Sequence[CodeText],
    ) -> CodeText:
        """The text of the product without its sign."""
        if scalars and divisors and arrays:
            scalars, divisors = [quotient(scalars, [], divisors)], []
        return quotient([*scalars, *arrays], array_divisors, divisors)

    def _scalars(self) -> tuple[list[CodeText], list[CodeText]]:
        """Those above and below, with the number; 3/10 is 0.3, 1/2 divides."""
        size = absolute(self._coefficient)
        front, below = [self._spell(size)], list(self._below[False])
        if (
            isinstance(size, Fraction)
            and size.denominator > 1
            and front[0].level < CodePrecedence.ATOM
        ):
            front, below = (
                [self._spell(Fraction(size.numerator))],
                [self._spell(Fraction(size.denominator)), *below],
            )
        elif isinstance(size, Fraction) and size.numerator == 1 and size.denominator > 1:
            front, below = [], [self._spell(Fraction(size.denominator)), *below]
        if front and size == 1:
            front = []
        return [*front, *self._above[False]], below


def quotient(
    above: Sequence[CodeText], divisors: Sequence[CodeText], below: Sequence[CodeText]
) -> CodeText:
    """A product divided by arrays, then by the product of scalars."""
    if len(above) == 1 and not divisors and not below:
        return above[0]
    least = CodePrecedence.PRODUCT if len(above) == 1 else CodePrecedence.UNARY
    text = " * ".join(p.enclosed(least) for p in above) or "1"
    for p in divisors:
        text += f" / {p:unary}"
    if len(below) == 1:
        text += f" / {below[0]:unary}"
    elif below:
        text += f" / ({' * '.join(f'{p:unary}' for p in below)})"
    return CodeText(text, CodePrecedence.PRODUCT)


def number(value: Real) -> CodeText:
    """A number; a fraction as a decimal where that is exact and short. Arrays hold no whole number
    as large as `LARGEST_WHOLE`."""
    size = absolute(value)
    if isinstance(size, float) or (size.denominator == 1 and size >= LARGEST_WHOLE):
        return CodeText(repr(float(size)), CodePrecedence.ATOM, value < 0)
    if size.denominator == 1:
        return CodeText(str(size), CodePrecedence.ATOM, value < 0)
    decimal = format(Decimal(size.numerator) / Decimal(size.denominator), "f")
    if len(decimal) <= 6 and Fraction(decimal) == size:
        return CodeText(decimal, CodePrecedence.ATOM, value < 0)
    return CodeText(f"{size.numerator} / {size.denominator}", CodePrecedence.PRODUCT, value < 0)


def absolute(value: Real) -> Real:
    return -value if value < 0 else value


def dim_text(d: Dim, names: Mapping[str, str], over: str = "//") -> str:
    """A dimension as an expression in Python, or with another sign for quotients."""
    if (q := d.denominator) > 1:
        return f"({dim_text(d * Dim.of(q), names)}) {over} {q}"
    text = ""
    for letters, k in sorted(d.terms, key=lambda term: (-len(term[0]), term[0])):
        sign = (" - " if k < 0 else " + ") if text else ("-" if k < 0 else "")
        factors = [str(abs(k))] if abs(k) != 1 or not letters else []
        text += sign + " * ".join([*factors, *(names[letter] for letter in letters)])
    return text or "0"


def tuple_text(items: Sequence[str]) -> str:
    return f"({items[0]},)" if len(items) == 1 else f"({', '.join(items)})"


def unpacked(names: Sequence[str]) -> str:
    """What stands in front of the sign, where a tuple is given these names."""
    return tuple_text(names) if len(names) == 1 else ", ".join(names)
