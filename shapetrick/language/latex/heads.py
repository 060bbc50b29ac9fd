r"""Names with something above them or before them, `\sigma^2 = …`, `x' \in …`, `\log p = …`: what
stands so on a left side, and is no name otherwise, is one wherever it stands.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from ...core.errors import Span
from ...core.named_tuples import NamedTuple
from .names import Names, Typed, look_of
from .statement_boundaries import FormulaStatement
from .tokens import Token, rebased

# What is raised, and the word that it is in a name.
RAISED = {"'": "prime", "2": "sq", "-": "minus", "+": "plus"}
_POWER = "sq"  # a name alone where that without it is none
_LOGARITHMS = (r"\log", r"\ln")


class MarkedName(NamedTuple):
    """A name, the words of what is above it, and whether a logarithm stands before it."""

    name: str
    words: tuple[str, ...]
    logarithm: bool

    @property
    def whole(self) -> str:
        return "_".join(["log"] * self.logarithm + [self.name, *self.words])


def with_marked_names(
    parts: Sequence[FormulaStatement], names: Names, known: Iterable[str]
) -> list[FormulaStatement]:
    """The statements of formulas with a word in the place of each such name; some are `known`
    from elsewhere."""
    heads: set[MarkedName] = set()
    plain: set[str] = set(map(_spelled, known))
    for part in parts:
        for marked in _left(part, names):
            heads.add(marked) if marked.words or marked.logarithm else plain.add(marked.name)
    for name in [*plain]:
        base, _, word = name.rpartition("_")
        if word in RAISED.values() and base not in plain:
            heads.add(MarkedName(base, (word,), False))
    heads = {h for h in heads if not (plain & {h.name} and (_POWER in h.words or h.logarithm))}
    if not heads:
        return list(parts)
    made = ([*_worded(part.tokens, names, heads)] for part in parts)
    return [replace(part, tokens=rebased(found)) for part, found in zip(parts, made, strict=True)]


def _spelled(name: str) -> str:
    stem, below = look_of(name)
    return "_".join([stem, *below])


def _left(part: FormulaStatement, names: Names) -> Iterator[MarkedName]:
    """The names left of a statement's sign."""
    i, end = 0, part.relation
    if end == len(part.tokens):
        end -= 2 if part.said else end  # `\sigma^2 > 0`
    while i < end:
        logarithm = part.tokens[i].is_(*_LOGARITHMS)
        typed = names.typed(part.tokens, i + logarithm) if i + logarithm < end else None
        if typed is None or (typed.end < end and part.tokens[typed.end].text not in (",", "(")):
            return
        called = typed.end < end and part.tokens[typed.end].text == "("
        if called and part.tokens[typed.end].partner != end - 1:
            return
        words = _words(part.tokens, typed)
        if None not in words and not (called and {*words} & {*RAISED.values()}):
            yield MarkedName(typed.spelled, tuple(w for w in words if w), logarithm)
        if called:
            return
        i = typed.end + 1


def _words(tokens: Sequence[Token], typed: Typed) -> list[str | None]:
    """The words of what is raised; None for what is no part of a name."""
    found: list[str | None] = []
    for low, high in typed.raised:
        inner = [tokens[low]] if tokens[low].is_("'") else list(tokens[low + 2 : high - 1])
        word = "".join(t.text for t in inner)
        is_word = len(word) > 1 and all(t.kind in ("letter", "word") for t in inner)
        found.append(word if is_word and word.isalpha() else RAISED.get(word))
    return found


def _worded(tokens: Sequence[Token], names: Names, heads: set[MarkedName]) -> Iterator[Token]:
    """The tokens with words in the place of the names."""
    i = 0
    while i < len(tokens):
        logarithm = tokens[i].is_(*_LOGARITHMS) and i + 1 < len(tokens)
        typed = names.typed(tokens, i + logarithm)
        found = None if typed is None else _longest(tokens, typed, logarithm, heads)
        root = None if typed is None or found or logarithm else _square(tokens, typed, heads)
        if typed is not None and root is not None:
            yield from _root(root, tokens[i].span | tokens[_behind(tokens, typed) - 1].span)
            i = _behind(tokens, typed)
            continue
        if typed is None or found is None:
            yield tokens[i]
            i += 1
            continue
        end = typed.raised[len(found.words) - 1][1] if found.words else typed.end
        span = tokens[i].span | tokens[end - 1].span
        yield Token("word", found.whole, span, font="mathrm")
        i = end if found.words else _behind(tokens, typed)


def _behind(tokens: Sequence[Token], typed: Typed) -> int:
    """Where what stands behind a name begins: what is raised belongs to that."""
    return typed.raised[0][0] if typed.raised else typed.end


def _longest(
    tokens: Sequence[Token], typed: Typed, logarithm: bool, heads: set[MarkedName]
) -> MarkedName | None:
    words = _words(tokens, typed)
    for count in range(len(words), -1, -1):
        begin = words[:count]
        if None not in begin:
            marked = MarkedName(typed.spelled, tuple(w for w in begin if w), logarithm)
            if marked in heads and (marked.words or logarithm):
                return marked
    return None


def _square(tokens: Sequence[Token], typed: Typed, heads: set[MarkedName]) -> MarkedName | None:
    """The square, where a name stands without it, and not as a function."""
    square = MarkedName(typed.spelled, (_POWER,), False)
    end = _behind(tokens, typed)
    called = end < len(tokens) and tokens[end].text == "("
    return square if square in heads and not called else None


def _root(square: MarkedName, span: Span) -> Iterator[Token]:
    """The root of a name."""
    yield Token("macro", r"\sqrt", span)
    yield Token("open", "{", span)
    yield Token("word", square.whole, span, font="mathrm")
    yield Token("close", "}", span)
