"""Backpropagation through a family: what the gradient at one member is, given that at the next.

Every use of a member, in a definition, in the result or under a sum over members, contributes to
its cotangent for a range of indices. The chain rule is applied to the generic member, where all
other members are symbols; what a use contributes is then read for the member that is asked about,
by putting another index in the place of the letter. Ranges that overlap in part cut the members
into regions, and each region has its own equation: the start G[L], the recurrence G[l-1].
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import pairwise

from ..core import expr as ex
from ..core.dims import Shape
from ..core.expr import UNIT, Expr, Name, Number, Symbol, Times, Total, as_symbol
from ..core.families import (
    Families,
    Incomparable,
    Segment,
    at_index,
    at_most,
    cotangent_names,
    covers,
    live,
    members_in,
    reindexed,
    with_own_letters,
)
from ..core.indices import Index, Range, member, renamed_shape
from ..core.problem import Problem, Request
from ..core.results import Equation, Recursion
from ..core.traversal import postorder, substitute, symbols_of
from ..derivation.chain_rule import cotangents
from ..simplification.simplifier import Simplifier
from .schedule import schedule


@dataclass(frozen=True, slots=True)
class MemberUse:
    """An expression with its cotangent, for each value of a letter if it has a range."""

    body: Expr
    upstream: Expr
    over: Range | None
    defines: Segment | None = None


@dataclass(frozen=True, slots=True)
class _Contribution:
    """What a piece adds to the cotangent of the members first..last of a family, written for the
    member at `letter`."""

    first: Index
    last: Index
    value: Expr
    letter: str

    def contains(self, first: Index, last: Index) -> bool:
        return at_most(self.first, first) and at_most(last, self.last)


def unshifted(families: Families, request: Request) -> Request:
    """The request without its claim, by the generic member itself: Z[l] for Z[l-1]."""
    wrt, index = request.wrt, request.wrt.index
    if families.is_generic(index):
        wrt = at_index(wrt, {index.letter: Index(index.letter, -index.offset)})
    return replace(request, claim=None, wrt=wrt)


@dataclass(slots=True)
class Backpropagation:
    """The recurrences of one request."""

    problem: Problem
    request: Request
    families: Families
    _pieces: list[MemberUse] = field(default_factory=list)
    _members: dict[Expr, dict[str, dict[tuple[Expr, Index], None]]] = field(default_factory=dict)
    _unused: list[Segment] = field(default_factory=list)
    _names: dict[str, str] = field(default_factory=dict)
    _least: dict[str, int] = field(default_factory=dict)
    _sums: dict[Expr, Total] = field(default_factory=dict)  # what stands for them in the pieces
    _simplifier: Simplifier = field(default_factory=Simplifier)

    def __post_init__(self) -> None:
        f = self.families
        self._names = cotangent_names(f, self.request.of, self.problem.taken(self.request))
        definitions = [ex.named(s.name, s.body) for s in f.segments if s.body is not None]
        roots = [self.request.of, *(d.args[0] for d in definitions)]
        self._simplifier = Simplifier([*self.problem.definitions.values(), *definitions], roots)
        direction = self.request.direction
        upstream = UNIT if direction is None else direction
        used = live(f, self.request.of)
        self._pieces = [MemberUse(self.request.of, upstream, None)]
        for s in f.segments:
            if s.body is not None and s.base in used:
                self._pieces.append(MemberUse(s.body, self.cotangent(s.base, s.index), s.over, s))
        self._open_sums()

    def _drop_unused(self) -> None:
        """Leave out single members that nothing uses, whose gradients are zero."""
        waiting = True
        while waiting:
            singles = [s for p in self._pieces if (s := p.defines) is not None and s.over is None]
            unused = [s for s in singles if not self._is_used(s)]
            self._unused += unused
            self._pieces = [p for p in self._pieces if p.defines not in unused]
            waiting = bool(unused)

    def _is_used(self, s: Segment) -> bool:
        if self.request.wrt.name == s.name:
            return True
        try:
            return any(True for _ in self.uses_between(s.base, s.index, s.index))
        except Incomparable:
            return True

    # ---- what is asked for

    def recursion(self, others: Sequence[Expr] = ()) -> Recursion:
        """The equations of the gradient, and of all cotangents that these use, and the others."""
        gradients = self._gradient()
        for e in (self.request.wrt, self.request.of, *others):
            self._note_lengths(e)
        needed = self._recurrences([*(q.value for q in gradients), *others])
        with_sums = [tuple(map(self._with_sums, equations)) for equations in (needed, gradients)]
        return Recursion(with_sums[0], with_sums[1], self._lengths())

    def _with_sums(self, q: Equation) -> Equation:
        """The equation with its sums over members, each by a letter of its own."""
        own = {i.letter for i in q.symbol.indices}
        if q.over is not None:
            own.add(q.over.letter)
        taken = self.problem.taken(self.request) | own | set(self._names.values())
        value = substitute(q.value, self._sums)
        return replace(q, value=with_own_letters(value, own, taken))

    def _gradient(self) -> tuple[Equation, ...]:
        """The gradient by the variable: one equation, or one for each region of its members."""
        wrt = self.request.wrt
        base, index = wrt.base, wrt.index
        if index is None:
            label = self._label(wrt.name)
            return (Equation(ex.symbol(label, wrt.shape), self._shared(wrt), None),)
        segments = self.families.of(base)
        name = self._label(base)
        label = member(name, index)
        if base in self._names:  # its cotangent has a name
            return (Equation(ex.symbol(label, wrt.shape), self.cotangent(base, index), None),)
        if self.families.is_generic(index):
            equations = self._equations(
                base, segments, index.letter, partial(member, name), turned=False
            )
            return tuple(sorted(equations, key=lambda q: q.over is None))
        value = self._at(base, index, segments)
        return (Equation(ex.symbol(label, wrt.shape), value, None),)

    def _label(self, variable: str) -> str:
        if self.request.kind == "vjp":
            return f"bar({variable})"
        of = self.request.of_text
        return f"∂{of if of.isidentifier() else ''}/∂{variable}"

    def _recurrences(self, roots: Sequence[Expr]) -> tuple[Equation, ...]:
        """The equations of all cotangents that these use, in the order in which they are computed:
        the last member first."""
        needed: dict[str, list[Equation]] = {}
        waiting = list(roots)
        bases = {name: base for base, name in self._names.items()}
        while waiting:
            for _, name, _, _ in members_in(waiting.pop()):
                base = bases.get(name)
                if base is not None and base not in needed:
                    segments = [s for s in self.families.of(base) if s not in self._unused]
                    letter = next((s.over.letter for s in segments if s.over), "")
                    needed[base] = list(
                        self._equations(base, segments, letter, partial(member, name))
                    )
                    waiting += [q.value for q in needed[base]]
        late_first = list(dict.fromkeys(s.base for s in reversed(self.families.segments)))
        found = sorted(needed, key=late_first.index)
        return tuple(_in_order([q for base in found for q in needed[base]]))

    def papers(self, equations: Sequence[Equation]) -> Iterator[tuple[Request, str]]:
        """What to derive as on paper: a piece by a variable, and the name of what comes out."""
        bases = {name: base for base, name in self._names.items()}
        wanted = dict.fromkeys(
            bases[name]
            for q in reversed(equations)
            for _, name, _, _ in members_in(q.symbol)
            if name in bases
        )
        wrt = self.request.wrt
        named = [(base, self._names[base]) for base in wanted]
        if wrt.indices and wrt.base not in self._names:
            named.append((wrt.base, self._label(wrt.base)))
        for base, name in named:
            uses = list(self.uses(base))
            for piece, variable, index in uses:
                alone = sum(_meet(piece, index, *other[::2]) for other in uses) == 1
                yield self._paper(piece, variable), self._titled(member(name, index), piece, alone)
        for piece in self._pieces:
            if not wrt.indices and wrt in symbols_of(piece.body):
                label = self._label(wrt.name)
                yield self._paper(piece, wrt), self._titled(label, piece, False)

    def _titled(self, label: str, piece: MemberUse, alone: bool) -> str:
        """The label of a contribution: unless it is the only one, with what it comes through."""
        if alone:
            return label
        text = self.request.of_text
        return f"{label} through {text if piece.defines is None else piece.defines.name}"

    @property
    def simplifier(self) -> Simplifier:
        return self._simplifier

    def _paper(self, piece: MemberUse, variable: Expr) -> Request:
        s = piece.defines
        of, text = piece.body, str(piece.body)
        if s is not None:
            of, text = ex.named(s.name, piece.body), s.name
        elif piece.over is None:
            text = self.request.of_text
        if piece.upstream is UNIT:
            return replace(self.request, kind="grad", of=of, of_text=text, wrt=as_symbol(variable))
        up = piece.upstream
        direction = up if isinstance(up, Symbol) else ex.symbol(f"({up})", up.shape)
        return replace(
            self.request,
            kind="vjp",
            of=of,
            of_text=text,
            wrt=as_symbol(variable),
            direction=direction,
        )

    def _lengths(self) -> dict[str, int]:
        """The lengths from which on the regions are as they are written."""
        return {letter: max(1, self._least.get(letter, 1)) for letter in self.families.lengths}

    def cotangent(self, base: str, index: Index) -> Expr:
        """The symbol of a member's cotangent."""
        segment = next(s for s in self.families.of(base) if s.body is not None)
        for s in self.families.of(base):
            if s.body is not None and s.index == index:
                segment = s
        return ex.symbol(member(self._names[base], index), segment.shape_at(index))

    # ---- pieces and what they contribute

    @property
    def names(self) -> dict[str, str]:
        """What the cotangents of each family are called."""
        return self._names

    def uses_between(
        self, base: str, first: Index, last: Index
    ) -> Iterator[tuple[MemberUse, Index]]:
        """The pieces in which the members first..last occur, and with which index."""
        for piece, _, index in self.uses(base):
            low, high = index.ends(piece.over)
            if at_most(low, first) and at_most(last, high):
                yield piece, index

    def _open_sums(self) -> None:
        """Put symbols in the place of the sums over members in the pieces, and take the summands
        for pieces too, with the cotangents of those; a sum may stand in another, or in a member."""
        bodies = [piece.body for piece in self._pieces]
        sums = [x for x in postorder(bodies) if isinstance(x, Total)]
        self._sums = {ex.symbol(f"({x})", x.shape): x for x in sums}
        stand_ins: dict[Expr, Expr] = {x: stand_in for stand_in, x in self._sums.items()}

        def bare(e: Expr) -> Expr:
            return substitute(e, stand_ins) if stand_ins else e

        pieces = [replace(piece, body=bare(piece.body)) for piece in self._pieces]
        summands = {x: MemberUse(bare(x.args[0]), UNIT, x.over) for x in sums}
        self._pieces = [*pieces, *summands.values()]  # without cotangents: what is used by what
        self._drop_unused()
        self._pieces = [piece for piece in self._pieces if piece in pieces]
        depth = dict.fromkeys(sums, 0)
        for x in reversed(sums):
            for inner in symbols_of(summands[x].body):
                if inner in self._sums:
                    depth[self._sums[inner]] = max(depth[self._sums[inner]], depth[x] + 1)
        lines = len(self._pieces)
        for x in sorted(sums, key=depth.__getitem__):  # a sum after all in which it stands
            weight = self._weight(stand_ins[x])
            if weight is not None:
                self._pieces.append(replace(summands[x], upstream=weight))
        # what is asked for comes first, then its sums, then the members
        self._pieces = [*self._pieces[:1], *self._pieces[lines:], *self._pieces[1:lines]]

    def _weight(self, stand_in: Expr) -> Expr | None:
        """The cotangent of a sum over members, given those of all in which it stands; None if that
        is nowhere."""
        parts = []
        for piece in self._pieces:
            if stand_in in symbols_of(piece.body):
                part = self.through(piece, stand_in)
                parts.append(part if piece.over is None else _summed(part, piece.over))
        return self._simplify(ex.add(*parts)) if parts else None

    def through(self, piece: MemberUse, variable: Expr) -> Expr:
        """What a piece contributes to the cotangent of one of its symbols."""
        return self._simplify(cotangents(piece.body, variable, piece.upstream)[variable])

    def uses(self, base: str) -> Iterator[tuple[MemberUse, Expr, Index]]:
        """The pieces in which members of a family occur."""
        for piece in self._pieces:
            for x, index in self._members_of(piece).get(base, ()):
                yield piece, x, index

    def _members_of(self, piece: MemberUse) -> dict[str, dict[tuple[Expr, Index], None]]:
        """The members that a piece uses, by their families."""
        if piece.body not in self._members:
            found: dict[str, dict[tuple[Expr, Index], None]] = {}
            for x, base, index, _ in members_in(piece.body):
                found.setdefault(base, {})[x, index] = None
            self._members[piece.body] = found
        return self._members[piece.body]

    def _contributions(self, base: str, letter: str) -> Iterator[_Contribution]:
        for piece, x, index in self.uses(base):
            value = self.through(piece, x)
            over = piece.over
            if over is None:
                yield _Contribution(index, index, value, letter)
            elif index.letter != over.letter:
                yield _Contribution(index, index, ex.total(value, over), letter)
            else:
                k = index.offset
                value = reindexed(value, {over.letter: Index(letter, -k)})
                yield _Contribution(over.first.plus(k), over.last.plus(k), value, letter)

    def _shared(self, wrt: Expr) -> Expr:
        """The gradient by a symbol that members share: a sum over them."""
        plain: list[Expr] = []
        sums: dict[Range, list[Expr]] = {}
        for piece in self._pieces:
            if wrt not in symbols_of(piece.body):
                continue
            value = self.through(piece, wrt)
            if piece.over is None:
                plain.append(value)
            else:
                sums.setdefault(piece.over, []).append(value)
        parts = [self._simplify(ex.add(*plain))] if plain else []
        parts += [_summed(self._simplify(ex.add(*terms)), over) for over, terms in sums.items()]
        return ex.add(*parts) if parts else ex.zeros(*wrt.shape)

    # ---- regions

    def _equations(
        self,
        base: str,
        segments: Sequence[Segment],
        letter: str,
        name: Callable[[Index], str],
        turned: bool = True,
    ) -> Iterator[Equation]:
        """The cotangent of each member: an equation for each region of indices. Those of a
        recurrence are `turned` to the way that lectures write: G[l-1] by G[l]."""
        contributions = list(self._contributions(base, letter))
        for segment, start, end in _spans(segments, letter):
            for first, last in self._regions(start, end, contributions):
                terms = [c.value for c in contributions if c.contains(first, last)]
                at = first if first == last else Index(letter)
                shape = segment.shape_at(at)
                value = self._total_of(terms, {letter: at}, shape)
                over = None if first == last else Range(letter, first, last)
                found = Equation(ex.symbol(name(at), shape), value, over)
                yield self._turned(found, name) if turned and over else found

    def _at(self, base: str, index: Index, segments: Sequence[Segment]) -> Expr:
        """The cotangent of one member."""
        letter = "l"
        while letter in self.families.lengths:
            letter += "_"
        contributions = list(self._contributions(base, letter))
        ((first, last),) = self._regions(index, index, contributions)
        terms = [c.value for c in contributions if c.contains(first, last)]
        shape = next(s for s in segments if at_most(s.first, index) and at_most(index, s.last))
        return self._total_of(terms, {letter: index}, shape.shape_at(index))

    def _total_of(self, terms: Sequence[Expr], at: dict[str, Index], shape: Shape) -> Expr:
        read = [reindexed(t, at) for t in terms]
        return self._simplify(ex.add(*read)) if read else ex.zeros(*shape)

    def _turned(self, q: Equation, name: Callable[[Index], str]) -> Equation:
        """The equation from the last member down, by G[l] in place of G[l+1]."""
        over = q.over
        assert over is not None
        used = (x for x in members_in(q.value) if x[1] in self._names.values())
        if max((i.offset for _, _, i, _ in used if i.letter == over.letter), default=0) != 1:
            return replace(q, over=over.reversed)
        back = {over.letter: Index(over.letter, -1)}
        over = Range(over.letter, over.first.plus(1), over.last.plus(1))
        shape = renamed_shape(q.symbol.shape, back)
        symbol = ex.symbol(name(Index(over.letter, -1)), shape)
        return Equation(symbol, reindexed(q.value, back), over.reversed)

    def _regions(
        self, first: Index, last: Index, contributions: Sequence[_Contribution]
    ) -> Iterator[tuple[Index, Index]]:
        """The indices cut where a contribution begins or ends; the last region first."""
        end = last.plus(1)
        cuts = {first, end}
        for c in contributions:
            for cut in (c.first, c.last.plus(1)):
                if self._at_most(first, cut) and self._at_most(cut, end):
                    cuts.add(cut)
        ordered = sorted(cuts, key=lambda i: i.place)
        for low, high in reversed(list(pairwise(ordered))):
            self._at_most(low, high)
            yield low, high.plus(-1)

    def _at_most(self, a: Index, b: Index) -> bool:
        """Whether a ≤ b, where lengths are large; from which length on is noted: where both are
        equal, the members between them are none."""
        if bool(a.letter) != bool(b.letter):
            needed = a.offset - b.offset if b.letter else b.offset - a.offset
            letter = a.letter or b.letter
            self._least[letter] = max(self._least.get(letter, 1), needed)
        return at_most(a, b)

    def _note_lengths(self, e: Expr) -> None:
        """From which lengths on there are the single members that an expression mentions."""
        bases = {name: base for base, name in self._names.items()}
        for _, name, index, _ in members_in(e):
            base = bases.get(name, name)
            if not self.families.is_generic(index):
                for s in self.families.of(base):
                    if covers([s], index, index) is None:
                        self._at_most(s.first, index)
                        self._at_most(index, s.last)

    def _simplify(self, e: Expr) -> Expr:
        """Simplified; members are symbols again, whose definitions were put in as names."""
        e = self._simplifier(e)
        names: dict[Expr, Expr] = {
            x: ex.symbol(x.name, x.shape)
            for x in postorder([e], into=lambda x: not isinstance(x, Name))
            if isinstance(x, Name) and x.indices
        }
        return substitute(e, names) if names else e


def _summed(e: Expr, over: Range) -> Expr:
    """The sum over members, with a minus sign before it."""
    numbers = [a.value for a in e.args if isinstance(a, Number)] if isinstance(e, Times) else []
    return -ex.total(-e, over) if numbers and numbers[0] < 0 else ex.total(e, over)


def _spans(segments: Sequence[Segment], letter: str) -> Iterator[tuple[Segment, Index, Index]]:
    """Segments that follow each other as one where a member of each has the same shape."""
    ordered = sorted(segments, key=lambda s: s.first.place)
    spans: list[tuple[Segment, Index, Index]] = []
    for s in ordered:
        if spans:
            before, first, last = spans[-1]
            at = Index(letter)
            if last.plus(1) == s.first and before.shape_at(at) == s.shape_at(at):
                spans[-1] = (s if before.over is None else before, first, s.last)
                continue
        spans.append((s, s.first, s.last))
    yield from spans


def _in_order(equations: Sequence[Equation]) -> list[Equation]:
    """The equations in the order in which they are computed."""
    own = dict(zip(segments_of(equations), equations, strict=True))
    return [own[s] for group in schedule(tuple(own)) for s in group]


def _meet(a: MemberUse, i: Index, b: MemberUse, j: Index) -> bool:
    """Whether two uses contribute to a common member."""
    first, last = i.ends(a.over)
    other_first, other_last = j.ends(b.over)
    return at_most(first, other_last) and at_most(other_first, last)


def segments_of(equations: Sequence[Equation]) -> tuple[Segment, ...]:
    """Equations as members that are defined, to be unrolled."""
    found = []
    for q in equations:
        base, index = q.symbol.base, q.symbol.index
        if index is not None:
            over = None if q.over is None else q.over.rising
            found.append(Segment(base, index, over, q.symbol.shape, q.value))
    return tuple(found)
