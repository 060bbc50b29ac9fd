"""Fingerprints of terms: equal for equal products, however they were written.

Nodes are coloured by what surrounds them until the colours are settled (Weisfeiler and Leman's
refinement), each connected part for itself. Fingerprints are compared within one run only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from .expr import Expr
from .network import Edge, Term

Symmetric = Callable[[Expr], bool]
Colors = dict[int, int]
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
    labels = [hash((edge.atom, edge.exponent)) for edge in term.edges]
    undirected = [symmetric(edge.atom) for edge in term.edges]
    touching: dict[int, list[tuple[int, int]]] = {n: [] for n in term.dims}
    for k, edge in enumerate(term.edges):
        for i, n in enumerate(edge.nodes):
            touching[n].append((k, 0 if undirected[k] else i))
    classes = 0
    for _ in range(1 + len(term.dims)):
        ends = [_ends(edge, color, flag) for edge, flag in zip(term.edges, undirected, strict=True)]
        color = {
            n: hash((color[n], *sorted(hash((labels[k], i, ends[k])) for k, i in edges)))
            for n, edges in touching.items()
        }
        before, classes = classes, len(set(color.values()))
        if classes == before:
            break
    return _joined(term, color, labels, undirected)


def _ends(edge: Edge, color: Colors, undirected: bool) -> tuple[int, ...]:
    ends = [color[n] for n in edge.nodes]
    return tuple(sorted(ends)) if undirected else tuple(ends)


def _joined(term: Term, color: Colors, labels: list[int], undirected: list[bool]) -> int:
    """The colours of each connected part, and of the scalars, as one."""
    parent = {n: n for n in term.dims}

    def find(n: int) -> int:
        while parent[n] != n:
            parent[n] = parent[parent[n]]
            n = parent[n]
        return n

    for edge in term.edges:
        for n in edge.nodes[1:]:
            parent[find(n)] = find(edge.nodes[0])
    parts: dict[int, list[int]] = {}
    for k, edge in enumerate(term.edges):
        ends = _ends(edge, color, undirected[k])
        parts.setdefault(find(edge.nodes[0]), []).append(hash((labels[k], ends)))
    for n in term.dims:
        parts.setdefault(find(n), []).append(color[n])
    components = sorted(hash(tuple(sorted(part))) for part in parts.values())
    scalars = sorted(hash((base, p)) for base, p in term.scalars)
    outside = (len(term.rows), len(term.cols), term.rows == term.cols)
    return hash((tuple(components), tuple(scalars), outside))
