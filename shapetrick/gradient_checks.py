"""Checking the gradient of any Python function at the inputs that are given: the door to
`validation/function_check.py`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from .claims.judgement import judge
from .claims.verdicts import Judgement
from .core.deadline import SECONDS, limited
from .core.errors import InputError, OperandError, ShapetrickError, checked_seed
from .core.functions import Array
from .core.results import Verdict
from .numerics.error_curves import Curve
from .render.plots import curve_figure
from .tracing.array_terms import HIGHEST_RANK
from .tracing.gradient_functions import ReadClaim, read_claim
from .validation.function_check import (
    SINGLE,
    FunctionCheck,
    InputCheck,
    WrongEntry,
    check_real,
    copies,
)


@dataclass(frozen=True)
class GradientCheck:
    """The verdict on a function's gradient: the worst of those by its inputs, `inputs`."""

    inputs: tuple[InputCheck, ...]
    _curves: tuple[Callable[[], Curve], ...] = field(repr=False, default=())

    @property
    def _worst(self) -> InputCheck:
        return max(self.inputs, key=lambda c: ("verified", "unchecked", "wrong").index(c.verdict))

    @property
    def verdict(self) -> Verdict:
        return self._worst.verdict

    @property
    def right(self) -> bool:
        return self.verdict == "verified"

    @property
    def error(self) -> float:
        """The largest relative error."""
        return self._worst.error

    @property
    def order(self) -> float:
        return self._worst.order

    @property
    def reason(self) -> str:
        return self._worst.reason

    @property
    def diagnosis(self) -> str:
        """What a simple disagreement is called: `transposed`, `2 times the gradient`."""
        return self._worst.diagnosis

    @property
    def entries(self) -> tuple[WrongEntry, ...]:
        """The worst of the entries that disagree."""
        return self._worst.entries

    def curve(self, index: int = 0) -> Curve:
        """The error against the step, for one of the inputs checked."""
        return self._curves[index]()

    def plot(self, index: int = 0) -> Any:
        """The curve as a matplotlib figure. Needs the extra `plot`."""
        return curve_figure(self.curve(index), f"gradient by input {self.inputs[index].index}")

    def __bool__(self) -> bool:
        return self.right

    def __str__(self) -> str:
        return "\n".join(map(str, self.inputs))

    def __repr__(self) -> str:
        return f"<GradientCheck: {', '.join(filter(None, (self.verdict, self.diagnosis)))}>"


def check_gradient(
    f: Callable[..., Any],
    g: Callable[..., Any],
    *inputs: Any,
    wrt: int | Sequence[int] | None = None,
    upstream: Any = None,
    seed: int = 0,
) -> GradientCheck:
    """Is `g` the gradient of `f` at these inputs? Judged by finite differences.

    `f(*inputs)` is a number, and `g(*inputs)` its gradient by the first input (or by that with the
    position `wrt`), or a tuple of the gradients by all of them. If `f` gives an array, `g` is its
    backward rule: it is called as `g(*inputs, upstream)`, with an upstream gradient that is drawn
    unless one is given. Raises InputError for what can't be checked.

    >>> x = np.array([0.3, -1.0, 2.0])
    >>> c = st.check_gradient(lambda x: np.mean(x**2), lambda x: 2 * x, x)
    >>> c.verdict, c.diagnosis
    ('wrong', '3 times the gradient: the mean over 3 is missing')
    """
    for given in (f, g):
        if not callable(given):
            raise OperandError(
                "check_gradient(f, g, *inputs) takes two functions, then arrays: not "
                f"{type(given).__name__} as a function."
            )
    arrays = [_array(x, f"input {i}") for i, x in enumerate(inputs)]
    if not arrays:
        raise InputError("check_gradient(f, g, *inputs) needs at least one input.")
    rng = np.random.default_rng(checked_seed(seed))
    value = np.asarray(f(*copies(arrays)))
    check_real(value, "the value of f")
    if upstream is None and value.size != 1:
        upstream = rng.uniform(0.4, 1.4, value.shape) * rng.choice((-1.0, 1.0), value.shape)
    weights = None if upstream is None else _array(upstream, "upstream")
    if weights is not None and weights.shape != value.shape:
        raise InputError(f"upstream has the shape {weights.shape}, and f's value {value.shape}.")
    extra = [] if weights is None else [weights.copy()]
    if extra and not _takes(g, len(arrays) + 1):
        raise InputError(
            f"the value of f has the shape {value.shape}: its backward rule is called as "
            "`g(*inputs, upstream)`, and a gradient without one is of a number, such as its sum."
        )
    claimed = _claimed(g(*copies(arrays), *extra), arrays, wrt)
    follower = _Follower(f, g, arrays, weights, seed)
    narrowed = [i for i, x in enumerate(inputs) if getattr(x, "dtype", None) == SINGLE]
    judged = [
        FunctionCheck(f, arrays, i, gradient, weights, value, seed, i in narrowed)
        for i, gradient, _ in claimed
    ]
    verdicts = (
        follower.explained(j.verdict(), place)
        for j, (_, _, place) in zip(judged, claimed, strict=True)
    )
    return GradientCheck(tuple(verdicts), tuple(j.curve for j in judged))


@dataclass(frozen=True, slots=True)
class _Follower:
    """Reads both functions as a problem with a claim, where they can be followed, and tells what
    `check` finds of it."""

    f: Callable[..., Any]
    g: Callable[..., Any]
    arrays: Sequence[Array]
    weights: Array | None
    seed: int

    def explained(self, found: InputCheck, place: int | None) -> InputCheck:
        """A verdict with the slip and what mends it; a right one with a warning where only equal
        sizes make it so."""
        if found.verdict == "unchecked" or not all(x.ndim <= HIGHEST_RANK for x in self.arrays):
            return found
        with suppress(ShapetrickError):  # what can't be followed is judged by its values alone
            return limited(SECONDS, partial(self._explained, found, place))
        return found

    def _explained(self, found: InputCheck, place: int | None) -> InputCheck:
        claim = read_claim(self.f, self.g, copies(self.arrays), found.index, place, self.weights)
        if found.right and not (claim.coincident or claim.needed):
            return found
        (request,) = claim.problem.requests
        judged = judge(claim.problem, request, self.seed)
        named = str(request.claim.text if request.claim else "")
        if found.right:
            return self._warned(found, claim, judged, named)
        if judged.verdict != "wrong":
            return found
        return replace(
            found, reading=named, slip=judged.diagnosis, suggestion=judged.suggestion or ""
        )

    def _warned(
        self, found: InputCheck, claim: ReadClaim, judged: Judgement, named: str
    ) -> InputCheck:
        """A right one, if it is not at other sizes."""
        notes = list(found.notes)
        if judged.verdict == "wrong":
            equal = f" ({', '.join(claim.coincident)})" if claim.coincident else ""
            notes.append(
                f"WARNING: right at these sizes{equal}, and wrong at others: read as {named}; "
                f"{judged.diagnosis}"
            )
        elif claim.needed:
            notes.append(
                f"WARNING: g fits only where {', '.join(claim.needed)}, and f needs no such thing: "
                "check it with inputs whose sizes all differ"
            )
        return replace(found, notes=tuple(notes))


def assert_gradient(
    f: Callable[..., Any],
    g: Callable[..., Any],
    *inputs: Any,
    wrt: int | Sequence[int] | None = None,
    upstream: Any = None,
    seed: int = 0,
) -> None:
    """For tests: raises AssertionError with what is known, unless `check_gradient` says right.

    >>> st.assert_gradient(lambda x: x @ x, lambda x: 2 * x, np.array([1.0, 2.0, 3.0]))
    """
    __tracebackhide__ = True  # pytest shows the line of the test
    found = check_gradient(f, g, *inputs, wrt=wrt, upstream=upstream, seed=seed)
    if not found.right:
        raise AssertionError(str(found))


# --------------------------------------------------------------------------------- what is given


def _array(x: Any, what: str) -> Array:
    """A copy in float64."""
    array = np.asarray(x)
    check_real(array, what)
    return array.astype(float)


def _takes(g: Callable[..., Any], count: int) -> bool:
    """Whether a function takes so many arguments, as far as it says."""
    with suppress(ValueError):  # of one that is not written in Python
        try:
            inspect.signature(g).bind(*range(count))
        except TypeError:
            return False
    return True


def _claimed(
    result: Any, arrays: Sequence[Array], wrt: int | Sequence[int] | None
) -> list[tuple[int, Array, int | None]]:
    """The gradients, each with the position of its input, and its place in what g gave if that is
    several; None is no claim."""
    several = isinstance(result, tuple) or (
        isinstance(result, list) and len(arrays) > 1 and len(result) == len(arrays)
    )
    gradients = list(result) if several else [result]
    if wrt is None:
        places = list(range(len(arrays))) if several else [0]
    else:
        places = list(wrt) if isinstance(wrt, Sequence) else [wrt]
        if not all(hasattr(i, "__index__") for i in places):
            raise OperandError(f"`wrt` is the position of an input from 0 on, not {wrt!r}.")
    if len(gradients) != len(places) or not all(0 <= i < len(arrays) for i in places):
        raise InputError(
            f"g gave {len(gradients)} gradient(s), and there are {len(arrays)} inputs: return a "
            "tuple with one for each, or say by `wrt` which inputs they belong to."
        )
    pairs = zip(places, gradients, strict=True)
    found = [
        (i, np.asarray(x), place if several else None)
        for place, (i, x) in enumerate(pairs)
        if x is not None
    ]
    if not found:
        raise InputError("g gave no gradient.")
    return found
