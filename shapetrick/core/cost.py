"""How long an expression is when a person writes it: what simplification makes smaller. Of two that
are as long, which comes first: their outlines, which no renaming changes."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import groupby
from operator import is_

from .expr import (
    MINUS,
    Add,
    Expr,
    MatMul,
    Name,
    Number,
    OfVectors,
    Ones,
    Power,
    Symbol,
    Times,
    add,
    exact,
)
from .traversal import postorder

SUM_OVER_MEMBERS = 3  # at least: the sum, a function of a member, what that is multiplied by


def length(e: Expr) -> int:
    """How many operators and calls a person writes for it: the cost that simplification lowers."""
    known = e.written_length
    if known is not None:
        return known
    stack = [e]
    while stack:
        x = stack[-1]
        args = x.args if not isinstance(x, Name) else ()
        lengths = [a.written_length for a in args]
        if None in lengths:
            stack += [a for a in args if a.written_length is None]
            continue
        stack.pop()
        known = _own_length(x) + sum(filter(None, lengths)) if args else _leaf_length(x)
        object.__setattr__(x, "written_length", known)
    assert known is not None
    return known


def outline(e: Expr) -> list[str]:
    """The operations, numbers and shapes of an expression without its names, to put forms in order
    in a way that doesn't depend on what the symbols are called."""
    return [
        f"{x.op} {x.value if isinstance(x, Number) else ''} {x.shape} {len(x.args)}"
        for x in postorder([e])
    ]


def _leaf_length(x: Expr) -> int:
    if isinstance(x, Number):
        return int(is_negative(x)) + _is_quotient(x.value)
    if isinstance(x, Symbol) and x.is_stand_in:
        return SUM_OVER_MEMBERS
    return 1 if isinstance(x, (Ones, OfVectors)) else 0


def _own_length(x: Expr) -> int:
    if len(x.args) == 1:
        return 1
    if isinstance(x, Add):  # a minus inside a sum is its operator; in front it is one more
        return len(x.args) - 1 - sum(map(has_minus, x.args[1:]))
    if isinstance(x, Times):
        front = length(x.args[0]) - length_as_factor(x.args[0])
        under = sum(is_below(a) for a in x.args)  # `a / b` is one operator, `1 / b` too
        return len(x.args) - 1 - under + (under + front == len(x.args)) - front
    if isinstance(x, MatMul):
        if not any(map(is_, x.args, x.args[1:])):
            once = period(x.args)
            if once == len(x.args):
                return once - 1
            repeated = len(x.args) // once - 1  # a power of a product
            return once - repeated * sum(map(length, x.args[:once]))
        runs = [(a, len(list(run))) for a, run in groupby(x.args)]  # of equal factors: powers
        repeated = sum(length(a) * (k - 1) for a, k in runs)
        return len(runs) - 1 + sum(k > 1 for _, k in runs) - repeated
    if isinstance(x, Power):
        p = x.args[1]
        if not isinstance(p, Number):
            return 1
        return (1 if p is MINUS or p.value >= 0 else 2) - _leaf_length(p)
    return 1


def period(factors: Sequence[Expr]) -> int:
    """How many factors a product is a power of: 2 of `A B A B`; all of them if it is none."""
    n = len(factors)
    return next((k for k in range(2, n // 2 + 1) if n % k == 0 and factors[k:] == factors[:-k]), n)


def _is_quotient(k: object) -> bool:
    return isinstance(k, Fraction) and k.denominator != 1


def length_as_factor(e: Expr) -> int:
    """Its length in front of others: -1 and 1/2 have the product's own sign, `-x` and `x / 2`."""
    k = exact(e)
    free = e is MINUS or (k is not None and k.denominator != 1 and abs(k.numerator) == 1)
    return length(e) - free


def is_negative(e: Expr) -> bool:
    """Whether it is a number below 0; comparing a fraction is slow, its numerator isn't."""
    if not isinstance(e, Number):
        return False
    k = e.value
    return bool((k.numerator if isinstance(k, Fraction) else k) < 0)


def is_below(e: Expr) -> bool:
    """Whether a factor is written below the fraction line."""
    return isinstance(e, Power) and is_negative(e.args[1])


def has_minus(e: Expr) -> bool:
    """Whether it is a negative number, or a product with one in front."""
    return is_negative(e.args[0] if isinstance(e, Times) else e)


def sum_of(parts: list[Expr]) -> Expr:
    """A sum in which a part without a minus comes first, if there is one."""
    first = next((i for i, p in enumerate(parts) if not has_minus(p)), 0)
    return add(parts[first], *parts[:first], *parts[first + 1 :])
