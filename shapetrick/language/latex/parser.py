r"""LaTeX to statements: a formula is cut where statements end, and the parser makes each of them.

The nodes are those of the plain language, their places those in the text as typed. Names are
gathered first, from what stands left of `\in` and `=`: they tell which letters are one name.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from ...core.errors import NameProblem, ParseError, Span
from ...core.indices import Range, base_of, index_of, range_of, read_name
from ...core.regexes import regex
from ..syntax.applications import Application
from ..syntax.automaton import Automaton, ParserRun, Terminal, UnexpectedTerminal
from ..syntax.conditions import ATTRIBUTE_OF, condition
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
from .derivatives import EXTREMA, LatexDerivative, derivative
from .lexer import terminals
from .names import Names, Typed, arguments, look_of, names_between
from .parts import LatexPart
from .tokens import Token, letters_end, outer, rebased, tokens

_RANGE = regex(
    r"(?:\\q?quad|\\text\s*\{[^{}]*\}|\\forall|\\[,;:! ]|[,;&\s(])*"
    r"(?P<letter>[^\W\d])\s*(?:=\s*(?P<first>[\w+\- ]+?)\s*,|\\in\s*\\\{\s*(?P<low>[\w+\- ]+?)\s*,)"
    r"(?:\\[,;:! ]|\s)*(?:\\[lc]?dots[cb]?|\.\.\.|…)(?:\\[,;:! ]|\s)*,"
    r"(?:\\[,;:! ]|\s)*(?P<last>[\w+\- ]+)(?![\w+\- ]*(?:\\\}\s*)?\^)(?:\\\})?\)?"
)
_IMPLIED = (r"\implies", r"\Rightarrow", r"\Longrightarrow", r"\iff", r"\therefore")
_SEPARATORS = (",", ";", r"\quad", r"\qquad", *_IMPLIED)
_WORDS_BETWEEN = (
    "and", "where", "with", "for", "for all", "let", "given", "then", "suppose", "assume", "",
)  # fmt: skip
_GOES_ON = frozenset({"+", "-", r"\cdot", r"\times", r"\odot", r"\otimes", r"\oslash", "/"})
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


# ------------------------------------------------------------------------------------- statements


@dataclass(slots=True)
class Cut:
    """One statement of a formula: its tokens, and the range that stands behind it."""

    tokens: list[Token]
    over: Range | None
    span: Span

    def typed(self, text: str) -> str:
        """Its LaTeX as it may stand alone."""
        ends = [self.span.start, *(t.span.end for t in self.tokens)]
        pieces = [
            " " * (t.span.start > end) + text[slice(*t.span)]
            for t, end in zip(self.tokens, ends, strict=False)
        ]
        if self.over is not None:
            pieces.append(rf", {self.over.letter} = {self.over.first}, \dots, {self.over.last}")
        return "".join(pieces)

    @property
    def letter(self) -> str:
        """The letter of its range; empty if it has none."""
        return self.over.letter if self.over else ""

    @property
    def declares(self) -> bool:
        """Whether it gives names a shape."""
        return any(t.is_(r"\in", ":") for t in self.tokens[self.relation : self.relation + 1])

    @property
    def relation(self) -> int:
        """Where the sign between the two sides stands; the end if there is none."""
        found = (k for k in outer(self.tokens) if self.tokens[k].kind == "relation")
        return next(found, len(self.tokens))


def cuts(text: str, span: Span) -> Iterator[Cut]:
    """The statements that a formula holds. Raises ParseError."""
    alone = _RANGE.fullmatch(text, *span)
    if alone is not None:
        yield Cut([], _range(alone), span)
        return
    found = tokens(text, span)
    kept: list[Token] = []
    related = asked = False
    i = 0
    while i <= len(found):
        token, over = found[i] if i < len(found) else None, None
        end = token is None
        if token is not None and _separates(token):
            m = _RANGE.match(text, token.span.start, span.end) if kept else None
            if m is not None:
                over = Cut([], _range(m), Span(m.start("letter"), m.end()))
                i = sum(t.span.start < m.end() for t in found) - 1
            joins = token.is_(",") and not related and not asked and over is None
            end = not joins and (
                token.is_(",", ";", *_IMPLIED) or over is not None or not _goes_on(found, i)
            )
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
                kept, declared = _optimized(_symmetric(rebased(kept)))
                for part in declared:
                    yield Cut(rebased(part), None, part[0].span | part[-1].span)
                yield Cut(rebased(kept), None, kept[0].span | kept[-1].span)
            kept, related, asked = [], False, False
        if over is not None:
            yield over
        i += 1


def with_ranges(parts: Iterable[Cut]) -> list[Cut]:
    r"""The statements, with each range, `x_i \in \mathbb{R}^d` for `i = 1, \dots, n`, behind those
    before it whose names have its letter. Raises ParseError."""
    found: list[Cut] = []
    for part in parts:
        if part.over is None:
            found.append(part)
            continue
        at, fits = len(found), False
        while at and found[at - 1].over is None:
            given = _ranged(found[at - 1], part.over)
            if not given and not found[at - 1].declares:
                break
            at, fits = at - 1, fits or bool(given)
            found[at : at + bool(given)] = given
        if not fits:
            raise ParseError(
                "a range stands behind what has its letter: `x_i \\in \\mathbb{R}^d, i = 1, "
                "\\dots, n`.",
                part.span,
            )
    return found


def _ranged(part: Cut, over: Range) -> list[Cut]:
    """A statement with a range, those of the names that it declares which lack the letter without
    it; none if all lack it."""
    left, right = part.tokens[: part.relation], part.tokens[part.relation :]
    commas = [k for k in outer(left) if left[k].is_(",")] if part.declares else []
    bounds = zip([0, *(k + 1 for k in commas)], [*commas, len(left)], strict=True)
    named: dict[bool, list[Token]] = {False: [], True: []}
    for low, high in bounds:
        names = named[any(t.is_letter(over.letter) for t in left[low + 1 : high])]
        names += [left[commas[0]]] if names else []
        names += left[low:high]
    if not named[True]:
        return []
    kept = [(names, over if has else None) for has, names in named.items() if names]
    return [Cut(rebased([*names, *right]), given, part.span) for names, given in kept]


def _turned(found: Sequence[Token]) -> Sequence[Token]:
    r"""The name in a whole `A = A^\top`; nothing of others."""
    at = next((k for k in outer(found) if found[k].is_("=")), 0)
    name, turned = sorted((found[:at], found[at + 1 :]), key=len)
    texts = [t.text for t in turned]
    is_turned = texts[-4:-2] == ["^", "{"] and texts[-2] in (r"\top", "T")
    return name if is_turned and texts[:-4] == [t.text for t in name] else ()


def _symmetric(found: list[Token]) -> list[Token]:
    r"""A declaration `A = A^\top \in …` as that of what is symmetric."""
    sign = next((k for k in outer(found) if found[k].is_(r"\in")), 0)
    name = _turned(found[:sign])
    if not name:
        return found
    said = Token("word", "symmetric", found[0].span | found[sign - 1].span, font="text")
    return rebased([*name, *found[sign:], said])


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


def _range(m: re.Match[str]) -> Range:
    over = range_of(m["letter"], m["first"] or m["low"], m["last"].strip())
    if over is None:
        raise ParseError(
            "a range is `l = 1, \\dots, L`: a letter, and the first and the last index.",
            Span(*m.span()),
        )
    return over


# ------------------------------------------------------------------------------------------ names


def gather(statements: Sequence[Statement], parts: Sequence[Cut], names: Names) -> None:
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


def _take_head(part: Cut, names: Names) -> None:
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


def _take(typed: Typed, part: Cut, names: Names) -> str:
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


def _take_dims(part: Cut, names: Names) -> None:
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


def statements(part: Cut, names: Names, alone: bool = False) -> list[Statement]:
    """What one statement of a formula means, or an expression `alone`; a chain of claims is
    several. Raises ParseError."""
    names.bound = _bound(part)
    found = part.tokens
    conditioned = _conditioned(part, names)
    if conditioned:
        return [condition(conditioned, _said(part), part.span)]
    if part.relation < len(found):
        names = names.with_names(_arguments_of(part, names))
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


def _conditioned(part: Cut, names: Names) -> tuple[PlacedName, ...]:
    """The names of which a statement says that they have an attribute."""
    if not _said(part):
        return ()
    named = rebased(_turned(part.tokens) or part.tokens[:-2])
    return names_between(named, 0, len(named), names, new=True) or ()


def _said(part: Cut) -> str:
    r"""The attribute that a statement says behind names, `> 0` or `= A^\top`; empty if none."""
    *_, sign, zero = ["", "", *(t.text for t in part.tokens)]
    if zero == "0" and sign in ATTRIBUTE_OF:
        return ATTRIBUTE_OF[sign]
    return "symmetric" if _turned(part.tokens) else ""


def _place(error: ParseError) -> int:
    return error.span.start if error.span is not None else 0


def expression(span: Span, names: Names) -> SyntaxNode:
    """An expression in LaTeX. Raises ParseError."""
    typed = tokens(names.text, span)
    breaks = {i for i in outer(typed) if typed[i].is_(r"\\")}
    found = [t for i, t in enumerate(typed) if i not in breaks]
    names.bound = _bound(Cut(found, None, span))
    node: SyntaxNode = _run("expression", LatexPart(rebased(found), names))
    return node


def _over(s: Statement, part: Cut) -> Statement:
    if isinstance(s, (FunctionDefinition, Equality, Solving)) or (
        isinstance(s, Asked) and s.claim is None
    ):
        raise ParseError("a range belongs to a declaration, a definition or a claim.", part.span)
    return replace(s, ranges=() if part.over is None else (part.over,))


def _bound(part: Cut) -> set[str]:
    """The letters that run in a statement."""
    found = {part.letter} - {""}
    for i, token in enumerate(part.tokens):
        if token.is_(r"\sum") and i + 3 < len(part.tokens) and part.tokens[i + 1].is_("_"):
            close = part.tokens[i + 2].partner
            found |= {t.text for t in part.tokens[i + 3 : close] if t.kind == "letter"}
    return found


def _arguments_of(part: Cut, names: Names) -> tuple[str, ...]:
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
