"""Expressions of members as array operations, for all values of their letters at once.

A family is one array, with an axis for each index before those of a member. An expression in
members has an axis for each letter that runs in it; a sum over members is a sum over such an axis,
and a product within it is a product of named axes (`codegen/axes.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import prod

from ..core.dims import NOTHING, ONE, Dim, Extent, extent
from ..core.errors import RequestError
from ..core.expr import (
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
    data_of,
)
from ..core.functions import TABLE as FUNCTIONS
from ..core.indices import Index, Member, Range, dim_of
from ..core.structured import Acted, BlockMatrix, Part, written_through
from ..core.traversal import postorder
from .axes import Axes, Named
from .from_expressions import translated
from .ir import ArrayOperation, Graph, Value
from .member_reads import Family, Reading, Scope

NO_CODE = "there is no code for `{}` of members with several indices: `evaluate` gives the values."


@dataclass(frozen=True, slots=True)
class Product:
    """A sum of products of entries: the axes that are its rows and its columns, where it has any,
    and those that are summed over. All other axes are letters'."""

    factors: tuple[Named, ...]
    row: str | None = None
    col: str | None = None
    summed: frozenset[str] = frozenset()

    def renamed(self, names: Mapping[str, str]) -> Product:
        def new(x: str | None) -> str | None:
            return None if x is None else names.get(x, x)

        factors = [Named(f.value, tuple(names.get(x, x) for x in f.axes)) for f in self.factors]
        summed = frozenset(names.get(x, x) for x in self.summed)
        return Product(tuple(factors), new(self.row), new(self.col), summed)

    def summed_over(self, axes: Iterable[str | None]) -> Product:
        """With these axes summed over, which may be its rows and columns."""
        gone = {x for x in axes if x is not None}
        row, col = (None if x in gone else x for x in (self.row, self.col))
        return Product(self.factors, row, col, self.summed | gone)


class MemberArrays:
    """Writes expressions into one plan."""

    def __init__(self, graph: Graph, lengths: Collection[str]) -> None:
        self.graph = graph
        self.axes = Axes(graph, lengths)
        self.families: dict[str, Family] = {}
        self.names: dict[Value, str] = {}  # what the problem calls values
        self._known: dict[tuple[Expr, Scope], Product] = {}

    def value(self, e: Expr, scope: Scope) -> Value:
        """The array of an expression: an axis for each range, then those of the expression."""
        (e,) = written_through([e])
        found = self.array(self._product(e, scope), scope)
        letters = [self._letter(r, scope) for r in scope]
        sides = [x for x in found.axes if x not in letters]
        return self.axes.spread(found, [*letters, *sides])

    def _letter(self, over: Range, scope: Scope) -> str:
        """The axis of a letter."""
        low, high = over.first.ends(scope)[0], over.last.ends(scope)[1]
        return self.axes.name(dim_of(high.minus(low).plus(1)), f"{over.letter} = {low}..{high}")

    def array(self, p: Product, scope: Scope) -> Named:
        """The array of a product: letters, rows, columns."""
        own = {x for f in p.factors for x in f.axes} - p.summed
        letters = [x for x in (self._letter(r, scope) for r in scope) if x in own]
        return self.axes.product(p.factors, [*letters, *(x for x in (p.row, p.col) if x)])

    # ------------------------------------------------------------------------------- expressions

    def _product(self, root: Expr, scope: Scope) -> Product:
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
                found = self._computed(found, scope)
            known[e, scope] = found
        return known[root, scope]

    @staticmethod
    def _inner(e: Expr) -> tuple[Expr, ...]:
        return () if isinstance(e, (Total, Name)) else e.args

    def _computed(self, p: Product, scope: Scope) -> Product:
        return Product((self.array(p, scope),), p.row, p.col)

    def _of(self, e: Expr, args: Sequence[Product], scope: Scope) -> Product:
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
        args = [self._own(p) for p in args]
        match e:
            case Transpose():
                return replace(args[0], row=args[0].col, col=args[0].row)
            case MatMul():
                return self._matmul(args)
            case Times():
                return self.times(args)
            case Power():
                return self._power(e, args, scope)
            case Add():
                return self._entrywise(self.graph.add, e, args, scope)
            case Abstract():
                data = (e.name, e.order)
                build = lambda *xs: self.graph.entrywise("abstract", *xs, data=data)  # noqa: E731
                return self._entrywise(build, e, args, scope)
            case Part() | BlockMatrix() | Acted():
                return self._structured(e, args, scope)
            case Call() if e.function in _CALLS:
                return _CALLS[e.function](self, e, args, scope)
            case Call() if FUNCTIONS[e.function].elementwise:
                called = e.function
                build = lambda *xs: self.graph.function(called, *xs)  # noqa: E731
                return self._entrywise(build, e, args, scope)
        raise RequestError(NO_CODE.format(e.op))

    def _is_plain(self, p: Product) -> bool:
        """Whether it is one array without letters."""
        return len(p.factors) == 1 and p.factors[0].axes == tuple(filter(None, (p.row, p.col)))

    def _plain(self, e: Expr, args: Sequence[Product]) -> Product:
        """An operation on arrays without letters, as in any other plan."""
        v = translated(self.graph, e, [p.factors[0].value for p in args])
        sides = [None if d == ONE else self.axes.name(d) for d in e.shape]
        return Product((Named(v, tuple(x for x in sides if x)),), sides[0], sides[1])

    def _own(self, p: Product) -> Product:
        """The product with axes of its own for what is no letter's."""
        inner = {*p.summed, p.row, p.col} - {None}
        return p.renamed({x: self.axes.name(self.axes.dim(x)) for x in inner if x is not None})

    def _definition(self, e: Name) -> Product:
        p = self._computed(self._product(e.args[0], ()), ())
        v = p.factors[0].value
        if v.args:
            self.names.setdefault(v, e.name)
        return p

    # ---------------------------------------------------------------------------------- products

    def _matmul(self, args: Sequence[Product]) -> Product:
        found = args[0]
        for p in args[1:]:
            names = {p.row: found.col} if p.row is not None and found.col is not None else {}
            q = p.renamed({a: b for a, b in names.items() if a and b})
            inner = {x for x in (found.col, q.row) if x is not None}
            summed = found.summed | q.summed | inner
            found = Product((*found.factors, *q.factors), found.row, q.col, summed)
        return found

    def times(self, args: Sequence[Product]) -> Product:
        parts, row, col = _beside(args)
        factors = [f for p in parts for f in p.factors]
        return Product(tuple(factors), row, col, frozenset().union(*(p.summed for p in parts)))

    def _power(self, e: Power, args: Sequence[Product], scope: Scope) -> Product:
        base, exponent = e.args
        if isinstance(exponent, Number) and exponent.value == 2:
            if isinstance(base, Call) and base.function == "norm":
                return self.squares(self._own(self._product(base.args[0], scope)), scope)
            return self.squared(args[0], scope)
        return self._entrywise(self.graph.power, e, args, scope)

    def squared(self, p: Product, scope: Scope) -> Product:
        """The square of each entry."""
        p = self._computed(p, scope)
        return replace(p, factors=p.factors * 2)

    def rooted(self, p: Product, scope: Scope) -> Product:
        """The square root of each entry."""
        a = self.array(p, scope)
        return Product((Named(self.graph.root(a.value), a.axes),), p.row, p.col)

    def identity(self, row: str, col: str) -> Named:
        """The identity with these axes."""
        return Named(self.graph.node("eye", (), None, self.axes.extent([row, col])), (row, col))

    def squares(self, p: Product, scope: Scope) -> Product:
        """The sum of the squares of all entries."""
        p = self.squared(p, scope)
        return p.summed_over((p.row, p.col))

    def _entrywise(
        self, build: Callable[..., Value], e: Expr, args: Sequence[Product], scope: Scope
    ) -> Product:
        """An operation on entries, which broadcasts."""
        parts, row, col = _beside(args)
        arrays = [self.array(p, scope) for p in parts]
        own = {x for a in arrays for x in a.axes}
        letters = [x for x in (self._letter(r, scope) for r in scope) if x in own]
        axes = [*letters, *(x for x in (row, col) if x is not None)]
        v = self.graph.spread(
            build(*(self.axes.aligned(a, axes) for a in arrays)), self.axes.extent(axes)
        )
        return Product((Named(v, tuple(axes)),), row, col)

    # ---------------------------------------------------------------------------- sums over members

    def _total(self, e: Total, scope: Scope) -> Product:
        over = e.over
        own = self._letter(over, scope)
        box = Range(over.letter, over.first.ends(scope)[0], over.last.ends(scope)[1])
        inside = (*scope, box)
        p = self._product(e.args[0], inside)
        masks = [(a, b) for a, b in self._bounds(over, scope)]
        factors = p.factors
        for low, high in masks:
            factors = self._masked(factors, low, high, inside)
        p = Product(factors, p.row, p.col, p.summed)
        if not any(own in f.axes for f in factors):
            count = self.graph.size(self.axes.dim(own))
            return Product((*factors, Named(count, ())), p.row, p.col, p.summed)
        fresh = self.axes.name(self.axes.dim(own))
        return p.renamed({own: fresh}).summed_over((fresh,))

    def _bounds(self, over: Range, scope: Scope) -> list[tuple[Index, Index]]:
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
        self, factors: Sequence[Named], low: Index, high: Index, scope: Scope
    ) -> tuple[Named, ...]:
        """Factors that are zero where an index is larger than another: those that have all letters
        of both, or else one more."""
        sides = [self.array(self._counted(i, scope), scope) for i in (low, high)]
        own = {x for a in sides for x in a.axes}
        axes = [x for x in (self._letter(r, scope) for r in scope) if x in own]
        mask = self.graph.entrywise("at_most", *(self.axes.aligned(a, axes) for a in sides))
        if not any(own <= {*f.axes} for f in factors):
            return (*factors, Named(mask, tuple(axes)))

        def held(f: Named) -> Named:
            place = self.axes.aligned(Named(mask, tuple(axes)), f.axes)
            return Named(self.graph.node("masked", (place, f.value), None, f.value.shape), f.axes)

        return tuple(held(f) if own <= {*f.axes} else f for f in factors)

    def _counted(self, i: Index, scope: Scope) -> Product:
        """An index as a number, for all values of its letters."""
        graph = self.graph
        terms: list[Product] = []
        rest = dim_of(Index("", i.offset))
        for letter, k in i.terms.items():
            over = next((r for r in scope if r.letter == letter), None)
            if over is None:
                rest = rest + Dim.of(k) * Dim.of(letter)
                continue
            first, end = dim_of(over.first), dim_of(over.last.plus(1))
            own = self._letter(over, scope)
            v = graph.node("arange", (), (first, end), (self.axes.dim(own),))
            terms.append(Product((Named(graph.scaled(Fraction(k), v), (own,)),)))
        if rest.terms or not terms:
            terms.append(Product((Named(graph.size(rest) if rest.terms else graph.number(0), ()),)))
        if len(terms) == 1:
            return terms[0]
        arrays = [self.array(p, scope) for p in terms]
        own_axes = {x for a in arrays for x in a.axes}
        axes = [x for x in (self._letter(r, scope) for r in scope) if x in own_axes]
        return Product(
            (Named(graph.add(*(self.axes.aligned(a, axes) for a in arrays)), tuple(axes)),)
        )

    # ------------------------------------------------------------------------------------ members

    def _member(self, e: Symbol, scope: Scope) -> Product:
        """The members that a symbol is, for all values of the letters in its indices."""
        if any(isinstance(n, Member) for d in e.shape for n in d.names):
            raise RequestError(
                f"there is no code yet for `{e.base}`, whose members have shapes of their own: "
                "`evaluate` gives the values."
            )
        sides = [None if d == ONE else self.axes.name(d) for d in e.shape]
        reading = Reading(self.axes, scope, lambda over: self._letter(over, scope))
        found = reading.picked(self.families[e.base], e, [x for x in sides if x])
        return Product((found,), sides[0], sides[1])

    # ------------------------------------------------------------------------- functions of arrays

    def _structured(self, e: Expr, args: Sequence[Product], scope: Scope) -> Product:
        """A slice, blocks beside each other, or what keeps a shape."""
        arrays = [self.array(p, scope) for p in args]
        sides = [None if d == ONE else self.axes.name(d) for d in e.shape]
        own = {x for a, p in zip(arrays, args, strict=True) for x in a.axes if x not in _own(p)}
        letters = [x for x in (self._letter(r, scope) for r in scope) if x in own]
        lead = self.axes.extent(letters)
        shape = (*lead, *extent(e.shape))
        axes = (*letters, *(x for x in sides if x))
        if isinstance(e, BlockMatrix):
            v = self._blocks(e, arrays, letters)
        elif isinstance(e, Part):
            places = [
                None if bounds is None else (bounds[0] - ONE, bounds[1], bounds[0] == bounds[1])
                for bounds, d in zip((e.rows, e.cols), e.args[0].shape, strict=True)
                if d != ONE
            ]
            v = self.graph.node(
                "slice", (arrays[0].value,), (*[None] * len(letters), *places), shape
            )
        elif isinstance(e, Acted) and e.by is None and extent(e.shape) == e.shape:
            op: ArrayOperation = {"flip": "flip", "lower": "lower", "upper": "upper"}.get(
                e.function, "cumsum"
            )  # type: ignore[assignment]
            axis = None if e.axis is None else len(letters) + e.axis
            v = self.graph.node(op, (arrays[0].value,), axis, shape)
        else:
            raise RequestError(NO_CODE.format(str(e)))
        return Product((Named(v, axes),), sides[0], sides[1])

    def _blocks(self, e: BlockMatrix, arrays: Sequence[Named], letters: Sequence[str]) -> Value:
        """The blocks of each row beside each other, the rows below each other."""
        lead = self.axes.extent(letters)
        cells = []
        for a, block in zip(arrays, e.args, strict=True):
            inner = [x for x in a.axes if x not in letters]
            v = self.axes.spread(a, [*letters, *inner])
            cells.append(self._reshaped(v, (*lead, *block.shape)))
        rows = []
        for at in range(0, len(cells), e.width):
            row = cells[at : at + e.width]
            width = sum((v.shape[-1] for v in row), NOTHING)
            rows.append(self._joined(row, len(lead) + 1, (*row[0].shape[:-1], width)))
        whole = self._joined(rows, len(lead), (*lead, *e.shape))
        return self._reshaped(whole, (*lead, *extent(e.shape)))

    def _joined(self, parts: Sequence[Value], axis: int, shape: Extent) -> Value:
        return parts[0] if len(parts) == 1 else self.graph.node("concatenate", parts, axis, shape)

    def _reshaped(self, v: Value, shape: Extent) -> Value:
        return v if v.shape == shape else self.graph.node("reshape", (v,), None, shape)


Rule = Callable[[MemberArrays, Call, Sequence[Product], Scope], Product]


def _own(p: Product) -> set[str]:
    return {x for x in (p.row, p.col) if x is not None}


def _beside(args: Sequence[Product]) -> tuple[list[Product], str | None, str | None]:
    """What stands beside each other entry by entry, with one row axis and one column axis."""
    row = next((p.row for p in args if p.row), None)
    col = next((p.col for p in args if p.col), None)
    pairs = ([(p.row, row), (p.col, col)] for p in args)
    names = ({a: b for a, b in own if a and b} for own in pairs)
    return [p.renamed(own) for p, own in zip(args, names, strict=True)], row, col


def _over(e: Call, p: Product) -> list[str]:
    """The axes that a function of an argument works along."""
    data = data_of(e)
    sides = (p.col,) if data == 1 else (p.row,) if data == 0 else (p.row, p.col)
    return [x for x in sides if x is not None]


def _sum(to: MemberArrays, e: Call, args: Sequence[Product], scope: Scope) -> Product:
    return args[0].summed_over(_over(e, args[0]))


def _mean(to: MemberArrays, e: Call, args: Sequence[Product], scope: Scope) -> Product:
    graph, over = to.graph, _over(e, args[0])
    count = prod((to.axes.dim(x) for x in over), start=ONE)
    p = args[0].summed_over(over)
    return replace(p, factors=(*p.factors, Named(graph.reciprocal(graph.size(count)), ())))


def _norm(to: MemberArrays, e: Call, args: Sequence[Product], scope: Scope) -> Product:
    squares = to.array(to.squares(args[0], scope), scope)
    return Product((Named(to.graph.root(squares.value), squares.axes),))


def _norm1(to: MemberArrays, e: Call, args: Sequence[Product], scope: Scope) -> Product:
    a = to.array(args[0], scope)
    held = Named(to.graph.function("abs", a.value), a.axes)
    return replace(args[0], factors=(held,), summed=frozenset()).summed_over(_own(args[0]))


def _dot(to: MemberArrays, e: Call, args: Sequence[Product], scope: Scope) -> Product:
    p = to.times(args)
    return p.summed_over((p.row, p.col))


def _trace(to: MemberArrays, e: Call, args: Sequence[Product], scope: Scope) -> Product:
    p = args[0]
    if p.row is None or p.col is None:
        return p
    p = Product((*p.factors, to.identity(p.row, p.col)), p.row, p.col, p.summed)
    return p.summed_over((p.row, p.col))


def _diag(to: MemberArrays, e: Call, args: Sequence[Product], scope: Scope) -> Product:
    """Of a vector the diagonal matrix, of a matrix its diagonal."""
    p = args[0]
    if p.row is not None and p.col is not None:
        held = Product((*p.factors, to.identity(p.row, p.col)), p.row, p.col, p.summed)
        return held.summed_over((p.col,))
    own = p.row or p.col
    if own is None:
        return p
    other = to.axes.name(to.axes.dim(own))
    return Product((*p.factors, to.identity(own, other)), own, other, p.summed)


def _extreme(op: ArrayOperation) -> Rule:
    def made(to: MemberArrays, e: Call, args: Sequence[Product], scope: Scope) -> Product:
        over = _over(e, args[0])
        row, col = (None if x in over else x for x in (args[0].row, args[0].col))
        return Product((to.axes.reduced(op, to.array(args[0], scope), over),), row, col)

    return made


def _is_extreme(op: ArrayOperation) -> Rule:
    def made(to: MemberArrays, e: Call, args: Sequence[Product], scope: Scope) -> Product:
        graph, axes, over = to.graph, to.axes, _over(e, args[0])
        a = to.array(args[0], scope)
        best = axes.aligned(axes.reduced(op, a, over), a.axes)
        found = Named(graph.entrywise("equal", a.value, best), a.axes)
        count = axes.reduced("sum", found, over)
        shared = Named(graph.reciprocal(count.value), count.axes)
        return Product((found, shared), args[0].row, args[0].col)

    return made


def _exponentials(to: MemberArrays, a: Named, over: Sequence[str]) -> tuple[Named, Named, Named]:
    """The largest entries, exp of what entries are above these, and the sums of that."""
    graph, axes = to.graph, to.axes
    top = axes.reduced("max", a, over)
    above = graph.add(a.value, graph.scaled(-1, axes.aligned(top, a.axes)))
    exponentials = Named(graph.function("exp", above), a.axes)
    return top, exponentials, axes.reduced("sum", exponentials, over)


def _logsumexp(to: MemberArrays, e: Call, args: Sequence[Product], scope: Scope) -> Product:
    p, over = args[0], _over(e, args[0])
    top, _, summed = _exponentials(to, to.array(p, scope), over)
    row, col = (None if x in over else x for x in (p.row, p.col))
    v = to.graph.add(top.value, to.graph.function("log", summed.value))
    return Product((Named(v, top.axes),), row, col)


def _softmax(to: MemberArrays, e: Call, args: Sequence[Product], scope: Scope) -> Product:
    p, over = args[0], _over(e, args[0])
    _, exponentials, summed = _exponentials(to, to.array(p, scope), over)
    below = to.axes.aligned(summed, exponentials.axes)
    v = to.graph.mul(exponentials.value, to.graph.reciprocal(below))
    return Product((Named(v, exponentials.axes),), p.row, p.col)


def _log_softmax(to: MemberArrays, e: Call, args: Sequence[Product], scope: Scope) -> Product:
    p = args[0]
    a = to.array(p, scope)
    (below,) = _logsumexp(to, e, args, scope).factors
    v = to.graph.add(a.value, to.graph.scaled(-1, to.axes.aligned(below, a.axes)))
    return Product((Named(v, a.axes),), p.row, p.col)


def _of_square(op: ArrayOperation) -> Rule:
    def made(to: MemberArrays, e: Call, args: Sequence[Product], scope: Scope) -> Product:
        p = args[0]
        if p.row is None or p.col is None:
            raise RequestError(NO_CODE.format(e.function))
        a = to.array(p, scope)
        if op == "inv":
            held = Named(to.graph.node(op, (a.value,), None, a.value.shape), a.axes)
            return Product((held,), p.row, p.col)
        lead = a.axes[:-2]
        return Product((Named(to.graph.node(op, (a.value,), None, a.value.shape[:-2]), lead),))

    return made


def _adjugate(to: MemberArrays, e: Call, args: Sequence[Product], scope: Scope) -> Product:
    """The determinant times the inverse."""
    determinant = _of_square("det")(to, e, args, scope)
    inverse = _of_square("inv")(to, e, args, scope)
    return replace(inverse, factors=(*determinant.factors, *inverse.factors))


_CALLS: Mapping[str, Rule] = {
    "sum": _sum,
    "mean": _mean,
    "norm": _norm,
    "norm1": _norm1,
    "dot": _dot,
    "tr": _trace,
    "diag": _diag,
    "max": _extreme("max"),
    "min": _extreme("min"),
    "ismax": _is_extreme("max"),
    "ismin": _is_extreme("min"),
    "logsumexp": _logsumexp,
    "softmax": _softmax,
    "log_softmax": _log_softmax,
    "inv": _of_square("inv"),
    "det": _of_square("det"),
    "logdet": _of_square("logdet"),
    "adj": _adjugate,
    "square": lambda to, e, args, scope: to.squared(args[0], scope),
    "sqrt": lambda to, e, args, scope: to.rooted(args[0], scope),
}
