"""Sessions on a terminal that were recorded in a file: `$ command`, and below it what it says.

    python tests/support/transcripts.py docs/terminal_session.md

records the file anew, by the `shapetrick` and the `python` that are first on the PATH.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

_ROUNDING = re.compile(r"\d\.\de-\d\d")  # an error, which is another with another NumPy
_BLOCK = re.compile(r"(?<=^```console\n).*?(?=^```$)", re.MULTILINE | re.DOTALL)
_PROMPT = re.compile(r"^\$ (.*)\n", re.MULTILINE)


def replayed(text: str, folder: Path, env: Mapping[str, str]) -> str:
    """The text with what its commands say now, each in the folder that the ones before left."""

    def block(m: re.Match[str]) -> str:
        commands = _PROMPT.findall(m.group())
        return "\n".join(f"$ {c}\n{said(c, folder, env)}".rstrip("\n") + "\n" for c in commands)

    return _BLOCK.sub(block, text)


def said(command: str, folder: Path, env: Mapping[str, str]) -> str:
    """What a command says, on both streams."""
    done = subprocess.run(
        ["bash", "-c", f"{{ {command}; }} 2>&1"],
        cwd=folder, env=env, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    return done.stdout


def unrounded(text: str) -> str:
    """The text without the digits that are rounding."""
    return _ROUNDING.sub("-.-e---", text)


if __name__ == "__main__":
    path = Path(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        text = replayed(path.read_text(encoding="utf-8"), Path(folder), os.environ)
    path.write_text(text, encoding="utf-8")
