"""Claims and definitions as typed, with what makes expressions of their nodes."""

from __future__ import annotations

from ..core.dims import Shape
from ..core.errors import Span
from ..core.problem import Problem, Request, shape_of_result
from .elaboration import statements_of
from .expressions import in_matrix_notation, lowering_for, scope_of
from .reader import parse_expression
from .shapes.lowering import Lowering
from .syntax.latex_places import is_latex
from .syntax.selections import read_among
from .syntax.statement_lines import blanked
from .syntax.tree import Asked, Definition, Equality, SyntaxNode, without_brackets
from .vocabularies import vocabulary_of


def read_claim(problem: Problem, request: Request) -> tuple[SyntaxNode, Lowering]:
    """A claim as typed, its places being those in the problem's text, and what makes expressions
    of its nodes: of those that fit, where the whole doesn't."""
    claim = request.claim
    assert claim is not None and claim.span is not None
    typed = blanked(problem.text)
    text = " " * claim.span.start + typed[claim.span.start : claim.span.end].replace("\n", " ")
    values = problem.named
    node = _latex_claim(problem.text, claim.span)
    if node is None:
        node = parse_expression(text, vocabulary_of(problem), problem.functions, values)
    node = read_among(node, values)
    node = in_matrix_notation(text, node, values, problem, claim.entries)
    return node, _lowering_of(problem, request, node, text, shape_of_result(request))


def read_definition(problem: Problem, request: Request, name: str) -> tuple[SyntaxNode, Lowering]:
    """A definition's right side likewise."""
    node = next(
        s.body
        for s in statements_of(problem.text)[0]
        if isinstance(s, Definition) and s.name.name == name
    )
    shape = problem.definitions[name].shape
    return node, _lowering_of(problem, request, node, problem.text, shape)


def _lowering_of(
    problem: Problem, request: Request, node: SyntaxNode, text: str, shape: Shape
) -> Lowering:
    """What makes expressions of the nodes of an expression of this shape, as far as they fit."""
    values = {**problem.named, **request.directions}
    scope = scope_of(text, values, problem)
    scope.dims.update(dict.fromkeys(problem.dimensions()))
    return lowering_for(node, scope, values, shape)


def _latex_claim(text: str, span: Span) -> SyntaxNode | None:
    """The claim that stands there in LaTeX, which is read with the names of the whole text."""
    if not is_latex(text, span):
        return None
    claims = [
        s.claim if isinstance(s, Asked) else s.right
        for s in statements_of(text)[0]
        if isinstance(s, (Asked, Equality))
    ]
    return without_brackets(next(e for e in claims if e is not None and e.span == span))
