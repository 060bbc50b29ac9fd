"""Classes by their numbers, `Z[i,y[i]]`: a column that is an index is read as the matrix of its
classes, one-hot by rows, and the entry as a sum of products with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from ...core.dims import ONE, Dim, shape_text
from ...core.errors import ShapeError
from ..syntax.index_binders import Binder
from ..syntax.selections import Selector
from ..syntax.tree import (
    Declaration,
    PlacedName,
    Statement,
    SyntaxNode,
    TypedDimension,
    name_node,
    postorder,
    transformed,
)
from .index_scope import IndexScope


def with_classes(root: SyntaxNode, known: IndexScope) -> SyntaxNode:
    """The expression with sums in the place of such entries. Raises ShapeError."""
    if not any(_classes(node) for node in postorder(root)):
        return root
    return transformed(root, lambda node: _summed(node, root, known))


def _classes(node: SyntaxNode) -> list[tuple[int, SyntaxNode]]:
    """The places of a selection at which a class stands."""
    if node.kind != "selected":
        return []
    firsts = ((k, s.first) for k, s in enumerate(node.value) if s.is_one)
    return [(k, first) for k, first in firsts if first is not None and first.kind == "selected"]


def _summed(node: SyntaxNode, root: SyntaxNode, known: IndexScope) -> SyntaxNode:
    found = node
    for k, entry in _classes(node):
        (base,), (column,) = node.args, entry.args
        matrix = name_node(column.value, column.span)  # of another shape than the column
        span, at = node.span, entry.value[0]
        if known.is_identity(base):  # whether a class is the one of a letter
            other = node.value[1 - k]
            _take(column, extent(root, other, known), known)
            return replace(node, args=(matrix,), value=(at, other))
        shape = known.shape(base)
        count = shape[k] if len(node.value) > 1 else shape[0] * shape[1]
        _take(column, count, known)
        letter = name_node(f"class{span.start}{'ab'[k]}", span)
        one = Selector(letter, letter)
        chosen = SyntaxNode("selected", (matrix,), (at, one), span)
        places = tuple(one if i == k else s for i, s in enumerate(found.value))
        body = SyntaxNode("*", (chosen, replace(found, value=places)), None, span)
        binder = Binder("sum", (letter.value,), (letter.value,))
        found = SyntaxNode("bound", (body,), binder, span, bracketed=True)
    return found


def extent(root: SyntaxNode, selector: Selector, known: IndexScope) -> Dim | None:
    """Over how much a letter runs, where it is another index."""
    letter = selector.first.value if selector.first is not None else None
    for node in postorder(root):
        if node.kind == "selected" and not known.is_identity(node.args[0]):
            for k, s in enumerate(node.value):
                if s.is_one and s.first.kind == "name" and s.first.value == letter:
                    shape = known.shape(node.args[0])
                    return shape[k] if len(node.value) > 1 else shape[0] * shape[1]
    return None


def _take(column: SyntaxNode, count: Dim | None, known: IndexScope) -> None:
    """Take a column for the matrix of so many classes. Raises ShapeError."""
    name = column.value
    before = known.classes.get(name)
    if before is None:
        shape = known.shape(column)
        if count is None or shape[1] != ONE:
            is_what = shape_text(shape) if count is not None else "compared with no class"
            raise ShapeError(
                f"`{name}` is {is_what}: the numbers of classes are a column, an index of what has "
                "a side of classes.",
                column.span,
            )
        known.classes[name] = count
        known.inference.shapes[name] = shape[0], count
    elif count is not None and count != before:
        raise ShapeError(f"`{name}` has {before} classes in one place, {count} here.", column.span)


def declared_one_hot(
    statements: Iterable[Statement], classes: Mapping[str, Dim]
) -> Iterator[Statement]:
    """The statements with columns of classes declared as the matrices that they are read as."""
    for s in statements:
        if not isinstance(s, Declaration) or s.sides is None or s.beside:
            yield s
            continue
        others = tuple(n for n in s.names if n.name not in classes)
        if others:
            yield s if len(others) == len(s.names) else replace(s, names=others)
        for named in s.names:
            if named.name in classes:
                sides = s.sides[0], TypedDimension(classes[named.name], ())
                words = (*s.words, PlacedName("onehot", named.span))
                yield replace(s, names=(named,), sides=sides, words=words)
