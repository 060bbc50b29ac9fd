"""TABLE: Wolfram's language, `Tr[Transpose[A].B]`, which is refused with what is written here."""

from __future__ import annotations

import re
from collections.abc import Container

from ...core.errors import ParseError, Span
from ...core.functions import NAMES, OPERATORS
from ...core.regexes import regex
from .equation_statements import between_commas
from .synonyms import spelt

# What is called otherwise here, or is no function; `{0}` is its first argument.
_CALLS = {
    "Transpose": "{0}'", "ConjugateTranspose": "{0}'", "Total": "sum({0})",
    "ArcTan": "atan({0})", "ArcSin": "asin({0})", "ArcCos": "acos({0})", "Sum": "sum({1}) {0}",
    "IdentityMatrix": "eye({0})", "DiagonalMatrix": "diag({0})", "Flatten": "vec({0})",
    "KroneckerProduct": "kron({0}, {1})", "MatrixPower": "{0}^{1}", "Dot": "{0} {1}",
    "LinearSolve": "solve({0}, {1})", "MatrixExp": "expm({0})", "D": "(grad {0} wrt {1})",
    "Grad": "(grad {0} wrt {1})", "LogisticSigmoid": "sigmoid({0})", "Ramp": "relu({0})",
}  # fmt: skip
_HEAD = regex(r"(?<!\w)(?<!\bwith )([A-Z][A-Za-z]*)\[(?!\[)")
_POINT = regex(r"(\w+|[\])])\s*\.\s*(\w+)(?!\w|\s*\()")
_ENTRY = regex(r"(\w+)\[\[([^\[\]]*)\]\]")
_INNERMOST = regex(r"([^\W\d]\w*)\[([^\[\]]*)\]")
_COLUMN = regex(r"(?<![\w.)'⟧])([a-z]\w*)\s*\.\s*(?=[^\W\d]|\()")
_TWICE = regex(r"(\([^()]*\))\s*\.\s*\1")
_RANGE = regex(r"\{\s*(\w+)\s*,(?:([^,{}]+),)?([^,{}]+)\}")
_ALONE = regex(r"\w+'?|\w+\([^()]*\)|\([^()]*\)|\w+⟦[^⟦⟧]*⟧")
_DERIVED = regex(r"\((grad .* wrt \w+)\)")


def refuse_wolfram(text: str, span: Span, names: Container[str]) -> None:
    """Refuse what is typed as in Wolfram's language, of which `names` are declared here, with the
    same in ours. Raises ParseError."""
    typed = text[span.start : span.end]
    if "[" not in typed and "." not in typed:
        return
    called = any(m[1] not in names and _template(m[1]) for m in _HEAD.finditer(typed))
    if not called and not any(_is_product(m, names) for m in _POINT.finditer(typed)):
        return
    head = re.match(r"\w+(?:\[[\w, ]*\])?\s*:?=\s*", typed)
    begin = span.start + (head.end() if head else 0)
    theirs = "this is Wolfram's language. Here functions have round brackets, products a space"
    raise ParseError(
        f"{theirs if called else 'a product has a space here, and no point'}, and a column that "
        f"begins one is turned to a row: `{_translated(text[begin : span.end])}`.",
        Span(begin, span.end),
    )


def _is_product(m: re.Match[str], names: Container[str]) -> bool:
    """Whether a point stands between two values."""
    left = m[1] in (")", "]") or m[1] in names
    return left and m[2] != "T" and (m[2] in names or _template(m[2]) != "")


def _template(name: str) -> str:
    """What a function of theirs is here; empty for what is none."""
    if not name[:1].isupper():
        return ""
    called = _CALLS.get(name) or spelt(name, [n for n in NAMES if n not in OPERATORS]) or ""
    return called.replace("(…)", "({0})")


def _translated(typed: str) -> str:
    """What is typed in our language, from its innermost calls outwards."""
    typed = _ENTRY.sub(r"\1⟦\2⟧", typed)
    for _ in range(typed.count("[")):
        typed = _INNERMOST.sub(_called, typed, count=1)
    whole = _with_products(typed).replace("⟦", "[").replace("⟧", "]")
    derived = _DERIVED.fullmatch(whole)
    return derived[1] if derived is not None else whole


def _called(m: re.Match[str]) -> str:
    places = between_commas(m[2], Span(0, len(m[2])))
    given = [_with_products(m[2][slice(*place)].strip()) for place in places]
    template = _template(m[1])
    if m[1][0].islower():
        return f"{m[1]}⟦{', '.join(given)}⟧"
    if not template or f"{{{len(given)}}}" in template:
        return f"{m[1]}({', '.join(given)})"
    if not re.fullmatch(r"\w+\(.*\)", template):
        given = [g if _ALONE.fullmatch(g) else _ranged(g) for g in given]
    return template.format(*given)


def _ranged(typed: str) -> str:
    m = _RANGE.fullmatch(typed)
    return f"({typed})" if m is None else f"{m[1]} = {(m[2] or '1').strip()}..{m[3].strip()}"


def _with_products(typed: str) -> str:
    """The text with spaces for its points; a column that begins a product is turned."""
    turned = _TWICE.sub(r"\1' \1", _COLUMN.sub(r"\1' ", typed))
    return re.sub(r"(?<=[\w)'⟧])\s*\.\s*(?=[^\W\d]|\()", " ", turned)
