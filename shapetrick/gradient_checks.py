"""Checking the gradient of any Python function: the same differences, for arrays of any shape.

The function is called as it is, point by point; the verdict is about the point that was given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from .core.errors import InputError
from .core.functions import Array
from .core.results import Verdict
from .numerics.error_curves import Curve, error_curve
from .numerics.finite_differences import (
    COARSEST,
    EPS,
    FIRST_STEP,
    Derivative,
    derivative,
    magnitude,
    remainder,
)
from .render.plots import curve_figure
from .validation.array_mistakes import alike, constant_factor, mistakes
from .validation.negative_controls import spoilt_values

MOST_ENTRIES = 400  # where there are more, random directions stand for them
DIRECTIONS = 48
SHRINKINGS = (1.0, 1 / 16, 1 / 256, 16.0)
FINEST = 1e-11  # relative: what the rounding of a right gradient may amount to
LEAST_ORDER = 1.5
SINGLE = np.dtype(np.float32)
SINGLE_SHRINKINGS = (16.0, 64.0)
SINGLE_TOLERANCE = {True: 1e-2, False: 1e-4}  # of a value, or only of a gradient, in float32
SHOWN = 5  # entries that are said to disagree
KINK = 0.5  # of the difference of the one-sided slopes is left where the step is an eighth
SAME = 1e-14
NEAR = 1e-6  # relative: values nearer than that are taken for the same when a mistake is named

Index = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry that disagrees: what is claimed, and what the differences give."""

    index: Index
    claimed: float
    measured: float


@dataclass(frozen=True)
class InputCheck:
    """The verdict on the gradient by one input."""

    index: int
    verdict: Verdict
    reason: str
    error: float = np.nan
    order: float = np.nan
    diagnosis: str = ""
    entries: tuple[Entry, ...] = ()
    wrong: int = 0  # how many entries disagree
    size: int = 0
    zero: bool = False
    notes: tuple[str, ...] = ()

    @property
    def right(self) -> bool:
        return self.verdict == "verified"

    def __str__(self) -> str:
        head = f"gradient by input {self.index}: {_WORDS[self.verdict]}"
        said = [head, *(f"  {text}" for text in self._lines())]
        return "\n".join(said)

    def _lines(self) -> Iterator[str]:
        if self.reason:
            yield self.reason
        if self.diagnosis:
            yield self.diagnosis
        if self.zero and self.right:
            yield "the gradient is zero at this point"
        if not np.isnan(self.error):
            order = "" if np.isnan(self.order) else f"; {_order(self.order)}"
            yield f"worst relative error {self.error:.2g}{order}"
        for e in self.entries:
            place = ", ".join(map(str, e.index))
            found = f"finite differences give {e.measured:.6g}"
            yield f"entry [{place}] is {e.claimed:.6g}, and {found}"
        if self.wrong > len(self.entries):
            yield f"… {self.wrong} of {self.size} entries disagree"
        yield from self.notes


_WORDS: Mapping[Verdict, str] = {"verified": "right", "wrong": "WRONG", "unchecked": "NOT CHECKED"}


def _order(order: float) -> str:
    if np.isinf(order):
        return "Taylor remainder zero to rounding"
    return f"Taylor remainder of order {order:.2f}"


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
    def entries(self) -> tuple[Entry, ...]:
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
    unless one is given. Raises InputError for what can't be checked."""
    arrays = [_array(x, f"input {i}") for i, x in enumerate(inputs)]
    if not arrays:
        raise InputError("check_gradient(f, g, *inputs) needs at least one input.")
    rng = np.random.default_rng(seed)
    value = np.asarray(f(*_copies(arrays)))
    _check_real(value, "the value of f")
    if upstream is None and value.size != 1:
        upstream = rng.uniform(0.4, 1.4, value.shape) * rng.choice((-1.0, 1.0), value.shape)
    weights = None if upstream is None else _array(upstream, "upstream")
    if weights is not None and weights.shape != value.shape:
        raise InputError(f"upstream has the shape {weights.shape}, and f's value {value.shape}.")
    extra = [] if weights is None else [weights.copy()]
    claimed = _claimed(g(*_copies(arrays), *extra), arrays, wrt)
    narrowed = [i for i, x in enumerate(inputs) if getattr(x, "dtype", None) == SINGLE]
    judged = [
        _Judged(f, arrays, i, gradient, weights, value, seed, i in narrowed)
        for i, gradient in claimed
    ]
    return GradientCheck(tuple(j.verdict() for j in judged), tuple(j.curve for j in judged))


def assert_gradient(
    f: Callable[..., Any],
    g: Callable[..., Any],
    *inputs: Any,
    wrt: int | Sequence[int] | None = None,
    upstream: Any = None,
    seed: int = 0,
) -> None:
    """For tests: raises AssertionError with what is known, unless `check_gradient` says right."""
    found = check_gradient(f, g, *inputs, wrt=wrt, upstream=upstream, seed=seed)
    if not found.right:
        raise AssertionError(str(found))


# --------------------------------------------------------------------------------- what is given


def _array(x: Any, what: str) -> Array:
    """A copy in float64."""
    array = np.asarray(x)
    _check_real(array, what)
    return array.astype(float)


def _check_real(array: Array, what: str) -> None:
    if array.dtype.kind not in "fiub":
        raise InputError(f"{what} is not an array of real numbers, but of {array.dtype}.")
    if not np.isfinite(array).all():
        raise InputError(f"{what} is not finite.")


def _copies(arrays: Sequence[Array]) -> list[Array]:
    """A function that changes its inputs must not change ours."""
    return [x.copy() for x in arrays]


def _claimed(
    result: Any, arrays: Sequence[Array], wrt: int | Sequence[int] | None
) -> list[tuple[int, Array]]:
    """The gradients, each with the position of its input; None is no claim."""
    several = isinstance(result, tuple) or (
        isinstance(result, list) and len(arrays) > 1 and len(result) == len(arrays)
    )
    gradients = list(result) if several else [result]
    if wrt is None:
        places = list(range(len(arrays))) if several else [0]
    else:
        places = [wrt] if isinstance(wrt, int) else list(wrt)
    if len(gradients) != len(places) or not all(0 <= i < len(arrays) for i in places):
        raise InputError(
            f"g gave {len(gradients)} gradient(s), and there are {len(arrays)} inputs: return a "
            "tuple with one for each, or say by `wrt` which inputs they belong to."
        )
    pairs = zip(places, gradients, strict=True)
    found = [(i, np.asarray(x)) for i, x in pairs if x is not None]
    if not found:
        raise InputError("g gave no gradient.")
    return found


# ------------------------------------------------------------------------------------ one input


class _Unjudged(Exception):
    """Why there is no verdict."""


class _Judged:
    """The gradient by one input."""

    def __init__(
        self,
        f: Callable[..., Any],
        arrays: Sequence[Array],
        index: int,
        claimed: Array,
        weights: Array | None,
        value: Array,
        seed: int,
        narrowed: bool,
    ) -> None:
        self._f = f
        self._arrays = arrays
        self._index = index
        self._x = arrays[index]
        self._claimed = claimed
        self._weights = weights
        self._value = value
        self._seed = seed
        self._single = value.dtype == SINGLE
        self._narrowed = narrowed
        coarse = self._single or claimed.dtype == SINGLE
        self._tolerance = SINGLE_TOLERANCE[self._single] if coarse else FINEST

    def verdict(self) -> InputCheck:
        """What is found of it."""
        claimed = self._claimed
        try:
            _check_real(claimed, "it")
        except InputError as problem:
            return InputCheck(self._index, "wrong", problem.message, np.inf)
        try:
            found, shrink = self._measured()
        except _Unjudged as why:
            return InputCheck(self._index, "unchecked", str(why), notes=self._notes())
        if claimed.shape != self._x.shape:
            reason = f"its shape is {claimed.shape}, not {self._x.shape}"
            named = "; ".join(self._names(found))
            return InputCheck(
                self._index, "wrong", reason, np.inf, diagnosis=named, notes=self._notes()
            )
        return self._compared(found, shrink)

    def _compared(self, found: Derivative, shrink: float) -> InputCheck:
        column = self._claimed.astype(float).reshape(-1, 1)
        measured, scale = found.value[:, 0], float(np.abs(found.value).max())
        zero = scale <= 4 * float(found.rounding.max())
        tolerance = found.error[:, 0] + self._tolerance * scale + np.finfo(float).tiny
        errors = np.abs(self._directions[:, 0, :, 0] @ column[:, 0] - measured)
        worst = float(errors.max() / scale) if not zero else float(errors.max() > 0)
        wrong = np.flatnonzero(errors > tolerance)
        if len(wrong):
            entries = self._entries(errors, wrong, measured)
            count = len(wrong) if self._by_entry else 0
            return InputCheck(
                self._index, "wrong", "finite differences give another value", worst,
                self._order_of(column, shrink), "; ".join(self._names(found)), entries,
                count, self._x.size, notes=self._notes(),
            )  # fmt: skip
        passing = self._passing_spoilt(measured, tolerance)
        if passing:
            return InputCheck(
                self._index, "unchecked", f"the check doesn't tell it from one that is {passing}"
            )
        order = np.inf if zero else self._order_of(column, shrink)
        if order < LEAST_ORDER and not self._single:
            reason = f"the Taylor remainder falls with order {order:.2g} only"
            return InputCheck(self._index, "unchecked", reason, worst, order, notes=self._notes())
        return InputCheck(
            self._index, "verified", "", worst, order, size=self._x.size, zero=zero,
            notes=self._notes(),
        )  # fmt: skip

    # ------------------------------------------------------------------------------ the numbers

    def _at(self, points: Array) -> Array:
        """The function's values at points (count × size × 1), weighed by the upstream."""
        arrays = _copies(self._arrays)
        values = np.empty((len(points), 1))
        for k, point in enumerate(points):
            arrays[self._index] = point.reshape(self._x.shape).copy()
            with np.errstate(all="ignore"):
                value = np.asarray(self._f(*arrays), dtype=float)
            if self._weights is not None:
                value = value * self._weights
            values[k] = value.sum() if value.size else 0.0
        return values

    @cached_property
    def _by_entry(self) -> bool:
        return self._x.size <= MOST_ENTRIES

    @cached_property
    def _directions(self) -> Array:
        """Along what to differentiate: count × 1 × size × 1."""
        size = self._x.size
        if self._by_entry:
            return np.eye(size)[:, None, :, None]
        return self._rng(0).standard_normal((DIRECTIONS, 1, size, 1))

    def _rng(self, purpose: int) -> np.random.Generator:
        return np.random.default_rng((self._seed, self._index, purpose))

    def _measured(self) -> tuple[Derivative, float]:
        """The derivatives along the directions. Raises _Unjudged where there are none."""
        column = self._x.reshape(-1, 1)
        first, again = self._at(np.stack([column, column]))
        if first != again:
            raise _Unjudged("f gives different values at one point: fix what is random in it")
        why = "finite differences are too coarse here: rounding hides the derivative"
        for shrink in SINGLE_SHRINKINGS if self._single else SHRINKINGS:
            found = derivative(self._at, column, self._directions, shrink)
            if not np.isfinite(found.value).all():
                why = "f has no finite value near this point"
                continue
            scale = float(np.abs(found.value).max())
            zero = scale <= 4 * float(found.rounding.max())
            limit = SINGLE_TOLERANCE[True] if self._single else COARSEST
            if zero or float(found.error.max()) <= limit * scale:
                self._refuse_kinks(column, shrink, scale)
                return found, shrink
        raise _Unjudged(why)

    def _refuse_kinks(self, column: Array, shrink: float, scale: float) -> None:
        """At a kink the slopes to both sides differ, and go on to where the step is small."""
        here = self._at(column[None])[0, 0]
        gaps = []
        for step in (shrink, shrink / 8):
            h = FIRST_STEP[1] * step * magnitude(column)
            lengths = np.abs(self._directions).max(axis=(1, 2, 3))[:, None, None]
            moves = h * self._directions[:, 0] / lengths
            ahead, behind = self._at(column + moves), self._at(column - moves)
            gaps.append(np.abs(ahead + behind - 2 * here)[:, 0] / h)
            noise = 100 * EPS * max(abs(here), np.abs(ahead).max()) / h
        kinked = (gaps[1] > KINK * gaps[0]) & (gaps[1] > noise + COARSEST * scale)
        if kinked.any() and not self._single:
            at = np.unravel_index(int(np.argmax(kinked)), self._x.shape) if self._by_entry else ()
            place = f" in entry [{', '.join(map(str, at))}]" if at else ""
            raise _Unjudged(f"f has a kink at this point{place}: the slopes to both sides differ")

    def _order_of(self, column: Array, shrink: float) -> float:
        """The order of the Taylor remainder along a random direction."""
        direction = self._rng(1).standard_normal((1, *column.shape))
        predicted = np.array([float((direction[0] * column).sum())])
        found = remainder(self._at, self._x.reshape(-1, 1), direction, predicted, shrink)
        return found.order

    def curve(self) -> Curve:
        """The error against the step, along a random direction."""
        column = self._x.reshape(-1, 1)
        if self._claimed.shape != self._x.shape:
            raise InputError("the gradient has another shape: it has no curve.")
        direction = self._rng(1).standard_normal((1, *column.shape))
        predicted = np.array([float((direction[0, :, 0] * self._claimed.ravel()).sum())])
        return error_curve(self._at, column, direction, predicted)

    def _passing_spoilt(self, measured: Array, tolerance: Array) -> str:
        """The check of the check: the names of spoilt copies that would pass."""
        value = self._claimed.astype(float)
        flat = value.reshape(value.shape[0], -1) if value.ndim else value.reshape(1, 1)
        passing = []
        for name, other in spoilt_values(flat):
            if np.abs(other - flat).max() <= SAME * np.abs(flat).max():
                continue
            column = other.reshape(-1)
            off = np.abs(self._directions[:, 0, :, 0] @ column - measured)
            if not (off > tolerance).any():
                passing.append(name)
        return ", ".join(passing)

    def _entries(self, errors: Array, wrong: Array, measured: Array) -> tuple[Entry, ...]:
        """The worst entries; where only directions were looked at, none are known."""
        if not self._by_entry:
            return ()
        worst = wrong[np.argsort(-errors[wrong], kind="stable")][:SHOWN]
        flat = self._claimed.reshape(-1)
        at = [tuple(int(i) for i in np.unravel_index(k, self._x.shape)) for k in worst]
        return tuple(
            Entry(place, float(flat[k]), float(measured[k]))
            for place, k in zip(at, worst, strict=True)
        )

    def _notes(self) -> tuple[str, ...]:
        if self._single:
            return (f"f computes in float32, too coarse for a sharp check: {_JUDGED}",)
        if self._claimed.dtype == SINGLE:
            return (f"the gradient is in float32: {_JUDGED.replace('1e-2', '1e-4')}",)
        return ("the inputs were float32, and were checked in float64",) if self._narrowed else ()

    # -------------------------------------------------------------------------- simple mistakes

    def _names(self, found: Derivative) -> Iterator[str]:
        """What a simple disagreement is called."""
        measured, claimed = found.value[:, 0], self._claimed.astype(float)
        if not measured.any():
            return
        near = 10 * float(found.error.max() / np.abs(measured).max())
        near = max(near, self._tolerance, NEAR)
        if not self._by_entry:
            if claimed.shape == self._x.shape:
                along = self._directions[:, 0, :, 0] @ claimed.ravel()
                yield from constant_factor(along, measured, near, self._counts())
            return
        right = measured.reshape(self._x.shape)
        yield from mistakes(claimed, right, near, self._counts())
        if self._weights is not None and alike(claimed, self._without_upstream(), near):
            yield "the upstream gradient is not used: it is as if that were ones"

    def _counts(self) -> list[int]:
        """Numbers over which a mean may have been taken."""
        shapes = [self._value.shape, *(x.shape for x in self._arrays)]
        sizes = [n for shape in shapes for n in (*shape, int(np.prod(shape)))]
        return [n for n in dict.fromkeys(sizes) if n > 1]

    def _without_upstream(self) -> Array:
        weights, self._weights = self._weights, None
        try:
            found = derivative(self._at, self._x.reshape(-1, 1), self._directions)
        finally:
            self._weights = weights
        return found.value[:, 0].reshape(self._x.shape)


_JUDGED = "it is judged with the relative tolerance 1e-2"
