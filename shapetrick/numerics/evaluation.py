"""Expressions to numbers: a program is built once for some expressions, and run at any sizes, on
many points at once.

Arrays are 2-D with any number of leading batch axes; a batch is how all perturbed points of a
finite difference are evaluated in one call of each operation.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from copy import copy
from typing import Any, Literal

import numpy as np

from ..core.dims import Shape
from ..core.expr import (
    Abstract,
    Commute,
    Constant,
    Dimension,
    Duplicate,
    Eliminate,
    Expr,
    Eye,
    Name,
    Number,
    Ones,
    PowerSum,
    Structured,
    Symbol,
    Zeros,
)
from ..core.functions import TABLE, Array, Function
from ..core.named_tuples import NamedTuple
from ..core.solved import Solved
from ..core.structure import data_of, sizes_of
from ..core.structured import entries
from ..core.traversal import postorder

FunctionValues = Mapping[
    str, Callable[[Array, int], Array]
]  # value and derivatives of abstract functions


class _Step(NamedTuple):
    """What is computed: the value of `slot` is `f` of the values in the slots `args`. What picks an
    entry is not rounded, what may be a sum of products is in its summands, too."""

    slot: int
    f: Callable[..., Any]
    args: tuple[int, ...]
    rounded: Literal["never", "once", "inside"] = "once"


class EvaluationTape:
    """The steps that compute some expressions, arguments first, each node once.

    Every value has a slot, and so has what an operation needs beside its arguments. Numbers are
    filled in when the program is built, what depends on sizes and inputs when it is run; the steps
    do the rest.
    """

    def __init__(self, roots: Sequence[Expr], nodes: Sequence[Expr] | None = None) -> None:
        """Of the roots, whose nodes are `nodes`, arguments first, if these are known."""
        self.roots = tuple(roots)
        self.nodes = tuple(postorder(self.roots)) if nodes is None else nodes
        self._values: list[Any] = [None]
        self._sized: list[tuple[int, Expr]] = []
        self._symbols: list[tuple[int, str]] = []
        self._functions: list[tuple[int, str]] = []
        self._contexts: list[tuple[int, int]] = []  # slots of all sizes, and of all functions
        self._steps: list[_Step] = []
        self._kinks: list[_Step] = []
        self.kinked: tuple[Expr, ...] = ()  # the operations with kinks, in the order of `branches`
        slots: dict[Expr, int] = {}
        self.shapes = Counter[Shape]()  # of what is computed
        for e in self.nodes:
            args = tuple([slots[a] for a in e.args]) if e.args else ()
            known = len(self._kinks)
            if isinstance(e, Name):
                slots[e] = args[0]
                continue
            self.shapes[e.shape] += 1
            slots[e] = self._place(e, args)
            if len(self._kinks) > known:
                self.kinked += (e,)
        self._results = [slots[e] for e in self.roots]

    def first(self) -> EvaluationTape:
        """The same for the first root alone; its steps come first."""
        alone = copy(self)
        alone.roots, alone._results = self.roots[:1], self._results[:1]
        (last,) = alone._results
        alone._steps = [step for step in self._steps if step.slot <= last]
        alone._kinks = [step for step in self._kinks if step.slot <= last]
        alone.kinked = self.kinked[: len(alone._kinks)]
        alone.nodes = tuple(postorder(alone.roots))
        return alone

    def of_kinks(self) -> EvaluationTape:
        """The branches alone: the steps on which operations with kinks depend, and no roots."""
        needed = {slot for step in self._kinks for slot in step.args}
        steps = []
        for step in reversed(self._steps):
            if step.slot in needed:
                needed.update(step.args)
                steps.append(step)
        alone = copy(self)
        alone.roots, alone._results, alone._steps = (), [], steps[::-1]
        alone._sized = [(slot, e) for slot, e in self._sized if slot in needed]
        return alone

    def each(self) -> list[EvaluationTape]:
        """The same for each root alone."""
        return [EvaluationTape([e]) for e in self.roots]

    def run(
        self,
        env: Mapping[str, Array],
        sizes: Mapping[str, int],
        functions: FunctionValues | None = None,
        branches: list[Array] | None = None,
        strict: bool = False,
        rounding: np.random.Generator | None = None,
        under: Literal["ignore", "raise"] = "ignore",
    ) -> list[Array]:
        """The roots' values, for the values of symbols, dimension names and abstract functions;
        into `branches`, for every operation with kinks, the branch that each entry takes.

        Non-finite results are returned, not warned of; `strict` raises FloatingPointError where an
        element-wise operation has one, and `under` says whether it does where a value is too small
        for a number. With `rounding`, every step is rounded once more, up or down
        at random, and what left the range of numbers in it is drawn from beyond: what changes by
        that is below what the values say."""
        values = self._values.copy()
        for slot, e in self._sized:
            values[slot] = _at_sizes(e, sizes)
        for slot, name in self._symbols:
            values[slot] = env[name]
        for slot, name in self._functions:
            values[slot] = (functions or {})[name]
        for slot, of_functions in self._contexts:
            values[slot], values[of_functions] = sizes, functions or {}
        trouble: Any = "raise" if strict else "ignore"
        with np.errstate(over=trouble, divide=trouble, invalid=trouble, under=under):
            at = values.__getitem__
            if rounding is None:
                for slot, f, args, _ in self._steps:
                    values[slot] = f(*map(at, args))
            else:
                rounded = _Rounding(rounding, env)
                for step in self._steps:
                    values[step.slot] = rounded.value(step, [*map(at, step.args)], strict)
            if branches is not None:
                branches += [f(*map(at, args)) for _, f, args, _ in self._kinks]
        return [values[slot] for slot in self._results]

    def _place(self, e: Expr, args: tuple[int, ...]) -> int:
        """Provide for the node's value; its slot."""
        slot = len(self._values)
        self._values.append(None)
        row = TABLE.get(e.op) if args else None
        if row is not None:
            operands = (*args, self._data(e))
            self._steps.append(_Step(slot, row.value, operands, _roundings(row, len(args))))
            if row.branch is not None:
                self._kinks.append(_Step(slot, row.branch, operands))
        elif isinstance(e, Symbol):
            self._symbols.append((slot, e.name))
        elif isinstance(e, Number):
            self._values[slot] = np.array([[float(e.value)]])
        elif isinstance(e, Constant):
            self._values[slot] = np.array([[_CONSTANTS[e.name]]])
        elif isinstance(e, Solved):
            sizes, functions = self._slot(), self._slot()
            self._contexts.append((sizes, functions))
            self._steps.append(_Step(slot, e.compute, (sizes, functions, *args)))
        elif not args:
            self._sized.append((slot, e))
        elif isinstance(e, Abstract):
            function = self._slot()
            self._functions.append((function, e.name))
            self._steps.append(_Step(slot, _applied, (function, *args, self._slot(e.order))))
        elif isinstance(e, PowerSum):
            degree = self._slot()
            self._sized.append((degree, e))
            self._steps.append(_Step(slot, _sum_of_powers, (degree, *args)))
        else:
            raise KeyError(e.op)
        return slot

    def _data(self, e: Expr) -> int:
        """The slot of what the operation needs beside its arguments; the first is of nothing."""
        data = data_of(e)
        if data is None:
            return 0
        slot = self._slot(data)
        if isinstance(data, tuple):
            self._sized.append((slot, e))
        return slot

    def _slot(self, value: Any = None) -> int:
        self._values.append(value)
        return len(self._values) - 1


class Valuation(NamedTuple):
    """Where expressions have values: those of symbols, of dimensions, and of abstract functions."""

    env: Mapping[str, Array]
    sizes: Mapping[str, int]
    functions: FunctionValues


def evaluate(
    e: Expr,
    env: Mapping[str, Array],
    sizes: Mapping[str, int],
    functions: FunctionValues | None = None,
) -> Array:
    """The value of one expression: an array of its shape (with the batch axes of the inputs)."""
    return EvaluationTape([e]).run(env, sizes, functions)[0]


def _applied(function: Callable[[Array, int], Array], x: Array, order: int) -> Array:
    return function(x, order)


def _sum_of_powers(degrees: tuple[int], first: Array, *factors: Array) -> Array:
    """What `PowerSum` stands for: sums[d] are those of the exponents so far that add up to d."""
    (degree,) = degrees
    if degree < 0:
        shape = np.broadcast_shapes(*(x.shape[:-2] for x in (first, *factors)))
        return np.zeros((*shape, first.shape[-2], (factors or (first,))[-1].shape[-1]))
    sums = [np.broadcast_to(np.eye(first.shape[-1]), first.shape)]
    for _ in range(degree):
        sums.append(sums[-1] @ first)
    for between, base in zip(factors[::2], factors[1::2], strict=True):
        moved = [x @ between for x in sums]
        sums = moved[:1]
        for x in moved[1:]:
            sums.append(sums[-1] @ base + x)
    return np.asarray(sums[degree])


class _Rounding:
    """Steps with a rounding error in each entry, up or down, at each point another one."""

    def __init__(self, rng: np.random.Generator, env: Mapping[str, Array]) -> None:
        self._rng = rng
        self._points = np.broadcast_shapes(*(x.shape[:-2] for x in env.values()))

    def value(self, step: _Step, args: Sequence[Any], strict: bool) -> Any:
        """What a step computes, with its rounding."""
        if step.rounded == "never" or (step.rounded == "inside" and _only_signs(args)):
            return step.f(*args)
        linear = step.rounded == "inside"
        operands = [self._rounded(x) for x in args] if linear else args
        lost: list[int] = []
        over: Literal["raise", "call"] = "raise" if strict else "call"
        with np.errstate(over=over, under="call", call=lambda _, flags: lost.append(flags)):
            value = step.f(*operands)
        if linear and all(map(_finite, operands)):  # products of matrices raise no flags
            return self._rounded(value, bool(lost) or not _finite(value))
        return self._rounded(value, bool(lost))

    def _rounded(self, value: Any, lost: bool = False) -> Any:
        """An array rounded; where entries were lost for being too small or too large, those that
        may be of them are some number of that size."""
        if not isinstance(value, np.ndarray):
            return value
        signs = 2 * self._rng.integers(0, 2, (*self._points, *value.shape[-2:])) - 1
        rounded = value * (1 + EPS * signs)
        if not lost:
            return rounded
        size = np.abs(value)
        rounded = np.where(size < LIMITS.tiny, value + signs * LIMITS.smallest_subnormal, rounded)
        return np.where(
            size == np.inf, np.copysign(LIMITS.max, value) * (0.75 + signs / 4), rounded
        )


def _roundings(row: Function, count: int) -> Literal["never", "once", "inside"]:
    """Where a function of so many arguments is rounded: a sum of two is once."""
    if row.picks:
        return "never"
    return "inside" if row.units == "linear" or (row.units == "equal" and count > 2) else "once"


def _only_signs(args: Sequence[Any]) -> bool:
    """Whether one of two factors is 1 or -1, so that their product is exact."""
    arrays = [x for x in args if isinstance(x, np.ndarray)]
    return len(arrays) == 2 and any(x.shape == (1, 1) and abs(x[0, 0]) == 1 for x in arrays)


def _finite(value: Any) -> bool:
    return not isinstance(value, np.ndarray) or bool(np.isfinite(value).all())


LIMITS = np.finfo(float)
EPS = float(LIMITS.eps)
_CONSTANTS = {"pi": np.pi, "e": np.e, "nan": np.nan}


def _at_sizes(e: Expr, sizes: Mapping[str, int]) -> Any:
    """What is known of a node once sizes are: a leaf's value, an operation's dimensions."""
    match e:
        case Dimension():
            return np.full((1, 1), float(sizes[e.name]))
        case Ones():
            return np.ones([d.size(sizes) for d in e.shape])
        case Zeros():
            return np.zeros([d.size(sizes) for d in e.shape])
        case Eye():
            return np.eye(e.shape[0].size(sizes))
        case Commute():
            m, n = (d.size(sizes) for d in e.sizes)
            return np.eye(m * n)[np.arange(m * n).reshape(n, m).T.ravel()]
        case Eliminate():
            (n,) = (d.size(sizes) for d in e.sizes)
            return np.eye(n * n)[np.flatnonzero(np.triu(np.ones((n, n))))]
        case Duplicate():
            (n,) = (d.size(sizes) for d in e.sizes)
            place = np.zeros((n, n), dtype=int)
            place[np.triu_indices(n)] = np.arange(n * (n + 1) // 2)
            return np.eye(n * (n + 1) // 2)[np.maximum(place, place.T).ravel()]
        case Structured():
            return entries(e, sizes)
    return tuple([d.size(sizes) for d in sizes_of(e)])
