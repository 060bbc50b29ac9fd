"""The manual page, for `man shapetrick`: made of the parser when the package is built."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from .arguments import parsers


def manual_page(version: str) -> str:
    """The page in the language of man's macros."""
    top, commands = parsers()
    lines = [
        f'.TH SHAPETRICK 1 "" "shapetrick {version}" "User Commands"',
        ".SH NAME",
        rf"shapetrick \- {_text(str(top.description))}",
        ".SH SYNOPSIS",
        *(line for name in commands for line in (rf"\fBshapetrick {name}\fR …", ".br")),
        r"\fBshapetrick\fR FILE …",
        ".SH DESCRIPTION",
        "A problem is a text with shapes, definitions and requests; `shapetrick examples` lists "
        "some that come along.",
        ".SH OPTIONS",
        *_options(top),
        ".SH COMMANDS",
        *(line for name, command in commands.items() for line in _command(name, command)),
    ]
    return "\n".join(lines) + "\n"


def _command(name: str, command: argparse.ArgumentParser) -> Iterator[str]:
    yield f".SS shapetrick {name}"
    yield _text(str(command.description))
    yield from _options(command)
    yield ".PP"
    yield ".nf"
    yield from map(_text, str(command.epilog).splitlines())
    yield ".fi"


def _options(of: argparse.ArgumentParser) -> Iterator[str]:
    for action in of._actions:  # argparse has no other way to ask for them
        if action.help is None or isinstance(action, argparse._SubParsersAction):
            continue
        shown = action.metavar or ",".join(action.choices or ()) or action.dest.upper()
        given = rf" \fI{_text(str(shown))}\fR" if action.nargs != 0 else ""
        names = ", ".join(rf"\fB{_text(name)}\fR{given}" for name in action.option_strings)
        yield ".TP"
        yield names or given.strip()
        yield _text(action.help)


def _text(text: str) -> str:
    """Words that no macro is read in."""
    text = text.replace("\\", r"\e").replace("-", r"\-").replace("'", r"\(aq")
    return rf"\&{text}" if text.startswith(".") else text
