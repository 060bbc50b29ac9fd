"""How quickly the session answers: its first prompt, and arrangements in a derivation by hand.

    python benchmarks/repl.py             about two minutes
    python benchmarks/repl.py --write     and keeps the figures in RESULTS.md

The first prompt is timed from the start of the process until it is on the screen of a
pseudo-terminal. Arrangements are typed for every line of the practice set and of many problems:
the right one, turned round, with a factor turned, dropped or repeated. Exits with 1 if a right
one is refused, or if a median misses its mark.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
import tomllib
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from statistics import median

import pexpect
from record import record, table

from shapetrick.core.errors import ShapetrickError
from shapetrick.language.printer import to_text
from shapetrick.quiz import built_in
from shapetrick.render.layout import plain
from shapetrick.render.terminal import Style
from shapetrick.session.commands import answer
from shapetrick.session.guided import ArrangementStep
from shapetrick.session.interpreter import Interpreter
from shapetrick.session.statements import Session, State

PROBLEMS = Path(__file__).parent / "problems.toml"
STARTS = 10
TEXTS = 200  # problems of the corpus
FIRST_PROMPT, ARRANGEMENT = 0.5, 0.05  # seconds


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="into RESULTS.md")
    args = parser.parse_args()
    starts = [first_prompt() for _ in range(STARTS)]
    begun, typed, outcomes = arrangements()
    rows = [
        ("first prompt", STARTS, *figures(starts)),
        ("`:derive`, until the first line is shown", len(begun), *figures(begun)),
        ("an arrangement that is typed", len(typed), *figures(typed)),
    ]
    header = ("seconds", "times", "median", "95 of 100 within", "slowest")
    right, refused = outcomes["right refused"], outcomes["refused"]
    said = [
        f"{outcomes['right']} right arrangements were typed, {right} of them refused. Of all, "
        f"{refused} were refused, {outcomes['with a reason']} of these with a reason besides the "
        "shapes or the error."
    ]
    lines = [*table(header, rows), "", *said]
    print("\n".join(lines))
    if args.write:
        record("repl.py", lines, ("numpy", "prompt_toolkit"))
    return int(bool(right) or median(starts) > FIRST_PROMPT or median(typed) > ARRANGEMENT)


def figures(seconds: list[float]) -> list[str]:
    """The median, the 95th percentile and the largest."""
    ordered = sorted(seconds)
    return [f"{s:.3f}" for s in (median(ordered), ordered[int(0.95 * len(ordered))], ordered[-1])]


def first_prompt() -> float:
    """The seconds until the first prompt of a session in a terminal."""
    with tempfile.TemporaryDirectory() as home:
        begin = time.perf_counter()
        child = pexpect.spawn(
            sys.executable,
            ["-m", "shapetrick"],
            env={"PATH": "", "HOME": home, "TERM": "xterm-256color", "PROMPT_TOOLKIT_NO_CPR": "1"},
            timeout=30,
        )
        child.expect_exact("leaves")  # the greeting
        child.expect_exact(">")
        seconds = time.perf_counter() - begin
        child.close(force=True)
    return seconds


def arrangements() -> tuple[list[float], list[float], Counter[str]]:
    """The seconds that it took to begin, and to judge each arrangement; what was said."""
    begun, typed, outcomes = [], [], Counter[str]()
    for state in states():
        interpreter = Interpreter(Session(state), Style(80))
        for request in interpreter.session.problem.requests:
            begin = time.perf_counter()
            try:
                list(interpreter.begin(request))
            except ShapetrickError:  # nothing to be derived by hand
                continue
            begun.append(time.perf_counter() - begin)
            guided = interpreter.guided
            while guided is not None and guided.move is not None:
                for i, text in enumerate(attempts(guided.move)):
                    before = len(guided.played)
                    begin = time.perf_counter()
                    said = plain(answer(interpreter, text))
                    typed.append(time.perf_counter() - begin)
                    stood = len(guided.played) > before
                    outcomes["right"] += not i
                    outcomes["right refused"] += not i and not stood
                    outcomes["refused"] += not stood
                    outcomes["with a reason"] += not stood and ";" in said
                    while len(guided.played) > before:
                        guided.back()
                    interpreter.guided = guided
                guided.play_next()
    return begun, typed, outcomes


def states() -> Iterator[State]:
    """The practice set, and problems of the corpus that can be typed into a session."""
    texts = [f"{q.given}\n{q.ask}" for q in built_in()]
    rows = tomllib.loads(PROBLEMS.read_text(encoding="utf-8"))["problem"]
    texts += [row["text"] for row in rows[:: max(len(rows) // TEXTS, 1)]]
    for text in texts:
        session = Session()
        try:
            session.enter(text)
        except ShapetrickError:
            continue
        yield session.state


def attempts(move: ArrangementStep) -> Iterator[str]:
    """The right arrangement, and others of the same factors."""
    yield to_text(move.in_letters(move.line.arrangement))
    names = [n.name for n in move.factors if not n.expression.is_scalar]
    if names:
        yield " ".join(names)
        yield " ".join(reversed(names))
        yield " .* ".join(names)
    for i, name in enumerate(islice(names, 4)):
        yield " ".join([*names[:i], f"{name}'", *names[i + 1 :]])
        yield " ".join([*names[:i], f"{name}' {name}", *names[i + 1 :]])
        yield " ".join([*names[:i], *names[i + 1 :]]) or name


if __name__ == "__main__":
    sys.exit(main())
