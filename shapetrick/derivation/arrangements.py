"""The search: all ways to arrange the factors of a scalar line so that shapes and units match.

An arrangement joins the legs of the factors with each other and with those of the target: a
partition of the legs into blocks. Transposes, matrix products, element-wise products, sums along
an axis, spreads by ones, diagonals and traces are all such partitions (`algebra/index_terms.py`). A
block must be of one dimension, and its units must cancel, and not fall apart into blocks whose
units cancel on their own: what nothing forces to be one index is two. This leaves few, mostly one,
and finite differences decide.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from functools import cache
from itertools import islice, product
from math import prod
from typing import Any, NamedTuple

import numpy as np

from ..core.functions import Array
from .principal_types import Leg, Type, cancels, falls_apart, negated

Blocks = tuple[int, ...]  # for every leg, factor by factor and then the target's, its block


class Arrangement(NamedTuple):
    """A partition of the legs of some factors and of the target's."""

    blocks: Blocks


def einsum(operands: list[Any], out: list[int], sizes: dict[int, int]) -> Array:
    """np.einsum with the sublist format, where the output may repeat an index or have one of its
    own."""
    inside = {i for indices in operands[1::2] for i in indices}
    kept = list(dict.fromkeys(i for i in out if i in inside))
    value = _contracted([*zip(operands[::2], operands[1::2], strict=True)], kept)
    if kept == out:
        return value
    for i in dict.fromkeys(out):
        if i not in inside:
            value = np.broadcast_to(value[..., None], (*value.shape, sizes[i]))
            kept.append(i)
    result = np.zeros([sizes[i] for i in out])
    index = np.ogrid[tuple(slice(sizes[i]) for i in kept)]
    place = tuple(index[kept.index(i)] for i in out)
    result[place if place else ()] = value
    return result


def _contracted(factors: list[tuple[Array, list[int]]], kept: Sequence[int]) -> Array:
    """The product, factor by factor along what they share: the search for the best order that
    np.einsum offers takes longer than such small products."""
    if len(factors) < 3:
        operands = [part for factor in factors for part in factor]
        return np.asarray(np.einsum(*operands, list(kept))) if operands else np.ones(())
    value, indices = factors[0]
    left = factors[1:]
    uses = Counter([*kept, *(i for _, others in left for i in others)])
    while left:
        at = next((k for k, (_, other) in enumerate(left) if {*other} & {*indices}), 0)
        array, other = left.pop(at)
        uses.subtract(other)
        out = [i for i in dict.fromkeys([*indices, *other]) if uses[i]]
        value, indices = np.einsum(value, indices, array, other, out), out
    return np.asarray(np.einsum(value, indices, list(kept)))


def arrangements(
    factors: Sequence[Type], target: Type, pairs: bool = False
) -> Iterator[Arrangement]:
    """Every arrangement of factors of these types for a target of that type.

    Legs whose unit is unknown (None) match by dimension alone. With `pairs`, only blocks of two
    legs: transposes and matrix products alone."""
    legs = [leg for t in factors for leg in t.legs]
    legs += [Leg(leg.dim, negated(leg.unit)) for leg in target.legs]

    def stands(block: Sequence[int]) -> bool:
        units = [legs[i].unit for i in block]
        return (not pairs or len(block) == 2) and cancels(units) and not falls_apart(units)

    dims = [leg.dim for leg in legs]
    for blocks in partitions(dims, lambda block, _: not pairs or len(block) < 2, stands):
        yield Arrangement(canonical(blocks))


def count_arrangements(factors: Sequence[Type], target: Type) -> int:
    """How many there are, without making them: a product over the dimensions."""
    dims = Counter(leg.dim for t in (*factors, target) for leg in t.legs)
    return prod(map(_bell, dims.values()))


def partitions(
    dims: Sequence[Hashable],
    joins: Callable[[Sequence[int], int], bool],
    stands: Callable[[Sequence[int]], bool],
    most: int | None = None,
) -> Iterator[Blocks]:
    """The partitions of legs with these dimensions into blocks of one dimension each: a leg may be
    put into a block that it `joins`, and each block, once complete, `stands`. Of one dimension's
    partitions no more than `most` are made."""
    choices = [list(islice(_split(legs, joins, stands), most)) for legs in members(dims)]
    for combination in product(*choices):
        blocks = [0] * len(dims)
        for k, block in enumerate(b for partition in combination for b in partition):
            for i in block:
                blocks[i] = k
        yield tuple(blocks)


def members(blocks: Iterable[Hashable]) -> list[list[int]]:
    """The places that have the same block, or dimension."""
    groups: dict[Hashable, list[int]] = {}
    for i, b in enumerate(blocks):
        groups.setdefault(b, []).append(i)
    return list(groups.values())


def _split(
    legs: Sequence[int],
    joins: Callable[[Sequence[int], int], bool],
    stands: Callable[[Sequence[int]], bool],
) -> Iterator[list[tuple[int, ...]]]:
    """The partitions of legs of one dimension."""
    blocks: list[list[int]] = []

    def extend(k: int) -> Iterator[list[tuple[int, ...]]]:
        if k == len(legs):
            if all(map(stands, blocks)):
                yield [tuple(b) for b in blocks]
            return
        for block in blocks:
            if joins(block, legs[k]):
                block.append(legs[k])
                yield from extend(k + 1)
                block.pop()
        blocks.append([legs[k]])
        yield from extend(k + 1)
        blocks.pop()

    yield from extend(0)


def canonical(blocks: Sequence[int]) -> Blocks:
    """The same partition, its blocks numbered as they first occur."""
    names: dict[int, int] = {}
    return tuple(names.setdefault(b, len(names)) for b in blocks)


@cache
def _bell(n: int) -> int:
    """The number of partitions of n things, by Bell's triangle."""
    row = [1]
    for _ in range(n - 1):
        new = [row[-1]]
        for value in row:
            new.append(new[-1] + value)
        row = new
    return row[-1] if n else 1
