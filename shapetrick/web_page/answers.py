"""A question of the page as plain data, and its answer: what a server or a worker passes on.

A question is `{"ask": …, "text": …}`; an answer holds strings, numbers, lists and dictionaries
alone. Places in a text are counted as JavaScript does, in UTF-16 code units. The work of a question
is bounded by the budgets and by a time limit of its own.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

from ..api import Derivation, Problem, html_page, read
from ..core.deadline import SECONDS, limited
from ..core.errors import BudgetError, InputError, RequestError, ShapetrickError, Span, excerpt
from ..core.examples import shipped_examples
from ..core.functions import NAMES, OPERATORS, TABLE
from ..core.greek import GREEK
from ..core.problem import NOTHING_ASKED
from ..core.problem import Problem as ProblemData
from ..core.results import Result
from ..language.elaboration import read as read_problem
from ..language.highlighting import highlighted
from ..language.latex.files import is_marked, marked
from ..language.shapes.words import vocabulary
from ..language.syntax.tree import ATTRIBUTES
from ..pipeline import joint_gradients as joint_gradients  # before time is taken
from ..render import article
from ..render import document as doc
from ..render.html import Articles, Report, verdict
from ..render.layout import plain
from ..render.phrases import KINDS, asked, asked_together, figures
from ..render.problem_shapes import named_shapes, shapes_section
from ..render.terminal import Style, joint_rows
from ..targets import TARGETS

MOST_COLOURED = 20_000  # letters: it is done anew at each key

PageAnswer = dict[str, Any]


def answer(question: Mapping[str, Any], time_limit: float | None = SECONDS) -> PageAnswer:
    """The answer; what can't be understood or takes too much is told in it, under `errors`."""
    found: PageAnswer = {"errors": []}
    text = question.get("text", "")
    try:
        answers = _QUESTIONS.get(str(question.get("ask")))
        if answers is None or not isinstance(text, str):
            raise InputError(f"a question asks for {', '.join(_QUESTIONS)}, about a text.")
        limited(time_limit, lambda: answers(found, text, question))
    except ShapetrickError as e:
        found["errors"].append(_error(e, text))
    except MemoryError:
        short = BudgetError("there is not enough memory on this machine: ask for less.")
        found["errors"].append(_error(short, text))
    except Exception as fault:
        what = " ".join(f"{type(fault).__name__}: {fault}".split())
        said = f"this is a fault of shapetrick, not of the problem: {what}. Please report it."
        found["errors"].append({"message": said})
    return found


# ------------------------------------------------------------------------- what is read of a text


def _reading(found: PageAnswer, text: str, _: Mapping[str, Any]) -> Problem | None:
    """How a text looks and what it means: its names with their shapes, and what it asks for. Of one
    that is still being typed, the names of what can be read."""
    found["marks"] = _marks(text)
    if not text.strip():
        return None
    try:
        problem = _problem(text)
    except InputError as e:
        for begun in (text, _before(text, e.span)):
            with suppress(InputError):
                _tell_names(found, read_problem(begun, complete=False))
                break
        raise
    _tell_names(found, problem.data)
    found["requests"] = [asked(request) for request in problem.data.requests]
    return problem


def _before(text: str, span: Span | None) -> str:
    """The lines before that of a fault."""
    return text[: text.rfind("\n", 0, span.start) + 1] if span is not None else ""


def _tell_names(found: PageAnswer, problem: ProblemData) -> None:
    found["shapes"] = shapes_section(problem)
    found["names"] = [
        {"name": name, "rows": str(rows), "columns": str(cols)}
        for name, (rows, cols) in named_shapes(problem)
    ]
    found["functions"] = list(problem.functions)
    found["remarks"] = [remark._asdict() for remark in doc.preface(problem)]


def _problem(text: str) -> Problem:
    return read(marked(text) if is_marked(text) else text, time_limit=None)


def _marks(text: str) -> list[tuple[str, int, int]]:
    """The parts of a text that have a look."""
    if len(text) > MOST_COLOURED:
        return []
    place = _places(text)
    return [(look, place(start), place(end)) for look, (start, end) in highlighted(text)]


def _error(e: ShapetrickError, text: object) -> PageAnswer:
    """What is wrong, and where in the text."""
    told: PageAnswer = {"message": e.message}
    if e.span is not None and e.text is not None:
        told["excerpt"] = excerpt(e.text, e.span)
    if e.span is not None and isinstance(text, str) and len(e.text or text) == len(text):
        place, (start, end) = _places(text), e.span  # letters are made plain, in their places
        told |= {"start": place(start), "end": place(max(end, start + 1))}
    return told


def _places(text: str) -> Callable[[int], int]:
    """Where a character stands in the same text as JavaScript has it."""
    if text.isascii():
        return lambda at: min(at, len(text))
    wide = [i for i, c in enumerate(text) if ord(c) > 0xFFFF]
    return lambda at: min(at, len(text)) + bisect_left(wide, at)


# ----------------------------------------------------------------------------- what is found of it


def _answers(found: PageAnswer, text: str, question: Mapping[str, Any]) -> None:
    """What is read, and the derivation of each request or the verdict on each claim; one that
    fails does not keep the others from being answered."""
    found["results"] = results = []
    problem = _reading(found, text, question)
    if problem is None:
        return
    told = Articles()
    waiting = problem.parts()
    while waiting:
        one = waiting.pop(0)
        try:
            results += [_judged(one)] if one.data.claimed else _derived(one, told)
        except ShapetrickError as e:
            if len(one.data.requests) > 1:
                waiting[:0] = one.requests()  # each may be answered alone
            else:
                found["errors"].append(_error(e, text))


def _derived(problem: Problem, told: Articles) -> list[PageAnswer]:
    """The derivations of requests that are answered together: an answer for each article."""
    derived = {d.result.request: d for d in problem.derive(time_limit=None, taken=told.names)}
    results = [replace(d.result, steps=d.steps) for d in derived.values()]
    return [
        _told(problem, [derived[r.request] for r in together], together, told)
        for together in doc.told_together(results)
    ]


def _told(
    problem: Problem, derived: Sequence[Derivation], results: Sequence[Result], told: Articles
) -> PageAnswer:
    """What one article tells of derivations."""
    data = problem.data
    reports = [
        Report(data, result, partial(getattr, d, "curve"), partial(getattr, d, "scale_errors"))
        for d, result in zip(derived, results, strict=True)
    ]
    worst = max(derived, key=lambda d: d.validation.max_relative_error)
    latex = derived[0].latex()
    if len(derived) > 1:
        latex = article.written(article.derivation_parts(results, data, doc.ANSWER), "latex")
    return {
        "asked": asked_together([r.request for r in results]),
        "verdict": worst.validation.verdict,
        "requests": len(results),
        "text": plain(joint_rows(results, Style(quiet=True), data, doc.Telling())).strip("\n"),
        "latex": latex,
        "figures": list(figures(worst.validation)),
        "markup": told.next(reports),
    }


def _judged(problem: Problem) -> PageAnswer:
    """What is found of a claim, and the place of what mends it."""
    (check,), (claim,) = problem.verdicts(time_limit=None), problem.data.claimed
    span = claim.right_span
    given: PageAnswer = {}
    if check.suggestion is not None and span is not None:
        place, (start, end) = _places(problem.data.text), span
        given = {"instead": check.suggestion, "start": place(start), "end": place(end)}
    return {
        "asked": f"check {check.stated()}",
        "verdict": check.verdict,
        "text": check.diagnosis,
        "markup": verdict(problem.data, check.story()),
        **given,
    }


# ------------------------------------------------------------------------------ what is taken away


def _code(found: PageAnswer, text: str, question: Mapping[str, Any]) -> None:
    """What computes all that is asked, for any target."""
    target = str(question.get("target"))
    if target not in TARGETS:
        raise InputError(f"there is code for {', '.join(TARGETS)}.")
    found["code"] = _problem(text).code(target, time_limit=None)


def _document(found: PageAnswer, text: str, question: Mapping[str, Any]) -> None:
    """All derivations as a document."""
    write = _DOCUMENTS.get(str(question.get("format")))
    if write is None:
        raise InputError(f"a document is {', '.join(_DOCUMENTS)}.")
    problem = _problem(text)
    if not problem.data.requests:
        raise RequestError(NOTHING_ASKED)
    found["document"] = write(problem, problem.derive(time_limit=None))


def _article(_: Problem, derived: Sequence[Derivation], format_: str) -> str:
    problem = derived[0].problem
    results = [replace(d.result, steps=d.steps) for d in derived]
    parts = [*article.problem_parts(problem)]
    parts += article.derivation_parts(results, problem, doc.LINES)
    return article.written(parts, format_, standalone=format_ == "latex")


_DOCUMENTS: dict[str, Callable[[Problem, Sequence[Derivation]], str]] = {
    "html": lambda _, derived: html_page(derived),
    "latex": partial(_article, format_="latex"),
    "markdown": partial(_article, format_="markdown"),
}


# ------------------------------------------------------------------------ what the page begins with


def _words(found: PageAnswer, _: str, __: Mapping[str, Any]) -> None:
    """The words to complete, each with what it means; letters by what is typed for them."""
    words = dict[str, str](KINDS.items())
    words |= {"check": "a claim", "wrt": "by a variable", "elementwise": "a function"}
    words |= dict.fromkeys(ATTRIBUTES, "of a declared name")
    words |= {name: TABLE[of].help for name, of in NAMES.items() if of not in OPERATORS}
    library = vocabulary().library
    words |= {name: next(iter(library[name].values())).written for name in library}
    found["words"] = words
    found["letters"] = {f"\\{name}": letter for letter, name in GREEK.items()}
    found["targets"] = list(TARGETS)


def _examples(found: PageAnswer, _: str, __: Mapping[str, Any]) -> None:
    """The problems that come along."""
    found["examples"] = [example._asdict() for example in shipped_examples()]


_QUESTIONS: dict[str, Callable[[PageAnswer, str, Mapping[str, Any]], object]] = {
    "reading": _reading,
    "answers": _answers,
    "code": _code,
    "document": _document,
    "words": _words,
    "examples": _examples,
}
