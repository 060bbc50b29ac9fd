"""Code of gradients through equations: adjoint equations that a library solves, and rules that make
an unknown a layer for automatic differentiation."""

from __future__ import annotations

from inspect import signature

import jax
import jax.numpy as jnp
import jax.scipy.linalg
import numpy as np
import pytest
import scipy.linalg
from jax.test_util import check_grads

import shapetrick as st
from shapetrick.codegen.python.callables import compiled

jax.config.update("jax_enable_x64", True)

RNG = np.random.default_rng(3)
A, Q = RNG.standard_normal((2, 4, 4)) + 3 * np.eye(4)
LYAPUNOV = "A, Q : n x n; Y : n x n where A Y + Y A' = Q; J = norm(Y)^2; grad J wrt A, Q"
LAYER = "W : n x n; U : n x d; x : d; z : n where z = tanh(W z + U x); vjp z wrt W, U"
W, U, x = RNG.standard_normal((4, 4)) / 8, RNG.standard_normal((4, 3)), RNG.standard_normal(3)

# A problem, and values of its inputs and its unknown at a solution.
STABLE = A / 9
CASES = [
    (
        "A, Q : n x n; Y : n x n where A Y + Y A' = Q; J = norm(Y)^2; grad J wrt A",
        {"A": A, "Q": Q, "Y": scipy.linalg.solve_continuous_lyapunov(A, Q)},
    ),
    (
        "A : n x n; X = sqrtm(A); J = norm(X)^4; grad J wrt A",
        {"A": A, "X": scipy.linalg.sqrtm(A).real},
    ),
    (
        "A, B, Q : n x n; X = sylvester(A, B, Q); J = norm(X)^2; grad J wrt B",
        {"A": A, "B": Q, "Q": A, "X": scipy.linalg.solve_sylvester(A, Q, A)},
    ),
    (
        "A, Q : n x n; X = stein(A, Q); J = norm(X)^2; grad J wrt A",
        {"A": STABLE, "Q": Q, "X": scipy.linalg.solve_discrete_lyapunov(STABLE, Q)},
    ),
    (
        "A, B : n x n; Q : n x n symmetric; R : n x n posdef; X = care(A, B, Q, R); J = tr(X);"
        "grad J wrt A",
        {
            **{"A": A, "B": Q, "Q": A @ A.T, "R": Q @ Q.T},
            "X": scipy.linalg.solve_continuous_are(A, Q, A @ A.T, Q @ Q.T),
        },
    ),
]


@pytest.mark.parametrize(("text", "values"), CASES)
def test_code_solves_the_adjoint_equation(text: str, values: dict[str, np.ndarray]) -> None:
    d = st.derive(text)
    assert d.result.adjoint is not None and d.result.adjoint.multipliers
    function = compiled(d.code("numpy"))["value_and_gradients"]
    _, found = function(**{n: values[n] for n in signature(function).parameters})
    np.testing.assert_allclose(found, d.evaluate(values), rtol=1e-8, atol=1e-10)


def test_what_several_requests_call_alike_is_apart() -> None:
    problem = st.read(
        "A, Q : n x n; Y : n x n where A Y + Y A' = Q; J = norm(Y)^2; K = tr(Y); "
        "grad J wrt A; grad K wrt A; hvp J wrt A with V; jvp Y wrt Q with V"
    )
    values = {"A": A, "Q": Q, "V": Q @ A, "Y": scipy.linalg.solve_continuous_lyapunov(A, Q)}
    found = list(problem.function("numpy")(**values).values())[-4:]
    for d, value in zip(problem.derive(), found, strict=True):
        np.testing.assert_allclose(value, d.evaluate(values), rtol=1e-8, atol=1e-10)


def test_a_layer_for_jax() -> None:
    layer = compiled(st.read(LAYER).code("jax-vjp"))["z"]

    def output(weights, inputs):  # type: ignore[no-untyped-def]
        w, u = map(jax.lax.stop_gradient, (weights, inputs))
        z = jax.lax.fori_loop(0, 60, lambda _, z: jnp.tanh(w @ z + u @ x), jnp.zeros(4))
        return layer(weights, inputs, x, z)

    check_grads(output, (W, U), order=1, modes=["rev"], atol=1e-5, rtol=1e-5)


@pytest.mark.slow
def test_a_cost_for_jax() -> None:
    cost = compiled(st.read(LYAPUNOV).code("jax-vjp"))["J"]

    def of(a, q):  # type: ignore[no-untyped-def]
        known, right = map(jax.lax.stop_gradient, (a, q))
        return cost(a, q, jax.scipy.linalg.solve_sylvester(known, known.T, right))

    check_grads(of, (A, Q), order=1, modes=["rev"], atol=1e-4, rtol=1e-4)


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


def test_what_a_library_does_not_solve_is_refused() -> None:
    with pytest.raises(st.RequestError, match="torch has no solver"):
        st.read(LYAPUNOV).code("torch")
