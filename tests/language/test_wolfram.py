"""Wolfram's language is refused, and what is said to write instead is read."""

from __future__ import annotations

import re

import pytest

from shapetrick.core.errors import ParseError
from shapetrick.language.elaboration import read
from shapetrick.language.expressions import read_expression

GIVEN = "A, B : n x n; x, b : n; s : scalar\n"

# As typed there, and what is said to write here.
TYPED = [
    ("A.B", "A B"), ("x.A.x", "x' A x"), ("x.b", "x' b"), ("x.(A.b)", "x' (A b)"),
    ("Transpose[x].A.x", "x' A x"), ("A.Transpose[B]", "A B'"), ("Transpose[A.B]", "(A B)'"),
    ("Tr[A]", "tr(A)"), ("Tr[Transpose[A].B]", "tr(A' B)"), ("Tr[Inverse[A]]", "tr(inv(A))"),
    ("Log[Det[A]]", "log(det(A))"), ("Log[Det[A.B]] + s", "log(det(A B)) + s"),
    ("Exp[-x.x/2]", "exp(-x' x/2)"), ("Norm[A.x - b]^2", "norm(A x - b)^2"),
    ("(A.x - b).(A.x - b)", "(A x - b)' (A x - b)"), ("Total[x^2]", "sum(x^2)"),
    ("Sin[x[[1]]]", "sin(x[1])"), ("2 A.x", "2 A x"),
    ("2 LinearSolve[A, b]", "2 solve(A, b)"), ("MatrixPower[A.B, 3]", "(A B)^3"),
    ("KroneckerProduct[A, B]", "kron(A, B)"), ("Sum[x[[i]]^2, {i, n}]", "sum(i = 1..n) (x[i]^2)"),
    ("Sum[x[[i]], {i, 2, n}]", "sum(i = 2..n) x[i]"), ("MatrixExp[A]", "expm(A)"),
]  # fmt: skip
REQUESTS = [
    ("D[x.A.x, x]", "grad (x' A x) wrt x"),
    ("Grad[Log[Det[A]], A]", "grad (log(det(A))) wrt A"),
]
# What looks like it, and is ours.
OURS = [
    "A.T x", "A.'x", "A.dot(x)", "A.sum(axis=0)", "x[1] + x[2]", "A[1,:] x", "0.5 A x", "A.*B",
    "sum(i = 1..n) x[i]",
]  # fmt: skip


def advised(text: str) -> str:
    """What is said to write."""
    with pytest.raises(ParseError) as refused:
        read(text)
    assert ("Wolfram" in refused.value.message) == ("[" in text)
    *_, last = re.findall("`([^`]+)`", refused.value.message)
    return str(last)


@pytest.mark.parametrize(("typed", "ours"), TYPED)
def test_a_value(typed: str, ours: str) -> None:
    assert advised(f"{GIVEN}E = {typed}\n") == ours
    if ours != "sum(x^2)":  # which is refused with `x .^ 2`
        assert "E" in read(f"{GIVEN}E = {ours}\n", complete=False).definitions
    with pytest.raises(ParseError, match=re.escape(f": `{ours}`.")):
        read_expression(typed, read(GIVEN, complete=False))


@pytest.mark.parametrize(("typed", "ours"), REQUESTS)
def test_a_request(typed: str, ours: str) -> None:
    assert advised(GIVEN + typed) == ours
    assert len(read(GIVEN + ours).requests) == 1


@pytest.mark.parametrize("typed", OURS)
def test_what_is_ours_is_read(typed: str) -> None:
    assert "E" in read(f"{GIVEN}E = {typed}\n", complete=False).definitions
