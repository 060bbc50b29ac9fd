"""Jacobians, Hessians and directional derivatives: the backward rule with its upstream taken out.

The vector–Jacobian product is linear in the upstream gradient. Read as index networks, every term
has it once; where it is left out, its two sides stay open, and they are the rows of the Jacobian.
Closed with a direction at the variable's side instead, the same terms are the forward rule.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from ..algebra.index_terms import Term, parted, read_terms, turned
from ..core.dims import ONE, Shape
from ..core.errors import DerivationError
from ..core.expr import Expr, Name, add, commute, eye, matmul, number, times, transpose
from ..core.traversal import postorder
from ..derivation.chain_rule import active_nodes, cotangents, upstream_of
from ..simplification.simplifier import Simplifier

MOST_PATHS = 256  # from the result to the variable, that are multiplied out
MOST_FACTORS = 20_000  # in all of them together
MOST_PUSHED = 512  # and in those of a directional derivative; a longer one goes forward
NEAREST = 16  # matrices on the way that are tried beside the variable itself


def jacobian_shape(of: Expr, wrt: Expr) -> Shape:
    """Rows follow the stacked value, columns the stacked variable; by a scalar, the value's own
    shape."""
    if wrt.is_scalar:
        return of.shape
    return of.shape[0] * of.shape[1], wrt.shape[0] * wrt.shape[1]


def jacobian(value: Expr, wrt: Expr, simplifier: Simplifier) -> Expr:
    """∂vec(Y)/∂vec(X). Where it has no form as a whole, it is the product of those of its parts, if
    all that Y has of X passes through some matrix on the way.

    Raises DerivationError where it has no form in matrix, Kronecker and element-wise products, or
    one that is too long."""
    factors: list[Expr] = []
    inner = [wrt] if wrt.is_scalar else _passages(value, wrt)
    while value is not wrt or not factors:
        upstream = upstream_of(value)
        rules = cotangents(value, wrt, upstream)
        # The longest part that has a form comes first.
        for node in [*inner[:1], *inner[1:][-NEAREST:]]:
            paths = _paths(rules[node], upstream, MOST_FACTORS)
            factor = None if paths is None else _opened(paths, upstream, node, simplifier)
            if factor is not None:
                break
        else:
            raise DerivationError((_TOO_LONG if paths is None else _NO_FORM) + _INSTEAD)
        factors.append(factor)
        value, inner = node, inner[: inner.index(node)]
    whole = factors[0] if len(factors) == 1 else simplifier(matmul(*factors))
    return whole if wrt.is_scalar else simplifier.with_diagonals(whole)


def opened(rule: Expr, upstream: Expr, wrt: Expr, simplifier: Simplifier) -> Expr | None:
    """A backward rule with its upstream left out; None if it has no form, or is too long."""
    paths = _paths(rule, upstream, MOST_FACTORS)
    return None if paths is None else _opened(paths, upstream, wrt, simplifier)


def _passages(value: Expr, wrt: Expr) -> list[Expr]:
    """The variable, then the matrices through which all that the value has of it passes."""
    active = active_nodes(value, wrt)
    places = {e: i for i, e in enumerate(active)}
    last = dict(places)  # where each is used for the last time
    for e in active:
        last.update((a, places[e]) for a in e.args if a in places)
    found, open_until = [wrt], 0
    for i, e in enumerate(active[:-1]):
        if i > 0 and open_until <= i and not e.is_scalar and not isinstance(e, Name):
            found.append(e)
        open_until = max(open_until, last[e])
    return found


def _opened(
    paths: Sequence[Term], upstream: Expr, wrt: Expr, simplifier: Simplifier
) -> Expr | None:
    """The rule with its upstream left out, or None if it has no form."""
    terms = []
    for term in paths:
        apart = parted(term, upstream)
        if apart is None:
            return None
        rest, (rows, cols) = apart
        if wrt.is_scalar:
            terms.append(rest._replace(rows=rows, cols=cols))
        else:
            # Columns are stacked: the column's index is the outer one.
            terms.append(rest._replace(rows=cols + rows, cols=term.cols + term.rows))
    return simplifier.write(terms, jacobian_shape(upstream, wrt))


def directional(value: Expr, wrt: Expr, direction: Expr, simplifier: Simplifier) -> Expr | None:
    """The directional derivative of Y along a direction of X's shape, multiplied out; None if that
    is too long, or has no form in matrix and element-wise products."""
    upstream = upstream_of(value)
    return moved(cotangents(value, wrt, upstream)[wrt], upstream, direction, simplifier)


def moved(rule: Expr, upstream: Expr, direction: Expr, simplifier: Simplifier) -> Expr | None:
    """The forward rule along a direction that a backward rule is; None as above."""
    paths = _paths(rule, upstream, MOST_PUSHED)
    if paths is None:
        return None
    terms = [t for term in paths if (t := turned(term, upstream, direction)) is not None]
    return simplifier.write(terms, upstream.shape) if len(terms) == len(paths) else None


def symmetrized(gradient: Expr, simplifier: Simplifier) -> Expr:
    """The gradient along the symmetric matrices: (G + G') / 2."""
    return simplifier(times(number(Fraction(1, 2)), add(gradient, transpose(gradient))))


def symmetrized_hessian(hessian: Expr, wrt: Expr, simplifier: Simplifier) -> Expr:
    """P H P with P = (I + commute) / 2: the Hessian along the symmetric matrices."""
    n = wrt.shape[0]
    if n == ONE:
        return hessian
    along = add(eye(n * n), commute(n, n))
    return simplifier(times(number(Fraction(1, 4)), matmul(along, hessian, along)))


def _paths(cotangent: Expr, upstream: Expr, most: int) -> list[Term] | None:
    """The backward rule multiplied out, a product for every path; None if these are too many, or
    have more factors than that."""
    linear: set[Expr] = set()
    for e in postorder([cotangent]):
        if e is upstream or any(a in linear for a in e.args):
            linear.add(e)
    paths = read_terms(cotangent, lambda e: e in linear, most=MOST_PATHS)
    if paths is None or sum(len(term.edges) for term in paths) > most:
        return None
    return paths


_NO_FORM = "this Jacobian has no form in matrix, element-wise and Kronecker products"
_TOO_LONG = "this Jacobian is a sum of too many products"
_INSTEAD = (
    ": ask for the backward rule (`vjp`), the forward rule (`jvp`) or, of a gradient, for `hvp`."
)
