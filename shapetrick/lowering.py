"""Nodes to expressions: each operator to its constructor, once names and shapes are settled."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from . import expr as ex
from .dims import Dim
from .errors import InferenceError, NameProblem, ShapeError
from .expr import Expr
from .functions import NAMES
from .inference import Inference
from .scope import CONSTANTS, IDENTITY, SIZED, UNSIZED
from .surface import Node
from .unification import is_settled

_CHAINS: Mapping[str, Callable[..., Expr]] = {
    "+": ex.add,
    "-": ex.add,
    "*": ex.matmul,
    ".*": ex.times,
}
_OPERATORS: Mapping[str, Callable[..., Expr]] = {
    "neg": ex.negate,
    "'": ex.transpose,
    "/": ex.divide,
    "./": ex.divide,
    ".^": ex.power,
    "⊗": lambda a, b: ex.call(NAMES["kron"], a, b),
}


@dataclass(slots=True)
class Lowering:
    """Builds expressions from nodes in postorder. `values` are the names' expressions."""

    values: Mapping[str, Expr]
    inference: Inference
    text: str

    def expression(self, nodes: Sequence[Node]) -> Expr:
        """The expression that the last node stands for."""
        done: dict[Node, Expr] = {}
        chains: dict[Node, list[Expr]] = {}  # sums and products that may go on

        def value(node: Node) -> Expr:
            if node in chains:
                done[node] = _CHAINS[node.kind](*chains.pop(node))
            return done[node]

        for node in nodes:
            try:
                join = _CHAINS.get(node.kind)
                if join is None:
                    done[node] = self._build(node, [value(a) for a in node.args])
                    continue
                left, right = node.args
                goes_on = left in chains and _CHAINS[left.kind] is join
                parts = chains.pop(left) if goes_on else [value(left)]
                parts.append(ex.negate(value(right)) if node.kind == "-" else value(right))
                chains[node] = parts
            except ShapeError as error:
                raise error.located(node.span, self.text) from None
        return value(nodes[-1])

    def _build(self, node: Node, args: Sequence[Expr]) -> Expr:
        match node.kind:
            case "number":
                return ex.number(node.value)
            case "name":
                return self._name(node)
            case "^":
                return ex.whole_power(*args)
            case "abstract":
                name, order = node.value
                return ex.abstract(name, order, args[0])
            case "call":
                return self._call(node, args)
        return _OPERATORS[node.kind](*args)

    def _name(self, node: Node) -> Expr:
        name = node.value
        if name in self.values:
            return self.values[name]
        if name in self.inference.dims:
            return ex.dimension(Dim.of(name))
        if name == IDENTITY:
            return ex.eye(self._settled(node)[0])
        if name in CONSTANTS:
            return ex.constant(name)
        raise NameProblem(f"`{name}` is not declared.", node.span, self.text)

    def _settled(self, node: Node) -> tuple[Dim, Dim]:
        shape = self.inference.shape(node)
        if not is_settled(shape):
            typed = self.text[node.span.start : node.span.end]
            raise InferenceError(
                f"nothing here tells the size of `{typed}`: write `eye(n)` or `ones(m, n)`.",
                node.span,
                self.text,
            )
        return shape

    def _call(self, node: Node, args: Sequence[Expr]) -> Expr:
        name, _, sizes = node.value
        if name in SIZED:
            return SIZED[name][1](*map(self.inference.size, sizes))
        if name in UNSIZED:
            return ex.times(args[0], ex.ones(*self._settled(node)))
        return ex.call(NAMES[name], *args, data=self.inference.data(node))
