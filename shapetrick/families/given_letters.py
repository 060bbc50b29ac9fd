"""Letters of a request that stand for one number, the i of `jac y[i] wrt x[j]`.

Whichever it is, recurrences are derived for it as for any number that is larger than those in the
text and smaller than all lengths. So a letter has such a number as its stand-in while they are
derived, and is put back afterwards; the numbers near the ends of its range, for which that order
is not right, are found from the regions and derived by themselves.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import replace
from itertools import chain

from ..core import expr as ex
from ..core.dims import Dim
from ..core.errors import DerivationError
from ..core.expr import Expr, Total, as_symbol
from ..core.families import Segment, at_index, index_letters, reindexed, with_own_letters
from ..core.indices import (
    Condition,
    Incomparable,
    Index,
    Indices,
    Member,
    Range,
    at_most,
    dim_of,
    name_of,
    parts,
    renamed_shape,
    within,
)
from ..core.named_tuples import NamedTuple
from ..core.problem import Problem
from ..core.results import Equation, Result
from ..core.traversal import redimensioned

BASE = 1_000_000  # the first stand-in; the next ones are its powers
IndexChange = Callable[[Index], Index]
MOST_NUMBERS = 16  # that are derived one by one
LARGE = BASE // 2  # numbers from which on there is a stand-in


class StandIns(NamedTuple):
    """What stands for letters, and what each power of `BASE` is read as, and twice it where that
    is something else."""

    values: Indices
    readings: tuple[tuple[Index, Index | None], ...]

    def lettered(self, i: Index) -> Index:
        """An index with the letters put back."""
        return i.plus(-i.offset).added(self.read(i.offset))

    def read(self, number: int) -> Index:
        found = Index()
        for power in range(len(self.readings), 0, -1):
            size = BASE**power
            count = (number + size // 2) // size
            number -= count * size
            once, twice = self.readings[power - 1]
            if twice is not None:
                found, count = found.added(twice, count // 2), count % 2
            found = found.added(once, count)
        return found.plus(number)


def stand_ins(letters: Sequence[str]) -> StandIns:
    """A number for each letter, larger than those of a text, each than those before it."""
    values = {letter: Index("", BASE ** (k + 1)) for k, letter in enumerate(letters)}
    return StandIns(values, tuple((Index(letter), None) for letter in letters))


def numbers_of(over: Range) -> Iterator[Index]:
    """The values of a letter that runs between numbers. Raises DerivationError for many."""
    count = over.last.offset - over.first.offset + 1
    if count > MOST_NUMBERS:
        raise DerivationError(
            f"`{over.letter}` is one of {count} numbers, which are derived one by one: ask for a "
            "member by its number."
        )
    return (over.first.plus(k) for k in range(count))


def put_back(
    equation: Equation, stand: StandIns, taken: Set[str], others: Sequence[str]
) -> Equation:
    """An equation with the letters for their stand-ins; where its own ones are taken, it gets
    others."""
    equation = with_other_letters(equation, taken, others)
    ranges = tuple(_ordered(r, stand.lettered) for r in equation.ranges)
    symbol = as_symbol(with_letters_back(equation.symbol, stand))
    return Equation(symbol, with_letters_back(equation.value, stand), ranges)


def with_letters_back(e: Expr, stand: StandIns) -> Expr:
    """An expression with the letters for their stand-ins."""
    return _expression(e, stand.lettered)


def text_with_letters(text: str, stand: StandIns) -> str:
    """A text with the letters for their stand-ins."""

    def read(m: re.Match[str]) -> str:
        number = int(m[0])
        return m[0] if abs(number) < LARGE else str(stand.read(number))

    return re.sub(r"\d+", read, text)


def with_other_letters(q: Equation, taken: Set[str], others: Sequence[str] = ()) -> Equation:
    """An equation with other letters for those of its own that are taken."""
    own = [r.letter for r in q.ranges]
    free = (t for t in chain(others, index_letters()) if t not in taken and t not in own)
    new = {t: Index(next(free)) for t in own if t in taken}
    value = with_own_letters(q.value, {*taken, *own}, set())
    if not new:
        return replace(q, value=value)
    ranges = tuple(
        r.within(new).lettered(new[r.letter].letter) if r.letter in new else r.within(new)
        for r in q.ranges
    )
    symbol = as_symbol(reindexed(q.symbol, new))
    value = with_own_letters(reindexed(value, new), {*taken, *(r.letter for r in ranges)}, set())
    return Equation(symbol, value, ranges)


class LetterCase(NamedTuple):
    """What holds where the letters of requests are within ranges, which its equations lack."""

    ranges: tuple[Range, ...]
    results: tuple[Result, ...]


def with_lengths(
    problem: Problem, results: Sequence[Result]
) -> tuple[Problem, list[LetterCase]] | None:
    """The problem in which the letters that results are given for are lengths, with what holds for
    each value of them, last where most run; None where letters mean two things, or results are told
    apart by other ranges."""
    letters = [over.letter for over in dict.fromkeys(chain.from_iterable(map(_given, results)))]
    told_apart = {frozenset(own) for r in results if len(own := _ranges_told(r)) > 1}
    if len({*letters}) < len(letters) or len(told_apart) > 1:
        return None
    families = problem.families
    names = {*problem.symbols, *problem.dimensions(), *families.lengths, *letters}
    free = (t for t in index_letters() if t not in names)
    running = {letter: Index(next(free)) for letter in letters}
    told = max([_ranges_told(r) for r in results], key=lambda own: len({*own}))
    told.sort(key=lambda case: sum(r.first != r.last for r in case))
    whole = {over.letter: over for r in results for over in _given(r)}
    cases = [tuple({**whole, **{r.letter: r for r in case}}.values()) for case in told]
    found = [
        LetterCase(case, tuple(_within(r, own, running) for r in results))
        for case, own in zip(cases, told, strict=True)
    ]
    of_own = (
        r.letter
        for case in found
        for result in case.results
        for q in _equations(result)
        for r in q.ranges
    )
    taken = {*names, *of_own, *(i.letter for i in running.values())}
    free = (t for t in index_letters() if t not in taken)
    new = {letter: next(free) for letter in letters}
    segments, functions = (
        tuple(_lettered(s, new) for s in some) for some in (families.segments, families.functions)
    )
    lengths = (*families.lengths, *letters)
    lettered = families._replace(segments=segments, lengths=lengths, functions=functions)
    return replace(problem, families=lettered), found


def _given(result: Result) -> tuple[Range, ...]:
    return result.request.ranges


def _told(q: Equation, result: Result) -> tuple[Range, ...]:
    """The ranges of given letters in which an equation holds."""
    letters = {over.letter for over in _given(result)}
    return tuple(r for r in q.ranges if r.letter in letters)


def _ranges_told(result: Result) -> list[tuple[Range, ...]]:
    """Those of all equations."""
    return [*dict.fromkeys(filter(None, (_told(q, result) for q in _equations(result))))] or [()]


def _within(result: Result, case: tuple[Range, ...], running: Indices) -> Result:
    """A result with the equations that hold in a case, without the ranges of given letters; it has
    other letters where those run that are given for other results."""
    is_told_apart = len(_ranges_told(result)) > 1
    new = {t: i for t, i in running.items() if t not in {r.letter for r in _given(result)}}

    def own(equations: Sequence[Equation]) -> Iterator[Equation]:
        for q in equations:
            told = _told(q, result)
            if told not in ((), case) and is_told_apart:
                continue
            rest = replace(q, ranges=tuple(r for r in q.ranges if r not in told))
            if not rest.ranges:
                symbol, value = (reindexed(e, new) for e in (q.symbol, q.value))
                rest = Equation(as_symbol(symbol), value, ())
            yield with_other_letters(rest, {*running})

    found = result.recursion
    assert found is not None
    cotangents, gradients, left_out = (
        tuple(own(equations)) for equations in (found.cotangents, found.gradients, found.left_out)
    )
    found = found._replace(cotangents=cotangents, gradients=gradients, left_out=left_out)
    request = replace(result.request, wrt=at_index(result.request.wrt, new))
    return replace(result, request=request, recursion=found)


def _equations(result: Result) -> tuple[Equation, ...]:
    return () if result.recursion is None else result.recursion.equations


def _lettered(s: Segment, new: Mapping[str, str]) -> Segment:
    """A segment with other letters."""
    values = {r.letter: Index(new[r.letter]) for r in s.ranges if r.letter in new}
    ranges = tuple(r.within(values).lettered(new.get(r.letter, r.letter)) for r in s.ranges)
    body = s.body
    if body is not None:
        body = with_own_letters(reindexed(body, values), {*new}, {*new.values()})
    shape = renamed_shape(s.shape, values)
    indices = within(s.indices, values)
    return replace(s, indices=indices, ranges=ranges, shape=shape, body=body)


def _ordered(over: Range, index: IndexChange) -> Range:
    """A range with letters put back; it rises where they don't tell which end is the smaller."""
    found = _range(over, index)
    try:
        at_most(*found.ends)
    except Incomparable:
        return _range(over.rising, index)
    return found


def _range(over: Range, index: IndexChange) -> Range:
    where = tuple(Condition(*map(index, c)) for c in over.where)
    return Range(over.letter, index(over.first), index(over.last), where)


def _expression(e: Expr, index: IndexChange) -> Expr:
    def name(text: str) -> str:
        base, indices = parts(text)
        return name_of(base, tuple(map(index, indices)))

    def dim(d: Dim) -> Dim:
        if d.integer is not None:
            return dim_of(index(Index("", d.integer)))
        new: dict[str, Dim] = {n: Dim.of(name(n)) for n in d.names if isinstance(n, Member)}
        return d.substitute(new) if new else d

    def summed(x: Total) -> Expr:
        return ex.total(_expression(x.args[0], index), _range(x.over, index), x.fold)

    (found,) = redimensioned([e], dim, lambda x: name(x.name), summed)
    return found


def near_ends(
    gaps: Sequence[tuple[Index, Index]], ranges: Sequence[Range]
) -> Iterator[tuple[Range, tuple[Index, ...]]]:
    """For each given letter the range in which its equations hold, and the numbers outside; from
    where to where gaps run, none of which is less than empty."""
    for over in ranges:
        low, high = 0, 0
        for first, last in gaps:
            low = max(low, _missing(first, last, over.letter, over.first))
            high = max(high, _missing(first, last, over.letter, over.last))
        first, last = over.first.plus(low), over.last.plus(-high)
        outside = [over.first.plus(k) for k in range(low)]
        outside += [over.last.plus(-k) for k in reversed(range(high))]
        yield Range(over.letter, first, last), tuple(outside)


def _missing(first: Index, last: Index, letter: str, end: Index) -> int:
    """By how much a letter at the end of its range is too near for what lies between two indices
    to be no less than nothing."""
    gap = last.plus(1).minus(first)
    if abs(gap.terms.get(letter, 0)) != 1:
        return 0
    at_end = gap.within({letter: end})
    return 0 if at_end.terms else max(0, -at_end.offset)
