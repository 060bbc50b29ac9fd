"""Calls of what has indices, to be read entry by entry: `f(x[i])` of a function of the text becomes
its right side, and a function that takes entries, such as `where`, what it is of these.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableSet
from dataclasses import replace
from functools import cache

from ..shapes.structured_calls import CALLS, StructuredCall
from ..shapes.words import vocabulary
from ..syntax.parser import parse_expression
from ..syntax.tree import SyntaxNode, folded, postorder, transformed


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
            given = dict(zip(node.opened.parameters, node.args, strict=True))
            node = _right_side(node, node.opened.root, given, called)
        elif (row := _row_by_entries(node)) is not None:
            right, letters = _by_entries(row.by_entries)
            given = {letter: node.args["abc".index(letter.value)] for letter in letters}
            node = _right_side(node, right, given, called)
        holding.add(node)
        return node

    return transformed(root, opened)


def _row_by_entries(node: SyntaxNode) -> StructuredCall | None:
    """The function that a call is of, where it takes entries and has all its arguments."""
    row = CALLS.get(node.value.name) if node.kind == "call" else None
    return row if row is not None and row.by_entries and len(node.args) == row.arity else None


@cache
def _by_entries(text: str) -> tuple[SyntaxNode, tuple[SyntaxNode, ...]]:
    """What such a function is of the letters a, b, c, and where these stand."""
    root = parse_expression(text, vocabulary(), names="abc")
    return root, tuple(node for node in postorder(root) if node.kind == "name")


def _right_side(
    call: SyntaxNode,
    right: SyntaxNode,
    given: Mapping[SyntaxNode, SyntaxNode],
    called: MutableSet[str],
) -> SyntaxNode:
    """A right side with the arguments in their places, all where the call stands."""
    placed: set[SyntaxNode] = set()

    def copied(node: SyntaxNode, args: tuple[SyntaxNode, ...]) -> SyntaxNode:
        if node in given:
            placed.add(new := _copy(given[node]))
            return new
        return replace(node, args=args, span=call.span)

    root = replace(folded(right, copied), bracketed=True)
    return with_calls_open(root, placed.__contains__, called)


def _copy(root: SyntaxNode) -> SyntaxNode:
    """The same in nodes of its own: a side of a row has other letters in another place."""
    return replace(folded(root, lambda node, args: replace(node, args=args)), bracketed=True)
