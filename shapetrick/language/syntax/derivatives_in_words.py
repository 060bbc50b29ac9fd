"""Derivatives in words: `gradient of J with respect to W`, `diff(J, W)`, `minimize J over W`,
`grad J` by all that is in it."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable

from ...core.errors import ParseError, Span
from ...core.named_tuples import NamedTuple
from ...core.problem import DerivativeKind
from ...core.regexes import regex
from .letters import PLACED_NAME
from .statement_lines import closings

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
