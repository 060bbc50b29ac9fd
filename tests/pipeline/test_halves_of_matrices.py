"""What is on and below a diagonal: `vech`, `duplicate`, `eliminate`, columns of n (n + 1) / 2."""

from __future__ import annotations

import numpy as np
import pytest

import shapetrick as st

HALF = "h : n (n + 1) / 2; S = unvec(duplicate(n) h, n, n); "
ENTRIES = np.array([5, 0.3, 0.2, 6, 0.1, 4.0])
MATRIX = np.array([[5, 0.3, 0.2], [0.3, 6, 0.1], [0.2, 0.1, 4]])


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("A : n x n; jac vech(A) wrt A", "eliminate(n)"),
        (HALF + "A : n x n; J = tr(A S); grad J wrt h", "duplicate(n)' vec(A')"),
        (HALF + "J = logdet(S); hess J wrt h",
         "-duplicate(n)' kron(inv(S), inv(S)) duplicate(n)"),
        ("S : n x n posdef; J = logdet(S); hess J wrt vech(S)",
         "-duplicate(n)' kron(inv(S), inv(S)) duplicate(n)"),
        ("S : n x n symmetric; x : n; J = x' S x; grad J wrt vech(S)", "duplicate(n)' vec(x x')"),
        ("S : n x n symmetric; J = tr(S^3); hvp J wrt vech(S) with V", None),
        ("S : n x n symmetric; J = norm(vech(S))^2; grad J wrt S symmetric", None),
    ],
)  # fmt: skip
def test_derivatives(text: str, answer: str | None) -> None:
    d = st.derive(text)
    assert d.verified
    assert answer is None or str(d.gradient) == answer
    assert st.from_dict(d.to_dict()).to_dict() == d.to_dict()


@pytest.mark.parametrize(
    "equality",
    [
        "S : n x n symmetric; check duplicate(n) vech(S) = vec(S)",
        "A : n x n; check eliminate(n) duplicate(n) = eye(n (n + 1) / 2)",
        "A : n x n; check duplicate(n)' vec(A) = vech(A + A' - diag(diag(A)))",
        "S : 4 x 4 symmetric; check vec(S) = duplicate(4) vech(S)",
        "A : n x n; check commute(n, n) duplicate(n) = duplicate(n)",
    ],
)
def test_identities(equality: str) -> None:
    assert st.check(equality).right


@pytest.mark.parametrize(
    "equality",
    [
        "A : n x n; check duplicate(n) vech(A) = vec(A)",
        "A : n x n; check duplicate(n)' vec(A) = vech(A)",
    ],
)
def test_what_holds_for_some_matrices_alone(equality: str) -> None:
    assert st.check(equality).verdict == "wrong"


def test_values() -> None:
    whole, half = (
        st.derive(f"{given}; grad J wrt {x}")
        for given, x in (("S : n x n; J = logdet(S)", "S"), (HALF + "J = logdet(S)", "h"))
    )
    G = whole.evaluate({"S": MATRIX})
    expected = (G + G.T - np.diag(np.diag(G)))[np.triu_indices(3)]
    np.testing.assert_allclose(half.evaluate({"h": ENTRIES}).ravel(), expected)


@pytest.mark.parametrize("target", ["numpy", "jax"])
def test_code(target: str) -> None:
    problem = st.read(HALF + "A : n x n; J = logdet(S) + norm(vech(A))^2; grad J wrt h, A")
    found = problem.function(target)(h=ENTRIES, A=MATRIX)
    for d, value in zip(problem.derive(), list(found.values())[-2:], strict=True):
        expected = d.evaluate({"h": ENTRIES, "A": MATRIX})
        np.testing.assert_allclose(np.ravel(value), expected.ravel(), rtol=1e-5)


def test_a_size_has_to_be_whole() -> None:
    with pytest.raises(st.ShapetrickError, match="not whole for every size"):
        st.read("h : n (n + 2) / 2; grad sum(h) wrt h")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("S : n x n; J = logdet(S); hess J wrt vech(S)", "declare `S : n x n symmetric`"),
        ("S : n x n symmetric; J = tr(S S); grad J wrt S, vech(S)", "are two requests"),
        (
            "S : n x n symmetric; J = tr(S S); grad J wrt vech(S S)",
            "by what they have on and below",
        ),
    ],
)
def test_free_entries_are_of_a_symmetric_matrix(text: str, said: str) -> None:
    with pytest.raises(st.ShapetrickError, match=said):
        st.read(text)


def test_claims_by_free_entries() -> None:
    text = "S : n x n posdef; J = logdet(S); check grad J wrt vech(S) = "
    assert st.check(text + "duplicate(n)' vec(inv(S))").right
    assert not st.check(text + "vech(inv(S))").right
