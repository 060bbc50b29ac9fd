"""Jacobians, Hessians and directional derivatives: the backward rule with its upstream taken out.

The vector–Jacobian product is linear in the upstream gradient. Read as index networks, every term
has it once; where it is left out, its two sides stay open, and they are the rows of the Jacobian.
Closed with a direction at the variable's side instead, the same terms are the forward rule.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction

from ..algebra.index_terms import Term, parted, read_terms, turned
from ..algebra.permutations import kronecker
from ..core.dims import ONE
from ..core.errors import DerivationError
from ..core.expr import (
    UNIT,
    Expr,
    Eye,
    Name,
    PowerSum,
    add,
    commute,
    eye,
    matmul,
    number,
    powers,
    symbol,
    times,
    transpose,
)
from ..core.problem import jacobian_shape
from ..core.traversal import postorder, substitute
from ..derivation.chain_rule import active_nodes, cotangents, tangent, upstream_of
from ..simplification.simplifier import Simplifier

MOST_PATHS = 256  # from the result to the variable, that are multiplied out
MOST_FACTORS = 20_000  # in all of them together
MOST_PUSHED = 512  # and in those of a directional derivative; a longer one goes forward
NEAREST = 16  # matrices on the way that are tried beside the variable itself


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
            factor = opened(rules[node], upstream, node, simplifier)
            if factor is not None:
                break
        else:
            if wrt.is_scalar:  # what is by a scalar is along 1
                return simplifier(tangent(value, wrt, UNIT, simplifier))
            paths = _paths(rules[node], [upstream], MOST_FACTORS)
            raise DerivationError((_TOO_LONG if paths is None else NO_FORM) + _INSTEAD)
        factors.append(factor)
        value, inner = node, inner[: inner.index(node)]
    whole = factors[0] if len(factors) == 1 else simplifier(matmul(*factors))
    return whole if wrt.is_scalar else simplifier.with_diagonals(whole)


def opened(rule: Expr, upstream: Expr, wrt: Expr, simplifier: Simplifier) -> Expr | None:
    """A backward rule with its upstream left out; None if it has no form, or is too long."""
    powers_within = _power_sums(rule, upstream)
    if powers_within:
        return _through_powers(rule, powers_within, upstream, wrt, simplifier)
    paths = _paths(rule, [upstream], MOST_FACTORS)
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
    paths = _paths(rule, [upstream], MOST_PUSHED)
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


def _paths(cotangent: Expr, upstreams: Sequence[Expr], most: int) -> list[Term] | None:
    """The backward rule multiplied out, a product for every path; None if these are too many, or
    have more factors than that."""
    linear = _linear(cotangent, upstreams)
    paths = read_terms(cotangent, lambda e: e in linear, most=MOST_PATHS)
    if paths is None or sum(len(term.edges) for term in paths) > most:
        return None
    return paths


def _linear(rule: Expr, upstreams: Sequence[Expr]) -> set[Expr]:
    """The parts of a rule in which an upstream stands."""
    linear = set(upstreams)
    for e in postorder([rule]):
        if any(a in linear for a in e.args):
            linear.add(e)
    return linear


def _through_powers(
    rule: Expr, found: Mapping[Expr, Expr], upstream: Expr, wrt: Expr, simplifier: Simplifier
) -> Expr | None:
    """The rule with its upstream left out, where that stands inside of sums of `A^r G B^s`: each of
    these is a matrix that is between what is inside and what is outside. None if it has no form."""
    paths = _paths(substitute(rule, found), [upstream, *found.values()], MOST_FACTORS)
    if paths is None or wrt.is_scalar:
        return None
    parts = []
    for e, place in (*found.items(), (None, upstream)):
        outer = [term for term in paths if any(edge.atom is place for edge in term.edges)]
        part = _opened(outer, place, wrt, simplifier)
        if part is not None and outer and isinstance(e, PowerSum):
            inner, matrix = _stacked(e, upstream)
            within = opened(inner, upstream, inner, simplifier)
            factors = [f for f in (within, transpose(matrix), part) if not isinstance(f, Eye)]
            part = None if within is None else matmul(*(f for f in factors if f is not None))
        if part is None:
            return None
        parts += [part] if outer else []
    return simplifier(add(*parts))


def _stacked(e: PowerSum, upstream: Expr) -> tuple[Expr, Expr]:
    """A sum of `A^r G B^s` as what is stacked, and the matrix before it: `kron(I, A)` and
    `kron(B', I)` commute, and have the exponents."""
    i = next(i for i, a in enumerate(e.args) if upstream in postorder([a]))
    before, inner, behind = e.args[:i], e.args[i], e.args[i + 1 :]
    rows, cols = e.shape[0], inner.shape[1]
    left = [kronecker(transpose(b), eye(rows)) for b in reversed(behind)]
    right = [kronecker(eye(cols), a) for a in before]
    return inner, powers(*left, eye(rows * cols), *right, degree=e.degree)


def _power_sums(rule: Expr, upstream: Expr) -> dict[Expr, Expr]:
    """The outermost sums of powers in which the upstream stands, and what stands for each."""
    linear = _linear(rule, [upstream])
    outer = postorder([rule], into=lambda e: e in linear and not isinstance(e, PowerSum))
    sums = [e for e in outer if isinstance(e, PowerSum) and e in linear]
    return {e: symbol(f"#powers{k}", e.shape) for k, e in enumerate(sums)}


NO_FORM = "this Jacobian has no form in matrix, element-wise and Kronecker products"
_TOO_LONG = "this Jacobian is a sum of too many products"
_INSTEAD = (
    ": ask for the backward rule (`vjp`), the forward rule (`jvp`) or, of a gradient, for `hvp`."
)
