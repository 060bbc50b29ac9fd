r"""Names in LaTeX: `W_{1}`, `\theta`, `\hat{y}`, `x^{(i)}` to the names of a problem.

A name as typed and a name as printed have one look, a stem and the words below it: `W1` and `W_1`
both look like `W_{1}`. What looks like a name that is declared, is it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from ...core.errors import NameProblem, ParseError, Span
from ...core.greek import GREEK, LETTERS
from ...core.indices import base_of, index_of, read_name
from ...core.named_tuples import NamedTuple
from ...core.regexes import regex
from ..syntax.index_binders import DELTAS, base_below, capital_of
from ..syntax.tree import PlacedName
from .tokens import Token

# The same letter in another hand: read as it, unless the text has both.
_VARIANTS = {"varepsilon": "epsilon", "varphi": "phi", "vartheta": "theta", "varrho": "rho",
             "varsigma": "sigma", "varpi": "pi", "ell": "l"}  # fmt: skip
_PLAIN_FONTS = (r"\mathbf", r"\boldsymbol", r"\vec")
_OTHER_FONTS = (r"\mathcal", r"\mathscr", r"\mathfrak")
ACCENTS = {r"\hat": "hat", r"\bar": "bar", r"\tilde": "tilde", r"\dot": "dot", r"\ddot": "ddot"}
_PRINTED = regex(r"(_*[^_]+)_([^_]+(?:_[^_]+)*)|([^\d_]+)(\d+)")
_SHIFTED = regex(r"[^\W\d_][+-]\d+")
_SHIFTS = {"-": "_minus_", "+": "_plus_"}  # in the name for `h_{t-1}`
_SPELLED_SHIFT = regex(r"(?<=_)([^\W\d_])_(minus|plus)_(?=\d)")
_INDEX = regex(r"[^\W\d_](?:[+-]\d+)?|\d+")

Look = tuple[str, tuple[str, ...]]


def look_of(name: str) -> Look:
    """How a name without an index looks in print: its stem, and the words below."""
    plain = unicodedata.normalize("NFKC", name)
    plain = _SPELLED_SHIFT.sub(lambda m: m[1] + "-+"[m[2] == "plus"], plain)
    match = _PRINTED.fullmatch(plain)
    if match is None:
        return letter_of(plain), ()
    stem, below = (match[1], match[2]) if match[1] else (match[3], match[4])
    return letter_of(stem), tuple(letter_of(word) for word in below.split("_"))


def letter_of(word: str) -> str:
    """A Greek letter's name in LaTeX; any other word as it is."""
    return GREEK.get(word, "lambda" if word == "lam" else word)


class Scripts(NamedTuple):
    """What stands below a name, the member's index above it, and what is raised: ranges of
    tokens."""

    below: tuple[str, ...]
    above: str
    raised: tuple[tuple[int, int], ...]
    end: int
    low: tuple[int, int] = (0, 0)  # the tokens below


class Typed(NamedTuple):
    """A name as it stands in a formula: its look, and where it goes on behind it."""

    look: Look
    above: str
    span: Span
    raised: tuple[tuple[int, int], ...]
    end: int
    style: str = ""
    exact: str = ""  # typed as in the plain language
    low: tuple[int, int] = (0, 0)  # the tokens below

    @property
    def spelled(self) -> str:
        """The name that it gets where none is known."""
        stem, below = self.look
        words = (w[0] + _SHIFTS[w[1]] + w[2:] if _SHIFTED.fullmatch(w) else w for w in below)
        return "_".join([stem, *words])


@dataclass(slots=True)
class Names:
    """The names that a text declares and defines, by how they look."""

    text: str
    functions: Mapping[str, int]  # of the language
    bound: Container[str] = ()  # letters that run, of sums and ranges
    looks: dict[Look, dict[str, None]] = field(default_factory=dict)
    families: dict[Look, str] = field(default_factory=dict)
    plain: set[str] = field(default_factory=set)  # as typed
    declared: set[str] = field(default_factory=set)  # of these, those with a shape of their own
    abstract: set[str] = field(default_factory=set)  # element-wise functions
    arguments: dict[str, tuple[str, ...]] = field(default_factory=dict)  # of names with brackets
    brackets: dict[str, list[str]] = field(default_factory=dict)  # that are of a name, as typed
    upstream: set[str] = field(default_factory=set)  # names of which there is a `vjp`
    dims: set[str] = field(default_factory=set)
    entries: set[str] = field(default_factory=set)  # as they are read: `A_ij`
    _styles: dict[Look, str] = field(default_factory=dict)

    def add(self, name: str, style: str = "") -> None:
        """Take in a name of the problem."""
        base = base_of(name)
        self.plain.add(base)
        look = look_of(base)
        if base != name:
            self.families.setdefault(look, base)
        self.looks.setdefault(look, {}).setdefault(base)
        self._styles.setdefault(look, style)

    def with_names(self, more: Iterable[str]) -> Names:
        """These names and others: a function's arguments, in its right side."""
        other = replace(self, looks={n: {**s} for n, s in self.looks.items()}, plain={*self.plain})
        for name in more:
            other.add(name)
        return other

    def is_known(self, name: str) -> bool:
        """Whether a name is declared or defined."""
        return base_of(name) in self.plain or name in self.entries

    def take_brackets(self, name: str, inner: Sequence[Token]) -> None:
        r"""Take in a divergence `D(X \| W H)`, of no list of names: with these it is a name."""
        if any(t.text == "," != self.text[slice(*t.span)] for t in inner):
            self.brackets[name] = [t.text for t in inner]

    # ---- reading

    def typed(self, tokens: Sequence[Token], i: int) -> Typed | None:
        """The name that begins with a token; None if none does."""
        token = tokens[i]
        if token.kind == "letter":
            known = self._as_typed(token)
            if known is not None:
                end = i
                while end < len(tokens) and tokens[end].span.end <= known.end:
                    end += 1
                name = self.text[known.start : known.end]
                return self._with_scripts(look_of(name), tokens, end, known, exact=name)
            letter = letter_of(unicodedata.normalize("NFC", token.text))
            return self._with_scripts((letter, ()), tokens, i + 1, token.span)
        if token.kind == "word" and token.text:
            look = look_of(token.text) if not token.text.isalpha() else (letter_of(token.text), ())
            exact = token.text if token.text in self.plain else ""
            return self._with_scripts(look, tokens, i + 1, token.span, exact=exact)
        if token.kind != "macro":
            return None
        word = token.text[1:]
        if word in LETTERS or word in _VARIANTS:
            style = word if word in _VARIANTS and word != "ell" else ""
            look = _VARIANTS.get(word, word), ()
            return self._with_scripts(look, tokens, i + 1, token.span, style=style)
        if token.text in (*_PLAIN_FONTS, *_OTHER_FONTS, *ACCENTS) and i + 1 < len(tokens):
            return self._accented(tokens, i)
        return None

    def _as_typed(self, token: Token) -> Span | None:
        """The longest known name of several letters that stands there as in the plain language."""
        text, start = self.text, token.span.start
        m = _WORD.match(text, start)
        word = m.group() if m else ""
        begins = not text[:start][-1:].isalpha() or text[start - 1] == "\\"
        while begins and len(word) > 1:
            if word in self.plain:
                return Span(start, start + len(word))
            word = word.rpartition("_")[0]  # what stands below is no part of it
        return None

    def _accented(self, tokens: Sequence[Token], i: int) -> Typed | None:
        close = tokens[i + 1].partner
        inner = self.typed(tokens, i + 2) if close > i + 2 else None
        if inner is None or inner.end != close or inner.raised:
            return None
        (stem, below), style = inner.look, inner.style
        if tokens[i].text in ACCENTS:
            below = (ACCENTS[tokens[i].text], *below)
        elif tokens[i].text in _OTHER_FONTS:
            style = tokens[i].text
        span = tokens[i].span | tokens[close].span
        typed = self._with_scripts((stem, below), tokens, close + 1, span, style=style)
        return typed._replace(above=typed.above or inner.above)

    def _with_scripts(
        self,
        look: Look,
        tokens: Sequence[Token],
        i: int,
        span: Span,
        style: str = "",
        exact: str = "",
    ) -> Typed:
        scripts = self.scripts(tokens, i)
        raised, below, index = scripts.raised, list(scripts.below), scripts.above
        kept = []
        for low, high in raised:
            inner = tokens[low + 2 : high - 1]
            if len(inner) == 1 and (inner[0].is_("*", r"\star")):
                below.append("star")
            else:
                kept.append((low, high))
        end = scripts.end
        last = tokens[end - 1].span if end > i and not kept else span
        look = look[0], (*look[1], *below)
        exact = exact if not below else ""
        return Typed(look, index, span | last, tuple(kept), end, style, exact, scripts.low)

    def scripts(self, tokens: Sequence[Token], i: int, words: bool = True) -> Scripts:
        """What is raised and lowered behind a token; what is below may be no `words`."""
        below: tuple[str, ...] = ()
        index, low = "", (0, 0)
        raised: list[tuple[int, int]] = []
        while i < len(tokens) and (tokens[i].is_("_", "^", "'")):
            if tokens[i].is_("'"):
                raised.append((i, i + 1))
                i += 1
                continue
            close = tokens[i + 1].partner
            if tokens[i].is_("_"):
                if low != (0, 0):
                    raise ParseError("there are two indices below.", tokens[i].span)
                low = (i + 2, close)
                below = tuple(words_below(tokens[slice(*low)])) if words else ()
            elif (found := _member_index(tokens, i + 2, close)) and not index:
                index = found
            else:
                raised.append((i, close + 1))
            i = close + 1
        return Scripts(below, index, tuple(raised), i, low)

    # ---- meaning

    def meaning(self, typed: Typed, new: bool = False) -> str:
        """The problem's name for what stands in a formula, which may be `new` there. Raises
        NameProblem."""
        if typed.exact and not typed.above:
            return typed.exact
        stem, below = typed.look
        if typed.above:
            given = typed._replace(look=(stem, (typed.above, *below)))
            if typed.look not in self.families and given.look in self.looks:
                return self._known(given.look, typed) or typed.spelled
            example = "" if new or typed.look in self.families else self._entry(given)
            if example:  # `x^{(i)}`, row i of a matrix `X`
                self.entries.add(example)
                return example
            base = self._known(typed.look, typed) or typed.spelled
            return read_name(f"{base}[{typed.above}]")
        known = self._known(typed.look, typed)
        if known in self.declared and not new and below and below[-1] in self.bound:
            raise NameProblem(
                f"`{known}` is one value, and `{below[-1]}` runs here: declare members, `{stem}_"
                f"{below[-1]} \\in …, {below[-1]} = 1, \\dots, n`, or give the value another name.",
                typed.span,
            )
        if known is not None:
            return known
        for cut in range(len(below) - 1, -1, -1):
            family = self.families.get((stem, below[:cut]))
            if family is not None and len(below) - cut == 1 and index_of(below[cut]):
                return read_name(f"{family}[{below[cut]}]")
        if below[:1] == ("bar",) and "_".join([stem, *below[1:]]) in self.upstream:
            return f"bar({'_'.join([stem, *below[1:]])})"
        entry = "" if new else self._entry(typed)
        if entry:
            self.entries.add(entry)
            return entry
        if not new:
            self._refuse_entry(typed)
            self._refuse_star(typed)
        if not "".join([stem, *below]).replace("_", "").isalnum():
            raise NameProblem(
                f"`{stem}` is not declared: members are declared by `{stem}[t] : n for t = 0..T`, "
                f"what has entries by `{stem} \\in \\mathbb{{R}}^n`.",
                typed.span,
            )
        return typed.spelled

    def _known(self, look: Look, typed: Typed) -> str | None:
        names = list(self.looks.get(look, ()))
        if len(names) > 1:
            both = " and ".join(f"`{name}`" for name in names)
            raise NameProblem(
                f"{both} look alike in LaTeX: give one of them another name.", typed.span
            )
        style = self._styles.setdefault(look, typed.style)
        if style != typed.style and look[0] not in ("pi",):
            raise NameProblem(
                f"this and another letter would both be `{typed.spelled}`: give one of them "
                "another name.",
                typed.span,
            )
        return names[0] if names else None

    def _entry(self, typed: Typed) -> str:
        """The name of an entry of what is known, `A_ij`; empty if it is none."""
        (stem, below), base = typed.look, None
        index = "".join(below)
        if _SHIFTED.fullmatch(index):
            base = next((n for n in self.looks.get((stem, ()), ()) if n not in self.dims), None)
            known = base is not None and base not in self.families.values()
            return read_name(f"{base}[{index}]") if known else ""
        if not 0 < len(index) < 3 or not all(c == ":" or _INDEX.fullmatch(c) for c in index):
            return ""
        for look in ((stem, ()), (capital_of(stem), ())):
            base = base or next((n for n in self.looks.get(look, ()) if n not in self.dims), None)
        base = stem if base is None and stem in DELTAS else base
        if base is None or base in self.families.values():
            return ""
        is_row = len(index) == 1 and base not in DELTAS and look_of(base)[0] != stem
        return f"{stem if is_row else base}_{index}"

    def _refuse_star(self, typed: Typed) -> None:
        """Refuse the conjugate transpose of a known name."""
        stem, below = typed.look
        if below[-1:] == ("star",) and self.looks.get((stem, below[:-1])):
            raise NameProblem(
                "this is not declared: the transpose is `A^{\\top}`; a name with a star is one "
                "that is declared or defined.",
                typed.span,
            )

    def _refuse_entry(self, typed: Typed) -> None:
        """Refuse an index that is no member's."""
        stem, below = typed.look
        if not below or not all(_INDEX.fullmatch(b) or len(b) == 2 for b in below):
            return
        shown = f"{stem}[{','.join(below)}]"
        by_entries = any(base_below(n) == stem and n[-1].isalpha() for n in self.plain)
        if by_entries or "_".join([stem, *below[:-1]]) in self.plain:  # also of `D_1`: `D_{1,ik}`
            return
        if any(letter in self.bound for word in below for letter in re.findall(r"[^\W\d]", word)):
            if stem not in self.plain:
                raise NameProblem(
                    f"`{stem}` is not declared: these are entries of `{stem} \\in "
                    f"\\mathbb{{R}}^n`, or with two indices of `{stem} \\in "
                    "\\mathbb{R}^{m \\times n}`.",
                    typed.span,
                )
            raise NameProblem(
                f"`{shown}` has a letter that runs, and `{stem}` is "
                f"no family: declare `{stem}[i] : d for i = 1..n`, or write the sum in matrix "
                "notation, `x^{\\top} y`.",
                typed.span,
            )


_WORD = regex(r"[^\W\d_](?:[\w\u0300-\u036f])*")


def words_below(inner: Sequence[Token]) -> Iterator[str]:
    """The words of an index: `1`, `ij`, `train`, `l-1`, between commas."""
    word = ""
    for token in inner:
        if token.is_(","):
            yield word
            word = ""
        elif token.kind in ("letter", "number", "word"):
            word += letter_of(token.text)
        elif token.kind == "macro" and (token.text[1:] in LETTERS or token.is_(r"\ell", r"\infty")):
            word += _VARIANTS.get(token.text[1:], token.text[1:])
        elif token.is_("+", "-", ":"):
            word += token.text
        elif token.is_("*", r"\star"):
            word += "star"
        elif token.is_(r"\mathbf", r"\boldsymbol") or token.kind in ("open", "close"):
            continue
        else:
            raise ParseError(
                "an index below is a letter, a word or a number: `W_{1}`, `x_{\\mathrm{in}}`.",
                token.span,
            )
    yield word


def _member_index(tokens: Sequence[Token], low: int, high: int) -> str:
    """The index that stands in brackets above: `(i)`, `[l-1]`."""
    if high - low < 3 or tokens[low].kind != "open" or tokens[low].partner != high - 1:
        return ""
    if tokens[low].text not in ("(", "["):
        return ""
    word = "".join(t.text.removeprefix("\\") for t in tokens[low + 1 : high - 1])
    return str(index_of(word) or "")


def arguments(tokens: Sequence[Token], at: int, names: Names) -> tuple[str, ...] | None:
    """The names between brackets and commas; None if something else stands there."""
    found = names_between(tokens, at + 1, tokens[at].partner, names, new=True)
    return None if found is None else tuple(name for name, _ in found)


def names_between(
    tokens: Sequence[Token], low: int, high: int, names: Names, new: bool = False
) -> tuple[PlacedName, ...] | None:
    """The names between two places, which may be `new` there; None if something else stands
    there. Raises NameProblem."""
    found = []
    while low < high:
        typed = names.typed(tokens, low)
        if typed is None or typed.raised:
            return None
        found.append(PlacedName(names.meaning(typed, new), typed.span))
        low = typed.end
        if low < high and not tokens[low].is_(",", ";"):
            return None
        low += 1
    return tuple(found)
