"""One factorisation of a matrix for all that needs one: solutions, inverse, determinant and its
logarithm.

A positive definite matrix is factored by Cholesky; any other by LU, where there is more than one
use.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Literal

from ..core.functions import TABLE
from ..core.traversal import postorder
from .ir import ArrayOperation, Graph, Value

USES: Sequence[ArrayOperation] = ("solve", "inv", "det", "logdet")
Factorization = Literal["cholesky", "lu"]
_SOLVED: Mapping[tuple[str, bool], ArrayOperation] = {  # by the factorization, and if it is turned
    ("cholesky", False): "cholesky_solve",
    ("lu", False): "lu_solve",
    ("lu", True): "lu_solve_transposed",
}


def with_shared_factors(graph: Graph, roots: Sequence[Value]) -> dict[Value, Value]:
    """Every node that the roots need, those uses replaced by uses of a factorisation."""
    definite = Definiteness()
    uses: dict[Value, set[Value]] = {}
    for v in postorder(roots):
        if v.op in USES and v.args[0].is_matrix:
            uses.setdefault(_base(v.args[0]), set()).add(v)
    kinds: dict[Value, Factorization] = {}
    for base, users in uses.items():
        if definite.is_positive(base):
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


class Definiteness:
    """Which matrices are known to be symmetric positive definite, or semidefinite."""

    def __init__(self) -> None:
        self._known: dict[Value, str] = {}

    def is_positive(self, v: Value) -> bool:
        """Whether the matrix is known to be symmetric positive definite."""
        for x in postorder([v]):
            if x not in self._known:
                rule = _RULES.get(x.op)
                self._known[x] = rule(x, self._known) if rule is not None else ""
        return self._known[v] == POSITIVE


# What is known of a matrix's definiteness, or of the sign of a scalar's or vector's entries.
POSITIVE, NONNEGATIVE, UNKNOWN = "positive", "nonneg", ""
Known = Mapping[Value, str]

_SIGNS = {"positive": POSITIVE, "unit": POSITIVE, "nonneg": NONNEGATIVE, "simplex": NONNEGATIVE}


def _of_input(v: Value, _: Known) -> str:
    attributes = v.data.attributes
    if v.is_matrix:
        definite = "posdef" in attributes or {"diagonal", "positive"} <= attributes
        return POSITIVE if definite else UNKNOWN
    return next((sign for a, sign in _SIGNS.items() if a in attributes), UNKNOWN)


def _of_number(v: Value, _: Known) -> str:
    return POSITIVE if v.data > 0 else NONNEGATIVE if v.data == 0 else UNKNOWN


def _of_sum(v: Value, known: Known) -> str:
    signs = [known[a] for a in v.args]
    if UNKNOWN in signs or any(a.shape != v.shape for a in v.args):
        return UNKNOWN
    return POSITIVE if POSITIVE in signs else NONNEGATIVE


def _of_product(v: Value, known: Known) -> str:
    """A positive multiple; of two matrices, the Schur product."""
    signs = [known[a] for a in v.args]
    if UNKNOWN in signs or any(a.rank and a.shape != v.shape for a in v.args):
        return UNKNOWN
    return NONNEGATIVE if NONNEGATIVE in signs else POSITIVE


def _of_matmul(v: Value, known: Known) -> str:
    """A product B B', or B C B' or B diag(c) B' with C or c known."""
    a, b = (_without_scaling(x, known) for x in v.args)
    if a is None or b is None:
        return UNKNOWN
    inside = a.op == "matmul" and _mirrored(a.args[0], b) and known[a.args[1]]
    inside = inside or (b.op == "matmul" and _mirrored(a, b.args[1]) and known[b.args[0]])
    return NONNEGATIVE if inside or _mirrored(a, b) else UNKNOWN


def _without_scaling(v: Value, known: Known) -> Value | None:
    """The matrix without the nonnegative vectors that scale it; None if something else does."""
    if v.op != "mul":
        return v
    *vectors, matrix = v.args
    return matrix if all(known[x] and x.shape != v.shape for x in vectors) else None


def _mirrored(a: Value, b: Value) -> bool:
    return (a.op == "transpose" and a.args[0] is b) or (b.op == "transpose" and b.args[0] is a)


def _of_power(v: Value, known: Known) -> str:
    base, p = v.args
    if v.is_matrix:
        return UNKNOWN
    even = p.op == "number" and p.data > 0 and p.data % 2 == 0
    return known[base] or (NONNEGATIVE if even else UNKNOWN)


def _of_function(v: Value, _: Known) -> str:
    row = TABLE[v.data]
    if v.is_matrix or row.within[0] < 0:
        return UNKNOWN
    return POSITIVE if row.never_zero else NONNEGATIVE


def _same(v: Value, known: Known) -> str:
    return known[v.args[0]]


_RULES: Mapping[ArrayOperation, Callable[[Value, Known], str]] = {
    "input": _of_input,
    "number": _of_number,
    "size": lambda v, _: POSITIVE,
    "constant": lambda v, _: POSITIVE,
    "eye": lambda v, _: POSITIVE,
    "function": _of_function,
    "lift": _same,
    "diagonal_matrix": _same,
    "transpose": _same,
    "inv": _same,
    "add": _of_sum,
    "mul": _of_product,
    "matmul": _of_matmul,
    "outer": lambda v, _: NONNEGATIVE if v.args[0] is v.args[1] else UNKNOWN,
    "power": _of_power,
}
