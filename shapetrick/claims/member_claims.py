"""Claims on derivatives by members beside gradients: judged for each value of all letters, at
several lengths; the right answer is that of the first member of which the claim is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ..core.indices import numbered, within, written
from ..core.named_tuples import NamedTuple
from ..core.problem import Problem, Request
from ..core.results import Equation, Recursion, Validation
from ..families.given_checks import at_given, claimed, validate_given
from ..families.recurrence import segments_of, unshifted
from ..families.unrolled_checks import Judged, worst_of
from ..families.unrolling import Unrolling
from ..language.printer import to_text
from ..pipeline.member_derivatives import MemberDerivative


class ClaimOnMembers(NamedTuple):
    """The verdict on a claim, and what is right where it is wrong."""

    validation: Validation
    answer: str
    where: str


def judged_claim(problem: Problem, request: Request, seed: int) -> ClaimOnMembers:
    """The verdict of the differences on what is claimed. Raises DerivationError."""
    plain = unshifted(problem.families, request)
    derivative = MemberDerivative(problem, plain)
    recursion, first = derivative.recursion(), derivative.first
    found = [*claimed(problem, request, recursion, first, seed)]
    worst = worst_of([Judged(m.values, m.found, v) for m, v in found], seed)
    if worst.verdict != "wrong":
        return ClaimOnMembers(worst, "", "")
    if validate_given(problem, plain, recursion, first, seed).verdict != "verified":
        reason = "what is right is not verified"
        return ClaimOnMembers(replace(worst, verdict="unchecked", reason=reason), "", "")
    values = next(m.values for m, v in found if v.verdict == "wrong")
    q = _holding(plain, recursion, values)
    ranges = [r for r in q.ranges if r.first != r.last]
    return ClaimOnMembers(worst, to_text(q.value), written(ranges))


def _holding(request: Request, recursion: Recursion, values: Mapping[str, int]) -> Equation:
    """The equation for the member at which the letters have these values."""
    letters = [r.letter for r in request.ranges]
    place = within(request.wrt.indices, numbered(values))
    for q in recursion.gradients:
        for held in at_given(recursion._replace(gradients=(q,)), values, letters).gradients:
            pieces = segments_of([held])
            if not pieces or place in Unrolling((), values).members(pieces[0]):
                return q
    return recursion.gradients[0]
