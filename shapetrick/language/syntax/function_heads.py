"""What the parser calls for heads of functions that are defined, `f(X, ddof = 0) = …`, and for
arguments by keyword."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from ...core.dims import Dim
from ...core.errors import ParseError
from ...core.indices import Index
from .lexer import normal
from .syntax_errors import no_keyword
from .tree import (
    Equality,
    FunctionDefinition,
    FunctionParameter,
    KeywordArgument,
    PlacedName,
    SyntaxNode,
    TypedDimension,
    derived_node,
)

_AXES = {"0": 0, "1": 1, "-1": 1, "-2": 0}


class HeadBuilder:
    """The part of the builder that makes functions of their heads and right sides."""

    number: Callable[[list[Any]], SyntaxNode]
    sign: Callable[[list[Any]], SyntaxNode]

    def keyword(self, c: list[Any]) -> int | KeywordArgument:
        word, *sign, value = c
        axis = _AXES.get("".join([*("-" for _ in sign), value]))
        if word in ("axis", "dim") and axis is not None:
            return axis
        typed = "".join([word, "=", *sign, value])
        if word not in ("axis", "dim"):
            number = self.number([value])
            number = self.sign([sign[0], number]) if sign else number
            return KeywordArgument(str(word), number, typed, word.span | value.span)
        raise ParseError(no_keyword(typed), word.span | value.span)

    def function(self, c: list[Any]) -> FunctionDefinition:
        """`f(x, ddof = 0) = …`; `axis=0` says along what it is meant."""
        called, _, *given, entries, body = c
        axes = [p for p in given if isinstance(p, int)]
        parameters = tuple(p for p in given if isinstance(p, FunctionParameter))
        name = PlacedName(called.value[0], called.span)
        axis = axes[0] if axes else None
        span = name.span | body.span
        return FunctionDefinition(name, parameters, axis, body, span, entries=entries or ())

    def entries(self, c: list[Any]) -> tuple[str, ...]:
        """The letters in `s(z)_i`, `P(Z)[i,j]`."""
        letters = [i.letter for i in c if isinstance(i, Index)] or re.findall(r"[^\W\d_]", c[0])
        return tuple(letters)

    def derived(self, c: list[Any]) -> SyntaxNode:
        """`grad J wrt x`, as a value."""
        kind, of, name, along = c
        span = kind.span | (name if along is None else along).span
        return derived_node(str(kind), of, name, along, span)

    def equality(self, c: list[Any]) -> Equality:
        left, right, ranges = c
        return Equality(left, right, left.span | right.span, ranges or ())

    def parameter(self, c: list[Any]) -> FunctionParameter:
        return FunctionParameter(c[0])

    def shaped(self, c: list[Any]) -> FunctionParameter:
        name, (rows, cols) = c
        return FunctionParameter(name, (_letter(rows), _letter(cols)))

    def default(self, c: list[Any]) -> FunctionParameter | int:
        given = self.keyword(c)
        if isinstance(given, int):
            return given
        value = given.value
        number = -value.args[0].value if value.kind == "neg" else value.value
        return FunctionParameter(PlacedName(normal(given.word), c[0].span), default=number)


def _letter(side: TypedDimension) -> str | int:
    """A side of what a function takes. Raises ParseError."""
    found = side.dim.integer
    if found is None and len(side.names) == 1 and side.dim == Dim.of(side.names[0].name):
        return side.names[0].name
    if found is None:
        raise ParseError(
            "a side of an argument is a letter or a number here.",
            side.names[0].span | side.names[-1].span,
        )
    return found
