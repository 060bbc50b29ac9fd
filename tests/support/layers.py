"""Layers whose members have several indices: their texts, in JAX, and inputs at two sizes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import pytest
from paths import EXAMPLES

jax = pytest.importorskip("jax")
jnp = jax.numpy
jax.config.update("jax_enable_x64", True)

Values = dict[str, Any]
Sizes = Mapping[str, int]


def _example(name: str) -> str:
    return (EXAMPLES / f"{name}.st").read_text(encoding="utf-8")


class Layer(NamedTuple):
    """A problem, its value in JAX, the shapes of its inputs by the sizes of letters, and two such
    sizes; members are along leading axes."""

    text: str
    value: Callable[[Values, Sizes], Any]
    shapes: Callable[..., dict[str, tuple[int, ...]]]
    sizes: tuple[dict[str, int], dict[str, int]]
    domain: Callable[[Values], Values] = lambda values: values  # what is drawn, as it is declared

    def inputs(self, sizes: Sizes) -> Values:
        rng = np.random.default_rng(sum(sizes.values()))
        shapes = self.shapes(**sizes)
        return self.domain({name: rng.normal(size=s) for name, s in shapes.items()})


def _half_square(y: Any) -> Any:
    return (y**2).sum() / 2


def _batch(v: Values, _: Sizes) -> Any:
    return _half_square(jnp.tanh(v["X"] @ v["W"]) - v["Y"])


def _attention(v: Values, _: Sizes) -> Any:
    q, k, a = (jnp.einsum("bnd,hdk->bhnk", v["X"], v[w]) for w in ("WQ", "WK", "WV"))
    p = jax.nn.softmax(q @ jnp.swapaxes(k, -1, -2) / np.sqrt(q.shape[-1]), axis=-1)
    return _half_square(jnp.einsum("bhnk,hkd->bnd", p @ a, v["WO"]) - v["Y"])


def _convolution(v: Values, at: Sizes, stride: int = 1) -> Any:
    x, k = v["X"], v["K"]
    rows = [sum(x[:, stride * p + q] @ k[q] for q in range(at["k"])) for p in range(at["P"])]
    return _half_square(jnp.stack(rows, axis=1) - v["Y"])


def _same_convolution(v: Values, at: Sizes) -> Any:
    x = jnp.pad(v["X"], ((0, 0), (1, 1), (0, 0), (0, 0)))
    rows = [sum(x[:, p + q] @ v["K"][q] for q in range(3)) for p in range(at["N"])]
    return _half_square(jnp.stack(rows, axis=1) - v["Y"])


def _convolution_2d(v: Values, at: Sizes) -> Any:
    x, k, t = v["X"], v["K"], at["k"]
    rows = [
        [
            sum(x[:, p + i, q + j] @ k[i, j] for i in range(t) for j in range(t))
            for q in range(at["R"])
        ]
        for p in range(at["P"])
    ]
    y = jnp.stack([jnp.stack(row, axis=1) for row in rows], axis=1)
    return _half_square(jax.nn.relu(y) - v["Y"])


def _strided_2d(v: Values, _: Sizes) -> Any:
    x = v["X"][..., 0, :]
    ends, order = ((1, 0), (1, 0)), ("NHWC", "HWIO", "NHWC")
    y = jax.lax.conv_general_dilated(x, v["K"], (2, 2), ends, dimension_numbers=order)
    return _half_square(jax.nn.relu(y) - v["Y"][..., 0, :])


def _pooling(v: Values, _: Sizes) -> Any:
    x = v["X"]
    return _half_square((x[::2] + x[1::2]) / 2 - v["Y"])


def _causal(v: Values, at: Sizes) -> Any:
    mask = np.tril(np.ones((at["T"], at["T"])))
    q, k, a = (v[name][:, :, 0] for name in "QKV")
    y = (mask * (q @ jnp.swapaxes(k, 1, 2))) @ a
    return _half_square(y - v["Y"][:, :, 0])


def _both_ways(v: Values, at: Sizes) -> Any:
    forward, backward = [v["F[0]"]], [v["B"][0]]
    for x in v["X"]:
        forward.append(jnp.tanh(forward[-1] @ v["W"] + x @ v["A"]))
    for x in v["X"][::-1]:
        backward.append(jnp.tanh(backward[-1] @ v["U"] + x @ v["C"]))
    y = [
        f @ v["V"] + b @ v["R"] - y
        for f, b, y in zip(forward[1:], backward[:0:-1], v["Y"], strict=True)
    ]
    return sum(map(_half_square, y)) / y[0].shape[0]


def _gru(v: Values, at: Sizes) -> Any:
    h = v["H[0]"]
    for x in v["X"]:
        z, r = (jax.nn.sigmoid(x @ v[f"W{g}"] + h @ v[f"U{g}"]) for g in ("z", "r"))
        h = z * h + (1 - z) * jnp.tanh(x @ v["Wh"] + (r * h) @ v["Uh"])
    return _half_square(h - v["Y"]) / len(h)


def _stacked_lstm(v: Values, at: Sizes) -> Any:
    h, c = v["H[0]"], v["C[0]"]
    for x in v["X"]:
        *gates, a = jnp.split(jnp.hstack([x, h]) @ v["W"] + v["b"], 4, axis=1)
        f, i, o = map(jax.nn.sigmoid, gates)
        c = f * c + i * jnp.tanh(a)
        h = o * jnp.tanh(c)
    return _half_square(h - v["Y"]) / len(h)


def _unet(v: Values, _: Sizes) -> Any:
    z = jax.nn.relu(v["X"] @ v["W1"])
    u = jnp.tanh(jax.nn.relu(z @ v["W2"]) @ v["W3"])
    return _half_square(jnp.hstack([u, z]) @ v["W4"] - v["Y"]) / len(z)


def _halves(v: Values, _: Sizes) -> Any:
    a, gate = jnp.split(v["X"] @ v["W"] + v["b"], 2, axis=1)
    return (v["bar(A)"] * a * jax.nn.sigmoid(gate)).sum()


def _triangle(v: Values, _: Sizes) -> Any:
    return (v["G"] * (jnp.tril(v["Q"] @ v["K"].T) @ v["V"])).sum()


def _neighbours(v: Values, at: Sizes) -> Any:
    y = v["y"][:, :, 0]
    q = 1 / (1 + ((y[:, None] - y[None]) ** 2).sum(-1))
    return (v["P"][:, :, 0, 0] * jnp.log(q.sum() / q)).sum()


def _encoder(v: Values, at: Sizes) -> Any:
    z = v["X"]
    for i in range(at["L"]):
        heads = 0.0
        for h in range(at["H"]):
            q, k, a = (z @ v[w][i, h] for w in ("WQ", "WK", "WV"))
            heads += jax.nn.softmax(q @ k.T / np.sqrt(q.shape[1]), axis=1) @ a @ v["WO"][i, h]
        r = z + heads
        z = r + jnp.tanh(r @ v["W1"][i]) @ v["W2"][i]
    return _half_square(z - v["Y"])


def _experts(v: Values, at: Sizes) -> Any:
    x, y = v["X"][:, 0], 0.0
    for u, w in zip(v["U"], v["W"], strict=True):
        y += jax.nn.sigmoid(x @ u) * jnp.tanh(x @ w)
    return _half_square(y - v["Y"][:, 0])


def _mixture(v: Values, at: Sizes) -> Any:
    gates = jax.nn.softmax(v["V"][:, :, 0] @ v["X"].T, axis=0)
    return _half_square(jnp.einsum("en,nd,edm->nm", gates, v["X"], v["W"]) - v["Y"])


def _rectified(v: Values, at: Sizes) -> Any:
    z = v["X"]
    for i in range(at["L"]):
        p = jax.nn.softmax(z @ v["WQ"][i] @ (z @ v["WK"][i]).T, axis=1)
        z = jax.nn.relu((z + p @ z @ v["WV"][i] @ v["WO"][i]) @ v["W1"][i]) @ v["W2"][i]
    return _half_square(z - v["Y"])


def _grid(v: Values, at: Sizes) -> Any:
    zero = jnp.zeros_like(v["X"][0, 0])
    above = [zero] * at["N"]
    total = 0.0
    for row in v["X"]:
        left, here = zero, []
        for x, up in zip(row, above, strict=True):
            left = jnp.tanh(up @ v["W"] + left @ v["U"] + x @ v["V"])
            here.append(left)
            total += _half_square(left)
        above = here
    return total


def _rod(v: Values, at: Sizes) -> Any:
    u, k, total = v["a"], v["k"], 0.0
    for t in range(at["T"]):
        inside = u[1:-1] + jnp.tanh(k * (u[:-2] - 2 * u[1:-1] + u[2:]))
        u = jnp.concatenate([v["h"][t : t + 1], inside, inside[-1:]])
        total += (u**2).sum() / 2
    return total


def _gated_experts(v: Values, at: Sizes) -> Any:
    x = v["X"][:, 0]
    gates = jax.nn.softmax(x @ v["U"][:, :, 0].T, axis=1)
    said = jnp.tanh(jnp.einsum("bd,edp->bep", x, v["W"]))
    return _half_square(jnp.einsum("be,bep->bp", gates, said) - v["Y"][:, 0])


def _strided(v: Values, at: Sizes) -> Any:
    x = jnp.pad(v["X"], ((0, 0), (1, 0), (0, 0), (0, 0)))
    rows = [sum(x[:, 2 * p + q] @ v["K"][q] for q in range(3)) for p in range(at["P"])]
    return _half_square(jax.nn.relu(jnp.stack(rows, axis=1)) - v["Y"])


def _autoencoder(v: Values, at: Sizes) -> Any:
    z = jnp.tanh(v["X"] @ v["W"] + v["b"])
    return _half_square(jax.nn.sigmoid(z @ v["W"].T + v["c"]) - v["X"]) / at["m"]


def _regulator(v: Values, at: Sizes) -> Any:
    a, b, p = v["A"], v["B"], v["P[T]"]
    for _ in range(at["T"]):
        k = jnp.linalg.inv(v["R"] + b.T @ p @ b) @ b.T @ p @ a
        p = v["Q"] + a.T @ p @ (a - b @ k)
    return (v["x"].T @ p @ v["x"])[0, 0] / 2


def _definite(v: Values) -> Values:
    """Some inputs made symmetric and positive definite."""
    made = {n: v[n] @ v[n].T + np.eye(len(v[n])) for n in ("Q", "R", "P[T]")}
    return {**v, **made}


def _markov(v: Values, at: Sizes) -> Any:
    a, e, steps = v["A"], v["E"], at["T"]
    forward, backward = [v["p"] * e[0]], [jnp.ones_like(v["p"])]
    for t in range(1, steps):
        forward.append(e[t] * (a.T @ forward[-1]))
        backward.append(a @ (e[steps - t] * backward[-1]))
    both = zip(forward, backward[::-1], v["Y"], strict=True)
    return sum(_half_square(f * b / (f * b).sum() - y) for f, b, y in both)


LAYERS: dict[str, Layer] = {
    "a batch": Layer(
        """
X[b] : n x d for b = 1..B; Y[b] : n x p for b = 1..B; W : d x p
J = sum(b = 1..B) norm(tanh(X[b] W) - Y[b])^2 / 2
grad J wrt W, X[b]
""",
        _batch,
        lambda B, n, d, p: {"X": (B, n, d), "Y": (B, n, p), "W": (d, p)},
        ({"B": 2, "n": 3, "d": 2, "p": 4}, {"B": 3, "n": 2, "d": 4, "p": 1}),
    ),
    "attention of many heads": Layer(
        _example("multihead_attention"),
        _attention,
        lambda B, H, n, d, k: {
            **dict.fromkeys("XY", (B, n, d)),
            **dict.fromkeys(("WQ", "WK", "WV"), (H, d, k)),
            "WO": (H, k, d),
        },
        ({"B": 2, "H": 3, "n": 4, "d": 3, "k": 2}, {"B": 3, "H": 1, "n": 2, "d": 2, "k": 3}),
    ),
    "a convolution": Layer(
        _example("convolution"),
        _convolution,
        lambda B, P, k, c, d: {"X": (B, P + k - 1, 1, c), "K": (k, c, d), "Y": (B, P, 1, d)},
        ({"B": 2, "P": 4, "k": 3, "c": 2, "d": 3}, {"B": 1, "P": 2, "k": 2, "c": 3, "d": 2}),
    ),
    "a convolution with a stride": Layer(
        """
X[b,r] : 1 x c for b = 1..B, r = 0..2 P+k; K[q] : c x d for q = 0..k-1
Y[b,p] : 1 x d for b = 1..B, p = 0..P-1
S[b,p] = sum(q = 0..k-1) X[b,2 p+q] K[q] for b = 1..B, p = 0..P-1
J = sum(b = 1..B) sum(p = 0..P-1) norm(S[b,p] - Y[b,p])^2 / 2
grad J wrt K[q], X[b,r]
""",
        lambda v, at: _convolution(v, at, 2),
        lambda B, P, k, c, d: {"X": (B, 2 * P + k + 1, 1, c), "K": (k, c, d), "Y": (B, P, 1, d)},
        ({"B": 2, "P": 3, "k": 3, "c": 2, "d": 3}, {"B": 1, "P": 2, "k": 2, "c": 3, "d": 2}),
    ),
    "a convolution with padding": Layer(
        _example("padded_convolution"),
        _same_convolution,
        lambda B, N, c, d: {"X": (B, N, 1, c), "K": (3, c, d), "Y": (B, N, 1, d)},
        ({"B": 2, "N": 4, "c": 2, "d": 3}, {"B": 1, "N": 1, "c": 3, "d": 2}),
    ),
    "a convolution in two dimensions": Layer(
        _example("image_convolution"),
        _convolution_2d,
        lambda B, P, R, k, c, d: {
            "X": (B, P + k - 1, R + k - 1, 1, c),
            "K": (k, k, c, d),
            "Y": (B, P, R, 1, d),
        },
        (
            {"B": 2, "P": 2, "R": 3, "k": 2, "c": 2, "d": 3},
            {"B": 1, "P": 3, "R": 1, "k": 3, "c": 1, "d": 2},
        ),
    ),
    "average pooling": Layer(
        """
X[r] : 1 x c for r = 0..2 P-1; Y[p] : 1 x c for p = 0..P-1
J = sum(p = 0..P-1) norm(sum(q = 0..1) X[2 p+q] / 2 - Y[p])^2 / 2
grad J wrt X[r]
""",
        _pooling,
        lambda P, c: {"X": (2 * P, 1, c), "Y": (P, 1, c)},
        ({"P": 3, "c": 2}, {"P": 1, "c": 3}),
    ),
    "max pooling": Layer(
        _example("max_pooling"),
        lambda v, at: _half_square(jnp.maximum(v["X"][::2], v["X"][1::2]) - v["Y"]),
        lambda P, c: {"X": (2 * P, 1, c), "Y": (P, 1, c)},
        ({"P": 3, "c": 2}, {"P": 2, "c": 3}),
    ),
    "causal linear attention": Layer(
        """
Q[b,t], K[b,t] : 1 x d for b = 1..B, t = 1..T; V[b,t], Y[b,t] : 1 x p for b = 1..B, t = 1..T
J = sum(b = 1..B) sum(t = 1..T) norm((sum(s = 1..t) Q[b,t] K[b,s]' V[b,s]) - Y[b,t])^2 / 2
grad J wrt Q[b,t], K[b,t], V[b,s]
""",
        _causal,
        lambda B, T, d, p: {
            **dict.fromkeys("QK", (B, T, 1, d)),
            **dict.fromkeys("VY", (B, T, 1, p)),
        },
        ({"B": 2, "T": 4, "d": 3, "p": 2}, {"B": 1, "T": 3, "d": 2, "p": 3}),
    ),
    "a network that runs both ways": Layer(
        _example("bidirectional_network"),
        _both_ways,
        lambda T, m, d, k, p: {
            "X": (T, m, d),
            "Y": (T, m, p),
            "F[0]": (m, k),
            "B": (1, m, k),
            "W": (k, k),
            "U": (k, k),
            "A": (d, k),
            "C": (d, k),
            "V": (k, p),
            "R": (k, p),
        },
        (
            {"T": 3, "m": 2, "d": 3, "k": 2, "p": 1},
            {"T": 1, "m": 3, "d": 2, "k": 3, "p": 2},
        ),
    ),
    "a gated recurrent unit": Layer(
        _example("gated_recurrent_unit"),
        _gru,
        lambda T, m, d, k: {
            "X": (T, m, d),
            "Y": (m, k),
            "H[0]": (m, k),
            **{f"W{g}": (d, k) for g in "zrh"},
            **{f"U{g}": (k, k) for g in "zrh"},
        },
        ({"T": 3, "m": 2, "d": 3, "k": 2}, {"T": 1, "m": 3, "d": 2, "k": 3}),
    ),
    "neighbours": Layer(
        _example("neighbour_embedding"),
        _neighbours,
        lambda N, d: {"y": (N, d, 1), "P": (N, N, 1, 1)},
        ({"N": 4, "d": 2}, {"N": 2, "d": 3}),
    ),
    "a transformer's encoder": Layer(
        _example("transformer_encoder"),
        _encoder,
        lambda L, H, n, d, k, f: {
            "X": (n, d),
            "Y": (n, d),
            "WO": (L, H, k, d),
            "W1": (L, d, f),
            "W2": (L, f, d),
            **dict.fromkeys(("WQ", "WK", "WV"), (L, H, d, k)),
        },
        (
            {"L": 2, "H": 3, "n": 4, "d": 3, "k": 2, "f": 3},
            {"L": 3, "H": 1, "n": 2, "d": 2, "k": 3, "f": 4},
        ),
    ),
    "experts": Layer(
        """
X[b] : 1 x d for b = 1..B; Y[b] : 1 x p for b = 1..B
U[e] : d for e = 1..E; W[e] : d x p for e = 1..E
S[b] = sum(e = 1..E) sigmoid(X[b] U[e]) * tanh(X[b] W[e]) for b = 1..B
J = sum(b = 1..B) norm(S[b] - Y[b])^2 / 2
grad J wrt U[e], W[e], X[b]
""",
        _experts,
        lambda B, E, d, p: {"X": (B, 1, d), "Y": (B, 1, p), "U": (E, d, 1), "W": (E, d, p)},
        ({"B": 3, "E": 2, "d": 2, "p": 3}, {"B": 1, "E": 3, "d": 3, "p": 2}),
    ),
    "a mixture of experts": Layer(
        """
X : n x d; Y : n x m
W[e] : d x m for e = 1..E; V[e] : d for e = 1..E
Z[e] = exp(X V[e]) for e = 1..E
P[e] = Z[e] ./ sum(c = 1..E) Z[c] for e = 1..E
S = sum(e = 1..E) diag(P[e]) X W[e]
J = norm(S - Y)^2 / 2
grad J wrt W[e], V[e], X
""",
        _mixture,
        lambda E, n, d, m: {"X": (n, d), "Y": (n, m), "W": (E, d, m), "V": (E, d, 1)},
        ({"E": 3, "n": 4, "d": 2, "m": 3}, {"E": 1, "n": 2, "d": 3, "m": 2}),
    ),
    "an encoder with relu and nothing that scales": Layer(
        """
X, Y : n x d
WQ[l], WK[l], WV[l], WO[l] : d x d for l = 1..L
W1[l] : d x f for l = 1..L; W2[l] : f x d for l = 1..L
Z[0] = X
P[l] = softmax(Z[l-1] WQ[l] (Z[l-1] WK[l])', axis=1) for l = 1..L
R[l] = Z[l-1] + P[l] Z[l-1] WV[l] WO[l] for l = 1..L
Z[l] = relu(R[l] W1[l]) W2[l] for l = 1..L
J = norm(Z[L] - Y)^2 / 2
grad J wrt WQ[l], WO[l], W1[l], X
""",
        _rectified,
        lambda L, n, d, f: {
            "X": (n, d),
            "Y": (n, d),
            "W1": (L, d, f),
            "W2": (L, f, d),
            **dict.fromkeys(("WQ", "WK", "WV", "WO"), (L, d, d)),
        },
        ({"L": 3, "n": 4, "d": 3, "f": 2}, {"L": 1, "n": 2, "d": 2, "f": 3}),
    ),
    "a rod, heated at one end and closed at the other": Layer(
        """
a[i] : scalar for i = 1..N; h[t] : scalar for t = 1..T; k : scalar
u[0,i] = a[i] for i = 1..N
u[t,i] = u[t-1,i] + tanh(k (u[t-1,i-1] - 2 u[t-1,i] + u[t-1,i+1])) for t = 1..T, i = 2..N-1
u[t,1] = h[t] for t = 1..T; u[t,N] = u[t,N-1] for t = 1..T
J = sum(t = 1..T, i = 1..N) u[t,i]^2 / 2
grad J wrt a[i], h[t], k
""",
        _rod,
        lambda T, N: {"a": (N,), "h": (T,), "k": ()},
        ({"T": 3, "N": 5}, {"T": 2, "N": 6}),
    ),
    "a recurrence in two directions": Layer(
        """
X[i,j] : 1 x d for i = 1..M, j = 1..N; W, U, V : d x d
H[i,0] = 0 * X[1,1] for i = 0..M; H[0,j] = 0 * X[1,1] for j = 1..N
H[i,j] = tanh(H[i-1,j] W + H[i,j-1] U + X[i,j] V) for i = 1..M, j = 1..N
J = sum(i = 1..M) sum(j = 1..N) norm(H[i,j])^2 / 2
grad J wrt W, V, X[i,j]
""",
        _grid,
        lambda M, N, d: {"X": (M, N, 1, d), **dict.fromkeys("WUV", (d, d))},
        ({"M": 2, "N": 3, "d": 2}, {"M": 3, "N": 1, "d": 3}),
    ),
    "experts whose gates are a softmax": Layer(
        _example("mixture_of_experts"),
        _gated_experts,
        lambda B, E, d, p: {"X": (B, 1, d), "Y": (B, 1, p), "U": (E, d, 1), "W": (E, d, p)},
        ({"B": 3, "E": 2, "d": 2, "p": 3}, {"B": 1, "E": 3, "d": 3, "p": 2}),
    ),
    "a convolution with a stride and padding": Layer(
        _example("strided_convolution"),
        _strided,
        lambda B, P, c, d: {"X": (B, 2 * P, 1, c), "K": (3, c, d), "Y": (B, P, 1, d)},
        ({"B": 2, "P": 3, "c": 2, "d": 3}, {"B": 1, "P": 1, "c": 3, "d": 2}),
    ),
    "a tied autoencoder": Layer(
        _example("tied_autoencoder"),
        _autoencoder,
        lambda m, d, k: {"X": (m, d), "W": (d, k), "b": (1, k), "c": (1, d)},
        ({"m": 4, "d": 3, "k": 2}, {"m": 2, "d": 4, "k": 3}),
    ),
    "a regulator": Layer(
        _example("linear_quadratic_regulator"),
        _regulator,
        lambda T, n, k: {
            **dict.fromkeys(("A", "Q", "P[T]"), (n, n)),
            "B": (n, k),
            "R": (k, k),
            "x": (n, 1),
        },
        ({"T": 3, "n": 3, "k": 2}, {"T": 2, "n": 2, "k": 3}),
        _definite,
    ),
    "a hidden Markov model": Layer(
        _example("hidden_markov_model"),
        _markov,
        lambda T, n: {"A": (n, n), "p": (n, 1), "E": (T, n, 1), "Y": (T, n, 1)},
        ({"T": 4, "n": 3}, {"T": 2, "n": 4}),
        lambda v: {**v, **{name: np.exp(v[name]) for name in ("A", "p", "E")}},
    ),
    "a convolution in two dimensions with a stride and padding": Layer(
        _example("strided_image_convolution"),
        _strided_2d,
        lambda B, P, R, c, d: {
            "X": (B, 2 * P, 2 * R, 1, c),
            "K": (3, 3, c, d),
            "Y": (B, P, R, 1, d),
        },
        ({"B": 2, "P": 2, "R": 3, "c": 2, "d": 3}, {"B": 1, "P": 3, "R": 1, "c": 1, "d": 2}),
    ),
    "an LSTM with one matrix": Layer(
        _example("stacked_lstm"),
        _stacked_lstm,
        lambda T, m, d, k: {
            "X": (T, m, d),
            **dict.fromkeys(("Y", "H[0]", "C[0]"), (m, k)),
            "W": (d + k, 4 * k),
            "b": (1, 4 * k),
        },
        ({"T": 3, "m": 4, "d": 2, "k": 3}, {"T": 2, "m": 3, "d": 4, "k": 2}),
    ),
    "a U-Net": Layer(
        _example("unet"),
        _unet,
        lambda m, d, c, h, p, q: {
            "X": (m, d),
            "Y": (m, c),
            "W1": (d, h),
            "W2": (h, p),
            "W3": (p, q),
            "W4": (q + h, c),
        },
        (
            {"m": 4, "d": 3, "c": 2, "h": 5, "p": 6, "q": 4},
            {"m": 3, "d": 5, "c": 4, "h": 2, "p": 4, "q": 3},
        ),
    ),
    "a gate by halves": Layer(
        _example("gated_linear_unit"),
        _halves,
        lambda m, d, k: {"X": (m, d), "W": (d, 2 * k), "b": (1, 2 * k), "bar(A)": (m, k)},
        ({"m": 4, "d": 3, "k": 2}, {"m": 2, "d": 4, "k": 3}),
    ),
    "causal attention by a triangle": Layer(
        _example("causal_linear_attention"),
        _triangle,
        lambda n, d, p: {**dict.fromkeys("QK", (n, d)), **dict.fromkeys("VG", (n, p))},
        ({"n": 4, "d": 3, "p": 2}, {"n": 3, "d": 4, "p": 5}),
    ),
}
