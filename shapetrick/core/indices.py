"""Indices of families: `l - 1`, `L`, `3`; the ranges they run over, and members' names.

A member's name is its family's with the index behind it, `Z[l-1]`; so is a dimension's, `n[l]`.
To put another index in the place of a letter is to rename.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from .dims import Dim, Shape

_INDEX = re.compile(
    r"\s*(?:(?P<letter>[^\W\d]\w*)\s*(?P<offset>[+−-]\s*\d+)?|(?P<number>[+−-]?\d+))\s*"
)
_MEMBER = re.compile(r"(?P<base>[^\[\]]+)\[(?P<index>[^\[\]]+)\]")


class Index(NamedTuple):
    """A letter and a number added to it; without a letter, a number."""

    letter: str = ""
    offset: int = 0

    def plus(self, k: int) -> Index:
        return Index(self.letter, self.offset + k)

    def within(self, values: Indices) -> Index:
        """This index with a letter's value put in."""
        value = values.get(self.letter)
        return self if value is None else value.plus(self.offset)

    def __str__(self) -> str:
        if not self.letter:
            return str(self.offset)
        return f"{self.letter}{self.offset:+d}" if self.offset else self.letter


Indices = Mapping[str, Index]


class Range(NamedTuple):
    """`l = 1..L`; falling if it is written `l = L..1`, as a recurrence runs that goes back."""

    letter: str
    first: Index
    last: Index

    def within(self, values: Indices) -> Range:
        return Range(self.letter, self.first.within(values), self.last.within(values))

    @property
    def rising(self) -> Range:
        """From the smaller index to the larger one."""
        ends = sorted((self.first, self.last), key=lambda i: (bool(i.letter), i.offset))
        return Range(self.letter, *ends)

    @property
    def reversed(self) -> Range:
        return Range(self.letter, self.last, self.first)

    def __str__(self) -> str:
        return f"{self.letter} = {self.first}..{self.last}"


def index_of(text: str) -> Index | None:
    """The index that a text is; None if it is none."""
    m = _INDEX.fullmatch(text)
    if m is None:
        return None
    offset = re.sub(r"\s", "", m["offset"] or m["number"] or "0")
    return Index(m["letter"] or "", int(offset.replace("−", "-")))


def range_of(letter: str, first: str, last: str) -> Range | None:
    """The range of these texts; None if they are no indices."""
    low, high = index_of(first), index_of(last)
    if low is None or high is None or not letter.isidentifier():
        return None
    return Range(letter, low, high)


def split(name: str) -> tuple[str, Index] | None:
    """A member's family and index; None for a name without an index, or with a wrong one."""
    m = _MEMBER.fullmatch(name)
    if m is None:
        return None
    index = index_of(m["index"])
    return None if index is None else (m["base"], index)


def base_of(name: str) -> str:
    """The family's name, or the name itself."""
    return name.partition("[")[0] if name.endswith("]") else name


def member(base: str, index: Index) -> str:
    return f"{base}[{index}]"


def renamed(name: str, values: Indices) -> str:
    """A member's name with letters' values put in; other names stay."""
    found = split(name) if name.endswith("]") else None
    return name if found is None else member(found[0], found[1].within(values))


def renamed_dim(dim: Dim, values: Indices) -> Dim:
    """Likewise a dimension; `L` itself is one, and takes the value."""
    return dim.substitute({name: _dim(name, values) for name in dim.names})


def _dim(name: str, values: Indices) -> Dim:
    value = values.get(name)
    if value is None:
        return Dim.of(renamed(name, values))
    return (Dim.of(value.letter) if value.letter else Dim.of(0)) + Dim.of(value.offset)


def renamed_shape(shape: Shape, values: Indices) -> Shape:
    rows, cols = shape
    return renamed_dim(rows, values), renamed_dim(cols, values)
