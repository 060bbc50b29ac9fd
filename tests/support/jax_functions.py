"""Losses and layers as people write them in JAX, each with the shapes of its arguments."""

from __future__ import annotations

import math
from functools import partial

import jax
import jax.numpy as jnp
from jax import lax, nn


def mse(X, w, y):  # "X: m x d; w: d; y: m"
    return jnp.mean((X @ w - y) ** 2)


def ridge(w, X, y):  # "w: d; X: m x d; y: m"
    return jnp.sum(jnp.square(jnp.dot(X, w) - y)) / (2 * X.shape[0]) + 0.1 * jnp.linalg.norm(w)


def cross_entropy(W, b, X, Y):  # "W: d x k; b: k; X: m x d; Y: m x k onehot"
    logits = X @ W + b
    return -jnp.mean(jnp.sum(Y * nn.log_softmax(logits), axis=-1))


def logistic(w, X, y):  # "w: d; X: m x d; y: m"
    return jnp.mean(jnp.logaddexp(0.0, -y * (X @ w)))


def bce(w, X, y):  # "w: d; X: m x d; y: m unit"
    p = nn.sigmoid(X @ w)
    return -jnp.mean(y * jnp.log(p) + (1 - y) * jnp.log1p(-p))


def mlp(X, W1, b1, W2, b2):  # "X: m x d; W1: d x h; b1: h; W2: h x k; b2: k"
    h = nn.relu(X @ W1 + b1)
    return nn.softmax(h @ W2 + b2)


@jax.jit
def compiled(X, W):  # "X: m x d; W: d x k"
    return jnp.sum(jnp.tanh(X @ W) ** 2)


def mapped(X, w):  # "X: m x d; w: d"
    return jax.vmap(lambda x: jnp.tanh(x @ w))(X).sum()


def gelu(X):  # "X: m x n"
    return nn.gelu(X).sum()


def exact_gelu(x):  # "x: n"
    return nn.gelu(x, approximate=False).sum()


def silu_gate(X, W, V):  # "X: m x d; W: d x h; V: d x h"
    return nn.silu(X @ W) * (X @ V)


def activations(x):  # "x: n"
    return jnp.sum(nn.softplus(x) + nn.elu(x) + nn.leaky_relu(x) + nn.log_sigmoid(x))


def log_partition(X, w):  # "X: m x d; w: d"
    return nn.logsumexp(X @ w) + jax.scipy.special.logsumexp(X, axis=1).sum()


def log_likelihood(x, mu, S):  # "x: n; mu: n; S: n x n posdef"
    d = x - mu
    return -0.5 * (d @ jnp.linalg.solve(S, d) + jnp.linalg.slogdet(S)[1])


def process(K, y):  # "K: n x n posdef; y: n"
    n = K.shape[0]
    A = K + 0.1 * jnp.eye(n)
    return y @ jnp.linalg.inv(A) @ y + jnp.log(jnp.linalg.det(A)) + jnp.trace(A)


def layer_norm(X, g, b):  # "X: m x d; g: d; b: d"
    mu = X.mean(axis=-1, keepdims=True)
    return g * (X - mu) / jnp.sqrt(X.var(axis=-1, keepdims=True) + 1e-5) + b


def standardized(X):  # "X: m x n"
    return jnp.sum(((X - X.mean(0)) / X.std(0)) ** 3)


def attention(Q, K, V):  # "Q: m x d; K: n x d; V: n x k"
    return nn.softmax(Q @ K.T / jnp.sqrt(Q.shape[-1]), axis=-1) @ V


def bilinear(A, x, y):  # "A: m x n; x: m; y: n"
    return jnp.einsum("i,ij,j->", x, A, y)


def products(A, B, x):  # "A: i x j; B: j x k; x: k"
    return jnp.einsum("ij,jk,k->i", A, B, x)


def hinge(w, X, y):  # "w: d; X: m x d; y: m"
    return jnp.mean(jnp.maximum(0, 1 - y * (X @ w)))


def masked(x):  # "x: n"
    return jnp.where(x > 0, jnp.exp(x), 1 - x).sum()


def huber(x, y):  # "x: n; y: n"
    r = jnp.abs(x - y)
    return jnp.mean(jnp.where(r < 1, 0.5 * r**2, r - 0.5))


def factorization(U, V, R):  # "U: m x k; V: n x k; R: m x n"
    return jnp.linalg.norm(R - U @ V.T) ** 2


@partial(jax.checkpoint)
def kept(X, W):  # "X: m x d; W: d x d"
    return jnp.sin(jnp.cos(X @ W) @ W).sum()


def outer(u, v, A):  # "u: m; v: n; A: m x n"
    return jnp.sum((u[:, None] * v[None, :] - A) ** 2) + jnp.vdot(jnp.outer(u, v), A)


def diagonals(A, v):  # "A: n x n; v: n"
    return jnp.sum(jnp.diag(A) * v) + jnp.sum(jnp.diag(v) @ A)


def smoothness(x):  # "x: n"
    return jnp.sum((x[1:] - x[:-1]) ** 2) + jnp.sum(jnp.diff(x) ** 2) + x[0] * x[-1]


def gates(X, A, B):  # "X: m x d; A: d x h; B: d x h"
    Z = X @ jnp.concatenate([A, B], axis=1)
    h = A.shape[1]
    return nn.sigmoid(Z[:, :h]) * Z[:, h:]


def running(x):  # "x: n"
    return jnp.sum(jnp.cumsum(x) ** 2) + jnp.sum(jnp.flip(x) * x)


def steps(W, h):  # "W: n x n; h: n"
    def step(h, _):
        h = jnp.tanh(W @ h)
        return h, h

    last, all_ = jax.lax.scan(step, h, None, length=3)
    return jnp.sum(all_**2) + jnp.sum(last)


def recurrent(W, X, h):  # "W: d x d; X: 3 x d; h: d"
    return jax.lax.scan(lambda h, x: (jnp.tanh(W @ h + x), jnp.sum(h)), h, X, reverse=True)[1]


def loop(W, h):  # "W: n x n; h: n"
    return jnp.sum(jax.lax.fori_loop(0, 3, lambda i, h: jnp.tanh(W @ h) / (i + 1), h))


def masked_attention(q, k, v):  # "q: n x d; k: n x d; v: n x p"
    scores = jnp.einsum("id,jd->ij", q, k) / math.sqrt(q.shape[-1])
    scores = jnp.where(jnp.tril(jnp.ones((len(q), len(q)), bool)), scores, -1e30)
    return nn.softmax(scores, axis=-1) @ v


def mapped_kernel(X, Y):  # "X: n x d; Y: m x d"
    k = jax.vmap(lambda x: jax.vmap(lambda y: jnp.exp(-jnp.sum((x - y) ** 2) / 2))(Y))(X)
    return jnp.mean(k) + jnp.sum(jnp.triu(X @ X.T, 1))


def special_functions(p, q):  # "p: n unit; q: n unit"
    kl = jax.scipy.special.rel_entr(p, q) + jax.scipy.special.entr(q)
    return jnp.sum(kl + jax.scipy.special.gammaln(p + 1) * jnp.arctanh(q))


def rewritten(Z):  # "Z: n x 4"
    Z = Z.at[:, 1].set(0.0)
    padded = jnp.pad(Z[:, 0], (1, 2)) + jnp.pad(Z[:, 3], (0, 3))
    taken = jax.lax.cond(True, lambda z: jnp.sum(z**2), jnp.sum, padded)
    return nn.logsumexp(Z, axis=1).sum() + taken + jnp.sum(Z @ MIXING)


def largest_eigenvalue(A):  # "A: n x n"
    return jnp.linalg.eigh(A + A.T)[0][-1]


MIXING = jnp.asarray([[1.0, -2.0], [0.5, 0.25], [3.0, 1.0], [0.0, 1.5]])


def heads_by_letters(x, Q, K, V, P):  # "x: n x d; Q, V, K: h x d x p; P: h x p x d const"
    q, k, v = (jnp.einsum("nd,hdp->hnp", x, W) for W in (Q, K, V))
    s = jax.nn.softmax(jnp.einsum("hnp,hmp->hnm", q, k) / jnp.sqrt(Q.shape[-1]), axis=-1)
    return jnp.sum(jnp.einsum("hnm,hmp,hpd->nd", s, v, P) ** 2)


def attention_by_vmap(Q, K, V):  # "Q: b x n x d; K: b x n x d; V: b x n x d"
    def attend(q, k, v):
        return jax.nn.softmax(q @ k.T / jnp.sqrt(q.shape[-1]), axis=-1) @ v

    return jnp.sum(jax.vmap(attend)(Q, K, V) ** 2)


def states_of_a_letter(h0, W, U, xs):  # "h0: k; W: k x k; U: k x d; xs: T x d"
    def step(h, x):
        h = jnp.tanh(W @ h + U @ x)
        return h, h

    return jnp.sum(jax.lax.scan(step, h0, xs)[1] ** 2)


def cells_of_a_letter(h0, c0, W, U, xs):  # "h0, c0: k const; W: k x d; U: k x k; xs: T x d const"
    def step(carried, x):
        h, c = carried
        g = W @ x + U @ h
        c = jax.nn.sigmoid(g) * c + jnp.tanh(g)
        return (jax.nn.sigmoid(g) * jnp.tanh(c), c), None

    h, c = jax.lax.scan(step, (h0, c0), xs)[0]
    return h @ c


def moving_average(a, xs, ys):  # "a: scalar; xs: T; ys: T const"
    def step(m, x):
        m = a * m + (1 - a) * x
        return m, m

    return jnp.sum((jax.lax.scan(step, 0.0, xs)[1] - ys) ** 2)


def scores_of_an_energy(W, b, X):  # "W: h x d; b: h; X: n x d"
    def energy(x):
        return jnp.sum(jax.nn.softplus(W @ x + b))

    return jnp.mean(jnp.sum(jax.vmap(jax.grad(energy))(X) ** 2, axis=-1))


def slopes_of_rows(W, X):  # "W: k x d; X: n x d"
    J = jax.vmap(jax.jacobian(lambda x: jnp.tanh(W @ x)))(X)
    return jnp.sum(J**2) / X.shape[0]


def discounted(rewards, values, rate):  # "rewards, values: T; rate: scalar"
    def step(later, now):
        later = now[0] + rate * later
        return later, later - now[1]

    return jnp.sum(jax.lax.scan(step, 0.0, (rewards, values), reverse=True)[1] ** 2)


def both_ways(xs, W, V):  # "xs: T x d; W, V: d x d"
    def states(M, backwards):
        def step(h, x):
            h = jnp.tanh(M @ h + x)
            return h, h

        return jax.lax.scan(step, jnp.zeros(xs.shape[1]), xs, reverse=backwards)[1]

    return jnp.sum(states(W, False) * states(V, True))


def forward_algorithm(start, A, B):  # "start: k; A: k x k; B: T x k"
    def step(alpha, b):
        return jax.nn.logsumexp(alpha[:, None] + A, axis=0) + b, None

    return jax.nn.logsumexp(jax.lax.scan(step, start, B)[0])


def advantages(Z, v, A, r):  # "Z: t x a; v: t; A: t x a onehot; r: t const"
    log_p = jax.nn.log_softmax(Z)
    kept = jnp.where(jnp.eye(A.shape[1]) == 1, 0, A.T @ A)
    gain = jax.lax.stop_gradient(r - r.mean())
    return -jnp.mean(jnp.sum(log_p * A, -1) * gain) + jnp.mean((v - r) ** 2) + jnp.sum(kept)


def triangles(X):  # "X: n x n"
    return jnp.sum(jnp.triu(X) ** 2) + jnp.sum(jnp.tril(X, -1) * 2) + jnp.trace(X)


def written_at_places(u, X):  # "u: n; X: m x n"
    v = u.at[1:].add(u[:-1]).at[0].set(2.0)
    return jnp.sum(v**2) + jnp.sum(X.at[:, 0].add(1.0).at[0].set(v) ** 3)


def smooth_by_letters(x, k, y):  # "x: n+m-1; k: m; y: n + 2"
    valid = jnp.tanh(jnp.convolve(x, k, mode="valid"))
    return (
        valid.sum()
        + (jnp.convolve(x, k) ** 2).sum()
        + jnp.convolve(y, jnp.array([1.0, 2.0, -1.0]), "same") @ y
    )


def channels(x, w):  # "x: b x c x (2 n+k-2); w: o x c x k"
    return jnp.tanh(lax.conv_general_dilated(x, w, (2,), "VALID")).sum()


def gamma_likelihood(a, x):  # "a: n positive; x: n positive const"
    return -jnp.sum(jax.scipy.stats.gamma.logpdf(x, a))


def channels_last(x, w):  # "x: b x h+1 x v+1 x c; w: 2 x 2 x c x o"
    y = lax.conv_general_dilated(x, w, (1, 1), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC"))
    return jnp.sum(y**2)
