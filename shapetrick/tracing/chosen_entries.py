"""The entries of an array where a condition holds, `x[x > 0]`: how many there are is no size, so
that only what is computed of them entry by entry is followed, until it is added up.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from typing import Any

from ..core.errors import TraceError
from . import arrays, axis_functions
from .arrays import LetteredArray, Opaque, Traced


class ChosenEntries(Opaque):
    """The entries of `x` where `mask` holds."""

    __slots__ = ("mask", "x")

    def __init__(self, x: Traced, mask: Traced) -> None:
        super().__init__((arrays.size(x.shape),), x=x, mask=mask)

    x: Traced
    mask: Traced

    def refusal(self) -> TraceError:
        return TraceError(
            "of the entries where a condition holds, sums and means are followed, and functions of "
            "each of them: write other things of a product with the condition."
        )

    def of_each(self, f: Callable[..., Traced], *values: Traced) -> Traced:
        """A function of these entries, and of numbers or others where the same condition holds."""
        for x in values:
            if x.rank and not (isinstance(x, ChosenEntries) and x.mask.e is self.mask.e):
                raise self.refusal()
        whole = (x.x if isinstance(x, ChosenEntries) else x for x in values)
        return ChosenEntries(f(*whole), self.mask)

    def reduced(self, name: str, axes: tuple[int, ...], keepdims: bool) -> Traced:
        if name not in _REDUCED or keepdims:
            raise self.refusal()
        return _REDUCED[name](axis_functions.reduce("sum", self.mask * self.x), self.mask)

    def contracted(self, given: Sequence[LetteredArray], result: str) -> Traced:
        if result or len({f.letters for f in given}) > 1:
            raise self.refusal()
        return axis_functions.reduce("sum", reduce(arrays.multiply, (f.x for f in given)))


# Of the sum, and the condition.
_REDUCED: Mapping[str, Callable[[Traced, Traced], Traced]] = {
    "sum": lambda total, _: total,
    "mean": lambda total, mask: total / axis_functions.reduce("sum", mask),
}


def chosen_entries(
    x: Traced, keys: Sequence[Any], lifted: Callable[[Any], Traced]
) -> Traced | None:
    """`x[mask]`; None for what is something else."""
    mask = condition(x, keys, lifted)
    return None if mask is None else ChosenEntries(x, mask)


def put(x: Traced, new: Traced, mask: Traced) -> Traced:
    """`x` after `x[mask] = new`, which is a number, or of the entries where the mask holds."""
    if isinstance(new, ChosenEntries) and new.mask.e is mask.e:
        new = new.x
    return arrays.choose(mask, new, x)


def condition(x: Traced, keys: Sequence[Any], lifted: Callable[[Any], Traced]) -> Traced | None:
    """The only key, if it is a condition on each entry."""
    if len(keys) != 1 or getattr(keys[0], "ndim", None) != x.rank or not x.rank:
        return None
    mask = lifted(keys[0])
    return mask if mask.is_mask and mask.shape == x.shape else None
