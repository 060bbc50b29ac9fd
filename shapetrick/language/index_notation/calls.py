"""Calls of what has indices, `f(x[i])`: a function of the text stands there with its right side,
and `where` as what it chooses, so that both are read entry by entry.
"""

from __future__ import annotations

from collections.abc import Callable, MutableSet
from dataclasses import replace

from ..syntax.tree import OpenedCall, SyntaxNode, folded, number_node, transformed


def with_calls_open(
    root: SyntaxNode, has_letters: Callable[[SyntaxNode], bool], called: MutableSet[str]
) -> SyntaxNode:
    """The expression with such calls open; `has_letters` tells an entry with an index, and the
    functions that were `called` are taken in."""
    holding: set[SyntaxNode] = set()

    def opened(node: SyntaxNode) -> SyntaxNode:
        if not (has_letters(node) or not holding.isdisjoint(node.args)):
            return node
        if node.kind == "call" and node.opened is not None:
            called.add(node.value.name)
            node = _right_side(node, node.opened, called)
        elif node.kind == "call" and node.value.name == "where" and len(node.args) == 3:
            node = _chosen(node)
        holding.add(node)
        return node

    return transformed(root, opened)


def _right_side(call: SyntaxNode, opened: OpenedCall, called: MutableSet[str]) -> SyntaxNode:
    """A function's right side with the arguments in their places, all where the call stands."""
    given = dict(zip(opened.parameters, call.args, strict=True))
    placed: set[SyntaxNode] = set()

    def copied(node: SyntaxNode, args: tuple[SyntaxNode, ...]) -> SyntaxNode:
        if node in given:
            placed.add(new := _copy(given[node]))
            return new
        return replace(node, args=args, span=call.span)

    root = replace(folded(opened.root, copied), bracketed=True)
    return with_calls_open(root, placed.__contains__, called)


def _copy(root: SyntaxNode) -> SyntaxNode:
    """The same in nodes of its own: a side of a row has other letters in another place."""
    return replace(folded(root, lambda node, args: replace(node, args=args)), bracketed=True)


def _chosen(node: SyntaxNode) -> SyntaxNode:
    """`mask .* a + (1 - mask) .* b`."""
    mask, a, b = map(_copy, node.args)
    other = SyntaxNode("-", (number_node(1, node.span), _copy(mask)), None, node.span, True)
    first, second = (SyntaxNode(".*", c, None, node.span) for c in ((mask, a), (other, b)))
    return SyntaxNode("+", (first, second), None, node.span, True)
