"""Names of cotangents that claims mention and nothing declares, `δ2`, `G_Z` or `bar(Z1)`, and the
hook by which those who derive say what they stand for.

`G` with a definition's number, or with its name behind `_`, is the gradient by that definition,
`δ` that by what is within it; a bar is over the name itself.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Literal

from ..core.errors import InputError, NameProblem, Span
from ..core.expr import Expr
from ..core.greek import other_spelling
from ..core.named_tuples import NamedTuple
from ..core.problem import Problem
from ..core.regexes import regex
from .syntax.tree import (
    UPSTREAM,
    Asked,
    Declaration,
    Definition,
    Equality,
    FunctionDefinition,
    Statement,
    SyntaxNode,
    expressions_of,
    opened,
)

_LETTERED = regex(r"(?P<letter>δ|delta|G)(?:_(?P<name>\w+)|(?P<number>\d*))")
_BARRED = regex(rf"{UPSTREAM}\((?P<name>.+)\)")
_BARS = regex("[\N{COMBINING MACRON}\N{COMBINING OVERLINE}]")

Meant = Expr | Sequence[str]  # what a name stands for, or the names of what it could be by
Namer = Callable[[Problem, Sequence[str]], Mapping[str, Meant]]
_namers: list[Namer] = []


def register_namer(namer: Namer) -> None:
    """What says which of the names stand for what in a problem that claims nothing."""
    _namers[:] = [namer]


class CotangentName(NamedTuple):
    """A name taken apart: `place` is the whole value, or what is within it; it has the `name`, or
    a name that ends in the `number`, which may be empty."""

    place: Literal["whole", "within"]
    name: str
    number: str


def taken_apart(name: str) -> CotangentName | None:
    """What a name may be the cotangent of; None if it looks like no such name."""
    if barred := _BARRED.fullmatch(name):
        return CotangentName("whole", barred["name"], "")
    plain = _BARS.sub("", unicodedata.normalize("NFD", name))
    if plain != unicodedata.normalize("NFD", name):
        return CotangentName("whole", plain, "")
    found = _LETTERED.fullmatch(name)
    if found is None:
        return None
    place: Literal["whole", "within"] = "whole" if found["letter"] == "G" else "within"
    return CotangentName(place, found["name"] or "", found["number"] or "")


def cotangents_in_claims(
    text: str, statements: Sequence[Statement], read: Callable[[list[Statement]], Problem]
) -> Mapping[str, Expr]:
    """What those names stand for that only claims mention; `read` says what statements mean.

    Raises NameProblem for a name of several things."""
    places = _mentioned(statements)
    if not places or not _namers:
        return {}
    try:
        problem = read([*_without_claims(statements)])
    except InputError:  # it is told of the whole text
        return {}
    found: dict[str, Expr] = {}
    for name, meant in _namers[0](problem, [*places]).items():
        if isinstance(meant, Expr):
            found[name] = meant
            continue
        one, *others = (f"`{name.rstrip('0123456789')}_{owner}`" for owner in meant)
        raise NameProblem(
            f"`{name}` could be the gradient by {' or '.join(meant)}: write {one}, or "
            f"{' or '.join(others)}.",
            places[name],
            text,
        )
    return found


def _mentioned(statements: Sequence[Statement]) -> Mapping[str, Span]:
    """The names that claims alone mention and that look like those of cotangents, each with its
    first place."""
    roots: dict[bool, list[SyntaxNode]] = {True: [], False: []}  # of claims, and the others
    for s in statements:
        for root in expressions_of(s):
            of_claim = isinstance(s, Equality) or (isinstance(s, Asked) and root is s.claim)
            roots[of_claim].append(root)
    claimed: dict[str, Span] = {}
    for node in _names_in(roots[True]):
        claimed.setdefault(node.value, node.span)
    if not claimed:
        return {}
    elsewhere = {name for s in statements for name in _given(s)}
    elsewhere.update(node.value for node in _names_in(roots[False]))
    return {
        name: span
        for name, span in claimed.items()
        if taken_apart(name) and elsewhere.isdisjoint((name, other_spelling(name)))
    }


def _names_in(roots: Iterable[SyntaxNode]) -> Iterator[SyntaxNode]:
    return (node for root in roots for node in opened(root) if node.kind == "name")


def _given(s: Statement) -> Iterator[str]:
    """The names to which a statement gives a meaning."""
    match s:
        case Declaration():
            yield from (named.name for part in s.parts for named in part.names)
        case Definition() | FunctionDefinition():
            yield s.name.name
        case Asked() if s.direction is not None:
            yield s.direction.name
        case Asked() if s.kind == "vjp" and s.of.kind == "name":
            yield f"{UPSTREAM}({s.of.value})"  # along which it goes, where nothing is said


def _without_claims(statements: Iterable[Statement]) -> Iterator[Statement]:
    for s in statements:
        if isinstance(s, Asked):
            yield replace(s, claim=None, ranges=(), entries=())
        elif not isinstance(s, Equality):
            yield s
