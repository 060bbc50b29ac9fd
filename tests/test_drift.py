"""The drift report: two revisions whose answers are known, and what is said of them."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from drift import main

SQUARE = "A : n x n; x : n; grad (x' A x) wrt x"
NETWORK = "X : m x n; w : n; y : m; grad (norm(X w - y)^2 / 2) wrt w"

# A package that looks like this one on the surface, and answers what a file next to it says.
PACKAGE = '''
import json
from pathlib import Path
from types import SimpleNamespace as Object

ANSWERS = json.loads((Path(__file__).parent / "answers.json").read_text())


def read(text):
    if text not in ANSWERS:
        raise ValueError("not in the language")
    gradient, expanded, verdict, definitions = ANSWERS[text]
    derived = Object(
        kind="grad", of="J", wrt="x", shape=("n", "1"), validation=Object(verdict=verdict),
        gradient=gradient, expanded=expanded, definitions=definitions,
    )
    return Object(derive=lambda: [derived])
'''  # fmt: skip


def answer(gradient: str, verdict: str = "verified", **definitions: str) -> list[Any]:
    expanded = gradient
    for name, body in reversed(definitions.items()):
        expanded = expanded.replace(name, f"({body})")
    return [gradient, expanded, verdict, list(definitions.items())]


@pytest.fixture
def report(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Any:
    """Runs the script on two commits with these answers to the problems: status and output."""

    def git(*words: str) -> None:
        who = ("-c", "user.name=a", "-c", "user.email=a@b")
        subprocess.run(["git", "-C", str(tmp_path), *who, *words], check=True, capture_output=True)

    def run(old: dict[str, Any], new: dict[str, Any]) -> tuple[int, str]:
        git("init", "-q")
        package = tmp_path / "shapetrick"
        package.mkdir()
        (package / "__init__.py").write_text(PACKAGE)
        for name, answers in (("old", old), ("new", new)):
            (package / "answers.json").write_text(json.dumps(answers))
            git("add", "-A")
            git("commit", "-q", "--allow-empty", "-m", name)
            git("tag", name)
        problems = tmp_path / "problems.toml"
        rows = [f"[[problem]]\nid = 'p{i}'\ntext = \"{text}\"\n" for i, text in enumerate(old)]
        problems.write_text("\n".join(rows))
        status = main(["old", "new", "--problems", str(problems)], repository=tmp_path)
        trees = subprocess.run(
            ["git", "-C", str(tmp_path), "worktree", "list"], check=True, capture_output=True
        )
        assert len(trees.stdout.splitlines()) == 1  # nothing is left behind
        return status, capfd.readouterr().out

    return run


def test_nothing_changed(report: Any) -> None:
    both = {SQUARE: answer("(A + A') x"), NETWORK: answer("X' (X w - y)")}
    assert report(both, both) == (0, "2 answers: no change\n")


@pytest.mark.parametrize(
    ("old", "new", "status", "said"),
    [
        (answer("(A + A') x"), answer("(A' + A) x"), 0, "changed  p0 grad J wrt x\n"),
        (answer("(A + A') x"), answer("A x + A' x"), 0, "longer   p0 grad J wrt x (3 to 4 op"),
        (answer("A x + A' x"), answer("(A + A') x"), 0, "shorter  p0 grad J wrt x (4 to 3 op"),
        (answer("(A + A') x"), answer("R x", R="A + A'"), 0, "changed  p0"),
        (answer("(A + A') x"), answer("2 A x"), 1, "broke    p0 grad J wrt x (another value)"),
        (answer("(A + A') x"), answer("x' (A + A')"), 1, "broke    p0"),
        (answer("(A + A') x"), answer("(A + A' x"), 1, "broke    p0 grad J wrt x (can't be read"),
        (answer("(A + A') x"), answer("(A + A') x", "wrong"), 1, "(no longer verified)"),
        (answer("2 A x", "wrong"), answer("(A + A') x"), 0, "mended   p0"),
        (answer("2 A x", "wrong"), answer("A x", "wrong"), 0, "1 answers: no change"),
    ],
)
def test_change(report: Any, old: Any, new: Any, status: int, said: str) -> None:
    found, output = report({SQUARE: old}, {SQUARE: new})
    assert said in output
    assert found == status


def test_a_problem_that_is_refused_now(report: Any) -> None:
    old = {SQUARE: answer("(A + A') x"), NETWORK: answer("X' (X w - y)")}
    status, output = report(old, {SQUARE: old[SQUARE]})
    assert status == 1
    assert "broke    p1" in output
    assert "ValueError: not in the language" in output
    assert output.endswith("2 answers: 1 broke\n")
