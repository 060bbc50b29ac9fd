"""Nodes for what only numbers tell: solutions of equations and their multipliers, while an answer
is checked or evaluated. No answer has one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from .dims import Shape, Sizes
from .expr import Expr, Symbol, node, node_class
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
    """What a library's solver finds of its arguments; `run` calls it at one point. Where it finds
    several, `item` is the number of one, and how many axes that has there."""

    solver: str
    run: Callable[..., Any]
    item: tuple[int, int] | None = None

    def __call__(self, _: Sizes, __: Any, *values: Any) -> Any:
        """What it finds, at each point."""
        which = self.item[0] if self.item else 0
        points = np.broadcast_shapes(*(x.shape[:-2] for x in values))
        spread = [np.broadcast_to(x, (*points, *x.shape[-2:])) for x in values]
        found = [self.run(self.solver, [x[at] for x in spread])[which] for at in np.ndindex(points)]
        return np.reshape(found, (*points, *found[0].shape))


@dataclass(frozen=True)
class LinearSolver:
    """What solves `rule` = right for the column `solution`, in which the rule is linear; `run`
    solves at points."""

    solution: Symbol
    rule: Expr
    given: tuple[Symbol, ...]  # what else the rule mentions
    run: Callable[..., Any]

    def __call__(self, sizes: Sizes, functions: Any, *values: Any) -> Any:
        """The columns, from the values of `given` and of the right side."""
        return self.run(self, sizes, functions, *values)
