"""What the README and the examples show is what happens."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from shapetrick.cli import main
from shapetrick.command_line import outcome

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
EXAMPLES = sorted((ROOT / "examples").glob("*.st"))


def _derived(*arguments: str) -> str:
    call = [sys.executable, "-m", "shapetrick", "derive", *arguments]
    done = subprocess.run(call, capture_output=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_examples_are_verified(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["derive", str(path)]) == 0
    out, err = capsys.readouterr()
    answers = re.findall(r"^  (?:gradient|solution) ", out, re.MULTILINE)
    assert out.count("✓ verified") == len(answers)
    claims = "\ncheck " in path.read_text(encoding="utf-8")
    assert err.count("\n") == claims  # that `shapetrick check` judges them


def test_first_screen_shows_an_example_and_its_derivation() -> None:
    (_, problem), (_, derivation), *_ = BLOCKS
    example = (ROOT / "examples" / "linear_regression.st").read_text(encoding="utf-8")
    assert problem == example.split("\n", 1)[1]
    assert derivation == _derived("examples/linear_regression.st")


def test_the_claim_block_prints_the_next(capsys: pytest.CaptureFixture[str]) -> None:
    texts = [text for _, text in BLOCKS]
    (block,) = (text for text in texts if "check grad J wrt w = X (X w" in text)
    assert main(["check", "-e", block]) == 1
    assert capsys.readouterr().out == texts[texts.index(block) + 1]


def commands() -> list[str]:
    """The calls that are shown with their options, each with a file of the examples."""
    shown = re.findall(r"^    shapetrick (.*?)(?:   .*| && .*)?$", README, re.MULTILINE)
    given = {"FILE": "examples/claims.st", "TEXT": '"x : n; grad (x\' x) wrt x"', "TARGET": "numpy"}
    return [
        re.sub(r"[A-Z]{4,}", lambda m: given.get(m.group(), m.group()), re.sub(r"[\[\]]", "", c))
        for c in shown
        if c.split()[0] not in ("serve", "site")  # which `tests/web_page` runs
    ]


@pytest.mark.parametrize("command", commands())
def test_the_commands_that_are_shown(command: str, tmp_path: Path) -> None:
    words = shlex.split(command.replace("FOLDER", str(tmp_path)))
    output = tmp_path / words.pop() if ">" in words else None
    call = [sys.executable, "-m", "shapetrick", *(word for word in words if word != ">")]
    typed = (ROOT / "examples" / "mlp.st").read_bytes() if "-" in words else b""
    done = subprocess.run(call, input=typed, capture_output=True, cwd=ROOT, check=True)
    if output is not None:
        output.write_bytes(done.stdout)
        subprocess.run([sys.executable, str(output)], check=True)


def test_every_exit_status_is_told() -> None:
    told = {int(n) for row in re.findall(r"^\| ([\d, ]+) \|", README, re.M) for n in row.split(",")}
    statuses = {
        *(outcome.DONE, outcome.WRONG, outcome.BAD_INPUT),
        *(outcome.OUR_FAULT, outcome.IO_FAILED),
    }
    assert told == statuses | {outcome.INTERRUPTED, outcome.PIPE_CLOSED}


def test_the_families_block_prints_the_next(capsys: pytest.CaptureFixture[str]) -> None:
    texts = [text for _, text in BLOCKS]
    (block,) = (text for text in texts if "W[l] :" in text)
    derived = block.partition("check ")[0]
    assert main(["derive", "--quiet", "-e", derived]) == 0
    assert capsys.readouterr().out == texts[texts.index(block) + 1]
    assert main(["check", "-e", block]) == 0


def test_the_language_block_is_a_problem(capsys: pytest.CaptureFixture[str]) -> None:
    (block,) = (text for _, text in BLOCKS if "vjp Z with G" in text)
    assert main(["derive", "--quiet", "-e", block]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_python_blocks_print_what_their_comments_say(capsys: pytest.CaptureFixture[str]) -> None:
    blocks = [text for language, text in BLOCKS if language == "python"]
    assert blocks
    for block in blocks:
        exec(compile(block, "README.md", "exec"), {})
        said = re.findall(r"^print\(.*\)  # (.*)$", block, re.MULTILINE)
        assert capsys.readouterr().out.splitlines() == said


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_paths_that_are_named_exist(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    for path in re.findall(r"`([\w./]+(?:\.\w+|/))`", text):
        assert (ROOT / path).exists() or (ROOT / "shapetrick" / path).exists(), path
