"""The order of the modules, the doors of the libraries, and the size of the files."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "shapetrick"
MODULES = sorted(PACKAGE.rglob("*.py"))
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")

# CONTRIBUTING's list is the one that people read, so it is the one that counts.
LAYERS = re.findall(r"^ *\d*  ([a-z_/]+)\.py  ", CONTRIBUTING, re.MULTILINE)

# An expression prints itself, on a terminal and in a notebook: the imports that look up.
LOOKS_UP = {("expr", "render/text"), ("expr", "render/latex")}

DOORS = {
    "lark": {"lexing", "parsing"},
    "prompt_toolkit": {"completion", "repl"},
    "rich": {"render/derivation", "repl"},
    "sympy": {"interchange", "sympy_reading"},
    "scipy": {"functions"},
    "IPython": {"notebook"},
}
LONGEST_FILE = 700


def _name(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").as_posix()


def _imports(path: Path) -> Iterator[str]:
    """What a module imports, wherever it does: `render/text` for our own, else the top package."""
    folder = path.parent.relative_to(PACKAGE).parts
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield str(node.module).split(".")[0]
        elif isinstance(node, ast.ImportFrom):
            base = [*folder[: len(folder) - node.level + 1], *(node.module or "").split(".")]
            whole = "/".join(part for part in base if part)
            if (PACKAGE / f"{whole}.py").exists():
                yield whole
            else:
                yield from ("/".join([*filter(None, base), alias.name]) for alias in node.names)


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_imports_look_down(path: Path) -> None:
    name = _name(path)
    if path.name in ("__init__.py", "__main__.py"):
        return
    assert name in LAYERS, f"{name}.py has no place in CONTRIBUTING's list of layers"
    above = set(LAYERS[LAYERS.index(name) :])
    upward = {(name, other) for other in _imports(path) if other in above}
    assert upward <= LOOKS_UP


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_each_library_has_its_door(path: Path) -> None:
    for library in set(_imports(path)) & set(DOORS):
        assert _name(path) in DOORS[library], f"{library} is imported in {_name(path)}.py"


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_files_are_short_and_say_what_they_are_for(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= LONGEST_FILE
    assert not text or ast.get_docstring(ast.parse(text)), f"{path.name} does not say its purpose"


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_randomness_is_passed_in(path: Path) -> None:
    used = set(re.findall(r"np\.random\.(\w+)", path.read_text(encoding="utf-8")))
    assert used <= {"default_rng", "Generator"}


def test_every_layer_exists() -> None:
    assert sorted(LAYERS) == sorted(set(LAYERS))
    missing = [name for name in LAYERS if not (PACKAGE / f"{name}.py").exists()]
    assert not missing


def test_no_public_function_has_a_modules_name() -> None:
    import shapetrick

    assert not set(shapetrick.__all__) & {path.stem for path in MODULES}


@pytest.mark.parametrize("path", sorted((ROOT / "tests").glob("test_*.py")), ids=lambda p: p.stem)
def test_no_comparison_is_dropped(path: Path) -> None:
    """A bare `np.allclose(…)` as a statement asserts nothing, and no lint rule sees it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call | ast.Compare):
            text = ast.unparse(node.value)
            assert isinstance(node.value, ast.Call), f"{path.name}: {text}"
            assert not re.search(r"\b(allclose|array_equal|isclose)$", ast.unparse(node.value.func))
