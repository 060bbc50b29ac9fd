"""The problems that come along, and what each says that it is."""

from __future__ import annotations

import re
from itertools import takewhile

from .files import shipped
from .named_tuples import NamedTuple

_SUFFIXES = (".st", ".tex")


class ShippedExample(NamedTuple):
    """A problem that comes along: the name of its file, its first sentence, and the whole of it."""

    name: str
    sentence: str
    text: str


def example_names() -> list[str]:
    """The files that are problems, in order."""
    return sorted(p.name for p in shipped("examples").iterdir() if p.suffix in _SUFFIXES)


def shipped_examples() -> list[ShippedExample]:
    """All of them, in the same order."""
    folder = shipped("examples")
    texts = [(name, (folder / name).read_text(encoding="utf-8")) for name in example_names()]
    return [ShippedExample(name, _first_sentence(text), text) for name, text in texts]


def _first_sentence(text: str) -> str:
    """That of the comment with which a text begins."""
    comment = takewhile(lambda line: line.startswith(("#", "%")), text.splitlines())
    words = " ".join(line.lstrip("#% ") for line in comment)
    return re.split(r"(?<=\.)\s|: ", words)[0].rstrip(".:")
