"""Fingerprints of terms: equal for equal products, however they were written.

Nodes are coloured by what surrounds them until the colours are settled (Weisfeiler and Leman's
refinement), each connected part for itself. Fingerprints are compared within one run only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from ..core.expr import Expr
from ..core.traversal import Classes
from .index_terms import Nodes, Term

Symmetric = Callable[[Expr], bool]
Colors = dict[int, int]
Marked = tuple[int, Nodes, bool]  # a factor: what it is, its nodes, whether it has no direction
Link = tuple[int, int, int]  # a factor in a run, its direction, the colour of the node before it
LONG = 12  # factors from which on runs are looked for
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
    cycles: list[int] = []
    if len(edges) > LONG:
        edges, cycles = _without_runs(edges, color, term.open_nodes)
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
    scalars = sorted(map(hash, term.scalars))
    outside = (len(term.rows), len(term.cols), term.rows == term.cols)
    return hash((tuple(parts), tuple(cycles), tuple(scalars), outside))


def _without_runs(
    edges: Sequence[Marked], color: Colors, outside: Nodes
) -> tuple[list[Marked], list[int]]:
    """The factors with each run of them, between which nothing else stands, as one, and what a run
    that closes is by itself; the nodes within are no longer among the colours. The colours of a
    product of n factors would else settle in n rounds."""
    touching: dict[int, list[int]] = {n: [] for n in color}
    for i, (_, nodes, _) in enumerate(edges):
        for n in nodes:
            touching[n].append(i)

    def is_inner(n: int) -> bool:
        here = touching[n]
        return (
            n not in outside
            and len(here) == len({*here}) == 2
            and all(len(edges[i][1]) == 2 for i in here)
        )

    inner = {n for n in color if is_inner(n)}
    left = {i for i, (_, nodes, _) in enumerate(edges) if not inner.isdisjoint(nodes)}
    kept = [edge for i, edge in enumerate(edges) if i not in left]

    def run(i: int, start: int) -> tuple[list[Link], int]:
        """The links from a node through an edge to where the run ends, and where that is."""
        links: list[Link] = []
        n = start
        while True:
            left.discard(i)
            label, (a, b), undirected = edges[i]
            links.append((label, 0 if undirected else 1 if a == n else -1, color[n]))
            n = b if a == n else a
            if n not in inner or n == start:
                return links, n
            (i,) = (j for j in touching[n] if j != i)

    for n in color:
        for i in touching[n] if n not in inner else ():
            if i in left:
                links, end = run(i, n)
                there, back = _tokens(links)
                first, last = (n, end) if there <= back else (end, n)
                kept.append((hash(min(there, back)), (first, last), there == back))
    cycles = []
    for n in inner:
        if touching[n][0] in left:
            links, _ = run(touching[n][0], n)
            after = [c for _, _, c in (*links[1:], links[0])]
            turned = [(e, -d, c) for (e, d, _), c in zip(links, after, strict=True)][::-1]
            cycles.append(hash(min(map(_first_rotation, (links, turned)))))
    for n in inner:
        del color[n]
    return kept, sorted(cycles)


def _tokens(links: Sequence[Link]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """A run read from its start and from its end, without the nodes that it lies between."""
    colors = [c for _, _, c in links[1:]]
    there = [(e, d) for e, d, _ in links]
    back = [(e, -d) for e, d in reversed(there)]
    return _flat(there, colors), _flat(back, colors[::-1])


def _flat(parts: Sequence[tuple[int, int]], colors: Sequence[int]) -> tuple[int, ...]:
    return (*(x for part in parts for x in part), *colors)


def _first_rotation(links: Sequence[Link]) -> tuple[Link, ...]:
    """The least of the sequences that a cycle is, wherever one begins."""
    least = min(links)
    starts = [i for i, link in enumerate(links) if link == least]
    return min((*links[i:], *links[:i]) for i in starts)


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
    joined = Classes((n, nodes[0]) for _, nodes, _ in edges for n in nodes[1:])
    parts: dict[int, list[int]] = {}
    for (_, nodes, _), mark in zip(edges, marks, strict=True):
        parts.setdefault(joined.of(nodes[0]), []).append(mark)
    for n, c in color.items():
        parts.setdefault(joined.of(n), []).append(c)
    return sorted(hash(tuple(sorted(part))) for part in parts.values())
