"""Statements read behind those that stand, in the names that these gave, without reading them anew.

What comes out is what reading the whole would give; where a statement may change what others mean,
nothing comes out, and the whole has to be read.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import chain

from ..core.errors import InputError, Span
from ..core.expr import Expr
from ..core.problem import Problem
from ..core.warnings import nearest
from ..language.elaboration import (
    Elaboration,
    elaborated,
    equalities_in,
    read,
    statements_of,
)
from ..language.index_notation.entry_definitions import has_indices
from ..language.shapes.ambiguity import is_trace
from ..language.shapes.scope import Scope, differ_slightly, gather, standing_scope
from ..language.syntax.latex_places import has_latex
from ..language.syntax.parser import parse
from ..language.syntax.selections import plain_of, resolved
from ..language.syntax.text_functions import heads
from ..language.syntax.tree import (
    RUNNING,
    Asked,
    Declaration,
    Definition,
    Solving,
    Statement,
    SyntaxNode,
    expressions_of,
    has_families,
    opened,
    postorder,
)
from ..language.vocabularies import vocabulary_of


@dataclass(frozen=True, slots=True)
class Standing:
    """A problem, and what of its reading matters to further statements.

    `dims` are its dimensions, without a place where one was named for a person; `loose` the values
    whose shapes were inferred, or depend on such; `assumed` the symbols that nobody declared;
    `calling` the definitions in which a function is called; `directions` what requests are along.
    """

    problem: Problem
    dims: Mapping[str, Span | None] = field(default_factory=dict)
    loose: frozenset[str] = frozenset()
    assumed: tuple[str, ...] = ()
    calling: frozenset[str] = frozenset()
    directions: Mapping[str, tuple[Expr, Expr]] = field(default_factory=dict)

    @property
    def values(self) -> tuple[Mapping[str, Expr], Mapping[str, Expr]]:
        return self.problem.symbols, self.problem.definitions

    @property
    def named(self) -> tuple[Container[str], ...]:
        """What gives names a meaning, dimensions and functions of the language left out."""
        return *self.values, self.problem.functions, self.directions

    def has(self, name: str) -> bool:
        """Whether a name means something already."""
        taken = (*self.named, vocabulary_of(self.problem).texts, self.dims)
        return any(name in known for known in taken)


def stand(text: str) -> Standing:
    """What a text means, with what is needed to go on from there. Raises InputError."""
    statements, said = statements_of(text)
    if has_families(statements):
        return Standing(read(text, complete=False))
    elaboration, problem = elaborated(text, statements, False)
    scope = elaboration.scope
    problem = replace(problem, readings=(*said, *problem.readings))
    inferred = [name for name, declared in scope.symbols.items() if declared.sides is None]
    return Standing(
        problem,
        scope.dims,
        frozenset(_reaching(scope.bodies, inferred)),
        tuple(scope.assumed),
        frozenset(_reaching(scope.bodies, _callers(scope.bodies))),
        elaboration.directions,
    )


def extended(standing: Standing, more: str) -> Standing | None:
    """What stands with the statements of another text behind it; None where that has to be read as
    a whole, or can't be read."""
    problem = standing.problem
    text = problem.text + more
    if problem.has_families or has_latex(text):
        return None
    try:
        words = vocabulary_of(problem)
        if heads(more):
            return None
        names = [*problem.symbols, *problem.definitions]
        before = len(problem.text)
        statements = parse(text, words, before, problem.functions, names=names)
        if equalities_in(statements) or any(
            isinstance(s, Solving) or (isinstance(s, Declaration) and s.equations)
            for s in statements
        ):
            return None
        statements = resolved(text, statements, names)
        if has_families(statements) or not _only_adds(standing, statements):
            return None
        values = {*problem.symbols, *problem.definitions, *plain_of(statements)}
        if has_indices(_values(statements), values):
            return None
        if standing.assumed and any(isinstance(s, Declaration) for s in statements):
            declared = len(problem.symbols) > len(standing.assumed)
            if not declared and not problem.functions:
                return None  # the first declaration makes likely slips of names that have none
        if any(node.kind in RUNNING for root in _values(statements) for node in opened(root)):
            return None
        named = set(_names(statements))
        if not named.isdisjoint(standing.loose):
            return None
        known = {n: values[n] for values in standing.values for n in sorted(named) if n in values}
        scope = gather(text, statements, _scope(text, standing, named, known))
        if scope.assumed or not _dims_are_plain(standing, scope):
            return None
        if _is_mistaken(standing, [*scope.symbols, *scope.definitions, *scope.dims], known):
            return None
        if any(_may_be_of_a_matrix(standing, root) for root in _values(statements)):
            return None
        asked = [s for s in statements if isinstance(s, Asked)]
        if any(name in problem.definitions for request in asked for name, _ in request.wrt):
            return None
        taken = _Taken(standing) if asked else ()
        elaboration = Elaboration(scope, asked, False, (), known, taken)
        elaboration.directions.update(standing.directions)
        found = elaboration.problem()
    except InputError:
        return None
    return Standing(
        _joined(standing, found),
        {**scope.dims, **standing.dims},
        standing.loose,
        standing.assumed,
        standing.calling.union(
            _reaching(scope.bodies, {*_callers(scope.bodies), *standing.calling})
        ),
        elaboration.directions,
    )


@dataclass(frozen=True, slots=True)
class _Taken:
    """The names that stand, for a direction that needs one of its own."""

    standing: Standing

    def __contains__(self, name: object) -> bool:
        problem = self.standing.problem
        return name in problem.symbols or name in problem.definitions or name in self.standing.dims


def _only_adds(standing: Standing, statements: Iterable[Statement]) -> bool:
    """Whether statements give names that mean nothing yet, and shapes to what they declare."""
    for s in statements:
        if isinstance(s, Declaration):
            kinds = {name for name, _ in s.words}
            if "elementwise" in kinds or (s.sides is None and "scalar" not in kinds):
                return False
            if any(standing.has(name) for name, _ in s.names):
                return False
        elif isinstance(s, Definition) and standing.has(s.name.name):
            return False
    return True


def _names(statements: Iterable[Statement]) -> Iterator[str]:
    """The names that statements mention."""
    for s in statements:
        if isinstance(s, Asked):
            yield from (name for name, _ in s.wrt)
            if s.direction is not None:
                yield s.direction.name
    for node in (n for root in _values(statements) for n in opened(root)):
        if node.kind == "name":
            yield node.value
        elif node.kind == "call":
            yield node.value.name
            sizes = chain.from_iterable(postorder(size) for size in node.value.sizes)
            yield from (part.value for part in sizes if part.kind == "name")


def _scope(text: str, standing: Standing, named: Iterable[str], known: Mapping[str, Expr]) -> Scope:
    """What stands of the names that are mentioned."""
    scope = standing_scope(text, known)
    scope.functions.update(dict.fromkeys(standing.problem.functions))
    for name in sorted(named):
        if name in standing.dims:
            scope.dims[name] = standing.dims[name]
    return scope


def _dims_are_plain(standing: Standing, scope: Scope) -> bool:
    """Whether no dimension has the name of a value or a direction, or one that was given to a
    dimension that had none."""
    return not any(
        standing.dims.get(name, span) is None or any(name in known for known in standing.named)
        for name, span in scope.dims.items()
    )


def _is_mistaken(standing: Standing, names: Iterable[str], known: Container[str]) -> bool:
    """Whether a symbol that nobody declared looks like a misspelt new name, or begins or ends with
    one."""
    new = [name for name in names if name not in known and name not in standing.dims]
    return any(
        nearest(name, new) is not None
        or any(differ_slightly(name, n) or name.startswith(n) or name.endswith(n) for n in new)
        for name in standing.assumed
    )


def _may_be_of_a_matrix(standing: Standing, root: SyntaxNode) -> bool:
    """Whether a trace or the like may be of a function in a definition that stands: both are looked
    at to say how that function is read."""
    nodes = list(opened(root))
    return any(node.kind == "call" and is_trace(node) for node in nodes) and any(
        node.kind == "name" and node.value in standing.calling for node in nodes
    )


def _values(statements: Iterable[Statement]) -> Iterator[SyntaxNode]:
    """The expressions of statements."""
    return chain.from_iterable(map(expressions_of, statements))


def _callers(bodies: Mapping[str, SyntaxNode]) -> list[str]:
    return [name for name, e in bodies.items() if any(node.kind == "call" for node in opened(e))]


def _reaching(bodies: Mapping[str, SyntaxNode], names: Iterable[str]) -> set[str]:
    """The names with the definitions that use them, directly or through others."""
    found = set(names)
    for name, e in bodies.items():  # each stands behind those that it uses
        if any(node.kind == "name" and node.value in found for node in opened(e)):
            found.add(name)
    return found


def _joined(standing: Standing, found: Problem) -> Problem:
    problem = standing.problem
    symbols = dict(problem.symbols)
    last = {name: symbols.pop(name) for name in standing.assumed}  # behind all that are declared
    return replace(
        problem,
        text=found.text,
        symbols={**symbols, **found.symbols, **last},
        definitions={**problem.definitions, **found.definitions},
        requests=problem.requests + found.requests,
        readings=tuple(dict.fromkeys(problem.readings + found.readings)),
        constants=problem.constants | found.constants,
    )
