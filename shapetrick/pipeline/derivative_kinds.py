"""What each kind of derivative is: rules of the chain rule, some with their upstream left out."""

from __future__ import annotations

from collections.abc import Callable

from ..core.expr import UNIT, Expr
from ..core.problem import DerivativeKind
from ..derivation.chain_rule import cotangents, tangent
from ..simplification.simplifier import Simplifier
from .jacobians import directional, jacobian


def derivative(
    kind: DerivativeKind,
    of: Expr,
    wrt: Expr,
    along: Expr | None,
    simplifier: Simplifier,
    step: Callable[[Expr], Expr] | None = None,
) -> Expr:
    """The derivative of a kind, simplified; `along` is the upstream gradient of a rule, or the
    direction. What layers hand on may be hidden by a `step`, where nothing has to be found in it
    again.

    Raises DerivationError where no arrangement expresses it, or a Jacobian has no form."""

    def rule(value: Expr, upstream: Expr) -> Expr:
        return simplifier(cotangents(value, wrt, upstream, step)[wrt])

    along = UNIT if along is None else along
    match kind:
        case "grad":
            return rule(of, UNIT)
        case "vjp":
            return rule(of, along)
        case "jac":
            return jacobian(of, wrt, simplifier)
        case "hess":
            return jacobian(simplifier(cotangents(of, wrt, UNIT)[wrt]), wrt, simplifier)
        case "hvp":  # the Hessian is symmetric: it is the gradient's backward rule
            return rule(rule(of, UNIT), along)
        case "jvp":
            short = directional(of, wrt, along, simplifier)
            if short is not None:
                return short
            return simplifier(tangent(of, wrt, along, step or simplifier))
