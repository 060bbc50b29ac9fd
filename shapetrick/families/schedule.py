"""Definitions of members in an order in which each finds what it uses, as loops over an index.

Generic members that use each other go together in one loop, whose steps define them in turn.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from ..core.expr import Expr
from ..core.families import MemberBox, Segment, box_of, may_meet, members_in
from ..core.indices import Index, Range, by_size
from ..core.traversal import strong_components


@dataclass(frozen=True, slots=True)
class Loop:
    """Steps for each index of a range, from the last one down if it `falls`. A step may be for a
    part of the range."""

    over: Range
    falls: bool
    steps: tuple[Segment, ...]


def schedule(
    segments: Sequence[Segment], together: Iterable[tuple[int, int]] = ()
) -> list[list[Segment]]:
    """Groups of definitions, what is used first. A single member stands alone, unless it lies
    between the steps of a loop; within a loop what others use at the same step comes first. Those
    that belong `together`, by their places, are in one group."""
    places: dict[str, list[int]] = {}
    for i, s in enumerate(segments):
        places.setdefault(s.base, []).append(i)
    direct = [
        {
            j
            for base, box in _uses(s)
            for j in places.get(base, ())
            if i != j and may_meet(segments[j].box, box)
        }
        for i, s in enumerate(segments)
    ]
    for i, j in together:
        direct[i].add(j)
        direct[j].add(i)
    return [_in_order([segments[i] for i in group]) for group in strong_components(direct)]


def looped(segments: Sequence[Segment]) -> list[Segment | Loop]:
    """Single members, and loops, in order; loops over one range are one loop where what the later
    uses of the earlier is there when it is needed."""
    found: list[Segment | Loop] = []
    for group in schedule(segments):
        if not any(s.ranges for s in group):
            found += group
            continue
        loop = _loop(group)
        for i, block in reversed(list(enumerate(found))):
            fused = _fused(block, loop) if isinstance(block, Loop) else None
            if fused is not None:
                found[i] = fused
                break
            if _depends(loop, [block] if isinstance(block, Segment) else block.steps):
                found.append(loop)
                break
        else:
            found.append(loop)
    return found


def body_of(s: Segment) -> Expr:
    assert s.body is not None
    return s.body


def falls(group: Sequence[Segment]) -> bool:
    """Whether members use later ones of the group: a recurrence that goes back."""
    bases = {s.base for s in group}
    return any(
        i.letter == own.letter and i.offset > own.offset
        for s in group
        for x, _ in members_in(body_of(s))
        if x.base in bases
        for i, own in zip(x.indices, s.indices, strict=False)  # along the axes that both have
        if own.letter in {r.letter for r in s.ranges}
    )


def _loop(group: Sequence[Segment]) -> Loop:
    """One loop with one letter, over all the indices of its steps."""
    ranges = [r for s in group for r in s.ranges]
    letter = ranges[0].letter
    low = min((r.first for r in ranges), key=by_size)
    high = max((r.last for r in ranges), key=by_size)
    steps = tuple(_with_letter(s, letter) for s in group)
    return Loop(Range(letter, low, high), falls(group), steps)


def _with_letter(s: Segment, letter: str) -> Segment:
    if not s.ranges or s.ranges[0].letter == letter:
        return s
    (over,) = s.ranges
    return s.within({over.letter: Index(letter)}, (over.lettered(letter),))


def _fused(first: Loop, second: Loop) -> Loop | None:
    """Both in one loop; None if the second needs what the first makes in later steps."""
    letter = first.over.letter
    steps = [_with_letter(s, letter) for s in second.steps]
    if (first.over.first, first.over.last) != (second.over.first, second.over.last):
        return None
    if first.falls != second.falls and _is_bound(first) and _is_bound(second):
        return None
    down = first.falls if _is_bound(first) else second.falls
    for s in steps:
        for x, inner in members_in(body_of(s)):
            for made in first.steps:
                if made.base != x.base:
                    continue
                (i,), (own,) = x.indices, made.indices
                if inner or not made.ranges or i.letter != letter:
                    return None
                ahead = i.offset - own.offset
                if (ahead < 0) if down else (ahead > 0):
                    return None
    return Loop(first.over, down, (*first.steps, *steps))


def _is_bound(loop: Loop) -> bool:
    """Whether its steps use those before them, so that it has a direction."""
    bases = {s.base: s.indices[0].offset for s in loop.steps}
    return any(
        x.base in bases
        and x.indices[0].letter == loop.over.letter
        and x.indices[0].offset != bases[x.base]
        for s in loop.steps
        for x, _ in members_in(body_of(s))
    )


def _depends(loop: Loop, others: Sequence[Segment]) -> bool:
    return any(
        base == other.base and may_meet(other.box, box)
        for s in loop.steps
        for base, box in _uses(s)
        for other in others
    )


def _uses(s: Segment) -> Iterator[tuple[str, MemberBox]]:
    """The members that a segment uses: a family, and from where to where."""
    for x, inner in members_in(body_of(s)):
        yield x.base, box_of(x.indices, (*s.ranges, *inner))


def _in_order(group: Sequence[Segment]) -> list[Segment]:
    """Within a step, what others use at the same index first."""
    rank = {s.base: 0 for s in group}
    for _ in group:
        for s in group:
            for x, _ in members_in(body_of(s)):
                if x.indices == s.indices and x.base in rank and x.base != s.base:
                    rank[s.base] = max(rank[s.base], rank[x.base] + 1)
    way = -1 if falls(group) else 1

    def key(s: Segment) -> tuple[int, int]:
        running = {r.letter for r in s.ranges}
        return way * sum(i.offset for i in s.indices if i.letter in running), rank[s.base]

    return sorted(group, key=key)
