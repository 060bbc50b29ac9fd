"""Arrays for the members of families: lists in, the gradients at a given length out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from ..core.dims import shape_text
from ..core.errors import InputError
from ..core.expr import Abstract, Symbol, postorder
from ..core.families import Families
from ..core.functions import Array
from ..core.indices import numbered
from ..core.problem import Problem
from ..core.results import Result
from ..numerics.evaluation import Program
from .unrolled_checks import gradients

Given = Mapping[str, Any]
First = Callable[[str], int]  # the index of a family's first input


def evaluate(
    problem: Problem, result: Result, given: Given, lengths: Mapping[str, int]
) -> Array | list[Array]:
    """The gradient's value: one array for each member of a family, in order, or one for a symbol.

    Raises InputError where an array is missing or has another shape."""
    families = problem.families or Families((), ())
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

    env = {e.name: _array(e, given, first) for e in nodes if isinstance(e, Symbol)}
    sizes = _sizes([e for e in nodes if isinstance(e, Symbol)], env)
    functions = {e.name: _function(e, given, first) for e in nodes if isinstance(e, Abstract)}
    values = Program(exprs).run(env, sizes, functions)
    return values if families.is_generic(result.request.wrt.index) else values[0]


def _array(e: Symbol, given: Given, first: First) -> Array:
    name = e.name
    base, index = e.base, e.index
    value = given.get(name)
    if value is None and index is not None and base in given:
        members = given[base]
        position = index.offset - first(base)
        if not isinstance(members, (Sequence, np.ndarray)) or len(members) <= position:
            raise InputError(f"`{base}` is a list of its members, and has none for `{name}`.")
        value = members[position]
    if value is None:
        raise InputError(f"give a value for `{name}`.")
    array = np.asarray(value, dtype=float)
    if array.ndim < 2:
        array = array.reshape((1, -1) if str(e.shape[0]) == "1" else (-1, 1))
    return array


def _sizes(symbols: Iterable[Symbol], env: Given) -> dict[str, int]:
    """What the dimensions are, from the arrays. Raises InputError where these don't fit."""
    sizes: dict[str, int] = {}
    checked = list(symbols)
    for e in checked:
        for dim, size in zip(e.shape, env[e.name].shape, strict=True):
            if dim.names == (str(dim),):
                sizes.setdefault(str(dim), size)
    for e in checked:
        shape = env[e.name].shape
        known = all(name in sizes for dim in e.shape for name in dim.names)
        if not known or shape != tuple(dim.size(sizes) for dim in e.shape):
            actual = "×".join(map(str, shape))
            raise InputError(f"`{e.name}` is {shape_text(e.shape)}, and not {actual}.")
    return sizes


def _function(e: Abstract, given: Given, first: First) -> Callable[[Array, int], Array]:
    """The value of a declared elementwise function: one that takes entries and an order."""
    name, function = e.name, given.get(e.name)
    if function is None and e.index is not None:
        function = given.get(e.base)
        if isinstance(function, Sequence):
            function = function[e.index.offset - first(e.base)]
    if not callable(function):
        raise InputError(
            f"give `{name}` as a function f(x, order): its value, or its derivative of that order."
        )
    return function  # type: ignore[no-any-return]
