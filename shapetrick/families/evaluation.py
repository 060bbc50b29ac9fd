"""Arrays for the members of families: lists in, the gradients at a given length out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ..core.errors import InputError
from ..core.expr import Abstract, Symbol
from ..core.functions import Array
from ..core.indices import numbered
from ..core.problem import Problem
from ..core.results import Result
from ..core.traversal import postorder
from ..numerics.arrays import evaluate_all
from .unrolled_checks import gradients

Given = Mapping[str, Any]


def evaluate(
    problem: Problem, result: Result, given: Given, lengths: Mapping[str, int]
) -> Array | list[Array]:
    """The gradient's value: one array for each member of a family, in order, or one for a symbol.

    Raises InputError where an array is missing or has another shape."""
    families = problem.families
    missing = [letter for letter in families.lengths if letter not in lengths]
    if missing:
        raise InputError(f"give a number for {missing[0]}: `evaluate(…, {missing[0]}=3)`.")
    exprs = [result.gradient]
    if result.recursion is not None:
        exprs = list(gradients(families, result.request, result.recursion, lengths))
    nodes = list(postorder(exprs))
    numbers = numbered(lengths)

    def first(base: str) -> int:
        return families.first(base).within(numbers).offset

    named = {e.name: _given(e, given, first) for e in nodes if isinstance(e, (Symbol, Abstract))}
    for e in nodes:
        if isinstance(e, Abstract) and not callable(named[e.name]):
            raise InputError(
                f"give `{e.name}` as a function f(x, order): its value, or its derivative of that "
                "order."
            )
    arrays = {name: value for name, value in named.items() if value is not None}
    values = evaluate_all(exprs, arrays, arrays, lengths)
    return values if families.is_generic(result.request.wrt.index) else values[0]


def _given(e: Symbol | Abstract, given: Given, first: Callable[[str], int]) -> Any:
    """What is given for a member, by its own name or in the list of its family, whose first entry
    has the index that `first` says. Raises InputError."""
    members = given.get(e.base)
    if e.name in given or e.index is None or members is None or callable(members):
        return given.get(e.name, members)
    position = e.index.offset - first(e.base)
    if not isinstance(members, (Sequence, np.ndarray)) or len(members) <= position:
        raise InputError(f"`{e.base}` is a list of its members, and has none for `{e.name}`.")
    return members[position]
