"""The self-test of loops: for a few members, each of which is an input of its own.

So what tests a function of arrays tests lists too: `W[1]` is drawn, moved and compared alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from ...core.dims import Sizes
from ...core.errors import RequestError
from ...core.expr import Expr, Symbol, as_symbol
from ...core.families import Segment, at_index, reindexed
from ...core.indices import Index, base_of, member, name_of, renamed
from ...core.problem import Problem, Request
from ...core.results import Result
from ...families.forward_backward import Answer
from ...families.unrolled_checks import gradients
from ...families.unrolling import Unrolling
from ...numerics.sampling import assignments
from .loop_rules import LoopRule
from .loops import Loops, Parameter
from .self_test import Checked, Draws, Ruled, members_test
from .signature import Arguments

MEMBERS = 3  # the first length is that, the others differ


class Members:
    """The members of a problem's families at lengths that are numbers."""

    def __init__(self, problem: Problem, results: Sequence[Result]) -> None:
        assert problem.families is not None
        self._families = problem.families
        least = [r.recursion.least for r in results if r.recursion is not None]
        self.lengths = {
            letter: max([MEMBERS, *(one[letter] for one in least)]) + i
            for i, letter in enumerate(self._families.lengths)
        }
        self._unrolling = Unrolling((), self.lengths)

    def expressions(self, a: Answer) -> list[Expr]:
        """What an answer is at these lengths, each member in order, in the inputs alone."""
        result = a.result
        if result is None or result.recursion is None:
            return [Unrolling(self._families.segments, self.lengths).expression(a.of)]
        return [*gradients(self._families, result.request, result.recursion, self.lengths)]

    def sizes(self, loops: Loops) -> Iterator[Sizes]:
        """Sizes to try, with the lengths."""
        inputs = self.arguments(loops.parameters).inputs
        dims = list(dict.fromkeys(d for e in inputs for d in e.shape))
        for found in assignments(dims, np.random.default_rng(0)):
            yield {**found, **self.lengths}

    def test(self, loops: Loops, draws: Draws) -> list[str]:
        """The test of a function that returns values and gradients. Raises RequestError."""
        given = self.arguments(loops.parameters)
        names = {e.name: name for e, name in given.inputs.items()}
        values = [a for a in loops.answers if a.result is None]
        places = {a.of: i for i, a in enumerate(values)}
        checked: list[Checked] = []
        for a in loops.answers:
            for key, request in self._asked(a, given):
                direction = request.direction
                upstream = "" if direction is None else names[direction.name]
                at = len(values) + len(checked)
                checked.append(Checked(key, request, at, places[a.of], upstream))
        return members_test(given, loops.library, draws, checked)

    def ruled(self, rule: LoopRule) -> Ruled:
        """What is tested of a backward rule. Raises RequestError."""
        given = self.arguments(rule.parameters)
        gradients = [pair for a in rule.gradients for pair in self._asked(a, given)]
        drawn = None if rule.direction is None else self._numbered(rule.direction)
        upstream = None if drawn is None else (drawn, rule.upstream)
        return Ruled(rule.entry, given, gradients, upstream)

    # ---- members

    def arguments(self, parameters: Iterable[Parameter]) -> Arguments:
        """The parameters, with one for each member of a list."""
        inputs: dict[Symbol, str] = {}
        functions: dict[object, str] = {}
        lengths: dict[str, str] = {}
        for p in parameters:
            if p.value is not None:
                for e in self._inputs(p.name) if p.listed else [self._numbered(p.value)]:
                    inputs[e] = name_of(p.identifier, e.indices if p.listed else ())
            elif p.function is not None:
                base, order = p.function
                own = [s for s in self._families.functions if s.base == base]
                if not own:
                    functions[p.function] = p.identifier
                for i in self._indices(own):
                    functions[member(base, i), order] = member(p.identifier, i)
            elif p.name in self.lengths:
                lengths[p.name] = p.identifier
            else:
                functions[p.name] = p.identifier
        return Arguments(inputs, lengths, functions, tuple(lengths), {}, ())

    def _inputs(self, base: str) -> list[Symbol]:
        """The members of a family that are given, in order."""
        found: dict[Index, Symbol] = {}
        for s in self._families.of(base):
            if s.body is None:
                for i in self._indices([s]):
                    values = {**self._unrolling.indices, **s.values(i)}
                    found[i] = at_index(s.symbol(s.index), values)
        return [found[i] for i in sorted(found)]

    def _indices(self, segments: Iterable[Segment]) -> list[Index]:
        found = {k for s in segments for k in self._unrolling.members(s)}
        return [Index("", k) for k in sorted(found)]

    def _numbered(self, e: Expr) -> Symbol:
        return as_symbol(reindexed(e, self._unrolling.indices))

    def _asked(self, a: Answer, given: Arguments) -> Iterator[tuple[str, Request]]:
        """The gradients that an answer has, in order: by one input, or by each member. Raises
        RequestError."""
        if a.result is None:
            return
        request = a.result.request
        name = request.wrt.name
        names = [renamed(name, self._unrolling.indices)]
        if a.listed:
            base = base_of(name)
            names = [member(base, i) for i in self._indices(self._families.of(base))]
        inputs = {e.name: e for e in given.inputs}
        for one in names:
            if one not in inputs:
                raise RequestError(
                    f"`{one}` is computed: a self-test moves inputs, so leave out "
                    f"`{request.kind} {request.of_text} wrt {name}`."
                )
            key = a.key.replace(f" wrt {name}", f" wrt {one}")
            yield key, replace(request, wrt=inputs[one])
