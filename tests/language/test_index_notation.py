"""Index notation: what it is read as, that this has the same values, and what is refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import shapetrick
from shapetrick.core.expr import Expr
from shapetrick.core.traversal import symbols_of
from shapetrick.language.elaboration import read

DECLARED = """x, y : n
A, B, W : n x n
X : m x n
Y, Z : m x k
r : m
w : n
"""
SIZES = {"m": 4, "n": 3, "k": 2}
NAMES: Mapping[str, tuple[str, ...]] = {
    "x": ("n",), "y": ("n",), "w": ("n",), "r": ("m",), "A": ("n", "n"), "B": ("n", "n"),
    "W": ("n", "n"), "X": ("m", "n"), "Y": ("m", "k"), "Z": ("m", "k"),
}  # fmt: skip


# -------------------------------------------------------------------------------- the same values

e = jnp.einsum
# What is typed, what it is read as, and the same in JAX, of a mapping of arrays.
SUMS: list[tuple[str, str, Callable[[Mapping[str, jax.Array]], jax.Array]]] = [
    ("sum(i, j) x[i] A[i,j] x[j]", "x' A x", lambda v: e("i,ij,j", v["x"], v["A"], v["x"])),
    ("sum(i) x[i] y[i]", "x' y", lambda v: e("i,i", v["x"], v["y"])),
    ("sum(i = 1..n) x[i]^3", "sum(x.^3)", lambda v: jnp.sum(v["x"] ** 3)),
    ("sum(i, j) A[i,j] B[j,i]", "tr(A B)", lambda v: e("ij,ji", v["A"], v["B"])),
    ("sum(i, j) A[i,j] B[i,j]", "sum(A .* B)", lambda v: e("ij,ij", v["A"], v["B"])),
    ("sum(i) A[i,i]", "tr(A)", lambda v: jnp.trace(v["A"])),
    ("sum(i, j, l) A[i,j] B[j,l] W[l,i]", "tr(A B W)",
     lambda v: e("ij,jl,li", v["A"], v["B"], v["W"])),
    ("sum(i) (r[i] - sum(j) X[i,j] w[j])^2", "sum((r - X w).^2)",
     lambda v: jnp.sum((v["r"] - v["X"] @ v["w"]) ** 2)),
    ("sum(i) (r[i] - X[i,:] w)^2", "sum((r - X w).^2)",
     lambda v: jnp.sum((v["r"] - v["X"] @ v["w"]) ** 2)),
    ("mean(i) (r[i] - X[i,:] w)^2", "mean((r - X w).^2)",
     lambda v: jnp.mean((v["r"] - v["X"] @ v["w"]) ** 2)),
    ("sum(i) log(1 + exp(-r[i] X[i,:] w))", "sum(log(1 + exp(-(r .* (X w)))))",
     lambda v: jnp.sum(jnp.logaddexp(0, -v["r"] * (v["X"] @ v["w"])))),
    ("sum(i, j) W[i,j] (x[i] - x[j])^2",
     "(x.^2)' sum(W, axis=1) - 2 x' W x + sum(W x.^2)",
     lambda v: jnp.sum(v["W"] * (v["x"][:, None] - v["x"]) ** 2)),
    ("sum(i, j) W[i,j] norm(X[:,i] - X[:,j])^2",
     "sum(X.^2, axis=0) sum(W, axis=1) - 2 tr(W X' X) + sum(W sum(X.^2, axis=0)')",
     lambda v: jnp.sum(v["W"] * jnp.sum((v["X"][:, :, None] - v["X"][:, None]) ** 2, 0))),
    ("sum(i, j) exp(-(x[i] - y[j])^2)", "sum(exp(-(x - y').^2))",
     lambda v: jnp.sum(jnp.exp(-((v["x"][:, None] - v["y"]) ** 2)))),
    ("sum(i ≠ j) A[i,j] x[i] x[j]", "x' A x - (diag(A) .* x)' x",
     lambda v: e("i,ij,j", v["x"], v["A"] * (1 - jnp.eye(3)), v["x"])),
    ("sum(i, j) A[i,j] x[j] - sum(i) A[i,i]", "sum(A x) - tr(A)",
     lambda v: jnp.sum(v["A"] @ v["x"]) - jnp.trace(v["A"])),
    ("-sum(i, c) Y[i,c] log(exp(Z[i,c]) / sum(l) exp(Z[i,l]))",
     "-sum(Y .* log(exp(Z) ./ sum(exp(Z), axis=1)))",
     lambda v: -jnp.sum(v["Y"] * jax.nn.log_softmax(v["Z"], 1))),
    ("sum(i) log(sum(c) exp(Z[i,c]))", "sum(log(sum(exp(Z), axis=1)))",
     lambda v: jnp.sum(jax.nn.logsumexp(v["Z"], 1))),
    ("sum(i) max(j) X[i,j]", "sum(max(X, axis=1))", lambda v: jnp.sum(jnp.max(v["X"], 1))),
    ("max(j) sum(i) X[i,j]^2", "max(sum(X.^2, axis=0)')",
     lambda v: jnp.max(jnp.sum(v["X"] ** 2, 0))),
    ("mean(i, j) X[i,j]^2", "mean(X.^2)", lambda v: jnp.mean(v["X"] ** 2)),
    ("prod(i) x[i]", "det(diag(x))", lambda v: jnp.prod(v["x"])),
    ("sum(i) norm(X[i,:])", "sum(sqrt(sum(X.^2, axis=1)))",
     lambda v: jnp.sum(jnp.linalg.norm(v["X"], axis=1))),
    ("sum(i) X[i,:] A X[i,:]'", "tr(X' X A)", lambda v: e("ij,jl,il", v["X"], v["A"], v["X"])),
    ("sum(i, j) δ[i,j] A[i,j] x[i]", "diag(A)' x", lambda v: e("ii,i", v["A"], v["x"])),
    ("sum(i) x[i] sum(j) A[i,j] y[j]", "x' A y", lambda v: v["x"] @ v["A"] @ v["y"]),
    ("sum(i, j, l) A[i,j] A[j,l] A[i,l]", "tr(A A A')",
     lambda v: e("ij,jl,il", v["A"], v["A"], v["A"])),
    ("sum(i, j, l) x[i] A[i,j] B[j,l] y[l]", "x' A B y",
     lambda v: v["x"] @ v["A"] @ v["B"] @ v["y"]),
    ("sum(j, i) X[i,j] r[i]", "sum(X' r)", lambda v: jnp.sum(v["r"] @ v["X"])),
    ("sum(i, j) r[i] X[i,j] w[j] y[j]", "r' X (w .* y)",
     lambda v: v["r"] @ v["X"] @ (v["w"] * v["y"])),
    ("sum(i, j, l) A[i,j] x[j] B[j,l]", "sum(A (x .* sum(B, axis=1)))",
     lambda v: e("ij,j,jl->", v["A"], v["x"], v["B"])),
    ("sum(i) x[i] / sum(j) exp(y[j])", "sum(x) / sum(exp(y))",
     lambda v: jnp.sum(v["x"]) / jnp.sum(jnp.exp(v["y"]))),
    ("sum(i) (x[i] - mean(j) x[j])^2 / n", "sum((x - mean(x)).^2) / n",
     lambda v: jnp.var(v["x"])),
    ("sum(i, j) tanh(A[i,j] + x[i] - y[j])", "sum(tanh(A + x - y'))",
     lambda v: jnp.sum(jnp.tanh(v["A"] + v["x"][:, None] - v["y"]))),
    ("sum(i, j) maximum(0, 1 - r[i] X[i,j])", "sum(maximum(0, 1 - r .* X))",
     lambda v: jnp.sum(jnp.maximum(0, 1 - v["r"][:, None] * v["X"]))),
    ("sum(i) sigmoid(x[i]) y[i]^2", "sigmoid(x)' y.^2",
     lambda v: jnp.sum(jax.nn.sigmoid(v["x"]) * v["y"] ** 2)),
    ("sum(j) (sum(i) X[i,j])^2", "sum(sum(X, axis=0)'.^2)",
     lambda v: jnp.sum(jnp.sum(v["X"], 0) ** 2)),
    ("log(sum(i) exp(x[i])) + 3 sum(i) y[i]", "log(sum(exp(x))) + 3 sum(y)",
     lambda v: jax.nn.logsumexp(v["x"]) + 3 * jnp.sum(v["y"])),
    ("sum(i) softmax(Z[i,:]) Y[i,:]'", "sum(softmax(Z, axis=1) .* Y)",
     lambda v: jnp.sum(jax.nn.softmax(v["Z"], 1) * v["Y"])),
    ("sum(i, j) abs(x[i] - x[j])", "sum(abs(x - x'))",
     lambda v: jnp.sum(jnp.abs(v["x"][:, None] - v["x"]))),
    ("sum(i ≠ j) 1 / (x[i] - x[j])^2", "sum((x - x' + eye(n)).^-2) - n",
     lambda v: jnp.sum((v["x"][:, None] - v["x"] + jnp.eye(3)) ** -2.0) - 3),
    ("sum(i, j, l) A[i,j] (B[j,l] + x[i])", "sum(A sum(B, axis=1)) + n x' sum(A, axis=1)",
     lambda v: jnp.sum(v["A"][:, :, None] * (v["B"] + v["x"][:, None, None]))),
]  # fmt: skip


@pytest.mark.parametrize(("typed", "form", "value"), SUMS, ids=[s[0] for s in SUMS])
def test_sums_are_read_into_matrix_notation(
    typed: str, form: str, value: Callable[[Mapping[str, jax.Array]], jax.Array]
) -> None:
    """It is read as the textbook's form, and the gradients are those of JAX's loops."""
    problem = shapetrick.read(DECLARED + f"f = {typed}")
    assert _value(f"f = {typed}") is _value(f"f = {form}")
    with jax.enable_x64(True):
        rng = np.random.default_rng(7)
        given = {n: rng.uniform(0.2, 1.5, [SIZES[d] for d in dims]) for n, dims in NAMES.items()}
        arrays = {name: jnp.asarray(a) for name, a in given.items()}
        (d, *_) = problem.only(problem.data.requests[0].wrt.name).derive()
        wanted = jax.grad(lambda a: value({**arrays, d.wrt: a}))(arrays[d.wrt])
        found = d.evaluate({e.name: given[e.name] for e in symbols_of(d.gradient)}, **SIZES)
        assert d.verified
        np.testing.assert_allclose(np.asarray(found).reshape(wanted.shape), wanted, 1e-9, 1e-9)


def _value(text: str, declared: str = DECLARED) -> Expr:
    (body,) = read(declared + text).definitions["f"].args
    return body
