"""The verdict of the differences on a claim, and what else is found of it: where it goes wrong, and
what mends it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ..core.errors import Span
from ..core.expr import Expr
from ..core.problem import Problem, Request
from ..core.results import Validation
from ..validation.checker import checker_of
from .diagnosis import Mistake

ClaimVerdict = Literal["right", "wrong", "unchecked"]


@dataclass(frozen=True, slots=True)
class ClaimPart:
    """A part of a claim and its place in the problem's text."""

    text: str
    span: Span


@dataclass(frozen=True, slots=True)
class Judgement:
    """What was found of a claim.

    `error` is its largest relative error against finite differences (infinite where it has another
    shape, or none). `suggestion` is the claim with the smallest change that makes it right
    (`mended`), or the right answer where no small change does, unless that is too long to be read;
    it passed the validation."""

    request: Request
    claim: str
    verdict: ClaimVerdict
    error: float
    diagnosis: str
    suggestion: str | None
    where: ClaimPart | None
    validation: Validation | None
    mended: bool = False
    slips: tuple[Mistake, ...] = ()
    proviso: str | None = None
    evidence: Validation | None = None  # that of the suggestion

    @property
    def span(self) -> Span | None:
        """Where it stands in the problem's text."""
        return self.request.span


def verdict_on(problem: Problem, request: Request, value: Expr, seed: int = 0) -> Validation:
    """The verdict of the differences on a claimed value."""
    return checker_of(problem, request, [value], seed).check_claim(value)


def not_refused(request: Request, validation: Validation | None) -> Judgement | None:
    """The judgement of a claim that the differences verified or could not check; None of others."""
    claim, v = request.claim, validation
    if claim is None or v is None or v.verdict == "wrong":
        return None
    verdict: ClaimVerdict = "right" if v.verdict == "verified" else "unchecked"
    return Judgement(request, claim.text, verdict, v.max_relative_error, v.reason, None, None, v)
