"""Solutions put into their equations: numbers say whether the sides agree, and that with a spoilt
solution they don't."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from math import nan

import numpy as np

from ..core.equations import EquationSystem
from ..core.expr import Abstract, Expr, Symbol
from ..core.functions import Array
from ..core.named_tuples import NamedTuple
from ..core.results import Validation, Verdict
from ..core.structure import is_inverse
from ..core.traversal import postorder
from ..numerics.evaluation import EvaluationTape, FunctionValues
from ..numerics.sampling import (
    PLAIN,
    Profile,
    abstract_functions,
    assignments,
    dims_among,
    draw,
    generator,
    least_sizes,
    orders_obeyed,
)
from .negative_controls import SAME, spoilt_expressions, spoilt_values
from .sample_points import LARGEST_CONDITION, SINGULAR, condition

SITES = 2
TRIES = 8  # draws at each assignment of sizes
POINTS = 2  # of those with well-conditioned inverses are looked at
TOLERANCE = 1e-8  # of by how much the sides differ where the unknowns have other values
_PROFILES = (PLAIN, Profile(sign=1), PLAIN, Profile(0.3))


class _Point(NamedTuple):
    env: Mapping[str, Array]
    functions: FunctionValues
    values: Mapping[str, Array]
    scale: float


class _Site(NamedTuple):
    sizes: Mapping[str, int]
    points: tuple[_Point, ...]


def check_solution(
    system: EquationSystem, values: Mapping[Symbol, Expr], wanted: Symbol, seed: int = 0
) -> Validation:
    """The verdict on the value of an unknown, those of the others given."""
    return _Substitution(system, values, wanted, seed).validation()


class _Substitution:
    def __init__(
        self,
        system: EquationSystem,
        values: Mapping[Symbol, Expr],
        wanted: Symbol,
        seed: int,
    ) -> None:
        self._values, self._wanted, self._seed = values, wanted, seed
        self._residuals = EvaluationTape(system.residuals)
        nodes = [*postorder([*system.residuals, *values.values()])]
        self._dims = dims_among(nodes)
        self._functions = sorted({e.name for e in nodes if isinstance(e, Abstract)})
        symbols = dict.fromkeys(e for e in nodes if isinstance(e, Symbol))
        self._inputs = [s for s in symbols if s not in system.unknowns]
        inverted = dict.fromkeys(e.args[0] for e in nodes if is_inverse(e))
        self._solved = EvaluationTape([*values.values(), *inverted])
        self._copies = list(spoilt_expressions(values[wanted]))
        self._spoilt = EvaluationTape([e for _, e in self._copies])

    def validation(self) -> Validation:
        """The verdict, with what it rests on."""
        good: list[_Site] = []
        bad: list[Mapping[str, int]] = []
        for number, sizes in enumerate(assignments(self._dims, generator(self._seed))):
            points = tuple(islice(self._points(sizes, number), POINTS))
            if points:
                good.append(_Site(sizes, points))
            else:
                bad.append(sizes)
        unlike = (site for site in good if site.sizes != good[0].sizes)
        sites = [*good[:1], *islice(unlike, SITES - 1)]
        off = max((self._off(p, site, {}) for site in sites for p in site.points), default=nan)
        verdict, reason = self._verdict(sites, off)
        orders = orders_obeyed([site.sizes for site in good], bad) if bad else ()
        return Validation(
            verdict,
            reason,
            off,
            nan,
            sum(len(site.points) for site in sites),
            tuple(dict(site.sizes) for site in sites),
            self._seed,
            (*least_sizes(self._dims), *orders),
        )

    def _verdict(self, sites: list[_Site], off: float) -> tuple[Verdict, str]:
        if not sites:
            return "unchecked", SINGULAR
        if not off <= TOLERANCE:
            return "wrong", "put into the equations, it does not solve them"
        passing = set.intersection(*(self._passing(p, s) for s in sites for p in s.points))
        if passing:
            listed = ", ".join(sorted(passing))
            return "unchecked", f"the check doesn't tell it from a spoilt copy ({listed})"
        return "verified", ""

    def _passing(self, point: _Point, site: _Site) -> set[str]:
        """The names of the spoilt copies that solve the equations as well."""
        name = self._wanted.name
        value = point.values[name]
        copies = list(spoilt_values(value))
        with np.errstate(all="ignore"):
            spoilt = self._spoilt.run(point.env, site.sizes, point.functions)
        copies += [(named, x) for (named, _), x in zip(self._copies, spoilt, strict=True)]
        largest = np.abs(value).max()
        return {
            named
            for named, x in copies
            if np.abs(x - value).max() > SAME * largest
            and self._off(point, site, {name: x}) <= TOLERANCE
        }

    def _points(self, sizes: Mapping[str, int], number: int) -> Iterator[_Point]:
        """Where the values exist, and all that is inverted is well conditioned."""
        rng = generator(self._seed, 8, number)
        for k in range(TRIES):
            functions = abstract_functions(self._functions, rng)
            env = {s.name: draw(s, sizes, rng, _PROFILES[k % len(_PROFILES)]) for s in self._inputs}
            try:
                found = self._solved.run(env, sizes, functions)
            except (ArithmeticError, ValueError, np.linalg.LinAlgError):
                continue
            values = dict(zip((u.name for u in self._values), found, strict=False))
            inverted = found[len(self._values) :]
            if any(condition(a) > LARGEST_CONDITION for a in inverted):
                continue
            others = {name: _elsewhere(x, rng) for name, x in values.items()}
            scale = self._size({**env, **others}, sizes, functions)
            if 0 < scale < np.inf:
                yield _Point(env, functions, values, scale)

    def _off(self, point: _Point, site: _Site, others: Mapping[str, Array]) -> float:
        """By how much the sides differ, relatively, with some of the values in place of others."""
        at = {**point.env, **point.values, **others}
        return self._size(at, site.sizes, point.functions) / point.scale

    def _size(
        self, env: Mapping[str, Array], sizes: Mapping[str, int], functions: FunctionValues
    ) -> float:
        found = self._residuals.run(env, sizes, functions)
        return float(max(np.abs(x).max() for x in found))


def _elsewhere(x: Array, rng: np.random.Generator) -> Array:
    """Another value of the same magnitude."""
    return np.asarray(x + np.abs(x).max() * rng.uniform(0.5, 1.5, x.shape))
