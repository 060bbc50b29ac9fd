"""What can't be followed is refused with the line in the function, or by its values."""

from __future__ import annotations

import inspect
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
import refused_functions
import torch

import shapetrick as st


def _cases() -> list[Any]:
    found = []
    for name, f in vars(refused_functions).items():
        if inspect.isfunction(f) and f.__module__ == refused_functions.__name__:
            first = inspect.getsource(f).splitlines()[0]
            if '"' in first:
                found.append(pytest.param(f, first.split('"')[1], id=name))
    return found


@pytest.mark.parametrize(("f", "shapes"), _cases())
def test_what_cannot_be_followed_is_refused_at_its_line(f: Any, shapes: str) -> None:
    lines = inspect.getsource(refused_functions).splitlines()
    with pytest.raises(st.InputError) as caught:
        st.read(f, shapes=shapes)
    error = caught.value
    assert error.span is not None and error.text is not None
    line = lines[error.span.line_of(error.text) - 1]
    word = line.rpartition("# ")[2]
    assert "# " in line and word in str(error).partition("\n")[2]
    assert "refused_functions.py, line" in str(error)


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
    n = int(np.ones(x.shape[0]).sum())
    return n * x.sum()


def test_sizes_that_become_numbers_are_refused() -> None:
    with pytest.raises(st.InputError, match="depends on a size as a number"):
        st.read(counted, x="n")


def undefined(x: Any) -> Any:
    return np.log(-(x**2)).sum()


def test_a_function_without_values_is_refused() -> None:
    with pytest.raises(st.InputError, match="no finite value"):
        st.read(undefined, x="n")


def pictured(x: Any) -> Any:
    return torch.stack([x, x]).sum() + jnp.sum(x)


def test_two_libraries_in_one_function_are_refused() -> None:
    with pytest.raises(st.InputError):
        st.read(pictured, x="n")


def test_a_derivation_asks_which_argument() -> None:
    with pytest.raises(st.RequestError, match="say by which argument"):
        st.derive(lambda X, w: (X @ w).sum(), X="m x d", w="d")
    with pytest.raises(st.RequestError, match="nothing by `z`"):
        st.derive(square, x="n", wrt="z")
    with pytest.raises(st.InputError, match="shapes are given with a function"):
        st.derive("x: n; grad (x' x) wrt x", x="n")
