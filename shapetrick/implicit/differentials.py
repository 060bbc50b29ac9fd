"""Derivatives along a direction through unknowns that equations determine.

With F(Y, X) = 0, the differential dY along dX = V is what makes the differential of F zero: a
linear equation for dY, as the adjoint equation is one for its multiplier. A gradient's multipliers
have differentials too, by their adjoint equations, which gives Hessian-vector products.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

from ..core.equations import (
    EquationSystem,
    LinearEquation,
    LinearSystem,
    structure_of,
)
from ..core.expr import (
    Expr,
    Symbol,
    add,
    named,
    negate,
    number,
    subtract,
    symbol,
    times,
    transpose,
    zeros,
)
from ..core.free_names import free_name
from ..core.named_tuples import NamedTuple
from ..core.problem import Problem, Request
from ..core.results import Adjoint
from ..core.structure import is_zero
from ..core.traversal import symbols_of
from ..derivation.chain_rule import tangent
from .adjoint import AtSolutions, derived
from .closed_forms import closed_form, library_differentials
from .examination import examined


class DirectionalDerivation(NamedTuple):
    """A derivative along a direction in differentials, and what it is the derivative of: for a
    Hessian-vector product the gradient, with its `adjoint`."""

    request: Request
    value: Expr
    of: Expr
    adjoint: Adjoint


def derived_along(
    problem: Problem, request: Request, direction: Expr, seed: int
) -> DirectionalDerivation:
    """The derivative along a direction of what a request is of, or, of a request of second order,
    of its gradient. Raises DerivationError where the equations do not determine the unknowns."""
    systems = problem.systems_of(request.of)
    of, adjoint = request.of, Adjoint(systems, (), ())
    is_second = request.kind in ("hvp", "hess")
    if is_second:
        first = derived(problem, replace(request, kind="grad", direction=None), seed)
        of, adjoint = first.gradient, first.adjoint
    said = examined(systems, request.wrt, seed)
    # A gradient by a symmetric matrix may hold for symmetric ones alone.
    if said.along_symmetric or (is_second and structure_of(request.wrt) == "symmetric"):
        request = replace(request, symmetric=True)
    residuals = [e for system in systems for e in system.residuals]
    like = {
        e: symbol(f"F{k}", e.shape, ["symmetric"] if is_symmetric else [])
        for k, (e, is_symmetric) in enumerate(zip(residuals, said.symmetric, strict=True))
    }
    found = _Differentials(problem, request, direction)
    for system in systems:
        found.add(system.unknowns, [(like[e], e, "") for e in system.residuals], system)
    for linear in adjoint.linear_systems:
        own = [(q.unknown, subtract(q.left, q.right), q.entries) for q in linear.equations]
        found.add(linear.symbols, own)
    whole = adjoint._replace(differentials=(*found.systems,))
    return DirectionalDerivation(request, found.told(found.along(of)), of, whole)


_Zero = tuple[Symbol, Expr, str]  # of which shape and structure, what is zero, and at which entries


class _Differentials:
    """The differentials of the variable and of the symbols that have been added, in order."""

    def __init__(self, problem: Problem, request: Request, direction: Expr) -> None:
        if request.symmetric:
            half = number(Fraction(1, 2))
            direction = times(half, add(direction, transpose(direction)))
        self._taken = {*problem.taken(request)}
        systems = problem.systems_of(request.of)
        at_solutions = AtSolutions(problem, systems, request.of)
        self._simplifier, self.told = at_solutions.simplifier, at_solutions.told
        self._known: dict[Symbol, Expr] = {request.wrt: self._simplifier(direction)}
        self.systems: list[LinearSystem] = []

    def along(self, e: Expr) -> Expr:
        """The differential of an expression."""
        inside, simplifier = symbols_of(e), self._simplifier
        parts = [tangent(e, x, dx, simplifier) for x, dx in self._known.items() if x in inside]
        return simplifier(add(*parts)) if parts else zeros(*e.shape)

    def add(
        self,
        symbols: Sequence[Symbol],
        zeros: Sequence[_Zero],
        system: EquationSystem | None = None,
    ) -> None:
        """The differentials of symbols that these equations determine, of a system or others."""
        own = {s: self._named(s) for s in symbols}
        equations, simplifier = [], self._simplifier
        for like, e, entries in zeros:
            inside = symbols_of(e)
            parts = [tangent(e, s, ds, simplifier) for s, ds in own.items() if s in inside]
            left = self.told(simplifier(add(*parts)))
            right = self.told(simplifier(negate(self.along(e))))
            equations.append(LinearEquation(like, left, right, entries))
        if all(is_zero(q.right) for q in equations):
            return
        forms = library_differentials(system, equations[0].right, simplifier) if system else []
        if len(own) == 1 and not forms:
            form = closed_form(equations, own[symbols[0]], simplifier)
            forms = [] if form is None else [form]
        if forms:
            pairs = zip(own.items(), forms, strict=True)
            self._known.update((s, named(ds.name, self.told(form))) for (s, ds), form in pairs)
            return
        self._known.update(own)
        self.systems.append(LinearSystem((*own.values(),), (*equations,)))

    def _named(self, s: Symbol) -> Symbol:
        name = free_name(f"d{s.name}", self._taken)
        self._taken.add(name)
        structure = structure_of(s)
        return symbol(name, s.shape, [structure] if structure else [])
