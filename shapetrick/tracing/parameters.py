"""What a function is given: its arguments with the shapes that were declared for them, and the
arrays that it takes from around it, which have their values."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from itertools import product
from typing import Any

import numpy as np

from ..core.dims import ONE, Dim, Extent, Shape
from ..core.errors import InputError, TraceError
from ..core.expr import Symbol, symbol
from ..core.functions import Array
from ..core.indices import Index, Range, name_of, written
from ..core.member_axes import MemberAxes
from ..core.named_tuples import NamedTuple
from ..core.problem import Problem
from ..core.regexes import regex
from ..language.shapes.words import vocabulary
from ..language.syntax.parser import parse
from ..language.syntax.tree import Declaration
from ..language.vocabularies import is_name
from ..numerics.sampling import PLAIN, Profile, draw_all
from . import arrays
from .array_terms import HIGHEST_RANK
from .arrays import Traced
from .batches import MemberDeclarations
from .libraries import reached
from .members import family
from .symbolic import Layout, layout

_ONE_AXIS = regex(r"(?:x|×|,|\\times)\s*1\b")


class ShapedParameter(NamedTuple):
    """An argument of a function, or an array that it takes from around it: its symbol, and its
    axes."""

    symbol: Symbol
    axes: MemberAxes
    classes: bool = False  # whose numbers it is, where its symbol is one-hot
    array: Array | None = None  # its value, where it is no argument
    asked: bool = True  # whether there is to be a gradient by it
    ranges: tuple[Range, ...] = ()  # of a family, those of its indices

    @property
    def shape(self) -> Extent:
        return self.axes.shape

    @property
    def traced(self) -> Traced:
        if not self.ranges:
            return Traced(self.symbol, self.shape)
        return family(self.symbol, self.axes)

    @property
    def declaration(self) -> str:
        """A line that declares the matrix that it is."""
        rows, cols = self.symbol.shape
        attribute = " onehot" if self.classes else "" if self.asked else " const"
        indices = f" for {written(self.ranges)}" if self.ranges else ""
        return f"{self.symbol.name} : ({rows}) x ({cols}){attribute}{indices}"

    def drawn(
        self, sizes: Mapping[str, int], rng: np.random.Generator, profile: Profile = PLAIN
    ) -> dict[str, Array]:
        """A matrix for its symbol, or for each of its members, in order, by their names."""
        return draw_all(self._members(sizes), sizes, rng, profile)

    def _members(self, sizes: Mapping[str, int]) -> list[Symbol]:
        """Its symbol, or those of its members, in order."""
        counts = [range(1, d.size(sizes) + 1) for d in self.axes.sizes[: len(self.ranges)]]
        places = (tuple(Index("", k) for k in at) for at in product(*counts))
        return [symbol(name_of(self.name, at), *self._form) for at in places]

    @property
    def name(self) -> str:
        return self.symbol.base

    @property
    def _form(self) -> tuple[Shape, frozenset[str]]:
        return self.symbol.shape, self.symbol.attributes

    def given(self, matrices: Mapping[str, Array], sizes: Mapping[str, int]) -> Array:
        """What was drawn, as the array that the function takes."""
        whole = np.stack([*matrices.values()])
        if self.classes:  # by rows, but of a column
            whole = whole.argmax(axis=-1 if self.symbol.shape[1] != ONE else -2)
        lengths = [d.size(sizes) for d in self.axes.sizes]
        return np.asarray(self.axes.array(whole.reshape(lengths)))

    def matrices(self, sizes: Mapping[str, int]) -> dict[str, Array]:
        """The array from around the function as the matrix of its symbol, or those of members."""
        assert self.array is not None
        if self.classes:
            one_hot = np.eye(self.symbol.shape[1].size(sizes))[self.array.astype(int)]
            return {self.symbol.name: np.asarray(one_hot)}
        members = self.axes.members(self.array.astype(float), sizes)
        rows, cols = (d.size(sizes) for d in self.symbol.shape)
        names = [e.name for e in self._members(sizes)]
        return dict(zip(names, members.reshape(-1, rows, cols), strict=True))


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


def plain_axes(shape: Extent) -> MemberAxes:
    """Those of an array as it is."""
    return MemberAxes(shape, tuple((k,) for k in range(len(shape))))


def redeclared(head: str, others: Mapping[str, ShapedParameter]) -> str:
    """The declarations, each of one name, with others in the place of these."""
    lines = []
    for line in head.splitlines():
        name = line.partition(":")[0].partition("[")[0]
        lines += [] if name.strip() in others else [line]
    return "\n".join([*lines, *(p.declaration for p in others.values())])


def shaped_parameters(
    f: Callable[..., Any], head: MemberDeclarations, declared: Problem
) -> dict[str, ShapedParameter]:
    """The function's arguments that have a shape, and the arrays that it may take from around it.
    Raises InputError where an argument lacks a shape."""
    given = _declared(head, declared)
    found: dict[str, ShapedParameter] = {}
    signature = _signature(f)
    for name, parameter in signature.parameters.items():
        if name in given:
            found[name] = given[name]
        elif parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD) and (
            parameter.default is parameter.empty
        ):
            raise InputError(
                f'`{called(f)}` takes `{name}`, whose shape is not given: write {name}="m x n", '
                f'{name}="m" for one axis, or {name}="scalar".'
            )
    captured = _captured(f, given, {*signature.parameters})
    for name in given:
        if name not in found and name not in captured:
            takes = ", ".join(f"`{p}`" for p in signature.parameters) or "nothing"
            raise InputError(f"`{called(f)}` takes no `{name}`: it takes {takes}.")
    bound_sizes(captured)
    return {**found, **captured}


def _signature(f: Callable[..., Any]) -> inspect.Signature:
    try:
        return inspect.signature(getattr(f, "forward", f))
    except (TypeError, ValueError):
        raise TraceError(
            f"`{called(f)}` has no signature that Python can tell: name its arguments, "
            f"`lambda x: {called(f)}(x)`."
        ) from None


def _declared(head: MemberDeclarations, declared: Problem) -> dict[str, ShapedParameter]:
    """What is declared, by names without indices."""
    text, groups = head
    if declared.functions:
        raise InputError("the shapes of a function's arguments have no functions.")
    found = {}
    for statement in parse(text, vocabulary()):
        if not isinstance(statement, Declaration):
            raise InputError('shapes are declarations and nothing else: "X: m x d; w: d".')
        typed = text[statement.span.start :].partition("\n")[0].partition(":")[2]
        words = {word.name for word in statement.words}
        counted = tuple(_dim(over.last) for over in statement.ranges)
        for name, _ in statement.names:
            e = declared.symbols.get(name)
            if e is None:
                continue
            wide = e.shape[1] != ONE or _ONE_AXIS.search(typed)
            rank = 0 if "scalar" in words else 2 if wide else 1
            asked = name not in declared.constants and "const" not in words
            axes = plain_axes((*counted, *e.shape[:rank]))
            axes = axes._replace(groups=groups.get(e.base, axes.groups))
            found[e.base] = ShapedParameter(e, axes, asked=asked, ranges=statement.ranges)
    return found


def _dim(index: Index) -> Dim:
    """The last index of a family as its size."""
    return sum((Dim.of(c) * Dim.of(k) for c, k in index.terms.items()), Dim.of(index.offset))


def _captured(
    f: Callable[..., Any], given: Mapping[str, ShapedParameter], arguments: set[str]
) -> dict[str, ShapedParameter]:
    """The arrays from around a function, with the shapes that were declared for them, or that they
    have. Raises InputError where these don't fit."""
    found = {}
    for name, (array, is_parameter) in captured_arrays(f, {*arguments, *vocabulary()}).items():
        known = given.get(name)
        if known is None and array.ndim > HIGHEST_RANK:
            continue  # whose members are many: only if it is declared
        if known is None:
            shape = tuple(map(Dim.of, array.shape))
            e = symbol(name, arrays.sides(shape))
            found[name] = ShapedParameter(e, plain_axes(shape), array=array, asked=is_parameter)
            continue
        if len(known.shape) != array.ndim:
            raise InputError(
                f"`{name}` has the shape {array.shape}, and was given {len(known.shape)}."
            )
        found[name] = known._replace(array=array)
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


DEEPEST = 3  # lists of lists in which arrays are looked for


class Captured(NamedTuple):
    """An array from around a function; a parameter is there to be derived by."""

    array: Array
    is_parameter: bool = False


def captured_arrays(f: Callable[..., Any], taken: set[str]) -> dict[str, Captured]:
    """The arrays that a function may look up, with names in the language, each once."""
    found: dict[str, Captured] = {}
    seen: set[Layout] = set()
    for name, x in _values(f):
        for path, one in _arrays(name, x):
            key = layout(one.array)
            if key in seen or one.array.size < 2:
                continue
            word = path.replace(".", "_")
            if is_name(word) and word not in taken and word not in found:
                seen.add(key)
                found[word] = one
    return found


def _values(f: Callable[..., Any]) -> Iterator[tuple[str, Any]]:
    """What a function looks up, and what its own object has."""
    for name, x in reached(f):
        if x is f or not name:
            owner = getattr(x, "__self__", x)
            if hasattr(owner, "named_parameters"):
                yield "", owner
            elif hasattr(owner, "__dict__") and not hasattr(owner, "__code__"):
                yield from vars(owner).items()
        else:
            yield name, x


def _arrays(name: str, x: Any, depth: int = 0) -> Iterator[tuple[str, Captured]]:
    """The arrays in a value, with a path to each."""
    if isinstance(x, type):
        return
    if hasattr(x, "named_parameters"):
        for word, parameter in x.named_parameters():
            yield from _arrays(f"{name}.{word}" if name else word, parameter)
        for word, buffer in x.named_buffers():
            yield from _arrays(f"{name}.{word}" if name else word, buffer)
    elif isinstance(x, list | tuple | dict) and depth < DEEPEST:
        items = x.items() if isinstance(x, Mapping) else enumerate(x)
        for key, one in items:
            yield from _arrays(f"{name}.{key}", one, depth + 1)
    elif hasattr(x, "shape") and hasattr(x, "__array__"):
        array = np.asarray(x.detach() if hasattr(x, "detach") else x)
        if array.dtype.kind in "biuf":
            yield name, Captured(array, bool(getattr(x, "requires_grad", False)))
