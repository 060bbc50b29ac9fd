"""Exponents of a matrix that are letters, `A^k`, and sums over an exponent."""

from __future__ import annotations

from .dims import NOTHING, ONE, Dim, shape_text
from .errors import ShapeError
from .expr import (
    Dimension,
    Expr,
    MatMul,
    Number,
    PowerSum,
    call,
    exact,
    eye,
    matmul,
    powers,
    times,
    whole_power,
)
from .indices import Range, dim_of
from .structure import factors_of, terms_of
from .traversal import postorder


def raised(base: Expr, exponent: Expr) -> Expr:
    """The power; of a square matrix with a whole number, or with letters. Raises ShapeError."""
    degree = None if base.is_scalar or isinstance(exponent, Number) else _dim_of(exponent)
    if degree is None:
        return whole_power(base, exponent)
    if base.shape[0] != base.shape[1]:
        raise ShapeError(f"a power needs a square matrix, not {shape_text(base.shape)}.")
    if all(count < 0 for _, count in degree.terms):
        return powers(call("inv", base), degree=-degree)
    return powers(base, degree=degree)


def _dim_of(e: Expr) -> Dim | None:
    """The dimension that a sum of whole multiples of dimensions is; None for anything else."""
    found = NOTHING
    for part in terms_of(e):
        dim = ONE
        for f in factors_of(part):
            k = exact(f)
            if isinstance(f, Dimension):
                dim = dim * Dim.of(f.name)
            elif k is not None and k.denominator == 1:
                dim = dim * Dim.of(int(k))
            else:
                return None
        found = found + dim
    return found


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
        if isinstance(a, PowerSum) and isinstance(b, PowerSum):
            between = factors[i + 1 : j] or [eye(a.shape[1])]
            if (a.degree, b.degree) == (letter, last - letter):
                whole = powers(*a.args, matmul(*between), *b.args, degree=last)
                return times(*scalars, matmul(*factors[:i], whole, *factors[j + 1 :]))
    raise ShapeError(
        f"a sum over an exponent is `sum({over.letter} = 0..k-1) A^{over.letter} B "
        f"A^(k-1-{over.letter})`: it begins with 0, and the two exponents add up to where it ends."
    )


def _letters(e: Expr) -> set[str]:
    """The letters in the exponents of an expression."""
    return {n for x in postorder([e]) if isinstance(x, PowerSum) for n in x.degree.names}
