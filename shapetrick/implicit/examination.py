"""What numbers say of equations before anything is derived: do they determine the unknowns, which
of them are symmetric, and along which changes of an input do they keep a solution."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from ..core.equations import EquationSystem, structure_of
from ..core.errors import DerivationError
from ..core.expr import Abstract, Symbol, symbol
from ..core.traversal import postorder
from ..numerics.evaluation import Valuation
from ..numerics.implicit_solving import LARGEST_CONDITION, Coordinates, ImplicitSolver
from ..numerics.sampling import (
    PLAIN,
    Profile,
    abstract_functions,
    assignments,
    dims_of,
    draw,
    generator,
)

DRAWS = 8
ALIKE = 1e-7  # relative
_PROFILES = (PLAIN, PLAIN, Profile(0.3), Profile(sign=1))


class Examined(NamedTuple):
    """Which equations are symmetric, and whether the variable has to stay symmetric."""

    symmetric: tuple[bool, ...]
    along_symmetric: bool


def examined(systems: tuple[EquationSystem, ...], wrt: Symbol, seed: int) -> Examined:
    """What two solutions at small sizes tell.

    Raises DerivationError where the equations have no solution or leave unknowns undetermined."""
    solver = ImplicitSolver(systems)
    found: list[Valuation] = []
    undetermined, unsolved = "", 0
    for drawn in _draws(solver, wrt, seed):
        solved = solver.consistent(drawn, bound=np.inf)
        at = drawn._replace(env=solved)
        if not all(np.isfinite(solved[u.name]).all() for u in solver.unknowns):
            unsolved += 1
            continue
        scales = solver.singular_values(at)
        free = int((scales <= scales.max() / LARGEST_CONDITION).sum())
        if free:
            undetermined = _undetermined(solver, at, free, len(scales))
            continue
        found.append(at)
        if len(found) == 2:
            break
    if not found:
        raise DerivationError(undetermined or _unsolved(solver, unsolved))
    symmetric = [
        all(flags) for flags in zip(*(_symmetric(solver, at) for at in found), strict=True)
    ]
    return Examined(tuple(symmetric), any(_along_symmetric(solver, wrt, at) for at in found))


def _draws(solver: ImplicitSolver, wrt: Symbol, seed: int) -> Iterator[Valuation]:
    residuals = [e for system in solver.systems for e in system.residuals]
    names = sorted({e.name for e in postorder(residuals) if isinstance(e, Abstract)})
    rng = generator(seed, 7)
    inputs = dict.fromkeys([*solver.inputs, *solver.unknowns, wrt])
    sizes = [
        s for s, _ in zip(assignments(dims_of([*residuals, *inputs]), rng), "ab", strict=False)
    ]
    for k in range(DRAWS):
        at, profile = sizes[k % len(sizes)], _PROFILES[k // 2 % len(_PROFILES)]
        env = {s.name: draw(s, at, rng, profile) for s in inputs}
        yield Valuation(env, at, abstract_functions(tuple(names), rng))


def _symmetric(solver: ImplicitSolver, at: Valuation) -> list[bool]:
    """Whether each residual is symmetric away from solutions too."""
    moved = {u.name: at.env[u.name] for u in solver.unknowns}
    coordinates = Coordinates(solver.unknowns, at.sizes)
    vector = coordinates.read(moved)
    waves = 0.3 * np.cos(1.0 + np.arange(vector.size)) * (1 + np.abs(vector))
    env = {**at.env, **coordinates.write(vector + waves)}
    return [
        x.shape[-1] == x.shape[-2] > 1 and bool(np.abs(x - x.T).max() <= ALIKE * np.abs(x).max())
        for x in solver.values(at._replace(env=env))
    ]


def _along_symmetric(solver: ImplicitSolver, wrt: Symbol, at: Valuation) -> bool:
    """Whether solutions go along with symmetric changes of the variable alone.

    Raises DerivationError where they go with neither."""
    if wrt not in solver.inputs or _follows(solver, wrt, frozenset(), at):
        return False
    square = wrt.shape[0] == wrt.shape[1]
    if square and _follows(solver, wrt, frozenset({"symmetric"}), at):
        if structure_of(wrt) == "symmetric":
            return True
        raise DerivationError(
            f"the equations have a solution only for a symmetric `{wrt.name}`: declare it so, "
            f"`{wrt.name} : {wrt.shape[0]} x {wrt.shape[1]} symmetric`."
        )
    raise DerivationError(
        f"a small change of `{wrt.name}` leaves the equations without a solution: there are more "
        "equations than unknown entries."
    )


def _follows(
    solver: ImplicitSolver, wrt: Symbol, attributes: frozenset[str], at: Valuation
) -> bool:
    """Whether the unknowns can make up for every change of the variable."""
    by_unknowns = solver.jacobian(solver.unknowns, at)
    changed = symbol(wrt.name, wrt.shape, attributes)
    by_variable = solver.jacobian([changed], at)
    basis, scales, _ = np.linalg.svd(by_unknowns, full_matrices=False)
    basis = basis[:, scales > scales.max() / LARGEST_CONDITION]
    left = by_variable - basis @ (basis.T @ by_variable)
    return bool(np.abs(left).max() <= 1e-6 * np.abs(by_variable).max())


def _undetermined(solver: ImplicitSolver, at: Valuation, free: int, entries: int) -> str:
    sizes = ", ".join(f"{name}={size}" for name, size in at.sizes.items())
    return (
        f"the equations do not determine {solver.listed}: at {sizes} they leave {free} of "
        f"{entries} entries free, so the adjoint equation is singular. Add an equation, or say "
        "more of the unknown (`symmetric`, `lower`, …)."
    )


def _unsolved(solver: ImplicitSolver, tried: int) -> str:
    return (
        f"no solution of the equations for {solver.listed} was found near {tried} random inputs: "
        "they contradict each other, or there are more of them than unknown entries."
    )
