"""Exponents of a matrix that are letters, `A^k`, and sums over an exponent."""

from __future__ import annotations

from math import prod

from .dims import NOTHING, ONE, Dim
from .errors import ShapeError
from .expr import (
    Add,
    Dimension,
    Expr,
    MatMul,
    Number,
    PowerSum,
    Times,
    call,
    exact,
    eye,
    matmul,
    needs_square,
    powers,
    times,
    whole_power,
)
from .indices import Range, dim_of
from .structure import factors_of
from .traversal import postorder


def raised(base: Expr, exponent: Expr) -> Expr:
    """The power; of a square matrix with a whole number, or with letters. Raises ShapeError."""
    degree = None if base.is_scalar or isinstance(exponent, Number) else dimension_of(exponent)
    if degree is None:
        return whole_power(base, exponent)
    needs_square(base)
    if all(count < 0 for _, count in degree.terms):
        return powers(call("inv", base), degree=-degree)
    return powers(base, degree=degree)


def dimension_of(e: Expr) -> Dim | None:
    """The dimension that sums and products of dimensions and whole numbers are; None for anything
    else."""
    done: dict[Expr, Dim | None] = {}
    for x in postorder([e]):
        parts = [d for a in x.args if (d := done[a]) is not None]
        whole = exact(x)
        done[x] = None
        if isinstance(x, Dimension):
            done[x] = Dim.of(x.name)
        elif whole is not None and whole.denominator == 1:
            done[x] = Dim.of(int(whole))
        elif isinstance(x, (Add, Times)) and len(parts) == len(x.args):
            done[x] = sum(parts, NOTHING) if isinstance(x, Add) else prod(parts, start=ONE)
    return done[e]


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
