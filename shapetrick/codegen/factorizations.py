"""One factorisation of a matrix for all that needs one: solutions, inverse, determinant and its
logarithm.

A positive definite matrix is factored by Cholesky; any other by LU, where there is more than one
use.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Literal

from ..core.traversal import postorder
from .ir import ArrayOperation, Graph, Value

USES: Sequence[ArrayOperation] = ("solve", "inv", "det", "logdet")
Factorization = Literal["cholesky", "lu"]
_SOLVED: Mapping[tuple[str, bool], ArrayOperation] = {  # by the factorization, and if it is turned
    ("cholesky", False): "cholesky_solve",
    ("lu", False): "lu_solve",
    ("lu", True): "lu_solve_transposed",
}


def with_shared_factors(
    graph: Graph, is_positive: Callable[[Value], bool], roots: Sequence[Value]
) -> dict[Value, Value]:
    """Every node that the roots need, those uses replaced by uses of a factorisation; `is_positive`
    tells what is known to be symmetric positive definite."""
    uses: dict[Value, set[Value]] = {}
    for v in postorder(roots):
        if v.op in USES and v.args[0].is_matrix:
            uses.setdefault(_base(v.args[0]), set()).add(v)
    kinds: dict[Value, Factorization] = {}
    for base, users in uses.items():
        if is_positive(base):
            kinds[base] = "cholesky"
        elif len(users) > 1:
            kinds[base] = "lu"
    return _replaced(graph, roots, kinds)


def _replaced(
    graph: Graph, roots: Sequence[Value], kinds: Mapping[Value, Factorization]
) -> dict[Value, Value]:
    """Bottom up; which matrices are factored was decided on the plan as it was."""
    new: dict[Value, Value] = {}
    for v in postorder(roots):
        args = [new[a] for a in v.args]
        kind = kinds.get(_base(v.args[0])) if v.op in USES else None
        if kind is None:
            new[v] = graph.renewed(v, args)
            continue
        turned = args[0].op == "transpose"
        base = args[0].args[0] if turned else args[0]
        factor = graph.node(kind, (base,), None, base.shape)
        new[v] = _OF_FACTOR[v.op](graph, factor, args, turned and kind == "lu")
    return new


def _base(a: Value) -> Value:
    return a.args[0] if a.op == "transpose" else a


def _solved(graph: Graph, factor: Value, args: Sequence[Value], turned: bool) -> Value:
    return graph.node(_SOLVED[factor.op, turned], (factor, args[1]), None, args[1].shape)


def _inverse(graph: Graph, factor: Value, args: Sequence[Value], turned: bool) -> Value:
    if factor.op == "cholesky":  # the triangle that LAPACK computes
        triangle = graph.node("cholesky_inverse", (factor,), None, factor.shape)
        return graph.node("mirrored", (triangle,), None, factor.shape)
    inverse = graph.node("lu_inverse", (factor,), None, factor.shape)
    return graph.transpose(inverse) if turned else inverse


def _log_determinant(graph: Graph, factor: Value, args: Sequence[Value], _: bool) -> Value:
    """Of L L' twice the logarithms of L's diagonal; of L U those of U's."""
    if factor.op == "cholesky":
        entries = graph.node("cholesky_diagonal", (factor,), None, factor.shape[:1])
    else:
        diagonal = graph.node("lu_diagonal", (factor,), None, factor.shape[:1])
        entries = graph.function("abs", diagonal)
    logarithms = graph.reduced("sum", graph.function("log", entries), None)
    return graph.scaled(Fraction(2 if factor.op == "cholesky" else 1), logarithms)


def _determinant(graph: Graph, factor: Value, args: Sequence[Value], turned: bool) -> Value:
    if factor.op == "cholesky":
        entries = graph.node("cholesky_diagonal", (factor,), None, factor.shape[:1])
        return graph.square(graph.reduced("prod", entries, None))
    return graph.node("lu_det", (factor,))


_OF_FACTOR: Mapping[ArrayOperation, Callable[[Graph, Value, Sequence[Value], bool], Value]] = {
    "solve": _solved,
    "inv": _inverse,
    "logdet": _log_determinant,
    "det": _determinant,
}
