"""Simplification: value and shape are kept, nothing gets longer, and textbook forms come out."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import assume, given
from paths import ROOT
from strategies import (
    SIZES,
    abstract_values,
    attributed_expressions,
    environment,
    examples,
)

from shapetrick.api import check
from shapetrick.core import expr as ex
from shapetrick.core.cost import length
from shapetrick.core.dims import Dim
from shapetrick.core.expr import Expr
from shapetrick.core.functions import Array
from shapetrick.core.results import Validation
from shapetrick.core.traversal import rebuild, substitute, symbols_of, transform
from shapetrick.language.elaboration import read
from shapetrick.language.expressions import read_expression
from shapetrick.language.printer import to_text
from shapetrick.numerics.evaluation import evaluate
from shapetrick.pipeline.requests import derive
from shapetrick.simplification.simplifier import Simplifier
from shapetrick.validation.checker import Checker

NEAR, STEADY = 1e-9, 1e-6  # where so small a step changes more, the draw is badly conditioned


def simplified(e: Expr) -> Expr:
    return Simplifier()(e)


def value_of(e: Expr, env: dict[str, Array]) -> Array:
    return evaluate(e, env, SIZES, abstract_values())


def reordered(e: Expr) -> Expr:
    """The expression with the terms of every sum backwards."""
    return transform(e, lambda x: rebuild(x, x.args[::-1]) if x.op == "add" else x)


def renaming(e: Expr) -> dict[Expr, Expr]:
    """Other names for the symbols, in another order of the alphabet."""
    symbols = sorted(symbols_of(e), key=lambda s: str(s.name), reverse=True)
    return {s: ex.symbol(f"x{i:02}", s.shape, s.attributes) for i, s in enumerate(symbols)}


# ------------------------------------------------------------------------ random expressions


@examples(200)
@given(attributed_expressions(depth=3))
def test_value_and_shape_are_kept(e: Expr) -> None:
    found = simplified(e)
    assert found.shape == e.shape
    env = environment(1)
    value, near = value_of(e, env), value_of(e, {k: x * (1 + NEAR) for k, x in env.items()})
    assume(np.isfinite(value).all())
    scale = np.abs(value).max()
    assume(np.abs(near - value).max() <= STEADY * scale)
    np.testing.assert_allclose(value_of(found, env), value, rtol=STEADY, atol=STEADY * scale)


@examples(200)
@given(attributed_expressions(depth=3))
def test_nothing_gets_longer(e: Expr) -> None:
    assert length(simplified(e)) <= length(e)


@examples(200)
@given(attributed_expressions(depth=3))
def test_what_is_simplified_stays(e: Expr) -> None:
    once = simplified(e)
    assert simplified(once) is once


@examples(200)
@given(attributed_expressions(depth=3))
def test_the_order_of_terms_does_not_matter(e: Expr) -> None:
    assert length(simplified(reordered(e))) == length(simplified(e))


@examples(200)
@given(attributed_expressions(depth=3))
def test_names_do_not_matter(e: Expr) -> None:
    names = renaming(e)
    assert simplified(substitute(e, names)) is substitute(simplified(e), names)


# ----------------------------------------------------------------------------- textbook forms

SQUARE = "A, B : n x n; x, y : n"
TALL = "A, B : m x n; C : n x k; u : m; v : n"
REGRESSION = "X : m x n; w : n; y : m"
SPECIAL = (
    "Q : n x n orthogonal; D : n x n diagonal; L : n x n lower; U : n x n upper; "
    "P : n x n posdef; S : n x n symmetric; x : n"
)
NETWORK = (
    "X : m x d; W : d x h; V : h x k; Y : m x k; Z = tanh(X W); R = Z V - Y; J = norm(R)^2 / 2"
)
NORMALIZED = "X : m x n; mu = mean(X, axis=1); D = X - mu; v = mean(D.^2, axis=1); J = sum(v)"

FORMS = [
    # columns of several places, beside ones
    ("vec(A) ones(1, n)", "vec(A) ones(1, n)", SQUARE),
    ("ones(n, 1) vec(A B)'", "ones(n) vec(A B)'", SQUARE),
    ("kron(x, y) ones(1, n)", "kron(x, y ones(1, n))", SQUARE),
    ("kron(x, y) vec(A)'", "kron(x, y) vec(A)'", SQUARE),
    ("vec(A) x'", "vec(A) x'", SQUARE),
    # fused sides between the places of a block
    (
        "[kron(I, A), zeros(n n, n); zeros(n, n n), A]",
        "[kron(eye(n), A), zeros(n n, n); zeros(n, n n), A]",
        SQUARE,
    ),
    # like terms and common factors
    ("A x + A' x", "(A + A') x", SQUARE),
    ("x' A' + x' A", "x' (A + A')", SQUARE),
    ("(A + A')' x - A x", "A' x", SQUARE),
    ("A v + A v", "2 A v", TALL),
    ("A - A", "zeros(m, n)", TALL),
    ("A C + B C", "(A + B) C", TALL),
    ("A .* B + A .* A", "A .* (B + A)", TALL),
    ("A * 2 / 4", "A / 2", TALL),
    ("vec(A) - vec(B)", "vec(A - B)", TALL),
    ("(A C)' - C' B'", "C' (A - B)'", TALL),
    ("s u + t u", "(s + t) u", "s, t : scalar; u : m"),
    ("2 s u / (4 t)", "s u / (2 t)", "s, t : scalar; u : m"),
    ("s^3 t tanh(u') - s^3 tanh(u')", "s^3 (t - 1) tanh(u')", "s, t : scalar; u : m"),
    ("u / t + u / t", "2 u / t", "t : scalar; u : m"),
    ("1 - (1 - s)", "s", "s : scalar"),
    ("p .* (1 - p) .* ((1 - q) ./ (1 - p) - q ./ p)", "p - q", "p, q : m"),
    # the order that people write in
    ("X' X w / m - X' y / m", "X' (X w - y) / m", REGRESSION),
    ("-X' (y - X w) / m", "X' (X w - y) / m", REGRESSION),
    ("((w' X' - y') X)' / m", "X' (X w - y) / m", REGRESSION),
    ("1/(2 m) (X' (X w - y) + X' (X w - y))", "X' (X w - y) / m", REGRESSION),
    ("-(inv(A') x) (y' inv(A'))", "-inv(A)' x y' inv(A)'", SQUARE),
    # attributes
    ("S x + S' x", "2 S x", SPECIAL),
    ("x' S + (S x)'", "2 x' S", SPECIAL),
    ("S' x - S x", "zeros(n)", SPECIAL),
    ("(S + S') / 2", "S", SPECIAL),
    ("inv(P)' x", "inv(P) x", SPECIAL),
    ("abs(det(P))", "det(P)", SPECIAL),
    ("Q' Q x", "x", SPECIAL),
    ("Q' Q (Q x)", "Q x", SPECIAL),
    ("inv(Q) x", "Q' x", SPECIAL),
    ("exp(-(t / sqrt(2)).^2)", "exp(-t.^2 / 2)", "t : n"),
    ("(x .* sqrt(p)).^2 + (x * sqrt(s)).^2", "x.^2 .* (p + s)", "x, p : n; s : scalar"),
    ("cos(x)' tan(x)", "sum(sin(x))", SPECIAL),
    ("tr(A' B B)", "sum(A .* B^2)", SQUARE),
    ("2 eye(n) - 4 x x'", "2 (I - 2 x x')", SQUARE),
    ("3 s^5 x x' - s^3 eye(n)", "s^3 (3 s^2 x x' - I)", "x : n; s : scalar"),
    ("norm(Q x)", "norm(x)", SPECIAL),
    ("D' D", "D^2", SPECIAL),
    ("inv(D)'", "inv(D)", SPECIAL),
    ("L' L", "L' L", SPECIAL),
    ("U' x + L x", "(U' + L) x", SPECIAL),
    ("sqrt(p.^2) + abs(p)", "2 p", "p : n positive"),
    ("sum(p) u - p", "u - p", "u : n; p : n simplex"),
    ("h.^2", "h", "h : n onehot"),
    # traces, sums, diagonals
    ("tr(A' B)", "sum(A .* B)", TALL),
    ("tr(A v u')", "u' A v", TALL),
    ("diag(u) A diag(v)", "u .* A .* v'", TALL),
    ("A ones(n)", "sum(A, axis=1)", TALL),
    ("ones(m)' A", "sum(A, axis=0)", TALL),
    ("diag(A B')", "sum(A .* B, axis=1)", TALL),
    (
        "diag(((v - u) ./ w) (u - v)' + (v - u) ((u - v) ./ w)')",
        "-2 (v - u).^2 ./ w",
        "u, v, w : n",
    ),
    ("sum(A, axis=0) v", "sum(A v)", TALL),
    ("diag(diag(v))", "v", TALL),
    ("kron(v, s)", "s v", "v : n; s : scalar"),
    # inverses and recognised functions
    ("inv(A) A x", "x", SQUARE),
    ("det(A) inv(A)' / det(A)", "inv(A)'", SQUARE),
    ("exp(A C) ./ sum(exp(A C), axis=1)", "softmax(A C, axis=1)", TALL),
    ("log(sum(exp(A C), axis=1))", "logsumexp(A C, axis=1)", TALL),
    ("exp(A - logsumexp(A, axis=1))", "softmax(A, axis=1)", TALL),
    ("A .* tanh(B')'", "A .* tanh(B)", TALL),
    # the problem's own definitions
    ("1 - tanh(X W).^2", "1 - Z.^2", NETWORK),
    ("(1 - tanh(X W).^2) .* ((Z V - Y) V')", "(1 - Z.^2) .* (R V')", NETWORK),
    ("Z' Z V - Z' Y", "Z' R", NETWORK),
    ("tanh(X W)' (tanh(X W) V - Y)", "Z' R", NETWORK),
    ("X - mean(X, axis=1)", "D", NORMALIZED),
    ("sum(X - mu, axis=1)", "zeros(m)", NORMALIZED),
    ("D ./ sqrt(1 + mean((X - mu).^2, axis=1))", "D ./ sqrt(1 + v)", NORMALIZED),
]


@pytest.mark.parametrize(("text", "wanted", "letters"), FORMS, ids=[f[0] for f in FORMS])
def test_form(text: str, wanted: str, letters: str) -> None:
    problem = read(letters)
    found = Simplifier(problem.definitions.values())(read_expression(text, problem))
    assert to_text(found) == wanted


GRADIENTS = [
    ("X : m x n; w : n; y : m; J = (X w - y)' (X w - y) / (2 m); grad J wrt w", "X' (X w - y) / m"),
    ("A : n x n symmetric; x : n; grad (x' A x) wrt x", "2 A x"),
    ("A : n x n; x : n; hess (x' A x) wrt x", "A + A'"),
    ("X : n x n; a, b : n; grad (a' inv(X) b) wrt X", "-inv(X)' a b' inv(X)'"),
    ("V : n x k; C : n x n symmetric; grad (norm(V V' - C)^2 / 4) wrt V", "(V V' - C) V"),
    (
        "X : m x d; W : d x k; Y : m x k onehot; S = X W; "
        "J = (sum(logsumexp(S, axis=1)) - sum(Y .* S)) / m; grad J wrt W",
        "X' (softmax(S, axis=1) - Y) / m",
    ),
    (
        "X : m x d; w : d; y : m; p = sigmoid(X w); "
        "J = -(y' log(p) + (1 - y)' log(1 - p)) / m; grad J wrt w",
        "X' (p - y) / m",
    ),
    (
        "X : m x d; W : d x h; V : h x k; Y : m x k; Z = tanh(X W); R = Z V - Y; "
        "J = norm(R)^2 / (2 m); grad J wrt W",
        "X' ((1 - Z.^2) .* (R V')) / m",
    ),
    (
        "X : m x n; mu = mean(X, axis=1); D = X - mu; v = mean(D.^2, axis=1); "
        "t = sqrt(v + 1/100); Y = D ./ t; vjp Y with G wrt X",
        "(G - mean(G, axis=1) - Y .* mean(G .* Y, axis=1)) ./ t",
    ),
    ("z : n; p = softmax(z); jac p wrt z", "diag(p) - p p'"),
    ("x : n; J = x' x x' x x' x x' x; grad J wrt x", "8 (x' x)^3 x"),
    ("x : n; y = x / norm(x); jac y wrt x", "(I - y y') / norm(x)"),
    ("Q, K, V : n x d; P = softmax(Q K' / sqrt(d), axis=1); A = P V; vjp A with G wrt Q",
     "(P .* (G V' - sum(G .* A, axis=1))) K / sqrt(d)"),
    ("X : n x n; grad det(X) wrt X", "adj(X)'"),
    ("X : n x n; grad log(det(X)) + det(X) wrt X", "(1 + det(X)) inv(X)'"),
    ("X : n x n; grad 3 tr(X) wrt X", "3 I"),
    ("X, I : n x n; grad 3 tr(X) + tr(I) wrt X", "3 eye(n)"),
    ("A : m x m; X : n x n; grad tr(kron(A, X)) wrt X", "tr(A) I"),
    (
        "x, y : n; s : scalar; r = x[2..n] - x[1..n-1]; "
        "J = norm(x - y)^2 / 2 + s norm(r)^2; grad J wrt x",
        "x - y + 2 s ([0; r] - [r; 0])",
    ),
    ("A, G : n x k; x : k; z = A x; w : n; vjp (z + flip(z)) with w wrt A", "(w + flip(w)) x'"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "wanted"), GRADIENTS, ids=[g[1] for g in GRADIENTS])
def test_derivative_as_printed(text: str, wanted: str) -> None:
    problem = read(text)
    result = derive(problem, problem.requests[0])
    assert result.validation.verdict == "verified"
    assert to_text(result.gradient) == wanted


@pytest.mark.parametrize(("text", "wanted"), GRADIENTS, ids=[g[1] for g in GRADIENTS])
def test_what_is_printed_reads_back(text: str, wanted: str) -> None:
    *given, asked = text.split(";")
    claimed = check(";".join([*given, f"check {asked} = {wanted}"]))
    assert claimed.right
    assert not check(";".join([*given, f"check {asked} = 2 ({wanted})"])).right


@pytest.mark.parametrize(("text", "letters"), [(f[1], f[2]) for f in FORMS], ids=lambda x: x)
def test_form_is_final(text: str, letters: str) -> None:
    problem = read(letters)
    e = read_expression(text, problem)
    assert length(Simplifier(problem.definitions.values())(e)) == length(e)


def test_what_is_validated_is_what_is_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    checked = []
    check_of = Checker.check

    def noted(self: Checker, gradient: Expr) -> Validation:
        checked.append(gradient)
        return check_of(self, gradient)

    monkeypatch.setattr(Checker, "check", noted)
    for text, _ in GRADIENTS:
        problem = read(text)
        assert derive(problem, problem.requests[0]).gradient is checked[-1]
    assert len(checked) == len(GRADIENTS)


def test_steps_shorten() -> None:
    problem = read(GRADIENTS[0][0])
    steps = derive(problem, problem.requests[0]).rewritings
    assert [step.rule for step in steps] == ["like terms"]
    for text, _ in GRADIENTS:
        problem = read(text)
        for step in derive(problem, problem.requests[0]).rewritings:
            assert length(step.after) < length(step.before)


def test_steps_are_named() -> None:
    problem = read("A : n x n; x : n; grad (x' A x) wrt x")
    (step,) = derive(problem, problem.requests[0]).rewritings
    assert step.rule == "common factor"
    assert to_text(step.after) == "(A + A') x"


# -------------------------------------------------------------------- determinism and size

PROGRAM = """
from test_simplifier import FORMS, GRADIENTS, Simplifier, derive, read, read_expression
for text, _, letters in FORMS:
    problem = read(letters)
    print(Simplifier(problem.definitions.values())(read_expression(text, problem)))
for text, _ in GRADIENTS:
    problem = read(text)
    for request in problem.requests:
        result = derive(problem, request)
        print(result.gradient, result.validation)
        print(*result.rewritings, sep="; ")
"""


def test_hash_seeds_do_not_matter() -> None:
    path = os.pathsep.join(
        [str(ROOT), *(str(ROOT / "tests" / name) for name in ("support", "simplification"))]
    )
    outputs = set()
    for seed in ("0", "1", "2"):
        run = subprocess.run(
            [sys.executable, "-c", PROGRAM],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": path},
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        outputs.add(run.stdout)
    assert len(outputs) == 1


def test_large_expressions() -> None:
    n = Dim.of("n")
    a, x = ex.symbol("A", (n, n)), ex.symbol("x", (n, ex.ONE))
    deep = x
    for _ in range(10_000):
        deep = ex.call("tanh", ex.call("sin", deep))
    assert simplified(deep) is deep
    layers = x
    for _ in range(2_000):
        layers = ex.call("tanh", ex.matmul(a, layers))
    assert simplified(layers) is layers
    doubled = x
    for _ in range(16):  # 2^16 terms where it is multiplied out
        doubled = ex.add(doubled, ex.matmul(a, doubled))
    assert length(simplified(doubled)) <= length(doubled)


@pytest.mark.parametrize("value", ["2", "1/3", "-1"])
@pytest.mark.parametrize(
    "of",
    [
        "sum(x.^2 ./ (1 + x.^2)) / k",
        "sum(k x.^2 ./ (1 + k x.^2) + 1 ./ x.^2)",
        "sum(k ./ (x.^2 + k) + x.^2)^2 k",
        "sum(sqrt(x.^2 + k^2) ./ (k^2 + x.^2))",
    ],
)
@pytest.mark.parametrize("kind", ["grad", "hess"])
def test_a_number_by_a_name_is_a_number(value: str, of: str, kind: str) -> None:
    """Also beside the same number as an exponent, where fractions get one denominator."""
    problem = read(f"x : n; k = {value}; J = {of}; {kind} J wrt x")
    assert derive(problem, problem.requests[0]).validation.verdict == "verified"


@pytest.mark.parametrize(
    "text",
    [
        "M diag(vec(eye(n))) kron(ones(1, n), eye(n))'",
        "M (kron(ones(1, n), eye(n)) diag(vec(eye(n))))'",
        "kron(ones(1, n), eye(n)) diag(vec(eye(n))) M'",
    ],
)
def test_the_columns_of_equal_pairs_are_no_matrix_as_it_stands(text: str) -> None:
    n, values = Dim.of("n"), {"M": np.arange(27.0).reshape(3, 9)}
    problem = read("M : n x n n", complete=False)
    e = read_expression(text, problem)
    found = simplified(e)
    assert found.shape == e.shape == (n, n)
    np.testing.assert_allclose(*(evaluate(x, values, {"n": 3}, {}) for x in (found, e)))
