"""Arrays whose axes are the indices of families: of arguments, and of what loops carry."""

from __future__ import annotations

from functools import partial
from itertools import accumulate, pairwise

from ..core import expr as ex
from ..core.dims import ONE, Dim
from ..core.errors import TraceError
from ..core.expr import Expr, Symbol
from ..core.families import at_index, reindexed
from ..core.indices import Index, Range, name_of
from ..core.member_axes import MemberAxes
from ..core.named_tuples import NamedTuple
from . import arrays
from .array_terms import SubAxis
from .arrays import Traced


def family(e: Symbol, axes: MemberAxes) -> Traced:
    """The members of a symbol with indices, as an array of these axes."""
    letters = {i.letter: arrays.letter(k) for k, i in enumerate(e.indices)}
    names = [*letters.values(), *range(len(axes.sizes) - len(letters))]
    parts = [
        () if d == ONE else (SubAxis(d, name),) for d, name in zip(axes.sizes, names, strict=True)
    ]
    member = Traced(
        at_index(e, {a: Index(b) for a, b in letters.items()}), axes.sizes[len(letters) :]
    )
    whole = (tuple(p for k in group for p in parts[k]) for group in axes.groups)
    return arrays.made(whole, member.terms)


def axes_of_members(x: Traced) -> MemberAxes:
    """How the array of the members that an array is made of lies in it."""
    every = [axis or (SubAxis(ONE, -1),) for axis in x.axes]
    ends = [*accumulate(map(len, every), initial=0)]
    parts = [p for axis in every for p in axis]
    order = sorted(range(len(parts)), key=lambda k: not parts[k].is_index)
    groups = (tuple(order.index(k) for k in range(a, b)) for a, b in pairwise(ends))
    return MemberAxes(tuple(parts[k].size for k in order), tuple(groups))


class Recurrence(NamedTuple):
    """What a loop carries, as a family: its name, the letter that counts the steps, what is there
    before the first one, and what a step makes of it. The member k is there after k steps; of a
    loop that runs backwards, where k are left."""

    base: str
    over: Range
    first: Expr
    step: Expr
    is_reversed: bool = False

    def at(self, index: Index) -> Symbol:
        return ex.symbol(name_of(self.base, (index,)), self.step.shape)

    @property
    def ends(self) -> tuple[Index, Index]:
        """The indices before the first step, and after the last."""
        first, last = self.over.first.plus(-1), self.over.last
        return (last, first) if self.is_reversed else (first, last)

    def around(self, letter: str) -> tuple[Index, Index]:
        """Those before and after the step at a letter."""
        before, at = Index(letter, -1), Index(letter)
        return (at, before) if self.is_reversed else (before, at)


def at_step(x: Traced, count: Dim, letter: str) -> Traced:
    """An array along whose first axis a loop goes, at a letter. Raises TraceError, which says that
    the axis would have to count members."""
    over = counted_along(
        x,
        0,
        f"a loop over {count} steps is followed along arguments whose first axis is {count}, and "
        "what is computed of them row by row.",
    )
    at = partial(reindexed, values={str(over.name): Index(letter)})
    return arrays.made(x.axes[1:], arrays.rewritten(x, at).terms)


def counted_along(x: Traced, axis: int, said: str) -> SubAxis:
    """The index that an axis of an array is. Raises TraceError for others, which says that it
    would have to count members."""
    match x.axes[axis]:
        case (SubAxis() as part,) if part.is_index:
            return part
    error = TraceError(said)
    error.counted = str(x.shape[axis])
    raise error


def of_steps(x: Traced, count: Dim, over: str) -> Traced:
    """What each step gives, as an array."""
    taken = {p.name for p in x.indices}
    letter = next(c for c in map(arrays.letter, range(arrays.MOST_INDICES + 1)) if c not in taken)
    at = partial(reindexed, values={over: Index(letter)})
    return arrays.made([(SubAxis(count, letter),), *x.axes], arrays.rewritten(x, at).terms)
