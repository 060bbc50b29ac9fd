"""`shapetrick functions NAME`: each function has a verified rule, and an example that runs."""

from __future__ import annotations

import re

import pytest

from shapetrick.cli import main
from shapetrick.render.function_table import function_names

QUICK = ("softmax", "inv", "matmul", "layer_norm", "where", "unvec", "lyapunov")


def _told(name: str, capsys: pytest.CaptureFixture[str]) -> str:
    assert main(["functions", name]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if name in QUICK else pytest.mark.slow)
        for name in function_names()
    ],
)
def test_the_rule_is_found_and_verified(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    out = " ".join(_told(name, capsys).split())
    rules = re.findall(r" rule (.*?)(?= rule | example )", out)
    assert rules and all(rule.endswith("✓ verified") for rule in rules)


def test_what_is_told_of_a_row(capsys: pytest.CaptureFixture[str]) -> None:
    assert _told("inv", capsys) == (
        "inv(x)\n"
        "\n"
        "  what        inverse, A^-1\n"
        "  derivative  -y y, as of scalars\n"
        "  units       the value has one over the argument's, with rows and columns\n"
        "              swapped\n"
        "  rule        bar(X) = -V' G V', where V = inv(X)   ✓ verified\n"
        '  example     shapetrick derive -e "X : n x n; V = inv(X); vjp V with G wrt X"\n'
    )


@pytest.mark.parametrize(
    ("name", "where"),
    [("cholesky", "where S = inv(L)' "), ("lyapunov", "where A' S + S A = G")],
)
def test_a_multiplier_has_its_closed_form_or_its_equation(
    name: str, where: str, capsys: pytest.CaptureFixture[str]
) -> None:
    told = " ".join(_told(name, capsys).split())
    assert where in told and told.count("= G ") == ("= G" in where) * told.count("rule")


@pytest.mark.parametrize("name", ["layer_norm", "cholesky", "unvec"])
def test_the_example_is_a_command(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    (text,) = re.findall(r'derive -e "(.*?)"', " ".join(_told(name, capsys).split()))
    assert main(["derive", "--quiet", "-e", text]) == 0


def test_several_are_told_of(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["functions", "inv", "softmax"]) == 0
    assert re.findall(r"^\w.*", capsys.readouterr().out, re.M) == ["inv(x)", "softmax(x)"]


def test_an_alias_is_the_row_and_a_slip_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert _told("ln", capsys) == _told("log", capsys)
    assert main(["functions", "softmx"]) == 2
    assert "did you mean softmax?" in capsys.readouterr().err
