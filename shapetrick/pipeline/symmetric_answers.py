"""Requests as they are answered: along the symmetric matrices, where equations have solutions for
these alone.
"""

from __future__ import annotations

from dataclasses import replace

from ..core.problem import Problem, Request


def as_answered(problem: Problem, request: Request, seed: int) -> Request:
    """The request along the symmetric matrices, where equations have solutions for these alone.
    Raises DerivationError where they do not determine their unknowns."""
    systems = problem.systems_of(request.of)
    if not systems or request.kind not in ("grad", "vjp"):
        return request
    from ..implicit.examination import examined

    along = examined(systems, request.wrt, seed).along_symmetric
    return replace(request, symmetric=request.symmetric or along)
