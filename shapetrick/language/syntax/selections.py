"""Entries, slices and blocks as typed: `x[1]`, `X[2..5, :]`, `[A, B; C, D]`.

The parser takes `W[l-1]` for a member of a family. Where the name is that of one matrix it is an
entry, which is known once all statements are read.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Container, Iterable, Sequence
from dataclasses import replace
from typing import Any

from ...core.dims import LARGEST
from ...core.errors import ParseError, Span
from ...core.indices import Index, Member, member
from ...core.named_tuples import NamedTuple
from .syntax_errors import no_index
from .tree import (
    Statement,
    SyntaxNode,
    call_node,
    name_node,
    nodes_of,
    number_node,
    postorder,
    transformed,
    values_named,
    with_expressions,
)

FROM_ONE = (
    "Python and MATLAB differ in what a slice with `:` holds: write `2..5` for the entries from "
    "the second to the fifth, counted from 1, both ends included."
)


_AXES = ("None", "newaxis")  # Python's, for a side of one


class Selector(NamedTuple):
    """What stands at a place between brackets: one index, `first..last`, or `:` for all."""

    first: SyntaxNode | None = None
    last: SyntaxNode | None = None

    @property
    def is_one(self) -> bool:
        """Whether it is one index."""
        return self.first is not None and self.first is self.last

    @property
    def bounds(self) -> tuple[SyntaxNode, ...]:
        """What is typed in it."""
        if self.first is None or self.last is None:
            return ()
        return (self.first,) if self.is_one else (self.first, self.last)


Selectors = tuple[Selector, ...]


def selected(base: SyntaxNode, selectors: Selectors, span: Span) -> SyntaxNode:
    """The node of `A[…]`: a name where it may be a member's, else a selection. Raises
    ParseError."""
    if base.kind == "number":
        raise ParseError("a number has no entries: a product stands behind a space.", span)
    if any(e.kind == "name" and e.value in _AXES for s in selectors for e in s.bounds):
        raise ParseError(
            "every value has two sides here: a column `x` is n×1 already, and its row is `x'`.",
            span,
        )
    node = SyntaxNode("selected", (base,), selectors, span)
    return (_member(node) or node) if len(selectors) == 1 else node


def _member(node: SyntaxNode) -> SyntaxNode | None:
    """What is selected as a member of a family; None if it can't be one."""
    (base,) = node.args
    if base.kind != "name" or base.bracketed or isinstance(base.value, Member):
        return None
    indices = [index_of_node(s.first) if s.is_one else None for s in node.value]
    given = [i for i in indices if i is not None]
    if len(given) < len(indices):
        return None
    return name_node(member(base.value, *given), node.span)


def block(rows: Sequence[Sequence[SyntaxNode]], span: Span) -> SyntaxNode:
    """The node of `[A, B; C, D]`. Raises ParseError."""
    if len(rows) == len(rows[0]) == 1:
        raise ParseError(
            "brackets of one thing are no block: a group is `(…)`, and an entry has its bracket "
            "without a space, `x[1]`.",
            span,
        )
    for part in (part for row in rows for part in row):
        if part.juxtaposed and not part.bracketed and _is_number(part.args[1]):
            raise ParseError("the parts of a row stand between commas: `[1, 2; 3, 4]`.", part.span)
    args = tuple(part for row in rows for part in row)
    return SyntaxNode("block", args, tuple(map(len, rows)), span)


def _is_number(node: SyntaxNode) -> bool:
    return node.kind == "number"


def index_of_node(node: SyntaxNode | None) -> Index | None:
    """The index of a member that an expression is: letters and whole numbers, added up."""
    done: dict[SyntaxNode, Index | None] = {}
    for part in postorder(node) if node is not None else ():
        args = [done[a] for a in part.args]
        found = (
            None if part.bracketed or None in args else _index(part, [a or Index() for a in args])
        )
        done[part] = found
    return None if node is None else done[node]


def _index(node: SyntaxNode, args: Sequence[Index]) -> Index | None:
    """The index that a node is, whose arguments are these."""
    match node.kind:
        case "name" if not isinstance(node.value, Member):
            return Index(node.value)
        case "number":
            value = _whole(node)
            return None if value is None else Index("", value)
        case "+":
            return args[0].added(args[1])
        case "-":
            return args[0].minus(args[1])
        case "neg":
            return Index().minus(args[0])
        case "*" if not args[0].terms:
            return Index().added(args[1], args[0].offset)
    return None


def _whole(node: SyntaxNode) -> int | None:
    if node.kind != "number" or node.bracketed or node.value.denominator != 1:
        return None
    if node.value > LARGEST:
        raise ParseError("an index is too large.", node.span)
    return int(node.value)


def key_of(selectors: Selectors) -> tuple[object, ...]:
    """Equal for selectors that are typed alike."""
    return tuple(
        tuple((n.kind, n.value) for bound in s.bounds for n in postorder(bound)) for s in selectors
    )


class StructureBuilder:
    """What the parser calls for entries, slices, blocks and comparisons."""

    def compared(self, c: list[Any]) -> SyntaxNode:
        """`A > B`: the step of the difference."""
        left, sign, right = c
        span = left.span | right.span
        if sign not in "<>":
            raise ParseError(
                "`A > B` and `A < B` compare, 1 where it holds and else 0: for what is not less "
                "write `1 - (A < B)`.",
                sign.span,
            )
        more, less = (left, right) if sign == ">" else (right, left)
        is_zero = less.kind == "number" and less.value == 0
        difference = more if is_zero else SyntaxNode("-", (more, less), None, span)
        return call_node("step", (difference,), span)

    def selected(self, c: list[Any]) -> SyntaxNode:
        base, selectors, end = c
        return selected(base, selectors, base.span | end.span)

    def selectors(self, c: list[Any]) -> Selectors:
        return tuple(c)

    def selected_one(self, c: list[Any]) -> Selector:
        return Selector(c[0], c[0])

    def selected_span(self, c: list[Any]) -> Selector:
        return Selector(*c)

    def selected_all(self, c: list[Any]) -> Selector:
        return Selector()

    def python_slice(self, c: list[Any]) -> None:
        ends = [node for node in c if node is not None]
        raise ParseError(FROM_ONE, ends[0].span | ends[-1].span)

    def row(self, c: list[Any]) -> tuple[SyntaxNode, ...]:
        return tuple(c)

    def block(self, c: list[Any]) -> SyntaxNode:
        opening, *rows, end = c
        return block(rows, opening.span | end.span)


# ------------------------------------------------------------------------- names of one matrix


def families_of(statements: Sequence[Statement]) -> set[str]:
    """The names that are declared or defined with an index."""
    given = (name for s in statements for name, _ in values_named(s))
    return {name.base for name in given if isinstance(name, Member)}


def plain_of(statements: Sequence[Statement]) -> set[str]:
    """The names that are declared or defined without one."""
    given = (name for s in statements for name, _ in values_named(s))
    return {name for name in given if not isinstance(name, Member)}


def resolved(
    text: str, statements: Sequence[Statement], known: Iterable[str] = ()
) -> list[Statement]:
    """The statements, with `x[1]` as an entry where `x` is one matrix, as what is `known` besides.

    Raises ParseError where a family's name has something else than an index."""
    families = families_of(statements)
    plain = (plain_of(statements) | {*known}) - families

    def is_one(name: str) -> bool:
        return name in plain

    found = [with_expressions(s, lambda root: resolve(root, is_one)) for s in statements]
    if not families:
        return found
    found = [with_expressions(s, lambda root: with_members(root, plain)) for s in found]
    for node in nodes_of(found):
        if node.kind == "selected" and node.args[0].value in families:
            raise ParseError(no_index(text[node.span.start : node.span.end]), node.span, text)
    return found


def read_among(root: SyntaxNode, names: Collection[str]) -> SyntaxNode:
    """An expression in these names, of which some may be those of members."""
    root = resolve(root, names.__contains__)
    return with_members(root, names) if any(isinstance(n, Member) for n in names) else root


def with_members(root: SyntaxNode, plain: Container[str]) -> SyntaxNode:
    """An expression, with `X[b,h]` as a member where `X` is not the name of one matrix."""

    def read(node: SyntaxNode) -> SyntaxNode:
        is_member = node.kind == "selected" and node.args[0].value not in plain
        return (_member(node) or node) if is_member else node

    return transformed(root, read)


def resolve(root: SyntaxNode, is_one: Callable[[str], bool]) -> SyntaxNode:
    """An expression, with `x[1]` as an entry where `x` is the name of one matrix."""

    def is_entry(node: SyntaxNode) -> bool:
        name = node.value
        return node.kind == "name" and isinstance(name, Member) and is_one(name.base)

    if not any(map(is_entry, postorder(root))):
        return root
    return transformed(root, lambda node: _entry(node) if is_entry(node) else node)


def _entry(node: SyntaxNode) -> SyntaxNode:
    """A member's name as an entry of the matrix that is its base."""
    base = name_node(node.value.base, _begin(node))
    (index,) = node.value.indices
    place = Span(_begin(node).end, node.span.end)
    at = typed_index(index, Span(place.start + 1, place.end - 1))
    return replace(node, kind="selected", args=(base,), value=(Selector(at, at),))


def _begin(node: SyntaxNode) -> Span:
    return Span(node.span.start, node.span.start + len(node.value.base))


def typed_index(index: Index, span: Span) -> SyntaxNode:
    """The node of an index."""
    terms = []
    for letter, k in index.terms.items():
        node = name_node(letter, span)
        scaled = SyntaxNode("*", (number_node(abs(k), span), node), None, span)
        terms.append((k, node if abs(k) == 1 else scaled))
    if not terms:
        return number_node(index.offset, span)
    first, found = terms[0]
    if first < 0:
        found = SyntaxNode("neg", (found,), None, span)
    for k, term in terms[1:]:
        found = SyntaxNode("+" if k > 0 else "-", (found, term), None, span)
    if not index.offset:
        return found
    sign = "+" if index.offset > 0 else "-"
    return SyntaxNode(sign, (found, number_node(abs(index.offset), span)), None, span)
