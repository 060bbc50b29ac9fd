"""Patterns against expressions: letters stand for expressions of a fitting shape, equal for equal.

Element-wise products and sums match in any order, matrix products in theirs and up to
associativity; in each, one letter may take all that the others leave. A pattern `A'` meets any
expression, `A` becoming its transpose, and `-x` likewise: whether that was worth it, the caller
decides by the length.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from functools import cache
from itertools import islice
from types import MappingProxyType

from ..algebra.assumptions import Attributes
from ..algebra.contraction import flip
from ..algebra.monomials import PoweredBase, Product, multiplied, over, product, raised
from ..core.cost import sum_of
from ..core.dims import ONE, Dim
from ..core.expr import (
    Add,
    Dimension,
    Expr,
    Eye,
    MatMul,
    Number,
    Ones,
    Power,
    Real,
    Symbol,
    Times,
    Transpose,
    Zeros,
    add,
    as_symbol,
    dimension,
    eye,
    matmul,
    ones,
    zeros,
)
from ..core.named_tuples import NamedTuple
from ..core.structure import terms_of, unnamed
from ..core.traversal import postorder, rebuild

WHOLE = frozenset({"simplex", "onehot"})  # said of a vector as a whole, of a matrix by rows
LONGEST_CHAIN = 12  # a longer product is not cut in all ways
MOST_KEPT = 32  # ways in which a pattern fits an expression that are remembered
MOST_SPLIT = 4  # summands that are shared out among two letters


class Binding(NamedTuple):
    """What the letters and the dimensions' names of a pattern stand for."""

    letters: Mapping[Expr, Expr] = MappingProxyType({})
    dims: Mapping[str, Dim] = MappingProxyType({})


UNBOUND = Binding()


def same(a: Expr, b: Expr) -> bool:
    return a is b or unnamed(a) is unnamed(b)


def is_letter(pattern: Expr) -> bool:
    return isinstance(pattern, Symbol)


def turned(e: Expr, symmetric: Callable[[Expr], bool]) -> Expr:
    """The transpose, pushed into products and into the sums that are their factors."""
    if isinstance(e, MatMul) and not e.is_scalar:
        return matmul(*(_turned_sum(a, symmetric) for a in reversed(e.args)))
    return _turned_sum(e, symmetric)


def _turned_sum(e: Expr, symmetric: Callable[[Expr], bool]) -> Expr:
    if isinstance(e, Add) and not symmetric(e):
        return add(*(flip(a, symmetric) for a in e.args))
    return flip(e, symmetric)


class Matcher:
    """Matches patterns against expressions, knowing what is symmetric and which attributes hold."""

    def __init__(self, symmetric: Callable[[Expr], bool]) -> None:
        self._symmetric = symmetric
        self._attributes = Attributes(symmetric)
        self._turned: dict[Expr, Expr] = {}
        self._products: dict[Expr, Product] = {}
        self._known: dict[tuple[Expr, Expr], tuple[Binding, ...]] = {}

    def turned(self, e: Expr) -> Expr:
        """The transpose, pushed into products and sums."""
        found = self._turned.get(e)
        if found is None:
            found = self._turned[e] = turned(e, self._symmetric)
        return found

    def product_of(self, e: Expr) -> Product:
        """The expression as a product."""
        found = self._products.get(e)
        if found is None:
            found = self._products[e] = Product.of(e)
        return found

    def match(self, pattern: Expr, e: Expr, found: Binding) -> Iterator[Binding]:
        """All ways in which the whole expression fits the pattern."""
        if is_letter(pattern):
            return self._letter(pattern, e, found)
        if not pattern.args:
            return self._leaf(pattern, e, found)
        if not _may_fit(pattern, e):
            return iter(())
        return self._afresh(pattern, e) if found is UNBOUND else self._match(pattern, e, found)

    def _afresh(self, pattern: Expr, e: Expr) -> Iterator[Binding]:
        """The ways in which a pattern fits of which no letter is bound: what rows have in common is
        matched once, and so is what stands in many products."""
        key = pattern, e
        known = self._known.get(key)
        if known is None:
            known = tuple(islice(self._match(pattern, e, UNBOUND), MOST_KEPT + 1))
            if len(known) > MOST_KEPT:
                return self._match(pattern, e, UNBOUND)
            self._known[key] = known
        return iter(known)

    def _match(self, pattern: Expr, e: Expr, found: Binding) -> Iterator[Binding]:
        e = unnamed(e)
        if isinstance(pattern, Transpose):
            return self.match(pattern.args[0], self.turned(e), found)
        if isinstance(e, Transpose):
            pushed = self.turned(e.args[0])
            return iter(()) if pushed is e else self.match(pattern, pushed, found)
        if isinstance(pattern, Times) or _has_number_exponent(pattern):
            return self._product(pattern, e, found)
        if isinstance(pattern, Add):
            return self._sum(pattern, e, found)
        if isinstance(pattern, MatMul):
            return self._matmul(pattern, e, found)
        if pattern.op == e.op and pattern.payload == e.payload:
            return self._all(pattern.args, e.args, found)
        return iter(())

    def _all(
        self, patterns: Sequence[Expr], args: Sequence[Expr], found: Binding
    ) -> Iterator[Binding]:
        if len(patterns) == 1:
            yield from self.match(patterns[0], args[0], found)
            return
        for binding in self.match(patterns[0], args[0], found):
            yield from self._all(patterns[1:], args[1:], binding)

    def _letter(self, letter: Expr, e: Expr, found: Binding) -> Iterator[Binding]:
        bound = found.letters.get(letter)
        if bound is not None:
            return iter((found,) if same(bound, e) else ())
        dims = _unified(letter, e, found)
        attributes = as_symbol(letter).attributes
        if dims is None or not all(self._attributes.has(e, a) for a in attributes):
            return iter(())
        return iter((Binding({**found.letters, letter: e}, dims),))

    def _leaf(self, pattern: Expr, e: Expr, found: Binding) -> Iterator[Binding]:
        if isinstance(pattern, (Eye, Ones, Zeros)):
            dims = _unified(pattern, e, found) if e.op == pattern.op else None
            if dims is not None:
                yield Binding(found.letters, dims)
        elif same(_leaf_instance(pattern, found), e):
            yield found

    # ------------------------------------------------------------------- element-wise products

    def _product(self, pattern: Expr, e: Expr, found: Binding) -> Iterator[Binding]:
        wanted, special, letters = parts_of(pattern)
        given = self.product_of(e)
        for binding, rest in self._among(special, given.factors, found):
            known = [f for f in letters if f[0] in binding.letters or not is_letter(f[0])]
            left = self._without(known, Product(over(given.coefficient, wanted), rest), binding)
            if left is not None:
                free = [f for f in letters if f not in known]
                yield from self._shared(free, left, bool(special), binding)

    def _shared(
        self, free: Sequence[PoweredBase], left: Product, special: bool, found: Binding
    ) -> Iterator[Binding]:
        """What is left of a product goes to letters that are still free, scalars to a scalar."""
        if not free:
            if left == Product():
                yield found
        elif len(free) == 1:
            (letter, p), root = free[0], left.root(free[0][1])
            if root is not None:
                yield from self._letter(letter, root.expression(), found)
        elif len(free) == 2 and free[0][0].is_scalar != free[1][0].is_scalar:
            (s, p), (x, q) = sorted(free, key=lambda f: not f[0].is_scalar)
            front, others = left.scalars()
            if p == q == 1 and others.factors and (special or front != Product()):
                for binding in self._letter(s, front.expression(), found):
                    yield from self._letter(x, others.expression(), binding)

    def _among(
        self, wanted: Sequence[PoweredBase], have: tuple[PoweredBase, ...], found: Binding
    ) -> Iterator[tuple[Binding, tuple[PoweredBase, ...]]]:
        """The wanted factors found among those of a product, and what is left of it."""
        if not wanted:
            yield found, have
            return
        (base, p), *more = wanted
        for i, (other, q) in enumerate(have):
            if not _may_match(base, other) or not _holds(q, p):
                continue
            left = ((other, q - p),) if q is not p and q != p else ()
            for binding in self.match(base, other, found):
                yield from self._among(more, have[:i] + left + have[i + 1 :], binding)

    def _without(
        self, known: Sequence[PoweredBase], whole: Product, found: Binding
    ) -> Product | None:
        """A product without factors that are known by now; None if one of them is not there."""
        for base, p in known:
            part = Product.of(self.instance(base, found)).power(p)
            rest = None if part is None else whole.without(part, same)
            if rest is None:
                return None
            whole = rest
        return whole

    def part_of_product(
        self, pattern: Expr, whole: Product, multiple: int, found: Binding
    ) -> Iterator[tuple[Binding, Product]]:
        """Ways in which a power of the pattern is a part of a product, and what is left of it."""
        wanted, *groups = parts_of(pattern)
        if multiple != 1:
            groups = [tuple((b, p * multiple) for b, p in group) for group in groups]
        special, letters = groups
        for binding, rest in self._among(special, whole.factors, found):
            others = Product(over(whole.coefficient, raised(wanted, multiple)), rest)
            left = self._without(letters, others, binding)
            if left is not None:
                yield binding, left

    # ---------------------------------------------------------------------------------- sums

    def _sum(self, pattern: Expr, e: Expr, found: Binding) -> Iterator[Binding]:
        if not isinstance(e, Add):
            return
        for binding, rest in self.part_of_sum(pattern, e.args, found):
            free = [x for x in pattern.args if is_letter(x) and x not in binding.letters]
            if not free and not rest:
                yield binding
            elif len(free) == 1 and rest:
                yield from self._letter(free[0], sum_of(list(rest)), binding)
            elif len(free) == 2 and 1 < len(rest) <= MOST_SPLIT:
                for i, t in enumerate(rest):
                    others = sum_of([*rest[:i], *rest[i + 1 :]])
                    for one, other in (free, free[::-1]):
                        for first in self._letter(one, t, binding):
                            yield from self._letter(other, others, first)

    def part_of_sum(
        self, pattern: Expr, terms: tuple[Expr, ...], found: Binding
    ) -> Iterator[tuple[Binding, tuple[Expr, ...]]]:
        """Ways in which the pattern's terms, but for free letters, are among these; the others."""
        for binding, rest in self._terms(_special_terms(pattern), terms, found):
            known = [binding.letters[x] for x in pattern.args if x in binding.letters]
            left = _without_terms([t for e in known for t in terms_of(e)], rest)
            if left is not None:
                yield binding, left

    def _terms(
        self, wanted: Sequence[Expr], terms: tuple[Expr, ...], found: Binding
    ) -> Iterator[tuple[Binding, tuple[Expr, ...]]]:
        if not wanted:
            yield found, terms
            return
        for i, t in enumerate(terms):
            for binding in self.match(wanted[0], t, found):
                yield from self._terms(wanted[1:], terms[:i] + terms[i + 1 :], binding)

    # ----------------------------------------------------------------------- matrix products

    def _matmul(self, pattern: Expr, e: Expr, found: Binding) -> Iterator[Binding]:
        if not isinstance(e, MatMul) or len(e.args) > LONGEST_CHAIN:
            return
        orders = [e.args]
        if e.is_scalar:
            orders.append(tuple(self.turned(a) for a in reversed(e.args)))
        for factors in orders:
            for binding, used in self.beginning(pattern.args, factors, found):
                if used == len(factors):
                    yield binding

    def beginning(
        self, wanted: Sequence[Expr], chain: Sequence[Expr], found: Binding
    ) -> Iterator[tuple[Binding, int]]:
        """Ways in which a product of the wanted factors begins a chain; how many it takes."""
        if not wanted:
            yield found, 0
            return
        for binding, used in self._some(wanted[0], chain, found, 1):
            for final, others in self.beginning(wanted[1:], chain[used:], binding):
                yield final, used + others

    def ending(
        self, wanted: Sequence[Expr], chain: Sequence[Expr], found: Binding
    ) -> Iterator[tuple[Binding, int]]:
        """The same at the end of a chain."""
        if not wanted:
            yield found, 0
            return
        for binding, used in self._some(wanted[-1], chain, found, -1):
            for final, others in self.ending(wanted[:-1], chain[: len(chain) - used], binding):
                yield final, used + others

    def _some(
        self, wanted: Expr, chain: Sequence[Expr], found: Binding, side: int
    ) -> Iterator[tuple[Binding, int]]:
        """How many factors at that side of a chain are a wanted one: a letter may take several."""

        def here(k: int) -> Sequence[Expr]:
            return chain[:k] if side > 0 else chain[len(chain) - k :]

        letter = wanted.args[0] if isinstance(wanted, Transpose) else wanted
        if not is_letter(letter):
            for binding in self.match(wanted, here(1)[0], found) if chain else ():
                yield binding, 1
        elif letter not in found.letters:
            for k in range(1, min(len(chain), LONGEST_CHAIN) + 1):
                for binding in self.match(wanted, matmul(*here(k)), found):
                    yield binding, k
        else:
            value = found.letters[letter]
            for form in (value,) if unnamed(value) is value else (value, unnamed(value)):
                whole = form if wanted is letter else self.turned(form)
                for parts in ((whole,), whole.args) if isinstance(whole, MatMul) else ((whole,),):
                    k = len(parts)
                    if k <= len(chain) and all(map(same, parts, here(k))):
                        yield found, k
                        return

    # ------------------------------------------------------------------------- instantiation

    def instance(self, pattern: Expr, found: Binding) -> Expr:
        """The pattern with letters and dimensions replaced by what they stand for."""
        if is_letter(pattern):
            return found.letters[pattern]
        new: dict[Expr, Expr] = {}
        for x in postorder([pattern]):
            args = [new[a] for a in x.args]
            if is_letter(x):
                new[x] = found.letters[x]
            elif not args:
                new[x] = _leaf_instance(x, found)
            elif isinstance(x, Transpose):
                new[x] = self.turned(args[0])
            elif isinstance(x, Times):
                new[x] = multiplied(args)
            elif isinstance(x, Add):
                new[x] = sum_of([t for a in args for t in terms_of(a)])
            elif isinstance(x, MatMul):
                new[x] = product(args)
            else:
                new[x] = rebuild(x, args)
        return new[pattern]


@cache
def parts_of(pattern: Expr) -> tuple[Real, tuple[PoweredBase, ...], tuple[PoweredBase, ...]]:
    """A pattern as a product: its number, the factors that say something, the largest first, and
    those that are letters or sizes alone."""
    whole = Product.of(pattern)
    special = [f for f in whole.factors if _says_something(*f)]
    letters = tuple(f for f in whole.factors if f not in special)
    special.sort(key=lambda f: -sum(1 for _ in postorder([f[0]])))
    return whole.coefficient, tuple(special), letters


@cache
def _special_terms(pattern: Expr) -> Sequence[Expr]:
    """The terms of a sum that are no letters, the largest first; a size is told by the others."""
    special = [t for t in pattern.args if not is_letter(t)]
    return sorted(special, key=lambda t: (any(map(_is_size, t.args)), -len(t.args)))


def _is_size(e: Expr) -> bool:
    return isinstance(e, Dimension)


@cache
def _name(dim: Dim) -> str | None:
    """The name that a pattern's dimension is, if it isn't a number."""
    return None if dim.integer is not None else str(dim)


def _may_fit(pattern: Expr, e: Expr) -> bool:
    """Whether each side of the pattern that is 1 is one of the expression: a cheap look before a
    close one."""
    (m, n), (rows, cols) = pattern.shape, e.shape
    return (m is not ONE or rows is ONE) and (n is not ONE or cols is ONE)


def _may_match(pattern: Expr, e: Expr) -> bool:
    """Whether the operations at the heads let them match: likewise."""
    if not pattern.args or isinstance(pattern, (Transpose, Times, Power)):
        return True
    return unnamed(e).op in (pattern.op, "transpose")


def _has_number_exponent(pattern: Expr) -> bool:
    """Whether it is a power whose exponent is a number: a product of one factor."""
    return isinstance(pattern, Power) and isinstance(pattern.args[1], Number)


def _holds(q: Fraction, p: Fraction) -> bool:
    """Whether a power holds another: 3 holds 1 and 2, -3 holds -1, 3/2 holds 1/2."""
    if p is q:
        return True
    if p.denominator != 1 and p.denominator != q.denominator:
        return False
    return p <= q if p > 0 else q <= p


def _says_something(base: Expr, p: Fraction) -> bool:
    return (
        bool(base.args)
        or p.denominator != 1
        or (is_letter(base) and bool(as_symbol(base).attributes))
    )


def _unified(pattern: Expr, e: Expr, found: Binding) -> Mapping[str, Dim] | None:
    """The dimensions' names with the pattern's shape fitted to the expression's, or None."""
    whole = is_letter(pattern) and bool(as_symbol(pattern).attributes & WHOLE)
    dims = found.dims
    for wanted, given in zip(pattern.shape, e.shape, strict=True):
        name = _name(wanted)
        if name is None:
            if wanted != given:
                return None
        elif name not in dims:
            dims = {**dims, name: given}
        elif dims[name] != given:
            return None
        if whole and name is not None and given == ONE:
            return None
    return dims


def _without_terms(known: Sequence[Expr], terms: tuple[Expr, ...]) -> tuple[Expr, ...] | None:
    rest = list(terms)
    for t in known:
        place = next((i for i, x in enumerate(rest) if same(x, t)), None)
        if place is None:
            return None
        del rest[place]
    return tuple(rest)


def _leaf_instance(x: Expr, found: Binding) -> Expr:
    if isinstance(x, Dimension):
        return dimension(found.dims[x.name])
    if not isinstance(x, (Eye, Ones, Zeros)):
        return x
    rows, cols = (d.substitute(found.dims) for d in x.shape)
    return eye(rows) if isinstance(x, Eye) else (ones if isinstance(x, Ones) else zeros)(rows, cols)
