"""The order in which a product's factors are read: `x .* exp(x)`, not `exp(x) .* x`; scalars that
are letters first, in the order in which the problem has them. And that of a sum's summands.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..core.cost import has_minus, is_below, length
from ..core.expr import Add, Call, Expr, Name, Number, Power, Symbol, Times, Transpose
from ..core.functions import TABLE
from ..core.structure import factors_of
from ..core.traversal import rebuild


def with_letters_first(e: Expr, places: Mapping[Expr, int]) -> Expr:
    """A product with a letter in front of functions of entries, and of its complement: `h .* (1 -
    h)`; of its scalars first the letters, by their `places` in the problem, definitions last."""
    if not isinstance(e, Times):
        return e
    scalars = [a for a in e.args if a.is_scalar]
    letters = [a for a in scalars if _is_letter(a)]
    numbers = [a for a in scalars if isinstance(a, Number)]
    rest = [a for a in scalars if a not in letters and a not in numbers]
    letters.sort(key=lambda a: (isinstance(_base(a), Name), places.get(_base(a), len(places))))
    front = iter([*numbers, *letters, *rest])
    others = iter(_letter_first([a for a in e.args if not a.is_scalar]))
    return rebuild(e, [next(front if a.is_scalar else others) for a in e.args])


def with_short_ones_first(e: Expr) -> Expr:
    """A sum with the shorter of what is taken away first: `G - mean(G) - y .* mean(G .* y)`."""
    if not isinstance(e, Add) or sum(map(has_minus, e.args)) < 2:
        return e
    taken = iter(sorted(filter(has_minus, e.args), key=length))
    return rebuild(e, [next(taken) if has_minus(a) else a for a in e.args])


def _is_letter(e: Expr) -> bool:
    """Whether it is a name, or one to a number's power that is not below."""
    plain = not isinstance(e, Power) or isinstance(e.args[1], Number)
    return plain and not is_below(e) and isinstance(_base(e), (Symbol, Name))


def _letter_first(factors: list[Expr]) -> Iterable[Expr]:
    """The factors with the first that is a letter in front, if all before it may follow."""
    for i, a in enumerate(factors):
        letter = _base(a)
        if isinstance(letter, (Symbol, Name)) and not is_below(a):
            return [a, *factors[:i], *factors[i + 1 :]]
        elementwise = isinstance(letter, Call) and TABLE[letter.op].elementwise
        if not (elementwise or (i == 0 and _is_complement(letter, factors[1:]))):
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
