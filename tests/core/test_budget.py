"""What would take too much is refused by count; the clock is a last stop; streams may fail."""

from __future__ import annotations

import subprocess
import sys
import tracemalloc

import numpy as np
import pytest

import shapetrick as st
from shapetrick.core.deadline import limited


def test_the_time_limit_ends_a_request_and_leaves_nothing_half_made() -> None:
    text = "X : m x n; y : n; J = sum(log(1 + exp(tanh(X y)))); grad J wrt y"
    st.read(text)  # the grammar's file has been read by then
    with pytest.raises(st.TimeLimitError, match="depends on the machine"):
        st.derive(text, time_limit=1e-6)
    assert st.derive(text).verified


def test_no_interrupt_arrives_after_the_request() -> None:
    """Limits about as long as the request takes, so that some interrupts are sent as it ends."""
    outcomes = set()
    for k in range(300):
        try:
            outcomes.add(limited(2e-5 * (1 + k % 50), lambda: sum(range(20_000))))
        except st.TimeLimitError:
            outcomes.add(None)
        sum(range(1000))  # where a late one would arrive
    assert outcomes <= {None, sum(range(20_000))}


def test_a_watch_that_could_not_end_interrupts_nobody() -> None:
    """As where Ctrl-C, or a watch around it, arrives while it ends."""
    code = """if True:
        import time
        from shapetrick.core import deadline

        def end(watch):
            raise KeyboardInterrupt

        deadline._Watch.end = end
        try:
            deadline.limited(0.05, lambda: None)
        except KeyboardInterrupt:
            until = time.process_time() + 0.5
            while time.process_time() < until:
                pass
            print("left alone")
    """
    command = [sys.executable, "-c", code]
    run = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    assert run.stdout == "left alone\n"


def test_nothing_of_an_interrupt_is_left_for_a_tracer() -> None:
    """A request for attention that is never answered holds up a traced function for ever."""
    code = """if True:
        import sys, itertools
        from shapetrick.core.deadline import TimeLimitError, limited
        try:
            limited(0.01, lambda: sum(1 for _ in itertools.count()))
        except TimeLimitError:
            sys.setprofile(lambda *_: None)
            print((lambda: "traced")())
    """
    command = [sys.executable, "-c", code]
    run = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    assert run.stdout == "traced\n"


@pytest.mark.parametrize("limit", [0, -1, float("nan")])
def test_a_time_limit_is_positive(limit: float) -> None:
    with pytest.raises(st.InputError, match="a time limit is a positive number"):
        st.read("x : n", time_limit=limit)


def test_a_huge_jacobian_is_not_evaluated() -> None:
    found = st.derive("X : 100 x 100; jac (X X) wrt X").validation
    assert found.verdict == "unchecked"
    assert "write letters for them" in found.reason


def test_a_text_that_is_too_long_is_refused() -> None:
    with pytest.raises(st.BudgetError, match="at most 1 million"):
        st.read("x" * 2_000_000)


def test_equal_factors_are_not_tried_in_all_orders() -> None:
    text = "x : n; J = " + " ".join(["x' x"] * 10) + "; grad J wrt x"
    assert st.derive(text).verified


LARGE = [
    "x : 30000; jac (x .* x) wrt x",
    "x : 20000; J = sum(exp(x)); hess J wrt x",
    "A : 300 x 300; B : 300 x 300; J = tr(kron(A, B)); grad J wrt A",
    "W[l] : 100000 x 100000 for l = 1..L; x : 100000; Z[0] = x; "
    "Z[l] = W[l] Z[l-1] for l = 1..L; J = norm(Z[L])^2; grad J wrt W[l]",
]


@pytest.mark.parametrize("text", LARGE)
@pytest.mark.parametrize("target", ["numpy", "jax"])
def test_code_that_is_too_large_is_not_tried(text: str, target: str) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(st.BudgetError, match="write letters for the sizes"):
            st.derive(text).code(target)
        assert tracemalloc.get_traced_memory()[1] < 100_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("target", ["numpy", "torch-function"])
def test_a_self_test_that_is_too_large_is_not_made(target: str) -> None:
    d = st.derive("X : 100000 x 100000; J = norm(X)^2; grad J wrt X")
    assert "X has shape" in d.code(target)
    with pytest.raises(st.BudgetError, match="a self-test at these sizes takes 160 billion bytes"):
        d.code(target, self_test=True)


NETWORK = """\
X : m x n; W[l] : n x n for l = 1..L
Z[0] = X
Z[l] = tanh(Z[l-1] W[l]) for l = 1..L
J = norm(Z[L])^2
grad J wrt W[l]
"""
SHARED = "A : n x n; x[0] : n; x[t] = tanh(A x[t-1]) for t = 1..L; J = norm(x[L])^2; grad J wrt A"


@pytest.mark.parametrize("text", [NETWORK, SHARED])
def test_long_families_are_not_written_out(text: str) -> None:
    d = st.derive(text)
    with pytest.raises(st.BudgetError, match="writing all members out at L = 10000 takes"):
        d.account({"m": 2, "n": 3, "L": 10_000})
    W, x = [np.eye(3)] * 10_000, np.ones((3, 1))
    with pytest.raises(st.BudgetError, match="call the function that `function` writes"):
        d.evaluate({"X": x.T, "W": W, "A": np.eye(3), "x": [x]}, L=10_000)
    assert d.account({"m": 2, "n": 3, "L": 400}).forward > 0
    with pytest.raises(st.BudgetError, match="writing all members out takes 1 million"):
        st.derive("x[i] : n for i = 1..1000000; J = sum(i) norm(x[i])^2; grad J wrt x[i]")
