"""Losses and layers as people write them in NumPy, each with the shapes of its arguments."""

from __future__ import annotations

import math
from math import sqrt

import numpy as np
import scipy.special as special
from scipy import stats
from scipy.special import logsumexp
from scipy.stats import norm

SECOND = np.array([1.0, -2.0, 1.0])
MIXING = np.linspace(-1.0, 2.0, 200).reshape(40, 5)


def ridge(X, w, y, lam):  # "X: m x d; w: d; y: m; lam: scalar"
    n = X.shape[0]
    r = X @ w - y
    return np.dot(r, r) / n + lam * np.sum(w**2)


def mean_squared_error(X, W, b, Y):  # "X: m x d; W: d x k; b: k; Y: m x k"
    return np.mean((X @ W + b - Y) ** 2)


def logistic_regression(X, w, b, y):  # "X: m x d; w: d; b: scalar; y: m unit"
    p = 1 / (1 + np.exp(-(X @ w + b)))
    return -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))


def margin_loss(X, w, y):  # "X: m x d; w: d; y: m"
    return np.log1p(np.exp(-y * (X @ w))).sum()


def softmax_regression(X, W, b, Y):  # "X: m x d; W: d x k; b: k; Y: m x k onehot"
    Z = X @ W + b
    Z = Z - Z.max(axis=1, keepdims=True)
    P = np.exp(Z) / np.exp(Z).sum(axis=1, keepdims=True)
    return -np.mean(np.sum(Y * np.log(P), axis=1))


def log_softmax_loss(Z, Y):  # "Z: m x k; Y: m x k"
    top = np.max(Z, axis=-1, keepdims=True)
    log_p = Z - top - np.log(np.sum(np.exp(Z - top), axis=-1, keepdims=True))
    return -(Y * log_p).sum() / len_of(Z)


def len_of(Z):
    return Z.shape[0]


def two_layers(X, W1, b1, W2, b2, Y):  # "X: m x d; W1: d x h; b1: h; W2: h x k; b2: k; Y: m x k"
    H = np.maximum(0, X @ W1 + b1)
    out = H @ W2 + b2
    return 0.5 * np.sum((out - Y) ** 2) / X.shape[0]


def tanh_layer(X, W, b):  # "X: m x d; W: d x h; b: h"
    return np.tanh(X @ W + b)


def hinge(X, w, y):  # "X: m x d; w: d; y: m"
    return np.maximum(0, 1 - y * (X @ w)).mean() + 0.5 * np.linalg.norm(w) ** 2


def gaussian_nll(x, mu, S):  # "x: n; mu: n; S: n x n posdef"
    d = x - mu
    n = x.shape[0]
    _, logdet = np.linalg.slogdet(S)
    return 0.5 * (d @ np.linalg.solve(S, d) + logdet + n * np.log(2 * np.pi))


def quadratic(A, x):  # "A: n x n; x: n"
    return x @ A @ x


def standardized(X):  # "X: m x n"
    Z = (X - X.mean(axis=0)) / X.std(axis=0)
    return np.sum(Z**3)


def by_rows(X, s):  # "X: m x n; s: m"
    return np.sum(np.tanh(X * s[:, None]) / (1 + np.abs(X).sum(axis=1, keepdims=True)))


def weighted_gram(X, w):  # "X: m x n; w: m positive"
    G = X.T @ (w[:, np.newaxis] * X)
    return np.trace(G @ G)


def einsum_bilinear(A, B, x, y):  # "A: n x k; B: k x m; x: n; y: m"
    return np.einsum("i,ij,jk,k->", x, A, B, y)


def einsum_layer(X, W):  # "X: m x d; W: k x d"
    return np.einsum("ij,kj->ik", X, W)


def einsum_rows(Q, K):  # "Q: m x d; K: m x d"
    return np.exp(np.einsum("ij,ij->i", Q, K))


def gaussian_process(K, y, noise):  # "K: n x n posdef; y: n; noise: scalar positive"
    n = K.shape[0]
    A = K + noise * np.eye(n)
    return 0.5 * y.dot(np.linalg.inv(A).dot(y)) + 0.5 * np.linalg.slogdet(A)[1]


def centered_gram(X):  # "X: m x n"
    m = X.shape[0]
    H = np.eye(m) - np.ones((m, m)) / m
    return np.linalg.norm(H @ X @ X.T @ H)


def factorization(R, U, V, M):  # "R: m x n; U: m x k; V: n x k; M: m x n onehot"
    E = M * (R - U @ V.T)
    return np.sum(np.square(E)) + 0.1 * (np.sum(U**2) + np.sum(V**2))


def huber(X, w, y):  # "X: m x d; w: d; y: m"
    r = X @ w - y
    a = np.abs(r)
    return np.mean(np.where(a > 1.0, a - 0.5, 0.5 * r**2))


def cosine(x, y):  # "x: n; y: n"
    return np.vdot(x, y) / (np.linalg.norm(x) * np.linalg.norm(y))


def attention(Q, K, V):  # "Q: m x d; K: n x d; V: n x k"
    S = Q @ K.T / np.sqrt(Q.shape[-1])
    E = np.exp(S - S.max(axis=-1, keepdims=True))
    return (E / E.sum(axis=-1, keepdims=True)) @ V


def layer_norm(X, gain, bias):  # "X: m x d; gain: d; bias: d"
    mu = X.mean(axis=-1, keepdims=True)
    var = ((X - mu) ** 2).mean(axis=-1, keepdims=True)
    return gain * (X - mu) / np.sqrt(var + 1e-5) + bias


def sample_variance(x):  # "x: n"
    return np.var(x, ddof=1) + x.std()


def clipped(r, A):  # "r: n positive; A: n"
    return -np.mean(np.minimum(r * A, np.clip(r, 0.8, 1.2) * A))


def poisson(X, w, y):  # "X: m x d; w: d; y: m positive"
    eta = np.matmul(X, w)
    return np.sum(np.exp(eta) - y * eta)


def entropy(p):  # "p: n positive"
    q = p / p.sum()
    return -np.sum(q * np.log(q))


def column_times_row(u, v, A):  # "u: m; v: n; A: m x n"
    return np.sum((np.outer(u, v) - A) ** 2) + np.sum(u[:, None] * v[None, :])


def smoothness(x, y):  # "x: n; y: n"
    return np.sum((x - y) ** 2) + 0.5 * np.sum((x[1:] - x[:-1]) ** 2) + x[0] * x[-1]


def total_variation(X):  # "X: m x n"
    return np.sum(np.diff(X, axis=0) ** 2) + np.sum((X[:, 1:] - X[:, :-1]) ** 2)


def stacked_layers(X, A, B):  # "X: m x d; A: d x h; B: d x h"
    Z = X @ np.concatenate([A, B], axis=1)
    h = A.shape[1]
    return np.sum(np.tanh(Z[:, :h]) * Z[:, h:])


def with_bias(X, w, y):  # "X: m x d; w: d + 1; y: m"
    A = np.hstack([X, np.ones((X.shape[0], 1))])
    return np.mean((A @ w - y) ** 2)


def triangular(L, x):  # "L: n x n; x: n"
    T = np.tril(L)
    return np.sum((T @ x) ** 2) + np.cumsum(x)[-1] * np.sum(np.flip(x) * x)


def entries(X, W):  # "X: m x n; W: n x n"
    return X[0] @ W @ X[-1] + X[:, 0].sum() + W[0, 1]


def positions(x):  # "x: n"
    return np.sum(np.arange(x.shape[0]) * x**2)


def halves(X):  # "X: m x 2 d"
    a, b = np.split(X, 2, axis=1)
    return np.sum(a * np.tanh(b))


def in_order(A):  # "A: n x n"
    return np.sum(A[np.arange(A.shape[0]), 0] ** 2)


def numbers_of_sizes(X, w):  # "X: m x d; w: d"
    m, d = X.shape
    s = X @ w / sqrt(d) + math.log(m) / len(w)
    print(f"scores {s.mean():.3f} of {s.shape}")
    return float(s @ s) / math.prod(X.shape) + (w[None, :] @ w[:, None]).item()


def causal_attention(Q, K, V):  # "Q: n x d; K: n x d; V: n x p"
    scores = np.where(np.tri(len(Q), dtype=bool), Q @ K.T, -np.inf)
    return special.softmax(scores, axis=-1) @ V


def banded(A):  # "A: n x n"
    n = A.shape[0]
    mask = np.triu(np.ones((n, n)), 1)
    return np.sum((A * mask) ** 3) + np.tril(A, -2).sum() + np.exp(np.triu(A, -1)).sum()


def distances(X, C):  # "X: n x d; C: k x d"
    D = np.sum((X[:, None, :] - C[None, :, :]) ** 2, axis=-1)
    return -logsumexp(-D / 2, axis=1).mean()


def whitened_distances(X, M):  # "X: n x d; M: d x d"
    D = np.subtract.outer(X @ M[:, 0], X[:, 0]) + ((X[:, None] - X[None]) @ M).mean(-1)
    quadratic = np.einsum("ijd,de,ije->ij", X[:, None] - X, M, X[:, None] - X)
    return np.exp(-(D**2)) * quadratic


def centred_batch(X):  # "X: n x d"
    T = X[:, :, None] * X[:, None, :]
    return ((T - T.mean(axis=0, keepdims=True)) ** 2).sum(axis=(0, 2)).swapaxes(0, -1)


def around(A, k):  # "A: m x n; k: 3"
    x = A.sum(axis=0)
    p = np.pad(x, (1, 0)) + np.concatenate([np.roll(x, 1), x[:1]])
    smooth = np.convolve(x, k, mode="same") + np.convolve(x, SECOND, "same")
    return np.trapezoid(p**2) + (np.tile(x, 2) ** 3).sum() + smooth @ x


def smooth_by_letters(x, k, y):  # "x: n+m-1; k: m; y: n"
    valid = np.convolve(x, k, "valid") - y
    return np.sum(np.tanh(np.convolve(np.sin(x), k))) + valid @ valid


def smooth_twice(x, k, y):  # "x: n+m-1; k: m; y: n+m-1"
    z = np.tanh(np.convolve(x, k, "valid"))
    return np.convolve(z, k) @ y + z[0]


def smooth_to_the_same(x, k):  # "x: n + 2 h; k: 2 h + 1"
    return np.convolve(x, k, "same")


def windowed(x, w, Y):  # "x: n+k-1; w: k; Y: b x (n+2)"
    seen = np.lib.stride_tricks.sliding_window_view(x, w.shape[0])
    largest = np.lib.stride_tricks.sliding_window_view(Y, 3, axis=1).max(axis=-1)
    return np.tanh(seen @ w).sum() + np.sum(largest) + np.correlate(x, w) @ largest[0]


def in_front_or_behind(X, A):  # "X: b x m x d; A: m x b"
    return np.sum((A @ X[:, 0]) ** 2) + np.sum(A.T * X[:, :, 0])


def smooth_part(x, k):  # "x: n+2; k: 3"
    return np.convolve(x, k, "valid")


def smoothed_numbers(x, k):  # "x: 8; k: 3"
    return np.convolve(x, k, "valid") * x[1:7]


def looked_up(w):  # "w: 5"
    a, b, *rest = w
    return np.mean((MIXING @ w - 1) ** 2) + a * b + sum(rest) ** 2


def special_functions(p, q):  # "p: n unit; q: n unit"
    divergence = special.rel_entr(p, q) + special.entr(p) + special.kl_div(q, p)
    rest = special.gammaln(p + 1) - special.xlogy(p, q) + special.logit(q) + special.ndtr(p)
    return np.sum(divergence) + np.sum(rest) + special.betaln(p[0], q[0])


def statistics(X):  # "X: n x d"
    C = np.cov(X, rowvar=False)
    return np.trace(C) + np.sum(C**2) + np.ptp(X)


def rotated(x, t):  # "x: 2; t: scalar"
    R = np.array([[np.cos(t), -np.sin(t)], [np.sin(t), np.cos(t)]])
    return R @ x


def kernel_likelihood(X, y):  # "X: n x d; y: n"
    K = np.exp(-np.sum((X[:, None] - X[None]) ** 2, axis=-1)) + np.eye(len(X))
    L = np.linalg.cholesky(K)
    return 0.5 * np.sum(np.linalg.solve(L, y) ** 2) + np.log(np.diag(L)).sum()


def violated_margins(X, w, y):  # "X: n x d; w: d; y: n"
    margins = 1 - y * (X @ w)
    return (2 * margins[margins > 0] ** 2 + 1).sum() / len(y) + X[X > 0].mean()


def batched_attention(Q, K, V):  # "Q: b x n x d; K: b x m x d; V: b x m x p"
    scores = Q @ K.transpose(0, 2, 1) / np.sqrt(Q.shape[-1])
    w = np.exp(scores - scores.max(axis=-1, keepdims=True))
    w = w / w.sum(axis=-1, keepdims=True)
    return (w @ V).sum()


def batched_layer(X, W, b):  # "X: b x n x d; W: d x k; b: k"
    return np.tanh(X @ W + b)


def differences_of_members(X):  # "X: t x n x d"
    return np.sum((X[1:] - X[:-1]) ** 2) + X[0].sum() + np.var(X[:, :, 0]) + np.sum(X[-1] ** 3)


def distances_in_batches(X):  # "X: b x n x d"
    return np.mean(np.sum((X[:, :, None, :] - X[:, None, :, :]) ** 2, axis=-1))


def pythons_own_reductions(x):  # "x: n"
    return sum(x[1:] * x[:-1]) + max(x) - min(x)


def outliers_apart(r, s):  # "r: n; s: scalar positive"
    far = np.abs(r) > s
    return s * np.count_nonzero(far) + np.sum(np.abs(r)[far]) * s + r[~far] @ r[~far]


def hinge_of_classes(X, W, y):  # "X: n x d const; W: d x c; y: n"
    scores, n = X @ W, X.shape[0]
    margins = np.maximum(0, scores - scores[np.arange(n), y][:, np.newaxis] + 1.0)
    margins[np.arange(n), y] = 0
    return margins.sum() / n


def written_into(X, u, v):  # "X: m x n; u: n; v: k"
    Y = X.copy()
    Y[0] = u
    Y[1:, -1] = 2.0
    Y[Y < -1] = 0
    z = np.zeros(u.shape[0] + v.shape[0])
    z[: u.shape[0]] = u
    z[u.shape[0] :] += np.tanh(v)
    return np.sum(Y**2) * (z @ z)


def written_by_conditions(Z, W, t):  # "Z: n x d; W: d x k; t: n"
    A = Z @ W
    A[A < 0] *= 0.01
    e = A[:, 0] - t
    out = 0.5 * e**2
    out[np.abs(e) > 1.0] = np.abs(e)[np.abs(e) > 1.0] - 0.5
    return np.sum(A**2) + out.sum()


def in_blocks(A, B, D, x):  # "A: n x n; B: n x 3; D: 3 x 3; x: n+3"
    M = np.block([[A, B], [B.T, D]])
    return x @ M @ x + np.sum(B[:, [0, 2, 1]] @ D[np.array([2, 2, -3])]) + np.block([x, x])[1]


def densities(x, m, s, w):  # "x: n positive; m: scalar; s: scalar positive; w: n unit"
    normal = stats.norm.logpdf(x, m, s) + norm.pdf(x, loc=m, scale=s) + norm.cdf(x, m) + norm.sf(x)
    heavy = stats.t.logpdf(x, 4, m, s) + stats.laplace.logpdf(x, m, s) + norm.logcdf(x, m, s)
    return np.sum(normal + heavy + stats.gamma.logpdf(x, 2.5) + stats.beta.logpdf(w, 2.0, s))


def fitted_and_smoothed(c, x, k):  # "c: 4; x: n + 2; k: 3"
    return np.sum(np.correlate(np.polyval(c, x), k, mode="same") ** 2)
