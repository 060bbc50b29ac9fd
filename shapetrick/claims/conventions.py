"""In what sense a wrong claim is right nevertheless: but for a factor, or in another convention."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from functools import partial
from itertools import combinations, product
from math import prod

import numpy as np

from ..core.budget import numbers_in
from ..core.expr import Expr, add, call, commute, matmul, subtract, transpose
from ..core.functions import Array
from ..core.named_tuples import NamedTuple
from ..core.problem import Request
from ..core.traversal import symbols_of
from ..numerics.sampling import PLAIN, Profile, dims_of
from ..validation.sample_points import MOST_HELD
from .comparison import SAME, agree, miss, ratio
from .variants import Drawn, drawn_anew, is_steady, resized, values_at

MOST_DIMS = 3  # that a constant factor is made of
LARGEST_DENOMINATOR = 64
LARGEST = 1_000_000  # of the numbers that are told as they are
ELSEWHERE_TIMES = 100  # as large an error is one at other draws
ELSEWHERE = 4  # draws at other sizes, at which a factor is tried too
SEED = 2
NEAR_ONE = 1e-3  # a factor is told by its distance from 1
_ASKED = {False: "that by independent entries", True: "that along the symmetric matrices"}


def convention(value: Expr, answer: Expr, request: Request, draws: Sequence[Drawn]) -> str | None:
    """In what other convention a claim is right; None if it is in none."""
    for words, other in _conventions(answer, request):
        if other.shape == value.shape and _same(value, other, draws):
            return words
    return None


def likeness(
    value: Expr, answer: Expr, request: Request, draws: Sequence[Drawn], error: float
) -> str | None:
    """`right but for a factor 2`; None if nothing simple is between a claim and the answer. `error`
    is the largest that was found, perhaps at other draws."""
    if value.shape != answer.shape:
        return None
    misses = [miss(*pair) for pair in _pairs(value, answer, draws)]
    if misses and max(misses) < SAME:
        if error > ELSEWHERE_TIMES * max(misses):
            return "right at some inputs only, and wrong at others"
        return f"right but for a relative error of {error:.0e}, which no simple factor explains"
    factor = _factor(value, answer, request, draws)
    if factor == "-1":
        return "right but for the sign"
    return None if factor is None else f"right but for a factor {factor}"


def _pairs(value: Expr, answer: Expr, draws: Sequence[Drawn]) -> Iterator[tuple[Array, Array]]:
    """Both values at the draws where there are such, and the answer's is not zero."""
    for drawn in draws:
        a, b = values_at([value, answer], drawn)
        if a is not None and b is not None and b.any():
            yield a, b


def _same(value: Expr, other: Expr, draws: Sequence[Drawn]) -> bool:
    pairs = (values_at([value, other], drawn) for drawn in draws)
    return all(b is not None and b.any() and agree(a, b) for a, b in pairs)


# ----------------------------------------------------------------------------------- conventions


def _conventions(answer: Expr, request: Request) -> Iterator[tuple[str, Expr]]:
    """What a right answer is in other conventions."""
    turned = transpose(answer)
    if not answer.is_scalar:
        yield "right only up to transposition: it is in the other layout", turned
    rows, cols = answer.shape
    if rows == cols and not answer.is_scalar and request.kind == "grad":
        free = subtract(add(answer, turned), call("diag", call("diag", answer)))
        words = "it is the gradient by the free entries of a symmetric matrix, G + G' - diag(G)"
        yield f"{words}; {_ASKED[request.symmetric]} is asked for", free
        words = "it is the gradient along the symmetric matrices, which `symmetric` asks for"
        yield words, add(answer, turned) / 2
    if request.kind == "jac" and not request.wrt.is_scalar:
        (m, n), (p, q) = request.of.shape, request.wrt.shape
        by_rows = matmul(commute(m, n), answer, commute(q, p))
        words = "right where matrices are stacked row by row: here vec stacks their columns"
        yield words, by_rows
        yield f"{words}; and transposed", transpose(by_rows)


# --------------------------------------------------------------------------------------- a factor


class _Scale(NamedTuple):
    """A factor made of dimensions, `m/(n - 1)`: what stands above and below, and its value."""

    above: tuple[str, ...]
    below: tuple[str, ...]
    value: Callable[[Mapping[str, int]], float]

    @property
    def complexity(self) -> int:
        return sum(len(text.split()) for text in (*self.above, *self.below))


def _factor(value: Expr, answer: Expr, request: Request, draws: Sequence[Drawn]) -> str | None:
    """By what the claim is multiplied: a number, or one with dimensions, `1/m`. It is looked at at
    sizes that tell a dimension from what it is by chance, `12/k`."""
    found = []
    symbols = dict.fromkeys([*symbols_of(value), *symbols_of(answer)])
    rng = np.random.default_rng(SEED)
    elsewhere = [
        drawn_anew([*symbols], drawn, rng, profile, resized(drawn[0], rng))
        for _ in range(ELSEWHERE)
        for drawn, profile in zip(draws, (PLAIN, Profile(sign=1)), strict=False)
    ]
    for i, drawn in enumerate((*draws, *elsewhere)):
        if numbers_in([value.shape, answer.shape], drawn[0]) > MOST_HELD:
            continue
        a, b = values_at([value, answer], drawn)
        if a is None or b is None or (i >= len(draws) and not is_steady(answer, drawn)):
            continue
        k = ratio(a, b)
        if k is None:
            return None
        found.append((k, drawn[0]))
    if not found:
        return None
    dims = [n for d in dims_of([request.of]) for n in d.names]
    for scale in _scales(list(dict.fromkeys(dims))[:MOST_DIMS]):
        left = [k / scale.value(sizes) for k, sizes in found]
        number = Fraction(left[0]).limit_denominator(LARGEST_DENOMINATOR)
        if 0 < abs(number) < LARGEST and all(abs(k - number) < SAME * abs(number) for k in left):
            return _spelled(number, scale)
    factors = [k for k, _ in found]
    same = all(abs(k - factors[0]) < SAME * abs(factors[0]) for k in factors)
    return f"{_decimal(factors[0])}, which is no simple number" if same else None


def _scales(names: Sequence[str]) -> list[_Scale]:
    """What factors are made of, the simpler first: dimensions, and one of these less 1."""
    lessened = [(n,) for n in names] + list(combinations(names, 2))
    found = []
    for powers in product((0, 1, -1), repeat=len(names)):
        above = tuple(n for n, p in zip(names, powers, strict=True) if p > 0)
        below = tuple(n for n, p in zip(names, powers, strict=True) if p < 0)
        found.append(_Scale(above, below, partial(_quotient, above, below, (), ())))
        for some in lessened:
            text = f"({' '.join(some)} - 1)"
            up, down = (*above, text), (*below, text)
            found.append(_Scale(up, below, partial(_quotient, above, below, some, ())))
            found.append(_Scale(above, down, partial(_quotient, above, below, (), some)))
    return sorted(found, key=lambda scale: scale.complexity)


def _quotient(
    above: Sequence[str],
    below: Sequence[str],
    more: Sequence[str],
    less: Sequence[str],
    sizes: Mapping[str, int],
) -> float:
    def total(names: Sequence[str], lessened: Sequence[str]) -> int:
        last = prod(sizes[n] for n in lessened) - 1 if lessened else 1
        return prod(sizes[n] for n in names) * last

    return total(above, more) / total(below, less)


def _decimal(k: float) -> str:
    if 0 < abs(k - 1) < NEAR_ONE:
        return f"1 {'+' if k > 1 else '-'} {abs(k - 1):.2g}"
    return f"{k:.6g}"


def _spelled(number: Fraction, scale: _Scale) -> str:
    above, below = [*scale.above], [*scale.below]
    top, bottom = number.numerator, number.denominator
    if abs(top) != 1 or not above:
        above = [str(top), *above]
    elif top < 0:
        above[0] = f"-{above[0]}"
    below = [str(bottom), *below] if bottom != 1 else below
    text = " ".join(above)
    if not below:
        return text
    return f"{text}/{below[0]}" if len(below) == 1 else f"{text}/({' '.join(below)})"
