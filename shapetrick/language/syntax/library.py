"""The library: functions that come along, defined in the language in `library.txt`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from ...core.errors import Span
from ...core.files import came_along
from ...core.functions import NAMES, TABLE
from .lexer import MANY, Arities, Source
from .parser import statement
from .text_functions import Overloads, head_places
from .tree import (
    PRIME,
    FunctionDefinition,
    PlacedName,
    call_node,
    name_node,
    transformed,
)


class FunctionLibrary(Mapping[str, Overloads]):
    """The functions of a text by name, each read where it is first looked up; `words` are those
    that it may use besides."""

    def __init__(self, text: str, words: Arities) -> None:
        self._text = text
        self._places: dict[str, list[int]] = {}
        for name, at in head_places(text):
            self._places.setdefault(name, []).append(at)
        self._words = words
        self._read: dict[str, Overloads] = {}

    def __getitem__(self, name: str) -> Overloads:
        if name.endswith(PRIME) and name not in self._read:
            self._read[name] = {None: self._derivative(name.removesuffix(PRIME))}
        if name not in self._read:
            functions = {**self._words, **dict.fromkeys(self._places, MANY)}
            found = [function_at(self._text, self._place(k), functions) for k in self._places[name]]
            self._read[name] = {f.axis: f for f in found}
        return self._read[name]

    def _derivative(self, name: str) -> FunctionDefinition:
        """An element-wise function's derivative, of its argument `x`. Raises KeyError."""
        row = TABLE[NAMES[name]]
        if row.signatures or row.arity != 1:
            raise KeyError(name)
        text = f"slope(x, y) = {row.derivative[0]}"
        function = function_at(text, Span(0, len(text)), {**self._words, "slope": MANY})
        x, _ = function.parameters
        value = call_node(row.name, (name_node(x.name.name, x.name.span),), x.name.span)
        body = transformed(
            function.body, lambda e: value if (e.kind, e.value) == ("name", "y") else e
        )
        named = PlacedName(name + PRIME, function.name.span)
        return replace(function, name=named, parameters=(x,), body=body)

    def _place(self, start: int) -> Span:
        """A definition's line."""
        end = self._text.find("\n", start)
        return Span(start, end if end >= 0 else len(self._text))

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


def library_text() -> str:
    """What the library's file says."""
    return came_along("library.txt").decode()


def sections() -> Iterator[tuple[str, list[str]]]:
    """The comments in the library's file, each with the definitions below it."""
    for block in library_text().split("\n\n"):
        lines = block.splitlines()
        defined = [line for line in lines if not line.startswith("#")]
        if defined:
            yield " ".join(line.lstrip("# ") for line in lines if line.startswith("#")), defined


def function_at(text: str, span: Span, functions: Arities) -> FunctionDefinition:
    """The definition of a function that stands there, its calls as typed. Raises ParseError."""
    found = statement(Source(text, span, functions, frozenset()))
    assert isinstance(found, FunctionDefinition)
    return replace(found, text=text)
