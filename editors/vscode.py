"""The language for VS Code, and for others that read TextMate's grammars: an extension's files.

    python editors/vscode.py FOLDER

The signs are the terminals of our own grammar, the words its keywords and attributes, and the
functions those of the table and of the library: what is made is not kept in the repository.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from shapetrick.language.shapes.words import vocabulary
from shapetrick.language.syntax.parser import terminals
from shapetrick.language.syntax.tree import ATTRIBUTES, KINDS

SCOPES = {  # of TextMate, by how a part looks in our own colours
    "comment": "comment.line.number-sign",
    "keyword": "keyword.control",
    "attribute": "storage.modifier",
    "function": "entity.name.function",
    "number": "constant.numeric",
    "operator": "keyword.operator",
    "shape": "entity.name.type",
}
_KEYWORDS = ("KIND", "_CHECK", "_WRT", "_WITH", "_FOR")
_SIGNS = ("TRANSPOSE", "TIMES", "POWER", "SIGN", "PRIME")
_START = r"(?:^|(?<=;))"
_END = r"(?=;|#|$)"  # of a statement, on a line


def extension(version: str) -> dict[str, str]:
    """The texts of the files by their paths."""
    files = {
        "package.json": _manifest(version),
        "language-configuration.json": _configuration(),
        "syntaxes/shapetrick.tmLanguage.json": grammar(),
    }
    return {path: json.dumps(data, indent=2, ensure_ascii=False) for path, data in files.items()}


def grammar() -> dict[str, Any]:
    """The language in TextMate's notation."""
    found = terminals()
    name, called = found["NAME"], r"(?=(?:\[[^\[\]]*\])?(?:\s*['’′])*\()"
    keywords = [_part("keyword", rf"(?<!\w){found[word]}") for word in _KEYWORDS]
    comment = _part("comment", "#.*$")
    functions = rf"(?<!\w)(?:{_any(vocabulary())})(?=\s*[(|‖])|{_START}\s*solve(?!\w)"
    number = _part("number", rf"(?<!\w)(?:{found['NUMBER']}|{found['FRACTION']})")
    expression = [
        *keywords,
        _part("keyword", rf"(?<!\w){found['SYMMETRIC']}"),
        _part("function", functions),
        _part("function", name + called),
        {"match": name},
        number,
        *(_part("operator", found[sign]) for sign in _SIGNS),
    ]
    head = {"begin": _START, "end": ":", "patterns": [number, _part("operator", found["SIGN"])]}
    declared = [
        {"begin": r"(?<!\w)where(?!\w)", "end": _END, "patterns": expression}
        | {"beginCaptures": {"0": {"name": _scope("attribute")}}},
        _part("keyword", rf"(?<!\w)(?:{found['_FOR']}|{found['_PADDED']})"),
        _part("attribute", rf"(?<!\w)(?:{_any([*ATTRIBUTES, *KINDS])})(?!\w)"),
        _part("shape", rf"{found['_BY']}|{found['DIM']}"),
        number,
        _part("operator", found["SIGN"]),
    ]
    return {
        "name": "shapetrick",
        "scopeName": "source.shapetrick",
        "fileTypes": ["st"],
        "patterns": [
            comment,
            {"begin": rf"{_START}(?=[^:;=#]*:)", "end": _END, "patterns": [head, *declared]},
            *expression,
        ],
    }


def _part(look: str, pattern: str) -> dict[str, str]:
    return {"match": pattern, "name": _scope(look)}


def _scope(look: str) -> str:
    return f"{SCOPES[look]}.shapetrick"


def _any(words: Iterable[str]) -> str:
    return "|".join(re.escape(word) for word in sorted(words, key=lambda w: (-len(w), w)))


def _manifest(version: str) -> dict[str, Any]:
    language = {
        "id": "shapetrick",
        "aliases": ["shapetrick"],
        "extensions": [".st"],
        "configuration": "./language-configuration.json",
    }
    syntax = {
        "language": "shapetrick",
        "scopeName": "source.shapetrick",
        "path": "./syntaxes/shapetrick.tmLanguage.json",
    }
    return {
        "name": "shapetrick",
        "displayName": "shapetrick",
        "description": "Problems of shapetrick: matrix expressions with shapes, and requests",
        "publisher": "shapetrick",
        "license": "MIT",
        "version": version,
        "engines": {"vscode": "^1.80.0"},
        "categories": ["Programming Languages"],
        "contributes": {"languages": [language], "grammars": [syntax]},
    }


def _configuration() -> dict[str, Any]:
    pairs = [["(", ")"], ["[", "]"], ["{", "}"]]
    return {"comments": {"lineComment": "#"}, "brackets": pairs, "autoClosingPairs": pairs}


def write(folder: Path, version: str) -> None:
    """Put the files into a folder."""
    for path, text in extension(version).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(f"{text}\n", encoding="utf-8")


if __name__ == "__main__":
    from shapetrick import __version__

    write(Path(sys.argv[1]), __version__)
