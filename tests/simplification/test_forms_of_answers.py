"""What is made of an answer that goes no further: the order of factors, transposes, complements."""

from __future__ import annotations

import pytest

import shapetrick as st
from shapetrick.language.elaboration import read
from shapetrick.language.expressions import read_expression
from shapetrick.language.printer import to_text
from shapetrick.simplification.simplifier import Simplifier

LETTERS = (
    "A, B, X : n x n; V : n x k; W : k x n; a, b, x, z : n; s, t : scalar; J = norm(A - V W); "
    "c = s + t; q = 4 s - 2 t"
)
ANSWERS = [
    ("exp(x) .* z", "z .* exp(x)"),
    ("exp(x) .* sin(z) .* a .* b", "a .* exp(x) .* sin(z) .* b"),
    ("(1 - z) .* z", "z .* (1 - z)"),
    ("A' + B'", "(A + B)'"),
    ("A' B' A'", "(A B A)'"),
    ("(A' - W' V') x", "(A - V W)' x"),
    ("1 - sigmoid(a - b)", "sigmoid(b - a)"),
    ("t s A", "s t A"),
    ("2 (t + 1) s A x / t", "2 s (t + 1) A x / t"),
    ("c exp(s) t", "t c exp(s)"),
    ("exp(s) X / (t s)", "exp(s) X / (s t)"),
    ("X / (t exp(t) s^2)", "X / (s^2 t exp(t))"),
    ("x x' + eye(n)", "I + x x'"),
    ("sin(s) + 2", "2 + sin(s)"),
    ("A .* X - 1 + exp(B)", "A .* X + exp(B) - 1"),
    ("x x' - 2 I + exp(B)", "x x' + exp(B) - 2 I"),
    ("A x - z + 1", "A x - z + 1"),
    ("exp(x)' z", "z' exp(x)"),
    ("mean(A .* X, axis=1) .* X", "X .* mean(A .* X, axis=1)"),
    ("0.001 I + A", "0.001 I + A"),
    ("J / s - J / t", "J (1 / s - 1 / t)"),
    ("2 J x / s + J z / t", "J (2 x / s + z / t)"),
    ("x ./ z / 10000", "0.0001 x ./ z"),
    ("s (8 t - 4)", "4 s (2 t - 1)"),
    ("6 s t (4 - 8 t) a", "24 s t (1 - 2 t) a"),
    ("(4 t - 6 s) x .* z / 2", "(2 t - 3 s) x .* z"),
    ("(6 A + 3 B)' x", "3 (2 A + B)' x"),
    ("z' (2 A - 4 I) x", "2 z' (A - 2 I) x"),
    ("z - (10 A + 5 B) x", "z - 5 (2 A + B) x"),
    ("((A + B) / 2 - X) x", "(A + B - 2 X) x / 2"),
    ("z' ((A + B) / 3 - I) x / s", "z' (A + B - 3 I) x / (3 s)"),
    ("exp((9 t - 3) x)", "exp(3 (3 t - 1) x)"),
    ("z .* (x / 2 - 1/3)", "z .* (3 x - 2) / 6"),
    ("(2 t - 4) (2 s - 6) x", "4 (t - 2) (s - 3) x"),
    (
        "X - A .* mean(A .* X, axis=0) - mean(X, axis=0)",
        "X - mean(X, axis=0) - A .* mean(A .* X, axis=0)",
    ),
]
OF_TYPED_ORDERS = [
    ("a, b, c, d, x : scalar positive; J = (a x + b) / (c x + d); grad J wrt x",
     "(a - c J) / (c x + d)"),
    ("r : m; k, s : scalar positive; J = log(s) + sum(log(1 + r.^2 / (k s^2))); grad J wrt s",
     "(1 - 2 sum(r.^2 ./ (k s^2 + r.^2))) / s"),
    ("x : n; t, w : scalar; J = t + sum(cos(w t x)); grad J wrt x", "-w t sin(w t x)"),
    ("t, b, g : scalar positive; J = t / g + g b^2 t; grad J wrt b", "2 g b t"),
    ("t, s, g : scalar; J = exp(t s) + exp(s g) + exp(g t); grad J wrt t",
     "s exp(t s) + g exp(t g)"),
]  # fmt: skip
KEPT = [
    "(a - z) .* z",
    "A x .* z .* exp(x)",
    "exp(x) ./ z",
    "x .* exp(x) / s",
    "A' B'",
    "A' - B",
    "A' X B' + B' X A'",
    "1 - sigmoid(x)",
    "x + 1",
    "x / 100",
    "mean(A, axis=1) .* X",
    "x / 2000",
    "J / s - J^2 / t",
    "J / s - s J",
    "x / s + x / t",
    "a' z",
    "(a - z)' exp(x)",
    "2 s + 1",
    "x x' - I",
    "t s^t x",
    "A' X B' - B X' A'",
    "(6 s^6 - 9 s^9) x",
    "4 A + 2 B",
    "(A - I / 2) x",
    "(A + B) / 2 - X",
    "(t - 0.01) x",
    "x / (4 t - 2)",
    "(2 t - 4)^3 x",
    "s (4 s - 2 t)",
]


def answer(text: str) -> str:
    problem = read(LETTERS)
    return to_text(Simplifier(problem.definitions.values()).answer(read_expression(text, problem)))


@pytest.mark.parametrize(("text", "wanted"), ANSWERS, ids=[row[0] for row in ANSWERS])
def test_an_answer_is_written_so(text: str, wanted: str) -> None:
    assert answer(text) == wanted
    assert answer(wanted) == wanted


@pytest.mark.parametrize("text", KEPT)
def test_others_are_kept(text: str) -> None:
    assert answer(text) == text


@pytest.mark.parametrize(("text", "wanted"), OF_TYPED_ORDERS)
def test_scalars_stand_as_the_problem_multiplies_them(text: str, wanted: str) -> None:
    assert str(st.derive(text).gradient) == wanted
