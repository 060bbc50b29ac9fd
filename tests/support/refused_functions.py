"""Functions that can't be followed, each with the shapes of its arguments; the line that is named
ends with a comment that has a word of the message."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

SCALES = np.sin(np.arange(900.0)).reshape(30, 3, 10)


def branch(x):  # "x: n"
    s = x.sum()
    if s > 0:  # branch
        return s
    return -s


def number(x):  # "x: n"
    import math  # within

    return math.sqrt(x @ x)  # np.sqrt


def rounded(x):  # "x: n"
    return int(x.sum()) * x.sum()  # number


def loop(X):  # "X: m x n"
    total = 0.0
    for i in range(X.shape[0]):  # range
        total = total + X[i].sum()
    return total


def counted(X):  # "X: m x n"
    total = X
    for _ in range(X.shape[0]):  # range
        total = total + X
    return total.sum()


def rows(X):  # "X: m x n"
    return sum(x @ x for x in X)  # loop


def written(x):  # "x: n"
    y = np.exp(x)
    y[::2] = 0  # step
    return y.sum()


def unknown(X):  # "X: m x n"
    return np.linalg.svd(X)[1].sum()  # full_matrices


def entry(x):  # "x: n"
    return np.cumsum(x[x > 0]).sum()  # condition


def part(x):  # "x: n"
    return (x[::2] ** 2).sum() + np.exp(x).sum()  # step


def table(x):  # "x: 10"
    return (SCALES * x).sum()  # no argument


def misfit(X, w):  # "X: m x d; w: m"
    return (X @ w).sum()  # d = m


def pairs(X):  # "X: m x n"
    D = X[:, None, :] - X[None, :, :]
    return np.abs(D).sum()  # axes


def halves(X):  # "X: m x n"
    return np.split(X, 2)[0].sum()  # declare


def smoothed(x, k):  # "x: n; k: m"
    return np.convolve(x, k, "valid").sum()  # as a sum, `m+p-1`


def equal(x):  # "x: n"
    return np.where(x == 0, 1, x).sum()  # ==


def several(x):  # "x: n"
    return x.sum(), x  # tuple


def filled(x):  # "x: n"
    out = np.empty(x.shape[0])
    np.exp(x, out=out)  # out=
    return out.sum()


def helper(x):  # "x: n"
    return inner(x)


def inner(x):
    return np.sort(x).sum()  # sort


def spectral(A):  # "A: n x n"
    return np.linalg.norm(A, 2)  # fro


def jax_branch(x):  # "x: n"
    return jnp.sum(x) if x[0] > 0 else -jnp.sum(x)  # branch


def jax_loop(X):  # "X: m x n"
    return sum(jnp.sum(X[i]) for i in range(X.shape[0]))  # range


def jax_convolution(x, k):  # "x: n; k: 3"
    return jnp.convolve(x, k, "wrap").sum()  # 'wrap'


def jax_number(x):  # "x: n"
    return float(jnp.sum(x))  # number


def jax_stopped(x):  # "x: n"
    return jnp.sum(x * jax.lax.stop_gradient(x))  # stops


def jax_parts(x):  # "x: n"
    return jnp.sum(jnp.exp(x)[::2])  # size


def jax_unknown(S):  # "S: n x n"
    return jnp.linalg.eigvals(S).real.sum()  # eig


def spectrum(A):  # "A: n x n symmetric"
    return np.linalg.eigh(A)[0].sum()  # trace


def jax_while(x):  # "x: n"
    return jax.lax.fori_loop(0, x.shape[0], lambda k, s: s + x[0], 0.0)  # family


@jax.custom_vjp
def clipped(x):
    return x


clipped.defvjp(lambda x: (x, ()), lambda _, g: (jnp.clip(g, -1, 1),))


def jax_own_gradient(x):  # "x: n"
    return jnp.sum(clipped(x) ** 2)  # custom_vjp


def factors(S):  # "S: b x n x n posdef"
    return np.linalg.cholesky(S).sum()  # batch
