"""Code for a library of arrays: how it is planned and tried, as text, and as a function."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from functools import cached_property, lru_cache, partial
from io import StringIO
from itertools import product
from typing import Any

import numpy as np

from ...core.dims import Dim, Sizes
from ...core.errors import RequestError
from ...core.families import NO_FAMILIES, Families, MemberSystem
from ...core.indices import Member
from ...core.indices import written as listed
from ...core.problem import Problem
from ...core.results import Result, asked_once
from ...core.solved import Solved
from ...core.traversal import postorder
from ...core.version import VERSION
from ...families.forward_backward import every_segment, has_several_indices, passes
from ...families.given_letters import LetterCase, with_lengths
from ...families.nests import has_recurrence
from ...language.printer import to_text
from ...numerics.arrays import admit_trial
from ...numerics.sampling import assignments, dims_of
from ..blocking import Blocking, blocked, blocked_by
from ..chain_order import nominal
from ..letters import in_letters
from ..options import PLAIN, CodeOptions, no_target
from ..program import BackwardRule, Program, program, rules
from .arrays import Arrays
from .block_loops import in_blocks, in_threads
from .callables import Generated, GeneratedFunction, compiled
from .custom_rules import CustomRule, custom_rule, entry_names, rule_module
from .loops import Loops
from .members import SampledMembers
from .module import (
    FUNCTION,
    LIBRARIES,
    TARGETS,
    CodeTarget,
    FunctionBody,
    indented,
    module,
    program_arguments,
    quoted,
    with_function,
)
from .module import function as written
from .operations import is_spelled, solvers
from .row_functions import over_chunks, over_mesh
from .self_test import RANGES, STEPS, Draws, function_test, rule_test
from .solutions import in_inputs, solution_draws
from .trials import ExpectedValue, SampledPoint, confirm, confirm_program, quietly

_BLOCKS_ELSEWHERE = (
    "blocks and threads are for the target numpy: JAX and PyTorch compile loops themselves."
)
_SHARDS_ELSEWHERE = "shards are for the target jax."
_NO_BLOCKS = "the code of families takes no rows apart: the target numpy has the plain code."
MOST_TYPED = 200  # lines of a problem that its module shows
RULES = ("torch-function", "jax-vjp")  # targets that take part in automatic differentiation
IN_LETTERS = "einsum"  # the target whose products and sums are einsums


IN_SMALL_BLOCKS = partial(in_blocks, room=(1, 2))


@dataclass(frozen=True, slots=True)
class RowsApart:
    """How rows are taken apart: what writes that, the dimension if one is asked for, whether there
    must be one, and whether what has the rows is computed only when it is asked for; `tried` writes
    it for NumPy with parts of few rows, so that there are several."""

    body: Callable[[Program, Blocking], FunctionBody]
    dim: Dim | None = None
    required: bool = True
    lazy: bool = False
    tried: Callable[[Program, Blocking], FunctionBody] = IN_SMALL_BLOCKS


# Targets for what is a sum over rows, each with the one in whose text it is written.
BY_ROWS: Mapping[str, tuple[CodeTarget, RowsApart]] = {
    "dask": ("numpy", RowsApart(over_chunks, lazy=True))
}


def code(
    problem: Problem,
    results: Sequence[Result],
    target: str,
    options: CodeOptions = PLAIN,
) -> str:
    """A module that computes the values and the gradients together; it says by which command it was
    made, of what. Raises RequestError."""
    plan = plan_of(problem, results, target, options)
    if options.self_test and any(r.request.system is not None for r in results):
        raise RequestError(
            "a self-test compares with differences, and a solution is no derivative: it was put "
            "into its equations. Leave the self-test out."
        )
    if options.self_test and problem.families.systems:
        raise RequestError(
            "a self-test moves the inputs, and members that equations determine are given beside "
            "them: leave it out; `derive` compares the gradients at solutions."
        )
    places = plan.confirm()
    draws = None
    if options.self_test:
        solved = any(r.adjoint is not None for r in results)
        requests = [r.request for r in plan.results]
        draws = solution_draws(problem, results, requests) if solved else plan.draws(places)
    about, library = _about(plan, results, options.command), plan.library
    if plan.target in RULES:
        rules = plan.rules()
        test = [] if draws is None else plan.rule_test(rules, draws)
        return rule_module(rules, library, about, test)
    return with_function(plan.lines, library, about, [] if draws is None else plan.test(draws))


def function(
    problem: Problem,
    results: Sequence[Result],
    target: str,
    options: CodeOptions = PLAIN,
    alone: bool = False,
) -> Generated:
    """The code as a function: of a dictionary of values and gradients, or of a gradient `alone`."""
    results = asked_once(results)
    plan = plan_of(problem, results, known(target), options, not alone)
    plan.confirm()
    if plan.target in RULES:
        rules = plan.rules()
        text = rule_module(rules, plan.library, [])
        entries = [GeneratedFunction(rule.entry, rule.given, [rule.value]) for rule in rules]
    else:
        text = with_function(plan.lines, plan.library)
        entries = [plan.entry]
    directions = [r.request.direction.name for r in results if r.request.direction is not None]
    systems = (s for r in results if r.adjoint is not None for s in r.adjoint.systems)
    found = {u.name for s in systems if s.solver in plan.available for u in s.unknowns}
    declared = {*problem.symbols, *directions} - found
    families, values, axes = problem.families, problem.values, problem.member_axes
    return Generated(text, plan.library, entries, alone, declared, families, values, axes)


def known(target: str) -> CodeTarget:
    """The target. Raises RequestError if there is no such target."""
    for one in TARGETS:
        if one == target:
            return one
    raise no_target(target, TARGETS)


def _check(sizes: Sizes, problem: Problem, results: Sequence[Result]) -> None:
    """Raises RequestError for a size that is none, or of a dimension that there isn't."""
    if not isinstance(sizes, Mapping):
        raise RequestError(f"sizes are given by dimension, {{'m': 128}}, not as {sizes!r}.")
    roots = [e for r in results for e in (r.request.of, r.request.wrt, r.gradient)]
    named = (name for d in dims_of(roots) for name in d.names)
    names = list(dict.fromkeys([*named, *problem.families.lengths]))
    for name, size in sizes.items():
        if name not in names:
            listed = ", ".join(names) or "none"
            raise RequestError(f"there is no dimension `{name}`: there are {listed}.")
        if not hasattr(size, "__index__") or size < 1:
            raise RequestError(f"the size of `{name}` is a whole number from 1 on, not {size!r}.")


def plan_of(
    problem: Problem,
    results: Sequence[Result],
    target: str,
    options: CodeOptions,
    with_values: bool = True,
    available: Collection[str] | None = None,
) -> Plan:
    """What is to be written; unknowns of equations are solved for by what is `available`, or all
    that the library has. Raises RequestError for what is not written."""
    own, rows = BY_ROWS.get(target) or (known(target), None)
    sizes = options.sizes or {}
    _check(sizes, problem, results)
    held = [r.request.wrt.name for r in results if r.request.wrt.name in problem.definitions]
    if held and len({r.request.of for r in results}) > 1:
        raise RequestError(
            f"`{held[0]}` is a definition: code for a derivative by it takes it as an argument, "
            "and is a function of its own. Ask for it alone."
        )
    if (options.blocks or options.threads) and (own != "numpy" or rows is not None):
        raise RequestError(_BLOCKS_ELSEWHERE)
    if options.shard and own != "jax":
        raise RequestError(_SHARDS_ELSEWHERE)
    if options.threads:
        body = partial(in_threads, options.threads)
        rows = RowsApart(body, required=False, tried=partial(body, room=(1, 2)))
    elif options.blocks:
        rows = RowsApart(in_blocks, required=False)
    elif options.shard:
        rows = RowsApart(over_mesh, Dim.of(options.shard))
    if available is None:
        available = solvers(LIBRARIES[own])
    if problem.has_families:
        if rows is not None:
            raise RequestError(_NO_BLOCKS)
        if own == IN_LETTERS:
            raise RequestError("the code of families has no einsums: the target numpy has it.")
        return _Looped(*_for_any_letter(problem, results), own, sizes, results, available)
    return Straight(problem, results, own, available, sizes, rows, with_values)


def _for_any_letter(
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


class Plan(ABC):
    """A function of the values and gradients of a problem, or a rule of each value."""

    def __init__(self, problem: Problem, results: Sequence[Result], target: CodeTarget) -> None:
        self.problem, self.results, self.target = problem, results, target
        self.library = LIBRARIES[target]
        self.lazy = False
        self.available: Collection[str] = ()  # solvers of equations
        self.members = SampledMembers(problem, results)
        self.seed = results[0].validation.seed

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
    def in_numpy(self) -> Plan:
        """The function for NumPy, to try where it can be tested."""

    @abstractmethod
    def sizes(self) -> Iterator[Sizes]:
        """Sizes at which the code may be tested."""

    def test(self, draws: Draws) -> list[str]:
        """The self-test of the function."""
        given = self.members.arguments(self.entry.given)
        checked = self.members.checked(self.entry.outputs, given)
        listed = self.problem.has_families
        stacking = self.members.stacking(self.entry.given, self.entry.outputs)
        return function_test(given, self.library, draws, checked, listed, stacking, self.lazy)

    def rule_test(self, rules: Sequence[CustomRule], draws: Draws) -> list[str]:
        """That of the rules."""
        ruled = [self.members.ruled(rule) for rule in rules]
        stacking = self.members.stacking(self.entry.given)
        return rule_test(ruled, self.library, draws, self.problem.has_families, stacking)

    def draws(self, places: Sequence[SampledPoint]) -> Draws:
        """Inputs at which a module can be tested: the first at which its test passes in NumPy.
        Where the domain is narrow, these are the very ones at which it was tried. Raises
        BudgetError where what is run takes too much."""
        plain = self.in_numpy()
        outputs = plain.entry.outputs
        run = [e for a in outputs for e in self.members.expressions(a)]
        run += plain.entry.given.inputs
        candidates = [Draws(s, r) for s, r in product(self.sizes(), RANGES)]
        candidates += [Draws(s, RANGES[0], d.env, step) for (s, d), step in product(places, STEPS)]
        for draws in candidates:
            admit_trial(run, draws.sizes, "a self-test at these sizes")
            module = with_function(plain.lines, "numpy", test=plain.test(draws))
            space: dict[str, Any] = compiled(module)
            with redirect_stdout(StringIO()), quietly():
                try:
                    if not space["self_test"]():
                        return draws
                except (
                    np.linalg.LinAlgError,
                    ArithmeticError,
                    ValueError,
                ):  # singular, 1 / 0, log(0)
                    continue
        return candidates[0]


class Straight(Plan):
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
        super().__init__(problem, [in_inputs(r, available) for r in results], target)
        self.available = available
        self._sizes, self._rows, self._with_values = sizes, rows, with_values
        self.lazy = rows is not None and rows.lazy
        self._by_equations = any(r.adjoint or r.request.system for r in results)

    @cached_property
    def program(self) -> Program:
        made = program(self.problem, self.results, self._sizes, is_spelled, self._with_values)
        return in_letters(made) if self.target == IN_LETTERS else made

    @cached_property
    def _rules(self) -> list[BackwardRule]:
        return rules(self.problem, self.results, self._sizes, is_spelled)

    @property
    def entry(self) -> GeneratedFunction:
        whole = self.program
        return GeneratedFunction(FUNCTION, program_arguments(whole), whole.outputs)

    @cached_property
    def lines(self) -> list[str]:
        return written(self.program, self.library, self._body(self.program))

    def _body(self, one: Program) -> FunctionBody | None:
        """What writes a loop over blocks of rows, or a map over parts, if that can be."""
        blocking = self._blocking(one)
        return None if blocking is None or self._rows is None else self._rows.body(one, blocking)

    def _blocking(self, one: Program) -> Blocking | None:
        """How the rows are taken apart, if they are. Raises RequestError."""
        if self._rows is None:
            return None
        values, dim = [output.value for output in one.outputs], self._rows.dim
        found = blocked_by(values, dim) if dim else blocked(values, nominal(self._sizes))
        if found is None and self._rows.required:
            which = f"`{dim}` is no dimension" if dim else "there is no dimension"
            raise RequestError(
                f"{which} over which all is a sum, or stands row by row: the target numpy has the "
                "plain code."
            )
        return found

    def rules(self) -> list[CustomRule]:
        names = entry_names([rule.value.name for rule in self._rules])
        pairs = zip(self._rules, names, strict=True)
        return [custom_rule(rule, name, self.library) for rule, name in pairs]

    def in_numpy(self) -> Straight:
        if self.target == "numpy" and self._rows is None:
            return self
        return Straight(self.problem, self.results, "numpy", self.available, self._sizes)

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
        blocking = self._blocking(one)
        rows = self._rows
        body = None if blocking is None or rows is None else rows.tried(one, blocking)
        return module(one, "numpy", body=body)


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


class _Looped(Plan):
    """Families: arrays with an axis for each index, or loops forward and loops backward; for each
    case of the letters that are given, of which the last one is tested."""

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
        self._members = [SampledMembers(problem, c.results, c.ranges) for c in solved]
        self.members = self._members[-1]

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

    def in_numpy(self) -> _Looped:
        if self.target == "numpy":
            return self
        by = self.available
        return _Looped(self.problem, self._cases, "numpy", self._sizes, self._told, by)

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


def _about(plan: Plan, results: Sequence[Result], command: str) -> list[str]:
    """The first lines: where the module comes from, and what was not verified."""
    lines = [quoted(line) for line in made_of(plan.problem, command)]
    said = notes(results, plan.available, plan.problem.families)
    return [f'"""{lines[0]}', *lines[1:], '"""', *(f"# {note}" for note in said)]


def made_of(problem: Problem, command: str) -> list[str]:
    """What made a module, by which command, of which problem."""
    lines = [f"Gradients derived and written by shapetrick {VERSION}."]
    if command:
        lines += ["", f"    {command}"]
    typed = problem.text.expandtabs().strip().splitlines()
    if 0 < len(typed) <= MOST_TYPED:
        lines += ["", "Of the problem:", "", *indented(line.rstrip() for line in typed)]
    return lines


def notes(
    results: Sequence[Result], available: Collection[str], families: Families = NO_FAMILIES
) -> list[str]:
    """What was not verified, and what has to hold of unknowns."""
    lines = []
    for result in results:
        found = result.validation
        if found.verdict != "verified":
            said = f"{result.request.key}: {found.reason}"
            lines.append(f"NOT VERIFIED: {' '.join(said.split())}")
    adjoints = (r.adjoint for r in results if r.adjoint is not None)
    plain = (MemberSystem(s, ()) for adjoint in adjoints for s in adjoint.systems)
    for system, ranges in dict.fromkeys((*plain, *families.systems)):
        names = ", ".join(u.name for u in system.unknowns)
        sides = ", ".join(f"{to_text(e.left)} = {to_text(e.right)}" for e in system.equations)
        how = "found" if system.solver in available else "given"
        over = f" for {listed(ranges)}" if ranges else ""
        lines.append(f"What is {how} for {names} fulfils {sides}{over}.")
    return lines


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
