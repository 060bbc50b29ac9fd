"""Numbers for index notation: a text in letters has the same values as its matrix form.

Letters are leading axes of arrays here, so that a sum over one is a sum along its axis: nothing of
what the translation knows is used.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from ...core.dims import Dim, Shape
from ...core.errors import BudgetError
from ...core.functions import NAMES, TABLE, Array
from ..shapes.notated_calls import SIGNS
from ..syntax.tree import INNER, RUNNING, Callee, SyntaxNode
from .index_scope import IndexScope

MOST_ENTRIES = 1_000_000
TOO_LARGE = (
    "the dimensions are too large to try index notation on numbers: give them names, as in "
    "`X : m x n`."
)
TOLERANCE = 1e-8
_SMALLEST, _LARGEST = 3, 100  # sizes of a dimension
_OPERATORS: Mapping[str, Callable[..., Any]] = {
    **{"neg": np.negative, "+": np.add, "-": np.subtract, ".*": np.multiply, "./": np.divide},
    **{"/": np.divide, ".^": np.power, "^": np.power},
}
_REDUCED: Mapping[str, Any] = {
    "sum": np.sum,
    "mean": np.mean,
    "max": partial(np.max, initial=-np.inf),
    "min": partial(np.min, initial=np.inf),
    "prod": np.prod,
}
_CONSTANTS = {"pi": np.pi, "e": np.e}
_TRIANGLES: Mapping[str, Callable[[Array], Array]] = {"upper": np.triu, "lower": np.tril}
# Of the pairs of two letters, those that are taken.
_MASKS: Mapping[str, Callable[[Array], Array]] = {
    "≠": lambda ones: ones - np.eye(len(ones)),
    "<": lambda ones: np.triu(ones, 1),
    ">": lambda ones: np.tril(ones, -1),
    "≤": np.triu,
    "≥": np.tril,
}
# From where values are drawn, until all entries are finite: log and sqrt want positive ones.
_DRAWS = ((-1.5, 1.5), (0.2, 1.6), (0.2, 0.9))


def agree(node: SyntaxNode, form: SyntaxNode, heads: Sequence[str], reader: IndexScope) -> bool:
    """Whether a text in letters, and what it was read as, have the same values."""
    leaves = list(dict.fromkeys(_drawn(node, reader)) | dict.fromkeys(_drawn(form, reader)))
    shapes = [reader.shape(leaf) for leaf in leaves]
    dims = [*(d for shape in shapes for d in shape), *reader.sized.values()]
    sizes, placed = _sizes(dims, node), list(zip(leaves, shapes, strict=True))
    try:
        return _same_values(node, form, heads, reader, placed, sizes)
    except BudgetError as error:  # of numbers that are sizes: small ones stand in their place
        sizes.update(_shrunk(dims, len(sizes)))
        try:
            return _same_values(node, form, heads, reader, placed, sizes)
        except ValueError:  # a size that is made of others
            raise error from None


def _same_values(
    node: SyntaxNode,
    form: SyntaxNode,
    heads: Sequence[str],
    reader: IndexScope,
    leaves: Sequence[tuple[SyntaxNode, Shape]],
    sizes: Mapping[str, int],
) -> bool:
    """Whether both have the same values at these sizes."""
    rng = np.random.default_rng(0)
    for low, high in _DRAWS:
        drawn: dict[SyntaxNode | str, Array] = {}
        for leaf, shape in leaves:
            extent = [d.size(sizes) for d in shape]
            if math.prod(extent) > MOST_ENTRIES:
                raise BudgetError(TOO_LARGE, node.span)
            key = leaf.value if leaf.kind == "name" else leaf
            array = rng.uniform(low, high, extent)
            drawn.setdefault(key, array + array.T if key in reader.known.symmetric else array)
        values = _LetterValues(reader, sizes, drawn)
        with np.errstate(all="ignore"):
            wanted, found = values.of(node, heads), values.of(form, ())
        if wanted.shape != found.shape:
            return False
        finite = np.isfinite(wanted)
        scale = np.max(np.abs(wanted[finite]), initial=1.0)
        if not np.allclose(wanted[finite], found[finite], TOLERANCE, TOLERANCE * scale):
            return False
        if finite.all():
            return True
    return True


def _inside(node: SyntaxNode, reader: IndexScope) -> tuple[SyntaxNode, ...]:
    """The parts of which a node's value is computed; none of what is drawn."""
    if node in reader.sized or _is_drawn(node, reader):
        return ()
    if node.kind == "selected":
        base = reader.parts.get(node, node.args[0])
        return () if reader.is_identity(base) else (base,)
    return node.args


def _is_drawn(node: SyntaxNode, reader: IndexScope) -> bool:
    """Whether a value is drawn: that of a name, and of what has no letters and is no function of
    arrays alone."""
    match node.kind:
        case "name":
            return node.value not in _CONSTANTS or node.value in reader.known.values
        case "selected":
            return not any(map(reader.letter, node.value))
        case kind if kind == "block" or kind in RUNNING:
            return True
        case "call" if node.value.name in (*NAMES, *SIGNS, *_TRIANGLES):
            return bool(node.value.sizes)
        case "call":
            return bool(node.args) or not all(size in reader.sized for size in node.value.sizes)
    return False


def _drawn(root: SyntaxNode, reader: IndexScope) -> Iterator[SyntaxNode]:
    nodes = _postorder(root, reader)
    return (n for n in nodes if n not in reader.sized and _is_drawn(n, reader))


def _postorder(root: SyntaxNode, reader: IndexScope) -> Iterator[SyntaxNode]:
    """The parts of which the value is computed, and the whole; arguments first."""
    backwards, stack = [], [root]
    while stack:
        backwards.append(stack.pop())
        stack += _inside(backwards[-1], reader)
    return reversed(backwards)


def _sizes(dims: Sequence[Dim], node: SyntaxNode) -> dict[str, int]:
    """Small sizes, each another, of the dimensions' names, so that there is none below 1; numbers
    stay what they are."""
    names = dict.fromkeys(name for d in dims for name in d.names)
    for smallest in range(_SMALLEST, _LARGEST):
        sizes = {name: smallest + k for k, name in enumerate(names)}
        if all(d.size(sizes) > 0 for d in dims):
            return sizes
    raise BudgetError(TOO_LARGE, node.span)


def _shrunk(dims: Sequence[Dim], count: int) -> dict[str, int]:
    """Small sizes likewise of the numbers that are dimensions."""
    numbers = dict.fromkeys(str(d) for d in dims if d.integer is not None and d.integer > _SMALLEST)
    return {number: _SMALLEST + count + k for k, number in enumerate(numbers)}


@dataclass(slots=True)
class _LetterValues:
    """The values of nodes: arrays with an axis for each letter before rows and columns."""

    reader: IndexScope
    sizes: Mapping[str, int]
    drawn: Mapping[SyntaxNode | str, Array]
    letters: list[str] = field(default_factory=list)
    extents: dict[str, int] = field(default_factory=dict)

    def of(self, root: SyntaxNode, heads: Sequence[str]) -> Array:
        """The value; a matrix or a column where its letters are `heads`, of which an empty one
        stands for the side that the value has itself."""
        nodes = list(_postorder(root, self.reader))
        self.letters = list(dict.fromkeys(s for n in nodes for s in self._letters(n)))
        bound = (s for n in nodes if n.kind == "bound" for s in n.value.letters)
        self.letters = list(dict.fromkeys([*self.letters, *bound]))
        self._find_extents(nodes)
        done: dict[SyntaxNode, Array] = {}
        for node in nodes:
            done[node] = self._value(node, [done[a] for a in _inside(node, self.reader)])
            if done[node].size > MOST_ENTRIES:
                raise BudgetError(TOO_LARGE, root.span, self.reader.text)
        value = done[root]
        if not heads:
            return value.reshape(value.shape[-2:])
        places = [self.letters.index(s) for s in heads if s in self.letters]
        found = np.moveaxis(value, places, range(len(places)))
        extents = [*found.shape[: len(places)], max(found.shape[-2:])]
        found = found.reshape(extents[:2] if "" in heads or len(places) == 2 else [*extents[:1], 1])
        return found.T if heads[0] == "" else found

    def _find_extents(self, nodes: Sequence[SyntaxNode]) -> None:
        """Over how much each letter runs; those of a δ over the same."""
        pairs = []
        for node in nodes:
            letters = list(self._letters(node))
            if not letters:
                continue
            if not _inside(node, self.reader):
                pairs.append(letters)
                continue
            (base,) = _inside(node, self.reader)
            sides = [d.size(self.sizes) for d in self.reader.shape(base)]
            if len(node.value) == 1:
                sides = [max(sides)]
            places = map(self.reader.letter, node.value)
            self.extents.update((s, n) for s, n in zip(places, sides, strict=True) if s)
        for letters in pairs * len(pairs):
            known = [self.extents[s] for s in letters if s in self.extents]
            self.extents.update(dict.fromkeys(letters, *known[:1]) if known else {})

    def _letters(self, node: SyntaxNode) -> Iterator[str]:
        if node.kind == "selected" and not _is_drawn(node, self.reader):
            for selector in node.value:
                letter = self.reader.letter(selector)
                if letter:
                    yield letter

    def _value(self, node: SyntaxNode, args: Sequence[Array]) -> Array:
        if node in self.reader.sized:
            return self._lifted(np.full((1, 1), float(self.reader.sized[node].size(self.sizes))))
        if _is_drawn(node, self.reader):
            return self._lifted(self.drawn[node.value if node.kind == "name" else node])
        match node.kind:
            case "number":
                return self._lifted(np.full((1, 1), float(node.value)))
            case "name":
                return self._lifted(np.full((1, 1), _CONSTANTS[node.value]))
            case "selected":
                return self._selected(node, args)
            case "bound":
                return self._bound(node, args[0])
            case "call":
                return self._call(node.value, args)
            case "abstract":
                return np.asarray(np.sin(args[0] + node.value[1]) + args[0] / 2)
            case "'":
                return args[0].swapaxes(-1, -2)
            case "*":
                return self._product(node, *args)
        return np.asarray(_OPERATORS[node.kind](*args))

    def _lifted(self, array: Array) -> Array:
        return array.reshape(*([1] * len(self.letters)), *array.shape[-2:])

    def _product(self, node: SyntaxNode, a: Array, b: Array) -> Array:
        if (1, 1) in (a.shape[-2:], b.shape[-2:]):
            return np.asarray(a * b)
        if node.value == INNER and a.shape[-1] == b.shape[-1] == 1:
            a = a.swapaxes(-1, -2)
        return np.asarray(a @ b)

    def _selected(self, node: SyntaxNode, base: Sequence[Array]) -> Array:
        """The entries for all values of the letters."""
        letters = [self.reader.letter(s) for s in node.value]
        matrix: Array = (
            np.eye(self.extents[letters[0]]) if not base else base[0].reshape(base[0].shape[-2:])
        )
        if len(letters) == 1:
            letters = [*letters, ""] if matrix.shape[1] == 1 else ["", *letters]
        count = len(self.letters)
        value = matrix
        if letters[0] and letters[0] == letters[1]:
            value, letters = np.diagonal(matrix)[:, None], [letters[0], ""]
        shape = [1] * (count + 2)
        for axis, letter in enumerate(letters):
            place = self.letters.index(letter) if letter else count + axis
            shape[place] = value.shape[axis]
        first, second = (
            self.letters.index(s) if s else count + axis for axis, s in enumerate(letters)
        )
        return (value if first < second else value.T).reshape(shape)

    def _bound(self, node: SyntaxNode, body: Array) -> Array:
        binder = node.value
        axes = tuple(self.letters.index(s) for s in binder.own)
        taken: Any = True
        if binder.compared:
            i, j = (self.letters.index(s) for s in binder.letters)
            n = max(body.shape[i], body.shape[j])
            mask = _MASKS[binder.compared](np.ones((n, n)))
            shape = [n if k in (i, j) else 1 for k in range(body.ndim)]
            body, taken = np.broadcast_arrays(body, (mask if i < j else mask.T).reshape(shape) > 0)
        reduced = _REDUCED[binder.function]
        return np.asarray(reduced(body, axis=axes, keepdims=True, where=taken))

    def _call(self, callee: Callee, args: Sequence[Array]) -> Array:
        name, axis, sizes, _ = callee
        if name in SIGNS:
            scalar = args[0].shape[-2:] == (1, 1)
            one = Dim.of(1)
            shape: Shape = (one, one) if scalar else (Dim.of("n"), one)
            value = args[0]
            for inner in SIGNS[name].functions(shape):
                value = TABLE[NAMES[inner]].value(value, None)
            return value
        if name == "eye":
            return self._lifted(np.eye(self.reader.sized[sizes[0]].size(self.sizes)))
        if name in _TRIANGLES:
            return np.asarray(_TRIANGLES[name](args[0]))
        if name not in NAMES:
            extent = [self.reader.sized[s].size(self.sizes) for s in sizes]
            return self._lifted(np.ones((*extent, 1)[:2]))
        row = TABLE[NAMES[name]]
        return row.value(*args, axis)
