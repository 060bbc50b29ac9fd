"""TABLE: functions that their equations define, `L = cholesky(A)`: what is unknown, and which
equations determine it; and the lines in which they are called.

A line that is such a call declares the unknowns by the equations, with what stands in the brackets
in the place of the letters. A call within an expression is a name that such a line declares.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import replace
from itertools import count

from ...core.errors import ParseError, Span
from ...core.named_tuples import NamedTuple
from ...core.regexes import regex
from .equation_statements import Parse, between_commas, unknowns
from .lexer import Source, normal
from .statement_lines import closings, stripped
from .tree import (
    Declaration,
    PlacedName,
    SolverCall,
    Statement,
    SyntaxNode,
    TypedEquation,
    name_node,
    transformed,
)


class DefinedByEquations(NamedTuple):
    """Arguments, unknowns (each with what is said of it: attributes, `scalar`, `column`) and
    equations, as text in the language. Where only the first equation mentions arguments and nothing
    can be isolated: its multiplier in what the unknowns receive (`U_bar`), and the differentials of
    the unknowns where its left side has the differential `D`; for symmetric arguments alone, or for
    all."""

    arguments: str
    unknowns: str
    equations: str
    help: str
    multiplier: str = ""
    differentials: tuple[str, ...] = ()
    of_symmetric: bool = False

    @property
    def letters(self) -> tuple[list[str], list[str]]:
        """Those of the arguments, and those of the unknowns."""
        return self.arguments.split(", "), [u.split()[0] for u in self.unknowns.split(", ")]

    @property
    def written(self) -> str:
        """Its unknowns, whose shapes are left open, and its equations."""
        unknowns = (u.removesuffix(" column").partition(" ") for u in self.unknowns.split(", "))
        said = (f"{u} : {'' if of == 'scalar' else '… '}{of}".strip() for u, _, of in unknowns)
        return f"{', '.join(said)} where {self.equations}"

    def line(self, name: str) -> str:
        """How it is called: `U, s, V = svd(A)`."""
        return f"{', '.join(self.letters[1])} = {name}({self.arguments})"


TABLE: Mapping[str, DefinedByEquations] = {
    "solve": DefinedByEquations("A, B", "X", "A X = B", "inv(A) B"),
    "cholesky": DefinedByEquations("A", "L lower", "L L' = A", "the lower factor of a posdef A"),
    "sqrtm": DefinedByEquations("A", "X", "X X = A", "the principal square root of a matrix"),
    "lyapunov": DefinedByEquations("A, Q", "X", "A X + X A' = Q", "the continuous one, SciPy's"),
    "stein": DefinedByEquations("A, Q", "X", "A X A' - X = -Q", "the discrete Lyapunov equation"),
    "sylvester": DefinedByEquations("A, B, Q", "X", "A X + X B = Q", "SciPy's"),
    "care": DefinedByEquations(
        "A, B, Q, R",
        "X symmetric",
        "A' X + X A - X B inv(R) B' X + Q = 0",
        "the continuous Riccati equation",
    ),
    "dare": DefinedByEquations(
        "A, B, Q, R",
        "X symmetric",
        "A' X A - X - A' X B inv(R + B' X B) B' X A + Q = 0",
        "the discrete Riccati equation",
    ),
    "eigh": DefinedByEquations(
        "A",
        "lam scalar, v",
        "A v = lam v, v' v = 1",
        "the largest eigenvalue, with its vector",
        "v v' v_bar - inv(lam I - A + v v') v_bar - lam_bar v",
        ("-v' D", "v v' D - inv(lam I - A + v v') D"),
        of_symmetric=True,
    ),
    "svd": DefinedByEquations(
        "A",
        "U, s column, V orthogonal",
        "U diag(s) V' = A, U' U = eye",
        "A = U diag(s) V', of at least as many rows as columns",
        "U (diag(s_bar) + ((U' U_bar - U_bar' U) ./ (s'.^2 - s.^2 + I)) diag(s) "
        "+ diag(s) ((V' V_bar - V_bar' V) ./ (s'.^2 - s.^2 + I))) V' "
        "+ (U_bar - U U' U_bar) inv(diag(s)) V'",
        (
            "U ((1 - I) .* (U' D V diag(s) + diag(s) V' D' U) ./ (s'.^2 - s.^2 + I)) "
            "+ (D - U U' D) V inv(diag(s))",
            "diag(U' D V)",
            "V ((1 - I) .* (diag(s) U' D V + V' D' U diag(s)) ./ (s'.^2 - s.^2 + I))",
        ),
    ),
    "qr": DefinedByEquations(
        "A",
        "Q, R upper",
        "Q R = A, Q' Q = eye",
        "of at least as many rows as columns",
        "(Q_bar + Q (lower(R upper(R_bar)' - Q_bar' Q) + lower(R upper(R_bar)' - Q_bar' Q)' "
        "- diag(diag(R upper(R_bar)' - Q_bar' Q)))) inv(R)'",
        (
            "(D - Q Q' D) inv(R) + Q (lower(Q' D inv(R)) - lower(Q' D inv(R))')",
            "Q' D - (lower(Q' D inv(R)) - lower(Q' D inv(R))') R",
        ),
    ),
    "polar": DefinedByEquations(
        "A", "U, P symmetric", "U P = A, U' U = eye", "A = U P, P symmetric"
    ),
}
VARIANTS = {("eigh", "smallest"): "eigh_smallest"}  # what another solution of theirs is called
OF_VARIANTS = {variant: name for (name, _), variant in VARIANTS.items()}
_CALL = regex(
    r"(?P<names>[^\W\d]\w*(?:\s*,\s*[^\W\d]\w*)*)\s*=\s*(?P<function>[a-z]+)\s*\((?P<inner>.*)\)",
    re.DOTALL,
)
# Those with one unknown, which may stand within an expression; not in what is itself a function.
_SINGLE = "|".join(name for name, row in TABLE.items() if "," not in row.unknowns)
_CALLED = regex(rf"(?<![\w.\\])({_SINGLE})\s*\(")
_HEAD = regex(r"\s*[^\W\d]\w*\s*\([^()]*\)\s*=")
_IDENTITY = "eye"  # in the table: the identity, whatever `I` is in the problem


def solved(source: Source, run: Parse) -> Declaration | None:
    """The unknowns that a line declares, by their equations or by one of these functions. Raises
    ParseError."""
    return unknowns(source, run) or library_call(source, run)


def chosen(text: str, statements: Iterable[Statement]) -> Iterator[str]:
    """Which of several solutions a call gives, said where its values are not called as in the
    table, so that others may be meant."""
    several = {name for name, _ in VARIANTS}
    for s in statements:
        if isinstance(s, Declaration) and s.solver is not None and s.solver.name in several:
            row, names = TABLE[s.solver.name], [d.names[0].name for d in (s, *s.beside)]
            if names != [unknown.split()[0] for unknown in row.unknowns.split(", ")]:
                yield f"`{text[slice(*s.span)]}` gives {row.help}."


def library_call(source: Source, run: Parse) -> Declaration | None:
    """The unknowns that a line declares which calls one of these. Raises ParseError."""
    text, span, *_ = source
    m = _CALL.fullmatch(text, *span)
    if m is None or m["function"] not in TABLE:
        return None
    if next(closings(text, m.start("inner") - 1), None) != m.end():  # it is part of the line
        return None
    names = [PlacedName(normal(n.group()), _placed(m, "names", n)) for n in _names(m["names"])]
    return _declared(source, run, m["function"], names, Span(*m.span("inner")))


def without_calls(
    source: Source, run: Parse, called: MutableMapping[str, str]
) -> tuple[list[Declaration], Source]:
    """A statement with names in the place of the calls within it, and what declares these; `called`
    has the names of calls before. Raises ParseError."""
    text, span, *_ = source
    if not _CALLED.search(text, *span) or _HEAD.match(text, *span) or solved(source, run):
        return [], source
    declared: list[Declaration] = []
    while calls := [m for m in _CALLED.finditer(text, *span) if m[1] not in source.functions]:
        m = calls[-1]  # no other is within it
        end = next(closings(text, m.end() - 1), span.end)
        call = "".join(text[m.start() : end].split())
        if "[" in call:  # of members
            break
        if call not in called:
            letter = TABLE[m[1]].unknowns.split()[0]
            called[call] = _free(letter, source, called.values())
            names = [PlacedName(called[call], Span(m.start(), end))]
            inner = Span(m.end(), end - 1)
            declared.append(_declared(source._replace(text=text), run, m[1], names, inner))
        place = f"({called[call]:{end - m.start() - 2}})"  # as long, so that places stay
        text = text[: m.start()] + place + text[end:]
    return declared, source._replace(text=text)


def _free(letter: str, source: Source, others: Collection[str]) -> str:
    """The letter, numbered where it is in the text, or stands for another call."""
    taken = {*re.findall(r"\w+", source.text), *others}
    numbered = (f"{letter}{k or ''}" for k in count())
    return next(name for name in numbered if name not in taken and name not in source.names)


def _declared(
    source: Source, run: Parse, name: str, names: Sequence[PlacedName], inner: Span
) -> Declaration:
    """The unknowns with these names that a call declares whose arguments stand at a place."""
    text, span, *_ = source
    row = TABLE[name]
    formal, unknowns = row.arguments.split(", "), [u.split() for u in row.unknowns.split(", ")]
    if len(names) != len(unknowns):
        raise ParseError(
            f"`{name}` gives {len(unknowns)} value{'s' * (len(unknowns) > 1)}: `{row.line(name)}`.",
            span,
        )
    places = [*between_commas(text, inner)]
    solver = name
    if places and (name, text[slice(*places[-1])]) in VARIANTS:
        solver = VARIANTS[name, text[slice(*places.pop())]]
    if len(places) != len(formal) or any(p.start >= p.end for p in places):
        raise ParseError(f"`{name}` takes {row.arguments}: `{name}({row.arguments})`.", span)
    arguments = [run("expression", source._replace(span=p)) for p in places]
    nodes: dict[str, SyntaxNode] = dict(zip(formal, arguments, strict=True))
    for placed, (letter, *_said) in zip(names, unknowns, strict=True):
        nodes[letter] = name_node(placed.name, placed.span)
    parts = [
        Declaration((placed,), None, tuple(PlacedName(word, placed.span) for word in said), span)
        for placed, (_, *said) in zip(names, unknowns, strict=True)
    ]
    equations = tuple(_equation(source, text, nodes, run) for text in row.equations.split(", "))
    call = SolverCall(solver, tuple(arguments))
    return replace(parts[0], equations=equations, beside=tuple(parts[1:]), solver=call)


def _names(text: str) -> list[re.Match[str]]:
    return list(re.finditer(r"[^\W\d]\w*", text))


def _placed(m: re.Match[str], group: str, inner: re.Match[str]) -> Span:
    return Span(m.start(group) + inner.start(), m.start(group) + inner.end())


def _equation(
    source: Source, text: str, nodes: Mapping[str, SyntaxNode], run: Parse
) -> TypedEquation:
    """An equation of the table with a problem's own in the place of its letters."""
    sides = [stripped(side, Span(0, len(side))) for side in text.split("=")]
    typed = [
        _filled(run("expression", source._replace(text=side, span=at)), nodes, source.span)
        for side, at in zip(text.split("="), sides, strict=True)
    ]
    return TypedEquation(*typed)


def _filled(root: SyntaxNode, nodes: Mapping[str, SyntaxNode], span: Span) -> SyntaxNode:
    def filled(node: SyntaxNode) -> SyntaxNode:
        if node.kind == "name" and node.value in nodes:
            return replace(nodes[node.value], bracketed=True)
        is_identity = node.kind == "name" and node.value == _IDENTITY
        return replace(node, value="Id" if is_identity else node.value, span=span)

    return transformed(root, filled)
