"""The functions that a problem knows: those of the language, and those that its text defines."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

from ..core.errors import ParseError, Span
from ..core.problem import Problem
from .reader import defined_functions, parse
from .shapes.words import vocabulary
from .syntax.lexer import MANY, Arities
from .syntax.text_functions import Overloads, Vocabulary, opened_expression
from .syntax.tree import (
    Asked,
    Declaration,
    Definition,
    FunctionDefinition,
    Statement,
    call_node,
    name_node,
)


def vocabulary_of(problem: Problem) -> Vocabulary:
    """The names that are functions in a problem: also those that it defines."""
    words = vocabulary()
    hidden = [n for n in words.library if n in problem.symbols or n in problem.definitions]
    texts = _functions_of(problem.text)
    if not hidden and not texts:
        return words
    known = {n: before for n, before in words.items() if before != MANY or n not in hidden}
    return _with_texts(known, texts, [n for n in texts if n in problem.definitions])


def _with_texts(
    words: Arities, texts: Mapping[str, Overloads], values: Iterable[str] = ()
) -> Vocabulary:
    """Words of the language, and the functions of a text; those that are `values` too."""
    library = vocabulary().library
    return Vocabulary({**words, **dict.fromkeys(texts, MANY)}, library, texts, values)


def derivative_of_function(text: str, statements: Sequence[Statement]) -> Asked | None:
    """What is asked where a text only declares and defines functions: the derivative of the last
    one by its arguments. Raises InputError."""
    functions = [s for s in statements if isinstance(s, FunctionDefinition) and s.axis is None]
    if not functions or not all(
        isinstance(s, (Declaration, FunctionDefinition)) for s in statements
    ):
        return None
    last = functions[-1]
    by = tuple(p.name for p in last.parameters if p.default is None)
    start = last.name.span.start
    head = Span(start, text.rindex(")", start, last.body.span.start) + 1)
    args = tuple(name_node(p.name, p.span) for p in by)
    of = opened_expression(
        call_node(last.name.name, args, head), _with_texts(vocabulary(), _functions_of(text))
    )
    return Asked("grad", of, by, None, False, None, last.span, leibniz=True)


@lru_cache(maxsize=64)
def _functions_of(text: str) -> Mapping[str, Overloads]:
    """The functions that a text defines."""
    found: dict[str, dict[int | None, FunctionDefinition]] = {}
    for f in defined_functions(text, vocabulary()):
        found.setdefault(f.name.name, {})[f.axis] = f
    return found


def is_name(text: str) -> bool:
    """Whether a text is a name that the language can give to a value."""
    try:
        statements = parse(f"{text} = 0", vocabulary())
    except ParseError:
        return False
    first = statements[0]
    return len(statements) == 1 and isinstance(first, Definition) and first.name.name == text
