"""The files of the page: those of the folder `web/`, and the style and the boxes of a report."""

from __future__ import annotations

from pathlib import Path

from ..core.files import shipped
from ..render import html

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".webmanifest": "application/manifest+json",
}


def assets() -> dict[str, Path]:
    """Where each of them stands, by its name on the page."""
    report = [Path(html.__file__).with_name(name) for name in ("report.css", "arranging.js")]
    paths = [*report, *shipped("web").iterdir()]
    return {path.name: path for path in sorted(paths) if path.suffix in TYPES}
