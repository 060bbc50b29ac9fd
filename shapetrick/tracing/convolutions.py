"""Windows of arrays, and convolutions: the sums of what lies in each window, times a kernel.

A kernel of a number of entries is taken entry by entry; where its length is a letter, places and
entries are indices of families: `sum(q = 1..m) x[p+q-1] k[q]`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial, reduce
from itertools import product
from string import ascii_lowercase
from typing import Any

from ..core.dims import NOTHING, ONE, Dim
from ..core.errors import TraceError
from ..core.families import reindexed
from ..core.indices import Condition, Index
from ..core.named_tuples import NamedTuple
from . import arrays, axis_functions, extents, indexing
from .array_terms import ArrayAxis, SubAxis, index
from .arrays import Traced
from .contractions import einsum
from .members import counted_along


class Windows(NamedTuple):
    """How windows lie along an axis: how far from each other, with how many zeros before and behind
    what they lie on, how far their entries are apart, and whether the last of these comes first."""

    step: int = 1
    before: Dim = NOTHING
    behind: Dim = NOTHING
    apart: int = 1
    is_turned: bool = False

    @property
    def is_padded(self) -> bool:
        return not self.before == self.behind == NOTHING

    def number(self, size: Dim, width: Dim) -> Dim:
        """How many windows of a width there are in so many entries. Raises TraceError."""
        reach = (width - ONE) * Dim.of(self.apart) + ONE
        whole = size + self.before + self.behind
        found = extents.quotient(whole - reach, Dim.of(self.step)) + ONE
        if not found.is_eventually_natural:
            free = next(c for c in ascii_lowercase[15:] if c not in {*size.names, *width.names})
            wanted = Dim.of(self.step) * (Dim.of(free) - ONE) + reach
            raise TraceError(
                f"there may be no {found} windows of {width} in {whole} entries: give the shape of "
                f"what has them as a sum, `{wanted}`."
            )
        return found

    def are_cut(self, axis: ArrayAxis, count: Dim, width: Dim) -> bool:
        """Whether the entries at the same place of all windows along an axis are slices."""
        if width.integer is None or (self.is_padded and any(p.is_index for p in axis)):
            return False
        return self.step == 1 or (count.integer or indexing.MOST_PARTS + 1) <= indexing.MOST_PARTS

    def entries(self, x: Traced, axis: int, first: int, count: Dim) -> Traced:
        """The entries at a place of all windows, counted from 0."""
        start, run = Dim.of(first * self.apart), count if self.step == 1 else ONE
        places = range(count.integer or 0) if self.step > 1 else (0,)
        each = []
        for place in places:
            ends = [(NOTHING, d) for d in x.shape]
            ends[axis] = (
                start + Dim.of(self.step * place),
                start + Dim.of(self.step * place) + run,
            )
            each.append(indexing.cut(x, ends))
        return indexing.joined(each, axis) if len(each) > 1 else each[0]

    def at(self, window: SubAxis, within: SubAxis, width: Dim) -> Index:
        """The place along the axis, counted from 1, of an entry of a window, of which both are
        letters."""
        q = Index(str(within.name))
        inner = index(width).minus(q) if self.is_turned else q.plus(-1)
        first = _FIRST.minus(index(self.before)).added(Index(str(window.name), -1), self.step)
        return first.added(inner, self.apart)

    def by_letters(self, x: Traced, axis: int, width: Dim) -> Traced:
        """The array with its windows along an axis as a new last axis. Raises TraceError."""
        last, taken = str(counted_along(x, axis, _COUNTED).name), {p.name for p in x.indices}
        free = [c for c in map(arrays.letter, range(arrays.MOST_INDICES)) if c not in taken]
        count = self.number(x.shape[axis], width)
        window, within = SubAxis(count, free[0]), SubAxis(width, free[1])
        at = partial(reindexed, values={last: self.at(window, within, width)})
        axes = [*x.axes, (within,)]
        axes[axis] = (window,)
        return arrays.made(axes, arrays.rewritten(x, at).terms)


def each_axis(
    steps: Sequence[int], zeros: Sequence[tuple[Dim, Dim]], apart: Sequence[int]
) -> list[Windows]:
    """Windows along several axes, with the zeros before and behind what they lie on."""
    return [
        Windows(step, before, behind, k)
        for step, (before, behind), k in zip(steps, zeros, apart, strict=True)
    ]


def windows(x: Traced, size: Any, axis: int = -1, step: int = 1) -> Traced:
    """Each so many neighbours along an axis as a new last axis; in the axis itself, the places at
    which these begin, a step apart. Raises TraceError."""
    (k,) = axis_functions.axes_of(x, axis)
    width, lie = indexing.dim(size), Windows(step)
    count = lie.number(x.shape[k], width)
    if x.rank == 1 and lie.are_cut((), count, width):
        return indexing.stacked([lie.entries(x, k, q, count) for q in range(width.integer or 0)], 1)
    return lie.by_letters(x, k, width)


def pooled(name: str, x: Traced, widths: Sequence[Dim], along: Sequence[Windows]) -> Traced:
    """A reduction, `sum`, `mean` or `max`, of what lies in the windows along the last axes."""
    for k, (width, lie) in enumerate(zip(widths, along, strict=True), x.rank - len(along)):
        if width == ONE and lie == Windows():
            continue
        count = lie.number(x.shape[k], width)
        if lie.is_padded:
            raise TraceError("pooling is followed without padding.")
        if not lie.are_cut(x.axes[k], count, width):
            x = axis_functions.reduce(name, lie.by_letters(x, k, width), -1)
            continue
        each = [lie.entries(x, k, q, count) for q in range(width.integer or 0)]
        x = _OF_ENTRIES[name](each)
    return x


# Reductions in windows, of the entries at each place of these.
_OF_ENTRIES: Mapping[str, Callable[[Sequence[Traced]], Traced]] = {
    "sum": partial(reduce, arrays.add),
    "mean": lambda each: reduce(arrays.add, each) / len(each),
    "max": partial(reduce, partial(arrays.mapped, "maximum")),
}


def convolved(x: Traced, kernel: Traced, mode: str = "full") -> Traced:
    """As `convolve` of two arrays of one axis."""
    return correlated(x, kernel, [of_mode(x, kernel, mode)._replace(is_turned=True)])


def of_mode(x: Traced, kernel: Traced, mode: str) -> Windows:
    """How a kernel goes along an array in a mode of NumPy's. Raises TraceError."""
    less = kernel.shape[-1] - ONE
    if mode == "same":
        if not (x.shape[-1] - kernel.shape[-1]).is_eventually_natural:
            raise TraceError(
                "mode='same' is as long as the longer of the two: give the shape of that one as a "
                f"sum, `{x.shape[-1] + less}`, or write the full convolution, and a slice of it."
            )
        half = extents.quotient(less + Dim.of((less.integer or 0) % 2), Dim.of(2))
        return Windows(before=half, behind=less - half)
    if mode not in ("full", "valid"):
        raise TraceError(f"the mode {mode!r} isn't followed.")
    return Windows(before=less, behind=less) if mode == "full" else Windows()


BY_MODE: Mapping[str, Callable[..., Traced]] = {  # by what a jaxpr is called, read as a whole
    f"convolve_{mode}": partial(convolved, mode=mode) for mode in ("full", "valid", "same")
}


def correlated(x: Traced, kernel: Traced, along: Sequence[Windows], groups: Dim = ONE) -> Traced:
    """The sums of what lies in the windows along the last axes, each entry times that of a kernel.
    The other axes of a kernel are those that come out, and the channels that are summed, which
    stand before those axes of what is given; of groups, each has its own part of both."""
    first = x.rank - len(along)
    if groups != ONE:
        (outs, channels), front = kernel.shape[:2], x.shape[: first - 1]
        apart = correlated(
            arrays.reshape(x, (*front, groups, channels, *x.shape[first:])),
            arrays.reshape(kernel, (groups, extents.quotient(outs, groups), *kernel.shape[1:])),
            along,
        )
        return arrays.reshape(apart, (*front, outs, *apart.shape[first + 1 :]))
    lead, spatial = ascii_lowercase[:first], "PQRS"[: len(along)]
    free, summed = ("O", lead[-1:]) if kernel.rank > len(along) else ("", "")
    shared = lead[-2:-1] if kernel.rank > len(along) + 2 else ""  # groups
    behind = kernel.rank - len(along)
    given, weights, letters = x, kernel, ""
    counts: dict[int, Dim] = {}  # of windows, where their entries are slices
    for k, lie in enumerate(along):
        d, width = x.shape[first + k], kernel.shape[behind + k]
        if not lie.are_cut(x.axes[first + k], lie.number(d, width), width):
            counted_along(kernel, behind + k, _COUNTED)
            given, letters = lie.by_letters(given, first + k, width), letters + spatial[k].lower()
            continue
        counts[k] = lie.number(d, width)
        ends: list[tuple[Any, Any]] = [(0, 0)] * given.rank
        ends[first + k] = lie.before, lie.behind
        given = indexing.padded(given, ends, arrays.constant(0))
        weights = indexing.flipped(weights, behind + k) if lie.is_turned else weights
    result = f"{lead.removesuffix(summed)}{free}{spatial}{letters}"
    text = f"{lead}{spatial}{letters},{shared}{free}{summed}{letters}->{result}"
    terms = []
    for places in product(*(range(kernel.shape[behind + k].integer or 0) for k in counts)):
        part, keys = given, list[Any]([slice(None)] * len(along))
        for k, q in zip(counts, places, strict=True):
            part, keys[k] = along[k].entries(part, first + k, q, counts[k]), q
        terms.append(einsum(text, part, indexing.indexed(weights, (..., *keys))))
    found = reduce(arrays.add, terms)
    for c in reversed(letters):
        k = spatial.index(c.upper())
        (window,), (within,) = found.axes[result.index(spatial[k])], found.axes[-1]
        at = along[k].at(window, within, kernel.shape[behind + k])
        inside = Condition(_FIRST, at, index(x.shape[first + k]))
        where = (inside,) if along[k].is_padded else ()
        found = arrays.folded(arrays.made(found.axes[:-1], found.terms), within, where=where)
    return found


_FIRST = Index("", 1)
_COUNTED = (
    "windows of a letter of entries, or a letter of windows with a step, are followed along the "
    "axes of arguments, and of what is computed of them entry by entry."
)
