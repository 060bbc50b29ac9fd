"""Members that equations determine: gradients, rules and second derivatives through them agree with
what JAX finds of their solutions, and read as in a textbook."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pytest
from jax.test_util import check_grads
from layers import jax

from shapetrick.api import check, derive, from_dict, read
from shapetrick.core.errors import ShapetrickError

jnp = jax.numpy
Values = dict[str, Any]
N, T, NEWTON = 2, 3, 8


class Asked(NamedTuple):
    """A problem without its requests, the unknowns and the value in JAX, and some requests with
    their answers as lines of text."""

    text: str
    value: Callable[[Values], tuple[dict[str, Any], Any]]
    shapes: dict[str, tuple[int, ...]]
    answers: dict[str, list[str]]


def _lyapunov(v: Values) -> tuple[dict[str, Any], Any]:
    eye = jnp.eye(N)
    ys = []
    for a, q in zip(v["A"], v["Q"], strict=True):
        rows = jnp.kron(a, eye) + jnp.kron(eye, a)  # of what is stacked by rows
        ys.append(jnp.linalg.solve(rows, q.reshape(-1)).reshape(N, N))
    return {"Y": jnp.stack(ys)}, sum(jnp.sum((y - b) ** 2) for y, b in zip(ys, v["B"], strict=True))


def _euler(v: Values) -> tuple[dict[str, Any], Any]:
    x, xs = v["x[0]"], []
    for _ in range(T):
        x = _root(lambda z, x=x: z - x - v["h"] * jnp.tanh(v["W"] @ z), x)
        xs.append(x)
    return {"x": xs}, jnp.sum((x - v["b"]) ** 2)


def _root(f: Callable[[Any], Any], z: Any) -> Any:
    """By Newton's method, whose steps JAX differentiates."""
    for _ in range(NEWTON):
        z = z - jnp.linalg.solve(jax.jacobian(f)(z)[:, 0, :, 0], f(z))
    return z


def _quadratic(v: Values) -> tuple[dict[str, Any], Any]:
    """The optimum of a quadratic form under an equation, by its conditions."""
    whole = jnp.block([[v["Q"] @ v["Q"].T, v["A"].T], [v["A"], jnp.zeros((1, 1))]])
    pairs = zip(v["c"], v["b"], strict=True)
    found = [jnp.linalg.solve(whole, jnp.concatenate([-c, b])) for c, b in pairs]
    own = {"x": jnp.stack([z[:N] for z in found]), "mu": jnp.stack([z[N:] for z in found])}
    return own, jnp.sum(own["x"] ** 2)


PROBLEMS = {
    "Lyapunov equations": Asked(
        "A[t], Q[t], B[t] : n x n for t = 1..T\n"
        "Y[t] : n x n where A[t] Y[t] + Y[t] A[t]' = Q[t] for t = 1..T\n"
        "J = sum(t = 1..T) norm(Y[t] - B[t])^2\n",
        _lyapunov,
        {"A": (T, N, N), "Q": (T, N, N), "B": (T, N, N)},
        {
            "grad J wrt A[t]": [
                "A[t]' S[t] + S[t] A[t] = 2 (Y[t] - B[t])",
                "∂J/∂A[t] = -(S[t] Y[t]' + S[t]' Y[t])",
            ],
            "hvp J wrt Q[t] with V[t]": [
                "A[t]' S[t] + S[t] A[t] = 2 (Y[t] - B[t])",
                "A[t] S2[t] + S2[t] A[t]' = V[t]",
                "A[t]' S1[t] + S1[t] A[t] = 2 S2[t]",
                "∂dJ/∂Q[t] = S1[t]",
            ],
        },
    ),
    "the implicit Euler method": Asked(
        "W : n x n; x[0], b : n; h : scalar\n"
        "x[t] : n for t = 1..T where x[t] = x[t-1] + h tanh(W x[t])\n"
        "J = norm(x[T] - b)^2\n",
        _euler,
        {"W": (N, N), "x[0]": (N, 1), "b": (N, 1), "h": (1, 1)},
        {
            "grad J wrt W": [
                "G[T] = 2 (x[T] - b)",
                "S[t] = inv(I - h W' diag(1 - tanh(W x[t]).^2)) G[t]",
                "G[t-1] = S[t]",
                "∂J/∂W = sum(t = 1..T) h (S[t] .* (1 - tanh(W x[t]).^2)) x[t]'",
            ],
            "hess J wrt x[0]": [],
            "hvp J wrt W with V": [],
        },
    ),
    "several unknowns": Asked(
        "Q : n x n; A : 1 x n; c[i] : n for i = 1..T; b[i] : scalar for i = 1..T\n"
        "x[i] : n, mu[i] : scalar where Q Q' x[i] + c[i] + A' mu[i] = 0, A x[i] = b[i] "
        "for i = 1..T\n"
        "J = sum(i = 1..T) norm(x[i])^2\n",
        _quadratic,
        {"Q": (N, N), "A": (1, N), "c": (T, N, 1), "b": (T, 1, 1)},
        {
            "grad J wrt c[i]": [
                "Q Q' S1[i] + S2[i] A' = 2 x[i]",
                "A S1[i] = 0",
                "∂J/∂c[i] = -S1[i]",
            ],
            "grad J wrt A": [],
        },
    ),
}
SLOW = {"hess J wrt x[0]", "hvp J wrt W with V"}
REQUESTS = [
    pytest.param(name, request, marks=pytest.mark.slow if request in SLOW else ())
    for name, asked in PROBLEMS.items()
    for request in asked.answers
]


def _expected(asked: Asked, kind: str, name: str, values: Values) -> Any:
    def gradient(x: Any) -> Any:
        return jax.grad(lambda x: asked.value({**values, name: x})[1])(x)

    if kind == "grad":
        return gradient(values[name])
    if kind == "hvp":
        return jax.jvp(gradient, (values[name],), (values["V"],))[1]
    return jax.jacobian(gradient)(values[name])[:, 0, :, 0]


@pytest.mark.parametrize(("name", "request_"), REQUESTS)
def test_agrees_with_jax(name: str, request_: str) -> None:
    asked, lines = PROBLEMS[name], PROBLEMS[name].answers[request_]
    d = derive(asked.text + request_)
    assert d.verified, d.validation
    equations = d.result.recursion.equations
    told = [f"{left} = {right}" for q in equations for left, right in q.told]
    if lines:
        assert list(dict.fromkeys(told)) == lines
    kind, _, _, by, *_ = request_.split()
    rng, variable = np.random.default_rng(1), by.partition("[")[0] if "[0]" not in by else by
    values = {key: rng.normal(size=shape) / 2 for key, shape in asked.shapes.items()}
    values["V"] = rng.normal(size=asked.shapes[variable])
    unknowns, _ = asked.value(values)
    given = {**values, **unknowns, "T": T}
    if "x" in unknowns and "x[0]" in values:
        given["x"] = [values["x[0]"], *unknowns["x"]]
    expected = np.asarray(_expected(asked, kind, variable, values))
    np.testing.assert_allclose(d.evaluate(given, T=T), expected, rtol=1e-9, atol=1e-11)
    names = {k: v for k, v in given.items() if k not in ("T", "x[0]", "V" if kind != "hvp" else "")}
    found = d.function("numpy")(**names, T=T)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("target", ["jax", "torch"])
def test_code_of_other_targets_solves_for_multipliers(target: str) -> None:
    pytest.importorskip(target)
    text = PROBLEMS["Lyapunov equations"].text + "grad J wrt Q[t]"
    rng = np.random.default_rng(0)
    values = {key: rng.normal(size=(T, N, N)) for key in "AQB"}
    d = derive(text)
    given = {**values, "Y": PROBLEMS["Lyapunov equations"].value(values)[0]["Y"]}
    lists = {key: [np.array(x) for x in value] for key, value in given.items()}
    found = [np.asarray(x) for x in d.function(target)(**lists, T=T)]
    np.testing.assert_allclose(found, d.evaluate(given, T=T), rtol=1e-4)


@pytest.mark.parametrize("target", ["numpy", pytest.param("jax", marks=pytest.mark.slow), "torch"])
def test_code_solves_for_all_multipliers_of_two_indices_at_once(target: str) -> None:
    pytest.importorskip(target)
    d = derive(
        "A : n x n; Q[b,t] : n x n for b = 1..B, t = 1..T\n"
        "Y[b,t] : n x n symmetric where A Y[b,t] + Y[b,t] A' + tanh(Y[b,t]) = Q[b,t] + Q[b,t]' "
        "for b = 1..B, t = 1..T\nJ = sum(b = 1..B, t = 1..T) norm(Y[b,t])^2; grad J wrt A"
    )
    rng = np.random.default_rng(0)
    a, y = rng.normal(size=(N, N)) + 3 * np.eye(N), rng.normal(size=(2, T, N, N))
    y += y.swapaxes(-1, -2)
    given = {"A": a, "Y": y, "Q": (a @ y + y @ a.T + np.tanh(y)) / 2}
    found, wanted = d.function(target)(**given), d.evaluate(given, B=2, T=T)
    np.testing.assert_allclose(np.asarray(found), wanted, rtol=1e-4 if target == "jax" else 1e-9)


RULES = {
    "Lyapunov equations": "A[t], Q[t]",
    "the implicit Euler method": "W, x[0]",
    "several unknowns": "c[i], b[i], A",
}


@pytest.mark.slow
@pytest.mark.parametrize("target", ["torch-function", "jax-vjp"])
@pytest.mark.parametrize("name", RULES)
def test_a_rule_is_a_layer(name: str, target: str) -> None:
    asked, by = PROBLEMS[name], [n if "0" in n else n[0] for n in RULES[name].split(", ")]
    function = read(f"{asked.text}grad J wrt {RULES[name]}").function(target)
    rng = np.random.default_rng(2)
    values = {key: rng.normal(size=shape) / 2 for key, shape in asked.shapes.items()}
    values |= {"A": values["A"] + 2 * np.eye(N)} if "Q" in by else {}

    def layer(moved: Values, unknowns: dict[str, Any]) -> Any:
        given = {**values, **moved, "T": T, **unknowns}
        if "x[0]" in given:
            given["x"] = [given["x[0]"], *unknowns["x"]]
        lists = {key: [*x] if getattr(x, "ndim", 0) > 2 else x for key, x in given.items()}
        return function(**{key: lists[key] for key in function.parameters})["J"]

    if target == "jax-vjp":

        def of_arrays(*arrays: Any) -> Any:
            moved = dict(zip(by, arrays, strict=True))
            return layer(moved, jax.lax.stop_gradient(asked.value({**values, **moved})[0]))

        check_grads(of_arrays, [values[n] for n in by], order=1, modes=["rev"], rtol=1e-4)
        return
    torch = pytest.importorskip("torch")

    def of_tensors(*tensors: Any) -> Any:
        moved = dict(zip(by, tensors, strict=True))
        plain = {key: x.detach().numpy() for key, x in moved.items()}
        found = asked.value({**values, **plain})[0]
        own = {key: [torch.tensor(np.array(x)) for x in xs] for key, xs in found.items()}
        return layer({**{k: torch.tensor(x) for k, x in values.items()}, **moved}, own)

    at = [torch.tensor(values[n], requires_grad=True) for n in by]
    assert torch.autograd.gradcheck(of_tensors, at)


def test_members_are_solved_for_where_they_are_not_given() -> None:
    d = derive(PROBLEMS["Lyapunov equations"].text + "grad J wrt Q[t]")
    rng = np.random.default_rng(0)
    values = {key: rng.normal(size=(T, N, N)) for key in "AQB"}
    own = PROBLEMS["Lyapunov equations"].value(values)[0]
    found = d.evaluate(values, T=T)
    np.testing.assert_allclose(found, d.evaluate({**values, **own}, T=T))
    with pytest.raises(ShapetrickError, match="do not fulfil"):
        d.evaluate({**values, "Y": values["Q"]}, T=T)


def test_a_derivation_is_read_back() -> None:
    d = derive(PROBLEMS["Lyapunov equations"].text + "grad J wrt Q[t]")
    again = from_dict(d.to_dict())
    assert str(again) == str(d)
    assert again.to_dict() == d.to_dict()


CHOLESKY = (
    "B[t] : n x n for t = 1..T; S[t] = B[t] B[t]' + I for t = 1..T; c : n\n"
    "L[t] : n x n lower where L[t] L[t]' = S[t] for t = 1..T\n"
    "J = sum(t = 1..T) norm(L[t] c)^2\n"
)
FIXED = (
    "W : n x n; u[t] : n for t = 1..T; z[t] : n where z[t] = tanh(W z[t]) + u[t] for t = 1..T\n"
    "J = sum(t = 1..T) norm(z[t])^2\n"
)


@pytest.mark.parametrize(
    "text",
    [
        CHOLESKY + "grad J wrt B[t]",
        "P[0] : n x n posdef; A : n x n; Q : n x n symmetric; J = tr(P[T])\n"
        "P[t] : n x n symmetric where P[t] = A P[t-1] A' + Q for t = 1..T; grad J wrt A",
        "A[l] : n[l] x n[l] for l = 1..L; x[l] : n[l] where A[l] x[l] = ones(n[l]) for l = 1..L\n"
        "J = sum(l = 1..L) norm(x[l])^2; grad J wrt A[l]",
        "A : n x n; Q[b,t] : n x n for b = 1..B, t = 1..T; J = sum(b = 1..B, t = 1..T) tr(Y[b,t])\n"
        "Y[b,t] : n x n where A Y[b,t] + Y[b,t] A' = Q[b,t] for b = 1..B, t = 1..T; grad J wrt A",
    ],
)
def test_gradients_are_verified(text: str) -> None:
    assert derive(text).verified


@pytest.mark.parametrize(
    ("claim", "verdict"),
    [
        ("u[t] = 2 inv(I - W' diag(1 - tanh(W z[t]).^2)) z[t]", "right"),
        ("u[t] = 2 inv(I - W diag(1 - tanh(W z[t]).^2)) z[t]", "wrong"),
    ],
)
def test_claims_are_judged_at_solutions(claim: str, verdict: str) -> None:
    assert check(f"{FIXED}check grad J wrt {claim}").verdict == verdict


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (FIXED + "grad J wrt z[t]", "what its equations make it"),
        ("A : n x n; x[0] : n; x[t] : n where x[t] = A x[t+1] for t = 1..T", "out of range"),
        ("A : n x n; b : m; x[t] : n where A x[t] = b for t = 1..T", "have one shape"),
        ("A : n x n; b[t] : n for t = 1..T; z : n where A z = b[1]", "are of members"),
        ("A : n x n; x[t] : n where A x[t] = y[t] for t = 1..T", "y"),
        (
            "A[t] : n x n for t = 1..T; Y[t] : n x n where A[t] Y[t] = Y[t] A[t] for t = 1..T\n"
            "J = sum(t = 1..T) tr(Y[t]); grad J wrt A[t]",
            "do not determine",
        ),
    ],
)
def test_refusals(text: str, says: str) -> None:
    with pytest.raises(ShapetrickError, match=says):
        read(text).derive()
