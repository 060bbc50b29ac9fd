"""What can't be followed is refused with the line in the function, or by its values."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import refused_functions
from traced_functions import cases, refused_at_its_line

import shapetrick as st


@pytest.mark.parametrize(("f", "shapes"), cases(refused_functions))
def test_what_cannot_be_followed_is_refused_at_its_line(f: Any, shapes: str) -> None:
    refused_at_its_line(f, shapes)


def square(x: Any) -> Any:
    return (x**2).sum()


@pytest.mark.parametrize(
    ("shapes", "said"),
    [
        ({}, 'takes `x`, whose shape is not given: write x="m x n"'),
        ({"x": "n", "z": "n"}, "takes no `z`: it takes `x`"),
        ({"x": 3}, 'a text such as "m x d"'),
        ({"x": "n const"}, "nothing to derive by"),
        ("x: n; J = sum(x)", "declarations and nothing else"),
        ("x : elementwise", "no functions"),
        ("x : 1 x n x d", 'leave it out, x="n x d"'),
    ],
)
def test_shapes_that_do_not_fit_are_refused(shapes: Any, said: str) -> None:
    with pytest.raises(st.InputError, match=said.replace("(", r"\(")):
        st.read(square, shapes=shapes)


def aliased(x: Any) -> Any:
    y = x
    y += 1  # changes x as well
    return (x * y).sum()


def overwritten(x: Any) -> Any:
    np.asarray  # noqa: B018 (makes it NumPy's)
    y = x
    y *= 2
    return x @ y


sizes_seen: list[int] = []


def remembering(x: Any) -> Any:
    sizes_seen.append(1)
    return x.sum() * len(sizes_seen)


@pytest.mark.parametrize("f", [aliased, overwritten, remembering])
def test_another_value_is_refused(f: Any) -> None:
    """What operations on arrays don't show is found by the values."""
    with pytest.raises(st.InputError, match="other values than what it was read as"):
        st.read(f, x="n")


def counted(x: Any) -> Any:
    n = int(np.arange(x.shape[0]).sum())
    return n * x.sum()


def test_sizes_that_become_numbers_are_refused() -> None:
    with pytest.raises(st.InputError, match="depends on a size as a number"):
        st.read(counted, x="n")


def undefined(x: Any) -> Any:
    return np.log(-(x**2)).sum()


def test_a_function_without_values_is_refused() -> None:
    with pytest.raises(st.InputError, match="no finite value"):
        st.read(undefined, x="n")


def determinant(x: Any) -> Any:
    return np.linalg.det(x)


def test_a_matrix_is_asked_for_where_a_column_is() -> None:
    with pytest.raises(st.InputError, match="takes a square matrix, not an array of shape"):
        st.read(determinant, x="n")


def test_a_derivation_asks_which_argument() -> None:
    with pytest.raises(st.RequestError, match="say by which, `wrt=…`"):
        st.derive(lambda X, w: (X @ w).sum(), X="m x d", w="d")
    with pytest.raises(st.RequestError, match="nothing by `z`"):
        st.derive(square, x="n", wrt="z")
    with pytest.raises(st.InputError, match="shapes are given with a function"):
        st.derive("x: n; grad (x' x) wrt x", x="n")
