"""What is known of an expression's entries: their sign, and what was declared of symbols.

Everything here errs on the side of not knowing.
"""

from __future__ import annotations

from collections.abc import Callable

from ..core.expr import Expr, Symbol, symbol
from ..core.structure import unnamed
from .ranges import EntryRanges

# Attributes that fix entries or tie them to each other: they hold at a point, not around it.
CONSTRAINTS = frozenset(
    {"symmetric", "posdef", "diagonal", "lower", "upper", "orthogonal", "simplex", "onehot"}
)


def with_free_entries(variable: Symbol) -> Symbol:
    """The variable without its attributes if they say something about it at points alone, so that
    what is differentiated by it may not be simplified by them."""
    if not variable.attributes & CONSTRAINTS:
        return variable
    return symbol(variable.name, variable.shape)


def is_orthogonal(e: Expr) -> bool:
    """Whether its transpose is its inverse, as far as it was declared."""
    e = unnamed(e)
    return isinstance(e, Symbol) and "orthogonal" in e.attributes


class Attributes:
    """Which attributes expressions have; what was found for a node is remembered."""

    def __init__(self, symmetric: Callable[[Expr], bool]) -> None:
        self._symmetric = symmetric
        self._ranges = EntryRanges()

    def has(self, e: Expr, attribute: str) -> bool:
        """Whether the expression is known to have it."""
        if attribute == "symmetric":
            return self._symmetric(e)
        if attribute in ("positive", "nonneg"):
            sign = self._ranges.sign(e)
            return sign == "positive" or sign == attribute
        e = unnamed(e)
        return isinstance(e, Symbol) and attribute in e.attributes
