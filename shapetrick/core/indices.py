"""Indices of families: `l - 1`, `L`, `3`; the ranges they run over, and the names of members.

A member's name, `Z[l-1]`, is its family's name with indices; so is that of a member's dimension,
`n[l]`. Text is read as a name where it comes in (`read_name`), and from there on nothing looks into
a name's text: its parts are data.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

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

    def ends(self, over: Range | None) -> tuple[Index, Index]:
        """The first and the last index that this one is, where its letter runs over a range."""
        if over is None or over.letter != self.letter:
            return self, self
        return over.rising.first.plus(self.offset), over.rising.last.plus(self.offset)

    @property
    def place(self) -> tuple[bool, int]:
        """The key by which indices are sorted, where lengths are large."""
        return bool(self.letter), self.offset

    def __str__(self) -> str:
        if not self.letter:
            return str(self.offset)
        return f"{self.letter}{self.offset:+d}" if self.offset else self.letter


Indices = Mapping[str, Index]


def numbered(lengths: Mapping[str, int]) -> Indices:
    """Numbers for the letters of lengths."""
    return {letter: Index("", k) for letter, k in lengths.items()}


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
        first, last = sorted((self.first, self.last), key=lambda i: i.place)
        return Range(self.letter, first, last)

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


class Member(str):
    """The name of a member. It is compared and printed as its text, `Z[l-1]`; `member` makes it."""

    __slots__ = ("base", "indices")

    base: str
    indices: tuple[Index, ...]

    def __reduce__(self) -> tuple[Any, ...]:
        return member, (self.base, *self.indices)


@lru_cache(maxsize=4096)
def member(base: str, *indices: Index) -> Member:
    """The name of a family's member."""
    found = Member(f"{base}[{','.join(map(str, indices))}]")
    found.base, found.indices = base, indices
    return found


def name_of(base: str, indices: tuple[Index, ...]) -> str:
    """The name of these parts: the base itself, or a member's."""
    return member(base, *indices) if indices else base


def parts(name: str) -> tuple[str, tuple[Index, ...]]:
    """A name's base, and its indices."""
    return (name.base, name.indices) if isinstance(name, Member) else (name, ())


def split(name: str) -> tuple[str, Index] | None:
    """A member's family and index; None for another name."""
    return (name.base, name.indices[0]) if isinstance(name, Member) else None


def base_of(name: str) -> str:
    """The family's name, or the name itself."""
    return name.base if isinstance(name, Member) else name


def read_name(text: str) -> str:
    """A name as it is written; what stands in brackets and is no index is left."""
    m = _MEMBER.fullmatch(text) if text.endswith("]") else None
    index = None if m is None else index_of(m["index"])
    return text if m is None or index is None else member(m["base"], index)


def renamed(name: str, values: Indices) -> str:
    """A member's name with letters' values put in; other names stay."""
    base, indices = parts(name)
    return name_of(base, within(indices, values))


def within(indices: tuple[Index, ...], values: Indices) -> tuple[Index, ...]:
    """Indices with letters' values put in."""
    return tuple([i.within(values) for i in indices])


def renamed_dim(dim: Dim, values: Indices) -> Dim:
    """Likewise a dimension; `L` itself is one, and takes the value."""
    new = {n: _dim(n, values) for n in dim.names if n in values or isinstance(n, Member)}
    return dim.substitute(new) if new else dim


def _dim(name: str, values: Indices) -> Dim:
    value = values.get(name)
    if value is None:
        return Dim.of(renamed(name, values))
    return (Dim.of(value.letter) if value.letter else Dim.of(0)) + Dim.of(value.offset)


def renamed_shape(shape: Shape, values: Indices) -> Shape:
    rows, cols = shape
    return renamed_dim(rows, values), renamed_dim(cols, values)
