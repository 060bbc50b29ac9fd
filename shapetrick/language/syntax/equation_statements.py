"""Unknowns declared by their equations: `v : n, lam : scalar where A v = lam v, v' v = 1`.

Such a line is taken apart here: what stands before `where` are declarations, what stands behind it
are equations, both separated by commas.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from ...core.errors import ParseError, Span
from ...core.regexes import regex
from .lexer import Source
from .statement_lines import declarations, outside, stripped
from .tree import Declaration, TypedEquation

# A name with its colon, and `where` behind a shape; `where(…)` is a function.
_UNKNOWN = regex(r"[^\W\d][^:=]*:[^=]*?(?:=[^=]*?\.\.[^=]*?)*?(?<=[\s)\]}])where(?=\s|$)")
_RANGES = regex(r"(?<=[\s)\]}])for(?=\s)")
_WORD = regex(r"(?<=[\s)\]}])where(?=\s|$)")

Parse = Callable[[str, Source], Any]


def unknowns(source: Source, run: Parse) -> Declaration | None:
    """The declaration of unknowns that stands there, if one does. Raises ParseError."""
    text, (start, end), *_ = source
    if "where" not in text or _UNKNOWN.match(text, start, end) is None:
        return None
    word = _WORD.search(text, start, end)
    assert word is not None
    members = _RANGES.search(text, start, end)  # before the equations, or behind them
    before = min(word.start(), members.start() if members else end)
    ranges = Span(end, end)
    if members is not None:
        ranges = Span(members.start(), word.start() if members.start() < word.start() else end)
    heads = [
        run("statement", source._replace(text=alone(text, span, ranges), span=span | ranges))
        for span in declarations(text, stripped(text, Span(start, before)))
    ]
    for head in heads:
        if not isinstance(head, Declaration):
            raise ParseError("before `where` stand declarations: `Y : n x n where …`.", head.span)
    if ranges.start > word.end():
        end = ranges.start
    rest = stripped(text, Span(word.end(), end))
    if rest.start >= rest.end:
        raise ParseError("behind `where` stand equations: `Y : n x n where A Y = B`.", rest)
    equations = tuple(_equation(source, span, run) for span in between_commas(text, rest))
    first, *beside = heads
    whole = Span(start, source.span.end)
    found: Declaration = replace(first, equations=equations, beside=tuple(beside), span=whole)
    return found


def parts_of(text: str, span: Span) -> tuple[list[Span], list[Span]]:
    """Of a statement, the word `where` if it has it, and what stands around that: declarations, and
    sides of equations. Nothing is asked of them, so that they may be unfinished."""
    word = _WORD.search(text, *span) if _UNKNOWN.match(text, *span) else None
    if word is None:
        return [], [span]
    parts = [*declarations(text, stripped(text, Span(span.start, word.start())))]
    begin = word.end()
    for at, _ in outside(text, Span(begin, span.end)):
        parts.append(Span(begin, at))
        begin = at + 1
    return [Span(*word.span())], [*parts, Span(begin, span.end)]


def alone(text: str, *spans: Span) -> str:
    """The text with spaces in the place of all else."""
    kept = [" "] * len(text)
    for begin, end in spans:
        kept[begin:end] = text[begin:end]
    return "".join(kept)


def _equation(source: Source, span: Span, run: Parse) -> TypedEquation:
    said = "an equation has two sides: `A Y = B`."
    sides = equation_sides(source.text, span, said, said)
    return TypedEquation(*(run("expression", source._replace(span=side)) for side in sides))


def equation_sides(text: str, span: Span, no_equation: str, no_side: str) -> list[Span]:
    """Where the sides of an equation stand. Raises ParseError, with what is said of no equation,
    and of one without a side."""
    signs = [at for at, sign in outside(text, span) if sign == "="]
    if len(signs) != 1:
        raise ParseError(no_equation, span)
    sides = [Span(span.start, signs[0]), Span(signs[0] + 1, span.end)]
    sides = [stripped(text, side) for side in sides]
    if any(side.start >= side.end for side in sides):
        raise ParseError(no_side, span)
    return sides


def between_commas(text: str, span: Span) -> Iterator[Span]:
    """What stands between commas outside of brackets."""
    begin = span.start
    for at, sign in outside(text, span):
        if sign == ",":
            yield stripped(text, Span(begin, at))
            begin = at + 1
    yield stripped(text, Span(begin, span.end))
