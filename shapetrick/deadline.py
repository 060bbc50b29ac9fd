"""The time limit: the last stop of a request that the budget let pass.

A watch interrupts the thread that works, as Ctrl-C does, from a thread of its own: so it works in
any thread and on every system, and no loop has to ask for it. What outlives a request (interned
nodes, confirmed rules) is written whole or not at all. It only ever ends a request, so no answer or
verdict depends on it; what is counted (`budget.py`) refuses first wherever we know how much it is.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

from .errors import InputError, TimeLimitError

T = TypeVar("T")
SECONDS = 20.0  # a request may take, where nothing else is said
_AGAIN = 1.0  # seconds until the interrupt is repeated: where an object is deleted it is ignored


def limited(seconds: float | None, work: Callable[[], T]) -> T:
    """What `work` gives; None is no limit. Raises TimeLimitError."""
    if seconds is None:
        return work()
    if not 0 < seconds <= threading.TIMEOUT_MAX:
        raise InputError(f"a time limit is a positive number of seconds, or None, not {seconds!r}.")
    watch = _Watch(seconds)
    try:
        try:
            return work()
        finally:
            watch.end()
    except watch.interrupt:
        watch.end()
        raise TimeLimitError(
            f"there was no answer within {seconds:g} s, the time limit; how far one gets by then "
            "depends on the machine. Allow more, or ask for less at a time: `--time-limit 60`, in "
            "Python `time_limit=60`."
        ) from None


class _Watch:
    """Interrupts the thread that made it, once the time is over and until it has ended; `interrupt`
    is the exception of this watch and no other."""

    def __init__(self, seconds: float) -> None:
        self.interrupt: type[BaseException] = type("_Interrupt", (BaseException,), {})
        self._seconds = seconds
        self._worker = threading.get_ident()
        self._ended = threading.Event()
        self._lock = threading.Lock()
        threading.Thread(target=self._run, daemon=True).start()

    def end(self) -> None:
        with self._lock:  # from here on it doesn't interrupt
            self._ended.set()

    def _run(self) -> None:
        wait = self._seconds
        while not self._ended.wait(wait):
            from ctypes import c_ulong, py_object, pythonapi

            with self._lock:
                if not self._ended.is_set():
                    raise_in = pythonapi.PyThreadState_SetAsyncExc
                    raise_in(c_ulong(self._worker), py_object(self.interrupt))
            wait = _AGAIN
