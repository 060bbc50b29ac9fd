"""A result as on paper: scalar lines, shapes, arrangements, the gradient and its verdict.

Rows of styled text are made from a `results.Result`; rich puts them on a terminal. In a pipe they
are plain, and expressions are in the language and not broken.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TextIO

from ..core.dims import shape_text
from ..core.expr import Expr, Symbol
from ..core.problem import Problem
from ..core.results import Line, Recursion, Result, Step, Validation
from ..core.warnings import absence, warnings_of
from ..language.printer import factor_text, overlined, to_text
from . import phrases as words
from .layout import COLOURS, MARGIN, Row, broken, columns, labelled, padded, plain, prose

if TYPE_CHECKING:
    from rich.console import Console

    from ..families.saved_values import Account

INDENT = 13  # the column in which the texts behind the labels begin
PROSE_WIDTH = 80
FACTOR_WIDTH = 20
WIDEST = 120
LOOKS = {"verified": "bold green", "wrong": "bold red", "unchecked": "bold yellow"}
Cell = tuple[str, str]  # a factor and its shape


@dataclass(frozen=True, slots=True)
class Style:
    """How a result is shown: for a terminal of that width, or plain if the width is None."""

    width: int | None = None
    steps: bool = False
    quiet: bool = False

    @property
    def unicode(self) -> bool:
        return self.width is not None

    @property
    def prose_width(self) -> int:
        return self.width or PROSE_WIDTH

    def text(self, e: Expr) -> str:
        return to_text(e, unicode=self.unicode)

    def name(self, name: str) -> str:
        return overlined(name) if self.unicode else name

    def broken(self, text: str, at: int) -> list[str]:
        return broken(text, None if self.width is None else self.width - at)


def problem_rows(problem: Problem, style: Style) -> list[Row]:
    """What was assumed, what nothing uses, how ambiguous texts were read; once for a problem."""
    rows: list[Row] = []
    unused = warnings_of(replace(problem, assumptions=()))
    groups = (("assumed", problem.assumptions, "yellow"), ("unused", unused, "yellow"))
    for label, remarks, look in (*groups, ("read", problem.readings, "")):
        for i, remark in enumerate(remarks):
            texts = prose(remark, style.prose_width - INDENT)
            rows += labelled(label if i == 0 else "", [[(t, look)] for t in texts], INDENT)
    return [*rows, []] if rows else []


def result_rows(result: Result, style: Style, own: Collection[str] = ()) -> list[Row]:
    """The derivation of one request, of a problem whose own definitions have these names."""
    if style.quiet:
        return _quiet(result, style, own)
    rows: list[Row] = []
    absent = absence(result.request) if result.recursion is None else ""
    if absent:
        texts = prose(absent, style.prose_width - INDENT)
        rows += [*labelled("warning", [[(t, "bold yellow")] for t in texts], INDENT), []]
    rows += [[(words.asked(result.request, style.name), "bold")], []]
    for step in result.steps:
        rows += [*_step(step, style), []]
    if style.steps and result.rewritings:
        rows += [*_rewritings(result, style), []]
    rows += [*_gradient(result, style), []]
    return [*rows, *_verdict(result.validation, style, absent)]


# ------------------------------------------------------------------------------------- the steps


def _step(step: Step, style: Style) -> list[Row]:
    rows: list[Row] = []
    for i, line in enumerate(step.lines):
        if i:
            rows.append([])
        rows += _line(step, line, i, style)
    if step.note:
        noted = prose(step.note, style.prose_width - INDENT)
        rows += labelled("opened", [[(text, "dim")] for text in noted], INDENT)
    if len(step.lines) != 1 or step.lines[0].arrangement is not step.result:
        rows += _equation(f"{style.name(step.label)} = ", step.result, "together", "", style)
    return rows


def _line(step: Step, line: Line, index: int, style: Style) -> list[Row]:
    rows = _scalars(step, line, index, style)
    texts = style.broken(style.text(line.arrangement), INDENT)
    rows += labelled("arranged", [[(text, "cyan")] for text in texts], INDENT)
    counted = prose(words.counted(line, style.steps), style.prose_width - INDENT)
    rows += labelled("", [[(text, "dim")] for text in counted], INDENT)
    if style.steps:
        rows += _origins(line, style)
        rows += _rejected(line, style)
    return rows


def _scalars(step: Step, line: Line, index: int, style: Style) -> list[Row]:
    """The scalar line, broken between factors, and the shapes right below them."""
    negative = line.coefficient < 0
    label = style.name(step.label)
    head = f"{label} = " if index == 0 else " " * columns(label) + " + "
    if negative:
        head = head + "-" if index == 0 else head[:-2] + "- "
    factors = [f.expression for f in line.factors]
    words = [(factor_text(e, style.unicode), shape_text(e.shape)) for e in factors]
    if abs(line.coefficient) != 1 or not words:
        words.insert(0, (str(abs(line.coefficient)), ""))
    rows: list[Row] = []
    room = style.prose_width - INDENT
    if columns(head) + max(columns(text) for word in words for text in word) > room:
        head = head[len(label) if index == 0 else columns(label) :].replace("=", " ")
        if index == 0:  # the label stands on a line of its own
            names = style.broken(f"{label} =", INDENT)
            rows += labelled("scalars", [[(text, "")] for text in names], INDENT)
    groups = _groups(words, room - columns(head))
    indent = " " * columns(head)
    for i, group in enumerate(groups):
        above, below = _aligned(group)
        lead = head if i == 0 else indent[2:] + "· "
        rows += labelled("" if rows else "scalars", [[(lead + above, "")]], INDENT)
        rows += labelled("" if i else "shapes", [[(indent + below, "magenta")]], INDENT)
    target = f"→  {shape_text(step.shape)}"
    if columns("".join(text for text, _ in rows[-1]) + target) + 2 <= style.prose_width:
        rows[-1].append((f"  {target}", "magenta"))
    else:
        rows += labelled("", [[(indent + target, "magenta")]], INDENT)
    return rows


def _groups(words: Sequence[Cell], width: int) -> list[list[Cell]]:
    """Factors in lines of that width."""
    groups: list[list[Cell]] = [[]]
    used = 0
    for word in words:
        size = max(map(columns, word)) + len(" · ")
        if groups[-1] and used + size > width:
            groups.append([])
            used = 0
        groups[-1].append(word)
        used += size
    return groups


def _aligned(words: Sequence[Cell]) -> tuple[str, str]:
    """Factors with dots between them, and their shapes right below."""
    widths = [max(map(columns, word)) for word in words]
    above = " · ".join(padded(text, w) for (text, _), w in zip(words, widths, strict=True))
    below = "   ".join(padded(shape, w) for (_, shape), w in zip(words, widths, strict=True))
    return above.rstrip(), below.rstrip()


def _origins(line: Line, style: Style) -> list[Row]:
    """Every factor with the operation that it comes from, below it where it is long."""
    rows: list[Row] = []
    for factor in line.factors:
        text = padded(style.text(factor.expression), FACTOR_WIDTH)
        if columns(text) > FACTOR_WIDTH:
            rows.append([(text, "")])
            text = " " * FACTOR_WIDTH
        for origin in prose(factor.origin, style.prose_width - INDENT - FACTOR_WIDTH - MARGIN):
            rows.append([(text + " " * MARGIN, ""), (origin, "dim")])
            text = " " * FACTOR_WIDTH
    return labelled("factors", rows, INDENT)


def _rejected(line: Line, style: Style) -> list[Row]:
    """The look-alikes, each with its error and what gives it away."""
    rows: list[Row] = []
    for rejected in line.rejected:
        texts = style.broken(style.text(rejected.arrangement), INDENT)
        rows += [[(text, "red")] for text in texts]
        why = f"off by {words.figure(rejected.error)}: {rejected.reason}"
        lines = prose(why, style.prose_width - INDENT - MARGIN)
        rows += [[(" " * MARGIN + text, "dim")] for text in lines]
    return labelled("rejected", rows, INDENT)


def _rewritings(result: Result, style: Style) -> list[Row]:
    rows: list[Row] = []
    for rewriting in result.rewritings:
        rows.append([(rewriting.rule, "dim")])
        told = f"{style.text(rewriting.before)} = {style.text(rewriting.after)}"
        rows += [[("  " + t, "")] for t in style.broken(told, INDENT + 2)]
    return labelled("simplified", rows, INDENT)


# ---------------------------------------------------------------------------------- the gradient


def _gradient(result: Result, style: Style) -> list[Row]:
    """The gradient, the definitions that it uses, and what it keeps of the forward pass."""
    standing = result.validation.verdict == "verified"
    relation = "=" if standing else "=?"
    head = f"{style.name(words.label(result.request))} {relation} "
    shape = shape_text(result.gradient.shape)
    look = "bold" if standing else "yellow"
    if result.recursion is not None:
        rows = _recursion(result.recursion, relation, look, style)
    else:
        rows = _equation(head, result.gradient, "gradient", look, style, shape)
    for i, (name, body) in enumerate(result.definitions):
        rows += _equation(f"{style.name(name)} = ", body, "" if i else "where", "", style)
    kept = [e for e in result.kept if not e.is_scalar]
    if any(not isinstance(e, Symbol) for e in kept) or result.recursion is not None:
        names = ", ".join(f"{style.text(e)}\N{NO-BREAK SPACE}({shape_text(e.shape)})" for e in kept)
        texts = prose(names, style.prose_width - INDENT)
        rows += labelled("keeps", [[(text, "dim")] for text in texts], INDENT)
    for note in result.notes:
        texts = prose(note, style.prose_width - INDENT)
        rows += labelled("note", [[(text, "")] for text in texts], INDENT)
    return rows


def _recursion(recursion: Recursion, relation: str, look: str, style: Style) -> list[Row]:
    """The equations of a family: the start, the recurrence, the gradient."""
    rows: list[Row] = []
    parts = (("backward", recursion.cotangents), ("gradient", recursion.gradients))
    for margin, equations in parts:
        for i, q in enumerate(equations):
            label = f"{style.name(q.symbol.name)} {relation} "
            shape = shape_text(q.symbol.shape)
            rows += _equation(label, q.value, "" if i else margin, look, style, shape)
            if q.over is not None:
                rows[-1].append((f"   for {q.over}", "dim"))
    return rows


def account_rows(account: Account, style: Style) -> list[Row]:
    """What a backward pass keeps and takes at given sizes."""
    texts = [
        f"{account.bytes:,} bytes; {account.forward:,} operations forward, "
        f"{account.backward:,} back"
    ]
    for entry in account.entries:
        text = f"{style.text(entry.value)}: {entry.bytes:,} bytes"
        if entry.recomputing is not None:
            text += f", or {entry.recomputing:,} operations to make them again"
        texts.append(text)
    return labelled("cache", [[(text, "")] for text in texts], INDENT)


def _equation(
    label: str, e: Expr, margin: str, look: str, style: Style, shape: str = ""
) -> list[Row]:
    rows: list[Row] = []
    if style.width is not None and 2 * columns(label) > style.width - INDENT:
        rows = [[(text, look)] for text in style.broken(label.rstrip(), INDENT)]
        label = " " * MARGIN
    texts = style.broken(style.text(e), INDENT + columns(label))
    if shape and style.width and INDENT + columns(label + texts[-1] + shape) + 3 > style.width:
        texts.append("")
    rows += [
        [(label if i == 0 else " " * columns(label), look), (text, look)]
        for i, text in enumerate(texts)
    ]
    rows[-1].append((f"   {shape}" if shape else "", "magenta"))
    return labelled(margin, rows, INDENT)


def _quiet(result: Result, style: Style, own: Collection[str]) -> list[Row]:
    """The gradient alone, after what it introduces; the verdict only if it isn't the good one."""
    v = result.validation
    rows: list[Row] = [
        [(f"{style.name(name)} = {style.text(body)}", "")]
        for name, body in result.definitions
        if name not in own
    ]
    if result.recursion is not None:
        for q in (*result.recursion.cotangents, *result.recursion.gradients[1:]):
            over = f"   for {q.over}" if q.over else ""
            rows.append([(f"{style.name(q.symbol.name)} = {style.text(q.value)}{over}", "")])
    name, gradient = style.name(words.label(result.request)), style.text(result.gradient)
    if v.verdict == "verified":
        return [*rows, [(f"{name} = {gradient}", "")]]
    verdict = (f"   # {words.BADGES[v.verdict]}: {v.reason}", LOOKS[v.verdict])
    return [*rows, [(f"{name} =? {gradient}", "yellow"), verdict]]


# ----------------------------------------------------------------------------------- the verdict


def _verdict(v: Validation, style: Style, absent: str) -> list[Row]:
    badge, look = words.BADGES[v.verdict], LOOKS[v.verdict]
    if absent and v.verdict == "verified":
        badge, look = words.ABSENT, LOOKS["unchecked"]
    indent = MARGIN + columns(badge) + 2
    width = style.prose_width - indent
    texts = [
        *(prose(v.reason, width) if v.reason else []),
        *prose("; ".join(words.figures(v)), width),
    ]
    head: Row = [(" " * MARGIN, ""), (badge, look), ("  " + texts[0], "")]
    return [head, *([(" " * indent + text, "")] for text in texts[1:])]


# ---------------------------------------------------------------------------------- to a terminal


FORCING = frozenset({"FORCE_COLOR", "TTY_COMPATIBLE"})  # what makes rich take a pipe for a terminal


def terminal() -> Console | None:
    """The console on standard output, or None for a pipe, which needs none."""
    is_one = sys.stdout.isatty() or not FORCING.isdisjoint(os.environ)
    return console() if is_one else None


def console(stream: TextIO | None = None) -> Console:
    """A console on a stream: colour on a terminal unless NO_COLOR is set, nothing in a pipe."""
    from rich.console import Console  # slow to import, and of no use in a pipe
    from rich.theme import Theme

    looks = {
        f"{weight}{name}": f"{weight}{colour}"
        for name, colour in COLOURS.items()
        for weight in ("", "bold ")
    }
    return Console(
        file=stream or sys.stdout,
        theme=Theme(looks),
        highlight=False,
        markup=False,
        emoji=False,
        soft_wrap=True,
    )


def width_of(target: Console | None) -> int | None:
    """The width to lay out for, or None for a pipe."""
    return min(target.width, WIDEST) if target is not None and target.is_terminal else None


def show(rows: Sequence[Row], target: Console | None) -> None:
    """Print rows: through rich on a terminal, else as they are."""
    if target is None or not target.is_terminal:
        stream = sys.stdout if target is None else target.file
        stream.write(plain(rows))
        return
    from rich.text import Text

    for row in rows:
        target.print(Text.assemble(*((text, look) for text, look in row)))
