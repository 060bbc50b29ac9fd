"""Constants that the language knows by name: numbers, and matrices of a size that is given, or that
what is around them tells."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ...core.expr import Expr, commute, duplicate, eliminate, eye, ones, zeros

CONSTANTS = ("pi", "e")
INFINITE = 10**9  # what stands for infinity: `exp(-INFINITE)` is 0
IDENTITIES = ("I", "Id")  # their size is inferred

# Constants of a given size: how many sizes they take, and what they are.
SIZED: Mapping[str, tuple[tuple[int, ...], Callable[..., Expr]]] = {
    "eye": ((1,), eye),
    "ones": ((1, 2), ones),
    "zeros": ((1, 2), zeros),
    "commute": ((2,), commute),
    "duplicate": ((1,), duplicate),
    "eliminate": ((1,), eliminate),
}
# Constants sized by their surroundings, and whether they can have many columns.
UNSIZED: Mapping[str, bool] = {"vector": False, "matrix": True}
