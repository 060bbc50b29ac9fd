"""The signs of sums: `y - X w` and `X w - y` are one sum, written one way within a problem."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable
from functools import cache

import numpy as np

from ..core.cost import has_minus, length, sum_of
from ..core.expr import MINUS, Add, Call, Expr, Number, Times, negate, times
from ..core.functions import TABLE, Function
from ..core.structure import linear_row
from ..core.traversal import rebuild


class Signs:
    """Which of the two a sum is written as: the one that the problem has; else numbers positive, or
    the shorter, or the one that was met first."""

    def __init__(self) -> None:
        self._natural: dict[Hashable, Expr] = {}

    def learn(self, e: Expr) -> None:
        """Notes that a sum is written so; the first of the two counts."""
        if _key(negated_sum(e)) not in self._natural:
            self._natural.setdefault(_key(e), e)

    def has(self, e: Expr) -> bool:
        """Whether the sum is one that is written so."""
        return _key(e) in self._natural

    def natural(self, e: Expr) -> tuple[Expr, int]:
        """The sum as it is written, and its sign: 1, or -1 where it is the negative of `e`."""
        found = self._natural.get(_key(e))
        if found is not None:
            return found, 1
        other = negated_sum(e)
        found = self._natural.get(_key(other))
        if found is not None:
            return found, -1
        here = sum_of(list(e.args))
        chosen = min((here, other), key=lambda x: (_negative_numbers(x), length(x)))
        self.learn(chosen)
        return chosen, 1 if chosen is here else -1


def _key(e: Expr) -> Hashable:
    """The same for all orders of the summands."""
    once = frozenset(e.args)
    return once if len(once) == len(e.args) else frozenset(Counter(e.args).items())


def _negative_numbers(e: Expr) -> int:
    return sum(isinstance(a, Number) and a.value < 0 for a in e.args)


def negated_sum(e: Expr) -> Expr:
    """The sum with the sign of every summand turned."""
    return sum_of([negate_part(a) for a in e.args])


def negate_part(a: Expr) -> Expr:
    """The negative of a summand."""
    if isinstance(a, Times) and a.args[0] is MINUS:
        return times(*a.args[1:])
    return negate(a)


def is_odd(e: Expr) -> bool:
    """Whether it is an odd function of its only argument, entry by entry."""
    return isinstance(e, Call) and parity(TABLE[e.op]) < 0


@cache
def parity(row: Function) -> int:
    """1 if a function of every entry is even, -1 if it is odd, else 0."""
    if not row.elementwise or row.arity != 1:
        return 0
    x = np.array([0.3, 0.7])
    with np.errstate(all="ignore"):
        y, opposite = row.value(x, None), row.value(-x, None)
    return int(np.array_equal(y, opposite)) - int(np.array_equal(-y, opposite))


def with_one_sum_negated(body: Expr, through_sums: bool = True) -> Expr | None:
    """A product with the sign of one sum in it turned, if it has a sum with a minus, or one of such
    products."""
    stack: list[tuple[Expr, list[tuple[Expr, int]]]] = [(body, [])]
    while stack:
        e, path = stack.pop()
        new = _negated(e, through_sums) if isinstance(e, Add) else None
        if new is not None:
            for parent, i in reversed(path):
                new = rebuild(parent, [new if k == i else a for k, a in enumerate(parent.args)])
            return new
        if linear_row(e) is not None or is_odd(e):
            stack.extend((a, [*path, (e, i)]) for i, a in reversed(list(enumerate(e.args))))
    return None


def _negated(e: Expr, through_sums: bool) -> Expr | None:
    """The negative of a sum that has a minus, or whose summands are products with one."""
    if any(has_minus(a) for a in e.args):
        return negated_sum(e)
    parts = [with_one_sum_negated(a, False) for a in e.args] if through_sums else []
    turned = [part for part in parts if part is not None]
    return sum_of(turned) if len(turned) == len(e.args) else None
