"""Products of a definition with what it is made of that are known: where `P = X inv(X' X) X'`,
`P X` is `X` and `P P` is `P`; where `e = x - x' u / (u' u) u`, `e' u` is 0, and where `u = x /
norm(x)`, `u' u` is 1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import permutations

from ..algebra.index_terms import Edge, Term, is_multilinear, tidy
from ..algebra.monomials import Product
from ..core.contents import DIVISOR, INVERSE, inside
from ..core.cost import is_below
from ..core.expr import (
    UNIT,
    Call,
    Dimension,
    Expr,
    Eye,
    Name,
    Ones,
    Symbol,
    Transpose,
    call,
    exact,
    matmul,
    number,
    power,
    times,
    transpose,
)
from ..core.functions import TABLE
from ..core.structure import factors_of, is_zero, unnamed
from ..core.traversal import postorder, rebuild, transform
from .structured_terms import with_atom, without_idle


class KnownProducts:
    """The definitions of a problem that may be such; `alone` simplifies what has no definitions,
    `fold` gives the name of a definition's body, `cancels` tells whether something in a product
    without definitions meets."""

    def __init__(
        self,
        alone: Callable[[Expr], Expr],
        fold: Callable[[Expr], Expr],
        cancels: Callable[[Expr], bool],
    ) -> None:
        self._alone, self._fold, self._cancels = alone, fold, cancels
        self._parts: dict[Expr, frozenset[Expr]] = {}  # what definitions are divided by
        self._products: dict[tuple[Expr, Expr], Expr | None] = {}
        self._norms: dict[tuple[Expr, int | None], Product | None] = {}

    def learn(self, definition: Expr) -> None:
        """Notes a definition with an inverse or a scalar divisor that may cancel."""
        if _opens(definition) and inside(definition) & (DIVISOR | INVERSE):
            nodes = postorder([definition.args[0]], into=_opens)
            below = [unnamed(x).args[0] for x in nodes if _is_inverse(unnamed(x))
                     or (is_below(x) and x.is_scalar)]  # fmt: skip
            if below:
                self._parts[definition] = frozenset(postorder(below, into=_opens))

    def may_meet(self, atoms: Sequence[Expr]) -> bool:
        """Whether a product of these, in some order, may be known."""
        return bool(self._parts) and any(self._meets(a, b) for a, b in permutations(atoms, 2))

    def _meets(self, definition: Expr, other: Expr) -> bool:
        parts = self._parts.get(definition)
        return parts is not None and (other is definition or other in parts)

    # ------------------------------------------------------------------------- two that meet

    def with_product(self, term: Term) -> Term | None:
        """The term with a definition and the factor that it meets as what they come to."""
        for one, other, n in self._pairs(term):
            left = one.atom if one.cols == (n,) else transpose(one.atom)
            right = other.atom if other.rows == (n,) else transpose(other.atom)
            found = self._product(left, right)
            if found is None:
                continue
            rows, cols = (e.rows if e.cols == (n,) else e.cols for e in (one, other))
            if isinstance(found, Transpose):
                found, rows, cols = found.args[0], cols, rows
            return tidy(with_atom(term, [one, other], (n,), found, rows, cols))._replace(
                gathered=True
            )
        return None

    def _pairs(self, term: Term) -> Iterator[tuple[Edge, Edge, int]]:
        """Two factors that are joined by an index that is nowhere else, and this."""
        for one in term.edges:
            if one.atom not in self._parts or one.exponent is not UNIT:
                continue
            for other in term.edges:
                if other is one or other.exponent is not UNIT:
                    continue
                if self._meets(one.atom, other.atom):
                    for n in filter(term.joins, {*one.nodes} & {*other.nodes}):
                        yield one, other, n

    def _product(self, left: Expr, right: Expr) -> Expr | None:
        """The product if that is a name, the identity or zero."""
        key = left, right
        if key not in self._products:
            bodies = (transform(a, lambda x: unnamed(x) if _opens(x) else x) for a in key)
            whole = matmul(*bodies)
            found = self._fold(self._alone(whole)) if self._cancels(whole) else whole
            plain = found.args[0] if isinstance(found, Transpose) else found
            known = isinstance(plain, (Name, Symbol, Eye)) or is_zero(plain)
            self._products[key] = found if known else None
        return self._products[key]

    # ------------------------------------------------------------------------------- squares

    def with_norm(self, term: Term) -> Term | None:
        """The term with squares of a definition that add up to a number as this."""
        for edge in term.edges:
            if not isinstance(edge.atom, Name) or exact(edge.exponent) != 2:
                continue
            others = tuple(e for e in term.edges if e is not edge)
            touched = {*term.open_nodes, *(n for e in others for n in e.nodes)}
            sides = ((1, edge.cols), (0, edge.rows)) if edge.rows and edge.cols else ()
            for axis, summed in sides or ((None, edge.nodes),):
                norm = self._norm(edge.atom, axis) if touched.isdisjoint(summed) else None
                if norm is not None:
                    scalars = tuple((base, number(p)) for base, p in norm.factors if base.is_scalar)
                    found = term._replace(
                        coefficient=term.coefficient * norm.coefficient,
                        scalars=(*term.scalars, *scalars),
                        edges=others,
                    )
                    return tidy(without_idle(found, summed))._replace(gathered=True)
        return None

    def _norm(self, definition: Expr, axis: int | None) -> Product | None:
        """What the squares of a definition that is divided by a function add up to, all of them or
        along an axis, if that is a number."""
        key = definition, axis
        if key not in self._norms:
            body = definition.args[0]
            factors = [rebuild(a, [*map(unnamed, a.args)]) if is_below(a) else a
                       for a in factors_of(body)]  # fmt: skip
            self._norms[key] = None
            if any(is_below(a) and isinstance(a.args[0], Call) for a in factors):
                squares = call("sum", power(times(*factors), number(2)), data=axis)
                norm = Product.of(self._alone(squares))
                if all(isinstance(base, (Dimension, Ones)) for base, _ in norm.factors):
                    self._norms[key] = norm
        return self._norms[key]


def _is_inverse(e: Expr) -> bool:
    return e.op in TABLE and TABLE[e.op].units == "inverse"


def _opens(e: Expr) -> bool:
    """Whether it is a sum or product, by a name or without: what multiplies out."""
    return is_multilinear(unnamed(e))
