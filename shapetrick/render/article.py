"""The story of a result as an article has it: headings, paragraphs, displayed equations.

It is written in LaTeX, or in GitHub's Markdown with LaTeX's mathematics.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from ..core.greek import GREEK
from ..core.problem import Problem
from ..core.results import Result
from ..language.printer import to_text
from . import document as doc
from . import phrases as words
from .claims import ClaimStory
from .latex import (
    Latex,
    conditions,
    equation,
    escaped,
    factor_latex,
    notation_for,
    sized,
    to_latex,
)
from .layout import BETWEEN_FACTORS, Breaking, broken, grouped

WIDTH = 56  # of an equation, in letters
REMARK = 18  # of a remark behind it
ARRANGED = r"\rightsquigarrow"
# Letters of the language and of what is said that pdfLaTeX lacks, in mathematics.
_SIGNS = {
    **{letter: f"\\{name}" for letter, name in GREEK.items()},
    "⊙": r"\odot", "⊘": r"\oslash", "⊗": r"\otimes", "∘": r"\circ", "ᵀ": r"^{\top}", "−": "-",
    "∂": r"\partial", "≥": r"\geq", "≤": r"\leq", "→": r"\to", "Σ": r"\Sigma", "′": r"'",
    "✓": r"\checkmark", "✗": r"\times", "²": "^{2}", "₀": "_{0}", "₁": "_{1}", "₂": "_{2}",
    "₃": "_{3}",
}  # fmt: skip
_DOCUMENT = r"""\documentclass[10pt,fleqn]{article}
\usepackage[a4paper,margin=22mm]{geometry}
\usepackage{amsmath,amssymb,iftex}
\ifPDFTeX
  \IfFileExists{lmodern.sty}{\usepackage[T1]{fontenc}\usepackage{lmodern}}{}
%LETTERS%
\else
  \usepackage{fontspec}
\fi
\setlength{\parindent}{0pt}
\setlength{\parskip}{6pt}
\setlength{\mathindent}{1em}
\setlength{\emergencystretch}{6em} % code has no hyphens
\allowdisplaybreaks
\begin{document}

%BODY%

\end{document}
"""


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A paragraph, plain or in another look: `code`, `strong`, `heading`; in a list, after a
    formula; or none, but `room` to write, or the rest of a `page`."""

    text: str
    look: str = ""
    formula: str = ""


@dataclass(frozen=True, slots=True)
class DisplayRow:
    """A row of a display: the left side, the sign, the right side, and a remark."""

    left: str
    sign: str
    right: str
    remark: str = ""


Display = tuple[DisplayRow, ...]
ArticlePart = Paragraph | Display


# -------------------------------------------------------------------------------------- the parts


def problem_parts(problem: Problem) -> Iterator[ArticlePart]:
    """The problem as typed, and what was assumed."""
    if problem.text.strip():
        yield Paragraph(problem.text.strip("\n"), "code")
    yield from _paragraphs(doc.preface(problem), Latex(), doc.LINES)


def derivation_parts(
    results: Sequence[Result], problem: Problem, detail: int = doc.LINES, separate: bool = False
) -> Iterator[ArticlePart]:
    """The derivations of several requests; what one of them tells the later ones refer to, unless
    each is told `separate`."""
    alone = [doc.derivation_story(r, problem) for r in results] if separate else None
    for story in alone or doc.told_once(doc.joint_stories(results, problem)):
        yield from _story_parts(story, notation_for(problem, story.request), detail)


def claim_parts(stories: Iterable[ClaimStory], problem: Problem) -> Iterator[ArticlePart]:
    """What was found of claims."""
    for story in stories:
        notation = notation_for(problem, story.claim)
        yield Paragraph(f"check {words.asked(story.claim)}", "heading")
        for blocks in (story.warnings, story.answer):
            yield from _section(blocks, notation, doc.LINES)


def _story_parts(story: doc.Story, notation: Latex, detail: int) -> Iterator[ArticlePart]:
    if detail == doc.ANSWER:
        yield from _section(story.answer, notation, detail)
        return
    yield Paragraph(words.asked_together(story.requests), "heading")
    steps = (s.blocks for s in story.steps)
    parts: list[tuple[doc.Block, ...]] = [story.warnings, story.earlier, *steps]
    for blocks in (*parts, story.simplification, story.answer):
        yield from _section(blocks, notation, detail)


def _section(blocks: Sequence[doc.Block], notation: Latex, detail: int) -> Iterator[ArticlePart]:
    """The formulas of some blocks in one display, and below them what is said."""
    blocks = doc.told(blocks, detail)
    if rows := tuple(_rows(blocks, notation)):
        yield rows
    yield from _paragraphs(blocks, notation, detail)


def _rows(blocks: Sequence[doc.Block], notation: Latex) -> Iterator[DisplayRow]:
    before = ""
    for block in blocks:
        match block:
            case doc.ScalarLine():
                yield from _line(block, notation)
            case doc.EquationBlock():
                yield from _formula(block, block.label != before, notation)
                before = block.label


def _paragraphs(blocks: Iterable[doc.Block], notation: Latex, detail: int) -> Iterator[Paragraph]:
    for label, alike in groupby(blocks, key=lambda block: block.label):
        remarks = []
        for block in alike:
            match block:
                case doc.Remark():
                    remarks.append(block.text)
                case doc.Reference():
                    remarks.append(words.above(p.name if p else "…" for p in block.named))
                case doc.KeptValues():
                    remarks.append(words.kept(block.values, to_text))
                case doc.ScalarLine():
                    yield from _paragraphs(
                        doc.told((*block.origins, *block.rejected), detail), notation, detail
                    )
                case doc.Listing():
                    yield Paragraph(f"{block.title}:")
                    for item in block.items:
                        said = f"{': '.join(item.said)}."
                        yield Paragraph(said, "", to_latex(item.formula, notation))
                case doc.Evidence():
                    yield Paragraph(block.label, "strong")
                    yield Paragraph(f"{'; '.join(filter(None, (block.reason, *block.figures)))}.")
                case doc.MarkedText():
                    yield Paragraph(f"{label.capitalize()}: `{block.text}`")
        if remarks:
            yield Paragraph(
                f"{label.capitalize()}: {'; '.join(r.removesuffix('.') for r in remarks)}."
            )


def _line(block: doc.ScalarLine, notation: Latex) -> Iterator[DisplayRow]:
    """The scalar line, the shapes under its factors, and what it is arranged to."""
    factors = [
        text if shape is None else rf"\underbrace{{{text}}}_{{{notation.shape(shape)}}}"
        for text, shape in ((factor_latex(e, notation), shape) for e, shape in block.factors)
    ]
    first, *others = [r" \cdot ".join(row) for row in grouped(factors, WIDTH, _width)]
    texts = [f"{block.sign} {first}".strip(), *(rf"\quad {{}} \cdot {row}" for row in others)]
    texts[-1] += rf" \;\to\; {notation.shape(block.step.shape)}"
    label = sized(notation.label(block.step.label)) if block.first else ""
    yield DisplayRow(label, "=" if label else "", texts[0])
    yield from (DisplayRow("", "", text) for text in texts[1:])
    arranged = broken(to_latex(block.line.arrangement, notation), WIDTH - REMARK, _BREAKING)
    yield DisplayRow("", ARRANGED, arranged[0], words.fits(block.line) if block.is_counted else "")
    yield from (DisplayRow("", "", rf"\quad {more}") for more in arranged[1:])


def _formula(block: doc.EquationBlock, is_first: bool, notation: Latex) -> Iterator[DisplayRow]:
    """An equation over as many rows as it takes, and its shape behind it."""
    left, sign, right = equation(block, notation)
    if block.label == "where" and is_first:
        left = rf"\text{{where}}\quad {left}"
    end = rf" \qquad {notation.shape(block.right.shape)}" if block.answers else ""
    if block.entries:
        end += rf" \qquad \text{{{block.entries}}}"
    for k, over in enumerate(block.ranges):
        space = r",\;" if k else r" \qquad"
        end += rf"{space} {over.letter} = {over.first}, \dots, {over.last}{conditions(over)}"
    first, *others = broken(right, WIDTH - (REMARK // 2 if end else 0), _BREAKING)
    texts = [first, *(rf"\quad {{}} {more}" for more in others)]
    widest = WIDTH + REMARK // 2
    if _width(texts[-1] + end) > widest:
        texts.append("")
    texts[-1] += end
    if _width(left) > REMARK and _width(left + texts[0]) > widest:
        yield DisplayRow("", "", left)
        left = ""
    yield DisplayRow(left, sign, texts[0])
    yield from (DisplayRow("", "", text) for text in texts[1:])


# ------------------------------------------------------------------------------------------ widths


def _width(text: str) -> int:
    """About how many letters wide: a command is one, brackets that aren't seen are none."""
    seen = re.sub(r"\\underbrace|\\[dt]?frac|\\left|\\right|\\math\w+|\\text|[{}^_\s]", "", text)
    return len(re.sub(r"\\[a-zA-Z]+|\\.", "x", seen))


def _opened(word: str) -> tuple[int, int]:
    """The brackets that a word opens, and the braces and tall brackets."""
    tokens = re.findall(r"\\(?:[a-zA-Z]+|.)|[{}()]", word)
    count = tokens.count
    loose = count("(") - count(")")
    return loose, count("{") + count(r"\left") - count("}") - count(r"\right")


_BREAKING = Breaking(
    _width, _opened, {"+": 0, "-": 0, r"\odot": 0, r"\oslash": 0, r"\,": BETWEEN_FACTORS}, gap=0
)


# ------------------------------------------------------------------------------------ the formats


def written(parts: Iterable[ArticlePart], form: str, standalone: bool = False) -> str:
    """The parts in the form `latex` or `markdown`."""
    if form == "markdown":
        return markdown(parts)
    return document(parts) if standalone else latex(parts)


def document(parts: Iterable[ArticlePart]) -> str:
    """A document of its own, for pdfLaTeX too: letters that it lacks are given by number there."""
    body = latex(parts)
    lines = [
        rf"  \DeclareUnicodeCharacter{{{ord(c):04X}}}{{\ensuremath{{\mathtt{{U{ord(c):04X}}}}}}}"
        for c in sorted(set(body))
        if ord(c) > 0xFF
    ]
    return _DOCUMENT.replace("%LETTERS%", "\n".join(lines)).replace("%BODY%", body)


def latex(parts: Iterable[ArticlePart]) -> str:
    """The parts in LaTeX, for a document with amsmath and amssymb."""
    return "\n\n".join(map(_latex_part, parts))


def _latex_part(part: ArticlePart) -> str:
    if isinstance(part, tuple):
        return f"\\begin{{align*}}\n{_aligned(part)}\n\\end{{align*}}"
    text = _printable(part.text)
    if part.look == "code":
        lines = [_latex_code(line).replace(" ", r"\ ") for line in text.splitlines()]
        rows = "\n".join(rf"\mbox{{}}{line}\\" for line in lines)
        return f"\\begin{{flushleft}}\\ttfamily\n{rows}\n\\end{{flushleft}}"
    item = rf"\textbullet\ ${part.formula}$: " if part.formula else ""
    looks = {"heading": r"\subsection*{\texttt{%s}}", "strong": r"\textbf{%s}",
             "room": r"\vspace*{4cm}%s", "page": r"\clearpage%s"}  # fmt: skip
    plain = _latex_code if part.look == "heading" else _latex_text
    told = _with_code(text, plain, lambda code: rf"\texttt{{{_latex_code(code)}}}")
    return item + looks.get(part.look, "%s") % told


def _with_code(text: str, plain: Callable[[str], str], code: Callable[[str], str]) -> str:
    """A text in which what stands between backticks is code."""
    return "".join((code if is_code else plain)(part) for part, is_code in words.parts(text))


def _latex_code(text: str) -> str:
    """Code, which may be broken behind its signs where nobody typed a space."""
    return re.sub(r"([-+*/,])(?=\S)", r"\1\\allowbreak{}", _latex_text(text))


def _latex_text(text: str) -> str:
    return "".join(f"${_SIGNS[c]}$" if c in _SIGNS else escaped(c) for c in text)


def markdown(parts: Iterable[ArticlePart]) -> str:
    """The parts in Markdown, mathematics in the fences that GitHub renders."""
    return "\n\n".join(map(_markdown_part, parts))


def _markdown_part(part: ArticlePart) -> str:
    if isinstance(part, tuple):
        return f"```math\n\\begin{{aligned}}\n{_aligned(part)}\n\\end{{aligned}}\n```"
    text = _printable(part.text)
    if part.look == "code":
        fence = "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))
        return f"{fence}\n{text}\n{fence}"
    text = _with_code(text, _markdown_text, "`{}`".format)
    item = f"- $`{part.formula}`$: " if part.formula else ""
    return item + {"heading": f"### {text}", "strong": f"**{text}**"}.get(part.look, text)


def _markdown_text(text: str) -> str:
    return re.sub(r"([\\`*_\[\]<>|$~&#])", r"\\\1", text)


def _aligned(display: Display) -> str:
    rows = []
    for row in display:
        remark = rf" \qquad \text{{{row.remark}}}" if row.remark else ""
        rows.append(f"  {row.left} &{row.sign} {row.right}{remark}".rstrip())
    return " \\\\\n".join(rows)


def _printable(text: str) -> str:
    """The text without tabs, controls and marks that change the direction of writing."""
    text = unicodedata.normalize("NFC", text.expandtabs(4))
    return "".join(c if c.isprintable() or c == "\n" else " " for c in text)
