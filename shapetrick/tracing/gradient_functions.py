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
from .arrays import Traced
from .functions import CLOSE
from .libraries import LIBRARIES, Followed, library_of, reached
from .parameters import ShapedParameter, plain_axes
from .problem_texts import ProblemText
from .symbolic import Layout, layout

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
    axes: tuple[str, ...]


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
    count = len(given)
    equal.fitted(lambda: _followed(f, f, inputs[:count], inputs[count:], equal))
    of_f = dict(equal.same)
    also = [] if upstream is None else [_upstream(inputs)]

    def gradient(*values: Any) -> Any:
        found = g(*values)
        return found if place is None else found[place]

    def both() -> tuple[Followed, Followed, list[Traced]]:
        again = _followed(f, f, inputs[:count], inputs[count:], equal)
        extra = [
            Traced(symbol(name, arrays.sides(again.value.shape)), again.value.shape)
            for name in also
        ]
        claimed = _followed(f, gradient, inputs[:count], inputs[count:], equal, extra)
        return again, claimed, extra

    read_f, claimed, extra = equal.fitted(both)
    needed = tuple(f"{equal.same[a]} = {a}" for a in axes if equal.same[a] != of_f[a])
    kept = [a for a in axes if equal.same[a] == a]
    coincident = tuple(
        f"{a} = {b}" for k, a in enumerate(kept) for b in kept[k + 1 :] if sizes[a] == sizes[b]
    )
    problem = _problem(inputs, equal, read_f, claimed, inputs[index].name, extra)
    _confirm(problem, inputs, sizes, f, gradient, count, upstream, extra)
    return ReadClaim(problem, coincident, needed)


class _Equal:
    """Which axes are equally long: those that an operation needs to be."""

    def __init__(self, same: dict[str, str]) -> None:
        self.same = same

    def shape(self, i: _Input) -> Extent:
        return tuple(Dim.of(self.same[a]) if a else ONE for a in i.axes)

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
        found.append(_Input(word, array, ()))
    letters = (x for x in (*_LETTERS, *(f"n_{k}" for k in range(99))) if x not in taken)
    return [
        i._replace(axes=tuple("" if n == 1 else next(letters) for n in i.array.shape))
        for i in found
    ]


def _upstream(inputs: Sequence[_Input]) -> str:
    """A name for the upstream gradient."""
    taken = {i.name for i in inputs}
    return next(name for name in _UPSTREAM if name not in taken)


def _followed(
    f: Callable[..., Any],
    run: Callable[..., Any],
    inputs: Sequence[_Input],
    others: Sequence[_Input],
    equal: _Equal,
    extra: Sequence[Traced] = (),
) -> Followed:
    """What a function computes of the inputs as they are told apart."""

    @wraps(run)
    def called(**values: Any) -> Any:
        return run(*values.values())

    given = {
        i.name: Traced(symbol(i.name, arrays.sides(equal.shape(i))), equal.shape(i)) for i in inputs
    }
    given.update((str(x.e), x) for x in extra)
    known: dict[Layout, Traced] = {}
    for i in others:
        x = Traced(symbol(i.name, arrays.sides(equal.shape(i))), equal.shape(i))
        known[layout(i.array)] = x
        known[layout(i.array.T)] = arrays.transpose(x)
    dims = list(dict.fromkeys(equal.same.values()))
    library = LIBRARIES[library_of(f)]
    return library.follow(called, given, dims, known)


def _problem(
    inputs: Sequence[_Input],
    equal: _Equal,
    followed: Followed,
    claimed: Followed,
    wrt: str,
    extra: Sequence[Traced],
) -> Problem:
    head = "\n".join(f"{i.name} : {_shape_text(equal.shape(i))}" for i in inputs)
    parameters = [
        ShapedParameter(symbol(i.name, arrays.sides(equal.shape(i))), plain_axes(equal.shape(i)))
        for i in inputs
    ]
    declared = read(head, complete=False)
    names = ProblemText(declared, parameters)
    text, _ = names.written(followed)
    upstream = f" with {extra[0].e}" if extra else ""
    kind = "vjp" if extra else "grad"
    claim = names.text(arrays.spread(claimed.value))
    request = f"check {kind} {names.value}{upstream} wrt {wrt} = {claim}"
    return read(f"{head}\n{text}\n{request}")


def _shape_text(shape: Extent) -> str:
    return " x ".join(f"({d})" for d in shape) if shape else "scalar"


def _confirm(
    problem: Problem,
    inputs: Sequence[_Input],
    sizes: Mapping[str, int],
    f: Callable[..., Any],
    g: Callable[..., Any],
    count: int,
    upstream: Array | None,
    extra: Sequence[Traced],
) -> None:
    """Compare what was read with both functions, at the inputs. Raises TraceError."""
    (request,) = problem.requests
    assert request.claim is not None and request.claim.value is not None
    given = {i.name: i.array for i in inputs}
    weights = [] if upstream is None else [upstream]
    given.update((str(x.e), array) for x, array in zip(extra, weights, strict=True))
    values = [i.array.copy() for i in inputs[:count]]
    for e, found in ((request.of, f(*values)), (request.claim.value, g(*values, *weights))):
        theirs = np.asarray(found, dtype=float)
        ours = np.asarray(evaluate_all([e], given, None, sizes)[0])
        scale = max(1.0, float(np.abs(theirs).max(initial=0.0)))
        if ours.size != theirs.size or not np.allclose(
            ours.reshape(theirs.shape), theirs, rtol=CLOSE, atol=CLOSE * scale
        ):
            raise TraceError("the function has other values than what it was read as.")
