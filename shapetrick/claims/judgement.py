"""Judging a claim: finite differences have the say on it, as on any gradient.

What members of families need, and what is said of a wrong claim, is imported where there is such a
claim: most are plain and right.
"""

from __future__ import annotations

from contextlib import suppress

from ..core.errors import DerivationError
from ..core.problem import Problem, Request
from ..pipeline.symmetric_answers import as_answered
from .verdicts import Judgement, not_refused, verdict_on


def judge(problem: Problem, request: Request, seed: int = 0) -> Judgement:
    """The verdict on a request's claim: of members of families, on all for which it is made."""
    problem = problem.holding(request.wrt)
    with suppress(DerivationError):  # it is said below, where nothing is found to compare with
        request = as_answered(problem, request, seed)
    if problem.has_families:
        from .member_claims import judged_of_families

        return judged_of_families(problem, request, seed)
    value = None if request.claim is None else request.claim.value
    validation = None if value is None else verdict_on(problem, request, value, seed)
    found = not_refused(request, validation)
    if found is None:
        from .wrong_claims import WrongClaim

        found = WrongClaim(problem, request, validation, seed).judgement()
    return found
