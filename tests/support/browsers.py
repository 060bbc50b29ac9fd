"""A browser without a window, for tests of what a person sees; they skip where there is none."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

PATIENCE = 200  # seconds until what is waited for is given up, on a machine that is busy
_ARGUMENTS = (
    *("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
# The texts that are hard to read on their ground, each with its contrast.
TOO_PALE = """
const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
const channels = (text) => {
  canvas.clearRect(0, 0, 1, 1);
  canvas.fillStyle = text;
  canvas.fillRect(0, 0, 1, 1);
  return [...canvas.getImageData(0, 0, 1, 1).data];
};
const over = ([r, g, b, alpha], below) =>
  [r, g, b].map((c, i) => c * alpha / 255 + below[i] * (1 - alpha / 255));
const white = [255, 255, 255];
const ground = (e) =>
  e ? over(channels(getComputedStyle(e).backgroundColor), ground(e.parentElement)) : white;
const linear = (c) => c <= .04045 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4;
const light = (rgb) =>
  rgb.map((c) => linear(c / 255)).reduce((sum, c, i) => sum + c * [.2126, .7152, .0722][i], 0);
const contrast = (a, b) => (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
const texts = "h1, h2, h3, p, span, summary, code, button, a, li, mi, mn, mo, svg text";
return [...document.querySelectorAll(texts)]
  .filter((e) => e.getClientRects().length && e.textContent.trim() && !e.matches(".unseen"))
  .map((e) => {
    const style = getComputedStyle(e);
    const below = ground(e);
    const ink = over(channels(e.matches("svg text") ? style.fill : style.color), below);
    return [contrast(light(ink), light(below)), e.tagName, e.textContent];
  })
  .filter(([ratio]) => ratio < 4.5);
"""


@contextmanager
def chrome() -> Iterator[Any]:
    """A Chromium with its driver, until the end of the block."""
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    driver = shutil.which("chromedriver")
    if driver is None:
        pytest.skip("there is no chromedriver here")
    options = webdriver.ChromeOptions()
    for argument in _ARGUMENTS:
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    with webdriver.Chrome(options=options, service=webdriver.ChromeService(driver)) as started:
        started.set_script_timeout(PATIENCE)
        yield started


def resize(browser: Any, width: int, mode: str = "light", height: int = 900) -> None:
    """As wide as a screen, a phone's below 500 pixels, in the colours that a person prefers."""
    scheme = {"name": "prefers-color-scheme", "value": mode}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)


def findings(browser: Any) -> list[str]:
    """What axe-core finds wrong with the page, of serious impact at least. Contrasts are told by
    `TOO_PALE`, which knows mixed colours."""
    found = find_spec("axe_playwright_python")
    if found is None or found.origin is None:
        pytest.skip("axe-core is not installed")
    browser.execute_script(Path(found.origin).with_name("axe.min.js").read_text(encoding="utf-8"))
    told = browser.execute_async_script(
        "const rules = {'color-contrast': {enabled: false}};"
        "axe.run({rules}).then(arguments[0], (fault) => arguments[0](String(fault)))"
    )
    assert told["passes"]
    return [
        f"{v['id']}: {v['help']}: {v['nodes'][0]['html'][:200]}"
        for v in told["violations"]
        if v["impact"] in ("serious", "critical")
    ]


def waited(browser: Any, condition: str, *given: object) -> Any:
    """The value of an expression in JavaScript, as soon as it is true; fails if it never is."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if found := browser.execute_script(f"return {condition}", *given):
            return found
        time.sleep(0.05)
    raise AssertionError(f"never true: {condition}")
