"""Slices, blocks and the functions that are products with constants of known structure: the shapes
that they have, and the expressions that they are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate
from typing import TypeVar

from ...core import expr as ex
from ...core import structured
from ...core.dims import NOTHING, ONE, SCALAR, Dim, Shape, shape_text
from ...core.errors import ShapeError
from ...core.expr import Expr
from ...core.named_tuples import NamedTuple
from ..syntax.selections import Selector
from ..syntax.tree import SyntaxNode

SizeReader = Callable[[SyntaxNode], Dim]
PartT = TypeVar("PartT")


# --------------------------------------------------------------------------------------- functions


class StructuredCall(NamedTuple):
    """A function: how many matrices it takes, whether an axis, whether a number of places, the
    expression that it is, of these; how it is called, and what it gives. One that takes matrices
    entry by entry is the same `by_entries` of its arguments a, b, c, in the language."""

    arity: int
    takes_axis: bool
    takes_places: bool
    build: Callable[..., Expr]
    called: str
    help: str
    by_entries: str = ""

    @property
    def takes(self) -> str:
        matrices = "1 argument" if self.arity == 1 else f"{self.arity} arguments"
        places = ", a number of places" if self.takes_places else ""
        return f"{matrices}{places}{' and `axis=`' if self.takes_axis else ''}"


def _where(mask: Expr, a: Expr, b: Expr) -> Expr:
    other = ex.subtract(ex.number(1), mask)
    return ex.add(*(ex.times(m, x) for m, x in ((mask, a), (other, b)) if x is not ex.ZERO))


def _clip(x: Expr, low: Expr, high: Expr) -> Expr:
    return ex.call("minimum", ex.call("maximum", x, low), high)


CALLS: Mapping[str, StructuredCall] = {
    "lower": StructuredCall(
        1, False, False, structured.lower, "lower(A)", "zeros above the diagonal"
    ),
    "upper": StructuredCall(
        1, False, False, structured.upper, "upper(A)", "zeros below the diagonal"
    ),
    "cumsum": StructuredCall(
        1, True, False, structured.accumulated, "cumsum(A, axis=0)",
        "the sums from the first row to each",
    ),
    "flip": StructuredCall(
        1, True, False, structured.flipped, "flip(A, axis=0)", "the rows in the opposite order"
    ),
    "shift": StructuredCall(
        1, True, True, structured.shifted, "shift(A, k, axis=0)",
        "the rows k places down, or up; zeros enter",
    ),
    "where": StructuredCall(
        3, False, False, _where, "where(C > D, A, B)",
        "the entry of A where it holds, else that of B", "a .* b + (1 - a) .* c",
    ),
    "clip": StructuredCall(
        3, False, False, _clip, "clip(x, a, b)", "each entry, a at least and b at most",
        "minimum(maximum(a, b), c)",
    ),
}  # fmt: skip


# ------------------------------------------------------------------------------------------- shapes


def sizes_of_selection(node: SyntaxNode, shape: Shape, size: SizeReader) -> Shape | None:
    """The shape of `A[…]` of an A of that shape; None where what is known doesn't tell it. Raises
    ShapeError."""
    selectors = _by_side(node, shape)
    if selectors is None:
        return None
    rows, cols = (
        dim if s.first is None or s.last is None else size(s.last) - size(s.first) + ONE
        for s, dim in zip(selectors, shape, strict=True)
    )
    return rows, cols


def _by_side(node: SyntaxNode, shape: Shape) -> tuple[Selector, Selector] | None:
    """What is selected of the rows, and of the columns."""
    selectors: tuple[Selector, ...] = node.value
    match selectors:
        case (rows, cols):
            return rows, cols
        case (one,) if shape[1] == ONE:
            return one, Selector()
        case (one,) if shape[0] == ONE:
            return Selector(), one
        case (_,):
            return None
    raise ShapeError("a matrix has rows and columns: at most two things stand in the brackets.")


def build_selection(
    node: SyntaxNode, a: Expr, typed: Callable[[SyntaxNode], str], size: SizeReader
) -> Expr:
    """The expression of `A[…]`. Raises ShapeError where a bound may not be met."""
    selectors = _by_side(node, a.shape)
    if selectors is None:
        name = typed(node.args[0])
        at = _typed_selector(node.value[0], typed)
        raise ShapeError(
            f"`{name}` is {shape_text(a.shape)}, which has rows and columns: write "
            f"`{name}[{at}, :]` for rows, `{name}[:, {at}]` for columns."
        )
    chosen: list[Expr | None] = []
    for selector, dim, what in zip(selectors, a.shape, ("rows", "columns"), strict=True):
        if selector.first is None or selector.last is None:
            chosen.append(None)
            continue
        first, last = size(selector.first), size(selector.last)
        _check_bounds(first, last, dim, what)
        chosen.append(structured.selection(first, last, dim))
    return structured.selected(a, *chosen)


def _typed_selector(selector: Selector, typed: Callable[[SyntaxNode], str]) -> str:
    return "..".join(map(typed, selector.bounds)) or ":"


def _check_bounds(first: Dim, last: Dim, size: Dim, what: str) -> None:
    """Refuse bounds that other sizes than small ones may break."""
    if not (first - ONE).is_eventually_natural:
        end = "" if first.integer is None else f": the last one has the number `{size}`"
        raise ShapeError(f"{what} are counted from 1, and `{first}` may be less{end}.")
    if not (size - last).is_eventually_natural:
        raise ShapeError(
            f"there are {size} {what}, and `{last}` may be more: declare sizes that tell, such as "
            f"{last}+m {what}."
        )
    if not (last - first).is_eventually_natural:
        raise ShapeError(f"`{first}..{last}` may be empty: its end may come before its start.")


def shape_of_block(node: SyntaxNode, shapes: Sequence[Shape]) -> Shape:
    """The shape of a block matrix whose parts fit. Raises ShapeError."""
    rows, height, wide = _in_rows(node, shapes), [], []
    for row in rows:
        if len({shape[0] for shape in row}) > 1:
            raise ShapeError(_unfit("in one row of a block", "rows", [s[0] for s in row], row))
        height.append(row[0][0])
        wide.append(sum((shape[1] for shape in row), NOTHING))
    if len(set(wide)) > 1:
        raise ShapeError(
            _unfit("the rows of a block", "columns", wide, [s for r in rows for s in r])
        )
    return sum(height, NOTHING), wide[0]


def _unfit(where: str, what: str, counts: Sequence[Dim], shapes: Sequence[Shape]) -> str:
    said = " and ".join(dict.fromkeys(map(str, counts)))
    message = f"{where} have {said} {what}."
    if where.startswith("in"):
        message = f"the parts {where} have {said} {what}."
    larger = [d for d in counts if d != ONE]
    if SCALAR in shapes and larger:
        size = f"{larger[0]}" if what == "rows" else f"1, {larger[0]}"
        message += f" A number is 1×1 in a block: write `ones({size})` times it."
    return message


def build_block(node: SyntaxNode, parts: Sequence[Expr]) -> Expr:
    """The expression of `[A, B; C, D]`. Raises ShapeError."""
    shape_of_block(node, [a.shape for a in parts])
    rows = _in_rows(node, parts)
    if len({tuple(a.shape[1] for a in row) for row in rows}) > 1:  # columns don't go through
        rows = [[structured.block_matrix([row])] for row in rows]
    return structured.block_matrix(rows)


def _in_rows(node: SyntaxNode, parts: Sequence[PartT]) -> list[Sequence[PartT]]:
    """The parts of a block matrix, row by row."""
    ends = accumulate(node.value)
    return [parts[end - width : end] for end, width in zip(ends, node.value, strict=True)]


def check_call(node: SyntaxNode, args: Sequence[Shape], size: SizeReader) -> None:
    """Check what a function is given. Raises ShapeError."""
    name, axis, sizes, _ = node.value
    row = CALLS[name]
    places = [] if not row.takes_places else sizes
    if len(args) != row.arity or len(sizes) != int(row.takes_places):
        raise ShapeError(f"`{name}` takes {row.takes}.")
    if axis is not None and not row.takes_axis:
        raise ShapeError(f"`{name}` takes no axis.")
    for place in places:
        size(place)


def build_call(node: SyntaxNode, args: Sequence[Expr], size: SizeReader) -> Expr:
    """The expression of a function of these. Raises ShapeError."""
    name, axis, sizes, _ = node.value
    row = CALLS[name]
    if not row.takes_axis:
        return row.build(*args)
    (a,) = args
    if axis is None:
        if ONE not in a.shape:
            raise ShapeError(
                f"`{name}` of a matrix goes down the rows or along the columns: add `axis=0` or "
                "`axis=1`."
            )
        axis = 0 if a.shape[1] == ONE else 1
    return row.build(a, *map(size, sizes), axis)
