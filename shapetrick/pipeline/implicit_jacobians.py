"""Jacobians, Hessians and directional derivatives through unknowns that equations determine.

Where every multiplier has a closed form, the backward rule is an expression that is linear in its
upstream, as any other: its upstream is left out, or a direction put in its place. A gradient is an
expression in the unknowns, so that it is differentiated again through the same equations.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from ..core.equations import EquationSystem, systems_within
from ..core.errors import DerivationError
from ..core.expr import Expr, as_symbol
from ..core.problem import DerivativeKind, Problem, Request
from ..core.traversal import expand_names
from ..derivation.chain_rule import upstream_of
from ..implicit.adjoint import derived
from ..simplification.simplifier import Simplifier
from .jacobians import moved, opened

SECOND: dict[DerivativeKind, DerivativeKind] = {"hess": "jac", "hvp": "vjp"}  # of the gradient


class ImplicitJacobian(NamedTuple):
    """The derivative, the systems that are behind it, and the request of first order that says the
    same: of the gradient, for a second derivative."""

    value: Expr
    systems: tuple[EquationSystem, ...]
    checked: Request


def implicit_jacobian(
    problem: Problem, request: Request, simplifier: Simplifier, seed: int
) -> ImplicitJacobian:
    """What a request asks for that is neither a gradient nor a backward rule. Raises
    DerivationError where a multiplier has no closed form, or the result none."""
    asked = request
    if request.derivative in SECOND:
        gradient = _rule(problem, replace(request, kind="grad", direction=None), seed)
        asked = replace(request, kind=SECOND[request.derivative], of=simplifier(gradient))
    systems = systems_within([asked.of, request.of], problem.systems)
    if asked.kind == "vjp":
        return ImplicitJacobian(simplifier(_rule(problem, asked, seed)), systems, asked)
    upstream = as_symbol(upstream_of(asked.of))
    if not systems_within([asked.of], problem.systems):
        raise DerivationError(f"`{request.wrt.name}` is not in what is differentiated again.")
    rule = _rule(problem, replace(asked, kind="vjp", direction=upstream), seed)
    if asked.kind == "jac":
        found = opened(rule, upstream, request.wrt, simplifier)
    else:
        assert asked.direction is not None
        found = moved(rule, upstream, asked.direction, simplifier)
    if found is None:
        raise DerivationError(
            f"this `{request.kind}` through equations has no form in matrix, element-wise and "
            "Kronecker products: ask for the backward rule (`vjp`)."
        )
    return ImplicitJacobian(found, systems, asked)


def _rule(problem: Problem, request: Request, seed: int) -> Expr:
    """The backward rule in the unknowns and the inputs alone."""
    found = derived(problem, request, seed)
    if found.adjoint.multipliers:
        name = found.adjoint.multipliers[0].name
        why = f"the multiplier `{name}` is known by its equation alone"
    elif found.request.symmetric:
        why = "they have a solution along the symmetric matrices alone"
    else:
        return expand_names(found.gradient)
    raise DerivationError(
        f"only gradients and backward rules go through these equations, since {why}: ask for "
        "`grad` or `vjp`."
    )
