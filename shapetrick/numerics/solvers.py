"""TABLE: what finds the unknowns of the library's equations, a function of NumPy or SciPy, and how
JAX and PyTorch spell it; `evaluate` and generated code call it.

In a spelling `{0}` and so on are the arguments, matrices with two axes; where it finds several
unknowns, `{0}` in their spellings is what it gives. A column has one axis there, and a scalar none.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from functools import reduce
from importlib import import_module
from typing import Any

import numpy as np

from ..core.dims import Shape
from ..core.equations import EquationSystem
from ..core.expr import Expr, named
from ..core.functions import Array
from ..core.named_tuples import NamedTuple
from ..core.solved import SolvedBy, computed
from ..core.traversal import substitute

SolverStep = int | str | tuple[slice, int]  # to an element, to an attribute, to a column
ALL = slice(None)


def _reached(found: Any, steps: Sequence[SolverStep]) -> Any:
    return reduce(lambda x, s: getattr(x, s) if isinstance(s, str) else x[s], steps, found)


def _spelled(step: SolverStep) -> str:
    """A step as Python has it."""
    match step:
        case str():
            return f".{step}"
        case int():
            return f"[{step}]"
        case _, place:
            return f"[:, {place}]"


class SolverItem(NamedTuple):
    """One of several unknowns: the steps that lead to it, and how many axes it has."""

    steps: tuple[SolverStep, ...]
    rank: int

    @property
    def text(self) -> str:
        return "".join(("{0}", *map(_spelled, self.steps)))


class Solver(NamedTuple):
    """A function of NumPy or SciPy by its dotted name, how many arguments it has, and keywords; the
    steps to what it finds; how others spell it, empty for a library that has none; the unknowns,
    where it finds several."""

    function: str
    arity: int
    jax: str = ""
    torch: str = ""
    items: tuple[SolverItem, ...] = ()
    steps: tuple[SolverStep, ...] = ()
    keywords: tuple[tuple[str, bool], ...] = ()

    @property
    def numpy(self) -> str:
        """How NumPy spells it."""
        given = [*(f"{{{k}}}" for k in range(self.arity)), *(f"{k}={v}" for k, v in self.keywords)]
        called = self.function.replace("numpy.", "np.")
        return "".join((f"{called}({', '.join(given)})", *map(_spelled, self.steps)))

    def found(self, arguments: Sequence[Array]) -> Any:
        """What it finds."""
        module, _, name = self.function.rpartition(".")
        function = getattr(import_module(module), name)  # only where used: SciPy is slow to import
        return _reached(function(*arguments, **dict(self.keywords)), self.steps)


def _alike(row: Solver) -> Solver:
    """What the others have by the same name."""
    jax, torch = (row.numpy.replace("np.", module) for module in ("jnp.", "torch."))
    return row._replace(jax=jax, torch=torch)


def _end(place: int) -> tuple[SolverItem, ...]:
    """An eigenvalue at one end, and its eigenvector."""
    return SolverItem((0, place), 0), SolverItem((1, (ALL, place)), 1)


_FACTORS = SolverItem((0,), 2), SolverItem((1,), 2)
_SINGULAR = SolverItem((0,), 2), SolverItem((1,), 1), SolverItem((2, "T"), 2)
TABLE: Mapping[str, Solver] = {
    "solve": _alike(Solver("numpy.linalg.solve", 2)),
    "cholesky": _alike(Solver("numpy.linalg.cholesky", 1)),
    "sqrtm": Solver("scipy.linalg.sqrtm", 1, "jax.scipy.linalg.sqrtm({0}).real", steps=("real",)),
    "lyapunov": Solver(
        "scipy.linalg.solve_continuous_lyapunov",
        2,
        "jax.scipy.linalg.solve_sylvester({0}, {0}.T, {1})",
    ),
    "stein": Solver("scipy.linalg.solve_discrete_lyapunov", 2),
    "sylvester": Solver(
        "scipy.linalg.solve_sylvester", 3, "jax.scipy.linalg.solve_sylvester({0}, {1}, {2})"
    ),
    "care": Solver("scipy.linalg.solve_continuous_are", 4),
    "dare": Solver("scipy.linalg.solve_discrete_are", 4),
    "eigh": _alike(Solver("numpy.linalg.eigh", 1, items=_end(-1))),
    "eigh_smallest": _alike(Solver("numpy.linalg.eigh", 1, items=_end(0))),
    "svd": _alike(
        Solver("numpy.linalg.svd", 1, items=_SINGULAR, keywords=(("full_matrices", False),))
    ),
    "qr": _alike(Solver("numpy.linalg.qr", 1, items=_FACTORS)),
    "polar": Solver(
        "scipy.linalg.polar",
        1,
        "jax.scipy.linalg.polar({0})",
        "(lambda u, s, v: (u @ v, v.T @ (s[:, None] * v)))"
        "(*torch.linalg.svd({0}, full_matrices=False))",
        _FACTORS,
    ),
}


def unknowns_by(solver: str, arguments: Sequence[Array]) -> tuple[Array, ...]:
    """The unknowns, with two axes. Raises numpy.linalg.LinAlgError or ValueError where there are
    none."""
    row = TABLE[solver]
    found = row.found(arguments)
    items = [_reached(found, item.steps) for item in row.items] or [found]
    return tuple(x if np.ndim(x) > 1 else np.reshape(x, (-1, 1)) for x in items)


def solved_unknowns(systems: Iterable[EquationSystem], solvers: Container[str]) -> dict[Expr, Expr]:
    """The unknowns of the systems that one of these finds, in what is given to it."""
    found: dict[Expr, Expr] = {}
    for system in systems:
        if system.solver not in solvers:
            continue
        arguments = [substitute(e, found) for e in system.arguments]
        for k, u in enumerate(system.unknowns):
            found[u] = named(u.name, found_by(system.solver, k, u.shape, arguments))
    return found


def found_by(solver: str, k: int, shape: Shape, arguments: Sequence[Expr]) -> Expr:
    """What a solver finds of arguments: of several unknowns, that with a number."""
    items = TABLE[solver].items
    item = (k, items[k].rank) if items else None
    return computed(SolvedBy(solver, unknowns_by, item), shape, *arguments)
