"""The orders in which a letter of a request and what it is compared with may stand.

`x[i]` and `x[N-i+1]` are two members, but where 2 i = N+1 they are one, and beyond it they stand in
the other order. Equations that are derived for an i that is smaller than all lengths say up to
where they hold; beyond it others are derived, and what lies between by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations

from ..core.families import members_in
from ..core.indices import Condition, Index, Range
from ..core.named_tuples import NamedTuple
from ..core.results import Equation
from .given_letters import BASE, StandIns, stand_ins
from .upstream_regions import Gap

BEFORE, AFTER = -1, 1  # where a letter stands to what it meets
Comparison = tuple[Index, bool]  # what is not negative, or else what is not zero


class LetterOrder(NamedTuple):
    """Stand-ins for letters, and the ranges of the letters for which they stand."""

    stand: StandIns
    ranges: tuple[Range, ...]


class Meeting(NamedTuple):
    """A letter, and what it meets as it grows: another letter, or N-i for i."""

    letter: str
    mate: Index

    @property
    def ahead(self) -> Index:
        """By how much the letter is larger."""
        return Index(self.letter).minus(self.mate)

    def limit(self, bounds: Iterable[Comparison], side: int) -> int | None:
        """By how much the letter is ahead at most, where it stands before, or at least, where it
        stands after, as bounds say."""
        found = []
        for index, is_order in bounds:
            for sign in (BEFORE, AFTER):
                rest = index.added(self.ahead, -sign)
                if not rest.terms and (not is_order or sign == side):
                    found.append(-sign * rest.offset + (0 if is_order else side))
        return max(found, key=lambda k: side * k) if found else None

    # ---- what stands for letters in each order

    def apart(self, side: int, limit: int, ranges: Sequence[Range]) -> LetterOrder:
        """Where the letter stands before or after, ahead by the limit at most, or at least."""
        letters = [r.letter for r in ranges]
        own, mate = Index(self.letter), self.mate.plus(limit)
        over = next(r for r in ranges if r.letter == self.letter)
        first, last = (over.first, mate) if side == BEFORE else (mate, over.last)
        where = Condition(first, own, last)
        if side == BEFORE:
            return self._order(stand_ins(letters), where, ranges)
        if self._is_letter:
            swapped = {self.letter: self.mate.letter, self.mate.letter: self.letter}
            stand = stand_ins([swapped.get(t, t) for t in letters])
        else:
            stand = stand_ins(letters)
            power = letters.index(self.letter)
            value = stand.values[self.letter]
            values = {**stand.values, self.letter: self.mate.added(own).minus(value)}
            stand = _read_as(stand._replace(values=values), power, self.mate, None)
        return self._order(stand, where, ranges)

    def together(self, ahead: int, ranges: Sequence[Range]) -> LetterOrder | None:
        """Where the letter is ahead by a number; None if it never is."""
        letters = [r.letter for r in ranges]
        own, at = Index(self.letter), self.mate.plus(ahead)
        stand = stand_ins(letters)
        if self._is_letter:
            values = {**stand.values, self.letter: stand.values[self.mate.letter].plus(ahead)}
            stand = stand._replace(values=values)
        else:
            total = self.mate.added(own)
            ((length, factor),) = total.terms.items()
            if ahead % factor:
                return None
            power = letters.index(self.letter)
            number = 2 // factor * BASE ** (power + 1) - ahead // factor
            twice = total.plus(ahead) if factor == 1 else None
            values = {**stand.values, length: Index("", number)}
            stand = _read_as(stand._replace(values=values), power, own, twice)
        return self._order(stand, Condition(at, own, at), ranges)

    @property
    def _is_letter(self) -> bool:
        return not self.mate.others

    def _order(self, stand: StandIns, where: Condition, ranges: Sequence[Range]) -> LetterOrder:
        last = max(k for k, r in enumerate(ranges) if r.letter in where.letters)
        over = ranges[last]._replace(where=(where,))
        return LetterOrder(stand, (*ranges[:last], over, *ranges[last + 1 :]))


def _read_as(stand: StandIns, power: int, once: Index, twice: Index | None) -> StandIns:
    readings = (*stand.readings[:power], (once, twice), *stand.readings[power + 1 :])
    return stand._replace(readings=readings)


def meeting(
    bounds: Iterable[Comparison], letters: Sequence[str], lengths: Sequence[str]
) -> Meeting | None:
    """What a letter meets, as bounds say; None if it meets nothing."""
    for index, _ in bounds:
        own = {t: k for t, k in index.terms.items() if t in letters}
        others = {t: k for t, k in index.terms.items() if t not in own}
        if len(own) == 2 and not others and {*own.values()} == {1, -1}:
            first, second = (t for t in letters if t in own)
            return Meeting(first, Index(second))
        if len(own) == 1 and len(others) == 1 and {*others} <= {*lengths}:
            ((letter, k),), ((length, size),) = own.items(), others.items()
            if abs(k) == 2 and k * size in (-2, -4):
                return Meeting(letter, Index().added(Index(length), abs(size)).minus(Index(letter)))
    return None


def bounds_of(gaps: Iterable[Gap], uses: Iterable[Equation], base: str) -> list[Comparison]:
    """What holds where equations are as they are: no gap is less than empty, and members of a
    family that are two in their uses are not one."""
    found: dict[Comparison, None] = {}
    for first, last in gaps:
        found[last.plus(1).minus(first), True] = None
    for q in uses:
        places = {x.indices: None for x, _ in members_in(q.value) if x.base == base}
        if q.symbol.base == base:
            places[q.symbol.indices] = None
        for pair in combinations(places, 2):
            apart = [i.minus(j) for i, j in zip(*pair, strict=True) if i != j]
            if len(apart) == 1:
                found[apart[0], False] = None
    return list(found)
