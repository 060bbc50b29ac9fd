"""The errors of values against the scale of the inputs, beside what is known of them."""

from __future__ import annotations

import numpy as np
import pytest

import shapetrick as st
from shapetrick.core.dims import ONE, Dim
from shapetrick.core.expr import number, subtract, symbol
from shapetrick.numerics.evaluation import Valuation
from shapetrick.numerics.scale_errors import EXTENDED, SCALES, scale_errors

pytestmark = pytest.mark.skipif(not EXTENDED, reason="NumPy has no extended precision here")
SOFTMAX = "z, t : n; p = exp(z) / sum(exp(z)); J = -t' log(p); grad J wrt z"


def errors_of(text: str) -> list[tuple[float, ...]]:
    found = st.derive(text).scale_errors
    assert found is not None
    assert found.scales == tuple(SCALES)
    return [*found.errors]


def test_errors_are_those_beside_an_exact_function() -> None:
    x = symbol("x", (Dim.of("n"), ONE))
    e = subtract(st.exp(st.symbols("x : n")), number(1))
    values = np.array([[0.7], [-0.4]])
    found = scale_errors([e], [Valuation({"x": values}, {"n": 2}, {})], {x.name})
    assert found is not None
    for scale, error in zip(found.scales, found.errors[0], strict=True):
        if scale < 1e-3:
            at = scale * values
            off = np.abs((np.exp(at) - 1) - np.expm1(at)).max() / np.abs(np.expm1(at)).max()
            assert error == pytest.approx(max(off, 1e-17), rel=1e-2, abs=2e-16)


def test_a_form_that_overflows_is_told_from_the_one_that_is_computed() -> None:
    written, computed = errors_of(SOFTMAX)
    assert max(written) == 1
    assert max(computed) < 1e-14


def test_cancellation_is_seen_at_small_scales_alone() -> None:
    written, computed = errors_of("x : n; J = sum((exp(x) - 1) ./ x); grad J wrt x")
    small, one = written[0], written[list(SCALES).index(1)]
    assert small > 0.1 > 1e-6 > computed[0]
    assert one < 1e-14


def test_what_is_exact_at_all_scales_stays_so() -> None:
    for error in errors_of("X : m x n; w : n; y : m; J = norm(X w - y)^2; grad J wrt w"):
        assert max(error) < 1e-15


@pytest.mark.parametrize(
    "text",
    [
        "A : n x n; J = logdet(A); grad J wrt A",  # LAPACK has no extended precision
        "X[t] : n for t = 1..T; w : n; J = sum(t = 1..T) w' X[t]; grad J wrt w",
    ],
)
def test_nothing_is_told_where_nothing_exact_is_known(text: str) -> None:
    assert st.derive(text).scale_errors is None


def test_the_report_shows_it() -> None:
    assert "Error against the inputs' scale" in st.derive(SOFTMAX).html()
