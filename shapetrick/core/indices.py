"""Indices of families: `l - 1`, `L`, `2 p + q`; the ranges they run over, and names of members.

A member's name, `Z[l-1]`, is its family's name with indices; so is that of a member's dimension,
`n[l]`. Text is read as a name where it comes in (`read_name`), and from there on nothing looks into
a name's text: its parts are data.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cmp_to_key, lru_cache
from typing import Any

from .dims import NOTHING, Dim, Shape
from .errors import DerivationError
from .named_tuples import NamedTuple
from .regexes import regex

_TERM = regex(
    r"\s*(?P<sign>[+−-]?)\s*"
    r"(?:(?:(?P<factor>\d+)\s*\*?\s*)?(?P<letter>[^\W\d]\w*)|(?P<number>\d+))\s*"
)
_MEMBER = regex(r"(?P<base>.*[^\[\]])\[(?P<index>[^\[\]]+)\]")


class Incomparable(DerivationError):
    """Two indices count from different lengths."""

    def __init__(self, a: Index, b: Index) -> None:
        super().__init__(
            f"it depends on whether `{a}` is at most `{b}`, which nothing tells: write one of the "
            "lengths by the other where members are declared."
        )


class Index(NamedTuple):
    """A letter and a number added to it; without a letter, a number. `others` are further letters
    with their factors: in `2 p + q - 1` the letter is q. `affine` makes one of its terms."""

    letter: str = ""
    offset: int = 0
    others: tuple[tuple[str, int], ...] = ()

    @property
    def terms(self) -> dict[str, int]:
        """The letters, with their factors."""
        return {self.letter: 1, **dict(self.others)} if self.letter else dict(self.others)

    @property
    def letters(self) -> tuple[str, ...]:
        return tuple(self.terms)

    def plus(self, k: int) -> Index:
        return Index(self.letter, self.offset + k, self.others)

    def added(self, other: Index, factor: int = 1) -> Index:
        """This index, and another one as often as the factor says."""
        if not (other.letter or other.others):
            return self.plus(factor * other.offset)
        terms = self.terms
        for letter, k in other.terms.items():
            terms[letter] = terms.get(letter, 0) + factor * k
        return affine(terms, self.offset + factor * other.offset)

    def minus(self, other: Index) -> Index:
        return self.added(other, -1)

    def within(self, values: Indices) -> Index:
        """This index with letters' values put in."""
        if not self.others:
            value = values.get(self.letter)
            return self if value is None else value.plus(self.offset)
        found = Index("", self.offset)
        for letter, k in self.terms.items():
            found = found.added(values.get(letter, Index(letter)), k)
        return found

    def ends(self, ranges: Sequence[Range]) -> tuple[Index, Index]:
        """The first and the last index that this one is, where letters run over ranges."""
        low = high = self
        for over in reversed(ranges):
            first, last = over.rising.ends
            low = low.within({over.letter: first if low.terms.get(over.letter, 1) > 0 else last})
            high = high.within({over.letter: last if high.terms.get(over.letter, 1) > 0 else first})
        return low, high

    @property
    def place(self) -> tuple[bool, int]:
        """The key by which indices are sorted, where lengths are large."""
        return bool(self.letter or self.others), self.offset

    def __str__(self) -> str:
        text = ""
        for letter, k in sorted(self.terms.items(), key=lambda term: (term[1] < 0, term[0])):
            text += ("-" if k < 0 else "+" if text else "") + f"{abs(k)} " * (abs(k) != 1) + letter
        return (text + f"{self.offset:+d}" * bool(self.offset)) if text else str(self.offset)


Indices = Mapping[str, Index]


def affine(terms: Mapping[str, int], offset: int) -> Index:
    """The index that is a sum of letters, each with a factor, and of a number."""
    left = sorted((letter, k) for letter, k in terms.items() if k)
    letter = next((letter for letter, k in left if k == 1), "")
    return Index(letter, offset, tuple(term for term in left if term[0] != letter))


def at_most(a: Index, b: Index) -> bool:
    """Whether a ≤ b where lengths are large. Raises Incomparable."""
    if a.letter == b.letter and not (a.others or b.others):
        return a.offset <= b.offset
    ahead = b.minus(a)
    signs = {k > 0 for k in ahead.terms.values()}
    if len(signs) > 1:
        raise Incomparable(a, b)
    return signs.pop() if signs else ahead.offset >= 0


def is_at_most(a: Index, b: Index) -> bool:
    """Whether a ≤ b is known, where lengths are large."""
    try:
        return at_most(a, b)
    except Incomparable:
        return False


def _compared(a: Index, b: Index) -> int:
    try:
        return 0 if a == b else -1 if at_most(a, b) else 1
    except Incomparable:  # of two lengths, none of which is made of the other
        return (a.place > b.place) - (a.place < b.place)


by_size = cmp_to_key(_compared)  # the key by which indices are sorted


def numbered(lengths: Mapping[str, int]) -> Indices:
    """Numbers for the letters of lengths."""
    return {letter: Index("", k) for letter, k in lengths.items()}


class Condition(NamedTuple):
    """An index that lies between two others: `1 <= r-q <= P`."""

    first: Index
    inner: Index
    last: Index

    @property
    def letters(self) -> set[str]:
        return {t for i in self for t in i.terms}

    def within(self, values: Indices) -> Condition:
        return Condition(*(i.within(values) for i in self))

    def __str__(self) -> str:
        if self.first == self.last:
            return f"{self.inner} = {self.last}"
        return f"{self.first} <= {self.inner} <= {self.last}"


class Range(NamedTuple):
    """`l = 1..L`; falling if it is written `l = L..1`, as a recurrence runs that goes back. A sum
    is over those values only for which the conditions hold that it has: `where`."""

    letter: str
    first: Index
    last: Index
    where: tuple[Condition, ...] = ()

    @property
    def letters(self) -> set[str]:
        """The letters that its bounds and conditions have, beside its own."""
        found = {*self.first.terms, *self.last.terms, *(t for c in self.where for t in c.letters)}
        return found - {self.letter}

    @property
    def ends(self) -> tuple[Index, Index]:
        return self.first, self.last

    @property
    def is_single(self) -> bool:
        """Whether it is one value."""
        return self.first == self.last and not self.where

    def within(self, values: Indices) -> Range:
        first, last = self.first.within(values), self.last.within(values)
        own = {k: v for k, v in values.items() if k != self.letter} if self.where else {}
        return Range(self.letter, first, last, tuple([c.within(own) for c in self.where]))

    def boxed(self, scope: Sequence[Range]) -> Range:
        """From the first to the last value that it has, where other letters run over ranges."""
        return Range(self.letter, self.first.ends(scope)[0], self.last.ends(scope)[1])

    def lettered(self, letter: str) -> Range:
        """With another letter."""
        own = {self.letter: Index(letter)}
        return Range(letter, self.first, self.last, tuple([c.within(own) for c in self.where]))

    def has(self, k: int) -> bool:
        """Whether its letter may be this number, where its bounds are numbers."""
        own = (c.within({self.letter: Index("", k)}) for c in self.where)
        return self.first.offset <= k <= self.last.offset and all(
            c.first.offset <= c.inner.offset <= c.last.offset for c in own
        )

    @property
    def rising(self) -> Range:
        """From the smaller index to the larger one."""
        try:
            falls = not at_most(self.first, self.last)
        except Incomparable:
            falls = False
        return self.reversed if falls else self

    @property
    def reversed(self) -> Range:
        return self._replace(first=self.last, last=self.first)

    def __str__(self) -> str:
        return ", ".join([f"{self.letter} = {self.first}..{self.last}", *map(str, self.where)])


def written(ranges: Iterable[Range]) -> str:
    """`b = 1..B, t = 1..T`."""
    return ", ".join(map(str, ranges))


def index_of(text: str) -> Index | None:
    """The index that a text is; None if it is none."""
    terms: dict[str, int] = {}
    offset, position = 0, 0
    while position < len(text) or not position:
        m = _TERM.match(text, position)
        if m is None or (position and not m["sign"]):
            return None
        sign = -1 if m["sign"] in ("-", "−") and m["sign"] else 1
        if m["letter"]:
            terms[m["letter"]] = terms.get(m["letter"], 0) + sign * int(m["factor"] or 1)
        else:
            offset += sign * int(m["number"])
        position = m.end()
    return affine(terms, offset)


def range_of(letter: str, first: str, last: str) -> Range | None:
    """The range of these texts; None if they are no indices."""
    low, high = index_of(first), index_of(last)
    if low is None or high is None or not letter.isidentifier():
        return None
    return Range(letter, low, high)


def ranges_of(text: str) -> tuple[Range, ...] | None:
    """The ranges that a text is, each with its conditions; None if it is none."""
    found: list[Range] = []
    for part in text.split(","):
        m = re.fullmatch(r"\s*(\w+)\s*=(.+)\.\.(.+)", part)
        over = range_of(*m.groups()) if m is not None else None
        bounds = [index_of(side) for side in re.split("<=|≤|=", part)]
        if over is not None:
            found.append(over)
        elif found and len(bounds) in (2, 3) and None not in bounds:
            *first, inner, last = (i for i in bounds if i is not None)
            condition = Condition((first or [last])[0], inner, last)
            found[-1] = found[-1]._replace(where=(*found[-1].where, condition))
        else:
            return None
    return tuple(found)


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


def base_of(name: str) -> str:
    """The family's name, or the name itself."""
    return name.base if isinstance(name, Member) else name


def read_name(text: str) -> str:
    """A name as it is written, `∂h[T]/∂x[s]` too; brackets that hold no index are left."""
    m = _MEMBER.fullmatch(text) if text.endswith("]") else None
    if m is None:
        return text
    indices = [i for i in map(index_of, m["index"].split(",")) if i is not None]
    whole = len(indices) == m["index"].count(",") + 1
    return member(m["base"], *indices) if whole else text


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
    return Dim.of(renamed(name, values)) if value is None else dim_of(value)


def dim_of(index: Index) -> Dim:
    """An index as a dimension."""
    terms = (Dim.of(k) * Dim.of(letter) for letter, k in index.terms.items())
    return sum(terms, NOTHING) + Dim.of(index.offset)


def renamed_shape(shape: Shape, values: Indices) -> Shape:
    rows, cols = shape
    return renamed_dim(rows, values), renamed_dim(cols, values)
