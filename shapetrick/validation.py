"""Validation: is a gradient the derivative that it is said to be? Finite differences have the say.

A `Checker` is built once for a request and holds its draws; candidates meet `quick`, the finished
answer meets `check`: finite differences entry by entry at two assignments of sizes, the Taylor
remainder at fresh draws, and the check of the check: spoilt copies must be refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from copy import copy
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from itertools import islice
from math import gcd

import numpy as np

from .differences import remainder, resolves
from .dims import shape_text
from .errors import ShapetrickError
from .evaluation import Program
from .expr import Expr, postorder
from .functions import Array
from .probes import (
    COARSE,
    LARGEST_VALUE,
    OUTSIDE,
    SINGULAR,
    Env,
    Functions,
    Point,
    Site,
    Target,
    Unsuitable,
)
from .problem import Kind
from .results import Validation, Verdict
from .sampling import LARGEST_FIXED, assignments, dims_of, forced_sizes, orders_obeyed
from .spoiling import spoilt_expressions, spoilt_values

FITS = 1e-4  # `quick` gives less for a gradient that is right
CLEARLY = 100  # an error of that many tolerances needs no second draw
SECOND_DRAWS = 3
ZERO_DRAWS = 6  # a derivative that vanishes at so many draws of a site is taken to vanish there
SITES = 2
LEAST_GAIN = 0.5  # the Taylor remainder must fall faster than the derivative's own term by so much
SMALLEST_VALUE = 1e-150  # whose square is no longer seen
SAME = 1e-14  # relative: a spoilt copy this near to the answer is not spoilt


class _Refused(Exception):
    """The check came to a verdict other than verified."""

    def __init__(self, verdict: Verdict, reason: str, error: float = np.nan) -> None:
        super().__init__(reason)
        self.verdict, self.reason, self.error = verdict, reason, error


class _Probe:
    """A site with its points; first one where the derivative isn't zero, if there is any."""

    def __init__(self, site: Site, first: Point, others: Iterator[Point]) -> None:
        self.site = site
        self.point = first
        self._points = [first]
        self._others = islice(others, SECOND_DRAWS)

    def points(self) -> Iterator[Point]:
        """The point, and those at which to look again."""
        yield from self._points
        for point in self._others:
            self._points.append(point)
            yield point


@dataclass(frozen=True, slots=True)
class _Fit:
    """A point of a site at which the gradient is right, its value and relative error there."""

    probe: _Probe
    point: Point
    value: Array
    error: float


class Checker:
    """Judges what is said to be the derivative `kind` of `of` by `wrt` (along `direction`).

    `functions` and `symbols` are those that a gradient may mention beside those of `of`. With a
    verified `gradient_of`, the gradient itself, second derivatives are cheaper and sharper: they
    are its first differences."""

    def __init__(
        self,
        of: Expr,
        wrt: Expr,
        direction: Expr | None = None,
        kind: Kind = "grad",
        functions: Sequence[str] = (),
        symbols: Sequence[Expr] = (),
        seed: int = 0,
        symmetric: bool = False,
        gradient_of: Expr | None = None,
    ) -> None:
        first: dict[Kind, Kind] = {"hess": "jac", "hvp": "jvp"}
        # a gradient that an attribute of the variable simplified is none of independent entries
        if gradient_of is not None and kind in first and not wrt.data.attributes:
            of, kind = gradient_of, first[kind]
        self._target = Target(of, wrt, kind, direction, symmetric, (*symbols,), (*functions,))
        self._seed = seed
        fused = [*of.shape, *wrt.shape] if kind in ("jac", "hess") else []
        self._begin(forced_sizes([of]) | {d.integer for d in fused if d.integer is not None})

    def quick(self, candidate: Expr) -> float:
        """The relative error at one small draw; infinite if it has another shape or no value, NaN
        if no draw was found."""
        if candidate.shape != self._target.shape:
            return np.inf
        probe = self._probe(0)
        if probe is None:
            return np.nan
        for point in probe.points():
            value = _values([candidate], probe.site.sizes, point)[0]
            if value is not None:
                return self._error(point, value)
        return np.inf

    def check(self, gradient: Expr) -> Validation:
        """The verdict, with what it rests on."""
        try:
            return self._examined(gradient)
        except _Refused as refused:
            if refused.verdict == "wrong" and self._may_hold_a_size(gradient, refused.error):
                at_declared_sizes = copy(self)
                at_declared_sizes._begin(None)
                return at_declared_sizes.check(gradient)
            return self._validation(refused.verdict, refused.reason, refused.error)

    # ----------------------------------------------------------------------------- the stages

    def _examined(self, gradient: Expr) -> Validation:
        if gradient.shape != self._target.shape:
            shapes = f"{shape_text(gradient.shape)}, not {shape_text(self._target.shape)}"
            raise _Refused("wrong", f"its shape is {shapes}", np.inf)
        probes = [probe for probe in map(self._probe, range(SITES)) if probe is not None]
        if len(probes) < SITES:
            raise _Refused("unchecked", self._why_no_point())
        fits = [self._compare(probe, gradient) for probe in probes]
        zero = all(fit.point.zero for fit in fits)
        if zero:
            self._confirm_zero(fits, gradient)
        order = np.inf if zero else min(self._order(probe, gradient) for probe in probes)
        self._refuse_spoilt(fits, gradient)
        return self._validation("verified", "", max(fit.error for fit in fits), order, zero)

    def _compare(self, probe: _Probe, gradient: Expr) -> _Fit:
        """Where the gradient is right. A miss is looked at again at other points if it is small, or
        if the gradient's own value is uncertain there."""
        missed, computed = [], False
        for point in probe.points():
            value = _values([gradient], probe.site.sizes, point)[0]
            if value is None:
                continue
            computed = True
            off, error = self._off(point, value), self._error(point, value)
            if off <= 1:
                return _Fit(probe, point, value, error)
            if self._is_steady(probe, point, gradient, value):
                missed.append(error)
                if off > CLEARLY:
                    break
        if missed:
            raise _Refused("wrong", "finite differences give another value", max(missed))
        if computed:
            raise _Refused("unchecked", "rounding makes its value uncertain")
        raise _Refused("wrong", "its value isn't finite", np.inf)

    def _is_steady(self, probe: _Probe, point: Point, gradient: Expr, value: Array) -> bool:
        """Whether the gradient's error is more than its change where the inputs hardly change."""
        near = _evaluated([gradient], probe.site.sizes, _moved(point, 1e-10), point.functions)[0]
        if near is None:
            return False
        change = np.abs(self._target.predicted(near - value, point.directions))
        return bool(change.max() < 0.1 * self._errors(point, value).max())

    def _order(self, probe: _Probe, gradient: Expr) -> float:
        """The order of the Taylor remainder at a fresh draw of the site. A draw at which it is too
        low must be outweighed by others."""
        wanted = self._target.order + LEAST_GAIN
        right: list[float] = []
        missed: list[float] = []
        for order in self._orders(probe, gradient, wanted):
            (right if order >= wanted else missed).append(order)
            if len(right) > len(missed):
                return min(right)
            if len(missed) > len(right) + 1:
                break
        if missed:
            reason = f"the Taylor remainder falls with order {missed[0]:.2g} only"
            raise _Refused("wrong", reason)
        raise _Refused("unchecked", "no draw for the Taylor remainder was found")

    def _orders(self, probe: _Probe, gradient: Expr, wanted: float) -> Iterator[float]:
        target = self._target
        for env, functions, direction, shrink in probe.site.draws(probe.points()):
            value = _evaluated([gradient], probe.site.sizes, env, functions)[0]
            if value is None:
                continue
            with suppress(Unsuitable):
                f, x = partial(probe.site.values, env, functions), env[target.wrt.data.name]
                along = target.travelled(direction)
                predicted = target.predicted(value, direction[None])[0]
                found = remainder(f, x, along, predicted, shrink)
                # a low order says nothing where the steps are too long for the function
                if found.sharp and (found.order >= wanted or resolves(f, x, along, shrink)):
                    yield found.order

    def _confirm_zero(self, fits: Sequence[_Fit], gradient: Expr) -> None:
        """A derivative below rounding is zero only if nothing hides it: the function is constant
        also for large values of the variable, and the gradient is zero, or noise and no more."""
        for fit in fits:
            site, point = fit.probe.site, fit.point
            if _underflows(gradient, site, point):
                raise _Refused("unchecked", "its value underflows")
            near = _evaluated([gradient], site.sizes, _moved(point, 1e-6), point.functions)[0]
            if site.constant(point) is None or not _is_noise(fit.value, near):
                raise _Refused("unchecked", COARSE)

    def _refuse_spoilt(self, fits: Sequence[_Fit], gradient: Expr) -> None:
        """The check of the check. Raises _Refused if a spoilt copy passes at all sites."""
        copies = list(spoilt_expressions(gradient))
        passing = [set(self._passing(fit, copies)) for fit in fits]
        if names := set.intersection(*passing):
            listed = ", ".join(sorted(names))
            raise _Refused("unchecked", f"the check doesn't tell it from a spoilt copy ({listed})")

    def _passing(self, fit: _Fit, copies: Sequence[tuple[str, Expr]]) -> Iterator[str]:
        """The names of the spoilt copies that aren't told from the gradient."""
        others = _values([e for _, e in copies], fit.probe.site.sizes, fit.point)
        names = [name for name, _ in copies]
        for name, other in [*spoilt_values(fit.value), *zip(names, others, strict=True)]:
            if other is None:
                continue
            differs = np.abs(other - fit.value).max() > SAME * np.abs(fit.value).max()
            if differs and self._off(fit.point, other) <= 1:
                yield name

    def _errors(self, point: Point, value: Array) -> Array:
        with np.errstate(over="ignore"):
            return np.abs(self._target.predicted(value, point.directions) - point.found.value)

    def _off(self, point: Point, value: Array) -> float:
        """The largest error in tolerances."""
        with np.errstate(over="ignore"):
            tolerances = self._errors(point, value) / (point.tolerance + np.finfo(float).tiny)
        return float(tolerances.max())

    def _error(self, point: Point, value: Array) -> float:
        """The largest error over the largest derivative; where all is zero, 0 or infinite."""
        if point.zero:
            return 0.0 if self._off(point, value) <= 1 else np.inf
        return float(self._errors(point, value).max()) / point.scale

    # ------------------------------------------------------------------------ sites and draws

    def _begin(self, forced: frozenset[int] | None) -> None:
        """Look for sites anew. Declared sizes that are not forced are replaced by small ones."""
        self._found: list[_Probe] = []
        self._barren: list[Site] = []
        self._dims = dims_of([self._target.of, *self._target.inputs])
        rng = np.random.default_rng(self._seed)
        self._sizes = enumerate(assignments(self._dims, rng, forced))

    def _probe(self, index: int) -> _Probe | None:
        """The index-th site at which there are points, if so many are found."""
        while len(self._found) <= index:
            i, sizes = next(self._sizes, (0, None))
            if sizes is None:
                return None
            site = Site(self._target, sizes, (self._seed, i))
            points = site.points()
            point = _first_not_zero(points)
            if point is None:
                self._barren.append(site)
            else:
                self._found.append(_Probe(site, point, points))
        return self._found[index]

    def _may_hold_a_size(self, gradient: Expr, error: float) -> bool:
        """Whether the gradient may be right at the declared sizes though not at those put in their
        place: a number in it may stem from one."""
        replaced = {int(k) for p in self._found for k in p.site.sizes if k.isdigit()}
        if error == np.inf:
            return bool(replaced)
        numbers = [e.data for e in postorder([gradient]) if isinstance(e.data, Fraction)]
        parts = [k for n in numbers for k in n.as_integer_ratio()]
        return any(gcd(k, size) > LARGEST_FIXED for k in parts for size in replaced)

    def _why_no_point(self) -> str:
        reasons: dict[str, int] = {}
        for site in self._barren:
            for reason, count in site.failures.items():
                reasons[reason] = reasons.get(reason, 0) + count
        return max(reasons, key=lambda r: reasons[r], default=OUTSIDE)

    def _conditions(self) -> tuple[str, ...]:
        """What the sizes had to satisfy: the orders of two dimensions that hold wherever points
        were found, and not where there were none."""
        if not any(s.failures[OUTSIDE] or s.failures[SINGULAR] for s in self._barren):
            return ()
        while self._probe(len(self._found)):  # the more sites, the fewer accidental orders
            pass
        fixed = {str(d): d.integer for d in self._dims if d.integer and d.integer > 1}
        good = [{**fixed, **probe.site.sizes} for probe in self._found]
        return orders_obeyed(good, [{**fixed, **site.sizes} for site in self._barren])

    def _validation(
        self,
        verdict: Verdict,
        reason: str,
        error: float,
        order: float = np.nan,
        zero: bool = False,
    ) -> Validation:
        sizes = tuple(dict(probe.site.sizes) for probe in self._found[:SITES])
        conditions = self._conditions()
        return Validation(
            verdict, reason, error, order, 2 * len(sizes), sizes, self._seed, conditions, zero
        )


def _first_not_zero(points: Iterator[Point]) -> Point | None:
    flat = None
    for point in islice(points, ZERO_DRAWS):
        if not point.zero:
            return point
        flat = flat or point
    return flat


def _values(
    expressions: Sequence[Expr], sizes: Mapping[str, int], point: Point
) -> list[Array | None]:
    return _evaluated(expressions, sizes, point.env, point.functions)


def _evaluated(
    expressions: Sequence[Expr], sizes: Mapping[str, int], env: Env, functions: Functions
) -> list[Array | None]:
    """The values of gradients; None where one isn't finite or can't be computed."""
    try:
        values = Program(expressions, sizes).run(env, functions)
    except (ShapetrickError, ArithmeticError, TypeError, ValueError):
        if len(expressions) == 1:
            return [None]
        return [v for e in expressions for v in _evaluated([e], sizes, env, functions)]
    return [value if (np.abs(value) < LARGEST_VALUE).all() else None for value in values]


def _moved(point: Point, by: float) -> Env:
    """The inputs, each entry changed a little."""
    return {
        name: x * (1 + by * np.cos(np.arange(x.size)).reshape(x.shape))
        for name, x in point.env.items()
    }


def _underflows(gradient: Expr, site: Site, point: Point) -> bool:
    """Whether a part of the gradient is so small that a product with it may be zero by accident."""
    values = _values(list(postorder([gradient])), site.sizes, point)
    sizes = [np.abs(value).max() for value in values if value is not None]
    return any(0 < size < SMALLEST_VALUE for size in sizes)


def _is_noise(value: Array, near: Array | None) -> bool:
    """Whether a value is zero but for rounding, which changes with the tiniest change."""
    if near is None:
        return False
    return not value.any() or bool(np.abs(value - near).max() > 1e-2 * np.abs(value).max())
