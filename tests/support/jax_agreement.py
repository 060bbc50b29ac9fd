"""Whether our derivative of an expression is JAX's, in one word."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax_values import value
from strategies import ELEMENTWISE, SIZES, environment

from shapetrick.core.errors import DerivationError
from shapetrick.core.expr import Expr, symbol
from shapetrick.core.functions import Array
from shapetrick.core.problem import DerivativeKind, Problem, Request
from shapetrick.core.traversal import symbols_of
from shapetrick.language.printer import to_text
from shapetrick.numerics.evaluation import evaluate
from shapetrick.pipeline.requests import derive

FUNCTIONS = {
    "sigma": lambda x: jnp.sin(1.3 * x + 0.4) + 0.2 * x * x,
    "phi": lambda x: jnp.cos(0.7 * x) - 0.1 * x * x,
}
SLACK = 1e-6  # relative: JAX and we round differently
NEAR, STEADY = 1e-10, 1e-7  # where so small a step changes more, rounding is what one sees
FLAT = 1e-7  # a derivative so small beside the value over the variable is rounding, too
DRAWS = 4

# A derivative that our own checker refuses is no answer, but a fault of the derivation.
OUTCOMES = ("right", "refused", "unchecked", "not steady", "not verified", "wrong")
FAULTS = ("not verified", "wrong")

Env = dict[str, Array]


@dataclass(frozen=True)
class Outcome:
    """One of OUTCOMES, and what was asked and answered."""

    word: str
    text: str


def outcome(of: Expr, wrt: Expr, kind: DerivativeKind) -> Outcome:
    """Compares our derivative with JAX's at the first of some draws where both are steady."""
    direction = None
    if kind in ("vjp", "hvp", "jvp"):
        direction = symbol("#G", of.shape if kind == "vjp" else wrt.shape)
    request = Request(kind, of, "f", wrt, direction)
    symbols = {e.name: e for e in symbols_of(of)}
    problem = Problem("", symbols, {}, (request,), ELEMENTWISE)
    question = f"{kind} {to_text(of)} wrt {to_text(wrt)}"
    try:
        result = derive(problem, request)
    except DerivationError as error:
        return Outcome("refused", f"{question}: {error}")
    text = f"{question} = {to_text(result.gradient)}"
    if result.validation.verdict == "unchecked":
        return Outcome("unchecked", text)
    if result.validation.verdict != "verified":
        return Outcome("not verified", text)
    # compiled as a whole: operation by operation takes three times as long, and the memory
    theirs = jax.jit(lambda env: truth(of, wrt, kind, env))
    for seed in range(DRAWS):
        at = point(seed, direction)
        expected, mine = both(theirs, result.gradient, at)
        near = both(theirs, result.gradient, {n: x * (1 + NEAR) for n, x in at.items()})
        scale = max(largest(expected), np.finfo(float).tiny)
        if 0 < max(largest(expected), largest(mine)) < flat(of, wrt, kind, at):
            continue
        if off(expected, near[0], scale) <= STEADY and off(mine, near[1], scale) <= STEADY:
            return Outcome("right" if off(mine, expected, scale) <= SLACK else "wrong", text)
    return Outcome("not steady", text)


def ours(name: str) -> Any:
    """An abstract function and its derivatives, batched, by JAX."""

    def f(x: Any, order: int) -> Any:
        g = FUNCTIONS[name]
        for _ in range(order):
            g = jax.grad(g)
        return np.asarray(jax.vmap(g)(jnp.ravel(x))).reshape(np.shape(x))

    return f


def truth(of: Expr, wrt: Expr, kind: DerivativeKind, env: Env) -> Any:
    """JAX's derivative at a point, in our conventions."""
    name = wrt.name

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


def both(theirs: Callable[[Env], Any], gradient: Expr, at: Env) -> tuple[Array, Array]:
    """JAX's value of the derivative and ours."""
    functions = {name: ours(name) for name in ELEMENTWISE}
    return np.asarray(theirs(at)), evaluate(gradient, at, SIZES, functions)


def flat(of: Expr, wrt: Expr, kind: DerivativeKind, at: Env) -> float:
    """Below this a derivative is what rounding makes of a saturated function."""
    height = largest(np.asarray(jax.jit(lambda env: value(of, env, SIZES, FUNCTIONS))(at)))
    return FLAT * height / largest(at[wrt.name]) ** (2 if kind in ("hess", "hvp") else 1)


def largest(x: Array) -> float:
    return float(np.max(np.abs(x)))


def off(a: Array, b: Array, scale: float) -> float:
    """The largest difference, relative to the scale; not a number where one isn't finite."""
    assert a.shape == b.shape
    with np.errstate(all="ignore"):
        return largest(a - b) / scale


def point(seed: int, direction: Expr | None) -> Env:
    at = environment(seed)
    if direction is not None:
        shape = [d.size(SIZES) for d in direction.shape]
        at["#G"] = np.random.default_rng([seed, 1]).standard_normal(shape)
    return at


def variables(of: Expr) -> list[Expr]:
    return sorted(symbols_of(of), key=lambda e: str(e.name))
