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
from collections.abc import Iterator, Sequence
from itertools import groupby, islice
from typing import Any

from .api import Derivation, Problem, html_part, read
from .checks import Check, EqualityCheck
from .core.errors import ShapetrickError
from .render.document import told_together


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
    for answer in found if arguments.quiet else _told(found):
        shown = Math(answer.latex()) if arguments.quiet else answer  # type: ignore
        display(shown)  # type: ignore[no-untyped-call]
    if arguments.name:
        shell.user_ns[arguments.name] = found


CellResult = Derivation | Check | EqualityCheck


def _answers(problem: Problem, seed: int) -> Iterator[CellResult]:
    """What is found of each request, a derivation or the verdict on a claim, in the order of the
    text."""
    for part in problem.parts():
        yield from part.verdicts(seed) if part.data.claimed else part.derive(seed)


class _Article:
    """Derivations that are told together, as a notebook shows them."""

    def __init__(self, derived: Sequence[Derivation]) -> None:
        self.derived = derived

    def __repr__(self) -> str:
        return "\n".join(map(repr, self.derived))

    def _repr_html_(self) -> str:
        return html_part(self.derived)


def _told(found: Sequence[CellResult]) -> Iterator[CellResult | _Article]:
    """The answers as they are shown: derivations of one thing together."""
    for is_derived, alike in groupby(found, key=lambda a: isinstance(a, Derivation)):
        if not is_derived:
            yield from alike
            continue
        derived = [a for a in alike if isinstance(a, Derivation)]
        rest = iter(derived)
        for together in told_together(d.result for d in derived):
            first, *others = islice(rest, len(together))
            yield _Article([first, *others]) if others else first
