"""An installed package has what it needs: the grammar is in the wheel, and found if editable."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import shapetrick
from shapetrick.core.functions import NAMES
from shapetrick.language.shapes.structured_calls import CALLS
from shapetrick.language.shapes.words import vocabulary
from shapetrick.language.syntax.constants import SIZED

ROOT = Path(__file__).parent.parent
PROBLEM = "x : n; J = x' x; grad J wrt x"

pytestmark = pytest.mark.slow


def _run(*call: str, cwd: Path, path: str = "") -> str:
    env = {**os.environ, "PYTHONPATH": path, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    done = subprocess.run(call, capture_output=True, text=True, cwd=cwd, env=env, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    pip = (sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(folder), str(ROOT))
    _run(*pip, cwd=folder)
    (built,) = folder.glob("*.whl")
    return built


def test_the_wheel_has_what_it_needs_and_nothing_else(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    grammar = {f"shapetrick/grammar/{path.name}" for path in (ROOT / "grammar").iterdir()}
    assert grammar <= names
    assert "shapetrick/grammar/problem.json" in names
    assert "shapetrick/core/built.pickle" in names
    assert {f"shapetrick/render/report.{kind}" for kind in ("css", "js")} <= names
    assert "shapetrick/schema/derivation.schema.json" in names
    page = {f"shapetrick/web/{path.name}" for path in (ROOT / "web").iterdir()}
    assert page <= names
    assert {"shapetrick/py.typed", "shapetrick/examples/mlp.st"} <= names
    assert {name.split("/")[0].split("-")[0] for name in names} == {"shapetrick"}


def test_the_stub_of_the_wheel_has_every_function(wheel: Path) -> None:
    stub = ast.parse(zipfile.ZipFile(wheel).read("shapetrick/__init__.pyi"))
    defined = [node.name for node in stub.body if isinstance(node, ast.FunctionDef)]
    assert sorted(defined) == sorted({*NAMES, *SIZED, *CALLS, *vocabulary().library})
    imported = {a.asname for n in stub.body if isinstance(n, ast.ImportFrom) for a in n.names}
    assert set(shapetrick.__all__) <= imported


def test_the_wheel_derives(wheel: Path, tmp_path: Path) -> None:
    """Unpacked, and with this environment's libraries: the repository isn't on the path."""
    zipfile.ZipFile(wheel).extractall(tmp_path)
    code = (
        "import shapetrick, sys; print(shapetrick.__file__);"
        "print(shapetrick.derive(sys.argv[1]).gradient)"
    )
    run = (sys.executable, "-P", "-c", code, PROBLEM)
    where, gradient = _run(*run, cwd=tmp_path, path=str(tmp_path)).splitlines()
    assert Path(where).is_relative_to(tmp_path)
    assert gradient == "2 x"


def test_an_editable_install_derives(tmp_path: Path) -> None:
    """As `pip install -e .` does: the repository on the path, from elsewhere."""
    out = _run(
        sys.executable, "-m", "shapetrick", "derive", "--quiet", "-e", PROBLEM,
        cwd=tmp_path, path=str(ROOT),
    )  # fmt: skip
    assert out == "∂J/∂x = 2 x\n"
