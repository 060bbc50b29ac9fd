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
    assert len(fresh._of_state) > len(fresh._alone)
    assert len(fresh._alone) < len(fresh._terminals) / 2


def test_what_is_found_is_what_the_state_alone_would_find(
    fresh: Terminals, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared, found = repr(read(TEXT)), fresh._match
    seen = []

    def alone(text: str, at: int, end: int, accepted: frozenset[str]) -> re.Match[str] | None:
        m = found(text, at, end, accepted)
        own = {n: regexp for n, regexp in fresh._terminals.items() if n in accepted}
        wanted = fresh._compiled(own).match(text, at, end) if own else None
        if wanted is not None:
            assert m is not None
            seen.append((m.lastgroup, m.span()) == (wanted.lastgroup, wanted.span()))
        return m

    monkeypatch.setattr(fresh, "_match", alone)
    assert repr(read(TEXT)) == shared
    assert seen
    assert all(seen)
