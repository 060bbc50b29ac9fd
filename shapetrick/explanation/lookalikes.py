"""Look-alikes: arrangements of a line's factors that fit the declared shapes, and are not the
derivative.

The types of a line are composed of those of its operations: the target of one is the cotangent of
the next, so their dimensions are one and their units are equal. Which declared dimensions are
only accidentally equal, and which units don't cancel, is what makes a look-alike wrong; the
numbers confirm.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from itertools import islice, permutations, product

import numpy as np

from ..algebra.extraction import spell
from ..algebra.index_terms import Edge, Nodes, Term, read_terms
from ..core.cost import length
from ..core.dims import ONE, Dim, Shape
from ..core.expr import UNIT, Expr, Number, Symbol, Transpose, symbol
from ..core.functions import Array
from ..core.named_tuples import NamedTuple
from ..core.results import FactorSide, Rejected, TriedArrangement
from ..core.traversal import Classes
from ..derivation.arrangements import Blocks, canonical, einsum, members, partitions
from ..derivation.fitting import Arranged
from ..derivation.principal_types import NO_UNIT, Leg, Type, Unit, cancels, falls_apart, unit_sum
from ..numerics.sampling import Profile, assignments, draw

MOST = 1000  # arrangements that are looked at
MOST_SIDES = 20_000  # in all of them
SHOWN = 6
MOST_SPELLED = 30  # of which the shortest are shown, with the line's kinds of product first
MOST_INDICES = 40  # np.einsum has no more letters
SAME = 1e-9  # relative error below which two arrangements are one
MOST_PAIRINGS = 720  # of equal factors with the places that they may have in a line


class _LegPlace(NamedTuple):
    """A leg of a piece: its principal dimension, its unit, and the block that the rules put it
    in."""

    dim: int
    unit: Unit | None
    block: int


class LineFactor(NamedTuple):
    """A factor of a line, with the legs of its rows and columns."""

    expression: Expr
    rows: tuple[_LegPlace, ...] = ()
    cols: tuple[_LegPlace, ...] = ()

    @property
    def places(self) -> tuple[_LegPlace, ...]:
        return self.rows + self.cols


class ComposedLine(NamedTuple):
    """The pieces of a line, and which dimensions, units and blocks its operations make equal."""

    pieces: tuple[LineFactor, ...] = ()
    target: LineFactor | None = None
    dims: tuple[tuple[int, int], ...] = ()
    blocks: tuple[tuple[int, int], ...] = ()
    units: tuple[tuple[Unit, Unit], ...] = ()
    fresh: int = 0
    is_fused: bool = False  # a side of two dimensions in one operation, of one in another

    def extended(self, found: Arranged, factors: Sequence[Expr], argument: Expr) -> ComposedLine:
        """The line taken through one more operation; a transposed factor counts as the factor."""
        offset = self.fresh
        dims: dict[str, int] = {}
        blocks = iter(found.arrangement.blocks)

        def places(legs: tuple[Leg, ...]) -> tuple[_LegPlace, ...]:
            return tuple(
                _LegPlace(
                    dims.setdefault(leg.dim, offset + len(dims)),
                    None if leg.unit is None else tuple((v + offset, k) for v, k in leg.unit),
                    next(blocks) + offset,
                )
                for leg in legs
            )

        def piece(e: Expr, t: Type) -> LineFactor:
            rows, cols = places(t.rows), places(t.cols)
            return (
                LineFactor(e.args[0], cols, rows)
                if isinstance(e, Transpose)
                else LineFactor(e, rows, cols)
            )

        upstream = piece(UNIT, found.types[0])
        new = [piece(f, t) for f, t in zip(factors, found.types[1:-1], strict=True)]
        rows, cols = places(found.types[-1].rows), places(found.types[-1].cols)
        target = LineFactor(argument, rows, cols)
        # More than the dimensions, units and blocks that one rule can have.
        span = 2 + 4 * sum(len(t.legs) for t in found.types)
        if self.target is None:
            first = [LineFactor(p.expression, upstream.rows, upstream.cols) for p in self.pieces]
            return ComposedLine((*first, *new), target, fresh=offset + span)
        met = [
            (self.target.rows, upstream.rows),
            (self.target.cols, upstream.cols),
        ]
        pairs = [pair for ours, theirs in met for pair in zip(ours, theirs, strict=False)]
        return ComposedLine(
            (*self.pieces, *new),
            target,
            (*self.dims, *((a.dim, b.dim) for a, b in pairs)),
            (*self.blocks, *((a.block, b.block) for a, b in pairs)),
            (*self.units, *_equations(pairs)),
            offset + span,
            self.is_fused or any(len(ours) != len(theirs) for ours, theirs in met),
        )  # fmt: skip


def _equations(pairs: Sequence[tuple[_LegPlace, _LegPlace]]) -> Iterator[tuple[Unit, Unit]]:
    for a, b in pairs:
        if a.unit is not None and b.unit is not None:
            yield a.unit, b.unit


class LookAlikes(NamedTuple):
    """What a `Line` says of its look-alikes: how many arrangements fit the declared shapes (and
    whether all were counted), how many of them the principal shapes and units too, and some that
    fail; the sides, by whose types they do, and all that were tried, where all ways are transposes
    and products."""

    fitting: int
    all_counted: bool
    typed: int
    rejected: tuple[Rejected, ...]
    sides: tuple[FactorSide, ...] = ()
    tried: tuple[TriedArrangement, ...] = ()


def look_alikes(
    path: ComposedLine, shape: Shape, text: Callable[[Expr], str], symmetric: Callable[[Expr], bool]
) -> LookAlikes:
    """The arrangements of a line's factors that fit its declared shapes; `text` names the
    factors, and `symmetric` says which equal their transposes."""
    if path.target is None or not path.target.places:
        return LookAlikes(1, True, 1, ())
    if path.is_fused or any(
        len(side) > 1 for p in (*path.pieces, path.target) for side in (p.rows, p.cols)
    ):
        return LookAlikes(1, True, 1, ())  # fused sides: one reading only
    sides = _sides(path, path.target, shape, text)
    solution = _solution(path, path.target)
    if any(len({sides[i].declared for i in block}) > 1 for block in members(solution)):
        return LookAlikes(1, True, 1, ())  # a fused side of one rule is split otherwise by another
    if len(set(solution)) > MOST_INDICES:
        return LookAlikes(1, False, 1, (), sides)
    pieces = [p for p in path.pieces if p.places]
    glue = _uses_glue(sides, solution)
    values = _Values(pieces, sides, symmetric)
    truth = values.of(solution)
    scale = float(np.max(np.abs(truth))) or 1.0
    kinds = _kinds_of_product(solution)
    rejected: list[tuple[bool, Blocks, float, str]] = []
    complete = True
    most = min(MOST, MOST_SIDES // len(sides))
    tried: list[TriedArrangement] = []
    seen: dict[bytes, TriedArrangement] = {}
    typed: set[bytes] = set()
    for count, blocks in enumerate(_partitions(sides, glue)):
        if count >= most:
            complete = False
            break
        value = values.of(blocks)
        mark = np.round(value / scale, 8).tobytes()
        reason = _reason(sides, blocks)
        if not reason:
            typed.add(mark)
        if mark in seen:
            tried.append(seen[mark]._replace(blocks=canonical(blocks)))
            continue
        error = float(np.max(np.abs(value - truth))) / scale
        is_wrong = error > SAME
        seen[mark] = TriedArrangement(
            canonical(blocks), error if is_wrong else 0.0, reason or UNTYPED if is_wrong else ""
        )
        tried.append(seen[mark])
        if is_wrong:
            other = _kinds_of_product(blocks) != kinds
            rejected.append((other, blocks, error, reason or UNTYPED))
    rejected.sort(key=lambda r: r[0])
    spelled: dict[Expr, tuple[bool, int, Rejected]] = {}
    for other, blocks, error, reason in rejected[:MOST_SPELLED]:
        e = spell(_term(pieces, sides, blocks, path.target))
        if e is not None:
            spelled.setdefault(e, (other, length(e), Rejected(e, error, reason)))
    shown = tuple(r for *_, r in sorted(spelled.values(), key=lambda r: r[:2])[:SHOWN])
    known = tuple(tried) if complete and not glue else ()
    return LookAlikes(len(seen), complete, len(typed), shown, sides, known)


UNTYPED = "shapes and units fit: only the numbers say no"


def objection(e: Expr, factors: Sequence[Expr], sides: Sequence[FactorSide]) -> str | None:
    """Why the types refuse an expression in a line's factors, `UNTYPED` if they don't; None if it
    isn't one product of all of them, each once."""
    factors = [f for f in factors if not f.is_scalar]
    terms = read_terms(e)
    if not sides or terms is None or len(terms) != 1:
        return None
    first = ""
    for blocks in islice(_readings(terms[0], factors, sides), MOST_PAIRINGS):
        reason = _reason(sides, blocks)
        if not reason:
            return UNTYPED
        first = first or reason
    return first or None


def _readings(
    term: Term, factors: Sequence[Expr], sides: Sequence[FactorSide]
) -> Iterator[list[int]]:
    """The partitions of a line's sides that a term may be: equal factors could be either."""
    owners: dict[Expr, list[int]] = {}
    for owner in dict.fromkeys(side.owner for side in sides if side.owner < len(factors)):
        owners.setdefault(factors[owner], []).append(owner)
    found: dict[Expr, list[Nodes]] = {}
    for edge in term.edges:
        k = edge.exponent.value if isinstance(edge.exponent, Number) else 0
        if k not in range(1, len(factors) + 1):
            return
        found.setdefault(edge.atom, []).extend([edge.nodes] * int(k))
    counts = {e: len(places) for e, places in found.items()}
    if counts != {e: len(places) for e, places in owners.items()}:
        return
    for chosen in product(*(permutations(found[e]) for e in owners)):
        nodes = {
            owner: nodes
            for places, each in zip(owners.values(), chosen, strict=True)
            for owner, nodes in zip(places, each, strict=True)
        }
        nodes[len(factors)] = term.open_nodes
        queues = {owner: iter(each) for owner, each in nodes.items()}
        blocks = [next(queues[side.owner], -1) for side in sides]
        if -1 not in blocks:
            yield blocks


def _sides(
    path: ComposedLine, target: LineFactor, shape: Shape, text: Callable[[Expr], str]
) -> tuple[FactorSide, ...]:
    """The sides of a line's factors, and of what they are arranged to."""
    dims = Classes(path.dims)
    solved = _solve(path.units)
    sides = []
    pieces = [piece for piece in path.pieces if piece.places]
    for owner, piece in enumerate((*pieces, target)):
        last = piece is target
        whose = "the result" if last else text(piece.expression)
        declared = [d for d in (shape if last else piece.expression.shape) if d != ONE]
        words = ["rows"] * len(piece.rows) + ["columns"] * len(piece.cols)
        for dim, place, word in zip(declared, piece.places, words, strict=bool(piece.places)):
            unit = None if place.unit is None else _substituted(place.unit, solved)
            unit = unit_sum([unit], -1) if last else unit
            name = f"the {word} of {whose}"
            sides.append(FactorSide(owner, name, dim, dims.of(place.dim), unit))
    return tuple(sides)


def _solution(path: ComposedLine, target: LineFactor) -> list[int]:
    """The blocks in which the rules put the sides."""
    blocks = Classes(path.blocks)
    found = [blocks.of(p.block) for piece in (*path.pieces, target) for p in piece.places]
    order: dict[int, int] = {}
    return [order.setdefault(b, len(order)) for b in found]


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


def _uses_glue(sides: Sequence[FactorSide], blocks: Sequence[int]) -> bool:
    return any(not _is_plain(sides, block) for block in members(blocks))


def _kinds_of_product(blocks: Sequence[int]) -> list[int]:
    """How many sides meet in each block: the same where the kinds of product are."""
    return sorted(Counter(blocks).values())


def _is_plain(sides: Sequence[FactorSide], block: Sequence[int]) -> bool:
    """Whether a block is of transposes and products alone: nothing summed, spread or on a
    diagonal."""
    owners = [sides[i].owner for i in block]
    return len(block) > 1 and len(set(owners)) == len(owners)


def _partitions(sides: Sequence[FactorSide], glue: bool) -> Iterator[Blocks]:
    """The partitions of the legs into blocks of one declared dimension; without glue plain ones."""

    def joins(block: Sequence[int], i: int) -> bool:
        return glue or sides[i].owner not in {sides[j].owner for j in block}

    def stands(block: Sequence[int]) -> bool:
        return glue or _is_plain(sides, block)

    return partitions([side.declared for side in sides], joins, stands, MOST + 1)


class _Values:
    """The values of arrangements at one draw in which the factors are independent, and have their
    attributes."""

    def __init__(
        self,
        pieces: Sequence[LineFactor],
        sides: Sequence[FactorSide],
        symmetric: Callable[[Expr], bool],
    ) -> None:
        rng = np.random.default_rng([len(sides), 7])
        sizes = next(assignments(tuple(dict.fromkeys(side.declared for side in sides)), rng))
        self._sizes = [min(side.declared.size(sizes), 7) for side in sides]
        self._counts = [len(p.places) for p in pieces]
        drawn: dict[Expr, Array] = {}
        self._arrays = []
        at = 0
        for p in pieces:
            shape = self._sizes[at : at + len(p.places)]
            if p.expression not in drawn:
                drawn[p.expression] = _drawn(p.expression, shape, symmetric, rng)
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


def _drawn(
    e: Expr, shape: Sequence[int], symmetric: Callable[[Expr], bool], rng: np.random.Generator
) -> Array:
    """Values for a factor with sides of these lengths."""
    if isinstance(e, Symbol) and e.attributes:
        lengths = iter(shape)
        rows, cols = (ONE if dim == ONE else Dim.of(next(lengths)) for dim in e.shape)
        like = symbol(e.name, (rows, cols), e.attributes)
        return draw(like, {}, rng, Profile(boosted=False)).reshape(shape)
    values = rng.standard_normal(shape)
    return values + values.T if symmetric(e) else values


def _reason(sides: Sequence[FactorSide], blocks: Sequence[int]) -> str:
    """Why the types refuse an arrangement, or nothing if they don't."""
    for block in members(blocks):
        one, *others = (sides[i] for i in block)
        other = next((side for side in others if side.principal != one.principal), None)
        if other is not None:
            both = f"{one.name} and {other.name}"
            return f"{both} count different things, both {one.declared} only here"
    for block in members(blocks):
        units = [sides[i].unit for i in block]
        if not cancels(units):
            return "the shapes fit, but the units don't cancel"
        if falls_apart(units):
            return "it makes one index of two that nothing forces to be equal"
    return ""


def _term(
    pieces: Sequence[LineFactor],
    sides: Sequence[FactorSide],
    blocks: Sequence[int],
    target: LineFactor,
) -> Term:
    it = iter(blocks)
    edges = []
    for p in pieces:
        rows = tuple(next(it) for _ in p.rows)
        edges.append(Edge(p.expression, rows, tuple(next(it) for _ in p.cols)))
    rows = tuple(next(it) for _ in target.rows)
    cols = tuple(next(it) for _ in target.cols)
    dims = dict(zip(blocks, (side.declared for side in sides), strict=True))
    return Term(Fraction(1), (), tuple(edges), dims, rows, cols)
