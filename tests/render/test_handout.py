"""`shapetrick handout`: the worksheet has no answers, the key behind it has them all."""

from __future__ import annotations

from pathlib import Path

import pytest

from shapetrick.cli import main

SET = '''
[[question]]
topic = "linear regression"
level = 2
given = """
X : m x n+1; θ : n+1; y : m
J = norm(X θ - y)^2 / (2 m)"""
ask = "grad J wrt θ"
hint = "X has to be turned"

[[question]]
topic = "<b>a layer"
level = 3
given = """
X : m x d; W : d x k; sigma : elementwise
Z = sigma(X W)"""
ask = "vjp Z wrt W"
'''


def handout(tmp_path: Path, capsys: pytest.CaptureFixture[str], form: str, text: str = SET) -> str:
    path = tmp_path / "set.toml"
    path.write_text(text, encoding="utf-8")
    assert main(["handout", str(path), "--format", form]) == (0 if text == SET else 2)
    written = capsys.readouterr()
    return written.out or written.err


def test_html(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    worksheet, key = handout(tmp_path, capsys, "html").split('<section class="key">')
    assert worksheet.count('class="room"') == 2
    assert "X has to be turned" in worksheet
    assert "it is (n+1)×1" in worksheet
    assert "<math" not in worksheet
    assert key.count("✓ verified") == 2
    assert "<b>" not in worksheet + key


def test_latex(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written = handout(tmp_path, capsys, "latex")
    worksheet, key = written.split(r"\clearpage")
    assert worksheet.startswith(r"\documentclass")
    assert worksheet.count(r"\vspace*") == 2
    assert "align" not in worksheet
    assert r"X^{\top} (X \theta - y)" in key
    assert key.rstrip().endswith(r"\end{document}")


QUESTION = """[[question]]
topic = "quadratic"
level = 1
given = "x : n; J = x' x"
ask = "grad J wrt x"
"""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x = 1", "no questions"),
        (QUESTION.replace("topic", "name"), "`name` is none of topic, level, given, ask, hint"),
        (QUESTION.replace("ask", "#"), "question 1 has no `ask`, which is a text"),
        (QUESTION.replace("= 1", "= 'one'"), "`level` should be a whole number"),
        (QUESTION.replace("= 1", "= 9"), "`level` is from 1 to 5"),
        (QUESTION.replace("wrt x", "wrt y"), "`y` is not declared"),
    ],
)
def test_a_set_that_is_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, said: str
) -> None:
    assert said in handout(tmp_path, capsys, "html", text)
