"""Python in a problem: what tells that a statement is NumPy's or PyTorch's, and the refusal of what
they mean otherwise.

Functions with a module before them, methods and `dim=` are read; `*`, `**` and broadcasting have
other meanings there, so that what would be another value is refused once shapes are known.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..core.dims import ONE, SCALAR
from ..core.errors import ParseError, Span
from .shape_errors import source
from .shape_inference import Inference
from .syntax import SyntaxNode

_MARKS = re.compile(
    r"(?<![\w.])(?:np|numpy|jnp|jax|lax|nn|torch|F|tf|scipy|math|cupy)\s*\.\s*(?!T\b)[^\W\d]|"
    r"(?<!\d)\.\s*(?!T\b)[^\W\d]\w*\s*\(|(?<!\w)(?:dim|keepdims?)\s*=|axis\s*=\s*[-−]"
)
_FROM_BEHIND = re.compile(r"(?:axis|dim)\s*=\s*[-−]|dim\s*=")
_BY_ENTRY = {"*": (".*", "@"), "^": (".^", "^")}
_BROADCASTING = ("+", "-", ".*", "./")


def check_python(text: str, inference: Inference, nodes: Sequence[SyntaxNode]) -> None:
    """Refuse in a statement with marks of Python what has another value in it. Raises
    ParseError."""
    span = nodes[-1].span
    if not _MARKS.search(text, *span):
        return
    for node in nodes:
        shapes = [inference.shape(a) for a in node.args]
        if node.kind in _BY_ENTRY and _is_by_entry(text, node) and shapes[0] != SCALAR:
            if node.kind == "^" or shapes[1] != SCALAR:
                left, right = (source(text, a) for a in node.args)
                ours, matrix = (f"{left} {sign} {right}" for sign in _BY_ENTRY[node.kind])
                raise _refused(
                    text,
                    node.span,
                    f"in Python this is taken entry by entry: write `{ours}` for that, or "
                    f"`{matrix}` for the matrix product.",
                )
        elif node.kind in _BROADCASTING and len(shapes) == 2:
            columns = [a for a, s in zip(node.args, shapes, strict=True) if s[1] == ONE != s[0]]
            typed = source(text, columns[0]) if len(columns) == 1 else ""
            if typed and "keepdim" not in typed and ONE not in inference.shape(node):
                raise _refused(
                    text,
                    columns[0].span,
                    f"`{typed}` is a column here, and a row beside a matrix in Python: write "
                    f"`({typed})'` for a row; for a column, this line without marks of Python.",
                )
        elif node.kind == "call" and node.value.axis == 1 and shapes and shapes[0][1] == ONE:
            message = "this is of a column, whose entries stand along `axis=0`."
            if _FROM_BEHIND.search(text, *node.span):
                raise _refused(text, node.span, message)


def _is_by_entry(text: str, node: SyntaxNode) -> bool:
    """Whether a product or a power is typed as Python's `*` or `**`."""
    between = text[node.args[0].span.end : node.args[1].span.start]
    return "*" in between


def _refused(text: str, span: Span, message: str) -> ParseError:
    return ParseError(message, span, text)
