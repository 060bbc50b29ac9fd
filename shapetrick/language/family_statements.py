"""Statements with an index to families: which members there are, and what the generic one is.

Elaboration takes every body as it takes those of ordinary names, where `Z[l-1]` and `W[l]` are
names whose shapes are told here; what is particular to families is checked here: that each member
used exists, that a recurrence has a start and doesn't look ahead, and that shapes chain from one
member to the next.
"""

from __future__ import annotations

from collections.abc import Collection, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ..core import expr as ex
from ..core.dims import SCALAR, Dim, Shape, shape_text
from ..core.equations import EquationSystem
from ..core.errors import NameProblem, RequestError, ShapeError, Span
from ..core.expr import Expr
from ..core.families import Families, MemberSystem, Place, Segment, meet
from ..core.indices import Incomparable, Member, Range, base_of, parts, written
from .expressions import refuse_unknown
from .family_scope import Order, PendingDefinition, Use, circular
from .shapes.inference import Undetermined
from .shapes.scope import Scope, gather, known_scope
from .shapes.unification import is_settled
from .syntax.index_binders import bound_twice
from .syntax.tree import (
    RUNNING,
    Declaration,
    Definition,
    Solving,
    Statement,
    SyntaxNode,
    expressions_of,
    given_by,
    opened,
    values_named,
)


@dataclass(slots=True)
class MemberScope:
    """What the names with an index in a problem mean."""

    text: str
    scope: Scope
    segments: list[Segment] = field(default_factory=list)
    functions: list[Segment] = field(default_factory=list)
    pending: dict[Definition, PendingDefinition] = field(default_factory=dict)
    lengths: dict[str, None] = field(default_factory=dict)
    indexed: dict[str, str] = field(default_factory=dict)  # what has a letter as an index
    sides: list[PendingDefinition] = field(default_factory=list)  # of equations

    @classmethod
    def of(cls, text: str, statements: Sequence[Statement]) -> MemberScope:
        """The members that statements declare and define, of which the latter have no shapes yet.

        Raises InputError."""
        _refuse_whole(text, statements)
        typed = [s for s in statements if isinstance(s, Declaration)]
        declarations = [replace(part, equations=(), beside=()) for s in typed for part in s.parts]
        found = cls(text, gather(text, declarations))
        found._find_letters(statements)
        found._declare(declarations)
        found.scope.systems += [s for s in typed if s.equations]
        found._gather([s for s in statements if isinstance(s, Definition)])
        return found

    def families(self, systems: Sequence[EquationSystem]) -> Families:
        """All members; the systems are those of the scope."""
        pairs = zip(systems, self.scope.systems, strict=True)
        determined = tuple(MemberSystem(system, s.ranges) for system, s in pairs)
        lines = tuple(self.segments), tuple(self.lengths), tuple(self.functions)
        return Families(*lines, determined)

    def _find_letters(self, statements: Sequence[Statement]) -> None:
        """The letters of indices, and those to which they run."""
        given = given_by(statements)
        for s in given:
            first = s.names[0][0] if isinstance(s, Declaration) else s.name.name
            self.indexed.update((r.letter, first) for r in s.ranges)
            own = {r.letter for r in s.ranges}
            ends = [t for r in s.ranges for i in r.ends for t in i.terms if t not in own]
            self.lengths.update(dict.fromkeys(ends))
            for letter in (*own, *ends):
                place = self.scope.place(letter)
                if place is not None:
                    role = "is the index" if letter in own else "ends the range"
                    raise NameProblem(
                        f"`{letter}` {role} of `{first}`, so it can't be a value: choose another "
                        "name.",
                        place,
                    )
            for letter in ends:
                self.scope.dims.setdefault(letter, None)

    # ---- declarations

    def _declare(self, declarations: Sequence[Declaration]) -> None:
        scope = self.scope
        for s in declarations:
            for name, span in s.names:
                indices = self._indices(name, s.ranges, span)
                padded = self._padded(name, indices, s.padded, span)
                if name in scope.dims:  # a natural number
                    continue
                if name in scope.functions:
                    if indices:
                        self.functions.append(Segment(base_of(name), indices, s.ranges, SCALAR))
                    continue
                declared = scope.symbols[name]
                if declared.sides is None:
                    raise NameProblem(
                        f"give `{name}` a shape: where there are families, none is inferred.", span
                    )
                shape = (declared.sides[0].dim, declared.sides[1].dim)
                kept = frozenset(declared.attributes) - {"const"}
                self._check_shape(name, shape, {r.letter for r in s.ranges}, span)
                if indices:
                    self._add(
                        Segment(base_of(name), indices, s.ranges, shape, None, kept, span, padded)
                    )

    def _check_shape(self, name: str, shape: Shape, running: set[str], span: Span) -> None:
        """Refuse letters that nothing binds, and those that are an index elsewhere."""
        for dim in (n for d in shape for n in d.names):
            self._refuse_unbound(dim, parts(dim)[1], running, span)
            if dim in self.indexed and dim not in running:
                raise NameProblem(
                    f"`{dim}` is a dimension of `{name}`, and the index of "
                    f"`{self.indexed[dim]}`: give one of them another letter.",
                    span,
                )

    def _indices(self, name: str, ranges: Sequence[Range], span: Span) -> Place:
        """The indices of a name that is declared or defined."""
        base, indices = parts(name)
        letters = [i.letter for i in indices if i.letter]
        running = [r.letter for r in ranges]
        for over in ranges:
            if over.letter not in letters or running.count(over.letter) > 1:
                wanted = ",".join(dict.fromkeys(running))
                raise NameProblem(
                    f"`for {written(ranges)}` makes a family: write `{base}[{wanted}]`.", span
                )
            if over.letters & {*running}:
                longest = next((r.last for r in ranges if r.letter in over.letters), over.last)
                raise NameProblem(
                    f"a family's index runs to a length, and `{over}` to another index: write "
                    f"`{over.letter} = 1..{longest}`; sums over `{over}` take what they need.",
                    span,
                )
        for i in indices:
            if i.others or (i.letter in running and letters.count(i.letter) > 1):
                raise NameProblem(
                    f"`{i}` in `{name}`: of what is declared or defined each index is a letter of "
                    "its own, or a number.",
                    span,
                )
        self._refuse_unbound(name, indices, running, span)
        return indices

    def _refuse_unbound(
        self, name: str, indices: Place, running: Container[str], span: Span
    ) -> None:
        """Refuse a letter that neither runs nor is a length. Raises NameProblem."""
        for letter in (t for i in indices for t in i.terms):
            if letter not in running and letter not in self.lengths:
                raise self._without_range(letter, name, span)

    def _without_range(self, letter: str, name: str, span: Span) -> NameProblem:
        """What is said of an index that nothing binds: a range that a family has at its place."""
        base, indices = parts(name)
        ranges = [r for s in self.segments if s.base == base for r in s.ranges]
        letters = [i.letter for i in indices if i.letter]
        over = dict(zip(letters, ranges, strict=False)).get(letter)
        found = "" if over is None else f"{letter} = {over.first}..{over.last}"
        summed = f", or sum over it, `sum({found}) …`" if found else ""
        return NameProblem(
            f"nothing says which numbers `{letter}` is in `{name}`: end the line with "
            f"`for {found or f'{letter} = 1..L'}`{summed}.",
            span,
        )

    @staticmethod
    def _padded(name: str, indices: Place, letters: Sequence[str], span: Span) -> frozenset[int]:
        """The axes outside of whose ranges members are zero."""
        axes = {i.letter: k for k, i in enumerate(indices)}
        for letter in letters:
            if letter not in axes:
                lacks = f" `{letter}`." if letter else ": `zero outside` stands behind its range."
                raise NameProblem(f"`{name}` has no index{lacks}", span)
        return frozenset(axes[letter] for letter in letters)

    def _add(self, segment: Segment) -> None:
        """Take a segment in, unless its members are there already."""
        for other in self.segments:
            if other.base != segment.base:
                continue
            if len(other.indices) != len(segment.indices):
                raise NameProblem(
                    f"`{segment.name}` and `{other.name}` differ in how many indices they have.",
                    segment.span,
                )
            try:
                apart = not meet(segment.box, other.box)
            except Incomparable:
                raise NameProblem(
                    f"`{segment.name}` and `{other.name}` count from different lengths.",
                    segment.span,
                ) from None
            if not apart:
                raise NameProblem(
                    f"`{segment.name}` overlaps with `{other.name}` in line "
                    f"{other.span.line_of(self.text) if other.span else '?'}: each member is given "
                    "once.",
                    segment.span,
                )
        self.segments.append(segment)

    # ---- definitions

    def _gather(self, definitions: Sequence[Definition]) -> None:
        """Take definitions in, and order them."""
        scope = self.scope
        for d in definitions:
            name, span = d.name
            indices = self._indices(name, d.ranges, span)
            taken = not indices and (name in scope.symbols or name in scope.definitions)
            meanings = (scope.functions, scope.dims, self.indexed)
            if taken or any(name in known for known in meanings):
                raise NameProblem(f"`{name}` means something already: choose another name.", span)
            padded = self._padded(name, indices, d.padded, span)
            self.pending[d] = PendingDefinition(d, base_of(name), indices, [], padded)
            if not indices:
                scope.definitions[name] = d
        given = [s.base for s in (*self.segments, *self.functions)]
        for base in dict.fromkeys([*given, *(b.base for b in self.bodies if b.indices)]):
            place = scope.place(base)
            if place is not None:
                raise NameProblem(
                    f"`{base}` is a family too, by its members: choose another name.", place
                )
        self.sides = [side for system in scope.systems for side in self._sides_of(system)]
        for body in (*self.bodies, *self.sides):
            body.uses = list(self.uses_of(body.definition.body, body.ranges))
        self.order().check()
        for body in (*self.bodies, *self.sides):
            root, members = body.definition.body, [u.name for u in body.uses if u.indices]
            names = [*scope.symbols, *scope.definitions, *_letters_of(root, body.ranges), *members]
            refuse_unknown(known_scope(self.text, names, scope.functions, scope.dims), root)
        scope.ordered += [body.definition for body in self._in_order()]

    @staticmethod
    def _sides_of(system: Declaration) -> Iterator[PendingDefinition]:
        """The sides of equations, as what the first of their unknowns is made of."""
        name, own = system.names[0], frozenset(n for n, _ in values_named(system))
        for side in expressions_of(system):
            d = Definition(name, side, system.span, system.ranges)
            yield PendingDefinition(d, *parts(name.name), [], unknowns=own)

    def _in_order(self) -> Iterator[PendingDefinition]:
        """The definitions, each after those it uses and the start of what it is made of."""
        waiting = list(self.bodies)
        defined = {b.base for b in waiting}
        known = {s.base for s in self.segments}
        while waiting:
            ready = (
                b
                for b in waiting
                if all(u.is_function or u.base in known or u.base not in defined for u in b.uses)
            )
            body = next(ready, None)
            if body is None:
                raise circular(waiting[0].base, waiting[0].definition.name.span)
            waiting.remove(body)
            known.add(body.base)
            yield body

    @property
    def bodies(self) -> Collection[PendingDefinition]:
        """The definitions in the order of the text."""
        return self.pending.values()

    def order(self) -> Order:
        declared = [s for s in self.segments if s.body is None]
        return Order((*self.bodies, *self.sides), declared, self.functions)

    def uses_of(self, root: SyntaxNode, over: tuple[Range, ...]) -> Iterator[Use]:
        """The names in an expression, each with the ranges that its indices run over."""
        of_dims = {d.base for d in self.scope.dims if isinstance(d, Member)}
        stack: list[tuple[SyntaxNode, tuple[Range, ...]]] = [(root, over)]
        while stack:
            node, ranges = stack.pop()
            inner = ranges
            if node.kind in RUNNING:
                outer = {r.letter for r in ranges}
                if node.value.letter in outer:
                    raise NameProblem(bound_twice(node.value.letter), node.span)
                if self.scope.is_value(node.value.letter):
                    raise NameProblem(
                        f"`{node.value.letter}` is a value, so it can't be the index of a sum: "
                        "choose another letter.",
                        node.span,
                    )
                inner = (*ranges, node.value)
                for letter in node.value.letters:
                    if letter not in (*self.lengths, *outer):
                        raise NameProblem(
                            f"no family ends at `{letter}`, over which the sum runs.",
                            node.span,
                        )
            if node.kind in ("name", "abstract"):
                use = self._use(node, ranges)
                if use.base in of_dims:
                    self.scope.dims.setdefault(use.name, node.span)
                else:
                    yield use
            if node.opened is not None:
                stack.append((node.opened.root, inner))
            stack.extend((a, inner) for a in reversed(node.args))

    def _use(self, node: SyntaxNode, ranges: tuple[Range, ...]) -> Use:
        is_function = node.kind == "abstract"
        name = node.value[0] if is_function else node.value
        base, indices = parts(name)
        if not indices:
            families = {b.base for b in self.bodies if b.indices}
            families |= {s.base for s in (*self.segments, *self.functions)}
            if name in families and name not in self.scope.functions:
                raise NameProblem(
                    f"`{name}` is a family: write `{name}[…]` for a member.", node.span
                )
            return Use(node, name, name, is_function=is_function)
        self._refuse_unbound(name, indices, {r.letter for r in ranges}, node.span)
        return Use(node, name, base, indices, ranges, is_function)

    # ---- shapes, from the starts on

    def names_in(self, definition: Definition) -> Mapping[str, Expr]:
        """What the members and the letters in a definition stand for."""
        found = self.pending[definition]
        if not found.names:
            found.names = self.values(definition.body, found.uses, definition.ranges)
        return found.names

    def names_in_equations(self) -> dict[str, Expr]:
        """What the members and the letters in equations stand for."""
        found: dict[str, Expr] = {}
        for side in self.sides:
            found.update(self.values(side.definition.body, side.uses, side.ranges))
        return found

    def values(
        self, root: SyntaxNode, uses: Sequence[Use], ranges: Sequence[Range] = ()
    ) -> dict[str, Expr]:
        """What the members and the letters in an expression stand for."""
        found: dict[str, Expr] = {
            letter: ex.dimension(Dim.of(letter))
            for letter in _letters_of(root, ranges)
            if not self.scope.is_value(letter)
        }
        for u in uses:
            if u.indices and not u.is_function:
                found[u.name] = self._known(u)[0].symbol(u.indices)
        return found

    def add(self, definition: Definition, shape: Shape) -> None:
        """Take in the members that a definition has, from whose shape those of others are told.
        Raises NameProblem, Undetermined."""
        found = self.pending[definition]
        if found.indices and not is_settled(shape):
            raise Undetermined
        if found.indices:
            found.place = len(self.segments)
            self._add(found.segment(shape))

    def define(self, definition: Definition, value: Expr) -> bool:
        """Say what the members of a definition are; whether it has an index."""
        place = self.pending[definition].place
        if place is not None:
            self.segments[place] = replace(self.segments[place], body=value)
        return place is not None

    def _known(self, use: Use) -> list[Segment]:
        """The segments whose shapes are known: those that have the member, if there are any."""
        found = [s for s in self.segments if s.base == use.base]
        try:
            meeting = [s for s in found if meet(s.box, use.within())]
        except Incomparable:
            return found
        return meeting or found

    def why(self, definition: Definition) -> str:
        """Where the shapes of members come from that were derived from a start."""
        reasons = []
        defined = [d.name.span for d in self.pending]
        for u in self.pending[definition].uses:
            segment = self._known(u)[0] if u.indices and self._known(u) else None
            if segment is not None and segment.span in defined and u.indices != segment.indices:
                shape = shape_text(segment.shape_at(u.indices))
                reasons.append(
                    f"`{u.name}` is {shape}, as `{segment.name}` is {shape_text(segment.shape)}."
                )
        return "".join("\n" + r for r in dict.fromkeys(reasons))

    def check_chains(self) -> None:
        """Members that one use means have one shape, the index put in. Raises ShapeError."""
        for use in (u for b in self.bodies for u in b.uses if u.indices and not u.is_function):
            known = [s for s in self.segments if s.base == use.base and meet(s.box, use.within())]
            for s in known[1:]:
                if s.shape_at(use.indices) != known[0].shape_at(use.indices):
                    raise ShapeError(
                        f"the members of `{use.base}` don't chain: `{known[0].name}` is "
                        f"{shape_text(known[0].shape)}, so that `{use.name}` would be "
                        f"{shape_text(known[0].shape_at(use.indices))}; `{s.name}` is "
                        f"{shape_text(s.shape)}, so that it would be "
                        f"{shape_text(s.shape_at(use.indices))}.",
                        s.span or use.node.span,
                    )


def _letters_of(root: SyntaxNode, ranges: Sequence[Range]) -> list[str]:
    """The letters that run in an expression, and those of its ranges."""
    inner = (n.value for n in opened(root) if n.kind in RUNNING)
    return [r.letter for r in (*ranges, *inner)]


def _refuse_whole(text: str, statements: Sequence[Statement]) -> None:
    """Refuse statements that problems with families don't have. Raises RequestError."""
    for s in statements:
        match s:
            case Solving():
                what = "equations of members are not solved"
            case Declaration() if s.equations and not s.ranges:
                what = "equations behind `where` are of members, beside families"
            case _:
                continue
        raise RequestError(f"{what}: write out a fixed number of members.", s.span, text)
