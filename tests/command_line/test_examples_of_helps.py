"""The examples in each command's help are commands that run, with the files that come along."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from paths import ROOT

from shapetrick.command_line.arguments import parsers

COMMANDS = parsers()[1]


def examples(name: str) -> list[str]:
    """The lines that a help shows; what stands behind many spaces is said of one."""
    lines = re.findall(r"^  (\S.*?)(?: {3,}.*)?$", str(COMMANDS[name].epilog), re.MULTILINE)
    return [line for line in lines if "shapetrick" in line]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where `shapetrick` is the command, and examples/ has been copied to."""
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "shapetrick"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m shapetrick "$@"\n')
    program.chmod(0o755)
    return tmp_path


def test_every_help_has_an_example() -> None:
    assert all(examples(name) for name in COMMANDS)


@pytest.mark.slow
@pytest.mark.parametrize("line", [line for name in COMMANDS for line in examples(name)])
def test_the_example_runs(line: str, folder: Path) -> None:
    if "completion" in line:
        pytest.skip("tests/command_line/test_completion.py has them, of an installed package")
    if line.startswith(("shapetrick serve", "shapetrick site")):
        pytest.skip("tests/web_page has what waits for a browser, or needs its files")
    if "--copy" in line:
        (folder / "examples").unlink()
    path = f"{folder / 'bin'}:{os.environ['PATH']}"
    env = {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        ["bash", "-c", line], cwd=folder, env=env, stdin=subprocess.DEVNULL, check=False,
        capture_output=True, text=True,
    )  # fmt: skip
    is_wrong = line.endswith('= 2 A x"')  # the claim of one
    assert done.returncode == is_wrong, done.stderr
    assert done.stdout or "-o" in line or "github" in line  # of which only what is wrong is told
