"""`solve`: closed forms as in textbooks, what they need, and what is refused with the reason."""

from __future__ import annotations

import json

import numpy as np
import pytest

import shapetrick as st
from shapetrick.core.equations import EquationSides, EquationSystem
from shapetrick.validation.solutions import check_solution

REGRESSION = "X : m x d; w : d; y : m; "
OUTPUTS = "X : m x d; W : d x k; Y : m x k; "
PROGRAMME = "Q : n x n posdef; c, w : n; A : k x n; b, mu : k; "
RANK = ("where `X` has full column rank",)


@pytest.mark.parametrize(
    ("text", "solution", "notes"),
    [
        (REGRESSION + "J = norm(X w - y)^2; solve grad J wrt w = 0", "inv(X' X) X' y", RANK),
        (REGRESSION + "J = norm(X w - y)^2; solve ∇_w J = 0", "inv(X' X) X' y", RANK),
        (REGRESSION + "solve X' X w = X' y for w", "inv(X' X) X' y", RANK),
        (
            REGRESSION + "lam : scalar positive; J = norm(X w - y)^2 + lam norm(w)^2; "
            "solve grad J wrt w = 0",
            "inv(X' X + lam I) X' y",
            (),
        ),
        (
            REGRESSION + "lam : scalar; J = norm(X w - y)^2 + lam norm(w)^2; "
            "solve grad J wrt w = 0",
            "inv(X' X + lam I) X' y",
            ("where `X' X + lam I` has an inverse",),
        ),
        (
            REGRESSION + "v : m positive; J = sum(v .* (X w - y).^2); solve grad J wrt w = 0",
            "inv(X' (v .* X)) X' (v .* y)",
            RANK,
        ),
        (
            REGRESSION + "S : m x m posdef; J = (y - X w)' inv(S) (y - X w); "
            "solve grad J wrt w = 0",
            "inv(X' inv(S) X) X' inv(S) y",
            RANK,
        ),
        (OUTPUTS + "J = norm(X W - Y)^2; solve grad J wrt W = 0", "inv(X' X) X' Y", RANK),
        (
            OUTPUTS + "S : k x k posdef; J = tr((X W - Y) S (X W - Y)'); solve grad J wrt W = 0",
            "inv(X' X) X' Y",
            RANK,
        ),
        (
            "P : n x n posdef; R : k x k posdef; H : k x n; K : n x k; "
            "J = tr((I - K H) P (I - K H)' + K R K'); solve grad J wrt K = 0",
            "P H' inv(R + H P H')",
            (),
        ),
        (
            "K : n x n posdef; a, y : n; lam : scalar positive; J = norm(y - K a)^2 + lam a' K a; "
            "solve grad J wrt a = 0",
            "inv(K + lam I) y",
            (),
        ),
        (
            "R : n x n posdef; p, w : n; J = w' R w - 2 w' p; solve grad J wrt w = 0",
            "inv(R) p",
            (),
        ),
        (
            "C : n x m; R : m x m posdef; W : n x m; J = tr(W R W') - 2 tr(W C'); "
            "solve grad J wrt W = 0",
            "C inv(R)",
            (),
        ),
        ("S : n x n posdef; a, b, w : n; solve S w = a - b for w", "inv(S) (a - b)", ()),
        (
            "A : m x n; b : m; x, z : n; t : scalar positive; "
            "J = norm(A x - b)^2 / 2 + norm(x - z)^2 / (2 t); solve grad J wrt x = 0",
            "inv(A' A + I / t) (A' b + z / t)",
            (),
        ),
        ("X : m x d; c : d; J = norm(X - ones(m) c')^2; solve grad J wrt c = 0",
         "mean(X, axis=0)'", ()),
        ("a, x : n; t : scalar; J = norm(a - t x)^2; solve grad J wrt t = 0",
         "x' a / (x' x)", ("where `x' x` is not 0",)),
        ("X : m x d; w : 1 x d; y : 1 x m; J = norm(w X' - y)^2; solve grad J wrt w = 0",
         "y X inv(X' X)", RANK),
        (
            "D, C, W : n x m; lam : scalar positive; J = norm(D .* W - C)^2 + lam norm(W)^2; "
            "solve grad J wrt W = 0",
            "D .* C ./ (D.^2 + lam)",
            (),
        ),
    ],
)  # fmt: skip
def test_closed_forms(text: str, solution: str, notes: tuple[str, ...]) -> None:
    d = st.derive(text)
    assert (d.kind, str(d.gradient), d.result.notes) == ("solve", solution, notes)
    assert d.verified
    assert d.steps[-1].result.shape == d.gradient.shape


def test_steps_of_an_unknown_that_is_multiplied_entry_by_entry() -> None:
    d = st.derive("D, B, X : m x n; solve D .* X + X = B for X")
    assert [step.label for step in d.steps] == ["(D + 1) .* X", "X"]


@pytest.mark.parametrize(
    "equations",
    [
        "L = w' Q w / 2 + c' w + mu' (A w - b); solve grad L wrt w = 0, grad L wrt mu = 0",
        "J = w' Q w / 2 + c' w; solve (grad J wrt w) + A' mu = 0, A w = b for w, mu",
    ],
)
def test_several_unknowns(equations: str) -> None:
    """A quadratic programme with equalities, by its Lagrangian's equations."""
    problem = st.read(PROGRAMME + equations)
    first, second = problem.derive()
    assert str(first.gradient) == "-inv(Q) (c + A' mu)"
    assert str(second.gradient) == "-inv(A inv(Q) A') (A inv(Q) c + b)"
    assert dict(first.definitions)["mu"] is second.gradient
    assert first.verified
    assert second.verified
    assert second.validation.conditions == ("n ≥ k",)
    rng = np.random.default_rng(0)
    n, k = 4, 2
    M = rng.standard_normal((n, n))
    arrays = {
        "Q": M @ M.T + np.eye(n),
        "c": rng.standard_normal(n),
        "A": rng.standard_normal((k, n)),
        "b": rng.standard_normal(k),
    }
    whole = np.block([[arrays["Q"], arrays["A"].T], [arrays["A"], np.zeros((k, k))]])
    expected = np.linalg.solve(whole, np.concatenate([-arrays["c"], arrays["b"]]))
    found = [d.evaluate(arrays).ravel() for d in (first, second)]
    np.testing.assert_allclose(np.concatenate(found), expected)
    together = problem.function("numpy")(**arrays)
    np.testing.assert_allclose(np.concatenate(list(together.values())), expected)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (REGRESSION + "J = sum(softplus(X w)) - y' X w; solve grad J wrt w = 0",
         "not linear in `w`, which is in `sigmoid(X w)`"),
        ("A : n x n; B : m x m; C, W : n x m; solve A W + W B = C for W",
         "products that differ on both sides"),
        (REGRESSION + "solve X w = y for w", "ask `solve grad norm(X w - y)^2 wrt w = 0`"),
        ("x : n; A : n x n; J = x' A x x' x; solve grad J wrt x = 0", "not linear in `x`"),
        ("A : n x n; x, b : n; solve A x = b, x = b for x", "is left over"),
        ("A : n x n; x, z, b : n; solve A x = b + z for x, z", "no equation is left"),
    ],
)  # fmt: skip
def test_refusals(text: str, reason: str) -> None:
    with pytest.raises(st.DerivationError) as refused:
        st.read(text).derive()
    assert reason in str(refused.value)


def test_advice_works() -> None:
    """What refusals offer is read, and derives."""
    text = REGRESSION + "J = sum(softplus(X w)) + w' w / 2 - y' X w; solve grad J wrt w = 0"
    with pytest.raises(st.DerivationError) as refused:
        st.derive(text)
    offered = str(refused.value).split("`")[-2]
    assert st.derive(f"X : m x d; y : m; {offered}; vjp w wrt y").verified
    with pytest.raises(st.DerivationError) as refused:
        st.derive(REGRESSION + "solve X w = y for w")
    offered = str(refused.value).split("`")[-2]
    assert str(st.derive(REGRESSION + offered).gradient) == "inv(X' X) X' y"


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("solve norm(w)^2 = 3", "say for what"),
        ("solve X w for w", "is an equation"),
        ("solve X w = for w", "two sides"),
        ("solve X w = y for q", "no declared name"),
        ("solve X w = y for J", "is a definition"),
        ("solve X w = X for w", "the sides of this equation"),
        ("solve w = w for y", "in none of the equations"),
    ],
)
def test_statements_that_say_nothing(statement: str, said: str) -> None:
    with pytest.raises(st.InputError) as refused:
        st.read(f"{REGRESSION}J = norm(X w)^2; {statement}")
    assert said in str(refused.value)
    assert refused.value.span is not None


def test_the_function_and_the_name_remain() -> None:
    d = st.derive("A : n x n; b : n; x = solve(A, b); J = sum(x); grad J wrt b")
    assert d.verified
    assert st.derive("solve, x : n; J = solve' x; grad J wrt x").verified


def test_a_wrong_solution_is_refused() -> None:
    """The check itself: put into the equations, a wrong one does not solve them."""
    w, y, X = st.symbols("w : d; y : m; X : m x d")
    system = EquationSystem((w,), (EquationSides(X.T @ X @ w, X.T @ y),))
    right = st.inv(X.T @ X) @ X.T @ y
    assert check_solution(system, {w: right}, w).verdict == "verified"
    assert check_solution(system, {w: 2 * right}, w).verdict == "wrong"
    assert check_solution(system, {w: X.T @ y}, w).verdict == "wrong"


def test_conditions_are_those_of_all_inverses_on_the_way() -> None:
    text = PROGRAMME.replace("posdef", "symmetric") + (
        "J = w' Q w / 2 + c' w; solve (grad J wrt w) + A' mu = 0, A w = b for w, mu"
    )
    for d in st.read(text).derive():
        assert set(d.result.notes) == {
            "where `Q` has an inverse",
            "where `A inv(Q) A'` has an inverse",
        }


def test_built_in_python() -> None:
    X, w, y, b = st.symbols("X : m x d; w : d; y : m; b : scalar")
    d = st.solve(st.grad(st.norm(X @ w - y) ** 2, w).gradient, w)
    assert str(d.gradient) == "inv(X' X) X' y"
    assert d.verified
    r = X @ w + b * st.ones("m") - y
    found = st.solve([X.T @ r, st.sum(r)], w, b)
    assert found.wrt == "w"
    assert found.verified


def test_all_renderings() -> None:
    text = REGRESSION + "J = norm(X w - y)^2; solve grad J wrt w = 0"
    d = st.derive(text)
    assert d.latex() == r"w = (X^{\top} X)^{-1} X^{\top} y"
    assert "X' X w = X' y" in str(d)
    assert "solve grad J wrt w = 0" in d.html()
    restored = st.from_dict(json.loads(json.dumps(d.to_dict())))
    assert str(restored) == str(d)
    assert restored.verified
    with pytest.raises(st.RequestError, match="self-test"):
        d.code("numpy", self_test=True)
    with pytest.raises(st.RequestError, match="no backward rule"):
        d.code("torch-function")
