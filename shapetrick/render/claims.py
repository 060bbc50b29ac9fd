"""What was found of a claim, for people and as plain data."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from typing import Any

from ..claims.comparison import MOST_COMPARED
from ..claims.judgement import Judgement
from ..language.printer import overlined
from ..numerics.error_curves import Curve
from . import phrases as words
from .layout import MARGIN, Row, columns, labelled, padded, prose
from .plots import curve_lines
from .terminal import INDENT, LOOKS, Style

BADGES = {"right": "✓ right", "wrong": "✗ WRONG", "unchecked": "? NOT CHECKED"}
_LOOKS = {"right": LOOKS["verified"], "wrong": LOOKS["wrong"], "unchecked": LOOKS["unchecked"]}
_WORDS = re.compile(r"[^\W\d]\w*|\d+|\s+|.", re.DOTALL)


def judgement_rows(j: Judgement, style: Style, curve: Curve | None = None) -> list[Row]:
    """The claim, the verdict, and what mends it with the change marked."""
    claimed = " ".join(j.claim.split())
    head: list[Row] = [[(f"check {words.asked(j.request, overlined_in(style))}", "bold")], []]
    marks = changes(claimed, j.suggestion or "") if j.mended and j.suggestion else ((), ())
    rows = [*head, *_marked("claim", claimed, marks[0], "red", style)]
    rows += [[], *_verdict(j, style)]
    if j.suggestion is not None:
        label = "instead" if j.mended else "the answer"
        rows += [[], *_marked(label, j.suggestion, marks[1], "green", style)]
    if curve is not None:
        rows += [[], *([(" " * MARGIN + line, "")] for line in curve_lines(curve))]
    return rows


def overlined_in(style: Style) -> Any:
    """How an upstream's name is written."""
    return overlined if style.unicode else str


def changes(old: str, new: str) -> tuple[tuple[range, ...], tuple[range, ...]]:
    """The places in both texts that differ, word by word."""
    a, b = _WORDS.findall(old), _WORDS.findall(new)
    if len(a) * len(b) > MOST_COMPARED:
        return (), ()
    starts = [[0], [0]]
    for begins, parts in zip(starts, (a, b), strict=True):
        for part in parts:
            begins.append(begins[-1] + len(part))
    gone: list[range] = []
    come: list[range] = []
    for tag, i, k, j, n in SequenceMatcher(None, a, b, autojunk=False).get_opcodes():
        if tag != "equal":
            gone.append(_stripped(old, range(starts[0][i], starts[0][k])))
            come.append(_stripped(new, range(starts[1][j], starts[1][n])))
    return tuple(r for r in gone if r), tuple(r for r in come if r)


def _stripped(text: str, where: range) -> range:
    part = text[where.start : where.stop]
    start = where.start + len(part) - len(part.lstrip())
    return range(start, start + len(part.strip()))


def _marked(label: str, text: str, marks: Sequence[range], look: str, style: Style) -> list[Row]:
    """A text with carets below what changed, or coloured where it takes several lines."""
    lines = style.broken(text, INDENT)
    if len(lines) > 1:
        return labelled(label, [[(line, "")] for line in lines], INDENT)
    row: Row = []
    carets, at = "", 0
    for mark in marks:
        row += [(text[at : mark.start], ""), (text[mark.start : mark.stop], look)]
        carets += " " * columns(text[at : mark.start])
        carets += "^" * columns(text[mark.start : mark.stop])
        at = mark.stop
    rows = [[*row, (text[at:], "")]]
    if carets.strip():
        rows.append([(carets, look)])
    return labelled(label, rows, INDENT)


def _verdict(j: Judgement, style: Style) -> list[Row]:
    badge = padded(BADGES[j.verdict], INDENT - MARGIN - 1)
    indent = MARGIN + columns(badge) + 1
    width = style.prose_width - indent
    texts = [line for sentence in _sentences(j) for line in prose(sentence, width)]
    look = _LOOKS[j.verdict]
    first: Row = [(" " * MARGIN, ""), (badge, look), (f" {texts[0]}", "")]
    return [first, *([(" " * indent + text, "")] for text in texts[1:])]


def _sentences(j: Judgement) -> Iterator[str]:
    if j.diagnosis:
        yield j.diagnosis
    if j.validation is not None and j.validation.draws:
        yield "; ".join(words.figures(j.validation))
    elif j.evidence is not None and not j.diagnosis:
        yield "; ".join(words.figures(j.evidence))


def judgement_dict(j: Judgement) -> dict[str, Any]:
    """The same as data that JSON can hold: an infinite error is None."""
    request = j.request
    where = j.where
    return {
        "kind": request.kind,
        "of": request.of_text,
        "wrt": request.wrt.name,
        "claim": j.claim,
        "verdict": j.verdict,
        "right": j.verdict == "right",
        "error": j.error if math.isfinite(j.error) else None,
        "diagnosis": j.diagnosis,
        "suggestion": j.suggestion,
        "mended": j.mended,
        "where": None
        if where is None
        else {"text": where.text, "start": where.span.start, "end": where.span.end},
        "only_where": j.proviso,
        "slips": [{"kind": s.name, "old": s.old, "new": s.new} for s in j.slips],
    }
