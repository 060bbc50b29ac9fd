"""The cache of a backward pass through families: which forward values it uses, and what that costs.

The backward pass reads members (`Z[l-1]`) and values that the forward pass made on the way to one
(`Z[l-1] W[l] + b[l]`). At given sizes these take bytes; those made on the way can be made again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from math import prod
from typing import NamedTuple

from .dims import Dim
from .errors import InputError
from .expr import Expr, postorder, substitute, symbol
from .families import Families, Segment, members_in, reindexed
from .functions import TABLE
from .indices import Index, Indices, base_of
from .problem import Problem
from .results import Equation, Recursion, Result
from .unrolling import Unrolling

BYTES = 8  # of a number
_ANY = "·"  # the letter of all indices, where members are compared


class Kept(NamedTuple):
    """A forward value that the backward pass reads, and the segments that make it: all of a
    family, for a member."""

    value: Expr
    segments: tuple[Segment, ...]

    @property
    def is_member(self) -> bool:
        return self.value.op == "symbol"


class Entry(NamedTuple):
    """What a value takes at given sizes, all members together. `recomputing` are the operations
    that making it again takes: None for a member, without which the chain would break."""

    value: Expr
    numbers: int
    recomputing: int | None

    @property
    def bytes(self) -> int:
        return BYTES * self.numbers


class Account(NamedTuple):
    """The cache at given sizes, and the operations of both passes: additions, multiplications and
    functions of a number each count as one."""

    entries: tuple[Entry, ...]
    forward: int
    backward: int

    @property
    def bytes(self) -> int:
        return sum(e.bytes for e in self.entries)


def kept_values(problem: Problem, recursion: Recursion) -> tuple[Kept, ...]:
    """The forward values that the backward pass uses, each once, in the order of the text."""
    families = problem.families
    assert families is not None
    made = _made(families)
    found: dict[Expr, None] = {}
    own = {base_of(q.symbol.data.name) for q in recursion.cotangents}
    for q in (*recursion.cotangents, *recursion.gradients):
        found.update(dict.fromkeys(_read(q.value, made, own)))
    return tuple(kept for form, kept in made.items() if form in found)


def account(problem: Problem, result: Result, sizes: Mapping[str, int]) -> Account:
    """The cache and the operations at these sizes. Raises InputError where one is missing."""
    families, recursion = problem.families, result.recursion
    assert families is not None and recursion is not None
    lengths = {letter: _size(letter, sizes) for letter in families.lengths}
    count = _Counter(sizes, lengths)
    entries = [count.entry(kept) for kept in kept_values(problem, recursion)]
    bodies = [e for s in families.segments if s.body is not None for e in count.each(s, s.body)]
    forward = sum(count.operations([e]) for e in bodies)
    forward += count.operations([count.written(result.request.of)])
    equations = (*recursion.cotangents, *recursion.gradients)
    saved = {form for form, kept in _made(families).items() if not kept.is_member}
    backward = sum(count.equation(q, saved) for q in equations)
    return Account(tuple(entries), forward, backward)


def sizes_of(text: str) -> dict[str, int]:
    """`m=128,n[0]=784,n=100,L=4` as sizes; `n` is meant for each `n[l]` that isn't given.

    Raises InputError."""
    sizes = {}
    for part in text.split(","):
        name, _, number = part.partition("=")
        if not re.fullmatch(r"\s*[1-9]\d*\s*", number) or not name.strip():
            raise InputError(f"`{part.strip()}` is no size: write `m=128,n[0]=784,n=100,L=4`.")
        sizes[re.sub(r"\s", "", name)] = int(number)
    return sizes


# ------------------------------------------------------------------------------- which values


def _made(families: Families) -> dict[Expr, Kept]:
    """What the forward pass makes, by a form in which all members are alike."""
    made: dict[Expr, Kept] = {}
    for s in families.segments:
        if s.body is None or not s.body.args:
            continue
        for e in postorder([s.body]):
            if e.args and e is not s.body and _members(e):
                made.setdefault(_form(e), Kept(e, (s,)))
        member = s.symbol(s.index)
        before = made.get(_form(member))
        segments = (*before.segments, s) if before else (s,)
        made[_form(member)] = Kept(before.value if before else member, segments)
    return made


def _read(e: Expr, made: Mapping[Expr, Kept], cotangents: set[str]) -> Iterator[Expr]:
    """The forms of the forward values in an expression, the largest that there are."""
    stack = [e]
    while stack:
        x = stack.pop()
        if x.op == "total":
            stack.append(x.args[0])
            continue
        own = {base for _, base, _, _ in members_in(x)}
        if not own:
            continue
        form = _form(x)
        if form in made and not own & cotangents:
            yield form
        else:
            stack.extend(x.args)


def _members(e: Expr) -> list[Index]:
    return [index for _, _, index, over in members_in(e) if over is None and index.letter]


def _form(e: Expr) -> Expr:
    """The expression for the member at which its indices end, whichever that is."""
    found = _members(e)
    if not found:
        return e
    letter = found[0].letter
    last = max(i.offset for i in found if i.letter == letter)
    return reindexed(e, {letter: Index(_ANY, -last)})


# -------------------------------------------------------------------------------- what it costs


def _size(name: str, sizes: Mapping[str, int]) -> int:
    found = sizes.get(name, sizes.get(base_of(name)))
    if found is None:
        raise InputError(f"give a size for `{name}`: `--sizes {name}=…`.")
    return found


@dataclass(slots=True)
class _Counter:
    """Counts numbers and operations at given sizes."""

    sizes: Mapping[str, int]
    lengths: Mapping[str, int]

    def entry(self, kept: Kept) -> Entry:
        """What a kept value takes."""
        if kept.is_member:
            return Entry(
                kept.value,
                sum(
                    self.numbers(e) for s in kept.segments for e in self.each(s, s.symbol(s.index))
                ),
                None,
            )
        values = [e for s in kept.segments for e in self.each(s, kept.value)]
        again = sum(self.operations([e]) for e in values)
        return Entry(kept.value, sum(map(self.numbers, values)), again)

    def written(self, e: Expr) -> Expr:
        return Unrolling((), self.lengths).written_out(e)

    def each(self, segment: Segment, e: Expr) -> Iterator[Expr]:
        """An expression of a segment, once for each member."""
        for k in Unrolling((), self.lengths).members(segment):
            yield self.written(reindexed(e, segment.values(Index("", k))))

    def equation(self, q: Equation, saved: Iterable[Expr]) -> int:
        """The operations of an equation, for all its members; saved values are there already."""
        stored = {
            x: symbol(str(i), x.shape)
            for i, x in enumerate(postorder([q.value], into=lambda x: x.op != "total"))
            if x.args and _form(x) in saved
        }
        value = substitute(q.value, stored) if stored else q.value
        if q.over is None:
            return self.operations([self.written(value)])
        over = q.over.rising.within(self._numbers)
        members = range(over.first.offset, over.last.offset + 1)
        at = ({over.letter: Index("", k)} for k in members)
        return sum(self.operations([self.written(reindexed(value, i))]) for i in at)

    @property
    def _numbers(self) -> Indices:
        return {letter: Index("", k) for letter, k in self.lengths.items()}

    def numbers(self, e: Expr) -> int:
        return prod(self._dim(d) for d in e.shape)

    def operations(self, roots: list[Expr]) -> int:
        """The operations that expressions take, each shared part once."""
        return sum(self._own(e) for e in postorder(roots) if e.args)

    def _own(self, e: Expr) -> int:
        if e.op in ("name", "transpose"):
            return 0
        if e.op == "matmul":
            return self._chain([tuple(self._dim(d) for d in a.shape) for a in e.args])
        if e.op in ("add", "times"):
            return (len(e.args) - 1) * self.numbers(e)
        row = TABLE.get(e.op)
        if row is not None and row.units == "inverse":
            return 2 * self._dim(e.args[0].shape[0]) ** 3
        return max(self.numbers(x) for x in (e, *e.args))

    def _dim(self, dim: Dim) -> int:
        return dim.size({name: _size(name, self.sizes) for name in dim.names})

    def _chain(self, shapes: list[tuple[int, ...]]) -> int:
        """A product in the order that takes fewest operations."""

        @cache
        def least(i: int, j: int) -> int:
            if i == j:
                return 0
            return min(
                least(i, k) + least(k + 1, j) + 2 * shapes[i][0] * shapes[k][1] * shapes[j][1]
                for k in range(i, j)
            )

        return least(0, len(shapes) - 1)
