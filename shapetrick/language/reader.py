r"""Text to statements, each in the plain language or in LaTeX: the door that others use.

What stands between `$…$`, `\[…\]`, in a display, or has a backslash, is LaTeX.
`language/latex/parser.py` is imported only where there is some.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Collection, Container, Iterator, Sequence
from typing import TYPE_CHECKING

from ..core.budget import STATEMENTS
from ..core.errors import Located, ParseError, Span
from ..core.named_tuples import NamedTuple
from ..core.regexes import regex
from .syntax import parser as plain
from .syntax.conditions import with_conditions
from .syntax.latex_places import DIVIDED, formulas, has_latex, is_formula
from .syntax.lexer import Arities, Source
from .syntax.library import function_at
from .syntax.statement_lines import cleaned, declared_names, elementwise, lines
from .syntax.text_functions import head_places, opened_expression, opened_statements, with_heads
from .syntax.tree import ATTRIBUTES, FunctionDefinition, Statement, SyntaxNode

if TYPE_CHECKING:
    from .latex.statement_boundaries import FormulaStatement

MOST_LATEX = 100_000  # characters in all
# Words between formulas that say nothing of them.
_JOINING = (
    "and where with let given here we have then so thus hence define set consider suppose assume "
    "find compute calculate the gradient derivative hessian for all each every"
)
_BESIDE = regex(rf"[\s,.;:]*(?:(?:{'|'.join(_JOINING.split())})(?!\w)[\s,.;:]*)*", re.IGNORECASE)
_OF_A_VALUE = regex(rf"(?<!\w)(?:{'|'.join(ATTRIBUTES)}|positive definite)(?!\w)")
_DIVIDED = regex(r"\\(?=\s|[a-zA-Z](?![a-zA-Z])|\()")  # no macro has one letter
_MACRO = regex(r"\\(?:[a-zA-Z]{2,}|[|,;:!{}\[\]])")


class Written(NamedTuple):
    """Where a statement stands; `formula` are its tokens if it is in LaTeX."""

    span: Span
    formula: FormulaStatement | None = None


def parse(text: str, functions: Arities, alone: bool = False) -> list[Statement]:
    """The statements of a problem, in order; expressions `alone` are requests, where that is
    wanted. Raises ParseError."""
    if not has_latex(text):
        return plain.parse(text, functions, alone=alone)
    with Located(text):
        clean = cleaned(text, functions)
        functions = with_heads(clean, functions)
        found = _parsed(clean, list(_written(clean)), functions, alone=alone)
        read = [s for _, statements in found for s in statements]
        return opened_statements(clean, with_conditions(read), functions)


def parse_expression(
    text: str,
    functions: Arities,
    abstract: Container[str] = frozenset(),
    names: Collection[str] = (),
) -> SyntaxNode:
    """One expression; `names` are those that it may mention. Raises ParseError."""
    if not has_latex(text):
        return plain.parse_expression(text, functions, abstract, {*names, *_listed(abstract)})
    from .latex.parser import expression, names_of

    with Located(text):
        clean = cleaned(text, functions)
        known = names_of(clean, [*names, *_listed(abstract)], functions)
        known.abstract.update(_listed(abstract))
        return opened_expression(expression(_inner(clean), known), functions)


def written(
    text: str, functions: Arities, names: Collection[str] = ()
) -> list[tuple[Span, str, list[Statement]]]:
    """Where the statements of a text with LaTeX stand, each as it may stand alone, and what it
    means; `names` are known besides. Raises ParseError."""
    with Located(text):
        clean = cleaned(text, functions)
        found = _parsed(clean, list(_written(clean)), functions, names)
        return [(w.span, _alone(clean, w), statements) for w, statements in found]


def defined_functions(text: str, functions: Arities) -> list[FunctionDefinition]:
    """The functions that a text defines, their calls as typed. Raises ParseError."""
    if has_latex(text):
        found = parse(text, functions)
        return [s for s in found if isinstance(s, FunctionDefinition)]
    places = {at for _, at in head_places(text)}
    if not places:
        return []
    clean = cleaned(text, functions)
    known = with_heads(clean, functions)
    spans = [span for span in lines(clean) if span.start in places]
    return [function_at(clean, span, known) for span in spans]


def _listed(names: Container[str]) -> list[str]:
    return list(names) if isinstance(names, Collection) else []


def _alone(text: str, w: Written) -> str:
    return text[slice(*w.span)] if w.formula is None else f"${w.formula.typed(text)}$"


def _inner(text: str) -> Span:
    """An expression without what delimits it."""
    found = list(formulas(text))
    if not found:
        return Span(0, len(text))
    outside = text[: found[0].span.start] + text[found[0].span.end :]
    if len(found) > 1 or outside.strip():
        raise ParseError("an expression is one formula.", Span(0, len(text)))
    return found[0].inner


def _written(text: str) -> Iterator[Written]:
    """The statements of a text that has LaTeX in it, in order."""
    from .latex.statement_boundaries import formula_statements, with_ranges

    found = list(formulas(text))
    _admit([f.inner for f in found])
    parts, end = [], 0
    for formula in found:
        parts += [text[end : formula.span.start], " " * (formula.span.end - formula.span.start)]
        end = formula.span.end
    rest = "".join([*parts, text[end:]]).replace(r"\;", r"\,")
    spans = [(f.inner, True) for f in found]
    places = [f.span for f in found]
    for span in lines(rest):
        if not _beside(rest, span, places):
            _refuse_division(text, span)
            spans.append((span, is_formula(text, span)))
            STATEMENTS.admit(len(spans), "this text", "split it into several problems.")
    _admit([span for span, in_latex in spans if in_latex])
    run: list[FormulaStatement] = []  # formulas between plain statements
    for span, in_latex in [*sorted(spans), (Span(len(text), len(text)), False)]:
        if in_latex:
            run += formula_statements(text, span)
            continue
        yield from (Written(one.span, one) for one in with_ranges(run))
        run = []
        if span.start < len(text):
            yield Written(span)


def _refuse_division(text: str, span: Span) -> None:
    r"""Refuse MATLAB's `A \ b` in plain text, where LaTeX has a space. Raises ParseError."""
    divided = _DIVIDED.search(text, *span)
    if divided is not None and not _MACRO.search(text, *span):
        raise ParseError(DIVIDED, Span(*divided.span()))


def _admit(formulas: Sequence[Span]) -> None:
    """Refuse more LaTeX than is read. Raises ParseError."""
    latex = sum(span.end - span.start for span in formulas)
    if latex > MOST_LATEX:
        raise ParseError(
            f"there are {latex:,} characters of LaTeX: at most {MOST_LATEX:,} are read.",
            Span(0, 1),
        )


def _beside(rest: str, span: Span, found: list[Span]) -> bool:
    """Whether a text stands beside formulas and only joins them. Raises ParseError for prose."""
    begin = rest.rfind("\n", 0, span.start) + 1
    begin = max(begin, rest.rfind(";", begin, span.start) + 1)
    line = rest.find("\n", span.end)
    line = len(rest) if line < 0 else line
    end = rest.find(";", span.end, line)
    end = line if end < 0 else end
    i = bisect_right(found, (begin, begin))  # formulas don't overlap
    if not any(f.start < end and begin < f.end for f in found[max(i - 1, 0) : i + 1]):
        return False
    if not _BESIDE.fullmatch(rest, *span):
        said = (
            "this stands beside a formula: give it a line of its own. Prose around formulas is "
            "left out in a file whose name ends in `.tex`."
        )
        if _OF_A_VALUE.search(rest, *span):
            said = (
                "what a value is stands in its declaration, "
                r"`A \in \mathbb{R}^{n \times n} \text{ symmetric}`, or `posdef`."
            )
        raise ParseError(said, span)
    return True


def _parsed(
    text: str,
    found: list[Written],
    functions: Arities,
    known: Collection[str] = (),
    alone: bool = False,
) -> Iterator[tuple[Written, list[Statement]]]:
    """What each of them means: the plain ones first, for the names that they give."""
    from .latex.heads import with_marked_names
    from .latex.parser import gather, names_of, statements

    STATEMENTS.admit(len(found), "this text", "split it into several problems.")
    in_latex = [w.formula for w in found if w.formula is not None]
    plainly = [*known, *declared_names(text)]
    in_latex = with_marked_names(in_latex, names_of(text, plainly, functions), plainly)
    marked = iter(in_latex)
    found = [w if w.formula is None else w._replace(formula=next(marked)) for w in found]
    names = names_of(text, known, functions)
    names.abstract.update(elementwise(text))
    gather([], in_latex, names)
    abstract = frozenset(names.abstract)
    declared = {*names.plain, *declared_names(text)}
    typed = {
        w.span: plain.statement(Source(text, w.span, functions, abstract, declared), alone)
        for w in found
        if w.formula is None
    }
    names = names_of(text, known, functions)
    gather(list(typed.values()), in_latex, names)
    for w in found:
        yield w, [typed[w.span]] if w.formula is None else statements(w.formula, names, alone)
