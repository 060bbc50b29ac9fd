"""Functions of indices: `f(i) = sum(j) A[i,j] x[j]` is a column by its entries, which are called
`f(i)` as well as `f[i]`."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace

from ...core.indices import Index, Member, name_of, parts
from .index_binders import beginning, parts_below
from .selections import Selector, selected
from .tree import (
    Definition,
    FunctionDefinition,
    PlacedName,
    Statement,
    SyntaxNode,
    name_node,
    postorder,
    transformed,
    values_named,
    with_expressions,
)


def with_functions_of_indices(statements: Sequence[Statement]) -> list[Statement]:
    """The statements, with definitions by entries in the place of functions of indices."""
    functions = [s for s in statements if isinstance(s, FunctionDefinition)]
    known = {name for s in statements for name, _ in values_named(s)} if functions else set()
    made = {f.name.name: f for f in functions if _is_of_indices(f, known)}
    return [_by_entries(s, made) for s in statements] if made else list(statements)


def _is_of_indices(f: FunctionDefinition, known: Collection[str]) -> bool:
    """Whether each argument is a letter that is an index, and nothing else, in the right side."""
    letters = {p.name.name for p in f.parameters if len(p.name.name) == 1 and p.default is None}
    nodes = list(postorder(f.body))
    values = {n.value for n in nodes if n.kind == "name"}
    if len(letters) < len(f.parameters) or f.entries or letters & {*known, *values}:
        return False
    return letters <= {letter for node in nodes for letter in _indices(node, known)}


def _indices(node: SyntaxNode, known: Collection[str]) -> Iterator[str]:
    """The letters that stand in a node as indices: `A[i,j]`, `x_i`."""
    if node.kind == "selected":
        for bound in (e for selector in node.value for e in selector.bounds):
            yield from (n.value for n in postorder(bound) if n.kind == "name")
    elif node.kind == "name" and isinstance(node.value, Member):
        yield from (letter for index in parts(node.value)[1] for letter in index.letters)
    elif node.kind == "name" and node.value not in known:
        yield from parts_below(node.value)[1]


def _by_entries(s: Statement, made: Mapping[str, FunctionDefinition]) -> Statement:
    """A statement with entries in the place of calls of the functions."""

    def called(node: SyntaxNode) -> SyntaxNode:
        if node.kind != "call" or node.value.name not in made:
            return node
        at = tuple(Selector(index, index) for index in (*node.args, *node.value.sizes))
        base = name_node(node.value.name, beginning(node.span, node.value.name))
        return selected(base, at, node.span)

    s = with_expressions(s, lambda e: transformed(e, called))
    if not isinstance(s, FunctionDefinition):
        return s
    body = transformed(s.body, called)
    if s.name.name not in made:
        return s if body is s.body else replace(s, body=body)
    letters = tuple(Index(p.name.name) for p in s.parameters)
    return Definition(PlacedName(name_of(s.name.name, letters), s.name.span), body, s.span)
