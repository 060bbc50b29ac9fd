"""What was typed: statements and expressions, with their places in the text.

Names and shapes mean nothing yet. `parsing` makes them, `elaboration` takes them on to expressions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from ..core.dims import Dim
from ..core.errors import Span
from ..core.indices import Member, Range
from ..core.problem import DerivativeKind

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
UPSTREAM = "bar"  # bar(Z) names the upstream gradient of Z
KINDS = ("scalar", "elementwise")  # what may stand in the place of a shape


@dataclass(frozen=True, slots=True, eq=False)
class SyntaxNode:
    """A node of an expression as typed. By kind, `value` is

    number (a Fraction), name (the name), call (a Callee), abstract (name and order), running (a
    Range, of the members that are summed), and nothing for the operators `neg`, `'`, `+`, `-`,
    `*`, `/`, `^`, `⊗`, `.*`, `./`, `.^`.
    """

    kind: str
    args: tuple[SyntaxNode, ...]
    value: Any
    span: Span
    bracketed: bool = False
    juxtaposed: bool = False


class Callee(NamedTuple):
    """A function, its axis, and the arguments that are sizes."""

    name: str
    axis: int | None = None
    sizes: tuple[SyntaxNode, ...] = ()


class PlacedName(NamedTuple):
    """A name and where it stands."""

    name: str
    span: Span


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
    over: Range | None = None  # `for l = 1..L`: one for each index
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
    over: Range | None = None


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
    over: Range | None = None  # of a claim: the members for which it is made


INNER = "inner"  # the value of a product that two columns have too: `x @ y`

Statement = Declaration | Definition | Asked


def has_families(statements: Sequence[Statement]) -> bool:
    """Whether a statement has an index."""
    return any(
        s.over is not None or any(isinstance(named.name, Member) for named in _named(s))
        for s in statements
        if not isinstance(s, Asked)
    )


def _named(s: Declaration | Definition) -> tuple[PlacedName, ...]:
    return s.names if isinstance(s, Declaration) else (s.name,)


def postorder(root: SyntaxNode) -> Iterator[SyntaxNode]:
    """Every node of the tree, arguments first, left to right."""
    stack = [(root, False)]
    while stack:
        node, ready = stack.pop()
        if ready or not node.args:
            yield node
        else:
            stack.append((node, True))
            stack.extend((a, False) for a in reversed(node.args))


def without_brackets(root: SyntaxNode) -> SyntaxNode:
    """The same tree, as if no brackets had been typed."""
    done: dict[SyntaxNode, SyntaxNode] = {}
    for node in postorder(root):
        done[node] = replace(node, args=tuple(done[a] for a in node.args), bracketed=False)
    return done[root]
