"""The page as a static site: the same files, with Python in the browser as the engine.

Pyodide comes from a folder: what its npm package holds, and NumPy's wheel of its distribution. The
wheel is taken only if it has the hash that Pyodide's own list gives for it; a wheel that is not in
the folder is loaded from the distribution by the browser, which compares the hash likewise. Where
there are the wheel and Node, Python begins in the build, and the browser goes on from its memory.
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
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile, ZipInfo

from ..core.errors import InputError
from ..core.files import shipped
from ..language.syntax.parse_tables import PROBLEM, tables_of, written
from .assets import assets

DISTRIBUTION = "https://cdn.jsdelivr.net/pyodide/v{}/full/"  # where Pyodide publishes its wheels
SCRIPT = "pyodide.mjs"
PROGRAM = ("pyodide.asm.js", "pyodide.asm.wasm")
STANDARD = "python_stdlib.zip"  # Python's own library, as source
OWN = "shapetrick.zip"
NUMPY_PROGRAMS = "libraries.zip"  # programs of NumPy
MEMORY = "memory.bin"  # of a Python that has begun
LOCK = "pyodide-lock.json"
LIBRARIES = ("pygments", "rich")  # that answers need, besides NumPy
RICH = ("__init__.py", "_extension.py", "cells.py")  # widths of letters, of all that rich has
LEXERS = ("__init__.py", "_mapping.py", "python.py")  # of the hundreds that Pygments has
OTHER_DOORS = ("command_line", "session", "tracing")  # packages of ours that no answer imports
# Of the archives that come with Pyodide, what no answer imports, and what is for compilers alone.
UNUSED = (
    *("*/", "*.pyi", "*.pxd", "*.a", "*/RECORD", "*/tests/*", "*/_examples/*", "*/include/*"),
    *(f"numpy/{name}/*" for name in ("_pyinstaller", "compat", "core", "distutils", "doc", "f2py")),
    *(f"numpy/{name}/*" for name in ("fft", "ma", "polynomial", "testing")),
    *(f"numpy/_core/_{name}.*" for name in ("rational_tests", "simd", "struct_ufunc_tests")),
    *(f"numpy/_core/_{name}_tests.*" for name in ("operand_flag", "umath")),
    *("_sysconfigdata_*", "numpy/linalg/lapack_lite.*"),
    *(f"{name}/*" for name in ("ctypes", "http", "multiprocessing", "unittest", "wsgiref")),
    *(f"{name}/*" for name in ("xml", "xmlrpc", "zoneinfo")),
    *(f"encodings/{name}*" for name in ("big5", "cp[!4]", "euc", "gb", "hp", "iso", "koi8", "mac")),
    *(f"{name}.py" for name in ("_pydatetime", "_pyio", "aifc", "argparse", "bdb", "cgi", "cgitb")),
    *(f"{name}.py" for name in ("cmd", "compileall", "configparser", "doctest", "fileinput")),
    *(f"{name}.py" for name in ("gettext", "mailbox", "mailcap", "mimetypes", "modulefinder")),
    *(f"{name}.py" for name in ("optparse", "pdb", "pickletools", "plistlib", "profile", "pstats")),
    *(f"{name}.py" for name in ("pyclbr", "pydoc", "runpy", "sndhdr", "socketserver", "sunau")),
    *(f"{name}.py" for name in ("statistics", "symtable", "uuid", "xdrlib", "zipapp")),
    *(f"logging/{name}.py" for name in ("config", "handlers")),
    *(f"urllib/{name}.py" for name in ("error", "request", "response", "robotparser")),
    *(f"{name}.py" for name in ("tabnanny", "timeit", "trace", "tracemalloc", "wave")),
    *(f"{name}lib.py" for name in ("ftp", "imap", "nntp", "pop", "smtp", "telnet")),
)
_KINDS = (".py", ".css", ".js", ".txt", ".toml")
_SERVER = '<meta name="engine" content="server">'
_REMEMBERED = "const REMEMBERED = false;"
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
    files = {OWN: [*_own_files()], STANDARD: [*_needed((pyodide / STANDARD).read_bytes())]}
    lock = json.loads((pyodide / LOCK).read_text(encoding="utf-8"))
    numpy = lock["packages"]["numpy"]
    wheel = pyodide / numpy["file_name"]
    node = shutil.which("node")
    if wheel.is_file():
        data = wheel.read_bytes()
        if sha256(data).hexdigest() != numpy["sha256"]:
            raise InputError(
                f"{wheel} is not the wheel that Pyodide's list names: its hash differs."
            )
        files[wheel.name] = [*_needed(data)]
    else:
        numpy["file_name"] = DISTRIBUTION.format(lock["info"]["version"]) + wheel.name
    begun = node is not None and wheel.name in files
    if begun:
        for file in files.pop(wheel.name):
            files.setdefault(NUMPY_PROGRAMS if file[0].endswith(".so") else OWN, []).append(file)
    for name in files:
        _archive(to / name, files[name])
    if wheel.name in files:
        numpy["sha256"] = sha256((to / wheel.name).read_bytes()).hexdigest()
    lock["packages"] = {} if begun else {"numpy": numpy}
    (to / LOCK).write_text(json.dumps(lock), encoding="utf-8")
    packed = [*PROGRAM, *files]
    if node is not None and begun:
        _begin(node, pyodide, to)
        packed.append(MEMORY)
    for path in (to / name for name in packed):
        path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes(), 9, mtime=0))
        path.unlink()
    _write_page(out, begun)
    paths = sorted(path for path in out.rglob("*") if path.is_file())
    return {path.relative_to(out).as_posix(): path.stat().st_size for path in paths}


def _begin(node: str, pyodide: Path, to: Path) -> None:
    """Let Python begin, write its memory, and leave out of the archives what is in it."""
    script = Path(__file__).with_name("freeze_site.mjs")
    written = (to / name for name in (OWN, STANDARD, NUMPY_PROGRAMS, MEMORY))
    call: list[str | Path] = [node, script, pyodide, assets()["interpreter.js"], *written]
    run = subprocess.run(call, capture_output=True, text=True, check=False)
    if run.returncode:
        raise InputError(f"Python could not begin: {run.stderr.strip()[-500:]}")


def _needed(archive: bytes) -> Iterator[tuple[str, bytes]]:
    """The files of an archive that answers may read."""
    with ZipFile(BytesIO(archive)) as opened:
        for name in opened.namelist():
            if not any(fnmatchcase(name, pattern) for pattern in UNUSED):
                yield name, opened.read(name)


def _own_files() -> Iterator[tuple[str, bytes]]:
    """This package with what it reads, and the libraries that it imports."""
    package = Path(__file__).parents[1]
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
    tables = written(tables_of(PROBLEM)).encode()
    yield f"{package.name}/grammar/{PROBLEM.table_file}", tables


def _is_unused(library: str, inner: Path) -> bool:
    """Whether no answer needs a file of a library."""
    folder = inner.parts[0]
    if library == "shapetrick":
        return folder in OTHER_DOORS
    if library == "rich":
        older = fnmatchcase(inner.name, "unicode[4-9]*")  # versions of Unicode
        return folder not in (*RICH, "_unicode_data") or older
    unused = folder == "lexers" and inner.name not in LEXERS
    return unused or folder in ("cmdline.py", "formatters", "sphinxext.py", "styles")


def _archive(path: Path, files: Iterable[tuple[str, bytes]]) -> None:
    """Write an archive that is the same for the same files; it is packed later, as a whole."""
    with ZipFile(path, "w") as archive:
        for name, data in files:
            archive.writestr(ZipInfo(name), data)


def _write_page(out: Path, begun: bool) -> None:
    """The page's own files, with the worker as the engine, whether there is a memory, and what the
    service worker keeps, under a name that changes with any file."""
    for name, path in assets().items():
        shutil.copyfile(path, out / name)
    _replace(out / "index.html", _SERVER, _SERVER.replace("server", "worker"))
    if begun:
        _replace(out / "worker.js", _REMEMBERED, _REMEMBERED.replace("false", "true"))
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
