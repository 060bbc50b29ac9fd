"""A plan of what is written of a problem, and that of a plain one: a program from the inputs to the
gradients."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import field
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

import numpy as np

from ...core.dims import Dim, Sizes
from ...core.indices import Range
from ...core.problem import Problem
from ...core.records import dataclass
from ...core.results import Result
from ...numerics.sampling import assignments
from ..program import BackwardRule, Program, program, rules
from .callables import GeneratedFunction
from .module import (
    FUNCTION,
    IN_LETTERS,
    LIBRARIES,
    RULES,
    CodeTarget,
    FunctionBody,
    function,
    module,
    program_arguments,
    with_function,
)
from .operations import is_spelled
from .trials import SampledPoint, confirm_program

if TYPE_CHECKING:  # what few problems ask for
    from .custom_rules import CustomRule
    from .members import SampledMembers
    from .row_blocks import RowsApart


class FunctionPlan(ABC):
    """A function of the values and gradients of a problem, or a rule of each value."""

    def __init__(self, problem: Problem, results: Sequence[Result], target: CodeTarget) -> None:
        self.problem, self.results, self.target = problem, results, target
        self.library = LIBRARIES[target]
        self.lazy = False
        self.available: Collection[str] = ()  # solvers of equations
        self.ranges: tuple[Range, ...] = ()  # of letters that are given
        self.seed = results[0].validation.seed

    @cached_property
    def members(self) -> SampledMembers:
        """What a test looks at of families."""
        from .members import SampledMembers

        return SampledMembers(self.problem, self.results, self.ranges)

    @property
    @abstractmethod
    def entry(self) -> GeneratedFunction:
        """The function: its parameters, and what it returns."""

    @property
    @abstractmethod
    def lines(self) -> list[str]:
        """The text of the function."""

    @abstractmethod
    def rules(self) -> list[CustomRule]:
        """The rules of all values, in the place of the function. Raises RequestError."""

    @abstractmethod
    def confirm(self) -> list[SampledPoint]:
        """Where the code finds what it says. Raises CodeError if it finds something else."""

    @abstractmethod
    def in_numpy(self) -> FunctionPlan:
        """The function for NumPy, to try where it can be tested."""

    @abstractmethod
    def sizes(self) -> Iterator[Sizes]:
        """Sizes at which the code may be tested."""


class StraightLinePlan(FunctionPlan):
    """A plain problem: one program from the inputs to the gradients."""

    def __init__(
        self,
        problem: Problem,
        results: Sequence[Result],
        target: CodeTarget,
        available: Collection[str],
        sizes: Sizes,
        rows: RowsApart | None = None,
        with_values: bool = True,
    ) -> None:
        self._by_equations = any(r.adjoint or r.request.system for r in results)
        if self._by_equations:
            from .solutions import in_inputs  # which few problems have

            results = [in_inputs(r, available) for r in results]
        super().__init__(problem, results, target)
        self.available = available
        self._sizes, self._rows, self._with_values = sizes, rows, with_values
        self.lazy = rows is not None and rows.lazy

    @cached_property
    def program(self) -> Program:
        made = program(self.problem, self.results, self._sizes, is_spelled, self._with_values)
        if self.target != IN_LETTERS:
            return made
        from ..einsums import in_letters

        return in_letters(made)

    @cached_property
    def _rules(self) -> list[BackwardRule]:
        return rules(self.problem, self.results, self._sizes, is_spelled)

    @property
    def entry(self) -> GeneratedFunction:
        whole = self.program
        return GeneratedFunction(FUNCTION, program_arguments(whole), whole.outputs)

    @cached_property
    def lines(self) -> list[str]:
        return function(self.program, self.library, self._body(self.program))

    def _body(self, one: Program, tried: bool = False) -> FunctionBody | None:
        """What writes a loop over blocks of rows, or a map over parts, if that can be. Raises
        RequestError."""
        return self._rows.written(one, self._sizes, tried) if self._rows is not None else None

    def rules(self) -> list[CustomRule]:
        from .custom_rules import custom_rule, entry_names

        names = entry_names([rule.value.name for rule in self._rules])
        pairs = zip(self._rules, names, strict=True)
        return [custom_rule(rule, name, self.library) for rule, name in pairs]

    def in_numpy(self) -> StraightLinePlan:
        if self.target == "numpy" and self._rows is None:
            return self
        return StraightLinePlan(self.problem, self.results, "numpy", self.available, self._sizes)

    def sizes(self) -> Iterator[Sizes]:
        names = self._names()
        return _each_once([*_validated(names, self.results), _drawn(names)])

    def _names(self) -> list[str]:
        """Those of all dimensions."""
        whole = self.in_numpy()
        return list(dict.fromkeys([*whole.program.dimensions, *whole.entry.given.dims]))

    def confirm(self) -> list[SampledPoint]:
        ruled = self.target in RULES
        programs = [rule.program for rule in self._rules] if ruled else [self.program]
        return [place for one in programs for place in _tried(self._trial(one))]

    def _trial(self, one: Program) -> _Trial:
        outputs = tuple((o.key, o.expression) for o in one.outputs)
        by_letters = self.target == IN_LETTERS
        made_of = (outputs, one.inputs, tuple(sorted(self._sizes.items())), self._rows, by_letters)
        names, sizes = tuple(self.problem.functions), self._solvable_sizes()
        return _Trial(made_of, names, self.seed, one, self._source, sizes)

    def _solvable_sizes(self) -> tuple[Sizes, ...]:
        """Those at which equations have a solution, where there are any."""
        return tuple(_validated(self._names(), self.results)) if self._by_equations else ()

    def _source(self, one: Program) -> str:
        """A program for NumPy; in blocks of few rows, so that there are several."""
        if self.target == "numpy" and self._rows is None and one is self.program:
            return with_function(self.lines, "numpy")
        return module(one, "numpy", body=self._body(one, tried=True))


@dataclass(frozen=True, slots=True)
class _Trial:
    """A program to be tried; what it is made of tells it from others."""

    made_of: tuple[object, ...]
    names: tuple[str, ...]  # of abstract functions
    seed: int
    program: Program = field(compare=False)
    write: Callable[[Program], str] = field(compare=False)
    sizes: Sequence[Sizes] = field(compare=False)


@lru_cache(maxsize=16)
def _tried(trial: _Trial) -> Sequence[SampledPoint]:
    """Once for a program, whatever the target. Raises CodeError."""
    return confirm_program(trial.program, trial.write, trial.names, trial.seed, trial.sizes)


def _validated(names: Sequence[str], results: Sequence[Result]) -> Iterator[Sizes]:
    """Sizes at which the gradients were validated."""
    drawn = _drawn(names)
    for result in results:
        for sizes in result.validation.sizes[:2]:
            yield {name: sizes.get(name, drawn[name]) for name in names}


def _drawn(names: Sequence[str]) -> Sizes:
    return next(assignments([Dim.of(name) for name in names], np.random.default_rng(0)))


def _each_once(sizes: Sequence[Sizes]) -> Iterator[Sizes]:
    return (s for i, s in enumerate(sizes) if s not in sizes[:i])
