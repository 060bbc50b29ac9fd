"""The tables of a parser: made of a grammar by Lark, and kept as data.

A wheel has them, as `hatch_build.py` makes them; in a clone they lie in the user's cache. Lark,
whose import takes a tenth of a cold start, is imported where they are in neither. `automaton.py`
parses by them.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from importlib import import_module
from itertools import chain
from typing import TYPE_CHECKING, Any

from ...core.files import came_along, make_folder, own_folder, shipped, write_file
from ...core.named_tuples import NamedTuple

if TYPE_CHECKING:
    from pathlib import Path

    from lark import Lark
    from lark.grammar import Rule


class Grammar(NamedTuple):
    """The files that are a grammar's text together, and the symbols that a text may be."""

    files: tuple[str, ...]
    starts: tuple[str, ...]

    @property
    def text(self) -> str:
        folder = shipped("grammar")
        return "\n".join((folder / name).read_text(encoding="utf-8") for name in self.files)

    @property
    def table_file(self) -> str:
        """Where a wheel has the tables, beside the grammar."""
        return f"{self.files[0].removesuffix('.lark')}.json"


PROBLEM = Grammar(("problem.lark", "expression.lark"), ("statement", "expression", "equated"))


LETTER = "ж"


class TableRule(NamedTuple):
    """What is done when a rule is complete: the builder's `method` takes the `parts`, by their
    places of `length`, None where an optional one is absent, those that are `spread` by what they
    consist of. Without a method the value is the one part, and of a `_symbol` the parts."""

    symbol: str
    length: int
    method: str
    parts: Sequence[int | None]
    spread: Sequence[int]


class Tables(NamedTuple):
    """The regular expressions of terminals, in the order in which they are looked for, the
    characters that each may begin with (`LETTER` is all letters that none names), and what follows
    in each state: after a terminal or a symbol another state, or where the n-th rule is complete,
    `-1 - n`."""

    terminals: Mapping[str, str]
    begins: Mapping[str, str]
    ignored: str
    rules: Sequence[TableRule]
    states: Sequence[Mapping[str, int]]
    starts: Mapping[str, int]
    ends: Mapping[str, int]


def tables_of(grammar: Grammar) -> Tables:
    """The tables that came along or were kept; else they are made, and kept."""
    came = _read(partial(came_along, "grammar", grammar.table_file))
    if came is not None:
        return came
    path = _kept_at(grammar)
    if path is None:
        return made_tables(grammar)
    kept = _read(path.read_bytes)
    if kept is None:
        kept = made_tables(grammar)
        with suppress(OSError):  # what can't be kept is made again
            write_file(path, written(kept))
    return kept


def written(tables: Tables) -> str:
    """The tables as text."""
    return json.dumps(tables._asdict(), ensure_ascii=False, separators=(",", ":"))


def made_tables(grammar: Grammar) -> Tables:
    """The tables of a grammar, always the same."""
    from lark import Lark

    lark = Lark(grammar.text, parser="lalr", lexer="basic", start=[*grammar.starts])
    found = lark.parse_interactive(start=grammar.starts[0]).parser_state.parse_conf.parse_table
    rules = {rule: -1 - n for n, rule in enumerate(lark.rules)}
    numbers = {found.start_states[start]: n for n, start in enumerate(grammar.starts)}
    states = []
    for state in (waiting := [*numbers]):
        row = {}
        for name, (_, follows) in sorted(found.states[state].items()):
            if follows not in rules and follows not in numbers:
                numbers[follows] = len(numbers)
                waiting.append(follows)
            row[str(name)] = rules[follows] if follows in rules else numbers[follows]
        states.append(row)
    terminals = _terminals(lark)
    ignored = "|".join(terminals.pop(name) for name in lark.ignore_tokens)
    places = [
        {start: numbers[of[start]] for start in grammar.starts}
        for of in (found.start_states, found.end_states)
    ]
    begins = _begins(terminals)
    return Tables(terminals, begins, ignored, [*map(_rule, lark.rules)], states, *places)


def _terminals(lark: Lark) -> dict[str, str]:
    """The longest and those of a higher priority come first, as with Lark's own lexer."""

    def precedence(terminal: Any) -> tuple[int, int, int, str]:
        pattern = terminal.pattern
        return -terminal.priority, -pattern.max_width, -len(pattern.value), terminal.name

    return {t.name: t.pattern.to_regexp() for t in sorted(lark.terminals, key=precedence)}


def _begins(terminals: Mapping[str, str]) -> dict[str, str]:
    """The characters that terminals may begin with, among ASCII, those that one names, and
    `LETTER`. How Python reads an expression is told by modules of its own alone."""
    reader, compiler = (import_module(f"re.{name}") for name in ("_parser", "_compiler"))
    first = {name: _first(reader.parse(regexp)) for name, regexp in terminals.items()}
    known = {chr(code) for code in range(128)} | {LETTER}
    for op, given in (node for nodes, _ in first.values() for node in nodes):
        for kind, code in given if str(op) == "IN" else [(op, given)]:
            if str(kind) in ("LITERAL", "RANGE"):
                low, high = code if str(kind) == "RANGE" else (code, code)
                known.update(map(chr, range(low, high + 1)))
    begins = {}
    for name, (nodes, may_be_empty) in first.items():
        alone = [reader.SubPattern(reader.State(), [node]) for node in nodes]
        matches = [compiler.compile(one, re.UNICODE).match for one in alone]
        taken = (c for c in sorted(known) if may_be_empty or any(match(c) for match in matches))
        begins[name] = "".join(taken)
    return begins


def _first(parts: Iterable[Any]) -> tuple[list[Any], bool]:
    """What of an expression may match a first character, and whether it may match none."""
    found: list[Any] = []
    for op, given in parts:
        match str(op):
            case "ASSERT" | "ASSERT_NOT" | "AT":
                continue
            case "BRANCH":
                inside = given[1]
            case "SUBPATTERN":
                inside = [given[-1]]
            case "ATOMIC_GROUP":
                inside = [given]
            case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
                inside = [given[2]] if given[0] else [given[2], ()]
            case _:
                return [*found, (op, given)], False
        within = [_first(part) for part in inside]
        found += chain.from_iterable(nodes for nodes, _ in within)
        if not any(empty for _, empty in within):
            return found, False
    return found, True


def _rule(rule: Rule) -> TableRule:
    symbol = str(rule.origin.name)
    of_symbols: Iterator[tuple[int, Any]] = enumerate(rule.expansion)
    parts: list[int | None] = []
    spread = []
    for absent in rule.options.empty_indices or [False] * len(rule.expansion):
        if absent:
            parts.append(None)
            continue
        i, part = next(of_symbols)
        if not (part.is_term and part.filter_out):
            parts.append(i)
        if not part.is_term and part.name[0] == "_":
            spread.append(i)
    method = rule.alias or ("" if symbol[0] == "_" or rule.options.expand1 else symbol)
    assert method or symbol[0] == "_" or (len(parts) == 1 and not spread), rule
    return TableRule(symbol, len(rule.expansion), str(method), parts, spread)


def _read(read: Callable[[], bytes]) -> Tables | None:
    """The tables that a file holds; None where there is no such file, or it isn't whole."""
    try:
        found = Tables(**json.loads(read()))
    except (OSError, ValueError, TypeError):
        return None
    return found._replace(rules=[TableRule(*row) for row in found.rules])


def _kept_at(grammar: Grammar) -> Path | None:
    """Where the tables are kept that no wheel has: a folder that nobody else can write, or else
    texts would mean what others like; None where there is none."""
    from hashlib import blake2b

    try:
        folder = own_folder("cache")
        make_folder(folder)
        status = folder.stat()
    except (OSError, RuntimeError):  # not writable; no home
        return None
    if hasattr(os, "getuid") and (status.st_uid != os.getuid() or status.st_mode & 0o022):
        return None
    key = f"{grammar} {grammar.text} {Tables._fields} {TableRule._fields}".encode()
    return folder / f"grammar-{blake2b(key, digest_size=10).hexdigest()}.json"
