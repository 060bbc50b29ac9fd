"""Matrices that lie along named axes, and sums of products of them: of these are arrays with any
number of axes made. A sum over axes makes products of matrices of them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from functools import reduce
from itertools import combinations, product

from ..core import expr as ex
from ..core.dims import NOTHING, ONE, Dim
from ..core.errors import TraceError
from ..core.expr import Expr
from ..core.indices import Index, Range, index_of
from ..core.named_tuples import NamedTuple

HIGHEST_RANK = 2
MOST_TERMS = 64  # of a sum of products
AxisName = int | str  # of an axis: a letter for an index
AxisSizes = Mapping[AxisName, Dim]  # of axes, by their names


class SubAxis(NamedTuple):
    """What an axis is, or one of several that it is made of: its size, and its name in the factors,
    or the letter of an index. Letters are told apart by their places alone, so that any two arrays
    may meet."""

    size: Dim
    name: AxisName

    @property
    def is_index(self) -> bool:
        return isinstance(self.name, str)

    @property
    def range(self) -> Range:
        """What the letter of an index runs over."""
        return Range(str(self.name), Index("", 1), index(self.size))


ArrayAxis = tuple[SubAxis, ...]  # none for an axis of one entry


def index(d: Dim) -> Index:
    """The index that a dimension is. Raises TraceError."""
    found = Index() if d == NOTHING else index_of(str(d))
    if found is None:
        raise TraceError(f"{d} is no index of a member: give that size a letter of its own.")
    return found


class PlacedMatrix(NamedTuple):
    """A matrix, and the axes along which its rows and columns lie: None where it has but one, which
    is never the row of several columns."""

    e: Expr
    rows: AxisName | None = None
    cols: AxisName | None = None

    @property
    def names(self) -> tuple[AxisName, ...]:
        return tuple(name for name in (self.rows, self.cols) if name is not None)

    @property
    def turned(self) -> PlacedMatrix:
        return PlacedMatrix(ex.transpose(self.e), self.cols, self.rows)

    def oriented(self, rows: AxisName | None, cols: AxisName | None) -> Expr:
        """The matrix with its rows and columns along these axes, as far as it lies along them."""
        return self.e if self.rows in (rows, None) and self.cols in (cols, None) else self.turned.e


def lying(e: Expr, rows: AxisName | None = None, cols: AxisName | None = None) -> PlacedMatrix:
    """A matrix along axes; of one row or column it lies along none there, a row as a column."""
    f = PlacedMatrix(
        e, *(None if d == ONE else k for d, k in zip(e.shape, (rows, cols), strict=True))
    )
    return f.turned if f.rows is None else f


class ArrayProduct(NamedTuple):
    """A product of factors, entry by entry, each the same along the axes that it lacks."""

    scale: Expr
    factors: tuple[PlacedMatrix, ...] = ()

    @property
    def names(self) -> set[AxisName]:
        return {name for f in self.factors for name in f.names}

    def plus(self, scale: Expr) -> ArrayProduct:
        """The sum with a multiple of the same product."""
        both = self.scale, scale
        numbers = [ex.value_of(e) for e in both if isinstance(e, ex.Number)]
        return self._replace(scale=ex.number(sum(numbers)) if len(numbers) == 2 else ex.add(*both))

    def rewritten(self, f: Callable[[PlacedMatrix], PlacedMatrix]) -> ArrayProduct:
        """With other factors, and a scale that isn't 1 as one that lies nowhere."""
        scale = self.scale if self.scale is ex.UNIT else f(PlacedMatrix(self.scale)).e
        return ArrayProduct(scale, tuple(map(f, self.factors)))


ArrayTerms = Sequence[ArrayProduct]
MatrixSides = Sequence[SubAxis | None]  # the axes of a matrix: None for one of one entry


def names_of(terms: Iterable[ArrayProduct]) -> set[AxisName]:
    """The axes along which a sum differs."""
    return {name for term in terms for name in term.names}


def along_which(axes: Iterable[ArrayAxis], terms: ArrayTerms) -> list[SubAxis]:
    """The axes along which a sum of products differs, in order."""
    names = names_of(terms)
    return [p for axis in axes for p in axis if p.name in names]


def laid(e: Expr, slots: MatrixSides) -> ArrayTerms:
    """The terms of a matrix whose rows and columns lie along these axes."""
    f = lying(e, *_names(slots))
    return (ArrayProduct(ex.UNIT, (f,)) if f.names else ArrayProduct(f.e),)


def matrix(terms: ArrayTerms, slots: MatrixSides) -> Expr:
    """The matrix whose rows and columns lie along these axes that a sum of products is."""
    rows, cols = _names(slots)
    values = (reduce(ex.times, (f.oriented(rows, cols) for f in t.factors), t.scale) for t in terms)
    return reduce(ex.add, values)


def spread(e: Expr, slots: MatrixSides) -> Expr:
    """Such a matrix with all its entries, also those along an axis of equal ones."""
    rows, cols = [*(ONE if p is None else p.size for p in slots), ONE, ONE][:2]
    return e if e.shape == (rows, cols) else ex.times(ex.ones(rows, cols), e)


def whole_matrix(terms: ArrayTerms, slots: MatrixSides) -> Expr:
    """The matrix of a sum of products, with all its entries."""
    return spread(matrix(terms, slots), slots)


def _names(slots: MatrixSides) -> list[AxisName | None]:
    return [*(None if p is None else p.name for p in slots), None, None][:2]


def simplest(along: Sequence[SubAxis], terms: ArrayTerms) -> MatrixSides:
    """Where a matrix lies best: in a row, if all factors are columns that are turned rows."""
    turned = all(isinstance(f.e, ex.Transpose) for t in terms for f in t.factors)
    return [None, *along] if len(along) == 1 and turned else along


def multiplied(a: ArrayTerms, b: ArrayTerms) -> list[ArrayProduct]:
    """The product of two sums, multiplied out; equal terms once. Raises TraceError for many."""
    found: dict[tuple[object, ...], ArrayProduct] = {}
    for s, t in product(a, b):
        factors = (*s.factors, *t.factors)
        key = tuple(sorted((f.names, id(f.e)) for f in factors))
        scale, known = ex.times(s.scale, t.scale), found.get(key)
        found[key] = ArrayProduct(scale, factors) if known is None else known.plus(scale)
    if len(found) > MOST_TERMS:
        raise TraceError(f"this has more than {MOST_TERMS} products of arrays with 3 axes.")
    return list(found.values())


def power(terms: ArrayTerms, n: int) -> ArrayTerms:
    """A sum of products, so many times."""
    return reduce(multiplied, [terms] * n)


def divided(a: ArrayTerms, b: ArrayTerms) -> Sequence[ArrayProduct]:
    """The quotient of a sum and a single product. Raises TraceError for another one."""
    if len(b) > 1:
        raise TraceError("a quotient by a sum of products with 3 axes isn't followed.")
    return multiplied(a, [b[0].rewritten(lambda f: f._replace(e=ex.power(f.e, ex.MINUS)))])


def scaled(terms: ArrayTerms, by: Expr) -> ArrayTerms:
    """A sum, times a number."""
    return [t._replace(scale=ex.times(t.scale, by)) for t in terms]


# ------------------------------------------------------------------------------ sums over axes


def contracted(term: ArrayProduct, kept: Collection[AxisName], sizes: AxisSizes) -> ArrayProduct:
    """A product summed over the axes that aren't kept. Raises TraceError where it is no product of
    matrices."""
    left, scale = set(kept), term.scale
    for name in sizes.keys() - left - term.names:
        scale = ex.times(scale, ex.dimension(sizes[name]))
    waiting, found = list(_without_identities(term, left).factors), []
    while waiting:
        group = [waiting.pop(0)]
        while linked := [f for f in waiting if any(_meet(f, g, left) for g in group)]:
            group += linked
            waiting = [f for f in waiting if not any(f is g for g in linked)]
        found.append(_product_of(group, left))
    if len(left & term.names) <= HIGHEST_RANK and found:
        found = [_product_of(found, left)]
    scale = reduce(ex.times, (f.e for f in found if not f.names), scale)
    return ArrayProduct(scale, tuple(f for f in found if f.names))


def _without_identities(term: ArrayProduct, kept: set[AxisName]) -> ArrayProduct:
    """The same sum, where one over an axis of I is what stands at its other axis."""
    for f in term.factors:
        summed = [name for name in f.names if name not in kept]
        others = tuple(g for g in term.factors if g is not f)
        if isinstance(f.e, ex.Eye) and summed and not any({*f.names} <= {*g.names} for g in others):
            gone = summed[0]
            place = {gone: next(name for name in f.names if name != gone)}
            left = tuple(
                PlacedMatrix(
                    g.e, *(None if k is None else place.get(k, k) for k in (g.rows, g.cols))
                )
                for g in others
            )
            return _without_identities(ArrayProduct(term.scale, left), kept)
    return term


def _meet(f: PlacedMatrix, g: PlacedMatrix, kept: set[AxisName]) -> bool:
    """Whether two factors have an axis over which both are summed."""
    return any(name in g.names for name in f.names if name not in kept)


def _product_of(group: Sequence[PlacedMatrix], kept: set[AxisName]) -> PlacedMatrix:
    """The product of factors, summed over the axes that aren't kept, taken two by two."""
    factors = [*group]
    while len(factors) > 1:
        i, j, needed = _pair(factors, kept)
        found = _of_two(factors[i], factors[j], needed)
        rest = [f for k, f in enumerate(factors) if k not in (i, j)]
        factors = [*rest[:i], found, *rest[i:]]
    return _summed(factors[0], kept)


def _pair(factors: Sequence[PlacedMatrix], kept: set[AxisName]) -> tuple[int, int, set[AxisName]]:
    """The first two whose product is no larger than a matrix, neighbours first; and the axes that
    are needed behind it. Raises TraceError."""
    for i, j in sorted(combinations(range(len(factors)), 2), key=lambda p: (p[1] - p[0], p)):
        rest = (f.names for k, f in enumerate(factors) if k not in (i, j))
        needed = kept.union(*rest)
        if len({*factors[i].names, *factors[j].names} & needed) <= HIGHEST_RANK:
            return i, j, needed
    raise TraceError("this has products with more than 2 axes on the way: these aren't followed.")


def _summed(f: PlacedMatrix, kept: Collection[AxisName]) -> PlacedMatrix:
    """The sum over the axes that aren't kept."""
    gone = [name for name in f.names if name not in kept]
    if not gone:
        return f
    if len(gone) == len(f.names):
        return PlacedMatrix(ex.call("sum", f.e))
    over = 0 if f.rows in gone else 1
    return lying(ex.call("sum", f.e, data=over), f.rows, f.cols)


def _of_two(a: PlacedMatrix, b: PlacedMatrix, needed: set[AxisName]) -> PlacedMatrix:
    """The product of two factors, summed over the axes that aren't needed."""
    a, b = _summed(a, {*needed, *b.names}), _summed(b, {*needed, *a.names})
    shared = [name for name in a.names if name in b.names]
    if len(shared) == 1 and shared[0] not in needed:
        return _matrix_product(a, b, shared[0])
    if not shared and len(a.names) == 1 == len(b.names):
        return lying(
            ex.matmul(a.oriented(*a.names, None), b.oriented(None, *b.names)), *a.names, *b.names
        )
    longer = max(a.names, b.names, key=len)
    rows, cols = [*dict.fromkeys((*longer, *a.names, *b.names)), None, None][:2]
    return _summed(
        lying(ex.times(a.oriented(rows, cols), b.oriented(rows, cols)), rows, cols), needed
    )


def _matrix_product(a: PlacedMatrix, b: PlacedMatrix, over: AxisName) -> PlacedMatrix:
    """The product of matrices of which one's columns, and the other's rows lie along an axis; of a
    column and a matrix, a column again."""
    right = b if b.rows == over else b.turned
    if a.rows == over and a.cols is None:
        if right.cols is None:
            return PlacedMatrix(ex.matmul(_row(a.e), right.e))
        return lying(ex.matmul(right.turned.e, a.e), right.cols)
    left = a if a.cols == over else a.turned
    return lying(ex.matmul(left.e, right.e), left.rows, right.cols)


def _row(column: Expr) -> Expr:
    """The transpose; of a product, the product of the transposes: of `A' x` it is `x' A`."""
    if isinstance(column, ex.MatMul):
        return ex.matmul(*map(ex.transpose, reversed(column.args)))
    return ex.transpose(column)
