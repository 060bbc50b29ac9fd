"""The pages of the documentation: each block is run, and says what the page means it to say."""

from __future__ import annotations

import re
from pathlib import Path

import page_blocks
import pytest
import reference_tables
from paths import ROOT

import shapetrick as st

DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_blocks_are_run(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The collections have tests of their own.
    monkeypatch.setitem(reference_tables.TABLES, "formulas", lambda name: name)
    text = page_blocks.run_page(page.read_text(encoding="utf-8"))
    assert not re.search(r"^```(st|commands|generated)\b", text, re.MULTILINE)


@pytest.mark.parametrize(
    ("block", "said"),
    [
        ("```st derive\nx : n; grad (x' y) wrt z\n```\n", "exit status 2, not 0"),
        ("```st check\nx : n; check grad (x' x) wrt x = x\n```\n", "exit status 1, not 0"),
        ("```st check status=1\nx : n; check grad (x' x) wrt x = 2 x\n```\n", "0, not 1"),
        ("```commands\npython -c 'raise SystemExit(3)'\n```\n", "exit status 3, not 0"),
        ("```ruby\nputs 1\n```\n", "no kind of block 'ruby'"),
    ],
)
def test_a_block_that_says_something_else_is_refused(block: str, said: str) -> None:
    with pytest.raises(page_blocks.PageError, match=re.escape(said)):
        page_blocks.run_page(block)


def test_every_public_name_has_its_place_in_the_python_page() -> None:
    told = set(re.findall(r"^::: shapetrick\.(\S+)$", (DOCS / "api.md").read_text(), re.MULTILINE))
    for name in st.__all__:
        module = getattr(st, name).__module__.removeprefix("shapetrick.")
        assert told & {module, f"{module}.{name}"}, name


def test_every_page_is_in_the_menu() -> None:
    menu = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").partition("\nnav:")[2]
    for page in PAGES:
        assert page.relative_to(DOCS).as_posix() in menu
