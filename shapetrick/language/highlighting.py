"""How the parts of a text look: its keywords, functions, numbers, operators and comments.

It is what the grammar makes of each statement, as far as it can be read.
"""

from __future__ import annotations

from collections.abc import Container, Iterator

from ..core.errors import Span
from .shapes.words import vocabulary
from .syntax.equation_statements import parts_of
from .syntax.parser import tokens
from .syntax.statement_lines import COMMENT, blanked, elementwise, with_colons
from .syntax.text_functions import with_heads

# How a token of the language looks, by the names that the grammar gives them.
_LOOKS = {
    "KIND": "keyword", "_CHECK": "keyword", "_WRT": "keyword", "_WITH": "keyword",
    "SYMMETRIC": "keyword", "FUNCTION": "function", "APPLY": "function", "ABSTRACT": "function",
    "NUMBER": "number",
    "SIZE": "number", "TIMES": "operator", "SIGN": "operator", "POWER": "operator",
    "TRANSPOSE": "operator", "PRIME": "operator", "DIM": "shape", "_BY": "shape",
    "ATTRIBUTE": "attribute",
}  # fmt: skip


def highlighted(text: str, abstract: Container[str] | None = None) -> Iterator[tuple[str, Span]]:
    """The parts that have a look, in order; `abstract` are the names of element-wise functions,
    those that the text declares if none are given."""
    clean = with_colons(blanked(text))
    named = elementwise(clean) if abstract is None else abstract
    found = [("comment", Span(*m.span())) for m in COMMENT.finditer(text)]
    words = with_heads(clean, vocabulary())
    for statement in _statements(clean):
        where, parts = parts_of(clean, statement)
        found += [("attribute", word) for word in where]
        for begin, end in parts:
            for kind, span in tokens(clean[begin:end], words, named):
                if kind in _LOOKS:
                    found.append((_LOOKS[kind], Span(begin + span.start, begin + span.end)))
    yield from sorted(found, key=lambda part: part[1])


def _statements(text: str) -> Iterator[Span]:
    """Where each statement of a text that may still be being typed begins and ends."""
    begin = depth = 0
    for i, sign in enumerate(f"{text}\n"):
        depth += (sign in "([{") - (sign in ")]}")
        if i == len(text) or (sign in ";\n" and depth <= 0):
            yield Span(begin, i)
            begin = i + 1
