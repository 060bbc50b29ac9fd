"""Derivatives of random expressions against JAX's: right, or refused; never wrong."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from jax_values import value
from strategies import ELEMENTWISE, SIZES, SYMBOLS, environment, expressions

from shapetrick.derivation import derive
from shapetrick.dims import ONE, SCALAR
from shapetrick.errors import DerivationError
from shapetrick.evaluation import evaluate
from shapetrick.expr import Expr, symbol, symbols_of
from shapetrick.problem import Kind, Problem, Request

FUNCTIONS = {
    "sigma": lambda x: jnp.sin(1.3 * x + 0.4) + 0.2 * x * x,
    "phi": lambda x: jnp.cos(0.7 * x) - 0.1 * x * x,
}
SLACK = 1e-6  # relative: JAX and we round differently, and draws may be badly conditioned


def ours(name: str) -> Any:
    """An abstract function and its derivatives, batched, by JAX."""

    def f(x: Any, order: int) -> Any:
        g = FUNCTIONS[name]
        for _ in range(order):
            g = jax.grad(g)
        return np.asarray(jax.vmap(g)(jnp.ravel(x))).reshape(np.shape(x))

    return f


def derivative(of: Expr, wrt: Expr, kind: Kind) -> tuple[Expr, Expr | None] | None:
    """Our verified derivative and the direction in it, or None if it was refused or unchecked."""
    direction = None
    if kind in ("vjp", "hvp", "jvp"):
        direction = symbol("#G", of.shape if kind == "vjp" else wrt.shape)
    request = Request(kind, of, "f", wrt, direction)
    symbols = {e.data.name: e for e in symbols_of(of)}
    problem = Problem("", symbols, {}, (request,), ELEMENTWISE)
    try:
        result = derive(problem, request)
    except DerivationError:
        return None
    if result.validation.verdict != "verified":
        return None
    return result.gradient, direction


def truth(of: Expr, wrt: Expr, kind: Kind, env: dict[str, Any]) -> Any:
    """JAX's derivative at a point, in our conventions."""
    name = wrt.data.name

    def f(x: Any) -> Any:
        return value(of, {**env, name: x}, SIZES, FUNCTIONS)

    x = env[name]
    match kind:
        case "grad":
            return jax.grad(lambda x: f(x)[0, 0])(x)
        case "vjp":
            return jax.vjp(f, x)[1](env["#G"])[0]
        case "jvp":
            return jax.jvp(f, (x,), (env["#G"],))[1]
        case "hvp":
            return jax.jvp(jax.grad(lambda x: f(x)[0, 0]), (x,), (env["#G"],))[1]
        case "jac":
            return jax.jacobian(lambda x: f(x)[:, 0])(x)[:, :, 0]
    return jax.hessian(lambda x: f(x)[0, 0])(x)[:, 0, :, 0]


def agree(of: Expr, wrt: Expr, kind: Kind, seed: int) -> None:
    found = derivative(of, wrt, kind)
    assume(found is not None)
    assert found is not None
    gradient, direction = found
    env: dict[str, Any] = dict(environment(seed))
    if direction is not None:
        shape = [d.size(SIZES) for d in direction.shape]
        env["#G"] = np.random.default_rng(seed).standard_normal(shape)
    expected = np.asarray(truth(of, wrt, kind, env))
    mine = evaluate(gradient, env, SIZES, {name: ours(name) for name in ELEMENTWISE})
    assume(np.all(np.isfinite(expected)) and np.all(np.isfinite(mine)))
    scale = max(float(np.max(np.abs(expected))), 1e-8)
    np.testing.assert_allclose(mine / scale, expected / scale, atol=SLACK, rtol=SLACK)


def variables(of: Expr) -> list[Expr]:
    return sorted(symbols_of(of), key=lambda e: str(e.data.name))


relaxed = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
)


@pytest.mark.parametrize("kind", ["grad", "hvp"])
@relaxed
@given(data=st.data())
def test_derivatives_of_scalars(kind: Kind, data: st.DataObject) -> None:
    of = data.draw(expressions(shape=SCALAR, depth=3))
    assume(variables(of))
    wrt = data.draw(st.sampled_from(variables(of)))
    agree(of, wrt, kind, data.draw(st.integers(0, 50)))


@pytest.mark.parametrize("kind", ["vjp", "jvp"])
@relaxed
@given(data=st.data())
def test_rules(kind: Kind, data: st.DataObject) -> None:
    of = data.draw(expressions(depth=3))
    assume(variables(of))
    wrt = data.draw(st.sampled_from(variables(of)))
    agree(of, wrt, kind, data.draw(st.integers(0, 50)))


@pytest.mark.parametrize("kind", ["jac", "hess"])
@relaxed
@given(data=st.data())
def test_jacobians_and_hessians(kind: Kind, data: st.DataObject) -> None:
    shape = SCALAR if kind == "hess" else data.draw(st.sampled_from([s for s in SYMBOLS if s[1] == ONE]))
    of = data.draw(expressions(shape=shape, depth=3))
    columns = [e for e in variables(of) if e.shape[1] == ONE and (kind == "hess" or not e.is_scalar)]
    assume(columns)
    agree(of, data.draw(st.sampled_from(columns)), kind, data.draw(st.integers(0, 50)))
