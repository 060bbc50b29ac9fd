"""Targets of a check: what is differentiated by what, and what a gradient says of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cached_property, lru_cache
from math import isqrt

import numpy as np

from ..core.budget import numbers_in
from ..core.dims import ONE, Dim, Shape
from ..core.equations import EquationSystem
from ..core.expr import Abstract, Expr, Symbol, Times, symbol
from ..core.functions import TABLE, Array, Function
from ..core.problem import DerivativeKind, derivative_shape
from ..core.records import dataclass
from ..core.structure import is_flat, is_zero
from ..core.traversal import postorder, symbols_of
from ..numerics.evaluation import EvaluationTape, FunctionValues, Valuation
from ..numerics.sampling import DrawnRanges, dims_of
from .domain_search import DomainSearch, Env

SECOND_ORDER: frozenset[DerivativeKind] = frozenset({"hess", "hvp"})
RANDOM_DIRECTIONS = 32  # so many stand for the entries where there is no room for these


@dataclass(frozen=True)
class Target:
    """What is differentiated: `kind` of `of` by `wrt`, as in a request; `symbols` are drawn too."""

    of: Expr
    wrt: Symbol
    kind: DerivativeKind
    direction: Symbol | None
    symmetric: bool
    symbols: tuple[Symbol, ...]
    functions: tuple[str, ...]
    systems: tuple[EquationSystem, ...] = ()  # what determines some of the symbols

    @property
    def order(self) -> int:
        return 2 if self.kind in SECOND_ORDER else 1

    @property
    def variables(self) -> tuple[Symbol, ...]:
        """What is moved."""
        return (self.wrt,)

    def point(self, env: Env) -> Array:
        """Where the variable is."""
        return env[self.wrt.name]

    def moved(self, env: Env, points: Array) -> Env:
        """The inputs with the variable at those points."""
        return {**env, self.wrt.name: points}

    def scope(self, env: Env) -> Array:
        """Which entries of the variable each of many draws moves: 1 for those, 0 for others."""
        return np.ones((1, 1, 1))

    @cached_property
    def nodes(self) -> tuple[Expr, ...]:
        """What is computed, arguments first."""
        return tuple(postorder([self.of]))

    @cached_property
    def inputs(self) -> tuple[Symbol, ...]:
        """The symbols to be drawn."""
        leaves = [e for e in self.nodes if isinstance(e, Symbol)]
        extra = [
            *self.variables,
            *([] if self.direction is None else [self.direction]),
            *self.symbols,
        ]
        return tuple(dict.fromkeys([*leaves, *extra]))

    @cached_property
    def depends(self) -> bool:
        """Whether the variable is computed with, other than in what does not change with its
        parts; where it isn't, there is nothing to see."""
        return self.wrt in postorder([self.of], into=lambda e: not _is_constant(e))

    @cached_property
    def computed(self) -> tuple[Expr, ...]:
        """What has a value: the nodes, the inputs that are not among them, and the equations."""
        equations = postorder([r for system in self.systems for r in system.residuals])
        return tuple(dict.fromkeys([*self.nodes, *self.inputs, *equations]))

    def consistent(self, env: Env, sizes: Mapping[str, int], functions: FunctionValues) -> Env:
        """Inputs near these that fulfil the equations; NaN where there are none."""
        if not self.systems:
            return env
        from ..numerics.implicit_solving import ImplicitSolver  # where equations are alone

        return ImplicitSolver(self.systems).consistent(Valuation(env, sizes, functions))

    @cached_property
    def _shapes(self) -> Counter[Shape]:
        return Counter(e.shape for e in self.computed)

    def numbers(self, sizes: Mapping[str, int]) -> int:
        """How many numbers all values together are at these sizes."""
        return numbers_in(self._shapes, sizes)

    @cached_property
    def program(self) -> EvaluationTape:
        """The function's value, then those of the matrices that must not be singular."""
        return EvaluationTape([self.of, *self.inverted], self.nodes)

    @cached_property
    def inverted(self) -> tuple[Expr, ...]:
        """The matrices that must not be singular."""
        found = (a for row, args in self._rows if row.units == "inverse" for a in args)
        return tuple(dict.fromkeys(found))

    @cached_property
    def _rows(self) -> tuple[tuple[Function, tuple[Expr, ...]], ...]:
        """The rows of what is called, and its arguments."""
        called = ((TABLE.get(e.op), e.args) for e in self.nodes if e.args)
        return tuple((row, args) for row, args in called if row is not None)

    @cached_property
    def ranges(self) -> Mapping[str, DrawnRanges]:
        """Between what entries of inputs lie that go straight into a function with a domain."""
        return {
            a.name: row.ranges
            for row, args in self._rows
            if row.ranges
            for a in args
            if isinstance(a, Symbol) and not a.attributes
        }

    @cached_property
    def domain_search(self) -> DomainSearch:
        """What finds inputs at which other arguments of such functions are inside."""
        return DomainSearch(self.nodes, self.inputs)

    @cached_property
    def abstract(self) -> tuple[str, ...]:
        """The names of the abstract functions to be drawn."""
        used = {e.name for e in self.nodes if isinstance(e, Abstract)}
        return tuple(sorted(used.union(self.functions)))

    @property
    def shape(self) -> Shape:
        """The shape that the derivative has."""
        return derivative_shape(self.kind, self.of, self.wrt)

    def predicted(self, gradient: Array, directions: Array) -> Array:
        """What the gradient says of the derivatives along the directions (k × order × rows × cols):
        k × values, and of many gradients (… × rows × cols) those of each, along directions of its
        own where these are many too. Matrices are read column by column."""
        match self.kind:
            case "grad" | "vjp" | "hvp":
                return along(gradient, directions)
            case "jvp":
                row = _columns(gradient).swapaxes(-1, -2)
                return np.broadcast_to(row, (*row.shape[:-2], directions.shape[-4], row.shape[-1]))
            case "hess":
                moves = _columns(directions)[..., 0]
                bilinear = (moves[..., 0, :] @ gradient) * moves[..., 1, :]
                return np.asarray(bilinear.sum(-1, keepdims=True))
            case "jac":
                moves = _columns(directions)[..., 0, :, 0]
                by_entry = _columns(gradient) if self.wrt.is_scalar else gradient
                return np.asarray(moves @ by_entry.swapaxes(-1, -2))

    def directions(
        self, env: Env, rng: np.random.Generator, room: int, variable: Symbol | None = None
    ) -> Array:
        """Along what to differentiate (k × order × rows × cols): every entry, or pair of entries
        (of one variable, where there are several). Where that takes more than `room` directions,
        random ones."""
        shape = self.point(env).shape
        if self.kind == "jvp":
            return self.given(env)[None, None]
        few = RANDOM_DIRECTIONS
        if self.kind == "hess":
            room, few = isqrt(room), isqrt(few)  # directions come in pairs
        entries = moves_of(shape, room, rng, few)
        if self.kind == "hvp":
            given = np.broadcast_to(self.given(env), entries.shape)
            return np.stack([entries, given], axis=1)
        if self.kind == "hess":
            first, second = np.indices((len(entries), len(entries))).reshape(2, -1)
            return np.stack([entries[first], entries[second]], axis=1)
        return entries[:, None]

    def random_direction(self, env: Env, rng: np.random.Generator) -> Array:
        """A direction that is no entry: order × rows × cols."""
        direction = rng.standard_normal((self.order, *self.point(env).shape))
        if self.kind in ("jvp", "hvp"):
            direction[-1] = self.given(env)
        return direction

    def travelled(self, directions: Array) -> Array:
        """How the variable moves along them: for `symmetric`, within the symmetric matrices."""
        return (directions + directions.swapaxes(-1, -2)) / 2 if self.symmetric else directions

    def read(self, value: Array, env: Env, count: int) -> Array:
        """The function's values at `count` points, one row a point."""
        if value.ndim == 2:  # it does not depend on the variable
            value = np.broadcast_to(value, (count, *value.shape))
        return self.outputs(value, env)

    def outputs(self, value: Array, env: Env) -> Array:
        """The function's values as one axis in place of the last two."""
        if self.kind == "vjp":
            with np.errstate(invalid="ignore", over="ignore"):  # values may be infinite
                return np.asarray((value * self.given(env)).sum(axis=(-2, -1))[..., None])
        return value.swapaxes(-1, -2).reshape(*value.shape[:-2], -1)

    def given(self, env: Env) -> Array:
        """The direction, or the upstream gradient, that is asked for."""
        assert self.direction is not None
        return env[self.direction.name]


def along(gradient: Array, directions: Array) -> Array:
    """What a gradient (… × rows × cols) says of the derivatives along the first of each of the
    directions (k × order × rows × cols): … × k × 1."""
    return np.asarray(_columns(directions)[..., 0, :, 0] @ _columns(gradient))


def _columns(matrices: Array) -> Array:
    """Matrices (… × rows × cols), each read column by column: … × entries × 1."""
    return matrices.swapaxes(-1, -2).reshape(*matrices.shape[:-2], -1, 1)


def moves_of(
    shape: tuple[int, ...], room: int, rng: np.random.Generator, few: int = RANDOM_DIRECTIONS
) -> Array:
    """Every entry of a matrix, or, where that is more than there is room for, random moves."""
    if shape[0] * shape[1] <= room:
        return _entries(*shape)
    return rng.standard_normal((min(room, few), *shape))


@lru_cache(maxsize=16)
def _entries(rows: int, cols: int) -> Array:
    """The directions along which one entry changes, column by column."""
    entries = np.eye(rows * cols).reshape(-1, cols, rows).swapaxes(1, 2)
    entries.setflags(write=False)
    return entries


def also_drawn(of: Expr, others: Sequence[Expr], inputs: Sequence[Symbol]) -> list[Symbol]:
    """The symbols that the `others` mention, and `inputs`; with columns of the dimensions that none
    of these has, so that each has a size."""
    found = list(dict.fromkeys([*(s for e in others for s in symbols_of(e)), *inputs]))
    wanted = dict.fromkeys(n for d in dims_of(others) for n in d.names)
    if not wanted:
        return found
    known = {n for d in dims_of([of, *found]) for n in d.names}
    needed = [n for n in wanted if n not in known]
    return [*found, *(symbol(f"#{n}", (Dim.of(n), ONE)) for n in needed)]


def _is_constant(e: Expr) -> bool:
    """Whether it has one value, or one on each side of its kinks."""
    return is_flat(e) or (isinstance(e, Times) and any(map(is_zero, e.args)))
