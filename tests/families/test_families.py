"""Families: each example agrees with JAX at several lengths, and reads as a lecture writes it."""

from __future__ import annotations

import numpy as np
import pytest
from derived import equations
from effort import calls
from networks import LENGTHS, NETWORKS, bend, derived, jax, length_of, listed, wave

from shapetrick.api import derive, read
from shapetrick.core.errors import InputError


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("name", NETWORKS)
def test_agrees_with_jax(name: str, length: int) -> None:
    network, inputs = NETWORKS[name]
    values = inputs(np.random.default_rng(length), length)
    expected = jax.grad(network, argnums=0)(values, length)
    functions = {"sigma": [bend if i % 2 else wave for i in range(length)]}
    for d in derived(name):
        found = d.evaluate(values, functions, **{length_of(d): length})
        base, _, index = d.wrt.partition("[")
        wanted = expected[base][0] if index == "0]" else expected[base]
        for mine, theirs in zip(listed(found), listed(wanted), strict=True):
            np.testing.assert_allclose(mine, theirs, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("name", NETWORKS)
def test_examples_are_verified(name: str) -> None:
    for d in derived(name):
        assert d.verified, (d.wrt, d.validation)
        assert d.validation.max_relative_error < 1e-5


LECTURE = """
X : m x n[0];  Y : m x n[L]
W[l] : n[l-1] x n[l]   for l = 1..L
b[l] : 1 x n[l]        for l = 1..L
sigma[l] : elementwise for l = 1..L
Z[0] = X
Z[l] = sigma[l](Z[l-1] W[l] + b[l])    for l = 1..L
J = norm(Z[L] - Y)^2 / (2 m)
"""


def test_the_recurrence_is_what_a_lecture_writes() -> None:
    d = derive(LECTURE + "grad J wrt W[l]")
    assert equations(d) == [
        "G[L] = (Z[L] - Y) / m",
        "G[l-1] = (G[l] .* sigma[l]'(Z[l-1] W[l] + b[l])) W[l]'  for l = L..1",
        "∂J/∂W[l] = Z[l-1]' (G[l] .* sigma[l]'(Z[l-1] W[l] + b[l]))  for l = 1..L",
    ]
    assert d.shape == ("n[l-1]", "n[l]")
    assert str(d.gradient) == "Z[l-1]' (G[l] .* sigma[l]'(Z[l-1] W[l] + b[l]))"


POINTS = "x[i], y[i] : n for i = 1..N\nmu = sum(i = 1..N) x[i] / N\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (POINTS + "J = sum(i = 1..N) norm(x[i] - mu)^2\ngrad J wrt x[i]", "2 (x[i] - mu)"),
        (POINTS + "nu = (sum(i = 1..N) y[i]) / N\nJ = sum(i = 1..N) (x[i] - mu)' (y[i] - nu)\n"
         "grad J wrt y[i]", "x[i] - mu"),
        (POINTS + "A : n x n\nJ = sum(i = 1..N) norm(A x[i] - A mu)^2 / 2\ngrad J wrt x[i]",
         "A' A (x[i] - mu)"),
        (POINTS + "S = sum(i = 1..N) (x[i] - mu) (x[i] - mu)'\nJ = logdet(S)\ngrad J wrt x[i]",
         "2 inv(S) (x[i] - mu)"),
        ("z[i,k] : scalar for i = 1..N, k = 1..K\nm[k] = sum(i = 1..N) z[i,k] / N for k = 1..K\n"
         "J = sum(k = 1..K) (sum(i = 1..N) (z[i,k] - m[k])^2)^2\ngrad J wrt z[i,k]",
         "4 (sum(j = 1..N) (z[j,k] - m[k])^2) (z[i,k] - m[k])"),
    ],
)  # fmt: skip
def test_deviations_from_a_mean_add_up_to_zero(text: str, expected: str) -> None:
    d = derive(text)
    assert d.verified, d.validation
    assert str(d.gradient) == expected


def test_what_only_looks_like_a_mean_stays() -> None:
    """A sum over other members, a product of symmetric ones: what is subtracted is not all."""
    for text in (
        "x[i] : n for i = 1..N\nmu = sum(i = 2..N) x[i] / N\nJ = sum(i = 1..N) norm(x[i] - mu)^2\n"
        "grad J wrt x[N]",
        "x[i] : scalar for i = 1..N\nmu = sum(i = 1..N) x[i] / N\n"
        "J = sum(i = 1..N) (x[i] - x[i] mu)^3\ngrad J wrt x[i]",
        "A[i] : n x n symmetric for i = 1..N; B : n x n\nP = prod(i = 1..N) A[i]\n"
        "J = tr(P B) + tr(P' B)\ngrad J wrt B",
        "A[i] : n x n symmetric for i = 1..N; B : n x n\nP = prod(i = 1..N) A[i]\n"
        "J = tr(B P)\ngrad J wrt A[i]",
    ):
        d = derive(text)
        assert d.verified, (text, d.validation)


@pytest.mark.parametrize(
    ("definitions", "wrt", "expected"),
    [
        (  # two steps back
            "H[0], H[1], y : n; A, B : n x n\n"
            "H[t] = tanh(A H[t-1] + B H[t-2]) for t = 2..T\nJ = norm(H[T] - y)^2",
            "A",
            [
                "G[T] = 2 (H[T] - y)",
                "G[T-1] = A' (G[T] .* (1 - H[T].^2))",
                "G[t] = A' (G[t+1] .* (1 - H[t+1].^2)) + B' (G[t+2] .* (1 - H[t+2].^2))"
                "  for t = T-2..1",
                "G[0] = B' (G[2] .* (1 - H[2].^2))",
                "∂J/∂A = sum(t = 2..T) (G[t] .* (1 - H[t].^2)) H[t-1]'",
            ],
        ),
        (  # every step uses the start
            "X : n x n; W : n x n\nZ[0] = X\nZ[l] = tanh(Z[l-1] W) + Z[0] for l = 1..L\n"
            "J = sum(Z[L])",
            "X",
            [
                "G[L] = ones(n, n)",
                "G[l-1] = (G[l] .* (1 - tanh(Z[l-1] W).^2)) W'  for l = L..2",
                "G[0] = (G[1] .* (1 - tanh(Z[0] W).^2)) W' + sum(l = 1..L) G[l]",
                "∂J/∂X = G[0]",
            ],
        ),
        (  # layers of other sizes at both ends
            "X : m x d; W[1] : d x h; W[l] : h x h for l = 2..L-1; W[L] : h x k; Y : m x k\n"
            "Z[0] = X; Z[1] = tanh(X W[1]); Z[l] = tanh(Z[l-1] W[l]) for l = 2..L-1\n"
            "Z[L] = Z[L-1] W[L]; J = norm(Z[L] - Y)^2 / 2",
            "W[l]",
            [
                "G[L] = Z[L] - Y",
                "G[L-1] = G[L] W[L]'",
                "G[l-1] = (G[l] .* (1 - Z[l].^2)) W[l]'  for l = L-1..2",
                "∂J/∂W[l] = Z[l-1]' (G[l] .* (1 - Z[l].^2))  for l = 2..L-1",
                "∂J/∂W[1] = X' (G[1] .* (1 - Z[1].^2))",
                "∂J/∂W[L] = Z[L-1]' G[L]",
            ],
        ),
        (  # the second chain begins where the first ends, and uses that in each step
            "h[0] : n; A, B : n x n\nh[t] = tanh(A h[t-1]) for t = 1..T\ns[0] = h[T]\n"
            "s[k] = tanh(B s[k-1]) + h[T] for k = 1..K\nJ = sum(s[K])",
            "A",
            [
                "G_s[K] = ones(n)",
                "G_s[k-1] = B' (G_s[k] .* (1 - tanh(B s[k-1]).^2))  for k = K..1",
                "G_h[T] = G_s[0] + sum(k = 1..K) G_s[k]",
                "G_h[t-1] = A' (G_h[t] .* (1 - h[t].^2))  for t = T..1",
                "∂J/∂A = sum(t = 1..T) (G_h[t] .* (1 - h[t].^2)) h[t-1]'",
            ],
        ),
        (  # a letter as a number, an index that counts forward
            "x[0] : n; A : n x n; g : scalar\nx[k+1] = A x[k] for k = 0..K-1\n"
            "J = sum(k = 1..K) g^k norm(x[k])^2",
            "x[0]",
            [
                "G[K] = 2 g^K x[K]",
                "G[k-1] = 2 g^(k - 1) x[k-1] + A' G[k]  for k = K..2",
                "G[0] = A' G[1]",
                "∂J/∂x[0] = G[0]",
            ],
        ),
    ],
    ids=["two back", "the start everywhere", "ends", "two chains", "letter"],
)
def test_recurrences(definitions: str, wrt: str, expected: list[str]) -> None:
    d = derive(f"{definitions}\ngrad J wrt {wrt}")
    assert d.verified, d.validation
    assert equations(d) == expected


@pytest.mark.parametrize(
    "text",
    [  # at some length the value depends on less than the gradient mentions
        "x[0], x[1], x[2] : n; A : n x n; x[t] = A x[t-3] for t = 3..T\n"
        "J = norm(x[T])^2; grad J wrt A",
        "X : m x n; W[l] : n x n for l = 1..L; Z[0] = X; Z[l] = tanh(Z[l-1] W[l]) for l = 1..L\n"
        "J = sum(Z[L-1]) + sum(Z[1]); grad J wrt W[l]",
        "X : m x n[0]; W[l] : n[l-1] x n[l] for l = 1..L\n"
        "Z[0] = X; Z[l] = tanh(Z[l-1] W[l]) for l = 1..L; vjp Z[2] wrt W[1]",
    ],
)
def test_members_on_which_the_value_does_not_depend(text: str) -> None:
    d = derive(text)
    assert d.verified, d.validation


def test_a_sum_with_a_sign_is_read_back() -> None:
    text = (
        "A, Y[0] : n x n; Y[t] = 2 Y[t-1] - Y[t-1] A Y[t-1] for t = 1..T\n"
        "J = norm(A Y[T] - I)^2 / 2\n"
    )
    d = derive(text + "grad J wrt A")
    assert str(d.gradient) == ("(A Y[T] - I) Y[T]' - sum(t = 1..T) Y[t-1]' G[t] Y[t-1]'")
    assert read(f"{text}check grad J wrt A = {d.gradient}").check()[0].right


# ---- the cache


@pytest.mark.parametrize(
    ("sigma", "kept"),
    [
        ("sigma[l]", ["Z[l-1] W[l] + b[l]", "Z[l]"]),
        ("tanh", ["Z[l]"]),  # whose derivative is had from the value
        ("sigmoid", ["Z[l]"]),
    ],
)
def test_kept(sigma: str, kept: list[str]) -> None:
    d = derive(LECTURE.replace("= sigma[l](", f"= {sigma}(") + "grad J wrt W[l]")
    assert [str(e) for e in d.result.kept] == kept


def test_account() -> None:
    d = derive(LECTURE + "grad J wrt W[l]")
    account = d.account({"m": 2, "n[0]": 3, "n": 5, "L": 4})
    before, member = account.entries
    assert before.numbers == member.numbers == 4 * 2 * 5
    assert before.recomputing == 2 * 2 * 5 * (3 + 5 + 5 + 5) + 4 * 2 * 5
    assert member.recomputing is None
    assert account.bytes == 8 * 80
    assert account.backward > account.forward > before.recomputing


def test_operations_counted_by_hand() -> None:
    text = LECTURE.replace(" + b[l]", "").replace("sigma[l](", "tanh(")
    sizes = {"m": 2, "n[0]": 3, "n[1]": 4, "n[2]": 5, "L": 2}
    account = derive(text + "grad J wrt W[l]").account(sizes)
    m, pairs = 2, [(3, 4), (4, 5)]
    layers = sum(2 * m * a * b + m * b for a, b in pairs)
    assert (
        account.forward == layers + 2 * m * 5 + 4
    )  # Z[2] - Y, its norm; ^2, 2 m, 1 / (2 m), times
    slopes = sum(2 * m * b for _, b in pairs)  # 1 - Z^2
    products = sum(m * b + 2 * (2 * m * a * b) for a, b in pairs)  # G .* …, and that times Z', W'
    assert account.backward == 2 * m * 5 + 1 + slopes + products
    assert [e.bytes for e in account.entries] == [8 * m * (4 + 5)]


def test_what_two_lines_make_is_counted_where_it_is_read() -> None:
    text = (
        "X : m x n; W[l] : n x n for l = 1..L; Z[0] = X\n"
        "Z[l] = tanh(Z[l-1] W[l]) for l = 1..L-1; Z[L] = softplus(Z[L-1] W[L]); J = sum(Z[L])\n"
    )
    account = derive(text + "grad J wrt W[l]").account({"m": 2, "n": 3, "L": 4})
    assert {str(e.value): e.numbers for e in account.entries} == {"Z[l]": 18, "Z[L-1] W[L]": 6}


def test_a_size_is_missing() -> None:
    with pytest.raises(InputError, match=r"n\[0\]"):
        derive(LECTURE + "grad J wrt W[l]").account({"m": 3, "L": 2})


# ---- evaluate


def test_evaluate_refuses_what_does_not_fit() -> None:
    d = derived("deep_linear_network")[0]
    values = NETWORKS["deep_linear_network"][1](np.random.default_rng(0), 2)
    with pytest.raises(InputError, match="give a number for L"):
        d.evaluate({name: x for name, x in values.items() if name != "W"})
    with pytest.raises(InputError, match="`M` is no length here: there are `L`"):
        d.evaluate(values, M=2)
    with pytest.raises(InputError, match=r"none for `W\[3\]`"):
        d.evaluate(**values, L=3)
    with pytest.raises(InputError, match="is m×"):
        d.evaluate(values, X=values["X"].T, L=2)
    with pytest.raises(InputError, match="`lam`"):
        d.evaluate({name: x for name, x in values.items() if name != "lam"}, L=2)


def test_lengths_below_the_least() -> None:
    d = derive(
        "H[0], H[1] : n; A, B : n x n\nH[t] = A H[t-1] + B H[t-2] for t = 2..T\n"
        "J = norm(H[T])^2\ngrad J wrt H[0]"
    )
    assert d.result.notes == ("for T ≥ 2",)
    with pytest.raises(InputError, match="T ≥ 2"):
        d.evaluate({"A": np.eye(2), "B": np.eye(2), "H": [np.ones(2)] * 2}, T=1)


def test_many_layers_are_evaluated() -> None:
    d = derived("gradient_descent")[1]
    values = NETWORKS["gradient_descent"][1](np.random.default_rng(0), 3)
    values["eta"] = np.array([[1e-3]])
    expected = jax.grad(NETWORKS["gradient_descent"][0])(values, 2000)["eta"]
    np.testing.assert_allclose(d.evaluate(values, T=2000), expected, rtol=1e-8)


def test_vjp_of_the_last_member() -> None:
    d = derive(LECTURE + "vjp Z[L] with V wrt X")
    assert d.verified
    assert equations(d)[0] == "G[L] = V"


def test_time_does_not_depend_on_a_length_that_is_a_number() -> None:
    text = (
        "X : m x n; W[l] : n x n for l = 1..{0}; Z[0] = X\n"
        "Z[l] = tanh(Z[l-1] W[l]) for l = 1..{0}; J = sum(Z[{0}]); grad J wrt W[l]"
    )
    few, many = derive(text.format(16)), derive(text.format(40))
    assert few.verified
    assert many.verified
    assert many.validation.draws == few.validation.draws


def test_a_generated_network_of_a_thousand_layers() -> None:
    lines = ["X : m x n; Z0 = X"]
    lines += [f"W{i} : n x n; Z{i} = tanh(Z{i - 1} W{i})" for i in range(1, 1001)]
    text = "\n".join([*lines, "J = sum(Z1000)", "grad J wrt W1"])
    found = []
    assert calls(lambda: found.append(read(text))) < 3_000_000
    assert len(found[0].data.definitions) == 1002


def test_sums_in_steps_have_letters_of_their_own() -> None:
    """The member that is derived by is no index of the sum that stands beside it."""
    (derivation,) = read(
        "T[k] : n x d for k = 1..K; W[k] : d x m for k = 1..K; Y : n x m\n"
        "J = norm(sum(k = 1..K) T[k] W[k] - Y)^2 / 2; grad J wrt W[k]"
    ).derive()
    (line,) = derivation.steps[-1].lines
    assert str(line.arrangement) == "T[k]' (sum(j = 1..K) T[j] W[j] - Y)"
