"""Definitions of members in an order in which each finds what it uses, as loops over an index.

Generic members that use each other go together in one loop, whose steps define them in turn.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from ..core.expr import Expr
from ..core.families import Incomparable, Segment, at_most, members_in, reindexed
from ..core.indices import Index, Range, renamed_shape
from ..core.traversal import reachable


@dataclass(frozen=True, slots=True)
class Loop:
    """Steps for each index of a range, from the last one down if it `falls`. A step may be for a
    part of the range."""

    over: Range
    falls: bool
    steps: tuple[Segment, ...]


def schedule(segments: Sequence[Segment]) -> list[list[Segment]]:
    """Groups of definitions, what is used first. A single member stands alone, unless it lies
    between the steps of a loop; within a loop what others use at the same step comes first."""
    places: dict[str, list[int]] = {}
    for i, s in enumerate(segments):
        places.setdefault(s.base, []).append(i)
    direct = [
        {
            j
            for base, first, last in _uses(s)
            for j in places.get(base, ())
            if i != j and _meets(segments[j], first, last)
        }
        for i, s in enumerate(segments)
    ]
    reached = [reachable(i, direct.__getitem__) for i in range(len(segments))]
    waiting: list[list[int]] = []
    for i in range(len(segments)):
        home = next((g for g in waiting if g[0] in reached[i] and i in reached[g[0]]), None)
        if home is None:
            waiting.append([i])
        else:
            home.append(i)
    found: list[list[Segment]] = []
    while waiting:
        open_ones = {i for group in waiting for i in group}
        ready = next(g for g in waiting if not any((direct[i] - {*g}) & open_ones for i in g))
        waiting.remove(ready)
        found.append(_in_order([segments[i] for i in ready]))
    return found


def looped(segments: Sequence[Segment]) -> list[Segment | Loop]:
    """Single members, and loops, in order; loops over one range are one loop where what the later
    uses of the earlier is there when it is needed."""
    found: list[Segment | Loop] = []
    for group in schedule(segments):
        if not any(s.over for s in group):
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
        s.over is not None and i.letter == s.over.letter and i.offset > s.index.offset
        for s in group
        for _, base, i, _ in members_in(body_of(s))
        if base in bases
    )


def _loop(group: Sequence[Segment]) -> Loop:
    """One loop with one letter, over all the indices of its steps."""
    ranges = [s.over for s in group if s.over is not None]
    letter = ranges[0].letter
    low = min((r.first for r in ranges), key=lambda i: i.place)
    high = max((r.last for r in ranges), key=lambda i: i.place)
    steps = tuple(_with_letter(s, letter) for s in group)
    return Loop(Range(letter, low, high), falls(group), steps)


def _with_letter(s: Segment, letter: str) -> Segment:
    if s.over is None or s.over.letter == letter:
        return s
    at = {s.over.letter: Index(letter)}
    index, over = s.index.within(at), Range(letter, s.over.first, s.over.last)
    shape = renamed_shape(s.shape, at)
    return replace(s, index=index, over=over, shape=shape, body=reindexed(body_of(s), at))


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
        for _, base, i, inner in members_in(body_of(s)):
            for made in first.steps:
                if made.base != base:
                    continue
                if inner is not None or made.over is None or i.letter != letter:
                    return None
                ahead = i.offset - made.index.offset
                if (ahead < 0) if down else (ahead > 0):
                    return None
    return Loop(first.over, down, (*first.steps, *steps))


def _is_bound(loop: Loop) -> bool:
    """Whether its steps use those before them, so that it has a direction."""
    bases = {s.base: s.index.offset for s in loop.steps}
    return any(
        base in bases and i.letter == loop.over.letter and i.offset != bases[base]
        for s in loop.steps
        for _, base, i, _ in members_in(body_of(s))
    )


def _depends(loop: Loop, others: Sequence[Segment]) -> bool:
    return any(
        base == other.base and _meets(other, first, last)
        for s in loop.steps
        for base, first, last in _uses(s)
        for other in others
    )


def _uses(s: Segment) -> Iterator[tuple[str, Index, Index]]:
    """The members that a segment uses: a family, and the first and last index."""
    for _, base, index, inner in members_in(body_of(s)):
        over = inner if inner is not None and inner.letter == index.letter else s.over
        yield base, *index.ends(over)


def _meets(s: Segment, first: Index, last: Index) -> bool:
    """Whether a segment defines one of the members first..last of its family."""
    try:
        return at_most(first, s.last) and at_most(s.first, last)
    except Incomparable:
        return True


def _in_order(group: Sequence[Segment]) -> list[Segment]:
    """Within a step, what others use at the same index first."""
    rank = {s.base: 0 for s in group}
    for _ in group:
        for s in group:
            for _, base, index, _ in members_in(body_of(s)):
                if index == s.index and base in rank and base != s.base:
                    rank[s.base] = max(rank[s.base], rank[base] + 1)
    way = -1 if falls(group) else 1
    return sorted(group, key=lambda s: (way * s.index.offset if s.over else 0, rank[s.base]))
