"""Families for a given number of members: the letter L is a number, each member a definition.

What comes out are ordinary expressions of the inputs, to be validated and evaluated as any other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from ..core.budget import MEMBERS
from ..core.errors import RequestError
from ..core.expr import Expr, Symbol, Total, add, named, zeros
from ..core.families import Segment, reindexed
from ..core.indices import Index, Indices, numbered, split
from ..core.traversal import postorder, substitute, symbols_of


@dataclass(slots=True)
class Unrolling:
    """The members' values at these lengths; each is made once."""

    segments: tuple[Segment, ...]
    lengths: Mapping[str, int]
    free: frozenset[str] = frozenset()  # members that are taken for inputs
    _values: dict[str, Expr] = field(default_factory=dict)

    def expression(self, e: Expr) -> Expr:
        """The expression in inputs alone, members being definitions."""
        e = self.written_out(e)
        self._find([e])
        return self._filled_in(e)

    def written_out(self, e: Expr) -> Expr:
        """The expression with numbers for lengths, and sums over members written out."""
        e = reindexed(e, self.indices)
        sums: dict[Expr, Expr] = {
            x: self._written_sum(x)
            for x in postorder([e], into=lambda x: not isinstance(x, Total))
            if isinstance(x, Total)
        }
        return substitute(e, sums) if sums else e

    @property
    def indices(self) -> Indices:
        return numbered(self.lengths)

    def admit(self, roots: Iterable[Expr]) -> None:
        """Refuse to write out more than is taken on: the bodies of all segments, and roots.
        Raises BudgetError."""
        bodies = [(s.body, len(self.members(s))) for s in self.segments if s.body is not None]
        written = sum(n * self._extent(e) for e, n in [*bodies, *((e, 1) for e in roots)])
        told = ", ".join(f"{letter} = {n}" for letter, n in self.lengths.items())
        instead = "ask at smaller lengths, or call the function that `function` writes, a loop."
        MEMBERS.admit(written, f"writing all members out at {told}", instead)

    def _extent(self, e: Expr) -> int:
        """How many expressions it is made of, sums over members written out."""
        longest = max(self.lengths.values(), default=1)
        written, stack = 0, [(e, 1)]
        while stack:
            root, times = stack.pop()
            for x in postorder([root], into=lambda x: not isinstance(x, Total)):
                written += times
                if isinstance(x, Total):
                    over = x.over.within(self.indices)
                    bound = over.first.letter or over.last.letter  # to an index outside
                    terms = longest if bound else over.last.offset - over.first.offset + 1
                    stack.append((x.args[0], times * max(terms, 0)))
        return written

    def members(self, segment: Segment) -> range:
        """The indices of a segment's members."""
        first = segment.first.within(self.indices).offset
        return range(first, segment.last.within(self.indices).offset + 1)

    def _written_sum(self, x: Total) -> Expr:
        over = x.over
        terms = [
            self.written_out(reindexed(x.args[0], {over.letter: Index("", k)}))
            for k in range(over.first.offset, over.last.offset + 1)
        ]
        return add(*terms) if terms else zeros(*x.shape)

    def _find(self, roots: Iterable[Expr]) -> None:
        """Make the values of all members that the roots use, first those that others need."""
        stack: list[str] = [s.name for root in roots for s in self._missing(root)]
        bodies: dict[str, Expr] = {}
        while stack:
            name = stack[-1]
            if name in self._values:
                stack.pop()
                continue
            if name not in bodies:
                bodies[name] = self._body(name)
            missing = self._missing(bodies[name])
            if missing:
                stack.extend(s.name for s in missing)
                continue
            body = bodies.pop(name)
            self._values[name] = named(name, self._filled_in(body))
            stack.pop()

    def _missing(self, e: Expr) -> list[Symbol]:
        return [
            s
            for s in symbols_of(e)
            if s.indices and s.name not in self._values and self._defining(s.name) is not None
        ]

    def _defining(self, name: str) -> tuple[Segment, Index] | None:
        """The segment that defines a member; None for inputs."""
        found = None if name in self.free else split(name)
        if found is None:
            return None
        base, index = found
        segments = [s for s in self.segments if s.base == base]
        for s in segments:
            if index.offset in self.members(s):
                return (s, index) if s.body is not None else None
        if segments:
            raise RequestError(f"at these lengths there is no `{name}`.")
        return None

    def _body(self, name: str) -> Expr:
        found = self._defining(name)
        assert found is not None
        segment, index = found
        assert segment.body is not None
        return self.written_out(reindexed(segment.body, segment.values(index)))

    def _filled_in(self, e: Expr) -> Expr:
        values: dict[Expr, Expr] = {
            s: self._values[s.name] for s in symbols_of(e) if s.name in self._values
        }
        return substitute(e, values) if values else e
