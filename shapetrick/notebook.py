"""The `%%shapetrick` cell of a notebook: a problem's text, and below it what is found.

%load_ext shapetrick

%%shapetrick d
X: m x d; w: d; y: m
J = norm(X w - y)^2 / (2 m)
grad J wrt w
"""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Iterator
from typing import Any

from .api import Derivation, Problem, read
from .checks import Check
from .core.errors import ShapetrickError


class _Parser(argparse.ArgumentParser):
    """Says what is wrong with the cell's first line instead of leaving Python."""

    def error(self, message: str) -> Any:
        raise ValueError(f"{message}\n{self.format_usage()}")


def _parser() -> _Parser:
    parser = _Parser(prog="%%shapetrick", add_help=False)
    parser.add_argument("name", nargs="?", help="gets the list of what is shown")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quiet", action="store_true", help="the formulas alone")
    return parser


def load_ipython_extension(shell: Any) -> None:
    """What `%load_ext shapetrick` calls."""
    shell.register_magic_function(lambda line, cell: _run(shell, line, cell), "cell", "shapetrick")


def _run(shell: Any, line: str, cell: str) -> None:
    from IPython.display import Math, display  # there in a notebook, and only there

    try:
        arguments = _parser().parse_args(shlex.split(line))
        found = list(_answers(read(cell), arguments.seed))
    except (ShapetrickError, ValueError) as e:
        print(e, file=sys.stderr)
        return
    for answer in found:
        shown = Math(answer.latex()) if arguments.quiet else answer  # type: ignore[no-untyped-call]
        display(shown)  # type: ignore[no-untyped-call]
    if arguments.name:
        shell.user_ns[arguments.name] = found


def _answers(problem: Problem, seed: int) -> Iterator[Derivation | Check]:
    """What is found of each request: a derivation, or the verdict on a claim."""
    for group in problem.together():
        is_claim = group.data.requests[0].claim is not None
        yield from group.check(seed) if is_claim else group.derive(seed)
