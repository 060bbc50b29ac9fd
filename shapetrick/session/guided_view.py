"""A line that a person arranges, and what is said of an arrangement; its factors drawn to scale: a
box for each matrix, as high and wide as its dimensions say.

A dimension has one length wherever it occurs, so that a person sees which sides can meet.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from ..core.dims import Dim, Shape, shape_text
from ..core.expr import Expr
from ..core.problem import LONGEST_LABEL
from ..language.printer import overlined, to_text
from ..render import phrases as words
from ..render.layout import MARGIN, Row, columns, labelled, padded, prose
from ..render.terminal import Style
from .guided import ArrangementStep, GuidedDerivation, MoveVerdict, NamedFactor, arranged

LENGTHS = (5, 3, 4, 2, 6)  # of named dimensions, in their order
TALLEST = 6
ASPECT = 2  # a character is so many times as high as wide


@dataclass(frozen=True, slots=True)
class Box:
    """A matrix to be drawn: its name and its shape."""

    name: str
    shape: Shape


def lengths(shapes: Iterable[Shape]) -> dict[Dim, int]:
    """How long each dimension is drawn; 1 is one row, and nothing else is."""
    dims = list(dict.fromkeys(d for shape in shapes for d in shape))
    names = list(dict.fromkeys(n for d in dims for n in d.names))
    sizes = {n: LENGTHS[i % len(LENGTHS)] for i, n in enumerate(names)}
    return {d: min(d.size(sizes), TALLEST) for d in dims}


def drawn(factors: Sequence[Box], target: Box, lead: str, width: int) -> list[Row]:
    """The factors with dots between them, an arrow, and the target; over several bands where they
    are too many for the width."""
    scale = lengths([box.shape for box in (*factors, target)])
    cells = [_cell(box, scale, "magenta" if box is target else "") for box in (*factors, target)]
    signs = [lead, *(" · " for _ in factors[1:]), " → "]
    rows: list[Row] = []
    band: list[tuple[str, _Cell]] = []
    used = MARGIN
    for sign, cell in zip(signs if factors else [lead], cells, strict=False):
        if band and used + columns(sign) + cell.width > width:
            rows += _band(band)
            band, used = [], MARGIN
        band.append((sign, cell))
        used += columns(sign) + cell.width
    return [*rows, *_band(band)]


@dataclass(frozen=True, slots=True)
class _Cell:
    lines: tuple[str, ...]  # the box
    name: str
    shape: str
    width: int
    look: str


def _cell(box: Box, scale: dict[Dim, int], look: str) -> _Cell:
    rows, cols = (scale[d] for d in box.shape)
    inner = ASPECT * cols
    lines = ("┌" + "─" * inner + "┐", *("│" + " " * inner + "│",) * rows, "└" + "─" * inner + "┘")
    shape = shape_text(box.shape)
    width = max(inner + 2, columns(box.name), columns(shape))
    return _Cell(lines, box.name, shape, width, look)


def _band(cells: Sequence[tuple[str, _Cell]]) -> list[Row]:
    height = max(len(cell.lines) for _, cell in cells)
    rows: list[Row] = []
    for y in range(height):
        row: Row = [(" " * MARGIN, "")]
        for sign, cell in cells:
            above = (height - len(cell.lines)) // 2
            inside = 0 <= y - above < len(cell.lines)
            row.append((sign if y == height // 2 else " " * columns(sign), ""))
            row.append((_centred(cell.lines[y - above] if inside else "", cell.width), cell.look))
        rows.append(row)
    return [
        *rows,
        _below(cells, [cell.name for _, cell in cells], "bold"),
        _below(cells, [cell.shape for _, cell in cells], "magenta"),
    ]


def _below(cells: Sequence[tuple[str, _Cell]], texts: Sequence[str], look: str) -> Row:
    row: Row = [(" " * MARGIN, "")]
    for (sign, cell), text in zip(cells, texts, strict=True):
        row.append((" " * columns(sign) + _centred(text, cell.width), look))
    return row


def _centred(text: str, width: int) -> str:
    return padded(" " * ((width - columns(text)) // 2) + text, width)


INDENT = 13
LEAD = 3  # scalars in front take at most this part of the width


def move_rows(guided: GuidedDerivation, style: Style) -> list[Row]:
    """The line to be arranged: its factors drawn to scale, and what the letters stand for."""
    move = guided.move
    assert move is not None
    part, parts = move.part
    count = f"line {len(guided.played) + 1} of {len(guided.moves)}"
    term = f", term {part + 1} of {parts}" if parts > 1 else ""
    head, place = f"{label(move)} = ?", f"   {count}{term}"
    rows: list[Row] = [[(head, "bold"), (place, "dim")], []]
    if columns(head + place) > style.prose_width:
        rows = [*([(text, "bold")] for text in style.broken(head, 0)), [(place, "dim")], []]
    boxes = [Box(n.name, n.expression.shape) for n in move.factors if not n.expression.is_scalar]
    lead = _scalars(move)
    if columns(lead) > style.prose_width // LEAD:
        rows.append([(" " * MARGIN + lead, "")])
        lead = ""
    target = Box(label(move), move.shape)
    rows += drawn(boxes, target, f"{lead} " if lead else "", style.prose_width)
    return [*rows, *_letters(move, style)]


def label(move: ArrangementStep) -> str:
    """What the line is, `∂J/∂W`."""
    return overlined(move.step.label)


def prompt(move: ArrangementStep) -> str:
    """What stands before what is typed: the label, where it leaves room."""
    text = label(move)
    return f"{text} = " if columns(text) <= LONGEST_LABEL else "= "


def _scalars(move: ArrangementStep) -> str:
    scalars = [n.name for n in move.factors if n.expression.is_scalar]
    number = move.line.coefficient
    first = [str(number)] if number != 1 or not move.factors else []
    return "".join(f"{text} · " for text in (*first, *scalars))


def _letters(move: ArrangementStep, style: Style) -> list[Row]:
    rows: list[Row] = []
    for named in dict.fromkeys(n for n in move.factors if n.name != to_text(n.expression)):
        text = f"{named.name} = {overlined(style.text(named.expression))}"
        texts = style.broken(text, INDENT)
        rows += labelled("" if rows else "where", [[(t, "")] for t in texts], INDENT)
    return [[], *rows] if rows else []


def verdict_rows(verdict: MoveVerdict, move: ArrangementStep, style: Style) -> list[Row]:
    """Whether an arrangement of the line stands, and if not, why."""
    match verdict.outcome:
        case "stands":
            many = f", and settles all {verdict.lines} terms" if verdict.lines > 1 else ""
            return [[("  ✓ ", "bold green"), (f"stands{many}", "")]]
        case "misfit":
            return [] if verdict.feedback is None else _refused(_told(verdict), style)
        case "shape":
            shapes = f"shape {shape_text(verdict.shape)}, need {shape_text(move.shape)}"
            return _refused("; ".join(filter(None, [shapes, _told(verdict)])), style)
        case "no value":
            return [[("  ? ", "bold yellow"), ("fits, but it has no value to compare", "")]]
    said = f"fits, but the numbers say no: relative error {words.figure(verdict.error)}"
    return _refused("; ".join(filter(None, [said, _told(verdict)])), style)


def _told(verdict: MoveVerdict) -> str:
    return "" if verdict.feedback is None else verdict.feedback.told(verdict.tries)


def _refused(said: str, style: Style) -> list[Row]:
    texts = prose(said, style.prose_width - 4)
    return [[("  ✗ " if i == 0 else "    ", "bold red"), (t, "")] for i, t in enumerate(texts)]


def candidate_rows(guided: GuidedDerivation, style: Style) -> list[Row]:
    """The arrangement that stands, and some that fit the shapes and don't."""
    assert guided.move is not None
    line, rejected, letters = guided.move.line, guided.move.line.rejected, guided.move.in_letters
    rows: list[Row] = labelled(
        "fit",
        [[(text, "")] for text in prose(words.counted(line, True), style.prose_width - INDENT)],
        INDENT,
    )
    rows += _candidate("stands", letters(line.arrangement), "", "green", style)
    for i, r in enumerate(rejected):
        why = f"off by {words.figure(r.error)}: {r.reason}"
        typed = letters(arranged(line, r.arrangement))
        rows += _candidate("" if i else "don't", typed, why, "red", style)
    others = line.fitting - 1 - len(rejected)
    if rejected and others > 0:
        rows += labelled("", [[(f"and {others:,} more", "dim")]], INDENT)
    return rows


def _candidate(head: str, e: Expr, why: str, look: str, style: Style) -> list[Row]:
    rows: list[Row] = [[(text, look)] for text in style.broken(style.text(e), INDENT)]
    rows += [[(f"  {text}", "dim")] for text in prose(why, style.prose_width - INDENT - 2)]
    return labelled(head, rows, INDENT)


def why_rows(move: ArrangementStep, name: str, style: Style) -> list[Row]:
    """Where each factor of the line came from in the chain rule, or the one of that name."""
    wanted = [n for n in move.factors if name in ("", n.name, style.text(n.expression))]
    return [row for named in wanted or move.factors for row in _origin(named, style)]


def _origin(named: NamedFactor, style: Style) -> Iterator[Row]:
    text = overlined(style.text(named.expression))
    head = named.name if named.name == text else f"{named.name} = {text}"
    *lines, last = style.broken(head, 2)
    yield from ([(f"  {line}", "bold")] for line in lines)
    yield [(f"  {last}", "bold"), (f"   {shape_text(named.expression.shape)}", "magenta")]
    for line in prose(named.factor.origin, style.prose_width - 4):
        yield [(f"    {line}", "dim")]
