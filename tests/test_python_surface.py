"""`import shapetrick as st` as Python's users know libraries: docstrings whose examples run, short
reprs, equality, copies and pickles, threads, and what other libraries do with an expression.
"""

from __future__ import annotations

import copy
import doctest
import inspect
import itertools
import math
import operator
import pickle
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from decimal import Decimal
from functools import partial
from typing import Any

import numpy as np
import pytest
import scipy.special
import sympy
from paths import ROOT

import shapetrick as st
from shapetrick.core import expr as ex
from shapetrick.core import functions
from shapetrick.core.dims import ONE, Dim
from shapetrick.core.expr import Expr
from shapetrick.derivation import vjp_rules
from shapetrick.language.shapes.words import vocabulary

X, Y, S, w, c = st.symbols("X: m x n; Y: m x n; S: n x n; w: n; c: scalar")
PROBLEM = "X : m x d; w : d; y : m; J = norm(X w - y)^2 / (2 m); grad J wrt w"
CLAIM = "A: n x n; x: n; J = x' A x; check grad J wrt x = 2 A x"
PUBLIC = [
    name for name in st.__all__ if not name.endswith(("Error", "Problem")) or name == "Problem"
]
NEEDS_NO_EXAMPLE = {"Expr", "GradientCheck"}  # what `symbols` and `check_gradient` give


@pytest.fixture(autouse=True)
def _table() -> Iterator[None]:
    """As it was: an example adds a row."""
    table, names = dict(functions.TABLE), dict(functions.NAMES)
    yield
    for now, before in ((functions.TABLE, table), (functions.NAMES, names)):
        if now != before:
            now.clear()
            now.update(before)  # type: ignore[arg-type]
            vocabulary.cache_clear()
            vjp_rules.forget()


# ------------------------------------------------------------------------------------- docstrings


@pytest.mark.parametrize("name", PUBLIC)
def test_the_examples_of_docstrings_run(name: str) -> None:
    found = doctest.DocTestFinder(recurse=True).find(
        getattr(st, name), name, module=False, globs={"st": st, "np": np}
    )
    runner = doctest.DocTestRunner(verbose=False, optionflags=doctest.NORMALIZE_WHITESPACE)
    said: list[str] = []
    results = [runner.run(test, out=said.append) for test in found]
    assert not said, "".join(said)
    assert sum(r.attempted for r in results) or name in NEEDS_NO_EXAMPLE, "there is no example"


@pytest.mark.parametrize("name", PUBLIC)
def test_all_that_is_public_says_what_it_does(name: str) -> None:
    one = getattr(st, name)
    assert inspect.getdoc(one)
    for part, member in vars(one).items() if inspect.isclass(one) else ():
        if not part.startswith("_") and callable(member):
            assert inspect.getdoc(member), f"{name}.{part}"


@pytest.mark.parametrize("name", st.__all__)
def test_type_checkers_see_all_that_is_public(name: str) -> None:
    checked = (ROOT / "tests" / "typing" / "surface.py").read_text(encoding="utf-8")
    assert re.search(rf"\bst\.{name}\b", checked)


def test_every_function_of_the_language_says_what_it_is() -> None:
    names = set(dir(st)) - {*st.__all__, "e", "pi", "__version__"}
    assert len(names) > 100
    assert not [name for name in names if not inspect.getdoc(getattr(st, name))]


# ----------------------------------------------------------------- results: repr, equality, copies


def _results() -> dict[str, Any]:
    d, c = st.derive(PROBLEM), st.check(CLAIM)
    x = np.array([0.3, -1.0])
    return {
        "derivation": d,
        "problem": st.read(PROBLEM),
        "check": c,
        "equality": st.read("check 1 = 1").check_equalities()[0],
        "expression": X @ w,
        "function": st.symbols("sigma: elementwise"),
        "dimension": st.dim("n + 1"),
        "result": d.result,
        "validation": d.validation,
        "curve": d.curve,
        "scales": d.scale_errors,
        "report": d.report,
        "step": d.steps[0],
        "place": c.where,
        "gradient check": st.check_gradient(lambda x: x @ x, lambda x: 3 * x, x),
    }


RESULTS = _results()
PICKLED = sorted(set(RESULTS) - {"gradient check", "report"})  # which hold functions


@pytest.mark.parametrize("kind", PICKLED)
def test_results_are_equal_to_their_copies_and_pickles(kind: str) -> None:
    one = RESULTS[kind]
    _ = str(one), getattr(one, "_repr_html_", str)()  # what is remembered goes along
    for other in (copy.copy(one), copy.deepcopy(one), pickle.loads(pickle.dumps(one))):
        assert other == one and type(other) is type(one)
        assert str(other) == str(one)


@pytest.mark.parametrize("kind", ["derivation", "problem", "check", "equality"])
def test_what_is_found_again_is_equal(kind: str) -> None:
    assert _results()[kind] == RESULTS[kind]
    assert RESULTS[kind] != RESULTS["expression"]
    if kind != "problem":  # which holds dictionaries
        assert hash(RESULTS[kind]) == hash(_results()[kind])


def test_other_results_are_not_equal() -> None:
    d = RESULTS["derivation"]
    assert d != st.derive(PROBLEM, seed=1)
    assert d != st.derive(PROBLEM.replace("2 m", "m"))
    assert RESULTS["check"] != st.check(CLAIM.replace("2 A x", "A x"))


def test_a_pickle_is_read_in_another_process() -> None:
    code = "import pickle, sys; print(pickle.load(sys.stdin.buffer).gradient)"
    data = pickle.dumps(RESULTS["derivation"])
    done = subprocess.run([sys.executable, "-c", code], input=data, capture_output=True, check=True)
    assert done.stdout.decode() == "X' (X w - y) / m\n"


RECORDS = {"result", "validation", "gradient check", "curve", "scales", "report", "step"}


@pytest.mark.parametrize("kind", sorted(RESULTS))
def test_reprs_are_short(kind: str) -> None:
    assert len(repr(RESULTS[kind])) < (500 if kind in RECORDS else 80)
    assert " object at 0x" not in repr(RESULTS[kind])


def test_expressions_are_aligned_as_their_text() -> None:
    assert (f"{X @ w:>5}|", f"{X}") == ("  X w|", "X")


def test_generated_functions_say_what_they_take() -> None:
    assert repr(RESULTS["derivation"].function("numpy")) == "<Generated numpy function of X, w, y>"


# ---------------------------------------------------------------------------------------- threads


def test_threads_find_what_one_finds() -> None:
    values = ["norm(X w)^2", "sum(tanh(X w))", "logsumexp(X w)", "sum(softplus(X w))"]
    texts = [f"X : m x d; w : d; J = {e}; grad J wrt w" for e in values] * 3
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        vjp_rules.forget()
        with ThreadPoolExecutor(6) as pool:
            found = list(pool.map(st.derive, texts))
    finally:
        sys.setswitchinterval(before)
    vjp_rules.forget()
    assert found == [st.derive(text) for text in texts]


def test_threads_make_one_node() -> None:
    """Nodes are told apart as objects: two threads that make a node at once get the same one."""

    def made(_: int) -> list[Expr]:
        return [ex.symbol(f"x{k}", (Dim.of("n"), ONE)) for k in range(2000)]

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as pool:
            first, *others = pool.map(made, range(8))
    finally:
        sys.setswitchinterval(before)
    assert all(a is b for other in others for a, b in zip(first, other, strict=True))


# -------------------------------------------------------------- among the values of other libraries


@pytest.mark.parametrize(
    ("made", "meant"),
    [
        (lambda: np.exp(X), st.exp(X)),
        (lambda: np.arctan2(X, Y), st.atan2(X, Y)),
        (lambda: np.absolute(X), st.abs(X)),
        (lambda: np.multiply(X, Y), X.hadamard(Y)),
        (lambda: np.divide(X, 2), X / 2),
        (lambda: np.matmul(X, w), X @ w),
        (lambda: np.negative(X), -X),
        (lambda: np.power(X, 3), st.power(X, 3)),
        (lambda: np.float64(2) * X, 2 * X),
        (lambda: X - np.int64(2), X - 2),
        (lambda: abs(X), st.abs(X)),
        (lambda: st.where(X > Y, X, Y), st.where(st.step(X - Y), X, Y)),
        (lambda: X < Y, st.step(Y - X)),
        (lambda: sum([X, Y]), X + Y),
        (lambda: np.sum(X, axis=0), st.sum(X, axis=0)),
        (lambda: np.sum(X, 1), st.sum(X, axis=1)),
        (lambda: np.linalg.norm(X), st.norm(X)),
        (lambda: np.linalg.solve(S, w), st.inv(S) @ w),
        (lambda: np.where(X > Y, X, Y), st.where(X > Y, X, Y)),
        (lambda: np.clip(X, 0, 1), st.clip(X, 0, 1)),
        (lambda: np.reciprocal(X), st.power(X, -1)),
        (lambda: np.dot(X, w), X @ w),
        (lambda: np.inner(w, w), w.T @ w),
        (lambda: np.float64(2) > c, c < 2),
        (lambda: scipy.special.expit(X), st.sigmoid(X)),
        (lambda: Decimal("0.1") * X, X / 10),
        (lambda: c * X.shape[0], c * st.dim("m")),
        (lambda: X / (2 * X.shape[0]), X / (2 * st.dim("m"))),
        (lambda: X.shape[0] * c - 1 / X.shape[1], st.dim("m") * c - 1 / st.dim("n")),
        (lambda: st.derive(PROBLEM, seed=np.int64(3)).gradient, st.derive(PROBLEM).gradient),
    ],
)
def test_libraries_functions_are_the_languages(made: Callable[[], Any], meant: st.Expr) -> None:
    assert made() is meant


def test_sympy_is_told_apart() -> None:
    for asked in (lambda: sympy.exp(c), lambda: sympy.Trace(X), lambda: sympy.Max(c, 0)):
        with pytest.raises(sympy.SympifyError, match=r"`st\.to_sympy\(…\)`"):
            asked()
    for other in (sympy.true, sympy.Interval(0, 1), sympy.Integer(1), sympy.Matrix([1, 2])):
        assert (other == c) is False and c != other
    assert sympy.exp(st.to_sympy(c)).diff(st.to_sympy(c)) == sympy.exp(st.to_sympy(c))
    assert (sympy.Symbol("c", real=True) == c) is False
    assert sympy.Integer(2) * c is 2 * c
    assert sympy.srepr(X @ w) == "X w"


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (lambda: np.var(X), r"`st\.var\(…\)`"),
        (lambda: np.float64(2) >= c, r"`1 - \(A < B\)`"),
        (lambda: np.multiply.outer(w, w), "`np.multiply.outer` takes arrays"),
        (lambda: np.multiply(X, Y, c), r"write `A\.hadamard\(B\)`"),
        (lambda: X.dot(w), "write `A @ x`"),
        (lambda: np.einsum("ij,j", X, w), r"sum\(j\).* texts, as `st\.derive` reads"),
        (lambda: scipy.special.logsumexp(w), "no values"),
        (lambda: c >= 1, r"`1 - \(A < B\)`"),
        (lambda: c**2 if c else c, "neither true nor false"),
        (lambda: S ^ 2, r"`A\*\*2`"),
        (lambda: c % 2, "not rounded"),
        (lambda: pow(c, 2, 5), "not rounded"),
        (lambda: len(w), "no values, but a `shape`"),
        (lambda: range(c), "no values"),
        (lambda: f"{c:.2f}", "no values"),
        (lambda: S(w), "`A @ x`"),
        (lambda: w in X, "not a sequence"),
        (lambda: np.eye(w.shape[0]), r"`st\.eye\(n\)`"),
        (lambda: Decimal("NaN") * c, "finite real numbers"),
        (lambda: np.sort(X), "`shapetrick functions`"),
        (lambda: np.exp(X, out=np.ones(2)), r"`st\.exp\(…\)`"),
        (lambda: np.ones((2, 2)) @ X, "declare a symbol"),
        (lambda: X + np.ones((2, 2)), "numpy's ndarray .*declare a symbol"),
        (lambda: c + sympy.Symbol("a"), "sympy's Symbol .*from_sympy"),
        (lambda: sympy.Symbol("a") * c, "from_sympy"),
        (lambda: math.exp(c), r"`st\.exp\(…\)`"),
        (lambda: int(c), "no values"),
        (lambda: X.sum, r"`st\.sum\(…\)`"),
        (lambda: X.clip, r"`st\.clip\(…\)`"),
        (lambda: S.hessian(w), r"`st\.hess\(e, x\)`"),
        (lambda: S.subs(c, 2), r"`st\.evaluate\(e, …\)`"),
        (lambda: bool(X), "neither true nor false"),
        (lambda: X[0], "no entries"),
        (lambda: X + None, "NoneType is no operand"),
        (lambda: st.read(ROOT / "a.st"), r"a file's is `path\.read_text\(\)`"),  # type: ignore[arg-type]
        (lambda: st.derive(X @ w), r"not an expression: `st\.grad\(e, x\)`"),  # type: ignore[arg-type]
        (lambda: st.derive(PROBLEM, wrt=["w"]), "'W, b', not list"),  # type: ignore[arg-type]
        (lambda: st.check_gradient(np.sin, np.ones(1), np.ones(1)), "takes two functions"),
        (lambda: st.derive("y = sin(x); vjp y wrt x").function("numpy")(1), r"x=…, y_bar=…\)`"),
        (lambda: "a" * X, "str is no operand"),
        (lambda: X @ RESULTS["derivation"], "its `gradient` is the expression"),
        (lambda: st.to_sympy(RESULTS["derivation"]), "its `gradient` is the expression"),
        (
            lambda: st.check_gradient(np.sum, np.ones_like, [1.0], wrt="x"),  # type: ignore[arg-type]
            "the position of an input",
        ),
        (lambda: st.derive(PROBLEM, "w"), "a seed is a whole number .*not 'w'"),  # type: ignore[arg-type]
        (lambda: st.check(CLAIM, seed=-1), "a seed is a whole number .*not -1"),
        (lambda: st.check_gradient(np.sum, np.ones_like, [1.0], seed=1.5), "a seed is a whole"),  # type: ignore[arg-type]
    ],
)
def test_what_is_not_understood_says_what_to_write(asked: Callable[[], Any], told: str) -> None:
    with pytest.raises((TypeError, AttributeError), match=told):
        asked()


def test_pytorchs_functions_are_the_languages() -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    assert torch.exp(X) is st.exp(X)
    assert torch.mul(X, Y) is X.hadamard(Y)
    assert torch.matmul(X, w) is X @ w
    for asked in (lambda: torch.ones(2) * X, lambda: X @ torch.ones(2)):
        with pytest.raises(TypeError, match="declare a symbol"):
            asked()
    assert torch.softmax(X, dim=1) is st.softmax(X, axis=1)
    assert torch.sum(X, dim=0) is st.sum(X, axis=0)
    assert torch.linalg.norm(X) is st.norm(X)
    with pytest.raises(TypeError, match=r"`st\.var\(…\)`"):
        torch.var(X)
    with pytest.raises(TypeError, match="no values"):
        torch.tensor([c])


# --------------------------------------------------------------- all of Python's, all of NumPy's

NO_VALUES = {"attrgetter", "itemgetter", "methodcaller"}  # they take
NO_ANSWER = {"length_hint"}  # it takes a refusal for "unknown"


def _answer(call: Callable[[], Any]) -> Any:
    """What is made, or the error of ours in its place."""
    try:
        return call()
    except st.ShapetrickError as error:
        return error


def _is_answer(found: Any) -> bool:
    return isinstance(found, (st.Expr, bool, TypeError, st.ShapeError))


@pytest.mark.parametrize("name", sorted({*operator.__all__} - NO_VALUES - NO_ANSWER))
def test_every_operator_of_python_has_an_answer(name: str) -> None:
    function = getattr(operator, name)
    for e, count in itertools.product((X, S, w, c), (1, 2, 3)):
        if _takes(function, count):
            assert _is_answer(_answer(partial(function, *[e] * count))), (e, count)
    if f"__r{name.strip('_')}__" in dir(X):  # the other way round
        for e in (X, S, w, c):
            assert _is_answer(_answer(partial(function, 2, e))), e


def _takes(function: Callable[..., Any], count: int) -> bool:
    try:
        inspect.signature(function).bind(*range(count))
    except TypeError:
        return False
    return True


OF_ONE: list[Callable[..., Any]] = [
    *(round, abs, format, len, iter, list, tuple, set, sorted, reversed, sum, max, min, all, any),
    *(float, int, complex, bool, range, bytes, math.floor, math.ceil, math.trunc, math.exp),
    *(math.prod, math.fsum, np.array, np.asarray, np.float64, lambda e: np.array([e, e])),
]
OF_TWO: list[Callable[..., Any]] = [round, divmod, pow, max, min, math.hypot]


@pytest.mark.parametrize(
    ("function", "count"), [*((f, 1) for f in OF_ONE), *((f, 2) for f in OF_TWO)]
)
def test_every_builtin_has_an_answer(function: Callable[..., Any], count: int) -> None:
    for e in (X, w, c):
        found = _answer(partial(function, *[e] * count))
        if isinstance(found, Iterator):
            found = _answer(partial(next, found))
        assert _is_answer(found) or isinstance(found, str), e


def _of_numpy() -> dict[str, Callable[..., Any]]:
    """Its functions that ask their arguments what they mean."""
    return {
        f"{module.__name__}.{name}": function
        for module in (np, np.linalg, np.fft)
        for name, function in sorted(vars(module).items())
        if isinstance(function, np.ufunc) or hasattr(function, "_implementation")
    }


ARRAYS = {
    "X": np.array([[0.3, 0.2], [0.9, -0.4], [0.1, 0.6]]),
    "S": np.array([[0.7, 0.2], [0.4, 0.9]]),
    "w": np.array([0.5, 0.8]),
    "c": np.array(0.6),
}


@pytest.mark.parametrize("name", _of_numpy())
@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_every_function_of_numpy_has_its_value_or_an_answer(name: str) -> None:
    function = _of_numpy()[name]
    counts = [function.nin] if isinstance(function, np.ufunc) else [1, 2, 3]
    for e, count in itertools.product((X, S, w, c), counts):
        try:
            found = _answer(partial(function, *[e] * count))
        except TypeError as error:  # NumPy's own, of how many there are
            assert re.search("argument|dispatcher|expected str", str(error)), (e, count, error)
            continue
        assert _is_answer(found), (e, count, found)
        if isinstance(found, st.Expr):
            with suppress(ValueError):  # NumPy has none of a scalar
                wanted = function(*[ARRAYS[str(e)].copy() for _ in range(count)])
                got = np.ravel(st.evaluate(found, ARRAYS))
                np.testing.assert_allclose(got, np.ravel(wanted), rtol=1e-12, atol=1e-15)
