"""Spoilt and random texts: is each of them answered or refused, in time and within memory?

    python benchmarks/fuzz.py                         100,000 texts, hours on one core
    python benchmarks/fuzz.py --count 2000 --seed 7
    python benchmarks/fuzz.py --only 1234             one text, printed

The texts are the project's own problems with tokens and characters changed, lines of several
problems put together, and random sentences of the language. Each goes through the whole program:
read, derived or judged, and shown in one of the forms. Exits with 1 if one ends in an exception
that is no refusal, takes more than 5 s of the processor, or more than 1 GB. Beside other work set
OPENBLAS_NUM_THREADS=1: threads that wait for each other count as work.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import resource
import sys
import time
import tomllib
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import cache
from pathlib import Path
from traceback import extract_tb
from typing import NamedTuple

from record import record, table

import shapetrick as st
from shapetrick.core.functions import NAMES
from shapetrick.language.syntax.tree import ATTRIBUTES

ROOT = Path(__file__).parents[1]
SECONDS, MEGABYTES = 5.0, 1000
BLOCK = 100  # texts that a process is given at once
BLOCKS = 4  # of these that it takes before another follows it
ANSWERED, REFUSED = "answered", "refused"
FAULTS = ("exception", "slow", "large")

Change = Callable[[list[str], random.Random], list[str]]


class Outcome(NamedTuple):
    """What came of a text: a word, and for a fault what it was."""

    number: int
    word: str
    text: str = ""
    said: str = ""


# --------------------------------------------------------------------------------------- the texts


@cache
def seeds() -> list[str]:
    """The project's own problems, with their answers as claims where they are known."""
    found = [p.read_text(encoding="utf-8") for p in sorted((ROOT / "examples").glob("*.st"))]
    known = tomllib.loads((ROOT / "benchmarks" / "problems.toml").read_text(encoding="utf-8"))
    for problem in known["problem"]:
        text = problem["text"].strip()
        found.append(text)
        *lines, asked = text.splitlines()
        if "answer" in problem:
            found.append("\n".join([*lines, f"check {asked} = {problem['answer']}"]))
    return found


TOKEN = re.compile(r"[^\W\d]\w*(?:\[[^\]\n]*\])?|\d+(?:\.\d+)?|\.\*|\.\^|\./|\.\.|\s+|.", re.DOTALL)
ODD_TOKENS = (
    *(
        "0",
        "1",
        "-1",
        "1/2",
        "1e300",
        "10000000000",
        "64",
        "0.1",
        "pi",
        "e",
        "inf",
        "nan",
        "I",
        "T",
    ),
    *("+", "-", "*", ".*", "/", "./", "^", ".^", "'", "(", ")", "[", "]", ",", ";", ":", "=", "\n"),
    *("wrt", "with", "for", "sum(k = 1..K)", "l-1", "[l]", "axis=0", "axis=1", "scalar", "n x n"),
    *("grad", "vjp", "jac", "hess", "jvp", "hvp", "check", "#", "..", "m n", "100", "ones(n)"),
)
ODD_CHARACTERS = (
    "\0\t\r\n '\"`\\|~^%$#@!&*()[]{}<>.,;:=+-/_"
    "\u00e9\u03b1\u2032\u2212\u00b7\u2299\u200b\ufeff\ud800\U0001d465\u0300"
)


def drop(parts: list[str], rng: random.Random) -> list[str]:
    at = rng.randrange(len(parts))
    return parts[:at] + parts[at + rng.choice((1, 1, 1, 3)) :]


def double(parts: list[str], rng: random.Random) -> list[str]:
    at = rng.randrange(len(parts))
    many = parts[at : at + rng.choice((1, 3, 8))] * rng.choice((1, 1, 1, 9))
    return parts[:at] + many + parts[at:]


def swap(parts: list[str], rng: random.Random) -> list[str]:
    a, b = rng.randrange(len(parts)), rng.randrange(len(parts))
    parts[a], parts[b] = parts[b], parts[a]
    return parts


def replaced(parts: list[str], rng: random.Random) -> list[str]:
    parts[rng.randrange(len(parts))] = rng.choice(
        (rng.choice(ODD_TOKENS), rng.choice(parts), rng.choice(sorted(NAMES)))
    )
    return parts


def inserted(parts: list[str], rng: random.Random) -> list[str]:
    at = rng.randrange(len(parts) + 1)
    return [*parts[:at], rng.choice((rng.choice(ODD_TOKENS), rng.choice(parts))), *parts[at:]]


def odd_character(parts: list[str], rng: random.Random) -> list[str]:
    at = rng.randrange(len(parts) + 1)
    return [*parts[:at], rng.choice(ODD_CHARACTERS), *parts[at:]]


CHANGES: tuple[Change, ...] = (drop, double, swap, replaced, replaced, inserted, odd_character)


def spoilt(rng: random.Random) -> str:
    """A problem of the project with a few changes, in its tokens or its characters."""
    text = rng.choice(seeds())
    parts = TOKEN.findall(text) if rng.random() < 0.8 else list(text)
    for _ in range(rng.choice((1, 1, 2, 3, 6))):
        parts = rng.choice(CHANGES)(parts or [" "], rng)
    return "".join(parts)


def mixed(rng: random.Random) -> str:
    """Lines of two problems, in their order."""
    lines = [line for text in rng.sample(seeds(), 2) for line in text.splitlines()]
    kept = [line for line in lines if rng.random() < 0.8]
    return "\n".join(kept)


DIMS = ("n", "m", "k", "n", "m", "1", "3", "n + 1", "m n", "2 n", "n n", "100")
VARIABLES = ("A", "B", "X", "x", "y", "a", "s", "W", "S", "v")


def sentence(rng: random.Random) -> str:
    """Declarations, definitions and requests that the grammar can make."""
    lines, known = [], []
    for name in rng.sample(VARIABLES, rng.randint(2, 5)):
        rows, cols = rng.choice(DIMS), rng.choice(DIMS)
        shape = rng.choice((rows, "scalar", f"{rows} x {cols}", f"{rows} x {rows}", "n x n", "n"))
        attributes = " ".join(rng.sample(sorted(ATTRIBUTES), rng.choice((0, 0, 0, 1, 2))))
        lines.append(f"{name} : {shape} {attributes}".rstrip())
        known.append(name)
    for name in rng.sample(("J", "Z", "r", "P"), rng.randint(1, 3)):
        lines.append(f"{name} = {expression(rng, known, rng.randint(1, 4))}")
        known.append(name)
    for _ in range(rng.choice((1, 1, 2))):
        kind = rng.choice(("grad", "vjp", "jac", "hess", "jvp", "hvp"))
        of = known[-1] if rng.random() < 0.7 else f"({expression(rng, known, 2)})"
        asked = f"{kind} {of} wrt {rng.choice(known)}"
        if rng.random() < 0.2:
            asked = f"check {asked} = {expression(rng, known, 2)}"
        lines.append(asked)
    return "\n".join(lines)


def expression(rng: random.Random, known: Sequence[str], depth: int) -> str:
    """A random expression, more often than not with shapes that fit."""
    if depth == 0 or rng.random() < 0.1:
        return rng.choice((rng.choice(known), rng.choice(known), rng.choice(("2", "0", "n", "I"))))

    def part() -> str:
        return expression(rng, known, depth - 1)

    form = rng.random()
    if form < 0.35:
        return f"{rng.choice(sorted(NAMES))}({part()})"
    if form < 0.4:
        return f"{rng.choice(sorted(NAMES))}({part()}, {rng.choice((part(), 'axis=0', 'axis=1'))})"
    if form < 0.5:
        return f"({part()})'"
    if form < 0.6:
        whole = rng.choice(("2", "-1", "0", "3", "1/2", "-2", "64", part()))
        return f"({part()}){rng.choice(('^', '.^'))}{whole}"
    sign = rng.choice((" + ", " - ", " ", " ", " .* ", " ./ ", " / "))
    return f"({part()}{sign}{part()})"


def text_of(seed: int, number: int) -> str:
    """The text of that number: the same on every machine."""
    rng = random.Random(f"{seed}:{number}")
    return rng.choice((spoilt, spoilt, mixed, sentence))(rng)


# ----------------------------------------------------------------------------- through the program


def shown(derivation: st.Derivation, rng: random.Random) -> None:
    """One of the forms in which a derivation is shown. Raises ShapetrickError."""
    match rng.randrange(8):
        case 0:
            json.dumps(derivation.to_dict(), allow_nan=False)
        case 1:
            derivation.latex()
        case 2:
            derivation.html()
        case 3:
            derivation.code("numpy", self_test=True)
        case 4:
            derivation.code(rng.choice(("jax", "torch")))
        case 5:
            _ = [str(step.result) for step in derivation.steps]
        case _:
            str(derivation.gradient)


def through(text: str, rng: random.Random) -> str:
    """Whether a text was answered or refused; anything else is raised."""
    word = REFUSED
    try:
        problem = st.read(text)
    except st.ShapetrickError as error:
        str(error)
        return word
    for request in problem.data.requests:
        one = replace(problem, data=replace(problem.data, requests=(request,)))
        try:
            if request.claim is not None:
                str(one.check()[0])
            else:
                shown(one.derive()[0], rng)
            word = ANSWERED
        except st.ShapetrickError as error:
            str(error)
    return word


def outcome(seed: int, number: int) -> Outcome:
    """What comes of the text of that number."""
    text = text_of(seed, number)
    held, before, start = _held(), _peak(), time.process_time()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            word, said = through(text, random.Random(number)), ""
    except Exception as error:  # whatever it is, it is counted and printed
        frame = extract_tb(error.__traceback__)[-1]
        place = f"{Path(frame.filename).name}:{frame.lineno}"
        return Outcome(number, "exception", text, f"{type(error).__name__}: {error} ({place})")
    seconds, peak = time.process_time() - start, _peak()
    if seconds > SECONDS:
        return Outcome(number, "slow", text, f"{seconds:.1f} s")
    if peak > before and peak - held > MEGABYTES:
        return Outcome(number, "large", text, f"{peak - held} MB")
    return Outcome(number, word, said)


def _held() -> int:
    """The memory that this process has, in megabytes: after other tests it may be gigabytes."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() >> 20


def _peak() -> int:
    """The most memory that this process had, in megabytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def outcomes(seed: int, first: int, count: int) -> list[Outcome]:
    """What comes of some texts, in this process."""
    return [outcome(seed, number) for number in range(first, first + count)]


def all_outcomes(seed: int, count: int, jobs: int) -> Iterator[Outcome]:
    """What comes of so many texts, in fresh processes."""
    starts = range(0, count, BLOCK)
    together = jobs * BLOCKS
    for i in range(0, len(starts), together):
        some = starts[i : i + together]
        sizes = [min(BLOCK, count - first) for first in some]
        with ProcessPoolExecutor(jobs) as pool:
            for found in pool.map(outcomes, [seed] * len(some), some, sizes):
                yield from found


def main() -> int:
    """Prints what went wrong, and the table; 1 if anything did."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=100_000, help="texts")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes")
    parser.add_argument("--only", type=int, help="the text of that number alone, printed")
    parser.add_argument("--write", action="store_true", help="keep the figures in RESULTS.md")
    given = parser.parse_args()
    if given.only is not None:
        print(text_of(given.seed, given.only).encode(errors="backslashreplace").decode())
        print(outcome(given.seed, given.only)._replace(text=""))
        return 0
    counts: Counter[str] = Counter()
    start = time.perf_counter()
    for one in all_outcomes(given.seed, given.count, given.jobs):
        counts[one.word] += 1
        if one.word in FAULTS:
            print(f"{one.number} {one.word}: {one.said}\n{one.text!a}", flush=True)
    each = (time.perf_counter() - start) * 1000 / given.count
    columns = (ANSWERED, REFUSED, *FAULTS)
    lines = table(
        ["texts", *columns, "ms each"],
        [[f"{given.count:,}", *(counts[word] for word in columns), f"{each:.0f}"]],
    )
    print("\n".join(lines))
    if given.write:
        note = (
            f"Seed {given.seed}; slow is more than {SECONDS:g} s of the processor, large more than "
            f"{MEGABYTES} MB; {given.jobs} processes."
        )
        record("fuzz.py", [note, "", *lines])
    return int(any(counts[word] for word in FAULTS))


if __name__ == "__main__":
    sys.exit(main())
