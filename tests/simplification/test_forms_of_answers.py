"""What is made of an answer that goes no further: the order of factors, transposes, complements."""

from __future__ import annotations

import pytest

from shapetrick.language.elaboration import read
from shapetrick.language.expressions import read_expression
from shapetrick.language.printer import to_text
from shapetrick.simplification.simplifier import Simplifier

LETTERS = (
    "A, B, X : n x n; V : n x k; W : k x n; a, b, x, z : n; s, t : scalar; J = norm(A - V W); "
    "c = s + t"
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
    ("A x - z + 1", "A x - z + 1"),
    ("exp(x)' z", "z' exp(x)"),
    ("mean(A .* X, axis=1) .* X", "X .* mean(A .* X, axis=1)"),
    ("0.001 I + A", "0.001 I + A"),
    ("J / s - J / t", "J (1 / s - 1 / t)"),
    ("2 J x / s + J z / t", "J (2 x / s + z / t)"),
    ("x ./ z / 10000", "0.0001 x ./ z"),
    (
        "X - A .* mean(A .* X, axis=0) - mean(X, axis=0)",
        "X - mean(X, axis=0) - A .* mean(A .* X, axis=0)",
    ),
]
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
