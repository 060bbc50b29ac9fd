"""Validation of derivatives by members beside gradients: for each value of the letters that are
given, of the members by which is asked, at several lengths.

A second derivative is the derivative of a gradient, which is validated first. A derivative along a
direction is one by a number, by which all members are moved along it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from ..core import expr as ex
from ..core.expr import Expr, Symbol
from ..core.families import Families, at_index, reindexed
from ..core.indices import Index, member, numbered
from ..core.named_tuples import NamedTuple
from ..core.problem import Problem, Request
from ..core.results import Equation, Recursion, Validation
from ..core.traversal import substitute, symbols_of
from ..validation.checker import checker_of
from .recurrence import unshifted
from .unrolled_checks import (
    Judged,
    Unrolled,
    depths,
    gradients_at,
    letters_of,
    systems_at,
    unrolled,
    validate,
    worst_of,
)
from .unrolling import Unrolling, segments_of, values_within, with_cotangents

STEP = ex.symbol("#step", ex.UNIT.shape)  # along a direction


@dataclass(frozen=True)
class First:
    """The gradient that a second derivative is of: its request and its equations."""

    request: Request
    recursion: Recursion


def at_given(recursion: Recursion, given: Mapping[str, int], letters: Sequence[str]) -> Recursion:
    """The equations that hold where the letters that are given have these values, `given` beside
    those of the lengths."""
    numbers = numbered(given)

    def holding(equations: Sequence[Equation]) -> Iterator[Equation]:
        for q in equations:
            own = [r.within(numbers) for r in q.ranges if r.letter in letters]
            if all(r.has(given[r.letter]) for r in own):
                yield replace(q, ranges=tuple(r for r in q.ranges if r.letter not in letters))

    return recursion._replace(
        cotangents=tuple(holding(recursion.cotangents)),
        gradients=tuple(holding(recursion.gradients)),
    )


def given_values(request: Request, lengths: Mapping[str, int]) -> list[dict[str, int]]:
    """The values of the given letters, beside those of the lengths."""
    found = values_within(request.ranges, lengths)
    return [{**lengths, **{letter: i.offset for letter, i in at.items()}} for at in found]


def with_letters(families: Families, request: Request) -> Families:
    """The families, for which given letters are numbers as lengths are."""
    letters = (r.letter for r in request.ranges)
    return families._replace(lengths=(*families.lengths, *letters))


def blocks(
    request: Request, recursion: Recursion, lengths: Mapping[str, int]
) -> Iterator[tuple[dict[str, int], Recursion]]:
    """What holds for each value of the given letters."""
    letters = [r.letter for r in request.ranges]
    for given in given_values(request, lengths):
        yield given, at_given(recursion, given, letters)


def validate_given(
    problem: Problem, request: Request, recursion: Recursion, first: First | None, seed: int
) -> Validation:
    """The verdict on all members for all letters: the worst of theirs, and that on the gradient
    where it isn't verified."""
    if first is not None:
        found = validate(problem, first.request, first.recursion, seed)
        if found.verdict != "verified":
            return found
    return worst_of(list(judged_given(problem, request, recursion, first, seed)), seed)


class AskedMember(NamedTuple):
    """A member, and the values of all letters of the request and of those of the lengths."""

    values: Mapping[str, int]
    asked: Request
    found: Unrolled
    block: Recursion

    def within(self, problem: Problem, request: Request) -> Problem:
        """The problem with the equations that determine members at these lengths."""
        systems = systems_at(problem.families, self.values)
        if self.asked.wrt is STEP:
            moved = partial(_movement(problem.families, request), self.found.wrt)
            systems = tuple(system.changed(moved) for system in systems)
        return replace(problem, systems=systems)


def members(
    problem: Problem, request: Request, recursion: Recursion, first: First | None
) -> Iterator[AskedMember]:
    """What is asked for each member, as a plain request about what is unrolled, for each value of
    the letters, at several lengths."""
    families = with_letters(problem.families, request)
    asked_by = letters_of(request, families)
    moved = _movement(problem.families, request)
    for lengths in depths(recursion):
        for given, block in blocks(request, recursion, lengths):
            for asked, found in _asked(families, request, block, first, given, moved):
                own = dict(zip(asked_by, found.at, strict=False))
                yield AskedMember({**given, **own}, asked, found, block)


def judged_given(
    problem: Problem, request: Request, recursion: Recursion, first: First | None, seed: int
) -> Iterator[Judged]:
    """The verdict on each member for each value of the letters, at several lengths."""
    letters = {r.letter for r in request.ranges}
    lengths = {*problem.families.lengths}
    for one in members(problem, request, recursion, first):
        values, asked, found, _ = one
        checker = checker_of(one.within(problem, request), asked, [found.gradient], seed)
        given = {t: k for t, k in values.items() if t in letters | lengths}
        yield Judged(given, found, checker.check(found.gradient))


def claimed(
    problem: Problem, request: Request, recursion: Recursion, first: First | None, seed: int
) -> Iterator[tuple[AskedMember, Validation]]:
    """The verdict on what a claim says of each member for which it is made."""
    claim = request.claim
    assert claim is not None and claim.value is not None
    families = with_letters(problem.families, request)
    plain = unshifted(families, request)
    moved = zip(request.wrt.indices, plain.wrt.indices, strict=True)
    back = {i.letter: j.offset - i.offset for i, j in moved}
    for member_ in members(problem, plain, recursion, first):
        values, asked, found, block = member_
        at = {t: Index("", k) for t, k in values.items()}
        at.update((t, at[t].plus(k)) for t, k in back.items() if t in at)
        ranges = [over.within(at) for over in claim.ranges]
        if not all(r.has(at[r.letter].offset) for r in ranges):
            continue
        segments = (*families.segments, *segments_of(block.cotangents))
        free = frozenset({found.wrt.name})
        unrolling = Unrolling(segments, {t: i.offset for t, i in at.items()}, free)
        value = unrolling.expression(claim.value)
        if asked.wrt is STEP:
            value = _movement(problem.families, plain)(found.wrt, value)
        whole = member_.within(problem, plain)
        verdict = checker_of(whole, asked, [value], seed).check_claim(value)
        yield member_, verdict


def _asked(
    families: Families,
    request: Request,
    block: Recursion,
    first: First | None,
    given: Mapping[str, int],
    moved: Callable[[Symbol, Expr], Expr],
) -> Iterator[tuple[Request, Unrolled]]:
    """What is asked for each member, as a plain request: derivatives of what is unrolled, `moved`
    along a direction."""
    plain = replace(request, claim=None, ranges=(), rows=None)
    rows = None if first is None else at_index(first.request.wrt, numbered(given))
    for found in unrolled(families, replace(request, claim=None), block, given):
        if request.kind in ("hvp", "jvp"):
            of = found.of if first is None else _gradient(families, first, found.wrt, given)
            of, value = (moved(found.wrt, e) for e in (of, found.gradient))
            asked = replace(plain, kind="jac", of=of, wrt=STEP, direction=None)
            yield asked, replace(found, of=of, gradient=value)
        elif first is None or rows is None:
            yield replace(plain, of=found.of, wrt=found.wrt), found
        elif request.rows is None or found.wrt.name != rows.name:
            of = _gradient(families, first, rows, given)
            yield replace(plain, kind="jac", of=of, wrt=found.wrt), found


def _gradient(families: Families, first: First, wrt: Symbol, given: Mapping[str, int]) -> Expr:
    """The gradient by a member, in inputs alone."""
    recursion = first.recursion
    value = gradients_at(recursion, given)(wrt.indices)
    if value is None:
        pairs = zip(first.request.wrt.indices, wrt.indices, strict=True)
        at = {i.letter: k for i, k in pairs if i.letter}
        value = reindexed(recursion.gradients[0].value, at)
    return with_cotangents(families, recursion, given).expression(value)


def _movement(families: Families, request: Request) -> Callable[[Symbol, Expr], Expr]:
    """What gives an expression in which a variable, or all members of its family where the
    direction is one of all, are moved along the direction."""
    direction = request.direction
    through = direction is not None and direction.indices and families.running(request.wrt.indices)

    def moved(wrt: Symbol, e: Expr) -> Expr:
        assert direction is not None
        new: dict[Expr, Expr] = {}
        for x in symbols_of(e):
            if not (x.base == wrt.base if through else x is wrt):
                continue
            along = direction
            if direction.indices:
                along = ex.symbol(member(direction.base, *x.indices), x.shape)
            new[x] = ex.add(x, ex.times(STEP, along))
        return substitute(e, new) if new else e

    return moved
