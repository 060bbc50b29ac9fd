"""Nodes for what only numbers tell: solutions of equations and their multipliers, while an answer
is checked or evaluated. No answer has one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from .dims import Shape
from .expr import Expr, node, node_class


@node_class
class Solved(Expr):
    """What `compute` finds from the sizes, the abstract functions and the arguments' values."""

    compute: Callable[..., Any]
    op: ClassVar[str] = "solved"


def computed(compute: Callable[..., Any], shape: Shape, *args: Expr) -> Expr:
    """What is computed of the arguments' values, of that shape."""
    return node(Solved, args, shape, compute)
