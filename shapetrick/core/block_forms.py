"""How products with constants of known structure are written: as slices, blocks and masks.

What `written` gives has nodes of kinds of its own, of which nothing is derived.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cmp_to_key
from typing import ClassVar, Literal, NamedTuple

from .cost import has_minus, length
from .dims import NOTHING, ONE, Dim, Shape
from .expr import (
    Add,
    Call,
    Expr,
    Eye,
    MatMul,
    Name,
    Number,
    Ones,
    Structured,
    StructureKind,
    Times,
    Transpose,
    add,
    eye,
    matmul,
    named,
    negate,
    node,
    node_class,
    ones,
    times,
    transpose,
    zeros,
)
from .structure import adds_up, factors_of, is_zero
from .structured import is_square_move, selects
from .traversal import postorder, rebuild, substitute

Action = Literal["flip", "cumsum", "lower", "upper", "shift"]
Bounds = tuple[Dim, Dim]  # the first and the last of the rows or columns that are taken


@node_class
class Part(Expr):
    """Rows and columns of a matrix, as it is written; None for all."""

    rows: Bounds | None
    cols: Bounds | None
    op: ClassVar[str] = "part"


@node_class
class BlockMatrix(Expr):
    """A block matrix as it is written: its parts row by row, so many in a row."""

    width: int
    op: ClassVar[str] = "block"


@node_class
class Acted(Expr):
    """A shift, a turn, a cumulative sum or a triangle as it is written: a function, what it is told
    beside its argument, and an axis."""

    function: Action
    by: Dim | None
    axis: int | None
    op: ClassVar[str] = "acted"


LONGEST = 4  # operations, over which a sum of constants is multiplied out


def is_plain(e: Expr) -> bool:
    """Whether nothing in it has a written form."""
    return not any(isinstance(x, Structured) for x in postorder([e], into=_inside))


def _inside(e: Expr) -> bool:
    return not isinstance(e, Name)


def written(root: Expr, shared: bool = False) -> Expr:
    """The expression with slices, blocks and masks in the place of structured constants, for
    people, or for what computes a `shared` part once.

    It is there to be written only: no derivative is taken of it."""
    if is_plain(root):
        return root
    root = _prepared(root, shared)
    new: dict[Expr, Expr] = {}
    for e in postorder([root], into=_inside):
        match e:
            case Structured():
                new[e] = _alone(e)
            case MatMul():
                new[e] = _product(e.args, new)
            case Times():
                new[e] = _masked(e.args, new)
            case Add():
                new[e] = _sum(e, new)
            case Name():
                new[e] = e
            case _:
                new[e] = rebuild(e, [new[a] for a in e.args])
    return new[root]


def written_through(roots: Sequence[Expr]) -> list[Expr]:
    """The expressions likewise with the bodies of their definitions, for what computes them."""
    if not any(isinstance(x, Structured) for x in postorder(roots)):
        return list(roots)
    bodies: dict[Expr, Expr] = {}
    for e in postorder(roots):
        if isinstance(e, Name):
            body = written(substitute(e.args[0], bodies), shared=True)
            bodies[e] = named(e.name, body)
    return [
        bodies[e] if e in bodies else written(substitute(e, bodies), shared=True) for e in roots
    ]


def _prepared(root: Expr, shared: bool) -> Expr:
    """The expression with the sums of selections as products, and sums of constants multiplied
    out."""
    new: dict[Expr, Expr] = {}
    for e in postorder([root], into=_inside):
        if isinstance(e, Name):
            new[e] = e
            continue
        x = new[e] = rebuild(e, [new[a] for a in e.args])
        if isinstance(x, Call) and adds_up(x) and isinstance(x.args[0], Structured):
            if x.data == 0 and (selects(x.args[0]) or _counts(x.args[0], "upper")):
                new[e] = matmul(ones(ONE, x.args[0].shape[0]), x.args[0])
            elif x.data == 1 and (selects(transpose(x.args[0])) or _counts(x.args[0], "lower")):
                new[e] = matmul(x.args[0], ones(x.args[0].shape[1]))
        elif isinstance(x, Transpose) and isinstance(x.args[0], MatMul):
            if any(isinstance(a, Structured) for a in x.args[0].args):
                new[e] = matmul(*map(transpose, reversed(x.args[0].args)))
        elif isinstance(x, MatMul):
            new[e] = _multiplied_out(x, shared)
    return new[root]


def _counts(e: Structured, pattern: StructureKind) -> bool:
    """Whether it is this square triangle, whose sums are the numbers from 1 on."""
    return e.pattern == pattern and e.shape[0] == e.shape[1]


def _multiplied_out(e: MatMul, shared: bool) -> Expr:
    """A product with its sums of constants multiplied out over what is short, and parts of blocks
    put where the blocks are put."""
    args = list(e.args)
    i = len(args) - 1
    while i >= 0 and len(args) > 1:
        a = args[i]
        whole = isinstance(a, Add) and all(b.shape == a.shape for b in a.args)
        if whole and not all(map(_is_constant, args)):
            rest = args[i + 1 :] or args[:i]
            if all(map(_is_constant, a.args)):
                short = shared or sum(map(length, rest)) + len(rest) - 1 <= LONGEST
            else:
                rest = args
                short = _is_put(args, i) or (not shared and _is_short_row(args, i))
            if short and rest is args:
                return _distributed(args[:i], a, args[i + 1 :])
            if short and i < len(args) - 1:
                args[i:] = [_distributed([], a, rest)]
            elif short:
                args = [_distributed(rest, a, [])]
        i -= 1
    return matmul(*args)


def _is_put(args: Sequence[Expr], i: int) -> bool:
    """Whether a sum of parts of a block matrix is put somewhere in a larger one."""
    others = [*args[:i], *args[i + 1 :]]
    is_put = selects(transpose(args[0])) or selects(args[-1])
    if not is_put or not all(isinstance(a, Structured) for a in others):
        return False
    ends = [_ends(a) for a in args[i].args]
    return any(selects(transpose(first)) or selects(last) for first, last in ends)


def _is_short_row(args: Sequence[Expr], i: int) -> bool:
    """Whether it is `X' [A, B]`, which is written `[X' A, X' B]`."""
    if len(args) != 2 or len(args[i].args) != 2 or length(args[1 - i]) > 1:
        return False
    if any(length(a) > 2 for a in args[i].args):  # the product with a constant, and what is put
        return False
    ends = [_ends(a) for a in args[i].args]
    return all(selects(last) if i else selects(transpose(first)) for first, last in ends)


def _ends(e: Expr) -> tuple[Expr, Expr]:
    """The first and the last factor of a product."""
    _, larger = _scalars_apart(e)
    inner = larger[0] if len(larger) == 1 else e
    return (inner.args[0], inner.args[-1]) if isinstance(inner, MatMul) else (inner, inner)


def _distributed(before: Sequence[Expr], a: Expr, after: Sequence[Expr]) -> Expr:
    """The product of a sum with others, multiplied out, scalars in front."""
    found = []
    for b in a.args:
        scalars, larger = _scalars_apart(b)
        is_one = len(larger) == 1 and isinstance(larger[0], Eye)
        middle = [] if is_one else [times(*larger)]
        found.append(times(*scalars, matmul(*before, *middle, *after)))
    return add(*found)


def _is_constant(e: Expr) -> bool:
    """Whether it is made of structured constants and identities, times scalars."""
    if isinstance(e, Add):
        return all(map(_is_constant, e.args))
    _, larger = _scalars_apart(e)
    return len(larger) == 1 and isinstance(larger[0], (Structured, Eye))


def _scalars_apart(e: Expr) -> tuple[list[Expr], list[Expr]]:
    """The scalars of an element-wise product, and its other factors."""
    factors = factors_of(e)
    return [a for a in factors if a.is_scalar], [a for a in factors if not a.is_scalar]


def part(a: Expr, rows: Bounds | None, cols: Bounds | None) -> Expr:
    """A part of a matrix, as it is written."""
    if rows is None and cols is None:
        return a
    shape = tuple(
        d if b is None else b[1] - b[0] + ONE for d, b in zip(a.shape, (rows, cols), strict=True)
    )
    if isinstance(a, Transpose):
        return transpose(part(a.args[0], cols, rows))
    if (
        isinstance(a, Part)
        and (a.rows is None or rows is None)
        and (a.cols is None or cols is None)
    ):
        return part(a.args[0], a.rows or rows, a.cols or cols)
    return node(Part, (a,), shape, rows, cols)  # type: ignore[arg-type]


def acted(function: Action, a: Expr, axis: int | None = None, by: Dim | None = None) -> Expr:
    """A function of a matrix that keeps its shape, as it is written."""
    return node(Acted, (a,), a.shape, function, by, axis)


def _reversed_sums(a: Expr, axis: int) -> Expr:
    return acted("flip", acted("cumsum", acted("flip", a, axis), axis), axis)


def _alone(e: Structured) -> Expr:
    """A constant where nothing is beside it."""
    rows, cols = e.shape
    if e.pattern == "lower" or e.pattern == "upper":
        return acted(e.pattern, ones(rows, cols))
    if e.pattern == "turned":
        return acted("flip", eye(rows), 0)
    if selects(e):
        return part(eye(cols), _bounds(e), None)
    if selects(transpose(e)):
        return part(eye(rows), None, _bounds(transpose(e)))
    if rows == cols:
        return acted("shift", eye(rows), 0, -e.offset)
    size = rows + cols  # a part of what is moved
    return part(acted("shift", eye(size), 0, -e.offset), (ONE, rows), (ONE, cols))


def _bounds(e: Expr) -> Bounds:
    """The rows that a selection selects."""
    assert isinstance(e, Structured)
    return e.offset + ONE, e.offset + e.shape[0]


def _product(args: Sequence[Expr], new: dict[Expr, Expr]) -> Expr:
    """A product: its slices attached to their neighbours, what is left at its ends around it."""
    found = _placement(matmul(*args), new)
    return _chain(args, new) if found is None else _placed([found], found.down, found.right)


def _padding(e: Expr) -> _PlaceInBlock | None:
    """Where rows are put by a constant that stands in front."""
    turned = transpose(e) if isinstance(e, Structured) else e
    if not isinstance(turned, Structured) or not selects(turned):
        return None
    return _PlaceInBlock(turned.offset, turned.shape[0], turned.shape[1])


def _chain(args: Sequence[Expr], new: dict[Expr, Expr]) -> Expr:
    """A product in which each constant acts on a neighbour, the one behind it first."""
    if not any(isinstance(a, Structured) for a in args):
        return matmul(*(new[a] for a in args)) if len(args) > 1 else new[args[0]]
    done: list[Expr] = []  # from the end
    for i in range(len(args) - 1, -1, -1):
        a = args[i]
        if isinstance(a, Structured) and done and selects(a):
            done[-1] = part(done[-1], _bounds(a), None)
        elif isinstance(a, Structured) and done and not selects(transpose(a)):
            found = _acting(a, done[-1])
            done[-1:] = [new[a], done[-1]][::-1] if found is None else [found]
        elif isinstance(a, Structured) and i > 0 and not isinstance(args[i - 1], Structured):
            done.append(a)  # waits for what is in front of it
        else:
            done.append(new[a])
        if len(done) > 1 and not isinstance(a, Structured):
            waiting = done[-2]
            if isinstance(waiting, Structured):
                done[-2:] = [_acting_behind(waiting, done[-1], new)]
    return matmul(*done[::-1]) if len(done) > 1 else done[0]


def _acting(a: Structured, x: Expr) -> Expr | None:
    """A constant in front of a matrix."""
    match a.pattern:
        case "turned":
            return acted("flip", x, 0)
        case "moved":
            return acted("shift", x, 0, -a.offset) if is_square_move(a) else None
        case "lower":
            return acted("cumsum", x, 0) if a.shape[0] == a.shape[1] else None
        case "upper":
            return _reversed_sums(x, 0) if a.shape[0] == a.shape[1] else None


def _acting_behind(a: Structured, x: Expr, new: dict[Expr, Expr]) -> Expr:
    """A constant behind a matrix."""
    if selects(transpose(a)):
        return part(x, None, _bounds(transpose(a)))
    if a.pattern == "turned":
        return acted("flip", x, 1)
    if a.shape[0] == a.shape[1]:
        if a.pattern == "moved":
            return acted("shift", x, 1, a.offset)
        return acted("cumsum", x, 1) if a.pattern == "upper" else _reversed_sums(x, 1)
    return matmul(x, new[a])


def _masked(args: Sequence[Expr], new: dict[Expr, Expr]) -> Expr:
    """An element-wise product: triangles of what they mask; a scalar where it is put."""
    masks = [a for a in args if isinstance(a, Structured) and a.pattern in ("lower", "upper")]
    rest = [a for a in args if a not in masks]
    kept = times(*(new[a] for a in rest))
    fits = [a for a in masks if a.shape == kept.shape]
    if fits:
        scalars = [new[a] for a in rest if a.is_scalar]
        inner = times(*(new[a] for a in rest if not a.is_scalar))
        for mask in fits:
            inner = acted("lower" if mask.pattern == "lower" else "upper", inner)
        return times(*scalars, inner, *(new[a] for a in masks if a not in fits))
    found = _placement(times(*args), new)
    if found is not None and found.core.is_scalar:
        return _placed([found], found.down, found.right)
    return times(*(new[a] for a in args))


# ------------------------------------------------------------------------------------------- blocks


class _PlaceInBlock(NamedTuple):
    """Where rows (or columns) are put: behind how many, how many, among how many."""

    offset: Dim
    size: Dim
    total: Dim

    @property
    def end(self) -> Dim:
        return self.offset + self.size


class _PlacedPart(NamedTuple):
    """A summand that is put somewhere in a larger matrix; None where it fills all of a side."""

    down: _PlaceInBlock | None
    right: _PlaceInBlock | None
    core: Expr


def _placement(e: Expr, new: dict[Expr, Expr]) -> _PlacedPart | None:
    """A summand as a part of a block matrix, if it is one."""
    scalars, larger = _scalars_apart(e)
    if len(larger) != 1:
        return None
    values = list(larger[0].args if isinstance(larger[0], MatMul) else larger)
    down, right = _padding(values[0]), None
    if down is not None:
        values = values[1:]
    if values:
        right = _padding(transpose(values[-1]))
        values = values[:-1] if right is not None else values
    if down is None and right is None:
        return None
    size = (down or right or _PlaceInBlock(ONE, ONE, ONE)).size
    core = _chain(values, new) if values else eye(size)
    return _PlacedPart(down, right, times(*(new[a] for a in scalars), core))


def _spread(found: _PlacedPart, shape: Shape) -> _PlacedPart:
    """A part that is constant along a side, as large as that side of the sum that it is in."""
    core = found.core
    for axis, (place, size) in enumerate(zip((found.down, found.right), shape, strict=True)):
        if place is None and core.shape[axis] != size:
            sides = (size, core.shape[1]) if axis == 0 else (core.shape[0], size)
            core = ones(*sides) if isinstance(core, (Ones, Number)) else times(core, ones(*sides))
    return found._replace(core=core)


def _sum(e: Add, new: dict[Expr, Expr]) -> Expr:
    """A sum: what is put in different places is one block matrix."""
    groups: list[list[_PlacedPart]] = []
    order: list[Expr | list[_PlacedPart]] = []
    for a in e.args:
        found = _placement(a, new)
        if found is None:
            order.append(new[a])
            continue
        found = _spread(found, e.shape)
        group = next((g for g in groups if _fits(found, g)), None)
        if group is None:
            group = []
            groups.append(group)
            order.append(group)
        group.append(found)
    parts = [_placed(x, x[0].down, x[0].right) if isinstance(x, list) else x for x in order]
    return add(*parts)


def _fits(found: _PlacedPart, group: Sequence[_PlacedPart]) -> bool:
    """Whether a part stands beside, or exactly upon, all that are in a block matrix."""
    first = group[0]
    if any((a is None) != (b is None) for a, b in zip(found[:2], first[:2], strict=True)):
        return False
    return all(_apart(found.down, g.down) and _apart(found.right, g.right) for g in group)


def _apart(a: _PlaceInBlock | None, b: _PlaceInBlock | None) -> bool:
    """Whether two places are one, or do not meet."""
    if a is None or b is None or a == b:
        return True
    return (b.offset - a.end).is_at_least(0) or (a.offset - b.end).is_at_least(0)


def _placed(
    group: Sequence[_PlacedPart], down: _PlaceInBlock | None, right: _PlaceInBlock | None
) -> Expr:
    """The block matrix of parts that fit."""
    if down is None and right is None:
        return group[0].core
    heights: list[_PlaceInBlock | None] = [*_cuts([g.down for g in group if g.down is not None])]
    widths: list[_PlaceInBlock | None] = [*_cuts([g.right for g in group if g.right is not None])]
    cells: list[Expr] = []
    for row in heights or [None]:
        for col in widths or [None]:
            here = [g.core for g in group if g.down == row and g.right == col]
            rows = row.size if row is not None else group[0].core.shape[0]
            cols = col.size if col is not None else group[0].core.shape[1]
            cells.append(add(*here) if here else zeros(rows, cols))
    filled = [c for c in cells if not is_zero(c)]
    if filled and all(map(has_minus, filled)):
        return negate(block([c if is_zero(c) else negate(c) for c in cells], len(widths) or 1))
    return block(cells, len(widths) or 1)


def block(cells: Sequence[Expr], width: int) -> Expr:
    """A block matrix of parts row by row, as it is written."""
    rows = sum((c.shape[0] for c in cells[::width]), NOTHING)
    cols = sum((c.shape[1] for c in cells[:width]), NOTHING)
    return node(BlockMatrix, tuple(cells), (rows, cols), width)


def _cuts(places: Sequence[_PlaceInBlock]) -> Iterator[_PlaceInBlock]:
    """The places in order, with those between them that are empty."""

    def later(a: _PlaceInBlock, b: _PlaceInBlock) -> int:
        return -1 if (b.offset - a.end).is_at_least(0) else 1

    at = NOTHING
    for place in sorted(dict.fromkeys(places), key=cmp_to_key(later)):
        if place.offset != at:
            yield _PlaceInBlock(at, place.offset - at, place.total)
        yield place
        at = place.end
    if places and at != places[0].total:
        yield _PlaceInBlock(at, places[0].total - at, places[0].total)
