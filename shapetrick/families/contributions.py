"""What a use of a member adds to the gradient by it, in the letters of the member.

In `Y[b,p] = sum(q = 0..k-1) X[b,p+q] K[q]` the member X[b,r] is used where p + q = r. The letter p
is r - q there; q is left, and what the use adds is summed over it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from ..core import expr as ex
from ..core.errors import DerivationError
from ..core.expr import SUM, Add, Call, Expr, MatMul, Name, Symbol, Times, Total, Transpose
from ..core.families import MemberBox, along, box_of, index_letters, lies_in, reindexed
from ..core.functions import TABLE
from ..core.indices import Condition, Index, Indices, Range, is_at_most

Padding = tuple[str, int]  # a family whose members outside of its ranges along an axis are zero


@dataclass(frozen=True, slots=True)
class Contribution:
    """What a use adds to the cotangent of the members of a box, written for the member at
    `letters`. The families that are `padded` are zero outside of their ranges in it; along the axes
    that are `chosen` a condition says to which members something is added."""

    box: MemberBox
    value: Expr
    letters: tuple[str, ...]
    padded: frozenset[Padding] = frozenset()
    chosen: frozenset[int] = frozenset()

    def contains(self, box: MemberBox) -> bool:
        return lies_in(box, self.box)


def widened(
    contributions: Sequence[Contribution],
    whole: MemberBox,
    extent: Callable[[str], MemberBox | None],
) -> list[Contribution]:
    """What uses add, for all members along the axes on which it is seen to be nothing for the
    others: of an empty sum, or along those on which some begin too late and some end too early,
    where it is zero outside: `c (G[i-1] + G[i+1])`, G being zero outside."""
    found = list(contributions)
    for axis, (first, last) in enumerate(zip(*whole, strict=True)):
        late, early, wide = False, False, {}
        for k, c in enumerate(found):
            low, high = c.box[0][axis], c.box[1][axis]
            starts, ends = is_at_most(low, first), is_at_most(last, high)
            if starts and ends:
                continue
            letter = c.letters[axis]
            if axis in c.chosen or (
                (starts or _is_empty(c.value, {letter: low.plus(-1)}, 1))
                and (ends or _is_empty(c.value, {letter: high.plus(1)}, -1))
            ):
                found[k] = replace(c, box=along(c.box, axis, first, last))
                continue
            padded = _vanishing(c.value, Condition(low, Index(letter), high), extent)
            if padded is not None:
                late, early = late or not starts, early or not ends
                wide[k] = replace(c, box=along(c.box, axis, first, last), padded=c.padded | padded)
        if late and early:
            found = [wide.get(k, c) for k, c in enumerate(found)]
    return found


def _is_empty(e: Expr, at: Indices, sign: int) -> bool:
    """Whether it is a sum over nothing where a letter has a value, and where it is smaller, or
    larger by the other sign."""
    if isinstance(e, Total):
        count = e.over.last.minus(e.over.first).plus(1)
        (letter,) = at
        there = count.within(at)
        if sign * count.terms.get(letter, 0) > 0 and is_at_most(there, Index()):
            return True
        return e.fold == SUM and letter != e.over.letter and _is_empty(e.args[0], at, sign)
    return isinstance(e, (Times, MatMul)) and any(_is_empty(a, at, sign) for a in e.args)


def contribution(
    value: Expr,
    used: Symbol,
    ranges: Sequence[Range],
    letters: tuple[str, ...],
    extent: Callable[[str], MemberBox | None],
) -> Contribution:
    """What a use of a member adds, whose value is given for each value of the ranges' letters;
    `extent` is from where to where a family runs.

    Raises DerivationError where only some of the members of a box are used."""
    box = box_of(used.indices, ranges)
    own = tuple(f"·{axis}" for axis in range(len(letters)))  # no letter of the value
    solution = _Solution(used, ranges, own, box)
    value = reindexed(value, solution.values)
    padded: set[Padding] = set()
    left = []
    for condition in solution.conditions:
        by = _vanishing(value, condition, extent)
        if by is None:
            left.append(condition)
        else:
            padded |= by
    chosen = {axis for axis, letter in enumerate(own) if Index(letter) in solution.chosen}
    for over in reversed(solution.summed):
        held = tuple(c for c in left if over.letter in c.letters)
        left = [c for c in left if c not in held]
        value = ex.total(value, over._replace(where=held))
    value = reindexed(value, {a: Index(b) for a, b in zip(own, letters, strict=True)})
    return Contribution(box, value, letters, frozenset(padded), frozenset(chosen))


@dataclass(slots=True)
class _Solution:
    """The letters of a use by those of the member: `values` of some, and the others, over which is
    `summed`, where `conditions` hold; these say of which values `chosen` indices are, and no
    other."""

    used: Symbol
    ranges: Sequence[Range]
    own: tuple[str, ...]
    box: MemberBox
    values: dict[str, Index] = field(default_factory=dict)
    summed: list[Range] = field(default_factory=list)
    conditions: list[Condition] = field(default_factory=list)
    chosen: set[Index] = field(default_factory=set)

    def __post_init__(self) -> None:
        for index, letter in zip(self.used.indices, self.own, strict=True):
            self._solve(index, Index(letter))
        moving = []
        for over in (r for r in self.ranges if r.letter not in self.values):
            here = over.within(self.values)
            if over.letter in {*here.first.terms, *here.last.terms}:  # by a letter that is found
                moving.append(here)
                here = over.boxed(self.ranges)._replace(where=here.where)
            self.summed.append(here)
        for over in self.ranges:
            if over.letter in self.values:
                self._bound(over.within(self.values), self.values[over.letter])
        for over in moving:
            self._bound(over, Index(over.letter))
        for over in self.ranges:
            if over.letter in self.values:
                for c in over.where:
                    inner = c.within(self.values)
                    self._bound(Range(over.letter, inner.first, inner.last), inner.inner)

    def _solve(self, index: Index, own: Index) -> None:
        """Find the letter by which one index is that of the member; where each has a factor, all
        stay, under a condition."""
        found = index.within(self.values)
        open_letters = [r.letter for r in self.ranges if r.letter in found.terms]
        letter = next((t for t in open_letters if abs(found.terms[t]) == 1), None)
        if letter is not None:
            sign = found.terms[letter]
            value = Index().added(own.minus(found), sign).added(Index(letter))
            self.values = {t: v.within({letter: value}) for t, v in self.values.items()}
            self.values[letter] = value
        elif open_letters:
            self.conditions.append(Condition(own, found, own))
            self.chosen.add(own)
        elif {*self.own} & {*found.terms}:  # of a diagonal
            taken = {r.letter for r in (*self.ranges, *self.summed)}
            letter = next(t for t in index_letters() if t not in taken)
            self._held(letter, own, found, found)

    def _bound(self, over: Range, value: Index) -> None:
        """Keep a letter with this value within its range."""
        letters = [r.letter for r in self.summed]
        if not {*letters} & {*value.terms, *over.first.terms, *over.last.terms}:
            ends = {*over.first.terms, *over.last.terms}
            if len({*self.own} & {*value.terms}) > 1:
                raise self._refusal()
            if {*self.own} & ends:
                self._held(over.letter, value, over.first, over.last)
            return  # else the box says so
        needed = [c for c in (value.minus(over.first), over.last.minus(value)) if self._need(c)]
        if needed:
            self.conditions.append(Condition(over.first, value, over.last))

    def _held(self, letter: str, value: Index, first: Index, last: Index) -> None:
        """Add something only where a value lies between two indices: a sum over it, or nothing."""
        self.chosen.add(value)
        self.summed.append(Range(letter, value, value))
        self.conditions.append(Condition(first, Index(letter), last))

    def _need(self, least: Index) -> bool:
        """Whether it has to be said that an index is not negative, where no bound of a sum says
        it; one may be moved to say it."""
        inner = [r.letter for r in self.summed if r.letter in least.terms]
        within = [Range(t, low, high) for t, low, high in zip(self.own, *self.box, strict=True)]
        within += self.summed
        if self._is_at_least_0(least, within):
            return False
        if len(inner) != 1 or abs(least.terms[inner[0]]) != 1:
            return True
        k = next(k for k, r in enumerate(self.summed) if r.letter == inner[0])
        over = self.summed[k]
        sign = least.terms[over.letter]
        bound = Index(over.letter).added(least, -sign)
        ahead = bound.minus(over.first) if sign > 0 else over.last.minus(bound)
        if not self._is_at_least_0(ahead, within):
            return True
        first, last = (bound, over.last) if sign > 0 else (over.first, bound)
        self.summed[k] = over._replace(first=first, last=last)
        return False

    @staticmethod
    def _is_at_least_0(index: Index, within: Sequence[Range]) -> bool:
        """Whether an index is never negative where its letters run over ranges, of any length."""
        low, _ = index.ends(within)
        return all(k > 0 for k in low.terms.values()) and sum(low.terms.values(), low.offset) >= 0

    def _refusal(self) -> DerivationError:
        return DerivationError(
            f"`{self.used.name}` stands for a part of the members of `{self.used.base}` that is no "
            "box: the bounds of one index depend on another. Declare the others as a family of "
            "their own."
        )


def _vanishing(
    e: Expr, condition: Condition, extent: Callable[[str], MemberBox | None]
) -> frozenset[Padding] | None:
    """The families by which an expression is zero where the condition doesn't hold, if their
    members are zero there; None if it isn't."""
    match e:
        case Symbol() if e.indices:
            ends = extent(e.base)
            for axis, index in enumerate(e.indices if ends is not None else ()):
                assert ends is not None
                shift = index.minus(condition.inner)
                if shift.terms:
                    continue
                low, high = condition.first.plus(shift.offset), condition.last.plus(shift.offset)
                if (low, high) == (ends[0][axis], ends[1][axis]):
                    return frozenset({(e.base, axis)})
        case Add():
            parts = [_vanishing(a, condition, extent) for a in e.args]
            found = [p for p in parts if p is not None]
            return frozenset().union(*found) if len(found) == len(parts) else None
        case Total() if e.fold != SUM:
            return None
        case _ if isinstance(e, (Times, MatMul, Transpose, Total, Name)) or _is_linear(e):
            every = (_vanishing(a, condition, extent) for a in e.args)
            return next((p for p in every if p is not None), None)
    return None


def _is_linear(e: Expr) -> bool:
    """Whether it is a function that is linear in each argument."""
    return isinstance(e, Call) and TABLE[e.function].units == "linear"
