"""What the language asks of those who derive, imported when a text asks: derivatives as values, and
what names of cotangents stand for. Whoever reads texts for people imports this module.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..core.expr import Expr
from ..core.problem import Problem
from ..language.cotangent_names import Meant, register_namer
from ..language.shapes.derived_values import register_deriver


def _derivative(*asked: Any) -> Expr:
    from .derivatives_as_values import derived
    from .requests import derive

    return derived(derive, *asked)


def _cotangents(problem: Problem, names: Sequence[str]) -> Mapping[str, Meant]:
    from .named_cotangents import cotangents_named

    return cotangents_named(problem, names)


register_deriver(_derivative)
register_namer(_cotangents)
