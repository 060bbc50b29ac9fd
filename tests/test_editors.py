"""The grammar for editors: what it makes of the examples is what our own lexer makes of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from paths import ROOT
from textmate import scoped
from vscode import SCOPES, extension, grammar

from shapetrick.language.highlighting import highlighted

EXAMPLES = sorted((ROOT / "examples").glob("*.st"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_parts_have_the_looks_that_the_lexer_gives(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    found = {(s.start, s.end): s.scope for s in scoped(grammar(), text)}
    for look, span in highlighted(text):
        scope = found.get((span.start, span.end))
        line = span.line_of(text)
        assert scope == f"{SCOPES[look]}.shapetrick", (line, text[span.start : span.end])


@pytest.mark.parametrize(
    ("text", "looks"),
    [
        (
            "P : n x n where A P + P A' = Q",
            {"where": "attribute", "+": "operator", "'": "operator"},
        ),
        ("sigma : elementwise; Z = sigma(X)", {"elementwise": "attribute", "sigma": "function"}),
        ("where(C > D, A, B)", {"where": "function"}),
        ("x_i = grads + 2.5 T", {"+": "operator", "2.5": "number"}),
        ("Y = A^T B'  # norm(x) wrt", {"^T": "operator", "'": "operator"}),
    ],
)
def test_parts_that_look_alike_are_told_apart(text: str, looks: dict[str, str]) -> None:
    found = {text[s.start : s.end]: s.scope for s in scoped(grammar(), text)}
    found.pop("# norm(x) wrt", None)
    shapes = {word for word, scope in found.items() if scope.startswith(SCOPES["shape"])}
    assert {w: s for w, s in found.items() if w not in shapes} == {
        word: f"{SCOPES[look]}.shapetrick" for word, look in looks.items()
    }


def test_the_extension_names_its_files() -> None:
    files = {path: json.loads(text) for path, text in extension("1.2").items()}
    told = files["package.json"]["contributes"]
    (language,), (syntax,) = told["languages"], told["grammars"]
    assert {language["configuration"], syntax["path"]} == {f"./{p}" for p in files} - {
        "./package.json"
    }
    assert files["syntaxes/shapetrick.tmLanguage.json"]["scopeName"] == syntax["scopeName"]
    assert files["package.json"]["version"] == "1.2"
