"""Fingerprints of terms: equal for equal products, however they were written.

Nodes are coloured by what surrounds them until the colours are settled (Weisfeiler and Leman's
refinement), each connected part for itself; a chain of factors, by far the most frequent, is read
along. Fingerprints are compared within one run only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from .expr import Expr
from .network import Nodes, Term

Symmetric = Callable[[Expr], bool]
Colors = dict[int, int]
Marked = tuple[int, Nodes, bool]  # a factor: what it is, its nodes, whether it has no direction
Sum = dict[int, Term]  # terms by their fingerprints: no two of them are alike


def like_terms(parts: Iterable[tuple[int, Term]]) -> Sum:
    """Terms added up by their fingerprints; their order is that of the first of each."""
    total: Sum = {}
    for key, term in parts:
        first = total.get(key)
        if first is None:
            total[key] = term
        else:
            total[key] = first._replace(coefficient=first.coefficient + term.coefficient)
    return {key: term for key, term in total.items() if term.coefficient}


def key_of(term: Term, symmetric: Symmetric) -> int:
    """The fingerprint of a term without its coefficient; `symmetric` factors have no direction."""
    color = {n: hash(d) for n, d in term.dims.items()}
    for mark, side in ((1, term.rows), (2, term.cols)):
        for i, n in enumerate(side):
            color[n] = hash((mark, i, color[n]))
    edges = [(hash((e.atom, e.exponent)), e.nodes, symmetric(e.atom)) for e in term.edges]
    scalars = sorted(map(hash, term.scalars))
    outside = (len(term.rows), len(term.cols), term.rows == term.cols)
    chain = _chain(term, edges, color)
    if chain is not None:
        return hash((*chain, tuple(scalars), outside))
    distinct = len(set(color.values()))
    for _ in color:
        if distinct == len(color):
            break
        color = _refined(color, edges)
        before, distinct = distinct, len(set(color.values()))
        if distinct == before:
            break
    marks = [hash((label, _ends(nodes, color, flag))) for label, nodes, flag in edges]
    # where all nodes differ, their colours say what belongs together
    parts = (
        sorted([*marks, *color.values()]) if distinct == len(color) else _parts(edges, marks, color)
    )
    return hash((tuple(parts), tuple(scalars), outside))


def _chain(term: Term, edges: Sequence[Marked], color: Colors) -> list[int] | None:
    """The factors from the row on, if each follows from the one before: a product of matrices."""
    if len(term.rows) != 1 or len(color) - len(edges) not in (0, 1):
        return None
    touching: dict[int, list[int]] = {n: [] for n in color}
    for i, (_, nodes, _) in enumerate(edges):
        for n in nodes:
            touching[n].append(i)
    (here,) = term.rows
    found, passed, last = [color[here]], {here}, -1
    while following := [i for i in touching[here] if i != last]:
        (last, *others) = following
        label, nodes, undirected = edges[last]
        if others or len(nodes) > 2:
            return None
        at = nodes.index(here)
        here = nodes[-1 - at] if len(nodes) == 2 else here
        found.append(hash((label, 0 if undirected else at, color[here])))
        if here in passed:  # the end: a vector
            break
        passed.add(here)
    return found if len(found) == len(edges) + 1 and len(passed) == len(color) else None


def _ends(nodes: Nodes, color: Colors, undirected: bool) -> tuple[int, ...]:
    ends = [color[n] for n in nodes]
    return tuple(sorted(ends) if undirected else ends)


def _refined(color: Colors, edges: Sequence[Marked]) -> Colors:
    """The colours with what each node is touched by."""
    touching: dict[int, list[int]] = {n: [] for n in color}
    for label, nodes, undirected in edges:
        ends = _ends(nodes, color, undirected)
        for i, n in enumerate(nodes):
            touching[n].append(hash((label, 0 if undirected else i, ends)))
    return {n: hash((color[n], *sorted(touched))) for n, touched in touching.items()}


def _parts(edges: Sequence[Marked], marks: Sequence[int], color: Colors) -> list[int]:
    """The colours of each connected part as one."""
    parent = {n: n for n in color}

    def find(n: int) -> int:
        while parent[n] != n:
            parent[n] = parent[parent[n]]
            n = parent[n]
        return n

    for _, nodes, _ in edges:
        for n in nodes[1:]:
            parent[find(n)] = find(nodes[0])
    parts: dict[int, list[int]] = {}
    for (_, nodes, _), mark in zip(edges, marks, strict=True):
        parts.setdefault(find(nodes[0]), []).append(mark)
    for n, c in color.items():
        parts.setdefault(find(n), []).append(c)
    return sorted(hash(tuple(sorted(part))) for part in parts.values())
