"""`shapetrick examples`: the problems that come along."""

from __future__ import annotations

import shutil
from argparse import Namespace
from pathlib import Path

from ..core.examples import shipped_examples
from ..core.files import shipped
from .outcome import DONE, BadInput, likely


def run(args: Namespace) -> int:
    """List the examples, print one, or copy them. Returns the exit status; raises BadInput."""
    if args.copy is not None:
        _copy(shipped("examples"), Path(args.copy) / "examples")
        return DONE
    found = {example.name: example for example in shipped_examples()}
    if args.name is None:
        width = max(map(len, found)) + 2
        for example in found.values():
            print(f"{example.name:<{width}}{example.sentence}".rstrip())
    elif args.name in found:
        print(found[args.name].text, end="")
    else:
        near = likely(args.name, found) or ":"
        raise BadInput(f"there is no example {args.name!r}{near} `shapetrick examples` lists them.")
    return DONE


def _copy(folder: Path, to: Path) -> None:
    try:
        shutil.copytree(folder, to, ignore=shutil.ignore_patterns("__pycache__"))
    except FileExistsError:
        raise BadInput(f"there is a folder {to} already: nothing was copied.") from None
    print(f"copied to {to}")
