"""What is known of an expression's entries: their sign, and what was declared of symbols.

Everything here errs on the side of not knowing.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Literal

from ..core.expr import Expr, Name, Number, Power, Symbol, symbol
from ..core.functions import NONNEGATIVE, POSITIVE, TABLE
from ..core.traversal import remembered

Sign = Literal["positive", "nonneg", ""]  # of every entry; "" if it isn't known

_SIGNS: dict[str, Sign] = {
    "positive": "positive", "unit": "positive", "nonneg": "nonneg", "simplex": "nonneg",
    "onehot": "nonneg",
}  # fmt: skip
_LEAVES: dict[str, Sign] = {
    "dimension": "positive", "constant": "positive", "ones": "positive", "eye": "nonneg",
    "zeros": "nonneg", "commute": "nonneg",
}  # fmt: skip
_KEEPERS = frozenset(
    {"name", "max", "min", "maximum", "minimum"}
)  # of the sign that all arguments have

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


class Attributes:
    """Which attributes expressions have; what was found for a node is remembered."""

    def __init__(self, symmetric: Callable[[Expr], bool]) -> None:
        self._symmetric = symmetric
        self._signs: dict[Expr, Sign] = {}

    def has(self, e: Expr, attribute: str) -> bool:
        """Whether the expression is known to have it."""
        if attribute == "symmetric":
            return self._symmetric(e)
        if attribute in ("positive", "nonneg"):
            sign = self.sign(e)
            return sign == "positive" or sign == attribute
        while isinstance(e, Name):
            e = e.args[0]
        return isinstance(e, Symbol) and attribute in e.attributes

    def sign(self, e: Expr) -> Sign:
        """The sign of every entry, as far as it is known."""
        return remembered(self._signs, e, self._sign)

    def _sign(self, e: Expr) -> Sign:
        if isinstance(e, Symbol):
            return next((s for a, s in _SIGNS.items() if a in e.attributes), "")
        if isinstance(e, Number):
            return "positive" if e.value > 0 else "nonneg" if e.value == 0 else ""
        if e.op in POSITIVE:
            return "positive"
        if e.op in NONNEGATIVE:
            return "nonneg"
        signs = [self._signs[a] for a in e.args]
        if isinstance(e, Power):
            return self._sign_of_power(e, signs[0])
        row = TABLE.get(e.op)
        if not signs or not (e.op in _KEEPERS or (row is not None and row.units == "linear")):
            return _LEAVES.get(e.op, "")
        if "" in signs:
            return ""
        # A matrix of a diagonal has zeros beside it; all other linear rows only add and multiply.
        return "nonneg" if "nonneg" in signs or e.op == "diag" else "positive"

    def _sign_of_power(self, e: Expr, base: Sign) -> Sign:
        p = e.args[1]
        if base == "positive" or not isinstance(p, Number) or not isinstance(p.value, Fraction):
            return base if base == "positive" else ""
        return "nonneg" if p.value > 0 and (base or p.value % 2 == 0) else ""
