"""Train softmax regression on data larger than memory: derived here, computed by Dask in chunks.

    python examples/softmax_on_disk.py --gigabytes 8 --steps 5

The data are made first, in a folder of their own, and read again in every step. A chunk of rows
is mapped into memory, used, and let go, so that memory holds a few chunks whatever the size of the
data. Give `--processes 2` for a cluster of two processes on this machine; with a scheduler's
address in the place of the local cluster, it is a cluster of many machines.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import dask
import dask.array as da
import numpy as np

import shapetrick as st

PROBLEM = """
X : m x d
W : d x k
b : 1 x k
Y : m x k onehot
lam : scalar positive
P = softmax(X W + b, axis=1)
J = -sum(Y .* log(P)) / m + lam norm(W)^2
grad J wrt W, b
"""
FEATURES, CLASSES = 100, 10
ROW = 4 * FEATURES + 1  # bytes: single precision, and the class
RATE = 3.0
WEIGHT_DECAY = 1e-4


def main() -> None:
    args = _arguments()
    rows = int(args.gigabytes * 1e9) // ROW
    chunk = min(rows, int(args.chunk * 1e6) // ROW)
    with ExitStack() as stack:
        folder = args.folder or Path(stack.enter_context(TemporaryDirectory()))
        made = make_data(folder, rows, chunk)
        print(f"{rows:,} rows, {made / 1e9:.2f} GB, in chunks of {chunk:,}", flush=True)
        gradients = derived(folder)
        if args.processes:
            from distributed import Client, LocalCluster

            cluster = LocalCluster(
                n_workers=args.processes, threads_per_worker=1, dashboard_address=None
            )
            stack.enter_context(cluster)
            stack.enter_context(Client(cluster))
        else:
            stack.enter_context(dask.config.set(scheduler="threads", num_workers=args.threads))
        train(gradients, *data(folder, rows, chunk), steps=args.steps)
    print(f"at most {peak() / 1e9:.2f} GB of memory")


def derived(folder: Path) -> Callable[..., Any]:
    """The function of the value and the gradients, from the module that is written for Dask."""
    text = st.read(PROBLEM).code("dask")
    (folder / "gradients.py").write_text(text, encoding="utf-8")
    space: dict[str, Any] = {"__name__": "gradients"}
    exec(compile(text, str(folder / "gradients.py"), "exec"), space)
    found: Callable[..., Any] = space["value_and_gradients"]
    return found


def make_data(folder: Path, rows: int, chunk: int) -> int:
    """Write features and classes, of which a linear map is to be found again; return the bytes."""
    rng = np.random.default_rng(0)
    W = rng.standard_normal((FEATURES, CLASSES), dtype=np.float32)
    with (folder / "features").open("wb") as X_file, (folder / "classes").open("wb") as classes:
        for first in range(0, rows, chunk):
            count = min(chunk, rows - first)
            X = rng.standard_normal((count, FEATURES), dtype=np.float32)
            X.tofile(X_file)
            noise = rng.standard_normal((count, CLASSES), dtype=np.float32)
            np.argmax(X @ W + noise, axis=1).astype(np.uint8).tofile(classes)
            _progress("made", first + count, rows)
    return rows * ROW


def data(folder: Path, rows: int, chunk: int) -> tuple[da.Array, da.Array]:
    """The features and the classes, one-hot, as arrays of Dask that are read when they are used."""
    X, Y = [], []
    for first in range(0, rows, chunk):
        count = min(chunk, rows - first)
        one = dask.delayed(read)(folder, first, count)
        X.append(da.from_delayed(one[0], (count, FEATURES), np.float32))
        Y.append(da.from_delayed(one[1], (count, CLASSES), np.float32))
    return da.concatenate(X), da.concatenate(Y)


def read(folder: Path, first: int, count: int) -> tuple[Any, Any]:
    """Some rows; what was mapped is let go, so that it counts as memory no longer."""
    mapped = np.memmap(
        folder / "features", np.float32, "r", 4 * FEATURES * first, (count, FEATURES)
    )
    classes = np.fromfile(folder / "classes", np.uint8, count, offset=first)
    return np.array(mapped), np.eye(CLASSES, dtype=np.float32)[classes]


def train(gradients: Callable[..., Any], X: da.Array, Y: da.Array, steps: int) -> None:
    """Gradient descent on all rows, in single precision."""
    W = np.zeros((FEATURES, CLASSES), np.float32)
    b = np.zeros((1, CLASSES), np.float32)
    size = X.shape[0] * ROW
    for step in range(1, steps + 1):
        begin = time.perf_counter()
        J, by_W, by_b = gradients(X=X, W=W, b=b, Y=Y, lam=WEIGHT_DECAY)
        W -= (RATE * by_W).astype(np.float32)
        b -= (RATE * by_b).astype(np.float32)
        speed = size / 1e9 / (time.perf_counter() - begin)
        print(f"step {step}: J = {J:.4f}, {speed:.2f} GB/s", flush=True)


def peak() -> int:
    """The most memory that this process, or one that it started, has had."""
    unit = 1 if sys.platform == "darwin" else 1024
    who = resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN
    return max(resource.getrusage(w).ru_maxrss for w in who) * unit


def _progress(what: str, done: int, whole: int) -> None:
    if sys.stdout.isatty():
        print(f"\r{what}: {done / whole:.0%}", end="\n" if done == whole else "", flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gigabytes", type=float, default=8, help="of data (default: 8)")
    parser.add_argument("--chunk", type=float, default=64, help="megabytes (default: 64)")
    parser.add_argument("--steps", type=int, default=5, help="of gradient descent (default: 5)")
    parser.add_argument("--threads", type=int, default=2, help="that compute (default: 2)")
    parser.add_argument("--processes", type=int, default=0, help="a local cluster of so many")
    parser.add_argument("--folder", type=Path, help="for the data (default: one that is removed)")
    return parser.parse_args()


if __name__ == "__main__":
    main()
