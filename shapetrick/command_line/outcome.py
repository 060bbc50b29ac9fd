"""How a command went: the exit status, and the complaints on standard error with their place."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING

from ..core.version import VERSION

if TYPE_CHECKING:
    from ..core.errors import ShapetrickError, Span

DONE, WRONG, BAD_INPUT = 0, 1, 2
OUR_FAULT, IO_FAILED = 70, 74  # as sysexits.h has them
INTERRUPTED, PIPE_CLOSED = 130, 141  # as shells report these signals


class BadInput(Exception):
    """What a person has to change in the call or the file."""


class OurFault(Exception):
    """A confession of what nobody foresaw."""


def complain(message: str, status: int = BAD_INPUT) -> int:
    """Say on standard error what is wrong. Returns the status."""
    with suppress(OSError):  # who closed the stream for errors is told by the status alone
        if status not in (IO_FAILED, OUR_FAULT):
            sys.stdout.flush()
        print(f"shapetrick: {message}" if "\n" not in message else message, file=sys.stderr)
    return status


def confession(fault: Exception) -> str:
    """One line on an exception that nobody foresaw, with what a report needs."""
    from pathlib import Path
    from traceback import walk_tb

    frame, line = list(walk_tb(fault.__traceback__))[-1]
    what = " ".join(f"{type(fault).__name__}: {fault}".split())
    place = f"{Path(frame.f_code.co_filename).name}, line {line}"
    return (
        f"this is a fault of shapetrick {VERSION}, not of the problem: {what} "
        f"({place}). Please report this line together with the problem and the command."
    )


def refused(error: ShapetrickError, file: str | None = None) -> int:
    """Say why there is no answer. Returns the status that tells the kind."""
    from ..core.errors import InputError

    status = BAD_INPUT if isinstance(error, InputError) else WRONG
    return complain(told(error, file), status)


def told(error: ShapetrickError, file: str | None = None) -> str:
    """The message with its place: of a file as compilers write it, `file:line:column: message`,
    and the line below it."""
    from ..core.errors import TraceError, excerpt

    file = error.file if isinstance(error, TraceError) and error.file else file
    said = error.message
    is_named = said.startswith(f"{file} ") or f" {file}:" in said
    if file is None or (error.span is None and is_named):
        return str(error)
    if error.span is None or error.text is None:
        return f"{file}: {said}"
    source = excerpt(error.text, error.span).rstrip("\n")
    return f"{place(file, error.text, error.span)}: {said}\n{source}"


def place(file: str | None, text: str, span: Span | None) -> str:
    """`file:line:column`, counted from 1; `line:column` of a text that is no file's."""
    where = "" if span is None else f"{span.line_of(text)}:{span.column_of(text)}"
    return ":".join(part for part in (file, where) if part)


def print_data(data: object) -> None:
    """Data as JSON, on a line."""
    import json  # slow to import, and most commands print none

    print(json.dumps(data, ensure_ascii=False, allow_nan=False), flush=True)


def warner() -> Callable[[Iterable[str]], None]:
    """What says each warning once, where nothing else says it."""
    said: set[str] = set()

    def warn(warnings: Iterable[str]) -> None:
        for warning in warnings:
            if warning not in said:
                said.add(warning)
                print(f"shapetrick: warning: {warning}", file=sys.stderr)

    return warn


def likely(word: str, known: Iterable[str]) -> str:
    """What is said behind a word that isn't known: the known one that was likely meant."""
    import difflib  # where something was mistyped alone

    near = difflib.get_close_matches(word, [*known], 1)
    return f"; did you mean {near[0]}?" if near else ""
