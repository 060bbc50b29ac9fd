"""The story of a result on a terminal, as on paper: rows of styled text that rich prints.

In a pipe they are plain, and expressions are in the language and not broken.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import field
from typing import TYPE_CHECKING, TextIO

from ..core.dims import shape_text
from ..core.expr import Expr
from ..core.indices import written
from ..core.problem import EqualityClaim, Problem
from ..core.records import dataclass
from ..core.results import Result
from ..language.printer import factor_text, overlined, to_text
from ..numerics.error_curves import Curve
from . import document as doc
from . import phrases as words
from .layout import COLOURS, MARGIN, Row, broken, columns, grouped, labelled, padded, plain, prose

if TYPE_CHECKING:
    from rich.console import Console

    from ..families.saved_values import Account
    from .claims import ClaimStory

INDENT = 13  # the column in which the texts behind the labels begin
PROSE_WIDTH = 80
FACTOR_WIDTH = 20
WIDEST = 120
LOOKS = {
    "verified": "bold green",
    "right": "bold green",
    "wrong": "bold red",
    "unchecked": "bold yellow",
    "absent": "bold yellow",
}
REMARKS = {"assumed": "yellow", "unused": "yellow", "warning": "bold yellow", "opened": "dim"}
Cell = tuple[str, str]  # a factor and its shape


@dataclass(frozen=True, slots=True)
class Style:
    """How a result is shown: for a terminal of that width, or plain if the width is None."""

    width: int | None = None
    steps: bool = False
    quiet: bool = False

    @property
    def detail(self) -> int:
        return doc.ANSWER if self.quiet else doc.STEPS if self.steps else doc.LINES

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

    def left(self, left: doc.Left) -> str:
        if isinstance(left, Expr):
            return self.text(left)
        return self.name(left if isinstance(left, str) else words.label(left))

    def broken(self, text: str, at: int) -> list[str]:
        return broken(text, None if self.width is None else self.width - at)

    def filled(self, text: str, at: int = INDENT) -> list[str]:
        return prose(text, self.prose_width - at)


# ------------------------------------------------------------------------------------- what is told


def problem_rows(problem: Problem, style: Style) -> list[Row]:
    """What was assumed or is unused, and how ambiguous texts were read, once for a problem."""
    rows = _rows(doc.preface(problem), style)
    return [*rows, []] if rows else []


def result_rows(result: Result, style: Style, problem: Problem | None = None) -> list[Row]:
    """The derivation of one request of a problem."""
    return _shown(doc.derivation_story(result, problem), style)


def joint_rows(
    results: Sequence[Result], style: Style, problem: Problem, telling: doc.Telling
) -> list[Row]:
    """Likewise those of requests that are told together, without what was told before."""
    (story,) = doc.joint_stories(results, problem)
    return _shown(telling.next(story), style)


def _shown(story: doc.Story, style: Style) -> list[Row]:
    return _quiet(story, style) if style.quiet else _story(story, style)


def claim_rows(story: ClaimStory, style: Style) -> list[Row]:
    """A claim, the verdict, and what mends it with the change marked; an equality stands above, as
    typed."""
    asked = f"check {words.asked(story.claim, style.name)}"
    blocks = story.found if isinstance(story.claim, EqualityClaim) else story.answer
    return [*_heading(story.warnings, asked, style), *_parts([blocks], story.curve, style)]


def verdict_row(before: str, verdict: str, diagnosis: str = "") -> Row:
    """A verdict in one line, after a place or a claim."""
    row = [(f"{before}: ", ""), (verdict, LOOKS[verdict])]
    return [*row, (f": {diagnosis}", "")] if diagnosis else row


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
    return _texts("cache", texts)


def _story(story: doc.Story, style: Style) -> list[Row]:
    asked = words.asked_together(story.requests, style.name)
    steps = [section.blocks for section in story.steps]
    parts = [story.earlier, *steps, story.simplification, story.answer]
    return [*_heading(story.warnings, asked, style), *_parts(parts, story.curve, style)]


def _heading(warnings: Iterable[doc.Remark], asked: str, style: Style) -> list[Row]:
    above = _rows(warnings, style)
    return [*above, *([[]] if above else []), [(asked, "bold")]]


def _parts(
    parts: Iterable[Iterable[doc.Block]], curve: Curve | None, style: Style
) -> Iterator[Row]:
    """The parts of a story below each other, an empty line before each, and the curve."""
    for part in parts:
        shown = _rows(doc.told(part, style.detail), style)
        yield from [[], *shown] if shown else []
    if curve is not None:
        from .plots import curve_lines

        yield from [[], *([(" " * MARGIN + line, "")] for line in curve_lines(curve))]


def _quiet(story: doc.Story, style: Style) -> list[Row]:
    """The gradient alone, after what it introduces; the verdict only if it isn't the good one."""
    blocks = doc.told(story.answer, doc.ANSWER)
    formulas = [b for b in blocks if isinstance(b, doc.EquationBlock)]
    alone = sum(f.label == "gradient" for f in formulas) == 1  # it holds for all members
    rows: list[Row] = []
    for f in sorted(formulas, key=lambda f: f.answers):
        shown = f.ranges and not (alone and f.label == "gradient")
        over = f"   for {written(f.ranges)}" if shown else ""
        over = over or (f"   {f.entries}" if f.entries else "")
        text = f"{style.left(f.left)} {f.sign} {style.text(f.right)}{over}"
        rows.append([(text, "" if f.sign == "=" else "yellow")])
    for b in blocks:
        if isinstance(b, doc.Evidence):
            rows[-1].append((f"   # {b.label}: {b.reason}", LOOKS[b.verdict]))
    return rows


# -------------------------------------------------------------------------------------- the blocks


def _rows(blocks: Iterable[doc.Block], style: Style) -> list[Row]:
    """The blocks below each other; the same label again is left out."""
    rows: list[Row] = []
    before: doc.Block | None = None
    for block in blocks:
        apart = isinstance(block, doc.ScalarLine | doc.Evidence | doc.MarkedText)
        rows += [[]] if apart and before is not None else []
        repeated = before is not None and block.label == before.label
        rows += _block(block, "" if repeated else block.label, style)
        before = block
    return rows


def _block(block: doc.Block, label: str, style: Style) -> list[Row]:
    match block:
        case doc.ScalarLine():
            return _line(block, style)
        case doc.EquationBlock():
            return _formula(block, label, style)
        case doc.MarkedText():
            return _marked(block, label, style)
        case doc.Evidence():
            return _evidence(block, style)
        case doc.Listing():
            rows = [row for item in block.items for row in _ITEMS[block.label](item, style)]
            return labelled(label, rows, INDENT)
        case doc.KeptValues():
            return _texts(label, style.filled(words.kept(block.values, style.text)), "dim")
        case doc.Reference():
            return _texts(
                label, style.filled(words.above(p.name if p else "…" for p in block.named))
            )
        case doc.Remark():
            return _texts(label, style.filled(block.text), REMARKS.get(block.label, ""))


def _texts(label: str, lines: Iterable[str], look: str = "") -> list[Row]:
    return labelled(label, [[(line, look)] for line in lines], INDENT)


def _line(block: doc.ScalarLine, style: Style) -> list[Row]:
    rows = _scalars(block, style)
    arranged = style.broken(style.text(block.line.arrangement), INDENT)
    rows += _texts("arranged", arranged, "cyan")
    if count := block.counted(style.detail == doc.STEPS):
        rows += _texts("", style.filled(count), "dim")
    return rows + _rows(doc.told((*block.origins, *block.rejected), style.detail), style)


def _scalars(block: doc.ScalarLine, style: Style) -> list[Row]:
    """The scalar line, broken between factors, and the shapes right below them."""
    label = style.name(block.step.label)
    lead = f"{label} = " if block.first else " " * columns(label) + " "
    head = lead + (block.sign if block.first else f"{block.sign} ")
    words = [
        (factor_text(e, style.unicode), "" if shape is None else shape_text(shape))
        for e, shape in block.factors
    ]
    rows: list[Row] = []
    room = style.prose_width - INDENT
    if columns(head) + max(columns(text) for word in words for text in word) > room:
        if block.first:  # the label stands on a line of its own
            rows += _texts("scalars", style.broken(f"{label} =", INDENT))
            head = head[len(label) :].replace("=", " ")
        else:
            head = head[columns(label) :]
    groups = grouped(words, room - columns(head), lambda w: max(map(columns, w)) + len(" · "))
    indent = " " * columns(head)
    for i, group in enumerate(groups):
        above, below = _aligned(group)
        lead = head if i == 0 else indent[2:] + "· "
        rows += _texts("" if rows else "scalars", [lead + above])
        rows += _texts("" if i else "shapes", [indent + below], "magenta")
    target = f"→  {shape_text(block.step.shape)}"
    if columns("".join(text for text, _ in rows[-1]) + target) + 2 <= style.prose_width:
        rows[-1].append((f"  {target}", "magenta"))
    else:
        rows += _texts("", [indent + target], "magenta")
    return rows


def _aligned(words: Sequence[Cell]) -> tuple[str, str]:
    """Factors with dots between them, and their shapes right below."""
    widths = [max(map(columns, word)) for word in words]
    above = " · ".join(padded(text, w) for (text, _), w in zip(words, widths, strict=True))
    below = "   ".join(padded(shape, w) for (_, shape), w in zip(words, widths, strict=True))
    return above.rstrip(), below.rstrip()


def _formula(block: doc.EquationBlock, label: str, style: Style) -> list[Row]:
    look = "" if not block.answers else "bold" if block.sign == "=" else "yellow"
    left = f"{style.left(block.left)} {block.sign} "
    shape = shape_text(block.right.shape) if block.answers else ""
    rows: list[Row] = []
    if style.width is not None and 2 * columns(left) > style.width - INDENT:
        rows = [[(text, look)] for text in style.broken(left.rstrip(), INDENT)]
        left = " " * MARGIN
    texts = style.broken(style.text(block.right), INDENT + columns(left))
    if shape and style.width and INDENT + columns(left + texts[-1] + shape) + 3 > style.width:
        texts.append("")
    rows += [
        [(left if i == 0 else " " * columns(left), look), (text, look)]
        for i, text in enumerate(texts)
    ]
    rows[-1].append((f"   {shape}" if shape else "", "magenta"))
    if block.ranges:
        rows[-1].append((f"   for {written(block.ranges)}", "dim"))
    if block.entries:
        rows[-1].append((f"   {block.entries}", "dim"))
    return labelled(label, rows, INDENT)


def _origin(item: doc.ListedFormula, style: Style) -> list[Row]:
    """A factor with the operation that it comes from, below it where it is long."""
    rows: list[Row] = []
    text = padded(style.text(item.formula), FACTOR_WIDTH)
    if columns(text) > FACTOR_WIDTH:
        rows.append([(text, "")])
        text = " " * FACTOR_WIDTH
    for origin in style.filled(item.said[0], INDENT + FACTOR_WIDTH + MARGIN):
        rows.append([(text + " " * MARGIN, ""), (origin, "dim")])
        text = " " * FACTOR_WIDTH
    return rows


def _rejected(item: doc.ListedFormula, style: Style) -> list[Row]:
    """A look-alike, and below it its error and what gives it away."""
    rows: list[Row] = [[(t, "red")] for t in style.broken(style.text(item.formula), INDENT)]
    why = style.filled(": ".join(item.said), INDENT + MARGIN)
    return [*rows, *([(" " * MARGIN + text, "dim")] for text in why)]


def _rewriting(item: doc.ListedFormula, style: Style) -> list[Row]:
    """The name of a step of the simplification, and below it what became of what."""
    text = style.text(item.formula)
    if item.before is not None:
        text = f"{style.text(item.before)} = {text}"
    rows: list[Row] = [[(item.said[0], "dim")]]
    return [*rows, *([("  " + t, "")] for t in style.broken(text, INDENT + 2))]


_ITEMS = {"factors": _origin, "rejected": _rejected, "simplified": _rewriting}


def _marked(block: doc.MarkedText, label: str, style: Style) -> list[Row]:
    """A text with carets below what is marked, or without where it takes several lines."""
    lines, look = style.broken(block.text, INDENT), "green" if block.good else "red"
    if len(lines) > 1:
        return _texts(label, lines)
    row: Row = []
    carets, at = "", 0
    for mark in block.marks:
        before, marked = block.text[at : mark.start], block.text[mark.start : mark.stop]
        row += [(before, ""), (marked, look)]
        carets += " " * columns(before) + "^" * columns(marked)
        at = mark.stop
    rows = [[*row, (block.text[at:], "")]]
    return labelled(label, [*rows, [(carets, look)]] if carets else rows, INDENT)


def _evidence(block: doc.Evidence, style: Style) -> list[Row]:
    badge = padded(f"{block.label}  ", INDENT - MARGIN)
    indent = MARGIN + columns(badge)
    said = filter(None, (block.reason, "; ".join(block.figures)))
    first, *others = [line for text in said for line in style.filled(text, indent)] or [""]
    head: Row = [(" " * MARGIN, ""), (badge, LOOKS[block.verdict]), (first, "")]
    return [head, *([(" " * indent + text, "")] for text in others)]


# ---------------------------------------------------------------------------------- to a terminal


FORCING = frozenset({"FORCE_COLOR", "TTY_COMPATIBLE"})  # what makes rich take a pipe for a terminal


def terminal(colour: str = "auto") -> Console | None:
    """The console on standard output, or None for a pipe, which needs none. The colour is `auto`,
    `always`, in a pipe too, or `never`."""
    is_one = sys.stdout.isatty() or not FORCING.isdisjoint(os.environ) or colour == "always"
    return console(colour=colour) if is_one else None


def console(stream: TextIO | None = None, colour: str = "auto") -> Console:
    """A console on a stream: colour and weight on a terminal unless NO_COLOR is set, nothing in a
    pipe; or `always`, or `never`."""
    from rich.console import Console  # slow to import, and of no use in a pipe
    from rich.theme import Theme

    looks = {
        f"{weight}{name}": f"{weight}{colour}"
        for name, colour in COLOURS.items()
        for weight in ("", "bold ")
    }

    class PipedConsole(Console):
        def on_broken_pipe(self) -> None:
            raise BrokenPipeError  # for the command line, whose status says so; Rich's is 1

    is_plain = colour == "never" or (colour == "auto" and os.environ.get("NO_COLOR"))
    return PipedConsole(
        color_system=None if is_plain else "auto",
        no_color=False,
        file=stream or sys.stdout,
        force_terminal=True if colour == "always" else None,
        theme=Theme(looks),
        highlight=False,
        markup=False,
        emoji=False,
        soft_wrap=True,
    )


@dataclass(slots=True)
class Progress:
    """What is worked on, and for how long, while it is."""

    what: str = ""
    begin: float = field(default_factory=time.monotonic)

    def start(self, what: str) -> None:
        self.what, self.begin = what, time.monotonic()

    def __rich__(self) -> str:
        seconds = int(time.monotonic() - self.begin)
        return f"{self.what} … {f'{seconds} s ' if seconds else ''}(Ctrl-C stops)"


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
