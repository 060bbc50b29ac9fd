"""Recurrences validated: the whole network at several small lengths, each member by differences."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby

from ..core.equations import EquationSystem
from ..core.errors import RequestError
from ..core.expr import Expr, Symbol
from ..core.families import Families, Place, Segment, at_index, reindexed
from ..core.indices import Indices, numbered
from ..core.named_tuples import NamedTuple
from ..core.problem import Claim, Problem, Request
from ..core.results import Recursion, Validation, Verdict
from ..core.traversal import symbols_of
from ..validation.checker import checker_of
from ..validation.sample_points import OUTSIDE, SINGULAR
from .unrolling import Unrolling, segments_of, values_within, with_cotangents

DEPTHS = 3  # how many lengths are tried
FEWEST = 2  # at which there is something to be seen: else some larger ones are tried
BARREN = (OUTSIDE, SINGULAR)  # where there is no value, as of the logarithm of an empty sum
ENDS = 4  # members at either end of a long family that are looked at, fewer along several axes
_WORST: tuple[Verdict, ...] = ("verified", "unchecked", "wrong")


Placed = tuple[Indices, Expr, Segment | None]  # indices, what is said there, and of which line


@dataclass(frozen=True, slots=True)
class Unrolled:
    """One member of what is asked for: the result as a function of it, and its gradient."""

    of: Expr
    wrt: Symbol
    gradient: Expr
    at: tuple[int, ...] = ()


class Judged(NamedTuple):
    """The verdict on a member at these lengths."""

    lengths: Mapping[str, int]
    member: Unrolled
    validation: Validation


def unrolled(
    families: Families, request: Request, recursion: Recursion, lengths: Mapping[str, int]
) -> Iterator[Unrolled]:
    """The members by which is asked at these lengths, or for which the request's claim is made.

    Raises RequestError below the least."""
    whole, numbers = with_cotangents(families, recursion, lengths), numbered(lengths)
    lines = whole.segments
    if request.claim is None:
        places = list(_asked(request, recursion, families, lengths))
        lines = (*lines, *segments_of(recursion.gradients))
    else:
        places = list(_claimed(request, request.claim, families, lengths))
    asked = whole.written_out(request.of)
    for at, gradient, segment in _chosen(places, lines, lengths):
        wrt = _member(request, at, numbers, segment)
        unrolling = with_cotangents(families, recursion, lengths, frozenset({wrt.name}))
        of = unrolling.expression(asked)
        yield Unrolled(of, wrt, unrolling.expression(gradient, at), _numbers(at))


def systems_at(families: Families, lengths: Mapping[str, int]) -> tuple[EquationSystem, ...]:
    """The equations of each member that they determine at these lengths."""
    unrolling = Unrolling(families.segments, lengths)

    return tuple(
        system.changed(partial(unrolling.expression, at=values))
        for system, ranges in families.systems
        for values in values_within(ranges, lengths)
    )


def gradients(
    families: Families, request: Request, recursion: Recursion, lengths: Mapping[str, int]
) -> Iterator[Expr]:
    """The gradients by all members by which is asked, in the inputs alone, sharing what they share.

    Raises RequestError below the least length, BudgetError for what is too long."""
    unrolling = with_cotangents(families, recursion, lengths)
    unrolling.admit([request.of, *(g.value for g in recursion.gradients)])
    for values, gradient, _ in _asked(request, recursion, families, lengths):
        yield unrolling.expression(gradient, values)


def letters_of(request: Request, families: Families) -> list[str]:
    """The letters of the members by which is asked, each with a result of its own: along a
    direction there is one for all."""
    return [] if request.kind == "jvp" else families.running(request.wrt.indices)


def places_asked(
    request: Request, families: Families, lengths: Mapping[str, int]
) -> list[tuple[Place, Segment]]:
    """The members by which is asked at these lengths, in order, and the segments that have them."""
    numbers = numbered(lengths)
    fixed = {
        k: i.within(numbers) for k, i in enumerate(request.wrt.indices) if not families.running([i])
    }
    found = [
        (place, segment)
        for segment in families.of(request.wrt.base)
        for place in Unrolling((), lengths).members(segment)
        if all(place[k] == i for k, i in fixed.items())
    ]
    return sorted(found, key=lambda one: [i.offset for i in one[0]])


def _asked(
    request: Request, recursion: Recursion, families: Families, lengths: Mapping[str, int]
) -> Iterator[Placed]:
    """The indices of each member by which is asked, its gradient, and the segment that has it."""
    for letter, least in recursion.least.items():
        if lengths[letter] < least:
            raise RequestError(f"the recurrence holds for {letter} ≥ {least}.")
    wrt = request.wrt
    letters = letters_of(request, families)
    if not letters:
        yield {}, recursion.gradients[0].value, None
        return
    value_at = gradients_at(recursion, lengths)
    for place, segment in places_asked(request, families, lengths):
        pairs = zip(wrt.indices, place, strict=True)
        at = {i.letter: k.plus(-i.offset) for i, k in pairs if i.letter in letters}
        own = value_at(place)
        yield at, recursion.gradients[0].value if own is None else own, segment


def gradients_at(
    recursion: Recursion, lengths: Mapping[str, int]
) -> Callable[[Place], Expr | None]:
    """The gradient by the member at a place, if it is one of several equations."""
    numbers = Unrolling((), lengths)
    pieces = segments_of(recursion.gradients) if len(recursion.gradients) > 1 else ()
    held = [(piece, set(numbers.members(piece))) for piece in pieces]

    def value_at(place: Place) -> Expr | None:
        own = next((piece for piece, members in held if place in members), None)
        if own is None or own.body is None:
            return None
        return reindexed(own.body, own.values(place))

    return value_at


def _member(request: Request, at: Indices, numbers: Indices, segment: Segment | None) -> Symbol:
    """The member by which is asked; its shape is that of its segment."""
    wrt = at_index(request.wrt, {**numbers, **at})
    if segment is None or not wrt.indices:
        return wrt
    own = {**numbers, **segment.values(wrt.indices)}
    return at_index(segment.symbol(segment.indices), own)


def _claimed(
    request: Request, claim: Claim, families: Families, lengths: Mapping[str, int]
) -> Iterator[Placed]:
    """The indices of each member for which a claim is made, with what it says there, likewise."""
    assert claim.value is not None
    if not claim.ranges:
        yield {}, claim.value, None
        return
    segments = [(s, Unrolling((), lengths).members(s)) for s in families.of(request.wrt.base)]
    for at in values_within(claim.ranges, lengths):
        own = at_index(request.wrt, {**numbered(lengths), **at}).indices
        yield at, claim.value, next((s for s, members in segments if own in members), None)


def _chosen(
    members: Sequence[Placed], segments: Sequence[Segment], lengths: Mapping[str, int]
) -> Iterator[Placed]:
    """Of members to which the same lines apply, the first and the last ones: along several axes, or
    where the length is given as a number, there may be many."""
    ranges = [Unrolling((), lengths).members(s) for s in segments]
    places = [{tuple(i.offset for i in place) for place in r} for r in ranges]
    alike: dict[tuple[bool, ...], list[Placed]] = {}
    for one in members:
        alike.setdefault(tuple(_numbers(one[0]) in p for p in places), []).append(one)
    for ones in alike.values():
        ends = max(ENDS // 4 ** max(len(ones[0][0]) - 1, 0), 1)
        yield from ones if len(ones) <= 2 * ends else ones[:ends] + ones[-ends:]


def _numbers(at: Indices) -> tuple[int, ...]:
    return tuple(i.offset for i in at.values())


def depths(recursion: Recursion, larger_by: int = 0) -> Iterator[Mapping[str, int]]:
    """The lengths at which a recurrence is validated, each letter's another."""
    for more in range(DEPTHS if recursion.least else 1):
        yield {
            letter: least + larger_by + (more + k) % DEPTHS
            for k, (letter, least) in enumerate(recursion.least.items())
        }


def judged(problem: Problem, request: Request, recursion: Recursion, seed: int) -> Iterator[Judged]:
    """The verdict on each member at several lengths."""
    seen = 0
    for larger_by in (0, DEPTHS):
        for lengths in depths(recursion, larger_by):
            whole = replace(problem, systems=systems_at(problem.families, lengths))
            found = []
            for member in unrolled(problem.families, request, recursion, lengths):
                checker = checker_of(whole, request_of(request, member), [member.gradient], seed)
                check = checker.check if request.claim is None else checker.check_claim
                found.append(Judged(lengths, member, check(member.gradient)))
            yield from found
            seen += any(j.validation.reason not in BARREN for j in found)
        if seen >= FEWEST or not recursion.least:
            return


def validate(problem: Problem, request: Request, recursion: Recursion, seed: int) -> Validation:
    """The verdict on all members at several lengths: the worst of theirs."""
    return worst_of(list(judged(problem, request, recursion, seed)), seed)


def worst_of(all_judged: Sequence[Judged], seed: int) -> Validation:
    """The verdict on all; the sizes are those of the first member at each length. Where there is no
    value there is no gradient to be looked at."""
    all_judged = [j for j in all_judged if j.validation.reason not in BARREN] or all_judged
    found = [j.validation for j in all_judged]
    firsts = [next(group) for _, group in groupby(all_judged, key=lambda j: j.lengths)]
    sizes = [{**j.lengths, **next(iter(j.validation.sizes), {})} for j in firsts]
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


def request_of(request: Request, member: Unrolled) -> Request:
    """The request for the gradient by a member."""
    direction = request.direction
    if direction is not None:
        named = {e.name: e for e in symbols_of(member.gradient)}
        direction = named.get(direction.name, direction)
    return replace(request, of=member.of, wrt=member.wrt, direction=direction)
