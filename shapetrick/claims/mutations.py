"""TABLE_OF_MUTATIONS: small changes to a typed expression, one row a kind of slip.

The rows are used both ways: tried on a claim that is wrong, to see what mends it, and on a right
answer, to see whether it is then refused and mended. A row proposes what may stand in the place of
one node; a row knows nothing of derivatives.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from itertools import combinations
from typing import Any

from ..core.dims import ONE, SCALAR, Shape, broadcast
from ..core.functions import NAMES, TABLE
from ..language.syntax.tree import Callee, SyntaxNode, call_node, number_node, postorder

PRODUCTS = ("*", "/", ".*", "./")
SUMS = ("+", "-")
LONGEST_CHAIN = 6  # of factors that are reordered
NUMERIC = frozenset({*PRODUCTS, *SUMS, "^", "neg", "number"})


@dataclass(frozen=True, slots=True)
class Parts:
    """What a change may put in: `dims` are factors as names of dimensions, `names` the problem's
    values, `pieces` parts of a right answer, `terms` its terms, `functions` the kinds and values of
    calls with one argument, `numbers` those in the answer; `shape` tells the shape of a node, None
    where it has none."""

    shape: Callable[[SyntaxNode], Shape | None]
    dims: Sequence[SyntaxNode]
    names: Sequence[SyntaxNode]
    pieces: Sequence[SyntaxNode]
    terms: Sequence[SyntaxNode]
    functions: Sequence[tuple[str, Any]]
    numbers: Sequence[SyntaxNode] = ()

    def is_numeric(self, node: SyntaxNode) -> bool:
        """Whether it is made of numbers and dimensions alone."""
        dims = {d.value for d in self.dims}
        return all(
            n.kind in NUMERIC or (n.kind == "name" and n.value in dims) for n in postorder(node)
        )

    def of_shape(self, shape: Shape | None) -> Iterator[SyntaxNode]:
        """The pieces of that shape."""
        return (p for p in self.pieces if shape is not None and self.shape(p) == shape)


@dataclass(frozen=True, slots=True)
class NodePlace:
    """A node, and what it is an argument of."""

    node: SyntaxNode
    parent: SyntaxNode | None
    index: int = 0

    def is_under(self, *kinds: str) -> bool:
        """Whether it is an argument of such a node."""
        return self.parent is not None and self.parent.kind in kinds

    @property
    def takes_factor(self) -> bool:
        """Whether a numeric factor may have been forgotten or doubled here."""
        if self.parent is None or self.parent.kind in (*SUMS, "neg", "call", "abstract"):
            return True
        return self.parent.kind == "/" and self.index == 1


@dataclass(frozen=True, slots=True)
class Mutation:
    """A kind of slip: what it is called, how small it is (small ones are tried first), what may
    stand in a place instead, and which rows undo it."""

    name: str
    rank: int
    propose: Callable[[NodePlace, Parts], Iterator[SyntaxNode]]
    undone_by: tuple[str, ...]


def places(root: SyntaxNode) -> list[NodePlace]:
    """Every node with what it is in, the larger first. A number in an exponent is part of the
    power."""
    found = []
    stack = [NodePlace(root, None)]
    while stack:
        place = stack.pop()
        found.append(place)
        node = place.node
        stack.extend(
            NodePlace(a, node, i)
            for i, a in reversed(list(enumerate(node.args)))
            if not (i == 1 and node.kind in ("^", ".^") and _is_number(a))
        )
    return found


def _is_number(x: SyntaxNode) -> bool:
    return x.kind == "number" or (x.kind == "neg" and _is_number(x.args[0]))


# -------------------------------------------------------------------------------- new nodes


def _binary(kind: str, left: SyntaxNode, right: SyntaxNode, like: SyntaxNode) -> SyntaxNode:
    return SyntaxNode(kind, (left, right), None, like.span)


def _turned(x: SyntaxNode) -> SyntaxNode:
    return x.args[0] if x.kind == "'" else SyntaxNode("'", (x,), None, x.span)


def _in_front(
    x: SyntaxNode, change: Callable[[SyntaxNode], SyntaxNode], kinds: Sequence[str]
) -> SyntaxNode:
    """The product with its first factor changed: `2 A B / m`, not `2 (A B / m)`."""
    spine = [x]
    while spine[-1].kind in kinds and not spine[-1].bracketed:
        spine.append(spine[-1].args[0])
    new = change(spine.pop())
    while spine:
        outer = spine.pop()
        new = replace(outer, args=(new, outer.args[1]))
    return new


def _scaled(factor: SyntaxNode, x: SyntaxNode) -> SyntaxNode:
    def scale(first: SyntaxNode) -> SyntaxNode:
        if factor.kind == first.kind == "number":
            return number_node(factor.value * first.value, first.span)
        return _binary("*", factor, first, x)

    return _in_front(x, scale, PRODUCTS)


def _negated(x: SyntaxNode) -> SyntaxNode:
    if x.kind == "neg":
        return x.args[0]

    def negate(first: SyntaxNode) -> SyntaxNode:
        return first.args[0] if first.kind == "neg" else SyntaxNode("neg", (first,), None, x.span)

    return _in_front(x, negate, PRODUCTS)


def _chain(x: SyntaxNode) -> list[SyntaxNode]:
    """The factors of a matrix product."""
    factors: list[SyntaxNode] = []
    while x.kind == "*" and (not factors or not x.bracketed):
        factors.append(x.args[1])
        x = x.args[0]
    return [x, *reversed(factors)]


def _product(factors: Sequence[SyntaxNode], like: SyntaxNode) -> SyntaxNode:
    return reduce(lambda total, factor: _binary("*", total, factor, like), factors)


# ------------------------------------------------------------------------------------- the rows


def _transposed(at: NodePlace, parts: Parts) -> Iterator[SyntaxNode]:
    x = at.node
    if x.kind == "'":
        yield x.args[0]
    elif x.kind not in ("number", "neg") and parts.shape(x) != SCALAR and not at.is_under("'"):
        yield _turned(x)


def _reordered(at: NodePlace, parts: Parts) -> Iterator[SyntaxNode]:
    x = at.node
    if x.kind in ("call", "⊗") and len(x.args) == 2:
        yield replace(x, args=x.args[::-1], bracketed=False)
    if x.kind != "*" or (at.is_under("*") and at.index == 0):
        return
    factors = _chain(x)
    if len(factors) > LONGEST_CHAIN:
        return
    for i, j in combinations(range(len(factors)), 2):
        swapped = list(factors)
        swapped[i], swapped[j] = swapped[j], swapped[i]
        yield _product(swapped, x)
    for i, factor in enumerate(factors):
        root = _root(factor, parts)
        left = [*factors[:i], *([] if root is None else [root]), *factors[i + 1 :]]
        if len(left) > 1:
            yield _product([*left, root or factor], x)
            yield _product([root or factor, *left], x)


def _root(x: SyntaxNode, parts: Parts) -> SyntaxNode | None:
    """Half of a square of a matrix: `X` of `X^2`, `X^-1` of `X^-2`."""
    if x.kind != "^" or parts.shape(x) in (None, SCALAR):
        return None
    sign, number = _signed(x.args[1])
    if number.kind != "number" or number.value != 2:
        return None
    return x.args[0] if sign > 0 else _binary("^", x.args[0], number_node(-1, number.span), x)


def _signed(exponent: SyntaxNode) -> tuple[int, SyntaxNode]:
    return (-1, exponent.args[0]) if exponent.kind == "neg" else (1, exponent)


def _other_product(at: NodePlace, parts: Parts) -> Iterator[SyntaxNode]:
    x = at.node
    other = {"*": ".*", ".*": "*", "⊗": "*"}.get(x.kind)
    if other is None or SCALAR in map(parts.shape, x.args):
        return
    yield replace(x, kind=other, bracketed=False)
    if x.kind == x.args[0].kind == "*":  # A (B .* C) for A B C
        first, second = x.args[0].args
        yield _binary("*", first, _binary(other, second, x.args[1], x), x)


def _regrouped(at: NodePlace, parts: Parts) -> Iterator[SyntaxNode]:
    x = at.node
    if x.kind not in PRODUCTS:
        return
    left, right = x.args
    if left.kind in PRODUCTS and left.kind != x.kind:
        a, b = left.args
        yield _binary(left.kind, a, _binary(x.kind, b, right, x), x)
    if right.kind in ("*", ".*", "./") and right.kind != x.kind:
        a, b = right.args
        yield _binary(right.kind, _binary(x.kind, left, a, x), b, x)


def _other_sign(at: NodePlace, parts: Parts) -> Iterator[SyntaxNode]:
    x = at.node
    if x.kind in SUMS:
        yield replace(x, kind="-" if x.kind == "+" else "+", bracketed=False)
    behind_sign = at.is_under(*SUMS) and at.index == 1
    if x.kind == "neg" or (at.takes_factor and not behind_sign):
        yield _negated(x)


def _other_number(at: NodePlace, parts: Parts) -> Iterator[SyntaxNode]:
    x = at.node
    if x.kind in PRODUCTS:
        left, right = x.args
        if parts.is_numeric(right):
            yield left
        if x.kind in ("*", ".*") and parts.is_numeric(left):
            yield right
        elif parts.is_numeric(left) and left.value != 1:
            yield _binary(x.kind, number_node(1, left.span), right, x)
    if x.kind == "number":
        yield from (number_node(k, x.span) for k in (x.value * 2, x.value / 2) if k != 1)
        yield from (replace(d, span=x.span) for d in parts.dims)
        yield from (replace(k, span=x.span) for k in parts.numbers if k.value != x.value)
    elif x.kind == "name" and any(d.value == x.value for d in parts.dims):
        yield from (replace(d, span=x.span) for d in parts.dims if d.value != x.value)
        yield number_node(2, x.span)
    if x.kind in ("name", "*") and parts.is_numeric(x) and not at.is_under(*SUMS):  # n - 1 for n
        yield _binary("-", replace(x, bracketed=False), number_node(1, x.span), x)
    elif x.kind in SUMS and parts.is_numeric(x):
        yield x.args[0]
    if at.parent is None or (at.takes_factor and x.kind not in ("neg", *SUMS)):
        for factor in (number_node(2, x.span), *parts.dims):
            yield _scaled(factor, x)
            yield _binary("/", x, factor, x)


def _other_power(at: NodePlace, parts: Parts) -> Iterator[SyntaxNode]:
    x = at.node
    if x.kind in ("^", ".^"):
        yield x.args[0]
        yield from (_binary(x.kind, x.args[0], k, x) for k in _exponents(x.args[1]))
    elif x.kind in ("*", "/", ".*", "./"):
        other = {"*": "/", "/": "*", ".*": "./", "./": ".*"}[x.kind]
        right = parts.shape(x.args[1])
        if (right == SCALAR or x.kind[0] == ".") and not parts.is_numeric(x.args[1]):
            yield replace(x, kind=other, bracketed=False)
    if x.kind == "number" or parts.is_numeric(x):
        return
    shape = parts.shape(x)
    if _is_inverse(x):
        yield x.args[0]
    elif shape is not None and shape[0] == shape[1] != ONE and x.kind != "'":
        yield call_node("inv", (x,), x.span)
    is_base = x.kind in ("name", "call", "abstract") or (x.bracketed and shape == SCALAR)
    if is_base and shape is not None:
        yield _binary("^" if shape == SCALAR else ".^", x, number_node(2, x.span), x)


def _exponents(exponent: SyntaxNode) -> Iterator[SyntaxNode]:
    sign, number = _signed(exponent)
    if number.kind == "number":
        k = sign * number.value
        for other in (-k, k - 1, k + 1, k / 2, k * 2):
            if other not in (0, 1):
                yield number_node(other, exponent.span)
    elif sign < 0:
        yield number
    else:
        yield SyntaxNode("neg", (exponent,), None, exponent.span)


def _is_inverse(x: SyntaxNode) -> bool:
    return x.kind == "call" and x.value.name == "inv"


def _other_axis(at: NodePlace, parts: Parts) -> Iterator[SyntaxNode]:
    x = at.node
    if x.kind != "call" or not _takes_axis(x.value.name):
        return
    name, axis, sizes, _ = x.value
    for other in (0, 1, None):
        if other != axis:
            yield replace(x, value=Callee(name, other, sizes))
    if axis is not None:
        yield _turned(replace(x, value=Callee(name, 1 - axis, sizes)))


def _mean_or_sum(at: NodePlace, parts: Parts) -> Iterator[SyntaxNode]:
    x = at.node
    other = {"sum": "mean", "mean": "sum"}.get(x.value.name) if x.kind == "call" else None
    if other is not None:
        yield replace(x, value=x.value._replace(name=other))


def _takes_axis(name: str) -> bool:
    return name in NAMES and TABLE[NAMES[name]].takes_axis


def _other_sum(at: NodePlace, parts: Parts) -> Iterator[SyntaxNode]:
    x = at.node
    inner = x.args[0] if x.kind == "'" else x
    if inner.kind == "call" and inner.value.name in ("sum", "mean"):
        yield from inner.args[:1]
    elif x.kind != "number" and parts.shape(x) not in (None, SCALAR):
        for axis in (None, 0, 1):
            summed = call_node("sum", (x,), x.span, axis)
            yield summed
            if axis is not None:
                yield SyntaxNode("'", (summed,), None, x.span)


def _other_function(at: NodePlace, parts: Parts) -> Iterator[SyntaxNode]:
    x = at.node
    if x.kind in ("call", "abstract") and len(x.args) == 1:
        if not _is_inverse(x):
            yield x.args[0]
        yield from (
            replace(x, kind=kind, value=value)
            for kind, value in parts.functions
            if (kind, value) != (x.kind, x.value)
        )
    if x.kind != "number" and not parts.is_numeric(x):
        for kind, value in parts.functions:
            yield SyntaxNode(kind, (x,), value, x.span)


def _other_argument(at: NodePlace, parts: Parts) -> Iterator[SyntaxNode]:
    """Another name, or the argument of a function: the output for the input."""
    x, shape = at.node, parts.shape(at.node)
    if shape is None or x.kind == "number":
        return
    if x.kind == "name":
        others = [n for n in parts.names if n.value != x.value and parts.shape(n) is not None]
        others.sort(key=lambda n: parts.shape(n) != shape)
        yield from (replace(n, span=x.span) for n in others)
    if at.is_under("call", "abstract"):
        yield from parts.of_shape(shape)


def _without_factor(at: NodePlace, parts: Parts) -> Iterator[SyntaxNode]:
    x = at.node
    if x.kind in PRODUCTS:
        left, right = x.args
        if not parts.is_numeric(right):
            yield left
            if x.kind in ("/", "./") and right.kind in PRODUCTS:
                yield from (_binary(x.kind, left, a, x) for a in right.args)
        if x.kind in ("*", ".*") and not parts.is_numeric(left):
            yield right


def _without_term(at: NodePlace, parts: Parts) -> Iterator[SyntaxNode]:
    x = at.node
    if x.kind in SUMS:
        yield x.args[0]
        yield x.args[1] if x.kind == "+" else _negated(x.args[1])


def _with_factor(at: NodePlace, parts: Parts) -> Iterator[SyntaxNode]:
    x, shape = at.node, parts.shape(at.node)
    if shape is None or x.kind in ("number", "'") or (x.kind == "neg" and at.parent is not None):
        return
    beside = at.index if at.is_under("*") else None
    for piece in parts.pieces:
        if parts.shape(piece) == SCALAR:
            if beside is None:
                yield _scaled(piece, x)
                yield _binary("/", x, piece, x)
            continue
        for factor in (piece, _turned(piece)):
            yield from _beside(x, shape, factor, parts.shape(factor), beside)


def _beside(
    x: SyntaxNode, shape: Shape, factor: SyntaxNode, own: Shape | None, index: int | None
) -> Iterator[SyntaxNode]:
    """The products of a node and a matrix that fit; it is the index-th of a matrix product."""
    if own is None:
        return
    if broadcast([shape, own]) is not None:
        yield _binary(".*", x, factor, x)
        yield _binary("./", x, factor, x)
    if index != 1 and (own[0] == shape[1] or shape == SCALAR):
        yield _binary("*", x, factor, x)
    if index is None and own[1] == shape[0]:
        yield _in_front(x, lambda first: _binary("*", factor, first, x), ("*",))


def _with_term(at: NodePlace, parts: Parts) -> Iterator[SyntaxNode]:
    x, shape = at.node, parts.shape(at.node)
    if shape is None or at.is_under(*SUMS, "neg"):
        return
    for piece in parts.terms:
        own = parts.shape(piece)
        if own is None:
            continue
        if broadcast([own, shape]) is not None:
            yield from _with(x, piece)
        if own != SCALAR and broadcast([own[::-1], shape]) is not None:
            yield from _with(x, _turned(piece))


def _with(x: SyntaxNode, term: SyntaxNode) -> Iterator[SyntaxNode]:
    """The sum and the difference, without two signs beside each other."""
    first = term
    while first.kind in PRODUCTS and not first.bracketed:
        first = first.args[0]
    term = _negated(term) if first.kind == "neg" else term
    yield _binary("+", x, term, x)
    yield _binary("-", x, term, x)


def _other_part(at: NodePlace, parts: Parts) -> Iterator[SyntaxNode]:
    if at.node.kind in SUMS:
        yield from _other_term(at.node, parts)
    if at.parent is not None and at.node.kind != "number":
        shape = parts.shape(at.node)
        yield from parts.of_shape(shape)
        if shape is not None and shape != SCALAR:
            yield from map(_turned, parts.of_shape(shape[::-1]))


def _other_term(x: SyntaxNode, parts: Parts) -> Iterator[SyntaxNode]:
    """The sum with another term in the place of one of the two."""
    left, right = x.args
    for term in parts.terms:
        yield from _with(left, term)
        yield _binary(x.kind, term, right, x)
        yield _binary(x.kind, _negated(term), right, x)


def _other_convention(at: NodePlace, parts: Parts) -> Iterator[SyntaxNode]:
    """The gradients by a symmetric matrix that are in use, and what they are made of."""
    x, shape = at.node, parts.shape(at.node)
    if at.parent is not None or shape is None or shape[0] != shape[1] or shape == SCALAR:
        return
    both = _binary("+", x, _turned(x), x)
    diagonal = call_node("diag", (call_node("diag", (x,), x.span),), x.span)
    yield _binary("-", both, diagonal, x)
    yield _binary("/", both, number_node(2, x.span), x)
    stack = [x]
    while stack:
        top = stack.pop()
        if top.kind in SUMS:
            stack.extend(reversed(top.args))
        elif top is not x:
            yield top
            if top.kind == "*" and parts.is_numeric(top.args[0]):  # `2 G - diag(diag(G))`
                yield top.args[1]
            yield _binary("/", _binary("+", top, _turned(top), x), number_node(2, x.span), x)
    if x.kind == "/" and x.args[0].kind in SUMS:
        yield x.args[0].args[0]


ARRANGING = ("transpose", "order of the factors", "kind of product", "grouping")  # factors stay
_LOST = ("missing factor", "wrong part")
TABLE_OF_MUTATIONS: tuple[Mutation, ...] = (
    Mutation("mean", 0, _mean_or_sum, ("mean", "numeric factor")),
    Mutation("transpose", 1, _transposed, ("transpose",)),
    Mutation("order of the factors", 1, _reordered, ("order of the factors",)),
    Mutation("kind of product", 1, _other_product, ("kind of product",)),
    Mutation("grouping", 1, _regrouped, ("grouping",)),
    Mutation("sign", 1, _other_sign, ("sign",)),
    Mutation("numeric factor", 1, _other_number, ("numeric factor",)),
    Mutation("power", 2, _other_power, ("power",)),
    Mutation("axis", 2, _other_axis, ("axis",)),
    Mutation("sum", 2, _other_sum, ("sum",)),
    Mutation("function", 2, _other_function, ("function",)),
    Mutation("argument", 2, _other_argument, ("argument",)),
    Mutation("extra factor", 2, _without_factor, _LOST),
    Mutation("extra term", 2, _without_term, ("missing term", "wrong part")),
    Mutation("symmetric convention", 2, _other_convention, ("symmetric convention",)),
    Mutation("missing factor", 3, _with_factor, ("extra factor",)),
    Mutation("missing term", 3, _with_term, ("extra term",)),
    Mutation("wrong part", 4, _other_part, _LOST),
)
