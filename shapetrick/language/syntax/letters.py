"""Letters of many alphabets: which are one and the same, which are not read, which only look alike.

Comes before the lexer, which takes names letter by letter. Every letter keeps its place.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Container
from functools import cache

from ...core.errors import NameProblem, ParseError, Span
from ...core.regexes import regex

NAME = r"[^\W\d](?:(?![²³¹⁰-ⁿᵀ])[\w\u0300-\u036f])*"
PLACED_NAME = rf"{NAME}(?:\[[^\[\]]*\])?"  # of a member, or of an entry, `A[i,j]`
_WORD = regex(r"[^\W\d]\w*")
_READ = "¼½¾⅐⅑⅒⅓⅔⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞𝟏𝟙"  # numbers in one sign that are in the language
_ACCENTS = frozenset(c for c in map(chr, range(0x2B0, 0x300)) if not unicodedata.decomposition(c))
_KEPT = "ℓℝ"  # letters of their own: ℓ often stands beside an l
# Cyrillic and Greek letters that are drawn as these.
_ALIKE = str.maketrans(
    "АВЕЅІЈКМНОРСТХУасеіјорѕхуһԁԛԝѵΑΒΕΖΗΙΚΜΝΟΡΤΥΧο",
    "ABESIJKMHOPCTXYaceijopsxyhdqwvABEZHIKMNOPTYXo",
)
# Signs that are drawn as these, and mean the same.
_DRAWN_AS = {
    "·": "⋅∙•‧・", "*": "∗⁎", "‖": "∥", "|": "∣│", "/": "∕⁄", "⊤": "⊺", "⟨": "〈〈", "⟩": "〉〉",
    "−": "‐‑‒–—―˗", "⊙": "⨀", "⊗": "⨂", "×": "✕⨯", "^": "ˆ", ":": "∶ː", "ᵀ": "ᵗ",
    "'": "´ˈˊʹʻʼʽ‘‛‵",
}  # fmt: skip
_SIGNS = str.maketrans({c: sign for sign, alike in _DRAWN_AS.items() for c in alike})
_OF_THE_LANGUAGE = frozenset("xTI")  # letters that mean something without being declared


def folded(text: str) -> str:
    """The text with mathematical, full-width and variant letters as plain ones: `𝑥` is `x`."""
    return text if text.isascii() else "".join(map(_plain, text.translate(_SIGNS)))


@cache
def _plain(sign: str) -> str:
    kind = unicodedata.decomposition(sign).partition(" ")[0]
    plain = unicodedata.normalize("NFKC", sign)
    is_greek = kind == "<compat>" and "Ͱ" <= plain <= "Ͽ"  # µ and ϕ
    if len(plain) != 1 or sign in _KEPT or (kind == "<font>" and plain.isdigit()):
        return sign
    return plain if kind in ("<font>", "<wide>") or is_greek else sign


def check_letters(text: str, known: Container[str]) -> None:
    """Refuse numbers in one sign, and names that look like another name of the text or like one
    that is known. Raises ParseError, NameProblem."""
    if text.isascii():
        return
    for i, sign in enumerate(text):
        if sign.isascii() or sign in _READ:
            continue
        match unicodedata.category(sign):
            case "No" | "Nd":
                _check_number(sign, Span(i, i + 1))
            case "Lm" if sign in _ACCENTS:
                name = unicodedata.name(sign)
                message = f"`{sign}` ({name}) is not read, as a letter or a sign."
                raise ParseError(message, Span(i, i + 1))
    first: dict[str, str] = {}
    for m in _WORD.finditer(text):
        first.setdefault(m.group().translate(_ALIKE), m.group())
    words = {m.group() for m in _WORD.finditer(text)}
    for m in _WORD.finditer(text):
        word = m.group()
        drawn = word.translate(_ALIKE)
        meant = drawn in words or drawn in known or drawn in _OF_THE_LANGUAGE
        other = drawn if meant else first[drawn]
        if other != word:
            odd = next(c for c, d in zip(word, other, strict=True) if c != d)
            raise NameProblem(
                f"`{word}` looks like `{other}`, and is another name: its `{odd}` is "
                f"{unicodedata.name(odd)}.",
                Span(*m.span()),
            )


def _check_number(sign: str, span: Span) -> None:
    kind = unicodedata.decomposition(sign).partition(" ")[0]
    plain = unicodedata.normalize("NFKC", sign).replace("⁄", "/")
    if kind == "<font>":
        raise ParseError(
            f"`{sign}` is not read: write the number `{plain}`, or `ones(n)` for a column of ones.",
            span,
        )
    if kind not in ("<sub>", "<super>"):
        instead = f"`{plain}`" if plain.isascii() else "a number in the digits 0 to 9"
        raise ParseError(f"`{sign}` is not read: write {instead}.", span)
