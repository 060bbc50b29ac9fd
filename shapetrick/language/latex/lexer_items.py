"""A part of a formula: its tokens, and the names of its text; terminals at its places."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ...core.errors import Span
from ...core.named_tuples import NamedTuple
from ..syntax.automaton import Terminal
from .names import Names
from .tokens import Token, outer, rebased

_BRACKETS = ("(", "[", r"\{", "{")
LexerPlace = tuple[int, int]  # tokens from one to another
LexerItem = Terminal | LexerPlace


class LatexPart(NamedTuple):
    """A statement, or an expression: its tokens, and the names of its text."""

    tokens: Sequence[Token]
    names: Names

    def between(self, low: int, high: int) -> LatexPart:
        """Some of its tokens."""
        return self._replace(tokens=rebased(self.tokens[low:high]))

    @property
    def text(self) -> str:
        """The text that they are of."""
        return self.names.text

    def split(self, low: int, high: int, parts: Callable[[Token], bool]) -> list[LexerPlace]:
        """What stands between the tokens outside of brackets that part it."""
        places = [k for k in outer(self.tokens, low, high) if parts(self.tokens[k])]
        return [*zip([low, *(k + 1 for k in places)], [*places, high], strict=True)]

    def sides(self, low: int = 0) -> list[LexerPlace]:
        """What stands between the signs of a statement, from a place on."""
        return self.split(low, len(self.tokens), lambda t: t.kind == "relation")

    def opens(self, i: int) -> bool:
        """Whether a bracket opens at a place."""
        return self.tokens[i].kind == "open" and self.tokens[i].text in _BRACKETS

    def within(self, i: int, end: int) -> list[Token]:
        """What stands in the brackets that open at a place, outside of others."""
        if i >= end or not self.opens(i):
            return []
        return [self.tokens[k] for k in outer(self.tokens, i + 1, self.tokens[i].partner)]


def call(name: str, span: Span, *args: Sequence[LexerItem], before: int = 1) -> list[LexerItem]:
    """A function's call at a place, and how many arguments come before those that are sizes."""
    comma = Terminal("_COMMA", ",", span)
    inside = [item for arg in args for item in (comma, *arg)][1:]
    called = Terminal("FUNCTION", name, span, (name, before))
    return [called, Terminal("LPAR", "(", span), *inside, Terminal("RPAR", ")", span)]


def terminal(kind: str, token: Token, value: Any = None, text: str = "") -> Terminal:
    """The terminal that a token is."""
    return Terminal(kind, text or token.text, token.span, value)
