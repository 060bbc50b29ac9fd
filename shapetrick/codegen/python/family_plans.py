"""The plan of a problem with families: arrays with an axis for each index, or loops forward and
loops backward; for each case of the letters that are given."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from functools import cached_property

import numpy as np

from ...core.dims import Dim, Sizes
from ...core.errors import RequestError
from ...core.indices import Member
from ...core.problem import Problem
from ...core.results import Result
from ...core.solved import Solved
from ...core.traversal import postorder
from ...families.forward_backward import every_segment, has_several_indices, passes
from ...families.given_letters import LetterCase, with_lengths
from ...families.loop_nests import has_recurrence
from ...numerics.sampling import assignments
from .arrays import Arrays
from .callables import Generated, GeneratedFunction
from .custom_rules import CustomRule, entry_names
from .function_plans import FunctionPlan
from .loops import Loops
from .members import SampledMembers
from .module import FUNCTION, CodeTarget, with_function
from .solutions import in_inputs
from .trials import ExpectedValue, SampledPoint, confirm


def for_any_letter(
    problem: Problem, results: Sequence[Result]
) -> tuple[Problem, Sequence[LetterCase]]:
    """The problem where letters that requests are for all values of are lengths, which a function
    takes; what holds for them. Raises RequestError."""
    found = with_lengths(problem, results)
    if found is None:
        letters = dict.fromkeys(over.letter for r in results for over in r.request.ranges)
        listed = ", ".join(f"`{letter}`" for letter in letters)
        raise RequestError(
            f"there is no code for all {listed} beside the other requests: ask for each alone, or "
            "for a member by its number."
        )
    return found


class FamilyPlan(FunctionPlan):
    """One function for all cases of the letters that are given, of which the last one is tested."""

    def __init__(
        self,
        problem: Problem,
        cases: Sequence[LetterCase],
        target: CodeTarget,
        sizes: Sizes,
        told: Sequence[Result],
        available: Collection[str],
    ) -> None:
        every = [r for c in cases for r in c.results]
        by = () if has_several_indices(problem, every) else available  # for one member at a time
        solved = [c._replace(results=tuple(in_inputs(r, by) for r in c.results)) for c in cases]
        super().__init__(problem, solved[-1].results, target)
        self._cases, self._sizes, self._told, self.available = solved, sizes, told, available
        self.ranges = tuple(solved[-1].ranges)
        others = [SampledMembers(problem, c.results, c.ranges) for c in solved[:-1]]
        self._members = [*others, self.members]

    @cached_property
    def _functions(self) -> list[Loops | Arrays]:
        found = [self._passes_of(case.results) for case in self._cases]
        if len({tuple(one.given.names) for one in found}) > 1:
            raise RequestError(
                "there is no code for all letters, as what is given near the ends differs: ask for "
                "a member by its number, or call `evaluate`."
            )
        return found

    @cached_property
    def _is_in_arrays(self) -> bool:
        every = [r for case in self._cases for r in case.results]
        return has_several_indices(self.problem, every) or _is_uniform(self.problem, every)

    def _passes_of(self, results: Sequence[Result]) -> Loops | Arrays:
        both = passes(self.problem, results, self._is_in_arrays)
        if self._is_in_arrays:
            return Arrays(self.problem, both, self.library, self._sizes)
        return Loops(self.problem, both, self.library)

    @property
    def entry(self) -> GeneratedFunction:
        last = self._functions[-1]
        return GeneratedFunction(FUNCTION, last.given, last.answers)

    @property
    def lines(self) -> list[str]:
        *others, last = self._functions
        whole = {over for r in self.results for over in r.request.ranges}
        cases = [
            (last.condition(case.ranges, whole), one)
            for case, one in zip(self._cases, others, strict=False)
        ]
        return last.function(self._told, cases)

    def rules(self) -> list[CustomRule]:
        if len(self._cases) > 1:
            raise RequestError("a backward rule is of one member: ask for it by its number.")
        values = dict.fromkeys(r.request.of for r in self.results)
        groups = [[r for r in self.results if r.request.of is of] for of in values]
        each = [self._passes_of(group) for group in groups]
        names = entry_names([loops.answers[0].name for loops in each])
        return [loops.rule(name) for loops, name in zip(each, names, strict=True)]

    def in_numpy(self) -> FamilyPlan:
        if self.target == "numpy":
            return self
        by = self.available
        return FamilyPlan(self.problem, self._cases, "numpy", self._sizes, self._told, by)

    def sizes(self) -> Iterator[Sizes]:
        """Sizes to try, with the lengths."""
        inputs = self.members.arguments(self.entry.given).inputs
        asked = (Dim.of(name) for name in self.entry.given.asked)
        dims = list(dict.fromkeys([*(d for e in inputs for d in e.shape), *asked]))
        for found in assignments(dims, np.random.default_rng(0)):
            yield {**found, **self.members.lengths}

    def confirm(self) -> list[SampledPoint]:
        plain = self.in_numpy()
        text = with_function(plain.lines, "numpy")
        of_cases = zip(self._members, plain._functions, strict=True)
        return [place for one in of_cases for place in self._confirmed(text, plain.entry, *one)]

    def _confirmed(
        self, text: str, entry: GeneratedFunction, members: SampledMembers, own: Loops | Arrays
    ) -> list[SampledPoint]:
        """Where the code finds what it says in one case."""
        function = Generated(text, "numpy", [entry], alone=False, families=self.problem.families)
        values = {a.expression: members.expressions(a)[0] for a in own.answers if a.request is None}
        expected = [
            ExpectedValue(a.key, e, values[a.request.of if a.request else a.expression])
            for a in own.answers
            for e in members.expressions(a)
        ]
        given = members.arguments(entry.given)
        names = dict.fromkeys(key[0] for key in given.functions if isinstance(key, tuple))
        return confirm(function, given, expected, names, self.seed, members.lengths)


def _is_uniform(problem: Problem, results: Sequence[Result]) -> bool:
    """Whether the members of each family have one shape and can be computed at once."""
    segments = every_segment(problem, results)
    names = {n for s in segments for d in s.shape for n in d.names}
    of_members = problem.families.functions or any(isinstance(n, Member) for n in names)
    recursions = (r.recursion for r in results if r.recursion is not None)
    values = [q.value for recursion in recursions for q in recursion.equations]
    of_members = of_members or any(isinstance(e, Solved) for e in postorder(values))
    return not of_members and not has_recurrence([s for s in segments if s.body is not None])
