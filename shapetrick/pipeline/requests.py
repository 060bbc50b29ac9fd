"""One request, from the chain rule to the verdict.

The cotangents are derived, the gradient simplified, and what is going to be printed is validated;
the steps as on paper (`explanation/steps.py`) are made only where someone looks at them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache, partial
from math import nan

from ..algebra.assumptions import with_free_entries
from ..algebra.definiteness import Definite
from ..core.equations import EquationSystem
from ..core.errors import DerivationError
from ..core.expr import IDENTITY, Expr, Name, Symbol, named, symbol, zeros
from ..core.functions import NAMES
from ..core.lazy_logging import log
from ..core.named_tuples import NamedTuple
from ..core.problem import DerivativeKind, Problem, Request, called
from ..core.results import Recursion, Result, Rewriting, Step, Validation
from ..core.traversal import postorder, remembered, substitute, symbols_of, transform
from ..explanation.steps import Paper, Text
from ..language.syntax.constants import CONSTANTS
from ..simplification.simplifier import Simplifier
from ..simplification.subexpressions import as_step, introduced, with_bare_identity, with_names
from ..simplification.written_forms import with_functions
from ..validation.checker import checker_of
from .derivative_kinds import derivative
from .jacobians import symmetrized, symmetrized_hessian

Validator = Callable[[Expr], Validation]


def derive(
    problem: Problem, request: Request, seed: int = 0, checked: Validator | None = None
) -> Result:
    """The derivative that a request asks for, simplified and validated (by `checked`, where no
    families or equations are in the way).

    Raises DerivationError where no arrangement expresses it."""
    log("info", __name__, "deriving %s", request.key)
    result = _derived(problem.holding(request.wrt), request, seed, checked)
    if checked is not not_yet_checked:
        log_verdict(result)
    return result


def log_verdict(result: Result) -> None:
    """Log what was found, with the verdict on it."""
    found = result.validation
    log("info", __name__, "%s after %d draws: %r", found.verdict, found.draws, result.gradient)


def not_yet_checked(gradient: Expr) -> Validation:
    """A verdict in whose place another one is going to be put."""
    return Validation("unchecked", "it was not checked", nan, nan, 0, (), 0)


def _derived(
    problem: Problem, request: Request, seed: int, checked: Validator | None = None
) -> Result:
    if request.system is not None:
        return _solution(problem, request, request.system, seed)
    if problem.has_families:
        return _through_families(problem, request, seed)
    if problem.systems_of(request.of):
        return _through_equations(problem, request, seed)
    prepared = asked, simplifier, restored, replaced = to_derive(problem, request)
    gradient = derivative_of(asked, simplifier)
    if not restored:
        result = concluded(problem, request, gradient, simplifier, seed, checked)
        rewritings = (*replaced, *result.rewritings)
        return replace(result, rewritings=rewritings, prepared=prepared)
    found = simplifier.steps_to(gradient)
    earlier = (*replaced, *_restored_rewritings(found, restored))
    gradient = substitute(gradient, restored)
    if asked.wrt is not request.wrt or request.symmetric:
        simplifier = Simplifier(_definitions_near(problem, request), [request.of])
        gradient = simplifier(gradient)
    if request.kind == "hess":
        gradient = simplifier.with_diagonals(gradient)
    result = concluded(problem, request, gradient, simplifier, seed, checked)
    return replace(result, rewritings=(*earlier, *result.rewritings), prepared=prepared)


Restored = Mapping[Expr, Expr]  # what stands in the problem for what is derived with


class Prepared(NamedTuple):
    """The request as it is derived, what simplifies on the way, what is put back afterwards, and
    the forms that were replaced. No copy and no pickle has it: from there it is made again."""

    asked: Request
    simplifier: Simplifier
    restored: Restored
    replaced: Sequence[Rewriting]

    def __reduce__(self) -> tuple[type[None], tuple[()]]:
        return type(None), ()


def to_derive(problem: Problem, request: Request) -> Prepared:
    """What a request is derived with: forms that people write out are functions. Where a gradient
    is going to be differentiated again, the variable is without attributes that hold at points
    alone: of a symmetric S, S' is S, but their derivatives differ."""
    typed = [*_definitions_near(problem, request), request.of]
    (*definitions, of), names, replaced = with_functions(typed)
    free = with_free_entries(request.wrt)
    if request.kind not in _TWICE or free is request.wrt:
        return Prepared(replace(request, of=of), Simplifier(definitions, [of]), names, replaced)
    *definitions, of = (substitute(e, {request.wrt: free}) for e in (*definitions, of))
    names = {substitute(new, {request.wrt: free}): old for new, old in names.items()}
    asked = replace(request, of=of, wrt=free)
    names = {**names, free: request.wrt}
    return Prepared(asked, Simplifier(definitions, [of]), names, replaced)


def _definitions_near(problem: Problem, request: Request) -> Sequence[Expr]:
    """The definitions in symbols of the request: no other can be in what is derived."""
    known = frozenset([*symbols_of(request.of), request.wrt, request.direction])
    return _within(tuple(problem.definitions.values()), known)


@lru_cache(maxsize=4)
def _within(definitions: tuple[Expr, ...], known: frozenset[Expr | None]) -> Sequence[Expr]:
    """The definitions in no other symbols, which are the same for most requests of a problem."""
    near: dict[Expr, bool] = {}

    def is_near(e: Expr) -> bool:
        return e in known if isinstance(e, Symbol) else all(near[a] for a in e.args)

    return [e for e in definitions if remembered(near, e, is_near)]


def _restored_rewritings(found: Iterable[Rewriting], restored: Restored) -> Iterator[Rewriting]:
    for step in found:
        before, after = (substitute(e, restored) for e in (step.before, step.after))
        yield Rewriting(step.rule, before, after)


def conclude(problem: Problem, request: Request, gradient: Expr, seed: int) -> Result:
    """A gradient (or backward rule) that was derived elsewhere, simplified and validated."""
    simplifier = Simplifier(problem.definitions.values(), [request.of])
    return concluded(problem, request, simplifier(gradient), simplifier, seed)


def concluded(
    problem: Problem,
    request: Request,
    gradient: Expr,
    simplifier: Simplifier,
    seed: int,
    checked: Validator | None = None,
) -> Result:
    """The result for a gradient that was simplified, as it is printed."""
    notes: tuple[str, ...] = ()
    if request.symmetric and request.kind == "hess":
        gradient = symmetrized_hessian(gradient, request.wrt, simplifier)
        notes = (SYMMETRIC_HESSIAN,)
    elif request.symmetric and request.kind == "jvp":
        notes = (SYMMETRIC_DIRECTION,)
    elif request.symmetric and request.kind == "jac":
        notes = (SYMMETRIC_JACOBIAN,)
    elif request.symmetric:
        gradient = symmetrized(gradient, simplifier)
        notes = (SYMMETRIC_CONVENTION,)
    elif request.kind == "hess" and simplifier.is_symmetric(gradient):
        notes = ("the Hessian is symmetric",)
    gradient = written(problem, gradient, simplifier)
    check = checker_of(problem, request, seed=seed).check if checked is None else checked
    return Result(
        request=request,
        steps=(),
        gradient=gradient,
        definitions=_definitions(gradient, problem),
        kept=_kept(gradient, problem, request),
        rewritings=simplifier.steps_to(gradient),
        validation=check(gradient),
        notes=notes,
    )


def written(problem: Problem, gradient: Expr, simplifier: Simplifier) -> Expr:
    """A simplified gradient as it is printed, with names for what repeats."""
    declared = taken_in(problem) | {e.name for e in postorder([gradient]) if isinstance(e, Name)}
    gradient = with_names(simplifier.answer(gradient), declared | WORDS | NAMES.keys())
    return gradient if IDENTITY in declared else with_bare_identity(gradient)


def _through_equations(problem: Problem, request: Request, seed: int) -> Result:
    """The derivative through unknowns that equations determine: a gradient in the equations'
    multipliers, any other by these, or in differentials."""
    from ..implicit.adjoint import computable_gradient, derived

    simplifier = Simplifier(problem.definitions.values(), [request.of])
    if request.kind in ("grad", "vjp"):
        request, value, adjoint = derived(problem, request, seed)
        checker = checker_of(problem, request, seed=seed)
    else:
        from .implicit_jacobians import implicit_derivative

        value, adjoint, request, asked = implicit_derivative(problem, request, simplifier, seed)
        checker = checker_of(problem, asked, [value], seed)

    def check(value: Expr) -> Validation:
        return checker.check(computable_gradient(value, adjoint))

    result = concluded(problem, request, value, simplifier, seed, check)
    return replace(result, adjoint=adjoint)


def _solution(problem: Problem, request: Request, system: EquationSystem, seed: int) -> Result:
    """What an unknown is where equations hold that are linear in it."""
    from ..implicit.solutions import solution
    from ..validation.solutions import check_solution

    if problem.systems_of(*system.residuals):
        raise DerivationError(
            "what is solved has unknowns that other equations determine: ask for all unknowns "
            "together, `solve …, … for x, y`."
        )
    simplifier = Simplifier(problem.definitions.values(), system.residuals)
    found = solution(system, simplifier)
    result = concluded(
        problem,
        request,
        found.values[request.wrt],
        simplifier,
        seed,
        lambda value: check_solution(
            system, {**found.values, request.wrt: value}, request.wrt, seed
        ),
    )
    definite = Definite(simplifier.is_symmetric)
    inverted = map(simplifier.with_diagonals, found.inverted(request.wrt))
    conditions = dict.fromkeys(filter(None, map(definite.needed, inverted)))
    return replace(result, notes=tuple(f"where {text}" for text in conditions))


def _through_families(problem: Problem, request: Request, seed: int) -> Result:
    """The gradient of the generic member, and the recurrences that it uses."""
    from ..families.recurrence import unshifted
    from ..families.unrolled_checks import validate
    from .member_derivatives import backpropagation

    if request.claim is not None:
        request = unshifted(problem.families, request)
    if request.kind not in ("grad", "vjp") or request.ranges:
        return _members_further(problem, request, seed)
    request, back = backpropagation(problem, request, seed)
    recursion = back.recursion()
    notes: tuple[str, ...] = ()
    if request.symmetric:
        along = [
            replace(q, value=symmetrized(q.value, back.simplifier)) for q in recursion.gradients
        ]
        recursion = recursion._replace(gradients=tuple(along))
        notes = (SYMMETRIC_CONVENTION,)
    notes += back.outside()
    validation = validate(problem, request, recursion, seed)
    return _of_families(problem, request, recursion, validation, notes)


def _members_further(problem: Problem, request: Request, seed: int) -> Result:
    """What is asked of members beside gradients by them, or of members that a letter names."""
    from ..families.given_checks import validate_given
    from .member_derivatives import MemberDerivative

    derivative = MemberDerivative(problem, request, seed)
    recursion = derivative.recursion()
    validation = validate_given(problem, request, recursion, derivative.first, seed)
    return _of_families(problem, request, recursion, validation, ())


def _of_families(
    problem: Problem,
    request: Request,
    recursion: Recursion,
    validation: Validation,
    notes: tuple[str, ...],
) -> Result:
    from ..families.saved_values import kept_values  # only those with families need these

    equations = (*recursion.gradients, *recursion.cotangents)
    own = [(name, e.args[0]) for name, e in problem.definitions.items()]
    used = {e.name for q in equations for e in postorder([q.value]) if isinstance(e, Name)}
    least = (f"for {letter} ≥ {k}" for letter, k in recursion.least.items() if k > 1)
    return Result(
        request=request,
        steps=(),
        gradient=recursion.gradients[0].value,
        definitions=tuple((name, e) for name, e in own if name in used),
        kept=tuple(kept.value for kept in kept_values(problem, recursion)),
        rewritings=(),
        validation=validation,
        notes=(*notes, *least),
        recursion=recursion,
    )


SYMMETRIC_CONVENTION = (
    "the gradient along the symmetric matrices, (G + G')/2; the popular G + G' - diag(G) is the "
    "gradient by the free entries, not along the symmetric matrices"
)
SYMMETRIC_DIRECTION = "along the symmetric part of the direction: the variable stays symmetric"
SYMMETRIC_JACOBIAN = (
    "D P with P = (I + commute) / 2: the derivative along a symmetric V is D P vec(V), stacked"
)
SYMMETRIC_HESSIAN = (
    "P H P with P = (I + commute) / 2: the second derivative along a symmetric V is "
    "vec(V)' (P H P) vec(V)"
)


def derivative_of(request: Request, simplifier: Simplifier) -> Expr:
    """What a request asks for, simplified; long rules are in steps, each written as in an
    answer."""

    def step(e: Expr) -> Expr:
        return as_step(simplifier.answer(simplifier(e)))

    of, wrt, along = request.of, request.wrt, request.direction
    return derivative(request.derivative, of, wrt, along, simplifier, step)


_TWICE = frozenset({"hess", "hvp"})  # kinds for which a gradient is differentiated again


def steps_of(problem: Problem, result: Result, text: Text) -> tuple[Step, ...]:
    """The derivation as on paper; `text` writes the quantities' names.

    A Jacobian is the backward rule with its upstream left out, a Hessian the Jacobian of the
    gradient: their steps are those of the rule, and a last one that says so."""
    request = result.request
    if result.recursion is not None:
        return tuple(_steps_of_families(problem, result, text))
    if request.system is not None:
        from ..implicit.steps import steps_of_solution

        return steps_of_solution(problem, request, request.system, text)
    if result.adjoint is not None and request.kind not in ("grad", "vjp"):
        return (_implicit_step(request, result),)
    if result.adjoint is not None:
        from ..implicit.steps import steps_of_equations

        return steps_of_equations(problem, result, text)
    prepared = result.prepared
    if not isinstance(prepared, Prepared):
        prepared = to_derive(problem, request)
    asked, simplifier, restored, _ = prepared
    found = _steps(asked, result, simplifier, text)
    if not restored:
        return found
    steps = [_changed(step, lambda e: substitute(e, restored)) for step in found]
    if asked.wrt is not request.wrt and steps and steps[-1].lines:
        last = replace(steps[-1], lines=(), result=result.gradient, note=_CONSTRAINED)
        steps.append(last)
    return tuple(steps)


def steps_together(
    problem: Problem, results: Sequence[Result], text: Text
) -> list[tuple[Step, ...]]:
    """The derivations of results that were derived together: what they share is made once."""
    first = results[0].request
    problem = problem.holding(first.wrt)
    is_plain = first.kind in ("grad", "vjp") and not any(
        r.recursion or r.adjoint or r.request.system for r in results
    )
    if len(results) > 1 and is_plain:
        asked, simplifier, restored, _ = to_derive(problem, first)
        if not restored:
            variables = [r.request.wrt for r in results]
            paper = Paper(asked, simplifier, text, dict(results[0].shared), variables)
            return paper.steps_to_each()
    return [steps_of(problem, result, text) for result in results]


def _implicit_step(request: Request, result: Result) -> Step:
    """What is told of a derivative through equations that is no gradient and no backward rule."""
    name, of = request.wrt.name, request.of_text
    label = f"∂{called(of)}/∂{name}"
    note = _ROWS if request.direction is None else _DIFFERENTIAL
    return Step(of, name, label, result.gradient.shape, (), result.gradient, note)


def _changed(step: Step, change: Callable[[Expr], Expr]) -> Step:
    """The step with each of its expressions written otherwise."""
    lines = [
        replace(
            line,
            factors=tuple(f._replace(expression=change(f.expression)) for f in line.factors),
            arrangement=change(line.arrangement),
            rejected=tuple(replace(r, arrangement=change(r.arrangement)) for r in line.rejected),
        )
        for line in step.lines
    ]
    return replace(step, lines=tuple(lines), result=change(step.result))


def _steps(
    request: Request, result: Result, simplifier: Simplifier, text: Text
) -> tuple[Step, ...]:
    """The steps of a problem without families."""

    def steps(asked: Request) -> tuple[Step, ...]:
        return Paper(asked, simplifier, text, dict(result.shared)).steps()

    if request.kind in ("grad", "vjp"):
        return steps(request)
    first: tuple[Step, ...] = ()
    of, of_text = request.of, request.of_text
    if request.kind in ("hess", "hvp"):
        first = steps(replace(request, kind="grad", direction=None, symmetric=False))
        of, of_text = _told(first, request.wrt), f"∂{of_text}/∂{request.wrt.name}"
    upstream = symbol(f"bar({of_text})", of.shape)
    if request.kind == "hvp" and request.direction is not None:
        upstream = request.direction
    rule = replace(request, kind="vjp", of=of, of_text=of_text, direction=upstream, symmetric=False)
    if request.kind == "hvp":
        return (*first, *steps(rule))
    name = request.wrt.name
    last = Step(
        of=of_text,
        wrt=name,
        label=f"∂{called(of_text)}/∂{name}{request.along}",
        shape=result.gradient.shape,
        lines=(),
        result=result.gradient,
        note=_OPENED[request.derivative],
    )
    return (*first, *steps(rule), last)


def _told(steps: Sequence[Step], wrt: Expr) -> Expr:
    """The gradient as its steps tell it: the cotangents in it are definitions, by their labels."""
    told = zeros(*wrt.shape)
    known: dict[Expr, Expr] = {}
    for step in steps:
        told = transform(step.result, lambda e: e, known, into_names=False)
        known[symbol(step.label, step.shape)] = named(step.label, told)
    return told


def _steps_of_families(problem: Problem, result: Result, text: Text) -> Iterator[Step]:
    """The steps for each use of a member: the last one's label says which cotangent it gives. What
    is no gradient or rule has those of its rule, and a last one that says what became of it."""
    from .member_derivatives import MemberDerivative

    request, recursion = result.request, result.recursion
    assert recursion is not None
    derivative = MemberDerivative(problem, request, result.validation.seed)
    back, cotangents = derivative.rule()
    for asked, label in derivative.papers(back, cotangents):
        steps = [
            _changed(step, partial(back.told_beside, asked.wrt))
            for step in Paper(asked, back.simplifier, text).steps()
        ]
        zero = text(asked.of.args[0]) if asked.of_text == back.residual else ""
        note = f"{back.residual} = {zero}, which is 0 at a solution" if zero else ""
        yield from steps[:-1]
        yield from (replace(s, label=label, note=note or s.note) for s in steps[-1:])
    if request.kind not in ("grad", "vjp"):
        q = recursion.gradients[0]
        name, note = q.symbol.name, _OPENED[request.derivative]
        yield Step(request.of_text, request.wrt.name, name, q.value.shape, (), q.value, note)


_ROWS = (
    "the rule is linear in its upstream gradient: written as a matrix times that (stacked to a "
    "column where it is none), the matrix's transpose is what is asked for"
)
_DIFFERENTIAL = (
    "the differential along the direction: that of each equation is zero, which is linear in the "
    "differentials of the unknowns"
)
_OPENED: dict[DerivativeKind, str] = {
    "jac": _ROWS,
    "hess": _ROWS,
    "hvp": "the backward rule of the gradient, with the direction as its upstream",
    "jvp": "the rule is linear in its upstream gradient: the transposed rule takes the direction "
    "to the differential",
}


_CONSTRAINED = (
    "what was declared of the variable holds at it and not around it: it simplifies what is not "
    "differentiated again"
)


WORDS = {IDENTITY, "T", *CONSTANTS}  # what means something in the language, beside its functions


def taken_in(problem: Problem) -> set[str]:
    """Names that mean something in the problem."""
    directions = (name for r in problem.requests for name in r.directions)
    dims = {d for e in problem.symbols.values() for d in e.shape}
    letters = (name for d in dims for name in d.names)
    return {*problem.named, *problem.functions, *directions, *letters}


def _definitions(gradient: Expr, problem: Problem) -> tuple[tuple[str, Expr], ...]:
    """The definitions that the gradient uses, directly or through another: the problem's own in its
    order, then those introduced."""
    used = {e.name: e for e in postorder([gradient]) if isinstance(e, Name)}
    own = [(name, e.args[0]) for name, e in problem.definitions.items() if name in used]
    return (*own, *introduced(used, problem.definitions))


def _kept(gradient: Expr, problem: Problem, request: Request) -> tuple[Expr, ...]:
    """The forward values that the gradient uses: the problem's definitions and inputs."""
    own = problem.definitions
    kept = [
        e
        for e in postorder([gradient], into=lambda e: not isinstance(e, Name) or e.name not in own)
        if (isinstance(e, Name) and e.name in own)
        or (isinstance(e, Symbol) and e is not request.direction)
    ]
    return tuple(kept)
