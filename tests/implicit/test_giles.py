"""14 results of M. B. Giles (Collected Matrix Derivative Results for Forward and Reverse Mode
Algorithmic Differentiation, 2008): what we derive has the values of his formulas."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.linalg

import shapetrick as st
from shapetrick.core.functions import Array

Values = dict[str, Any]
RNG = np.random.default_rng(5)
A, B, G = (RNG.normal(size=(4, 4)) for _ in range(3))
A = A + 4 * np.eye(4)
POSDEF = B @ B.T + np.eye(4)
TALL, W = RNG.normal(size=(5, 4)), RNG.normal(size=(4, 1))
inv = np.linalg.inv


def _cholesky(v: Values) -> Any:
    """Ā = L⁻' Φ(L' L̄) L⁻¹, along the symmetric matrices; Φ takes the lower triangle, half of the
    diagonal."""
    L = np.linalg.cholesky(v["A"])
    phi = np.tril(L.T @ np.tril(v["G"]))
    phi -= np.diag(np.diag(phi)) / 2
    found = inv(L).T @ phi @ inv(L)
    return (found + found.T) / 2


def _eigenvector(v: Values) -> Any:
    """Of one pair of a symmetric matrix: (F .* (Q' V̄)) between Q and Q'."""
    w, Q = np.linalg.eigh(v["A"])
    rest = np.zeros(4)
    rest[:-1] = 1 / (w[-1] - w[:-1])
    found = Q @ np.diag(rest) @ Q.T @ v["w"] @ Q[:, -1:].T
    found = (found + found.T) / 2
    return found * np.squeeze(v["w"].T @ Q[:, -1:]) * 2


def _singular(v: Values) -> Any:
    """Ā = U diag(s̄) V'."""
    U, _, Vt = np.linalg.svd(v["A"], full_matrices=False)
    return U @ np.diag(v["w"].ravel()) @ Vt


def _largest(v: Values) -> Any:
    U, _, Vt = np.linalg.svd(v["A"])
    return U[:, :1] @ Vt[:1]


# The problem, the inputs, and his reverse mode.
CASES: dict[str, tuple[str, Values, Callable[[Values], Any]]] = {
    "sum": ("vjp (A + B) with G wrt A", {"A": A, "B": B, "G": G}, lambda v: v["G"]),
    "product": (
        "vjp (A B) with G wrt B", {"A": A, "B": B, "G": G}, lambda v: v["A"].T @ v["G"],
    ),
    "inverse": (
        "vjp inv(A) with G wrt A", {"A": A, "G": G},
        lambda v: -inv(v["A"]).T @ v["G"] @ inv(v["A"]).T,
    ),
    "inverse times a matrix": (
        "C = solve(A, B); vjp C with G wrt A", {"A": A, "B": B, "G": G},
        lambda v: -inv(v["A"]).T @ v["G"] @ (inv(v["A"]) @ v["B"]).T,
    ),
    "determinant": (
        "grad det(A) wrt A", {"A": A}, lambda v: np.linalg.det(v["A"]) * inv(v["A"]).T,
    ),
    "logarithm of the determinant": (
        "grad logdet(A) wrt A", {"A": A}, lambda v: inv(v["A"]).T,
    ),
    "matrix polynomial": (
        "vjp (A^3 - 2 A^2) with G wrt A", {"A": A, "G": G},
        lambda v: sum(np.linalg.matrix_power(v["A"].T, r) @ v["G"]
                      @ np.linalg.matrix_power(v["A"].T, 2 - r) for r in range(3))
        - 2 * (v["A"].T @ v["G"] + v["G"] @ v["A"].T),
    ),
    "quadratic form": (
        "vjp (B' A B) with G wrt B", {"A": A, "B": B, "G": G},
        lambda v: v["A"].T @ v["B"] @ v["G"] + v["A"] @ v["B"] @ v["G"].T,
    ),
    "quadratic form of the inverse": (
        "vjp (B' inv(A) B) with G wrt A", {"A": A, "B": B, "G": G},
        lambda v: -inv(v["A"]).T @ v["B"] @ v["G"] @ v["B"].T @ inv(v["A"]).T,
    ),
    "Frobenius norm": ("grad norm(A) wrt A", {"A": A}, lambda v: v["A"] / np.linalg.norm(v["A"])),
    "spectral norm": (
        "v : n, lam : scalar where A' A v = lam v, v' v = 1; J = sqrt(lam); grad J wrt A",
        {"A": A}, _largest,
    ),
    "eigenpair": ("S : n x n symmetric; w : n; lam, v = eigh(S); J = (w' v)^2; grad J wrt S",
                  {"A": POSDEF, "w": W}, _eigenvector),
    "singular values": (
        "T : m x n; w : n; U, s, V = svd(T); J = w' s; grad J wrt T", {"A": TALL, "w": W},
        _singular,
    ),
    "Cholesky": ("S : n x n posdef; L = cholesky(S); vjp L with G wrt S",
                 {"A": POSDEF, "G": G}, _cholesky),
}  # fmt: skip


def test_there_are_14_results() -> None:
    assert len(CASES) == 14


def _start(values: Values) -> Values:
    """Near a solution, where Newton's method needs that."""
    _, s, Vt = scipy.linalg.svd(values["A"])
    return {"v": Vt[:1].T, "lam": s[0] ** 2}


@pytest.mark.parametrize("name", CASES)
def test_the_results_are_his(name: str) -> None:
    text, values, reverse = CASES[name]
    own = "T" if "T :" in text else "S" if "S :" in text else "A"
    declared = "" if own != "A" else "A, B : n x n; "
    d = st.derive(f"{declared}{text}")
    assert d.verified
    given: dict[str, Array] = {**values, own: values["A"]}
    start = _start(values) if name == "spectral norm" else None
    found = d.evaluate(given, start=start)
    if own == "S":
        found = (found + found.T) / 2
    np.testing.assert_allclose(found, reverse(values), rtol=1e-7, atol=1e-9)
