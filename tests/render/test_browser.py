"""The report in a browser: what a person sees, clicks and is told."""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from browsers import TOO_PALE, chrome, findings, resize, waited
from test_html import HOSTILE, ROOT, report_of

import shapetrick as st
from shapetrick.api import html_page
from shapetrick.render.html import page

SHOWN = (ROOT / "examples" / "mlp.st").read_text(encoding="utf-8")
pytestmark = pytest.mark.slow

MODES = ("light", "dark")
WIDTHS = (360, 1200)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chrome() as started:
        yield started


class Page:
    """A report in a browser."""

    def __init__(self, chrome: Any, folder: Path) -> None:
        self.chrome = chrome
        self._file = folder / "report.html"

    def show(self, written: str, width: int = 1200, mode: str = "light") -> None:
        self._file.write_text(written, encoding="utf-8")
        resize(self.chrome, width, mode)
        self.chrome.get(self._file.as_uri())

    def run(self, script: str) -> Any:
        return self.chrome.execute_script(script)

    def unfold(self) -> None:
        """Open all that is folded, and wait for the boxes that are filled when they open."""
        self.run("for (const fold of document.querySelectorAll('details')) fold.open = true")
        boxes = "[...document.querySelectorAll('[data-line]')]"
        waited(self.chrome, f"{boxes}.length && {boxes}.every((e) => e.querySelector('.part'))")

    def all(self, selector: str) -> list[Any]:
        return list(self.chrome.find_elements("css selector", selector))

    def one(self, selector: str) -> Any:
        (found,) = self.all(selector)
        return found


@pytest.fixture
def shown(browser: Any, tmp_path: Path) -> Page:
    return Page(browser, tmp_path)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("width", WIDTHS)
def test_page_is_readable(shown: Page, width: int, mode: str) -> None:
    shown.show(report_of(SHOWN), width, mode)
    assert shown.run("return document.documentElement.scrollWidth") <= width
    assert shown.run(TOO_PALE) == []
    assert shown.chrome.get_log("browser") == []
    ground = shown.run("return getComputedStyle(document.body).backgroundColor")
    assert ground == {"light": "rgb(255, 255, 255)", "dark": "rgb(18, 21, 28)"}[mode]


def test_formulas_are_drawn_as_mathematics(shown: Page) -> None:
    shown.show(report_of(SHOWN))
    tall = shown.run(
        "const f = document.querySelector('.answer mfrac');"
        "return [f.children[0], f.children[1]].map((e) => e.getBoundingClientRect().top)"
    )
    assert tall[0] < tall[1]
    assert all(e.size["width"] > 0 for e in shown.all(".answer .formula math"))


def test_steps_fold(shown: Page) -> None:
    shown.show(report_of(SHOWN))
    step = shown.all("details.step")[0]
    arranged = shown.all("details.step .arranged")[0]
    assert arranged.is_displayed()
    step.find_element("css selector", "summary").click()
    assert not arranged.is_displayed()
    close, opened = shown.one("button[data-fold=closed]"), shown.one("button[data-fold=open]")
    opened.click()
    assert arranged.is_displayed()
    assert all(e.is_displayed() for e in shown.all(".factors li"))
    close.click()
    assert not any(e.is_displayed() for e in shown.all("details .body"))


def test_the_same_term_has_the_same_colour_on_the_screen(shown: Page) -> None:
    shown.show(report_of("X : m x d; w : d; y : m; J = norm(X w - y)^2 / 2; grad J wrt w"))
    colours = shown.run(
        "const isX = (e) => e.textContent.trim() === 'X';"
        "const xs = [...document.querySelectorAll('mi')].filter(isX);"
        "const factor = [...document.querySelectorAll('.factor')]"
        "  .find((e) => isX(e.querySelector('math')));"
        "const drawn = document.querySelector(`rect.${factor.classList[1]}`);"
        "const first = (s) => xs.find((e) => e.closest(s) && !e.closest('mrow.bar'));"
        "return [factor, first('.arranged'), first('.answer mrow'), drawn]"
        "  .map((e) => getComputedStyle(e).color)"
    )
    assert len(set(colours)) == 1
    assert colours[0] != shown.run("return getComputedStyle(document.body).color")


def test_code_is_copied(shown: Page) -> None:
    (d,) = st.read("x : n; J = x' x; grad J wrt x").derive()
    code = 'def f(x):\n    return "<&>" + x\n'
    shown.show(page([replace(d.report, code={**d.report.code, "numpy": code})]))
    assert [e.text for e in shown.all(".code summary")] == ["NumPy", "JAX", "PyTorch"]
    assert shown.run("return document.querySelector('.code code').textContent") == code
    shown.all(".code summary")[0].click()
    button = shown.all("button.copy")[0]
    assert button.accessible_name == "Copy the code for NumPy"
    shown.run("navigator.clipboard.writeText = async (text) => { window.copied = text; };")
    button.click()
    waited(shown.chrome, "arguments[0].textContent === 'Copied'", button)
    assert shown.run("return window.copied") == code


def test_code_is_copied_where_the_clipboard_is_closed(shown: Page) -> None:
    shown.show(report_of("x : n; J = x' x; grad J wrt x"))
    shown.run(
        "navigator.clipboard.writeText = async () => { throw new Error(); };"
        "document.execCommand = (name) => { window.copied = name + getSelection(); };"
    )
    shown.all(".code summary")[0].click()
    shown.all("button.copy")[0].click()
    copied = waited(shown.chrome, "window.copied")
    assert copied.startswith("copy")
    assert "import numpy as np" in copied


def test_a_screen_reader_is_told_what_the_pictures_show(shown: Page) -> None:
    shown.show(report_of(SHOWN))
    pictures = shown.all("svg")
    assert pictures
    for picture in pictures:
        assert picture.aria_role == "image" or picture.aria_role == "img"
        assert len(picture.accessible_name) > 10
    assert [e.aria_role for e in shown.all("main, nav")] == ["main", "navigation"]
    assert all(e.accessible_name for e in shown.all("nav a, .tools button"))
    levels = [int(e.tag_name[1]) for e in shown.all("h1, h2, h3")]
    assert levels[0] == 1
    assert all(below - level <= 1 for level, below in pairwise(levels))


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_serious_is_found_by_axe(shown: Page, width: int) -> None:
    shown.show(report_of(SHOWN), width)
    assert findings(shown.chrome) == []
    shown.unfold()
    assert findings(shown.chrome) == []


REACHED = "a[href], button:not([hidden]), summary, [tabindex='0']"


def test_all_that_acts_is_reached_by_the_tab_key_in_order(shown: Page) -> None:
    shown.show(report_of("X : m x d; w : d; y : m; J = norm(X w - y)^2 / 2; grad J wrt X, w"))
    shown.unfold()
    count = shown.run(f"return document.querySelectorAll(`{REACHED}`).length")
    assert count > 20
    for i in range(count):
        shown.chrome.switch_to.active_element.send_keys("\ue004")
        at = shown.run(
            f"const all = [...document.querySelectorAll(`{REACHED}`)];"
            "const e = document.activeElement, box = e.getBoundingClientRect();"
            "const style = getComputedStyle(e);"
            "return [all.indexOf(e), box.width > 0, box.bottom > 0 && box.top < innerHeight,"
            "        style.outlineStyle !== 'none']"
        )
        assert at == [i, True, True, True]


CLIPPED = """
const parts = document.querySelectorAll("main, pre, figure, .formula, .scalars, .answer, .line");
return [...parts].filter((e) => e.scrollWidth > e.clientWidth + 1).map((e) => e.textContent);
"""
PAPER = {"paperWidth": 8.27, "paperHeight": 11.69, "printBackground": True}  # A4, in inches


@pytest.mark.parametrize(("name", "pages", "height"), [("lstm", 4, 12_000), ("mlp", 6, 12_000)])
def test_a_long_derivation_is_told_on_few_pages(
    shown: Page, name: str, pages: int, height: int
) -> None:
    text = (ROOT / "examples" / f"{name}.st").read_text(encoding="utf-8")
    derived = st.read(text).derive()
    shown.show(html_page(derived))
    assert shown.run("return document.documentElement.scrollHeight") <= height
    printed = b64decode(shown.chrome.execute_cdp_cmd("Page.printToPDF", PAPER)["data"])
    assert 1 < len(re.findall(rb"/Type\s*/Page\b", printed)) <= pages
    resize(shown.chrome, 718)
    shown.chrome.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        assert shown.run(CLIPPED) == []
        seen = "return [...document.querySelectorAll(`{}`)].map((e) => e.checkVisibility())"
        assert {*shown.run(seen.format(".step .scalars, .step .arranged"))} == {True}
        assert {*shown.run(seen.format(".tools, .arranging, .code"))} == {False}
    finally:
        shown.chrome.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})


def test_hostile_text_does_nothing(shown: Page) -> None:
    shown.show(report_of(HOSTILE))
    assert shown.run("return window.hacked ?? 0") == 0
    assert shown.chrome.get_log("browser") == []
    assert "<script>window.hacked = 1</script>" in shown.one("section pre").text
