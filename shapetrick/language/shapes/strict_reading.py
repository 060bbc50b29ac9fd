"""What a strict reading refuses and another one warns of: undeclared names, absent variables."""

from __future__ import annotations

from collections.abc import Sequence

from ...core.dims import ONE, SCALAR
from ...core.errors import RequestError
from ...core.problem import Problem
from ...core.warnings import absence
from ..syntax.tree import Asked, opened
from .scope import Scope


def refuse_undeclared(scope: Scope, asked: Sequence[Asked], problem: Problem) -> None:
    """Refuse names that nobody declared."""
    for root in (*scope.bodies.values(), *(a.of for a in asked)):
        for node in opened(root):
            if node.kind == "name" and node.value in scope.assumed:
                raise scope.error(
                    f"`{node.value}` is not declared: write `{_declaration(problem, node.value)}`, "
                    "or its shape.",
                    node.span,
                )


def refuse_absent(problem: Problem) -> None:
    """Refuse variables that do not occur in what is differentiated."""
    for request in problem.requests:
        absent = absence(problem, request)
        if absent:
            raise RequestError(absent, request.span, problem.text)


def _declaration(problem: Problem, name: str) -> str:
    """The declaration of a symbol whose shape was inferred."""
    rows, cols = shape = problem.symbols[name].shape
    sides = "scalar" if shape == SCALAR else f"{rows}" if cols == ONE else f"{rows} x {cols}"
    return f"{name} : {sides}"
