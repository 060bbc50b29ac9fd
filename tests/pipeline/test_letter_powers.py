"""Powers of a matrix with a letter for the exponent: their derivatives at several exponents, and
all forms in which these go out and come in again."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.linalg import matrix_power
from thinned import thinned

import shapetrick as st
from shapetrick.codegen.python.module import TARGETS
from shapetrick.core.errors import ShapetrickError

DECLARED = "A, B, V : n x n; x, y : n; k : natural; "
RNG = np.random.default_rng(5)
VALUES = {
    name: RNG.standard_normal((4, cols))
    for name, cols in (("A", 4), ("B", 4), ("V", 4), ("G", 4), ("x", 1), ("y", 1))
}
EXPONENTS = (0, 1, 2, 5)


def slope(value, x: str, along: np.ndarray, k: int) -> float:  # type: ignore[no-untyped-def]
    """The derivative of a value along a direction, by central differences."""
    h = 1e-6
    both = (value({**VALUES, x: VALUES[x] + s * h * along}, k) for s in (1, -1))
    plus, minus = both
    return float((plus - minus) / (2 * h))


SCALARS = {
    "x' A^k y": lambda v, k: (v["x"].T @ matrix_power(v["A"], k) @ v["y"]).item(),
    "tr(A^k)": lambda v, k: np.trace(matrix_power(v["A"], k)),
    "tr(A^(2 k + 1) B)": lambda v, k: np.trace(matrix_power(v["A"], 2 * k + 1) @ v["B"]),
    "norm((A B)^k x)^2": lambda v, k: np.sum((matrix_power(v["A"] @ v["B"], k) @ v["x"]) ** 2),
    "tr(A^k B A^k)": lambda v, k: np.trace(
        matrix_power(v["A"], k) @ v["B"] @ matrix_power(v["A"], k)
    ),
    "k sum(A^k) + k^2": lambda v, k: k * matrix_power(v["A"], k).sum(),
}


@pytest.mark.parametrize("scalar", SCALARS)
def test_gradients_agree_with_differences_at_several_exponents(scalar: str) -> None:
    d = st.derive(f"{DECLARED}J = {scalar}; grad J wrt A")
    assert d.verified
    for k in EXPONENTS:
        gradient = d.evaluate(VALUES, k=k)
        wanted = slope(SCALARS[scalar], "A", VALUES["V"], k)
        assert np.sum(gradient * VALUES["V"]) == pytest.approx(wanted, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        ("vjp A^k wrt A", "sum(r = 0..k-1) A'^r G A'^(k-1-r)"),
        ("jvp A^k wrt A with V", "sum(r = 0..k-1) A^r V A^(k-1-r)"),
        ("grad tr(A^k) wrt A", "k A'^(k-1)"),
        ("grad x' A^k y wrt x", "A^k y"),
        ("grad tr(A^k B) wrt B", "A'^k"),
        ("vjp A^12 wrt A", "sum(r = 0..11) A'^r G A'^(11-r)"),
        ("jvp (A + B)^64 wrt A with V", "sum(r = 0..63) (A + B)^r V (A + B)^(63-r)"),
        ("grad tr(A^20) wrt A", "20 A'^19"),
        ("grad tr(A^9 inv(A) A^5 B) wrt B", "A'^13"),
        ("hvp tr(A^k) wrt A with V", "(k (sum(r = 0..k-2) A^r V A^(k-2-r)))'"),
    ],
)
def test_answers_are_those_of_the_textbook_and_are_read_again(asked: str, answer: str) -> None:
    d = st.derive(DECLARED + asked)
    assert d.verified
    assert str(d.gradient) == answer
    for claim in (answer, answer.replace("A'", "(A')")):
        assert st.check(f"{DECLARED}check {asked} = {claim}").right


def test_second_orders_are_sums_over_two_exponents() -> None:
    d = st.derive(f"{DECLARED}J = x' A^k y; hvp J wrt A with V")
    assert d.verified
    assert "sum(r = 0..k-2) sum(s = 0..k-r-2) " in str(d.gradient)


@pytest.mark.parametrize(
    ("claim", "right"),
    [
        ("A^k A = A^(k+1)", True),
        ("(B A inv(B))^k = B A^k inv(B)", True),
        ("(A B)^k = A^k B^k", False),
        ("A^k A^k = A^(2 k)", True),
        ("A^30 A^k inv(A)^3 = A^(k+27)", True),
        ("A^5 A^6 = A^12", False),
    ],
)
def test_identities_with_letters(claim: str, right: bool) -> None:
    (found,) = st.read(f"{DECLARED}check {claim}").check_equalities()
    assert found.right is right


@pytest.mark.parametrize(
    ("product", "power"),
    [
        ("A^k A^12", "A^(k+12)"), ("A^4 A^8 - A^12", "zeros(n, n)"), ("inv(A)^3 A^12", "A^9"),
        ("A^9 inv(A)^12", "inv(A)^3"), ("(A^12)^3", "A^36"), ("B A^k A B", "B A^(k+1) B"),
        ("A^(k-1) A", "A^(k-1) A"),  # at k = 0 the one is zero
    ],
)  # fmt: skip
def test_powers_beside_each_other_are_one(product: str, power: str) -> None:
    assert str(st.simplify(product, DECLARED)) == power


def test_a_letter_that_nobody_declared_is_a_natural_number() -> None:
    assert st.derive("A : n x n; grad tr(A^k) wrt A").verified


def test_members_are_raised_too() -> None:
    text = "k : natural; X[l] : n x n for l = 1..L; J = sum(l = 1..L) tr(X[l]^k); grad J wrt X[l]"
    assert str(st.derive(text).gradient) == "k X[l]'^(k-1)"


def test_latex_is_read_as_it_is_written() -> None:
    text = r"""$A \in \mathbb{R}^{n \times n}, k \in \mathbb{N}, x, y \in \mathbb{R}^n$
    $J = x^\top A^{k} y$
    $"""
    d = st.derive(DECLARED + "J = x' A^k y; grad J wrt A")
    assert st.check(text + d.latex() + "$").right


def test_other_forms() -> None:
    d = st.derive(DECLARED + "J = x' A^k y; grad J wrt A")
    assert st.from_dict(json.loads(json.dumps(d.to_dict()))).gradient is d.gradient
    assert str(d.to_sympy()) == "Sum(A.T**r*x*y.T*A.T**(k - r - 1), (r, 0, k - 1))"


@pytest.mark.parametrize("target", thinned(TARGETS, len(TARGETS)))
def test_code_passes_its_own_test(target: str, tmp_path: Path) -> None:
    if "torch" in target:
        pytest.importorskip("torch")
    module = tmp_path / "powers.py"
    problem = st.read(DECLARED + "J = x' A^k y + tr(A^(k+1)); grad J wrt A")
    module.write_text(problem.code(target=target, self_test=True), encoding="utf-8")
    subprocess.run([sys.executable, str(module)], check=True, timeout=60)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("k : scalar; vjp A^k wrt A", "or `k : natural`"),
        ("k : natural; vjp A^(k/2) wrt A", "the power of a matrix is a whole number"),
        ("k : natural; grad tr(A^k) wrt k", "`k` is a dimension"),
        ("k : natural symmetric; vjp A^k wrt A", "`natural` stands in the place of a shape"),
        ("vjp (sum(r = 1..k) A^r B A^(k-r)) wrt A", "it begins with 0"),
        ("vjp (sum(r = 0..k) A^r B A^r) wrt A", "the two exponents add up to where it ends"),
    ],
)
def test_refusals_say_what_to_write(text: str, said: str) -> None:
    with pytest.raises(ShapetrickError) as refused:
        st.derive(f"A, B : n x n; {text}")
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        ("jac A^k wrt A", "sum(r = 0..k-1) kron(eye(n), A)^r kron(A', eye(n))^(k-1-r)"),
        (
            "jac (A^k x) wrt A",
            "kron(x', eye(n)) (sum(r = 0..k-1) kron(eye(n), A)^r kron(A', eye(n))^(k-1-r))",
        ),
        (
            "hess tr(A^k) wrt A",
            "(sum(r = 0..k-2) kron(eye(n), A')^r kron(A, eye(n))^(k-2-r)) (k commute(n, n))",
        ),
        ("jac A^k wrt x", "zeros(n n, n)"),
        ("jac (lam A)^k wrt lam", "sum(r = 0..k-1) (lam A)^r A (lam A)^(k-1-r)"),
    ],
)
def test_jacobians_are_between_stacked_matrices(asked: str, answer: str) -> None:
    given = f"{DECLARED}lam : scalar; "
    d = st.derive(given + asked)
    assert d.verified
    assert str(d.gradient) == answer
    assert st.check(f"{given}check {asked} = {answer}").right


@pytest.mark.parametrize(
    "asked", ["jac (A^k A^2) wrt A", "jac (A B)^k wrt B", "hess tr(A^k A'^k) wrt A"]
)
def test_jacobians_have_a_form(asked: str) -> None:
    assert st.derive(DECLARED + asked).verified
