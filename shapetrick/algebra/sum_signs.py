"""The signs of sums: `y - X w` and `X w - y` are one sum, written one way within a problem."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable

from ..core.cost import has_minus, length, sum_of
from ..core.expr import MINUS, Add, Expr, Number, Times, negate, times
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

    def natural(self, e: Expr) -> tuple[Expr, int]:
        """The sum as it is written, and its sign: 1, or -1 where it is the negative of `e`."""
        other = negated_sum(e)
        for sign, form in ((1, e), (-1, other)):
            found = self._natural.get(_key(form))
            if found is not None:
                return found, sign
        here = sum_of(list(e.args))
        chosen = min((here, other), key=lambda x: (_negative_numbers(x), length(x)))
        self.learn(chosen)
        return chosen, 1 if chosen is here else -1


def _key(e: Expr) -> Hashable:
    """The same for all orders of the summands."""
    return frozenset(Counter(e.args).items())


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


def with_one_sum_negated(body: Expr) -> Expr | None:
    """A product with the sign of one sum in it turned, if it has a sum with a minus."""
    stack: list[tuple[Expr, list[tuple[Expr, int]]]] = [(body, [])]
    while stack:
        e, path = stack.pop()
        if isinstance(e, Add) and any(has_minus(a) for a in e.args):
            new = negated_sum(e)
            for parent, i in reversed(path):
                new = rebuild(parent, [new if k == i else a for k, a in enumerate(parent.args)])
            return new
        if linear_row(e) is not None:
            stack.extend((a, [*path, (e, i)]) for i, a in reversed(list(enumerate(e.args))))
    return None
