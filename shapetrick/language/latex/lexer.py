r"""A statement's LaTeX to the terminals of the language: names, functions, scripts.

What the grammar can't tell apart is told here, by the names that are known and by what follows:
whether a letter is a factor or a function, whether `T` is an exponent. Terminals come in the order
in which the language has them, `where(x > 0, x, 0)` for `cases`, each with its place in the LaTeX.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import get_args

from ...core.errors import NameProblem, ParseError, Span
from ...core.expr import IDENTITY
from ...core.functions import NAMES
from ...core.greek import LETTERS
from ...core.indices import base_of, range_of
from ...core.problem import DerivativeKind
from ...core.regexes import regex
from ..syntax.automaton import ParserRun, Terminal
from ..syntax.index_binders import BINDERS, read_binder
from ..syntax.lexer import MANY
from ..syntax.parser import LARGER
from ..syntax.signs import EXPONENTIAL, GAMMA, SIGMOID
from ..syntax.synonyms import advice, attribute_of, slip_of, spelt
from ..syntax.syntax_errors import no_prime
from ..syntax.tree import ATTRIBUTES, KINDS, UPSTREAM, PlacedName
from .lexer_items import LatexPart, LexerItem, LexerPlace, call, terminal
from .macros import FUNCTIONS, OPERATORS, unread
from .names import Look, Typed, arguments, words_below
from .sets import read_set
from .tokens import CASES, MATRIX, MATRIX_END, SELECTED, SELECTED_END, Token, letters_end, outer

_SHORTEST_WORD = 3  # letters beside each other that are no factors if one of them is unknown
_DERIVATIVES = get_args(DerivativeKind)
_WORDS = ("check", "wrt", "with")
_OTHER_NAMES = {"trace": "tr", "sgn": "sign", "id": "eye", "kronecker": "kron"}
_STRUCTURED = {MATRIX: "OPENING", MATRIX_END: "END", SELECTED: "_AT",
               SELECTED_END: "END"}  # fmt: skip
_SIGNS = {",": "_COMMA", ";": "_COMMA", "&": "_COMMA", "<": "COMPARED", ">": "COMPARED",
          r"\frac": "FRAC", r"\sqrt": "ROOT"}  # fmt: skip
# How the signs of conditions are read, and what stands before them.
_RELATED = {
    **dict.fromkeys(("<", r"\lt"), "<"), **dict.fromkeys((">", r"\gt"), ">"),
    **dict.fromkeys(("≤", r"\le", r"\leq", r"\leqslant"), "≤"),
    **dict.fromkeys(("≥", r"\ge", r"\geq", r"\geqslant"), "≥"),
}  # fmt: skip
_OPPOSITE = {"≤": ">", "≥": "<"}
_COMPARISONS = {
    **_RELATED, r"\neq": "≠", r"\ne": "≠", r"\in": "∈", r"\dots": "…", r"\\": ",",
    r"\{": "{", r"\}": "}", r"\substack": "",
}  # fmt: skip
_COMPARISON = regex("|".join(map(re.escape, sorted(_COMPARISONS, key=len, reverse=True))))
_IF = ("if", "for", "when", "where", "")
_OTHERWISE = ("otherwise", "else", "elsewhere", "o.w.")
# Letters that are functions where nobody declares them.
_LETTERS: dict[Look, str] = {("sigma", ()): SIGMOID, ("Gamma", ()): GAMMA}
_BINDERS = {r"\sum": BINDERS["sum"], r"\prod": BINDERS["prod"]}  # what binds an index below it


def terminals(part: LatexPart, run: ParserRun) -> Iterator[Terminal]:
    """The terminals of a part, each when the run has taken those before it. Raises ParseError."""
    reader = _TerminalReader(*part)
    left: list[LexerItem] = [(0, len(part.tokens))]
    while left:
        item = left.pop()
        if isinstance(item, Terminal):
            yield item
        elif item[0] < item[1]:
            left.extend(reversed(reader.items(*item, run.waiting)))


class _TerminalReader(LatexPart):
    """Takes the next terminal from a place, and says what is to be read behind it."""

    __slots__ = ()

    def items(self, i: int, end: int, accepted: Container[str]) -> list[LexerItem]:
        """What stands at a token, and what is left."""
        token = self.tokens[i]
        found = self._word(i, end, accepted)
        if not found and (token.is_letter("R", "S", "N") or self.tokens[i - 1].is_(r"\in")):
            found = self._set(i, end, accepted)
        if found:
            return found
        match token.kind:
            case "number":
                return self._number(i, end, accepted)
            case "relation":
                kind = "_COLON" if token.text in (r"\in", ":") else "_EQUALS"
                return [terminal(kind, token), (i + 1, end)]
            case "open" | "close":
                return self._set(i, end, accepted) or self._bracket(i, end, accepted)
            case "sign" | "macro":
                found = self._sign(i, end, accepted)
        return found or self._name(i, end, accepted)

    # ---- brackets, signs, scripts

    def _number(self, i: int, end: int, accepted: Container[str]) -> list[LexerItem]:
        token, before = self.tokens[i], self.tokens[i - 1] if i else None
        named = before and before.kind == "letter" and before.span.end == token.span.start
        if before and named and not (before.text == "x" and "DIM" in accepted):
            raise ParseError(
                f"a number behind a name: write `{before.text}_{{{token.text}}}` for a name with "
                f"an index, `{token.text} {before.text}` for the product.",
                before.span | token.span,
            )
        return [terminal("SIZE" if "SIZE" in accepted else "NUMBER", token), (i + 1, end)]

    def _bracket(self, i: int, end: int, accepted: Container[str]) -> list[LexerItem]:
        token = self.tokens[i]
        rest: list[LexerItem] = [(i + 1, end)]
        bar = "NORM" if r"\|" in (token.text, self.tokens[token.partner].text) else "BAR"
        if token.text in ("|", r"\|") and token.kind == "open":
            return [terminal(bar, token), *rest]
        if token.text in ("|", r"\|"):
            return self._closed(bar, i, end)
        if token.text == CASES:
            return [*self._cases(i), (token.partner + 1, end)]
        if token.text in _STRUCTURED:
            return [terminal(_STRUCTURED[token.text], token), *rest]
        if token.text == r"\rangle" and i + 1 < end and self.tokens[i + 1].is_("_"):
            scripts = self.names.scripts(self.tokens, i + 1)
            if scripts.below == ("F",):  # the inner product of matrices
                return [terminal("ANGLE_END", token), *scripts.raised, (scripts.end, end)]
        if token.text in (r"\langle", r"\rangle"):
            return [terminal("ANGLE" if token.kind == "open" else "ANGLE_END", token), *rest]
        kinds = ("_OPEN", "LPAR") if token.kind == "open" else ("_CLOSE", "RPAR")
        return [terminal(next((k for k in kinds if k in accepted), kinds[1]), token), *rest]

    def _closed(self, bar: str, i: int, end: int) -> list[LexerItem]:
        """The end of bars at a token, and what stands below and above it."""
        scripts = self.names.scripts(self.tokens, i + 1)
        if scripts.below and bar == "BAR":
            raise self._entry(self.tokens[i + 1].span)
        closing = terminal(f"{bar}_END", self.tokens[i], text="_" + ",".join(scripts.below))
        return [closing, *scripts.raised, (scripts.end, end)]

    def _sign(self, i: int, end: int, accepted: Container[str]) -> list[LexerItem] | None:
        token = self.tokens[i]
        sign, rest = token.text, (i + 1, end)
        if sign in ("+", "-"):
            kind = {"+": "_PLUS", "-": "LESS"}[sign]
            return [terminal(kind if kind in accepted else "SIGN", token), rest]
        if sign in OPERATORS:
            kind = "_BY" if sign == r"\times" and "_BY" in accepted else "TIMES"
            return [terminal(kind, token, text=OPERATORS[sign]), rest]
        if sign in _SIGNS:
            return [terminal(_SIGNS[sign], token), rest]
        if sign == r"\\" and "_NEXT_ROW" in accepted:
            last = i + 1 < end and self.tokens[i + 1].text == MATRIX_END
            return [rest] if last else [terminal("_NEXT_ROW", token), rest]
        if sign in (".", r"\dots") and "_TO" in accepted:
            return [terminal("_TO", token), (i + 1 + (sign == "."), end)]
        if sign == "'":
            return [terminal("PRIME" if "PRIME" in accepted else "TRANSPOSE", token), rest]
        if sign == "^":
            return [*self._raised(i), (self.tokens[i + 1].partner + 1, end)]
        if sign == "_" and "INDEX_BELOW" in accepted:
            close = self.tokens[i + 1].partner
            below = ",".join(words_below(self.tokens[i + 2 : close]))
            index = Terminal("INDEX_BELOW", below, token.span | self.tokens[close].span)
            return [index, (close + 1, end)]
        if sign == "_":
            raise self._entry(token.span)
        if sign in _BINDERS:
            return self._sum(i, end, _BINDERS[sign])
        if sign in (r"\norm", r"\abs"):
            close, bar = self.tokens[i + 1].partner, "NORM" if sign == r"\norm" else "BAR"
            return [terminal(bar, token), (i + 2, close), *self._closed(bar, close, end)]
        expected = self._expectation(i, end)
        if expected:
            return expected
        if sign in (r"\mathbb", r"\R", r"\mathbf", r"\boldsymbol"):
            return self._set(i, end, accepted) or self._constant(i, end)
        if sign in (r"\partial", r"\nabla"):
            raise ParseError(
                "a derivative is a statement of its own: `\\nabla_W J`, or `\\nabla_W J = …` to be "
                "checked; as a value it has a name, `g = \\nabla_W J`.",
                token.span,
            )
        arrow = sign in (r"\vec", r"\dot") and i + 1 < end and self.tokens[i + 1].text == "{"
        function = "" if arrow else self._function_of(sign)
        return self._function(function, i, i + 1, end) if function else None

    def _raised(self, i: int) -> list[LexerItem]:
        """An exponent, or a transpose."""
        power, close = self.tokens[i], self.tokens[i + 1].partner
        low = i + 2
        span = power.span | self.tokens[close].span
        self._check_raised(low, close, span)
        minus = self.tokens[low].is_("-")
        first = self.tokens[low + minus] if low + minus < close else self.tokens[low]
        if close - low - minus == 1:
            if first.is_(r"\top", "'") or (first.kind in ("letter", "word") and first.text == "T"):
                return [Terminal("INVERSE_TRANSPOSE" if minus else "TRANSPOSE", "'", span)]
            hermitian = first.kind in ("letter", "word") and first.text == "H"
            if hermitian and not self.names.is_known("H"):
                raise ParseError(
                    "of real numbers the conjugate transpose is the transpose, `A^{\\top}`.", span
                )
            if first.is_("+", "*", r"\star", r"\dagger", r"\ast"):
                raise ParseError(
                    "this superscript is not read: the inverse is `A^{-1}`, the transpose "
                    "`A^{\\top}`.",
                    span,
                )
        by_entry = first.is_(r"\circ", r"\odot") and not minus
        sign = terminal("POWER", power, text=".^" if by_entry else "^")
        opening = terminal("LPAR", self.tokens[i + 1])
        return [sign, opening, (low + by_entry, close), terminal("RPAR", self.tokens[close])]

    def _check_raised(self, low: int, close: int, span: Span) -> None:
        """Something is raised, and no sign alone."""
        if low == close:
            raise ParseError("something is missing after `^`.", span)
        if close - low == 1 and self.tokens[low].is_("-"):
            raise ParseError("TeX raises this `-` alone: put braces, as in `e^{-z}`.", span)

    def _cases(self, i: int) -> list[LexerItem]:
        """The value of the first row whose condition holds, else that of the last: `where(…)`."""
        close = self.tokens[i].partner
        span = self.tokens[i].span | self.tokens[close].span
        typed = self.split(i + 1, close, lambda t: t.is_(r"\\"))
        rows = [self._row(low, high) for low, high in typed if low < high]
        compared = [len(sides) for _, sides in rows]
        if len(rows) < 2 or min(compared[:-1]) < 2 or compared[-1] == 1:
            raise ParseError(
                "each row of `cases` has its condition, `x & x > 0 \\\\`, and the last one says "
                "what holds else, `0 & \\text{otherwise}`.",
                span,
            )
        found: list[LexerItem] = [rows[-1][0]]
        for value, sides in reversed(rows[:-1]):
            mask, holds = self._mask(sides)
            first, other = ([value], found) if holds else (found, [value])
            found = call("where", span, mask, first, other, before=3)
        return found

    def _row(self, low: int, high: int) -> tuple[LexerPlace, list[LexerPlace]]:
        """A row's value, and what is compared in its condition."""
        parts = [(k, _parts_row(self.tokens[k])) for k in outer(self.tokens, low, high)]
        begun = next((k for k, parted in parts if parted), high)
        stop = next((k for k, parted in parts if k > begun and not parted), high)
        end = max((k + 1 for k, parted in parts if not parted), default=low)
        for token in self.tokens[stop:end]:
            if token.kind == "relation" or token.is_(r"\neq"):
                raise ParseError(
                    "a condition compares by `<`, `>`, `\\le` or `\\ge`: where something is 0 or "
                    "1, write a product with it, `y a + (1 - y) b`.",
                    token.span,
                )
        if stop >= end or _worded(self.tokens[stop], _OTHERWISE):
            return (low, begun), []
        return (low, begun), self.split(stop, end, lambda t: t.text in _RELATED)

    def _mask(self, sides: Sequence[LexerPlace]) -> tuple[list[LexerItem], bool]:
        """What is 1 where the sides compare as the signs between them say, or 1 where they don't;
        and which of these it is."""
        signs = [self.tokens[high] for _, high in sides[:-1]]
        masks: list[tuple[list[LexerItem], bool]] = []
        for (left, right), token in zip(pairwise(sides), signs, strict=True):
            sign = _RELATED[token.text]
            compared = Terminal("COMPARED", _OPPOSITE.get(sign, sign), token.span)
            masks.append(([left, compared, right], sign in "<>"))
        if len(masks) == 1:
            return masks[0]
        span = signs[0].span | signs[-1].span
        zero = [Terminal("NUMBER", "0", span)]
        found: list[LexerItem] = [Terminal("NUMBER", "1", span)]
        for mask, holds in reversed(masks):
            first, other = (found, zero) if holds else (zero, found)
            found = call("where", span, mask, first, other, before=3)
        return found, True

    def _sum(self, i: int, end: int, function: str, begin: int | None = None) -> list[LexerItem]:
        r"""`\sum_{i=1}^{n}`, `\max_{j}`: over what it runs, members or entries; the sign ends at
        a token, and begins there or before."""
        below = above = ""
        at = i + 1
        while at < end and self.tokens[at].is_("_", "^"):
            close = self.tokens[at + 1].partner
            inner = "".join(t.text for t in self.tokens[at + 2 : close])
            below, above = (inner, above) if self.tokens[at].is_("_") else (below, inner)
            at = close + 1
        letter, equals, first = below.partition("=")
        span = self.tokens[i if begin is None else begin].span | self.tokens[at - 1].span
        over = range_of(letter, first, above) if equals and above else None
        if function == _BINDERS[r"\sum"] and over is not None:
            return [Terminal("OVER", "sum", span, over.rising), (at, end)]
        below = re.sub(r"_\{(\w)\}", r"_\1", below)  # a class, `y_i`
        below = _COMPARISON.sub(lambda m: _COMPARISONS[m[0]], below)
        if not below:
            raise ParseError(
                "a sum has its index below, `\\sum_{i=1}^{n} x_i`; a sum of all entries is "
                "`\\operatorname{sum}(A)`.",
                span,
            )
        binder = read_binder(f"{function}_{{{below}}}" + (above and f"^{{{above}}}"), span)
        return [Terminal("OVER", "sum", span, binder.value), (at, end)]

    def _expectation(self, i: int, end: int) -> list[LexerItem] | None:
        r"""`\mathbb{E}_i[…]`, `\hat{\mathbb{E}}_t[…]`: the mean over an index; else None."""
        accented = self.tokens[i].is_(r"\hat") and i + 1 < end
        at = i + 2 * accented
        if at + 2 >= end or not self.tokens[at].is_(r"\mathbb") or self.tokens[at + 2].text != "E":
            return None
        close = self.tokens[i + 1].partner
        low, high = (close + 3, self.tokens[close + 2].partner) if close + 2 < end else (0, 0)
        letters = [t for t in self.tokens[low:high] if not t.is_(",")]
        if not self.tokens[min(close + 1, end - 1)].is_("_") or not all(
            t.kind == "letter" and not self.names.is_known(t.text) for t in letters
        ):
            raise ParseError(
                "an expectation is the sum or the mean that it is: `\\sum_i p_i f_i`, "
                "`\\frac1n \\sum_{i=1}^n f_i`, or `\\mathbb{E}_i[f_i]` for this mean.",
                self.tokens[i].span | self.tokens[close].span,
            )
        return self._sum(close, end, "mean", i)

    # ---- sets and constants

    def _set(self, i: int, end: int, accepted: Container[str]) -> list[LexerItem] | None:
        r"""`\mathbb{R}^{m \times d}`, `[0, 1]^n`, where a shape is wanted."""
        if "_REALS" not in accepted or self.tokens[i - 1].kind != "relation":
            return None
        found = read_set(self.tokens, i, end)
        span = self.tokens[i].span | self.tokens[found.end - 1].span
        if found.attributes is None:
            if self.tokens[i].kind == "open":
                return None
            raise ParseError(
                "this set is not read: a shape is of real numbers, `\\mathbb{R}^{m \\times n}`, "
                "and attributes follow it, `\\text{posdef}`.",
                span,
            )
        attributes = [Terminal("ATTRIBUTE", word, span) for word in found.attributes]
        shape: list[LexerItem] = [Terminal("_REAL", "R", span)]
        if "natural" in found.attributes:  # which stands in the place of a shape
            shape = []
        elif found.raised is not None:
            side = (found.raised[0] + 2, found.raised[1])
            shape = [side, Terminal("_BY", "x", span), side] if found.is_square else [side]
        return [*shape, *attributes, (found.end, end)]

    def _constant(self, i: int, end: int) -> list[LexerItem] | None:
        r"""`\mathbf{1}_{n}`, `\mathbf{0}`: ones and zeros, sized or not."""
        token = self.tokens[i]
        if token.text not in (r"\mathbf", r"\boldsymbol", r"\mathbb"):
            return None
        close = self.tokens[i + 1].partner
        inner = self.tokens[i + 2 : close]
        if len(inner) != 1 or inner[0].text not in ("0", "1", "K", "I"):
            return None
        sign = inner[0].text
        within = self.within(close + 1, end)
        if sign == "1" and any(t.is_("<", ">") for t in within):  # 1 where it holds, else 0
            return [(close + 1, end)]
        if sign in ("1", "I") and any(t.is_("=") for t in within):
            return self._delta(token.span, close + 1, end)
        if sign in ("K", "I"):
            typed = self.names.typed(self.tokens, i)
            if typed is None or self.names.is_known(self.names.meaning(typed, True)):
                return None
            return self._sized(typed, {"K": "commute", "I": "eye"}[sign], end)
        scripts = self.names.scripts(self.tokens, close + 1, words=False)
        span = token.span | self.tokens[scripts.end - 1].span
        look = Typed(("", ()), "", span, scripts.raised, scripts.end, low=scripts.low)
        found = self._sized(look, {"0": "zeros", "1": "ones"}[sign], end)
        if found is not None:
            return found
        vector = call("vector", span, [Terminal("NUMBER", sign, span)])
        return [*vector, *scripts.raised, (scripts.end, end)]

    def _delta(self, span: Span, at: int, end: int) -> list[LexerItem]:
        r"""`\mathbf{1}\{y_i = k\}`: δ of both."""
        close = self.tokens[at].partner
        sides = self.split(at + 1, close, lambda t: t.is_("="))
        if len(sides) != 2 or not all(self._is_index(*side) for side in sides):
            raise ParseError(
                r"what is compared by `=` are indices, and a class by its number, "
                r"`\mathbf{1}\{y_i = k\}`.",
                span | self.tokens[close].span,
            )
        (left, right), bracket = sides, self.tokens[at]
        delta = Terminal("NAME", "δ", span, PlacedName("δ", span))
        items: list[LexerItem] = [delta, terminal("_AT", bracket), left]
        items += [terminal("_COMMA", bracket), right]
        return [*items, terminal("END", self.tokens[close]), (close + 1, end)]

    def _is_index(self, low: int, high: int) -> bool:
        """Whether a number or a name stands there alone."""
        typed = self.names.typed(self.tokens, low) if low < high else None
        if typed is None:
            return high == low + 1 and self.tokens[low].kind == "number"
        return typed.end == high and not typed.raised

    def _sized(self, typed: Typed, function: str, end: int) -> list[LexerItem] | None:
        """A constant with its sizes as an index."""
        low, high = typed.low
        if low == high:
            return None
        sizes = self.split(low, high, lambda t: t.is_(r"\times", ","))
        sized = call(function, typed.span, *([size] for size in sizes), before=0)
        return [*sized, *typed.raised, (typed.end, end)]

    # ---- names and functions

    def _word(self, i: int, end: int, accepted: Container[str]) -> list[LexerItem] | None:
        """A word of the language: of a request, an attribute, a function."""
        token = self.tokens[i]
        stop = i + 1
        word = token.text
        if token.kind == "letter":
            stop = letters_end(self.tokens, i, end)
            word = self.text[token.span.start : self.tokens[stop - 1].span.end]
            if word[0] == "x" and stop - i < 3 and "_BY" in accepted:  # `m x n`, `mxn`
                return [terminal("_BY", token), (i + 1, end)]
            if stop - i == 1:
                return None
        elif token.kind != "word":
            return None
        span = token.span | self.tokens[stop - 1].span
        kind = self._word_kind(word, i, stop, end, accepted)
        if kind:
            return [Terminal(kind, word, span), (stop, end)]
        attribute = attribute_of(word) if "ATTRIBUTE" in accepted else None
        if attribute is not None:
            return [Terminal("ATTRIBUTE", attribute, span), (stop, end)]
        if "DIM" in accepted or word in self.names.plain:
            return None
        function = self._function_of(word)
        if function and (token.kind == "word" or self._calls(i, stop, end)):
            return self._function(function, i, stop, end)
        if token.kind == "word" and stop < end and self.opens(stop) and word.isalpha():
            look = self.names.typed(self.tokens, i)
            name = look and self.names.meaning(look, True)
            if name and not self.names.is_known(name) and base_of(name) not in self.names.abstract:
                raise self._unknown_function(word, span)
        return None

    def _word_kind(self, word: str, i: int, stop: int, end: int, accepted: Container[str]) -> str:
        """The terminal that a word of the language is; empty if it is none here."""
        kinds = {
            "KIND": word in _DERIVATIVES,
            "DERIVED": word in _DERIVATIVES and "wrt" in self.text[self.tokens[i].span.end :],
            "SYMMETRIC": word == "symmetric",
            f"_{word.upper()}": word in _WORDS,
            "ATTRIBUTE": word in ATTRIBUTES or word in KINDS,
            "KEYWORD": word == "axis" and stop < end and self.tokens[stop].is_("="),
        }
        return next((kind for kind, fits in kinds.items() if fits and kind in accepted), "")

    def _calls(self, i: int, stop: int, end: int) -> bool:
        """Whether letters that are a function's name mean it, not a product of known names."""
        if stop == end:
            return False
        known = all(self.names.is_known(t.text) for t in self.tokens[i:stop])
        return self.opens(stop) or not known

    def _function_of(self, word: str) -> str:
        """The function of the language that a macro or a word names; empty if it is none."""
        if word in FUNCTIONS:
            return FUNCTIONS[word]
        plain = _simple(word)
        if word.startswith("\\") and plain in {name.lower() for name in LETTERS}:
            return ""
        known = {
            _simple(name): NAMES.get(name, name)
            for name in self.names.functions
            if name != UPSTREAM
        }
        return _OTHER_NAMES.get(plain, "") or known.get(plain, "")

    def _function(self, name: str, i: int, at: int, end: int) -> list[LexerItem]:
        """A function, with its power, before a bracket or before the factor that it takes."""
        if name in LARGER and at < end and self.tokens[at].is_("_"):
            return self._sum(at - 1, end, name)
        scripts = self.names.scripts(self.tokens, at)
        token, power = self.tokens[i], None
        span = token.span | self.tokens[max(scripts.end, at) - 1].span
        based = f"{name}{''.join(scripts.below)}"
        if scripts.below and based in self.names.functions and not scripts.raised:
            name = based  # `\log_2`
        elif scripts.below or scripts.above:
            raise ParseError(f"`{name}` has no index here: a logarithm is the natural one.", span)
        at = scripts.end
        bracket = at < end and self.opens(at)
        primes = self._primes(scripts.raised)
        if bracket and primes:
            named = Terminal("PRIMED", name, span, PlacedName(name, span))
            return [named, *primes, (at, end)]
        if scripts.raised:
            low, high = scripts.raised[0]
            inner = self.tokens[low + 2 : high - 1]
            if len(scripts.raised) > 1 or len(inner) != 1 or inner[0].kind != "number":
                raise ParseError(
                    "a function's power is a number, `\\sin^2 x`; an inverse has its own name.",
                    span,
                )
            power = terminal("NUMBER", inner[0])
        if not bracket:
            before = self.names.functions.get(name, 1)
            return [Terminal("APPLY", name, span, (name, before, power)), (at, end)]
        close, inside = self.tokens[at].partner, [t.text for t in self.within(at, end)]
        if name in LARGER and inside.count(",") == 1 and "=" not in inside:
            name = LARGER[name]
        called = Terminal("FUNCTION", name, span, (name, self.names.functions.get(name, 1)))
        raised = [] if power is None else [Terminal("POWER", ".^", span), power]
        return [called, (at, close + 1), *raised, (close + 1, end)]

    def _name(self, i: int, end: int, accepted: Container[str]) -> list[LexerItem]:
        token = self.tokens[i]
        typed = self.names.typed(self.tokens, i)
        if typed is None:
            raise self._unknown(token)
        dim = "DIM" in accepted
        if typed.look[0] == IDENTITY and not (dim or {typed.spelled, IDENTITY} & self.names.plain):
            sized = self._sized(typed, "eye", end)
            if sized is not None:
                return sized
        name = self.names.meaning(typed, new=dim)
        kind = "DIM" if dim else "NAME"
        known = self.names.is_known(name)
        named = Terminal(kind, name, typed.span, PlacedName(name, typed.span))
        rest: list[LexerItem] = [*typed.raised, (typed.end, end)]
        if name in self.names.brackets and typed.end < end and self.opens(typed.end):
            close = self.tokens[typed.end].partner
            inner = [t.text for t in self.tokens[typed.end + 1 : close]]
            if inner == self.names.brackets[name]:
                return [named, *typed.raised, (close + 1, end)]
        if dim or known:
            if name in self.names.arguments:
                return self._bracketed(named, typed, end, "NUMBER" not in accepted)
            if base_of(name) in self.names.abstract and "NUMBER" in accepted:
                return self._abstract(named, typed, end)
            return [named, *(self._selection(typed, end) or rest)]
        if name == "e" and typed.raised and not self.tokens[typed.raised[0][0]].is_("'"):
            low, high = typed.raised[0]
            span = token.span | self.tokens[high - 1].span
            self._check_raised(low + 2, high - 1, span)
            power = call(EXPONENTIAL, span, [(low + 2, high - 1)])
            return [*power, *typed.raised[1:], (typed.end, end)]
        self._check_run(i, end)
        called = typed.end < end and self.tokens[typed.end].kind == "open"
        primes = self._primes(typed.raised)
        if called and primes and typed.look == ("sigma", ()):
            named.type, named.value = "PRIMED", PlacedName("sigmoid", typed.span)
            return [named, *primes, (typed.end, end)]
        if called and not typed.raised:
            function = _LETTERS.get(typed.look, name)
            known = function != name or name in self.names.functions
            if known and self.opens(typed.end):
                named.type, named.value = "FUNCTION", (function, 1)
                return [named, *rest]
            if self.tokens[typed.end].text == "(" and name not in ("e", "pi", IDENTITY):
                raise self._unknown_function(name, typed.span)
        return [named, *rest]

    def _selection(self, typed: Typed, end: int) -> list[LexerItem]:
        """What a bracket without a space selects, `X[i,:]` as in the plain language; empty if what
        stands in it is a factor."""
        at = typed.end
        if typed.raised or at == end or not self.opens(at) or self.tokens[at].text != "[":
            return []
        close, inner = self.tokens[at].partner, range(at + 1, self.tokens[at].partner)
        alone = len(inner) == 1 and self.tokens[at + 1].kind in ("letter", "number")
        is_index = alone and not self.names.is_known(self.tokens[at + 1].text)
        spans = any(self.tokens[k].is_(",", ":", ".") for k in outer(self.tokens, at + 1, close))
        if not (is_index or spans) or self.tokens[at - 1].span.end != self.tokens[at].span.start:
            return []
        begun = terminal("_AT", self.tokens[at])
        return [begun, (at + 1, close), terminal("END", self.tokens[close]), (close + 1, end)]

    def _abstract(self, named: Terminal, typed: Typed, end: int) -> list[LexerItem]:
        primes = self._primes(typed.raised)
        other = bool(typed.raised) and not primes
        if typed.end == end or not self.opens(typed.end) or other:
            name = str(named)
            raise ParseError(f"`{name}` is a function: write `{name}(…)`.", typed.span)
        named.type = "ABSTRACT"
        return [named, *primes, (typed.end, end)]

    def _bracketed(self, named: Terminal, typed: Typed, end: int, is_head: bool) -> list[LexerItem]:
        """A name that was defined with brackets: of the same declared names it is its value."""
        wanted = self.names.arguments[str(named)]
        at = typed.end
        if at == end or self.tokens[at].kind != "open" or self.tokens[at].text != "(":
            return [named, *typed.raised, (at, end)]
        if self._primes(typed.raised):
            raise ParseError(no_prime(f"{named}(x)"), typed.span)
        close = self.tokens[at].partner
        same = arguments(self.tokens, at, self.names) == wanted
        if same and not is_head and all(map(self.names.is_known, wanted)):
            return [named, *typed.raised, (close + 1, end)]
        if typed.raised:
            raise ParseError(f"put the power of `{named}` behind its argument.", typed.span)
        named.type, named.value = "FUNCTION", (str(named), MANY)
        return [named, (at, end)]

    def _primes(self, raised: Sequence[tuple[int, int]]) -> list[Terminal]:
        """The primes that are raised; none if something else is, too."""
        signs = [t for low, high in raised for t in self.tokens[low:high] if t.text not in "{}^"]
        return [terminal("PRIME", t) for t in signs] if all(t.is_("'") for t in signs) else []

    def _check_run(self, i: int, end: int) -> None:
        """Refuse letters beside each other that are no factors but a word."""
        if self.tokens[i].kind != "letter":
            return
        first = i
        while first and letters_end(self.tokens, first - 1, end) > first:
            first -= 1
        stop = letters_end(self.tokens, i, end)
        if stop - first >= _SHORTEST_WORD:
            span = self.tokens[first].span | self.tokens[stop - 1].span
            word = self.text[span.start : span.end]
            meant = spelt(word, self.names.functions) or slip_of(word, self.names.functions)
            if meant is not None and stop < len(self.tokens) and self.opens(stop):
                raise self._unknown_function(word, span)
            product = " times ".join(f"`{letter}`" for letter in word)
            raise ParseError(
                f"`{word}` is {product} in LaTeX, and not all of these are declared: declare them, "
                f"or write `\\mathrm{{{word}}}` for a name of several letters.",
                span,
            )

    # ---- errors

    def _entry(self, span: Span) -> ParseError:
        return ParseError(
            "an index below belongs to a name: define the whole, `p_i = …`, and write `p_i`.", span
        )

    def _unknown_function(self, name: str, span: Span) -> NameProblem:
        known, typed = [*self.names.functions, *self.names.abstract], self.text[slice(*span)]
        said = advice(name, known, typed=typed)
        message = f"`{name}` is neither a function nor declared. {said}"
        return NameProblem(message, span)

    def _unknown(self, token: Token) -> ParseError:
        i, span = self.tokens.index(token), token.span
        if i + 1 < len(self.tokens) and self.tokens[i + 1].text == "{":  # with its argument
            span |= self.tokens[self.tokens[i + 1].partner].span
        shown = self.text[span.start : span.end]
        instead, whole = unread(token.text, self.names.functions)
        if token.kind != "macro" and whole:
            return ParseError(f"`{shown}` has no place in a formula here.", span)
        word = shown.partition("{")[2].rstrip("}")
        if len(word) > 1 and word.isalnum() and shown.startswith((r"\math", r"\bold")):
            return ParseError(
                f"in this font stands one letter: a name of several is `\\mathrm{{{word}}}`.", span
            )
        typed = shown if whole else token.text
        return ParseError(f"`{typed}` is not read{instead}", span if whole else token.span)


@lru_cache(maxsize=4096)
def _simple(word: str) -> str:
    return re.sub(r"[\\_\s-]", "", word).lower()


def _parts_row(token: Token) -> bool:
    """Whether it stands between a value and its condition in `cases`, or behind both."""
    return token.is_("&", ",", ".", ";", r"\quad", r"\qquad") or _worded(token, _IF)


def _worded(token: Token, words: Sequence[str]) -> bool:
    return token.kind == "word" and token.text.strip(" ,.") in words
