"""Derives many problems on two revisions: which answers changed, got longer or shorter, or broke?

    python benchmarks/drift.py main                  main, and the files as they are
    python benchmarks/drift.py v1 v2 --problems FILE two revisions, other problems

Each revision is checked out into a directory of its own and run in a process of its own. Exits with
1 if an answer broke: it was verified, and now it isn't, or its value is another.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from shapetrick.builders import dimension
from shapetrick.claims.variants import values_at
from shapetrick.core.cost import length
from shapetrick.core.dims import Shape
from shapetrick.core.errors import ShapetrickError
from shapetrick.core.expr import Expr, named
from shapetrick.core.functions import Array
from shapetrick.language.elaboration import read
from shapetrick.language.expressions import read_expression
from shapetrick.validation.checker import checker_of

ROOT = Path(__file__).resolve().parent.parent
PROBLEMS = Path(__file__).parent / "problems.toml"
APART = 1e-6  # relative: values that differ by more are different
KINDS = ("changed", "shorter", "longer", "mended", "broke")
SEED = 91  # of draws that no validation has used

# What runs on a revision: the public surface alone, which both have. One line for each request.
WORKER = """
import json, sys, tomllib
from pathlib import Path
import shapetrick as st
if not Path(st.__file__).is_relative_to(Path.cwd()):
    sys.exit(f"{st.__file__} is not the code of the revision")
for row in tomllib.load(open(sys.argv[1], "rb"))["problem"]:
    try:
        derived = [
            {
                "request": f"{d.kind} {d.of} wrt {d.wrt}", "verdict": d.validation.verdict,
                "gradient": str(d.gradient), "expanded": str(d.expanded),
                "definitions": [[name, str(e)] for name, e in d.definitions],
                "shape": [str(side) for side in d.shape],
            }
            for d in st.read(row["text"]).derive()
        ]
    except Exception as problem:
        derived = [{"request": "", "verdict": f"{type(problem).__name__}: {problem}"}]
    for k, answer in enumerate(derived):
        print(json.dumps({"id": row["id"], "number": k, **answer}), flush=True)
"""


@dataclass(frozen=True)
class Answer:
    """What one revision says to one request; the texts are empty where it was refused."""

    request: str
    verdict: str
    gradient: str = ""
    expanded: str = ""
    definitions: tuple[tuple[str, str], ...] = ()
    shape: tuple[str, ...] = ()

    @property
    def sides(self) -> Shape:
        rows, cols = map(dimension, self.shape)
        return rows, cols

    @property
    def verified(self) -> bool:
        return self.verdict == "verified"

    def __str__(self) -> str:
        if not self.verified:
            return f"{self.gradient}  ({self.verdict.splitlines()[0]})".strip()
        return self.gradient


Key = tuple[str, int]  # the problem, and which of its requests


@dataclass(frozen=True)
class Change:
    """How the answer to one request changed."""

    kind: str  # one of KINDS
    name: str
    old: Answer
    new: Answer
    why: str = ""

    def __str__(self) -> str:
        why = f" ({self.why})" if self.why else ""
        return f"{self.kind:8} {self.name}{why}\n    - {self.old}\n    + {self.new}"


# -------------------------------------------------------------------------------- comparing


def changes(
    texts: Mapping[str, str], old: Mapping[Key, Answer], new: Mapping[Key, Answer]
) -> Iterator[Change]:
    """What changed between the answers of two revisions to the problems with these texts."""
    nothing = Answer("", "no answer")
    for key in dict.fromkeys([*old, *new]):
        before, after = old.get(key, nothing), new.get(key, nothing)
        name, number = key
        label = " ".join([name, before.request or after.request]).strip()
        if before.verified and not after.verified:
            yield Change("broke", label, before, after, "no longer verified")
        elif after.verified and not before.verified:
            yield Change("mended", label, before, after)
        elif after.verified and before != after:
            kind, why = _compared(texts[name], number, before, after)
            if kind:
                yield Change(kind, label, before, after, why)


def _compared(text: str, number: int, old: Answer, new: Answer) -> tuple[str, str]:
    """How two verified answers differ, and what is said of it."""
    try:
        if _differ(text, number, old, new):
            return "broke", "another value"
        lengths = [_length(text, answer) for answer in (old, new)]
    except ShapetrickError as problem:
        return "broke", f"can't be read back: {str(problem).splitlines()[0]}"
    if lengths[0] != lengths[1]:
        kind = "longer" if lengths[1] > lengths[0] else "shorter"
        return kind, f"{lengths[0]} to {lengths[1]} operations"
    return ("", "") if _spelled(old) == _spelled(new) else ("changed", "")


def _spelled(answer: Answer) -> tuple[str, tuple[tuple[str, str], ...]]:
    return answer.gradient, answer.definitions


def _length(text: str, answer: Answer) -> int:
    """The operators and calls of an answer, with those of the definitions that it introduces."""
    problem = read(text)
    names: dict[str, Expr] = {}
    for name, body in answer.definitions:
        if name not in problem.definitions:
            value = read_expression(body, problem, names)
            names[name] = named(name, value)
    written = read_expression(answer.gradient, problem, names, answer.sides)
    return length(written) + sum(length(e.args[0]) for e in names.values())


def _differ(text: str, number: int, old: Answer, new: Answer) -> bool:
    """Whether two answers have different values, at draws of our own."""
    if old.shape != new.shape:
        return True
    problem = read(text)
    both = [read_expression(a.expanded, problem, shape=a.sides) for a in (old, new)]
    checker = checker_of(problem, problem.requests[number], both, SEED)
    values = [values_at(both, drawn) for drawn in checker.draws()]
    return any(a is None or b is None or _far(a, b) for a, b in values)


def _far(a: Array, b: Array) -> bool:
    return bool(np.abs(a - b).max() > APART * max(np.abs(a).max(), np.abs(b).max()))


# ---------------------------------------------------------------------------------- deriving


def answers(directory: Path, problems: Path) -> dict[Key, Answer]:
    """What the code in a directory answers; raises CalledProcessError where it doesn't run."""
    run = subprocess.run(
        [sys.executable, "-c", WORKER, str(problems.resolve())],
        env={**os.environ, "PYTHONPATH": str(directory)},
        cwd=directory, stdout=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip
    found = {}
    for line in run.stdout.splitlines():
        row = json.loads(line)
        key = row.pop("id"), row.pop("number")
        row["definitions"] = tuple((name, body) for name, body in row.get("definitions", ()))
        row["shape"] = tuple(row.get("shape", ()))
        found[key] = Answer(**row)
    return found


def answers_at(revision: str | None, problems: Path, repository: Path = ROOT) -> dict[Key, Answer]:
    """What a revision answers; without one, the files as they are."""
    if revision is None:
        return answers(repository, problems)
    git = ["git", "-C", str(repository), "worktree"]
    with tempfile.TemporaryDirectory() as parent:
        tree = Path(parent) / "tree"
        subprocess.run([*git, "add", "-q", "--detach", str(tree), revision], check=True)
        try:
            return answers(tree, problems)
        finally:
            subprocess.run([*git, "remove", "--force", str(tree)], check=True)


def report(found: Sequence[Change], compared: int) -> list[str]:
    """The changes, those that broke last, and how many there are of each kind."""
    ordered = sorted(found, key=lambda change: KINDS.index(change.kind))
    counts = Counter(change.kind for change in found)
    told = ", ".join(f"{counts[kind]} {kind}" for kind in KINDS if counts[kind])
    return [*map(str, ordered), f"{compared} answers: {told or 'no change'}"]


def main(arguments: Sequence[str] | None = None, repository: Path = ROOT) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("old", help="a git revision")
    parser.add_argument("new", nargs="?", help="another; without it, the files as they are")
    parser.add_argument("--problems", type=Path, default=PROBLEMS, help="a TOML file")
    args = parser.parse_args(arguments)
    rows = tomllib.loads(args.problems.read_text(encoding="utf-8"))["problem"]
    texts = {row["id"]: row["text"] for row in rows}
    old, new = (answers_at(r, args.problems, repository) for r in (args.old, args.new))
    found = list(changes(texts, old, new))
    print("\n".join(report(found, len(new))))
    return int(any(change.kind == "broke" for change in found))


if __name__ == "__main__":
    sys.exit(main())
