"""Derivatives as people write them: `∂J/∂W`, `dJ/dW`, `d/dW J`, `∇_W J`, `∂_W J`, `D_W J`, and in
words, `gradient of J with respect to W`, `diff(J, W)`, `minimize J over W`; and claims of them.

What is told is where the parts stand in a statement, and what is defined as one.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Container, Iterable

from ...core.errors import ParseError, Span
from ...core.named_tuples import NamedTuple
from ...core.problem import DerivativeKind
from ...core.regexes import regex
from .equation_statements import Parse
from .letters import NAME, PLACED_NAME
from .lexer import Source, normal
from .statement_lines import closings, outside, stripped
from .tree import Definition, PlacedName, SyntaxNode, derived_node

_LIST = rf"(?P<wrt>{PLACED_NAME}(?:(?:\s*,\s*|\s+and\s+){PLACED_NAME})*)"
_BY = r"(?:with\s+respect\s+to|w\.\s*r\.\s*t\.?|wrt)(?!\w)"
_OF = r"(?P<of>[\w(‖|⟨√-].*?)"
_NOUN = "(?i:gradient|derivative|jacobian|hessian)"
_VERB = r"(?i:find|compute|calculate|derive|what\s+is)"
_ASKED = rf"(?:{_VERB}\s+)?(?:[Tt]he\s+)?"
# compiled where one is looked for: it takes milliseconds
_FORMS = (
    rf"{_ASKED}(?P<kind>grad|{_NOUN})\s+of\s+{_OF}(?:\s+{_BY}\s+{_LIST})?",
    rf"{_ASKED}(?P<kind>grad|jac|hess|differentiate|{_NOUN})\s+{_OF}\s+{_BY}\s+{_LIST}",
    rf"{_ASKED}(?P<kind>grad|jac|hess)\s+{_OF}",
    rf"(?P<kind>min|max|minimi[sz]e|maximi[sz]e)\s+over\s+{_LIST}\s+of\s+{_OF}",
    rf"(?P<kind>(?i:minimi[sz]e|maximi[sz]e))\s+{_OF}(?:\s+(?:over|{_BY})\s+{_LIST})?",
    rf"(?P<kind>min|max)_\{{?\s*{_LIST}\s*\}}?\s+{_OF}",
    rf"(?P<kind>min|max)\s+{_OF}\s+(?:over|{_BY})\s+{_LIST}",
)
_CALLS = (
    rf"(?P<kind>diff|D|grad|{_NOUN})\s*\((?P<of>.+),\s*(?P<wrt>{PLACED_NAME})\s*\)",
    rf"(?P<kind>grad|jac|hess|{_NOUN})(?P<of>\(.+\))",
)
_FIRST = regex(
    rf"(?:min|max)(?=_|\s(?:.*\s)?(?:over\s|{_BY}))|(?:diff|D)(?=\s*\()|(?:{_VERB}|[Tt]he|differentiate)(?=\s)"
    rf"|(?:grad|jac|hess|{_NOUN}|(?i:minimi[sz]e|maximi[sz]e))(?=[\s(])"
)
_OWN = regex(r"(?:grad|jac|hess)\s(?:.*\s)?wrt(?!\w)", re.DOTALL)  # as the language has it
_MINIMIZER = regex(r"(?P<name>arg\s?(?:min|max)(?:_\w+|_\{[^}]*\})?)\s+(?=[\w(‖|])")
_CONSTRAINED = regex(r"\s(?:s\.\s*t\.|subject\s+to|such\s+that)(?!\w)")
_KINDS: dict[str, DerivativeKind] = {
    **dict.fromkeys(("jac", "jacobian"), "jac"), **dict.fromkeys(("hess", "hessian"), "hess"),
}  # fmt: skip
_LEIBNIZ = ("derivative", "differentiate", "diff", "D")
_OPTIMA = ("min", "max")


class DerivativeInWords(NamedTuple):
    """What is asked for, where it says of what and by what; `leibniz` as in a request."""

    kind: DerivativeKind
    of: Span
    wrt: tuple[Span, ...]
    leibniz: bool


def first_whole(forms: Iterable[str], text: str, span: Span) -> re.Match[str] | None:
    """The match of the first of the forms that a span of a text has as a whole."""
    matches = (re.compile(form, re.DOTALL).fullmatch(text, *span) for form in forms)
    return next(filter(None, matches), None)


def may_begin(text: str, span: Span, names: Container[str]) -> bool:
    """Whether a statement begins as one in words, and not as a request of the language. Raises
    ParseError for a minimizer, `argmin_x J`."""
    minimizer = _MINIMIZER.match(text, *span) if text.startswith("arg", *span) else None
    if minimizer is not None and minimizer["name"] not in names:
        raise ParseError(
            "a minimizer is no derivative: write what is minimized as a definition, `J = …`, and "
            "ask for `grad J wrt x`, or for `solve grad J wrt x = 0`.",
            Span(*minimizer.span("name")),
        )
    first = _FIRST.match(text, *span)
    return first is not None and first.group() not in names and _OWN.match(text, *span) is None


def in_words(text: str, span: Span, is_claimed: bool) -> DerivativeInWords | None:
    """The derivative that stands there in words; None if there is none. What is called, `D(J, x)`,
    is a function's head before `=`. Raises ParseError for an optimum under constraints."""
    forms = _FORMS if is_claimed else (*_FORMS, *_CALLS)
    sentence = text[span.start : span.end].rstrip(" ?.")
    m = first_whole(forms, text, Span(span.start, span.start + len(sentence)))
    if m is None:
        return None
    given = Span(*m.span("wrt")) if m.groupdict().get("wrt") else None
    called = given is not None and m.re.pattern in _CALLS
    if called and next(closings(text, span.start)) != span.end:
        return None  # `diff(a, x) + diff(b, x)`
    names = () if given is None else re.compile(PLACED_NAME).finditer(text, *given)
    by = [Span(*n.span()) for n in names if n.group() != "and"]
    kind = m["kind"] if m["kind"] == "D" else m["kind"].lower()
    if kind.startswith(_OPTIMA):
        constraint = _CONSTRAINED.search(text, *m.span("of"))
        if constraint is not None:
            raise ParseError(
                "a constraint goes into the Lagrangian: `L = J + lam (x' x - 1)`, and then "
                "`grad L wrt x, lam`.",
                Span(constraint.start() + 1, constraint.end()),
            )
        factors = re.findall(r"\w+", re.sub(r"\[[^\[\]]*\]", "", m["of"]))
        below = kind in _OPTIMA and text[m.end("kind")] == "_"
        if below and not all(text[slice(*n)] in factors for n in by):
            return None  # an index
    return DerivativeInWords(
        _KINDS.get(kind, "grad"), Span(*m.span("of")), tuple(by), kind in _LEIBNIZ
    )


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
