"""The session in a real terminal: keystrokes in, screen out; and plain lines in a pipe."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pexpect
import pytest
from effort import calls
from paths import ROOT
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document

from shapetrick import repl
from shapetrick.core.errors import BudgetError
from shapetrick.quiz import Question
from shapetrick.render.layout import COLOURS
from shapetrick.session import completion
from shapetrick.session.interpreter import Interpreter
from shapetrick.session.recovery import Recovery

LAYER = "X : m x d; W : d x k; Y : m x k; sigma : elementwise"
FORWARD = re.compile(r"\x1b\[(\d*)C")
CONTROL = re.compile(r"\x1b\][^\x07]*\x07|\x1b[\[(][0-9;?]*[A-Za-z]|\x1b[=>]|\r")
PATIENCE = 200  # seconds until what is waited for is given up, on a machine that is busy


class Terminal:
    """A session in a terminal of its own."""

    def __init__(self, home: Path, *arguments: str, size: tuple[int, int] = (24, 80)) -> None:
        env = {
            **os.environ,
            "XDG_DATA_HOME": str(home),
            "XDG_STATE_HOME": str(home / "state"),
            "TERM": "xterm-256color",
            "PROMPT_TOOLKIT_NO_CPR": "1",
        }
        env.pop("NO_COLOR", None)
        self.child = pexpect.spawn(
            sys.executable,
            ["-m", "shapetrick", *arguments],
            cwd=str(ROOT),
            env=env,
            dimensions=size,
            encoding="utf-8",
            timeout=PATIENCE,
        )
        self.text = ""

    def type(self, keys: str) -> None:
        self.child.send(keys)

    def enter(self, line: str) -> None:
        self.type(f"{line}\r")

    def see(self, wanted: str) -> str:
        """Wait until a text is on the screen; what stood there since the last one."""
        end = time.monotonic() + PATIENCE
        while wanted not in self.text:
            try:
                self.text += shown(self.child.read_nonblocking(65536, timeout=1))
            except pexpect.TIMEOUT:
                pass
            except pexpect.EOF:
                pytest.fail(f"{wanted!r} was not seen before the end:\n{self.text}")
            if time.monotonic() > end:
                pytest.fail(f"{wanted!r} was not seen:\n{self.text}")
        before, self.text = self.text.split(wanted, 1)
        return before + wanted

    def control(self, key: str, prompt: str = ">") -> str:
        """Press a key that is another one but where a line is edited; what stood before it."""
        before = self.see(prompt)
        self.type(key)
        return before

    def leave(self, unsaved: bool = True, prompt: str = ">") -> str:
        """Leave by Ctrl-D; what stood there since the last text that was seen."""
        before = self.control("\x04", prompt)
        if unsaved:
            self.see("is not saved")
            self.control("\x04", prompt)
        self.end(0)
        return before

    def end(self, status: int) -> None:
        self.child.expect(pexpect.EOF)
        self.child.close()
        assert self.child.exitstatus == status


def shown(keys: str) -> str:
    """What a terminal shows of what it is sent, without where it stands."""
    return CONTROL.sub("", FORWARD.sub(lambda m: " " * int(m.group(1) or 1), keys))


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    opened = Terminal(tmp_path)
    opened.see(">")
    yield opened
    opened.child.close(force=True)


def test_a_layer_by_hand_with_wrong_moves_saved_and_derived(
    terminal: Terminal, tmp_path: Path
) -> None:
    terminal.enter(LAYER)
    terminal.see("element-wise function")
    terminal.enter("Z = sigma(X W); J = norm(Z - Y)^2 / (2 m)")
    terminal.see("1×1")
    terminal.enter(":derive J wrt W")
    terminal.see("line 1 of 2")
    terminal.enter("D / m")
    terminal.see("✓ stands")
    terminal.see("∂J/∂W = ?")
    terminal.enter("G X'")
    terminal.see("is not a matrix product")
    terminal.enter("X' G")
    terminal.see("fits, but the numbers say no")
    terminal.enter("X' (G .* D)")
    terminal.see("every line stands: 2 by you")
    terminal.see("✓ verified")
    path = tmp_path / "layer.st"
    terminal.enter(f":save {path}")
    terminal.see("saved 7 statements")
    terminal.leave(unsaved=False)
    done = subprocess.run(
        [sys.executable, "-m", "shapetrick", "derive", "--quiet", str(path)],
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    assert done.stdout == "∂J/∂W = X' ((Z - Y) .* sigma'(X W)) / m\n"


def test_names_are_completed(terminal: Terminal) -> None:
    terminal.enter("Weights : d x k")
    terminal.see("d×k")
    terminal.type("tr(Wei\t")
    terminal.see("ghts")
    terminal.enter("' Weights)")
    terminal.see("1×1")
    terminal.control("\x03")
    terminal.type(":cand\t")
    terminal.see("idates")


def test_greek_letters_are_typed_by_their_names(terminal: Terminal) -> None:
    terminal.enter(r"1")  # the engine is there
    terminal.see("1×1")
    terminal.type("\\thet\t")
    terminal.see("θ")
    terminal.enter(" : n")
    terminal.see("n×1")


def test_undo_and_a_second_line_in_brackets(terminal: Terminal) -> None:
    terminal.enter("X : m x d; J = norm(")
    terminal.enter("X)^2")
    terminal.see("1×1")
    terminal.enter(":undo")
    terminal.see("- J = norm( X)^2")
    terminal.enter(":vars")
    terminal.see("nothing was entered")


def test_several_lines_at_once_are_pasted_or_typed(terminal: Terminal) -> None:
    terminal.type("\x1b[200~X : m x d\nW : d x k  # the weights\n\x1b[201~")
    terminal.see("weights")
    terminal.enter("")
    terminal.see("d×k")
    terminal.type("Z = X W\x1b\r")  # Alt-Enter
    terminal.enter("J = norm(Z)^2")
    terminal.see("1×1")
    terminal.enter(":vars")
    terminal.see("2  W : d x k  # the weights")
    terminal.see("4  J = norm(Z)^2")


def test_an_empty_line_ends_an_open_bracket(terminal: Terminal) -> None:
    terminal.enter("J = norm(3")
    terminal.see(".")
    terminal.enter("")
    terminal.see("never closed")


@pytest.mark.parametrize("paste", ["norm(\n" + "x : n\n" * 110_000, "(" + "x + " * 165_000])
def test_a_long_paste_with_an_open_bracket_is_answered(paste: str, terminal: Terminal) -> None:
    terminal.enter("X : m x n")
    terminal.see("m×n")
    threading.Thread(target=terminal.type, args=(f"\x1b[200~J = {paste}\x1b[201~",)).start()
    terminal.see("is never closed")
    terminal.enter("Z = X'")
    terminal.see("n×m")


def test_the_history_is_kept_between_runs(terminal: Terminal, tmp_path: Path) -> None:
    terminal.enter("Alpha : m x n")
    terminal.see("m×n")
    terminal.leave()
    again = Terminal(tmp_path)
    again.see(">")
    again.type("\x1b[A")
    again.see("Alpha : m x n")
    again.child.close(force=True)


def test_a_line_is_abandoned_and_a_derivation_interrupted(terminal: Terminal) -> None:
    terminal.enter("X : n x n")
    terminal.see("n×n")
    terminal.see(">")
    terminal.type("J = nonsense")
    terminal.control("\x03", "nonsense")
    terminal.enter("J = tr(X" + " X" * 2000 + ")")  # takes longer than there is time for
    terminal.see("1×1")
    terminal.enter("grad J wrt X")
    terminal.see("grad J wrt X … 1 s (Ctrl-C stops)")
    terminal.type("\x03")
    terminal.see("interrupted: nothing was changed")
    terminal.enter(":vars")
    terminal.see("J = tr(")
    assert "grad" not in terminal.leave()


def test_a_quiz_round(terminal: Terminal, tmp_path: Path) -> None:
    terminal.enter(":quiz traces 1")
    terminal.see("the answer is m×n")
    terminal.enter("A")
    terminal.see("its shape is n×m, not m×n")
    terminal.enter("A'")
    terminal.see("✓ right")
    terminal.leave(unsaved=False, prompt="answer =")
    again = Terminal(tmp_path)
    again.see(">")
    again.enter(":score")
    again.see("■")
    again.child.close(force=True)


def test_a_file_and_a_wide_terminal(tmp_path: Path) -> None:
    opened = Terminal(tmp_path, "repl", "examples/mlp.st", size=(50, 200))
    opened.see(":answers derives them")
    opened.enter(":derive J wrt W1")
    opened.see("line 1 of 3")
    opened.child.close(force=True)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGHUP, signal.SIGKILL, None])
def test_a_session_that_is_ended_is_offered_to_the_next(
    how: signal.Signals | None, terminal: Terminal, tmp_path: Path
) -> None:
    terminal.enter("X : m x n; w : n")
    terminal.see("n×1")
    terminal.enter("J = norm(X w)^2")
    terminal.see("1×1")
    terminal.enter(":derive J wrt w")
    terminal.see("line 1 of 1")
    terminal.see("∂J/∂w = ")
    folder = tmp_path / "state" / "shapetrick"
    (kept,) = folder.iterdir()
    assert kept.stat().st_mode & 0o777 == 0o600
    if how is None:  # the window is closed
        terminal.child.close(force=True)
    else:
        terminal.child.kill(how)
        if how is signal.SIGKILL:
            terminal.child.wait()
        else:
            terminal.see("the next session offers it")
            terminal.end(128 + how)
    again = Terminal(tmp_path)
    again.see("that ended without saving")
    again.see(">")
    again.enter(":recover")
    again.see("line 1 of 1")
    again.enter(f":save {tmp_path / 'kept.st'}")
    again.see("saved 4 statements")
    again.leave(unsaved=False, prompt="∂J/∂w =")
    assert not list(folder.iterdir())


def test_what_is_left_unsaved_on_purpose_is_not_offered(terminal: Terminal, tmp_path: Path) -> None:
    terminal.enter("X : m x n")
    terminal.see("m×n")
    terminal.enter(":quit")
    terminal.see("is not saved")
    terminal.enter("Z = X'")  # asked once more after that
    terminal.see("n×m")
    terminal.leave()
    again = Terminal(tmp_path)
    assert "without saving" not in again.leave(unsaved=False)


def test_no_place_for_the_history_is_no_reason_to_stop(tmp_path: Path) -> None:
    nowhere = tmp_path / "file"
    nowhere.write_text("")
    opened = Terminal(nowhere)
    opened.see(">")
    opened.enter("X : m x n")
    opened.see("m×n")
    opened.leave()


def test_an_interrupt_between_two_lines_ends_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As of a key that is pressed when a line has been answered, and none is edited yet."""
    raised = iter([KeyboardInterrupt(), repl._Ended(signal.SIGTERM)])

    def say(_: repl._Terminal, line: str) -> None:
        raise next(raised)

    for name in ("XDG_DATA_HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.setattr(repl._Terminal, "_load", lambda _: None)
    monkeypatch.setattr(repl._Terminal, "_line", lambda *_: "x : n")
    monkeypatch.setattr(repl._Terminal, "_say", say)
    with pytest.raises(repl._Ended):
        repl._Terminal(None, None, None).run()


# ------------------------------------------------------------------------------------- in a pipe


def piped(text: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "shapetrick", "repl", *arguments],
        input=text,
        capture_output=True,
        encoding="utf-8",
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def test_a_pipe_is_answered_plainly() -> None:
    out = piped("X : m x n\nJ = norm(\n  X)^2\ngrad J wrt X\nX X\n:quit\nnever read\n")
    assert "∂J/∂X = 2 X" in out
    assert "X (m×n) times X (m×n) is not a matrix product" in out
    assert "\x1b" not in out
    assert "never" not in out


def test_a_pipe_that_ends_within_a_bracket() -> None:
    assert "never closed" in piped("X : m x n\nJ = norm(X")


def test_calls_of_an_open_bracket_in_a_pipe_by_line() -> None:
    def effort(count: int) -> float:
        lines = ["J = norm(\n", *["x +\n"] * count]
        return calls(lambda: list(repl._logical_lines(lines))) / count

    assert effort(2000) <= 1.1 * effort(200)


def test_a_file_in_a_pipe() -> None:
    assert "grad J wrt W1, W2" in piped("", "examples/mlp.st")
    assert "cannot read" in piped("", "examples/none.st")


def test_a_pipe_that_is_ended_is_kept(tmp_path: Path) -> None:
    call = [sys.executable, "-m", "shapetrick", "repl"]
    pipe = subprocess.PIPE
    env = {**os.environ, "XDG_STATE_HOME": str(tmp_path)}
    with subprocess.Popen(call, stdin=pipe, stdout=pipe, cwd=ROOT, env=env) as run:
        assert run.stdin is not None and run.stdout is not None
        run.stdin.write(b"X : m x n\n")
        run.stdin.flush()
        assert "m×n" in run.stdout.readline().decode()
        run.send_signal(signal.SIGTERM)
        assert run.wait(PATIENCE) == 128 + signal.SIGTERM
    assert [left.unsaved.text for left in Recovery(tmp_path / "shapetrick").found()] == [
        "X : m x n\n"
    ]


def test_a_closed_pipe_is_silent() -> None:
    call = [sys.executable, "-m", "shapetrick", "repl"]
    pipe = subprocess.PIPE
    with subprocess.Popen(call, stdin=pipe, stdout=pipe, stderr=pipe, cwd=ROOT) as run:
        assert run.stdin is not None and run.stdout is not None and run.stderr is not None
        run.stdout.close()
        run.stdin.write(b":help\n")
        run.stdin.close()
        assert run.stderr.read() == b""
    assert run.returncode == 141


# ----------------------------------------------------------------------- the parts of the editor


def completions(desk: Interpreter | None, text: str) -> dict[str, str]:
    found = completion.Completions(lambda: desk).get_completions(Document(text), CompleteEvent())
    return {c.text: c.display_meta_text for c in found}


def test_completions_say_shapes_and_help() -> None:
    desk = Interpreter()
    desk.session.enter("Weights : d x k; tall : n")
    assert completions(desk, "Z = Wei") == {"Weights": "d×k"}
    assert completions(desk, "ta")["tanh"] == "of every entry"
    assert completions(desk, "ta")["tall"] == "n×1"
    assert completions(desk, ":der") == {
        "derive": "derive by hand, line by line; `wrt W, b` together"
    }
    assert completions(desk, "\\thet") == {"θ": "θ"}
    assert "traces" in completions(desk, ":quiz t")
    assert "examples/mlp.st" in completions(
        desk, f":load {ROOT}/examples/m".replace(f"{ROOT}/", "")
    )
    assert completions(None, "X") == {}


def test_the_lexer_is_that_of_the_language() -> None:
    desk = Interpreter()
    desk.session.enter("sigma : elementwise")
    lexer = completion.Tokens(lambda: desk)
    line = "J = sigma(X)' + 2 tanh(wrt)"
    looks = [look for look, _ in lexer.lex_document(Document(line))(0)]
    assert looks[line.index("sigma")] == "class:function"
    assert looks[line.index("2")] == "class:number"
    assert looks[line.index("+")] == "class:operator"
    assert looks[line.index("X")] == ""
    command = [look for look, _ in lexer.lex_document(Document(":hint now"))(0)]
    assert command[:5] == ["class:command"] * 5
    assert command[6] == ""
    line = "X : m x d # n; 2"
    looks = [look for look, _ in lexer.lex_document(Document(line))(0)]
    assert looks[line.index("m")] == "class:shape"
    assert set(looks[line.index("#") :]) == {"class:comment"}
    line = "X : m x d; J = norm(X; 2)"
    looks = [look for look, _ in lexer.lex_document(Document(line))(0)]
    assert looks[line.index("norm")] == "class:function"
    two = lexer.lex_document(Document("norm(\nX)"))
    assert "".join(c for _, c in two(0) + two(1)) == "norm(X)"
    assert two(2) == []


@pytest.mark.parametrize("background", ["#ffffff", "#000000"])
def test_every_colour_is_seen_on_light_and_on_dark(background: str) -> None:
    behind = luminance(background)
    for name, colour in COLOURS.items():
        light, dark = sorted((luminance(colour), behind), reverse=True)
        assert (light + 0.05) / (dark + 0.05) > 3.8, name


def luminance(colour: str) -> float:
    """As in the Web Content Accessibility Guidelines 2.1."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return sum(w * p for w, p in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def test_a_fault_of_our_own_does_not_end_the_session(monkeypatch: pytest.MonkeyPatch) -> None:
    def fault(*_: object) -> None:
        raise ZeroDivisionError("by design")

    monkeypatch.setattr("shapetrick.session.interpreter.is_expression", fault)
    rows = list(repl._answers(Interpreter(), "X"))
    assert "by design" in "".join(text for text, _ in rows[0])


def test_a_teachers_questions_from_python(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", StringIO(":quiz\n"))
    own = Question("mine", 1, "x : n\nJ = x' x", "grad J wrt x")
    assert repl.run(questions=[own]) == 0
    assert "mine, level 1" in capsys.readouterr().out


@pytest.mark.parametrize("text", ["\0" * 1_000_001, "x : n\n" + "x" * 2_000_000])
def test_a_line_without_end_ends_the_session(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", StringIO(text))
    with pytest.raises(BudgetError, match="what follows it is not read"):
        repl.run()


def test_an_open_bracket_without_end_is_answered_in_parts() -> None:
    parts = list(repl._logical_lines(["(" + "x" * 400_000 + "\n"] * 5))
    assert [len(part) for part in parts] == [1_200_006, 800_004]


def test_the_time_limit_of_a_session_is_an_option() -> None:
    call = [sys.executable, "-m", "shapetrick", "repl", "--time-limit", "0.001"]
    given = "X : m x n\ngrad norm(tanh(X X') X)^2 wrt X\n:set time-limit none\n:answers\n"
    done = subprocess.run(call, input=given, capture_output=True, text=True, cwd=ROOT, check=True)
    assert "within 0.001 s" in done.stdout
