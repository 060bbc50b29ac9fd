"""Validation: is a gradient the derivative that it is said to be? Finite differences have the say.

A `Checker` is built once for a request and holds its draws. An answer meets finite differences
entry by entry at two assignments of sizes, the Taylor remainder at fresh draws, and the check of
the check: spoilt copies must be refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from copy import copy
from dataclasses import replace
from functools import partial
from itertools import combinations, islice
from math import gcd, isnan, log10
from operator import add, mul

import numpy as np

from ..core.dims import Dim, shape_text
from ..core.equations import EquationSystem
from ..core.expr import Abstract, Dimension, Expr, Symbol, exact
from ..core.functions import Array
from ..core.named_tuples import NamedTuple
from ..core.problem import DerivativeKind, Problem, Request
from ..core.results import Validation, Verdict
from ..core.traversal import postorder, substitute
from ..numerics.error_curves import Curve, error_curve
from ..numerics.evaluation import EvaluationTape
from ..numerics.finite_differences import remainder
from ..numerics.sampling import (
    LARGEST_FIXED,
    assignments,
    dims_among,
    forced_sizes,
    generator,
    least_sizes,
    orders_obeyed,
)
from .check_targets import Target, also_drawn
from .negative_controls import spoilt_expressions, spoilt_values, undetected
from .rational import spread
from .sample_points import (
    COARSE,
    LARGE_TRIES,
    MOST_POINTS,
    NOISE,
    OUTSIDE,
    ROUNDINGS,
    SINGULAR,
    TOO_LARGE,
    UNSOLVED,
    Draw,
    Point,
    Site,
    Unsuitable,
)
from .sweep import Suspect, Sweep

DIFFERS = "finite differences give another value"
UNCERTAIN = "rounding makes its value uncertain"
LARGER = 5  # added to all sizes
LARGER_POINTS = 500  # at once, at such sizes: a few directions stand for all entries
CLEARLY = 100  # an error of that many tolerances needs no second draw
HARDLY = (1e-10, 3e-12, 1e-13)  # relative moves of inputs
SECOND_DRAWS = 3
SHARP = 1e-6  # relative tolerance of a point with which the search for a better one ends
FIRST_DRAWS, FIRST_NOT_ZERO = 6, 2  # at most, in that search
SEEN = 10  # times what a right gradient may be off by: an error that no tolerance hides
SITES = 2
MODERATE = 10.0
FLAT_SITES = 2  # without any derivative, before the function is taken to have none
LEAST_GAIN = 0.5  # the Taylor remainder must fall faster than the derivative's own term by so much
SMALLEST_VALUE = 1e-150  # whose square is no longer seen


class Refused(Exception):
    """The check came to a verdict other than verified."""

    def __init__(self, verdict: Verdict, reason: str, error: float = np.nan) -> None:
        super().__init__(reason)
        self.verdict, self.reason, self.error = verdict, reason, error


class Probe:
    """A site with its points; first the one of those `tried` where the derivative is sharpest."""

    def __init__(self, site: Site, tried: Sequence[Point], others: Iterator[Point]) -> None:
        self.site = site
        first = min(tried, key=lambda point: point.coarseness) if tried[1:] else tried[0]
        self.flat = [point for point in tried if point.zero and point is not first]
        self._first = first
        self._points: list[Point] = []  # those that are settled
        self._others = islice(others, SECOND_DRAWS)

    def points(self) -> Iterator[Point]:
        """The first point, and those at which to look again."""
        if not self._points:
            self._points.append(self.site.settled(self._first))
        yield from self._points
        for point in map(self.site.settled, self._others):
            self._points.append(point)
            yield point


class Fit(NamedTuple):
    """The values of a gradient and of its spoilt copies at a point; by how much the former is off,
    in tolerances and relatively."""

    site: Site
    point: Point
    value: Array
    copies: Sequence[Array | None]
    off: float
    error: float


class Checker:
    """Judges what is said to be the derivative `kind` of `of` by `wrt` (along `direction`).

    `functions` and `symbols` are those that a gradient may mention beside those of `of`. With a
    verified `gradient_of`, the gradient itself, second derivatives are cheaper and sharper: they
    are its first differences."""

    def __init__(
        self,
        of: Expr,
        wrt: Symbol,
        direction: Symbol | None = None,
        kind: DerivativeKind = "grad",
        functions: Sequence[str] = (),
        symbols: Sequence[Symbol] = (),
        seed: int = 0,
        symmetric: bool = False,
        gradient_of: Expr | None = None,
        systems: tuple[EquationSystem, ...] = (),
    ) -> None:
        self._solutions: dict[Expr, Expr] = {}
        if systems:
            from ..numerics.implicit_solving import solutions

            self._solutions = solutions(systems)
        of = self._stated(of)
        first: dict[DerivativeKind, DerivativeKind] = {"hess": "jac", "hvp": "jvp"}
        # a gradient that an attribute of the variable simplified is none of independent entries
        if gradient_of is not None and kind in first and not wrt.attributes:
            of, kind = gradient_of, first[kind]
        target = Target(of, wrt, kind, direction, symmetric, (*symbols,), (*functions,), systems)
        fused = [*of.shape, *wrt.shape] if kind in ("jac", "hess") else []
        self._start(target, seed, fused)

    def _start(self, target: Target, seed: int, fused: Iterable[Dim] = ()) -> None:
        """Take the target on, of which the `fused` sides keep their declared sizes."""
        self._target, self._seed = target, seed
        forced = {d.integer for d in fused if d.integer is not None}
        self._begin(forced_sizes(target.nodes) | forced)

    def _stated(self, e: Expr) -> Expr:
        """The expression with the unknowns of equations as what solves them."""
        return substitute(e, self._solutions) if self._solutions else e

    def check(self, gradient: Expr) -> Validation:
        """The verdict, with what it rests on. What has no derivative at small sizes (an iteration
        that has converged), or an uncertain one, is looked at again at larger ones."""
        gradient = self._stated(gradient)
        found = self._checked(gradient)
        if (not found.zero and found.reason != UNCERTAIN) or not self._target.depends:
            return found
        larger = copy(self)
        larger._begin(self._forced, LARGER)
        other = larger._checked(gradient)
        return found if other.verdict == "unchecked" or (found.zero and other.zero) else other

    def _checked(self, gradient: Expr) -> Validation:
        try:
            return self._examined(gradient)
        except Refused as refused:
            if refused.verdict == "wrong" and self._may_hold_a_size(gradient, refused.error):
                at_declared_sizes = copy(self)
                at_declared_sizes._begin(None)
                return at_declared_sizes._checked(gradient)
            return self._validation(refused.verdict, refused.reason, refused.error)

    def check_claim(self, value: Expr) -> Validation:
        """The verdict on what someone claims. What is infinite at some points where the derivative
        exists is wrong, though it be right elsewhere."""
        found = self.check(value)
        if found.verdict != "wrong" and self.has_gaps(value):
            reason = "it has no finite value at some points where the derivative exists"
            return replace(found, verdict="wrong", reason=reason, max_relative_error=np.inf)
        return found

    def draws(self) -> list[tuple[Mapping[str, int], Draw]]:
        """The sizes and inputs at which gradients are compared first, as far as points were
        found."""
        return [(probe.site.sizes, next(probe.points()).draw) for probe in self._probes()]

    def _probes(self) -> list[Probe]:
        """Those at the first assignments of sizes, as far as there are some."""
        return [probe for probe in map(self._probe, range(SITES)) if probe is not None]

    def curve(self, gradient: Expr) -> Curve | None:
        """How the error falls with the step along a random direction; None where there is no point
        to look at, or the gradient has another shape."""
        target, probe = self._target, self._probe(0)
        gradient = self._stated(gradient)
        if probe is None or gradient.shape != target.shape:
            return None
        site, drawn = probe.site, next(probe.points()).draw
        value = site.gradients(EvaluationTape([gradient]), drawn)[0]
        if value is None:
            return None
        x = target.point(drawn.env)
        direction = target.random_direction(drawn.env, np.random.default_rng(self._seed))

        def f(points: Array) -> Array:
            try:
                return site.values(drawn, points)
            except Unsuitable:
                return np.full((len(points), 1), np.nan)

        predicted = target.predicted(value, direction[None])[0]
        return error_curve(f, x, target.travelled(direction), predicted)

    def has_gaps(self, gradient: Expr) -> bool:
        """Whether it has no value at a point where the derivative is known, though no input there
        is large enough for something to overflow."""
        program = EvaluationTape([self._stated(gradient)])
        for probe in self._probes():
            for point in probe.points() if probe.site.holds(program) else ():
                inputs = point.draw.env.values()
                moderate = all((np.abs(x) <= MODERATE).all() for x in inputs)
                if moderate and self._fit(probe.site, point, program) is None:
                    return True
        return False

    # ----------------------------------------------------------------------------- the stages

    def _examined(self, gradient: Expr) -> Validation:
        if gradient.shape != self._target.shape:
            shapes = f"{shape_text(gradient.shape)}, not {shape_text(self._target.shape)}"
            raise Refused("wrong", f"its shape is {shapes}", np.inf)
        self._alike: Sequence[tuple[tuple[str, str], Callable[[int, int], int]]] = ()
        probes = self._probes()
        probes += self._further(gradient, [probe.site.sizes for probe in probes])
        copies = list(spoilt_expressions(gradient))
        with_copies = EvaluationTape([gradient, *(e for _, e in copies)])
        return self._compared(probes, with_copies, [name for name, _ in copies])

    def _compared(
        self, probes: Sequence[Probe], with_copies: EvaluationTape, copies: Sequence[str]
    ) -> Validation:
        """The verdict at the probes, with the names of the spoilt copies. Raises Refused."""
        if len(probes) < SITES:
            raise Refused("unchecked", self._why_no_point())
        if not all(probe.site.holds(with_copies) for probe in probes):
            raise Refused("unchecked", self._with_advice(TOO_LARGE))
        program = with_copies.first()
        fits = [self._compare(probes[0], with_copies)]
        fits += [self._compare(probe, program) for probe in probes[1:]]
        for probe in probes:
            self._compare_flat(probe, program)
        self._sweep(probes[-1], program)
        zero = all(fit.point.zero for fit in fits)
        if zero:
            self._confirm_zero(fits, program)
        order = np.inf if zero else self._order(probes[0], program)
        self._refuse_spoilt(fits, with_copies, copies)
        return self._validation("verified", "", max(fit.error for fit in fits), order, zero)

    def _compare(self, probe: Probe, program: EvaluationTape) -> Fit:
        """Where the gradient is right. A miss is looked at again at other points if it is small, or
        if the gradient's own value is uncertain there."""
        fits = []
        for point in probe.points():
            fit = self._fit(probe.site, point, program)
            if fit is None:
                continue
            if fit.off <= 1:
                return fit
            fits.append(fit)
            if fit.off > CLEARLY and self._is_certain(fit, program):
                break
        if not fits:
            raise Refused("wrong", "its value isn't finite", np.inf)
        errors = [fit.error for fit in fits if self._is_certain(fit, program)]
        if not errors:
            raise Refused("unchecked", UNCERTAIN)
        raise Refused("wrong", DIFFERS, max(errors))

    def _compare_flat(self, probe: Probe, program: EvaluationTape) -> None:
        """Where the function is flat in places, look there too. Raises Refused."""
        for point in probe.flat:
            fit = self._fit(probe.site, point, program)
            if fit is not None and fit.off > 1:  # what rounding hides is not asked for without need
                self._look_at(probe, probe.site.settled(point), program)

    def _sweep(self, probe: Probe, program: EvaluationTape) -> None:
        """The gradient at all magnitudes and on all sides of kinks, where one point may not have
        told everything. Raises Refused."""
        site, point = probe.site, next(probe.points())
        nodes = (*self._target.nodes, *program.nodes)
        if spread([self._target.of, *program.roots], nodes) < -log10(SEEN * point.coarseness):
            return
        sweep = Sweep(site, program, site.scale(point))
        for suspect in sweep.suspects():
            if self._is_right_at(probe, suspect, program):
                sweep.acquit(suspect)
        if (branch := sweep.unreached()) is not None:
            raise Refused("unchecked", f"the branch `{branch}` was never reached")

    def _is_right_at(self, probe: Probe, suspect: Suspect, program: EvaluationTape) -> bool:
        """Whether the gradient agrees with the derivatives by all entries at a suspected draw, as
        far as they can be told. Raises Refused."""
        site, drawn = probe.site, suspect.draw
        with suppress(Unsuitable):
            rng = site.generator(6)
            directions = self._target.directions(drawn.env, rng, site.room, suspect.variable)
            return self._look_at(probe, site.point(drawn, directions), program)
        return False

    def _look_at(self, probe: Probe, point: Point, program: EvaluationTape) -> bool:
        """Whether the gradient is right at the point, as far as can be told there. Raises Refused
        where it is clearly another one."""
        fit = self._fit(probe.site, point, program)
        if fit is None:
            return False
        if fit.off <= CLEARLY or (point.zero and self._is_negligible(fit, next(probe.points()))):
            return True
        if self._is_certain(fit, program):
            raise Refused("wrong", DIFFERS, fit.error)
        return False

    def _is_certain(self, fit: Fit, program: EvaluationTape) -> bool:
        """Whether the gradient's error is more than what its inputs' last digits change, and what
        rounding does."""
        return self._is_steady(fit, program) and self._is_beyond_rounding(fit, program)

    def _is_beyond_rounding(self, fit: Fit, program: EvaluationTape) -> bool:
        """Whether the gradient is off by more than rounding changes it and the differences."""
        target, point = self._target, fit.point
        predicted = target.predicted(fit.value, point.directions)
        changed = point.tolerance.copy()
        for k in range(ROUNDINGS):
            drawn = replace(point.draw, rounded=k)
            value = fit.site.gradients(program, drawn)[0]
            if value is None:
                return False
            changed += NOISE * np.abs(target.predicted(value, point.directions) - predicted)
            try:
                measured = fit.site.measured(drawn, point.directions).value
                changed += NOISE * np.abs(measured - point.derivatives)
            except Unsuitable as problem:
                if str(problem) == OUTSIDE:
                    return False  # rounding decides whether there is a value
        return bool((np.abs(predicted - point.derivatives) > changed).any())

    def _is_negligible(self, fit: Fit, other: Point) -> bool:
        """Whether the gradient is nothing beside that at another point: a function that saturates
        is flat to rounding before its derivative is zero."""
        with np.errstate(over="ignore"):
            here = np.abs(self._target.predicted(fit.value, fit.point.directions)).max()
        return bool(here <= np.finfo(float).eps * other.scale)

    def _order(self, probe: Probe, program: EvaluationTape) -> float:
        """The order of the Taylor remainder at a fresh draw of the site."""
        target, site = self._target, probe.site
        for drawn, direction in site.fresh(probe.points()):
            value = site.gradients(program, drawn)[0]
            if value is None:
                continue
            with suppress(Unsuitable):
                found = remainder(
                    partial(site.values, drawn),
                    target.point(drawn.env),
                    target.travelled(direction),
                    target.predicted(value, direction[None])[0],
                    drawn.shrink,
                )
                if found.sharp and found.order >= target.order + LEAST_GAIN:
                    return found.order
                # a low order says nothing where the steps are too long for the function
                fit = self._fit(site, site.point(drawn, direction[None]), program)
                if fit is not None and fit.off > CLEARLY and self._is_certain(fit, program):
                    reason = f"the Taylor remainder falls with order {found.order:.2g} only"
                    raise Refused("wrong", reason, fit.error)
        raise Refused("unchecked", "no draw for the Taylor remainder was found")

    def _confirm_zero(self, fits: Sequence[Fit], program: EvaluationTape) -> None:
        """A derivative below rounding is zero only if nothing hides it: the function is constant
        also for large values of the variable, and the gradient is zero, or noise and no more."""
        for fit in fits:
            drawn = fit.point.draw
            if _underflows(program, fit.site, drawn) or fit.site.underflows(drawn):
                raise Refused("unchecked", "its value underflows")
            drawns = (replace(drawn, rounded=k) for k in range(ROUNDINGS))
            others = [fit.site.gradients(program, other)[0] for other in drawns]
            if fit.site.constant(fit.point) is None or not _is_noise(fit.value, others):
                raise Refused("unchecked", COARSE)

    def _refuse_spoilt(
        self, fits: Sequence[Fit], with_copies: EvaluationTape, copies: Sequence[str]
    ) -> None:
        """The check of the check. Raises Refused if a spoilt copy passes at all sites; at the
        later ones, only what passed at the first needs a look."""
        names = self._passing(fits[0], copies)
        for fit in fits[1:]:
            again = self._fit(fit.site, fit.point, with_copies) if names else None
            names = set() if again is None else names & self._passing(again, copies)
        if names:
            listed = ", ".join(sorted(names))
            raise Refused("unchecked", f"the check doesn't tell it from a spoilt copy ({listed})")

    def _passing(self, fit: Fit, copies: Sequence[str]) -> set[str]:
        """The names of the spoilt copies that aren't told from the gradient."""
        named = [*spoilt_values(fit.value), *zip(copies, fit.copies, strict=True)]
        off = partial(self._most_tolerances, fit.point)
        return {*undetected(fit.value, named, off, fit.point.zero)}

    # ------------------------------------------------------------------------ at one point

    def _fit(self, site: Site, point: Point, program: EvaluationTape) -> Fit | None:
        """How the gradient fits at the point; None if it has no value there."""
        value, *copies = site.gradients(program, point.draw)
        return None if value is None else Fit(site, point, value, copies, *self._off(point, value))

    def _off(self, point: Point, value: Array) -> tuple[float, float]:
        """The largest error in tolerances, and over the largest derivative (where all is zero, 0 or
        infinite)."""
        with np.errstate(over="ignore"):
            return point.off(self._target.predicted(value, point.directions))

    def _most_tolerances(self, point: Point, values: Array) -> Array:
        """How many tolerances each of the values (… × rows × cols) is off."""
        with np.errstate(over="ignore"):
            return point.errors(self._target.predicted(values, point.directions))[1]

    def _is_steady(self, fit: Fit, program: EvaluationTape) -> bool:
        """Whether the gradient's error is more than its change where the inputs hardly change; by
        several little moves, since a chaotic one may come near its value once."""
        point, predicted = (
            fit.point,
            partial(self._target.predicted, directions=fit.point.directions),
        )
        for by in HARDLY:
            near = fit.site.gradients(program, point.draw.moved(by))[0]
            if near is None:
                return False
            with np.errstate(over="ignore"):
                change = np.abs(predicted(near) - predicted(fit.value)) / point.tolerance
            if not float(change.max()) < 0.1 * fit.off:
                return False
        return True

    # ------------------------------------------------------------------------ sites and draws

    def _further(self, gradient: Expr, sites: Sequence[Mapping[str, int]]) -> Iterator[Probe]:
        """A probe at sizes that tell what is the same at these, such as `m k` and 12: of two
        dimensions in the gradient, their sum or product."""
        names = {e.name for e in postorder([gradient]) if isinstance(e, Dimension)}
        self._alike = tuple(
            (pair, value)
            for pair in combinations(sorted(names.intersection(*sites)), 2)
            for value in (add, mul)
            if len({value(*(sizes[name] for name in pair)) for sizes in sites}) == 1
        )
        if not self._alike or len(sites) < SITES:
            return
        known = (i for i, p in enumerate(self._found) if self._tells(p.site.sizes))
        probe = self._probe(next(known, len(self._found)))
        if probe is not None:
            yield probe

    def _begin(self, forced: frozenset[int] | None, more: int = 0) -> None:
        """Look for sites anew. Declared sizes that are not forced are replaced by small ones; all
        that are drawn are larger by `more`."""
        self._forced = forced
        self._most_points = LARGER_POINTS if more else MOST_POINTS
        self._found: list[Probe] = []
        self._barren: list[Site] = []
        self._flat: list[Probe] = []  # sites without a derivative: two entries have no third moment
        self._dims = dims_among(self._target.computed)
        drawn = assignments(self._dims, generator(self._seed), forced)
        self._sizes: Iterator[tuple[int, Mapping[str, int]]] = enumerate(
            {name: k + more for name, k in sizes.items()} for sizes in drawn
        )
        self._postponed: list[tuple[int, Mapping[str, int]]] = []
        self._alike = ()

    def _next_sizes(self) -> tuple[int, Mapping[str, int]] | None:
        """The next assignment: first those that have no size in common with a site, where a number
        in a gradient would pass for that dimension."""
        taken = [probe.site.sizes.items() for probe in self._found]
        for i, sizes in self._sizes:
            if self._alike:
                if self._tells(sizes):
                    return i, sizes
            elif not any(sizes.items() & items for items in taken):
                return i, sizes
            self._postponed.append((i, sizes))
        return self._postponed.pop(0) if self._postponed else None

    def _tells(self, sizes: Mapping[str, int]) -> bool:
        """Whether what is the same at the sites is something else at these sizes."""
        first = self._found[0].site.sizes
        return all(
            value(*(sizes[name] for name in pair)) != value(*(first[name] for name in pair))
            for pair, value in self._alike
        )

    def _site(self, number: int, sizes: Mapping[str, int]) -> Site:
        return Site(self._target, sizes, (self._seed, number), self._most_points)

    def _probe(self, index: int) -> Probe | None:
        """The index-th site at which there are points, if so many are found."""
        depends = self._target.depends
        while len(self._found) <= index:
            following = self._next_sizes()
            if self._flat and (following is None or len(self._flat) > FLAT_SITES):
                self._found += self._flat
                self._flat = []
                continue
            if following is None:
                return None
            site = self._site(*following)
            points = site.points()
            tried: list[Point] = []
            for point in islice(points, FIRST_DRAWS):
                tried.append(point)
                if point.coarseness <= SHARP or sum(not p.zero for p in tried) == FIRST_NOT_ZERO:
                    break
                if not depends:
                    break
            if tried and depends and all(p.zero for p in tried):  # perhaps until inputs are large
                for point in islice(site.points(LARGE_TRIES), len(LARGE_TRIES)):
                    tried.append(point)
                    if not point.zero:
                        break
            if not tried:
                self._barren.append(site)
            elif not depends or not all(p.zero for p in tried):
                self._found.append(Probe(site, tried, points))
            else:
                self._flat.append(Probe(site, tried, points))
        return self._found[index]

    def _may_hold_a_size(self, gradient: Expr, error: float) -> bool:
        """Whether the gradient may be right at the declared sizes though not at those put in their
        place: a number in it may stem from one."""
        replaced = {int(k) for p in self._found for k in p.site.sizes if k.isdigit()}
        if error == np.inf:
            return bool(replaced)
        numbers = filter(None, map(exact, postorder([gradient])))
        parts = [k for n in numbers for k in n.as_integer_ratio()]
        return any(gcd(k, size) > LARGEST_FIXED for k in parts for size in replaced)

    def _why_no_point(self) -> str:
        reasons: dict[str, int] = {}
        for site in self._barren:
            for reason, count in site.failures.items():
                reasons[reason] = reasons.get(reason, 0) + count
        return self._with_advice(max(reasons, key=lambda r: reasons[r], default=OUTSIDE))

    def _with_advice(self, reason: str) -> str:
        """Where declared sizes are too large, what to write instead of them."""
        if reason != TOO_LARGE or all((d.integer or 0) <= LARGEST_FIXED for d in self._dims):
            return reason
        return f"{reason}: write letters for them (`X : m x n`), and it can be"

    def _conditions(self) -> tuple[str, ...]:
        """What the sizes had to satisfy: the orders of two dimensions that hold wherever points
        were found, and not where there were none."""
        narrow = (OUTSIDE, SINGULAR, UNSOLVED)
        if not any(s.failures[reason] for s in self._barren for reason in narrow):
            return ()
        fixed = {str(d): d.integer for d in self._dims if d.integer and d.integer > 1}
        good = [{**fixed, **probe.site.sizes} for probe in self._found]
        bad = [{**fixed, **site.sizes} for site in self._barren]
        while following := self._next_sizes():  # the more sites, the fewer accidental orders
            site = self._site(*following)
            (good if site.is_inhabited() else bad).append({**fixed, **site.sizes})
        return orders_obeyed(good, bad)

    def _validation(
        self,
        verdict: Verdict,
        reason: str,
        error: float,
        order: float = np.nan,
        zero: bool = False,
    ) -> Validation:
        sizes = tuple(dict(probe.site.sizes) for probe in self._found[:SITES])
        conditions = (*least_sizes(dims_among(self._target.nodes)), *self._conditions())
        draws = len(sizes) + (not isnan(order))  # one more for the Taylor remainder
        return Validation(verdict, reason, error, order, draws, sizes, self._seed, conditions, zero)


def checker_of(
    problem: Problem,
    request: Request,
    others: Sequence[Expr] = (),
    seed: int = 0,
    everything: bool = False,
) -> Checker:
    """The checker of a request, which draws what the other expressions mention too, or all that is
    declared."""
    declared = [*problem.symbols.values()] if everything else []
    inputs = also_drawn(request.of, others, declared)
    called = {e.name for e in postorder(others) if isinstance(e, Abstract)}
    return Checker(
        request.of,
        request.wrt,
        request.direction,
        request.derivative,
        (*problem.functions, *sorted(called)),
        [s for s in inputs if s is not request.direction],
        seed,
        request.symmetric,
        systems=problem.systems_of(request.of),
    )


def _underflows(program: EvaluationTape, site: Site, drawn: Draw) -> bool:
    """Whether a part of the gradient is so small that a product with it may be zero by accident."""
    values = site.gradients(EvaluationTape([*postorder(program.roots)]), drawn)
    largest = [np.abs(value).max() for value in values if value is not None]
    return any(0 < size < SMALLEST_VALUE for size in largest)


def _is_noise(value: Array, others: Sequence[Array | None]) -> bool:
    """Whether a value is zero but for rounding, which changes with other roundings."""
    largest = float(np.abs(value).max())
    changes = [float(np.abs(other - value).max()) for other in others if other is not None]
    return bool(largest == 0 or max(changes, default=0.0) > 1e-2 * largest)
