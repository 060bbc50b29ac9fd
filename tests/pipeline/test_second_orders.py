"""110 second orders beside JAX: mixed blocks, Hessians, their products, penalties on gradients."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax_values import value

import shapetrick as st
from shapetrick.core.functions import Array
from shapetrick.language.elaboration import read

jax.config.update("jax_enable_x64", True)
pytestmark = pytest.mark.slow

DECLARED = "A, C : n x n; B : n x k; S : n x n posdef; x, u, b : n; y : k; X, V : n x k; U : n x n"
SIZES = {"n": 3, "k": 2}
OF_COLUMNS = (
    "(x' A x + x' B y)^2", "logsumexp(A x + B y)", "norm(x) norm(y) + x' inv(S) B y",
    "sum(tanh(A x + B y))", "exp(x' B y)", "norm(A x - B y)^2", "sum(softplus(x .* (B y)))",
    "log(1 + norm(x - B y)^2)", "sum(sigmoid(A x) .* (B y).^2)", "(x' B y) / norm(x)",
)  # fmt: skip
OF_A_MATRIX = (
    "tr(X' A X) (x' X y)", "norm(X y - x)^2", "logdet(X' X + eye(k)) + x' X y", "sum(tanh(x' X))",
    "x' X X' x", "sum(exp(X) .* (x y'))", "norm(X' x)^3", "logsumexp(X' x)",
    "tr(inv(S + X X') x x')", "sum(sin(A X) .* (x y'))",
)  # fmt: skip
OF_A_SQUARE = (
    "logdet(U) x' U x", "tr(inv(U) x x')", "det(U) x' b", "norm(U x - b)^2",
    "x' U' U x + tr(U A)", "sum(tanh(U x))", "tr(U A U' C)", "x' inv(U) b", "norm(U)^4",
    "logsumexp(U x)",
)  # fmt: skip
Value = Callable[..., Any]  # of J, with some of the inputs changed


def _columns(x: Any) -> Any:
    return x.T.reshape(-1)


def _unstacked(v: Any, like: Array) -> Any:
    return v.reshape(like.shape[::-1]).T


def _hess(J: Value, env: dict[str, Array], a: str, _: str) -> Any:
    return jax.hessian(lambda v: J(**{a: _unstacked(v, env[a])}))(_columns(env[a]))


def _hvp(J: Value, env: dict[str, Array], a: str, along: str) -> Any:
    return jax.jvp(jax.grad(lambda q: J(**{a: q})), (env[a],), (env[along],))[1]


def _mixed(J: Value, env: dict[str, Array], a: str, b: str) -> Any:
    def gradient(v: Any) -> Any:
        other = _unstacked(v, env[b])
        return _columns(jax.grad(lambda p: J(**{a: p, b: other}))(env[a]))

    return jax.jacobian(gradient)(_columns(env[b]))


def _penalty(J: Value, env: dict[str, Array], a: str, b: str) -> Any:
    def penalty(q: Any) -> Any:
        g = jax.grad(lambda p: J(**{a: p, b: q}))(env[a])
        return (jnp.linalg.norm(g) - 1) ** 2

    return jax.grad(penalty)(env[b])


def _trace(J: Value, env: dict[str, Array], a: str, b: str) -> Any:
    def trace(q: Any) -> Any:
        flat = env[a].reshape(-1)
        return jnp.trace(jax.hessian(lambda p: J(**{a: p.reshape(-1, 1), b: q}))(flat))

    return jax.grad(trace)(env[b])


Expected = Callable[[Value, dict[str, Array], str, str], Any]
# What is asked of J, and the same in JAX, of which variables.
KINDS: tuple[tuple[tuple[str, ...], str, Expected, str, str], ...] = (
    (OF_COLUMNS, "g = grad J wrt x; jac g wrt y", _mixed, "x", "y"),
    (OF_COLUMNS, "hess J wrt x", _hess, "x", ""),
    (OF_COLUMNS, "P = (norm((grad J wrt x)) - 1)^2; grad P wrt y", _penalty, "x", "y"),
    (OF_COLUMNS, "hvp J wrt x with u", _hvp, "x", "u"),
    (OF_A_MATRIX, "g = grad J wrt X; jac g wrt x", _mixed, "X", "x"),
    (OF_A_MATRIX, "hess J wrt X", _hess, "X", ""),
    (OF_A_MATRIX, "P = (norm((grad J wrt x)) - 1)^2; grad P wrt X", _penalty, "x", "X"),
    (OF_A_MATRIX, "hvp J wrt X with V", _hvp, "X", "V"),
    (OF_A_SQUARE, "hess J wrt U", _hess, "U", ""),
    (OF_A_SQUARE, "g = grad J wrt x; jac g wrt U", _mixed, "x", "U"),
    (OF_A_SQUARE, "H = hess J wrt x; grad tr(H) wrt U", _trace, "x", "U"),
)
CASES = [(of, *kind) for ofs, *kind in KINDS for of in ofs]


def test_there_are_110_cases() -> None:
    assert len(CASES) == 110


def point() -> dict[str, Array]:
    rng = np.random.default_rng(1)
    shapes = {"A": (3, 3), "C": (3, 3), "B": (3, 2), "x": (3, 1), "u": (3, 1), "b": (3, 1),
              "y": (2, 1), "X": (3, 2), "V": (3, 2), "U": (3, 3)}  # fmt: skip
    env = {name: rng.normal(size=shape) for name, shape in shapes.items()}
    return {**env, "S": env["A"] @ env["A"].T + np.eye(3), "U": env["U"] + 3 * np.eye(3)}


@pytest.mark.parametrize(("of", "asked", "expected", "a", "b"), CASES)
def test_second_orders_are_those_of_jax(
    of: str, asked: str, expected: Expected, a: str, b: str
) -> None:
    (d,) = st.read(f"{DECLARED}; J = {of}; {asked}").derive()
    assert d.verified
    env = point()
    scalar = read(f"{DECLARED}; J = {of}", complete=False).definitions["J"]

    def J(**changed: Any) -> Any:
        return value(scalar, {**env, **changed}, SIZES, {})[0, 0]

    wanted = np.asarray(jax.jit(lambda: expected(J, env, a, b))())
    found = np.asarray(d.evaluate(env, **SIZES)).reshape(wanted.shape)
    np.testing.assert_allclose(found, wanted, rtol=1e-8, atol=1e-8 * np.abs(wanted).max())
