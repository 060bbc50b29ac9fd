"""The smallest changes of a typed line after which it has the shape that is wanted.

Only what a person may have slipped in is changed: transposes, the order, the kind of a product and
brackets. The factors stay, and what comes out was tried."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from ..claims.mutations import TABLE_OF_MUTATIONS, Parts, places
from ..claims.variants import ClaimVariant
from ..core.dims import Shape
from ..core.errors import enumerated
from ..core.expr import Expr
from ..language.lowering import Lowering
from ..language.syntax import SyntaxNode

MOST_CHANGES = 3
MOST_TRIED = 2000
CHANGES = {  # by the names of their rows, as they are said
    "transpose": "a transpose",
    "order of the factors": "the order of the factors",
    "kind of product": "the kind of product",
    "grouping": "brackets",
}
_ROWS = [row for row in TABLE_OF_MUTATIONS if row.name in CHANGES]


@dataclass(frozen=True, slots=True)
class Offer:
    """A line of the shape that is wanted, and the rows that led to it from what was typed."""

    text: str
    expression: Expr
    changes: tuple[str, ...]


def offers(text: str, root: SyntaxNode, lowering: Lowering, shape: Shape) -> list[Offer]:
    """What the fewest changes of a line lead to, if few do."""
    draft = ClaimVariant(text, root, lowering)
    parts = Parts(draft.shape, (), (), (), (), ())
    seen = {draft.unparser.write(root)}
    ring: list[tuple[SyntaxNode, tuple[str, ...]]] = [(root, ())]
    tried = 0
    for _ in range(MOST_CHANGES):
        found: list[Offer] = []
        following = []
        for before, changes in ring:
            for change, line in _changed(before, parts):
                tried += 1
                if tried > MOST_TRIED:
                    return found
                typed = draft.unparser.write(line)
                if typed in seen:
                    continue
                seen.add(typed)
                following.append((line, (*changes, change)))
                e = draft.expression(line)
                if e is not None and e.shape == shape:
                    found.append(Offer(typed, e, (*changes, change)))
        if found:
            return found
        ring = following
    return []


def _changed(root: SyntaxNode, parts: Parts) -> Iterator[tuple[str, SyntaxNode]]:
    """The line with one change, and the row that proposes it."""
    found = places(root)
    above = {place.node: place for place in found}
    for row in _ROWS:
        for place in found:
            for new in row.propose(place, parts):
                node, at = new, place
                while at.parent is not None:
                    args = at.parent.args
                    args = (*args[: at.index], node, *args[at.index + 1 :])
                    node, at = replace(at.parent, args=args), above[at.parent]
                yield row.name, node


def said(changes: Sequence[str]) -> str:
    """`a transpose and brackets`, `2 transposes`."""
    counts = {name: changes.count(name) for name in CHANGES if name in changes}
    return enumerated(
        [
            CHANGES[name] if n == 1 or name != "transpose" else f"{n} transposes"
            for name, n in counts.items()
        ]
    )
