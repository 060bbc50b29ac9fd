"""Which members a line may use: those that exist, and in a recurrence those that come before."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product

from ..core.dims import SCALAR, Shape
from ..core.errors import NameProblem, Span
from ..core.expr import Expr
from ..core.families import MemberBox, Place, Segment, box_of, covers, may_meet
from ..core.indices import Incomparable, Index, Range, at_most, is_at_most, member, written
from ..core.traversal import reachable
from .syntax.tree import Definition, SyntaxNode


@dataclass(frozen=True, slots=True)
class Use:
    """A name in a body; `indices` if it has some, and the ranges of all letters where it stands."""

    node: SyntaxNode
    name: str
    base: str
    indices: Place = ()
    ranges: tuple[Range, ...] = ()
    is_function: bool = False

    def within(self) -> MemberBox:
        """From where to where members are used, as far as the conditions of sums let them."""
        low, high = map(list, box_of(self.indices, self.ranges))
        conditions = [c for over in self.ranges for c in over.where]
        for (k, i), c in product(enumerate(self.indices), conditions):
            least, most = i.minus(c.inner).ends(self.ranges)
            first = least.added(c.first.ends(self.ranges)[0])
            last = most.added(c.last.ends(self.ranges)[1])
            low[k] = first if is_at_most(low[k], first) else low[k]
            high[k] = last if is_at_most(last, high[k]) else high[k]
        return tuple(low), tuple(high)


@dataclass(slots=True, eq=False)
class PendingDefinition:
    """A definition on its way: its family and indices (none for an ordinary name), what stands for
    the members and the letters in it, and its place among the segments once its shape is known. Of
    an equation, a side; `unknowns` are what it determines, which is declared."""

    definition: Definition
    base: str
    indices: Place
    uses: list[Use]
    padded: frozenset[int] = frozenset()
    names: Mapping[str, Expr] = field(default_factory=dict)
    place: int | None = None
    unknowns: frozenset[str] = frozenset()

    @property
    def ranges(self) -> tuple[Range, ...]:
        return self.definition.ranges

    def segment(self, shape: Shape = SCALAR, body: Expr | None = None) -> Segment:
        """The members that it defines; their shape may be unknown still."""
        span = self.definition.name.span
        return Segment(
            self.base, self.indices, self.ranges, shape, body, span=span, padded=self.padded
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Dependence:
    """A definition that uses a member of a family that depends on it, and how far ahead that is
    along each axis, at least and at most, where that is known."""

    body: PendingDefinition
    use: Use
    ahead: tuple[tuple[Index, Index], ...]

    def is_of(self, other: PendingDefinition) -> bool:
        """Whether what is used may be what another one defines."""
        alike = other.base == self.use.base and len(other.indices) == len(self.use.indices)
        return alike and may_meet(box_of(other.indices, other.ranges), self.use.within())

    def is_before(self, axis: int, by: int = 0) -> bool:
        """Whether what is used comes before, along an axis."""
        return is_at_most(self.ahead[axis][1], Index("", -by))

    def is_behind(self, axis: int, by: int = 0) -> bool:
        return is_at_most(Index("", by), self.ahead[axis][0])


@dataclass(slots=True)
class Order:
    """The definitions of a problem, and the members that it declares."""

    bodies: Collection[PendingDefinition]
    declared: Sequence[Segment]
    functions: Sequence[Segment]
    reached: dict[str, Collection[str]] = field(default_factory=dict)  # what each name depends on

    def __post_init__(self) -> None:
        self._find_reached()

    def check(self) -> None:
        """Refuse uses of what doesn't exist, or comes later. Raises NameProblem."""
        found = []
        for body in self.bodies:
            for use in (u for u in body.uses if u.name not in body.unknowns):
                is_own = use.base in self.reached and body.base in self.reached[use.base]
                if is_own and not (use.indices and body.indices):
                    raise circular(use.name, use.node.span)
                if is_own:
                    found.append(self._dependence(body, use))
        self._check_order(found)
        for body in self.bodies:
            for use in body.uses:
                if use.indices:
                    self.check_exists(body, use)

    def _find_reached(self) -> None:
        """For each name that is defined, those that it depends on."""
        direct: dict[str, dict[str, None]] = {}
        for b in self.bodies:
            used = ((u.base, None) for u in b.uses if u.name not in b.unknowns)
            direct.setdefault(b.base, {}).update(used)
        for base in direct:
            self.reached[base] = reachable(base, lambda b: direct.get(b, {}))

    # ---- recurrences

    def _dependence(self, body: PendingDefinition, use: Use) -> _Dependence:
        inner = use.ranges[len(body.ranges) :]
        ahead = []
        for own, index in zip(body.indices, use.indices, strict=False):
            low, high = index.ends(inner)
            ahead.append(
                (low.minus(own).ends(body.ranges)[0], high.minus(own).ends(body.ranges)[1])
            )
        return _Dependence(body, use, tuple(ahead))

    def _check_order(self, found: Sequence[_Dependence]) -> None:
        """Refuse recurrences that run along no axis: members are to be computed one after another,
        rising or falling along one axis, and those of one index there along another."""
        waiting = [list(found)]
        while waiting:
            group = _cyclic(waiting.pop())
            for part in group:
                axes = range(min(len(d.ahead) for d in part))
                rest = next((r for k in axes if (r := _along(part, k)) is not None), None)
                if rest is None:
                    raise self._no_order(part)
                waiting.append(rest)

    def _no_order(self, part: Sequence[_Dependence]) -> NameProblem:
        late = next((d for d in part if not any(map(d.is_before, range(len(d.ahead))))), None)
        if late is None or (len(part) == 1 and late.use.indices == late.body.indices):
            return circular(part[0].use.name, part[0].use.node.span)
        return NameProblem(
            f"`{late.use.name}` looks ahead: `{member(late.body.base, *late.body.indices)}` comes "
            "before it, and a recurrence uses members before its own.",
            late.use.node.span,
        )

    # ---- members that there are

    def check_exists(self, body: PendingDefinition | None, use: Use) -> None:
        """Refuse a member that is neither declared nor defined. Raises NameProblem."""
        ranges = self._ranges(use)
        if not ranges:
            what = "an elementwise family" if use.is_function else "a family"
            raise NameProblem(
                f"`{use.base}` is not declared as {what}: `{use.name} : … for l = 1..L`.",
                use.node.span,
            )
        if len(ranges[0].indices) != len(use.indices):
            raise NameProblem(
                f"`{use.base}` has {_indices(len(ranges[0].indices))}: `{ranges[0].name}`.",
                use.node.span,
            )
        boxes = [s.box for s in ranges]
        try:
            missing = covers(boxes, _clipped(use.within(), ranges))
        except Incomparable:
            there = " and ".join(map(box_text, boxes))
            used = f" for {written(use.ranges)}" if use.ranges else ""
            raise NameProblem(
                f"`{use.base}` has the members {there}, and `{use.name}` is used{used}: nothing "
                "tells which is larger. Write one of the lengths by the other where members are "
                "declared.",
                use.node.span,
            ) from None
        if missing is None:
            return
        name = member(use.base, *missing)
        is_own = body is not None and body.base == use.base and not use.is_function
        if is_own and body is not None and body.ranges and _is_outside(missing, body):
            raise NameProblem(
                f"the start is missing: the member {_equal(body.ranges)} uses `{name}`, which "
                f"has no value: write `{name} = …`, or declare its shape.",
                use.node.span,
            )
        given = " and ".join(map(box_text, boxes))
        at = _equal(use.ranges, missing, use.indices) if use.ranges else ""
        where = f": the member {at} uses" if at else " in"
        pads = any(len(i.terms) > 1 for i in use.indices)
        advice = " End its line with `zero outside` if all others are zero." if pads else ""
        raise NameProblem(
            f"an index is out of range{where} `{name}`: `{use.base}` has the members {given}."
            + advice,
            use.node.span,
        )

    def _ranges(self, use: Use) -> list[Segment]:
        """The members that there are of a name's family; shapes may be unknown still."""
        known = self.functions if use.is_function else self.known
        return [s for s in known if s.base == use.base]

    @property
    def known(self) -> list[Segment]:
        """The members that are declared or defined; shapes may be unknown still."""
        defined = (b for b in self.bodies if b.indices and not b.unknowns)
        return [*self.declared, *(b.segment() for b in defined)]


def circular(name: str, span: Span) -> NameProblem:
    return NameProblem(f"`{name}` is defined by itself.", span)


def _along(part: Sequence[_Dependence], axis: int) -> list[_Dependence] | None:
    """What is left to be ordered where members are computed one after another along an axis; None
    if that doesn't go, or orders nothing."""
    for goes in (_Dependence.is_before, _Dependence.is_behind):
        if all(goes(d, axis) for d in part):
            rest = [d for d in part if not goes(d, axis, 1)]
            if len(rest) < len(part):
                return rest
    return None


def _cyclic(found: Sequence[_Dependence]) -> list[list[_Dependence]]:
    """The dependences that are part of a circle of definitions, those of each by themselves."""
    direct: dict[PendingDefinition, dict[PendingDefinition, None]] = {d.body: {} for d in found}
    for d in found:
        direct[d.body].update((body, None) for body in direct if d.is_of(body))
    reached = {body: reachable(body, direct.__getitem__) for body in direct}
    groups: dict[frozenset[PendingDefinition], list[_Dependence]] = {}
    for d in found:
        circle = frozenset(b for b in reached[d.body] if d.body in reached[b])
        if any(d.is_of(body) for body in circle):
            groups.setdefault(circle, []).append(d)
    return list(groups.values())


def _clipped(box: MemberBox, segments: Sequence[Segment]) -> MemberBox:
    """A box without what lies outside of where members that are zero end."""
    padded = segments[0].padded
    if not padded:
        return box
    low, high = (
        tuple(own[k] if k in padded else i for k, i in enumerate(end))
        for own, end in zip(segments[0].box, box, strict=True)
    )
    return low, high


def _is_outside(at: Place, body: PendingDefinition) -> bool:
    """Whether a member comes before those that a line defines."""
    low = box_of(body.indices, body.ranges)[0]
    return any(at_most(a, b) for a, b in zip(at, low, strict=True))


def _indices(count: int) -> str:
    return "one index" if count == 1 else f"{count} indices"


def box_text(box: MemberBox) -> str:
    """The members of a box, as a message names them."""
    axes = [f"{a}" if a == b else f"{a}..{b}" for a, b in zip(*box, strict=True)]
    return axes[0] if len(axes) == 1 else f"[{', '.join(axes)}]"


def _equal(ranges: Sequence[Range], missing: Place = (), indices: Place = ()) -> str:
    """`l = 1`: the member that uses what is missing; empty if several do."""
    at = {over.letter: over.first for over in ranges}
    for i, k in zip(indices, missing, strict=True):
        if i.letter in at and not i.others:
            at[i.letter] = k.plus(-i.offset)
        elif k == i.ends(ranges)[0]:  # `t-q` is least where q is largest
            at |= {over.letter: over.last for over in ranges if i.terms.get(over.letter, 0) < 0}
        elif i.others:
            return ""
    own = [letter for letter in at if not missing or any(letter in i.terms for i in indices)]
    return ", ".join(f"{letter} = {at[letter]}" for letter in own or at)
