"""Nodes for what only numbers tell: solutions of equations and their multipliers, while an answer
is checked or evaluated. No answer has one."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

import numpy as np

from .dims import Shape, Sizes
from .expr import Expr, node, node_class
from .records import dataclass


@node_class
class Solved(Expr):
    """What `compute` finds from the sizes, the abstract functions and the arguments' values."""

    compute: Callable[..., Any]
    op: ClassVar[str] = "solved"


def computed(compute: Callable[..., Any], shape: Shape, *args: Expr) -> Expr:
    """What is computed of the arguments' values, of that shape."""
    return node(Solved, args, shape, compute)


@dataclass(frozen=True)
class SolvedBy:
    """What a library's solver finds of its arguments, in one place of all of it; `run` calls it at
    one point."""

    solver: str
    run: Callable[..., Any]
    place: int = 0

    def __call__(self, _: Sizes, __: Any, *values: Any) -> Any:
        """What it finds there, at each point."""
        points = np.broadcast_shapes(*(x.shape[:-2] for x in values))
        spread = [np.broadcast_to(x, (*points, *x.shape[-2:])) for x in values]
        run = partial(self.run, self.solver)
        found = [run([x[at] for x in spread])[self.place] for at in np.ndindex(points)]
        return np.reshape(found, (*points, *found[0].shape))
