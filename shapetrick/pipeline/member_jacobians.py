"""Jacobians by members: the equations of a backward rule with its upstream left out of each.

They are recurrences themselves: with D[t] = ∂h[T]/∂h[t], D[T] = I, and D[t-1] is D[t] times the
Jacobian of one step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..core import expr as ex
from ..core.dims import ONE
from ..core.errors import DerivationError
from ..core.expr import Expr, Symbol, Total
from ..core.families import MemberBox, box_of, is_inside, members_in, reindexed
from ..core.indices import member
from ..core.problem import Problem, Request
from ..core.results import Equation, Recursion
from ..core.traversal import postorder, substitute, symbols_of
from ..families.equation_regions import box_of_equation, rising
from ..families.recurrence import Backpropagation, segments_of
from ..families.upstream_regions import recurrent_in
from .jacobians import INSTEAD, NO_FORM, jacobian, moved, opened

ROWS = "D"  # what the Jacobians by the members of a family are called: D, or D_Z
NEAR = 4  # steps of a recurrence that an answer is written in at most


def member_jacobians(
    problem: Problem, rule: Request, found: Recursion, back: Backpropagation
) -> Recursion:
    """The Jacobian that a backward rule is whose equations are found. Raises DerivationError."""
    return _Rows(problem, rule, found, back).recursion()


@dataclass
class _Rows:
    """Equations linear in an upstream, with it left out: recurrences of Jacobians."""

    problem: Problem
    request: Request
    found: Recursion
    back: Backpropagation

    def __post_init__(self) -> None:
        of = self.request.of
        self._size = of.shape[0] * of.shape[1]
        used = {q.symbol.base for q in self.found.cotangents}
        bases = {base: name for base, name in self.back.names.items() if name in used}
        taken = self.problem.taken(self.request)
        alone = ROWS if ROWS not in taken else f"{ROWS}_"
        self._names = {
            name: alone if len(bases) == 1 else f"{ROWS}_{base}" for base, name in bases.items()
        }
        self._simplifier = self.back.simplifier

    def recursion(self) -> Recursion:
        cotangents = [self._equation(q) for q in self.found.cotangents]
        gradients = [self._answer(q) for q in self.found.gradients]
        inlined, answers = _inlined(cotangents, gradients)
        answers = [replace(q, value=self._written(q.value)) for q in answers]
        inlined = [replace(q, value=self._written(q.value)) for q in inlined]
        padded = tuple((self._names.get(base, base), axis) for base, axis in self.found.padded)
        rows = (replace(q, symbol=self._row(q.symbol, q.symbol.base)) for q in self.found.left_out)
        left_out = tuple(replace(q, value=ex.zeros(*q.symbol.shape)) for q in rows)
        return Recursion(tuple(inlined), tuple(answers), self.found.least, padded, left_out)

    def _written(self, e: Expr) -> Expr:
        return self._simplifier.with_diagonals(self.back.simplified(e))

    def _equation(self, q: Equation) -> Equation:
        return Equation(self._row(q.symbol), self._opened(q.value), q.ranges)

    def _row(self, x: Symbol, base: str = "") -> Symbol:
        """∂vec(Y)/∂vec(X) for the cotangent of X."""
        size = x.shape[0] * x.shape[1]
        name = member(base or self._names[x.base], *x.indices)
        return ex.symbol(name, (self._size, size))

    def _answer(self, q: Equation) -> Equation:
        of, value = self.request.of, self._opened(q.value)
        if q.symbol.is_scalar and of.shape[1] != ONE:
            value = ex.call("unvec", value, data=of.shape)
        return Equation(ex.symbol(q.symbol.name, value.shape), value, q.ranges)

    def _opened(self, e: Expr) -> Expr:
        """The rule that an expression is, with its upstream left out."""
        upstream = self.request.direction
        assert upstream is not None
        rows: dict[Expr, Expr] = {}
        sums: dict[Expr, Expr] = {}
        for x in postorder([e], into=lambda x: not isinstance(x, Total)):
            if isinstance(x, Total) and self._depends(x):
                stand_in = ex.symbol(f"#sum{len(sums)}", x.shape)
                sums[x] = stand_in
                rows[stand_in] = ex.total(self._opened(x.args[0]), x.over)
            elif x is upstream:
                rows[x] = ex.eye(self._size)
            elif isinstance(x, Symbol) and x.base in self._names:
                rows[x] = self._row(x)
        whole = substitute(e, sums) if sums else e
        terms, by = [], ex.symbol("#by", e.shape)
        for x, row in rows.items():
            others = {y: ex.zeros(*y.shape) for y in rows if y is not x}
            alone = self.back.simplified(substitute(whole, others)) if others else whole
            part = opened(alone, x, by, self._simplifier)
            if part is None:  # as a whole: through the matrices on the way it may have a form
                forward = moved(alone, x, by, self._simplifier)
                if forward is None:
                    raise DerivationError(NO_FORM + INSTEAD)
                part = jacobian(forward, by, self._simplifier)
            if e.is_scalar and x.shape[1] != ONE:
                part = ex.call("vec", part)
            terms.append(ex.matmul(row, part))
        shape = self._size, e.shape[0] * e.shape[1]
        return self.back.simplified(ex.add(*terms)) if terms else ex.zeros(*shape)

    def _depends(self, e: Expr) -> bool:
        names = self._names
        return any(x is self.request.direction or x.base in names for x in symbols_of(e))


def _inlined(
    equations: Sequence[Equation], answers: Sequence[Equation]
) -> tuple[list[Equation], list[Equation]]:
    """The equations without those that are no recurrences, whose values are put where they are
    used, and without those that nothing uses. An answer some steps from a recurrence's start, such
    as ∂h[t]/∂h[t-1], is written in these."""
    recurrent = recurrent_in(equations)
    plain = [(q, box_of_equation(q)) for q in equations if q.symbol.base not in recurrent]
    every = [(q, box_of_equation(q)) for q in equations]
    answers = [_near_start(_opened_in(q, plain), every) for q in answers]
    equations = [_opened_in(q, plain) for q in equations]
    used: set[str] = set()
    waiting = [*answers]
    while waiting:
        bases = {x.base for x, _ in members_in(waiting.pop().value)}
        waiting += [q for q in equations if q.symbol.base in bases - used]
        used |= bases
    return [q for q in equations if q.symbol.base in used], answers


PlacedEquations = Sequence[tuple[Equation, MemberBox]]  # equations, and for which members they are


def _opened_in(q: Equation, others: PlacedEquations) -> Equation:
    """An equation with the values of members for them, as long as there are some."""
    while (found := _opened_once(q, others)) is not q:
        q = found
    return q


def _near_start(q: Equation, others: PlacedEquations) -> Equation:
    """An answer that is a member of a recurrence some steps from its start, written in these; else
    the answer as it is."""
    names, found = {other.symbol.base for other, _ in others}, q
    for _ in range(NEAR):
        places = [x for x, _ in members_in(found.value) if x.base in names]
        if not places:
            return found
        if any(r.letter in i.terms for r in q.ranges for x in places for i in x.indices):
            return q
        found = _opened_once(found, others)
    return q


def _opened_once(q: Equation, others: PlacedEquations) -> Equation:
    new: dict[Expr, Expr] = {}
    for x, inner in members_in(q.value):
        box = box_of(x.indices, (*rising(q), *inner))
        for other, own in others:
            if other.symbol.base == x.base and is_inside(box, own):
                (segment,) = segments_of([other])
                new[x] = reindexed(other.value, segment.values(x.indices))
    return replace(q, value=substitute(q.value, new)) if new else q
