"""Code for a library of arrays: how it is planned and tried, as text, and as a function."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from ...core.dims import Sizes
from ...core.errors import RequestError
from ...core.families import NO_FAMILIES, Families, MemberSystem
from ...core.indices import written as listed
from ...core.problem import Problem
from ...core.results import Result, asked_once
from ...core.version import VERSION
from ...language.printer import to_text
from ...numerics.sampling import dims_of
from ..options import PLAIN, CodeOptions, no_target
from .callables import Generated, GeneratedFunction
from .function_plans import FunctionPlan, StraightLinePlan
from .module import (
    IN_LETTERS,
    LIBRARIES,
    RULES,
    TARGETS,
    CodeTarget,
    indented,
    quoted,
    with_function,
)
from .operations import solvers
from .trials import SampledPoint

if TYPE_CHECKING:
    from .custom_rules import CustomRule

MOST_TYPED = 200  # lines of a problem that its module shows
# Targets for what is a sum over rows, each with the one in whose text it is written.
BY_ROWS: Mapping[str, CodeTarget] = {"dask": "numpy"}


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
    rules = plan.rules() if plan.target in RULES else None
    test = _test(plan, results, places, rules) if options.self_test else ()
    return _module(plan, rules, _about(plan, results, options.command), test)


def _module(
    plan: FunctionPlan,
    rules: Sequence[CustomRule] | None,
    about: Sequence[str] = (),
    test: Sequence[str] = (),
) -> str:
    """The text of the function, or of the rules in its place."""
    if rules is None:
        return with_function(plan.lines, plan.library, about, test)
    from .custom_rules import rule_module

    return rule_module(rules, plan.library, about, test)


def _test(
    plan: FunctionPlan,
    results: Sequence[Result],
    places: Sequence[SampledPoint],
    rules: Sequence[CustomRule] | None,
) -> list[str]:
    """Its self-test."""
    from . import self_test_draws

    if any(r.adjoint is not None for r in results):
        from .solutions import solution_draws

        draws = solution_draws(plan.problem, results, [r.request for r in plan.results])
    else:
        draws = self_test_draws.draws_for(plan, places)
    if rules is None:
        return self_test_draws.of_function(plan, draws)
    return self_test_draws.of_rules(plan, rules, draws)


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
    rules = plan.rules() if plan.target in RULES else None
    if rules is None:
        entries = [plan.entry]
    else:
        entries = [GeneratedFunction(rule.entry, rule.given, [rule.value]) for rule in rules]
    directions = [name for r in results for name in r.request.directions]
    systems = (s for r in results if r.adjoint is not None for s in r.adjoint.systems)
    found = {u.name for s in systems if s.solver in plan.available for u in s.unknowns}
    declared = {*problem.symbols, *directions} - found
    families, values, axes = problem.families, problem.values, problem.member_axes
    text, library = _module(plan, rules), plan.library
    return Generated(text, library, entries, alone, declared, families, values, axes)


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
) -> FunctionPlan:
    """What is to be written; unknowns of equations are solved for by what is `available`, or all
    that the library has. Raises RequestError for what is not written."""
    own, rows = BY_ROWS.get(target) or known(target), None
    sizes = options.sizes or {}
    _check(sizes, problem, results)
    held = [r.request.wrt.name for r in results if r.request.wrt.name in problem.definitions]
    if held and len({r.request.of for r in results}) > 1:
        raise RequestError(
            f"`{held[0]}` is a definition: code for a derivative by it takes it as an argument, "
            "and is a function of its own. Ask for it alone."
        )
    if target in BY_ROWS or options.blocks or options.threads or options.shard:
        from .row_blocks import rows_apart  # which few ask for

        rows = rows_apart(own, options, target in BY_ROWS)
    if available is None:
        available = solvers(LIBRARIES[own])
    if problem.has_families:
        if rows is not None:
            raise RequestError(
                "the code of families takes no rows apart: the target numpy has the plain code."
            )
        if own == IN_LETTERS:
            raise RequestError("the code of families has no einsums: the target numpy has it.")
        from .family_plans import FamilyPlan, for_any_letter

        return FamilyPlan(*for_any_letter(problem, results), own, sizes, results, available)
    return StraightLinePlan(problem, results, own, available, sizes, rows, with_values)


def _about(plan: FunctionPlan, results: Sequence[Result], command: str) -> list[str]:
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
