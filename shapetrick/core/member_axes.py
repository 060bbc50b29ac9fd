"""Arrays whose axes count the members of a family, or are made of such axes and others: how they
lie in the array of the members, which has the family's indices in front.
"""

from __future__ import annotations

from math import prod
from typing import Any

from .dims import ONE, Extent, Sizes
from .named_tuples import NamedTuple


class MemberAxes(NamedTuple):
    """The sizes of the axes of the members' array, and for each axis of the array itself which of
    them it is made of, row by row."""

    sizes: Extent
    groups: tuple[tuple[int, ...], ...]

    @property
    def shape(self) -> Extent:
        return tuple(prod((self.sizes[k] for k in group), start=ONE) for group in self.groups)

    @property
    def are_plain(self) -> bool:
        """Whether both are one array."""
        return self.groups == tuple((k,) for k in range(len(self.sizes)))

    @property
    def order(self) -> list[int]:
        """The axes of the members' array, as they follow each other in the array."""
        return [k for group in self.groups for k in group]

    def members(self, array: Any, sizes: Sizes) -> Any:
        """The array of the members."""
        order = self.order
        apart = array.reshape([self.sizes[k].size(sizes) for k in order])
        return _permuted(apart, [order.index(k) for k in range(len(order))])

    def array(self, members: Any) -> Any:
        """The array that this one of members is."""
        turned, lengths = _permuted(members, self.order), members.shape
        return turned.reshape([prod(lengths[k] for k in group) for group in self.groups])


def _permuted(array: Any, order: list[int]) -> Any:
    """The axes in another order, in any library."""
    return getattr(array, "permute", array.transpose)(order)
