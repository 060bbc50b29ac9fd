"""Expressions in names that all have values, such as those of a problem."""

from __future__ import annotations

import numbers
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import lru_cache, partial
from typing import Any

from ..core.dims import LARGEST, Dim, Shape
from ..core.errors import Located, ParseError
from ..core.expr import Expr, Named, operand
from ..core.free_names import free_name
from ..core.operands import Operand
from ..core.problem import Problem
from .index_notation.entry_definitions import EntryHead, has_indices
from .reader import parse_expression
from .shapes.errors import Expectation, explain, undetermined
from .shapes.inference import Inference, Misfit, Undetermined
from .shapes.libraries import check_python
from .shapes.lowering import Lowering
from .shapes.scope import (
    Scope,
    complain,
    known_scope,
    refuse_members,
    take_exponents,
    unknown_names,
)
from .shapes.words import table_words, vocabulary
from .syntax.selections import read_among
from .syntax.tree import SyntaxNode, opened, postorder, typed_parts
from .vocabularies import vocabulary_of


def read_expression(
    text: str,
    problem: Problem,
    names: Mapping[str, Expr] | None = None,
    shape: Shape | None = None,
    advised: bool = True,
) -> Expr:
    """An expression in a problem's names, and in `names`; `shape` sizes a bare `I`. Where shapes
    don't fit it is said what would, unless `advised` is false.

    Raises InputError."""
    node, scope, values = _in_names(text, problem, names or {})
    return expression_of(node, scope, values, shape, advised)


def read_call(called: str, given: Sequence[Any], options: Mapping[str, Any]) -> Expr:
    """A call in Python, `np.sum(X, axis=0)`, as it is read in a text. Raises InputError."""
    values: dict[str, Expr] = {}
    words = [_word(x, values) for x in given]
    words += [f"{name}={_word(x, values)}" for name, x in options.items()]
    return read_expression(f"{called}({', '.join(words)})", Problem("", {}, {}, ()), values)


def _word(x: Any, values: dict[str, Expr]) -> str:
    """How a value is written there; one that has no other way gets a name among `values`."""
    if isinstance(x, (list, tuple)) and any(isinstance(part, Expr) for part in x):
        return f"[{', '.join([_word(part, values) for part in x])}]"
    if x is None or isinstance(x, (bool, Dim)):
        return str(x)
    if isinstance(x, numbers.Integral):
        return str(int(x))
    if isinstance(x, (str, list, tuple)):
        return repr(str(x))
    e = operand(x)
    named = e.name if isinstance(e, Named) else ""
    own = named.isidentifier() and named not in vocabulary() and values.get(named, e) is e
    name = named if own else free_name("value", values)
    values[name] = e
    return name


Operand.reads = read_call


def read_line(
    text: str, problem: Problem, names: Mapping[str, Expr], shape: Shape
) -> tuple[SyntaxNode, Lowering]:
    """What `read_expression` reads, as typed, and what makes expressions of its nodes, also where
    its shapes don't fit. Raises InputError where it is no expression in known names."""
    node, scope, values = _in_names(text, problem, names)
    return node, lowering_for(node, scope, values, shape)


def _in_names(
    text: str, problem: Problem, names: Mapping[str, Expr]
) -> tuple[SyntaxNode, Scope, dict[str, Expr]]:
    """An expression with what its names may mean."""
    values = problem.named
    for request in problem.requests:
        values |= {n: e for n, e in request.directions.items() if n not in values}
    values.update(names)
    scope = scope_of(text, values, problem)
    node = parse_expression(text, vocabulary_of(problem), problem.functions, [*values, *scope.dims])
    node = in_matrix_notation(text, read_among(node, values), values, problem)
    if not problem.has_families:
        refuse_members(text, opened(node))
    take_exponents(scope, opened(node))
    if any(True for _ in unknown_names(scope, opened(node))):
        scope.dims.update(dict.fromkeys(problem.dimensions()))
    return node, scope, values


def in_matrix_notation(
    text: str,
    node: SyntaxNode,
    values: Mapping[str, Expr],
    problem: Problem,
    letters: tuple[str, ...] = (),
) -> SyntaxNode:
    """An expression in the names of a problem, in matrix notation; the `letters` are those of the
    entries, where it is by entries."""
    if problem.has_families or not has_indices([node], values):
        return node
    from .index_notation.index_scope import IndexNames
    from .index_notation.reader import IndexReader
    from .index_notation.statements import in_matrix_notation as read

    scope = scope_of(text, values, problem)
    names = IndexNames({*values}, set(), {*scope.dims})
    inference = inference_in(scope, values)
    with Located(text):
        return read(node, IndexReader(text, names, inference), EntryHead(letters))


def scope_of(text: str, values: Mapping[str, Expr], problem: Problem) -> Scope:
    """The names that an expression of a problem may mention."""
    dims = (name for value in values.values() for dim in value.shape for name in dim.names)
    return known_scope(text, values, problem.functions, dict.fromkeys(dims))


def lowering_for(
    node: SyntaxNode, scope: Scope, values: Mapping[str, Expr], shape: Shape
) -> Lowering:
    inference = inference_in(scope, values)
    with suppress(Misfit, Undetermined):
        found = inference.add(node)
        inference.unifier.unify_shapes(found, shape)
        inference.solve()
        check_python(scope.text, inference, list(postorder(node)))
    return Lowering(values, inference, scope.text)


def parse_scalar(text: str, names: Mapping[str, Expr]) -> Expr:
    """An expression of scalars, such as the derivative in a function's row. Raises InputError."""
    root = _scalar(text, tuple(table_words().items()))
    return Lowering(names, inference_in(Scope(text), {}), text).expression(root)


@lru_cache(maxsize=1024)
def _scalar(text: str, words: tuple[tuple[str, int], ...]) -> SyntaxNode:
    return parse_expression(text, dict(words))


def refuse_unknown(scope: Scope, root: SyntaxNode) -> None:
    """Refuse names that mean nothing. Raises NameProblem."""
    take_exponents(scope, opened(root))
    for unknown in unknown_names(scope, opened(root)):
        complaint = complain(scope, unknown, certain=True)
        if complaint is not None:
            raise complaint


def expression_among(
    values: Mapping[str, Expr], node: SyntaxNode, scope: Scope, shape: Shape | None
) -> Expr:
    """An expression in values that a problem's names have by now; `shape` sizes a bare `I`."""
    known = known_scope(scope.text, values, scope.functions, scope.dims)
    return expression_of(node, known, values, shape)


def expression_of(
    node: SyntaxNode,
    scope: Scope,
    values: Mapping[str, Expr],
    shape: Shape | None,
    advised: bool = True,
) -> Expr:
    """An expression in names that all have values."""
    refuse_unknown(scope, node)
    inference = inference_in(scope, values)
    try:
        found = inference.add(node)
        if shape is not None:  # only a hint: whether it is met is not ours to say
            trial = inference.unifier.copy()
            if trial.unify_shapes(found, shape):
                inference.unifier.unify_shapes(found, shape)
        inference.solve()
    except Misfit as misfit:
        whole = [Expectation(node, False)]
        raise explain(misfit, scope.text, inference, whole, (), advised) from None
    except Undetermined:
        raise undetermined(scope.text, node.span, ()) from None
    for part in typed_parts(node, scope.text):
        check_python(scope.text, inference, part)
    return Lowering(values, inference, scope.text).expression(node)


def inference_in(scope: Scope, values: Mapping[str, Expr]) -> Inference:
    """What infers shapes among values."""
    shapes = {name: value.shape for name, value in values.items()}
    return Inference(shapes, scope.dims, partial(_size, scope))


def _size(scope: Scope, node: SyntaxNode, inference: Inference) -> Dim:
    """The dimension that a size is: `n`, `2 n`, `n + 1`."""
    done: dict[SyntaxNode, Dim] = {}
    sided = {part.args[0] for part in postorder(node) if part.kind == "side"}
    for part in postorder(node):
        match part.kind:
            case "number" if part.value.denominator == 1 and 0 < part.value <= LARGEST:
                done[part] = Dim.of(int(part.value))
            case "name" if part.value in scope.dims:
                done[part] = Dim.of(part.value)
            case "parameter" if part in sided:
                pass
            case "side":
                done[part] = inference.shape(part.args[0])[part.value]
            case "neg":
                done[part] = -done[part.args[0]]
            case "+":
                done[part] = done[part.args[0]] + done[part.args[1]]
            case "-":
                done[part] = done[part.args[0]] - done[part.args[1]]
            case "*":
                done[part] = done[part.args[0]] * done[part.args[1]]
            case "/" if (over := _quotient(done, part)) is not None:
                done[part] = over
            case _:
                what = ""
                if part.kind == "name":
                    what = f"`{part.value}` is no dimension, if it is not declared as `natural`: "
                if part.kind == "parameter":
                    what = f"`{part.value.name.name}` is an argument, the value of a matrix: "
                if part.kind == "number" and part.value == 0:
                    raise ParseError(
                        "entries are counted from 1, not from 0: `x[1]` is the first one, "
                        "`X[:, 1]` the first column, and `sum(i = 1..n) x[i]` the sum of all.",
                        part.span,
                        scope.text,
                    )
                raise ParseError(
                    f"{what}a size or bound is the name of a dimension, a positive whole number "
                    "(entries are counted from 1), or a sum, difference or product of them.",
                    part.span,
                    scope.text,
                )
    return done[node]


def _quotient(done: Mapping[SyntaxNode, Dim], node: SyntaxNode) -> Dim | None:
    """What a division by a number is, where that is whole for every size."""
    above, below = (done[a] for a in node.args)
    number = below.integer or 0
    return above.over(number) if number > 0 else None
