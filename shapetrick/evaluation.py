"""Expressions to numbers: a program is built once for an expression and run on many points at
once.

Arrays are 2-D with any number of leading batch axes; a batch is how all perturbed points of a
finite difference are evaluated in one call of each operation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from .dims import Dim
from .expr import Expr, postorder
from .functions import TABLE, Array

Functions = Mapping[
    str, Callable[[Array, int], Array]
]  # value and derivatives of abstract functions


class Program:
    """The steps that compute some expressions, arguments first, each node once.

    `run` takes the values of the symbols and of dimension names; `branches` also gives, for every
    operation with kinks, the branch that each entry takes.
    """

    def __init__(self, roots: Sequence[Expr], sizes: Mapping[str, int]) -> None:
        nodes = list(postorder(roots))
        self._slot = {e: i for i, e in enumerate(nodes)}
        self._roots = [self._slot[e] for e in roots]
        self._sizes = sizes
        self._steps = [(e, tuple(self._slot[a] for a in e.args)) for e in nodes]
        self._fixed = [None if e.args else _leaf(e, sizes) for e in nodes]

    def run(
        self,
        env: Mapping[str, Array],
        functions: Functions | None = None,
        branches: list[Array] | None = None,
        strict: bool = False,
    ) -> list[Array]:
        """The roots' values. Non-finite results are returned, not warned of; `strict` raises
        FloatingPointError where an element-wise operation has one."""
        values: list[Any] = list(self._fixed)
        trouble: Any = "raise" if strict else "ignore"
        with np.errstate(over=trouble, divide=trouble, invalid=trouble, under="ignore"):
            for i, (e, slots) in enumerate(self._steps):
                if values[i] is not None:
                    continue
                args = [values[s] for s in slots]
                if e.op == "symbol":
                    values[i] = env[e.data.name]
                elif e.op == "name":
                    values[i] = args[0]
                elif e.op == "abstract":
                    values[i] = (functions or {})[e.data[0]](args[0], e.data[1])
                else:
                    row = TABLE[e.op]
                    data = self._data(e.data)
                    values[i] = row.value(*args, data)
                    if branches is not None and row.branch is not None:
                        branches.append(row.branch(*args, data))
        return [values[s] for s in self._roots]

    def _data(self, data: Any) -> Any:
        if isinstance(data, tuple) and data and isinstance(data[0], Dim):
            return tuple(d.size(self._sizes) for d in data)
        return data


def evaluate(
    e: Expr,
    env: Mapping[str, Array],
    sizes: Mapping[str, int],
    functions: Functions | None = None,
) -> Array:
    """The value of one expression: an array of its shape (with the batch axes of the inputs)."""
    return Program([e], sizes).run(env, functions)[0]


def _leaf(e: Expr, sizes: Mapping[str, int]) -> Array | None:
    match e.op:
        case "number":
            return np.full((1, 1), float(e.data))
        case "dimension":
            return np.full((1, 1), float(sizes[e.data]))
        case "constant":
            return np.full((1, 1), {"pi": np.pi, "e": np.e}[e.data])
        case "ones":
            return np.ones([d.size(sizes) for d in e.shape])
        case "zeros":
            return np.zeros([d.size(sizes) for d in e.shape])
        case "eye":
            return np.eye(e.shape[0].size(sizes))
        case "commute":
            m, n = (d.size(sizes) for d in e.data)
            return np.eye(m * n)[np.arange(m * n).reshape(n, m).T.ravel()]
    return None
