"""Text to tokens: the terminals of the grammar, looked for where the parser can take them.

The parser asks for the next token, and gives it to its tables; names are told apart here, by what
they are and by what follows, which the grammar can't.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection, Container, Iterator, Mapping, Sequence

from ...core.errors import ParseError, Span
from ...core.greek import as_declared
from ...core.named_tuples import NamedTuple
from ...core.regexes import regex
from .automaton import ParserRun, Terminal
from .parse_tables import LETTER, Tables
from .tree import ATTRIBUTES, KINDS, PlacedName

# Names that are functions, and how many of a call's arguments come before those that are sizes.
Arities = Mapping[str, int]

_Match = Callable[[str, int, int], re.Match[str] | None]
Accepted = frozenset[str]  # the names of terminals that the parser can take

MANY = 1000  # of a function that is defined in text: all of its arguments

RESERVED = ("wrt", "with")

OTHER = "OTHER"  # the type of what is no terminal, which the parser refuses
_CALL = regex(r"\s*[(|‖]|\.\(")
_OPERAND = regex(r"\s+(?:[^\W\d]\w*|\d|√)")
_OPENING = {"LPAR": "RPAR", "LBRACE": "RBRACE", "ANGLE": "ANGLE_END", "OPENING": "END",
            "_AT": "END"}  # fmt: skip
_BARS = ("BAR", "NORM")
_PRIMED_CALL = regex(r"['’′]+\(")
_ABSTRACT_CALL = regex(r"(\[[^\[\]]*\])?(\s*['’′])*(\s*|\.)\(")


class Source(NamedTuple):
    """A piece of a text, the names in it that are functions where a bracket follows, and those that
    are declared or defined."""

    text: str
    span: Span
    functions: Arities
    abstract: Container[str]
    names: Container[str] = frozenset()


class Terminals:
    """The lexer of a grammar: what stands in a source that the parser can take; where there is
    nothing, what else stands there, for the parser to refuse.

    The value of a name is the name and its place."""

    def __init__(self, tables: Tables) -> None:
        self._terminals, self._begins = tables.terminals, tables.begins
        self._known = frozenset("".join(tables.begins.values()))
        self._ignored = re.compile(f"(?:{tables.ignored})?")
        self._all = frozenset(tables.terminals)
        self._patterns: dict[str, _Match] = {}
        self._of_state: dict[int, Accepted] = {}
        self._beginning: dict[tuple[str, Accepted], Sequence[tuple[str, _Match]]] = {}

    def lex(self, source: Source, run: ParserRun) -> Iterator[Terminal]:
        """The tokens of a source, each when the run has taken those before it. Raises
        ParseError."""
        text, (at, end), *_ = source
        places, of_state = run.states, self._of_state
        opened: list[Terminal] = []
        while at < end:
            place = places[-1]
            if place not in of_state:
                of_state[place] = self._accepted_in(run.waiting)
            start = self._ignored.match(text, at, end).end()  # type: ignore[union-attr]
            if start == end:
                return
            kind, at = self._match(text, start, end, of_state[place])
            token = Terminal(kind, text[start:at], Span(start, at))
            if token.type in ("NAME", "DIM"):
                inside = bool(opened) and opened[-1].type in _BARS
                name = normal(token.value)
                if token.type == "NAME":
                    name = as_declared(name, source.names)
                    if not name.isascii() and name not in source.names:  # `Φ(x)`
                        name = as_declared(name, source.functions)
                _tell_apart(token, PlacedName(name, token.span), source, inside)
            elif token.type in _BARS:
                _pair(token, opened, text)
            elif token.type in _OPENING:
                opened.append(token)
            elif opened and token.type == _OPENING.get(opened[-1].type):
                opened.pop()
            yield token
        if opened and opened[-1].type in (*_BARS, "ANGLE"):
            raise ParseError(f"this `{opened[-1]}` is never closed.", opened[-1].span)

    def _accepted_in(self, actions: Collection[str]) -> Accepted:
        found = self._terminals.keys() & actions
        return frozenset({*found, "NAME"} if "FUNCTION" in actions else found)

    def _match(self, text: str, start: int, end: int, accepted: Accepted) -> tuple[str, int]:
        """The first of the accepted terminals that is found there, and where it ends; where there
        is none, any other, or any character."""
        for among in (accepted, self._all):
            for name, match in self._beginning_with(text[start], among):
                m = match(text, start, end)
                if m is not None:
                    return name, m.end()
        return OTHER, start + 1

    def _beginning_with(self, sign: str, among: Accepted) -> Sequence[tuple[str, _Match]]:
        """The terminals that may begin with a character. To compile a pattern takes a tenth of a
        millisecond: each is when it is looked for."""
        found = self._beginning.get((sign, among))
        if found is None:
            known = sign if sign in self._known else LETTER if sign.isalpha() else ""
            names = [n for n in self._terminals if n in among and known in self._begins[n]]
            found = self._beginning[sign, among] = [(n, self._pattern(n)) for n in names]
        return found

    def _pattern(self, name: str) -> _Match:
        if name not in self._patterns:
            self._patterns[name] = re.compile(self._terminals[name]).match
        return self._patterns[name]


def _pair(token: Terminal, opened: list[Terminal], text: str) -> None:
    """Make a bar that closes one an end; the others open. Raises ParseError for bars in bars."""
    start, end = token.span
    if not opened or opened[-1].type != token.type:
        opened.append(token)
        return
    if text[start - 1].isspace() and text[end : end + 1].isalnum():
        raise ParseError(
            "bars within bars are not told apart: write `abs(…)`, `det(…)` or `norm(…)` for the "
            "inner ones.",
            token.span,
        )
    opened.pop()
    token.type += "_END"


def _tell_apart(token: Terminal, named: PlacedName, source: Source, inside: bool) -> None:
    """Make a name a word of a request, a function or an attribute, if it is one; a bar behind it
    opens nothing where one is open, `inside` bars."""
    name, (_, end) = named
    token.value = named
    if token.type == "NAME":
        if name in RESERVED:
            token.type = f"_{name.upper()}"
        elif name in source.functions and _calls(source.text, end, inside):
            token.type, token.value = "FUNCTION", (name, source.functions[name])
        elif source.functions.get(name) and _takes(source, named):
            token.type, token.value = "APPLY", (name, source.functions[name])
        elif _is_derivative(source, named):
            token.type = "PRIMED"
        elif name in source.abstract and _ABSTRACT_CALL.match(source.text, end):
            token.type = "ABSTRACT"
    elif name == "for":  # of a range that is not well formed
        token.type = OTHER
    elif name in ATTRIBUTES or name in KINDS:
        token.type = "ATTRIBUTE"


def _calls(text: str, end: int, inside: bool) -> bool:
    m = _CALL.match(text, end)
    return m is not None and not (inside and m.group().endswith(("|", "‖")))


def _is_derivative(source: Source, named: PlacedName) -> bool:
    """Whether a function's derivative is called, `tanh'(x)`."""
    name, (_, end) = named
    if source.functions.get(name) != 1 or name in source.names or name in source.abstract:
        return False
    return _PRIMED_CALL.match(source.text, end) is not None


def _takes(source: Source, named: PlacedName) -> bool:
    """Whether a function without brackets stands before what it can take: `tr A`."""
    m = _OPERAND.match(source.text, named.span.end, source.span.end)
    return m is not None and named.name not in source.names and m.group().strip() not in RESERVED


def normal(text: str) -> str:
    """A name as it is compared: composed."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)
