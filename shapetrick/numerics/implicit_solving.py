"""Equations solved at points: Newton's method for the unknowns, and multipliers by their rule.

All is batched over leading axes, as expressions are; a point without a solution gets NaN. Unknowns
are moved along their free entries alone: those of a lower triangular one are on and below its
diagonal. What is redundant (a symmetric equation has every entry off its diagonal twice) is left to
least squares.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache, reduce

import numpy as np

from ..core.dims import NOTHING, ONE, Sizes
from ..core.equations import EquationSystem, inputs_of, structure_of
from ..core.expr import Expr, Symbol, call, transpose
from ..core.functions import Array
from ..core.named_tuples import NamedTuple
from ..core.solved import LinearSolver, computed
from ..core.structured import selected, selection
from .evaluation import EvaluationTape, FunctionValues, Valuation

MOST_STEPS = 20  # of Newton's method
FIRST_STEPS, HOPELESS = 6, 0.2  # from where so far away there is no solution near
MOST_CHORDS = 24  # steps with the Jacobian of one point for all, which are cheaper
HALVINGS = 4  # of a step that leads astray
SOLVED = 1e-9  # relative residual of a solution
ROUNDED = 1e-14  # and one that a step hardly makes smaller
POLISHED = 2  # steps from a solution
MOST_DENSE = 600  # free entries for which matrices are formed
LARGEST_CONDITION = 1e6
ITERATED = 1e-12  # relative residual of GMRES
RESTART, CYCLES = 200, 50  # its steps between restarts, and how often it restarts
DAMPING = 1e-13  # relative, of normal equations
CUT = 1e-10  # relative: smaller singular values are rounding
STEP = 1e-5  # relative, of the differences that the Jacobian is made of
# Attributes of inputs that a small linear change keeps.
MOVABLE = frozenset(
    {"symmetric", "posdef", "diagonal", "lower", "upper", "positive", "nonneg", "const"}
)


class Coordinates:
    """The free entries of some symbols as one vector, along an orthonormal basis of each."""

    def __init__(self, symbols: Sequence[Symbol], sizes: Sizes) -> None:
        self._parts: list[tuple[str, tuple[int, int], Array]] = []
        for s in symbols:
            rows, cols = (d.size(sizes) for d in s.shape)
            self._parts.append((s.name, (rows, cols), basis(structure_of(s), rows, cols)))
        self.count = sum(b.shape[1] for _, _, b in self._parts)

    def read(self, values: Mapping[str, Array]) -> Array:
        """The vectors (… × count) of values."""
        found = [
            values[name].reshape(*values[name].shape[:-2], -1) @ b for name, _, b in self._parts
        ]
        points = np.broadcast_shapes(*(x.shape[:-1] for x in found))
        return np.concatenate([np.broadcast_to(x, (*points, x.shape[-1])) for x in found], axis=-1)

    def write(self, vectors: Array) -> dict[str, Array]:
        """The values (… × rows × cols) of vectors."""
        values, at = {}, 0
        for name, shape, b in self._parts:
            part = vectors[..., at : at + b.shape[1]] @ b.T
            values[name] = part.reshape(*part.shape[:-1], *shape)
            at += b.shape[1]
        return values


@lru_cache(maxsize=64)
def basis(structure: str, rows: int, cols: int) -> Array:
    """The free entries of a matrix, read row by row: entries × coordinates."""
    i, j = np.indices((rows, cols)).reshape(2, -1)
    entries = np.eye(rows * cols)
    match structure:
        case "symmetric":
            swapped = entries[j * cols + i]
            both = (entries + swapped) / np.where(i == j, 2.0, np.sqrt(2.0))[:, None]
            entries = both[i >= j]
        case "diagonal":
            entries = entries[i == j]
        case "lower":
            entries = entries[i >= j]
        case "upper":
            entries = entries[i <= j]
    return np.ascontiguousarray(entries.T)


class _Evaluated(NamedTuple):
    """Residuals (… × values), and what is equated in them (… × rows × columns each)."""

    residuals: Array
    sides: Sequence[Array]

    @property
    def off(self) -> Array:
        """The largest residual, relative; infinite where one isn't finite."""
        with np.errstate(invalid="ignore"):
            scale = reduce(np.maximum, [np.abs(x).max(axis=(-2, -1)) for x in self.sides])
            off = np.abs(self.residuals).max(axis=-1) / (scale + 1e-300)
        return np.asarray(np.where(np.isfinite(off), off, np.inf))


@dataclass(frozen=True)
class ImplicitSolver:
    """What solves some systems together, for all their unknowns."""

    systems: tuple[EquationSystem, ...]

    @cached_property
    def unknowns(self) -> tuple[Symbol, ...]:
        return tuple(u for system in self.systems for u in system.unknowns)

    @cached_property
    def inputs(self) -> tuple[Symbol, ...]:
        return inputs_of(self.systems)

    @property
    def listed(self) -> str:
        """The unknowns, as messages name them."""
        return ", ".join(f"`{u.name}`" for u in self.unknowns)

    @cached_property
    def _tape(self) -> EvaluationTape:
        sides = [x for system in self.systems for x in system.equations]
        residuals = [x.residual for x in sides]
        return EvaluationTape([*residuals, *(e for x in residuals for e in _summands(x))])

    def __call__(self, sizes: Sizes, functions: FunctionValues, *values: Array) -> Array:
        """All unknowns below each other (… × entries × 1), from the values of `inputs` and, where
        to start, of `unknowns`."""
        symbols = (*self.inputs, *self.unknowns)
        env = {s.name: x for s, x in zip(symbols, values, strict=True)}
        return _flat(self.solved(Valuation(env, sizes, functions)))

    def solved(self, at: Valuation) -> dict[str, Array]:
        """The unknowns near those given."""
        coordinates = Coordinates(self.unknowns, at.sizes)
        points = np.broadcast_shapes(*(x.shape[:-2] for x in at.env.values()))
        start = coordinates.read(at.env)
        evaluate = self._evaluator(at, coordinates)
        if start.ndim == 1 and points:
            # One solution leads to those near it, on the same branch.
            first = {name: x.reshape(-1, *x.shape[-2:])[0] for name, x in at.env.items()}
            alone = self._evaluator(at._replace(env=first), coordinates)
            start = _newton(alone, start)
            if np.isfinite(start).all():
                start = _chords(evaluate, alone, np.broadcast_to(start, (*points, start.size)))
        return coordinates.write(
            _newton(evaluate, np.broadcast_to(start, (*points, start.shape[-1])))
        )

    def consistent(self, at: Valuation, bound: float = LARGEST_CONDITION) -> dict[str, Array]:
        """The nearest inputs and unknowns that fulfil the equations, whose Jacobian has at most
        this condition; NaN where there are none."""
        moved = [s for s in self.inputs if s.attributes <= MOVABLE]
        coordinates = Coordinates([*moved, *self.unknowns], at.sizes)
        found = _newton(self._evaluator(at, coordinates), coordinates.read(at.env))
        values = {**at.env, **coordinates.write(found)}
        bad = ~_is_positive(values, moved)
        bad = bad | (self.condition(at._replace(env=values)) > bound)
        for u in self.unknowns:
            values[u.name] = np.where(bad[..., None, None], np.nan, values[u.name])
        return values

    def condition(self, at: Valuation) -> Array:
        """The condition of the equations' Jacobian by the unknowns; infinite where they leave some
        undetermined."""
        scales = self.singular_values(at)
        with np.errstate(all="ignore"):
            found = scales[..., 0] / scales[..., -1]
        return np.asarray(np.where(np.isfinite(found), found, np.inf))

    def singular_values(self, at: Valuation) -> Array:
        """Those of the equations' Jacobian by the unknowns, falling; one for each free entry."""
        jacobian = self.jacobian(self.unknowns, at)
        scales = np.linalg.svd(_finite(jacobian), compute_uv=False)
        missing = jacobian.shape[-1] - scales.shape[-1]
        return np.concatenate([scales, np.zeros((*scales.shape[:-1], max(missing, 0)))], axis=-1)

    def jacobian(self, symbols: Sequence[Symbol], at: Valuation) -> Array:
        """The derivative of all residuals by the free entries of the symbols, by differences."""
        coordinates = Coordinates(symbols, at.sizes)
        return _jacobian(self._evaluator(at, coordinates), coordinates.read(at.env))

    def residual_off(self, at: Valuation) -> float:
        """The largest relative residual at one point."""
        coordinates = Coordinates(self.unknowns, at.sizes)
        return float(self._evaluator(at, coordinates)(coordinates.read(at.env)).off)

    def values(self, at: Valuation) -> list[Array]:
        """The residuals of all equations."""
        with np.errstate(all="ignore"):
            count = sum(len(system.equations) for system in self.systems)
            return self._tape.run(*at)[:count]

    def _evaluator(self, at: Valuation, coordinates: Coordinates) -> Callable[[Array], _Evaluated]:
        """The residuals at vectors (… × coordinates, or … × k × coordinates for k of each)."""
        env, sizes, functions = at
        points = np.broadcast_shapes(*(x.shape[:-2] for x in env.values()))
        count = sum(len(system.equations) for system in self.systems)

        def evaluate(vectors: Array) -> _Evaluated:
            several = vectors.ndim > len(points) + 1
            others = {
                name: x[..., None, :, :] if several and x.ndim > 2 else x for name, x in env.items()
            }
            with np.errstate(all="ignore"):
                values = self._tape.run({**others, **coordinates.write(vectors)}, sizes, functions)
            lead, residuals = vectors.shape[:-1], values[:count]
            flat = [
                np.broadcast_to(x, (*lead, *x.shape[-2:])).reshape(*lead, -1) for x in residuals
            ]
            return _Evaluated(np.concatenate(flat, -1), values[count:])

        return evaluate


def _summands(residual: Expr) -> tuple[Expr, ...]:
    """What cancels where a residual is zero; of what is no sum, its factors."""
    return residual.args if residual.args else (residual,)


_Residuals = Callable[[Array], _Evaluated]


def _jacobian(evaluate: _Residuals, at: Array) -> Array:
    """Central differences: … × values × coordinates."""
    size = np.sqrt((at * at).mean(axis=-1, keepdims=True))
    step = STEP * np.where(size > 0, size + np.abs(at), 1.0)
    moves = step[..., None, :] * np.eye(at.shape[-1])
    count = at.shape[-1]
    both = np.concatenate([at[..., None, :] + moves, at[..., None, :] - moves], axis=-2)
    values = evaluate(both).residuals
    with np.errstate(all="ignore"):
        found = (values[..., :count, :] - values[..., count:, :]) / (2 * step[..., None])
    return np.asarray(found.swapaxes(-1, -2))


def _finite(x: Array) -> Array:
    return np.where(np.isfinite(x), x, 0.0)


def _newton(evaluate: _Residuals, start: Array) -> Array:
    """Gauss and Newton's method from a start; NaN where it doesn't come to a solution. What is
    solved is improved by a few steps more, for the last digits."""
    at, found = start, evaluate(start)
    further = np.where(found.off <= ROUNDED, 0, POLISHED)
    for step in range(MOST_STEPS):
        off = found.off
        if step == FIRST_STEPS:
            further = np.where(off > HOPELESS, 0, further)
        moving = (further > 0) & np.isfinite(off)
        if not moving.any():
            break
        move = _least_squares(_finite(_jacobian(evaluate, at)), _finite(found.residuals))
        move = np.where(moving[..., None], move, 0.0)
        trial = evaluate(at - move)
        for _ in range(HALVINGS):
            astray = ~(trial.off <= np.maximum(off, SOLVED))
            if not astray.any():
                break
            move = np.where(astray[..., None], move / 4, move)
            trial = evaluate(at - move)
        solved = off <= SOLVED
        kept = solved & ~(trial.off < off)
        at = np.where(kept[..., None], at, at - move)
        further = np.where(solved, further - 1, further)
        found = evaluate(at) if kept.any() else trial
    return np.where((found.off <= SOLVED)[..., None], at, np.nan)


def _least_squares(matrix: Array, right: Array) -> Array:
    """The shortest of the vectors for which the matrix comes nearest to the right side: by the
    smaller of the normal equations, as Newton's next step mends what these lose."""
    rows, cols = matrix.shape[-2:]
    across = matrix.swapaxes(-1, -2)
    normal = across @ matrix if cols <= rows else matrix @ across
    size = np.trace(normal, axis1=-2, axis2=-1) / normal.shape[-1]
    normal = normal + (DAMPING * size + 1e-300)[..., None, None] * np.eye(normal.shape[-1])
    column = right[..., None]
    if cols <= rows:
        return np.asarray(np.linalg.solve(normal, across @ column)[..., 0])
    return np.asarray((across @ np.linalg.solve(normal, column))[..., 0])


def _chords(evaluate: _Residuals, alone: _Residuals, start: Array) -> Array:
    """Steps with the Jacobian of one point for all points near it, while they help."""
    base = start.reshape(-1, start.shape[-1])[0]
    inverse = np.linalg.pinv(_finite(_jacobian(alone, base)), rcond=CUT)
    at, found = start, evaluate(start)
    for _ in range(MOST_CHORDS):
        following = at - _finite(found.residuals) @ inverse.T
        trial = evaluate(following)
        better = trial.off < found.off
        if not better.any():
            break
        at = np.where(better[..., None], following, at)
        found = trial if better.all() else evaluate(at)
    return at


def _is_positive(values: Mapping[str, Array], moved: Sequence[Symbol]) -> Array:
    """Whether the inputs that were moved still have the signs that were declared."""
    good = np.array(True)
    for s in moved:
        x = _finite(values[s.name])
        if "posdef" in s.attributes:
            least = np.linalg.eigvalsh((x + x.swapaxes(-1, -2)) / 2)[..., 0]
            good = good & (least > 0)
        if s.attributes & {"positive", "nonneg"}:
            good = good & (x >= 0).all(axis=(-1, -2))
    return np.asarray(good)


# ----------------------------------------------------------------------------- linear systems


def linear_solution(
    solver: LinearSolver, sizes: Sizes, functions: FunctionValues, *values: Array
) -> Array:
    """What solves a linear system (… × entries × 1), from the values of what its rule mentions,
    then of its right side; NaN where nothing does."""
    *given, right = values
    env = {s.name: x for s, x in zip(solver.given, given, strict=True)}
    at, count = Valuation(env, sizes, functions), solver.solution.shape[0].size(sizes)
    if count > MOST_DENSE:
        return _iterated(solver, at, right)
    matrix = _matrix(solver, at, count)
    with np.errstate(all="ignore"):
        found = np.linalg.pinv(_finite(matrix), rcond=CUT) @ right
        off = np.abs(matrix @ found - right).max(axis=(-1, -2), keepdims=True)
        size = np.abs(right).max(axis=(-1, -2), keepdims=True)
    return np.where(off <= SOLVED * (size + 1e-300), found, np.nan)


@lru_cache(maxsize=64)
def tape_of(e: Expr) -> EvaluationTape:
    """What evaluates an expression again and again."""
    return EvaluationTape([e])


def _matrix(solver: LinearSolver, at: Valuation, count: int) -> Array:
    """The rule as a matrix: … × its entries × the solution's."""
    env, sizes, functions = at
    points = np.broadcast_shapes(*(x.shape[:-2] for x in env.values()))
    each = {name: x[..., None, :, :] if x.ndim > 2 else x for name, x in env.items()}
    units = {solver.solution.name: np.eye(count)[:, :, None]}
    (images,) = tape_of(solver.rule).run({**each, **units}, sizes, functions)
    return np.broadcast_to(images, (*points, *images.shape[-3:]))[..., 0].swapaxes(-1, -2)


def _iterated(solver: LinearSolver, at: Valuation, right: Array) -> Array:
    """By GMRES on the rule, without its matrix; NaN where that doesn't converge."""
    from scipy.sparse.linalg import LinearOperator, gmres  # only at large sizes

    def rule(vector: Array) -> Array:
        column = {solver.solution.name: vector.reshape(-1, 1)}
        return tape_of(solver.rule).run({**at.env, **column}, *at[1:])[0].ravel()

    shape = right.shape[-2], solver.solution.shape[0].size(at.sizes)
    nothing = np.full((shape[1], 1), np.nan)
    if shape[0] != shape[1] or right.ndim > 2:
        return nothing
    operator = LinearOperator(shape, matvec=rule, dtype=float)
    found, failed = gmres(operator, right.ravel(), rtol=ITERATED, restart=RESTART, maxiter=CYCLES)
    return nothing if failed else np.reshape(found, (-1, 1))


# ------------------------------------------------------------------------- several matrices as one


def _flat(values: Mapping[str, Array]) -> Array:
    """Matrices below each other, read row by row: … × entries × 1."""
    flat = [x.reshape(*x.shape[:-2], -1) for x in values.values()]
    points = np.broadcast_shapes(*(x.shape[:-1] for x in flat))
    spread = [np.broadcast_to(x, (*points, x.shape[-1])) for x in flat]
    return np.concatenate(spread, axis=-1)[..., None]


def _parts(stacked: Expr, symbols: Sequence[Symbol]) -> dict[Expr, Expr]:
    """The matrices that stand below each other, each for its symbol."""
    found: dict[Expr, Expr] = {}
    before = NOTHING
    for s in symbols:
        rows, cols = s.shape
        after = before + rows * cols
        part = selected(stacked, selection(before + ONE, after, stacked.shape[0]), None)
        found[s] = transpose(call("unvec", part, data=(cols, rows)))
        before = after
    return found


def solutions(systems: tuple[EquationSystem, ...]) -> dict[Expr, Expr]:
    """The unknowns as what is computed of the inputs, starting from their own values."""
    if not systems:
        return {}
    solver = ImplicitSolver(systems)
    count = sum((u.shape[0] * u.shape[1] for u in solver.unknowns), NOTHING)
    stacked = computed(solver, (count, ONE), *solver.inputs, *solver.unknowns)
    return _parts(stacked, solver.unknowns)
