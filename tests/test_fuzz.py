"""Spoilt and random texts, the first of those that `benchmarks/fuzz.py` puts through the whole
program: each is answered or refused."""

from __future__ import annotations

import pytest
from fuzz import FAULTS, outcome

EACH = 50  # texts of a test


@pytest.mark.parametrize("first", range(0, 300, EACH))
def test_every_text_is_answered_or_refused(first: int) -> None:
    found = [outcome(0, number) for number in range(first, first + EACH)]
    assert [one for one in found if one.word in FAULTS] == []
    assert {one.word for one in found} == {"answered", "refused"}
