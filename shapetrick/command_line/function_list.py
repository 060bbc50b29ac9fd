"""`shapetrick functions`: the operation table."""

from __future__ import annotations

from argparse import Namespace

from ..render.function_table import operation_lines
from .outcome import DONE


def run(_: Namespace) -> int:
    """List the functions. Returns the exit status."""
    for line in operation_lines():
        print(line)
    return DONE
