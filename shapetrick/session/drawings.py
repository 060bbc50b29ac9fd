"""Factors drawn to scale: a box for each matrix, as high and wide as its dimensions say.

A dimension has one length wherever it occurs, so that a person sees which sides can meet.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..core.dims import Dim, Shape, shape_text
from ..render.layout import MARGIN, Row, columns, padded

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
