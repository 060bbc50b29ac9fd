"""Sums over a part of the entries, and entries beside each other: `sum(i = 1..n-1) x[i+1]`.

What a letter runs over is sliced out, `x[2..n]`, so that the letter runs over all of that; of
`x[2 i]` the slice is a matrix below each other, of which one row is run over.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from dataclasses import replace

from ...core.errors import ShapeError
from ...core.indices import Index, Range, index_of, is_at_most
from ...core.named_tuples import NamedTuple
from ..syntax.index_binders import Binder
from ..syntax.selections import Selector, index_of_node, typed_index
from ..syntax.tree import Callee, SyntaxNode, folded, number_node, postorder, transformed, with_args
from .entries import SUM
from .index_scope import IndexNames
from .positions import POSITION, flipped


def with_slices(root: SyntaxNode, known: IndexNames, over: Range | None) -> SyntaxNode:
    """The expression with slices in the place of what letters run over in part; `over` is the range
    of a letter that the whole has."""

    def sliced(node: SyntaxNode) -> SyntaxNode:
        if node.kind != "bound" or not node.value.ranges:
            return node
        (body,), kept = node.args, []
        for given in node.value.ranges:
            body, is_whole = _sliced(body, given, known, node.value.function)
            kept += [given] if is_whole else []
        return replace(node, args=(body,), value=node.value._replace(ranges=tuple(kept)))

    found = transformed(root, sliced)
    return found if over is None else _sliced(found, over, known)[0]


class LetterUse(NamedTuple):
    """Where a letter is an index: a selection, the number of its place, the letter's factor (-1
    where it is taken away), and what it is added to there."""

    node: SyntaxNode
    place: int
    times: int
    rest: Index

    def row(self, over: Range) -> int:
        """Which one of as many entries as the factor is taken: the last, if so many are there."""
        first = self.rest.added(over.first, self.times)
        return self.times if first.terms else max(1, min(self.times, first.offset))

    def is_longer(self, last: Index, known: IndexNames) -> bool:
        """Whether there are more entries than a length at which a range ends, as for `1..P` those
        of `x : P+k`."""
        base = self.node.args[0]
        sides = known.sides.get(base.value, ("", "")) if base.kind == "name" else ("", "")
        is_row = len(self.node.value) == 1 and sides[0] == "1"
        side = index_of(sides[1 if is_row else self.place])
        return side not in (None, last) and bool(last.letter) and is_at_most(last, side or last)

    def ends(self, over: Range) -> tuple[Index, Index]:
        """The first and the last entry of the slice, where the letter runs over a range."""
        first, last = (self.rest.added(end, self.times) for end in (over.first, over.last))
        if self.times < 0:
            return last, first
        row = self.row(over)
        return first.plus(1 - row), last.plus(self.times - row)


def is_part(body: SyntaxNode, over: Range, known: IndexNames) -> bool:
    """Whether a letter runs over a part of the entries, or has a number added to it."""
    last = over.last
    begins = over.first != Index("", 1)
    ends = bool(last.letter and last.offset) or min(last.terms.values(), default=1) < 0
    whole = {1: Index(), -1: over.last.plus(1)}
    used = list(_uses(body, over.letter, known.dims))
    inside = any(u.rest != whole.get(u.times) or u.is_longer(last, known) for u in used)
    return begins or ends or inside


def _sliced(
    body: SyntaxNode, over: Range, known: IndexNames, function: str = ""
) -> tuple[SyntaxNode, bool]:
    """The body with slices, and whether none were needed; `function` is what is taken of it."""
    if not is_part(body, over, known):
        return body, True
    factors = set(_factors(body)) if function == SUM else set()
    for node in (n for n in postorder(body) if n.kind == "bound"):
        if _compares_with_rest(node.value, over, node in factors):
            part = f"{over.first}..{over.last}"
            raise ShapeError(
                f"`{over.letter}` runs over a part, {part}, and another index is compared with it: "
                f"define what is summed for all of them by its entries, `v[{over.letter}] = …`, "
                f"and sum `v[{part}]`.",
                node.span,
            )
    places: dict[SyntaxNode, list[LetterUse]] = {}
    for use in _uses(body, over.letter, known.dims):
        places.setdefault(use.node, []).append(use)
    before, own = over.first.plus(-1), (POSITION, over.letter)
    numbers = {n for n in _outside(body, over.letter) if (n.kind, n.value) == own}

    def sliced(node: SyntaxNode, args: tuple[SyntaxNode, ...]) -> SyntaxNode:
        new = with_args(node, args)
        if node in numbers and before != Index():
            shifted = SyntaxNode("+", (new, typed_index(before, node.span)), None, node.span)
            return replace(shifted, bracketed=True)
        return _entry(new, places[node], over) if node in places else new

    return folded(body, sliced), False


def _factors(body: SyntaxNode) -> Iterator[SyntaxNode]:
    """What is 0 only where the whole is, also within sums."""
    stack = [body]
    while stack:
        node = stack.pop()
        yield node
        is_sum = node.kind == "bound" and node.value.function == SUM
        if is_sum or node.kind in ("*", ".*", "neg", "/", "./"):
            stack += node.args[:1] if node.kind in ("/", "./") else node.args


def _compares_with_rest(binder: Binder, over: Range, is_factor: bool) -> bool:
    """Whether an index is compared with a letter, and counts where that is left out: of a factor
    that is a sum, what `i = 1..n-1` leaves out is 0 for `j > i`, what `i = 2..n` is for `j < i`."""
    if over.letter not in {*binder.letters} - {*binder.own}:
        return False
    rises = (binder.compared == ">") == (binder.letters[0] in binder.own)
    ends = (over.first, over.last.offset)
    strict = is_factor and binder.function == SUM and binder.compared in ("<", ">")
    return not strict or ends != ((Index("", 1), -1) if rises else (Index("", 2), 0))


def _entry(node: SyntaxNode, uses: Sequence[LetterUse], over: Range) -> SyntaxNode:
    """`X[i+1,j]` as the entry of a slice: `X[2..n,:][i,j]`."""
    inner, outer = [Selector()] * len(node.value), list(node.value)
    letter = typed_index(Index(over.letter), node.span)
    for use in uses:
        first, last = use.ends(over)
        inner[use.place] = Selector(typed_index(first, node.span), typed_index(last, node.span))
        outer[use.place] = Selector(letter, letter)
    part = SyntaxNode("selected", node.args, tuple(inner), node.span)
    for use in uses:
        if use.times < 0:
            part = flipped(part, None if len(inner) == 1 else use.place)
        elif use.times > 1:
            part = _every(part, use, over)
    return replace(node, args=(part,), value=tuple(outer))


def _every(part: SyntaxNode, use: LetterUse, over: Range) -> SyntaxNode:
    """Of a slice of a column the entries in steps, as a row. Raises ShapeError."""
    if len(use.node.value) > 1:
        below = ["1" if k == use.row(over) else "0" for k in range(1, use.times + 1)]
        raise ShapeError(
            "steps are read of a column: of a matrix every row or column in steps is a product "
            f"with `kron(eye(n), [{', '.join(below)}])`.",
            use.node.span,
        )
    count = typed_index(over.last.minus(over.first).plus(1), part.span)
    sizes = (number_node(use.times, part.span), count)
    turned = SyntaxNode("call", (part,), Callee("unvec", None, sizes), part.span)
    row = number_node(use.row(over), part.span)
    return SyntaxNode("selected", (turned,), (Selector(row, row), Selector()), part.span)


def _uses(body: SyntaxNode, letter: str, sizes: Container[str]) -> Iterator[LetterUse]:
    """Where a letter is an index."""
    for node in _outside(body, letter):
        for k, selector in enumerate(node.value if node.kind == "selected" else ()):
            index = (index_of_node(selector.first) if selector.is_one else None) or Index()
            times = index.terms.get(letter, 0)
            rest = index.added(Index(letter), -times)
            if times == -1 or (times > 0 and all(t in sizes for t in rest.terms)):
                yield LetterUse(node, k, times, rest)


def _outside(body: SyntaxNode, letter: str) -> Iterator[SyntaxNode]:
    """The nodes that are not where a sum inside binds a letter."""
    stack = [body]
    while stack:
        node = stack.pop()
        if node.kind == "bound" and letter in node.value.letters:
            continue
        yield node
        stack.extend(node.args)
