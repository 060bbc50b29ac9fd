"""The cache of a backward pass through families: which forward values it uses, and what that costs.

The backward pass reads members (`Z[l-1]`) and values that the forward pass made on the way to one
(`Z[l-1] W[l] + b[l]`). At given sizes these take bytes; those made on the way can be made again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from math import prod

from ..core.dims import Dim
from ..core.errors import InputError
from ..core.expr import Add, Expr, MatMul, Name, Number, Symbol, Times, Total, Transpose, symbol
from ..core.families import (
    Families,
    MemberBox,
    Place,
    Segment,
    box_of,
    may_meet,
    members_in,
    reindexed,
)
from ..core.functions import TABLE
from ..core.indices import Index, Indices, Range, base_of, member
from ..core.named_tuples import NamedTuple
from ..core.problem import Problem
from ..core.results import Equation, Recursion, Result
from ..core.traversal import postorder, substitute
from .unrolling import NOWHERE, Unrolling, segments_of, values_within

BYTES = 8  # of a number
_ANY = "·"  # the letters of all indices, where members are compared, begin so


@dataclass(frozen=True, slots=True)
class ForwardValue:
    """A value that the forward pass makes on the way to the members of a segment, or these; its
    members end at `indices`."""

    value: Expr
    segment: Segment
    indices: Place

    @property
    def ranges(self) -> tuple[Range, ...]:
        """The ranges of the indices; none if there is one value."""
        letters = {i.letter for i in self.indices}
        return tuple(r for r in self.segment.ranges if r.letter in letters)

    @property
    def box(self) -> MemberBox:
        return box_of(self.indices, self.ranges)


class Saved(NamedTuple):
    """A forward value that the backward pass reads, and where it is made."""

    made: tuple[ForwardValue, ...]

    @property
    def value(self) -> Expr:
        """That of the generic member."""
        return next((m.value for m in self.made if m.ranges), self.made[0].value)

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
    read: dict[Expr, list[MemberBox]] = {}
    for q in recursion.equations:
        for form, box in _read(q.value, q.ranges, made, own):
            read.setdefault(form, []).append(box)
    found = (
        (m for m in made[form] if any(may_meet(m.box, box) for box in read[form]))
        for form in made
        if form in read
    )
    return tuple(Saved(found) for found in map(tuple, found) if found)


def account(problem: Problem, result: Result, sizes: Mapping[str, int]) -> Account:
    """The cache and the operations at these sizes. Raises InputError where one is missing,
    BudgetError where the families are too long."""
    families, recursion = problem.families, result.recursion
    assert recursion is not None
    lengths = {letter: _size(letter, sizes) for letter in families.lengths}
    lines = (*families.segments, *segments_of(recursion.equations))
    Unrolling(lines, lengths).admit([result.request.of, *(q.value for q in recursion.gradients)])
    count = _Counter(sizes, lengths)
    entries = [count.entry(kept) for kept in kept_values(problem, recursion)]
    bodies = [e for s in families.segments if s.body is not None for e in count.each(s, s.body)]
    forward = count.operations([*bodies, count.written(result.request.of)])
    equations = recursion.equations
    saved = {form: i for i, form in enumerate(_made(families)) if not isinstance(form, Symbol)}
    backward = count.operations([e for q in equations for e in count.equation(q, saved)])
    return Account(tuple(entries), forward, backward)


# ------------------------------------------------------------------------------- which values


def _made(families: Families) -> dict[Expr, list[ForwardValue]]:
    """What the forward pass makes, by a form in which all members are alike."""
    made: dict[Expr, list[ForwardValue]] = {}
    for s in families.segments:
        if s.body is None or not s.body.args:
            continue
        for e in postorder([s.body]):
            if e.args and e is not s.body and indices_within(e):
                made.setdefault(without_index(e), []).append(ForwardValue(e, s, last_indices(e)))
        own = s.symbol(s.indices)
        made.setdefault(without_index(own), []).append(ForwardValue(own, s, last_indices(own)))
    return made


def _read(
    e: Expr,
    outer: tuple[Range, ...],
    made: Mapping[Expr, list[ForwardValue]],
    cotangents: set[str],
) -> Iterator[tuple[Expr, MemberBox]]:
    """The forms of the forward values in an expression, the largest that there are, and from where
    to where they are read."""
    stack = [(e, outer)]
    while stack:
        x, ranges = stack.pop()
        if isinstance(x, Total):
            stack.append((x.args[0], (*ranges, x.over)))
            continue
        own = {s.base for s, _ in members_in(x)}
        if not own:
            continue
        form = without_index(x)
        if form in made and not own & cotangents:
            yield form, box_of(last_indices(x), ranges)
        else:
            stack.extend((a, ranges) for a in x.args)


def indices_within(e: Expr) -> list[Index]:
    """The indices of the members in an expression, those under sums over members left out."""
    return [index for x, over in members_in(e) if not over for index in x.indices]


def last_indices(e: Expr) -> Place:
    """The indices at which the members in an expression end, one for each letter; without one, the
    largest number."""
    found = indices_within(e)
    letters = dict.fromkeys(t for i in found for t in i.terms) or ("",)
    return tuple(
        Index(t, max((i.offset for i in found if i.letter == t and not i.others), default=0))
        for t in letters
    )


def without_index(e: Expr) -> Expr:
    """The expression for the member at which its indices end, whichever that is."""
    last = last_indices(e) if indices_within(e) else ()
    marks = ((i, f"{_ANY}{k or ''}") for k, i in enumerate(last) if i.letter)
    values = {i.letter: Index(mark, -i.offset) for i, mark in marks}
    return reindexed(e, values) if values else e


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

    def written(self, e: Expr, at: Indices = NOWHERE) -> Expr:
        return Unrolling((), self.lengths).written_out(e, at)

    def each(self, segment: Segment, e: Expr) -> Iterator[Expr]:
        """An expression of a segment, once for each member."""
        for place in Unrolling((), self.lengths).members(segment):
            yield self.written(e, segment.values(place))

    def equation(self, q: Equation, saved: Mapping[Expr, int]) -> Iterator[Expr]:
        """The right side of an equation for each of its members; saved values are there already."""
        stored = {
            x: symbol(member(f"#{saved[without_index(x)]}", *last_indices(x)), x.shape)
            for x in postorder([q.value], into=lambda x: not isinstance(x, Total))
            if x.args and without_index(x) in saved
        }
        value = substitute(q.value, stored) if stored else q.value
        for at in values_within([over.rising for over in q.ranges], self.lengths):
            yield self.written(value, at)

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
