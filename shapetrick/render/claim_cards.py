"""A judged claim in a notebook: as an equation, and as a card with what mends it."""

from __future__ import annotations

from ..claims.judgement import Judgement
from ..core.dims import shape_text
from ..core.errors import InputError
from ..core.problem import Problem
from ..language.elaboration import read_expression
from ..numerics.error_curves import Curve
from . import mathml
from . import phrases as words
from .claims import BADGES
from .document import heading
from .html import styled
from .html_elements import Html, element
from .latex import escaped, notation_for, sized, to_latex
from .svg import curve_picture

_SIGNS = {"right": "=", "wrong": r"\neq", "unchecked": r"\overset{?}{=}"}
_LOOKS = {"right": "verified", "wrong": "wrong", "unchecked": "unchecked"}


def equation(problem: Problem, j: Judgement) -> str:
    """The claim in LaTeX's mathematics, with the sign that it deserves."""
    return f"{_left(problem, j)} {_SIGNS[j.verdict]} {_claimed(problem, j)}"


def ruling(problem: Problem, j: Judgement, curve: Curve | None = None) -> str:
    """The claim, the verdict, and what mends it."""
    figures = "; ".join(words.figures(j.validation)) if j.validation and j.validation.draws else ""
    said = "; ".join(text for text in (j.diagnosis, figures) if text)
    verdict = element(
        "p",
        element("span", BADGES[j.verdict], class_="badge"),
        element("span", said, class_="soft"),
        class_="verdict",
    )
    card = element(
        "div",
        _formula(equation(problem, j)),
        verdict,
        *_instead(problem, j),
        class_=f"answer {_LOOKS[j.verdict]}",
    )
    asked = element("p", f"check {words.asked(j.request)}", class_="asked")
    return styled(element("section", asked, card, curve_picture(curve) if curve else ""))


def _left(problem: Problem, j: Judgement) -> str:
    return sized(heading(j.request, notation_for(problem, j.request)))


def _claimed(problem: Problem, j: Judgement) -> str:
    claim = j.request.claim
    if claim is None or claim.value is None:
        return rf"\text{{{escaped(' '.join(j.claim.split()))}}}"
    return to_latex(claim.value, notation_for(problem, j.request))


def _instead(problem: Problem, j: Judgement) -> list[Html]:
    if j.suggestion is None:
        return []
    said = "What mends it:" if j.mended else "The answer:"
    try:
        e = read_expression(j.suggestion, problem)
    except InputError:  # a name that the answer introduced
        return [element("p", said), element("pre", j.suggestion)]
    text = f"{_left(problem, j)} = {to_latex(e, notation_for(problem, j.request))}"
    return [element("p", said), _formula(text, shape_text(e.shape))]


def _formula(latex: str, shape: str = "") -> Html:
    pieces = [Html(piece) for piece in mathml.pieces(latex)]
    return element("div", *pieces, element("span", shape, class_="shape"), class_="formula")
