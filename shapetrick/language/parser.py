"""Text to statements: the text is split into lines, and the parser makes a statement of each.

The grammar stands in `grammar/`, the lexer in `lexing`; no other module knows the parser generator.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Container, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from fractions import Fraction
from functools import cache
from hashlib import blake2b
from math import isfinite
from typing import Any

from lark import Lark, Token, __version__
from lark.exceptions import LarkError, UnexpectedToken
from lark.lexer import Lexer

from ..core.budget import STATEMENTS, TEXT
from ..core.dims import LARGEST, ONE, Dim
from ..core.errors import InputError, NameProblem, ParseError, Span
from ..core.files import make_folder, own_folder, shipped
from ..core.indices import Index, Range, member
from ..core.problem import DerivativeKind
from .equation_statements import unknowns
from .function_heads import HeadBuilder, span_of
from .index_binders import IndexBuilder
from .letters import check_letters, folded
from .lexer import MANY, Arities, Source, Terminals, normal
from .notated_calls import BARS, LOG_BARS, NORM, TWO_NORM
from .selections import StructureBuilder
from .syntax import (
    INNER,
    UPSTREAM,
    Asked,
    Callee,
    Declaration,
    Definition,
    KeywordArgument,
    PlacedName,
    Statement,
    SyntaxNode,
    TypedDimension,
)
from .syntax_errors import (
    RAISED,
    RANGE,
    REQUESTS,
    Stop,
    Waiting,
    complaint,
    no_index,
    unknown_function,
)
from .text_functions import opened_expression, opened_statements, with_heads

MAX_STATEMENT = 30_000
MAX_NUMBER = 300

_OPERATORS = {
    "**": "^", "@": "*", "·": "*", "∘": ".*", "⊙": ".*", "⊘": "./", "−": "-",
}  # fmt: skip
TOGETHER = {("log", BARS): LOG_BARS, ("log", "det"): "logdet"}  # read as one with what is inside
_PRODUCTS = dict.fromkeys(("dot", "matmul", "mm", "mv"), INNER)  # libraries' names for `@`
_OTHERWISE = {
    ("jax", "gelu"): "JAX's gelu is the tanh form, this language's that with erf: write `gelu(x)`."
}
LARGER = {"max": "maximum", "min": "minimum"}  # of each entry
# A norm by what stands below it.
NORMS = {"": NORM, "F": "norm", "1": "norm1", "₁": "norm1", "2": TWO_NORM, "₂": TWO_NORM}
_PAIRS = {"(": ")", "[": "]", "{": "}"}
_COMMENT = re.compile(r"#[^\n]*")
_BOUNDARY = re.compile(r"[()\[\]{};\n]")
_UNPRINTABLE = re.compile(
    "[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    "\ud800-\udfff\ufeff\ufff9-\ufffb]"
)
_ELEMENTWISE = re.compile(r"(?:^|[;\n])([^:;=\n]*):[^\S\n]*elementwise(?!\w)")
_REQUEST = re.compile(rf"({'|'.join(REQUESTS)})\s+[^\s*/+.,^='’:-]")
_NAME = r"[^\W\d](?:(?![²³¹⁰-ⁿᵀ])[\w\u0300-\u036f])*"
_WRT = rf"{_NAME}(?:\s*,\s*{_NAME})*"
# d/dW J; d J / d W and ∂J/∂W; dJ/dW; ∇_W J; ∇J. With `two`, a second derivative.
_TWO, _RAISED = r"(?P<two>²|\^\s*2)?", r"(?:²|\^\s*2)?"
_DERIVATIVES = tuple(
    re.compile(form, re.DOTALL)
    for form in (
        rf"(?P<d>[d∂])\s*/\s*(?P=d)\s*(?P<wrt>{_WRT})(?P<of>[\s(].*)",
        rf"d{_TWO}(?=[\s(])(?!\s*[=:,])(?P<of>.+)/\s*d\s*(?P<wrt>{_WRT}){_RAISED}",
        rf"∂{_TWO}(?P<of>.+)/\s*∂\s*(?P<wrt>{_WRT}){_RAISED}",
        rf"d{_TWO}(?P<of>[^\W\d]\w*)\s*/\s*d(?P<wrt>{_WRT}){_RAISED}",
        rf"∇{_TWO}\s*_\s*\{{?\s*(?P<wrt>{_WRT})\s*\}}?(?P<of>[\s(‖|⟨].*)",
        rf"∇{_TWO}(?P<of>(?!\s*_).+)(?P<wrt>)",
    )
)
_CHECK = re.compile(r"check\s+(?=[d∂∇])")
_SIDES = re.compile(r"[()\[\]{}]|(?<![<>=:])=(?!=)")


class Builder(HeadBuilder, StructureBuilder, IndexBuilder):
    """What the parser calls for each token and rule, bottom up; each gives its part's value."""

    def NAME(self, t: Token) -> PlacedName:
        named: PlacedName = t.value
        return named

    DIM = NAME

    def number(self, c: list[Any]) -> SyntaxNode:
        return SyntaxNode("number", (), _exact(c[0]), span_of(c[0]))

    def name(self, c: list[Any]) -> SyntaxNode:
        return SyntaxNode("name", (), c[0].name, c[0].span)

    def group(self, c: list[Any]) -> SyntaxNode:
        left, node, right = c
        return bracketed(node, span_of(left) | span_of(right))

    def binary(self, c: list[Any]) -> SyntaxNode:
        left, sign, right = c
        kind = _OPERATORS.get(sign.value, sign.value)
        inner = INNER if sign.value in ("@", "·") else None
        return SyntaxNode(kind, (left, right), inner, left.span | right.span)

    def juxtaposition(self, c: list[Any]) -> SyntaxNode:
        left, right = c
        return SyntaxNode("*", (left, right), None, left.span | right.span, juxtaposed=True)

    def sign(self, c: list[Any]) -> SyntaxNode:
        sign, node = c
        span = span_of(sign) | node.span
        return (
            replace(node, span=span)
            if sign.value == "+"
            else SyntaxNode("neg", (node,), None, span)
        )

    def transpose(self, c: list[Any]) -> SyntaxNode:
        if c[0].kind == "number":
            raise ParseError(
                "a number is its own transpose: for a row of ones write `ones(n)'`, or `𝟙'`.",
                c[0].span | span_of(c[1]),
            )
        return SyntaxNode("'", (c[0],), None, c[0].span | span_of(c[1]))

    def inverse_transpose(self, c: list[Any]) -> SyntaxNode:
        inverse = self._power(c[0], -1, span_of(c[1]))
        return SyntaxNode("'", (inverse,), None, inverse.span)

    def raised(self, c: list[Any]) -> SyntaxNode:
        return self._power(c[0], int(str(c[1]).translate(RAISED)), span_of(c[1]))

    def _power(self, node: SyntaxNode, exponent: int, span: Span) -> SyntaxNode:
        """A power whose exponent is not typed as a number."""
        number: SyntaxNode = SyntaxNode("number", (), Fraction(abs(exponent)), span)
        if exponent < 0:
            number = SyntaxNode("neg", (number,), None, number.span)
        return SyntaxNode("^", (node, number), None, node.span | span)

    def fraction(self, c: list[Any]) -> SyntaxNode:
        value = Fraction(unicodedata.numeric(c[0])).limit_denominator(10)
        return SyntaxNode("number", (), value, span_of(c[0]))

    def ones(self, c: list[Any]) -> SyntaxNode:
        one = SyntaxNode("number", (), Fraction(1), span_of(c[0]))
        return SyntaxNode("call", (one,), Callee("vector"), span_of(c[0]))

    def bars(self, c: list[Any]) -> SyntaxNode:
        opening, inner, closing = c
        name = NORMS[str(closing).strip("‖|_ {}")] if opening.type == "NORM" else BARS
        return SyntaxNode("call", (inner,), Callee(name), span_of(opening) | span_of(closing))

    def applied(self, c: list[Any]) -> SyntaxNode:
        """A function before bars: `log|A|`."""
        function, inner = c
        name, _ = function.value
        span = span_of(function) | inner.span
        together = TOGETHER.get((name, inner.value.name))
        if together is not None:
            return SyntaxNode("call", inner.args, Callee(together), span)
        return SyntaxNode("call", (inner,), Callee(name), span)

    def root(self, c: list[Any]) -> SyntaxNode:
        sign, *inner = c
        argument = inner[1] if len(inner) > 1 else self.number(inner)
        return SyntaxNode("call", (argument,), Callee("sqrt"), span_of(sign) | span_of(inner[-1]))

    def dot(self, c: list[Any]) -> SyntaxNode:
        opening, left, right, closing = c
        return SyntaxNode("call", (left, right), Callee("dot"), span_of(opening) | span_of(closing))

    def abstract(self, c: list[Any]) -> SyntaxNode:
        token, index, bracket, *primes, _, node, end = c
        called = token.value
        name, span = called if index is None else self.member([called, index, bracket])
        return SyntaxNode("abstract", (node,), (name, len(primes)), span | span_of(end))

    def member(self, c: list[Any]) -> PlacedName:
        (name, span), *indices, end = c
        return PlacedName(member(name, *indices), span | span_of(end))

    head_member = named_member = member

    def index(self, c: list[Any]) -> Index:
        letter, sign, offset = c
        return Index(normal(str(letter)), _whole(sign, offset) if offset else 0)

    def fixed_index(self, c: list[Any]) -> Index:
        return Index("", _whole(c[0] if len(c) > 1 else None, c[-1]))

    def range(self, c: list[Any]) -> Range:
        letter, first, last = c
        return Range(normal(str(letter)), first, last).rising

    def prefixed(self, c: list[Any]) -> SyntaxNode:
        """A function of a library: `np.exp(X)`."""
        module, function, *rest = c
        name, _ = function.value
        span = span_of(module) | span_of(rest[-1])
        otherwise = _OTHERWISE.get((module.partition(".")[0], name))
        if otherwise is not None:
            raise ParseError(otherwise, span)
        if function.value[1] == MANY:
            raise ParseError(
                f"`{module}{name}` may mean something else than `{name}` here, whose definition "
                f"`shapetrick functions` lists: write `{name}(…)` for that.",
                span,
            )
        args = [a for a in rest if isinstance(a, SyntaxNode)]
        if name in _PRODUCTS and len(args) == 2:
            return SyntaxNode("*", tuple(args), _PRODUCTS[name], span, bracketed=True)
        return replace(self.call([function, *rest]), span=span)

    def method(self, c: list[Any]) -> SyntaxNode:
        """A method of an array: `X.sum(axis=0)`."""
        node, method, opening, *given, end = c
        name, span = str(method)[1:], node.span | span_of(end)
        if name in _PRODUCTS and len(given) == 1:
            return SyntaxNode("*", (node, given[0]), _PRODUCTS[name], span, bracketed=True)
        if name in ("t", "transpose") and given == [None]:
            return SyntaxNode("'", (node,), None, span)
        function = Token("FUNCTION", name, method.start_pos, end_pos=method.end_pos)
        function.value = ("inv" if name == "inverse" else name, 1)
        return replace(self.call([function, opening, node, *given, end]), span=span)

    def keeping(self, c: list[Any]) -> None:
        """`keepdims=True`, which all is here."""
        word, value = c
        if not word.startswith("keepdim"):
            raise ParseError(f"`{word}={value}` is not understood.", span_of(word) | span_of(value))

    def call(self, c: list[Any]) -> SyntaxNode:
        function, _, *given, end = c
        given = [a for a in given if a is not None]
        args = tuple(a for a in given if isinstance(a, SyntaxNode))
        axes = [a for a in given if isinstance(a, int)]
        keywords = tuple(a for a in given if isinstance(a, KeywordArgument))
        name, before = function.value
        span = span_of(function) | span_of(end)
        if len(axes) > 1 or (axes and given[len(args)] is not axes[0] and not keywords):
            raise ParseError("`axis=` is given once, as the last argument.", span)
        if name == UPSTREAM:
            return _upstream(args, span)
        axis = axes[0] if axes else None
        if name in LARGER and len(args) > 1 and axis is None and before != MANY:
            _check_larger(name, args, span)
            return SyntaxNode("call", args, Callee(LARGER[name]), span)
        callee = Callee(name, axis, args[before:], keywords)
        return SyntaxNode("call", args[:before], callee, span)

    def sum_of(self, c: list[Any]) -> tuple[Range, Span]:
        return c[2], span_of(c[0])

    def running(self, c: list[Any]) -> SyntaxNode:
        (over, span), body = c
        return SyntaxNode("running", (body,), over, span | body.span)

    def scaled_running(self, c: list[Any]) -> SyntaxNode:
        factor, *times, over, body = c
        summed = self.running([over, body])
        if times:
            return self.binary([factor, *times, summed])
        return self.juxtaposition([factor, summed])

    def signed_running(self, c: list[Any]) -> SyntaxNode:
        sign, *rest = c
        return self.sign([sign, self.running(rest)])

    # ---- declarations

    def dim_size(self, c: list[Any]) -> TypedDimension:
        if len(c[0]) > len(str(LARGEST)):
            raise ParseError("a dimension is too large.", span_of(c[0]))
        return TypedDimension(Dim.of(int(c[0])), ())

    def dim_name(self, c: list[Any]) -> TypedDimension:
        return TypedDimension(Dim.of(c[0].name), (c[0],))

    def dim_member(self, c: list[Any]) -> TypedDimension:
        return self.dim_name([self.member(c)])

    def dim_group(self, c: list[Any]) -> TypedDimension:
        return TypedDimension(c[0].dim, c[0].names)

    def dim_sum(self, c: list[Any]) -> TypedDimension:
        return TypedDimension(c[0].dim + c[1].dim, c[0].names + c[1].names, c[1].tail)

    def dim_product(self, c: list[Any]) -> TypedDimension:
        tail = c[1].names[0] if c[0].names and len(c[1].names) == 1 else None
        return TypedDimension(c[0].dim * c[1].dim, c[0].names + c[1].names, tail)

    def column(self, c: list[Any]) -> tuple[TypedDimension, TypedDimension]:
        return c[0], TypedDimension(ONE, ())

    def matrix(self, c: list[Any]) -> tuple[TypedDimension, TypedDimension]:
        return c[0], c[1] or TypedDimension(ONE, ())

    def attributes(self, c: list[Any]) -> tuple[PlacedName, ...]:
        return tuple(PlacedName(str(t), span_of(t)) for t in c)

    # ---- statements

    def names(self, c: list[Any]) -> tuple[PlacedName, ...]:
        return tuple(c)

    heads = names

    def direction(self, c: list[PlacedName]) -> PlacedName:
        return c[0]

    def declaration(self, c: list[Any]) -> Declaration:
        names, sides, words, over = c
        span = names[0].span | names[-1].span
        return Declaration(names, sides, words, span, over)

    def definition(self, c: list[Any]) -> Definition:
        name, body, over = c
        return Definition(name, body, name.span | body.span, over)

    def request(self, c: list[Any]) -> Asked:
        kind, of, before, wrt, after, symmetric = c
        span = span_of(kind) | wrt[-1].span
        return Asked(kind.value, of, wrt, before or after, symmetric is not None, None, span)

    def check(self, c: list[Any]) -> Asked:
        request: Asked = c[0]
        claim: SyntaxNode = c[1]
        over: Range | None = c[2]
        return replace(request, claim=claim, span=request.span | claim.span, over=over)


def _check_larger(name: str, args: tuple[SyntaxNode, ...], span: Span) -> None:
    """Refuse `max(x, 0)`, which is the largest of every column elsewhere, or maximum."""
    if args[0].kind == "number" and len(args) == 2:
        return
    axis = args[1].value if args[1].kind == "number" else None
    other = f", or `{name}(x, axis={axis})` for that of every {'column' if axis == 0 else 'row'}"
    raise ParseError(
        f"`{name}` of two has two readings: write `{LARGER[name]}(x, y)` for each entry"
        f"{other if axis in (0, 1) else ''}.",
        span,
    )


def bracketed(node: SyntaxNode, span: Span) -> SyntaxNode:
    return SyntaxNode(node.kind, node.args, node.value, span, True, node.juxtaposed)


def _upstream(args: tuple[SyntaxNode, ...], span: Span) -> SyntaxNode:
    """`bar(Z)` is a name."""
    if len(args) != 1 or args[0].kind != "name":
        raise ParseError(f"`{UPSTREAM}` is of one name: `{UPSTREAM}(Z)`.", span)
    return SyntaxNode("name", (), f"{UPSTREAM}({args[0].value})", span)


def _whole(sign: Token | None, digits: Token) -> int:
    if len(digits) > len(str(LARGEST)):
        raise ParseError("an index is too large.", span_of(digits))
    return -int(digits) if sign in ("-", "−") else int(digits)


def _exact(t: Token) -> Fraction:
    if len(t) > MAX_NUMBER or not isfinite(float(t)):
        raise ParseError("the number is too long or too large.", span_of(t))
    return Fraction(str(t))


# ------------------------------------------------------------------------------------ the doors


def parse(
    text: str,
    functions: Arities,
    begin: int = 0,
    declared: Iterable[str] = (),
    alone: bool = False,
) -> list[Statement]:
    """The statements of a problem, in order, those that begin at a place or behind it; what is
    `declared` before that is an element-wise function. Expressions `alone` are requests, where that
    is wanted. Raises ParseError."""
    try:
        clean = text[:begin] + cleaned(text[begin:], functions)
        abstract = {*declared, *elementwise(clean, begin)}
        functions = with_heads(clean[begin:], functions)
        sources = [Source(clean, span, functions, abstract) for span in lines(clean, begin)]
        STATEMENTS.admit(len(sources), "this text", "split it into several problems.")
        found = [statement(source, alone) for source in sources]
        return opened_statements(clean, found, functions)
    except InputError as error:
        raise error.located(None, text) from None


def parse_expression(
    text: str, functions: Arities, abstract: Container[str] = frozenset()
) -> SyntaxNode:
    """One expression. Raises ParseError."""
    try:
        clean = cleaned(text, functions)
        spans = list(lines(clean.replace(";", "\0").replace("\n", " ")))
        if not spans:
            raise ParseError("there is no expression.", Span(0, len(text)))
        node: SyntaxNode = _run("expression", Source(clean, spans[0], functions, abstract))
        return opened_expression(node, functions)
    except InputError as error:
        raise error.located(None, text) from None


def pieces(text: str) -> list[Span]:
    """Where the statements stand in a text, comments left out. Raises ParseError."""
    try:
        return list(lines(cleaned(text)))
    except InputError as error:
        raise error.located(None, text) from None


def tokens(
    text: str, functions: Arities, abstract: Container[str] = frozenset()
) -> list[tuple[str, Span]]:
    """The tokens of a statement or an expression, as far as it can be one: to highlight it."""
    source = Source(text, Span(0, len(text)), functions, abstract)
    return max((_tokens(start, source) for start in ("statement", "expression")), key=len)


def _tokens(start: str, source: Source) -> list[tuple[str, Span]]:
    driver: Any = _parser().parse_interactive(source, start)
    found = []
    with suppress(LarkError, ParseError):
        for token in driver.lexer_thread.lex(driver.parser_state):
            driver.feed_token(token)
            found.append((str(token.type), span_of(token)))
    return found


def elementwise(clean: str, begin: int = 0) -> set[str]:
    """The names that a text declares from a place on as element-wise functions."""
    found = _ELEMENTWISE.findall(clean, begin)
    return {normal(name.partition("[")[0].strip()) for names in found for name in names.split(",")}


def cleaned(text: str, known: Container[str] = ()) -> str:
    """The text with comments blanked and letters made plain; every place stays where it was."""
    TEXT.admit(len(text), "this text", "split it into several problems.")
    unprintable = _UNPRINTABLE.search(text)
    if unprintable:
        name = f"U+{ord(unprintable.group()):04X}"
        raise ParseError(
            f"the character {name} has no place in a problem: delete it.", Span(*unprintable.span())
        )
    clean = folded(_COMMENT.sub(lambda m: " " * len(m.group()), text))
    check_letters(clean, known)
    return clean


def lines(text: str, begin: int = 0) -> Iterator[Span]:
    """Where the statements stand: a line each, or between `;`; brackets hold lines together."""
    start, open_at = begin, list[int]()
    for m in _BOUNDARY.finditer(text + "\n;", begin):
        sign, at = m.group(), m.start()
        if sign in "([{":
            open_at.append(at)
        elif sign in ")]}":
            if not open_at:
                raise ParseError(f"this `{sign}` closes nothing.", Span(at, at + 1))
            opened = open_at.pop()
            if _PAIRS[text[opened]] != sign:
                raise ParseError(f"this `{sign}` closes a `{text[opened]}`.", Span(opened, at + 1))
        elif sign == ";" and open_at:
            if m.end() <= len(text) and text[open_at[-1]] == "[":
                continue  # between the rows of a block
            raise ParseError(
                f"this `{text[open_at[-1]]}` is never closed.", Span(open_at[-1], open_at[-1] + 1)
            )
        elif not open_at:
            body = text[start:at]
            if body.strip():
                left = start + len(body) - len(body.lstrip())
                yield Span(left, start + len(body.rstrip()))
            start = at + 1


def statement(source: Source, alone: bool = False) -> Statement:
    """The statement that stands there, or an expression `alone`. Raises ParseError."""
    asked = _derivative(source) or unknowns(source, _run)
    if asked is not None:
        return asked
    try:
        found: Statement = _run("statement", source)
    except ParseError as error:
        if not alone or _REQUEST.match(source.text, *source.span):
            raise
        try:
            return asking(_run("expression", source))
        except ParseError as other:
            is_misspelt = error.message.startswith("did you mean")
            raise error if is_misspelt or _reached(other) < _reached(error) else other from None
    return found


def _reached(error: ParseError) -> int:
    """How far into a text the parser got."""
    return -1 if error.span is None else error.span.start


def _derivative(source: Source) -> Asked | None:
    """The request that a derivative's own notation is, or the claim of what it equals."""
    text, (start, end) = source.text, source.span
    check = _CHECK.match(text, start, end)
    begin = start if check is None else check.end()
    if text[begin] not in "d∂∇":
        return None
    equals = _equals(text, begin, end)
    if check is not None and equals is None:
        return None
    stop = end if equals is None else equals
    left = Span(begin, begin + len(text[begin:stop].rstrip()))
    for form in _DERIVATIVES:
        m = form.fullmatch(text, *left)
        if m is not None:
            break
    else:
        return None
    of = _run("expression", source._replace(span=_stripped(text, Span(*m.span("of")))))
    names = re.compile(r"[^\s,]+").finditer(text, *m.span("wrt"))
    wrt = tuple(PlacedName(normal(n.group()), Span(*n.span())) for n in names)
    is_own = of.kind == "call" and source.functions.get(of.value.name) == MANY
    if not wrt and is_own and all(a.kind == "name" for a in of.args):  # `∇f(x)`
        wrt = tuple(PlacedName(a.value, a.span) for a in of.args)
    kind: DerivativeKind = "hess" if m.groupdict().get("two") else "grad"
    leibniz = kind == "grad" and text[begin] != "∇"
    claim = None
    if equals is not None:
        right = _stripped(text, Span(equals + 1, end))
        claim = _run("expression", source._replace(span=right))
    return Asked(kind, of, wrt, None, False, claim, source.span, leibniz=leibniz)


def _equals(text: str, start: int, end: int) -> int | None:
    """Where the sign between two sides stands, outside of brackets."""
    depth = 0
    for m in _SIDES.finditer(text, start, end):
        if m.group() == "=" and not depth:
            return m.start()
        depth += (m.group() in "([{") - (m.group() in ")]}")
    return None


def _stripped(text: str, span: Span) -> Span:
    inner = text[span.start : span.end]
    return Span(span.start + len(inner) - len(inner.lstrip()), span.start + len(inner.rstrip()))


def asking(of: SyntaxNode) -> Asked:
    """The request that an expression alone is."""
    return Asked("grad", of, (), None, False, None, of.span)


def _run(start: str, source: Source) -> Any:
    """Feed the parser token by token: what is said of one that it refuses depends on where it stood
    before."""
    text, span = source.text, source.span
    if span.end - span.start > MAX_STATEMENT:
        raise ParseError(
            f"the line has {span.end - span.start} characters: at most {MAX_STATEMENT} are read. "
            "Name its parts in lines of their own.",
            Span(span.start, span.start + 1),
        )
    driver: Any = _parser().parse_interactive(source, start)
    state = driver.parser_state
    position, fed, begun = state.position, None, None
    try:
        for token in driver.lexer_thread.lex(state):
            state.feed_token(token)
            begun = _begun(token, fed, begun)
            position, fed = state.position, token
        return driver.feed_eof(fed)
    except UnexpectedToken as error:
        refused = error.token
    if begun is not None:
        raise _malformed(begun, source)
    at = Span(span.end, span.end) if refused.type == "$END" else span_of(refused)
    waiting = _waiting(state.parse_conf.states[position])
    stopped = Stop(text[span.start : span.end], at.start - span.start, str(refused), str(fed or ""))
    name, first = stopped.called
    if name and name not in source.functions and name not in source.abstract:
        place = Span(span.start + first, span.start + first + len(name))
        raise NameProblem(unknown_function(name, source.functions), place, text)
    message = complaint(stopped, waiting, source.functions)
    raise ParseError(message, span if waiting == "head" else at, text)


def _begun(token: Token, before: Token | None, begun: Token | None) -> Token | None:
    """The token that begins the index or the range in which a token stands, if it stands in one."""
    if token.type in ("_FOR", "SUM"):
        return token
    if token.type == "_AT" and begun is None:
        return before
    closed = begun is not None and begun.type != "_FOR" and token.type in ("END", "RPAR")
    return None if closed else begun


def _malformed(begun: Token, source: Source) -> ParseError:
    """What is said of an index or a range that is none."""
    place = span_of(begun)
    if begun.type == "_FOR":
        return ParseError(RANGE, Span(place.start, source.span.end))
    end = next(_closings(source.text, place.end))
    message = RANGE if begun.type == "SUM" else no_index(source.text[place.start : end])
    return ParseError(message, Span(place.start, end))


def _closings(text: str, begin: int) -> Iterator[int]:
    """Where the brackets that open behind a place are closed again, all of them."""
    depth = 0
    for m in _BOUNDARY.finditer(text, begin):
        closes = m.group() in _PAIRS.values()
        depth += (m.group() in _PAIRS) - closes
        if closes and not depth:
            yield m.end()


def _waiting(expected: Container[str]) -> Waiting:
    """What kind of thing the parser was waiting for."""
    kinds: tuple[tuple[str, Waiting], ...] = (
        ("_CHECK", "statement"),
        ("KIND", "request"),
        ("TIMES", "operator"),
        ("NUMBER", "operand"),
        ("DIM", "dimension"),
        ("ATTRIBUTE", "dimension"),
        ("_COLON", "head"),
        ("_COMMA", "names"),
    )
    return next((kind for name, kind in kinds if name in expected), "name")


@cache
def _parser() -> Lark:
    """The parser, made on first use."""
    return made_parser(("problem.lark", "expression.lark"), Terminals, Builder())


def made_parser(names: Sequence[str], lexer: type[Lexer], builder: Builder) -> Lark:
    """The parser of a grammar; its tables are kept in the user's cache."""
    grammar = _grammar(names)
    return Lark(
        grammar,
        parser="lalr",
        lexer=lexer,
        start=["statement", "expression"],
        transformer=builder,
        cache=_cache_file(grammar + __version__) or False,
    )


def _grammar(names: Sequence[str]) -> str:
    """The grammar's text."""
    folder = shipped("grammar")
    return "\n".join((folder / name).read_text(encoding="utf-8") for name in names)


def _cache_file(key: str) -> str | None:
    """Where the parser's tables are kept: a folder that nobody else can write, or nowhere.

    What lies there is unpickled, so that a shared folder would let others run code."""
    try:
        folder = own_folder("cache")
        make_folder(folder)
        status = folder.stat()
    except (OSError, RuntimeError):  # not writable; no home
        return None
    if hasattr(os, "getuid") and (status.st_uid != os.getuid() or status.st_mode & 0o022):
        return None
    return str(folder / f"grammar-{blake2b(key.encode(), digest_size=10).hexdigest()}")
