"""Equations that are linear in an upstream which comes to some members alone.

What comes to none of them is zero, and equations that are no recurrences are cut there, so that
each uses members of one equation.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise, product

from ..core import expr as ex
from ..core.expr import SUM, Expr, Symbol, Total, Zeros, as_symbol
from ..core.families import MemberBox, box_of, may_meet, members_in, reindexed
from ..core.indices import Incomparable, Index, Range, at_most, by_size
from ..core.results import Equation, Recursion
from ..core.traversal import reachable, replaced, symbols_of, transform
from .equation_regions import are_alike, are_zero, box_of_equation, rising, with_joined
from .recurrence import Backpropagation

Gap = tuple[Index, Index]  # the first and the last index of what lies between others


def of_one_upstream(
    recursion: Recursion, upstream: Symbol | None, back: Backpropagation
) -> tuple[Recursion, list[Gap]]:
    """The equations with zeros for the members to which nothing of the upstream comes, and what
    lies between these and the others."""
    gradients = tuple(_with_ranges(q, back) for q in recursion.gradients)
    recursion = recursion._replace(gradients=gradients)
    if upstream is None:
        return recursion, []
    reached = _Reached(recursion.cotangents, upstream)
    gaps: dict[tuple[Symbol, tuple[Range, ...]], list[Gap]] = {}

    def cleaned(q: Equation) -> Equation:
        """The equation without the members to which nothing comes."""
        dead = [(x, box) for x, box in reached.uses(q) if not reached.meets(x, box)]
        if not dead:
            return q
        gaps[q.symbol, q.ranges] = [gap for x, box in dead for gap in reached.gaps(x, box)]
        return replace(q, value=back.simplified(reached.alone(q.value, rising(q))))

    cotangents = []
    for k, q in enumerate(recursion.cotangents):
        alive = k in reached.alive
        cotangents.append(q if alive else replace(cleaned(q), value=ex.zeros(*q.symbol.shape)))
    recursion = _cut(recursion._replace(cotangents=with_joined(cotangents, are_zero)))
    reached = _Reached(recursion.cotangents, upstream)  # of parts, to some of which nothing comes
    found = recursion._replace(
        cotangents=with_joined(map(cleaned, recursion.cotangents), are_zero),
        gradients=with_joined(map(cleaned, recursion.gradients), are_alike),
    )
    equations = found.equations  # some of them joined
    between = [gap for q in equations for gap in gaps.get((q.symbol, q.ranges), ())]
    return found._replace(least=back.lengths_of(between)), between


class _Reached:
    """Which equations have something of the upstream."""

    def __init__(self, equations: Sequence[Equation], upstream: Symbol) -> None:
        self._names = {q.symbol.base for q in equations}
        self._places = [(q.symbol.base, box_of_equation(q)) for q in equations]
        self.alive: set[int] = set()
        more = {k for k, q in enumerate(equations) if upstream in symbols_of(q.value)}
        while more:
            self.alive |= more
            more = {
                k
                for k, q in enumerate(equations)
                if k not in self.alive and any(self.meets(*use) for use in self.uses(q))
            }

    def uses(self, q: Equation) -> Iterator[tuple[Symbol, MemberBox]]:
        """The members in an equation that others are of, and from where to where they run."""
        for x, inner in members_in(q.value):
            if x.base in self._names:
                yield x, box_of(x.indices, (*rising(q), *inner))

    def meets(self, x: Symbol, box: MemberBox) -> bool:
        return any(
            self._places[k][0] == x.base and may_meet(self._places[k][1], box) for k in self.alive
        )

    def alone(self, e: Expr, scope: tuple[Range, ...]) -> Expr:
        """An expression whose letters run over ranges, with zeros for what nothing comes to; one
        name may be that of other members in each sum."""

        def put(x: Expr) -> Expr | None:
            if isinstance(x, Total):
                return ex.total(self.alone(x.args[0], (*scope, x.over)), x.over, x.fold)
            if not isinstance(x, Symbol) or not x.indices or x.base not in self._names:
                return None
            return x if self.meets(x, box_of(x.indices, scope)) else ex.zeros(*x.shape)

        return replaced(e, put)

    def gaps(self, x: Symbol, box: MemberBox) -> Iterator[Gap]:
        """What lies between a box of members and those of its family to which something comes."""
        for base, own in (self._places[k] for k in self.alive):
            if base == x.base:
                for low, high, first, last in zip(*box, *own, strict=True):
                    for begin, end in (
                        (last.plus(1), low.plus(-1)),
                        (high.plus(1), first.plus(-1)),
                    ):
                        if at_most(begin, end.plus(1)):
                            yield begin, end


def _with_ranges(q: Equation, back: Backpropagation) -> Equation:
    """The equation of a member's own cotangent, with from where to where its letters run."""
    letters = back.families.running(q.symbol.indices)
    if q.ranges or not letters:
        return q
    box = back.extent(back.request.wrt.base)
    assert box is not None
    ends = zip(q.symbol.indices, *box, strict=True)
    ranges = (Range(i.letter, low, high) for i, low, high in ends if i.letter in letters)
    return replace(q, ranges=tuple(ranges))


def _cut(recursion: Recursion) -> Recursion:
    """The equations that are no recurrences, and sums, cut where those of the members begin and end
    that they use, and are none either or zero, so that each uses members of one equation."""
    recurrent = recurrent_in(recursion.cotangents)
    found: dict[str, list[Equation]] = {}
    around: dict[str, list[Equation]] = {}
    for q in recursion.cotangents:
        base, is_recurrent = q.symbol.base, q.symbol.base in recurrent
        cut = replace(q, value=_with_cut_sums(q.value, around, rising(q)))
        pieces = [cut] if is_recurrent else _parts(cut, around)
        found.setdefault(base, []).extend(pieces)
        if not is_recurrent or isinstance(q.value, Zeros):
            around.setdefault(base, []).extend(pieces)
    return recursion._replace(
        cotangents=tuple(q for equations in found.values() for q in equations),
        gradients=tuple(
            replace(part, value=_with_cut_sums(part.value, around, rising(part)))
            for q in recursion.gradients
            for part in _parts(q, around)
        ),
    )


def _with_cut_sums(
    e: Expr, others: Mapping[str, Sequence[Equation]], scope: Sequence[Range]
) -> Expr:
    """An expression whose sums are cut likewise; its letters run over ranges."""

    def cut(x: Expr) -> Expr:
        if not isinstance(x, Total) or x.fold != SUM or x.over.where:
            return x
        (body,), over = x.args, x.over.rising
        parts = [*_cuts(over, _bounds(body, over.letter, others), scope)]
        return ex.add(
            *(
                reindexed(body, {over.letter: part.first})
                if part.first == part.last and len(parts) > 1
                else ex.total(body, part)
                for part in parts
            )
        )

    return transform(e, cut)


def recurrent_in(equations: Sequence[Equation]) -> set[str]:
    """The families whose members are computed from others of them."""
    direct: dict[str, dict[str, None]] = {}
    for q in equations:
        used = dict.fromkeys(x.base for x, _ in members_in(q.value))
        direct.setdefault(q.symbol.base, {}).update(used)
    return {b for b in direct if b in reachable(b, lambda d: direct.get(d, {}))}


def _parts(q: Equation, others: Mapping[str, Sequence[Equation]]) -> list[Equation]:
    """An equation for each part of its members that uses members of one equation."""
    ranges = [[*_cuts(r.rising, _bounds(q.value, r.letter, others))] for r in q.ranges]
    if all(len(parts) == 1 for parts in ranges):
        return [q]
    found = []
    for part in product(*ranges):
        at = {r.letter: r.first for r in part if r.first == r.last}
        own = tuple(r for r in part if r.first != r.last)
        symbol = as_symbol(reindexed(q.symbol, at))
        found.append(Equation(symbol, reindexed(q.value, at), own))
    return found


def _bounds(e: Expr, letter: str, others: Mapping[str, Sequence[Equation]]) -> Iterator[Index]:
    """Where the equations begin whose members an expression uses by a letter, and after which they
    end."""
    for x, inner in members_in(e):
        ends = zip(x.indices, *box_of(x.indices, inner), strict=True)
        for axis, at in enumerate(ends):
            for i in dict.fromkeys(at):
                sign = i.terms.get(letter, 0)
                if abs(sign) != 1:
                    continue
                rest = i.added(Index(letter), -sign)
                for other in others.get(x.base, ()):
                    low, high = (end[axis].minus(rest) for end in box_of_equation(other))
                    if sign < 0:
                        low, high = Index().minus(high), Index().minus(low)
                    yield low
                    yield high.plus(1)


def _cuts(over: Range, bounds: Iterator[Index], scope: Sequence[Range] = ()) -> Iterator[Range]:
    """A range cut at bounds within it, whatever the letters are that run over others."""
    first, last = over.first.ends(scope)[1], over.last.ends(scope)[0]
    cuts = {over.first}
    for cut in bounds:
        try:
            if at_most(first, cut) and at_most(cut, last):
                cuts.add(cut)
        except Incomparable:
            continue
    ordered = sorted(cuts - {over.first}, key=by_size)
    for begin, after in pairwise([over.first, *ordered, over.last.plus(1)]):
        yield Range(over.letter, begin, after.plus(-1))
