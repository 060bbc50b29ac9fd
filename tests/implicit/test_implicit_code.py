"""Code of gradients through equations: adjoint equations that a library solves, and rules that make
an unknown a layer for automatic differentiation."""

from __future__ import annotations

from collections.abc import Callable
from inspect import signature
from typing import Any

import jax
import jax.numpy as jnp
import jax.scipy.linalg
import numpy as np
import pytest
import scipy.linalg
from jax.test_util import check_grads

import shapetrick as st
from shapetrick.codegen.python.callables import compiled
from shapetrick.numerics.solvers import TABLE as SOLVERS

jax.config.update("jax_enable_x64", True)

RNG = np.random.default_rng(3)
A, Q = RNG.standard_normal((2, 4, 4)) + 3 * np.eye(4)
LYAPUNOV = "A, Q : n x n; Y : n x n where A Y + Y A' = Q; J = norm(Y)^2; grad J wrt A, Q"
LAYER = "W : n x n; U : n x d; x : d; z : n where z = tanh(W z + U x); vjp z wrt W, U"
W, U, x = RNG.standard_normal((4, 4)) / 8, RNG.standard_normal((4, 3)), RNG.standard_normal(3)

# A row of the library each, with its inputs in a gradient.
POSDEF = "A : n x n; B : n x k; Q : n x n posdef; R : k x k posdef; "
ROWS = {
    "solve": "A : n x n; B : n x k; X = solve(A, B); J = sum(sin(X)); grad J wrt A, B",
    "cholesky": "S : n x n posdef; L = cholesky(S); J = sum(sin(L)); grad J wrt S",
    "sqrtm": "A : n x n; X = sqrtm(A); J = sum(sin(X)); grad J wrt A",
    "lyapunov": "A, Q : n x n; X = lyapunov(A, Q); J = norm(X)^2; grad J wrt A, Q",
    "stein": "A, Q : n x n; X = stein(A, Q); J = norm(X)^2; grad J wrt A, Q",
    "sylvester": "A : m x m; B : n x n; Q : m x n; X = sylvester(A, B, Q); J = norm(X)^2; "
    "grad J wrt A, B, Q",
    "care": POSDEF + "X = care(A, B, Q, R); J = tr(X X); grad J wrt A, B, Q, R",
    "dare": POSDEF + "X = dare(A, B, Q, R); J = tr(X X); grad J wrt A, B, Q, R",
    "eigh": "S : n x n symmetric; c : n; lam, v = eigh(S); J = lam^2 + (c' v)^2; grad J wrt S, c",
    "eigh_smallest": "S : n x n symmetric; lam, v = eigh(S, smallest); J = lam^2 + prod(v)^2; "
    "grad J wrt S",
    "svd": "X, A : m x n; U, s, V = svd(X); J = sum(A .* (U V')) + sum(s.^2); grad J wrt X, A",
    "qr": "X : m x n; Q, R = qr(X); J = sum(sin(Q.^2)) + sum(R.^2); grad J wrt X",
    "polar": "X : n x n; U, P = polar(X); J = sum(sin(U)) + sum(P.^3); grad J wrt X",
}
SIZES = {"m": 4, "n": 3, "k": 2}
SYMMETRIC = {"symmetric", "posdef"}
# What takes its unknowns as arguments.
GIVEN = {
    "minimum": "Q : n x n posdef; A : k x n; c : n; b : k; "
    "x : n, mu : k where Q x + c + A' mu = 0, A x = b; J = norm(x)^2; grad J wrt Q, A, b",
    "upper": "S : n x n posdef; U : n x n upper where U' U = S; J = sum(sin(U)); grad J wrt S",
    "any eigenpair": "A : n x n; v : n, lam : scalar where A v = lam v, v' v = 1; "
    "J = lam^2 + sum(v)^2; grad J wrt A",
    "cube root": "A : n x n; X : n x n where X^3 = A; J = norm(X)^2; grad J wrt A",
    "fixed points": "W : n x n; X : n x k; Z : n x k where Z = tanh(W Z + X); J = norm(Z)^2; "
    "grad J wrt W, X",
}


def test_each_row_of_the_library_has_code() -> None:
    assert {*ROWS} == {*SOLVERS}


@pytest.mark.parametrize("name", ["lyapunov", "eigh", "qr", "cholesky"])
def test_code_solves_for_unknowns_and_multipliers(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    _self_test(ROWS[name], "numpy", capsys)


@pytest.mark.slow
@pytest.mark.parametrize("target", ["numpy", "jax", "torch"])
@pytest.mark.parametrize("text", [*ROWS.values(), *GIVEN.values()], ids=[*ROWS, *GIVEN])
def test_code_of_each_target_solves_for_them(
    text: str, target: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if target.startswith("torch"):
        pytest.importorskip("torch")
    _self_test(text, target, capsys)


def _self_test(text: str, target: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert compiled(st.read(text).code(target, self_test=True))["self_test"]() == 0
    assert ": ok" in capsys.readouterr().out


def _layer(text: str, target: str) -> tuple[Callable[..., Any], list[np.ndarray], list[bool]]:
    """The value with its rule, values of its arguments (square ones far from singular), and which
    of these are symmetric: they are moved so, as solvers read half of them."""
    problem, rng = st.read(text), np.random.default_rng(5)
    function = compiled(problem.code(target))["J"]
    symbols = [problem.data.symbols[name] for name in signature(function).parameters]
    values = [rng.standard_normal([d.size(SIZES) for d in s.shape]) for s in symbols]
    values = [x / 4 + np.diag(range(1, len(x) + 1)) if len(x) == len(x.T) else x for x in values]
    return function, values, [bool(s.attributes & SYMMETRIC) for s in symbols]


def _symmetrized(of: Callable[..., Any], symmetric: list[bool]) -> Callable[..., Any]:
    def value(*args: Any) -> Any:
        pairs = zip(args, symmetric, strict=True)
        return of(*((x + x.T) / 2 if is_symmetric else x for x, is_symmetric in pairs))

    return value


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name, row in SOLVERS.items() if row.jax])
def test_a_row_of_the_library_is_a_layer_for_jax(name: str) -> None:
    layer, values, symmetric = _layer(ROWS[name], "jax-vjp")
    of = _symmetrized(layer, symmetric)
    check_grads(of, values, order=1, modes=["rev"], atol=1e-4, rtol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name, row in SOLVERS.items() if row.torch])
def test_a_row_of_the_library_is_a_layer_for_pytorch(name: str) -> None:
    torch = pytest.importorskip("torch")
    layer, values, symmetric = _layer(ROWS[name], "torch-function")
    inputs = [torch.tensor(x, requires_grad=True) for x in values]
    assert torch.autograd.gradcheck(
        _symmetrized(layer, symmetric), inputs, nondet_tol=1e-9
    )  # sums in several threads are rounded otherwise every time


def test_what_several_requests_call_alike_is_apart() -> None:
    problem = st.read(
        "A, Q : n x n; Y : n x n where A Y + Y A' = Q; J = norm(Y)^2; K = tr(Y); "
        "grad J wrt A; grad K wrt A; hvp J wrt A with V; jvp Y wrt Q with V"
    )
    values = {"A": A, "Q": Q, "V": Q @ A, "Y": scipy.linalg.solve_continuous_lyapunov(A, Q)}
    found = list(problem.function("numpy")(**values).values())[-4:]
    for d, value in zip(problem.derive(), found, strict=True):
        np.testing.assert_allclose(value, d.evaluate(values), rtol=1e-8, atol=1e-10)


def test_a_self_test_finds_wrong_code(capsys: pytest.CaptureFixture[str]) -> None:
    module = st.read(LYAPUNOV).code("numpy", self_test=True)
    head, _, test = module.partition("def self_test")
    (line,) = [x for x in head.splitlines() if x.strip().startswith("grad_J_A =")]
    spoilt = head.replace(line, line.replace("=", "= 2 *", 1)) + "def self_test" + test
    assert compiled(spoilt)["self_test"]() == 1
    assert "WRONG" in capsys.readouterr().out


def test_a_layer_for_jax() -> None:
    layer = compiled(st.read(LAYER).code("jax-vjp"))["z"]

    def output(weights, inputs):  # type: ignore[no-untyped-def]
        w, u = map(jax.lax.stop_gradient, (weights, inputs))
        z = jax.lax.fori_loop(0, 60, lambda _, z: jnp.tanh(w @ z + u @ x), jnp.zeros(4))
        return layer(weights, inputs, x, z)

    check_grads(output, (W, U), order=1, modes=["rev"], atol=1e-5, rtol=1e-5)


@pytest.mark.slow
def test_a_layer_for_pytorch() -> None:
    torch = pytest.importorskip("torch")
    layer = compiled(st.read(LAYER).code("torch-function"))["z"]
    fixed = torch.tensor(x)

    def output(weights, inputs):  # type: ignore[no-untyped-def]
        with torch.no_grad():
            z = torch.zeros(4, dtype=torch.float64)
            for _ in range(60):
                z = torch.tanh(weights @ z + inputs @ fixed)
        return layer(weights, inputs, fixed, z)

    weights, inputs = (torch.tensor(v, requires_grad=True) for v in (W, U))
    assert torch.autograd.gradcheck(output, (weights, inputs))


@pytest.mark.slow
@pytest.mark.parametrize("target", ["numpy", "jax"])
@pytest.mark.parametrize("name", ["svd", "qr"])
def test_factors_of_large_matrices(name: str, target: str) -> None:
    X, G = RNG.standard_normal((2, 90, 40))

    def factors(X: Any) -> Any:
        if name == "qr":
            return jnp.linalg.qr(X)
        U, s, Vt = jnp.linalg.svd(X, full_matrices=False)
        return U, Vt.T * s

    def value(X: Any) -> Any:
        first, second = factors(X)
        return jnp.sum(jnp.sin(first @ jnp.abs(second)) * G)

    lines = "Q, R = qr(X); Y = Q abs(R)"
    if name == "svd":
        lines = "U, s, V = svd(X); Y = U abs(V diag(s))"
    d = st.derive(f"X, G : m x n; {lines}; J = sum(sin(Y) .* G); grad J wrt X")
    found = d.function(target)(X=X, G=G)
    np.testing.assert_allclose(found, jax.grad(value)(X), rtol=1e-9, atol=1e-11)


def test_unknowns_are_arguments_where_a_library_finds_none() -> None:
    problem = st.read(ROWS["stein"])
    parameters = {target: problem.function(target).parameters for target in ("numpy", "jax")}
    assert {*parameters["jax"]} - {*parameters["numpy"]} == {"X"}
    with pytest.raises(st.OperandError, match="`X` is no argument"):
        problem.function("numpy")(X=np.eye(3))
