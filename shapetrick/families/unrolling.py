"""Families for a given number of members: the letter L is a number, each member a definition.

What comes out are ordinary expressions of the inputs, to be validated and evaluated as any other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from functools import partial, reduce
from math import prod
from types import MappingProxyType

from ..core.budget import MEMBERS
from ..core.errors import RequestError
from ..core.expr import (
    PRODUCT,
    SUM,
    Expr,
    MatMul,
    Symbol,
    Times,
    Total,
    Transpose,
    add,
    call,
    eye,
    matmul,
    named,
    symbol,
    zeros,
)
from ..core.families import Families, Place, Segment, reindexed
from ..core.indices import Index, Indices, Range, numbered, renamed_shape
from ..core.results import Equation, Recursion
from ..core.structure import is_zero
from ..core.traversal import postorder, substitute, symbols_of, transform

NOWHERE: Indices = MappingProxyType({})


@dataclass(slots=True)
class Unrolling:
    """The members' values at these lengths; each is made once."""

    segments: tuple[Segment, ...]
    lengths: Mapping[str, int]
    free: frozenset[str] = frozenset()  # members that are taken for inputs
    padded: frozenset[str] = frozenset()  # families that are zero where there is no member
    indices: Indices = field(init=False)  # the lengths as what their letters stand for
    _values: dict[str, Expr] = field(init=False, default_factory=dict)
    _segments: dict[str, Segment | None] = field(init=False, default_factory=dict)
    _varied: Set[str] = field(init=False)  # families whose lines say different things of members

    def __post_init__(self) -> None:
        self.indices = numbered(self.lengths)
        self.padded |= {s.base for s in self.segments if s.padded}
        said = {(s.base, s.attributes) for s in self.segments}
        bases = [base for base, _ in said]
        self._varied = {base for base in bases if bases.count(base) > 1}

    def expression(self, e: Expr, at: Indices = NOWHERE) -> Expr:
        """The expression in inputs alone, members being definitions, at values of letters."""
        e = self.written_out(e, at)
        self._find([e])
        return self._filled_in(e)

    def written_out(self, e: Expr, at: Indices = NOWHERE) -> Expr:
        """The expression with numbers for lengths and letters, sums over members written out."""
        return self._without_zeros(self._numbered(e, {**self.indices, **at}))

    def _numbered(self, e: Expr, values: Indices) -> Expr:
        return reindexed(e, values, lambda x: self._written_sum(x, values))

    def _without_zeros(self, e: Expr) -> Expr:
        """The expression without the products in which there is a member that is zero."""
        gone = {x for x in symbols_of(e) if self._is_zero(x)} if self.padded else ()
        if not gone:
            return e

        def vanishing(x: Expr) -> Expr:
            is_product = isinstance(x, (Times, MatMul, Transpose))
            return zeros(*x.shape) if is_product and any(map(is_zero, x.args)) else x

        return transform(substitute(e, {x: zeros(*x.shape) for x in gone}), vanishing)

    def _is_zero(self, x: Symbol) -> bool:
        """Whether a member is outside of what its family runs over, which is zero there."""
        if x.base not in self.padded or any(i.terms for i in x.indices):
            return False
        return self._segment_of(x) is None

    def admit(self, roots: Iterable[Expr]) -> None:
        """Refuse to write out more than is taken on: the bodies of all segments, and roots.
        Raises BudgetError."""
        bodies = [
            (s.body, prod(self._longest(r) for r in s.ranges))
            for s in self.segments
            if s.body is not None
        ]
        self._admit(sum(n * self._extent(e) for e, n in [*bodies, *((e, 1) for e in roots)]))

    def _admit(self, written: int) -> None:
        told = ", ".join(f"{letter} = {n}" for letter, n in self.lengths.items())
        at = f" at {told}" if told else ""
        instead = "ask at smaller lengths, or call the function that `function` writes, a loop."
        MEMBERS.admit(written, f"writing all members out{at}", instead)

    def _extent(self, e: Expr) -> int:
        """How many expressions it is made of, sums over members written out."""
        written, stack = 0, [(e, 1)]
        while stack:
            root, times = stack.pop()
            for x in postorder([root], into=lambda x: not isinstance(x, Total)):
                written += times
                if isinstance(x, Total):
                    stack.append((x.args[0], times * self._longest(x.over)))
        return written

    def _longest(self, over: Range) -> int:
        """The most values that a letter has."""
        over = over.within(self.indices)
        if over.first.terms or over.last.terms:  # a bound that depends on a letter outside
            return max(self.lengths.values(), default=1)
        return max(over.last.offset - over.first.offset + 1, 0)

    def members(self, segment: Segment) -> list[Place]:
        """The indices of a segment's members. Raises BudgetError."""
        self._admit(prod(map(self._longest, segment.ranges)))
        return [
            tuple(i.within({**self.indices, **at}) for i in segment.indices)
            for at in values_within(segment.ranges, self.lengths)
        ]

    def _written_sum(self, x: Total, values: Indices) -> Expr:
        over = x.over.within(values)
        terms = [self._numbered(x.args[0], {**values, over.letter: i}) for i in values_of(over)]
        rows, cols = renamed_shape(x.shape, values)
        if x.fold == PRODUCT:
            return matmul(*terms) if terms else eye(rows)
        if x.fold == SUM:
            return add(*terms) if terms else zeros(rows, cols)
        if not terms:
            raise RequestError(f"there is no `{x.fold}` of no members: `{over}` is empty.")
        return reduce(partial(call, f"{x.fold}imum"), terms)

    def _find(self, roots: Iterable[Expr]) -> None:
        """Make the values of all members that the roots use, first those that others need."""
        stack: list[Symbol] = [s for root in roots for s in self._missing(root)]
        bodies: dict[str, Expr] = {}
        while stack:
            name = stack[-1].name
            if name in self._values:
                stack.pop()
                continue
            if name not in bodies:
                bodies[name] = self._body(stack[-1])
            missing = self._missing(bodies[name])
            if missing:
                stack.extend(missing)
                continue
            body = bodies.pop(name)
            self._values[name] = named(name, self._filled_in(body))
            stack.pop()

    def _missing(self, e: Expr) -> list[Symbol]:
        return [
            s
            for s in symbols_of(e)
            if s.indices and s.name not in self._values and self._defining(s) is not None
        ]

    def _defining(self, name: Symbol) -> Segment | None:
        """The segment that defines a member; None for inputs."""
        if name.name in self.free:
            return None
        found = self._segment_of(name)
        if found is None and any(s.base == name.base for s in self.segments):
            raise RequestError(f"at these lengths there is no `{name}`.")
        return None if found is None or found.body is None else found

    def _segment_of(self, x: Symbol) -> Segment | None:
        """The line that has a member."""
        if x.name not in self._segments:
            lines = (s for s in self.segments if s.base == x.base and self._holds(s, x.indices))
            self._segments[x.name] = next(lines, None)
        return self._segments[x.name]

    def _holds(self, s: Segment, at: Place) -> bool:
        """Whether a segment has a member."""
        values = {**self.indices, **s.values(at)}
        if tuple(i.within(values) for i in s.indices) != at:
            return False
        ranges = (over.within(values) for over in s.ranges)
        return all(
            over.first.offset <= values[over.letter].offset <= over.last.offset for over in ranges
        )

    def _body(self, name: Symbol) -> Expr:
        segment = self._defining(name)
        assert segment is not None and segment.body is not None
        return self.written_out(segment.body, segment.values(name.indices))

    def _filled_in(self, e: Expr) -> Expr:
        values: dict[Expr, Expr] = {s: self._own(s) for s in symbols_of(e) if s.indices}
        values = {s: own for s, own in values.items() if own is not s}
        return substitute(e, values) if values else e

    def _own(self, s: Symbol) -> Expr:
        """A member's value; of an input, the member as its own line declares it."""
        if s.name in self._values or s.base not in self._varied:
            return self._values.get(s.name, s)
        own = self._segment_of(s)
        return s if own is None else symbol(s.name, s.shape, own.attributes)


def values_within(ranges: Iterable[Range], lengths: Mapping[str, int]) -> list[Indices]:
    """What the letters of ranges are together at these lengths, the last one's values first."""
    found: list[Indices] = [{}]
    for over in ranges:
        found = [
            {**at, over.letter: i}
            for at in found
            for i in values_of(over.within({**numbered(lengths), **at}))
        ]
    return found


def values_of(over: Range) -> Iterator[Index]:
    """The values of a letter whose range is from a number to a number."""
    numbers = range(over.first.offset, over.last.offset + 1)
    return (Index("", k) for k in numbers if over.has(k))


def segments_of(equations: Sequence[Equation]) -> tuple[Segment, ...]:
    """Equations as members that are defined, to be unrolled."""
    return tuple(
        Segment(
            q.symbol.base,
            q.symbol.indices,
            tuple(over.rising for over in q.ranges),
            q.symbol.shape,
            q.value,
        )
        for q in equations
        if q.symbol.indices
    )


def with_cotangents(
    families: Families,
    recursion: Recursion,
    lengths: Mapping[str, int],
    free: frozenset[str] = frozenset(),
) -> Unrolling:
    """The members, and the cotangents of a recurrence."""
    segments = (*families.segments, *segments_of(recursion.cotangents))
    return Unrolling(segments, lengths, free, frozenset(base for base, _ in recursion.padded))
