"""A result as plain data: strings, numbers, lists and dictionaries that JSON can hold.

`schema/derivation.schema.json` documents it, `interop/json_records.py` has its records, and
`interop/json_import.py` reads it back. An expression is its text in the language, and beside it the
index of its node in a table that shares what is shared. A number that JSON lacks (an infinite order
of the Taylor remainder, a relative error that was never measured) is None.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from ..core.problem import Problem
from ..core.results import Result
from ..core.warnings import warnings_of
from ..families.saved_values import Account
from ..language.printer import to_text
from .json_nodes import NODE, JsonObject, SharedNodes, each, finite
from .json_records import PROBLEM, REQUEST, RESULT, expanded

if TYPE_CHECKING:
    from ..claims.equalities import EqualityJudgement
    from ..claims.verdicts import Judgement

VERSION = 1  # of the schema: it grows with every change that an old reader can't follow


def to_dict(result: Result, problem: Problem) -> JsonObject:
    """One request's result, with its problem."""
    nodes = SharedNodes()
    told_problem = PROBLEM.write(problem, nodes)
    data: JsonObject = {
        "version": VERSION,
        **REQUEST.write(result.request, nodes),
        **RESULT.write(result, nodes),
        "expanded": expanded(result.expanded),
        "verified": result.validation.verdict == "verified",
        "kept": [to_text(e) for e in result.kept],
        "assumptions": list(problem.assumptions),
        "readings": list(problem.readings),
        "warnings": list(warnings_of(problem, result.request)),
        "problem": told_problem,
        "nodes": nodes.table,
    }
    if result.recursion is not None:
        data["recursion"]["kept"] = each(NODE).write(result.kept, nodes)
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
        "error": finite(j.error),
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
