"""Which members a line may use: those that exist, and in a recurrence those that come before."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from ..core.dims import SCALAR
from ..core.errors import NameProblem, Span
from ..core.families import Incomparable, Segment, at_most, covers
from ..core.indices import Index, Range, member
from ..core.traversal import reachable
from .syntax import Definition, SyntaxNode


@dataclass(frozen=True, slots=True)
class Use:
    """A name in a body; `index` if it has one, and the range that its letter runs over."""

    node: SyntaxNode
    name: str
    base: str
    index: Index | None = None
    over: Range | None = None
    is_function: bool = False

    def within(self) -> tuple[Index, Index]:
        """The first and the last index that is used."""
        assert self.index is not None
        return self.index.ends(self.over)


@dataclass(slots=True, eq=False)
class PendingDefinition:
    """A definition on its way: its family and index (None for an ordinary name)."""

    definition: Definition
    base: str
    index: Index | None
    uses: list[Use]

    @property
    def over(self) -> Range | None:
        return self.definition.over


@dataclass(slots=True)
class Order:
    """The definitions of a problem, and the members that it declares."""

    bodies: Sequence[PendingDefinition]
    declared: Sequence[Segment]
    functions: Sequence[Segment]
    reached: dict[str, Collection[str]] = field(default_factory=dict)  # what each name depends on

    def __post_init__(self) -> None:
        self._find_reached()

    def check(self) -> None:
        """Refuse uses of what doesn't exist, or comes later. Raises NameProblem."""
        for body in self.bodies:
            for use in body.uses:
                self._check_order(body, use)
        self._check_cycles()

    def _find_reached(self) -> None:
        """For each name that is defined, those that it depends on."""
        direct: dict[str, dict[str, None]] = {}
        for b in self.bodies:
            direct.setdefault(b.base, {}).update((u.base, None) for u in b.uses)
        for base in direct:
            self.reached[base] = reachable(base, lambda b: direct.get(b, {}))

    def _check_order(self, body: PendingDefinition, use: Use) -> None:
        """Refuse a use of what doesn't exist, or comes later."""
        if use.index is None:
            if use.base in self.reached and body.base in self.reached[use.base]:
                raise self._circular(use.name, use.node.span)
            return
        if use.base in self.reached and body.base in self.reached[use.base]:
            self._check_looks_back(body, use)
        self.check_exists(body, use)

    def _circular(self, name: str, span: Span) -> NameProblem:
        return NameProblem(f"`{name}` is defined by itself.", span)

    def _check_looks_back(self, body: PendingDefinition, use: Use) -> None:
        assert use.index is not None
        if body.index is None:
            raise self._circular(use.name, use.node.span)
        own = body.index
        if use.index.letter == own.letter:
            if use.index.offset <= own.offset:
                return
        elif body.over is None and at_most(use.index, own):
            return
        elif body.over is not None and not use.index.letter:
            first = body.over.first.plus(own.offset)
            if first.letter or use.index.offset < first.offset:
                return
        raise NameProblem(
            f"`{use.name}` looks ahead: `{member(body.base, own)}` comes before it, and a "
            "recurrence uses members before its own.",
            use.node.span,
        )

    def _check_cycles(self) -> None:
        """Refuse members of the same index that are defined by each other."""
        same: dict[str, dict[str, None]] = {}
        pairs = [(b, u) for b in self.bodies for u in b.uses if b.index and u.index == b.index]
        for b, u in pairs:
            same.setdefault(b.base, {})[u.base] = None
        for b, u in pairs:
            if b.base == u.base or b.base in reachable(u.base, lambda base: same.get(base, {})):
                raise self._circular(u.name, u.node.span)

    def check_exists(self, body: PendingDefinition | None, use: Use) -> None:
        """Refuse a member that is neither declared nor defined. Raises NameProblem."""
        ranges = self._ranges(use)
        if not ranges:
            what = "an elementwise family" if use.is_function else "a family"
            raise NameProblem(
                f"`{use.base}` is not declared as {what}: `{use.name} : … for l = 1..L`.",
                use.node.span,
            )
        first, last = use.within()
        try:
            missing = covers(ranges, first, last)
        except Incomparable:
            raise NameProblem(
                f"`{use.name}` counts from another length than `{use.base}`.", use.node.span
            ) from None
        if missing is None:
            return
        if body is not None and body.base == use.base and body.over and not use.is_function:
            begins = at_most(missing, body.over.first.plus((body.index or Index()).offset))
            if begins:
                raise NameProblem(
                    f"the start is missing: the member {_equal(body.over)} uses "
                    f"`{member(use.base, missing)}`, which has no value: write "
                    f"`{member(use.base, missing)} = …`, or declare its shape.",
                    use.node.span,
                )
        given = " and ".join(
            f"{s.first}" if s.first == s.last else f"{s.first}..{s.last}" for s in ranges
        )
        where = f": the member {_equal(use.over, missing, use.index)} uses" if use.over else " in"
        raise NameProblem(
            f"an index is out of range{where} `{member(use.base, missing)}`: `{use.base}` has "
            f"the members {given}.",
            use.node.span,
        )

    def _ranges(self, use: Use) -> list[Segment]:
        """The members that there are of a name's family; shapes may be unknown still."""
        known = self.functions if use.is_function else self.known
        return [s for s in known if s.base == use.base]

    @property
    def known(self) -> list[Segment]:
        """The members that are declared or defined; shapes may be unknown still."""
        defined = [
            Segment(b.base, b.index, b.over, SCALAR) for b in self.bodies if b.index is not None
        ]
        return [*self.declared, *defined]


def _equal(over: Range, missing: Index | None = None, index: Index | None = None) -> str:
    """`l = 1`: the member that uses what is missing."""
    at = over.first if missing is None or index is None else missing.plus(-index.offset)
    return f"{over.letter} = {at}"
