"""Constants of known structure where they meet in a term: rows that are put somewhere and taken out
again are themselves, or zero; a turn undoes itself; a mask holds once. So do orthogonal matrices.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..algebra.assumptions import is_orthogonal
from ..algebra.index_terms import Edge, Nodes, Term, tidy
from ..core.dims import ONE
from ..core.expr import (
    UNIT,
    Expr,
    Eye,
    Number,
    Structured,
    Symbol,
    dimension,
    eye,
    transpose,
)
from ..core.structure import is_zero
from ..core.structured import composed, is_canonical, sums_to_ones

_TRIANGLES = {"lower": "lower", "upper": "upper"}


def constants_composed(_: object, term: Term) -> Term | None:
    """The term with two constants that meet as one, as long as there are such."""
    found = term._replace(edges=tuple(map(_without_power, term.edges)))
    while (simpler := _simpler(found)) is not None:
        found = simpler
    return None if found.edges == term.edges else tidy(found)


def orthogonal_met(_: object, term: Term) -> Term | None:
    """The term without an orthogonal factor that meets itself turned, as long as there is one."""
    found = term
    if len({edge.atom for edge in term.edges}) == len(term.edges):
        return None
    while (simpler := _without_orthogonal(found)) is not None:
        found = simpler
    return None if found is term else tidy(found)._replace(gathered=True)


def _without_orthogonal(term: Term) -> Term | None:
    factors = [e for e in term.edges if e.exponent is UNIT and is_orthogonal(e.atom)]
    for i, one in enumerate(factors):
        for other in factors[i + 1 :]:
            pairs = ((one.rows, other.rows, one.cols, other.cols),
                     (one.cols, other.cols, one.rows, other.rows))  # fmt: skip
            for met, end, left, right in pairs if one.atom is other.atom else ():
                if len(met) == 1 and met == end and term.joins(met[0]):
                    identity = eye(one.atom.shape[0])
                    return with_atom(term, [one, other], met, identity, left, right)
    return None


def _without_power(edge: Edge) -> Edge:
    """A positive power, entry by entry, of zeros and ones is these."""
    p = edge.exponent
    if isinstance(edge.atom, Structured) and isinstance(p, Number) and p.value > 0:
        return edge._replace(exponent=UNIT)
    return edge


def _simpler(term: Term) -> Term | None:
    constants = [e for e in term.edges if isinstance(e.atom, Structured) and e.exponent is UNIT]
    for edge in constants:
        if _masks_nothing(term, edge):
            return with_atom(term, [edge], ())
    for n in dict.fromkeys(n for e in constants for n in e.nodes):
        if n in term.open_nodes:
            continue
        here = [e for e in term.edges for m in e.nodes if m == n]
        if any((n,) not in (e.rows, e.cols) for e in here):  # a part of a side
            continue
        first = here[0]
        if len(here) == 1 and _is_spread(first, n):
            return with_atom(term, [first], (n,))
        if len(here) == 2 and here[0] is not here[1] and all(e in constants for e in here):
            found = _joined(term, here[0], here[1], n)
            if found is not None:
                return found
    return None


def _directed(edge: Edge, start: Nodes) -> Structured:
    """The constant of an edge, its rows at `start`."""
    atom = edge.atom if edge.rows == start else transpose(edge.atom)
    assert isinstance(atom, Structured)
    return atom


def _other(edge: Edge, n: int) -> Nodes:
    return edge.rows if edge.cols == (n,) else edge.cols


def _is_spread(edge: Edge, n: int) -> bool:
    """Whether the sums over a node are ones."""
    start = _other(edge, n)
    return edge.rows != edge.cols and sums_to_ones(_directed(edge, start))


def _joined(term: Term, one: Edge, other: Edge, n: int) -> Term | None:
    """Two constants that are a product, as one."""
    start, end = _other(one, n), _other(other, n)
    if (n,) in (start, end):
        return None
    left = one.atom if one.cols == (n,) else transpose(one.atom)
    right = other.atom if other.rows == (n,) else transpose(other.atom)
    assert isinstance(left, Structured) and isinstance(right, Structured)
    product = composed(left, right)
    if product is None:
        return None
    return with_atom(term, [one, other], (n,), product, start, end)


def with_atom(
    term: Term,
    dropped: list[Edge],
    summed: Nodes,
    atom: Expr = UNIT,
    rows: Nodes = (),
    cols: Nodes = (),
) -> Term:
    """The term with an atom in the place of some edges, whose sum over nodes it is."""
    edges = [e for e in term.edges if not any(e is d for d in dropped)]
    if is_zero(atom):
        return term._replace(coefficient=type(term.coefficient)(0), edges=tuple(edges), scalars=())
    found = term._replace(edges=tuple(edges))
    if isinstance(atom, Structured):
        turned = not is_canonical(atom)
        edge = Edge(transpose(atom), cols, rows) if turned else Edge(atom, rows, cols)
        found = found._replace(edges=(*edges, edge))
    elif isinstance(atom, Eye) and rows != cols:
        found, summed = _renamed(found, cols[0], rows[0]), (*summed, cols[0])
    elif not isinstance(atom, (Eye, Number)):
        found = found._replace(edges=(*edges, Edge(atom, rows, cols)))
    return without_idle(found, summed)


def _renamed(term: Term, old: int, new: int) -> Term:
    """The term with two nodes as one."""

    def side(nodes: Nodes) -> Nodes:
        return tuple([new if n == old else n for n in nodes])

    edges = tuple([e._replace(rows=side(e.rows), cols=side(e.cols)) for e in term.edges])
    return term._replace(edges=edges, rows=side(term.rows), cols=side(term.cols))


def without_idle(term: Term, summed: Nodes) -> Term:
    """The term without nodes that nothing touches: each but those `summed` counts its size."""
    used = {*term.open_nodes, *(n for e in term.edges for n in e.nodes)}
    sizes = [(dimension(d), UNIT) for n, d in term.dims.items() if n not in {*used, *summed}]
    dims = {n: d for n, d in term.dims.items() if n in used}
    return term._replace(scalars=(*term.scalars, *sizes), dims=dims)


def _masks_nothing(term: Term, edge: Edge) -> bool:
    """Whether a triangle is taken of what has no other entries, or a second time."""
    assert isinstance(edge.atom, Structured)
    if edge.atom.pattern not in _TRIANGLES:
        return False
    for other, turned in _beside(term, edge):
        if isinstance(other.atom, Structured):
            same = other.atom.pattern == edge.atom.pattern
            if same is not turned and other.atom.pattern in _TRIANGLES:
                return True
        elif isinstance(other.atom, Symbol):
            attribute = edge.atom.pattern
            if turned:
                attribute = "upper" if attribute == "lower" else "lower"
            if not other.atom.attributes.isdisjoint({attribute, "diagonal"}):
                return True
    return False


def _beside(term: Term, edge: Edge) -> Iterator[tuple[Edge, bool]]:
    """The factors between the same nodes, and whether they stand the other way round."""
    for other in term.edges:
        if other is edge or ONE in other.atom.shape:
            continue
        if (other.rows, other.cols) == (edge.rows, edge.cols):
            yield other, False
        elif (other.cols, other.rows) == (edge.rows, edge.cols):
            yield other, True
