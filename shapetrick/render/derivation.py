"""A result as on paper: scalar lines, shapes, arrangements, the gradient and its verdict.

Rows of styled text are made from a `results.Result`; rich puts them on a terminal. In a pipe they
are plain, and expressions are in the language and not broken.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import TextIO

from rich.console import Console
from rich.text import Text

from ..dims import shape_text
from ..expr import Expr
from ..problem import Problem, Request
from ..results import Line, Result, Step, Validation
from .layout import MARGIN, Row, broken, columns, labelled, padded, plain, prose
from .text import factor_text, overlined, to_text

INDENT = 13  # the column in which the texts behind the labels begin
PROSE_WIDTH = 80
FACTOR_WIDTH = 20
LONGEST_LABEL = 24
WIDEST = 120
_BADGES = {
    "verified": ("✓ verified", "bold green"),
    "wrong": ("✗ WRONG", "bold red"),
    "unchecked": ("? NOT VERIFIED", "bold yellow"),
}
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
    """What was assumed and how ambiguous texts were read, once for a problem."""
    rows = []
    for label, remarks in (("assumed", problem.assumptions), ("read", problem.readings)):
        for i, remark in enumerate(remarks):
            texts = prose(remark, style.prose_width - INDENT)
            rows += labelled(label if i == 0 else "", [[(t, "")] for t in texts], INDENT)
    return [*rows, []] if rows else []


def result_rows(result: Result, style: Style, own: Collection[str] = ()) -> list[Row]:
    """The derivation of one request, of a problem whose own definitions have these names."""
    if style.quiet:
        return _quiet(result, style, own)
    rows: list[Row] = [[(_title(result.request, style), "bold")], []]
    for step in result.steps:
        rows += [*_step(step, style), []]
    if style.steps and result.rewritings:
        rows += [*_rewritings(result, style), []]
    rows += [*_gradient(result, style), []]
    return [*rows, *_verdict(result.validation, style)]


# ----------------------------------------------------------------------------------- the request


def _title(request: Request, style: Style) -> str:
    direction = ""
    if request.direction is not None:
        direction = f" with {style.name(request.direction.data.name)}"
    symmetric = " symmetric" if request.symmetric else ""
    return f"{request.kind} {_of(request)}{direction} wrt {request.wrt.data.name}{symmetric}"


def _of(request: Request) -> str:
    """What is differentiated, as typed, on one line."""
    return " ".join(request.of_text.split())


def _label(request: Request, style: Style) -> str:
    """What a request asks for, as a name: `∂J/∂X`, or without the J where that is long."""
    of, name = _of(request), request.wrt.data.name
    if not of.isidentifier():
        of = f"({of})" if len(of) <= LONGEST_LABEL else ""
    direction = f" along {request.direction.data.name}" if request.direction is not None else ""
    match request.kind:
        case "vjp":
            return style.name(f"bar({name})")
        case "hess" | "hvp":
            return f"∂²{of}/∂{name}²{direction}"
    return f"∂{of}/∂{name}{direction}"


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
    counted = prose(_count(line, style), style.prose_width - INDENT)
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
    groups = _groups(words, style.prose_width - INDENT - columns(head))
    indent = " " * columns(head)
    rows: list[Row] = []
    for i, group in enumerate(groups):
        above, below = _aligned(group)
        lead = head if i == 0 else indent[2:] + "· "
        rows += labelled("" if i else "scalars", [[(lead + above, "")]], INDENT)
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


def _count(line: Line, style: Style) -> str:
    if line.fitting <= 1 and line.all_counted:
        return "the only arrangement that fits the declared shapes"
    number = f"{line.fitting:,}" if line.all_counted else f"more than {line.fitting:,}"
    general = f"; the most general shapes and units leave {line.typed:,}" if style.steps else ""
    return f"1 of {number} arrangements that fit the declared shapes stands{general}"


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
        why = f"off by {_figure(rejected.error)}: {rejected.reason}"
        lines = prose(why, style.prose_width - INDENT - MARGIN)
        rows += [[(" " * MARGIN + text, "dim")] for text in lines]
    return labelled("rejected", rows, INDENT)


def _rewritings(result: Result, style: Style) -> list[Row]:
    rows: list[Row] = []
    for rewriting in result.rewritings:
        rows.append([(rewriting.rule, "dim")])
        rows += [[("  " + t, "")] for t in style.broken(style.text(rewriting.after), INDENT + 2)]
    return labelled("simplified", rows, INDENT)


# ---------------------------------------------------------------------------------- the gradient


def _gradient(result: Result, style: Style) -> list[Row]:
    """The gradient, the definitions that it uses, and what it keeps of the forward pass."""
    standing = result.validation.verdict == "verified"
    relation = "=" if standing else "=?"
    label = f"{_label(result.request, style)} {relation} "
    shape = shape_text(result.gradient.shape)
    look = "bold" if standing else "yellow"
    rows = _equation(label, result.gradient, "gradient", look, style, shape)
    for i, (name, body) in enumerate(result.definitions):
        rows += _equation(f"{style.name(name)} = ", body, "" if i else "where", "", style)
    kept = [e for e in result.kept if not e.is_scalar]
    if any(e.op != "symbol" for e in kept):
        names = ", ".join(f"{style.text(e)}\N{NO-BREAK SPACE}({shape_text(e.shape)})" for e in kept)
        texts = prose(names, style.prose_width - INDENT)
        rows += labelled("keeps", [[(text, "dim")] for text in texts], INDENT)
    for note in result.notes:
        texts = prose(note, style.prose_width - INDENT)
        rows += labelled("note", [[(text, "")] for text in texts], INDENT)
    return rows


def _equation(
    label: str, e: Expr, margin: str, look: str, style: Style, shape: str = ""
) -> list[Row]:
    texts = style.broken(style.text(e), INDENT + columns(label))
    if shape and style.width and INDENT + columns(label + texts[-1] + shape) + 3 > style.width:
        texts.append("")
    rows: list[Row] = [
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
    label, gradient = _label(result.request, style), style.text(result.gradient)
    if v.verdict == "verified":
        return [*rows, [(f"{label} = {gradient}", "")]]
    badge, look = _BADGES[v.verdict]
    return [*rows, [(f"{label} =? {gradient}", "yellow"), (f"   # {badge}: {v.reason}", look)]]


# ----------------------------------------------------------------------------------- the verdict


def _verdict(v: Validation, style: Style) -> list[Row]:
    badge, look = _BADGES[v.verdict]
    indent = MARGIN + columns(badge) + 2
    width = style.prose_width - indent
    texts = [*(prose(v.reason, width) if v.reason else []), *prose("; ".join(_figures(v)), width)]
    head: Row = [(" " * MARGIN, ""), (badge, look), ("  " + texts[0], "")]
    return [head, *([(" " * indent + text, "")] for text in texts[1:])]


def _figures(v: Validation) -> Iterable[str]:
    if v.zero:
        yield "zero everywhere that was looked at"
    if not math.isnan(v.max_relative_error):
        yield f"worst relative error {_figure(v.max_relative_error)}"
    if math.isinf(v.order):
        yield "Taylor remainder zero to rounding"
    elif not math.isnan(v.order):
        yield f"Taylor remainder of order {v.order:.2f}"
    sizes = " and ".join(
        ", ".join(f"{name}={size}" for name, size in sorted(draw.items())) for draw in v.sizes
    )
    yield f"{v.draws}\N{NO-BREAK SPACE}draws" + (f" at {sizes}" if sizes else "")
    if v.conditions:
        yield f"where {', '.join(v.conditions)}"
    yield f"seed {v.seed}"


def _figure(x: float) -> str:
    return f"{x:.2g}" if 0.01 <= abs(x) < 100 or x == 0 else f"{x:.1e}"


# ---------------------------------------------------------------------------------- to a terminal


def console(stream: TextIO | None = None) -> Console:
    """A console on a stream: colour on a terminal unless NO_COLOR is set, nothing in a pipe."""
    return Console(
        file=stream or sys.stdout, highlight=False, markup=False, emoji=False, soft_wrap=True
    )


def width_of(target: Console) -> int | None:
    """The width to lay out for, or None for a pipe."""
    return min(target.width, WIDEST) if target.is_terminal else None


def show(rows: Sequence[Row], target: Console) -> None:
    """Print rows: through rich on a terminal, else as they are."""
    if not target.is_terminal:
        target.file.write(plain(rows))
        return
    for row in rows:
        target.print(Text.assemble(*((text, look) for text, look in row)))
