"""What shells complete, each asked as a person does; and the manual page."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pexpect
import pytest

from shapetrick.cli import main
from shapetrick.command_line.arguments import SHELLS, parsers
from shapetrick.command_line.completion import PLACES, script
from shapetrick.command_line.manual import manual_page

LINES = [  # what is typed, and what is completed
    ("shapetrick der", "derive"),
    ("shapetrick derive --for", "--format"),
    ("shapetrick derive --format h", "html"),
    ("shapetrick check --format git", "github"),
    ("shapetrick derive ridg", "ridge.st"),
    ("shapetrick code --target jax-", "jax-vjp"),
    ("shapetrick functions log_s", "log_softmax"),
    ("shapetrick examples deep_m", "deep_mlp.st"),
]
BASH = """\
source {file}
COMP_WORDS=({line}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); COMPREPLY=()
_shtab_shapetrick shapetrick "${{COMP_WORDS[-1]}}" "${{COMP_WORDS[-2]}}"
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
FISH = "source {file}; complete -C '{line}'"  # a word, and its description behind a tab


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With the scripts of all shells, and a file to complete."""
    pytest.importorskip("shtab", reason="completions are made by shtab")
    (tmp_path / "ridge.st").write_text("")
    for shell in SHELLS:
        (tmp_path / shell).write_text(script(shell), encoding="utf-8")
    return tmp_path


def _here(shell: str) -> str:
    return shutil.which(shell) or pytest.skip(f"there is no {shell}")


@pytest.mark.parametrize(("shell", "text"), [("bash", BASH), ("fish", FISH)])
def test_bash_and_fish_complete(shell: str, text: str, folder: Path) -> None:
    program = _here(shell)
    for line, word in LINES:
        code = text.format(file=folder / shell, line=line)
        call = [program, "--norc"] if shell == "bash" else [program]
        done = subprocess.run(
            [*call, "-c", code], capture_output=True, text=True, cwd=folder, check=True
        )
        found = [answer.partition("\t")[0].strip() for answer in done.stdout.splitlines()]
        assert found == [word], (line, done.stderr)


def test_zsh_completes(folder: Path) -> None:
    zsh = pexpect.spawn(
        _here("zsh"),
        ["-f", "-i"],
        cwd=str(folder),
        encoding="utf-8",
        dimensions=(40, 200),
        timeout=200,  # of a busy machine
    )
    begin = f'PS1=; autoload -U compinit; compinit -u -d {folder}/dump; eval "$(<{folder}/zsh)"'
    zsh.sendline(f"{begin}; echo rea''dy")
    zsh.expect_exact("ready")
    for line, word in LINES:
        zsh.send(f"{line}\t")
        rest = word.removeprefix(line.rpartition(" ")[2])
        zsh.expect(re.compile(re.escape(line) + r"[^\n]*?" + r"[^\n]*?".join(rest)))
        zsh.sendcontrol("u")
    zsh.close(force=True)


def test_a_clone_says_where_completions_come_from(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shapetrick.command_line.completion.files", lambda _: [])
    assert main(["completion", "bash"]) == 2
    assert "install it again" in capsys.readouterr().err


def test_each_shell_has_its_place() -> None:
    assert set(PLACES) == set(SHELLS)


def test_the_manual_has_every_command_and_option() -> None:
    page = manual_page("1.2").replace(r"\-", "-")
    top, commands = parsers()
    for command in (top, *commands.values()):
        for action in command._actions:
            assert all(rf"\fB{option}\fR" in page for option in action.option_strings)
    assert all(f".SS shapetrick {name}\n" in page for name in commands)
    assert "shapetrick 1.2" in page


def test_the_manual_is_read_without_a_complaint(tmp_path: Path) -> None:
    path = tmp_path / "shapetrick.1"
    path.write_text(manual_page("1.2"), encoding="utf-8")
    done = subprocess.run(
        [_here("groff"), "-k", "-man", "-Tutf8", "-ww", path], capture_output=True, check=True
    )
    assert not done.stderr
    said = re.sub(rb"\x1b\[\d*m|.\x08", b"", done.stdout).decode()
    assert "shapetrick derive -e 'X: m x d; w: d; y: m; J = norm(X w - y)^2" in said
