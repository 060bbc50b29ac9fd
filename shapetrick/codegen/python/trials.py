"""The verdict on generated code: run in NumPy where gradients are validated, does it find what the
expressions say?

One run judges a plan, whatever library it is then written for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice
from math import prod
from typing import Any
from warnings import catch_warnings, simplefilter

import numpy as np

from ...core.dims import SCALAR, Dim, Sizes
from ...core.errors import CodeError, ShapetrickError
from ...core.expr import Expr, as_symbol, symbol
from ...core.functions import Array
from ...core.indices import Member
from ...core.named_tuples import NamedTuple
from ...core.returned import LEFT_OUT, Returned
from ...core.traversal import postorder, redimensioned
from ...numerics.arrays import admit_trial
from ...numerics.evaluation import EvaluationTape as Evaluation
from ...numerics.sampling import (
    LARGEST_FIXED,
    assignments,
    dims_among,
    dims_of,
    forced_sizes,
    generator,
)
from ...validation.check_targets import Target
from ...validation.sample_points import LARGEST_VALUE, Draw, Site
from ..program import Program, planned
from .callables import Generated, GeneratedFunction
from .module import FUNCTION, program_arguments
from .operations import is_spelled
from .signature import Arguments

SITES = 2  # assignments of sizes
DRAWS = 6  # looked at for each
MISSES = 2  # of these, so that rounding beside a kink is not taken for a fault
CLOSE = 1e-9  # relative
NEAR = 1e-10  # relative: what a value changes by within that is rounding
ROUNDED = 64 * float(np.finfo(float).eps)  # of the largest number on the way to a value
MOST_NUMBERS = 2_000_000  # of all values, at declared sizes
_FAULT = "This is a fault of shapetrick: please report it with the problem's text."


class ExpectedValue(NamedTuple):
    """A value that code returns: as the problem has it, its expression, and what is differentiated
    where it is a gradient."""

    key: str
    expression: Expr
    of: Expr


SampledPoint = tuple[Sizes, Draw]
RunCode = Callable[[Sizes, Draw], Sequence[Any]]  # the values that code finds, in order


@contextmanager
def quietly() -> Iterator[None]:
    """Nothing is said of values that are not finite, or of matrices that are nearly singular."""
    with np.errstate(all="ignore"), catch_warnings():
        simplefilter("ignore")
        yield


def confirm_program(
    program: Program,
    write: Callable[[Program], str],
    names: Sequence[str],
    seed: int,
    sizes: Sequence[Sizes],
) -> list[SampledPoint]:
    """Where the NumPy module that is written of a program finds what its expressions say; `names`
    are those of abstract functions, and `sizes` are to be tried, where not all are as good. Raises
    CodeError if it finds something else.

    What is too large for that is tried with small sizes in the place of declared ones."""
    program = _of_moderate_size(program)
    given = program_arguments(program)
    entry = GeneratedFunction(FUNCTION, given, program.outputs)
    function = Generated(write(program), "numpy", [entry], alone=False)
    expected = [
        ExpectedValue(o.key, o.expression, o.expression if o.request is None else o.request.of)
        for o in program.outputs
    ]
    return confirm(function, given, expected, names, seed, sizes=sizes)


def confirm(
    function: Generated,
    given: Arguments,
    expected: Sequence[ExpectedValue],
    names: Iterable[str],
    seed: int,
    lengths: Sizes | None = None,
    sizes: Sequence[Sizes] = (),
) -> list[SampledPoint]:
    """Likewise for a function with these parameters: each member is one, where it takes lists. The
    dimensions in `lengths` have these sizes."""
    abstract = [(key, name) for key, name in given.functions.items() if isinstance(key, tuple)]

    def run(sizes: Sizes, drawn: Draw) -> Sequence[Any]:
        arguments = [
            *((name, drawn.env[e.name]) for e, name in given.inputs.items()),
            *((name, _derivative(drawn.functions[f], order)) for (f, order), name in abstract),
            *((given.dims[name], sizes[name]) for name in given.asked),
        ]
        found = function(**_in_lists(arguments))
        return [one for x in found.values() for one in _members(x)]

    dims = dims_of([*(x for e in expected for x in (e.expression, e.of)), *given.inputs])
    places: list[SampledPoint] = []
    for of in dict.fromkeys(e.of for e in expected):
        target = Target(of, _NOTHING, "grad", None, False, (*given.inputs,), (*names,))
        trial = _ValuesAndGradients(expected, of, run)
        tried = sizes or assignments(dims, generator(seed))
        places += islice(_found(trial, target, tried, seed, lengths or {}), SITES)
    return places


def _in_lists(members: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Arguments of families: the members of each in order, by its name; lists of lists, where they
    have several indices, with zeros where some are not given."""
    given: dict[str, Any] = {}
    families: dict[str, dict[tuple[int, ...], Any]] = {}
    for name, value in members:
        if isinstance(name, Member):
            place = tuple(i.offset for i in name.indices)
            families.setdefault(name.base, {})[place] = value
        else:
            given[name] = value
    return {**given, **{base: _nested(placed) for base, placed in families.items()}}


def _nested(placed: Mapping[tuple[int, ...], Any], at: tuple[int, ...] = ()) -> Any:
    """Members by their indices as lists, of lists for each further index."""
    if len(at) == len(next(iter(placed))):
        return placed[at] if at in placed else np.zeros_like(next(iter(placed.values())))
    axis = {place[len(at)] for place in placed}
    return [_nested(placed, (*at, k)) for k in range(min(axis), max(axis) + 1)]


def _members(x: Any) -> list[Any]:
    """A value, or all the members of a list, of lists where they have several indices."""
    return [one for part in x for one in _members(part)] if isinstance(x, list) else [x]


def _derivative(f: Callable[[Array, int], Array], order: int) -> Callable[[Array], Array]:
    return lambda x: f(x, order)


def _of_moderate_size(program: Program) -> Program:
    """The program, or one with names for the large sizes that need not be what they are."""
    roots = [*(o.expression for o in program.outputs), *program.inputs]
    nodes = [*postorder(roots)]
    dims = dims_among(nodes)
    first = next(assignments(dims, np.random.default_rng(0)))
    if sum(prod(d.size(first) for d in e.shape) for e in nodes) <= MOST_NUMBERS:
        return program
    requests = [o.request for o in program.outputs if o.request is not None]
    fused = [d for r in requests if r.kind in ("jac", "hess") for d in (*r.of.shape, *r.wrt.shape)]
    forced = forced_sizes(nodes) | {d.integer for d in fused}
    large = [d for d in dims if d.integer is not None and d.integer > LARGEST_FIXED]
    names = {d: Dim.of(str(d)) for d in large if d.integer not in forced}
    small = redimensioned(roots, lambda d: names.get(d, d))
    wanted = [Returned(o.key, o.name, e) for o, e in zip(program.outputs, small, strict=False)]
    inputs = [as_symbol(e) for e in small[len(wanted) :]]
    return planned(wanted, [e.name for e in inputs], {}, is_spelled, inputs)


def _found(
    trial: _ValuesAndGradients, target: Target, tried: Iterable[Sizes], seed: int, lengths: Sizes
) -> Iterator[SampledPoint]:
    for i, drawn in enumerate(tried):
        sizes = {**drawn, **lengths}
        admit_trial(trial.roots, sizes, "a trial of the code at these sizes")
        yield from trial.agreeing(sizes, Site(target, sizes, (seed, i)).draws())


_NOTHING = symbol("#", SCALAR)  # what the values at a place are not differentiated by


class _ValuesAndGradients:
    """The values of `of` and of its gradients."""

    def __init__(self, expected: Sequence[ExpectedValue], of: Expr, run: RunCode) -> None:
        self._run = run
        self.roots = [e.expression for e in expected]  # a run finds them all
        compared = {i: e for i, e in enumerate(expected) if e.expression is not LEFT_OUT}
        self._own = {i: e for i, e in compared.items() if e.of is of}
        nodes = [*postorder([e.expression for e in self._own.values()])]
        slots = {e: i for i, e in enumerate(nodes)}
        self._slots = [slots[e.expression] for e in self._own.values()]
        self._program = Evaluation(nodes)

    def agreeing(self, sizes: Sizes, draws: Iterator[Draw]) -> list[SampledPoint]:
        """The first draw at which all is found, if there is one at which there is a value to find.
        Raises CodeError."""
        amiss: list[str] = []
        for drawn in islice(draws, DRAWS):
            wrong = self._amiss(sizes, drawn)
            if wrong == "":
                return [(sizes, drawn)]
            amiss += [] if wrong is None else [wrong]
            if len(amiss) == MISSES:
                raise CodeError(amiss[0])
        return []

    def _amiss(self, sizes: Sizes, drawn: Draw) -> str | None:
        """What is not found, or nothing; None where there are no values to be found."""
        values = self._evaluated(sizes, drawn)
        if not all(np.abs(values[i]).max() < LARGEST_VALUE for i in self._slots):
            return None
        try:
            with quietly():
                found = self._run(sizes, drawn)
        except np.linalg.LinAlgError:
            return None
        except MemoryError:
            raise
        except Exception as error:  # whatever it is, no module that raises it is handed out
            keys = "`, `".join(dict.fromkeys(e.key for e in self._own.values()))
            return f"the code for `{keys}` raises {type(error).__name__}: {error}. {_FAULT}"
        for (i, e), slot in zip(self._own.items(), self._slots, strict=True):
            off = _distance(found[i], values[slot])
            if off <= CLOSE * np.abs(values[slot]).max():
                continue
            if not off <= self._rounding(sizes, drawn, values, slot):
                at = ", ".join(f"{name} = {size}" for name, size in sizes.items())
                return (
                    f"the code for `{e.key}` finds other values than its formula, off by {off:.1g}"
                    f"{' at ' + at if at else ''}: it is not handed out. {_FAULT}"
                )
        return ""

    def _rounding(self, sizes: Sizes, drawn: Draw, values: Sequence[Array], slot: int) -> float:
        """What a value may be off: by what it changes nearby, and a little of all on the way."""
        near = self._evaluated(sizes, drawn.moved(NEAR))[slot]
        largest = max(float(np.abs(x[np.isfinite(x)]).max(initial=0.0)) for x in values)
        return float(np.abs(near - values[slot]).max()) + ROUNDED * largest

    def _evaluated(self, sizes: Sizes, drawn: Draw) -> list[Array]:
        """The values of all nodes; not a number where there are none."""
        try:
            return self._program.run(drawn.env, sizes, drawn.functions)
        except (ShapetrickError, ArithmeticError, TypeError, ValueError, np.linalg.LinAlgError):
            return [np.full((1, 1), np.nan)] * len(self._program.roots)


def _distance(found: Any, wanted: Array) -> float:
    """The largest difference; infinite from what has another number of entries."""
    array = np.asarray(found, dtype=float)
    if array.size != wanted.size:
        return np.inf
    return float(np.abs(array.reshape(wanted.shape) - wanted).max())
