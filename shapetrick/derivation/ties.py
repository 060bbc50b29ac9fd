"""Arguments of `maximum` and `minimum` that are equal on an open set: there the derivatives by the
two have to add up to one.

Where only one depends on the variable, or the two are equal at kinks alone, the derivatives of the
row do: the step of a difference and that of its negative. Elsewhere the second is 1 less the first.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import replace
from functools import cache
from weakref import WeakKeyDictionary

import numpy as np

from ..core.errors import ShapetrickError
from ..core.expr import Abstract, Expr, Symbol
from ..core.functions import SAME, TABLE, Function
from ..core.traversal import postorder, remembered
from ..numerics.evaluation import EvaluationTape
from ..numerics.sampling import abstract_functions, assignments, dims_among, draw, generator

_kinked: WeakKeyDictionary[Expr, bool] = WeakKeyDictionary()  # whether a kink is inside
_tied: WeakKeyDictionary[Expr, bool] = WeakKeyDictionary()


def forget() -> None:
    """Drop what was found: a function that expressions may have inside has been replaced."""
    _kinked.clear()
    _tied.clear()


def row_by_ties(e: Expr, active: Container[Expr]) -> Function:
    """The row of an operation, of which the arguments in `active` depend on the variable."""
    row = TABLE[e.op]
    if not (row.two_sided and row.arity == 2 and all(a in active for a in e.args)):
        return row
    if e not in _tied:
        _tied[e] = _may_tie(e)
    return _complementary(row) if _tied[e] else row


@cache
def _complementary(row: Function) -> Function:
    first, _ = row.derivative
    return replace(row, derivative=(first, f"1 - {first}"))


def _may_tie(e: Expr) -> bool:
    """Whether both arguments may be equal on an open set. Without kinks inside they are so only if
    they are equal everywhere, which one draw tells."""
    if any(remembered(_kinked, a, _has_kink) for a in e.args):
        return True
    nodes = [*postorder(e.args)]
    rng = generator(0)
    sizes = next(assignments(dims_among(nodes), rng, None))
    env = {s.name: draw(s, sizes, rng) for s in nodes if isinstance(s, Symbol)}
    functions = abstract_functions({s.name: None for s in nodes if isinstance(s, Abstract)}, rng)
    try:
        a, b = EvaluationTape(e.args).run(env, sizes, functions)
    except (ShapetrickError, ArithmeticError, np.linalg.LinAlgError):  # none has a value there
        return True
    apart = np.abs(a - b) > 1e3 * SAME * np.maximum(np.abs(a), np.abs(b))  # false of NaN
    return not apart.all()


def _has_kink(e: Expr) -> bool:
    row = TABLE.get(e.op)
    return (row is not None and row.branch is not None) or any(_kinked[a] for a in e.args)
