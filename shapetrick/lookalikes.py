"""Look-alikes: arrangements of a line's factors that fit the declared shapes, and are not the
derivative.

The types of a line are composed of those of its operations: the target of one is the cotangent of
the next, so their dimensions are one and their units are equal. Which declared dimensions are
only accidentally equal, and which units don't cancel, is what makes a look-alike wrong; the
numbers confirm.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import product
from typing import NamedTuple

import numpy as np

from .arrangement import einsum
from .dims import ONE, Dim, Shape
from .expr import UNIT, Expr
from .fitting import Arranged
from .functions import Array
from .lengths import length
from .network import Edge, Term
from .results import Rejected
from .sampling import assignments
from .spelling import spell
from .units import NO_UNIT, Leg, Type, Unit, cancels, falls_apart, unit_sum

MOST = 2000  # arrangements that are looked at
SHOWN = 6
MOST_INDICES = 40  # np.einsum has no more letters
SAME = 1e-9  # relative error below which two arrangements are one


class _Place(NamedTuple):
    """A leg of a piece: its principal dimension, its unit, and the block that the rules put it
    in."""

    dim: int
    unit: Unit | None
    block: int


class Piece(NamedTuple):
    """A factor of a line, with the legs of its rows and columns."""

    expression: Expr
    rows: tuple[_Place, ...] = ()
    cols: tuple[_Place, ...] = ()

    @property
    def places(self) -> tuple[_Place, ...]:
        return self.rows + self.cols


class Path(NamedTuple):
    """The pieces of a line, and which dimensions, units and blocks its operations make equal."""

    pieces: tuple[Piece, ...] = ()
    target: Piece | None = None
    dims: tuple[tuple[int, int], ...] = ()
    blocks: tuple[tuple[int, int], ...] = ()
    units: tuple[tuple[Unit, Unit], ...] = ()
    fresh: int = 0

    @staticmethod
    def from_cotangent(cotangent: Expr) -> Path:
        """A line that starts with an upstream gradient."""
        return Path(pieces=(Piece(cotangent),))

    def extended(self, found: Arranged, factors: Sequence[Expr], argument: Expr) -> Path:
        """The line taken through one more operation; a transposed factor counts as the factor."""
        offset = self.fresh
        dims: dict[str, int] = {}
        blocks = iter(found.arrangement.blocks)

        def places(legs: tuple[Leg, ...]) -> tuple[_Place, ...]:
            return tuple(
                _Place(
                    dims.setdefault(leg.dim, offset + len(dims)),
                    None if leg.unit is None else tuple((v + offset, k) for v, k in leg.unit),
                    next(blocks) + offset,
                )
                for leg in legs
            )

        def piece(e: Expr, t: Type) -> Piece:
            rows, cols = places(t.rows), places(t.cols)
            return Piece(e.args[0], cols, rows) if e.op == "transpose" else Piece(e, rows, cols)

        upstream = piece(UNIT, found.types[0])
        new = [piece(f, t) for f, t in zip(factors, found.types[1:-1], strict=True)]
        rows, cols = places(found.types[-1].rows), places(found.types[-1].cols)
        target = Piece(argument, rows, cols)
        # More than the dimensions, units and blocks that one rule can have.
        span = 2 + 4 * sum(len(t.legs) for t in found.types)
        if self.target is None:
            first = [Piece(p.expression, upstream.rows, upstream.cols) for p in self.pieces]
            return Path((*first, *new), target, fresh=offset + span)
        pairs = list(zip(self.target.places, upstream.places, strict=True))
        return Path(
            (*self.pieces, *new),
            target,
            (*self.dims, *((a.dim, b.dim) for a, b in pairs)),
            (*self.blocks, *((a.block, b.block) for a, b in pairs)),
            (*self.units, *_equations(pairs)),
            offset + span,
        )  # fmt: skip


def _equations(pairs: Sequence[tuple[_Place, _Place]]) -> Iterator[tuple[Unit, Unit]]:
    for a, b in pairs:
        if a.unit is not None and b.unit is not None:
            yield a.unit, b.unit


class LookAlikes(NamedTuple):
    """How many arrangements fit the declared shapes (and whether all were counted), how many of
    them the principal shapes and units too, and some that fail."""

    fitting: int
    all_counted: bool
    typed: int
    rejected: tuple[Rejected, ...]


@dataclass(slots=True)
class _Legs:
    """All legs of a line, the target's last, numbered: what is known of each."""

    declared: list[Dim] = field(default_factory=list)
    principal: list[int] = field(default_factory=list)
    units: list[Unit | None] = field(default_factory=list)
    owner: list[int] = field(default_factory=list)
    solution: list[int] = field(default_factory=list)
    names: list[str] = field(default_factory=list)


def look_alikes(path: Path, shape: Shape, text: Callable[[Expr], str]) -> LookAlikes:
    """The arrangements of a line's factors that fit its declared shapes; `text` names the
    factors."""
    pieces = [p for p in path.pieces if p.places]
    if path.target is None or not path.target.places:
        return LookAlikes(1, True, 1, ())
    sides = [(p.expression.shape, p) for p in pieces] + [(shape, path.target)]
    if any(len(side) > 1 for _, p in sides for side in (p.rows, p.cols)):
        return LookAlikes(1, True, 1, ())  # fused sides: one reading only
    legs = _legs(path, sides, text)
    if len(set(legs.solution)) > MOST_INDICES:
        return LookAlikes(1, False, 1, ())
    glue = _uses_glue(legs, legs.solution)
    values = _Values(pieces, legs)
    truth = values.of(legs.solution)
    scale = float(np.max(np.abs(truth))) or 1.0
    fitting = typed = 0
    rejected: list[tuple[int, Rejected]] = []
    complete = True
    marks: set[bytes] = set()
    for count, blocks in enumerate(_partitions(legs, glue)):
        if count >= MOST:
            complete = False
            break
        value = values.of(blocks)
        mark = np.round(value / scale, 8).tobytes()
        if mark in marks:
            continue
        marks.add(mark)
        fitting += 1
        reason = _reason(legs, blocks)
        typed += not reason
        error = float(np.max(np.abs(value - truth))) / scale
        if error > SAME and len(rejected) < 20 * SHOWN:
            spelled = spell(_term(pieces, legs, blocks, path.target, shape))
            if spelled is not None:
                why = reason or "shapes and units fit: only the numbers say no"
                rejected.append((length(spelled), Rejected(spelled, error, why)))
    rejected.sort(key=lambda pair: pair[0])
    shown = tuple(r for _, r in rejected[:SHOWN])
    return LookAlikes(fitting, complete, typed, shown)


def _legs(path: Path, sides: Sequence[tuple[Shape, Piece]], text: Callable[[Expr], str]) -> _Legs:
    dims, blocks = _Classes(path.dims), _Classes(path.blocks)
    solved = _solve(path.units)
    legs = _Legs()
    for owner, (shape, piece) in enumerate(sides):
        declared = [d for d in shape if d != ONE]
        words = ["rows"] * len(piece.rows) + ["columns"] * len(piece.cols)
        last = owner == len(sides) - 1
        for dim, place, word in zip(declared, piece.places, words, strict=True):
            unit = None if place.unit is None else _substituted(place.unit, solved)
            legs.declared.append(dim)
            legs.principal.append(dims.of(place.dim))
            legs.units.append(unit_sum([unit], -1) if last else unit)
            legs.owner.append(owner)
            whose = "the result" if last else text(piece.expression)
            legs.names.append(f"the {word} of {whose}")
            legs.solution.append(blocks.of(place.block))
    order: dict[int, int] = {}
    legs.solution = [order.setdefault(b, len(order)) for b in legs.solution]
    return legs


class _Classes:
    """Which numbers are equal, from pairs (union–find)."""

    def __init__(self, pairs: Sequence[tuple[int, int]]) -> None:
        self._parent: dict[int, int] = {}
        for a, b in pairs:
            self._parent[self.of(a)] = self.of(b)

    def of(self, a: int) -> int:
        while a in self._parent and self._parent[a] != a:
            a = self._parent[a]
        return a


def _solve(equations: Sequence[tuple[Unit, Unit]]) -> dict[int, Unit]:
    """Variables expressed by others, so that both sides of every equation are equal. An equation
    in which no variable has exponent ±1 is left out: it can only make the types less strict."""
    solved: dict[int, Unit] = {}
    for left, right in equations:
        difference = _substituted(unit_sum([left, unit_sum([right], -1)]) or NO_UNIT, solved)
        pivot = next(((v, k) for v, k in difference if abs(k) == 1), None)
        if pivot is None:
            continue
        variable, k = pivot
        rest = tuple((v, -k * j) for v, j in difference if v != variable)
        solved = {v: _substituted(u, {variable: rest}) for v, u in solved.items()}
        solved[variable] = rest
    return solved


def _substituted(unit: Unit, solved: dict[int, Unit]) -> Unit:
    if not any(v in solved for v, _ in unit):
        return unit
    parts: list[Unit | None] = [((v, k),) for v, k in unit if v not in solved]
    parts += [tuple((w, k * j) for w, j in solved[v]) for v, k in unit if v in solved]
    return unit_sum(parts) or NO_UNIT


def _uses_glue(legs: _Legs, blocks: Sequence[int]) -> bool:
    return any(not _is_plain(legs, block) for block in _members(blocks))


def _members(blocks: Sequence[int]) -> list[list[int]]:
    groups: dict[int, list[int]] = {}
    for i, b in enumerate(blocks):
        groups.setdefault(b, []).append(i)
    return list(groups.values())


def _is_plain(legs: _Legs, block: Sequence[int]) -> bool:
    """Whether a block is of transposes and products alone: nothing summed, spread or on a
    diagonal."""
    owners = [legs.owner[i] for i in block]
    return len(block) > 1 and len(set(owners)) == len(owners)


def _partitions(legs: _Legs, glue: bool) -> Iterator[list[int]]:
    """The partitions of the legs into blocks of one declared dimension; without glue plain ones."""
    by_dim: dict[Dim, list[int]] = {}
    for i, d in enumerate(legs.declared):
        by_dim.setdefault(d, []).append(i)
    choices = [list(_split(places, legs, glue)) for places in by_dim.values()]
    for combination in product(*choices):
        blocks = [0] * len(legs.declared)
        for k, block in enumerate(b for partition in combination for b in partition):
            for i in block:
                blocks[i] = k
        yield blocks


def _split(places: Sequence[int], legs: _Legs, glue: bool) -> Iterator[list[tuple[int, ...]]]:
    blocks: list[list[int]] = []
    found = 0

    def extend(k: int) -> Iterator[list[tuple[int, ...]]]:
        nonlocal found
        if found > MOST:
            return
        if k == len(places):
            if glue or all(_is_plain(legs, b) for b in blocks):
                found += 1
                yield [tuple(b) for b in blocks]
            return
        for block in blocks:
            if glue or legs.owner[places[k]] not in {legs.owner[i] for i in block}:
                block.append(places[k])
                yield from extend(k + 1)
                block.pop()
        blocks.append([places[k]])
        yield from extend(k + 1)
        blocks.pop()

    yield from extend(0)


class _Values:
    """The values of arrangements at one draw in which the factors are independent."""

    def __init__(self, pieces: Sequence[Piece], legs: _Legs) -> None:
        rng = np.random.default_rng([len(legs.declared), 7])
        sizes = next(assignments(tuple(dict.fromkeys(legs.declared)), rng))
        self._sizes = [min(d.size(sizes), 7) for d in legs.declared]
        self._counts = [len(p.places) for p in pieces]
        drawn: dict[Expr, Array] = {}
        self._arrays = []
        at = 0
        for p in pieces:
            shape = self._sizes[at : at + len(p.places)]
            if p.expression not in drawn:
                drawn[p.expression] = rng.standard_normal(shape)
            self._arrays.append(drawn[p.expression])
            at += len(p.places)

    def of(self, blocks: Sequence[int]) -> Array:
        operands: list[object] = []
        at = 0
        for array, n in zip(self._arrays, self._counts, strict=True):
            operands += [array, list(blocks[at : at + n])]
            at += n
        sizes = dict(zip(blocks, self._sizes, strict=True))
        return np.asarray(einsum(operands, list(blocks[at:]), sizes))


def _reason(legs: _Legs, blocks: Sequence[int]) -> str:
    """Why the types refuse an arrangement, or nothing if they don't."""
    for block in _members(blocks):
        if len({legs.principal[i] for i in block}) > 1:
            one = block[0]
            other = next(i for i in block if legs.principal[i] != legs.principal[one])
            return (
                f"{legs.names[one]} and {legs.names[other]} are both {legs.declared[one]} only in "
                f"this problem"
            )
    for block in _members(blocks):
        units = [legs.units[i] for i in block]
        if not cancels(units):
            return "the shapes fit, but the units don't cancel"
        if falls_apart(units):
            return "it makes one index of two that nothing forces to be equal"
    return ""


def _term(
    pieces: Sequence[Piece], legs: _Legs, blocks: Sequence[int], target: Piece, shape: Shape
) -> Term:
    it = iter(blocks)
    edges = []
    for p in pieces:
        rows = tuple(next(it) for _ in p.rows)
        edges.append(Edge(p.expression, rows, tuple(next(it) for _ in p.cols)))
    rows = tuple(next(it) for _ in target.rows)
    cols = tuple(next(it) for _ in target.cols)
    dims = dict(zip(blocks, legs.declared, strict=True))
    return Term(Fraction(1), (), tuple(edges), dims, rows, cols)
