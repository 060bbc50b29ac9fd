"""Generated functions of random derivatives against the values of their expressions.

    python benchmarks/random_code.py                 10,000 problems, about half an hour
    python benchmarks/random_code.py --count 500 --first 20000

Draws what the tests draw (`tests/random_functions.py`). For each problem that is derived and
verified, the NumPy function is compared with `evaluate`, plain and in blocks of two rows; for some,
those of all other targets that are installed. Prints a table, and exits with 1 if a function
differs, raises, or is refused.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from record import record, table

sys.path.append(str(Path(__file__).parents[1] / "tests" / "support"))

from code_agreement import COLUMNS, FAULTS, small_blocks, word_of
from random_functions import random_problem

import shapetrick as st
from shapetrick.codegen.python.module import LIBRARIES, TARGETS

OTHERS_EVERY = 40  # problems: compiling for JAX takes longer than all the rest


def main() -> int:
    """Prints the table; 1 if there is a fault."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=10_000, help="problems")
    parser.add_argument("--first", type=int, default=0, help="the first one's seed")
    parser.add_argument("--write", action="store_true", help="keep the figures in RESULTS.md")
    given = parser.parse_args()
    installed = [t for t in TARGETS if find_spec(LIBRARIES[t]) is not None]
    counts = {key: Counter[str]() for key in ("numpy", "numpy in blocks", *installed[1:])}
    problems: Counter[str] = Counter()
    start = time.perf_counter()
    for seed in range(given.first, given.first + given.count):
        text = random_problem(seed)
        try:
            derivation = st.read(text).derive()[0]
        except st.ShapetrickError:
            problems["refused"] += 1
            continue
        except Exception as error:
            problems["crashed"] += 1
            print(f"crashes: seed {seed}: {text!r}: {error!r}", flush=True)
            continue
        if not derivation.verified:
            problems["not verified"] += 1
            continue
        problems[f"{derivation.kind} derived"] += 1
        chosen = ["numpy", "numpy in blocks", *(installed[1:] if seed % OTHERS_EVERY == 0 else ())]
        for key in chosen:
            target = key.removesuffix(" in blocks")
            with small_blocks():
                word = word_of(derivation, target, blocks=key != target)
            counts[key][word] += 1
            if word in FAULTS:
                print(f"{word}: {key}, seed {seed}: {text!r}", flush=True)
    seconds = (time.perf_counter() - start) / given.count
    lines = table(
        ["function", *COLUMNS], [[key, *(c[w] for w in COLUMNS)] for key, c in counts.items()]
    )
    note = f"{given.count} problems from seed {given.first} on, {seconds:.2f} s each: "
    note += ", ".join(f"{n} {what}" for what, n in sorted(problems.items())) + "."
    print("\n".join([note, "", *lines]))
    if given.write:
        record("random_code.py", [note, "", *lines], ["numpy", "jax", "torch"])
    return int(bool(problems["crashed"]) or any(c[w] for c in counts.values() for w in FAULTS))


if __name__ == "__main__":
    with np.errstate(all="ignore"):
        sys.exit(main())
