r"""Parts of formulas to statements, by the parser of the plain language.

The nodes are those of the plain language, their places those in the text as typed. Names are
gathered first, from what stands left of `\in` and `=`: they tell which letters are one name.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

from ...core.errors import NameProblem, ParseError, Span
from ...core.indices import base_of, index_of, read_name
from ..syntax.applications import Application
from ..syntax.automaton import Automaton, ParserRun, Terminal, UnexpectedTerminal
from ..syntax.conditions import condition
from ..syntax.derivative_notation import derivative_node
from ..syntax.lexer import MANY
from ..syntax.parse_tables import PROBLEM, tables_of
from ..syntax.parser import Builder, asking
from ..syntax.tree import (
    UPSTREAM,
    Asked,
    Declaration,
    Definition,
    Equality,
    FunctionDefinition,
    PlacedName,
    Solving,
    Statement,
    SyntaxNode,
    call_node,
    postorder,
    values_named,
)
from .derivatives import LatexDerivative, derivative
from .lexer import terminals
from .lexer_items import LatexPart
from .names import Names, Typed, arguments, look_of, names_between
from .statement_boundaries import FormulaStatement, turned
from .tokens import Token, letters_end, outer, rebased, tokens

_RELATIONS = ("=", ":=")
_CHECK = "check"
_ONE_EQUALS = (
    "a definition has one `=`, and a name alone on its left; a claim is `\\nabla_W J = …`."
)


class _Builder(Builder):
    """What the parser calls for formulas where these differ from the plain language."""

    log = r"\log({})"

    def application(self, c: list[Any]) -> SyntaxNode:
        function, argument = c
        name, _, power = function.value
        if power is None:
            return super().application(c)
        span = function.span | argument.span
        called = call_node(name, (argument,), span)
        return Application(".^", (called, self.number([power])), None, span)

    def python_slice(self, c: list[Any]) -> None:
        (first, *_) = ends = [node for node in c if node is not None]
        raise ParseError(
            r"a slice has both its ends, from 1 on, and stands below: `x_{2:n}`, `X_{1:k,:}`.",
            first.span | ends[-1].span,
        )


@cache
def _automaton() -> Automaton:
    return Automaton(tables_of(PROBLEM), _Builder())


# ------------------------------------------------------------------------------------------ names


def gather(
    statements: Sequence[Statement], parts: Sequence[FormulaStatement], names: Names
) -> None:
    """Take in the names that plain statements and formulas declare and define."""
    for s in statements:
        _take_plain(s, names)
    for part in parts:
        for name, _ in _conditioned(part, names):
            names.add(name)
    heads = [part for part in parts if part.relation < len(part.tokens)]
    for part in sorted(heads, key=lambda part: part.over is None):
        _take_head(part, names)


def _take_plain(s: Statement, names: Names) -> None:
    for name, _ in values_named(s):
        names.add(name)
    match s:
        case FunctionDefinition():
            names.add(s.name.name)
            names.arguments[s.name.name] = tuple(p.name.name for p in s.parameters)
        case Asked(kind="vjp", of=SyntaxNode(kind="name", value=name)):
            names.upstream.add(name)
        case Declaration():
            names.declared.update(name for name, _ in s.names)
            if any(word == "elementwise" for word, _ in s.words):
                names.abstract.update(base_of(name) for name, _ in s.names)
            for name, _ in (named for side in s.sides or () for named in side.names):
                names.add(name)
                names.dims.add(base_of(name))
        case Definition():
            for node in postorder(s.body):  # sizes are dimensions
                for size in node.value.sizes if node.kind == "call" else ():
                    names.dims.update(n.value for n in postorder(size) if n.kind == "name")


def _take_head(part: FormulaStatement, names: Names) -> None:
    """Take in what stands left of a statement's sign."""
    found, end = part.tokens, part.relation
    sign = found[end].text
    i = 0
    while i < end:
        word = _word(names.text, found, i, end)
        typed = names.typed(found, i)
        if typed is None:
            return
        if word and names.functions.get(word, MANY) == MANY:
            names.add(word)
            typed = names.typed(found, i) or typed
        name = _take(typed, part, names)
        if typed.end < end and found[typed.end].text == "(" and sign in _RELATIONS:
            given = arguments(found, typed.end, names)
            if given is None:
                names.take_brackets(name, found[typed.end + 1 : found[typed.end].partner])
            else:
                names.arguments[name] = given
            return
        if "elementwise" in names.text[found[end].span.start : part.span.end]:
            names.abstract.add(name)
        i = typed.end + 1
    if sign == r"\in" or sign == ":":
        _take_dims(part, names)


def _take(typed: Typed, part: FormulaStatement, names: Names) -> str:
    """Take in a new name, a member's if what stands below is an index: of the range's letter, or of
    a known family."""
    (stem, below), index = typed.look, typed.above
    name = typed.exact or typed.spelled
    last = index_of(below[-1]) if below and not index else None
    is_defined = part.tokens[part.relation].text in _RELATIONS
    if index and not part.over and is_defined and typed.look not in names.families:
        name, index = f"{name}_{index}", ""  # an entry, or a row
    elif last is not None and (
        last.letter == part.letter != "" or (stem, below[:-1]) in names.families
    ):
        name, index = "_".join([stem, *below[:-1]]), below[-1]
    known = list(names.looks.get(look_of(name), ()))
    name = known[0] if len(known) == 1 else name
    names.add(read_name(f"{name}[{index}]") if index else name, typed.style)
    names.declared |= {name} if not is_defined else set()
    return name


def _take_dims(part: FormulaStatement, names: Names) -> None:
    """Take in the dimensions of a shape."""
    i = part.relation + 1
    while i < len(part.tokens):
        token, typed = part.tokens[i], names.typed(part.tokens, i)
        if token.text in (r"\mathbb", r"\mathbf") and i + 1 < len(part.tokens):
            i = part.tokens[i + 1].partner + 1
        elif typed is None or token.kind == "word" or token.text == "x":  # `m x n`
            i += 1
        else:
            names.dims.add(_take(typed, part, names))
            i = typed.end


def _word(text: str, found: Sequence[Token], i: int, end: int) -> str:
    """Several letters beside each other that are a left side, or before its brackets: a name."""
    stop = letters_end(found, i, end)
    called = stop < end and found[stop].text == "(" and found[stop].partner == end - 1
    if stop - i < 2 or not (stop == end or called or found[stop].is_(",")):
        return ""
    return text[found[i].span.start : found[stop - 1].span.end]


# ---------------------------------------------------------------------------------------- parsing


def statements(part: FormulaStatement, names: Names, alone: bool = False) -> list[Statement]:
    """What one statement of a formula means, or an expression `alone`; a chain of claims is
    several. Raises ParseError."""
    names.bound = _bound(part)
    found = part.tokens
    conditioned = _conditioned(part, names)
    if conditioned:
        return [condition(conditioned, part.said, part.span)]
    given = _arguments_of(part, names) if part.relation < len(found) else ()
    names = names.with_names(given) if given else names
    whole = LatexPart(found, names)
    asked = _asked(whole)
    if asked is None:
        asked = [_derivative_definition(whole, part.relation) or _statement(whole, alone)]
    return [s if part.over is None else _over(s, part) for s in asked]


def _statement(part: LatexPart, alone: bool) -> Statement:
    """A statement, or an expression `alone`."""
    try:
        made: Statement = _run("statement", part)
    except ParseError as error:
        if not alone or len(part.sides()) > 1:
            raise
        try:
            return asking(_run("expression", part))
        except ParseError as other:
            raise max(error, other, key=_place) from None
    return made


def _asked(part: LatexPart) -> list[Statement] | None:
    """The request that a formula is, or its claims: each derivative in a chain of equations, with
    what it is; the first, with all of that. None of what is neither."""
    begin = _behind_check(part)
    sides = part.sides(begin)
    derivatives = [derivative(part, *side, alone=len(sides) == 1) for side in sides]
    if derivatives[0] is None:
        return None
    asked = [_request(part, d) for d in derivatives if d is not None]
    others = [side for side, d in zip(sides, derivatives, strict=True) if d is None]
    if len(sides) == 1 and not begin:
        return [*asked]
    empty = next((low for low, high in others if low == high), None)
    if empty is not None or not others:
        at = part.tokens[-1 if empty is None else empty - 1].span
        message = f"something is missing after `{part.text[slice(*at)]}`."
        raise ParseError(message, Span(at.end, at.end))
    claims = [_run("expression", part.between(*side)) for side in others]
    pairs = [*((asked[0], e) for e in claims), *((other, claims[0]) for other in asked[1:])]
    return [replace(one, claim=e, span=one.span | e.span) for one, e in pairs]


def _behind_check(part: LatexPart) -> int:
    """Where a statement goes on behind the word `check`."""
    letters = [t.text for t in part.tokens[: len(_CHECK)] if t.kind in ("letter", "word")]
    return len(_CHECK) if letters == [*_CHECK] else int(letters[:1] == [_CHECK])


def _request(part: LatexPart, d: LatexDerivative) -> Asked:
    of = _run("expression", part.between(*d.of))
    span = d.span | of.span
    if not d.leibniz:
        span |= d.wrt[-1].span
    return Asked(d.kind, of, d.wrt, d.along, False, None, span, leibniz=d.leibniz)


def _derivative_definition(part: LatexPart, equals: int) -> Definition | None:
    r"""`g = \nabla_x J`, with a sign or without; None of other statements. Raises ParseError."""
    begin, end = equals + 1, len(part.tokens)
    signed = begin < end and part.tokens[begin].is_("+", "-")
    (_, stop), *_ = part.sides(begin)
    written = derivative(part, begin + signed, stop, alone=False)
    names = names_between(part.tokens, 0, equals, part.names)
    if written is None or names is None or len(names) != 1:
        return None
    if stop < end:
        raise ParseError(_ONE_EQUALS, part.tokens[stop].span)
    if len(written.wrt) != 1 or written.along:
        raise ParseError(
            "a derivative that is a value is by one name: `g = \\nabla_x J`.", written.span
        )
    of = _run("expression", part.between(*written.of))
    node = derivative_node(written.kind, of, written.wrt[0], written.span | of.span)
    if signed and part.tokens[begin].is_("-"):
        span = part.tokens[begin].span | node.span
        node = SyntaxNode("neg", (replace(node, bracketed=True),), None, span)
    return Definition(names[0], node, names[0].span | node.span)


def _conditioned(part: FormulaStatement, names: Names) -> tuple[PlacedName, ...]:
    """The names of which a statement says that they have an attribute."""
    if not part.said:
        return ()
    named = rebased(turned(part.tokens) or part.tokens[:-2])
    return names_between(named, 0, len(named), names, new=True) or ()


def _place(error: ParseError) -> int:
    return error.span.start if error.span is not None else 0


def expression(span: Span, names: Names) -> SyntaxNode:
    """An expression in LaTeX. Raises ParseError."""
    typed = tokens(names.text, span)
    breaks = {i for i in outer(typed) if typed[i].is_(r"\\")}
    found = [t for i, t in enumerate(typed) if i not in breaks]
    names.bound = _bound(FormulaStatement(found, None, span))
    node: SyntaxNode = _run("expression", LatexPart(rebased(found), names))
    return node


def _over(s: Statement, part: FormulaStatement) -> Statement:
    if isinstance(s, (FunctionDefinition, Equality, Solving)) or (
        isinstance(s, Asked) and s.claim is None
    ):
        raise ParseError("a range belongs to a declaration, a definition or a claim.", part.span)
    return replace(s, ranges=() if part.over is None else (part.over,))


def _bound(part: FormulaStatement) -> set[str]:
    """The letters that run in a statement."""
    found = {part.letter} - {""}
    for i, token in enumerate(part.tokens[:-3]):
        if token.is_(r"\sum", r"\prod") and part.tokens[i + 1].is_("_"):
            close = part.tokens[i + 2].partner
            found |= {t.text for t in part.tokens[i + 3 : close] if t.kind == "letter"}
    return found


def _arguments_of(part: FormulaStatement, names: Names) -> tuple[str, ...]:
    r"""The arguments of the function that the left side is, `J(\theta)` or `p(\theta)_i`; none of
    others. What is called of no names is refused."""
    text, found, end = names.text, part.tokens, part.relation
    if found[end].text not in (*_RELATIONS, r"\in", ":"):
        shown = text[found[end].span.start : found[end].span.end]
        raise ParseError(f"`{shown}` is no definition: write `=`.", found[end].span)
    typed = names.typed(found, 0)
    if found[end].text not in _RELATIONS or typed is None or found[typed.end].text != "(":
        return ()
    name, close = names.meaning(typed, True), found[typed.end].partner
    scripts = names.scripts(found, close + 1)
    if scripts.end != end or scripts.raised or name in names.brackets:
        return ()
    given = names.arguments.get(name)
    if given:
        return given
    span = found[typed.end].span | found[close].span
    raise NameProblem(
        f"`{name}` is a function of `{text[span.start + 1 : span.end - 1].strip()}`, which is no "
        f"name: write `{name}(x) = …`, or `{name} = …` of declared names; that "
        "two values are equal is claimed by `check E1 = E2`.",
        span,
    )


def _run(start: str, part: LatexPart) -> Any:
    run, fed = ParserRun(_automaton(), start), None
    begun = start == "expression"
    try:
        for token in terminals(part, run):
            is_head = token.type == "FUNCTION" and fed is None and not begun
            if is_head and str(token) not in part.names.arguments:
                raise UnexpectedTerminal(token, run.waiting)
            if fed is None and token.type == "KIND" and len(part.sides()) > 1:
                run.feed(Terminal("_CHECK", "check", token.span))  # LaTeX claims without the word
            run.feed(token)
            fed = token
            begun = begun or token.type in _BEGINS
        return run.value()
    except UnexpectedTerminal as error:
        refused = error.token
    raise _complaint(part, refused, fed, begun)


# After one of these it is told what kind of statement it is.
_BEGINS = ("_EQUALS", "_COLON", "KIND", "_CHECK")


def _complaint(
    part: LatexPart, refused: Terminal | None, fed: Terminal | None, begun: bool
) -> ParseError:
    """What is said of a token that has no place where it stands."""
    first, last = part.tokens[0].span, part.tokens[-1].span
    at = Span(last.end, last.end) if refused is None else refused.span
    shown = part.text[at.start : at.end]
    before = part.text[slice(*fed.span)] if fed is not None else ""
    operand = fed is None or fed.type in (
        "SIGN", "TIMES", "LPAR", "BAR", "NORM", "ANGLE", "APPLY", "_EQUALS", "_COMMA", "OVER",
        "POWER",
    )  # fmt: skip
    power = next((i for i, t in enumerate(part.tokens[:2]) if t.is_("^")), len(part.tokens))
    behind = [t.kind for t in part.tokens[power + 1 : power + 5]]
    if not begun and behind == ["open", "number", "close", "relation"]:  # `\sigma^2 = …`
        return ParseError(
            "a power is no name: define what it is of, or give it a name, `v = …`.",
            first | part.tokens[power + 3].span,
        )
    equals = next((t for t in part.tokens if t.kind == "relation"), None)
    if not begun and equals is not None and equals.text in _RELATIONS:
        return ParseError(
            "left of `=` stands a name alone that is no function of the language, `J = …` or "
            "`f(x) = …`; that two values are equal is claimed by `check E1 = E2`.",
            first | equals.span,
        )
    if not begun:
        return ParseError(
            "this is no statement. A formula declares (`X \\in \\mathbb{R}^{m \\times n}`), "
            "defines a name (`J = …`) or asks (`\\nabla_W J`).",
            first | last,
        )
    if refused is None:
        message = f"something is missing after `{before}`."
    elif refused.type == "_EQUALS":
        message = _ONE_EQUALS
    elif operand:
        message = f"something is missing between `{before}` and `{shown}`."
    elif refused.type in ("TRANSPOSE", "POWER") or (fed and fed.type == "POWER"):
        message = "two superscripts need braces: `{A^{-1}}^{\\top}`."
    else:
        message = f"`{shown}` has no place here."
    return ParseError(message, at)


def names_of(text: str, known: Collection[str], functions: Mapping[str, int]) -> Names:
    """The names that are known from elsewhere."""
    names = Names(text, functions)
    for name in known:
        inner = name.removeprefix(f"{UPSTREAM}(").removesuffix(")")
        if name == f"{UPSTREAM}({inner})":
            names.upstream.add(inner)
        else:
            names.add(name)
    return names
