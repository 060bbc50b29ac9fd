"""Shapes of arrays: how they are written, and which of their axes are alike."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from math import prod

from ..core.dims import NOTHING, ONE, Dim
from ..core.errors import TraceError


def shape_of(shape: Sequence[Dim]) -> str:
    """`(m, d)`, as Python writes a shape."""
    return f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})"


def quotient(total: Dim, known: Dim) -> Dim:
    """The dimension which with another one makes a product. Raises TraceError."""
    if known == ONE or total == NOTHING:
        return total
    if len(known.terms) == 1:
        ((others, j),) = known.terms
        found = NOTHING
        for names, k in total.terms:
            rest = list(names)
            for name in others:
                if name in rest:
                    rest.remove(name)
            found = found + Dim(((tuple(rest), k // j),))
        if found * known == total:
            return found
    raise TraceError(
        f"{total} entries don't make rows of {known}: if they always do, declare the size as a "
        f"product, `{known} k`."
    )


def alike(old: Sequence[Dim], new: Sequence[Dim]) -> Iterator[tuple[slice, slice]]:
    """The fewest neighbours of two shapes at a time that have as many entries. Raises
    TraceError."""
    i = j = 0
    counts = sorted(product(range(len(old) + 1), range(len(new) + 1)), key=sum)[1:]
    while i < len(old) or j < len(new):
        for a, b in counts:
            if prod(old[i : i + a], start=ONE) == prod(new[j : j + b], start=ONE) and (
                i + a <= len(old) and j + b <= len(new)
            ):
                yield slice(i, i + a), slice(j, j + b)
                i, j = i + a, j + b
                break
        else:
            raise TraceError(
                f"an array of shape {shape_of(old)} isn't followed in the shape {shape_of(new)}."
            )
