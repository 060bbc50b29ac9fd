"""Products by letters, `einsum("ij,j->i", A, x)`, taken two by two as products that have a sign."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import combinations

from ..core.dims import ONE, Dim
from ..core.errors import TraceError
from . import arrays
from .arrays import HIGHEST_RANK, LetteredArray, Traced

MOST_OPERANDS = 12


def contracted(given: Sequence[LetteredArray], result: str) -> Traced:
    """The product of arrays with letters, summed over those that the result lacks. Raises
    TraceError."""
    factors = [_without_repeats(f) for f in given]
    while len(factors) > 1:
        i, j = _pair(factors, result)
        a, b = factors[i], factors[j]
        rest = [f for k, f in enumerate(factors) if k not in (i, j)]
        factors = [*rest[:i], _product(a, b, _kept(a, b, rest, result)), *rest[i:]]
    last = _summed(factors[0], result)
    return arrays.permuted(last.x, [last.letters.index(c) for c in result]) if result else last.x


def read(subscripts: str, operands: Sequence[Traced]) -> tuple[list[LetteredArray], str]:
    """The operands of an `einsum`, each with its letters, and the result's. Raises TraceError."""
    text = subscripts.replace(" ", "")
    left, arrow, result = text.partition("->")
    given = left.split(",")
    if not arrow:
        counts = Counter(left.replace(",", ""))
        result = "".join(sorted(c for c, k in counts.items() if k == 1))
    fits = len(given) == len(operands) <= MOST_OPERANDS and all(
        len(letters) == x.rank and (letters.isalpha() or not letters)
        for letters, x in zip(given, operands, strict=True)
    )
    if not fits or not set(result) <= set(left) or len(set(result)) < len(result):
        raise TraceError(f"einsum's `{subscripts}` doesn't fit what it is given.")
    dims: dict[str, Dim] = {}
    for letters, x in zip(given, operands, strict=True):
        for c, d in zip(letters, x.shape, strict=True):
            if dims.setdefault(c, d) != d:
                raise arrays.misfit(dims[c], d, f"of einsum's `{c}`")
    return [LetteredArray(*pair) for pair in zip(given, operands, strict=True)], result


def _without_repeats(f: LetteredArray) -> LetteredArray:
    """`ii` is the diagonal, `i`."""
    if len(f.letters) == HIGHEST_RANK and len(set(f.letters)) == 1:
        return LetteredArray(f.letters[0], arrays.diagonal(f.x))
    return f


def _kept(a: LetteredArray, b: LetteredArray, rest: Sequence[LetteredArray], result: str) -> str:
    """The letters of two factors that are still needed behind their product."""
    needed = set(result).union(*(f.letters for f in rest))
    return "".join(c for c in dict.fromkeys(a.letters + b.letters) if c in needed)


def _pair(factors: Sequence[LetteredArray], result: str) -> tuple[int, int]:
    """The first two whose product is no larger than a matrix; neighbours first."""
    pairs = sorted(combinations(range(len(factors)), 2), key=lambda p: (p[1] - p[0], p))
    for i, j in pairs:
        rest = [f for k, f in enumerate(factors) if k not in (i, j)]
        if len(_kept(factors[i], factors[j], rest, result)) <= HIGHEST_RANK:
            return i, j
    raise TraceError("einsum has products with more than 2 axes on the way: these aren't followed.")


def _summed(f: LetteredArray, kept: str) -> LetteredArray:
    """The sum over the letters that aren't kept."""
    axes = tuple(k for k, c in enumerate(f.letters) if c not in kept)
    if not axes:
        return f
    if len(axes) == HIGHEST_RANK and len(f.letters) == HIGHEST_RANK:
        return LetteredArray("", arrays.reduce("sum", f.x))
    letters = "".join(c for c in f.letters if c in kept)
    return LetteredArray(letters, arrays.reduce("sum", f.x, axes))


def _product(a: LetteredArray, b: LetteredArray, kept: str) -> LetteredArray:
    """The product of two factors, summed over the letters that aren't kept."""
    a = _summed(a, kept + b.letters)
    b = _summed(b, kept + a.letters)
    contracted = [c for c in a.letters if c in b.letters and c not in kept]
    shared = [c for c in a.letters if c in b.letters]
    if len(contracted) == 1 == len(shared):
        (c,) = contracted
        left = a.x if a.letters[-1] == c else arrays.transpose(a.x)
        right = b.x if b.letters[0] == c else arrays.transpose(b.x)
        rest = "".join(letter for letter in a.letters + b.letters if letter != c)
        return LetteredArray(rest, left @ right)
    if len(a.letters) == 1 == len(b.letters) and not shared:
        return LetteredArray(a.letters + b.letters, arrays.outer(a.x, b.x))
    letters = "".join(dict.fromkeys(max(a.letters, b.letters, key=len) + a.letters + b.letters))
    both = _placed(a, letters) * _placed(b, letters)
    return _summed(LetteredArray(letters, both), kept)


def _placed(f: LetteredArray, letters: str) -> Traced:
    """The array with its axes where the letters have them, and 1 where it has none."""
    x = f.x
    if len(f.letters) == HIGHEST_RANK:
        return x if f.letters == letters else arrays.transpose(x)
    if len(f.letters) == 1 and len(letters) == HIGHEST_RANK:
        shape = tuple(x.shape[0] if c == f.letters else ONE for c in letters)
        return arrays.reshape(x, shape)
    return x
