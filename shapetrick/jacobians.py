"""Jacobians, Hessians and directional derivatives: the backward rule with its upstream taken out.

The vector–Jacobian product is linear in the upstream gradient. Read as index networks, every term
has it once; where it is left out, its two sides stay open, and they are the rows of the Jacobian.
Closed with a direction at the variable's side instead, the same terms are the forward rule.
"""

from __future__ import annotations

from fractions import Fraction

from .dims import Shape
from .errors import DerivationError
from .expr import UNIT, Expr, add, number, postorder, symbol, times, transpose
from .network import Edge, Nodes, Term, read_terms
from .simplification import Simplifier

UPSTREAM = "#upstream"


def upstream_of(value: Expr) -> Expr:
    """The upstream gradient that is going to be taken out again."""
    return symbol(UPSTREAM, value.shape)


def jacobian_shape(of: Expr, wrt: Expr) -> Shape:
    """Rows follow the stacked value, columns the stacked variable; by a scalar, the value's own
    shape."""
    if wrt.is_scalar:
        return of.shape
    return of.shape[0] * of.shape[1], wrt.shape[0] * wrt.shape[1]


def jacobian(cotangent: Expr, upstream: Expr, wrt: Expr, simplifier: Simplifier) -> Expr:
    """∂vec(Y)/∂vec(X) from the cotangent of X, an expression linear in the upstream gradient of Y.

    Raises DerivationError where it has no form in matrix, Kronecker and element-wise products."""
    terms = []
    for term, (rows, cols) in _without(cotangent, upstream):
        if wrt.is_scalar:
            terms.append(term._replace(rows=rows, cols=cols))
        else:
            # Columns are stacked: the column's index is the outer one.
            terms.append(term._replace(rows=cols + rows, cols=term.cols + term.rows))
    result = simplifier.write(terms, jacobian_shape(upstream, wrt))
    if result is None:
        raise DerivationError(
            "this Jacobian has no form in matrix, element-wise and Kronecker products: ask for the "
            "backward rule (`vjp`), the forward rule (`jvp`) or, of a gradient, for `hvp`."
        )
    return result if wrt.is_scalar else simplifier.with_diagonals(result)


def pushed_forward(
    cotangent: Expr, upstream: Expr, direction: Expr, simplifier: Simplifier
) -> Expr:
    """The directional derivative of Y along a direction of X's shape, from the cotangent of X.

    Raises DerivationError where it has no form in matrix and element-wise products."""
    terms = []
    for term, (rows, cols) in _without(cotangent, upstream):
        edges, scalars = term.edges, term.scalars
        if direction.is_scalar:
            scalars = (*scalars, (direction, UNIT))
        else:
            edges = (*edges, Edge(direction, term.rows, term.cols))
        terms.append(term._replace(edges=edges, scalars=scalars, rows=rows, cols=cols))
    result = simplifier.write(terms, upstream.shape)
    if result is None:
        raise DerivationError(
            "this directional derivative has no form in matrix and element-wise products: ask for "
            "the backward rule (`vjp`)."
        )
    return result


def symmetrized(gradient: Expr, simplifier: Simplifier) -> Expr:
    """The gradient along the symmetric matrices: (G + G') / 2."""
    return simplifier(times(number(Fraction(1, 2)), add(gradient, transpose(gradient))))


def _without(cotangent: Expr, upstream: Expr) -> list[tuple[Term, tuple[Nodes, Nodes]]]:
    """The terms with the upstream gradient left out, and the nodes at which it stood."""
    linear: set[Expr] = set()
    for e in postorder([cotangent]):
        if e is upstream or any(a in linear for a in e.args):
            linear.add(e)
    found = []
    for term in read_terms(cotangent, lambda e: e in linear) or []:
        places = [edge for edge in term.edges if edge.atom is upstream]
        edges = tuple(edge for edge in term.edges if edge.atom is not upstream)
        scalars = tuple(s for s in term.scalars if s[0] is not upstream)
        sides = (places[0].rows, places[0].cols) if places else ((), ())
        found.append((term._replace(edges=edges, scalars=scalars), sides))
    return found
