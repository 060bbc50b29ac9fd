"""Equations of members that follow each other, as one equation where they say the same."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from ..core import expr as ex
from ..core.expr import Zeros
from ..core.families import MemberBox, box_of, joined, reindexed
from ..core.indices import Index, Range, member
from ..core.results import Equation


def with_joined(
    equations: Iterable[Equation], alike: Callable[[Equation, Equation], bool]
) -> tuple[Equation, ...]:
    """The equations, in which one says what neighbours have in common."""
    found: list[Equation] = []
    for q in equations:
        whole, place = q, len(found)
        while pair := _neighbour(whole, found, alike):  # what is joined may follow on another one
            place, whole = pair
            del found[place]
        found.insert(place, whole)
    return tuple(found)


def _neighbour(
    q: Equation, others: Sequence[Equation], alike: Callable[[Equation, Equation], bool]
) -> tuple[int, Equation] | None:
    """The place of the first equation that says what this one does of its neighbours, and both as
    one."""
    for k, other in enumerate(others):
        whole = _joined(other, q) or _joined(q, other) if alike(other, q) else None
        if whole is not None:
            return k, whole
    return None


def are_zero(a: Equation, b: Equation) -> bool:
    return isinstance(a.value, Zeros) and isinstance(b.value, Zeros)


def are_alike(a: Equation, b: Equation) -> bool:
    """Whether the one of more members says what the other one does."""
    wide, other = sorted((a, b), key=lambda q: -len(q.ranges))
    if a.symbol.base != b.symbol.base or len(a.symbol.indices) != len(b.symbol.indices):
        return False
    letters = {r.letter for r in wide.ranges} - {r.letter for r in other.ranges}
    places = zip(wide.symbol.indices, other.symbol.indices, strict=True)
    at = {i.letter: j for i, j in places if i.letter in letters}
    return reindexed(wide.value, at) == other.value


def _joined(a: Equation, b: Equation) -> Equation | None:
    """An equation for what both are for; None if the second doesn't follow on the first along an
    axis of either's letter."""
    if a.symbol.base != b.symbol.base or not a.symbol.indices:
        return None
    whole = joined(box_of_equation(a), box_of_equation(b))
    if whole is None:
        return None
    wide = max(a, b, key=lambda q: len(q.ranges))
    letters = {r.letter for r in wide.ranges}
    at, ranges = [], []
    for i, low, high in zip(wide.symbol.indices, *whole, strict=True):
        if low == high:
            at.append(low)
        elif i.letter in letters:
            at.append(Index(i.letter))
            ranges.append(Range(i.letter, low, high))
        else:
            return None
    symbol = ex.symbol(member(a.symbol.base, *at), wide.symbol.shape)
    value = ex.zeros(*symbol.shape) if isinstance(wide.value, Zeros) else wide.value
    return Equation(symbol, value, tuple(ranges))


def rising(q: Equation) -> tuple[Range, ...]:
    return tuple(over.rising for over in q.ranges)


def box_of_equation(q: Equation) -> MemberBox:
    """From where to where the members are for which it holds."""
    return box_of(q.symbol.indices, rising(q))
