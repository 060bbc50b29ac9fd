"""What a function is given: its arguments with the shapes that were declared for them, and the
arrays that it takes from around it, which have their values."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from ..core.dims import ONE, Dim, Extent
from ..core.errors import InputError, TraceError
from ..core.expr import Symbol, symbol
from ..core.functions import Array
from ..core.problem import Problem
from ..language.shapes.words import vocabulary
from ..language.syntax.parser import parse
from ..language.syntax.tree import Declaration
from . import arrays
from .arrays import Traced
from .captured import captured_arrays
from .places import SourceLine
from .symbolic import Layout, layout

_ONE_AXIS = re.compile(r"(?:x|×|,|\\times)\s*1\b")


class ShapedParameter(NamedTuple):
    """An argument of a function, or an array that it takes from around it: its symbol, and its
    shape as an array."""

    symbol: Symbol
    shape: Extent
    classes: bool = False  # whose numbers it is, where its symbol is one-hot
    array: Array | None = None  # its value, where it is no argument
    asked: bool = True  # whether there is to be a gradient by it

    @property
    def traced(self) -> Traced:
        return Traced(self.symbol, self.shape)

    @property
    def declaration(self) -> str:
        """A line that declares the matrix that it is."""
        rows, cols = self.symbol.shape
        attribute = " onehot" if self.classes else "" if self.asked else " const"
        return f"{self.symbol.name} : ({rows}) x ({cols}){attribute}"

    def given(self, matrix: Array) -> Array:
        """A matrix as the array that the function takes."""
        if self.classes:
            return np.asarray(matrix.argmax(axis=1))
        return matrix.reshape([n for n, _ in zip(matrix.shape, self.shape, strict=False)])

    def matrix(self, sizes: Mapping[str, int]) -> Array:
        """The array from around the function as the matrix of its symbol."""
        assert self.array is not None
        if self.classes:
            return np.asarray(np.eye(self.symbol.shape[1].size(sizes))[self.array.astype(int)])
        return self.array.astype(float).reshape([d.size(sizes) for d in self.symbol.shape])


def called(f: Callable[..., Any]) -> str:
    """What a function is called in messages."""
    return str(getattr(f, "__name__", type(f).__name__))


def declarations(shapes: Mapping[str, str] | str) -> str:
    """The shapes as a text of declarations, one a line."""
    if isinstance(shapes, str):
        lines = [part.strip() for part in re.split(r"[;\n]", shapes) if part.strip()]
        return "\n".join(_with_plain_names(*line.partition(":")) for line in lines)
    for name, shape in shapes.items():
        if not isinstance(shape, str):
            raise InputError(
                f'the shape of `{name}` is a text such as "m x d", not a {type(shape).__name__}.'
            )
    return "\n".join(_with_plain_names(name, " : ", shape) for name, shape in shapes.items())


def _with_plain_names(names: str, colon: str, shape: str) -> str:
    """`layer.weight` as the name `layer_weight`."""
    return names.replace(".", "_") + colon + shape


def redeclared(head: str, others: Mapping[str, ShapedParameter]) -> str:
    """The declarations, with others in the place of these."""
    lines = []
    for line in head.splitlines():
        names, colon, shape = line.partition(":")
        kept = [n for n in map(str.strip, names.split(",")) if n not in others]
        lines += [f"{', '.join(kept)} {colon}{shape}"] if kept else []
    return "\n".join([*lines, *(p.declaration for p in others.values())])


def check_axes(f: Callable[..., Any], head: str) -> None:
    """Refuse an argument of more than two axes, at the function. Raises TraceError."""
    for line in head.splitlines():
        name, _, shape = line.partition(":")
        sides = re.split(r"\s+x\s+|×|,", shape.strip(" ()[]"))
        if len(sides) <= arrays.HIGHEST_RANK:
            continue
        message = (
            f"`{name.strip()}` has {len(sides)} axes, and arrays of at most "
            f"{arrays.HIGHEST_RANK} are followed: give the function of one member, "
            f"`{name.strip()}: {' x '.join(sides[-2:])}`; in the language a batch is a family, "
            f"`{name.strip()}[i] : {' x '.join(sides[-2:])} for i = 1..{sides[0]}`, with "
            f"`sum(i = 1..{sides[0]}) …`."
        )
        code = getattr(inspect.unwrap(f), "__code__", None)
        if code is None:
            raise TraceError(message)
        raise SourceLine(code.co_filename, code.co_firstlineno).refusal(message)


def shaped_parameters(
    f: Callable[..., Any], head: str, declared: Problem
) -> dict[str, ShapedParameter]:
    """The function's arguments that have a shape, and the arrays that it may take from around it.
    Raises InputError where an argument lacks a shape."""
    ranks = _ranks(head, declared)
    if declared.has_families or declared.functions:
        raise InputError("the shapes of a function's arguments have no indices, and no functions.")
    found: dict[str, ShapedParameter] = {}
    signature = _signature(f)
    for name, parameter in signature.parameters.items():
        if name in declared.symbols:
            e = declared.symbols[name]
            asked = name not in declared.constants
            found[name] = ShapedParameter(e, e.shape[: ranks[name]], asked=asked)
        elif parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD) and (
            parameter.default is parameter.empty
        ):
            raise InputError(
                f'`{called(f)}` takes `{name}`, whose shape is not given: write {name}="m x n", '
                f'{name}="m" for one axis, or {name}="scalar".'
            )
    captured = _captured(f, declared, ranks, {*signature.parameters})
    for name in declared.symbols:
        if name not in found and name not in captured:
            takes = ", ".join(f"`{p}`" for p in signature.parameters) or "nothing"
            raise InputError(f"`{called(f)}` takes no `{name}`: it takes {takes}.")
    bound_sizes(captured)
    return {**found, **captured}


def _signature(f: Callable[..., Any]) -> inspect.Signature:
    try:
        return inspect.signature(getattr(f, "forward", f))
    except (TypeError, ValueError):
        raise TraceError(f"`{called(f)}` has no signature that Python can tell.") from None


def _ranks(head: str, declared: Problem) -> dict[str, int]:
    """How many axes each declared name has."""
    ranks = {}
    for statement in parse(head, vocabulary()):
        if not isinstance(statement, Declaration):
            raise InputError('shapes are declarations and nothing else: "X: m x d; w: d".')
        typed = head[statement.span.start :].partition("\n")[0].partition(":")[2]
        scalar = "scalar" in [word.name for word in statement.words]
        for name, _ in statement.names:
            wide = declared.symbols[name].shape[1] != ONE if name in declared.symbols else False
            ranks[name] = 0 if scalar else 2 if wide or _ONE_AXIS.search(typed) else 1
    return ranks


def _captured(
    f: Callable[..., Any], declared: Problem, ranks: Mapping[str, int], arguments: set[str]
) -> dict[str, ShapedParameter]:
    """The arrays from around a function, with the shapes that were declared for them, or that they
    have. Raises InputError where these don't fit."""
    found = {}
    for name, (array, is_parameter) in captured_arrays(f, {*arguments, *vocabulary()}).items():
        e = declared.symbols.get(name)
        if e is None:
            shape = tuple(map(Dim.of, array.shape))
            e = symbol(name, arrays.sides(shape))
            found[name] = ShapedParameter(e, shape, array=array, asked=is_parameter)
            continue
        if ranks[name] != array.ndim:
            raise InputError(f"`{name}` has the shape {array.shape}, and was given {ranks[name]}.")
        asked = name not in declared.constants
        found[name] = ShapedParameter(e, e.shape[: ranks[name]], array=array, asked=asked)
    return found


def bound_sizes(parameters: Mapping[str, ShapedParameter]) -> dict[str, int]:
    """The sizes that dimensions have in the arrays from around a function. Raises InputError where
    one has two."""
    sizes: dict[str, int] = {}
    for name, p in parameters.items():
        lengths = () if p.array is None else p.array.shape
        for d, n in zip(p.shape, lengths, strict=False):
            if d.names and sizes.setdefault(str(d), n) != n:
                raise InputError(f"`{d}` is {sizes[str(d)]}, and {n} in `{name}`.")
    return sizes


def known_arrays(parameters: Mapping[str, ShapedParameter]) -> dict[Layout, Traced]:
    """What arrays from around a function stand for, by where they lie."""
    known = {}
    for p in parameters.values():
        if p.array is not None:
            known[layout(p.array)] = p.traced
            known[layout(p.array.T)] = arrays.transpose(p.traced)
    return known
