"""SymPy's own derivative tests, answered by SymPy and by us, judged by the same differences.

    python benchmarks/sympy_derivatives.py [--write]

The cases aren't chosen: SymPy's two test modules for derivatives of matrix and array expressions
are run as they are installed, and every `.diff` (or `array_derive`) that they call is recorded with
its result and its time. What they only have in comments, as not working yet, is a group of its own
(`COMMENTED`, written out here), and so are derivatives of single entries by single entries.

Truth: Richardson's central differences of the expression by every entry, at three random points, k
= 3, evaluated by NumPy (`tests/support/sympy_values.py`, which uses neither SymPy's calculus nor
ours).

SymPy is right if its result, after `.doit()` where a Derivative is left in it, has these values in
any layout: axes of the variable first or last, axes of length 1 left out, vec'd by rows or by
columns. It has no answer if it raises, or if a Derivative still stands in the result. A gradient of
a scalar has no freedom of layout: its shape is the variable's, in SymPy too.

shapetrick gets the same object through `from_sympy`, then `grad` of a scalar, `jac` of the rest. It
is right if what it calls verified has these values in its one layout (`vec`, rows follow the
expression); it has no answer if it refuses or doesn't verify. What it was asked must have SymPy's
value, too, else it is wrong. A derivative of entries has no place in its language: no answer.

Seconds: SymPy's are of the recorded call, ours of `from_sympy` and of the derivation with its
checks, with all that a first call builds.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import patch

import numpy as np
import sympy as sp
from record import record, table
from sympy.matrices.expressions.matexpr import MatrixElement
from sympy.matrices.expressions.tests import test_derivatives as of_matrices
from sympy.tensor.array.expressions import ArraySymbol
from sympy.tensor.array.expressions.tests import test_arrayexpr_derivatives as of_arrays

import shapetrick
from shapetrick.api import evaluate

sys.path.append(str(Path(__file__).parents[1] / "tests" / "support"))

from sympy_values import numeric

NOTE = (
    "The groups `matrices`, `arrays` and `entries` are what SymPy's authors chose and assert; "
    "`commented out` is what their tests have in comments. Single entries by single entries have "
    "no place in our language: they count as no answer, and aren't listed below."
)
K, SIZES = of_matrices.k, {"k": 3}
POINTS = 3
STEP = 1e-3
TOLERANCE = 1e-7  # relative to the largest entry; the differences are good to about 1e-10
ROUNDING = 1e-14  # of the function, which the differences divide by the step
RIGHT, WRONG, NONE = "right", "wrong", "no answer"
COMMENTED, ENTRIES = "commented out", "entries"
GROUPS = ("matrices", "arrays", COMMENTED, ENTRIES)

MATRICES = (sp.MatrixSymbol, ArraySymbol)
Array = Any
Env = dict[str, Array]


@dataclass(frozen=True)
class Case:
    """A derivative that SymPy was asked for, what it said, and how long it took."""

    group: str
    test: str
    of: Any
    wrt: Any
    result: Any  # an exception, if it was raised
    seconds: float


@dataclass(frozen=True)
class Answer:
    """One of RIGHT, WRONG and NONE, and what stands behind it."""

    verdict: str
    seconds: float
    remark: str


# -------------------------------------------------------------------------------------- the cases


def commented() -> Iterator[tuple[str, Any, Any]]:
    """What SymPy's tests have in comments, or define and don't differentiate."""
    a, b, A, B, X = (getattr(of_matrices, name) for name in "abABX")
    traces, cookbook = "test_matrix_derivatives_of_traces", "test_matrix_derivative_with_inverse"
    entrywise = "test_derivatives_elementwise_applyfunc"
    yield cookbook, sp.Determinant(sp.Inverse(X)), X
    yield traces, sp.Trace(sp.KroneckerProduct(A, X)), X
    yield traces, sp.Trace(sp.KroneckerProduct(X, X)), X
    yield traces, sp.Trace(X) * sp.Trace(X), X
    yield traces, sp.Trace(X**K), X
    yield traces, sp.Trace(A * X**K), X
    yield entrywise, a.T * (A * X * b).applyfunc(sp.sin) * b.T, X
    yield entrywise, a.T * (A * X.applyfunc(sp.sin) * B).applyfunc(sp.log) * b, X
    yield entrywise, a.T * X.applyfunc(sp.sin).applyfunc(sp.log) * b, X


@dataclass
class Recorder:
    """Stands in for SymPy's functions, and keeps what they were asked from outside."""

    cases: dict[tuple[Any, Any], Case] = field(default_factory=dict)
    group: str = ""
    test: str = ""
    inside: bool = False

    def spy(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def recorded(of: Any, *wrt: Any, **options: Any) -> Any:
            if self.inside or not of.has(*MATRICES) | wrt[0].has(*MATRICES):
                return function(of, *wrt, **options)
            self.inside, start = True, time.perf_counter()
            try:
                result = function(of, *wrt, **options)
            except Exception as error:
                self.keep(of, *wrt, error, time.perf_counter() - start)
                raise
            finally:
                self.inside = False
            self.keep(of, *wrt, result, time.perf_counter() - start)
            return result

        return recorded

    def keep(self, of: Any, wrt: Any, result: Any, seconds: float) -> None:
        group = ENTRIES if of.has(MatrixElement, sp.Sum) else self.group
        case = Case(group, self.test, of, wrt, result, seconds)
        self.cases.setdefault((of, wrt), case)

    @contextmanager
    def listening(self, module: ModuleType) -> Iterator[None]:
        with ExitStack() as stack:
            for home, name in ((sp.Expr, "diff"), (module, "array_derive")):
                if hasattr(home, name):
                    stack.enter_context(patch.object(home, name, self.spy(getattr(home, name))))
            yield


def recorded() -> list[Case]:
    """Every derivative that SymPy's tests take, each once."""
    recorder = Recorder()
    for group, module in (("matrices", of_matrices), ("arrays", of_arrays)):
        recorder.group = group
        with recorder.listening(module):
            for name, test in vars(module).items():
                if name.startswith("test_"):
                    recorder.test = name
                    test()
    recorder.group = COMMENTED
    with recorder.listening(of_matrices):
        for recorder.test, of, wrt in commented():
            try:
                of.diff(wrt)
            except Exception as error:  # the recorder has it
                print(f"SymPy on {of} by {wrt}: {type(error).__name__}: {error}")
    return list(recorder.cases.values())


# ---------------------------------------------------------------------------------------- truth


def points(case: Case) -> Iterator[Env]:
    """Values of all that occurs: positive, and square matrices near the identity."""
    for seed in range(POINTS):
        draw = np.random.default_rng(seed)
        yield {name: value_of(part, draw) for name, part in leaves(case)}


def leaves(case: Case) -> list[tuple[str, Any]]:
    found = {}
    for q in (case.of, case.wrt):
        for part in sp.preorder_traversal(q):
            if isinstance(part, sp.MatrixSymbol | ArraySymbol):
                found[str(part.name)] = part
            elif isinstance(part, sp.Symbol) and part.name not in SIZES:
                found.setdefault(part.name, part)
    return sorted(found.items())


def value_of(part: Any, draw: np.random.Generator) -> Array:
    if isinstance(part, sp.Symbol):
        return draw.uniform(0.5, 1.5, (1, 1))
    size = [int(d.subs(SIZES)) for d in part.shape]
    near = np.eye(*size) if len(size) == 2 and size[0] == size[1] else 0
    return near + draw.uniform(0.2, 0.8, size)


def differences(f: Callable[[Array], Array], x: Array) -> Array:
    """The derivative by every entry: axes of x first, then those of the value."""

    def central(index: tuple[int, ...], step: float) -> Array:
        there = np.zeros_like(x)
        there[index] = step
        return (np.asarray(f(x + there)) - np.asarray(f(x - there))) / (2 * step)

    columns = [
        (4 * central(index, STEP) - central(index, 2 * STEP)) / 3 for index in np.ndindex(*x.shape)
    ]
    return np.reshape(columns, (*x.shape, *np.shape(columns[0])))


def same(found: Array, truth: Array, noise: float = 0) -> bool:
    """Whether these are equal, to what differences of a function so large are good for."""
    if found.shape != truth.shape:
        return False
    slack = TOLERANCE * np.max(np.abs(truth), initial=0) + ROUNDING * noise / STEP
    return bool(np.max(np.abs(found - truth), initial=0) <= slack)


def entry_at(q: Any, env: Env, letters: Mapping[Any, int]) -> Array:
    """The value of a formula of entries whose sums are written out, its indices being numbers."""
    values = {}
    for part in sp.preorder_traversal(q):
        if isinstance(part, MatrixElement):
            values[part] = sp.Float(numeric(part.parent, env, SIZES)[place(part, letters)])
        elif isinstance(part, sp.KroneckerDelta):
            i, j = (int(index.xreplace(letters)) for index in part.args[:2])
            values[part] = sp.Integer(i == j)
    return numeric(q.xreplace(values), env, SIZES)


def place(element: Any, letters: Mapping[Any, int]) -> tuple[int, ...]:
    return tuple(int(index.xreplace(letters)) for index in element.indices)


def indexings(case: Case) -> Iterator[dict[Any, sp.Integer]]:
    """All values of the letters that stand for indices."""
    elements = [e for q in (case.of, case.wrt) for e in q.atoms(MatrixElement)]
    letters = {s for e in elements for index in e.indices for s in index.free_symbols}
    letters = sorted((s for s in letters if not isinstance(s, sp.Dummy)), key=str)
    for values in itertools.product(range(SIZES["k"]), repeat=len(letters)):
        yield dict(zip(letters, map(sp.Integer, values), strict=True))


# ------------------------------------------------------------------------------------ the judges


def by_sympy(case: Case) -> Answer:
    result, start = case.result, time.perf_counter()
    if isinstance(result, Exception):
        return Answer(NONE, case.seconds, type(result).__name__)
    if result.has(sp.Derivative):
        result = result.doit()
    seconds = case.seconds + time.perf_counter() - start
    if result.has(sp.Derivative):
        return Answer(NONE, seconds, f"left as `{result}`")
    judge = right_entries if case.group == ENTRIES else right_layout
    right = all(judge(case, result, env) for env in points(case))
    return Answer(RIGHT if right else WRONG, seconds, f"`{result}`")


def right_layout(case: Case, result: Any, env: Env) -> bool:
    x = env[name(case.wrt)]

    def f(x: Array) -> Array:
        return numeric(case.of, {**env, name(case.wrt): x}, SIZES)

    truth = differences(f, x)
    found = np.squeeze(numeric(result, env, SIZES))
    noise = np.max(np.abs(f(x)))
    return any(same(found, layout, noise) for layout in layouts(truth, x.ndim))


def layouts(truth: Array, axes: int) -> Iterator[Array]:
    """The derivative (the variable's axes first) in all the layouts that count as right."""
    yield np.squeeze(truth)
    if 1 in (np.prod(truth.shape[:axes]), np.prod(truth.shape[axes:])):
        return  # of a scalar, or by one: the shape of the other
    turned = np.moveaxis(truth, range(axes), range(-axes, 0))
    yield np.squeeze(turned)
    for array, split in ((truth, axes), (turned, truth.ndim - axes)):
        rows = np.prod(array.shape[:split])
        yield np.squeeze(array.reshape(rows, -1))
        halves = [*reversed(range(split)), *reversed(range(split, array.ndim))]
        yield np.squeeze(np.transpose(array, halves).reshape(rows, -1))


def right_entries(case: Case, result: Any, env: Env) -> bool:
    of, result = (q.xreplace({K: sp.Integer(SIZES["k"])}).doit() for q in (case.of, result))
    entry = isinstance(case.wrt, MatrixElement)
    variable = name(case.wrt.parent if entry else case.wrt)
    for letters in indexings(case):

        def f(t: Array, letters: Any = letters) -> Array:
            x = env[variable].copy()
            x[place(case.wrt, letters) if entry else (0, 0)] += t
            return entry_at(of, {**env, variable: x}, letters)

        truth = differences(f, np.zeros(()))
        if not same(entry_at(result, env, letters), truth, abs(f(np.zeros(())))):
            return False
    return True


def name(symbol: Any) -> str:
    return str(symbol.name)


def by_us(case: Case) -> Answer:
    start = time.perf_counter()
    try:
        of, wrt = shapetrick.from_sympy(case.of, case.wrt)
        derivation = (shapetrick.grad if of.is_scalar else shapetrick.jac)(of, wrt)
    except shapetrick.ShapetrickError as error:
        return Answer(NONE, time.perf_counter() - start, str(error))
    seconds = time.perf_counter() - start
    if not derivation.verified:
        return Answer(NONE, seconds, derivation.validation.reason or "not verified")
    right = all(right_in_vec(case, of, derivation, env) for env in points(case))
    return Answer(RIGHT if right else WRONG, seconds, f"`{derivation.gradient}`")


def right_in_vec(case: Case, of: Any, derivation: Any, env: Env) -> bool:
    """Whether it was asked what SymPy was, and has its derivative in the convention of `vec`."""
    x, shape = env[name(case.wrt)], [side.size(SIZES) for side in of.shape]

    def f(x: Array) -> Array:
        return numeric(case.of, {**env, name(case.wrt): x}, SIZES).reshape(shape)

    truth = differences(f, x)
    if of.is_scalar:
        wanted = truth[:, :, 0, 0]
    elif x.size == 1:
        wanted = truth[0, 0]
    else:
        wanted = np.transpose(truth, (3, 2, 1, 0)).reshape(np.prod(shape), x.size)
    read, noise = evaluate(of, env, **SIZES), np.max(np.abs(f(x)))
    return same(read, f(x)) and same(derivation.evaluate(env, **SIZES), wanted, noise)


# ------------------------------------------------------------------------------------- the table


def main() -> int:
    """Prints the tables; 1 if an answer of ours is wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="keep the figures in RESULTS.md")
    given = parser.parse_args()
    judged = [(case, by_sympy(case), by_us(case)) for case in recorded()]
    lines = [NOTE, "", *totals(judged), "", *remarkable(judged)]
    print("\n".join(lines))
    if given.write:
        record("sympy_derivatives.py", lines, ["numpy", "sympy"])
    return int(any(ours.verdict == WRONG for _, _, ours in judged))


Judged = tuple[Case, Answer, Answer]


def totals(judged: list[Judged]) -> list[str]:
    """Who is right how often, by group."""
    rows = []
    for group in (*GROUPS, "all"):
        members = [row for row in judged if group in (row[0].group, "all")]
        for who, place in (("SymPy", 1), ("shapetrick", 2)):
            answers = [row[place] for row in members]
            counts = Counter(answer.verdict for answer in answers)
            seconds = [answer.seconds for answer in answers]
            rows.append(
                [
                    group,
                    who,
                    len(members),
                    *(counts[verdict] for verdict in (RIGHT, WRONG, NONE)),
                    f"{sum(seconds):.1f}",
                    f"{np.median(seconds):.3f}",
                ]
            )
    header = ["group", "", "cases", RIGHT, WRONG, NONE, "seconds in all", "median"]
    return table(header, rows)


def remarkable(judged: list[Judged]) -> list[str]:
    """The cases that one of the two has no right answer to; entries, which we haven't, aside."""
    rows = [
        [
            f"`{case.of}` by `{case.wrt}`",
            case.group,
            *(a.verdict if a.verdict == RIGHT else f"{a.verdict}: {a.remark}" for a in answers),
        ]
        for case, *answers in judged
        if any(a.verdict != RIGHT for a in answers) and case.group != ENTRIES
    ]
    return table(["derivative", "group", "SymPy", "shapetrick"], rows)


if __name__ == "__main__":
    sys.exit(main())
