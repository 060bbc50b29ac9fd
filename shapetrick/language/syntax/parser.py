"""Text to statements: the text is split into lines, and the parser makes a statement of each.

The grammar stands in `grammar/`, the lexer in `language/syntax/lexer.py`; no other module knows the
parser generator.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Container, Iterable
from contextlib import suppress
from dataclasses import replace
from fractions import Fraction
from functools import cache
from math import isfinite
from typing import Any

from ...core.budget import STATEMENTS
from ...core.dims import LARGEST, ONE, Dim
from ...core.errors import Located, NameProblem, ParseError, Span
from ...core.functions import NAMES, TABLE
from ...core.greek import as_declared
from ...core.indices import Index, Range, index_of, member
from ...core.regexes import regex
from .applications import ApplicationBuilder
from .automaton import Automaton, ParserRun, Terminal, UnexpectedTerminal
from .conditions import condition_at, with_conditions
from .derivative_notation import derivative, derivative_definition, variable_at
from .equation_library import solved, without_calls
from .foreign_words import PROSE, no_name, refuse_kind
from .function_heads import HeadBuilder
from .index_binders import Binder, IndexBuilder
from .lexer import MANY, Arities, Source, Terminals, normal
from .library_calls import LibraryCalls, instead
from .parse_tables import PROBLEM, tables_of
from .python_marks import by_entry
from .selections import StructureBuilder
from .signs import BARS, NORMS, no_norm
from .solve_statements import solving
from .statement_lines import cleaned, closings, declared_names, elementwise, lines
from .syntax_errors import (
    RAISED,
    RANGE,
    REQUESTS,
    Stop,
    Waiting,
    complaint,
    no_call,
    no_index,
    unknown_function,
)
from .text_functions import opened_expression, opened_statements, with_heads
from .tree import (
    INNER,
    PRIME,
    UPSTREAM,
    Asked,
    Callee,
    Declaration,
    Definition,
    FreeEntries,
    KeywordArgument,
    PlacedName,
    Statement,
    SyntaxNode,
    TypedDimension,
    call_node,
    name_node,
    number_node,
    with_expressions,
)
from .wolfram import refuse_wolfram

MAX_STATEMENT = 30_000
MAX_NUMBER = 300

_OPERATORS = {
    "**": "^", "@": "*", "·": "*", "∘": ".*", "⊙": ".*", "⊘": "./", "−": "-",
    ".+": "+", ".-": "-", ".−": "-",
}  # fmt: skip
LARGER = {"max": "maximum", "min": "minimum"}  # of each entry
_REQUEST = regex(rf"({'|'.join(REQUESTS)})\s+[^\s*/+.,^='’:-]")


class Builder(ApplicationBuilder, HeadBuilder, StructureBuilder, IndexBuilder, LibraryCalls):
    """What the parser calls for each token and rule, bottom up; each gives its part's value."""

    def NAME(self, t: Terminal) -> PlacedName:
        named: PlacedName = t.value
        return named

    DIM = NAME

    def number(self, c: list[Any]) -> SyntaxNode:
        return SyntaxNode("number", (), _exact(c[0]), c[0].span)

    def name(self, c: list[Any]) -> SyntaxNode:
        return name_node(c[0].name, c[0].span)

    def group(self, c: list[Any]) -> SyntaxNode:
        left, node, right = c
        return bracketed(node, left.span | right.span)

    def binary(self, c: list[Any]) -> SyntaxNode:
        left, sign, right = c
        kind = _OPERATORS.get(sign.value, sign.value)
        inner = INNER if sign.value in ("@", "·") else None
        return SyntaxNode(kind, (left, right), inner, left.span | right.span)

    def sign(self, c: list[Any]) -> SyntaxNode:
        sign, node = c
        span = sign.span | node.span
        return (
            replace(node, span=span)
            if sign.value == "+"
            else SyntaxNode("neg", (node,), None, span)
        )

    def transpose(self, c: list[Any]) -> SyntaxNode:
        if c[0].kind == "number":
            raise ParseError(
                "a number is its own transpose: for a row of ones write `ones(n)'`, or `𝟙'`.",
                c[0].span | c[1].span,
            )
        return SyntaxNode("'", (c[0],), None, c[0].span | c[1].span)

    def inverse_transpose(self, c: list[Any]) -> SyntaxNode:
        inverse = self._power(c[0], -1, c[1].span)
        return SyntaxNode("'", (inverse,), None, inverse.span)

    def raised(self, c: list[Any]) -> SyntaxNode:
        return self._power(c[0], int(str(c[1]).translate(RAISED)), c[1].span)

    def pseudoinverse(self, c: list[Any]) -> SyntaxNode:
        raise ParseError("a pseudoinverse is `pinv(A)`, of a matrix of full rank.", c[1].span)

    def _power(self, node: SyntaxNode, exponent: int, span: Span) -> SyntaxNode:
        """A power whose exponent is not typed as a number."""
        return SyntaxNode("^", (node, number_node(exponent, span)), None, node.span | span)

    def fraction(self, c: list[Any]) -> SyntaxNode:
        value = Fraction(unicodedata.numeric(c[0])).limit_denominator(10)
        return SyntaxNode("number", (), value, c[0].span)

    def ones(self, c: list[Any]) -> SyntaxNode:
        one = number_node(1, c[0].span)
        return call_node("vector", (one,), c[0].span)

    def bars(self, c: list[Any]) -> SyntaxNode:
        opening, inner, closing = c
        below = str(closing).strip("‖|_ {}")
        if below.startswith("²"):  # `‖A‖²_F`
            below = below.removeprefix("²").strip("_ {}")
            return self._power(self.notated(below, inner, opening, closing), 2, closing.span)
        return self.notated(below if opening.type == "NORM" else None, inner, opening, closing)

    def notated(
        self, below: str | None, inner: SyntaxNode, opening: Terminal, closing: Terminal
    ) -> SyntaxNode:
        """A norm with an index below it, which may be empty; bars where that is None."""
        name = BARS if below is None else NORMS.get("".join(below.split()))
        if name is None:
            raise ParseError(no_norm(below or ""), closing.span)
        return call_node(name, (inner,), opening.span | closing.span)

    def quotient(self, c: list[Any]) -> SyntaxNode:
        sign, _, above, _, _, below, end = c
        return SyntaxNode("/", (above, below), None, sign.span | end.span)

    def root(self, c: list[Any]) -> SyntaxNode:
        sign, *inner = c
        argument = inner[1] if len(inner) > 1 else self.number(inner)
        return call_node("sqrt", (argument,), sign.span | inner[-1].span)

    def dot(self, c: list[Any]) -> SyntaxNode:
        opening, left, right, closing = c
        return call_node("dot", (left, right), opening.span | closing.span)

    def primed(self, c: list[Any]) -> SyntaxNode:
        """`tanh'(x)`: a call of the derivative."""
        function, *primes, _, node, end = c
        name, span = function.value
        return call_node(name + PRIME * len(primes), (node,), span | end.span)

    def abstract(self, c: list[Any]) -> SyntaxNode:
        token, *indices, node, end = c
        called, primes = token.value, [t for t in indices if getattr(t, "type", "") == "PRIME"]
        at = [i for i in indices if isinstance(i, Index)]
        bracket = next((t for t in indices if getattr(t, "type", "") == "END"), None)
        name, span = self.member([called, *at, bracket]) if at else called
        return SyntaxNode("abstract", (node,), (name, len(primes)), span | end.span)

    def member(self, c: list[Any]) -> PlacedName:
        (name, span), *indices, end = c
        return PlacedName(member(name, *indices), span | end.span)

    head_member = named_member = member

    def index(self, c: list[Any]) -> Index:
        given = [t for t in c if t is not None and t.type in ("SIGN", "INTEGER", "LETTER")]
        for t in given:
            if t.type == "INTEGER":
                _whole(t, "an index")
        found = index_of(" ".join(normal(str(t)) for t in given))
        assert found is not None
        return found

    def ranges(self, c: list[Any]) -> tuple[Range, ...]:
        return tuple(c)

    def padded(self, c: list[Any]) -> tuple[str, ...]:
        return tuple(normal(str(letter)) for letter in c if letter is not None)

    def range(self, c: list[Any]) -> Range:
        letter, first, last = c
        return Range(normal(str(letter)), first, last).rising

    def call(self, c: list[Any]) -> SyntaxNode:
        function, _, *given, end = c
        given = [a for a in given if a is not None]
        args = tuple(a for a in given if isinstance(a, SyntaxNode))
        axes = [a for a in given if isinstance(a, int)]
        keywords = tuple(a for a in given if isinstance(a, KeywordArgument))
        name, before = function.value
        span = function.span | end.span
        if len(axes) > 1 or (axes and given[len(args)] is not axes[0] and not keywords):
            raise ParseError("`axis=` is given once, as the last argument.", span)
        if name == UPSTREAM:
            return _upstream(args, span)
        found = instead("" if before == MANY else name, given, span)
        if found is not None:
            return found
        axis = axes[0] if axes else None
        if name in LARGER and len(args) > 1 and axis is None and before != MANY:
            _check_larger(name, args, span)
            return call_node(LARGER[name], args, span)
        callee = Callee(name, axis, args[before:], keywords)
        return SyntaxNode("call", args[:before], callee, span)

    def formula(self, text: str) -> SyntaxNode:
        words = {name: TABLE[of].arity for name, of in NAMES.items()}
        found: SyntaxNode = _run("expression", Source(text, Span(0, len(text)), words, ()))
        return found

    def each(self, c: list[Any]) -> SyntaxNode:
        """Julia's call of a function on every entry, `exp.(x)`. Raises ParseError for others."""
        function, point, *rest = c
        name, _ = function.value
        row = TABLE.get(NAMES.get(name, ""))
        if row is None or not row.elementwise:
            raise ParseError(
                f"`{name}` is no function of every entry: write `{name}(…)` for that of the whole.",
                function.span | point.span,
            )
        return self.call([function, *rest])

    def sum_of(self, c: list[Any]) -> tuple[Range | Binder, Span]:
        return c[0].value if len(c) == 1 else c[2], c[0].span

    def running(self, c: list[Any]) -> SyntaxNode:
        (over, span), body = c
        kind = "bound" if isinstance(over, Binder) else "running"
        return SyntaxNode(kind, (body,), over, span | body.span)

    # ---- declarations

    def dim_size(self, c: list[Any]) -> TypedDimension:
        return TypedDimension(Dim.of(_whole(c[0], "a dimension")), ())

    def dim_name(self, c: list[Any]) -> TypedDimension:
        return TypedDimension(Dim.of(c[0].name), (c[0],))

    def dim_member(self, c: list[Any]) -> TypedDimension:
        return self.dim_name([self.member(c)])

    def dim_group(self, c: list[Any]) -> TypedDimension:
        return TypedDimension(c[0].dim, c[0].names)

    def dim_sum(self, c: list[Any]) -> TypedDimension:
        first, *less, last = c
        dim = last.dim if not less else -last.dim
        return TypedDimension(first.dim + dim, first.names + last.names, last.tail)

    def dim_product(self, c: list[Any]) -> TypedDimension:
        tail = c[1].names[0] if c[0].names and len(c[1].names) == 1 else None
        return TypedDimension(c[0].dim * c[1].dim, c[0].names + c[1].names, tail)

    def dim_quotient(self, c: list[Any]) -> TypedDimension:
        size = _whole(c[1], "a dimension")
        dim = c[0].dim
        found = dim.over(size) if size else None
        if found is None:
            above = f"({dim})" if len(dim.terms) > 1 else str(dim)
            raise ParseError(
                f"`{above} / {c[1]}` is not whole for every size: give this dimension a name "
                "of its own.",
                c[1].span,
            )
        return TypedDimension(found, c[0].names)

    def column(self, c: list[Any]) -> tuple[TypedDimension, TypedDimension]:
        return c[0], TypedDimension(ONE, ())

    def matrix(self, c: list[Any]) -> tuple[TypedDimension, TypedDimension]:
        return c[0], c[1] or TypedDimension(ONE, ())

    def real(self, _: list[Any]) -> tuple[TypedDimension, TypedDimension]:
        return TypedDimension(ONE, ()), TypedDimension(ONE, ())

    def attributes(self, c: list[Any]) -> tuple[PlacedName, ...]:
        return tuple(PlacedName(str(t), t.span) for t in c)

    # ---- statements

    def names(self, c: list[Any]) -> tuple[PlacedName, ...]:
        return tuple(c)

    heads = names

    def free_entries(self, c: list[Any]) -> PlacedName:
        return FreeEntries(*c[0])

    def direction(self, c: list[PlacedName]) -> PlacedName:
        return c[0]

    def declaration(self, c: list[Any]) -> Declaration:
        names, sides, words, ranges, padded = c
        span = names[0].span | names[-1].span
        ranges = ranges or ()
        return Declaration(names, sides, words, span, ranges, _zero_outside(padded, ranges))

    def definition(self, c: list[Any]) -> Definition:
        name, body, ranges, padded = c
        ranges = ranges or ()
        span = name.span | body.span
        return Definition(name, body, span, ranges, _zero_outside(padded, ranges))

    def request(self, c: list[Any]) -> Asked:
        kind, of, before, wrt, after, symmetric = c
        span = kind.span | wrt[-1].span
        return Asked(kind.value, of, wrt, before or after, symmetric is not None, None, span)

    def check(self, c: list[Any]) -> Asked:
        request: Asked = c[0]
        claim: SyntaxNode = c[1]
        return replace(request, claim=claim, span=request.span | claim.span, ranges=c[2] or ())


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


def _zero_outside(letters: tuple[str, ...] | None, ranges: tuple[Range, ...]) -> tuple[str, ...]:
    """The letters outside of whose ranges members are said to be zero: all, if none is named."""
    if letters is None:
        return ()
    return letters or tuple(over.letter for over in ranges) or ("",)  # which no name has


def _upstream(args: tuple[SyntaxNode, ...], span: Span) -> SyntaxNode:
    """`bar(Z)` is a name."""
    if len(args) != 1 or args[0].kind != "name":
        raise ParseError(f"`{UPSTREAM}` is of one name: `{UPSTREAM}(Z)`.", span)
    return name_node(f"{UPSTREAM}({args[0].value})", span)


def _whole(t: Terminal, what: str) -> int:
    """The number that a size or an index is."""
    if len(t) > len(str(LARGEST)):
        raise ParseError(f"{what} is too large.", t.span)
    if not t.isdecimal():
        raise ParseError(f"{what} is a whole number in digits, without an exponent.", t.span)
    return int(t)


def _exact(t: Terminal) -> Fraction:
    if len(t) > MAX_NUMBER or not isfinite(float(t)):
        raise ParseError("the number is too long or too large.", t.span)
    return Fraction(str(t))


# ------------------------------------------------------------------------------------ the doors


def parse(
    text: str,
    functions: Arities,
    begin: int = 0,
    declared: Iterable[str] = (),
    alone: bool = False,
    names: Iterable[str] = (),
) -> list[Statement]:
    """The statements of a problem, in order, those that begin at a place or behind it; what is
    `declared` before that is an element-wise function, and `names` are values. Expressions `alone`
    are requests, where that is wanted. Raises ParseError."""
    with Located(text):
        clean = text[:begin] + cleaned(text[begin:], functions)
        abstract = {*declared, *elementwise(clean, begin)}
        functions = with_heads(clean[begin:], functions)
        known = {*names, *abstract, *declared_names(clean, begin)}
        sources = [Source(clean, span, functions, abstract, known) for span in lines(clean, begin)]
        STATEMENTS.admit(len(sources), "this text", "split it into several problems.")
        called: dict[str, str] = {}
        found = with_conditions([s for x in sources for s in _statements(x, alone, called)])
        return opened_statements(clean, found, functions)


def parse_expression(
    text: str,
    functions: Arities,
    abstract: Container[str] = frozenset(),
    names: Container[str] = frozenset(),
) -> SyntaxNode:
    """One expression, of which `names` are declared elsewhere. Raises ParseError."""
    with Located(text):
        clean = cleaned(text, functions)
        spans = list(lines(clean.replace(";", "\0").replace("\n", " ")))
        if not spans:
            raise ParseError("there is no expression.", Span(0, len(text)))
        refuse_wolfram(clean, spans[0], names)
        refuse_kind(clean, spans[0], names)
        node: SyntaxNode = _run("expression", Source(clean, spans[0], functions, abstract, names))
        return opened_expression(node, functions)


def pieces(text: str) -> list[Span]:
    """Where the statements stand in a text, comments left out. Raises ParseError."""
    with Located(text):
        return list(lines(cleaned(text)))


def tokens(
    text: str, functions: Arities, abstract: Container[str] = frozenset()
) -> list[tuple[str, Span]]:
    """The tokens of a statement or an expression, as far as it can be one: to highlight it."""
    source = Source(text, Span(0, len(text)), functions, abstract)
    return max((_tokens(start, source) for start in ("statement", "expression")), key=len)


def terminals() -> dict[str, str]:
    """The regular expressions of the grammar's terminals, by name."""
    return {**_automaton().tables.terminals}


def _tokens(start: str, source: Source) -> list[tuple[str, Span]]:
    run, found = ParserRun(_automaton(), start), []
    with suppress(UnexpectedTerminal, ParseError):
        for token in _lexer().lex(source, run):
            run.feed(token)
            found.append((token.type, token.span))
    return found


def _statements(source: Source, alone: bool, called: dict[str, str]) -> list[Statement]:
    """A statement, behind what declares the calls within it."""
    declared, source = without_calls(source, _run, called)
    return [*declared, statement(source, alone)]


def statement(source: Source, alone: bool = False) -> Statement:
    """The statement that stands there, or an expression `alone`. Raises ParseError."""
    refuse_wolfram(source.text, source.span, source.names)
    refuse_kind(source.text, source.span, source.names)
    for read in (derivative_definition, solving, solved):
        special: Statement | None = read(source, _run)
        if special is not None:
            return special
    asked = _derivative(source) or condition_at(source)
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
            at, reached = error.span or source.span, other.span or source.span
            raise error if is_misspelt or reached.end <= at.start else other from None
    return found


def _derivative(source: Source) -> Asked | None:
    """The request that a derivative's own notation is, or the claim of what it equals."""
    found = derivative(source.text, source.span, source.names)
    if found is None:
        return None
    of = _run("expression", source._replace(span=found.of))
    claim = None
    if found.claim is not None:
        claim = _run("expression", source._replace(span=found.claim))
    wrt = tuple(
        PlacedName(_variable(variable_at(source.text, span), source.names), span)
        for span in found.wrt
    )
    is_own = of.kind == "call" and source.functions.get(of.value.name) == MANY
    if not wrt and is_own and all(a.kind == "name" for a in of.args):  # `∇f(x)`
        wrt = tuple(PlacedName(a.value, a.span) for a in of.args)
    return Asked(found.kind, of, wrt, None, False, claim, source.span, leibniz=found.leibniz)


def _variable(text: str, names: Container[str]) -> str:
    """A name that a derivative is by: that of a value, of a member, or of an entry."""
    base, bracket, inner = text.partition("[")
    indices = [index_of(part.strip()) for part in inner.rstrip("]").split(",")] if bracket else []
    found = [index for index in indices if index is not None]
    name = as_declared(base, names)
    return member(name, *found) if found and len(found) == len(indices) else name


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
    run, fed, begun = ParserRun(_automaton(), start), None, None
    try:
        for token in _lexer().lex(source, run):
            run.feed(token)
            begun = _begun(token, fed, begun)
            fed = token
        return _in_its_language(run.value(), text)
    except UnexpectedTerminal as error:
        refused, waiting = error.token, _waiting(error.waiting)
    except ParseError as error:
        raise _prose(source) or error from None
    prose = _prose(source)
    if prose is not None:
        raise prose
    if begun is not None:
        raise _malformed(begun, source)
    at = Span(span.end, span.end) if refused is None else refused.span
    typed = text[span.start : span.end]
    stopped = Stop(typed, at.start - span.start, str(refused or ""), str(fed or ""))
    name, first = stopped.called
    if name and name not in source.functions and name not in source.abstract:
        place = Span(span.start + first, span.start + first + len(name))
        said = no_call(name) if name in source.names else unknown_function(name, source.functions)
        raise NameProblem(said, place)
    message = complaint(stopped, waiting, source.functions)
    raise ParseError(message, span if waiting == "head" else at)


def _prose(source: Source) -> ParseError | None:
    """What is said of a line that is a sentence; None of others."""
    line = source.text[slice(*source.span)]
    for m in re.finditer(r"[a-z]+", line):
        if m.group() in PROSE and m.group() not in source.names:
            start = source.span.start + m.start()
            return ParseError(no_name(m.group(), line), Span(start, start + len(m.group())))
    return None


def _in_its_language(made: Any, text: str) -> Any:
    """What was made, signs in the place of Python's where an expression has its marks."""
    if isinstance(made, SyntaxNode):
        return by_entry(text, made)
    return with_expressions(made, lambda e: by_entry(text, e))


def _begun(token: Terminal, before: Terminal | None, begun: Terminal | None) -> Terminal | None:
    """The token that begins the index or the range in which a token stands, if it stands in one."""
    if token.type in ("_FOR", "SUM"):
        return token
    if token.type == "_AT" and begun is None:
        return before
    closed = begun is not None and begun.type != "_FOR" and token.type in ("END", "RPAR")
    return None if closed else begun


def _malformed(begun: Terminal, source: Source) -> ParseError:
    """What is said of an index or a range that is none."""
    place = begun.span
    if begun.type == "_FOR":
        return ParseError(RANGE, Span(place.start, source.span.end))
    end = next(closings(source.text, place.end))
    message = RANGE if begun.type == "SUM" else no_index(source.text[place.start : end])
    return ParseError(message, Span(place.start, end))


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
def _automaton() -> Automaton:
    """The parser, made on first use."""
    return Automaton(tables_of(PROBLEM), Builder())


@cache
def _lexer() -> Terminals:
    return Terminals(_automaton().tables)
