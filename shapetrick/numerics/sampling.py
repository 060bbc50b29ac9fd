"""Random inputs: sizes for dimensions, arrays that obey their attributes, smooth functions.

What is drawn depends on the generator alone, which the caller passes; or on its key.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache, lru_cache
from math import sqrt
from typing import Any

import numpy as np
from numpy.random.bit_generator import ISeedSequence

from ..core.dims import Dim
from ..core.expr import Dimension, Expr, OfVectors, PowerSum, Structured, Symbol
from ..core.functions import TABLE, Array
from ..core.named_tuples import NamedTuple
from ..core.structure import sizes_of
from ..core.structured import needs
from ..core.traversal import postorder

DrawnRanges = Sequence[tuple[float, float]]

SMALLEST = 2  # of the sizes drawn: at 1, a transpose would pass for the matrix
LARGEST_FIXED = 6  # a declared size above it is drawn small, where nothing forces it
MANY = 9  # more names than this share sizes
ORDERS = 10  # assignments tried
LARGEST_LEAST = 10_000  # that a size is made, so that a slice up to a number has a meaning


class Profile(NamedTuple):
    """How entries without attributes of their own are drawn: magnitude, and sign (0: either); of
    many arrays, a column (arrays × 1 × 1) of either."""

    scale: float | Array = 1.0
    sign: int | Array = 0
    near_identity: bool = False  # of matrices, so that a long chain neither vanishes nor explodes
    boosted: bool = True  # the diagonals of square matrices, so that these are well conditioned

    def replaced(self, rows: Array, other: Profile) -> Profile:
        """The profile with the other's in those rows of its columns."""
        if rows.all():
            return other
        at = rows[:, None, None]
        scale, sign = np.where(at, other.scale, self.scale), np.where(at, other.sign, self.sign)
        return self._replace(scale=scale, sign=sign)

    def above(self, other: Profile) -> Profile:
        """Both of their columns, the other's below."""
        scales = np.concatenate((self.scale, other.scale))
        return Profile(scales, np.concatenate((self.sign, other.sign)))


PLAIN = Profile()
NEAR_IDENTITY = 1e-3
MAGNITUDES = np.array([0.01, 0.1, 0.3, 1.0, 1.0, 3.0, 10.0, 100.0, 1000.0])


def generator(*key: int) -> np.random.Generator:
    """A generator of this key's own draws."""
    return np.random.default_rng(_seed(key))


class _Seed(ISeedSequence):
    """What the generators of a key start from."""

    def __init__(self, key: tuple[int, ...]) -> None:
        seed: Any = np.random.default_rng(key).bit_generator.seed_seq
        self._state: Array = seed.generate_state(4, np.uint64)

    def generate_state(self, n_words: int, dtype: Any = np.uint64) -> Array:
        """The state, which PCG64 asks for as four words of 64 bits."""
        return self._state


@lru_cache(maxsize=256)
def _seed(key: tuple[int, ...]) -> Any:
    """The seed of a key; the same few are asked for again and again."""
    return _Seed(key)


def any_profiles(count: int, rng: np.random.Generator) -> Profile:
    """Profiles of random signs and magnitudes, for functions with an unusual domain."""
    column = (count, 1, 1)
    scales = MAGNITUDES[rng.integers(len(MAGNITUDES), size=column)]
    return Profile(scales, rng.integers(-1, 2, column))


# ------------------------------------------------------------------------------------- sizes


def dims_of(roots: Iterable[Expr]) -> tuple[Dim, ...]:
    """All dimensions that occur in the expressions, in order of appearance."""
    return dims_among(postorder(roots))


def dims_among(nodes: Iterable[Expr]) -> tuple[Dim, ...]:
    """The dimensions of the nodes themselves."""
    dims: dict[Dim, None] = {}
    for e in nodes:
        rows, cols = e.shape
        dims[rows] = dims[cols] = None
        if isinstance(e, Dimension):
            dims[Dim.of(e.name)] = None
        for d in sizes_of(e):
            dims[d] = None
        if isinstance(e, Structured):
            dims.update(dict.fromkeys(d for d in needs(e) if d.integer is None))
    return tuple(dims)


def forced_sizes(nodes: Iterable[Expr]) -> frozenset[int]:
    """The declared sizes that enter as numbers: of fused sides, counted by a derivative, and
    exponents."""
    forced: set[int] = set()
    for e in nodes:
        row = TABLE.get(e.op)
        if isinstance(e, Structured):
            forced.update(d.integer for d in e.shape if d.integer is not None)
        dims = sizes_of(e) if isinstance(e, PowerSum) else ()
        if isinstance(e, OfVectors) or (row and _counts(row.signatures, row.derivative)):
            dims = *e.shape, *(d for a in e.args for d in a.shape), *sizes_of(e)
        forced.update(d.integer for d in dims if d.integer is not None)
    return frozenset(forced)


@cache
def _counts(signatures: tuple[tuple[Any, str], ...], derivative: tuple[str, ...]) -> bool:
    """Whether sizes enter a row as numbers: it fuses sides, or its derivative has a `k`."""
    fuses = any("*" in signature for _, signature in signatures)
    return fuses or any("k" in text.split() for text in derivative)


def assignments(
    dims: Sequence[Dim], rng: np.random.Generator, forced: frozenset[int] | None = None
) -> Iterator[dict[str, int]]:
    """Sizes for the names in `dims`, pairwise distinct where there are few, and for the declared
    sizes that are large and not `forced` (by their digits; none are replaced if it is None): first
    falling in the order of appearance, then rising, then in random orders."""
    names: dict[str, None] = {}
    for d in dims:
        whole = d.integer
        if whole is None:
            names.update(dict.fromkeys(d.names))
        elif forced is not None and whole > LARGEST_FIXED and whole not in forced:
            names[str(whole)] = None
    rising = list(names)
    first = _sizes(rising[::-1], dims, SMALLEST)
    yield first
    yield _unlike(first, rising, dims)
    for i in range(ORDERS - 2):
        yield _sizes([rising[k] for k in rng.permutation(len(rising))], dims, SMALLEST + i % 3)


def _unlike(first: Mapping[str, int], order: Sequence[str], dims: Sequence[Dim]) -> dict[str, int]:
    """Sizes of which none is what it was: a number in a gradient would pass for that dimension."""
    second = _sizes(order, dims, SMALLEST + 1)
    if any(size == first[name] for name, size in second.items()):
        return _sizes(order, dims, SMALLEST + 2)
    return second


def _sizes(order: Sequence[str], dims: Sequence[Dim], start: int) -> dict[str, int]:
    """Sizes that grow along the order and keep the values of distinct dimensions apart."""
    sizes: dict[str, int] = {}
    if len(order) > MANY:
        alone: dict[tuple[str, ...], list[Dim]] = {}
        for d in dims:
            alone.setdefault(d.names, []).append(d)
        for i, name in enumerate(order):
            sizes[name] = _large_enough(alone.get((name,), ()), {}, name, start + i % 5)
        return sizes
    waiting = {d: {*d.names} for d in dims if d.integer is None}
    taken = {d.integer or 0 for d in dims if str(d.integer) not in order}
    size = start
    for name in order:
        known = {*sizes, name}
        ready = [d for d, names in waiting.items() if names <= known] or [Dim.of(name)]
        size = next(
            (s for s in range(size, size + 8) if _apart(ready, {**sizes, name: s}, taken)), size
        )
        sizes[name] = size = _large_enough(ready, sizes, name, size)
        taken.update((size, *(d.size(sizes) for d in ready)))
        for d in ready:
            waiting.pop(d, None)
        size += 1
    return sizes


def _large_enough(ready: Sequence[Dim], sizes: Mapping[str, int], name: str, size: int) -> int:
    """The least size from that one on at which no dimension is empty."""
    return next(
        (
            s
            for s in range(size, size + LARGEST_LEAST)
            if all(d.size({**sizes, name: s}) > 0 for d in ready)
        ),
        size,
    )


def _apart(ready: Sequence[Dim], sizes: Mapping[str, int], taken: set[int]) -> bool:
    values = [d.size(sizes) for d in ready]
    return min(values) >= SMALLEST and len({*values}) == len(values) and taken.isdisjoint(values)


def least_sizes(dims: Iterable[Dim]) -> tuple[str, ...]:
    """What sizes are at least ("n ≥ 3") where no dimension is empty."""
    least: dict[Dim, int] = {}
    for d in dims:
        at_least = d.least
        if d.integer is None and at_least is not None and at_least < 1:
            constant = int(next((k for names, k in d.terms if not names), 0))
            growing = d - Dim.of(constant)
            least[growing] = max(least.get(growing, 1), 1 - constant)
    return tuple(f"{growing} ≥ {k}" for growing, k in least.items())


def orders_obeyed(
    good: Sequence[Mapping[str, int]], bad: Sequence[Mapping[str, int]]
) -> tuple[str, ...]:
    """The fewest orders of two dimensions ("m ≥ d") that all good sizes have, and no bad ones; none
    if there are no such orders."""
    names = list(good[0]) if good else []
    pairs = [(a, b) for a in names for b in names if all(s[a] > s[b] for s in good)]
    chosen: list[str] = []
    while bad and pairs:
        a, b = max(pairs, key=lambda pair: sum(s[pair[0]] < s[pair[1]] for s in bad))
        remaining = [s for s in bad if s[a] >= s[b]]
        if len(remaining) == len(bad):
            return ()
        chosen.append(f"{a} ≥ {b}")
        bad = remaining
    return () if bad else tuple(chosen)


# ------------------------------------------------------------------------------------- arrays


def draw(
    symbol: Symbol, sizes: Mapping[str, int], rng: np.random.Generator, profile: Profile = PLAIN
) -> Array:
    """An array for the symbol that obeys its attributes; well conditioned where it is square."""
    return draw_all((symbol,), sizes, rng, profile)[symbol.name]


def draw_all(
    symbols: Iterable[Symbol],
    sizes: Mapping[str, int],
    rng: np.random.Generator,
    profile: Profile = PLAIN,
) -> dict[str, Array]:
    """Likewise one for each symbol, by its name."""
    return {name: x[0] for name, x in draws(symbols, sizes, rng, profile, 1).items()}


def draws(
    symbols: Iterable[Symbol],
    sizes: Mapping[str, int],
    rng: np.random.Generator,
    profile: Profile,
    count: int,
) -> dict[str, Array]:
    """Likewise `count` arrays for each (count × rows × columns). Entries that no attribute draws
    together are parts of one stretch of random numbers."""
    found: dict[str, Array] = {}
    parts: list[tuple[Symbol, int, int, int]] = []
    end = 0
    for symbol in symbols:
        rows, cols = symbol.shape[0].size(sizes), symbol.shape[1].size(sizes)
        law = _law(symbol.attributes)
        if law.whole is None:
            parts.append((symbol, end, rows, cols))
            end += rows * cols
        else:
            scale = profile.scale if law.scalable else 1.0
            found[symbol.name] = law.whole((count, rows, cols), rng) * scale
    if not parts:
        return found
    scale, sign = _by_row(profile.scale), _by_row(profile.sign)
    x = 2 * rng.random((count, end)) - 1
    entries = np.copysign(np.abs(x) + 0.4, x + 2 * sign) * scale  # a sign outweighs x's own
    for symbol, begin, rows, cols in parts:
        law = _law(symbol.attributes)
        own = entries[:, begin : begin + rows * cols]
        if law.positive:
            np.abs(own, out=own)
        if profile.boosted and not profile.near_identity and rows == cols > 1:
            own[:, :: rows + 1] *= 1 + sqrt(rows)
        x = own.reshape(count, rows, cols)
        if profile.near_identity and 1 not in (rows, cols):
            x = np.eye(rows, cols) + NEAR_IDENTITY * x
        for shape in law.shaped:
            x = shape(x)
        found[symbol.name] = x
    return found


def _by_row(given: float | Array) -> float | Array:
    """What a profile says of many arrays, for arrays that are rows of entries."""
    return given[:, :, 0] if isinstance(given, np.ndarray) else given


def within(ranges: DrawnRanges, shape: Sequence[int], rng: np.random.Generator) -> Array:
    """An array whose entries are each from one of the ranges."""
    low, high = np.array(ranges)[rng.integers(len(ranges), size=shape)].transpose(
        -1, *range(len(shape))
    )
    return np.asarray(rng.uniform(low, high))


def is_scalable(symbol: Symbol) -> bool:
    """Whether an array that obeys the symbol's attributes does so at every positive scale."""
    law = _law(symbol.attributes)
    return law.whole is None or law.scalable


class _Law(NamedTuple):
    """What attributes ask of an array: that it is drawn as a `whole`, which then may be scaled; or
    that its entries are `positive`, and that it is `shaped`."""

    whole: Callable[[Batch, np.random.Generator], Array] | None
    scalable: bool
    positive: bool
    shaped: tuple[Callable[[Array], Array], ...]


@cache
def _law(attributes: frozenset[str]) -> _Law:
    if attributes & {"lower", "upper"} and attributes & {"symmetric", "posdef", "orthogonal"}:
        attributes |= {"diagonal"}  # nothing else is both
    fitting = (
        together
        for together in _WHOLE
        if attributes >= together and ("diagonal" in together or "diagonal" not in attributes)
    )
    together = next(fitting, frozenset[str]())
    return _Law(
        _WHOLE.get(together),
        "posdef" in together and "orthogonal" not in together,
        not attributes.isdisjoint({"positive", "nonneg"}),
        tuple(shape for attribute, shape in _SHAPED.items() if attribute in attributes),
    )


def _posdef(batch: Batch, rng: np.random.Generator) -> Array:
    count, rows, _ = batch
    q = _orthogonal(batch, rng)
    x = (q * rng.uniform(0.5, 2.0, (count, 1, rows))) @ q.swapaxes(1, 2)
    return np.asarray(x + x.swapaxes(1, 2)) / 2


def _eye(batch: Batch, _: np.random.Generator) -> Array:
    return np.broadcast_to(np.eye(batch[1]), batch)


def _signs(batch: Batch, rng: np.random.Generator) -> Array:
    return np.asarray(np.eye(batch[1]) * rng.choice((-1.0, 1.0), (batch[0], 1, batch[1])))


def _positive_diagonal(batch: Batch, rng: np.random.Generator) -> Array:
    return np.asarray(np.eye(batch[1]) * rng.uniform(0.5, 2.0, (batch[0], 1, batch[1])))


def _reflection(batch: Batch, rng: np.random.Generator) -> Array:
    v = rng.standard_normal((batch[0], batch[1], 1))
    vt = v.swapaxes(1, 2)
    return np.asarray(np.eye(batch[1]) - 2 * (v @ vt) / (vt @ v))


def _positive_posdef(batch: Batch, rng: np.random.Generator) -> Array:
    x = rng.uniform(0.1, 0.9, batch)
    return np.asarray(x + x.swapaxes(1, 2)) / 2 + batch[1] * np.eye(batch[1])


def _orthogonal(batch: Batch, rng: np.random.Generator) -> Array:
    count, rows, cols = batch
    q = np.linalg.qr(rng.standard_normal((count, max(rows, cols), min(rows, cols))))[0]
    return np.asarray(q if rows >= cols else q.swapaxes(1, 2))


def _simplex(batch: Batch, rng: np.random.Generator) -> Array:
    x = rng.uniform(0.2, 1.2, batch)
    return np.asarray(x / x.sum(axis=(1, 2) if 1 in batch[1:] else 2, keepdims=True))


def _onehot(batch: Batch, rng: np.random.Generator) -> Array:
    count, rows, cols = batch
    if cols == 1:
        return np.eye(rows)[rng.integers(rows, size=count)][..., None]
    return np.eye(cols)[rng.integers(cols, size=(count, rows))]


Batch = tuple[int, int, int]
# What obeys these attributes together; the first that fits counts.
_WHOLE: dict[frozenset[str], Callable[[Batch, np.random.Generator], Array]] = {
    frozenset({"orthogonal", "posdef"}): _eye,
    frozenset({"orthogonal", "diagonal"}): _signs,
    frozenset({"orthogonal", "symmetric"}): _reflection,
    frozenset({"posdef", "diagonal"}): _positive_diagonal,
    frozenset({"posdef", "positive"}): _positive_posdef,
    frozenset({"posdef", "nonneg"}): _positive_posdef,
    frozenset({"posdef"}): _posdef,
    frozenset({"orthogonal"}): _orthogonal,
    frozenset({"simplex"}): _simplex,
    frozenset({"onehot"}): _onehot,
    frozenset({"unit"}): lambda batch, rng: rng.uniform(0.1, 0.9, batch),
}
_SHAPED: dict[str, Callable[[Array], Array]] = {
    "symmetric": lambda x: (x + x.swapaxes(1, 2)) / 2,
    "diagonal": lambda x: x * np.eye(*x.shape[1:]),
    "lower": np.tril,
    "upper": np.triu,
}

SIGN_FREE = frozenset(
    {"const", "symmetric", "diagonal", "lower", "upper"}
)  # any signs may be drawn

# ---------------------------------------------------------------------------- abstract functions


def abstract_functions(
    names: Iterable[str], rng: np.random.Generator
) -> dict[str, Callable[[Array, int], Array]]:
    """A random smooth function for every name, with its derivatives of all orders."""
    return {name: _smooth(rng) for name in names}


def _smooth(rng: np.random.Generator) -> Callable[[Array, int], Array]:
    """a sin(b x + c) summed over two waves, and a polynomial of degree 3."""
    waves = rng.uniform((0.5, 0.6, 0.0), (1.0, 1.4, 6.0), (2, 3))
    rising = rng.uniform(0.1, 0.5, 4) * rng.choice((-1, 1), 4)

    def value(x: Array, order: int) -> Array:
        total = np.polyval(np.polyder(rising[::-1], order), x)
        for a, b, c in waves:
            total = total + a * b**order * np.sin(b * x + c + order * np.pi / 2)
        return np.asarray(total)

    return value
