"""Expressions as they are computed: in forms whose digits last, and whose values are finite where
the expression's are. `log(1 + exp(x))` is `softplus(x)`, `1 - cos(x)` is `2 sin(x / 2).^2`.

A form is taken where it has fewer operations that may overflow, end at infinity, or cancel.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..algebra.monomials import multiplied
from ..algebra.symmetry import Symmetry
from ..core.cost import is_below
from ..core.expr import (
    MINUS,
    UNIT,
    Add,
    Expr,
    MatMul,
    Name,
    Times,
    add,
    call,
    negate,
    number,
    power,
    times,
    transpose,
)
from ..core.structure import factors_of, is_flat, terms_of
from ..core.traversal import postorder, rebuild, transform
from .identities import EXPONENTIAL, LOGARITHM, LOGARITHMS, ONE_LESS
from .rewriting import Rewriter, Rows
from .risks import CANCELLATION, SINGULAR, Risks, is_root
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
        """A product, a root or a log by the largest of its exponents, where that is safer."""
        whole = isinstance(e, Times) or e.op in LOGARITHMS or is_root(e)
        if not whole or self._risks.of(e) < SINGULAR:
            return e
        e = min(e, self._multiplied_in(e), key=self._risks.of)
        for total in filter(lambda a: isinstance(a, Add), e.args):
            if (found := self._in_parts(e, total)) is not None:
                return found
        return min(e, self._values.rescaled(e), key=self._risks.of)

    def _multiplied_in(self, e: Expr) -> Expr:
        """A product with a factor that a sum in it has below, in each of its terms."""
        for total in filter(lambda a: isinstance(a, Add), e.args):
            below = {x.args[0] for x in postorder([total], into=_is_open) if is_below(x)}
            for x in filter(below.__contains__, e.args):
                rest = [a for a in e.args if a not in (x, total)]
                return times(*rest, _multiplied(total, x))
        return e

    def weighed(self, e: Expr) -> Expr:
        """A product with a function that may have no value where another factor is 0: there it is
        that of 0, or of 1 where it is a log or a reciprocal. Of an inner product, its terms."""
        if isinstance(e, MatMul) and e.is_scalar and len(e.args) == 2:
            terms = times(transpose(e.args[0]), e.args[1])
            found = self.weighed(terms)
            return e if found is terms else call("sum", found)
        if not isinstance(e, Times):
            return e
        return times(*(self._beside(a, [b for b in e.args if b is not a]) for a in e.args))

    def _beside(self, e: Expr, weights: Sequence[Expr]) -> Expr:
        """A factor with the functions in its summands as they are where no weight is 0."""
        sums = ([self._where(a, weights) for a in factors_of(t)] for t in terms_of(e))
        return add(*(times(*factors) for factors in sums))

    def _where(self, e: Expr, weights: Sequence[Expr]) -> Expr:
        zero = [a for a in weights if self._risks.has_no_value_at(a, e)]
        if not zero:
            return e
        there = times(*(a if is_flat(a) else call("step", call("abs", a)) for a in zero))
        x = e.args[0]
        if isinstance(x, Add) and x.args[0] is UNIT:
            x = add(UNIT, times(there, add(*x.args[1:])))
        elif e.op == LOGARITHM:
            x = call("maximum", x, add(UNIT, negate(there)))
        else:
            x = times(there, x)
        return rebuild(e, [x, *e.args[1:]])

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


def _is_open(e: Expr) -> bool:
    return isinstance(e, (Add, Times))


def _multiplied(e: Expr, x: Expr) -> Expr:
    """A sum or product times a factor, which goes to where it cancels."""
    if isinstance(e, Add):
        return add(*(_multiplied(a, x) for a in e.args))
    factors = factors_of(e)
    inverse = power(x, MINUS)
    if inverse in factors:
        return times(*(a for a in factors if a is not inverse))
    for a in factors:
        if isinstance(a, Add) and inverse in postorder(a.args, into=_is_open):
            return times(*(_multiplied(b, x) if b is a else b for b in factors))
    return times(e, x)
