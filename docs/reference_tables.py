"""The tables of the documentation that are made of what the tool itself reads: its functions, its
grammar, its collections of formulas."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import shapetrick as st
from shapetrick.checks import JudgedClaim
from shapetrick.language.formula_files import Formula, read_collection
from shapetrick.language.latex.macros import FUNCTIONS, OPERATORS
from shapetrick.language.shapes.structured_calls import CALLS
from shapetrick.language.syntax.equation_library import TABLE as EQUATIONS
from shapetrick.language.syntax.library import sections
from shapetrick.language.syntax.tree import ATTRIBUTES
from shapetrick.render.document import Evidence
from shapetrick.render.function_table import call_of, meaning_of, operations_by_kind
from shapetrick.render.latex import equation, notation_for
from shapetrick.render.mathml import to_mathml
from shapetrick.render.phrases import figures

ROOT = Path(__file__).parents[1]
SIGNS = {"right": "✓ right", "wrong": "✗ wrong", "unchecked": "? not verified"}


def _table(heads: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [heads, tuple("---" for _ in heads), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _code(text: str) -> str:
    """Code within a line; a bar or a star would mean something to Markdown."""
    return f"<code>{_plain(text)}</code>" if text else ""


def _plain(text: str) -> str:
    return re.sub(r"[&<>|*_`\[\]\\]", lambda m: f"&#{ord(m.group())};", text)


# --------------------------------------------------------------------------------- the language


def functions() -> str:
    """The rows of the function table, by kind, and the calls that are read as other things."""
    parts = []
    for title, rows in operations_by_kind():
        cells = [
            (_code(call_of(row)), _code(", ".join(row.derivative)), _plain(meaning_of(row)))
            for row in rows
        ]
        parts += [f"### {title}\n", _table(("Written", "Scalar derivative", ""), cells)]
    calls = [(_code(row.called), _plain(row.help)) for row in CALLS.values()]
    parts += ["### Read as products with known constants\n", _table(("Written", ""), calls)]
    return "\n".join(parts)


def attributes() -> str:
    """What may be said of a declared name."""
    kinds = (("a square matrix", True), ("any matrix", False))
    rows = [
        (said, ", ".join(_code(a) for a, square in ATTRIBUTES.items() if square == wanted))
        for said, wanted in kinds
    ]
    return _table(("What it is said of", "Attributes"), rows)


def equations() -> str:
    """The functions that are defined by their equations."""
    rows = [
        (_code(row.line(name)), _code(row.equations), _plain(row.help))
        for name, row in EQUATIONS.items()
    ]
    return _table(("Written", "What determines it", ""), rows)


def latex() -> str:
    """The macros that are read as operators and functions."""
    macros = {**OPERATORS, **FUNCTIONS}
    rows = [(_code(macro), _code(read)) for macro, read in macros.items() if macro != read]
    return _table(("LaTeX", "Is read as"), rows)


def library() -> str:
    """The functions that are defined in the language."""
    parts = [
        f"{_plain(said)}\n\n```shapetrick\n{chr(10).join(lines)}\n```\n"
        for said, lines in sections()
    ]
    return "\n".join(parts)


def grammar(name: str) -> str:
    """A grammar's rules, as the parser has them."""
    text = (ROOT / "grammar" / f"{name}.lark").read_text(encoding="utf-8")
    return f"```text\n{text.rstrip()}\n```\n"


# ------------------------------------------------------------------------------------- formulas


def formulas(name: str) -> str:
    """A collection of formulas, each with what is found of it."""
    collection = read_collection(ROOT / "examples" / f"{name}.toml")
    written = [_Section(f) for f in collection.formulas]
    return "\n".join(
        [*_summary(written), *(line for section in written for line in section.lines())]
    )


class _Section:
    """What a page tells of one formula."""

    def __init__(self, formula: Formula) -> None:
        self.formula = formula
        self.problem = st.read(formula.text)
        self.checks = self.problem.verdicts()
        self.derived = self.problem.derive() if formula.asks else []

    @property
    def right(self) -> bool:
        return all(c.right for c in self.checks) and all(d.verified for d in self.derived)

    def lines(self) -> Iterator[str]:
        formula, problem = self.formula, self.problem
        yield f"### {formula.name}\n"
        yield _statements(formula.given, [*formula.asks, *(f"check {c}" for c in formula.claims)])
        for check in self.checks:
            latex = _latex(problem, check)
            yield f'<p class="formula">{to_mathml(latex, display=True)}</p>\n'
            yield f"{SIGNS[check.verdict]}: {_plain(_figures(check))}. LaTeX: {_code(latex)}\n"
        for d in self.derived:
            yield f'<p class="formula">{to_mathml(d.latex(), display=True)}</p>\n'
            found = "; ".join(figures(d.validation))
            yield f"{'✓' if d.verified else '✗'} {found}. LaTeX: {_code(d.latex())}\n"
        if formula.torch:
            yield f"In PyTorch: {_code(formula.torch)}\n"
        if formula.holds:
            yield f"Condition: {_plain(formula.holds)}.\n"
        if formula.unsure:
            yield "We are not sure of the number, or of the form as it is printed.\n"
        yield from self._erratum()

    def _erratum(self) -> Iterator[str]:
        if not self.formula.book:
            return
        yield f'!!! warning "Erratum"\n    {_sentence(self.formula.erratum)}\n'
        for claim in self.formula.book:
            (check,) = st.read(self.formula.claiming(claim)).verdicts()
            found = f"{check.diagnosis}; {_figures(check)}"
            yield f"    As printed, {_code(claim)}\n"
            yield f"    {SIGNS[check.verdict]}: {_plain(found)}.\n"


def _summary(written: list[_Section]) -> Iterator[str]:
    right = sum(section.right for section in written)
    yield f"{len(written)} formulas, {right} of them found right.\n"
    errata = [s.formula.name for s in written if s.formula.book]
    if errata:
        yield f"Errata: {', '.join(f'[{_plain(n)}](#{_anchor(n)})' for n in errata)}.\n"


def _anchor(name: str) -> str:
    """As headings are linked to: Python-Markdown's own rule."""
    return re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", name).strip().lower())


def _sentence(text: str) -> str:
    return f"{_plain(text[:1].upper() + text[1:])}."


def _statements(given: str, asked: list[str]) -> str:
    return "```shapetrick\n" + "\n".join([*re.split(r";\s*", given), *asked]) + "\n```\n"


def _latex(problem: st.Problem, check: JudgedClaim) -> str:
    story = check.story()
    said = next(block for block in story.answer if not isinstance(block, Evidence))
    return " ".join(equation(said, notation_for(problem.data, story.claim)))


def _figures(check: JudgedClaim) -> str:
    evidence = next(block for block in check.story().answer if isinstance(block, Evidence))
    return "; ".join(evidence.figures)


TABLES: Mapping[str, Callable[..., str]] = {
    "attributes": attributes,
    "equations": equations,
    "latex": latex,
    "functions": functions,
    "library": library,
    "grammar": grammar,
    "formulas": formulas,
}
