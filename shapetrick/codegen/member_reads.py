"""The parts of a family's array that indices with running letters are: slices, windows, diagonals.

Where an index may leave what a family runs over, the array is padded with zeros first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import field

from ..core.dims import NOTHING, ONE, Dim
from ..core.errors import RequestError
from ..core.expr import Symbol
from ..core.families import MemberBox, around, box_of, extent_of, is_inside
from ..core.indices import Index, Range, dim_of
from ..core.named_tuples import NamedTuple
from ..core.records import dataclass
from ..core.traversal import strong_components
from .axes import Axes, NamedArray
from .ir import Value

LetterRanges = tuple[Range, ...]  # the ranges of the letters that run
Slice = tuple[Dim, Dim, int]  # from where, to where, by what step
PlacedPiece = tuple[MemberBox, Value]  # members, and the array of them


@dataclass(slots=True)
class Family:
    """Where the members of a family are: in arrays for boxes of them, or, along the axes that are
    `keys`, one by one under a name: then `inside` is the box of the other axes. Of a part that a
    step of a loop has made, there is the value alone."""

    name: str
    keys: tuple[int, ...] = ()
    pieces: list[PlacedPiece] = field(default_factory=list)
    padded: frozenset[int] = frozenset()
    inside: MemberBox = ((), ())
    part: Value | None = None

    @property
    def box(self) -> MemberBox:
        """From the first to the last member that is in arrays."""
        return around([box for box, _ in self.pieces])


class _AxisRead(NamedTuple):
    """An index along an axis that has the members from `first` on to `last`."""

    at: Index
    running: tuple[Range, ...]  # of its letters
    low: Index  # of all that it is
    high: Index
    first: Index
    last: Index
    padded: bool

    @property
    def before(self) -> Dim:
        """How many members are missing before the first one, at most."""
        return self._missing(self.first, self.low)

    @property
    def behind(self) -> Dim:
        return self._missing(self.high, self.last)

    def _missing(self, a: Index, b: Index) -> Dim:
        ahead = dim_of(a.minus(b))
        if (-ahead).is_at_least(0) or not (self.running or self.padded):
            return NOTHING
        if ahead.is_at_least(0):
            return ahead
        return Dim(tuple(term for term in ahead.terms if term[1] > 0))


@dataclass(frozen=True, slots=True)
class Reading:
    """Reads members where letters run; `letter` is the axis of one."""

    axes: Axes
    scope: LetterRanges
    letter: Callable[[Range], str]

    def picked(self, family: Family, e: Symbol, sides: Sequence[str]) -> NamedArray:
        """The members that a symbol is, whose own axes are `sides`."""
        indices = [i for k, i in enumerate(e.indices) if k not in family.keys]
        padded = [k in family.padded for k in range(len(e.indices)) if k not in family.keys]
        lead: list[str] = []
        if family.keys:
            moving = self._moving_keys(family, e)
            v, lead = self._stacked(family, e, moving, sides)
            ends = zip(box_of(moving, self.scope), family.inside, strict=True)
            first, last = ((*along, *inside) for along, inside in ends)
            box, indices = (first, last), [*moving, *indices]
            padded = [*[False] * len(moving), *padded]
        else:
            v, box = self._piece(family, e)
        reads = [
            self._axis(i, first, last, pad)
            for i, first, last, pad in zip(indices, *box, padded, strict=True)
        ]
        v = self._padded(v, len(lead), reads)
        v = self._selected(v, len(lead), reads)
        return self._opened(v, lead, [r for r in reads if r.running], sides)

    def _axis(self, i: Index, first: Index, last: Index, padded: bool) -> _AxisRead:
        running = tuple(r for r in self.scope if r.letter in i.terms)
        return _AxisRead(i, running, *i.ends(self.scope), first, last, padded)

    # ---- where the members are

    def _piece(self, family: Family, e: Symbol) -> tuple[Value, MemberBox]:
        """The array that has the members, and which others."""
        box = box_of(e.indices, self.scope)
        for own, v in family.pieces:
            if is_inside(box, own):
                return v, own
        return assembled(self.axes, family.pieces), family.box

    def _moving_keys(self, family: Family, e: Symbol) -> list[Index]:
        """The indices along keys in which several letters run: `t-k`."""
        keys = [e.indices[k] for k in family.keys] if family.part is None else []
        return [i for i in keys if sum(r.letter in i.terms for r in self.scope) > 1]

    def _stacked(
        self, family: Family, e: Symbol, moving: Sequence[Index], sides: Sequence[str]
    ) -> tuple[Value, list[str]]:
        """The members that were computed one by one, with an axis for each letter that runs, and
        for each index in which several do."""
        if family.part is not None:
            return family.part, []
        keys = [e.indices[k] for k in family.keys]
        letters = [t for i in keys if i not in moving for t in i.terms]
        running = [r for r in self.scope if r.letter in letters]
        along: list[Range] = []
        for i in moving:
            letter = next(r.letter for r in self.scope if r.letter in i.terms)
            along.append(Range(letter, *i.ends(self.scope)))
        if len({r.letter for r in (*running, *along)}) < len(running) + len(along):
            raise RequestError(f"there is no code yet for `{e.name}` of a recurrence.")
        ends = {i: Index(r.letter) for i, r in zip(moving, along, strict=True)}
        at = tuple(dim_of(ends.get(i, i)) for i in keys)
        lead = [self.letter(r) for r in running]
        along_them = extent_of((tuple(r.first for r in along), tuple(r.last for r in along)))
        shape = (*along_them, *extent_of(family.inside), *self.axes.extent(sides))
        if not (running or along):
            return self.axes.graph.node("member", (), (family.name, at), shape), []
        over = tuple(
            (r.letter, dim_of(r.first), dim_of(r.last.plus(1))) for r in (*running, *along)
        )
        whole = (*self.axes.extent(lead), *shape)
        partly = any(r.where for r in running)  # a condition says which of them there are
        return self.axes.graph.node("stack", (), (family.name, at, over, partly), whole), lead

    # ---- which of them

    def _padded(self, v: Value, lead: int, reads: Sequence[_AxisRead]) -> Value:
        pads = [(NOTHING, NOTHING)] * v.rank
        pads[lead : lead + len(reads)] = [(r.before, r.behind) for r in reads]
        if not any(d.terms for pair in pads for d in pair):
            return v
        shape = tuple(d + a + b for d, (a, b) in zip(v.shape, pads, strict=True))
        return self.axes.graph.node("pad", (v,), tuple(pads), shape)

    def _selected(self, v: Value, lead: int, reads: Sequence[_AxisRead]) -> Value:
        """A slice along each axis; nothing is left of it where the index is one."""
        places: list[Slice | Dim | None] = [None] * lead
        shape = list(v.shape[:lead])
        for r, d in zip(reads, v.shape[lead:], strict=False):
            start = dim_of(r.low.minus(r.first)) + r.before
            if not r.running:
                places.append(start)
                continue
            end = dim_of(r.high.minus(r.first)) + r.before + ONE
            step = 1
            if len(r.running) == 1:
                step = abs(r.at.terms[r.running[0].letter])
            full = (start, end, step) == (NOTHING, d, 1)
            places.append(None if full else (start, end, step))
            one = self.axes.dim(self.letter(r.running[0]))
            shape.append(one if step > 1 else end - start)
        if all(p is None for p in places):
            return v
        shape += v.shape[lead + len(reads) :]
        return self.axes.graph.node("select", (v,), tuple(places), tuple(shape))

    def _opened(
        self, v: Value, lead: Sequence[str], reads: Sequence[_AxisRead], sides: Sequence[str]
    ) -> NamedArray:
        """The array with an axis for each letter."""
        names = [*lead, *[""] * len(reads), *sides]
        for at, r in enumerate(reads, len(lead)):
            left = list(r.running)
            while len(left) > 1:
                inner = min(left, key=lambda o: (abs(r.at.terms[o.letter]), o.letter))
                left.remove(inner)
                v = self._windows(v, at, inner, left, r.at)
                names.append(self.letter(inner))
                v = self._turned(v, v.rank - 1, r.at.terms[inner.letter])
            names[at] = self.letter(left[0])
            v = self._turned(v, at, r.at.terms[left[0].letter])
        while len({*names}) < len(names):
            v, names = self._diagonal(v, names)
        return NamedArray(v, tuple(names))

    def _turned(self, v: Value, axis: int, factor: int) -> Value:
        """The array, turned round along an axis where its letter counts backwards."""
        return v if factor > 0 else self.axes.graph.node("flip", (v,), axis, v.shape)

    def _windows(
        self, v: Value, axis: int, inner: Range, others: Sequence[Range], at: Index
    ) -> Value:
        """Stretches of an axis, one for each value of what the other letters come to, along a last
        axis; where the inner letter has a factor, one entry of as many in each."""
        every, count = abs(at.terms[inner.letter]), self.axes.dim(self.letter(inner))
        size, step = Dim.of(every) * (count - ONE) + ONE, 1
        left = v.shape[axis] - size + ONE
        if len(others) == 1:
            (outer,) = others
            step, left = abs(at.terms[outer.letter]), self.axes.dim(self.letter(outer))
        lead = (*v.shape[:axis], left, *v.shape[axis + 1 :])
        found = self.axes.graph.node("windows", (v,), (axis, size, step), (*lead, size))
        if every == 1:
            return found
        places = (*[None] * v.rank, (NOTHING, size, every))
        return self.axes.graph.node("select", (found,), places, (*lead, count))

    def _diagonal(self, v: Value, names: Sequence[str]) -> tuple[Value, list[str]]:
        """The array where two axes of one letter are one, which is the last."""
        i, j = next(
            (i, j)
            for i in range(len(names))
            for j in range(i + 1, len(names))
            if names[i] == names[j]
        )
        rest = [k for k in range(len(names)) if k not in (i, j)]
        shape = (*(v.shape[k] for k in rest), v.shape[i])
        found = self.axes.graph.node("axis_diagonal", (v,), (i, j), shape)
        return found, [*(names[k] for k in rest), names[i]]


def assembled(axes: Axes, pieces: Sequence[PlacedPiece]) -> Value:
    """One array of those for boxes that fill it. Raises RequestError."""
    if len(pieces) == 1:
        return pieces[0][1]
    for axis in range(len(pieces[0][0][0])):
        slabs = _slabs(pieces, axis)
        if len(slabs) > 1:
            parts = [assembled(axes, slab) for slab in slabs]
            length = sum((v.shape[axis] for v in parts), NOTHING)
            shape = (*parts[0].shape[:axis], length, *parts[0].shape[axis + 1 :])
            return axes.graph.node("concatenate", parts, axis, shape)
    raise RequestError("there is no code for members that don't follow each other.")


def _slabs(pieces: Sequence[PlacedPiece], axis: int) -> list[list[PlacedPiece]]:
    """The pieces in order along an axis, apart where none is cut; none if some don't follow."""
    ends = [(box[0][axis], box[1][axis].plus(1)) for box, _ in pieces]
    firsts, lasts = (dict.fromkeys(own) for own in zip(*ends, strict=True))
    if len(firsts.keys() - lasts) != 1 or len(lasts.keys() - firsts) != 1:
        return []
    places = [*firsts, *(last for last in lasts if last not in firsts)]
    before = [{places.index(a) for a, b in ends if b == place} for place in places]
    number = {places[k]: n for n, (k, *_) in enumerate(strong_components(before))}
    spans = [(number[low], number[end]) for low, end in ends]
    cuts = [c for c in number.values() if not any(low < c < end for low, end in spans)]
    found: dict[int, list[PlacedPiece]] = {}
    for piece, (low, _) in zip(pieces, spans, strict=True):
        found.setdefault(max(c for c in cuts if c <= low), []).append(piece)
    return [found[c] for c in sorted(found)]
