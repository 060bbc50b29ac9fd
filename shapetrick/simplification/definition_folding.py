"""Definitions put back: where the body of one turns up, whole or as a part of a product or a sum,
its name.

A body that is a product is a network, and is looked for in the networks of other products, so
that `sum(G .* (P V), axis=1)` and `x / r .* x` show an `O = P V` and a `y = x / r` in whatever
way they are written; the body of a sum is looked for among the summands.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from fractions import Fraction
from functools import reduce
from itertools import chain, count
from math import inf
from operator import is_
from typing import Generic, NamedTuple, TypeVar

from ..algebra.contraction import flip
from ..algebra.extraction import spell
from ..algebra.fingerprints import Sum, Symmetric, key_of, like_terms
from ..algebra.index_terms import Edge, Nodes, Term, opened, read_terms, tidy
from ..algebra.monomials import (
    PoweredBase,
    Product,
    add_exponents,
    gathered,
    multiplied,
    multiply_exponents,
)
from ..core.cost import has_minus, is_below, length, sum_of
from ..core.expr import (
    MINUS,
    UNIT,
    WHOLE,
    ZERO,
    Add,
    Call,
    Expr,
    Name,
    Number,
    Power,
    Real,
    Times,
    add,
    negate,
    number,
    power,
    times,
    transpose,
)
from ..core.structure import factors_of, is_zero, terms_of
from ..core.traversal import postorder
from .identities import EXPONENTIAL, ROOT

MOST_STEPS = 10_000  # of the search for a body in a product
MOST_MULTIPLIED = 4  # terms that a product of sums is as a definition

Powers = dict[Expr, Expr]
RowT = TypeVar("RowT")


class _Match(NamedTuple):
    """How a pattern's nodes and edges lie in a term."""

    nodes: dict[int, int]
    edges: tuple[tuple[int, Expr | None], ...]  # (index in the term, what is left of its exponent)


class _AddedUp(NamedTuple):
    """A sum of products, as it stands or multiplied out: these, and their fingerprints."""

    parts: tuple[Expr, ...]
    summands: list[Term]
    keys: list[int]
    name: Expr


class _Scaled(NamedTuple):
    """The body of a scalar that is a power of something, times other scalars."""

    exponent: Expr
    rest: tuple[PoweredBase, ...]  # the number too
    name: Expr


class _Bodies(Generic[RowT]):
    """Bodies in their order, each listed under one of its parts, without which it can't be there:
    of a thousand definitions, those few are looked for that a product or a sum may hold."""

    def __init__(self) -> None:
        self._rows: dict[int, RowT] = {}
        self._by_part: dict[Expr, list[int]] = {}

    def learn(self, row: RowT, *ways: Iterable[Expr], first: bool = False) -> None:
        """Notes a body, last or first; `ways` are the parts of each form in which it is there."""
        place = -len(self._rows) if first else len(self._rows)
        self._rows[place] = row
        for parts in ways:
            rarest = min(parts, key=lambda part: len(self._by_part.get(part, ())))
            self._by_part.setdefault(rarest, []).append(place)

    def among(self, parts: Callable[[], Iterable[Expr]]) -> Iterator[RowT]:
        """The bodies that may be there, in order; what is there may change on the way."""
        by_part, last = self._by_part, -inf
        there: list[Expr] = []
        places: list[int] = []
        while by_part:
            if (now := list(parts())) != there:
                there = now
                found = {k for a in there if a in by_part for k in by_part[a] if k > last}
                places = sorted(found, reverse=True)
            if not places:
                break
            last = places.pop()
            yield self._rows[int(last)]


class Folding:
    """The definitions of a problem, and how to find them."""

    def __init__(self, symmetric: Symmetric) -> None:
        self._symmetric = symmetric
        self._whole: dict[Expr, Expr] = {}
        self._sums = _Bodies[tuple[Expr, Expr]]()
        self._products_added = _Bodies[_AddedUp]()
        self._products = _Bodies[tuple[Term, Expr]]()
        self._multiples = _Bodies[tuple[Term, Expr]]()
        self._related = _Bodies[tuple[Term, Expr]]()
        self._powers: dict[Expr, list[_Scaled]] = {}  # by what they are powers of
        self._roots: dict[Expr, Expr] = {}  # in bodies, by what they are of
        self.in_other_words: dict[Callable[[Term], Iterator[Term]], None] = {}  # terms by names

    def learn(self, definition: Expr, form: Expr) -> None:
        """Notes one form of a definition's body."""
        if not form.args or form is definition or form in self._whole:
            return
        self._whole[form] = definition
        flipped = flip(form, self._symmetric)
        self._whole.setdefault(flipped, transpose(definition))
        for part, value in _relations(form, definition):
            self._learn_relation(part, value)
        if isinstance(form, Add):
            self._learn_sum(form, definition)
            if flipped is not form:
                self._learn_sum(flipped, transpose(definition))
            return
        terms = read_terms(form) or []
        if len(terms) != 1:
            return
        self._learn_multiplied_out(form, definition)
        if _is_pattern(terms[0]):
            self._products.learn((terms[0], definition), _parts(terms[0]), first=True)
            if terms[0].scalars and terms[0].edges:
                self.in_other_words[self._by_multiples] = None
                atoms = [edge.atom for edge in terms[0].edges]
                self._multiples.learn((terms[0], definition), atoms)
            for atom in (edge.atom for edge in terms[0].edges if edge.atom.op == ROOT):
                self._roots[atom.args[0]] = atom
        if form.is_scalar:
            self._learn_power(form, definition)

    def _learn_power(self, body: Expr, name: Expr) -> None:
        """Notes a scalar that is a power of something, a root or to what is no number, or one of an
        exponential and others, or of a function of what is divided by one of these; whatever else
        it is a product of."""
        whole = Product.of(body)
        self.in_other_words[self._by_powers] = None
        bases = [(base, p) for base, p in whole.factors if base.args]
        for base, p in bases:
            rest = tuple(f for f in whole.factors if f[0] is not base)
            if whole.coefficient != 1:
                rest = ((number(whole.coefficient), WHOLE), *rest)
            found: dict[Expr, Expr] = {}
            if rest and (base.op == EXPONENTIAL or is_homogeneous(base, rest)):
                found = {base: number(p)}
            elif len(bases) == 1 and isinstance(base, Power):
                found = {base.args[0]: multiply_exponents(base.args[1], number(p))}
            elif len(bases) == 1 and base.op == ROOT:
                found = {base: number(p), base.args[0]: number(p / 2)}
            elif len(bases) == 1 and (p < 0 or p.denominator != 1):
                found = {base: number(p)}
            for x, exponent in found.items():
                self._powers.setdefault(x, []).append(_Scaled(exponent, rest, name))

    def _learn_relation(self, part: Expr, value: Expr) -> None:
        """Notes what stands for a product or a function, where that is shorter."""
        terms = read_terms(part) or []
        if part.shape != value.shape or len(terms) != 1:
            return
        if _is_pattern(terms[0]):
            self.in_other_words[self._by_relations] = None
            self._related.learn((terms[0], value), _parts(terms[0]))
        elif isinstance(part, Call) and length(value) < length(part):
            self.learn_as(part, value)

    def _learn_multiplied_out(self, body: Expr, name: Expr) -> None:
        """Notes a product with sums in it as the sum that it is."""
        if not body.is_scalar or not any(isinstance(x, Add) for x in body.args):
            return
        terms = read_terms(body, lambda x: isinstance(x, Add), most=MOST_MULTIPLIED) or []
        spelled = [spell(term, self._symmetric) for term in terms]
        parts = tuple(part for part in spelled if part is not None)
        complete = 1 < len(terms) == len(parts)
        row = self._row(parts, terms, name) if complete else None
        if row is not None:
            self._products_added.learn(row, _parts(terms[0]))

    def learn_as(self, form: Expr, value: Expr) -> None:
        """Notes how what is no body is written with definitions."""
        self._whole.setdefault(form, value)
        self._whole.setdefault(flip(form, self._symmetric), flip(value, self._symmetric))

    def _learn_sum(self, body: Expr, name: Expr) -> None:
        self._sums.learn((body, name), body.args, map(negate, body.args))
        row = self._added_up(body, name)
        if row is not None:
            self._products_added.learn(row, _parts(row.summands[0]))

    def _added_up(self, body: Expr, name: Expr) -> _AddedUp | None:
        read = [read_terms(a) or [] for a in body.args]
        alike = all(a.shape == body.shape for a in body.args)
        if not alike or any(len(terms) != 1 for terms in read):
            return None
        return self._row(body.args, [terms[0] for terms in read], name)

    def _row(self, parts: tuple[Expr, ...], terms: list[Term], name: Expr) -> _AddedUp | None:
        if not all(term.edges for term in terms):
            return None
        return _AddedUp(parts, terms, [key_of(term, self._symmetric) for term in terms], name)

    def fold(self, e: Expr) -> Expr:
        """The expression, or its name if it is a body; in a sum, summands that are one by the
        name."""
        found = self._whole.get(e)
        if found is not None:
            return found
        if isinstance(e, Add):
            among = self._sums.among(lambda: e.args if isinstance(e, Add) else ())
            for body, name in among:
                e = _without_summands(e, body, name)
        return e

    def holds_none(self, factors: Iterable[Expr]) -> bool:
        """Whether no definition may be found in a product, or a sum of products, of these."""
        there = {*factors}
        parts = [_parts(term) for term, _ in self._products.among(lambda: there)]
        parts += [_parts(row.summands[0]) for row in self._products_added.among(lambda: there)]
        parts += [
            [edge.atom for edge in term.edges] for term, _ in self._multiples.among(lambda: there)
        ]
        return not any(map(there.issuperset, parts)) and self._powers.keys().isdisjoint(there)

    def fold_term(self, term: Term) -> Iterator[Term]:
        """The term with one more definition in it each time."""
        among = self._products.among(lambda: _parts(term))
        for pattern, name in among:
            while (folded := self.folded(term, pattern, name)) is not None:
                term = folded
                yield term

    def _by_powers(self, term: Term) -> Iterator[Term]:
        """The term with a scalar by a definition that is another power of it: where `J =
        s^(1/p)`, `s^(1/p - 1)` is `J^(1 - p)`; where `w = a s^q`, `s^(q - 1)` is `w / a / s`; where
        `w = a sqrt(s)`, `1 / sqrt(s)` is `a / w`.
        A whole power stands for it only beside the name: where `w = sqrt(s)`, `s / w` is `w`; but
        where `J = t logsumexp(x / t)`, `logsumexp(x / t)` is `J / t`, and where `J = -exp(x)`,
        `exp(x)` is `-J`. Where `k = s^p`, `s^(p - 1)` is neither `k^(1 - 1 / p)` nor `k / s`."""
        for base, exponent in term.scalars:
            for row in self._powers.get(base, ()):
                others = [item for item in term.scalars if item[0] is not base]
                for p, left in _in_powers_of(exponent, row.exponent):
                    alone = row.name not in dict(term.scalars)
                    letter = not row.exponent.args and not isinstance(row.exponent, Number)
                    plain = not row.rest and (isinstance(base, Name) or letter)
                    divided = not _is_divided(exponent) and _is_divided(p)
                    multiple = p is UNIT and base.args and _are_numbers(row.rest)
                    kept = multiple or is_homogeneous(base, row.rest)
                    whole = alone and _is_natural(p) and not kept
                    if (divided or whole) if left is ZERO else plain:
                        continue
                    inverse = multiply_exponents(MINUS, p)
                    divisors = [(b, multiply_exponents(number(q), inverse)) for b, q in row.rest]
                    scalars = (*others, *divisors, (row.name, p), (base, left))
                    yield tidy(term._replace(scalars=scalars))

    def _by_multiples(self, term: Term) -> Iterator[Term]:
        """The term with a definition that is a multiple of factors in it: where `z = s (A x - b)`,
        `A x - b` is `z / s`; one of letters alone only beside its name: where `v = s x`, `x ./ v`
        is `1 / s`."""
        atoms = [edge.atom for edge in term.edges]
        for pattern, name in self._multiples.among(lambda: atoms):
            if name not in atoms and not any(edge.atom.args for edge in pattern.edges):
                continue
            folded = self.folded(term, pattern._replace(scalars=()), name)
            if folded is not None:
                divisors = [(base, multiply_exponents(MINUS, p)) for base, p in pattern.scalars]
                yield tidy(folded._replace(scalars=(*folded.scalars, *divisors)))

    def by_roots(self, term: Term) -> Iterator[Term]:
        """The term with definitions that hold a root of a factor: where `z = x ./ sqrt(v)`, `x ./
        v` is `z ./ sqrt(v)`."""
        if any(e.atom in self._roots for e in term.edges):
            edges = [
                e._replace(atom=root, exponent=multiply_exponents(number(2), e.exponent))
                if (root := self._roots.get(e.atom)) is not None
                else e
                for e in term.edges
            ]
            yield from self.fold_term(term._replace(edges=tuple(edges)))

    def _by_relations(self, term: Term) -> Iterator[Term]:
        """The term with what a definition says of a part of its body: where `h = a ./ (1 + u)`,
        `h .* u` is `a - h`."""
        for pattern, value in self._related.among(lambda: _parts(term)):
            folded = self.folded(term, pattern, value)
            if folded is not None:
                yield tidy(folded)

    def folded(self, term: Term, pattern: Term, name: Expr) -> Term | None:
        """The term with a name in the place of what it stands for, if that is in it."""
        if len(pattern.edges) > len(term.edges):  # each has a factor of its own
            return None
        scalars = _divided(dict(term.scalars), pattern)
        if scalars is None:
            return None
        match = next(self._matches(term, pattern), None)
        if match is None:
            return None
        left = dict(match.edges)
        edges = []
        for i, edge in enumerate(term.edges):
            exponent = left.get(i, edge.exponent)
            if exponent is not None:
                edges.append(edge._replace(exponent=exponent))
        rows, cols = (tuple(match.nodes[n] for n in s) for s in (pattern.rows, pattern.cols))
        if rows or cols:
            edges.append(Edge(name, rows, cols))
        else:
            scalars = gathered([*scalars.items(), (name, UNIT)])
        used = {n for edge in edges for n in edge.nodes} | set(term.open_nodes)
        dims = {n: d for n, d in term.dims.items() if n in used}
        coefficient = term.coefficient / pattern.coefficient
        return Term(coefficient, tuple(scalars.items()), tuple(edges), dims, term.rows, term.cols)

    def fold_sums(self, terms: Sum) -> Sum:
        """The terms with the body of a sum found among them as a common factor: where `A b` and
        `-A c` occur and `R = b - c`, `A R` in their place. The coefficients get smaller."""
        among = self._products_added.among(lambda: chain.from_iterable(map(_parts, terms.values())))
        for row in among:
            while (folded := self._with_sum(terms, row)) is not None:
                terms = folded
        return terms

    def gather_sums(self, terms: Sum) -> Sum:
        """The terms with a sum that is a factor of one of them found among the others: `k a - k b`
        beside `s (a - b)` is `k (a - b)`."""
        atoms = {e.atom: None for term in terms.values() for e in term.edges}
        for body in [atom for atom in atoms if isinstance(atom, Add)]:
            row = self._added_up(body, body)
            while row is not None and (folded := self._with_sum(terms, row)) is not None:
                terms = folded
        return terms

    def _with_sum(self, terms: Sum, row: _AddedUp) -> Sum | None:
        if len(terms) < len(row.summands):
            return None
        first = row.summands[0]
        for key, term in terms.items():
            if key == row.keys[0]:  # then the sum stands by itself
                factor = term.coefficient / first.coefficient
                summands = zip(row.keys, row.summands, strict=True)
                if not _hold(terms, {k: factor * t.coefficient for k, t in summands}):
                    continue
            context = self.folded(term, first, row.name)
            if context is None:
                continue
            used = dict(self._share(context, row.name, summand) for summand in row.parts)
            if len(used) == len(row.summands) and _hold(terms, used):
                return _replaced(terms, used, key_of(context, self._symmetric), context)
        return None

    def _share(self, context: Term, name: Expr, summand: Expr) -> tuple[int, Fraction | float]:
        """The context with a summand in place of the name: its key, and its coefficient."""
        edges = [
            edge._replace(atom=summand) if edge.atom is name else edge for edge in context.edges
        ]
        scalars = tuple(s for s in context.scalars if s != (name, UNIT))
        edges += [Edge(summand, (), ())] * (len(context.scalars) - len(scalars))
        wanted = opened(context._replace(edges=tuple(edges), scalars=scalars), summand, most=1)
        if len(wanted) != 1:
            return 0, 1
        return key_of(wanted[0], self._symmetric), wanted[0].coefficient

    # -------------------------------------------------------------------------- matching

    def _matches(self, term: Term, pattern: Term) -> Iterator[_Match]:
        if not _has_all(term, pattern):
            return
        touching: dict[int, set[int]] = {}
        for i, edge in enumerate(term.edges):
            for n in edge.nodes:
                touching.setdefault(n, set()).add(i)
        steps = count()

        def extend(
            k: int, nodes: dict[int, int], taken: dict[int, Expr | None]
        ) -> Iterator[_Match]:
            if next(steps) > MOST_STEPS:
                return
            if k == len(pattern.edges):
                if self._is_closed(term, pattern, nodes, taken, touching):
                    yield _Match(nodes, tuple(taken.items()))
                return
            wanted = pattern.edges[k]
            for i, edge in enumerate(term.edges):
                if i in taken or edge.atom is not wanted.atom:
                    continue
                left = _left_over(edge.exponent, wanted.exponent)
                if left is None:
                    continue
                for ends in self._orientations(edge):
                    here = _joined(nodes, wanted.nodes, ends)
                    if here is not None:
                        rest = None if is_zero(left) else left
                        yield from extend(k + 1, here, {**taken, i: rest})

        yield from extend(0, {}, {})

    def _orientations(self, edge: Edge) -> list[Nodes]:
        if len(edge.nodes) == 2 and self._symmetric(edge.atom):
            return [edge.nodes, edge.nodes[::-1]]
        return [edge.nodes]

    def _is_closed(
        self,
        term: Term,
        pattern: Term,
        nodes: dict[int, int],
        taken: dict[int, Expr | None],
        touching: dict[int, set[int]],
    ) -> bool:
        """Whether what is summed inside the pattern is touched by nothing else in the term."""
        for n in pattern.dims:
            if n not in nodes:  # nothing in the pattern stands there
                return False
            if n in pattern.open_nodes:
                continue
            here = nodes[n]
            outside = here in term.open_nodes or not touching[here] <= set(taken)
            if outside or any(taken[i] is not None for i in touching[here]):
                return False
        return True


def _relations(body: Expr, name: Expr) -> Iterator[tuple[Expr, Expr]]:
    """What follows for a part of the body of a definition, and its value: of `h = a ./ (1 + u)`,
    `h .* u` and `a - h`; of `h = a (1 - u)`, `a u` and `a - h`; of `y = t + x .* u`, `x .* u` and
    `y - t`."""
    if body.op == ROOT:
        yield body.args[0], power(name, number(2))
    whole = Product.of(body)
    sums = [f for f in whole.factors if isinstance(f[0], Add) and len(f[0].args) == 2]
    for total, p in sums:
        others = whole.without(Product(WHOLE, ((total, p),)), is_)
        if others is None or p not in (1, -1):
            continue
        left, right = (others.expression(), name) if p > 0 else (name, others.expression())
        for rest, part in (total.args, total.args[::-1]):
            letter = not rest.args and (p < 0 or (left is UNIT and isinstance(part, Times)))
            if part.args and (isinstance(rest, Number) or letter):
                sign = MINUS if has_minus(part) else UNIT
                value = sum_of([multiplied([sign, right]), multiplied([negate(sign), rest, left])])
                yield multiplied([sign, left, part]), value


def _has_all(term: Term, pattern: Term) -> bool:
    """Whether a term has as many factors of each base as a pattern; which of them could be which is
    a search that grows fast with equal ones."""
    there = Counter(edge.atom for edge in term.edges)
    wanted = Counter(edge.atom for edge in pattern.edges)
    if any(there[atom] < k for atom, k in wanted.items()):
        return False
    for atom in (atom for atom, k in wanted.items() if k > 1):
        # the largest power that is wanted needs one at least as large, and so on
        pairs = zip(_powers(pattern, atom), _powers(term, atom), strict=False)
        if any(k > m for k, m in pairs):
            return False
    return True


def _powers(term: Term, atom: Expr) -> list[Real]:
    """The amounts of the powers of a factor that are numbers, the largest first."""
    powers = (e.exponent for e in term.edges if e.atom is atom)
    values = (k.value for k in powers if isinstance(k, Number))
    return sorted((k if k > 0 else -k for k in values), reverse=True)


def _hold(terms: Sum, used: Mapping[int, Real]) -> bool:
    """Whether each of the products is among the terms, at most as often as it is there."""
    return all(k in terms and 0 < c / terms[k].coefficient <= 1 for k, c in used.items())


def _replaced(terms: Sum, used: Mapping[int, Fraction | float], key: int, context: Term) -> Sum:
    """The terms less what the context stands for, which takes the first place of it."""
    parts: list[tuple[int, Term]] = []
    first = next(k for k in terms if k in used)
    for k, term in terms.items():
        if k == first:
            parts.append((key, context))
        parts.append((k, term._replace(coefficient=term.coefficient - used.get(k, 0))))
    return like_terms(parts)


def _parts(term: Term) -> list[Expr]:
    """The factors of a product, without their exponents."""
    return [*(edge.atom for edge in term.edges), *(base for base, _ in term.scalars)]


def _is_pattern(term: Term) -> bool:
    """Whether a product is worth looking for: two factors or more, no side on a diagonal."""
    factors = len(term.edges) + len(term.scalars)
    exponents = [*(e.exponent for e in term.edges), *(p for _, p in term.scalars)]
    powers = any(p is not UNIT for p in exponents)
    if factors == 1 and any(not isinstance(p, Number) for _, p in term.scalars):
        return False  # `_learn_power`
    plain = term.rows != term.cols or not term.rows
    fused = any(len(s) > 1 for e in term.edges for s in (e.rows, e.cols))
    return (factors > 1 or powers) and plain and not fused


def _left_over(exponent: Expr, wanted: Expr) -> Expr | None:
    """What remains of a power after taking out another, or None if it isn't in it: of `s^(k - 1)`
    after `s^k` it is `1 / s`, of `s^(2 k)` it is `s^k`."""
    if exponent is wanted:
        return ZERO
    if isinstance(exponent, Number) and isinstance(wanted, Number):
        p, q = exponent.value, wanted.value
        return number(p - q) if 0 <= q <= p or p <= q <= 0 else None
    left = add_exponents(exponent, multiply_exponents(MINUS, wanted))
    return left if isinstance(left, Number) or left is wanted else None


def _in_powers_of(exponent: Expr, other: Expr) -> Iterator[tuple[Expr, Expr]]:
    """What the other is multiplied by for an exponent, and what is left: all of it, or a number."""
    inverse = Product.of(other).power(-1)
    if inverse is not None:
        parts = [Product.of(t).times(inverse).expression() for t in terms_of(exponent)]
        found = reduce(add_exponents, parts)
        if not isinstance(found, Number) or found.value == int(found.value):
            yield found, ZERO
    left = add_exponents(exponent, multiply_exponents(MINUS, other))
    if isinstance(left, Number) and not isinstance(exponent, Number):
        yield UNIT, left


def is_homogeneous(e: Expr, beside: Iterable[PoweredBase]) -> bool:
    """Whether it is a function in which something beside it is a divisor: `s log(x / s)` has in its
    derivative by `s` what it is itself, over `s`."""
    divisors = [x for x in postorder([e]) if is_below(x)] if isinstance(e, Call) else []
    below = {base for x in divisors for base, _ in Product.of(x.args[0]).factors}
    return any(base in below for base, _ in beside)


def _are_numbers(factors: Iterable[PoweredBase]) -> bool:
    return all(isinstance(base, Number) for base, _ in factors)


def _is_divided(exponent: Expr) -> bool:
    return any(map(is_below, chain.from_iterable(map(factors_of, terms_of(exponent)))))


def _is_natural(p: Expr) -> bool:
    return isinstance(p, Number) and p.value > 0


def _joined(nodes: dict[int, int], wanted: Nodes, ends: Nodes) -> dict[int, int] | None:
    """The mapping of nodes extended by an edge's ends, or None if that contradicts it."""
    if len(wanted) != len(ends):
        return None
    result = dict(nodes)
    for n, m in zip(wanted, ends, strict=True):
        if result.setdefault(n, m) != m:
            return None
    return result if len(set(result.values())) == len(result) else None


def _divided(scalars: Powers, pattern: Term) -> Powers | None:
    result = dict(scalars)
    for base, p in pattern.scalars:
        left = _left_over(result[base], p) if base in result else None
        if left is None:
            return None
        if is_zero(left):
            del result[base]
        else:
            result[base] = left
    return result


def _without_summands(e: Expr, body: Expr, name: Expr) -> Expr:
    """The sum with the name in place of the body's summands, as they are or all negated."""
    if len(body.args) >= len(e.args):
        if Counter(e.args) == Counter(map(negate, body.args)):
            return negate(name)
        return e
    for sign in (1, -1):
        rest = list(e.args)
        for a in body.args:
            wanted = a if sign == 1 else negate(a)
            if wanted not in rest:
                break
            rest.remove(wanted)
        else:
            folded = add(name if sign == 1 else times(number(-1), name), *rest)
            if folded.shape == e.shape:
                return folded
    return e
