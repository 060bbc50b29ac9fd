"""Inputs moved until what goes into functions with a domain is inside it, by Gauss–Newton steps.

Random inputs do for an argument that is one; `X w` is between 1000 and 1001 in all entries for
hardly any that are drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from ..core.errors import ShapetrickError
from ..core.expr import Expr, Symbol
from ..core.functions import TABLE, Array
from ..numerics.evaluation import EvaluationTape, FunctionValues
from ..numerics.sampling import DrawnRanges, within

ENTRYWISE = frozenset({"const", "positive", "nonneg"})  # what leaves each entry to be moved alone
MOST_STEPS = 20
STEP = 1e-6  # of the differences, relative
LENGTHS = 2.0 ** -np.arange(6)  # of a step, of which the best is taken

Env = Mapping[str, Array]


class DomainSearch:
    """The arguments, no inputs themselves, of functions with a domain, and the inputs that may be
    moved for them."""

    def __init__(self, nodes: Iterable[Expr], inputs: Iterable[Symbol]) -> None:
        found: dict[Expr, DrawnRanges] = {}
        for e in nodes:
            row = TABLE.get(e.op)
            for a in e.args if row is not None and row.ranges else ():
                if row is not None and not isinstance(a, Symbol):
                    found[a] = row.ranges
        self._ranges: Sequence[DrawnRanges] = tuple(found.values())
        self._program = EvaluationTape([*found])
        free = [s for s in inputs if s.attributes <= ENTRYWISE]
        self._free = [s.name for s in free]
        self._positive = [s.name for s in free if s.attributes & {"positive", "nonneg"}]

    def __bool__(self) -> bool:
        """Whether there are such arguments, and inputs to move."""
        return bool(self._ranges and self._free)

    def moved(
        self,
        env: Env,
        sizes: Mapping[str, int],
        functions: FunctionValues,
        rng: np.random.Generator,
    ) -> Env | None:
        """The inputs with all arguments inside; None where no way there was found."""

        def arguments(points: Array) -> list[Array]:
            """Their values (points × rows × columns) where the entries to be moved are these."""
            values = self._program.run(self._with(env, points), sizes, functions)
            return [np.broadcast_to(v, (len(points), *v.shape[-2:])) for v in values]

        def flat(points: Array) -> Array:
            return _flat(arguments(points))

        at = np.concatenate([env[name].ravel() for name in self._free])
        try:
            values = arguments(at[None])
            goal = np.concatenate(
                [within(r, v.shape, rng).ravel() for r, v in zip(self._ranges, values, strict=True)]
            )
            for _ in range(MOST_STEPS):
                if all(map(_are_inside, values, self._ranges)):
                    found = {name: x[0] for name, x in self._with(env, at[None]).items()}
                    return found if all((found[n] > 0).all() for n in self._positive) else None
                tried = at + LENGTHS[:, None] * _step(goal, at, flat)
                missed = np.nan_to_num(np.abs(flat(tried) - goal).max(axis=1), nan=np.inf)
                at = tried[missed.argmin()]
                values = arguments(at[None])
        except (ShapetrickError, ArithmeticError, np.linalg.LinAlgError):  # no value on the way
            return None
        return None

    def _with(self, env: Env, points: Array) -> dict[str, Array]:
        """The inputs, of which the entries to be moved are at many points."""
        moved, start = {name: x[None] for name, x in env.items()}, 0
        for name in self._free:
            shape, size = env[name].shape, env[name].size
            moved[name] = points[:, start : start + size].reshape(-1, *shape)
            start += size
        return moved


def _step(goal: Array, at: Array, values: Callable[[Array], Array]) -> Array:
    """The least change of the entries that takes the values, were they linear, to the goal."""
    size = STEP * (np.abs(at) + 1)
    moves = np.diag(size)
    ahead, behind = np.split(values(np.concatenate([at + moves, at - moves])), 2)
    slopes = (ahead - behind) / (2 * size[:, None])
    return np.asarray(np.linalg.lstsq(slopes.T, goal - values(at[None])[0], rcond=None)[0])


def _flat(arrays: Sequence[Array]) -> Array:
    """The entries of all arrays (points × rows × columns) side by side."""
    return np.concatenate([x.reshape(len(x), -1) for x in arrays], axis=1)


def _are_inside(values: Array, ranges: DrawnRanges) -> bool:
    """Whether each value is in one of the ranges."""
    low, high = np.array(ranges).T
    x = values[..., None]
    return bool(((low <= x) & (x <= high)).any(axis=-1).all())
