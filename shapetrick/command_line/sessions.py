"""`shapetrick repl`: a session on the terminal, or of the lines in a pipe."""

from __future__ import annotations

import sys
from argparse import Namespace

from ..core.errors import ShapetrickError
from ..repl import run as run_session
from .outcome import BadInput, refused


def run(args: Namespace) -> int:
    """Hold a session. Returns the exit status; raises BadInput."""
    if sys.stdin is None:
        raise BadInput("standard input is closed: there is nothing to read from.")
    try:
        return run_session(args.file, time_limit=args.time_limit)
    except ShapetrickError as e:
        return refused(e)
