"""Sums over members of which a stride leaves few terms, as sums over these.

In `sum(p = 1..P) G[p] K[r-2 p]'` only those p count for which K has a member: with q for `r-2 p`,
and D for G with a zero behind each member, the sum is `sum(q = 0..2) D[r-q] K[q]'`, a convolution.
Where a condition leaves one place, `sum(p = 1..P, 2 p = r) G[p]`, it is the member `D[r]` itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Set

from ..core.dims import NOTHING, ONE, Dim
from ..core.expr import (
    SUM,
    UNIT,
    Add,
    Call,
    Expr,
    MatMul,
    Symbol,
    Times,
    Total,
    Transpose,
    symbol,
    times,
    total,
)
from ..core.families import MemberBox, along, index_letters, letters_in, members_in, reindexed
from ..core.functions import TABLE
from ..core.indices import Index, Range, dim_of, member
from ..core.records import dataclass
from ..core.traversal import postorder, rebuild
from .axes import Axes
from .ir import Value
from .member_reads import Family, LetterRanges, assembled

Arrayed = Callable[[Expr, LetterRanges], Value]  # the array of an expression, letters first


@dataclass(frozen=True, slots=True)
class StridedSums:
    """Rewrites sums; the families that this needs are added to those that there are."""

    axes: Axes
    families: dict[str, Family]
    arrayed: Arrayed

    def shorter(self, e: Total, scope: LetterRanges) -> Expr | None:
        """The same values without terms that are zero; None where that is no shorter sum."""
        (body,), over = e.args, e.over
        running = {r.letter for r in scope}
        if e.fold != SUM or len(over.where) > 1 or running & {*over.first.terms, *over.last.terms}:
            return None
        bound = {x.over.letter for x in postorder([body]) if isinstance(x, Total)}
        taken = {over.letter, *letters_in(body), *bound, *running}
        letter = next(t for t in index_letters() if t not in taken)
        for inner, first, last in self._choices(e, {over.letter, *running}):
            ends = (first, last), over.ends
            fewer, more = (self.axes.size(dim_of(b.minus(a))) for a, b in ends)
            if fewer < more:
                chosen = Range(letter, first, last)
                found = _Placed(self, over, inner.minus(Index(letter)), scope).product(body, chosen)
                if found is not None and first == last:
                    return reindexed(found, {letter: first})
                if found is not None:
                    return total(found, chosen)
        return None

    def _choices(self, e: Total, running: Set[str]) -> Iterator[tuple[Index, Index, Index]]:
        """Indices with the sum's letter and others, outside of whose bounds all terms are zero."""
        (body,), over = e.args, e.over
        if over.where:
            ((first, inner, last),) = over.where
            if first == last:
                first, inner, last = Index(), inner.minus(last), Index()
            if over.letter in inner.terms and not {*first.terms, *last.terms} & running:
                yield inner, first, last
            return
        for x, _ in members_in(body):
            family = self.families[x.base]
            for axis in family.padded if family.pieces else ():
                i = x.indices[axis]
                if {over.letter} < {*i.terms} <= running:
                    low, high = family.box
                    yield i, low[axis], high[axis]


@dataclass(frozen=True, slots=True)
class _Placed:
    """Expressions in the letter of a sum, for the one value of it for which an index, the `gap`, is
    0, of which the sum's letter is a term, and another one that runs over what is left."""

    to: StridedSums
    over: Range
    gap: Index
    scope: LetterRanges

    def product(self, e: Expr, chosen: Range) -> Expr | None:
        """A product that is zero where the letter has no such value; None if it is none."""
        there = {*self.to.families}
        found = self._put(e, chosen, ())
        if found is None or _is_product_with(found, self.to.families.keys() - there):
            return found
        return times(self.member(UNIT, ()), found)  # nothing else says where there is a value

    def _put(self, e: Expr, chosen: Range, inner: LetterRanges) -> Expr | None:
        letters = letters_in(e)
        if self.over.letter not in letters:
            return e
        there = self._there(e, chosen) if isinstance(e, Symbol) else None
        if there is not None:
            return there
        if not letters & (self.gap.terms.keys() - {self.over.letter}):
            return self.member(e, inner)
        match e:
            case Call() if TABLE[e.op].within is None:  # at a zero it may have no value
                return None
            case MatMul() | Times() | Transpose() | Add() | Call():
                args = [self._put(a, chosen, inner) for a in e.args]
                found = [a for a in args if a is not None]
                return rebuild(e, found) if len(found) == len(args) else None
            case Total() if e.fold == SUM and self.over.letter not in e.over.letters:
                body = self._put(e.args[0], chosen, (*inner, e.over))
                return None if body is None else total(body, e.over)
        return None

    def _there(self, e: Symbol, chosen: Range) -> Symbol | None:
        """The member without the letter of the sum, where its indices have it as often as the gap,
        and where it surely is one, or zero."""
        step, padded = self.gap.terms[self.over.letter], self.to.families[e.base].padded
        found: list[Index] = []
        for axis, i in enumerate(e.indices):
            count, rest = divmod(i.terms.get(self.over.letter, 0), step)
            at = i.added(self.gap, -count)
            if rest or (count and axis not in padded and {*at.terms} - {chosen.letter}):
                return None
            found.append(at)
        return symbol(member(e.base, *found), e.shape)

    def member(self, e: Expr, inner: LetterRanges) -> Symbol:
        """The member of a family with zeros that an expression is."""
        own, step = self.over.letter, self.gap.terms[self.over.letter]
        base, indices = self._family(e, inner)
        axis = next(k for k, i in enumerate(indices) if own in i.terms)
        base = self._spread(base, axis, abs(step))
        rest = self.gap.added(Index(own), -step)  # step times the letter is what this lacks to 0
        place = Index("", abs(step) * indices[axis].offset).added(rest, -1 if step > 0 else 1)
        return symbol(member(base, *indices[:axis], place, *indices[axis + 1 :]), e.shape)

    def _family(self, e: Expr, inner: LetterRanges) -> tuple[str, tuple[Index, ...]]:
        """A family of which an expression is a member, along one axis by the letter of the sum."""
        if isinstance(e, Symbol) and self._is_along_an_axis(e):
            return e.base, e.indices
        within, letters = (*self.scope, self.over), {*letters_in(e), self.over.letter}
        ranges: list[Range] = []
        for over in (*within, *inner):
            if over.letter in letters:
                ranges.append(over.boxed(ranges))
        box = tuple(r.first for r in ranges), tuple(r.last for r in ranges)
        value = self.to.arrayed(e, tuple(ranges))
        return self._added(box, value, frozenset()), tuple(Index(r.letter) for r in ranges)

    def _is_along_an_axis(self, e: Symbol) -> bool:
        """Whether the letter of the sum runs over all members along one axis, and alone."""
        family, own = self.to.families[e.base], self.over.letter
        axes = [k for k, i in enumerate(e.indices) if own in i.terms]
        if family.keys or family.part is not None or len(axes) != 1:
            return False
        i = e.indices[axes[0]]
        ends = tuple(end[axes[0]].plus(-i.offset) for end in family.box)
        return i.terms == {own: 1} and ends == self.over.ends

    def _spread(self, base: str, axis: int, step: int) -> str:
        """The family with zeros behind each member along an axis, where there is a step."""
        family, graph = self.to.families[base], self.to.axes.graph
        v, box = assembled(self.to.axes, family.pieces), family.box
        if step > 1:
            places = tuple(k != axis + 1 for k in range(v.rank + 1))
            before, count, behind = v.shape[:axis], v.shape[axis], v.shape[axis + 1 :]
            v = graph.node("expand", (v,), places, (*before, count, ONE, *behind))
            pads = [(NOTHING, NOTHING)] * v.rank
            pads[axis + 1] = (NOTHING, Dim.of(step - 1))
            v = graph.node("pad", (v,), tuple(pads), (*before, count, Dim.of(step), *behind))
            v = graph.node("reshape", (v,), None, (*before, count * Dim.of(step), *behind))
        first, last = (Index().added(end[axis], step) for end in box)
        wide = along(box, axis, first, last.plus(step - 1))
        return self._added(wide, v, family.padded | {axis})

    def _added(self, box: MemberBox, value: Value, padded: frozenset[int]) -> str:
        """The name of a new family."""
        base = f"{self.over.letter}·{len(self.to.families)}"
        self.to.families[base] = Family(base, pieces=[(box, value)], padded=padded)
        return base


def _is_product_with(e: Expr, bases: Set[str]) -> bool:
    """Whether a factor is a member of one of these families."""
    factors = postorder([e], into=lambda x: isinstance(x, (MatMul, Times, Transpose, Total)))
    return any(isinstance(x, Symbol) and x.base in bases for x in factors)
