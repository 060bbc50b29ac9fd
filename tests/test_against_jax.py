"""Derivatives of random expressions against JAX's: right, or refused; never wrong."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import assume, event, given
from hypothesis import strategies as st
from jax_values import value
from strategies import ELEMENTWISE, SIZES, environment, examples, expressions

from shapetrick.derivation import derive
from shapetrick.dims import SCALAR
from shapetrick.errors import DerivationError
from shapetrick.evaluation import evaluate
from shapetrick.expr import Expr, postorder, subtract, symbol, symbols_of
from shapetrick.functions import Array
from shapetrick.problem import Kind, Problem, Request
from shapetrick.render.text import to_text

FUNCTIONS = {
    "sigma": lambda x: jnp.sin(1.3 * x + 0.4) + 0.2 * x * x,
    "phi": lambda x: jnp.cos(0.7 * x) - 0.1 * x * x,
}
SLACK = 1e-6  # relative: JAX and we round differently
NEAR, STEADY = 1e-10, 1e-7  # where so small a step changes more, rounding is what one sees
DRAWS = 4

Env = dict[str, Array]


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
        event("refused")
        return None
    if result.validation.verdict == "unchecked" or has_ties(of):
        event("unchecked")
        return None
    assert result.validation.verdict == "verified", to_text(result.gradient)
    return result.gradient, direction


def has_ties(of: Expr) -> bool:
    """Whether it is on a kink wherever it is looked at, as `minimum(A, A')` on the diagonal is."""
    pairs = [e.args for e in postorder([of]) if e.op in ("maximum", "minimum")]
    functions = {name: ours(name) for name in ELEMENTWISE}
    gaps = [evaluate(subtract(*pair), environment(), SIZES, functions) for pair in pairs]
    return any((gap == 0).any() for gap in gaps)


def truth(of: Expr, wrt: Expr, kind: Kind, env: Env) -> Any:
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
        case "jac" if wrt.is_scalar:
            return jax.jacobian(f)(x)[:, :, 0, 0]
        case "jac":
            return jax.jacobian(lambda v: f(unstacked(v, x.shape)).T.ravel())(x.T.ravel())
    return jax.hessian(lambda v: f(unstacked(v, x.shape))[0, 0])(x.T.ravel())


def unstacked(v: Any, shape: tuple[int, ...]) -> Any:
    return v.reshape(shape[::-1]).T


def agree(of: Expr, wrt: Expr, kind: Kind) -> None:
    """Asserts that ours is JAX's, at the first of some draws where both are steady."""
    found = derivative(of, wrt, kind)
    if found is None:
        return
    gradient, direction = found
    for seed in range(DRAWS):
        at = point(seed, direction)
        expected, mine = both(of, wrt, kind, gradient, at)
        near = both(of, wrt, kind, gradient, {name: x * (1 + NEAR) for name, x in at.items()})
        scale = max(float(np.max(np.abs(expected))), np.finfo(float).tiny)
        if not (off(expected, near[0], scale) <= STEADY and off(mine, near[1], scale) <= STEADY):
            continue
        assert off(mine, expected, scale) <= SLACK, to_text(gradient)
        event("right")
        return
    event("no steady draw")


def both(of: Expr, wrt: Expr, kind: Kind, gradient: Expr, at: Env) -> tuple[Array, Array]:
    """JAX's value of the derivative and ours."""
    functions = {name: ours(name) for name in ELEMENTWISE}
    return np.asarray(truth(of, wrt, kind, at)), evaluate(gradient, at, SIZES, functions)


def off(a: Array, b: Array, scale: float) -> float:
    """The largest difference, relative to the scale; not a number where one isn't finite."""
    assert a.shape == b.shape
    with np.errstate(all="ignore"):
        return float(np.max(np.abs(a - b))) / scale


def point(seed: int, direction: Expr | None) -> Env:
    at = environment(seed)
    if direction is not None:
        shape = [d.size(SIZES) for d in direction.shape]
        at["#G"] = np.random.default_rng([seed, 1]).standard_normal(shape)
    return at


def variables(of: Expr) -> list[Expr]:
    return sorted(symbols_of(of), key=lambda e: str(e.data.name))


@pytest.mark.parametrize("kind", ["grad", "hvp"])
@examples(40)
@given(data=st.data())
def test_derivatives_of_scalars(kind: Kind, data: st.DataObject) -> None:
    of = data.draw(expressions(shape=SCALAR, depth=3))
    assume(variables(of))
    agree(of, data.draw(st.sampled_from(variables(of))), kind)


@pytest.mark.parametrize("kind", ["vjp", "jvp"])
@examples(40)
@given(data=st.data())
def test_rules(kind: Kind, data: st.DataObject) -> None:
    of = data.draw(expressions(depth=3))
    assume(variables(of))
    agree(of, data.draw(st.sampled_from(variables(of))), kind)


@pytest.mark.parametrize("kind", ["jac", "hess"])
@examples(40)
@given(data=st.data())
def test_jacobians_and_hessians(kind: Kind, data: st.DataObject) -> None:
    """Of a column or a matrix, by a column or a matrix."""
    of = data.draw(expressions(shape=SCALAR if kind == "hess" else None, depth=3))
    assume(variables(of))
    agree(of, data.draw(st.sampled_from(variables(of))), kind)
