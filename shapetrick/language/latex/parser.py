r"""LaTeX to statements: a formula is cut where statements end, and the parser makes each of them.

The nodes are those of the plain language, their places those in the text as typed. Names are
gathered first, from what stands left of `\in` and `=`: they tell which letters are one name.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise
from typing import Any

from ...core.dims import ONE
from ...core.errors import NameProblem, ParseError, Span
from ...core.indices import Range, base_of, index_of, range_of, read_name
from ...core.named_tuples import NamedTuple
from ...core.regexes import regex
from ..syntax.applications import Application
from ..syntax.automaton import Automaton, ParserRun, Terminal, UnexpectedTerminal
from ..syntax.conditions import ATTRIBUTE_OF, condition
from ..syntax.constants import SIZED
from ..syntax.derivative_notation import derivative_node
from ..syntax.index_binders import Binder
from ..syntax.lexer import MANY
from ..syntax.parse_tables import LATEX, tables_of
from ..syntax.parser import LARGER, Builder, asking
from ..syntax.selections import Selector
from ..syntax.signs import EXPONENTIAL
from ..syntax.tree import (
    UPSTREAM,
    Asked,
    Declaration,
    Definition,
    Equality,
    FunctionDefinition,
    FunctionParameter,
    PlacedName,
    Solving,
    Statement,
    SyntaxNode,
    TypedDimension,
    call_node,
    name_node,
    postorder,
)
from .derivatives import EXTREMA
from .lexer import LatexPart, terminals
from .names import Names, Typed, arguments, look_of
from .tokens import Token, outer, rebased, tokens

_RANGE = regex(
    r"(?:\\q?quad|\\text\s*\{[^{}]*\}|\\forall|\\[,;:! ]|[,;&\s(])*"
    r"(?P<letter>[^\W\d])\s*(?:=\s*(?P<first>[\w+\- ]+?)\s*,|\\in\s*\\\{\s*(?P<low>[\w+\- ]+?)\s*,)"
    r"(?:\\[,;:! ]|\s)*(?:\\[lc]?dots[cb]?|\.\.\.|…)(?:\\[,;:! ]|\s)*,"
    r"(?:\\[,;:! ]|\s)*(?P<last>[\w+\- ]+)(?![\w+\- ]*(?:\\\}\s*)?\^)(?:\\\})?\)?"
)
_SEPARATORS = (",", ";", r"\quad", r"\qquad")
_WORDS_BETWEEN = (
    "and", "where", "with", "for", "for all", "let", "given", "then", "suppose", "assume", "",
)  # fmt: skip
_GOES_ON = frozenset({"+", "-", r"\cdot", r"\times", r"\odot", r"\otimes", r"\oslash", "/"})
_RELATIONS = ("=", ":=")


class _Builder(Builder):
    """What the parser calls; what is not here is built as in the plain language."""

    log = r"\log({})"

    # ---- declarations

    def reals(self, c: list[Any]) -> tuple[Any, tuple[TypedDimension, TypedDimension]]:
        one = TypedDimension(ONE, ())
        return c[0].value, c[1] if len(c) > 1 else (one, one)

    def square(self, c: list[Any]) -> tuple[Any, tuple[TypedDimension, TypedDimension]]:
        return c[0].value, (c[1], c[1])

    def set_declaration(self, c: list[Any]) -> Declaration:
        names, (words, sides), more = c
        if "natural" in words:  # which stands in the place of a shape
            sides = None
        return self.declaration([names, sides, (*self.attributes(words), *more), None])

    def declaration(self, c: list[Any]) -> Declaration:
        names, sides, words, *_ = c
        if isinstance(sides, tuple) and isinstance(sides[0], list):  # of a set behind a colon
            return self.set_declaration([names, sides, words])
        return super().declaration([names, sides, words, None, None])

    def set_shape(self, c: list[Any]) -> Any:
        return c[0]

    def bracketed_shape(self, c: list[Any]) -> tuple[TypedDimension, TypedDimension]:
        return c[1], c[2]

    def bracketed_dim(self, c: list[Any]) -> TypedDimension:
        return self.dim_group([c[1]])

    # ---- statements

    def definition(self, c: list[Any]) -> Definition:
        return super().definition([*c, None, None])

    def equality(self, c: list[Any]) -> Equality:
        return super().equality([*c, None])

    def asked(self, c: list[Any]) -> list[Statement]:
        return [c[0]]

    def claimed(self, c: list[Any]) -> list[Statement]:
        """Each derivative in a chain of equations, with what it is; the first, with all of that."""
        parts = [part for part in c if part is not None]
        first, *others = [part for part in parts if isinstance(part, Asked)]
        claims = [part for part in parts if isinstance(part, SyntaxNode)]
        pairs = [*((first, e) for e in claims), *((other, claims[0]) for other in others)]
        return [replace(asked, claim=e, span=asked.span | e.span) for asked, e in pairs]

    def leibniz(self, c: list[Any]) -> Asked:
        kind, of, wrt = c
        return Asked("grad", of, wrt, None, False, None, kind.span | of.span, leibniz=True)

    def derived(self, c: list[Any]) -> SyntaxNode:
        sign, kind, of, name = c
        span = kind.span | of.span
        node = derivative_node(str(kind), of, name, span)
        if sign is None or sign == "+":
            return node
        return SyntaxNode("neg", (replace(node, bracketed=True),), None, sign.span | span)

    def request(self, c: list[Any]) -> Asked:
        asked = super().request(c)
        return replace(asked, span=asked.span | asked.of.span)

    # ---- expressions

    def call(self, c: list[Any]) -> SyntaxNode:
        function, left, *given, right = c
        name, before, power = function.value
        args = [a for a in given if isinstance(a, SyntaxNode)]
        if name in LARGER:
            name, before = (LARGER[name], 2) if len(args) == 2 else (name, 1)
        if name not in SIZED and before == 0:
            before = 1
        function.value = (name, before)
        node = super().call([function, left, *given, right])
        return _raised(node, power)

    def application(self, c: list[Any]) -> SyntaxNode:
        function, argument = c
        name, _, power = function.value
        if power is None:
            return super().application(c)
        span = function.span | argument.span
        called = call_node(name, (argument,), span)
        return Application(".^", (called, self.number([power])), None, span)

    def exponential(self, c: list[Any]) -> SyntaxNode:
        return call_node(EXPONENTIAL, (c[2],), c[0].span | c[3].span)

    def bars(self, c: list[Any]) -> SyntaxNode:
        opening, inner, closing = c
        norm, below = closing.value
        return self.notated(below if norm else None, inner, opening, closing)

    def equal(self, c: list[Any]) -> SyntaxNode:
        """`1{y_i = k}`: δ of both."""
        sign, _, left, right, end = c
        span = sign.span | end.span
        at = tuple(Selector(side, side) for side in (left, right))
        if not all(side.kind in ("name", "number") for side in (left, right)):
            raise ParseError(
                r"what is compared by `=` are indices, and a class by its number, "
                r"`\mathbf{1}\{y_i = k\}`.",
                span,
            )
        return SyntaxNode("selected", (name_node("δ", span),), at, span)

    def part(self, c: list[Any]) -> None:
        (first, *_) = ends = [node for node in c if node is not None]
        raise ParseError(
            r"a slice has both its ends, from 1 on, and stands below: `x_{2:n}`, `X_{1:k,:}`.",
            first.span | ends[-1].span,
        )

    def fraction(self, c: list[Any]) -> SyntaxNode:
        sign, above, below = c[0], c[2], c[5]
        return SyntaxNode("/", (above, below), None, sign.span | c[6].span)

    def case(self, c: list[Any]) -> tuple[SyntaxNode, list[Any]]:
        value, *condition = c
        return value, [part for part in condition if part is not None]

    def cases(self, c: list[Any]) -> SyntaxNode:
        """The value of the first row whose condition holds; else that of the last."""
        opening, *rows, closing = c
        span = opening.span | closing.span
        if len(rows) < 2 or any(len(condition) < 3 for _, condition in rows[:-1]):
            raise ParseError(
                "each row of `cases` has its condition, `x & x > 0 \\\\`, and the last one says "
                "what holds else, `0 & \\text{otherwise}`.",
                span,
            )
        others, node = rows[:-1], rows[-1][0]
        for value, (first, *related) in reversed(others):
            sides, other, node = [first, *related[1::2]], node, value
            for (left, right), sign in zip(pairwise(sides), related[::2], strict=True):
                node = _chosen(left, str(sign), right, node, other)
        whole: SyntaxNode = replace(node, span=span, bracketed=True)
        return whole

    def abstract(self, c: list[Any]) -> SyntaxNode:
        token, *primes, _, node, end = c
        name, span = token.value
        return SyntaxNode("abstract", (node,), (name, len(primes)), span | end.span)

    def running(self, c: list[Any]) -> SyntaxNode:
        sign, body = c
        span = sign.span | body.span
        if isinstance(sign.value, Binder):
            return SyntaxNode("bound", (body,), sign.value, span)
        return SyntaxNode("running", (body,), sign.value.rising, span)


def _chosen(
    left: SyntaxNode, sign: str, right: SyntaxNode, value: SyntaxNode, other: SyntaxNode
) -> SyntaxNode:
    """`where(left > right, value, other)`, or likewise for another sign."""
    sides = (left, right) if sign in (">", "<=") else (right, left)
    span = left.span | right.span
    mask = call_node("step", (SyntaxNode("-", sides, None, span),), span)
    choice = (value, other) if sign in "<>" else (other, value)
    return call_node("where", (mask, *choice), span)


def _raised(node: SyntaxNode, power: Terminal | None) -> SyntaxNode:
    if power is None:
        return node
    exponent = Builder().number([power])
    return SyntaxNode(".^", (node, exponent), None, node.span)


@cache
def _automaton() -> Automaton:
    return Automaton(tables_of(LATEX), _Builder())


# ------------------------------------------------------------------------------------- statements


@dataclass(slots=True)
class Cut:
    """One statement of a formula: its tokens, and the range that stands behind it."""

    tokens: list[Token]
    over: Range | None
    span: Span

    @property
    def relation(self) -> int:
        """Where the sign between the two sides stands; the end if there is none."""
        found = (k for k in outer(self.tokens) if self.tokens[k].kind == "relation")
        return next(found, len(self.tokens))


def cuts(text: str, span: Span) -> Iterator[Cut]:
    """The statements that a formula holds. Raises ParseError."""
    found = tokens(text, span)
    kept: list[Token] = []
    over: Range | None = None
    related = asked = False
    i = 0
    while i <= len(found):
        token = found[i] if i < len(found) else None
        end = token is None
        if token is not None and _separates(token):
            m = _RANGE.match(text, token.span.start, span.end) if kept else None
            if m is not None:
                over = _range(m, text)
                while i < len(found) and found[i].span.start < m.end():
                    i += 1
                continue
            joins = token.is_(",") and not related and not asked
            end = not joins and (token.is_(",", ";") or not _goes_on(found, i))
            kept += [token] if joins else []
        elif token is not None and token.is_(r"\\"):
            end = not _goes_on(found, i)
        elif token is not None:
            if kept and (token.kind == "relation" or token.is_(*ATTRIBUTE_OF)):
                related = True
            asked = asked or (not kept and token.is_(r"\nabla", r"\frac", r"\partial"))
            close = token.partner if token.kind == "open" else i
            kept += found[i : close + 1]
            i = close
        if end:
            while kept and kept[-1].is_(".", ",", ";"):
                kept.pop()
            if kept:
                kept, declared = _optimized(rebased(kept))
                for part in declared:
                    yield Cut(rebased(part), None, part[0].span | part[-1].span)
                yield Cut(rebased(kept), over, kept[0].span | kept[-1].span)
            kept, over, related, asked = [], None, False, False
        i += 1


def _optimized(found: list[Token]) -> tuple[list[Token], list[list[Token]]]:
    r"""A statement `\min_{w \in \mathbb{R}^d} …` without the declarations below it, and these."""
    if not found[0].is_(*EXTREMA) or len(found) < 3 or not found[1].is_("_"):
        return found, []
    low, high = 3, found[2].partner
    commas = [3 + k for k in outer(rebased(found[3:high])) if found[3 + k].is_(",")]
    names: list[Token] = []
    declared: list[list[Token]] = []
    for sign in (k for k in range(low, high) if found[k].is_(r"\in")):
        end = next((k for k in commas if k > sign), high)
        declared.append(found[low:end])
        names += found[low:sign] + [found[k] for k in commas if k == end]
        low = min(end + 1, high)
    return rebased(found[:3] + names + found[low:]), declared


def _separates(token: Token) -> bool:
    words = token.kind == "word" and token.font.startswith("text")
    return token.is_(*_SEPARATORS, r"\forall") or (
        words and token.text.strip(" ,.:").lower() in _WORDS_BETWEEN
    )


def _goes_on(found: Sequence[Token], i: int) -> bool:
    """Whether a statement goes on in the next row, or behind a wide space."""
    wide = (r"\quad", r"\qquad", r"\\")
    before = next((t for t in reversed(found[:i]) if not t.is_(*wide)), None)
    after = next((t for t in found[i + 1 :] if not t.is_(*wide)), None)
    if before is None or after is None:
        return False
    after_sign = after.kind == "relation" or (after.kind != "open" and after.text in _GOES_ON)
    waits = before.kind == "relation" or (before.kind != "open" and before.text in _GOES_ON)
    return after_sign or waits


def _range(m: re.Match[str], text: str) -> Range:
    over = range_of(m["letter"], m["first"] or m["low"], m["last"].strip())
    if over is None:
        raise ParseError(
            "a range is `l = 1, \\dots, L`: a letter, and the first and the last index.",
            Span(*m.span()),
            text,
        )
    return over


# ------------------------------------------------------------------------------------------ names


def gather(text: str, statements: Sequence[Statement], parts: Sequence[Cut], names: Names) -> None:
    """Take in the names that plain statements and formulas declare and define."""
    for s in statements:
        _take_plain(s, names)
    for part in parts:
        typed = _conditioned(text, part, names)
        if typed is not None:
            names.add(names.meaning(typed, text, True), typed.style)
    heads = [part for part in parts if part.relation < len(part.tokens)]
    for part in sorted(heads, key=lambda part: part.over is None):
        _take_head(text, part, names)


def _take_plain(s: Statement, names: Names) -> None:
    if isinstance(s, (Equality, Solving)):
        return
    if isinstance(s, FunctionDefinition):
        names.add(s.name.name)
        names.arguments[s.name.name] = tuple(p.name.name for p in s.parameters)
        return
    if isinstance(s, Asked):
        if s.kind == "vjp" and s.of.kind == "name":
            names.upstream.add(s.of.value)
        return
    named = s.names if isinstance(s, Declaration) else (s.name,)
    for name, _ in named:
        names.add(name)
    if isinstance(s, Declaration):
        if any(word == "elementwise" for word, _ in s.words):
            names.abstract.update(base_of(name) for name, _ in named)
        for side in s.sides or ():
            for name, _ in side.names:
                names.add(name)
                names.dims.add(base_of(name))
    else:
        for node in postorder(s.body):  # sizes are dimensions
            for size in node.value.sizes if node.kind == "call" else ():
                names.dims.update(n.value for n in postorder(size) if n.kind == "name")


def _take_head(text: str, part: Cut, names: Names) -> None:
    """Take in what stands left of a statement's sign."""
    found, end = part.tokens, part.relation
    sign = found[end].text
    i = 0
    while i < end:
        word = _word(text, found, i, end) if sign in _RELATIONS else ""
        typed = names.typed(found, i, text)
        if typed is None:
            return
        if word and names.functions.get(word, MANY) == MANY:
            names.add(word)
            if len(word) == end:
                return
            typed = names.typed(found, i, text) or typed
        (stem, below), index = typed.look, typed.above
        name = typed.exact or typed.spelled
        letter = part.over.letter if part.over else ""
        if index and not part.over and sign in _RELATIONS and (stem, below) not in names.families:
            name, index = f"{name}_{index}", ""  # an entry, or a row
        elif not index and below and _runs(below[-1], letter, (stem, below[:-1]), names):
            name, index = "_".join([stem, *below[:-1]]), below[-1]
        known = names.looks.get(look_of(name))
        name = next(iter(known)) if known and len(known) == 1 else name
        names.add(read_name(f"{name}[{index}]") if index else name, typed.style)
        if typed.end < end and found[typed.end].text == "(" and sign in _RELATIONS:
            given = arguments(found, typed.end, names, text)
            if given is None:
                return
            names.arguments[name] = given
            return
        if "elementwise" in text[found[end].span.start : part.span.end]:
            names.abstract.add(name)
        i = typed.end + 1
    if sign == r"\in" or sign == ":":
        _take_dims(text, part, names)


def _runs(word: str, letter: str, base: tuple[str, tuple[str, ...]], names: Names) -> bool:
    """Whether a word below is an index: of the range's letter, or of a known family."""
    index = index_of(word)
    if index is None:
        return False
    return index.letter == letter if letter else base in names.families


def _take_dims(text: str, part: Cut, names: Names) -> None:
    """Take in the dimensions of a shape."""
    i = part.relation + 1
    while i < len(part.tokens):
        token = part.tokens[i]
        if token.text in (r"\mathbb", r"\mathbf") and i + 1 < len(part.tokens):
            i = part.tokens[i + 1].partner + 1
            continue
        typed = names.typed(part.tokens, i, text)
        if typed is None or token.kind == "word" or token.text == "x":  # `m x n`
            i += 1
            continue
        (stem, below), name = typed.look, typed.exact or typed.spelled
        if part.over and below and _runs(below[-1], part.over.letter, (stem, below[:-1]), names):
            name = read_name(f"{'_'.join([stem, *below[:-1]])}[{below[-1]}]")
        elif below and (stem, below[:-1]) in names.families:
            name = read_name(f"{names.families[stem, below[:-1]]}[{below[-1]}]")
        known = names.looks.get(look_of(base_of(name)))
        if known is None:
            names.add(read_name(f"{name}[{typed.above}]") if typed.above else name)
            names.dims.add(base_of(name))
        i = typed.end


def _word(text: str, found: Sequence[Token], i: int, end: int) -> str:
    """Several letters beside each other that are a left side, or before its brackets: a name."""
    count = next((k for k in range(end) if found[k].kind != "letter"), end)
    called = count < end and found[count].text == "(" and found[count].partner == end - 1
    if i or count < 2 or not (count == end or called):
        return ""
    span = found[0].span | found[count - 1].span
    return text[span.start : span.end] if span.end - span.start == count else ""


# ---------------------------------------------------------------------------------------- parsing


def statements(text: str, part: Cut, names: Names, alone: bool = False) -> list[Statement]:
    """What one statement of a formula means, or an expression `alone`; a chain of claims is
    several. Raises ParseError."""
    names.bound = _bound(part)
    found = part.tokens
    typed = _conditioned(text, part, names)
    if typed is not None:
        name = PlacedName(names.meaning(typed, text, True), typed.span)
        return [condition(name, found[typed.end].text, part.span)]
    if part.relation < len(found):
        head = _function_head(text, part, names)
        if head is not None:
            inner = names.with_names(head.given)
            body = _run("expression", LatexPart(text, rebased(found[part.relation + 1 :]), inner))
            parameters = tuple(FunctionParameter(PlacedName(n, head.span)) for n in head.given)
            whole = head.span | body.span
            name = PlacedName(head.name, head.span)
            f = FunctionDefinition(name, parameters, None, body, whole, entries=head.entries)
            return [f if part.over is None else _over(f, part, text)]
    try:
        made = _run("statement", LatexPart(text, found, names))
    except ParseError as error:
        if not alone or part.relation < len(found):
            raise
        try:
            return [asking(_run("expression", LatexPart(text, found, names)))]
        except ParseError as other:
            raise max(error, other, key=_place) from None
    several: list[Statement] = made if isinstance(made, list) else [made]
    return [s if part.over is None else _over(s, part, text) for s in several]


def _conditioned(text: str, part: Cut, names: Names) -> Typed | None:
    """The name of which a statement says that it is positive, `> 0`; None if it says none."""
    *_, sign, zero = (None, None, *part.tokens)
    if sign is None or zero is None or zero.text != "0" or sign.text not in ATTRIBUTE_OF:
        return None
    typed = names.typed(part.tokens, 0, text)
    return typed if typed is not None and typed.end == len(part.tokens) - 2 else None


def _place(error: ParseError) -> int:
    return error.span.start if error.span is not None else 0


def expression(text: str, span: Span, names: Names) -> SyntaxNode:
    """An expression in LaTeX. Raises ParseError."""
    typed = tokens(text, span)
    breaks = {i for i in outer(typed) if typed[i].is_(r"\\")}
    found = [t for i, t in enumerate(typed) if i not in breaks]
    names.bound = _bound(Cut(found, None, span))
    node: SyntaxNode = _run("expression", LatexPart(text, rebased(found), names))
    return node


def _over(s: Statement, part: Cut, text: str) -> Statement:
    if isinstance(s, (FunctionDefinition, Equality, Solving)) or (
        isinstance(s, Asked) and s.claim is None
    ):
        raise ParseError(
            "a range belongs to a declaration, a definition or a claim.", part.span, text
        )
    return replace(s, ranges=() if part.over is None else (part.over,))


def _bound(part: Cut) -> set[str]:
    """The letters that run in a statement."""
    found = {part.over.letter} if part.over else set()
    for i, token in enumerate(part.tokens):
        if token.is_(r"\sum") and i + 3 < len(part.tokens) and part.tokens[i + 1].is_("_"):
            close = part.tokens[i + 2].partner
            found |= {t.text for t in part.tokens[i + 3 : close] if t.kind == "letter"}
    return found


class _FunctionHead(NamedTuple):
    r"""`J(\theta)` or `p(\theta)_i`, left of a sign."""

    name: str
    given: tuple[str, ...]
    span: Span
    entries: tuple[str, ...]


def _function_head(text: str, part: Cut, names: Names) -> _FunctionHead | None:
    """The left side if it is a function's; a left side that is no name is refused."""
    found, end = part.tokens, part.relation
    if found[end].text not in (*_RELATIONS, r"\in", ":"):
        shown = text[found[end].span.start : found[end].span.end]
        raise ParseError(f"`{shown}` is no definition: write `=`.", found[end].span, text)
    typed = names.typed(found, 0, text)
    if found[end].text not in _RELATIONS or typed is None or typed.end >= end:
        return None
    name = names.meaning(typed, text, True)
    close, below = found[typed.end].partner, tuple[str, ...]()
    if found[typed.end].text == "(" and close + 1 < end and found[close + 1].is_("_"):
        scripts = names.scripts(found, close + 1, text)
        below = scripts.below if scripts.end == end and not scripts.raised else ()
    if found[typed.end].text != "(" or (close != end - 1 and not below):
        return None
    given = names.arguments.get(name)
    if given:
        whole = found[0].span | found[end - 1].span
        return _FunctionHead(name, given, whole, tuple("".join(below)))
    span = found[typed.end].span | found[close].span
    raise NameProblem(
        f"`{name}` is a function of `{text[span.start + 1 : span.end - 1].strip()}`, which is no "
        f"name: write `{name}(x) = …`, or `{name} = …` of declared names; that "
        "two values are equal is claimed by `check E1 = E2`.",
        span,
        text,
    )


def _run(start: str, part: LatexPart) -> Any:
    run, fed = ParserRun(_automaton(), start), None
    begun = start == "expression"
    try:
        for token in terminals(part, run):
            run.feed(token)
            fed = token
            begun = begun or token.type in _BEGINS
        return run.value()
    except UnexpectedTerminal as error:
        refused = error.token
    raise _complaint(part, refused, fed, begun)


# After one of these it is told what kind of statement it is.
_BEGINS = ("_EQUALS", "_IN", "_COLON", "KIND", "LEIBNIZ", "_CHECK")


def _complaint(
    part: LatexPart, refused: Terminal | None, fed: Terminal | None, begun: bool
) -> ParseError:
    """What is said of a token that has no place where it stands."""
    first, last = part.tokens[0].span, part.tokens[-1].span
    at = Span(last.end, last.end) if refused is None else refused.span
    shown = part.text[at.start : at.end]
    before = part.text[slice(*fed.span)] if fed is not None else ""
    operand = fed is None or fed.type in (
        "SIGN", "TIMES", "LPAR", "BAR", "ANGLE", "APPLY", "_EQUALS", "_COMMA", "SUM", "POWER",
    )  # fmt: skip
    power = next((i for i, t in enumerate(part.tokens[:2]) if t.is_("^")), len(part.tokens))
    behind = [t.kind for t in part.tokens[power + 1 : power + 5]]
    if not begun and behind == ["open", "number", "close", "relation"]:  # `\sigma^2 = …`
        return ParseError(
            "a power is no name: define what it is of, or give it a name, `v = …`.",
            first | part.tokens[power + 3].span,
            part.text,
        )
    equals = next((t for t in part.tokens if t.kind == "relation"), None)
    if not begun and equals is not None and equals.text in _RELATIONS:
        return ParseError(
            "left of `=` stands a name alone that is no function of the language, `J = …` or "
            "`f(x) = …`; that two values are equal is claimed by `check E1 = E2`.",
            first | equals.span,
            part.text,
        )
    if not begun:
        return ParseError(
            "this is no statement. A formula declares (`X \\in \\mathbb{R}^{m \\times n}`), "
            "defines a name (`J = …`) or asks (`\\nabla_W J`).",
            first | last,
            part.text,
        )
    if refused is None:
        message = f"something is missing after `{before}`."
    elif refused.type == "_EQUALS":
        message = (
            "a definition has one `=`, and a name alone on its left; a claim is `\\nabla_W J = …`."
        )
    elif operand:
        message = f"something is missing between `{before}` and `{shown}`."
    elif refused.type in ("TRANSPOSE", "POWER") or (fed and fed.type == "POWER"):
        message = "two superscripts need braces: `{A^{-1}}^{\\top}`."
    else:
        message = f"`{shown}` has no place here."
    return ParseError(message, at, part.text)


def names_of(known: Collection[str], functions: Mapping[str, int]) -> Names:
    """The names that are known from elsewhere."""
    names = Names(functions)
    for name in known:
        inner = name.removeprefix(f"{UPSTREAM}(").removesuffix(")")
        if name == f"{UPSTREAM}({inner})":
            names.upstream.add(inner)
        else:
            names.add(name)
    return names
