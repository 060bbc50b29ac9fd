"""Sums of products of entries, with axes for letters, rows and columns, in one plan."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from ..core.dims import ONE, Dim
from ..core.expr import Expr
from ..core.indices import Range, dim_of
from ..core.records import dataclass
from .axes import Axes, NamedArray
from .ir import Graph, Value
from .member_reads import LetterRanges


@dataclass(frozen=True, slots=True)
class SummedProduct:
    """A sum of products of entries: the axes that are its rows and its columns, where it has any,
    and those that are summed over. All other axes are letters'."""

    factors: tuple[NamedArray, ...]
    row: str | None = None
    col: str | None = None
    summed: frozenset[str] = frozenset()

    def renamed(self, names: Mapping[str, str]) -> SummedProduct:
        def new(x: str | None) -> str | None:
            return None if x is None else names.get(x, x)

        factors = [
            NamedArray(f.value, tuple(names.get(x, x) for x in f.axes)) for f in self.factors
        ]
        summed = frozenset(names.get(x, x) for x in self.summed)
        return SummedProduct(tuple(factors), new(self.row), new(self.col), summed)

    def summed_over(self, axes: Iterable[str | None]) -> SummedProduct:
        """With these axes summed over, which may be its rows and columns."""
        gone = {x for x in axes if x is not None}
        row, col = (None if x in gone else x for x in (self.row, self.col))
        return SummedProduct(self.factors, row, col, self.summed | gone)


class Products:
    """Puts products into one plan."""

    def __init__(self, graph: Graph, size: Callable[[Dim], int]) -> None:
        self.graph = graph
        self.axes = Axes(graph, size)

    def letter(self, over: Range, scope: LetterRanges) -> str:
        """The axis of a letter."""
        box = over.boxed(scope)
        return self.axes.name(dim_of(box.last.minus(box.first).plus(1)), str(box))

    def letters(self, own: Collection[str], scope: LetterRanges) -> list[str]:
        """Those of some axes that are letters', in order."""
        return [x for x in (self.letter(r, scope) for r in scope) if x in own]

    def sides(self, e: Expr) -> list[str | None]:
        """New axes for the rows and the columns of an expression, where it has several."""
        return [None if d == ONE else self.axes.name(d) for d in e.shape]

    def array(self, p: SummedProduct, scope: LetterRanges) -> NamedArray:
        """The array of a product: letters, rows, columns."""
        letters = self.letters({x for f in p.factors for x in f.axes} - p.summed, scope)
        return self.axes.product(p.factors, [*letters, *(x for x in (p.row, p.col) if x)])

    def computed(self, p: SummedProduct, scope: LetterRanges) -> SummedProduct:
        return SummedProduct((self.array(p, scope),), p.row, p.col)

    def own(self, p: SummedProduct) -> SummedProduct:
        """The product with axes of its own for what is no letter's."""
        inner = (x for x in {*p.summed, p.row, p.col} if x is not None)
        return p.renamed({x: self.axes.name(self.axes.dim(x)) for x in inner})

    def matmul(self, args: Sequence[SummedProduct]) -> SummedProduct:
        found = args[0]
        for p in args[1:]:
            q = p.renamed({p.row: found.col}) if p.row and found.col else p
            inner = {x for x in (found.col, q.row) if x is not None}
            summed = found.summed | q.summed | inner
            found = SummedProduct((*found.factors, *q.factors), found.row, q.col, summed)
        return found

    def times(self, args: Sequence[SummedProduct]) -> SummedProduct:
        parts, row, col = _beside(args)
        factors = [f for p in parts for f in p.factors]
        return SummedProduct(
            tuple(factors), row, col, frozenset().union(*(p.summed for p in parts))
        )

    def squared(self, p: SummedProduct, scope: LetterRanges) -> SummedProduct:
        """The square of each entry."""
        p = self.computed(p, scope)
        return replace(p, factors=p.factors * 2)

    def identity(self, row: str, col: str) -> NamedArray:
        """The identity with these axes."""
        return NamedArray(
            self.graph.node("eye", (), None, self.axes.extent([row, col])), (row, col)
        )

    def squares(self, p: SummedProduct, scope: LetterRanges) -> SummedProduct:
        """The sum of the squares of all entries."""
        p = self.squared(p, scope)
        return p.summed_over((p.row, p.col))

    def entrywise(
        self, build: Callable[..., Value], args: Sequence[SummedProduct], scope: LetterRanges
    ) -> SummedProduct:
        """An operation on entries, which broadcasts."""
        parts, row, col = _beside(args)
        arrays = [self.array(p, scope) for p in parts]
        letters = self.letters({x for a in arrays for x in a.axes}, scope)
        axes = [*letters, *(x for x in (row, col) if x is not None)]
        v = self.graph.spread(
            build(*(self.axes.aligned(a, axes) for a in arrays)), self.axes.extent(axes)
        )
        return SummedProduct((NamedArray(v, tuple(axes)),), row, col)


def _beside(args: Sequence[SummedProduct]) -> tuple[list[SummedProduct], str | None, str | None]:
    """What stands beside each other entry by entry, with one row axis and one column axis."""
    row = next((p.row for p in args if p.row), None)
    col = next((p.col for p in args if p.col), None)
    pairs = ([(p.row, row), (p.col, col)] for p in args)
    names = ({a: b for a, b in own if a and b} for own in pairs)
    return [p.renamed(own) for p, own in zip(args, names, strict=True)], row, col
