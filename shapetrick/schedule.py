"""Definitions of members in an order in which each finds what it uses, as loops over an index.

Generic members that use each other go together in one loop, whose steps define them in turn.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .expr import Expr
from .families import Incomparable, Segment, at_most, members_in
from .indices import Index


def schedule(segments: Sequence[Segment]) -> list[list[Segment]]:
    """Groups of definitions, what is used first. A single member stands alone, unless it lies
    between the steps of a loop; within a loop what others use at the same step comes first."""
    direct = [
        {j for j, other in enumerate(segments) if i != j and _needs(s, other)}
        for i, s in enumerate(segments)
    ]
    reached = [_reached(i, direct) for i in range(len(segments))]
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


def body_of(s: Segment) -> Expr:
    assert s.body is not None
    return s.body


def place(i: Index) -> tuple[bool, int]:
    """The key by which indices are sorted, where lengths are large."""
    return bool(i.letter), i.offset


def falls(group: Sequence[Segment]) -> bool:
    """Whether members use later ones of the group: a recurrence that goes back."""
    bases = {s.base for s in group}
    return any(
        s.over is not None and i.letter == s.over.letter and i.offset > s.index.offset
        for s in group
        for _, base, i, _ in members_in(body_of(s))
        if base in bases
    )


def _reached(start: int, direct: Sequence[set[int]]) -> set[int]:
    found: set[int] = set()
    stack = [start]
    while stack:
        new = direct[stack.pop()] - found
        found |= new
        stack.extend(new)
    return found


def _uses(s: Segment) -> Iterator[tuple[str, Index, Index]]:
    """The members that a segment uses: a family, and the first and last index."""
    for _, base, index, inner in members_in(body_of(s)):
        over = inner if inner is not None and inner.letter == index.letter else s.over
        if over is not None and over.letter == index.letter:
            yield base, over.first.plus(index.offset), over.last.plus(index.offset)
        else:
            yield base, index, index


def _needs(s: Segment, other: Segment) -> bool:
    """Whether a segment uses members that another defines."""
    for base, first, last in _uses(s):
        if base != other.base:
            continue
        try:
            if at_most(first, other.last) and at_most(other.first, last):
                return True
        except Incomparable:
            return True
    return False


def _in_order(group: Sequence[Segment]) -> list[Segment]:
    """Within a step, what others use at the same index first."""
    rank = {s.base: 0 for s in group}
    for _ in group:
        for s in group:
            for _, base, index, _ in members_in(body_of(s)):
                if index == s.index and base in rank and base != s.base:
                    rank[s.base] = max(rank[s.base], rank[base] + 1)
    falling = falls(group)
    return sorted(group, key=lambda s: (-s.index.offset if falling else 0, rank[s.base]))
