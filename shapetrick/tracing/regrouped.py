"""Arrays whose axes are several of another array at once, such as `X.reshape(b * n, d)`: what is
done with them is done with that one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate, chain
from string import ascii_letters

from ..core.dims import NOTHING, ONE, Dim, Extent
from ..core.errors import TraceError
from ..core.expr import Expr
from . import arrays, extents, parts, tensors
from .arrays import AlongAxes, LetteredArray, ManyAxes, Traced

Group = tuple[Dim, ...]  # the sizes of axes that are one together


class Regrouped(ManyAxes):
    """The array `x`, whose neighbouring axes are one in each group."""

    __slots__ = ("groups", "x")
    precedence = 3

    def __init__(self, groups: Iterable[Group], x: Traced) -> None:
        own = tuple(groups)
        shape = tuple(map(arrays.size, own))
        super().__init__(shape, groups=own, x=x, is_mask=x.is_mask)

    groups: tuple[Group, ...]
    x: Traced

    @property
    def body(self) -> Expr:
        return self.x.body

    def _axes(self, axes: Iterable[int]) -> tuple[int, ...]:
        """Those of `x` that axes are."""
        ends = [0, *accumulate(map(len, self.groups))]
        return tuple(i for k in axes for i in range(ends[k], ends[k + 1]))

    def refusal(self) -> TraceError:
        return TraceError(
            f"this isn't followed of an array in which axes were made one: give it the shape "
            f"{extents.shape_of(self.x.shape)} again."
        )

    # ------------------------------------------------------------------- what `arrays` asks for

    def of_each(self, f: Callable[..., Traced], *values: Traced) -> Traced:
        shape = arrays.broadcast(*values)
        groups = _groups(values, len(shape), shape)
        return grouped(groups, f(*(_split(x, groups) for x in values)))

    def rewritten(self, f: Callable[[Expr], Expr]) -> Traced:
        return Regrouped(self.groups, arrays.rewritten(self.x, f))

    def spread_over(self, shape: Extent) -> Traced:
        groups = _groups([self], len(shape), shape)
        return grouped(groups, arrays.spread_over(_split(self, groups), flat(groups)))

    def reduced(self, name: str, axes: tuple[int, ...], keepdims: bool) -> Traced:
        found = arrays.reduce(name, self.x, self._axes(axes), keepdims)
        if keepdims:
            return grouped(
                ((ONE,) * len(g) if k in axes else g for k, g in enumerate(self.groups)), found
            )
        return grouped((g for k, g in enumerate(self.groups) if k not in axes), found)

    def along(self, f: AlongAxes, axes: tuple[int, ...]) -> Traced:
        return grouped(self.groups, f(self.x, self._axes(axes)))

    def moved(self, order: Sequence[int]) -> Traced:
        if len(order) < self.rank:
            raise self.refusal()
        x = arrays.permuted(self.x, self._axes(order))
        return grouped([self.groups[k] for k in order], x)

    def reshaped(self, shape: Extent) -> Traced:
        return arrays.reshape(self.x, shape)

    def cut(self, ends: Sequence[tuple[Dim, Dim]]) -> Traced:
        every, groups = [], []
        for end, (outer, *inner) in zip(ends, self.groups, strict=True):
            if end == (NOTHING, arrays.size((outer, *inner))):
                first, behind = NOTHING, outer
            else:  # so many of the inner ones
                first, behind = (extents.quotient(d, arrays.size(inner)) for d in end)
            every += [(first, behind), *((NOTHING, d) for d in inner)]
            groups.append((*([] if behind - first == ONE and inner else [behind - first]), *inner))
        return grouped(groups, arrays.reshape(parts.cut(self.x, every), flat(groups)))

    def contracted(self, given: Sequence[LetteredArray], result: str) -> Traced:
        sizes: dict[str, Group] = {}
        for f in given:
            own = f.x.groups if isinstance(f.x, Regrouped) else [(d,) for d in f.x.shape]
            for c, group in zip(f.letters, own, strict=True):
                sizes[c] = max(sizes.get(c, group), group, key=len)
        free = iter(ascii_letters)
        letters = {c: "".join(next(free) for _ in group) for c, group in sizes.items()}

        def spelled(text: str) -> str:
            return "".join(letters[c] for c in text)

        xs = [_split(f.x, [sizes[c] for c in f.letters]) for f in given]
        left = ",".join(spelled(f.letters) for f in given)
        found = tensors.einsum(f"{left}->{spelled(result)}", *xs)
        return grouped([sizes[c] for c in result], found)


def grouped(groups: Iterable[Group], x: Traced) -> Traced:
    """The array with these groups of axes; itself where each is of one."""
    own = tuple(groups)
    return x if all(len(g) == 1 for g in own) else Regrouped(own, x)


def flat(groups: Iterable[Group]) -> Extent:
    """The sizes of all axes in groups."""
    return tuple(d for g in groups for d in g)


def _groups(values: Sequence[Traced], rank: int, shape: Extent) -> list[Group]:
    """How the axes are split over which arrays broadcast."""
    found: list[Group] = [(d,) for d in shape]
    for x in values:
        if isinstance(x, Regrouped):
            for k, group in enumerate(x.groups, rank - x.rank):
                found[k] = group if len(group) > 1 and shape[k] != ONE else found[k]
    return found


def _split(x: Traced, groups: Sequence[Group]) -> Traced:
    """The array with its last axes split in this way."""
    own = zip(x.shape, groups[len(groups) - x.rank :], strict=True)
    shape = tuple(chain(*(g if d != ONE else (ONE,) * len(g) for d, g in own)))
    inner = x.x if isinstance(x, Regrouped) else x
    return arrays.reshape(inner, shape)
