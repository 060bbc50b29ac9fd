"""Validation of derivatives by members beside gradients: for each value of the letters that are
given, of the members by which is asked, at several lengths.

A second derivative is the derivative of a gradient, which is validated first. A derivative along a
direction is one by a number, by which all members are moved along it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from ..core import expr as ex
from ..core.expr import Expr, Symbol
from ..core.families import Families, at_index, reindexed
from ..core.indices import member, numbered
from ..core.problem import Problem, Request
from ..core.results import Equation, Recursion, Validation
from ..core.traversal import substitute, symbols_of
from ..validation.checker import checker_of
from .recurrence import segments_of
from .unrolled_checks import (
    Judged,
    Unrolled,
    depths,
    gradients_at,
    unrolled,
    validate,
    worst_of,
)
from .unrolling import Unrolling, values_within

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
            if all(r.first.offset <= given[r.letter] <= r.last.offset for r in own):
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
    families: Families, request: Request, recursion: Recursion, lengths: Mapping[str, int]
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


def judged_given(
    problem: Problem, request: Request, recursion: Recursion, first: First | None, seed: int
) -> Iterator[Judged]:
    """The verdict on each member for each value of the letters, at several lengths."""
    families = with_letters(problem.families, request)
    for lengths in depths(recursion):
        for given, block in blocks(families, request, recursion, lengths):
            for asked, found in _asked(families, request, block, first, given):
                checker = checker_of(problem, asked, [found.gradient], seed)
                check = checker.check if request.claim is None else checker.check_claim
                yield Judged(given, found, check(found.gradient))


def _asked(
    families: Families,
    request: Request,
    block: Recursion,
    first: First | None,
    given: Mapping[str, int],
) -> Iterator[tuple[Request, Unrolled]]:
    """What is asked for each member, as a plain request: derivatives of what is unrolled."""
    members = unrolled(families, request, block, given)
    plain = replace(request, claim=None, ranges=(), rows=None)
    if request.kind in ("hvp", "jvp"):
        for found in members:
            of = found.of if first is None else _gradient(families, first, found.wrt, given)
            of, value = (_moved(e, request, found.wrt) for e in (of, found.gradient))
            asked = replace(plain, kind="jac", of=of, wrt=STEP, direction=None)
            yield asked, replace(found, of=of, wrt=STEP, gradient=value)
    elif first is not None:
        rows = at_index(first.request.wrt, numbered(given))
        of = _gradient(families, first, rows, given)
        for found in members:
            if request.rows is None or found.wrt.name != rows.name:
                yield replace(plain, kind="jac", of=of, wrt=found.wrt), found
    else:
        for found in members:
            yield replace(plain, of=found.of, wrt=found.wrt), found


def _gradient(families: Families, first: First, wrt: Symbol, given: Mapping[str, int]) -> Expr:
    """The gradient by a member, in inputs alone."""
    recursion = first.recursion
    segments = (*families.segments, *segments_of(recursion.cotangents))
    padded = frozenset(base for base, _ in recursion.padded)
    value = gradients_at(recursion, given)(wrt.indices)
    if value is None:
        pairs = zip(first.request.wrt.indices, wrt.indices, strict=True)
        at = {i.letter: k for i, k in pairs if i.letter}
        value = reindexed(recursion.gradients[0].value, at)
    return Unrolling(segments, given, padded=padded).expression(value)


def _moved(e: Expr, request: Request, wrt: Symbol) -> Expr:
    """An expression where the variable, or all members of its family, are moved along the
    direction."""
    direction = request.direction
    assert direction is not None
    new: dict[Expr, Expr] = {}
    for x in symbols_of(e):
        if direction.indices and x.base == request.wrt.base:
            along = ex.symbol(member(direction.base, *x.indices), x.shape)
        elif not direction.indices and x is wrt:
            along = direction
        else:
            continue
        new[x] = ex.add(x, ex.times(STEP, along))
    return substitute(e, new) if new else e
