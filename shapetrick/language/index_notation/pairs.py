"""Sums, means, products and extremes over pairs of letters: different ones, or one less than the
other."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from ...core.errors import ShapeError, Span
from ..syntax.constants import INFINITE
from ..syntax.index_binders import Binder
from ..syntax.tree import call_node
from .entries import (
    PRODUCT,
    SUM,
    UNIT,
    ZERO,
    EntryCall,
    EntryOf,
    EntryPower,
    EntryTerm,
    InLetters,
    PlainMatrix,
    delta,
    entry_number,
    entry_of,
    entry_product,
    entry_sum,
    inverted,
    is_smooth_at_zero,
    negated,
    outline,
    substituted,
)
from .forms import FormWriter
from .index_scope import IndexScope

_TRIANGLES = {"<": "upper", "≤": "upper", ">": "lower", "≥": "lower"}
_HALF = entry_number(Fraction(1, 2))
_LEFT_OUT = {PRODUCT: 1, "max": -INFINITE, "min": INFINITE}  # what changes none of these


@dataclass(slots=True)
class PairReader(IndexScope):
    """The part of the reader that takes sums over pairs."""

    defined: Container[object] = ()  # names of definitions, whose diagonals may vanish

    def _reduced(self, function: str, letters: Sequence[str], value: InLetters) -> InLetters:
        raise NotImplementedError

    def _compared(self, binder: Binder, letters: Sequence[str], value: InLetters) -> InLetters:
        """What goes over all pairs of letters that are different, or of which one is less."""
        a, b = binder.letters
        (dim, *_) = (value.open[s] for s in binder.letters if s in value.open)
        value = replace(value, open={a: dim, b: dim, **value.open})
        if value.open.get(a) != value.open.get(b):
            raise ShapeError(
                f"`{a}` runs over {value.open.get(a)} and `{b}` over {value.open.get(b)}: they "
                "can't be compared."
            )
        out, kept = (a, b) if a in letters else (b, a)
        if binder.function != SUM:
            return self._masked(binder, letters, value, out)
        with_equal = binder.compared in ("≤", "≥")
        whole = value.entry if with_equal else self._moved(value.entry, out, kept)
        equal = ZERO if with_equal else substituted(whole, {out: kept})
        if binder.compared in ("<", ">") and self._is_symmetric(whole, a, b, letters):
            all_pairs = self._summed(letters, replace(value, entry=whole), out, equal)
            return replace(all_pairs, entry=entry_product([_HALF, all_pairs.entry]))
        if binder.compared in _TRIANGLES:
            whole = self._triangle(binder, replace(value, entry=whole))
        return self._summed(letters, replace(value, entry=whole), out, equal)

    def _is_symmetric(self, e: EntryTerm, a: str, b: str, letters: Sequence[str]) -> bool:
        """Whether an entry is the same with two letters exchanged, which are both summed."""
        turned = substituted(e, {a: b, b: a})
        return {a, b} <= {*letters} and outline(e, self.known.symmetric) == outline(
            turned, self.known.symmetric
        )

    def _summed(
        self, letters: Sequence[str], value: InLetters, out: str, equal: EntryTerm
    ) -> InLetters:
        """A sum over letters, without what is too much where one of them is `equal` to another."""
        rest = {s: d for s, d in value.open.items() if s != out}
        total = self._reduced(SUM, letters, value)
        others = [s for s in letters if s != out]
        same = InLetters(equal, value.rows, value.cols, rest)
        same = self._reduced(SUM, others, same) if others else same
        return replace(total, entry=entry_sum([total.entry, negated(same.entry)]))

    def _moved(self, e: EntryTerm, a: str, b: str, may: bool = True) -> EntryTerm:
        """The same for different letters, and smooth for equal ones: where a function has no
        derivative at 0, what is 0 for equal letters, or `may` be, is 1 there."""
        args = tuple(self._moved(x, a, b, may) for x in e.args) if {a, b} <= e.letters else e.args
        if args and args != e.args:
            e = replace(e, args=args)
        if not isinstance(e, EntryCall | EntryPower) or is_smooth_at_zero(e):
            return e
        first, *rest = e.args
        if (
            may
            and isinstance(first, EntryOf)
            and {*first.slots} == {a, b}
            and first.key in self.defined
        ):
            away = negated(entry_product([first, delta(a, b)]))
            return replace(e, args=(entry_sum([first, away, delta(a, b)]), *rest))
        if substituted(first, {a: b}) == ZERO:
            return replace(e, args=(entry_sum([first, delta(a, b)]), *rest))
        return e

    def _triangle(self, binder: Binder, value: InLetters) -> EntryTerm:
        """The entry of the triangle of a matrix, with its diagonal; with other letters, times that
        of ones."""
        a, b = binder.letters
        alone = value.entry.letters == {a, b} and not (value.rows or value.cols)
        writer = FormWriter({**self.dims, **value.open}, Span(0, 0))
        node = writer.whole(value.entry if alone else UNIT, a, b)
        self.sized.update(writer.sized)
        call = call_node(_TRIANGLES[binder.compared], (node,), Span(0, 0))
        triangle = entry_of(PlainMatrix(call, call), a, b)
        return triangle if alone else entry_product([value.entry, triangle])

    def _masked(
        self, binder: Binder, letters: Sequence[str], value: InLetters, out: str
    ) -> InLetters:
        """A product, an extreme or a mean, of the pairs that are taken; `out` is summed."""
        a, b = binder.letters
        kept = b if out == a else a
        taken, whole = self._mask(binder, value), self._moved(value.entry, out, kept)
        may_be_empty = binder.compared in ("<", ">") and len(letters) == 1
        if may_be_empty and binder.function != PRODUCT:
            raise ShapeError(
                f"for one `{kept}` there is no `{a} {binder.compared} {b}`, of which to take the "
                f"`{binder.function}`: write `{binder.compared}=`, or take a part first."
            )
        if binder.function not in _LEFT_OUT:
            total, count = (
                self._compared(binder._replace(function=SUM), letters, replace(value, entry=e))
                for e in (value.entry, UNIT)
            )
            return replace(total, entry=entry_product([total.entry, inverted(count.entry)]))
        number, left_out = _LEFT_OUT[binder.function], entry_sum([UNIT, negated(taken)])
        if abs(number) < INFINITE:
            whole = entry_product([whole, taken])
        entry = entry_sum([whole, entry_product([entry_number(number), left_out])])
        return self._reduced(binder.function, letters, replace(value, entry=entry))

    def _mask(self, binder: Binder, value: InLetters) -> EntryTerm:
        """1 for the pairs of letters that are taken, else 0."""
        equal = delta(*binder.letters)
        if binder.compared == "≠":
            return entry_sum([UNIT, negated(equal)])
        ones = self._triangle(binder, InLetters(UNIT, open=value.open))
        return ones if binder.compared in ("≤", "≥") else entry_sum([ones, negated(equal)])
