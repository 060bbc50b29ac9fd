"""In what sense a wrong claim is right nevertheless: but for a factor, or in another convention."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import product
from math import prod

from .agreement import SAME, agree, ratio
from .drafts import Drawn, values_at
from .expr import Expr, add, call, commute, matmul, subtract, transpose
from .problem import Request
from .sampling import dims_of

MOST_DIMS = 3  # that a constant factor is made of
LARGEST_DENOMINATOR = 64
_ASKED = {False: "that by independent entries", True: "that along the symmetric matrices"}


def likeness(value: Expr, answer: Expr, request: Request, draws: Sequence[Drawn]) -> str | None:
    """`right but for a factor 2`, or what is right in another convention; None if it is neither."""
    for words, other in _conventions(answer, request):
        if other.shape == value.shape and _same(value, other, draws):
            return words
    factor = _factor(value, answer, request, draws) if value.shape == answer.shape else None
    if factor == "-1":
        return "right but for the sign"
    return None if factor is None else f"right but for a factor {factor}"


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


def _factor(value: Expr, answer: Expr, request: Request, draws: Sequence[Drawn]) -> str | None:
    """By what the claim is multiplied: a number, or one with dimensions, `1/m`."""
    factors = []
    for drawn in draws:
        a, b = values_at([value, answer], drawn)
        k = None if a is None or b is None else ratio(a, b)
        if k is None:
            return None
        factors.append(k)
    dims = [n for d in dims_of([request.of]) for n in d.names]
    names = list(dict.fromkeys(dims))[:MOST_DIMS]
    for powers in sorted(product((0, 1, -1), repeat=len(names)), key=_complexity):
        of_dims = dict(zip(names, powers, strict=True))
        scales = [prod(sizes[n] ** p for n, p in of_dims.items()) for sizes, _ in draws]
        left = [k / scale for k, scale in zip(factors, scales, strict=True)]
        number = Fraction(left[0]).limit_denominator(LARGEST_DENOMINATOR)
        if number and all(abs(k - number) < SAME * abs(number) for k in left):
            return _spelled(number, of_dims)
    same = all(abs(k - factors[0]) < SAME * abs(factors[0]) for k in factors)
    return f"{factors[0]:.6g}" if same else None


def _complexity(powers: Sequence[int]) -> int:
    return sum(map(abs, powers))


def _spelled(number: Fraction, powers: Mapping[str, int]) -> str:
    above = [n for n, p in powers.items() if p > 0]
    below = [n for n, p in powers.items() if p < 0]
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
