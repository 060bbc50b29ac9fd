"""The marks of Python in an expression, and its signs there, which work entry by entry."""

from __future__ import annotations

from dataclasses import replace

from ...core.errors import Span
from ...core.regexes import regex
from .tree import SyntaxNode, transformed

_MARKS = regex(
    r"(?<![\w.])(?:np|numpy|jnp|jax|lax|nn|torch|F|tf|scipy|math|cupy)\s*\.\s*(?!T\b)[^\W\d]|"
    r"(?<!\d)\.\s*(?!T\b)[^\W\d]\w*\s*\(|(?<!\w)(?:dim|keepdims?)\s*=|axis\s*=\s*[-−]"
)
_BY_ENTRY = {"*": ".*", "/": "./", "^": ".^"}


def has_marks(text: str, span: Span) -> bool:
    """Whether what stands there is written as for NumPy: a module before a function, a method."""
    return _MARKS.search(text, *span) is not None


def by_entry(text: str, root: SyntaxNode) -> SyntaxNode:
    """An expression; one with marks of Python has what `*`, `/` and `**` join entry by entry."""
    if not has_marks(text, root.span):
        return root

    def changed(node: SyntaxNode) -> SyntaxNode:
        if node.kind in _BY_ENTRY and typed_sign(text, node) in ("*", "/", "**"):
            return replace(node, kind=_BY_ENTRY[node.kind])
        return node

    return transformed(root, changed)


def typed_sign(text: str, node: SyntaxNode) -> str:
    """The sign between two operands as typed; empty for what is none."""
    if len(node.args) != 2 or node.kind == "call":
        return ""
    return text[node.args[0].span.end : node.args[1].span.start].strip()
