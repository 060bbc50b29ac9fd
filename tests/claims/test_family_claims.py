"""Claims on families: judged for every member by unrolling, mended in one step alone."""

from __future__ import annotations

import pytest
from networks import text_of

from shapetrick.api import check, read
from shapetrick.checks import Check
from shapetrick.cli import main
from shapetrick.core.errors import InputError
from shapetrick.core.warnings import absence

MLP = """
X : m x n[0];  Y : m x n[L]
W[l] : n[l-1] x n[l]   for l = 1..L
sigma : elementwise
Z[0] = X
Z[l] = sigma(Z[l-1] W[l])    for l = 1..L
J = norm(Z[L] - Y)^2 / (2 m)
"""
SIDE = "(G[l] .* sigma'(Z[l-1] W[l]))"


def claimed(network: str, claim: str) -> Check:
    text = "\n".join(x for x in network.splitlines() if not x.startswith("grad"))
    return check(f"{text}\ncheck grad J wrt {claim}")


@pytest.mark.parametrize(
    "claim",
    [
        f"W[l] = Z[l-1]' {SIDE}",
        f"Z[l-1] = {SIDE} W[l]'",
        "Z[L] = (Z[L] - Y) / m",
        "X = G[0]",
        "W[1] = X' (G[1] .* sigma'(X W[1]))",
        "W[L] = Z[L-1]' ((Z[L] - Y) .* sigma'(Z[L-1] W[L])) / m",
        f"W[l] = Z[l-1]' {SIDE} for l = 2..L-1",
        "Y = (Y - Z[L]) / m",
        "Z[2] = (G[3] .* sigma'(Z[2] W[3])) W[3]'",
        "Z[L-1] = (G[L] .* sigma'(Z[L-1] W[L])) W[L]'",
    ],
)
def test_right(claim: str) -> None:
    c = claimed(MLP, claim)
    assert c.right, c
    assert c.suggestion is None


@pytest.mark.parametrize(
    ("claim", "mended"),
    [
        (f"W[l] = Z[l-1] {SIDE}", f"Z[l-1]' {SIDE}"),
        ("W[l] = Z[l-1]' G[l]", f"Z[l-1]' {SIDE}"),
        (f"W[l] = -Z[l-1]' {SIDE}", f"Z[l-1]' {SIDE}"),
        (f"Z[l-1] = {SIDE} W[l]", f"{SIDE} W[l]'"),
        ("Z[L] = Z[L] - Y", "(Z[L] - Y) / m"),
        (
            "W[L] = Z[L-1]' ((Z[L] - Y) .* sigma'(Z[L-1] W[L]))",
            "Z[L-1]' (G[L] .* sigma'(Z[L-1] W[L]))",
        ),
    ],
)
def test_wrong_and_mended(claim: str, mended: str) -> None:
    c = claimed(MLP, claim)
    assert c.verdict == "wrong"
    assert c.mended
    assert c.suggestion == mended
    name = claim.partition(" = ")[0]
    assert claimed(MLP, f"{name} = {c.suggestion}").right


@pytest.mark.parametrize(
    ("network", "claim", "answer"),
    [
        ("mlp", "X = G[1]", "G[0]"),
        ("mlp", "Z[0] = Z[L]", "(G[1] .* sigma'(Z[0] W[1])) W[1]'"),
        ("mlp", "Z[2] = W[1]", "(G[3] .* sigma'(Z[2] W[3])) W[3]'"),
        (
            "recurrent_network",
            "W = sum(t = 2..T) H[t-1]' (G[t] .* (1 - H[t].^2))",
            "sum(t = 1..T) H[t-1]' (G[t] .* (1 - H[t].^2))",
        ),
        ("recurrent_network", "U = G[T] V'", "sum(t = 1..T) X[t]' (G[t] .* (1 - H[t].^2))"),
    ],
)
def test_wrong_with_the_answer(network: str, claim: str, answer: str) -> None:
    c = claimed(MLP if network == "mlp" else text_of(network), claim)
    assert c.verdict == "wrong"
    assert not c.mended
    assert c.suggestion == answer
    assert answer in c.diagnosis


def test_a_claim_on_what_a_sum_over_members_uses() -> None:
    text = """
    s : d; mu[k] : d for k = 1..K; rho[k] : scalar positive for k = 1..K
    p[k] = exp(-norm(s - mu[k])^2 / 2) for k = 1..K
    P = sum(k = 1..K) rho[k] p[k]
    J = log(P)
    """
    assert claimed(text, "rho[k] = p[k] / P").right
    assert claimed(text, "rho[k] = rho[k] p[k] / P").suggestion == "p[k] / P"
    assert claimed(text, "mu[k] = -rho[k] p[k] / P (s - mu[k])").verdict == "wrong"


def test_right_for_some_members() -> None:
    c = claimed(text_of("deep_mlp"), "W[l] = Z[l-1]' (G[l] .* sigma[l]'(Z[l-1] W[l] + b[l]))")
    assert c.verdict == "wrong"
    assert c.diagnosis == "right for l = 1..L-1 only: for l = L the gradient is `Z[L-1]' G[L]`"
    c = claimed(
        text_of("deep_mlp"),
        "W[l] = Z[l-1]' (G[l] .* sigma[l]'(Z[l-1] W[l] + b[l])) for l = 1..L-1",
    )
    assert c.right


def test_several_families() -> None:
    lstm = text_of("lstm")
    assert claimed(lstm, "C[T] = G_H[T] .* O[T] .* (1 - tanh(C[T]).^2)").right
    c = claimed(lstm, "C[t] = G_C[t+1] .* F[t] + G_H[t] .* O[t] .* (1 - tanh(C[t]).^2)")
    assert c.suggestion == "G_C[t+1] .* F[t+1] + G_H[t] .* O[t] .* (1 - tanh(C[t]).^2)"
    c = claimed(lstm, "F[t] = G_C[t] .* C[t]")
    assert c.suggestion == "G_C[t] .* C[t-1]"
    assert claimed(lstm, "Wf = sum(t = 1..T) X[t]' (G_F[t] .* F[t] .* (1 - F[t]))").right


@pytest.mark.parametrize(
    ("network", "claim", "suggestion"),
    [
        ("mlp", f"G[l-1] = {SIDE} W[l]' for l = L..1", None),
        ("mlp", "G[L] = (Z[L] - Y) / m", None),
        ("mlp", "G[L] = Z[L] - Y", "(Z[L] - Y) / m"),
        ("mlp", f"G[l] = {SIDE} W[l]'", "(Z[L] - Y) / m"),  # the members don't fit
        ("lstm", "G_F[t] = G_C[t] .* C[t-1]", None),
        ("lstm", "G_A[t] = G_C[t] I[t]", "G_C[t] .* I[t]"),
    ],
)
def test_gradients_by_members_by_their_names(
    network: str, claim: str, suggestion: str | None
) -> None:
    text = MLP if network == "mlp" else text_of(network).partition("grad ")[0]
    problem = read(f"{text}\ncheck {claim}")
    (c,) = problem.check()
    assert (c.right, c.suggestion) == (suggestion is None, suggestion)
    assert absence(problem.data, problem.data.requests[0]) == ""


def test_a_backward_rule() -> None:
    text = MLP.replace("Y : m x n[L]", "V : m x n[L]").replace("J = norm(Z[L] - Y)^2 / (2 m)", "")
    start = "check vjp Z[L] with V wrt "
    claims = ["Z[L] = V", f"W[l] = Z[l-1]' {SIDE}", "W[L] = Z[L-1] (V .* sigma'(Z[L-1] W[L]))"]
    found = read(text + "\n".join(start + c for c in claims)).check()
    assert [c.verdict for c in found] == ["right", "right", "wrong"]
    assert found[2].suggestion == "Z[L-1]' (V .* sigma'(Z[L-1] W[L]))"


@pytest.mark.parametrize(
    ("claim", "said"),
    [
        ("W[l] = Z[l-1]' G[l+1] for l = 1..L", r"the member l = L uses `G\[L\+1\]`"),
        ("W[l] = Z[l-1]' G_Z[l]", r"The gradients by members are `G\[…\]`"),
        ("W[l] = Z[l-1]' H[l]", "`H` is not declared as a family"),
        ("X = G[0] for l = 1..L", "`X` has no index `l`"),
        ("W[l] = W[l] for l = 0..L", r"the member l = 0 uses `W\[0\]`"),
    ],
)
def test_claims_that_are_none(claim: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        claimed(MLP, claim)


def test_in_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    good = f"check grad J wrt W[l] = Z[l-1]' {SIDE}"
    assert main(["check", "-e", MLP + good]) == 0
    assert "check grad J wrt W[l] for l = 1..L" in capsys.readouterr().out
    assert main(["check", "-e", MLP + good.replace("]' ", "] ")]) == 1


def test_along_symmetric_matrices() -> None:
    text = (
        "S[l] : n x n symmetric for l = 1..L; x : n; z[0] = x\n"
        "z[l] = tanh(S[l] z[l-1]) for l = 1..L; J = norm(z[L])^2\n"
    )
    (d,) = read(text + "grad J wrt S[l] symmetric").derive()
    assert d.verified, d.validation
    assert "(G + G')/2" in d.result.notes[0]
    half = "(G[l] .* (1 - z[l].^2)) z[l-1]'"
    assert check(f"{text}check grad J wrt S[l] symmetric = ({half} + ({half})') / 2").right
    assert not check(f"{text}check grad J wrt S[l] symmetric = {half}").right
