"""The box in which a person makes the shapes of a line match: its rectangles, and the verdict on
each way in which they may meet. What happens in it is in `arranging.js`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from ..core.dims import Dim, side_text
from ..core.expr import Expr
from ..core.results import Line, Step, TriedArrangement
from ..language.printer import overlined
from . import phrases as words
from .html_elements import Html, element
from .svg import Scale

MOST_TRIED = 2000  # ways in which the sides of a line meet
MOST_BLOCKS = 36  # of sides that meet: each is one character of a key


def arranging_box(
    step: Step, line: Line, factors: Sequence[tuple[Expr, str, str, Html]], scale: Scale
) -> Html:
    """The box of a line whose matrix factors are given with their names, their looks and as
    formulas; empty where there is nothing to arrange, or too much."""
    ways = line.tried
    if len(factors) < 2 or not 0 < len(ways) <= MOST_TRIED or max(map(_blocks, ways)) > MOST_BLOCKS:
        return Html("")
    said = [*dict.fromkeys(["", *map(_wrong, ways)])]
    dims = dict.fromkeys(dim for e, *_ in factors for dim in e.shape)
    data = {
        "label": overlined(step.label),
        **_sides(*step.shape),
        "lengths": {side_text(dim): round(scale(dim)) for dim in dims},
        "tried": {_key(way): said.index(_wrong(way)) for way in ways},
        "said": said,
    }
    written = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return element(
        "details",
        element("summary", "Make the shapes match yourself"),
        element("div", *_given(factors), class_="body", data_line=written),
        class_="arranging",
        hidden=True,
    )


def _given(factors: Sequence[tuple[Expr, str, str, Html]]) -> Iterator[Html]:
    for e, name, look, formula in factors:
        sides = {f"data_{key}": side for key, side in _sides(*e.shape).items()}
        yield element("span", formula, class_=look or "plain", data_name=name, **sides)


def _sides(rows: Dim, cols: Dim) -> dict[str, str]:
    return {"rows": side_text(rows), "cols": side_text(cols)}


def _blocks(way: TriedArrangement) -> int:
    return max(way.blocks) + 1


def _key(way: TriedArrangement) -> str:
    return "".join("0123456789abcdefghijklmnopqrstuvwxyz"[block] for block in way.blocks)


def _wrong(way: TriedArrangement) -> str:
    return f"off by {words.figure(way.error)}; {way.reason}" if way.error else ""
