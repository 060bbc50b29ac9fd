"""`shapetrick examples`: the problems that come along."""

from __future__ import annotations

import re
import shutil
from argparse import Namespace
from itertools import takewhile
from pathlib import Path

from ..core.files import shipped
from .outcome import DONE, BadInput

_LISTED = (".st", ".tex")


def run(args: Namespace) -> int:
    """List the examples, print one, or copy them. Returns the exit status; raises BadInput."""
    folder, names = shipped("examples"), example_names()
    if args.copy is not None:
        _copy(folder, Path(args.copy) / "examples")
    elif args.name is None:
        width = max(map(len, names)) + 2
        for name in names:
            print(f"{name:<{width}}{_first_sentence(folder / name)}".rstrip())
    elif args.name in names:
        print((folder / args.name).read_text(encoding="utf-8"), end="")
    else:
        raise BadInput(f"there is no example {args.name!r}: `shapetrick examples` lists them.")
    return DONE


def example_names() -> list[str]:
    """The files that are problems, in order."""
    return sorted(p.name for p in shipped("examples").iterdir() if p.suffix in _LISTED)


def _first_sentence(path: Path) -> str:
    """That of the comment with which a file begins."""
    lines = path.read_text(encoding="utf-8").splitlines()
    comment = takewhile(lambda line: line.startswith(("#", "%")), lines)
    words = " ".join(line.lstrip("#% ") for line in comment)
    return re.split(r"(?<=\.)\s|: ", words)[0].rstrip(".:")


def _copy(folder: Path, to: Path) -> None:
    try:
        shutil.copytree(folder, to, ignore=shutil.ignore_patterns("__pycache__"))
    except FileExistsError:
        raise BadInput(f"there is a folder {to} already: nothing was copied.") from None
    print(f"copied to {to}")
