"""What is made of other files when the package is built: the stub that makes `st.norm` static, the
parser's tables, the rules of operations, the completions of shells, the manual page, and the
extension for VS Code.

The names of `import shapetrick` come lazily, the functions from the rows of the table: type
checkers and editors would not see them. In an editable install the stub lies beside the module,
where git ignores it, the parser keeps tables of the grammar as it is, and rules are searched where
they are used.
"""

from __future__ import annotations

import ast
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

STUB = "shapetrick/__init__.pyi"
TITLE = '"""Made of the function table when the package was built."""\n'
HEAD = """\
from fractions import Fraction
from typing import Any, TypeAlias

Operand: TypeAlias = Expr | float | Fraction
Size: TypeAlias = Expr | int | str

__version__: str
e: Expr
pi: Expr
"""


class MadeFiles(BuildHookInterface):
    """Puts the stub into the wheel, or beside the module, tables and rules into the wheel, and the
    rest where shells, `man` and editors look for it."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Make the files before the build."""
        if self.target_name != "wheel":
            return
        root = Path(self.root)
        self.folder = Path(tempfile.mkdtemp())
        inside = {STUB: stub(root).encode()}
        if version == "editable":
            (root / STUB).write_bytes(inside.pop(STUB))
        else:
            inside |= tables(root) | rules(root)
        for name, data in (inside | shared(root, self.metadata.version)).items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            kind = "force_include" if name in inside else "shared_data"
            build_data[kind][str(path)] = name

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Leave nothing behind."""
        if self.target_name == "wheel":
            shutil.rmtree(self.folder)


def shared(root: Path, version: str) -> dict[str, bytes]:
    """The files that are installed beside the package, by their places under the prefix."""
    with importing(root, root / "editors"):
        import vscode

        from shapetrick.command_line.completion import PLACES, script
        from shapetrick.command_line.manual import manual_page

        extension = vscode.extension(version)
        texts = {
            "share/man/man1/shapetrick.1": manual_page(version),
            **{place: script(shell) for shell, place in PLACES.items()},
            **{f"share/shapetrick/vscode/{path}": text for path, text in extension.items()},
        }
        return {place: text.encode() for place, text in texts.items()}


def rules(root: Path) -> dict[str, bytes]:
    """The rules of the table of operations, and the sides of the table of identities."""
    with importing(root):
        from shapetrick.core.built import PLACE, packed
        from shapetrick.core.functions import TABLE
        from shapetrick.derivation.vjp_rules import rules_to_build
        from shapetrick.simplification.rewriting import identities_to_build

        return {PLACE: packed(rules_to_build(TABLE.values()) | identities_to_build())}


def tables(root: Path) -> dict[str, bytes]:
    """The parser's tables, beside the grammars that they are made of."""
    with importing(root):
        from shapetrick.language.syntax.parse_tables import PROBLEM, made_tables, written

        tables = written(made_tables(PROBLEM)).encode()
        return {f"shapetrick/grammar/{PROBLEM.table_file}": tables}


def stub(root: Path) -> str:
    """The text of the stub, of the package in that folder."""
    with importing(root):
        return "\n".join([TITLE, _imports(root), HEAD, *_functions()])


@contextmanager
def importing(*folders: Path) -> Iterator[None]:
    """Let modules of these folders be imported."""
    names = [str(folder) for folder in folders]
    sys.path[:0] = names
    try:
        yield
    finally:
        for name in names:
            sys.path.remove(name)


def _imports(root: Path) -> str:
    """What `__init__` imports, exported; and its `__all__`."""
    tree = ast.parse((root / "shapetrick" / "__init__.py").read_text(encoding="utf-8"))
    found = []
    shown = (node.body if isinstance(node, ast.If) else [node] for node in tree.body)
    for node in chain.from_iterable(shown):
        if isinstance(node, ast.ImportFrom) and node.level:
            node.names = [ast.alias(alias.name, alias.name) for alias in node.names]
            found.append(node)
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            found.append(node)
    return "\n".join(map(ast.unparse, found))


def _functions() -> Iterator[str]:
    from shapetrick.builders import applied
    from shapetrick.core.functions import NAMES, TABLE
    from shapetrick.language.shapes.inference import sizes_wanted
    from shapetrick.language.shapes.structured_calls import CALLS
    from shapetrick.language.shapes.words import vocabulary
    from shapetrick.language.syntax.constants import SIZED

    for name, (counts, _) in SIZED.items():
        sizes = [f"n{i}: Size" + (" = ..." if i >= counts[0] else "") for i in range(counts[-1])]
        yield f"def {name}({', '.join(sizes)}, /) -> Expr: ..."
    for name, key in NAMES.items():
        row = TABLE[key]
        given = [f"{letter}: Operand" for letter in ("x" if row.arity == 1 else "ab"[: row.arity])]
        given += [f"n{i}: Size" for i in range(sizes_wanted(row) or 0)]
        given += ["/", "axis: int | None = ..."] if row.takes_axis else ["/"]
        yield f"def {name}({', '.join(given)}) -> Expr:\n    {applied(name).__doc__!r}"
    for name, call in CALLS.items():
        given = [f"{letter}: Operand" for letter in "abc"[: call.arity]]
        given += ["k: int | str"] if call.takes_places else []
        given += ["/", "axis: int | None = ..."] if call.takes_axis else ["/"]
        yield f"def {name}({', '.join(given)}) -> Expr:\n    {call.help!r}"
    for name in sorted({*vocabulary().library} - {*NAMES}):
        given = ["*given: Operand", "axis: int | None = ...", "**numbers: float"]
        yield f"def {name}({', '.join(given)}) -> Expr:\n    {applied(name).__doc__!r}"
