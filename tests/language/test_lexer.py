"""The lexer's patterns: compiled for few states, and right for all."""

from __future__ import annotations

import pytest
from lark import Lark

from shapetrick.language.elaboration import read
from shapetrick.language.syntax import parser
from shapetrick.language.syntax.lexer import Terminals

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
    """The lexer of a parser that has read nothing yet."""
    starts = ["statement", "expression", "equated"]
    names = ("problem.lark", "expression.lark")
    made: Lark = parser.made_parser(names, Terminals, parser.Builder(), starts)
    monkeypatch.setattr(parser, "_parser", lambda: made)
    lexer = vars(made.parser)["lexer"]
    assert isinstance(lexer, Terminals)
    return lexer


def test_few_patterns_serve_many_states(fresh: Terminals) -> None:
    read(TEXT)
    assert len(fresh._of_state) > 2 * len(fresh._patterns)


def test_what_is_found_is_what_the_state_alone_would_find(
    fresh: Terminals, monkeypatch: pytest.MonkeyPatch
) -> None:
    shared = repr(read(TEXT))

    def alone(states: dict[object, dict[str, object]], place: object) -> object:
        own = fresh._accepted_in(states[place])
        return own, fresh._pattern(own)

    fresh._of_state.clear()
    monkeypatch.setattr(fresh, "_found_in", alone)
    assert repr(read(TEXT)) == shared
    assert all(found == fresh._pattern(own) for own, found in fresh._of_state.values())
