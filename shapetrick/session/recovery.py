"""Sessions that ended without saving: kept in files of their own, until they are taken up again.

A session in a terminal is kept after every change, so that whatever ends it takes no more than the
line that was being typed. Each process has a file; that of a process that still runs is left alone.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

from ..core.files import make_folder, write_file

_SUFFIX = ".session.json"


@dataclass(frozen=True, slots=True)
class Unsaved:
    """What a session holds: the statements, the seed of the draws, the file that they were loaded
    from or saved in last with the digest of what it held, and the lines that bring back a
    derivation by hand."""

    text: str
    seed: int = 0
    file: str = ""
    digest: str = ""
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LeftBehind:
    """A session that was not saved, where it is kept, and since when."""

    unsaved: Unsaved
    path: Path
    when: str


@dataclass(slots=True)
class Recovery:
    """The files of one folder, and this process's own among them; without a folder nothing is
    kept."""

    folder: Path | None = None
    name: str = field(default_factory=lambda: f"{os.getpid()}-{time.time_ns()}{_SUFFIX}")
    _kept: Unsaved | None = None

    def keep(self, unsaved: Unsaved) -> bool:
        """Keep what stands; false if there is no place for it."""
        if self.folder is None:
            return False
        if self._kept != unsaved:
            data = json.dumps(asdict(unsaved), ensure_ascii=False)
            try:
                make_folder(self.folder)
                write_file(self.folder / self.name, data, private=True)
            except (OSError, ValueError):  # ValueError: half a character, which no file can hold
                return False
            self._kept = unsaved
        return True

    def drop(self) -> None:
        """Nothing is unsaved any more."""
        if self._kept is not None and self.folder is not None:
            _remove(self.folder / self.name)
        self._kept = None

    def found(self) -> list[LeftBehind]:
        """The sessions that were left behind by processes that have ended, newest first."""
        return sorted(self._left_behind(), key=lambda left: left.when, reverse=True)

    def _left_behind(self) -> Iterator[LeftBehind]:
        try:
            paths = sorted(self.folder.glob(f"*{_SUFFIX}")) if self.folder is not None else []
        except OSError:
            return
        for path in paths:
            process = path.name.partition("-")[0]
            if path.name == self.name or not process.isdecimal() or _runs(int(process)):
                continue
            with suppress(OSError, ValueError, KeyError, TypeError):  # it is none of ours
                data = json.loads(path.read_text(encoding="utf-8"))
                texts = [str(data[name]) for name in ("text", "file", "digest")]
                seed, lines = int(data["seed"]), tuple(map(str, data["lines"]))
                when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(path.stat().st_mtime))
                yield LeftBehind(Unsaved(texts[0], seed, texts[1], texts[2], lines), path, when)

    def take_up(self, left: LeftBehind) -> None:
        """Make the file of a session that was left behind this process's own."""
        assert self.folder is not None
        with suppress(OSError):  # a folder that is read-only now: it is offered again
            left.path.replace(self.folder / self.name)
            self._kept = left.unsaved

    def forget(self, left: LeftBehind) -> None:
        """Delete a session that nobody wants back."""
        _remove(left.path)


def _remove(path: Path) -> None:
    with suppress(OSError):  # a folder that is read-only now: it is offered again
        path.unlink(missing_ok=True)


def _runs(process: int) -> bool:
    """Whether another process of that number runs; where that can't be asked, it is taken to have
    ended."""
    if process == os.getpid() or os.name == "nt":
        return False
    try:
        os.kill(process, 0)
    except PermissionError:
        return True
    except (OSError, OverflowError):
        return False
    return True
