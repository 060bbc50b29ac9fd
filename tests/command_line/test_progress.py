"""What is said on standard error while something is done: the log, and a line on a terminal."""

from __future__ import annotations

import logging
import os
import pty
import sys
import threading
from collections.abc import Iterator

import pytest

from shapetrick.cli import main
from shapetrick.command_line import progress

PROBLEM = "x : n; J = x' x; grad J wrt x"
TOGETHER = "X : m x d; V : d x h; W : h x k; J = sum(tanh(tanh(X V) W)); grad J wrt V, W"


@pytest.fixture
def log() -> Iterator[logging.Logger]:
    """Ours, left as it was."""
    log = logging.getLogger("shapetrick")
    yield log
    log.handlers.clear()
    log.setLevel(logging.NOTSET)


@pytest.mark.parametrize(
    ("option", "said", "unsaid"),
    [
        ([], (), ("deriving", "arrangements")),
        (["-v"], ("deriving grad J wrt x", "verified"), ("arrangements",)),
        (["-vv"], ("deriving grad J wrt x", "arrangements tried"), ()),
    ],
)
def test_the_log(
    option: list[str],
    said: tuple[str, ...],
    unsaid: tuple[str, ...],
    log: logging.Logger,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from shapetrick.derivation.vjp_rules import forget

    forget()
    assert main(["derive", "--quiet", *option, "-e", PROBLEM]) == 0
    out, err = capsys.readouterr()
    assert out == "∂J/∂x = 2 x\n"
    assert all(words in err for words in said)
    assert not [words for words in unsaid if words in err]


@pytest.mark.parametrize("text", [TOGETHER, "X, Y : m x n; J = sum(X .* Y); grad J wrt X, Y"])
def test_the_log_has_the_verdict_of_gradients_found_together(
    text: str, log: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["derive", "--quiet", "-v", "-e", text]) == 0
    err = capsys.readouterr().err
    assert err.count("verified after 3 draws") == 2 and "unchecked" not in err


def test_what_takes_long_is_said_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    main_end, end = pty.openpty()
    with os.fdopen(end, "w") as terminal:
        monkeypatch.setattr(sys, "stderr", terminal)
        monkeypatch.setattr(progress, "FIRST", 0.0)
        monkeypatch.setenv("TERM", "xterm")
        with progress.working("grad J wrt x"):
            shown = b""
            while b"grad J wrt x \xe2\x80\xa6 (Ctrl-C stops)" not in shown:
                shown += os.read(main_end, 100)  # waits for what is said
    os.close(main_end)


def test_what_is_quick_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    main_end, end = pty.openpty()
    with os.fdopen(end, "w") as terminal:
        monkeypatch.setattr(sys, "stderr", terminal)
        monkeypatch.setattr(progress, "FIRST", 600.0)  # however busy the machine is
        before = {*threading.enumerate()}
        with progress.working("grad J wrt x"):
            pass
        assert {*threading.enumerate()} <= before  # another one may end meanwhile
        print("end", file=terminal, flush=True)
        assert os.read(main_end, 100).strip() == b"end"
    os.close(main_end)


def test_nothing_is_said_in_a_pipe(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("threading.Timer", None)  # none is made
    with progress.working("grad J wrt x"):
        pass
    assert capsys.readouterr().err == ""
