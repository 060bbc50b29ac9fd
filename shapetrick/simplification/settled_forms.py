"""Products, and sums of products, in which nothing meets: read and written anew, they are the same.

Most of what is looked at is such a form, and to read and to write takes much longer than to see it:
of factors that are no products themselves, none of them twice, with no definition among them.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..algebra.assumptions import is_orthogonal
from ..algebra.index_terms import is_multilinear
from ..core.cost import has_minus, is_below
from ..core.dims import ONE
from ..core.expr import (
    WHOLE,
    ZERO,
    Add,
    Expr,
    Eye,
    MatMul,
    Number,
    Power,
    Times,
    Transpose,
    call,
)
from ..core.structure import adds_up, data_of, factors_of, has_transposes, is_zero, sums
from .networks import Networks

_CONSTANT = frozenset({"ones", "zeros", "eye", "commute", "structured"})


def is_settled(networks: Networks, e: Expr) -> bool:
    """Whether it is written as it stands."""
    if isinstance(e, Add):
        bases = _bases_of_sum(networks, e.args)
    elif isinstance(e, (Times, MatMul, Power)):
        bases = _bases(networks, e)
    else:
        bases = _bases_summed(networks, e)
    distinct = 0 < len(bases) == len({*bases})
    return distinct and networks.folding.holds_none(bases) and not networks.known.may_meet(bases)


def _bases_of_sum(networks: Networks, summands: Sequence[Expr]) -> Sequence[Expr]:
    """The bases of all summands, if they stand as they are written, the first without a minus and
    no number in front of all; at most one is a number but 0, or the identity."""
    found: list[Expr] = []
    constants = units = 0
    for a in summands:
        front = factors_of(a)[0]
        number = front.value if isinstance(front, Number) else WHOLE
        units += abs(number) == 1
        if isinstance(a, (Number, Eye)) and a is not ZERO:
            constants += 1
            continue
        bases = _bases(networks, a)
        if not bases or number.as_integer_ratio()[1] != 1:
            return ()
        found += bases
    return found if units and constants < 2 and not has_minus(summands[0]) else ()


def _bases(networks: Networks, e: Expr) -> Sequence[Expr]:
    """The bases of a product's factors, if it stands as it is written: a number, scalars, a matrix
    or a chain, scalars below. Nothing if it doesn't, or where they may meet."""
    factors = factors_of(e)
    if isinstance(factors[0], Number) and not is_zero(factors[0]):
        factors = factors[1:]
    body = [a for a in factors if isinstance(a, MatMul) or not a.is_scalar]
    scalars = [a for a in factors if a not in body]
    above, below = ([a for a in scalars if is_below(a) is under] for under in (False, True))
    if len(body) > 1 or [*above, *body, *below] != [*factors]:
        return ()
    found: list[Expr] = []
    for group in (scalars, *(_links(networks, a) for a in body)):
        may_add = not has_minus(e) and (group is not scalars or len(group) == 1)
        for base in map(_base, group):
            if not (_is_bare(base) or (may_add and _keeps_its_sign(networks, base))):
                return ()
            found.append(base)
    return found


def _bases_summed(networks: Networks, e: Expr) -> Sequence[Expr]:
    """The base of what is added up along one side or both, if it stands as it is written."""
    if not sums(e) or (data_of(e) is not None and ONE in e.args[0].shape):
        return ()
    (inner,) = e.args
    if not adds_up(e):
        total = call("sum", inner, data=data_of(e))
        if networks.rewriter.rewrite(total) is not total:  # `mean(abs(x))` is `norm1(x) / n`
            return ()
    base = _base(inner)
    stays = _is_bare(base) or (base is not inner and _keeps_its_sign(networks, base))
    return (base,) if stays and not networks.symmetric(base) else ()


def _links(networks: Networks, e: Expr) -> Sequence[Expr]:
    """The links of a chain without their transposes; each once, where equal ones can't meet. The
    chain itself where it may be written in another order, or turned."""
    if not isinstance(e, MatMul):
        return (e,)
    turned = sum(isinstance(a, Transpose) for a in e.args)
    narrow = e.is_scalar or any(a.shape[1] is ONE for a in e.args[:-1])
    links = [a.args[0] if isinstance(a, Transpose) else a for a in e.args]
    added = [a for a in links if isinstance(a, Add)]
    if narrow and turned == 1 and len(links) == 2 and not e.is_scalar:  # `u v'`
        turned = narrow = False
    if turned > 1 or (narrow and (turned or added)) or any(map(has_transposes, added)):
        return (e,)
    met = narrow or networks.known.may_meet(links) or any(map(is_orthogonal, links))
    return links if met else [*dict.fromkeys(links)]


def _base(e: Expr) -> Expr:
    """What is raised to a number."""
    is_power = isinstance(e, Power) and isinstance(e.args[1], Number) and e.args[1] is not ZERO
    return e.args[0] if is_power else e


def _is_bare(e: Expr) -> bool:
    return not (e.op in _CONSTANT or isinstance(e, Number) or is_multilinear(e) or is_zero(e))


def _keeps_its_sign(networks: Networks, e: Expr) -> bool:
    """Whether it is a sum that is written in this way wherever it is a factor."""
    if not isinstance(e, Add) or (e.shape[0] is ONE and not e.is_scalar):
        return False
    return networks.signs.natural(e) == (e, 1)
