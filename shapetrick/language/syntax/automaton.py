"""Tokens to values, by the tables of a parser: it shifts, and calls the builder for each rule.

A lexer may look at the state before it finds the next token, so that tokens are fed one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import itemgetter
from typing import Any

from ...core.errors import Span
from .parse_tables import TableRule, Tables

_END = "$END"  # the type of what stands behind the last token
_only: Callable[[list[Any]], Any] = itemgetter(0)  # the value of a rule that is its one part


class Terminal(str):
    """A terminal as it was typed, with its place; its value is what it was typed as, or another."""

    __slots__ = ("span", "type", "value")

    def __new__(cls, kind: str, typed: str, span: Span, value: Any = None) -> Terminal:
        made = super().__new__(cls, typed)
        made.type, made.span, made.value = kind, span, typed if value is None else value
        return made

    type: str
    span: Span
    value: Any


class UnexpectedTerminal(Exception):
    """A token that has no place where it stands, None for the end; and what might stand there."""

    def __init__(self, token: Terminal | None, waiting: Mapping[str, int]) -> None:
        super().__init__(token)
        self.token, self.waiting = token, waiting


class Automaton:
    """What the tables say of a builder: each terminal with a pattern and each rule that it has a
    method for gives its part's value."""

    def __init__(self, tables: Tables, builder: object) -> None:
        self.tables = tables
        self.leaves = {n: getattr(builder, n) for n in tables.terminals if hasattr(builder, n)}
        self.rules = [(rule.symbol, rule.length, _maker(rule, builder)) for rule in tables.rules]


class ParserRun:
    """A text that is being parsed as the symbol `start`."""

    def __init__(self, automaton: Automaton, start: str) -> None:
        self._automaton, self._end = automaton, automaton.tables.ends[start]
        self.states = [automaton.tables.starts[start]]
        self._values: list[Any] = []

    @property
    def waiting(self) -> Mapping[str, int]:
        """By what may come next."""
        return self._automaton.tables.states[self.states[-1]]

    def feed(self, token: Terminal) -> None:
        """Take the next token. Raises UnexpectedTerminal."""
        kind, leaves = token.type, self._automaton.leaves
        self.states.append(self._reduced(kind, token))
        self._values.append(leaves[kind](token) if kind in leaves else token)

    def value(self) -> Any:
        """What the whole is. Raises UnexpectedTerminal where something is missing."""
        self._reduced(_END, None)
        return self._values[-1]

    def _reduced(self, kind: str, token: Terminal | None) -> int:
        """Complete the rules that end before a token; the state that it leads to."""
        states, values, follows = self.states, self._values, self._automaton.tables.states
        first = follows[states[-1]]
        while token is not None or states[-1] != self._end:
            found = follows[states[-1]].get(kind)
            if found is None:
                raise UnexpectedTerminal(token, first)
            if found >= 0:
                return found
            symbol, length, make = self._automaton.rules[-1 - found]
            if make is _only:  # most rules: an operand is an expression of each rank
                states[-1] = follows[states[-2]][symbol]
                continue
            parts = values[len(values) - length :]
            if length:
                del states[-length:], values[-length:]
            states.append(follows[states[-1]][symbol])
            values.append(make(parts))
        return self._end


def _maker(rule: TableRule, builder: object) -> Callable[[list[Any]], Any]:
    """What makes a rule's value of its parts."""
    make: Callable[[list[Any]], Any]
    if rule.method:
        make = getattr(builder, rule.method)
    else:
        make = _same if rule.symbol.startswith("_") else _only
    if not rule.spread and [*rule.parts] == [*range(rule.length)]:
        return make

    def of_taken(parts: list[Any]) -> Any:
        taken: list[Any] = []
        for i in rule.parts:
            if i is None:
                taken.append(None)
            elif i not in rule.spread:
                taken.append(parts[i])
            elif taken:
                taken += parts[i]
            else:  # a list of many is not copied at each of them
                taken = parts[i]
        return make(taken)

    return of_taken


def _same(parts: list[Any]) -> list[Any]:
    return parts
