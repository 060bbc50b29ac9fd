r"""Conditions that say what something is, `lam > 0`, `\Sigma \succ 0`: declarations, or attributes
of one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from ...core.dims import ONE
from ...core.errors import ParseError, Span
from ...core.records import dataclass
from ...core.regexes import regex
from .letters import NAME
from .lexer import Source, normal
from .tree import Declaration, PlacedName, Statement, TypedDimension

ATTRIBUTE_OF = {
    **dict.fromkeys((">", r"\gt"), "positive"),
    **dict.fromkeys((">=", "≥", r"\ge", r"\geq", r"\geqslant"), "nonneg"),
    **dict.fromkeys(("≻", "⪰", "≽", r"\succ", r"\succeq", r"\succcurlyeq"), "posdef"),
}
_CONDITION = regex(rf"{NAME}(?:\s*,\s*{NAME})*\s*(?P<sign>>=|[>≥≻⪰≽])\s*0")


@dataclass(frozen=True, slots=True, eq=False)
class SignDeclaration(Declaration):
    """The declaration of scalars, unless the names have their own."""


def condition(names: Sequence[PlacedName], attribute: str, span: Span) -> SignDeclaration:
    """What a statement says that names have an attribute, by `> 0`."""
    word = PlacedName(attribute, span)
    one = TypedDimension(ONE, ())
    return SignDeclaration(tuple(names), (one, one), (word,), span)


def condition_at(source: Source) -> SignDeclaration | None:
    """The condition that a statement of the plain language is."""
    m = _CONDITION.fullmatch(source.text, *source.span)
    if m is None:
        return None
    typed = re.compile(NAME).finditer(source.text, *Span(source.span.start, m.start("sign")))
    names = [PlacedName(normal(n.group()), Span(*n.span())) for n in typed]
    return condition(names, ATTRIBUTE_OF[m["sign"]], source.span)


def with_conditions(statements: Sequence[Statement]) -> list[Statement]:
    """The statements with conditions put to the declarations of their names. Raises ParseError."""
    several = [s for s in statements if isinstance(s, SignDeclaration)]
    if not several:
        return list(statements)
    conditions = [replace(s, names=(name,)) for s in several for name in s.names]
    found: list[Statement] = []
    waiting = list(reversed(statements))
    while waiting:
        s = waiting.pop()
        if isinstance(s, SignDeclaration):
            found += [c for c in conditions if c.words == s.words]
            continue
        if not isinstance(s, Declaration):
            found.append(s)
            continue
        own = [c for c in conditions if c.names[0].name in {n.name for n in s.names}]
        if own and len(s.names) > 1 and not s.beside:  # the others are without it
            waiting += [replace(s, names=(name,)) for name in reversed(s.names)]
            continue
        words = {w.name for w in s.words}
        more = tuple(w for c in own for w in c.words if w.name not in words)
        found.append(replace(s, words=(*s.words, *more)) if more else s)
        conditions = [c for c in conditions if c not in own]
    for c in conditions:
        word = c.words[0].name
        if word in ("posdef", "symmetric"):
            raise ParseError(f"declare its shape: `{c.names[0].name} : n x n {word}`.", c.span)
    return [s for s in found if not isinstance(s, SignDeclaration) or s in conditions]
