"""What is asked of families: gradients by members, and claims on them.

A claim may mention the gradients by members, G[l]; it is made for all members for which there is
what it mentions, or for those that it says.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from ..core import expr as ex
from ..core.dims import shape_text
from ..core.errors import Located, NameProblem, RequestError, ShapeError, Span
from ..core.expr import Expr, Name, Symbol
from ..core.families import (
    COTANGENT,
    Families,
    Incomparable,
    Segment,
    at_most,
    cotangent_names,
    covers,
)
from ..core.indices import Index, Member, Range, base_of, split
from ..core.problem import Claim, Problem, Request
from .family_scope import Use
from .family_statements import Build, FamilyElaboration
from .scope import gather, unused
from .shape_errors import source
from .syntax import (
    UPSTREAM,
    Asked,
    Declaration,
    Definition,
    Equality,
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
    for s in statements:
        if isinstance(s, (Equality, Solving)):
            what = "an equality of members is not judged"
            if isinstance(s, Solving):
                what = "equations of members are not solved"
            message = f"{what}: write out a fixed number of members."
            raise RequestError(message, s.span, text)
    declarations = [s for s in statements if isinstance(s, Declaration)]
    reading = FamilyElaboration(text, gather(text, declarations), build)
    with Located(text):
        reading.find_lengths(statements)
        reading.declare(declarations)
        reading.define([s for s in statements if isinstance(s, Definition)])
        queries = _Queries(reading, unused=unused(reading.scope, statements) if complete else ())
        return queries.problem([s for s in statements if isinstance(s, Asked)], complete)


@dataclass(frozen=True, slots=True)
class _Queries:
    """The requests of a problem whose members are read."""

    reading: FamilyElaboration
    cotangents: tuple[Segment, ...] = ()
    unused: tuple[str, ...] = ()

    def problem(self, asked: Sequence[Asked], complete: bool) -> Problem:
        symbols = {n: e for n, e in self.reading.values.items() if isinstance(e, Symbol)}
        definitions = {n: e for n, e in self.reading.values.items() if isinstance(e, Name)}
        for s in self.reading.segments:
            if s.body is None:
                symbols[s.name] = s.symbol(s.index)
        problem = Problem(
            self.reading.text,
            symbols,
            definitions,
            (),
            tuple(n for n in self.reading.scope.functions if not isinstance(n, Member)),
            families=Families(
                tuple(self.reading.segments),
                tuple(self.reading.lengths),
                tuple(self.reading.functions),
            ),
        )
        requests = [r for a in asked for r in self._requests(a, problem)]
        if not asked and complete:
            requests = list(self._default_requests())
        asked_by = {r.wrt.base for r in requests}
        unused = tuple(name for name in self.unused if base_of(name) not in asked_by)
        return replace(problem, requests=tuple(requests), unused=unused)

    def _requests(self, asked: Asked, problem: Problem) -> Iterator[Request]:
        if asked.kind not in KINDS:
            typed, by = source(self.reading.text, asked.of), asked.wrt[0].name
            offer = "grad" if asked.kind in ("hess", "hvp") else "vjp"
            raise RequestError(
                f"`{asked.kind}` is not derived for families, of which the gradient and the "
                f"backward rule are: write `{offer} {typed} wrt {by}`, or write out a fixed "
                "number of members.",
                asked.span,
            )
        uses = list(self.reading.uses_of(asked.of, None))
        for use in uses:
            if use.index is not None:
                self.reading.order().check_exists(None, use)
        of = self.reading.expression(asked.of, uses, None)
        of_text = source(self.reading.text, asked.of)
        of_text = of_text[1:-1].strip() if asked.of.bracketed else of_text
        if asked.kind == "grad" and not of.is_scalar:
            raise RequestError(
                f"a gradient is of a scalar, and `{of_text}` is {shape_text(of.shape)}. Write `vjp "
                f"{of_text} wrt {asked.wrt[0].name}` for the backward rule.",
                asked.of.span,
            )
        direction = self._direction(asked, of) if asked.kind == "vjp" else None
        for name, span in asked.wrt:
            wrt = self._variable(name, span, asked.claim is not None)
            if asked.symmetric and wrt.shape[0] != wrt.shape[1]:
                raise RequestError(
                    f"`{name}` is {shape_text(wrt.shape)}: only a square matrix is symmetric.", span
                )
            request = Request(
                asked.kind, of, of_text, wrt, direction, asked.symmetric, None, asked.span
            )
            if asked.claim is not None:
                reading = self._with_cotangents(problem, request)
                request = replace(request, claim=reading.claim(asked, asked.claim, request))
            yield request

    # ---- claims

    def _with_cotangents(self, problem: Problem, request: Request) -> _Queries:
        """A reading that knows the gradients by members, and the upstream gradient."""
        taken, values = problem.taken(request), dict(self.reading.values)
        if request.direction is not None:
            values[request.direction.name] = request.direction
        names = cotangent_names(problem.families, request.of, taken)
        others = [
            replace(s, base=names[s.base], body=None, attributes=frozenset())
            for s in self.reading.segments
            if s.base in names
        ]
        segments = [*self.reading.segments, *others]
        return _Queries(replace(self.reading, segments=segments, values=values), tuple(others))

    def claim(self, asked: Asked, node: SyntaxNode, request: Request) -> Claim:
        """A claim, and the members for which it is made: unless it says so, all for which there is
        what it mentions. Raises InputError."""
        index, (name, span) = request.wrt.index, asked.wrt[0]
        letter = "" if index is None else index.letter
        generic = letter not in ("", *self.reading.lengths)
        if asked.over is not None and (not generic or asked.over.letter != letter):
            raise NameProblem(f"`{name}` has no index `{asked.over.letter}`.", span)
        over = asked.over
        variable = Use(name_node(name, span), name, request.wrt.base, index)
        if generic and over is None:
            anywhere = Range(letter, Index(), Index())
            over = self._where([variable, *self.reading.uses_of(node, anywhere)], letter)
        uses = list(self.reading.uses_of(node, over))
        for use in uses if not generic else (*uses, replace(variable, over=over)):
            if use.index is not None:
                self._check_exists(use)
        value, problem = None, ""
        try:
            value = self.reading.expression(node, uses, over, request.wrt.shape)
        except ShapeError as error:
            problem = error.message
        return Claim(source(self.reading.text, node), value, node.span, problem, over)

    def _check_exists(self, use: Use) -> None:
        """Refuse a member that there isn't. Raises NameProblem."""
        try:
            self.reading.order().check_exists(None, use)
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
            if use.index is None or use.index.letter != letter or not segments:
                continue
            first = min((s.first for s in segments), key=lambda i: i.place).plus(-use.index.offset)
            last = max((s.last for s in segments), key=lambda i: i.place).plus(-use.index.offset)
            try:
                low = first if low is None or at_most(low, first) else low
                high = last if high is None or at_most(last, high) else high
            except Incomparable:
                raise NameProblem(
                    f"`{use.name}` counts from another length than the others.", use.node.span
                ) from None
        assert low is not None and high is not None
        return Range(letter, low, high)

    def _direction(self, asked: Asked, of: Expr) -> Symbol:
        if asked.direction is None:
            plain = asked.of.kind == "name"
            return ex.symbol(f"{UPSTREAM}({asked.of.value})" if plain else "G", of.shape)
        name, span = asked.direction
        known = self.reading.values.get(name)
        if known is not None and (not isinstance(known, Symbol) or known.shape != of.shape):
            raise RequestError(f"`{name}` is no upstream gradient of this shape.", span)
        return ex.symbol(name, of.shape) if known is None else known

    def _variable(self, name: str, span: Span, shifted: bool = False) -> Symbol:
        """What is differentiated by; the generic member by its own index, unless it may be
        `shifted`: `Z[l-1]`."""
        found = split(name)
        bases = {s.base for s in self.reading.segments}
        if found is None:
            if name in bases:
                family = [s for s in self.reading.segments if s.base == name]
                indices = [f"{name}[{s.over.letter}]" for s in family if s.over]
                one = indices[0] if indices else family[0].name
                raise RequestError(f"`{name}` is a family: ask for `{one}`.", span)
            value = self.reading.values.get(name)
            if value is None or not isinstance(value, Symbol):
                raise RequestError(
                    f"`{name}` is {'not declared' if value is None else 'a definition'}: a "
                    "derivative is by a declared name, or by a member of a family.",
                    span,
                )
            return value
        base, index = found
        segments = [s for s in self.reading.segments if s.base == base]
        if not segments:
            raise RequestError(f"`{base}` is no family: there is no `{name}`.", span)
        if index.letter and index.letter not in self.reading.lengths:
            generic = next((s for s in segments if s.over is not None), None)
            if generic is None or (index.offset and not shifted):
                raise RequestError(f"ask for one of the members: `{segments[0].name}`.", span)
            return generic.symbol(index)
        try:
            found_in = [s for s in segments if covers([s], index, index) is None]
        except Incomparable:
            found_in = []
        if not found_in:
            given = " and ".join(f"{s.first}..{s.last}" for s in segments)
            raise RequestError(f"an index is out of range: `{base}` has the members {given}.", span)
        return found_in[0].symbol(index)

    def _default_requests(self) -> Iterator[Request]:
        plain = list(self.reading.plain().values())
        if not plain:
            return
        last = plain[-1].definition
        of = self.reading.values[last.name.name]
        if not of.is_scalar:
            raise RequestError(f"nothing is asked, and `{last.name.name}` is no scalar.", last.span)
        reached = self.reading.order().reached[last.name.name]
        for name, declared in self.reading.scope.symbols.items():
            if base_of(name) in reached and "const" not in declared.attributes:
                wrt = self._variable(name, last.span)
                yield Request("grad", of, last.name.name, wrt, span=last.span)
