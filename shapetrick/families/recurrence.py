"""Backpropagation through a family: what the gradient at one member is, given that at the next.

Every use of a member, in a definition, in the result or under a sum over members, contributes to
its cotangent for a range of indices. The chain rule is applied to the generic member, where all
other members are symbols; what a use contributes is then read for the member that is asked about,
by putting another index in the place of the letter. Ranges that overlap in part cut the members
into regions, and each region has its own equation: the start G[L], the recurrence G[l-1].
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import pairwise, product

from ..core import expr as ex
from ..core.cost import length
from ..core.dims import Shape
from ..core.expr import SUM, UNIT, Expr, Name, Symbol, as_symbol
from ..core.families import (
    Families,
    MemberBox,
    Place,
    Segment,
    around,
    at_index,
    box_of,
    cotangent_names,
    joined,
    lies_in,
    live,
    meet,
    members_in,
    reindexed,
    with_own_letters,
)
from ..core.free_names import free_name
from ..core.indices import Incomparable, Index, Range, at_most, by_size, index_of, member
from ..core.problem import Problem, Request
from ..core.results import Equation, MemberAdjoint, Recursion
from ..core.solved import told_by
from ..core.structure import is_zero
from ..core.traversal import postorder, replaced, substitute, symbols_of
from ..derivation.chain_rule import cotangents
from ..simplification.simplifier import Simplifier
from .contributions import Contribution, Padding, contribution, widened
from .equation_regions import are_alike, with_joined
from .given_letters import LARGE
from .joined_sums import EqualSums, joined_sums, with_factors_before, without_deviations
from .member_sums import OpenSum, opened_sums, summed
from .schedule import schedule
from .unrolling import segments_of


@dataclass(frozen=True, slots=True)
class MemberUse:
    """An expression with its cotangent, for all values of the letters of its ranges; of an equation
    with its multiplier, which the `unknowns` in it determine."""

    body: Expr
    upstream: Expr
    ranges: tuple[Range, ...]
    defines: Segment | None = None
    unknowns: tuple[Symbol, ...] = ()


def unshifted(families: Families, request: Request) -> Request:
    """The request without its claim, by the generic member itself: Z[l] for Z[l-1]."""
    wrt = request.wrt
    letters = {*families.running(wrt.indices)} - {r.letter for r in request.ranges}
    back = {i.letter: Index(i.letter, -i.offset) for i in wrt.indices if i.letter in letters}
    return replace(request, claim=None, wrt=at_index(wrt, back) if back else wrt)


@dataclass(slots=True)
class Backpropagation:
    """The recurrences of one request, or of what is `asked` in the place of its value. Cotangents
    that are not `named` get names of their own; `title` is what the gradient is called. What is
    `linear` in the variable has no value in the end: nothing is written by its names. Members that
    equations determine hand on to those in these what the multipliers say."""

    problem: Problem
    request: Request
    asked: tuple[MemberUse, ...] = ()
    named: Mapping[str, str] = field(default_factory=dict)
    title: str = ""
    linear: frozenset[str] = frozenset()
    determined: Sequence[MemberAdjoint] = ()
    _pieces: list[MemberUse] = field(default_factory=list)
    _members: dict[Expr, dict[str, dict[Symbol, None]]] = field(default_factory=dict)
    _unused: list[Segment] = field(default_factory=list)
    _names: dict[str, str] = field(default_factory=dict)
    _bases: dict[str, str] = field(default_factory=dict)  # of what is called so
    _multipliers: dict[str, Equation] = field(default_factory=dict)
    _least: dict[str, int] = field(default_factory=dict)
    _sums: dict[str, Callable[[Place], Expr]] = field(default_factory=dict)  # that symbols are
    _upstreams: dict[Symbol, Expr] = field(default_factory=dict)  # likewise, in steps
    _padded: dict[Padding, None] = field(default_factory=dict)
    _simplifier: Simplifier = field(default_factory=Simplifier)
    _with_equal_sums: EqualSums = field(default_factory=EqualSums)

    @property
    def families(self) -> Families:
        """All members, those of cotangents apart."""
        return self.problem.families

    def __post_init__(self) -> None:
        f = self.families
        if not self.asked:
            direction = self.request.direction
            upstream = UNIT if direction is None else direction
            self.asked = (MemberUse(self.request.of, upstream, ()),)
        values = [piece.body for piece in self.asked]
        taken = self.problem.taken(self.request) | {*self.named.values()}
        self._names = {**cotangent_names(f, values, taken), **self.named}
        self._bases = {name: base for base, name in self._names.items()}
        used = live(f, values)
        self._pieces = [*self.asked]
        for s in f.segments:
            if s.body is not None and s.base in used:
                up = self.cotangent(s.base, s.indices)
                self._pieces.append(MemberUse(s.body, up, s.ranges, s))
        for (system, ranges), weighted, multipliers in self.determined:
            self._multipliers.update((q.symbol.base, q) for q in multipliers)
            self._pieces += [
                MemberUse(ex.negate(e), multiplier, ranges, unknowns=system.unknowns)
                for e, multiplier in weighted
            ]
        self._open_sums()

    def _drop_unused(self) -> None:
        """Leave out single members that nothing uses, whose gradients are zero."""
        waiting = True
        while waiting:
            singles = [s for p in self._pieces if (s := p.defines) is not None and not s.ranges]
            unused = [s for s in singles if not self._is_used(s)]
            self._unused += unused
            self._pieces = [p for p in self._pieces if p.defines not in unused]
            waiting = bool(unused)

    def _is_used(self, s: Segment) -> bool:
        if self.request.wrt.name == s.name:
            return True
        try:
            return any(True for _ in self.uses_between(s.base, s.box))
        except Incomparable:
            return True

    # ---- what is asked for

    def recursion(self, others: Sequence[Expr] = ()) -> Recursion:
        """The equations of the gradient, and of all cotangents that these use, and the others."""
        gradients = self._gradient()
        for e in (self.request.wrt, self.request.of, *others):
            self._note_lengths(e)
        needed = self._recurrences([*(q.value for q in gradients), *others])
        needed = self._inlined(needed, [*(q.value for q in gradients), *others])
        told = tuple(map(self._with_sums, self._without_zeros([*needed, *gradients])))
        k = len(needed)
        return Recursion(told[:k], told[k:], self._lengths(), tuple(self._padded))

    def _without_zeros(self, equations: Sequence[Equation]) -> Sequence[Equation]:
        """The equations with zeros in the place of members that are told to be zero."""
        others = {q.symbol.base for q in equations if q.solves or not is_zero(q.value)}
        zero = {q.symbol.base for q in equations} - others

        def put(x: Expr) -> Expr | None:
            return ex.zeros(*x.shape) if isinstance(x, Symbol) and x.base in zero else None

        pairs = [(q, replaced(q.value, put)) for q in equations] if zero else []
        if all(e is q.value for q, e in pairs):
            return equations
        return self._without_zeros([replace(q, value=self.simplified(e)) for q, e in pairs])

    def _with_sums(self, q: Equation) -> Equation:
        """The equation with its sums over members, each by a letter of its own."""
        own = {t for i in q.symbol.indices for t in i.terms} | {r.letter for r in q.ranges}
        return replace(q, value=self._told(q.value, own))

    def told_beside(self, wrt: Symbol, e: Expr) -> Expr:
        """What a step by a member says, likewise."""
        return self._told(e, {t for i in wrt.indices for t in i.terms})

    def _told(self, e: Expr, own: set[str]) -> Expr:
        taken = self.problem.taken(self.request) | own | set(self._names.values())
        sums = [x for x in symbols_of(e) if x.base in self._sums]
        told: dict[Expr, Expr] = {x: self._sums[x.base](x.indices) for x in sums}
        told |= {x: self._upstreams[x] for x in symbols_of(e) if x in self._upstreams}
        value = substitute(e, told)
        return with_own_letters(value, taken, taken)

    def _gradient(self) -> tuple[Equation, ...]:
        """The gradient by the variable: one equation, or one for each region of its members."""
        wrt = self.request.wrt
        base, indices = wrt.base, wrt.indices
        if not indices:
            label = self._label(wrt.name)
            return (Equation(ex.symbol(label, wrt.shape), self._shared(wrt), ()),)
        name = self._label(base)
        if base in self._names:  # its cotangent has a name
            symbol = ex.symbol(member(name, *indices), wrt.shape)
            return (Equation(symbol, self.cotangent(base, indices), ()),)
        equations = self._equations(
            base, self.families.of(base), self._letters(base, indices), name, indices
        )
        return tuple(sorted(equations, key=lambda q: not q.ranges))

    def _letters(self, base: str, indices: Place = ()) -> tuple[str, ...]:
        """A letter for each axis of a family: that of the indices, or of the text."""
        found: list[str] = []
        segments = self.families.of(base)
        for axis in range(len(segments[0].indices)):
            own = [*(i.letter for i in indices[axis : axis + 1] if self.families.running([i]))]
            own += [
                s.indices[axis].letter
                for s in segments
                if s.indices[axis].letter in {r.letter for r in s.ranges}
            ]
            letter = next((t for t in own if t not in found), "l")
            while letter in (*self.families.lengths, *found):
                letter += "_"
            found.append(letter)
        return tuple(found)

    def _label(self, variable: str) -> str:
        if self.title:
            return self.title
        if self.request.kind == "vjp":
            return f"bar({variable})"
        of = self.request.of_text
        return f"∂{of if of.isidentifier() else ''}/∂{variable}"

    def _recurrences(self, roots: Sequence[Expr]) -> tuple[Equation, ...]:
        """The equations of all cotangents that these use, in the order in which they are computed:
        the last member first."""
        needed: dict[str, list[Equation]] = {}
        waiting = list(roots)
        while waiting:
            for x, _ in members_in(waiting.pop()):
                base = self._bases.get(x.base)
                q = self._multipliers.get(x.base)
                if q is not None and x.base not in needed:
                    needed[x.base] = [self._turned(q)]
                    waiting.append(q.value)
                if base is not None and base not in needed:
                    segments = [s for s in self.families.of(base) if s not in self._unused]
                    found = self._equations(base, segments, self._letters(base), x.base)
                    needed[base] = [self._turned(q) for q in found]
                    waiting += [q.value for q in needed[base]]
        late_first = list(dict.fromkeys(s.base for s in reversed(self.families.segments)))
        found_bases = sorted(needed, key=(*late_first, *self._multipliers).index)
        return tuple(_in_order([q for base in found_bases for q in needed[base]]))

    def _inlined(self, found: Sequence[Equation], others: Sequence[Expr]) -> tuple[Equation, ...]:
        """The equations, in which multipliers that alone use a cotangent, of one equation, say what
        it is."""
        multipliers = [q for q in found if q.symbol.base in self._multipliers]
        rest = [q for q in found if q not in multipliers]
        used = {x.base for e in (*others, *(q.value for q in rest)) for x, _ in members_in(e)}
        bases = [q.symbol.base for q in rest]
        alone: dict[Expr, Expr] = {
            q.symbol: q.value
            for q in (rest if multipliers else ())
            if q.symbol.base not in used and bases.count(q.symbol.base) == 1
        }

        def inlined(q: Equation) -> Equation:
            if q not in multipliers or not alone:
                return q
            value, solves = substitute(q.value, alone), q.solves
            if value is q.value:
                return q
            value = self.simplified(value)
            if solves is None:
                return replace(q, value=value)
            told = (e._replace(right=substitute(e.right, alone)) for e in solves.equations)
            return replace(q, value=value, solves=solves._replace(equations=(*told,)))

        return tuple(inlined(q) for q in found if q.symbol not in alone)

    def papers(self, equations: Sequence[Equation]) -> Iterator[tuple[Request, str]]:
        """What to derive as on paper: a piece by a variable, and the name of what comes out."""
        found = [x.base for q in equations for x, _ in members_in(q.symbol)]
        unknowns = (u for one in self.determined for u in one.determined.system.unknowns)
        found += [self._names[u.base] for u in unknowns]
        wanted = dict.fromkeys(self._bases[name] for name in found if name in self._bases)
        wrt = self.request.wrt
        named = [(base, self._names[base]) for base in wanted]
        yield from self._papers_of(named)
        for determined in self.determined:
            yield from self._equation_papers(determined)
        if wrt.indices and wrt.base not in self._names:
            yield from self._papers_of([(wrt.base, self._label(wrt.base))])
        for piece in self._pieces:
            if not wrt.indices and wrt in symbols_of(piece.body):
                label = self._label(wrt.name)
                yield self._paper(piece, wrt), self._titled(label, piece, False)

    def _papers_of(self, named: Sequence[tuple[str, str]]) -> Iterator[tuple[Request, str]]:
        """Those by the members of families, each with what their gradients are called."""
        for base, name in named:
            uses = list(self.uses(base))
            for piece, variable in uses:
                alone = sum(_meet(piece, variable, *other) for other in uses) == 1
                title = self._titled(member(name, *variable.indices), piece, alone)
                yield self._paper(piece, variable), title

    def _equation_papers(self, determined: MemberAdjoint) -> Iterator[tuple[Request, str]]:
        """The backward rules of equations by what they determine."""
        (system, ranges), weighted, _ = determined
        for e, s in weighted:
            paper = self._paper(MemberUse(e, s, ranges), s)
            residual = replace(paper, of=ex.named(self.residual, e), of_text=self.residual)
            for u in (u for u in system.unknowns if u in symbols_of(e)):
                yield replace(residual, wrt=u), f"∂{self.residual}/∂{u.name}"

    @property
    def residual(self) -> str:
        """What is called so in steps is zero where equations hold."""
        return free_name("F", self.problem.taken(self.request) | {*self._bases})

    def _titled(self, label: str, piece: MemberUse, alone: bool) -> str:
        """The label of a contribution: unless it is the only one, with what it comes through."""
        if alone:
            return label
        text = self.request.of_text
        if piece.defines is not None or piece.unknowns:
            names = piece.unknowns or (piece.defines,)
            text = ", ".join(x.name for x in names if x is not None)
        return f"{label} through {text}"

    @property
    def simplifier(self) -> Simplifier:
        return self._simplifier

    def _paper(self, piece: MemberUse, variable: Expr) -> Request:
        s = piece.defines
        of, text = piece.body, str(piece.body)
        if s is not None:
            of, text = ex.named(s.name, piece.body), s.name
        elif not piece.ranges:
            text = self.request.of_text
        if piece.upstream is UNIT:
            return replace(self.request, kind="grad", of=of, of_text=text, wrt=as_symbol(variable))
        up = self.told_beside(as_symbol(variable), piece.upstream)
        if isinstance(up, Symbol):
            direction = up
        else:
            direction = ex.symbol(f"({up})", up.shape)
            self._upstreams[direction] = up
        return replace(
            self.request,
            kind="vjp",
            of=of,
            of_text=text,
            wrt=as_symbol(variable),
            direction=direction,
        )

    def lengths_of(self, gaps: Iterable[tuple[Index, Index]]) -> dict[str, int]:
        """The lengths from which on these regions begin no later than behind their ends, too."""
        for begin, end in gaps:
            self._at_most(begin, end.plus(1))
        return self._lengths()

    def _lengths(self) -> dict[str, int]:
        """The lengths from which on the regions are as they are written."""
        return {letter: max(1, self._least.get(letter, 1)) for letter in self.families.lengths}

    def cotangent(self, base: str, indices: Place) -> Symbol:
        """The symbol of a member's cotangent."""
        segments = [s for s in self.families.of(base) if self.families.contents(s)]
        segment = next((s for s in reversed(segments) if s.indices == indices), segments[0])
        return ex.symbol(member(self._names[base], *indices), segment.shape_at(indices))

    # ---- pieces and what they contribute

    @property
    def names(self) -> dict[str, str]:
        """What the cotangents of each family are called; multipliers by their own names."""
        return {**self._names, **{name: name for name in self._multipliers}}

    def uses_between(self, base: str, box: MemberBox) -> Iterator[tuple[MemberUse, Symbol]]:
        """The pieces in which the members of a box occur, and as which member."""
        for piece, x in self.uses(base):
            if lies_in(box, box_of(x.indices, piece.ranges)):
                yield piece, x

    def _open_sums(self) -> None:
        """Put symbols in the place of the sums over members in the pieces, and take the summands
        for pieces too, with the cotangents of those; a sum may stand in another, or in a member."""
        opened, sums = opened_sums([(piece.body, piece.ranges) for piece in self._pieces])
        defined = zip(opened, (piece.defines for piece in self._pieces), strict=True)
        named = {e: member.symbol(member.indices) for e, member in defined if member is not None}
        self._sums = {
            s.symbol.base: partial(s.read_for, named.get(s.symbol, s.total)) for s in sums
        }
        self._sums.update((s.whole.base, s.summand_for) for s in sums if s.total.fold != SUM)
        pieces = [replace(p, body=body) for p, body in zip(self._pieces, opened, strict=True)]
        self._with_equal_sums = EqualSums((s.bare, s.symbol) for s in sums if not s.kept)
        self._learn_definitions(pieces, [s.body for s in sums])
        summands = [MemberUse(s.body, UNIT, s.ranges) for s in sums]
        self._pieces = [*pieces, *summands]  # without cotangents: what is used by what
        self._drop_unused()
        self._pieces = [piece for piece in self._pieces if piece in pieces]
        lines = len(self._pieces)
        for s in sums:
            weight = self._weight(s)
            if weight is not None:
                self._pieces.append(MemberUse(s.body, weight, s.ranges))
        # what is asked for comes first, then its sums, then the members
        own = len(self.asked)
        self._pieces = [*self._pieces[:own], *self._pieces[lines:], *self._pieces[own:lines]]

    def _learn_definitions(self, opened: Sequence[MemberUse], summands: Sequence[Expr]) -> None:
        """Simplify to names of members; where a line has sums, with symbols in their place too."""
        lines = [(s, s.body) for s in self.families.segments if s.body is not None]
        lines += [(s, piece.body) for piece in opened if (s := piece.defines) is not None]
        named = ((s.name, body) for s, body in lines if s.base not in self.linear)
        definitions = [ex.named(name, body) for name, body in dict.fromkeys(named)]
        bodies = [*summands, *(piece.body for piece in opened)]
        definitions += [x for x in postorder(bodies) if isinstance(x, Name)]
        roots = [*(piece.body for piece in self.asked), *(d.args[0] for d in definitions)]
        self._simplifier = Simplifier([*self.problem.definitions.values(), *definitions], roots)

    def _weight(self, s: OpenSum) -> Expr | None:
        """The cotangent of a summand, given those of all in which the sum stands; None if that is
        nowhere."""
        parts = []
        for piece in self._pieces:
            if s.symbol in symbols_of(piece.body) and {*s.kept} <= {*piece.ranges}:
                others = [r for r in piece.ranges if r not in s.kept]
                parts.append(summed(self.through(piece, s.symbol), others))
        return self.simplified(s.share(ex.add(*parts))) if parts else None

    def through(self, piece: MemberUse, variable: Expr) -> Expr:
        """What a piece contributes to the cotangent of one of its symbols."""
        return self.simplified(cotangents(piece.body, variable, piece.upstream)[variable])

    def uses(self, base: str) -> Iterator[tuple[MemberUse, Symbol]]:
        """The pieces in which members of a family occur."""
        for piece in self._pieces:
            for x in self._members_of(piece).get(base, ()):
                yield piece, x

    def _members_of(self, piece: MemberUse) -> dict[str, dict[Symbol, None]]:
        """The members that a piece uses, by their families."""
        if piece.body not in self._members:
            found: dict[str, dict[Symbol, None]] = {}
            for x, _ in members_in(piece.body):
                if x not in piece.unknowns:
                    found.setdefault(x.base, {})[x] = None
            self._members[piece.body] = found
        return self._members[piece.body]

    def _contributions(self, base: str, letters: tuple[str, ...]) -> Iterator[Contribution]:
        for piece, x in self.uses(base):
            yield contribution(self.through(piece, x), x, piece.ranges, letters, self.extent)

    def extent(self, base: str) -> MemberBox | None:
        """From where to where a family, or that of cotangents, runs; None for what is neither."""
        if base in self._multipliers:
            q = self._multipliers[base]
            return box_of(q.symbol.indices, q.ranges)
        segments = self.families.of(self._bases.get(base, base))
        return around([s.box for s in segments]) if segments else None

    def _made_extent(self, base: str) -> MemberBox | None:
        """From where to where a family runs, but for what is given and not said to be zero
        outside: beside it stand members that are not there either."""
        given = any(s.body is None and not s.padded for s in self.families.of(base))
        return None if given or base in self._multipliers else self.extent(base)

    def outside(self) -> tuple[str, ...]:
        """What is said of the families that are zero outside of their ranges in the equations."""
        found: dict[str, dict[str, None]] = {}
        for base, axis in self._padded:
            ends = self.extent(base)
            if ends is not None:
                letters = self._letters(self._bases.get(base, base))
                name = member(base, *map(Index, letters))
                over = Range(letters[axis], ends[0][axis], ends[1][axis])
                found.setdefault(name, {})[str(over)] = None
        return tuple(f"{name} is 0 outside {', '.join(at)}" for name, at in found.items())

    def _shared(self, wrt: Expr) -> Expr:
        """The gradient by a symbol that members share: a sum over them."""
        plain: list[Expr] = []
        sums: dict[tuple[Range, ...], list[Expr]] = {}
        for piece in self._pieces:
            if wrt not in symbols_of(piece.body):
                continue
            value = self.through(piece, wrt)
            if piece.ranges:
                sums.setdefault(piece.ranges, []).append(value)
            else:
                plain.append(value)
        parts = [self.simplified(ex.add(*plain))] if plain else []
        parts += [summed(self.simplified(ex.add(*terms)), ranges) for ranges, terms in sums.items()]
        return ex.add(*parts) if parts else ex.zeros(*wrt.shape)

    # ---- regions

    def _equations(
        self,
        base: str,
        segments: Sequence[Segment],
        letters: tuple[str, ...],
        name: str,
        asked: Place = (),
    ) -> tuple[Equation, ...]:
        """The cotangent of each member: an equation for each region of indices, those as one that
        say the same. Of the members that are `asked` for, those along the axes where one number or
        length is."""
        contributions = list(self._contributions(base, letters))
        whole = self.extent(base)
        if whole is not None:
            contributions = widened(contributions, whole, self._made_extent)
        found: list[Equation] = []
        for segment, box in _spans(segments, letters):
            for region in self._regions(self._within(box, asked), contributions):
                held = [c for c in contributions if c.contains(region)]
                ends = list(zip(letters, *region, strict=True))
                at = tuple(a if a == b else Index(letter) for letter, a, b in ends)
                shape = segment.shape_at(at)
                value = self._total_of(held, dict(zip(letters, at, strict=True)), shape)
                ranges = tuple(Range(letter, a, b) for letter, a, b in ends if a != b)
                found.append(Equation(ex.symbol(member(name, *at), shape), value, ranges))
        return with_joined(found, are_alike)

    def _within(self, box: MemberBox, asked: Place) -> MemberBox | None:
        """The part of a box that is asked for; None if there is none."""
        fixed = {k: i for k, i in enumerate(asked) if not self.families.running([i])}
        for k, i in fixed.items():
            if not (at_most(box[0][k], i) and at_most(i, box[1][k])):
                return None
        low, high = (tuple(fixed.get(k, i) for k, i in enumerate(end)) for end in box)
        return low, high

    def _total_of(
        self, contributions: Sequence[Contribution], at: dict[str, Index], shape: Shape
    ) -> Expr:
        for c in contributions:
            self._padded.update(dict.fromkeys(sorted(c.padded)))
        read = [reindexed(c.value, at) for c in contributions]
        return self.simplified(ex.add(*read)) if read else ex.zeros(*shape)

    def _turned(self, q: Equation) -> Equation:
        """The equation from the last member down, by G[l] in place of G[l+1], as lectures write
        recurrences; along an axis on which there is none as it is."""
        backward = {*self._bases, *self._multipliers}
        used = [x for x, _ in members_in(q.value) if x.base in backward]
        back: dict[str, Index] = {}
        ranges = []
        for over in q.ranges:
            ahead = [
                i.offset
                for x in used
                for i in x.indices
                if i.letter == over.letter and not i.others
            ]
            farthest, nearest = max(ahead, default=0), min(ahead, default=0)
            alone = len(q.symbol.indices) == 1 and nearest >= 0
            if farthest == 1 and nearest >= 0:
                back[over.letter] = Index(over.letter, -1)
                shifted = Range(over.letter, over.first.plus(1), over.last.plus(1))
                ranges.append(shifted.reversed)
            else:
                ranges.append(over.reversed if (farthest > 1 and nearest >= 0) or alone else over)
        if not back:
            return replace(q, ranges=tuple(ranges))
        symbol = as_symbol(reindexed(q.symbol, back))
        return Equation(symbol, reindexed(q.value, back), tuple(ranges))

    def _regions(
        self, box: MemberBox | None, contributions: Sequence[Contribution]
    ) -> Iterator[MemberBox]:
        """The members of a box cut where a contribution begins or ends; the last region first."""
        if box is None:
            return
        axes = [
            list(self._cuts(first, last, [(c.box[0][k], c.box[1][k]) for c in contributions]))
            for k, (first, last) in enumerate(zip(*box, strict=True))
        ]
        for parts in product(*axes):
            yield tuple(low for low, _ in parts), tuple(high for _, high in parts)

    def _cuts(
        self, first: Index, last: Index, intervals: Sequence[tuple[Index, Index]]
    ) -> Iterator[tuple[Index, Index]]:
        """The parts of one axis, the last one first."""
        end = last.plus(1)
        cuts = {first, end}
        for begins, ends in intervals:
            for cut in (begins, ends.plus(1)):
                if self._at_most(first, cut) and self._at_most(cut, end):
                    cuts.add(cut)
        ordered = sorted(cuts, key=by_size)
        for low, high in reversed(list(pairwise(ordered))):
            self._at_most(low, high)
            yield low, high.plus(-1)

    def _at_most(self, a: Index, b: Index) -> bool:
        """Whether a ≤ b, where lengths are large; from which length on is noted: where both are
        equal, the members between them are none."""
        ahead = b.minus(a)
        if ahead.terms:
            sign = 1 if min(ahead.terms.values()) > 0 else -1
            letter, k = next(iter(ahead.terms.items()))
            others = sum(ahead.terms.values()) - k
            needed = -((sign * ahead.offset + abs(others)) // abs(k))
            if needed < LARGE:  # a given letter is no larger than its length
                self._least[letter] = max(self._least.get(letter, 1), needed)
        return at_most(a, b)

    def _note_lengths(self, e: Expr) -> None:
        """From which lengths on there are the single members that an expression mentions, and
        lengths by which it divides are no 0."""
        for x in postorder([e]):
            divides = isinstance(x, ex.Power) and (ex.exact(x.args[1]) or 0) < 0
            by = index_of(str(x.args[0])) if divides else None
            if by is not None and len(by.terms) == 1 and by.letter in self.families.lengths:
                self._at_most(Index("", 1), by)
        for x, _ in members_in(e):
            for s in self.families.of(self._bases.get(x.base, x.base)):
                for i, low, high in zip(x.indices, *s.box, strict=True):
                    if not self.families.running([i]) and at_most(low, i) and at_most(i, high):
                        self._at_most(low, i)
                        self._at_most(i, high)

    def simplified(self, e: Expr) -> Expr:
        """Simplified; sums over one range are one where that is no longer, scalars stand before
        sums where that is shorter, and members are symbols again, not names of definitions."""
        e = self._with_symbols(self._simplifier(self._with_equal_sums(e)))
        kept = without_deviations(e, self.problem, self._simplifier)
        e = e if kept is e else self._with_symbols(self._simplifier(kept))
        for other, gain in ((joined_sums, 0), (with_factors_before, 1)):
            if (changed := self._with_equal_sums(other(e))) is not e:
                for _ in range(1 + gain):  # a name that is found may be a common factor
                    changed = self._with_symbols(self._simplifier(changed))
                e = changed if length(changed) <= length(e) - gain else e
        return e

    @staticmethod
    def _with_symbols(e: Expr) -> Expr:
        """With symbols for members whose definitions were put in as names."""

        def put(x: Expr) -> Expr | None:
            linear = told_by(x, ())
            if linear is not None and all(is_zero(q.right) for q in linear.equations):
                return ex.zeros(*x.shape)
            if not isinstance(x, Name):
                return None
            return ex.symbol(x.name, x.shape) if x.indices else x

        return replaced(e, put)


def _spans(
    segments: Sequence[Segment], letters: tuple[str, ...]
) -> Iterator[tuple[Segment, MemberBox]]:
    """Segments that follow each other as one where a member of each has the same shape."""
    ordered = sorted(segments, key=lambda s: [i.place for i in s.first])
    spans: list[tuple[Segment, MemberBox]] = []
    at = tuple(map(Index, letters))
    for s in ordered:
        if spans:
            before, box = spans[-1]
            whole = joined(box, s.box)
            if whole is not None and before.shape_at(at) == s.shape_at(at):
                spans[-1] = (s if len(before.ranges) < len(s.ranges) else before, whole)
                continue
        spans.append((s, s.box))
    yield from spans


def _in_order(equations: Sequence[Equation]) -> list[Equation]:
    """The equations in the order in which they are computed."""
    own = dict(zip(segments_of(equations), equations, strict=True))
    return [own[s] for group in schedule(tuple(own)) for s in group]


def _meet(a: MemberUse, x: Symbol, b: MemberUse, y: Symbol) -> bool:
    """Whether two uses contribute to a common member."""
    return meet(box_of(x.indices, a.ranges), box_of(y.indices, b.ranges))
