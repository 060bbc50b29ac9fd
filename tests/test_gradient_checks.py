"""Checking the gradients of Python functions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import shapetrick as st
from shapetrick.render.plots import curve_lines

RNG = np.random.default_rng(5)
X = RNG.normal(size=(5, 3))
W = RNG.normal(size=(3, 4))
B = RNG.normal(size=4)
SMALL_W, Y = RNG.normal(size=3), RNG.normal(size=5)
A = RNG.normal(size=(4, 4)) + 3 * np.eye(4)


def loss(w: Any) -> Any:
    return ((X @ w - Y) ** 2).mean() / 2


def gradient(w: Any) -> Any:
    return X.T @ (X @ w - Y) / 5


def layer(x: Any, w: Any, b: Any) -> Any:
    return np.tanh(x @ w + b)


def backward(x: Any, w: Any, b: Any, upstream: Any) -> Any:
    delta = upstream * (1 - layer(x, w, b) ** 2)
    return delta @ w.T, x.T @ delta, delta.sum(axis=0)


def test_right() -> None:
    found = st.check_gradient(loss, gradient, SMALL_W)
    assert found.right
    assert bool(found)
    assert found.verdict == "verified"
    assert found.error < 1e-9
    assert found.order == pytest.approx(2, abs=0.1)
    assert str(found).startswith("gradient by input 0: right\n")


def test_backward_rule_of_all_inputs() -> None:
    found = st.check_gradient(layer, backward, X, W, B)
    assert [c.right for c in found.inputs] == [True] * 3
    only = st.check_gradient(layer, lambda *a: backward(*a)[1], X, W, B, wrt=1)
    assert [c.index for c in only.inputs] == [1]
    assert only.right
    given = np.ones((5, 4))
    assert st.check_gradient(layer, backward, X, W, B, upstream=given).right


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda w: 2 * gradient(w), "2 times the gradient"),
        (lambda w: -gradient(w), "the sign is wrong"),
        (lambda w: gradient(w) / 3, "1/3 of the gradient: a mean over 3 too many"),
        (lambda w: gradient(w)[:, None], "only its shape is another one"),
        (lambda w: X * (X @ w - Y)[:, None] / 5, "the sum over axis 0 is missing"),
        (lambda w: X * (X @ w - Y)[:, None], "the mean over axis 0 is missing"),
        (lambda w: np.full(3, gradient(w).mean()), "averaged over axis 0"),
    ],
)
def test_simple_mistakes_are_named(wrong: Any, said: str) -> None:
    found = st.check_gradient(loss, wrong, SMALL_W)
    assert found.verdict == "wrong"
    assert said in found.diagnosis


@pytest.mark.parametrize("factor", [1.0, -1.0, 2.0, 1.0001, 0.0])
@pytest.mark.parametrize(
    ("value", "answer", "f", "g"),
    [
        ("x' A x", "(A + A') x", lambda x: x @ A @ x, lambda x: (A + A.T) @ x),
        (
            "sum(exp(A x))",
            "A' exp(A x)",
            lambda x: np.exp(A @ x).sum(),
            lambda x: A.T @ np.exp(A @ x),
        ),
        ("norm(A x)^2", "2 A' A x", lambda x: (A @ x) @ (A @ x), lambda x: 2 * A.T @ A @ x),
    ],
)
def test_both_doors_have_one_verdict(
    value: str, answer: str, f: Any, g: Any, factor: float
) -> None:
    """An expression, and the Python function that computes it."""
    claim = f"{factor} ({answer})" if factor else "0 x"
    checked = st.check(f"A : n x n; x : n; J = {value}; check grad J wrt x = {claim}")
    found = st.check_gradient(f, lambda x: factor * g(x), RNG.normal(size=4) / 3)
    assert checked.right == found.right == (factor == 1)


def test_a_large_value_is_no_multiple() -> None:
    found = st.check_gradient(loss, lambda w: np.full(3, 1e9), SMALL_W)
    assert found.verdict == "wrong"
    assert "times" not in found.diagnosis


def test_a_factor_is_told_however_small_the_gradient_is() -> None:
    def least(w: Any) -> Any:
        return 1e-200 * (w**2).sum()

    found = st.check_gradient(least, lambda w: 4e-200 * w, SMALL_W)
    assert "2 times the gradient" in found.diagnosis


def test_transposed_and_symmetric() -> None:
    def log_det(x: Any) -> Any:
        return np.linalg.slogdet(x)[1]

    assert st.check_gradient(log_det, lambda x: np.linalg.inv(x).T, A).right
    found = st.check_gradient(log_det, np.linalg.inv, A)
    assert found.diagnosis == "transposed"

    def free(x: Any) -> Any:
        g = np.linalg.inv(x).T
        return g + g.T - np.diag(np.diag(g))

    assert "free entries" in st.check_gradient(log_det, free, A).diagnosis


def test_upstream_forgotten() -> None:
    def careless(x: Any, w: Any, b: Any, upstream: Any) -> Any:
        return backward(x, w, b, np.ones_like(upstream))

    found = st.check_gradient(layer, careless, X, W, B)
    assert not any(c.right for c in found.inputs)
    assert "the upstream gradient is not used" in found.diagnosis


def test_entries_that_disagree() -> None:
    def wrong(w: Any) -> Any:
        g = gradient(w)
        g[1] += 0.1
        return g

    found = st.check_gradient(loss, wrong, SMALL_W)
    (entry,) = found.entries
    assert entry.index == (1,)
    assert entry.claimed - entry.measured == pytest.approx(0.1)
    with pytest.raises(AssertionError, match=r"entry \[1\] is .*, and finite differences give"):
        st.assert_gradient(loss, wrong, SMALL_W)
    st.assert_gradient(loss, gradient, SMALL_W)


def relu_sum(x: Any) -> Any:
    return np.maximum(x, 0).sum()


@pytest.mark.parametrize("at", [0.0, 1e-9])
def test_a_kink_is_not_judged(at: float) -> None:
    found = st.check_gradient(relu_sum, lambda x: (x > 0) * 1.0, np.array([1.0, at, -2.0]))
    assert found.verdict == "unchecked"
    assert "kink" in found.reason


def test_near_a_kink() -> None:
    at = np.array([1.0, 1e-3, -2.0])
    assert st.check_gradient(relu_sum, lambda x: (x > 0) * 1.0, at).right
    assert not st.check_gradient(relu_sum, lambda x: np.ones(3), at).right


@pytest.mark.parametrize("scale", [1e-8, 1e8])
def test_scales(scale: float) -> None:
    def scaled(w: Any) -> Any:
        return scale * loss(w)

    assert st.check_gradient(scaled, lambda w: scale * gradient(w), SMALL_W).right
    assert not st.check_gradient(scaled, lambda w: 1.0001 * scale * gradient(w), SMALL_W).right


def test_zero() -> None:
    found = st.check_gradient(lambda x: 3.0, np.zeros_like, SMALL_W)
    assert found.right
    assert found.inputs[0].zero
    assert "zero at this point" in str(found)
    assert not st.check_gradient(lambda x: 3.0, lambda x: 1e-9 * x, SMALL_W).right


@pytest.mark.parametrize("shape", [(), (1,), (2, 3, 2), (1, 4)])
def test_arrays_of_any_shape(shape: tuple[int, ...]) -> None:
    x = RNG.normal(size=shape)
    assert st.check_gradient(lambda x: np.sin(x).sum(), np.cos, x).right
    assert not st.check_gradient(lambda x: np.sin(x).sum(), np.sin, x).right


def test_many_entries() -> None:
    x = RNG.normal(size=(100, 30))
    assert st.check_gradient(lambda x: np.sin(x).sum(), np.cos, x).right
    found = st.check_gradient(lambda x: np.sin(x).sum(), lambda x: 2 * np.cos(x), x)
    assert found.verdict == "wrong"
    assert "2 times the gradient" in found.diagnosis


def test_float32() -> None:
    def coarse(w: Any) -> Any:
        return np.float32(loss(w))

    single = SMALL_W.astype(np.float32)
    assert "checked in float64" in str(st.check_gradient(loss, gradient, single))
    found = st.check_gradient(coarse, gradient, single)
    assert found.right
    assert "too coarse" in str(found)
    assert not st.check_gradient(coarse, lambda w: 1.1 * gradient(w), single).right
    narrowed = st.check_gradient(loss, lambda w: gradient(w).astype(np.float32), SMALL_W)
    assert narrowed.right
    assert "float32" in str(narrowed)


def test_what_is_random_is_not_judged() -> None:
    rng = np.random.default_rng(1)
    found = st.check_gradient(lambda x: rng.normal(), np.zeros_like, SMALL_W)
    assert found.verdict == "unchecked"
    assert "different values" in found.reason


def test_inputs_stay_as_they_are() -> None:
    x = SMALL_W.copy()

    def careless(w: Any) -> Any:
        value = loss(w)
        w[:] = 0
        return value

    assert st.check_gradient(careless, gradient, x).right
    assert (x == SMALL_W).all()


def test_a_gradient_that_is_not_finite() -> None:
    found = st.check_gradient(loss, lambda w: np.full(3, np.nan), SMALL_W)
    assert found.verdict == "wrong"
    assert "not finite" in found.reason


@pytest.mark.parametrize(
    "call",
    [
        lambda: st.check_gradient(loss, gradient),
        lambda: st.check_gradient(loss, lambda w: (w, w), SMALL_W),
        lambda: st.check_gradient(loss, lambda w: None, SMALL_W),
        lambda: st.check_gradient(loss, gradient, SMALL_W + 1j),
        lambda: st.check_gradient(loss, gradient, SMALL_W * np.nan),
        lambda: st.check_gradient(layer, backward, X, W, B, upstream=np.ones(3)),
        lambda: st.check_gradient(loss, gradient, SMALL_W, wrt=2),
        lambda: st.check_gradient(np.tanh, lambda w: 1 - np.tanh(w) ** 2, SMALL_W),
    ],
)
def test_what_cannot_be_checked_is_said(call: Any) -> None:
    with pytest.raises(st.InputError):
        call()


def test_curve() -> None:
    right = st.check_gradient(loss, gradient, SMALL_W).curve()
    wrong = st.check_gradient(loss, lambda w: 1.01 * gradient(w), SMALL_W).curve()
    assert right.order == pytest.approx(2, abs=0.1)
    assert wrong.order == pytest.approx(1, abs=0.1)
    lines = curve_lines(right)
    assert lines[0].startswith("   1e0 ┤")
    assert all(len(line) <= 70 for line in lines)


def test_figure() -> None:
    pytest.importorskip("matplotlib")
    figure = st.check_gradient(loss, gradient, SMALL_W).plot()
    assert [axis.get_xlabel() for axis in figure.axes] == ["relative step"]


# ------------------------------------------------------------ where the functions can be followed


def regression(X: Any, w: Any, y: Any) -> Any:
    return ((X @ w - y) ** 2).mean() / 2


def drawn(m: int, d: int) -> tuple[Any, Any, Any]:
    rng = np.random.default_rng(3)
    return rng.normal(size=(m, d)), rng.normal(size=d), rng.normal(size=m)


@pytest.mark.parametrize(
    ("wrong", "slip", "right"),
    [
        (lambda X, w, y: X.T @ (X @ w - y), "factor m", "X' (X w - y) / m"),
        (lambda X, w, y: X.T @ (X @ w + y) / X.shape[0], "`X w - y`, not `X w + y`", "- y) / m"),
        (lambda X, w, y: 2 * X.T @ (X @ w - y) / len_of(y), "factor", "X' (X w - y) / m"),
        (lambda X, w, y: X.T @ (X @ w - y) / X.shape[1], "`m`, not `n`", "X' (X w - y) / m"),
    ],
)
def test_a_wrong_gradient_function_is_read_and_mended(wrong: Any, slip: str, right: str) -> None:
    found = st.check_gradient(regression, wrong, *drawn(5, 3), wrt=1)
    (check,) = found.inputs
    assert found.verdict == "wrong"
    assert slip in check.slip
    assert right in check.suggestion
    assert f"right is {check.suggestion}" in str(found)


def len_of(y: Any) -> Any:
    return y.shape[0]


def test_arrays_that_are_no_arguments_are_symbols_too() -> None:
    found = st.check_gradient(loss, lambda w: (1 * X).T @ (X @ w + Y) / X.shape[0], SMALL_W)
    assert "`X w - Y`, not `X w + Y`" in found.inputs[0].slip


def test_backward_rules_are_read() -> None:
    def slipped(x: Any, w: Any, b: Any, upstream: Any) -> Any:
        delta = upstream * (1 - layer(x, w, b))
        return delta @ w.T, x.T @ delta, delta.sum(axis=0)

    found = st.check_gradient(layer, slipped, X, W, B)
    assert [c.verdict for c in found.inputs] == ["wrong"] * 3
    assert all("tanh(x w + b').^2" in c.slip for c in found.inputs)


def test_equal_sizes_that_hide_an_error_are_warned_of() -> None:
    def by_columns(X: Any, w: Any, y: Any) -> Any:
        return X.T @ (X @ w - y) / X.shape[1]

    found = st.check_gradient(regression, by_columns, *drawn(4, 4), wrt=1)
    assert found.right
    assert "WARNING: right at these sizes (m = n), and wrong at others" in str(found)
    apart = st.check_gradient(regression, by_columns, *drawn(5, 4), wrt=1)
    assert apart.verdict == "wrong"
    right = st.check_gradient(
        regression, lambda X, w, y: X.T @ (X @ w - y) / len_of(y), *drawn(4, 4), wrt=1
    )
    assert right.right
    assert "WARNING" not in str(right)


def test_what_cannot_be_followed_is_judged_by_its_values() -> None:
    def branching(w: Any) -> Any:
        return w @ w if w[0] > -100 else w.sum()

    found = st.check_gradient(branching, lambda w: w, SMALL_W)
    assert found.verdict == "wrong"
    assert found.diagnosis == "0.5 times the gradient"
    assert not found.inputs[0].slip


def test_transposed_where_shapes_are_equal_is_read() -> None:
    found = st.check_gradient(
        regression, lambda X, w, y: X @ (X @ w - y) / X.shape[0], *drawn(4, 4), wrt=1
    )
    assert "transpose" in found.inputs[0].slip
