"""`solve grad J wrt w = 0`, `solve E1 = E2, E3 = E4 for w, mu`: a statement that asks for the
unknowns of its equations.

Such a line is taken apart here: equations between commas, and the names behind `for`.
"""

from __future__ import annotations

from ...core.errors import ParseError, Span
from ...core.regexes import regex
from .derivative_notation import derivative_value
from .equation_statements import Parse, between_commas, equation_sides
from .lexer import Source, normal
from .statement_lines import outside, stripped
from .tree import PlacedName, Solving, SyntaxNode, TypedEquation

_SOLVE = regex(r"solve(?=\s+[^\s=:,]|\s*\()")
_COMMANDS = {  # what is no statement
    "simplify": '`simplify` is a command: `shapetrick simplify "inv(A B) A" --given "A, B : n x '
    'n"`, or `st.simplify("inv(A B) A", "A, B : n x n")`.',
    "evaluate": "values are given to what was derived, in Python: "
    '`st.derive(…).evaluate({"x": …})`.',
}
_COMMAND = regex(r"(simplify|evaluate)(?=\s+[^\s=:,]|\s*\()")
_FOR = regex(r"\sfor\s+(?P<names>[^\W\d]\w*(?:\s*,\s*[^\W\d]\w*)*)$")
_NAME = regex(r"[^\W\d]\w*")
_EXAMPLE = "`solve grad J wrt w = 0`, or `solve A x = b for x`"


def solving(source: Source, run: Parse) -> Solving | None:
    """The request that stands there, if one does. Raises ParseError, also for what is asked by a
    command."""
    text, (start, end), *_ = source
    command = _COMMAND.match(text, start, end)
    if command is not None and command[1] not in source.names:
        raise ParseError(_COMMANDS[command[1]], Span(*command.span()))
    if "solve" in source.names or _SOLVE.match(text, start, end) is None:
        return None
    behind = _FOR.search(text[:end], start)
    stop = end if behind is None else behind.start()
    body = stripped(text, Span(start + len("solve"), stop))
    places = [*_equations(text, body)]
    equations = tuple(_equation(source, place, run) for place in places)
    if behind is not None:
        names = [
            PlacedName(normal(m.group()), Span(*m.span()))
            for m in _NAME.finditer(text, *behind.span("names"))
        ]
    else:
        sides = [side for equation in equations for side in equation]
        by = [side.args[1] for side in sides if side.kind == "derived"]
        names = [PlacedName(n.value, n.span) for n in by]
        if len(names) != len(equations):
            raise ParseError(
                f"say for what it is solved, `solve … for x`: {_EXAMPLE}.", Span(start, end)
            )
    return Solving(equations, tuple(names), text[body.start : body.end], Span(start, end))


def _equations(text: str, span: Span) -> list[Span]:
    """Where the equations stand; the names of a derivative may have commas between them."""
    found: list[Span] = []
    for place in between_commas(text, span):
        if found and all(sign != "=" for _, sign in outside(text, place)):
            found[-1] = found[-1] | place
        else:
            found.append(place)
    return found


def _equation(source: Source, span: Span, run: Parse) -> TypedEquation:
    sides = equation_sides(
        source.text,
        span,
        f"what is solved is an equation: {_EXAMPLE}.",
        f"an equation has two sides: {_EXAMPLE}.",
    )
    return TypedEquation(*(_side(source, side, run) for side in sides))


def _side(source: Source, span: Span, run: Parse) -> SyntaxNode:
    """An expression, or a derivative without brackets, also as people write it."""
    written = derivative_value(source, span, run)
    if written is not None:
        return written
    node: SyntaxNode = run("equated", source._replace(span=span))
    return node
