"""The lexer's patterns: compiled for few states, and right for all."""

from __future__ import annotations

import re

import pytest

from shapetrick.language.elaboration import read
from shapetrick.language.syntax import parser
from shapetrick.language.syntax.lexer import Terminals
from shapetrick.language.syntax.parse_tables import PROBLEM, tables_of

TEXT = """\
X : m x d; w, y : d; v : m
f(x) = tanh(2 x)
J = norm(X w - v)^2 / (2 m) + sum(f(w), axis=0) + |w'w|
L = ‖X‖² + ⟨w, y⟩ + sum(i = 1..d) w_i^2 + np.trace(X X.T)
grad J wrt X, w
check grad J wrt w = 2 X' (X w - v)
hess L wrt w
"""


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch) -> Terminals:
    """A lexer that has read nothing yet."""
    lexer = Terminals(tables_of(PROBLEM))
    monkeypatch.setattr(parser, "_lexer", lambda: lexer)
    return lexer


def test_few_patterns_serve_many_states(fresh: Terminals) -> None:
    read(TEXT)
    assert len(fresh._of_state) > len(fresh._patterns)
    assert len(fresh._patterns) < len(fresh._terminals) * 3 / 4


def test_what_is_found_is_what_the_state_alone_would_find(
    fresh: Terminals, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared, found = repr(read(TEXT)), fresh._match
    seen = []

    def alone(text: str, start: int, end: int, accepted: frozenset[str]) -> tuple[str, int]:
        name, at = found(text, start, end, accepted)
        own = (n for n in fresh._terminals if n in accepted)
        matches = ((n, re.compile(fresh._terminals[n]).match(text, start, end)) for n in own)
        wanted = next(((n, m.end()) for n, m in matches if m is not None), None)
        if wanted is not None:
            seen.append((name, at) == wanted)
        return name, at

    monkeypatch.setattr(fresh, "_match", alone)
    assert repr(read(TEXT)) == shared
    assert seen
    assert all(seen)
