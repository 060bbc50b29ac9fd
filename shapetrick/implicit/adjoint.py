"""Gradients through unknowns that equations determine: the adjoint equation is the trick, applied to
the equations.

With F(Y, X) = 0 and a multiplier S of F's shape, the backward rule of F by Y set equal to Ȳ is a
linear equation for S, and minus the backward rule of F by X is what X gets. Of several systems the
last is taken first, and hands on to the unknowns of those before it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from ..core.equations import EquationSystem, inputs_of, structure_of, systems_within
from ..core.errors import DerivationError
from ..core.expr import (
    UNIT,
    Expr,
    Number,
    Symbol,
    Zeros,
    add,
    computed,
    named,
    negate,
    number,
    symbol,
    times,
    transpose,
)
from ..core.problem import Problem, Request
from ..core.results import Adjoint, AdjointEquation
from ..core.traversal import postorder, substitute, symbols_of
from ..derivation.chain_rule import cotangents
from ..numerics.implicit_solving import MultiplierSolver, parts_of, stacked_shape
from ..simplification.simplifier import Simplifier
from .closed_forms import closed_form
from .examination import examined

MULTIPLIER = "S"
EQUATION = "F"
ENTRIES = {
    "lower": "on and below the diagonal",
    "upper": "on and above the diagonal",
    "diagonal": "on the diagonal",
}


@dataclass(frozen=True, slots=True)
class Residual:
    """An equation as an expression that is zero, and its multiplier: a symbol, or a definition
    where it has a closed form."""

    system: EquationSystem
    value: Expr
    multiplier: Expr
    symbol: Symbol


@dataclass(frozen=True, slots=True)
class AdjointDerivation:
    """The gradient in multipliers; `request` is along the symmetric matrices where the equations
    need that."""

    request: Request
    gradient: Expr
    adjoint: Adjoint
    residuals: tuple[Residual, ...]


def derived(
    problem: Problem, request: Request, simplifier: Simplifier, seed: int
) -> AdjointDerivation:
    """The gradient that a request asks for, through the unknowns in what it is of.

    Raises DerivationError for other derivatives, and where the unknowns are not determined."""
    systems = systems_within([request.of], problem.systems)
    if request.kind not in ("grad", "vjp"):
        raise DerivationError(
            f"`{request.kind}` through unknowns that equations determine is not derived: ask for "
            "the gradient (`grad`), or for the backward rule (`vjp`)."
        )
    said = examined(systems, request.wrt, seed)
    if said.along_symmetric:
        request = replace(request, symmetric=True)
    upstream = request.direction if request.direction is not None else UNIT
    residuals = _residuals(problem, request, systems, said.symmetric)
    unknowns = [u for system in systems for u in system.unknowns]
    received = {x: [_backward(request.of, x, upstream)] for x in (*unknowns, request.wrt)}
    solved: dict[Symbol, Residual] = {}
    equations: list[AdjointEquation] = []
    for system in reversed(systems):
        own = [r for r in residuals if r.system is system]
        found = [
            _adjoint_equation(u, own, simplifier(add(*received[u])), simplifier)
            for u in system.unknowns
        ]
        if all(_is_zero(q.right) for q in found):
            continue
        form = closed_form(found, own[0].symbol, simplifier) if len(own) == 1 else None
        if form is None:
            equations = [*found, *equations]
        for r in own:
            if form is not None:
                r = replace(r, multiplier=named(r.symbol.name, form))
            solved[r.symbol] = r
            for x in received:
                if x not in system.unknowns:
                    received[x].append(negate(_backward(r.value, x, r.multiplier)))
    multipliers = tuple(r.symbol for r in solved.values() if r.multiplier is r.symbol)
    return AdjointDerivation(
        request,
        simplifier(add(*received[request.wrt])),
        Adjoint(systems, multipliers, tuple(equations)),
        tuple(solved[r.symbol] for r in residuals if r.symbol in solved),
    )


def answered(adjoint: Adjoint, simplifier: Simplifier) -> Adjoint:
    """The adjoint equations as they are told."""
    told = [
        q._replace(left=simplifier.answer(q.left), right=simplifier.answer(q.right))
        for q in adjoint.equations
    ]
    return adjoint._replace(equations=tuple(told))


def computable(adjoint: Adjoint) -> Mapping[Expr, Expr]:
    """The multipliers as what is computed of inputs and unknowns."""
    if not adjoint.multipliers:
        return {}
    inside: dict[Symbol, None] = {}
    for q in adjoint.equations:
        inside.update(dict.fromkeys(symbols_of(q.left)))
    given = tuple(s for s in inside if s not in adjoint.multipliers)
    unknowns = tuple(q.unknown for q in adjoint.equations)
    solver = MultiplierSolver(
        adjoint.multipliers, unknowns, tuple(q.left for q in adjoint.equations), given
    )
    rights = [q.right for q in adjoint.equations]
    stacked = computed(solver, stacked_shape(adjoint.multipliers), *given, *rights)
    return parts_of(stacked, adjoint.multipliers)


def computable_gradient(gradient: Expr, adjoint: Adjoint | None) -> Expr:
    """A gradient without multipliers that only equations name. Right sides may have those of
    systems that come later, which are found first."""
    return gradient if adjoint is None else substitute(gradient, computable(adjoint))


def _residuals(
    problem: Problem,
    request: Request,
    systems: Sequence[EquationSystem],
    symmetric: Sequence[bool],
) -> list[Residual]:
    """The equations with their multipliers; one of a symmetric equation is symmetric."""
    values = [(system, e) for system in systems for e in system.residuals]
    names = _names(MULTIPLIER, len(values), problem.taken(request))
    found = []
    for (system, e), name, is_symmetric in zip(values, names, symmetric, strict=True):
        s = symbol(name, e.shape, ["symmetric"] if is_symmetric else [])
        found.append(Residual(system, e, s, s))
    return found


def _names(letter: str, count: int, taken: set[str]) -> Iterator[str]:
    """The letter, numbered where there are several or where it is taken."""
    if count == 1 and letter not in taken:
        yield letter
        return
    number = 0
    while count:
        number += 1
        if f"{letter}{number}" not in taken:
            count -= 1
            yield f"{letter}{number}"


def _backward(value: Expr, x: Symbol, upstream: Expr) -> Expr:
    return cotangents(value, x, upstream)[x]


def _adjoint_equation(
    unknown: Symbol, residuals: Sequence[Residual], right: Expr, simplifier: Simplifier
) -> AdjointEquation:
    """The backward rule of the equations by an unknown, equal to what comes from above; along the
    entries that are free."""
    left = simplifier(add(*(_backward(r.value, unknown, r.symbol) for r in residuals)))
    structure = structure_of(unknown)
    if structure == "symmetric":
        if simplifier.is_symmetric(left):
            half = times(number(Fraction(1, 2)), add(right, transpose(right)))
            right = right if simplifier.is_symmetric(right) else simplifier(half)
        else:
            left = simplifier(add(left, transpose(left)))
            right = simplifier(add(right, transpose(right)))
    return AdjointEquation(unknown, left, right, ENTRIES.get(structure, ""))


def _is_zero(e: Expr) -> bool:
    return isinstance(e, Zeros) or (isinstance(e, Number) and e.value == 0)
