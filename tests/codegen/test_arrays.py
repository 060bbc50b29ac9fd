"""Families with several indices as code: arrays with an axis for each index, which agree with
automatic differentiation; loops for recurrences alone."""

from __future__ import annotations

import re
import subprocess
import sys
import tracemalloc
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from layers import LAYERS, Sizes, Values, jax

from shapetrick.api import read
from shapetrick.codegen.options import CodeOptions
from shapetrick.codegen.python import export
from shapetrick.codegen.python.module import IN_LETTERS, TARGETS, CodeTarget
from shapetrick.core.errors import RequestError, ShapeError
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
        if "J" in found:
            np.testing.assert_allclose(found["J"], value, rtol=1e-9)
        asked = {key.rpartition(" wrt ")[2]: x for key, x in found.items() if " wrt " in key}
        assert asked
        for wrt, mine in asked.items():
            theirs = gradients.get(wrt, gradients.get(wrt.partition("[")[0]))
            array = np.reshape(np.asarray(mine), theirs.shape)
            np.testing.assert_allclose(array, theirs, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize(
    ("name", "target"),
    [
        pytest.param(n, t, marks=() if (n, t) in QUICK_MODULES else pytest.mark.slow)
        for n in LAYERS
        for t in TARGETS
        if t != IN_LETTERS  # which has no families
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


@pytest.mark.parametrize(
    "text",
    [
        "Y[p] = tanh(sum(q = 0..2) X[3 p+q] K[q]) for p = 0..P-1",
        "Y[p] = tanh(sum(q = 0..4) X[2 p+q] K[q]) for p = 0..P-1",
        "Y[p] = maximum(X[2 p], X[2 p+1]) K[0] for p = 0..P-1",
        "Y[p] = (max(q = 0..1) X[2 p+q]) K[0] for p = 0..P-1",
        "Y[p] = sigmoid(max(q = 0..2) X[2 p+q]) K[0] for p = 0..P-1",
        "Y[p] = tanh(X[3 p+2] K[p]) for p = 0..P-1",
        "Y[p] = sum(r = 0..P-1) X[r] K[p-2 r] for p = 0..2 P+2",
    ],
)
def test_a_stride_leaves_no_sum_over_what_is_zero(text: str) -> None:
    problem = read(
        f"X[r] : 1 x c for r = 0..3 P+1; K[q] : c x d for q = 0..4 zero outside; {text}\n"
        f"J = sum(p = {text.partition('p = ')[2]}) sum(Y[p].^2)\ngrad J wrt X[r]"
    )
    derived, rng = problem.derive()[0], np.random.default_rng(0)
    small = {"X": rng.normal(size=(8, 1, 2)), "K": rng.normal(size=(5, 2, 3))}
    function = derived.function("numpy")
    mine, wanted = np.array(function(**small)), np.array(derived.evaluate(small))
    np.testing.assert_allclose(mine.reshape(wanted.shape), wanted, rtol=1e-9, atol=1e-12)
    large = {**small, "X": rng.normal(size=(3002, 1, 2))}
    tracemalloc.start()
    function(**large)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 60 * large["X"].nbytes  # a sum over all places has 500 times as many terms


def test_a_stride_takes_no_letter_that_a_maximum_inside_binds() -> None:
    text = (
        "X[r,s] : 1 x c for r = 1..2 P, s = 1..2 P\n"
        "Y[p,q] = max(i = 0..1, j = 0..1) X[2 p+i-1,2 q+j-1] for p = 1..P, q = 1..P\n"
        "J = sum(p = 1..P, q = 1..P) sum(exp(Y[p,q])); grad J wrt X[r,s]"
    )
    derived = read(text).derive()[0]
    values = {"X": np.random.default_rng(0).normal(size=(4, 4, 1, 3))}
    mine, wanted = (np.array(f) for f in (derived.function()(**values), derived.evaluate(values)))
    np.testing.assert_allclose(mine.reshape(wanted.shape), wanted, rtol=1e-9)


@pytest.mark.parametrize(
    "body",
    [
        "prod(x[i,j]) + norm(sqrt(x[i,j]))^2",
        "norm(unvec(x[i,j], 2, 3) P)^2",
        "sum(softmax(x[i,j]).^2)",
        "tr(adj(Q + x[i,j] x[i,j]') Q)",
        "logdet(Q + x[i,j] x[i,j]') + det(inv(Q + x[i,j] x[i,j]'))",
        "det(1 + x[i,j]' x[i,j]) logdet(1 + x[i,j]' x[i,j])",
    ],
)
def test_functions_of_members_are_those_of_any_array(body: str) -> None:
    text = "x[i,j] : 6 positive for i = 1..M, j = 1..N; P : 3 x 2; Q : 6 x 6 posdef\n"
    d = read(f"{text}J = sum(i = 1..M) sum(j = 1..N) ({body})\ngrad J wrt x[i,j]").derive()[0]
    rng = np.random.default_rng(0)
    root = rng.normal(size=(6, 6))
    values = {"x": rng.uniform(0.5, 1.5, (2, 3, 6)), "P": rng.normal(size=(3, 2))}
    values["Q"] = root @ root.T + np.eye(6)
    function = d.function("numpy")
    mine = np.array(function(**{n: x for n, x in values.items() if n in function.parameters}))
    wanted = np.array(d.evaluate(values))
    np.testing.assert_allclose(mine.reshape(wanted.shape), wanted, rtol=1e-9)


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


GIVEN_IN_PART = {
    "along one side": (
        "u[0,i] : scalar for i = 1..N; u[t,0] : scalar for t = 0..T; a[t] : scalar for t = 1..T\n"
        "u[t,i] = u[t-1,i] + a[t] (u[t-1,i-1] - u[t-1,i])^2 for t = 1..T, i = 1..N\n"
        "J = sum(i = 1..N) u[T,i]^2\ngrad J wrt a[t], u[0,i]",
        {"u": (4, 6), "a": (3,)},
    ),
    "along two sides": (
        "W : n x n; u[0,j] : n for j = 1..N; u[i,0] : n for i = 1..M\n"
        "a[i,j] : n for i = 1..M, j = 1..N\n"
        "u[i,j] = tanh(W (u[i-1,j] + u[i,j-1]) + a[i,j]) for i = 1..M, j = 1..N\n"
        "J = norm(u[M,N])^2\ngrad J wrt a[i,j], u[0,j]",
        {"W": (2, 2), "u": (4, 5, 2), "a": (3, 4, 2)},
    ),
}


def _end(v: Values) -> Any:
    rows, cols = (n - 1 for n in v["u"].shape[:2])
    u = {place: v["u"][place] for place in np.ndindex(rows + 1, cols + 1)}
    for i, j in np.ndindex(rows, cols):
        before, beside, across = u[i, j + 1], u[i + 1, j], u[i, j]
        if "W" in v:
            u[i + 1, j + 1] = jax.numpy.tanh(v["W"] @ (before + beside) + v["a"][i, j])
        else:
            u[i + 1, j + 1] = before + v["a"][i] * (across - before) ** 2
    last = [u[rows, j + 1] for j in range(cols)]
    return sum(jax.numpy.sum(x**2) for x in (last[-1:] if "W" in v else last))


@pytest.mark.parametrize(
    "library",
    ["numpy", *(pytest.param(t, marks=pytest.mark.slow) for t in ("jax", "torch"))],
)
@pytest.mark.parametrize("case", GIVEN_IN_PART)
def test_members_may_be_given_in_part(case: str, library: CodeTarget) -> None:
    """Those that are computed stand in the array, too, and are not read."""
    torch = pytest.importorskip("torch") if library == "torch" else None
    text, shapes = GIVEN_IN_PART[case]
    rng = np.random.default_rng(0)
    values = {name: rng.normal(size=shape) / 2 for name, shape in shapes.items()}
    arrays = {n: torch.tensor(x) for n, x in values.items()} if torch else values
    *_, by_a, by_u = read(text).function(library)(**arrays).values()
    expected = jax.grad(_end)(values)
    np.testing.assert_allclose(by_a, expected["a"], rtol=1e-9, atol=1e-12)
    first = 0 if case == "along one side" else 1
    found = np.asarray(by_u).reshape(expected["u"][0, first:].shape)
    np.testing.assert_allclose(found, expected["u"][0, first:], rtol=1e-9, atol=1e-12)


def test_a_self_test_of_what_is_given_in_part_is_refused() -> None:
    text, _ = GIVEN_IN_PART["along one side"]
    with pytest.raises(RequestError, match="`u` is given in part"):
        read(text).code("numpy", self_test=True)


@pytest.mark.parametrize(
    ("text", "inputs"),
    [
        (  # autoregression
            "x[0], x[1], x[2] : n; a[k] : scalar for k = 1..3\n"
            "x[t] = sum(k = 1..3) a[k] x[t-k] for t = 3..T\nJ = norm(x[T])^2\ngrad J wrt a[k]",
            {"x": (3, 2, 1), "a": (3, 1, 1)},
        ),
        (  # a convolution of states
            "h[0] : n; W : n x n; K[k] : n x n for k = 0..2\n"
            "h[t] = tanh(W h[t-1]) for t = 1..T; y[t] = sum(k = 0..2) K[k] h[t-k] for t = 3..T\n"
            "J = sum(t = 3..T) norm(y[t])^2\ngrad J wrt K[k]",
            {"h": (1, 2, 1), "W": (2, 2), "K": (3, 2, 2)},
        ),
    ],
)
def test_windows_of_what_a_loop_makes(text: str, inputs: dict[str, tuple[int, ...]]) -> None:
    derived, rng = read(text).derive()[0], np.random.default_rng(0)
    values = {name: rng.normal(size=shape) for name, shape in inputs.items()}
    function = derived.function("numpy")
    for length in (3, 4, 7):
        wanted = np.array(derived.evaluate(values, T=length))
        found = np.array(function(**values, T=length))
        np.testing.assert_allclose(found.reshape(wanted.shape), wanted, rtol=1e-9)
