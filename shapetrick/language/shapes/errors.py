"""What is said of shapes that don't fit: the operands as typed, what disagrees, what would mend it.

A repair is named only if it was tried."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TypeVar

from ...core.dims import SCALAR, Shape
from ...core.errors import CallError, InferenceError, InputError, ShapeError, Span, enumerated
from ...core.named_tuples import NamedTuple
from ..syntax.statement_lines import COMMENT
from ..syntax.syntax_errors import RAISED, RAISED_SIGNS
from ..syntax.tree import (
    SyntaxNode,
    calls_around,
    number_node,
    opened,
    postorder,
    with_node,
)
from .inference import Inference, Miscount, Misfit, Undetermined
from .unification import open_text

Error = TypeVar("Error", bound=InputError)

_ATOMS = ("number", "name", "call", "abstract", "'")
_BROADCASTING = {"+": "sum", "-": "difference", ".*": "element-wise product",
                 "./": "element-wise quotient", ".^": "element-wise power"}  # fmt: skip
_TAKEN_BY_ENTRY = {"*": ".*", "/": "./", "^": ".^"}


class Expectation(NamedTuple):
    """An expression of the text, and whether it must be a scalar."""

    root: SyntaxNode
    scalar: bool


class _Repair(NamedTuple):
    """A node put in the place of another, and how it would be typed."""

    at: SyntaxNode
    node: SyntaxNode
    text: str
    remark: str = ""


def source(text: str, node: SyntaxNode) -> str:
    """The node as typed, on one line; a raised exponent as a number."""
    typed = text[node.span.start : node.span.end]
    if node.kind in ("number", "neg") and typed[:1] in (*RAISED_SIGNS,):
        return typed.translate(RAISED)
    return " ".join(COMMENT.sub("", typed).split())


def source_inside(text: str, node: SyntaxNode) -> str:
    """The same without brackets around the whole, if it was typed in some: a call is not."""
    typed = source(text, node)
    return typed[1:-1].strip() if node.bracketed and typed[:1] in ("(", "[", "{") else typed


def explain(
    misfit: Misfit,
    text: str,
    inference: Inference,
    expressions: Sequence[Expectation],
    assumed: Sequence[str],
    advised: bool = True,
) -> ShapeError | InferenceError:
    """The full message for shapes that don't fit; unless `advised`, without what would mend it."""
    node = misfit.node
    whole = next(e for e in expressions if any(n is node for n in opened(e.root)))
    around = calls_around(whole.root, node)
    if around:
        call = around[-1]
        assert call.opened is not None
        inner = [Expectation(call.opened.root, False)]
        error = explain(misfit, call.opened.function.text, inference, inner, (), advised)
        texts = [text, *(c.opened.function.text for c in around[:-1] if c.opened is not None)]
        for inside, shown in zip(reversed(around), reversed(texts), strict=True):
            error = within(error, inside, shown)
        return error
    message = misfit.reason or _reason(node, text, inference)
    place = (misfit.size or node).span
    advice = _advice(_repairs(node, whole.root, text), inference, whole) if advised else ""
    if advice:
        message += "\n" + advice
    used = {n.value for n in postorder(node) if n.kind == "name"}
    guessed = [name for name in assumed if name in used]
    if isinstance(misfit, Miscount):
        return CallError(message, place, text)
    if not guessed:
        return ShapeError(message, place, text)
    names = " and ".join(f"`{n}`" for n in guessed)
    example = f"{guessed[0]} : {'m x n' if guessed[0][0].isupper() else 'n'}"
    message += f"\nThe shape of {names} is not declared; a declaration reads `{example}`."
    return InferenceError(message, place, text)


def within(error: Error, call: SyntaxNode, text: str) -> Error:
    """An error in what a call in a text opens to, as one of that call."""
    assert call.opened is not None
    function = call.opened.function
    own = function.text == text
    where = f"in line {function.span.line_of(text)}" if own else "in the library"
    message = f"in `{source(text, call)}`, where `{function.written}` {where}: {error.message}"
    return type(error)(message, call.span, text)


def undetermined(text: str, span: Span, assumed: Sequence[str]) -> InferenceError:
    """What is said where the equations have many answers."""
    if assumed:
        names = ", ".join(f"`{n}`" for n in assumed)
        message = f"the shapes of {names} have more than one answer: declare them."
    else:
        message = "the sizes here have more than one answer: write `eye(n)` or `ones(m, n)`."
    return InferenceError(message, span, text)


def _reason(node: SyntaxNode, text: str, inference: Inference) -> str:
    shapes = [inference.shape(a) for a in node.args]
    typed = [f"{source(text, a)} ({open_text(s)})" for a, s in zip(node.args, shapes, strict=True)]
    match node.kind:
        case "*":
            inner = [open_text(s).split("×") for s in shapes]
            return (
                f"{typed[0]} times {typed[1]} is not a matrix product: the inner dimensions are "
                f"{inner[0][1]} and {inner[1][0]}."
            )
        case "/":
            return f"`/` divides by a scalar, and {typed[1]} is none."
        case "^" if shapes[1] != SCALAR:
            return f"`^` takes a scalar for its exponent, not {typed[1]}."
        case "^":
            return f"`^` of a matrix is a repeated product, and {typed[0]} is not square."
        case "call" if len(shapes) != 2:
            return f"`{node.value.name}` does not take {' and '.join(typed)}."
    sides = [open_text(s).split("×") for s in shapes]
    rows, cols = zip(*sides, strict=True)
    apart = [
        f"{what} are {a} and {b}"
        for what, (a, b) in (("rows", rows), ("columns", cols))
        if a != b and "1" not in (a, b)
    ]
    what = _BROADCASTING.get(node.kind) or f"common shape in `{node.value.name}`"
    return f"{' and '.join(typed)} have no {what}: the {', the '.join(apart) or 'shapes differ'}."


def _repairs(node: SyntaxNode, root: SyntaxNode, text: str) -> Iterator[_Repair]:
    """What may have been meant."""
    if len(node.args) != 2 or node.kind in ("⊗", "block"):
        return
    left, right = node.args
    yield from _regrouped(node, root, text)
    by_entry = _TAKEN_BY_ENTRY.get(node.kind)
    if by_entry is not None:
        yield _binary(node, by_entry, left, right, text, "element by element")
    if node.kind == ".*":
        product = _binary(node, "*", left, right, text, "the matrix product")
        by_star = text[left.span.end : right.span.start].strip() == "*"  # with marks of Python
        typed = f"{source(text, left)} @ {source(text, right)}"
        yield product._replace(text=typed) if by_star else product
    if node.kind == "/":
        inverse = SyntaxNode("^", (right, number_node(-1, node.span)), None, node.span)
        factor = "" if left.kind == "number" and left.value == 1 else source(text, left) + " "
        spelt = f"{factor}{_operand(text, right)}^-1"
        yield _Repair(
            node, SyntaxNode("*", (left, inverse), None, node.span), spelt, "times the inverse"
        )
    elif node.kind != "^":
        for k in (1, 0):
            args, words = [*node.args], [source(text, a) for a in node.args]
            args[k], words[k] = _turned(args[k], text)
            yield _Repair(node, replace(node, args=tuple(args)), _spell(node, words))
    if node.kind == "*" and (left.kind != "*" or left.bracketed):
        spelt = f"{_operand(text, right)} {_operand(text, left)}"
        yield _Repair(node, replace(node, args=(right, left)), spelt, "the other way round")


def _regrouped(node: SyntaxNode, root: SyntaxNode, text: str) -> Iterator[_Repair]:
    """`G .* (X W)` for `G .* X W`, whether the `.*` or the product is what doesn't fit."""
    for product in postorder(root):
        if product.kind != "*":
            continue
        left = product.args[0]
        if left.kind in (".*", "./") and not left.bracketed and node in (product, left):
            inner = SyntaxNode("*", (left.args[1], product.args[1]), None, product.span)
            regrouped = SyntaxNode(left.kind, (left.args[0], inner), None, product.span)
            end = text[left.args[1].span.start : product.args[1].span.end]
            begin = text[left.span.start : left.args[1].span.start]
            yield _Repair(product, regrouped, " ".join(f"{begin}({end})".split()))


def _binary(
    node: SyntaxNode, kind: str, left: SyntaxNode, right: SyntaxNode, text: str, remark: str
) -> _Repair:
    spelt = f"{source(text, left)} {kind} {source(text, right)}"
    return _Repair(node, SyntaxNode(kind, (left, right), None, node.span), spelt, remark)


def _turned(node: SyntaxNode, text: str) -> tuple[SyntaxNode, str]:
    """The transpose of an operand, and how it would be typed."""
    if node.kind == "'":
        return node.args[0], source(text, node.args[0])
    return SyntaxNode("'", (node,), None, node.span), _operand(text, node) + "'"


def _spell(node: SyntaxNode, words: Sequence[str]) -> str:
    if node.kind == "call":
        return f"{node.value.name}({', '.join(words)})"
    return (" " if node.kind == "*" else f" {node.kind} ").join(words)


def _operand(text: str, node: SyntaxNode) -> str:
    typed = source(text, node)
    return typed if node.bracketed or node.kind in _ATOMS else f"({typed})"


def _advice(repairs: Iterator[_Repair], inference: Inference, whole: Expectation) -> str:
    """Which repairs fit in the whole expression, and which are only possible by themselves."""
    fitting: list[str] = []
    others: list[str] = []
    for repair in repairs:
        shape = _shape(inference, Expectation(repair.node, False))
        if shape is None:
            continue
        remark = f", {repair.remark}" if repair.remark else ""
        said = f"`{repair.text}` ({open_text(shape)}{remark})"
        mended = Expectation(with_node(whole.root, repair.at, repair.node), whole.scalar)
        (others if _shape(inference, mended) is None else fitting).append(said)
    if fitting and others:
        return f"{enumerated(fitting, 'or')} fits here; {enumerated(others, 'or')} does not."
    if fitting:
        return f"{enumerated(fitting, 'or')} fits here."
    if others:
        return f"{enumerated(others, 'or')} would be possible, but does not fit here."
    return ""


def _shape(inference: Inference, expected: Expectation) -> Shape | None:
    """The shape of an expression, or None if it doesn't fit."""
    trial = inference.trial()
    try:
        shape = trial.add(expected.root)
        if expected.scalar and not trial.unifier.unify_shapes(shape, SCALAR):
            return None
        trial.solve()
    except (Misfit, Undetermined):
        return None
    return trial.unifier.shape(shape)
