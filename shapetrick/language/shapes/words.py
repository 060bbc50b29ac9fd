"""The words of the language: which names are functions before anybody declares one."""

from __future__ import annotations

from functools import cache

from ...core.functions import NAMES, OPERATORS, TABLE
from ...core.operands import Operand
from ..syntax.constants import SIZED, UNSIZED
from ..syntax.lexer import MANY
from ..syntax.library import FunctionLibrary, library_text
from ..syntax.library_calls import SOLVE
from ..syntax.text_functions import Vocabulary
from ..syntax.tree import UPSTREAM
from .structured_calls import CALLS


def table_words() -> dict[str, int]:
    """The names of the table's functions, and how many arguments come before sizes."""
    words = {name: TABLE[of].arity for name, of in NAMES.items() if of not in OPERATORS}
    words |= {name: row.arity for name, row in CALLS.items()} | {SOLVE: 2}
    return words | dict.fromkeys(SIZED, 0) | dict.fromkeys((*UNSIZED, UPSTREAM), 1)


def is_word(name: str) -> bool:
    """Whether a name is one of these."""
    if name in NAMES and NAMES[name] not in OPERATORS:
        return True
    return name in CALLS or name in SIZED or name in UNSIZED or name == UPSTREAM


@cache
def vocabulary() -> Vocabulary:
    """The names that are functions before a bracket, the library's too, and how many arguments come
    before sizes; to be forgotten (`cache_clear`) where the table gets a row."""
    words = table_words()
    library = FunctionLibrary(library_text(), words)
    return Vocabulary({**dict.fromkeys(library, MANY), **words}, library)


def is_written(name: str) -> bool:
    """Whether it is a function that is made of others, here or in the library."""
    return name in CALLS or name in vocabulary().library


Operand.is_written = is_written
