"""Problems worked on in processes: what is printed, and how it ends, is as without them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from shapetrick.command_line.outcome import BadInput, OurFault
from shapetrick.command_line.parallel import in_processes

PROBLEMS = {
    "a.st": "A : n x n; x : n; q = x' A x; check grad q wrt x = 2 A x",
    "b.st": "A : n x n; x : n; q = x' A x; check grad q wrt x = (A + A') x; check x = x",
    "c.st": "A : n x",
    "d.st": "x : n; J = sum(x); check grad J wrt x = ones(n); check grad J wrt z = x",
    "e.st": "x : n; J = sum(unused)",
}
COMMAND = [sys.executable, "-m", "shapetrick"]


def told(task: int) -> int:
    """Prints, and fails in several ways."""
    print(f"task {task}")
    print(f"careful {task}", file=sys.stderr)
    if task == 3:
        raise BadInput("no three")
    if task == 4:
        raise ZeroDivisionError("four")
    if task == 5:
        os.kill(os.getpid(), signal.SIGKILL)
    return task * task


@pytest.mark.parametrize("command", ["check", "check -q", "check --format json", "derive -q"])
def test_processes_print_what_one_prints(command: str, tmp_path: Path) -> None:
    for name, text in PROBLEMS.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    call = [*COMMAND, *command.split(), str(tmp_path)]
    one, two = (
        subprocess.run([*call, *jobs], capture_output=True, text=True, check=False)
        for jobs in ([], ["-j", "2"])
    )
    assert one.stdout
    assert (two.stdout, two.stderr, two.returncode) == (one.stdout, one.stderr, one.returncode)


def test_results_are_in_order(capsys: pytest.CaptureFixture[str]) -> None:
    tasks = [9, 1, 8, 2, 7, 6, 10, 11, 12, 13, 14, 15, 16]
    assert list(in_processes(2, told, tasks)) == [task * task for task in tasks]
    out, err = capsys.readouterr()
    assert out.split() == [word for task in tasks for word in ("task", str(task))]
    assert err.count("careful") == len(tasks)


@pytest.mark.parametrize(
    ("task", "error", "words"),
    [
        (3, BadInput, "no three"),
        (4, OurFault, r"ZeroDivisionError: four \(test_parallel.py, line"),
        (5, BadInput, "ended from outside"),
    ],
)
def test_an_exception_ends_it_at_its_task(
    task: int, error: type[Exception], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    done = in_processes(1, told, [1, task, 2])
    assert next(done) == 1
    with pytest.raises(error, match=words):
        list(done)
    assert "task 2" not in capsys.readouterr().out


def test_an_interrupt_ends_all_processes() -> None:
    script = (
        "import time, sys\n"
        "from shapetrick.command_line.parallel import in_processes\n"
        "done = in_processes(2, time.sleep, [0, 600, 600])\n"
        "next(done)\n"
        "try:\n"
        "    print('begun', flush=True)\n"
        "    list(done)\n"
        "except KeyboardInterrupt:\n"
        "    done.close()\n"
        "    sys.exit(130)\n"
    )
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", script], text=True, **pipes) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        process.send_signal(signal.SIGINT)
        _, complaints = process.communicate(timeout=300)  # nobody holds the pipe any more
        assert process.returncode == 130
        assert complaints == ""


def test_the_number_of_processes_is_one() -> None:
    done = subprocess.run(
        [*COMMAND, "check", "-j", "0", "-e", "x: n"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "from 1 to" in done.stderr
