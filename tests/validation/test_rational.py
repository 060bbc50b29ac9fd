"""Rational functions: how far apart their terms may be, and what is looked at everywhere still."""

from __future__ import annotations

from math import inf

import pytest

import shapetrick as st
from shapetrick.core.traversal import postorder
from shapetrick.language.elaboration import read
from shapetrick.validation.rational import spread

DECLARED = "A, B : n x n; x, y : n; a : 1"


def _spread(text: str) -> float:
    e = read(f"{DECLARED}\nf = {text}").definitions["f"]
    return spread([e], postorder([e]))


@pytest.mark.parametrize(
    "text",
    ["x' A y + a", "norm(A x - y)^2 / 2", "tr(inv(A) B)", "sum(x.^3 ./ y)", "hypot(a, a)^4 det(A)"],
)
def test_what_is_rational_has_a_bound(text: str) -> None:
    assert 0 < _spread(text) < inf


@pytest.mark.parametrize(
    "text",
    [
        "norm(x)",
        "norm(x)^3",
        "sqrt(a)",
        "a^(1/2)",
        "norm(x) a^2",
        "logdet(A)",
        "sum(exp(x))",
        "abs(a)",
    ],
)
def test_what_has_sides_or_regions_has_none(text: str) -> None:
    assert _spread(text) == inf


def test_numbers_and_degrees_put_terms_apart() -> None:
    assert _spread("x' y / 10^6 + a") > _spread("x' y / 10 + a") > _spread("x' y + a")
    assert _spread("a^9 + a") > _spread("a^2 + a")


@pytest.mark.parametrize(
    ("function", "claim"),
    [
        ("x' x / 2 + sum(x.^4) / 10^8", "x"),  # a term that is too small to be seen at once
        ("sqrt(x' A' A x) + sum(x.^2)", "A' A x / sqrt(x' A' A x) + 2 abs(x)"),
        ("sum(x.^2) + sum(x.^12) / 10^6", "2 x"),
    ],
)
def test_a_term_that_a_point_hides_is_found(function: str, claim: str) -> None:
    assert not st.check(f"{DECLARED}\nJ = {function}\ncheck grad J wrt x = {claim}").right
