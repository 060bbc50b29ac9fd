"""Expressions to numbers: a program is built once for an expression and run on many points at
once.

Arrays are 2-D with any number of leading batch axes; a batch is how all perturbed points of a
finite difference are evaluated in one call of each operation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from .dims import Dim
from .expr import Expr, postorder
from .functions import TABLE, Array

Functions = Mapping[
    str, Callable[[Array, int], Array]
]  # value and derivatives of abstract functions


class _Step(NamedTuple):
    """What is computed: `f` of the values in the slots `args`, and of `data`."""

    slot: int
    f: Callable[..., Array]
    args: tuple[int, ...]
    data: Any


class Program:
    """The steps that compute some expressions, arguments first, each node once.

    Every value has a slot: those that the sizes determine are filled when the program is built,
    those of the symbols and of the abstract functions when it is run, the rest by the steps. `run`
    takes the former; `branches` also gives, for every operation with kinks, the branch that each
    entry takes.
    """

    def __init__(self, roots: Sequence[Expr], sizes: Mapping[str, int]) -> None:
        self._values: list[Any] = []
        self._symbols: list[tuple[int, str]] = []
        self._functions: list[tuple[int, str]] = []
        self._steps: list[_Step] = []
        self._kinks: list[_Step] = []
        slots: dict[Expr, int] = {}
        for e in postorder(roots):
            args = tuple([slots[a] for a in e.args])
            slots[e] = args[0] if e.op == "name" else self._place(e, args, sizes)
        self._roots = [slots[e] for e in roots]

    def run(
        self,
        env: Mapping[str, Array],
        functions: Functions | None = None,
        branches: list[Array] | None = None,
        strict: bool = False,
    ) -> list[Array]:
        """The roots' values. Non-finite results are returned, not warned of; `strict` raises
        FloatingPointError where an element-wise operation has one."""
        values = self._values.copy()
        for slot, name in self._symbols:
            values[slot] = env[name]
        for slot, name in self._functions:
            values[slot] = (functions or {})[name]
        trouble: Any = "raise" if strict else "ignore"
        with np.errstate(over=trouble, divide=trouble, invalid=trouble, under="ignore"):
            for slot, f, args, data in self._steps:
                values[slot] = f(*[values[a] for a in args], data)
            if branches is not None:
                for _, branch, args, data in self._kinks:
                    branches.append(branch(*[values[a] for a in args], data))
        return [values[slot] for slot in self._roots]

    def _place(self, e: Expr, args: tuple[int, ...], sizes: Mapping[str, int]) -> int:
        """Provide for the node's value; its slot."""
        slot = self._slot()
        if e.op == "symbol":
            self._symbols.append((slot, e.data.name))
        elif e.op == "abstract":
            name, order = e.data
            function = self._slot()
            self._functions.append((function, name))
            self._steps.append(_Step(slot, _applied, (function, *args), order))
        elif not args:
            self._values[slot] = _leaf(e, sizes)
        else:
            row = TABLE[e.op]
            data = _sized(e.data, sizes)
            self._steps.append(_Step(slot, row.value, args, data))
            if row.branch is not None:
                self._kinks.append(_Step(slot, row.branch, args, data))
        return slot

    def _slot(self) -> int:
        self._values.append(None)
        return len(self._values) - 1


def _applied(function: Callable[[Array, int], Array], x: Array, order: int) -> Array:
    return function(x, order)


def _sized(data: Any, sizes: Mapping[str, int]) -> Any:
    """What an operation needs beside its arguments, with sizes for dimensions."""
    if isinstance(data, tuple) and data and isinstance(data[0], Dim):
        return tuple(d.size(sizes) for d in data)
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
