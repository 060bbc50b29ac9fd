"""Where branches coincide on an open set, the derivatives add up to one: derived and verified."""

from __future__ import annotations

import numpy as np
import pytest

import shapetrick as st

DECLARED = "x, y, b : n; A, B : m x n; C : n x n; S : n x n symmetric; e, s : scalar\n"

# What is tied wherever it is looked at, or in whole regions.
TIED = {
    "the same twice": "grad sum(maximum(x, x)) wrt x",
    "relu beside its argument": "grad sum(minimum(relu(x), x)) wrt x",
    "products in two orders": "grad sum(maximum(x .* y, y .* x)) wrt x",
    "equal but for rounding": "grad sum(maximum(exp(x + y), exp(x) .* exp(y))) wrt x",
    "equal but for rounding, with kinks":
        "grad sum(minimum(exp(x + relu(y)), exp(x) .* exp(relu(y)))) wrt y",
    "PPO": "grad (-mean(minimum(x .* y, minimum(maximum(x, 1 - e), 1 + e) .* y))) wrt x",
    "PPO, by the width":
        "grad (-mean(minimum(x .* y, minimum(maximum(x, 1 - e), 1 + e) .* y))) wrt e",
    "value clipping":
        "grad mean(maximum((x - y).^2, (b + minimum(maximum(x - b, -1/5), 1/5) - y).^2)) wrt x",
    "nested clips": "grad sum(minimum(maximum(minimum(maximum(x, -1), 1), -1), 1).^2) wrt x",
    "a clip beside its argument": "grad sum(maximum(x, minimum(maximum(x, -1), 1)) .* y) wrt x",
    "equal columns": "grad sum(max(x ones(1, k), axis=1)) wrt x",
    "equal columns, as a sum": "grad dot(b, min(y ones(1, k) + x ones(1, k), axis=1)) wrt x",
    "equal columns of relus": "grad dot(b, max((relu(x) + y) ones(1, k), axis=1)) wrt y",
    "all equal below 0": "grad max(relu(x) + s) wrt s",
    "equal corners": "grad max(S) wrt S",
    "equal on the diagonal": "grad sum(maximum(C, C')) wrt C",
    "second order": "hess sum(maximum(relu(x), x).^2 .* y) wrt x",
    "second order, clipped": "hvp sum(maximum(x.^2, minimum(x, 1).^2)) wrt x with d",
    "a Jacobian": "jac maximum(x .* y, relu(y .* x)) wrt x",
    "backwards": "vjp minimum(A .* B, relu(A) .* B) wrt A with G",
    "forwards": "jvp minimum(A .* B, relu(A) .* B) wrt B with V",
    "along rows": "vjp max(relu(A) + x' .* s, axis=0) wrt s with G",
    "with definitions": "r = relu(x)\nq = maximum(r, x)\ngrad sum(minimum(q, r) .* y) wrt x",
}  # fmt: skip

# Where no open set is tied, derivatives read as in a textbook.
APART = {
    "grad sum(maximum(x, b)) wrt b": "step(b - x)",
    "grad sum(minimum(maximum(x, -1), 1)) wrt x": "step(1 - x) .* step(x + 1)",
    "grad sum(minimum(1, relu(x))) wrt x": "step(1 - x) .* step(x)",
    "grad sum(maximum(x, x.^2)) wrt x": "step(x - x.^2) + 2 x .* step(x.^2 - x)",
    "grad max(x) wrt x": "ismax(x)",
    "grad sum(maximum(x, x)) wrt x": "ones(n)",
    "grad sum(minimum(relu(x), x)) wrt x": "ones(n)",
    "grad sum(max(x ones(1, k), axis=1)) wrt x": "ones(n)",
}

WRONG = (
    "J = sum(minimum(relu(x), x)); check grad J wrt x = step(x)",
    "J = sum(minimum(relu(x), x)); check grad J wrt x = 2 ones(n)",
    "J = sum(maximum(x, x)); check grad J wrt x = 2 ones(n)",
    "J = sum(maximum(x, x)); check grad J wrt x = zeros(n)",
    "J = sum(max(x ones(1, k), axis=1)); check grad J wrt x = k ones(n)",
    "J = sum(minimum(x .* y, relu(x) .* y)); check grad J wrt x = y .* step(-y) + y .* step(y)",
)


@pytest.mark.parametrize("request_text", TIED.values(), ids=TIED)
def test_ties_are_derived_and_verified(request_text: str) -> None:
    result = st.derive(DECLARED + request_text)
    assert result.verified, result.validation.reason


@pytest.mark.parametrize("request_text", APART)
def test_the_form_is_the_textbooks(request_text: str) -> None:
    result = st.derive(DECLARED + request_text)
    assert str(result.gradient) == APART[request_text]


@pytest.mark.parametrize("text", WRONG)
def test_wrong_weights_are_refused(text: str) -> None:
    checked = st.check(DECLARED + text)
    assert checked.verdict == "wrong"


def test_weights_add_up_to_one_at_a_tie() -> None:
    result = st.derive(DECLARED + "grad sum(max(A, axis=1)) wrt A")
    value = result.evaluate({"A": np.ones((2, 4))})
    np.testing.assert_allclose(value, np.full((2, 4), 0.25))


# --------------------------------------------------------------------------- random nests


class _Nest:
    """A random nest of functions with kinks, whose arguments are shared."""

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng([seed, 11])

    def _pick(self, *among: str) -> str:
        return among[int(self._rng.integers(len(among)))]

    def column(self, depth: int) -> str:
        if depth == 0:
            return self._pick("x", "x", "y", "x", "s")
        a, b = self.column(depth - 1), self.column(self._rng.integers(depth))
        form = self._pick(
            "maximum({a}, {b})", "minimum({a}, {b})", "maximum({a}, {b})", "minimum({a}, {b})",
            "relu({a})", "relu({a}) + {b}", "minimum(maximum({a}, -1), 1)", "({a} .* y)",
            "({a} - 2 {b})", "max({a} ones(1, k), axis=1)", "min({a} + zeros(n, k), axis=1)",
            "maximum({a}, {a})", "abs({a})",
        )  # fmt: skip
        return form.format(a=a, b=b)

    def problem(self) -> str:
        kind = self._pick("grad", "grad", "grad", "hess", "vjp", "jvp")
        column = self.column(3)
        of = f"(x + y + {column})" if kind in ("vjp", "jvp") else f"sum((x + y + {column}).^2)"
        along = {"vjp": " with g", "jvp": " with d"}.get(kind, "")
        return f"{DECLARED}{kind} {of} wrt x{along}"


@pytest.mark.parametrize("seed", range(40))
def test_random_nests_are_verified(seed: int) -> None:
    text = _Nest(seed).problem()
    result = st.derive(text)
    assert result.verified, f"{text}\n{result.gradient}\n{result.validation.reason}"
