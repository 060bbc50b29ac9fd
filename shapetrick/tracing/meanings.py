"""What NumPy's functions mean, with its parameters and defaults, in arrays over expressions: each
function here without `_` in front is its function of that name. What PyTorch has beside them stands
in `tracing/torch_meanings.py`.

A parameter that is annotated with `Traced` takes an array; all others are taken as they are given.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from functools import reduce as fold
from string import ascii_letters
from typing import Any

from ..core import expr as ex
from ..core.dims import ONE, Dim
from ..core.errors import TraceError
from ..core.named_tuples import NamedTuple
from . import (
    arrays,
    axis_functions,
    class_labels,
    constants,
    convolutions,
    decompositions,
    extents,
    indexing,
)
from .array_terms import HIGHEST_RANK
from .arrays import Traced, constant
from .axis_functions import along, axes_of, count, of_square, reduce, solve, variance
from .contractions import einsum
from .meaning_kinds import Meaning, entrywise, named_in, rooted
from .written_meanings import DISTRIBUTIONS, ENTRYWISE, SPECIAL

# Element-wise functions with one argument: the libraries' names, and ours.
SAME = (
    *("exp", "log", "log1p", "expm1", "sqrt", "square", "abs", "sign", "sin", "cos", "tan"),
    *("asin", "acos", "atan", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh"),
    *("erf", "erfc", "sigmoid", "lgamma", "digamma"),
)
_ENTRYWISE = {
    **{name: name for name in SAME},
    **{"absolute": "abs", "fabs": "abs", "arcsin": "asin", "arccos": "acos", "arctan": "atan"},
    **{"arcsinh": "asinh", "arccosh": "acosh", "arctanh": "atanh", "expit": "sigmoid"},
    **{"gammaln": "lgamma", "psi": "digamma"},
}


def negative(x: Traced) -> Traced:
    return -x


def positive(x: Traced) -> Traced:
    return x


def add(a: Traced, b: Traced, alpha: float = 1) -> Traced:
    return a + (b if alpha == 1 else alpha * b)


def subtract(a: Traced, b: Traced, alpha: float = 1) -> Traced:
    return a - (b if alpha == 1 else alpha * b)


def multiply(a: Traced, b: Traced) -> Traced:
    return arrays.masked(a * b) if a.is_mask and b.is_mask else a * b


def logaddexp(a: Traced, b: Traced) -> Traced:
    if isinstance(a.e, ex.Number):
        a, b = b, a
    return b + arrays.mapped("softplus", a - b)


def maximum(a: Traced, b: Traced) -> Traced:
    return arrays.mapped("maximum", a, b)


def minimum(a: Traced, b: Traced) -> Traced:
    return arrays.mapped("minimum", a, b)


def clip(x: Traced, min: Traced | None = None, max: Traced | None = None) -> Traced:
    if min is not None:
        x = maximum(x, min)
    return x if max is None else minimum(x, max)


# -------------------------------------------------------------------------------- conditions


def less(a: Traced, b: Traced) -> Traced:
    return arrays.greater(b, a)


def greater_equal(a: Traced, b: Traced) -> Traced:
    return arrays.negated(arrays.greater(b, a))


def less_equal(a: Traced, b: Traced) -> Traced:
    return arrays.negated(arrays.greater(a, b))


def equal(a: Traced, b: Traced) -> Traced:
    """Of a condition and 0 or 1, where it does not hold, or does; of arrays without symbols, where
    they are equal at all sizes."""
    for x, other in ((a, b), (b, a)):
        if x.is_mask and other.e in (ex.ZERO, ex.UNIT):
            return x if other.e is ex.UNIT else arrays.negated(x)
    found = constants.compared(operator.eq, a, b)
    if found is None:
        raise TraceError("`==` of arrays isn't followed: of comparisons `>` and `<` are.")
    return found


def not_equal(a: Traced, b: Traced) -> Traced:
    return arrays.negated(equal(a, b))


def where(condition: Traced, a: Traced, b: Traced) -> Traced:
    return arrays.choose(condition, a, b)


def logical_and(a: Traced, b: Traced) -> Traced:
    return arrays.masked(_condition(a) * _condition(b))


def logical_or(a: Traced, b: Traced) -> Traced:
    return arrays.negated(logical_and(logical_not(a), logical_not(b)))


def logical_not(x: Traced) -> Traced:
    return arrays.negated(_condition(x))


def _condition(x: Traced) -> Traced:
    if not x.is_mask:
        raise TraceError("`&`, `|` and `~` are followed between comparisons alone.")
    return x


# -------------------------------------------------------------------------------- along axes


def _average(x: Traced, axis: Any = None, weights: Traced | None = None) -> Traced:
    if weights is None:
        return reduce("mean", x, axis)
    if weights.rank == 1 < x.rank and axis is not None:
        weights = arrays.reshape(weights, _placed_along(x, axis, weights))
    return reduce("sum", x * weights, axis) / reduce("sum", weights)


def _placed_along(x: Traced, axis: int, weights: Traced) -> tuple[Dim, ...]:
    (k,) = axes_of(x, axis)
    return tuple(weights.shape[0] if i == k else ONE for i in range(x.rank))


def _var(x: Traced, axis: Any = None, ddof: float = 0, keepdims: bool = False) -> Traced:
    return variance(x, axis, keepdims, ddof)


def norm(x: Traced, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Traced:
    rank = len(axes_of(x, axis))
    if ord is None or ord in ("fro", "f") or (ord == 2 and rank < HIGHEST_RANK):
        return axis_functions.norm(x, axis, keepdims)
    if rank == HIGHEST_RANK:
        raise TraceError(f"the norm with ord={ord!r} of a matrix isn't followed: only 'fro' is.")
    if ord == 1:
        return reduce("sum", arrays.mapped("abs", x), axis, keepdims)
    if ord == float("inf"):
        return reduce("max", arrays.mapped("abs", x), axis, keepdims)
    if not isinstance(ord, int | float) or ord <= 0:
        raise TraceError(f"the norm with ord={ord!r} isn't followed.")
    powers = arrays.mapped("abs", x) ** ord
    return reduce("sum", powers, axis, keepdims) ** (1 / ord)


def vector_norm(x: Traced, ord: Any = 2, axis: Any = None, keepdims: bool = False) -> Traced:
    return norm(arrays.ravel(x) if axis is None else x, ord, axis, keepdims)


# ---------------------------------------------------------------------------------- products


def dot(a: Traced, b: Traced) -> Traced:
    return a @ b if a.rank and b.rank else a * b


def vdot(a: Traced, b: Traced) -> Traced:
    return arrays.ravel(a) @ arrays.ravel(b)


def inner(a: Traced, b: Traced) -> Traced:
    return dot(a, arrays.transpose(b))


def kron(a: Traced, b: Traced) -> Traced:
    if a.rank != b.rank:
        raise TraceError("`kron` of arrays with a different number of axes isn't followed.")
    e = ex.call("kron", a.whole, b.whole)
    return Traced(e, tuple(c * d for c, d in zip(a.shape, b.shape, strict=True)))


def multi_dot(xs: Sequence[Traced]) -> Traced:
    return fold(arrays.matmul, xs)


def cdist(a: Traced, b: Traced, metric: Any = 2.0) -> Traced:
    """Those between the rows of two matrices."""
    if metric not in ("euclidean", "sqeuclidean", 2):
        raise TraceError(f"cdist with {metric!r} aren't followed: the Euclidean ones are.")
    norms = [reduce("sum", x**2, 1, True) for x in (a, b)]
    squares = norms[0] + arrays.transpose(norms[1]) - 2 * (a @ arrays.transpose(b))
    return squares if metric == "sqeuclidean" else arrays.root(squares)


def _trapezoid(y: Traced, x: Traced | None = None, dx: float = 1.0, axis: int = -1) -> Traced:
    sums = indexing.differences(y, 1, axis, 1)
    widths = constant(dx) if x is None else indexing.differences(x)
    return reduce("sum", sums * widths / 2, axis)


def cov(
    x: Traced, y: Traced | None = None, rowvar: bool = True, bias: bool = False, ddof: Any = None
) -> Traced:
    if y is not None or x.rank != HIGHEST_RANK:
        raise TraceError("`cov` is followed of the rows or columns of one matrix.")
    samples = arrays.transpose(x) if rowvar else x
    rest = samples - reduce("mean", samples, 0)
    less = (0 if bias else 1) if ddof is None else ddof
    return arrays.transpose(rest) @ rest / (count(samples, 0) - less)


def corrcoef(x: Traced, y: Traced | None = None, rowvar: bool = True) -> Traced:
    found = cov(x, y, rowvar)
    spread = arrays.root(axis_functions.diagonal(found))
    return found / arrays.outer(spread, spread)


def pinv(x: Traced) -> Traced:
    """Of a matrix whose columns are independent."""
    turned = arrays.transpose(x)
    return of_square("inv", turned @ x) @ turned


class LeastSquares(NamedTuple):
    """What `lstsq` gives, of which the solution is followed."""

    solution: Traced
    residuals: None = None
    rank: None = None
    singular_values: None = None


def lstsq(a: Traced, b: Traced) -> LeastSquares:
    return LeastSquares(pinv(a) @ b)


def _triangular_solution(a: Traced, b: Traced, trans: Any = 0, lower: bool = False) -> Traced:
    """As SciPy and JAX have it: of one triangle."""
    triangle = indexing.lower_triangle(a) if lower else indexing.upper_triangle(a)
    return solve(arrays.transpose(triangle) if trans in (1, "T") else triangle, b)


def cho_solve(factor: Any, b: Traced) -> Traced:
    """As `cho_solve((L, True), b)`."""
    x, lower = factor
    x = getattr(x, "value", x)
    turned = arrays.transpose(x)
    return solve(x @ turned if lower else turned @ x, b)


# ------------------------------------------------------------------------ square matrices, shapes


def slogdet(x: Traced) -> SignAndLog:
    sign = arrays.mapped("sign", of_square("det", x))
    return SignAndLog(sign, of_square("logdet", x))


class SignAndLog(NamedTuple):
    """A determinant as NumPy and PyTorch give it: its sign, and the log of its absolute value."""

    sign: Traced
    logabsdet: Traced


def matrix_power(x: Traced, n: int) -> Traced:
    of_square("tr", x)
    return Traced(ex.matrix_power(x.whole, n), x.shape)


def vander(x: Traced, N: int, increasing: bool = False) -> Traced:
    powers = range(N) if increasing else reversed(range(N))
    return indexing.stacked([x**k for k in powers], 1)


def meshgrid(*xs: Traced, indexing: str = "xy") -> tuple[Traced, ...]:
    shape = tuple(x.shape[0] for x in xs)
    each = (
        arrays.reshape(x, tuple(d if i == k else ONE for i, d in enumerate(shape)))
        for k, x in enumerate(xs)
    )
    found = tuple(arrays.spread_over(x, shape) for x in each)
    is_turned = indexing == "xy" and len(xs) > 1
    return tuple(arrays.swapped(x, 0, 1) for x in found) if is_turned else found


def polyval(p: Traced, x: Traced) -> Traced:
    """By a number of coefficients, the highest power first."""
    if (terms := p.shape[0].integer) is None:
        raise TraceError("`polyval` is followed of a number of coefficients.")
    each = (indexing.indexed(p, (k,)) for k in range(terms))
    return fold(lambda found, c: found * x + c, each)


def _linspace(start: Traced, stop: Traced, num: Any) -> Traced:
    steps = arrays.counting(Dim.of(_dim(num)))
    return start + steps * ((stop - start) / (count(steps) - 1))


def tensordot(a: Traced, b: Traced, axes: Any = 2) -> Traced:
    """As `tensordot`."""
    if isinstance(axes, int):
        axes = (range(a.rank - axes, a.rank), range(axes))
    pairs = [(x,) if isinstance(x, int) else x for x in axes]
    left, right = (axes_of(x, list(p)) for x, p in zip((a, b), pairs, strict=True))
    first = ascii_letters[: a.rank]
    second = list(ascii_letters[a.rank : a.rank + b.rank])
    for i, j in zip(left, right, strict=True):
        second[j] = first[i]
    rest = [c for c in (*first, *second) if (c in first) != (c in second)]
    return einsum(f"{first},{''.join(second)}->{''.join(rest)}", a, b)


def _windows(x: Traced, window_shape: Any, axis: Any = None) -> Traced:
    """As `sliding_window_view` along one axis."""
    size, k = (v[0] if isinstance(v, tuple | list) else v for v in (window_shape, axis))
    if k is None and x.rank > 1:
        raise TraceError("`sliding_window_view` is followed along one axis: give `axis=`.")
    return convolutions.windows(x, size, k or 0)


def _correlate(x: Traced, kernel: Traced, mode: str = "valid") -> Traced:
    return convolutions.correlated(x, kernel, [convolutions.of_mode(x, kernel, mode)])


def tile(x: Traced, reps: Any) -> Traced:
    return indexing.repeated(x, reps if isinstance(reps, tuple | list) else (reps,))


def _padded(
    x: Traced, pad_width: Any, mode: str = "constant", constant_values: Traced | None = None
) -> Traced:
    if mode != "constant":
        raise TraceError(f"`pad` is followed with mode='constant', not {mode!r}.")
    widths = pad_width if isinstance(pad_width, tuple | list) else (pad_width,)
    pairs = [tuple(w) if isinstance(w, tuple | list) else w for w in widths]
    if not isinstance(pairs[0], tuple):
        pairs = [tuple(pairs) if len(pairs) == 2 else (pairs[0], pairs[0])]
    each = pairs * x.rank if len(pairs) == 1 else pairs
    return indexing.padded(x, each, constant_values or constant(0))


def take(x: Traced, index: Traced, axis: Any = None) -> Traced:
    return class_labels.rows(arrays.ravel(x) if axis is None else x, index, axis or 0)


def count_nonzero(x: Traced, axis: Any = None, keepdims: bool = False) -> Traced:
    if not x.is_mask:
        raise TraceError("`count_nonzero` is followed of a comparison.")
    return reduce("sum", x, axis, keepdims)


def _peak_to_peak(x: Traced, axis: Any = None, keepdims: bool = False) -> Traced:
    largest, smallest = (reduce(name, x, axis, keepdims) for name in ("max", "min"))
    return largest - smallest


def _selected(conditions: Sequence[Traced], values: Sequence[Traced], default: Traced) -> Traced:
    found = default
    for condition, x in zip(reversed(conditions), reversed(values), strict=True):
        found = arrays.choose(condition, x, found)
    return found


def _blocks(rows: Sequence[Sequence[Traced]]) -> Traced:
    return indexing.joined([indexing.joined(row, -1) for row in rows], 0 if len(rows) == 1 else -2)


def concatenate(parts_: Sequence[Traced], axis: int = 0) -> Traced:
    return indexing.joined(parts_, axis)


def transpose(x: Traced, *axes: Any) -> Traced:
    """As `transpose(x)`, `transpose(x, (0, 2, 1))` and `x.transpose(0, 2, 1)`."""
    order = axes[0] if axes and not isinstance(axes[0], int) else axes or None
    return arrays.transpose(x) if order is None else arrays.permuted(x, order)


def swapaxes(x: Traced, axis1: int, axis2: int) -> Traced:
    (a,), (b,) = axes_of(x, axis1), axes_of(x, axis2)
    return arrays.swapped(x, a, b)


def diag(x: Traced, k: int = 0) -> Traced:
    if k:
        raise TraceError("only the main diagonal is followed.")
    return axis_functions.diagonal(x)


def diagonal(x: Traced, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Traced:
    if x.rank < HIGHEST_RANK:
        raise TraceError("`diagonal` takes a matrix: `diag` makes one.")
    return diag(_with_matrices(x, axis1, axis2), offset)


def trace(x: Traced, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Traced:
    if offset:
        raise TraceError("only the main diagonal is followed.")
    return of_square("tr", _with_matrices(x, axis1, axis2))


def _with_matrices(x: Traced, rows: int, cols: int) -> Traced:
    """Two axes behind the others."""
    if x.rank <= HIGHEST_RANK:
        return x
    last = [*axes_of(x, rows), *axes_of(x, cols)]
    return arrays.permuted(x, [*(k for k in range(x.rank) if k not in last), *last])


def ravel(x: Traced, order: str = "C") -> Traced:
    return arrays.ravel(_ordered(x, order))


def _ordered(x: Traced, order: str) -> Traced:
    if order not in ("C", "F"):
        raise TraceError(f"the order {order!r} isn't followed.")
    return arrays.transpose(x) if order == "F" else x


def reshape(x: Traced, *shape: Any) -> Traced:
    sizes = shape[0] if len(shape) == 1 and isinstance(shape[0], tuple | list) else shape
    return arrays.reshape(x, extents.filled(x.shape, [_dim(d) for d in sizes]))


def _dim(size: Any) -> Any:
    """The dimension of a size; the number itself of a number."""
    return getattr(size, "dim", size)


def squeeze(x: Traced, axis: Any = None) -> Traced:
    axes = range(x.rank) if axis is None else axes_of(x, axis)
    return arrays.reshape(x, tuple(d for k, d in enumerate(x.shape) if k not in axes or d != ONE))


def expand_dims(x: Traced, axis: int) -> Traced:
    place = axis % (x.rank + 1)
    return arrays.reshape(x, (*x.shape[:place], ONE, *x.shape[place:]))


def broadcast_to(x: Traced, shape: Any) -> Traced:
    wanted = tuple(Dim.of(_dim(d)) for d in shape)
    if arrays.broadcast(x, Traced(ex.UNIT, wanted)) != wanted:
        raise TraceError(f"an array of shape {extents.shape_of(x.shape)} has no such broadcast.")
    return arrays.spread_over(x, wanted)


def ones_like(x: Traced) -> Traced:
    return _filled(x, ex.UNIT, ex.ones)


def zeros_like(x: Traced) -> Traced:
    return _filled(x, ex.ZERO, ex.zeros)


def _filled(x: Traced, e: ex.Expr, matrix: Callable[..., ex.Expr]) -> Traced:
    """As an array, with one number."""
    if x.rank > HIGHEST_RANK:
        return Traced(e, x.shape)
    return arrays.Traced(matrix(*arrays.sides(x.shape)), x.shape)


def full_like(x: Traced, fill_value: Traced) -> Traced:
    return Traced(fill_value.e, x.shape)


def astype(x: Traced, *_: Any) -> Traced:
    return arrays.masked(x, is_mask=False)


def _item(x: Traced) -> Traced:
    return arrays.reshape(x, extents.filled(x.shape, ()))


# --------------------------------------------------------------------------------- the tables

COMMON: Mapping[str, Meaning] = {
    **{name: entrywise(ours) for name, ours in _ENTRYWISE.items()},
    **{name: partial(reduce, name) for name in ("sum", "mean", "prod")},
    **{name: partial(of_square, name) for name in ("det", "inv", "expm")},
    **SPECIAL,
    **ENTRYWISE,
    **named_in(globals()),
    **{"divide": arrays.divide, "true_divide": arrays.divide, "greater": arrays.greater},
    **dict.fromkeys(("power", "pow", "float_power"), arrays.power),
    **{f"a{name}": partial(reduce, name) for name in ("max", "min")},
    **{"fmax": maximum, "fmin": minimum},
    **{"eq": equal, "ne": not_equal, "matrix_norm": norm},
    **{"bitwise_and": logical_and, "bitwise_or": logical_or, "invert": logical_not},
    **{"matmul": arrays.matmul, "outer": arrays.outer, "einsum": einsum, "solve": solve},
    **{"cumsum": indexing.accumulated, "flip": indexing.flipped, "diff": indexing.differences},
    **{"roll": indexing.rolled, "take_along_axis": class_labels.along_rows},
    **{"cholesky": decompositions.cholesky, "qr": decompositions.orthogonal_factors},
    **{"svd": decompositions.singular_values, "svdvals": decompositions.only_singular_values},
    **{"eigh": decompositions.eigenvalues, "sqrtm": decompositions.square_root},
    **{"tril": indexing.lower_triangle, "triu": indexing.upper_triangle, "stack": indexing.stacked},
    **{"hstack": indexing.side_by_side, "vstack": indexing.below},
    **{"column_stack": indexing.as_columns, "cat": concatenate, "chunk": indexing.in_equal_parts},
}

NUMPY: Mapping[str, Meaning] = {
    **COMMON,
    **DISTRIBUTIONS,
    **{"max": partial(reduce, "max"), "min": partial(reduce, "min"), "average": _average},
    **{"permute_dims": transpose, "matrix_transpose": arrays.turned},
    **{"var": _var, "std": rooted(_var), "flatten": ravel},
    **{"logsumexp": partial(reduce, "logsumexp"), "softmax": partial(along, "softmax")},
    **{"linspace": _linspace, "block": _blocks},
    **{"pad": _padded, "ptp": _peak_to_peak, "select": _selected},
    **{"convolve": convolutions.convolved, "correlate": _correlate},
    **{"sliding_window_view": _windows},
    **{"scipy.cholesky": decompositions.upper_factor, "cho_factor": decompositions.factored},
    **{"solve_triangular": _triangular_solution, "trapezoid": _trapezoid, "trapz": _trapezoid},
    **{"split": indexing.in_equal_parts, "array_split": indexing.in_equal_parts},
    **{"log_softmax": partial(along, "log_softmax"), "copy": positive, "item": _item},
    **dict.fromkeys(("array", "asarray", "asanyarray", "ascontiguousarray"), astype),
}
