"""The exponential of a matrix: its derivatives beside SciPy's, its code, and what it is told by."""

from __future__ import annotations

from pathlib import Path
from runpy import run_path

import numpy as np
import pytest
import scipy.linalg
from thinned import thinned

import shapetrick as st
from shapetrick.codegen.python.module import TARGETS

DECLARED = "A, V : n x n; x, y : n; t : scalar; "
RNG = np.random.default_rng(2)
A, V, G = RNG.standard_normal((3, 4, 4))


def test_the_rules_are_those_of_scipy() -> None:
    along = st.derive(DECLARED + "jvp expm(A) wrt A with V")
    back = st.derive(DECLARED + "vjp expm(A) with G wrt A")
    assert along.verified and back.verified
    wanted = scipy.linalg.expm_frechet(A, V, compute_expm=False)
    np.testing.assert_allclose(along.evaluate({"A": A, "V": V}), wanted, rtol=1e-10)
    wanted = scipy.linalg.expm_frechet(A.T, G, compute_expm=False)
    np.testing.assert_allclose(back.evaluate({"A": A, "G": G}), wanted, rtol=1e-10)


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        ("vjp expm(A) with G wrt A", "expm([A', G; zeros(n, n), A'])[1..n, n+1..2 n]"),
        (
            "jac expm(A) wrt A",
            "expm([kron(eye(n), A), eye(n n); zeros(n n, n n), kron(A', eye(n))])"
            "[1..n n, n n+1..2 n n]",
        ),
        ("grad tr(expm(A)) wrt A", "expm(A')"),
        ("grad tr(expm(2 A)) wrt A", "2 expm(2 A')"),
        ("grad x' expm(A) y wrt x", "expm(A) y"),
    ],
)
def test_answers_are_read_again(asked: str, answer: str) -> None:
    d = st.derive(DECLARED + asked)
    assert d.verified
    assert str(d.gradient) == answer
    assert st.check(f"{DECLARED}check {asked} = {answer}").right


@pytest.mark.parametrize(
    "asked",
    [
        "grad norm(expm(t A) x - y)^2 wrt A, t, x",
        "hvp (x' expm(A) y) wrt A with V",
        "vjp expm(expm(A)) wrt A",
        "jac (V expm(2 A V) x) wrt A",
        "hess (x' expm(A) y) wrt A",
    ],
)
def test_what_is_made_of_it_is_verified(asked: str) -> None:
    assert all(d.verified for d in st.read(DECLARED + asked).derive())


@pytest.mark.parametrize("target", thinned(TARGETS, len(TARGETS)))
def test_code_passes_its_own_test(target: str, tmp_path: Path) -> None:
    if "torch" in target:
        pytest.importorskip("torch")
    module = tmp_path / "exponential.py"
    problem = st.read(DECLARED + "J = norm(expm(A) x - y)^2; grad J wrt A")
    module.write_text(problem.code(target, self_test=True), encoding="utf-8")
    assert run_path(str(module))["self_test"]() == 0
