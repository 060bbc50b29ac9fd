"""Multipliers and differentials that only equations determine, as what computes them: a Sylvester
equation, `M S + S N = R`, and a discrete Lyapunov equation, `M S M' - S = R`, by what a library has
for these; any others by the entries that are free, as a column on which the left sides work."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from typing import Any

from ..core.dims import NOTHING, ONE, Dim, Sizes
from ..core.equations import (
    LinearEquation,
    LinearSystem,
    free_entries,
    of_free_entries,
    structure_of,
)
from ..core.expr import (
    Expr,
    MatMul,
    Symbol,
    add,
    eye,
    matmul,
    negate,
    symbol,
    times,
    transpose,
)
from ..core.indices import Index, member
from ..core.solved import LinearSolver, Solved, SolvedBy, SystemSolver, computed
from ..core.structure import factors_of, terms_of
from ..core.structured import block_matrix, selected, selection
from ..core.traversal import substitute, symbols_of, transform
from .implicit_solving import linear_solution, tape_of
from .solvers import unknowns_by

ENTRIES = "#entries"  # no name that anyone has: the free entries of what is sought


def solved_symbols(
    systems: Iterable[LinearSystem],
    solvers: Container[str] = frozenset(),
    form: Callable[[Expr], Expr] = lambda e: e,
) -> dict[Expr, Expr]:
    """The multipliers and differentials that systems determine, each beside those before it, in
    inputs and unknowns: by a library where it has one of these solvers, else by their equations,
    whose left sides are brought to a form."""
    found: dict[Expr, Expr] = {}
    for system in systems:
        known = _by_library(system, found, solvers)
        if known is None:
            lefts = [substitute(form(q.left), found) for q in system.equations]
            rights = [substitute(q.right, found) for q in system.equations]
            known = _by_entries(system, lefts, rights)
        found.update(known)
    return found


def solution_of(system: LinearSystem, sought: Symbol) -> Expr:
    """What one of the symbols, members of families, is by a system, as a node that says so."""
    rights = [symbol(f"#right{k}", q.right.shape) for k, q in enumerate(system.equations)]
    anywhere = [Index(f"·{axis}") for axis in range(len(sought.indices))]
    own: dict[Expr, Symbol] = {
        s: symbol(member(s.base, *anywhere), s.shape, s.attributes) for s in system.symbols
    }
    equations = tuple(
        q._replace(left=substitute(q.left, {**own}), right=right)
        for q, right in zip(system.equations, rights, strict=True)
    )
    letters = LinearSystem(tuple(own.values()), equations)
    inside = dict.fromkeys(x for q in system.equations for x in symbols_of(q.left))
    given = tuple(x for x in inside if x not in own)
    value = solved_symbols([letters])[own[sought]]
    solver = SystemSolver(letters, own[sought], given, value, _evaluated)
    return computed(solver, sought.shape, *given, *(q.right for q in system.equations))


def solved_in(e: Expr, solvers: Container[str], form: Callable[[Expr], Expr]) -> Expr:
    """An expression with what computes such a solution: by a library where it has the solver."""

    def put(x: Expr) -> Expr:
        if not isinstance(x, Solved) or not isinstance(x.compute, SystemSolver):
            return x
        found = solved_symbols([x.compute.system], solvers, form)[x.compute.sought]
        return substitute(found, dict(zip(x.compute.arguments, x.args, strict=True)))

    return transform(e, put)


def _evaluated(
    value: Expr, sizes: Sizes, functions: Any, names: Sequence[Symbol], values: Sequence[Any]
) -> Any:
    given = {s.name: x for s, x in zip(names, values, strict=True)}
    return tape_of(value).run(given, sizes, functions)[0]


def _by_library(
    system: LinearSystem, known: Mapping[Expr, Expr], solvers: Container[str]
) -> dict[Expr, Expr] | None:
    """What is sought as what a library solves for; None where that has no solver."""
    if len(system.symbols) > 1 or len(system.equations) > 1:
        return None
    (s,), (q,) = system
    call = _call(q, s, substitute(q.right, known))
    if call is None or call[0] not in solvers:
        return None
    solver, *arguments = call
    return {s: computed(SolvedBy(solver, unknowns_by), s.shape, *arguments)}


# ------------------------------------------------------------------------------ by free entries


def _by_entries(
    system: LinearSystem, lefts: Sequence[Expr], rights: Sequence[Expr]
) -> dict[Expr, Expr]:
    """What is sought, all its free entries together as a column."""
    counts = [_count(s) for s in system.symbols]
    whole = symbol(ENTRIES, (sum(counts, NOTHING), ONE))
    sought: dict[Expr, Expr] = {}
    before = NOTHING
    for s, count in zip(system.symbols, counts, strict=True):
        rows = selection(before + ONE, before + count, whole.shape[0])
        sought[s] = of_free_entries(selected(whole, rows, None) if len(counts) > 1 else whole, s)
        before = before + count
    rule, right = (
        block_matrix(
            [[free_entries(e, q.unknown)] for e, q in zip(es, system.equations, strict=True)]
        )
        for es in ([substitute(e, sought) for e in lefts], rights)
    )
    given = tuple(s for s in symbols_of(rule) if s is not whole)
    solver = LinearSolver(whole, rule, given, linear_solution)
    entries: dict[Expr, Expr] = {whole: computed(solver, whole.shape, *given, right)}
    return {s: substitute(e, entries) for s, e in sought.items()}


def _count(s: Symbol) -> Dim:
    """How many entries are free."""
    return free_entries(s, s).shape[0]


# ------------------------------------------------------------------------------- by a library


def _call(equation: LinearEquation, s: Symbol, right: Expr) -> tuple[str, *tuple[Expr, ...]] | None:
    """The solver of a linear equation and its arguments; None where there is none."""
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
        return "sylvester", add(*before), add(*behind), right
    if before == [negate(eye(s.shape[0]))] and not behind and len(around) == 1:
        m, n = around[0]
        return ("stein", m, negate(right)) if n is transpose(m) else None
    return None


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
