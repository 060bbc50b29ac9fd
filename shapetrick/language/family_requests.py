"""What is asked of families: gradients by members, and claims on them.

A claim may mention the gradients by members, G[l]; it is made for all members for which there is
what it mentions, or for those that it says.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from ..core.errors import Located, NameProblem, RequestError, ShapeError
from ..core.expr import Expr, Name, Symbol
from ..core.families import COTANGENT, Families, Segment, cotangent_names, lies_in
from ..core.indices import (
    Incomparable,
    Index,
    Member,
    Range,
    at_most,
    base_of,
    member,
    parts,
)
from ..core.problem import Claim, Problem, Request
from .family_scope import Use, box_text
from .family_statements import Build, FamilyElaboration
from .requests import OF_SCALARS, RequestReader, check_words, not_scalar
from .scope import gather, unused
from .shape_errors import source
from .syntax import (
    Asked,
    Declaration,
    Definition,
    Equality,
    PlacedName,
    Solving,
    Statement,
    SyntaxNode,
    name_node,
)

KINDS = ("grad", "vjp")  # that are derived for families


def read_families(
    text: str, statements: Sequence[Statement], build: Build, complete: bool
) -> Problem:
    """What a problem with families means; `build` elaborates one expression of known names. One
    that asks for nothing and is `complete` asks for what is usual.

    Raises InputError."""
    _refuse_whole(text, statements)
    declarations = [s for s in statements if isinstance(s, Declaration)]
    reading = FamilyElaboration(text, gather(text, declarations), build)
    with Located(text):
        reading.find_lengths(statements)
        reading.declare(declarations)
        reading.define([s for s in statements if isinstance(s, Definition)])
        names = _MemberNames(reading, _stated(reading))
        asked = [s for s in statements if isinstance(s, Asked)]
        requests = tuple(names.requests(asked, complete))
        asked_by = {r.wrt.base for r in requests}
        not_used = unused(reading.scope, statements) if complete else ()
        not_used = tuple(name for name in not_used if base_of(name) not in asked_by)
        return replace(names.problem, requests=requests, unused=not_used)


def _refuse_whole(text: str, statements: Sequence[Statement]) -> None:
    """Refuse statements that problems with families don't have. Raises RequestError."""
    for s in statements:
        match s:
            case Equality():
                what = "an equality of members is not judged"
            case Solving():
                what = "equations of members are not solved"
            case Declaration() if s.equations:
                what = "equations behind `where` stand in problems without families"
            case _:
                continue
        raise RequestError(f"{what}: write out a fixed number of members.", s.span, text)


def _stated(reading: FamilyElaboration) -> Problem:
    """The problem whose members are read, without requests."""
    symbols = {n: e for n, e in reading.values.items() if isinstance(e, Symbol)}
    definitions = {n: e for n, e in reading.values.items() if isinstance(e, Name)}
    for s in reading.segments:
        if s.body is None:
            symbols[s.name] = s.symbol(s.indices)
    return Problem(
        reading.text,
        symbols,
        definitions,
        (),
        tuple(n for n in reading.scope.functions if not isinstance(n, Member)),
        families=Families(
            tuple(reading.segments), tuple(reading.lengths), tuple(reading.functions)
        ),
    )


@dataclass(frozen=True, slots=True)
class _MemberNames:
    """What names mean in requests, where members are read."""

    reading: FamilyElaboration
    problem: Problem
    cotangents: tuple[Segment, ...] = ()

    def requests(self, asked: Sequence[Asked], complete: bool) -> Iterator[Request]:
        """What is asked, or what is usual where nothing is."""
        reader = RequestReader(self)
        for a in asked:
            yield from self._requests(a, reader)
        if not asked and complete:
            yield from self._default_requests(reader)

    def _requests(self, asked: Asked, reader: RequestReader) -> Iterator[Request]:
        if asked.kind not in KINDS:
            typed, by = source(self.reading.text, asked.of), asked.wrt[0].name
            offer = "grad" if asked.kind in ("hess", "hvp") else "vjp"
            raise RequestError(
                f"`{asked.kind}` is not derived for families, of which the gradient and the "
                f"backward rule are: write `{offer} {typed} wrt {by}`, or write out a fixed "
                "number of members.",
                asked.span,
            )
        check_words(self.text, asked)
        uses = list(self.reading.uses_of(asked.of))
        for use in uses:
            if use.indices:
                self.reading.order().check_exists(None, use)
        of = self.reading.expression(asked.of, uses)
        if asked.kind in OF_SCALARS and not of.is_scalar:
            raise not_scalar(self.text, asked, of.shape, [name for name, _ in asked.wrt])
        return reader.read(asked, of)

    # ---- what names mean

    @property
    def text(self) -> str:
        return self.reading.text

    def variables(self, asked: Asked, of: Expr) -> tuple[PlacedName, ...]:
        typed = source(self.text, asked.of)
        raise RequestError(
            f"ask by a member's name: `grad {typed} wrt W[l]`.", asked.span, self.text
        )

    def declared(self, name: str) -> Symbol | None:
        known = self.reading.values.get(name)
        return known if isinstance(known, Symbol) else None

    def is_taken(self, name: str) -> bool:
        scope = self.reading.scope
        bases = (s.base for s in self.reading.segments)
        known = name in self.reading.values or name in bases
        return known or name in scope.functions or scope.is_known(name)

    # ---- claims

    def claim(self, asked: Asked, node: SyntaxNode, request: Request) -> Claim:
        return self._with_cotangents(request)._claim(asked, node, request)

    def _with_cotangents(self, request: Request) -> _MemberNames:
        """What names mean with the gradients by members, and the upstream gradient."""
        taken, values = self.problem.taken(request), dict(self.reading.values)
        if request.direction is not None:
            values[request.direction.name] = request.direction
        names = cotangent_names(self.problem.families, request.of, taken)
        others = [
            replace(s, base=names[s.base], body=None, attributes=frozenset())
            for s in self.reading.segments
            if s.base in names
        ]
        segments = [*self.reading.segments, *others]
        reading = replace(self.reading, segments=segments, values=values)
        return _MemberNames(reading, self.problem, tuple(others))

    def _claim(self, asked: Asked, node: SyntaxNode, request: Request) -> Claim:
        """A claim, and the members for which it is made: unless it says so, all for which there is
        what it mentions. Raises InputError."""
        indices, (name, span) = request.wrt.indices, asked.wrt[0]
        letters = self._running(indices)
        for given in asked.ranges:
            if given.letter not in letters:
                raise NameProblem(f"`{name}` has no index `{given.letter}`.", span)
        variable = Use(name_node(name, span), name, request.wrt.base, indices)
        own = {given.letter: given for given in asked.ranges}
        anywhere = tuple(Range(letter, Index(), Index()) for letter in letters)
        uses = [variable, *self.reading.uses_of(node, anywhere)]
        ranges = tuple(own.get(t) or self._where(uses, t) for t in letters)
        uses = list(self.reading.uses_of(node, ranges))
        for use in uses if not ranges else (*uses, replace(variable, ranges=ranges)):
            if use.indices:
                self._check_exists(use)
        value, problem = None, ""
        try:
            value = self.reading.expression(node, uses, ranges, request.wrt.shape)
        except ShapeError as error:
            problem = error.message
        return Claim(source(self.reading.text, node), value, node.span, problem, ranges)

    def _running(self, indices: Sequence[Index]) -> list[str]:
        """The letters of indices that are no length's."""
        return Families((), tuple(self.reading.lengths)).running(indices)

    def _check_exists(self, use: Use) -> None:
        """Refuse a member that there isn't; those with sums of letters are zero where there are
        none. Raises NameProblem."""
        order = self.reading.order()
        first = next((s.first for s in order.known if s.base == use.base), use.indices)
        if len(first) == len(use.indices):
            pairs = zip(use.indices, first, strict=True)
            use = replace(use, indices=tuple(a if i.others else i for i, a in pairs))
        try:
            order.check_exists(None, use)
        except NameProblem as error:
            named = {s.base: s for s in self.cotangents}
            if use.base not in named and use.base.startswith(COTANGENT):
                there = ", ".join(f"`{name}[…]`" for name in named)
                error.message += f" The gradients by members are {there}."
            raise

    def _where(self, uses: Sequence[Use], letter: str) -> Range:
        """The values of a letter for which all that is used exists. Raises NameProblem."""
        low, high = None, None
        for use in uses:
            known = self.reading.functions if use.is_function else self.reading.order().known
            segments = [s for s in known if s.base == use.base]
            for axis, index in enumerate(use.indices if segments else ()):
                if index.letter != letter or index.others:
                    continue
                starts, ends = ([s.box[end][axis] for s in segments] for end in (0, 1))
                first = min(starts, key=lambda i: i.place).plus(-index.offset)
                last = max(ends, key=lambda i: i.place).plus(-index.offset)
                try:
                    low = first if low is None or at_most(low, first) else low
                    high = last if high is None or at_most(last, high) else high
                except Incomparable:
                    raise NameProblem(
                        f"`{use.name}` counts from another length than the others.", use.node.span
                    ) from None
        assert low is not None and high is not None
        return Range(letter, low, high)

    def variable(self, named: PlacedName, claimed: bool) -> Symbol:
        """The generic member by its own index; in a claim also `Z[l-1]`."""
        name, span = named
        base, indices = parts(name)
        segments = [s for s in self.reading.segments if s.base == base]
        if not indices:
            if segments:
                running = [s for s in segments if s.ranges]
                one = segments[0].name
                if running:  # by the letters alone, where the text has Z[l-1] = …
                    own = {r.letter for r in running[0].ranges}
                    plain = (Index(i.letter) if i.letter in own else i for i in running[0].indices)
                    one = member(name, *plain)
                raise RequestError(f"`{name}` is a family: ask for `{one}`.", span)
            value = self.reading.values.get(name)
            if value is None or not isinstance(value, Symbol):
                raise RequestError(
                    f"`{name}` is {'not declared' if value is None else 'a definition'}: a "
                    "derivative is by a declared name, or by a member of a family.",
                    span,
                )
            return value
        if not segments:
            raise RequestError(f"`{base}` is no family: there is no `{name}`.", span)
        if len(segments[0].indices) != len(indices):
            raise RequestError(f"ask for one of the members: `{segments[0].name}`.", span)
        runs = [bool(self._running([i])) for i in indices]
        letters = self._running(indices)
        variable = [i for i, it_runs in zip(indices, runs, strict=True) if it_runs]
        moved = any(i.offset for i in variable)
        is_plain = len(letters) == len(variable) and not any(i.others for i in variable)
        if not is_plain or (moved and not claimed):
            raise RequestError(f"ask for one of the members: `{segments[0].name}`.", span)
        generic = sorted(segments, key=lambda s: -len(s.ranges)) if letters else segments
        for s in generic:
            ends = [
                (low, high) if it_runs else (i, i)
                for i, it_runs, low, high in zip(indices, runs, *s.box, strict=True)
            ]
            box = tuple(a for a, _ in ends), tuple(b for _, b in ends)
            try:
                if lies_in(box, s.box) and (s.ranges or not letters):
                    return s.symbol(indices)
            except Incomparable:
                continue
        if not any(s.ranges for s in segments) and letters:
            raise RequestError(f"ask for one of the members: `{segments[0].name}`.", span)
        given = " and ".join(box_text(s.box) for s in segments)
        raise RequestError(f"an index is out of range: `{base}` has the members {given}.", span)

    def _default_requests(self, reader: RequestReader) -> Iterator[Request]:
        """The gradient of the last definition without an index, by everything that isn't
        constant."""
        plain = list(self.reading.plain().values())
        if not plain:
            return iter(())
        name, span = plain[-1].definition.name
        reached = self.reading.order().reached[name]
        by = [
            PlacedName(n, span)
            for n, declared in self.reading.scope.symbols.items()
            if base_of(n) in reached and "const" not in declared.attributes
        ]
        return reader.default(name, self.reading.values[name], by, plain[-1].definition.span)
