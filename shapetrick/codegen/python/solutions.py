"""Code through equations: what computes unknowns and multipliers, and where it is tested, at a
solution, beside the gradients there."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import replace

from ...core.errors import RequestError
from ...core.expr import Expr, named
from ...core.problem import Problem, Request
from ...core.results import Equation, Result
from ...core.traversal import substitute
from ...implicit.adjoint import computable_gradient
from ...numerics.adjoint_solvers import solved_in, solved_symbols
from ...numerics.evaluation import EvaluationTape
from ...numerics.solvers import TABLE as SOLVERS
from ...numerics.solvers import solved_unknowns
from ...validation.checker import checker_of
from ..program import computable
from .operations import is_spelled
from .self_test import RANGES, Draws


def in_inputs(result: Result, solvers: Container[str]) -> Result:
    """The result with what computes the unknowns that there is one of these solvers for, and the
    multipliers and differentials that only equations determine."""
    adjoint = result.adjoint

    def form(e: Expr) -> Expr:
        return computable([e], is_spelled)[0]

    def solved(q: Equation) -> Equation:
        return replace(q, value=solved_in(q.value, solvers, form))

    if result.recursion is not None:
        return replace(result, recursion=result.recursion.changed(solved))
    if adjoint is None:
        return result
    unknowns = solved_unknowns(adjoint.systems, solvers)
    multipliers = solved_symbols(adjoint.linear_systems, solvers, form)
    known: dict[Expr, Expr] = {
        s: named(str(s), substitute(e, unknowns)) for s, e in multipliers.items()
    }
    known.update(unknowns)
    request = replace(result.request, of=substitute(result.request.of, unknowns))
    return replace(result, request=request, gradient=substitute(result.gradient, known))


def solution_draws(
    problem: Problem, results: Sequence[Result], requests: Sequence[Request]
) -> Draws:
    """A solution of the equations, with what the gradients are there, by the requests as the code
    answers them. Raises RequestError."""
    adjoints = [r.adjoint for r in results if r.adjoint is not None]
    if len(adjoints) < len(results) or len({a.systems for a in adjoints}) > 1 or problem.functions:
        raise RequestError(
            "a self-test through equations is of gradients through the same ones, and of no "
            "abstract functions: ask for code of fewer at once, or leave the self-test out."
        )
    gradients = [computable_gradient(r.gradient, a) for r, a in zip(results, adjoints, strict=True)]
    first = results[0]
    checker = checker_of(problem, first.request, gradients, first.validation.seed)
    found = next(iter(checker.draws()), None)
    if found is None:
        raise RequestError("no solution of the equations was found near random inputs.")
    sizes, draw = found
    unknowns = solved_unknowns(adjoints[0].systems, SOLVERS)  # the solution that is meant
    solved = EvaluationTape([*unknowns.values()]).run(draw.env, sizes, draw.functions)
    env = {**draw.env, **{str(u): x for u, x in zip(unknowns, solved, strict=True)}}
    values = EvaluationTape(gradients).run(env, sizes, draw.functions)
    confirmed = dict(zip(requests, values, strict=True))
    return Draws(sizes, RANGES[0], env, confirmed=confirmed)
