"""A result as on paper: what stands where, at 80 columns, in a pipe, and in JSON."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import pytest
from rich.console import Console
from samples import (
    PROBLEM,
    UNCHECKED,
    WRONG,
    backward_rule,
    linear_regression,
    long_sum,
)

from shapetrick.core.results import Result, Validation
from shapetrick.interop.json_export import to_dict
from shapetrick.render.layout import broken, columns, plain
from shapetrick.render.terminal import Style, console, problem_rows, result_rows, show

TERMINAL = Style(width=80)
PIPE = Style()

LINEAR_REGRESSION = """\
grad J wrt θ

  scalars    ∂J/∂θ = 1/2 · 1/m · (X θ - y) · X
  shapes                   1×1   m×1         m×(n+1)  →  (n+1)×1
  arranged   Xᵀ (X θ - y) / m
             1 of 12 arrangements that fit the declared shapes stands

  gradient   ∂J/∂θ = Xᵀ (X θ - y) / m   (n+1)×1

  ✓ verified  worst relative error 2.6e-13; Taylor remainder of order 2.00;
              4 draws at m=4, n=2 and m=3, n=4; seed 0
"""

WITH_STEPS = """\
grad J wrt θ

  scalars    ∂J/∂θ = 1/2 · 1/m · (X θ - y) · X
  shapes                   1×1   m×1         m×(n+1)  →  (n+1)×1
  arranged   X' (X θ - y) / m
             1 of 12 arrangements that fit the declared shapes stands; the most
             general shapes and units leave 1
  factors    1 / m                 the mean
             X θ - y               the square
             X                     X θ by θ
  rejected   X' y
               off by 1.2: its units do not cancel

  simplified like terms collected
               X' (X θ - y) / (2 m) + X' (X θ - y) / (2 m) = X' (X θ - y) / m

  gradient   ∂J/∂θ = X' (X θ - y) / m   (n+1)×1

  ✓ verified  worst relative error 2.6e-13; Taylor remainder of order 2.00;
              4 draws at m=4, n=2 and m=3, n=4; seed 0
"""

BACKWARD_RULE = """\
vjp Z with Z̄ wrt W

  gradient   W̄ = Aᵀ (Z̄ ⊙ (1 - Z.^2))   n×h
  where      Z = tanh(A W)
  keeps      A (m×n), Z (m×h)
  note       1 - tanh² is written with Z

  ✓ verified  worst relative error 2.6e-13; Taylor remainder zero to rounding;
              4 draws at m=4, n=2 and m=3, n=4; where m ≥ n; seed 0
"""

LONG_SUM = """\
grad J wrt θ

  scalars    ∂J/∂θ = -3 · 1/m · (X θ - y) · X
  shapes                  1×1   m×1         m×(n+1)  →  (n+1)×1
  arranged   Xᵀ (X θ - y) / m
             1 of 12 arrangements that fit the declared shapes stands

  scalars          + 1/m · (X θ - y) · X
  shapes             1×1   m×1         m×(n+1)  →  (n+1)×1
  arranged   Xᵀ (X θ - y) / m
             1 of 12 arrangements that fit the declared shapes stands
  together   ∂J/∂θ = Xᵀ (X θ - y) / m

  gradient   ∂J/∂θ = 2 Xᵀ (X θ - y) / m + 3 Xᵀ (X θ - y) / m
                     + 4 Xᵀ (X θ - y) / m + 5 Xᵀ (X θ - y) / m
                     + 6 Xᵀ (X θ - y) / m + 7 Xᵀ (X θ - y) / m
                     + 8 Xᵀ (X θ - y) / m   (n+1)×1

  ✓ verified  worst relative error 2.6e-13; Taylor remainder of order 2.00;
              4 draws at m=4, n=2 and m=3, n=4; seed 0
"""


@pytest.mark.parametrize(
    ("result", "style", "text"),
    [
        (linear_regression(), TERMINAL, LINEAR_REGRESSION),
        (linear_regression(), Style(steps=True), WITH_STEPS),
        (backward_rule(), TERMINAL, BACKWARD_RULE),
        (long_sum(), TERMINAL, LONG_SUM),
    ],
    ids=["terminal", "steps in a pipe", "backward rule", "long sum"],
)
def test_shown(result: Result, style: Style, text: str) -> None:
    assert plain(result_rows(result, style)) == text


@pytest.mark.parametrize("result", [linear_regression(), backward_rule(), long_sum()])
@pytest.mark.parametrize("width", [60, 80, 120])
def test_fits_the_width(result: Result, width: int) -> None:
    rows = plain(result_rows(result, Style(width, steps=True))).splitlines()
    assert max(map(columns, rows)) <= width


def test_a_pipe_gets_expressions_on_one_line_in_the_language() -> None:
    text = plain(result_rows(long_sum(), PIPE))
    assert "2 X' (X θ - y) / m + 3 X' (X θ - y) / m + 4 X' (X θ - y) / m + 5 X'" in text
    assert "bar(W) = A' (bar(Z) .* (1 - Z.^2))" in plain(result_rows(backward_rule(), PIPE))


@pytest.mark.parametrize("validation", [WRONG, UNCHECKED], ids=["wrong", "unchecked"])
@pytest.mark.parametrize("quiet", [False, True])
def test_what_is_not_verified_does_not_look_so(validation: Validation, quiet: bool) -> None:
    text = plain(result_rows(linear_regression(validation), Style(quiet=quiet)))
    badge = "✗ WRONG" if validation is WRONG else "? NOT VERIFIED"
    assert "verified" not in text
    assert "∂J/∂θ = X'" not in text
    assert "∂J/∂θ =? X'" in text
    assert badge in text
    assert validation.reason in text
    assert "nan" not in text


def test_quiet_is_the_gradient_alone() -> None:
    assert plain(result_rows(linear_regression(), Style(quiet=True))) == (
        "∂J/∂θ = X' (X θ - y) / m\n"
    )
    rule = backward_rule()
    problem = replace(PROBLEM, definitions={"Z": rule.request.of})
    assert plain(result_rows(rule, Style(quiet=True), problem)).count("\n") == 1
    assert plain(result_rows(rule, Style(quiet=True))).startswith("Z = tanh(A W)\nbar(W) = ")


def test_what_a_problem_assumed_comes_first() -> None:
    assert plain(problem_rows(PROBLEM, TERMINAL)) == (
        "  assumed    A is n×n\n"
        "             x is n×1\n"
        "  read       `A X ./ B` was read as `(A X) ./ B`\n"
        "\n"
    )


def test_colour_is_for_terminals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    rows = result_rows(linear_regression(), TERMINAL)

    def shown(**options: object) -> str:
        stream = io.StringIO()
        show(rows, Console(file=stream, width=80, **options))  # type: ignore[arg-type]
        return stream.getvalue()

    assert "\x1b[" in shown(force_terminal=True, color_system="standard")
    assert shown() == LINEAR_REGRESSION


@pytest.mark.parametrize(
    ("colour", "no_color", "there"),
    [("auto", "", True), ("auto", "1", False), ("never", "", False), ("always", "1", True)],
)
def test_without_colour_there_is_no_weight(
    colour: str, no_color: str, there: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", no_color)
    monkeypatch.setenv("TERM", "xterm")
    stream = io.StringIO()
    monkeypatch.setattr(stream, "isatty", lambda: True)
    show(result_rows(linear_regression(), TERMINAL), console(stream, colour))
    assert ("\x1b[" in stream.getvalue()) == there


def test_broken_at_the_loosest_place() -> None:
    assert broken("A (B + C) + D (E + F)", 20) == ["A (B + C)", "+ D (E + F)"]
    assert broken("(A + B + C + D + E + F + G)", 20) == ["(A + B + C + D + E", "+ F + G)"]
    assert broken("unbreakable" * 5, 20) == ["unbreakable" * 5]
    assert broken("A (B + C) + D (E + F)", None) == ["A (B + C) + D (E + F)"]


def test_data_is_json() -> None:
    data = json.loads(json.dumps(to_dict(linear_regression(), PROBLEM), allow_nan=False))
    assert (data["kind"], data["wrt"]) == ("grad", "θ")
    assert data["shape"] == ["n+1", "1"]
    assert data["gradient"] == "X' (X θ - y) / m"
    assert data["verified"] is True
    assert data["validation"]["sizes"] == [{"m": 4, "n": 2}, {"m": 3, "n": 4}]
    line = data["steps"][0]["lines"][0]
    assert line["coefficient"] == "1/2"
    assert [f["shape"] for f in line["factors"]] == [["1", "1"], ["m", "1"], ["m", "n+1"]]
    assert line["rejected"][0]["relative_error"] == 1.23
    assert data["assumptions"] == ["A is n×n", "x is n×1"]


def test_data_without_figures() -> None:
    data = to_dict(linear_regression(UNCHECKED), PROBLEM)
    assert data["verified"] is False
    assert data["validation"]["max_relative_error"] is None
    exact = to_dict(backward_rule(), PROBLEM)
    assert (exact["validation"]["order"], exact["validation"]["exact"]) == (None, True)
    assert exact["with"] == "bar(Z)"


def test_a_smaller_size_in_the_place_of_a_number_is_said() -> None:
    result = linear_regression()
    validation = replace(result.validation, sizes=({"10": 2, "n": 3},))
    text = plain(result_rows(replace(result, validation=validation), TERMINAL))
    assert "draws at 2 for 10, n=3;" in " ".join(text.split())
