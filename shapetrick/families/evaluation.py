"""Arrays for the members of families: lists in, the gradients at a given length out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ..core.dims import Dim
from ..core.errors import InputError
from ..core.expr import Abstract, Expr, Symbol
from ..core.families import Families, Place, around, at_index, extent_of
from ..core.functions import Array
from ..core.indices import Index, numbered, read_name, renamed
from ..core.problem import Problem
from ..core.results import Result
from ..core.traversal import postorder
from ..numerics.arrays import evaluate_all, told_sizes
from ..simplification.stable_forms import stable
from .given_checks import blocks, with_letters
from .unrolled_checks import gradients, letters_of, places_asked

Given = Mapping[str, Any]


def evaluate(problem: Problem, result: Result, given: Given, lengths: Mapping[str, int]) -> Any:
    """The gradient's value: one array for each member of a family, in order, or one for a symbol.
    Members with several indices are lists of lists. Lengths that are not given are those of lists.

    Raises InputError where an array is missing or has another shape."""
    families = problem.families
    for name in lengths.keys() - {*problem.dimensions(), *problem.taken(result.request)}:
        raise InputError(_unknown(name, problem))
    lengths = told_sizes([*_lengths_of_lists(families, given)], lengths)
    missing = [letter for letter in families.lengths if letter not in lengths]
    if missing:
        raise InputError(f"give a number for {missing[0]}: `evaluate(…, {missing[0]}=3)`.")
    asked = dict(_asked(problem, result, lengths))
    exprs = [e for e in asked.values() if e is not None]
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
    values = iter(evaluate_all(stable(exprs), arrays, arrays, lengths))
    return _nested([None if e is None else next(values) for e in asked.values()], [*asked])


def _unknown(name: str, problem: Problem) -> str:
    """What is said of a number for what is no length, nor a dimension."""
    said = next((text for text in problem.readings if f"`{name}` is" in text), "")
    there = ", ".join(f"`{letter}`" for letter in problem.families.lengths)
    return f"`{name}` is no length here: there are {there}. {said}".rstrip()


def _lengths_of_lists(families: Families, given: Given) -> Iterator[tuple[Dim, int]]:
    """How many members there are along each axis of what is given as one list, or array."""
    for base in dict.fromkeys(s.base for s in families.segments if s.base in given):
        members = given[base]
        for d in extent_of(around([s.box for s in families.of(base) if s.body is None])):
            if not isinstance(members, (Sequence, np.ndarray)) or not len(members):
                break
            yield d, len(members)
            members = members[0]


def _asked(
    problem: Problem, result: Result, lengths: Mapping[str, int]
) -> Iterator[tuple[Place, Expr | None]]:
    """What is asked for: of each value of the letters that are given, and of each member; None for
    the blocks on the diagonal of a Hessian, of which the others are asked."""
    request, recursion = result.request, result.recursion
    if recursion is None:
        yield (), result.gradient
        return
    families = with_letters(problem.families, request)
    for given, block in blocks(request, recursion, lengths):
        own = tuple(Index("", given[r.letter]) for r in request.ranges)
        rows = None if request.rows is None else at_index(request.rows, numbered(given))
        places = [place for place, _ in places_asked(request, families, given)]
        if not letters_of(request, families):
            places = [()]
        for place, e in zip(places, gradients(families, request, block, given), strict=True):
            itself = rows is not None and (rows.base, rows.indices) == (request.wrt.base, place)
            yield (*own, *place), None if itself else e


def _nested(values: Sequence[Array | None], places: Sequence[Place]) -> Any:
    """Values as a list, of lists where there are several indices, in order; the value itself where
    there is none."""
    if len(places[0]) < 2:
        return list(values) if places[0] else values[0]
    groups: dict[Index, list[tuple[Array | None, Place]]] = {}
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
