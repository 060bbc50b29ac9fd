"""Numbers decide: which arrangements add up to the derivative of an operation, at random
arguments.

The Jacobian of the operation is taken by finite differences, each proposal is evaluated, and a
least-squares fit finds the coefficients: one arrangement for each product of the scalar
derivative, or, where its coefficient has to be shared out (`x'x`-like: `x + x`), several.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import islice
from typing import Any

import numpy as np

from ..core.errors import DerivationError
from ..core.expr import Abstract, Expr
from ..core.functions import Array, Signature, SignatureSide
from ..core.named_tuples import NamedTuple
from ..core.records import dataclass
from ..core.traversal import symbols_of
from ..numerics.evaluation import EvaluationTape
from ..numerics.finite_differences import derivative, magnitude
from ..numerics.sampling import abstract_functions
from .arrangements import Arrangement, Blocks, arrangements, einsum
from .local_derivatives import DerivativeTerm, LocalDerivative, Pattern
from .principal_types import Type

TOLERANCE = 1e-6  # of a fit to finite differences, relative to the largest entry
MOST_CANDIDATES = 1000
MOST_CHOICES = 4000
DRAWS = 3
MOST_TRIED = 100  # arguments, for such that have a derivative that numbers tell


@dataclass(frozen=True, slots=True)
class Arranged:
    """A product and the arrangement of (G, factors…) that stands; `types` are those of G, of the
    factors and of the target, `tried` how many arrangements were proposed.

    `sides` has the arrangement's blocks for the rows and the columns of each, the target last;
    `letters` the dimension of each block."""

    coefficient: Fraction
    factors: tuple[Expr, ...]
    types: tuple[Type, ...]
    arrangement: Arrangement
    tried: int
    sides: tuple[tuple[Blocks, Blocks], ...]
    letters: Mapping[int, str]


class FittingSample(NamedTuple):
    """Numbers to fit: for one draw the values of every product's factors, and the true Jacobian."""

    factors: tuple[tuple[Array, ...], ...]
    sizes: dict[str, int]
    jacobian: Array  # axes: value's legs, argument's legs


class _Jacobian(NamedTuple):
    """Entries of a value by entries of an input, and their error relative to the largest: large
    beside a pole or a cusp."""

    value: Array
    error: float


class Proposals:
    """The arrangements of one product under types for G, its factors and the target."""

    def __init__(self, types: Sequence[Type], pairs: bool) -> None:
        self.types = tuple(types)
        found = arrangements(types[:-1], types[-1], pairs)
        self.arrangements = list(islice(found, MOST_CANDIDATES + 1))


def letters_of(e: Expr, view: LocalDerivative, signature: Signature) -> SignatureSide:
    """The letters of a factor's sides, in the order in which fused ones are stacked."""
    sides = zip((view.value, *view.args), (signature.value, *signature.args), strict=False)
    for known, side in sides:
        if e is known:
            return side
    rows, cols = (tuple(c for names, _ in d.terms for c in names) for d in e.shape)
    return rows, cols


# -------------------------------------------------------------------------------- the numbers


def trials_for(
    pattern: Pattern, view: LocalDerivative, templates: Sequence[tuple[Expr, ...]]
) -> list[FittingSample]:
    """Draws of the argument at pairwise distinct sizes; larger ones where no units tell
    arrangements apart, since at small sizes there are relations between them."""
    letters = [c for c in pattern.signature.letters if c not in pattern.ones]
    several = (5, 4) if pattern.row.units == "unknown" else (3, 2, 4, 5)
    sizes = dict(zip(letters, several, strict=False))
    return [_trial(pattern, view, templates, sizes, seed) for seed in range(DRAWS)]


def _trial(
    pattern: Pattern,
    view: LocalDerivative,
    templates: Sequence[tuple[Expr, ...]],
    sizes: dict[str, int],
    seed: int,
) -> FittingSample:
    rng = np.random.default_rng([seed, 1])
    low, high = view.row.drawn_from
    functions = abstract_functions([e.name for e in (view.value,) if isinstance(e, Abstract)], rng)
    program = EvaluationTape([view.value])

    def leg_sizes(e: Expr) -> list[int]:
        sides = letters_of(e, view, pattern.signature)
        return [sizes[c] for letters in sides for c in letters if c not in pattern.ones]

    flat = EvaluationTape([f for fs in templates for f in fs])
    best: tuple[_Jacobian, list[Array]] | None = None
    for _ in range(MOST_TRIED):
        env = {
            a.name: rng.uniform(low, high, [d.size(sizes) for d in a.shape])
            for a in symbols_of(view.value)
        }
        found = _jacobian(program, env, sizes, str(view.argument), functions, high - low)
        if found is not None and (best is None or found.error < best[0].error):
            values = flat.run(env, sizes, functions)
            if all(np.isfinite(value).all() for value in values):
                best = found, values
        if best is not None and best[0].error <= TOLERANCE:
            break
    if best is None:
        raise DerivationError(
            f"`{view.row.name}` or its derivative has no finite value on the arguments that were "
            f"drawn: `domain=` says where a function of your own has."
        )
    jacobian, values = best
    rest = iter(values)
    factors = [tuple(next(rest).reshape(leg_sizes(f)) for f in fs) for fs in templates]
    legs = leg_sizes(view.value) + leg_sizes(view.argument)
    return FittingSample(tuple(factors), sizes, jacobian.value.reshape(legs))


def _jacobian(
    program: EvaluationTape,
    env: dict[str, Array],
    sizes: dict[str, int],
    name: str,
    functions: Any,
    longest: float,
) -> _Jacobian | None:
    """Entries of the value by entries of one input, by finite differences; None where a probe
    crosses a kink or leaves the domain, which is this long."""
    x = env[name]
    branches: list[Array] = []

    def f(points: Array) -> Array:
        (values,) = program.run({**env, name: points}, sizes, functions, branches)
        if values.ndim < 3:  # it does not depend on this input
            values = np.broadcast_to(values, (len(points), *values.shape))
        return values.reshape(len(points), -1)

    entries = np.eye(x.size).reshape(x.size, 1, *x.shape)
    with np.errstate(invalid="ignore"):
        found = derivative(f, x, entries, min(1.0, longest / magnitude(x)))
    smooth = all(np.all(b == b.reshape(-1, *b.shape[-2:])[0]) for b in branches)
    if not smooth or not np.isfinite(found.value).all():
        return None
    with np.errstate(all="ignore"):
        error = float(found.error.max() / found.scale)
    return _Jacobian(found.value.T, 0.0 if np.isnan(error) else error)


def _candidate_values(
    candidate: Arrangement, factors: tuple[Array, ...], trial: FittingSample, value_rank: int
) -> Array:
    """The Jacobian that an arrangement of (G, factors…) stands for: G's legs are left open."""
    operands: list[Any] = []
    at = value_rank
    for array in factors:
        operands += [array, list(candidate.blocks[at : at + array.ndim])]
        at += array.ndim
    out = [*candidate.blocks[:value_rank], *candidate.blocks[at:]]
    sizes = dict(zip(out, trial.jacobian.shape, strict=True))
    for k in range(0, len(operands), 2):
        sizes.update(zip(operands[k + 1], operands[k].shape, strict=True))
    return einsum(operands, out, sizes)


def fit(
    products: Sequence[DerivativeTerm],
    proposals: Sequence[Proposals],
    trials: Sequence[FittingSample],
) -> tuple[tuple[Arranged, ...] | None, float]:
    """The arrangements, with coefficients that add up to each product's own, whose values fit."""
    truth = np.concatenate([t.jacobian.ravel() for t in trials])
    scale = float(np.max(np.abs(truth))) or 1.0
    columns: list[list[tuple[Array, Arrangement]]] = []
    for i, proposal in enumerate(proposals):
        rank = len(proposal.types[0].legs)
        seen: set[bytes] = set()
        columns.append([])
        for candidate in proposal.arrangements:
            column = np.concatenate(
                [_candidate_values(candidate, t.factors[i], t, rank).ravel() for t in trials]
            )
            mark = np.round(column / scale, 9).tobytes()
            if mark not in seen:  # equal values are one candidate: the first is kept
                seen.add(mark)
                columns[-1].append((column, candidate))
    if not all(columns):
        return None, np.inf
    shares, error = _one_each(products, columns, truth)
    if error / scale > TOLERANCE and products:
        shares, miss = _shared_out(products, columns, truth)
        error = min(error, miss)
    if error / scale > TOLERANCE:
        return None, error / scale
    return tuple(_arranged(c, products[i], proposals[i], a) for i, c, a in shares), error / scale


def _arranged(
    coefficient: Fraction, product: DerivativeTerm, proposals: Proposals, arrangement: Arrangement
) -> Arranged:
    types, blocks = proposals.types, iter(arrangement.blocks)
    sides = [
        (tuple(islice(blocks, len(t.rows))), tuple(islice(blocks, len(t.cols)))) for t in types
    ]
    letters = dict(zip(arrangement.blocks, (leg.dim for t in types for leg in t.legs), strict=True))
    tried = len(proposals.arrangements)
    return Arranged(coefficient, product.factors, types, arrangement, tried, tuple(sides), letters)


Columns = Sequence[Sequence[tuple[Array, Arrangement]]]
Shares = list[tuple[int, Fraction, Arrangement]]  # (which product, coefficient, arrangement)


def _one_each(
    products: Sequence[DerivativeTerm], columns: Columns, truth: Array
) -> tuple[Shares, float]:
    """The best choice of one arrangement for each product, with the product's own coefficient."""
    best: tuple[Shares, float] = ([], np.inf)
    for choice in islice(itertools.product(*columns), MOST_CHOICES):
        total = sum(
            float(p.coefficient) * column for p, (column, _) in zip(products, choice, strict=True)
        )
        error = float(np.max(np.abs(total - truth)))
        if error < best[1]:
            shares = [(i, p.coefficient, choice[i][1]) for i, p in enumerate(products)]
            best = (shares, error)
    return best


def _shared_out(
    products: Sequence[DerivativeTerm], columns: Columns, truth: Array
) -> tuple[Shares, float]:
    """Coefficients of all arrangements by least squares; a product's add up to its own."""
    owners = [(i, a) for i, proposal in enumerate(columns) for _, a in proposal]
    matrix = np.stack([column for proposal in columns for column, _ in proposal], axis=1)
    scale = float(np.max(np.abs(truth))) or 1.0
    totals = np.array([[float(owner == i) for owner, _ in owners] for i in range(len(products))])
    wanted = np.array([float(p.coefficient) for p in products])
    system = np.concatenate([matrix / scale, totals])
    right = np.concatenate([truth / scale, wanted])
    # The normal equations are much smaller, and what they lose in digits is rounded off below.
    solution, *_ = np.linalg.lstsq(system.T @ system, system.T @ right, rcond=None)
    exact = [Fraction(float(c)).limit_denominator(60) for c in solution]
    shares = [(i, c, a) for (i, a), c in zip(owners, exact, strict=True) if c]
    for k, p in enumerate(products):
        if sum(c for i, c, _ in shares if i == k) != p.coefficient:
            return [], np.inf
    return shares, float(np.max(np.abs(matrix @ np.array([float(c) for c in exact]) - truth)))
