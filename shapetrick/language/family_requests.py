"""What is asked of families: gradients by members, and claims on them.

A claim may mention the gradients by members, G[l]; it is made for all members for which there is
what it mentions, or for those that it says.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import chain

from ..core import expr as ex
from ..core.dims import Shape
from ..core.equations import EquationSystem
from ..core.errors import NameProblem, RequestError
from ..core.expr import Expr, Symbol
from ..core.families import COTANGENT, Families, Segment, cotangent_names, is_inside
from ..core.free_names import numbered_names
from ..core.indices import (
    Incomparable,
    Index,
    Member,
    Range,
    at_most,
    base_of,
    by_size,
    member,
    parts,
)
from ..core.problem import Claim, Problem, Request, shape_of_result
from ..core.records import dataclass
from .expressions import expression_among
from .family_scope import Use, box_text
from .family_statements import MemberScope
from .requests import RequestNames, RequestReader, check_words, claimed, not_scalar
from .shapes.errors import source
from .shapes.scope import Scope, unused
from .syntax.tree import (
    OF_SCALARS,
    RUNNING,
    Asked,
    Equality,
    PlacedName,
    Statement,
    SyntaxNode,
    name_node,
    opened,
)


def with_requests(
    members: MemberScope, problem: Problem, statements: Sequence[Statement], complete: bool
) -> Problem:
    """A problem with members, and what is asked of it; one that asks for nothing and is `complete`
    asks for what is usual.

    Raises InputError."""
    members.check_chains()
    members.segments += _upstream_families(members, statements)
    problem = _stated(members, problem)
    named = problem.named.items()
    values = {n: e for n, e in named if not isinstance(n, Member)}
    families = {s.base for s in members.segments}
    names = _MemberNames(members, problem, members.scope, values, families)
    requests = tuple(names.requests([*names.asked(statements)], complete))
    asked_by = {r.wrt.base for r in requests}
    not_used = unused(members.scope, statements) if complete else ()
    not_used = tuple(name for name in not_used if base_of(name) not in asked_by)
    segments = _with_directions(problem.families, requests)
    with_all = problem.families._replace(segments=segments)
    return replace(problem, families=with_all, requests=requests, unused=not_used)


def _upstream_of_each(asked: Asked) -> str | None:
    """The family of upstream gradients of a backward rule through all members; None if it has
    none."""
    base, indices = parts(asked.direction.name) if asked.direction is not None else ("", ())
    return base if asked.kind == "vjp" and indices else None


def _upstream_families(members: MemberScope, statements: Sequence[Statement]) -> Iterator[Segment]:
    """Inputs for the upstream gradients that requests name: one for each member."""
    known = {s.base for s in members.segments}
    for a in statements:
        base = _upstream_of_each(a) if isinstance(a, Asked) else None
        if isinstance(a, Asked) and base is not None and base not in known:
            known.add(base)
            of = base_of(a.of.value) if a.of.kind == "name" else ""
            named = a.direction.name if a.direction is not None else ""
            alike = of and parts(a.of.value)[1] == parts(named)[1]
            for s in [s for s in members.segments if alike and s.base == of]:
                yield replace(
                    s, base=base, body=None, attributes=frozenset(), padded=frozenset(), span=None
                )


def _stated(members: MemberScope, problem: Problem) -> Problem:
    """The problem with its members, first those names that have no index."""
    symbols = {n: s for n, s in problem.symbols.items() if not s.indices}
    symbols |= {s.name: s.symbol(s.indices) for s in members.segments if s.body is None}
    functions = tuple(n for n in problem.functions if not isinstance(n, Member))
    families = members.families(problem.systems)
    return replace(problem, symbols=symbols, functions=functions, families=families, systems=())


@dataclass(frozen=True, slots=True)
class _MemberNames(RequestNames):
    """What names mean in requests, where members are read."""

    members: MemberScope
    problem: Problem
    scope: Scope
    values: Mapping[str, Expr]  # of names without an index
    taken: Container[str]  # those of families
    cotangents: tuple[Segment, ...] = ()
    systems: tuple[EquationSystem, ...] = ()  # those of members are in the families

    def requests(self, asked: Sequence[Asked], complete: bool) -> Iterator[Request]:
        """What is asked, or what is usual where nothing is."""
        reader = _MemberRequests(self)
        for a in asked:
            yield from self._requests(a, reader)
        if not asked and complete:
            yield from self._default_requests(reader)

    def _requests(self, asked: Asked, reader: _MemberRequests) -> Iterator[Request]:
        check_words(self.text, asked)
        through_all = _upstream_of_each(asked) is not None
        by = replace(asked, wrt=()) if through_all else asked
        given = self._given(by, self._letters(asked.of))
        uses = list(self.members.uses_of(asked.of, given))
        for use in uses:
            if use.indices:
                self.members.order().check_exists(None, use)
        of = self.expression(asked.of, uses, given)
        if asked.kind in OF_SCALARS and not of.is_scalar:
            raise not_scalar(self.text, asked, of.shape, [name for name, _ in asked.wrt])
        defined = {s.base for s in self.members.segments if s.body is not None}
        for name, span in asked.wrt:
            if base_of(name) in defined and asked.kind in ("hess", "hvp", "jvp"):
                raise RequestError(
                    f"`{name}` is defined: `{asked.kind}` is by members that are declared.", span
                )
        if through_all:
            return self._through_all(asked, of, given, reader)
        return reader.read(asked, of, given)

    def _through_all(
        self, asked: Asked, of: Expr, given: Sequence[Range], reader: _MemberRequests
    ) -> Iterator[Request]:
        """The backward rule through all members, each of which has an upstream gradient: the
        gradient of the sum of their products."""
        name, span = asked.direction or PlacedName("", asked.span)
        base, indices = parts(name)
        letters = tuple(Index(r.letter) for r in given)
        if not letters:
            raise RequestError(f"an upstream gradient has no index: write `with {base}`.", span)
        families = (s for s in self.members.segments if s.base == base)
        own = (s.shape_at(letters) for s in families if len(s.indices) == len(letters))
        if indices != letters or of.shape not in own:
            raise RequestError(
                f"an upstream gradient of each member is a family: write `with "
                f"{member(base, *letters)}` behind the name of a member, or declare it.",
                span,
            )
        self._check_exists(Use(name_node(name, span), name, base, indices, tuple(given)))
        whole, node = ex.call("dot", ex.symbol(name, of.shape), of), asked.of
        for over in reversed(given):
            whole = ex.total(whole, over)
            node = SyntaxNode("running", (node,), over, node.span)
        for r in reader.read(replace(asked, kind="grad", of=node, direction=None), whole):
            yield replace(r, of_text=str(whole))

    def _letters(self, of: SyntaxNode) -> list[str]:
        """The letters in what is differentiated that nothing in it binds."""
        bound = {n.value.letter for n in opened(of) if n.kind in RUNNING}
        names = [n.value for n in opened(of) if n.kind == "name"]
        indices = [i for name in names for i in parts(name)[1]]
        return [t for t in self.running(indices) if t not in bound]

    def _is_of(self, name: str, letters: Sequence[str]) -> bool:
        """Whether a member is told by these letters alone."""
        own = self.running(parts(name)[1])
        return bool(own) and {*own} <= {*letters}

    def _given(self, asked: Asked, letters: Sequence[str]) -> tuple[Range, ...]:
        """The letters that stand for one number each, whichever it is, with their ranges: those of
        what is differentiated, and of the rows of a Hessian."""
        found = [*letters]
        anywhere = tuple(Range(letter, Index(), Index()) for letter in letters)
        uses = list(self.members.uses_of(asked.of, anywhere)) if letters else []
        for name, span in asked.wrt:
            wrt = self.variable(PlacedName(name, span), asked)
            own = self.running(wrt.indices)
            if asked.kind == "hess" or self._is_of(wrt.name, letters):
                uses.append(Use(name_node(name, span), name, wrt.base, wrt.indices))
                found += [t for t in own if t not in found]
        return tuple(self._where(uses, letter) for letter in found)

    # ---- what names mean

    def expression(
        self,
        root: SyntaxNode,
        uses: Sequence[Use],
        ranges: Sequence[Range] = (),
        shape: Shape | None = None,
    ) -> Expr:
        """The expression, of which every name has a value; `shape` sizes a bare `I`."""
        values = {**self.values, **self.members.values(root, uses, ranges)}
        return expression_among(values, root, self.scope, shape)

    def variables(self, asked: Asked, of: Expr) -> tuple[PlacedName, ...]:
        typed = source(self.text, asked.of)
        raise RequestError(
            f"ask by a member's name: `grad {typed} wrt W[l]`.", asked.span, self.text
        )

    # ---- claims

    def claim(self, asked: Asked, node: SyntaxNode, request: Request) -> Claim:
        named = request.kind not in ("jac", "jvp")  # of these there is no gradient by members
        names = self._with_cotangents(request) if named else self
        along = _with_directions(self.problem.families, [request])
        segments = [*names.members.segments, *along[len(self.problem.families.segments) :]]
        members = replace(names.members, segments=segments)
        return replace(names, members=members)._claim(asked, node, request)

    def _with_cotangents(self, request: Request) -> _MemberNames:
        """What names mean with the gradients by members, and the upstream gradient."""
        taken, values = self.problem.taken(request), {**self.values, **request.directions}
        names = cotangent_names(self.problem.families, [request.of], taken)
        others = [
            replace(s, base=names[s.base], body=None, attributes=frozenset())
            for s in self.members.segments
            if s.base in names
        ]
        segments = [*self.members.segments, *others]
        members = replace(self.members, segments=segments)
        return replace(self, members=members, values=values, cotangents=tuple(others))

    def _claim(self, asked: Asked, node: SyntaxNode, request: Request) -> Claim:
        """A claim, and the members for which it is made: unless it says so, all for which there is
        what it mentions. Raises InputError."""
        own = {given.letter: given for given in asked.ranges}
        variables = [s for s in (request.rows, request.wrt) if s is not None]
        if request.kind == "jvp":  # the same for all members along which it goes
            variables = []
        span = asked.wrt[0].span
        letters = list(dict.fromkeys(r.letter for r in request.ranges))
        letters += [t for s in variables for t in self.running(s.indices) if t not in letters]
        for letter in own:
            if letter not in letters:
                raise NameProblem(f"`{request.wrt.name}` has no index `{letter}`.", span)
        anywhere = tuple(Range(letter, Index(), Index()) for letter in letters)
        by = [Use(name_node(s.name, span), s.name, s.base, s.indices) for s in variables]
        uses = [
            *by,
            *self.members.uses_of(node, anywhere),
            *self.members.uses_of(asked.of, anywhere),
        ]
        ranges = tuple(own.get(t) or self._where(uses, t) for t in letters)
        uses = list(self.members.uses_of(node, ranges))
        for use in uses if not ranges else (*uses, *(replace(u, ranges=ranges) for u in by)):
            if use.indices:
                self._check_exists(use)
        value = partial(self.expression, node, uses, ranges, shape_of_result(request))
        return claimed(self.text, asked, node, value, ranges)

    def running(self, indices: Sequence[Index]) -> list[str]:
        """The letters of indices that are no length's."""
        return self.problem.families.running(indices)

    def _check_exists(self, use: Use) -> None:
        """Refuse a member that there isn't; those with sums of letters are zero where there are
        none. Raises NameProblem."""
        order = self.members.order()
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
            known = self.members.functions if use.is_function else self.members.order().known
            segments = [s for s in known if s.base == use.base]
            if use.indices and not segments:
                self._check_exists(use)
            for axis, index in enumerate(use.indices if segments else ()):
                if index.letter != letter or index.others:
                    continue
                starts, ends = ([s.box[end][axis] for s in segments] for end in (0, 1))
                first = min(starts, key=by_size).plus(-index.offset)
                last = max(ends, key=by_size).plus(-index.offset)
                try:
                    low = first if low is None or at_most(low, first) else low
                    high = last if high is None or at_most(last, high) else high
                except Incomparable:
                    raise NameProblem(
                        f"`{use.name}` counts from another length than the others.", use.node.span
                    ) from None
        if low is None or high is None:
            place = next((u.node.span for u in uses if u.indices), None)
            raise NameProblem(f"nothing says which numbers `{letter}` is here.", place)
        return Range(letter, low, high)

    def variable(self, named: PlacedName, asked: Asked | None) -> Symbol:
        """The generic member by its own index; in a claim, and by the letters of what is
        differentiated, also `Z[l-1]`."""
        name, span = named
        shifted = asked is not None and (
            asked.claim is not None or self._is_of(name, self._letters(asked.of))
        )
        base, indices = parts(name)
        segments = [s for s in self.members.segments if s.base == base]
        if not indices:
            if segments:
                running = [s for s in segments if s.ranges]
                one = segments[0].name
                if running:  # by the letters alone, where the text has Z[l-1] = …
                    own = {r.letter for r in running[0].ranges}
                    plain = (Index(i.letter) if i.letter in own else i for i in running[0].indices)
                    one = member(name, *plain)
                raise RequestError(f"`{name}` is a family: ask for `{one}`.", span)
            value = self.values.get(name)
            if value is None or not isinstance(value, Symbol):
                raise RequestError(
                    f"`{name}` is {'not declared' if value is None else 'a definition'}: a "
                    "derivative is by a declared name, or by a member of a family.",
                    span,
                )
            return value
        if not segments:
            raise RequestError(f"`{base}` is no family: there is no `{name}`.", span)
        generic = sorted(segments, key=lambda s: -len(s.ranges))
        another = RequestError(f"ask for one of the members: `{generic[0].name}`.", span)
        if len(segments[0].indices) != len(indices):
            raise another
        runs = [bool(self.running([i])) for i in indices]
        letters = self.running(indices)
        variable = [i for i, it_runs in zip(indices, runs, strict=True) if it_runs]
        moved = any(i.offset for i in variable)
        is_plain = len(letters) == len(variable) and not any(i.others for i in variable)
        if letters and not generic[0].ranges:
            raise another
        if not is_plain or (moved and not shifted):
            moves = zip(generic[0].indices, indices, strict=True)
            put = " and ".join(f"`{i}` for `{own}`" for own, i in moves if str(own) != str(i))
            raise RequestError(
                f"ask for one of the members, `{generic[0].name}`: with {put} in the answer it is "
                f"that for `{name}`.",
                span,
            )
        unknowns = {u.name for u in self.problem.families.unknowns}
        for s in generic:
            ends = [
                (low, high) if it_runs else (i, i)
                for i, it_runs, low, high in zip(indices, runs, *s.box, strict=True)
            ]
            box = tuple(a for a, _ in ends), tuple(b for _, b in ends)
            if is_inside(box, s.box) and (s.ranges or not letters):
                if s.name in unknowns:
                    raise RequestError(
                        f"`{s.name}` is what its equations make it: ask for the derivative by what "
                        "is in them.",
                        span,
                    )
                return s.symbol(indices)
        given = " and ".join(box_text(s.box) for s in segments)
        raise RequestError(f"an index is out of range: `{base}` has the members {given}.", span)

    def _result(self) -> PlacedName | None:
        """The last definition without an index."""
        plain = [*self.scope.definitions.values()]
        return plain[-1].name if plain else None

    def asked(self, statements: Sequence[Statement]) -> Iterator[Asked]:
        """What is asked: `check G[l] = …` is a claim on the gradient by Z[l], of what other
        requests are of, or of the result. Raises RequestError for another equality."""
        found = [s for s in statements if isinstance(s, Asked) and s.kind in ("grad", "vjp")]
        result = self._result()
        if not found and result is not None:
            of = name_node(*result)
            found = [Asked("grad", of, (), None, False, None, of.span)]
        for s in statements:
            if isinstance(s, Asked):
                yield s
            elif isinstance(s, Equality):
                yield self._on_gradient(s, found)

    def _on_gradient(self, s: Equality, others: Sequence[Asked]) -> Asked:
        """The claim on a gradient by members that calls it by its name."""
        name, indices = parts(s.left.value) if s.left.kind == "name" else ("", ())
        for asked in others if indices else ():
            of = self.expression(asked.of, [*self.members.uses_of(asked.of, ())], ())
            along = set() if asked.direction is None else {asked.direction.name}
            names = cotangent_names(self.problem.families, [of], self.problem.names | along)
            for base in (base for base, named in names.items() if named == name):
                wrt = PlacedName(member(base, *indices), s.left.span)
                return replace(asked, wrt=(wrt,), claim=s.right, span=s.span, ranges=s.ranges)
        raise RequestError(
            "of members, gradients can be claimed alone, `check grad J wrt Z[l] = …`; to compare "
            "other values, write out a fixed number of members.",
            s.span,
            self.text,
        )

    def _default_requests(self, reader: _MemberRequests) -> Iterator[Request]:
        """The gradient of the result, by everything that isn't constant."""
        result = self._result()
        if result is None:
            return iter(())
        name, span = result
        reached = self.members.order().reached[name]
        unknowns = {u.name for u in self.problem.families.unknowns}
        by = [
            PlacedName(n, span)
            for n, declared in self.scope.symbols.items()
            if base_of(n) in reached and "const" not in declared.attributes and n not in unknowns
        ]
        definition = self.scope.definitions[name]
        return reader.default(name, self.values[name], by, definition.span)


@dataclass(frozen=True, slots=True)
class _MemberRequests(RequestReader):
    """Makes requests by members: directions along a family, and blocks of a Hessian, are told by
    members too."""

    names: _MemberNames

    def blocks(
        self, asked: Asked, request: Request, by: Sequence[Symbol], k: int
    ) -> Iterable[Request]:
        """Of a Hessian by w[i], w[j] the block of both, which is every block."""
        if request.kind != "hess":
            return [request]
        earlier = [v for v in by[:k] if self.names.running(v.indices)]
        found = [] if any(v.base == by[k].base for v in earlier) else [request]
        found += [replace(request, wrt=other, rows=by[k]) for other in by[k + 1 :]]
        if asked.claim is not None:
            found = found[-1:] if k == 0 else []  # on the block of both
        return map(_of_letters, found)

    def direction(self, asked: Asked, of: Expr, wrt: Symbol) -> Symbol:
        """Along a whole family, a direction is told by its member."""
        names = self.names
        name, span = asked.direction or (self._default_along(wrt), asked.span)
        base, indices = parts(name)
        if asked.kind == "vjp" or not (wrt.indices or indices):
            return RequestReader.direction(self, asked, of, wrt)
        if indices and indices != wrt.indices:
            along = member(base, *wrt.indices) if wrt.indices else base
            raise RequestError(f"a direction along a family is its member: `{along}`.", span)
        if not indices and names.running(wrt.indices):
            raise RequestError(
                f"`{wrt.name}` stands for every member: write `with {member(base, *wrt.indices)}` "
                "for a direction along the family, or ask for one member.",
                span,
            )
        segments = [s for s in names.members.segments if s.base == base]
        known = names.values.get(base)
        if known is None and segments and indices:
            known = segments[0].symbol(indices)
        if known is not None and (not isinstance(known, Symbol) or known.shape != wrt.shape):
            raise RequestError(f"`{name}` is no direction of this shape.", span)
        if not self._is_along(base, wrt):
            raise RequestError(
                f"`{base}` is the direction along another: choose another name.", span
            )
        found = ex.symbol(name, wrt.shape) if known is None else known
        self.directions[base] = wrt, found
        return found

    def _default_along(self, wrt: Symbol) -> str:
        """The name of a direction that was given none: of a member a member."""
        bases = chain(["V"], numbered_names("V"))
        base = next(b for b in bases if not self.names.is_taken(b) and self._is_along(b, wrt))
        return member(base, *wrt.indices) if wrt.indices else base

    def _is_along(self, base: str, wrt: Symbol) -> bool:
        """Whether a name is no direction yet, or one along that family."""
        along, _ = self.directions.get(base, (wrt, wrt))
        return isinstance(along, Symbol) and along.base == wrt.base


def _of_letters(request: Request) -> Request:
    """The request with those letters alone that it gives."""
    letters = {t for i in request.first_wrt.indices for t in i.terms}
    return replace(request, ranges=tuple(r for r in request.ranges if r.letter in letters))


def _with_directions(families: Families, requests: Iterable[Request]) -> tuple[Segment, ...]:
    """The members of families, and those of directions along them."""
    segments = list(families.segments)
    for r in requests:
        if r.direction is not None and r.direction.indices:
            base = r.direction.base
            if not any(s.base == base for s in segments):
                segments += [
                    replace(s, base=base, attributes=frozenset(), span=None)
                    for s in families.of(r.wrt.base)
                ]
    return tuple(segments)
