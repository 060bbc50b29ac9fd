"""Judging a claim on members of families: for all members for which it is made."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

from ..core.errors import InputError
from ..core.families import Place
from ..core.problem import Problem, Request
from ..language.expressions import read_expression
from ..language.printer import to_text
from .family_claims import Assertion, Region
from .member_claims import judged_claim
from .verdicts import Judgement, not_refused, verdict_on
from .wrong_claims import WrongClaim, with_more


def judged_of_families(problem: Problem, request: Request, seed: int) -> Judgement:
    """The verdict on a claim in a problem with families."""
    claim = request.claim
    assert claim is not None
    if request.kind not in ("grad", "vjp") or request.ranges:
        return _judged_of_members(problem, request, seed)
    assertion = Assertion(problem, request, seed)
    ruling = None if claim.value is None else assertion.ruling(claim.value)
    validation = None if ruling is None else ruling.validation
    found = not_refused(request, validation)
    if found is not None:
        return found
    plain = WrongClaim(problem, request, validation, seed).plain()
    return _judged_in_a_step(
        plain, assertion, assertion.regions if ruling is None else ruling.regions, seed
    )


def _judged_of_members(problem: Problem, request: Request, seed: int) -> Judgement:
    """The verdict on a claim that is none on a gradient by members."""
    claim = request.claim
    assert claim is not None
    if claim.value is None:
        return WrongClaim(problem, request, None, seed).plain()
    found = judged_claim(problem, request, seed)
    v, where = found.validation, f" for {found.where}" if found.where else ""
    said, error = f"{v.reason}; it is `{found.answer}`{where}", v.max_relative_error
    wrong = Judgement(request, claim.text, "wrong", error, said, found.answer, None, v)
    return not_refused(request, v) or wrong


def _judged_in_a_step(
    plain: Judgement, assertion: Assertion, regions: Sequence[Region], seed: int
) -> Judgement:
    """A wrong claim on members, mended in one step of the recurrence alone; what mends it is
    checked in the whole network."""
    claim = plain.request.claim
    letters, whole = assertion.letters, () if claim is None else claim.ranges
    wrong = next(r for r in regions if not r.right)
    answer = to_text(assertion.answer(wrong))
    rights = [r.text(letters, whole) for r in regions if r.right]
    if rights:
        said = f"right for {' and '.join(rights)} only: for {wrong.text(letters, whole)} the"
        said += f" gradient is `{answer}`"
        return replace(plain, diagnosis=said, suggestion=answer)
    step = assertion.step(wrong)
    if step is not None:
        alone, local = step
        value = None if local.claim is None else local.claim.value
        validation = None if value is None else verdict_on(alone, local, value, seed)
        judged = WrongClaim(alone, local, validation, seed).judgement()
        if judged.suggestion is not None:
            right: set[Place] = set()
            with suppress(InputError):  # it mentions what isn't there at all these lengths
                value = assertion.members_again(read_expression(judged.suggestion, alone), alone)
                right = {r.first for r in assertion.ruling(value).regions if r.right}
            if wrong.first in right:
                return replace(
                    judged, request=plain.request, validation=plain.validation, error=plain.error
                )
    return with_more(plain, [f"the gradient is `{answer}`"], suggestion=answer)
