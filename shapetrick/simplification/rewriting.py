"""Rewriting by the identities of the table, each use a named step.

A row is tried on a node only if all functions of its left side occur below that node, and is read
from its text when that happens for the first time. It may meet the whole node, a part of a sum or
of an element-wise product, or a piece of a matrix product. It is applied only if the whole gets
shorter, or as short and plainer, so rewriting ends; of several ways the best is taken.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import copy
from enum import IntEnum, auto
from functools import cache, lru_cache
from itertools import islice
from typing import Literal

from ..algebra.monomials import PoweredBase, Product, multiplied, product
from ..core.built import built
from ..core.cost import sum_of
from ..core.expr import (
    WHOLE,
    Add,
    Call,
    Dimension,
    Expr,
    MatMul,
    Name,
    Ones,
    Power,
    Real,
    Symbol,
    Times,
    Transpose,
    exact,
    number,
    times,
)
from ..core.functions import TABLE
from ..core.named_tuples import NamedTuple
from ..core.problem import Problem
from ..core.results import Rewriting
from ..core.structure import factors_of, terms_of
from ..core.traversal import postorder, rebuild, remembered, transform
from ..language.elaboration import read
from ..language.expressions import read_expression
from .identities import IDENTITIES, SMALLER, STABLE, Identity
from .pattern_matching import UNBOUND, Matcher, parts_of, turned

MOST_STEPS = 64  # rewritings of one node
DEEPEST = 8  # how often a step's own parts may be rewritten within the rewriting of one node
MOST_PARTS = 64  # a sum or an element-wise product of more is not searched for parts
MOST_MULTIPLES = 8  # of a pattern in one product that are tried, one after the other
MOST_MATCHES = 24  # ways in which a rule meets a node that are looked at
MOST_KEYS = 4096  # kinds of nodes whose rules are remembered

# -------------------------------------------------------------------------------------- rules

BY_SYMBOLS = frozenset({"orthogonal", "simplex", "onehot"})  # attributes that symbols alone have
ANYTHING = "anything"  # the key of a letter that stands for any expression
SIZE = "size"  # that of a dimension, which may be a number


BothSides = tuple[Expr, Expr]
MatchKind = Literal["times", "add", "matmul", "call"]
_MATCH_KINDS: dict[type[Expr], MatchKind] = {
    Times: "times", Power: "times", Add: "add", MatMul: "matmul"
}  # fmt: skip


class RewriteRule(NamedTuple):
    """An identity that was read: a pattern, what takes its place, and what to look for first.

    A part of a product or sum is known by the operation at its head, its key."""

    identity: Identity
    left: Expr
    right: Expr
    anchor: int  # the argument of the pattern that says most
    key: str  # that of the anchor
    within: int  # the words of the table that occur in the anchor, as bits
    keys: tuple[tuple[str, int], ...]  # those of all parts that say something, how often each


def _words(identity: Identity) -> frozenset[str]:
    """What must occur below a node for the identity to meet it."""
    called = frozenset(re.findall(r"(\w+)\(", identity.left))
    added = {Add.op} if re.search(r" [+-] ", identity.left) else set()
    return called | _attributes(identity) | added


def _attributes(identity: Identity) -> frozenset[str]:
    """Those of its letters that symbols alone have."""
    return BY_SYMBOLS.intersection(re.findall(r"\w+", identity.letters))


# Functions and attributes of which a row tells the sum.
SUMS_KNOWN = frozenset(
    word
    for row in IDENTITIES
    if row.name.endswith("to 1")
    for word in _words(row) - {row.left.partition("(")[0]}
)
_TABLE = (*IDENTITIES, *SMALLER, *STABLE)
_COMMON, _STABLE = frozenset(IDENTITIES), frozenset(STABLE)
_WORDS = [_words(identity) for identity in _TABLE]
FRACTION = "fraction"  # stands for a power whose exponent is one
_KEYS = frozenset({MatMul.op, FRACTION})  # that no call in a text tells
_BITS = {word: 1 << i for i, word in enumerate(sorted(_KEYS.union(*_WORDS)))}
_MASKS = [sum(_BITS[word] for word in words) for words in _WORDS]


@cache
def _letters(declarations: str) -> Problem:
    return read(declarations)


@cache
def rules_of(identity: Identity) -> tuple[RewriteRule, ...]:
    """The identity as a rule; what it says of the transposes is a rule too, for parts of a node."""
    sides = built(*_key(identity)) or _read(identity)
    return tuple(_rule(identity, left, right) for left, right in sides)


def _key(identity: Identity) -> tuple[str, str]:
    return "identities", "\n".join([identity.left, identity.right, identity.letters])


def identities_to_build() -> dict[tuple[str, str], list[BothSides]]:
    """Both sides of the rows of the table, which are read from their texts."""
    return {_key(identity): _read(identity) for identity in _TABLE}


def _read(identity: Identity) -> list[BothSides]:
    letters = _letters(identity.letters)
    left, right = (
        transform(read_expression(text, letters), _gathered)
        for text in (identity.left, identity.right)
    )
    pairs = {(left, right): None}
    if kind_of(left) != "call" and not left.is_scalar:
        pairs[turned(left, _never), turned(right, _never)] = None
    return [*pairs]


def _gathered(e: Expr) -> Expr:
    """A product as rewriting writes it."""
    if isinstance(e, Times):
        return multiplied(e.args)
    return product(e.args) if isinstance(e, MatMul) else e


def _never(_: Expr) -> bool:
    return False


def _rule(identity: Identity, left: Expr, right: Expr) -> RewriteRule:
    def said(i: int) -> tuple[bool, int]:
        nodes = list(postorder([left.args[i]]))
        return any(x.args and not isinstance(x, Transpose) for x in nodes), len(nodes)

    anchor = max(range(len(left.args)), key=said)
    keys: list[str] = []
    match kind_of(left):
        case "times":
            _, special, letters = parts_of(left)
            keys = [_factor_key(f) for f in special]
            key = keys[0]
            keys += [SIZE] if any(isinstance(base, Dimension) for base, _ in letters) else []
        case "add":
            keys = [_factor_key(f) for t in left.args for f in parts_of(t)[1]]
            key = _factor_key(parts_of(left.args[anchor])[1][0])
        case "matmul":
            keys = [k for k in map(_head, left.args) if k != "symbol"]
            key = _head(left.args[anchor])
            if key == "symbol" and not _attributes(identity):
                key = ANYTHING
        case _:
            key = _operation(left)
    within = sum({_BITS.get(x.op, 0) for x in postorder([left.args[anchor]])})
    return RewriteRule(identity, left, right, anchor, key, within, tuple(_counted(keys).items()))


def kind_of(e: Expr) -> MatchKind:
    """How an expression is matched: as a product, a sum, a matrix product, or as a whole."""
    return _MATCH_KINDS.get(type(e), "call")


def _counted(keys: Sequence[str]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for key in keys:
        counts[key] = counts.get(key, 0) + 1
    return counts


def _factor_key(factor: PoweredBase) -> str:
    base, p = factor
    return FRACTION if p.denominator != 1 else _head(base)


def _is_size(e: Expr) -> bool:
    """Whether it may be a dimension: a name of one, or a sum of such."""
    return isinstance(e, (Dimension, Add)) and e.is_scalar


def _is_fraction(e: Expr) -> bool:
    p = exact(e)
    return p is not None and p.denominator != 1


def _head(e: Expr) -> str:
    """The operation at the head, below transposes and names."""
    while isinstance(e, (Transpose, Name)):
        e = e.args[0]
    return _operation(e)


def _operation(e: Expr) -> str:
    """A sum along one axis is none along the other."""
    return f"{e.op}{e.data}" if isinstance(e, Call) and isinstance(e.data, int) else e.op


class Rows(IntEnum):
    """Which rows of the table are used: those of forms that are written out, all but the last
    ones, or the last ones alone; or those of stable forms with the written ones."""

    WRITTEN = auto()
    USUAL = auto()
    LAST = auto()
    STABLE = auto()

    def include(self, identity: Identity) -> bool:
        match self:
            case Rows.WRITTEN:
                return identity.written
            case Rows.STABLE:
                return identity.written or identity.stable or identity in _STABLE
        return identity in _COMMON and identity.last is (self is Rows.LAST)


@cache
def _rules_for(kind: MatchKind, mask: int, rows: Rows) -> Mapping[str, tuple[RewriteRule, ...]]:
    """The rules for a kind of node below which no more than `mask` occurs, by their keys."""
    by_key: dict[str, list[RewriteRule]] = {}
    for identity, needed in zip(_TABLE, _MASKS, strict=True):
        if needed & ~mask == 0 and rows.include(identity):
            for rule in rules_of(identity):
                keys = sum(_BITS[key] for key, _ in rule.keys if key in _KEYS)
                if kind_of(rule.left) == kind and keys & ~mask == 0:
                    by_key.setdefault(rule.key, []).append(rule)
    return {key: tuple(rules) for key, rules in by_key.items()}


@lru_cache(maxsize=MOST_KEYS)
def _candidates(
    kind: MatchKind, mask: int, rows: Rows, keys: tuple[tuple[str, int], ...]
) -> Sequence[RewriteRule]:
    """Those of the rules of whose parts a node has all keys."""
    rules, held = _rules_for(kind, mask, rows), dict(keys)
    found = [rule for key in held for rule in rules.get(key, ())]
    return [rule for rule in found if all(held.get(key, 0) >= n for key, n in rule.keys)]


# ------------------------------------------------------------------------------------- engine


class Rewriter:
    """Rewrites nodes of one problem's expressions; what it found for a node is remembered.

    `log` has the steps that were found, each once."""

    def __init__(
        self,
        symmetric: Callable[[Expr], bool],
        length: Callable[[Expr], int],
        rows: Rows = Rows.USUAL,
    ) -> None:
        self.log: list[Rewriting] = []
        self._rows = rows
        self._length = length
        self._matcher = Matcher(symmetric)
        self._found: dict[Expr, Expr] = {}
        self._done: dict[Expr, Expr] = {}
        self._below: dict[Expr, int] = {}
        self._plainness: dict[Expr, tuple[int, int]] = {}

    def by(self, rows: Rows) -> Rewriter:
        """One by other rows, that shares what is known of expressions and patterns."""
        other = copy(self)
        other.log, other._rows, other._found, other._done = [], rows, {}, {}
        return other

    def everywhere(self, e: Expr) -> Expr:
        """The expression with every node rewritten, arguments first; definitions are left alone."""
        return self._everywhere(e, 0)

    def rewrite(self, e: Expr) -> Expr:
        """The node rewritten as long as that makes it shorter, or as short and plainer."""
        return self._rewrite(e, 0)

    def _everywhere(self, e: Expr, depth: int) -> Expr:
        done = self._done

        def rewritten(x: Expr) -> Expr:
            if isinstance(x, Name):
                return x
            return self._rewrite(rebuild(x, [done[a] for a in x.args]), depth)

        return remembered(done, e, rewritten, into_names=False)

    def _rewrite(self, e: Expr, depth: int) -> Expr:
        if not e.args or isinstance(e, Name) or depth == DEEPEST:
            return e
        found = self._found.get(e)
        if found is None:
            found = e
            for _ in range(MOST_STEPS):
                step = self._step(found)
                if step is None:
                    break
                # What a step has built inside is new, and may be rewritten itself.
                found = rebuild(step, [self._everywhere(a, depth + 1) for a in step.args])
            self._found[e] = self._found[found] = found
        return found

    def _step(self, e: Expr) -> Expr | None:
        """The cheapest of the forms that one identity gives, if it is cheaper."""
        kind = kind_of(e)
        searched = kind == "matmul" or len(e.args) <= MOST_PARTS
        mask = self._mask(e) if searched else 0
        if not searched or not _rules_for(kind, mask, self._rows):
            return None
        best, by = e, ""
        for rule in _candidates(kind, mask, self._rows, (*self._keys(e).items(),)):
            for form in islice(self._forms(rule, e), MOST_MATCHES):
                if form.shape == e.shape and self.cost(form) < self.cost(best):
                    best, by = form, rule.identity.name
        if best is e:
            return None
        self.log.append(Rewriting(by, e, best))
        return best

    def _mask(self, e: Expr) -> int:
        """Which words of the table occur in an expression, as bits."""
        return remembered(self._below, e, self._own_mask)

    def _own_mask(self, e: Expr) -> int:
        mask = _BITS.get(e.op, 0)
        if isinstance(e, Symbol):
            mask = sum(_BITS.get(word, 0) for word in e.attributes)
        elif isinstance(e, Power) and _is_fraction(e.args[1]):
            mask = _BITS[FRACTION]
        for a in e.args:
            mask |= self._below[a]
        return mask

    def _keys(self, e: Expr) -> dict[str, int]:
        """The keys of a node's parts, and how often each is there."""
        match kind_of(e):
            case "times":
                whole = self._matcher.product_of(e)
                sized = abs(whole.coefficient) != 1 or any(_is_size(f[0]) for f in whole.factors)
                return _counted([*map(_factor_key, whole.factors), *([SIZE] if sized else [])])
            case "add":
                parts = map(self._matcher.product_of, e.args)
                return _counted([_factor_key(f) for part in parts for f in part.factors])
            case "matmul":
                return {ANYTHING: 1, **_counted([_head(a) for a in e.args])}
        return {_operation(e): 1}

    # --------------------------------------------------------------------------------- cost

    def cost(self, e: Expr) -> tuple[int, int]:
        """What every step lowers: the length, then how far the expression is from plain."""
        return self._length(e), self._from_plain(e)

    def _from_plain(self, e: Expr) -> int:
        """How many calls there are, fractional powers (as two), and, inside calls, transposes and
        scalar factors that could stand outside."""
        return remembered(self._plainness, e, self._own_plainness)[0]

    def _own_plainness(self, x: Expr) -> tuple[int, int]:
        """The count, and how many transposes and scalar factors a call around x would enclose."""
        if isinstance(x, Name):
            return 0, 0
        args = [self._plainness[a] for a in x.args]
        count, loose = sum(a for a, _ in args), sum(b for _, b in args)
        if isinstance(x, Power):
            return count + (2 if _is_fraction(x.args[1]) else 0), loose
        if isinstance(x, Transpose):
            return count, loose + 1
        if isinstance(x, Times):
            return count, loose + (0 if x.is_scalar else sum(a.is_scalar for a in x.args))
        if x.op not in TABLE or kind_of(x) != "call":
            return count, loose
        if TABLE[x.op].units == "linear":
            return count + 1, loose
        return count + 1 + loose, 0

    # --------------------------------------------------------------------------------- forms

    def _forms(self, rule: RewriteRule, e: Expr) -> Iterator[Expr]:
        """What the node becomes by one use of the rule, in each way in which that meets it."""
        match kind_of(e):
            case "times":
                return self._products(rule, e)
            case "add":
                return self._sums(rule, e)
            case "matmul":
                return self._chains(rule, e)
        matcher = self._matcher
        return (matcher.instance(rule.right, b) for b in matcher.match(rule.left, e, UNBOUND))

    def _products(self, rule: RewriteRule, e: Expr) -> Iterator[Expr]:
        whole = self._matcher.product_of(e)
        for multiple in _multiples(rule, whole):
            for found, rest in self._matcher.part_of_product(rule.left, whole, multiple, UNBOUND):
                right = Product.of(self._matcher.instance(rule.right, found)).power(multiple)
                if right is not None:
                    at = _place(whole.factors, rest.factors)
                    yield rest.times(right, at).expression()

    def _sums(self, rule: RewriteRule, e: Expr) -> Iterator[Expr]:
        anchor = Product.of(rule.left.args[rule.anchor]).coefficient
        parts = [self._matcher.product_of(t) for t in e.args]
        ratios = [p.coefficient / anchor for p in parts if rule.key in map(_factor_key, p.factors)]
        for ratio in dict.fromkeys(r for r in ratios if r):
            terms = e.args if ratio == 1 else tuple(_scaled(1 / ratio, t) for t in e.args)
            for found, rest in self._matcher.part_of_sum(rule.left, terms, UNBOUND):
                right = terms_of(self._matcher.instance(rule.right, found))
                at = _place(terms, rest)
                new = [_scaled(ratio, t) for t in (*rest[:at], *right, *rest[at:])]
                narrow = sum_of([_narrow(t) for t in new])
                yield narrow if narrow.shape == e.shape else sum_of(new)

    def _chains(self, rule: RewriteRule, e: Expr) -> Iterator[Expr]:
        at, factors = rule.anchor, rule.left.args
        matcher = self._matcher
        room = range(at, len(e.args) + at + 1 - len(factors))  # on both sides for the others
        for i, factor in ((i, e.args[i]) for i in room):
            if rule.within & ~self._below[factor] or rule.key not in (ANYTHING, _head(factor)):
                continue
            for found in matcher.match(factors[at], factor, UNBOUND):
                for more, used in matcher.beginning(factors[at + 1 :], e.args[i + 1 :], found):
                    for final, gone in matcher.ending(factors[:at], e.args[:i], more):
                        right = matcher.instance(rule.right, final)
                        yield product([*e.args[: i - gone], right, *e.args[i + 1 + used :]])


def _multiples(rule: RewriteRule, whole: Product) -> list[int]:
    """Which whole powers of a pattern a product may hold, those of the largest amount first: small
    ones, and those that use up one of its factors."""
    counts: set[int] = set()
    for part in parts_of(rule.left)[1]:
        key, p = _factor_key(part), part[1]
        held = [f[1] for f in whole.factors if _factor_key(f) == key]
        counts.update(int(q if p is WHOLE else q / p) for q in held)
    most, least = max((*counts, 0)), min((*counts, 0))
    counts.update(range(1, min(most, MOST_MULTIPLES) + 1))
    counts.update(range(max(least, -MOST_MULTIPLES), 0))
    return sorted(counts - {0}, key=lambda k: (-abs(k), -k))


def _place(old: Sequence[object], rest: Sequence[object]) -> int:
    """Where the first of those was that are no longer there."""
    return next((i for i, (a, b) in enumerate(zip(old, rest, strict=False)) if a != b), len(rest))


def _scaled(k: Real, term: Expr) -> Expr:
    return multiplied([number(k), term])


def _narrow(term: Expr) -> Expr:
    """A multiple of ones as the scalar that it spreads."""
    return times(*(a for a in factors_of(term) if not isinstance(a, Ones)))
