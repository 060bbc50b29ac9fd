"""Products by letters, `einsum("ij,j->i", A, x)`."""

from __future__ import annotations

from collections import Counter

from ..core.dims import Dim
from ..core.errors import TraceError
from . import arrays, axis_functions
from .array_terms import HIGHEST_RANK
from .arrays import LetteredArray, Traced

MOST_OPERANDS = 12


def einsum(subscripts: str, *operands: Traced) -> Traced:
    """The sum of products over the letters that the result lacks. Raises TraceError."""
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
    each = [_without_repeats(*pair) for pair in zip(given, operands, strict=True)]
    return arrays.contracted(each, result)


def _without_repeats(letters: str, x: Traced) -> LetteredArray:
    """`ii` is the diagonal, `i`."""
    if len(set(letters)) == len(letters):
        return LetteredArray(letters, x)
    if len(letters) > HIGHEST_RANK:
        raise TraceError("einsum with a letter twice in an array of 3 axes isn't followed.")
    return LetteredArray(letters[0], axis_functions.diagonal(x))
