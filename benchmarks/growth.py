"""How time and memory grow with the problem, and how enumeration would grow.

    python benchmarks/growth.py                  about two minutes
    python benchmarks/growth.py --family nested  one family alone (the first word of its name)
    python benchmarks/growth.py --write          and keeps the figures in RESULTS.md

Each size of each family is read, derived and validated in a process of its own, after a small
problem of the same family that isn't counted (it finds the rules). Seconds are CPU seconds; memory
is what the largest resident size of the process grows by. Both are given by element of the input (a
layer, a matrix, an occurrence, a term, a level), and the time by operator of the answer too: where
the answer itself is longer than linear, nothing can be linear in the input. The factor
compares the last size with the second; its goal is within 2. Memory that grows by less than a
megabyte is within the noise, and not compared.

Beside it what enumeration would have to try if shapes were as declared, all n×n: the factors on one
path from the result to the variable in each order, each turned or not, as matrix products alone (m!
2^m, computed), and how many arrangements ours tried in all (counted).
Exits with 1 if a time by element (or by operator of the answer) misses the goal.
"""

from __future__ import annotations

import argparse
import json
import math
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple
from unittest.mock import patch

from record import record, table

import shapetrick as st
from shapetrick.core.cost import length
from shapetrick.derivation import vjp_rules as rules
from shapetrick.derivation.fitting import Proposals

GOAL = 2.0
NOISE = 1.0  # megabytes
WARM_UP = 3


class Family(NamedTuple):
    """Problems that grow: the text of one by its size, and the factors on a path in it."""

    name: str
    element: str
    sizes: tuple[int, ...]
    text: Callable[[int], str]
    factors: Callable[[int], int]


class Measured(NamedTuple):
    """Of one problem: CPU seconds, megabytes, operators of the answer, arrangements tried."""

    size: int
    seconds: float
    megabytes: float
    operators: int
    tried: int


# ---------------------------------------------------------------------------------- the problems


def network(layers: int) -> str:
    declared = [f"W{i} : d{i - 1} x d{i}" for i in range(1, layers + 1)]
    values = [f"H{i} = tanh(H{i - 1} W{i})" for i in range(1, layers + 1)]
    head, tail = f"H0 : m x d0; Y : m x d{layers}", f"J = norm(H{layers} - Y)^2 / 2"
    return "\n".join([head, *declared, *values, tail, "grad J wrt W1"])


def all_gradients(layers: int) -> str:
    """The network by all its weights."""
    asked = ", ".join(f"W{i}" for i in range(1, layers + 1))
    return network(layers).replace("grad J wrt W1", f"grad J wrt {asked}")


def named_network(layers: int) -> str:
    """The same with a bias, and a name for what the function is applied to."""
    declared = [f"W{i} : d{i - 1} x d{i}; b{i} : 1 x d{i}" for i in range(1, layers + 1)]
    values = [f"Z{i} = H{i - 1} W{i} + b{i}; H{i} = tanh(Z{i})" for i in range(1, layers + 1)]
    head, tail = f"H0 : m x d0; Y : m x d{layers}", f"J = norm(H{layers} - Y)^2 / 2"
    return "\n".join([head, *declared, *values, tail, "grad J wrt W1"])


def recurrent_network(steps: int) -> str:
    declared = ["H0, Y : m x d; W : d x d", *(f"X{i} : m x d" for i in range(1, steps + 1))]
    values = [f"H{i} = tanh(H{i - 1} W + X{i})" for i in range(1, steps + 1)]
    return "\n".join([*declared, *values, f"J = norm(H{steps} - Y)^2 / 2", "grad J wrt W"])


def residual_network(layers: int) -> str:
    declared = ["H0, Y : m x d", *(f"W{i} : d x d" for i in range(1, layers + 1))]
    values = [f"H{i} = H{i - 1} + tanh(H{i - 1} W{i})" for i in range(1, layers + 1)]
    return "\n".join([*declared, *values, f"J = norm(H{layers} - Y)^2 / 2", "grad J wrt W1"])


def directional_derivative(layers: int) -> str:
    network = residual_network(layers)
    return f"V : d x d\n{network.replace('grad J wrt W1', f'jvp H{layers} wrt W1 with V')}"


def residual_jacobian(layers: int) -> str:
    declared = ["x0 : d", *(f"A{i} : d x d" for i in range(1, layers + 1))]
    values = [f"x{i} = x{i - 1} + tanh(A{i} x{i - 1})" for i in range(1, layers + 1)]
    return "\n".join([*declared, *values, f"jac x{layers} wrt x0"])


def linear_recurrence(steps: int) -> str:
    declared = ["H0, Y : m x d; W : d x d", *(f"X{i} : m x d" for i in range(1, steps + 1))]
    values = [f"H{i} = H{i - 1} W + X{i}" for i in range(1, steps + 1)]
    return "\n".join([*declared, *values, f"J = norm(H{steps} - Y)^2 / 2", "grad J wrt W"])


def gated_recurrence(steps: int) -> str:
    """A GRU without biases."""
    declared = [
        "H0, Y : m x d; U, V, W, A, B, C : d x d",
        *(f"X{i} : m x d" for i in range(1, steps + 1)),
    ]
    values = [
        f"Z{i} = sigmoid(X{i} A + H{i - 1} U); R{i} = sigmoid(X{i} B + H{i - 1} V); "
        f"N{i} = tanh(X{i} C + (R{i} .* H{i - 1}) W); "
        f"H{i} = (1 - Z{i}) .* H{i - 1} + Z{i} .* N{i}"
        for i in range(1, steps + 1)
    ]
    return "\n".join([*declared, *values, f"J = norm(H{steps} - Y)^2 / 2", "grad J wrt U"])


def product(matrices: int) -> str:
    declared = [f"A{i} : d{i} x d{i + 1}" for i in range(matrices)]
    value = f"J = sum({' '.join(f'A{i}' for i in range(matrices))})"
    return "\n".join([*declared, value, f"grad J wrt A{matrices // 2}"])


def trace(occurrences: int) -> str:
    declared = [f"A{i} : n x n" for i in range(occurrences)]
    value = f"J = tr({' '.join(f'X A{i}' for i in range(occurrences))})"
    return "\n".join(["X : n x n", *declared, value, "grad J wrt X"])


def sum_of_traces(terms: int) -> str:
    declared = [f"A{i} : n x m" for i in range(terms)]
    value = f"J = {' + '.join(f'tr(A{i} X)' for i in range(terms))}"
    return "\n".join(["X : m x n", *declared, value, "grad J wrt X"])


def sum_of_squares(terms: int) -> str:
    declared = [f"A{i} : p{i} x m; E{i} = norm(A{i} X)^2" for i in range(terms)]
    value = f"J = {' + '.join(f'E{i}' for i in range(terms))}"
    return "\n".join(["X : m x n", *declared, value, "grad J wrt X"])


def nested_functions(levels: int) -> str:
    return f"X : m x n\nJ = sum({'tanh(' * levels}X{')' * levels})\ngrad J wrt X"


def nested_products(levels: int) -> str:
    value = f"{'sin(W ' * levels}X{')' * levels}"
    return f"W : n x n; X : n x m\nJ = sum({value})\ngrad J wrt X"


def brackets(levels: int) -> str:
    return f"X : m x n\nJ = norm({'(' * levels}X{')' * levels})^2\ngrad J wrt X"


FAMILIES = (
    Family("network, written out", "layers", (10, 100, 1000, 5000), network, lambda n: 2 * n + 1),
    Family("gradients by all layers", "layers", (5, 10, 30, 60), all_gradients, lambda n: 2 * n),
    Family(
        "biased layers, all named", "layers", (10, 100, 500, 2000), named_network,
        lambda n: 2 * n + 1,
    ),
    Family(
        "recurrent network, written out", "steps", (10, 50, 100, 500), recurrent_network,
        lambda n: 2 * n + 1,
    ),
    Family(
        "residual network, written out", "layers", (5, 20, 100, 400), residual_network,
        lambda n: 2 * n + 1,
    ),
    Family(
        "directional derivative of a residual network", "layers", (5, 20, 100, 400),
        directional_derivative, lambda n: 2 * n + 1,
    ),
    Family(
        "Jacobian of a residual network", "layers", (5, 20, 80, 160), residual_jacobian,
        lambda n: 2 * n,
    ),
    Family(
        "linear recurrence, written out", "steps", (5, 20, 80, 200), linear_recurrence,
        lambda n: n + 1,
    ),
    Family(
        "gated recurrence, written out", "steps", (3, 10, 30, 100), gated_recurrence,
        lambda n: 4 * n + 1,
    ),
    Family("product of different matrices", "matrices", (5, 10, 50, 200), product, lambda n: n - 1),
    Family("trace of a product with X", "occurrences", (2, 5, 10, 20), trace, lambda n: 2 * n - 1),
    Family("sum of traces", "terms", (10, 100, 500, 2000), sum_of_traces, lambda n: 1),
    Family("squares, each with a name", "terms", (10, 100, 500, 2000), sum_of_squares, lambda n: 3),
    Family("nested functions", "levels", (10, 100, 500, 2000), nested_functions, lambda n: n),
    Family(
        "layers nested in one line", "levels", (10, 100, 500, 2000), nested_products,
        lambda n: 2 * n,
    ),
    Family("brackets", "levels", (10, 100, 500, 2000), brackets, lambda n: 1),
)  # fmt: skip


# --------------------------------------------------------------------------------- measuring


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--family", help="the first word of a family's name")
    parser.add_argument("--size", type=int, help="one size alone, as data")
    parser.add_argument("--write", action="store_true", help="into RESULTS.md")
    args = parser.parse_args()
    families = [f for f in FAMILIES if f.name.startswith(args.family or "")]
    if args.size is not None:
        print(json.dumps(measure(families[0], args.size)))
        return 0
    found = {f: [in_a_process(f, n) for n in f.sizes] for f in families}
    lines = [
        *table(
            (
                "family", "size", "seconds", "ms an element", "ms an operator of the answer",
                "MB", "kB an element", "arrangements tried", "enumeration, all n×n",
            ),
            (row for family, sizes in found.items() for row in rows(family, sizes)),
        ),
        "",
        f"From the second size to the last (goal: within {GOAL:g}):",
        "",
        *table(
            ("family", "time an element", "time an operator", "memory an element"),
            [(f.name, *map(shown, factors(sizes))) for f, sizes in found.items()],
        ),
    ]  # fmt: skip
    missed = [f.name for f, sizes in found.items() if min(factors(sizes)[:2]) > GOAL]
    lines += ["", f"Not linear yet: {'; '.join(missed) or 'none'}."]
    print("\n".join(lines))
    if args.write:
        record("growth.py", lines)
    return int(bool(missed))


def in_a_process(family: Family, size: int) -> Measured:
    command = [sys.executable, __file__, "--family", family.name, "--size", str(size)]
    ran = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return Measured(*json.loads(ran.stdout))


def measure(family: Family, size: int) -> Measured:
    """One problem, in this process."""
    counts: list[int] = []

    class Counted(Proposals):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args)
            counts.append(len(self.arrangements))

    text = family.text(size)
    with patch.object(rules, "Proposals", Counted):
        st.read(family.text(WARM_UP)).derive()
        memory, begin = resident(), time.process_time()
        derivations = st.read(text, time_limit=None).derive(time_limit=None)
        seconds = time.process_time() - begin
    for d in derivations:
        if not d.verified:
            raise SystemExit(f"{family.name}, {size}: {d.validation.reason}")
    answer = {e for d in derivations for e in (d.gradient, *(e for _, e in d.definitions))}
    megabytes = resident() - memory
    return Measured(size, seconds, megabytes, sum(map(length, answer)), sum(counts))


def resident() -> float:
    """The largest resident size so far, in megabytes."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


def rows(family: Family, sizes: list[Measured]) -> Iterator[tuple[object, ...]]:
    for m in sizes:
        yield (
            family.name, f"{m.size} {family.element}", f"{m.seconds:.3f}",
            f"{1e3 * m.seconds / m.size:.2f}", f"{1e3 * m.seconds / max(m.operators, 1):.2f}",
            f"{m.megabytes:.1f}", f"{1e3 * m.megabytes / m.size:.0f}", m.tried,
            enumerated(family.factors(m.size)),
        )  # fmt: skip


def enumerated(factors: int) -> str:
    """m! 2^m, where it has many digits as a power of ten."""
    digits = math.lgamma(factors + 1) / math.log(10) + factors * math.log10(2)
    return f"{math.factorial(factors) * 2**factors}" if digits < 7 else f"10^{digits:.0f}"


def factors(sizes: list[Measured]) -> tuple[float, float, float]:
    """How much more the last size takes than the second: time by element, by operator, memory."""
    _, second, *_, last = sizes

    def ratio(of: Callable[[Measured], float]) -> float:
        return of(last) / of(second)

    memory = ratio(lambda m: m.megabytes / m.size) if second.megabytes > NOISE else math.nan
    return (
        ratio(lambda m: m.seconds / m.size),
        ratio(lambda m: m.seconds / max(m.operators, 1)),
        memory,
    )


def shown(factor: float) -> str:
    return "–" if math.isnan(factor) else f"{factor:.2f}"


if __name__ == "__main__":
    sys.exit(main())
