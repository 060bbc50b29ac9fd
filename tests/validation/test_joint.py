"""Gradients checked together: the verdicts are those of each alone, at the cost of a few."""

from __future__ import annotations

from fractions import Fraction
from functools import cache

import pytest
from effort import calls

import shapetrick as st
from shapetrick.core.expr import Expr, add, call, number, ones, subtract, times, transpose
from shapetrick.core.problem import Problem
from shapetrick.pipeline.requests import derive
from shapetrick.validation.checker import checker_of
from shapetrick.validation.joint import check_together

TIED = """X : m x d; Y : m x d; W : d x d; b : 1 x d
J = norm(tanh(X W + b) W' - Y)^2 / 2; grad J wrt W, X, b"""
SYMMETRIC = "S : n x n symmetric; x : n; A : n x n; J = exp(x' S A x); grad J wrt S, x, A"
VJP = "A : m x n; B : n x p; G : m x p; vjp relu(A B) wrt A, B with G"
SCALES = """A : m x n; x : n; c, t : scalar
J = 10^3 c + sum(tanh(A x)) + t / 10^3; grad J wrt A, c, x, t"""
LOGARITHM = "x, y : n positive; J = sum(log(x) .* y) + sum(abs(x - y)); grad J wrt x, y"


def network(layers: int, function: str = "tanh") -> str:
    declared = [f"W{i} : d{i - 1} x d{i}; b{i} : 1 x d{i}" for i in range(1, layers + 1)]
    values = [f"Z{i} = {function}(Z{i - 1} W{i} + b{i})" for i in range(1, layers + 1)]
    asked = ", ".join(f"W{i}, b{i}" for i in range(1, layers + 1))
    loss = f"J = norm(Z{layers} - Y)^2 / 2; grad J wrt {asked}"
    return "\n".join([f"Z0 : m x d0; Y : m x d{layers}", *declared, *values, loss])


PROBLEMS = (network(3), network(4, "relu"), TIED, SYMMETRIC, VJP, SCALES, LOGARITHM)


@cache
def derived(text: str) -> tuple[Problem, list[Expr]]:
    problem = st.read(text).data
    return problem, [derive(problem, request).gradient for request in problem.requests]


def verdicts(problem: Problem, gradients: list[Expr]) -> list[str]:
    return [v.verdict for v in check_together(problem, problem.requests, gradients)]


@pytest.mark.parametrize("text", PROBLEMS)
def test_right_gradients_are_verified(text: str) -> None:
    problem, gradients = derived(text)
    assert set(verdicts(problem, gradients)) == {"verified"}


SPOILT = {
    "doubled": lambda g, x: times(number(2), g),
    "slightly more": lambda g, x: times(number(Fraction(10001, 10000)), g),
    "turned": lambda g, x: transpose(g) if g.shape[0] == g.shape[1] else times(number(3), g),
    "wrong where entries are large": lambda g, x: add(
        g, call("relu", subtract(x, times(number(50), ones(*x.shape))))
    ),
    "wrong on one side": lambda g, x: times(g, add(ones(*x.shape), call("step", x))),
}


@pytest.mark.parametrize("kind", SPOILT)
@pytest.mark.parametrize("text", [network(2), VJP, SCALES])
def test_a_wrong_one_among_them_is_refused(text: str, kind: str) -> None:
    """And the others aren't, as when each is checked alone."""
    problem, gradients = derived(text)
    k = [*SPOILT].index(kind) % len(gradients)
    request, spoilt = problem.requests[k], [*gradients]
    spoilt[k] = SPOILT[kind](gradients[k], request.wrt)
    found = verdicts(problem, spoilt)
    assert found[k] == checker_of(problem, request).check(spoilt[k]).verdict != "verified"
    assert {*found[:k], *found[k + 1 :]} == {"verified"}


def test_the_same_variable_twice_and_one_that_is_not_in_it() -> None:
    problem = st.read("x, y : n; J = x' x; grad J wrt x, x, y").data
    right = [derive(problem, request).gradient for request in problem.requests]
    assert verdicts(problem, right) == ["verified"] * 3
    assert verdicts(problem, [right[0], problem.symbols["x"], right[2]])[1] == "wrong"


def test_of_more_variables_than_there_is_room_for_parts_are_checked() -> None:
    text = f"{'; '.join(f'W{i} : d x d' for i in range(1, 101))}; Z0, Y : m x d\n"
    layers = "".join(f"Z{i} = tanh(Z{i - 1} W{i})\n" for i in range(1, 101))
    asked = ", ".join(f"W{i}" for i in range(1, 101))
    found = st.read(f"{text}{layers}J = norm(Z100 - Y)^2; grad J wrt {asked}").derive()
    assert all(d.verified for d in found)


@pytest.mark.parametrize("function", ["tanh", "relu"])
def test_work_is_linear_in_the_layers(function: str) -> None:
    def work(layers: int) -> int:
        values = [f"W{i} : d x d; Z{i} = {function}(Z{i - 1} W{i})" for i in range(1, layers + 1)]
        asked = ", ".join(f"W{i}" for i in range(1, layers + 1))
        lines = ["Z0, Y : m x d", *values, f"J = norm(Z{layers} - Y)^2 / 2; grad J wrt {asked}"]
        found = st.read("\n".join(lines))
        problem, gradients = found.data, [d.gradient for d in found.derive()]
        return calls(lambda: check_together(problem, problem.requests, gradients))

    work(2)
    assert work(24) < 5 * work(6)
