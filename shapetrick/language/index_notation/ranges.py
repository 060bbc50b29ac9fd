"""Sums over a part of the entries, and entries beside each other: `sum(i = 1..n-1) x[i+1]`.

What a letter runs over is sliced out, `x[2..n]`, so that the letter runs over all of that.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ...core.indices import Index, Range
from ..syntax.selections import Selector, index_of_node, typed_index
from ..syntax.tree import SyntaxNode, folded, transformed, with_args


def with_slices(root: SyntaxNode, over: Range | None = None) -> SyntaxNode:
    """The expression with slices in the place of what letters run over in part; `over` is the range
    of a letter that the whole has."""
    found = transformed(root, _bound_with_slices)
    return found if over is None else _sliced(found, over)[0]


def _bound_with_slices(node: SyntaxNode) -> SyntaxNode:
    if node.kind != "bound" or not node.value.ranges:
        return node
    (body,), kept = node.args, []
    for given in node.value.ranges:
        body, is_whole = _sliced(body, given)
        kept += [given] if is_whole else []
    return replace(node, args=(body,), value=node.value._replace(ranges=tuple(kept)))


def is_part(body: SyntaxNode, over: Range) -> bool:
    """Whether a letter runs over a part of the entries, or has a number added to it."""
    begins, ends = over.first != Index("", 1), bool(over.last.letter and over.last.offset)
    return begins or ends or any(i.offset for _, _, i in _uses(body, over.letter))


def _sliced(body: SyntaxNode, over: Range) -> tuple[SyntaxNode, bool]:
    """The body with slices, and whether none were needed."""
    if not is_part(body, over):
        return body, True
    places: dict[SyntaxNode, dict[int, Index]] = {}
    for node, k, index in _uses(body, over.letter):
        places.setdefault(node, {})[k] = index

    def sliced(node: SyntaxNode, args: tuple[SyntaxNode, ...]) -> SyntaxNode:
        new = with_args(node, args)
        return _entry(new, places[node], over) if node in places else new

    return folded(body, sliced), False


def _entry(node: SyntaxNode, places: dict[int, Index], over: Range) -> SyntaxNode:
    """`X[i+1,j]` as the entry of a slice: `X[2..n,:][i,j]`."""
    inner, outer = [], []
    for k, selector in enumerate(node.value):
        index = places.get(k)
        if index is None:
            inner.append(Selector())
            outer.append(selector)
            continue
        first, last = (end.plus(index.offset) for end in (over.first, over.last))
        inner.append(Selector(typed_index(first, node.span), typed_index(last, node.span)))
        letter = typed_index(Index(over.letter), node.span)
        outer.append(Selector(letter, letter))
    part = SyntaxNode("selected", node.args, tuple(inner), node.span)
    return replace(node, args=(part,), value=tuple(outer))


def _uses(body: SyntaxNode, letter: str) -> Iterator[tuple[SyntaxNode, int, Index]]:
    """Where a letter is an index, by the number of its place; not where a sum inside binds it."""
    stack = [body]
    while stack:
        node = stack.pop()
        if node.kind == "bound" and letter in node.value.letters:
            continue
        if node.kind == "selected":
            for k, selector in enumerate(node.value):
                index = index_of_node(selector.first) if selector.is_one else None
                if index is not None and index.letter == letter and not index.others:
                    yield node, k, index
        stack.extend(node.args)
