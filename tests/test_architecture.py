"""The house: which package imports which, no circle, the doors of the libraries, one name each."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest
from paths import ROOT

from shapetrick.claims.mutations import TABLE_OF_MUTATIONS
from shapetrick.codegen.python.operations import TABLE as ARRAY_OPERATIONS
from shapetrick.core.expr import FOLDS, KINDS
from shapetrick.core.functions import NAMES as FUNCTION_NAMES

PACKAGE = ROOT / "shapetrick"
MODULES = sorted(PACKAGE.rglob("*.py"))
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")

# Which package may import which, besides itself and core; imports inside functions count too.
# What stands at the top of shapetrick/ are the doors, which may import every package.
EDGES = {
    "core": set(),
    "language.syntax": set(),
    "language.latex": {"language.syntax"},
    "language.shapes": {"language.latex", "language.syntax"},
    "language.index_notation": {"language.shapes", "language.syntax"},
    "language": {
        *("language.index_notation", "language.latex", "language.shapes", "language.syntax"),
    },
    "algebra": set(),
    "numerics": set(),
    "derivation": {"algebra", "language", "numerics"},
    "simplification": {"algebra", "language"},
    "validation": {"algebra", "numerics"},
    "families": {"algebra", "derivation", "numerics", "simplification", "validation"},
    "tracing": {
        *("families", "language", "language.shapes", "language.syntax", "numerics"),
        "simplification",
    },
    "explanation": {"algebra", "derivation", "numerics", "simplification"},
    "implicit": {
        *("derivation", "explanation", "language", "language.syntax", "numerics"),
        "simplification",
    },
    "pipeline": {
        *("algebra", "derivation", "explanation", "families", "implicit", "language"),
        *("language.shapes", "language.syntax", "simplification", "validation"),
    },
    "codegen": {"algebra", "language", "language.syntax", "simplification"},
    "codegen.python": {"codegen", "families", "implicit", "language", "numerics", "validation"},
    "codegen.matrices": {"codegen", "codegen.python"},
    "claims": {
        *("families", "language", "language.shapes", "language.syntax", "numerics", "pipeline"),
        *("simplification", "validation"),
    },
    "interop": {"claims", "families", "language", "numerics"},
    "render": {
        *("claims", "families", "language", "language.latex", "language.shapes"),
        *("language.syntax", "numerics"),
    },
    "session": {
        *("algebra", "api", "claims", "explanation", "language", "language.index_notation"),
        *("language.shapes", "language.syntax", "pipeline", "quiz", "render"),
        *("simplification", "targets", "validation"),
    },
    "web_page": {
        *("api", "checks", "language", "language.latex", "language.shapes"),
        *("language.syntax", "pipeline", "render", "targets"),
    },
    "command_line": {
        *("api", "checks", "families", "interop", "language", "language.latex"),
        *("language.shapes", "language.syntax", "pipeline", "quiz", "render", "repl"),
        *("targets", "tracing", "web_page"),
    },
}

DOORS = {
    "lark": {"language.syntax.parse_tables"},
    "platformdirs": {"core.files"},
    "prompt_toolkit": {"repl", "session.completion"},
    "pygments": {"render.pygments_lexer"},
    "pytest": {"pytest_plugin"},
    "rich": {"render.layout", "render.terminal", "repl"},
    "sympy": {"core.operands", "interop.sympy_export", "interop.sympy_import"},
    "scipy": {"core.functions", "numerics.implicit_solving", "numerics.solvers"},
    "IPython": {"notebook"},
    "jax": {"tracing.jaxprs", "tracing.libraries"},
    "torch": {"tracing.libraries", "tracing.symbolic"},
}
# Where functions may be told apart by their names; everywhere else a row says what is to be known.
TABLES = {
    "core.functions",
    "codegen.from_expressions",
    "codegen.member_calls",
    "codegen.python.operations",
    "codegen.matrices.octave",
    "codegen.matrices.eigen",
    "interop.sympy_export",
    "simplification.identities",
    "claims.mutations",
}
# Words of other vocabularies that are spelled as some functions are.
OTHER_WORDS = {
    "codegen": set(ARRAY_OPERATIONS),
    "codegen.python": set(ARRAY_OPERATIONS),
    "codegen.matrices": set(ARRAY_OPERATIONS),
    "claims": {mutation.name for mutation in TABLE_OF_MUTATIONS},
    "core.expr": set(FOLDS),  # of members
    "language.syntax.derivative_notation": {"max", "min"},  # of a problem, not of entries
    "language.index_notation.bound_letters": {"sum"},  # a binder of letters
    "language.latex.lexer": {"sign"},  # a kind of token
    "language.latex.tokens": {"sign"},
    "language.shapes.scope": {"max", "mean", "min", "prod", "sum"},  # how people begin sums
    "render.mathml": {"sqrt"},  # a command of LaTeX
}
MOST_MODULES_AT_THE_TOP = 16
LONGEST_FILE = 700


def _name(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__") or "__init__"


NAMES = {_name(path) for path in MODULES}


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _package(name: str) -> str:
    """The package of a module; a door is on its own."""
    return name if name in EDGES else name.rpartition(".")[0] or name


def _imports(path: Path) -> Iterator[str]:
    """What a module imports, wherever it does: `render.terminal` for our own, else the library."""
    folder = path.parent.relative_to(PACKAGE).parts
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            named = node.value.removeprefix("shapetrick.")  # as `import_module` takes it
            yield from [named] if named != node.value and named in NAMES else []
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield str(node.module).split(".")[0]
        elif isinstance(node, ast.ImportFrom):
            base = [*folder[: len(folder) - node.level + 1], *filter(None, [node.module])]
            whole = ".".join(base)
            members = [".".join([*base, alias.name]) for alias in node.names]
            yield from (member if member in NAMES else whole for member in members)


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_packages_import_along_the_edges(path: Path) -> None:
    package = _package(_name(path))
    if package in EDGES:
        others = {_package(name) for name in _imports(path) if name in NAMES}
        assert others <= EDGES[package] | {package, "core"}


def test_there_is_no_circle() -> None:
    ours = {_name(path): set(_imports(path)) & NAMES for path in MODULES}
    assert list(TopologicalSorter(ours).static_order())
    assert list(TopologicalSorter(EDGES).static_order())


@pytest.mark.parametrize("package", EDGES)
def test_each_package_imports_in_isolation(package: str) -> None:
    """What comes along is what the edges allow, and what they lead to."""
    reached, waiting = {"core"}, [package]
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting += EDGES.get(name, {_package(name) for name in NAMES})  # a door opens all
    modules = [name for name in NAMES if _package(name) == package]
    lines = [f"import shapetrick.{name}" for name in sorted(modules)]
    lines += ["import sys", "print(*(m for m in sys.modules if m.startswith('shapetrick.')))"]
    run = subprocess.run(
        [sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, check=True
    )
    loaded = {_package(name.removeprefix("shapetrick.")) for name in run.stdout.split()}
    assert loaded <= {*reached, package.partition(".")[0]}  # the face above it is empty


def test_few_modules_stand_at_the_top() -> None:
    assert len(list(PACKAGE.glob("*.py"))) <= MOST_MODULES_AT_THE_TOP


def test_contributing_lists_the_packages_in_the_order_of_their_imports() -> None:
    listed = re.findall(r"^    ([a-z_/]+)/  ", CONTRIBUTING, re.MULTILINE)
    packages = [name.replace("/", ".") for name in listed]
    assert sorted(packages) == sorted(EDGES)
    for place, package in enumerate(packages):
        assert EDGES[package] & set(EDGES) <= set(packages[:place])


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_each_library_has_its_door(path: Path) -> None:
    for library in set(_imports(path)) & set(DOORS):
        assert _name(path) in DOORS[library], f"{library} is imported in {_name(path)}"


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_files_say_what_they_are_for(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= LONGEST_FILE
    assert ast.get_docstring(_tree(path)), f"{path.name} does not say its purpose"
    if path.name == "__init__.py" and path.parent != PACKAGE:
        assert len(_tree(path).body) == 1, "a package's face is empty: it costs nothing"


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_randomness_is_passed_in(path: Path) -> None:
    used = set(re.findall(r"np\.random\.(\w+)", path.read_text(encoding="utf-8")))
    assert used <= {"default_rng", "Generator"}


def test_files_that_are_named_exist() -> None:
    """`codegen/ir.py` in a docstring or in CONTRIBUTING is a file."""
    texts = [CONTRIBUTING, *(path.read_text(encoding="utf-8") for path in MODULES)]
    named = {name for text in texts for name in re.findall(r"`([a-z_/]+\.(?:py|toml|lark))`", text)}
    folders = [ROOT, PACKAGE, *(PACKAGE / name.replace(".", "/") for name in EDGES)]
    assert not {name for name in named if not any((f / name).exists() for f in folders)}


def test_each_type_has_one_name() -> None:
    """Classes and aliases; `Problem` is what users read, and what it means."""
    defined: list[str] = []
    for path in MODULES:
        tree = _tree(path)
        defined += [node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
        for node in tree.body:
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                name = node.targets[0].id.lstrip("_")
                defined += [name] if name[:1].isupper() and not name.isupper() else []
    assert [name for name, number in Counter(defined).items() if number > 1] == ["Problem"]


def test_no_public_function_has_a_modules_name() -> None:
    import shapetrick

    assert not set(shapetrick.__all__) & {path.stem for path in MODULES}


@pytest.mark.parametrize("path", sorted((ROOT / "tests").rglob("test_*.py")), ids=lambda p: p.stem)
def test_no_comparison_is_dropped(path: Path) -> None:
    """A bare `np.allclose(…)` as a statement asserts nothing, and no lint rule sees it."""
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call | ast.Compare):
            text = ast.unparse(node.value)
            assert isinstance(node.value, ast.Call), f"{path.name}: {text}"
            assert not re.search(r"\b(allclose|array_equal|isclose)$", ast.unparse(node.value.func))


def test_one_place_makes_the_checker_of_a_request() -> None:
    made = [_name(path) for path in MODULES if "Checker(" in path.read_text(encoding="utf-8")]
    assert made == ["validation.checker"]


# ------------------------------------------------------------------------- functions by their names


def _compared(tree: ast.AST) -> Iterator[str]:
    """The texts with which something is compared: with `==` or `in`, in a `match`, in a set that is
    looked into, as the key of a choice."""
    for node in ast.walk(tree):
        found: list[ast.expr] = []
        match node:
            case ast.Compare():
                found = [node.left, *node.comparators]
            case ast.MatchValue():
                found = [node.value]
            case ast.Set():
                found = [node]
            case ast.Assign(value=ast.Tuple() | ast.List()):
                found = [node.value]
            case ast.Call(func=ast.Attribute(value=ast.Dict() as choices, attr="get")):
                found = [choice for choice in choices.keys if choice is not None]
        for e in found:
            parts = e.elts if isinstance(e, (ast.Tuple, ast.List, ast.Set)) else [e]
            for part in parts:
                if isinstance(part, ast.Constant) and isinstance(part.value, str):
                    yield part.value


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_no_function_is_told_by_its_name(path: Path) -> None:
    name = _name(path)
    if name not in TABLES:
        others = OTHER_WORDS.get(_package(name), set()) | OTHER_WORDS.get(name, set())
        words = set(_compared(_tree(path)))
        assert not (words & set(FUNCTION_NAMES)) - set(KINDS) - others


@pytest.mark.parametrize(
    "code",
    [
        'e.op == "exp"',
        'e.op in ("exp", "log")',
        'e.op not in {"exp"}',
        'match e.op:\n    case "exp" | "log":\n        pass',
        '_KEPT = frozenset({"exp"})',
        '_KEPT = ("exp", "log")',
        '{"exp": 1}.get(e.op)',
    ],
)
def test_names_that_are_compared_are_found(code: str) -> None:
    assert "exp" in _compared(ast.parse(code))
