"""Statements with an index to families: which members there are, and what the generic one is.

Every body is elaborated as an ordinary expression in which `Z[l-1]` and `W[l]` are declared names;
what is particular to families is checked here: that each member used exists, that a recurrence has
a start and doesn't look ahead, and that shapes chain from one member to the next.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, field

from ..core import expr as ex
from ..core import traversal
from ..core.dims import SCALAR, Dim, Shape, shape_text
from ..core.errors import NameProblem, ShapeError, Span
from ..core.expr import Expr, Total
from ..core.families import Place, Segment, meet
from ..core.indices import Incomparable, Member, Range, base_of, parts, written
from .expressions import expression_of
from .family_scope import Order, PendingDefinition, Use
from .shapes.scope import Scope, known_scope
from .syntax.tree import RUNNING, Declaration, Definition, Statement, SyntaxNode, opened


@dataclass(slots=True)
class FamilyElaboration:
    """One problem on its way from statements to segments."""

    text: str
    scope: Scope
    segments: list[Segment] = field(default_factory=list)
    functions: list[Segment] = field(default_factory=list)
    values: dict[str, Expr] = field(default_factory=dict)  # of names without an index
    bodies: list[PendingDefinition] = field(default_factory=list)
    lengths: dict[str, None] = field(default_factory=dict)
    indexed: dict[str, str] = field(default_factory=dict)  # what has a letter as an index

    def find_letters(self, statements: Sequence[Statement]) -> None:
        """The letters of indices, and those to which they run."""
        given = [s for s in statements if isinstance(s, (Declaration, Definition))]
        for s in given:
            first = s.names[0][0] if isinstance(s, Declaration) else s.name.name
            self.indexed.update((r.letter, first) for r in s.ranges)
            own = {r.letter for r in s.ranges}
            for letter in (t for r in s.ranges for i in r.ends for t in i.terms if t not in own):
                self.lengths[letter] = None
                self.scope.dims.setdefault(letter, None)

    # ---- declarations

    def declare(self, declarations: Sequence[Declaration]) -> None:
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
                if not indices:
                    for letter in (n for d in shape for n in d.names if n in self.indexed):
                        raise NameProblem(
                            f"`{letter}` is a dimension of `{name}`, and the index of "
                            f"`{self.indexed[letter]}`: give one of them another letter.",
                            span,
                        )
                    self.values[name] = ex.symbol(name, shape, kept)
                    continue
                self._add(
                    Segment(base_of(name), indices, s.ranges, shape, None, kept, span, padded)
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
                raise NameProblem(f"`{name}` has no index `{letter}`.", span)
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

    def define(self, definitions: Sequence[Definition]) -> None:
        for d in definitions:
            name, span = d.name
            indices = self._indices(name, d.ranges, span)
            taken = not indices and (name in self.scope.symbols or name in self.plain())
            if taken or name in self.scope.functions or name in self.scope.dims:
                raise NameProblem(f"`{name}` means something already: choose another name.", span)
            padded = self._padded(name, indices, d.padded, span)
            self.bodies.append(PendingDefinition(d, base_of(name), indices, [], padded))
        for body in self.bodies:
            body.uses = list(self.uses_of(body.definition.body, body.ranges))
        self.order().check()
        self._lower()
        for body in self.bodies:
            for use in body.uses:
                self._check_chain(use)

    def order(self) -> Order:
        return Order(self.bodies, [s for s in self.segments if s.body is None], self.functions)

    def plain(self) -> dict[str, PendingDefinition]:
        return {b.base: b for b in self.bodies if not b.indices}

    def uses_of(self, root: SyntaxNode, over: tuple[Range, ...] = ()) -> Iterator[Use]:
        """The names in an expression, each with the ranges that its indices run over."""
        stack: list[tuple[SyntaxNode, tuple[Range, ...]]] = [(root, over)]
        while stack:
            node, ranges = stack.pop()
            inner = ranges
            if node.kind in RUNNING:
                outer = {r.letter for r in ranges}
                if node.value.letter in outer:
                    raise NameProblem(
                        f"`{node.value.letter}` runs here already: choose another letter for the "
                        "sum.",
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
                if use.base in self._dim_families():
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

    def _dim_families(self) -> set[str]:
        return {d.base for d in self.scope.dims if isinstance(d, Member)}

    # ---- shapes, from the starts on

    def _lower(self) -> None:
        waiting = list(self.bodies)
        while waiting:
            ready = next((b for b in waiting if self._is_ready(b)), None)
            if ready is None:
                first = waiting[0]
                raise NameProblem(
                    f"`{first.base}` is defined by itself.", first.definition.name.span
                )
            waiting.remove(ready)
            self._lower_one(ready)

    def _is_ready(self, body: PendingDefinition) -> bool:
        plain = self.plain()
        for u in body.uses:
            if u.is_function:
                continue
            if not u.indices and u.name in plain and u.name not in self.values:
                return False
            if u.indices and not self._known(u):
                return False
        return True

    def _known(self, use: Use) -> list[Segment]:
        """The segments whose shapes are known: those that have the member, if there are any."""
        found = [s for s in self.segments if s.base == use.base]
        try:
            meeting = [s for s in found if meet(s.box, use.within())]
        except Incomparable:
            return found
        return meeting or found

    def _lower_one(self, body: PendingDefinition) -> None:
        d = body.definition
        name = d.name.name
        try:
            value = self.expression(d.body, body.uses, d.ranges)
        except ShapeError as error:
            error.message += self._why(body.uses)
            raise
        if not body.indices:
            self.values[name] = ex.named(name, value)
        else:
            self._add(body.segment(value.shape, value))

    def _why(self, uses: Sequence[Use]) -> str:
        """Where the shapes of members come from that were derived from a start."""
        reasons = []
        for u in uses:
            segment = self._known(u)[0] if u.indices and self._known(u) else None
            if segment is not None and segment.body is not None and u.indices != segment.indices:
                shape = shape_text(segment.shape_at(u.indices))
                reasons.append(
                    f"`{u.name}` is {shape}, as `{segment.name}` is {shape_text(segment.shape)}."
                )
        return "".join("\n" + r for r in dict.fromkeys(reasons))

    def expression(
        self,
        root: SyntaxNode,
        uses: Sequence[Use],
        ranges: Sequence[Range] = (),
        shape: Shape | None = None,
    ) -> Expr:
        """The expression, of which every name has a value; `shape` sizes a bare `I`."""
        values: dict[str, Expr] = {}
        bound = [*ranges]
        bound += [n.value for n in opened(root) if n.kind in RUNNING]
        for r in bound:
            values[r.letter] = ex.dimension(Dim.of(r.letter))
        values.update(self.values)
        for u in uses:
            if u.indices and not u.is_function:
                values[u.name] = self._known(u)[0].symbol(u.indices)
        functions = [*self.scope.functions, *(u.name for u in uses if u.is_function)]
        scope = known_scope(self.text, values, functions, dict(self.scope.dims))
        for u in uses:
            if u.is_function and not u.indices and u.name not in self.scope.functions:
                raise NameProblem(f"`{u.name}` is a family: write `{u.name}[l](…)`.", u.node.span)
        built = expression_of(root, scope, values, shape)
        for e in traversal.postorder([built]):
            if isinstance(e, Total) and any(
                e.over.letter in (name, *(t for i in parts(name)[1] for t in i.terms))
                for d in e.shape
                for name in d.names
            ):
                raise ShapeError(
                    f"the members that are summed have shape {shape_text(e.shape)}, each another: "
                    "there is no such sum.",
                    root.span,
                )
        return built

    def _check_chain(self, use: Use) -> None:
        """Members that one use means have one shape, the index put in."""
        if not use.indices or use.is_function:
            return
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
