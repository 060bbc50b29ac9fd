"""The sessions of a new user that docs/ shows, replayed."""

from __future__ import annotations

import doctest
import os
import sys
from pathlib import Path

import pytest
from paths import ROOT
from transcripts import replayed, unrounded

DOCS = ROOT / "docs"


@pytest.mark.slow
def test_the_session_in_a_terminal(tmp_path: Path) -> None:
    programs, folder = tmp_path / "bin", tmp_path / "work"
    programs.mkdir()
    folder.mkdir()
    for name, module in (("shapetrick", "-m shapetrick"), ("python", "")):
        (programs / name).write_text(f'#!/bin/sh\nexec {sys.executable} {module} "$@"\n')
        (programs / name).chmod(0o755)
    path = f"{programs}:{os.environ['PATH']}"
    text = (DOCS / "terminal_session.md").read_text(encoding="utf-8")
    now = replayed(text, folder, {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT)})
    assert unrounded(now) == unrounded(text)


def test_the_session_in_python() -> None:
    path = DOCS / "python_session.md"
    text = path.read_text(encoding="utf-8").replace("\n```\n", "\n\n")
    test = doctest.DocTestParser().get_doctest(text, {}, path.name, str(path), 0)
    said: list[str] = []
    result = doctest.DocTestRunner().run(test, out=said.append)
    assert not said, "".join(said)
    assert result.attempted > 15
