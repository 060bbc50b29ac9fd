"""An expression in its shortest form, which is compared with it before it is handed out."""

from __future__ import annotations

from collections.abc import Collection

from ..core.errors import DerivationError
from ..core.expr import Expr
from ..core.problem import EqualityClaim
from ..simplification.simplifier import Simplifier
from .equalities import judge_equality


def simple_form(e: Expr, definitions: Collection[Expr] = ()) -> Expr:
    """The shortest form that is found, in the names of definitions too; `e` itself where there are
    no points at which the two can be compared. Raises DerivationError where they differ."""
    simplifier = Simplifier(definitions, [e])
    found = simplifier.answer(simplifier(e))
    if found is e:
        return e
    verdict = judge_equality(EqualityClaim(e, found, "", "")).verdict
    if verdict == "wrong":
        raise DerivationError(
            f"a simpler form was found that has other values, `{found}`: this is a fault of "
            "shapetrick, and worth a report."
        )
    return found if verdict == "right" else e
