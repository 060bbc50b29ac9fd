"""`shapetrick functions`: the operation table, or one of its functions."""

from __future__ import annotations

from argparse import Namespace

from ..render.function_table import operation_lines
from .outcome import DONE


def run(args: Namespace) -> int:
    """List the functions, or tell of one. Returns the exit status; raises BadInput."""
    if args.name is None:
        for line in operation_lines():
            print(line)
        return DONE
    from .function_entries import entry_text  # what derives

    print(entry_text(args.name), end="")
    return DONE
