"""Mending a wrong claim: the smallest change of the table that makes it right.

All changes of one row are evaluated together at one draw and compared with the right answer there;
what agrees is looked at at another draw, and what is going to be said has passed the full
validation. What no single change mends is tried with two: in different terms of a sum by adding
up what each does, within one term one after the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain, groupby, islice
from typing import TypeVar

import numpy as np

from ..core.budget import numbers_in
from ..core.cost import length
from ..core.dims import SCALAR, Dim
from ..core.errors import InputError
from ..core.expr import IDENTITY, Expr, Number, exact, eye, transpose
from ..core.functions import Array
from ..core.named_tuples import NamedTuple
from ..core.problem import Problem, Request
from ..core.results import Validation
from ..core.structure import terms_of
from ..core.traversal import postorder
from ..language.claim_reading import read_claim
from ..language.definitions import written_out
from ..language.expressions import read_expression
from ..language.printer import to_text
from ..language.shapes.lowering import Lowering
from ..language.syntax.parser import parse_expression
from ..language.syntax.tree import SyntaxNode, name_node, number_node
from ..language.syntax.tree import postorder as nodes_of
from ..language.syntax.unparser import narrowed
from ..language.vocabularies import vocabulary_of
from ..numerics.sampling import dims_of
from ..validation.checker import Checker
from .comparison import SAME, agree, distance, miss, ratio
from .diagnosis import Mistake
from .fragments import (
    claim_factors,
    derivatives_in,
    distributed,
    functions_in,
    idle_parts,
    same_factors,
    typed_factors,
)
from .mutations import ARRANGING, TABLE_OF_MUTATIONS, Mutation, Parts
from .variants import Change, ClaimVariant, values_at, values_of

T = TypeVar("T")
MOST_PIECES = 48
MOST_TERMS = 48
MOST_NUMBERS = 6
MOST_BUILT = 50_000  # nodes, for one change
MOST_FIRST = 80  # changes after which a second is tried
MOST_BUILT_AFTER = 25_000  # likewise, for a second
MOST_VERIFIED = 6
MOST_ENTRIES = 100_000  # of an answer that changes are compared with
MOST_ALIKE = 2  # look-alikes of the answer that are told
REPLACED = "wrong part"
FINEST = 1e-13  # relative: nearer than that is rounding
MOST_TIMES = 1e3  # as much as is wanted is the most that one of two changes may do
SMALL = [row for row in TABLE_OF_MUTATIONS if row.rank <= 2]  # changes that another may follow
LONGEST = 1000  # nodes of a claim that is mended; operators of what is put in
SPREADING = 3  # words that a spread column counts for


@dataclass(frozen=True, slots=True)
class Repair:
    """A right claim, and the one or two slips that it differs in from the wrong one."""

    text: str
    slips: tuple[Mistake, ...]
    validation: Validation


class RepairTrial(NamedTuple):
    """A change after which the claim has the right shape, and its value then at the first draw."""

    change: Change
    expression: Expr
    value: Array | None


class Repairer:
    """Mends the claim of a request whose right answer is known.

    `draws` are those of the checker, `rights` the answer's values there."""

    def __init__(self, problem: Problem, request: Request, answer: Expr, checker: Checker) -> None:
        self._problem = problem
        self._request = request
        self._checker = checker
        self._answer = answer
        self.root, self.lowering = read_claim(problem, request)
        self.draft = ClaimVariant(self.lowering.text, self.root, self.lowering)
        self._size_identities()
        self.draws = [
            drawn
            for drawn in checker.draws()
            if numbers_in([answer.shape], drawn[0]) <= MOST_ENTRIES
        ]
        self.rights = [values_at([answer], drawn)[0] for drawn in self.draws]
        self._left = MOST_BUILT
        self._near = self._nearness()

    def _nearness(self) -> float:
        """How near a value has to come to be taken for right: nearer than the claim's own is."""
        whole, right = self.draft.expression(self.root), self.rights[0] if self.rights else None
        if whole is None or right is None:
            return SAME
        own = values_at([whole], self.draws[0])[0]
        if own is None or own.shape != right.shape or not right.any():
            return SAME
        return max(min(SAME, miss(own, right) / 100), FINEST)

    def mend(self) -> Repair | None:
        """The smallest mend that was found."""
        enough = len(self.draws) > 1 and not any(r is None for r in self.rights)
        if not enough or len(self.draft.places) > LONGEST:
            return None
        parts = self.parts()
        tried: list[RepairTrial] = []
        for _, rows in groupby(TABLE_OF_MUTATIONS, key=lambda row: row.rank):
            mend = self._single(list(rows), parts, tried)
            if mend is not None:
                return mend
        misfit = self.draft.expression(self.root) is None
        return (
            (self._rearranged() if misfit else None)
            or self._pair(tried, parts)
            or self._second(tried, parts)
            or self._rearranged()
        )

    def _rearranged(self) -> Repair | None:
        """The answer, where it has the factors of the claim and arranges them otherwise."""
        claimed, answer = typed_factors(self.draft), self._answer
        if claimed is None or not same_factors(claimed, claim_factors(answer), self.draws):
            return None
        typed, text = _line(self.draft.unparser.write(self.root)), to_text(answer)
        slip = Mistake("arrangement", self.root.span, typed, text, alike=self._alike(text))
        return self._mend(text, slip)

    def _alike(self, text: str) -> tuple[str, ...]:
        """Arrangements beside the right one that have its shape, and other values."""
        draft = ClaimVariant(text, self._parsed(text), self.lowering)
        parts = Parts(draft.shape, (), (), (), (), ())
        rows = [row for row in TABLE_OF_MUTATIONS if row.name in ARRANGING]
        changes = draft.changes(rows, parts)
        right = self.rights[0]
        assert right is not None
        known, shown = [right], list[str]()
        for trial in self._fitting(draft, changes):
            if trial.value is not None and not any(agree(trial.value, k) for k in known):
                known.append(trial.value)
                shown.append(draft.text(trial.change.place, trial.change.new))
        return tuple(sorted(shown, key=len)[:MOST_ALIKE])

    # ------------------------------------------------------------------------ single changes

    def _single(
        self, rows: Sequence[Mutation], parts: Parts, tried: list[RepairTrial]
    ) -> Repair | None:
        """The smallest change of these rows after which the claim is right."""
        changes = self.draft.changes(rows, parts)
        fitting = self._fitting(self.draft, changes)
        tried += fitting
        typed = self.draft.unparser.write(self.root)
        sized = []
        for i, change in enumerate(self._agreeing(fitting)):
            text = self.draft.text(change.place, change.new)
            size = distance(typed, text) + _spreading(self.draft, change)
            sized.append((size, len(text), i, change))
        for _, _, _, change in sorted(sized)[:MOST_VERIFIED]:
            slip = self._slip(self.draft, change)
            mend = self._mend(self.draft.text(change.place, change.new), slip)
            if mend is not None:
                return mend
        return None

    def _fitting(self, draft: ClaimVariant, changes: Iterable[Change]) -> list[RepairTrial]:
        """Those after which the claim has a shape, and the right one; what they and their
        proposals take is taken from what is left."""
        built = []
        before = draft.built
        for change in changes:
            if self._left <= 0:
                break
            e = draft.changed(change.place, change.new)
            self._left -= draft.built - before
            before = draft.built
            if e is not None and e.shape == self._answer.shape:
                built.append((change, e))
        values = values_of([e for _, e in built], self.draws[0])
        return [RepairTrial(c, e, v) for (c, e), v in zip(built, values, strict=True)]

    def _agreeing(self, trials: Sequence[RepairTrial]) -> list[Change]:
        """Those after which the claim has the right value at all draws."""
        first, *others = self.rights
        assert first is not None
        trials = [t for t in trials if agree(t.value, first, self._near)]
        for drawn, right in zip(self.draws[1:], others, strict=True):
            assert right is not None
            values = values_of([t.expression for t in trials], drawn)
            trials = [t for t, v in zip(trials, values, strict=True) if agree(v, right, self._near)]
        return [t.change for t in trials]

    def _slip(self, draft: ClaimVariant, change: Change) -> Mistake:
        old, new = change.place.node, change.new
        if change.mutation.name == REPLACED:
            old, new = narrowed(old, new)
        before, after = _line(draft.unparser.write(old)), _line(draft.unparser.write(new))
        before = before[1:-1] if old.bracketed else before
        known = ""
        if change.mutation.name == "missing factor" and len(new.args) > 1:
            known = self._known_factor(draft.expression(new.args[1]))
        elif change.mutation.name == REPLACED:
            known = self._known_factor(draft.expression(new), derivative=True)
        return Mistake(change.mutation.name, old.span, before, after, known)

    def _known_factor(self, factor: Expr | None, derivative: bool = False) -> str:
        """What a missing factor is: the upstream gradient, or a function's derivative."""
        if factor is None:
            return ""
        if factor is self._request.direction and not derivative:
            return "the upstream gradient"
        for function, own in derivatives_in(self._request.of):
            right, value, turned = values_at([own, factor, transpose(factor)], self.draws[0])
            if right is not None and (agree(value, right) or agree(turned, right)):
                return f"the derivative of `{to_text(function)}`"
        return ""

    def _mend(self, text: str, *slips: Mistake) -> Repair | None:
        """The mend, if its text reads back as a claim that passes the full validation."""
        text, names = _line(text), {}
        if self._request.direction is not None:
            names[self._request.direction.name] = self._request.direction
        try:
            value = read_expression(text, self._problem, names, self._answer.shape)
        except InputError:
            return None
        if idle_parts(value) > self._idle:
            return None
        validation = self.validation_of(value)
        return None if validation is None else Repair(text, slips, validation)

    def validation_of(self, value: Expr) -> Validation | None:
        """What was found of a value that passes the full validation."""
        validation = self._checker.check(value)
        right = validation.verdict == "verified" and not self._checker.has_gaps(value)
        return validation if right else None

    @cached_property
    def _idle(self) -> int:
        """The parts of the claim, or of the answer, that do nothing."""
        own = self.draft.expression(self.root)
        return max(idle_parts(self._answer), 0 if own is None else idle_parts(own))

    def _together(self, text: str, node: SyntaxNode, slips: Sequence[Mistake]) -> Repair | None:
        """The mend by two changes; where one puts something in and the other takes something out,
        or one changes in another way what the first has put there, they are one part that is
        replaced, unless that is all of the claim; in the same way, they are one slip."""
        added = any(s.name in (REPLACED, "missing term", "missing factor") for s in slips)
        taken = any(
            s.name in ("extra term", "extra factor")
            or (s.name == "sum" and len(s.new) < len(s.old))
            for s in slips
        )
        first, *others = slips
        again = any(s.old == first.new and s.name != first.name for s in others)
        if (added and taken) or again:
            old, new = narrowed(self.root, node)
            if old is self.root:
                return None
            before, after = self.draft.unparser.write(old), text[new.span.start : new.span.end]
            return self._mend(text, Mistake(REPLACED, old.span, _line(before), _line(after)))
        if [(first.name, first.new)] == [(s.name, s.old) for s in others]:  # one, made twice
            slips = [replace(first, new=others[0].new)]
        return self._mend(text, *slips)

    # ---------------------------------------------------------------------------- two changes

    def _pair(self, tried: Sequence[RepairTrial], parts: Parts) -> Repair | None:
        """Two changes in different terms: what they do adds up."""
        whole, right = self.draft.expression(self.root), self.rights[0]
        if whole is None or right is None or whole.shape != self._answer.shape:
            return None
        own = values_at([whole], self.draws[0])[0]
        if own is None:
            return None
        wanted = (right - own).ravel()
        most = MOST_TIMES * np.abs(wanted).max()
        effects = {
            t.change: (t.value - own).ravel()
            for t in tried
            if t.value is not None and 0 < np.abs(t.value - own).max() < most
        }
        for first, second in islice(adding_up(effects, wanted), MOST_VERIFIED):
            mend = self._both(first, second, parts)
            if mend is not None:
                return mend
        return None

    def _both(self, first: Change, second: Change, parts: Parts) -> Repair | None:
        """Two changes: in places apart, or the inner one before that around it."""
        a, b = sorted((first, second), key=lambda c: c.place.node.span.start)
        start, end = self.root.span.start, self.root.span.end
        cut = b.place.node.span.start
        if a.place.node.span.end <= cut:
            head, tail = (self.draft.text(c.place, c.new) for c in (a, b))
            text = head[: len(head) - (end - cut)] + tail[cut - start :]
            try:
                node = self._parsed(text)
            except InputError:
                return None
            return self._together(text, node, [self._slip(self.draft, c) for c in (a, b)])
        inner, outer = (b, a) if b.place.node.span.end <= a.place.node.span.end else (a, b)
        text = self.draft.text(inner.place, inner.new)
        return self._after(inner, text, [outer.mutation], parts)

    def _second(self, tried: Sequence[RepairTrial], parts: Parts) -> Repair | None:
        """A small change after a small change: first after those that leave but a factor, then
        after those that make the shapes fit."""
        small = [row for row in TABLE_OF_MUTATIONS if row.rank == 1]
        near = self._proportional(tried)
        fitting = [t.change for t in tried if t.change.mutation in SMALL]
        others = self.draft.changes(SMALL, parts)
        self._left = MOST_BUILT_AFTER
        texts: set[str] = set()
        for first in islice(chain(near, fitting, others), MOST_FIRST):
            text = self.draft.text(first.place, first.new)
            if text in texts or self._left <= 0:
                continue
            texts.add(text)
            mend = self._after(first, text, small, parts)
            if mend is not None:
                return mend
        return None

    def _after(
        self, first: Change, text: str, rows: Sequence[Mutation], parts: Parts
    ) -> Repair | None:
        try:
            node = self._parsed(text)
        except InputError:
            return None
        draft = ClaimVariant(text, node, self.lowering)
        inner = Parts(draft.shape, parts.dims, parts.names, (), (), ())
        changes = draft.changes(rows, inner)
        for change in self._agreeing(self._fitting(draft, changes))[:1]:
            slips = [self._slip(self.draft, first), self._slip(draft, change)]
            text = draft.text(change.place, change.new)
            node = self._parsed(text)
            return self._together(text, node, slips)
        return None

    def _parsed(self, text: str) -> SyntaxNode:
        return parse_expression(
            text, vocabulary_of(self._problem), self._problem.functions, self.lowering.values
        )

    def _proportional(self, tried: Sequence[RepairTrial]) -> list[Change]:
        """The changes after which the claim is right but for a factor."""
        right = self.rights[0]
        assert right is not None
        near = [
            t.change for t in tried if t.value is not None and ratio(t.value, right) is not None
        ]
        return sorted(near, key=lambda c: len(self.draft.text(c.place, c.new)))

    # -------------------------------------------------------------------------- what is put in

    def parts(self) -> Parts:
        """What changes may put in: parts of the answer, and names of the problem."""
        span = self.root.span

        def named(name: str) -> SyntaxNode:
            return name_node(name, span)

        answer, of = self._answer, self._request.of
        dims = [name for d in dims_of([answer, of]) for name in d.names]
        pieces = [e for e in postorder([answer]) if not isinstance(e, Number) and e is not answer]
        pieces += [derivative for _, derivative in derivatives_in(of)]
        pieces = sorted(dict.fromkeys(pieces), key=length)[:MOST_PIECES]
        opened = written_out(answer, lambda _: True)
        found = filter(None, map(exact, postorder([answer, *pieces, opened])))
        numbers = [k for q in found for k in (abs(q), q.denominator, abs(q.numerator))]
        terms = [*terms_of(answer), *distributed(answer), *pieces]
        return Parts(
            self.draft.shape,
            [named(n) for n in dict.fromkeys(dims)][:4],
            [named(n) for n in self.lowering.values if n != IDENTITY],
            [n for n in map(self._typed, pieces) if n is not None],
            [n for n in map(self._typed, dict.fromkeys(terms)) if n is not None][:MOST_TERMS],
            list(dict.fromkeys(functions_in([answer, of]))),
            [number_node(k, span) for k in dict.fromkeys(numbers) if k != 1][:MOST_NUMBERS],
        )

    def _typed(self, e: Expr) -> SyntaxNode | None:
        """The node of an expression, as it would be typed; None if nobody would."""
        if length(e) > LONGEST:
            return None
        try:
            text = to_text(e, taken=[IDENTITY])
            node = self._parsed(text)
        except InputError:
            return None
        self.draft.unparser.learn(node, text)
        return node

    def _size_identities(self) -> None:
        """A bare `I` has a size where the claim has a shape; else it gets one that makes most
        fit."""
        names = [n for n in nodes_of(self.root) if n.kind == "name" and n.value == IDENTITY]
        values = self.lowering.values
        if not names or IDENTITY in values:
            return
        found = self.draft.expression(names[0])
        sides = [*self._answer.shape, *(d for e in values.values() for d in e.shape)]
        sizes = [found.shape[0]] if found is not None else list(dict.fromkeys(sides))
        drafts = [self._with_identity(size) for size in sizes]
        self.lowering, self.draft = max(drafts, key=lambda pair: _fitting(pair[1]))

    def _with_identity(self, size: Dim) -> tuple[Lowering, ClaimVariant]:
        old = self.lowering
        lowering = Lowering({**old.values, IDENTITY: eye(size)}, old.inference, old.text)
        return lowering, ClaimVariant(old.text, self.root, lowering)


def _line(text: str) -> str:
    return " ".join(text.split())


def _spreading(draft: ClaimVariant, change: Change) -> int:
    """What a new product is behind others for that has a column spread over a matrix."""
    new = change.new
    if new.kind not in (".*", "./"):
        return 0
    a, b = (draft.shape(arg) for arg in new.args)
    return 0 if a == b or SCALAR in (a, b) else SPREADING


def _fitting(draft: ClaimVariant) -> int:
    return sum(draft.expression(place.node) is not None for place in draft.places)


def adding_up(effects: Mapping[T, Array], wanted: Array) -> Iterator[tuple[T, T]]:
    """Pairs of changes whose effects have the wanted sum."""
    changes = list(effects)
    if not changes:
        return
    table = np.array([effects[c] for c in changes])
    weights = np.cos(1.0 + np.arange(wanted.size))  # any that make different sums differ
    sums, total = table @ weights, float(wanted @ weights)
    order = np.argsort(sums, kind="stable")
    near = SAME * np.abs(wanted).sum()
    low = np.searchsorted(sums[order], total - sums - near)
    high = np.searchsorted(sums[order], total - sums + near)
    for i, first in enumerate(changes):
        for j in order[low[i] : high[i]]:
            if i < j and np.abs(table[i] + table[j] - wanted).max() <= near:
                yield first, changes[j]
