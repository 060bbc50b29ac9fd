"""What other tools take from us: the pytest plugin, the lexer for Pygments, the hook."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some
from paths import ROOT
from pygments.lexers import get_lexer_for_filename
from pygments.token import Comment, Keyword, Name, Number, Text

from shapetrick.language.highlighting import highlighted
from shapetrick.render.pygments_lexer import ShapetrickLexer, coloured

CLAIMS = """\
X : m x d; w : d; y : m
J = norm(X w - y)^2 / 2
check grad J wrt w = X' (X w - y)
check grad J wrt w = 2 X' (X w - y)
grad J wrt y
check norm(w)^2 = w' w
check X w = y
"""


def _pytest(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    call = [sys.executable, "-m", "pytest", *options, str(folder)]
    cwd = folder if folder.is_dir() else folder.parent
    return subprocess.run(call, capture_output=True, text=True, cwd=cwd, check=False)


def test_pytest_collects_claims_where_it_is_asked_to(tmp_path: Path) -> None:
    (tmp_path / "claims.st").write_text(CLAIMS, encoding="utf-8")
    (tmp_path / "broken.st").write_text("J = norm(", encoding="utf-8")
    assert "no tests ran" in _pytest(tmp_path).stdout
    done = _pytest(tmp_path, "--shapetrick", "-rA", "--continue-on-collection-errors")
    assert "2 failed, 3 passed, 1 error" in done.stdout
    assert "PASSED claims.st::grad J wrt w = X' (X w - y)" in done.stdout
    assert "FAILED claims.st::grad J wrt w = 2 X' (X w - y)" in done.stdout
    assert "right but for a factor 2" in done.stdout
    assert "PASSED claims.st::norm(w)^2 = w' w" in done.stdout
    assert "FAILED claims.st::X w = y" in done.stdout
    assert "line 1: J = norm(" in done.stdout
    assert "FAILED claims.st::X w = y - wrong: " in done.stdout  # in short, as pytest tells them
    assert "claims.st:4: UnverifiedError" in done.stdout
    assert "Traceback" not in done.stdout


def test_pytest_collects_a_problem_that_is_named(tmp_path: Path) -> None:
    (tmp_path / "claims.st").write_text(CLAIMS, encoding="utf-8")
    assert "2 failed, 3 passed" in _pytest(tmp_path / "claims.st").stdout


def test_pytest_has_a_fixture_for_gradients_of_functions(tmp_path: Path) -> None:
    (tmp_path / "test_loss.py").write_text(
        "def test_right(assert_gradient):\n"
        "    assert_gradient(lambda x: x @ x, lambda x: 2 * x, [1.0, 2.0])\n\n"
        "def test_wrong(assert_gradient):\n"
        "    assert_gradient(lambda x: x @ x, lambda x: x, [1.0, 2.0])\n",
        encoding="utf-8",
    )
    done = _pytest(tmp_path)
    assert "1 failed, 1 passed" in done.stdout
    assert "test_loss.py:5: AssertionError" in done.stdout and "gradient_checks" not in done.stdout
    assert "factor" in done.stdout or "times the gradient" in done.stdout


def test_parts_of_a_problem_have_their_looks() -> None:
    text = "# a line\nX : m x n symmetric; sigma : elementwise\nJ = 2 norm(sigma(X))  # half\n"
    found = [(text[s.start : s.end], look) for look, s in highlighted(text)]
    assert ("# a line", "comment") in found and ("# half", "comment") in found
    assert [part for part, look in found if look == "function"] == ["norm", "sigma"]
    assert ("symmetric", "attribute") in found
    assert ("2", "number") in found


def test_the_lexer_of_pygments_names_them() -> None:
    found = {text: kind for kind, text in ShapetrickLexer().get_tokens(CLAIMS + "# end")}
    assert found["norm"] is Name.Function
    assert found["check"] is Keyword
    assert found["2"] is Number
    assert found["# end"] is Comment


@pytest.mark.parametrize("path", sorted((ROOT / "examples").glob("*.st")), ids=lambda p: p.stem)
def test_pygments_tells_our_files_from_smalltalk(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert isinstance(get_lexer_for_filename(path.name, text), ShapetrickLexer)
    smalltalk = "Object subclass: #A\n  grad: x wrt: y [ ^x + y ]\n"
    assert not isinstance(get_lexer_for_filename("a.st", smalltalk), ShapetrickLexer)


@given(some.text(max_size=60) | some.lists(some.sampled_from(CLAIMS)).map("".join))
def test_the_lexer_loses_nothing(text: str) -> None:
    parts = list(ShapetrickLexer().get_tokens_unprocessed(text))
    assert "".join(part for _, _, part in parts) == text
    assert [at for at, _, _ in parts] == sorted(at for at, _, _ in parts)


@pytest.mark.parametrize("text", ["x = '<b>&amp;'", "<script>alert(1)</script>", "a < b # <i>"])
@pytest.mark.parametrize("python", [True, False])
def test_code_in_colours_is_escaped(text: str, python: bool) -> None:
    shown = str(coloured(text, python=python))
    assert not [tag for tag in ("<b>", "<script>", "<i>") if tag in shown]


def test_the_hook_runs_the_command_that_is_there() -> None:
    hook = (ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8")
    entry = next(line.split(":")[1] for line in hook.splitlines() if "entry:" in line)
    words = entry.split()
    assert words[0] == "shapetrick"
    call = [sys.executable, "-m", "shapetrick", *words[1:], "examples/claims.st"]
    assert subprocess.run(call, cwd=ROOT, check=False).returncode == 0


def test_a_lexer_without_a_look_is_text() -> None:
    assert next(iter(ShapetrickLexer().get_tokens("é\n")))[0] is Text
