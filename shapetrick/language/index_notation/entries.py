"""Entries in letters: what one entry of a value is, `X[i,j] w[j]`, as immutable data.

Letters are names; those that a sum binds are told apart by the reader. Equal entries compare equal,
so that like terms are gathered, and what vanishes is left out.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property

import numpy as np

from ...core.dims import Dim
from ...core.errors import BudgetError
from ...core.functions import NAMES, TABLE
from ...core.named_tuples import NamedTuple
from ..syntax.tree import Callee, SyntaxNode

Slots = tuple[str | None, str | None]  # the letters of the rows and of the columns; None for one
SUM = "sum"  # of all reductions, the one that goes into products
PRODUCT = "prod"
MOST_NESTED = 60
SMALL, STEEP = 1e-12, 1e4  # a step from 0, and the slope that no smooth function has there
NESTED = "there are more than 60 levels of sums and brackets: name its parts in lines of their own."


class PlainMatrix(NamedTuple):
    """A value in matrix notation; `key` is the name of what has one, so that equal ones are one."""

    key: str | SyntaxNode
    node: SyntaxNode


class Diverging(Exception):
    """A number is divided by zero: what a sum leaves out has no value."""


@dataclass(frozen=True)
class EntryTerm:
    """An entry; its letters are those that nothing inside binds."""

    args: tuple[EntryTerm, ...] = ()
    depth: int = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        depth = 1 + max((a.depth for a in self.args), default=0)
        if depth > MOST_NESTED:
            raise BudgetError(NESTED)
        object.__setattr__(self, "depth", depth)

    @cached_property
    def letters(self) -> frozenset[str]:
        return frozenset().union(*(a.letters for a in self.args))


@dataclass(frozen=True)
class EntryNumber(EntryTerm):
    value: Fraction = Fraction(0)


@dataclass(frozen=True)
class EntryOf(EntryTerm):
    """An entry of a matrix, a column or a row, or a scalar."""

    matrix: PlainMatrix = field(kw_only=True, hash=False, compare=False)
    key: str | SyntaxNode = field(kw_only=True)
    slots: Slots = (None, None)

    @cached_property
    def letters(self) -> frozenset[str]:
        return frozenset(s for s in self.slots if s is not None)


@dataclass(frozen=True)
class Delta(EntryTerm):
    """1 where two letters are equal, else 0."""

    pair: tuple[str, str] = ("", "")

    @cached_property
    def letters(self) -> frozenset[str]:
        return frozenset(self.pair)


@dataclass(frozen=True)
class EntrySum(EntryTerm):
    """A sum of entries."""


@dataclass(frozen=True)
class EntryProduct(EntryTerm):
    """A product of entries."""


@dataclass(frozen=True)
class EntryPower(EntryTerm):
    """A power of an entry."""


@dataclass(frozen=True)
class EntryCall(EntryTerm):
    """A function of entries, one by one; or a declared one, with the order of its derivative."""

    function: Callee | tuple[str, int] = ("", 0)


@dataclass(frozen=True)
class Reduction(EntryTerm):
    """A sum, a mean, an extreme over letters; one that `keeps` them, such as softmax, has an entry
    for each."""

    function: str = SUM
    over: tuple[str, ...] = ()
    keeps: bool = False

    @cached_property
    def letters(self) -> frozenset[str]:
        inner = self.args[0].letters
        return inner if self.keeps else inner - {*self.over}


ZERO, UNIT = EntryNumber(value=Fraction(0)), EntryNumber(value=Fraction(1))


def entry_number(value: Fraction | int) -> EntryTerm:
    return EntryNumber(value=Fraction(value))


def entry_of(matrix: PlainMatrix, rows: str | None = None, cols: str | None = None) -> EntryTerm:
    return EntryOf(matrix=matrix, key=matrix.key, slots=(rows, cols))


def delta(a: str, b: str) -> EntryTerm:
    return UNIT if a == b else Delta(pair=(min(a, b), max(a, b)))


def entry_sum(terms: Iterable[EntryTerm]) -> EntryTerm:
    """A sum with like terms gathered."""
    flat = [part for t in terms for part in (t.args if isinstance(t, EntrySum) else (t,))]
    found: dict[EntryTerm, Fraction] = {}
    for term in flat:
        number, rest = split_number(term)
        found[rest] = found.get(rest, Fraction(0)) + number
    kept = [_scaled(k, rest) for rest, k in found.items() if k]
    return kept[0] if len(kept) == 1 else EntrySum(tuple(kept)) if kept else ZERO


def split_number(term: EntryTerm) -> tuple[Fraction, EntryTerm]:
    """A term's number, and what it multiplies."""
    if isinstance(term, EntryNumber):
        return term.value, UNIT
    if isinstance(term, EntryProduct) and isinstance(term.args[0], EntryNumber):
        rest = term.args[1:]
        return term.args[0].value, rest[0] if len(rest) == 1 else EntryProduct(rest)
    return Fraction(1), term


def _scaled(k: Fraction, rest: EntryTerm) -> EntryTerm:
    if rest == UNIT:
        return entry_number(k)
    return rest if k == 1 else entry_product([entry_number(k), rest])


def entry_product(factors: Iterable[EntryTerm]) -> EntryTerm:
    """A product, its number in front."""
    number, kept = Fraction(1), list[EntryTerm]()
    for factor in factors:
        for part in factor.args if isinstance(factor, EntryProduct) else (factor,):
            if isinstance(part, EntryNumber):
                number *= part.value
            else:
                kept.append(part)
    if not number or not kept:
        return entry_number(number)
    if number != 1:
        kept.insert(0, entry_number(number))
    return kept[0] if len(kept) == 1 else EntryProduct(tuple(kept))


def negated(e: EntryTerm) -> EntryTerm:
    if isinstance(e, EntrySum):
        return EntrySum(tuple(negated(a) for a in e.args))
    return entry_product([entry_number(-1), e])


def entry_power(base: EntryTerm, exponent: EntryTerm) -> EntryTerm:
    """A power; of a power with a whole one, the product is the exponent. Raises Diverging."""
    if exponent == UNIT or base == UNIT:
        return base
    if isinstance(exponent, EntryNumber):
        p = exponent.value
        if isinstance(base, EntryNumber) and p.denominator == 1 and abs(p) < MOST_NESTED:
            if not base.value and p < 0:
                raise Diverging
            return entry_number(base.value ** int(p))
        if isinstance(base, EntryCall) and p == 2 and _is_root(base):
            return base.args[0]
        if p == -1 and isinstance(base, EntryPower) and isinstance(base.args[1], EntryNumber):
            return entry_power(base.args[0], entry_number(-base.args[1].value))
    return EntryPower((base, exponent))


def _is_root(e: EntryCall) -> bool:
    """Whether a function's square is its argument."""
    return isinstance(e.function, Callee) and TABLE[NAMES[e.function.name]].value is ROOT


ROOT = TABLE[NAMES["sqrt"]].value


def inverted(e: EntryTerm) -> EntryTerm:
    """One over it. Raises Diverging."""
    if isinstance(e, EntryProduct):
        return entry_product([inverted(a) for a in e.args])
    return entry_power(e, entry_number(-1))


def entry_call(function: Callee | tuple[str, int], args: tuple[EntryTerm, ...]) -> EntryTerm:
    """A function of entries; of numbers, its value where that is whole. Raises Diverging."""
    numbers = [a.value for a in args if isinstance(a, EntryNumber)]
    if isinstance(function, Callee) and len(numbers) == len(args):
        with np.errstate(all="ignore"):
            row = TABLE[NAMES[function.name]]
            value = float(row.value(*(np.full((1, 1), float(n)) for n in numbers), None).item())
        if not np.isfinite(value):
            raise Diverging
        if value == int(value):
            return entry_number(int(value))
    return EntryCall(args, function)


def is_smooth_at_zero(e: EntryCall | EntryPower) -> bool:
    """Whether a function has a bounded slope where its first argument is 0; a power, if its
    exponent is a natural number."""
    if isinstance(e, EntryPower):
        p = e.args[1]
        return isinstance(p, EntryNumber) and p.value.denominator == 1 and p.value > 0
    if len(e.args) > 1 or not isinstance(e.function, Callee):
        return True
    row = TABLE[NAMES[e.function.name]]
    at = np.array([[0.0], [SMALL]])
    with np.errstate(all="ignore"):
        low, high = row.value(at, None).ravel()
    return bool(abs(high - low) < STEEP * SMALL)


def reduction(
    body: EntryTerm, over: tuple[str, ...], function: str = SUM, keeps: bool = False
) -> EntryTerm:
    if function != SUM:
        return Reduction((body,), function, over, keeps)
    number, rest = split_number(body)
    return entry_product([entry_number(number), Reduction((rest,), SUM, over)])


def outline(e: EntryTerm, symmetric: Container[object] = ()) -> str:
    """A text that entries have in common which are equal up to the order of terms and factors, the
    signs of factors and of what even functions take, and entries of `symmetric` matrices."""
    match e:
        case EntryNumber():
            return str(e.value)
        case EntryOf():
            slots = sorted(map(str, e.slots)) if e.key in symmetric else map(str, e.slots)
            return f"{e.key if isinstance(e.key, str) else id(e.key)}[{','.join(slots)}]"
        case Delta():
            return f"δ[{','.join(e.pair)}]"
        case EntrySum():
            return f"+({','.join(sorted(outline(a, symmetric) for a in e.args))})"
        case EntryProduct():  # sums with the sign that comes first, and the sign of all
            sums = [a for a in e.args if isinstance(a, EntrySum)]
            signed = [(outline(a, symmetric), outline(negated(a), symmetric)) for a in sums]
            texts = [outline(a, symmetric) for a in e.args if not isinstance(a, EntrySum)]
            turned = sum(other < own for own, other in signed) % 2
            return f"{'-' * turned}*({','.join(sorted([*texts, *map(min, signed)]))})"
        case Reduction() if not e.keeps:  # whatever its letters are called
            new = {s: f"·{e.depth}{k}" for k, s in enumerate(e.over)}
            return f"{e.function}{len(new)}({outline(substituted(e.args[0], new), symmetric)})"
    inner = [outline(a, symmetric) for a in e.args]
    if _is_even(e):
        inner[0] = min(inner[0], outline(negated(e.args[0]), symmetric))
    return f"{getattr(e, 'function', '^')}{getattr(e, 'over', '')}({','.join(inner)})"


def _is_even(e: EntryTerm) -> bool:
    """Whether the sign of an entry's first argument makes no difference."""
    if isinstance(e, EntryPower):
        p = e.args[1]
        return isinstance(p, EntryNumber) and p.value.denominator == 1 and p.value % 2 == 0
    if not isinstance(e, EntryCall) or len(e.args) > 1 or not isinstance(e.function, Callee):
        return False
    value, at = TABLE[NAMES[e.function.name]].value, np.array([[0.4], [1.7]])
    with np.errstate(all="ignore"):
        return bool(np.array_equal(value(at, None), value(-at, None)))


def substituted(e: EntryTerm, letters: Mapping[str, str]) -> EntryTerm:
    """The entry with other letters in the place of some. Raises Diverging."""
    if not e.letters & letters.keys():
        return e
    args = tuple(substituted(a, letters) for a in e.args)
    match e:
        case EntryOf():
            rows, cols = (s if s is None else letters.get(s, s) for s in e.slots)
            return entry_of(e.matrix, rows, cols)
        case Delta():
            return delta(letters.get(e.pair[0], e.pair[0]), letters.get(e.pair[1], e.pair[1]))
        case EntrySum():
            return entry_sum(args)
        case EntryProduct():
            return entry_product(args)
        case EntryPower():
            return entry_power(*args)
        case EntryCall():
            return entry_call(e.function, args)
        case Reduction():
            over = tuple(letters.get(s, s) for s in e.over) if e.keeps else e.over
            return reduction(args[0], over, e.function, e.keeps)
    return e


@dataclass(frozen=True, slots=True)
class InLetters:
    """A value of which the entry is known: the letters of its rows and columns (None for one), and
    of the letters that are open, over what dimension each runs."""

    entry: EntryTerm
    rows: str | None = None
    cols: str | None = None
    open: Mapping[str, Dim] = field(default_factory=dict)
