"""The networks of the examples in JAX, with inputs for a number of layers or steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from paths import EXAMPLES

from shapetrick.api import Derivation, read

jax = pytest.importorskip("jax")
jnp = jax.numpy
jax.config.update("jax_enable_x64", True)

LENGTHS = (1, 2, 3, 5)
Values = dict[str, Any]


def wave(x: Any, order: int) -> Any:
    """An elementwise function with its derivatives."""
    return np.sin(x + order * np.pi / 2)


def bend(x: Any, order: int) -> Any:
    return np.tanh(x) if order == 0 else 1 - np.tanh(x) ** 2


# ---- each example in JAX, and its inputs


def _mlp(v: Values) -> Any:
    z = v["X"]
    for i, (w, b) in enumerate(zip(v["W"], v["b"], strict=True)):
        z = z @ w + b
        if i + 1 < len(v["W"]):
            z = jnp.sin(z) if i % 2 == 0 else jnp.tanh(z)
    return -(v["Y"] * jax.nn.log_softmax(z, axis=1)).sum() / len(z)


def _mlp_inputs(rng: np.random.Generator, length: int) -> Values:
    n = [4, 3, 5, 2, 6, 3][: length + 1]
    pairs = list(pairwise(n))
    return {
        "X": rng.normal(size=(3, n[0])),
        "Y": np.eye(n[-1])[rng.integers(n[-1], size=3)],
        "W": [rng.normal(size=pair) for pair in pairs],
        "b": [rng.normal(size=(1, k)) for _, k in pairs],
    }


def _linear(v: Values) -> Any:
    z = v["X"]
    for w in v["W"]:
        z = z @ w
    decay = sum((w**2).sum() for w in v["W"])
    return ((z - v["Y"]) ** 2).sum() / 2 + jnp.sum(v["lam"]) / 2 * decay


def _linear_inputs(rng: np.random.Generator, length: int) -> Values:
    v = _mlp_inputs(rng, length)
    return {"X": v["X"], "Y": rng.normal(size=v["Y"].shape), "W": v["W"], "lam": np.array([[0.3]])}


def _residual(v: Values) -> Any:
    z = v["X"]
    for w, u in zip(v["W"], v["V"], strict=True):
        z = z + jax.nn.relu(z @ w) @ u
    return ((z - v["Y"]) ** 2).sum() / (2 * len(z))


def _residual_inputs(rng: np.random.Generator, length: int) -> Values:
    k = [3, 2, 5, 4, 6][:length]
    return {
        "X": rng.normal(size=(3, 4)),
        "Y": rng.normal(size=(3, 4)),
        "W": [rng.normal(size=(4, c)) for c in k],
        "V": [rng.normal(size=(c, 4)) for c in k],
    }


def _recurrent(v: Values) -> Any:
    h, loss = v["H"][0], 0.0
    for x, y in zip(v["X"], v["Y"], strict=True):
        h = jnp.tanh(h @ v["W"] + x @ v["U"] + v["b"])
        loss = loss + ((h @ v["V"] - y) ** 2).sum() / (2 * len(h))
    return loss


def _recurrent_inputs(rng: np.random.Generator, length: int) -> Values:
    sizes = {"W": (4, 4), "U": (2, 4), "V": (4, 5), "b": (1, 4)}
    return {
        **{name: rng.normal(size=size) for name, size in sizes.items()},
        "H": [rng.normal(size=(3, 4))],
        "X": [rng.normal(size=(3, 2)) for _ in range(length)],
        "Y": [rng.normal(size=(3, 5)) for _ in range(length)],
    }


def _lstm(v: Values) -> Any:
    h, c = v["H"][0], v["C"][0]
    sigmoid = jax.nn.sigmoid
    for x in v["X"]:
        f, i, o, a = (x @ v["W" + g] + h @ v["U" + g] + v["b" + g] for g in "fioc")
        c = sigmoid(f) * c + sigmoid(i) * jnp.tanh(a)
        h = sigmoid(o) * jnp.tanh(c)
    return ((h - v["Y"]) ** 2).sum() / (2 * len(h))


def _lstm_inputs(rng: np.random.Generator, length: int) -> Values:
    sizes = {"W": (2, 4), "U": (4, 4), "b": (1, 4)}
    return {
        **{n + g: rng.normal(size=size) for n, size in sizes.items() for g in "fioc"},
        "H": [rng.normal(size=(3, 4))],
        "C": [rng.normal(size=(3, 4))],
        "Y": rng.normal(size=(3, 4)),
        "X": [rng.normal(size=(3, 2)) for _ in range(length)],
    }


def _power(v: Values, length: int) -> Any:
    x = v["v"]
    for _ in range(length):
        x = v["A"] @ x
        x = x / jnp.sqrt((x**2).sum())
    return (x.T @ v["A"] @ x)[0, 0]


def _power_inputs(rng: np.random.Generator, length: int) -> Values:
    return {"A": rng.normal(size=(4, 4)), "v": rng.normal(size=(4, 1))}


def _descent(v: Values, length: int) -> Any:
    x = v["x"][0]
    for _ in range(length):
        x = x - v["eta"] * (v["Q"] @ x - v["c"])
    return ((x - v["y"]) ** 2).sum() / 2


def _descent_inputs(rng: np.random.Generator, length: int) -> Values:
    q = rng.normal(size=(4, 4))
    vectors = {name: rng.normal(size=(4, 1)) for name in "cy"}
    return {**vectors, "Q": q + q.T, "eta": np.array([[0.1]]), "x": [rng.normal(size=(4, 1))]}


NETWORKS: dict[str, tuple[Callable[..., Any], Callable[..., Values]]] = {
    "deep_mlp": (lambda v, _: _mlp(v), _mlp_inputs),
    "deep_linear_network": (lambda v, _: _linear(v), _linear_inputs),
    "residual_network": (lambda v, _: _residual(v), _residual_inputs),
    "recurrent_network": (lambda v, _: _recurrent(v), _recurrent_inputs),
    "lstm": (lambda v, _: _lstm(v), _lstm_inputs),
    "power_iteration": (_power, _power_inputs),
    "gradient_descent": (_descent, _descent_inputs),
}
DERIVED: dict[str, list[Derivation]] = {}


def derived(name: str) -> list[Derivation]:
    """The derivations of an example, made once."""
    if name not in DERIVED:
        DERIVED[name] = read(text_of(name)).derive()
    return DERIVED[name]


def text_of(name: str) -> str:
    return (EXAMPLES / f"{name}.st").read_text(encoding="utf-8")


def length_of(d: Derivation) -> str:
    """The letter of the length."""
    families = d.problem.families

    return families.lengths[0]


def listed(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else [value]
