"""Work on several problems at once, in processes: what each prints appears as if they had been
worked on one after the other."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import redirect_stderr, redirect_stdout
from functools import partial
from io import StringIO
from multiprocessing import active_children
from typing import TypeVar

from ..core.named_tuples import NamedTuple
from .outcome import BadInput, OurFault, confession
from .progress import working

Task = TypeVar("Task")
Done = TypeVar("Done")
AHEAD = 4  # tasks for each process that are handed out before they are asked for

Printed = tuple[bool, str]  # whether on standard error, and what


class _Worked(NamedTuple):
    """What was printed, with what came of it or what it ended with."""

    printed: list[Printed]
    done: object = None
    error: Exception | None = None


class _Recorder(StringIO):
    """A stream that remembers what is written, in one order with others."""

    def __init__(self, printed: list[Printed], is_error: bool, is_terminal: bool) -> None:
        super().__init__()
        self._printed, self._is_error, self._is_terminal = printed, is_error, is_terminal

    def write(self, text: str) -> int:
        self._printed.append((self._is_error, text))
        return len(text)

    def isatty(self) -> bool:
        return self._is_terminal


def in_processes(jobs: int, work: Callable[[Task], Done], tasks: Sequence[Task]) -> Iterator[Done]:
    """What the work comes to for each task, in their order; an exception ends it at its task."""
    recorded = partial(_recorded, work, sys.stdout.isatty())
    pool = ProcessPoolExecutor(min(jobs, len(tasks)), initializer=_default_signals)
    waiting: list[Future[_Worked]] = []
    try:
        for i in range(len(tasks)):
            while len(waiting) < len(tasks) and len(waiting) < i + AHEAD * jobs:
                waiting.append(pool.submit(recorded, tasks[len(waiting)]))
            with working(f"working on {i + 1} of {len(tasks)} problems"):
                found = waiting[i].result()
            yield _replayed(found)  # type: ignore[misc]
    except BrokenProcessPool:
        raise BadInput("a process was ended from outside, for want of memory perhaps.") from None
    finally:
        for process in active_children():
            process.terminate()
        # waited for: at the interpreter's end its thread may have closed the pipe that is woken
        pool.shutdown(cancel_futures=True)


def _default_signals() -> None:
    """A process that is interrupted ends at once, and silently: its parent tells."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _recorded(work: Callable[[Task], object], is_terminal: bool, task: Task) -> _Worked:
    printed: list[Printed] = []
    out, err = _Recorder(printed, False, is_terminal), _Recorder(printed, True, False)
    with redirect_stdout(out), redirect_stderr(err):
        try:
            return _Worked(printed, work(task))
        except (BadInput, MemoryError) as e:
            return _Worked(printed, error=e)
        except Exception as e:  # told with its place, which is lost on the way
            return _Worked(printed, error=OurFault(confession(e)))


def _replayed(found: _Worked) -> object:
    """Print what was printed."""
    for is_error, text in found.printed:
        if is_error:
            sys.stdout.flush()
        (sys.stderr if is_error else sys.stdout).write(text)
    sys.stdout.flush()
    if found.error is not None:
        raise found.error
    return found.done
