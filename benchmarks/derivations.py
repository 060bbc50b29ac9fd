"""A derivation with its full validation, by stage; beside SymPy's `.diff` and tensorgrad.

    python benchmarks/derivations.py                 some minutes, most of it the peers'
    python benchmarks/derivations.py --no-peers      half a minute
    python benchmarks/derivations.py --write         and keeps the figures in RESULTS.md

Every problem of `problems.toml` is read, derived, validated, and its gradient written as text,
in one process after one problem that isn't counted. In the first pass every problem is new, and
rules of operations that it needs for the first time are searched for; later all rules are known:
of three more passes each problem's quickest counts. Seconds are CPU seconds of the process, the
shared machine's noise being in the wall time; that is given beside it. The stages are timed from
outside (`stages.py`).

Then each peer gets the same problems in the same process, as `peers.py` says: SymPy's `.diff`,
tensorgrad's `Derivative(...).simplify()` and `.full_simplify()`. Timed are the derivative alone,
and beside it all that ours does but the validation: what is differentiated is built in the peer's
objects, its derivative taken, and the answer written as text. A peer has no answer if it raises,
leaves a derivative standing, or takes longer than the limit (of wall time). Its figures, and ours
beside them (those of the first pass, where all is new to all), are over the problems that it
answers; the peers' answers are not validated, by them or by us.

What is there before a pass is kept out of the garbage collector's sight: looking at all of it
before every problem would empty the processor's caches.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import time
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from record import record, table
from stages import STAGES, timed

import shapetrick as st
from shapetrick.core.problem import Request

PROBLEMS = Path(__file__).parent / "problems.toml"
LIMIT = 5.0  # seconds of wall time that a peer has for one problem
GOALS = (5, 25)  # milliseconds: the median, the 95th percentile
LATER = 3  # passes when all rules are known
SLOWEST = 10


class Timing(NamedTuple):
    """Of one problem, in seconds; `stages` are CPU seconds, too."""

    name: str
    cpu: float
    wall: float
    stages: dict[str, float]


class Peer(NamedTuple):
    """How a peer answered: CPU seconds by problem, of the derivative alone and of all, from objects
    to text; and how many it had no answer to, and why."""

    name: str
    alone: dict[str, float]
    whole: dict[str, float]
    none: Counter[str]
    inexpressible: int


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--every", type=int, default=1, help="take each n-th problem alone")
    parser.add_argument("--no-peers", action="store_true", help="ours alone")
    parser.add_argument("--write", action="store_true", help="into RESULTS.md")
    args = parser.parse_args()
    rows = tomllib.loads(PROBLEMS.read_text(encoding="utf-8"))["problem"][:: args.every]
    texts = {row["id"]: row["text"] for row in rows}
    answered(next(iter(texts.values())))
    first = derivations(texts)
    later = [derivations(texts) for _ in range(LATER)]
    second = [min(timings, key=lambda t: t.cpu) for timings in zip(*later, strict=True)]
    lines = [
        f"{len(texts)} problems. Milliseconds of CPU time; goals: a median of {GOALS[0]}, a 95th "
        f"percentile of {GOALS[1]}.",
        "",
        *passes(first, second),
        "",
        "Where the time goes: the median, the 95th percentile and the share of all.",
        "",
        *profile(first, second),
        "",
        f"The {SLOWEST} slowest of the later passes:",
        "",
        *slowest(second),
    ]
    packages = ["numpy"]
    if not args.no_peers:
        lines += ["", *beside(texts, first, packages)]
    print("\n".join(lines))
    if args.write:
        record("derivations.py", lines, packages)


def answered(text: str) -> str:
    """What a person asks for: read, derived, validated and written."""
    return "".join(
        str(e)
        for derivation in st.read(text).derive()
        for e in (derivation.gradient, *(e for _, e in derivation.definitions))
    )


def derivations(texts: dict[str, str]) -> list[Timing]:
    found = []
    with timed() as clock, own_garbage():
        for name, text in texts.items():
            gc.collect()  # each pays for its own garbage alone
            clock.switch()
            clock.seconds.clear()
            cpu, wall = time.process_time(), time.perf_counter()
            answered(text)
            taken = time.process_time() - cpu, time.perf_counter() - wall
            clock.switch()
            found.append(Timing(name, *taken, dict(clock.seconds)))
    return found


@contextmanager
def own_garbage() -> Iterator[None]:
    """Collections look at what is made inside alone."""
    gc.collect()
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def percentile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)]


def figures(seconds: Sequence[float]) -> list[str]:
    """The median and the 95th percentile in milliseconds."""
    return [ms(median(seconds)), ms(percentile(seconds, 0.95))]


def ms(seconds: float) -> str:
    return f"{1e3 * seconds:.{2 if seconds < 0.001 else 1}f}"


def passes(first: Sequence[Timing], second: Sequence[Timing]) -> list[str]:
    rows = [
        (
            name,
            *figures([t.cpu for t in timings]),
            ms(max(t.cpu for t in timings)),
            *figures([t.wall for t in timings]),
        )
        for name, timings in (("first", first), (f"least of {LATER} later ones", second))
    ]
    header = ("pass", "median", "95 of 100 within", "slowest", "wall: median", "95 of 100 within")
    return table(header, rows)


def profile(first: Sequence[Timing], second: Sequence[Timing]) -> list[str]:
    rows = []
    for stage in STAGES:
        row = [stage]
        for timings in (first, second):
            own = [t.stages.get(stage, 0.0) for t in timings]
            share = sum(own) / sum(t.cpu for t in timings)
            row += [*figures(own), f"{share:.0%}"]
        rows.append(row)
    of_later = ("later: median", "95 of 100", "share")
    return table(("stage", "first: median", "95 of 100", "share", *of_later), rows)


def slowest(timings: Sequence[Timing]) -> list[str]:
    worst = sorted(timings, key=lambda t: -t.cpu)[:SLOWEST]
    rows = ((t.name, ms(t.cpu), *(ms(t.stages.get(s, 0.0)) for s in STAGES)) for t in worst)
    return table(("problem", "in all", *STAGES), rows)


# ------------------------------------------------------------------------------------- the peers


def beside(texts: dict[str, str], ours: Sequence[Timing], packages: list[str]) -> list[str]:
    """The peers on the same problems, as ratios to our times; adds what they are to the packages.

    They are imported here: their modules would be in the way of our garbage collector."""
    peers = importlib.import_module("peers")
    asked: list[tuple[str, Callable[[Request], Any]]] = [("SymPy `.diff`", peers.sympy_question)]
    packages.append("sympy")
    said = []
    if peers.tg is None:
        said = ["", "tensorgrad isn't installed (`pip install tensorgrad`): left out."]
    else:
        packages.append("tensorgrad")
        asked += [
            ("tensorgrad `.simplify()`", lambda r: peers.tensorgrad_question(r, full=False)),
            ("tensorgrad `.full_simplify()`", lambda r: peers.tensorgrad_question(r, full=True)),
        ]
    requests = {name: st.read(text).data.requests[0] for name, text in texts.items()}
    found = [ask(peers, name, question, requests) for name, question in asked]
    known = {t.name: t.cpu for t in ours}
    rows = []
    for peer in found:
        own = [known[name] for name in peer.alone]
        none = ", ".join(f"{n} {why}" for why, n in peer.none.most_common())
        for what, seconds in (
            ("derivative alone", peer.alone),
            ("from objects to text", peer.whole),
        ):
            theirs = list(seconds.values())
            medians = median(theirs) / median(own)
            tails = percentile(theirs, 0.95) / percentile(own, 0.95)
            rows.append(
                (peer.name, what, len(theirs), f"{peer.none.total()} ({none})" if none else 0,
                 peer.inexpressible, *figures(theirs), *figures(own), f"{medians:.1f}",
                 f"{tails:.1f}")
            )  # fmt: skip
    header = (
        f"peer, {LIMIT:g} s a problem", "timed", "answers", "none", "can't be asked", "median",
        "95 of 100 within", "ours: median", "95 of 100 within", "ratio: median", "95 of 100",
    )  # fmt: skip
    return [*table(header, rows), *said]


def ask(
    peers: Any, name: str, question: Callable[[Request], Any], requests: dict[str, Request]
) -> Peer:
    """The peer's time for every problem, after one that isn't counted."""
    peer = Peer(name, {}, {}, Counter(), 0)
    with own_garbage():
        for k, (problem, request) in enumerate([*list(requests.items())[:1], *requests.items()]):
            gc.collect()
            try:
                with peers.limited(LIMIT):
                    begun = time.process_time()
                    answer = question(request)
                    asked = time.process_time()
                    found = answer()
                    answered = time.process_time()
                    peers.text_of(found)
                    written = time.process_time()
            except peers.Inexpressible:
                peer = peer._replace(inexpressible=peer.inexpressible + (k > 0))
            except peers.NoAnswer as error:
                peer.none[str(error)] += k > 0
            else:
                if k:
                    peer.alone[problem] = answered - asked
                    peer.whole[problem] = written - begun
    return peer


if __name__ == "__main__":
    main()
