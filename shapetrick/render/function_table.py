"""The operation table for people to look things up: by kind, with the scalar derivative of each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from textwrap import wrap

from ..core.expr import KINDS
from ..core.functions import NAMES, TABLE, Function
from ..language.shapes.structured_calls import CALLS
from ..language.shapes.words import vocabulary
from ..language.syntax.equation_library import TABLE as EQUATIONS
from ..language.syntax.library import sections

WIDTH = 80
WIDEST_DERIVATIVE = 30  # a longer one stands alone on its line
_LEGEND = (
    "A derivative is scalar: x is the argument (a and b, of two), y the value, k the",
    "number of entries averaged. Which transposes and products make the shapes fit is",
    "searched, not listed.",
)


def function_names() -> list[str]:
    """Those of which there is something to tell."""
    names = [*NAMES, *CALLS, *EQUATIONS, *vocabulary().library]
    return [*dict.fromkeys(names)]


def operation_lines() -> Iterator[str]:
    """The lines of the table, with a legend."""
    yield from _LEGEND
    for title, rows in operations_by_kind():
        yield from _section(title, rows)
    yield ""
    yield "Read as products with constants of known structure, or as functions above"
    width = max(len(row.called) for row in CALLS.values()) + 2
    for call in CALLS.values():
        yield f"  {call.called:<{width}}{call.help}"
    yield from _library()


def operations_by_kind() -> Iterator[tuple[str, list[Function]]]:
    """The rows of the table under titles, each once."""
    operators = [row for row in TABLE.values() if is_operator(row)]
    plain = [row for row in TABLE.values() if not is_operator(row)]
    square = [row for row in plain if row.units == "inverse"]
    axis = [row for row in plain if row.takes_axis]
    entries = [row for row in plain if row.elementwise]
    yield "Operators", operators
    yield "Of every entry", entries
    yield "Of a square matrix", square
    yield "Of all entries, or with axis=0 down the rows, axis=1 along them", axis
    others = [row for row in plain if row not in (*square, *axis, *entries)]
    yield "Of a matrix or vector", others


def _library() -> Iterator[str]:
    """The functions that are defined in the language, as they stand in their file."""
    yield ""
    yield "The library, in the language itself; a definition of the same name hides one"
    for said, lines in sections():
        yield ""
        yield from wrap(said, WIDTH, initial_indent="  # ", subsequent_indent="  # ")
        for line in lines:
            yield from wrap(line, WIDTH, initial_indent="  ", subsequent_indent="      ")


def _section(title: str, rows: Iterable[Function]) -> Iterator[str]:
    yield ""
    yield title
    cells = [(call_of(row), ", ".join(row.derivative), meaning_of(row)) for row in rows]
    name_width = max(len(name) for name, _, _ in cells) + 2
    width = max(len(text) for _, text, _ in cells if len(text) <= WIDEST_DERIVATIVE) + 2
    for name, derivative, meaning in cells:
        line = f"  {name:<{name_width}}{derivative + '  ':<{width}}"
        if len(line) + len(meaning) <= WIDTH:
            yield (line + meaning).rstrip()
        else:
            yield line.rstrip()
            yield f"  {'':<{name_width}}{meaning}"


def call_of(row: Function) -> str:
    """How it is written: the operators' help says it."""
    if is_operator(row):
        return row.help
    letters = "x" if row.arity == 1 else "ab"
    return f"{row.name}({', '.join(letters)})"


def meaning_of(row: Function) -> str:
    """What is said of it besides, and how else it is called."""
    words = [row.help] if row.help != "of every entry" and not is_operator(row) else []
    if row.aliases:
        words.append(f"also {', '.join(row.aliases)}")
    return "; ".join(words)


def is_operator(row: Function) -> bool:
    return row.name in KINDS
