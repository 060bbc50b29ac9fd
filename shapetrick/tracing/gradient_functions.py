"""A function and what is said to be its gradient, as claims: both are run on symbols that have the
shapes of the inputs, two axes being as long as each other only where the function needs it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Any

import numpy as np

from ..core.dims import ONE, Dim, Extent
from ..core.errors import TraceError
from ..core.expr import symbol
from ..core.functions import Array
from ..core.named_tuples import NamedTuple
from ..core.problem import Problem
from ..language.elaboration import read
from ..language.shapes.words import vocabulary
from ..language.vocabularies import is_name
from ..numerics.arrays import evaluate_all
from . import arrays
from .functions import compare, follow
from .libraries import Followed, library_of, reached
from .parameters import ShapedParameter, plain_axes
from .problem_texts import ProblemText
from .symbolic import layout

_LETTERS = ("m", "n", "k", "p", "q", "r", "s", "h", "u", "v")
_UPSTREAM = ("G", "upstream", "cotangent")


class ReadClaim(NamedTuple):
    """The claim on an input's gradient, as the problem's only request; and which axes have equal
    lengths in these inputs alone, "m = n", or have to for the gradient to be computed."""

    problem: Problem
    coincident: tuple[str, ...]
    needed: tuple[str, ...]


class _Input(NamedTuple):
    """An array under a name, and the letters of its axes; empty for an axis of one entry."""

    name: str
    array: Array
    is_around: bool  # the functions, and no argument
    axes: tuple[str, ...] = ()

    def parameter(self, same: Mapping[str, str]) -> ShapedParameter:
        """With the letters that equal axes share."""
        shape = tuple(Dim.of(same[a]) if a else ONE for a in self.axes)
        return _parameter(self.name, shape, self.array if self.is_around else None)


def read_claim(
    f: Callable[..., Any],
    g: Callable[..., Any],
    given: Sequence[Array],
    index: int,
    place: int | None,
    upstream: Array | None,
) -> ReadClaim:
    """What `g` claims to be the gradient of `f` by the input `index`; it stands at a `place` of
    what `g` gives, if that is a tuple. Raises InputError where one of them can't be followed."""
    inputs = _inputs(f, g, given)
    axes = dict.fromkeys(letter for i in inputs for letter in i.axes if letter)
    sizes = {a: n for i in inputs for a, n in zip(i.axes, i.array.shape, strict=True) if a}
    equal = _Equal({letter: letter for letter in axes})
    if library_of(f) == "jax":  # which doesn't say what has to be equal: what is, is taken for it
        equal.same = {a: next(b for b in axes if sizes[a] == sizes[b]) for a in axes}
    taken = {i.name for i in inputs}
    free = next(name for name in _UPSTREAM if name not in taken)
    weights = {} if upstream is None else {free: upstream}

    def gradient(*values: Any) -> Any:
        found = g(*values)
        return found if place is None else found[place]

    def run(called: Callable[..., Any], *further: ShapedParameter) -> Followed:
        every = [*(i.parameter(equal.same) for i in inputs), *further]
        by_place = wraps(called)(lambda **values: called(*values.values()))
        return follow(by_place, {p.name: p for p in every}, f)

    def both() -> tuple[Followed, Followed]:
        again = run(f)
        shape = again.value.shape
        return again, run(gradient, *(_parameter(name, shape) for name in weights))

    equal.fitted(lambda: run(f))
    of_f = dict(equal.same)
    read_f, claimed = equal.fitted(both)
    needed = tuple(f"{equal.same[a]} = {a}" for a in axes if equal.same[a] != of_f[a])
    kept = [a for a in axes if equal.same[a] == a]
    coincident = tuple(
        f"{a} = {b}" for k, a in enumerate(kept) for b in kept[k + 1 :] if sizes[a] == sizes[b]
    )
    parameters = [i.parameter(equal.same) for i in inputs]
    head = "\n".join(p.declaration for p in parameters)
    names = ProblemText(read(head, complete=False), parameters)
    text, _ = names.written(read_f)
    of = f"vjp {names.value} with {free}" if weights else f"grad {names.value}"
    claim = names.text(claimed.value.whole)
    problem = read(f"{head}\n{text}\ncheck {of} wrt {inputs[index].name} = {claim}")
    (request,) = problem.requests
    assert request.claim is not None and request.claim.value is not None
    arrays_given = {i.name: i.array for i in inputs} | weights
    values = [i.array.copy() for i in inputs if not i.is_around]
    for e, found in (
        (request.of, f(*values)),
        (request.claim.value, gradient(*values, *weights.values())),
    ):
        compare(f, evaluate_all([e], arrays_given, None, sizes)[0], np.asarray(found, dtype=float))
    return ReadClaim(problem, coincident, needed)


def _parameter(name: str, shape: Extent, array: Array | None = None) -> ShapedParameter:
    return ShapedParameter(symbol(name, arrays.sides(shape)), plain_axes(shape), array=array)


class _Equal:
    """Which axes are equally long: those that an operation needs to be."""

    def __init__(self, same: dict[str, str]) -> None:
        self.same = same

    def fitted(self, run: Callable[[], Any]) -> Any:
        """What a run gives once the axes that it needs to be equal are. Raises TraceError."""
        while True:
            try:
                return run()
            except TraceError as error:
                a, b = error.equal or ("", "")
                if a not in self.same or b not in self.same or self.same[a] == self.same[b]:
                    raise
                kept, gone = sorted((self.same[a], self.same[b]), key=list(self.same).index)
                self.same = {k: kept if v == gone else v for k, v in self.same.items()}


def _inputs(f: Any, g: Any, given: Sequence[Array]) -> list[_Input]:
    """The arguments, and then the arrays that the functions look up, with names and letters."""
    taken = {*vocabulary()}
    named: list[tuple[str, Array]] = []
    words = [p.name for p in inspect.signature(f).parameters.values()]
    if len(words) < len(given):
        raise TraceError("the function takes any number of arguments.")
    for word, array in zip(words, given, strict=False):
        named.append((word, array))
    seen = {layout(array) for array in given}
    for name, x in (*reached(f), *reached(g)):
        if not isinstance(x, np.ndarray) or x.dtype.kind not in "fiu" or not 0 < x.ndim <= 2:
            continue
        if x.size > 1 and layout(x) not in seen:
            seen.add(layout(x))
            named.append((name, x))
    found: list[_Input] = []
    for k, (name, array) in enumerate(named):
        word = name if is_name(name) and name not in taken else f"x_{k}"
        taken.add(word)
        found.append(_Input(word, array, k >= len(given)))
    letters = (x for x in (*_LETTERS, *(f"n_{k}" for k in range(99))) if x not in taken)
    return [
        i._replace(axes=tuple("" if n == 1 else next(letters) for n in i.array.shape))
        for i in found
    ]
