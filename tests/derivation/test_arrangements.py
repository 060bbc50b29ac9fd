"""The search: which ways to join the sides of factors fit, counted and listed."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shapetrick.derivation.arrangements import arrangements, count_arrangements, einsum
from shapetrick.derivation.principal_types import (
    Leg,
    Type,
    cancels,
    dual,
    falls_apart,
    unit_sum,
    without_units,
)


def typed(text: str) -> Type:
    """`m:p n:-q` is m×n with the units p and -q; `1` a side of 1, `m:?` an unknown unit."""

    def side(word: str) -> tuple[Leg, ...]:
        if word == "1":
            return ()
        dim, _, unit = word.partition(":")
        if unit == "?":
            return (Leg(dim, None),)
        sign = -1 if unit.startswith("-") else 1
        return (Leg(dim, tuple((ord(c), sign) for c in unit.lstrip("-"))),)

    rows, cols = text.split()
    return Type(side(rows), side(cols))


# What is differentiated, the factors that meet the argument, the target, the blocks that stand.
TYPED = [
    ("A B by A", ["m:-p n:-r", "k:-q n:r"], "m:-p k:-q", (0, 1, 2, 1, 0, 2)),
    ("A B by B", ["m:-p n:-r", "m:p k:q"], "k:q n:-r", (0, 1, 0, 2, 2, 1)),
    ("A .* B by A", ["m:-ps n:-qt", "m:s n:t"], "m:-p n:-q", (0, 1, 0, 1, 0, 1)),
    ("tr(X)", ["1 1"], "n:-p n:p", (0, 0)),
    ("sum(X)", ["1 1"], "m: n:", (0, 1)),
    ("diag(v)", ["n:-p n:-q"], "n:-pq 1", (0, 0, 0)),
]


@pytest.mark.parametrize(
    ("factors", "target", "blocks"), [t[1:] for t in TYPED], ids=[t[0] for t in TYPED]
)
def test_units_leave_one(factors: list[str], target: str, blocks: Any) -> None:
    found = arrangements([typed(f) for f in factors], typed(target))
    assert [a.blocks for a in found] == [blocks]


def test_units_leave_few_of_an_inverse() -> None:
    """G between two inverses, or a trace times the inverse, each with the inverses either way."""
    factors = [typed("n:q n:p"), typed("n:-q n:-p"), typed("n:-q n:-p")]
    found = [a.blocks for a in arrangements(factors, typed("n:-p n:-q"))]
    between, trace = (0, 1, 0, 2, 3, 1, 2, 3), (0, 1, 0, 1, 2, 3, 3, 2)
    assert len(found) == 4
    assert {between, trace} <= set(found)


@pytest.mark.parametrize(
    ("factors", "target", "count"),
    [
        (["m:? n:?"], "m:? n:?", 4),  # G itself, or with a sum and a spread along either side
        (["n:? n:?"], "n:? n:?", 15),  # Bell's numbers: partitions of four, six and eight
        (["n:? n:?", "n:? n:?"], "n:? n:?", 203),
        (["n:? n:?", "n:? n:?", "n:? n:?"], "n:? n:?", 4140),
        (["m:? k:?", "k:? n:?"], "m:? n:?", 8),
        (["1 1", "1 1"], "1 1", 1),
    ],
)
def test_shapes_alone_leave_many(factors: list[str], target: str, count: int) -> None:
    types, wanted = [typed(f) for f in factors], typed(target)
    found = list(arrangements(types, wanted))
    assert len(found) == len(set(found)) == count == count_arrangements(types, wanted)


def test_pairs_are_matrix_products() -> None:
    types = [typed("n:? n:?"), typed("n:? n:?")]
    found = [a.blocks for a in arrangements(types, typed("n:? n:?"), pairs=True)]
    assert len(found) == 15  # the ways to pair six sides
    assert all(blocks.count(b) == 2 for blocks in found for b in blocks)


@pytest.mark.parametrize(("factors", "target"), [t[1:3] for t in TYPED], ids=[t[0] for t in TYPED])
def test_every_block_fits(factors: list[str], target: str) -> None:
    types = [typed(f) for f in factors]
    wanted = typed(target)
    legs = [leg for t in (*types, dual(wanted)) for leg in t.legs]
    for found in arrangements(types, wanted):
        for b in set(found.blocks):
            here = [leg for leg, block in zip(legs, found.blocks, strict=True) if block == b]
            assert len({leg.dim for leg in here}) == 1
            assert cancels([leg.unit for leg in here])
    plain = [without_units(t) for t in types]
    among = {a.blocks for a in arrangements(plain, without_units(wanted))}
    assert {a.blocks for a in arrangements(types, wanted)} <= among


def test_what_never_fits() -> None:
    assert not list(arrangements([typed("m:p n:q")], typed("m:p n:p")))
    assert unit_sum([((1, 1),), None]) is None


def test_einsum_repeats_and_spreads() -> None:
    v, sizes = np.arange(3.0), {0: 3, 1: 2}
    np.testing.assert_array_equal(einsum([v, [0]], [0, 0], sizes), np.diag(v))
    np.testing.assert_array_equal(einsum([v, [0]], [0, 1], sizes), np.outer(v, np.ones(2)))
    np.testing.assert_array_equal(einsum([v, [0]], [1], sizes), np.full(2, v.sum()))
    np.testing.assert_array_equal(einsum([], [0, 0], sizes), np.eye(3))


@pytest.mark.parametrize(
    ("units", "apart"),
    [
        ([()], False),
        ([(), ()], True),
        ([((0, 1),), ((0, -1),)], False),
        ([((0, 1),), ((0, -1),), ((0, 1),), ((0, -1),)], True),
        ([((0, 2),), ((0, -1),), ((0, -1),)], False),
        ([((0, 1),), ((0, -1), (1, 1)), ((1, -1),)], False),
        ([((0, 1),), None, ((0, -1),), ()], False),
    ],
)
def test_what_cancels_without_the_others(units: Any, apart: bool) -> None:
    assert falls_apart(units) is apart


@given(st.lists(st.dictionaries(st.integers(0, 2), st.sampled_from([-1, 1, 2])), max_size=6))
def test_every_part_is_looked_at(exponents: list[dict[int, int]]) -> None:
    units = [tuple(sorted(unit.items())) for unit in exponents]
    units.append(unit_sum(units, -1) or ())
    first, *rest = units
    parts = (part for k in range(len(rest)) for part in combinations(rest, k))
    assert falls_apart(units) is any(unit_sum([first, *part]) == () for part in parts)


def test_a_long_chain_of_units_takes_one_look() -> None:
    """Each is the unit of a value over that of its argument, as along nested functions."""
    n = 400
    chain = [((0, 1),), *(((i, -1), (i + 1, 1)) for i in range(n)), ((n, -1),)]
    assert not falls_apart(chain)
    assert falls_apart([*chain, ()])
