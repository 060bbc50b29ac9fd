r"""Where LaTeX stands in a text: `$…$`, `\[…\]`, displays, or anything with a macro."""

from __future__ import annotations

from collections.abc import Iterator

from ...core.errors import ParseError, Span
from ...core.named_tuples import NamedTuple
from ...core.regexes import regex

MOST_FORMULAS = 10_000
_DISPLAYS = "align|aligned|equation|gather|multline|eqnarray|flalign|alignat|displaymath|math"
_DISPLAY = regex(
    rf"\\begin\s*\{{(?P<name>(?:{_DISPLAYS})\*?)\}}(?:\{{\d+\}})?"
    r"|(?P<sign>\$\$?|\\\[|\\\()|%[^\n]*|\\."
)
# What is LaTeX without a macro: a set, `x^TA`, where a letter follows the transpose, and `L^{ab}`.
_IN_A_SET = regex(r"[^=∈:]+∈")
_RAISED = regex(r"\^(?:T[a-zA-Z]|\{[a-zA-Z]{2,}\})")
DIVIDED = (
    "a division from the left is a product with the inverse: write `inv(A) b`, or `solve(A, b)`."
)
_CLOSING = {"$": "$", "$$": "$$", r"\[": r"\]", r"\(": r"\)"}


class FormulaSpan(NamedTuple):
    """Where a formula stands, with and without what delimits it."""

    span: Span
    inner: Span


def formulas(text: str) -> Iterator[FormulaSpan]:
    r"""The formulas that are delimited: `$…$`, `\[…\]`, displays. Raises ParseError."""
    at = count = 0
    while (m := _DISPLAY.search(text, at)) is not None:
        at = m.end()
        closing = rf"\end{{{m['name']}}}" if m["name"] else _CLOSING.get(m["sign"] or "", "")
        if not closing:
            continue
        count += 1
        if count > MOST_FORMULAS:
            message = f"there are more than {MOST_FORMULAS:,} formulas."
            raise ParseError(message, Span(*m.span()), text)
        end = _closing(text, closing, at)
        if end < 0 and m.group() == r"\(" and text[m.start() - 1 : m.start()].isalnum():
            raise ParseError(DIVIDED, Span(*m.span()), text)
        if end < 0:
            raise ParseError(
                f"this `{m.group()}` is never closed: a `{closing}` is missing.",
                Span(*m.span()),
                text,
            )
        yield FormulaSpan(Span(m.start(), end + len(closing)), Span(at, end))
        at = end + len(closing)


def _closing(text: str, closing: str, at: int) -> int:
    """Where a formula's end stands; an escaped dollar is none."""
    while (end := text.find(closing, at)) > 0 and text[end - 1] == "\\" and closing[0] == "$":
        at = end + 1
    return end


def has_latex(text: str) -> bool:
    """Whether something in a text can be LaTeX, or is typed as in print, `x ∈ ℝ^n`, `x^TA`."""
    return "\\" in text or "$" in text or "∈" in text or _RAISED.search(text) is not None


def is_formula(text: str, span: Span) -> bool:
    """Whether a statement that nothing delimits is LaTeX."""
    typed = text[slice(*span)]
    return "\\" in typed or bool(_IN_A_SET.match(typed) or _RAISED.search(typed))


def is_latex(text: str, span: Span) -> bool:
    """Whether what stands there is LaTeX."""
    if not has_latex(text):
        return False
    if is_formula(text, span):
        return True
    found = formulas(text)
    return any(f.span.start <= span.start and span.end <= f.span.end for f in found)
