"""Other ways to write sums over members: those over one range that are added as one, and what all
summands have before them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

from ..core import expr as ex
from ..core.expr import SUM, Add, Expr, Number, Times, Total
from ..core.families import index_letters, letters_in, reindexed
from ..core.indices import Index
from ..core.traversal import transform

_ANY = "·"  # the letter of a range, while ranges are compared


def joined_sums(e: Expr) -> Expr:
    """The expression with one sum for those over one range that are added, whatever their letters
    are: `sum(j) A[i,j] + 2 (sum(k) B[k])` is `sum(j) (A[i,j] + 2 B[j])`. Definitions stay."""
    return transform(e, lambda x: _joined(x) if isinstance(x, Add) else x, into_names=False)


def with_factors_before(e: Expr) -> Expr:
    """The expression with the scalars that all summands have before each sum."""

    def taken_out(x: Expr) -> Expr:
        if not isinstance(x, Total) or x.fold != SUM or not isinstance(x.args[0], Times):
            return x
        factors, letter = x.args[0].args, x.over.letter
        before = [a for a in factors if a.is_scalar and letter not in letters_in(a)]
        rest = ex.times(*(a for a in factors if a not in before))
        return ex.times(*before, ex.total(rest, x.over)) if before else x

    return transform(e, taken_out, into_names=False)


def _joined(e: Add) -> Expr:
    groups: dict[object, list[Expr]] = {}
    for k, a in enumerate(e.args):
        total = _sum_in(a)
        key = k if total is None else (total.over.lettered(_ANY), total.shape)
        groups.setdefault(key, []).append(a)
    if len(groups) == len(e.args):
        return e
    return ex.add(*(_one(terms) if len(terms) > 1 else terms[0] for terms in groups.values()))


def _sum_in(term: Expr) -> Total | None:
    """The sum that a term is a multiple of."""
    factors = term.args if isinstance(term, Times) else (term,)
    others = [x for x in factors if not isinstance(x, Number)]
    one = others[0] if len(others) == 1 else None
    return one if isinstance(one, Total) and one.fold == SUM else None


def _one(terms: Sequence[Expr]) -> Expr:
    """The multiples of sums over one range as one sum."""
    sums = [total for a in terms if (total := _sum_in(a)) is not None]
    free = {letter for total in sums for letter in letters_in(total)}
    letters = chain((total.over.letter for total in sums), index_letters())
    letter = next(t for t in letters if t not in free)
    bodies = []
    for a, total in zip(terms, sums, strict=True):
        body = reindexed(total.args[0], {total.over.letter: Index(letter)})
        numbers = [x for x in a.args if isinstance(x, Number)] if isinstance(a, Times) else []
        bodies.append(ex.times(*numbers, body) if numbers else body)
    return ex.total(ex.add(*bodies), sums[0].over.lettered(letter))
