"""The smallest changes of a typed line after which it is one that is wanted.

Only what a person may have slipped in is changed: transposes, the order, the kind of a product and
brackets. The factors stay, and what comes out was tried."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from ..claims.comparison import distance
from ..claims.mutations import ARRANGING, TABLE_OF_MUTATIONS, Parts, places
from ..claims.variants import ClaimVariant
from ..core.errors import enumerated
from ..core.expr import Expr
from ..core.named_tuples import NamedTuple
from ..language.shapes.lowering import Lowering
from ..language.syntax.tree import SyntaxNode, with_node

MOST_CHANGES = 3
MOST_TRIED = 1500
CHANGES = {  # by the names of their rows: the kind of change, where to look for it, and where in
    "transpose": ("a transpose", "the transposes", "the transpose of"),
    "order of the factors": ("the order of the factors", "the order", "the order in"),
    "kind of product": ("the kind of product", "the kinds of product", "the kind of product in"),
    "grouping": ("brackets", "the brackets", "the brackets in"),
}
_ROWS = [row for row in TABLE_OF_MUTATIONS if row.name in ARRANGING]

LineTest = Callable[[Sequence[Expr]], Sequence[bool]]  # which of these lines are


@dataclass(frozen=True, slots=True)
class ArrangementChange:
    """The name of a row, and the part of the line that it changes."""

    name: str
    part: str


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A line that is wanted, and the changes that led to it from what was typed."""

    text: str
    expression: Expr
    changes: tuple[ArrangementChange, ...]


class _ChangedLine(NamedTuple):
    """A line after changes: the row of each, and the node that it changes."""

    root: SyntaxNode
    changes: tuple[tuple[str, SyntaxNode], ...] = ()


def suggested(
    text: str, root: SyntaxNode, lowering: Lowering, wanted: LineTest
) -> list[Suggestion]:
    """What the fewest changes of a line lead to, if few do; the shortest first."""
    draft = ClaimVariant(text, root, lowering)
    parts = Parts(draft.shape, (), (), (), (), ())

    def key(node: SyntaxNode) -> Expr | str:
        e = draft.expression(node)
        return draft.unparser.write(node) if e is None else e

    seen = {key(root)}
    ring = [_ChangedLine(root)]
    for _ in range(MOST_CHANGES):
        following = []
        for changed in (c for line in ring for c in _changed(line, parts)):
            if len(seen) > MOST_TRIED:
                break
            if (known := key(changed.root)) not in seen:
                seen.add(known)
                following.append(changed)
        ring = following
        tried = [(line, e) for line in ring if (e := draft.expression(line.root)) is not None]
        stand = wanted([e for _, e in tried])
        found = [
            _suggestion(draft, *one) for one, stands in zip(tried, stand, strict=True) if stands
        ]
        if found:
            return sorted(found, key=lambda o: (len(o.text), distance(text, o.text)))
    return []


def _suggestion(draft: ClaimVariant, line: _ChangedLine, e: Expr) -> Suggestion:
    write = draft.unparser.write
    changes = tuple(ArrangementChange(name, write(node)) for name, node in line.changes)
    return Suggestion(write(line.root), e, changes)


def _changed(line: _ChangedLine, parts: Parts) -> Iterator[_ChangedLine]:
    """The line with one more change."""
    found = places(line.root)
    for row in _ROWS:
        for place in found:
            turned = place.node.kind == "'" and row.name == "transpose"
            changes = (*line.changes, (row.name, place.node.args[0] if turned else place.node))
            for new in row.propose(place, parts):
                yield _ChangedLine(with_node(line.root, place.node, new), changes)


def kinds_of(changes: Sequence[ArrangementChange]) -> str:
    """`a transpose and brackets`, `2 transposes`."""
    counts = {name: [c.name for c in changes].count(name) for name in CHANGES}
    return enumerated(
        [
            CHANGES[name][0] if n == 1 or name != "transpose" else f"{n} transposes"
            for name, n in counts.items()
            if n
        ]
    )


def places_of(changes: Sequence[ArrangementChange], typed: str) -> str:
    """The same with the parts as typed: "the transpose of `X` and the kind of product"."""
    ordered = sorted(changes, key=lambda c: [*CHANGES].index(c.name))
    said = [
        f"{CHANGES[c.name][2]} `{c.part}`"
        if c.part in typed and c.part != typed
        else CHANGES[c.name][1]
        for c in ordered
    ]
    return enumerated([*dict.fromkeys(said)])
