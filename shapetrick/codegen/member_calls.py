"""TABLE: what functions of arrays with letters are in operations on named axes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from math import prod

from ..core.dims import ONE
from ..core.errors import RequestError
from ..core.expr import Call
from ..core.structure import data_of
from .axes import NamedArray
from .ir import ArrayOperation
from .member_products import Products, SummedProduct
from .member_reads import LetterRanges

NO_CODE = "there is no code for `{}` of members with several indices: `evaluate` gives the values."
Rule = Callable[[Products, Call, Sequence[SummedProduct], LetterRanges], SummedProduct]


def _sides(p: SummedProduct) -> set[str]:
    return {x for x in (p.row, p.col) if x is not None}


def _over(e: Call, p: SummedProduct) -> list[str]:
    """The axes that a function of an argument works along."""
    data = data_of(e)
    sides = (p.col,) if data == 1 else (p.row,) if data == 0 else (p.row, p.col)
    return [x for x in sides if x is not None]


def _sum(
    to: Products, e: Call, args: Sequence[SummedProduct], scope: LetterRanges
) -> SummedProduct:
    return args[0].summed_over(_over(e, args[0]))


def _mean(
    to: Products, e: Call, args: Sequence[SummedProduct], scope: LetterRanges
) -> SummedProduct:
    graph, over = to.graph, _over(e, args[0])
    count = prod((to.axes.dim(x) for x in over), start=ONE)
    p = args[0].summed_over(over)
    return replace(p, factors=(*p.factors, NamedArray(graph.reciprocal(graph.size(count)), ())))


def _norm(
    to: Products, e: Call, args: Sequence[SummedProduct], scope: LetterRanges
) -> SummedProduct:
    squares = to.array(to.squares(args[0], scope), scope)
    return SummedProduct((NamedArray(to.graph.root(squares.value), squares.axes),))


def _norm1(
    to: Products, e: Call, args: Sequence[SummedProduct], scope: LetterRanges
) -> SummedProduct:
    a = to.array(args[0], scope)
    held = NamedArray(to.graph.function("abs", a.value), a.axes)
    return replace(args[0], factors=(held,), summed=frozenset()).summed_over(_sides(args[0]))


def _dot(
    to: Products, e: Call, args: Sequence[SummedProduct], scope: LetterRanges
) -> SummedProduct:
    p = to.times(args)
    return p.summed_over((p.row, p.col))


def _trace(
    to: Products, e: Call, args: Sequence[SummedProduct], scope: LetterRanges
) -> SummedProduct:
    p = args[0]
    if p.row is None or p.col is None:
        return p
    p = SummedProduct((*p.factors, to.identity(p.row, p.col)), p.row, p.col, p.summed)
    return p.summed_over((p.row, p.col))


def _diag(
    to: Products, e: Call, args: Sequence[SummedProduct], scope: LetterRanges
) -> SummedProduct:
    """Of a vector the diagonal matrix, of a matrix its diagonal."""
    p = args[0]
    if p.row is not None and p.col is not None:
        held = SummedProduct((*p.factors, to.identity(p.row, p.col)), p.row, p.col, p.summed)
        return held.summed_over((p.col,))
    own = p.row or p.col
    if own is None:
        return p
    other = to.axes.name(to.axes.dim(own))
    return SummedProduct((*p.factors, to.identity(own, other)), own, other, p.summed)


def _extreme(op: ArrayOperation) -> Rule:
    def made(
        to: Products, e: Call, args: Sequence[SummedProduct], scope: LetterRanges
    ) -> SummedProduct:
        over = _over(e, args[0])
        row, col = (None if x in over else x for x in (args[0].row, args[0].col))
        return SummedProduct((to.axes.reduced(op, to.array(args[0], scope), over),), row, col)

    return made


def _is_extreme(op: ArrayOperation) -> Rule:
    def made(
        to: Products, e: Call, args: Sequence[SummedProduct], scope: LetterRanges
    ) -> SummedProduct:
        graph, axes, over = to.graph, to.axes, _over(e, args[0])
        a = to.array(args[0], scope)
        best = axes.aligned(axes.reduced(op, a, over), a.axes)
        found = NamedArray(graph.entrywise("equal", a.value, best), a.axes)
        count = axes.reduced("sum", found, over)
        shared = NamedArray(graph.reciprocal(count.value), count.axes)
        return SummedProduct((found, shared), args[0].row, args[0].col)

    return made


def _exponentials(
    to: Products, a: NamedArray, over: Sequence[str]
) -> tuple[NamedArray, NamedArray, NamedArray, NamedArray]:
    """The largest entries, what entries are above these, exp of that, and the sums of it."""
    graph, axes = to.graph, to.axes
    top = axes.reduced("max", a, over)
    above = graph.add(a.value, graph.scaled(-1, axes.aligned(top, a.axes)))
    exponentials = NamedArray(graph.function("exp", above), a.axes)
    return top, NamedArray(above, a.axes), exponentials, axes.reduced("sum", exponentials, over)


def _logsumexp(
    to: Products, e: Call, args: Sequence[SummedProduct], scope: LetterRanges
) -> SummedProduct:
    p, over = args[0], _over(e, args[0])
    top, *_, summed = _exponentials(to, to.array(p, scope), over)
    row, col = (None if x in over else x for x in (p.row, p.col))
    v = to.graph.add(top.value, to.graph.function("log", summed.value))
    return SummedProduct((NamedArray(v, top.axes),), row, col)


def _softmax(
    to: Products, e: Call, args: Sequence[SummedProduct], scope: LetterRanges
) -> SummedProduct:
    p, over = args[0], _over(e, args[0])
    *_, exponentials, summed = _exponentials(to, to.array(p, scope), over)
    below = to.axes.aligned(summed, exponentials.axes)
    v = to.graph.mul(exponentials.value, to.graph.reciprocal(below))
    return SummedProduct((NamedArray(v, exponentials.axes),), p.row, p.col)


def _log_softmax(
    to: Products, e: Call, args: Sequence[SummedProduct], scope: LetterRanges
) -> SummedProduct:
    p = args[0]
    _, above, _, summed = _exponentials(to, to.array(p, scope), _over(e, p))
    logs = NamedArray(to.graph.function("log", summed.value), summed.axes)
    v = to.graph.add(above.value, to.graph.scaled(-1, to.axes.aligned(logs, above.axes)))
    return SummedProduct((NamedArray(v, above.axes),), p.row, p.col)


def _of_square(op: ArrayOperation) -> Rule:
    def made(
        to: Products, e: Call, args: Sequence[SummedProduct], scope: LetterRanges
    ) -> SummedProduct:
        p = args[0]
        if p.row is None or p.col is None:
            raise RequestError(NO_CODE.format(e.function))
        a = to.array(p, scope)
        if op == "inv":
            held = NamedArray(to.graph.node(op, (a.value,), None, a.value.shape), a.axes)
            return SummedProduct((held,), p.row, p.col)
        lead = a.axes[:-2]
        return SummedProduct(
            (NamedArray(to.graph.node(op, (a.value,), None, a.value.shape[:-2]), lead),)
        )

    return made


def _adjugate(
    to: Products, e: Call, args: Sequence[SummedProduct], scope: LetterRanges
) -> SummedProduct:
    """The determinant times the inverse."""
    determinant = _of_square("det")(to, e, args, scope)
    inverse = _of_square("inv")(to, e, args, scope)
    return replace(inverse, factors=(*determinant.factors, *inverse.factors))


CALLS: Mapping[str, Rule] = {
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

# What the square of a function is, without a root that is squared again.
SQUARES: Mapping[str, Rule] = {"norm": lambda to, e, args, scope: to.squares(args[0], scope)}
