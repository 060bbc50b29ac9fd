"""What MkDocs calls while it builds the documentation: the blocks of the pages are run, on all
processors."""

from __future__ import annotations

import sys
from concurrent.futures import Future, ProcessPoolExecutor
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from page_blocks import run_page

_pool = ProcessPoolExecutor()
_pages: dict[str, Future[str]] = {}


def on_files(files: Any, **_: Any) -> None:
    """Begin with the pages, the longest first."""
    pages = {file.src_uri: file.content_string for file in files.documentation_pages()}
    for name in sorted(pages, key=lambda name: "generated formulas" not in pages[name]):
        _pages[name] = _pool.submit(run_page, pages[name])


def on_page_markdown(_: str, page: Any, **__: Any) -> str:
    """A page with its blocks run."""
    return _pages[page.file.src_uri].result()


def on_post_build(**_: Any) -> None:
    """End the processes."""
    _pool.shutdown()
