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

from ..core.dims import Dim
from ..core.errors import InputError
from ..core.expr import Add, Expr, MatMul, Name, Number, Symbol, Times, Total, Transpose, symbol
from ..core.families import Families, Incomparable, Segment, at_most, members_in, reindexed
from ..core.functions import TABLE
from ..core.indices import Index, Range, base_of, member, numbered
from ..core.problem import Problem
from ..core.results import Equation, Recursion, Result
from ..core.traversal import postorder, substitute
from .recurrence import segments_of
from .unrolling import Unrolling

BYTES = 8  # of a number
_ANY = "·"  # the letter of all indices, where members are compared


@dataclass(frozen=True, slots=True)
class ForwardValue:
    """A value that the forward pass makes on the way to the members of a segment, or these; its
    members end at `index`."""

    value: Expr
    segment: Segment
    index: Index

    @property
    def over(self) -> Range | None:
        """The range of the index; None if there is one value."""
        over = self.segment.over
        return over if over is not None and over.letter == self.index.letter else None

    @property
    def ends(self) -> tuple[Index, Index]:
        return self.index.ends(self.over)


class Saved(NamedTuple):
    """A forward value that the backward pass reads, and where it is made."""

    made: tuple[ForwardValue, ...]

    @property
    def value(self) -> Expr:
        """That of the generic member."""
        return next((m.value for m in self.made if m.over is not None), self.made[0].value)

    @property
    def is_member(self) -> bool:
        return isinstance(self.value, Symbol)


class MemoryUse(NamedTuple):
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

    entries: tuple[MemoryUse, ...]
    forward: int
    backward: int

    @property
    def bytes(self) -> int:
        return sum(e.bytes for e in self.entries)


def kept_values(problem: Problem, recursion: Recursion) -> tuple[Saved, ...]:
    """The forward values that the backward pass uses, each once, in the order of the text."""
    families = problem.families
    made = _made(families)
    own = {q.symbol.base for q in recursion.cotangents}
    read: dict[Expr, list[tuple[Index, Index]]] = {}
    for q in (*recursion.cotangents, *recursion.gradients):
        for form, ends in _read(q.value, q.over, made, own):
            read.setdefault(form, []).append(ends)
    found = ((m for m in made[form] if _meets(m, read[form])) for form in made if form in read)
    return tuple(Saved(found) for found in map(tuple, found) if found)


def account(problem: Problem, result: Result, sizes: Mapping[str, int]) -> Account:
    """The cache and the operations at these sizes. Raises InputError where one is missing,
    BudgetError where the families are too long."""
    families, recursion = problem.families, result.recursion
    assert recursion is not None
    lengths = {letter: _size(letter, sizes) for letter in families.lengths}
    lines = (*families.segments, *segments_of((*recursion.cotangents, *recursion.gradients)))
    Unrolling(lines, lengths).admit([result.request.of, *(q.value for q in recursion.gradients)])
    count = _Counter(sizes, lengths)
    entries = [count.entry(kept) for kept in kept_values(problem, recursion)]
    bodies = [e for s in families.segments if s.body is not None for e in count.each(s, s.body)]
    forward = count.operations([*bodies, count.written(result.request.of)])
    equations = (*recursion.cotangents, *recursion.gradients)
    saved = {form: i for i, form in enumerate(_made(families)) if not isinstance(form, Symbol)}
    backward = count.operations([e for q in equations for e in count.equation(q, saved)])
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


def _made(families: Families) -> dict[Expr, list[ForwardValue]]:
    """What the forward pass makes, by a form in which all members are alike."""
    made: dict[Expr, list[ForwardValue]] = {}
    for s in families.segments:
        if s.body is None or not s.body.args:
            continue
        for e in postorder([s.body]):
            if e.args and e is not s.body and indices_within(e):
                made.setdefault(without_index(e), []).append(ForwardValue(e, s, last_index(e)))
        made.setdefault(without_index(s.symbol(s.index)), []).append(
            ForwardValue(s.symbol(s.index), s, s.index)
        )
    return made


def _read(
    e: Expr, over: Range | None, made: Mapping[Expr, list[ForwardValue]], cotangents: set[str]
) -> Iterator[tuple[Expr, tuple[Index, Index]]]:
    """The forms of the forward values in an expression, the largest that there are, and the first
    and the last index."""
    stack = [(e, over)]
    while stack:
        x, over = stack.pop()
        if isinstance(x, Total):
            stack.append((x.args[0], x.over))
            continue
        own = {base for _, base, _, _ in members_in(x)}
        if not own:
            continue
        form = without_index(x)
        if form in made and not own & cotangents:
            yield form, last_index(x).ends(over)
        else:
            stack.extend((a, over) for a in x.args)


def _meets(made: ForwardValue, read: Iterable[tuple[Index, Index]]) -> bool:
    """Whether one of the values that are read is made there."""
    first, last = made.ends
    return any(_at_most(first, b) and _at_most(a, last) for a, b in read)


def _at_most(a: Index, b: Index) -> bool:
    try:
        return at_most(a, b)
    except Incomparable:
        return True


def indices_within(e: Expr) -> list[Index]:
    """The indices of the members in an expression, those under sums over members left out."""
    return [index for _, _, index, over in members_in(e) if over is None]


def last_index(e: Expr) -> Index:
    """The index at which the members in an expression end."""
    found = indices_within(e)
    letter = next((i.letter for i in found if i.letter), "")
    return Index(letter, max(i.offset for i in found if i.letter == letter))


def without_index(e: Expr) -> Expr:
    """The expression for the member at which its indices end, whichever that is."""
    index = last_index(e) if indices_within(e) else Index()
    return reindexed(e, {index.letter: Index(_ANY, -index.offset)}) if index.letter else e


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

    def entry(self, kept: Saved) -> MemoryUse:
        """What a kept value takes."""
        values = [e for m in kept.made for e in self.each(m.segment, m.value)]
        again = None if kept.is_member else self.operations(values)
        return MemoryUse(kept.value, sum(map(self.numbers, values)), again)

    def written(self, e: Expr) -> Expr:
        return Unrolling((), self.lengths).written_out(e)

    def each(self, segment: Segment, e: Expr) -> Iterator[Expr]:
        """An expression of a segment, once for each member."""
        for k in Unrolling((), self.lengths).members(segment):
            yield self.written(reindexed(e, segment.values(Index("", k))))

    def equation(self, q: Equation, saved: Mapping[Expr, int]) -> Iterator[Expr]:
        """The right side of an equation for each of its members; saved values are there already."""
        stored = {
            x: symbol(member(f"#{saved[without_index(x)]}", last_index(x)), x.shape)
            for x in postorder([q.value], into=lambda x: not isinstance(x, Total))
            if x.args and without_index(x) in saved
        }
        value = substitute(q.value, stored) if stored else q.value
        if q.over is None:
            yield self.written(value)
            return
        over = q.over.rising.within(numbered(self.lengths))
        for k in range(over.first.offset, over.last.offset + 1):
            yield self.written(reindexed(value, {over.letter: Index("", k)}))

    def numbers(self, e: Expr) -> int:
        return prod(self._dim(d) for d in e.shape)

    def operations(self, roots: list[Expr]) -> int:
        """The operations that expressions take, each shared part once."""
        return sum(self._own(e) for e in postorder(roots) if e.args)

    def _own(self, e: Expr) -> int:
        if isinstance(e, (Name, Transpose)):
            return 0
        if isinstance(e, MatMul):
            return self._chain([tuple(self._dim(d) for d in a.shape) for a in e.args])
        if isinstance(e, (Add, Times)):
            signs = isinstance(e, Times) and any(
                isinstance(a, Number) and abs(a.value) == 1 for a in e.args
            )
            return (len(e.args) - 1 - signs) * self.numbers(e)
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
