"""What was typed: statements and expressions, with their places in the text.

Names and shapes mean nothing yet. `language/syntax/parser.py` makes them, and
`language/elaboration.py` takes them on to expressions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any, TypeVar

from ...core.dims import Dim
from ...core.errors import Span
from ...core.indices import Member, Range
from ...core.named_tuples import NamedTuple
from ...core.problem import DerivativeKind
from ...core.records import dataclass

# What may be said of a declared name, and whether it needs a square matrix.
ATTRIBUTES = {
    "symmetric": True,
    "posdef": True,
    "positive": False,
    "nonneg": False,
    "unit": False,
    "lower": True,
    "upper": True,
    "diagonal": True,
    "orthogonal": True,
    "simplex": False,
    "onehot": False,
    "const": False,
}
OWN_TRANSPOSE = frozenset({"symmetric", "posdef", "diagonal"})  # attributes of what has no other
FoldedT = TypeVar("FoldedT")
UPSTREAM = "bar"  # bar(Z) names the upstream gradient of Z
PRIME = "'"  # behind a function's name: its derivative, `tanh'(x)`
KINDS = ("scalar", "natural", "elementwise")  # what may stand in the place of a shape


@dataclass(frozen=True, slots=True, eq=False)
class SyntaxNode:
    """A node of an expression as typed. By kind, `value` is

    number (a Fraction), name (the name), call (a Callee), abstract (name and order), running (a
    Range, of the members that are summed), and nothing for the operators `neg`, `'`, `+`, `-`,
    `*`, `/`, `^`, `⊗`, `.*`, `./`, `.^`. In the right side of a function that is called there are
    also parameter (what it takes there, as a FunctionParameter) and side (0 or 1, of its argument).

    `opened` is that right side, of a call of a function that is defined in text. What is
    `bracketed` is one operand whatever stands beside it: it was typed in brackets, or is what a
    call of a library means (`np.multiply(A, B)`).
    """

    kind: str
    args: tuple[SyntaxNode, ...]
    value: Any
    span: Span
    bracketed: bool = False
    juxtaposed: bool = False
    opened: OpenedCall | None = None


class Callee(NamedTuple):
    """A function, its axis, the arguments that are sizes, and those by keyword."""

    name: str
    axis: int | None = None
    sizes: tuple[SyntaxNode, ...] = ()
    keywords: tuple[KeywordArgument, ...] = ()


class KeywordArgument(NamedTuple):
    """`ddof=1`, a number."""

    word: str
    value: SyntaxNode
    typed: str
    span: Span


class OpenedCall(NamedTuple):
    """What a call of a defined function stands for: a copy of the right side, made for this call,
    and its leaves that are the arguments."""

    root: SyntaxNode
    parameters: tuple[SyntaxNode, ...]
    function: FunctionDefinition


class PlacedName(NamedTuple):
    """A name and where it stands."""

    name: str
    span: Span


class FreeEntries(PlacedName):
    """The name of a symmetric matrix of which the free entries are meant: `wrt vech(S)`."""


class TypedDimension(NamedTuple):
    """A dimension as typed, the names in it, and the last one if it only stands behind a space:
    such a name may be a misspelt attribute."""

    dim: Dim
    names: tuple[PlacedName, ...]
    tail: PlacedName | None = None


class TypedEquation(NamedTuple):
    """`A Y + Y A' = Q`, behind `where`."""

    left: SyntaxNode
    right: SyntaxNode


class SolverCall(NamedTuple):
    """What solves equations where all its arguments are known: `cholesky`, of A."""

    name: str
    arguments: tuple[SyntaxNode, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Declaration:
    """`X, Y : m x n positive`; without sides where the shape is left out. The words behind the
    shape are attributes, `scalar`, `elementwise`, or unknown."""

    names: tuple[PlacedName, ...]
    sides: tuple[TypedDimension, TypedDimension] | None
    words: tuple[PlacedName, ...]
    span: Span
    ranges: tuple[Range, ...] = ()  # `for l = 1..L`: one for each index
    padded: tuple[str, ...] = ()  # the letters outside of whose ranges all is zero
    equations: tuple[TypedEquation, ...] = ()  # what determines them, and those of `beside`
    beside: tuple[Declaration, ...] = ()  # further unknowns of the same equations
    solver: SolverCall | None = None  # of equations that the library has

    @property
    def parts(self) -> tuple[Declaration, ...]:
        """What is declared together: itself, and what stands beside it."""
        return (self, *self.beside)


@dataclass(frozen=True, slots=True, eq=False)
class Definition:
    """`Z = tanh(X W)`."""

    name: PlacedName
    body: SyntaxNode
    span: Span
    ranges: tuple[Range, ...] = ()
    padded: tuple[str, ...] = ()  # as in declarations


@dataclass(frozen=True, slots=True, eq=False)
class FunctionParameter:
    """An argument of a function, `X`, `X : m x d` or `ddof = 0`: each side a whole number, a letter
    that stands for the side of what is given, or None; and the value if it is left out."""

    name: PlacedName
    sides: tuple[str | int | None, str | int | None] = (None, None)
    default: Fraction | None = None


@dataclass(frozen=True, slots=True, eq=False)
class FunctionDefinition:
    """`layer(X, W, b) = relu(X W + b)`; with `axis=0` in its head what it is along that axis. Its
    places are those in `text`. It is a `value` too where all its arguments are values; `s(z)_i = …`
    is nothing else, with the letters of its `entries`; `called`, where its calls were put in."""

    name: PlacedName
    parameters: tuple[FunctionParameter, ...]
    axis: int | None
    body: SyntaxNode
    span: Span
    text: str = ""
    value: bool = False
    entries: tuple[str, ...] = ()
    called: bool = False

    @property
    def written(self) -> str:
        """As it was typed, on one line."""
        return " ".join(self.text[self.span.start : self.span.end].split())


RUNNING = {"running": "sum", "running max": "max", "running min": "min", "running prod": "prod"}
OF_SCALARS = ("grad", "hess", "hvp")
SYMMETRIC = ("grad", "vjp", "hess")  # may go along the symmetric matrices, where that is said
DIRECTED = {"vjp": "G", "jvp": "V", "hvp": "V"}  # requests along something, and its default name


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """A request as typed; `leibniz` if it is `d J / d W`, which also fits a J that is no scalar.
    An expression alone asks for its gradient by every name in it: `wrt` is empty."""

    kind: DerivativeKind
    of: SyntaxNode
    wrt: tuple[PlacedName, ...]
    direction: PlacedName | None
    symmetric: bool
    claim: SyntaxNode | None
    span: Span
    leibniz: bool = False
    ranges: tuple[Range, ...] = ()  # of a claim: the members for which it is made
    entries: tuple[str, ...] = ()  # of a claim by entries, `∂f/∂A[i,j] = x[i] x[j]`: the letters


@dataclass(frozen=True, slots=True, eq=False)
class Equality:
    """`check E1 = E2`, of any two expressions, or on gradients by members, `check G[l] = …`."""

    left: SyntaxNode
    right: SyntaxNode
    span: Span
    ranges: tuple[Range, ...] = ()  # the members for which it is made


@dataclass(frozen=True, slots=True, eq=False)
class Solving:
    """`solve A x = b, … for x`: the unknowns of equations are asked for; `text` is that of the
    equations."""

    equations: tuple[TypedEquation, ...]
    wanted: tuple[PlacedName, ...]
    text: str
    span: Span


INNER = "inner"  # the value of a product that two columns have too: `x @ y`

Statement = Declaration | Definition | FunctionDefinition | Asked | Equality | Solving


def values_named(s: Statement) -> Sequence[PlacedName]:
    """The names that a statement gives to values."""
    if isinstance(s, Declaration):
        return [named for part in s.parts for named in part.names]
    return [s.name] if isinstance(s, Definition) else []


def expressions_of(s: Statement) -> Iterator[SyntaxNode]:
    """The expressions of a statement; none of a function, whose calls open to its right side."""
    match s:
        case Definition():
            yield s.body
        case Asked():
            yield s.of
            if s.claim is not None:
                yield s.claim
        case Equality():
            yield from (s.left, s.right)
        case Solving():
            for equation in s.equations:
                yield from equation
        case Declaration():
            for equation in s.equations:
                yield from equation
            if s.solver is not None:
                yield from s.solver.arguments


def with_expressions(s: Statement, change: Callable[[SyntaxNode], SyntaxNode]) -> Statement:
    """The statement with its expressions changed."""
    match s:
        case Definition():
            body = change(s.body)
            return s if body is s.body else replace(s, body=body)
        case Asked():
            of, claim = change(s.of), s.claim and change(s.claim)
            return s if of is s.of and claim is s.claim else replace(s, of=of, claim=claim)
        case Equality():
            return replace(s, left=change(s.left), right=change(s.right))
        case Solving():
            return replace(s, equations=_changed(s.equations, change))
        case Declaration() if s.equations:
            solver = s.solver
            if solver is not None:
                solver = solver._replace(arguments=tuple(map(change, solver.arguments)))
            return replace(s, equations=_changed(s.equations, change), solver=solver)
    return s


def _changed(
    equations: Sequence[TypedEquation], change: Callable[[SyntaxNode], SyntaxNode]
) -> tuple[TypedEquation, ...]:
    return tuple(TypedEquation(*map(change, sides)) for sides in equations)


def given_by(statements: Iterable[Statement]) -> list[Declaration | Definition]:
    """Those that give names a shape or a value."""
    return [s for s in statements if isinstance(s, (Declaration, Definition))]


def has_families(statements: Sequence[Statement]) -> bool:
    """Whether a statement has an index."""
    given = given_by(statements)
    names = (named.name for s in given for named in values_named(s))
    return any(s.ranges or s.padded for s in given) or any(isinstance(n, Member) for n in names)


def postorder(root: SyntaxNode) -> Iterator[SyntaxNode]:
    """Every node of the tree, arguments first, left to right."""
    backwards, stack = [], [root]
    while stack:
        node = stack.pop()
        backwards.append(node)
        stack += node.args
    return reversed(backwards)


def nodes_of(statements: Iterable[Statement]) -> Iterator[SyntaxNode]:
    """Every node of what statements say, as `postorder` has them."""
    return (node for s in statements for root in expressions_of(s) for node in postorder(root))


def opened(root: SyntaxNode) -> Iterator[SyntaxNode]:
    """Every node of the tree, and of the right sides of functions that it calls; each of these
    before its call."""
    backwards, stack = [], [root]
    while stack:
        node = stack.pop()
        backwards.append(node)
        stack += node.args
        if node.opened is not None:
            stack.append(node.opened.root)
    return reversed(backwards)


def typed_parts(root: SyntaxNode, text: str) -> Iterator[list[SyntaxNode]]:
    """The nodes of the tree, and of each right side that it opens to and that stands in a text."""
    waiting = [root]
    while waiting:
        nodes = list(postorder(waiting.pop()))
        yield nodes
        calls = [node.opened for node in nodes if node.opened is not None]
        waiting.extend(call.root for call in reversed(calls) if call.function.text == text)


def calls_around(root: SyntaxNode, node: SyntaxNode) -> list[SyntaxNode]:
    """The calls in whose opened right sides a node stands, from the outside in."""
    waiting: list[tuple[SyntaxNode, list[SyntaxNode]]] = [(root, [])]
    while waiting:
        top, around = waiting.pop()
        for inner in postorder(top):
            if inner is node:
                return around
            if inner.opened is not None:
                waiting.append((inner.opened.root, [*around, inner]))
    return []


def folded(root: SyntaxNode, of: Callable[[SyntaxNode, tuple[FoldedT, ...]], FoldedT]) -> FoldedT:
    """What `of` says of the tree's root, asked of every node with what it said of the arguments."""
    done: dict[SyntaxNode, FoldedT] = {}
    for node in postorder(root):
        done[node] = of(node, tuple([done[a] for a in node.args]))
    return done[root]


def with_args(node: SyntaxNode, args: tuple[SyntaxNode, ...]) -> SyntaxNode:
    """The node with other arguments; itself where they are its own."""
    return node if args == node.args else replace(node, args=args)


def transformed(root: SyntaxNode, change: Callable[[SyntaxNode], SyntaxNode]) -> SyntaxNode:
    """The tree with `change` applied to every node, bottom up; what stays is the same node."""
    return folded(root, lambda node, args: change(with_args(node, args)))


def with_node(root: SyntaxNode, old: SyntaxNode, new: SyntaxNode) -> SyntaxNode:
    """The tree with one node replaced."""
    return transformed(root, lambda node: new if node is old else node)


def without_brackets(root: SyntaxNode) -> SyntaxNode:
    """The same tree, as if no brackets had been typed."""
    return transformed(root, lambda node: replace(node, bracketed=False))


# -------------------------------------------------------------------------- nodes that are made


def name_node(name: str, span: Span) -> SyntaxNode:
    return SyntaxNode("name", (), name, span)


def number_node(value: Fraction | int, span: Span) -> SyntaxNode:
    """A number; a negative one as the typed sign makes it."""
    number = SyntaxNode("number", (), abs(Fraction(value)), span)
    return number if value >= 0 else SyntaxNode("neg", (number,), None, span)


def call_node(
    name: str, args: tuple[SyntaxNode, ...], span: Span, axis: int | None = None
) -> SyntaxNode:
    """A function's call."""
    return SyntaxNode("call", args, Callee(name, axis), span)


def derived_node(
    kind: str, of: SyntaxNode, wrt: PlacedName, along: SyntaxNode | None, span: Span
) -> SyntaxNode:
    """A derivative as a value, `grad J wrt x`."""
    args = of, name_node(wrt.name, wrt.span)
    return SyntaxNode("derived", args if along is None else (*args, along), kind, span)
