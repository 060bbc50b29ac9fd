r"""Derivatives in LaTeX to the terminals of requests: `\nabla_W J`, `\partial_W J`, `\min_W J`,
`\frac{\partial J}{\partial W}`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ...core.errors import ParseError, Span
from ..syntax.automaton import Terminal
from ..syntax.tree import PlacedName
from .names import Look, Names, Typed
from .tokens import Token, outer

EXTREMA = (r"\min", r"\max")
LexerPlace = tuple[int, int]  # tokens from one to another
LexerItem = Terminal | LexerPlace


class DerivativeReader:
    """The part of the lexer that takes a derivative, as the beginning of a statement."""

    text: str
    tokens: Sequence[Token]
    names: Names

    def _request(self, i: int, end: int, begins: bool) -> list[LexerItem] | None:
        """A derivative, where a statement `begins` or as one side of several."""
        token = self.tokens[i]
        stop = self._equals(i, end)
        if token.is_(r"\nabla"):
            return self._nabla(i, stop, end, "KIND")
        if self._is_below_operator(i, end):
            return self._nabla(i, stop, end, "LEIBNIZ")
        if begins and token.is_(*EXTREMA) and stop == end:
            return self._optimum(i, end)
        if token.is_(r"\frac"):
            above, below = (i + 2, self.tokens[i + 1].partner), i + 2
            below = above[1] + 2
            low = (below, self.tokens[above[1] + 1].partner)
            mark = self._mark(*above)
            if not mark or self._mark(*low) != mark or (mark == "d" and low[1] - low[0] < 2):
                return None
            return self._leibniz(above, low, low[1] + 1, stop, end)
        if token.is_(r"\partial") or self._mark(i, stop) == "d":
            slash = next((k for k in outer(self.tokens, i, stop) if self.tokens[k].is_("/")), stop)
            mark = self._mark(i, slash)
            if slash == stop or self._mark(slash + 1, stop) != mark:
                return None
            return self._leibniz((i, slash), (slash + 1, stop), stop, stop, end)
        return None

    def _equals(self, i: int, end: int) -> int:
        return next(
            (k for k in outer(self.tokens, i, end) if self.tokens[k].kind == "relation"), end
        )

    def _mark(self, low: int, high: int) -> str:
        """Whether something begins with a sign of differentiation."""
        if low >= high:
            return ""
        token = self.tokens[low]
        if token.is_(r"\partial"):
            return r"\partial"
        return "d" if token.kind in ("letter", "word") and token.text == "d" else ""

    def _is_below_operator(self, i: int, end: int) -> bool:
        r"""Whether a derivative begins here whose variable stands below: `\partial_x`, `D_x` of a
        known name."""
        token = self.tokens[i]
        if i + 1 >= end or not self.tokens[i + 1].is_("_"):
            return False
        if token.is_(r"\partial"):
            return True
        typed, below = (self.names.typed(self.tokens, k, self.text) for k in (i, i + 3))
        if token.text not in ("D", "grad") or typed is None or below is None:
            return False
        by, whole = (self.names.meaning(t, self.text, True) for t in (below, typed))
        return self.names.is_known(by) and not self.names.is_known(whole)

    def _nabla(self, i: int, stop: int, end: int, form: str) -> list[LexerItem]:
        scripts = self.names.scripts(self.tokens, i + 1, self.text, words=False)
        low, high = scripts.low
        kind = "grad"
        if scripts.raised:
            kind = self._second(scripts.raised)
        span = self.tokens[i].span
        of = self._derived((scripts.end, stop), span, r"\nabla_w J")
        wrt: list[LexerItem] = [(low, high)]
        if low == high:
            wrt = self._arguments_of(of)
        form = "KIND" if kind == "hess" else form
        return [
            placed(form, kind, span),
            of,
            placed("_WRT", "wrt", span),
            *wrt,
            (stop, end),
        ]

    def _optimum(self, i: int, end: int) -> list[LexerItem] | None:
        r"""`\min_{w, b} J` by what is declared, or a factor behind it: what vanishes at the optimum
        is its gradient."""
        if i + 1 == end or not self.tokens[i + 1].is_("_"):
            return None
        low, close = i + 3, self.tokens[i + 2].partner
        starts = [low, *(k + 1 for k in range(low, close) if self.tokens[k].is_(","))]
        typed = [self.names.typed(self.tokens, k, self.text) for k in starts]
        factors = set(self._factors(close + 1, end))
        if not all(
            t and (t.look in factors or self.names.is_known(self.names.meaning(t, self.text, True)))
            for t in typed
        ):
            return None
        span = self.tokens[i].span
        asked, by = placed("KIND", "grad", span), placed("_WRT", "wrt", span)
        return [asked, (close + 1, end), by, (low, close)]

    def _factors(self, low: int, high: int) -> Iterator[Look]:
        """The names between two places that are no indices."""
        while low < high:
            if self.tokens[low].is_("_"):
                low = self.tokens[low + 1].partner
            elif (typed := self.names.typed(self.tokens, low, self.text)) is not None:
                yield typed.look
            low += 1

    def _derived(self, of: LexerPlace, span: Span, example: str) -> LexerPlace:
        """What the derivative is of; there is something."""
        if of[0] >= of[1]:
            raise self._error(f"what this is the derivative of is missing: `{example}`.", span)
        return of

    def _second(self, raised: Sequence[LexerPlace]) -> str:
        low, high = raised[0]
        if [t.text for t in self.tokens[low + 2 : high - 1]] != ["2"] or len(raised) > 1:
            raise self._error("a derivative is a first or a second one.", self.tokens[low].span)
        return "hess"

    def _arguments_of(self, of: LexerPlace) -> list[LexerItem]:
        r"""What `\nabla J(\theta)` is the derivative by: the arguments."""
        typed = self.names.typed(self.tokens, of[0], self.text) if of[0] < of[1] else None
        name = self.names.meaning(typed, self.text, True) if typed else ""
        wanted = self.names.arguments.get(name)
        alone = (
            typed is not None
            and next(
                (k for k in outer(self.tokens, typed.end, of[1]) if self.tokens[k].text != "("),
                of[1],
            )
            == of[1]
        )
        if typed is None or wanted is None or not alone:
            raise self._error(
                "the variable is missing: write `\\nabla_w J`, or `\\frac{\\partial J}{\\partial "
                "w}`.",
                self.tokens[of[0] - 1].span,
            )
        items: list[LexerItem] = []
        for k, argument in enumerate(wanted):
            named = placed("NAME", argument, typed.span, PlacedName(argument, typed.span))
            items += [placed("_COMMA", ",", typed.span), named] if k else [named]
        return items

    def _leibniz(
        self, above: LexerPlace, below: LexerPlace, after: int, stop: int, end: int
    ) -> list[LexerItem]:
        r"""`\frac{\partial J}{\partial W}`, with what it is of above or behind it."""
        span = self.tokens[above[0]].span
        of: LexerPlace = (above[0] + 1, above[1])
        kind = "LEIBNIZ"
        value = "grad"
        if of[0] < of[1] and self.tokens[of[0]].is_("^"):
            close = self.tokens[of[0] + 1].partner
            kind, value = "KIND", self._second([(of[0], close + 1)])
            of = (close + 1, of[1])
        names = self._variables(below, value == "hess")
        along: list[LexerItem] = []
        if after < stop and self.tokens[after].kind == "open" and self.tokens[after].text == "[":
            close = self.tokens[after].partner
            along = [placed("_WITH", "with", span), (after + 1, close)]
            kind, value = "KIND", "hvp" if value == "hess" else "jvp"
            after = close + 1
        if of[0] == of[1]:
            asked_of = r"\frac{\partial J}{\partial w}"
            of, after = self._derived((after, stop), span, asked_of), stop
        if after != stop:
            raise self._error(
                "a derivative is a statement of its own: nothing stands behind it but what it is "
                "claimed to be, `\\nabla_W J = …`.",
                self.tokens[after].span,
            )
        asked, by = placed(kind, value, span), placed("_WRT", "wrt", span)
        return [asked, of, by, *names, *along, (stop, end)]

    def _variables(self, below: LexerPlace, second: bool) -> list[LexerItem]:
        r"""The name in `\partial W`; of a second derivative, that in `\partial w \partial w'`."""
        found: list[tuple[str, Typed]] = []
        at = below[0]
        while at < below[1]:
            at += self._mark(at, below[1]) != ""
            typed = self.names.typed(self.tokens, at, self.text) if at < below[1] else None
            if typed is None:
                raise self._error(
                    "a derivative is by a declared name, `\\partial W`.",
                    self.tokens[below[0]].span,
                )
            found.append((self.names.meaning(typed, self.text, True), typed))
            at = typed.end
        wanted = 2 if second else 1
        name, typed = found[0]
        if typed.raised and not second:
            low, high = typed.raised[0][0], typed.raised[-1][1]
            turned = self.tokens[low].is_("'") or self.tokens[low + 2].is_(r"\top")
            raise self._error(
                "the derivative by a transpose is the transpose of that by the name: ask for that."
                if turned
                else "a derivative is by a name: by a power it is where that is declared in its "
                "place, `\\sigma^2 \\in \\mathbb{R}_{>0}`.",
                self.tokens[low].span | self.tokens[high - 1].span,
            )
        squared = second and len(found) == 1 and len(typed.raised) == 1
        same = len(found) == wanted and all(n == name for n, _ in found)
        if not squared and not same:
            raise self._error(
                "a derivative is by one name: ask for one after the other, `g = \\nabla_x f` and "
                "`\\frac{\\partial g}{\\partial y}`.",
                self.tokens[below[0]].span | self.tokens[below[1] - 1].span,
            )
        return [placed("NAME", name, typed.span, PlacedName(name, typed.span))]

    def _error(self, message: str, span: Span) -> ParseError:
        return ParseError(message, span, self.text)


def placed(kind: str, word: str, span: Span, value: Any = None) -> Terminal:
    return Terminal(kind, word, span, value)


def terminal(kind: str, token: Token, value: Any = None, text: str = "") -> Terminal:
    return placed(kind, text or token.text, token.span, value)
