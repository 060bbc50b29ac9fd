"""TextMate's rules, as editors apply them: of a line, the first match of the patterns that are
open, again and again."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple


class Scoped(NamedTuple):
    """A part of a text that has a scope: where it begins and ends."""

    scope: str
    start: int
    end: int


def scoped(grammar: dict[str, Any], text: str) -> Iterator[Scoped]:
    """The parts of a text, in order; rules don't reach over the end of a line here."""
    start = 0
    for line in text.splitlines(keepends=True):
        for scope, begin, end in _line(grammar["patterns"], line.rstrip("\n")):
            yield Scoped(scope, start + begin, start + end)
        start += len(line)


def _line(top: list[dict[str, Any]], line: str) -> Iterator[Scoped]:
    at, opened = 0, [{"patterns": top}]
    while at <= len(line):
        rules = opened[-1]
        found = [(m, rule) for rule in rules["patterns"] if (m := _first(rule, line, at))]
        end = re.compile(rules["end"]).search(line, at) if "end" in rules else None
        m, rule = min(found, key=lambda pair: pair[0].start(), default=(None, None))
        if end is not None and (m is None or end.start() <= m.start()):
            opened.pop()
            at = end.end()
            continue
        if m is None:
            return
        name = rule.get("name") or rule.get("beginCaptures", {}).get("0", {}).get("name")
        if name:
            yield Scoped(name, *m.span())
        if "begin" in rule:
            opened.append(rule)
        at = m.end() + (m.end() == at and "begin" not in rule)


def _first(rule: dict[str, Any], line: str, at: int) -> re.Match[str] | None:
    return re.compile(rule.get("match") or rule["begin"]).search(line, at)
