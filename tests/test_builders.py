"""Expressions built in Python: the nodes that the same text makes, and what is refused."""

from __future__ import annotations

import copy
import operator
import pickle
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import sympy
from hypothesis import given
from strategies import DECLARATIONS, examples, expressions

import shapetrick as st
from shapetrick.builders import applied
from shapetrick.cli import main
from shapetrick.core import expr as ex
from shapetrick.core.expr import Expr
from shapetrick.language import elaboration
from shapetrick.language.expressions import read_expression
from shapetrick.language.printer import to_text
from shapetrick.language.shapes.words import vocabulary
from shapetrick.language.syntax.parser import parse_expression
from shapetrick.language.syntax.tree import postorder

SHAPES = "X, Y: m x d; A: d x d; w, v: d; y: m; s: scalar; p: d x d positive symmetric"
X, Y, A, w, v, y, s, p = st.symbols(SHAPES)
sigma = st.symbols("sigma: elementwise")
m = st.dim("m")
PROBLEM = elaboration.read(SHAPES + "; sigma: elementwise")

SAME: list[tuple[str, Expr]] = [
    ("norm(X w - y)^2 / (2 m)", st.norm(X @ w - y) ** 2 / (2 * m)),
    ("X A w + 1", X @ A @ w + 1),
    ("2 X + s Y - Y / s", 2 * X + s * Y - Y / s),
    ("X * s", X * s),
    ("-X w", -X @ w),
    ("-(X w)", -(X @ w)),
    ("+X", +X),
    ("1 - X", 1 - X),
    ("1 / s", 1 / s),
    ("2^s + s^2 + s^s", 2**s + s**2 + s**s),
    ("0.1 X", 0.1 * X),
    ("1/3 X", Fraction(1, 3) * X),
    ("A^3 A^-1 A^0", A**3 @ A**-1 @ A**0),
    ("X' X", X.T @ X),
    ("A''", A.T.T),
    ("X .* Y .* y", X.hadamard(Y).hadamard(y)),
    ("X .^ 2", st.power(X, 2)),
    ("X ./ Y", X.hadamard(st.power(Y, -1))),
    ("sum(X, axis=0) + mean(X, axis=0)", st.sum(X, axis=0) + st.mean(X, 0)),
    ("max(X) + min(w)", st.max(X) + st.min(w)),
    ("abs(X) + sqrt(X)", st.abs(X) + st.sqrt(X)),
    ("maximum(X, 0)", st.maximum(X, 0)),
    ("softmax(X, axis=1)", st.softmax(X, axis=1)),
    ("softmax(X, axis=1)", st.softmax(X, axis=-1)),
    ("where(w > 0, w, 0) + (w < 0) + (v > w)", st.where(w > 0, w, 0) + (w < 0) + (v > w)),
    ("pi w + e", st.pi * w + st.e),
    ("log(w) + ln(w)", st.log(w) + st.ln(w)),
    ("tr(A) + det(A) + logdet(A)", st.tr(A) + st.det(A) + st.logdet(A)),
    ("inv(A) + eye(d) + ones(d, d)", st.inv(A) + st.eye("d") + st.ones("d", "d")),
    ("ones(m) zeros(1, d)", st.ones(m) @ st.zeros(1, X.shape[1])),
    ("zeros(2 d + 1, m d)", st.zeros("2 d + 1", st.dim("m") * st.dim("d"))),
    ("diag(w) + diag(diag(A))", st.diag(w) + st.diag(st.diag(A))),
    ("kron(A, X)", st.kron(A, X)),
    ("unvec(vec(X), m, d)", st.unvec(st.vec(X), m, "d")),
    ("commute(m, d) vec(X)", st.commute("m", "d") @ st.vec(X)),
    ("transpose(X')", st.transpose(X.T)),
    ("dot(w, v)", st.dot(w, v)),
    ("w' p w", w.T @ p @ w),
    ("sigma(X) + sigma''(X)", sigma(X) + sigma(X, order=2)),
    ("X + w' + 3", X + w.T + 3),
]


@pytest.mark.parametrize(("text", "e"), SAME, ids=[text for text, _ in SAME])
def test_the_same_node_as_the_text(text: str, e: Expr) -> None:
    assert read_expression(text, PROBLEM) is e


def test_every_function_of_the_table_is_there() -> None:
    for name in vocabulary():
        if name not in ("vector", "matrix", "bar"):
            assert getattr(st, name).__name__ == name
    assert sum([1, 2]) == 3  # the builtin is what it was


@pytest.mark.parametrize(
    "number",
    [
        *(2, 2.0, Fraction(2), np.int8(2), np.float32(2), np.array(2.0), np.array([[2]])),
        *(sympy.Integer(2), sympy.Float(2)),
    ],
    ids=repr,
)
def test_numbers_are_exact(number: Any) -> None:
    assert number * X is 2 * X
    assert X * number is X * 2
    assert X + number is X + 2


def test_decimals_are_taken_as_written() -> None:
    tenth = Fraction(1, 10) * X
    assert 0.1 * X is tenth
    assert np.float64(0.1) * X is np.float32(0.1) * X is tenth
    assert sympy.Rational(1, 10) * X is sympy.Float(0.1) * X is tenth


def test_equality_and_hash_are_by_structure() -> None:
    again = st.symbols("X: m x d")
    assert again is X
    assert again @ w == X @ w
    assert hash(again @ w) == hash(X @ w)
    assert X @ w != X @ v
    assert st.symbols("X: m x d positive") != X
    assert copy.deepcopy(X @ w) is X @ w
    assert pickle.loads(pickle.dumps(X @ w)) is X @ w


def test_shape_and_text() -> None:
    assert tuple(map(str, (X @ w).shape)) == ("m", "1")
    assert repr(X.shape) == "(m, d)"
    assert str(X @ w - y) == repr(X @ w - y) == "X w - y"


def test_symbols() -> None:
    a, f, b = st.symbols("a: scalar; f: elementwise; b: 3")
    assert (str(a), f.name, str(b.shape[0])) == ("a", "f", "3")
    assert p.attributes == {"positive", "symmetric"}
    pair = st.symbols("a, b: n")
    assert [str(e) for e in pair] == ["a", "b"]


def test_a_long_sum_and_a_deep_nest() -> None:
    deep = X
    for _ in range(10_000):
        deep = st.sin(deep) + Y
    assert deep.shape == X.shape


def _code(sizes: Any) -> str:
    return st.grad(st.sum(X), X).code(sizes=sizes)


REFUSED: list[tuple[str, Callable[[], Any], str]] = [
    ("product", lambda: X * Y, "`A @ B` for the matrix product, `A.hadamard(B)`"),
    ("quotient", lambda: X / Y, "`st.power(B, -1)` is one over every entry"),
    ("matrix power", lambda: A**0.5, "a whole number up to 64"),
    ("large power", lambda: A**1000, "a whole number up to 64"),
    ("power by a matrix", lambda: 2**A, "an exponent is a scalar, not d×d"),
    ("inner dimensions", lambda: X @ X, "the inner dimensions are d and m"),
    ("truth", lambda: bool(X), "neither true nor false"),
    ("iteration", lambda: list(X), "not a sequence"),
    ("unpacking", lambda: operator.itemgetter(0)(X), "no entries"),
    ("array", lambda: np.asarray(X), "`evaluate` it"),
    ("NumPy on the left", lambda: np.ones((2, 2)) @ X, "declare a symbol of its shape"),
    ("NumPy on the right", lambda: X + np.ones((2, 2)), "declare a symbol of its shape"),
    ("SymPy symbol", lambda: sympy.Symbol("t") * X, "`from_sympy`"),
    ("text", lambda: X + "Y", "str is no operand"),
    ("row", lambda: X + w, "the second one transposed, `B.T`, would"),
    ("infinity", lambda: X * float("inf"), "finite"),
    ("complex", lambda: X * 1j, "complex is no operand"),
    ("definition", lambda: st.symbols("Z = 3"), "declarations and nothing else"),
    ("names without commas", lambda: st.symbols("A B: n x n"), "a list of names: `X, Y : m x n`"),
    ("names alone", lambda: st.symbols("X, w"), "each with its sizes"),
    ("Python's sum", lambda: sum(X), r"`st.sum(e)` adds its entries"),
    ("shape", lambda: st.tr(X), "a square matrix"),
    ("arguments", lambda: st.sin(X, X), "takes 1 argument, not 2"),
    ("sizes", lambda: st.commute(2), "takes 2 sizes, not 1"),
    ("size as text", lambda: _code({"m": "3"}), "whole number from 1 on, not '3'"),
    ("size of none", lambda: _code({"q": 3}), "there is no dimension `q`"),
    ("sizes as text", lambda: _code("m=3"), "sizes are given by dimension"),
    ("vector power", lambda: w**2, "the power of every entry is `.^`, in Python `st.power(A, p)`"),
    ("axis", lambda: st.sum(X, axis=2), "an axis is 0"),
    ("no axis", lambda: st.tr(A, axis=0), "takes no axis"),
    ("sizes", lambda: st.unvec(w), "and 2 sizes"),
    ("count of sizes", lambda: st.eye("m", "n"), "takes 1 size, not 2"),
    ("dimension", lambda: st.dim("m; n"), "is no dimension"),
    ("dimension with a minus", lambda: st.eye(m - 1), "is no dimension"),
    ("zero", lambda: st.dim("0"), "is no dimension"),
    ("fraction", lambda: st.ones(Fraction(1, 2)), "is no dimension"),
    ("name", lambda: st.define("a b", X), "not a name"),
    ("gradient of a matrix", lambda: st.grad(X, X), "`vjp`"),
    ("Hessian of a matrix", lambda: st.hess(X, X), "`vjp`"),
    ("by an expression", lambda: st.grad(s, 2 * s), "by a declared symbol"),
    ("by a number", lambda: st.grad(s, 2), "not by 2, which is of type int"),  # type: ignore[arg-type]
    ("by a name", lambda: st.grad(s, "s"), "that `symbols` made, not by 's'"),  # type: ignore[arg-type]
    ("symmetric", lambda: st.grad(st.sum(X), X, symmetric=True), "only a square matrix"),
    ("direction's shape", lambda: st.vjp(X, X, A), "a symbol of shape m×d"),
    ("direction", lambda: st.vjp(X, X, 3), "a symbol, or a name"),
    (
        "two symbols of a name",
        lambda: st.grad(st.sum(p), st.symbols("p: d x d")),
        "two different things are called `p` here: a symbol, d×d positive symmetric, and a symbol",
    ),
    (
        "a dimension that is a value",
        lambda: st.grad(st.symbols("m: scalar") * st.sum(X), X),
        "`m` is a dimension and a value",
    ),
]


@pytest.mark.parametrize(("what", "build", "message"), REFUSED, ids=[r[0] for r in REFUSED])
def test_refused(what: str, build: Callable[[], Any], message: str) -> None:
    with pytest.raises(st.ShapetrickError) as error:
        build()
    assert message in str(error.value)


def test_requests_are_those_of_the_text() -> None:
    loss = st.norm(X @ w - y) ** 2 / (2 * m)
    d = st.grad(loss, w, seed=3)
    text = f"{SHAPES}; grad (norm(X w - y)^2 / (2 m)) wrt w"
    assert d.gradient is st.derive(text).gradient
    assert (d.kind, d.of, d.wrt, d.verified) == ("grad", "norm(X w - y)^2 / (2 m)", "w", True)
    assert d.validation.seed == 3


def test_what_is_differentiated_is_no_label_where_it_is_long() -> None:
    d = st.grad(-st.sum(Y.hadamard(st.log_softmax(X @ A, axis=1))) / m, A)
    assert [step.label for step in d.steps] == ["∂/∂(X A)", "∂/∂A"]
    assert [step.label for step in st.grad(w.T @ A @ w, w).steps] == ["∂(w' A w)/∂w"]


def test_upstreams_have_names() -> None:
    G = st.symbols("G: m x d")
    assert st.vjp(X @ A, A).gradient is X.T @ G
    assert st.vjp(X @ A, A, Y).gradient is X.T @ Y
    assert str(st.vjp(X @ A, A, "U").gradient) == "X' U"
    assert str(st.vjp(X @ A + G, A).gradient) == "X' G1"
    assert str(st.vjp(st.define("Z", X @ A), A).gradient) == "X' bar(Z)"


def test_definitions_are_found() -> None:
    Z = st.define("Z", st.tanh(X @ A))
    d = st.grad(st.sum(Z), A)
    assert [name for name, _ in d.definitions] == ["Z"]
    assert d.gradient is st.derive(f"{SHAPES}; Z = tanh(X A); grad sum(Z) wrt A").gradient
    with pytest.raises(st.NameProblem, match="two different things are called `Z`"):
        st.grad(st.sum(Z @ st.define("Z", w)), A)


def test_abstract_functions_are_found() -> None:
    d = st.vjp(sigma(X @ A), A, "G")
    assert d.verified
    assert str(d.gradient) == "X' (G .* sigma'(X A))"


def test_importing_is_quick() -> None:
    code = "import sys, shapetrick; print({'numpy', 'lark', 'sympy', 'rich'} & set(sys.modules))"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "set()"


def test_unknown_names_are_no_functions() -> None:
    with pytest.raises(AttributeError):
        st.frobnicate  # noqa: B018
    assert not hasattr(st, "_private")


# The operators of a text as those of Python.
_IN_PYTHON: dict[str, Callable[..., Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.matmul,
    "/": operator.truediv,
    "^": lambda a, b: st.exp(b) if a is st.e else a**b,  # as the language reads `e^s`
    "neg": operator.neg,
    "'": lambda a: a.T,
    ".*": lambda a, b: a.hadamard(b),
    "./": lambda a, b: a.hadamard(st.power(b, -1)),
    ".^": st.power,
    "⊗": st.kron,
}


def in_python(text: str, symbols: dict[str, Any]) -> Expr:
    """What the text is when every operator and function of it is Python's."""
    done: dict[Any, Any] = {}
    functions = tuple(name for name, value in symbols.items() if not isinstance(value, Expr))
    for node in postorder(parse_expression(text, vocabulary(), functions, symbols)):
        args = [done[a] for a in node.args]
        if node.kind == "number":
            done[node] = ex.operand(node.value)
        elif node.kind == "name":
            found = symbols.get(node.value)
            if found is None:
                found = ex.constant(node.value) if node.value in ("pi", "e") else st.dim(node.value)
            done[node] = found
        elif node.kind == "abstract":
            name, order = node.value
            done[node] = symbols[name](*args, order=order)
        elif node.kind == "call":
            name, axis, sizes, _ = node.value
            given = [text[size.span.start : size.span.end] for size in sizes]
            done[node] = applied(name)(*args, *given, **({} if axis is None else {"axis": axis}))
        else:
            done[node] = _IN_PYTHON[node.kind](*args)
    return done[node]


@examples(300)
@given(expressions())
def test_text_and_objects_build_one_node(e: Expr) -> None:
    text = to_text(e, taken=["I"])  # so that the identity has its size
    symbols = {x.name: x for x in st.symbols(DECLARATIONS)}
    problem = elaboration.read(DECLARATIONS)
    assert in_python(text, symbols) is read_expression(text, problem)


# ------------------------------------------------------------------------------ what a person sees

LINEAR = "X : m x d; w : d; y : m; J = norm(X w - y)^2 / 2; grad J wrt w"


@pytest.mark.parametrize(
    ("call", "wanted"),
    [
        (lambda: st.read(5), "a problem is a text"),  # type: ignore[arg-type]
        (lambda: st.simplify(5), "what is simplified is a text"),  # type: ignore[arg-type]
        (lambda: st.derive(5), "is a text"),  # type: ignore[arg-type]
        (lambda: st.check(None), "is a text"),  # type: ignore[arg-type]
        (lambda: st.symbols(5), "declarations are a text"),  # type: ignore[arg-type]
        (lambda: st.norm("x"), "str is no operand"),
        (lambda: st.evaluate("x", {}), "str is no operand"),
        (lambda: st.evaluate(X, [1]), "arrays are given by name"),  # type: ignore[arg-type]
        (lambda: st.derive(LINEAR).evaluate(5), "arrays are given by name"),  # type: ignore[arg-type]
        (lambda: st.dim([]), "list is no operand"),
        (lambda: st.grad(st.norm(X), "X"), "is by a symbol that `symbols` made"),  # type: ignore[arg-type]
        (lambda: st.derive(LINEAR).code(5), "a target is the text 'numpy' or another, not 5"),  # type: ignore[arg-type]
        (lambda: st.derive(LINEAR).function(None), "a target is the text"),  # type: ignore[arg-type]
        (lambda: st.derive(LINEAR).code(threads="2"), "threads are a whole number"),  # type: ignore[arg-type]
        (lambda: st.derive(LINEAR, seed=np.ones(2)), "a seed is a whole number"),  # type: ignore[arg-type]
        (lambda: st.derive(LINEAR, time_limit="5"), "a time limit is a positive number"),  # type: ignore[arg-type]
        (lambda: st.read(LINEAR).derive(time_limit=[5]), "a time limit is"),  # type: ignore[arg-type]
        (lambda: st.read(LINEAR, time_limit=np.ones(2)), "a time limit is"),  # type: ignore[arg-type]
        (lambda: st.grad(st.norm(X), X, seed=2.5), "a seed is a whole number"),  # type: ignore[arg-type]
        (lambda: st.function("f", numpy=np.exp, derivative=1), "are texts, not 1"),  # type: ignore[arg-type]
        (lambda: st.function([], numpy=np.exp, derivative="y"), r"are texts, not \[\]"),  # type: ignore[arg-type]
    ],
)
def test_what_has_the_wrong_type_is_told_what_is_wanted(
    call: Callable[[], object], wanted: str
) -> None:
    with pytest.raises(TypeError, match=wanted):
        call()


def test_no_equations_have_no_solution() -> None:
    with pytest.raises(st.RequestError, match="there is no equation"):
        st.solve([], X)


def test_a_derivation_prints_as_the_command_line_shows_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["derive", "-e", LINEAR]) == 0
    assert capsys.readouterr().out == f"{st.derive(LINEAR)}"


def test_what_is_shown_in_short() -> None:
    many = st.read(LINEAR + "".join(f"; grad J wrt {name}" for name in "Xywy"))
    assert repr(many) == ("<Problem grad J wrt w; grad J wrt X; grad J wrt y; 2 more>")
    assert repr(st.read("x: n")) == "<Problem without requests>"
    assert repr(st.derive(LINEAR)) == "<Derivation grad J wrt w = X' (X w - y)>"


def test_every_function_is_completed_and_has_a_docstring() -> None:
    shown = set(dir(st))
    assert set(st.__all__) | set(vocabulary()) - {"bar", "vector", "matrix"} <= shown
    for name in sorted(shown):
        assert getattr(st, name) is not None
    assert st.norm.__doc__


@pytest.mark.parametrize(("typed", "meant"), [("softmx", "softmax"), ("nrom", "norm")])
def test_a_slip_in_a_name_is_told(typed: str, meant: str) -> None:
    with pytest.raises(AttributeError, match=rf"no attribute '{typed}'. Did you mean `st.{meant}`"):
        getattr(st, typed)
    assert not hasattr(st, "xyzzy") and not hasattr(st, "_repr_html_")
