"""Arrays in, arrays out: expressions evaluated at arrays, and generated functions called with
them."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Callable, Iterable, Mapping, Sequence
from numbers import Integral
from typing import Any

import numpy as np

from ..core.budget import ARRAYS, BYTES, TRIED, numbers_in
from ..core.dims import ONE, Dim, extent, shape_text
from ..core.errors import OperandError, ShapeError
from ..core.expr import Expr, Name, Symbol
from ..core.functions import Array
from ..core.results import orders
from ..core.traversal import postorder
from .evaluation import EvaluationTape as Evaluation
from .sampling import dims_of


def by_name(
    arrays: object, keywords: Mapping[str, Any], symbols: Iterable[str]
) -> tuple[dict[str, Any], dict[str, int]]:
    """Arrays by name, in a mapping or by keywords, and the sizes that the other keywords give:
    whole numbers for what is no symbol. Raises OperandError."""
    if not isinstance(arrays, Mapping):
        raise OperandError(
            f"arrays are given by name, such as {{'X': X}}, not as {type(arrays).__name__}."
        )
    named = {n: x for n, x in keywords.items() if n in symbols or not isinstance(x, Integral)}
    return {**arrays, **named}, {n: x for n, x in keywords.items() if n not in named}


def evaluate_all(
    roots: Sequence[Expr],
    arrays: Mapping[str, Any],
    functions: Mapping[str, Callable[[Array, int], Array]] | None,
    keywords: Mapping[str, Any],
) -> list[Array]:
    """The values of expressions at arrays, by name, each part of them once; a vector may have one
    axis.

    `functions` has the values of abstract functions, called with an order of derivative too;
    `keywords` has further arrays, and the sizes of dimensions that no array tells. Raises
    OperandError or ShapeError."""
    symbols = [e for e in postorder(roots) if isinstance(e, Symbol)]
    named, sizes = by_name(arrays, keywords, {s.name for s in symbols})
    given = {s.name: matrix_of(s, array_of(s.name, named)) for s in symbols}
    known = sizes_from(symbols, given, sizes)
    missing = [name for d in dims_of(roots) for name in d.names if name not in known]
    if missing:
        raise OperandError(f"the size of {missing[0]} is not told: give `{missing[0]}=…`.")
    admit_arrays(roots, known)
    return Evaluation(roots).run(given, known, functions)


def admit_arrays(roots: Sequence[Expr], sizes: Mapping[str, int]) -> None:
    """Refuse what holds more numbers than a machine has room for. Raises BudgetError."""
    instead = "ask for products with a large matrix (`vjp`, `jvp`, `hvp`) instead of the matrix."
    ARRAYS.admit(_bytes(roots, sizes), "an evaluation at these sizes", instead)


def admit_trial(roots: Sequence[Expr], sizes: Mapping[str, int], what: str) -> None:
    """Likewise a run that is made on the way to an answer."""
    instead = "write letters for the sizes (`X : m x n`), and it runs at small ones."
    TRIED.admit(_bytes(roots, sizes), what, instead)


def _bytes(roots: Sequence[Expr], sizes: Mapping[str, int]) -> int:
    """What the values take whose sizes are known."""
    shapes = [e.shape for e in postorder(roots) if not isinstance(e, Name)]
    known = (s for s in shapes if all(name in sizes for d in s for name in d.names))
    return BYTES * numbers_in(known, sizes)


def array_of(name: str, arrays: Mapping[str, Any]) -> Any:
    """What is given by that name. Raises OperandError where nothing is."""
    if name not in arrays:
        given = ", ".join(f"`{name}`" for name in arrays) or "none"
        raise OperandError(f"`{name}` has no value: the arrays given are {given}.")
    return arrays[name]


def matrix_of(symbol: Symbol, value: Any) -> Array:
    """An array with two axes for a symbol. Raises OperandError or ShapeError."""
    name = symbol.name
    try:
        array = np.asarray(value, dtype=None if hasattr(value, "dtype") else float)
    except (TypeError, ValueError) as error:
        raise OperandError(f"the value of `{name}` is no array of numbers: {error}") from None
    if array.dtype.kind not in "biuf":
        raise OperandError(f"the value of `{name}` is an array of {array.dtype}, not real numbers.")
    if array.dtype.kind != "f":
        array = array.astype(float)
    axes = extent(symbol.shape)
    if array.ndim == 2:
        return array
    if array.ndim < 2 and len(axes) == array.ndim:
        return array.reshape((1, 1) if not axes else (-1, 1) if symbol.shape[1] == ONE else (1, -1))
    raise misfit(symbol, array.shape)


def misfit(symbol: Symbol, given: tuple[int, ...]) -> ShapeError:
    """The error of an array of that shape for a symbol."""
    name = symbol.name
    advice = f": a scalar is declared, `{name} : scalar`" if given == () else ""
    return ShapeError(
        f"`{name}` is {shape_text(symbol.shape)}: not an array of shape {given}{advice}."
    )


def sizes_from(
    symbols: Sequence[Symbol], arrays: Mapping[str, Array], sizes: Mapping[str, int]
) -> dict[str, int]:
    """The sizes of dimensions, read off arrays with two axes. Raises ShapeError if two disagree."""
    sides = [(s, d, n) for s in symbols for d, n in zip(s.shape, arrays[s.name].shape, strict=True)]
    known = told_sizes([(d, n) for _, d, n in sides], sizes)
    for s, d, size in sides:
        if known.keys() >= set(d.names) and d.size(known) != size:
            told = ", ".join(f"{name} = {known[name]}" for name in d.names)
            raise ShapeError(
                f"`{s.name}` is {shape_text(s.shape)}{f' with {told}' if told else ''}: not "
                f"an array of shape {arrays[s.name].shape}."
            )
    return known


def told_sizes(lengths: Sequence[tuple[Dim, int]], sizes: Mapping[str, int]) -> dict[str, int]:
    """The sizes of names in dimensions, told by how long these are."""
    known = dict(sizes)
    for _ in range(len(lengths)):  # a sum may become known by what another shape tells
        found = {}
        for d, n in lengths:
            unknown = [name for name in d.names if name not in known]
            if len(unknown) == 1 and unknown[0] not in found:
                value = _solved(d, unknown[0], n, known)
                if value is not None:
                    found[unknown[0]] = value
        if not found:
            break
        known.update(found)
    return known


def check_orders(
    conditions: Sequence[str],
    symbols: Iterable[Symbol],
    arrays: Mapping[str, Any],
    sizes: Mapping[str, int],
) -> None:
    """Raises OperandError for sizes of arrays that do not satisfy a condition ("m ≥ d")."""
    if not conditions:
        return
    given = [s for s in symbols if s.name in arrays]
    known = sizes_from(given, {s.name: matrix_of(s, arrays[s.name]) for s in given}, sizes)
    for condition in conditions:
        for names in orders([condition], known):
            first, second = (known[n] if n in known else int(n) for n in names)
            if first < second:
                told = " and ".join(f"{n} is {known[n]}" for n in names if n in known)
                raise OperandError(f"{told}: this holds where {condition}.")


def _solved(d: Dim, name: str, size: int, known: Mapping[str, int]) -> int | None:
    """The name's size where the dimension is linear in it or grows with it, rounded down."""
    at = [d.size({**known, name: value}) for value in (0, 1, 2)]
    if at[2] - at[1] == at[1] - at[0] != 0:
        return (size - at[0]) // (at[1] - at[0])
    if d.least is None:
        return None
    return bisect(range(1, size + 1), size, key=lambda value: d.size({**known, name: value}))
