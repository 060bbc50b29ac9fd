"""The language for Pygments, which Sphinx and others use, and code in colours on a page."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import ClassVar, get_args

from pygments import lex
from pygments.lexer import Lexer
from pygments.lexers.python import PythonLexer
from pygments.token import Comment, Keyword, Name, Number, Operator, String, Text, _TokenType

from ..core.problem import RequestKind
from ..language.highlighting import highlighted
from .html_elements import Html, element, joined

MOST_COLOURED = 20_000  # letters
_TOKENS = {
    "keyword": Keyword,
    "attribute": Keyword.Type,
    "function": Name.Function,
    "number": Number,
    "operator": Operator,
    "shape": Name.Constant,
    "comment": Comment,
}
_KINDS = "|".join(get_args(RequestKind))
_REQUEST = re.compile(rf"(?:^|;)\s*(?:check\s+)?(?:{_KINDS})\s.*\s(?:wrt|for|over)\s", re.MULTILINE)
_CLASSES = {Comment: "comment", Keyword: "keyword", String: "string", Number: "number"}
_CLASSES |= {Name.Function: "function", Name.Builtin: "function"}


class ShapetrickLexer(Lexer):  # type: ignore[misc] # Pygments has no types
    """The language of shapetrick."""

    name = "shapetrick"
    aliases: ClassVar[list[str]] = ["shapetrick"]
    filenames: ClassVar[list[str]] = ["*.st"]

    @staticmethod
    def analyse_text(text: str) -> bool:
        """Whether it is likely the language: Smalltalk's files end in `.st`, too."""
        return _REQUEST.search(text) is not None

    def get_tokens_unprocessed(self, text: str) -> Iterator[tuple[int, _TokenType, str]]:
        """Each part with its place; what no look is known of is text."""
        at = 0
        for look, span in highlighted(text):
            if span.start > at:
                yield at, Text, text[at : span.start]
            yield span.start, _TOKENS[look], text[span.start : span.end]
            at = span.end
        if at < len(text):
            yield at, Text, text[at:]


def coloured(text: str, *, python: bool = False) -> Html:
    """A problem, or a module, as the inside of a `code` element."""
    if len(text) > MOST_COLOURED:
        return element("code", text)
    options = {"stripnl": False, "ensurenl": False}
    lexer = PythonLexer(**options) if python else ShapetrickLexer(**options)
    return element("code", *(_part(kind, part) for kind, part in lex(text, lexer)))


def _part(kind: _TokenType, text: str) -> Html:
    look = next((name for of, name in _CLASSES.items() if kind in of), "")
    return element("span", text, class_=look) if look else joined(text)
