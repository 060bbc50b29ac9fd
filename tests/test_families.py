"""Families: each example agrees with JAX at several lengths, and reads as a lecture writes it."""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shapetrick.api import Derivation, derive, read
from shapetrick.cache import sizes_of
from shapetrick.errors import InputError
from shapetrick.render.loops import FUNCTION, family_module

jax = pytest.importorskip("jax")
jnp = jax.numpy
jax.config.update("jax_enable_x64", True)

EXAMPLES = Path(__file__).parent.parent / "examples"
LENGTHS = (1, 2, 3, 5)
Values = dict[str, Any]
Function = Callable[[Any, int], Any]


def wave(x: Any, order: int) -> Any:
    """An elementwise function with its derivatives."""
    return np.sin(x + order * np.pi / 2)


def bend(x: Any, order: int) -> Any:
    return np.tanh(x) if order == 0 else 1 - np.tanh(x) ** 2


# ---- each example in JAX, and its inputs


def _mlp(v: Values) -> Any:
    z = v["X"]
    for i, (w, b) in enumerate(zip(v["W"], v["b"], strict=True)):
        z = z @ w + b
        if i + 1 < len(v["W"]):
            z = jnp.sin(z) if i % 2 == 0 else jnp.tanh(z)
    return -(v["Y"] * jax.nn.log_softmax(z, axis=1)).sum() / len(z)


def _mlp_inputs(rng: np.random.Generator, length: int) -> Values:
    n = [4, 3, 5, 2, 6, 3][: length + 1]
    pairs = list(pairwise(n))
    return {
        "X": rng.normal(size=(3, n[0])),
        "Y": np.eye(n[-1])[rng.integers(n[-1], size=3)],
        "W": [rng.normal(size=pair) for pair in pairs],
        "b": [rng.normal(size=(1, k)) for _, k in pairs],
    }


def _linear(v: Values) -> Any:
    z = v["X"]
    for w in v["W"]:
        z = z @ w
    decay = sum((w**2).sum() for w in v["W"])
    return ((z - v["Y"]) ** 2).sum() / 2 + jnp.sum(v["lam"]) / 2 * decay


def _linear_inputs(rng: np.random.Generator, length: int) -> Values:
    v = _mlp_inputs(rng, length)
    return {"X": v["X"], "Y": rng.normal(size=v["Y"].shape), "W": v["W"], "lam": np.array([[0.3]])}


def _residual(v: Values) -> Any:
    z = v["X"]
    for w, u in zip(v["W"], v["V"], strict=True):
        z = z + jax.nn.relu(z @ w) @ u
    return ((z - v["Y"]) ** 2).sum() / (2 * len(z))


def _residual_inputs(rng: np.random.Generator, length: int) -> Values:
    k = [3, 2, 5, 4, 6][:length]
    return {
        "X": rng.normal(size=(3, 4)),
        "Y": rng.normal(size=(3, 4)),
        "W": [rng.normal(size=(4, c)) for c in k],
        "V": [rng.normal(size=(c, 4)) for c in k],
    }


def _recurrent(v: Values) -> Any:
    h, loss = v["H"][0], 0.0
    for x, y in zip(v["X"], v["Y"], strict=True):
        h = jnp.tanh(h @ v["W"] + x @ v["U"] + v["b"])
        loss = loss + ((h @ v["V"] - y) ** 2).sum() / (2 * len(h))
    return loss


def _recurrent_inputs(rng: np.random.Generator, length: int) -> Values:
    sizes = {"W": (4, 4), "U": (2, 4), "V": (4, 5), "b": (1, 4)}
    return {
        **{name: rng.normal(size=size) for name, size in sizes.items()},
        "H": [rng.normal(size=(3, 4))],
        "X": [rng.normal(size=(3, 2)) for _ in range(length)],
        "Y": [rng.normal(size=(3, 5)) for _ in range(length)],
    }


def _lstm(v: Values) -> Any:
    h, c = v["H"][0], v["C"][0]
    sigmoid = jax.nn.sigmoid
    for x in v["X"]:
        f, i, o, a = (x @ v["W" + g] + h @ v["U" + g] + v["b" + g] for g in "fioc")
        c = sigmoid(f) * c + sigmoid(i) * jnp.tanh(a)
        h = sigmoid(o) * jnp.tanh(c)
    return ((h - v["Y"]) ** 2).sum() / (2 * len(h))


def _lstm_inputs(rng: np.random.Generator, length: int) -> Values:
    sizes = {"W": (2, 4), "U": (4, 4), "b": (1, 4)}
    return {
        **{n + g: rng.normal(size=size) for n, size in sizes.items() for g in "fioc"},
        "H": [rng.normal(size=(3, 4))],
        "C": [rng.normal(size=(3, 4))],
        "Y": rng.normal(size=(3, 4)),
        "X": [rng.normal(size=(3, 2)) for _ in range(length)],
    }


def _power(v: Values, length: int) -> Any:
    x = v["v"]
    for _ in range(length):
        x = v["A"] @ x
        x = x / jnp.sqrt((x**2).sum())
    return (x.T @ v["A"] @ x)[0, 0]


def _power_inputs(rng: np.random.Generator, length: int) -> Values:
    return {"A": rng.normal(size=(4, 4)), "v": rng.normal(size=(4, 1))}


def _descent(v: Values, length: int) -> Any:
    x = v["x"][0]
    for _ in range(length):
        x = x - v["eta"] * (v["Q"] @ x - v["c"])
    return ((x - v["y"]) ** 2).sum() / 2


def _descent_inputs(rng: np.random.Generator, length: int) -> Values:
    q = rng.normal(size=(4, 4))
    vectors = {name: rng.normal(size=(4, 1)) for name in "cy"}
    return {**vectors, "Q": q + q.T, "eta": np.array([[0.1]]), "x": [rng.normal(size=(4, 1))]}


NETWORKS: dict[str, tuple[Callable[..., Any], Callable[..., Values]]] = {
    "deep_mlp": (lambda v, _: _mlp(v), _mlp_inputs),
    "deep_linear_network": (lambda v, _: _linear(v), _linear_inputs),
    "residual_network": (lambda v, _: _residual(v), _residual_inputs),
    "recurrent_network": (lambda v, _: _recurrent(v), _recurrent_inputs),
    "lstm": (lambda v, _: _lstm(v), _lstm_inputs),
    "power_iteration": (_power, _power_inputs),
    "gradient_descent": (_descent, _descent_inputs),
}
DERIVED: dict[str, list[Derivation]] = {}


def derived(name: str) -> list[Derivation]:
    if name not in DERIVED:
        text = (EXAMPLES / f"{name}.st").read_text(encoding="utf-8")
        DERIVED[name] = read(text).derive()
    return DERIVED[name]


def letter_of(d: Derivation) -> str:
    families = d.problem.families
    assert families is not None
    return families.lengths[0]


@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("name", NETWORKS)
def test_agrees_with_jax(name: str, length: int) -> None:
    network, inputs = NETWORKS[name]
    values = inputs(np.random.default_rng(length), length)
    expected = jax.grad(network, argnums=0)(values, length)
    functions = {"sigma": [bend if i % 2 else wave for i in range(length)]}
    for d in derived(name):
        found = d.evaluate(values, functions, **{letter_of(d): length})
        base, _, index = d.wrt.partition("[")
        wanted = expected[base][0] if index == "0]" else expected[base]
        for mine, theirs in zip(_list(found), _list(wanted), strict=True):
            np.testing.assert_allclose(mine, theirs, rtol=1e-8, atol=1e-10)


def _list(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else [value]


@pytest.mark.parametrize("name", NETWORKS)
def test_examples_are_verified(name: str) -> None:
    for d in derived(name):
        assert d.verified, (d.wrt, d.validation)
        assert d.validation.max_relative_error < 1e-5


def equations(d: Derivation) -> list[str]:
    """The recurrences as printed."""
    recursion = d.result.recursion
    assert recursion is not None
    return [
        f"{q.symbol} = {q.value}" + (f"  for {q.over}" if q.over else "")
        for q in (*recursion.cotangents, *recursion.gradients)
    ]


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
    ids=["two back", "the start everywhere", "letter"],
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


# ---- code


@pytest.mark.parametrize("name", NETWORKS)
def test_code_is_loops_that_agree(name: str) -> None:
    network, inputs = NETWORKS[name]
    for d in derived(name):
        text = family_module(d.problem, d.result, "numpy")
        namespace: dict[str, Any] = {}
        exec(text, namespace)
        function = namespace[FUNCTION]
        wanted = inspect.signature(function).parameters
        for length in LENGTHS:
            values = inputs(np.random.default_rng(length), length)
            waves = [bend if i % 2 else wave for i in range(length)]
            given = {
                **values,
                letter_of(d): length,
                "sigma": [partial(f, order=0) for f in waves],
                "sigma_prime": [partial(f, order=1) for f in waves],
            }
            value, found = function(**{key: given[key] for key in wanted})
            expected = d.evaluate(values, {"sigma": waves}, **{letter_of(d): length})
            np.testing.assert_allclose(value, network(values, length), rtol=1e-10)
            for mine, other in zip(_list(found), _list(expected), strict=True):
                np.testing.assert_allclose(np.ravel(mine), np.ravel(other), rtol=1e-8, atol=1e-12)


def test_the_code_of_a_recurrence_reads_like_it() -> None:
    d = derive(LECTURE + "grad J wrt W[l]")
    lines = family_module(d.problem, d.result, "numpy").splitlines()
    assert "    for l in range(1, L+1):" in lines
    assert "        Z[l] = sigma[l](Z[l-1] @ W[l] + b[l])" in lines
    assert "    for l in range(L, 0, -1):" in lines
    assert any(line.startswith("        G[l-1] = ") for line in lines)


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
    account = d.account(sizes_of("m = 2, n[0]=3, n=5, L=4"))
    before, member = account.entries
    assert before.numbers == member.numbers == 4 * 2 * 5
    assert before.recomputing == 2 * 2 * 5 * (3 + 5 + 5 + 5) + 4 * 2 * 5
    assert member.recomputing is None
    assert account.bytes == 8 * 80
    assert account.backward > account.forward > before.recomputing


@pytest.mark.parametrize("text", ["m", "m=0", "m=x", "=3", "m=1,,"])
def test_sizes_that_are_none(text: str) -> None:
    with pytest.raises(InputError, match="is no size"):
        sizes_of(text)


def test_a_size_is_missing() -> None:
    with pytest.raises(InputError, match=r"n\[0\]"):
        derive(LECTURE + "grad J wrt W[l]").account({"m": 3, "L": 2})


# ---- evaluate


def test_evaluate_refuses_what_does_not_fit() -> None:
    d = derived("deep_linear_network")[0]
    values = _linear_inputs(np.random.default_rng(0), 2)
    with pytest.raises(InputError, match="give a number for L"):
        d.evaluate(values)
    with pytest.raises(InputError, match=r"none for `W\[3\]`"):
        d.evaluate(values, L=3)
    with pytest.raises(InputError, match="is m×"):
        d.evaluate({**values, "X": values["X"].T}, L=2)
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
    values = _descent_inputs(np.random.default_rng(0), 3)
    values["eta"] = np.array([[1e-3]])
    expected = jax.grad(_descent)(values, 2000)["eta"]
    np.testing.assert_allclose(d.evaluate(values, T=2000), expected, rtol=1e-8)


def test_vjp_of_the_last_member() -> None:
    d = derive(LECTURE + "vjp Z[L] with V wrt X")
    assert d.verified
    assert equations(d)[0] == "G[L] = V"


def test_a_generated_network_of_a_thousand_layers() -> None:
    lines = ["X : m x n; Z0 = X"]
    lines += [f"W{i} : n x n; Z{i} = tanh(Z{i - 1} W{i})" for i in range(1, 1001)]
    start = time.perf_counter()
    problem = read("\n".join([*lines, "J = sum(Z1000)", "grad J wrt W1"]))
    assert len(problem.data.definitions) == 1002
    assert time.perf_counter() - start < 20


def test_code_of_several_requests_is_refused() -> None:
    problem = read(LECTURE + "grad J wrt W[l], b[l]")
    with pytest.raises(InputError, match="one request at a time"):
        problem.code("numpy")
    with pytest.raises(InputError, match="evaluate"):
        problem.function("numpy")
    assert "for l in range(L, 0, -1):" in problem.derive()[0].code("numpy")
