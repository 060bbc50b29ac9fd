"""TABLE: what finds the unknowns of the library's equations: NumPy or SciPy, called by one text in
`evaluate` and in generated code.

A text gives the unknowns in their order as a tuple; `{0}` and so on are the arguments, which are
matrices or columns with two axes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from types import CodeType
from typing import Any

import numpy as np

from ..core.functions import Array

TABLE: Mapping[str, str] = {
    "solve": "(np.linalg.solve({0}, {1}),)",
    "cholesky": "(np.linalg.cholesky({0}),)",
    "sqrtm": "(scipy.linalg.sqrtm({0}).real,)",
    "lyapunov": "(scipy.linalg.solve_continuous_lyapunov({0}, {1}),)",
    "stein": "(scipy.linalg.solve_discrete_lyapunov({0}, {1}),)",
    "sylvester": "(scipy.linalg.solve_sylvester({0}, {1}, {2}),)",
    "care": "(scipy.linalg.solve_continuous_are({0}, {1}, {2}, {3}),)",
    "dare": "(scipy.linalg.solve_discrete_are({0}, {1}, {2}, {3}),)",
    "eigh": "(lambda w, v: (w[-1:, None], v[:, -1:]))(*np.linalg.eigh({0}))",
    "eigh_smallest": "(lambda w, v: (w[:1, None], v[:, :1]))(*np.linalg.eigh({0}))",
    "svd": "(lambda u, s, v: (u, s[:, None], v.T))(*np.linalg.svd({0}, full_matrices=False))",
    "qr": "np.linalg.qr({0})",
    "polar": "scipy.linalg.polar({0})",
}


def unknowns_by(solver: str, arguments: Sequence[Array]) -> tuple[Array, ...]:
    """The unknowns. Raises numpy.linalg.LinAlgError or ValueError where there are none."""
    space: dict[str, Any] = {"np": np}
    if "scipy" in TABLE[solver]:
        import scipy.linalg  # only where used: SciPy is slow to import

        space["scipy"] = scipy
    given = {f"x{k}": x for k, x in enumerate(arguments)}
    found: tuple[Array, ...] = eval(_compiled(solver, len(arguments)), {**space, **given})
    return found


@cache
def _compiled(solver: str, count: int) -> CodeType:
    return compile(TABLE[solver].format(*(f"x{k}" for k in range(count))), solver, "eval")
