"""`:tutorial`: every chapter can be done, slips are taught, and what was entered stays; `:html`."""

from __future__ import annotations

from pathlib import Path

import pytest

from shapetrick.render.layout import columns, plain
from shapetrick.render.terminal import Style
from shapetrick.session.commands import answer
from shapetrick.session.guided import GuidedDerivation
from shapetrick.session.interpreter import Interpreter
from shapetrick.session.tutorial import CHAPTERS, CLOSING

ANSWERS = ("X' D / m", "X' (G .* D)", "(G .* D) W'", "A' X B' + A X B")


def said(desk: Interpreter, *lines: str) -> str:
    return "".join(plain(answer(desk, line)) for line in lines)


def test_it_goes_from_chapter_to_chapter_and_leaves_what_was_entered() -> None:
    desk = Interpreter(style=Style(80))
    said(desk, "X : m x d")
    shown = said(desk, "tutorial")
    for i, typed in enumerate(ANSWERS):
        assert CHAPTERS[i].title in shown
        assert desk.guided is not None
        shown = said(desk, typed)
        assert "✓ verified" in shown
    assert " ".join(shown.split()).endswith(CLOSING)
    assert desk.guided is None
    assert desk.chapter is None
    assert [e.text for e in desk.session.state.entries] == ["X : m x d"]


def test_a_slip_is_taught_and_nothing_is_too_wide() -> None:
    desk = Interpreter(style=Style(80))
    shown = said(desk, ":tutorial 2", "G D X", "X' G D", ":hint", ":next")
    assert "what is open: a transpose, the order of the factors" in shown
    assert CHAPTERS[2].title in shown
    assert [line for line in shown.splitlines() if columns(line) > 80] == []
    assert "left" in said(desk, ":stop")
    assert desk.chapter is None
    assert "chapter from 1 to 4" in said(desk, ":tutorial 9")


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda c: c.title)
def test_the_machine_can_play_every_chapter(chapter: object) -> None:
    hand = GuidedDerivation(chapter.problem, chapter.request)
    while hand.move is not None:
        hand.play_next()
    assert hand.whole().validation.verdict == "verified"


def test_a_derivation_of_ones_own_ends_it() -> None:
    desk = Interpreter()
    said(desk, ":tutorial", "x : n; J = x' x", ":derive J wrt x", "2 x")
    assert desk.guided is None
    assert desk.chapter is None


def test_the_pictures_of_the_last_derivation_are_opened(tmp_path: Path) -> None:
    opened: list[str] = []
    desk = Interpreter(opened=opened.append)
    assert "nothing was derived yet" in said(desk, ":html")
    said(desk, "x : n; J = x' x; grad J wrt x")
    path = tmp_path / "page.html"
    assert "written" in said(desk, f":html {path}")
    assert opened == [path.as_uri()]
    assert "<svg" in path.read_text(encoding="utf-8")
    assert "cannot write" in said(desk, f":html {tmp_path}/none/page.html")
