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
from shapetrick.command_line.arguments import parsers
from shapetrick.command_line.outcome import OUR_FAULT
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


def test_what_is_asked_and_claimed_is_derived_once(capsys: Captured) -> None:
    text = (
        "X : m x d; W : d x h; V : h x k; Y : m x k; Z = tanh(X W); J = norm(Z V - Y)^2;"
        "grad J wrt W, V; check δ = 2 (Z V - Y); check grad J wrt V = Z' δ; check grad J wrt W = δ"
    )
    assert main(["derive", "-q", "-e", text]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "δ = 2 (Z V - Y)",
        "∂J/∂W = X' ((1 - Z.^2) .* (δ V'))",
        "∂J/∂V = Z' δ",
    ]


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


@pytest.mark.parametrize("fault", [RuntimeError, StopIteration, KeyError])
@pytest.mark.parametrize("command", ["derive", "check", "code"])
def test_a_fault_of_ours_is_70(
    command: str, fault: type[Exception], monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    def read(*_: object, **__: object) -> api.Problem:
        raise fault

    monkeypatch.setattr(api, "read", read)
    assert main([command, "-e", LINEAR]) == OUR_FAULT
    assert "fault of shapetrick" in capsys.readouterr().err


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


def test_an_empty_folder(tmp_path: Path, capsys: Captured) -> None:
    assert main(["derive", str(tmp_path)]) == 2
    assert "there is no problem in the folder" in capsys.readouterr().err


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
        ["check", "a.st", "-e", "x : n"],
        ["check", "--formt", "json", "a.st"],
        ["help", "integrate"],
        ["derive", "x : n; grad norm(x)^2 wrt x"],
        ["x : n; grad norm(x)^2 wrt x"],
        ["check", "x" * 1000],
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


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        (["drive", "-e", LINEAR], "did you mean derive?"),
        (["derive", "--formt", "json", "-e", LINEAR], "did you mean --format?"),
        (["code", "--target", "nmpy", "-e", LINEAR], "did you mean numpy?"),
        (["check", "--sed", "1", "--plt", "-e", LINEAR], "did you mean --plot?"),
        (["--colr", "always", "-e", LINEAR], "did you mean --color?"),
        (["version"], "did you mean --version?"),
        (["derive", "x'Ax"], "a problem itself stands behind -e"),
    ],
    ids=str,
)
def test_a_slip_of_the_call_is_told_with_what_was_meant(
    arguments: list[str], meant: str, capsys: Captured
) -> None:
    with pytest.raises(SystemExit):
        main(arguments)
    assert meant in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [(["functions", "softmx"], "softmax"), (["examples", "mlp"], "mlp.st")],
    ids=str,
)
def test_a_slip_of_a_name_is_told_with_what_was_meant(
    arguments: list[str], meant: str, capsys: Captured
) -> None:
    assert main(arguments) == 2
    assert f"; did you mean {meant}? `shapetrick {arguments[0]}` lists" in capsys.readouterr().err


# -------------------------------------------------------------------------------- files and folders


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "deeper").mkdir()
    (tmp_path / "b.st").write_text(LINEAR, encoding="utf-8")
    (tmp_path / "deeper" / "a.st").write_text(TWO, encoding="utf-8")
    (tmp_path / "notes.txt").write_text("no problem", encoding="utf-8")
    (tmp_path / "paper.tex").write_text("no marks", encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("loss.py", "it is Python: a function in it is `{}:NAME`, with `--shapes`"),
        ("tour.ipynb", "it is a notebook"),
        ("", "cannot read"),
        ("linear_regresion.st", "No such file or directory; did you mean linear_regression.st?"),
        ("../exampels/mlp.st", "cannot read"),
    ],
)
def test_what_is_no_problem_says_what_it_is(
    name: str, said: str, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT / "examples")
    assert main(["derive", name]) == 2
    assert said.format(name) in capsys.readouterr().err


def test_a_file_alone_is_derived(folder: Path, capsys: Captured) -> None:
    assert main([str(folder / "b.st"), "--quiet"]) == 0
    assert capsys.readouterr().out == "∂J/∂w = X' (X w - y)\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--quiet", "-e", "x' x", "--wrt", "x"], "∂(x' x)/∂x = 2 x"),
        (["--quiet", "-e", "x' x", "derive", "--wrt", "x"], "∂(x' x)/∂x = 2 x"),
        (["--color", "never", "check", "-q", "-e", "x : n; check 1 = 1"], "1 right"),
        (["--given", "A : n x n", "simplify", "A + A"], "2 A"),
        (["-e", "code : n; J = code' code", "--wrt", "code", "-q"], "∂J/∂code = 2 code"),
    ],
    ids=str,
)
def test_options_may_stand_before_the_command(
    arguments: list[str], said: str, capsys: Captured
) -> None:
    assert main(arguments) == 0
    assert capsys.readouterr().out.splitlines()[-1] == said


def test_a_folder_is_all_its_problems_in_order(folder: Path, capsys: Captured) -> None:
    assert main(["derive", "--quiet", str(folder)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if line.endswith(".st")] == [
        str(folder / "b.st"),
        str(folder / "deeper" / "a.st"),
    ]
    assert len(lines) == 5


def test_a_file_that_is_not_understood_does_not_silence_the_others(
    folder: Path, capsys: Captured
) -> None:
    bad = folder / "a.st"
    bad.write_text("X : m x n\nJ = sum(X *)\ngrad J wrt X", encoding="utf-8")
    assert main(["derive", "--quiet", str(folder)]) == 2
    out, err = capsys.readouterr()
    assert out.count("∂J/∂") == 3
    assert err.startswith(f"{bad}:2:12: ")
    assert err.splitlines()[-2:] == ["line 2: J = sum(X *)", f"{'^':>20}"]


def test_each_object_of_several_files_names_its_file(folder: Path, capsys: Captured) -> None:
    assert main(["derive", "--format", "json", str(folder)]) == 0
    objects = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [Path(d["file"]).name for d in objects] == ["b.st", "a.st", "a.st"]


@pytest.mark.parametrize("form", ["html", "latex", "markdown"])
def test_a_document_is_of_one_problem(form: str, folder: Path, capsys: Captured) -> None:
    assert main(["derive", "--format", form, str(folder)]) == 2
    assert "give one file" in capsys.readouterr().err


def test_output_goes_to_a_file_as_a_whole(folder: Path, capsys: Captured) -> None:
    out = folder / "answer.txt"
    assert main(["derive", "--quiet", "-e", LINEAR, "-o", str(out)]) == 0
    assert out.read_text(encoding="utf-8") == "∂J/∂w = X' (X w - y)\n"
    assert main(["derive", "--quiet", "-e", "x : n; grad", "-o", str(out)]) == 2
    assert out.read_text(encoding="utf-8") == "∂J/∂w = X' (X w - y)\n"  # what failed left it alone
    assert capsys.readouterr().out == ""


def test_output_that_cannot_be_written_is_74(folder: Path, capsys: Captured) -> None:
    file = folder / "none" / "answer.txt"
    assert main(["derive", "-e", LINEAR, "-o", str(file)]) == 74
    assert f"cannot write {file}: " in capsys.readouterr().err


def test_output_does_not_replace_what_is_read(tmp_path: Path, capsys: Captured) -> None:
    source = tmp_path / "a.st"
    source.write_text(LINEAR, encoding="utf-8")
    assert main(["derive", str(source), "-o", f"{tmp_path}/../{tmp_path.name}/a.st"]) == 2
    assert "would replace what is read" in capsys.readouterr().err
    assert source.read_text(encoding="utf-8") == LINEAR


def test_claims_are_told_in_the_order_of_the_text(capsys: Captured) -> None:
    claims = ["check tr(A) = tr(A')", "check grad x' A x wrt A = x x'", "check A = A'"]
    text = "; ".join(["A : n x n; x : n", *claims])
    assert main(["check", "-q", "-e", text]) == 1
    told = [line.split(": ")[1] for line in capsys.readouterr().out.splitlines()[:3]]
    assert [f"check {claim}" for claim in told] == claims


@pytest.mark.parametrize(("colour", "there"), [("always", True), ("never", False), ("auto", False)])
def test_colour(colour: str, there: bool, capsys: Captured) -> None:
    assert main(["derive", "-e", LINEAR, "--color", colour]) == 0
    assert ("\033[" in capsys.readouterr().out) == there


# ---------------------------------------------------------------------------------------- claims

CLAIMS = f"""{LINEAR.replace("; ", chr(10)).rpartition(chr(10))[0]}
check grad J wrt w = X' (X w - y)
check grad J wrt w = X (X w - y)
check grad J wrt w = 2 X' (X w - y)
"""


@pytest.fixture
def claims(tmp_path: Path) -> Path:
    path = tmp_path / "claims.st"
    path.write_text(CLAIMS, encoding="utf-8")
    return path


def test_claims_in_short(claims: Path, capsys: Captured) -> None:
    assert main(["check", "--quiet", str(claims)]) == 1
    first, second, third, summary = capsys.readouterr().out.splitlines()
    assert first == f"{claims}:5:7: grad J wrt w = X' (X w - y): right"
    assert second.startswith(f"{claims}:6:7: grad J wrt w = X (X w - y): wrong: ")
    assert third.startswith(f"{claims}:7:7: grad J wrt w = 2 X' (X w - y): wrong: ")
    assert summary == "1 right, 2 wrong"


def test_equalities_are_told_as_other_claims(tmp_path: Path, capsys: Captured) -> None:
    path = tmp_path / "equalities.st"
    path.write_text("A, C : n x n\ncheck A C = C A\ncheck tr(A C) = tr(C A)\n", encoding="utf-8")
    assert main(["check", "--quiet", str(path)]) == 1
    first, second, summary = capsys.readouterr().out.splitlines()
    assert first.startswith(f"{path}:2:7: A C = C A: wrong: at n = 2, ")
    assert second == f"{path}:3:7: tr(A C) = tr(C A): right"
    assert summary == "1 right, 1 wrong"
    assert main(["check", "--format", "github", str(path)]) == 1
    (annotation,) = capsys.readouterr().out.splitlines()
    assert annotation.startswith(f"::error file={path},line=2,col=7::A C = C A is wrong: ")


def test_claims_at_length_end_with_the_summary(claims: Path, capsys: Captured) -> None:
    assert main(["check", str(claims)]) == 1
    out = capsys.readouterr().out
    assert f"{claims}:6:7: wrong\n" in out
    assert "instead    X' (X w - y)" in out
    assert out.endswith("\n\n1 right, 2 wrong\n")


def test_claims_for_programs(claims: Path, capsys: Captured) -> None:
    assert main(["check", "--format", "json", str(claims)]) == 1
    objects = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [d["place"] for d in objects] == [f"{claims}:{line}:7" for line in (5, 6, 7)]
    assert main(["check", "--format", "github", str(claims)]) == 1
    second, third = capsys.readouterr().out.splitlines()
    assert second.startswith(f"::error file={claims},line=6,col=7::X (X w - y) is wrong: ")
    assert "%0Ainstead: X' (X w - y)" in third


@pytest.mark.parametrize(
    ("form", "parts"),
    [
        ("html", ["<!doctype html>", "1 of 3 are right.", "check grad J wrt w", "</html>"]),
        (
            "latex",
            [r"\subsection*{\texttt{check grad J wrt w}}", r"Instead: \texttt{X' (X w - y)}"],
        ),
        ("markdown", ["### check grad J wrt w", "**✗ WRONG**", "Instead: `X' (X w - y)`"]),
    ],
)
def test_claims_as_a_document(form: str, parts: list[str], claims: Path, capsys: Captured) -> None:
    assert main(["check", "--format", form, str(claims)]) == 1
    out = capsys.readouterr().out
    assert not [part for part in parts if part not in out]


# ---------------------------------------------------------------------------------------- examples


def test_examples_are_listed_shown_and_copied(tmp_path: Path, capsys: Captured) -> None:
    assert main(["examples"]) == 0
    names = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert names == sorted(p.name for p in (ROOT / "examples").glob("*.[st]*[tx]"))
    assert main(["examples", "mlp.st"]) == 0
    assert capsys.readouterr().out == (ROOT / "examples" / "mlp.st").read_text(encoding="utf-8")
    assert main(["examples", "--copy", str(tmp_path)]) == 0
    assert (tmp_path / "examples" / "mlp.st").is_file()
    capsys.readouterr()
    assert main(["examples", "--copy", str(tmp_path)]) == 2
    assert "there is a folder" in capsys.readouterr().err
    assert main(["examples", "none.st"]) == 2


# ------------------------------------------------------------------------------ pipes and signals


@pytest.mark.parametrize(
    "said",
    [
        ["functions"],
        ["code", "--help"],
        ["derive", "-e", "x' A x", "--wrt", "x", "--color", "always"],
    ],
)
def test_a_closed_pipe_is_silent(said: list[str]) -> None:
    call = [sys.executable, "-m", "shapetrick", *said]
    with subprocess.Popen(call, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT) as run:
        assert run.stdout is not None and run.stderr is not None
        run.stdout.close()
        assert run.stderr.read() == b""
    assert run.returncode == 141


def test_an_interrupt_is_silent() -> None:
    call = [sys.executable, "-m", "shapetrick", "derive", "-"]
    pipe = subprocess.PIPE
    with subprocess.Popen(call, stdin=pipe, stderr=pipe, cwd=ROOT) as run:
        assert run.stdin is not None
        run.stdin.write(b"#" * 500_000)  # more than a pipe holds: done when most of it was read
        run.send_signal(signal.SIGINT)
        _, said = run.communicate()  # ends the input: a signal just before a read doesn't end it
    assert (run.returncode, said) == (130, b"")


# ------------------------------------------------------------------------------- the other commands


def test_functions_lists_every_row(capsys: Captured) -> None:
    assert main(["functions"]) == 0
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= 80
    for row in TABLE.values():
        assert f"  {row.name}(" in out or f"  {row.help}" in out
        assert all(text in out for text in row.derivative)


@pytest.mark.parametrize(
    ("option", "slow"), [("--help", {"json", "logging", "shutil", "difflib"}), ("--version", set())]
)
def test_help_and_version_import_no_engine(option: str, slow: set[str]) -> None:
    code = (
        "import sys\nfrom shapetrick.cli import main\n"
        f"try: main([{option!r}])\nexcept SystemExit as e: assert not e.code\n"
        f"heavy = {slow | {'numpy', 'rich', 'lark', 'sympy', 'scipy'}!r} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr.decode()
    assert b"shapetrick" in done.stdout


def test_the_helps_of_all_commands_stand_in_one_column(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    lines = capsys.readouterr().out.split("  COMMAND ARG ...\n")[1].split("\n\n")[0].splitlines()
    assert len(lines) == len(parsers()[1])
    assert len({line.index(line.split(maxsplit=1)[1]) for line in lines}) == 1


def test_what_a_command_does_is_broken_to_the_width(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "72")
    for command in parsers()[1].values():
        _, told, *_ = command.format_help().split("\n\n")
        assert max(map(len, told.splitlines())) <= 72


def test_a_claim_of_another_shape_has_no_figures(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "-e", "x, y : n; A : n x m; J = x' y; check grad J wrt x = A"]) == 1
    said = capsys.readouterr().out
    assert "its shape is n×m, not n×1" in said
    assert "draws" not in said


def test_a_problem_of_a_folder_may_claim_only(folder: Path, capsys: Captured) -> None:
    (folder / "a.st").write_text("A : n x n; check tr(A) = tr(A')", encoding="utf-8")
    assert main(["derive", "--quiet", str(folder)]) == 0
    assert "a.st" not in capsys.readouterr().err


def test_what_derive_does_not_judge_is_said(tmp_path: Path, capsys: Captured) -> None:
    path = tmp_path / "a.st"
    path.write_text("x : n; J = x' x; check grad J wrt x = x", encoding="utf-8")
    assert main(["derive", "--quiet", str(path)]) == 0
    out, err = capsys.readouterr()
    assert out == "∂J/∂x = 2 x\n"
    assert err == (
        f"shapetrick: {path}: what is claimed is judged by `shapetrick check {path}`, not here.\n"
    )


@pytest.mark.parametrize(
    ("command", "told"),
    [("derive", "nothing is asked"), ("code", "nothing is asked"), ("check", "nothing is claimed")],
)
def test_what_asks_for_nothing_is_named(
    command: str, told: str, tmp_path: Path, capsys: Captured
) -> None:
    path = tmp_path / "a.st"
    path.write_text("x : n", encoding="utf-8")
    assert main([command, str(path)]) == 2
    assert capsys.readouterr().err.startswith(f"shapetrick: {path}: {told}")


def test_several_that_claim_nothing_are_no_success_without_a_word(
    folder: Path, capsys: Captured
) -> None:
    assert main(["check", "--quiet", str(folder)]) == 0
    assert capsys.readouterr().out == "nothing is claimed\n"


def test_a_file_that_is_no_text_is_named_once(tmp_path: Path, capsys: Captured) -> None:
    path = tmp_path / "a.st"
    path.write_bytes(b"x : n\n\xff")
    assert main([str(path)]) == 2
    assert capsys.readouterr().err.startswith(f"shapetrick: {path} is not UTF-8: byte 0xff in line")


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        (["--verson"], "--version"),  # no command's
        (["--hepl"], "--help"),
        (["derive", "--verbal", "a.st"], "--verbose"),
        (["code", "--treads", "2", "a.st"], "--threads"),
    ],
)
def test_an_option_that_there_is_not_is_likened_to_those_of_its_place(
    given: list[str], meant: str, capsys: Captured
) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(given)
    assert capsys.readouterr().err.endswith(f"did you mean {meant}?\n")


def test_what_a_command_imports_is_kept_from_the_garbage_collector() -> None:
    code = (
        "import gc, sys\nfrom shapetrick.cli import main\nbegun = []\n"
        "gc.callbacks.append(lambda phase, told: begun.append(phase))\n"
        "main(['derive', '-e', 'x : n; grad norm(x)^2 wrt x'])\n"
        "assert gc.isenabled() and len(begun) < 128, len(begun)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr.decode()
