"""What CONTRIBUTING says that one change touches: that file, changed in a copy of the package."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from paths import ROOT

CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
FREE = "x : n; J = {}; grad J wrt x"

# The file as CONTRIBUTING names it; what stands there and what is put in its place; a call of the
# program, and what it says then.
CHANGES = {
    "a function made of others": (
        "library.txt", "# Of all entries", "cube(x : m x n) = x.^3\n# Of all entries",
        ["derive", "--quiet", "-e", FREE.format("sum(cube(x))")], "3 x.^2",
    ),
    "a new spelling of an operator": (
        "language/syntax/letters.py", '"⊙": "⨀"', '"⊙": "⨀⋆"',
        ["derive", "--quiet", "-e", "y, " + FREE.format("x' (x ⋆ y)")], "2 x .* y",
    ),
    "a new identity": (
        "simplification/identities.py", "    # ----",
        '    Identity("gelu of -x", "gelu(x) - gelu(-x)", "x", _ANY),\n    # ----',
        ["simplify", "gelu(x) - gelu(-x)", "--given", "x : n"], "x\n",
    ),
    "a new LaTeX macro": (
        "language/latex/macros.py", r'r"\odot": ".*"', r'r"\odot": ".*", r"\star": ".*"',
        ["derive", "--quiet", "-e", "y, " + FREE.format(r"x^\top (x \star y)")], "2 x .* y",
    ),
    "a better message for a syntax error": (
        "language/syntax/syntax_errors.py", "_LINES = (",
        '_LINES = (\n    (regex("=<"), "a comparison is `>`."),',
        ["derive", "-e", "x : n; J = x =< 2"], "a comparison is `>`.",
    ),
    "what is said of a word of another language": (
        "language/syntax/foreign_words.py", '("choose mod div"', '("choose mod div modulo"',
        ["derive", "-e", FREE.format("sum(x) modulo")], "`modulo` is no operator",
    ),
    "another LaTeX for a function": (
        "core/functions.py", r'r"\sqrt{#1}"', r'r"\surd{#1}"',
        ["derive", "--quiet", "--format", "latex", "-e", FREE.format("sum(sqrt(x))")], r"\surd",
    ),
}  # fmt: skip


def test_each_change_is_in_the_table() -> None:
    rows = dict(re.findall(r"^\| ([^|]+?) \| [^|]*?`([\w./]+)`", CONTRIBUTING, re.MULTILINE))
    for change, (file, *_) in CHANGES.items():
        assert rows.get(change, file) == file


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    to = tmp_path_factory.mktemp("house")
    for name in ("shapetrick", "grammar"):
        shutil.copytree(ROOT / name, to / name, ignore=shutil.ignore_patterns("__pycache__"))
    return to


@pytest.mark.parametrize("change", CHANGES)
def test_one_file_is_enough(folder: Path, change: str) -> None:
    file, old, new, call, said = CHANGES[change]
    path = folder / ("" if file.startswith("grammar/") else "shapetrick") / file
    before = path.read_text(encoding="utf-8")
    assert old in before
    path.write_text(before.replace(old, new, 1), encoding="utf-8")
    try:
        env = {**os.environ, "PYTHONPATH": str(folder), "XDG_CACHE_HOME": str(folder)}
        line = [sys.executable, "-m", "shapetrick", *call]
        done = subprocess.run(
            line, capture_output=True, text=True, check=False, cwd=folder, env=env
        )
    finally:
        path.write_text(before, encoding="utf-8")
    assert said in done.stdout + done.stderr


def test_the_problem_that_is_followed_passes_these_files() -> None:
    told = re.search(r"^`(X : m x d;[^`]*)` goes so\.(.*?)\n\n", CONTRIBUTING, re.M | re.S)
    assert told is not None
    text, way = told.groups()
    named = {*re.findall(r"`([\w/]+\.py)`", way)} - {"language/latex/parser.py"}
    lines = [
        "import sys, shapetrick as st, shapetrick.core.built as built",
        "built._kept = dict  # what a wheel has found before",
        "passed = set()",
        "sys.setprofile(lambda frame, *_: passed.add(frame.f_code.co_filename))",
        f"st.derive({text!r}).steps",
        "sys.setprofile(None)",
        "print(*passed, sep='\\n')",
    ]
    run = [sys.executable, "-c", "\n".join(lines)]
    passed = subprocess.run(run, capture_output=True, text=True, check=True).stdout.splitlines()
    files = {path.replace(os.sep, "/").rpartition("/shapetrick/")[2] for path in passed}
    assert named <= files
