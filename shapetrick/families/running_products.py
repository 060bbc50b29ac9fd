"""Products of matrices over members as families of their own, which recurrences compute.

`prod(j = 1..l-1) W[j]` is the member l - 1 of the products from the left, `P[j] = P[j-1] W[j]`,
and `prod(j = l+1..L) W[j]` the member l + 1 of those from the right, `P[j] = W[j] P[j+1]`. Products
that begin, or end, at one index are members of one family; where both bounds go by letters, the
factors before the first one are the identity.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from ..core import expr as ex
from ..core.dims import Shape
from ..core.errors import RequestError
from ..core.expr import PRODUCT, Expr, Total
from ..core.families import Segment, letters_in, reindexed
from ..core.indices import Condition, Index, Range, by_size, member
from ..core.traversal import replaced

_ANY = "·"  # the letter of a product, while bodies are compared
_LETTER = "_k"  # that of a sum over one index


@dataclass(slots=True)
class _Running:
    """The products of a body that all begin at `fixed`, or, from the right, all end there."""

    base: str
    body: Expr
    letter: str
    outer: tuple[Range, ...]  # of the other letters in the body
    fixed: Index
    from_left: bool
    end: Index  # the farthest

    def member_at(self, i: Index) -> Expr:
        return ex.symbol(member(self.base, *(Index(r.letter) for r in self.outer), i), self.shape)

    @property
    def shape(self) -> Shape:
        return self.body.shape

    def segments(self) -> Iterator[Segment]:
        step = -1 if self.from_left else 1
        start = self.fixed.plus(step)
        letters = tuple(Index(r.letter) for r in self.outer)
        one = ex.eye(self.shape[0])
        yield Segment(self.base, (*letters, start), self.outer, self.shape, one)
        before = self.member_at(Index(self.letter, step))
        pair = (before, self.body) if self.from_left else (self.body, before)
        low, high = (self.fixed, self.end) if self.from_left else (self.end, self.fixed)
        over = Range(self.letter, low, high)
        at = (*letters, Index(self.letter))
        yield Segment(self.base, at, (*self.outer, over), self.shape, ex.matmul(*pair))


@dataclass(slots=True)
class RunningProducts:
    """The families of the products that are met; `named` gives a name that is free."""

    named: Callable[[str], str]
    _found: dict[tuple[Expr, Index, bool], _Running] = field(default_factory=dict)

    def segments(self) -> list[Segment]:
        """Their definitions, once all are met."""
        return [s for one in self._found.values() for s in one.segments()]

    def replaced(self, root: Expr, scope: Sequence[Range]) -> Expr:
        """The expression, whose letters run over ranges, with members for products of matrices.
        Raises RequestError."""

        def put(x: Expr) -> Expr | None:
            if not isinstance(x, Total):
                return None
            body = self.replaced(x.args[0], (*scope, x.over))
            if x.fold == PRODUCT and not x.is_scalar:
                return self._member(body, x.over, scope)
            return ex.total(body, x.over, x.fold)

        return replaced(root, put)

    def _member(self, body: Expr, over: Range, scope: Sequence[Range]) -> Expr:
        """The product of a body over a range, as a member."""
        running = {r.letter for r in scope}
        begins, ends = ({*i.terms} & running for i in over.ends)
        if begins and ends:
            body = _from(over.first, body, over, scope)
            over, begins = over._replace(first=over.first.ends(scope)[0]), set()
        free = letters_in(body) & running - {over.letter}
        if over.where:
            raise RequestError(
                "there is no code for products of matrices over a part of a range: `evaluate` "
                "gives the values."
            )
        from_left = not begins
        fixed, moving = over.ends if from_left else over.ends[::-1]
        end = moving.ends(scope)[1 if from_left else 0]
        key = reindexed(body, {over.letter: Index(_ANY)}), fixed, from_left
        own = self._found.get(key)
        if own is None:
            boxes = tuple(r.boxed(scope) for r in scope if r.letter in free)
            base = self.named("prod")
            own = _Running(base, body, over.letter, boxes, fixed, from_left, end)
            self._found[key] = own
        else:
            own.end = (max if from_left else min)(own.end, end, key=by_size)
        return own.member_at(moving)


def _from(first: Index, body: Expr, over: Range, scope: Sequence[Range]) -> Expr:
    """The factors from an index on, and the identity before it."""
    at, low, high = Index(over.letter), *over.boxed(scope).ends

    def where(a: Index, b: Index, e: Expr) -> Expr:
        inner = Range(_LETTER, at, at, (Condition(a, Index(_LETTER), b),))
        return ex.total(reindexed(e, {over.letter: Index(_LETTER)}), inner)

    identity = ex.eye(body.shape[0])
    return ex.add(where(first, high, body), where(low, first.plus(-1), identity))
