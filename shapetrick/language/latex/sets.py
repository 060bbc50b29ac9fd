r"""TABLE: sets of numbers in LaTeX, `\mathbb{R}_{+}^{n}`, and the attributes that they give."""

from __future__ import annotations

from collections.abc import Sequence

from ...core.named_tuples import NamedTuple
from ...core.regexes import regex
from .tokens import Token

# A set, and what stands below it.
_ATTRIBUTES: dict[tuple[str, str], tuple[str, ...]] = {
    ("R", ""): (),
    ("R", "+"): ("nonneg",),
    ("R", r"\ge0"): ("nonneg",),
    ("R", r"\geq0"): ("nonneg",),
    ("R", "++"): ("positive",),
    ("R", ">0"): ("positive",),
    ("S", ""): ("symmetric",),
    **{("S", below): ("posdef",) for below in ("++", "+", r"\succ0", r"\succeq0")},
    **{("N", below): ("natural",) for below in ("", "0", "+")},
    ("0,1", ""): ("unit",),  # `[0, 1]`, `\{0, 1\}`
    **{(ends, ""): () for ends in ("-1,1", "-1,+1", "+1,-1", "1,-1", r"\pm1")},
}
_NUMBERED = regex(r"1,\\dots,\w+")


class NumberSet(NamedTuple):
    """Where a set ends, where its raised shape stands, and its attributes, if it is known."""

    is_square: bool
    attributes: tuple[str, ...] | None
    raised: tuple[int, int] | None
    end: int


def read_set(tokens: Sequence[Token], i: int, end: int) -> NumberSet:
    r"""The set at a token: `\mathbb{R}`, `\R`, `R` or brackets."""
    name, at = tokens[i].text.removeprefix("\\"), i + 1
    if tokens[i].kind == "open":
        at = tokens[i].partner + 1
        name = _joined(tokens, i + 1, at - 1)
    elif tokens[i].text.startswith(r"\math") and at < end and tokens[at].text == "{":
        at = tokens[i + 1].partner + 1
        name = _joined(tokens, i + 2, at - 1)
    below, raised = "", None
    while at < end and tokens[at].is_("_", "^"):
        close = tokens[at + 1].partner
        if tokens[at].is_("_"):
            below = _joined(tokens, at + 2, close)
        else:
            raised = (at, close)
        at = close + 1
    attributes = _ATTRIBUTES.get((name, below))
    if _NUMBERED.fullmatch(name):  # `\{1, \dots, C\}`, of the numbers of classes
        attributes = ()
    if raised is not None and name == "N":  # of counts; a natural number has no shape
        attributes = ("nonneg",)
    return NumberSet(name == "S", attributes, raised, at)


def _joined(tokens: Sequence[Token], low: int, high: int) -> str:
    return "".join(t.text for t in tokens[low:high])
