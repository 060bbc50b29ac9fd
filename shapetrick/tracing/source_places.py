"""Where in a person's own code something happened: the line, and the columns of the operation."""

from __future__ import annotations

import linecache
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, FrameType, TracebackType

from ..core.errors import Span, TraceError
from ..core.named_tuples import NamedTuple

_LIBRARIES = (str(Path(__file__).parents[1]), sysconfig.get_path("stdlib"), "<frozen")
_INSTALLED = {"site-packages", "dist-packages"}


class SourceLine(NamedTuple):
    """A line of a file, and between which columns."""

    file: str
    line: int
    begin: int | None = None
    end: int | None = None

    def refusal(self, message: str) -> TraceError:
        """An error at this place; where the source isn't known, with the line's number."""
        lines = linecache.getlines(self.file)
        if not 0 < self.line <= len(lines):
            return TraceError(f"{message} (line {self.line} of {self.file})")
        text = "".join(lines)
        start = sum(map(len, lines[: self.line - 1]))
        row = lines[self.line - 1]
        begin = _column(row, self.begin) if self.begin is not None else 0
        end = _column(row, self.end) if self.end is not None else len(row.rstrip())
        if self.begin is None:
            begin = len(row) - len(row.lstrip())
        error = TraceError(message, Span(start + begin, start + max(end, begin + 1)), text)
        error.file = None if self.file.startswith("<") else _shown(self.file)
        return error


def refused_at(place: SourceLine | None, message: str, error: Exception) -> TraceError:
    """The error with a place, where that is known."""
    found = TraceError(message) if place is None else place.refusal(message)
    if isinstance(error, TraceError):
        found.equal, found.counted, found.apart = error.equal, error.counted, error.apart
    return found


def _shown(file: str) -> str:
    """A file as seen from here."""
    path = Path(file)
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else file


def _column(row: str, offset: int) -> int:
    """The character at an offset of bytes, which is what Python counts."""
    return len(row.encode()[:offset].decode(errors="ignore"))


def innermost(traceback: TracebackType | None) -> SourceLine | None:
    """The last place in code that is neither ours nor a library's."""
    found = None
    for code, instruction, line in _frames(traceback):
        if not is_library(code.co_filename):
            found = _place(code, instruction, line)
    return found


def called_here(frame: FrameType) -> str:
    """The text of what runs in a person's own code; empty where that isn't known."""
    if is_library(frame.f_code.co_filename):
        return ""
    place = _place(frame.f_code, frame.f_lasti, frame.f_lineno)
    row = linecache.getline(place.file, place.line)
    return row[_column(row, place.begin) :] if place.begin is not None else ""


def is_library(file: str) -> bool:
    """Whether a file is ours, Python's or an installed package's."""
    return file.startswith(_LIBRARIES) or not _INSTALLED.isdisjoint(Path(file).parts)


def _frames(traceback: TracebackType | None) -> Iterator[tuple[CodeType, int, int]]:
    while traceback is not None:
        yield traceback.tb_frame.f_code, traceback.tb_lasti, traceback.tb_lineno
        traceback = traceback.tb_next


def _place(code: CodeType, instruction: int, line: int) -> SourceLine:
    if not instruction:  # of a traceback that was kept without
        return SourceLine(code.co_filename, line)
    positions = list(code.co_positions())
    first, last, begin, end = positions[instruction // 2]
    if first is None or begin is None or end is None:
        return SourceLine(code.co_filename, line)
    return SourceLine(code.co_filename, first, begin, end if last == first else None)
