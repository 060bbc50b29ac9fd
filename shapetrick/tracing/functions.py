"""A Python function as a problem: it is run on symbols, and what it computes is written in the
language, and compared with the function's own values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..core import expr as ex
from ..core.errors import InputError, RequestError, TraceError
from ..core.expr import Expr, Symbol
from ..core.functions import TABLE, Array
from ..core.problem import Problem
from ..core.solved import Solved
from ..core.traversal import postorder, substitute
from ..language.elaboration import read
from ..language.printer import to_text
from ..language.shapes.words import vocabulary
from ..language.syntax import equation_library
from ..language.vocabularies import is_name
from ..numerics.evaluation import EvaluationTape
from ..numerics.sampling import Profile, assignments, dims_of, draw, generator
from ..numerics.solvers import TABLE as SOLVERS
from ..numerics.solvers import solved_unknowns
from ..simplification.written_forms import with_functions
from . import arrays
from .decompositions import number_of, solver_of
from .libraries import LIBRARIES, Followed, library_of
from .parameters import (
    ShapedParameter,
    bound_sizes,
    called,
    check_axes,
    declarations,
    known_arrays,
    redeclared,
    shaped_parameters,
)

PROFILES = (Profile(), Profile(sign=1), Profile(0.3), Profile(0.3, 1), Profile(boosted=False))
SINGULAR = 1e8  # condition
CLOSE = 1e-8  # relative: a reading is right to that
VALUE_NAMES = {True: ("J", "f", "loss"), False: ("Y", "F", "value")}  # of a scalar, or not


def read_function(f: Callable[..., Any], shapes: Mapping[str, str] | str) -> Problem:
    """The problem that a function is, asked for its gradient by all of its arguments that aren't
    `const`, or for its backward rule if it gives an array. Raises InputError with the place in the
    function."""
    head = declarations(shapes)
    check_axes(f, head)
    parameters = shaped_parameters(f, head, read(head, complete=False))
    followed = follow(f, parameters)
    parameters = _used(followed, parameters)
    others = {name: p for name, p in parameters.items() if p.classes or p.array is not None}
    head = redeclared(head, others)
    declared = read(head, complete=False)
    derived_by = {name for name, p in parameters.items() if p.asked and not p.classes}
    asked = [name for name in declared.symbols if name in derived_by]
    if not asked:
        raise RequestError("all arguments are `const`: there is nothing to derive by.")

    def written(followed: Followed) -> Problem:
        names = ProblemText(declared, parameters.values())
        text, body = names.written(followed)
        request = f"{'grad' if body.is_scalar else 'vjp'} {names.value} wrt {', '.join(asked)}"
        problem = read(f"{head}\n{text}\n{request}")
        known = solved_unknowns(problem.systems, SOLVERS)
        confirm(f, parameters, substitute(problem.definitions[names.value], known))
        said = [f"`{called(f)}` as {'; '.join(text.splitlines())}"]
        for name, p in others.items():
            if p.classes:
                said.append(f"`{name}` numbers classes: it is the one-hot matrix here.")
        values = {name: p.array for name, p in others.items() if p.array is not None}
        return replace(problem, readings=tuple(said), values=values)

    try:
        return written(followed)
    except InputError:  # a local name that means something in the language
        return written(followed._replace(locals={}))


def _used(
    followed: Followed, parameters: Mapping[str, ShapedParameter]
) -> dict[str, ShapedParameter]:
    """The arguments, and of the other arrays those that occur, as they do. Raises TraceError for
    one that is the numbers of classes in one place, and a value in another."""
    roots = [followed.value.e, *(x.e for x in followed.locals.values())]
    occurring: dict[str, Symbol] = {}
    for e in postorder(roots):
        if not isinstance(e, Symbol) or e.name not in parameters:
            continue
        if occurring.setdefault(e.name, e) is not e:
            raise TraceError(f"`{e.name}` numbers classes in one place, and is a value in another.")
    found = {}
    for name, p in parameters.items():
        e = occurring.get(name, p.symbol)
        if p.array is None or name in occurring:
            found[name] = p._replace(symbol=e, classes=e is not p.symbol)
    return found


# ------------------------------------------------------------------------------- running it


def follow(f: Callable[..., Any], parameters: Mapping[str, ShapedParameter]) -> Followed:
    """What a function computes of symbols. Raises TraceError with the place in it."""
    library = LIBRARIES[library_of(f)]
    dims = dict.fromkeys(name for p in parameters.values() for d in p.shape for name in d.names)
    given = {name: p.traced for name, p in parameters.items() if p.array is None}
    return library.follow(f, given, list(dims), known_arrays(parameters))


# -------------------------------------------------------------------------------- as a text


class ProblemText:
    """The names that a function's values have in the language."""

    def __init__(self, declared: Problem, parameters: Iterable[ShapedParameter]) -> None:
        self._taken = {*declared.symbols, *vocabulary()}
        self._taken.update(name for p in parameters for d in p.symbol.shape for name in d.names)
        self._named: dict[Expr, Expr] = {}
        self.value = ""

    def written(self, followed: Followed) -> tuple[str, Expr]:
        """Definitions in the language, a line for each, and the last one's value."""
        roots = [arrays.spread(followed.value), *(value.e for value in followed.locals.values())]
        (body, *values), _, _ = with_functions(roots)
        free = next((n for n in VALUE_NAMES[body.is_scalar] if n not in self._taken), "result")
        self.value = free
        self._taken.add(free)
        parts: dict[str, Expr] = {}
        inside = set(postorder([body]))
        for name, e in zip(followed.locals, values, strict=True):
            known = e is body or not e.args or e in parts.values() or name in self._taken
            known = known or isinstance(e, Solved)
            if e in inside and not known and is_name(name):
                parts[name] = e
        self._taken.update(parts)
        solved = [e for e in inside if isinstance(e, Solved)]
        named = dict(zip(values, followed.locals, strict=True))
        lines: list[str] = []
        for e in postorder([body]):
            if isinstance(e, Solved) and e not in self._named:
                lines.append(self._declared(e, solved, named))
            for name in (n for n, part in parts.items() if part is e):
                lines.append(f"{name} = {self.text(e)}")
                self._named[e] = ex.named(name, e)
        lines.append(f"{free} = {self.text(body)}")
        return "\n".join(lines), body

    def _declared(self, e: Solved, found: Sequence[Solved], locals: Mapping[Expr, str]) -> str:
        """A line that declares what a solver finds, `L = cholesky(S)`."""
        solver, _, which = solver_of(e)[0].partition("_")
        own = {number_of(x): x for x in found if solver_of(x) == solver_of(e)}
        names = []
        for place, unknown in enumerate(equation_library.TABLE[solver].unknowns.split(", ")):
            x = own.get(place)
            name = "" if x is None else locals.get(x, "")
            names.append(self._free(name if is_name(name) else unknown.split()[0]))
            if x is not None:
                self._named[x] = ex.symbol(names[-1], x.shape)
        given = [*map(self.text, e.args), *([which] if which else [])]
        return f"{', '.join(names)} = {solver}({', '.join(given)})"

    def _free(self, name: str) -> str:
        """The name, or with a number where it is taken."""
        tried = (name, *(f"{name}_{k}" for k in range(1, 99)))
        found = next(x for x in tried if x not in self._taken)
        self._taken.add(found)
        return found

    def text(self, e: Expr) -> str:
        """An expression with the names of what is defined in it."""
        within = {x: n for x, n in self._named.items() if x is not e or isinstance(e, Solved)}
        return to_text(substitute(e, within))


# -------------------------------------------------------------------------- is it read right?


def confirm(f: Callable[..., Any], parameters: Mapping[str, ShapedParameter], e: Expr) -> None:
    """Compare an expression with the function that it was read from, at two sizes. Raises
    TraceError where their values differ, or can't be compared."""
    library = LIBRARIES[library_of(f)]
    arguments = {name: p for name, p in parameters.items() if p.array is None}
    others = {name: p for name, p in parameters.items() if p.array is not None}
    rows = ((TABLE.get(x.op), x.args) for x in postorder([e]) if x.args)
    inverted = [a for row, args in rows if row is not None and row.units == "inverse" for a in args]
    tape = EvaluationTape([e, *inverted])
    compared = 0
    trouble = "it has no finite value where it was tried"
    dims, bound = dims_of([e, *(p.symbol for p in parameters.values())]), bound_sizes(others)
    tried = assignments(dims, generator(0, 1), None if others else frozenset())
    for k, sizes in enumerate({**found, **bound} for found in tried):
        for profile in PROFILES:
            rng = generator(0, k)
            drawn = {name: draw(p.symbol, sizes, rng, profile) for name, p in arguments.items()}
            try:
                given = {name: p.given(drawn[name]) for name, p in arguments.items()}
                theirs = library.value(f, given)
            except Exception as error:
                trouble = f"it fails itself: {type(error).__name__}: {error}"
                continue
            drawn |= {name: p.matrix(sizes) for name, p in others.items()}
            try:
                ours, *matrices = tape.run(drawn, sizes)
            except (ValueError, np.linalg.LinAlgError) as error:
                trouble = f"what was read has no value there: {error}"
                continue
            if any(np.linalg.cond(m).max() > SINGULAR for m in matrices):
                trouble = "a matrix to be inverted is singular there"
                continue
            wanted = np.asarray(theirs, dtype=float)
            if not np.isfinite(wanted).all():
                continue
            _compare(f, ours, wanted)
            compared += 1
            break
        if compared == 2:
            return
    raise TraceError(f"`{called(f)}` can't be compared with what it was read as: {trouble}.")


def _compare(f: Callable[..., Any], ours: Array, theirs: Array) -> None:
    scale = max(1.0, float(np.abs(theirs).max(initial=0.0)))
    if ours.size != theirs.size or not np.allclose(
        ours.reshape(theirs.shape), theirs, rtol=CLOSE, atol=CLOSE * scale
    ):
        raise TraceError(
            f"`{called(f)}` has other values than what it was read as: it does something which "
            "operations on whole arrays don't show, such as writing into its arguments."
        )
