"""Slices, blocks, entries and masks: derivatives against JAX's, what is printed read back, and the
generated code."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from thinned import thinned

import shapetrick as st
from shapetrick.core.expr import Name
from shapetrick.core.functions import Array
from shapetrick.core.traversal import postorder, symbols_of
from shapetrick.language.elaboration import read
from shapetrick.language.expressions import read_expression
from shapetrick.language.printer import to_text
from shapetrick.numerics.evaluation import evaluate

jax.config.update("jax_enable_x64", True)

SIZES = {"m": 4, "n": 5, "p": 2, "q": 3, "d": 3, "h": 2}
DECLARED = """A : m x p; B : m x q; C : p x q; D : q x q; X : m x n; Y : m x n; Z : m x (p+q)
S : n x n; T : n x n; W : (p+q) x n; x : n; y : n; z : p+q; u : p; v : q; s : scalar; r : 1 x n
L : n x n lower; V : (p+q) x (p+q)
"""
ROWS = [
    ("x[1]^2 x[2]", "x[0]**2 * x[1]"),
    ("x[1] x[2] + x[n]^3", "x[0] * x[1] + x[-1] ** 3"),
    ("X[1, 2] X[2, 1]", "X[0, 1] * X[1, 0]"),
    ("norm(X[2..m, :])^2", "jnp.sum(X[1:] ** 2)"),
    ("sum(X[:, 2..n] .* X[:, 1..n-1])", "jnp.sum(X[:, 1:] * X[:, :-1])"),
    ("norm(x[2..n] - x[1..n-1])^2", "jnp.sum((x[1:] - x[:-1]) ** 2)"),
    ("norm(x[3..n] - 2 x[2..n-1] + x[1..n-2])^2",
     "jnp.sum((x[2:] - 2 * x[1:-1] + x[:-2]) ** 2)"),
    ("sum(tanh(x[n-1..n]) .* y[1..2]) + norm([x[n-2..n]; x[1..n-3]] - 2 y)^2",
     "jnp.sum(jnp.tanh(x[-2:]) * y[:2]) + jnp.sum((jnp.roll(x, 3, axis=0) - 2 * y) ** 2)"),
    ("norm(X[m-1..m, n-2..n] - Y[1..2, 1..3])^2",
     "jnp.sum((X[-2:, -3:] - Y[:2, :3]) ** 2)"),
    ("sum(tanh(shift(x, n - 2)) .* y) + sum(tanh(shift(X, 2 - n, axis=1)) .* Y)",
     "jnp.sum(jnp.tanh(x[:2]) * y[3:]) + jnp.sum(jnp.tanh(X[:, 3:]) * Y[:, :2])"),
    ("sum(sqrt((X[2..m, 1..n-1] - X[1..m-1, 1..n-1]).^2 + "
     "(X[1..m-1, 2..n] - X[1..m-1, 1..n-1]).^2))",
     "jnp.sum(jnp.sqrt((X[1:, :-1] - X[:-1, :-1])**2 + (X[:-1, 1:] - X[:-1, :-1])**2))"),
    ("sum(tanh([A, B] W))", "jnp.sum(jnp.tanh(jnp.hstack([A, B]) @ W))"),
    ("norm([A, B])^2 + sum([u; v])", "jnp.sum(A**2) + jnp.sum(B**2) + jnp.sum(u) + jnp.sum(v)"),
    ("[u; v]' V [u; v]",
     "(jnp.vstack([u, v]).T @ V @ jnp.vstack([u, v]))"),
    ("z' [C C', C; C', D] z",
     "z.T @ jnp.block([[C @ C.T, C], [C.T, D]]) @ z"),
    ("sum(sigmoid(Z[:, 1..p])) + norm(Z[:, p+1..p+q])^2",
     "jnp.sum(jax.nn.sigmoid(Z[:, :p])) + jnp.sum(Z[:, p:] ** 2)"),
    ("sum(sigmoid((A C)[:, 1..1] u[1]))", "jnp.sum(jax.nn.sigmoid((A @ C)[:, :1] * u[0]))"),
    ("sum(tanh(z)[1..p]) z[p+1]", "jnp.sum(jnp.tanh(z)[:p]) * z[p]"),
    ("dot(B, (Z V)[:, p+1..p+q])", "jnp.sum(B * (Z @ V)[:, p:])"),
    ("sum(lower(S) S)", "jnp.sum(jnp.tril(S) @ S)"),
    ("norm(lower(X X') X)^2", "jnp.sum((jnp.tril(X @ X.T) @ X) ** 2)"),
    ("sum(exp(upper(S)))", "jnp.sum(jnp.exp(jnp.triu(S)))"),
    ("sum(lower(L) T)", "jnp.sum(jnp.tril(L) @ T)"),
    ("norm(cumsum(x) - y)^2", "jnp.sum((jnp.cumsum(x, axis=0) - y) ** 2)"),
    ("sum(tanh(cumsum(X, axis=1)))", "jnp.sum(jnp.tanh(jnp.cumsum(X, axis=1)))"),
    ("sum(tanh(cumsum(X, axis=0)) .* Y)", "jnp.sum(jnp.tanh(jnp.cumsum(X, axis=0)) * Y)"),
    ("x' flip(tanh(y))", "x.T @ jnp.flip(jnp.tanh(y), axis=0)"),
    ("sum(flip(X, axis=1) .* exp(X))", "jnp.sum(jnp.flip(X, axis=1) * jnp.exp(X))"),
    ("norm(x - shift(x, 1))^2", "jnp.sum((x - jnp.concatenate([jnp.zeros((1, 1)), x[:-1]])) ** 2)"),
    ("sum(tanh(shift(X, -1, axis=1)) .* X)",
     "jnp.sum(jnp.tanh(jnp.hstack([X[:, 1:], jnp.zeros((4, 1))])) * X)"),
    ("sum(where(X > Y, X .* Y, Y.^2))", "jnp.sum(jnp.where(X > Y, X * Y, Y**2))"),
    ("sum(clip(X, -0.5, 0.5) .* Y)", "jnp.sum(jnp.clip(X, -0.5, 0.5) * Y)"),
    ("sum((X > Y) .* X)", "jnp.sum((X > Y) * X)"),
    ("tanh([x; y])", "jnp.tanh(jnp.vstack([x, y]))"),
    ("x[2..n] .* y[1..n-1]", "x[1:] * y[:-1]"),
    ("[z[p+1..p+q]; z[1..p]]", "jnp.vstack([z[p:], z[:p]])"),
    ("cumsum(x) ./ (2 + x.^2)", "jnp.cumsum(x, axis=0) / (2 + x**2)"),
    ("(S x)[2..n]", "(S @ x)[1:]"),
    ("[x, y, x .* y] ", "jnp.hstack([x, y, x * y])"),
    ("[1, s; s, 2] [x[1]; y[2]]",
     "jnp.stack([jnp.stack([1.0, s[0,0]]), jnp.stack([s[0,0], 2.0])]) @ jnp.stack([x[0], y[1]])"),
    ("X[2, :]' .* x", "X[1:2].T * x"),
    ("X[:, 3] + X[:, 1]", "X[:, 2:3] + X[:, :1]"),
    ("r[2..n] X[1..m-1, 2..n]'", "r[:, 1:] @ X[:-1, 1:].T"),
    ("[X[1..2, :]; X[3..m, :]] x", "X @ x"),
    ("softmax([X, Y][:, 2..n+1], axis=1)", "jax.nn.softmax(jnp.hstack([X, Y])[:, 1:6], axis=1)"),
    ("det([2 + s, s; s^2, 3])", "6 + 3 * s - s**3"),
    ("logdet(eye(n) + lower(S) lower(S)')",
     "jnp.linalg.slogdet(jnp.eye(5) + jnp.tril(S) @ jnp.tril(S).T)[1]"),
]  # fmt: skip
SECOND = [
    "x[1] x[2] + x[n]^3",
    "norm(X[2..m, :])^2",
    "norm(x[2..n] - x[1..n-1])^2",
    "[u; v]' V [u; v]",
    "norm(cumsum(x) - y)^2",
    "x' flip(tanh(y))",
]  # fmt: skip


def arrays() -> dict[str, Array]:
    """A value for each declared name."""
    rng = np.random.default_rng(0)
    symbols = read(DECLARED, complete=False).symbols
    found = {
        name: rng.uniform(-1.5, 1.5, [d.size(SIZES) for d in e.shape])
        for name, e in symbols.items()
    }
    return {**found, "L": np.tril(found["L"])}


def variables(text: str) -> list[str]:
    """The names that an expression contains."""
    f = read(f"{DECLARED}f = {text}", complete=False).definitions["f"]
    return [e.name for e in symbols_of(f)]


def expected(kind: str, source: str, wrt: str, env: dict[str, Array], shape: list[int]) -> Array:
    """JAX's derivative, of an expression in Python."""

    def f(x: Any) -> Any:
        names = {"jnp": jnp, "jax": jax, **SIZES, **env, wrt: x}
        return jnp.reshape(jnp.asarray(eval(source, names)), shape)

    def unstacked(v: Any) -> Any:
        return f(v.reshape(x.shape[::-1]).T)[0, 0]

    x = env[wrt]
    match kind:
        case "hess":
            found = jax.hessian(unstacked)(x.T.ravel())
        case "hvp":
            found = jax.jvp(jax.grad(lambda x: f(x)[0, 0]), (x,), (env["Dir"],))[1]
        case _:
            found = jax.vjp(f, x)[1](env.get("Up", np.ones(shape)))[0]
    return np.asarray(found)


def compare(kind: str, text: str, source: str, wrt: str) -> None:
    """The derivative is JAX's, and as it is printed it is read as itself."""
    along = {"vjp": " with Up", "hvp": " with Dir"}.get(kind, "")
    (d,) = st.read(f"{DECLARED}f = {text}\n{kind} f{along} wrt {wrt}").derive()
    assert d.verified
    env, rng = arrays(), np.random.default_rng(1)
    shape = [x.size(SIZES) for x in d.result.request.of.shape]
    if kind in ("vjp", "hvp"):
        env[along.split()[1]] = rng.standard_normal(shape if kind == "vjp" else env[wrt].shape)
    value = evaluate(d.result.gradient, env, SIZES)
    wanted = expected(kind, source, wrt, env, shape)
    np.testing.assert_allclose(value, wanted, rtol=1e-9, atol=1e-9)
    names = {e.name: e for e in postorder([d.result.gradient]) if isinstance(e, Name)}
    printed = to_text(d.result.gradient)
    again = read_expression(printed, d.problem, names, d.result.gradient.shape)
    np.testing.assert_allclose(evaluate(again, env, SIZES), value, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("row", thinned(ROWS, 2), ids=[text for text, _ in ROWS])
def test_derivatives_are_those_of_jax(row: tuple[str, str]) -> None:
    text, source = row
    of = read(f"{DECLARED}f = {text}", complete=False).definitions["f"]
    for wrt in variables(text):
        compare("grad" if of.is_scalar else "vjp", text, source, wrt)


@pytest.mark.parametrize("text", SECOND)
def test_second_derivatives_are_those_of_jax(text: str) -> None:
    wrt = variables(text)[0]
    for kind in ("hess", "hvp"):
        compare(kind, text, dict(ROWS)[text], wrt)
