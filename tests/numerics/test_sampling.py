"""What sampling promises: distinct sizes, arrays that obey their attributes, exact derivatives."""

import itertools
from itertools import islice

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shapetrick.core.dims import ONE, Dim
from shapetrick.core.expr import call, dimension, matmul, ones, symbol, times
from shapetrick.core.traversal import postorder
from shapetrick.numerics.sampling import (
    Profile,
    abstract_functions,
    assignments,
    dims_of,
    draw,
    forced_sizes,
    orders_obeyed,
)

M, N, K = Dim.of("m"), Dim.of("n"), Dim.of("k")
NAMES = [Dim.of(name) for name in "abcdefgh"]


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


# ------------------------------------------------------------------------------------- sizes


@pytest.mark.parametrize(
    "dims",
    [
        [M, N],
        [M, N, K, Dim.of(3)],
        [N, N + ONE],
        [M, N, M * N],
        [N, N * Dim.of(2), N + ONE, K],
        [Dim.of(2), Dim.of(3), N],
        [N - Dim.of(3), N],
        NAMES,
    ],
    ids=lambda dims: " ".join(map(str, dims)),
)
def test_distinct_dimensions_have_distinct_sizes(dims: list[Dim]) -> None:
    for sizes in assignments(dims, generator()):
        values = [d.size(sizes) for d in dims]
        assert len(set(values)) == len(values), sizes
        assert min(values) >= 2, sizes


def test_first_two_assignments_have_opposite_orders() -> None:
    falling, rising = islice(assignments([M, N, K], generator()), 2)
    assert falling["m"] > falling["n"] > falling["k"]
    assert rising["m"] < rising["n"] < rising["k"]


def test_all_orders_of_two_dimensions_come_up() -> None:
    orders = {sizes["m"] > sizes["k"] for sizes in assignments([M, N, K], generator())}
    assert orders == {True, False}


def test_assignments_depend_on_the_generator_alone() -> None:
    assert list(assignments(NAMES, generator(7))) == list(assignments(NAMES, generator(7)))


def test_many_names_get_small_sizes() -> None:
    dims = [Dim.of(f"n{i}") for i in range(5000)]
    sizes = next(assignments(dims, generator()))
    assert max(sizes.values()) < 10


def test_large_declared_sizes_are_replaced() -> None:
    sizes = next(assignments([Dim.of(1000), Dim.of(784), Dim.of(3)], generator(), frozenset()))
    assert sizes.keys() == {"1000", "784"}
    assert Dim.of(784).size(sizes) < 7
    assert len({Dim.of(k).size(sizes) for k in (1000, 784, 3)}) == 3


def test_forced_sizes_are_kept() -> None:
    sizes = next(assignments([Dim.of(1000), Dim.of(784)], generator(), frozenset({784})))
    assert sizes.keys() == {"1000"}


def test_sizes_that_are_fused_or_counted_are_forced() -> None:
    x = symbol("X", (Dim.of(28), Dim.of(30)))
    product = matmul(x, symbol("w", (Dim.of(30), ONE)))
    assert forced_sizes(postorder([product])) == frozenset()
    assert forced_sizes(postorder([call("mean", product)])) == {28, 1}
    assert forced_sizes(postorder([call("vec", x)])) == {28, 30, 840, 1}


def test_dims_of_finds_dimensions_used_as_numbers() -> None:
    e = times(dimension(K), matmul(ones(ONE, M), ones(M)))
    assert set(dims_of([e])) == {ONE, M, K}


def test_orders_obeyed() -> None:
    falling, rising, mixed = (
        {"m": 4, "d": 3, "k": 2},
        {"m": 2, "d": 3, "k": 4},
        {"m": 4, "d": 2, "k": 3},
    )
    assert orders_obeyed([falling, mixed], [rising]) in (("m ≥ d",), ("m ≥ k",))
    assert orders_obeyed([falling], [mixed]) == ("d ≥ k",)
    assert orders_obeyed([falling, rising], [mixed]) == ()
    assert orders_obeyed([], [mixed]) == ()


# ------------------------------------------------------------------------------------- arrays

OBEYED = {
    "symmetric": lambda x: np.array_equal(x, x.T),
    "posdef": lambda x: np.array_equal(x, x.T) and np.linalg.eigvalsh(x).min() > 0.01,
    "positive": lambda x: x.min() > 0,
    "nonneg": lambda x: x.min() >= 0,
    "unit": lambda x: x.min() > 0 and x.max() < 1,
    "lower": lambda x: np.array_equal(x, np.tril(x)) and np.diagonal(x).all(),
    "upper": lambda x: np.array_equal(x, np.triu(x)) and np.diagonal(x).all(),
    "diagonal": lambda x: np.array_equal(x, np.diag(np.diagonal(x))) and np.diagonal(x).all(),
    "orthogonal": lambda x: np.allclose(x.T @ x, np.eye(len(x))),
    "simplex": lambda x: x.min() >= 0 and np.allclose(x.sum(axis=1), 1),
    "onehot": lambda x: (
        np.array_equal(np.sort(x, axis=1)[:, -1], np.ones(len(x))) and x.sum() == len(x)
    ),
}


@pytest.mark.parametrize("attribute", OBEYED)
@pytest.mark.parametrize("profile", [Profile(), Profile(0.1, 1), Profile(3.0, -1)], ids=str)
@given(seed=st.integers(0, 2**32), n=st.integers(2, 6))
def test_attributes_are_obeyed(attribute: str, profile: Profile, seed: int, n: int) -> None:
    x = draw(symbol("A", (N, N), [attribute]), {"n": n}, generator(seed), profile)
    assert x.shape == (n, n)
    assert OBEYED[attribute](x)


@pytest.mark.parametrize("shape", [(N, ONE), (ONE, N)], ids=["column", "row"])
def test_a_vector_is_one_simplex(shape: tuple[Dim, Dim]) -> None:
    for attribute in ("simplex", "onehot"):
        x = draw(symbol("p", shape, [attribute]), {"n": 4}, generator())
        assert x.sum() == pytest.approx(1)
        assert x.min() >= 0


def test_what_is_diagonal_and_positive_is_positive_there() -> None:
    x = draw(symbol("D", (N, N), ["diagonal", "positive"]), {"n": 4}, generator())
    assert OBEYED["diagonal"](x)
    assert np.diagonal(x).min() > 0


TOGETHER = [
    *itertools.combinations(["orthogonal", "posdef", "symmetric", "diagonal", "lower"], 2),
    *itertools.product(["upper"], ["orthogonal", "posdef", "diagonal", "lower"]),
    *itertools.product(["posdef", "symmetric"], ["positive", "nonneg"]),
    ("orthogonal", "symmetric", "posdef"),
    ("orthogonal", "symmetric", "diagonal"),
    ("posdef", "symmetric", "positive"),
]


@pytest.mark.parametrize("attributes", TOGETHER, ids=" ".join)
@given(seed=st.integers(0, 2**32), n=st.integers(2, 6))
def test_attributes_combine(attributes: tuple[str, ...], seed: int, n: int) -> None:
    x = draw(symbol("A", (N, N), attributes), {"n": n}, generator(seed))
    assert all(OBEYED[attribute](x) for attribute in attributes)


@given(seed=st.integers(0, 2**32), n=st.integers(2, 6))
def test_square_matrices_are_well_conditioned(seed: int, n: int) -> None:
    assert np.linalg.cond(draw(symbol("A", (N, N)), {"n": n}, generator(seed))) < 1e5


# -------------------------------------------------------------------------- abstract functions


@given(seed=st.integers(0, 2**32), order=st.integers(0, 5))
def test_abstract_functions_have_exact_derivatives(seed: int, order: int) -> None:
    f = abstract_functions(["f"], generator(seed))["f"]
    x, h = np.linspace(-2, 2, 9).reshape(3, 3), 1e-4
    slope = (f(x + h, order) - f(x - h, order)) / (2 * h)
    np.testing.assert_allclose(f(x, order + 1), slope, rtol=1e-5, atol=1e-6)


def test_abstract_functions_differ() -> None:
    f = abstract_functions(["f", "g"], generator())
    x = np.ones((1, 1))
    assert f["f"](x, 0) != f["g"](x, 0)
