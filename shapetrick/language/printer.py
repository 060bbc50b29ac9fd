"""Expressions in the language: plain, to be read back, or with ⊙, ⊘, ᵀ and · for a terminal.

Both are in the language, so what is shown can be typed; only `bar(Z)` is Z̄ in the second.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection
from dataclasses import replace

from ..core.expr import Expr, register_writer
from .notation import Notation, NotationPrecedence, Rope, spell


class _Unicode(Notation):
    __slots__ = ()

    def name(self, name: str) -> Rope:
        return overlined(name)


_PLAIN = Notation()
_UNICODE = _Unicode(hadamard=" ⊙ ", over=" ⊘ ", transposition="ᵀ", explicit=" · ")


def overlined(name: str) -> str:
    """`bar(Z)` as Z̄, any other name as it is."""
    inner = name.removeprefix("bar(").removesuffix(")")
    if name == f"bar({inner})" and inner.isidentifier():
        return unicodedata.normalize("NFC", inner + "\N{COMBINING MACRON}")
    return name


def to_text(e: Expr, unicode: bool = False, taken: Collection[str] = ()) -> str:
    """The expression in the language, with brackets only where they are needed.

    `taken` are names that are declared beside those in it: a declared `I` is no identity. Raises
    RequestError for an expression whose shared parts, written out, are millions of characters."""
    return spell(e, _UNICODE if unicode else _PLAIN, taken)


def factor_text(e: Expr, unicode: bool) -> str:
    """The expression as it stands between the dots of a scalar line: `(X w - y)`, `1/(2 m)`."""
    notation = _UNICODE if unicode else _PLAIN
    if e.is_scalar:
        return spell(e, replace(notation, divide="/"), least=NotationPrecedence.ELEMENTWISE)
    return spell(e, notation, least=NotationPrecedence.PRODUCT)


register_writer("text", to_text)
