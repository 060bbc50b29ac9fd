"""Whether values agree, and how much two texts differ."""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import SequenceMatcher
from itertools import takewhile

import numpy as np

from ..core.functions import Array

SAME = 1e-7  # relative: values nearer than that agree
MOST_COMPARED = 1_000_000  # pairs of words

_WORDS = re.compile(r"\w+|\S")


def agree(value: Array | None, right: Array, near: float = SAME) -> bool:
    if value is None or value.shape != right.shape:
        return False
    with np.errstate(over="ignore", invalid="ignore"):  # what is so far apart does not agree
        return bool(np.abs(value - right).max() <= near * np.abs(right).max())


def ratio(value: Array, right: Array) -> float | None:
    """What the right value is multiplied by to give the other, if there is one such number."""
    if value.shape != right.shape or not right.any() or not value.any():
        return None
    largest, own = float(np.abs(right).max()), float(np.abs(value).max())
    a, b = value / own, right / largest  # so that no square underflows or overflows
    k = float((a * b).sum() / (b * b).sum())
    found = k * (own / largest)
    return found if found and np.isfinite(found) and agree(a / k, b) else None


def miss(value: Array, right: Array) -> float:
    """How far a value is from the right one, relative to its largest entry."""
    with np.errstate(over="ignore"):
        return float(np.abs(value - right).max() / np.abs(right).max())


def distance(old: str, new: str) -> int:
    """How many words and signs change."""
    a, b = _WORDS.findall(old), _WORDS.findall(new)
    same = _alike(a, b)
    a, b = a[same:], b[same:]
    same = _alike(a[::-1], b[::-1])
    a, b = a[: len(a) - same], b[: len(b) - same]
    if len(a) * len(b) > MOST_COMPARED:
        return len(a) + len(b)
    blocks = SequenceMatcher(None, a, b, autojunk=False).get_matching_blocks()
    return len(a) + len(b) - 2 * sum(block.size for block in blocks)


def _alike(a: Sequence[str], b: Sequence[str]) -> int:
    """How many of the first words are the same."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(a, b, strict=False)))
