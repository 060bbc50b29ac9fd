"""Other ways to write sums over members: those over one range that are added as one, equal ones by
one letter, what all summands have before them, none where they are of deviations from a mean."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import chain

from ..core import expr as ex
from ..core.expr import SUM, Add, Expr, MatMul, Name, Number, Symbol, Times, Total
from ..core.families import index_letters, letters_in, reindexed
from ..core.indices import Index, Range, dim_of
from ..core.problem import Problem
from ..core.structure import factors_of, is_zero, unnamed
from ..core.traversal import postorder, transform

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
        varying = reindexed(x.args[0], {x.over.letter: Index(_ANY)})
        before = [a for a in factors_of(varying) if a.is_scalar and _ANY not in letters_in(a)]
        rest = ex.times(*(a for a in factors_of(x.args[0]) if a not in before))
        return ex.times(*before, ex.total(rest, x.over)) if before else x

    return transform(e, taken_out, into_names=False)


class EqualSums:
    """Sums that differ in letters alone as one: the symbol that stands for it, or else the sum by
    the letter that the first of them has."""

    def __init__(self, symbols: Iterable[tuple[Expr, Symbol]] = ()) -> None:
        self._symbols = {_relettered(x): symbol for x, symbol in symbols}

    def __call__(self, e: Expr) -> Expr:
        firsts: dict[Expr, Expr] = dict(self._symbols)

        def first_of(x: Expr) -> Expr:
            return firsts.setdefault(_relettered(x), x) if isinstance(x, Total) else x

        return transform(e, first_of, into_names=False)


def _relettered(e: Expr) -> Expr:
    """The expression with letters of sums that tell how many sums are within."""

    def by_depth(x: Expr) -> Expr:
        if not isinstance(x, Total):
            return x
        within = (len(y.over.letter) for y in postorder(x.args) if isinstance(y, Total))
        letter = _ANY * (1 + max(within, default=0))
        body = reindexed(x.args[0], {x.over.letter: Index(letter)})
        return ex.total(body, x.over.lettered(letter), x.fold)

    return transform(e, by_depth, into_names=False)


def without_deviations(e: Expr, problem: Problem, simplified: Callable[[Expr], Expr]) -> Expr:
    """The expression without sums that are zero since what is subtracted in each summand is the
    mean: `sum(i) (x[i] - mu)` where `mu = sum(i) x[i] / N`."""

    def zero_if_so(x: Expr) -> Expr:
        if not isinstance(x, Total) or x.fold != SUM or x.over.where:
            return x
        over = x.over.lettered(_ANY)  # which no name has that stands for a sum
        core = _varying(reindexed(x.args[0], {x.over.letter: Index(_ANY)}))
        if not isinstance(core, Add):
            return x
        shares = [_share(a, over, problem) for a in core.args]
        if all(share is a for share, a in zip(shares, core.args, strict=True)):
            return x
        return ex.zeros(*x.shape) if is_zero(simplified(ex.add(*shares))) else x

    return transform(e, zero_if_so, into_names=False)


def _varying(summand: Expr) -> Expr:
    """What varies in a summand by the letter of its range, without the factors that do not."""
    while isinstance(summand, (Times, MatMul)):
        varying = [a for a in summand.args if _ANY in letters_in(a)]
        if len(varying) != 1:
            break
        (summand,) = varying
    return summand


def _share(term: Expr, over: Range, problem: Problem) -> Expr:
    """What each summand has of a term that is the multiple of a sum over the same range: `x[i]`
    of `N mu`. Other terms stay."""
    names = {a: known for a in factors_of(term) if (known := _value(a, problem)) is not None}
    if _ANY in letters_in(term) or len(names) != 1:
        return term
    ((name, known),) = names.items()
    sums = [a for a in factors_of(known) if isinstance(a, Total)]
    if len(sums) != 1 or sums[0].fold != SUM or sums[0].over.lettered(_ANY) != over:
        return term
    count = ex.dimension(dim_of(over.last.minus(over.first).plus(1)))
    body = reindexed(sums[0].args[0], {sums[0].over.letter: Index(_ANY)})
    scales = [a for a in (*factors_of(term), *factors_of(known)) if a not in (name, sums[0])]
    return ex.times(*scales, count, body)


def _value(e: Expr, problem: Problem) -> Expr | None:
    """What a name or a member is defined as, by one line."""
    if isinstance(e, Name):
        return unnamed(problem.definitions.get(e.name, e))
    if not isinstance(e, Symbol) or not e.indices:
        return None
    lines = problem.families.of(e.base)
    if len(lines) != 1 or lines[0].body is None:
        return None
    at = {i.letter: own for i, own in zip(lines[0].indices, e.indices, strict=True)}
    return reindexed(lines[0].body, at)


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
