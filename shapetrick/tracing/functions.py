"""A Python function as a problem: it is run on symbols, and what it computes is written in the
language, and compared with the function's own values.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from ..core import expr as ex
from ..core.errors import InputError, RequestError, TraceError
from ..core.expr import Expr, Symbol
from ..core.functions import TABLE, Array
from ..core.member_axes import MemberAxes
from ..core.problem import Problem
from ..core.traversal import postorder, substitute
from ..families.unrolling import Unrolling
from ..language.elaboration import read
from ..numerics.evaluation import EvaluationTape
from ..numerics.sampling import Profile, assignments, dims_among, dims_of, forced_sizes, generator
from ..numerics.solvers import TABLE as SOLVERS
from ..numerics.solvers import solved_unknowns
from .batches import with_members
from .libraries import LIBRARIES, ArrayLibrary, Followed, library_of
from .parameters import (
    ShapedParameter,
    bound_sizes,
    called,
    declarations,
    known_arrays,
    redeclared,
    shaped_parameters,
)
from .problem_texts import ProblemText

PROFILES = (Profile(), Profile(sign=1), Profile(0.3), Profile(0.3, 1), Profile(boosted=False))
SINGULAR = 1e8  # condition
STEP = 1e-6  # of differences
CLOSE = 1e-8  # relative: a reading is right to that


def read_function(f: Callable[..., Any], shapes: Mapping[str, str] | str) -> Problem:
    """The problem that a function is, asked for its gradient by all of its arguments that aren't
    `const`, or for its backward rule if it gives an array. Raises InputError with the place in the
    function."""
    counted: set[str] = set()  # sizes that count members
    apart: set[tuple[str, ...]] = set()  # sizes of axes that are one, and taken apart
    while True:
        head = with_members(declarations(shapes), counted, apart)
        parameters = shaped_parameters(f, head, read(head.text, complete=False))
        try:
            return _read(f, head.text, parameters)
        except TraceError as error:
            new_count = error.counted not in ("", *counted)
            if not new_count and error.apart in ((), *apart):
                raise
            counted |= {error.counted} if new_count else set()
            apart |= {error.apart} - {()}


def _read(f: Callable[..., Any], head: str, parameters: dict[str, ShapedParameter]) -> Problem:
    """Likewise, of arguments that are declared."""
    followed = follow(f, parameters)
    parameters = _used(followed, parameters)
    others = {name: p for name, p in parameters.items() if p.classes or p.array is not None}
    head = redeclared(head, others)
    declared = read(head, complete=False)
    derived_by = {name for name, p in parameters.items() if p.asked and not p.classes}
    asked = [name for name, e in declared.symbols.items() if e.base in derived_by]
    if not asked:
        raise RequestError("all arguments are `const`: there is nothing to derive by.")

    def written(followed: Followed) -> Problem:
        names = ProblemText(declared, parameters.values())
        text, _ = names.written(followed)
        problem = read(f"{head}\n{text}\n{names.request} wrt {', '.join(asked)}")
        axes = names.axes.get(names.value)
        confirm(f, parameters, partial(_values, problem, names.value), axes)
        said = [f"`{called(f)}` as {'; '.join(text.splitlines())}"]
        for name, p in others.items():
            if p.classes:
                said.append(f"`{name}` numbers classes: it is the one-hot matrix here.")
        for p in parameters.values():
            said += _taken_apart(p)
        values = {name: p.array for name, p in others.items() if p.array is not None}
        every = {**{name: p.axes for name, p in parameters.items()}, **names.axes}
        return replace(problem, readings=tuple(said), values=values, member_axes=every)

    try:
        return written(followed)
    except InputError:  # a local name that means something in the language
        return written(followed._replace(locals={}))


def _taken_apart(p: ShapedParameter) -> Iterator[str]:
    """What is said of an argument whose axes are taken apart."""
    for d, group in zip(p.shape, p.axes.groups, strict=True):
        if len(group) > 1:
            parts = ", ".join(str(p.axes.sizes[k]) for k in group)
            yield f"`{p.name}` has its axis of {d} taken apart into {parts}: `{p.symbol.name}`."


def _used(
    followed: Followed, parameters: Mapping[str, ShapedParameter]
) -> dict[str, ShapedParameter]:
    """The arguments, and of the other arrays those that occur, as they do. Raises TraceError for
    one that is the numbers of classes in one place, and a value in another."""
    occurring: dict[str, Symbol] = {}
    for e in postorder(followed.roots):
        if not isinstance(e, Symbol) or e.base not in parameters:
            continue
        if occurring.setdefault(e.base, e).attributes != e.attributes:
            raise TraceError(f"`{e.base}` numbers classes in one place, and is a value in another.")
    found = {}
    for name, p in parameters.items():
        e = occurring.get(name, p.symbol)
        own = ex.symbol(p.symbol.name, e.shape, e.attributes)
        if p.array is None or name in occurring:
            found[name] = p._replace(symbol=own, classes=own is not p.symbol)
    return found


# ------------------------------------------------------------------------------- running it


def follow(
    f: Callable[..., Any],
    parameters: Mapping[str, ShapedParameter],
    like: Callable[..., Any] | None = None,
) -> Followed:
    """What a function computes of symbols, of its own library or that of another one. Raises
    TraceError with the place in it."""
    library = LIBRARIES[library_of(like or f)]
    dims = dict.fromkeys(name for p in parameters.values() for d in p.shape for name in d.names)
    given = {name: p.traced for name, p in parameters.items() if p.array is None}
    constants = [name for name, p in parameters.items() if not p.asked]
    return library.follow(f, given, list(dims), known_arrays(parameters), constants)


# -------------------------------------------------------------------------- is it read right?


def confirm(
    f: Callable[..., Any],
    parameters: Mapping[str, ShapedParameter],
    values: Callable[[Mapping[str, int]], Sequence[Expr]],
    axes: MemberAxes | None = None,
) -> None:
    """Compare a function with the expressions that it was read as, of members in order if its
    value has their axes, at two sizes. Raises TraceError where their values differ, or can't be
    compared."""
    library = LIBRARIES[library_of(f)]
    arguments = {name: p for name, p in parameters.items() if p.array is None}
    others = {name: p for name, p in parameters.items() if p.array is not None}
    compared = 0
    trouble = "it has no finite value where it was tried"
    symbols = dims_of([p.symbol for p in parameters.values()])
    dims = dict.fromkeys([*symbols, *(d for p in parameters.values() for d in p.shape)])
    small = next(assignments([*dims], generator(0, 1)))
    nodes = [*postorder(values(small))]
    dims |= dict.fromkeys(dims_among(nodes))  # such as n-2, of a slice
    forced = None if others else forced_sizes(nodes)
    tried = assignments([*dims], generator(0, 1), forced)
    for k, sizes in enumerate({**found, **bound_sizes(others)} for found in tried):
        roots = values(sizes)
        rows = ((TABLE.get(x.op), x.args) for x in postorder(roots) if x.args)
        inverted = [a for row, args in rows if row and row.units == "inverse" for a in args]
        tape = EvaluationTape([*roots, *inverted])
        for profile in PROFILES:
            rng = generator(0, k)
            drawn = {name: p.drawn(sizes, rng, profile) for name, p in arguments.items()}
            try:
                given = {name: p.given(drawn[name], sizes) for name, p in arguments.items()}
                theirs = library.value(f, given)
            except Exception as error:
                trouble = f"it fails itself: {type(error).__name__}: {error}"
                continue
            matrices = {name: x for each in drawn.values() for name, x in each.items()}
            for p in others.values():
                matrices |= p.matrices(sizes)
            try:
                found = tape.run(matrices, sizes)
            except (ValueError, np.linalg.LinAlgError) as error:
                trouble = f"what was read has no value there: {error}"
                continue
            if any(np.linalg.cond(m).max() > SINGULAR for m in found[len(roots) :]):
                trouble = "a matrix to be inverted is singular there"
                continue
            wanted = np.asarray(theirs, dtype=float)
            if not np.isfinite(wanted).all():
                continue
            ours = np.stack(found[: len(roots)])
            if axes is not None:
                ours = axes.array(ours.reshape([d.size(sizes) for d in axes.sizes]))
            compare(f, ours, wanted)
            if library.gradients is not None and not compared:
                rng = generator(1, k)
                towards = {
                    name: p.given(p.drawn(sizes, rng, profile), sizes)
                    for name, p in arguments.items()
                    if p.asked and not p.classes
                }
                if towards:
                    _compare_gradients(f, given, towards, library)
            compared += 1
            break
        if compared == 2:
            return
    raise TraceError(f"`{called(f)}` can't be compared with what it was read as: {trouble}.")


def _values(problem: Problem, name: str, sizes: Mapping[str, int]) -> list[Expr]:
    """What a name of a problem is where dimensions have these sizes; of a family, each member."""
    known = solved_unknowns(problem.systems, SOLVERS)
    if not problem.has_families:
        return [substitute(problem.definitions[name], known)]
    families = problem.families
    unrolling = Unrolling(families.segments, {c: sizes[c] for c in families.lengths})
    if name in problem.definitions:
        return [unrolling.expression(problem.definitions[name])]
    (segment,) = families.of(name)
    return [unrolling.expression(segment.symbol(at)) for at in unrolling.members(segment)]


def compare(f: Callable[..., Any], ours: Array, theirs: Array) -> None:
    """Compare values with a function's own. Raises TraceError where they differ."""
    scale = max(1.0, float(np.abs(theirs).max(initial=0.0)))
    if ours.size != theirs.size or not np.allclose(
        ours.reshape(theirs.shape), theirs, rtol=CLOSE, atol=CLOSE * scale
    ):
        raise TraceError(
            f"`{called(f)}` has other values than what it was read as: it does something which "
            "operations on whole arrays don't show, such as writing into its arguments or "
            "deciding by a size."
        )


def _compare_gradients(
    f: Callable[..., Any],
    given: Mapping[str, Array],
    towards: Mapping[str, Array],
    library: ArrayLibrary,
) -> None:
    """Compare the gradients that the library finds itself with differences of the values, on the
    way to other arguments. Raises TraceError where they differ."""
    assert library.gradients is not None

    shape = np.shape(library.value(f, given))
    weights = generator(0, 2).standard_normal(shape)
    try:
        gradients = library.gradients(f, given, [*towards], weights)
    except RuntimeError as error:
        said = str(error).partition("\n")[0]
        raise TraceError(f"`{called(f)}` has no gradient for its own library: {said}") from None
    steps = {name: STEP * (x - given[name]) for name, x in towards.items()}

    def moved(sign: int) -> Array:
        there = {name: given[name] + sign * step for name, step in steps.items()}
        values: Array = weights * np.asarray(library.value(f, {**given, **there}))
        return values

    ahead, behind = moved(1), moved(-1)
    each = [np.asarray(gradients[name] * s) for name, s in steps.items()]
    scale = sum(float(np.abs(x).sum()) for x in each)
    rounding = 1e-12 * max(1.0, float(np.abs(ahead).sum()))
    if abs((ahead - behind).sum() / 2 - sum(x.sum() for x in each)) > 1e-4 * scale + rounding:
        raise TraceError(
            f"`{called(f)}` has another gradient for its library than that of its values: it stops "
            "one, or gives a rule of its own. Leave that out, or give what is constant as an "
            "argument, and its shape as `… const`."
        )
