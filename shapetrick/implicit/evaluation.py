"""Gradients through unknowns at arrays: the unknowns are given and confirmed, or solved for; the
multipliers are solved for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..core.equations import EquationSystem
from ..core.errors import OperandError
from ..core.expr import Expr, Symbol
from ..core.functions import Array
from ..core.traversal import symbols_of
from ..numerics.arrays import array_of, evaluate_all, matrix_of, sizes_from
from ..numerics.evaluation import EvaluationTape, FunctionValues, Valuation
from ..numerics.implicit_solving import MOST_DENSE, Coordinates, ImplicitSolver
from ..numerics.solvers import unknowns_by
from ..simplification.stable_forms import stable

FULFILLED = 1e-6  # relative residual of a value that is given
SINGULAR = 1e10  # condition
NEAR_ZERO = 1e-9


def evaluate(
    roots: Sequence[Expr],
    systems: tuple[EquationSystem, ...],
    arrays: Mapping[str, Any],
    functions: FunctionValues | None,
    sizes: Mapping[str, int],
    start: Mapping[str, Any] | None = None,
) -> list[Array]:
    """The values of expressions at arrays by name; unknowns that are not among them are solved for,
    from `start` where the equations are not linear in them.

    Raises OperandError where they have no solution, or are not determined."""
    solver = ImplicitSolver(systems)
    begun = {**(start or {}), **{k: v for k, v in arrays.items() if k not in (start or {})}}
    others = (s for e in roots for s in symbols_of(e) if s not in solver.unknowns)
    inputs = dict.fromkeys((*solver.inputs, *others))
    known = {s.name: matrix_of(s, array_of(s.name, begun)) for s in inputs}
    given = {u: matrix_of(u, begun[u.name]) for u in solver.unknowns if u.name in begun}
    env = {**known, **{u.name: x for u, x in given.items()}}
    at = sizes_from([*inputs, *given], env, sizes)
    for system in systems:
        if system.solver and given.keys().isdisjoint(system.unknowns):
            solution = _by_solver(system, Valuation(env, at, functions or {}))
            env.update(solution)
            given.update({u: solution[u.name] for u in system.unknowns})
    missing = [u for u in solver.unknowns if u not in given]
    for name in (name for u in missing for d in u.shape for name in d.names):
        if name not in at:
            raise OperandError(f"the size of {name} is not told: give `{name}=…`.")
    place = Valuation(env, at, functions or {})
    if missing or start:
        place = _solved(solver, place, missing)
    elif (off := solver.residual_off(place)) > FULFILLED:
        raise OperandError(
            f"the values given for {solver.listed} do not fulfil the equations: the residual is "
            f"{off:.1g} of what is equated."
        )
    if Coordinates(solver.unknowns, at).count <= MOST_DENSE:
        _check_regular(solver, place)
    found = evaluate_all(stable(roots), {**arrays, **place.env}, functions, at)
    if not all(np.isfinite(x).all() for x in found):
        raise OperandError(
            "the adjoint equation has no solution at these values: it is singular, or its solver "
            "did not converge."
        )
    return found


def _by_solver(system: EquationSystem, at: Valuation) -> dict[str, Array]:
    """The unknowns of a function of the library, by what the table says. Raises OperandError."""
    try:
        arguments = EvaluationTape(system.arguments).run(*at)
        found = unknowns_by(system.solver, arguments)
    except (np.linalg.LinAlgError, ValueError) as error:
        raise OperandError(f"`{system.solver}` has no value at these arrays: {error}") from None
    return {u.name: x for u, x in zip(system.unknowns, found, strict=True)}


def _solved(solver: ImplicitSolver, at: Valuation, missing: list[Symbol]) -> Valuation:
    """With the unknowns too. Raises OperandError."""
    count = Coordinates(solver.unknowns, at.sizes).count
    if count > MOST_DENSE:
        raise OperandError(
            f"{solver.listed} has {count} free entries: more than {MOST_DENSE} are not solved "
            "for here. Give its value."
        )
    zero = {u.name: np.zeros([d.size(at.sizes) for d in u.shape]) for u in missing}
    begun = at._replace(env={**at.env, **zero})
    if missing and not _is_linear(solver, begun):
        example = ", ".join(f'"{u.name}": …' for u in missing)
        raise OperandError(
            f"`{missing[0].name}` has no value, and its equations are not linear in it: give its "
            f"value, or where to start from, `start={{{example}}}`."
        )
    found = solver.solved(begun)
    if not all(np.isfinite(x).all() for x in found.values()):
        _check_regular(solver, begun)
        raise OperandError(
            f"Newton's method found no solution of the equations for {solver.listed} from there."
        )
    return at._replace(env={**at.env, **found})


def _is_linear(solver: ImplicitSolver, at: Valuation) -> bool:
    """Whether the equations' Jacobian by the unknowns is the same elsewhere."""
    coordinates = Coordinates(solver.unknowns, at.sizes)
    here = coordinates.read(at.env)
    there = {**at.env, **coordinates.write(here + np.cos(np.arange(here.size)))}
    a, b = (solver.jacobian(solver.unknowns, x) for x in (at, at._replace(env=there)))
    return bool(np.isfinite(a).all() and np.abs(a - b).max() <= NEAR_ZERO * (1 + np.abs(b).max()))


def _check_regular(solver: ImplicitSolver, at: Valuation) -> None:
    """Raises OperandError where the adjoint equation is singular."""
    scales = solver.singular_values(at)
    if scales[-1] * SINGULAR < scales[0]:
        raise OperandError(
            f"the equations do not determine {solver.listed} at these values: the adjoint "
            f"equation is singular (its smallest singular value is {scales[-1] / scales[0]:.1g} "
            "of the largest), as with a repeated eigenvalue."
        )
