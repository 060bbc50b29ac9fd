"""What nobody should overlook before an answer: names that nobody declared or that nothing uses, a
variable that is not in what is asked.

A warning is a sentence; every rendering shows it, and none changes a verdict or an exit status.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain

from .dims import ONE, shape_text
from .equations import inputs_of
from .expr import Call, Expr, Symbol
from .families import live
from .functions import TABLE
from .greek import other_spelling
from .problem import DerivativeKind, Problem, Request
from .traversal import postorder, symbols_of

MOST_NAMED = 4  # of the symbols that something contains

_ANSWERS: dict[DerivativeKind, str] = {
    "grad": "gradient", "vjp": "gradient", "jac": "Jacobian", "hess": "Hessian",
    "jvp": "derivative along it", "hvp": "product with the Hessian",
}  # fmt: skip


def warnings_of(problem: Problem, request: Request | None = None) -> tuple[str, ...]:
    """The warnings of a problem, after that of a request, if there is one."""
    found = [] if request is None else [absence(problem, request)]
    for assumed in problem.assumptions:
        name, _, shape = assumed.partition(" is ")
        found.append(f"`{name}` is not declared: taken as {shape}.")
    asked = problem.requests if request is None else (request,)
    found += lone_entries_of([r.of for r in asked])
    return tuple(filter(None, (*found, *unused_of(problem), *twins_of(problem))))


def unused_of(problem: Problem) -> tuple[str, ...]:
    """The warnings of what is declared for nothing."""
    return tuple(f"`{name}` is declared, and nothing uses it." for name in problem.unused)


def lone_entries_of(roots: Iterable[Expr]) -> list[str]:
    """The warning of the first function that goes along an axis on which there is one entry: the
    softmax of a column along its rows is 1."""
    calls = (e for e in postorder(roots) if isinstance(e, Call) and TABLE[e.op].takes_axis)
    for call in calls:
        of, axis = call.args[0], call.data
        if isinstance(axis, int) and of.shape[axis] == ONE and not of.is_scalar:
            return [
                f"`{call}`: along axis {axis} of {shape_text(of.shape)} is one entry; "
                f"a {('row', 'column')[axis]} has its entries along axis {1 - axis}."
            ]
    return []


def twins_of(problem: Problem) -> tuple[str, ...]:
    """The warnings of names that are one elsewhere: a Greek letter, and the letter written out."""
    names = (*problem.symbols, *problem.definitions, *problem.functions)
    pairs = ((other_spelling(name), name) for name in names if not name.isascii())
    return tuple(
        f"`{other}` and `{name}` are two names here."
        for other, name in pairs
        if other != name and other in names
    )


def absence(problem: Problem, request: Request) -> str:
    """That the variable does not occur in what is differentiated, nor in the equations of a
    problem's unknowns in it; empty if it does."""
    if request.kind == "solve":  # what is in none of the equations is refused
        return ""
    wrt = request.wrt
    contained = [e for e in _contained(problem, request.of) if e is not request.direction]
    if wrt in contained or wrt.base in live(problem.families, [request.of]):
        return ""
    name, of = wrt.name, " ".join(request.of_text.split())
    said = f"`{name}` does not occur in `{of}`: the {_ANSWERS[request.kind]} is zero."
    near = nearest(wrt.base, (e.base for e in contained))
    alike = [e.name for e in contained if e.base == near]
    same = [e.name for e in contained if e.shape == wrt.shape]
    if alike or len(same) == 1:
        return f"{said} Did you mean `{(*alike, *same)[0]}`?"
    names = ", ".join(f"`{e.name}`" for e in contained)
    return f"{said} It contains {names}." if 0 < len(contained) <= MOST_NAMED else said


def _contained(problem: Problem, of: Expr) -> list[Symbol]:
    """The symbols in an expression; of families, the members that are no definitions, of each line
    the one that it declares."""
    families = problem.families
    if not problem.has_families:
        systems = problem.systems_of(of)
        return list(dict.fromkeys((*symbols_of(of), *inputs_of(systems))))
    segments = [s for base in live(families, [of]) for s in families.of(base)]
    bodies = chain.from_iterable(map(families.contents, segments))
    plain = [e for body in (of, *bodies) for e in symbols_of(body) if not e.indices]
    inputs = (s for s in families.segments if s in segments and families.is_input(s))
    members = [s.symbol(s.indices) for s in inputs]
    return list(dict.fromkeys((*plain, *members)))


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that is most like this one, if one is alike."""
    from difflib import get_close_matches  # slow to import, and only for what is misspelt

    alike = sorted(k for k in known if abs(len(k) - len(name)) <= 2)
    return next(iter(get_close_matches(name, alike, n=1, cutoff=0.75)), None)
