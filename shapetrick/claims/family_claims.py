"""Claims on families: the verdict on every member by unrolling, and a single step of the recurrence
as a problem of its own, in which a wrong claim is mended as any other.

In that problem the other members are inputs, and what is differentiated is what the uses of the
member add to the result: the sum of the cotangents times the definitions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from ..core import expr as ex
from ..core.expr import Abstract, Expr, Symbol
from ..core.families import at_most, reindexed
from ..core.indices import Index, Range, base_of, renamed
from ..core.problem import Problem, Request
from ..core.results import Equation, Recursion, Validation
from ..core.traversal import postorder, substitute, symbols_of
from ..families.recurrence import Backpropagation, MemberUse, unshifted
from ..families.unrolled_checks import (
    depths,
    judged,
    unrolled,
    validate,
    worst_of,
)


@dataclass(frozen=True, slots=True)
class Region:
    """Members whose gradient has one formula: an index or a range in the letter of the claim, and
    whether the claim is right there."""

    first: Index
    last: Index
    equation: Equation
    right: bool

    def text(self, letter: str) -> str:
        if self.first == self.last:
            return f"{letter} = {self.first}"
        return str(Range(letter, self.first, self.last))


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
        self._back = Backpropagation(problem, self._plain, self._families)

    @cached_property
    def recursion(self) -> Recursion:
        """The recurrences on which the claim rests, and those of the right answer."""
        value, over = self._claim.value, self._claim.over
        found = self._back.recursion([] if value is None else [value])
        if over is None or not over.last.letter or over.first.letter:
            return found
        letter, needed = over.last.letter, over.first.offset - over.last.offset
        return found._replace(least={**found.least, letter: max(found.least[letter], needed)})

    def ruling(self, value: Expr) -> MembersVerdict:
        """The verdict of the differences on a claimed value, for all members at several lengths."""
        request = replace(self._request, claim=self._claim._replace(value=value))
        found = list(judged(self._problem, request, self.recursion, self._seed))
        worst = worst_of(found, self._seed)
        if worst.verdict == "wrong" and not self._rests_on_what_is_verified():
            worst = replace(worst, verdict="unchecked", reason="the recurrence is not verified")
        places = [(j.lengths, j.member.index) for j in found]
        rights = [j.validation.verdict == "verified" for j in found]
        return MembersVerdict(worst, tuple(self._regions(places, rights)))

    # ---- the recurrence that the claim rests on

    def _rests_on_what_is_verified(self) -> bool:
        """Whether the cotangents are verified: each as the gradient that it is."""
        bases = {name: base for base, name in self._back.names.items()}
        named = dict.fromkeys(q.symbol.base for q in self.recursion.cotangents)
        for base in (bases[name] for name in named):
            segment = next((s for s in self._families.of(base) if s.over is not None), None)
            if segment is None or segment.over is None:
                continue
            request = replace(self._plain, wrt=segment.symbol(Index(segment.over.letter)))
            recursion = Backpropagation(self._problem, request, self._families).recursion()
            verdict = validate(self._problem, request, recursion, self._seed).verdict
            if verdict != "verified":
                return False
        return True

    # ---- where it is right

    @property
    def regions(self) -> tuple[Region, ...]:
        """The members for which the claim is made, where it is right nowhere."""
        request = replace(self._request, claim=self._claim._replace(value=self._request.wrt))
        places = [
            (lengths, member.index)
            for lengths in depths(self.recursion)
            for member in unrolled(self._families, request, self.recursion, lengths)
        ]
        return tuple(self._regions(places, [False] * len(places)))

    def answer(self, region: Region) -> Expr:
        """The right answer for the members of a region, in the claim's letter."""
        q = region.equation
        own, index = self._request.wrt.index, q.symbol.index
        if q.over is None or own is None or index is None:
            return q.value
        return reindexed(q.value, {q.over.letter: own.plus(-index.offset)})

    @property
    def _letter(self) -> str:
        return "" if self._claim.over is None else self._claim.over.letter

    def _equations(self) -> Iterator[tuple[Index, Index, Equation]]:
        """The right answer, with the indices of the members for which each equation is."""
        gradients = self.recursion.gradients
        own = self._back.names.get(self._plain.wrt.base)
        equations: Sequence[Equation] = gradients
        if own is not None:
            cotangents = self.recursion.cotangents
            equations = [q for q in cotangents if q.symbol.base == own]
        for q in equations:
            yield *(q.symbol.index or Index()).ends(q.over), q

    def _regions(
        self, places: Sequence[tuple[Mapping[str, int], int]], rights: Sequence[bool]
    ) -> Iterator[Region]:
        own = self._request.wrt.index
        offset = own.offset if own is not None and self._letter else 0
        for first, last, q in self._equations():
            low, high = first.plus(-offset), last.plus(-offset)
            if own is not None and not self._letter:
                if not (at_most(first, own) and at_most(own, last)):
                    continue
                low = high = own
            within = [
                right
                for (lengths, k), right in zip(places, rights, strict=True)
                if not self._letter or _number(low, lengths) <= k <= _number(high, lengths)
            ]
            if within:
                yield Region(low, high, q, all(within))

    # ---- one step alone

    def step(self, region: Region) -> tuple[Problem, Request] | None:
        """The members of a region as an ordinary problem, in the claim's own names; None where
        there is none: where uses by other members are summed, or the letter stands for a number."""
        base, index = self._request.wrt.base, self._request.wrt.index
        if index is None:
            return None
        offset = index.offset if self._letter else 0
        uses = self._back.uses_between(base, region.first.plus(offset), region.last.plus(offset))
        terms, definitions = [], dict[str, Expr]()
        for piece, own in uses:
            at = self._renaming(piece, own, index, region)
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
            if q.over is None and name in used - {*definitions} and isinstance(q.value, Symbol):
                yield name, ex.named(name, reindexed(q.value, at))

    def _one_member(self, region: Region) -> dict[str, Index]:
        """Where all is for one member: L is called l."""
        if not self._letter or region.first != region.last:
            return {}
        return {region.first.letter: Index(self._letter, -region.first.offset)}

    def _renaming(
        self, piece: MemberUse, own: Index, index: Index, region: Region
    ) -> dict[str, Index] | None:
        """What to put for the letters of a piece in which the member has the index `own`."""
        at = self._one_member(region)
        if "" in at:
            return None
        if piece.over is not None:
            if own.letter != piece.over.letter:
                return None
            at[own.letter] = index.plus(-own.offset)
        return at

    def _alone(self, of: Expr, definitions: Mapping[str, Expr]) -> tuple[Problem, Request]:
        problem, value = self._problem, self._claim.value
        if value is not None:
            value = substitute(value, _symbols(definitions))
        roots = [of, self._request.wrt, *([] if value is None else [value])]
        nodes = list(postorder(roots))
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
    return lengths.get(index.letter, 0) + index.offset
