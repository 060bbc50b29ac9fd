"""Where code through equations is tested: at a solution, beside the gradients there."""

from __future__ import annotations

from collections.abc import Sequence

from ...core.errors import RequestError
from ...core.problem import Problem
from ...core.results import Result
from ...implicit.adjoint import computable_gradient
from ...numerics.evaluation import EvaluationTape
from ...validation.checker import checker_of
from .self_test import RANGES, Draws


def solution_draws(problem: Problem, results: Sequence[Result]) -> Draws:
    """A solution of the equations, with what the gradients are there. Raises RequestError."""
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
    values = EvaluationTape(gradients).run(draw.env, sizes, draw.functions)
    confirmed = {r.request: x for r, x in zip(results, values, strict=True)}
    return Draws(sizes, RANGES[0], draw.env, confirmed=confirmed)
