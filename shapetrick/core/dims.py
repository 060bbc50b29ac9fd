"""Dimensions: a name, a whole number, or sums, differences and products; a shape is a pair of them.

A `Dim` is a polynomial in dimension names whose values are whole (`n (n + 1) / 2` is one), kept in
one canonical form, so that `n + 1` equals `1 + n`. Two dimensions are equal only if their
polynomials are: distinct names are distinct sizes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction
from functools import lru_cache, reduce
from itertools import product
from math import comb, lcm, prod
from operator import and_
from typing import Any, ClassVar, NoReturn, cast

from .errors import OperandError, ShapeError
from .records import dataclass

Monomial = tuple[str, ...]
Coefficient = int | Fraction
Terms = tuple[tuple[Monomial, Coefficient], ...]
MOST_TERMS = 100  # of a dimension, and names in one: products of sums grow fast
LARGEST = 10**12


Sizes = Mapping[str, int]  # of dimensions, by their names
_dims: dict[Terms, Dim] = {}


@dataclass(frozen=True, slots=True, eq=False, init=False)
class Dim:
    """A dimension, as the sorted terms of a polynomial: ((names, coefficient), …).

    Equal dimensions are one object: they are compared more often than anything else."""

    terms: Terms
    scalar: ClassVar[Any]  # as an expression, for arithmetic with what is no dimension

    def __new__(cls, terms: Terms) -> Dim:
        known = _dims.get(terms)
        if known is None:
            known = _dims[terms] = object.__new__(cls)
            object.__setattr__(known, "terms", terms)
        return known

    def __reduce__(self) -> tuple[type[Dim], tuple[Terms]]:
        return Dim, (self.terms,)

    @staticmethod
    def of(value: Dim | str | int) -> Dim:
        """The dimension of that name or size."""
        if isinstance(value, Dim):
            return value
        if isinstance(value, int):
            return Dim((((), value),) if value else ())
        return Dim((((value,), 1),))

    def __add__(self, other: Dim) -> Dim:
        try:
            return _collect([*self.terms, *other.terms])
        except AttributeError:
            return cast(Dim, self.scalar + other)

    def __sub__(self, other: Dim) -> Dim:
        try:
            return _collect([*self.terms, *((names, -k) for names, k in other.terms)])
        except AttributeError:
            return cast(Dim, self.scalar - other)

    def __radd__(self, other: Any) -> Any:
        return other + self.scalar

    def __rsub__(self, other: Any) -> Any:
        return other - self.scalar

    def __rmul__(self, other: Any) -> Any:
        return other * self.scalar

    def __pow__(self, other: Any) -> Any:
        return self.scalar**other

    def __index__(self) -> NoReturn:
        raise OperandError(
            f"`{self}` has no size yet: write `st.eye(n)`, `st.ones(n)` or `st.zeros(n)`."
        )

    def __truediv__(self, other: Any) -> Any:
        return self.scalar / other

    def __rtruediv__(self, other: Any) -> Any:
        return other / self.scalar

    def __neg__(self) -> Dim:
        return NOTHING - self

    def __mul__(self, other: Dim) -> Dim:
        if not isinstance(other, Dim):
            return cast(Dim, self.scalar * other)
        degree = sum(max((len(names) for names, _ in d.terms), default=0) for d in (self, other))
        if max(degree, len(self.terms) * len(other.terms)) > MOST_TERMS:
            raise ShapeError("a dimension is a sum of too many terms, or a product of too many.")
        return _collect(
            (tuple(sorted(a + b)), j * k) for a, j in self.terms for b, k in other.terms
        )

    @property
    def integer(self) -> int | None:
        """Its value, where it is a number."""
        if len(self.terms) != 1:
            return None if self.terms else 0
        names, k = self.terms[0]
        return None if names or isinstance(k, Fraction) else k

    @property
    def names(self) -> tuple[str, ...]:
        """The names that occur in it, sorted."""
        return tuple(sorted({name for names, _ in self.terms for name in names}))

    @property
    def least(self) -> int | None:
        """Its least value, where it does not fall as its names grow, from 1 on; else None."""
        return _least(self)

    def is_at_least(self, k: int) -> bool:
        """Whether it is, whatever sizes its names have."""
        least = self.least
        return least is not None and least >= k

    @property
    def is_eventually_natural(self) -> bool:
        """Whether it is not negative, or only where its names are small numbers."""
        least = self.least
        return least is not None and (least >= 0 or self.integer is None)

    def size(self, sizes: Mapping[str, int]) -> int:
        """Its value with the names' sizes put in; a number's own digits may be given a size too."""
        match self.terms:
            case (((name,), 1),):
                return sizes[name]
            case (((), int(k)),):
                return sizes.get(str(k), k)
        return int(sum(k * prod(sizes[name] for name in names) for names, k in self.terms))

    def substitute(self, dims: Mapping[str, Dim]) -> Dim:
        """This dimension with names replaced by dimensions."""
        match self.terms:
            case (((name,), 1),):
                return dims.get(name, self)
        total = Dim(())
        for names, k in self.terms:
            term = Dim((((), k),))
            for name in names:
                term = term * dims.get(name, Dim.of(name))
            total = total + term
        return total

    @property
    def denominator(self) -> int:
        """By what a polynomial with whole coefficients is divided."""
        return lcm(*(k.denominator for _, k in self.terms))

    def over(self, divisor: int) -> Dim | None:
        """What it is divided by a positive number; None where that is not whole for some sizes,
        which its coefficients by binomials tell (G. Pólya, *Über ganzwertige ganze Funktionen*,
        1915)."""
        found = Dim(tuple((names, _exact(Fraction(k, divisor))) for names, k in self.terms))
        by_binomials: dict[tuple[tuple[str, int], ...], Coefficient] = {}
        for names, k in found.terms:
            degrees = Counter(names)
            for chosen in product(*(range(1, d + 1) for d in degrees.values())):
                parts = prod(map(_surjections, degrees.values(), chosen))
                key = tuple(zip(degrees, chosen, strict=True))
                by_binomials[key] = by_binomials.get(key, 0) + k * parts
        return found if all(k == int(k) for k in by_binomials.values()) else None

    def shared_names(self) -> Monomial:
        """The names that are in all terms."""
        return tuple(sorted(reduce(and_, (Counter(x) for x, _ in self.terms)).elements()))

    def text(self, name: Callable[[str], str] = str) -> str:
        """As it is written, with names as `name` writes them."""
        if (q := self.denominator) > 1:
            shared = self.shared_names()
            rest = [(Counter(x) - Counter(shared), int(k * q)) for x, k in self.terms]
            inner = _collect((tuple(sorted(x.elements())), k) for x, k in rest)
            bracketed = f"({inner.text(name)})" if len(inner.terms) > 1 else inner.text(name)
            return f"{' '.join([*map(name, shared), bracketed])} / {q}"
        text = ""
        ordered = sorted(self.terms, key=lambda term: (-len(term[0]), term[0]))
        for names, k in ordered:
            sign = (" - " if k < 0 else " + ") if text else ("-" if k < 0 else "")
            factors = [str(abs(k))] if abs(k) != 1 or not names else []
            text += sign.replace(" ", "") + " ".join([*factors, *map(name, names)])
        return text or "0"

    def __str__(self) -> str:
        return self.text()

    def __repr__(self) -> str:
        return str(self)


Shape = tuple[Dim, Dim]
Sides = tuple[Dim, Dim]  # the rows and columns that a factor of a product has
Extent = tuple[Dim, ...]  # the shape of an array: one dimension for each axis
ONE = Dim.of(1)
NOTHING = Dim.of(0)
SCALAR: Shape = (ONE, ONE)


@lru_cache(maxsize=4096)
def _surjections(n: int, k: int) -> int:
    """Those of n things to k: how often `binomial(x, k)` is in x^n."""
    return sum((-1) ** (k - i) * comb(k, i) * i**n for i in range(k + 1))


@lru_cache(maxsize=4096)
def _least(dim: Dim) -> int | None:
    if dim.integer is not None:
        return dim.integer
    above = dim.substitute({name: ONE + Dim.of(name) for name in dim.names})
    if any(names and k < 0 for names, k in above.terms):
        return None
    return int(next((k for names, k in above.terms if not names), 0))


def _exact(k: Fraction) -> Coefficient:
    return k.numerator if k.denominator == 1 else k


def _names_of(term: tuple[Monomial, Coefficient]) -> Monomial:
    return term[0]


def _collect(terms: Iterable[tuple[Monomial, Coefficient]]) -> Dim:
    total: dict[Monomial, Coefficient] = {}
    for names, k in terms:
        total[names] = total.get(names, 0) + k
        if not -LARGEST <= total[names] <= LARGEST:
            raise ShapeError(f"a dimension is larger than {LARGEST}.")
    found = {x: _exact(k) if isinstance(k, Fraction) else k for x, k in total.items()}
    return Dim(tuple(sorted((item for item in found.items() if item[1]), key=_names_of)))


def side_text(side: Dim) -> str:
    """`n`; a sum or product in brackets: `(n+1)`."""
    return f"({side})" if len(side.terms) > 1 or {*" +"} & {*str(side)} else str(side)


def shape_text(shape: Shape) -> str:
    """`m×(n+1)`."""
    return "×".join(map(side_text, shape))


def triangular(n: Dim) -> Dim:
    """How many entries are on and below the diagonal of an n×n matrix."""
    half = (n * (n + ONE)).over(2)
    assert half is not None
    return half


def extent(sides: Sides) -> Extent:
    """The shape of the array for a matrix of the language: sides that are 1 are no axes."""
    return tuple(d for d in sides if d != ONE)


def broadcast(shapes: Iterable[Shape]) -> Shape | None:
    """The shape over which all of them broadcast (each side equal, or 1), or None."""
    rows = cols = ONE
    for r, c in shapes:
        if r is not rows and r is not ONE:
            if rows is not ONE:
                return None
            rows = r
        if c is not cols and c is not ONE:
            if cols is not ONE:
                return None
            cols = c
    return rows, cols
