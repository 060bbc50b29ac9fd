"""Jacobians, Hessians and directional derivatives through unknowns that equations determine.

Where every multiplier has a closed form, the backward rule is an expression that is linear in its
upstream, as any other, and its upstream is left out. A gradient is an expression in the unknowns,
so that it is differentiated again through the same equations.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..core.dims import NOTHING, ONE
from ..core.equations import structure_of, systems_within
from ..core.errors import DerivationError
from ..core.expr import UNIT, Expr, Symbol, add, as_symbol, call, matmul, negate, subtract, zeros
from ..core.named_tuples import NamedTuple
from ..core.problem import Problem, Request, RequestKind, jacobian_shape
from ..core.results import Adjoint
from ..core.structured import block_matrix, selection
from ..core.traversal import expand_names, symbols_of
from ..derivation.chain_rule import upstream_of
from ..implicit.adjoint import computable_gradient, derived
from ..implicit.differentials import derived_along
from ..simplification.simplifier import Simplifier
from .jacobians import jacobian, opened, symmetrized


class ImplicitDerivative(NamedTuple):
    """The derivative, what it consists of, the request that it answers, and the one of first order
    that says the same: of the gradient, for a second derivative."""

    value: Expr
    adjoint: Adjoint
    request: Request
    checked: Request


def implicit_derivative(
    problem: Problem, request: Request, simplifier: Simplifier, seed: int
) -> ImplicitDerivative:
    """What a request asks for that is neither a gradient nor a backward rule. Raises
    DerivationError where the unknowns are not determined, or a Jacobian has no form."""
    if request.direction is not None or request.wrt.is_scalar:
        return _along(problem, request, simplifier, seed)
    asked, adjoint = request, Adjoint(systems_within([request.of], problem.systems), (), ())
    if request.kind == "hess":
        found = derived(problem, replace(request, kind="grad"), seed)
        asked, adjoint = found.request, found.adjoint
        if found.request.symmetric:
            raise _refusal(request)
        of = simplifier(found.gradient if adjoint.multipliers else expand_names(found.gradient))
        asked = replace(request, kind="jac", of=of)
    if not adjoint.multipliers and systems_within([asked.of], problem.systems):
        value = _opened(problem, asked, simplifier, seed)
        if value is not None:
            return ImplicitDerivative(value, Adjoint(adjoint.systems, (), ()), request, asked)
    value = simplifier(_Jacobians(request, simplifier, adjoint).of(asked.of))
    checked = replace(asked, of=computable_gradient(asked.of, adjoint))
    return ImplicitDerivative(value, adjoint, request, checked)


def _opened(problem: Problem, asked: Request, simplifier: Simplifier, seed: int) -> Expr | None:
    """The backward rule with its upstream left out; None where it has open multipliers, or no
    form."""
    upstream = as_symbol(upstream_of(asked.of))
    found = derived(problem, replace(asked, kind="vjp", direction=upstream), seed)
    if found.request.symmetric:
        raise _refusal(asked)
    if found.adjoint.multipliers:
        return None
    return opened(expand_names(found.gradient), upstream, asked.wrt, simplifier)


class _Jacobians:
    """Jacobians of unknowns and of their multipliers, by the inverse of that of their equations."""

    def __init__(self, request: Request, simplifier: Simplifier, adjoint: Adjoint) -> None:
        self._request, self._simplifier = request, simplifier
        self._known: dict[Symbol, Expr] = {}
        for system in adjoint.systems:
            self._add(system.unknowns, system.residuals)
        for linear in adjoint.linear_systems:
            self._add(linear.symbols, [subtract(q.left, q.right) for q in linear.equations])

    def of(self, e: Expr) -> Expr:
        """∂vec(e)/∂vec(variable), through the unknowns as well."""
        inside, wrt = symbols_of(e), self._request.wrt
        parts = [jacobian(e, wrt, self._simplifier)] if wrt in inside else []
        for u, by_variable in self._known.items():
            if u in inside:
                parts.append(matmul(jacobian(e, u, self._simplifier), by_variable))
        return add(*parts) if parts else zeros(*jacobian_shape(e, wrt))

    def _add(self, unknowns: Sequence[Symbol], residuals: Sequence[Expr]) -> None:
        """Those of unknowns, which are stacked where they are several."""
        if any(map(structure_of, unknowns)):
            raise _refusal(self._request)
        by_unknowns = [[jacobian(e, u, self._simplifier) for u in unknowns] for e in residuals]
        inverse = call("inv", self._simplifier(block_matrix(by_unknowns)))
        right = self._simplifier(block_matrix([[self.of(e)] for e in residuals]))
        whole, first = negate(matmul(inverse, right)), NOTHING
        for u in unknowns:
            count = u.shape[0] * u.shape[1]
            own = selection(first + ONE, first + count, whole.shape[0])
            self._known[u] = self._simplifier(whole if len(unknowns) == 1 else matmul(own, whole))
            first += count


def _refusal(request: Request) -> DerivationError:
    """What to ask for where unknowns have a structure."""
    kind = "hvp" if request.kind == "hess" else "jvp"
    return DerivationError(
        "an unknown of these equations has a structure: its Jacobian is no expression in matrix "
        "and Kronecker products. Ask for it along a direction, "
        f"`{kind} {request.of_text} wrt {request.wrt.name} with V`."
    )


def _along(
    problem: Problem, request: Request, simplifier: Simplifier, seed: int
) -> ImplicitDerivative:
    """A derivative along a direction, for a scalar along 1; of second order, that of the
    gradient."""
    direction = UNIT if request.direction is None else request.direction
    asked, value, of, adjoint = derived_along(problem, request, direction, seed)
    if not adjoint.multipliers and not adjoint.differentials:
        value, adjoint = simplifier(expand_names(value)), Adjoint(adjoint.systems, (), ())
    if asked.kind == "hvp" and asked.symmetric:
        of = symmetrized(of, simplifier)
    kind: RequestKind = "jac" if request.direction is None else "jvp"
    checked = replace(asked, kind=kind, of=computable_gradient(of, adjoint))
    return ImplicitDerivative(value, adjoint, asked, checked)
