"""Recurrences validated: the whole network at several small lengths, each member by differences."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TypeVar

from ..core.errors import RequestError
from ..core.expr import Abstract, Expr, Symbol, postorder, symbols_of
from ..core.families import Families, Segment, at_index, reindexed
from ..core.indices import Index, Indices, split
from ..core.problem import Problem, Request
from ..core.results import Recursion, Validation, Verdict
from ..validation.checker import Checker
from ..validation.directional import also_drawn
from .recurrence import segments_of
from .unrolling import Unrolling

T = TypeVar("T")
DEPTHS = 3  # how many lengths are tried
ENDS = 4  # members at either end of a long family that are looked at
_WORST: tuple[Verdict, ...] = ("verified", "unchecked", "wrong")


@dataclass(frozen=True, slots=True)
class Unrolled:
    """One member of what is asked for: the result as a function of it, and its gradient."""

    of: Expr
    wrt: Symbol
    gradient: Expr
    index: int = 0


def unrolled(
    families: Families, request: Request, recursion: Recursion, lengths: Mapping[str, int]
) -> Iterator[Unrolled]:
    """The members by which is asked, at these lengths. Raises RequestError below the least."""
    segments = (*families.segments, *segments_of(recursion.cotangents))
    numbers: Indices = {letter: Index("", k) for letter, k in lengths.items()}
    asked = list(_asked(request, recursion, families, lengths))
    lines = (*segments, *segments_of(recursion.gradients))
    for values, gradient, segment in _chosen(asked, lambda one: one[0], lines, lengths):
        wrt = _member(request, values, numbers, segment)
        free = frozenset({wrt.name})
        unrolling = Unrolling(segments, lengths, free)
        of = unrolling.expression(request.of)
        yield Unrolled(of, wrt, unrolling.expression(reindexed(gradient, values)))


def gradients(
    families: Families, request: Request, recursion: Recursion, lengths: Mapping[str, int]
) -> Iterator[Expr]:
    """The gradients by all members by which is asked, in the inputs alone, sharing what they share.

    Raises RequestError below the least length, BudgetError for what is too long."""
    unrolling = Unrolling((*families.segments, *segments_of(recursion.cotangents)), lengths)
    unrolling.admit([request.of, *(g.value for g in recursion.gradients)])
    for values, gradient, _ in _asked(request, recursion, families, lengths):
        yield unrolling.expression(reindexed(gradient, values))


def _asked(
    request: Request, recursion: Recursion, families: Families, lengths: Mapping[str, int]
) -> Iterator[tuple[Indices, Expr, Segment | None]]:
    """The index of each member by which is asked, its gradient, and the segment that has it."""
    for letter, least in recursion.least.items():
        if lengths[letter] < least:
            raise RequestError(f"the recurrence holds for {letter} ≥ {least}.")
    found = split(request.wrt.name)
    if found is None or not found[1].letter or found[1].letter in families.lengths:
        yield {}, recursion.gradients[0].value, None
        return
    base, index = found
    numbers = Unrolling((), lengths)
    pieces = segments_of(recursion.gradients) if len(recursion.gradients) > 1 else ()
    for segment in families.of(base):
        for k in numbers.members(segment):
            at = {index.letter: Index("", k)}
            own = next((g for g in pieces if k in numbers.members(g)), None)
            if own is None or own.body is None:
                yield at, recursion.gradients[0].value, segment
            else:
                yield at, reindexed(own.body, own.values(Index("", k))), segment


def _member(request: Request, at: Indices, numbers: Indices, segment: Segment | None) -> Symbol:
    """The member by which is asked; its shape is that of its segment."""
    wrt = at_index(request.wrt, {**numbers, **at})
    found = split(wrt.name)
    if segment is None or found is None:
        return wrt
    own = {**numbers, **segment.values(found[1])}
    return at_index(segment.symbol(segment.index), own)


def _segment_of(
    families: Families, request: Request, at: Indices, lengths: Mapping[str, int]
) -> Segment | None:
    found = split(at_index(request.wrt, at).name)
    if not at or found is None:
        return None
    members = Unrolling((), lengths).members
    return next((s for s in families.of(found[0]) if found[1].offset in members(s)), None)


def claimed(
    families: Families, request: Request, recursion: Recursion, lengths: Mapping[str, int]
) -> Iterator[Unrolled]:
    """The members for which a claim is made, with what it says there."""
    claim = request.claim
    assert claim is not None and claim.value is not None
    segments = (*families.segments, *segments_of(recursion.cotangents))
    numbers: Indices = {letter: Index("", k) for letter, k in lengths.items()}
    places: list[Indices] = [{}]
    if claim.over is not None:
        first, last = (i.within(numbers).offset for i in (claim.over.first, claim.over.last))
        places = [{claim.over.letter: Index("", k)} for k in range(first, last + 1)]
    for at in _chosen(places, lambda at: at, segments, lengths):
        wrt = _member(request, at, numbers, _segment_of(families, request, at, lengths))
        unrolling = Unrolling(segments, lengths, frozenset({wrt.name}))
        gradient = unrolling.expression(reindexed(claim.value, at))
        of = unrolling.expression(request.of)
        yield Unrolled(of, wrt, gradient, next((i.offset for i in at.values()), 0))


def _chosen(
    members: Sequence[T],
    place: Callable[[T], Indices],
    segments: Sequence[Segment],
    lengths: Mapping[str, int],
) -> Iterator[T]:
    """Of neighbours to which the same lines apply, the first and the last ones: where the length is
    given as a number there may be many."""
    ranges = [Unrolling((), lengths).members(s) for s in segments]

    def lines(member: T) -> list[bool]:
        k = next((i.offset for i in place(member).values()), 0)
        return [k in r for r in ranges]

    for _, group in groupby(members, key=lines):
        ones = list(group)
        yield from ones if len(ones) <= 2 * ENDS else ones[:ENDS] + ones[-ENDS:]


def depths(recursion: Recursion) -> Iterator[Mapping[str, int]]:
    """The lengths at which a recurrence is validated."""
    for more in range(DEPTHS if recursion.least else 1):
        yield {letter: least + more for letter, least in recursion.least.items()}


def validate(problem: Problem, request: Request, recursion: Recursion, seed: int) -> Validation:
    """The verdict on all members at several lengths: the worst of theirs."""
    assert problem.families is not None
    found: list[Validation] = []
    sizes: list[Mapping[str, int]] = []
    for lengths in depths(recursion):
        for i, member in enumerate(unrolled(problem.families, request, recursion, lengths)):
            v = checker_of(problem, request, member, seed).check(member.gradient)
            found.append(v)
            if i == 0:
                sizes.append({**lengths, **(v.sizes[0] if v.sizes else {})})
    return worst_of(found, sizes, seed)


def worst_of(
    found: Sequence[Validation], sizes: Sequence[Mapping[str, int]], seed: int
) -> Validation:
    """The verdict on all, where each has one; `sizes` are those at each length."""
    worst = max(found, key=lambda v: _WORST.index(v.verdict))
    return Validation(
        worst.verdict,
        worst.reason,
        max(v.max_relative_error for v in found),
        min(v.order for v in found),
        sum(v.draws for v in found),
        tuple(sizes),
        seed,
        tuple(dict.fromkeys(c for v in found for c in v.conditions)),
        all(v.zero for v in found),
    )


def checker_of(problem: Problem, request: Request, member: Unrolled, seed: int) -> Checker:
    """What judges the gradient by a member."""
    direction = request.direction
    if direction is not None:
        named = {e.name: e for e in symbols_of(member.gradient)}
        direction = named.get(direction.name, direction)
    inputs = [s for s in also_drawn(member.of, [member.gradient]) if s is not direction]
    called = {e.name for e in postorder([member.gradient]) if isinstance(e, Abstract)}
    return Checker(
        member.of,
        member.wrt,
        direction,
        request.kind,
        (*problem.functions, *sorted(called)),
        inputs,
        seed,
        request.symmetric,
    )
