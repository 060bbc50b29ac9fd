"""Gradients through unknowns that equations determine: the trick, applied to the equations.

With F(Y, X) = 0 and a multiplier S of F's shape, the backward rule of F by Y set equal to Ȳ is a
linear equation for S, and minus the backward rule of F by X is what X gets. Of several systems the
last is taken first, and hands on to the unknowns of those before it.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import chain

from ..core.cost import length
from ..core.equations import (
    EquationSystem,
    LinearEquation,
    LinearSystem,
    inputs_of,
    structure_of,
)
from ..core.expr import (
    UNIT,
    Expr,
    Name,
    Symbol,
    add,
    call,
    named,
    negate,
    number,
    symbol,
    times,
    transpose,
    zeros,
)
from ..core.families import MemberSystem, live
from ..core.free_names import free_names
from ..core.indices import member
from ..core.named_tuples import NamedTuple
from ..core.problem import Problem, Request
from ..core.results import Adjoint, Equation, MemberAdjoint
from ..core.structure import is_zero
from ..core.traversal import postorder, substitute, symbols_of
from ..derivation.chain_rule import cotangents
from ..numerics.adjoint_solvers import solution_of, solved_symbols
from ..simplification.simplifier import Simplifier
from .closed_forms import closed_form, library_multiplier
from .examination import examined

ENTRIES = {
    "lower": "on and below the diagonal",
    "upper": "on and above the diagonal",
    "diagonal": "on the diagonal",
}


class AdjointDerivation(NamedTuple):
    """The gradient in multipliers; `request` is along the symmetric matrices where the equations
    need that."""

    request: Request
    gradient: Expr
    adjoint: Adjoint


def derived(problem: Problem, request: Request, seed: int) -> AdjointDerivation:
    """The gradient that a request asks for, through the unknowns in what it is of.

    Raises DerivationError where the unknowns are not determined."""
    request, adjoints = _prepared(problem, request, seed)
    return AdjointDerivation(request, *adjoints.found())


def _prepared(problem: Problem, request: Request, seed: int) -> tuple[Request, _Adjoints]:
    systems = problem.systems_of(request.of)
    said = examined(systems, request.wrt, seed)
    if said.along_symmetric:
        request = replace(request, symmetric=True)
    multipliers = _multipliers(problem, request, systems, said.symmetric)
    return request, _Adjoints(problem, request, systems, multipliers)


def member_adjoints(
    problem: Problem,
    request: Request,
    values: Iterable[Expr],
    names: Mapping[str, str],
    seed: int,
) -> tuple[Request, tuple[MemberAdjoint, ...]]:
    """The multipliers of the equations of members that values are made of, given the gradients by
    the generic members, which have these names. The request is along the symmetric matrices where
    the equations need that. Raises DerivationError where the unknowns are not determined."""
    used, found = live(problem.families, values), list[MemberAdjoint]()
    for determined in problem.families.systems:
        system = determined.system
        if used.isdisjoint(u.base for u in system.unknowns):
            continue
        up = {u: symbol(member(names[u.base], *u.indices), u.shape) for u in system.unknowns}
        of = add(*(call("dot", g, u) for u, g in up.items()))
        own = (x for x in inputs_of([system]) if x.base == request.wrt.base)
        wrt = next(own, request.wrt)
        asked = replace(request, kind="grad", of=of, wrt=wrt, direction=None, symmetric=False)
        taken = {s.base: s for x in found for _, s in x.weighted}
        alone = replace(problem, systems=(system,), symbols={**problem.symbols, **taken})
        asked, adjoints = _prepared(alone, asked, seed)
        if asked.symmetric:
            request = replace(request, symmetric=True)
        found.append(_of_members(determined, *adjoints.multipliers()))
    return request, (*found,)


def _of_members(
    determined: MemberSystem,
    weighted: Sequence[tuple[Expr, Expr]],
    equations: Sequence[LinearEquation],
) -> MemberAdjoint:
    """Multipliers as members of a family of their own."""
    adjoint = Adjoint((determined.system,), (*weighted,), (*equations,))
    place = determined.system.unknowns[0].indices
    own: dict[Expr, Symbol] = {
        s: symbol(member(s.name, *place), s.shape, s.attributes) for s in adjoint.symbols
    }
    sides = (
        q._replace(left=substitute(q.left, {**own}), right=substitute(q.right, {**own}))
        for q in equations
    )
    linear = LinearSystem((*own.values(),), (*sides,))
    forms = {own[adjoint.symbol(m)]: m.args[0] for _, m in weighted if isinstance(m, Name)}
    if not forms:
        forms = {s: solution_of(linear, s) for s in linear.symbols}
    return MemberAdjoint(
        determined,
        tuple((e, s) for e, m in weighted if (s := own[adjoint.symbol(m)]) in forms),
        tuple(Equation(s, e, determined.ranges, linear) for s, e in forms.items()),
    )


class _Adjoints:
    """The systems on the way from the last to the first."""

    def __init__(
        self,
        problem: Problem,
        request: Request,
        systems: Sequence[EquationSystem],
        multipliers: Mapping[Expr, Symbol],
    ) -> None:
        self._systems, self._multipliers, self._wrt = systems, multipliers, request.wrt
        at_solutions = AtSolutions(problem, systems, request.of)
        self._simplifier, self._told = at_solutions.simplifier, at_solutions.told
        upstream = request.direction if request.direction is not None else UNIT
        unknowns = (u for system in systems for u in system.unknowns)
        self._received: dict[Symbol, list[Expr]] = {x: [] for x in (*unknowns, request.wrt)}
        self._hand_down(request.of, upstream, self._received)

    def found(self) -> tuple[Expr, Adjoint]:
        """The gradient, and what its multipliers are."""
        weighted, equations = self.multipliers()
        gradient = self._told(self._simplifier(self._sum(self._wrt)))
        used, multipliers = {*postorder([gradient])}, dict(weighted)
        systems: list[EquationSystem] = []
        for system in self._systems:  # a gradient may need none of what others need
            if not used.isdisjoint(multipliers[e] for e in system.residuals if e in multipliers):
                systems.append(system)
                used.update(postorder(q.right for q in equations if q.unknown in system.unknowns))
        residuals = {e for system in systems for e in system.residuals}
        unknowns = {u for system in systems for u in system.unknowns}
        kept = tuple((e, m) for e, m in weighted if e in residuals)
        shown = tuple(q for q in equations if q.unknown in unknowns)
        return gradient, Adjoint(tuple(self._systems), kept, shown)

    def multipliers(self) -> tuple[list[tuple[Expr, Expr]], list[LinearEquation]]:
        """What is zero, each with its multiplier, and the adjoint equations."""
        weighted: list[tuple[Expr, Expr]] = []
        equations: list[LinearEquation] = []
        for system in reversed(self._systems):
            own = [(e, self._multipliers[e]) for e in system.residuals]
            found = [self._equation(u, own) for u in system.unknowns]
            if all(is_zero(q.right) for q in found):
                continue
            equations = [*found, *equations]
            known = library_multiplier(system, [q.right for q in found], self._simplifier)
            for e, s in own:
                form = closed_form(found, s, self._simplifier) if len(own) == 1 else known
                known = None  # of the first one alone
                m: Expr = s if form is None else named(s.name, self._told(form))
                weighted = [(e, m), *weighted]
                others = [x for x in self._received if x not in system.unknowns]
                self._hand_down(e, negate(m), others)
        return weighted, equations

    def _hand_down(self, value: Expr, upstream: Expr, symbols: Iterable[Symbol]) -> None:
        """Add to what the symbols get what a value of this upstream gives to them."""
        inside = symbols_of(value)
        for x in symbols:
            if x in inside:
                self._received[x].append(_backward(value, x, upstream))

    def _sum(self, x: Symbol) -> Expr:
        parts = self._received[x]
        return add(*parts) if parts else zeros(*x.shape)

    def _equation(self, u: Symbol, weighted: Sequence[tuple[Expr, Symbol]]) -> LinearEquation:
        """The backward rule of the equations by an unknown, equal to what comes from above; along
        the entries that are free."""
        simplifier = self._simplifier
        left = simplifier(add(*(_backward(e, u, s) for e, s in weighted)))
        right = simplifier(self._sum(u))
        structure = structure_of(u)
        if structure == "symmetric":
            both = [add(x, transpose(x)) for x in (left, right)]
            half = [simplifier(times(number(Fraction(1, 2)), x)) for x in both]
            whole = [simplifier(x) for x in both]
            left, right = min((half, whole), key=lambda sides: sum(map(length, sides)))
        return LinearEquation(u, self._told(left), self._told(right), ENTRIES.get(structure, ""))


class AtSolutions:
    """How expressions are simplified at solutions, where what an unknown is equal to is the
    unknown."""

    def __init__(self, problem: Problem, systems: Sequence[EquationSystem], of: Expr) -> None:
        explicit = dict(chain.from_iterable(map(_explicit, systems)))
        names = {named(u.name, e): u for u, e in explicit.items()}
        self.simplifier = Simplifier([*problem.definitions.values(), *names], [of])
        self._unknowns: dict[Expr, Expr] = {**names}

    def told(self, e: Expr) -> Expr:
        """The expression as it stands in an answer, with the unknowns as symbols."""
        return substitute(self.simplifier.answer(e), self._unknowns)


def _explicit(system: EquationSystem) -> Iterator[tuple[Symbol, Expr]]:
    """The unknowns that an equation has alone on a side, and the other side."""
    for sides in system.equations:
        for one, other in (sides, sides[::-1]):
            if isinstance(one, Symbol) and one in system.unknowns:
                yield one, other


def computable_gradient(
    gradient: Expr, adjoint: Adjoint, solvers: Container[str] = frozenset()
) -> Expr:
    """A derivative with the multipliers and differentials that only equations name as what solves
    these, by a library where it has one of these solvers."""
    return substitute(gradient, solved_symbols(adjoint.linear_systems, solvers))


def _multipliers(
    problem: Problem,
    request: Request,
    systems: Sequence[EquationSystem],
    symmetric: Sequence[bool],
) -> dict[Expr, Symbol]:
    """A multiplier for each equation; that of a symmetric equation is symmetric."""
    values = [e for system in systems for e in system.residuals]
    names = free_names("S", len(values), problem.taken(request))
    return {
        e: symbol(name, e.shape, ["symmetric"] if is_symmetric else [])
        for e, name, is_symmetric in zip(values, names, symmetric, strict=True)
    }


def _backward(value: Expr, x: Symbol, upstream: Expr) -> Expr:
    return cotangents(value, x, upstream)[x]
