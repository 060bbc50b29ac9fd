"""Times the code for data that outgrow one machine, on one and two workers, beside plain code.

    python benchmarks/row_sums.py                      two minutes or so
    python benchmarks/row_sums.py --rows 20000         smaller

Softmax regression and a network, in float64: NumPy's plain code, Dask's threads, and JAX's devices,
each in a process of its own on as many processors as it has workers; products have no threads of
their own. Times are the least of many; memory is what a call takes at its peak beyond its inputs.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

import numpy as np
from generated_code import CASES, FEWEST, SECONDS, _with_peak, arrays
from record import record, table

import shapetrick
from shapetrick.codegen.python.callables import compiled
from shapetrick.codegen.python.module import FUNCTION

PROBLEMS = ("softmax regression", "3-layer MLP")
CHUNKS = 16  # of Dask's arrays
Inputs = dict[str, np.ndarray]


def _function(problem: str, target: str, shard: str = "") -> Callable[..., Any]:
    text = shapetrick.read(CASES[problem].text).code(target, shard=shard)
    function: Callable[..., Any] = compiled(text)[FUNCTION]
    return function


def _plain(problem: str, data: Inputs, _: int) -> Callable[[], Any]:
    function = _function(problem, "numpy")
    return lambda: function(**data)


def _dask(problem: str, data: Inputs, workers: int) -> Callable[[], Any]:
    dask, array = import_module("dask"), import_module("dask.array")
    dask.config.set(scheduler="threads", num_workers=workers)
    function, rows = _function(problem, "dask"), len(data["X"])
    chunks = {name: (max(rows // CHUNKS, 1), -1) for name, x in data.items() if len(x) == rows}
    given = {n: array.from_array(x, chunks[n]) if n in chunks else x for n, x in data.items()}
    return lambda: function(**given)


def _jax(problem: str, data: Inputs, _: int) -> Callable[[], Any]:
    jax = import_module("jax")
    jax.config.update("jax_enable_x64", True)
    function = _function(problem, "jax", shard="m")
    given = jax.block_until_ready({name: jax.numpy.asarray(x) for name, x in data.items()})
    return lambda: jax.block_until_ready(function(**given))


KINDS = {"plain": _plain, "Dask": _dask, "JAX": _jax}


def measure(problem: str, kind: str, workers: int, rows: int) -> tuple[float, float]:
    """The least seconds of a call, and the megabytes that it takes."""
    case = CASES[problem]
    data = arrays(case, {**case.sizes, "m": rows or case.sizes["m"]})
    call = KINDS[kind](problem, data, workers)
    call()
    _, megabytes = _with_peak(call)
    least, spent, count = float("inf"), 0.0, 0
    while spent < SECONDS or count < FEWEST:
        start = time.perf_counter()
        call()
        seconds = time.perf_counter() - start
        least, spent, count = min(least, seconds), spent + seconds, count + 1
    return least, megabytes


def in_process(problem: str, kind: str, workers: int, rows: int) -> tuple[float, float]:
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    flags = f"--xla_force_host_platform_device_count={workers}"
    environment = {**os.environ, **dict.fromkeys(names, "1"), "XLA_FLAGS": flags}
    command = [sys.executable, __file__, "--measure", problem, kind, str(workers)]
    run = subprocess.run(
        [*command, "--rows", str(rows)],
        env=environment, stdout=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip
    seconds, megabytes = json.loads(run.stdout)
    return seconds, megabytes


def results(rows: int) -> Iterator[list[str]]:
    for problem in PROBLEMS:
        for kind in KINDS:
            found = [
                in_process(problem, kind, n, rows) for n in ((1,) if kind == "plain" else (1, 2))
            ]
            times = " / ".join(f"{1000 * seconds:.0f}" for seconds, _ in found)
            memory = " / ".join(f"{megabytes:.0f}" for _, megabytes in found)
            yield [problem, kind, times, f"{found[0][0] / found[-1][0]:.2f}", memory]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=0, help="(default: those of each problem)")
    parser.add_argument("--write", action="store_true", help="into RESULTS.md")
    parser.add_argument("--measure", nargs=3, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.measure:
        problem, kind, workers = args.measure
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-int(workers) :])
        print(json.dumps(measure(problem, kind, int(workers), args.rows)))
        return
    header = ["", "code", "ms on 1 / 2", "gain", "MB on 1 / 2"]
    lines = table(header, results(args.rows))
    print("\n".join(lines))
    if args.write:
        record("row_sums.py", lines, ("numpy", "dask", "jax"))


if __name__ == "__main__":
    main()
