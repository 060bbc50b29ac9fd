"""The check of any Python function's gradient at one point, for arrays of any shape.

The function is called as it is, point by point. There is no expression to look into: a kink is
told from the slopes to both sides, and what is random from a second call. All else is the check of
an expression: the differences and their tolerances, the Taylor remainder, the spoilt copies.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from ..core.errors import InputError
from ..core.functions import Array
from ..core.results import Verdict
from ..numerics.error_curves import Curve, error_curve
from ..numerics.finite_differences import (
    COARSEST,
    EPS,
    FIRST_STEP,
    derivative,
    magnitude,
    remainder,
)
from .array_mistakes import alike, constant_factor, mistakes
from .check_targets import along
from .negative_controls import spoilt_values, undetected
from .sample_points import COARSE, FINEST, Draw, Point, Unsuitable

MOST_ENTRIES = 400  # where there are more, random directions stand for them
DIRECTIONS = 48
SHRINKINGS = (1.0, 1 / 16, 1 / 256, 16.0)
LEAST_ORDER = 1.5
SINGLE = np.dtype(np.float32)
SINGLE_SHRINKINGS = (16.0, 64.0)
SINGLE_TOLERANCE = {True: 1e-2, False: 1e-4}  # of a value, or only of a gradient, in float32
SHOWN = 5  # entries that are said to disagree
KINK = 0.5  # of the difference of the one-sided slopes is left where the step is an eighth
NEAR = 1e-6  # relative: values nearer than that are taken for the same when a mistake is named

EntryIndex = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class WrongEntry:
    """An entry that disagrees: what is claimed, and what the differences give."""

    index: EntryIndex
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
    entries: tuple[WrongEntry, ...] = ()
    wrong: int = 0  # how many entries disagree
    size: int = 0
    zero: bool = False
    notes: tuple[str, ...] = ()
    reading: str = ""  # where the functions could be followed: what is claimed, in the language
    slip: str = ""  # and what is wrong with that
    suggestion: str = ""  # and what is right instead

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
        if self.slip:
            yield f"read as {self.reading}"
            yield self.slip
        if self.suggestion:
            yield f"right is {self.suggestion}"
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


def check_real(array: Array, what: str) -> None:
    """Raises InputError for what has no finite real entries."""
    if array.dtype.kind not in "fiub":
        raise InputError(f"{what} is not an array of real numbers, but of {array.dtype}.")
    if not np.isfinite(array).all():
        raise InputError(f"{what} is not finite.")


def copies(arrays: Sequence[Array]) -> list[Array]:
    """A function that changes its inputs must not change ours."""
    return [x.copy() for x in arrays]


@dataclass(frozen=True)
class FunctionSite:
    """A function of arrays as one of an input's entries (a column), the others being fixed; its
    value, of many entries, is weighed by an upstream gradient."""

    f: Callable[..., Any]
    arrays: Sequence[Array]
    index: int
    weights: Array | None
    single: bool  # whether its values are in float32
    seed: int

    @property
    def shape(self) -> tuple[int, ...]:
        return self.arrays[self.index].shape

    @property
    def x(self) -> Array:
        return self.arrays[self.index].reshape(-1, 1)

    def values(self, points: Array) -> Array:
        """The function's values at points (count × size × 1)."""
        arrays = copies(self.arrays)
        values = np.empty((len(points), 1))
        for k, point in enumerate(points):
            arrays[self.index] = point.reshape(self.shape).copy()
            with np.errstate(all="ignore"):
                value = np.asarray(self.f(*arrays), dtype=float)
            if self.weights is not None:
                value = value * self.weights
            values[k] = value.sum() if value.size else 0.0
        return values

    @property
    def by_entry(self) -> bool:
        return self.x.size <= MOST_ENTRIES

    @cached_property
    def directions(self) -> Array:
        """Along what to differentiate: count × 1 × size × 1."""
        size = self.x.size
        if self.by_entry:
            return np.eye(size)[:, None, :, None]
        return self._generator(0).standard_normal((DIRECTIONS, 1, size, 1))

    def random_direction(self) -> Array:
        """A direction that is no entry: 1 × size × 1."""
        return self._generator(1).standard_normal((1, *self.x.shape))

    def _generator(self, purpose: int) -> np.random.Generator:
        return np.random.default_rng((self.seed, self.index, purpose))

    def point(self, finest: float) -> Point:
        """The derivatives along the directions. Raises Unsuitable where there are none."""
        first, again = self.values(np.stack([self.x, self.x]))
        if first != again:
            raise Unsuitable("f gives different values at one point: fix what is random in it")
        why = COARSE
        for shrink in SINGLE_SHRINKINGS if self.single else SHRINKINGS:
            found = derivative(self.values, self.x, self.directions, shrink)
            if not np.isfinite(found.value).all():
                why = "f has no finite value near this point"
                continue
            coarsest = SINGLE_TOLERANCE[True] if self.single else COARSEST
            if found.is_zero or not found.is_coarse(coarsest):
                self._refuse_kinks(shrink, found.scale)
                drawn = Draw({"x": self.x}, {}, shrink)
                tolerance = found.tolerance(finest)
                return Point(
                    drawn, self.directions, found.value, tolerance, found.scale, found.is_zero
                )
        raise Unsuitable(why)

    def _refuse_kinks(self, shrink: float, scale: float) -> None:
        """At a kink the slopes to both sides differ, and go on to where the step is small."""
        here = self.values(self.x[None])[0, 0]
        gaps = []
        for step in (shrink, shrink / 8):
            h = FIRST_STEP[1] * step * magnitude(self.x)
            lengths = np.abs(self.directions).max(axis=(1, 2, 3))[:, None, None]
            moves = h * self.directions[:, 0] / lengths
            ahead, behind = self.values(self.x + moves), self.values(self.x - moves)
            gaps.append(np.abs(ahead + behind - 2 * here)[:, 0] / h)
            noise = 100 * EPS * max(abs(here), np.abs(ahead).max()) / h
        kinked = (gaps[1] > KINK * gaps[0]) & (gaps[1] > noise + COARSEST * scale)
        if kinked.any() and not self.single:
            at = np.unravel_index(int(np.argmax(kinked)), self.shape) if self.by_entry else ()
            place = f" in entry [{', '.join(map(str, at))}]" if at else ""
            raise Unsuitable(f"f has a kink at this point{place}: the slopes to both sides differ")


class FunctionCheck:
    """Judges what is said to be the gradient by one input of a Python function.

    `value` is the function's at these inputs, `weights` the upstream gradient; `narrowed` says
    that the input was given in float32."""

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
        self._index = index
        self._claimed = claimed
        self._weights = weights
        self._sizes = [value.shape, *(x.shape for x in arrays)]
        self._single = value.dtype == SINGLE
        self._narrowed = narrowed
        self._site = FunctionSite(f, arrays, index, weights, self._single, seed)
        coarse = self._single or claimed.dtype == SINGLE
        self._finest = SINGLE_TOLERANCE[self._single] if coarse else FINEST

    def verdict(self) -> InputCheck:
        """What is found of it."""
        return replace(self._judged(), notes=self._notes())

    def _judged(self) -> InputCheck:
        try:
            check_real(self._claimed, "it")
        except InputError as problem:
            return InputCheck(self._index, "wrong", problem.message, np.inf)
        try:
            point = self._site.point(self._finest)
        except Unsuitable as why:
            return InputCheck(self._index, "unchecked", str(why))
        if self._claimed.shape != self._site.shape:
            reason = f"its shape is {self._claimed.shape}, not {self._site.shape}"
            named = "; ".join(self._names(point))
            return InputCheck(self._index, "wrong", reason, np.inf, diagnosis=named)
        return self._compared(point)

    def _compared(self, point: Point) -> InputCheck:
        column = self._column
        predicted = along(column, point.directions)
        off, worst = point.off(predicted)
        if off > 1:
            entries, count = self._entries(point, predicted)
            return InputCheck(
                self._index, "wrong", "finite differences give another value", worst,
                self._order(point), "; ".join(self._names(point)), entries, count, column.size,
            )  # fmt: skip
        passing = self._passing(point)
        if passing:
            reason = f"the check doesn't tell it from one that is {', '.join(passing)}"
            return InputCheck(self._index, "unchecked", reason)
        order = np.inf if point.zero else self._order(point)
        if order < LEAST_ORDER and not self._single:
            reason = f"the Taylor remainder falls with order {order:.2g} only"
            return InputCheck(self._index, "unchecked", reason, worst, order)
        return InputCheck(
            self._index, "verified", "", worst, order, size=column.size, zero=point.zero
        )

    @cached_property
    def _column(self) -> Array:
        return self._claimed.astype(float).reshape(-1, 1)

    def _order(self, point: Point) -> float:
        """The order of the Taylor remainder along a random direction."""
        site, direction = self._site, self._site.random_direction()
        predicted = along(self._column, direction[None])[0]
        return remainder(site.values, site.x, direction, predicted, point.draw.shrink).order

    def curve(self) -> Curve:
        """The error against the step, along a random direction."""
        if self._claimed.shape != self._site.shape:
            raise InputError("the gradient has another shape: it has no curve.")
        direction = self._site.random_direction()
        predicted = along(self._column, direction[None])[0]
        return error_curve(self._site.values, self._site.x, direction, predicted)

    def _passing(self, point: Point) -> list[str]:
        """The check of the check: the names of spoilt copies that would pass."""
        value = self._claimed.astype(float)
        flat = value.reshape(value.shape[0], -1) if value.ndim else value.reshape(1, 1)

        def off(spoilt: Array) -> Array:
            columns = spoilt.reshape(len(spoilt), -1, 1)
            return point.errors(along(columns, point.directions))[1]

        return undetected(flat, spoilt_values(flat), off)

    def _entries(self, point: Point, predicted: Array) -> tuple[tuple[WrongEntry, ...], int]:
        """The worst entries, and how many are wrong; where only directions were looked at, none
        are known."""
        if not self._site.by_entry:
            return (), 0
        errors = np.abs(predicted - point.derivatives)[:, 0]
        wrong = np.flatnonzero(errors > point.tolerance[:, 0])
        worst = wrong[np.argsort(-errors[wrong], kind="stable")][:SHOWN]
        entries = (
            WrongEntry(
                tuple(int(i) for i in np.unravel_index(k, self._site.shape)),
                float(self._column[k, 0]),
                float(point.derivatives[k, 0]),
            )
            for k in worst
        )
        return tuple(entries), len(wrong)

    def _notes(self) -> tuple[str, ...]:
        if self._single:
            return (f"f computes in float32, too coarse for a sharp check: {_JUDGED} 1e-2",)
        if self._claimed.dtype == SINGLE:
            return (f"the gradient is in float32: {_JUDGED} 1e-4",)
        return ("the inputs were float32, and were checked in float64",) if self._narrowed else ()

    # -------------------------------------------------------------------------- simple mistakes

    def _names(self, point: Point) -> Iterator[str]:
        """What a simple disagreement is called."""
        if point.zero:
            return
        measured, claimed = point.derivatives[:, 0], self._claimed.astype(float)
        near = max(10 * (point.coarseness - self._finest), self._finest, NEAR)
        if not self._site.by_entry:
            if claimed.shape == self._site.shape:
                predicted = along(self._column, point.directions)[:, 0]
                yield from constant_factor(predicted, measured, near, self._counts())
            return
        yield from mistakes(claimed, measured.reshape(self._site.shape), near, self._counts())
        if self._weights is not None:
            site = replace(self._site, weights=None)
            found = derivative(site.values, site.x, site.directions)
            if alike(claimed, found.value[:, 0].reshape(site.shape), near):
                yield "the upstream gradient is not used: it is as if that were ones"

    def _counts(self) -> list[int]:
        """Numbers over which a mean may have been taken."""
        sizes = [n for shape in self._sizes for n in (*shape, int(np.prod(shape)))]
        return [n for n in dict.fromkeys(sizes) if n > 1]


_JUDGED = "it is judged with the relative tolerance"
