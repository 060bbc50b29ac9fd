"""The time limit: the last stop of a request that the budget let pass.

A watch interrupts the thread that works, as Ctrl-C does, from a thread that all watches share: so
it works in any thread and on every system, and no loop has to ask for it. The time is the
processor's where the system tells it of a thread, so that a busy machine takes nothing away. What
outlives a request (interned nodes, confirmed rules) is written whole or not at all. It only ever
ends a request, so no answer or verdict depends on it; what is counted (`core/budget.py`) refuses
first wherever we know how much it is.
"""

from __future__ import annotations

import math
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TypeVar

from .errors import InputError, OperandError, TimeLimitError

T = TypeVar("T")
SECONDS = 20.0  # a request may take, where nothing else is said
_AGAIN = 1.0  # seconds until the interrupt is repeated: where an object is deleted it is ignored
_SHORTEST = 0.02  # seconds between two looks at the clock
_LONGEST = 4  # times the limit on the clock on the wall


def limited(limit: float | None, work: Callable[[], T], requests: int = 1) -> T:
    """What `work` gives within so many seconds for each of its requests; None is no limit. Raises
    TimeLimitError."""
    if limit is None:
        return work()
    is_number = hasattr(limit, "__float__") and not getattr(limit, "shape", ())
    if not is_number or not 0 < limit <= threading.TIMEOUT_MAX:
        raise OperandError(f"a time limit is a positive number of seconds, or None, not {limit!r}.")
    seconds = min(limit * requests, threading.TIMEOUT_MAX)
    watch = _Watch(seconds)
    try:
        try:
            watch.start()
            return work()
        finally:
            watch.end()
    except watch.interrupt:
        watch.end()
        raise TimeLimitError(
            f"there was no answer within {seconds:g} s, the time limit: how far one gets by then "
            "depends on the machine. Allow more (`--time-limit 60`, in Python `time_limit=60`, in "
            "a session `:set time-limit 60`), or ask for less at a time."
        ) from None


def seconds_of(text: str) -> float | None:
    """A time limit as people write it: `20`, `0.5`, or `none`. Raises InputError."""
    if text == "none":
        return None
    with suppress(ValueError):
        if 0 < float(text) <= threading.TIMEOUT_MAX:
            return float(text)
    raise InputError(f"a time limit is written 20 or 0.5 or none, not {text!r}.")


_idle: list[type[BaseException]] = []  # interrupts of watches that have ended: to make one is slow


class _Watch:
    """Interrupts the thread that made it, once the time is over and until it has ended; `interrupt`
    is the exception of this watch and of no other that has not ended."""

    def __init__(self, seconds: float) -> None:
        self.interrupt = _interrupt()
        self.seconds = seconds
        self._worker = threading.get_ident()
        self._clock = _clock()
        self._over = self._clock() + seconds
        self._latest = time.monotonic() + _LONGEST * seconds
        self._lock = threading.Lock()
        self._ended = False
        self._sent = False

    def start(self) -> None:
        _watcher.take(self)

    def end(self) -> None:
        """From here on it doesn't interrupt. What was sent and has not arrived is replaced by one
        that arrives here: taken back with NULL it would leave CPython's request for attention
        standing, in which a traced function of 3.11 never gets past its first step."""
        while True:
            try:
                _watcher.leave(self)
                with self._lock:
                    self._ended = True
                while self._sent:
                    _send(self._worker, self.interrupt)
                _idle.append(self.interrupt)  # none was sent
                return
            except self.interrupt:
                if self._ended:  # and none is on its way: a thread has room for one
                    return

    def look(self) -> float:
        """Interrupt if the time is over; after how many seconds to look again."""
        with self._lock:
            if self._ended:
                return _AGAIN
            left = min(self._over - self._clock(), self._latest - time.monotonic())
            if left > 0:
                return max(left, _SHORTEST)
            if not self._is_watched():
                self._ended = True
                return _AGAIN
            self._sent = True
            _send(self._worker, self.interrupt)
            return _AGAIN

    def _is_watched(self) -> bool:
        """Whether its work is still being done. An interrupt of another kind (Ctrl-C, a watch
        around this one) that arrives as it ends may keep it from ending."""
        frame = sys._current_frames().get(self._worker)
        while frame is not None:
            if frame.f_code is limited.__code__ and frame.f_locals.get("watch") is self:
                return True
            frame = frame.f_back
        return False


class _Watcher:
    """The thread that looks at all watches, asleep until the first of them may be over: to begin
    and to end one costs no switch of threads.

    What the working threads touch of it are single steps, so that an interrupt leaves it whole."""

    def __init__(self) -> None:
        self._watches: dict[_Watch, None] = {}
        self._wake = threading.Lock()  # free where there is something new to look at
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        self._wakes = math.inf  # when it looks next; infinity is no promise

    def take(self, watch: _Watch) -> None:
        self._watches[watch] = None
        if time.monotonic() + watch.seconds < self._wakes:
            with suppress(RuntimeError):  # it is free already
                self._wake.release()
        if self._thread is None or not self._thread.is_alive():  # or this is a fork of its process
            with self._starting:
                if self._thread is None or not self._thread.is_alive():
                    self._thread = threading.Thread(target=self._run, daemon=True)
                    self._thread.start()

    def leave(self, watch: _Watch) -> None:
        self._watches.pop(watch, None)

    def _run(self) -> None:
        while True:
            self._wakes = math.inf
            wait = min((watch.look() for watch in list(self._watches)), default=-1.0)
            if wait >= 0:
                self._wakes = time.monotonic() + wait
            self._wake.acquire(timeout=wait)


_watcher = _Watcher()


def _interrupt() -> type[BaseException]:
    try:
        return _idle.pop()
    except IndexError:
        return type("_Interrupt", (BaseException,), {})


def _send(thread: int, exception: type[BaseException]) -> None:
    """Raise an exception in a thread at its next step."""
    from ctypes import c_ulong, py_object, pythonapi

    pythonapi.PyThreadState_SetAsyncExc(c_ulong(thread), py_object(exception))


def _clock() -> Callable[[], float]:
    """The processor's time of this thread, asked from any; else the time on the wall."""
    if hasattr(time, "pthread_getcpuclockid"):
        return partial(time.clock_gettime, time.pthread_getcpuclockid(threading.get_ident()))
    return time.monotonic
