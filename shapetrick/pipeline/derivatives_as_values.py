"""Derivatives that are values in a problem: derived, simplified and checked where they are read."""

from __future__ import annotations

from collections.abc import Callable

from ..algebra.assumptions import with_free_entries
from ..core.dims import ONE
from ..core.equations import (
    EquationSystem,
    LinearEquation,
    LinearSystem,
    inputs_of,
    structure_of,
    systems_within,
)
from ..core.errors import DerivationError
from ..core.expr import Expr, Symbol, symbol
from ..core.problem import DerivativeKind, Problem, Request
from ..core.results import Result
from ..core.traversal import expand_names, substitute, symbols_of
from ..simplification.simplifier import Simplifier
from ..validation.checker import checker_of
from .derivative_kinds import derivative


def derived(
    derive: Callable[[Problem, Request], Result],
    kind: DerivativeKind,
    of: Expr,
    wrt: Symbol,
    along: Expr | None,
    systems: tuple[EquationSystem, ...] = (),
) -> Expr:
    """A derivative, of independent entries: what attributes say holds at values and not around
    them, and by which the derivative is differentiated again is not known; by an unknown of
    equations it is the partial one. What goes through equations is
    a request of its own, for `derive`. Raises DerivationError where it is not what finite
    differences say."""
    within = systems_within([of], systems)
    if wrt in inputs_of(within):
        return _through_equations(derive, kind, of, wrt, along, within)
    freed: dict[Expr, Symbol] = {s: with_free_entries(s) for s in (wrt, *symbols_of(of))}
    free, value = freed[wrt], substitute(of, freed)
    simplifier = Simplifier([], [value])
    place = None
    if along is not None:
        place = symbol("#along", value.shape if kind == "vjp" else free.shape)
    found = simplifier.answer(derivative(kind, value, free, place, simplifier))
    request = Request(kind, value, kind, free, place)
    verdict = checker_of(Problem("", {}, {}, (request,)), request, [found]).check(found)
    if verdict.verdict == "wrong":
        raise DerivationError(f"this `{kind}` is not verified: {verdict.reason}.")
    put: dict[Expr, Expr] = {new: s for s, new in freed.items()}
    if along is not None and place is not None:
        put[place] = along
    return substitute(found, put)


def _through_equations(
    derive: Callable[[Problem, Request], Result],
    kind: DerivativeKind,
    of: Expr,
    wrt: Symbol,
    along: Expr | None,
    systems: tuple[EquationSystem, ...],
) -> Expr:
    """A derivative through unknowns, in these alone. Raises DerivationError where it has
    multipliers or differentials that only equations determine."""
    place = None
    if along is not None:
        place = symbol("along", of.shape if kind == "vjp" else wrt.shape)
    names = {s.name: s for s in (wrt, *inputs_of(systems))}
    request = Request(kind, of, "J", wrt, place)
    found = derive(Problem("", names, {}, (request,), systems=systems), request)
    if found.validation.verdict == "wrong":
        raise DerivationError(f"this `{kind}` is not verified: {found.validation.reason}.")
    adjoint = found.adjoint
    if adjoint is not None and adjoint.linear_systems:
        told = "; ".join(map(_declaration, adjoint.linear_systems))
        raise DerivationError(
            f"through the equations this `{kind}` has no closed form: write `{told}`, and "
            f"`{found.gradient}` in place of the derivative."
        )
    value = expand_names(found.gradient)
    return value if place is None or along is None else substitute(value, {place: along})


def _declaration(system: LinearSystem) -> str:
    """What a linear system determines, declared by its equations."""
    names = ", ".join(" ".join(filter(None, [f"{s.name} :", *_words(s)])) for s in system.symbols)
    equations = ", ".join(map(_equation, system.equations))
    return f"{names} where {equations}"


def _words(s: Symbol) -> list[str]:
    if s.is_scalar:
        return ["scalar"]
    rows, cols = s.shape
    return [str(rows) if cols == ONE else f"{rows} x {cols}", structure_of(s)]


def _equation(q: LinearEquation) -> str:
    """An equation, of which some entries may be left out."""
    if not q.entries:
        return f"{q.left} = {q.right}"
    function = {"diagonal": "diag"}.get(structure_of(q.unknown), structure_of(q.unknown))
    return f"{function}({q.left}) = {function}({q.right})"
