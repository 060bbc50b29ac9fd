"""A derivation beside the same one of another revision, problem by problem in turn.

    git worktree add ../before REVISION
    python benchmarks/side_by_side.py ../before               some minutes
    python benchmarks/side_by_side.py ../before --every 5     a fifth of the problems
    python benchmarks/side_by_side.py ../before --problems FILE.toml …
    python benchmarks/side_by_side.py ../before --write       and keeps the figures in RESULTS.md

Each revision runs in a process of its own that has derived all problems once, so that its rules
are known. Then each problem is read, derived, validated and written by both in turn, so that what
else the machine does meets both. Of five times its least CPU time counts. Problems are the texts of
`problems.toml`, or of other files of that form.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tomllib
from pathlib import Path
from statistics import median

from derivations import PROBLEMS, ms, percentile
from record import record, table

ROOT = Path(__file__).resolve().parent.parent
TIMES = 5
MOST_ROWS = 8
WORKER = """
import gc, sys, time
import shapetrick as st

def answer(text):
    try:
        for d in st.read(text).derive():
            str(d.gradient), [str(e) for _, e in d.definitions]
    except st.ShapetrickError:
        pass

texts = eval(sys.stdin.readline())
for text in texts:
    answer(text)
gc.collect()
gc.freeze()
for line in sys.stdin:
    gc.collect()
    begun = time.process_time()
    answer(texts[int(line)])
    print(time.process_time() - begun, flush=True)
"""


class Revision:
    """A checkout whose process derives problems on demand."""

    def __init__(self, tree: Path, texts: list[str]) -> None:
        env = {**os.environ, "PYTHONPATH": str(tree), "PYTHONHASHSEED": "0"}
        self._process = subprocess.Popen(
            [sys.executable, "-c", WORKER],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env, cwd=tree,
        )  # fmt: skip
        self._say(repr(texts))

    def seconds(self, number: int) -> float:
        """The CPU seconds that a problem takes."""
        self._say(str(number))
        assert self._process.stdout is not None
        return float(self._process.stdout.readline())

    def _say(self, line: str) -> None:
        assert self._process.stdin is not None
        print(line, file=self._process.stdin, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("before", type=Path, help="a checkout of the other revision")
    parser.add_argument("--problems", type=Path, nargs="+", default=[PROBLEMS])
    parser.add_argument("--every", type=int, default=1, help="take each n-th problem alone")
    parser.add_argument("--write", action="store_true", help="into RESULTS.md")
    args = parser.parse_args()
    files = [tomllib.loads(path.read_text(encoding="utf-8")) for path in args.problems]
    rows = [row for file in files for row in file["problem"]][:: args.every]
    texts = [row["text"] for row in rows]
    both = [Revision(tree.resolve(), texts) for tree in (args.before, ROOT)]
    times = [[[r.seconds(k) for r in both] for _ in range(TIMES)] for k in range(len(texts))]
    before, now = ([min(pair[side] for pair in own) for own in times] for side in (0, 1))
    lines = report([row["id"] for row in rows], before, now)
    print("\n".join(lines))
    if args.write:
        record("side_by_side.py", lines)


def report(names: list[str], before: list[float], now: list[float]) -> list[str]:
    figures = [
        ("median", median),
        ("95 of 100 within", lambda v: percentile(v, 0.95)),
        ("all", sum),
    ]
    rows = [(n, ms(f(before)), ms(f(now)), f"{f(now) / f(before):.2f}") for n, f in figures]
    lost = sorted(zip(names, before, now, strict=True), key=lambda row: row[1] - row[2])
    slower = [(n, ms(a), ms(b), f"{b / a:.2f}") for n, a, b in lost[:MOST_ROWS] if b > a]
    header = ("", "before", "now", "ratio")
    return [
        f"{len(names)} problems, milliseconds of CPU time.", "", *table(header, rows), "",
        "Where most is lost:", "", *table(header, slower),
    ]  # fmt: skip


if __name__ == "__main__":
    main()
