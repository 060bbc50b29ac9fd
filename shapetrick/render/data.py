"""A result as plain data: strings, numbers, lists and dictionaries that JSON can hold.

Expressions are texts in the language. A number that JSON lacks (an infinite order of the Taylor
remainder, a relative error that was never measured) is None.
"""

from __future__ import annotations

import math
from typing import Any

from ..errors import RequestError
from ..expr import Expr
from ..problem import Problem
from ..results import Line, Result, Step, Validation
from .text import to_text

Data = dict[str, Any]


def to_dict(result: Result, problem: Problem) -> Data:
    """One request's result, with what its problem assumed."""
    request = result.request
    return {
        "kind": request.kind,
        "of": request.of_text,
        "wrt": request.wrt.data.name,
        "with": request.direction.data.name if request.direction is not None else None,
        "shape": _shape(result.gradient),
        "gradient": to_text(result.gradient),
        "definitions": [{"name": name, "value": to_text(e)} for name, e in result.definitions],
        "expanded": _expanded(result.expanded),
        "verified": result.validation.verdict == "verified",
        "validation": _validation(result.validation),
        "steps": [_step(step) for step in result.steps],
        "simplification": [
            {"rule": r.rule, "before": to_text(r.before), "after": to_text(r.after)}
            for r in result.rewritings
        ],
        "kept": [to_text(e) for e in result.kept],
        "assumptions": list(problem.assumptions),
        "readings": list(problem.readings),
        "notes": list(result.notes),
    }


def _expanded(e: Expr) -> str | None:
    """None where its shared parts, written out, would never end."""
    try:
        return to_text(e)
    except RequestError:
        return None


def _shape(e: Expr) -> list[str]:
    return [str(d) for d in e.shape]


def _validation(v: Validation) -> Data:
    return {
        "verdict": v.verdict,
        "reason": v.reason,
        "max_relative_error": _finite(v.max_relative_error),
        "order": _finite(v.order),
        "exact": math.isinf(v.order),
        "zero": v.zero,
        "draws": v.draws,
        "sizes": [dict(sorted(sizes.items())) for sizes in v.sizes],
        "conditions": list(v.conditions),
        "seed": v.seed,
    }


def _finite(x: float) -> float | None:
    return float(x) if math.isfinite(x) else None


def _step(step: Step) -> Data:
    return {
        "of": step.of,
        "wrt": step.wrt,
        "label": step.label,
        "shape": [str(d) for d in step.shape],
        "lines": [_line(line) for line in step.lines],
        "result": to_text(step.result),
    }


def _line(line: Line) -> Data:
    return {
        "coefficient": str(line.coefficient),
        "factors": [
            {"factor": to_text(f.expression), "shape": _shape(f.expression), "origin": f.origin}
            for f in line.factors
        ],
        "arrangement": to_text(line.arrangement),
        "fitting": line.fitting,
        "all_counted": line.all_counted,
        "typed": line.typed,
        "rejected": [
            {
                "arrangement": to_text(r.arrangement),
                "relative_error": _finite(r.error),
                "reason": r.reason,
            }
            for r in line.rejected
        ],
    }
