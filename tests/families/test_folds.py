"""Maxima, minima and products over members: gradients and code agree with JAX, and read as a
textbook writes them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
from layers import jax

from shapetrick.api import check, derive, read
from shapetrick.codegen.python import export
from shapetrick.core.errors import ShapetrickError
from shapetrick.interop.json_export import to_dict
from shapetrick.interop.json_import import from_dict
from shapetrick.language.printer import to_text

jnp = jax.numpy
Values = dict[str, Any]


class Folded(NamedTuple):
    """A problem, its loss in JAX, inputs of these shapes, and, if anything, the first gradient as
    it is printed."""

    text: str
    loss: Callable[[Values], Any]
    shapes: dict[str, tuple[int, ...]]
    sizes: dict[str, int]
    printed: str


def _running(v: Values) -> Any:
    return sum(jnp.tanh(v["x"][: j + 1] @ v["w"][:, 0]).max() for j in range(len(v["x"])))


def _product(v: Values) -> Any:
    whole = v["A"][0] @ v["A"][1] @ v["A"][2]
    return jnp.trace(v["B"] @ whole)


def _products(v: Values) -> Any:
    a = v["A"]
    return sum(
        (y**2).sum() for y in (v["B"] @ a[0], v["B"] @ a[0] @ a[1], v["B"] @ a[0] @ a[1] @ a[2])
    )


def _pooled(v: Values) -> Any:
    pairs = jnp.tanh(v["X"].reshape(2, 2, 1, 3))
    return (pairs.max(axis=1) ** 2).sum()


SHARED = {"x": (3, 2), "w": (2, 1)}
FOLDED = {
    "a maximum": Folded(
        "x[i] : n for i = 1..N; w : n\nJ = max(i = 1..N) w' x[i]\ngrad J wrt w, x[i]",
        lambda v: (v["x"] @ v["w"]).max(),
        SHARED,
        {"N": 3},
        "sum(i = 1..N) (1 - step(max(j = 1..N) w' x[j] - w' x[i])) x[i]",
    ),
    "maxima up to a letter": Folded(
        "x[i] : n for i = 1..N; w : n\n"
        "J = sum(j = 1..N) max(i = 1..j) tanh(w' x[i])\ngrad J wrt x[i], w",
        _running,
        SHARED,
        {"N": 3},
        "sum(j = i..N) (1 - step(max(k = 1..j) tanh(w' x[k]) - tanh(w' x[i]))) "
        "(1 - tanh(w' x[i])^2) w",
    ),
    "pooling": Folded(
        "X[r] : 1 x c for r = 1..2 P\nY[p] = max(q = 0..1) tanh(X[2 p-q]) for p = 1..P\n"
        "J = sum(p = 1..P) norm(Y[p])^2\ngrad J wrt X[r]",
        _pooled,
        {"X": (4, 1, 3)},
        {"P": 2},
        "sum(p = 1..P, 0 <= 2 p-r <= 1) G[p] .* (1 - step(Y[p] - tanh(X[r]))) .* "
        "(1 - tanh(X[r]).^2)",
    ),
    "a product": Folded(
        "x[i] : scalar for i = 1..N\nJ = prod(i = 1..N) sin(x[i])\ngrad J wrt x[i]",
        lambda v: jnp.sin(v["x"]).prod(),
        {"x": (3,)},
        {"N": 3},
        "(prod(j = 1..i-1) sin(x[j])) (prod(j = i+1..N) sin(x[j])) cos(x[i])",
    ),
    "a product of matrices": Folded(
        "A[i] : n x n for i = 1..N; B : n x n\nJ = tr(B prod(i = 1..N) A[i])\ngrad J wrt A[i]",
        _product,
        {"A": (3, 2, 2), "B": (2, 2)},
        {"N": 3},
        "((prod(j = i+1..N) A[j]) B (prod(j = 1..i-1) A[j]))'",
    ),
    "products up to a letter": Folded(
        "A[i] : n x n for i = 1..N; B : n x n\n"
        "J = sum(t = 1..N) norm(B prod(i = 1..t) A[i])^2\ngrad J wrt A[i], B",
        _products,
        {"A": (3, 2, 2), "B": (2, 2)},
        {"N": 3},
        "",
    ),
}


def _inputs(folded: Folded) -> Values:
    rng = np.random.default_rng(2)
    return {name: rng.normal(size=shape) for name, shape in folded.shapes.items()}


@pytest.mark.parametrize("name", FOLDED)
def test_agrees_with_jax(name: str) -> None:
    folded = FOLDED[name]
    values = _inputs(folded)
    expected = jax.grad(folded.loss)(values)
    derivations = read(folded.text).derive()
    assert folded.printed in ("", to_text(derivations[0].gradient))
    for d in derivations:
        assert d.verified, (d.wrt, d.validation)
        wanted = expected[d.wrt.partition("[")[0]]
        given = {n: v if v.ndim > 1 else v[:, None, None] for n, v in values.items()}
        found = np.array(d.evaluate(given, **folded.sizes)).reshape(wanted.shape)
        np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("name", ["maxima up to a letter", "a product"])
def test_code_agrees_with_what_is_derived(name: str) -> None:
    """Writing code runs it beside the derivation; other names of a library are another table."""
    derivations = read(FOLDED[name].text).derive()
    for target in ("numpy", "jax"):
        text = export.code(derivations[0].problem, [d.result for d in derivations], target)
        assert not re.search(r"^ *for ", text, re.MULTILINE)


@pytest.mark.parametrize("library", ["numpy", "jax", "torch"])
@pytest.mark.parametrize("name", ["a product of matrices", "products up to a letter"])
def test_products_of_matrices_are_recurrences(name: str, library: str) -> None:
    """What is before each factor is computed once, and what is behind it."""
    if library == "torch":
        pytest.importorskip("torch")
    folded = FOLDED[name]
    values = _inputs(folded)
    expected = jax.grad(folded.loss)(values)
    problem = read(folded.text)
    results = [d.result for d in problem.derive()]
    found = export.function(problem.data, results, library)(**values)
    np.testing.assert_allclose(found.pop("J"), folded.loss(values), rtol=1e-9)
    for key, mine in found.items():
        wanted = expected[key.removeprefix("grad J wrt ").partition("[")[0]]
        np.testing.assert_allclose(np.asarray(mine), wanted, rtol=1e-9)


def test_comes_back_from_json() -> None:
    d = derive(FOLDED["a product"].text)
    _, result = from_dict(to_dict(d.result, d.problem))
    assert result.gradient is d.gradient
    assert result.validation.verdict == "verified"


def test_is_read_as_it_is_printed() -> None:
    text, asked = FOLDED["a maximum"].text, "grad J wrt w"
    answer = read(text).derive()[0].gradient
    assert check(text.replace(f"{asked}, x[i]", f"check {asked} = {answer}")).verdict == "right"


def test_members_that_are_not_square_have_no_product() -> None:
    with pytest.raises(ShapetrickError, match="members that are n×1 have no product"):
        read("x[i] : n for i = 1..N\nJ = sum(prod(i = 1..N) x[i])\ngrad J wrt x[i]")


@pytest.mark.parametrize("value", ["mean(i = 1..n-1) x[i]^2", "sum(i) x[i]^2 / (n - 1)"])
def test_a_length_by_which_a_value_divides_is_not_0(value: str) -> None:
    derivation = derive(f"x[i] : scalar for i = 1..n; f = {value}; grad f wrt x[i]")
    assert derivation.verified
    assert all(sizes["n"] > 1 for sizes in derivation.result.validation.sizes)
