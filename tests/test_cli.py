"""The command line: what goes to which stream, and the exit status."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from samples import UNCHECKED, WRONG

from shapetrick import api
from shapetrick.cli import main
from shapetrick.core.errors import DerivationError
from shapetrick.core.functions import TABLE

ROOT = Path(__file__).parent.parent
LINEAR = "X : m x d; w : d; y : m; J = norm(X w - y)^2 / 2; grad J wrt w"
TWO = "A : m x n; x : n; J = norm(A x)^2 / 2; grad J wrt x, A"


def shapetrick(
    *arguments: str, stdin: bytes = b"", **env: str
) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "shapetrick", *arguments],
        input=stdin,
        capture_output=True,
        cwd=ROOT,
        env={**os.environ, **env},
        check=False,
    )


Captured = pytest.CaptureFixture[str]


# ---------------------------------------------------------------------------------------- derive


def test_verified_is_0(capsys: Captured) -> None:
    assert main(["derive", "-e", LINEAR]) == 0
    out, err = capsys.readouterr()
    assert "gradient   ∂J/∂w = X' (X w - y)   d×1" in out
    assert "✓ verified" in out
    assert not err


def test_quiet(capsys: Captured) -> None:
    assert main(["derive", "--quiet", "-e", TWO]) == 0
    assert capsys.readouterr().out == "∂J/∂x = A' A x\n∂J/∂A = A x x'\n"


def test_only_by_one_name(capsys: Captured) -> None:
    assert main(["derive", "--quiet", "--wrt", "A", "-e", TWO]) == 0
    assert capsys.readouterr().out == "∂J/∂A = A x x'\n"


def test_texts_are_lines_of_one_problem(capsys: Captured) -> None:
    assert main(["derive", "--quiet", *(w for s in TWO.split("; ") for w in ("-e", s))]) == 0
    assert capsys.readouterr().out.count("\n") == 2


def test_json_is_one_object_a_request(capsys: Captured) -> None:
    assert main(["derive", "--format", "json", "--seed", "3", "-e", TWO]) == 0
    objects = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [d["wrt"] for d in objects] == ["x", "A"]
    assert objects[0]["gradient"] == "A' A x"
    assert all(d["verified"] and d["validation"]["seed"] == 3 for d in objects)
    assert objects[0]["steps"][0]["lines"][0]["factors"]


def test_the_same_seed_gives_the_same_output() -> None:
    calls = [
        shapetrick("derive", "examples/mlp.st", "--steps", PYTHONHASHSEED=seed) for seed in "12"
    ]
    assert calls[0].stdout == calls[1].stdout
    assert calls[0].returncode == 0


@pytest.mark.parametrize("validation", [WRONG, UNCHECKED], ids=["wrong", "unchecked"])
@pytest.mark.parametrize("options", [[], ["--quiet"], ["--format", "json"]], ids=str)
def test_not_verified_is_1(
    validation: object, options: list[str], monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    honest = api.Problem.derive

    def derive(self: api.Problem, seed: int = 0, **_: object) -> list[api.Derivation]:
        return [
            api.Derivation(d.problem, replace(d.result, validation=validation))
            for d in honest(self, seed)
        ]

    monkeypatch.setattr(api.Problem, "derive", derive)
    assert main(["derive", *options, "-e", LINEAR]) == 1
    assert "✓" not in capsys.readouterr().out


def test_a_request_that_fails_does_not_silence_the_others(
    monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    honest = api.Problem.derive

    def derive(self: api.Problem, seed: int = 0, **_: object) -> list[api.Derivation]:
        if self.data.requests[0].wrt.name == "x":
            raise DerivationError("no arrangement was found.")
        return honest(self, seed)

    monkeypatch.setattr(api.Problem, "derive", derive)
    assert main(["derive", "--quiet", "-e", TWO]) == 1
    out, err = capsys.readouterr()
    assert out == "∂J/∂A = A x x'\n"
    assert err == "shapetrick: no arrangement was found.\n"


# ------------------------------------------------------------------------------------- bad input


def test_a_wrong_text_is_shown_with_its_place(capsys: Captured) -> None:
    assert main(["derive", "-e", "X : m x n\nJ = sum(X *)\ngrad J wrt X"]) == 2
    out, err = capsys.readouterr()
    assert not out
    assert err.startswith("line 2: J = sum(X *)\n")
    assert err.splitlines()[1].strip("^ ") == ""


def test_a_name_that_is_not_asked_for(capsys: Captured) -> None:
    assert main(["derive", "--wrt", "Q", "-e", TWO]) == 2
    assert capsys.readouterr().err == (
        "shapetrick: nothing by `Q` is asked for: the problem asks for x, A.\n"
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"x : n\n\xff\xfe", "is not UTF-8: byte 0xff in line 2"),
        (b"x : n\n\0", "has a NUL byte in line 2"),
        (None, "No such file or directory"),
    ],
    ids=["not UTF-8", "NUL", "missing"],
)
def test_files_that_are_no_text(
    content: bytes | None, message: str, tmp_path: Path, capsys: Captured
) -> None:
    path = tmp_path / "problem.st"
    if content is not None:
        path.write_bytes(content)
    assert main(["derive", str(path)]) == 2
    assert message in capsys.readouterr().err


def test_a_directory(tmp_path: Path, capsys: Captured) -> None:
    assert main(["derive", str(tmp_path)]) == 2
    assert "Is a directory" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["derive"],
        ["derive", "a.st", "-e", "x : n"],
        ["derive", "--seed", "-1", "-e", TWO],
        ["derive", "--seed", "one", "-e", TWO],
        ["derive", "--steps", "--quiet", "-e", TWO],
        ["derive", "--format", "pdf", "-e", TWO],
        ["integrate"],
    ],
    ids=" ".join,
)
def test_calls_that_are_refused(arguments: list[str], capsys: Captured) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert "usage: shapetrick" in capsys.readouterr().err


@pytest.mark.parametrize("stdin", [b"", b"# nothing\n", b"\xef\xbb\xbf", b"x : n", b"(" * 20_000])
def test_what_asks_for_nothing_is_bad_input(stdin: bytes) -> None:
    done = shapetrick("derive", "-", stdin=stdin)
    assert done.returncode == 2
    assert done.stderr
    assert b"Traceback" not in done.stderr


def test_standard_input_with_other_line_ends_and_a_byte_order_mark() -> None:
    text = TWO.replace("; ", "\r\n").encode("utf-8-sig")
    done = shapetrick("derive", "-", "--quiet", stdin=text)
    assert done.stdout.decode() == "∂J/∂x = A' A x\n∂J/∂A = A x x'\n"


def test_arguments_that_are_not_utf8() -> None:
    call = [sys.executable.encode(), b"-m", b"shapetrick", b"derive", b"-e", b"x : \xff"]
    done = subprocess.run(call, capture_output=True, cwd=ROOT, check=False)
    assert done.returncode == 2
    assert b"is not UTF-8" in done.stderr


def test_an_output_that_lacks_the_letters_is_no_traceback() -> None:
    done = shapetrick("derive", "--quiet", "-e", TWO, PYTHONIOENCODING="ascii")
    assert done.returncode == 0
    assert b"= A' A x" in done.stdout


# ------------------------------------------------------------------------------ pipes and signals


def test_a_closed_pipe_is_silent() -> None:
    call = [sys.executable, "-m", "shapetrick", "functions"]
    with subprocess.Popen(call, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT) as run:
        assert run.stdout is not None and run.stderr is not None
        run.stdout.close()
        assert run.stderr.read() == b""
    assert run.returncode == 141


def test_an_interrupt_is_silent() -> None:
    call = [sys.executable, "-m", "shapetrick", "derive", "-"]
    pipe = subprocess.PIPE
    with subprocess.Popen(call, stdin=pipe, stderr=pipe, cwd=ROOT) as run:
        assert run.stdin is not None and run.stderr is not None
        with pytest.raises(subprocess.TimeoutExpired):
            run.wait(timeout=1)  # it waits for its input
        run.send_signal(signal.SIGINT)
        assert run.stderr.read() == b""
    assert run.returncode == 130


# ------------------------------------------------------------------------------- the other commands


def test_functions_lists_every_row(capsys: Captured) -> None:
    assert main(["functions"]) == 0
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= 80
    for row in TABLE.values():
        assert f"  {row.name}(" in out or f"  {row.help}" in out
        assert all(text in out for text in row.derivative)


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help_and_version_import_no_engine(option: str) -> None:
    code = (
        "import sys\nfrom shapetrick.cli import main\n"
        f"try: main([{option!r}])\nexcept SystemExit as e: assert not e.code\n"
        "heavy = {'numpy', 'rich', 'lark', 'sympy', 'scipy'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr.decode()
    assert b"shapetrick" in done.stdout


def test_the_helps_of_all_commands_stand_in_one_column(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    lines = capsys.readouterr().out.split("  COMMAND ...\n")[1].split("\n\n")[0].splitlines()
    assert len(lines) == 5
    assert len({line.index(line.split(maxsplit=1)[1]) for line in lines}) == 1


def test_a_claim_of_another_shape_has_no_figures(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "-e", "x, y : n; A : n x m; J = x' y; check grad J wrt x = A"]) == 1
    said = capsys.readouterr().out
    assert "its shape is n×m, not n×1" in said
    assert "draws" not in said
