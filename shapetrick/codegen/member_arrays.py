"""Expressions of members as array operations, for all values of their letters at once.

A family is one array, with an axis for each index before those of a member. An expression in
members has an axis for each letter that runs in it; a sum over members is a sum over such an axis,
and a product within it is a product of named axes (`codegen/axes.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction

from ..core.block_forms import Acted, BlockMatrix, Part, written_through
from ..core.dims import NOTHING, ONE, Dim, extent
from ..core.errors import RequestError
from ..core.expr import (
    LARGEST,
    PRODUCT,
    SMALLEST,
    SUM,
    Abstract,
    Add,
    Call,
    Dimension,
    Expr,
    MatMul,
    Name,
    Number,
    Power,
    Symbol,
    Times,
    Total,
    Transpose,
    add,
    total,
)
from ..core.functions import TABLE as FUNCTIONS
from ..core.indices import Index, Member, Range, dim_of
from ..core.traversal import postorder
from .axes import NamedArray
from .from_expressions import acted, concatenated, reshaped, sliced, translated
from .ir import ArrayOperation, Graph, Value
from .member_calls import NO_CODE, SQUARES, MemberCall, rule_of
from .member_products import Products, SummedProduct
from .member_reads import Family, LetterRanges, Reading
from .strided_sums import StridedSums

_FOLDS: Mapping[str, ArrayOperation] = {LARGEST: "max", SMALLEST: "min", PRODUCT: "prod"}
_OPPOSITE = {LARGEST: SMALLEST, SMALLEST: LARGEST}


class MemberArrays(Products):
    """Puts expressions of members into one plan."""

    def __init__(self, graph: Graph, size: Callable[[Dim], int]) -> None:
        super().__init__(graph, size)
        self.families: dict[str, Family] = {}
        self.names: dict[Value, str] = {}  # what the problem calls values
        self._known: dict[tuple[Expr, LetterRanges], SummedProduct] = {}

    def value(self, e: Expr, scope: LetterRanges) -> Value:
        """The array of an expression: an axis for each range, then those of the expression."""
        (e,) = written_through([e])
        found = self.array(self._product(e, scope), scope)
        letters = [self.letter(r, scope) for r in scope]
        sides = [x for x in found.axes if x not in letters]
        return self.axes.spread(found, [*letters, *sides])

    @property
    def translated(self) -> dict[Expr, Value]:
        """The values of expressions without letters."""
        return {e: p.factors[0].value for (e, _), p in self._known.items() if self._is_plain(p)}

    # ------------------------------------------------------------------------------- expressions

    def _product(self, root: Expr, scope: LetterRanges) -> SummedProduct:
        """The product that an expression is, in the letters of these ranges."""
        known = self._known
        uses: dict[Expr, int] = {}
        for e in postorder([root], into=lambda e: not isinstance(e, (Total, Name))):
            for a in e.args:
                uses[a] = uses.get(a, 0) + 1
        for e in postorder([root], into=lambda e: not isinstance(e, (Total, Name))):
            if (e, scope) in known:
                continue
            found = self._of(e, [known[a, scope] for a in self._inner(e)], scope)
            if uses.get(e, 0) > 1 or isinstance(e, Name):
                found = self.computed(found, scope)
            known[e, scope] = found
        return known[root, scope]

    @staticmethod
    def _inner(e: Expr) -> tuple[Expr, ...]:
        return () if isinstance(e, (Total, Name)) else e.args

    def _of(self, e: Expr, args: Sequence[SummedProduct], scope: LetterRanges) -> SummedProduct:
        match e:
            case Symbol() if e.indices:
                return self._member(e, scope)
            case Dimension() if any(r.letter == e.name for r in scope):
                return self._counted(Index(e.name), scope)
            case Name():
                return self._definition(e)
            case Total():
                return self._total(e, scope)
        if not args or all(self._is_plain(p) for p in args):
            return self._plain(e, args)
        args = [self.own(p) for p in args]
        match e:
            case Transpose():
                return replace(args[0], row=args[0].col, col=args[0].row)
            case MatMul():
                return self.matmul(args)
            case Times():
                return self.times(args)
            case Power():
                return self._power(e, args, scope)
            case Add():
                return self.entrywise(self.graph.add, args, scope)
            case Abstract():
                data = (e.name, e.order)
                build = lambda *xs: self.graph.entrywise("abstract", *xs, data=data)  # noqa: E731
                return self.entrywise(build, args, scope)
            case Part() | BlockMatrix() | Acted():
                return self._structured(e, args, scope)
            case Call() if (rule := rule_of(e.function)) is not None:
                return rule(MemberCall(self, e, args, scope))
            case Call() if FUNCTIONS[e.function].elementwise:
                called = e.function
                build = lambda *xs: self.graph.function(called, *xs)  # noqa: E731
                return self.entrywise(build, args, scope)
        raise RequestError(NO_CODE.format(e.op))

    def _is_plain(self, p: SummedProduct) -> bool:
        """Whether it is one array without letters."""
        return len(p.factors) == 1 and p.factors[0].axes == tuple(filter(None, (p.row, p.col)))

    def _plain(self, e: Expr, args: Sequence[SummedProduct]) -> SummedProduct:
        """An operation on arrays without letters, as in any other plan."""
        v = translated(self.graph, e, [p.factors[0].value for p in args])
        sides = self.sides(e)
        return SummedProduct((NamedArray(v, tuple(x for x in sides if x)),), sides[0], sides[1])

    def _definition(self, e: Name) -> SummedProduct:
        p = self.computed(self._product(e.args[0], ()), ())
        v = p.factors[0].value
        if v.args:
            self.names.setdefault(v, e.name)
        return p

    # ---------------------------------------------------------------------------------- products

    def _power(self, e: Power, args: Sequence[SummedProduct], scope: LetterRanges) -> SummedProduct:
        base, exponent = e.args
        if isinstance(exponent, Number) and exponent.value == 2:
            square = SQUARES.get(base.op)
            if isinstance(base, Call) and square is not None:
                inner = [self.own(self._product(a, scope)) for a in base.args]
                return square(MemberCall(self, base, inner, scope))
            return self.squared(args[0], scope)
        return self.entrywise(self.graph.power, args, scope)

    # ---------------------------------------------------------------------------- sums over members

    def _total(self, e: Total, scope: LetterRanges) -> SummedProduct:
        over, body = e.over, e.args[0]
        products = isinstance(body, Add) and all(isinstance(a, (MatMul, Times)) for a in body.args)
        if e.fold == SUM and products:  # each of which is contracted at once
            return self._product(add(*(total(a, over) for a in body.args)), scope)
        shorter = StridedSums(self.axes, self.families, self.value).shorter(e, scope)
        if shorter is not None:
            return self._product(shorter, scope)
        own = self.letter(over, scope)
        inside = (*scope, over.boxed(scope)._replace(where=over.where))
        p = self._product(body, inside)
        masks = self._bounds(over, scope)
        if e.fold != SUM:
            return self._folded(e, p, masks, inside)
        factors = p.factors
        for low, high in masks:
            factors = self._masked(factors, low, high, inside)
        p = SummedProduct(factors, p.row, p.col, p.summed)
        if not any(own in f.axes for f in factors):
            count = self.graph.size(self.axes.dim(own))
            return SummedProduct((*factors, NamedArray(count, ())), p.row, p.col, p.summed)
        fresh = self.axes.name(self.axes.dim(own))
        return p.renamed({own: fresh}).summed_over((fresh,))

    def _folded(
        self,
        e: Total,
        p: SummedProduct,
        masks: Sequence[tuple[Index, Index]],
        scope: LetterRanges,
    ) -> SummedProduct:
        """The largest, the smallest or the product along the axis of the last letter, where what is
        out of range changes nothing: other than ones, it is the other extreme of all."""
        own, op = self.letter(scope[-1], scope[:-1]), _FOLDS[e.fold]
        a = self.array(p, scope)
        if own not in a.axes:
            raise RequestError(NO_CODE.format(e.fold))
        for low, high in masks:
            if e.fold == PRODUCT:
                others = self.graph.number(1)
            else:
                most = self.axes.reduced(_FOLDS[_OPPOSITE[e.fold]], a, (own,))
                others = self.axes.aligned(most, a.axes)
            mask, axes = self._mask(low, high, scope)
            letters = self.letters({*axes, *a.axes}, scope)
            whole = (*letters, *(x for x in a.axes if x not in letters))
            shape = self.axes.extent(whole)
            held = [self.axes.aligned(f, whole) for f in (NamedArray(mask, axes), a)]
            if others.shape:
                others = self.axes.aligned(NamedArray(others, a.axes), whole)
            a = NamedArray(self.graph.node("masked", (*held, others), None, shape), whole)
        return SummedProduct((self.axes.reduced(op, a, (own,)),), p.row, p.col)

    def _bounds(self, over: Range, scope: LetterRanges) -> list[tuple[Index, Index]]:
        """What has to be at most what, where a letter does not run over a box."""
        running, letter = {r.letter for r in scope}, Index(over.letter)
        found = []
        if {*over.first.terms} & running:
            found.append((over.first, letter))
        if {*over.last.terms} & running:
            found.append((letter, over.last))
        for condition in over.where:
            found += [(condition.first, condition.inner), (condition.inner, condition.last)]
        return found

    def _masked(
        self, factors: Sequence[NamedArray], low: Index, high: Index, scope: LetterRanges
    ) -> tuple[NamedArray, ...]:
        """Factors that are zero where an index is larger than another: those that have all letters
        of both, or else one more."""
        mask, axes = self._mask(low, high, scope)
        own = {*axes}
        if not any(own <= {*f.axes} for f in factors):
            return (*factors, NamedArray(mask, axes))

        def held(f: NamedArray) -> NamedArray:
            place = self.axes.aligned(NamedArray(mask, axes), f.axes)
            held = (place, f.value, self.graph.number(0))
            return NamedArray(self.graph.node("masked", held, None, f.value.shape), f.axes)

        return tuple(held(f) if own <= {*f.axes} else f for f in factors)

    def _mask(self, low: Index, high: Index, scope: LetterRanges) -> tuple[Value, tuple[str, ...]]:
        """Ones where an index is at most another, and the axes of their letters."""
        sides = [self.array(self._counted(i, scope), scope) for i in (low, high)]
        axes = tuple(self.letters({x for a in sides for x in a.axes}, scope))
        return self.graph.entrywise("at_most", *(self.axes.aligned(a, axes) for a in sides)), axes

    def _counted(self, i: Index, scope: LetterRanges) -> SummedProduct:
        """An index as a number, for all values of its letters."""
        graph = self.graph
        terms: list[SummedProduct] = []
        rest = dim_of(Index("", i.offset))
        for letter, k in i.terms.items():
            over = next((r for r in scope if r.letter == letter), None)
            if over is None:
                rest = rest + Dim.of(k) * Dim.of(letter)
                continue
            first, end = dim_of(over.first), dim_of(over.last.plus(1))
            own = self.letter(over, scope)
            v = graph.node("arange", (), (first, end), (self.axes.dim(own),))
            terms.append(SummedProduct((NamedArray(graph.scaled(Fraction(k), v), (own,)),)))
        if rest.terms or not terms:
            terms.append(
                SummedProduct(
                    (NamedArray(graph.size(rest) if rest.terms else graph.number(0), ()),)
                )
            )
        if len(terms) == 1:
            return terms[0]
        arrays = [self.array(p, scope) for p in terms]
        axes = self.letters({x for a in arrays for x in a.axes}, scope)
        return SummedProduct(
            (NamedArray(graph.add(*(self.axes.aligned(a, axes) for a in arrays)), tuple(axes)),)
        )

    # ------------------------------------------------------------------------------------ members

    def _member(self, e: Symbol, scope: LetterRanges) -> SummedProduct:
        """The members that a symbol is, for all values of the letters in its indices."""
        if any(isinstance(n, Member) for d in e.shape for n in d.names):
            raise RequestError(
                f"there is no code yet for `{e.base}`, whose members have shapes of their own: "
                "`evaluate` gives the values."
            )
        sides = self.sides(e)
        reading = Reading(self.axes, scope, lambda over: self.letter(over, scope))
        found = reading.picked(self.families[e.base], e, [x for x in sides if x])
        return SummedProduct((found,), sides[0], sides[1])

    # ------------------------------------------------------------------------- functions of arrays

    def _structured(
        self, e: Expr, args: Sequence[SummedProduct], scope: LetterRanges
    ) -> SummedProduct:
        """A slice, blocks beside each other, or what keeps a shape."""
        arrays = [self.array(p, scope) for p in args]
        sides = self.sides(e)
        own = {
            x for a, p in zip(arrays, args, strict=True) for x in a.axes if x not in (p.row, p.col)
        }
        letters = self.letters(own, scope)
        lead = self.axes.extent(letters)
        axes = (*letters, *(x for x in sides if x))
        if isinstance(e, BlockMatrix):
            v = self._blocks(e, arrays, letters)
        elif isinstance(e, Part):
            v = sliced(self.graph, arrays[0].value, e, lead)
        elif isinstance(e, Acted) and e.shape[e.axis or 0] != ONE:
            v = acted(self.graph, arrays[0].value, e, lead)
        else:
            raise RequestError(NO_CODE.format(str(e)))
        return SummedProduct((NamedArray(v, axes),), sides[0], sides[1])

    def _blocks(
        self, e: BlockMatrix, arrays: Sequence[NamedArray], letters: Sequence[str]
    ) -> Value:
        """The blocks of each row beside each other, the rows below each other."""
        lead = self.axes.extent(letters)
        cells = []
        for a, block in zip(arrays, e.args, strict=True):
            inner = [x for x in a.axes if x not in letters]
            v = self.axes.spread(a, [*letters, *inner])
            cells.append(reshaped(self.graph, v, (*lead, *block.shape)))
        rows = []
        for at in range(0, len(cells), e.width):
            row = cells[at : at + e.width]
            width = sum((v.shape[-1] for v in row), NOTHING)
            rows.append(concatenated(self.graph, row, len(lead) + 1, (*row[0].shape[:-1], width)))
        whole = concatenated(self.graph, rows, len(lead), (*lead, *e.shape))
        return reshaped(self.graph, whole, (*lead, *extent(e.shape)))
