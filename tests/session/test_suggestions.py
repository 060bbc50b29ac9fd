"""What leads from a slip in a line: every answer was tried, has the shape that is needed, and
stands."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from shapetrick.claims.mutations import ARRANGING
from shapetrick.core.dims import ONE, Shape
from shapetrick.core.problem import Problem
from shapetrick.language.elaboration import read
from shapetrick.language.expressions import read_line
from shapetrick.language.printer import to_text
from shapetrick.quiz import built_in
from shapetrick.session.guided import GuidedDerivation
from shapetrick.session.suggestions import CHANGES, LineTest, suggested

LAYER = "X : m x d; W : d x k; sigma : elementwise; Z = sigma(X W); vjp Z wrt W"
REGRESSION = "X : m x n+1; θ : n+1; y : m; J = norm(X θ - y)^2 / (2 m); grad J wrt θ"
ATTENTION = "A : m x m; B : m x d; C : d x d; D : k x d; vjp (A B C D') wrt C"
PROBLEMS = [LAYER, REGRESSION, ATTENTION, *(f"{q.given}\n{q.ask}" for q in built_in()[::3])]
MOST_SLIPS = 6


def of_shape(shape: Shape) -> LineTest:
    return lambda lines: [e.shape == shape for e in lines]


def by_hand(text: str) -> GuidedDerivation:
    problem: Problem = read(text)
    return GuidedDerivation(problem, problem.requests[0])


def slips(hand: GuidedDerivation) -> Iterator[str]:
    """The machine's line with one thing changed, and no longer of the shape that is needed."""
    move = hand.move
    assert move is not None
    text = to_text(move.in_letters(move.line.arrangement))
    node, lowering = read_line(text, hand.problem, hand._names(move), move.shape)
    for shape in dict.fromkeys(n.expression.shape for n in move.factors):
        for turned in (shape, shape[::-1]):
            if turned != move.shape:
                yield from (o.text for o in suggested(text, node, lowering, of_shape(turned)))


@pytest.mark.parametrize("text", PROBLEMS, ids=range(len(PROBLEMS)))
def test_every_answer_has_the_shape_that_is_needed_and_stands(text: str) -> None:
    hand = by_hand(text)
    tried = 0
    while hand.move is not None:
        move = hand.move
        typed = [*slips(hand), *reversals(to_text(move.in_letters(move.line.arrangement)))]
        for slip in dict.fromkeys(typed[:MOST_SLIPS]):
            ruling = hand.play(slip)
            if ruling.outcome == "stands":  # after all
                hand.back()
                continue
            assert ruling.feedback is not None
            answer = hand.read(ruling.feedback.answer)
            assert answer.shape == move.shape
            assert hand.judge(answer).outcome == "stands"
            tried += 1
        hand.play_next()
    assert tried or all(len(move.factors) < 2 or ONE in move.shape for move in hand.moves)


def reversals(text: str) -> Iterator[str]:
    """The scalar line as people first type it: factors in another order, without transposes."""
    if re.search(r"\w\(|[+-]", text):  # no product alone
        return
    plain = text.replace("'", "")
    yield plain
    yield plain.replace(".* ", "")
    yield " ".join(reversed(plain.replace("(", "").replace(")", "").replace(".* ", "").split()))


def test_one_transpose_too_few_or_too_many_is_always_mended() -> None:
    for text in PROBLEMS[:3]:
        hand = by_hand(text)
        while hand.move is not None:
            move = hand.move
            right = to_text(move.in_letters(move.line.arrangement))
            for n in {n.name for n in move.factors if n.name.isidentifier()}:
                slip = re.sub(rf"\b{n}\b(')?", lambda m, n=n: n if m.group(1) else f"{n}'", right)
                node, lowering = read_line(slip, hand.problem, hand._names(move), move.shape)
                found = suggested(slip, node, lowering, of_shape(move.shape))
                assert any(hand.judge(o.expression).outcome == "stands" for o in found), slip
            hand.play_next()


def test_a_long_line_is_given_up_in_time() -> None:
    problem = read("A, B : n x n; x : n; J = x' " + "A B " * 40 + "x; grad J wrt x")
    text = "x' " + "A B " * 40
    node, lowering = read_line(text, problem, {}, problem.symbols["A"].shape)
    found = suggested(text, node, lowering, of_shape(problem.symbols["A"].shape))
    assert all(offer.expression.shape == problem.symbols["A"].shape for offer in found)


def test_every_change_has_its_words() -> None:
    assert set(CHANGES) == set(ARRANGING)
