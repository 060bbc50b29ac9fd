"""Ridge regression and a softmax classifier in NumPy, as functions to be derived:

shapetrick derive examples/loss.py:ridge --shapes "X: m x d; w: d; y: m; lam: scalar" --wrt w
"""

import numpy as np


def ridge(X, w, y, lam):
    """Least squares with a penalty on the weights."""
    r = X @ w - y
    return r @ r / (2 * X.shape[0]) + lam / 2 * np.sum(w**2)


def cross_entropy(X, W, b, Y):
    """The mean cross-entropy of a linear classifier; the rows of Y are one-hot."""
    Z = X @ W + b
    Z = Z - Z.max(axis=1, keepdims=True)
    P = np.exp(Z) / np.exp(Z).sum(axis=1, keepdims=True)
    return -np.mean(np.sum(Y * np.log(P), axis=1))
