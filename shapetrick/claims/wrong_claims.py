"""What is said of a claim that the differences refuse: the gradient is derived, the claim compared
with it, and the smallest change looked for that mends it.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np

from ..core.cost import length
from ..core.errors import ShapetrickError
from ..core.expr import Expr, Name
from ..core.problem import Problem, Request
from ..core.results import Adjoint, Validation
from ..core.structure import terms_of
from ..core.traversal import transform
from ..language.printer import to_text
from ..language.syntax.tree import SyntaxNode
from ..pipeline.requests import derive
from ..validation.checker import checker_of
from .comparison import agree, distance
from .conventions import convention, likeness
from .diagnosis import Mistake, described, instead
from .fragments import distributed
from .intermediates import Intermediates
from .mutations import ARRANGING
from .repair import Repair, Repairer
from .side_conditions import SideConditions
from .variants import values_at
from .verdicts import ClaimPart, Judgement

REPLACING = ("missing factor", "missing term", "wrong part", "symmetric convention")
LONGEST = 2000  # operators of an answer that is told as one expression


class WrongClaim:
    """A claim that is wrong, on the way to what is said of it."""

    def __init__(
        self, problem: Problem, request: Request, validation: Validation | None, seed: int
    ) -> None:
        self._problem = problem
        self._request = request
        self._validation = validation
        self._seed = seed
        self._open: tuple[Expr, Adjoint] | None = None
        assert request.claim is not None
        self._claim = request.claim

    def judgement(self) -> Judgement:
        """What is wrong, and what is right."""
        found = self.plain()
        answer = self._answer
        if answer is None:
            return self._with_adjoint(found)
        if not self._repairer.draws:
            return with_more(
                found, [self._right], suggestion=self._answer_text, evidence=self._derived
            )
        mend = self._repairer.mend()
        if mend is not None and not self._is_small(mend):
            mend = None
        inside = self._inside if mend is None or not self._is_plain(mend) else ()
        if inside:
            return self._with_definition(found, inside)
        if mend is not None:
            return self._with_mend(found, mend)
        part, apart = self._first_apart(answer)
        unlike = "" if self._likeness is not None else "no small change mends it; "
        said = [*self._nevertheless, f"{unlike}{self._right}{apart}"]
        return self._with_answer(found, said, suggestion=self._answer_text, where=part)

    def _is_small(self, mend: Repair) -> bool:
        """Whether it changes less than to write the right answer instead: two changes, or one by
        which a claim in another convention gets longer than that; of a zero all terms are missing.
        """
        typed, right = self._claim.text, self._answer_text
        if right is None:
            return True
        if len(mend.slips) == 1:
            if mend.slips[0].name == "missing term" and self._is_zero:
                return False
            rearranged = mend.slips[0].name in ARRANGING
            return rearranged or self._convention is None or len(mend.text) <= len(right)
        return distance(typed, mend.text) <= distance(typed, right)

    @property
    def _is_zero(self) -> bool:
        value = self._claim.value
        if value is None:
            return False
        found = [values_at([value], drawn)[0] for drawn in self._repairer.draws]
        return not any(v is None or v.any() for v in found)

    @staticmethod
    def _is_plain(mend: Repair) -> bool:
        """Whether what is said of it is more likely than a slip in a definition."""
        return len(mend.slips) == 1 and mend.slips[0].name not in REPLACING

    @cached_property
    def _inside(self) -> tuple[Mistake, ...]:
        """Slips in the claim's own definitions."""
        value, answer = self._claim.value, self._answer
        if value is None or answer is None or value.shape != answer.shape:
            return ()
        return Intermediates(self._problem, self._request, value, self._repairer).slips()

    def plain(self) -> Judgement:
        """What is known without the right answer."""
        claim, request = self._claim, self._request
        if self._validation is not None:
            v = self._validation
            said = v.reason if np.isinf(v.max_relative_error) else ""
            return Judgement(
                request, claim.text, "wrong", v.max_relative_error, said, None, None, v
            )
        said = f"its shapes don't fit: {claim.problem.splitlines()[0].rstrip('.')}"
        return Judgement(request, claim.text, "wrong", np.inf, said, None, None, None)

    # -------------------------------------------------------------------------- the right answer

    @cached_property
    def _result(self) -> tuple[Expr, Validation] | None:
        try:
            result = derive(self._problem, replace(self._request, claim=None), self._seed)
        except ShapetrickError:
            return None
        if result.validation.verdict != "verified":
            return None
        own = self._problem.definitions
        answer = _without_names(result.gradient, own)
        if result.adjoint is not None and result.adjoint.multipliers:
            self._open = answer, result.adjoint  # no expression in the problem's names
            return None
        return answer, result.validation

    def _with_adjoint(self, found: Judgement) -> Judgement:
        """The right answer where it has multipliers that only equations determine."""
        if self._open is None:
            return found
        answer, adjoint = self._open
        names = ", ".join(s.name for s in adjoint.multipliers)
        equations = ", ".join(
            f"`{to_text(q.left)} = {to_text(q.right)}`{f' {q.entries}' if q.entries else ''}"
            for q in adjoint.equations
        )
        said = f"the gradient is `{to_text(answer)}`, where {names} solves {equations}"
        return with_more(found, [said])

    @property
    def _answer(self) -> Expr | None:
        return None if self._result is None else self._result[0]

    @cached_property
    def _answer_text(self) -> str | None:
        return None if self._answer is None else _text(self._answer)

    @property
    def _right(self) -> str:
        """What the right answer is."""
        text = self._answer_text
        return _TOO_LONG if text is None else f"the gradient is `{text}`"

    @property
    def _derived(self) -> Validation | None:
        return None if self._result is None else self._result[1]

    @cached_property
    def _repairer(self) -> Repairer:
        assert self._answer is not None
        others = [self._answer, *([] if self._claim.value is None else [self._claim.value])]
        checker = checker_of(self._problem, self._request, others, self._seed, everything=True)
        return Repairer(self._problem, self._request, self._answer, checker)

    # ---------------------------------------------------------------------------- what is said

    def _with_mend(self, found: Judgement, mend: Repair) -> Judgement:
        first, *others = mend.slips
        alike = self._likeness if not others else None
        said = [*self._nevertheless]
        if alike is None:
            said += [described(slip) for slip in mend.slips]
        else:
            said[-1] += f": {instead(first)}"
        where = ClaimPart(first.old, first.span)
        return self._with_answer(
            found, said, suggestion=mend.text, where=where, mended=True, slips=mend.slips,
            evidence=mend.validation,
        )  # fmt: skip

    def _with_definition(self, found: Judgement, slips: tuple[Mistake, ...]) -> Judgement:
        said = [*self._nevertheless, *map(described, slips)]
        where = ClaimPart(slips[0].old, slips[0].span)
        return self._with_answer(
            found, said, suggestion=self._answer_text, where=where, slips=slips
        )

    def _with_answer(self, found: Judgement, said: Iterable[str], **others: Any) -> Judgement:
        known = {"proviso": self._proviso, "evidence": self._derived}
        return with_more(found, said, **{**known, **others})

    @cached_property
    def _convention(self) -> str | None:
        value, answer = self._claim.value, self._answer
        if value is None or answer is None:
            return None
        return convention(value, answer, self._request, self._repairer.draws)

    @cached_property
    def _likeness(self) -> str | None:
        """In what other convention it is right, or what simple thing is between it and that."""
        value, answer = self._claim.value, self._answer
        if self._convention is not None or value is None or answer is None:
            return self._convention
        error = np.inf if self._validation is None else self._validation.max_relative_error
        return likeness(value, answer, self._request, self._repairer.draws, error)

    @cached_property
    def _proviso(self) -> str | None:
        if self._answer is None or self._likeness is not None:
            return None
        return SideConditions(self._repairer, self._request, self._answer).found()

    @property
    def _nevertheless(self) -> list[str]:
        """In what sense the claim is right."""
        proviso = None if self._proviso is None else f"right only where {self._proviso}"
        return [said for said in (proviso, self._likeness) if said is not None]

    def _first_apart(self, answer: Expr) -> tuple[ClaimPart, str]:
        """The first term of the claim that is none of the answer's, and the answer's that is none
        of the claim's."""
        claimed = self._terms()
        right = distributed(answer)
        drawn = self._repairer.draws[0]
        values = values_at([*(e for _, e in claimed), *right, *terms_of(answer)], drawn)
        own, others = values[: len(claimed)], values[len(claimed) :]
        wrong = [
            node
            for (node, _), v in zip(claimed, own, strict=True)
            if not any(o is not None and agree(v, o) for o in others)
        ]
        missing = [
            e
            for e, o in zip(right, others, strict=False)
            if not any(o is not None and agree(v, o) for v in own)
        ]
        if not wrong or len(claimed) == 1:
            assert self._claim.span is not None
            return ClaimPart(self._claim.text, self._claim.span), ""
        typed = self._repairer.draft.unparser.write(wrong[0])
        other = _text(missing[0]) if missing else None
        against = "" if other is None else f", where it has `{other}`"
        return ClaimPart(typed, wrong[0].span), f": they part at `{typed}`{against}"

    def _terms(self) -> list[tuple[SyntaxNode, Expr]]:
        """The terms of the claim as typed, with their signs in the expressions."""
        found: list[tuple[SyntaxNode, Expr]] = []
        stack = [(self._repairer.root, 1)]
        while stack:
            node, sign = stack.pop()
            if node.kind in ("+", "-"):
                stack.append((node.args[1], sign if node.kind == "+" else -sign))
                stack.append((node.args[0], sign))
            elif node.kind == "neg":
                stack.append((node.args[0], -sign))
            else:
                e = self._repairer.draft.expression(node)
                if e is not None:
                    found.append((node, e if sign > 0 else -e))
        return found


def with_more(found: Judgement, said: Iterable[str], **others: Any) -> Judgement:
    """A judgement of which more is said."""
    return replace(found, diagnosis="; ".join(filter(None, [found.diagnosis, *said])), **others)


def _text(e: Expr) -> str | None:
    """The expression as a claim would say it, or None where that is too long to be read."""
    return to_text(e) if length(e) <= LONGEST else None


_TOO_LONG = "the gradient is too long for one expression: without the claim, its parts have names"


def _without_names(e: Expr, known: Container[str]) -> Expr:
    """The expression in the problem's own names alone."""
    return transform(e, lambda x: x.args[0] if isinstance(x, Name) and x.name not in known else x)
