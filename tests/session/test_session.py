"""A session without a terminal: statements, commands, derivations by hand, practice."""

from __future__ import annotations

import itertools
import statistics
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import FrameType

import pytest
from effort import calls
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from paths import ROOT
from transcripts import unrounded

from shapetrick.core.deadline import SECONDS
from shapetrick.core.errors import (
    BudgetError,
    CodeError,
    DerivationError,
    InputError,
    NameProblem,
    RequestError,
    ShapetrickError,
    TimeLimitError,
)
from shapetrick.core.problem import Problem, Request
from shapetrick.core.results import Result
from shapetrick.language.elaboration import read
from shapetrick.language.printer import to_text
from shapetrick.pipeline.joint_gradients import derive_together
from shapetrick.quiz import Question, Scores, built_in, choose, mark, questions, topics
from shapetrick.render.layout import columns, plain
from shapetrick.render.phrases import KINDS
from shapetrick.render.terminal import Style
from shapetrick.session.commands import COMMANDS, answer
from shapetrick.session.guided import GuidedDerivation
from shapetrick.session.guided_view import Box, drawn, lengths
from shapetrick.session.interpreter import Interpreter
from shapetrick.session.statements import Session, is_expression

LAYER = "X : m x d; W : d x k; Y : m x k; sigma : elementwise\nZ = sigma(X W)"
NETWORK = f"{LAYER}; J = norm(Z - Y)^2 / (2 m)"
FAMILY = """\
X : m x n[0]; Y : m x n[L]
W[l] : n[l-1] x n[l] for l = 1..L
Z[0] = X
Z[l] = tanh(Z[l-1] W[l]) for l = 1..L
J = norm(Z[L] - Y)^2
"""
SQUARE = "X, A, B : n x n; J = tr(A X B X')"


def entered(text: str) -> Session:
    session = Session()
    session.enter(text)
    return session


def said(desk: Interpreter, *lines: str) -> str:
    """All that is said of some lines."""
    return "".join(plain(answer(desk, line)) for line in lines)


# ------------------------------------------------------------------------------------ statements


def test_a_statement_says_what_it_declares() -> None:
    desk = Interpreter()
    assert said(desk, "X : m x d; S : d x d symmetric") == "  X   m×d\n  S   d×d  symmetric\n"
    assert said(desk, "Z = X S") == "  Z   m×d\n"
    assert said(desk, "sigma : elementwise") == "  sigma   element-wise function\n"


def test_an_inferred_shape_is_said() -> None:
    assert "A is n×m" in said(Interpreter(), "Z = A'")


def test_a_request_is_derived() -> None:
    found = said(Interpreter(), "X : m x n; J = norm(X)^2", "grad J wrt X")
    assert "gradient   ∂J/∂X = 2 X" in found
    assert "✓ verified" in found


@pytest.mark.parametrize(
    ("text", "bracketed"),
    [
        ("A B .* C", "(A B) .* C"),
        ("1/2 A", "(1 / 2) A"),
        ("A + B - C'", "A + B - C'"),
        ("-A' B^2", "(-A') (B^2)"),
        ("A (B + C)", "A (B + C)"),
        ("A - (B - C)", "A - (B - C)"),
        ("sum(A B, axis=1)", "sum(A B, axis=1)"),
        ("-inv(A) B", "(-inv(A)) B"),
    ],
)
def test_an_expression_alone_is_read_aloud(text: str, bracketed: str) -> None:
    reading = entered("A, B, C : n x n").read_expression(text)
    assert reading.text == bracketed


def test_reading_does_not_change_the_session() -> None:
    session = entered("A : m x n")
    before = session.state
    assert session.read_expression("A x").assumptions == ("x is n×1",)
    assert session.state == before
    assert "x" not in session.problem.symbols


@pytest.mark.parametrize(
    ("text", "alone"),
    [
        ("X W", True),
        ("X W +", True),
        ("J = X", False),
        ("X : m x", False),
        ("grad J", False),
        ("sum(X, axis=1)", True),
        ("gradual", True),
    ],
)
def test_what_is_an_expression(text: str, alone: bool) -> None:
    assert is_expression(text) is alone


def test_a_redefinition_says_what_depends_on_it() -> None:
    session = entered(NETWORK)
    changed = session.enter("W : d x h; Y : m x h")
    assert changed.replaced == ("W", "Y")
    assert changed.dependents == ("Z", "J")
    assert [str(d) for d in session.problem.definitions["Z"].shape] == ["m", "h"]


def test_a_redefinition_keeps_the_others_of_its_statement() -> None:
    session = entered("A, B : n x n")
    session.enter("B : n x k")
    assert session.state.text == "A : n x n\nB : n x k\n"


def test_a_redefinition_that_breaks_others_is_refused() -> None:
    session = entered(NETWORK)
    before = session.state
    with pytest.raises(InputError, match=r"`X` changed.*nothing was changed"):
        session.enter("X : m x 7 7")
    assert session.state == before


def test_a_redefinition_stands_where_the_old_one_stood() -> None:
    session = entered("X : m x d\nW : d x k\nY : m x k\nZ = tanh(X W)\nJ = norm(Z - Y)^2")
    session.enter("Y : m x h; W : d x h")
    assert session.state.text == (
        "X : m x d\nW : d x h\nY : m x h\nZ = tanh(X W)\nJ = norm(Z - Y)^2\n"
    )
    session.enter("X, Y : m x h; W : h x h")
    assert session.state.text.startswith("X, Y : m x h\nW : h x h\nZ = ")


COMMENTED = """\
# A layer.
X : m x d  # the data
W : d x k; Y : m x k  # both
# forward
Z = tanh(X W)
J = norm(Z - Y)^2
grad J wrt W  # asked
# the end
"""


def test_comments_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "layer.st"
    path.write_text(COMMENTED)
    desk = Interpreter()
    said(desk, f":load {path}", "K = 2 J # and ; twice", "# typed", "Z = relu(X W)")
    assert "saved 7 statements" in said(desk, f":save {path}")
    split = COMMENTED.replace("W : d x k; Y", "W : d x k\nY").replace("tanh", "relu")
    assert path.read_text() == f"{split}K = 2 J  # and ; twice\n# typed\n"
    assert "  1  # A layer.\n  2  X : m x d  # the data\n" in said(desk, ":vars").replace(
        "   ", "  "
    )
    said(desk, ":forget K", ":undo")
    assert "K = 2 J  # and ; twice\n" in desk.session.state.text


def test_a_comment_within_brackets_is_put_behind_them() -> None:
    session = entered("J = norm( # the start\n x) # the end\n")
    assert session.state.text == "J = norm(              x)  # the start # the end\n"


def test_families_are_entered_line_by_line() -> None:
    desk = Interpreter()
    out = said(desk, *FAMILY.splitlines())
    assert "W[l]   n[l-1]×n[l]" in out
    assert "Z[0]   m×n[0]" in out
    assert "grad" not in out  # nothing was asked yet
    assert "Z[l]   m×n[l]" in said(desk, ":shapes")


@pytest.mark.parametrize("typed", ["sum(k = 1..K) x' x", "sum(sigma[l](x))"])
def test_members_of_nothing_are_refused(typed: str) -> None:
    desk = Interpreter(style=Style(500))
    said(desk, "x : n; sigma : elementwise")
    for line in (typed, f"J = {typed}", f"grad ({typed}) wrt x"):
        assert "1..L`" in said(desk, line) or "1..K`" in said(desk, line)
        assert len(desk.session.state.entries) == 2
    assert "1.." in said(desk, f"check grad (x' x) wrt x = {typed} x")


def test_a_recurrence_by_hand() -> None:
    hand = GuidedDerivation(*_asked(FAMILY, "grad J wrt W[l]"))
    assert hand.play("D").factor == "1/2"
    assert hand.play("2 (Z[L] - Y)").outcome == "stands"
    assert hand.play("G[l] W[l]'").reason == "`D` is not in it"
    assert hand.play("(G[l] .* D) W[l]'").outcome == "stands"
    assert hand.play("Z[l-1]' (G[l] .* D)").outcome == "stands"
    assert hand.whole().validation.verdict == "verified"


def test_a_request_that_no_longer_fits_is_taken_out_and_said() -> None:
    session = entered("X : m x n; J = norm(X)^2; grad J wrt X")
    assert session.enter("J = 2 X").dropped == ("grad J wrt X",)
    assert session.undo()
    assert len(session.problem.requests) == 1


def test_an_error_points_into_what_was_typed() -> None:
    session = entered(LAYER)
    with pytest.raises(InputError) as caught:
        session.enter("a : n; Q = X + W")
    assert caught.value.span is not None
    assert caught.value.text == "a : n; Q = X + W"
    assert caught.value.text[caught.value.span.start : caught.value.span.end] == "X + W"
    assert "a" not in session.problem.symbols  # all or none


def test_undo_and_redo() -> None:
    desk = Interpreter()
    said(desk, "X : m x n", "Z = X'", ":set seed 7")
    assert said(desk, ":undo") == "  seed 0\n"
    assert said(desk, ":undo") == "  - Z = X'\n"
    assert said(desk, ":redo") == "  + Z = X'\n"
    said(desk, ":undo", "Q = X")
    assert "nothing to be done again" in said(desk, ":redo")


def test_what_others_need_is_not_forgotten() -> None:
    session = entered(NETWORK)
    with pytest.raises(NameProblem, match="`J` would be left"):
        session.forget(["Z"])
    session.forget(["Z", "J"])
    assert list(session.problem.definitions) == []


def test_brackets_and_comments_make_one_line() -> None:
    session = entered("A : n x n  # a square\nJ = tr(A  # first\n  A)")
    assert session.state.text == "A : n x n  # a square\nJ = tr(A            A)  # first\n"


# -------------------------------------------------------------------------------- load and save


def test_what_is_saved_derives_to_the_same_answers(tmp_path: Path) -> None:
    desk = Interpreter()
    said(desk, *NETWORK.splitlines(), "grad J wrt W", "grad J wrt X")
    answers = said(desk, ":answers")
    path = tmp_path / "problem.st"
    assert "saved 8 statements" in said(desk, f":save {path}")
    problem = read(path.read_text(encoding="utf-8"))
    assert [r.wrt.name for r in problem.requests] == ["W", "X"]
    other = Interpreter()
    assert ":answers derives them" in said(other, f":load {path}")
    assert said(other, ":answers") == answers
    assert said(other, ":undo").count("  - ") == 8


def test_a_file_is_not_replaced_by_accident(tmp_path: Path) -> None:
    path = tmp_path / "mine.txt"
    path.write_text("mine")
    desk = Interpreter(style=Style(500))
    said(desk, "X : m x n")
    assert "is there already" in said(desk, f":save {path}")
    assert path.read_text() == "mine"
    said(desk, f":save {path}!")
    assert path.read_text() == "X : m x n\n"


@pytest.mark.parametrize("name", ["", "/", "/nowhere/at/all", "a\0b", "~nobody-at-all/x"])
@pytest.mark.parametrize("command", ["load", "save"])
def test_files_that_cannot_be(command: str, name: str) -> None:
    desk = Interpreter()
    said(desk, "X : m x n")
    assert said(desk, f":{command} {name}").strip()
    assert list(desk.session.problem.symbols) == ["X"]


# ------------------------------------------------------------------------------------- by hand


def test_the_session_in_the_readme() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = readme.split("```session\n")[1].split("```")[0]
    desk = Interpreter(style=Style(80))
    found = ""
    while len(found) < len(shown):
        line = shown[len(found) + len(desk.prompt) :].split("\n")[0]
        found += f"{desk.prompt}{line}\n"
        found += said(desk, line)
        assert unrounded(shown).startswith(unrounded(found))


def test_a_layer_by_hand() -> None:
    desk = Interpreter()
    said(desk, *NETWORK.splitlines())
    begun = said(desk, ":derive J wrt W")
    assert "line 1 of 2" in begun
    assert "D = Z - Y" in begun
    assert "✓ stands" in said(desk, "(Z - Y) / m")
    assert "shape k×m, need d×k" in said(desk, "G'")
    assert "`G` and `X` are there" in said(desk, "X' G")
    assert "`X' (G .* D)`" in said(desk, "X' G")
    finished = said(desk, "X' (G .* D)")
    assert "every line stands: 2 by you, 0 by the machine" in finished
    assert "∂J/∂W = X' ((Z - Y) .* sigma'(X W)) / m" in finished
    assert "✓ verified" in finished
    assert desk.guided is None
    assert "\\partial J" in said(desk, ":latex")
    assert "from Z, by X W" in said(desk, ":steps")
    assert "import numpy as np" in said(desk, ":code")
    assert "import jax" in said(desk, ":code jax")
    assert "none of the targets" in said(desk, ":code fortran")
    assert "Did you mean `torch`?" in said(desk, ":code torh")
    assert "grad J wrt W" in desk.session.state.text


def test_what_comes_from_above_may_be_written_out() -> None:
    hand = GuidedDerivation(*_asked(NETWORK, "grad J wrt W"))
    assert hand.play("D / m").outcome == "stands"
    assert hand.play("X' ((Z - Y) .* sigma'(X W)) / m").outcome == "stands"
    assert hand.whole().validation.verdict == "verified"


def test_a_backward_rule_by_hand() -> None:
    hand = GuidedDerivation(*_asked(LAYER, "vjp Z wrt W"))
    assert hand.play("X' G").outcome == "wrong"
    assert hand.play("X' (bar(Z) .* D)").outcome == "stands"
    assert hand.whole().validation.verdict == "verified"


@pytest.mark.parametrize("typed", ["G y", "bar(r) y", "G x / r"])
def test_a_scalar_from_above_has_a_letter(typed: str) -> None:
    desk = Interpreter()
    said(desk, "x : n; r = norm(x); y = x / r", ":derive jac y wrt x", ":next")
    assert "where      G = r̄" in said(desk, ":next")
    assert "✓ stands" in said(desk, typed)


def test_its_label_is_a_name_too() -> None:
    hand = GuidedDerivation(*_asked(NETWORK, "grad J wrt W"))
    hand.play_next()
    assert hand.play("X' (∂J/∂Z .* D)").outcome == "stands"


LONG = "X : m x d; w : d; o, y : m; A : m x m"


@pytest.mark.parametrize(
    "of", ["(sum(exp(X w + o)) - y' (X w + o))", "(log(1 + (X w + o)' A (X w + o)) + norm(X w))"]
)
@pytest.mark.parametrize("width", [80, 100])
def test_everything_fits_the_terminal(of: str, width: int) -> None:
    desk = Interpreter(style=Style(width))
    shown = said(desk, LONG, f":derive grad {of} wrt w")
    while desk.guided is not None:
        assert columns(desk.prompt) < width / 2
        shown += said(desk, ":why", ":candidates", ":hint", ":hint", ":hint", ":hint", ":next")
    shown += said(
        desk, ":steps", ":help", "X : d x d", f":quiz {topics(built_in())[0]}", "w w", "w'"
    )
    assert [line for line in shown.splitlines() if columns(line) > width] == []


def test_a_redefinition_does_not_change_what_is_derived_by_hand() -> None:
    desk = Interpreter()
    said(desk, *NETWORK.splitlines(), ":derive J wrt W")
    assert "goes on with what stood before" in said(desk, "J = norm(Z)^2")
    assert "✓ stands" in said(desk, "(Z - Y) / m")


def test_what_a_derivative_is_by_is_held() -> None:
    """Also where it is defined: the values of what is made of it are those of the derivation."""
    text = "x : n; t = norm(x)^2; A = 2 tanh(t^2); Z = 2 tanh(A); J = Z^2"
    hand = GuidedDerivation(*_asked(text, "grad J wrt t"))
    assert hand.play("3 Z").outcome == "wrong"
    while hand.move is not None:
        assert (
            hand.play(to_text(hand.move.in_letters(hand.move.line.arrangement))).outcome == "stands"
        )
    assert hand.whole().validation.verdict == "verified"


def test_all_terms_at_once() -> None:
    hand = GuidedDerivation(*_asked(SQUARE, "grad J wrt X"))
    ruling = hand.play("A' X B' + A X B")
    assert (ruling.outcome, ruling.lines) == ("stands", 2)
    assert hand.move is None


def test_numbers_refuse_what_shapes_cannot() -> None:
    hand = GuidedDerivation(*_asked(SQUARE, "grad J wrt X"))
    wrong = hand.play("A X B")
    assert wrong.outcome == "wrong"
    assert wrong.error > 0.1
    assert hand.play("2 A' X B'").factor == "2"
    assert hand.played == []


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        (
            "A X B",
            "the rows of A and the rows of the result count different things, both n only here",
        ),
        ("B X A", "the rows of A and the columns of X count different things, both n only here"),
        ("A .* X .* B", "the rows of A and the rows of B count different things, both n only here"),
        ("A' X", "`B` is not in it"),
        ("A", "`X` and `B` are not in it"),
        ("A' X B' B", "`B` is in it too often"),
        ("A' X B' C", "`C` is not in the line"),
        ("A' (X + B)", "the line is one product, not a sum"),
        ("tr(B) A' X B'", "only the scalars in front are wrong"),
    ],
)
def test_it_is_said_why_an_arrangement_fails(typed: str, why: str) -> None:
    hand = GuidedDerivation(*_asked(f"{SQUARE}; C : n x n", "grad J wrt X"))
    ruling = hand.play(typed)
    assert (ruling.outcome, ruling.reason) == ("wrong", why)
    assert ruling.error > 0.01


def test_the_units_of_an_arrangement_may_not_cancel() -> None:
    hand = GuidedDerivation(*_asked(NETWORK, "grad J wrt W"))
    assert hand.play("m D").factor == "m^2"
    assert hand.play("-D").factor == "-m"
    assert hand.play("2 D").factor == "2 m"
    assert hand.play("D / m").outcome == "stands"
    assert "units don't cancel" in hand.play("X' G .* (ones(d, m) D)").reason
    assert hand.play("X' ((Z - Y) / m)").reason == "`D` is not in it"
    assert hand.play("X' ((Z - Y) / m .* D)").outcome == "stands"


def test_a_side_that_is_a_product_of_dimensions_is_derived_by_hand() -> None:
    hand = GuidedDerivation(*_asked("b : n; A : k x m; C = (b ⊗ A)'", "vjp C wrt b"))
    hand.play_next()
    assert hand.whole().validation.verdict == "verified"


def test_equal_factors_may_stand_in_either_place() -> None:
    hand = GuidedDerivation(*_asked("X, A : n x n; J = tr(A inv(X))", "grad J wrt X"))
    assert hand.play("D A D").reason == (
        "the rows of inv(X) and the rows of the result count different things, both n only here"
    )
    assert hand.play("-D' A' D'").outcome == "stands"


def test_lines_that_cancel_are_not_asked_for() -> None:
    hand = GuidedDerivation(*_asked("X, A : n x n; K = tr(A X A X inv(X))", "grad K wrt X"))
    while hand.move is not None:
        assert hand.move.line.coefficient
        hand.play_next()
    assert hand.whole().validation.verdict == "verified"


def test_the_machine_can_play_every_question() -> None:
    for question in built_in():
        problem = question.problem
        hand = GuidedDerivation(problem, problem.requests[0])
        while hand.move is not None:
            assert hand.hint() and hand.hint()
            assert hand.judge(hand.move.line.arrangement).outcome == "stands"
            hand.play_next()
        assert hand.whole().validation.verdict == "verified", question.key


@pytest.mark.parametrize("request_", ["hess J wrt w", "hvp J wrt w with V", "jac (X w) wrt w"])
def test_other_requests_by_hand(request_: str) -> None:
    hand = GuidedDerivation(*_asked("X : m x d; w : d; J = norm(X w)^2", request_))
    while hand.move is not None:
        hand.play_next()
    assert hand.whole().validation.verdict == "verified"


def test_each_factor_of_a_line_has_a_name_of_its_own() -> None:
    network = "X : m x n; W : n x n; Z = tanh(X W); J = norm(X + Z W)^2"
    hand = GuidedDerivation(*_asked(network, "hvp J wrt W with V"))
    for move in hand.moves:
        named = {n.name: n.expression for n in move.factors}
        assert len(named) == len({n.expression for n in move.factors})
    while hand.move is not None:
        hand.play_next()
    assert hand.whole().validation.verdict == "verified"


def test_hints_back_and_candidates() -> None:
    desk = Interpreter()
    said(desk, *SQUARE.splitlines(), ":derive J wrt X")
    assert "`A` goes first" in said(desk, ":hint")
    assert "transposed" in said(desk, ":hint")
    assert "stands     A' X B'" in said(desk, ":candidates")
    assert "off by" in said(desk, ":candidates")
    assert "the machine: A' X B'" in said(desk, ":next")
    assert "line 1 of 2" in said(desk, ":back")
    assert "first line" in said(desk, ":back")
    assert "by X" in said(desk, ":why A")
    assert "0 by you, 2 by the machine" in said(desk, ":answer")


def test_an_arrangement_is_judged_with_little_work() -> None:
    hand = GuidedDerivation(*_asked(NETWORK, "grad J wrt W"))
    hand.play("D / m")
    efforts = []
    for text in ("X' G", "X G", "G X'", "X' (D .* D)", "X' D", "2 X' (G .* D)", "W", "X' G + W"):
        with suppress(InputError):
            efforts.append(calls(partial(hand.judge, hand.read(text))))
    assert statistics.median(efforts) < 20_000


def _asked(text: str, request: str) -> tuple[object, object]:
    session = entered(text)
    found = session.enter(request)
    return found.problem, found.requests[0]


# -------------------------------------------------------------------------------------- drawing


def test_one_dimension_is_drawn_with_one_length() -> None:
    move = GuidedDerivation(*_asked(NETWORK, "grad J wrt W")).moves[1]
    scale = lengths([move.shape, *(n.expression.shape for n in move.factors)])
    assert len(set(scale.values())) == 3
    boxes = [Box(n.name, n.expression.shape) for n in move.factors]
    text = plain(drawn(boxes, Box("∂J/∂W", move.shape), "", 80)).splitlines()
    assert all(columns(line) <= 80 for line in text)
    narrow = plain(drawn(boxes, Box("∂J/∂W", move.shape), "", 30)).splitlines()
    assert len(narrow) > len(text)
    assert all(columns(line) <= 30 for line in narrow)


# -------------------------------------------------------------------------------------- commands


def test_help_lists_and_explains_every_command() -> None:
    overview = said(Interpreter(style=Style(80)), ":help")
    for name in COMMANDS:
        assert f":{name}" in overview
        assert said(Interpreter(), f":help {name}").startswith(f"  :{name}")
    assert "scalar derivative: 1 - y.^2" in said(Interpreter(), ":help tanh")
    assert all(len(line) <= 80 for line in overview.splitlines())


def test_commands_may_be_shortened_and_are_guessed() -> None:
    assert "X" in said(Interpreter(), ":va", "X : m x n", ":va")
    assert "`:q` could be `:quiz` or `:quit`" in said(Interpreter(), ":q")
    assert "Did you mean `:derive`?" in said(Interpreter(), ":deriev")


def test_a_claim_is_mended() -> None:
    desk = Interpreter()
    said(desk, "X : m x d; w : d; y : m; J = norm(X w - y)^2 / 2")
    assert "X' (X w - y)" in said(desk, ":check grad J wrt w = X (X w - y)")
    assert "✓ right" in said(desk, "check grad J wrt w = X' (X w - y)")


def test_the_shapes_of_the_parts() -> None:
    desk = Interpreter()
    said(desk, "X : m x d; w : d")
    assert "(X w)'     1×m" in said(desk, ":shapes (X w)' X")


def test_the_seed_is_that_of_the_draws() -> None:
    desk = Interpreter()
    assert "seed 7" in said(desk, ":set seed 7", "X : m x n; J = norm(X)^2", "grad J wrt X")


def test_an_interrupt_takes_the_statement_back(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    desk = Interpreter()
    said(desk, "X : m x n; J = norm(X)^2")
    before = desk.session.state
    monkeypatch.setattr("shapetrick.session.interpreter.derive_together", interrupted)
    monkeypatch.setattr("shapetrick.session.guided.derive_together", interrupted)
    for line in ("grad J wrt X", ":derive J wrt X", ":check grad J wrt X = 2 X + X"):
        with pytest.raises(KeyboardInterrupt):
            monkeypatch.setattr("shapetrick.session.interpreter.judge", interrupted)
            said(desk, line)
        assert desk.session.state == before


REFUSALS = [BudgetError, TimeLimitError, CodeError, DerivationError, RequestError]


@pytest.mark.parametrize("kind", REFUSALS)
def test_what_a_request_may_raise_is_said_and_the_others_are_answered(
    kind: type[ShapetrickError], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused_once(problem: Problem, requests: Sequence[Request], seed: int) -> list[Result]:
        if any(request.wrt.name == "X" for request in requests):
            raise kind("not this one")
        return derive_together(problem, requests, seed)

    monkeypatch.setattr("shapetrick.session.interpreter.derive_together", refused_once)
    monkeypatch.setattr("shapetrick.session.guided.derive_together", refused_once)
    desk = Interpreter()
    found = said(desk, "X, Y : m x n; J = tr(X Y'); grad J wrt X, Y")
    assert "not this one" in found
    assert "∂J/∂Y = X" in found
    assert "not this one" in said(desk, ":answers")
    before = desk.session.state
    assert "not this one" in said(desk, ":derive J wrt X")
    assert desk.guided is None
    assert desk.session.state == before


def test_a_session_has_a_time_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    def endless(*_: object) -> int:
        return sum(1 for _ in itertools.count())

    desk = Interpreter()
    assert desk.time_limit == SECONDS
    said(desk, "X : m x n; J = norm(X)^2", ":set time-limit 0.3")
    before = desk.session.state
    monkeypatch.setattr("shapetrick.session.interpreter.derive_together", endless)
    monkeypatch.setattr("shapetrick.session.guided.derive_together", endless)
    monkeypatch.setattr("shapetrick.session.statements.stand", endless)
    for line in ("J = 1", ":derive J wrt X"):
        assert "`:set time-limit 60`" in said(desk, line)
        assert desk.session.state == before
        assert desk.guided is None
    assert "`:set time-limit 60`" in said(desk, "grad J wrt X")
    monkeypatch.undo()
    assert "2 X" in said(desk, ":set time-limit none", ":answers")


def test_the_time_limit_is_set_and_taken_away() -> None:
    desk = Interpreter()
    assert "time limit 60 s" in said(desk, ":set time-limit 60")
    assert "not 'soon'" in said(desk, ":set time-limit soon")
    assert desk.time_limit == 60
    assert "time limit none" in said(desk, ":set time-limit none")
    assert desk.time_limit is None


def interrupted_at(count: int, work: Callable[[], object]) -> bool:
    """Whether Ctrl-C at the call of that number ended the work."""
    left = count

    def profile(frame: FrameType, event: str, _: object) -> None:
        nonlocal left
        left -= event == "call"
        if left == 0:
            sys.setprofile(None)
            raise KeyboardInterrupt

    sys.setprofile(profile)
    try:
        work()
    except KeyboardInterrupt:
        return True
    finally:
        sys.setprofile(None)
    return False


WITH_FILES_OR_ENDS = ("save", "load", "html", "forget", "quit")
LINES = ["W : d x k", "J = tr(A'); grad J wrt A", "A'", ":next", ":undo", "A : n x n symmetric"]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # in a finalizer
@pytest.mark.parametrize("line", LINES)
def test_an_interrupt_at_any_place_leaves_the_session_as_it_was(line: str) -> None:
    def opened() -> Interpreter:
        desk = Interpreter()
        said(desk, "A, B : n x n", ":derive (tr(A B)) wrt A")
        return desk

    def standing(desk: Interpreter) -> object:
        assert desk.guided is not None
        session = desk.session
        return session.state, [*session._past], [*session._future], desk.guided.played, desk.waiting

    said(opened(), line)  # what is remembered is remembered by then
    untouched, effort = standing(opened()), calls(partial(said, opened(), line))
    ended = 0
    for i in range(16):
        desk = opened()
        if interrupted_at(1 + effort * i // 16, partial(said, desk, line)):
            assert standing(desk) == untouched
            ended += 1
    assert ended > 10


@pytest.mark.parametrize("command", ["load", "quiz"])
def test_a_file_without_end_is_refused(command: str, tmp_path: Path) -> None:
    endless = tmp_path / "endless.toml"
    endless.symlink_to("/dev/zero")
    assert "NUL" in said(Interpreter(), f":{command} {endless}")


# -------------------------------------------------------------------------------------- practice


def test_every_question_is_solved_by_the_tool_and_grows_in_level() -> None:
    asked = built_in()
    assert {q.level for q in asked} == {1, 2, 3, 4, 5}
    assert topics(asked) != []
    assert [q.level for q in asked] == sorted(q.level for q in asked)
    assert all(q.hint for q in asked)
    assert mark(asked[0], "a").verdict == "right"


def test_a_quiz_round(tmp_path: Path) -> None:
    scores = Scores(tmp_path / "data" / "score.json")
    desk = Interpreter(scores=scores)
    assert "traces, level 1" in said(desk, ":quiz traces 1")
    assert desk.prompt == "answer = "
    assert "its shape is n×m, not m×n" in said(desk, "A")
    assert "a transpose is missing" in said(desk, "A")
    assert "instead" in said(desk, "A")  # the third time it is mended
    assert "A'" in said(desk, ":hint")
    assert "✓ right" in said(desk, "A'")
    assert "■" in said(desk, ":score")
    kept = Scores.kept_in(scores.path)
    first = next(q for q in built_in() if q.topic == "traces")
    assert kept.tally == {first.key: (4, 1)}
    assert kept.solved(first)
    assert choose(built_in(), kept, "traces").level == 2
    assert "left" in said(desk, ":stop")


def test_a_wrong_answer_is_told_more_each_time() -> None:
    own = [Question("mine", 1, "X : m x d; w : d; y : m; J = norm(X w - y)^2", "grad J wrt w")]
    desk = Interpreter(style=Style(60), questions=own)
    said(desk, ":quiz")
    first, second, third = (said(desk, "2 (X w + y)' X") for _ in range(3))
    assert "a transpose is missing; the\n    wrong sign" in first and "look at" not in first
    assert "look at `X w + y`" in second and "instead" not in second
    assert "instead" in third
    assert max(columns(line) for line in (first + second).splitlines()) <= 60


@pytest.mark.parametrize("word", ["help", "quit", "exit", "exit()", "quiz", "hint", "vars", "?"])
def test_a_command_alone_needs_no_colon(word: str) -> None:
    desk = Interpreter()
    bare, named = said(desk, word), said(Interpreter(), {"?": ":help"}.get(word, f":{word}"))
    assert bare == named
    assert f"  {word}   n×1" not in bare


@pytest.mark.parametrize(
    "line",
    ["help tanh", "set seed 3", "simplify a + a", "load ./nowhere.st", "derive norm(a) wrt a"],
)
def test_a_command_with_arguments_needs_no_colon(line: str) -> None:
    assert said(Interpreter(), line) == said(Interpreter(), f":{line}")


@pytest.mark.parametrize("line", ["set : n", "hint = 3", "vars + 1", "vars / 2", "set' set"])
def test_what_goes_on_as_a_statement_is_no_command(line: str) -> None:
    assert "×" in said(Interpreter(), line)


@pytest.mark.parametrize("word", ["help", "quit", "quiz", "hint", "exit"])
def test_a_declared_name_is_no_command(word: str) -> None:
    desk = Interpreter()
    assert "n×1" in said(desk, f"{word} : n", word)
    assert not desk.done
    assert "1×n" in said(desk, f"{word}'")


def test_an_answer_that_is_none_is_no_attempt() -> None:
    desk = Interpreter()
    said(desk, ":quiz traces 1")
    for text in ("A'; X : m x m", "A +", "Q", "A' = 3"):
        assert said(desk, text)
    assert desk.scores.tally == {}
    assert desk.asked is not None


def test_the_answer_and_another_question() -> None:
    desk = Interpreter()
    said(desk, ":quiz layers")
    shown = said(desk, ":answer")
    assert "✓ verified" in shown
    assert "layers, level" in shown
    assert "layers, level" in said(desk, ":skip")
    assert desk.session.state.entries == ()


def test_a_level_with_one_question_is_left_for_others() -> None:
    desk = Interpreter()
    assert "levels go from 1 to 5" in said(desk, ":quiz traces 9")
    said(desk, ":quiz losses 4")
    assert "losses, level 1" in said(desk, ":skip")
    assert "1 try" in said(desk, ":score")


def test_solved_questions_come_again_and_this_is_said() -> None:
    own = [Question("mine", i, f"x : n; J = {i} x' x", "grad J wrt x") for i in (1, 2)]
    desk = Interpreter(questions=own)
    assert "come again" not in said(desk, ":quiz", "2 x")
    assert "all of these are solved" in said(desk, "4 x")


def test_a_teachers_own_questions(tmp_path: Path) -> None:
    own = Question("mine", 1, "x : n\nJ = x' x", "grad J wrt x")
    assert mark(own, "2 x").verdict == "right"
    assert mark(own, "x").verdict == "wrong"
    assert "mine, level 1" in said(Interpreter(questions=[own]), ":quiz")
    path = tmp_path / "own.toml"
    row = (
        '[[question]]\ntopic = "mine"\nlevel = 1\ngiven = "x : n; J = x\' x"\nask = "grad J wrt x"'
    )
    path.write_text(row)
    assert questions(path)[0].topic == "mine"
    assert "mine, level 1" in said(Interpreter(), f":quiz {path}")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[[question",
        "question = 3",
        "[[question]]\ntopic = 3",
        '[[question]]\ntopic = "a"\nlevel = 1\ngiven = "x : n"\nask = "grad"',
        '[[question]]\ntopic = "a"\nlevel = 1\ngiven = "x, y : n"\nask = "grad (x\' y) wrt x, y"',
        '[[question]]\ntopic = "a"\nlevel = 1\ngiven = "x : n"\nask = "grad x wrt x"\nlevle = 2',
    ],
)
def test_a_set_that_is_none(text: str, tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text(text)
    with pytest.raises(RequestError, match=r"own\.toml"):
        questions(path)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"a": 1}', '{"a": ["b", 2]}', "\xff"])
def test_a_score_that_cannot_be_read_starts_anew(text: str, tmp_path: Path) -> None:
    path = tmp_path / "score.json"
    path.write_text(text, encoding="latin-1")
    assert Scores.kept_in(path).tally == {}


# --------------------------------------------------------------------------- a long random session

NAMES = st.sampled_from(["X", "W", "A", "x", "J", "Z", "s", "θ"])
SIDES = st.sampled_from(["m", "n", "k", "1", "3", "n+1", "2 n", "0", "x"])
ATOMS = st.one_of(NAMES, st.sampled_from(["2", "I", "1/3", "ones(m, n)", "Q", "(", "'"]))
SIGNS = st.sampled_from([" ", " + ", " .* ", " - ", "' ", " / ", " ^ ", " ⊗ "])
CALLS = st.sampled_from(["", "", "tanh", "norm", "tr", "sum", "inv", "logdet", "diag", "sigma"])


@st.composite
def expressions(draw: st.DrawFn) -> str:
    parts = draw(st.lists(ATOMS, min_size=1, max_size=3))
    text = parts[0] + "".join(draw(SIGNS) + part for part in parts[1:])
    name = draw(CALLS)
    return f"{name}({text})" if name else text


FITTING = ["{0} = norm({1})^2", "{0} = tr({1} {1}')", "{0} = tanh({1}) .* 2", "{0} = {1}' {1}"]

STATEMENTS = st.one_of(
    st.builds(lambda f, *names: f.format(*names), st.sampled_from(FITTING), NAMES, NAMES),
    st.sampled_from(
        ["W[l] : n x n for l = 1..L", "Z[0] = X", "sigma : elementwise", "X : m x n # c"]
    ),
    st.builds("{} : {} x {}".format, NAMES, SIDES, SIDES),
    st.builds("{} : {} {}".format, NAMES, SIDES, st.sampled_from(["", "posdef", "positive", "q"])),
    st.builds("{} = {}".format, NAMES, expressions()),
    st.builds("{} = norm({})^2".format, NAMES, NAMES),
    st.builds("{} {} wrt {}".format, st.sampled_from(sorted(KINDS)), NAMES, NAMES),
    st.builds("check grad {} wrt {} = {}".format, NAMES, NAMES, expressions()),
    expressions(),
)
LINES = st.one_of(
    STATEMENTS,
    STATEMENTS,
    st.builds(":derive {} wrt {}".format, NAMES, NAMES),
    st.builds(":derive {} {} wrt {}".format, st.sampled_from(sorted(KINDS)), NAMES, NAMES),
    st.permutations(["G", "D", "X'", "E", "W"]).map(" ".join),
    st.builds(
        ":{} {}".format,
        st.sampled_from([c for c in COMMANDS if c not in WITH_FILES_OR_ENDS]),
        st.one_of(st.just(""), expressions(), st.sampled_from(["numpy", "seed 3", "traces 1"])),
    ),
    st.text(max_size=12),
)


class RandomSession(RuleBasedStateMachine):
    """Good and bad lines in any order: no error but those that are said, no definition lost."""

    def __init__(self) -> None:
        super().__init__()
        self.desk = Interpreter(style=Style(80))
        said(self.desk, "X : m x n; x : n; W : n x k", "Z = X W", "J = norm(Z)^2")

    @rule(lines=st.lists(LINES, min_size=5, max_size=5))
    def type_lines(self, lines: list[str]) -> None:
        for line in lines:
            before = _names(self.desk)
            said(self.desk, line)
            undone = line.strip().startswith((":u", ":redo", ":red"))
            assert undone or before <= _names(self.desk), line

    @rule()
    def arrange(self) -> None:
        """What the machine would do, by hand: it stands."""
        hand = self.desk.guided
        if hand is not None and hand.move is not None:
            done = len(hand.played)
            said(self.desk, to_text(hand.move.in_letters(hand.move.line.arrangement)))
            assert len(hand.played) > done

    @rule()
    def save_and_load(self) -> None:
        """What is saved is what is loaded."""
        state = self.desk.session.state
        again = Session()
        again.enter(state.text)
        assert again.state.text == state.text

    @invariant()
    def what_stands_can_be_read(self) -> None:
        text = self.desk.session.state.text
        assert {*read(text, complete=False).definitions} <= _names(self.desk)


def _names(desk: Interpreter) -> set[str]:
    return {name for entry in desk.session.state.entries for name in entry.names}


TestRandomSession = RandomSession.TestCase
TestRandomSession.settings = settings(
    max_examples=settings.default.max_examples // 2,
    stateful_step_count=50,  # of five lines, or what follows from them
    phases=[Phase.generate],
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


LAYERS = "X : m x d; W : d x h; V : h x k; Y : m x k; Z = tanh(X W); A = tanh(Z V)"


def test_gradients_of_one_thing_are_derived_together() -> None:
    desk = Interpreter()
    found = said(desk, f"{LAYERS}; J = norm(A - Y)^2", "grad J wrt W, V")
    assert found.count("✓ verified") == 1
    assert "∂J/∂V = Z' δ" in found
    assert "δ = 2 (A - Y) .* (1 - A.^2)" in found
    assert said(desk, ":latex").count(r"\frac{\partial J}") == 2
    assert "grad_J_V" in said(desk, ":code") or said(desk, ":code").count("δ") > 1
    assert said(desk, ":answers").count("δ = ") == 1


def test_several_variables_by_hand_share_what_has_a_name() -> None:
    desk = Interpreter()
    said(desk, f"{LAYERS}; J = norm(A - Y)^2", ":derive J wrt W, V")
    assert desk.guided is not None
    labels = [move.step.label for move in desk.guided.moves]
    assert labels == ["∂J/∂A", "δ", "∂J/∂Z", "∂J/∂W", "∂J/∂V"]
    found = said(desk, "2 D", "G .* D", "δ V'", "X' (G .* D)", "Z' δ")
    assert "every line stands: 5 by you, 0 by the machine" in found
    assert "✓ verified" in found
    assert "∂J/∂V = Z' δ" in found


def test_things_that_differ_are_not_derived_by_hand_together() -> None:
    desk = Interpreter()
    said(desk, f"{LAYERS}; J = norm(A - Y)^2; K = sum(A)")
    assert "of one thing" in said(desk, ":derive J wrt W; grad K wrt V")
    assert desk.guided is None
