"""Claims whose fault lies beyond ordinary draws: behind a kink at a number or an input, at large or
small magnitudes, on one side of a sign, where branches tie, in a transpose, below rounding, in
sizes. The wrong ones are never accepted, and their right neighbours are never refused.
"""

from __future__ import annotations

import pytest

import shapetrick as st

DECLARED = "x, b, y : n; A : n x n; B : m x n; C : m x k; w : n; s, t : scalar; P : n x n posdef\n"
CONVERGED = """x0 : n
r0 = y - P x0
a0 = (r0' r0) / (r0' P r0)
x1 = x0 + a0 r0
r1 = r0 - a0 P r0
p1 = r1 + ((r1' r1) / (r0' r0)) r0
a1 = (r1' r1) / (p1' P p1)
x2 = x1 + a1 p1
r2 = r1 - a1 P p1
p2 = r2 + ((r2' r2) / (r1' r1)) p1
a2 = (r2' r2) / (p2' P p2)
"""

# (function, variable): right claims, wrong claims.
CLAIMS: dict[tuple[str, str], tuple[list[str], list[str]]] = {
    # kinks at numbers
    ("sum(minimum(relu(x), 6))", "x"): (
        ["step(x) .* step(6 - x)", "step(x) - step(x - 6)"],
        ["step(x)", "step(6 - x)", "ones(n)"],
    ),
    ("sum(abs(x - 3))", "x"): (["sign(x - 3)"], ["-ones(n)", "sign(x)", "sign(x + 3)"]),
    ("sum(minimum(x, 3))", "x"): (["step(3 - x)"], ["ones(n)", "step(x - 3)"]),
    ("sum(relu(x))", "x"): (
        ["step(x)", "(1 + sign(x)) / 2"],
        ["step(x + 0.39)", "step(x - 0.01)", "step(x) + step(x - 50)"],
    ),
    ("sum(maximum(minimum(x, 2), -2))", "x"): (
        ["step(2 - x) .* step(x + 2)"],
        ["ones(n)", "step(2 - x)", "step(x + 2)"],
    ),
    ("sum(relu(x - 20))", "x"): (["step(x - 20)"], ["zeros(n)", "step(x + 20)"]),
    ("sum(relu(x - 1/50))", "x"): (["step(x - 1/50)"], ["step(x)"]),
    ("sum(abs(abs(x) - 5))", "x"): (["sign(abs(x) - 5) .* sign(x)"], ["-sign(x)"]),
    # kinks at inputs
    ("sum(maximum(x, 9 b))", "x"): (["step(x - 9 b)"], ["step(x - b)", "step(x + 9 b)"]),
    ("minimum(norm(x), 5)", "x"): (["x / norm(x) * step(5 - norm(x))"], ["x / norm(x)"]),
    ("relu(x' x - 30)", "x"): (["2 x * step(x' x - 30)"], ["zeros(n)", "2 x"]),
    ("sum(maximum(x - 100 s, 0))", "s"): (["-100 sum(step(x - 100 s))"], ["-50 n"]),
    ("max(x - 10 b)", "b"): (["-10 ismax(x - 10 b)"], ["-10 ismax(x)", "-10 ismax(-b)"]),
    # magnitudes
    ("sum(x.^2)", "x"): (["2 x"], ["2 minimum(x, 40)", "2 x .* step(x + 90)"]),
    ("sum(log(1 + x.^2))", "x"): (
        ["2 x ./ (1 + x.^2)"],
        ["2 x ./ (1 + x.^2) + step(x - 30) / 1000", "minimum(2 x ./ (1 + x.^2), 0.9999)"],
    ),
    ("sum(sqrt(1 + x.^2))", "x"): (["x ./ sqrt(1 + x.^2)"], ["minimum(x ./ sqrt(1 + x.^2), 0.99)"]),
    ("sum(tanh(x))", "x"): (["1 - tanh(x).^2"], ["1 - tanh(x).^2 + step(x - 20)", "1 - x.^2"]),
    ("sum(sin(x))", "x"): (["cos(x)"], ["1 - x.^2 / 2 + x.^4 / 24"]),
    # one side of a sign
    ("sum(abs(x).^3)", "x"): (["3 x .* abs(x)"], ["3 x.^2", "3 relu(x).^2"]),
    ("sum(elu(x))", "x"): (["step(x) + exp(x) .* step(-x)"], ["exp(minimum(x, 1))", "ones(n)"]),
    ("sum(leaky_relu(x))", "x"): (["0.01 + 0.99 step(x)"], ["step(x)", "0.01 + 0.98 step(x)"]),
    ("s abs(t)", "t"): (["s sign(t)"], ["s", "abs(s) sign(t)"]),
    # ties
    ("sum(minimum(relu(x), x))", "x"): (["ones(n)"], ["step(x)", "2 step(x)"]),
    ("sum(maximum(x, x))", "x"): (["ones(n)"], ["2 ones(n)", "zeros(n)"]),
    ("sum(maximum(x .* y, y .* x))", "x"): (["y"], ["2 y", "y .* step(y)"]),
    ("sum(max(x ones(1, k), axis=1))", "x"): (["ones(n)"], ["k ones(n)", "ones(n) / k"]),
    ("sum(minimum(x .* y, minimum(x, 1) .* y))", "x"): (
        ["y .* (1 - step(x - 1) .* step(y))"],
        ["y", "y .* step(1 - x)", "y .* (1 - step(x - 1))"],
    ),
    # transposes
    ("max(A)", "A"): (["ismax(A)"], ["ismax(A)'", "ismax(A')"]),
    ("tr(A A)", "A"): (["2 A'"], ["2 A", "A + A'"]),
    ("norm1(A)", "A"): (["sign(A)"], ["sign(A)'", "sign(A + A')"]),
    ("sum(relu(A) .* A')", "A"): (["step(A) .* A' + relu(A)'"], ["step(A) .* A' + relu(A)"]),
    # where a difference of what is picked is exactly 0, and its sign tells
    ("sum(max(B, axis=0))", "B"): (
        ["1 + sign(B - max(B, axis=0))", "1 - sign(eye(m) (max(B, axis=0) - B))"],
        [
            "(1 + sign(B - max(B, axis=0))) ./ sign(2 B - max(B, axis=0))",
            "(1 - sign(max(B, axis=0) - B)) .* sign(max(B, axis=0))",
        ],
    ),
    ("max(B w)", "B"): (["ismax(B w) w'"], ["step(B w) w'", "ones(m) w'"]),
    # sizes that a number is by chance
    ("(sum(C) + sum(x)) / 12", "C"): (
        ["ones(m, k) / 12"],
        ["ones(m, k) / (m k)", "ones(m, k) / (m n)", "ones(m, k) / (n k)"],
    ),
    ("(sum(C) + sum(x)) * 7", "C"): (
        ["7 ones(m, k)", "ones(m, k) (7 m k / m / k)"],
        ["(m + k) ones(m, k)", "(m + n) ones(m, k)", "(k + n) ones(m, k)"],
    ),
    # overflow, underflow, rounding
    ("sum(exp(30 x))", "x"): (["30 exp(30 x)"], ["30 exp(30 x) + 1", "30 exp(30 x) .* step(x)"]),
    ("sum(exp(-30 x))", "x"): (["-30 exp(-30 x)"], ["-30 exp(-30 x) + 1"]),
    ("sum(exp(300 x))", "x"): (["300 exp(300 x)"], ["300 exp(300 x) + 1", "300 exp(30 x)"]),
    ("sum(x.^50)", "x"): (["50 x.^49"], ["50 x.^49 + 1", "50 x.^48", "50 abs(x).^49"]),
    ("sum(x.^500)", "x"): (["500 x.^499"], ["500 x.^499 + 1"]),
    ("sum(1e-300 x.^2)", "x"): (["2e-300 x"], ["zeros(n)", "1e-300 x", "2e-300 abs(x)"]),
    ("sum(x.^5000)", "x"): ([], ["zeros(n)", "x", "5000 x.^4999 + 1"]),
    ("1e12 + x' x", "x"): ([], ["zeros(n)", "x"]),
    ("logsumexp(log_softmax(x))", "x"): (["zeros(n)"], ["softmax(x)", "1e-9 ones(n)"]),
    ("sum(log(sigmoid(40 x)))", "x"): (
        ["40 sigmoid(-40 x)"],
        ["40 sigmoid(-40 x) + 0.01", "40 step(-x)"],
    ),
}
RIGHT = [(of, wrt, c) for (of, wrt), (right, _) in CLAIMS.items() for c in right]
WRONG = [(of, wrt, c) for (of, wrt), (_, wrong) in CLAIMS.items() for c in wrong]


def _verdict(of: str, wrt: str, claim: str) -> str:
    return st.check(f"{DECLARED}J = {of}; check grad J wrt {wrt} = {claim}").verdict


@pytest.mark.parametrize(("of", "wrt", "claim"), WRONG)
def test_a_wrong_claim_is_not_accepted(of: str, wrt: str, claim: str) -> None:
    assert _verdict(of, wrt, claim) in ("wrong", "unchecked")


@pytest.mark.parametrize(("of", "wrt", "claim"), RIGHT)
def test_its_right_neighbour_is_accepted(of: str, wrt: str, claim: str) -> None:
    assert _verdict(of, wrt, claim) == "right"


def test_there_are_enough() -> None:
    assert len(WRONG) >= 60


@pytest.mark.parametrize("claim", ["zeros(n)", "b", "1e-9 b"])
def test_an_iteration_that_has_converged_at_small_sizes(claim: str) -> None:
    """Three steps of conjugate gradients are exact up to n = 3, whatever they start from."""
    text = f"{DECLARED}{CONVERGED}J = b' (x2 + a2 p2); check grad J wrt x0 = {claim}"
    assert st.check(text).verdict == "wrong"


def test_a_zero_in_a_family() -> None:
    text = "W[l] : n x n for l = 1..L; x[0] : n; x[l] = softmax(W[l] x[l-1]) for l = 1..L"
    found = st.derive(f"{text}; J = sum(x[L]); grad J wrt x[0]")
    assert found.verified
