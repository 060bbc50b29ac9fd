"""Lines of styled text that fit a width: labels, prose, expressions broken where it reads well."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import TypeVar

from rich.cells import cell_len

from ..core.named_tuples import NamedTuple
from ..core.regexes import regex

T = TypeVar("T")
StyledText = tuple[str, str]  # text and style
Row = list[StyledText]
MARGIN = 2
columns = cell_len  # how many columns a text takes, as Rich counts them that prints it
_QUOTED = regex(r"`[^`\n]{1,30}`")
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


def grouped(items: Iterable[T], width: int, measure: Callable[[T], int]) -> list[list[T]]:
    """Items in rows of that width."""
    rows: list[list[T]] = [[]]
    for item in items:
        if rows[-1] and sum(map(measure, (*rows[-1], item))) > width:
            rows.append([])
        rows[-1].append(item)
    return rows


class Breaking(NamedTuple):
    """How lines of a notation are broken: how wide a word is, how many brackets it opens, and how
    many groups in which nothing may be broken; what a break before a sign costs."""

    measure: Callable[[str], int]
    opened: Callable[[str], tuple[int, int]]
    costs: Mapping[str, int]
    gap: int = 1  # how wide a space is


_LANGUAGE = Breaking(
    columns,
    lambda word: (sum((c in "([") - (c in ")]") for c in word), 0),
    {"+": 0, "-": 0, "⊙": 1, "⊘": 1, ".*": 1, "./": 1, "/": 1},
)
BETWEEN_FACTORS = 3  # what a break there costs, in brackets around it


def broken(text: str, width: int | None, how: Breaking = _LANGUAGE) -> list[str]:
    """An expression over several lines: broken within the fewest brackets, before an operator.

    Unbroken if there is no width, or no place to break."""
    lines = []
    while width is not None:
        at = _break(text, max(width, 20), how)
        if at is None:
            break
        lines.append(text[:at])
        text = text[at + 1 :]
    return [*lines, text]


def _break(text: str, width: int, how: Breaking) -> int | None:
    """The cheapest space to break at, the last of those; None where the text is short enough."""
    best: tuple[int, int] | None = None
    depth = closed = used = at = 0
    if how.measure(text) <= width:
        return None
    for word, following in pairwise(text.split(" ")):
        used += how.measure(word)
        at += len(word)
        if used > width and best is not None:
            break
        loose, tight = how.opened(word)
        depth, closed = depth + loose, closed + tight
        if not closed and used > width // 3 and word not in how.costs:
            cost = depth + how.costs.get(following, BETWEEN_FACTORS)
            best = min(best or (cost, -at), (cost, -at))
        used += how.gap
        at += 1
    return None if best is None else -best[1]
