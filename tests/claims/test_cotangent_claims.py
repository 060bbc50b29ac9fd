"""Claims that name cotangents, `δ2`, `G_Z1` or `bar(W2)`: what the derivation of the gradients
names so, or what the name says; names that are declared mean what they are declared as."""

from __future__ import annotations

import pytest

import shapetrick as st
from shapetrick.core.errors import NameProblem
from shapetrick.render.layout import plain
from shapetrick.session.commands import answer
from shapetrick.session.interpreter import Interpreter

LAYERS = """
X : m x d; Y : m x k; W1 : d x h; W2 : h x k; sigma : elementwise
Z1 = sigma(X W1); Z2 = sigma(Z1 W2); J = norm(Z2 - Y)^2 / (2 m)
"""
BIASES = """
X : m x d; Y : m x k; W1 : d x h; b1 : h; W2 : h x k; b2 : k
A1 = X W1 + ones(m) b1'; Z1 = tanh(A1); Z2 = softmax(Z1 W2 + ones(m) b2', axis=1)
J = -sum(Y .* log(Z2)) / m
"""
RESIDUAL = "X : m x n; W : n x n; Z1 = X + tanh(X W); J = sum(exp(Z1)); grad J wrt X, W\n"
VJP = "Z : m x p; W : p x q; sigma : elementwise\nvjp sigma(Z W) with G wrt Z, W\n"


def verdicts(text: str) -> list[str]:
    """Of claims on gradients first, then of equalities."""
    problem = st.read(text)
    claims = [r for r in problem.requests() if r.data.requests[0].claim is not None]
    judged = [*(c for r in claims for c in r.check()), *problem.check_equalities()]
    return [c.verdict for c in judged]


@pytest.mark.parametrize(
    ("text", "claims"),
    [
        (LAYERS, ["δ2 = (Z2 - Y) .* sigma'(Z1 W2) / m", "grad J wrt W2 = Z1' δ2"]),
        (LAYERS, ["Z̄1 = delta2 W2'", "δ1 = bar(Z1) .* sigma'(X W1)", "W̄1 = X' δ1"]),
        (LAYERS, ["G2 = (Z2 - Y) / m", "G_Z1 = (G2 .* sigma'(Z1 W2)) W2'"]),
        (BIASES, ["δ2 = (Z2 .* sum(Y, axis=1) - Y) / m", "G_A1 = (δ2 W2') .* (1 - Z1.^2)"]),
        (BIASES, ["grad J wrt W1 = X' δ1", "grad J wrt b2 = sum(δ2, axis=0)'"]),
        (RESIDUAL, ["G1 = exp(Z1)", "δ1 = G1 .* (1 - tanh(X W).^2)", "X̄ = G1 + δ1 W'"]),
        (VJP, ["δ = G .* sigma'(Z W)", "bar(Z) = δ W'", "vjp sigma(Z W) with G wrt W = Z' δ"]),
    ],
)
def test_what_gradients_share_may_be_claimed(text: str, claims: list[str]) -> None:
    claimed = "\n".join(f"check {claim}" for claim in claims)
    assert verdicts(text + claimed) == ["right"] * len(claims)


@pytest.mark.parametrize(
    ("wrong", "mended", "said"),
    [
        ("δ2 = (Y - Z2) .* sigma'(Z1 W2) / m", "-(Y - Z2) .* sigma'(Z1 W2) / m", "the sign"),
        ("δ2 = (Z2 - Y) .* sigma(Z1 W2) / m", "(Z2 - Y) .* sigma'(Z1 W2) / m", "wrong function"),
        ("Z̄1 = G2 W2'", "G2 .* sigma'(Z1 W2) W2'", "the derivative of `sigma(Z1 W2)` is missing"),
        ("Z̄1 = 2 δ2 W2'", "δ2 W2'", "right but for a factor 2"),
    ],
)
def test_a_slip_is_mended_as_in_a_claim_on_a_gradient(wrong: str, mended: str, said: str) -> None:
    (c,) = st.read(f"{LAYERS}check {wrong}").check_equalities()
    assert (c.verdict, c.suggestion) == ("wrong", mended)
    assert said in c.diagnosis


@pytest.mark.parametrize("wrong", ["δ2 = (Z2 - Y) / m", "Z̄1 = δ2", "grad J wrt W2 = Z1' δ1"])
def test_a_wrong_claim_is_wrong(wrong: str) -> None:
    assert verdicts(f"{LAYERS}check {wrong}") == ["wrong"]


def test_a_declared_name_is_what_it_is_declared_as() -> None:
    assert verdicts(f"δ2 : m x k\n{LAYERS}check δ2 = (Z2 - Y) .* sigma'(Z1 W2) / m") == ["wrong"]
    assert verdicts("G2 : m x n; Z2 = tanh(G2); J = sum(Z2); check G2 = 1 - Z2.^2") == ["wrong"]


def test_a_name_of_two_things_is_refused() -> None:
    with pytest.raises(NameProblem, match="could be the gradient by A1 or Z1: write `G_A1`"):
        st.read(f"{BIASES}grad J wrt W1; check G1 = Z1")


def test_derivations_read_as_without_the_claims() -> None:
    asked = "grad J wrt W1, W2"
    alone = st.read(LAYERS + asked).derive()
    beside = st.read(f"{LAYERS}check δ2 = Z2\n{asked}").derive()
    assert [d.gradient for d in beside] == [d.gradient for d in alone]
    assert beside[0].definitions == alone[0].definitions


def test_a_session_knows_the_names() -> None:
    desk = Interpreter()
    given = [*filter(None, LAYERS.splitlines()), "grad J wrt W1, W2"]
    *_, claimed = [plain(answer(desk, line)) for line in (*given, "check Z̄1 = δ2 W2'")]
    assert "✓ right" in claimed
    assert "δ2" in plain(answer(desk, "grad J wrt W1, W2"))
