"""What self-tests and trials look at: a few members of each family, each an input of its own.

So what tests a function of arrays tests lists too: `W[1]` is drawn, moved and compared alone. A
plain problem has no families, and all of it stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from math import prod

from ...core.errors import RequestError
from ...core.expr import Expr, Symbol, as_symbol
from ...core.families import NO_FAMILIES, Place, Segment, at_index, reindexed
from ...core.indices import Range, base_of, member, name_of, parts, renamed, within
from ...core.problem import Problem, Request
from ...core.results import Result
from ...core.returned import LEFT_OUT, Returned
from ...families.unrolled_checks import gradients, places_asked
from ...families.unrolling import Unrolling, values_within
from .custom_rules import CustomRule
from .self_test import Checked, Ruled, Stacking
from .signature import Arguments, is_listed

MEMBERS = 3  # the first length is that, the others differ
LONGER = 4  # by how much, until there are letters within ranges


class SampledMembers:
    """The members of a problem's families at lengths that are numbers, where letters are within
    ranges."""

    def __init__(
        self, problem: Problem, results: Sequence[Result], ranges: Sequence[Range] = ()
    ) -> None:
        self._families = problem.families
        least = [r.recursion.least for r in results if r.recursion is not None]
        self.lengths = {
            letter: max([MEMBERS, *(one.get(letter, 1) for one in least)]) + i
            for i, letter in enumerate(self._families.lengths)
        }
        for more in range(LONGER):
            lengths = {letter: k + more for letter, k in self.lengths.items()}
            letters = values_within(ranges, lengths)
            if letters:
                chosen = letters[len(letters) // 2]
                self.lengths = {**lengths, **{t: i.offset for t, i in chosen.items()}}
                break
        self._unrolling = Unrolling(self._families.segments, self.lengths)
        self._expressions: dict[str, list[Expr]] = {}

    def expressions(self, a: Returned) -> list[Expr]:
        """What is returned at these lengths, each member in order, in the inputs alone."""
        if a.key not in self._expressions:
            self._expressions[a.key] = self._written_out(a)
        return self._expressions[a.key]

    def _written_out(self, a: Returned) -> list[Expr]:
        if a.result is not None and a.result.recursion is not None:
            request, recursion = a.result.request, a.result.recursion
            found = gradients(self._families, request, recursion, self.lengths)
            if request.rows is None or not (a.listed and recursion.left_out):
                return [*found]
            own = within(request.rows.indices, self._unrolling.indices)
            places = (place for place, _ in places_asked(request, self._families, self.lengths))
            return [LEFT_OUT if place == own else e for e, place in zip(found, places, strict=True)]
        if self._families == NO_FAMILIES:
            return [a.expression]
        return [self._unrolling.expression(a.expression)]

    def checked(self, outputs: Sequence[Returned], given: Arguments) -> list[Checked]:
        """The gradients that a function returns after the values, with what they are of. Raises
        RequestError."""
        names = {e.name: name for e, name in given.inputs.items()}
        values = [a.expression for a in outputs if a.request is None]
        checked: list[Checked] = []
        asked = (pair for a in outputs for pair in self._asked(a, given))
        for at, (key, request) in enumerate(asked, len(values)):
            direction = request.direction
            upstream = "" if direction is None else names.get(direction.name, "")
            if request.rows != request.wrt:
                checked.append(Checked(key, request, at, values.index(request.of), upstream))
        return checked

    def ruled(self, rule: CustomRule) -> Ruled:
        """What is tested of a backward rule. Raises RequestError."""
        given = self.arguments(rule.given)
        gradients = [pair for a in rule.answers for pair in self._asked(a, given)]
        drawn = gradients[0][1].direction
        upstream = None if drawn is None else (self._numbered(drawn), rule.upstream)
        return Ruled(rule.entry, given, gradients, upstream)

    def stacking(self, given: Arguments, outputs: Sequence[Returned] = ()) -> Stacking | None:
        """How members are put together where families are arrays; None where they are lists."""
        if not given.stacked:
            return None
        sizes = {
            given.inputs[e]: tuple(d.size(self.lengths) for d in lead)
            for e, lead in given.stacked.items()
        }
        for e in given.stacked:
            own = self._inputs(e.base)
            if own and len(own) < prod(sizes[given.inputs[e]]):
                raise RequestError(
                    f"`{e.base}` is given in part, and a self-test makes arrays of what it draws: "
                    "leave the self-test out."
                )
        listed = (a.request.wrt if a.request is not None and a.listed else None for a in outputs)
        return Stacking(sizes, tuple(0 if wrt is None else len(wrt.indices) for wrt in listed))

    # ---- members

    def arguments(self, given: Arguments) -> Arguments:
        """The parameters, with one for each member of a list."""
        inputs: dict[Symbol, str] = {}
        functions: dict[object, str] = {}
        for e, name in given.inputs.items():
            for one in self._inputs(e.base) if e.indices else [self._numbered(e)]:
                inputs[one] = name_of(name, one.indices if e.indices else ())
        for key, name in given.functions.items():
            if is_listed(key):
                base, order = base_of(key[0]), key[1]
                for i in self._indices(s for s in self._families.functions if s.base == base):
                    functions[member(base, *i), order] = member(name, *i)
            else:
                functions[key] = name
        return replace(given, inputs=inputs, functions=functions)

    def _inputs(self, base: str) -> list[Symbol]:
        """The members of a family that are given, in order."""
        found: dict[Place, Symbol] = {}
        for s in self._families.of(base):
            if s.body is None:
                for i in self._indices([s]):
                    values = {**self._unrolling.indices, **s.values(i)}
                    found[i] = at_index(s.symbol(s.indices), values)
        return [found[i] for i in sorted(found)]

    def _indices(self, segments: Iterable[Segment]) -> list[Place]:
        return sorted({place for s in segments for place in self._unrolling.members(s)})

    def _numbered(self, e: Expr) -> Symbol:
        return as_symbol(reindexed(e, self._unrolling.indices))

    def _asked(self, a: Returned, given: Arguments) -> Iterator[tuple[str, Request]]:
        """The gradients that an answer has, in order: by one input, or by each member. Raises
        RequestError."""
        request = a.request
        if request is None:
            return
        name = request.wrt.name
        names = [renamed(name, self._unrolling.indices)]
        if a.listed:
            base, _ = parts(name)
            fixed = within(request.wrt.indices, self._unrolling.indices)
            places = self._indices(self._families.of(base))
            names = [member(base, *i) for i in places if _agree(i, fixed)]
        inputs = {e.name: e for e in given.inputs}
        for one in names:
            if one not in inputs:
                raise RequestError(
                    f"`{one}` is computed: a self-test moves inputs, so leave out `{request.key}`."
                )
            key = a.key.replace(f" wrt {name}", f" wrt {one}")
            rows = None if request.rows is None else self._numbered(request.rows)
            yield key, replace(request, wrt=inputs[one], rows=rows)


def _agree(place: Place, asked: Place) -> bool:
    """Whether a member has the numbers that are asked for."""
    return all(j.letter or i == j for i, j in zip(place, asked, strict=True))
