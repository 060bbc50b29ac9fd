"""Jacobians, Hessians and directional derivatives: the backward rule with its upstream taken out.

The vector–Jacobian product is linear in the upstream gradient. Read as index networks, every term
has it once; where it is left out, its two sides stay open, and they are the rows of the Jacobian.
Closed with a direction at the variable's side instead, the same terms are the forward rule.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from fractions import Fraction

from ..algebra.index_terms import Term, parted, read_terms, turned
from ..algebra.permutations import kronecker
from ..core.dims import ONE
from ..core.errors import DerivationError
from ..core.expr import (
    UNIT,
    Expr,
    Eye,
    MatMul,
    Name,
    PowerSum,
    add,
    call,
    commute,
    eye,
    matmul,
    number,
    powers,
    symbol,
    times,
    transpose,
    zeros,
)
from ..core.named_tuples import NamedTuple
from ..core.problem import jacobian_shape
from ..core.structured import block_matrix, selected, selection
from ..core.traversal import postorder, rebuild, substitute
from ..derivation.chain_rule import active_nodes, cotangents, tangent, upstream_of
from ..derivation.power_sums import is_series
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
            if _paths(rules[node], [upstream], MOST_FACTORS) is None:
                raise DerivationError(_TOO_LONG + INSTEAD)
            factor, node = _by_arguments(value, wrt, simplifier), wrt
            if factor is None:
                raise DerivationError(NO_FORM + INSTEAD)
        factors.append(factor)
        value, inner = node, inner[: inner.index(node)]
    whole = factors[0] if len(factors) == 1 else simplifier(matmul(*factors))
    return whole if wrt.is_scalar else simplifier.with_diagonals(whole)


def _by_arguments(value: Expr, wrt: Expr, simplifier: Simplifier) -> Expr | None:
    """The sum over the arguments of an operation, each the only one that depends on the variable;
    None if there is one at most. Raises DerivationError."""
    while isinstance(value, Name):
        (value,) = value.args
    active = {*active_nodes(value, wrt)}
    places = [i for i, a in enumerate(value.args) if a in active]
    if len(places) < 2:
        return None
    parts = []
    for i in places:
        own = value.args[i]
        alone = symbol(f"#argument{i}", own.shape)
        args = [alone if k == i else a for k, a in enumerate(value.args)]
        outer = substitute(jacobian(rebuild(value, args), alone, simplifier), {alone: own})
        if own.is_scalar and ONE not in outer.shape:
            outer = call("vec", outer)
        inner = outer if own is wrt else jacobian(own, wrt, simplifier)
        factors = [outer, inner] if own is not wrt and not isinstance(outer, Eye) else [inner]
        parts.append(matmul(*factors))
    return simplifier(add(*parts))


def opened(rule: Expr, upstream: Expr, wrt: Expr, simplifier: Simplifier) -> Expr | None:
    """A backward rule with its upstream left out; None if it has no form, or is too long."""
    replaced, inner = _inner(rule, upstream, simplifier)
    if inner:
        return _through(substitute(rule, replaced), inner, upstream, wrt, simplifier)
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


def symmetrized_jacobian(by_matrix: Expr, wrt: Expr, simplifier: Simplifier) -> Expr:
    """D P likewise: the Jacobian along the symmetric matrices."""
    n = wrt.shape[0]
    along = add(eye(n * n), commute(n, n))
    return simplifier(times(number(Fraction(1, 2)), matmul(by_matrix, along)))


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


class _Inner(NamedTuple):
    """A part of a rule inside of which the upstream stands, what stands for it, what is inside,
    and the matrix from that to the part, both stacked."""

    place: Expr
    inside: Expr
    matrix: Expr


def _through(
    rule: Expr, inner: Sequence[_Inner], upstream: Expr, wrt: Expr, simplifier: Simplifier
) -> Expr | None:
    """The rule with its upstream left out, where that stands inside of parts: each has its matrix
    between what is inside and what is outside. None if it has no form."""
    paths = _paths(rule, [upstream, *(x.place for x in inner)], MOST_FACTORS)
    if paths is None or wrt.is_scalar:
        return None
    parts = []
    for place, x in (*((x.place, x) for x in inner), (upstream, None)):
        outer = [term for term in paths if any(edge.atom is place for edge in term.edges)]
        part = _opened(outer, place, wrt, simplifier)
        if part is not None and outer and x is not None:
            within = opened(x.inside, upstream, x.inside, simplifier)
            factors = [f for f in (within, transpose(x.matrix), part) if not isinstance(f, Eye)]
            part = None if within is None else matmul(*(f for f in factors if f is not None))
        if part is None:
            return None
        parts += [part] if outer else []
    return simplifier(add(*parts))


def _inner(
    rule: Expr, upstream: Expr, simplifier: Simplifier
) -> tuple[dict[Expr, Expr], list[_Inner]]:
    """The outermost sums of powers, and corners of power series, in which the upstream stands, and
    what they are replaced by in the rule."""
    linear = _linear(rule, [upstream])
    replaced: dict[Expr, Expr] = {}
    found: list[_Inner] = []

    def goes_on(e: Expr) -> bool:
        return e in linear and not isinstance(e, PowerSum) and _series(e, linear) is None

    for e in postorder([rule], into=goes_on):
        i = _series(e, linear)
        if i is not None:
            first, whole, last = e.args[i - 1 : i + 2]
            place = symbol(f"#powers{len(found)}", (first.shape[0], last.shape[1]))
            found.append(_corner(place, first, whole, last, simplifier))
            replaced[e] = matmul(*e.args[: i - 1], place, *e.args[i + 2 :])
        elif isinstance(e, PowerSum) and e in linear:
            place = replaced[e] = symbol(f"#powers{len(found)}", e.shape)
            found.append(_stacked(place, e, upstream))
    return replaced, found


def _series(e: Expr, linear: Container[Expr]) -> int | None:
    """Where a product has a power series in which the upstream stands."""
    if not isinstance(e, MatMul):
        return None
    found = (i for i, a in enumerate(e.args) if a in linear and is_series(a))
    return next((i for i in found if not isinstance(e.args[i], PowerSum)), None)


def _corner(place: Expr, first: Expr, whole: Expr, last: Expr, simplifier: Simplifier) -> _Inner:
    """A corner of f([A, G; 0, B]), which is linear in G: stacked, the corner of f at
    `[kron(I, A'), I; 0, kron(B, I)]`, turned, is between the two."""
    (block,) = whole.args
    a, inside, b = (
        simplifier(matmul(left, block, right))
        for left, right in (
            (first, transpose(first)),
            (first, last),
            (transpose(last), last),
        )
    )
    rows, cols = inside.shape
    size = rows * cols
    before, behind = kronecker(eye(cols), simplifier(transpose(a))), kronecker(b, eye(rows))
    larger = block_matrix([[before, eye(size)], [zeros(size, size), behind]])
    ends = selection(ONE, size, size + size), selection(size + ONE, size + size, size + size)
    return _Inner(place, inside, transpose(selected(call(whole.op, larger), *ends)))


def _stacked(place: Expr, e: PowerSum, upstream: Expr) -> _Inner:
    """A sum of `A^r G B^s`: `kron(I, A)` and `kron(B', I)` commute, and have the exponents."""
    i = next(i for i, a in enumerate(e.args) if upstream in postorder([a]))
    before, inside, behind = e.args[:i], e.args[i], e.args[i + 1 :]
    rows, cols = e.shape[0], inside.shape[1]
    left = [kronecker(transpose(b), eye(rows)) for b in reversed(behind)]
    right = [kronecker(eye(cols), a) for a in before]
    return _Inner(place, inside, powers(*left, eye(rows * cols), *right, degree=e.degree))


NO_FORM = "this Jacobian has no form in matrix, element-wise and Kronecker products"
_TOO_LONG = "this Jacobian is a sum of too many products"
INSTEAD = (
    ": ask for the backward rule (`vjp`), the forward rule (`jvp`) or, of a gradient, for `hvp`."
)
