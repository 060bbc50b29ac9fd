"""Spoils the answers of many problems, and respells them: are claims judged and mended rightly?

    python benchmarks/claims.py                  everything, about 5 minutes
    python benchmarks/claims.py --share 0.05     a twentieth of it
    python benchmarks/claims.py --write          and keeps the figures in RESULTS.md

Prints the figures, one a line, and exits with 1 if one but a time misses its mark. A spoilt claim's
value is compared with the answer's by evaluating both, at sizes and draws that the judge does not
use.
"""

from __future__ import annotations

import argparse
import sys
import time
import tomllib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from statistics import median

import numpy as np
from record import record, table

from shapetrick.claims.judgement import judge
from shapetrick.claims.mutations import TABLE_OF_MUTATIONS, Mutation
from shapetrick.claims.repair import Repairer
from shapetrick.claims.variants import Change, values_at
from shapetrick.claims.verdicts import Judgement, verdict_on
from shapetrick.core import expr as ex
from shapetrick.core.errors import ShapetrickError
from shapetrick.core.expr import Expr
from shapetrick.core.problem import Problem, Request
from shapetrick.core.traversal import postorder, rebuild, substitute, symbols_of, transform
from shapetrick.language.elaboration import read
from shapetrick.language.printer import to_text
from shapetrick.validation.checker import checker_of

PROBLEMS = Path(__file__).parent / "problems.toml"
OTHER_SEEDS = (77, 78, 79)
NAME, LONGEST = "q_part", 2000
APART = 1e-6  # relative: values that differ by more are different
WRONG_CLAIMS, MENDED_CLAIMS, RIGHT_CLAIMS = 14_000, 3_000, 10_500
ROWS = [row for row in TABLE_OF_MUTATIONS if row.name != "wrong part"]  # anything for anything


@dataclass
class Tally:
    """What is counted."""

    counts: Counter[str] = field(default_factory=Counter)
    seconds: dict[str, list[float]] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)

    def timed(self, what: str, start: float) -> None:
        self.seconds.setdefault(what, []).append(time.perf_counter() - start)


class Case:
    """A problem with its textbook answer as a claim."""

    def __init__(self, text: str, answer: str, name: str) -> None:
        *lines, last = [line.split("#")[0] for line in text.strip().splitlines()]
        self.head, self.asked, self.name = "\n".join(lines), f"check {last.strip()} = ", name
        self.problem, self.request = self.claiming(answer)
        claim = self.request.claim
        assert claim is not None and claim.value is not None, name
        self.answer: Expr = claim.value
        checker = checker_of(self.problem, self.request, [self.answer], 0, everything=True)
        self.repairer = Repairer(self.problem, self.request, self.answer, checker)
        self.draws = [
            drawn
            for seed in OTHER_SEEDS
            for drawn in checker_of(
                self.problem, self.request, [self.answer], seed, everything=True
            ).draws()
        ]
        self.parts = self.repairer.parts()

    def claiming(self, claim: str, definition: str = "") -> tuple[Problem, Request]:
        """The problem with another claim, and perhaps one more definition."""
        problem = read(f"{self.head}\n{definition}\n{self.asked}{' '.join(claim.split())}")
        return problem, problem.requests[0]

    def differs(self, value: Expr) -> bool:
        """Whether a value is not the answer's, at draws of our own."""
        for drawn in self.draws:
            a, b = values_at([value, self.answer], drawn)
            if b is not None and (a is None or _far(a, b)):
                return True
        return False

    def changes(self, row: Mutation) -> list[Change]:
        return [*self.repairer.draft.changes([row], self.parts)]


def _far(a: np.ndarray, b: np.ndarray) -> bool:
    if a.shape != b.shape:
        return True
    return bool(np.abs(a - b).max() > APART * max(np.abs(b).max(), np.abs(a).max()))


# ------------------------------------------------------------------------------- wrong claims


def spoilt(case: Case, rng: np.random.Generator, twice: bool) -> tuple[str, Mutation] | None:
    """The answer with one or two random changes, of kinds that are drawn first."""
    row, change = _drawn(case.repairer, case, rng)
    if change is None:
        return None
    text = case.repairer.draft.text(change.place, change.new)
    if twice:
        try:
            problem, request = case.claiming(text)
        except ShapetrickError:
            return None
        checker = checker_of(problem, request, [case.answer], 0, everything=True)
        again = Repairer(problem, request, case.answer, checker)
        _, change = _drawn(again, case, rng)
        if change is None:
            return None
        text = again.draft.text(change.place, change.new)
    return text, row


def _drawn(
    repairer: Repairer, case: Case, rng: np.random.Generator
) -> tuple[Mutation, Change | None]:
    parts = case.parts if repairer is case.repairer else repairer.parts()
    row = ROWS[rng.integers(len(ROWS))]
    changes = [*repairer.draft.changes([row], parts)]
    return row, changes[rng.integers(len(changes))] if changes else None


def refuse(cases: list[Case], wanted: int, seed: int) -> Tally:
    """Spoilt claims, one change or two: is any accepted whose value differs?"""
    tally, rng = Tally(), np.random.default_rng(seed)
    for case, twice in _rounds(cases, wanted):
        found = spoilt(case, rng, twice)
        if found is None:
            continue
        try:
            problem, request = case.claiming(found[0])
        except ShapetrickError:
            tally.counts["not in the language"] += 1
            continue
        claim = request.claim
        if claim is None or claim.value is None:
            tally.counts["shapes don't fit"] += 1
            continue
        differs = claim.value.shape != case.answer.shape or case.differs(claim.value)
        start = time.perf_counter()
        verdict = verdict_on(problem, request, claim.value).verdict
        tally.timed("check", start)
        tally.counts["differs" if differs else "equal value"] += 1
        tally.counts[f"{'differs' if differs else 'equal value'}, {verdict}"] += 1
        if differs and verdict == "verified":
            tally.remarks.append(f"ACCEPTED {case.name}: {found[0]}")
        elif verdict != ("wrong" if differs else "verified"):
            tally.remarks.append(f"{verdict}, differs: {differs}, {case.name}: {found[0]}")
        if tally.counts["differs"] >= wanted:
            break
    return tally


def _rounds(cases: list[Case], wanted: int) -> Iterator[tuple[Case, bool]]:
    for k in range(20 * (1 + wanted // len(cases))):
        for case in cases:
            yield case, k % 3 == 2


# ------------------------------------------------------------------------------------- mending


def mend(cases: list[Case], wanted: int, seed: int) -> Tally:
    """Claims with one change: are they mended, and is the change named?"""
    tally, rng = Tally(), np.random.default_rng(seed)
    for case, _ in _rounds(cases, wanted):
        found = spoilt(case, rng, twice=False)
        if found is None:
            continue
        text, row = found
        try:
            problem, request = case.claiming(text)
        except ShapetrickError:
            continue
        value = request.claim.value if request.claim else None
        if value is not None and value.shape == case.answer.shape and not case.differs(value):
            continue
        start = time.perf_counter()
        judged = judge(problem, request)
        tally.timed("mend", start)
        if judged.verdict != "wrong":
            tally.counts[judged.verdict] += 1
            tally.remarks.append(f"{judged.verdict}: {judged.diagnosis}, {case.name}: {text}")
            continue
        tally.counts["spoilt"] += 1
        tally.counts[f"spoilt by {row.name}"] += 1
        _count_mend(case, judged, row, text, tally)
        if tally.counts["spoilt"] >= wanted:
            break
    return tally


def _count_mend(case: Case, judged: Judgement, row: Mutation, text: str, tally: Tally) -> None:
    if judged.suggestion is None:
        tally.remarks.append(f"no suggestion, {row.name}, {case.name}: {text}")
        return
    suggested = case.claiming(judged.suggestion)[1].claim
    if suggested is None or suggested.value is None or case.differs(suggested.value):
        tally.counts["wrong suggestion"] += 1
        tally.remarks.append(f"WRONG SUGGESTION {case.name}: {text} -> {judged.suggestion}")
        return
    if not judged.mended:
        tally.remarks.append(f"not mended, {row.name}, {case.name}: {text}")
        return
    tally.counts["mended"] += 1
    tally.counts[f"mended of {row.name}"] += 1
    names = {slip.name for slip in judged.slips}
    if names <= set(row.undone_by):
        tally.counts["named"] += 1
    elif len(judged.slips) == 1:
        tally.counts["an equal slip named"] += 1
        tally.remarks.append(
            f"other name, {row.name} by {sorted(names)}, {case.name}: {text} -> {judged.suggestion}"
        )
    else:
        tally.remarks.append(f"two for one, {row.name}, {case.name}: {text}")


# ------------------------------------------------------------------------------- right claims


def respelt(e: Expr, rng: np.random.Generator) -> Expr:
    """The same value in another spelling: random rewritings at random nodes."""

    def change(x: Expr) -> Expr:
        if rng.random() > 0.4:
            return x
        found = [new for new in (rule(x, rng) for rule in RESPELLINGS) if new is not None]
        return found[rng.integers(len(found))] if found else x

    return transform(e, change)


def _reordered(x: Expr, rng: np.random.Generator) -> Expr | None:
    if x.op not in ("add", "times"):
        return None
    return rebuild(x, [x.args[i] for i in rng.permutation(len(x.args))])


def _expanded(x: Expr, rng: np.random.Generator) -> Expr | None:
    if x.op not in ("matmul", "times"):
        return None
    make = ex.matmul if x.op == "matmul" else ex.times
    for i, a in enumerate(x.args):
        if a.op == "add" and all(t.shape == a.shape for t in a.args):
            return ex.add(*(make(*x.args[:i], t, *x.args[i + 1 :]) for t in a.args))
    return None


def _turned_twice(x: Expr, rng: np.random.Generator) -> Expr | None:
    if x.op == "matmul":
        return ex.transpose(ex.matmul(*(ex.transpose(a) for a in reversed(x.args))))
    if x.op == "add" and all(a.shape == x.shape for a in x.args):
        return ex.transpose(ex.add(*map(ex.transpose, x.args)))
    return None


def _transposed_inside(x: Expr, rng: np.random.Generator) -> Expr | None:
    inner = x.args[0] if x.op == "transpose" else None
    if inner is None or inner.op not in ("matmul", "inv"):
        return None
    if inner.op == "inv":
        return ex.call("inv", ex.transpose(inner.args[0]))
    return ex.matmul(*(ex.transpose(a) for a in reversed(inner.args)))


def _with_one(x: Expr, rng: np.random.Generator) -> Expr | None:
    if x.is_scalar or x.op == "number":
        return None
    if rng.random() < 0.5:
        return ex.times(ex.number(2), ex.add(x, ex.negate(ex.times(ex.number(Fraction(1, 2)), x))))
    return ex.matmul(ex.eye(x.shape[0]), x)


def _squared(x: Expr, rng: np.random.Generator) -> Expr | None:
    if x.op == "power" and x.args[1] is ex.number(2):
        return ex.times(x.args[0], x.args[0])
    return None


def renamed(e: Expr, upstream: Expr | None, rng: np.random.Generator) -> tuple[Expr, str]:
    """The expression with a definition for one of its parts, every third time."""
    parts = [
        x
        for x in postorder([e])
        if x.args and x.op != "name" and x is not e and upstream not in symbols_of(x)
    ]
    if not parts or rng.random() > 0.33:
        return e, ""
    part = parts[rng.integers(len(parts))]
    return substitute(e, {part: ex.named(NAME, part)}), f"{NAME} = {to_text(part)}"


RESPELLINGS = (_reordered, _expanded, _turned_twice, _transposed_inside, _with_one, _squared)


def accept(cases: list[Case], wanted: int, seed: int) -> Tally:
    """Respelt answers: is any refused?"""
    tally, rng = Tally(), np.random.default_rng(seed)
    for case, _ in _rounds(cases, wanted):
        new = respelt(case.answer, rng)
        if new is case.answer and tally.counts["respelt"] > len(cases):
            continue
        new, definition = renamed(new, case.request.direction, rng)
        try:
            text = to_text(new)
            if len(text) > LONGEST:
                continue
            problem, request = case.claiming(text, definition)
        except ShapetrickError as problem_of_text:
            tally.remarks.append(f"NOT READ {case.name}: {problem_of_text}")
            continue
        claim = request.claim
        tally.counts["respelt"] += 1
        if claim is None or claim.value is None:
            tally.remarks.append(f"NO SHAPE {case.name}: {text}")
            continue
        start = time.perf_counter()
        found = verdict_on(problem, request, claim.value)
        tally.timed("check", start)
        tally.counts[found.verdict] += 1
        if found.verdict != "verified":
            tally.remarks.append(f"REFUSED {case.name}: {found.verdict} {found.reason}: {text}")
        if tally.counts["respelt"] >= wanted:
            break
    return tally


# ------------------------------------------------------------------------------------ the report


def report(title: str, tally: Tally, verbose: bool) -> list[tuple[str, str]]:
    """Prints what was counted. Returns it, what is not of one kind of slip alone."""
    print(f"\n{title}")
    rows = [(title, "")]
    for name, count in sorted(tally.counts.items()):
        print(f"  {name:32} {count:7,}")
        if " of " not in name and " by " not in name:
            rows.append((f"… {name}", f"{count:,}"))
    for what, seconds in tally.seconds.items():
        most = sorted(seconds)[int(0.95 * len(seconds))]
        taken = f"median {1e3 * median(seconds):.1f} ms, 95 % below {1e3 * most:.0f} ms"
        print(f"  {what}: {taken}")
        rows.append((f"… a {what}", taken))
    shown = tally.remarks if verbose else [r for r in tally.remarks if r[:4].isupper()][:20]
    for remark in shown:
        print(f"    {remark}")
    return rows


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--share", type=float, default=1.0, help="of the claims (default: all)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=["refuse", "mend", "accept"])
    parser.add_argument("-v", "--verbose", action="store_true")
    parser.add_argument("--write", action="store_true", help="keep the figures in RESULTS.md")
    args = parser.parse_args()
    raw = tomllib.loads(PROBLEMS.read_text(encoding="utf-8"))["problem"]
    cases = [Case(p["text"], p["answer"], p["id"]) for p in raw]
    print(f"{len(cases)} problems")
    marks: list[tuple[str, bool]] = []
    times: list[tuple[str, bool]] = []
    rows: list[tuple[str, str]] = []
    if args.only in (None, "refuse"):
        t = refuse(cases, int(args.share * WRONG_CLAIMS), args.seed)
        rows += report("wrong claims", t, args.verbose)
        marks.append(("none accepted that differs", t.counts["differs, verified"] == 0))
    if args.only in (None, "mend"):
        t = mend(cases, int(args.share * MENDED_CLAIMS), args.seed)
        rows += report("claims with one slip", t, args.verbose)
        mended = t.counts["mended"] / t.counts["spoilt"]
        named = t.counts["named"] / t.counts["mended"]
        equal = t.counts["an equal slip named"] / t.counts["mended"]
        shares = f"{mended:.1%}; of these named {named:.1%}, an equal one {equal:.1%}"
        print(f"  mended {shares}")
        rows.append(("… mended", shares))
        marks.append(("every suggestion right", t.counts["wrong suggestion"] == 0))
        times.append(("a mend takes under a second", median(t.seconds["mend"]) < 1))
        marks += [("95 % mended", mended >= 0.95), ("90 % named", named + equal >= 0.90)]
    if args.only in (None, "accept"):
        t = accept(cases, int(args.share * RIGHT_CLAIMS), args.seed)
        rows += report("right claims, respelt", t, args.verbose)
        times.append(("a check takes under 50 ms", median(t.seconds["check"]) < 0.05))
        marks.append(("none refused", t.counts["verified"] == t.counts["respelt"]))
    print()
    for name, met in (*marks, *times):
        print(f"{'met   ' if met else 'MISSED'} {name}")
    if args.write:
        goals = [f"- {'met' if met else 'missed'}: {name}" for name, met in (*marks, *times)]
        record(Path(__file__).name, [*table(["", "claims"], rows), "", *goals])
    return 0 if all(met for _, met in marks) else 1


if __name__ == "__main__":
    sys.exit(main())
