"""Gradients of one thing by several variables, checked in one program.

All variables are one point: they are drawn once, what is computed with them is computed once, and
each direction moves one of them. Where that doesn't confirm all gradients, halves of them are
looked at, and at last each by its own checker, which has the say on what is wrong or uncertain.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import accumulate, chain, islice, pairwise
from typing import Any

import numpy as np

from ..core.expr import Expr, Symbol
from ..core.functions import Array
from ..core.problem import Problem, Request
from ..core.records import dataclass
from ..core.results import Validation
from ..numerics.evaluation import EvaluationTape
from ..numerics.finite_differences import Difference
from .check_targets import Target, moves_of
from .checker import SITES, Checker, Fit, Refused, checker_of
from .domain_search import Env
from .negative_controls import spoilt_expressions, spoilt_values, undetected
from .sample_points import (
    COARSE,
    FINEST,
    FIRST_TRIES,
    TOO_LARGE,
    Draw,
    Point,
    Site,
    Tries,
    Unsuitable,
)

MOST_POINTS = 2000  # evaluated at once
MOST_DRAWS = 8  # in which one is looked for where the derivatives by all variables are sharp


def check_together(
    problem: Problem, requests: Sequence[Request], gradients: Sequence[Expr], seed: int = 0
) -> list[Validation]:
    """The verdicts on gradients of one thing by different variables."""
    if len(requests) == 1:
        return [checker_of(problem, requests[0], seed=seed).check(gradients[0])]
    if len({request.wrt for request in requests}) == len(requests):
        found = _JointCheck(problem, requests, seed).verified(gradients)
        if found is not None:
            return [found] * len(requests)
    half = (len(requests) + 1) // 2
    return [
        verdict
        for part in (slice(0, half), slice(half, None))
        for verdict in check_together(problem, requests[part], gradients[part], seed)
    ]


@dataclass(frozen=True)
class _JointTarget(Target):
    """What is differentiated by several variables, whose entries are one column."""

    together: tuple[Symbol, ...] = ()

    @property
    def variables(self) -> tuple[Symbol, ...]:
        return self.together

    def point(self, env: Env) -> Array:
        return _column([env[s.name] for s in self.together])

    def moved(self, env: Env, points: Array) -> Env:
        shapes = [env[s.name].shape[-2:] for s in self.together]
        parts = zip(self.together, shapes, self.blocks(env), strict=True)
        own = {s.name: points[..., b, :].reshape(*points.shape[:-2], *k) for s, k, b in parts}
        return {**env, **own}

    def blocks(self, env: Env) -> list[slice]:
        """Where in the column the entries of each variable are."""
        sizes = [env[s.name].shape[-2] * env[s.name].shape[-1] for s in self.together]
        return [slice(a, b) for a, b in pairwise(accumulate(sizes, initial=0))]

    def directions(
        self, env: Env, rng: np.random.Generator, room: int, variable: Symbol | None = None
    ) -> Array:
        """Every entry of each variable (or of one), or, where there is no room for so many, random
        directions in it."""
        blocks = self.blocks(env)
        most = room if variable is not None else room // len(blocks)
        asked = [b for s, b in zip(self.together, blocks, strict=True) if variable in (None, s)]
        parts = [moves_of((b.stop - b.start, 1), most, rng) for b in asked]
        found = np.zeros((sum(map(len, parts)), 1, blocks[-1].stop, 1))
        ends = accumulate(map(len, parts), initial=0)
        for (start, end), block, part in zip(pairwise(ends), asked, parts, strict=True):
            found[start:end, 0, block] = part
        return found

    def scope(self, env: Env) -> Array:
        blocks = self.blocks(env)
        each = np.zeros((len(blocks), blocks[-1].stop, 1))
        for own, block in zip(each, blocks, strict=True):
            own[block] = 1.0
        count = len(env[self.together[0].name])
        return np.asarray(each[np.arange(count) % len(blocks)])


class _JointSite(Site):
    """A site of several variables: a point there has derivatives by all entries of each, in units
    in which the largest by each variable is 1."""

    target: _JointTarget

    def unsettled(self, drawn: Draw, directions: Array) -> Point:
        x, blocks = self.target.point(drawn.env), self.target.blocks(drawn.env)
        rows = [np.flatnonzero(directions[:, 0, b].any(axis=(1, 2))) for b in blocks]
        moved = [(b, r) for b, r in zip(blocks, rows, strict=True) if len(r)]
        moves = [Difference(x[b], directions[r, :, b], drawn.shrink) for b, r in moved]
        ends = [*accumulate((len(move.points) for move in moves), initial=0)]
        parts = [slice(*pair) for pair in pairwise(ends)]
        points = np.broadcast_to(x, (ends[-1], *x.shape)).copy()
        for part, (block, _), move in zip(parts, moved, moves, strict=True):
            points[part, block] = move.points
        values = self.values(drawn, points)
        found = [move.derivative(values[part]) for part, move in zip(parts, moves, strict=True)]
        if any(by.is_zero or by.is_coarse() for by in found):
            raise Unsuitable(COARSE)
        by_rows = [(r, by) for (_, r), by in zip(moved, found, strict=True)]
        return Point(
            drawn,
            np.concatenate([directions[r] / by.scale for r, by in by_rows]),
            np.concatenate([by.value / by.scale for _, by in by_rows]),
            np.concatenate([by.tolerance(FINEST) / by.scale for _, by in by_rows]),
            1.0,
            False,
        )

    def _suitable(self, rng: np.random.Generator, tries: Tries = FIRST_TRIES) -> Iterator[Draw]:
        if self.room < len(self.target.together):  # for a direction in each; there is for halves
            self.failures[TOO_LARGE] += 1
            return iter(())
        return islice(super()._suitable(rng, tries), MOST_DRAWS)

    def scale(self, point: Point) -> Array:
        return np.asarray(1 / np.abs(point.directions).max(axis=(0, 1)))

    def fresh(self, points: Iterator[Point]) -> Iterator[tuple[Draw, Array]]:
        first = next(points)
        for drawn, direction in super().fresh(chain([first], points)):
            yield drawn, direction / self.scale(first)


class _JointTape(EvaluationTape):
    """The values of gradients as one column, then those of spoilt copies."""

    def __init__(self, gradients: Sequence[Expr], copies: Sequence[Expr] = ()) -> None:
        super().__init__([*gradients, *copies])
        self._gradients = gradients

    def first(self) -> _JointTape:
        return _JointTape(self._gradients)

    def each(self) -> list[EvaluationTape]:
        count = len(self._gradients)
        return [self.first(), *(EvaluationTape([e]) for e in self.roots[count:])]

    def run(self, *args: Any, **options: Any) -> list[Array]:
        values = super().run(*args, **options)
        count = len(self._gradients)
        return [_column(values[:count]), *values[count:]]


class _JointCheck(Checker):
    """The check of a problem's gradients in one program."""

    _target: _JointTarget

    def __init__(self, problem: Problem, requests: Sequence[Request], seed: int) -> None:
        first = requests[0]
        target = _JointTarget(
            first.of,
            first.wrt,
            first.derivative,
            first.direction,
            symmetric=False,
            symbols=(),
            functions=(*problem.functions,),
            together=tuple(request.wrt for request in requests),
        )
        self._solutions = {}
        self._start(target, seed)
        self._sizes = islice(self._sizes, SITES)

    def verified(self, gradients: Sequence[Expr]) -> Validation | None:
        """The verdict on all gradients if each is confirmed at the first sites."""
        variables = self._target.variables
        if any(g.shape != x.shape for g, x in zip(gradients, variables, strict=True)):
            return None
        if not {*variables} <= {*self._target.nodes}:
            return None
        probes = self._probes()
        copies = [[*spoilt_expressions(gradient)] for gradient in gradients]
        program = _JointTape(gradients, [e for own in copies for _, e in own])
        self._copies = [[name for name, _ in own] for own in copies]
        try:
            found = self._compared(probes, program, ())
        except Refused:
            return None
        return None if found.zero or self._barren else found

    def _site(self, number: int, sizes: Mapping[str, int]) -> Site:
        return _JointSite(self._target, sizes, (self._seed, number), MOST_POINTS)

    def _passing(self, fit: Fit, copies: Sequence[str]) -> set[str]:
        """The names of the spoilt copies of any gradient that aren't told from it."""
        found: set[str] = set()
        env, point, values = fit.point.draw.env, fit.point, iter(fit.copies)
        parts = zip(self._target.variables, self._target.blocks(env), self._copies, strict=True)
        for x, block, names in parts:
            shape = env[x.name].shape
            rows = point.directions[:, 0, block].any(axis=(1, 2))
            own = point._replace(
                directions=point.directions[rows][:, :, block].reshape(-1, 1, *shape),
                derivatives=point.derivatives[rows],
                tolerance=point.tolerance[rows],
            )
            value = fit.value[block].reshape(shape)
            named = [*spoilt_values(value), *zip(names, islice(values, len(names)), strict=True)]
            off = partial(self._most_tolerances, own)
            found.update(f"{name}, by {x.name}" for name in undetected(value, named, off))
        return found


def _column(matrices: Sequence[Array]) -> Array:
    """The entries of matrices (… × rows × columns) as one column."""
    many = np.broadcast_shapes(*(x.shape[:-2] for x in matrices))
    shapes = [(x, (*many, *x.shape[-2:])) for x in matrices]
    flat = [np.broadcast_to(x, shape).reshape(*many, -1, 1) for x, shape in shapes]
    return np.concatenate(flat, axis=-2)
