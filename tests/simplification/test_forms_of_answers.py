"""What is made of an answer that goes no further: the order of factors, transposes, complements."""

from __future__ import annotations

import pytest

from shapetrick.language.elaboration import read
from shapetrick.language.expressions import read_expression
from shapetrick.language.printer import to_text
from shapetrick.simplification.simplifier import Simplifier

LETTERS = "A, B, X : n x n; V : n x k; W : k x n; a, b, x, z : n; s : scalar; J = norm(A - V W)"
ANSWERS = [
    ("exp(x) .* z", "z .* exp(x)"),
    ("exp(x) .* sin(z) .* a .* b", "a .* exp(x) .* sin(z) .* b"),
    ("(1 - z) .* z", "z .* (1 - z)"),
    ("A' + B'", "(A + B)'"),
    ("A' B' A'", "(A B A)'"),
    ("(A' - W' V') x", "(A - V W)' x"),
    ("1 - sigmoid(a - b)", "sigmoid(b - a)"),
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
