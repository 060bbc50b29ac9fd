"""Derivatives as people write them: `∂J/∂W`, `dJ/dW`, `d/dW J`, `∇_W J`, `∂_W J`, `D_W J`, and
claims of them.

What is told is where the parts stand in a statement, and what is defined as one.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Container

from ...core.errors import ParseError, Span
from ...core.named_tuples import NamedTuple
from ...core.problem import DerivativeKind
from ...core.regexes import regex
from .derivatives_in_words import first_whole, in_words, may_begin
from .equation_statements import Parse
from .letters import NAME, PLACED_NAME
from .lexer import Source, normal
from .statement_lines import outside, stripped
from .tree import Definition, PlacedName, SyntaxNode, derived_node

_WRT = rf"{PLACED_NAME}(?:\s*,\s*{PLACED_NAME})*"
# d/dW J; d J / d W and ∂J/∂W; dJ/dW; ∇_W J, ∂_W J and D_W J; ∇ₓ J; ∇J. With `two` or `squared`, a
# second derivative.
_TWO, _RAISED = r"(?P<two>²|\^\s*2)?", r"(?:²|\^\s*2)?"
_DERIVATIVES = (
    rf"(?P<d>[d∂])\s*/\s*(?P=d)\s*(?P<wrt>{_WRT})(?P<of>[\s(].*)",
    rf"d{_TWO}(?=[\s(])(?!\s*[=:,])(?P<of>.+)/\s*d\s*(?P<wrt>{_WRT}){_RAISED}",
    rf"∂{_TWO}(?P<of>.+)/\s*∂\s*(?P<wrt>{_WRT}){_RAISED}",
    rf"d{_TWO}(?P<of>[^\W\d]\w*)\s*/\s*d(?P<wrt>{_WRT}){_RAISED}",
    r"d(?P<two>2)(?P<of>[^\W\d]\w*)\s*/\s*d(?P<wrt>[^\W\d]\w*?)2",
    rf"(?:∇{_TWO}|[∂D])\s*_\s*(?:(?P<wrt>{_WRT})|\{{\s*(?P<braced>{_WRT})\s*\}})"
    r"(?P<squared>²|\^\s*2(?!\d))?(?P<of>[\s(‖|⟨].*)",
    r"∇(?P<wrt>[ₐₑₒₓₕₖₗₘₙₚₛₜᵢⱼᵣᵤᵥᵦᵧ])\s*(?P<of>.+)",
    rf"∇{_TWO}(?P<of>(?!\s*_).+)(?P<wrt>)",
)
# ∂²f/∂x∂y
_MIXED = regex(
    r"(?P<d>[d∂])\s*(?:²|\^\s*2|2)\s*(?P<of>[^\W\d]\w*)\s*/"
    r"\s*(?P=d)\s*(?P<one>[^\W\d]\w*?)\s*(?P=d)\s*(?P<other>[^\W\d]\w*?)(?:'|ᵀ|\^\W*T)?"
)
_NAMED = regex(r"d2\w+")  # `d2f`, where it is declared
_MARKS = "dD∂∇"
_DEFINED = regex(rf"(?P<name>{NAME})\s*=\s*(?P<value>[{_MARKS}].*)", re.DOTALL)
_CLAIM = regex(rf"check\s+(?=[{_MARKS}]|\w+\s+of\s)")


class WrittenDerivative(NamedTuple):
    """Where a derivative says what it is of, by what, and what it equals; `leibniz` if its form
    fits what is no scalar too."""

    kind: DerivativeKind
    of: Span
    wrt: tuple[Span, ...]
    claim: Span | None
    leibniz: bool


def derivative(text: str, span: Span, names: Container[str] = ()) -> WrittenDerivative | None:
    """The derivative that a statement is, of which `names` are declared; None if it is none."""
    start, end = span
    check = _CLAIM.match(text, start, end) if text.startswith("check", start) else None
    begin = start if check is None else check.end()
    in_other_words = may_begin(text, Span(begin, end), names)
    if text[begin] not in _MARKS and not in_other_words:
        return None
    equals = next((at for at, sign in outside(text, Span(begin, end)) if sign == "="), None)
    if check is not None and equals is None:
        return None
    left = stripped(text, Span(begin, end if equals is None else equals))
    claim = None if equals is None else stripped(text, Span(equals + 1, end))
    named = _NAMED.match(text, *left)
    if named is not None and named.group() in names:
        return None
    if mixed := _MIXED.fullmatch(text, *left):
        both = ", ".join(dict.fromkeys((mixed["one"], mixed["other"])))
        raise ParseError(
            f"second derivatives, by several names too, are asked for by `hess {mixed['of']} wrt "
            f"{both}`.",
            left,
        )
    m = first_whole(_DERIVATIVES, text, left)
    if m is None:
        said = in_words(text, left, claim is not None) if in_other_words else None
        return None if said is None else WrittenDerivative(*said[:3], claim, said.leibniz)
    groups = m.groupdict()
    below = "braced" if groups.get("braced") else "wrt"
    by = list(re.compile(PLACED_NAME).finditer(text, *m.span(below)))
    if text[begin] == "D":  # a name, unless it is none and what stands below is one
        typed = text[begin : m.end(below)]
        words = re.findall(r"\w+", m["of"])
        known = all(n.group() in names or n.group() in words for n in by)
        if "D" in names or typed in names or not known:
            return None
    kind: DerivativeKind = "hess" if groups.get("two") or groups.get("squared") else "grad"
    return WrittenDerivative(
        kind,
        stripped(text, Span(*m.span("of"))),
        tuple(Span(*n.span()) for n in by),
        claim,
        kind == "grad" and text[begin] != "∇",
    )


def derivative_value(source: Source, span: Span, run: Parse) -> SyntaxNode | None:
    """The derivative that a whole right side is, as a value. Raises ParseError."""
    text, names = source.text, source.names
    written = derivative(text, span, names)
    if written is None or written.claim is not None:
        return None
    if len(written.wrt) != 1:
        raise ParseError("a derivative that is a value is by one name: `grad J wrt x`.", span)
    (place,) = written.wrt
    wrt = PlacedName(variable_at(text, place), place)
    of = run("expression", source._replace(span=written.of))
    return derivative_node(written.kind, of, wrt, span)


def variable_at(text: str, place: Span) -> str:
    """The name that a derivative is by, also where it is a small letter below: `∇ₓ`."""
    typed = text[slice(*place)]
    is_below = len(typed) == 1 and unicodedata.decomposition(typed).startswith("<sub>")
    return unicodedata.normalize("NFKC", typed) if is_below else normal(typed)


def derivative_node(kind: str, of: SyntaxNode, wrt: PlacedName, span: Span) -> SyntaxNode:
    """A derivative that is a whole right side. Raises ParseError for one of a sum without brackets,
    which may be a sum of a derivative and something else."""
    if of.kind in ("+", "-") and not of.bracketed:
        raise ParseError(
            "how far this derivative goes is not clear: put brackets around the sum, or give the "
            "derivative a line of its own.",
            of.span,
        )
    return derived_node(kind, of, wrt, None, span)


def derivative_definition(source: Source, run: Parse) -> Definition | None:
    """A definition of a value that is a derivative, `g = ∇_x J`; `dJ/dx` is one unless its parts
    are declared. Raises ParseError."""
    m = _DEFINED.fullmatch(source.text, *source.span)
    if m is None:
        return None
    value = Span(*m.span("value"))
    written = derivative(source.text, value, source.names)
    by = [variable_at(source.text, place) for place in written.wrt] if written else []
    if any(name not in source.names or f"d{name}" in source.names for name in by):
        return None
    body = derivative_value(source, value, run) if by else None
    name = PlacedName(normal(m["name"]), Span(*m.span("name")))
    return None if body is None else Definition(name, body, source.span)
