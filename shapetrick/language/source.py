"""The text of a problem, from a file or from standard input, and the refusal of what is no text."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import TYPE_CHECKING, Any, BinaryIO

from ..core.budget import TEXT
from ..core.errors import BudgetError, InputError, RequestError
from ..core.files import opened
from ..core.warnings import nearest

if TYPE_CHECKING:
    from pathlib import Path


def read_text(name: str) -> str:
    """The text of a file; `-` is standard input. No more is read than may be taken on.

    Raises InputError, BudgetError."""
    if name != "-":
        return decoded(read_bytes(name), name)
    if sys.stdin is None:
        raise InputError("cannot read -: standard input is closed.")
    return decoded(_read(nullcontext(sys.stdin.buffer), name), name)


def read_bytes(name: str) -> bytes:
    """What a file holds. No more is read than may be taken on. Raises InputError, BudgetError."""
    try:
        return _read(opened(name), name)
    except (OSError, ValueError) as e:
        raise _unreadable(name, e) from e


def read_tables(
    path: str | Path, kind: str, known: Iterable[str]
) -> tuple[str, dict[str, Any], list[tuple[str, dict[str, Any]]]]:
    """What a TOML file holds, as text and as data, and its tables `[[kind]]`, each with the place
    by which messages tell it. Raises InputError where there are none, or one has another field than
    the known ones, and BudgetError."""
    import tomllib

    text, fields = decoded(read_bytes(str(path)), str(path)), [*known]
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RequestError(f"{path} is no TOML: {error}.") from None
    rows = data.get(kind)
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        raise RequestError(f"{path} has no {kind}s: each begins with `[[{kind}]]`.")
    placed = [(f"{path}, {kind} {i}", row) for i, row in enumerate(rows, 1)]
    for where, row in placed:
        if unknown := [name for name in row if name not in fields]:
            raise RequestError(f"{where}: `{unknown[0]}` is none of {', '.join(fields)}.")
    return text, data, placed


def _read(source: AbstractContextManager[BinaryIO], name: str) -> bytes:
    most = 4 * TEXT.most  # in UTF-8
    try:
        with source as file:
            raw = file.read(most + 1)
    except (OSError, ValueError) as e:
        raise _unreadable(name, e) from e
    _refuse_nul(raw, name)
    if len(raw) > most:
        raise BudgetError(f"{name} has more than {most:,} bytes: split it into several problems.")
    return raw


def _unreadable(name: str, e: Exception) -> InputError:
    said = e.strerror if isinstance(e, OSError) else e
    if isinstance(e, FileNotFoundError):
        from pathlib import Path  # of which what can be read has no need

        path = Path(name)
        with suppress(OSError):
            if near := nearest(path.name, (beside.name for beside in path.parent.iterdir())):
                said = f"{said}; did you mean {path.with_name(near)}?"
    return InputError(f"cannot read {name}: {said}")


def decoded(raw: bytes, name: str) -> str:
    """The text that a file holds. Raises InputError."""
    try:
        return raw.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as e:
        line = raw.count(b"\n", 0, e.start) + 1
        raise InputError(
            f"{name} is not UTF-8: byte 0x{raw[e.start]:02x} in line {line}. Save it as UTF-8."
        ) from e


def checked_text(text: str, name: str) -> str:
    """A text that was given with the call. Raises InputError for what can't be a problem's."""
    if any("\ud800" <= c <= "\udfff" for c in text):
        raise InputError(f"{name} is not UTF-8.")
    _refuse_nul(text.encode("utf-8"), name)
    return text


def _refuse_nul(raw: bytes, name: str) -> None:
    if b"\0" in raw:
        line = raw.count(b"\n", 0, raw.index(b"\0")) + 1
        raise InputError(f"{name} has a NUL byte in line {line}: it is not a text.")
