"""Simplification: the shortest form found, written with the problem's own definitions.

Every node is simplified after its arguments. A sum of products is read as networks
(`algebra/index_terms.py`), in which transposes, traces, diagonals and sums over ones are no
different, like terms are added, common factors taken out, and each term is spelled in its shortest
way; then the identities of the table and the definitions are tried. A form is taken only if it is
no longer than what it replaces, so this ends.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from ..algebra.common_factors import factored, without_leading_minus
from ..algebra.contraction import flip
from ..algebra.extraction import spell
from ..algebra.fingerprints import Sum, key_of, like_terms
from ..algebra.index_terms import Term, read_terms, tidy
from ..algebra.sum_signs import Signs
from ..core.cost import has_minus, is_below, length, outline, sum_of
from ..core.dims import ONE, Shape, broadcast
from ..core.expr import (
    UNIT,
    ZERO,
    Add,
    Expr,
    Eye,
    MatMul,
    Name,
    Number,
    Ones,
    Power,
    Symbol,
    Times,
    Transpose,
    Zeros,
    add,
    postorder,
    power,
    rebuild,
    times,
    transpose,
    zeros,
)
from ..core.functions import TABLE
from ..core.results import Rewriting
from ..core.traversal import remembered
from .definition_folding import Folding
from .diagonals import with_diagonals
from .expansion import (
    OPENED_HORIZON,
    PRODUCTS,
    Opens,
    Reading,
    is_bare_product,
    is_multilinear,
    is_reduction,
    worth_opening,
)
from .rewriting import Rewriter

HORIZON = 4  # how many operations deep a product is read; beyond, a factor is taken as it is
MOST_TERMS = 12  # a product of sums is not multiplied out beyond this
MOST_ROUNDS = 8
DEEPEST = 8  # how often what a rewriting has made is looked into again

SYMMETRIC = frozenset({"symmetric", "posdef", "diagonal"})


class Simplifier:
    """Simplifies expressions of one problem; what it found for a node is remembered."""

    def __init__(self, definitions: Iterable[Expr] = (), roots: Iterable[Expr] = ()) -> None:
        self._whole: dict[Expr, Expr] = {}
        self._memo: dict[Expr, Expr] = {}
        self._steps: dict[tuple[Expr, Opens], Expr] = {}
        self._identities: dict[Expr, Expr] = {}
        self._named: dict[Expr, Expr] = {}
        # Fingerprints are those of living nodes: what they stand for is kept beside them.
        self._sums: dict[tuple[object, ...], tuple[Sum, Expr | None]] = {}
        self._spellings: dict[tuple[object, ...], tuple[Term, Expr | None]] = {}
        self._multiplied: dict[
            tuple[Expr, Expr], Expr | None
        ] = {}  # a factor and a sum, if shorter
        self._closed: dict[tuple[object, ...], Reading | None] = {}  # not shorter multiplied out
        self._log: list[Rewriting] = []
        self._symmetric: dict[Expr, bool] = {}
        self._rewriter = Rewriter(self.is_symmetric, length)
        self._last = Rewriter(self.is_symmetric, length, last=True)
        self._folding = Folding(self.is_symmetric)
        self._signs = Signs()
        definitions, roots = list(definitions), list(roots)
        for e in postorder([*definitions, *roots]):
            if isinstance(e, Add):
                self._signs.learn(e)
        used = {e for e in postorder(roots) if isinstance(e, Name)}
        for definition in definitions:
            inner = definition in used and definition not in roots
            self._learn(definition, inner or _may_recur(definition.args[0]))

    def _learn(self, definition: Expr, simplified: bool) -> None:
        """Notes a definition: its body is replaced by its name wherever it turns up, also where it
        does so `simplified`."""
        body = definition.args[0]
        if not body.args:
            return
        for form in dict.fromkeys([body, self(body)] if simplified else [body]):
            self._folding.learn(definition, form)
        found: tuple[dict[Any, Any], ...] = (
            *(self._whole, self._memo, self._steps, self._closed),
            *(self._sums, self._spellings, self._multiplied),
        )
        for known in found:
            known.clear()

    def __call__(self, e: Expr) -> Expr:
        """The simplified expression: of the same shape and value, and no longer."""
        found = self._whole.get(e)
        if found is None:
            order = [
                *postorder(e.args, into=lambda x: not isinstance(x, Name) and x not in self._memo)
            ]
            alone = {a for x in (*order, e) if x.op not in PRODUCTS for a in x.args}
            for x in order if not isinstance(e, Name) else ():
                if x not in self._memo:
                    opens: Opens = "sums" if x in alone else "nothing"
                    self._memo[x] = self._local(self._with_args(x), opens)
            found = self._whole[e] = self._memo[e] = self._local(self._with_args(e), "definitions")
        return found

    def write(self, terms: Sequence[Term], shape: Shape) -> Expr | None:
        """The terms as one simplified expression, or None if a term has no form in matrices."""
        written = self._written(self._collected(terms), shape)
        return None if written is None else self(written)

    def answer(self, e: Expr) -> Expr:
        """A simplified expression that is not taken further, with the identities for answers."""
        return self._last.everywhere(e)

    def with_diagonals(self, e: Expr) -> Expr:
        """Rows or columns scaled as people write it in a Jacobian: `diag(v) A`, not `v .* A`."""
        found = with_diagonals(e, self._signs)
        if found is not e:
            self._log.append(Rewriting("scaled by diag", e, found))
        return found

    def steps_to(self, e: Expr) -> tuple[Rewriting, ...]:
        """The steps that led to an expression: their result is in it, or in where another began.
        Those that only write a product in another order are no steps to a reader."""
        wanted = set(postorder([e], into=lambda x: not isinstance(x, Name)))
        found = []
        for step in reversed([*self._rewriter.log, *self._log, *self._last.log]):
            if step.after in wanted and step.before not in wanted:
                wanted.update(postorder([step.before], into=lambda x: not isinstance(x, Name)))
                found.append(step)
        return tuple(s for s in reversed(found) if length(s.after) < length(s.before))

    # --------------------------------------------------------------------------- one node

    def _local(self, e: Expr, opens: Opens) -> Expr:
        """The node simplified until that changes nothing; of forms that turn into each other, one
        that doesn't depend on where one began."""
        forms = [e]
        for _ in range(MOST_ROUNDS):
            found = self._once(forms[-1], opens)
            if found is forms[-1]:
                break
            found = self._inside(found)
            if found in forms:
                return min(forms[forms.index(found) :], key=lambda x: (length(x), outline(x)))
            forms.append(found)
        return forms[-1]

    def _inside(self, e: Expr, depth: int = 0) -> Expr:
        """The expression with those arguments simplified that a rewriting has just made."""
        for node in postorder(
            e.args, into=lambda x: not isinstance(x, Name) and x not in self._memo
        ):
            if node not in self._memo:
                self._memo[node] = node
                before = self._with_args(node)
                after = self._once(before, "sums")
                if after is not before and depth < DEEPEST:
                    after = self._inside(after, depth + 1)
                self._memo[node] = after
        return self._with_args(e)

    def _with_args(self, e: Expr) -> Expr:
        """The expression with its arguments simplified; a summand keeps its minus."""
        if isinstance(e, Name):
            return e
        return rebuild(
            e, [self._summand(a) if isinstance(e, Add) else self._memo[a] for a in e.args]
        )

    def _summand(self, a: Expr) -> Expr:
        """A summand simplified: in a sum `-A (y - x)` is as short as `A (x - y)`, and which of the
        two it is depends on how the problem writes `y - x`."""
        found = self._memo[a]
        if not has_minus(a) or has_minus(found) or isinstance(a, Number):
            return found
        kept = rebuild(a, [self._memo[x] for x in a.args])
        return kept if has_minus(kept) and length(kept) <= length(found) + 1 else found

    def _once(self, e: Expr, opens: Opens) -> Expr:
        if not e.args or isinstance(e, Name):
            return e
        found = self._steps.get((e, opens))
        if found is None:
            new = self._combined(e, opens) if is_multilinear(e) else e
            found = self._steps[e, opens] = self.fold(self._rewriter.rewrite(new))
        return found

    def _combined(self, e: Expr, opens: Opens) -> Expr:
        """The shortest of: the products as they are, with sums multiplied out, with definitions
        opened too."""
        if isinstance(e, Transpose) and not is_multilinear(e.args[0]):
            return flip(e.args[0], self.is_symmetric)
        if opens != "definitions" and is_bare_product(e) and self._folding.holds_none(e.args):
            return e
        whole = sum_of(list(e.args)) if isinstance(e, Add) else e
        best, how = whole, "order"
        if isinstance(e, Transpose) and isinstance(e.args[0], Add):
            whole = add(*(flip(a, self.is_symmetric) for a in e.args[0].args))
        plain = self._read(whole)
        written = self._write(plain, e.shape)
        if plain is not None and written is not None and length(written) <= length(best):
            best, how = written, plain.how(written)
        if opens != "nothing":
            tried = (opens, e.shape, whole if plain is None else plain.key)
            known = tried in self._closed
            shortest = None if known else self._multiplied_out(whole, opens, length(best))
            if shortest is not None:
                best, how = shortest
            else:
                self._closed[tried] = plain
        if best is not e:
            self._log.append(Rewriting(how, e, best))
        return best

    def _multiplied_out(self, e: Expr, opens: Opens, limit: int) -> tuple[Expr, str] | None:
        """The expression with sums multiplied out, or definitions opened too, and how that was
        done; None if it isn't shorter than the limit then."""
        best = None
        for names in (False, True) if opens == "definitions" else (False,):
            opened = worth_opening(e, names)
            reading = self._read(e, opened) if opened else None
            if reading is None or not self._brings_together(e, reading):
                continue
            if not self._may_be_shorter(reading.terms, limit):
                continue
            written = self._write(reading, e.shape)
            if written is not None and length(written) < limit:
                best, limit = (written, f"multiplied out, {reading.how(written)}"), length(written)
        return best

    def _read(self, e: Expr, opened: Collection[Expr] = ()) -> Reading | None:
        """The terms of an expression, with some sums and definitions multiplied out; None if there
        are too many."""
        horizon = OPENED_HORIZON if opened else HORIZON
        terms = read_terms(e, opened.__contains__, horizon, MOST_TERMS)
        if terms is None:
            return None
        collected = self._collected(terms)
        return Reading(terms, len(collected), self._folding.fold_sums(collected))

    def _brings_together(self, e: Expr, reading: Reading) -> bool:
        """Whether terms met when sums were multiplied out, or factors within one."""
        if e.op not in PRODUCTS and not isinstance(e, Add):
            return True
        return len(reading.terms) < len(reading.read) or any(map(self._is_met, reading.read))

    def _write(self, reading: Reading | None, shape: Shape) -> Expr | None:
        return None if reading is None else self._written(reading.terms, shape)

    def _may_be_shorter(self, terms: Sum, limit: int) -> bool:
        """Whether the terms as a sum may be shorter than that: what is in a term is in the sum,
        unless identities have made like terms."""
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
        collected = None if again is None else self._collected(again)
        return collected if collected is not None and len(collected) < len(terms) else None

    def _is_met(self, term: Term) -> bool:
        """Whether factors of a term met others of their base, or those of a definition's body, or a
        definition is summed alone, which may be zero."""
        return (
            term.gathered
            or any(True for _ in self._folding.fold_term(term))
            or any(isinstance(edge.atom, Name) and term.sums_alone(edge) for edge in term.edges)
        )

    def _collected(self, terms: Iterable[Term]) -> Sum:
        """Like terms added up; their order is that of the first of each."""
        ready = [
            self._with_divisors_cancelled(self._with_sums_multiplied(self._with_natural_sums(t)))
            for t in terms
        ]
        return like_terms((key_of(t, self.is_symmetric), t) for t in ready)

    def _with_natural_sums(self, term: Term) -> Term:
        """The term with each sum in it signed one way: `y - X w` and `X w - y` are one sum."""
        edges, scalars, signs = [], [], 1
        for edge in term.edges:
            atom, sign = self._natural_base(edge.atom, edge.exponent)
            edges.append(edge if atom is edge.atom else edge._replace(atom=atom))
            signs *= sign
        for base, p in term.scalars:
            natural, sign = self._natural_base(base, p)
            scalars.append((natural, p))
            signs *= sign
        if edges == [*term.edges] and scalars == [*term.scalars]:
            return term
        k = term.coefficient * signs
        return tidy(term._replace(edges=tuple(edges), scalars=tuple(scalars), coefficient=k))

    def _natural_base(self, base: Expr, p: Expr) -> tuple[Expr, int]:
        """A factor that is a sum as it is written, and the sign of its power p."""
        if not isinstance(base, Add) or not isinstance(p, Number) or p.value != int(p.value):
            return base, 1
        natural, sign = self._signs.natural(base)
        return natural, sign ** abs(int(p.value))

    def _with_sums_multiplied(self, term: Term) -> Term:
        """The term with a scalar multiplied into a sum that gets shorter: `s (1 + q / s)`."""
        for total, p in term.scalars:
            if not isinstance(total, Add):
                continue
            for other, exponent in term.scalars:
                if other is total or exponent is not p:
                    continue
                written = self._shorter_multiplied(other, total)
                if written is not None:
                    kept = [s for s in term.scalars if s[0] is not total and s[0] is not other]
                    return tidy(term._replace(scalars=(*kept, (written, p))))
        return term

    def _shorter_multiplied(self, factor: Expr, total: Expr) -> Expr | None:
        """A scalar multiplied into a sum, if that is shorter."""
        key = factor, total
        if key not in self._multiplied:
            self._multiplied[key] = None  # while it is being looked at
            whole = times(factor, total)
            written = self._write(self._read(whole, [total]), whole.shape)
            if written is not None and length(written) < length(whole):
                self._multiplied[key] = written
        return self._multiplied[key]

    def _with_divisors_cancelled(self, term: Term) -> Term:
        """The term with factors multiplied into a sum beside them that has them as divisors, where
        that is shorter: `p .* (1 - p) .* ((1 - y) ./ (1 - p) - y ./ p)` is `p - y`."""
        for total in term.edges:
            if not isinstance(total.atom, Add) or total.exponent is not UNIT:
                continue
            divisors = {b for a in total.atom.args for b in _divisors(a)}
            used = [
                edge
                for edge in term.edges
                if edge.atom in divisors
                and edge.atom.shape == total.atom.shape
                and (edge.rows, edge.cols) == (total.rows, total.cols)
                and isinstance(edge.exponent, Number)
            ]
            if not used:
                continue
            whole = times(*(power(edge.atom, edge.exponent) for edge in used), total.atom)
            written = self._write(self._read(whole, [total.atom]), whole.shape)
            if written is not None and length(written) < length(whole):
                kept = tuple(e for e in term.edges if e is not total and e not in used)
                edge = total._replace(atom=self(written))
                return tidy(term._replace(edges=(*kept, edge)))
        return term

    def _written(self, terms: Sum, shape: Shape) -> Expr | None:
        """The terms as an expression; what was written once is written so again."""
        if not terms:
            return zeros(*shape)
        key = (shape, *[(k, term.number) for k, term in terms.items()])
        if key not in self._sums:
            self._sums[key] = terms, self._newly_written(terms, shape)
        return self._sums[key][1]

    def _newly_written(self, terms: Sum, shape: Shape) -> Expr | None:
        parts = self._parts(terms)
        if parts is None:
            return None
        merged = self._merged(terms, parts)
        if merged is not None:
            return self._written(merged, shape)
        if broadcast(p.shape for p in parts) != shape:
            full = [self._spelled(key, term, compact=False) for key, term in terms.items()]
            if None in full:
                return None
            spread = [self._rewritten(e) for e in full if e is not None]
            more = [length(s) - length(p) for s, p in zip(spread, parts, strict=True)]
            i = min(range(len(parts)), key=lambda i: (more[i], outline(parts[i])))
            parts[i] = spread[i]
        total = factored(parts, length, self._signs) if len(parts) > 1 else parts[0]
        return self._turned(without_leading_minus(total))

    def _turned(self, e: Expr) -> Expr:
        """A sum full of transposes as the transpose of a sum, where that is shorter."""
        if not isinstance(e, Add) or ONE in e.shape:
            return e
        outside = transpose(add(*(flip(a, self.is_symmetric) for a in e.args)))
        return outside if length(outside) + 2 <= length(e) else e

    def _spelled(self, key: int, term: Term, compact: bool) -> Expr | None:
        """The shortest spelling of a term, with definitions where they don't make it longer; `key`
        is its fingerprint."""
        whole = (key, term.number, compact)
        if whole not in self._spellings:
            self._spellings[whole] = term, self._newly_spelled(term, compact)
        return self._spellings[whole][1]

    def _newly_spelled(self, term: Term, compact: bool) -> Expr | None:
        best = spell(term, self.is_symmetric, self.fold, compact)
        for folded in self._folding.fold_term(term):
            other = spell(folded, self.is_symmetric, self.fold, compact)
            if best is None or (other is not None and length(other) <= length(best)):
                best = other
        return best

    def _rewritten(self, e: Expr) -> Expr:
        """The expression with identities tried on what is new in it, and its sums simplified."""
        return remembered(self._identities, e, self._newly_rewritten, into_names=False)

    def _newly_rewritten(self, node: Expr) -> Expr:
        if not node.args or isinstance(node, Name):
            return node
        known = self._identities
        new = rebuild(node, [known[a] for a in node.args])
        if isinstance(new, (Times, MatMul)) and any(_is_zero(a) for a in new.args):
            return zeros(*new.shape)
        if is_reduction(new):
            known[node] = new  # while it is being looked at
            return self(new)
        return self.fold(self._rewriter.rewrite(new))

    # ------------------------------------------------------------------------ definitions

    def fold(self, e: Expr) -> Expr:
        """The expression, or the name of the definition that it is the body of."""
        return self._folding.fold(e)

    def named(self, e: Expr) -> Expr:
        """The expression as it stands, with definitions written by their names."""
        known = self._named
        return remembered(known, e, lambda x: self.fold(rebuild(x, [known[a] for a in x.args])))

    # ------------------------------------------------------------------------- symmetry

    def is_symmetric(self, e: Expr) -> bool:
        """Whether the value equals its transpose, as far as attributes and structure tell."""
        known = self._symmetric
        products: dict[Expr, Sequence[Term]] = {}
        stack = [e] if e not in known else []
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
            known[x] = self._find_symmetry(x, products[x])
        return known[e]

    def _find_symmetry(self, e: Expr, products: Sequence[Term]) -> bool:
        """Whether it is symmetric, given its products and what is known of its parts."""
        known = self._symmetric
        if e.shape[0] != e.shape[1]:
            return False
        if isinstance(e, Symbol):
            return bool(e.attributes & SYMMETRIC)
        if not e.args:
            return isinstance(e, (Eye, Ones, Zeros))
        if isinstance(e, Name):
            return known[e.args[0]]
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


def _deciding(e: Expr, products: Sequence[Term]) -> Sequence[Expr]:
    """The expressions whose symmetry decides on that of this one."""
    if e.shape[0] != e.shape[1]:
        return ()
    if is_multilinear(e):
        return [edge.atom for t in products for edge in t.edges if edge.atom is not e]
    return [a for a in e.args if isinstance(e, Name) or not a.is_scalar]


def _may_recur(value: Expr) -> bool:
    """Whether a value may be a factor of its own derivative, as that of `exp` is."""
    factors = [
        a.args[0] if isinstance(a, Power) else a
        for a in (value.args if isinstance(value, Times) else (value,))
    ]
    rows = [TABLE[a.op] for a in factors if a.op in TABLE]
    return any("y" in text.split() for row in rows for text in row.derivative)


def _is_zero(e: Expr) -> bool:
    return isinstance(e, Zeros) or e is ZERO


def _divisors(e: Expr) -> list[Expr]:
    """What a product is divided by, entry by entry."""
    factors = e.args if isinstance(e, Times) else (e,)
    return [a.args[0] for a in factors if is_below(a) and not a.is_scalar]
