"""Arrays of which axes are the indices of a family: what one member is, for all values of its
letters. What is done along the other axes is done with the member.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import accumulate, pairwise

from ..core import expr as ex
from ..core.dims import NOTHING, ONE, Dim, Extent
from ..core.errors import TraceError
from ..core.expr import LARGEST, PRODUCT, SMALLEST, SUM, Expr, Symbol
from ..core.families import reindexed
from ..core.functions import TABLE
from ..core.indices import Condition, Index, Indices, Range, index_of, name_of
from ..core.member_axes import MemberAxes
from ..core.named_tuples import NamedTuple
from . import arrays, extents, parts, tensors
from .arrays import AlongAxes, LetteredArray, ManyAxes, Traced
from .extents import alike
from .regrouped import Group, Regrouped, flat, grouped


class Members(ManyAxes):
    """The array whose axes with letters are indices: `x` is the member at these, with the other
    axes. Letters are told apart by their places alone, so that any two arrays may meet."""

    __slots__ = ("letters", "x")
    precedence = 2

    def __init__(self, shape: Sequence[Dim], letters: Sequence[str], x: Traced) -> None:
        super().__init__(tuple(shape), letters=tuple(letters), x=x, is_mask=x.is_mask)

    letters: tuple[str, ...]  # one for each axis; "" for one of the member's own
    x: Traced

    @property
    def body(self) -> Expr:
        return self.x.body

    @property
    def ranges(self) -> tuple[Range, ...]:
        """What the letters run over."""
        return tuple(_range(c, d) for c, d in zip(self.letters, self.shape, strict=True) if c)

    @property
    def is_of_matrices(self) -> bool:
        return not isinstance(self.x, ManyAxes)

    def refusal(self) -> TraceError:
        counted = [str(d) for c, d in zip(self.letters, self.shape, strict=True) if c]
        return TraceError(
            f"this isn't followed of an array of shape {extents.shape_of(self.shape)} whose axes "
            f"{', '.join(dict.fromkeys(counted))} count the members of a batch: sums, products and "
            "functions of the entries are, and others along the other axes."
        )

    def _places(self, axes: Sequence[int]) -> tuple[int, ...]:
        """Where axes stand among the member's own. Raises TraceError for those with letters."""
        if any(self.letters[k] for k in axes):
            raise self.refusal()
        before = [0, *accumulate(int(not c) for c in self.letters)]
        return tuple(before[k] for k in axes)

    # ------------------------------------------------------------------- what `arrays` asks for

    def of_each(self, f: Callable[..., Traced], *values: Traced) -> Traced:
        shape = arrays.broadcast(*values)
        letters = _letters(values, len(shape))
        return _whole(shape, letters, f(*(_member(x, letters) for x in values)))

    def rewritten(self, f: Callable[[Expr], Expr]) -> Traced:
        return Members(self.shape, self.letters, arrays.rewritten(self.x, f))

    def spread_over(self, shape: Extent) -> Traced:
        letters = ("",) * (len(shape) - self.rank) + self.letters
        return _whole(shape, letters, arrays.spread_over(self.x, _own(shape, letters)))

    def reduced(self, name: str, axes: tuple[int, ...], keepdims: bool) -> Traced:
        lettered = [k for k in axes if self.letters[k]]
        if lettered and name in _THROUGH:
            inner, outer = _THROUGH[name]
            total = arrays.reduce("sum", arrays.mapped(inner, self), axes, keepdims)
            return arrays.mapped(outer, total)
        if lettered and name not in _FOLDS:
            raise self.refusal()
        along = self._places([k for k in axes if not self.letters[k]])
        x = arrays.reduce(name, self.x, along, True) if along else self.x
        for k in lettered:
            x = self._folded(x, _range(self.letters[k], self.shape[k]), _FOLDS[name])
            x = x / arrays.count(self, k) if TABLE[name].averages else x
        sizes = tuple(ONE if k in axes else d for k, d in enumerate(self.shape))
        letters = ["" if k in axes else c for k, c in enumerate(self.letters)]
        found = _whole(sizes, letters, arrays.reshape(x, _own(sizes, letters)))
        kept = tuple(d for k, d in enumerate(self.shape) if k not in axes)
        return found if keepdims else arrays.reshape(found, kept)

    def _folded(self, x: Traced, over: Range, fold: str) -> Traced:
        if fold == PRODUCT and not x.body.is_scalar:  # which would be one of matrices
            raise self.refusal()
        return Traced(ex.total(x.body, over, fold), x.shape)

    def total(self, where: tuple[Condition, ...]) -> Traced:
        """The sum over the members along the last axis, where conditions hold."""
        *letters, c = self.letters
        over = _range(c, self.shape[-1])._replace(where=where)
        return _whole(self.shape[:-1], letters, self._folded(self.x, over, SUM))

    def along(self, f: AlongAxes, axes: tuple[int, ...]) -> Traced:
        return _whole(self.shape, self.letters, f(self.x, self._places(axes)))

    def of_matrices(self, f: Callable[[Traced], Traced]) -> Traced:
        if self._places([self.rank - 2, self.rank - 1]) != (0, 1):
            raise self.refusal()
        found = f(self.x)
        letters = self.letters[:-2] + ("",) * found.rank
        return _whole(self.shape[:-2] + found.shape, letters, found)

    def moved(self, order: Sequence[int]) -> Traced:
        before = [0, *accumulate(int(not c) for c in self.letters)]
        own = [before[k] for k in order if not self.letters[k]]
        gone = [k for k in range(self.x.rank) if k not in own]
        x = arrays.permuted(self.x, [*own, *gone])
        x = arrays.reshape(x, x.shape[: len(own)])
        return _whole([self.shape[k] for k in order], [self.letters[k] for k in order], x)

    def reshaped(self, shape: Extent) -> Traced:
        letters: list[str] = []
        groups: list[Group] = []
        for old, new in alike(self.shape, shape):
            lettered = [c for c in self.letters[old] if c]
            letters += [lettered[0] if lettered and d != ONE else "" for d in shape[new]]
            several, wide = (tuple(d for d in s if d != ONE) for s in (self.shape[old], shape[new]))
            if not lettered or several == wide:
                groups += [(d,) for d in shape[new]]
            elif len(wide) == 1:  # an axis for several
                groups += [(d,) if d == ONE else several for d in shape[new]]
            else:
                raise self.refusal()
        if len(flat(groups)) > len(groups):
            return grouped(groups, arrays.reshape(self, flat(groups)))
        return _whole(shape, letters, arrays.reshape(self.x, _own(shape, letters)))

    def cut(self, ends: Sequence[tuple[Dim, Dim]]) -> Traced:
        shape = [behind - first for first, behind in ends]
        letters, values = list(self.letters), {}
        for k, ((first, behind), c) in enumerate(zip(ends, self.letters, strict=True)):
            if not c or (first, behind) == (NOTHING, self.shape[k]):
                continue
            is_one = shape[k] == ONE
            letters[k] = "" if is_one else c
            values[c] = index(first + ONE) if is_one else Index(c).added(index(first))
        x = parts.cut(self.x, [end for end, c in zip(ends, self.letters, strict=True) if not c])
        x = _reindexed(x, values)
        return _whole(shape, letters, arrays.reshape(x, _own(shape, letters)))

    def joined(self, values: Sequence[Traced], axis: int) -> Traced:
        letters = _letters(values, self.rank)
        if letters[axis]:
            raise self.refusal()
        wide = [(*self.shape[:axis], x.shape[axis], *self.shape[axis + 1 :]) for x in values]
        members = [
            arrays.spread_over(_member(x, letters), _own(shape, letters))
            for x, shape in zip(values, wide, strict=True)
        ]
        place = sum(not c for c in letters[:axis])
        sizes = (x.shape[axis] for x in values)
        shape = (*self.shape[:axis], sum(sizes, NOTHING), *self.shape[axis + 1 :])
        return _whole(shape, letters, parts.joined(members, place))

    def contracted(self, given: Sequence[LetteredArray], result: str) -> Traced:
        sizes: dict[str, Dim] = {}
        indices: dict[str, None] = {}  # einsum's letters that are those of indices
        for f in given:
            sizes.update((c, d) for c, d in zip(f.letters, f.x.shape, strict=True) if d != ONE)
            own = f.x.letters if isinstance(f.x, Members) else ()
            indices.update(dict.fromkeys(c for c, i in zip(f.letters, own, strict=False) if i))
        order = sorted(indices, key=lambda c: (c not in result, result.find(c)))
        letters = {c: letter(k) for k, c in enumerate(order)}
        members = [_member(f.x, [letters.get(c, "") for c in f.letters]) for f in given]
        texts = ["".join(c for c in f.letters if c not in letters) for f in given]
        kept = "".join(c for c in result if c not in letters)
        x = tensors.einsum(f"{','.join(texts)}->{kept}", *members)
        for c in order:
            if c not in result:
                x = self._folded(x, _range(letters[c], sizes.get(c, ONE)), SUM)
        return _whole([sizes.get(c, ONE) for c in result], [letters.get(c, "") for c in result], x)


def axes_of_members(x: Traced) -> tuple[Traced, MemberAxes]:
    """The array of members that an array is made of, and how it lies in it."""
    whole = x.x if isinstance(x, Regrouped) else x
    ends = [
        0,
        *accumulate(map(len, x.groups) if isinstance(x, Regrouped) else (1 for _ in x.shape)),
    ]
    letters = whole.letters if isinstance(whole, Members) else ("",) * whole.rank
    order = sorted(range(whole.rank), key=lambda k: not letters[k])
    groups = (tuple(order.index(k) for k in range(a, b)) for a, b in pairwise(ends))
    return whole, MemberAxes(tuple(whole.shape[k] for k in order), tuple(groups))


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
    x = counted_along(
        x,
        0,
        f"a loop over {count} steps is followed along arguments whose first axis is {count}, and "
        "what is computed of them row by row.",
    )
    at = _reindexed(x.x, {x.letters[0]: Index(letter)})
    return _whole(x.shape[1:], x.letters[1:], at)


def counted_along(x: Traced, axis: int, said: str) -> Members:
    """An array of which an axis counts members. Raises TraceError for others, which says that it
    would have to."""
    if isinstance(x, Members) and x.letters[axis]:
        return x
    error = TraceError(said)
    error.counted = str(x.shape[axis])
    raise error


def of_steps(x: Traced, count: Dim, over: str) -> Members:
    """What each step gives, as an array."""
    if isinstance(x, ManyAxes):
        raise x.refusal()
    at = _reindexed(x, {over: Index(letter(0))})
    return Members((count, *x.shape), (letter(0), *("" for _ in x.shape)), at)


# Reductions that are folds over the members, and those that are through another one.
_FOLDS = {"sum": SUM, "mean": SUM, "prod": PRODUCT, "max": LARGEST, "min": SMALLEST}
_THROUGH = {"logsumexp": ("exp", "log")}


def letter(k: int) -> str:
    """The letter of the k-th axis that is an index: none that a text may have."""
    return f"_{k}"


MOST_INDICES = 8
INDICES = frozenset(map(letter, range(MOST_INDICES)))


def _whole(shape: Sequence[Dim], letters: Sequence[str], x: Traced) -> Traced:
    """The array of a member; the member itself, if there is but one."""
    return Members(shape, letters, x) if any(letters) else x


def _own(shape: Sequence[Dim], letters: Sequence[str]) -> Extent:
    """The member's own axes."""
    return tuple(d for d, c in zip(shape, letters, strict=True) if not c)


def index(d: Dim) -> Index:
    """The index that a dimension is. Raises TraceError."""
    found = Index() if d == NOTHING else index_of(str(d))
    if found is None:
        raise TraceError(f"{d} is no index of a member: give that size a letter of its own.")
    return found


def _range(letter: str, d: Dim) -> Range:
    return Range(letter, Index("", 1), index(d))


def _reindexed(x: Traced, values: Indices) -> Traced:
    return arrays.rewritten(x, partial(reindexed, values=values)) if values else x


def _letters(values: Sequence[Traced], rank: int) -> tuple[str, ...]:
    """The letters of axes over which arrays broadcast, in the order of the axes."""
    padded = [("",) * (rank - x.rank) + x.letters for x in values if isinstance(x, Members)]
    own = [int(any(axis)) for axis in zip(*padded, strict=True)]
    return tuple(letter(k - 1) if c else "" for k, c in zip(accumulate(own), own, strict=True))


def _member(x: Traced, letters: Sequence[str]) -> Traced:
    """A member of an array, where the last axes have these letters. Raises TraceError where an
    array that is no family differs along one of them."""
    own = letters[len(letters) - x.rank :]
    if not isinstance(x, Members):
        return arrays.without(x, [k for k, c in enumerate(own) if c])
    pairs = [(a, b) for a, b in zip(x.letters, own, strict=True) if a]
    found = _reindexed(x.x, {a: Index(b) for a, b in pairs if a != b})
    plain = [c for a, c in zip(x.letters, own, strict=True) if not a]
    return arrays.without(found, [k for k, c in enumerate(plain) if c])
