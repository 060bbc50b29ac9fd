"""An expression alone, with what is declared before it: its value, and what is none."""

from __future__ import annotations

import pytest

from shapetrick.api import simplify
from shapetrick.core.errors import InputError, ShapetrickError
from shapetrick.language.elaboration import read_value


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("A, B : n x n\nA inv(A) B", "A inv(A) B"),
        ("the_value : n\n2 the_value", "2 the_value"),
        ("x : n\nsum(i) x_i x_i", "x' x"),
        ("W[l] : n x n for l = 1..L\nW[1] W[2]", "W[1] W[2]"),
        ("\\frac{1}{2} x", "x / 2"),
        ("x : n\n(grad (x' x) wrt x)", "2 x"),
        ("x : n\ngrad (x' x) wrt x", "2 x"),
        ("f(y) = 3 y\nx : n\nf(x)", "3 x"),
    ],
)
def test_the_last_line_is_an_expression(text: str, meant: str) -> None:
    assert str(read_value(text)[1]) == meant


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "an expression is wanted"),
        ("x : n", "an expression is wanted"),
        ("y = x", "an expression is wanted"),
        ("check grad x wrt x = 1", "an expression is wanted"),
        ("X, Y : m x n\nX Y", "is not a matrix product"),
    ],
)
def test_what_is_no_expression(text: str, said: str) -> None:
    with pytest.raises(ShapetrickError) as caught:
        read_value(text)
    assert said in str(caught.value)


def test_simplifying_takes_what_is_given_and_a_time_limit() -> None:
    assert str(simplify("A inv(A) B", "A, B : n x n")) == "B"
    with pytest.raises(InputError, match="a time limit is"):
        simplify("A inv(A) B", time_limit=-1)
