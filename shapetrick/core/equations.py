"""Unknowns that are defined by equations, `Y : n x n where A Y + Y A' = Q`, and the linear systems
that determine multipliers and differentials."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from .dims import ONE
from .expr import (
    Expr,
    Number,
    Symbol,
    as_symbol,
    call,
    duplicate,
    eliminate,
    matmul,
    structured,
    subtract,
    times,
    transpose,
)
from .named_tuples import NamedTuple
from .traversal import symbols_of

STRUCTURES = ("symmetric", "diagonal", "lower", "upper")  # which entries of an unknown are free


class EquationSides(NamedTuple):
    """`left` = `right`; `residual` is zero at a solution."""

    left: Expr
    right: Expr

    @property
    def residual(self) -> Expr:
        right = self.right
        is_zero = isinstance(right, Number) and right.value == 0
        return self.left if is_zero else subtract(self.left, right)


class EquationSystem(NamedTuple):
    """Unknowns, and the equations that determine them together; what solves these, of which
    arguments, where the library says it."""

    unknowns: tuple[Symbol, ...]
    equations: tuple[EquationSides, ...]
    solver: str = ""
    arguments: tuple[Expr, ...] = ()

    @property
    def residuals(self) -> tuple[Expr, ...]:
        return tuple(sides.residual for sides in self.equations)

    def changed(self, change: Callable[[Expr], Expr]) -> EquationSystem:
        """With a change to each expression."""
        return EquationSystem(
            tuple(as_symbol(change(u)) for u in self.unknowns),
            tuple(EquationSides(*map(change, sides)) for sides in self.equations),
            self.solver,
            tuple(map(change, self.arguments)),
        )


class LinearEquation(NamedTuple):
    """`left` = `right`, linear in what is sought, of the shape and structure of `unknown` (by which
    it was differentiated, in an adjoint equation); `entries` says at which entries it holds, where
    not at all."""

    unknown: Symbol
    left: Expr
    right: Expr
    entries: str = ""


class LinearSystem(NamedTuple):
    """Equations that determine some symbols together."""

    symbols: tuple[Symbol, ...]
    equations: tuple[LinearEquation, ...]


def structure_of(symbol: Symbol) -> str:
    """Which entries of a symbol are free by its attributes; empty for all of them."""
    if "posdef" in symbol.attributes:
        return "symmetric"
    return next((s for s in STRUCTURES if s in symbol.attributes), "")


def free_entries(e: Expr, like: Symbol) -> Expr:
    """The free entries as a column, of a matrix that has the structure of a symbol."""
    match structure_of(like):
        case "symmetric" | "lower":
            return matmul(eliminate(e.shape[0]), call("vec", e))
        case "upper":
            return matmul(eliminate(e.shape[0]), call("vec", transpose(e)))
        case "diagonal":
            return call("diag", e)
    return e if e.shape[1] == ONE else call("vec", e)


def of_free_entries(column: Expr, like: Symbol) -> Expr:
    """The matrix that has the structure of a symbol and these free entries."""
    structure, (rows, cols) = structure_of(like), like.shape
    if structure == "diagonal":
        return call("diag", column)
    if not structure:
        return column if cols == ONE else call("unvec", column, data=(rows, cols))
    both = call("unvec", matmul(duplicate(rows), column), data=(rows, cols))
    if structure == "symmetric":
        return both
    return times(structured("lower" if structure == "lower" else "upper", rows, cols), both)


def systems_within(
    roots: Iterable[Expr], systems: Sequence[EquationSystem]
) -> tuple[EquationSystem, ...]:
    """The systems whose unknowns the expressions have, directly or through other systems; each
    after those whose unknowns are in its equations."""
    if not systems:
        return ()
    inside = {s for e in roots for s in symbols_of(e)}
    contents = {system: {s for e in system.residuals for s in symbols_of(e)} for system in systems}
    reached: list[EquationSystem] = []
    grown = True
    while grown:
        new = [x for x in systems if x not in reached and inside.intersection(x.unknowns)]
        grown = bool(new)
        reached += new
        inside = inside.union(*(contents[x] for x in new))
    ordered: list[EquationSystem] = []
    while len(ordered) < len(reached):
        left = [x for x in reached if x not in ordered]
        waiting = {u for x in left for u in x.unknowns}
        ready = [x for x in left if not contents[x] & (waiting - {*x.unknowns})]
        ordered += ready or left  # a circle is one system, solved together
    return tuple(ordered)


def inputs_of(systems: Iterable[EquationSystem]) -> tuple[Symbol, ...]:
    """The symbols in the equations that are no unknowns."""
    found = list(systems)
    unknowns = {u for system in found for u in system.unknowns}
    inside = (s for system in found for e in system.residuals for s in symbols_of(e))
    return tuple(dict.fromkeys(s for s in inside if s not in unknowns))
