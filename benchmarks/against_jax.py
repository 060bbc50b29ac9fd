"""Derivatives of random expressions against JAX's: how many are right, refused, or wrong?

    python benchmarks/against_jax.py                    1000 of each kind, about an hour
    python benchmarks/against_jax.py --count 50 --seed 3

Draws what the tests draw (`tests/support/strategies.py`), prints a table, and exits with 1 if a
derivative that was verified is not JAX's, if one fails our own check, or if something else than a
refusal is raised. A refusal says why; unchecked is what has no point to check it at, such as the
kink of `maximum(A, A')`; not steady is where rounding is all that one sees, at all the draws."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from pathlib import Path

from hypothesis import HealthCheck, Phase, assume, given, seed, settings
from hypothesis import strategies as st
from record import record, table

sys.path.append(str(Path(__file__).parents[1] / "tests" / "support"))

from jax_agreement import FAULTS, OUTCOMES, Outcome, outcome, variables
from strategies import expressions

from shapetrick.core.dims import SCALAR
from shapetrick.core.problem import DerivativeKind
from shapetrick.language.elaboration import OF_SCALARS

KINDS: tuple[DerivativeKind, ...] = ("grad", "vjp", "jvp", "jac", "hess", "hvp")
CRASH = "crash"
COLUMNS = (*OUTCOMES, CRASH)


def outcomes(kind: DerivativeKind, count: int, first: int) -> list[Outcome]:
    """What comes of that many different random requests."""
    found: dict[str, Outcome] = {}

    @seed(first)
    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(data=st.data())
    def ask(data: st.DataObject) -> None:
        of = data.draw(expressions(shape=SCALAR if kind in OF_SCALARS else None, depth=3))
        assume(variables(of))
        wrt = data.draw(st.sampled_from(variables(of)))
        question = f"{kind} {of} wrt {wrt}"
        if question in found:
            return
        try:
            found[question] = outcome(of, wrt, kind)
        except Exception as error:  # whatever it is, it is counted and printed
            found[question] = Outcome(CRASH, f"{question}: {type(error).__name__}: {error}")

    ask()
    return list(found.values())


def main() -> int:
    """Prints the table; 1 if there is a fault."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=1000, help="requests of each kind")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--write", action="store_true", help="keep the figures in RESULTS.md")
    parser.add_argument("--refused", action="store_true", help="print what is refused, too")
    given = parser.parse_args()
    rows, faults = [], 0
    for kind in KINDS:
        start = time.perf_counter()
        found = outcomes(kind, given.count, given.seed)
        counts = Counter(one.word for one in found)
        faults += sum(counts[word] for word in (*FAULTS, CRASH))
        seconds = (time.perf_counter() - start) / max(len(found), 1)
        rows.append([kind, len(found), *(counts[word] for word in COLUMNS), f"{seconds:.2f}"])
        for one in found:
            if one.word in (*FAULTS, CRASH) or (given.refused and one.word == "refused"):
                print(f"{one.word}: {one.text}", flush=True)
        print(rows[-1], flush=True)
    total = [sum(row[i] for row in rows) for i in range(1, len(COLUMNS) + 2)]
    lines = table(["request", "different", *COLUMNS, "s each"], [*rows, ["all", *total, ""]])
    print("\n".join(lines))
    if given.write:
        note = f"Seed {given.seed}; expressions of up to 3 operations deep, sides 3, 4, 2 and 1."
        record("against_jax.py", [note, "", *lines], ["numpy", "jax", "hypothesis"])
    return int(faults > 0)


if __name__ == "__main__":
    sys.exit(main())
