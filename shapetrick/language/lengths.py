"""Differences of lengths, `y : n-p+1` and `t = 1..T-k+1`: with a letter for how many there are.

Whether an index is in such a range depends on whether `T-k+1` is at least 1. With a letter P for it
the other length is `P+k-1`, and all ends are sums: a convolution is read as if it had been written
for P places.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import fields, is_dataclass, replace
from typing import Any

from ..core.dims import Dim
from ..core.errors import Span
from ..core.indices import Index, Indices, Member, Range, index_of, renamed, renamed_dim
from .syntax.foreign_words import as_size
from .syntax.index_binders import sums_among
from .syntax.member_ranges import ranges_said, running_letters
from .syntax.selections import typed_index
from .syntax.tree import (
    Declaration,
    Statement,
    SyntaxNode,
    TypedDimension,
    nodes_of,
    transformed,
)

_COUNTS = "PQNMRSLUVW"  # letters for how many members there are


def with_counted_lengths(
    text: str, statements: Sequence[Statement]
) -> tuple[list[Statement], list[str]]:
    """The statements with a letter for each length that is a difference, and what is said of it."""
    found = list(statements)
    said: list[str] = []
    difference = next(_differences(found), None)
    if difference is None:
        return found, said
    taken = {*re.findall(r"[^\W\d_]+", text)}
    for count in (c for c in _COUNTS if c not in taken):
        value = Index(count).added(Index(difference.letter)).minus(difference)
        found = [*map(_LengthSubstitution({difference.letter: value}).of, found)]
        said.append(
            f"`{count}` stands for `{difference}`, which is at least 1: `{difference.letter}` is "
            f"`{value}`."
        )
        difference = next(_differences(found), None)
        if difference is None:
            break
    return found, said


def _differences(statements: Sequence[Statement]) -> Iterator[Index]:
    """The sizes, and numbers of members, that are a length less others."""
    for s in statements:
        ranges, bound = sums_among(nodes_of([s]))
        ranges += ranges_said(s)
        bound |= {over.letter for over in ranges} | running_letters(s)
        counts = [over.last.minus(over.first).plus(1) for over in ranges]
        for side in s.sides or () if isinstance(s, Declaration) else ():
            if any(k < 0 for _, k in side.dim.terms):
                counts += filter(None, [index_of(str(side.dim))])
        for count in counts:
            less = [letter for letter, k in count.terms.items() if k < 0]
            of_one = count.letter and len(count.terms) == len(less) + 1
            is_word = any(as_size(t, ends=False) for t in count.terms)  # `n-by-d`
            if less and of_one and not is_word and bound.isdisjoint(count.terms):
                yield count


class _LengthSubstitution:
    """Values for letters, in whatever part of a statement."""

    def __init__(self, values: Indices) -> None:
        self._values = values
        self._done: dict[SyntaxNode, SyntaxNode] = {}  # what stands twice is one node still

    def of(self, x: Any) -> Any:
        """What was typed with the values put in."""
        match x:
            case SyntaxNode():
                if x not in self._done:
                    self._done[x] = transformed(x, self._node)
                return self._done[x]
            case Index() | Range():
                return x.within(self._values)
            case Member():
                return renamed(x, self._values)
            case Dim():
                return renamed_dim(x, self._values)
            case TypedDimension(dim, (first, *_)) if {*dim.names} & self._values.keys():
                dim = self.of(dim)
                return TypedDimension(dim, tuple(first._replace(name=n) for n in dim.names))
            case Span():
                return x
            case tuple():
                parts = map(self.of, x)
                return type(x)(*parts) if hasattr(x, "_fields") else tuple(parts)
        if is_dataclass(x) and not isinstance(x, type):
            return replace(x, **{f.name: self.of(getattr(x, f.name)) for f in fields(x)})
        return x

    def _node(self, node: SyntaxNode) -> SyntaxNode:
        if node.kind == "name" and node.value in self._values:
            return replace(typed_index(self._values[node.value], node.span), bracketed=True)
        return replace(node, value=self.of(node.value))
