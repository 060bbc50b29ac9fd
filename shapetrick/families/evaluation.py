"""Arrays for the members of families: lists in, the gradients at a given length out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ..core.errors import InputError
from ..core.expr import Abstract, Symbol
from ..core.families import Place
from ..core.functions import Array
from ..core.indices import Index, numbered, read_name, renamed
from ..core.problem import Problem
from ..core.results import Result
from ..core.traversal import postorder
from ..numerics.arrays import evaluate_all
from ..simplification.stable_forms import stable
from .unrolled_checks import gradients, places_asked

Given = Mapping[str, Any]


def evaluate(
    problem: Problem, result: Result, given: Given, lengths: Mapping[str, int]
) -> Array | list[Any]:
    """The gradient's value: one array for each member of a family, in order, or one for a symbol.
    Members with several indices are lists of lists.

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
    given = {renamed(read_name(name), numbers): value for name, value in given.items()}

    def first(base: str) -> tuple[int, ...]:
        return tuple(i.within(numbers).offset for i in families.first(base))

    named = {e.name: _given(e, given, first) for e in nodes if isinstance(e, (Symbol, Abstract))}
    for e in nodes:
        if isinstance(e, Abstract) and not callable(named[e.name]):
            raise InputError(
                f"give `{e.name}` as a function f(x, order): its value, or its derivative of that "
                "order."
            )
    arrays = {name: value for name, value in named.items() if value is not None}
    values = evaluate_all(stable(exprs), arrays, arrays, lengths)
    if not families.running(result.request.wrt.indices):
        return values[0]
    return _nested(values, [place for place, _ in places_asked(result.request, families, lengths)])


def _nested(values: Sequence[Array], places: Sequence[Place]) -> list[Any]:
    """Values as a list, of lists where members have several indices, in order."""
    if len(places[0]) < 2:
        return list(values)
    groups: dict[Index, list[tuple[Array, Place]]] = {}
    for value, place in zip(values, places, strict=True):
        groups.setdefault(place[0], []).append((value, place[1:]))
    return [_nested(*map(list, zip(*group, strict=True))) for group in groups.values()]


def _given(e: Symbol | Abstract, given: Given, first: Callable[[str], tuple[int, ...]]) -> Any:
    """What is given for a member, by its own name or in the list of its family, whose first entry
    has the index that `first` says. Raises InputError."""
    members = given.get(e.base)
    if e.name in given or not e.indices or members is None or callable(members):
        return given.get(e.name, members)
    for index, start in zip(e.indices, first(e.base), strict=True):
        position = index.offset - start
        if not isinstance(members, (Sequence, np.ndarray)) or not 0 <= position < len(members):
            raise InputError(f"`{e.base}` is a list of its members, and has none for `{e.name}`.")
        members = members[position]
    return members
