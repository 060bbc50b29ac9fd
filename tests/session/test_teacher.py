"""What the teacher says of typed arrangements: what is right so far and which kind of thing is
missing, then which; the answer at the third try, which was tried, fits and has the line's factors.
"""

from __future__ import annotations

import re

import pytest

from shapetrick.language.elaboration import read
from shapetrick.session.guided import GuidedDerivation, MoveVerdict
from shapetrick.session.hints import MOST_TRIES

PROBLEMS = {
    "a layer": "X : m x d; W : d x k; sigma : elementwise; Z = sigma(X W); vjp Z wrt W",
    "below it": "Z : m x d; W : d x k; sigma : elementwise; Y = sigma(Z W); vjp Y wrt Z",
    "regression": "X : m x n+1; θ : n+1; y : m; J = norm(X θ - y)^2 / (2 m); grad J wrt θ",
    "a chain": "A : m x m; B : m x d; C : d x d; D : k x d; vjp (A B C D') wrt C",
    "an inverse": "A : n x n; vjp inv(A) wrt A",
    "squares": "A, B, C, X : n x n; J = tr(X' A X B); grad J wrt X",
}
THERE = "all factors are there"
OPEN = f"{THERE}; what is open: "
LOOK = f"{THERE}; look at "
MATRICES = "all matrix factors are there"
TABLE = [  # a problem, what is typed, and what is said of it first and then; nothing if it stands
    ("a layer", "X' (G .* D)", "", ""),
    ("a layer", "(D .* G)' X", f"{OPEN}a transpose", f"{LOOK}the transposes"),
    ("a layer", "X' * G .* D", f"{OPEN}brackets", f"{LOOK}the brackets"),
    ("a layer", "X (G .* D)", f"{OPEN}a transpose", f"{LOOK}the transpose of `X`"),
    ("a layer", "X' G D", f"{OPEN}the kind of product", f"{LOOK}the kinds of product"),
    ("a layer", "(G .* D) X'", f"{OPEN}the order of the factors", f"{LOOK}the order"),
    ("a layer", "G D X",
     f"{OPEN}a transpose, the order of the factors and the kind of product",
     f"{LOOK}the transpose of `X`, the order and the kinds of product"),
    ("a layer", "G", "`G` is there; 2 factors are missing",
     "`G` is there; `D` and `X` are not in it"),
    ("a layer", "G sigma'(X W)", "`G` and `D` are there; a factor is missing",
     "`G` and `D` are there; `X` is not in it"),
    ("a layer", "2 X' (G .* D)", "the arrangement is right; the number in front is wrong",
     "the arrangement is right; it is 2 times what it should be"),
    ("a layer", "X' (G .* D .* D)", "a factor is in it too often", "`D` is in it too often"),
    ("below it", "(G .* D) W'", "", ""),
    ("below it", "G .* D W'", "", ""),
    ("below it", "(G .* D) W", f"{OPEN}a transpose", f"{LOOK}the transpose of `W`"),
    ("below it", "G D W", f"{OPEN}a transpose and the kind of product",
     f"{LOOK}the transpose of `W` and the kind of product in `G D`"),
    ("below it", "W (G .* D)", f"{OPEN}a transpose and the order of the factors",
     f"{LOOK}the transpose of `W` and the order"),
    ("below it", "W' (G .* D)", f"{OPEN}the order of the factors", f"{LOOK}the order"),
    ("below it", "G W'", "`G` and `W` are there; a factor is missing",
     "`G` and `W` are there; `D` is not in it"),
    ("regression", "X' D / m", "", ""),
    ("regression", "X' D", "the arrangement is right; the number in front is wrong",
     "the arrangement is right; it is m times what it should be"),
    ("regression", "X' D / n", "only the scalars in front are wrong",
     "only the scalars in front are wrong"),
    ("regression", "X D / m", f"{OPEN}a transpose", f"{LOOK}the transpose of `X`"),
    ("regression", "D X",
     f"{MATRICES}; what is open: a transpose and the order of the factors; and the number in front "
     "is wrong",
     f"{MATRICES}; look at the transpose of `X` and the order; and it is m times what it "
     "should be"),
    ("regression", "X", "`X` is there; a factor is missing", "`X` is there; `D` is not in it"),
    ("a chain", "B' A' G D", "", ""),
    ("a chain", "B A G D", f"{OPEN}2 transposes",
     f"{LOOK}the transpose of `B` and the transpose of `A`"),
    ("a chain", "A' B' G D", f"{OPEN}the order of the factors", f"{LOOK}the order"),
    ("a chain", "B' A' G D'", f"{OPEN}a transpose", f"{LOOK}the transpose of `D`"),
    ("a chain", "B' A' .* G D", f"{OPEN}the kind of product",
     f"{LOOK}the kind of product in `B' A' .* G`"),
    ("a chain", "B' A' G", "`G`, `A` and `B` are there; a factor is missing",
     "`G`, `A` and `B` are there; `D` is not in it"),
    ("an inverse", "-D' G D'", "", ""),
    ("an inverse", "D' G D'", "the arrangement is right; the number in front is wrong",
     "the arrangement is right; its sign is wrong"),
    ("an inverse", "-D G D'", f"{OPEN}a transpose", f"{LOOK}the transpose of `D`; the rows of G "
     "and the columns of inv(A) count different things, both n only here"),
    ("an inverse", "-D' D' G", f"{OPEN}the order of the factors", f"{LOOK}the order; the columns "
     "of G and the columns of the result count different things, both n only here"),
    ("squares", "A X B", f"{OPEN}2 transposes", f"{LOOK}the transpose of `A` and the transpose of "
     "`B`; the rows of X and the columns of A count different things, both n only here"),
    ("squares", "A X B'", f"{OPEN}a transpose", f"{LOOK}the transpose of `A`; the rows of X and "
     "the columns of A count different things, both n only here"),
    ("squares", "A .* X .* B", f"{THERE}; only the arrangement is open",
     f"{THERE}; the rows of X and the rows of B count different things, both n only here; "
     "`A` goes first"),
    ("squares", "A' (X + B')", "the line is one product, not a sum",
     "the line is one product, not a sum"),
    ("squares", "A' X C B'", "something doesn't belong to the line", "`C` is not in the line"),
    ("squares", "A' X B'", "", ""),
]  # fmt: skip


def by_hand(name: str) -> GuidedDerivation:
    problem = read(PROBLEMS[name])
    return GuidedDerivation(problem, problem.requests[0])


def tries(hand: GuidedDerivation, text: str) -> list[MoveVerdict]:
    return [hand.play(text) for _ in range(MOST_TRIES)]


@pytest.mark.parametrize(("name", "typed", "first", "second"), TABLE)
def test_more_is_told_at_each_try(name: str, typed: str, first: str, second: str) -> None:
    hand = by_hand(name)
    move = hand.move
    assert move is not None
    if not first:
        assert hand.play(typed).outcome == "stands"
        return
    for i, (ruling, said) in enumerate(zip(tries(hand, typed), (first, second, ""), strict=True)):
        assert ruling.outcome != "stands"
        assert ruling.feedback is not None
        told = ruling.feedback.told(ruling.tries)
        assert said in ("", told)
        assert (ruling.feedback.answer in told) == (i == MOST_TRIES - 1)
        answer = hand.read(ruling.feedback.answer)
        assert answer.shape == move.shape
        assert hand.judge(answer).outcome == "stands"
        mentioned = set(re.findall(r"[^\W\d]\w*", ruling.feedback.answer))
        assert {n.name for n in move.factors if not n.expression.is_scalar} <= mentioned


def test_the_table_has_forty_lines_on_six_problems() -> None:
    assert len(TABLE) == 40
    assert {name for name, *_ in TABLE} == set(PROBLEMS)


def test_the_tries_of_a_line_begin_anew_with_the_next() -> None:
    hand = by_hand("squares")
    tries(hand, "A X B")
    assert hand.play("A' X B'").outcome == "stands"
    assert hand.play("A X").tries == 1
