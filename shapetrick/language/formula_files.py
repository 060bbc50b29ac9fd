"""Collections of formulas: TOML files whose tables are small problems, each with a name.

    [[formula]]
    name = "49"                                        # its number in a book
    given = "X : n x n"
    claims = ["grad det(X) wrt X = det(X) inv(X)'"]    # what holds
    refused = ["grad det(X) wrt X = det(X) inv(X)"]    # neighbours that don't

`examples/` has some; their pages in the documentation are made of the same tables.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from ..core.errors import RequestError
from ..core.regexes import regex
from .source import read_tables

_TABLE = regex(r"^\[\[formula\]\]", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Formula:
    """One of a collection. Each claim stands as after `check`, each request as a line."""

    name: str
    given: str = ""  # declarations and definitions
    asks: tuple[str, ...] = ()  # requests
    claims: tuple[str, ...] = ()  # what holds
    refused: tuple[str, ...] = ()  # neighbours, off by little
    book: tuple[str, ...] = ()  # as printed, where that fails
    holds: str = ""  # side conditions, in words
    erratum: str = ""  # how the printed one fails
    torch: str = ""  # what PyTorch computes, with `F` for torch.nn.functional
    unsure: bool = False  # whether its number or form as printed should be looked up
    line: int = 1  # of its table in the file

    @property
    def text(self) -> str:
        """What is asked and what holds, as one problem."""
        return "\n".join([self.given, *self.asks, *(f"check {claim}" for claim in self.claims)])

    def claiming(self, claim: str) -> str:
        """The problem with another claim alone."""
        return f"{self.given}\ncheck {claim}"

    @property
    def placed(self) -> str:
        """The text from the line of its table on."""
        return "\n" * self.line + self.text


_FIELDS = {field.name: field.default for field in fields(Formula) if field.name != "line"}


@dataclass(frozen=True, slots=True)
class Collection:
    """The formulas of a file, and where they are from."""

    title: str
    source: str
    formulas: tuple[Formula, ...]


def read_collection(path: str | Path) -> Collection:
    """The formulas of a file. Raises InputError if it is no such file, and BudgetError."""
    text, data, rows = read_tables(path, "formula", _FIELDS)
    lines = [text.count("\n", 0, m.start()) + 1 for m in _TABLE.finditer(text)]
    lines += [1] * len(rows)  # of tables that are written otherwise
    found = zip(rows, lines, strict=False)
    formulas = tuple(_formula(row, line, where) for (where, row), line in found)
    return Collection(str(data.get("title", "")), str(data.get("source", "")), formulas)


def _formula(row: dict[str, Any], line: int, where: str) -> Formula:
    if "name" not in row:
        raise RequestError(f"{where}: `name` should be a text.")
    return Formula(**dict(_fields(row, where)), line=line)


def _fields(row: dict[str, Any], where: str) -> Iterator[tuple[str, Any]]:
    for name, value in row.items():
        if isinstance(_FIELDS[name], tuple):
            if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
                raise RequestError(f"{where}: `{name}` should be a list of texts.")
            yield name, tuple(value)
        elif isinstance(_FIELDS[name], bool) == isinstance(value, bool):
            yield name, value if isinstance(value, bool) else str(value)
        else:
            raise RequestError(f"{where}: `{name}` should be true or a text.")
