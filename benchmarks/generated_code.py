"""Times generated code against automatic differentiation, each library alone and taking turns.

    python benchmarks/generated_code.py              everything, about half an hour
    python benchmarks/generated_code.py --rounds 1 --problems attention --threads 1
    python benchmarks/generated_code.py --problems 'attention of heads' --single --write
    python benchmarks/generated_code.py --problems 'convolution of images' --threads 1 --no-turns
        (a minute a round of processes: --rounds 1 for a look)

Some problems, and float32, have sections of their own in RESULTS.md. Every time is the least of
many, in float64 unless asked otherwise. `alone` is a process for each library, the processes
alternating; `in turns` is one process in which the libraries take turns, call by call. Ratios are
to the generated NumPy code: above 1, that is faster. Memory is what a call takes at its peak
beyond what was there before it. Exits with 1 if the goal on one thread is missed. What it
compares with: `pip install -e '.[benchmark]'`.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from math import exp, log
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from record import record, table

import shapetrick

SECONDS = 1.5  # that one measurement goes on for, at least
FEWEST = 5  # calls
NEAR = 1.05  # to jax.jit, on every problem
RTOL = {np.float64: 1e-7, np.float32: 1e-3}  # between the gradients of two libraries
STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


@dataclass(frozen=True)
class Case:
    """A problem in the language, the same loss in any array library, by what it is differentiated,
    and sizes for which a call takes a tenth of a second or so. `axes` are the shapes of families,
    in dimensions."""

    text: str
    loss: Callable[..., Any]
    by: str
    sizes: Mapping[str, int]
    axes: Mapping[str, str] = field(default_factory=dict)
    least: float = 1.0  # of torch's speed, to be met


def _linear(lib: Any, X: Any, w: Any, y: Any) -> Any:
    r = X @ w - y
    return r @ r / (2 * len(y))


def _ridge(lib: Any, X: Any, w: Any, y: Any) -> Any:
    r = X @ w - y
    return r @ r / (2 * len(y)) + 0.05 * (w @ w)


def _logistic(lib: Any, X: Any, w: Any, y: Any) -> Any:
    z = X @ w
    return (lib.sum(lib.softplus(z)) - y @ z) / len(y)


def _softmax(lib: Any, X: Any, W: Any, Y: Any) -> Any:
    S = X @ W
    return (lib.sum(lib.logsumexp(S)) - lib.sum(Y * S)) / len(X)


def _mlp(lib: Any, X: Any, A: Any, B: Any, C: Any, Y: Any) -> Any:
    R = lib.tanh(lib.tanh(X @ A) @ B) @ C - Y
    return lib.sum(R * R) / (2 * len(X))


def _attention(lib: Any, Q: Any, K: Any, V: Any, Y: Any) -> Any:
    R = lib.softmax(Q @ K.T / Q.shape[1] ** 0.5) @ V - Y
    return lib.sum(R * R) / 2


def _gaussian(lib: Any, S: Any) -> Any:
    return lib.logdet(S)


def _masked(lib: Any, U: Any, V: Any, M: Any, Y: Any) -> Any:
    R = M * (U @ V.T - Y)
    return lib.sum(R * R) / 2


def _heads(lib: Any, Q: Any, K: Any, V: Any, Y: Any) -> Any:
    R = lib.softmax(Q @ lib.turned(K) / Q.shape[-1] ** 0.5) @ V - Y
    return lib.sum(R * R) / 2


def _convolution(lib: Any, X: Any, K: Any, Y: Any) -> Any:
    R = lib.conv2d(X, K) - Y
    return lib.sum(R * R) / 2


CASES: Mapping[str, Case] = {
    "linear regression": Case(
        "X: m x d; w: d; y: m; J = norm(X w - y)^2 / (2 m); grad J wrt w",
        _linear, "w", {"m": 200_000, "d": 150},
    ),
    "ridge regression": Case(
        "X: m x d; w: d; y: m; J = norm(X w - y)^2 / (2 m) + 0.05 norm(w)^2; grad J wrt w",
        _ridge, "w", {"m": 40_000, "d": 800},
    ),
    "logistic regression": Case(
        "X: m x d; w: d; y: m; z = X w; J = (sum(softplus(z)) - y' z) / m; grad J wrt w",
        _logistic, "w", {"m": 300_000, "d": 50},
    ),
    "softmax regression": Case(
        """X: m x d; W: d x k; Y: m x k onehot; S = X W
        J = (sum(logsumexp(S, axis=1)) - sum(Y .* S)) / m; grad J wrt W""",
        _softmax, "W", {"m": 100_000, "d": 100, "k": 20},
    ),
    "3-layer MLP": Case(
        """X: m x d; A: d x h; B: h x k; C: k x p; Y: m x p
        J = norm(tanh(tanh(X A) B) C - Y)^2 / (2 m); grad J wrt A, B, C""",
        _mlp, "ABC", {"m": 20_000, "d": 150, "h": 120, "k": 80, "p": 10},
    ),
    "attention": Case(
        """Q: n x d; K: m x d; V: m x p; Y: n x p
        J = norm(softmax(Q K' / sqrt(d), axis=1) V - Y)^2 / 2; grad J wrt Q, K, V""",
        _attention, "QKV", {"n": 2000, "m": 2000, "d": 64, "p": 64},
    ),
    "log-determinant": Case(
        "S: n x n posdef; J = logdet(S); grad J wrt S", _gaussian, "S", {"n": 1500}
    ),
    "masked factorisation": Case(
        """U: m x r; V: n x r; M: m x n; Y: m x n
        J = norm(M .* (U V' - Y))^2 / 2; grad J wrt U, V""",
        _masked, "UV", {"m": 2500, "n": 2000, "r": 20},
    ),
    "attention of heads": Case(
        """Q[b,h], K[b,h], V[b,h], Y[b,h] : n x d for b = 1..B, h = 1..H
        P[b,h] = softmax(Q[b,h] K[b,h]' / sqrt(d), axis=1) for b = 1..B, h = 1..H
        J = sum(b = 1..B) sum(h = 1..H) norm(P[b,h] V[b,h] - Y[b,h])^2 / 2
        grad J wrt Q[b,h], K[b,h], V[b,h]""",
        _heads, "QKV", {"B": 8, "H": 8, "n": 256, "d": 64}, dict.fromkeys("QKVY", "B H n d"),
    ),
    "convolution of images": Case(
        """X[b,r,s] : 1 x c for b = 1..B, r = 0..P+1, s = 0..P+1
        K[i,j] : c x d for i = 0..2, j = 0..2
        Y[b,p,q] : 1 x d for b = 1..B, p = 0..P-1, q = 0..P-1
        S[b,p,q] = sum(i = 0..2, j = 0..2) X[b,p+i,q+j] K[i,j] for b = 1..B, p = 0..P-1, q = 0..P-1
        J = sum(b = 1..B) sum(p = 0..P-1) sum(q = 0..P-1) norm(S[b,p,q] - Y[b,p,q])^2 / 2
        grad J wrt X[b,r,s], K[i,j]""",
        _convolution, "XK", {"B": 16, "P": 30, "c": 64, "d": 64},
        {"X": "B P+2 P+2 c", "K": "3 3 c d", "Y": "B P P d"}, 1 / 1.6,
    ),
}  # fmt: skip


def arrays(case: Case, sizes: Mapping[str, int]) -> dict[str, np.ndarray]:
    """The inputs, small enough that no function saturates."""
    rng = np.random.default_rng(0)
    found = {}
    if case.axes:
        for name, dims in case.axes.items():
            sides = [sum(sizes.get(d) or int(d) for d in one.split("+")) for one in dims.split()]
            found[name] = rng.normal(size=sides) / np.sqrt(sides[-1])
        return found
    for name, symbol in shapetrick.read(case.text).data.symbols.items():
        shape = [d.size(sizes) for d in symbol.shape if d.size(sizes) > 1]
        array = rng.normal(size=shape) / np.sqrt(shape[-1])
        if "posdef" in symbol.attributes:
            array = array @ array.T + np.eye(shape[0])
        if "onehot" in symbol.attributes:
            array = np.eye(shape[1])[rng.integers(shape[1], size=shape[0])]
        found[name] = array
    return found


# -------------------------------------------------------------------------------- the libraries


def _ours(case: Case, data: dict[str, np.ndarray], blocks: bool = True) -> Callable[[], Any]:
    blocks = blocks and not case.axes
    function = shapetrick.read(case.text).function("numpy", sizes=case.sizes, blocks=blocks)
    return lambda: list(function(**data).values())


def _in_threads(case: Case, data: dict[str, np.ndarray]) -> Callable[[], Any]:
    """Blocks in as many threads as there are processors; the products' own threads are off."""
    threads = len(os.sched_getaffinity(0))
    function = shapetrick.read(case.text).function("numpy", sizes=case.sizes, threads=threads)
    return lambda: list(function(**data).values())


def _plain(case: Case, data: dict[str, np.ndarray]) -> Callable[[], Any]:
    return _ours(case, data, blocks=False)


def _jax() -> Any:
    jax = import_module("jax")
    jax.config.update("jax_enable_x64", True)
    return jax


def _ours_in_jax(case: Case, data: dict[str, np.ndarray]) -> Callable[[], Any]:
    jax = _jax()
    function = shapetrick.read(case.text).function("jax", sizes=case.sizes)
    given = jax.block_until_ready({name: jax.numpy.asarray(x) for name, x in data.items()})
    return lambda: jax.block_until_ready(list(function(**given).values()))


def _jax_jit(case: Case, data: dict[str, np.ndarray]) -> Callable[[], Any]:
    jax = _jax()
    lib = SimpleNamespace(
        sum=jax.numpy.sum, tanh=jax.numpy.tanh, softplus=jax.nn.softplus,
        softmax=lambda S: jax.nn.softmax(S, axis=-1),
        turned=lambda S: jax.numpy.swapaxes(S, -1, -2),
        conv2d=lambda X, K: jax.lax.conv_general_dilated(
            X, K, (1, 1), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC")
        ),
        logsumexp=lambda S: jax.nn.logsumexp(S, axis=1),
        logdet=lambda S: jax.numpy.linalg.slogdet(S)[1],
    )  # fmt: skip
    places = [list(data).index(name) for name in case.by]
    both = jax.jit(jax.value_and_grad(lambda *xs: case.loss(lib, *xs), places))
    given = jax.block_until_ready([jax.numpy.asarray(x) for x in data.values()])
    return lambda: _flat(jax.block_until_ready(both(*given)))


def _torch(case: Case, data: dict[str, np.ndarray]) -> Callable[[], Any]:
    torch = import_module("torch")
    lib = SimpleNamespace(
        sum=torch.sum, tanh=torch.tanh, softplus=torch.nn.functional.softplus,
        softmax=lambda S: torch.softmax(S, -1), logsumexp=lambda S: torch.logsumexp(S, 1),
        logdet=torch.logdet, turned=lambda S: S.mT,
        conv2d=lambda X, K: torch.nn.functional.conv2d(
            X.permute(0, 3, 1, 2), K.permute(3, 2, 0, 1)
        ).permute(0, 2, 3, 1),
    )  # fmt: skip
    given = {name: torch.from_numpy(x.copy()) for name, x in data.items()}
    leaves = [given[name].requires_grad_() for name in case.by]

    def call() -> Any:
        value = case.loss(lib, *given.values())
        return [value.detach().numpy(), *(g.numpy() for g in torch.autograd.grad(value, leaves))]

    return call


def _hips(case: Case, data: dict[str, np.ndarray]) -> Callable[[], Any]:
    value_and_grad = import_module("autograd").value_and_grad
    xp = import_module("autograd.numpy")
    special = import_module("autograd.scipy.special")

    def softmax(S: Any) -> Any:
        E = xp.exp(S - xp.max(S, axis=-1, keepdims=True))
        return E / xp.sum(E, axis=-1, keepdims=True)

    def conv2d(X: Any, K: Any) -> Any:
        rows, cols = (X.shape[k + 1] - K.shape[k] + 1 for k in (0, 1))
        parts = [
            X[:, i : i + rows, j : j + cols] @ K[i, j]
            for i in range(K.shape[0])
            for j in range(K.shape[1])
        ]
        return sum(parts)

    lib = SimpleNamespace(
        sum=xp.sum, tanh=xp.tanh, softplus=lambda z: xp.logaddexp(0, z), softmax=softmax,
        logsumexp=lambda S: special.logsumexp(S, axis=1), logdet=lambda S: xp.linalg.slogdet(S)[1],
        turned=lambda S: xp.swapaxes(S, -1, -2), conv2d=conv2d,
    )  # fmt: skip
    places = [list(data).index(name) for name in case.by]

    def loss(variables: Sequence[Any]) -> Any:
        given = list(data.values())
        for place, x in zip(places, variables, strict=True):
            given[place] = x
        return case.loss(lib, *given)

    both = value_and_grad(loss)
    return lambda: _flat(both([data[name] for name in case.by]))


def _flat(found: Any) -> list[Any]:
    value, gradients = found
    return [value, *gradients]


OURS, PLAIN, OURS_IN_JAX, JAX = "ours", "ours, no blocks", "ours in JAX", "jax.jit"
IN_THREADS = "ours, blocks in threads"
LIBRARIES: Mapping[str, Callable[[Case, dict[str, np.ndarray]], Callable[[], Any]]] = {
    OURS: _ours, "torch": _torch, "HIPS autograd": _hips, JAX: _jax_jit, PLAIN: _plain,
    IN_THREADS: _in_threads, OURS_IN_JAX: _ours_in_jax,
}  # fmt: skip


AS_OURS = (PLAIN, IN_THREADS)  # of families, which have neither blocks nor threads


# --------------------------------------------------------------------------------- measurements


def measure(problem: str, libraries: Sequence[str], kind: type) -> dict[str, tuple[float, float]]:
    """The least seconds of a call and the megabytes that it takes, by library, for numbers of that
    kind."""
    case = CASES[problem]
    small = arrays(case, {name: 2 + i for i, name in enumerate(case.sizes)})
    small = {name: x.astype(kind) for name, x in small.items()}
    for name in libraries:  # what is loaded once doesn't count
        LIBRARIES[name](case, small)()
    data = {name: x.astype(kind) for name, x in arrays(case, case.sizes).items()}
    calls = {name: LIBRARIES[name](case, data) for name in libraries}
    found = {name: _with_peak(call) for name, call in calls.items()}
    _compare([results for results, _ in found.values()], RTOL[kind])
    least = dict.fromkeys(calls, float("inf"))
    spent, count = 0.0, 0
    while spent < SECONDS * len(calls) or count < FEWEST:
        count += 1
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            seconds = time.perf_counter() - start
            least[name] = min(least[name], seconds)
            spent += seconds
    return {name: (least[name], found[name][1]) for name in calls}


def _compare(results: Sequence[Sequence[Any]], rtol: float) -> None:
    """All libraries have found the same."""
    for found in results[1:]:
        for x, y in zip(found, results[0], strict=True):
            a, b = np.asarray(x), np.asarray(y)
            np.testing.assert_allclose(a, b, rtol=0, atol=rtol * np.max(np.abs(b)))


def _with_peak(call: Callable[[], Any]) -> tuple[Any, float]:
    """The results of a first call, and its megabytes at the peak, of memory that is resident."""
    CLEAR.write_text("5")
    before = _resident()
    results = call()
    return results, (_resident() - before) / 1024


def _resident() -> int:
    lines = STATUS.read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


def in_process(
    problem: str, libraries: Sequence[str], threads: int, single: bool
) -> dict[str, Any]:
    """The measurement in a process of its own, on so many processors."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    own = 1 if libraries == [IN_THREADS] else threads  # of the products
    environment = {**os.environ, **dict.fromkeys(names, str(own))}
    command = [sys.executable, __file__, "--measure", problem, *libraries]
    run = subprocess.run(
        [*command, "--threads", str(threads), *["--single"] * single],
        env=environment, stdout=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip
    return dict(json.loads(run.stdout))


Times = dict[tuple[str, str], tuple[float, float]]  # by problem and library


def collect(
    problems: Sequence[str],
    libraries: Sequence[str],
    rounds: int,
    threads: int,
    alone: bool,
    single: bool,
) -> Times:
    """The least times and memory, over so many rounds of all; each process is told on stderr."""
    found: Times = {}
    for k in range(rounds):
        for problem in problems:
            same = AS_OURS if CASES[problem].axes else ()
            measured = [name for name in libraries if name not in same]
            for group in [[name] for name in measured] if alone else [measured]:
                times = in_process(problem, group, threads, single)
                for name, (seconds, megabytes) in times.items():
                    old = found.get((problem, name), (float("inf"), float("inf")))
                    found[problem, name] = min(old[0], seconds), min(old[1], megabytes)
                    told = f"{problem}, {name}: {1000 * seconds:.1f} ms"
                    print(f"round {k + 1} of {rounds}: {told}", file=sys.stderr, flush=True)
            found.update({(problem, name): found[problem, OURS] for name in same})
    return found


# -------------------------------------------------------------------------------------- results


def ratios(times: Times, problems: Sequence[str], of: str, to: str) -> list[float]:
    return [times[p, of][0] / times[p, to][0] for p in problems]


def mean(values: Sequence[float]) -> float:
    """The geometric mean."""
    return exp(sum(map(log, values)) / len(values))


def rows(times: Times, problems: Sequence[str]) -> Iterator[list[str]]:
    others = [name for name in LIBRARIES if name not in (OURS, OURS_IN_JAX)]
    columns = [ratios(times, problems, name, OURS) for name in others]
    columns.append(ratios(times, problems, JAX, OURS_IN_JAX))
    for i, p in enumerate(problems):
        memory = " / ".join(f"{times[p, name][1]:.0f}" for name in (OURS, *others))
        milliseconds = f"{1000 * times[p, OURS][0]:.1f}"
        yield [p, milliseconds, *(f"{column[i]:.2f}" for column in columns), memory]
    yield ["geometric mean", "", *(f"**{mean(column):.2f}**" for column in columns), ""]


def scaling(one: Times, two: Times, problems: Sequence[str]) -> Iterator[list[str]]:
    """How much faster blocks in two threads are than blocks in one."""
    found = [one[p, OURS][0] / two[p, IN_THREADS][0] for p in problems]
    for p, ratio in zip(problems, found, strict=True):
        yield [p, f"{ratio:.2f}"]
    yield ["geometric mean", f"**{mean(found):.2f}**"]


HEADER = [
    "", "ours, ms", "torch", "HIPS autograd", JAX, PLAIN, IN_THREADS, "jax.jit to ours in JAX",
    "MB: ours / torch / HIPS / jax.jit / ours, no blocks / in threads",
]  # fmt: skip


def judge(times: Times, problems: Sequence[str]) -> Iterator[tuple[str, bool]]:
    """The goal on one thread, each library in a process of its own."""
    for name in ("torch", "HIPS autograd"):
        found = ratios(times, problems, name, OURS)
        least = [CASES[p].least if name == "torch" else 1.0 for p in problems]
        met = sum(r > k for r, k in zip(found, least, strict=True))
        wanted = (
            f"faster than {name}" if min(least) == 1 else f"at least {min(least):.2f} of {name}"
        )
        yield f"{wanted}: {met} of {len(problems)}", met == len(problems)
    found = ratios(times, problems, JAX, OURS)
    met = sum(r * NEAR >= 1 for r in found)
    yield f"within 5 % of jax.jit: {met} of {len(problems)}", met == len(problems)
    yield f"geometric mean to jax.jit: {mean(found):.2f}", mean(found) > 1
    of_arrays = [p for p in problems if CASES[p].axes]
    met = sum(r * 1.1 >= 1 for r in ratios(times, of_arrays, JAX, OURS_IN_JAX))
    if of_arrays:
        said = f"ours in JAX within 10 % of jax.jit: {met} of {len(of_arrays)}"
        yield said, met == len(of_arrays)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--problems", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--threads", nargs="+", type=int, default=[1, 2])
    parser.add_argument("--rounds", type=int, default=3, help="of processes (default: 3)")
    parser.add_argument("--single", action="store_true", help="in float32")
    parser.add_argument("--turns", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--write", action="store_true", help="into RESULTS.md")
    parser.add_argument("--measure", nargs="+", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.measure:
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-args.threads[0] :])
        problem, *libraries = args.measure
        print(json.dumps(measure(problem, libraries, np.float32 if args.single else np.float64)))
        return 0
    lines: list[str] = []
    marks: list[tuple[str, bool]] = []
    by_threads: dict[int, Times] = {}
    for threads in args.threads:
        for alone in (True, False) if args.turns else (True,):
            times = collect(
                args.problems, list(LIBRARIES), args.rounds, threads, alone, args.single
            )
            how = "each library in a process of its own" if alone else "taking turns in one process"
            section = [f"### {threads} thread{'s' * (threads > 1)}, {how}", ""]
            section += [*table(HEADER, rows(times, args.problems)), ""]
            if alone:
                by_threads[threads] = times
            if threads == 1 and alone:
                marks = list(judge(times, args.problems))
                section += [*(f"- {'met' if met else 'MISSED'}: {text}" for text, met in marks), ""]
            print("\n".join(section), flush=True)
            lines += section
    if {1, 2} <= by_threads.keys():
        scaled = scaling(by_threads[1], by_threads[2], args.problems)
        section = ["### Blocks in two threads against one", "", *table(["", "faster"], scaled), ""]
        print("\n".join(section), flush=True)
        lines += section
    if args.write:
        chosen = [] if args.problems == list(CASES) else ["--problems", *args.problems]
        section_of = ["generated_code.py", *chosen, *["--single"] * args.single]
        record(shlex.join(section_of), lines, ("numpy", "scipy", "torch", "jax", "autograd"))
    return 0 if all(met for _, met in marks) else 1


if __name__ == "__main__":
    sys.exit(main())
