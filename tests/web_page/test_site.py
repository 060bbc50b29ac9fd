"""The static site: what its build writes, and that its Python needs nothing else."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest

from shapetrick.cli import main
from shapetrick.core.errors import InputError
from shapetrick.web_page import site
from shapetrick.web_page.site import (
    LOCK,
    MEMORY,
    NUMPY_PROGRAMS,
    OWN,
    PROGRAM,
    SCRIPT,
    STANDARD,
    build,
)

WHEEL = "numpy-2.0.2-cp312-cp312-pyodide.whl"


@pytest.fixture
def pyodide(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder like that of Pyodide, with little in it; nothing is compiled."""
    monkeypatch.setattr(site.shutil, "which", lambda _: None)
    folder = tmp_path / "pyodide"
    folder.mkdir()
    with ZipFile(folder / STANDARD, "w") as standard:
        for name in ("abc.py", "pydoc.py", "xml/__init__.py", "pyodide/http.py"):
            standard.writestr(name, "pass")
    for name in (SCRIPT, *PROGRAM):
        (folder / name).write_text(f"this is {name}\n" * 50)
    with ZipFile(folder / WHEEL, "w") as wheel:
        for name in (
            "numpy/__init__.py",
            "numpy/umath.so",
            "numpy/tests/test.py",
            "numpy/__init__.pyi",
        ):
            wheel.writestr(name, "pass")
    entry = {
        "file_name": WHEEL,
        "sha256": sha256((folder / WHEEL).read_bytes()).hexdigest(),
        "depends": [],
    }
    lock = {"info": {"version": "0.27.7"}, "packages": {"numpy": entry, "scipy": entry}}
    (folder / LOCK).write_text(json.dumps(lock))
    return folder


def unpacked(out: Path, name: str) -> bytes:
    """A part of Pyodide's, as the worker takes it."""
    return gzip.decompress((out / "pyodide" / f"{name}.gz").read_bytes())


def test_the_site_has_the_page_and_its_engine(tmp_path: Path, pyodide: Path) -> None:
    out = tmp_path / "out"
    sizes = build(out, pyodide)
    assert {"index.html", "page.js", "report.css", f"pyodide/{OWN}.gz"} <= set(sizes)
    assert '<meta name="engine" content="worker">' in (out / "index.html").read_text()
    for name in PROGRAM:
        assert unpacked(out, name) == (pyodide / name).read_bytes()
    with ZipFile(BytesIO(unpacked(out, STANDARD))) as standard:
        assert standard.namelist() == ["abc.py", "pyodide/http.py"]
    lock = json.loads((out / "pyodide" / LOCK).read_text())
    assert list(lock["packages"]) == ["numpy"]
    wheel = unpacked(out, WHEEL)
    assert lock["packages"]["numpy"]["sha256"] == sha256(wheel).hexdigest()
    assert ZipFile(BytesIO(wheel)).namelist() == ["numpy/__init__.py", "numpy/umath.so"]


def test_the_service_worker_keeps_all_and_notices_a_change(tmp_path: Path, pyodide: Path) -> None:
    def kept(name: str) -> dict[str, object]:
        sizes = build(tmp_path / name, pyodide)
        script = (tmp_path / name / "service_worker.js").read_text()
        (line,) = (x for x in script.splitlines() if x.startswith("const CONTENTS = "))
        found: dict[str, object] = json.loads(line.removeprefix("const CONTENTS = ").rstrip(";"))
        assert found["files"] == ["./", *(n for n in sizes if n != "service_worker.js")]
        return found

    first, again = kept("first"), kept("again")
    assert first == again
    (pyodide / SCRIPT).write_text("another one")
    assert kept("third")["version"] != first["version"]


def test_with_node_the_worker_goes_on_from_a_memory(
    tmp_path: Path, pyodide: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def begin(_: str, __: Path, to: Path) -> None:
        (to / MEMORY).write_bytes(b"a memory")

    monkeypatch.setattr(site.shutil, "which", lambda _: "node")
    monkeypatch.setattr(site, "_begin", begin)
    out = tmp_path / "out"
    assert f"pyodide/{WHEEL}.gz" not in build(out, pyodide)
    assert "const REMEMBERED = true;" in (out / "worker.js").read_text()
    assert unpacked(out, MEMORY) == b"a memory"
    assert ZipFile(BytesIO(unpacked(out, NUMPY_PROGRAMS))).namelist() == ["numpy/umath.so"]
    assert "numpy/__init__.py" in ZipFile(BytesIO(unpacked(out, OWN))).namelist()


def test_numpy_that_is_not_there_is_loaded_by_its_address_and_hash(
    tmp_path: Path, pyodide: Path
) -> None:
    (pyodide / WHEEL).unlink()
    build(tmp_path / "out", pyodide)
    entry = json.loads((tmp_path / "out" / "pyodide" / LOCK).read_text())["packages"]["numpy"]
    assert entry["file_name"].startswith("https://")
    assert entry["file_name"].endswith(f"v0.27.7/full/{WHEEL}")
    given = json.loads((pyodide / LOCK).read_text())["packages"]["numpy"]
    assert entry["sha256"] == given["sha256"]


def test_another_wheel_is_refused(tmp_path: Path, pyodide: Path) -> None:
    with ZipFile(pyodide / WHEEL, "a") as wheel:
        wheel.writestr("numpy/evil.py", "pass")
    with pytest.raises(InputError, match="hash differs"):
        build(tmp_path / "out", pyodide)


def test_a_folder_without_pyodide_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["site", str(tmp_path / "out"), "--pyodide", str(tmp_path)]) == 2
    assert "npm pack pyodide" in capsys.readouterr().err


ALONE = """
import json, sys
sys.path += sys.argv[1:]
from shapetrick.web_page.answers import answer
text = "X : m x d; w : d; J = norm(X w)^2; check grad J wrt w = X w; check X = X"
for question in (
    {"ask": "answers", "text": text + "\\n" + "grad J wrt X"},
    {"ask": "answers", "text": "ж, θ : n; J = θ' ж"},
    {"ask": "answers", "text": chr(92) + "nabla_x " + chr(92) + "|x" + chr(92) + "|^2"},
    {"ask": "code", "text": "x : n; J = x' x; grad J wrt x", "target": "numpy"},
    {"ask": "document", "text": "x : n; J = x' x; grad J wrt x", "format": "html"},
    {"ask": "document", "text": "x : n; J = x' x; grad J wrt x", "format": "latex"},
    {"ask": "words"},
    {"ask": "examples"},
):
    assert not answer(question)["errors"], answer(question)["errors"]
print("answered")
"""


def test_its_python_needs_numpy_alone(tmp_path: Path, pyodide: Path) -> None:
    build(tmp_path / "out", pyodide)
    own, others = tmp_path / "own", tmp_path / "others"
    ZipFile(BytesIO(unpacked(tmp_path / "out", OWN))).extractall(own)
    others.mkdir()
    numpy = Path(np.__file__).parent
    for folder in (numpy, numpy.with_name("numpy.libs")):
        if folder.exists():
            (others / folder.name).symlink_to(folder)
    call = [sys.executable, "-I", "-S", "-c", ALONE, str(own), str(others)]
    run = subprocess.run(call, capture_output=True, text=True, check=False)
    assert run.stdout == "answered\n", run.stderr
