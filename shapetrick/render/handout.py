"""A handout: a worksheet of exercises with room to work on, and behind it the key."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..core.dims import shape_text
from ..core.named_tuples import NamedTuple
from ..core.problem import Problem, shape_of_result
from ..core.results import Result
from . import phrases as words
from .article import ArticlePart, Paragraph, derivation_parts, written
from .document import Story, derivation_story
from .html import Report, article, document
from .html_elements import Html, element
from .pygments_lexer import coloured


class Exercise(NamedTuple):
    """What is given and asked, and the derivation with its steps."""

    title: str
    given: str
    hint: str
    problem: Problem
    result: Result

    @property
    def task(self) -> str:
        """What is to be found, and its shape."""
        shape = shape_text(shape_of_result(self.result.request))
        return f"Find {words.asked(self.result.request)}; it is {shape}."


def in_html(exercises: Sequence[Exercise]) -> str:
    """A page for a browser, which prints the key on a page of its own."""
    worksheet = (_worked(i, e) for i, e in enumerate(exercises, 1))
    key = (
        element("section", _heading(i, e), article(_story(e), [Report(e.problem, e.result)], ""))
        for i, e in enumerate(exercises, 1)
    )
    return document(
        "Handout · shapetrick",
        element("h1", "Worksheet"),
        *worksheet,
        element("section", element("h1", "Key"), *key, class_="key"),
    )


def _story(e: Exercise) -> Story:
    return derivation_story(e.result, e.problem)


def _heading(number: int, e: Exercise) -> Html:
    return element("h2", f"{number}. {e.title}")


def _worked(number: int, e: Exercise) -> Html:
    hint = element("details", element("summary", "Hint"), element("p", e.hint, class_="body"))
    return element(
        "section",
        _heading(number, e),
        element("pre", coloured(e.given), tabindex=0),
        element("p", e.task),
        hint if e.hint else "",
        element("div", class_="room"),
        class_="exercise",
    )


def in_latex(exercises: Sequence[Exercise]) -> str:
    """A document for LaTeX."""
    return written(_parts(exercises), "latex", standalone=True)


def _parts(exercises: Sequence[Exercise]) -> Iterator[ArticlePart]:
    yield Paragraph("Worksheet", "heading")
    for i, e in enumerate(exercises, 1):
        yield Paragraph(f"{i}. {e.title}", "strong")
        yield Paragraph(e.given, "code")
        yield Paragraph(" ".join(filter(None, [e.task, e.hint and f"Hint: {e.hint}."])))
        yield Paragraph("", "room")
    yield Paragraph("", "page")
    yield Paragraph("Key", "heading")
    for i, e in enumerate(exercises, 1):
        yield Paragraph(f"{i}. {e.title}", "strong")
        yield from derivation_parts([e.result], e.problem)
