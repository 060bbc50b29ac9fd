"""Where a text could have been meant otherwise and still fit: which reading was taken, or that
none is."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence

from ...core.dims import ONE, SCALAR, Shape, broadcast
from ...core.errors import InferenceError
from ...core.functions import NAMES, TABLE
from ...core.regexes import regex
from ..syntax.parser import LARGER
from ..syntax.signs import NORM
from ..syntax.tree import SyntaxNode, postorder
from .errors import source
from .inference import Inference
from .notated_calls import SAID, SIGNS

_SPACED = regex(r"(\w+)\s+(?=\()")  # a function with a space before its bracket
_LINEAR = ("+", "-", "*", "/", "'", "neg")


def readings(
    text: str,
    inference: Inference,
    statements: Sequence[Sequence[SyntaxNode]],
    bodies: Mapping[str, SyntaxNode],
) -> tuple[str, ...]:
    """One sentence for each place that has two readings; a statement is its nodes in postorder."""
    found: list[str] = []
    seen: set[SyntaxNode] = set()
    for nodes in statements:
        for node in nodes:
            if node.opened is not None:  # its right side is looked at by itself
                continue
            if node.span.start == node.span.end:
                continue  # not typed: of what was read in index notation
            if node.kind == "*" and inference.is_inner(node):
                typed, (left, right) = source(text, node), (source(text, a) for a in node.args)
                found.append(f"`{typed}` is read as the inner product `dot({left}, {right})`.")
            elif node.kind == "^" and inference.is_exponential(node):
                above, shape = source(text, node.args[1]), inference.shape(node)
                if shape != SCALAR:
                    found.append(f"`{source(text, node)}` is read as `exp({above})`, by entries.")
            elif node.kind == "*":
                found += _product(text, inference, node)
            elif node.kind in ("^", ".^") and not node.args[0].bracketed:
                found += _power(text, inference, node)
            elif node.kind == "call" and _is_said(text, inference, node):
                name = node.value.name
                if name in SIGNS:
                    name = SIGNS[name].spelled(inference.shape(node.args[0]))
                of = ", the Frobenius norm of a matrix" if node.value.name == NORM else ""
                found.append(f"`{source(text, node)}` is read as `{name}`{of}.")
            elif node.kind == "call" and is_trace(node):
                found += _matrix_functions(text, inference, node.args[0], bodies, seen)
    return tuple(dict.fromkeys(found))


def refuse_powers(
    text: str, inference: Inference, nodes: Sequence[SyntaxNode], assumed: Container[str]
) -> None:
    """Refuse `mean((X w - y)^2)` where the power alone tells that `X w` is a number, and
    `(X w - y)^2` where it tells that `X` is a row. Raises InferenceError."""
    rows = [(n, TABLE.get(NAMES.get(n.value.name, ""))) for n in nodes if n.kind == "call"]
    reduced = {n.args[0] for n, row in rows if row is not None and row.takes_axis}
    for node in nodes:
        if node.kind != "^" or inference.shape(node) != SCALAR:
            continue
        base, exponent = node.args
        guessed = [n.value for n in postorder(base) if n.kind == "name" and n.value in assumed]
        if node not in reduced:
            guessed = [n for n in guessed if n[0].isupper() and ONE in inference.named(n)]
        if guessed and base.kind in (*_LINEAR, "name") and exponent.kind == "number":
            power = f"{source(text, base)}.^{source(text, exponent)}"
            raise InferenceError(
                "`^` is a matrix power, so that this is a single number: of entries it is "
                f"`{power if node in reduced else f'sum({power})'}`. If a number is meant, "
                f"declare `{guessed[0]}`.",
                node.span,
                text,
            )


def _product(text: str, inference: Inference, node: SyntaxNode) -> Iterator[str]:
    """`G .* X W`, `a / 2 m`, `1/2m`, and `a / 2 x' x`."""
    left, right = node.args
    is_inner = left.kind == "*" and _is_number(inference, left.args[1], right)
    left = left.args[0] if is_inner and left.juxtaposed and not left.bracketed else left
    if left.bracketed or left.kind not in (".*", "./", "/"):
        return
    first, middle = left.args
    shapes = [inference.shape(n) for n in (first, middle, right)]
    if left.kind == "/":
        base = right.args[0] if right.kind == "^" else right
        beside = middle.span.end == right.span.start  # as in `1/2m`
        ambiguous = (
            node.juxtaposed
            and (is_inner or (shapes[2] == SCALAR and base.kind == "name"))
            and (beside or first.kind not in ("number", "name"))
        )
    else:
        ambiguous = _both_fit(left.kind, *shapes)
    if ambiguous:
        end = text[middle.span.start : right.span.end]
        begin = text[left.span.start : middle.span.start]
        grouped, other = f"({source(text, left)})", " ".join(f"{begin}({end})".split())
        rest = " ".join(text[left.span.end : right.span.end].split())
        yield (
            f"`{source(text, node)}` is read as `{grouped} {rest}`, from left to right; the other "
            f"reading is `{other}`."
        )


def _is_number(inference: Inference, row: SyntaxNode, column: SyntaxNode) -> bool:
    """Whether the product of a row and a column is meant."""
    rows, cols = inference.shape(row)
    return (rows, inference.shape(column)[1]) == SCALAR and cols != ONE


def _power(text: str, inference: Inference, node: SyntaxNode) -> Iterator[str]:
    """`sum (x - y).^2`."""
    call, exponent = node.args
    typed = source(text, call)
    spaced = _SPACED.match(typed) if call.kind == "call" else None
    if spaced is None:
        return
    rows, cols = inference.shape(call.args[0]) if call.args else (None, ONE)
    if node.kind == ".^" or rows == cols:
        raised, end = text[call.span.end : exponent.span.start], source(text, exponent)
        name, argument = spaced[1], typed[spaced.end() :]
        yield (
            f"`{source(text, node)}` is read as `({name}{argument}){raised}{end}`; the other "
            f"reading is `{name}({argument}{raised}{end})`."
        )


def _both_fit(kind: str, first: Shape, middle: Shape, right: Shape) -> bool:
    """Whether `a .* (b c)` fits as well as `(a .* b) c`, and may have another value."""
    if SCALAR in (first, middle, right) or middle[1] != right[0]:
        return False
    if kind == ".*" and first[1] == ONE:  # scales rows, before the product as well as after it
        return False
    whole = broadcast([first, middle])
    return whole is not None and broadcast([first, (middle[0], right[1])]) == (whole[0], right[1])


def _is_said(text: str, inference: Inference, node: SyntaxNode) -> bool:
    """Whether a call is typed in a way that has other readings elsewhere."""
    name = node.value.name
    if name == NORM:
        return ONE not in inference.shape(node.args[0])
    if name in LARGER.values():
        return not source(text, node).startswith((name, "\\"))
    return name in SAID


def is_trace(node: SyntaxNode) -> bool:
    """Whether it is a scalar function of a square matrix."""
    name = node.value.name
    if node.opened is not None or name not in NAMES:
        return False
    return [text for _, text in TABLE[NAMES[name]].signatures] == ["n n -> 1 1"]


def _matrix_functions(
    text: str,
    inference: Inference,
    root: SyntaxNode,
    bodies: Mapping[str, SyntaxNode],
    seen: set[SyntaxNode],
) -> Iterator[str]:
    """Functions of every entry where mathematics has a function of the whole matrix too."""
    stack = [root]
    while stack:
        node = stack.pop()
        if node in seen:
            continue
        seen.add(node)
        if node.kind in _LINEAR:
            stack.extend(reversed(node.args))
        elif node.kind == "name" and node.value in bodies:
            stack.append(bodies[node.value])
        elif node.kind == "call" and node.value.name in NAMES:
            row = TABLE[NAMES[node.value.name]]
            rows, cols = inference.shape(node)
            if row.elementwise and row.arity == 1 and row.latex and rows == cols != ONE:
                yield (
                    f"`{source(text, node)}` is taken of every entry; it is not the function of "
                    "a matrix."
                )
