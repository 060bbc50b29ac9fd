"""A result as plain data: strings, numbers, lists and dictionaries that JSON can hold.

`schema/derivation.schema.json` documents it, and `interop/json_import.py` reads it back. An
expression is its text in the language, and beside it the index of its node in a table that shares
what is shared. A number that JSON lacks (an infinite order of the Taylor remainder, a relative
error that was never measured) is None.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from ..core.dims import Shape
from ..core.equations import EquationSystem, LinearEquation, LinearSystem
from ..core.errors import RequestError
from ..core.expr import (
    SUM,
    Abstract,
    Call,
    Constant,
    Dimension,
    Expr,
    Name,
    Number,
    Structured,
    Symbol,
    Total,
)
from ..core.families import Families, Segment
from ..core.indices import written
from ..core.problem import Problem
from ..core.results import Equation, Line, Result, Step, Validation
from ..core.structure import sizes_of
from ..core.traversal import postorder
from ..core.warnings import warnings_of
from ..families.saved_values import Account
from ..language.printer import to_text

if TYPE_CHECKING:
    from ..claims.equalities import EqualityJudgement
    from ..claims.verdicts import Judgement

VERSION = 1  # of the schema: it grows with every change that an old reader can't follow

JsonObject = dict[str, Any]


def to_dict(result: Result, problem: Problem) -> JsonObject:
    """One request's result, with its problem."""
    nodes = _Nodes()
    told_problem = _problem(problem, nodes)
    request, direction = result.request, result.request.direction
    data: JsonObject = {
        "version": VERSION,
        "kind": request.kind,
        "of": request.of_text,
        "of_node": nodes[request.of],
        "wrt": request.wrt.name,
        "wrt_node": nodes[request.wrt],
        "with": direction.name if direction is not None else None,
        "with_node": nodes[direction] if direction is not None else None,
        "symmetric": request.symmetric,
        **({"given": written(request.ranges)} if request.ranges else {}),
        **({"rows_node": nodes[request.rows]} if request.rows is not None else {}),
        "shape": _shape(result.gradient.shape),
        **nodes.told("gradient", result.gradient, "gradient_node"),
        "definitions": [{"name": name, **nodes.told("value", e)} for name, e in result.definitions],
        "expanded": _expanded(result.expanded),
        "verified": result.validation.verdict == "verified",
        "validation": _validation(result.validation),
        "steps": [_step(step, nodes) for step in result.steps],
        "simplification": [
            {
                "rule": r.rule,
                **nodes.told("before", r.before, "before_node"),
                **nodes.told("after", r.after, "after_node"),
            }
            for r in result.rewritings
        ],
        "kept": [to_text(e) for e in result.kept],
        "assumptions": list(problem.assumptions),
        "readings": list(problem.readings),
        "warnings": list(warnings_of(problem, result.request)),
        "notes": list(result.notes),
        **_shared(result, nodes),
        **({"solves": _system(request.system, nodes)} if request.system else {}),
        **_recursion(result, nodes),
        **_adjoint(result, nodes),
        "problem": told_problem,
        "nodes": nodes.table,
    }
    return {**data, "fingerprint": fingerprint(data)}


# What a verdict is about, and the verdict.
_VALIDATED = (
    *("kind", "of_node", "wrt_node", "with_node", "symmetric", "given", "rows_node"),
    *("gradient_node", "recursion", "adjoint", "solves", "problem", "nodes", "validation"),
)


def fingerprint(data: Mapping[str, Any]) -> str:
    """A digest of what was validated and of the verdict: where it is another one, the verdict is
    about something else."""
    text = json.dumps([_plain(data.get(key)) for key in _VALIDATED], sort_keys=True)
    return blake2b(text.encode(), digest_size=16).hexdigest()


def _plain(x: Any) -> Any:
    """The same with whole numbers as such: other programs write 2 for 2.0."""
    if isinstance(x, Mapping):
        return {str(key): _plain(value) for key, value in x.items()}
    if isinstance(x, list | tuple):
        return [_plain(value) for value in x]
    return int(x) if isinstance(x, float) and x.is_integer() else x


class _Nodes:
    """Every node once, after those that it uses, from when it is first mentioned."""

    def __init__(self) -> None:
        self._index: dict[Expr, int] = {}
        self.table: list[JsonObject] = []

    def __getitem__(self, e: Expr) -> int:
        for new in postorder([e], lambda a: a not in self._index):
            if new not in self._index:
                self._index[new] = len(self.table)
                args = [self._index[a] for a in new.args]
                node = {"op": new.op, "args": args, "shape": _shape(new.shape)}
                self.table.append({**node, **_payload(new)})
        return self._index[e]

    def told(self, name: str, e: Expr, node: str = "node") -> JsonObject:
        """An expression as text under a name, and its node."""
        return {name: to_text(e), node: self[e]}


def _payload(e: Expr) -> JsonObject:
    """What a node has beside its arguments."""
    match e:
        case Number(value=Fraction()):
            return {"value": str(e.value)}
        case Number():
            return {"value": e.value}
        case Symbol():
            return {"name": e.name, "attributes": sorted(e.attributes)}
        case Dimension() | Constant() | Name():
            return {"name": e.name}
        case Abstract():
            return {"name": e.name, "order": e.order}
        case Total():
            return {"over": str(e.over), **({} if e.fold == SUM else {"fold": e.fold})}
        case Structured():
            return {"pattern": e.pattern, "offset": str(e.offset)}
        case Call(data=int()):
            return {"axis": e.data}
    return {"sizes": [str(dim) for dim in sizes_of(e)]} if sizes_of(e) else {}


def _problem(problem: Problem, nodes: _Nodes) -> JsonObject:
    return {
        "text": problem.text,
        "symbols": [
            {"name": name, "shape": _shape(e.shape), "node": nodes[e]}
            for name, e in problem.symbols.items()
        ],
        "definitions": [
            {"name": name, "value": _expanded(e.args[0]), "node": nodes[e]}
            for name, e in problem.definitions.items()
        ],
        "functions": list(problem.functions),
        "constants": sorted(problem.constants),
        "unused": list(problem.unused),
        **({"systems": [_system(s, nodes) for s in problem.systems]} if problem.systems else {}),
        **({"families": _families(problem.families, nodes)} if problem.has_families else {}),
    }


def _system(system: EquationSystem, nodes: _Nodes) -> JsonObject:
    return {
        "unknowns": [u.name for u in system.unknowns],
        "nodes": [nodes[u] for u in system.unknowns],
        "solver": system.solver,
        "arguments": [nodes[e] for e in system.arguments],
        "equations": [
            {
                **nodes.told("left", sides.left, "left_node"),
                **nodes.told("right", sides.right, "right_node"),
            }
            for sides in system.equations
        ],
    }


def _adjoint(result: Result, nodes: _Nodes) -> JsonObject:
    adjoint = result.adjoint
    if adjoint is None:
        return {}
    written = {
        "systems": [_system(s, nodes) for s in adjoint.systems],
        "multipliers": [
            {
                **nodes.told("residual", e, "residual_node"),
                "name": adjoint.symbol(s).name,
                "node": nodes[s],
            }
            for e, s in adjoint.weighted
        ],
        "equations": [_linear(q, nodes) for q in adjoint.equations],
    }
    if adjoint.differentials:
        written["differentials"] = [_determined(x, nodes) for x in adjoint.differentials]
    return {"adjoint": written}


def _determined(system: LinearSystem, nodes: _Nodes) -> JsonObject:
    return {
        "names": [s.name for s in system.symbols],
        "nodes": [nodes[s] for s in system.symbols],
        "equations": [_linear(q, nodes) for q in system.equations],
    }


def _linear(q: LinearEquation, nodes: _Nodes) -> JsonObject:
    return {
        "unknown": q.unknown.name,
        "unknown_node": nodes[q.unknown],
        **nodes.told("left", q.left, "left_node"),
        **nodes.told("right", q.right, "right_node"),
        "entries": q.entries,
    }


def _families(families: Families, nodes: _Nodes) -> JsonObject:
    systems = [
        {"system": _system(x.system, nodes), "for": written(x.ranges)} for x in families.systems
    ]
    return {
        "lengths": list(families.lengths),
        "members": [_segment(s, nodes) for s in families.segments],
        "functions": [_segment(s, nodes) for s in families.functions],
        **({"systems": systems} if systems else {}),
    }


def _segment(s: Segment, nodes: _Nodes) -> JsonObject:
    return {
        "name": s.name,
        "shape": _shape(s.shape),
        "attributes": sorted(s.attributes),
        "value": None if s.body is None else _expanded(s.body),
        "node": None if s.body is None else nodes[s.body],
        "for": written(s.ranges) or None,
        **({"padded": sorted(s.padded)} if s.padded else {}),
    }


def _shared(result: Result, nodes: _Nodes) -> JsonObject:
    if not result.shared:
        return {}
    return {"shared": [{"name": name, **nodes.told("of", e)} for e, name in result.shared]}


def _recursion(result: Result, nodes: _Nodes) -> JsonObject:
    recursion = result.recursion
    if recursion is None:
        return {}
    written = {
        "backward": [_equation(q, nodes) for q in recursion.cotangents],
        "gradient": [_equation(q, nodes) for q in recursion.gradients],
        "kept": [nodes[e] for e in result.kept],
        "least": dict(sorted(recursion.least.items())),
        **({"padded": [list(p) for p in recursion.padded]} if recursion.padded else {}),
    }
    return {"recursion": written}


def judgement_dict(j: Judgement, warnings: Sequence[str]) -> JsonObject:
    """What was found of a claim, and warned of: an infinite error is None."""
    request, where = j.request, j.where
    span = where and {"text": where.text, "start": where.span.start, "end": where.span.end}
    return {
        "kind": request.kind,
        "of": request.of_text,
        "wrt": request.wrt.name,
        "claim": j.claim,
        "verdict": j.verdict,
        "right": j.verdict == "right",
        "error": _finite(j.error),
        "diagnosis": j.diagnosis,
        "suggestion": j.suggestion,
        "mended": j.mended,
        "where": span,
        "only_where": j.proviso,
        "slips": [{"kind": s.name, "old": s.old, "new": s.new} for s in j.slips],
        "warnings": list(warnings),
    }


def equality_dict(j: EqualityJudgement) -> JsonObject:
    """A judged equality of two expressions."""
    at = j.example
    return {
        "kind": "equality",
        "left": j.claim.left_text,
        "right": j.claim.right_text,
        "verdict": j.verdict,
        "diagnosis": j.diagnosis,
        "suggestion": j.suggestion,
        "condition": j.condition,
        "example": at
        and {
            "sizes": dict(at.sizes),
            "inputs": {name: x.tolist() for name, x in at.inputs.items()},
            "left": at.left.tolist(),
            "right": at.right.tolist(),
        },
    }


def account_data(account: Account) -> JsonObject:
    """What a backward pass keeps and takes at given sizes."""
    return {
        "bytes": account.bytes,
        "forward": account.forward,
        "backward": account.backward,
        "kept": [
            {"value": to_text(e.value), "bytes": e.bytes, "recomputing": e.recomputing}
            for e in account.entries
        ],
    }


def _equation(q: Equation, nodes: _Nodes) -> JsonObject:
    linear = q.solved
    told = {"solves": _determined(linear, nodes)} if linear else nodes.told("value", q.value)
    return {
        "name": q.symbol.name,
        "shape": _shape(q.symbol.shape),
        **told,
        "for": written(q.ranges) or None,
    }


def _expanded(e: Expr) -> str | None:
    """None where its shared parts, written out, would never end."""
    try:
        return to_text(e)
    except RequestError:
        return None


def _shape(shape: Shape) -> list[str]:
    return [str(d) for d in shape]


def _validation(v: Validation) -> JsonObject:
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


def _step(step: Step, nodes: _Nodes) -> JsonObject:
    return {
        "of": step.of,
        "wrt": step.wrt,
        "label": step.label,
        "shape": _shape(step.shape),
        "lines": [_line(line, nodes) for line in step.lines],
        **nodes.told("result", step.result),
        "note": step.note,
    }


def _line(line: Line, nodes: _Nodes) -> JsonObject:
    return {
        "coefficient": str(line.coefficient),
        "factors": [
            {
                **nodes.told("factor", f.expression),
                "shape": _shape(f.expression.shape),
                "origin": f.origin,
            }
            for f in line.factors
        ],
        **nodes.told("arrangement", line.arrangement),
        "fitting": line.fitting,
        "all_counted": line.all_counted,
        "typed": line.typed,
        "rejected": [
            {
                **nodes.told("arrangement", r.arrangement),
                "relative_error": _finite(r.error),
                "reason": r.reason,
            }
            for r in line.rejected
        ],
    }
