"""Definitions of members in an order in which each finds what it uses, with loops along the axes of
recurrences alone: along all others, the members of a family are computed at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import combinations, pairwise

from ..core.errors import RequestError
from ..core.expr import Symbol
from ..core.families import Segment, box_of, may_meet, meet, members_in
from ..core.indices import Incomparable, Index, Range, at_most, by_size
from ..core.traversal import Classes, strong_components
from .schedule import body_of, schedule

Axis = tuple[str, int]  # of a family: its name, and which of its indices
KeyAxes = dict[str, int]  # the axis of each family of a group along which a loop runs


@dataclass(frozen=True, slots=True)
class MemberStep:
    """Members that are computed at once: those of a segment, whose letters of loops are no ranges
    any more. `looped` are their ranges, which may be a part of a loop's."""

    segment: Segment
    looped: tuple[Range, ...] = ()


@dataclass(frozen=True, slots=True)
class Nest:
    """Steps for each index of a range, from the last one down if it `falls`."""

    over: Range
    falls: bool
    steps: tuple[NestStep, ...]


NestStep = MemberStep | Nest


def member_steps(step: NestStep) -> Iterator[MemberStep]:
    """All that a step is made of, in order."""
    stack = [step]
    while stack:
        one = stack.pop()
        if isinstance(one, Nest):
            stack += reversed(one.steps)
        else:
            yield one


def has_recurrence(segments: Sequence[Segment]) -> bool:
    """Whether members are made of other members of their own family."""
    return any(True for group in schedule(segments) for _ in _uses(list(map(MemberStep, group))))


class Nests:
    """The steps in order; `keys` are the axes along which a family is computed one by one."""

    def __init__(self, segments: Sequence[Segment]) -> None:
        together: set[tuple[int, int]] = set()
        more = True  # until parts of one step are in one loop, which is known with its axis
        while more:
            self.keys: dict[str, set[int]] = {}
            groups = [list(map(MemberStep, group)) for group in schedule(segments, together)]
            nested = [self._grouped(group) for group in groups]
            pairs = {*self._of_one_step(segments)}
            more, together = not pairs <= together, together | pairs
        self.steps = [self._by_keys(step) for steps in nested for step in steps]

    def _grouped(self, group: Sequence[MemberStep]) -> list[NestStep]:
        """A loop where members of the group are made of each other, and else all in order."""
        parts = _in_order(group, ())
        if any(True for part in parts for _ in _uses(part)):
            return self._nested(group, ())
        return [d for part in parts for d in part]

    def _of_one_step(self, segments: Sequence[Segment]) -> Iterator[tuple[int, int]]:
        """The places of definitions that make parts of what one step of a loop makes."""
        for (i, a), (j, b) in combinations(enumerate(segments), 2):
            keys = sorted(self.keys.get(a.base, ()))
            if a.base == b.base and keys:
                ends = [[tuple(end[k] for k in keys) for end in s.box] for s in (a, b)]
                with suppress(Incomparable):
                    if meet((ends[0][0], ends[0][1]), (ends[1][0], ends[1][1])):
                        yield i, j

    def _by_keys(self, step: NestStep) -> NestStep:
        """A definition in loops over the axes along which its family is computed one by one."""
        if isinstance(step, Nest):
            return step
        s = step.segment
        letters = {s.indices[k].letter for k in self.keys.get(s.base, ())}
        loops = [r for r in s.ranges if r.letter in letters]
        found: NestStep = step
        for over in loops:
            found = step = _looped(step, over)
        for over in reversed(loops):
            found = Nest(over, False, (found,))
        return found

    def _nested(self, group: Sequence[MemberStep], settled: Sequence[KeyAxes]) -> list[NestStep]:
        """A loop along an axis of recurrence, and within it what is left of the group; along those
        that are settled all is of one step."""
        uses = list(_uses(group, settled))
        classes = Classes(pair for use in uses for pair in use.links())
        names = {d.segment.base for d in group}
        for axis in dict.fromkeys(map(classes.of, _axes(group))):
            own = {b: k for b, k in _axes(group) if classes.of((b, k)) == axis}
            spans = [use.distance(own) for use in uses] if {*own} == names else [None]
            found = [span for span in spans if span is not None]
            if len(found) < len(spans) or all(span == (0, 0) for span in found):
                continue
            if all(high <= 0 for _, high in found) or all(low >= 0 for low, _ in found):
                falls = any(low > 0 for low, _ in found)
                return [self._loop(group, own, falls, settled)]
        raise RequestError(
            f"there is no code for the recurrence of {', '.join(sorted(names))}, which has no "
            "direction along one index: `evaluate` gives the values."
        )

    def _loop(
        self,
        group: Sequence[MemberStep],
        own: KeyAxes,
        falls: bool,
        settled: Sequence[KeyAxes],
    ) -> Nest:
        for base, k in own.items():
            self.keys.setdefault(base, set()).add(k)
        letter = next(
            r.letter
            for d in group
            for r in d.segment.ranges
            if r.letter == d.segment.indices[own[d.segment.base]].letter
        )
        parts = _cut([_along(d, own[d.segment.base], letter) for d in group])
        ranges = [d.looped[-1] for d in parts]
        low = min((r.first for r in ranges), key=by_size)
        high = max((r.last for r in ranges), key=by_size)
        within_step = (*settled, own)
        steps: list[NestStep] = []
        for part in _in_order(parts, within_step):
            recurrent = any(_uses(part, within_step))
            steps += self._nested(part, within_step) if recurrent else part
        return Nest(Range(letter, low, high), falls, tuple(steps))


@dataclass(frozen=True, slots=True)
class _Use:
    """A member in a definition that another definition of the group makes."""

    by: Segment
    used: Symbol
    ranges: tuple[Range, ...]  # of the sums around it
    place: tuple[int, int]  # of both definitions in the group

    def links(self) -> Iterator[tuple[Axis, Axis]]:
        """The axes that one letter of the definition runs along."""
        letters = {r.letter for r in self.by.ranges}
        for k, i in enumerate(self.used.indices):
            for j, own in enumerate(self.by.indices):
                if own.letter and own.letter == i.letter and own.letter in letters:
                    yield (self.used.base, k), (self.by.base, j)

    def distance(self, axes: KeyAxes) -> tuple[int, int] | None:
        """How far the member is from the one that is made, along these axes of the families; None
        where that depends on something else."""
        own = self.by.indices[axes[self.by.base]]
        low, high = self.used.indices[axes[self.used.base]].ends(self.ranges)
        low, high = low.minus(own), high.minus(own)
        if not (low.terms or high.terms):
            return low.offset, high.offset
        if not high.terms and high.offset < 0:
            return high.offset, high.offset
        if not low.terms and low.offset > 0:
            return low.offset, low.offset
        return None


def _axes(group: Sequence[MemberStep]) -> dict[Axis, None]:
    return dict.fromkeys((d.segment.base, k) for d in group for k in range(len(d.segment.indices)))


def _uses(group: Sequence[MemberStep], settled: Sequence[KeyAxes] = ()) -> Iterator[_Use]:
    """The uses of members that the group makes, in the group, at one step along what is settled."""
    made = [(d.segment.base, box_of(d.segment.indices, _ranges(d))) for d in group]
    for i, d in enumerate(group):
        for x, inner in members_in(body_of(d.segment)):
            read = box_of(x.indices, (*_ranges(d), *inner))
            for j, (base, box) in enumerate(made):
                if base == x.base and may_meet(box, read):
                    use = _Use(d.segment, x, inner, (i, j))
                    if all(use.distance(own) == (0, 0) for own in settled):
                        yield use


def _ranges(d: MemberStep) -> tuple[Range, ...]:
    return (*d.looped, *d.segment.ranges)


def _in_order(group: Sequence[MemberStep], settled: Sequence[KeyAxes]) -> list[list[MemberStep]]:
    """Parts of a group, what is used first."""
    direct: list[set[int]] = [set() for _ in group]
    for use in _uses(group, settled):
        direct[use.place[0]].add(use.place[1])
    return [[group[i] for i in part] for part in strong_components(direct)]


def _along(d: MemberStep, k: int, letter: str) -> MemberStep:
    """A definition within the loop along one of its axes, whose letter is given."""
    s = d.segment
    over = next((r for r in s.ranges if r.letter == s.indices[k].letter), None)
    if over is None:  # one index: the step for that one alone
        at = s.indices[k]
        return replace(d, looped=(*d.looped, Range(letter, at, at)))
    if over.letter != letter:
        ranges = tuple(r.lettered(letter) if r is over else r for r in s.ranges)
        s = s.within({over.letter: Index(letter)}, ranges)
        over = over.lettered(letter)
    shift = s.indices[k].offset
    if shift:  # the loop's letter is the index itself
        over = Range(letter, over.first.plus(shift), over.last.plus(shift))
        s = s.within({letter: Index(letter, -shift)}, s.ranges)
    return _looped(MemberStep(s, d.looped), over)


def _cut(steps: Sequence[MemberStep]) -> list[MemberStep]:
    """The definitions within a loop, each for a range in which those of its family are the same."""
    found = []
    for d in steps:
        over, base = d.looped[-1], d.segment.base
        others = (other.looped[-1] for other in steps if other.segment.base == base)
        bounds = {cut for r in others for cut in (r.first, r.last.plus(1))}
        within_it = [b for b in bounds if at_most(over.first.plus(1), b) and at_most(b, over.last)]
        cuts = [over.first, *sorted(within_it, key=by_size), over.last.plus(1)]
        found += [
            replace(d, looped=(*d.looped[:-1], Range(over.letter, low, after.plus(-1))))
            for low, after in pairwise(cuts)
        ]
    return found


def _looped(d: MemberStep, over: Range) -> MemberStep:
    """The definition with the letter of a range for that of a loop."""
    left = tuple(r for r in d.segment.ranges if r.letter != over.letter)
    return MemberStep(replace(d.segment, ranges=left), (*d.looped, over))
