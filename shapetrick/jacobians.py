"""Jacobians, Hessians and directional derivatives: the backward rule with its upstream taken out.

The vector–Jacobian product is linear in the upstream gradient. Read as index networks, every term
has it once; where it is left out, its two sides stay open, and they are the rows of the Jacobian.
Closed with a direction at the variable's side instead, the same terms are the forward rule.
"""

from __future__ import annotations

from fractions import Fraction

from .chain_rule import active_nodes, cotangents
from .dims import Shape
from .errors import DerivationError
from .expr import UNIT, Expr, add, matmul, number, postorder, symbol, times, transpose
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


def jacobian(value: Expr, wrt: Expr, simplifier: Simplifier) -> Expr:
    """∂vec(Y)/∂vec(X). Where it has no form as a whole, it is the product of those of its parts, if
    all that Y has of X passes through some matrix on the way.

    Raises DerivationError where it has no form in matrix, Kronecker and element-wise products."""
    factors: list[Expr] = []
    inner = [wrt] if wrt.is_scalar else _passages(value, wrt)
    while value is not wrt or not factors:
        # The longest part that has a form comes first.
        for node in inner:
            factor = _opened(value, node, simplifier)
            if factor is not None:
                break
        else:
            raise DerivationError(
                "this Jacobian has no form in matrix, element-wise and Kronecker products: ask for "
                "the backward rule (`vjp`), the forward rule (`jvp`) or, of a gradient, for `hvp`."
            )
        factors.append(factor)
        value, inner = node, inner[: inner.index(node)]
    whole = factors[0] if len(factors) == 1 else simplifier(matmul(*factors))
    return whole if wrt.is_scalar else simplifier.with_diagonals(whole)


def _passages(value: Expr, wrt: Expr) -> list[Expr]:
    """The variable, then the matrices through which all that the value has of it passes."""
    active = active_nodes(value, wrt)
    places = {e: i for i, e in enumerate(active)}
    last = dict(places)  # where each is used for the last time
    for e in active:
        last.update((a, places[e]) for a in e.args if a in places)
    found, open_until = [wrt], 0
    for i, e in enumerate(active[:-1]):
        if i > 0 and open_until <= i and not e.is_scalar and e.op != "name":
            found.append(e)
        open_until = max(open_until, last[e])
    return found


def _opened(value: Expr, wrt: Expr, simplifier: Simplifier) -> Expr | None:
    """The rule with its upstream left out, or None if it has no form."""
    upstream = upstream_of(value)
    terms = []
    for term, (rows, cols) in _without(cotangents(value, wrt, upstream)[wrt], upstream):
        if wrt.is_scalar:
            terms.append(term._replace(rows=rows, cols=cols))
        else:
            # Columns are stacked: the column's index is the outer one.
            terms.append(term._replace(rows=cols + rows, cols=term.cols + term.rows))
    return simplifier.write(terms, jacobian_shape(value, wrt))


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
