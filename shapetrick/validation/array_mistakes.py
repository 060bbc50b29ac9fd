"""Simple mistakes in a gradient, told from two arrays: what is claimed, and what is right."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product

import numpy as np

from ..core.functions import Array


def mistakes(claimed: Array, right: Array, near: float, counts: Sequence[int]) -> Iterator[str]:
    """What the disagreement is called: a factor, a transpose, a sum that is missing or taken.

    Values agree within `near`, relative; `counts` are numbers over which a mean may be taken."""
    yield from constant_factor(claimed, right, near, counts)
    yield from (words for words, other in _changed(claimed) if alike(other, right, near))
    yield from (words for words, other in _changed_back(right) if alike(claimed, other, near))


def alike(a: Array, b: Array, near: float) -> bool:
    return a.shape == b.shape and bool(np.abs(a - b).max() <= near * np.abs(b).max())


def constant_factor(
    claimed: Array, right: Array, near: float, counts: Sequence[int]
) -> Iterator[str]:
    """`2 times the gradient`; a number of entries is a mean that was forgotten, or taken."""
    if claimed.shape != right.shape:
        return
    scale = np.abs(right).max()
    unit = right / scale  # whose squares don't underflow
    k = float((claimed / scale * unit).sum() / (unit * unit).sum())
    if not k or not alike(claimed, k * right, near):
        return
    if abs(k + 1) <= near:
        yield "the sign is wrong"
        return
    for n, sign in product(counts, (1, -1)):
        minus = "" if sign > 0 else ", and the sign is wrong"
        if abs(k - sign * n) <= near * n:
            yield f"{n} times the gradient: the mean over {n} is missing{minus}"
            return
        if abs(k * n - sign) <= near:
            yield f"1/{n} of the gradient: a mean over {n} too many{minus}"
            return
    yield f"{k:.6g} times the gradient"


def _changed(claimed: Array) -> Iterator[tuple[str, Array]]:
    """What a claim would have to become."""
    if claimed.ndim == 2:
        yield "transposed", claimed.T
    for axis in range(claimed.ndim):
        for keep in (False, True):
            total = claimed.sum(axis=axis, keepdims=keep)
            if claimed.shape[axis] > 1:
                yield f"the sum over axis {axis} is missing", total
                yield f"the mean over axis {axis} is missing", total / claimed.shape[axis]
    if claimed.ndim:
        yield "only its shape is another one", claimed.reshape(-1)
        yield "the sum over all entries is missing", claimed.sum()[()].reshape(())


def _changed_back(right: Array) -> Iterator[tuple[str, Array]]:
    """What a right gradient would have to become to be what is claimed."""
    for axis in range(right.ndim):
        if right.shape[axis] > 1:
            total = right.sum(axis=axis, keepdims=True)
            yield f"summed over axis {axis}", total
            yield f"summed over axis {axis}", np.squeeze(total, axis)
            yield f"summed over axis {axis}", np.broadcast_to(total, right.shape)
            mean = total / right.shape[axis]
            yield f"averaged over axis {axis}", mean
            yield f"averaged over axis {axis}", np.squeeze(mean, axis)
            yield f"averaged over axis {axis}", np.broadcast_to(mean, right.shape)
    if right.ndim == 2 and right.shape[0] == right.shape[1]:
        yield "the gradient along symmetric matrices, (G + G')/2", (right + right.T) / 2
        free = right + right.T - np.diag(np.diag(right))
        yield "the gradient by the free entries of a symmetric matrix, G + G' - diag(G)", free
    if right.ndim:
        yield "only its shape is another one", right.reshape(-1)
