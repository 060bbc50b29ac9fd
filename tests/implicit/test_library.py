"""The library's equations, and others without a name: gradients at arrays against differences of
what SciPy finds, and against JAX."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pytest
import scipy.linalg
import scipy.optimize

import shapetrick as st
from shapetrick.language.syntax.equation_library import TABLE, VARIANTS
from shapetrick.numerics.solvers import TABLE as SOLVERS

Values = dict[str, Any]
RNG = np.random.default_rng(3)
A4, B4, C4, Q4 = (RNG.normal(size=(4, 4)) for _ in range(4))
STABLE = A4 - 6 * np.eye(4)
SMALL = A4 / 8
POSDEF = B4 @ B4.T + np.eye(4)
SYMMETRIC = C4 + C4.T
TALL = RNG.normal(size=(5, 3))
W4, R2 = RNG.normal(size=(4, 1)), np.array([[2.0, 0.3], [0.3, 1.0]])
N2 = RNG.normal(size=(4, 2))


class Case(NamedTuple):
    """A problem with the gradient of J by the inputs that are listed; J by other means, and where
    Newton's method starts."""

    text: str
    inputs: Values
    value: Callable[[Values], float]
    start: Mapping[str, Any] | None = None
    symmetric: tuple[str, ...] = ()


def _sum_sin(x: Any) -> float:
    return float(np.sin(x).sum())


def _fixed_point(v: Values) -> Any:
    z = np.zeros((4, 1))
    for _ in range(300):
        z = np.tanh(v["W"] @ z + v["u"])
    return z


def _largest(v: Values) -> tuple[Any, Any]:
    w, x = np.linalg.eigh((v["A"] + v["A"].T) / 2)
    return w[-1], x[:, -1:]


def _logistic(v: Values) -> Any:
    x, y, lam = v["X"], v["y"], float(np.squeeze(v["lam"]))
    w = np.zeros((3, 1))
    for _ in range(60):
        p = 1 / (1 + np.exp(-x @ w))
        w = w - np.linalg.solve(
            x.T * (p * (1 - p)).T @ x + lam * np.eye(3), x.T @ (p - y) + lam * w
        )
    return w


def _programme(v: Values) -> Any:
    n, m = v["P"].shape[0], v["C"].shape[0]
    whole = np.block([[v["P"], v["C"].T], [v["C"], np.zeros((m, m))]])
    return np.linalg.solve(whole, np.vstack([-v["q"], v["d"]]))[:n]


def _eigenvalue(v: Values) -> float:
    return float(np.linalg.eigvals(v["A"]).real.max())


CASES = {
    "solve": Case(
        "A : n x n; b : n; x = solve(A, b); J = sum(sin(x)); grad J wrt A, b",
        {"A": A4, "b": W4},
        lambda v: _sum_sin(np.linalg.solve(v["A"], v["b"])),
    ),
    "lyapunov": Case(
        "A, Q : n x n; X = lyapunov(A, Q); J = sum(sin(X)); grad J wrt A, Q",
        {"A": STABLE, "Q": Q4},
        lambda v: _sum_sin(scipy.linalg.solve_continuous_lyapunov(v["A"], v["Q"])),
    ),
    "stein": Case(
        "A, Q : n x n; X = stein(A, Q); J = sum(sin(X)); grad J wrt A, Q",
        {"A": SMALL, "Q": Q4},
        lambda v: _sum_sin(scipy.linalg.solve_discrete_lyapunov(v["A"], v["Q"])),
    ),
    "sylvester": Case(
        "A, B, Q : n x n; X = sylvester(A, B, Q); J = sum(sin(X)); grad J wrt A, B, Q",
        {"A": STABLE, "B": SMALL, "Q": Q4},
        lambda v: _sum_sin(scipy.linalg.solve_sylvester(v["A"], v["B"], v["Q"])),
    ),
    "square root": Case(
        "A : n x n; X = sqrtm(A); J = sum(sin(X)); grad J wrt A",
        {"A": POSDEF + SMALL},
        lambda v: _sum_sin(scipy.linalg.sqrtm(v["A"]).real),
    ),
    "cube root": Case(
        "A : n x n; X : n x n where X^3 = A; J = sum(sin(X)); grad J wrt A",
        {"A": POSDEF + SMALL},
        lambda v: _sum_sin(scipy.linalg.fractional_matrix_power(v["A"], 1 / 3).real),
        {"X": scipy.linalg.fractional_matrix_power(POSDEF, 1 / 3).real},
    ),
    "cholesky": Case(
        "A : n x n posdef; L = cholesky(A); J = sum(sin(L)); grad J wrt A",
        {"A": POSDEF},
        lambda v: _sum_sin(np.linalg.cholesky(v["A"])),
        symmetric=("A",),
    ),
    "care": Case(
        "A : n x n; B : n x m; Q : n x n symmetric; R : m x m posdef; X = care(A, B, Q, R); "
        "J = sum(sin(X)); grad J wrt A, B, Q, R",
        {"A": A4, "B": N2, "Q": POSDEF, "R": R2},
        lambda v: _sum_sin(scipy.linalg.solve_continuous_are(*(v[k] for k in "ABQR"))),
        symmetric=("Q", "R"),
    ),
    "dare": Case(
        "A : n x n; B : n x m; Q : n x n symmetric; R : m x m posdef; X = dare(A, B, Q, R); "
        "J = sum(sin(X)); grad J wrt A, Q",
        {"A": SMALL, "B": N2, "Q": POSDEF, "R": R2},
        lambda v: _sum_sin(scipy.linalg.solve_discrete_are(*(v[k] for k in "ABQR"))),
        symmetric=("Q",),
    ),
    "symmetric eigenpair": Case(
        "A : n x n symmetric; w : n; lam, v = eigh(A); J = lam (w' v)^2; grad J wrt A, w",
        {"A": SYMMETRIC, "w": W4},
        lambda v: float(_largest(v)[0] * np.squeeze(v["w"].T @ _largest(v)[1]) ** 2),
        symmetric=("A",),
    ),
    "general eigenvalue": Case(
        "A : n x n; v : n, lam : scalar where A v = lam v, v' v = 1; J = lam; grad J wrt A",
        {"A": POSDEF + SMALL},
        _eigenvalue,
        {"lam": _largest({"A": POSDEF})[0], "v": _largest({"A": POSDEF})[1]},
    ),
    "svd": Case(
        "A : m x n; U, s, V = svd(A); J = sum(sin(U diag(s.^2) U')); grad J wrt A",
        {"A": TALL},
        lambda v: _sum_sin(v["A"] @ v["A"].T),
    ),
    "qr": Case(
        "A : m x n; Q, R = qr(A); J = sum(sin(R)); grad J wrt A",
        {"A": TALL},
        lambda v: _sum_sin(np.linalg.qr(v["A"])[1]),
    ),
    "polar": Case(
        "A : m x n; U, P = polar(A); J = sum(sin(U)) + sum(P); grad J wrt A",
        {"A": TALL},
        lambda v: _sum_sin(scipy.linalg.polar(v["A"])[0]) + scipy.linalg.polar(v["A"])[1].sum(),
    ),
    "pseudo-inverse": Case(
        "A : m x n; X = pinv(A); J = sum(sin(X)); grad J wrt A",
        {"A": TALL},
        lambda v: _sum_sin(np.linalg.pinv(v["A"])),
    ),
    "quadratic programme": Case(
        "P : n x n symmetric; C : m x n; q : n; d : m; "
        "x : n, mu : m where P x + q + C' mu = 0, C x = d; J = sum(sin(x)); grad J wrt q, C, d",
        {"P": POSDEF, "q": W4, "C": N2.T, "d": np.ones((2, 1))},
        lambda v: _sum_sin(_programme(v)),
    ),
    "deep equilibrium": Case(
        "W : n x n; u : n; z : n where z = tanh(W z + u); J = sum(sin(z)); grad J wrt W, u",
        {"W": SMALL, "u": W4},
        lambda v: _sum_sin(_fixed_point(v)),
        {"z": np.zeros((4, 1))},
    ),
    "ridge logistic": Case(
        "X : m x n; y : m unit; lam : scalar positive; "
        "w : n where X' (sigmoid(X w) - y) + lam w = 0; J = sum(sin(w)); grad J wrt lam, X",
        {"X": TALL, "y": np.array([[1.0, 0, 1, 1, 0]]).T, "lam": np.array([[0.7]])},
        lambda v: _sum_sin(_logistic(v)),
        {"w": np.zeros((3, 1))},
    ),
}


def test_there_are_18_cases() -> None:
    assert len(CASES) == 18


def _differences(case: Case, name: str) -> Any:
    """The gradient by central differences; along the symmetric matrices where these stay so."""
    x = np.asarray(case.inputs[name], dtype=float)
    found = np.zeros(x.shape)
    for place in np.ndindex(x.shape):
        step = np.zeros(x.shape)
        step[place] = 1e-5
        if name in case.symmetric:
            step = (step + step.T) / 2
        up, down = ({**case.inputs, name: x + sign * step} for sign in (1, -1))
        found[place] = (case.value(up) - case.value(down)) / 2e-5
    return found


@pytest.mark.parametrize("name", CASES)
def test_gradients_agree_with_differences_of_other_solvers(name: str) -> None:
    case = CASES[name]
    for d in st.read(case.text).derive():
        assert d.verified, d.validation.reason
        found = d.evaluate(case.inputs, start=case.start)
        wanted = _differences(case, d.wrt)
        if d.wrt in case.symmetric:
            found = (found + found.T) / 2
        np.testing.assert_allclose(found, wanted, rtol=2e-5, atol=2e-6 * np.abs(wanted).max())


@pytest.mark.parametrize("name", ["solve", "cholesky", "symmetric eigenpair", "svd", "qr"])
def test_gradients_agree_with_jax(name: str) -> None:
    jax = pytest.importorskip("jax")
    jax.config.update("jax_enable_x64", True)
    jnp = jax.numpy
    functions: Mapping[str, Callable[[Any], Any]] = {
        "solve": lambda a: jnp.sin(jnp.linalg.solve(a, W4)).sum(),
        "cholesky": lambda a: jnp.sin(jnp.linalg.cholesky(a)).sum(),
        "symmetric eigenpair": lambda a: (
            jnp.linalg.eigh(a)[0][-1] * ((W4.T @ jnp.linalg.eigh(a)[1][:, -1:]) ** 2).sum()
        ),
        "svd": lambda a: jnp.sin(a @ a.T).sum(),
        "qr": lambda a: jnp.sin(jnp.linalg.qr(a)[1]).sum(),
    }
    case = CASES[name]
    d = next(d for d in st.read(case.text).derive() if d.wrt == "A")
    wanted = np.asarray(jax.grad(functions[name])(jnp.asarray(case.inputs["A"])))
    found = d.evaluate(case.inputs, start=case.start)
    if "A" in case.symmetric:
        found, wanted = (found + found.T) / 2, (wanted + wanted.T) / 2
    np.testing.assert_allclose(found, wanted, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize(
    ("declared", "call", "asked"),
    [
        ("A : m x n; ", "U, s, V = svd(A)", "UsV"),
        ("A : m x n; ", "Q, R = qr(A)", "QR"),
        ("A : n x n symmetric; ", "lam, v = eigh(A, smallest)", ["lam", "v"]),
    ],
)
def test_factors_have_closed_forms_both_ways(
    declared: str, call: str, asked: Sequence[str]
) -> None:
    requests = "; ".join(f"vjp {u} wrt A; jvp {u} wrt A with D" for u in asked)
    for d in st.read(f"{declared}{call}; {requests}").derive():
        assert d.verified
        assert not d.result.adjoint.linear_systems


def test_second_derivatives_by_a_symmetric_matrix_are_along_symmetric_ones() -> None:
    """What is differentiated again may hold for symmetric matrices alone, as an eigenpair's."""
    d = st.derive("A : n x n symmetric; w : n; lam, v = eigh(A); hvp (w' v)^2 wrt A with V")
    assert d.verified and d.result.request.symmetric
    V = RNG.normal(size=(4, 4))
    both = [d.evaluate({"A": SYMMETRIC, "w": W4, "V": x}) for x in (V, (V + V.T) / 2)]
    np.testing.assert_allclose(*both, rtol=1e-9, atol=1e-12)

    def gradient(t: float) -> Any:
        lam, q = np.linalg.eigh(SYMMETRIC + t * (V + V.T) / 2)
        rest = q[:, :-1] / (lam[-1] - lam[:-1]) @ q[:, :-1].T
        found = 2 * (W4.T @ q[:, -1:]) * (rest @ W4 @ q[:, -1:].T)
        return (found + found.T) / 2

    wanted = (gradient(1e-5) - gradient(-1e-5)) / 2e-5
    np.testing.assert_allclose(both[0], wanted, rtol=1e-5, atol=1e-7)


def test_the_nuclear_norm_has_its_textbook_gradient() -> None:
    d = st.derive("A : m x n; U, s, V = svd(A); J = sum(s); grad J wrt A")
    assert [str(e) for _, e in d.definitions] == ["U V'"]


def test_an_eigenpair_of_what_is_not_symmetric_keeps_its_equation() -> None:
    d = st.derive("A : n x n; lam, v = eigh(A); grad lam wrt A")
    assert d.verified
    assert d.result.adjoint.multipliers


@pytest.mark.parametrize(
    "line", ["U, s, V = svd(A); J = sum(s)", "Q, R = qr(A); J = sum(R)", "J = sum(pinv(A))"]
)
def test_wide_matrices_are_refused(line: str) -> None:
    d = st.derive(f"A : m x n; {line}; grad J wrt A")
    for function in (d.evaluate, lambda values: d.function("numpy")(**values)):
        with pytest.raises(st.ShapetrickError, match="m is 3 and n is 5: this holds where m ≥ n"):
            function({"A": TALL.T})


def test_every_function_of_the_library_has_its_solver() -> None:
    assert {*SOLVERS} == {*TABLE, *VARIANTS.values()}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("A : n x n; U, V = svd(A); J = sum(U); grad J wrt A", "`U, s, V = svd"),
        ("A : n x n; L = cholesky(A, A); J = sum(L); grad J wrt A", "takes A"),
        ("A : m x n; X = sqrtm(A); J = sum(X); grad J wrt A", "`sqrtm` does not take"),
        ("A : m x n; X : n x n where A X = tr(A); J = sum(X); grad J wrt A", "square"),
    ],
)
def test_what_is_no_call(text: str, said: str) -> None:
    with pytest.raises(st.ShapetrickError, match=said):
        st.read(text)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("w, V = eigh(A)", ("`w, V = eigh(A)` gives the largest eigenvalue, with its vector.",)),
        ("lam, v = eigh(A)", ()),
        ("w, V = eigh(A, smallest)", ()),
        ("U, S, V = svd(A)", ()),
    ],
)
def test_which_solution_a_call_gives_is_said_where_others_may_be_meant(
    line: str, said: tuple[str, ...]
) -> None:
    assert st.read(f"A : n x n symmetric; {line}").data.readings == said
