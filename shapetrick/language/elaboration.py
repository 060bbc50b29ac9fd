"""Statements to a `Problem`: shapes inferred, expressions built, requests made definite."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from itertools import chain
from typing import TYPE_CHECKING

from ..core import expr as ex
from ..core.dims import ONE, SCALAR, Dim, Shape, shape_text
from ..core.equations import EquationSystem, inputs_of, systems_within
from ..core.errors import (
    InputError,
    Located,
    NameProblem,
    RequestError,
    Span,
)
from ..core.expr import Expr, Symbol, as_symbol
from ..core.problem import Claim, EqualityClaim, Problem, Request, shape_of_result
from ..core.records import dataclass
from ..core.traversal import substitute, symbols_of
from . import printer as printer  # by which expressions show themselves
from .cotangent_names import cotangents_in_claims
from .equation_systems import (
    attributes_of,
    infer_sides,
    refuse_call,
    solution_requests,
    systems_of,
    unknowns_of,
)
from .expressions import expression_among, inference_in
from .index_notation.entry_definitions import defined_by_entries, has_indices, is_indexed
from .index_notation.member_entries import with_member_entries
from .lengths import with_counted_lengths
from .reader import parse
from .requests import RequestNames, RequestReader, check_words, claimed, not_scalar, plainly
from .shapes.ambiguity import readings, refuse_powers
from .shapes.errors import Expectation, explain, source, undetermined
from .shapes.inference import Inference, Misfit, Undetermined
from .shapes.libraries import check_python
from .shapes.lowering import Lowering
from .shapes.scope import (
    Declared,
    Scope,
    complain,
    equation_sides,
    gather,
    refuse_members,
    run_together,
    standing_scope,
)
from .shapes.strict_reading import refuse_absent, refuse_undeclared
from .shapes.unification import is_settled, unknowns
from .shapes.words import vocabulary
from .syntax.equation_library import chosen
from .syntax.member_ranges import with_ranges
from .syntax.selections import plain_of, resolved
from .syntax.tree import (
    OF_SCALARS,
    Asked,
    Definition,
    Equality,
    PlacedName,
    Statement,
    SyntaxNode,
    derived_node,
    expressions_of,
    has_families,
    name_node,
    nodes_of,
    opened,
    postorder,
    typed_parts,
)
from .vocabularies import derivative_of_function

if TYPE_CHECKING:
    from .family_statements import MemberScope
    from .index_notation.index_scope import IndexNames

FRESH = "nmpkqrsthdl"  # names for dimensions that were inferred, in this order
_VALUE = "#"  # the name of an expression alone
_NOTHING_VARIES = (
    "there is no name in it that a derivative is by: what varies has one, as in `x' A x`; of a "
    "constant it is 0, `grad 2 wrt x` of a declared `x`."
)


def read(text: str, complete: bool = True, strict: bool = False) -> Problem:
    """What a problem's text means; one that asks for nothing asks for what is usual, unless more is
    to come. Where it is `strict`, all names are declared, and all variables occur. Raises
    InputError."""
    return _read(text, *statements_of(text, complete), complete, strict)


def read_value(text: str) -> tuple[Problem, Expr]:
    """What a text means whose last line is an expression, and its value: as that of a definition
    with a name that nobody can type. Raises InputError."""
    statements, said = statements_of(text, alone=True)
    last = statements.pop() if statements else None
    if not isinstance(last, Asked) or last.claim is not None or len(last.wrt) > 1:
        place = None if last is None else last.span
        raise RequestError("an expression is wanted, such as `A inv(A) B`.", place, text)
    body, along = last.of, last.direction
    if last.wrt:
        direction = None if along is None else name_node(along.name, along.span)
        body = derived_node(last.kind, body, last.wrt[0], direction, last.span)
    statements.append(Definition(PlacedName(_VALUE, last.span), body, last.span))
    problem = _read(text, statements, said, complete=False)
    return problem, problem.definitions[_VALUE].args[0]


def _read(
    text: str, statements: list[Statement], said: list[str], complete: bool, strict: bool = False
) -> Problem:
    if has_families(statements):
        # of all problems, only those with families need it
        from .family_requests import with_requests
        from .family_statements import MemberScope

        with Located(text):
            members = MemberScope.of(text, statements)
            problem = Elaboration(members.scope, (), False, members=members).problem()
            problem = with_requests(members, problem, statements, complete)
    else:
        elaboration, problem = elaborated(text, statements, complete)
        if strict:
            refuse_undeclared(elaboration.scope, elaboration.asked, problem)
    if strict:
        refuse_absent(problem)
    return replace(problem, readings=(*said, *problem.readings)) if said else problem


def elaborated(
    text: str, statements: Sequence[Statement], complete: bool
) -> tuple[Elaboration, Problem]:
    """What statements without families mean, and how that was found."""

    def read(values: Mapping[str, Expr], statements: Sequence[Statement]) -> Elaboration:
        scope = gather(text, statements, standing_scope(text, values), complete)
        asked = [s for s in statements if isinstance(s, Asked)]
        return Elaboration(scope, asked, complete, equalities_in(statements), values)

    values = cotangents_in_claims(text, statements, lambda plain: read({}, plain).problem())
    elaboration = read(values, statements)
    problem = elaboration.problem()
    if values:
        definitions = {**problem.definitions, **values}
        problem = replace(problem, definitions=definitions, cotangents=tuple(values))
    return elaboration, problem


def statements_of(text: str, alone: bool = False) -> tuple[list[Statement], list[str]]:
    """The statements of a text in matrix notation, and what is to be said of how they are read."""
    with Located(text):
        read = parse(text, vocabulary(), alone=alone)
        asked = derivative_of_function(text, read) if alone else None
        read += [] if asked is None else [asked]
        if not is_indexed(read):
            return read, list(chosen(text, read))
        read, said = with_member_entries(read)
        said += chosen(text, read)
        read, counted = with_counted_lengths(text, read)
        said += counted
        statements, heads = defined_by_entries(read)
    statements, ranged = with_ranges(resolved(text, statements))
    said += ranged
    if not heads and not has_indices(
        (root for s in statements for root in expressions_of(s)), plain_of(statements)
    ):
        return statements, said
    from .index_notation.statements import (
        IndexNotation,  # of all problems, only those with indices need it
    )

    scope = Scope(text)
    notation = IndexNotation(text, statements, inference_in(scope, {}), heads)
    scope.dims.update(dict.fromkeys(notation.reader.known.dims))
    with Located(text):
        try:
            return notation.read(), [*said, *notation.reader.said]
        except InputError as error:  # what has no shape may be two names
            raise _run_together(statements, notation.reader.known) or error from None


def _run_together(statements: Iterable[Statement], known: IndexNames) -> NameProblem | None:
    """What is said of the first name that is two known ones without a space."""
    names = {*known.values, *known.dims}
    for node in nodes_of(statements):
        if node.kind == "name" and node.value not in names:
            said = run_together(node.value, names)
            if said:
                return NameProblem(said, node.span)
    return None


def equalities_in(statements: Iterable[Statement]) -> list[Equality]:
    """What is claimed of two expressions."""
    return [s for s in statements if isinstance(s, Equality)]


@dataclass(slots=True)
class Elaboration(RequestNames):
    """One problem on its way from names to expressions.

    `standing` are values that have a meaning already, `taken` all names that have one; `members`
    are what names with an index mean, where there are some."""

    scope: Scope
    asked: Sequence[Asked]
    complete: bool
    equalities: Sequence[Equality] = ()
    standing: Mapping[str, Expr] = field(default_factory=dict)
    taken: Container[str] = ()
    members: MemberScope | None = None
    values: dict[str, Expr] = field(default_factory=dict)
    directions: dict[str, tuple[Expr, Expr]] = field(default_factory=dict)
    systems: tuple[EquationSystem, ...] = ()

    def problem(self) -> Problem:
        """What the statements mean. Raises InputError."""
        scope = self.scope
        inference = inference_in(scope, {})
        roots = [*(d.body for d in scope.ordered), *(a.of for a in self.asked)]
        claims = [a.claim for a in self.asked if a.claim is not None]
        sides = [side for q in self.equalities for side in (q.left, q.right)]
        for root in (*roots, *claims, *sides) if self.members is None else ():
            refuse_members(scope.text, opened(root))
        self._check_names()
        roots += [*sides, *equation_sides(scope)]
        self._infer(inference)
        typed = [nodes for root in roots for nodes in typed_parts(root, scope.text)]
        for nodes in typed:
            check_python(scope.text, inference, nodes)
            if scope.assumed:
                refuse_powers(scope.text, inference, nodes, scope.assumed)
        assumptions = self._name_dimensions(inference)
        symbols = {
            name: ex.symbol(name, inference.named(name), attributes_of(scope, name, d))
            for name, d in scope.symbols.items()
            if name not in self.standing
        }
        self.values.update(self.standing)
        self.values.update(symbols)
        lowering = Lowering(self.values, inference, scope.text)
        definitions = self._definitions(lowering)
        if self.members is not None:
            lowering.values = {**self.values, **self.members.names_in_equations()}
        self.systems = lowering.systems = systems_of(scope, lowering)
        constants = frozenset(n for n, d in scope.symbols.items() if "const" in d.attributes)
        reader = RequestReader(self, self.directions)
        requests = self._requests(reader, lowering, constants)
        return Problem(
            scope.text,
            symbols,
            definitions,
            requests,
            tuple(scope.functions),
            assumptions,
            (*readings(scope.text, inference, typed, scope.bodies), *reader.readings),
            constants,
            systems=self.systems,
            equalities=tuple(self._equality(q, lowering) for q in self.equalities),
            unused=tuple(n for n in scope.unused if n not in {r.wrt.name for r in requests}),
        )

    def _definitions(self, lowering: Lowering) -> dict[str, Expr]:
        """The definitions as expressions, each after those that it uses; those of members are told
        to these."""
        found = {}
        for definition in self.scope.ordered:
            name, body = definition.name.name, definition.body
            if self.scope.systems and any(node.kind == "derived" for node in postorder(body)):
                lowering.systems = systems_of(self.scope, lowering)
            if self.members is not None:
                lowering.values = {**self.values, **self.members.names_in(definition)}
            value = lowering.expression(body)
            if self.members is None or not self.members.define(definition, value):
                found[name] = self.values[name] = ex.named(name, value)
        return found

    def _equality(self, q: Equality, lowering: Lowering) -> EqualityClaim:
        return EqualityClaim(
            lowering.expression(q.left),
            lowering.expression(q.right),
            plainly(self.text, q.left),
            plainly(self.text, q.right),
            q.span,
            q.right.span,
        )

    # ---- shapes

    def _infer(self, inference: Inference) -> None:
        scope, unifier = self.scope, inference.unifier
        for name, declared in scope.symbols.items():
            inference.shapes[name] = _declared_shape(inference, name, declared)
        expected = [Expectation(side, False) for side in equation_sides(scope)]

        def added(root: SyntaxNode, scalar: bool = False) -> Shape:
            expected.append(Expectation(root, scalar))
            return inference.add(root)

        try:
            for d in scope.ordered:
                if self.members is not None:
                    named = self.members.names_in(d).items()
                    inference.shapes.update((name, value.shape) for name, value in named)
                inference.shapes[d.name.name] = shape = added(d.body)
                if self.members is not None:
                    inference.solve()
                    self.members.add(d, unifier.shape(shape))
            for asked in self.asked:
                scalar = asked.kind in OF_SCALARS and not asked.leibniz
                shape = added(asked.of, scalar)
                if scalar and not unifier.unify_shapes(shape, SCALAR):
                    for root in (*(d.body for d in scope.ordered), asked.of):
                        for nodes in typed_parts(root, scope.text):
                            check_python(scope.text, inference, nodes)
                    raise self._not_scalar(asked, unifier.shape(shape))
                if asked.leibniz and self._may_be_scalar(inference, asked.of):
                    unifier.unify_shapes(shape, SCALAR)
            last = self._default
            if last is not None and last.kind != "derived" and self._may_be_scalar(inference, last):
                unifier.unify_shapes(inference.shape(last), SCALAR)
            for q in self.equalities:
                left, right = added(q.left), added(q.right)
                if unifier.copy().unify_shapes(left, right):  # else it is wrong
                    unifier.unify_shapes(left, right)
            if self.members is not None:
                named = self.members.names_in_equations().items()
                inference.shapes.update((name, value.shape) for name, value in named)
            infer_sides(scope, inference)
            inference.solve()
        except Misfit as misfit:
            refuse_call(scope, misfit, inference)
            products = (a for a in self.asked if a.of is misfit.node and a.of.kind == "*")
            for asked in (a for a in products if a.kind in OF_SCALARS):
                left, right = (unifier.shape(inference.shape(a)) for a in asked.of.args)
                if left[1] == right[0]:  # a product, if no scalar
                    raise self._not_scalar(asked, (left[0], right[1])) from None
            error = explain(misfit, scope.text, inference, expected, scope.assumed)
            if self.members is not None:
                error.message += self.members.why(d)
            raise error from None
        except Undetermined:
            place = expected[-1].root.span
            raise undetermined(scope.text, place, scope.assumed) from None

    def _may_be_scalar(self, inference: Inference, of: SyntaxNode) -> bool:
        """Whether names that nobody declared may make it a scalar, as `∂J/∂w` is mostly of one."""
        if not self.scope.assumed or is_settled(inference.unifier.shape(inference.shape(of))):
            return False
        trial = inference.trial()
        try:
            for d in self.scope.ordered:
                trial.unifier.unify_shapes(trial.add(d.body), trial.shapes[d.name.name])
            if not trial.unifier.unify_shapes(trial.add(of), SCALAR):
                return False
            trial.solve()
        except (Misfit, Undetermined):
            return False
        capitals = [name for name in self.scope.assumed if not name[0].islower()]
        shapes = {name: trial.unifier.shape(trial.shapes[name]) for name in capitals}
        counts = self._counts(capitals, inference, of)
        return all(s == SCALAR if n in counts else ONE not in s for n, s in shapes.items())

    def _counts(
        self, capitals: Sequence[str], inference: Inference, of: SyntaxNode
    ) -> Container[str]:
        """Of some names those that only multiply and divide what is a scalar without them, and
        that no derivative is by: `N` in `N / 2 log(det(C))`."""
        # Of products that have such names: these, and the shape of what stands beside them.
        products: dict[SyntaxNode, tuple[set[str], Shape | None]] = {}
        others = {name for asked in self.asked for name, _ in asked.wrt}
        roots = (*self.scope.bodies.values(), of)

        def shape(node: SyntaxNode) -> Shape | None:
            return products[node][1] if node in products else inference.shape(node)

        for node in (n for root in roots for n in postorder(root)):
            held = [products[a] for a in node.args if a in products]
            names = {name for own, _ in held for name in own}
            if node.kind == "name" and node.value in capitals:
                products[node] = {node.value}, None
            elif node.kind in ("*", "/", "neg", "number"):
                beside = [s for a in node.args if (s := shape(a)) is not None]
                wide = [s for s in beside if s != SCALAR]
                products[node] = names, (wide[0][0], wide[-1][1]) if wide else (*beside, None)[0]
                if held and wide and shape(node.args[0]) == wide[0]:  # `x' B`
                    others |= names - products.get(node.args[0], (set(),))[0]
            else:
                others.update(*(own for own, found in held if found != SCALAR))
        for names, found in (products[r] for r in roots if r in products):
            others |= names if found not in (None, SCALAR) else set()
        return {name for names, _ in products.values() for name in names} - others

    def _reached(self, of: Expr) -> set[Symbol]:
        """The symbols that an expression has, and those that determine the unknowns in it."""
        systems = systems_within([of], self.systems)
        return {*symbols_of(of), *inputs_of(systems)}

    def _name_dimensions(self, inference: Inference) -> tuple[str, ...]:
        """Name the dimensions that are still unknown; what was assumed of which symbol."""
        scope = self.scope
        inferred = [n for n, d in scope.symbols.items() if d.sides is None]
        solved = unknowns_of(scope, solved=True)
        if not inferred:
            return ()
        used = {*scope.symbols, *scope.definitions, *scope.dims, *scope.functions}
        names = _fresh_names(used)
        for symbol in inferred:
            for dim in inference.named(symbol):
                for unknown in unknowns(dim):
                    name = next(names)
                    inference.unifier.unify(Dim.of(unknown), Dim.of(name))
                    scope.dims[name] = None
        return tuple(
            f"{n} is {'a scalar' if shape == SCALAR else shape_text(shape)}"
            for n, shape in ((n, inference.named(n)) for n in inferred if n not in solved)
        )

    # ---- requests

    def _requests(
        self, reader: RequestReader, lowering: Lowering, constants: frozenset[str]
    ) -> tuple[Request, ...]:
        """What is asked, or what is usual where nothing is."""
        if self._default is not None:
            return tuple(self._default_requests(reader, lowering, constants))
        found = (reader.read(asked, lowering.expression(asked.of)) for asked in self.asked)
        return (*chain.from_iterable(found), *solution_requests(self.scope, self.values, lowering))

    def _check_names(self) -> None:
        """Refuse what no request can be about."""
        scope = self.scope
        for asked in self.asked:
            if asked.of.kind == "name" and asked.of.value in scope.assumed:
                raise scope.error(f"`{asked.of.value}` is not defined.", asked.of.span)
            inner = asked.of.args[0] if asked.of.kind == "'" else asked.of
            primed = inner is not asked.of and scope.text[asked.of.span.end - 1] in "'’′"
            if not asked.wrt and primed and inner.value not in scope.symbols:
                of = source(scope.text, inner)
                raise self._refusal(
                    "a prime is the transpose, and no derivative: it is asked for by "
                    f"`grad {of} wrt x`, of a declared `x`.",
                    asked.of.span,
                )
            for name, span in asked.wrt:
                if name not in scope.symbols and name not in scope.definitions:
                    raise self._not_a_symbol(name, span)
                if name in unknowns_of(scope):
                    raise self._refusal(
                        f"`{name}` is what its equations make it: ask for the derivative by what "
                        "is in them.",
                        span,
                    )
            check_words(scope.text, asked)

    def _refusal(self, message: str, span: Span) -> RequestError:
        return RequestError(message, span, self.scope.text)

    def _not_a_symbol(self, name: str, span: Span) -> RequestError:
        scope = self.scope
        if name in scope.dims:
            why = f"`{name}` is a dimension: there is no derivative by it."
        elif name in scope.functions:
            why = f"`{name}` is a function: there is no derivative by it."
        else:
            complaint = complain(scope, name_node(name, Span(0, 0)), certain=True)
            why = complaint.message if complaint else ""
        return self._refusal(why, span)

    def _not_scalar(self, asked: Asked, shape: Shape) -> RequestError:
        inside = [n.value for n in postorder(asked.of) if n.kind == "name"]
        by = [n for n in inside if n in self.scope.symbols][:1]
        if not asked.wrt and not inside:
            return self._refusal(_NOTHING_VARIES, asked.span)
        return not_scalar(self.scope.text, asked, shape, [n for n, _ in asked.wrt] or by)

    def variable(self, named: PlacedName, asked: Asked | None) -> Symbol:
        value = self.values[named.name]
        if named.name in self.scope.definitions:
            return ex.symbol(named.name, value.shape)
        return as_symbol(value)

    def held(self, e: Expr, wrt: Symbol) -> Expr:
        if wrt.name not in self.scope.definitions:
            return e
        return substitute(e, {self.values[wrt.name]: wrt})

    def variables(self, asked: Asked, of: Expr) -> tuple[PlacedName, ...]:
        """Every name in an expression that is not constant."""
        contained = self._reached(of)
        constants = [*unknowns_of(self.scope)]
        constants += [n for n, d in self.scope.symbols.items() if "const" in d.attributes]
        found = tuple(
            PlacedName(name, asked.span)
            for name in self.scope.symbols
            if self.values[name] in contained and name not in constants
        )
        if not found:
            raise self._refusal(_NOTHING_VARIES, asked.span)
        return found

    def claim(self, asked: Asked, node: SyntaxNode, request: Request) -> Claim:
        scope = self.scope
        values = {**self.values, **request.directions}

        def value() -> Expr:
            found = expression_among(values, node, scope, shape_of_result(request))
            return self.held(found, request.wrt)

        return claimed(scope.text, asked, node, value)

    @property
    def _default(self) -> SyntaxNode | None:
        """The last definition, where nothing is asked: its gradient is meant."""
        asks = self.asked or self.equalities or self.scope.solvings
        ordered = self.scope.ordered if self.complete and not asks else ()
        return ordered[-1].body if ordered else None

    def _default_requests(
        self, reader: RequestReader, lowering: Lowering, constants: frozenset[str]
    ) -> Iterator[Request]:
        """The derivative that the last definition is; else its gradient by everything that isn't
        constant."""
        scope = self.scope
        name, definition = list(scope.definitions.items())[-1]
        body, of = definition.body, self.values[name]
        if body.kind == "derived" and len(body.args) == 2:
            by = PlacedName(body.args[1].value, body.args[1].span)
            asked = Asked(body.value, body.args[0], (by,), None, False, None, body.span, True)
            return iter(reader.read(asked, lowering.expression(asked.of)))
        used, excluded = self._reached(of), constants | unknowns_of(scope)
        names = [PlacedName(n, definition.span) for n in scope.symbols if n not in excluded]
        names = [named for named in names if self.values[named.name] in used]
        return reader.default(name, of, names, definition.span)


def _declared_shape(inference: Inference, name: str, declared: Declared) -> Shape:
    """The shape that was declared, or unknowns: a matrix for an upper-case name, else a column."""
    if declared.sides is not None:
        return declared.sides[0].dim, declared.sides[1].dim
    fresh = inference.unifier.fresh
    rows = fresh()
    if declared.needs_square:
        return rows, rows
    is_column = not name[0].isupper() if declared.is_column is None else declared.is_column
    return rows, ONE if is_column else fresh()


def _fresh_names(used: set[str]) -> Iterator[str]:
    count = 0
    while True:
        for letter in FRESH:
            name = f"{letter}{count or ''}"
            if name not in used:
                yield name
        count += 1
