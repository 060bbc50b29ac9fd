"""How much the search for arrangements tries, by operation and by problem, and what it remembers.

    python benchmarks/search.py             under a minute
    python benchmarks/search.py --write     and keeps the figures in RESULTS.md

All problems of `problems.toml` are derived in one process that begins with no rule. The rule of
an operation by an argument, at a pattern of sides that are 1, is searched when it is first used,
and remembered for all later uses in the process. Counted are, for each product of the operation's
scalar derivative, the arrangements that are generated, which are all tested against finite
differences at three draws; beside them how many there would be by dimensions alone (of the
operation's most general shapes), and if all sides were n: partitions of the legs into blocks.
"""

from __future__ import annotations

import argparse
import tomllib
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any
from unittest.mock import patch

from record import record, table

import shapetrick as st
from shapetrick.derivation import vjp_rules as rules
from shapetrick.derivation.arrangements import count_arrangements
from shapetrick.derivation.fitting import Proposals
from shapetrick.derivation.local_derivatives import LocalDerivative, Pattern
from shapetrick.derivation.principal_types import Leg, Type

PROBLEMS = Path(__file__).parent / "problems.toml"
HEADER = (
    "operation", "rules", "uses", "products", "arrangements tried", "most for one product",
    "products with one alone", "by dimensions alone", "all sides n",
)  # fmt: skip


@dataclass(frozen=True)
class Tried:
    """The arrangements of one product: how many were tried, and how many shapes alone allow."""

    arrangements: int
    by_dimension: int
    all_alike: int


@dataclass
class Log:
    """What was searched for, and how often each rule was used."""

    searched: dict[Pattern, list[Tried]] = field(default_factory=dict)
    uses: Counter[Pattern] = field(default_factory=Counter)
    open: Pattern | None = None

    @property
    def tried(self) -> int:
        return sum(t.arrangements for tried in self.searched.values() for t in tried)


@contextmanager
def logged() -> Iterator[Log]:
    """A log of all searches while this is open."""
    log, search, rule_for = Log(), rules._search, rules.rule_for

    class Logged(Proposals):
        def __init__(self, types: Sequence[Type], pairs: bool) -> None:
            super().__init__(types, pairs)
            assert log.open is not None
            alone, alike = (
                count_arrangements(in_dims[:-1], in_dims[-1])
                for in_dims in ([plain(t, one) for t in types] for one in (False, True))
            )
            log.searched[log.open].append(Tried(len(self.arrangements), alone, alike))

    def searching(pattern: Pattern) -> Any:
        log.open = pattern
        log.searched[pattern] = []
        return search(pattern)

    def using(view: LocalDerivative) -> Any:
        log.uses[rules.pattern_of(view)] += 1
        return rule_for(view)

    with (
        patch.object(rules, "Proposals", Logged),
        patch.object(rules, "_search", searching),
        patch.object(rules, "rule_for", using),
    ):
        yield log


def plain(t: Type, alike: bool) -> Type:
    """A type without units; with all dimensions taken for one, if that is asked."""
    rows, cols = (
        tuple(Leg("n" if alike else leg.dim, None) for leg in side) for side in (t.rows, t.cols)
    )
    return Type(rows, cols)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--write", action="store_true", help="into RESULTS.md")
    args = parser.parse_args()
    texts = [row["text"] for row in tomllib.loads(PROBLEMS.read_text("utf-8"))["problem"]]
    rules.forget()
    searches, tried, uses = [], [], []
    with logged() as log:
        for text in texts:
            before = len(log.searched), log.tried, log.uses.total()
            st.read(text).derive()
            after = len(log.searched), log.tried, log.uses.total()
            for kept, old, new in zip((searches, tried, uses), before, after, strict=True):
                kept.append(new - old)
    lines = [
        *table(HEADER, by_operation(log)),
        "",
        f"By problem ({len(texts)}, in the order of the file; the first ones find the rules):",
        "",
        *table(
            ("", "median", "95 of 100 within", "most", "in all"),
            [
                ("rules used", *figures(uses)),
                ("rules searched for", *figures(searches)),
                ("arrangements tried", *figures(tried)),
            ],
        ),
        "",
        f"Remembered: {len(log.searched)} rules answer {log.uses.total()} uses, so that "
        f"{1 - len(log.searched) / log.uses.total():.1%} of them search for nothing.",
    ]
    print("\n".join(lines))
    if args.write:
        record("search.py", lines)


def by_operation(log: Log) -> Iterator[tuple[object, ...]]:
    names = dict.fromkeys(pattern.row.name for pattern in log.searched)
    for name in sorted(names):
        patterns = [p for p in log.searched if p.row.name == name]
        yield (f"`{name}`", *summed(log, patterns))
    yield ("all", *summed(log, list(log.searched)))


def summed(log: Log, patterns: Sequence[Pattern]) -> tuple[object, ...]:
    tried = [t for p in patterns for t in log.searched[p]]
    counts = [t.arrangements for t in tried]
    return (
        len(patterns), sum(log.uses[p] for p in patterns), len(tried), sum(counts),
        max(counts, default=0), sum(n == 1 for n in counts),
        f"{sum(t.by_dimension for t in tried):,}", f"{sum(t.all_alike for t in tried):,}",
    )  # fmt: skip


def figures(counts: Sequence[int]) -> tuple[object, ...]:
    ordered = sorted(counts)
    return f"{median(ordered):g}", ordered[int(0.95 * len(ordered))], ordered[-1], sum(ordered)


if __name__ == "__main__":
    main()
