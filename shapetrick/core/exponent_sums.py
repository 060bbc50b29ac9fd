"""Sums over an exponent, `sum(r = 0..k-1) A^r G B^(k-1-r)`, as the powers that they are."""

from __future__ import annotations

from .dims import Dim
from .errors import ShapeError
from .expr import Expr, MatMul, Powers, matmul, powers, times
from .indices import Range, dim_of
from .structure import factors_of
from .traversal import postorder


def exponent_sum(e: Expr, over: Range) -> Expr:
    """The sum of products in which the letter stands in two exponents that add up to its last
    value. Raises ShapeError for any other."""
    letter, last = Dim.of(over.letter), dim_of(over.last)
    scalars = [f for f in factors_of(e) if f.is_scalar]
    larger = [f for f in factors_of(e) if not f.is_scalar]
    factors = larger[0].args if len(larger) == 1 and isinstance(larger[0], MatMul) else larger
    found = [i for i, f in enumerate(factors) if over.letter in _letters(f)]
    if len(found) == 2 and over.first.terms == {} and over.first.offset == 0:
        i, j = found
        a, b = factors[i], factors[j]
        if isinstance(a, Powers) and isinstance(b, Powers):
            between = factors[i + 1 : j]
            if (a.degree, b.degree) == (letter, last - letter) and between:
                whole = powers(*a.args, matmul(*between), *b.args, degree=last)
                return times(*scalars, matmul(*factors[:i], whole, *factors[j + 1 :]))
    raise ShapeError(
        f"a sum over an exponent is `sum({over.letter} = 0..k-1) A^{over.letter} B "
        f"A^(k-1-{over.letter})`: it begins with 0, and the two exponents add up to where it ends."
    )


def _letters(e: Expr) -> set[str]:
    """The letters in the exponents of an expression."""
    return {n for x in postorder([e]) if isinstance(x, Powers) for n in x.degree.names}
