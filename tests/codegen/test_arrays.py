"""Families with several indices as code: arrays with an axis for each index, which agree with
automatic differentiation; loops for recurrences alone."""

from __future__ import annotations

import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from layers import LAYERS, Sizes, Values, jax

from shapetrick.api import read
from shapetrick.codegen.options import CodeOptions
from shapetrick.codegen.python import export
from shapetrick.codegen.python.module import TARGETS, CodeTarget
from shapetrick.core.errors import ShapeError
from shapetrick.core.problem import Problem
from shapetrick.core.results import Result

ROD = "a rod, heated at one end and closed at the other"
QUICK = ("average pooling", "a convolution with padding", ROD)
QUICK_MODULES = (
    ("average pooling", "numpy"),
    ("average pooling", "torch-function"),
    (ROD, "torch"),
)
NAMES = [pytest.param(n, marks=() if n in QUICK else pytest.mark.slow) for n in LAYERS]


@cache
def derived(name: str) -> tuple[Problem, tuple[Result, ...]]:
    problem = read(LAYERS[name].text)
    return problem.data, tuple(d.result for d in problem.derive())


@cache
def expected(name: str, case: int) -> tuple[Values, Any, Values]:
    """The inputs, the value and the gradients by JAX."""
    layer = LAYERS[name]
    sizes = layer.sizes[case]
    values = layer.inputs(sizes)
    return values, *jax.value_and_grad(layer.value)(values, sizes)


def given(values: Values, sizes: Sizes, parameters: tuple[str, ...]) -> Values:
    """What a function takes: a member that is given alone is an array of one."""
    arrays = {k.partition("[")[0]: np.array([x]) if "[" in k else x for k, x in values.items()}
    return {**arrays, **{k: n for k, n in sizes.items() if k in parameters}}


@pytest.mark.parametrize("library", ["numpy", "jax", "torch"])
@pytest.mark.parametrize("name", NAMES)
def test_agrees_with_jax(name: str, library: str) -> None:
    if library == "torch":
        pytest.importorskip("torch")
    function = export.function(*derived(name), library)
    for case, sizes in enumerate(LAYERS[name].sizes):
        values, value, gradients = expected(name, case)
        found = function(**given(values, sizes, function.parameters))
        np.testing.assert_allclose(found.pop("J"), value, rtol=1e-9)
        for key, mine in found.items():
            wrt = key.removeprefix("grad J wrt ")
            theirs = gradients.get(wrt, gradients.get(wrt.partition("[")[0]))
            array = np.reshape(np.asarray(mine), theirs.shape)
            np.testing.assert_allclose(array, theirs, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize(
    ("name", "target"),
    [
        pytest.param(n, t, marks=() if (n, t) in QUICK_MODULES else pytest.mark.slow)
        for n in LAYERS
        for t in TARGETS
        if t != export.IN_LETTERS  # which has no families
    ],
)
def test_a_module_passes_its_own_test(name: str, target: CodeTarget, tmp_path: Path) -> None:
    if "torch" in target:
        pytest.importorskip("torch")
    module = tmp_path / "generated.py"
    module.write_text(
        export.code(*derived(name), target, CodeOptions(self_test=True)), encoding="utf-8"
    )
    run = subprocess.run([sys.executable, str(module)], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "ok" in run.stdout and "WRONG" not in run.stdout


@pytest.mark.parametrize("name", ["a convolution with padding", "average pooling"])
def test_there_is_no_loop_where_there_is_no_recurrence(name: str) -> None:
    body = export.function(*derived(name), "numpy").source
    assert not re.search(r"^\s*for |\bfor \w+ in\b", body.partition('"""\n')[2], re.M)


def test_a_list_of_lists_comes_back_as_one() -> None:
    function = export.function(*derived("a convolution with padding"), "numpy")
    values, _, gradients = expected("a convolution with padding", 0)
    found = function(**{**values, "X": [list(row) for row in values["X"]]})
    mine = found["grad J wrt X[b,r]"]
    assert isinstance(mine, list) and isinstance(mine[0], list)
    np.testing.assert_allclose(np.array(mine), gradients["X"], rtol=1e-9)


def test_an_array_of_another_shape_is_refused() -> None:
    function = export.function(*derived("a convolution with padding"), "numpy")
    values, _, _ = expected("a convolution with padding", 0)
    with pytest.raises(ShapeError, match=r"K has shape \(3, 4, 3\), not 3×\(c×d\) with c = 2"):
        function(**{**values, "K": np.zeros((3, 4, 3))})
