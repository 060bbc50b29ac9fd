"""Sums of products as networks (`algebra/index_terms.py`): read, like terms added up, and each term
written in its shortest way, with the definitions that it holds and by the identities of the table.

In a network transposes, traces, diagonals and sums over ones are no different, so that what is
equal by the linear operations alone is one term.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import chain, product
from typing import Any

from ..algebra.common_factors import factored, without_leading_minus
from ..algebra.contraction import flip
from ..algebra.extraction import spell
from ..algebra.fingerprints import Sum, Symmetric, key_of, like_terms
from ..algebra.index_terms import Edge, Term, is_multilinear, read_terms, tidy
from ..algebra.ranges import EntryRanges
from ..algebra.sum_signs import Signs
from ..core.cost import has_minus, is_below, length, outline
from ..core.dims import ONE, Shape, broadcast
from ..core.expr import (
    MINUS,
    UNIT,
    Add,
    Expr,
    Eye,
    MatMul,
    Name,
    Number,
    Structured,
    Symbol,
    Times,
    add,
    eye,
    matmul,
    power,
    times,
    transpose,
    zeros,
)
from ..core.functions import TABLE
from ..core.named_tuples import NamedTuple
from ..core.results import Rewriting
from ..core.structure import factors_of, has_transposes, is_zero
from ..core.traversal import Found, postorder, rebuild, remembered
from .definition_folding import Folding
from .known_products import KnownProducts
from .rewriting import SUMS_KNOWN, Rewriter
from .structured_terms import constants_composed, orthogonal_met

HORIZON = 4  # how many operations deep a product is read; beyond, a factor is taken as it is
OPENED_HORIZON = 6  # the same where sums are multiplied out
MOST_TERMS = 12  # a product of sums is not multiplied out beyond this
DEEPEST_SUM = 6  # sums that are simplified within each other


class TermReading(NamedTuple):
    """The terms of an expression: as they were read; how many there are with like ones added up;
    and these with the bodies of definitions that are sums put back."""

    read: Sequence[Term]
    collected: int
    terms: Sum

    @property
    def key(self) -> frozenset[tuple[object, ...]]:
        """Equal for equal terms, in whatever order."""
        return frozenset([(key, term.number) for key, term in self.terms.items()])

    def how(self, written: Expr) -> str:
        """What a reader is told of how the terms became this."""
        if len(self.terms) < self.collected:
            return "the definition of a sum"
        if self.collected < len(self.read):
            return "like terms"
        summands = len(written.args) if isinstance(written, Add) else 1
        if len(self.read) > 1 and summands < len(self.read):
            return "common factor"
        return "transposes, traces and sums"


class Networks:
    """Reads and writes sums of products within one problem.

    `simplify` is asked for what has to be simplified as a whole, `alone` for what has no
    definitions; `memo` is shared with it."""

    def __init__(
        self,
        memo: dict[Any, Any],
        symmetric: Symmetric,
        rewriter: Rewriter,
        simplify: Callable[[Expr], Expr],
        alone: Callable[[Expr], Expr],
    ) -> None:
        self.memo = memo
        self.symmetric = symmetric
        self.rewriter = rewriter
        self.simplify = simplify
        self.folding = Folding(symmetric)
        self.known = KnownProducts(alone, self.folding.fold, self.cancels)
        self.signs = Signs()
        self.ranges = EntryRanges()
        self.has_conditions = False  # whether the problem says on which sides of kinks
        self.log: list[Rewriting] = []
        self._depth = 0  # of sums that are simplified within each other

    def made(self, change: SimplifyingPass, e: Expr) -> Expr | None:
        """What a pass makes of an expression."""
        key = change, e
        if key not in self.memo:
            self.memo[key] = None  # while it is being looked at
            self.memo[key] = change(self, e)
        found: Expr | None = self.memo[key]
        return found

    def _once(self, key: tuple[object, ...], find: Callable[[], Found]) -> Found:
        """What the memo has under a key, found once."""
        if key not in self.memo:
            self.memo[key] = find()
        found: Found = self.memo[key]
        return found

    # ------------------------------------------------------------------------------ reading

    def read(self, e: Expr, opened: Collection[Expr] = ()) -> TermReading | None:
        """The terms of an expression, with some sums and definitions multiplied out; None if there
        are too many."""
        if opened:
            return self._read(e, opened)
        return self._once((Networks.read, e), lambda: self._read(e, ()))

    def _read(self, e: Expr, opened: Collection[Expr]) -> TermReading | None:
        horizon = OPENED_HORIZON if opened else HORIZON
        terms = read_terms(e, opened.__contains__, horizon, MOST_TERMS)
        if terms is None:
            return None
        collected = self.collected(terms)
        return TermReading(terms, len(collected), self.folding.fold_sums(collected))

    def collected(self, terms: Iterable[Term]) -> Sum:
        """Like terms added up, each after the passes for terms; in the order of the first ones."""
        ready = [self._after_passes(term) for term in terms]
        return like_terms((key_of(term, self.symmetric), term) for term in ready)

    def _after_passes(self, term: Term) -> Term:
        kinds = term.kinds
        for change, needed in TERM_PASSES.items():
            if not needed.isdisjoint(kinds) and (found := change(self, term)) is not None:
                term, kinds = found, found.kinds
        return term

    def brings_together(self, reading: TermReading) -> bool:
        """Whether terms met when sums were multiplied out, or factors within one."""
        met = any(term.gathered for term in reading.terms.values())
        return met or len(reading.terms) < len(reading.read) or any(map(self._is_met, reading.read))

    def cancels(self, e: Expr) -> bool:
        """Whether factors meet in a product as it stands, or terms where it is multiplied out."""
        sums = {x for x in postorder([e], into=is_multilinear) if isinstance(x, Add)}
        readings = [self.read(e, opened) for opened in ((), sums)]
        return any(r is None or self.brings_together(r) for r in readings)

    def _is_met(self, term: Term) -> bool:
        """Whether factors of a term met others of their base, their inverses or those of a
        definition's body, or a definition is summed alone, or what sums to a number."""
        return (
            term.gathered
            or self._is_reducible(term)
            or any(_may_vanish(edge.atom) and term.sums_alone(edge) for edge in term.edges)
        )

    def _is_reducible(self, term: Term) -> bool:
        """Whether factors of a term are the inverse of others, or those of a definition's body."""
        return self._meets_its_inverse(term) or any(True for _ in self.folding.fold_term(term))

    def _meets_its_inverse(self, term: Term) -> bool:
        """Whether a matrix stands beside its inverse, or all that it is a product of."""
        for one in term.edges:
            row = TABLE.get(one.atom.op)
            if row is None or row.units != "inverse":
                continue
            inverted = one.atom.args[0]
            for other in term.edges:
                if other.atom is inverted and (one.rows == other.cols or one.cols == other.rows):
                    return True
            made_of = self.made_of(inverted) if isinstance(inverted, MatMul) else None
            if made_of is not None and self.folding.folded(term, made_of, inverted) is not None:
                return True
        return False

    def made_of(self, e: Expr) -> Term | None:
        """The product that an expression is, if it is one."""
        terms = self._once((Networks.made_of, e), lambda: read_terms(e) or [])
        return terms[0] if len(terms) == 1 else None

    # ------------------------------------------------------------------------------ writing

    def write(self, terms: Sum, shape: Shape) -> Expr | None:
        """The terms as an expression, or None if one has no form in matrices."""
        if not terms:
            return zeros(*shape)
        # Fingerprints are those of living nodes: what they stand for is kept beside them.
        key = (Networks.write, shape, *[(k, term.number) for k, term in terms.items()])
        return self._once(key, lambda: (terms, self._write(terms, shape)))[1]

    def _write(self, terms: Sum, shape: Shape) -> Expr | None:
        parts = self._parts(terms)
        if parts is None:
            return None
        merged = self._merged(terms, parts)
        if merged is not None:
            return self.write(merged, shape)
        if broadcast(p.shape for p in parts) != shape:
            full = [self._spelled(key, term, compact=False) for key, term in terms.items()]
            if None in full:
                return None
            spread = [self._rewritten(e) for e in full if e is not None]
            more = [length(s) - length(p) for s, p in zip(spread, parts, strict=True)]
            i = min(range(len(parts)), key=lambda i: (more[i], outline(parts[i])))
            parts[i] = spread[i]
        total = factored(parts, length, self.signs) if len(parts) > 1 else parts[0]
        return self._turned(without_leading_minus(total))

    def may_be_shorter(self, terms: Sum, limit: int) -> bool:
        """Whether the terms as a sum may be shorter than that: what is in a term is in the sum,
        unless identities have made like terms. A look at their factors tells most that are not, but
        for sums, of which identities say more."""
        kept = [
            term
            for term in terms.values()
            if not any(map(term.sums_alone, term.edges)) and not self._is_reducible(term)
        ]
        most = max(map(_least_length, kept), default=0) + len(kept) - 1
        if max(most, _least_length(*kept)) >= limit:
            return False
        parts = self._parts(terms)
        if parts is None:
            return False
        least = max((length(p) - has_minus(p) for p in parts), default=0) + len(parts) - 1
        return least < limit or self._merged(terms, parts) is not None

    def _parts(self, terms: Sum) -> list[Expr] | None:
        """The terms written one by one, or None if one has no form in matrices."""
        parts = []
        for key, term in terms.items():
            spelled = self._spelled(key, term, compact=len(terms) > 1)
            if spelled is None:
                return None
            parts.append(self._rewritten(spelled))
        return parts

    def _merged(self, terms: Sum, parts: Sequence[Expr]) -> Sum | None:
        """The parts added up, if the identities have made like terms of them."""
        spelled = [self._spelled(key, term, len(terms) > 1) for key, term in terms.items()]
        if len(terms) < 2 or all(a is b for a, b in zip(parts, spelled, strict=True)):
            return None
        again = read_terms(add(*parts), horizon=HORIZON, most=MOST_TERMS)
        collected = None if again is None else self.collected(again)
        return collected if collected is not None and len(collected) < len(terms) else None

    def _turned(self, e: Expr) -> Expr:
        """A sum full of transposes as the transpose of a sum, where that is shorter."""
        if not isinstance(e, Add) or ONE in e.shape or not has_transposes(e):
            return e
        outside = transpose(add(*(flip(a, self.symmetric) for a in e.args)))
        return outside if length(outside) + 3 <= length(e) else e

    def _spelled(self, key: int, term: Term, compact: bool) -> Expr | None:
        """The shortest spelling of a term, with definitions where they don't make it longer; `key`
        is its fingerprint."""
        whole = (Networks._spelled, key, term.number, compact)
        return self._once(whole, lambda: (term, self._spell(term, compact)))[1]

    def _spell(self, term: Term, compact: bool) -> Expr | None:
        fold = self.folding.fold
        best = spell(term, self.symmetric, fold, compact)
        folded_terms = [*self.folding.fold_term(term), *self.folding.by_roots(term)]
        for folded in folded_terms:
            other = spell(folded, self.symmetric, fold, compact)
            if best is None or (other is not None and length(other) <= length(best)):
                best = other
        ways = product(self.folding.in_other_words, (term, *folded_terms))
        for folded in chain.from_iterable(way(t) for way, t in ways):
            other = spell(folded, self.symmetric, fold, compact)
            if best is None or (other is not None and length(other) < length(best)):
                best = other
        return best

    def _rewritten(self, e: Expr) -> Expr:
        """The expression with identities tried on what is new in it, and its sums simplified."""
        known: dict[Expr, Expr] = self.memo.setdefault(Networks._rewritten, {})

        def rewritten(node: Expr) -> Expr:
            if not node.args or isinstance(node, Name):
                return node
            new = rebuild(node, [known[a] for a in node.args])
            if isinstance(new, (Times, MatMul)) and any(is_zero(a) for a in new.args):
                return zeros(*new.shape)
            if is_reduction(new):
                known[node] = new  # while it is being looked at
                return self._simplified_within(new)
            return self.folding.fold(self.rewriter.rewrite(new))

        return remembered(known, e, rewritten, into_names=False)

    def _simplified_within(self, e: Expr) -> Expr:
        """A sum within what is written, simplified; what it is multiplied out to is written too,
        and so on, up to a depth: of nested quotients each opens the next."""
        if self._depth == DEEPEST_SUM:
            return e
        self._depth += 1
        try:
            return self.simplify(e)
        finally:
            self._depth -= 1

    def shorter(self, whole: Expr, total: Expr) -> Expr | None:
        """A product with one sum multiplied out, if that is shorter."""
        key = Networks.shorter, whole, total
        if key not in self.memo:
            self.memo[key] = None  # while it is being looked at
            reading = self.read(whole, [total])
            written = None if reading is None else self.write(reading.terms, whole.shape)
            if written is not None and length(written) < length(whole):
                self.memo[key] = written
        found: Expr | None = self.memo[key]
        return found


def _may_vanish(e: Expr) -> bool:
    """Whether the sum of its entries may be known: that of a definition, or by a row."""
    said = e.attributes if isinstance(e, Symbol) else (e.op,)
    return isinstance(e, Name) or not SUMS_KNOWN.isdisjoint(said)


def _least_length(*terms: Term) -> int:
    """What products or a sum of the factors take at least, each written once."""
    factors = {edge.atom for term in terms for edge in term.edges}
    factors |= {base for term in terms for base, _ in term.scalars}
    return sum(map(length, factors)) + len(factors) - 1


def is_reduction(e: Expr) -> bool:
    """Whether it sums over something: then terms inside may cancel."""
    row = TABLE.get(e.op)
    return row is not None and row.units == "linear" and row.takes_axis


# ------------------------------------------------------------------------------ passes for terms


def rows_as_columns(networks: Networks, term: Term) -> Term | None:
    """A sum that is a row as a column, where that is shorter: `1 + x'` is `(1 + x)'`."""

    def column(edge: Edge) -> Edge:
        e = edge.atom
        if e.shape[0] != ONE or not isinstance(e, Add):
            return edge
        turned = flip(e, networks.symmetric)
        if length(turned) >= length(e):
            return edge
        return Edge(turned, edge.cols, edge.rows, edge.exponent)

    edges = tuple([column(edge) for edge in term.edges])
    return None if edges == term.edges else tidy(term._replace(edges=edges))


def one_sign(networks: Networks, term: Term) -> Term | None:
    """Each sum in a term is signed one way: `X w - y` is `-(y - X w)`."""
    sign = 1

    def natural(base: Expr, p: Expr) -> Expr:
        nonlocal sign
        if not isinstance(base, Add) or not isinstance(p, Number) or p.value != int(p.value):
            return base
        found, own = networks.signs.natural(base)
        sign *= own ** abs(int(p.value))
        return found

    edges = tuple([e._replace(atom=natural(e.atom, e.exponent)) for e in term.edges])
    scalars = tuple([(natural(base, p), p) for base, p in term.scalars])
    if edges == term.edges and scalars == term.scalars:
        return None
    k = term.coefficient * sign
    return tidy(term._replace(edges=edges, scalars=scalars, coefficient=k))


def factors_cancelled(networks: Networks, term: Term) -> Term | None:
    """Factors multiplied into a sum beside them that has them as divisors, or divisors into one
    that has them as factors, where that is shorter: `s (1 + q / s)` is `s + q`, `p .* (1 - p) .*
    ((1 - y) ./ (1 - p) - y ./ p)` is `p - y`."""
    factors = [*term.edges, *(Edge(base, (), (), p) for base, p in term.scalars)]
    places: dict[Expr, list[int]] = {}
    for i, f in enumerate(factors):
        places.setdefault(f.atom, []).append(i)
    for total in factors:
        p = total.exponent
        if not isinstance(total.atom, Add) or not (p is UNIT or (p is MINUS and not total.nodes)):
            continue
        inside = {f for a in total.atom.args for f in factors_of(a)}
        below = {f.args[0] for f in inside if is_below(f)}
        beside = (i for atom in below | inside for i in places.get(atom, ()))
        used = [
            f
            for f in map(factors.__getitem__, sorted(beside))
            if f is not total
            and f.nodes == total.nodes
            and f.atom.shape == total.atom.shape
            and isinstance(f.exponent, Number)
            and ((f.atom in below and (p is UNIT or f.exponent is p))
                 or (f.atom in inside and f.exponent is MINUS is not p))
        ]  # fmt: skip
        whole = times(*(power(f.atom, f.exponent if p is UNIT else UNIT) for f in used), total.atom)
        written = networks.shorter(whole, total.atom) if used else None
        if written is not None:
            kept = [f for f in factors if f is not total and f not in used]
            kept.append(total._replace(atom=networks.simplify(written)))
            scalars = tuple((f.atom, f.exponent) for f in kept if not f.nodes)
            edges = tuple(f for f in kept if f.nodes)
            return tidy(term._replace(edges=edges, scalars=scalars))
    return None


def bases_met(networks: Networks, term: Term) -> Term | None:
    """What the base of a power is made of as one more of it, where the exponent is no number or the
    base a scalar below: `(x / s).^(k - 1) .* x / s` is `(x / s).^k`, `x' x y / (x' x)^2` is `y /
    (x' x)`."""
    bases = [e.atom for e in term.edges if not isinstance(e.exponent, Number)]
    bases += [base for base, p in term.scalars if has_minus(p) or not isinstance(p, Number)]
    for base in bases:
        if not isinstance(base, (Times, MatMul)):
            continue
        made_of = networks.made_of(base)
        found = None if made_of is None else networks.folding.folded(term, made_of, base)
        if found is not None and ((met := tidy(found)).gathered or base.is_scalar):
            return met._replace(gathered=True)
    return None


def factor_in_front(networks: Networks, term: Term) -> Term | None:
    """In a scalar, a factor before a sum of the identity and products that begin with it, so that
    equal scalars are one: `tr((A B - I) A C)` is `tr(A (B A - I) C)`."""
    for total in () if term.open_nodes else term.edges:
        if not isinstance(total.atom, Add) or not any(map(_is_eye, total.atom.args)):
            continue
        turned = flip(total.atom, networks.symmetric)
        ways = (total, Edge(turned, total.cols, total.rows, total.exponent))
        for (atom, rows, cols, p), led in product(ways, term.edges):
            meets = len(cols) == 1 and led.rows == cols and p is led.exponent is UNIT
            turns = atom is turned and networks.symmetric(led.atom)
            if not meets or turns or not term.joins(cols[0]):
                continue
            behind = [x for a in atom.args if (x := _behind(led.atom, a)) is not None]
            if len(behind) == len(atom.args):
                others = tuple(e for e in term.edges if e is not total and e is not led)
                sides = Edge(led.atom, rows, cols), Edge(add(*behind), cols, led.cols)
                dims = term.dims | {cols[0]: led.atom.shape[1]}
                return tidy(term._replace(edges=(*others, *sides), dims=dims))
    return None


def _is_eye(e: Expr) -> bool:
    return isinstance(factors_of(e)[-1], Eye)


def _behind(front: Expr, e: Expr) -> Expr | None:
    """What stands behind the front where `e` stood before it, if `e` begins with it."""
    *scalars, body = factors_of(e)
    if isinstance(body, Eye):
        return times(*scalars, eye(front.shape[1]))
    if not isinstance(body, MatMul) or body.args[0] is not front:
        return None
    return times(*scalars, matmul(*body.args[1:], front))


def products_known(networks: Networks, term: Term) -> Term | None:
    """Definitions beside what they are made of as what they come to."""
    return networks.known.with_product(term)


def norms_known(networks: Networks, term: Term) -> Term | None:
    """Squares of a definition that add up to a number: where `u = x / norm(x)`, `u' u` is 1."""
    return networks.known.with_norm(term)


SimplifyingPass = Callable[[Networks, Expr], Expr | None]
TermPass = Callable[[Networks, Term], Term | None]
# Each with the kinds of factors of which there is one where it has something to say.
TERM_PASSES: Mapping[TermPass, frozenset[type[Expr]]] = {
    constants_composed: frozenset({Structured}),
    orthogonal_met: frozenset({Symbol, Name}),
    rows_as_columns: frozenset({Add}),
    one_sign: frozenset({Add}),
    factors_cancelled: frozenset({Add}),
    factor_in_front: frozenset({Add}),
    bases_met: frozenset({Times, MatMul}),
    products_known: frozenset({Name}),
    norms_known: frozenset({Name}),
}
