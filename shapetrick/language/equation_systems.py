"""Unknowns and their equations, from names to expressions: shapes of the sides, what is said of the
unknowns, and what depends on them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import chain

from ..core import expr as ex
from ..core.equations import EquationSides, EquationSystem
from ..core.errors import RequestError, ShapeError
from ..core.expr import Expr, Symbol, as_symbol
from ..core.problem import Request
from ..core.traversal import symbols_of
from .shapes.inference import Inference, Misfit
from .shapes.lowering import Lowering
from .shapes.scope import Declared, Scope
from .shapes.unification import open_text
from .syntax.tree import Declaration, PlacedName, TypedEquation, postorder


def unknowns_of(scope: Scope, solved: bool = False) -> set[str]:
    """The names that equations determine; those of the library's alone where they are `solved`."""
    systems = (s for s in scope.systems if s.solver or not solved)
    return {named.name for s in systems for part in s.parts for named in part.names}


def infer_sides(scope: Scope, inference: Inference) -> None:
    """The sides of an equation have one shape; 0 has any. Raises Misfit, ShapeError."""
    for left, right in scope.equations:
        shapes = [inference.add(side) for side in (left, right)]
        is_zero = right.kind == "number" and right.value == 0
        if not is_zero and not inference.unifier.unify_shapes(*shapes):
            texts = [open_text(inference.unifier.shape(shape)) for shape in shapes]
            raise ShapeError(
                f"the sides of this equation are {texts[0]} and {texts[1]}: they have one shape "
                "(or the right one is 0).",
                left.span | right.span,
                scope.text,
            )


def refuse_call(scope: Scope, misfit: Misfit, inference: Inference) -> None:
    """Raises ShapeError if it is a function of the library that the arguments' shapes don't fit."""
    for system in scope.systems:
        sides = [side for sides in system.equations for side in sides]
        if system.solver and any(n is misfit.node for e in sides for n in postorder(e)):
            name, arguments = system.solver
            shapes = [inference.add(e) for e in arguments]
            of = ", ".join(open_text(inference.unifier.shape(shape)) for shape in shapes)
            said = f"`{name}` does not take arguments of shape {of}."
            raise ShapeError(said, system.span, scope.text)


def attributes_of(scope: Scope, name: str, declared: Declared) -> set[str]:
    """What is said of a symbol; that an unknown is orthogonal is one more equation."""
    unsaid = {"const"}
    if "orthogonal" in declared.attributes and name in unknowns_of(scope):
        unsaid.add("orthogonal")
    return {*declared.attributes} - unsaid


def lowered_sides(equations: Iterable[TypedEquation], lowering: Lowering) -> list[EquationSides]:
    """The equations as expressions."""
    return [EquationSides(*(lowering.expression(e) for e in equation)) for equation in equations]


def solution_requests(
    scope: Scope, values: Mapping[str, Expr], lowering: Lowering
) -> Iterator[Request]:
    """What `solve` asks for: each of the unknowns, where the equations hold."""
    for solving in scope.solvings:
        unknowns = tuple(_unknown(scope, named, values) for named in solving.wanted)
        sides = tuple(lowered_sides(solving.equations, lowering))
        system = EquationSystem(unknowns, sides)
        for u in unknowns:
            of = next((e for e in system.residuals if u in symbols_of(e)), None)
            if of is None:
                message = f"`{u.name}` is in none of the equations."
                raise RequestError(message, solving.span, scope.text)
            yield Request("solve", of, solving.text, u, span=solving.span, system=system)


def _unknown(scope: Scope, named: PlacedName, values: Mapping[str, Expr]) -> Symbol:
    name, span = named
    if name in scope.symbols and name not in unknowns_of(scope):
        return as_symbol(values[name])
    what = "is a definition" if name in scope.definitions else "is no declared name"
    if name in unknowns_of(scope):
        what = "is what its own equations make it"
    raise RequestError(f"`{name}` {what}: there is nothing to solve for.", span, scope.text)


def systems_of(scope: Scope, lowering: Lowering) -> tuple[EquationSystem, ...]:
    """The systems as expressions, as far as the definitions in their equations have values; a
    derivative in one goes through those before it."""
    found: list[EquationSystem] = []
    for system in scope.systems:
        sides = chain.from_iterable(system.equations)
        names = {n.value for side in sides for n in postorder(side) if n.kind == "name"}
        if names & scope.bodies.keys() <= lowering.values.keys():
            before = (*found,)
            found.append(_system(scope, system, replace(lowering, systems=before)))
    return (*found,)


def _system(scope: Scope, system: Declaration, lowering: Lowering) -> EquationSystem:
    names = [named.name for part in system.parts for named in part.names]
    unknowns = [as_symbol(lowering.values[n]) for n in names]
    sides = lowered_sides(system.equations, lowering)
    sides += [
        EquationSides(ex.matmul(ex.transpose(u), u), ex.eye(u.shape[1]))
        for u in unknowns
        if "orthogonal" in scope.symbols[u.name].attributes
    ]
    solver, arguments = system.solver or ("", ())
    given = tuple(lowering.expression(e) for e in arguments)
    return EquationSystem(tuple(unknowns), tuple(sides), solver, given)
