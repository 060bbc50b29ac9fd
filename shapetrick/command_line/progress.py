"""What is being done, on standard error: a line while it takes long, for who looks at a terminal,
and the log that `-v` asks for.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

FIRST = 1.0  # seconds after which something is said


@contextmanager
def working(what: str) -> Iterator[None]:
    """Say what is being done if it takes over a second. Nothing may be printed meanwhile."""
    if not sys.stderr.isatty():
        yield
        return
    from threading import Timer

    from ..render.terminal import Progress, console

    status = console(sys.stderr).status(Progress(what), spinner_style="dim")
    timer = Timer(FIRST, status.start)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()
        status.stop()


def show_log(verbosity: int) -> None:
    """Let the log be shown: what is done, and of 2 on what the search finds."""
    import logging

    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(name)s: %(message)s"))
    log = logging.getLogger("shapetrick")
    log.addHandler(handler)
    levels = (logging.WARNING, logging.INFO, logging.DEBUG)
    log.setLevel(levels[min(verbosity, len(levels) - 1)])
