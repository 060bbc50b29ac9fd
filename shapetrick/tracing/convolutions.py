"""Windows of arrays, and convolutions: the sums of what lies in each window, times a kernel.

A kernel of a number of entries is taken entry by entry; where its length is a letter, places and
entries are indices of families: `sum(q = 1..m) x[p+q-1] k[q]`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial, reduce
from string import ascii_lowercase
from typing import Any

from ..core.dims import NOTHING, ONE, Dim
from ..core.errors import TraceError
from ..core.families import reindexed
from ..core.indices import Condition, Index
from ..core.named_tuples import NamedTuple
from . import arrays, extents, parts
from .arrays import Traced
from .members import MOST_INDICES, Members, counted_along, index, letter
from .tensors import einsum

Widths = tuple[Any, Any]  # how many zeros there are before and behind


def windows(x: Traced, size: Any, axis: int = -1, step: int = 1) -> Traced:
    """Each so many neighbours along an axis as a new last axis; in the axis itself, the places at
    which these begin, a step apart. Raises TraceError."""
    (k,) = arrays.axes_of(x, axis)
    width = parts.dim(size)
    count = _count(x.shape[k], width, step)
    if width.integer is not None and x.rank == 1 and _is_cut(count, step):
        return parts.stacked([_entries(x, q, count, step) for q in range(width.integer)], 1)
    last = [*(i for i in range(x.rank) if i != k), k]
    found = _WindowPlaces(width, count, step).windows(arrays.permuted(x, last))
    return arrays.permuted(found, [*map(last.index, range(x.rank)), x.rank])


def convolved(x: Traced, kernel: Traced, mode: str = "full") -> Traced:
    """As `convolve` of two arrays of one axis."""
    less = kernel.shape[-1] - ONE
    if mode == "same":
        if not (x.shape[-1] - kernel.shape[-1]).is_eventually_natural:
            raise TraceError(
                "mode='same' is as long as the longer of the two: write the full convolution, and "
                "a slice of it, `np.convolve(x, k)[1:-1]`."
            )
        half = extents.quotient(less + Dim.of((less.integer or 0) % 2), Dim.of(2))
        return correlated(x, kernel, (half, less - half), is_turned=True)
    return correlated(x, kernel, (zeros_beside(kernel, mode),) * 2, is_turned=True)


def zeros_beside(kernel: Traced, mode: str) -> Dim:
    """How many zeros a mode puts before what a kernel goes along, and behind. Raises TraceError."""
    if mode not in ("full", "valid"):
        raise TraceError(f"the mode {mode!r} isn't followed.")
    return kernel.shape[-1] - ONE if mode == "full" else NOTHING


BY_MODE: Mapping[str, Callable[..., Traced]] = {  # by what a jaxpr is called, read as a whole
    f"convolve_{mode}": partial(convolved, mode=mode) for mode in ("full", "valid", "same")
}


def correlated(
    x: Traced, kernel: Traced, widths: Widths = (0, 0), step: int = 1, is_turned: bool = False
) -> Traced:
    """The sums of what lies in the windows of the last axis, each entry times that of a kernel,
    with so many zeros before and behind. The other axes of a kernel are those that come out, and
    the channels that are summed, which stand before the last axis of what is given."""
    before, behind = map(parts.dim, widths)
    width = kernel.shape[-1]
    count = _count(x.shape[-1] + before + behind, width, step)
    lead = ascii_lowercase[: x.rank - 1]
    summed, free = lead[-1:], "O"
    if all(d == ONE for d in kernel.shape[:-1]):
        kernel, summed, free = arrays.reshape(kernel, (width,)), "", ""
    of_windows, of_kernel = f"{lead}P", free + summed
    result = f"{lead.removesuffix(summed)}{free}P"
    is_padded = not before == behind == NOTHING
    if width.integer is not None and _is_cut(count, step) and not (is_padded and _counts(x)):
        weights = parts.flipped(kernel, -1) if is_turned else kernel
        whole = parts.padded(x, [*((0, 0) for _ in lead), (before, behind)], arrays.constant(0))
        terms = (
            einsum(
                f"{of_windows},{of_kernel}->{result}",
                _entries(whole, q, count, step),
                parts.indexed(weights, (..., q)),
            )
            for q in range(width.integer)
        )
        return reduce(arrays.add, terms)
    places = _WindowPlaces(width, count, step, before, is_turned)
    weights = counted_along(kernel, -1, _COUNTED)
    product = einsum(f"{of_windows}Q,{of_kernel}Q->{result}Q", places.windows(x), weights)
    assert isinstance(product, Members)
    inside = Condition(_FIRST, places.at(*product.letters[-2:]), index(x.shape[-1]))
    return product.total((inside,) if is_padded else ())


def _count(size: Dim, width: Dim, step: int) -> Dim:
    """How many windows of a width there are in so many entries."""
    found = extents.quotient(size - width, Dim.of(step)) + ONE
    if not found.is_eventually_natural:
        free = next(c for c in ascii_lowercase[15:] if c not in {*size.names, *width.names})
        whole = Dim.of(step) * Dim.of(free) + width - Dim.of(step)
        raise TraceError(
            f"there may be no {found} windows of {width} in {size} entries: give the shape of what "
            f"has them as a sum, `{whole}`."
        )
    return found


def _counts(x: Traced) -> bool:
    """Whether the last axis counts members."""
    return isinstance(x, Members) and bool(x.letters[-1])


def _is_cut(count: Dim, step: int) -> bool:
    """Whether the entries at the same place of all windows are slices."""
    return step == 1 or (count.integer or parts.MOST_PARTS + 1) <= parts.MOST_PARTS


def _entries(x: Traced, first: int, count: Dim, step: int) -> Traced:
    """Of the last axis, so many entries from a place on, a step apart."""
    start, run = Dim.of(first), count if step == 1 else ONE
    starts = [start] if step == 1 else [start + Dim.of(step * p) for p in range(count.integer or 0)]
    whole = [(NOTHING, d) for d in x.shape[:-1]]
    return parts.joined([parts.cut(x, [*whole, (at, at + run)]) for at in starts], -1)


class _WindowPlaces(NamedTuple):
    """Where the entries of windows are, a letter for the window, and one for the place in it."""

    width: Dim
    number: Dim  # of windows
    step: int
    before: Dim = NOTHING
    is_turned: bool = False

    def at(self, window: str, within: str) -> Index:
        """The place along the axis, counted from 1."""
        inner = index(self.width).minus(Index(within)) if self.is_turned else Index(within, -1)
        first = _FIRST.minus(index(self.before)).added(Index(window, -1), self.step)
        return first.added(inner)

    def windows(self, x: Traced) -> Members:
        """The array of the windows along its last axis. Raises TraceError."""
        x = counted_along(x, -1, _COUNTED)
        *letters, last = x.letters
        window, within = [c for c in map(letter, range(MOST_INDICES)) if c not in letters][:2]
        member = arrays.rewritten(x.x, partial(reindexed, values={last: self.at(window, within)}))
        shape = (*x.shape[:-1], self.number, self.width)
        return Members(shape, (*letters, window, within), member)


_FIRST = Index("", 1)
_COUNTED = (
    "windows of a letter of entries, or a letter of windows with a step, are followed along the "
    "axes of arguments, and of what is computed of them entry by entry."
)
