"""Keeps the figures of the benchmarks in RESULTS.md, a section for each script."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Iterable
from datetime import date
from importlib.metadata import version
from pathlib import Path

RESULTS = Path(__file__).parent / "RESULTS.md"
TITLE = "# Measured\n\nA script writes its section with `--write`; ratios come from one run.\n"
CPUINFO = Path("/proc/cpuinfo")


def record(script: str, lines: Iterable[str], packages: Iterable[str] = ("numpy",)) -> None:
    """Puts the lines (Markdown) into the section of a script, in place of what stood there."""
    text = RESULTS.read_text(encoding="utf-8") if RESULTS.exists() else TITLE
    head, *sections = re.split(r"^(?=## )", text, flags=re.MULTILINE)
    title = f"## {script}\n"
    kept = [s.rstrip() + "\n" for s in sections if not s.startswith(title)]
    body = "\n".join(lines).strip()
    kept.append(f"{title}\n{_surroundings(packages)}\n\n{body}\n")
    RESULTS.write_text("\n".join([head.rstrip() + "\n", *sorted(kept)]), encoding="utf-8")


def table(header: Iterable[str], rows: Iterable[Iterable[object]]) -> list[str]:
    """A Markdown table; every column but the first is set to the right."""
    titles = list(header)
    rule = ["---", *("---:" for _ in titles[1:])]
    return [f"| {' | '.join(map(str, row))} |" for row in (titles, rule, *rows)]


def _surroundings(packages: Iterable[str]) -> str:
    """The day, the machine and the versions that the figures belong to."""
    found = re.search(r"model name\s*:\s*(.*)", CPUINFO.read_text()) if CPUINFO.exists() else None
    processor = found[1] if found else platform.processor() or platform.machine()
    versions = [f"{p} {version(p)}" for p in packages]
    versions.insert(0, f"Python {platform.python_version()}")
    return f"_{date.today()}, {processor}, {os.cpu_count()} cores; {', '.join(versions)}_"
