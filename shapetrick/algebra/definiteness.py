"""What has to hold for a matrix to have an inverse, as far as declarations and structure tell."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from ..core.expr import Add, Call, Expr, Eye, MatMul, Symbol, Times, Transpose, transpose
from ..core.structure import is_inverse, spreads, unnamed
from .assumptions import Attributes

DefiniteKind = Literal["", "semidefinite", "definite"]


class Definite:
    """Which symmetric matrices are positive (semi)definite."""

    def __init__(self, is_symmetric: Callable[[Expr], bool]) -> None:
        self._symmetric = is_symmetric
        self._has = Attributes(is_symmetric).has

    def needed(self, m: Expr) -> str:
        """What has to hold so that it has an inverse, as a sentence; empty where that is known."""
        if m.is_scalar:
            return "" if self._has(m, "positive") else f"`{m}` is not 0"
        if self(m) == "definite":
            return ""
        inner = _unscaled(m)
        if isinstance(inner, MatMul) and self._middle(inner) == "definite":
            last = inner.args[-1]
            if isinstance(last, Transpose):
                return f"`{last.args[0]}` has full row rank"
            return f"`{last}` has full column rank"
        return f"`{m}` has an inverse"

    def __call__(self, m: Expr) -> DefiniteKind:
        """What it is known to be; nothing is said of others."""
        m = unnamed(m)
        match m:
            case Eye():
                return "definite"
            case Symbol():
                positive = "posdef" in m.attributes or {"diagonal", "positive"} <= m.attributes
                return "definite" if positive else ""
            case Transpose():
                return self(m.args[0])
            case Add():
                parts = {self(a) for a in m.args}
                return "" if "" in parts else "definite" if "definite" in parts else "semidefinite"
            case Times():  # of matrices, the Schur product
                parts = {self._scale(a) if a.is_scalar else self(a) for a in m.args}
                known, strict = "" not in parts, "semidefinite" not in parts
                return "" if not known else "definite" if strict else "semidefinite"
            case MatMul():
                return "semidefinite" if self._middle(m) else ""
            case Call() if is_inverse(m):
                return "definite" if self(m.args[0]) == "definite" else ""
            case Call() if spreads(m):
                return self._scale(m.args[0])
        return ""

    def _scale(self, e: Expr) -> DefiniteKind:
        """What a scalar factor leaves of a matrix."""
        if self._has(e, "positive"):
            return "definite"
        return "semidefinite" if self._has(e, "nonneg") else ""

    def _middle(self, m: MatMul) -> DefiniteKind:
        """Of a product `B' P B`, what P is (the identity, if there is nothing between)."""
        factors = list(m.args)
        while len(factors) > 1 and self._are_turned(factors[0], factors[-1]):
            factors = factors[1:-1]
        if len(factors) == len(m.args) or len(factors) > 1:
            return ""
        return self(factors[0]) if factors else "definite"

    def _are_turned(self, first: Expr, last: Expr) -> bool:
        return first is transpose(last) or (first is last and self._symmetric(first))


def _unscaled(m: Expr) -> Expr:
    """The matrix without scalar factors."""
    if isinstance(m, Times):
        inner = [a for a in m.args if not a.is_scalar]
        return inner[0] if len(inner) == 1 else m
    return m
