"""How generated code looks: its header, its docstring, its checks of shapes, its line breaks."""

from __future__ import annotations

import ast
import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from paths import EXAMPLES

import shapetrick as st
from shapetrick.cli import main
from shapetrick.codegen.python.callables import compiled
from shapetrick.codegen.python.export import BY_ROWS
from shapetrick.codegen.python.line_breaks import WIDTH, fitted
from shapetrick.codegen.python.module import TARGETS

NETWORK = (EXAMPLES / "deep_mlp.st").read_text(encoding="utf-8")
QUICK = ("attention", "deep_mlp", "mlp", "total_variation")
LINES = [
    "return first_gradient, second_gradient, [third[i] for i in sorted(third)], the_fourth",
    "return {i: first_gradient[i] * bar for i in sorted(first_gradient)} + other * bar_bar",
    'assert X.shape == (m, n + 1), f"X has shape {X.shape}, not m×(n+1) with m = {m}, n = {n}"',
    'compare("vjp A wrt V", sum(found[3] * v), sum(given["G"] * slope(0, "V", v)), found[0], 9)',
    'own = {n: given[n] for n in ("X", "Y", "W[1]", "W[2]", "W[3]", "b[1]", "b[2]", "b[3]")}',
    "total = first_matrix @ second_matrix + third_matrix @ fourth_matrix - fifth_one @ sixth",
    "G[t - 1] = (eye(n, dtype=G[t].dtype, device=G[t].device, order=own) - eta * Q) @ G[t]",
    "def compare(key: str, found: Any, wanted: Any, value: Any, tolerance: float) -> Nothing:",
    "if any(needs_input_gradient[6 + len(the_members['X']) + len(the_members['H']) + more :]):",
]


@pytest.mark.parametrize("line", LINES)
def test_long_lines_are_broken_and_mean_the_same(line: str) -> None:
    broken = list(fitted([f"    {line}"]))
    tail = "        pass" if line.endswith(":") else ""
    tree = ast.parse("\n".join(["def f():", *broken, tail]))
    assert ast.dump(tree) == ast.dump(ast.parse(f"def f():\n    {line}\n{tail}"))
    assert len(broken) > 1
    assert max(map(len, broken)) <= WIDTH


def test_docstrings_and_comments_are_left_alone() -> None:
    long = "words " * 30
    lines = ['"""Begins', f"    {long}", f'    {long}"""', f"# {long}", f'"""{long}"""']
    assert list(fitted(lines)) == lines


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(p.stem, marks=() if p.stem in QUICK else pytest.mark.slow)
        for p in sorted(EXAMPLES.glob("*.st"))
    ],
)
def test_ruff_leaves_the_code_of_the_examples_as_it_is(name: str, tmp_path: Path) -> None:
    if importlib.util.find_spec("ruff") is None:
        pytest.skip("ruff is not installed")
    problem = st.read((EXAMPLES / f"{name}.st").read_text(encoding="utf-8"))
    for target in (*TARGETS, *BY_ROWS) if name not in QUICK else TARGETS[:1]:
        for self_test in (False, True):
            try:
                text = problem.code(target, self_test=self_test)
            except st.RequestError:  # not every problem is one for every target
                continue
            (tmp_path / f"{target}_{self_test}.py".replace("-", "_")).write_text(text, "utf-8")
    call = [sys.executable, "-m", "ruff", "format", "--isolated", "--diff", str(tmp_path)]
    done = subprocess.run(call, capture_output=True, text=True, check=False)
    assert not done.stdout, done.stdout


def test_the_header_says_how_it_was_made_of_what(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "deep.st"
    file.write_text(NETWORK, encoding="utf-8")
    assert main(["code", str(file), "--target", "jax"]) == 0
    about = ast.get_docstring(ast.parse(capsys.readouterr().out)) or ""
    first, command, *_ = about.split("\n\n")
    assert first.endswith(f" by shapetrick {st.__version__}.")
    assert command == f"    shapetrick code {file} --target jax"
    assert "\n".join(f"    {line}" for line in NETWORK.strip().splitlines()) in about
    assert main(["code", "-e", "x : n; J = x' x; grad J wrt x"]) == 0
    assert "    shapetrick code -e …\n" in capsys.readouterr().out


def test_what_ends_a_docstring_does_not_end_the_header() -> None:
    text = 'x : n  # """ \\\nJ = x\' x; grad J wrt x'
    assert compiled(st.derive(text).code("numpy"))["value_and_gradients"](np.ones(2))[0] == 2


def test_the_formulas_of_families_stand_in_the_docstring() -> None:
    doc = compiled(st.read(NETWORK).code("numpy"))["value_and_gradients"].__doc__
    assert "G[L-1] = G[L] W[L]ᵀ" in doc
    assert "∂J/∂W[l] = Z[l-1]ᵀ (G[l] ⊙ sigma[l]'(Z[l-1] W[l] + b[l]))   for l = 1..L-1" in doc


@pytest.mark.parametrize("shape", [(), (3,), (3, 2, 1), (1, 3, 2, 1)])
@pytest.mark.parametrize("name", ["X", "w", "y"])
def test_arrays_of_any_number_of_axes_are_refused_by_name(
    name: str, shape: tuple[int, ...]
) -> None:
    text = "X : m x d; w : d; y : m; J = norm(X w - y)^2; grad J wrt w"
    function = compiled(st.derive(text).code("numpy"))["value_and_gradients"]
    given = {"X": np.ones((3, 2)), "w": np.ones(2), "y": np.ones(3), name: np.ones(shape)}
    wanted = {"X": "m×d", "w": "d×1", "y": "m×1"}[name]
    if name == "y" and shape == (3,):
        function(**given)
        return
    with pytest.raises(AssertionError) as error:
        function(**given)
    assert f"{name} has shape {shape}, not {wanted}" in str(error.value)
