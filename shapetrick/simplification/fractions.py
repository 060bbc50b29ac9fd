"""Rational functions, entry by entry: over one denominator, what cancels left out.

What is no sum, product or power is a letter of the polynomials above and below; a definition that
is one of these is opened. A root is a letter whose square is known, and of two letters that add up
to one only the first is written.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import chain, combinations, islice

from ..algebra import polynomials
from ..algebra.common_factors import factored, is_linear, without_leading_minus
from ..algebra.monomials import Product, multiplied
from ..algebra.polynomials import Polynomial, TooLargeError
from ..algebra.sum_signs import negated_sum
from ..core.cost import is_below, length, sum_of
from ..core.expr import (
    UNIT,
    WHOLE,
    Add,
    Dimension,
    Expr,
    MatMul,
    Name,
    Number,
    Ones,
    Power,
    Symbol,
    Times,
    add,
    call,
    exact,
    number,
    ones,
    power,
    times,
    zeros,
)
from ..core.named_tuples import NamedTuple
from ..core.results import Rewriting
from ..core.structure import factors_of, unnamed
from ..core.traversal import postorder, rebuild, remembered
from .identities import COMPLEMENTED, ROOT
from .networks import Networks, is_reduction
from .powers import with_equal_powers

MOST_LETTERS = 8
MOST_NODES = 48
HIGHEST = 6  # exponent that is read


def fractions_combined(networks: Networks, e: Expr) -> Expr | None:
    """A sum, product or inverse of fractions over one denominator, where that is shorter."""
    inverse = is_below(e) and isinstance(e.args[0], Add)
    if not (inverse or isinstance(e, (Add, Times))) or not _may_combine(networks, e):
        return None
    found = _shortest_combined(networks, e)
    if found is not None:
        networks.log.append(Rewriting("one denominator", e, found))
    return found


def _shortest_combined(networks: Networks, e: Expr) -> Expr | None:
    found = (_combined(networks, e, is_open) for is_open in _ways_to_open(e))
    two = islice((x for x in found if x is not None), 2)
    return min(two, key=length, default=None)


def divisors_inside(networks: Networks, e: Expr) -> Expr | None:
    """A product's scalar divisors within a fraction that is summed or multiplied by a matrix, where
    they meet others: `sum(x ./ (1 + x / s)) / s` is `sum(x ./ (s + x))`."""
    if not isinstance(e, Times):
        return None
    divisors = [a for a in e.args if a.is_scalar and is_below(a)]
    bodies = [a for a in e.args if isinstance(a, MatMul) or is_linear(a)]
    bases = {base for base, _ in Product.of(*divisors).factors}
    if not divisors or len(bodies) != 1:
        return None
    (body,) = bodies
    for i, inner in enumerate(body.args):
        if inner.is_scalar or not _divides_by_sum_with(inner, bases):
            continue
        whole = times(inner, *divisors)
        found = _shortest_combined(networks, whole) if _may_combine(networks, whole) else None
        if found is None:
            continue
        front, rest = Product.of(found).scalars()
        args = [rest.in_order() if j == i else a for j, a in enumerate(body.args)]
        others = [a for a in e.args if a is not body and a not in divisors]
        whole = times(*others, front.expression(), rebuild(body, args))
        if whole.shape == e.shape and length(whole) < length(e):
            networks.log.append(Rewriting("one denominator", e, whole))
            return networks.simplify(whole)
    return None


def definitions_in_sums(networks: Networks, e: Expr) -> Expr | None:
    """A sum and a multiple of a definition that is a sum too as one sum, where fractions meet in
    it: where `J = sum(x ./ y)`, `sum(1 - x ./ y) + J` is `sum(1)`."""
    if not (e.is_scalar and any(map(_is_named_sum, chain.from_iterable(map(factors_of, e.args))))):
        return None
    summed: dict[Expr, list[Expr]] = {}
    others = []
    for a in e.args:
        factors = [
            x for f in factors_of(a) for x in (factors_of(unnamed(f)) if _is_named_sum(f) else (f,))
        ]
        called = [x for x in factors if is_reduction(x)]
        if len(called) != 1:
            others.append(a)
            continue
        fronts = [x for x in factors if x is not called[0]]
        inner = multiplied([*fronts, *called[0].args])
        summed.setdefault(rebuild(called[0], [ones(*inner.shape)]), []).append(inner)
    if len(summed) != 1:
        return None
    ((reduction, parts),) = summed.items()
    inner = add(*parts)
    found = _shortest_combined(networks, inner) if _may_combine(networks, inner) else None
    if found is None:
        return None
    whole_sum = networks.simplify(sum_of([rebuild(reduction, [found]), *others]))
    return whole_sum if length(whole_sum) < length(e) else None


def _is_named_sum(e: Expr) -> bool:
    """Whether it is a definition that is a multiple of a sum."""
    return isinstance(e, Name) and any(map(is_reduction, factors_of(unnamed(e))))


def _divides_by_sum_with(e: Expr, bases: Container[Expr]) -> bool:
    """Whether a product is divided by a sum that some of these are in."""
    sums = [a.args[0] for a in factors_of(e) if is_below(a) and isinstance(a.args[0], Add)]
    return any(x in bases for x in postorder(sums))


def _ways_to_open(e: Expr) -> Iterator[Callable[[Expr], bool]]:
    """What is read as a part of a rational function: all sums, those that stand to no power, or
    those in definitions too."""
    yield _is_open
    nodes = list(postorder([e], into=_is_open))
    powers = [x.args[0] for x in nodes if isinstance(x, Power) and not is_below(x)]
    sums = [a for x in powers for a, _ in Product.of(x).factors if isinstance(a, Add)]
    if closed := {s for x in sums for s in (x, negated_sum(x))}:
        yield lambda x: _is_open(x) and x not in closed
    if any(isinstance(x, Name) and _is_open_through_names(x) for x in nodes):
        yield _is_open_through_names


def _combined(networks: Networks, e: Expr, is_open: Callable[[Expr], bool]) -> Expr | None:
    """The fractions over one denominator, if that is shorter; where definitions were opened, with
    fewer names too."""
    nodes = list(postorder([e], into=is_open))
    letters = list(_letters(nodes, is_open))
    if len(nodes) > MOST_NODES or len(letters) > MOST_LETTERS:
        return None
    reader = _Reader(networks, letters, is_open)
    try:
        whole = reader.reduced(reader.read(e))
        ways = [reader.written(whole, e), *reader.in_parts(whole, e)]
    except TooLargeError:
        return None
    found = networks.rewriter.rewrite(min(ways, key=length))
    if found.shape != e.shape or length(found) >= length(e):
        return None
    if length(_with_equal_powers(found)) >= length(_with_equal_powers(e)):
        return None
    opened = any(isinstance(x, Name) and is_open(x) for x in nodes)
    return None if opened and _names(found) > _names(e) else found


def _with_equal_powers(e: Expr) -> Expr:
    """An expression as its sums and products will be written in an answer."""
    known: dict[Expr, Expr] = {}
    for x in postorder([e], into=_is_open):
        known[x] = with_equal_powers(rebuild(x, [known.get(a, a) for a in x.args]))
    return known[e]


def _names(e: Expr) -> int:
    """How many different names are written."""
    nodes = postorder([e], into=lambda x: not isinstance(x, Name))
    return sum(isinstance(x, (Name, Symbol)) for x in nodes)


class _Makeup(NamedTuple):
    """Whether a divisor is in an expression, one in a sum, a sum above, and a sum (or a root)
    below."""

    divided: bool = False
    nested: bool = False
    sum_above: bool = False
    sum_below: bool = False


_PLAIN = _Makeup()


def _may_combine(networks: Networks, e: Expr) -> bool:
    """Whether fractions are added to each other or to what their divisors may cancel."""
    known: dict[Expr, _Makeup] = networks.memo.setdefault(_Makeup, {})

    def makeup(x: Expr) -> _Makeup:
        match x:
            case Name():
                return known[x.args[0]]
            case Power() if is_below(x):
                base, of = x.args[0], known[x.args[0]]
                if isinstance(base, (Dimension, Number)):
                    return _PLAIN
                return _Makeup(True, of.divided, of.divided, of.sum_above or _is_root(base))
            case Power():
                return known[x.args[0]]
            case Add() | Times():
                parts = zip(*[known[a] for a in x.args], strict=True)
                divided, nested, above, below = map(any, parts)
                is_sum = isinstance(x, Add)
                return _Makeup(divided, nested or (is_sum and divided), above or is_sum, below)
        return _PLAIN

    whole = remembered(known, e, makeup)
    if not whole.divided:
        return False
    if isinstance(e, Power):
        return whole.sum_below and known[e.args[0]].divided
    certain = sum(known[a].divided for a in e.args) > 1 if isinstance(e, Add) else whole.nested
    return certain or (whole.sum_above and whole.sum_below and _may_cancel(e))


def _may_cancel(e: Expr) -> bool:
    """Whether something in an expression is above and below."""
    nodes = [*postorder([e], into=lambda x: _is_opened(x) and not is_below(x))]
    below = _leaves(postorder([x for x in nodes if is_below(x)], into=_is_opened))
    complements = any(x.op == COMPLEMENTED for x in below)
    return complements or not below.isdisjoint(_leaves(nodes))


def _leaves(nodes: Iterable[Expr]) -> set[Expr]:
    """What the letters of polynomials are made of, definitions and roots opened."""
    return {unnamed(x) for x in nodes if not _is_opened(x) and not _is_constant(x)}


def _is_opened(e: Expr) -> bool:
    return _is_open_through_names(e) or _is_root(e)


def _is_open(e: Expr) -> bool:
    """Whether it is read as a part of a rational function."""
    if isinstance(e, Power):
        p = exact(e.args[1])
        return p is not None and p.denominator <= 2 and abs(p) <= HIGHEST
    return isinstance(e, (Add, Times))


def _is_open_through_names(e: Expr) -> bool:
    """Likewise, definitions by their bodies."""
    return _is_open(unnamed(e))


def _is_constant(e: Expr) -> bool:
    """Whether it is a number, by a name or without, or ones: no letter."""
    return isinstance(unnamed(e), (Number, Ones))


def _is_root(e: Expr) -> bool:
    return unnamed(e).op == ROOT


def _letters(nodes: Sequence[Expr], is_open: Callable[[Expr], bool]) -> Iterator[Expr]:
    """What the polynomials are of: of a definition its name."""
    named = {unnamed(x): x for x in nodes if isinstance(x, Name)}
    exponents = {x.args[1] for x in map(unnamed, nodes) if isinstance(x, Power) and is_open(x)}
    leaves: list[Expr] = []
    roots: list[Expr] = []
    read = [*nodes]
    for x in read:
        letter = unnamed(x)
        if not is_open(x) and not _is_constant(x):
            leaves.append(letter)
        if _is_half_power(letter):
            letter = call(ROOT, letter.args[0])
            roots.append(letter)
        if _is_root(letter):  # it is read by its square
            read += postorder(letter.args, into=is_open)
    letters = dict.fromkeys([*leaves, *roots])
    for i, x in enumerate(letters):
        negative = negated_sum(x) if isinstance(x, Add) else None
        if x not in exponents and negative not in list(letters)[:i]:
            yield named.get(x, x)


def _complements(networks: Networks, letters: Sequence[Expr]) -> Iterator[tuple[int, int]]:
    """The places of letters that are one less an earlier one, and those of the earlier."""
    called = [
        (i, unnamed(x).args[0]) for i, x in enumerate(letters) if unnamed(x).op == COMPLEMENTED
    ]
    for (j, b), (i, a) in combinations(called, 2):
        sum_read = networks.read(add(a, b)) if a.shape == b.shape else None
        if sum_read is not None and not sum_read.terms:
            yield i, j


def _is_half_power(e: Expr) -> bool:
    p = exact(e.args[1]) if isinstance(e, Power) else None
    return p is not None and p.denominator == 2


class _Quotient(NamedTuple):
    """A polynomial over powers of others, that are given by their numbers."""

    above: Polynomial
    below: Mapping[int, int] = {}


class _Reader:
    """Reads expressions in some letters as quotients of polynomials, and writes these."""

    def __init__(
        self, networks: Networks, letters: Sequence[Expr], is_open: Callable[[Expr], bool]
    ) -> None:
        self._networks, self._is_open = networks, is_open
        self._letters = letters
        self._places = {unnamed(x): i for i, x in enumerate(letters)}
        self._factors: list[Polynomial] = []  # that something is divided by
        self._numbers: dict[frozenset[tuple[polynomials.Exponents, Fraction]], int] = {}
        self._forms: dict[int, Expr] = {}  # as they are written
        self._inverses: dict[int, Expr] = {}  # their inverses that have names
        self._known: dict[Expr, _Quotient] = {}
        self._complements = dict(_complements(networks, letters))
        self._squares: dict[int, Polynomial] = {}
        self._scales: dict[int, dict[int, int]] = {}
        self._written: dict[int, Expr] = {}  # letters that are squares of named roots
        roots = [(i, unnamed(x).args[0]) for i, x in enumerate(letters) if _is_root(x)]
        for i, x in sorted(roots, key=lambda root: len([*postorder([root[1]])])):
            self._learn_square(i, self.read(x))

    def _learn_square(self, i: int, square: _Quotient) -> None:
        """Notes what a root is the root of; where that has letters below, the letter stands for the
        root times these, of which the square is a polynomial."""
        if any(len(self._factors[f]) > 1 for f in square.below):
            return
        scale = {f: (k + 1) // 2 for f, k in square.below.items()}
        above = square.above
        for f, k in square.below.items():
            if k % 2:
                above = polynomials.multiplied(above, self._factors[f])
        self._squares[i], self._scales[i] = above, scale
        root = self._letters[i]
        for j, letter in enumerate(self._letters):
            is_square = not scale and above == polynomials.letter(j, len(self._letters))
            if is_square and length(squared := power(root, number(2))) < length(letter):
                self._written[j] = squared

    # ------------------------------------------------------------------------------- reading

    def read(self, e: Expr) -> _Quotient:
        """The expression as a quotient."""
        for x in postorder([e], into=self._is_open):
            if x not in self._known:
                self._known[x] = self._read(x)
        return self._known[e]

    def _read(self, e: Expr) -> _Quotient:
        known, n = self._known, len(self._letters)
        if isinstance(e, Name) and self._is_open(e):
            return self._registered(e, known[e.args[0]])
        match unnamed(e) if _is_constant(e) else e:
            case Number() as number:
                return _Quotient(polynomials.constant(Fraction(number.value), n))
            case Ones():
                return _Quotient(polynomials.constant(WHOLE, n))
            case Add() if self._is_open(e):
                return self._registered(e, self._sum([known[a] for a in e.args]))
            case Times():
                return self._product([known[a] for a in e.args])
            case Power() if _is_half_power(e):
                root = self._places[call(ROOT, e.args[0])]
                p = exact(e.args[1]) or WHOLE
                return self._power(self._letter(root), int(2 * p))
            case Power() if _is_open(e):
                return self._power(known[e.args[0]], int(exact(e.args[1]) or 0))
        if isinstance(letter := unnamed(e), Add) and letter not in self._places:
            negative = polynomials.letter(self._places[negated_sum(letter)], n)
            return _Quotient(polynomials.multiplied(polynomials.constant(-WHOLE, n), negative))
        place = self._places[letter]
        if place in self._complements:
            other = polynomials.letter(self._complements[place], n)
            other = polynomials.multiplied(polynomials.constant(-WHOLE, n), other)
            return _Quotient(polynomials.added(polynomials.constant(WHOLE, n), other))
        return self._letter(place)

    def _letter(self, i: int) -> _Quotient:
        return _Quotient(polynomials.letter(i, len(self._letters)), self._scales.get(i, {}))

    def _registered(self, e: Expr, q: _Quotient) -> _Quotient:
        """Notes how a sum is written: by its name, if it has one."""
        if q.above and not q.below and abs(polynomials.content(q.above)[0]) == 1:
            f, sign = self._number(q.above)
            if sign > 0:
                self._forms[f] = e
        elif q.above == polynomials.constant(WHOLE, len(self._letters)) and len(q.below) == 1:
            ((f, k),) = q.below.items()
            if k == 1 and isinstance(e, Name):
                self._inverses[f] = e
        return q

    def _number(self, factor: Polynomial) -> tuple[int, int]:
        """The number of a factor, and its sign: of the two that differ by it, the first stands."""
        for sign in (1, -1):
            found = self._numbers.get(frozenset((m, sign * k) for m, k in factor.items()))
            if found is not None:
                return found, sign
        self._numbers[frozenset(factor.items())] = len(self._factors)
        self._factors.append(factor)
        return len(self._factors) - 1, 1

    def _sum(self, parts: Sequence[_Quotient]) -> _Quotient:
        below: dict[int, int] = {}
        for part in parts:
            for f, k in part.below.items():
                below[f] = max(below.get(f, 0), k)
        total: Polynomial = {}
        for part in parts:
            above = part.above
            for f, k in below.items():
                for _ in range(k - part.below.get(f, 0)):
                    above = polynomials.multiplied(above, self._factors[f])
            total = polynomials.added(total, above)
        return _Quotient(total, below)

    def _product(self, parts: Sequence[_Quotient]) -> _Quotient:
        above, below = parts[0]
        below = dict(below)
        for part in parts[1:]:
            above = polynomials.multiplied(above, part.above)
            for f, k in part.below.items():
                below[f] = below.get(f, 0) + k
        return _Quotient(above, below)

    def _power(self, q: _Quotient, p: int) -> _Quotient:
        if p < 0:
            q, p = self._inverse(q), -p
        if p == 0:
            raise TooLargeError
        return _Quotient(polynomials.power(q.above, p), {f: k * p for f, k in q.below.items()})

    def _inverse(self, q: _Quotient) -> _Quotient:
        if not q.above:
            raise TooLargeError
        n = len(self._letters)
        k, common = polynomials.content(q.above)
        below = {self._number(polynomials.letter(i, n))[0]: p for i, p in enumerate(common) if p}
        rest = polynomials.without_content(q.above)
        if len(rest) > 1:
            f, sign = self._number(rest)
            below[f], k = 1, k * sign
        above = polynomials.constant(1 / k, n)
        for f, p in q.below.items():
            above = polynomials.multiplied(above, polynomials.power(self._factors[f], p))
        return _Quotient(above, below)

    # ------------------------------------------------------------------------------ reducing

    def reduced(self, q: _Quotient) -> _Quotient:
        """The quotient without factors that are above and below."""
        above, below = q.above, dict(q.below)
        for i, square in self._squares.items():
            root, _ = self._number(polynomials.letter(i, len(self._letters)))
            whole = self._numbers.get(frozenset(square.items()))
            if whole in below and (root in below or any(m[i] for m in above)):
                below[root] = below.get(root, 0) + 2 * below.pop(whole)
            above = polynomials.replaced_square(above, i, square)
        for f in list(below) if above else ():
            while below[f] and (rest := polynomials.divided(above, self._factors[f])) is not None:
                above = rest
                below[f] -= 1
        return _Quotient(above, {f: k for f, k in below.items() if k})

    # ------------------------------------------------------------------------------- writing

    def written(self, q: _Quotient, e: Expr) -> Expr:
        """The quotient as an expression, in the place of another."""
        if not q.above:
            return zeros(*e.shape)
        parts = [self._polynomial(q.above)]
        for f, k in q.below.items():
            if f in self._inverses:
                parts.append(_power_of(self._inverses[f], k))
            else:
                parts.append(_power_of(self._form(f), -k))
        found = without_leading_minus(Product.of(*parts).expression())
        return found if found.shape == e.shape else times(found, ones(*e.shape))

    def in_parts(self, q: _Quotient, e: Expr) -> Iterator[Expr]:
        """The quotient as a sum, of which one part is not divided by a definition: where `q = p +
        u`, `p .* (q - 1) ./ q` is `p - p ./ q`."""
        for f in [f for f, k in q.below.items() if k == 1 and isinstance(self._forms.get(f), Name)]:
            above, left = polynomials.quotient_and_rest(q.above, self._factors[f])
            if above and left and len(above) + len(left) < len(q.above):
                below = {g: p for g, p in q.below.items() if g != f}
                parts = (_Quotient(above, below), _Quotient(left, q.below))
                yield sum_of([self.written(part, e) for part in parts])

    def _polynomial(self, a: Polynomial) -> Expr:
        """The polynomial with what it is known to be a product of."""
        k, common = polynomials.content(a)
        rest = polynomials.without_content(a)
        parts = [number(k), self._monomial(common)]
        for f, factor in enumerate(self._factors):
            while len(factor) > 1 and (left := polynomials.divided(rest, factor)) is not None:
                parts.append(self._form(f))
                rest = left
        return Product.of(*parts, self._summed(rest)).expression()

    def _form(self, f: int) -> Expr:
        if f not in self._forms:
            self._forms[f] = self._summed(self._factors[f])
        return self._forms[f]

    def _summed(self, a: Polynomial) -> Expr:
        parts = [times(number(k), self._monomial(m)) for m, k in a.items()]
        if len(parts) == 1:
            return parts[0]
        known, key = self._networks.memo, (_Reader, *self._letters, *a.items())
        if key not in known:
            total = factored(parts, length, self._networks.signs)
            known[key] = self._networks.folding.fold(total)
        found: Expr = known[key]
        return found

    def _monomial(self, m: polynomials.Exponents) -> Expr:
        powers = [_power_of(self._letter_form(i), p) for i, p in enumerate(m) if p]
        return Product.of(*powers).expression() if powers else UNIT

    def _letter_form(self, i: int) -> Expr:
        """What a letter stands for."""
        if i in self._written:
            return self._written[i]
        scale = [power(self._form(f), number(k)) for f, k in self._scales.get(i, {}).items()]
        return Product.of(self._letters[i], *scale).expression()


def _power_of(e: Expr, p: int) -> Expr:
    """A power, of a product factor by factor."""
    found = Product.of(e).power(p)
    return power(e, number(p)) if found is None else found.expression()
