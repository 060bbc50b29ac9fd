"""`shapetrick completion`: what a shell reads to complete commands, options and files.

It is made of the parser by shtab when the package is built, which puts it where shells look, too.
"""

from __future__ import annotations

from argparse import Namespace
from importlib.metadata import files

from ..core.examples import example_names
from .arguments import parsers
from .outcome import DONE, BadInput

PLACES = {
    "bash": "share/bash-completion/completions/shapetrick",
    "zsh": "share/zsh/site-functions/_shapetrick",
    "fish": "share/fish/vendor_completions.d/shapetrick.fish",
}
_PATHS = {"FILE": "FILE", "FOLDER": "DIRECTORY"}  # by what stands for it, as shtab calls it


def run(args: Namespace) -> int:
    """Write the script of a shell. Returns the exit status; raises BadInput."""
    for file in files("shapetrick") or ():
        if str(file).endswith(PLACES[args.shell]):
            print(file.read_text(), end="")
            return DONE
    raise BadInput("completions are made when the package is installed: install it again.")


def script(shell: str) -> str:
    """What the shell reads, made by shtab, which only the build needs."""
    import shtab

    from ..render.function_table import function_names

    named = {"functions": function_names, "examples": example_names}
    top, commands = parsers()
    for name, command in commands.items():
        for action in command._actions:  # argparse has no other way to ask for them
            if action.metavar in _PATHS:
                action.complete = getattr(shtab, _PATHS[action.metavar])  # type: ignore[attr-defined]
            if action.metavar == "NAME" and name in named:
                action.choices = named[name]()
    return str(shtab.complete(top, shell))
