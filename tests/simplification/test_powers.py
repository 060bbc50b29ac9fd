"""Powers to one exponent are written as one; others are left as they are."""

from __future__ import annotations

import pytest

from shapetrick.core.traversal import transform
from shapetrick.language.elaboration import read
from shapetrick.language.expressions import read_expression
from shapetrick.language.printer import to_text
from shapetrick.simplification.powers import with_equal_powers

LETTERS = "x, y : n positive; A : n x k; s, t, p : scalar positive"
JOINED = [
    ("x.^2 ./ y.^2", "(x ./ y).^2"),
    ("1 ./ y.^2 .* x.^2", "(x ./ y).^2"),
    ("1 - 3 x.^4 ./ s^4", "1 - 3 (x / s).^4"),
    ("x.^(-p) .* (x - y)", "(x - y) ./ x.^p"),
    ("x.^p .* y.^(-p)", "(x ./ y).^p"),
    ("s^(1 - p) x.^(p - 1)", "(x / s).^(p - 1)"),
    ("x.^(p + 1) .* y.^(1 + p)", "(x .* y).^(p + 1)"),
    ("t x.^(p - 1) s^(1 - p) ./ y", "t (x / s).^(p - 1) ./ y"),
    ("exp(x.^2 ./ y.^2)", "exp((x ./ y).^2)"),
    ("exp(x).^2 .* (x - y).^2", "(exp(x) .* (x - y)).^2"),
    ("s^6 ./ x.^7 - 2 s^2 ./ x.^3", "((s ./ x).^6 - 2 (s ./ x).^2) ./ x"),
    ("x.^4 ./ s^5 - x.^2 ./ s^3", "((x / s).^4 - (x / s).^2) / s"),
    ("s (2 (s / t)^11 - (s / t)^5) / t^3", "(2 (s / t)^12 - (s / t)^6) / t^2"),
    ("s (s^11 / t^14 - s^5 / t^8) x", "((s / t)^12 - (s / t)^6) x / t^2"),
    ("x .* (s x.^4 - t x.^2) ./ y", "(s x.^5 - t x.^3) ./ y"),
    ("(s x.^4 ./ y.^4 - (x ./ y).^2) .* x ./ y", "s (x ./ y).^5 - (x ./ y).^3"),
]
KEPT = [
    "s (3 s^2 - s)",
    "s (t^4 - t^2)",
    "(2 (s / t)^11 - (s / t)^5) / t",
    "x.^2 .* y.^2",
    "1 ./ x ./ y",
    "x.^2 ./ y.^3",
    "x.^p .* y.^2",
    "x.^p ./ y",
    "x ./ y",
    "A' x.^2",
    "s^6 ./ x.^7 - s^2 ./ y.^3",
    "s^6 ./ x.^7 - s^2",
]


@pytest.mark.parametrize(("text", "wanted"), JOINED, ids=[row[0] for row in JOINED])
def test_powers_to_one_exponent_are_one(text: str, wanted: str) -> None:
    e = read_expression(text, read(LETTERS))
    assert to_text(transform(e, with_equal_powers)) == wanted


@pytest.mark.parametrize("text", KEPT)
def test_other_powers_are_kept(text: str) -> None:
    e = read_expression(text, read(LETTERS))
    assert transform(e, with_equal_powers) is e
