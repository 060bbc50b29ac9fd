"""Lines of styled text that fit a width: labels, prose, expressions broken where it reads well."""

from __future__ import annotations

import re
import textwrap
import unicodedata
from collections.abc import Iterable, Sequence

Segment = tuple[str, str]  # text and style
Row = list[Segment]
MARGIN = 2
_QUOTED = re.compile(r"`[^`\n]{1,30}`")
# Half-bright colours, which are read on a dark and on a light background.
COLOURS = {
    "red": "#ef2929",
    "green": "#008f00",
    "yellow": "#af5f00",
    "blue": "#0087d7",
    "magenta": "#af5faf",
    "cyan": "#008787",
    "grey": "#767676",
}


def columns(text: str) -> int:
    """How many columns a text takes: marks that stand over a letter take none, wide letters two."""
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in text
    )


def padded(text: str, width: int) -> str:
    return text + " " * (width - columns(text))


def plain(rows: Iterable[Row]) -> str:
    """The rows without their styles."""
    return "".join("".join(text for text, _ in row).rstrip() + "\n" for row in rows)


def labelled(label: str, texts: Sequence[Row], at: int) -> list[Row]:
    """Rows behind a label, all beginning in the same column."""
    head = padded(" " * MARGIN + label, at)
    return [[(head if i == 0 else " " * at, "dim"), *row] for i, row in enumerate(texts)]


def prose(text: str, width: int) -> list[str]:
    """Words filled into lines; a no-break space holds two of them together, and so do the marks
    around what is quoted, where it is short."""
    text = _QUOTED.sub(lambda m: m.group().replace(" ", "\N{NO-BREAK SPACE}"), text)
    lines = textwrap.wrap(text, max(width, 20), break_long_words=False, break_on_hyphens=False)
    return [line.replace("\N{NO-BREAK SPACE}", " ") for line in lines]


def broken(text: str, width: int | None) -> list[str]:
    """An expression over several lines: broken within the fewest brackets, before an operator.

    Unbroken if there is no width, or no place to break."""
    lines = []
    while width is not None and columns(text) > max(width, 20):
        at = _break(text, max(width, 20))
        if at is None:
            break
        lines.append(text[:at])
        text = text[at + 1 :]
    return [*lines, text]


# What a break before a sign costs, in brackets around it; between factors it costs more.
_COSTS = {"+": 0, "-": 0, "⊙": 1, "⊘": 1, ".*": 1, "./": 1, "/": 1}
_BETWEEN_FACTORS = 3


def _break(text: str, width: int) -> int | None:
    """The cheapest space to break at, the last of those."""
    depth = 0
    best: tuple[int, int] | None = None
    after_sign = False
    for i, c in enumerate(text):
        if i > width and best is not None:
            break
        depth += (c in "([") - (c in ")]")
        if c != " ":
            continue
        sign = text[i + 1 : i + 4].split(" ")[0]
        if i > width // 3 and not after_sign:
            cost = depth + _COSTS.get(sign, _BETWEEN_FACTORS)
            best = min(best or (cost, -i), (cost, -i))
        after_sign = sign in _COSTS
    return None if best is None else -best[1]
