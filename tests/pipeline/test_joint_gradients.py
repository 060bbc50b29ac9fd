"""Gradients derived together: what they share has one name, which shortens the whole and clashes
with none; one variable reads as ever."""

from __future__ import annotations

import numpy as np
import pytest
from effort import calls

import shapetrick as st
from shapetrick.core.cost import length
from shapetrick.core.traversal import expand_names
from shapetrick.language.printer import to_text
from shapetrick.pipeline.requests import steps_of
from shapetrick.render.document import LINES, Remark, joint_stories, told

LAYERS = """
X : m x d; Y : m x k; W1 : d x h; W2 : h x k; sigma : elementwise
Z1 = sigma(X W1); Z2 = sigma(Z1 W2); J = norm(Z2 - Y)^2 / (2 m)
grad J wrt W1, W2"""
BIASES = """
X : m x d; Y : m x k; W1 : d x h; b1 : h; W2 : h x k; b2 : k
A1 = X W1 + ones(m) b1'; Z1 = tanh(A1); Z2 = softmax(Z1 W2 + ones(m) b2', axis=1)
J = -sum(Y .* log(Z2)) / m
grad J wrt W1, b1, W2, b2"""
ATTENTION = """
Q : n x d; K, V : m x d; S = softmax(Q K' / sqrt(d), axis=1)
vjp S V with G wrt Q, K, V"""
LINE = "X : m x d; w : d; b : scalar; y : m; J = norm(X w + b - y)^2; grad J wrt w, b"


def answers(text: str) -> dict[str, str]:
    return {d.wrt: to_text(d.gradient) for d in st.read(text).derive()}


def introduced(text: str) -> dict[str, str]:
    problem = st.read(text)
    own = problem.data.definitions
    return {n: to_text(e) for d in problem.derive() for n, e in d.definitions if n not in own}


def test_two_layers_as_a_lecture_writes_them() -> None:
    assert answers(LAYERS) == {"W1": "X' (sigma'(X W1) .* (δ2 W2'))", "W2": "Z1' δ2"}
    assert introduced(LAYERS) == {"δ2": "(Z2 - Y) .* sigma'(Z1 W2) / m"}


def test_a_definition_has_a_capital_and_what_is_within_one_a_delta() -> None:
    assert answers(BIASES) == {
        "W1": "X' G1", "b1": "sum(G1, axis=0)'", "W2": "Z1' δ2", "b2": "sum(δ2, axis=0)'"
    }  # fmt: skip
    assert [*introduced(BIASES)] == ["δ2", "G1"]
    assert answers(LINE) == {"w": "X' δ", "b": "sum(δ)"}


@pytest.mark.parametrize("text", [LAYERS, BIASES, ATTENTION, LINE])
def test_the_whole_is_shorter_and_of_the_same_value(text: str) -> None:
    problem = st.read(text)
    own, together = problem.data.definitions, problem.derive()
    alone = [one.derive()[0] for one in problem.requests()]
    names = {n: e for d in together for n, e in d.definitions if n not in own}
    apart = {(d.wrt, n): e for d in alone for n, e in d.definitions if n not in own}
    assert names

    def total(derived: list[st.Derivation], bodies: dict[object, st.Expr]) -> int:
        return sum(length(d.gradient) for d in derived) + sum(map(length, bodies.values()))

    assert total(together, {**names}) < total(alone, {**apart})
    for d in together:
        assert d.verified
        assert d.expanded is expand_names(d.gradient)
        assert not any(name in to_text(d.expanded) for name in names)


def test_no_name_where_nothing_is_saved() -> None:
    text = "A : n x n; x, y : n; J = x' A y; grad J wrt A, x, y"
    assert answers(text) == {"A": "x y'", "x": "A y", "y": "A' x"}
    assert introduced(text) == {}


@pytest.mark.parametrize("text", [LAYERS, BIASES])
def test_one_variable_reads_as_ever(text: str) -> None:
    for one in st.read(text).requests():
        (d,) = one.derive()
        assert "δ" not in str(d)


@pytest.mark.parametrize(
    ("declared", "name"), [("δ : m", "δ_J"), ("delta : m", "δ_J"), ("δ, δ_J : m", "δ_1")]
)
def test_names_never_clash_with_declared_ones(declared: str, name: str) -> None:
    assert [*introduced(f"{declared}; {LINE}")] == [name]


def test_two_things_have_names_of_their_own() -> None:
    text = "X : m x n; W : n x n; Z = tanh(X W); J = sum(exp(Z)); L = sum(exp(2 Z))"
    both = f"{text}; grad J wrt W, X; grad L wrt W, X"
    assert introduced(both) == {
        "δ": "exp(Z) .* (1 - Z.^2)", "δ_Z": "2 exp(2 Z) .* (1 - Z.^2)"
    }  # fmt: skip
    assert "δ_Z" in st.read(both).code("numpy")


def test_the_steps_tell_what_is_shared_once() -> None:
    problem = st.read(LAYERS)
    results = [st.api.replace(d.result, steps=d.steps) for d in problem.derive()]
    (story,) = joint_stories(results, problem.data)
    labels = [section.step.label for section in story.steps]
    assert labels == ["∂J/∂Z2", "δ2", "∂J/∂Z1", "∂J/∂W1", "∂J/∂W2"]
    remarks = [b.text for s in story.steps for b in told(s.blocks, LINES) if isinstance(b, Remark)]
    assert remarks == ["δ2 is the gradient by Z1 W2, from which several gradients follow"]


@pytest.mark.parametrize("text", [LAYERS, BIASES, ATTENTION, LINE])
def test_steps_made_together_are_those_of_each_alone(text: str) -> None:
    for d in st.read(text).derive():
        assert d.steps == steps_of(d.problem, d.result, to_text)


def test_steps_of_many_layers_take_linear_work() -> None:
    def work(layers: int) -> int:
        names = [f"W{i}" for i in range(1, layers + 1)]
        chain = "; ".join(f"Z{i} = tanh(Z{i - 1} W{i})" for i in range(1, layers + 1))
        declared = f"Z0 : m x n; {', '.join(names)} : n x n"
        text = f"{declared}; {chain}; J = sum(Z{layers}); grad J wrt {', '.join(names)}"
        derived = st.read(text).derive()
        return calls(lambda: [d.steps for d in derived])

    work(3)
    assert work(24) < 2.6 * work(12)


def test_the_code_uses_the_names() -> None:
    assert "δ2 = " in st.read(LAYERS).code("numpy")
    function = st.read(LINE).function("numpy")
    rng = np.random.default_rng(0)
    X, w, y, b = rng.normal(size=(4, 3)), rng.normal(size=3), rng.normal(size=4), 0.5
    found = function(X=X, w=w, y=y, b=b)
    assert np.allclose(found["grad J wrt w"].ravel(), 2 * X.T @ (X @ w + b - y))
    assert np.allclose(found["grad J wrt b"], 2 * (X @ w + b - y).sum())


def test_a_derivation_with_shared_names_is_read_back() -> None:
    for d in st.read(BIASES).derive():
        assert st.from_dict(d.to_dict()).gradient == d.gradient
