"""A derivation read back from plain data, the inverse of `interop/json_export.py`.

A verdict is taken as it stands where the fingerprint says that it is about this gradient, else it
is none: to validate every derivation anew would make reading as slow as deriving.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import nan
from typing import Any

from ..core.errors import InputError, ShapeError
from ..core.expr import Expr, Name, Symbol
from ..core.problem import Problem, Request
from ..core.results import Result, Validation
from ..core.traversal import postorder
from .json_export import VERSION, fingerprint
from .json_nodes import NODE, TEXT, SharedNodes, each
from .json_records import PROBLEM, REQUEST, RESULT

_MALFORMED = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
CHANGED = "this derivation was changed since it was validated: derive it anew"


def from_dict(data: Mapping[str, Any]) -> tuple[Problem, Result]:
    """The problem and the result of which `data` was made. Raises InputError."""
    if not isinstance(data, Mapping) or data.get("version") != VERSION:
        raise InputError(f"this is no derivation of version {VERSION} of the schema.")
    try:
        return _restored(data)
    except _MALFORMED as problem:
        raise InputError(f"this is no derivation as the schema has it: {problem}") from None
    except ShapeError as problem:
        raise InputError(f"an expression in this derivation doesn't fit: {problem}") from None


def _restored(data: Mapping[str, Any]) -> tuple[Problem, Result]:
    nodes, texts = SharedNodes(data["nodes"]), each(TEXT)
    request: Request = REQUEST.read(data, nodes)
    result: Result = RESULT.read(data, nodes)(request=request, kept=())
    problem: Problem = replace(
        PROBLEM.read(data["problem"], nodes),
        requests=(request,),
        assumptions=texts.read(data["assumptions"], nodes),
        readings=texts.read(data["readings"], nodes),
    )
    _check(problem, request, result)
    validation = result.validation
    if data.get("fingerprint") != fingerprint(data):
        validation = Validation("unchecked", CHANGED, nan, nan, 0, (), validation.seed)
    return problem, replace(result, kept=_kept(data, result.gradient, nodes), validation=validation)


def _check(problem: Problem, request: Request, found: Result) -> None:
    """What the parts of a derivation have to do with each other. Raises ValueError."""
    kind, system, recursion = request.kind, request.system, found.recursion
    if (request.direction is not None) != (kind in ("vjp", "jvp", "hvp")):
        raise ValueError(f"`with` is not for `{kind}`, or missing")
    if (system is not None) != (kind == "solve") or (
        system is not None and request.wrt not in system.unknowns
    ):
        raise ValueError("`solves` has the equations of `solve`, and of nothing else")
    if problem.has_families != (recursion is not None):
        raise ValueError("a recurrence and `families` go together")
    if recursion is None:
        return
    equations = recursion.gradients
    if not equations or equations[0].value is not found.gradient:
        raise ValueError("the gradient is not that of the recurrence")
    if recursion.least.keys() != {*problem.families.lengths}:
        raise ValueError("`least` has other letters than `lengths`")


def _kept(data: Mapping[str, Any], gradient: Expr, nodes: SharedNodes) -> tuple[Expr, ...]:
    """Names that the gradient uses; of families, also what is made on the way to a member."""
    if "recursion" in data:
        found: tuple[Expr, ...] = each(NODE).read(data["recursion"]["kept"], nodes)
        return found
    names = {e.name: e for e in postorder([gradient]) if isinstance(e, (Symbol, Name))}
    return tuple([names[text] for text in data["kept"]])
