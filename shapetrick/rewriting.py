"""Rewriting by the identities of the table, each use a named step.

A row is tried on a node only if all functions of its left side occur below that node, and is read from
its text when that happens for the first time. It may meet the whole node, a part of a sum or
of an element-wise product, or a piece of a matrix product. It is applied only if the whole gets shorter,
or as short and plainer, so rewriting ends; of several ways the best is taken.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from .contraction import flip
from .elaboration import read, read_expression
from .expr import Expr, number, postorder, rebuild, times
from .functions import TABLE
from .identities import IDENTITIES, Identity
from .lengths import sum_of
from .matching import Binding, Matcher, apart, is_letter, terms_of
from .problem import Problem
from .products import Product, multiplied, product
from .results import Rewriting

MOST_STEPS = 12  # rewritings of one node
MOST_MATCHES = 24  # ways in which a rule meets a node that are looked at
DECLARED = frozenset({"orthogonal", "simplex", "onehot"})  # attributes that are had by symbols alone

Cost = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Rule:
    """An identity that was read: a pattern, what takes its place, and where it is looked for."""

    identity: Identity
    left: Expr
    right: Expr
    key: str  # the operation that is looked for first


def _words(identity: Identity) -> frozenset[str]:
    """What must occur below a node for the identity to meet it."""
    called = re.findall(r"(\w+)\(", identity.left)
    attributes = DECLARED.intersection(identity.letters.split())
    return frozenset(w for w in called if w in TABLE) | attributes


_WORDS = [_words(identity) for identity in IDENTITIES]
_BITS = {word: 1 << i for i, word in enumerate(sorted(frozenset[str]().union(*_WORDS)))}
_MASKS = [sum(_BITS[word] for word in words) for words in _WORDS]


def _bits(e: Expr) -> int:
    if e.op == "symbol":
        return sum(_BITS.get(a, 0) for a in e.data.attributes)
    return _BITS.get(e.op, 0)


@lru_cache(maxsize=None)
def _letters(declarations: str) -> Problem:
    return read(declarations)


@lru_cache(maxsize=None)
def rules_of(identity: Identity) -> tuple[Rule, ...]:
    """The identity as a rule; of a matrix product its transpose is a rule too."""
    letters = _letters(identity.letters)
    left, right = (read_expression(text, letters) for text in (identity.left, identity.right))
    pairs = {(left, right): None}
    if left.op == "matmul":
        pairs[flip(left, _declared_symmetric), flip(right, _declared_symmetric)] = None
    return tuple(Rule(identity, a, b, _key(a)) for a, b in pairs)


def _declared_symmetric(e: Expr) -> bool:
    return e.op == "eye" or (e.op == "symbol" and bool(e.data.attributes & {"symmetric", "posdef"}))


@lru_cache(maxsize=None)
def _rules_for(kind: str, mask: int) -> Mapping[str, tuple[Rule, ...]]:
    """The rules for a kind of node below which no more than `mask` occurs, by their keys."""
    by_key: dict[str, list[Rule]] = {}
    for identity, needed in zip(IDENTITIES, _MASKS, strict=True):
        if needed & ~mask == 0:
            for rule in rules_of(identity):
                if kind_of(rule.left) == kind:
                    by_key.setdefault(rule.key, []).append(rule)
    return {key: tuple(rules) for key, rules in by_key.items()}


def kind_of(e: Expr) -> str:
    """How an expression is matched: as a product, a sum, a matrix product, or as a whole."""
    if e.op in ("times", "power"):
        return "times"
    return e.op if e.op in ("add", "matmul") else "call"


def _key(left: Expr) -> str:
    match kind_of(left):
        case "times":
            return _factor_key(*apart(Product.of(left).factors)[0][0])
        case "add":
            anchor = left.args[_anchor(left)]
            return next(_term_keys(anchor))
        case "matmul":
            return _chain_key(left.args[_anchor(left)])
    return left.op


def _factor_key(base: Expr, p: Fraction) -> str:
    return "fraction" if p.denominator != 1 else base.op


def _term_keys(term: Expr) -> Iterator[str]:
    for base, p in Product.of(term).factors:
        if base.args or is_letter(base):
            yield _factor_key(base, p)


def _chain_key(factor: Expr) -> str:
    while factor.op in ("transpose", "name"):
        factor = factor.args[0]
    return factor.op


def _anchor(left: Expr) -> int:
    """The argument of a pattern that says most: it is looked for first."""

    def weight(i: int) -> tuple[bool, int]:
        nodes = list(postorder([left.args[i]]))
        return any(x.args and x.op != "transpose" for x in nodes), len(nodes)

    return max(range(len(left.args)), key=weight)


class Rewriter:
    """Rewrites the nodes of one problem's expressions; what it found for a node is remembered."""

    def __init__(self, symmetric: Callable[[Expr], bool], length: Callable[[Expr], int]) -> None:
        self.log: list[Rewriting] = []
        self._length = length
        self._matcher = Matcher(symmetric)
        self._memo: dict[Expr, Expr] = {}
        self._below: dict[Expr, int] = {}
        self._plainness: dict[Expr, tuple[int, int]] = {}

    def everywhere(self, e: Expr) -> Expr:
        """The expression with every node rewritten, arguments first; definitions are left alone."""
        return self._everywhere(e, MOST_STEPS)

    def rewrite(self, e: Expr) -> Expr:
        """The node rewritten as long as that makes it shorter, or as short and plainer."""
        return self._rewrite(e, MOST_STEPS)

    def _everywhere(self, e: Expr, budget: int) -> Expr:
        new: dict[Expr, Expr] = {}
        for x in postorder([e], into=lambda x: x.op != "name" and self._memo.get(x) is not x):
            known = self._memo.get(x) is x or x.op == "name"
            new[x] = x if known else self._rewrite(rebuild(x, [new[a] for a in x.args]), budget)
        return new[e]

    def _rewrite(self, e: Expr, budget: int) -> Expr:
        if not e.args or e.op == "name" or not budget:
            return e
        found = self._memo.get(e)
        if found is None:
            step = self._step(e)
            found = e if step is None else self._everywhere(step, budget - 1)
            self._memo[e] = found
        return found

    def _step(self, e: Expr) -> Expr | None:
        """The cheapest of the forms that one identity gives, if it is cheaper."""
        rules = _rules_for(kind_of(e), self._mask(e))
        best: Expr | None = None
        by = ""
        for key in self._keys(e) if rules else ():
            for rule in rules.get(key, ()):
                for form in _some(self._forms(rule, e)):
                    if form.shape == e.shape and self._cost(form) < self._cost(e if best is None else best):
                        best, by = form, rule.identity.name
        if best is not None:
            self.log.append(Rewriting(by, e, best))
        return best

    def _mask(self, e: Expr) -> int:
        """Which words of the table occur in an expression, as bits."""
        for x in postorder([e], into=lambda x: x not in self._below):
            if x not in self._below:
                below = _bits(x)
                for a in x.args:
                    below |= self._below[a]
                self._below[x] = below
        return self._below[e]

    def _keys(self, e: Expr) -> Sequence[str]:
        match kind_of(e):
            case "times":
                keys = _term_keys(e)
            case "add":
                keys = (key for t in e.args for key in _term_keys(t))
            case "matmul":
                keys = (_chain_key(a) for a in e.args)
            case _:
                return (e.op,)
        return tuple(dict.fromkeys(keys))

    # --------------------------------------------------------------------------------- cost

    def _cost(self, e: Expr) -> Cost:
        return self._length(e), self.plainness(e)

    def plainness(self, e: Expr) -> int:
        """What is counted between forms of equal length, the fewer the better: calls, fractional
        powers, and what stands inside calls and could stand outside: transposes and scalar factors."""
        memo = self._plainness
        for x in postorder([e], into=lambda x: x not in memo):
            if x in memo:
                continue
            own, loose = 0, 0
            if x.op == "power" and x.args[1].op == "number" and x.args[1].data % 1:
                own = 2
            elif x.op == "transpose":
                loose = 1
            elif x.op == "times":
                loose = sum(a.is_scalar for a in x.args) if not x.is_scalar else 0
            total = own + sum(memo[a][0] for a in x.args)
            outside = loose + sum(memo[a][1] for a in x.args)
            is_call = bool(x.args) and x.op in TABLE and TABLE[x.op].units != "linear"
            if is_call and kind_of(x) == "call":
                total, outside = total + 1 + outside, 0
            memo[x] = (0, 0) if x.op == "name" else (total, outside)
        return memo[e][0]

    # --------------------------------------------------------------------------------- forms

    def _forms(self, rule: Rule, e: Expr) -> Iterator[Expr]:
        match kind_of(e):
            case "times":
                yield from self._products(rule, e)
            case "add":
                yield from self._sums(rule, e)
            case "matmul":
                yield from self._chains(rule, e)
            case _:
                for found in self._matcher.match(rule.left, e, Binding()):
                    yield self._matcher.instance(rule.right, found)

    def _products(self, rule: Rule, e: Expr) -> Iterator[Expr]:
        whole = Product.of(e)
        for multiple in _multiples(rule.left, whole):
            for found, rest in self._matcher.part_of_product(rule.left, whole, multiple, Binding()):
                power = Product.of(self._matcher.instance(rule.right, found)).power(multiple)
                if power is not None:
                    yield multiplied([power.expression(), rest.expression()])

    def _sums(self, rule: Rule, e: Expr) -> Iterator[Expr]:
        anchor = Product.of(rule.left.args[_anchor(rule.left)]).coefficient
        ratios = (Product.of(t).coefficient / anchor for t in e.args if rule.key in _term_keys(t))
        for ratio in dict.fromkeys(r for r in ratios if r):
            scaled = tuple(multiplied([number(1 / ratio), t]) for t in e.args)
            for found, rest in self._matcher.part_of_sum(rule.left, scaled, Binding()):
                right = terms_of(self._matcher.instance(rule.right, found))
                terms = [multiplied([number(ratio), t]) for t in (*right, *rest)]
                narrow = sum_of([_narrow(t) for t in terms])
                yield narrow if narrow.shape == e.shape else sum_of(terms)

    def _chains(self, rule: Rule, e: Expr) -> Iterator[Expr]:
        at = _anchor(rule.left)
        before, anchor, after = rule.left.args[:at], rule.left.args[at], rule.left.args[at + 1 :]
        matcher = self._matcher
        for i, factor in enumerate(e.args):
            if _chain_key(factor) != rule.key:
                continue
            for found in matcher.match(anchor, factor, Binding()):
                for more, used in matcher.beginning(after, e.args[i + 1 :], found):
                    for final, gone in matcher.ending(before, e.args[:i], more):
                        right = matcher.instance(rule.right, final)
                        yield product([*e.args[: i - gone], right, *e.args[i + 1 + used :]])


def _some(forms: Iterator[Expr]) -> Iterator[Expr]:
    for _ in range(MOST_MATCHES):
        form = next(forms, None)
        if form is None:
            return
        yield form


def _multiples(left: Expr, whole: Product) -> list[int]:
    """The whole powers of a product that another can hold, of the largest amount first."""
    (anchor, p), *_ = apart(Product.of(left).factors)[0]
    key = _factor_key(anchor, p)
    counts = (int(q / p) for base, q in whole.factors if _factor_key(base, q) == key)
    return sorted({k for n in counts for k in _up_to(n)}, key=lambda k: (-abs(k), -k))


def _up_to(n: int) -> range:
    """1..n, or n..-1."""
    return range(1, n + 1) if n > 0 else range(n, 0)


def _narrow(term: Expr) -> Expr:
    """A multiple of ones as the scalar that it spreads."""
    return times(*(a for a in (term.args if term.op == "times" else (term,)) if a.op != "ones"))
