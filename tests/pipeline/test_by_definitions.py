"""Derivatives by what is defined: it is held, whatever it is made of."""

from __future__ import annotations

import pytest

import shapetrick as st
from shapetrick.core.errors import RequestError

NETWORK = (
    "X : m x d; W1 : d x h; W2 : h x k; Y : m x k; Z1 = X W1; A = tanh(Z1); J = norm(A W2 - Y)^2;"
)


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("grad J wrt Z1", "2 (1 - A.^2) .* ((A W2 - Y) W2')"),
        ("grad J wrt A", "2 (A W2 - Y) W2'"),
        ("d J / d A", "2 (A W2 - Y) W2'"),
        ("vjp A with G wrt Z1", "G .* (1 - A.^2)"),
        ("jac A wrt Z1", "diag(vec(1 - A.^2))"),
        ("hess J wrt A", "2 kron(W2 W2', eye(m))"),
        ("grad J wrt J", "1"),
        ("grad norm(X)^2 wrt A", "zeros(m, h)"),
    ],
)
def test_what_is_defined_is_held(asked: str, found: str) -> None:
    d = st.derive(NETWORK + asked)
    assert (str(d.gradient), d.verified) == (found, True)


def test_it_stands_beside_what_is_declared() -> None:
    by_z, by_w, by_a = st.read(NETWORK + "grad J wrt Z1, W1, A").derive()
    assert by_z.verified and by_w.verified and by_a.verified
    assert [name for name, _ in by_w.definitions] == ["Z1", "A"]
    assert "grad J wrt Z1" in str(by_z) and "A = tanh(Z1)" in str(by_z)


def test_claims_on_it_are_judged_and_mended() -> None:
    right, wrong = st.read(
        NETWORK + "check grad J wrt Z1 = 2 (1 - A.^2) .* ((A W2 - Y) W2');"
        "check grad J wrt Z1 = 2 (A W2 - Y) W2'"
    ).check()
    assert right.right and not wrong.right
    assert wrong.suggestion is not None
    (again,) = st.read(f"{NETWORK} check grad J wrt Z1 = {wrong.suggestion}").check()
    assert again.right


def test_its_code_takes_it_as_an_argument() -> None:
    problem = st.read(NETWORK + "grad J wrt Z1")
    assert "def value_and_gradients(W2: Array, Y: Array, Z1: Array)" in problem.code("numpy")
    with pytest.raises(RequestError, match="takes it as an argument"):
        st.read(NETWORK + "grad J wrt Z1, W1").code("numpy")


@pytest.mark.parametrize("asked", ["grad A wrt Z1", "grad J wrt tanh", "grad J wrt m"])
def test_what_there_is_no_derivative_of_or_by_is_refused(asked: str) -> None:
    with pytest.raises(RequestError):
        st.read(NETWORK + asked)
