"""The user's own rows: derived and verified inside larger expressions, or refused with a reason."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from scipy.linalg import expm
from scipy.special import digamma, gammaln, polygamma

import shapetrick as st
from shapetrick.core import functions
from shapetrick.derivation import vjp_rules as rules
from shapetrick.language.shapes.words import vocabulary


@pytest.fixture(autouse=True)
def _own_rows() -> Iterator[None]:
    """The table as it was, after each test."""
    table, names = dict(functions.TABLE), dict(functions.NAMES)
    yield
    for now, before in ((functions.TABLE, table), (functions.NAMES, names)):
        now.clear()
        now.update(before)  # type: ignore[arg-type]
    vocabulary.cache_clear()
    rules.forget()


def register(*names: str) -> None:
    for name in names:
        st.function(name, **ROWS[name])


def swish(x: Any) -> Any:
    return x / (1 + np.exp(-x))


def hinge(x: Any) -> Any:
    return np.maximum(0, 1 - x)


ROWS: dict[str, dict[str, Any]] = {
    "gram": {"numpy": lambda A: A.T @ A, "shape": ("c", "c"), "derivative": "x + x"},
    "outer": {"numpy": lambda A: A @ A.T, "shape": ("r", "r"), "derivative": "2 x"},
    "cube": {"numpy": lambda A: A @ A @ A, "shape": ("r", "c"), "derivative": "x x + x x + x x"},
    "fourth": {
        "numpy": lambda A: np.linalg.matrix_power(A, 4),
        "shape": ("r", "c"),
        "derivative": "x x x + x x x + x x x + x x x",
    },
    "sumsq": {"numpy": lambda A: (A * A).sum(), "shape": ("1", "1"), "derivative": "2 x"},
    "rows": {"numpy": lambda A: A.sum(axis=1), "shape": ("r", "1"), "derivative": "1"},
    "columns": {"numpy": lambda A: (A * A).sum(axis=0), "shape": ("1", "c"), "derivative": "2 x"},
    "flopped": {"numpy": lambda A: A.T, "shape": ("c", "r"), "derivative": "1"},
    "hsquare": {"numpy": lambda A: A * A, "shape": ("r", "c"), "derivative": "2 x"},
    "invert": {"numpy": np.linalg.inv, "shape": ("c", "r"), "derivative": "-y y"},
    "volume": {"numpy": np.linalg.det, "shape": ("1", "1"), "derivative": "y inv(x)"},
    "swish": {"numpy": swish, "derivative": "sigmoid(x) + y .* (1 - sigmoid(x))"},
    "hinge": {"numpy": hinge, "derivative": "-step(1 - x)"},
    "mylog": {"numpy": np.log, "derivative": "1 ./ x"},
    "my_acosh": {"numpy": np.arccosh, "derivative": "1 ./ sqrt(x.^2 - 1)"},
    "huber": {
        "numpy": lambda x: np.where(abs(x) < 1, x * x / 2, abs(x) - 0.5),
        "derivative": "maximum(minimum(x, 1), -1)",
    },
    "rowmax": {
        "numpy": lambda A: A.max(axis=1),
        "shape": ("r", "1"),
        "derivative": "ismax(x, axis=1)",
    },
    "softrows": {
        "numpy": lambda A: np.exp(A) / np.exp(A).sum(axis=1, keepdims=True),
        "shape": ("r", "c"),
        "derivative": "y - y y",
    },
    "hyp": {"numpy": np.hypot, "derivative": ("a ./ y", "b ./ y")},
}

DERIVED = [
    ("X: m x n; A: n x n; grad tr(gram(X) A) wrt X", "X (A + A')"),
    ("X: m x n; A: m x m; grad tr(outer(X) A) wrt X", "(A + A') X"),
    ("A, B: n x n; grad tr(cube(A) B) wrt A", "(A A B + A B A + B A A)'"),
    ("A, B: n x n; grad tr(cube(A B)) wrt A", "3 (B A B A B)'"),
    ("A, B: n x n; grad tr(fourth(A) B) wrt A", "(A^3 B + A^2 B A + A B A^2 + B A^3)'"),
    ("X: m x n; grad sumsq(X) wrt X", "2 X"),
    ("X: m x n; v: m; grad (v' rows(X)) wrt X", "v ones(1, n)"),
    ("X: m x n; v: n; grad (columns(X) v) wrt X", "2 X .* v'"),
    ("X: m x n; A: m x n; grad tr(A flopped(X)) wrt X", "A"),
    ("X, Y: m x n; grad sum(hsquare(X) .* Y) wrt X", "2 X .* Y"),
    ("A, B: n x n; grad tr(invert(A) B) wrt A", "-(inv(A) B inv(A))'"),
    ("A: n x n; grad volume(A) wrt A", "det(A) inv(A)'"),
    ("x: n; grad sumsq(gram(x)) wrt x", "4 (x' x) x"),
    (
        "X: m x n; W: n x k; Y: m x k; grad sum(swish(X W) .* Y) wrt W",
        "X' (Y .* sigmoid(X W) .* (1 + X W .* (1 - sigmoid(X W))))",
    ),
    ("X: m x n; W: n x k; grad sum(hinge(X W)) wrt W", "-X' step(1 - X W)"),
    ("x: n positive; grad sum(mylog(x)) wrt x", "1 ./ x"),
    ("x: n; grad sum(my_acosh(2 + x.^2)) wrt x", "2 x ./ sqrt((2 + x.^2).^2 - 1)"),
    ("x: n; grad sum(huber(x)) wrt x", "maximum(minimum(x, 1), -1)"),
    ("X: m x n; v: m; grad (v' rowmax(X)) wrt X", "v .* ismax(X, axis=1)"),
    (
        "X, Y: m x n; grad sum(softrows(X) .* Y) wrt X",
        "softmax(X, axis=1) .* (Y - sum(Y .* softmax(X, axis=1), axis=1))",
    ),
    ("A: m x n; b: m; grad sum(hyp(A, b)) wrt b", "b .* sum(1 ./ hyp(A, b), axis=1)"),
    (
        "A, B: n x n; grad sumsq(gram(A) + B) wrt A",
        "2 A ((A' A + B) + (A' A + B)')",
    ),
    ("A, B: n x n; grad sumsq(cube(gram(A))) wrt A", "12 A (A' A)^5"),
    (
        "X: m x n; J = tr(gram(swish(X))); grad J wrt X",
        "2 swish(X) .* (sigmoid(X) + swish(X) .* (1 - sigmoid(X)))",
    ),
]


@pytest.mark.parametrize(("text", "expected"), DERIVED, ids=[text for text, _ in DERIVED])
def test_derived_inside_larger_expressions(text: str, expected: str) -> None:
    from shapetrick.language import elaboration, expressions
    from shapetrick.numerics import evaluation

    register(*ROWS)
    d = st.derive(text)
    assert d.verified, d.validation.reason
    problem = elaboration.read(text)
    wanted = expressions.read_expression(expected, problem)
    sizes = {"m": 4, "n": 3, "k": 2}
    rng = np.random.default_rng(1)
    env = {
        name: rng.uniform(0.2, 1.5, [side.size(sizes) for side in symbol.shape])
        for name, symbol in problem.symbols.items()
    }
    found, right = (evaluation.evaluate(e, env, sizes) for e in (d.expanded, wanted))
    np.testing.assert_allclose(found, right, rtol=1e-9)


def test_it_is_a_function_in_python_too() -> None:
    gram = st.function("gram", **ROWS["gram"])
    X, A = st.symbols("X: m x n; A: n x n")
    assert gram(X) is st.gram(X)
    d = st.grad(st.tr(gram(X) @ A), X)
    assert d.verified
    assert str(gram(X)) == "gram(X)"


def test_without_an_arrangement() -> None:
    st.function("mexp", numpy=expm, shape=("r", "c"), derivative="y")
    with pytest.raises(st.DerivationError) as error:
        st.derive("A: n x n; vjp mexp(A) wrt A")
    assert "no arrangement of the scalar derivative of `mexp` (y)" in str(error.value)
    assert "can't express the gradient" in str(error.value)


WRONG = [
    ("sin", {"numpy": np.sin, "derivative": "sin(x)"}),
    ("factor", {"numpy": lambda A: A.T @ A, "shape": ("c", "c"), "derivative": "x"}),
    ("sign", {"numpy": np.linalg.inv, "shape": ("c", "r"), "derivative": "y y"}),
    ("slightly", {"numpy": np.exp, "derivative": "1.0001 y"}),
    ("constant", {"numpy": np.exp, "derivative": "0"}),
]


@pytest.mark.parametrize(("what", "row"), WRONG, ids=[what for what, _ in WRONG])
def test_a_wrong_derivative_is_refused_with_the_numbers(what: str, row: dict[str, Any]) -> None:
    st.function("f", **row)
    with pytest.raises(st.DerivationError, match=r"the nearest is off by a relative \d"):
        st.derive("A: n x n; grad sum(f(A)) wrt A")


def test_a_function_of_square_matrices_knows_it() -> None:
    register("cube")
    with pytest.raises(st.ShapeError, match="`cube` takes a square matrix, not m×n"):
        st.derive("X: m x n; grad sum(cube(X)) wrt X")


def test_a_function_that_is_replaced() -> None:
    st.function("f", numpy=np.sin, derivative="cos(x)")
    st.function("g", numpy=lambda x: np.sin(x) ** 2, derivative="2 f(x) .* cos(x)")
    text = "x: n; grad sum(g(x)) wrt x"
    assert st.derive(text).verified
    st.function("f", numpy=np.cos, derivative="-sin(x)")
    with pytest.raises(st.DerivationError, match="of `g`"):  # what it was made of has changed
        st.derive(text)
    assert str(st.derive("x: n; grad sum(f(x)) wrt x").gradient) == "-sin(x)"
    st.function("f", numpy=lambda A: A.T, shape=("c", "r"), derivative="1")
    assert str(st.derive("X: m x n; A: m x n; grad tr(A f(X)) wrt X").gradient) == "A"


def test_a_text_that_was_no_derivative_before() -> None:
    with pytest.raises(st.InputError, match="`base`"):
        st.function("f", numpy=np.sin, derivative="base(x)")
    st.function("base", numpy=np.cos, derivative="-sin(x)")
    st.function("f", numpy=np.sin, derivative="base(x)")
    assert str(st.derive("x: n; grad sum(f(x)) wrt x").gradient) == "base(x)"


# ------------------------------------------------------------------------------- domains

INF = np.inf
SPECIAL: dict[str, dict[str, Any]] = {  # in an order in which each knows the next ones' derivatives
    "my_trigamma": {"numpy": lambda x: polygamma(1, x), "derivative": "1"},  # never derived
    "my_digamma": {"numpy": digamma, "derivative": "trigamma(x)"},
    "my_lgamma": {"numpy": gammaln, "derivative": "my_digamma(x)"},
    "cot": {"numpy": lambda x: 1 / np.tan(x), "derivative": "-1 - y.^2"},
    "cbrt": {"numpy": np.cbrt, "derivative": "1 ./ (3 y.^2)"},
    "my_atanh": {"numpy": np.arctanh, "derivative": "1 ./ (1 - x.^2)"},
    "my_acosh": {"numpy": np.arccosh, "derivative": "1 ./ sqrt(x.^2 - 1)"},
    "reciprocal": {"numpy": lambda x: 1 / x, "derivative": "-y.^2"},
    "root": {"numpy": lambda x: np.sqrt(abs(x)), "derivative": "sign(x) ./ (2 y)"},
    "between": {
        "numpy": lambda x: np.sqrt((x - 100) * (101 - x)),
        "derivative": "(201 - 2 x) ./ (2 y)",
    },
}
DOMAINS: dict[str, list[Any]] = {
    "my_digamma": [(0, INF), None, [(-1, 0), (0, INF)]],
    "my_lgamma": [(0, INF), None, [(-2, -1), (-1, 0), (0, INF)]],
    "cot": [(0, np.pi), None, [(-np.pi, 0), (0, np.pi)]],
    "cbrt": [None, (0, INF), [(-INF, 0), (0, INF)]],
    "my_atanh": [None, (-1, 1), [(-1, 1)]],
    "my_acosh": [None, (1, INF)],
    "reciprocal": [None, [(-INF, 0), (0, INF)], (-INF, 0)],
    "root": [None, [(-INF, 0), (0, INF)]],
    "between": [(100, 101)],
}
CASES = [(name, domain) for name, domains in DOMAINS.items() for domain in domains]


def _register_special(name: str, **changed: Any) -> None:
    for other in SPECIAL:
        st.function(other, **{**SPECIAL[other], **(changed if other == name else {})})
        if other == name:
            break


@pytest.mark.parametrize(("name", "domain"), CASES, ids=str)
def test_a_right_derivative_is_accepted_with_poles(name: str, domain: Any) -> None:
    _register_special(name, domain=domain)
    for seed in range(2):
        d = st.derive(f"x, w: n; grad sum(w .* {name}(x)) wrt x", seed=seed)
        assert d.verified, d.validation.reason


@pytest.mark.parametrize(("name", "domain"), CASES, ids=str)
@pytest.mark.parametrize("spoilt", ["1.001 ({})", "({}) + 1 / 100", "-({})"])
def test_a_wrong_derivative_is_refused_with_poles(name: str, domain: Any, spoilt: str) -> None:
    text = spoilt.format(SPECIAL[name]["derivative"])
    _register_special(name, domain=domain, derivative=text)
    with pytest.raises(st.DerivationError, match=f"no arrangement .* of `{name}`"):
        st.derive(f"x: n; grad sum({name}(x)) wrt x")


@pytest.mark.parametrize(
    ("domain", "derivative"),
    [
        ([(-INF, 0), (0, INF)], "sign(x) ./ (3 y.^2)"),
        ([(-INF, -1), (1, INF)], "step(x) ./ (3 y.^2)"),
        ([(-11, -10), (100, 101)], "(1 + step(x - 50)) ./ (3 y.^2)"),
        ([(1, 2), (1000, 1001)], "(1 - step(x - 500)) ./ (3 y.^2)"),
    ],
)
def test_every_interval_counts(domain: Any, derivative: str) -> None:
    """Right in one of the intervals, wrong in the other."""
    st.function("f", numpy=np.cbrt, derivative=derivative, domain=domain)
    try:
        assert st.derive("x: n; grad sum(f(x)) wrt x").validation.verdict == "wrong"
    except st.DerivationError as error:
        assert "no arrangement" in str(error)


FAR = [(100, 200), (1000, 1001), (1e6, 2e6), (-300, -200), (1e-9, 1e-8), (100, np.inf)]
FAR_APART = [[(10, 11), (12, 13)], [(-1000, -990), (990, 1000)]]


@pytest.mark.parametrize("domain", [*FAR, *FAR_APART], ids=str)
@pytest.mark.parametrize("argument", ["X w", "p .* (w' w)", "tanh(X) w"])
def test_arguments_are_moved_into_a_domain_far_from_zero(domain: Any, argument: str) -> None:
    st.function("f", numpy=lambda x: np.log(np.abs(x)), derivative="1 ./ x", domain=domain)
    of = f"X : m x n; w : n; p : m positive; J = sum(f({argument}))"
    if argument.startswith("p") and "(-" in str(domain):
        assert not st.derive(f"{of}; grad J wrt w").verified  # p .* (w' w) is never there
        return
    right = st.derive(f"{of}; grad J wrt w")
    assert right.verified
    assert st.check(f"{of}; check grad J wrt w = 1.01 ({right.gradient})").verdict == "wrong"


def test_there_is_no_value_outside_the_domain() -> None:
    st.function("f", numpy=np.cbrt, derivative="1 ./ (3 y.^2)", domain=[(-3, -1), (1, 8)])
    x = st.symbols("x: n")
    found = st.evaluate(st.f(x), {"x": np.array([-2.0, 0.0, 8.0, 9.0])})
    np.testing.assert_allclose(found.ravel(), [np.cbrt(-2.0), np.nan, 2.0, np.nan])


BAD: list[tuple[str, dict[str, Any], str]] = [
    ("tanh", {"numpy": np.tanh, "derivative": "1"}, "a function of the language"),
    ("ln", {"numpy": np.log, "derivative": "1"}, "a function of the language"),
    ("eye", {"numpy": np.tanh, "derivative": "1"}, "has a meaning in the language"),
    ("grad", {"numpy": np.tanh, "derivative": "1"}, "has a meaning in the language"),
    ("flip", {"numpy": np.tanh, "derivative": "1"}, "has a meaning in the language"),
    ("x", {"numpy": np.tanh, "derivative": "1"}, "has a meaning in the language"),
    ("symbol", {"numpy": np.tanh, "derivative": "1"}, "has a meaning in the language"),
    ("two words", {"numpy": np.tanh, "derivative": "1"}, "not a name"),
    ("f", {"numpy": np.tanh, "derivative": "1 - z^2"}, "in x (given) and y (the value)"),
    ("f", {"numpy": np.tanh, "derivative": "1 - x +"}, "the derivative of `f`"),
    ("f", {"numpy": np.tanh, "derivative": "ones(3)"}, "not a scalar"),
    ("f", {"numpy": np.tanh, "derivative": "m"}, "the derivative of `f`, `m`"),
    ("f", {"numpy": np.tanh, "derivative": ("1", "1", "1")}, "one or two arguments"),
    (
        "f",
        {"numpy": np.add, "derivative": ("1", "1"), "shape": ("r", "c")},
        "one or two arguments, a function of matrices one",
    ),
    ("f", {"numpy": np.tanh, "derivative": "1", "shape": ("n", "c")}, "a pair of 'r', 'c', '1'"),
    ("f", {"numpy": np.tanh, "derivative": "1", "shape": ("r",)}, "a pair of 'r', 'c', '1'"),
    ("f", {"numpy": np.sum, "derivative": "1"}, "without `shape=` it is element-wise"),
    ("f", {"numpy": lambda x: x - x.mean(), "derivative": "1"}, "is not `f` of its entries"),
    (
        "f",
        {"numpy": lambda x: x * np.random.default_rng().random(), "derivative": "y / x"},
        "is not `f` of its entries",
    ),
    ("f", {"numpy": lambda A: A.T, "derivative": "1", "shape": ("r", "c")}, "`shape=` says (3, 2)"),
    ("f", {"numpy": lambda x: 1 if x > 0 else 0, "derivative": "0"}, "has no value: ValueError"),
    ("f", {"numpy": lambda x: None, "derivative": "0"}, "has no value: TypeError"),
    ("f", {"numpy": lambda x: x + 1j, "derivative": "1"}, "has no value: TypeError"),
    ("f", {"numpy": 3, "derivative": "1"}, "has no value: TypeError"),
    ("f", {"numpy": lambda A: A @ A, "derivative": "2 x", "shape": ("1", "1")}, "`shape=` says"),
    ("f", {"numpy": np.log, "derivative": "1 ./ x", "domain": (1, 0)}, "in rising order"),
    ("f", {"numpy": np.log, "derivative": "1 ./ x", "domain": "positive"}, "not 'positive'"),
    ("f", {"numpy": np.log, "derivative": "1 ./ x", "domain": 1}, "an interval such as"),
    ("f", {"numpy": np.log, "derivative": "1 ./ x", "domain": []}, "an interval such as"),
    ("f", {"numpy": np.log, "derivative": "1 ./ x", "domain": [(0, 2), (1, 3)]}, "rising order"),
    ("f", {"numpy": np.log, "derivative": "1 ./ x", "domain": (-1, 1)}, "has to leave that out"),
]


@pytest.mark.parametrize(("name", "row", "message"), BAD, ids=[f"{n}: {m}" for n, _, m in BAD])
def test_refused_at_registration(name: str, row: dict[str, Any], message: str) -> None:
    with pytest.raises(st.InputError) as error:
        st.function(name, **row)
    assert message in str(error.value)
    assert name not in functions.TABLE or name == "tanh"


def _fails_later(limit: int) -> Callable[[Any], Any]:
    calls = iter(range(limit))

    def value(x: Any) -> Any:
        if next(calls, None) is None:
            raise OSError("the disk is full")
        return np.sin(x)

    return value


def test_a_function_that_fails_later() -> None:
    st.function("f", numpy=_fails_later(9), derivative="cos(x)")
    with pytest.raises(st.ShapetrickError, match="has no value: OSError: the disk is full"):
        st.derive("x: n; grad sum(f(x)) wrt x")


def test_a_function_that_writes_to_its_argument() -> None:
    def twice(x: Any) -> Any:
        x *= 2
        return x

    st.function("f", numpy=twice, derivative="2")
    assert st.derive("x: n; grad sum(f(x) .* x) wrt x").verified


def test_a_function_that_is_never_finite() -> None:
    st.function("f", numpy=lambda x: x * np.nan, derivative="1")
    with pytest.raises(st.DerivationError, match="no finite value"):
        st.derive("x: n; grad sum(f(x)) wrt x")
