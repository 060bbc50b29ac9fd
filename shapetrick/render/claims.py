"""What is told of a judged claim: the claim, the verdict, and what mends it, the change marked."""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from typing import TYPE_CHECKING

from ..claims.comparison import MOST_COMPARED
from ..claims.verdicts import Judgement
from ..core.named_tuples import NamedTuple
from ..core.problem import EqualityClaim, Problem, Request
from ..core.regexes import regex
from ..numerics.error_curves import Curve
from . import phrases as words
from .document import (
    ANSWER,
    Block,
    EquationBlock,
    Evidence,
    MarkedText,
    Relation,
    Remark,
    absent_in,
)

if TYPE_CHECKING:
    from ..claims.equalities import EqualityJudgement


class ClaimStory(NamedTuple):
    """What is told of a judged claim, on a derivative or that two expressions are equal."""

    claim: Request | EqualityClaim
    equation: EquationBlock | MarkedText  # the claim, with the sign that it deserves
    found: tuple[Block, ...]
    verdict: str
    warnings: tuple[Remark, ...] = ()  # that nobody should overlook
    curve: Curve | None = None

    @property
    def answer(self) -> tuple[Block, ...]:
        return self.equation, *self.found


_SIGNS: dict[str, Relation] = {"right": "=", "wrong": "≠", "unchecked": "=?"}
_WORDS = regex(r"[^\W\d]\w*|\d+|\s+|.", re.DOTALL)


def claim_story(
    j: Judgement, problem: Problem | None = None, curve: Curve | None = None
) -> ClaimStory:
    """The verdict on a claim of a problem."""
    text, suggestion = " ".join(j.claim.split()), j.suggestion
    gone, come = changes(text, suggestion) if j.mended and suggestion else ((), ())
    figures: tuple[str, ...] = ()
    if j.validation is not None and j.validation.draws:
        figures = tuple(words.figures(j.validation))
    elif j.evidence is not None and not j.diagnosis:
        figures = tuple(words.figures(j.evidence))
    value = None if j.request.claim is None else j.request.claim.value
    claim = MarkedText("claim", text, gone, False, j.request, _SIGNS[j.verdict], value)
    blocks: list[Block] = [
        Evidence(j.verdict, j.diagnosis, figures, words.BADGES[j.verdict], ANSWER)
    ]
    if suggestion is not None:
        label = "instead" if j.mended else "the answer"
        blocks.append(MarkedText(label, suggestion, come, True, j.request, "="))
    warnings = absent_in(problem, j.request)
    return ClaimStory(j.request, claim, tuple(blocks), j.verdict, warnings, curve)


def equality_story(j: EqualityJudgement) -> ClaimStory:
    """The verdict on an equality."""
    figures = (f"{j.points} points",) if j.verdict == "right" else ()
    evidence = Evidence(j.verdict, j.diagnosis, figures, words.BADGES[j.verdict], ANSWER)
    claim = EquationBlock("claim", j.claim.left, j.claim.right, _SIGNS[j.verdict])
    return ClaimStory(j.claim, claim, (evidence,), j.verdict)


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
