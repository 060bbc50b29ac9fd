"""A text to the pieces that are its statements: comments gone, letters made plain, lines split.

Comes before the lexer. Every place stays where it was.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterator

from ...core.budget import TEXT
from ...core.errors import ParseError, Span
from ...core.regexes import regex
from .letters import NAME, PLACED_NAME, check_letters, folded
from .lexer import normal
from .tree import ATTRIBUTES

_PAIRS = {"(": ")", "[": "]", "{": "}"}
COMMENT = regex(r"#[^\n]*")
_BOUNDARY = regex(r"[()\[\]{};\n]")
_UNPRINTABLE = regex(
    "[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    "\ud800-\udfff\ufeff\ufff9-\ufffb]"
)
_IN = regex(r"∈(?=\s*[Rℝ]\s*\^)|(?<![\w\\])in(?=\s+(?:R\s*\^|ℝ))")
_SIDES = regex(r"[()\[\]{}]|(?<![<>=:])=(?!=)|,")
_ELEMENTWISE_LINE = regex(r"(?:^|[;\n])([^;=\n]*:[^\S\n]*elementwise(?!\w)[^;\n]*)")
_ELEMENTWISE = regex(r"([^:;=\n]*):[^\S\n]*elementwise(?!\w)")
_HEADS = regex(
    rf"(?:(?:^|[;\n])\s*({PLACED_NAME}(?:\s*,\s*{PLACED_NAME})*)\s*[:=]|,\s*({PLACED_NAME})(?=\s*:))"
)
_DECLARES = regex(rf"{PLACED_NAME}(?:\s*,\s*{PLACED_NAME})*\s*:")
_OUTER = regex(r"[()\[\]{}:,]")
_WHERE = regex(r"(?<=[\s)\]}])where(?=\s)")
_HEAD_NAME = regex(rf"({NAME})(?:\[[^\[\]]*\])?")


def elementwise(clean: str, begin: int = 0) -> set[str]:
    """The names that a text declares from a place on as element-wise functions."""
    declared = (_ELEMENTWISE.match(clean, *span) for span in _declared(clean, begin))
    names = ",".join(m[1] for m in declared if m is not None)
    return {normal(name.partition("[")[0].strip()) for name in names.split(",") if name.strip()}


def _declared(clean: str, begin: int) -> Iterator[Span]:
    """Where something is declared as an element-wise function, its line at least."""
    for m in _ELEMENTWISE_LINE.finditer(clean, begin) if "elementwise" in clean else ():
        yield from declarations(clean, stripped(clean, Span(*m.span(1))))


def declared_names(clean: str, begin: int = 0) -> set[str]:
    """The names that stand before a colon or an equals sign, from a place on."""
    heads = (m[1] or m[2] for m in _HEADS.finditer(clean, begin))
    return {*_HEAD_NAME.findall(normal(",".join(heads)))}


def blanked(text: str, what: re.Pattern[str] = COMMENT) -> str:
    """The text with spaces in the place of its comments."""
    return what.sub(lambda m: " " * len(m.group()), text)


def with_colons(text: str) -> str:
    """The text with a colon in the place of `∈` and `in` before `R^n`; other sets are LaTeX's."""
    return _IN.sub(lambda m: ":".ljust(len(m.group())), text)


def cleaned(text: str, known: Container[str] = ()) -> str:
    """The text with comments blanked and letters made plain; every place stays where it was."""
    TEXT.admit(len(text), "this text", "split it into several problems.")
    is_printable = text.replace("\n", "").isprintable()
    unprintable = None if is_printable else _UNPRINTABLE.search(text)
    if unprintable:
        name = f"U+{ord(unprintable.group()):04X}"
        raise ParseError(
            f"the character {name} has no place in a problem: delete it.", Span(*unprintable.span())
        )
    clean = with_colons(folded(blanked(text)))
    check_letters(clean, known)
    return clean


def lines(text: str, begin: int = 0) -> Iterator[Span]:
    """Where the statements stand: a line each, or between `;`; brackets hold lines together."""
    start, open_at = begin, list[int]()
    for m in _BOUNDARY.finditer(text + "\n;", begin):
        sign, at = m.group(), m.start()
        if sign in "([{":
            open_at.append(at)
        elif sign in ")]}":
            if not open_at:
                raise ParseError(f"this `{sign}` closes nothing.", Span(at, at + 1))
            opened = open_at.pop()
            if _PAIRS[text[opened]] != sign:
                raise ParseError(f"this `{sign}` closes a `{text[opened]}`.", Span(opened, at + 1))
        elif sign == ";" and open_at:
            if m.end() <= len(text) and (text[open_at[-1]] == "[" or _parts(text, m, start)):
                continue  # between the rows of a block, or arguments in LaTeX
            raise ParseError(
                f"this `{text[open_at[-1]]}` is never closed.", Span(open_at[-1], open_at[-1] + 1)
            )
        elif not open_at:
            body = text[start:at]
            if body.strip():
                left = start + len(body) - len(body.lstrip())
                whole = Span(left, start + len(body.rstrip()))
                parted = ":" in body and "," in body and not _WHERE.search(body)
                yield from declarations(text, whole) if parted else [whole]
            start = at + 1


def _parts(text: str, sign: re.Match[str], start: int) -> bool:
    r"""Whether a `;` is between arguments in LaTeX, `\ell(w; x)`: its line closes the bracket."""
    line = text[sign.end() :].partition("\n")[0]
    return "\\" in text[start : sign.end() + len(line)] and ")" in line


def declarations(text: str, span: Span) -> Iterator[Span]:
    """The declarations that stand between commas, `x : n, A : n x n`; of anything else, itself."""
    begin, start, depth = _DECLARES.match(text, *span), span.start, 0
    commas: list[int] = []
    for m in _OUTER.finditer(text, *span) if begin is not None else ():
        sign, at = m.group(), m.start()
        depth += (sign in "([{") - (sign in ")]}")
        if sign == "," and not depth:
            commas.append(at)
        elif sign == ":" and not depth:
            first = _before_names(text, commas, at) if start < at else None
            if first is not None and begin is not None and first > begin.end():
                yield stripped(text, Span(start, first))
                start = first + 1
            commas = []
    yield stripped(text, Span(start, span.end))


def _before_names(text: str, commas: list[int], end: int) -> int | None:
    """The comma before the names that end at a place; what is behind a shape may be attributes."""
    first = None
    for comma in reversed(commas):
        name = text[comma + 1 : end].strip()
        if name in ATTRIBUTES or not _HEAD_NAME.fullmatch(name):
            break
        first = end = comma
    return first


def closings(text: str, begin: int) -> Iterator[int]:
    """Where the brackets that open behind a place are closed again, all of them."""
    depth = 0
    for m in _BOUNDARY.finditer(text, begin):
        closes = m.group() in _PAIRS.values()
        depth += (m.group() in _PAIRS) - closes
        if closes and not depth:
            yield m.end()


def outside(text: str, span: Span) -> Iterator[tuple[int, str]]:
    """The commas and equals signs outside of brackets, with their places."""
    depth = 0
    for m in _SIDES.finditer(text, *span):
        if m.group() in "=,":
            if not depth:
                yield m.start(), m.group()
        else:
            depth += 1 if m.group() in "([{" else -1


def stripped(text: str, span: Span) -> Span:
    """The place without the spaces around it."""
    inner = text[span.start : span.end]
    return Span(span.start + len(inner) - len(inner.lstrip()), span.start + len(inner.rstrip()))
