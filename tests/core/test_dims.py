"""Dimensions: quotients by numbers, beside their values at all sizes."""

from functools import reduce
from itertools import product
from operator import mul

from hypothesis import given
from hypothesis import strategies as st

from shapetrick.core.dims import Dim

NAMES = ("", "m", "n")
FACTORS = st.builds(
    lambda name, k: Dim.of(name or 1) + Dim.of(k), st.sampled_from(NAMES), st.integers(-3, 3)
)
PRODUCTS = st.lists(FACTORS, min_size=1, max_size=4).map(lambda x: reduce(mul, x))
DIMS = st.lists(PRODUCTS, min_size=1, max_size=3).map(lambda x: sum(x, start=Dim.of(0)))


@given(DIMS, st.integers(1, 12))
def test_a_quotient_is_there_where_it_is_whole_for_all_sizes(dim: Dim, q: int) -> None:
    points = product(range(q), repeat=len(dim.names))  # what follows repeats them, by q
    whole = all(dim.size(dict(zip(dim.names, x, strict=True))) % q == 0 for x in points)
    assert (dim.over(q) is not None) == whole


def test_a_large_divisor_needs_no_more_time() -> None:
    n = Dim.of("n")
    assert n.over(10**12) is None
    assert (n * n * Dim.of(10**12)).over(10**12) is n * n
