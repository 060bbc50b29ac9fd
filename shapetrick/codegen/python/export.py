"""What a derivation is worth outside: its code for a library, and that code as a function."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from functools import lru_cache
from io import StringIO
from itertools import product
from typing import Any

import numpy as np

from ...core.dims import Dim, Sizes
from ...core.errors import RequestError
from ...core.expr import Expr
from ...core.problem import Problem
from ...core.results import Result
from ...families.forward_backward import passes
from ...numerics.arrays import admit_trial
from ...numerics.sampling import assignments, dims_of
from ..blocking import blocked
from ..chain_order import nominal
from ..program import BackwardRule, Program, program, rules
from .block_loops import in_blocks
from .callables import Generated, GeneratedFunction, compiled
from .custom_rules import entries, entry_names, rule_arguments, rule_module
from .loop_callables import GeneratedLoops
from .loop_rules import LoopRule
from .loop_self_test import Members
from .loops import Loops
from .module import (
    FUNCTION,
    LIBRARIES,
    TARGETS,
    CodeTarget,
    FunctionBody,
    assembled,
    module,
    program_arguments,
    with_function,
)
from .module import function as written
from .operations import is_spelled
from .self_test import RANGES, STEPS, Draws, Ruled, plain_test, rule_test
from .trials import SampledPoint, confirm, confirm_loops

_BLOCKS_ELSEWHERE = "blocks are for the target numpy: JAX and PyTorch compile loops themselves."
_NO_BLOCKS = "the code of families has no blocks: leave `blocks` out."
RULES = ("torch-function", "jax-vjp")  # targets that take part in automatic differentiation


def code(
    problem: Problem,
    results: Sequence[Result],
    target: str,
    sizes: Sizes | None = None,
    self_test: bool = False,
    blocks: bool = False,
) -> str:
    """A module that computes the values and the gradients together.

    Products are associated for `sizes`, or for equal ones; with `blocks`, NumPy takes the rows of
    large arrays in blocks that stay in the cache, where that can be done. Raises RequestError."""
    library = LIBRARIES[known(target)]
    if problem.families is not None:
        if blocks:
            raise RequestError(_NO_BLOCKS)
        return _loops(problem, results, known(target), self_test)
    _check(sizes or {}, results)
    about = _about(results)
    if target not in RULES:
        whole = _program(problem, results, sizes)
        lines = written(whole, library, _body(whole, target, sizes) if blocks else None)
        source = with_function(lines, "numpy") if library == "numpy" and not blocks else None
        places = _confirm([whole], problem, results, sizes, blocks, source)
        test = []
        if self_test:
            draws = _draws_of(whole, results, places)
            test = plain_test(whole, program_arguments(whole), library, draws)
        return with_function(lines, library, about, test)
    if blocks:
        raise RequestError(_BLOCKS_ELSEWHERE)
    found = rules(problem, results, sizes or {}, is_spelled)
    places = _confirm([rule.program for rule in found], problem, results, sizes)
    test = []
    if self_test:
        draws = _draws_of(_program(problem, results, sizes), results, places)
        named = zip(found, entries(found), strict=True)
        test = rule_test([_ruled(r, name) for r, name in named], library, draws)
    return rule_module(found, library, about, test)


def _ruled(rule: BackwardRule, name: str) -> Ruled:
    """What is tested of a backward rule."""
    given, upstream = rule_arguments(rule)
    outputs = rule.program.outputs
    gradients = [(o.key, o.request) for o in outputs if o.request is not None]
    drawn = gradients[0][1].kind == "vjp"
    return Ruled(name, given, gradients, (rule.upstream, upstream) if drawn else None)


def _loops(
    problem: Problem, results: Sequence[Result], target: CodeTarget, self_test: bool = False
) -> str:
    """Families as loops. Raises RequestError for what is not written."""
    library, about = LIBRARIES[target], _about(results)
    members = Members(problem, results)
    plain = Loops(problem, passes(problem, results), "numpy")
    places = confirm_loops(plain, members, results[0].validation.seed)
    draws = _draws_of_members(plain, members, places) if self_test else None
    if target not in RULES:
        loops = Loops(problem, passes(problem, results), library)
        return loops.module(about, members.test(loops, draws) if draws is not None else ())
    values = dict.fromkeys(r.request.of for r in results)
    groups = [[r for r in results if r.request.of is of] for of in values]
    each = [Loops(problem, passes(problem, group), library) for group in groups]
    names = entry_names([loops.answers[0].base for loops in each])
    found = [LoopRule(loops, names) for loops in each]
    body = [line for rule in found for line in ["", "", *rule.lines()]][2:]
    if draws is not None:
        body += rule_test([members.ruled(rule) for rule in found], library, draws, members=True)
    return assembled(body, about)


def _looping(
    problem: Problem, results: Sequence[Result], target: CodeTarget, blocks: bool, alone: bool
) -> GeneratedLoops:
    """Likewise, as a function."""
    if blocks:
        raise RequestError(_NO_BLOCKS)
    library = LIBRARIES[target]
    loops = Loops(problem, passes(problem, results), library)
    families = loops.families
    if target not in RULES:
        plain = loops if library == "numpy" else Loops(problem, passes(problem, results), "numpy")
        confirm_loops(plain, Members(problem, results), results[0].validation.seed)
        source, answers = loops.module(_about(results)), loops.answers
        return GeneratedLoops(source, FUNCTION, loops.parameters, answers, families, library, alone)
    source = _loops(problem, results, target)
    rule = LoopRule(loops, entry_names([loops.answers[0].base]))
    return GeneratedLoops(
        source, rule.entry, rule.parameters, [rule.value], families, library, alone
    )


def function(
    problem: Problem,
    results: Sequence[Result],
    target: str,
    sizes: Sizes | None = None,
    blocks: bool = False,
    alone: bool = False,
) -> Generated | GeneratedLoops:
    """The code as a function: of a dictionary of values and gradients, or of a gradient `alone`."""
    _check(sizes or {}, results)
    library = LIBRARIES[known(target)]
    directions = [r.request.direction.name for r in results if r.request.direction is not None]
    declared = {*problem.symbols, *directions}
    if problem.families is not None:
        return _looping(problem, results, known(target), blocks, alone)
    if target not in RULES:
        whole = program(problem, results, sizes or {}, is_spelled, with_values=not alone)
        entry = GeneratedFunction(FUNCTION, program_arguments(whole), whole.outputs)
        source = module(whole, library, body=_body(whole, target, sizes) if blocks else None)
        plain = source if library == "numpy" and not blocks else None
        _confirm([whole], problem, results, sizes, blocks, plain)
        return Generated(source, library, [entry], alone, declared)
    found = rules(problem, results, sizes or {}, is_spelled)
    _confirm([rule.program for rule in found], problem, results, sizes)
    functions = [
        GeneratedFunction(name, rule_arguments(rule)[0], [rule.value])
        for rule, name in zip(found, entries(found), strict=True)
    ]
    return Generated(rule_module(found, library, []), library, functions, alone, declared)


def known(target: str) -> CodeTarget:
    """The target. Raises RequestError if there is no such target."""
    for one in TARGETS:
        if one == target:
            return one
    raise RequestError(f"`{target}` is none of the targets {', '.join(TARGETS)}.")


def _check(sizes: Sizes, results: Sequence[Result]) -> None:
    """Raises RequestError for a size that is none, or of a dimension that there isn't; and for what
    goes through equations."""
    if any(r.adjoint is not None for r in results):
        raise RequestError(
            "code through unknowns that equations determine is not written: `evaluate` solves them."
        )
    roots = [e for r in results for e in (r.request.of, r.request.wrt, r.gradient)]
    names = list(dict.fromkeys(name for d in dims_of(roots) for name in d.names))
    for name, size in sizes.items():
        if name not in names:
            listed = ", ".join(names) or "none"
            raise RequestError(f"there is no dimension `{name}`: there are {listed}.")
        if size < 1:
            raise RequestError(f"the size of `{name}` is {size}: it must be 1 or more.")


def _body(whole: Program, target: str, sizes: Sizes | None) -> FunctionBody | None:
    """What writes a loop over blocks of rows, if there is one to write. Raises RequestError."""
    if target != "numpy":
        raise RequestError(_BLOCKS_ELSEWHERE)
    return _blocks(whole, sizes)


def _blocks(
    whole: Program, sizes: Sizes | None, room: tuple[int, int] | None = None
) -> FunctionBody | None:
    blocking = blocked([output.value for output in whole.outputs], nominal(sizes or {}))
    return None if blocking is None else in_blocks(whole, blocking, room)


@dataclass(frozen=True, slots=True)
class _Plan:
    """A program to be tried; what it is made of tells it from others."""

    made_of: tuple[object, ...]
    names: tuple[str, ...]  # of abstract functions
    seed: int
    program: Program = field(compare=False)
    write: Callable[[Program], str] = field(compare=False)


def _confirm(
    programs: Iterable[Program],
    problem: Problem,
    results: Sequence[Result],
    sizes: Sizes | None,
    blocks: bool = False,
    source: str | None = None,
) -> list[SampledPoint]:
    """Where the programs find what they say; `source` is the NumPy module if there is one already.
    Raises CodeError if one finds something else."""

    def write(one: Program) -> str:
        if source is not None and any(one is x for x in own):
            return source
        return module(one, "numpy", body=_blocks(one, sizes, (1, 2)) if blocks else None)

    own = [*programs]
    seed, names = results[0].validation.seed, tuple(problem.functions)
    places: list[SampledPoint] = []
    for one in own:
        outputs = tuple((o.key, o.expression) for o in one.outputs)
        made_of = (outputs, one.inputs, tuple(sorted((sizes or {}).items())), blocks)
        places += _tried(_Plan(made_of, names, seed, one, write))
    return places


@lru_cache(maxsize=16)
def _tried(plan: _Plan) -> Sequence[SampledPoint]:
    """Once for a plan, whatever the target. Raises CodeError."""
    return confirm(plan.program, plan.write, plan.names, plan.seed)


def _program(problem: Problem, results: Sequence[Result], sizes: Sizes | None) -> Program:
    return program(problem, results, sizes or {}, is_spelled)


def _about(results: Sequence[Result]) -> list[str]:
    """The first lines: where the module comes from, and what was not verified."""
    lines = ['"""Gradients derived and written by shapetrick."""']
    for result in results:
        found = result.validation
        if found.verdict != "verified":
            request = result.request
            key = f"{request.kind} {request.of_text} wrt {request.wrt.name}"
            lines.append(f"# NOT VERIFIED: {' '.join(f'{key}: {found.reason}'.split())}")
    return lines


def _draws_of(whole: Program, results: Sequence[Result], places: Sequence[SampledPoint]) -> Draws:
    """Inputs for the test of a function."""
    given = program_arguments(whole)

    def tested(draws: Draws) -> str:
        return module(whole, "numpy", test=plain_test(whole, given, "numpy", draws))

    names = dict.fromkeys([*whole.dimensions, *given.dims])  # an input may be all that has one
    run = [*(o.expression for o in whole.outputs), *whole.inputs]
    return _draws(_sizes(list(names), results), places, tested, run)


def _draws_of_members(loops: Loops, members: Members, places: Sequence[SampledPoint]) -> Draws:
    """Inputs for the test of loops."""

    def tested(draws: Draws) -> str:
        return loops.module(test=members.test(loops, draws))

    run = [e for a in loops.answers for e in members.expressions(a)]
    return _draws(members.sizes(loops), places, tested, run)


def _draws(
    sizes: Iterable[Sizes],
    places: Sequence[SampledPoint],
    tested: Callable[[Draws], str],
    run: Sequence[Expr],
) -> Draws:
    """Inputs at which a module can be tested: the first at which its test passes in NumPy. Where
    the domain is narrow, these are the very ones at which it was tried. Raises BudgetError where
    what is `run` takes too much."""
    candidates = [Draws(s, r) for s, r in product(sizes, RANGES)]
    candidates += [Draws(s, RANGES[0], d.env, step) for (s, d), step in product(places, STEPS)]
    for draws in candidates:
        admit_trial(run, draws.sizes, "a self-test at these sizes")
        space: dict[str, Any] = compiled(tested(draws))
        with redirect_stdout(StringIO()), np.errstate(all="ignore"):
            try:
                if not space["self_test"]():
                    return draws
            except np.linalg.LinAlgError:
                continue
    return candidates[0]


def _sizes(names: Sequence[str], results: Sequence[Result]) -> Iterator[Sizes]:
    """Sizes to try: those at which the gradients were validated, then others."""
    drawn = next(assignments([Dim.of(name) for name in names], np.random.default_rng(0)))
    seen: list[Sizes] = []
    for result in results:
        for sizes in result.validation.sizes[:2]:
            seen.append({name: sizes.get(name, drawn[name]) for name in names})
    seen.append(drawn)
    yield from (s for i, s in enumerate(seen) if s not in seen[:i])
