"""Expressions as they are computed: in forms whose digits last, and whose values are finite where
the expression's are. `log(1 + exp(x))` is `softplus(x)`, `1 - cos(x)` is `2 sin(x / 2).^2`.

A form is taken where it has fewer operations that may overflow, end at infinity, or cancel.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..algebra.monomials import multiplied
from ..algebra.symmetry import Symmetry
from ..core.expr import MINUS, Add, Expr, Name, Times, add, call, number, times
from ..core.structure import factors_of, terms_of
from ..core.traversal import transform
from .identities import EXPONENTIAL, LOGARITHMS, ONE_LESS
from .rewriting import Rewriter, Rows
from .risks import CANCELLATION, SINGULAR, Risks, is_flat
from .scaled_values import ScaledValues


def stable(roots: Sequence[Expr]) -> list[Expr]:
    """The expressions in stable forms; what has a name keeps it."""
    forms, found = _StableForms(roots), list(roots)
    for change in (forms.rewritten, forms.rescaled, forms.weighed):
        done: dict[Expr, Expr] = {}
        found = [transform(root, change, done) for root in found]
    return found


class _StableForms:
    """Makes nodes stable, whose arguments are."""

    def __init__(self, roots: Sequence[Expr]) -> None:
        self._risks = risks = Risks(roots)
        self._rewrite = Rewriter(Symmetry(), risks.of, Rows.STABLE).rewrite
        self._values = ScaledValues(self._rewrite, risks.ranges)

    def rewritten(self, e: Expr) -> Expr:
        """By the rows of the table; a log of a sum with the definitions in that opened, if more
        than sharing them is gained."""
        if isinstance(e, Name):
            return e
        if e.op in LOGARITHMS and isinstance(e.args[0], Add):
            found = self._rewrite(call(e.op, self._opened(e.args[0])))
            if found.shape == e.shape and self._risks.of(found) + CANCELLATION <= self._risks.of(e):
                return found
        return self._rewrite(e)

    def rescaled(self, e: Expr) -> Expr:
        """A product or a log by the largest of its exponents, where that is safer."""
        if not (isinstance(e, Times) or e.op in LOGARITHMS) or self._risks.of(e) < SINGULAR:
            return e
        for total in filter(lambda a: isinstance(a, Add), e.args):
            if (found := self._in_parts(e, total)) is not None:
                return found
        return min(e, self._values.rescaled(e), key=self._risks.of)

    def weighed(self, e: Expr) -> Expr:
        """A product with a function that has no value where another factor is 0: there it is that
        of 0."""
        above = [*filter(self._risks.overflows, factors_of(e))]
        weights = [*filter(self._risks.is_weight, factors_of(e))] if above else []
        if not weights:
            return e
        there = [a if is_flat(a) else call("step", call("abs", a)) for a in weights]
        others = [a for a in factors_of(e) if a not in above]
        return times(*others, *(call(a.op, times(*there, *a.args)) for a in above))

    def _in_parts(self, e: Expr, total: Expr) -> Expr | None:
        """A product with a function that has no value where a part of a sum may be 0: this part
        and the others each by itself."""
        if not any(map(self._risks.overflows, e.args)):
            return None
        terms, is_computed = terms_of(self._opened(total)), self._risks.is_computed
        parts = [[a for a in terms if is_computed(a) is k] for k in (False, True)]
        if not all(parts) or not self._risks.is_weight(add(*parts[0])):
            return None
        rest = [a for a in e.args if a is not total]
        found = add(*(self.rescaled(self._rewrite(times(add(*p), *rest))) for p in parts))
        return found if found.shape == e.shape else None

    def _opened(self, e: Expr) -> Expr:
        """A sum with definitions opened, like summands added up, and `exp(x) - 1` in two."""
        form = self._risks.ranges.form
        parts = (
            [number(c), add(call(EXPONENTIAL, *x.args), MINUS) if x.op == ONE_LESS else x]
            for x, c in form(e).items()
        )
        whole = form(add(*map(multiplied, parts)))
        return add(*(multiplied([number(c), x]) for x, c in whole.items()))
