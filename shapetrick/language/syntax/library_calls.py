"""What the parser makes of calls as Python writes them: `np.exp(X)`, `X.sum(axis=0)`, `dim=1`.

A library's function is ours where its own defaults mean the same; else it is refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ...core.errors import ParseError, Span
from .automaton import Terminal
from .lexer import MANY
from .signs import TWO_NORM
from .synonyms import same_formula, same_function
from .syntax_errors import foreign_function
from .tree import INNER, SyntaxNode, call_node, folded, postorder

_PRODUCTS = dict.fromkeys(("dot", "matmul", "mm", "mv"), INNER)  # libraries' names for `@`
_AGREEING = ("inner", "outer")  # functions of the library that are those of libraries, of columns
_OTHERWISE = {
    ("jax", "gelu"): "JAX's gelu is the tanh form, this language's that with erf: write `gelu(x)`.",
    **dict.fromkeys(
        (("torch", "var"), ("torch", "std"), ("torch", "cov"), ("np", "cov"), ("numpy", "cov")),
        "this divides by n - 1: write it without the module's name, which divides by n.",
    ),
    ("F", "layer_norm"): "PyTorch's layer_norm adds 1e-5 to the variance: write `layer_norm(X, "
    "1e-5)`.",
}
SOLVE = "solve"  # within expressions, a product with an inverse
# A function by a second argument that is no value: `norm(A, 'fro')`, `sum(A, 'all')`.
_ORDERS = {
    ("norm", "fro"): "norm", ("norm", "2"): TWO_NORM,
    **{(name, "all"): name for name in ("sum", "mean", "max", "min", "prod")},
}  # fmt: skip


_OTHERS = ("slogdet", "invert")  # that are no function of ours: several values, and bits


def _with_inverse(given: Sequence[Any], span: Span) -> SyntaxNode:
    """`solve(A, b)` within an expression. Raises ParseError for other arguments."""
    if len(given) != 2 or not all(isinstance(a, SyntaxNode) for a in given):
        raise ParseError("`solve` takes a matrix and what it is divided from: `solve(A, b)`.", span)
    a, b = given
    return _product(call_node("inv", (a,), span), b, span)


def _product(left: SyntaxNode, right: SyntaxNode, span: Span) -> SyntaxNode:
    return SyntaxNode("*", (left, right), None, span, bracketed=True)


def _put(root: SyntaxNode, values: Mapping[str, SyntaxNode], span: Span) -> SyntaxNode:
    """The expression with values in the place of its names, at another place."""
    return folded(
        root,
        lambda e, args: values[e.value] if e.kind == "name" else replace(e, args=args, span=span),
    )


class LibraryCalls:
    """The rules of the grammar for them."""

    def call(self, c: list[Any]) -> SyntaxNode:
        raise NotImplementedError

    def formula(self, text: str) -> SyntaxNode:
        """What a row of the synonyms is, in its letters."""
        raise NotImplementedError

    def prefixed(self, c: list[Any]) -> SyntaxNode:
        """A function of a library: `np.exp(X)`."""
        module, function, *rest = c
        name, _ = function.value
        span = module.span | rest[-1].span
        otherwise = _OTHERWISE.get((module.partition(".")[0], name))
        if otherwise is not None:
            raise ParseError(otherwise, span)
        args = [a for a in rest if isinstance(a, SyntaxNode)]
        if function.value[1] == MANY and name not in _AGREEING:
            raise ParseError(
                f"`{module}{name}` may mean something else than `{name}` here, whose definition "
                f"`shapetrick functions` lists: write `{name}(…)` for that.",
                span,
            )
        if name in _PRODUCTS and len(args) == 2:
            return SyntaxNode("*", tuple(args), _PRODUCTS[name], span, bracketed=True)
        return replace(self.call([function, *rest]), span=span)

    def foreign(self, c: list[Any]) -> SyntaxNode:
        """A function of a library that is an operator here, or has another name."""
        module, named, _, *given, end = c
        span = module.span | end.span
        args = [a for a in given if a is not None]
        nodes = [a for a in args if isinstance(a, SyntaxNode)]
        if named.name in _PRODUCTS and len(args) == len(nodes) == 2:
            return SyntaxNode("*", tuple(nodes), _PRODUCTS[named.name], span, bracketed=True)
        ours = same_function(named.name)
        if ours is not None and len(args) >= ours[1] and named.name not in _OTHERS:
            function = Terminal("FUNCTION", ours[0], named.span, ours)
            return replace(self.call([function, None, *given, end]), span=span)
        formula = same_formula(named.name)
        if formula and len(args) == len(nodes):
            body = self.formula(formula)
            letters = dict.fromkeys(e.value for e in postorder(body) if e.kind == "name")
            if len(letters) == len(nodes):
                put = dict(zip(letters, nodes, strict=True))
                return replace(_put(body, put, span), bracketed=True)
        raise ParseError(foreign_function(f"{module}{named.name}", named.name), span)

    def method(self, c: list[Any]) -> SyntaxNode:
        """A method of an array: `X.sum(axis=0)`."""
        node, method, opening, *given, end = c
        name, span = str(method)[1:], node.span | end.span
        if name in _PRODUCTS and len(given) == 1:
            return SyntaxNode("*", (node, given[0]), _PRODUCTS[name], span, bracketed=True)
        if name in ("t", "transpose") and given in ([], [None]):
            return SyntaxNode("'", (node,), None, span)
        called = "inv" if name == "inverse" else name, 1
        function = Terminal("FUNCTION", name, method.span, called)
        return replace(self.call([function, opening, node, *given, end]), span=span)

    def keeping(self, c: list[Any]) -> None:
        """`keepdims=True`, which all is here."""
        word, value = c
        if not word.startswith("keepdim"):
            raise ParseError(f"`{word}={value}` is not understood.", word.span | value.span)

    def quoted(self, c: list[Any]) -> Terminal:
        quoted: Terminal = c[-1]
        return quoted


def instead(name: str, given: Sequence[Any], span: Span) -> SyntaxNode | None:
    """What a call is that is no function of the table: `solve(A, b)`, or a norm by its order; None
    for others. Raises ParseError for other texts in quotes."""
    if name == SOLVE:
        return _with_inverse(given, span)
    quoted = next((a for a in given if isinstance(a, Terminal)), None)
    if len(given) == 2:
        order = quoted[1:-1] if quoted is not None else str(getattr(given[1], "value", ""))
        if (name, order) in _ORDERS:
            return call_node(_ORDERS[name, order], (given[0],), span)
    if quoted is not None:
        raise ParseError(
            f"{quoted} is not understood here: a norm is `norm(A, 'fro')`, `norm(x, 2)` or "
            "`norm1(x)`.",
            quoted.span,
        )
    return None
