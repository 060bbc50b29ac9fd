"""Jacobians, Hessians and products with them by members of families, and rules of members that a
letter names.

A backward pass is a family of its own, linear in its upstream. Differentiated by the upstream, it
gives the forward pass (`jvp`); differentiated again by the variable along a direction, products
with the Hessian. Where the upstream is left out of each of its equations, they are recurrences of
Jacobians: with D[t] = ∂h[T]/∂h[t], D[T] = I, and D[t-1] is D[t] times the Jacobian of one step.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial

from ..core import expr as ex
from ..core.dims import ONE
from ..core.equations import EquationSides, EquationSystem, LinearSystem
from ..core.errors import DerivationError
from ..core.expr import Expr, Symbol, Total, as_symbol
from ..core.families import (
    MemberBox,
    MemberSystem,
    at_index,
    box_of,
    cotangent_names,
    is_inside,
    members_in,
    reindexed,
)
from ..core.indices import Indices, Range, member, parts, read_name
from ..core.named_tuples import NamedTuple
from ..core.problem import DerivativeKind, Problem, Request, called
from ..core.results import Equation, MemberAdjoint, Recursion
from ..core.traversal import postorder, substitute, symbols_of
from ..derivation.chain_rule import upstream_of
from ..families.equation_regions import box_of_equation, rising
from ..families.given_checks import First
from ..families.given_letters import (
    near_ends,
    numbers_of,
    put_back,
    stand_ins,
    text_with_letters,
    with_letters_back,
    with_other_letters,
)
from ..families.given_orders import AFTER, BEFORE, Comparison, LetterOrder, bounds_of, meeting
from ..families.recurrence import Backpropagation, MemberUse
from ..families.unrolling import segments_of
from ..families.upstream_regions import Gap, of_one_upstream, recurrent_in
from ..implicit.adjoint import member_adjoints
from .jacobians import INSTEAD, NO_FORM, jacobian, moved, opened


def backpropagation(
    problem: Problem,
    request: Request,
    seed: int,
    asked: tuple[MemberUse, ...] = (),
    named: Mapping[str, str] | None = None,
    title: str = "",
    linear: frozenset[str] = frozenset(),
) -> tuple[Request, Backpropagation]:
    """What finds the recurrences, through members that equations determine as well; the request is
    along the symmetric matrices where the equations need that. Raises DerivationError."""
    families, names = problem.families, dict(named or {})
    determined: tuple[MemberAdjoint, ...] = ()
    if families.systems:
        values = [use.body for use in asked] or [request.of]
        taken = problem.taken(request) | {*names.values()}
        names = {**cotangent_names(families, values, taken), **names}
        request, determined = member_adjoints(problem, request, values, names, seed)
    return request, Backpropagation(problem, request, asked, names, title, linear, determined)


class GivenCase(NamedTuple):
    """The equations for letters that stand in one order."""

    order: LetterOrder
    found: Recursion
    gaps: Sequence[Gap]  # regions, and what lies between them

    def within(self, ranges: Sequence[Range]) -> Recursion:
        """The equations as they hold where the letters are within these ranges."""
        return self.found.changed(lambda q: replace(q, ranges=(*ranges, *q.ranges)))


@dataclass(frozen=True)
class MemberDerivative:
    """The equations that a request of members asks for."""

    problem: Problem
    request: Request
    seed: int

    @cached_property
    def first(self) -> First | None:
        """The gradient that a second derivative is of."""
        request = self.request
        if request.kind not in ("hess", "hvp"):
            return None
        asked = replace(
            request, kind="grad", wrt=request.first_wrt, direction=None, rows=None, ranges=(),
            claim=None,
        )  # fmt: skip
        asked, back = backpropagation(self.problem, asked, self.seed)
        return First(asked, back.recursion())

    @cached_property
    def problem_with_first(self) -> Problem:
        """The problem, to whose families the cotangents of the first gradient belong."""
        if self.first is None:
            return self.problem
        return with_equations(self.problem, self.first.recursion)

    def recursion(self) -> Recursion:
        """All equations; each holds for the given letters within the first of its ranges."""
        found = [*self._recursions()]
        known = [] if self.first is None else [self.first.recursion]
        if known:
            given = {r.letter for r in self.request.ranges}
            before = (with_other_letters(q, given) for q in known[0].cotangents)
            found[0] = found[0]._replace(cotangents=(*before, *found[0].cotangents))
        least: dict[str, int] = {}
        for r in (*known, *found):
            least.update({t: max(k, least.get(t, 1)) for t, k in r.least.items()})
        padded = dict.fromkeys(p for r in (*known, *found) for p in r.padded)
        return Recursion(
            tuple(q for r in found for q in r.cotangents),
            tuple(q for r in found for q in r.gradients),
            least,
            tuple(padded),
            tuple(q for r in found for q in r.left_out),
        )

    def _recursions(self) -> Iterator[Recursion]:
        request = self.request
        if request.kind == "hvp":
            yield self._along()
        elif request.kind == "hess":
            assert self.first is not None
            asked, first = self.first.request, self.first.recursion
            for q in first.gradients:
                ends = zip(asked.wrt.indices, *box_of_equation(q), strict=True)
                own = {i.letter: Range(i.letter, low, high) for i, low, high in ends}
                yield from self._by_given(q.value, [own[r.letter] for r in request.ranges])
        else:
            yield from self._by_given(request.of, request.ranges)

    # ---- letters that are given

    def _by_given(self, of: Expr, ranges: Sequence[Range]) -> Iterator[Recursion]:
        """The equations for the letters' values: all alike but for those near the ends."""
        for k, over in enumerate(ranges):
            if over.first != over.last and not over.last.terms:  # no number lies between
                for index in numbers_of(over):
                    alone = [*ranges[:k], Range(over.letter, index, index), *ranges[k + 1 :]]
                    yield from self._by_given(of, alone)
                return
        running = [r for r in ranges if r.first != r.last]
        fixed = {r.letter: r.first for r in ranges if r.first == r.last}
        cases = [*self._cases(of, running, fixed)]
        narrowed: dict[str, Range] = {}
        for over, outside in near_ends([gap for case in cases for gap in case.gaps], running):
            for index in outside:
                alone = [narrowed.get(r.letter, r) for r in ranges]
                at = Range(over.letter, index, index)
                yield from self._by_given(of, [at if r.letter == at.letter else r for r in alone])
            narrowed[over.letter] = over
        for case in cases:
            where = {r.letter: r.where for r in case.order.ranges}
            given = [narrowed.get(r.letter, r) for r in ranges]
            given = [r._replace(where=where.get(r.letter, ())) for r in given]
            yield case.within(given)

    def _cases(self, of: Expr, ranges: Sequence[Range], fixed: Indices) -> Iterator[GivenCase]:
        """The equations in each order of the letters and of what they are compared with."""
        letters = [r.letter for r in ranges]
        first = self._case(of, LetterOrder(stand_ins(letters), tuple(ranges)), fixed)
        bounds = self._bounds(of, first)
        met = meeting(bounds, letters, self.problem.families.lengths)
        most = None if met is None else met.limit(bounds, BEFORE)
        if met is None or most is None:
            yield first
            return
        after = self._case(of, met.apart(AFTER, most + 1, ranges), fixed)
        least = met.limit(self._bounds(of, after), AFTER)
        least = most + 1 if least is None else max(least, most + 1)
        orders = (met.together(ahead, ranges) for ahead in range(most + 1, least))
        between = [self._case(of, order, fixed) for order in orders if order is not None]
        if all({*case.found.equations} == {*first.found.equations} for case in (*between, after)):
            yield first
            return
        yield first._replace(order=met.apart(BEFORE, most, ranges))
        yield from between
        yield after._replace(order=met.apart(AFTER, least, ranges))

    def _bounds(self, of: Expr, case: GivenCase) -> list[Comparison]:
        wrt = self.request.wrt if self.request.rows is None else self.request.rows
        uses = (*case.found.equations, Equation(wrt, of, ()))
        return bounds_of(case.gaps, uses, self.request.wrt.base)

    def _case(self, of: Expr, order: LetterOrder, fixed: Indices) -> GivenCase:
        at = {**fixed, **order.stand.values}
        found, gaps = self._derived(reindexed(of, at), at, fixed)
        letters = [r.letter for r in order.ranges]
        taken = {*letters, *fixed}
        own = [t for i in self.request.wrt.indices for t in i.terms if t not in letters]
        others = [t for t in own if t not in self.problem.families.lengths]
        found = found.changed(lambda q: put_back(q, order.stand, taken, others))
        index = order.stand.lettered
        regions = [pair for q in found.equations for pair in zip(*box_of_equation(q), strict=True)]
        return GivenCase(order, found, [*regions, *((index(a), index(b)) for a, b in gaps)])

    def _derived(self, of: Expr, at: Indices, fixed: Indices) -> tuple[Recursion, list[Gap]]:
        request = self.request
        wrt, title = self._variable(at), self._title(fixed)
        is_rule = request.kind in ("grad", "vjp")
        direction = request.direction if is_rule else as_symbol(upstream_of(of))
        kind: DerivativeKind = "grad" if request.kind == "grad" else "vjp"
        rule = replace(request, kind=kind, of=of, wrt=wrt, direction=direction)
        problem = at_lengths(self.problem_with_first, at)
        rule, back = backpropagation(problem, rule, self.seed, title=title)
        found, gaps = of_one_upstream(back.recursion(), direction, back)
        if is_rule:
            return found, gaps
        if request.kind == "jvp":
            return self._forward(found, rule, title), gaps
        if request.rows is not None:
            itself = at_index(request.rows, at).name
            own = [
                q
                for q in found.gradients
                if request.rows.base == request.wrt.base
                and member(request.rows.base, *q.symbol.indices) == itself
            ]
            others = tuple(q for q in found.gradients if q not in own)
            found = found._replace(gradients=others, left_out=tuple(own))
        return member_jacobians(problem, rule, found, back), gaps

    def _variable(self, at: Indices) -> Symbol:
        """The variable where the given letters have these values; along all members of a family the
        direction has letters of its own."""
        wrt, direction = self.request.wrt, self.request.direction
        along = self.request.kind == "jvp" and direction is not None and direction.indices
        return wrt if along else at_index(wrt, at)

    # ---- as on paper

    def rule(self) -> tuple[Backpropagation, Sequence[Equation]]:
        """The gradient or the backward rule from which the derivative is found, and its
        cotangents."""
        request = self.request
        if self.first is not None:
            asked = self.first.request
        else:
            at = stand_ins([r.letter for r in request.ranges]).values
            asked = replace(request, of=reindexed(request.of, at), wrt=self._variable(at))
            if request.kind not in ("grad", "vjp"):
                upstream = ex.symbol(f"bar({request.of_text})", request.of.shape)
                asked = replace(asked, kind="vjp", direction=upstream)
        _, back = backpropagation(self.problem, asked, self.seed)
        return back, back.recursion().cotangents

    def papers(
        self, back: Backpropagation, cotangents: Sequence[Equation]
    ) -> Iterator[tuple[Request, str]]:
        """What to derive as on paper, as `back` says, with the letters that are given."""
        if self.first is not None or not self.request.ranges:
            yield from back.papers(cotangents)
            return
        stand = stand_ins([r.letter for r in self.request.ranges])
        for paper, label in back.papers(cotangents):
            up = paper.direction
            asked = replace(
                paper,
                of=with_letters_back(paper.of, stand),
                of_text=text_with_letters(paper.of_text, stand),
                wrt=as_symbol(with_letters_back(paper.wrt, stand)),
                direction=None if up is None else as_symbol(with_letters_back(up, stand)),
            )
            yield asked, text_with_letters(label, stand)

    # ---- along a direction

    def _along(self) -> Recursion:
        """The gradient's backward rule with the direction as its upstream."""
        assert self.first is not None
        first = self.first.recursion
        return self._moved(self.problem_with_first, self.request, first, self._title({}))

    def _forward(self, rule: Recursion, request: Request, title: str) -> Recursion:
        """A rule differentiated by its upstream, along the direction."""
        problem, upstream = with_equations(self.problem, rule), request.direction
        assert upstream is not None
        by_upstream = replace(request, kind="grad", wrt=upstream, direction=self.request.direction)
        linear = frozenset(q.symbol.base for q in rule.cotangents)
        found = self._moved(problem, by_upstream, rule, title, linear)
        # Its sums are over what the rule's are.
        return found._replace(padded=tuple(dict.fromkeys((*rule.padded, *found.padded))))

    def _moved(
        self,
        problem: Problem,
        request: Request,
        of: Recursion,
        title: str,
        linear: frozenset[str] = frozenset(),
    ) -> Recursion:
        """What gradients change by along the direction."""
        asked = tuple(MemberUse(q.value, self._direction(q), rising(q)) for q in of.gradients)
        names = self._tangent_names(of)
        _, back = backpropagation(problem, request, self.seed, asked, names, title, linear)
        return back.recursion()

    def _direction(self, q: Equation) -> Symbol:
        """The direction for the member that an equation is by."""
        direction = self.request.direction
        assert direction is not None
        if not direction.indices or not q.symbol.indices:
            return direction
        return ex.symbol(member(direction.base, *q.symbol.indices), q.symbol.shape)

    def _tangent_names(self, rule: Recursion) -> dict[str, str]:
        """What is differentiated along the direction has a d before its name: dZ, dG."""
        families, taken = self.problem.families, self.problem.taken(self.request)
        values = [self.request.of]
        names = cotangent_names(families, values, taken)
        used = {q.symbol.base for q in rule.cotangents}
        found: dict[str, str] = {}
        for base, cotangent in names.items():
            if cotangent in used:
                for of, by in ((base, cotangent), (cotangent, base)):
                    found[by] = f"d{of}"
                    while found[by] in taken:
                        found[by] += "_"
        return found

    def _title(self, fixed: Indices) -> str:
        """What the derivative is called, without the indices of the variable."""
        request = self.request
        if request.kind == "grad":
            of, wrt = self._of_text(fixed), request.wrt.base
            return f"∂{of}/∂{wrt}"
        if request.kind == "vjp":
            return f"bar({request.wrt.base})"
        of, wrt = self._of_text(fixed), request.wrt.base
        match request.kind:
            case "hess":
                first = at_index(request.first_wrt, fixed)
                return f"∂²{of}/∂{first.name}∂{wrt}"
            case "hvp":
                return f"∂d{of}/∂{wrt}"
            case "jvp":
                return f"∂{of}/∂{request.wrt.name}{request.along}"
        return f"∂{of}/∂{wrt}"

    def _of_text(self, fixed: Indices) -> str:
        text = self.request.of_text
        base, indices = parts(read_name(text))
        if indices:
            return member(base, *(i.within(fixed) for i in indices))
        return called(text)


def with_equations(problem: Problem, recursion: Recursion) -> Problem:
    """The problem with the cotangents of a recurrence among its families; those that solve
    equations are determined by these. Raises DerivationError."""
    padded = dict[str, set[int]]()
    for base, axis in recursion.padded:
        padded.setdefault(base, set()).add(axis)
    segments = [*problem.families.segments]
    systems: dict[MemberSystem, None] = {}
    for q in recursion.cotangents:
        linear = q.solved or q.solves
        if linear is not None:
            systems[MemberSystem(_system(linear), rising(q))] = None
        segments += [
            replace(s, body=s.body if linear is None else None, attributes=q.symbol.attributes)
            for s in segments_of([q])
        ]
    families = problem.families._replace(
        segments=tuple(replace(s, padded=s.padded.union(padded.get(s.base, ()))) for s in segments),
        systems=(*problem.families.systems, *systems),
    )
    return replace(problem, families=families, requests=())


def _system(linear: LinearSystem) -> EquationSystem:
    """Equations of multipliers as those of members. Raises DerivationError."""
    if any(q.entries for q in linear.equations):
        raise DerivationError(
            "a multiplier holds along some entries alone: of members there are gradients and "
            "backward rules through such equations."
        )
    sides = (EquationSides(q.left, q.right) for q in linear.equations)
    return EquationSystem(linear.symbols, tuple(sides))


def at_lengths(problem: Problem, values: Indices) -> Problem:
    """The problem with indices in the place of those lengths that have one."""
    families = problem.families
    at = {t: i for t, i in values.items() if t in families.lengths}
    if not at:
        return problem
    segments = tuple(s.within(at, tuple(r.within(at) for r in s.ranges)) for s in families.segments)
    put = partial(reindexed, values=at)
    systems = tuple(
        MemberSystem(system.changed(put), tuple(r.within(at) for r in ranges))
        for system, ranges in families.systems
    )
    definitions = {name: reindexed(e, at) for name, e in problem.definitions.items()}
    families = families._replace(segments=segments, systems=systems)
    return replace(problem, families=families, definitions=definitions)


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
