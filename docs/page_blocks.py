"""The blocks of the documentation's pages, each run where it stands: what it says is put below it.

What stands behind the three ticks says how a block is run:

    st derive --steps        a problem, by a command with its options; `st picture` draws it
    python                   in one namespace for the page
    commands                 of a shell, one a line, in the page's folder, which has `examples/`
    toml file=formulas.toml  of any language: written to a file of that folder
    generated functions      nothing but a place: a table that `reference_tables.py` makes
    text                     shown as it stands; so are `console` and `pycon`, the recorded sessions
                             that `tests/test_transcripts.py` replays

`status=1` behind it is the exit status that is meant; else it is 0. Raises PageError for another.
"""

from __future__ import annotations

import io
import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import chdir, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import reference_tables

import shapetrick as st
from shapetrick.cli import main

ROOT = Path(__file__).parents[1]
_BLOCK = re.compile(r"^```(?P<info>[^\n`]+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)


# No plugin of pytest but our own: others that are installed take seconds to import.
_ENVIRONMENT = {
    "PYTHONPATH": str(ROOT),
    "COLUMNS": "80",
    "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    "PYTEST_PLUGINS": "shapetrick.pytest_plugin",
}


class PageError(Exception):
    """A block that is not understood, or says something else than it should."""


def run_page(markdown: str) -> str:
    """A page with its blocks run."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "examples").symlink_to(ROOT / "examples")
        page = _Page(Path(folder))
        return _BLOCK.sub(lambda m: page.run(m["info"], m["text"]), markdown)


@dataclass(slots=True)
class _Page:
    folder: Path
    names: dict[str, Any] = field(default_factory=dict)  # of its Python blocks

    def run(self, info: str, text: str) -> str:
        words = shlex.split(info)
        options = dict(w.split("=", 1) for w in words if re.match(r"(status|file)=", w))
        kind, *arguments = [w for w in words if not re.match(r"(status|file)=", w)]
        if "file" in options:
            (self.folder / options["file"]).write_text(text, encoding="utf-8")
            return _fence(_LANGUAGES.get(kind, kind), text, options["file"])
        if kind in _SHOWN:
            return _fence(kind, text)
        if kind not in _KINDS:
            raise PageError(f"there is no kind of block {kind!r}")
        with chdir(self.folder):
            return _KINDS[kind](self, arguments, text, int(options.get("status", 0)))

    def problem(self, arguments: list[str], text: str, status: int) -> str:
        command, *rest = arguments
        if command == "picture":
            return "\n\n".join(
                [_fence("shapetrick", text), *(_drawn(d) for d in st.read(text).derive())]
            )
        said = _called([command, *rest, "-e", text], status)
        return _fence("shapetrick", text) + "\n" + _output(said)

    def python(self, _: list[str], text: str, status: int) -> str:
        said = io.StringIO()
        with redirect_stdout(said):
            exec(compile(text, "a block of this page", "exec"), self.names)
        return _fence("python", text) + "\n" + _output(said.getvalue())

    def commands(self, _: list[str], text: str, status: int) -> str:
        said = [f"$ {line}\n{self._said(line, status)}" for line in text.splitlines()]
        return _fence("console", "".join(said))

    def _said(self, command: str, status: int) -> str:
        program, *arguments = shlex.split(command)
        if program == "shapetrick":
            return _called(arguments, status)
        done = subprocess.run(
            [sys.executable, *({"python": []}.get(program, ["-m", program])), *arguments],
            capture_output=True, text=True, check=False, cwd=self.folder,
            env={**os.environ, **_ENVIRONMENT},
        )  # fmt: skip
        return _as_meant(done.returncode, status, command, done.stdout + done.stderr)

    def generated(self, arguments: list[str], text: str, status: int) -> str:
        name, *rest = arguments
        return reference_tables.TABLES[name](*rest)


_KINDS: Mapping[str, Callable[[_Page, list[str], str, int], str]] = {
    "st": _Page.problem,
    "python": _Page.python,
    "commands": _Page.commands,
    "generated": _Page.generated,
}
_SHOWN = {"text", "console", "pycon"}
_LANGUAGES = {"st": "shapetrick"}


def _called(arguments: list[str], status: int) -> str:
    """What the command line says. Raises PageError for another exit status."""
    said = io.StringIO()
    with redirect_stdout(said), redirect_stderr(said):
        found = main(arguments)
    return _as_meant(found, status, f"shapetrick {shlex.join(arguments)}", said.getvalue())


def _as_meant(found: int, status: int, command: str, said: str) -> str:
    if found != status:
        raise PageError(f"{command}: exit status {found}, not {status}\n{said}")
    return said


def _fence(language: str, text: str, title: str = "") -> str:
    named = f' title="{title}"' if title else ""
    return f"```{language}{named}\n{text.rstrip()}\n```\n"


def _output(said: str) -> str:
    """What was said, if anything was."""
    return f"``` {{ .text .output }}\n{said.strip(chr(10)).rstrip()}\n```\n" if said.strip() else ""


def _drawn(derivation: st.Derivation) -> str:
    """As a notebook shows it, unfolded."""
    return derivation._repr_html_().replace("<details", "<details open", 1)
