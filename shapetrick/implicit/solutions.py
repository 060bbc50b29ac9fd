"""Unknowns isolated in their equations, one after the other: `solve grad J wrt w = 0`.

The equation and the unknown with the simplest inverse come first; what the unknown is goes into the
equations that are left, and its value keeps the names of those that come later.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..core.cost import length
from ..core.dims import ONE
from ..core.equations import EquationSystem
from ..core.errors import DerivationError
from ..core.expr import Expr, Symbol, named
from ..core.named_tuples import NamedTuple
from ..core.traversal import expand_names, substitute, symbols_of
from ..simplification.simplifier import Simplifier
from .isolation import Isolated, NotIsolated, isolated


class Isolation(NamedTuple):
    """An unknown, and how an equation (what is zero) isolates it."""

    unknown: Symbol
    residual: Expr
    found: Isolated


class Solution(NamedTuple):
    """The unknowns in the order in which they are isolated; each may be in the values before it."""

    isolations: tuple[Isolation, ...]

    @property
    def values(self) -> dict[Symbol, Expr]:
        """What each unknown is, later ones by their names."""
        known: dict[Expr, Expr] = {}
        found: dict[Symbol, Expr] = {}
        for unknown, _, (value, *_) in reversed(self.isolations):
            found[unknown] = substitute(value, known)
            known[unknown] = named(unknown.name, found[unknown])
        return found

    def inverted(self, wanted: Symbol) -> list[Expr]:
        """What is inverted on the way to the value of an unknown: for those that were isolated
        before it, for itself, and for those that its value contains."""
        reached: set[Symbol] = {one.unknown for one in self.isolations}
        found: dict[Expr, None] = {}
        for unknown, _, one in self.isolations:
            if unknown is wanted:
                reached = {wanted}
            if unknown in reached:
                reached.update(symbols_of(one.value))
                found.update(dict.fromkeys(one.inverted))
        return [*found]


def solution(system: EquationSystem, simplifier: Simplifier) -> Solution:
    """The unknowns of the equations. Raises DerivationError with the reason where one is not
    isolated."""
    waiting = [simplifier(expand_names(e)) for e in system.residuals]
    unknowns = list(system.unknowns)
    found: list[Isolation] = []
    while unknowns:
        following = _simplest(waiting, unknowns, simplifier)
        found.append(following)
        unknowns.remove(following.unknown)
        waiting.remove(following.residual)
        known: dict[Expr, Expr] = {following.unknown: following.found.value}
        waiting = [simplifier(substitute(e, known)) for e in waiting]
    if any(symbols_of(e) for e in waiting):
        raise DerivationError(
            f"there are {len(system.equations)} equations for {len(system.unknowns)} unknowns: "
            f"`{waiting[0]} = 0` is left over."
        )
    return Solution(tuple(found))


def _simplest(
    residuals: Sequence[Expr], unknowns: Sequence[Symbol], simplifier: Simplifier
) -> Isolation:
    able: list[tuple[int, int, Isolation]] = []
    reasons: dict[Symbol, list[str]] = {u: [] for u in unknowns}
    for u in unknowns:
        for e in residuals:
            if u not in symbols_of(e):
                continue
            try:
                found = isolated(e, u, simplifier)
            except NotIsolated as error:
                reasons[u].append(str(error))
                continue
            cost = sum(map(length, found.inverted))
            able.append((cost, len(able), Isolation(u, e, found)))
    if able:
        return min(able, key=lambda x: x[:2])[2]
    u = next((u for u in unknowns if reasons[u]), unknowns[0])
    why = reasons[u][0] if reasons[u] else f"no equation is left that has `{u.name}`"
    raise DerivationError(f"`{u.name}` is not isolated: {why}.{_advice(residuals, u)}")


def _advice(residuals: Sequence[Expr], u: Symbol) -> str:
    """What to write where numbers can solve the equation."""
    if len(residuals) != 1 or residuals[0].shape != u.shape:
        return ""
    sides = u.shape if ONE not in u.shape[1:] else u.shape[:1]
    shape = "scalar" if u.is_scalar else " x ".join(map(str, sides))
    return (
        f" Declared by its equation it is solved for by numbers: `{u.name} : {shape} where "
        f"{residuals[0]} = 0`."
    )
