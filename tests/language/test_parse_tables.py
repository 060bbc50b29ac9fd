"""The parser's tables: they parse as Lark does, and are kept where there is a place."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from lark import Lark, Token, Tree
from lark.lexer import Lexer

from shapetrick.core.errors import Span
from shapetrick.language.syntax import parse_tables
from shapetrick.language.syntax.automaton import Automaton, ParserRun, Terminal, UnexpectedTerminal
from shapetrick.language.syntax.parse_tables import (
    PROBLEM,
    Tables,
    made_tables,
    tables_of,
    written,
)
from shapetrick.language.syntax.parser import tokens

STATEMENTS = """\
X : m x d
w[l], y : (n+1) x 2 k, symmetric for l = 1..L, k = 1..K
f(x, Z : m x d, a = -2) = x^2
J = -norm(X w - y)^2 / (2 m) + sum(i = 1..d) a[i] b[i+1] - [A, B; C, D][1, 2..n]
G = grad J wrt X with V
vjp Z with G wrt X, W[l], vech(S) symmetric
check grad J wrt w = 2 X' (X w - y) for l = 2..L
check tr(A B) = tr(B A)
""".splitlines()


class Nodes:
    """A builder that keeps what it is called with."""

    def __getattr__(self, name: str) -> Callable[[Any], Any]:
        if name.isupper():
            raise AttributeError(name)
        return lambda parts: (name, parts)


class Given(Lexer):
    """Gives Lark the terminals that it is asked to parse."""

    __future_interface__ = 2

    def __init__(self, _: Any) -> None: ...

    def lex(self, lexer_state: Any, parser_state: Any) -> Iterator[Token]:
        return iter(lexer_state.text)


def plain(made: Any) -> Any:
    """Lark's tree, or ours, as lists."""
    if isinstance(made, Tree):
        made = str(made.data), made.children
    return (made[0], [*map(plain, made[1])]) if isinstance(made, tuple) else made


@pytest.fixture(scope="module")
def by_lark() -> Lark:
    return Lark(PROBLEM.text, parser="lalr", lexer=Given, start=[*PROBLEM.starts])


@pytest.fixture(scope="module")
def made() -> Tables:
    return made_tables(PROBLEM)


@pytest.mark.parametrize("text", STATEMENTS)
def test_a_statement_is_parsed_as_by_lark(text: str, by_lark: Lark) -> None:
    functions = {"f": 1000, "norm": 1, "tr": 1}
    found = [(kind, text[slice(*span)]) for kind, span in tokens(text, functions)]
    wanted = by_lark.parse([Token(*token) for token in found], "statement")  # type: ignore[arg-type]
    run = ParserRun(Automaton(tables_of(PROBLEM), Nodes()), "statement")
    for kind, typed in found:
        run.feed(Terminal(kind, typed, Span(0, 0)))
    assert plain(run.value()) == plain(wanted)


def test_what_is_refused_is_told_with_what_might_stand_there() -> None:
    run = ParserRun(Automaton(tables_of(PROBLEM), Nodes()), "expression")
    run.feed(Terminal("NAME", "A", Span(0, 1)))
    with pytest.raises(UnexpectedTerminal) as refused:
        run.feed(Terminal("RPAR", ")", Span(1, 2)))
    assert refused.value.token == ")"
    assert {"SIGN", "TIMES", "TRANSPOSE"} <= {*refused.value.waiting}
    with pytest.raises(UnexpectedTerminal) as refused:
        ParserRun(Automaton(tables_of(PROBLEM), Nodes()), "statement").value()
    assert refused.value.token is None


def test_the_tables_that_are_kept_are_those_that_are_made(
    made: Tables, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parse_tables, "own_folder", lambda _: tmp_path / "cache")
    assert tables_of(PROBLEM) == made
    (kept,) = (tmp_path / "cache").iterdir()
    assert kept.read_text(encoding="utf-8") == written(made)
    monkeypatch.setattr(parse_tables, "made_tables", lambda _: pytest.fail("they were kept"))
    assert tables_of(PROBLEM) == made


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", json.dumps({"rules": 1})])
def test_a_file_that_is_not_whole_is_made_again(
    text: str, made: Tables, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parse_tables, "own_folder", lambda _: tmp_path)
    monkeypatch.setattr(parse_tables, "made_tables", lambda _: made)
    tables_of(PROBLEM)
    (kept,) = tmp_path.iterdir()
    kept.write_text(text, encoding="utf-8")
    assert tables_of(PROBLEM) == made
    assert kept.read_text(encoding="utf-8") == written(made)


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="POSIX permissions")
@pytest.mark.parametrize("where", ["shared", "/dev/null/none", None])
def test_where_there_is_no_place_of_our_own_nothing_is_kept(
    where: str | None, made: Tables, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def place(_: str) -> Path:
        if where is None:
            raise RuntimeError  # there is no home
        return tmp_path / where

    (tmp_path / "shared").mkdir()
    (tmp_path / "shared").chmod(0o777)
    monkeypatch.setattr(parse_tables, "made_tables", lambda _: made)
    monkeypatch.setattr(parse_tables, "own_folder", place)
    assert tables_of(PROBLEM) == made
    assert not [*(tmp_path / "shared").iterdir()]
