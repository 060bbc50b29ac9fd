"""`shapetrick functions`: the operation table, or some of its functions."""

from __future__ import annotations

from argparse import Namespace

from ..render.function_table import operation_lines
from .outcome import DONE


def run(args: Namespace) -> int:
    """List the functions, or tell of some. Returns the exit status; raises BadInput."""
    if not args.names:
        for line in operation_lines():
            print(line)
        return DONE
    from .function_entries import entry_text  # what derives

    print("\n".join(map(entry_text, args.names)), end="")
    return DONE
