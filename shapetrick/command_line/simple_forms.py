"""`shapetrick simplify`: an expression in its shortest form."""

from __future__ import annotations

from argparse import Namespace

from ..api import simplify
from ..core.errors import ShapetrickError
from .outcome import DONE, refused


def run(args: Namespace) -> int:
    """Write the expression. Returns the exit status."""
    try:
        print(simplify(args.expression, args.given))
    except ShapetrickError as e:
        return refused(e, None)
    return DONE
