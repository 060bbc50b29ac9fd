"""What nobody should overlook before an answer: names that nobody declared or that nothing uses, a
variable that is not in what is asked.

A warning is a sentence; every rendering shows it, and none changes a verdict or an exit status.
"""

from __future__ import annotations

from collections.abc import Iterable

from .equations import inputs_of, systems_within
from .problem import DerivativeKind, Problem, Request
from .traversal import symbols_of

MOST_NAMED = 4  # of the symbols that something contains

_ANSWERS: dict[DerivativeKind, str] = {
    "grad": "gradient", "vjp": "gradient", "jac": "Jacobian", "hess": "Hessian",
    "jvp": "derivative along it", "hvp": "product with the Hessian",
}  # fmt: skip


def warnings_of(problem: Problem, request: Request | None = None) -> tuple[str, ...]:
    """The warnings of a problem, after that of a request, if there is one."""
    found = [] if request is None or problem.families is not None else [absence(request, problem)]
    for assumed in problem.assumptions:
        name, _, shape = assumed.partition(" is ")
        found.append(f"`{name}` is not declared: taken as {shape}.")
    return tuple(filter(None, (*found, *unused_of(problem))))


def unused_of(problem: Problem) -> tuple[str, ...]:
    """The warnings of what is declared for nothing."""
    return tuple(f"`{name}` is declared, and nothing uses it." for name in problem.unused)


def absence(request: Request, problem: Problem | None = None) -> str:
    """That the variable does not occur in what is differentiated, nor in the equations of a
    problem's unknowns in it; empty if it does."""
    wrt = request.wrt
    systems = systems_within([request.of], () if problem is None else problem.systems)
    contained = [e for e in symbols_of(request.of) if e is not request.direction]
    contained += [e for e in inputs_of(systems) if e not in contained]
    if wrt in contained:
        return ""
    name, of = wrt.name, " ".join(request.of_text.split())
    said = f"`{name}` does not occur in `{of}`: the {_ANSWERS[request.kind]} is zero."
    alike = nearest(name, (e.name for e in contained))
    same = [e.name for e in contained if e.shape == wrt.shape]
    if alike is None and len(same) == 1:
        alike = same[0]
    if alike is not None:
        return f"{said} Did you mean `{alike}`?"
    names = ", ".join(f"`{e.name}`" for e in contained)
    return f"{said} It contains {names}." if 0 < len(contained) <= MOST_NAMED else said


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that is most like this one, if one is alike."""
    from difflib import get_close_matches  # slow to import, and only for what is misspelt

    alike = sorted(k for k in known if abs(len(k) - len(name)) <= 2)
    return next(iter(get_close_matches(name, alike, n=1, cutoff=0.75)), None)
