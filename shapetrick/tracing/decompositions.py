"""What solvers of the library's equations find: factors of matrices, and solutions. They are nodes
with values until the problem is written, where they become unknowns that a line declares.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..core.dims import Dim, Extent
from ..core.errors import TraceError
from ..core.expr import Expr
from ..core.named_tuples import NamedTuple
from ..core.solved import Solved
from ..numerics.solvers import found_by
from . import arrays, axis_functions
from .arrays import Traced


def solved(solver: str, shapes: Sequence[Extent], *given: Traced) -> tuple[Traced, ...]:
    """The unknowns, of these shapes, that a solver of the library finds of arrays."""
    args = [x.whole for x in given]
    return tuple(
        Traced(found_by(solver, k, arrays.sides(shape), args), shape)
        for k, shape in enumerate(shapes)
    )


def number_of(e: Solved) -> int:
    """Which one of all that its solver finds it is."""
    return e.compute.item[0] if e.compute.item else 0  # type: ignore[attr-defined]


def solver_of(e: Solved) -> tuple[str, tuple[Expr, ...]]:
    """What finds it, of which arguments."""
    return e.compute.solver, e.args  # type: ignore[attr-defined]


def _of_square(x: Traced) -> Dim:
    axis_functions.check_square(x)
    return x.shape[0]


def cholesky(x: Traced, upper: bool = False) -> Traced:
    """The lower factor, or the upper one."""
    _of_square(x)
    (factor,) = solved("cholesky", [x.shape], x)
    return arrays.transpose(factor) if upper else factor


def upper_factor(x: Traced, lower: bool = False) -> Traced:
    """As SciPy's `cholesky`."""
    return cholesky(x, upper=not lower)


class FactorAndSide(NamedTuple):
    """What `cho_factor` gives."""

    c: Traced
    lower: bool


def factored(x: Traced, lower: bool = False) -> FactorAndSide:
    return FactorAndSide(upper_factor(x, lower), lower)


def orthogonal_factors(x: Traced, mode: str = "reduced") -> tuple[Traced, ...]:
    """Q and R of a matrix with at least as many rows as columns."""
    if mode not in ("reduced", "economic"):
        raise TraceError(f"`qr` with mode={mode!r} isn't followed.")
    return solved("qr", [x.shape, x.shape[1:] * 2], x)


class SingularValues(NamedTuple):
    """What `svd` gives; the last is V', as NumPy and PyTorch have it."""

    U: Traced
    S: Traced
    Vh: Traced


def singular_values(x: Traced, full_matrices: bool = True, compute_uv: bool = True) -> Any:
    """Those of a matrix with at least as many rows as columns."""
    if full_matrices and compute_uv:
        raise TraceError("`svd` is followed with full_matrices=False.")
    cols = x.shape[1:]
    u, s, v = solved("svd", [x.shape, cols, cols * 2], x)
    return SingularValues(u, s, arrays.transpose(v)) if compute_uv else s


def only_singular_values(x: Traced) -> Traced:
    found: Traced = singular_values(x, compute_uv=False)
    return found


def square_root(x: Traced) -> Traced:
    _of_square(x)
    return solved("sqrtm", [x.shape], x)[0]


class _Eigenvalues(NamedTuple):
    """What `eigh` gives, of which the last and the first are followed."""

    eigenvalues: EndsOfSpectrum
    eigenvectors: EndsOfSpectrum


class EndsOfSpectrum(arrays.Opaque):
    """The eigenvalues in rising order, or their vectors as columns: those at the ends are
    followed."""

    __slots__ = ("place", "x")

    def __init__(self, x: Traced, place: int) -> None:
        super().__init__(x.shape if place else x.shape[:1], x=x, place=place)

    x: Traced
    place: int

    def refusal(self) -> TraceError:
        return TraceError(
            "of eigenvalues, `w[0]` and `w[-1]` are followed, with `V[:, 0]` and `V[:, -1]`: write "
            "their sum as a trace, and their product as a determinant."
        )

    def cut(self, ends: Sequence[tuple[Dim, Dim]]) -> Traced:
        first, behind = ends[-1]
        n = self.x.shape[0]
        solvers = {(Dim(()), Dim.of(1)): "eigh_smallest", (n - Dim.of(1), n): "eigh"}
        solver = solvers.get((first, behind))
        if solver is None:
            raise self.refusal()
        one = Dim.of(1)
        return solved(solver, [(one,), (n, one)], self.x)[self.place]


def eigenvalues(x: Traced, UPLO: str = "L") -> _Eigenvalues:
    _of_square(x)
    return _Eigenvalues(EndsOfSpectrum(x, 0), EndsOfSpectrum(x, 1))
