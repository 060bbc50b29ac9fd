"""Index notation: what it is read as, that this has the same values, and what is refused."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import examples

import shapetrick
from shapetrick.core.errors import InputError, ShapetrickError
from shapetrick.core.expr import Expr
from shapetrick.core.traversal import symbols_of
from shapetrick.language.elaboration import read
from shapetrick.language.printer import to_text

DECLARED = """x, y : n
A, B, W : n x n
X : m x n
Y, Z : m x k
r : m
w : n
u : 2 k
kernel(a, b) = exp(-norm(a - b)^2)
square_or_slope(t) = where(t > 0, t, t^2)
"""
SIZES = {"m": 4, "n": 3, "k": 2}
EXTENTS = {**SIZES, "2 k": 4}
NAMES: Mapping[str, tuple[str, ...]] = {
    "x": ("n",), "y": ("n",), "w": ("n",), "r": ("m",), "A": ("n", "n"), "B": ("n", "n"),
    "W": ("n", "n"), "u": ("2 k",), "X": ("m", "n"), "Y": ("m", "k"), "Z": ("m", "k"),
}  # fmt: skip


# -------------------------------------------------------------------------------- the same values

e = jnp.einsum
# What is typed, what it is read as, and the same in JAX, of a mapping of arrays.
SUMS: list[tuple[str, str, Callable[[Mapping[str, jax.Array]], jax.Array]]] = [
    ("sum(i) sum(j = 1..i) A[i,j] x[j]", "sum(upper(x .* A'))",
     lambda v: jnp.sum(jnp.tril(v["A"]) @ v["x"])),
    ("sum(i = 1..n, j = i+1..n) A[i,j] x[i]",
     "sum(sum(lower(A' .* x'), axis=0)' - diag(A) .* x)",
     lambda v: v["x"] @ jnp.sum(jnp.triu(v["A"], 1), 1)),
    ("sum(i = 1..n-1) sum(j = i+1..n) A[i,j]", "sum(sum(lower(A'), axis=0)' - diag(A))",
     lambda v: jnp.sum(jnp.triu(v["A"], 1))),
    ("sum(i = 2..n) sum(j < i) A[i,j]", "sum(sum(upper(A'), axis=0)' - diag(A))",
     lambda v: jnp.sum(jnp.tril(v["A"], -1))),
    ("sum(i) log(sum(j ≥ i) exp(x[j]))", "sum(log(lower(ones(n, n))' exp(x)))",
     lambda v: jnp.sum(jnp.log(jnp.triu(jnp.ones((3, 3))) @ jnp.exp(v["x"])))),
    ("sum(i) w[i] sum(j <= i) X[1,j]", "w' (upper(ones(n, n))' X[1,:]')",
     lambda v: v["w"] @ jnp.cumsum(v["X"][0])),
    ("sum(i) max(j ≠ i) A[i,j]", "sum(max(A - 1000000000 eye(n), axis=1))",
     lambda v: jnp.sum(jnp.max(v["A"] - 9e9 * jnp.eye(3), 1))),
    ("sum(i) min(j <= i) A[i,j] x[j]",
     "sum(min(A .* x' + 1000000000 (1 - upper(ones(n, n)))', axis=1))",
     lambda v: jnp.sum(jnp.min(v["A"] * v["x"] + 9e9 * jnp.triu(jnp.ones((3, 3)), 1), 1))),
    ("max(i < j) A[i,j]", "max(A - 1000000000 (1 - upper(ones(n, n)) + eye(n)))",
     lambda v: jnp.max(v["A"] - 9e9 * jnp.tril(jnp.ones((3, 3))))),
    ("sum(i) mean(j ≠ i) A[i,j]^2", "sum(sum(A.^2, axis=1) - diag(A).^2) / (n - 1)",
     lambda v: (jnp.sum(v["A"] ** 2) - jnp.sum(jnp.diag(v["A"]) ** 2)) / 2),
    ("sum(i) y[i] mean(j ≤ i) x[j]",
     "(y ./ sum(upper(ones(n, n)), axis=0)')' upper(ones(n, n))' x",
     lambda v: v["y"] @ (jnp.cumsum(v["x"]) / jnp.arange(1, 4))),
    ("sum(i = 1..n) (sum(j = 1..i) w[j])^2 / i",
     "sum((upper(ones(n, n))' w).^2 ./ cumsum(ones(n)))",
     lambda v: jnp.sum(jnp.cumsum(v["w"]) ** 2 / jnp.arange(1, 4))),
    ("sum(i = 1..k) u[2 i] u[2 i - 1]",
     "unvec(u[1..2 k], 2, k)[2,:] unvec(u[1..2 k], 2, k)[1,:]'",
     lambda v: jnp.sum(v["u"][1::2] * v["u"][::2])),
    ("sum(i = 1..k-1) u[2 i + 1] - sum(i = 2..k) u[2 i]^2",
     "sum(unvec(u[2..2 k-1], 2, k - 1)[2,:]') - sum(unvec(u[3..2 k], 2, k - 1)[2,:]'.^2)",
     lambda v: jnp.sum(v["u"][2::2]) - jnp.sum(v["u"][3::2] ** 2)),
    ("sum(i) square_or_slope(r[i])", "sum(step(r) .* r + (1 - step(r)) .* r.^2)",
     lambda v: jnp.sum(jnp.where(v["r"] > 0, v["r"], v["r"] ** 2))),
    ("sum(i) clip(x[i], 0, 1)^2", "sum(minimum(maximum(x, 0), 1).^2)",
     lambda v: jnp.sum(jnp.clip(v["x"], 0, 1) ** 2)),
    ("sum(i, j) kernel(X[i,:], X[j,:])",
     "sum(exp(-sum(X.^2, axis=1) + 2 X X' - sum(X.^2, axis=1)'))",
     lambda v: jnp.sum(jnp.exp(-jnp.sum((v["X"][:, None] - v["X"]) ** 2, -1)))),
    ("sum(i) (kernel(x[i], w[i]) + kernel(x[1], 1))", "sum(exp(-(x - w).^2) + kernel(x[1], 1))",
     lambda v: jnp.sum(jnp.exp(-((v["x"] - v["w"]) ** 2)))
     + 3 * jnp.exp(-((v["x"][0] - 1) ** 2))),
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
    ("sum(i) y[i] prod(j ≠ i) (2 - x[j])",
     "y' prod((1 - eye(n)) .* (2 - x)' + eye(n), axis=1)",
     lambda v: v["y"] @ jnp.prod(jnp.where(jnp.eye(3) > 0, 1, 2 - v["x"]), 1)),
    ("prod(i < j) (1 + A[i,j])",
     "prod((1 + A) .* (upper(ones(n, n)) - eye(n)) + 1 - upper(ones(n, n)) + eye(n))",
     lambda v: jnp.prod(jnp.where(jnp.triu(jnp.ones((3, 3)), 1) > 0, 1 + v["A"], 1))),
    ("sum(i, j) w[i] y[j] / (1 + abs(x[i] - x[j]))", "w' (1 ./ (1 + abs(x - x'))) y",
     lambda v: v["w"] @ (1 / (1 + jnp.abs(v["x"][:, None] - v["x"]))) @ v["y"]),
    ("prod(i) x[i]", "prod(x)", lambda v: jnp.prod(v["x"])),
    ("sum(i, j) W[i,j] norm(X[:,i] - X[:,j])",
     "sum(W .* sqrt(sum(X.^2, axis=0)' - 2 X' X + sum(X.^2, axis=0) + eye(n))) - tr(W)",
     lambda v: jnp.sum(v["W"] * jnp.sqrt(1e-30 + jnp.sum(
         (v["X"][:, :, None] - v["X"][:, None]) ** 2, 0)))),
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
    ("sum(i) i x[i]^2 / (1 + i)", "(cumsum(ones(n)) ./ (1 + cumsum(ones(n))))' x.^2",
     lambda v: v["x"] ** 2 @ (jnp.arange(1, 4) / jnp.arange(2, 5))),
    ("sum(i = 2..n) r[1]^(i-1) x[i]", "(r[1].^cumsum(ones(n - 1)))' x[2..n]",
     lambda v: v["r"][0] * v["x"][1] + v["r"][0] ** 2 * v["x"][2]),
    ("sum(i < j) (j - i) A[i,j]", "sum(upper((cumsum(ones(n))' - cumsum(ones(n))) .* A))",
     lambda v: v["A"][0, 1] + v["A"][1, 2] + 2 * v["A"][0, 2]),
    ("sum(i) exp(x[i] y[n+1-i])", "sum(exp(x .* flip(y)))",
     lambda v: jnp.sum(jnp.exp(v["x"] * v["y"][::-1]))),
    ("sum(i, j) X[m+1-i,j] r[i] w[n+1-j]", "r' flip(X, axis=0) flip(w)",
     lambda v: v["r"] @ v["X"][::-1] @ v["w"][::-1]),
    ("sum(i = 1..n-1) i x[i+1] y[n-i]", "(cumsum(ones(n - 1)) .* x[2..n])' flip(y[1..n-1])",
     lambda v: v["x"][1] * v["y"][1] + 2 * v["x"][2] * v["y"][0]),
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
        given = {n: rng.uniform(0.2, 1.5, [EXTENTS[d] for d in dims]) for n, dims in NAMES.items()}
        arrays = {name: jnp.asarray(a) for name, a in given.items()}
        (d, *_) = problem.only(problem.data.requests[0].wrt.name).derive()
        wanted = jax.grad(lambda a: value({**arrays, d.wrt: a}))(arrays[d.wrt])
        found = d.evaluate({e.name: given[e.name] for e in symbols_of(d.gradient)}, **SIZES)
        assert d.verified
        np.testing.assert_allclose(np.asarray(found).reshape(wanted.shape), wanted, 1e-9, 1e-9)


# ------------------------------------------------------------------------------ as people write it

SPELLED = [
    ("f = ∑_i x_i^2", "f = sum(x.^2)"),
    ("f = ∑ᵢ xᵢ²", "f = sum(x.^2)"),
    ("f = Σ_i x_i", "f = sum(x)"),
    ("f = sum_i x_i", "f = sum(x)"),
    ("f = sum_ij x_i A_ij x_j", "f = x' A x"),
    ("f = sum_{i,j} x_i A_{ij} x_{j}", "f = x' A x"),
    ("f = ∑_{i=1}^{n} x_i y_i", "f = x' y"),
    ("f = sum_{i,j=1}^n A_{i,j}", "f = sum(A)"),
    ("f = sum(i = 1..n, j = 1..n) A[i,j]", "f = sum(A)"),
    ("f = max(i, j) A[i,j]", "f = max(A)"),
    ("f = sum_{i≠j} A_ij", "f = sum(A) - tr(A)"),
    ("f = ∑_{i,j: i≠j} A_ij", "f = sum(A) - tr(A)"),
    ("f = sum(i = 1..n, j = 1..n, i ≠ j) A[i,j]", "f = sum(A) - tr(A)"),
    ("f = sum_i sum_{j=1, j≠i}^n A_ij", "f = sum(sum(A, axis=1) - diag(A))"),
    ("f = ∑_{i=1,…,n} x_i", "f = sum(x)"), ("f = ∑_{i∈{1,…,n}} x_i", "f = sum(x)"),
    ("f = max_{1≤i≤n} x_i", "f = max(x)"), ("f = sum(i) sum_{j∈[n]} A_ij", "f = sum(A)"),
    (r"$f = \sum_{\substack{i,j=1\\ i\neq j}}^{n} A_{ij}$", "f = sum(A) - tr(A)"),
    (r"$f = \sum_i \sum_{\substack{j=1 \\ j\ne i}}^{n} A_{ij}$",
     "f = sum(sum(A, axis=1) - diag(A))"),
    (r"$f = \max_{1\le i\le n} x_i + \min_{i\in\{1,\dots,n\}} x_i$", "f = max(x) + min(x)"),
    ("f = sum(i < j) A[i,j]", "f = sum(upper(A)) - tr(A)"),
    ("f = sum_{i=2}^{n-1} (x_{i-1} - 2 x_i + x_{i+1})^2",
     "f = sum((x[1..n-2] - 2 x[2..n-1] + x[3..n]).^2)"),
    ("f = sum_{i=2}^m sum_j X_{i-1,j} X_{ij}", "f = sum(X[1..m-1,:] .* X[2..m,:])"),
    ("f = sum_{i<j} (x_i - x_j)^2", "f = n x' x - sum(x)^2"),
    ("f = sum_{i<j} W_ij (x_i - x_j)^2", "f = sum(upper(W .* (x - x').^2))"),
    ("f = sum(i > j) log(abs(x[i] - x[j]))", "f = sum(log(abs(x - x') + eye(n))) / 2"),
    ("S : n x n symmetric; f = sum(i < j) S[i,j] (x[i] - x[j])^2",
     "S : n x n symmetric; f = (x.^2)' sum(S, axis=1) / 2 - x' S x + sum(S x.^2) / 2"),
    ("f = sum(i < j) norm(X[i,:] - X[j,:])", "f = (sum(sqrt(sum(X.^2, axis=1) - 2 X X' "
     "+ sum(X.^2, axis=1)' + eye(m))) - m) / 2"),
    ("f = sum(i ≠ j) norm(X[:,i] - X[:,j])",
     "f = sum(sqrt(sum(X.^2, axis=0)' - 2 X' X + sum(X.^2, axis=0) + eye(n))) - n"),
    ("f = A_11 + A_{2,3}", "f = A[1,1] + A[2,3]"),
    ("f = sum_i (X w)_i^2", "f = sum((X w).^2)"),
    ("f = sum(i) r_i X_{i,:} w", "f = r' (X w)"),
    ("f = ∑_i inv(A)[i,i]", "f = tr(inv(A))"),
    ("f = 1/n sum_i x_i + sum(y)", "f = 1/n sum(x) + sum(y)"),
    ("f = sum(i) A[i,1] x[i] + x_2", "f = A[:,1]' x + x[2]"),
    ("q[i] = sum(j) X[i,j] w[j]; f = sum(i) q[i]^2", "q = X w; f = sum(q.^2)"),
    ("q_i = sum_j A_ij x_j; f = sum_i q_i", "q = A x; f = sum(q)"),
    ("P[i,c] = exp(Z[i,c]) / sum(l) exp(Z[i,l]); f = -sum(i, c) Y[i,c] log(P[i,c])",
     "P = exp(Z) ./ sum(exp(Z), axis=1); f = -sum(Y .* log(P))"),
    ("C[i,l] = sum(j) A[i,j] B[j,l]; f = tr(C)", "C = A B; f = tr(C)"),
    ("D[i,j] = (x[i] - x[j])^2; f = sum(D)", "D = (x - x').^2; f = sum(D)"),
    ("v[i] = x[i] for i = 1..n; f = sum(v)", "v = x; f = sum(v)"),
    ("p_i = tanh(A x + X_{1,:}' x_i); f = sum(i) p_i' A p_i",
     "P = tanh(x' A' + x X[1,:]); f = tr(P' P A)"),
    ("q_i = X w + r w_i; h_i = exp(q_i); f = sum(i, j) norm(h_i - h_j)^2",
     "Q = w' X' + w r'; H = exp(Q); f = 2 n sum(H.^2) - 2 sum(H sum(H, axis=0)')"),
    ("g(a) = sum(i) a_i^2; f = g(x) + g(y)", "f = sum(x.^2) + sum(y.^2)"),
    ("g(x) = sum(i = 1..n-1) (x[i+1] - x_i)^2; f = g(y)", "f = sum((y[2..n] - y[1..n-1]).^2)"),
    ("q(i) = sum(j) A[i,j] x[j]; f = sum(i) q(i)^2 + q(1)", "q = A x; f = sum(q.^2) + q[1]"),
    ("D(i, j) = (x_i - y_j)^2; f = sum(i, j) A_ij D(i, j)", "D = (x - y').^2; f = sum(A .* D)"),
    ("f = sum(i = 1..n-1) (x[i+1] - x[i])^2", "f = sum((x[2..n] - x[1..n-1]).^2)"),
    ("d[i] = x[i+1] - x[i] for i = 1..n-1; f = sum(d)", "d = x[2..n] - x[1..n-1]; f = sum(d)"),
    ("f = sum(i = 2..m) sum(j) abs(X[i,j] - X[i-1,j])", "f = sum(abs(X[2..m,:] - X[1..m-1,:]))"),
    (r"$f = \sum_{i=1}^{n-1} (x_{i+1} - x_i)^2$", "f = sum((x[2..n] - x[1..n-1]).^2)"),
    (r"$f = \sum_{i=1}^{m} (r_i - \sum_{j=1}^{n} X_{ij} w_j)^2$", "f = sum((r - X w).^2)"),
    (r"$f = \sum_{i=1}^{m} (r_i - X_{i,:} w)^2$", "f = sum((r - X w).^2)"),
    (r"$f = \sum_{i \neq j} A_{ij} \delta_{ij}$", "f = 0"),
    (r"$f = \max_i x_i + \sum_{i,j} A_{ij} (x_i - x_j)$", "f = max(x) + sum(A .* (x - x'))"),
    (r"$f = \sum_{t=1}^{n} t \, x_{n+1-t}$", "f = cumsum(ones(n))' flip(x)"),
    (r"$f = \sum_{i=1}^{m-1}\sum_{j=1}^{n} (X_{i+1,j} - X_{i,j})^2$",
     "f = sum((X[2..m,:] - X[1..m-1,:]).^2)"),
    (r"$f = \|x_{2:n} - x_{1:n-1}\|^2 + \|X_{:,2:n}\|_F^2$",
     "f = norm(x[2..n] - x[1..n-1])^2 + norm(X[:,2..n])^2"),
    ("f = sum(i = 1..n-5) x[i+1] x[i]", "f = x[2..n-4]' x[1..n-5]"),
    ("q[i] = x[i] / i; f = sum(q)", "q = x ./ cumsum(ones(n)); f = sum(q)"),
    (r"$f = \sum_i \log(1 + e^{-r_i (Xw)_i})$", "f = sum(log(1 + exp(-(r .* (X w)))))"),
    (r"$q_i = \sum_j A_{ij} x_j \\ f = \sum_i q_i^2$", "q = A x; f = sum(q.^2)"),
]  # fmt: skip


@pytest.mark.parametrize(("typed", "plain"), SPELLED, ids=[s[0] for s in SPELLED])
def test_spellings_mean_the_same(typed: str, plain: str) -> None:
    assert _value(typed) is _value(plain)


def test_a_row_of_a_matrix_is_an_example() -> None:
    """`x_i` beside X alone is row i as a column, and that is said."""
    problem = read("X : m x d; w : d; y : m; J = sum(i) (y_i - w' x_i)^2")
    said = "`x_i` is read as `X[i,:]'`, a row as a column."
    assert said in problem.readings
    (body,) = problem.definitions["J"].args
    assert to_text(body) == "sum((y - X w).^2)"


def test_dimensions_that_are_large_numbers_are_tried_at_small_ones() -> None:
    declared = "X : 1000 x 784; W : 784 x 10; Y : 1000 x 10\n"
    typed = "f = sum(i, c) (Y[i,c] - sum(j) X[i,j] W[j,c])^2"
    assert _value(typed, declared) is _value("f = sum((Y - X W).^2)", declared)


def test_what_was_read_is_the_first_line() -> None:
    problem = read("x : n; A : n x n; f = sum(i, j) x[i] A[i,j] x[j]")
    assert problem.readings[0] == "`sum(i, j) x[i] A[i,j] x[j]` is read as `x' A x`."


@pytest.mark.parametrize(
    ("claim", "verdict"),
    [("A x + sum(j) A[j,:]' x[j]", "right"), ("sum(j) A[:,j] x[j]", "wrong")],
)
def test_claims_with_indices_are_judged(claim: str, verdict: str) -> None:
    text = f"x : n; A : n x n; f = sum(i, j) x[i] A[i,j] x[j]; check grad f wrt x = {claim}"
    check = shapetrick.check(text)
    assert check.verdict == verdict


@pytest.mark.parametrize(
    ("claim", "verdict"),
    [
        ("check ∂f/∂A_ij = x_i x_j", "right"),
        ("check ∂f/∂A[i,j] = x[i] x[j]", "right"),
        ("check grad f wrt A[i,j] = x[i] x[j]", "right"),
        ("check ∂f/∂A_ij = 2 x_i x_j", "wrong"),
        ("check ∂f/∂x_k = sum(j) (A[k,j] + A[j,k]) x[j]", "right"),
        ("check grad f wrt x = sum(j) (A[i,j] + A[j,i]) x[j]", "right"),
        ("check grad f wrt x = sum(j) A[i,j] x[j]", "wrong"),
        ("check ∂f/∂x_k = sum(j) A[j,k] x[j]", "wrong"),
        ("$\\frac{\\partial f}{\\partial A_{ij}} = x_i x_j$", "right"),
        ("check ∂s_i/∂x_j = s_i (δ_ij - s_j)", "right"),
        ("check ∂s[i]/∂x[j] = s[i] (δ[i,j] - s[i])", "wrong"),
        ("$\\frac{\\partial s_i}{\\partial x_j} = s_i(\\delta_{ij} - s_j)$", "right"),
        ("check ∂g/∂a_i = 2 sum(j) x_j a_j x_i", "right"),
        ("check ∂g/∂a_j = 2 x_j a_j", "wrong"),
        ("$\\nabla_{a_k} g = 2 x_k \\sum_j x_j a_j$", "right"),
        ("check ∂q/∂b_k = 2 sum(i) (U B)[i,k] u_i", "right"),  # of columns
    ],
)
def test_claims_by_entries_are_judged_as_a_whole(claim: str, verdict: str) -> None:
    given = "A : n x n; x : n; U : m x d; B : d x k0; s = softmax(x); g = norm(A' x)^2"
    more = "q = sum((U B).^2); f = x' A x"
    (check,) = shapetrick.read(f"{given}; {more}\n{claim}").check()
    assert check.verdict == verdict


def test_a_claim_by_entries_is_mended() -> None:
    check = shapetrick.check("A : n x n; x : n; f = x' A x; check ∂f/∂A_ij = 2 x_i x_j")
    assert "right but for a factor 2" in check.diagnosis
    symmetric = shapetrick.check(
        "A : n x n; x : n; f = x' A x; check grad f wrt x = 2 sum(j) A[i,j] x[j]"
    )
    assert "right only where A is symmetric" in symmetric.diagnosis


@pytest.mark.parametrize("asked", ["∂f/∂A_ij", "grad f wrt A[i,j]", "check ∂f/∂A[i,i] = x[i]^2"])
def test_an_entry_alone_is_not_asked_for(asked: str) -> None:
    with pytest.raises(shapetrick.RequestError, match="as a whole"):
        shapetrick.read(f"A : n x n; x : n; f = x' A x; {asked}")


def test_families_keep_their_members() -> None:
    problem = read("x[i] : d for i = 1..N; w : d; J = sum(i = 1..N) w' x[i]; grad J wrt x[i]")
    assert problem.has_families
    assert not problem.readings


# ------------------------------------------------------------------------------ what is no matrix

REFUSED = [
    ("f = sum(i) A[i] x[i]", "has two indices: `A[i,:]` is a row, `A[:,i]` a column"),
    ("f = sum(i) A_i x_i", "has two indices: `A[i,:]` is a row"),
    ("f = x[i] y[i]", "nothing binds the index `i`: write `sum(i) …`"),
    ("f = sum(i) A[i,j]", "nothing binds the index `j`"),
    ("f = sum(i) x[i] + y[i]", "nothing binds the index `i`"),
    ("f = sum(i) r[i] x[i]", "`i` runs over m in one place and over n"),
    ("f = sum(k) Y[i,k]", "`k` is a dimension here"),
    ("f = sum(r) A[r,i]", "`r` is declared here"),
    ("g(x) = sum(i) x_i^2; f = g(2 y)", "`g` takes entries of its arguments"),
    ("f = sum(i) w(i+1)[i]", "take entries of that"),
    ("q[i] = i", "nothing tells over what `i` runs"),
    ("f = sum(i) x[i] x[n+2-i]", "the entries from behind are those at `n+1-i`"),
    ("f = sum(i = 1..m) x[i]", "`i` runs over 1..n in what is summed, and not over 1..m"),
    ("f = sum(i = 1..3) x[i]", "as in `y = x[1..3]`"),
    ("v[i] = x[i] for i = 1..m; f = sum(v)", "and not over 1..m"),
    ("f = sum(i, j) x[i]", "has the index `j`: all its terms are equal"),
    ("f = sum(i, i) x[i]^2", "`i` stands twice in what this sum runs over"),
    ("f = sum(i) sum(i) x[i]^2", "nothing behind this has the index `i`"),
    ("f = sum_k x_i", "has the index `k`"),
    (r"$f = \mathbb{E}_{a \sim \pi}[x_a]$", r"`\sum_i p_i f_i`"),
    ("f = sum(i) det(X[i,:]' X[i,:])", "`det` of what has an index has no matrix form"),
    ("f = sum(i) x[i,j,l]", "nothing binds the index `j`"),
    ("f = sum(i, j, l) A[i,j,l]", "it has no entries with an index"),
    ("q[i] = sum(j) A[j,l] x[j]", "nothing binds the index `l`"),
    ("q[i] = A[i,:]", "the right side is no number for each of the indices"),
    ("b_i = A x + x_i", "and `B`, the matrix whose rows"),
    ("q[i,j] = x[i]", "the right side has no index `j`"),
    ("q[k] = x[k]", "`k` has a meaning already"),
    ("f = sum(i ≠ j) X[i,j]", "they can't be compared"),
    ("f = sum(i) max(j < i) x[j]", "for one `i` there is no `j < i`"),
    ("f = sum(i = 2..n) max(j = 1..i) A[i,j]", "another index is compared with it"),
    ("f = sum(i = 2..n, j = i..n) A[i,j]", "and sum `v[2..n]`"),
    ("f = sum(i = 1..n-1, j = 1..i) A[i,j]", "and sum `v[1..n-1]`"),
    ("f = sum(i = 2..n) mean(j = 1..i) x[j]", "by its entries, `v[i] = …`"),
    ("f = sum(i = 1..n-1) sum(j ≠ i) A[i,j]", "another index is compared with it"),
    ("f = sum(i = 1..n-1) exp(sum(j > i) A[i,j])", "another index is compared with it"),
    ("f = mean(i = 1..n-1) sum(j > i) A[i,j]", "another index is compared with it"),
    ("v[i] = sum(j < i) A[i,j] for i = 2..n; f = sum(v)", "another index is compared with it"),
    ("f = sum(i) mean(j < i) x[j]", "for one `i` there is no `j < i`"),
    ("f = sum(i = 2..n) sum(j > i) A[i,j]", "another index is compared with it"),
    ("f = sum(i = 1..k) A[1,2 i]", "steps are read of a column"),
    ("f = sum(i) u[2 i]", "needs the range of its letter"),
    ("f = sum(i ≠ 1) x[i]", "`sum(i) x[i] - x[1]`"),
    ("f = sum_{(i,j)∈E} A_ij", "has ones in a matrix or column of zeros"),
    ("f = sum(i = 0..n-1) x[i]", "counted from 1, not from 0"),
    ("f = sum_{i,j,k: i≠j} A_ij", "a sum over indices is"),
    ("f = sum(i) (x[i] - x_bar)^2", "`x_bar = mean(x)`"),
    ("f = sum(i) (q_i - w_i)^2", "numbers `q_i` are entries of `q : n`"),
    ("f = sum(i, j) (ratings_ij - w_i)^2", "`ratings_ij` are entries of `ratings : m x n`"),
    ("f = sum(i) (labels_i - 1)^2", "columns `labels_i` rows of `Labels : m x n`"),
    ("f = sum(i) v x[i]", "the shape of `v` is not declared"),
    ("f = sum(i) x[i+1] x[i]", "needs the range of its letter"),
    ("f = sum(i) X[i,:] X[i,:]", "is no matrix product"),
    ("f = sum(i, j, l) exp(A[i,j] + B[j,l])", "has no matrix form"),
    ("f = sum(i, j, l) A[i,j] A[j,l] A[i,l] exp(x[i] + x[j] + x[l])", "is one too many"),
    ("f = sum(i, j, l, q) A[i,j] A[i,l] A[i,q] A[j,l] A[j,q] A[l,q]", "is one too many"),
    ("f = sum(i) x[i]; grad f wrt x[i]", "its derivative is asked for as a whole, by `x`"),
    ("f = sum(i) 1 / (x[i] - x[i])", "a division by 0"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "said"), REFUSED, ids=[r[0] for r in REFUSED])
def test_what_has_no_matrix_form_is_refused(text: str, said: str) -> None:
    with pytest.raises(InputError) as refused:
        read(DECLARED + text)
    assert said in refused.value.message
    assert refused.value.span is not None
    assert refused.value.text


def test_a_name_that_is_plain_and_a_family_is_refused() -> None:
    with pytest.raises(InputError):
        read("x : n; x[i] : d for i = 1..N; J = sum(i) x[i]")


def test_what_is_nested_deeply_is_refused_in_time() -> None:
    deep = "(" * 200 + "x[i]" + " + 1)^2" * 200
    with pytest.raises(ShapetrickError, match="levels of sums and brackets"):
        read(DECLARED + f"f = sum(i) {deep}")


# ------------------------------------------------------------------------- any sum has its values


@st.composite
def terms(draw: st.DrawFn, letters: tuple[str, ...]) -> str:
    """A product of entries and functions of them, over these letters of size n."""
    count = draw(st.integers(1, 4))
    return " ".join(draw(factors(letters)) for _ in range(count))


@st.composite
def factors(draw: st.DrawFn, letters: tuple[str, ...]) -> str:
    a, b = draw(st.sampled_from(letters)), draw(st.sampled_from(letters))
    entries = [f"x[{a}]", f"y[{a}]", f"A[{a},{b}]", f"B[{b},{a}]", f"δ[{a},{b}]"]
    e = draw(st.sampled_from(entries))
    return draw(st.sampled_from([e, e, f"tanh({e})", f"({e} + x[{a}])", f"({e} - y[{b}])^2"]))


@given(st.data())
@examples(60)
def test_random_sums_have_the_values_of_their_loops(data: st.DataObject) -> None:
    letters = ("i", "j", "l")[: data.draw(st.integers(1, 3))]
    body = data.draw(terms(letters))
    summed = [s for s in letters if f"[{s}" in body or f",{s}]" in body]
    typed = f"sum({', '.join(summed)}) {body}"
    try:
        value = _value(f"f = {typed}")
    except InputError as refused:
        assert "one too many" in refused.message or "nothing tells" in refused.message, typed
        return
    rng = np.random.default_rng(3)
    arrays = {name: rng.normal(size=(3, 3 if name in "AB" else 1)) for name in "xyAB"}
    found = np.asarray(shapetrick.evaluate(value, arrays, n=3))
    places = itertools.product(range(3), repeat=len(summed))
    wanted = sum(_looped(body, dict(zip(summed, p, strict=True)), arrays) for p in places)
    np.testing.assert_allclose(found.item(), wanted, 1e-9, 1e-9)


def _looped(body: str, places: Mapping[str, int], arrays: Mapping[str, np.ndarray]) -> float:
    """The value of a text at some places, by Python itself."""
    written = re.sub(r"([xy])\[(\w)\]", r"\1[\2,0]", body).replace("δ", "D").replace("^", "**")
    written = re.sub(r"(?<=[\])\d]) (?=[\w(])", " * ", written)
    names = {**arrays, "D": np.eye(3), "tanh": math.tanh}
    return float(eval(compile(written, "body", "eval"), {**names, **places}))


WHOLE = range(3)
OUTER = {"": WHOLE, " = 2..n": range(1, 3), " = 1..n-1": range(2)}
INNER: dict[str, Callable[[int], list[int]]] = {
    "j": lambda _: [*WHOLE],
    "j = 1..i": lambda i: [*range(i + 1)],
    "j = i..n": lambda i: [*range(i, 3)],
    "j < i": lambda i: [*range(i)],
    "j > i": lambda i: [*range(i + 1, 3)],
    "j ≠ i": lambda i: [j for j in WHOLE if j != i],
    "j = 2..n": lambda _: [1, 2],
}
FOLDS: dict[str, Callable[[list[float]], float]] = {
    **{"sum": sum, "max": max, "prod": math.prod, "mean": lambda v: sum(v) / len(v)}
}


@given(st.data())
@examples(60)
def test_parts_of_ranges_have_the_values_of_their_loops(data: st.DataObject) -> None:
    fold, over = (data.draw(st.sampled_from([*names])) for names in (FOLDS, OUTER))
    inner, among = (data.draw(st.sampled_from([*names])) for names in (FOLDS, INNER))
    body, around = data.draw(factors(("i", "j"))), data.draw(st.sampled_from(["{}", "tanh({})"]))
    typed = f"{fold}(i{over}) {around.format(f'{inner}({among}) {body}')}"
    try:
        value = _value(f"f = {typed}")
    except InputError:
        return  # that what may be read is read, other tests say
    rng = np.random.default_rng(3)
    arrays = {name: rng.normal(size=(3, 3 if name in "AB" else 1)) for name in "xyAB"}
    found = np.asarray(shapetrick.evaluate(value, arrays, n=3))
    terms = []
    for i in OUTER[over]:
        each = [_looped(re.sub(r"\bi\b", str(i), body), {"j": j}, arrays) for j in INNER[among](i)]
        folded = FOLDS[inner](each)
        terms.append(math.tanh(folded) if around != "{}" else folded)
    np.testing.assert_allclose(found.item(), FOLDS[fold](terms), 1e-9, 1e-9)


def _value(text: str, declared: str = DECLARED) -> Expr:
    (body,) = read(declared + text).definitions["f"].args
    return body


def test_a_sum_without_equal_letters_sees_no_pole_there() -> None:
    """Also where the matrix whose diagonal vanishes has a name."""
    d = shapetrick.derive(
        "X : n x d; D[i,j] = norm(X[i,:] - X[j,:])^2; J = sum(i < j) 1 / D[i,j]; grad J wrt X"
    )
    assert d.verified


def test_a_range_that_ends_at_an_index_wants_that_bound() -> None:
    with pytest.raises(InputError, match=r"neither a declared size .*nor the index of a sum"):
        shapetrick.read("x : n; J = sum(j = 1..i) x[j]; grad J wrt x")
    with pytest.raises(InputError, match=r"`j` runs over 1\.\.n in what is summed"):
        shapetrick.read("x : n; c : m; J = sum(i) sum(j = i..m) x[j] x[i]; grad J wrt x")


CLASSES = [
    ("L = -1/N sum(i) log(exp(Z[i,y[i]]) / sum(j) exp(Z[i,j]))", "(softmax(Z, axis=1) - y) / N"),
    ("P = softmax(Z, axis=1); L = -sum(i) sum(k) δ[y_i,k] log(P[i,k])", "P - y"),
    ("L = sum(i) sum(j ≠ y_i) Z[i,j]", "1 - y"),
    ("$L = -\\sum_i Z_{i,y_i}$", "-y"),
    ("$L = -\\sum_{i} \\sum_k \\mathbf{1}\\{y_i = k\\} Z_{ik}$", "-y"),
]


@pytest.mark.parametrize(("line", "gradient"), CLASSES)
def test_a_column_that_is_an_index_has_the_numbers_of_classes(line: str, gradient: str) -> None:
    d = shapetrick.derive(f"Z : N x C; y : N\n{line}\ngrad L wrt Z")
    assert d.verified
    assert str(d.gradient) == gradient
    assert any("`y` has the numbers of C classes" in said for said in d.problem.readings)
    assert str(d.problem.symbols["y"].shape[1]) == "C"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Z : N x C; L = sum(i) Z[i,y_i]", "declare `y : n`"),
        ("Z : N x C; y : N; L = sum(i) Z[i,y_i] + sum(y)", "is a value here"),
        ("Z : N x C; y : N; L = sum(i) Z[i,y_i]; grad L wrt y", "is a value here"),
        ("Z : N x C; A : N x d; y : N; L = sum(i) Z[i,y_i] A[i,y_i]", "`y` has C classes"),
        ("Z : N x C; y : N x 2; L = sum(i) Z[i,y[i]]", "are a column"),
    ],
)
def test_numbers_of_classes_are_nothing_else(text: str, said: str) -> None:
    with pytest.raises(InputError, match=re.escape(said)):
        shapetrick.read(text)
