"""Derivatives that are values in a problem: derived, simplified and checked where they are read."""

from __future__ import annotations

from ..algebra.assumptions import with_free_entries
from ..core.errors import DerivationError
from ..core.expr import UNIT, Expr, Symbol, symbol
from ..core.problem import DerivativeKind, Problem, Request
from ..core.traversal import substitute
from ..derivation.chain_rule import cotangents, tangent
from ..simplification.simplifier import Simplifier
from ..validation.checker import checker_of
from .jacobians import jacobian


def derived(kind: DerivativeKind, of: Expr, wrt: Symbol, along: Expr | None) -> Expr:
    """A derivative, of independent entries: what an attribute of the variable says holds at it and
    not around it. Raises DerivationError where it is not what finite differences say."""
    free = with_free_entries(wrt)
    value = substitute(of, {wrt: free})
    simplifier = Simplifier([], [value])
    place = None
    if along is not None:
        place = symbol("#along", value.shape if kind == "vjp" else free.shape)
    found = simplifier.answer(_derived(kind, value, free, place, simplifier))
    request = Request(kind, value, kind, free, place)
    verdict = checker_of(Problem("", {}, {}, (request,)), request, [found]).check(found)
    if verdict.verdict == "wrong":
        raise DerivationError(f"this `{kind}` is not verified: {verdict.reason}.")
    put: dict[Expr, Expr] = {free: wrt}
    if along is not None and place is not None:
        put[place] = along
    return substitute(found, put)


def _derived(
    kind: DerivativeKind, of: Expr, wrt: Symbol, along: Symbol | None, simplifier: Simplifier
) -> Expr:
    if kind == "jac":
        return jacobian(of, wrt, simplifier)
    if kind == "jvp":
        assert along is not None
        return simplifier(tangent(of, wrt, along, simplifier))
    if kind == "vjp":
        assert along is not None
        return simplifier(cotangents(of, wrt, along)[wrt])
    gradient = simplifier(cotangents(of, wrt, UNIT)[wrt])
    if kind == "hess":
        return jacobian(gradient, wrt, simplifier)
    if kind == "hvp":
        assert along is not None
        return simplifier(cotangents(gradient, wrt, along)[wrt])
    return gradient
