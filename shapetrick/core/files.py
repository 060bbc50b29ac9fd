"""Files that are replaced as a whole or not at all, and the folders of the program: where it keeps
what is its own, and what came along with it.

Every file that the program writes is written here; nothing of ours comes before this module. What
a first answer needs does without `pathlib`, whose import is a fortieth of it.
"""

from __future__ import annotations

import os
import stat
import time
from contextlib import suppress
from typing import TYPE_CHECKING, BinaryIO, Literal

if TYPE_CHECKING:
    from pathlib import Path

_PACKAGE = os.path.dirname(os.path.dirname(__file__))
_SHARED = 0o666  # what a new file may be read and written by, less the umask
_OWN = 0o600
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)


def own_folder(kind: Literal["cache", "data", "state"]) -> Path:
    """Where the program keeps files of its own. Raises RuntimeError where there is no home."""
    from pathlib import Path

    from platformdirs import PlatformDirs

    folder = Path(getattr(PlatformDirs("shapetrick", appauthor=False), f"user_{kind}_dir"))
    if not folder.is_absolute():
        raise RuntimeError(f"there is no place for files of the kind {kind}.")
    return folder


def shipped(name: str) -> Path:
    """A folder that came along: in the package of a wheel, beside it in a clone."""
    from pathlib import Path

    package = Path(_PACKAGE)
    return next(d for d in (package / name, package.parent / name) if d.is_dir())


def came_along(*names: str) -> bytes:
    """What a file of the package holds, by its folders and its name. Raises OSError."""
    with opened(os.path.join(_PACKAGE, *names)) as file:
        return file.read()


def opened(name: str) -> BinaryIO:
    """A file to be read. Raises OSError, and ValueError for what is no name."""
    return open(name, "rb")


def make_folder(folder: Path) -> None:
    """Make a folder that nobody else can look into, unless it is there. Raises OSError."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def write_file(path: Path, text: str, private: bool = False) -> None:
    """Put a text in the place of a file, at once: whoever reads the file, also after a failure,
    finds the old text or the new one. `private` if nobody else may read it.

    A link stays, and what it points to is replaced; so do the permissions of the file. What is no
    plain file, such as `/dev/stdout`, is written to. Raises OSError."""
    from pathlib import Path

    path = Path(os.path.realpath(path))
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        mode = 0
    data = text.encode("utf-8")
    if mode and not stat.S_ISREG(mode):
        path.write_bytes(data)
        return
    if mode and not os.access(path, os.W_OK, effective_ids=os.access in os.supports_effective_ids):
        raise PermissionError(13, "Permission denied")
    beside = path.with_name(f".shapetrick-{os.getpid()}-{time.time_ns()}.new")
    handle = os.open(beside, _NEW, _OWN if private else _SHARED)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(handle)
        if mode and not private:
            beside.chmod(stat.S_IMODE(mode))
        beside.replace(path)
    except BaseException:
        with suppress(OSError):  # what was begun is of no use; the reason is what is raised
            beside.unlink(missing_ok=True)
        raise
