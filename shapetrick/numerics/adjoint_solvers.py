"""Multipliers and differentials that only an equation determines, as what a library solves for: a
Sylvester equation, `M S + S N = R`, or a discrete Lyapunov equation, `M S M' - S = R`."""

from __future__ import annotations

from ..core.equations import structure_of
from ..core.expr import Expr, MatMul, Symbol, add, eye, matmul, negate, times, transpose
from ..core.results import Adjoint, LinearEquation
from ..core.solved import SolvedBy, computed
from ..core.structure import factors_of, terms_of
from ..core.traversal import substitute, symbols_of
from .solvers import unknowns_by


def solved_symbols(adjoint: Adjoint) -> dict[Expr, Expr]:
    """The multipliers and differentials that a library solves for, in inputs and unknowns."""
    found: dict[Expr, Expr] = {}
    for symbols, equations in adjoint.linear_systems:
        if len(symbols) == len(equations) == 1:
            (s,), (q,) = symbols, equations
            form = _solution(q, s, substitute(q.right, found))
            if form is not None:
                found[s] = form
    return found


def _solution(equation: LinearEquation, s: Symbol, right: Expr) -> Expr | None:
    """What solves a linear equation; None where no library does."""
    if not {structure_of(equation.unknown), structure_of(s)} <= {"", "symmetric"}:
        return None
    before: list[Expr] = []
    behind: list[Expr] = []
    around: list[tuple[Expr, Expr]] = []
    for term in terms_of(equation.left):
        sides = _around(term, s)
        if sides is None:
            return None
        m, n = sides
        if n is None:
            before.append(eye(s.shape[0]) if m is None else m)
        elif m is None:
            behind.append(n)
        else:
            around.append((m, n))
    if not around and before and behind:
        return _by("sylvester", s, add(*before), add(*behind), right)
    if before == [negate(eye(s.shape[0]))] and not behind and len(around) == 1:
        m, n = around[0]
        return _by("stein", s, m, negate(right)) if n is transpose(m) else None
    return None


def _by(solver: str, s: Symbol, *arguments: Expr) -> Expr:
    return computed(SolvedBy(solver, unknowns_by), s.shape, *arguments)


def _around(term: Expr, s: Symbol) -> tuple[Expr | None, Expr | None] | None:
    """M and N of a term `M S N`, None for what is not there; None for another term."""
    scalars = [f for f in factors_of(term) if f.is_scalar]
    larger = [f for f in factors_of(term) if not f.is_scalar]
    if len(larger) != 1:
        return None
    factors = larger[0].args if isinstance(larger[0], MatMul) else (larger[0],)
    places = [i for i, f in enumerate(factors) if s in symbols_of(f)]
    if len(places) != 1 or factors[places[0]] is not s:
        return None
    m, n = factors[: places[0]], factors[places[0] + 1 :]
    if not m and not n:
        return times(*scalars, eye(s.shape[0])), None
    if not m:
        return None, times(*scalars, matmul(*n))
    return times(*scalars, matmul(*m)), matmul(*n) if n else None
