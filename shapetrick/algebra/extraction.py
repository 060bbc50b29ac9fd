"""Terms to expressions: the shortest way found to write a network.

Several orders of contraction are tried. A side on the outside without a factor is spread by ones. A
network that needs more than two sides at a time has no form in matrices: `spell` gives None.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from math import prod

from ..core.cost import has_minus, length
from ..core.dims import ONE
from ..core.expr import Expr, call, number, power, times, transpose
from .contraction import Contraction, product
from .fingerprints import Symmetric
from .index_terms import Edge, Term
from .kronecker import body_between, stacked, unstacked

Fold = Callable[[Expr], Expr]
MOST_ORDERS = 4  # of contraction, that are tried


def spell(
    term: Term,
    symmetric: Symmetric = lambda e: False,
    fold: Fold = lambda e: e,
    compact: bool = False,
) -> Expr | None:
    """The shortest expression found for a term, or None if it has no form with two sides.

    With `compact`, a side along which the term is constant may be left as 1, for where it
    broadcasts. `fold` puts definitions back, so that what they shorten counts."""
    if _has_fused_sides(term):
        term = _split_fused(term)
        fused = [e for e in term.edges if max(len(e.rows), len(e.cols)) > 1]
        if fused:
            return _spell_stacked(term, fused, symmetric)
    contraction = _lay_out(term, symmetric, term.open_nodes)
    best: Expr | None = None
    inner = sum(n not in contraction.outside for n in contraction.dims)
    variants = 1 if contraction.is_forest() else max(1, min(MOST_ORDERS, inner))
    for pick in range(variants):
        trial = contraction.copy() if variants > 1 else contraction
        if not trial.run(pick):
            continue
        found = _assemble(trial, term, compact)
        if found is None:
            return None
        found = fold(found)
        if best is None or length(found) < length(best):
            best = found
    return best


def _has_fused_sides(term: Term) -> bool:
    if len(term.rows) > 1 or len(term.cols) > 1:
        return True
    return any(len(e.rows) > 1 or len(e.cols) > 1 for e in term.edges)


def _split_fused(term: Term) -> Term:
    """Sides that are fused in the same way everywhere are one node again; a fused column is read as
    the matrix that was stacked, and so is the diagonal of a matrix of which both sides are one."""
    term = term._replace(edges=tuple(map(_without_fused_diagonal, term.edges)))
    groups = {side for e in term.edges for side in (e.rows, e.cols) if len(side) > 1}
    groups |= {side for side in (term.rows, term.cols) if len(side) > 1}
    dims, names = dict(term.dims), {}
    for group in sorted(groups):
        members = set(group)
        sides = [s for e in term.edges for s in (e.rows, e.cols)] + [term.rows, term.cols]
        whole = len(members) == len(group)
        if whole and all(s == group or not members & set(s) for s in sides):
            dims[min(group)] = prod((dims.pop(n) for n in group), start=ONE)
            names[group] = (min(group),)
    edges = []
    for e in term.edges:
        rows, cols = names.get(e.rows, e.rows), names.get(e.cols, e.cols)
        atom = e.atom
        if len(rows) == 2 and not cols:
            (n, m), data = rows, (term.dims[rows[1]], term.dims[rows[0]])
            atom, rows, cols = call("unvec", atom, data=data), (m,), (n,)
        elif len(cols) == 2 and not rows:
            (n, m), data = cols, (term.dims[cols[1]], term.dims[cols[0]])
            atom, rows, cols = call("unvec", transpose(atom), data=data), (m,), (n,)
        edges.append(Edge(atom, rows, cols, e.exponent))
    return Term(
        term.coefficient,
        term.scalars,
        tuple(edges),
        dims,
        names.get(term.rows, term.rows),
        names.get(term.cols, term.cols),
    )


def _without_fused_diagonal(e: Edge) -> Edge:
    if len(e.rows) < 2 or e.rows != e.cols:
        return e
    return e._replace(atom=call("diag", e.atom), cols=())


def _spell_stacked(term: Term, fused: Sequence[Edge], symmetric: Symmetric) -> Expr | None:
    """A term in which one factor has fused sides that don't come apart."""
    if len(fused) > 1 or max(len(term.rows), len(term.cols)) > 1:
        return None
    (whole,) = fused
    rest = term._replace(edges=tuple(e for e in term.edges if e is not whole))
    contraction = _lay_out(rest, symmetric, (*term.open_nodes, *whole.nodes))
    if not contraction.run(0):
        return None
    atom = power(whole.atom, whole.exponent)
    body = unstacked(contraction, atom, (whole.rows, whole.cols), term.rows, term.cols)
    return None if body is None else _with_scalars(term, contraction, body)


def _lay_out(term: Term, symmetric: Symmetric, outside: Iterable[int]) -> Contraction:
    met = dict.fromkeys([*(n for edge in term.edges for n in edge.nodes), *term.dims])
    contraction = Contraction(symmetric, {n: term.dims[n] for n in met}, frozenset(outside))
    for edge in term.edges:
        factor = power(edge.atom, edge.exponent)
        contraction.places.setdefault(factor, len(contraction.places))
        contraction.put(factor, edge.rows, edge.cols)
    return contraction


def _assemble(contraction: Contraction, term: Term, compact: bool) -> Expr | None:
    """Scalars, what is left between the open sides, and divisors, in the order of writing; None
    where the open sides are fused in a way that has no form."""
    if max(len(term.rows), len(term.cols)) > 1:
        body = stacked(contraction, term.rows, term.cols)
        if body is None:
            return None
    else:
        body = body_between(contraction, term.rows, term.cols, compact)
    return _with_scalars(term, contraction, body)


def _with_scalars(term: Term, contraction: Contraction, body: Expr | None) -> Expr:
    front = [power(b, p) for b, p in term.scalars if not has_minus(p)] + contraction.scalars
    under = [power(b, p) for b, p in term.scalars if has_minus(p)]
    scalars = [product(*front)] if len(front) > 1 else front
    parts = [number(term.coefficient), *scalars, *([] if body is None else [body]), *under]
    return times(*parts)
