"""The page as a static site: the same files, with Python in the browser as the engine.

Pyodide comes from a folder: what its npm package holds, and NumPy's wheel of its distribution. The
wheel is taken only if it has the hash that Pyodide's own list gives for it; a wheel that is not in
the folder is loaded from the distribution by the browser, which compares the hash likewise. Where
there is Node, what runs is compiled, so that it starts sooner.
"""

from __future__ import annotations

import gzip
import json
import shutil
import subprocess
from base64 import b32encode
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from hashlib import sha256
from importlib.metadata import version
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile, ZipInfo

from ..core.errors import InputError
from ..core.files import shipped
from ..language.syntax.parse_tables import LATEX, PROBLEM, tables_of, written
from .assets import assets

DISTRIBUTION = "https://cdn.jsdelivr.net/pyodide/v{}/full/"  # where Pyodide publishes its wheels
SCRIPT = "pyodide.mjs"
PROGRAM = ("pyodide.asm.js", "pyodide.asm.wasm")
STANDARD = "python_stdlib.zip"  # Python's own library, as source
OWN = "shapetrick.zip"
LOCK = "pyodide-lock.json"
LIBRARIES = ("pygments", "rich")  # that answers need, besides NumPy
RICH = ("__init__.py", "_extension.py", "cells.py")  # widths of letters, of all that rich has
LEXERS = ("__init__.py", "_mapping.py", "python.py")  # of the hundreds that Pygments has
OTHER_DOORS = ("command_line", "session", "tracing")  # packages of ours that no answer imports
# Of the archives that come with Pyodide, what no answer imports, and what is for compilers alone.
UNUSED = (
    *("*/", "*.pyi", "*.pxd", "*.a", "*/RECORD", "*/tests/*", "*/_examples/*", "*/include/*"),
    *(f"numpy/{name}/*" for name in ("_pyinstaller", "distutils", "doc", "f2py", "fft", "ma")),
    *("numpy/polynomial/*", "numpy/testing/*", "numpy/linalg/lapack_lite.*"),
    *(f"{name}/*" for name in ("http", "multiprocessing", "unittest", "wsgiref", "xml", "xmlrpc")),
    *(f"{name}.py" for name in ("doctest", "mailbox", "optparse", "pdb", "pickletools", "pydoc")),
    *(f"{name}lib.py" for name in ("ftp", "imap", "nntp", "pop", "smtp", "telnet")),
)
_KINDS = (".py", ".css", ".js", ".txt", ".toml")
_SERVER = '<meta name="engine" content="server">'
_CONTENTS = '{"version": "", "files": []}'


def build(out: Path, pyodide: Path) -> dict[str, int]:
    """Write the site into a folder, which is made; the bytes of each file. Raises InputError,
    OSError."""
    missing = [n for n in (LOCK, SCRIPT, STANDARD, *PROGRAM) if not (pyodide / n).is_file()]
    if missing:
        raise InputError(
            f"{pyodide} lacks {', '.join(missing)}: it should hold what `npm pack pyodide@0.27.7` "
            "brings."
        )
    to = out / "pyodide"
    to.mkdir(parents=True, exist_ok=True)
    for name in (SCRIPT, *PROGRAM):
        shutil.copyfile(pyodide / name, to / name)
    archives = [to / OWN, to / STANDARD]
    _archive(archives[0], _own_files())
    _archive(archives[1], _needed((pyodide / STANDARD).read_bytes()))
    lock = json.loads((pyodide / LOCK).read_text(encoding="utf-8"))
    numpy = lock["packages"]["numpy"]
    wheel = pyodide / numpy["file_name"]
    if wheel.is_file():
        data = wheel.read_bytes()
        if sha256(data).hexdigest() != numpy["sha256"]:
            raise InputError(
                f"{wheel} is not the wheel that Pyodide's list names: its hash differs."
            )
        archives.append(to / wheel.name)
        _archive(archives[-1], _needed(data))
        _compile(pyodide, archives)
        numpy["sha256"] = sha256(archives[-1].read_bytes()).hexdigest()
    else:
        numpy["file_name"] = DISTRIBUTION.format(lock["info"]["version"]) + wheel.name
    lock["packages"] = {"numpy": numpy}
    (to / LOCK).write_text(json.dumps(lock), encoding="utf-8")
    for path in (*archives, *(to / name for name in PROGRAM)):
        packed = gzip.compress(path.read_bytes(), 9, mtime=0)
        path.with_name(f"{path.name}.gz").write_bytes(packed)
        path.unlink()
    _write_page(out)
    paths = sorted(path for path in out.rglob("*") if path.is_file())
    return {path.relative_to(out).as_posix(): path.stat().st_size for path in paths}


def _compile(pyodide: Path, archives: Iterable[Path]) -> None:
    """Compile all Python of the site, ours first, where there is Node on this machine."""
    node = shutil.which("node")
    if node is not None:
        script = Path(__file__).with_name("compile_site.mjs")
        run = subprocess.run(
            [node, script, pyodide, *archives], capture_output=True, text=True, check=False
        )
        if run.returncode:
            raise InputError(f"the site could not be compiled: {run.stderr.strip()[-500:]}")


def _needed(archive: bytes) -> Iterator[tuple[str, bytes]]:
    """The files of an archive that answers may read."""
    with ZipFile(BytesIO(archive)) as opened:
        for name in opened.namelist():
            if not any(fnmatchcase(name, pattern) for pattern in UNUSED):
                yield name, opened.read(name)


def _own_files() -> Iterator[tuple[str, bytes]]:
    """This package with what it reads, and the libraries that it imports."""
    package = Path(__file__).parents[1]
    known = f"Metadata-Version: 2.1\nName: {package.name}\nVersion: {version(package.name)}\n"
    yield f"{package.name}-{version(package.name)}.dist-info/METADATA", known.encode()
    for name in (package.name, *LIBRARIES):
        spec = find_spec(name)
        assert spec is not None
        assert spec.origin is not None
        root = Path(spec.origin).parent
        for path in sorted(root.rglob("*")):
            inner = path.relative_to(root)
            if path.suffix in _KINDS and not _is_unused(name, inner):
                yield f"{name}/{inner.as_posix()}", path.read_bytes()
    for path in sorted(shipped("examples").iterdir()):
        if path.suffix in (".st", ".tex"):
            yield f"{package.name}/examples/{path.name}", path.read_bytes()
    for grammar in (PROBLEM, LATEX):
        tables = written(tables_of(grammar)).encode()
        yield f"{package.name}/grammar/{grammar.table_file}", tables


def _is_unused(library: str, inner: Path) -> bool:
    """Whether no answer needs a file of a library."""
    folder = inner.parts[0]
    if library == "shapetrick":
        return folder in OTHER_DOORS
    if library == "rich":
        return folder not in (*RICH, "_unicode_data")
    return folder in ("styles", "formatters") or (folder == "lexers" and inner.name not in LEXERS)


def _archive(path: Path, files: Iterable[tuple[str, bytes]]) -> None:
    """Write an archive that is the same for the same files; it is packed later, as a whole."""
    with ZipFile(path, "w") as archive:
        for name, data in files:
            archive.writestr(ZipInfo(name), data)


def _write_page(out: Path) -> None:
    """The page's own files, with the worker as the engine, and what the service worker keeps, under
    a name that changes with any file."""
    for name, path in assets().items():
        shutil.copyfile(path, out / name)
    _replace(out / "index.html", _SERVER, _SERVER.replace("server", "worker"))
    script = out / "service_worker.js"
    paths = sorted(path for path in out.rglob("*") if path.is_file() and path != script)
    names = ["./", *(path.relative_to(out).as_posix() for path in paths)]
    whole = sha256(b"".join(sha256(path.read_bytes()).digest() for path in paths)).digest()
    contents = {"version": b32encode(whole).decode().lower()[:16], "files": names}
    _replace(script, _CONTENTS, json.dumps(contents))


def _replace(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
