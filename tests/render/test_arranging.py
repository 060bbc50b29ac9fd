"""The box in which the shapes of a line are made to match: by pointer, touch and keys, in a
browser; and its data."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browsers import chrome, resize, waited
from paths import ROOT
from test_html import report_of

LAYER = "X : m x d; W : d x k; sigma : elementwise; vjp sigma(X W) with G wrt W"
SQUARES = "A, X, B : n x n; J = norm(A X B)^2; grad J wrt X"
VECTORS = "A : n x n; x, y : n; J = tr(A x y' A); grad J wrt A"
REGRESSION = "X : m x n; w : n; y : m; J = norm(X w - y)^2 / (2 m); grad J wrt w"


def boxes(text: str) -> list[dict[str, Any]]:
    found = re.findall(r'data-line="([^"]*)"', report_of(text))
    return [json.loads(unescape(data)) for data in found]


def test_a_way_that_is_right_has_nothing_said_against_it() -> None:
    (box,) = boxes(LAYER)
    assert (box["label"], box["rows"], box["cols"]) == ("W̄", "d", "k")
    assert box["said"] == [""]
    assert {*box["tried"].values()} == {0}


def test_look_alikes_are_told_with_their_errors() -> None:
    box = boxes(SQUARES)[-1]
    wrong = [text for text in box["said"] if text]
    assert wrong
    assert all(re.match(r"off by [\d.e+-]+; ", text) for text in wrong)
    assert len({len(key) for key in box["tried"]}) == 1


def test_no_box_where_there_is_nothing_to_arrange() -> None:
    assert boxes("x : n; J = x' x; grad J wrt x") == []
    assert boxes("A : m x n; J = sum(A); grad J wrt A") == []


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chrome() as started:
        yield started


class Keys:
    """As WebDriver names them."""

    BACKSPACE, TAB, ENTER, SHIFT = "\ue003", "\ue004", "\ue007", "\ue008"
    ARROW_LEFT, ARROW_RIGHT = "\ue012", "\ue014"


class Box:
    """The last box of a report in a browser, unfolded."""

    def __init__(self, browser: Any, folder: Path, text: str, width: int = 1200) -> None:
        file = folder / "report.html"
        file.write_text(report_of(text), encoding="utf-8")
        resize(browser, width)
        browser.get(file.as_uri())
        self.browser = browser
        self.box = browser.find_elements("css selector", "details.arranging")[-1]
        self.box.find_element("css selector", "summary").click()
        # What is unfolded is told to the page's script later than to the page.
        waited(browser, "arguments[0].querySelector('.part')", self.box)

    @property
    def parts(self) -> list[Any]:
        return list(self.box.find_elements("css selector", ".part"))

    def part(self, name: str) -> Any:
        return next(e for e in self.parts if e.accessible_name.startswith(f"{name},"))

    @property
    def names(self) -> list[str]:
        return [e.accessible_name.split(",")[0] for e in self.parts]

    @property
    def said(self) -> str:
        return str(self.box.find_element("css selector", "[role=status]").text)

    def drag(self, name: str, to: str, share: float, kind: str = "mouse") -> None:
        """Take a part to that share of another one's width, and let it go."""
        from selenium.webdriver import ActionChains
        from selenium.webdriver.common.actions.pointer_input import PointerInput

        source, goal = self.part(name), self.part(to)
        self.browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", source)
        chain = ActionChains(self.browser, devices=[PointerInput(kind, kind)], duration=20)
        pointer = chain.w3c_actions.pointer_action
        pointer.move_to(source).pointer_down()
        across = round(goal.size["width"] * (share - 0.5))
        pointer.move_to(goal, across, 0).pointer_up()
        chain.w3c_actions.perform()

    def press(self, *keys: str) -> None:
        from selenium.webdriver import ActionChains

        ActionChains(self.browser).send_keys(*keys).perform()

    def press_with(self, held: str, key: str) -> None:
        from selenium.webdriver import ActionChains

        ActionChains(self.browser).key_down(held).send_keys(key).key_up(held).perform()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["mouse", "touch"])
def test_rectangles_are_dragged(browser: Any, tmp_path: Path, kind: str) -> None:
    box = Box(browser, tmp_path, LAYER, 400 if kind == "touch" else 1200)
    assert box.names == ["G", "sigma'(X W)", "X"]
    box.drag("sigma'(X W)", "G", 0.5, kind)
    assert box.names == ["G ⊙ sigma'(X W)", "X"]
    assert box.said == "G ⊙ sigma'(X W) is m×k; 2 parts are left."
    box.drag("X", "G ⊙ sigma'(X W)", 0.1, kind)
    assert "does not fit" in box.said
    assert len(box.parts) == 2
    box.part("X").click()
    assert box.names[1] == "Xᵀ"
    box.drag("Xᵀ", "G ⊙ sigma'(X W)", 0.1, kind)
    assert box.names == ["Xᵀ (G ⊙ sigma'(X W))"]
    assert box.said.endswith("is d×k: the shapes match, and the numbers agree.")


@pytest.mark.slow
def test_a_look_alike_is_told_by_the_numbers(browser: Any, tmp_path: Path) -> None:
    box = Box(browser, tmp_path, SQUARES)
    first, second, third = box.names
    box.drag(second, first, 0.9)
    box.drag(third, f"{first} {second}", 0.9)
    assert "the shapes match, and the numbers do not agree: off by" in box.said
    box.press(Keys.BACKSPACE)
    assert box.names == [f"{first} {second}", third]


@pytest.mark.slow
def test_it_works_by_keys_alone(browser: Any, tmp_path: Path) -> None:
    box = Box(browser, tmp_path, REGRESSION)
    residual, design = box.names
    box.press(Keys.TAB, "*")
    assert box.said == f"{residual} · {design}: m×1 · m×n does not fit."
    box.press(Keys.ARROW_RIGHT)
    assert box.names == [design, residual]
    assert box.said == f"{residual} is number 2 of 2."
    box.press_with(Keys.SHIFT, Keys.TAB)
    box.press(Keys.ENTER)
    assert box.names == [f"{design}ᵀ", residual]
    box.press("*")
    assert box.names == [f"{design}ᵀ {residual}"]
    assert box.said.endswith("is n×1: the shapes match, and the numbers agree.")
    box.press(Keys.ENTER)
    assert box.said.endswith("is 1×n, and ∂J/∂w is n×1: the shapes do not match.")
    box.press(Keys.BACKSPACE)
    assert box.names == [f"{residual}ᵀ", design]


ALL_WAYS = """
const [module, factors, line, done] = arguments;
const {partsOf, turned, together, meeting} = await import(module);
const found = [];
const join = (parts) => {
  if (parts.length === 1) {
    const key = meeting(parts[0], line, factors);
    if (key !== null) found.push([parts[0].tree, line.tried[key] ?? null]);
    return;
  }
  for (const a of parts) for (const b of parts) {
    const rest = parts.filter((part) => part !== a && part !== b);
    for (const way of a === b ? [] : ["product", "entries"]) {
      const made = together(way, a, b);
      if (made) join([...rest, made]);
    }
  }
};
const leaves = partsOf(factors);
for (let turns = 0; turns < 2 ** leaves.length; turns++) {
  join(leaves.map((leaf, i) => turns >> i & 1 ? turned(leaf) : leaf));
}
done(found);
"""


@pytest.mark.slow
@pytest.mark.parametrize("text", [LAYER, SQUARES, REGRESSION, VECTORS])
def test_verdicts_are_those_of_the_numbers(browser: Any, text: str) -> None:
    """Whatever is put together of a line's factors: it was tried, and the verdict is right."""
    line = boxes(text)[-1]
    last = report_of(text).rsplit('data-line="', 1)[1]
    given = re.findall(r'data-name="[^"]*" data-rows="(.)" data-cols="(.)"', last)
    factors = [{"name": str(i), "rows": r, "cols": c} for i, (r, c) in enumerate(given)]
    module = (ROOT / "shapetrick" / "render" / "arranging.js").read_bytes()
    address = f"data:text/javascript;base64,{b64encode(module).decode()}"
    browser.get("about:blank")
    script = f"(async (...arguments) => {{{ALL_WAYS}}})(...arguments)"
    found = browser.execute_async_script(script, address, factors, line)
    rng = np.random.default_rng(0)
    sizes = {"1": 1} | {dim: 2 + i for i, dim in enumerate(line["lengths"]) if dim != "1"}
    values = [rng.standard_normal((sizes[f["rows"]], sizes[f["cols"]])) for f in factors]

    def value(tree: dict[str, Any]) -> Any:
        if "factor" in tree:
            return values[tree["factor"]].T if tree["turned"] else values[tree["factor"]]
        left, right = value(tree["left"]), value(tree["right"])
        is_product = tree["way"] == "product" and 1 not in (left.size, right.size)
        return left @ right if is_product else left * right

    right = [value(tree) for tree, verdict in found if verdict == 0]
    assert right
    for tree, verdict in found:
        assert verdict is not None
        assert np.allclose(value(tree), right[0]) == (verdict == 0)
