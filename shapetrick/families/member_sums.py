"""Sums over members in the place of symbols, so that what they stand in is derived by these.

A sum may stand in a member, a function or another sum, and its summand may use the letters of what
it stands in: the symbol for it has these letters as its indices.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..algebra.symmetry import Symmetry
from ..core import expr as ex
from ..core.expr import LARGEST, PRODUCT, SUM, Expr, Number, Symbol, Times, Total
from ..core.families import Place, index_letters, letters_in, reindexed
from ..core.indices import Index, Range, member
from ..core.traversal import postorder, substitute


@dataclass(frozen=True, slots=True)
class OpenSum:
    """A sum over members, the symbol that stands for it, and its summand, in which symbols stand
    for the sums within; `kept` are the ranges of the letters that it has of what it stands in."""

    total: Total
    symbol: Symbol
    body: Expr
    kept: tuple[Range, ...]

    @property
    def bare(self) -> Expr:
        """The sum, with symbols for the sums within."""
        return ex.total(self.body, self.total.over, self.total.fold)

    @property
    def whole(self) -> Symbol:
        """What stands for the summand as a whole, where it is a member of a fold that compares."""
        indices = (Index(r.letter) for r in self.ranges)
        return ex.symbol(member(f"(each of {self.symbol.base})", *indices), self.body.shape)

    def summand_for(self, at: Place) -> Expr:
        """The summand where what stands for it has these indices."""
        values = {r.letter: i for r, i in zip(self.ranges, at, strict=True)}
        return reindexed(self.total.args[0], values)

    def share(self, cotangent: Expr) -> Expr:
        """What of the cotangent of the whole is that of a summand: all of it in a sum; of the
        largest where it is attained; of a product what the others leave of it."""
        over, fold = self.total.over, self.total.fold
        if fold == SUM:
            return cotangent
        if fold == PRODUCT:
            others = Index(next(t for t in index_letters() if t not in self._letters))
            body = reindexed(self.total.args[0], {over.letter: others})
            here = Index(over.letter)
            before = Range(others.letter, over.first, here.plus(-1))
            after = Range(others.letter, here.plus(1), over.last)
            left, right = (ex.total(body, r, PRODUCT) for r in (before, after))
            return ex.matmul(ex.transpose(left), cotangent, ex.transpose(right))
        apart = (
            ex.add(self.symbol, -self.whole)
            if fold == LARGEST
            else ex.add(self.whole, -self.symbol)
        )
        return ex.times(cotangent, ex.add(ex.UNIT, -ex.call("step", apart)))

    @property
    def _letters(self) -> set[str]:
        return letters_in(self.total.args[0]) | {r.letter for r in self.ranges}

    @property
    def ranges(self) -> tuple[Range, ...]:
        """Those of all letters that the summand has."""
        return (*self.kept, self.total.over)

    def read_for(self, e: Expr, at: Place) -> Expr:
        """What the sum is, the total itself or its name, where its symbol has these indices."""
        values = {r.letter: i for r, i in zip(self.kept, at, strict=True)}
        return reindexed(e, values) if values else e


def opened_sums(
    placed: Sequence[tuple[Expr, tuple[Range, ...]]],
) -> tuple[list[Expr], list[OpenSum]]:
    """The expressions, each with the ranges of its letters, with symbols in the place of sums; and
    the sums, each after all in which it stands."""
    found: dict[tuple[Total, tuple[Range, ...]], OpenSum] = {}
    depth: dict[OpenSum, int] = {}
    symmetric = Symmetry()

    def bare(e: Expr, ranges: tuple[Range, ...], level: int) -> Expr:
        stand_ins: dict[Expr, Expr] = {}
        for x in _outermost(e):
            kept = _kept(x, ranges)
            s = found.get((x, kept))
            inner = bare(x.args[0], (*kept, x.over), level + 1)
            if s is None:
                at = [Index(r.letter) for r in kept]
                name = member(f"({x} at {', '.join(map(str, at))})", *at) if at else f"({x})"
                attributes = frozenset({"symmetric"}) if symmetric(x) else frozenset()
                symbol = ex.symbol(name, x.shape, attributes)
                s = found[x, kept] = OpenSum(x, symbol, inner, kept)
            depth[s] = max(depth.get(s, 0), level)
            stand_ins[x] = s.symbol
        return substitute(e, stand_ins) if stand_ins else e

    opened = [bare(e, ranges, 0) for e, ranges in placed]
    return opened, sorted(found.values(), key=depth.__getitem__)


def summed(e: Expr, ranges: Sequence[Range]) -> Expr:
    """The sum over members, with a minus sign before it."""
    if not ranges:
        return e
    numbers = [a.value for a in e.args if isinstance(a, Number)] if isinstance(e, Times) else []
    negative = bool(numbers) and numbers[0] < 0
    found = -e if negative else e
    for over in reversed(ranges):
        found = ex.total(found, over)
    return -found if negative else found


def _outermost(e: Expr) -> Iterator[Total]:
    for x in postorder([e], into=lambda x: not isinstance(x, Total)):
        if isinstance(x, Total):
            yield x


def _kept(x: Total, ranges: Sequence[Range]) -> tuple[Range, ...]:
    """The ranges of the letters that a sum has, and of those on which these depend."""
    needed, kept = letters_in(x), []
    for over in reversed(ranges):
        if over.letter in needed:
            kept.append(over)
            needed |= over.letters
    return tuple(reversed(kept))
