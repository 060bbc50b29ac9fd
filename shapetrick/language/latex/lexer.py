r"""A statement's LaTeX to the terminals of its grammar: names, functions, scripts.

What the grammar can't tell apart is told here, by the names that are known and by what follows:
whether a letter is a factor or a function, whether `T` is an exponent.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Sequence
from typing import get_args

from ...core.errors import NameProblem, ParseError, Span
from ...core.expr import IDENTITY
from ...core.functions import NAMES
from ...core.greek import LETTERS
from ...core.indices import base_of, range_of
from ...core.named_tuples import NamedTuple
from ...core.problem import DerivativeKind
from ...core.regexes import regex
from ..syntax.automaton import ParserRun, Terminal
from ..syntax.index_binders import BINDERS, read_binder
from ..syntax.lexer import MANY
from ..syntax.parser import LARGER
from ..syntax.signs import GAMMA, SIGMOID
from ..syntax.synonyms import advice, attribute_of, slip_of, spelt
from ..syntax.syntax_errors import no_prime
from ..syntax.tree import ATTRIBUTES, KINDS, UPSTREAM, PlacedName
from .derivatives import DerivativeReader, LexerItem, placed, terminal
from .macros import FUNCTIONS, OPERATORS, unread
from .names import Look, Names, Typed, arguments, words_below
from .sets import read_set
from .tokens import (
    CASES,
    CASES_END,
    MATRIX,
    MATRIX_END,
    SELECTED,
    SELECTED_END,
    Token,
    outer,
)

SHORTEST_WORD = 3  # letters beside each other that are no factors if one of them is unknown
_KINDS = get_args(DerivativeKind)
_WORDS = ("check", "wrt", "with")
_OTHER_NAMES = {"trace": "tr", "sgn": "sign", "id": "eye", "kronecker": "kron"}
_STRUCTURED = {MATRIX: "OPENING", MATRIX_END: "END", SELECTED: "_AT", SELECTED_END: "END",
               CASES: "CASES", CASES_END: "END"}  # fmt: skip
_SIGNS = {",": "_COMMA", "&": "_COMMA", "<": "COMPARED", ">": "COMPARED",
          r"\frac": "FRAC", r"\sqrt": "SQRT"}  # fmt: skip
# How the signs of conditions are read, and what stands before them.
_RELATED = {
    **dict.fromkeys(("<", r"\lt"), "<"), **dict.fromkeys((">", r"\gt"), ">"),
    **dict.fromkeys(("≤", r"\le", r"\leq", r"\leqslant"), "<="),
    **dict.fromkeys(("≥", r"\ge", r"\geq", r"\geqslant"), ">="),
}  # fmt: skip
_COMPARISONS = {
    sign: "≤≥"["<>".index(of[0])] if len(of) > 1 else of for sign, of in _RELATED.items()
}
_COMPARISONS |= {r"\neq": "≠", r"\ne": "≠", r"\in": "∈", r"\dots": "…", r"\\": ","}
_COMPARISONS |= {r"\{": "{", r"\}": "}", r"\substack": ""}
_COMPARISON = regex("|".join(map(re.escape, sorted(_COMPARISONS, key=len, reverse=True))))
_IF = ("if", "for", "when", "where", "")
_OTHERWISE = ("otherwise", "else", "elsewhere", "o.w.")
# Letters that are functions where nobody declares them.
_LETTERS: dict[Look, str] = {("sigma", ()): SIGMOID, ("Gamma", ()): GAMMA}
_BRACKETS = ("(", "[", r"\{", "{")
_BINDERS = {r"\sum": BINDERS["sum"], r"\prod": BINDERS["prod"]}  # what binds an index below it


class LatexPart(NamedTuple):
    """A statement, or an expression: its tokens, and the names of its text."""

    text: str
    tokens: Sequence[Token]
    names: Names


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


class _TerminalReader(DerivativeReader):
    """Takes the next terminal from a place, and says what is to be read behind it."""

    def __init__(self, text: str, tokens: Sequence[Token], names: Names) -> None:
        self.text, self.tokens, self.names = text, tokens, names
        self.rows = _conditions(tokens)

    def items(self, i: int, end: int, accepted: Container[str]) -> list[LexerItem]:
        """What stands at a token, and what is left."""
        token = self.tokens[i]
        if i in self.rows:
            return self._condition(i, end)
        if "KIND" in accepted:
            begins = "NUMBER" not in accepted
            found = self._request(i, end, begins) or self._word(i, end, accepted)
        else:
            found = self._word(i, end, accepted)
        if not found and "REALS" in accepted and token.is_letter("R", "S", "N"):
            found = self._set(i, end, accepted)
        if found:
            return found
        match token.kind:
            case "number":
                return self._number(i, end, accepted)
            case "relation":
                kind = {r"\in": "_IN", ":": "_COLON"}.get(token.text, "_EQUALS")
                return [terminal(kind, token), (i + 1, end)]
            case "open" | "close":
                return self._set(i, end, accepted) or self._bracket(i, end)
            case "sign" | "macro":
                found = self._sign(i, end, accepted)
        return found or self._name(i, end, accepted)

    # ---- brackets, signs, scripts

    def _number(self, i: int, end: int, accepted: Container[str]) -> list[LexerItem]:
        token, before = self.tokens[i], self.tokens[i - 1] if i else None
        named = before and before.kind == "letter" and before.span.end == token.span.start
        if before and named and not (before.text == "x" and "DIM" in accepted):
            raise self._error(
                f"a number behind a name: write `{before.text}_{{{token.text}}}` for a name with "
                f"an index, `{token.text} {before.text}` for the product.",
                before.span | token.span,
            )
        return [terminal("NUMBER", token), (i + 1, end)]

    def _bracket(self, i: int, end: int) -> list[LexerItem]:
        token = self.tokens[i]
        rest: list[LexerItem] = [(i + 1, end)]
        norm = token.text == r"\|" or self.tokens[token.partner].text == r"\|"
        if token.text in ("|", r"\|") and token.kind == "open":
            return [terminal("BAR", token), *rest]
        if token.text in ("|", r"\|"):
            scripts = self.names.scripts(self.tokens, i + 1, self.text)
            if scripts.below and not norm:
                raise self._entry(self.tokens[i + 1].span)
            closing = terminal("BAR_END", token, (norm, ",".join(scripts.below)))
            return [closing, *scripts.raised, (scripts.end, end)]
        if token.text in _STRUCTURED:
            return [terminal(_STRUCTURED[token.text], token), *rest]
        if token.text == r"\rangle" and i + 1 < end and self.tokens[i + 1].is_("_"):
            scripts = self.names.scripts(self.tokens, i + 1, self.text)
            if scripts.below == ("F",):  # the inner product of matrices
                return [terminal("ANGLE_END", token), *scripts.raised, (scripts.end, end)]
        if token.text in (r"\langle", r"\rangle"):
            return [terminal("ANGLE" if token.kind == "open" else "ANGLE_END", token), *rest]
        return [terminal("LPAR" if token.kind == "open" else "RPAR", token), *rest]

    def _sign(self, i: int, end: int, accepted: Container[str]) -> list[LexerItem] | None:
        token = self.tokens[i]
        sign, rest = token.text, (i + 1, end)
        if sign in ("+", "-"):
            kind = "_PLUS" if "_PLUS" in accepted and sign == "+" else "SIGN"
            return [terminal(kind, token), rest]
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
            below = ",".join(words_below(self.tokens[i + 2 : close], self.text))
            index = placed("INDEX_BELOW", below, token.span | self.tokens[close].span)
            return [index, (close + 1, end)]
        if sign == "_":
            raise self._entry(token.span)
        if sign in _BINDERS:
            return self._sum(i, end, _BINDERS[sign])
        if sign in (r"\norm", r"\abs"):
            close = self.tokens[i + 1].partner
            scripts = self.names.scripts(self.tokens, close + 1, self.text)
            below = ",".join(scripts.below)
            closing = terminal("BAR_END", self.tokens[close], (sign == r"\norm", below))
            return [
                terminal("BAR", token), (i + 2, close), closing, *scripts.raised,
                (scripts.end, end),
            ]  # fmt: skip
        expected = self._expectation(i, end)
        if expected:
            return expected
        if sign in (r"\mathbb", r"\R", r"\mathbf", r"\boldsymbol"):
            return self._set(i, end, accepted) or self._constant(i, end)
        if sign in (r"\partial", r"\nabla"):
            raise self._error(
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
                turned: list[LexerItem] = [placed("TRANSPOSE", "'", span)]
                return [*self._inverse(span), *turned] if minus else turned
            hermitian = first.kind in ("letter", "word") and first.text == "H"
            if hermitian and not self.names.is_known("H"):
                raise self._error(
                    "of real numbers the conjugate transpose is the transpose, `A^{\\top}`.", span
                )
            if first.is_("+", "*", r"\star", r"\dagger", r"\ast"):
                raise self._error(
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
            raise self._error("something is missing after `^`.", span)
        if close - low == 1 and self.tokens[low].is_("-"):
            raise self._error("TeX raises this `-` alone: put braces, as in `e^{-z}`.", span)

    def _condition(self, i: int, end: int) -> list[LexerItem]:
        r"""What stands between a value and its condition, and within that, in `cases`."""
        token, stop = self.tokens[i], i + 1
        if token.text in _RELATED:
            return [placed("RELATED", _RELATED[token.text], token.span), (stop, end)]
        if _worded(token, _OTHERWISE):
            return [terminal("OTHERWISE", token), (stop, end)]
        if token.is_(",", ".", ";") and (
            self.tokens[stop].is_(r"\\") or self.tokens[stop].text == CASES_END
        ):
            return [(stop, end)]
        if token.kind == "relation" or token.is_(r"\neq"):
            raise self._error(
                "a condition compares by `<`, `>`, `\\le` or `\\ge`: where something is 0 or 1, "
                "write a product with it, `y a + (1 - y) b`.",
                token.span,
            )
        while stop < end and self.rows.get(stop) == self.rows[i]:
            stop += 1
        return [terminal("_CASE", token), (stop, end)]

    def _inverse(self, span: Span) -> list[LexerItem]:
        words = (("POWER", "^"), ("LPAR", "{"), ("SIGN", "-"), ("NUMBER", "1"), ("RPAR", "}"))
        return [placed(kind, word, span) for kind, word in words]

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
            return [placed("SUM", "sum", span, over), (at, end)]
        below = re.sub(r"_\{(\w)\}", r"_\1", below)  # a class, `y_i`
        below = _COMPARISON.sub(lambda m: _COMPARISONS[m[0]], below)
        if not below:
            raise self._error(
                "a sum has its index below, `\\sum_{i=1}^{n} x_i`; a sum of all entries is "
                "`\\operatorname{sum}(A)`.",
                span,
            )
        binder = read_binder(f"{function}_{{{below}}}" + (above and f"^{{{above}}}"), span)
        return [placed("SUM", "sum", span, binder.value), (at, end)]

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
            raise self._error(
                "an expectation is the sum or the mean that it is: `\\sum_i p_i f_i`, "
                "`\\frac1n \\sum_{i=1}^n f_i`, or `\\mathbb{E}_i[f_i]` for this mean.",
                self.tokens[i].span | self.tokens[close].span,
            )
        return self._sum(close, end, "mean", i)

    # ---- sets and constants

    def _set(self, i: int, end: int, accepted: Container[str]) -> list[LexerItem] | None:
        r"""`\mathbb{R}^{m \times d}`, `[0, 1]^n`, where a shape is wanted."""
        if "REALS" not in accepted:
            return None
        found = read_set(self.tokens, i, end)
        span = self.tokens[i].span | self.tokens[found.end - 1].span
        if found.attributes is None:
            if self.tokens[i].kind == "open":
                return None
            raise self._error(
                "this set is not read: a shape is of real numbers, `\\mathbb{R}^{m \\times n}`, "
                "and attributes follow it, `\\text{posdef}`.",
                span,
            )
        attributes = [placed("ATTRIBUTE", word, span) for word in found.attributes]
        start = placed("SQUARE" if found.is_square else "REALS", "R", span, attributes)
        if found.raised is None:
            return [start, (found.end, end)]
        low, close = found.raised
        opening, closing = (
            terminal(kind, self.tokens[k]) for kind, k in (("_RAISED", low), ("_CLOSE", close))
        )
        return [start, opening, (low + 2, close), closing, (found.end, end)]

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
        if sign == "1" and self._compares(close + 1, end):  # 1 where it holds, else 0
            return [(close + 1, end)]
        if sign in ("1", "I") and self._equates(close + 1, end):
            return [placed("INDICATOR", sign, token.span), (close + 1, end)]
        if sign in ("K", "I"):
            typed = self.names.typed(self.tokens, i, self.text)
            if typed is None or self.names.is_known(self.names.meaning(typed, self.text, True)):
                return None
            return self._sized(typed, {"K": "commute", "I": "eye"}[sign], end)
        scripts = self.names.scripts(self.tokens, close + 1, self.text, words=False)
        span = token.span | self.tokens[scripts.end - 1].span
        look = Typed(("", ()), "", span, scripts.raised, scripts.end, low=scripts.low)
        found = self._sized(look, {"0": "zeros", "1": "ones"}[sign], end)
        if found is not None:
            return found
        words = (("LPAR", "("), ("NUMBER", sign), ("RPAR", ")"))
        given: list[LexerItem] = [placed(kind, word, span) for kind, word in words]
        call = placed("CALL", "vector", span, ("vector", 1, None))
        return [call, *given, *scripts.raised, (scripts.end, end)]

    def _compares(self, i: int, end: int) -> bool:
        """Whether a comparison stands in the brackets that open here."""
        if i >= end or not self._opens(i):
            return False
        inside = outer(self.tokens, i + 1, self.tokens[i].partner)
        return any(self.tokens[k].is_("<", ">") for k in inside)

    def _equates(self, i: int, end: int) -> bool:
        """Whether an equation stands in the brackets that open here."""
        if i >= end or not self._opens(i):
            return False
        inside = outer(self.tokens, i + 1, self.tokens[i].partner)
        return any(self._is_equal_sign(k, end) for k in inside)

    def _sized(self, typed: Typed, function: str, end: int) -> list[LexerItem] | None:
        """A constant with its sizes as an index."""
        low, high = typed.low
        if low == high:
            return None
        items: list[LexerItem] = []
        for k in range(low, high):
            if self.tokens[k].is_(r"\times", ","):
                items += [(low, k), terminal("_COMMA", self.tokens[k])]
                low = k + 1
        call = placed("CALL", function, typed.span, (function, 0, None))
        opening, closing = (
            placed("LPAR", "(", typed.span),
            placed("RPAR", ")", typed.span),
        )
        return [call, opening, *items, (low, high), closing, *typed.raised, (typed.end, end)]

    # ---- names and functions

    def _word(self, i: int, end: int, accepted: Container[str]) -> list[LexerItem] | None:
        """A word of the language: of a request, an attribute, a function."""
        token = self.tokens[i]
        stop = i + 1
        word = token.text
        if token.kind == "letter":
            stop = self._run(i, end)
            word = self.text[token.span.start : self.tokens[stop - 1].span.end]
            if word[0] == "x" and stop - i < 3 and "_BY" in accepted:  # `m x n`, `mxn`
                return [terminal("_BY", token), (i + 1, end)]
            if stop - i == 1:
                return None
        elif token.kind != "word":
            return None
        span = token.span | self.tokens[stop - 1].span
        kind = self._word_kind(word, stop, end, accepted)
        if kind:
            return [placed(kind, word, span), (stop, end)]
        attribute = attribute_of(word) if "ATTRIBUTE" in accepted else None
        if attribute is not None:
            return [placed("ATTRIBUTE", attribute, span), (stop, end)]
        if "DIM" in accepted or word in self.names.plain:
            return None
        function = self._function_of(word)
        if function and (token.kind == "word" or self._calls(i, stop, end)):
            return self._function(function, i, stop, end)
        if token.kind == "word" and stop < end and self._opens(stop) and word.isalpha():
            look = self.names.typed(self.tokens, i, self.text)
            name = look and self.names.meaning(look, self.text, True)
            if name and not self.names.is_known(name) and base_of(name) not in self.names.abstract:
                raise self._unknown_function(word, span)
        return None

    def _word_kind(self, word: str, stop: int, end: int, accepted: Container[str]) -> str:
        """The terminal that a word of the language is; empty if it is none here."""
        kinds = {
            "KIND": word in _KINDS,
            "SYMMETRIC": word == "symmetric",
            f"_{word.upper()}": word in _WORDS,
            "ATTRIBUTE": word in ATTRIBUTES or word in KINDS,
            "KEYWORD": word == "axis" and self._is_equal_sign(stop, end),
        }
        return next((kind for kind, fits in kinds.items() if fits and kind in accepted), "")

    def _is_equal_sign(self, i: int, end: int) -> bool:
        return i < end and self.tokens[i].kind == "relation" and self.tokens[i].text == "="

    def _run(self, i: int, end: int) -> int:
        """Where the letters that stand beside each other end."""
        stop = i + 1
        while (
            stop < end
            and self.tokens[stop].kind == "letter"
            and self.tokens[stop].span.start == self.tokens[stop - 1].span.end
        ):
            stop += 1
        return stop

    def _calls(self, i: int, stop: int, end: int) -> bool:
        """Whether letters that are a function's name mean it, not a product of known names."""
        if stop == end:
            return False
        known = all(self.names.is_known(t.text) for t in self.tokens[i:stop])
        return self._opens(stop) or not known

    def _opens(self, i: int) -> bool:
        return self.tokens[i].kind == "open" and self.tokens[i].text in _BRACKETS

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
        scripts = self.names.scripts(self.tokens, at, self.text)
        token, power = self.tokens[i], None
        span = token.span | self.tokens[max(scripts.end, at) - 1].span
        based = f"{name}{''.join(scripts.below)}"
        if scripts.below and based in self.names.functions and not scripts.raised:
            name = based  # `\log_2`
        elif scripts.below or scripts.above:
            raise self._error(
                f"`{name}` has no index here: a logarithm is the natural one.",
                span,
            )
        bracket = scripts.end < end and self._opens(scripts.end)
        primes = self._primes(scripts.raised)
        if bracket and primes:
            named = placed("PRIMED", name, span, PlacedName(name, span))
            return [named, *primes, (scripts.end, end)]
        if scripts.raised:
            low, high = scripts.raised[0]
            inner = self.tokens[low + 2 : high - 1]
            if len(scripts.raised) > 1 or len(inner) != 1 or inner[0].kind != "number":
                raise self._error(
                    "a function's power is a number, `\\sin^2 x`; an inverse has its own name.",
                    span,
                )
            power = terminal("NUMBER", inner[0])
        before = 2 if name in LARGER else self.names.functions.get(name, 1)
        call = placed("CALL" if bracket else "APPLY", name, span, (name, before, power))
        return [call, (scripts.end, end)]

    def _name(self, i: int, end: int, accepted: Container[str]) -> list[LexerItem]:
        token = self.tokens[i]
        typed = self.names.typed(self.tokens, i, self.text)
        if typed is None:
            raise self._unknown(token)
        dim = "DIM" in accepted
        summed = any(self.tokens[k].is_("+", "-") for k in range(*typed.low))
        if summed and typed.look[0] == IDENTITY and not self.names.is_known(IDENTITY):
            return self._sized(typed, "eye", end) or []
        name = self.names.meaning(typed, self.text, new=dim)
        kind = "DIM" if dim else "NAME"
        known = self.names.is_known(name)
        named = placed(kind, name, typed.span, PlacedName(name, typed.span))
        rest: list[LexerItem] = [*typed.raised, (typed.end, end)]
        if dim or known:
            if name in self.names.arguments:
                return self._bracketed(named, typed, end)
            if base_of(name) in self.names.abstract and "NUMBER" in accepted:
                return self._abstract(named, typed, end)
            return [named, *(self._selection(typed, end) or rest)]
        if name == "e" and typed.raised and not self.tokens[typed.raised[0][0]].is_("'"):
            low, high = typed.raised[0]
            self._check_raised(low + 2, high - 1, token.span | self.tokens[high - 1].span)
            power = terminal("EXP", token)
            opening = terminal("LPAR", self.tokens[low + 1])
            closing = terminal("RPAR", self.tokens[high - 1])
            more: list[LexerItem] = list(typed.raised[1:])
            return [power, opening, (low + 2, high - 1), closing, *more, (typed.end, end)]
        if typed.look[0] == IDENTITY and not self.names.is_known(IDENTITY):
            sized = self._sized(typed, "eye", end)
            if sized is not None:
                return sized
        self._check_run(i, end)
        called = typed.end < end and self.tokens[typed.end].kind == "open"
        primes = self._primes(typed.raised)
        if called and primes and typed.look == ("sigma", ()):
            named.type, named.value = "PRIMED", PlacedName("sigmoid", typed.span)
            return [named, *primes, (typed.end, end)]
        if called and not typed.raised:
            function = _LETTERS.get(typed.look, name)
            known = function != name or name in self.names.functions
            if known and self._opens(typed.end):
                named.type, named.value = "CALL", (function, 1, None)
                return [named, *rest]
            if self.tokens[typed.end].text == "(" and name not in ("e", "pi", IDENTITY):
                raise self._unknown_function(name, typed.span)
        return [named, *rest]

    def _selection(self, typed: Typed, end: int) -> list[LexerItem]:
        """What a bracket without a space selects, `X[i,:]` as in the plain language; empty if what
        stands in it is a factor."""
        at = typed.end
        if typed.raised or at == end or not self._opens(at) or self.tokens[at].text != "[":
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
        if typed.end == end or not self._opens(typed.end) or other:
            name = str(named)
            raise self._error(f"`{name}` is a function: write `{name}(…)`.", typed.span)
        named.type = "ABSTRACT"
        return [named, *primes, (typed.end, end)]

    def _bracketed(self, named: Terminal, typed: Typed, end: int) -> list[LexerItem]:
        """A name that was defined with brackets: of the same declared names it is its value."""
        wanted = self.names.arguments[str(named)]
        at = typed.end
        if at == end or self.tokens[at].kind != "open" or self.tokens[at].text != "(":
            return [named, *typed.raised, (at, end)]
        if self._primes(typed.raised):
            raise self._error(no_prime(f"{named}(x)"), typed.span)
        close = self.tokens[at].partner
        same = arguments(self.tokens, at, self.names, self.text) == wanted
        if same and all(map(self.names.is_known, wanted)):
            return [named, *typed.raised, (close + 1, end)]
        if typed.raised:
            raise self._error(f"put the power of `{named}` behind its argument.", typed.span)
        named.type, named.value = "CALL", (str(named), MANY, None)
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
        while (
            first
            and self.tokens[first - 1].kind == "letter"
            and self.tokens[first - 1].span.end == self.tokens[first].span.start
        ):
            first -= 1
        stop = self._run(i, end)
        if stop - first >= SHORTEST_WORD:
            span = self.tokens[first].span | self.tokens[stop - 1].span
            word = self.text[span.start : span.end]
            meant = spelt(word, self.names.functions) or slip_of(word, self.names.functions)
            if meant is not None and stop < len(self.tokens) and self._opens(stop):
                raise self._unknown_function(word, span)
            product = " times ".join(f"`{letter}`" for letter in word)
            raise self._error(
                f"`{word}` is {product} in LaTeX, and not all of these are declared: declare them, "
                f"or write `\\mathrm{{{word}}}` for a name of several letters.",
                span,
            )

    # ---- errors

    def _entry(self, span: Span) -> ParseError:
        return self._error(
            "an index below belongs to a name: define the whole, `p_i = …`, and write `p_i`.",
            span,
        )

    def _unknown_function(self, name: str, span: Span) -> NameProblem:
        known, typed = [*self.names.functions, *self.names.abstract], self.text[slice(*span)]
        said = advice(name, known, typed=typed)
        message = f"`{name}` is neither a function nor declared. {said}"
        return NameProblem(message, span, self.text)

    def _unknown(self, token: Token) -> ParseError:
        i, span = self.tokens.index(token), token.span
        if i + 1 < len(self.tokens) and self.tokens[i + 1].text == "{":  # with its argument
            span |= self.tokens[self.tokens[i + 1].partner].span
        shown = self.text[span.start : span.end]
        if token.kind != "macro":
            return self._error(f"`{shown}` has no place in a formula here.", span)
        word = shown.partition("{")[2].rstrip("}")
        if len(word) > 1 and word.isalnum() and shown.startswith((r"\math", r"\bold")):
            return self._error(
                f"in this font stands one letter: a name of several is `\\mathrm{{{word}}}`.", span
            )
        instead, whole = unread(token.text, self.names.functions)
        typed = shown if whole else token.text
        return self._error(f"`{typed}` is not read{instead}", span if whole else token.span)


def _simple(word: str) -> str:
    return re.sub(r"[\\_\s-]", "", word).lower()


def _conditions(tokens: Sequence[Token]) -> dict[int, int]:
    r"""Of the rows of `cases`, what stands before the conditions, the signs in them and what ends a
    row; of what stands beside each other before one, each has the first one's place."""
    found: dict[int, int] = {}
    for k in (k for k, token in enumerate(tokens) if token.text == CASES):
        begun = 0  # where what stands before this row's condition begins
        for i in outer(tokens, k + 1, tokens[k].partner):
            token, last = tokens[i], i + 1 == tokens[k].partner or tokens[i + 1].is_(r"\\")
            related = token.text in (*_RELATED, r"\neq") or token.kind == "relation"
            if token.is_(r"\\"):
                begun = 0
            elif (last and token.is_(",", ".", ";")) or _worded(token, _OTHERWISE):
                found[i] = i
            elif token.is_("&", ",", r"\quad", r"\qquad") or _worded(token, _IF):
                begun = begun or i
                found[i] = found.get(i - 1, i)
            elif begun and related:
                found[i] = i
    return found


def _worded(token: Token, words: Sequence[str]) -> bool:
    return token.kind == "word" and token.text.strip(" ,.") in words
