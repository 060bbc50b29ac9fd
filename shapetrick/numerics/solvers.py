"""TABLE: what finds the unknowns of the library's equations, in NumPy or SciPy, in JAX and in
PyTorch; `evaluate` and generated code call it by one text.

In a call `{0}` and so on are the arguments, matrices with two axes; where it finds several
unknowns, `{0}` in their texts is what it gives. A column has one axis there, and a scalar none.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from functools import cache
from types import CodeType
from typing import Any

import numpy as np

from ..core.dims import Shape
from ..core.equations import EquationSystem
from ..core.expr import Expr, named
from ..core.functions import Array
from ..core.named_tuples import NamedTuple
from ..core.solved import SolvedBy, computed
from ..core.traversal import substitute


class Solver(NamedTuple):
    """The calls, empty for a library that has none, and of several unknowns the texts, with how
    many axes each has."""

    numpy: str
    jax: str = ""
    torch: str = ""
    items: tuple[tuple[str, int], ...] = ()


def _numpy(call: str, *items: tuple[str, int]) -> Solver:
    """What the others have by the same name."""
    return Solver(call, call.replace("np.", "jnp."), call.replace("np.", "torch."), items)


_FACTORS = ("{0}[0]", 2), ("{0}[1]", 2)
TABLE: Mapping[str, Solver] = {
    "solve": _numpy("np.linalg.solve({0}, {1})"),
    "cholesky": _numpy("np.linalg.cholesky({0})"),
    "sqrtm": Solver("scipy.linalg.sqrtm({0}).real", "jax.scipy.linalg.sqrtm({0}).real"),
    "lyapunov": Solver(
        "scipy.linalg.solve_continuous_lyapunov({0}, {1})",
        "jax.scipy.linalg.solve_sylvester({0}, {0}.T, {1})",
    ),
    "stein": Solver("scipy.linalg.solve_discrete_lyapunov({0}, {1})"),
    "sylvester": Solver(
        "scipy.linalg.solve_sylvester({0}, {1}, {2})",
        "jax.scipy.linalg.solve_sylvester({0}, {1}, {2})",
    ),
    "care": Solver("scipy.linalg.solve_continuous_are({0}, {1}, {2}, {3})"),
    "dare": Solver("scipy.linalg.solve_discrete_are({0}, {1}, {2}, {3})"),
    "eigh": _numpy("np.linalg.eigh({0})", ("{0}[0][-1]", 0), ("{0}[1][:, -1]", 1)),
    "eigh_smallest": _numpy("np.linalg.eigh({0})", ("{0}[0][0]", 0), ("{0}[1][:, 0]", 1)),
    "svd": _numpy(
        "np.linalg.svd({0}, full_matrices=False)",
        *(("{0}[0]", 2), ("{0}[1]", 1), ("{0}[2].T", 2)),
    ),
    "qr": _numpy("np.linalg.qr({0})", *_FACTORS),
    "polar": Solver(
        "scipy.linalg.polar({0})",
        "jax.scipy.linalg.polar({0})",
        "(lambda u, s, v: (u @ v, v.T @ (s[:, None] * v)))"
        "(*torch.linalg.svd({0}, full_matrices=False))",
        _FACTORS,
    ),
}


def unknowns_by(solver: str, arguments: Sequence[Array]) -> tuple[Array, ...]:
    """The unknowns, with two axes. Raises numpy.linalg.LinAlgError or ValueError where there are
    none."""
    space: dict[str, Any] = {"np": np}
    row = TABLE[solver]
    if "scipy" in row.numpy:
        import scipy.linalg  # only where used: SciPy is slow to import

        space["scipy"] = scipy
    found = _called(row.numpy, arguments, space)
    items = [_called(text, [found], space) for text, _ in row.items] or [found]
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
    item = (k, items[k][1]) if items else None
    return computed(SolvedBy(solver, unknowns_by, item), shape, *arguments)


def _called(text: str, arguments: Sequence[Any], space: Mapping[str, Any]) -> Any:
    given = {f"x{k}": x for k, x in enumerate(arguments)}
    return eval(_compiled(text, len(arguments)), {**space, **given})


@cache
def _compiled(text: str, count: int) -> CodeType:
    return compile(text.format(*(f"x{k}" for k in range(count))), text, "eval")
