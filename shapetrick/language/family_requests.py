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
from ..core.problem import Claim, Problem, Request, shape_of_result
from .family_scope import Use, box_text
from .family_statements import Build, FamilyElaboration
from .scope import gather, unused
from .shape_errors import source, source_inside
from .syntax import (
    DIRECTED,
    OF_SCALARS,
    RUNNING,
    UPSTREAM,
    Asked,
    Declaration,
    Definition,
    Equality,
    Solving,
    Statement,
    SyntaxNode,
    name_node,
    opened,
)


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
                symbols[s.name] = s.symbol(s.indices)
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
        problem = replace(problem, families=self._with_directions(problem.families, requests))
        if not asked and complete:
            requests = list(self._default_requests())
        asked_by = {r.wrt.base for r in requests}
        unused = tuple(name for name in self.unused if base_of(name) not in asked_by)
        return replace(problem, requests=tuple(requests), unused=unused)

    def _requests(self, asked: Asked, problem: Problem) -> Iterator[Request]:
        letters = self._letters(asked.of)
        variables = [
            self._variable(name, span, asked.claim is not None or self._is_of(name, letters))
            for name, span in asked.wrt
        ]
        given = self._given(asked, letters, variables)
        uses = list(self.reading.uses_of(asked.of, given))
        for use in uses:
            if use.indices:
                self.reading.order().check_exists(None, use)
        of = self.reading.expression(asked.of, uses, given)
        of_text = source_inside(self.reading.text, asked.of)
        self._check_kind(asked, of, variables)
        for k, (wrt, (name, span)) in enumerate(zip(variables, asked.wrt, strict=True)):
            if asked.symmetric and wrt.shape[0] != wrt.shape[1]:
                raise RequestError(
                    f"`{name}` is {shape_text(wrt.shape)}: only a square matrix is symmetric.", span
                )
            direction = self._direction(asked, of, wrt) if asked.kind in DIRECTED else None
            request = Request(
                asked.kind,
                of,
                of_text,
                wrt,
                direction,
                asked.symmetric,
                None,
                asked.span,
                None,
                given,
            )
            found = [request]
            if asked.kind == "hess":
                earlier = [v for v in variables[:k] if self._running(v.indices)]
                if any(v.base == wrt.base for v in earlier):  # of w[i], w[j] one is enough
                    found = []
                found += [replace(request, wrt=other, rows=wrt) for other in variables[k + 1 :]]
                found = [self._of_letters(r) for r in found]
            if asked.claim is not None and asked.kind == "hess":
                found = found[-1:] if k == 0 else []  # on the block of both
            for r in found:
                yield self._with_claim(asked, problem, r)

    def _letters(self, of: SyntaxNode) -> list[str]:
        """The letters in what is differentiated that nothing in it binds."""
        bound = {n.value.letter for n in opened(of) if n.kind in RUNNING}
        names = [n.value for n in opened(of) if n.kind == "name"]
        indices = [i for name in names for i in parts(name)[1]]
        return [t for t in self._running(indices) if t not in bound]

    def _is_of(self, name: str, letters: Sequence[str]) -> bool:
        """Whether a member is told by these letters alone."""
        own = self._running(parts(name)[1])
        return bool(own) and {*own} <= {*letters}

    def _given(
        self, asked: Asked, letters: Sequence[str], variables: Sequence[Symbol]
    ) -> tuple[Range, ...]:
        """The letters that stand for one number each, whichever it is, with their ranges: those of
        what is differentiated, and of the rows of a Hessian."""
        found = [*letters]
        anywhere = tuple(Range(letter, Index(), Index()) for letter in letters)
        uses = list(self.reading.uses_of(asked.of, anywhere)) if letters else []
        for (name, span), wrt in zip(asked.wrt, variables, strict=True):
            own = self._running(wrt.indices)
            if asked.kind == "hess" or self._is_of(wrt.name, letters):
                uses.append(Use(name_node(name, span), name, wrt.base, wrt.indices))
                found += [t for t in own if t not in found]
        return tuple(self._where(uses, letter) for letter in found)

    @staticmethod
    def _of_letters(request: Request) -> Request:
        """The request with those letters alone that it gives."""
        rows = request.wrt if request.rows is None else request.rows
        letters = {t for i in rows.indices for t in i.terms}
        return replace(request, ranges=tuple(r for r in request.ranges if r.letter in letters))

    @staticmethod
    def _with_directions(families: Families, requests: Sequence[Request]) -> Families:
        """The families, and those of directions along them."""
        segments = list(families.segments)
        for r in requests:
            if r.direction is not None and r.direction.indices:
                base = r.direction.base
                if not any(s.base == base for s in segments):
                    segments += [
                        replace(s, base=base, attributes=frozenset(), span=None)
                        for s in families.of(r.wrt.base)
                    ]
        return families._replace(segments=tuple(segments))

    def _check_kind(self, asked: Asked, of: Expr, variables: Sequence[Symbol]) -> None:
        """Refuse what a kind of request is not for. Raises RequestError."""
        of_text, by = source_inside(self.reading.text, asked.of), asked.wrt[0].name
        if asked.kind in OF_SCALARS and not of.is_scalar:
            what = "a gradient" if asked.kind == "grad" else "a Hessian"
            raise RequestError(
                f"{what} is of a scalar, and `{of_text}` is {shape_text(of.shape)}. Write `vjp "
                f"{of_text} wrt {by}` for the backward rule, or `jac {of_text} wrt {by}` for all "
                "the derivatives.",
                asked.of.span,
            )
        if asked.direction is not None and asked.kind not in DIRECTED:
            raise RequestError(
                f"`with` belongs to {', '.join(DIRECTED)}: `{asked.kind}` goes along nothing.",
                asked.direction.span,
            )
        defined = {s.base for s in self.reading.segments if s.body is not None}
        for wrt in variables:
            if wrt.base in defined and asked.kind in ("hess", "hvp", "jvp"):
                raise RequestError(
                    f"`{wrt.name}` is defined: `{asked.kind}` is by members that are declared.",
                    asked.span,
                )

    # ---- claims

    def _with_claim(self, asked: Asked, problem: Problem, request: Request) -> Request:
        if asked.claim is None:
            return request
        named = request.kind not in ("jac", "jvp")  # of these there is no gradient by members
        reading = self._with_cotangents(problem, request) if named else self
        families = self._with_directions(problem.families, [request])
        along = families.segments[len(problem.families.segments) :]
        segments = [*reading.reading.segments, *along]
        reading = replace(reading, reading=replace(reading.reading, segments=segments))
        return replace(request, claim=reading.claim(asked, asked.claim, request))

    def _with_cotangents(self, problem: Problem, request: Request) -> _Queries:
        """A reading that knows the gradients by members, and the upstream gradient."""
        taken, values = problem.taken(request), dict(self.reading.values)
        if request.direction is not None:
            values[request.direction.name] = request.direction
        names = cotangent_names(problem.families, [request.of], taken)
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
        own = {given.letter: given for given in asked.ranges}
        variables = [s for s in (request.rows, request.wrt) if s is not None]
        if request.kind == "jvp":  # the same for all members along which it goes
            variables = []
        span = asked.wrt[0].span
        letters = list(dict.fromkeys(r.letter for r in request.ranges))
        letters += [t for s in variables for t in self._running(s.indices) if t not in letters]
        for letter in own:
            if letter not in letters:
                raise NameProblem(f"`{request.wrt.name}` has no index `{letter}`.", span)
        anywhere = tuple(Range(letter, Index(), Index()) for letter in letters)
        by = [Use(name_node(s.name, span), s.name, s.base, s.indices) for s in variables]
        uses = [
            *by,
            *self.reading.uses_of(node, anywhere),
            *self.reading.uses_of(asked.of, anywhere),
        ]
        ranges = tuple(own.get(t) or self._where(uses, t) for t in letters)
        uses = list(self.reading.uses_of(node, ranges))
        for use in uses if not ranges else (*uses, *(replace(u, ranges=ranges) for u in by)):
            if use.indices:
                self._check_exists(use)
        value, problem = None, ""
        try:
            value = self.reading.expression(node, uses, ranges, shape_of_result(request))
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

    def _direction(self, asked: Asked, of: Expr, wrt: Symbol) -> Symbol:
        """The upstream gradient, or the direction: along a whole family, of its member."""
        shape = of.shape if asked.kind == "vjp" else wrt.shape
        if asked.direction is None:
            if asked.kind == "vjp":
                plain = asked.of.kind == "name"
                return ex.symbol(f"{UPSTREAM}({asked.of.value})" if plain else "G", shape)
            name, span = member("V", *wrt.indices) if wrt.indices else "V", asked.span
        else:
            name, span = asked.direction
        base, indices = parts(name)
        segments = [s for s in self.reading.segments if s.base == base]
        known = self.reading.values.get(base)
        if known is None and segments and indices:
            known = segments[0].symbol(indices)
        if known is not None and (not isinstance(known, Symbol) or known.shape != shape):
            what = "upstream gradient" if asked.kind == "vjp" else "direction"
            raise RequestError(f"`{name}` is no {what} of this shape.", span)
        if indices and (asked.kind == "vjp" or indices != wrt.indices):
            raise RequestError(
                f"a direction along a family is its member: `{member(base, *wrt.indices)}`.",
                span,
            )
        if not indices and self._running(wrt.indices) and asked.kind != "vjp":
            raise RequestError(
                f"`{wrt.name}` stands for every member: write `with {member(base, *wrt.indices)}` "
                "for a direction along the family, or ask for one member.",
                span,
            )
        return ex.symbol(name, shape) if known is None else known

    def _variable(self, name: str, span: Span, shifted: bool = False) -> Symbol:
        """What is differentiated by; the generic member by its own index, unless it may be
        `shifted`: `Z[l-1]`."""
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
        if not is_plain or (moved and not shifted):
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
