r"""A formula to its statements: where each ends, and which range stands behind it."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from ...core.errors import ParseError, Span
from ...core.indices import Range, range_of
from ...core.regexes import regex
from ..syntax.conditions import ATTRIBUTE_OF
from .derivatives import EXTREMA
from .tokens import Token, outer, rebased, tokens

_RANGE = regex(
    r"(?:\\q?quad|\\text\s*\{[^{}]*\}|\\forall|\\[,;:! ]|[,;&\s(])*"
    r"(?P<letter>[^\W\d])\s*(?:=\s*(?P<first>[\w+\- ]+?)\s*,|\\in\s*\\\{\s*(?P<low>[\w+\- ]+?)\s*,)"
    r"(?:\\[,;:! ]|\s)*(?:\\[lc]?dots[cb]?|\.\.\.|…)(?:\\[,;:! ]|\s)*,"
    r"(?:\\[,;:! ]|\s)*(?P<last>[\w+\- ]+)(?![\w+\- ]*(?:\\\}\s*)?\^)(?:\\\})?\)?"
)
_IMPLIED = (r"\implies", r"\Rightarrow", r"\Longrightarrow", r"\iff", r"\therefore")
_SEPARATORS = (",", ";", r"\quad", r"\qquad", *_IMPLIED)
_WORDS_BETWEEN = (
    "and", "where", "with", "for", "for all", "let", "given", "then", "suppose", "assume", "",
)  # fmt: skip
_GOES_ON = frozenset({"+", "-", r"\cdot", r"\times", r"\odot", r"\otimes", r"\oslash", "/"})
_NO_LETTER = (
    "a range stands behind what has its letter: `x_i \\in \\mathbb{R}^d, i = 1, \\dots, n`."
)
_SEVERAL = (
    "members in LaTeX have one index: declare those with several in a line of the plain language, "
    "`W[l,h] : d x p for l = 1..L, h = 1..H`, or a matrix of numbers as such, `R : m x n`."
)
_MOST_BEFORE = 50  # statements before a range that may have its letter


@dataclass(slots=True)
class FormulaStatement:
    """One statement of a formula: its tokens, and the range that stands behind it."""

    tokens: list[Token]
    over: Range | None
    span: Span

    def typed(self, text: str) -> str:
        """Its LaTeX as it may stand alone."""
        ends = [self.span.start, *(t.span.end for t in self.tokens)]
        pieces = [
            " " * (t.span.start > end) + text[slice(*t.span)]
            for t, end in zip(self.tokens, ends, strict=False)
        ]
        if self.over is not None:
            pieces.append(rf", {self.over.letter} = {self.over.first}, \dots, {self.over.last}")
        return "".join(pieces)

    @property
    def letter(self) -> str:
        """The letter of its range; empty if it has none."""
        return self.over.letter if self.over else ""

    @property
    def declares(self) -> bool:
        """Whether it gives names a shape."""
        return any(t.is_(r"\in", ":") for t in self.tokens[self.relation : self.relation + 1])

    @property
    def said(self) -> str:
        r"""The attribute that it says behind names, `> 0` or `= A^\top`; empty if none."""
        *_, sign, zero = ["", "", *(t.text for t in self.tokens)]
        if zero == "0" and sign in ATTRIBUTE_OF:
            return ATTRIBUTE_OF[sign]
        return "symmetric" if turned(self.tokens) else ""

    @property
    def relation(self) -> int:
        """Where the sign between the two sides stands; the end if there is none."""
        found = (k for k in outer(self.tokens) if self.tokens[k].kind == "relation")
        return next(found, len(self.tokens))


def formula_statements(text: str, span: Span) -> Iterator[FormulaStatement]:
    """The statements that a formula holds. Raises ParseError."""
    alone = _RANGE.fullmatch(text, *span)
    if alone is not None:
        yield FormulaStatement([], _range(alone), span)
        return
    found = tokens(text, span)
    kept: list[Token] = []
    related = asked = ranged = False
    i = 0
    while i <= len(found):
        token, over = found[i] if i < len(found) else None, None
        end = token is None
        if token is not None and _separates(token):
            m = _RANGE.match(text, token.span.start, span.end) if kept or ranged else None
            if m is not None:
                over = FormulaStatement([], _range(m), Span(m.start("letter"), m.end()))
                i = bisect_right(found, m.end(), key=lambda t: t.span.end) - 1
            joins = token.is_(",") and not related and not asked and over is None
            end = not joins and (
                token.is_(",", ";", *_IMPLIED) or over is not None or not _goes_on(found, i)
            )
            kept += [token] if joins else []
        elif token is not None and token.is_(r"\\"):
            end = not _goes_on(found, i)
        elif token is not None:
            if kept and (token.kind == "relation" or token.is_(*ATTRIBUTE_OF)):
                related = True
            asked = asked or (not kept and token.is_(r"\nabla", r"\frac", r"\partial"))
            close = token.partner if token.kind == "open" else i
            kept += found[i : close + 1]
            i = close
        if end:
            while kept and kept[-1].is_(".", ",", ";"):
                kept.pop()
            if kept:
                kept, declared = _optimized(_symmetric(rebased(kept)))
                for part in declared:
                    yield FormulaStatement(rebased(part), None, part[0].span | part[-1].span)
                yield FormulaStatement(rebased(kept), None, kept[0].span | kept[-1].span)
            kept, related, asked = [], False, False
        ranged = over is not None or (ranged and not kept)
        if over is not None:
            yield over
        i += 1


def with_ranges(parts: Iterable[FormulaStatement]) -> list[FormulaStatement]:
    r"""The statements, with each range, `x_i \in \mathbb{R}^d` for `i = 1, \dots, n`, behind those
    before it whose names have its letter. Raises ParseError."""
    found: list[FormulaStatement] = []
    for part in parts:
        if part.over is None:
            found.append(part)
            continue
        fits = False
        for at in reversed(range(max(len(found) - _MOST_BEFORE, 0), len(found))):
            given = _ranged(found[at], part.over)
            if not given and found[at].declares:
                continue
            if not given or found[at].letter == part.letter:
                break
            if found[at].over is not None:
                raise ParseError(_SEVERAL, part.span)
            found[at : at + 1] = given
            fits = True
        if not fits:
            raise ParseError(_NO_LETTER, part.span)
    return found


def _ranged(part: FormulaStatement, over: Range) -> list[FormulaStatement]:
    """A statement with a range, those of the names that it declares which lack the letter without
    it; none if all lack it."""
    left, right = part.tokens[: part.relation], part.tokens[part.relation :]
    commas = [k for k in outer(left) if left[k].is_(",")] if part.declares else []
    bounds = zip([0, *(k + 1 for k in commas)], [*commas, len(left)], strict=True)
    named: dict[bool, list[Token]] = {False: [], True: []}
    for low, high in bounds:
        names = named[any(t.is_letter(over.letter) for t in left[low + 1 : high])]
        names += [left[commas[0]]] if names else []
        names += left[low:high]
    if not named[True]:
        return []
    kept = [(names, over if has else None) for has, names in named.items() if names]
    return [FormulaStatement(rebased([*names, *right]), given, part.span) for names, given in kept]


def turned(found: Sequence[Token]) -> Sequence[Token]:
    r"""The name in a whole `A = A^\top`; nothing of others."""
    at = next((k for k in outer(found) if found[k].is_("=")), 0)
    name, turned = sorted((found[:at], found[at + 1 :]), key=len)
    texts = [t.text for t in turned]
    is_turned = texts[-4:-2] == ["^", "{"] and texts[-2] in (r"\top", "T")
    return name if is_turned and texts[:-4] == [t.text for t in name] else ()


def _symmetric(found: list[Token]) -> list[Token]:
    r"""A declaration `A = A^\top \in …` as that of what is symmetric."""
    sign = next((k for k in outer(found) if found[k].is_(r"\in")), 0)
    name = turned(found[:sign])
    if not name:
        return found
    said = Token("word", "symmetric", found[0].span | found[sign - 1].span, font="text")
    return rebased([*name, *found[sign:], said])


def _optimized(found: list[Token]) -> tuple[list[Token], list[list[Token]]]:
    r"""A statement `\min_{w \in \mathbb{R}^d} …` without the declarations below it, and these."""
    if not found[0].is_(*EXTREMA) or len(found) < 3 or not found[1].is_("_"):
        return found, []
    low, high = 3, found[2].partner
    commas = [3 + k for k in outer(rebased(found[3:high])) if found[3 + k].is_(",")]
    names: list[Token] = []
    declared: list[list[Token]] = []
    for sign in (k for k in range(low, high) if found[k].is_(r"\in") and k > low):
        end = next((k for k in commas if k > sign), high)
        declared.append(found[low:end])
        names += found[low:sign] + [found[k] for k in commas if k == end]
        low = min(end + 1, high)
    return rebased(found[:3] + names + found[low:]), declared


def _separates(token: Token) -> bool:
    words = token.kind == "word" and token.font.startswith("text")
    return token.is_(*_SEPARATORS, r"\forall") or (
        words and token.text.strip(" ,.:").lower() in _WORDS_BETWEEN
    )


def _goes_on(found: Sequence[Token], i: int) -> bool:
    """Whether a statement goes on in the next row, or behind a wide space."""
    wide = (r"\quad", r"\qquad", r"\\")
    before = next((t for t in reversed(found[:i]) if not t.is_(*wide)), None)
    after = next((t for t in found[i + 1 :] if not t.is_(*wide)), None)
    if before is None or after is None:
        return False
    after_sign = after.kind == "relation" or (after.kind != "open" and after.text in _GOES_ON)
    waits = before.kind == "relation" or (before.kind != "open" and before.text in _GOES_ON)
    return after_sign or waits


def _range(m: re.Match[str]) -> Range:
    over = range_of(m["letter"], m["first"] or m["low"], m["last"].strip())
    if over is None:
        raise ParseError(
            "a range is `l = 1, \\dots, L`: a letter, and the first and the last index.",
            Span(*m.span()),
        )
    return over
