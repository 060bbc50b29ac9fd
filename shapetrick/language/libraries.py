"""Python in a problem: what tells that an expression is NumPy's, and what its signs mean.

Functions with a module before them, methods and `dim=` are read; `*`, `/` and `**` work entry by
entry there, which is refused once shapes are known where the matrix reading fits too.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from ..core.dims import ONE, SCALAR, Shape
from ..core.errors import ParseError
from .shape_errors import source
from .shape_inference import Inference
from .syntax import SyntaxNode, postorder

_MARKS = re.compile(
    r"(?<![\w.])(?:np|numpy|jnp|jax|lax|nn|torch|F|tf|scipy|math|cupy)\s*\.\s*(?!T\b)[^\W\d]|"
    r"(?<!\d)\.\s*(?!T\b)[^\W\d]\w*\s*\(|(?<!\w)(?:dim|keepdims?)\s*=|axis\s*=\s*[-−]"
)
_FROM_BEHIND = re.compile(r"(?:axis|dim)\s*=\s*[-−]|dim\s*=")
_BY_ENTRY = {"*": ".*", "/": "./", "^": ".^"}
_MATRIX = {".*": "@", ".^": "^"}  # what else the sign may mean, where that fits
_BROADCASTING = ("+", "-", ".*", "./")


def by_entry(text: str, root: SyntaxNode) -> SyntaxNode:
    """An expression; one with marks of Python has what `*`, `/` and `**` join entry by entry."""
    if _MARKS.search(text, *root.span) is None:
        return root
    done: dict[SyntaxNode, SyntaxNode] = {}
    for node in postorder(root):
        args = tuple(done[a] for a in node.args)
        kind = node.kind
        if kind in _BY_ENTRY and _typed(text, node) in ("*", "/", "**"):
            kind = _BY_ENTRY[kind]
        done[node] = replace(node, kind=kind, args=args)
    return done[root]


def check_python(text: str, inference: Inference, nodes: Sequence[SyntaxNode]) -> None:
    """Refuse in an expression with marks of Python what has another value in it. Raises
    ParseError."""
    if _MARKS.search(text, *nodes[-1].span) is None:
        return
    for node in nodes:
        shapes = [inference.shape(a) for a in node.args]
        if node.kind in _MATRIX and _typed(text, node) in ("*", "**") and _fits(node.kind, *shapes):
            left, right = (source(text, a) for a in node.args)
            raise ParseError(
                "in Python this is taken entry by entry, and the matrix reading fits too: write "
                f"`{left} {node.kind} {right}` for the one, or `{left} {_MATRIX[node.kind]} "
                f"{right}` for the other.",
                node.span,
                text,
            )
        if node.kind in _BROADCASTING and len(shapes) == 2:
            columns = [a for a, s in zip(node.args, shapes, strict=True) if s[1] == ONE != s[0]]
            typed = source(text, columns[0]) if len(columns) == 1 else ""
            if typed and "keepdim" not in typed and ONE not in inference.shape(node):
                raise ParseError(
                    f"`{typed}` is a column here, and a row beside a matrix in Python: write "
                    f"`({typed})'` for a row; for a column, this line without marks of Python.",
                    columns[0].span,
                    text,
                )
        elif _is_along_rows(node, shapes) and _FROM_BEHIND.search(text, *node.span):
            message = "this is of a column, whose entries stand along `axis=0`."
            raise ParseError(message, node.span, text)


def _is_along_rows(node: SyntaxNode, shapes: Sequence[Shape]) -> bool:
    """Whether a call works along the rows of a column."""
    return node.kind == "call" and node.value.axis == 1 and bool(shapes) and shapes[0][1] == ONE


def _typed(text: str, node: SyntaxNode) -> str:
    """The sign between two operands as typed; empty for what is none."""
    if len(node.args) != 2 or node.kind == "call":
        return ""
    return text[node.args[0].span.end : node.args[1].span.start].strip()


def _fits(kind: str, left: Shape, right: Shape) -> bool:
    """Whether the matrix product, or the power of a matrix, fits as well, and is another value."""
    if left == SCALAR:
        return False
    return right != SCALAR and left[1] == right[0] if kind == ".*" else left[0] == left[1]
