"""What equals its transpose, as far as attributes and structure tell."""

from __future__ import annotations

from collections.abc import Sequence

from ..core.expr import PRODUCT, Call, Duplicate, Expr, MatMul, Name, Symbol, Total, transpose
from ..core.functions import TABLE
from .fingerprints import key_of
from .index_terms import Term, is_multilinear, read_terms

HORIZON = 4  # how many operations deep a product is read
SYMMETRIC = frozenset({"symmetric", "posdef", "diagonal"})


class Symmetry:
    """Whether values equal their transposes; what was found for a node is remembered."""

    def __init__(self) -> None:
        self._known: dict[Expr, bool] = {}

    def __call__(self, e: Expr) -> bool:
        known = self._known
        if e.shape[0] is not e.shape[1]:  # equal sizes are one object
            return False
        if e in known:
            return known[e]
        products: dict[Expr, Sequence[Term]] = {}
        stack = [e]
        while stack:
            x = stack[-1]
            if x not in products:
                square = x.shape[0] == x.shape[1] and is_multilinear(x)
                products[x] = (read_terms(x, horizon=HORIZON) or ()) if square else ()
            missing = [a for a in _deciding(x, products[x]) if a not in known]
            if missing:
                stack += missing
                continue
            stack.pop()
            known[x] = self._find(x, products[x])
        return known[e]

    def _find(self, e: Expr, products: Sequence[Term]) -> bool:
        """Whether it is symmetric, given its products and what is known of its parts."""
        known = self._known
        if e.shape[0] != e.shape[1]:
            return False
        if isinstance(e, Symbol):
            return bool(e.attributes & SYMMETRIC)
        if not e.args:
            return transpose(e) is e
        if isinstance(e, Name):
            return known[e.args[0]]
        if _is_doubled(e):
            return True
        if isinstance(e, Total) and e.fold == PRODUCT:  # whose order the transpose turns round
            return False
        if is_multilinear(e):
            turned = [t._replace(rows=t.cols, cols=t.rows) for t in products]
            here, there = (
                sorted((key_of(t, lambda a: known.get(a, False)), t.coefficient) for t in terms)
                for terms in (products, turned)
            )
            return here == there
        row = TABLE.get(e.op)
        if row is None or row.units == "inverse" or row.elementwise:
            return all(a.is_scalar or known[a] for a in e.args)
        return False


def _is_doubled(e: Expr) -> bool:
    """Whether it is `unvec(duplicate(n) h, n, n)`."""
    x = e.args[0]
    return isinstance(e, Call) and isinstance(x, MatMul) and isinstance(x.args[0], Duplicate)


def _deciding(e: Expr, products: Sequence[Term]) -> Sequence[Expr]:
    """The expressions whose symmetry decides on that of this one."""
    if e.shape[0] != e.shape[1]:
        return ()
    if is_multilinear(e):
        return [edge.atom for t in products for edge in t.edges if edge.atom is not e]
    return [a for a in e.args if isinstance(e, Name) or not a.is_scalar]
