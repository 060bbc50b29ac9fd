"""Claims on members of families: the verdict on every member, and what is said of a wrong one.

A claim on gradients is judged by unrolling. A wrong one is mended in a single step of the
recurrence, a problem of its own in which the other members are inputs, and what is differentiated
is what the uses of the member add to the result: the sum of the cotangents times the definitions.
A claim on other derivatives is judged for each value of all letters, at several lengths; the right
answer is that of the first member of which the claim is wrong.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property

from ..core import expr as ex
from ..core.errors import InputError
from ..core.expr import Abstract, Expr, Symbol, Total
from ..core.families import MemberBox, Place, box_of, members_in, reindexed
from ..core.indices import Index, Range, base_of, is_at_most, numbered, renamed, within, written
from ..core.problem import Problem, Request
from ..core.results import Equation, Recursion, Validation
from ..core.traversal import postorder, substitute, symbols_of
from ..families.given_checks import at_given, claimed, validate_given
from ..families.recurrence import MemberUse, unshifted
from ..families.unrolled_checks import (
    Judged,
    depths,
    judged,
    unrolled,
    validate,
    worst_of,
)
from ..families.unrolling import Unrolling, segments_of
from ..language.expressions import read_expression
from ..language.printer import to_text
from ..pipeline.member_derivatives import MemberDerivative, backpropagation
from .verdicts import Judgement, not_refused, verdict_on
from .wrong_claims import WrongClaim, with_more


@dataclass(frozen=True, slots=True)
class Region:
    """Members whose gradient has one formula: from where to where the letters of the claim run, and
    whether the claim is right there."""

    box: MemberBox
    equation: Equation
    right: bool

    @property
    def first(self) -> Place:
        return self.box[0]

    def text(self, letters: Sequence[str], whole: Sequence[Range] = ()) -> str:
        """The members, by what runs over less than the whole."""
        ranges = [Range(t, a, b) for t, a, b in zip(letters, *self.box, strict=True)]
        parts = [r for r in ranges if r not in whole] or ranges
        return ", ".join(f"{r.letter} = {r.first}" if r.first == r.last else str(r) for r in parts)


@dataclass(frozen=True, slots=True)
class MembersVerdict:
    """The verdict on a claim, and where it is right."""

    validation: Validation
    regions: tuple[Region, ...]


class Assertion:
    """The claim of a request on families."""

    def __init__(self, problem: Problem, request: Request, seed: int) -> None:
        assert request.claim is not None
        self._problem, self._request, self._seed = problem, request, seed
        self._families = problem.families
        self._claim = request.claim
        self._plain = unshifted(self._families, request)
        self._plain, self._back = backpropagation(problem, self._plain, seed)

    @cached_property
    def recursion(self) -> Recursion:
        """The recurrences on which the claim rests, and those of the right answer."""
        value = self._claim.value
        found = self._back.recursion([] if value is None else [value])
        least = dict(found.least)
        for over in self._claim.ranges:
            letter, needed = over.last.letter, over.first.offset - over.last.offset
            if letter and not over.first.letter:
                least[letter] = max(least[letter], needed)
        if value is None:
            return found._replace(least=least)
        shifted = (s.base for s, _ in members_in(value) if any(i.others for i in s.indices))
        padded = dict.fromkeys((*found.padded, *((base, 0) for base in shifted)))
        return found._replace(least=least, padded=tuple(padded))

    def ruling(self, value: Expr) -> MembersVerdict:
        """The verdict of the differences on a claimed value, for all members at several lengths."""
        request = replace(self._request, claim=self._claim._replace(value=value))
        found = list(judged(self._problem, request, self.recursion, self._seed))
        worst = worst_of(found, self._seed)
        if worst.verdict == "wrong" and not self._rests_on_what_is_verified():
            worst = replace(worst, verdict="unchecked", reason="the recurrence is not verified")
        places = [(j.lengths, j.member.at) for j in found]
        rights = [j.validation.verdict == "verified" for j in found]
        return MembersVerdict(worst, tuple(self._regions(places, rights)))

    # ---- the recurrence that the claim rests on

    def _rests_on_what_is_verified(self) -> bool:
        """Whether the cotangents are verified: each as the gradient that it is."""
        bases = {name: base for base, name in self._back.names.items()}
        named = dict.fromkeys(q.symbol.base for q in self.recursion.cotangents)
        for base in (bases[name] for name in named):
            segment = next((s for s in self._families.of(base) if s.ranges), None)
            if segment is None or self._families.of_unknown(segment) is not None:
                continue
            letters = {r.letter for r in segment.ranges}
            at = tuple(Index(i.letter) if i.letter in letters else i for i in segment.indices)
            request = replace(self._plain, wrt=segment.symbol(at))
            request, back = backpropagation(self._problem, request, self._seed)
            verdict = validate(self._problem, request, back.recursion(), self._seed).verdict
            if verdict != "verified":
                return False
        return True

    # ---- where it is right

    @property
    def regions(self) -> tuple[Region, ...]:
        """The members for which the claim is made, where it is right nowhere."""
        request = replace(self._request, claim=self._claim._replace(value=self._request.wrt))
        places = [
            (lengths, member.at)
            for lengths in depths(self.recursion)
            for member in unrolled(self._families, request, self.recursion, lengths)
        ]
        return tuple(self._regions(places, [False] * len(places)))

    def answer(self, region: Region) -> Expr:
        """The right answer for the members of a region, in the claim's letters."""
        q = region.equation
        own, letters = self._request.wrt.indices, {r.letter for r in q.ranges}
        at = {
            i.letter: k.plus(-i.offset)
            for i, k in zip(q.symbol.indices, own, strict=False)
            if i.letter in letters
        }
        return reindexed(q.value, at) if at else q.value

    @property
    def letters(self) -> list[str]:
        """The letters of the members for which the claim is made."""
        return [over.letter for over in self._claim.ranges]

    def _equations(self) -> Iterator[tuple[MemberBox, Equation]]:
        """The right answer, with from where to where the members are for which each equation is."""
        gradients = self.recursion.gradients
        own = self._back.names.get(self._plain.wrt.base)
        equations: Sequence[Equation] = gradients
        if own is not None:
            cotangents = self.recursion.cotangents
            equations = [q for q in cotangents if q.symbol.base == own]
        for q in equations:
            yield box_of(q.symbol.indices, [over.rising for over in q.ranges]), q

    def _regions(
        self, places: Sequence[tuple[Mapping[str, int], tuple[int, ...]]], rights: Sequence[bool]
    ) -> Iterator[Region]:
        own = self._request.wrt.indices
        for box, q in self._equations():
            axes = list(zip(own, *box, strict=True)) if own else []
            fixed = [(i, low, high) for i, low, high in axes if i.letter not in self.letters]
            if not all(is_at_most(low, i) and is_at_most(i, high) for i, low, high in fixed):
                continue
            ends = {
                i.letter: (low.plus(-i.offset), high.plus(-i.offset))
                for i, low, high in axes
                if i.letter in self.letters
            }
            low, high = (tuple(ends[t][end] for t in self.letters) for end in (0, 1))
            within = [
                right
                for (lengths, at), right in zip(places, rights, strict=True)
                if all(
                    _number(a, lengths) <= k <= _number(b, lengths)
                    for a, k, b in zip(low, at, high, strict=True)
                )
            ]
            if within:
                yield Region((low, high), q, all(within))

    # ---- one step alone

    def step(self, region: Region) -> tuple[Problem, Request] | None:
        """The members of a region as an ordinary problem, in the claim's own names; None where
        there is none: where members are summed, or the letter stands for a number."""
        base, indices = self._request.wrt.base, self._request.wrt.indices
        if not indices:
            return None
        ends = [dict(zip(self.letters, end, strict=True)) for end in region.box]
        low, high = (tuple(i.within(end) for i in indices) for end in ends)
        terms, definitions = [], dict[str, Expr]()
        for piece, x in self._back.uses_between(base, (low, high)):
            at = self._renaming(piece, x, region)
            if at is None:
                return None
            body, upstream = reindexed(piece.body, at), reindexed(piece.upstream, at)
            if piece.defines is not None:
                name = renamed(piece.defines.name, at)
                body = definitions.setdefault(name, ex.named(name, body))
            terms.append(body if piece.upstream is ex.UNIT else _inner(upstream, body))
        if not terms:
            return None
        of = ex.add(*terms)
        definitions.update(self._starts(of, definitions, self._one_member(region)))
        return self._alone(substitute(of, _symbols(definitions)), definitions)

    def _starts(
        self, of: Expr, definitions: Mapping[str, Expr], at: Mapping[str, Index]
    ) -> Iterator[tuple[str, Expr]]:
        """The cotangents that are given: G[L] = V. What depends on members stays a symbol, or it
        would be differentiated too."""
        used = {s.name for s in symbols_of(of)}
        for q in self.recursion.cotangents:
            name = renamed(q.symbol.name, at)
            if not q.ranges and name in used - {*definitions} and isinstance(q.value, Symbol):
                yield name, ex.named(name, reindexed(q.value, at))

    def _one_member(self, region: Region) -> dict[str, Index]:
        """Where all is for one member: L is called l."""
        ends = zip(self.letters, *region.box, strict=True)
        return {a.letter: Index(letter, -a.offset) for letter, a, b in ends if a == b}

    def _renaming(self, piece: MemberUse, x: Symbol, region: Region) -> dict[str, Index] | None:
        """What to put for the letters of a piece in which the member is `x`."""
        at = self._one_member(region)
        if "" in at or any(i.others for i in x.indices):
            return None
        own = dict(zip([i.letter for i in x.indices], self._request.wrt.indices, strict=True))
        offsets = {i.letter: i.offset for i in x.indices}
        for over in piece.ranges:
            if over.letter not in own:
                return None
            at[over.letter] = own[over.letter].plus(-offsets[over.letter])
        return at

    def _alone(self, of: Expr, definitions: Mapping[str, Expr]) -> tuple[Problem, Request] | None:
        problem, value = self._problem, self._claim.value
        if value is not None:
            value = substitute(value, _symbols(definitions))
        roots = [of, self._request.wrt, *([] if value is None else [value])]
        nodes = list(postorder(roots))
        if any(isinstance(e, Total) for e in nodes):
            return None
        symbols = {e.name: e for e in nodes if isinstance(e, Symbol)}
        symbols.update((n, e) for n, e in problem.symbols.items() if not e.indices)
        called = {e.name for e in nodes if isinstance(e, Abstract)}
        functions = dict.fromkeys([*problem.functions, *map(base_of, sorted(called))])
        claim = self._claim._replace(value=value)
        request = replace(
            self._request, kind="grad", of=of, direction=None, claim=claim, symmetric=False
        )
        alone = Problem(
            problem.text,
            symbols,
            definitions,
            (request,),
            tuple(dict.fromkeys([*functions, *sorted(called)])),
        )
        return alone, request

    def members_again(self, value: Expr, alone: Problem) -> Expr:
        """A value of the ordinary problem as one of members."""
        return substitute(value, {e: ex.symbol(n, e.shape) for n, e in alone.definitions.items()})


def _symbols(definitions: Mapping[str, Expr]) -> dict[Expr, Expr]:
    """The members as symbols, and what defines them."""
    return {ex.symbol(n, e.shape): e for n, e in definitions.items()}


def _inner(upstream: Expr, body: Expr) -> Expr:
    product = ex.times(upstream, body)
    return product if product.is_scalar else ex.call("sum", product)


def _number(index: Index, lengths: Mapping[str, int]) -> int:
    return index.within(numbered(lengths)).offset


def _holding(request: Request, recursion: Recursion, values: Mapping[str, int]) -> Equation:
    """The equation for the member at which the letters have these values."""
    letters = [r.letter for r in request.ranges]
    place = within(request.wrt.indices, numbered(values))
    for q in recursion.gradients:
        for held in at_given(recursion._replace(gradients=(q,)), values, letters).gradients:
            pieces = segments_of([held])
            if not pieces or place in Unrolling((), values).members(pieces[0]):
                return q
    return recursion.gradients[0]


def judged_of_families(problem: Problem, request: Request, seed: int) -> Judgement:
    """The verdict on a claim in a problem with families."""
    claim = request.claim
    assert claim is not None
    if request.kind not in ("grad", "vjp") or request.ranges:
        return _judged_of_members(problem, request, seed)
    assertion = Assertion(problem, request, seed)
    ruling = None if claim.value is None else assertion.ruling(claim.value)
    validation = None if ruling is None else ruling.validation
    found = not_refused(request, validation)
    if found is not None:
        return found
    plain = WrongClaim(problem, request, validation, seed).plain()
    return _judged_in_a_step(
        plain, assertion, assertion.regions if ruling is None else ruling.regions, seed
    )


def _judged_of_members(problem: Problem, request: Request, seed: int) -> Judgement:
    """The verdict on a claim that is none on a gradient by members. Raises DerivationError."""
    claim = request.claim
    assert claim is not None
    if claim.value is None:
        return WrongClaim(problem, request, None, seed).plain()
    plain = unshifted(problem.families, request)
    derivative = MemberDerivative(problem, plain, seed)
    recursion, first = derivative.recursion(), derivative.first
    found = [*claimed(problem, request, recursion, first, seed)]
    worst = worst_of([Judged(m.values, m.found, v) for m, v in found], seed)
    if (
        worst.verdict == "wrong"
        and validate_given(problem, plain, recursion, first, seed).verdict != "verified"
    ):
        worst = replace(worst, verdict="unchecked", reason="what is right is not verified")
    judgement = not_refused(request, worst)
    if judgement is not None:
        return judgement
    values = next(m.values for m, v in found if v.verdict == "wrong")
    q = _holding(plain, recursion, values)
    answer, where = to_text(q.value), written([r for r in q.ranges if r.first != r.last])
    said = f"{worst.reason}; it is `{answer}`{f' for {where}' if where else ''}"
    error = worst.max_relative_error
    return Judgement(request, claim.text, "wrong", error, said, answer, None, worst)


def _judged_in_a_step(
    plain: Judgement, assertion: Assertion, regions: Sequence[Region], seed: int
) -> Judgement:
    """A wrong claim on members, mended in one step of the recurrence alone; what mends it is
    checked in the whole network."""
    claim = plain.request.claim
    letters, whole = assertion.letters, () if claim is None else claim.ranges
    wrong = next(r for r in regions if not r.right)
    answer = to_text(assertion.answer(wrong))
    rights = [r.text(letters, whole) for r in regions if r.right]
    if rights:
        said = f"right for {' and '.join(rights)} only: for {wrong.text(letters, whole)} the"
        said += f" gradient is `{answer}`"
        return replace(plain, diagnosis=said, suggestion=answer)
    step = assertion.step(wrong)
    if step is not None:
        alone, local = step
        value = None if local.claim is None else local.claim.value
        validation = None if value is None else verdict_on(alone, local, value, seed)
        judged = WrongClaim(alone, local, validation, seed).judgement()
        if judged.suggestion is not None:
            right: set[Place] = set()
            with suppress(InputError):  # it mentions what isn't there at all these lengths
                value = assertion.members_again(read_expression(judged.suggestion, alone), alone)
                right = {r.first for r in assertion.ruling(value).regions if r.right}
            if wrong.first in right:
                return replace(
                    judged, request=plain.request, validation=plain.validation, error=plain.error
                )
    return with_more(plain, [f"the gradient is `{answer}`"], suggestion=answer)
