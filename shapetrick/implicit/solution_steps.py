"""How an unknown was isolated, as on paper: the equation, its terms collected, the inverse."""

from __future__ import annotations

from collections.abc import Iterator

from ..core.equations import EquationSystem
from ..core.expr import Expr, matmul
from ..core.problem import Problem, Request
from ..core.results import Step
from ..explanation.steps import Text
from ..simplification.simplifier import Simplifier
from .isolation import is_one
from .solutions import Isolation, solution


def steps_of_solution(
    problem: Problem, request: Request, system: EquationSystem, text: Text
) -> tuple[Step, ...]:
    """The isolations, one after the other, up to that of what is asked for."""
    simplifier = Simplifier(problem.definitions.values(), system.residuals)
    found = solution(system, simplifier)
    return tuple(step for one in found.isolations for step in _steps(one, request, text))


def _steps(one: Isolation, request: Request, text: Text) -> Iterator[Step]:
    u, isolated = one.unknown, one.found
    left = text(_without_identities(isolated.before, u, isolated.behind))
    said = f"{text(one.residual)} = 0, with the terms of {u.name} collected on the left"
    of = " ".join(request.of_text.split())
    shape = one.residual.shape
    yield Step(of, u.name, left, shape, (), isolated.right, said)
    note = "multiplied by the inverse" if isolated.inverted else "as it stands"
    yield Step(of, u.name, u.name, u.shape, (), isolated.value, note)


def _without_identities(before: Expr, u: Expr, behind: Expr) -> Expr:
    return matmul(*(e for e in (before, u, behind) if not is_one(e)))
