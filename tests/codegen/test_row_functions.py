"""Code for data that outgrow one machine finds what the plain code finds: on chunks of Dask's
arrays, in threads and in processes, and on devices of JAX that share the rows."""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import dask
import dask.array
import numpy as np
import pytest
from code_cases import CLOSE
from paths import EXAMPLES
from random_functions import SIZES, random_problem

import shapetrick as st
from shapetrick.codegen.python.callables import compiled
from shapetrick.codegen.python.module import FUNCTION
from shapetrick.core.functions import Array
from shapetrick.core.results import Result
from shapetrick.numerics.sampling import draw
from shapetrick.targets import CodeOptions, code

SUMS_OVER_ROWS = {
    "linear regression": """X: m x d; w: d; y: m; lam: scalar
        J = norm(X w - y)^2 / (2 m) + lam norm(w)^2; grad J wrt w, X, y, lam""",
    "logistic, second order": """X: m x d; w: d; y: m; J = (sum(softplus(X w)) - y' X w) / m
        grad J wrt w; hess J wrt w""",
    "softmax": """X: m x d; W: d x k; b: 1 x k; Y: m x k onehot; P = softmax(X W + b, axis=1)
        J = -sum(Y .* log(P)) / m + norm(W)^2; grad J wrt W, b, X""",
    "network": """X: m x d; U: d x h; a: 1 x h; V: h x k; Y: m x k; sigma: elementwise
        Z = sigma(X U + a); J = norm(tanh(Z V) - Y)^2; grad J wrt U, a, V""",
    "rows in columns": "X: d x m; A: d x d posdef; J = tr(X' A X) + logdet(A); grad J wrt A, X",
    "names": """parts: m x d; chunks: d; of_rows: m; rows: d; x: m; part: m x d
        J = norm(parts chunks - of_rows)^2 + sum((part rows).^2 .* x)
        grad J wrt chunks, rows, parts""",
}
ROWS = {"m": 48, "d": 4, "k": 3, "h": 5}  # which eight devices share
Inputs = Mapping[str, Any]


def derived(text: str) -> tuple[st.Problem, list[Result]]:
    problem = st.read(text)
    return problem, [d.result for d in problem.derive()]


def inputs(problem: st.Problem, sizes: Mapping[str, int]) -> dict[str, Any]:
    """Values for all symbols, and sines for abstract functions."""
    rng = np.random.default_rng(0)
    values = {s.name: draw(s, sizes, rng) for s in problem.data.symbols.values()}
    return {name: x.item() if x.size == 1 else x for name, x in values.items()}


def called(text: str, given: Inputs, **changed: Any) -> list[Array]:
    """What the function of a module finds; it takes what it names of the inputs."""
    function = compiled(text)[FUNCTION]
    names = inspect.signature(function).parameters
    waves = {"sigma": np.sin, "sigma_prime": np.cos}
    found = function(**{n: {**given, **waves, **changed}[n] for n in names})
    return [np.asarray(x) for x in found]


def chunked(x: Any) -> Any:
    """An array in uneven chunks along all its axes."""
    if np.ndim(x) < 2:
        return x
    return dask.array.from_array(x, chunks=tuple(max(n // 5, 1) for n in x.shape))


def agree(found: list[Array], wanted: list[Array]) -> None:
    assert len(found) == len(wanted)
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(one, other, **CLOSE)


@pytest.fixture(autouse=True)
def in_this_thread() -> Iterator[None]:
    with dask.config.set(scheduler="synchronous"):
        yield


@pytest.mark.parametrize("name", SUMS_OVER_ROWS)
def test_chunks_find_what_the_whole_finds(name: str) -> None:
    problem, results = derived(SUMS_OVER_ROWS[name])
    given = inputs(problem, ROWS)
    wanted = called(code(problem.data, results, "numpy"), given)
    text = code(problem.data, results, "dask")
    agree(called(text, given), wanted)
    with_rows = {n: chunked(x) for n, x in given.items() if ROWS["m"] in np.shape(x)}
    agree(called(text, given, **with_rows), wanted)


@pytest.mark.parametrize("name", SUMS_OVER_ROWS)
@pytest.mark.parametrize("threads", [1, 3])
def test_threads_find_what_one_finds(name: str, threads: int) -> None:
    problem, results = derived(SUMS_OVER_ROWS[name])
    text = code(problem.data, results, "numpy", CodeOptions(threads=threads))
    assert f"ThreadPoolExecutor({threads})" in text
    for rows in (2, 48, 5000):  # fewer than threads, one block, several blocks
        given = inputs(problem, {**ROWS, "m": rows})
        agree(called(text, given), called(code(problem.data, results, "numpy"), given))


def test_what_has_the_rows_is_an_array_of_dask() -> None:
    problem, results = derived(SUMS_OVER_ROWS["linear regression"])
    given = inputs(problem, ROWS)
    given["X"] = chunked(given["X"])
    found = compiled(code(problem.data, results, "dask"))[FUNCTION](**given)
    kinds = [isinstance(x, dask.array.Array) for x in found]
    assert kinds == [False, False, True, True, False]  # J, w, X, y, lam
    assert found[2].chunks[0] == given["X"].chunks[0]


@pytest.mark.parametrize(
    "first", [0, *(pytest.param(n, marks=pytest.mark.slow) for n in (40, 80, 120))]
)
def test_chunks_of_random_functions(first: int) -> None:
    taken = 0
    for seed in range(first, first + 40):
        try:
            problem, results = derived(random_problem(seed))
            text = code(problem.data, results, "dask")
        except st.ShapetrickError:  # some have no dimension of which all is a sum
            continue
        given = inputs(problem, SIZES)
        directions = [r.request.direction for r in results if r.request.direction is not None]
        given.update({s.name: draw(s, SIZES, np.random.default_rng(1)) for s in directions})
        with np.errstate(all="ignore"):
            wanted = called(code(problem.data, results, "numpy"), given)
            agree(called(text, given), wanted)
        taken += 1
    assert taken > 1


@pytest.mark.parametrize(
    "options", [("dask", ""), pytest.param(("jax", "m"), marks=pytest.mark.slow)]
)
def test_modules_test_themselves(options: tuple[str, str]) -> None:
    target, shard = options
    problem, results = derived(SUMS_OVER_ROWS["softmax"])
    text = code(problem.data, results, target, CodeOptions(self_test=True, shard=shard))
    run = subprocess.run(
        [sys.executable, "-c", text], capture_output=True, text=True, check=True, env=_devices(1)
    )
    assert run.stdout.count(": ok, ") == 3


def _devices(count: int) -> dict[str, str]:
    flags = f"--xla_force_host_platform_device_count={count}"
    return {**os.environ, "XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"}


_ON_DEVICES = """
import sys
sys.path.insert(0, sys.argv[1])
import jax
jax.config.update("jax_enable_x64", True)
assert jax.device_count() == 8
import jax.numpy as jnp
import test_row_functions as own
for name, text in own.SUMS_OVER_ROWS.items():
    problem, results = own.derived(text)
    for rows in (48, 12):  # eight devices, and four
        given = own.inputs(problem, {**own.ROWS, "m": rows})
        waves = {"sigma": jnp.sin, "sigma_prime": jnp.cos}
        wanted = own.called(own.code(problem.data, results, "numpy"), given)
        text = own.code(problem.data, results, "jax", own.CodeOptions(shard="m"))
        own.agree(own.called(text, given, **waves), wanted)
        assert "jax.lax.psum" in text
    print("agrees")
"""


def test_devices_find_what_one_finds() -> None:
    paths = os.pathsep.join(sys.path)
    run = subprocess.run(
        [sys.executable, "-c", _ON_DEVICES, str(Path(__file__).parent)],
        capture_output=True,
        text=True,
        check=False,
        env={**_devices(8), "PYTHONPATH": paths},
    )
    assert run.stdout.count("agrees") == len(SUMS_OVER_ROWS), run.stderr


@pytest.mark.slow
def test_two_processes_find_what_one_finds() -> None:
    from distributed import Client, LocalCluster

    problem, results = derived(SUMS_OVER_ROWS["softmax"])
    given = inputs(problem, {**ROWS, "m": 1000})
    wanted = called(code(problem.data, results, "numpy"), given)
    text = code(problem.data, results, "dask")
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster) as client,
        dask.config.set(scheduler=client),
    ):
        whole = called(text, given, X=chunked(given["X"]), Y=chunked(given["Y"]))
    agree(whole, wanted)


@pytest.mark.parametrize(
    ("text", "target", "options", "words"),
    [
        ("A: n x n; J = logdet(A); grad J wrt A", "dask", {}, "there is no dimension over which"),
        (SUMS_OVER_ROWS["softmax"], "jax", {"shard": "d"}, "`d` is no dimension over which"),
        (SUMS_OVER_ROWS["softmax"], "jax", {"shard": "q"}, "`q` is no dimension over which"),
        (SUMS_OVER_ROWS["softmax"], "numpy", {"shard": "m"}, "shards are for the target jax"),
        (SUMS_OVER_ROWS["softmax"], "dask", {"shard": "m"}, "shards are for the target jax"),
        (SUMS_OVER_ROWS["softmax"], "torch", {"threads": 2}, "threads are for the target numpy"),
        (SUMS_OVER_ROWS["softmax"], "dask", {"blocks": True}, "threads are for the target numpy"),
        ("x[l]: n for l = 1..L; J = sum(l = 1..L) norm(x[l])^2; grad J wrt x[l]", "dask", {},
         "the code of families takes no rows apart"),
    ],
)  # fmt: skip
def test_what_is_no_sum_over_rows_is_refused(
    text: str, target: str, options: dict[str, Any], words: str
) -> None:
    problem, results = derived(text)
    with pytest.raises(st.ShapetrickError, match=words):
        code(problem.data, results, target, CodeOptions(**options))


@pytest.mark.slow
@pytest.mark.parametrize("workers", [["--threads", "2"], ["--processes", "2"]])
def test_the_example_learns_from_data_on_disk(workers: list[str], tmp_path: Path) -> None:
    file = EXAMPLES / "softmax_on_disk.py"
    size = ["--gigabytes", "0.02", "--chunk", "2", "--steps", "4", "--folder", str(tmp_path)]
    run = subprocess.run(
        [sys.executable, str(file), *size, *workers], capture_output=True, text=True, check=True
    )
    losses = [float(x) for x in re.findall(r"J = ([\d.]+)", run.stdout)]
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < losses[0] / 1.5
    assert float(re.findall(r"at most ([\d.]+) GB", run.stdout)[0]) < 1
