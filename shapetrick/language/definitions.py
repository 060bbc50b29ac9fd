"""The definition of a function in the language: what stands in its row, with a call's arguments.

For forms that have no spelling of the function itself, such as code and SymPy's expressions.
"""

from __future__ import annotations

from collections.abc import Callable

from ..core.dims import ONE
from ..core.expr import UNIT, Call, Expr, dimension, node, symbol, times
from ..core.functions import TABLE
from ..core.traversal import postorder, substitute, transform
from .expressions import parse_scalar

LETTERS = {1: ("x",), 2: ("a", "b")}  # a row's names for the arguments


def definition(e: Call) -> Expr:
    """The call's value by the definition in its row, which has one."""
    row = TABLE[e.function]
    axis = f", axis={e.data}" if isinstance(e.data, int) else ""
    names = dict(zip(LETTERS[row.arity], e.args, strict=True))
    return parse_scalar(row.definition.format(axis=axis), {**names, "k": _count(e)})


def written_out(root: Expr, wanted: Callable[[Call], bool]) -> Expr:
    """The expression with the wanted calls written by their definitions, where they have one."""

    def defined(e: Expr) -> bool:
        return isinstance(e, Call) and bool(TABLE[e.function].definition) and wanted(e)

    def change(e: Expr) -> Expr:
        if not (isinstance(e, Call) and defined(e)):
            return e
        places = [symbol(f"#{i}", a.shape) for i, a in enumerate(e.args)]
        found = written_out(definition(node(Call, tuple(places), e.shape, *e.payload)), wanted)
        return substitute(found, dict(zip(places, e.args, strict=True)))

    if not any(map(defined, postorder([root]))):
        return root
    return transform(root, change)


def _count(e: Call) -> Expr:
    """How many entries of the argument go into one of the value."""
    sides = zip(e.args[0].shape, e.shape, strict=True)
    return times(UNIT, *(dimension(inner) for inner, outer in sides if outer == ONE))
