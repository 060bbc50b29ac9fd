"""Arrays of rank 0, 1 and 2 over expressions, which behave as NumPy's: the axes that broadcast, are
summed, multiplied or swapped.

An expression is a matrix: a one-dimensional array is kept as a column, and is a row where it meets
a matrix. A value may be smaller than its shape along an axis of ones: it is spread only where that
matters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from math import copysign, isinf, isnan, pi, prod
from string import ascii_lowercase
from typing import Any, ClassVar

from ..core import expr as ex
from ..core import structured
from ..core.dims import ONE, Dim, Extent, Shape
from ..core.errors import TraceError
from ..core.expr import Expr
from ..core.functions import TABLE
from ..core.named_tuples import NamedTuple
from ..core.traversal import postorder
from ..language.syntax.constants import INFINITE
from . import extents

HIGHEST_RANK = 2


@dataclass(frozen=True, slots=True, eq=False)
class Traced:
    """An array: its expression, and one dimension for each axis; a mask has entries 0 and 1 that
    are a condition."""

    e: Expr
    shape: Extent
    is_mask: bool = False

    @property
    def rank(self) -> int:
        return len(self.shape)

    @property
    def body(self) -> Expr:
        """The expression; where axes are indices, that of a member."""
        return self.e

    # Operators, between arrays and with numbers, entry by entry as NumPy's.

    __array_ufunc__: ClassVar[None] = None  # NumPy's numbers leave them to ours

    def __neg__(self) -> Traced:
        return multiply(constant(-1), self)

    def __add__(self, other: Traced | float) -> Traced:
        return add(self, _lifted(other))

    def __radd__(self, other: float) -> Traced:
        return add(constant(other), self)

    def __sub__(self, other: Traced | float) -> Traced:
        return subtract(self, _lifted(other))

    def __rsub__(self, other: float) -> Traced:
        return subtract(constant(other), self)

    def __mul__(self, other: Traced | float) -> Traced:
        return multiply(self, _lifted(other))

    def __rmul__(self, other: float) -> Traced:
        return multiply(constant(other), self)

    def __truediv__(self, other: Traced | float) -> Traced:
        return divide(self, _lifted(other))

    def __rtruediv__(self, other: float) -> Traced:
        return divide(constant(other), self)

    def __pow__(self, other: Traced | float) -> Traced:
        return power(self, _lifted(other))

    def __matmul__(self, other: Traced) -> Traced:
        return matmul(self, other)


AlongAxes = Callable[["Traced", tuple[int, ...]], "Traced"]


class LetteredArray(NamedTuple):
    """An array with a letter for each of its axes."""

    letters: str
    x: Traced


class ManyAxes(Traced):
    """An array that is no expression, such as one of more axes than these have: what is done with
    it, it does itself, or refuses."""

    __slots__ = ()
    precedence: ClassVar[int] = 1  # of two kinds, what is done with both is the larger one's

    def __init__(self, shape: Extent, **own: Any) -> None:
        for name, value in {"shape": shape, "is_mask": False, **own}.items():
            object.__setattr__(self, name, value)

    @property
    def e(self) -> Expr:
        raise self.refusal()

    def refusal(self) -> TraceError:
        return too_many(self.shape)

    def of_each(self, f: Callable[..., Traced], *values: Traced) -> Traced:
        """A function of arrays of fewer axes that works entry by entry, of such as this one."""
        raise self.refusal()

    def added(self, a: Traced, b: Traced) -> Traced:
        """The sum of two, of which one has many axes."""
        return self.of_each(add, a, b)

    def multiplied(self, a: Traced, b: Traced) -> Traced:
        """Their product, entry by entry."""
        return self.of_each(multiply, a, b)

    def contracted(self, given: Sequence[LetteredArray], result: str) -> Traced:
        """The sum of products over the letters that the result lacks."""
        raise self.refusal()

    def powered(self, exponent: Traced) -> Traced:
        """A power of the entries."""
        return self.of_each(power, self, exponent)

    def mapped(self, f: Callable[..., Expr], values: Sequence[Traced]) -> Traced:
        """A function of the entries of arrays."""
        return self.of_each(partial(entrywise, f), *values)

    def reduced(self, name: str, axes: tuple[int, ...], keepdims: bool) -> Traced:
        """A reduction of our table."""
        raise self.refusal()

    def moved(self, order: Sequence[int]) -> Traced:
        """The axes in another order."""
        raise self.refusal()

    def reshaped(self, shape: Extent) -> Traced:
        """The entries in another shape."""
        raise self.refusal()

    def cut(self, ends: Sequence[tuple[Dim, Dim]]) -> Traced:
        """What lies between two places of each axis."""
        raise self.refusal()

    def joined(self, values: Sequence[Traced], axis: int) -> Traced:
        """Several behind each other along an axis."""
        raise self.refusal()

    def spread_over(self, shape: Extent) -> Traced:
        """The array broadcast to a shape."""
        raise self.refusal()

    def along(self, f: AlongAxes, axes: tuple[int, ...]) -> Traced:
        """A function along axes that keeps the shape."""
        raise self.refusal()

    def of_matrices(self, f: Callable[[Traced], Traced]) -> Traced:
        """A function of the matrices that the last two axes are."""
        raise self.refusal()

    def rewritten(self, f: Callable[[Expr], Expr]) -> Traced:
        """With each of its expressions in another form."""
        raise self.refusal()

    def as_mask(self, is_mask: bool) -> Traced:
        """The same entries as a condition, or as values."""
        names: Iterable[str] = type(self).__slots__
        own = {name: getattr(self, name) for name in names}
        found = object.__new__(type(self))
        ManyAxes.__init__(found, self.shape, **own, is_mask=is_mask)
        return found


_PLACED: list[Callable[[Traced, Sequence[int], Extent], Traced]] = []


def place_by(made: Callable[[Traced, Sequence[int], Extent], Traced]) -> None:
    """What makes an array whose axes are those at some places of a longer shape: it stands above
    this module."""
    _PLACED[:] = [made]


def too_many(shape: Extent) -> TraceError:
    return TraceError(
        f"this array has {len(shape)} axes, {extents.shape_of(shape)}: of such ones, sums, "
        "products and powers are followed, until they are summed over an axis, and no more."
    )


def many(*values: Traced) -> ManyAxes | None:
    """The one of many axes that knows what is done with all."""
    found = (x for x in values if isinstance(x, ManyAxes))
    return max(found, key=lambda x: x.precedence, default=None)


def rewritten(x: Traced, f: Callable[[Expr], Expr]) -> Traced:
    """The array with its expression in another form."""
    return x.rewritten(f) if isinstance(x, ManyAxes) else Traced(f(x.e), x.shape, x.is_mask)


def depends_on(x: Traced) -> set[str]:
    """The names of the symbols in an array's expressions, without their indices."""
    names: set[str] = set()

    def seen(e: Expr) -> Expr:
        names.update(part.base for part in postorder([e]) if isinstance(part, ex.Symbol))
        return e

    rewritten(x, seen)
    return names


def without(x: Traced, axes: Sequence[int]) -> Traced:
    """The array without axes along which it is the same. Raises TraceError for others."""
    kept = [k for k in range(x.rank) if k not in axes]
    if len(kept) == x.rank:
        return x
    shape = tuple(x.shape[k] for k in kept)
    if all(x.shape[k] == ONE for k in axes):
        return reshape(x, shape)
    if isinstance(x, ManyAxes):
        return x.moved(kept)
    if isinstance(x.e, ex.Ones | ex.Zeros):
        return value((ex.ones if isinstance(x.e, ex.Ones) else ex.zeros)(*sides(shape)), shape)
    differing = next((x.shape[k] for k in axes if x.e.shape[k] != ONE), None)
    if differing is not None:
        error = TraceError(
            f"an array of shape {extents.shape_of(x.shape)} meets one whose axis {differing} "
            "counts the members of a batch: it has to be an argument with that axis."
        )
        error.counted = str(differing)
        raise error
    one = tuple(ONE if k in axes else d for k, d in enumerate(x.shape))
    return reshape(Traced(x.e, one), shape)


def value(e: Expr, shape: Extent) -> Traced:
    """The array of that expression and shape. Raises TraceError for a rank above 2."""
    if len(shape) > HIGHEST_RANK:
        if e.is_scalar:
            return _PLACED[0](Traced(e, ()), (), shape)
        raise too_many(shape)
    return Traced(e, shape)


def constant(x: float) -> Traced:
    """A number; multiples of pi are known, and infinity is a number that is as large in masks.
    Raises TraceError for what is none."""
    if isnan(x):
        raise TraceError("nan is no number, and can't be followed.")
    if isinf(x):
        return constant(int(copysign(INFINITE, x)))
    if x in (pi, -pi, 2 * pi, pi / 2):
        return Traced(ex.times(ex.number(Fraction(x / pi)), ex.constant("pi")), ())
    return Traced(ex.number(Fraction(x) if isinstance(x, int) else Fraction(repr(float(x)))), ())


def counting(d: Dim) -> Traced:
    """The numbers 0, 1, 2, …, as many as a dimension."""
    ones = Traced(structured.accumulated(ex.ones(d, ONE), 0), (d,))
    return ones - 1


def counts(x: Traced) -> bool:
    """Whether an array is 0, 1, 2, …"""
    return x.rank == 1 and x.e is counting(x.shape[0]).e


def _lifted(x: Traced | float) -> Traced:
    return x if isinstance(x, Traced) else constant(x)


def sides(shape: Extent) -> Shape:
    """The rows and columns that an array of this shape has as a matrix."""
    rows, cols = [*shape, ONE, ONE][:2]
    return rows, cols


def spread(x: Traced) -> Expr:
    """The expression with all its entries, also those along an axis of equal ones."""
    rows, cols = sides(x.shape)
    return x.e if x.e.shape == (rows, cols) else ex.times(ex.ones(rows, cols), x.e)


# ------------------------------------------------------------------------------- entry by entry


def broadcast(*values: Traced) -> Extent:
    """The shape over which arrays broadcast: axes are matched from behind. Raises TraceError."""
    rank = max(x.rank for x in values)
    padded = [(ONE,) * (rank - x.rank) + x.shape for x in values]
    shape = []
    for dims in zip(*padded, strict=True):
        several = list(dict.fromkeys(d for d in dims if d != ONE))
        if len(several) > 1:
            raise misfit(
                several[0], several[1], " and ".join(extents.shape_of(x.shape) for x in values)
            )
        shape.append(several[0] if several else ONE)
    return tuple(shape)


def misfit(a: Dim, b: Dim, shapes: str) -> TraceError:
    """That two dimensions would have to be equal."""
    error = TraceError(
        f"the shapes {shapes} fit only where {a} = {b}: if these are always equal, give them one "
        "name."
    )
    error.equal = str(a), str(b)
    return error


def aligned(x: Traced, rank: int) -> Expr:
    """The expression of an array beside others of a rank: of one axis, it is a row beside a
    matrix."""
    return ex.transpose(x.e) if x.rank == 1 and rank == HIGHEST_RANK else x.e


def entrywise(f: Callable[..., Expr], *values: Traced) -> Traced:
    """A function of the entries of arrays that broadcast; of a single row as a column, the column
    of its values."""
    if (wide := many(*values)) is not None:
        return wide.mapped(f, values)
    shape = broadcast(*values)
    if len(values) == len(shape) == 1 and isinstance(values[0].e, ex.Transpose):
        return value(ex.transpose(f(*values[0].e.args)), shape)
    return value(f(*(aligned(x, len(shape)) for x in values)), shape)


def mapped(name: str, *values: Traced) -> Traced:
    """An element-wise function of our table."""
    return entrywise(lambda *es: ex.call(name, *es), *values)


def add(a: Traced, b: Traced) -> Traced:
    """The sum; one with the number 0, as libraries' own code has it, is the other."""
    if _is_zero(a) or _is_zero(b):
        return b if _is_zero(a) else a
    if (wide := many(a, b)) is not None:
        return wide.added(a, b)
    return entrywise(ex.add, a, b)


def subtract(a: Traced, b: Traced) -> Traced:
    """The difference, likewise."""
    if _is_zero(b):
        return a
    if (wide := many(a, b)) is not None:
        return wide.added(a, -b)
    return entrywise(ex.subtract, a, b)


def _is_zero(x: Traced) -> bool:
    return not x.rank and x.e is ex.ZERO


def multiply(a: Traced, b: Traced) -> Traced:
    if (wide := many(a, b)) is not None:
        return wide.multiplied(a, b)
    return entrywise(ex.times, a, b)


def divide(a: Traced, b: Traced) -> Traced:
    if (wide := many(a, b)) is not None:
        return wide.multiplied(a, power(b, constant(-1)))
    return entrywise(ex.divide, a, b)


def power(a: Traced, b: Traced) -> Traced:
    if isinstance(a, ManyAxes):
        return a.powered(b)
    return entrywise(ex.power, a, b)


def greater(a: Traced, b: Traced) -> Traced:
    """Where a > b."""
    return masked(mapped("step", a - b))


def masked(x: Traced, is_mask: bool = True) -> Traced:
    """The same entries as a condition, or as values."""
    return x.as_mask(is_mask) if isinstance(x, ManyAxes) else Traced(x.e, x.shape, is_mask)


def negated(mask: Traced) -> Traced:
    """Where a condition does not hold."""
    return masked(1 - mask)


def choose(mask: Traced, a: Traced, b: Traced) -> Traced:
    """`a` where a condition holds, else `b`."""
    if not mask.is_mask:
        raise TraceError("the condition is no comparison: only `>`, `<`, `>=`, `<=` are followed.")
    if _adds_nothing(b, mask, a):
        return mask * a
    if _adds_nothing(a, mask, b):
        return negated(mask) * b
    return mask * a + negated(mask) * b


def _adds_nothing(x: Traced, *others: Traced) -> bool:
    """Whether an array beside others is zero everywhere."""
    is_zero = not isinstance(x, ManyAxes) and (x.e is ex.ZERO or isinstance(x.e, ex.Zeros))
    return is_zero and broadcast(x, *others) == broadcast(*others)


# ---------------------------------------------------------------------------------- along axes


def axes_of(x: Traced, axis: Any) -> tuple[int, ...]:
    """The axes that an `axis` of Python means, counted from 0; all for None. Raises TraceError."""
    given = range(x.rank) if axis is None else axis if isinstance(axis, tuple | list) else (axis,)
    found = []
    for k in given:
        if isinstance(k, bool) or not isinstance(k, int) or not -x.rank <= k < x.rank:
            raise TraceError(f"an array of shape {extents.shape_of(x.shape)} has no axis {k}.")
        found.append(k % x.rank)
    return tuple(sorted(found))


def count(x: Traced, axis: Any = None) -> Traced:
    """How many entries there are along axes."""
    return Traced(ex.dimension(size([x.shape[k] for k in axes_of(x, axis)])), ())


def size(shape: Sequence[Dim]) -> Dim:
    """The product of dimensions."""
    return prod(shape, start=ONE)


def reduce(name: str, x: Traced, axis: Any = None, keepdims: bool = False) -> Traced:
    """A reduction of our table (`sum`, `mean`, `max`, `logsumexp`, …) along axes."""
    axes = axes_of(x, axis)
    if isinstance(x, ManyAxes):
        return x.reduced(name, axes, keepdims)
    e = spread(x)
    if len(axes) == x.rank:
        e = ex.call(name, e if ONE in e.shape or x.rank < 2 else _whole(name, e)) if axes else e
        return value(e, (ONE,) * x.rank if keepdims else ())
    if axes and x.shape[axes[0]] != ONE:  # of one entry, it is that entry
        e = ex.call(name, e, data=axes[0])
    return _reduced(x, e, axes, keepdims)


def _whole(name: str, e: Expr) -> Expr:
    """What a function of vectors alone is given for a matrix: its entries in a column."""
    return ex.call("vec", e) if TABLE[name].vector_without_axis else e


def _reduced(x: Traced, e: Expr, axes: tuple[int, ...], keepdims: bool) -> Traced:
    if keepdims or not axes:
        shape = tuple(ONE if k in axes else d for k, d in enumerate(x.shape))
        return value(e, shape)
    shape = tuple(d for k, d in enumerate(x.shape) if k not in axes)
    return value(ex.transpose(e) if axes[0] == 0 else e, shape)


def along(name: str, x: Traced, axis: Any) -> Traced:
    """A function of our table that keeps the shape (softmax, log_softmax) along an axis."""
    axes = axes_of(x, axis)
    if isinstance(x, ManyAxes):
        return x.along(partial(along, name), axes)
    e = spread(x)
    if x.rank == len(axes):
        flat = ex.call(name, e) if x.rank < HIGHEST_RANK or ONE in e.shape else None
        if flat is None:
            raise TraceError(f"`{name}` of a matrix over all its entries isn't followed.")
        return value(flat, x.shape)
    return value(ex.call(name, e, data=axes[0]), x.shape)


def variance(x: Traced, axis: Any, keepdims: bool, correction: float) -> Traced:
    """The mean of the squares of what is left without the mean; divided by n - correction."""
    squares = (x - reduce("mean", x, axis, True)) ** 2
    if not correction:
        return reduce("mean", squares, axis, keepdims)
    return reduce("sum", squares, axis, keepdims) / (count(x, axis) - correction)


def root(x: Traced) -> Traced:
    return mapped("sqrt", x)


def norm(x: Traced, axis: Any = None, keepdims: bool = False) -> Traced:
    """The Euclidean norm along axes, of a matrix over all its entries the Frobenius norm."""
    axes = axes_of(x, axis)
    if len(axes) == x.rank <= HIGHEST_RANK and not isinstance(x, ManyAxes):
        return value(ex.call("norm", spread(x)), (ONE,) * x.rank if keepdims else ())
    return root(reduce("sum", x**2, axis, keepdims))


# ------------------------------------------------------------------------------------- products


def matmul(a: Traced, b: Traced) -> Traced:
    """`a @ b`."""
    if not a.rank or not b.rank:
        raise TraceError("`@` takes arrays: a number is multiplied with `*`.")
    inner = a.shape[-1], b.shape[max(b.rank - 2, 0)]
    if inner[0] != inner[1]:
        raise misfit(*inner, f"{extents.shape_of(a.shape)} @ {extents.shape_of(b.shape)}")
    if (wide := many(a, b)) is not None:
        batch = ascii_lowercase[: len(broadcast(*(Traced(ex.UNIT, x.shape[:-2]) for x in (a, b))))]
        rows, cols = "Y" * (a.rank > 1), "Z" * (b.rank > 1)
        letters = (
            batch[len(batch) - max(a.rank - 2, 0) :] + rows + "K",
            batch[len(batch) - max(b.rank - 2, 0) :] + "K" + cols,
        )
        given = [LetteredArray(*pair) for pair in zip(letters, (a, b), strict=True)]
        return wide.contracted(given, batch + rows + cols)
    left, right = spread(a), spread(b)
    if a.rank == 1:  # as a row, whose product is a row again
        if b.rank == 1:
            return value(ex.matmul(_row(left), right), ())
        return value(ex.matmul(ex.transpose(right), left), b.shape[1:])
    return value(ex.matmul(left, right), a.shape[:1] + b.shape[1:])


def _row(column: Expr) -> Expr:
    """The transpose; of a product, the product of the transposes: of `A' x` it is `x' A`."""
    if isinstance(column, ex.MatMul):
        return ex.matmul(*map(ex.transpose, reversed(column.args)))
    return ex.transpose(column)


def outer(a: Traced, b: Traced) -> Traced:
    flat = [x if x.rank == 1 else ravel(x) for x in (a, b)]
    e = ex.matmul(spread(flat[0]), ex.transpose(spread(flat[1])))
    return value(e, flat[0].shape + flat[1].shape)


# ---------------------------------------------------------------------------------- other shapes


def swapped(x: Traced, a: int, b: int) -> Traced:
    """Two axes in each other's place."""
    order = list(range(x.rank))
    order[a], order[b] = order[b], order[a]
    return permuted(x, order)


def spread_over(x: Traced, shape: Extent) -> Traced:
    """An array broadcast to a shape."""
    if isinstance(x, ManyAxes):
        return x if x.shape == shape else x.spread_over(shape)
    if len(shape) > HIGHEST_RANK:
        return _PLACED[0](x, range(len(shape) - x.rank, len(shape)), shape)
    return value(aligned(x, len(shape)), shape)


def transpose(x: Traced) -> Traced:
    if isinstance(x, ManyAxes):
        return x.moved(range(x.rank)[::-1])
    return Traced(ex.transpose(x.e), x.shape[::-1], x.is_mask) if x.rank == HIGHEST_RANK else x


def turned(x: Traced) -> Traced:
    """The matrices that the last two axes are, transposed."""
    return swapped(x, -2, -1)


def permuted(x: Traced, axes: Iterable[int]) -> Traced:
    """The axes in another order."""
    order = tuple(k % x.rank for k in axes)
    if isinstance(x, ManyAxes):
        return x.moved(order)
    return x if order == tuple(range(x.rank)) else transpose(x)


def ravel(x: Traced) -> Traced:
    """The entries in one axis, row by row."""
    if x.rank == 1:
        return x
    if isinstance(x, ManyAxes):
        return x.reshaped((size(x.shape),))
    rows, cols = sides(x.shape)
    e = spread(x)
    if cols == ONE:
        return value(e, (rows,))
    e = ex.transpose(e) if rows == ONE else ex.call("vec", ex.transpose(e))
    return value(e, (rows * cols,))


def reshape(x: Traced, shape: Extent) -> Traced:
    """The entries, row by row, in another shape of as many. Raises TraceError."""
    if shape == x.shape:
        return x
    if isinstance(x, ManyAxes):
        return x.reshaped(shape)
    if tuple(d for d in shape if d != ONE) == tuple(d for d in x.shape if d != ONE):
        return _same_entries(x, shape)
    if len(shape) > HIGHEST_RANK:
        return _taken_apart(x, shape)
    flat = ravel(x)
    if len(shape) <= 1:
        return value(flat.e, shape)
    rows, cols = sides(shape)
    e = ex.call("unvec", flat.e, data=(cols, rows))
    return value(ex.transpose(e), shape)


def _taken_apart(x: Traced, shape: Extent) -> Traced:
    """An array of equal entries in a shape of more axes. Raises TraceError for others, which says
    into what an axis would have to be taken apart."""
    if x.e.is_scalar or isinstance(x.e, ex.Ones | ex.Zeros):
        one = ex.ZERO if isinstance(x.e, ex.Zeros) else ex.UNIT
        return value(x.e if x.e.is_scalar else one, shape)
    for old, new in extents.alike(x.shape, shape):
        whole, several = ([d for d in s if d != ONE] for s in (x.shape[old], shape[new]))
        if len(whole) == 1 < len(several):
            error = TraceError(
                f"an axis of {whole[0]} entries is taken apart into {extents.shape_of(several)} "
                "where it is that of an argument, and of what is computed along it."
            )
            error.apart = tuple(map(str, several))
            raise error
    raise too_many(shape)


def _same_entries(x: Traced, shape: Extent) -> Traced:
    """An array with other axes of size 1."""
    if len(shape) > HIGHEST_RANK:
        bare = reshape(x, tuple(d for d in x.shape if d != ONE))
        return _PLACED[0](bare, [k for k, d in enumerate(shape) if d != ONE], shape)
    e = spread(x)
    return Traced(e if e.shape == sides(shape) else ex.transpose(e), shape, x.is_mask)


def filled(x: Traced, sizes: Sequence[Dim | int]) -> Extent:
    """A shape with the place of -1 filled in, for as many entries as an array has."""
    open_at = [k for k, d in enumerate(sizes) if d == -1]
    dims = [Dim.of(d) if not isinstance(d, Dim) else d for d in sizes if d != -1]
    total, known = size(x.shape), size(dims)
    if len(open_at) > 1 or (not open_at and known != total):
        raise TraceError(
            f"an array of shape {extents.shape_of(x.shape)} has no shape {tuple(sizes)}."
        )
    if open_at:
        dims.insert(open_at[0], extents.quotient(total, known))
    return tuple(dims)


def diagonal(x: Traced) -> Traced:
    """The diagonal of a matrix; the diagonal matrix of what has one axis."""
    if isinstance(x, ManyAxes):
        return x.of_matrices(diagonal)
    if x.rank == 1:
        return value(ex.call("diag", spread(x)), x.shape * 2)
    check_square(x)
    return value(ex.call("diag", spread(x)), x.shape[:1])


def of_square(name: str, x: Traced) -> Traced:
    """A function of our table of a square matrix: tr, det, logdet, inv."""
    if isinstance(x, ManyAxes):
        return x.of_matrices(partial(of_square, name))
    check_square(x)
    e = ex.call(name, spread(x))
    return value(e, () if e.is_scalar else x.shape)


def check_square(x: Traced) -> None:
    """Refuse what is no square matrix. Raises TraceError."""
    if isinstance(x, ManyAxes):
        raise x.refusal()
    if x.rank != HIGHEST_RANK:
        raise TraceError(
            f"this takes a square matrix, not an array of shape {extents.shape_of(x.shape)}."
        )
    if x.shape[0] != x.shape[1]:
        raise misfit(x.shape[0], x.shape[1], extents.shape_of(x.shape))


def solve(a: Traced, b: Traced) -> Traced:
    """What, multiplied by `a`, is `b`."""
    return matmul(of_square("inv", a), b)
