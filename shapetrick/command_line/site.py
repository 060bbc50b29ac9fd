"""`shapetrick site`: the page as a static site."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from ..core.errors import InputError
from ..web_page.site import build
from .outcome import DONE, BadInput


def run(args: Namespace) -> int:
    """Build the site, and say how large it is. Returns the exit status; raises BadInput."""
    try:
        sizes = build(Path(args.out), Path(args.pyodide))
    except (InputError, OSError) as e:
        raise BadInput(str(e)) from e
    print(f"{args.out}: {len(sizes)} files, {sum(sizes.values()) / 1e6:.1f} MB")
    return DONE
