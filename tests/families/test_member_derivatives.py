"""Jacobians, Hessians and products with them by members agree with JAX, and read as a textbook
writes them."""

from __future__ import annotations

from collections.abc import Callable
from operator import add
from typing import Any, NamedTuple

import numpy as np
import pytest
from derived import equations
from layers import jax

from shapetrick.api import check, derive, read
from shapetrick.core.errors import ShapetrickError
from shapetrick.language.printer import to_text

jnp = jax.numpy
Values = dict[str, Any]


class Asked(NamedTuple):
    """A request, and its value in JAX: of all members, in the order of their indices; at these
    sizes, of inputs of these shapes."""

    text: str
    value: Callable[[Values], Any]
    shapes: dict[str, tuple[int, ...]]
    sizes: dict[str, int]


def _columns(x: Any) -> Any:
    """A matrix as a stacked column, members beneath each other before it."""
    return x.swapaxes(-1, -2).reshape(*x.shape[:-2], -1)


def jacobian(f: Callable[[Values], Any], name: str) -> Callable[[Values], Any]:
    """∂vec(Y)/∂vec(X) for each pair of members."""

    def value(v: Values) -> Any:
        stacked = _columns(v[name])

        def of_stacked(z: Any) -> Any:
            rows, cols = v[name].shape[-2:]
            x = z.reshape(*z.shape[:-1], cols, rows).swapaxes(-1, -2)
            return _columns(f({**v, name: x}))

        found = jax.jacobian(of_stacked)(stacked)
        own = found.ndim - stacked.ndim - 1  # the axes of the members before its rows
        return jnp.moveaxis(found, own, -2)

    return value


def hessian(f: Callable[[Values], Any], rows: str, name: str) -> Callable[[Values], Any]:
    return jacobian(lambda v: jax.grad(lambda x: f({**v, rows: x}))(v[rows]), name)


def along(f: Callable[[Values], Any], name: str) -> Callable[[Values], Any]:
    def value(v: Values) -> Any:
        return jax.jvp(lambda x: f({**v, name: x}), (v[name],), (v["V"],))[1]

    return value


def _states(v: Values) -> Any:
    h, found = v["h[0]"], []
    for x in v["x"]:
        h = jnp.tanh(v["W"] @ h + x)
        found.append(h)
    return jnp.stack(found)


def _differences_twice(v: Values) -> Any:
    d = jnp.sin(v["x"][1:] - v["x"][:-1])
    return jnp.sin(d[1:] - d[:-1])


def _loss(v: Values) -> Any:
    return (_states(v) ** 2).sum() / 2


def _pairs(v: Values) -> Any:
    return jnp.exp(jnp.einsum("inz,jnz->ij", v["w"], v["w"])).sum()


def _differences(v: Values) -> Any:
    return ((v["x"][1:] - v["x"][:-1]) ** 2).sum()


def _softmax(v: Values) -> Any:
    y = jnp.exp(jnp.einsum("nz,inz->i", v["w"], v["x"]))
    return (y / y.sum())[:, None, None]


def _heads(v: Values) -> Any:
    return jnp.tanh(jnp.einsum("hnz,bnz->bh", v["w"], v["x"]))[..., None, None]


def _convolution(v: Values) -> Any:
    windows = jnp.stack([v["X"][q : q + v["X"].shape[0] - 2] for q in range(3)])
    return jnp.tanh(jnp.einsum("qpzc,qcd->pzd", windows, v["K"]))


def _mirrored(v: Values) -> Any:
    return jnp.exp(jnp.einsum("inz,inz->i", v["x"], v["x"][::-1])).sum()


def _met(v: Values) -> Any:
    return jnp.exp(jnp.einsum("inz,jnz->ij", v["w"], v["w"]))[..., None, None]


def _met_by_states(v: Values) -> Any:
    """States that run forwards times those that run backwards."""
    return _states(v) * _states({**v, "x": v["x"][::-1]})[::-1]


def _strided(v: Values) -> Any:
    x = jnp.pad(v["X"], ((1, 1), (0, 0), (0, 0)))
    windows = jnp.stack([x[q : q + v["X"].shape[0] : 2] for q in range(3)])
    return jnp.exp(jnp.einsum("qpzc,qcd->pzd", windows, v["K"]))


def _similarities(v: Values) -> Any:
    d = ((v["y"][:, None] - v["y"][None]) ** 2).sum((-1, -2))
    return jnp.log((1 / (1 + d)).sum() - len(d))


def _folds(v: Values) -> Any:
    a, b, c = v["A"]
    return (v["A"].max(0) * v["A"].mean(0)).sum() + jnp.trace(a @ b @ c)


def _both_ways(v: Values) -> Any:
    return _states(v) * _states({**v, "x": v["x"][::-1], "h[0]": v["r[0]"]})


RECURRENCE = (
    "x[t] : n for t = 1..T; W : n x n; h[0] : n\nh[t] = tanh(W h[t-1] + x[t]) for t = 1..T\n"
)
STATES = {"x": (3, 2, 1), "W": (2, 2), "h[0]": (2, 1)}
LOSS = RECURRENCE + "J = sum(t = 1..T) norm(h[t])^2 / 2\n"
HEADS = (
    "x[b] : n for b = 1..B; w[h] : n for h = 1..H\n"
    "Z[b,h] = tanh(w[h]' x[b]) for b = 1..B, h = 1..H\n"
)
SOFTMAX = (
    "x[i] : n for i = 1..N; w : n\ny[i] = exp(w' x[i]) for i = 1..N\n"
    "s = sum(i = 1..N) y[i]\np[i] = y[i] / s for i = 1..N\n"
)
T3, N3 = {"T": 3}, {"N": 3}

ASKED = {
    "members that are their own": Asked(
        "x[i] : n for i = 1..N; W : m x n\ny[i] = tanh(W x[i]) for i = 1..N\njac y[i] wrt x[j]",
        jacobian(lambda v: jnp.tanh(v["W"] @ v["x"]), "x"),
        {"x": (3, 2, 1), "W": (4, 2)},
        N3,
    ),
    "a state by the inputs": Asked(
        RECURRENCE + "jac h[T] wrt x[t]", jacobian(lambda v: _states(v)[-1], "x"), STATES, T3
    ),
    "states by the inputs": Asked(
        RECURRENCE + "jac h[t] wrt x[s]",
        jacobian(lambda v: jnp.concatenate([v["h[0]"][None], _states(v)]), "x"),
        STATES,
        T3,
    ),
    "states by what is shared": Asked(
        RECURRENCE + "jac h[t] wrt W",
        jacobian(lambda v: jnp.concatenate([v["h[0]"][None], _states(v)]), "W"),
        STATES,
        T3,
    ),
    "a backward rule through all states by what is shared": Asked(
        RECURRENCE + "vjp h[t] with S[t] wrt W",
        lambda v: jax.grad(lambda w: (v["S"][1:] * _states({**v, "W": w})).sum())(v["W"]),
        STATES | {"S": (4, 2, 1)},
        T3,
    ),
    "a softmax": Asked(
        SOFTMAX + "jac p[i] wrt x[j]", jacobian(_softmax, "x"), {"x": (3, 2, 1), "w": (2, 1)}, N3
    ),
    "a softmax by what is shared": Asked(
        SOFTMAX + "jac p[i] wrt w", jacobian(_softmax, "w"), {"x": (3, 2, 1), "w": (2, 1)}, N3
    ),
    "heads": Asked(
        HEADS + "jac Z[b,h] wrt w[k]",
        jacobian(_heads, "w"),
        {"x": (2, 3, 1), "w": (3, 3, 1)},
        {"B": 2, "H": 3},
    ),
    "a convolution": Asked(
        "X[r] : 1 x c for r = 1..P+2; K[q] : c x d for q = 0..2\n"
        "Z[p] = tanh(sum(q = 0..2) X[p+q] K[q]) for p = 1..P\njac Z[p] wrt X[r]",
        jacobian(_convolution, "X"),
        {"X": (5, 1, 2), "K": (3, 2, 2)},
        {"P": 3},
    ),
    "blocks of a double sum": Asked(
        "w[i] : n for i = 1..N\nJ = sum(i = 1..N) sum(j = 1..N) exp(w[i]' w[j])\n"
        "hess J wrt w[i], w[j]",
        hessian(_pairs, "w", "w"),
        {"w": (3, 2, 1)},
        N3,
    ),
    "blocks of differences": Asked(
        "x[i] : n for i = 1..N\nJ = sum(i = 1..N-1) norm(x[i+1] - x[i])^2\nhess J wrt x[i], x[j]",
        hessian(_differences, "x", "x"),
        {"x": (4, 2, 1)},
        {"N": 4, "n": 2},
    ),
    "blocks of members that meet": Asked(
        "x[i] : n for i = 1..N\nJ = sum(i = 1..N) exp(x[i]' x[N-i+1])\nhess J wrt x[i], x[j]",
        hessian(_mirrored, "x", "x"),
        {"x": (5, 2, 1)},
        {"N": 5},
    ),
    "blocks of members that never meet": Asked(
        "x[i] : n for i = 1..2 N\nJ = sum(i = 1..2 N) exp(x[i]' x[2 N-i+1])\nhess J wrt x[i], x[j]",
        hessian(_mirrored, "x", "x"),
        {"x": (4, 2, 1)},
        {"N": 2},
    ),
    "blocks of matrices within a sum": Asked(
        "X : m x d; W[i] : d x k for i = 1..N\nY = sum(i = 1..N) tanh(X W[i]); J = norm(Y)^2\n"
        "hess J wrt W[i], W[j]",
        hessian(lambda v: jnp.sum(jnp.tanh(v["X"] @ v["W"]).sum(0) ** 2), "W", "W"),
        {"X": (3, 2), "W": (3, 2, 2)},
        N3,
    ),
    "rows by what they share": Asked(
        "X[b] : m x d for b = 1..B; W : d x k\nY[b] = tanh(X[b] W) for b = 1..B\njac Y[b] wrt W",
        jacobian(lambda v: jnp.tanh(v["X"] @ v["W"]), "W"),
        {"X": (2, 3, 2), "W": (2, 4)},
        {"B": 2, "m": 3},
    ),
    "differences of differences": Asked(
        "x[i] : n for i = 1..N\nd[i] = sin(x[i+1] - x[i]) for i = 1..N-1\n"
        "e[i] = sin(d[i+1] - d[i]) for i = 1..N-2\njac e[i] wrt x[j]",
        jacobian(_differences_twice, "x"),
        {"x": (5, 2, 1)},
        {"N": 5},
    ),
    "blocks of a last state": Asked(
        RECURRENCE + "J = norm(h[T])^2\nhess J wrt x[t], x[s]",
        hessian(lambda v: jnp.sum(_states(v)[-1] ** 2), "x", "x"),
        STATES,
        T3,
    ),
    "members that are mirrored": Asked(
        "x[t] : n for t = 1..T\ny[t] = x[t] .* x[T-t+1] for t = 1..T\njac y[t] wrt x[s]",
        jacobian(lambda v: v["x"] * v["x"][::-1], "x"),
        {"x": (3, 2, 1)},
        T3,
    ),
    "members of two letters that meet": Asked(
        "w[i] : n for i = 1..N\ny[i,j] = exp(w[i]' w[j]) for i = 1..N, j = 1..N\n"
        "jac y[i,j] wrt w[k]",
        jacobian(_met, "w"),
        {"w": (3, 2, 1)},
        N3,
    ),
    "states of two directions": Asked(
        "x[t] : n for t = 1..T; W : n x n; h[0], r[0] : n\n"
        "h[t] = tanh(W h[t-1] + x[t]) for t = 1..T\n"
        "r[t] = tanh(W r[t-1] + x[T-t+1]) for t = 1..T\n"
        "y[t] = h[t] .* r[t] for t = 1..T\njac y[t] wrt x[s]",
        jacobian(_both_ways, "x"),
        {**STATES, "r[0]": (2, 1)},
        T3,
    ),
    "blocks of a recurrence": Asked(
        LOSS + "hess J wrt x[i], x[j]", hessian(_loss, "x", "x"), STATES, T3
    ),
    "the Hessian by what is shared": Asked(
        LOSS + "hess J wrt W", hessian(_loss, "W", "W"), STATES, T3
    ),
    "a product with the Hessian": Asked(
        LOSS + "hvp J wrt x[t] with V[t]",
        along(lambda v: jax.grad(lambda x: _loss({**v, "x": x}))(v["x"]), "x"),
        {**STATES, "V": (3, 2, 1)},
        T3,
    ),
    "a product with the Hessian by what is shared": Asked(
        LOSS + "hvp J wrt W with V",
        along(lambda v: jax.grad(lambda x: _loss({**v, "W": x}))(v["W"]), "W"),
        {**STATES, "V": (2, 2)},
        T3,
    ),
    "a direction along all inputs": Asked(
        RECURRENCE + "jvp h[T] wrt x[t] with V[t]",
        along(lambda v: _states(v)[-1], "x"),
        {**STATES, "V": (3, 2, 1)},
        T3,
    ),
    "a direction along all inputs by the letter of the state": Asked(
        RECURRENCE + "jvp h[t] wrt x[t] with V[t]",
        along(_states, "x"),
        {**STATES, "V": (3, 2, 1)},
        T3,
    ),
    "a direction through a stride and padding": Asked(
        "X[r] : 1 x c for r = 0..2 P-1 zero outside; K[q] : c x d for q = 0..2\n"
        "Z[p] = exp(sum(q = 0..2) X[2 p+q-1] K[q]) for p = 0..P-1\njvp Z[p] wrt X[r] with V[r]",
        along(_strided, "X"),
        {"X": (6, 1, 2), "K": (3, 2, 2), "V": (6, 1, 2)},
        {"P": 3},
    ),
    "a direction of what has no value for one member": Asked(
        "y[i] : n for i = 1..N\nJ = log(sum(i = 1..N) sum(j ≠ i) 1 / (1 + norm(y[i] - y[j])^2))\n"
        "jvp J wrt y[i] with V[i]",
        along(_similarities, "y"),
        {"y": (4, 2, 1), "V": (4, 2, 1)},
        {"N": 4},
    ),
    "folds of the same members": Asked(
        "A[i] : n x n for i = 1..N\nJ = sum((max(i = 1..N) A[i]) .* (mean(i = 1..N) A[i])) + "
        "tr(prod(i = 1..N) A[i])\nhvp J wrt A[i] with V[i]",
        along(lambda v: jax.grad(lambda x: _folds({**v, "A": x}))(v["A"]), "A"),
        {"A": (3, 2, 2), "V": (3, 2, 2)},
        N3,
    ),
    "states of two directions that meet": Asked(
        "x[t] : n for t = 1..T; W : n x n; h[0] : n; r[T+1] = h[0]\n"
        "h[t] = tanh(W h[t-1] + x[t]) for t = 1..T\n"
        "r[t] = tanh(W r[t+1] + x[t]) for t = T..1\n"
        "y[t] = h[t] .* r[t] for t = 1..T\njac y[t] wrt x[s]",
        jacobian(_met_by_states, "x"),
        STATES,
        T3,
    ),
    "a direction of what the last state is in twice": Asked(
        RECURRENCE + "J = h[T]' W h[T]; jvp J wrt W with V",
        along(lambda v: _states(v)[-1].T @ v["W"] @ _states(v)[-1], "W"),
        {**STATES, "V": (2, 2)},
        T3,
    ),
}
SLOW = {
    "states of two directions that meet",
    "folds of the same members",
    "blocks of a last state",
    "a state by the inputs",
    "a softmax",
    "a softmax by what is shared",
    "heads",
    "a convolution",
    "blocks of members that meet",
    "blocks of members that never meet",
    "members of two letters that meet",
    "states of two directions",
    "blocks of a recurrence",
    "the Hessian by what is shared",
    "a product with the Hessian by what is shared",
}


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.slow if n in SLOW else ()) for n in ASKED]
)
def test_agrees_with_jax(name: str) -> None:
    asked = ASKED[name]
    rng = np.random.default_rng(1)
    values = {key: rng.normal(size=shape) for key, shape in asked.shapes.items()}
    expected = np.asarray(asked.value(values))
    seen = np.zeros(expected.shape, bool)
    for d in read(asked.text).derive():
        assert d.verified, (d.result.request.key, d.validation)
        found = d.evaluate(values, **asked.sizes)
        for place in np.ndindex(expected.shape[:-2]):
            block = found
            for k in place[: len(d.result.request.ranges)]:
                block = block[k]
            if isinstance(block, list):
                for k in place[len(d.result.request.ranges) :]:
                    block = block[k]
            elif d.result.request.kind == "hess" and len(place) > 1 and place[0] != place[-1]:
                continue  # the blocks on the diagonal alone
            if block is not None:
                seen[place] = True
                np.testing.assert_allclose(block, expected[place], rtol=1e-9, atol=1e-11)
    assert seen.all()


CODED = [
    "rows by what they share",
    "states by the inputs",
    "a softmax by what is shared",
    "heads",
    "members that are mirrored",
    "blocks of differences",
    "blocks of a double sum",
]


@pytest.mark.parametrize("name", CODED)
def test_code_takes_the_letters_that_are_given(name: str) -> None:
    asked = ASKED[name]
    rng = np.random.default_rng(1)
    values = {key: rng.normal(size=shape) for key, shape in asked.shapes.items()}
    expected = np.asarray(asked.value(values))
    lists = {key[0]: x if len(key) == 1 else [x] for key, x in values.items()}  # h[0] in h
    derived = read(asked.text).derive()
    ranges = derived[0].result.request.ranges
    letters = [over.letter for over in ranges]
    for d in derived:
        function = d.function("numpy")
        given = {k: x for k, x in {**lists, **asked.sizes}.items() if k in function.parameters}
        for place in np.ndindex(expected.shape[: len(letters)]):
            firsts = (over.first.offset for over in ranges)
            own = dict(zip(letters, map(add, place, firsts), strict=True))
            found, wanted = np.asarray(function(**given, **own)), np.array(expected[place])
            if d.result.request.rows is not None:
                wanted[place] = np.nan  # the other request's
            elif d.result.request.kind == "hess":
                wanted = wanted[place]
            found = np.reshape(found, wanted.shape)
            np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-11)
        with pytest.raises(ShapetrickError, match=f"{letters[0]} is 7, not one of"):
            function(**given, **{**own, letters[0]: 7})


def test_code_of_all_blocks_is_one_function() -> None:
    text = ASKED["blocks of differences"].text
    code = read(text).code("numpy")
    assert code.count("if i == N:") == code.count("elif i == 1:") == code.count("else:") == 1
    assert "block of x[i] with itself is nan" in " ".join(code.split())
    with pytest.raises(ShapetrickError, match="N is 1: this holds where N ≥ 2"):
        read(text).function("numpy")(x=np.ones((1, 2)), i=1)


def test_weights_are_not_taken_to_be_zero_outside() -> None:
    d = derive(
        "W[l] : n x n for l = 1..L; x : n\nh[0] = x\nh[l] = tanh(W[l] h[l-1]) for l = 1..L\n"
        "J = norm(h[L])^2\nhvp J wrt W[l] with V[l]"
    )
    last = "dG[L] = 2 (dh[L] - G[L] .* h[L] .* (V[L] h[L-1] + W[L] dh[L-1]))"
    assert last in equations(d)
    assert "np.pad" not in d.code("numpy")


def test_a_recurrence_of_jacobians_is_the_textbooks() -> None:
    assert equations(derive(RECURRENCE + "jac h[t] wrt h[s]")) == [
        "D[s] = zeros(n, n)  for t = 0..T, s = t+1..T",
        "D[t] = eye(n)  for t = 0..T",
        "D[s-1] = D[s] diag(1 - h[s].^2) W  for t = 0..T, s = t..1",
        "∂h[t]/∂h[s] = D[s]  for t = 0..T, s = 0..t",
        "∂h[t]/∂h[s] = zeros(n, n)  for t = 0..T, s = t+1..T",
    ]


def test_a_step_of_a_recurrence_is_written_out() -> None:
    assert equations(derive(RECURRENCE + "jac h[t] wrt h[t-2]")) == [
        "∂h[t]/∂h[t-2] = diag(1 - h[t].^2) W diag(1 - h[t-1].^2) W  for t = 2..T"
    ]


@pytest.mark.parametrize(
    ("claim", "verdict", "says"),
    [
        ("jac h[t] wrt h[t-1] = diag(1 - h[t].^2) W", "right", ""),
        ("jac h[t] wrt h[t-1] = W diag(1 - h[t].^2)", "wrong", "`diag(1 - h[t].^2) W`"),
        ("jac h[t] wrt h[s] = zeros(n, n) for t = 0..T, s = t+1..T", "right", ""),
        ("jac h[t] wrt h[s] = zeros(n, n)", "wrong", "it is `D[s]`"),
        ("hvp J wrt x[t] with V[t] = V[t]", "wrong", "`dG[t] .* (1 - h[t].^2)`"),
        ("hess J wrt W = W", "wrong", "its shape is n×n, not (n n)×(n n)"),
    ],
)
def test_claims(claim: str, verdict: str, says: str) -> None:
    found = check(LOSS + "check " + claim)
    assert found.verdict == verdict
    assert says in found.diagnosis


def test_a_jacobian_tells_where_two_letters_meet() -> None:
    found = equations(derive(ASKED["members of two letters that meet"].text))
    assert [q for q in found if "zeros" not in q] == [
        "∂y[i,j]/∂w[i] = y[i,j] w[j]'  for i = 1..N, j = 1..N, 1 <= i <= j-1",
        "∂y[i,j]/∂w[j] = y[i,j] w[i]'  for i = 1..N, j = 1..N, 1 <= i <= j-1",
        "∂y[i,j]/∂w[j] = 2 y[j,j] w[j]'  for i = 1..N, j = 1..N, i = j",
        "∂y[i,j]/∂w[j] = y[i,j] w[i]'  for i = 1..N, j = 1..N, j+1 <= i <= N",
        "∂y[i,j]/∂w[i] = y[i,j] w[j]'  for i = 1..N, j = 1..N, j+1 <= i <= N",
    ]


@pytest.mark.parametrize(
    ("definitions", "gradient"),
    [
        (
            "x[t] : n for t = 1..T\ny[t] = tanh(sum(s = 1..t) x[s]) for t = 1..T\n",
            ["∂y[t]/∂x[s] = diag(1 - y[t].^2)  for t = 1..T, s = 1..t"],
        ),
        (
            "x[t] : n for t = 1..T\ny[t] = tanh(sum(s = t..T) x[s]) for t = 1..T\n",
            ["∂y[t]/∂x[s] = diag(1 - y[t].^2)  for t = 1..T, s = t..T"],
        ),
        (
            "x[b] : n for b = 1..B; x[0] : n; w[s] : n for s = 1..H\n"
            "y[t,s] = tanh(w[s]' x[t]) for t = 1..B, s = 1..H\n",
            ["∂y[t,s]/∂x[t] = (1 - y[t,s]^2) w[s]'  for t = 1..B, s = 1..H"],
        ),
    ],
)
def test_a_jacobian_has_no_sums_of_zeros(definitions: str, gradient: list[str]) -> None:
    asked = "jac y[t] wrt x[s]" if "y[t] =" in definitions else "jac y[t,s] wrt x[b]"
    found = equations(derive(definitions + asked))
    assert [q for q in found if "zeros" not in q] == gradient


def test_blocks_near_the_ends_have_equations_of_their_own() -> None:
    _, others = read(ASKED["blocks of differences"].text).derive()
    assert equations(others) == [
        "∂²J/∂x[i]∂x[j] = zeros(n, n)  for i = 2..N-1, j = i+2..N",
        "∂²J/∂x[i]∂x[j] = zeros(n, n)  for i = 2..N-1, j = 1..i-2",
        "∂²J/∂x[i]∂x[i+1] = -2 eye(n)  for i = 2..N-1",
        "∂²J/∂x[i]∂x[i-1] = -2 eye(n)  for i = 2..N-1",
        "∂²J/∂x[N]∂x[j] = zeros(n, n)  for i = N..N, j = 1..N-2",
        "∂²J/∂x[N]∂x[N-1] = -2 eye(n)  for i = N..N",
        "∂²J/∂x[1]∂x[j] = zeros(n, n)  for i = 1..1, j = 3..N",
        "∂²J/∂x[1]∂x[2] = -2 eye(n)  for i = 1..1",
    ]


@pytest.mark.parametrize(
    ("request_", "says"),
    [
        ("hess J wrt h[t]", "is defined: `hess` is by members that are declared"),
        ("hvp J wrt x[t] with V", r"write `with V\[t\]`"),
        ("hvp J wrt x[t] with V[s]", "a direction along a family is its member"),
        ("hess h[T] wrt W", "a Hessian is of a scalar"),
        ("jac h[T] with V wrt W", "`with` belongs to `vjp`, `jvp`, `hvp`"),
        ("vjp h[T] with S[t] wrt W", "write `with S`"),
        ("vjp h[t] with S[t-1] wrt W", r"write `with S\[t\]`"),
        ("vjp h[t] with x[t] wrt W", "an index is out of range: the member t = 0 uses"),
        ("vjp W h[t] with S[t] wrt W", "or declare it"),
        ("vjp h[t] with S[t,s] wrt W", r"write `with S\[t\]`"),
    ],
)
def test_refusals(request_: str, says: str) -> None:
    with pytest.raises(ShapetrickError, match=says):
        read(LOSS + request_)


@pytest.mark.parametrize("j", ["a' x[0] * x[0]' x[T]", "exp(sum(t = 0..T) a' x[t])"])
@pytest.mark.parametrize("kind", ["jvp", "hvp"])
def test_a_direction_of_one_member_moves_that_alone(kind: str, j: str) -> None:
    """By default as with a name: `jvp J wrt x[0]` was compared with all members' movement."""
    given = f"a : n; x[t] : n for t = 0..T\nJ = {j}\n{kind} J wrt x[0]"
    unnamed, by_name = derive(given), derive(f"{given} with v")
    assert unnamed.verified and by_name.verified
    assert to_text(unnamed.gradient).replace("V[0]", "v") == to_text(by_name.gradient)


def test_families_of_several_directions_have_a_name_each() -> None:
    given = "V : n x n; K[q] : n x n for q = 0..1; X[b,r] : n for b = 1..B, r = 0..1\n"
    asked = "J = sum(b = 1..B) sum(q = 0..1) norm(V K[q] X[b,q])^2; jvp J wrt K[q], X[b,r], V"
    problem = read(given + asked)
    names = [r.direction.name for r in problem.data.requests if r.direction is not None]
    assert names == ["V1[q]", "V2[b,r]", "V3"]
    assert all(d.verified for d in problem.derive())
    named = "jvp J wrt K[q] with U[q]; jvp J wrt X[b,r] with U[b,r]"
    with pytest.raises(ShapetrickError, match="the direction along another"):
        read(f"{given}{asked.partition(';')[0]}; {named}")
