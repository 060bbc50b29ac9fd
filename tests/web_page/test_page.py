"""The page in a browser: what a person types, sees, clicks and is told."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from browsers import TOO_PALE, chrome, resize, waited

from shapetrick.web_page import site as site_builder
from shapetrick.web_page.server import PageServer

pytestmark = pytest.mark.slow

REGRESSION = "X : m x d\nw : d\ny : m\nJ = norm(X w - y)^2 / (2 m)\ngrad J wrt w"
CLAIM = "A : n x n; x : n; q = x' A x\ncheck grad q wrt x = 2 A x"
ANSWERED = "document.querySelector('#answers:not(.old) > .result') !== null"
DOWNLOADS = """
window.saved = [];
const made = URL.createObjectURL;
URL.createObjectURL = (blob) => {
  blob.text().then((text) => saved.push(text));
  return made(blob);
};
HTMLAnchorElement.prototype.click = function () { window.named = this.download; };
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chrome() as started:
        yield started


@pytest.fixture(scope="module")
def server(browser: Any) -> Iterator[PageServer]:
    with PageServer(time_limit=30) as found:
        thread = threading.Thread(target=found.serve_forever)
        thread.start()
        yield found
        found.shutdown()
        thread.join()


class Page:
    """The page in a browser, as a person uses it."""

    def __init__(self, browser: Any, address: str) -> None:
        self.browser, self.address = browser, address

    def open(self, text: str | None = None, width: int = 1200, mode: str = "light") -> None:
        """Open it with a problem in its address, or as it is first seen."""
        resize(self.browser, width, mode)
        self.browser.get("about:blank")
        self.browser.get(self.address + ("" if text is None else f"#text={quote(text)}"))
        waited(self.browser, "document.querySelector('#target option') !== null")

    def run(self, script: str, *given: object) -> Any:
        return self.browser.execute_script(script, *given)

    def wait(self, condition: str, *given: object) -> Any:
        return waited(self.browser, condition, *given)

    def one(self, selector: str) -> Any:
        return self.browser.find_element("css selector", selector)

    def type(self, text: str) -> None:
        """Type it in the place of what stands."""
        self.keys("Control+a", "Delete")
        self.one("#problem").send_keys(text)

    def keys(self, *pressed: str) -> None:
        """Press keys where the focus is: `Tab`, `Control+a`, `x`."""
        from selenium.webdriver import ActionChains, Keys

        for key in pressed:
            chain = ActionChains(self.browser)
            *held, last = key.split("+") if len(key) > 1 else [key]
            for name in held:
                chain.key_down(getattr(Keys, name.upper()))
            chain.send_keys(getattr(Keys, last.upper(), last))
            for name in held:
                chain.key_up(getattr(Keys, name.upper()))
            chain.perform()

    def text(self, selector: str) -> str:
        return str(self.run("return document.querySelector(arguments[0]).textContent", selector))

    def problems(self) -> list[Any]:
        """What the browser complains of."""
        return [entry for entry in self.browser.get_log("browser") if entry["level"] == "SEVERE"]


@pytest.fixture
def page(browser: Any, server: PageServer) -> Iterator[Page]:
    found = Page(browser, server.address)
    yield found
    assert found.problems() == []


@pytest.mark.parametrize("mode", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1400])
def test_the_page_is_readable(page: Page, width: int, mode: str) -> None:
    page.open(REGRESSION, width, mode)
    page.wait(ANSWERED)
    assert page.run("return document.documentElement.scrollWidth") <= width
    assert page.run(TOO_PALE) == []
    ground = page.run("return getComputedStyle(document.body).backgroundColor")
    assert ground == {"light": "rgb(255, 255, 255)", "dark": "rgb(18, 21, 28)"}[mode]


def test_one_types_and_sees_shapes_and_the_answer(page: Page) -> None:
    page.open()
    page.type("X : m x d; w : d; J = norm(X w)^2")
    names = "[...document.querySelectorAll('.boxes svg text.label')].map((e) => e.textContent)"
    page.wait(f"{names}.join() === 'X,w,J'")
    page.wait("document.querySelectorAll('#answers:not(.old) > .result.verified').length === 1")
    assert page.one(".result .answer math").size["width"] > 0
    assert "2 of 2" in page.text("#status")
    looks = "[...document.querySelectorAll('.overlay .function')].map((e) => e.textContent)"
    assert page.run(f"return {looks}") == ["norm"]


def test_the_colours_lie_under_the_letters(page: Page) -> None:
    page.open(REGRESSION)
    same = (
        "const [a, b] = ['#problem', '.overlay'].map((s) => document.querySelector(s));"
        "const of = (e) => ['font', 'padding', 'lineHeight', 'whiteSpace', 'letterSpacing']"
        "  .map((key) => getComputedStyle(e)[key]).join();"
        "return of(a) === of(b) && a.value === b.textContent.slice(0, -1)"
        "  && a.getBoundingClientRect().width === b.getBoundingClientRect().width"
    )
    assert page.run(same)


def test_an_error_is_told_at_its_place(page: Page) -> None:
    page.open()
    page.type("X : m x d; w : d; J = sum(w X)")
    page.wait("document.querySelector('#fault p') !== null")
    assert "w (d×1) times X (m×d)" in page.text("#fault p")
    assert page.text(".overlay .fault") == "w X"
    assert page.one("#problem").get_attribute("aria-invalid") == "true"
    page.type('"<" : n')
    page.wait("document.querySelector('#fault p code')?.textContent === '\"<\"'")
    page.type("X : m x d; w : d; J = sum(X w)")
    page.wait("document.querySelector('#fault p') === null")
    page.wait(ANSWERED)


def test_a_claim_is_judged_and_mended(page: Page) -> None:
    page.open(CLAIM)
    page.wait("document.querySelector('.result.wrong .mend') !== null")
    assert "right only where A is symmetric" in page.text(".result .verdict")
    page.one(".mend").click()
    page.wait("document.querySelector('.result.right') !== null")
    assert page.one("#problem").get_property("value").endswith("= (A + A') x")


@pytest.mark.parametrize(
    ("pasted", "read"),
    [
        (r"X \in \mathbb{R}^{m \times d}; J = \|X w\|_2^2; \nabla_w J", ""),
        ("x : n; A : n x n; f = sum_ij x_i A_ij x_j; grad f wrt x", "x' A x"),
        (r"$x_i, w \in \mathbb{R}^d$; $L = \sum_{i=1}^n (w^T x_i)^2$; $\nabla_w L$", "x[i]"),
    ],
)
def test_formulas_of_papers_are_pasted(page: Page, pasted: str, read: str) -> None:
    """LaTeX and index notation, with what they were read as."""
    page.open(pasted)
    page.wait("document.querySelector('.result.verified') !== null")
    assert read in page.text("#remarks")


def test_shapes_are_made_to_match_by_hand(page: Page) -> None:
    page.open(REGRESSION)
    page.wait(ANSWERED)
    page.run("document.querySelector('details.arranging').open = true")
    page.wait("document.querySelectorAll('.arranging .part').length === 2")
    page.run("document.querySelectorAll('.arranging .part')[0].focus()")
    page.keys("*")
    assert "does not fit" in page.one(".arranging [role=status]").text


def test_a_link_reproduces_the_problem(page: Page) -> None:
    page.open()
    text = "θ, ж : n\nJ = θ' ж # 100 % <b>&amp;</b>\ngrad J wrt θ"
    page.type(text)
    page.wait("decodeURIComponent(location.hash) === `#text=${arguments[0]}`", text)
    address = page.run("return location.href")
    page.browser.get("about:blank")
    page.browser.get(address)
    page.wait(ANSWERED)
    assert page.one("#problem").get_property("value") == text
    page.run("location.hash = '#text=' + encodeURIComponent('x : n; J = norm(x)')")
    page.wait("document.querySelector('#problem').value === 'x : n; J = norm(x)'")
    page.run("location.hash = '#text=%E0%A4%A'")  # cut in the middle of a letter


def test_links_of_a_derivation_leave_the_problem_in_the_address(page: Page) -> None:
    page.open(
        "X : m x d; A : d x d; w : d; Z = tanh(X A); L = sum(Z); grad sum(Z w) wrt X; grad L wrt A"
    )
    page.wait("document.querySelectorAll('#answers > .result').length === 2")
    before = page.run("return location.hash")
    place = page.run(
        "const a = document.querySelector('#answers a'); a.click();"
        "const told = document.getElementById(a.getAttribute('href').slice(1));"
        "return told.getBoundingClientRect().top"
    )
    assert -5 <= place < 900
    assert page.run("return location.hash") == before


def test_code_is_shown_and_copied(page: Page) -> None:
    page.open(REGRESSION)
    page.wait(ANSWERED)
    page.one("#code summary").click()
    page.wait("document.querySelector('#module').textContent.includes('import numpy')")
    page.run("document.querySelector('#target').value = 'torch'")
    page.run("document.querySelector('#target').dispatchEvent(new Event('change'))")
    page.wait("document.querySelector('#module').textContent.includes('from torch')")
    page.run("navigator.clipboard.writeText = async (text) => { window.copied = text; }")
    page.one("#copy-code").click()
    assert "from torch" in page.wait("window.copied")


@pytest.mark.parametrize(
    ("kind", "name", "begin"),
    [
        ("html", "derivation.html", "<!doctype html>"),
        ("latex", "derivation.tex", "\\documentclass"),
        ("python", "gradients.py", '"""'),
        ("problem", "problem.st", "X : m x d"),
    ],
)
def test_exports(page: Page, kind: str, name: str, begin: str) -> None:
    page.open(REGRESSION)
    page.run(DOWNLOADS)
    page.run("const e = document.querySelector('#export'); e.value = arguments[0];"
             "e.dispatchEvent(new Event('change'))", kind)  # fmt: skip
    assert page.wait("window.saved?.[0]").startswith(begin)
    assert page.run("return window.named") == name


def test_a_file_is_dropped(page: Page, tmp_path: Path) -> None:
    page.open()
    drop = (
        "const data = new DataTransfer();"
        "data.items.add(new File([arguments[0]], 'a.st'));"
        "dispatchEvent(new DragEvent('drop', {dataTransfer: data, cancelable: true}))"
    )
    page.run(drop, "x : n\r\nJ = x' x\r\n")
    page.wait("document.querySelector('#problem').value === 'x : n\\nJ = x\\' x\\n'")
    page.run(drop.replace("[arguments[0]]", "[new Uint8Array([255, 254, 0])]"))
    page.wait("document.querySelector('#fault p')?.textContent.includes('UTF-8')")


def test_an_example_is_opened_and_undone(page: Page) -> None:
    page.open(REGRESSION)
    page.one("#examples").click()
    page.wait("document.querySelectorAll('#gallery li').length > 20")
    page.run(
        "[...document.querySelectorAll('#gallery li button')]"
        ".find((e) => e.textContent.includes('attention.st')).click()"
    )
    page.wait("document.querySelectorAll('#answers > .result.verified').length === 1")
    page.keys("Control+z")
    page.wait("document.querySelector('#problem').value === arguments[0]", REGRESSION)


def test_words_are_completed(page: Page) -> None:
    page.open("S : n x n posdef\n")
    area = page.one("#problem")
    area.send_keys("J = logd")
    page.wait("!document.querySelector('#words').hidden")
    assert page.text("#words li b") == "logdet"
    page.keys("Down", "Enter")
    area.send_keys("(S)")
    page.wait("document.querySelector('#problem').value.endsWith('J = logdet(S)')")
    page.wait(ANSWERED)
    area.send_keys("\n\\thet")
    page.wait("!document.querySelector('#words').hidden")
    page.keys("Down", "Enter")
    page.wait("document.querySelector('#problem').value.endsWith('θ')")


def test_the_keyboard_alone_is_enough(page: Page) -> None:
    page.open()
    focused = "return document.activeElement.id || document.activeElement.textContent"
    assert page.run(focused) == "problem"
    page.keys("Control+a", *"x : n; J = x' x")
    page.wait("document.querySelectorAll('#answers:not(.old) > .result.verified').length === 1")
    seen = []
    for _ in range(12):
        page.keys("Tab")
        seen.append(page.run(focused))
    assert {"Copy", "Copy LaTeX", "Code"} <= set(seen)
    page.run("document.querySelector('#copy-code').focus()")
    for name in ("problem", "export", "link", "examples"):
        steps = 0
        while page.run(focused) != name:
            page.keys("Shift+Tab")
            steps += 1
            assert steps < 20
    page.keys("Enter")
    page.wait("document.querySelector('#gallery').open")
    page.keys("Escape")
    page.wait("!document.querySelector('#gallery').open")
    assert page.run(focused) == "examples"


def test_all_controls_have_names(page: Page) -> None:
    page.open(CLAIM)
    page.wait(ANSWERED)
    controls = page.browser.find_elements("css selector", "button, select, textarea, summary, svg")
    shown = [e for e in controls if e.is_displayed()]
    assert len(shown) > 8
    assert all(e.accessible_name for e in shown)


# ------------------------------------------------------------------------------- hostile input

SCRIPTS = [
    "<script>window.hacked = 1</script> : n; J = norm(x)",
    "# </pre><img src=x onerror='window.hacked = 1'>\nx : n; J = x' x",
    "x : n; J = x' x # <svg onload=window.hacked=1>\ncheck grad J wrt x = <img src=x onerror=a()>",
    "J = f(<iframe srcdoc='<script>parent.hacked = 1</script>'>)",
]


@pytest.mark.parametrize("text", SCRIPTS)
def test_scripts_in_a_text_do_nothing(page: Page, text: str) -> None:
    page.open(text)
    page.wait(f"{ANSWERED} || document.querySelector('#fault p') !== null")
    assert page.run("return window.hacked ?? 0") == 0
    assert (
        page.run("return document.querySelectorAll('img, iframe, script:not([src])').length") == 0
    )


def test_markup_of_an_engine_that_was_taken_over_cannot_act(server: PageServer) -> None:
    """The page's own defence, should a writer ever forget to escape; it complains, so it has a
    browser of its own."""
    evil = (
        "<p onclick='hacked = 1' style='color:red'>a</p><img src='x' onerror='hacked = 1'>"
        "<script>hacked = 1</script><a href='javascript:hacked = 1'>b</a>"
    )
    with chrome() as browser:
        page = Page(browser, server.address)
        page.open()
        page.run(
            "window.ready = false; import('./markup.js').then(({markup}) => {"
            "  document.querySelector('#answers').replaceChildren(markup(arguments[0]));"
            "  document.querySelector('#answers p').click();"
            "  document.querySelector('#answers a').click(); window.ready = true; })",
            evil,
        )
        page.wait("window.ready")
        assert page.run("return window.hacked ?? 0") == 0
        left = page.run("return document.querySelector('#answers').innerHTML")
        assert left == "<p>a</p><img><a>b</a>"


def test_a_million_letters_end_well(page: Page) -> None:
    page.open()
    page.run(
        "const e = document.querySelector('#problem'); e.value = 'x + '.repeat(250_001);"
        "e.dispatchEvent(new Event('input', {bubbles: true}))"
    )
    page.wait("document.querySelector('#fault p')?.textContent.includes('1 million are taken on')")
    page.type("x : n; J = x' x")
    page.wait(ANSWERED)


def test_an_endless_problem_ends_well(browser: Any) -> None:
    with PageServer(time_limit=2) as server:
        threading.Thread(target=server.serve_forever).start()
        page = Page(browser, server.address)
        page.open("A : n x n\n" + "grad tr(A A A A A A A A) wrt A\n" * 400)
        page.wait("document.querySelector('#fault p')?.textContent.includes('time limit')")
        page.type("x : n; J = x' x")
        page.wait("document.querySelectorAll('#answers:not(.old) > .result.verified').length === 1")
        server.shutdown()


def test_a_server_that_has_ended_is_told(browser: Any) -> None:
    with PageServer() as server:
        threading.Thread(target=server.serve_forever).start()
        page = Page(browser, server.address)
        page.open(REGRESSION)
        server.shutdown()
    page.type("x : n")
    page.wait("document.querySelector('#fault p')?.textContent.includes('shapetrick serve')")
    page.problems()


# ---------------------------------------------------------------------- the site without a server


class Quiet(SimpleHTTPRequestHandler):
    """Any web server, without its log."""

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module", params=["with Node", "without Node"])
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a site that is built from a folder with Pyodide and NumPy's wheel."""
    given = os.environ.get("PYODIDE")
    if given is None:
        pytest.skip("PYODIDE names no folder with Pyodide and NumPy's wheel for it")
    out = tmp_path_factory.mktemp("site")
    with pytest.MonkeyPatch.context() as patched:
        if request.param == "without Node":
            patched.setattr(site_builder.shutil, "which", lambda _: None)
        site_builder.build(out, Path(given))
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(out))) as found:
        thread = threading.Thread(target=found.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{found.server_port}/"
        found.shutdown()
        thread.join()


def test_the_site_answers_without_a_server(site: str) -> None:
    with chrome() as browser:
        page = Page(browser, site)
        resize(browser, 1200)
        browser.get(f"{site}#text={quote(CLAIM)}")
        waited(browser, "document.querySelector('.result.wrong .mend') !== null", seconds=200)
        page.one(".mend").click()
        page.wait("document.querySelector('.result.right') !== null")
        page.type("X : m x d; w : d; J = sum(w X)")
        page.wait("document.querySelector('#fault p')?.textContent.includes('w (d×1)')")
        assert page.problems() == []
