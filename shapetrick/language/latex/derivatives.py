r"""Derivatives in LaTeX, `\nabla_W J`, `\partial_W J`, `\min_W J`, `\frac{\partial J}{\partial W}`:
where their parts stand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ...core.errors import ParseError, Span
from ...core.named_tuples import NamedTuple
from ...core.problem import DerivativeKind
from ..syntax.tree import PlacedName
from .lexer_items import LatexPart, LexerPlace
from .names import Look, Typed, names_between
from .tokens import outer

EXTREMA = (r"\min", r"\max")


class LatexDerivative(NamedTuple):
    """What a derivative is of, and by, where its sign stands, and along what it is; `leibniz` if
    its form fits what is no scalar too."""

    kind: DerivativeKind
    of: LexerPlace
    wrt: tuple[PlacedName, ...]
    span: Span
    leibniz: bool = False
    along: PlacedName | None = None


def derivative(part: LatexPart, low: int, high: int, alone: bool) -> LatexDerivative | None:
    """The derivative that stands between two places, `alone` as a statement; None if it is none.
    Raises ParseError."""
    return _DerivativeReader(*part).read(low, high, alone) if low < high else None


class _DerivativeReader(LatexPart):
    """Finds the parts of a derivative."""

    __slots__ = ()

    def read(self, i: int, end: int, alone: bool) -> LatexDerivative | None:
        """The derivative that begins at a place."""
        token = self.tokens[i]
        if token.is_(r"\nabla"):
            return self._nabla(i, end, False)
        if self._is_below_operator(i, end):
            return self._nabla(i, end, True)
        if alone and token.is_(*EXTREMA):
            return self._optimum(i, end)
        if token.is_(r"\frac"):
            above = (i + 2, self.tokens[i + 1].partner)
            below = (above[1] + 2, self.tokens[above[1] + 1].partner)
            mark = self._mark(*above)
            if not mark or self._mark(*below) != mark or (mark == "d" and below[1] - below[0] < 2):
                return None
            return self._leibniz(above, below, below[1] + 1, end)
        if token.is_(r"\partial") or self._mark(i, end) == "d":
            slash = next((k for k in outer(self.tokens, i, end) if self.tokens[k].is_("/")), end)
            mark = self._mark(i, slash)
            if slash == end or self._mark(slash + 1, end) != mark:
                return None
            return self._leibniz((i, slash), (slash + 1, end), end, end)
        return None

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
        typed, below = (self.names.typed(self.tokens, k) for k in (i, i + 3))
        if token.text not in ("D", "grad") or typed is None or below is None:
            return False
        by, whole = (self.names.meaning(t, True) for t in (below, typed))
        return self.names.is_known(by) and not self.names.is_known(whole)

    def _nabla(self, i: int, end: int, leibniz: bool) -> LatexDerivative:
        scripts = self.names.scripts(self.tokens, i + 1, words=False)
        kind: DerivativeKind = self._second(scripts.raised) if scripts.raised else "grad"
        span = self.tokens[i].span
        of = self._derived((scripts.end, end), span, r"\nabla_w J")
        low, high = scripts.low
        wrt = self._by(low, high) if low < high else self._arguments_of(of)
        return LatexDerivative(kind, of, wrt, span, leibniz and kind == "grad")

    def _by(self, low: int, high: int) -> tuple[PlacedName, ...]:
        """The names that stand below a sign."""
        found = names_between(self.tokens, low, high, self.names)
        if found is None:
            raise self._no_name(low)
        return found

    def _optimum(self, i: int, end: int) -> LatexDerivative | None:
        r"""`\min_{w, b} J` by what is declared, or a factor behind it: what vanishes at the optimum
        is its gradient."""
        if i + 1 == end or not self.tokens[i + 1].is_("_"):
            return None
        low, close = i + 3, self.tokens[i + 2].partner
        starts = [low, *(k + 1 for k in range(low, close) if self.tokens[k].is_(","))]
        typed = [self.names.typed(self.tokens, k) for k in starts]
        factors = set(self._factors(close + 1, end))
        if not all(
            t and (t.look in factors or self.names.is_known(self.names.meaning(t, True)))
            for t in typed
        ):
            return None
        return LatexDerivative("grad", (close + 1, end), self._by(low, close), self.tokens[i].span)

    def _factors(self, low: int, high: int) -> Iterator[Look]:
        """The names between two places that are no indices."""
        while low < high:
            if self.tokens[low].is_("_"):
                low = self.tokens[low + 1].partner
            elif (typed := self.names.typed(self.tokens, low)) is not None:
                yield typed.look
            low += 1

    def _derived(self, of: LexerPlace, span: Span, example: str) -> LexerPlace:
        """What the derivative is of; there is something."""
        if of[0] >= of[1]:
            raise ParseError(f"what this is the derivative of is missing: `{example}`.", span)
        return of

    def _second(self, raised: Sequence[LexerPlace]) -> DerivativeKind:
        low, high = raised[0]
        if [t.text for t in self.tokens[low + 2 : high - 1]] != ["2"] or len(raised) > 1:
            raise ParseError("a derivative is a first or a second one.", self.tokens[low].span)
        return "hess"

    def _arguments_of(self, of: LexerPlace) -> tuple[PlacedName, ...]:
        r"""What `\nabla J(\theta)` is the derivative by: the arguments."""
        typed = self.names.typed(self.tokens, of[0]) if of[0] < of[1] else None
        name = self.names.meaning(typed, True) if typed else ""
        wanted = self.names.arguments.get(name)
        behind = outer(self.tokens, typed.end, of[1]) if typed else iter(())
        if not typed or wanted is None or any(self.tokens[k].text != "(" for k in behind):
            raise ParseError(
                "the variable is missing: write `\\nabla_w J`, or `\\frac{\\partial J}{\\partial "
                "w}`.",
                self.tokens[of[0] - 1].span,
            )
        return tuple(PlacedName(argument, typed.span) for argument in wanted)

    def _leibniz(
        self, above: LexerPlace, below: LexerPlace, after: int, end: int
    ) -> LatexDerivative:
        r"""`\frac{\partial J}{\partial W}`, with what it is of above or behind it."""
        span = self.tokens[above[0]].span
        of: LexerPlace = (above[0] + 1, above[1])
        kind: DerivativeKind = "grad"
        along = None
        if of[0] < of[1] and self.tokens[of[0]].is_("^"):
            close = self.tokens[of[0] + 1].partner
            kind = self._second([(of[0], close + 1)])
            of = (close + 1, of[1])
        wrt = self._variable(below, kind == "hess")
        if after < end and self.tokens[after].kind == "open" and self.tokens[after].text == "[":
            close = self.tokens[after].partner
            (along, *others) = self._by(after + 1, close) or (None,)
            if along is None or others:
                raise ParseError(
                    "a derivative is along one name, `[V]`.",
                    self.tokens[after].span | self.tokens[close].span,
                )
            kind, after = "hvp" if kind == "hess" else "jvp", close + 1
        if of[0] == of[1]:
            of, after = self._derived((after, end), span, r"\frac{\partial J}{\partial w}"), end
        if after != end:
            raise ParseError(
                "a derivative is a statement of its own: nothing stands behind it but what it is "
                "claimed to be, `\\nabla_W J = …`.",
                self.tokens[after].span,
            )
        return LatexDerivative(kind, of, (wrt,), span, kind == "grad", along)

    def _variable(self, below: LexerPlace, second: bool) -> PlacedName:
        r"""The name in `\partial W`; of a second derivative, that in `\partial w \partial w'`."""
        found: list[tuple[str, Typed]] = []
        at = below[0]
        while at < below[1]:
            at += self._mark(at, below[1]) != ""
            typed = self.names.typed(self.tokens, at) if at < below[1] else None
            if typed is None:
                raise self._no_name(below[0])
            found.append((self.names.meaning(typed, True), typed))
            at = typed.end
        name, typed = found[0]
        if typed.raised and not second:
            low, high = typed.raised[0][0], typed.raised[-1][1]
            turned = self.tokens[low].is_("'") or self.tokens[low + 2].is_(r"\top")
            raise ParseError(
                "the derivative by a transpose is the transpose of that by the name: ask for that."
                if turned
                else "a derivative is by a name: by a power it is where that is declared in its "
                "place, `\\sigma^2 \\in \\mathbb{R}_{>0}`.",
                self.tokens[low].span | self.tokens[high - 1].span,
            )
        squared = second and len(found) == 1 and len(typed.raised) == 1
        same = len(found) == 1 + second and all(n == name for n, _ in found)
        if not squared and not same:
            raise ParseError(
                "a derivative is by one name: ask for one after the other, `g = \\nabla_x f` and "
                "`\\frac{\\partial g}{\\partial y}`.",
                self.tokens[below[0]].span | self.tokens[below[1] - 1].span,
            )
        return PlacedName(name, typed.span)

    def _no_name(self, i: int) -> ParseError:
        return ParseError("a derivative is by a declared name, `\\partial W`.", self.tokens[i].span)
