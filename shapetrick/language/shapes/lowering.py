"""Nodes to expressions: each operator to its constructor, once names and shapes are settled."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ...core import expr as ex
from ...core.cost import is_negative
from ...core.dims import Dim, shape_text
from ...core.equations import EquationSystem
from ...core.errors import InferenceError, InputError, NameProblem, ShapeError
from ...core.exact_powers import MAX_POWER, number_power
from ...core.expr import Expr, Number, exact, value_of
from ...core.functions import NAMES
from ...core.indices import Index, renamed_shape
from ...core.letter_exponents import exponent_sum, raised
from ...core.records import dataclass
from ..syntax.constants import CONSTANTS, IDENTITIES, SIZED, UNSIZED
from ..syntax.signs import EXPONENTIAL
from ..syntax.tree import INNER, RUNNING, OpenedCall, SyntaxNode, postorder
from .derived_values import derive
from .errors import within
from .inference import Inference, are_columns
from .notated_calls import SIGNS
from .structured_calls import CALLS, build_block, build_call, build_selection
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


class _Built:
    """The expressions of the nodes so far; sums and products stay lists while they may go on."""

    def __init__(self) -> None:
        self._done: dict[SyntaxNode, Expr] = {}
        self._chains: dict[SyntaxNode, list[Expr]] = {}

    def value(self, node: SyntaxNode) -> Expr:
        """The node's expression."""
        if node in self._chains:
            self._done[node] = _CHAINS[node.kind](*self._chains.pop(node))
        return self._done[node]

    def put(self, node: SyntaxNode, value: Expr) -> None:
        """Keep a node's expression."""
        self._done[node] = value

    def join(self, node: SyntaxNode) -> None:
        """Add the right operand to what the left one has collected."""
        left, right = node.args
        goes_on = left in self._chains and _CHAINS[left.kind] is _CHAINS[node.kind]
        parts = self._chains.pop(left) if goes_on else [self.value(left)]
        last = self.value(right)
        parts.append(ex.negate(last) if node.kind == "-" else last)
        self._chains[node] = parts


@dataclass(slots=True)
class Lowering:
    """Builds expressions from nodes. `values` are the names' expressions; `systems` are those
    that determine unknowns, as far as their equations are known."""

    values: Mapping[str, Expr]
    inference: Inference
    text: str
    systems: tuple[EquationSystem, ...] = ()

    def expression(self, root: SyntaxNode) -> Expr:
        """The expression that a node stands for. Raises InputError."""
        return self._build(root, _Built())

    def _build(self, root: SyntaxNode, built: _Built) -> Expr:
        node = root
        try:
            for node in postorder(root):
                if node.kind == "parameter":  # was given with the call
                    continue
                if node.kind in _CHAINS and not self._is_inner(node, built):
                    built.join(node)
                else:
                    built.put(node, self.apply(node, [built.value(a) for a in node.args]))
            return built.value(root)
        except ShapeError as error:
            raise error.located(node.span, self.text) from None

    def _open(self, call: OpenedCall, args: Sequence[Expr]) -> Expr:
        """A defined function's right side, of these arguments."""
        built = _Built()
        for parameter, value in zip(call.parameters, args, strict=True):
            built.put(parameter, value)
        lowering = Lowering(self.values, self.inference, call.function.text, self.systems)
        return lowering._build(call.root, built)

    def _is_inner(self, node: SyntaxNode, built: _Built) -> bool:
        """Whether a product is of two columns; of what is new, its value tells the shape."""
        if node.value != INNER or all(map(self.inference.knows, node.args)):
            return self.inference.is_inner(node)
        left, right = (built.value(a).shape for a in node.args)
        return are_columns(left, right)

    def apply(self, node: SyntaxNode, args: Sequence[Expr]) -> Expr:
        """The expression of one node, given those of its arguments."""
        match node.kind:
            case "-":
                return ex.subtract(*args)
            case "*" if node.value == INNER and are_columns(args[0].shape, args[1].shape):
                return ex.matmul(ex.transpose(args[0]), args[1])
            case "+" | "*" | ".*":
                return _CHAINS[node.kind](*args)
            case "number":
                return ex.number(node.value)
            case "name":
                return self._name(node)
            case "/" | "./" if _is_zero(args[1]):
                raise ShapeError("a division by 0 has no value.")
            case "^" | ".^" if _is_zero(args[0]) and is_negative(args[1]):
                raise ShapeError("a negative power of 0 has no value.")
            case "^" | ".^" if _is_huge(*args):
                raise ShapeError("a number has more than 300 digits.")
            case "^" if self.inference.is_exponential(node):
                return SIGNS[EXPONENTIAL].build(args[1])
            case "^":
                return raised(*args)
            case "abstract":
                name, order = node.value
                return ex.abstract(name, order, args[0])
            case "running" if node.value.letter in self.inference.dims:
                return exponent_sum(args[0], node.value)
            case kind if kind in RUNNING:
                rows, cols = args[0].shape
                if RUNNING[kind] == ex.PRODUCT and rows != cols:
                    raise ShapeError(
                        f"members that are {shape_text((rows, cols))} have no product: only square "
                        "ones have."
                    )
                if renamed_shape((rows, cols), {node.value.letter: Index()}) != (rows, cols):
                    raise ShapeError(
                        f"the members that are summed have shape {shape_text((rows, cols))}, each "
                        "another: there is no such sum."
                    )
                return ex.total(args[0], node.value, RUNNING[kind])
            case "call" if node.opened is not None:
                try:
                    return self._open(node.opened, args)
                except InputError as error:
                    raise within(error, node, self.text) from None
            case "call":
                return self._call(node, args)
            case "derived":
                of, wrt, *along = args
                return derive(node.value, of, wrt, along[0] if along else None, self.systems)
            case "side":
                return ex.dimension(args[0].shape[node.value])
            case "selected":
                return build_selection(node, args[0], self._typed, self.inference.size)
            case "block":
                return build_block(node, args)
        return _OPERATORS[node.kind](*args)

    def _typed(self, node: SyntaxNode) -> str:
        return self.text[node.span.start : node.span.end]

    def _name(self, node: SyntaxNode) -> Expr:
        name = node.value
        if name in self.values:
            return self.values[name]
        if name in self.inference.dims:
            return ex.dimension(Dim.of(name))
        if name in IDENTITIES:
            return ex.eye(self._settled(node)[0])
        if name in CONSTANTS:
            return ex.constant(name)
        raise NameProblem(f"`{name}` is not declared.", node.span, self.text)

    def _settled(self, node: SyntaxNode) -> tuple[Dim, Dim]:
        shape = self.inference.shape(node)
        if not is_settled(shape):
            typed = self.text[node.span.start : node.span.end]
            raise InferenceError(
                f"nothing here tells the size of `{typed}`: write `eye(n)` or `ones(m, n)`.",
                node.span,
                self.text,
            )
        return shape

    def _call(self, node: SyntaxNode, args: Sequence[Expr]) -> Expr:
        name, _, sizes, _ = node.value
        if name in SIZED:
            return SIZED[name][1](*map(self.inference.size, sizes))
        if name in UNSIZED:
            return ex.times(args[0], ex.ones(*self._settled(node)))
        if name in CALLS:
            return build_call(node, args, self.inference.size)
        if name in SIGNS:
            return SIGNS[name].build(args[0])
        return ex.call(NAMES[name], *args, data=self.inference.data(node))


def _is_zero(e: Expr) -> bool:
    return isinstance(e, Number) and e.value == 0


def _is_huge(base: Expr, exponent: Expr) -> bool:
    """Whether it is a power that is written out elsewhere, of a number too large for that."""
    p = exact(exponent)
    if p is None or abs(p) > MAX_POWER or p.denominator != 1 or exact(base) is None:
        return False
    return number_power(value_of(base), p) is None
