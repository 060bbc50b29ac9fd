"""A hundred requests over families of several indices, and further forms: `evaluate` and code agree
with JAX at two sizes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import pytest
from further_layers import FURTHER
from layers import Layer, Sizes, Values, jax

from shapetrick.api import read
from shapetrick.codegen.python import export

jnp = jax.numpy
pytestmark = pytest.mark.slow

# What is put around a member, in the language and in JAX.
FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "tanh": jnp.tanh,
    "sigmoid": jax.nn.sigmoid,
    "softplus": jax.nn.softplus,
    "sin": jnp.sin,
    "exp": jnp.exp,
}
# What is added up of a member, likewise.
LOSSES: dict[str, Callable[[Any], Any]] = {
    "norm({})^2 / 2": lambda y: (y**2).sum() / 2,
    "sum(log(1 + {}.^2))": lambda y: jnp.log(1 + y**2).sum(),
}


class Form(NamedTuple):
    """A text, in which a function and a loss are left open, and the members of which the loss is
    taken, in JAX."""

    text: str
    members: Callable[[Callable[[Any], Any], Values, Sizes], list[Any]]
    shapes: Callable[..., dict[str, tuple[int, ...]]]
    sizes: tuple[dict[str, int], dict[str, int]]


def _shifted(x: Any, k: int) -> Any:
    """Members one behind the other along the second axis, zero outside."""
    return jnp.pad(x, ((0, 0), (k, k), (0, 0), (0, 0)))


def _windows(f: Any, v: Values, at: Sizes, stride: int) -> list[Any]:
    taps = range(v["K"].shape[0])
    return [
        f(sum(v["X"][b, stride * p + q] @ v["K"][q] for q in taps))
        for b in range(at["B"])
        for p in range(at["P"])
    ]


def _chain(f: Any, v: Values, at: Sizes) -> list[Any]:
    found = []
    for b in range(at["B"]):
        h = v["X"][b, 0] * 0
        for t in range(at["T"]):
            h = f(h @ v["W"] + v["X"][b, t])
            found.append(h)
    return found


TWO = ({"B": 2, "H": 3, "n": 3, "d": 2}, {"B": 3, "H": 2, "n": 2, "d": 3})
FORMS: dict[str, Form] = {
    "heads": Form(
        "X[b] : n x d for b = 1..B; W[h] : d x d for h = 1..H\n"
        "Z[b,h] = {f}(X[b] W[h]) for b = 1..B, h = 1..H\n"
        "J = sum(b = 1..B) sum(h = 1..H) {loss:Z[b,h]}; grad J wrt W[h], X[b]",
        lambda f, v, at: [f(x @ w) for x in v["X"] for w in v["W"]],
        lambda B, H, n, d: {"X": (B, n, d), "W": (H, d, d)},
        TWO,
    ),
    "heads that are added": Form(
        "X[b,h] : n x d for b = 1..B, h = 1..H; W[h] : d x d for h = 1..H\n"
        "Z[b] = sum(h = 1..H) {f}(X[b,h]) W[h] for b = 1..B\n"
        "J = sum(b = 1..B) {loss:Z[b]}; grad J wrt W[h], X[b,h]",
        lambda f, v, at: [sum(f(x) @ w for x, w in zip(xs, v["W"], strict=True)) for xs in v["X"]],
        lambda B, H, n, d: {"X": (B, H, n, d), "W": (H, d, d)},
        TWO,
    ),
    "attention": Form(
        "Q[b,h], K[b,h] : n x d for b = 1..B, h = 1..H\n"
        "P[b,h] = softmax({f}(Q[b,h] K[b,h]'), axis=1) for b = 1..B, h = 1..H\n"
        "J = sum(b = 1..B) sum(h = 1..H) {loss:(P[b,h] Q[b,h])}; grad J wrt Q[b,h], K[b,h]",
        lambda f, v, at: [
            jax.nn.softmax(f(v["Q"][b, h] @ v["K"][b, h].T), axis=1) @ v["Q"][b, h]
            for b in range(at["B"])
            for h in range(at["H"])
        ],
        lambda B, H, n, d: dict.fromkeys("QK", (B, H, n, d)),
        TWO,
    ),
    "a convolution": Form(
        "X[b,r] : 1 x c for b = 1..B, r = 0..P+1; K[q] : c x c for q = 0..2\n"
        "Z[b,p] = {f}(sum(q = 0..2) X[b,p+q] K[q]) for b = 1..B, p = 0..P-1\n"
        "J = sum(b = 1..B) sum(p = 0..P-1) {loss:Z[b,p]}; grad J wrt K[q], X[b,r]",
        lambda f, v, at: _windows(f, v, at, 1),
        lambda B, P, c: {"X": (B, P + 2, 1, c), "K": (3, c, c)},
        ({"B": 2, "P": 3, "c": 2}, {"B": 1, "P": 2, "c": 3}),
    ),
    "a convolution with a stride": Form(
        "X[b,r] : 1 x c for b = 1..B, r = 0..2 P; K[q] : c x c for q = 0..2\n"
        "Z[b,p] = {f}(sum(q = 0..2) X[b,2 p+q] K[q]) for b = 1..B, p = 0..P-1\n"
        "J = sum(b = 1..B) sum(p = 0..P-1) {loss:Z[b,p]}; grad J wrt K[q], X[b,r]",
        lambda f, v, at: _windows(f, v, at, 2),
        lambda B, P, c: {"X": (B, 2 * P + 1, 1, c), "K": (3, c, c)},
        ({"B": 2, "P": 3, "c": 2}, {"B": 1, "P": 2, "c": 3}),
    ),
    "a convolution with padding": Form(
        "X[b,r] : 1 x c for b = 1..B, r = 1..P zero outside r; K[q] : c x c for q = 0..2\n"
        "Z[b,p] = {f}(sum(q = 0..2) X[b,p+q-1] K[q]) for b = 1..B, p = 1..P\n"
        "J = sum(b = 1..B) sum(p = 1..P) {loss:Z[b,p]}; grad J wrt K[q], X[b,r]",
        lambda f, v, at: _windows(f, {**v, "X": _shifted(v["X"], 1)}, at, 1),
        lambda B, P, c: {"X": (B, P, 1, c), "K": (3, c, c)},
        ({"B": 2, "P": 3, "c": 2}, {"B": 1, "P": 2, "c": 3}),
    ),
    "a convolution where its condition holds": Form(
        "X[b,r] : 1 x c for b = 1..B, r = 1..P; K[q] : c x c for q = 0..2\n"
        "Z[b,p] = {f}(sum(q = 0..2, 1 <= p+q-1 <= P) X[b,p+q-1] K[q]) for b = 1..B, p = 1..P\n"
        "J = sum(b = 1..B) sum(p = 1..P) {loss:Z[b,p]}; grad J wrt K[q], X[b,r]",
        lambda f, v, at: _windows(f, {**v, "X": _shifted(v["X"], 1)}, at, 1),
        lambda B, P, c: {"X": (B, P, 1, c), "K": (3, c, c)},
        ({"B": 2, "P": 3, "c": 2}, {"B": 1, "P": 2, "c": 3}),
    ),
    "sums up to a letter": Form(
        "X[b,t] : n for b = 1..B, t = 1..T; W : n x n\n"
        "Z[b,t] = sum(s = 1..t) {f}(W X[b,s]) for b = 1..B, t = 1..T\n"
        "J = sum(b = 1..B) sum(t = 1..T) {loss:Z[b,t]}; grad J wrt W, X[b,t]",
        lambda f, v, at: [
            sum(f(v["W"] @ v["X"][b, s]) for s in range(t + 1))
            for b in range(at["B"])
            for t in range(at["T"])
        ],
        lambda B, T, n: {"X": (B, T, n, 1), "W": (n, n)},
        ({"B": 2, "T": 3, "n": 2}, {"B": 1, "T": 2, "n": 3}),
    ),
    "pairs": Form(
        "x[i] : n for i = 1..N; w[i,j] : scalar for i = 1..N, j = 1..N\n"
        "J = sum(i = 1..N) sum(j = 1..N) w[i,j] * {loss:{f}(x[i] - 2 x[j])}\n"
        "grad J wrt x[i], w[i,j]",
        lambda f, v, at: [
            (v["w"][i, j, 0, 0], f(v["x"][i] - 2 * v["x"][j]))
            for i in range(at["N"])
            for j in range(at["N"])
        ],
        lambda N, n: {"x": (N, n, 1), "w": (N, N, 1, 1)},
        ({"N": 3, "n": 2}, {"N": 2, "n": 3}),
    ),
    "a batch of recurrences": Form(
        "X[b,t] : 1 x n for b = 1..B, t = 1..T; W : n x n\n"
        "H[b,0] = 0 * X[b,1] for b = 1..B\n"
        "H[b,t] = {f}(H[b,t-1] W + X[b,t]) for b = 1..B, t = 1..T\n"
        "J = sum(b = 1..B) sum(t = 1..T) {loss:H[b,t]}; grad J wrt W, X[b,t]",
        _chain,
        lambda B, T, n: {"X": (B, T, 1, n), "W": (n, n)},
        ({"B": 2, "T": 3, "n": 2}, {"B": 1, "T": 2, "n": 3}),
    ),
    "mirrored": Form(
        "X[b,t] : n for b = 1..B, t = 1..T; V[t] : n for t = 1..T\n"
        "Z[b,t] = {f}(X[b,t] .* V[T-t+1]) for b = 1..B, t = 1..T\n"
        "J = mean(b = 1..B, t = 1..T) {loss:Z[b,t]}; grad J wrt V[t], X[b,t]",
        lambda f, v, at: [
            (1 / (at["B"] * at["T"]), f(v["X"][b, t] * v["V"][at["T"] - 1 - t]))
            for b in range(at["B"])
            for t in range(at["T"])
        ],
        lambda B, T, n: {"X": (B, T, n, 1), "V": (T, n, 1)},
        ({"B": 2, "T": 3, "n": 2}, {"B": 3, "T": 2, "n": 3}),
    ),
}


def _layer(form: Form, name: str, loss: str) -> Layer:
    """The form with a function and a loss."""
    text = form.text.replace("{f}", name)
    before, _, rest = text.partition("{loss:")
    inner, _, after = rest.partition("}")
    lost, f = LOSSES[loss], FUNCTIONS[name]

    def value(v: Values, at: Sizes) -> Any:
        weighed = (y if isinstance(y, tuple) else (1.0, y) for y in form.members(f, v, at))
        return sum(weight * lost(y) for weight, y in weighed)

    return Layer(before + loss.format(inner) + after, value, form.shapes, form.sizes)


def _layers() -> Iterator[Any]:
    for title, form in FORMS.items():
        for name in FUNCTIONS:
            for loss in LOSSES:
                yield pytest.param(_layer(form, name, loss), id=f"{title}, {name}, {loss}")
    for title, layer in FURTHER.items():
        yield pytest.param(layer, id=title)


@pytest.mark.parametrize("layer", list(_layers()))
def test_agrees_with_jax(layer: Layer) -> None:
    problem = read(layer.text)
    derivations = list(problem.derive())
    function = export.function(problem.data, [d.result for d in derivations], "numpy")
    for sizes in layer.sizes:
        values = layer.inputs(sizes)
        expected = jax.grad(layer.value)(values, sizes)
        coded = function(**values, **{n: k for n, k in sizes.items() if n in function.parameters})
        for d in derivations:
            assert d.verified, (d.wrt, d.validation)
            lengths = {letter: sizes[letter] for letter in problem.data.families.lengths}
            wanted = expected[d.wrt.partition("[")[0]]
            for found in (d.evaluate(values, **lengths), coded[f"grad J wrt {d.wrt}"]):
                mine = np.reshape(np.asarray(found), wanted.shape)
                np.testing.assert_allclose(mine, wanted, rtol=1e-9, atol=1e-11)
