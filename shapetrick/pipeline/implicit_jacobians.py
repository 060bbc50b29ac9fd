"""Jacobians, Hessians and directional derivatives through unknowns that equations determine.

Where every multiplier has a closed form, the backward rule is an expression that is linear in its
upstream, as any other, and its upstream is left out. A gradient is an expression in the unknowns,
so that it is differentiated again through the same equations.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from ..core.dims import NOTHING, ONE
from ..core.equations import free_entries, structure_of
from ..core.expr import (
    UNIT,
    Expr,
    Eye,
    Symbol,
    add,
    as_symbol,
    call,
    duplicate,
    matmul,
    negate,
    subtract,
    symbol,
    transpose,
    zeros,
)
from ..core.named_tuples import NamedTuple
from ..core.problem import Problem, Request, RequestKind, jacobian_shape
from ..core.results import Adjoint
from ..core.structured import block_matrix, selection
from ..core.traversal import expand_names, symbols_of
from ..derivation.chain_rule import upstream_of
from ..implicit.adjoint import computable_gradient, derived
from ..implicit.differentials import derived_along
from ..implicit.examination import examined
from ..simplification.simplifier import Simplifier
from .jacobians import jacobian, opened, symmetrized, symmetrized_jacobian


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
    systems = problem.systems_of(request.of)
    said = examined(systems, request.wrt, seed)
    asked, adjoint = request, Adjoint(systems, (), ())
    if request.kind == "hess":
        found = derived(problem, replace(request, kind="grad"), seed)
        adjoint = found.adjoint
        of = found.gradient if adjoint.multipliers else expand_names(found.gradient)
        if said.along_symmetric:
            of = symmetrized(of, simplifier)
        asked = replace(request, kind="jac", of=simplifier(of))
    asked, request = (replace(r, symmetric=said.along_symmetric) for r in (asked, request))
    value: Expr | None = None
    if not adjoint.multipliers and problem.systems_of(asked.of):
        value = _opened(problem, asked, simplifier, seed)
    if value is None:
        flags = dict(zip((e for x in systems for e in x.residuals), said.symmetric, strict=True))
        value = _Jacobians(request, simplifier, adjoint, flags).of(asked.of)
    else:
        adjoint = Adjoint(adjoint.systems, (), ())
    value = simplifier(value)
    if request.symmetric and request.kind == "jac":
        value = symmetrized_jacobian(value, request.wrt, simplifier)
    checked = replace(asked, of=computable_gradient(asked.of, adjoint))
    return ImplicitDerivative(value, adjoint, request, checked)


def _opened(problem: Problem, asked: Request, simplifier: Simplifier, seed: int) -> Expr | None:
    """The backward rule with its upstream left out; None where it has open multipliers, or no
    form."""
    upstream = as_symbol(upstream_of(asked.of))
    found = derived(problem, replace(asked, kind="vjp", direction=upstream), seed)
    if found.adjoint.multipliers:
        return None
    return opened(expand_names(found.gradient), upstream, asked.wrt, simplifier)


class _Jacobians:
    """Jacobians of unknowns and of their multipliers, by the inverse of that of their equations."""

    def __init__(
        self,
        request: Request,
        simplifier: Simplifier,
        adjoint: Adjoint,
        symmetric: Mapping[Expr, bool],
    ) -> None:
        self._request, self._simplifier = request, simplifier
        self._known: dict[Symbol, Expr] = {}
        for system in adjoint.systems:
            like = (symbol("", e.shape, ["symmetric"] * symmetric[e]) for e in system.residuals)
            self._add(system.unknowns, [*zip(system.residuals, like, strict=True)])
        for linear in adjoint.linear_systems:
            zero = [(subtract(q.left, q.right), q.unknown) for q in linear.equations]
            self._add(linear.symbols, zero)

    def of(self, e: Expr) -> Expr:
        """∂vec(e)/∂vec(variable), through the unknowns as well."""
        inside, wrt = symbols_of(e), self._request.wrt
        parts = [jacobian(e, wrt, self._simplifier)] if wrt in inside else []
        for u, by_variable in self._known.items():
            if u in inside:
                parts.append(matmul(jacobian(e, u, self._simplifier), by_variable))
        return add(*parts) if parts else zeros(*jacobian_shape(e, wrt))

    def _add(self, unknowns: Sequence[Symbol], residuals: Sequence[tuple[Expr, Symbol]]) -> None:
        """Those of unknowns, which are stacked where they are several: along the entries that are
        free, by as many of the equations' entries."""
        free = [self._selected(u) for u in unknowns]
        bases = [
            duplicate(u.shape[0])
            if structure_of(u) == "symmetric"
            else self._simplifier(transpose(rows))
            for u, rows in zip(unknowns, free, strict=True)
        ]
        told = [(e, self._selected(like)) for e, like in residuals]
        by_unknowns = [
            [
                _product(rows, jacobian(e, u, self._simplifier), basis)
                for u, basis in zip(unknowns, bases, strict=True)
            ]
            for e, rows in told
        ]
        inverse = call("inv", self._simplifier(block_matrix(by_unknowns)))
        right = self._simplifier(block_matrix([[_product(rows, self.of(e))] for e, rows in told]))
        whole, first = negate(matmul(inverse, right)), NOTHING
        for u, basis in zip(unknowns, bases, strict=True):
            count = basis.shape[1]
            own = selection(first + ONE, first + count, whole.shape[0])
            found = whole if len(unknowns) == 1 else matmul(own, whole)
            self._known[u] = self._simplifier(_product(basis, found))
            first += count

    def _selected(self, like: Symbol) -> Expr:
        """The matrix that takes the free entries out of what has a structure and is stacked."""
        whole = symbol(like.name, like.shape)
        return jacobian(free_entries(whole, like), whole, self._simplifier)


def _product(*factors: Expr) -> Expr:
    """Without identities, among Kronecker products as elsewhere."""
    kept = [x for x in factors if not isinstance(x, Eye)]
    return matmul(*(kept or factors[:1]))


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
