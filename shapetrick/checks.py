"""The Python face of a judged claim."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any

from .claims.judgement import judge
from .claims.verdicts import ClaimPart, ClaimVerdict, Judgement
from .core.errors import Span
from .core.problem import EqualityClaim, Problem, Request
from .core.results import Validation
from .core.warnings import warnings_of
from .numerics.error_curves import Curve
from .validation.checker import checker_of

if TYPE_CHECKING:
    from .claims.equalities import CounterExample, EqualityJudgement
    from .render.claims import ClaimStory
    from .render.layout import Row
    from .render.terminal import Style


class JudgedClaim(ABC):
    """What was found of a claim, whatever it is of."""

    problem: Problem
    judgement: Judgement | EqualityJudgement

    @property
    def verdict(self) -> ClaimVerdict:
        """`right`, `wrong`, or `unchecked` where too few points could be looked at."""
        return self.judgement.verdict

    @property
    def right(self) -> bool:
        """Whether the claim passed every check."""
        return self.verdict == "right"

    @property
    @abstractmethod
    def claim(self) -> str:
        """The claim, as typed."""

    @property
    def diagnosis(self) -> str:
        """What is wrong, with a counter-example of an equality, or why it could not be checked;
        empty for a right claim."""
        return self.judgement.diagnosis

    @property
    def span(self) -> Span | None:
        """Where it stands in the problem's text."""
        return self.judgement.span

    @property
    def suggestion(self) -> str | None:
        """A right claim (of an equality, its right side): with the smallest change that was found,
        or else the right answer, if there is one."""
        return self.judgement.suggestion

    @property
    def mended(self) -> bool:
        """Whether the suggestion is the claim with a small change."""
        return self.judgement.mended

    @abstractmethod
    def stated(self, name: Callable[[str], str] = str) -> str:
        """The claim on one line; `name` writes the upstream's name."""

    @abstractmethod
    def story(self, with_curve: bool = True) -> ClaimStory:
        """What a document tells of it, with the curve of its error if there is one."""

    def rows(self, style: Style, with_curve: bool = False) -> list[Row]:
        """What is shown of it on a terminal."""
        from .render.terminal import claim_rows

        return claim_rows(self.story(with_curve), style)

    def latex(self) -> str:
        """The claim as an equation in LaTeX's mathematics, with the sign that it deserves."""
        from .render.latex import equation, notation_for

        story = self.story(with_curve=False)
        return " ".join(equation(story.equation, notation_for(self.problem, story.claim)))

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """All of it as data that JSON can hold."""

    def _repr_latex_(self) -> str:
        return rf"$\displaystyle {self.latex()}$"

    def _repr_html_(self) -> str:
        from .render.html import verdict_card

        return verdict_card(self.problem, self.story(), str(self))

    def __eq__(self, other: object) -> bool:
        """Whether the same was found of the same claim."""
        if not isinstance(other, JudgedClaim):
            return NotImplemented
        return self.to_dict() == other.to_dict()

    def __hash__(self) -> int:
        return hash((self.claim, self.verdict))

    def __str__(self) -> str:
        from .render.layout import plain
        from .render.terminal import Style

        return plain(self.rows(Style()))


class Check(JudgedClaim):
    """What was found of one claim of a problem.

    >>> c = st.check("x: n; J = x' x; check grad J wrt x = x")
    >>> c
    <Check grad J wrt x = x: wrong>
    >>> c.right, c.suggestion
    (False, '2 x')
    """

    judgement: Judgement

    def __init__(self, problem: Problem, judgement: Judgement, seed: int = 0) -> None:
        self.problem = problem
        self.judgement = judgement
        self._seed = seed

    @property
    def kind(self) -> str:
        """`grad`, `vjp`, `jac`, `hess`, `jvp` or `hvp`."""
        return self.judgement.request.kind

    @property
    def of(self) -> str:
        """What was differentiated, as typed."""
        return self.judgement.request.of_text

    @property
    def wrt(self) -> str:
        """The name of the variable."""
        return str(self.judgement.request.wrt.name)

    @property
    def claim(self) -> str:
        """The claim, as typed."""
        return self.judgement.claim

    @property
    def error(self) -> float:
        """The largest relative error against finite differences; infinite for another shape."""
        return self.judgement.error

    def stated(self, name: Callable[[str], str] = str) -> str:
        """The request and the claim, on one line."""
        from .render.phrases import asked

        return f"{asked(self.judgement.request, name)} = {' '.join(self.claim.split())}"

    @property
    def where(self) -> ClaimPart | None:
        """The part of the claim that is wrong: its `text`, and its place in the problem's text."""
        return self.judgement.where

    @property
    def validation(self) -> Validation | None:
        """The verdict of the differences on the claim; None if its shapes don't fit."""
        return self.judgement.validation

    @property
    def warnings(self) -> tuple[str, ...]:
        """What nobody should overlook, as of a derivation."""
        return warnings_of(self.problem, self.judgement.request)

    @cached_property
    def curve(self) -> Curve | None:
        """The claim's error against the step of the differences; None if it has another shape."""
        claim = self.judgement.request.claim
        value = None if claim is None else claim.value
        if value is None or self.problem.has_families:
            return None
        return checker_of(self.problem, self.judgement.request, [value], self._seed).curve(value)

    def plot(self) -> Any:
        """The curve as a matplotlib figure; None if there is none. Needs the extra `plot`."""
        from .render.plots import curve_figure

        return None if self.curve is None else curve_figure(self.curve, f"{self.of} by {self.wrt}")

    def to_dict(self) -> dict[str, Any]:
        """All of it as data that JSON can hold."""
        from .interop.json_export import judgement_dict

        return judgement_dict(self.judgement, self.warnings)

    def story(self, with_curve: bool = True) -> ClaimStory:
        """What a document tells of it, with the curve of its error."""
        from .render.claims import claim_story

        return claim_story(self.judgement, self.problem, self.curve if with_curve else None)

    def __repr__(self) -> str:
        return f"<Check {self.kind} {self.of} wrt {self.wrt} = {self.claim}: {self.verdict}>"


class EqualityCheck(JudgedClaim):
    """What was found of a claim that two expressions are equal.

    >>> c = st.check("A, B : n x n; check tr(A B) = tr(A) tr(B)")
    >>> c
    <EqualityCheck tr(A B) = tr(A) tr(B): wrong>
    >>> c.right, sorted(c.example.sizes)
    (False, ['n'])
    """

    kind = "equality"
    judgement: EqualityJudgement

    def __init__(self, problem: Problem, judgement: EqualityJudgement) -> None:
        self.problem = problem
        self.judgement = judgement

    @property
    def claim(self) -> str:
        """Both sides, as typed."""
        return self.judgement.claim.key

    def stated(self, _: Callable[[str], str] = str) -> str:
        """Both sides, as typed."""
        return self.claim

    @property
    def condition(self) -> str:
        """Under what a wrong equality would be right, `A is symmetric`; empty if not found."""
        return self.judgement.condition

    @property
    def example(self) -> CounterExample | None:
        """Sizes, inputs and values that differ."""
        return self.judgement.example

    def to_dict(self) -> dict[str, Any]:
        """All of it as data that JSON can hold."""
        from .interop.json_export import equality_dict

        return equality_dict(self.judgement)

    def story(self, with_curve: bool = True) -> ClaimStory:
        """What a document tells of it."""
        from .render.claims import equality_story

        return equality_story(self.judgement)

    def __repr__(self) -> str:
        return f"<EqualityCheck {self.claim}: {self.verdict}>"


def equality_checked(problem: Problem, claim: EqualityClaim, seed: int = 0) -> EqualityCheck:
    """What is found of an equality that a problem claims."""
    from .claims.equalities import judge_equality

    return EqualityCheck(problem, judge_equality(claim, seed, problem))


def checked(problem: Problem, request: Request, seed: int = 0) -> Check:
    """What is found of the claim of a request."""
    return Check(problem, judge(problem, request, seed), seed)
