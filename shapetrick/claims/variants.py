"""A claim as it is and with one part changed: its text, its expression, its value at a draw.

A changed claim shares all but the path above the change, so thousands are tried in little time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..core.dims import Shape
from ..core.errors import InputError
from ..core.expr import Expr, Symbol
from ..core.functions import Array
from ..core.traversal import remembered
from ..language.shapes.inference import Misfit
from ..language.shapes.lowering import Lowering
from ..language.syntax.tree import SyntaxNode, postorder
from ..language.syntax.unparser import Unparser
from ..numerics.evaluation import EvaluationTape
from ..numerics.sampling import PLAIN, Profile, draw
from ..validation.sample_points import Draw
from .comparison import agree
from .mutations import Mutation, NodePlace, Parts, places

BATCH = 400
GAP = 3  # between sizes that follow each other
NUDGE = 1e-9  # relative
STEADY = 1e4  # times the nudge is the most that a steady value changes

Drawn = tuple[Mapping[str, int], Draw]


@dataclass(frozen=True, slots=True)
class Change:
    """A place of a claim, what is put there, and the row that proposed it."""

    mutation: Mutation
    place: NodePlace
    new: SyntaxNode


class ClaimVariant:
    """A typed expression, of which parts can be changed. `text` has the places of its nodes."""

    def __init__(self, text: str, root: SyntaxNode, lowering: Lowering) -> None:
        self.root = root
        self.unparser = Unparser(text, root)
        self.places = places(root)
        self.built = 0  # how many nodes an expression was made of
        self._lowering = lowering
        self._known: dict[SyntaxNode, Expr | None] = {}
        self._above = {place.node: place for place in self.places}

    def expression(self, root: SyntaxNode) -> Expr | None:
        """The expression of a node; None if its shapes don't fit."""
        known = self._known
        return remembered(
            known, root, lambda node: self._built(node, [known[a] for a in node.args])
        )

    def shape(self, node: SyntaxNode) -> Shape | None:
        """The shape of a node; None if what is in it doesn't fit."""
        e = self.expression(node)
        return None if e is None else e.shape

    def changed(self, place: NodePlace, new: SyntaxNode) -> Expr | None:
        """The whole with a new node in a place; None if it doesn't fit."""
        e = self.expression(new)
        while e is not None and place.parent is not None:
            parent = place.parent
            args = [self.expression(a) for a in parent.args]
            args[place.index] = e
            e = self._built(parent, args)
            place = self._above[parent]
        return e

    def text(self, place: NodePlace, new: SyntaxNode) -> str:
        """The whole as text, with a new node in a place."""
        return self.unparser.replaced(place.node, new)

    def misfit(self) -> SyntaxNode | None:
        """The first node whose arguments have shapes, and itself has none."""
        return next((n for n in postorder(self.root) if self.expression(n) is None), None)

    def changes(self, mutations: Iterable[Mutation], parts: Parts) -> Iterator[Change]:
        """All that rows of the table propose, one after another: each proposal takes work."""
        for mutation in mutations:
            for place in self.places:
                for new in mutation.propose(place, parts):
                    yield Change(mutation, place, new)

    def _built(self, node: SyntaxNode, args: Sequence[Expr | None]) -> Expr | None:
        self.built += 1
        given = [a for a in args if a is not None]
        if len(given) < len(args) or (node.kind == "/" and not given[1].is_scalar):
            return None
        try:
            return self._lowering.apply(node, given)
        except (InputError, Misfit, KeyError):  # a size that nothing tells is no key
            return None


def values_at(expressions: Sequence[Expr], drawn: Drawn) -> list[Array | None]:
    """The values of expressions at a draw; None where one is not finite or can't be computed."""
    sizes, draw = drawn
    try:
        values = EvaluationTape(expressions).run(draw.env, sizes, draw.functions)
    except (ArithmeticError, KeyError, ValueError):
        if len(expressions) <= 1:
            return [None] * len(expressions)
        middle = len(expressions) // 2
        return [*values_at(expressions[:middle], drawn), *values_at(expressions[middle:], drawn)]
    return [value if np.isfinite(value).all() else None for value in values]


def values_of(expressions: Sequence[Expr], drawn: Drawn) -> list[Array | None]:
    """The values of many expressions, some hundreds of them evaluated together."""
    found: list[Array | None] = []
    for start in range(0, len(expressions), BATCH):
        found += values_at(expressions[start : start + BATCH], drawn)
    return found


def drawn_anew(
    symbols: Sequence[Symbol],
    drawn: Drawn,
    rng: np.random.Generator,
    profile: Profile = PLAIN,
    sizes: Mapping[str, int] | None = None,
) -> Drawn:
    """Other values of the inputs, at these sizes or at those of the draw."""
    own, at = drawn
    sizes = own if sizes is None else sizes
    env = {s.name: draw(s, sizes, rng, profile) for s in symbols}
    return sizes, replace(at, env={**at.env, **env} if sizes is own else env)


def is_steady(e: Expr, drawn: Drawn) -> bool:
    """Whether its value there hardly changes where the inputs do: it has more than a few digits."""
    sizes, at = drawn
    (value,), (other,) = values_at([e], drawn), values_at([e], (sizes, at.moved(NUDGE)))
    return value is not None and other is not None and agree(other, value, STEADY * NUDGE)


def resized(sizes: Mapping[str, int], rng: np.random.Generator) -> dict[str, int]:
    """Sizes in the same order, with other gaps between them: what a size is by chance, `12/k`, is
    something else there."""
    new: dict[int, int] = {}
    last = 1
    for size in sorted({*sizes.values()}):
        last += int(rng.integers(1, GAP + 1))
        new[size] = last
    return {name: new[size] for name, size in sizes.items()}
