"""The order in which a product's factors are read: `x .* exp(x)`, not `exp(x) .* x`; scalars that
are letters first, in the order in which the problem multiplies them. And that of a sum's summands.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from itertools import pairwise

from ..algebra.monomials import multiplied
from ..core.cost import has_minus, is_below, length
from ..core.expr import (
    MINUS,
    Add,
    Call,
    Dimension,
    Expr,
    Eye,
    MatMul,
    Name,
    Number,
    Power,
    Symbol,
    Times,
    Transpose,
    add,
    matmul,
    power,
    times,
    transpose,
)
from ..core.functions import TABLE
from ..core.structure import factors_of
from ..core.traversal import postorder, rebuild


def places_of_scalars(nodes: Iterable[Expr]) -> dict[Expr, int]:
    """The places of the scalar letters among the nodes of a problem: in the order of its text, but
    after those that it has in front of them in products, as `c` of `c x`."""
    waiting: dict[Expr, None] = {}
    earlier: dict[Expr, set[Expr]] = defaultdict(set)
    for e in nodes:
        if e.is_scalar and isinstance(e, (Symbol, Name)):
            waiting[e] = None
        elif isinstance(e, Times):
            letters = [a for a in e.args if a.is_scalar and _is_letter(a)]
            for a, b in pairwise(sorted(letters, key=is_below)):
                first, second = _base(a), _base(b)
                if is_below(a) is is_below(b) and second not in (first, *earlier[first]):
                    earlier[second].add(first)
    places: dict[Expr, int] = {}
    while waiting:
        free = (e for e in waiting if not any(x in waiting for x in earlier[e]))
        found = next(free, next(iter(waiting)))  # of letters in a circle the first
        del waiting[found]
        places[found] = len(places)
    return places


def with_letters_first(e: Expr, places: Mapping[Expr, int]) -> Expr:
    """A product with a letter in front of functions of entries, and of its complement: `h .* (1 -
    h)`; of its scalars first the letters, by their `places` in the problem, definitions last;
    and of divisors, numbers and dimensions before letters. An inner product with a letter first:
    `y' exp(x)`."""
    if isinstance(e, MatMul) and e.is_scalar and len(e.args) == 2:
        left, right = e.args
        turned = isinstance(left, Transpose) and isinstance(right, (Symbol, Name))
        return matmul(transpose(right), left.args[0]) if turned and not _is_letter(left) else e
    if not isinstance(e, Times):
        return e

    def place(a: Expr) -> tuple[int, bool, int]:
        base, below = _base(a), is_below(a)
        number = base.args and all(isinstance(x, Number) for x in base.args)  # sqrt(2)
        if isinstance(a, Number) or (below and (number or isinstance(base, Dimension))):
            return 3 * below, False, -1
        if _is_letter(a):
            return 1 + 2 * below, isinstance(base, Name), places.get(base, len(places))
        return 2 + 2 * below, False, 0

    front = iter(sorted((a for a in e.args if a.is_scalar), key=place))
    factors = _letter_first([a for a in e.args if not a.is_scalar])
    below = iter(sorted(filter(is_below, factors), key=lambda a: not _is_letter(a)))
    others = iter([next(below) if is_below(a) else a for a in factors])
    return rebuild(e, [next(front if a.is_scalar else others) for a in e.args])


def with_name_outside(e: Expr) -> Expr:
    """A sum with a definition that is above in all its fractions outside, though that is longer by
    a 1: `U / s + U / t` is `U (1 / s + 1 / t)`."""
    if not isinstance(e, Add) or not all(any(map(is_below, factors_of(a))) for a in e.args):
        return e
    first, *others = (factors_of(a) for a in e.args)
    for name in (a for a in first if isinstance(a, Name) and all(a in x for x in others)):
        inner = add(*(multiplied([a, power(name, MINUS)]) for a in e.args))
        found = times(name, inner)
        if found.shape == e.shape and length(found) <= length(e) + 1:
            return found
    return e


def with_constants_first(e: Expr) -> Expr:
    """A sum with a number or the identity first, beside what is no letter: `1 + z z'`; one that is
    taken away last; and with the shorter of what is taken away first: `G - mean(G) - y .* mean(G .*
    y)`."""
    if not isinstance(e, Add):
        return e
    taken = iter(sorted(filter(has_minus, e.args), key=length))
    ordered = [next(taken) if has_minus(a) else a for a in e.args]
    last = [a for a in ordered if has_minus(a) and isinstance(factors_of(a)[-1], (Number, Eye))]
    first = [a for a in ordered if isinstance(a, (Number, Eye)) and a not in last]
    if any(_is_letter(factors_of(a)[-1]) for a in ordered):
        first = []
    others = [a for a in ordered if a not in first and a not in last]
    return rebuild(e, [*first, *others, *last])


def _is_letter(e: Expr) -> bool:
    """Whether it is a name, or one to a number's power."""
    plain = not isinstance(e, Power) or isinstance(e.args[1], Number)
    return plain and isinstance(_base(e), (Symbol, Name))


def _letter_first(factors: list[Expr]) -> list[Expr]:
    """The factors with the first that is a letter in front, if all before it may follow."""
    for i, a in enumerate(factors):
        letter = _base(a)
        if isinstance(letter, (Symbol, Name)) and not is_below(a):
            return [a, *factors[:i], *factors[i + 1 :]]
        rest = factors[i + 1 :]
        follows = isinstance(letter, Call) and (
            TABLE[letter.op].elementwise
            or any(_base(b) in postorder(letter.args) for b in rest[:1])
        )  # `z .* mean(x .* z)`
        if not (follows or (i == 0 and _is_complement(letter, rest))):
            break
    return factors


def _is_complement(e: Expr, others: list[Expr]) -> bool:
    """Whether a sum is a number and a multiple of the next factor."""
    if not isinstance(e, Add) or not others or not any(isinstance(a, Number) for a in e.args):
        return False
    factors = (f for a in e.args for f in factors_of(a))
    return _base(others[0]) in map(_base, factors)


def _base(e: Expr) -> Expr:
    """What is raised to a power, or turned."""
    while isinstance(e, (Power, Transpose)):
        e = e.args[0]
    return e
