"""Derivatives as values, `g = grad J wrt x`: the hook by which those who derive make them.

The language knows no calculus: `pipeline/hooks.py` registers what derives.
"""

from __future__ import annotations

from collections.abc import Callable

from ...core.equations import EquationSystem
from ...core.errors import RequestError
from ...core.expr import Expr, Symbol
from ...core.indices import base_of
from ...core.problem import DerivativeKind

Systems = tuple[EquationSystem, ...]
Deriver = Callable[[DerivativeKind, Expr, Symbol, Expr | None, Systems], Expr]
_derivers: list[Deriver] = []


def register_deriver(deriver: Deriver) -> None:
    """What makes derivatives: of a kind, of an expression, by a symbol, along something, where
    systems determine unknowns."""
    _derivers[:] = [deriver]


def derive(
    kind: DerivativeKind,
    of: Expr,
    wrt: Expr,
    along: Expr | None = None,
    systems: Systems = (),
) -> Expr:
    """The derivative as an expression. Raises RequestError, DerivationError."""
    if not isinstance(wrt, Symbol):
        raise RequestError("a derivative is by a declared name.")
    if base_of(wrt.name) != wrt.name:
        raise RequestError("a derivative by a member of a family is no value here.")
    return _derivers[0](kind, of, wrt, along, systems)
