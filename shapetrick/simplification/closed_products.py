"""Sums of scalars that are products closed to a ring, as traces are: a factor of several is cut out
of each, and what is left is a sum of matrices. `tr(A X) + s tr(B X)` is `tr((A + s B) X)`.
"""

from __future__ import annotations

from collections import Counter

from ..algebra.index_terms import Term
from ..core.cost import length, sum_of
from ..core.expr import Add, Expr, call, matmul, power, transpose
from ..core.results import Rewriting
from ..core.structure import terms_of
from .networks import Networks


def common_factor_inside(networks: Networks, e: Expr) -> Expr | None:
    """A sum of scalars with the factor that most of them share outside of one sum, if that is
    shorter."""
    if not isinstance(e, Add) or not e.is_scalar:
        return None
    reading = networks.read(e)
    terms = [] if reading is None else [*reading.terms.values()]
    counts = Counter(
        factor for term in terms for factor in {(x.atom, x.exponent): None for x in term.edges}
    )
    if not counts or max(counts.values()) < 2:
        return None
    most = max(counts.values())
    for atom, exponent in [factor for factor, k in counts.items() if k == most]:
        found = _with_factor_outside(networks, atom, exponent, terms)
        if found is not None and length(found) < length(e):
            networks.log.append(Rewriting("common factor", e, found))
            return found
    return None


def _with_factor_outside(
    networks: Networks, atom: Expr, exponent: Expr, terms: list[Term]
) -> Expr | None:
    cut, others = [], []
    for term in terms:
        if all((edge.atom, edge.exponent) != (atom, exponent) for edge in term.edges):
            others.append(term)
        elif (rest := _cut(term, atom, exponent)) is not None:
            cut.append(rest)
        else:
            return None
    inner = networks.write(networks.collected(cut), atom.shape)
    if inner is None:
        return None
    around, factor = transpose(inner), power(atom, exponent)
    ring = matmul(around, factor)
    closed = networks.simplify(ring if ring.is_scalar else call("tr", matmul(factor, around)))
    if not others:
        return closed
    outside = networks.write(networks.collected(others), closed.shape)
    return None if outside is None else sum_of([closed, *terms_of(outside)])


def _cut(term: Term, atom: Expr, exponent: Expr) -> Term | None:
    """The term without the first edge that is this factor, open where it stood."""
    for i, edge in enumerate(term.edges):
        if edge.atom is atom and edge.exponent is exponent and edge.rows != edge.cols:
            rest = term.edges[:i] + term.edges[i + 1 :]
            return term._replace(edges=rest, rows=edge.rows, cols=edge.cols)
    return None
