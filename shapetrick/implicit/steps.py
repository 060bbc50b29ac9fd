"""Unknowns of equations as on paper: a derivation through them (the equation, its backward rules,
the adjoint equation), and how one was isolated (its terms collected, the inverse)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ..core.equations import EquationSystem
from ..core.expr import Symbol, named
from ..core.free_names import free_names
from ..core.problem import Problem, Request, called
from ..core.results import Adjoint, Result, Step
from ..core.traversal import symbols_of
from ..explanation.steps import Paper, Text
from ..simplification.simplifier import Simplifier
from .solutions import Isolation, solution


def steps_of_equations(problem: Problem, result: Result, text: Text) -> tuple[Step, ...]:
    """What is asked by the unknowns, the backward rules of the equations by the unknowns and by
    the variable, and how these are put together."""
    assert result.adjoint is not None
    return tuple(_EquationSteps(problem, result, result.adjoint, text).steps())


class _EquationSteps:
    """The steps of one result."""

    def __init__(self, problem: Problem, result: Result, adjoint: Adjoint, text: Text) -> None:
        self._request = replace(result.request, symmetric=False)
        self._result = result
        self._adjoint = adjoint
        self._text = text
        self._simplifier = Simplifier(problem.definitions.values(), [result.request.of])
        taken = {*problem.taken(result.request), *(s.name for s in adjoint.symbols)}
        names = free_names("F", len(adjoint.weighted), taken)
        self._named = dict(zip((e for e, _ in adjoint.weighted), names, strict=True))

    def steps(self) -> Iterator[Step]:
        request = self._request
        unknowns = [u for system in self._adjoint.systems for u in system.unknowns]
        if request.of not in unknowns:
            for u in unknowns:
                yield from self._of(request, u)
        for system in reversed(self._adjoint.systems):
            for u in system.unknowns:
                yield from self._rules(system, u)
            yield from self._adjoint_steps(system)
        if request.of not in unknowns:
            yield from self._of(request, request.wrt)
        for system in self._adjoint.systems:
            yield from self._rules(system, request.wrt)
        told = " and ".join(self._named.values())
        yield Step(
            request.of_text,
            request.wrt.name,
            self._label(request),
            request.wrt.shape,
            (),
            self._result.gradient,
            f"minus the backward rule of {told} by {request.wrt.name}, with the multiplier that "
            "the adjoint equation gives",
        )

    def _label(self, request: Request) -> str:
        name = request.wrt.name
        if request.direction is not None:
            return f"bar({name})"
        return f"∂{called(request.of_text)}/∂{name}"

    def _of(self, request: Request, x: Symbol) -> Iterator[Step]:
        if x in symbols_of(request.of):
            asked = replace(request, wrt=x)
            yield from Paper(asked, self._simplifier, self._text).steps()

    def _rules(self, system: EquationSystem, x: Symbol) -> Iterator[Step]:
        """The backward rules of a system's equations by one symbol."""
        for value, multiplier in self._adjoint.weighted:
            if value not in system.residuals or x not in symbols_of(value):
                continue
            name = self._named[value]
            asked = Request("vjp", named(name, value), name, x, self._adjoint.symbol(multiplier))
            *first, last = Paper(asked, self._simplifier, self._text).steps()
            said = f"{name} = {self._text(value)}, which is 0 at a solution"
            note = "" if x is self._request.wrt else said
            yield from (*first, replace(last, label=f"∂{name}/∂{x.name}", note=note))

    def _adjoint_steps(self, system: EquationSystem) -> Iterator[Step]:
        """The adjoint equations, as remarks of a step."""
        for q in self._adjoint.equations:
            if q.unknown not in system.unknowns:
                continue
            said = f"set equal to {self._text(q.right)}: the adjoint equation"
            where = f", {q.entries}" if q.entries else ""
            names = ", ".join(self._named[e] for e, _ in self._adjoint.weighted
                              if e in system.residuals and q.unknown in symbols_of(e))  # fmt: skip
            yield Step(
                names,
                q.unknown.name,
                f"∂{names}/∂{q.unknown.name}",
                q.unknown.shape,
                (),
                q.left,
                f"{said}{where}",
            )


# ------------------------------------------------------------------------------ isolated unknowns


def steps_of_solution(
    problem: Problem, request: Request, system: EquationSystem, text: Text
) -> tuple[Step, ...]:
    """The isolations, one after the other, up to that of what is asked for."""
    simplifier = Simplifier(problem.definitions.values(), system.residuals)
    found = solution(system, simplifier)
    return tuple(step for one in found.isolations for step in _steps(one, request, text))


def _steps(one: Isolation, request: Request, text: Text) -> Iterator[Step]:
    u, isolated = one.unknown, one.found
    left = text(isolated.left)
    said = f"{text(one.residual)} = 0, with the terms of {u.name} collected on the left"
    of = " ".join(request.of_text.split())
    shape = one.residual.shape
    yield Step(of, u.name, left, shape, (), isolated.right, said)
    note = "multiplied by the inverse" if isolated.inverted else "as it stands"
    yield Step(of, u.name, u.name, u.shape, (), isolated.value, note)
