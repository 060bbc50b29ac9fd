"""The operation table: what its rows say is true, and one row is all that a function needs."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import sympy
from paths import ROOT

from shapetrick.codegen.python.module import LIBRARIES, TARGETS
from shapetrick.core.dims import ONE, Dim, Shape
from shapetrick.core.expr import Call, node, symbol
from shapetrick.core.functions import TABLE, Function
from shapetrick.language.definitions import LETTERS, definition
from shapetrick.numerics.evaluation import evaluate

N = Dim.of("n")
M = Dim.of("m")
CLOSE = {"rtol": 1e-12, "atol": 1e-15}
DEFINED = [row for row in TABLE.values() if row.definition]


# ----------------------------------------------------------------------------- what a row says


def _shapes(row: Function) -> list[Shape]:
    return [(N, N)] if row.units == "inverse" else [(M, N), (N, ONE), (ONE, ONE)]


@pytest.mark.parametrize("row", DEFINED, ids=lambda row: row.name)
def test_a_definition_has_the_functions_values(row: Function) -> None:
    rng = np.random.default_rng(0)
    for shape in _shapes(row):
        args = tuple(symbol(c, shape) for c in LETTERS[row.arity])
        for axis in (None, 0, 1) if row.takes_axis else (None,):
            if row.vector_without_axis and axis is None and ONE not in shape:
                continue
            call = node(Call, args, row.shape_of(args, axis), row.name, axis)
            sizes = {"m": 2, "n": 3}
            env = {
                e.name: rng.uniform(*row.drawn_from, [d.size(sizes) for d in shape]) for e in args
            }
            expected = evaluate(call, env, sizes)
            np.testing.assert_allclose(
                evaluate(definition(call), env, sizes), expected, rtol=1e-12, atol=1e-15
            )


@pytest.mark.parametrize(
    "matrix",
    ([[3]], [[0]], [[1, 2], [3, 4]], [[0, 0], [0, 0]], [[1, 2, 3], [2, 4, 6], [0, 1, 5]]),
    ids=str,
)
def test_an_adjugate_is_that_of_singular_matrices_too(matrix: list[list[int]]) -> None:
    found = TABLE["adj"].value(np.array([matrix, np.zeros_like(matrix)], dtype=float), None)
    expected = [sympy.Matrix(m).adjugate().tolist() for m in (matrix, np.zeros_like(matrix))]
    np.testing.assert_allclose(found, np.array(expected, dtype=float), atol=1e-12)


@pytest.mark.parametrize(
    "row", [r for r in TABLE.values() if r.elementwise], ids=lambda row: row.name
)
def test_values_are_where_the_row_says(row: Function) -> None:
    sizes = np.logspace(-6, 2, 33)
    grid = np.concatenate([-sizes, [0.0], sizes])
    with np.errstate(all="ignore"):
        values = row.value(*[grid, np.roll(grid, 5)][: row.arity], None)
    values = values[np.isfinite(values)]
    low, high = row.within
    assert np.all(values >= low)
    assert np.all(values <= high)
    assert not row.never_zero or np.all(values[np.abs(values) > 0] > 0)


@pytest.mark.parametrize("largest", [0.0, 3e5, 1e12])
@pytest.mark.parametrize("axis", [None, 0, 1])
def test_a_softmax_keeps_its_digits(axis: int | None, largest: float) -> None:
    """However large the scores are, it adds up to 1, and its logarithm tells what lacks from 1."""
    x = largest + np.array([[0.0, -22.5], [-22.5, 0.0]])
    small, others = np.exp(-22.5), {None: 2.0, 0: 1.0, 1: 1.0}[axis]
    whole = others + others * small
    softmax, log_softmax = (TABLE[name].value(x, axis) for name in ("softmax", "log_softmax"))
    np.testing.assert_allclose(softmax.sum(axis=axis), 1.0, rtol=1e-15)
    np.testing.assert_allclose(softmax[0, 1], small / whole, rtol=1e-15)
    np.testing.assert_allclose(log_softmax[0, 0], -np.log(whole), rtol=1e-14)


# --------------------------------------------------------------------- one row, and nothing else


PROBLEM = "X : m x n; J = sum(gauss(X)); grad J wrt X"
GRADIENT = "-2 X .* gauss(X)"
SCRIPT = """
import numpy as np
import sympy as sp
import shapetrick as st
from shapetrick import quiz

X = st.symbols("X : m x n")
assert st.from_sympy(st.to_sympy(st.gauss(X))) == st.gauss(X)
assert st.to_sympy(st.gauss(st.symbols("s : scalar"))) == sp.exp(-sp.Symbol("s", real=True) ** 2)
derivation = st.derive({problem!r})
assert st.from_dict(derivation.to_dict()).verified
question = quiz.Question("new", 1, "X : m x n; J = sum(gauss(X))", "grad J wrt X")
assert quiz.mark(question, {gradient!r}).verdict == "right"
assert quiz.mark(question, "2 X .* gauss(X)").verdict == "wrong"
"""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package with CONTRIBUTING's row in its table, and nothing else changed."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    found = re.search(r'^    _elementwise\("gauss".*?\),\n\n', text, re.MULTILINE | re.DOTALL)
    assert found is not None
    house = tmp_path_factory.mktemp("house")
    for name in ("shapetrick", "grammar"):
        shutil.copytree(ROOT / name, house / name, ignore=shutil.ignore_patterns("__pycache__"))
    table = house / "shapetrick" / "core" / "functions.py"
    rows = table.read_text(encoding="utf-8")
    assert rows.count("_ROWS = [\n") == 1
    table.write_text(rows.replace("_ROWS = [\n", f"_ROWS = [\n{found[0]}"), encoding="utf-8")
    return house


def run(house: Path, *arguments: str) -> str:
    """What Python prints with that package."""
    env = {**os.environ, "PYTHONPATH": str(house)}
    done = subprocess.run(
        [sys.executable, *arguments], cwd=house, env=env, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


def shapetrick(house: Path, *arguments: str) -> str:
    return run(house, "-m", "shapetrick", *arguments)


def test_gauss_is_derived_and_written(house: Path) -> None:
    text = shapetrick(house, "derive", "--steps", "-e", PROBLEM)
    assert GRADIENT in text
    assert "✓ verified" in text
    latex = shapetrick(house, "derive", "--format", "latex", "-e", PROBLEM)
    assert "mathrm{gauss}" in latex
    page = shapetrick(house, "derive", "--format", "html", "-e", PROBLEM)
    assert "<mi>gauss</mi>" in page
    data = json.loads(shapetrick(house, "derive", "--format", "json", "-e", PROBLEM))
    assert GRADIENT in json.dumps(data)


def test_gauss_is_checked(house: Path) -> None:
    wrong = PROBLEM.replace("grad J wrt X", "check grad J wrt X = 2 X .* gauss(X)")
    right = wrong.replace("= 2 X", "= -2 X")
    assert "✓" in shapetrick(house, "check", "-e", right)
    with pytest.raises(AssertionError):
        shapetrick(house, "check", "-e", wrong)


@pytest.mark.parametrize("target", TARGETS)
def test_gauss_has_code(house: Path, target: str, tmp_path: Path) -> None:
    if find_spec(LIBRARIES[target]) is None:
        pytest.skip(f"{LIBRARIES[target]} is not installed")
    module = shapetrick(house, "code", "--target", target, "--self-test", "-e", PROBLEM)
    below = re.sub(r'"""[\s\S]*?"""|"[^"\n]*"|#.*', "", module)  # docstrings, keys and comments
    assert "gauss" not in below
    path = tmp_path / "module.py"
    path.write_text(module, encoding="utf-8")
    assert "ok" in run(house, str(path))


def test_gauss_is_listed(house: Path) -> None:
    (line,) = [x for x in shapetrick(house, "functions").splitlines() if x.startswith("  gauss(x)")]
    assert line.split() == ["gauss(x)", "-2", "x", ".*", "y", "exp(-x^2)"]


def test_gauss_in_other_forms(house: Path) -> None:
    run(house, "-c", SCRIPT.format(problem=PROBLEM, gradient=GRADIENT))
