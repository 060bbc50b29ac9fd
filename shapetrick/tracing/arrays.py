"""Arrays of expressions, which behave as NumPy's: entry by entry where axes broadcast, in products,
and in other shapes.

An array is a sum of products of matrices that lie along its axes; as long as it differs along no
more than two, it is a single matrix. An axis may be an index instead: the expression is then that
of one member of a family, for all values of the index's letter. And an axis may be several of
these at once, as in `X.reshape(b * n, d)`. Where an array is the same along an axis, its expression
knows nothing of it: it is spread only where that matters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from functools import reduce as reduce_by
from itertools import accumulate, chain, pairwise
from itertools import count as integers
from math import copysign, isinf, isnan, pi, prod
from string import ascii_lowercase
from typing import Any, ClassVar

from ..core import expr as ex
from ..core import structured
from ..core.dims import ONE, Dim, Extent, Shape
from ..core.errors import TraceError
from ..core.expr import PRODUCT, SUM, Expr
from ..core.families import reindexed
from ..core.indices import Condition, Index
from ..core.named_tuples import NamedTuple
from ..core.traversal import postorder
from ..language.syntax.constants import INFINITE
from . import array_terms, extents
from .array_terms import (
    HIGHEST_RANK,
    ArrayAxis,
    ArrayProduct,
    ArrayTerms,
    AxisName,
    PlacedMatrix,
    SubAxis,
    along_which,
    laid,
    lying,
    matrix,
    names_of,
    simplest,
    spread,
    whole_matrix,
)

HIGHEST_POWER = 4  # that is multiplied out
MOST_INDICES = 8


@dataclass(frozen=True, slots=True, eq=False, init=False)
class Traced:
    """An array: what its axes are, and its terms; a mask has entries 0 and 1 that are a
    condition."""

    axes: tuple[ArrayAxis, ...]
    terms: tuple[ArrayProduct, ...]
    is_mask: bool

    def __init__(self, e: Expr, shape: Extent, is_mask: bool = False) -> None:
        """The matrix of that expression, as an array of one or two axes, or a scalar of any."""
        if len(shape) > HIGHEST_RANK and not e.is_scalar:
            raise too_many(shape)
        axes = tuple(() if d == ONE else (SubAxis(d, k),) for k, d in enumerate(shape))
        _put(self, axes, laid(e, [axis[0] if axis else None for axis in axes]), is_mask)

    @property
    def shape(self) -> Extent:
        return tuple(size(p.size for p in axis) for axis in self.axes)

    @property
    def rank(self) -> int:
        return len(self.axes)

    @property
    def parts(self) -> list[SubAxis]:
        """What all axes are made of."""
        return [*chain(*self.axes)]

    @property
    def own(self) -> list[SubAxis]:
        """The axes that are no indices."""
        return [p for p in self.parts if not p.is_index]

    @property
    def slots(self) -> list[SubAxis | None]:
        """Likewise, with those of one entry."""
        return [p for axis in self.axes for p in axis or (None,) if p is None or not p.is_index]

    @property
    def indices(self) -> list[SubAxis]:
        return [p for p in self.parts if p.is_index]

    @property
    def differing(self) -> list[SubAxis]:
        """The axes along which its entries differ, but for indices."""
        return along_which(self.axes, self.terms)

    @property
    def body(self) -> Expr:
        """The expression; where axes are indices, that of a member. Raises TraceError for more
        than two other axes."""
        if len(self.slots) > HIGHEST_RANK:
            raise too_many(self.shape)
        return matrix(self.terms, self.slots)

    @property
    def e(self) -> Expr:
        """Likewise, of an array without indices."""
        if self.indices:
            raise refusal(self)
        return self.body

    @property
    def whole(self) -> Expr:
        """Likewise, with all its entries, also those along an axis of equal ones."""
        return spread(self.e, self.slots)

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


def _put(x: Traced, axes: Iterable[ArrayAxis], terms: ArrayTerms, is_mask: bool) -> None:
    for name, given in (("axes", tuple(axes)), ("terms", tuple(terms)), ("is_mask", is_mask)):
        object.__setattr__(x, name, given)


def made(axes: Iterable[ArrayAxis], terms: ArrayTerms, is_mask: bool = False) -> Traced:
    """The array of these axes and terms: a single matrix, if it differs along no more than two."""
    found, own = object.__new__(Traced), tuple(axes)
    if len(terms) > 1 or any(len(t.factors) > (t.scale is ex.UNIT) for t in terms):
        along = along_which(own, terms)
        terms = terms if len(along) > HIGHEST_RANK else laid(matrix(terms, along), along)
    _put(found, own, terms, is_mask)
    return found


class Opaque(Traced):
    """An array that is no sum of products: what is done with it, it does itself, or refuses."""

    __slots__ = ("_shape",)
    _shape: Extent

    def __init__(self, shape: Extent, **own: Any) -> None:
        for name, given in {"_shape": shape, "is_mask": False, **own}.items():
            object.__setattr__(self, name, given)

    def __getattr__(self, name: str) -> Any:
        if name in ("axes", "terms"):
            raise self.refusal()
        raise AttributeError(name)

    @property
    def shape(self) -> Extent:
        return self._shape

    @property
    def rank(self) -> int:
        return len(self._shape)

    def refusal(self) -> TraceError:
        raise NotImplementedError

    def _refused(self, *_: Any) -> Traced:
        raise self.refusal()

    # A function, entry by entry, of arrays such as this one; a reduction of our table along axes;
    # the sum of products over the letters that a result lacks; what lies between two places of
    # each axis.
    of_each: Callable[..., Traced] = _refused
    reduced: Callable[..., Traced] = _refused
    contracted: Callable[..., Traced] = _refused
    cut: Callable[..., Traced] = _refused


def too_many(shape: Extent) -> TraceError:
    return TraceError(
        f"this array has {len(shape)} axes, {extents.shape_of(shape)}: of such ones, sums, "
        "products and powers are followed, until they are summed over an axis, and no more."
    )


def refusal(x: Traced) -> TraceError:
    """That something isn't followed of an array that is no matrix."""
    counted = [str(p.size) for p in x.indices]
    if any(len(axis) > 1 for axis in x.axes):
        apart = extents.shape_of([p.size for p in x.parts])
        return TraceError(
            "this isn't followed of an array in which axes were made one: give it the shape "
            f"{apart} again."
        )
    if not counted:
        return too_many(x.shape)
    return TraceError(
        f"this isn't followed of an array of shape {extents.shape_of(x.shape)} whose axes "
        f"{', '.join(dict.fromkeys(counted))} count the members of a batch: sums, products and "
        "functions of the entries are, and others along the other axes."
    )


def rewritten(x: Traced, f: Callable[[Expr], Expr]) -> Traced:
    """The array with its expressions in another form."""
    terms = [t.rewritten(lambda part: part._replace(e=f(part.e))) for t in x.terms]
    return made(x.axes, terms, x.is_mask)


def with_body(x: Traced, e: Expr) -> Traced:
    """An array of the same axes, of that expression."""
    return made(x.axes, laid(e, x.slots), x.is_mask)


def depends_on(x: Traced) -> set[str]:
    """The names of the symbols in an array's expressions, without their indices."""
    roots = [e for t in x.terms for e in (t.scale, *(f.e for f in t.factors))]
    return {part.base for part in postorder(roots) if isinstance(part, ex.Symbol)}


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


def sides(shape: Sequence[Dim]) -> Shape:
    """The rows and columns that an array of this shape has as a matrix."""
    rows, cols = [*shape, ONE, ONE][:2]
    return rows, cols


# --------------------------------------------------------------------------------- indices


def letter(k: int) -> str:
    """The letter of the k-th axis that is an index: none that a text may have."""
    return f"_{k}"


INDICES = frozenset(map(letter, range(MOST_INDICES)))


def folded(x: Traced, over: SubAxis, fold: str = SUM, where: tuple[Condition, ...] = ()) -> Traced:
    """The sum, or another fold, over the members along an axis that an array's own have not, where
    conditions hold."""
    along = x.differing
    if len(along) > HIGHEST_RANK or (fold == PRODUCT and along):  # which would be one of matrices
        raise refusal(x)
    e = ex.total(matrix(x.terms, along), over.range._replace(where=where), fold)
    return made(x.axes, laid(e, along))


# ------------------------------------------------------------------------------- entry by entry


def together(
    values: Sequence[Traced], places: Sequence[Sequence[int]], count: int
) -> tuple[list[ArrayAxis], list[ArrayTerms]]:
    """So many axes, at some of which each array has its own, and the terms of each along them.
    Raises TraceError for axes that don't fit, or where one counts members and another doesn't."""
    alone = {
        k
        for x, at in zip(values, places, strict=True)
        for axis, k in zip(x.axes, at, strict=True)
        if len(axis) == 1 and axis[0] in x.differing
    }
    values = [
        flattened(x, [i for i, k in enumerate(at) if k in alone])
        for x, at in zip(values, places, strict=True)
    ]
    every: list[ArrayAxis] = [()] * count
    for x, at in zip(values, places, strict=True):
        for axis, k in zip(x.axes, at, strict=True):
            have, given = (size(p.size for p in each) for each in (every[k], axis))
            if every[k] and axis and have != given:
                raise misfit(have, given, " and ".join(extents.shape_of(y.shape) for y in values))
            every[k] = max(every[k], axis, key=len)
    apart = [_taken_apart(x, [every[k] for k in at]) for x, at in zip(values, places, strict=True)]
    counted = {
        (k, i)
        for x, at in zip(apart, places, strict=True)
        for axis, k in zip(x.axes, at, strict=True)
        for i, p in enumerate(axis)
        if p.is_index
    }
    own: Iterator[AxisName] = integers()
    letters: Iterator[AxisName] = map(letter, integers())
    axes = [
        tuple(
            SubAxis(p.size, next(letters if (k, i) in counted else own)) for i, p in enumerate(axis)
        )
        for k, axis in enumerate(every)
    ]
    renamed = [
        _renamed(
            x,
            {
                p.name: q.name
                for axis, k in zip(x.axes, at, strict=True)
                for p, q in zip(axis, axes[k], strict=bool(axis))
            },
        )
        for x, at in zip(apart, places, strict=True)
    ]
    return axes, renamed


def _taken_apart(x: Traced, every: Sequence[ArrayAxis]) -> Traced:
    """The array with its axes made of as many others as these are."""
    pairs = [*zip(x.axes, every, strict=True)]
    if all(len(own) in (0, len(axis)) for own, axis in pairs):
        if any(p.size != q.size for own, axis in pairs for p, q in zip(own, axis, strict=False)):
            raise refusal(x)
        return x
    wanted = [axis if own else () for own, axis in pairs]
    flat = reshape(x, tuple(p.size for axis in wanted for p in axis))
    ends = [*accumulate(map(len, wanted), initial=0)]
    return made([tuple(flat.parts[a:b]) for a, b in pairwise(ends)], flat.terms, x.is_mask)


def _renamed(x: Traced, place: Mapping[AxisName, AxisName]) -> ArrayTerms:
    """The terms of an array, with other names of its axes."""
    letters = {str(a): Index(str(b)) for a, b in place.items() if a != b and isinstance(a, str)}
    counted = {a for a, b in place.items() if isinstance(b, str)}

    def renamed(f: PlacedMatrix) -> PlacedMatrix:
        if not counted.isdisjoint(f.names):
            f = _without(f, counted, x)
        e = reindexed(f.e, letters) if letters else f.e
        rows, cols = (None if name is None else place[name] for name in (f.rows, f.cols))
        return PlacedMatrix(e, rows, cols)

    return [t.rewritten(renamed) for t in x.terms]


def _without(f: PlacedMatrix, names: set[AxisName], x: Traced) -> PlacedMatrix:
    """A factor of an array, without axes along which it is the same. Raises TraceError for
    others."""
    if isinstance(f.e, ex.Ones | ex.Zeros):
        rows, cols = (
            ONE if k in names else d for d, k in zip(f.e.shape, (f.rows, f.cols), strict=True)
        )
        return lying(
            (ex.ones if isinstance(f.e, ex.Ones) else ex.zeros)(rows, cols), f.rows, f.cols
        )
    differing = next(p.size for p in x.parts if p.name in f.names and p.name in names)
    error = TraceError(
        f"an array of shape {extents.shape_of(x.shape)} meets one whose axis {differing} counts "
        "the members of a batch: it has to be an argument with that axis."
    )
    error.counted = str(differing)
    raise error


def _from_behind(values: Sequence[Traced]) -> tuple[list[ArrayAxis], list[ArrayTerms]]:
    """The axes over which arrays broadcast, matched from behind, and the terms of each."""
    rank = max(x.rank for x in values)
    return together(values, [range(rank - x.rank, rank) for x in values], rank)


def broadcast(*values: Traced) -> Extent:
    """The shape over which arrays broadcast. Raises TraceError."""
    axes, _ = _from_behind(values)
    return tuple(size(p.size for p in axis) for axis in axes)


def misfit(a: Dim, b: Dim, shapes: str) -> TraceError:
    """That two dimensions would have to be equal."""
    error = TraceError(
        f"the shapes {shapes} fit only where {a} = {b}: if these are always equal, give them one "
        "name."
    )
    error.equal = str(a), str(b)
    return error


def entrywise(
    f: Callable[..., Expr], *values: Traced, beyond: Callable[..., ArrayTerms] | None = None
) -> Traced:
    """A function of the entries of arrays that broadcast; what it makes of sums of products, where
    these differ along more axes than a matrix has."""
    opaque = next((x for x in values if isinstance(x, Opaque)), None)
    if opaque is not None:
        return opaque.of_each(partial(entrywise, f, beyond=beyond), *values)
    axes, each = _from_behind(values)
    every = [*chain(*each)]
    slots = simplest(along_which(axes, every), every)
    if len(slots) <= HIGHEST_RANK:
        return made(axes, laid(f(*(matrix(terms, slots) for terms in each)), slots))
    if beyond is None:
        raise too_many(tuple(size(p.size for p in axis) for axis in axes))
    return made(axes, beyond(*each))


def mapped(name: str, *values: Traced) -> Traced:
    """An element-wise function of our table."""
    return entrywise(partial(ex.call, name), *values)


def add(a: Traced, b: Traced) -> Traced:
    """The sum; one with the number 0, as libraries' own code has it, is the other."""
    if _is_zero(a) or _is_zero(b):
        return b if _is_zero(a) else a
    return entrywise(ex.add, a, b, beyond=lambda s, t: [*s, *t])


def subtract(a: Traced, b: Traced) -> Traced:
    """The difference, likewise."""
    if _is_zero(b):
        return a
    return entrywise(ex.subtract, a, b, beyond=lambda s, t: [*s, *array_terms.scaled(t, ex.MINUS)])


def _is_zero(x: Traced) -> bool:
    return not x.rank and x.e is ex.ZERO


def multiply(a: Traced, b: Traced) -> Traced:
    return entrywise(ex.times, a, b, beyond=array_terms.multiplied)


def divide(a: Traced, b: Traced) -> Traced:
    return entrywise(ex.divide, a, b, beyond=array_terms.divided)


def power(a: Traced, b: Traced) -> Traced:
    n = ex.value_of(b.e) if not b.rank and isinstance(b.e, ex.Number) else 0
    if n not in range(1, HIGHEST_POWER + 1):
        return mapped("power", a, b)
    return entrywise(ex.power, a, b, beyond=lambda s, _: array_terms.power(s, int(n)))


def root(x: Traced) -> Traced:
    return mapped("sqrt", x)


def greater(a: Traced, b: Traced) -> Traced:
    """Where a > b."""
    return masked(mapped("step", a - b))


def masked(x: Traced, is_mask: bool = True) -> Traced:
    """The same entries as a condition, or as values."""
    if isinstance(x, Opaque):
        return x.of_each(partial(masked, is_mask=is_mask), x)
    return made(x.axes, x.terms, is_mask)


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
    if isinstance(x, Opaque) or not all(
        t.scale is ex.ZERO or any(isinstance(f.e, ex.Zeros) for f in t.factors) for t in x.terms
    ):
        return False
    return broadcast(x, *others) == broadcast(*others)


# ------------------------------------------------------------------------------------- products


class LetteredArray(NamedTuple):
    """An array with a letter for each of its axes."""

    letters: str
    x: Traced


def contracted(given: Sequence[LetteredArray], result: str) -> Traced:
    """The sum of products over the letters that the result lacks. Raises TraceError."""
    for f in given:
        if isinstance(f.x, Opaque):
            return f.x.contracted(given, result)
    place = {c: k for k, c in enumerate(dict.fromkeys(chain(result, *(f.letters for f in given))))}
    places = [[place[c] for c in f.letters] for f in given]
    axes, terms = together([f.x for f in given], places, len(place))
    kept, gone = axes[: len(result)], [p for axis in axes[len(result) :] for p in axis]
    sizes = {p.name: p.size for axis in axes for p in axis if not p.is_index}
    left = sizes.keys() - {p.name for p in gone}
    products = reduce_by(array_terms.multiplied, terms)
    found = made(kept, [array_terms.contracted(t, left, sizes) for t in products])
    for p in gone:
        found = folded(found, p) if p.is_index else found
    return found


def matmul(a: Traced, b: Traced) -> Traced:
    """`a @ b`."""
    if not a.rank or not b.rank:
        raise TraceError("`@` takes arrays: a number is multiplied with `*`.")
    inner = a.shape[-1], b.shape[max(b.rank - 2, 0)]
    if inner[0] != inner[1]:
        raise misfit(*inner, f"{extents.shape_of(a.shape)} @ {extents.shape_of(b.shape)}")
    lead = ascii_lowercase[: max(a.rank, b.rank, 2) - 2]
    rows, cols = "Y" * (a.rank > 1), "Z" * (b.rank > 1)
    left, right = (lead[len(lead) - max(x.rank - 2, 0) :] for x in (a, b))
    given = [LetteredArray(f"{left}{rows}K", a), LetteredArray(f"{right}K{cols}", b)]
    return contracted(given, f"{lead}{rows}{cols}")


def outer(a: Traced, b: Traced) -> Traced:
    return contracted([LetteredArray("a", ravel(a)), LetteredArray("b", ravel(b))], "ab")


# ---------------------------------------------------------------------------------- other shapes


def size(shape: Iterable[Dim]) -> Dim:
    """The product of dimensions."""
    return prod(shape, start=ONE)


def swapped(x: Traced, a: int, b: int) -> Traced:
    """Two axes in each other's place."""
    order = list(range(x.rank))
    order[a], order[b] = order[b], order[a]
    return permuted(x, order)


def spread_over(x: Traced, shape: Extent) -> Traced:
    """An array broadcast to a shape."""
    if x.shape == shape:
        return x
    axes, (terms, _) = _from_behind([x, Traced(ex.UNIT, shape)])
    return made(axes, terms, x.is_mask)


def transpose(x: Traced) -> Traced:
    return permuted(x, range(x.rank)[::-1])


def turned(x: Traced) -> Traced:
    """The matrices that the last two axes are, transposed."""
    return swapped(x, -2, -1)


def permuted(x: Traced, axes: Iterable[int]) -> Traced:
    """The axes in another order."""
    return made([x.axes[k] for k in axes], x.terms, x.is_mask)


def ravel(x: Traced) -> Traced:
    """The entries in one axis, row by row."""
    return reshape(x, (size(x.shape),))


def flattened(x: Traced, axes: Iterable[int]) -> Traced:
    """The array without axes among these that are several others, but for indices."""
    if not any(len(x.axes[k]) > 1 and not any(p.is_index for p in x.axes[k]) for k in axes):
        return x
    apart = made([(p,) for p in x.parts], x.terms, x.is_mask)
    return reshape(apart, x.shape, is_lazy=False)


def reshape(x: Traced, shape: Extent, is_lazy: bool = True) -> Traced:
    """The entries, row by row, in another shape of as many: what becomes one axis of an array with
    indices, or of many axes, stays several where it may. Raises TraceError."""
    if shape == x.shape:
        return x
    differing, names = names_of(x.terms), integers(free_name(x.axes))
    is_kept = is_lazy and (bool(x.indices) or len(differing) > HIGHEST_RANK)
    found: list[ArrayAxis] = []
    broken: Sequence[Dim] | None = None  # where an axis's entries get another order or place
    for old, new in extents.alike([p.size for p in x.parts], [d for d in shape if d != ONE]):
        parts, sizes = x.parts[old], [d for d in shape if d != ONE][new]
        has_index = any(p.is_index for p in parts)
        if len(sizes) == 1 and (len(parts) == 1 or has_index or is_kept):
            found.append(tuple(parts))
        elif has_index:
            raise _to_be_apart(sizes) if len(parts) == 1 else refusal(x)
        else:
            found += [(SubAxis(d, next(names)),) for d in sizes]
            if not differing.isdisjoint(p.name for p in parts):
                broken = broken or (sizes if len(parts) == 1 else ())
    each = iter(found)
    axes = [() if d == ONE else next(each) for d in shape]
    own = [p for axis in found for p in axis if not p.is_index]
    if broken is None:
        return made(axes, x.terms, x.is_mask)
    if max(len(own), len(x.own)) > HIGHEST_RANK:
        return _of_equals(x, axes, broken)
    e = whole_matrix(x.terms, x.own)
    return made(axes, laid(_in_rows(e, [p.size for p in own]), own), x.is_mask)


def free_name(axes: Iterable[ArrayAxis]) -> int:
    """A name that none of the axes has."""
    return max((p.name for axis in axes for p in axis if isinstance(p.name, int)), default=-1) + 1


def _in_rows(e: Expr, shape: Sequence[Dim]) -> Expr:
    """The entries of a matrix, row by row, in another shape."""
    if ONE not in e.shape:
        e = ex.call("vec", ex.transpose(e))
    elif e.shape[1] != ONE:
        e = ex.transpose(e)
    if len(shape) < HIGHEST_RANK:
        return e
    return ex.transpose(ex.call("unvec", e, data=tuple(reversed(shape))))


def _of_equals(x: Traced, axes: Sequence[ArrayAxis], broken: Sequence[Dim]) -> Traced:
    """An array of equal entries, of these axes. Raises TraceError for others, which says into what
    an axis would have to be taken apart."""
    factors = [f.e for t in x.terms for f in t.factors]
    if len(factors) == 1 and isinstance(factors[0], ex.Ones | ex.Zeros):
        return made(axes, laid(ex.UNIT if isinstance(factors[0], ex.Ones) else ex.ZERO, ()))
    if not broken:
        raise too_many(tuple(size(p.size for p in axis) for axis in axes))
    raise _to_be_apart(broken)


def _to_be_apart(sizes: Sequence[Dim]) -> TraceError:
    """That an axis would have to be several."""
    error = TraceError(
        f"an axis of {size(sizes)} entries is taken apart into {extents.shape_of(sizes)} "
        "where it is that of an argument, and of what is computed along it."
    )
    error.apart = tuple(map(str, sizes))
    return error
