"""Answers are verified, and no longer than those that a textbook prints."""

from __future__ import annotations

from itertools import chain

import pytest
from textbook_forms import FORMS

import shapetrick as st
from shapetrick.core.cost import length
from shapetrick.language.elaboration import read
from shapetrick.language.expressions import read_expression

ROWS = list(chain.from_iterable(FORMS.values()))


@pytest.mark.parametrize(("text", "textbook"), ROWS, ids=[row[0] for row in ROWS])
def test_the_answer_is_no_longer_than_the_textbook_s(text: str, textbook: str) -> None:
    d = st.derive(text)
    assert d.verified
    problem = read(text)
    wanted = read_expression(textbook, problem)
    introduced = [e for name, e in d.definitions if name not in problem.definitions]
    assert length(d.gradient) + sum(map(length, introduced)) <= length(wanted)
