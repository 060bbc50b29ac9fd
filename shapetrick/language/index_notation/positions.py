"""An index as a number, `sum(i) i x[i]`, and entries from behind, `x[n+1-i]`: entries of
the column of the numbers, `cumsum(ones(n))`, and of what is flipped.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace

from ...core.dims import ONE
from ...core.errors import NameProblem, ShapeError
from ...core.indices import Index, dim_of
from ..syntax.selections import Selector, index_of_node
from ..syntax.tree import Callee, SyntaxNode, name_node, postorder, transformed
from .class_labels import extent
from .index_scope import IndexScope

POSITION = "position"  # the kind of node that an index as a number is; its value is the letter


def with_positions(root: SyntaxNode, heads: Collection[str], known: IndexScope) -> SyntaxNode:
    """The expression with entries in the place of these; `heads` are letters of what is defined.
    Raises NameProblem, ShapeError."""
    holding = set[SyntaxNode]()  # what has an index as a number inside
    for node in postorder(root):
        if node.kind == POSITION or not holding.isdisjoint(node.args):
            holding.add(node)
            if node.kind == "selected":
                raise ShapeError(
                    "what is indexed has an index inside: name it in a line of its own, and take "
                    "entries of that.",
                    node.span,
                )

    def read(node: SyntaxNode) -> SyntaxNode:
        return _numbered(node, node.value.own, known) if node.kind == "bound" else node

    return _numbered(transformed(root, read), heads, known)


def _numbered(root: SyntaxNode, letters: Collection[str], known: IndexScope) -> SyntaxNode:
    """The expression that binds letters, with entries in the place of what these number."""
    ahead = transformed(root, lambda node: _ahead(node, letters, known))

    def number(node: SyntaxNode) -> SyntaxNode:
        is_own = node.kind == POSITION and node.value in letters
        return _number(ahead, node, known) if is_own else node

    return transformed(ahead, number)


def _number(root: SyntaxNode, node: SyntaxNode, known: IndexScope) -> SyntaxNode:
    letter = name_node(node.value, node.span)
    at = Selector(letter, letter)
    told = (r for r in root.value.ranges if r.letter == node.value) if root.kind == "bound" else ()
    ends = (dim_of(r.last) for r in told if r.first == Index("", 1))
    count = extent(root, at, known) or next(ends, None)
    if count is None:
        raise NameProblem(
            f"nothing tells over what `{node.value}` runs: a number is that of an entry beside it, "
            f"`{node.value} x[{node.value}]`.",
            node.span,
        )
    return SyntaxNode("selected", (known.numbers(count),), (at,), node.span, node.bracketed)


def _ahead(node: SyntaxNode, letters: Collection[str], known: IndexScope) -> SyntaxNode:
    """`x[n+1-i]` as `flip(x)[i]`. Raises ShapeError."""
    places = list(from_behind(node, letters)) if node.kind == "selected" else []
    if not places:
        return node
    (base,), selectors, alone = node.args, list(node.value), len(node.value) == 1
    for k, letter, first in places:
        rows, cols = known.shape(base)
        dim = (rows, cols)[k] if not alone else rows if cols == ONE else cols
        if dim_of(first) != dim + ONE:
            raise ShapeError(
                f"the entries from behind are those at `{dim}+1-{letter}`, of all of which there "
                f"is a sum; of a part the range is told, `sum({letter} = 1..k) …`.",
                node.span,
            )
        base = flipped(base, None if alone else k)
        at = name_node(letter, node.span)
        selectors[k] = Selector(at, at)
    return replace(node, args=(base,), value=tuple(selectors))


def from_behind(node: SyntaxNode, letters: Collection[str]) -> Iterator[tuple[int, str, Index]]:
    """The places of a selection at which a letter is taken away, `n+1-i`, the letter, and what it
    is taken from."""
    for k, selector in enumerate(node.value):
        index = (index_of_node(selector.first) if selector.is_one else None) or Index()
        for letter, times in index.terms.items():
            if letter in letters and times == -1:
                yield k, letter, index.added(Index(letter))


def flipped(base: SyntaxNode, axis: int | None) -> SyntaxNode:
    return SyntaxNode("call", (base,), Callee("flip", axis), base.span)
