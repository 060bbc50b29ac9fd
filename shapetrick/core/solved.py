"""Nodes for what only numbers tell: solutions of equations and their multipliers. An answer tells
the equations in their place."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from .dims import Shape, Sizes
from .equations import LinearSystem
from .expr import Expr, Symbol, as_symbol, node, node_class, symbol
from .indices import Index, name_of, within
from .records import dataclass
from .traversal import substitute


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


@dataclass(frozen=True)
class SystemSolver:
    """What finds one of the symbols that a linear system determines. The system is in letters: its
    arguments are the symbols `given` in its left sides, then its right sides; `value` says what is
    sought in these, and `run` evaluates that."""

    system: LinearSystem
    sought: Symbol
    given: tuple[Symbol, ...]
    value: Expr
    run: Callable[..., Any]

    @property
    def arguments(self) -> tuple[Symbol, ...]:
        return (*self.given, *(as_symbol(q.right) for q in self.system.equations))

    def __call__(self, sizes: Sizes, functions: Any, *values: Any) -> Any:
        """What is sought, from the values of the arguments."""
        return self.run(self.value, sizes, functions, self.arguments, values)


def told_by(value: Expr, indices: tuple[Index, ...]) -> LinearSystem | None:
    """The equations that determine the member, at these indices, which has such a value; None where
    that is no solution."""
    if not isinstance(value, Solved) or not isinstance(value.compute, SystemSolver):
        return None
    solver = value.compute
    pairs = zip(solver.sought.indices, indices, strict=False)
    moved = {i.letter: at for i, at in pairs}
    own: dict[Expr, Expr] = {
        s: symbol(name_of(s.base, within(s.indices, moved)), s.shape, s.attributes)
        for s in solver.system.symbols
    }
    own.update(zip(solver.arguments, value.args, strict=True))
    symbols, equations = solver.system
    return LinearSystem(
        tuple(as_symbol(own[s]) for s in symbols),
        tuple(
            q._replace(left=substitute(q.left, own), right=substitute(q.right, own))
            for q in equations
        ),
    )
