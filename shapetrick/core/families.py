"""Families: values with an index, of which a problem says what one member is.

A `Segment` is a line of the text: the members that it declares or defines. Members are symbols
whose names carry the index, so that the engine derives with the generic member as with any other.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Sequence, Set
from dataclasses import dataclass
from itertools import chain, count
from typing import NamedTuple, TypeGuard

from .dims import Dim, Shape
from .errors import Span
from .expr import Dimension, Expr, Name, Symbol, Total, rebuild, symbol, total
from .indices import (
    Index,
    Indices,
    Range,
    member,
    name_of,
    parts,
    renamed_dim,
    renamed_shape,
    split,
    within,
)
from .traversal import postorder, redimensioned

COTANGENT = "G"


@dataclass(frozen=True, slots=True, eq=False)
class Segment:
    """The members `base[index]`, one or, with `over`, one for each value of the letter.

    `shape` is that of the member at `index`; without a `body` the members are inputs."""

    base: str
    index: Index
    over: Range | None
    shape: Shape
    body: Expr | None = None
    attributes: frozenset[str] = frozenset()
    span: Span | None = None

    @property
    def name(self) -> str:
        return member(self.base, self.index)

    @property
    def first(self) -> Index:
        return self.index.ends(self.over)[0]

    @property
    def last(self) -> Index:
        return self.index.ends(self.over)[1]

    def values(self, at: Index) -> Indices:
        """What the letter is where the member `at` is meant."""
        return {} if self.over is None else {self.over.letter: at.plus(-self.index.offset)}

    def shape_at(self, at: Index) -> Shape:
        """A member's shape. Of a single member it is read as that of one among others: where
        `Z[0]` is m×n[0], `Z[l]` would be m×n[l]."""
        if self.over is not None:
            return renamed_shape(self.shape, self.values(at))
        rows, cols = (_generalised(d, self.index, at) for d in self.shape)
        return rows, cols

    def symbol(self, at: Index) -> Symbol:
        return symbol(member(self.base, at), self.shape_at(at), self.attributes)


class Families(NamedTuple):
    """The segments in the order of the text, and the letters of lengths: `L`, `T`; `functions` are
    those of families of elementwise functions, which have no values."""

    segments: tuple[Segment, ...]
    lengths: tuple[str, ...]
    functions: tuple[Segment, ...] = ()

    def of(self, base: str) -> list[Segment]:
        return [s for s in self.segments if s.base == base]

    def is_generic(self, index: Index | None) -> TypeGuard[Index]:
        """Whether an index runs over a family: a letter, and no length's."""
        return index is not None and index.letter not in ("", *self.lengths)

    def first(self, base: str) -> Index:
        """The index of the first input, or function, of a family: that of a list's first entry."""
        inputs = (s for s in (*self.segments, *self.functions) if s.body is None)
        starts = [s.first for s in inputs if s.base == base]
        return min(starts, key=lambda i: i.place, default=Index("", 1))


NO_FAMILIES = Families((), ())  # those of a plain problem


class Incomparable(Exception):
    """Two indices count from different lengths."""


def at_most(a: Index, b: Index) -> bool:
    """Whether a ≤ b where lengths are large. Raises Incomparable."""
    if a.letter == b.letter:
        return a.offset <= b.offset
    if a.letter and b.letter:
        raise Incomparable
    return not a.letter


def covers(segments: Sequence[Segment], first: Index, last: Index) -> Index | None:
    """The first index from first to last that no segment has; None if there is none."""
    position = first
    for _ in range(len(segments) + 1):
        if not at_most(position, last):
            return None
        reached = [
            s.last for s in segments if at_most(s.first, position) and at_most(position, s.last)
        ]
        if not reached:
            return position
        position = reached[0].plus(1)
    return position if at_most(position, last) else None


def reindexed(e: Expr, values: Indices) -> Expr:
    """The expression with letters' values put in."""

    def summed(x: Total) -> Expr:  # its own letter is bound within
        inner = {k: v for k, v in values.items() if k != x.over.letter}
        return total(reindexed(x.args[0], inner), x.over.within(values))

    (found,) = redimensioned(
        [e],
        lambda dim: renamed_dim(dim, values),
        lambda x: name_of(x.base, within(x.indices, values)),
        summed,
    )
    return found


def with_own_letters(e: Expr, outside: Set[str], taken: Set[str]) -> Expr:
    """The expression with another letter for each sum over members that binds one from outside:
    `T[k]' (sum(j = 1..K) T[j] W[j])` for `T[k]' (sum(k = 1..K) T[k] W[k])`. Names that are taken
    are left alone; the bodies of definitions stay."""
    new: dict[Expr, Expr] = {}
    for x in postorder([e], into=lambda x: not isinstance(x, (Total, Name))):
        if not isinstance(x, Total):
            new[x] = x if isinstance(x, Name) else rebuild(x, [new[a] for a in x.args])
            continue
        (body,), over = x.args, x.over
        if over.letter in outside:
            used = {*_names_in(body), *taken, *outside}
            letter = next(c for c in _letters() if c not in used)
            body = reindexed(body, {over.letter: Index(letter)})
            over = Range(letter, over.first, over.last)
        new[x] = total(with_own_letters(body, {*outside, over.letter}, taken), over)
    return new[e]


def _letters() -> Iterator[str]:
    """Letters for an index, in the order in which they are taken."""
    return chain("jikpqrst", (f"j{i}" for i in count(1)))


def _names_in(e: Expr) -> Iterator[str]:
    """Names, dimensions and letters of indices that occur in an expression."""
    for x in postorder([e]):
        names = [n for d in x.shape for n in d.names]
        if isinstance(x, (Symbol, Name, Dimension)):
            names.append(x.name)
        elif isinstance(x, Total):
            yield x.over.letter
        for name in names:
            yield name
            yield from (i.letter for i in parts(name)[1])


def at_index(s: Symbol, values: Indices) -> Symbol:
    """A symbol with letters' values put in."""
    name = name_of(s.base, within(s.indices, values))
    return symbol(name, renamed_shape(s.shape, values), s.attributes)


def members_in(e: Expr) -> Iterable[tuple[Symbol, str, Index, Range | None]]:
    """The symbols with an index: their family, the index, and the range of the running sum in which
    they stand."""
    stack: list[tuple[Expr, Range | None]] = [(e, None)]
    while stack:
        root, over = stack.pop()
        for x in postorder([root], into=lambda x: not isinstance(x, Total)):
            if isinstance(x, Total):
                stack.append((x.args[0], x.over))
            elif isinstance(x, Symbol) and x.index is not None:
                yield x, x.base, x.index, over


def live(families: Families, of: Expr) -> set[str]:
    """The families on which an expression depends."""
    found: set[str] = set()
    stack = [of]
    while stack:
        for _, base, _, _ in members_in(stack.pop()):
            if base not in found:
                found.add(base)
                stack += [s.body for s in families.of(base) if s.body is not None]
    return found


def cotangent_names(families: Families, of: Expr, taken: Container[str]) -> dict[str, str]:
    """What the gradients by the members of each family that is defined are called: `G`, or `G_Z`
    where there are several; what is taken gets `_` behind it."""
    used = live(families, of)
    defined = list(dict.fromkeys(s.base for s in families.segments if s.body is not None))
    alone = sum(base in used for base in defined) == 1
    names: dict[str, str] = {}
    for base in defined:
        name = COTANGENT if alone else f"{COTANGENT}_{base}"
        while name in taken or (not alone and name in names.values()):
            name += "_"
        names[base] = name
    return names


def _generalised(dim: Dim, index: Index, at: Index) -> Dim:
    new = {}
    for name in dim.names:
        found = split(name)
        if found is not None and found[1].letter == index.letter:
            new[name] = Dim.of(member(found[0], at.plus(found[1].offset - index.offset)))
    return dim.substitute(new)
