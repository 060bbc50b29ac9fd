"""Python in a problem: what is refused because its value would be another one there.

Functions with a module before them, methods and `dim=` are read; `*`, `/` and `**` work entry by
entry there, which is refused once shapes are known where the matrix reading fits too.
"""

from __future__ import annotations

from collections.abc import Sequence

from ...core.dims import ONE, SCALAR, Shape
from ...core.errors import ParseError
from ...core.regexes import regex
from ..syntax.constants import CONSTANTS
from ..syntax.python_marks import has_marks, typed_sign
from ..syntax.syntax_errors import no_prime
from ..syntax.tree import SyntaxNode
from .errors import source
from .inference import Inference

_FROM_BEHIND = regex(r"(?:axis|dim)\s*=\s*[-−]|dim\s*=")
_MATRIX = {".*": "@", ".^": "^"}  # what else the sign may mean, where that fits
_SUSPECT = regex(r"\w\(\s*\d+\s*\)|(?<!\w)(?:e|pi)['ᵀ]|(?<!\w)(?:e|pi)(?:\^T|\.T)|\w'+\(")
_BROADCASTING = ("+", "-", ".*", "./")


def check_python(text: str, inference: Inference, nodes: Sequence[SyntaxNode]) -> None:
    """Refuse in an expression with marks of Python what has another value in it, and everywhere
    what is an entry or a vector of ones elsewhere. Raises ParseError."""
    if _SUSPECT.search(text, *nodes[-1].span):
        _check_entries(text, inference, nodes)
    if not has_marks(text, nodes[-1].span):
        return
    for node in nodes:
        shapes = [inference.shape(a) for a in node.args]
        if (
            node.kind in _MATRIX
            and typed_sign(text, node) in ("*", "**")
            and _fits(node.kind, *shapes)
        ):
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


def _check_entries(text: str, inference: Inference, nodes: Sequence[SyntaxNode]) -> None:
    """Refuse `x(1)`, which is an entry in MATLAB, `e'` of a number, and `f'(x)` of one, which is a
    derivative. Raises ParseError."""
    for node in nodes:
        if node.kind == "'" and node.args[0].kind == "name":
            name = node.args[0].value
            if name in CONSTANTS and name not in inference.shapes:
                raise ParseError(
                    f"`{name}` is a number here, its own transpose: for a row of ones write "
                    f"`ones(n)'`, for a column of that name declare it, `{name} : n`.",
                    node.span,
                    text,
                )
        if node.kind != "*" or not node.juxtaposed:
            continue
        left, right = node.args
        left = left.args[1] if left.kind == "*" and not left.bracketed else left
        right = right.args[0] if right.kind == "^" and not right.bracketed else right
        if text[left.span.end : left.span.end + 1] != "(":
            continue
        if left.kind == "'" and right.kind == "name" and inference.shape(left) == SCALAR:
            of = source(text, left).rstrip("'")
            raise ParseError(no_prime(of, right.value), left.span | right.span, text)
        if left.kind == "name" and right.kind == "number" and inference.shape(left) != SCALAR:
            typed, at = source(text, left), right.value
            index = f"{typed}[{at}]" if ONE in inference.shape(left) else f"{typed}[{at}, :]"
            raise ParseError(
                f"in MATLAB this is an entry: write `{index}` for that, `{at} {typed}` for the "
                "product.",
                left.span | right.span,
                text,
            )


def _is_along_rows(node: SyntaxNode, shapes: Sequence[Shape]) -> bool:
    """Whether a call works along the rows of a column."""
    return node.kind == "call" and node.value.axis == 1 and bool(shapes) and shapes[0][1] == ONE


def _fits(kind: str, left: Shape, right: Shape) -> bool:
    """Whether the matrix product, or the power of a matrix, fits as well, and is another value."""
    if left == SCALAR:
        return False
    return right != SCALAR and left[1] == right[0] if kind == ".*" else left[0] == left[1]
