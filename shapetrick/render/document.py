"""A result as an article has it: headings, paragraphs, displayed equations in LaTeX's mathematics.

`render/document_formats.py` writes these blocks down, as LaTeX or as Markdown.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from ..core.expr import Name
from ..core.problem import Problem, Request
from ..core.results import Line, Recursion, Result, Step
from . import phrases as words
from .latex import Latex, factor_latex, notation_for, sized, to_latex

WIDTH = 56  # of an equation, in letters
REMARK = 18  # of a remark behind it
ARRANGED = r"\rightsquigarrow"


@dataclass(frozen=True, slots=True)
class Text:
    """A paragraph, plain or in another look: `code`, `strong`, `heading`."""

    text: str
    look: str = ""


@dataclass(frozen=True, slots=True)
class Equation:
    """A row of a display: the left side, the sign, the right side, and a remark."""

    left: str
    sign: str
    right: str
    remark: str = ""


@dataclass(frozen=True, slots=True)
class Item:
    """A formula in a list, and what is said of it."""

    formula: str
    text: str


Block = Text | Item | tuple[Equation, ...]


# ------------------------------------------------------------------------------------- the blocks


def problem_blocks(problem: Problem) -> Iterator[Block]:
    """The problem as typed, and what was assumed."""
    if problem.text.strip():
        yield Text(problem.text.strip("\n"), "code")
    for name, remarks in (("Assumed", problem.assumptions), ("Read", problem.readings)):
        if remarks:
            yield Text(f"{name}: {'; '.join(remarks)}.")


QUIET, LINES, STEPS = range(3)  # the gradient alone, the derivation, and what was rejected


def result_blocks(result: Result, problem: Problem, depth: int = LINES) -> Iterator[Block]:
    """The derivation of one request."""
    notation = notation_for(problem, result.request)
    if depth == QUIET:
        yield tuple(_gradient(result, notation, problem.definitions))
        return
    yield Text(words.asked(result.request), "heading")
    for step in result.steps:
        yield tuple(_step(step, notation))
        if depth == STEPS:
            yield from _rejected(step, notation)
        if step.note:
            yield Text(f"{step.note[0].upper()}{step.note[1:]}.")
    yield tuple(_gradient(result, notation))
    for note in result.notes:
        yield Text(f"Note: {note}.")
    v = result.validation
    evidence = "; ".join([v.reason, *words.figures(v)] if v.reason else words.figures(v))
    yield Text(words.BADGES[v.verdict], "strong")
    yield Text(f"{evidence}.")


def equation(result: Result, problem: Problem) -> str:
    """The gradient as one equation, with a question mark where it isn't verified."""
    notation = notation_for(problem, result.request)
    sign = _sign(result)
    return (
        f"{sized(heading(result.request, notation))} {sign} {to_latex(result.gradient, notation)}"
    )


def heading(request: Request, notation: Latex) -> str:
    """What was asked for, as it stands left of the gradient."""
    of, name = to_latex(request.of, notation), str(notation.name(words.variable(request)))
    if not isinstance(request.of, Name):
        of = f"({of})"
    along = ""
    if request.direction is not None and request.kind != "vjp":
        along = f"[{notation.name(request.direction.name)}]"
    match request.kind:
        case "vjp":
            return notation.label(f"bar({words.variable(request)})")
        case "hess" | "hvp":
            return rf"\frac{{\partial^{{2}} {of}}}{{\partial {name}^{{2}}}}{along}"
    return rf"\frac{{\partial {of}}}{{\partial {name}}}{along}"


def _sign(result: Result) -> str:
    return "=" if result.validation.verdict == "verified" else r"\overset{?}{=}"


def _step(step: Step, notation: Latex) -> Iterator[Equation]:
    label = sized(notation.label(step.label))
    for i, line in enumerate(step.lines):
        yield from _scalars("" if i else label, step, line, notation)
        arranged = _lines(to_latex(line.arrangement, notation), WIDTH - REMARK)
        yield Equation("", ARRANGED, arranged[0], _fits(line))
        yield from (Equation("", "", rf"\quad {more}") for more in arranged[1:])
    if len(step.lines) != 1 or step.lines[0].arrangement is not step.result:
        yield from _equations(label, "=", to_latex(step.result, notation))


def _scalars(label: str, step: Step, line: Line, notation: Latex) -> Iterator[Equation]:
    """The scalar line, the shapes under its factors."""
    factors = []
    for expression in (f.expression for f in line.factors):
        shape = notation.shape(expression.shape)
        factors.append(rf"\underbrace{{{factor_latex(expression, notation)}}}_{{{shape}}}")
    negative = line.coefficient < 0
    if abs(line.coefficient) != 1 or not factors:
        factors.insert(0, str(notation.number(abs(line.coefficient))))
    rows: list[list[str]] = [[]]
    for factor in factors:
        if rows[-1] and sum(map(_width, [*rows[-1], factor])) > WIDTH:
            rows.append([])
        rows[-1].append(factor)
    sign = "-" if negative else "" if label else "+"
    for i, row in enumerate(rows):
        text = r" \cdot ".join(row)
        if i == len(rows) - 1:
            text += rf" \;\to\; {notation.shape(step.shape)}"
        if i == 0:
            yield Equation(label, "=" if label else "", f"{sign} {text}".strip())
        else:
            yield Equation("", "", rf"\quad {{}} \cdot {text}")


def _fits(line: Line) -> str:
    if line.fitting <= 1 and line.all_counted:
        return "the only one that fits"
    return f"1 of {'' if line.all_counted else 'more than '}{line.fitting:,} that fit"


def _rejected(step: Step, notation: Latex) -> Iterator[Block]:
    """The look-alikes, each with its error and what gives it away."""
    rejected = [r for line in step.lines for r in line.rejected]
    if not rejected:
        return
    yield Text("These fit the declared shapes too, and are wrong:")
    for r in rejected:
        yield Item(to_latex(r.arrangement, notation), f"off by {words.figure(r.error)}: {r.reason}")


def _gradient(result: Result, notation: Latex, own: Collection[str] = ()) -> Iterator[Equation]:
    """The gradient and the definitions that it uses, but for the problem's `own`."""
    if result.recursion is not None:
        yield from _recursion(result, result.recursion, notation)
        return
    label, gradient = sized(heading(result.request, notation)), to_latex(result.gradient, notation)
    yield from _equations(label, _sign(result), gradient, notation.shape(result.gradient.shape))
    for i, (name, body) in enumerate((n, e) for n, e in result.definitions if n not in own):
        where = "" if i else r"\text{where}\quad "
        left = where + str(notation.name(name))
        yield from _equations(left, "=", to_latex(body, notation))


def _recursion(result: Result, recursion: Recursion, notation: Latex) -> Iterator[Equation]:
    """The equations of a family, each with the indices for which it holds."""
    for q in (*recursion.cotangents, *recursion.gradients):
        left = sized(str(notation.label(q.symbol.name)))
        if q not in recursion.gradients:
            left = str(notation.name(q.symbol.name))
        over = ""
        if q.over is not None:
            ends = rf"{q.over.first}, \dots, {q.over.last}"
            over = rf" \qquad {q.over.letter} = {ends}"
        shape = notation.shape(q.symbol.shape) + over
        yield from _equations(left, _sign(result), to_latex(q.value, notation), shape)


def _equations(left: str, sign: str, right: str, shape: str = "") -> Iterator[Equation]:
    """An equation over as many rows as it takes, and its shape behind it."""
    first, *others = _lines(right, WIDTH - (REMARK // 2 if shape else 0))
    end = rf" \qquad {shape}" if shape else ""
    yield Equation(left, sign, first + ("" if others else end))
    for i, more in enumerate(others, 1):
        yield Equation("", "", rf"\quad {{}} {more}" + (end if i == len(others) else ""))


# --------------------------------------------------------------------------------- widths and lines


def _width(text: str) -> int:
    """About how many letters wide: a command is one, brackets that aren't seen are none."""
    seen = re.sub(r"\\underbrace|\\[dt]?frac|\\left|\\right|\\math\w+|\\text|[{}^_\s]", "", text)
    return len(re.sub(r"\\[a-zA-Z]+|\\.", "x", seen))


def _lines(text: str, width: int) -> list[str]:
    """A formula over several lines, broken within the fewest brackets, before a sign.

    Unbroken where there is no place to break."""
    lines = []
    while _width(text) > width:
        at = _break(text, width)
        if at is None:
            break
        lines.append(text[:at])
        text = text[at + 1 :]
    return [*lines, text]


_TOKEN = re.compile(r"\\(?:[a-zA-Z]+|.)| |[{}()]|[^\\ {}()]+")
_SIGNS = ("+", "-", r"\odot", r"\oslash")
_BETWEEN_FACTORS = 3  # what a break there costs, in brackets around it


def _break(text: str, width: int) -> int | None:
    """The cheapest space to break at, the last of those; none within braces or tall brackets."""
    best: tuple[int, int] | None = None
    closed = depth = used = 0
    before = ""
    for match in _TOKEN.finditer(text):
        token = match[0]
        closed += (token in ("{", r"\left")) - (token in ("}", r"\right"))
        depth += (token == "(") - (token == ")")
        used += _width(token)
        if used > width and best is not None:
            break
        if token == " " and not closed and used > width // 3 and before not in (*_SIGNS, r"\,"):
            sign = text[match.end() :].split(" ", 1)[0] in _SIGNS
            cost = depth + (0 if sign else _BETWEEN_FACTORS)
            best = min(best or (cost, -match.start()), (cost, -match.start()))
        before = token if token != " " else before
    return None if best is None else -best[1]
