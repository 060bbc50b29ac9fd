"""How long a person waits for the page without a server: Chromium, the site, the first answer.

    python benchmarks/static_site.py FOLDER          what `shapetrick site FOLDER` wrote; a minute
    python benchmarks/static_site.py FOLDER --write  and keeps the figures in RESULTS.md

Each round is a browser with a profile of its own. The first visit is timed from the navigation to
the first verified answer, the second visit when the service worker has kept the site, and then a
person types: the time that the engine takes to read each text, and to answer it (the page waits
for a pause of the keys in between). CPU time is that of all of the browser's processes until the
answer, which says more than the clock where the machine does other things; the load is told. Exits
with 1 if a goal is missed, by the least time of the visits and the median while typing.
"""

from __future__ import annotations

import argparse
import functools
import os
import shutil
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import median
from typing import Any

from record import record, table

FIRST, AGAIN, READING, ANSWER, SIZE = (
    "first visit, s", "second visit, s", "reading, ms", "answer, ms", "size, MB",
)  # fmt: skip
GOALS = {FIRST: 6.0, AGAIN: 2.0, READING: 150.0, ANSWER: 150.0, SIZE: 11.0}
TEXT = "X : m x d; w : d; y : m; J = norm(X w - y)^2 / (2 m) + norm(w)^2; grad J wrt w"
BEGUN = TEXT.index("J =")  # from here on it is typed letter by letter, four at a time
WATCH = """
window.asked = {};
window.taken = [];
const Plain = window.Worker;
window.Worker = class extends Plain {
  constructor(...given) {
    super(...given);
    this.addEventListener("message", ({data}) => {
      if (data.answer && data.id in asked) {
        const [kind, from] = asked[data.id];
        taken.push([kind, performance.now() - from]);
      }
    });
  }
  postMessage(data) {
    if (data.question) asked[data.id] = [data.question.ask, performance.now()];
    super.postMessage(data);
  }
};
new MutationObserver(() => {
  if (!window.answered && document.querySelector(".result.verified")) {
    window.answered = performance.now();
  }
}).observe(document, {childList: true, subtree: true});
"""
KEPT = """
const done = arguments[0];
navigator.serviceWorker.ready.then(({active}) => {
  if (active.state === "activated") done(true);
  else active.addEventListener("statechange", () => done(true));
});
"""
TYPED = "const e = document.querySelector('#problem'); e.value = arguments[0];" \
        "e.dispatchEvent(new Event('input', {bubbles: true}))"  # fmt: skip
SETTLED = "return document.querySelector('#answers:not(.old)') !== null || " \
          "document.querySelector('#fault p') !== null"  # fmt: skip
SECONDS = 120.0
TICKS = os.sysconf("SC_CLK_TCK")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("site", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--write", action="store_true", help="into RESULTS.md")
    args = parser.parse_args()
    size = sum(path.stat().st_size for path in args.site.rglob("*") if path.is_file()) / 1e6
    found: dict[str, list[float]] = {name: [] for name in (FIRST, AGAIN, READING, ANSWER)}
    used: dict[str, list[float]] = {FIRST: [], AGAIN: []}
    handler = functools.partial(Quiet, directory=str(args.site))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        for _ in range(args.rounds):
            visit(f"http://127.0.0.1:{server.server_port}/", found, used)
        server.shutdown()
    rows = [
        (name, f"{min(values):.3g}", f"{median(values):.3g}",
         f"{min(used[name]):.2f}" if name in used else "", f"{GOALS[name]:g}")
        for name, values in [*found.items(), (SIZE, [size])]
    ]  # fmt: skip
    load = os.getloadavg()[0]
    lines = [
        f"{args.rounds} browsers; a load of {load:.1f} on {os.cpu_count()} cores.", "",
        *table(("what", "least", "median", "least CPU, s", "goal"), rows),
    ]  # fmt: skip
    print(*lines, sep="\n")
    if args.write:
        record("static_site.py", lines)
    judged = {SIZE: size}
    for name, values in found.items():
        judged[name] = min(values) if name in used else median(values)
    return 0 if all(value <= GOALS[name] for name, value in judged.items()) else 1


class Quiet(SimpleHTTPRequestHandler):
    """The site's files, without a log."""

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


def visit(address: str, found: dict[str, list[float]], used: dict[str, list[float]]) -> None:
    """One round, with a browser of its own."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    service = webdriver.ChromeService(shutil.which("chromedriver"))
    with webdriver.Chrome(options=options, service=service) as browser:
        browser.set_script_timeout(SECONDS)
        browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": WATCH})
        for name in (FIRST, AGAIN):
            before = cpu_seconds(service.process.pid)
            browser.get(address)
            answered = waited(lambda: browser.execute_script("return window.answered"))
            found[name].append(answered / 1000)
            used[name].append(cpu_seconds(service.process.pid) - before)
            browser.execute_async_script(KEPT)
            if name == FIRST:
                browser.get("about:blank")
        browser.execute_script("window.taken = []")
        for end in range(BEGUN, len(TEXT) + 1, 4):
            browser.execute_script(TYPED, TEXT[:end])
            waited(lambda: browser.execute_script(SETTLED))
        for kind, milliseconds in browser.execute_script("return window.taken"):
            if kind in ("reading", "answers"):
                found[READING if kind == "reading" else ANSWER].append(milliseconds)


def waited(look: Callable[[], Any]) -> Any:
    """What is looked for, as soon as it is there."""
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        if there := look():
            return there
        time.sleep(0.05)
    raise TimeoutError("the page gave no answer")


def cpu_seconds(root: int) -> float:
    """What a process and those that it began have used; 0 where there is no /proc."""
    statuses = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:  # it has ended
            continue
        statuses[int(path.parent.name)] = (int(fields[1]), int(fields[11]) + int(fields[12]))
    ours = (ticks for pid, (_, ticks) in statuses.items() if root in _line(pid, statuses))
    return sum(ours) / TICKS


def _line(pid: int, statuses: dict[int, tuple[int, int]]) -> Iterator[int]:
    """A process, and by whom it was begun, up to the first."""
    while pid in statuses:
        yield pid
        pid = statuses[pid][0]


if __name__ == "__main__":
    sys.exit(main())
