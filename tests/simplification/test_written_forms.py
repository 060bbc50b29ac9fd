"""Forms that people write out, and the textbook's gradients of what is written with them."""

from __future__ import annotations

import pytest

import shapetrick as st
from shapetrick.core.expr import Name
from shapetrick.core.traversal import postorder
from shapetrick.simplification.written_forms import with_functions

GIVEN = "X : m x d; w : d; y : m; z : k; q : k simplex; W : d x k; Y : m x k onehot; s : scalar\n"

GRADIENTS = [
    # A. Ng's logistic regression, with the hypothesis named, and written where it stands
    ("h = 1 ./ (1 + exp(-X w)); J = -(y' log(h) + (1 - y)' log(1 - h)) / m", "w", "X' (h - y) / m"),
    (
        "J = -(y' log(1 ./ (1 + exp(-X w))) + (1 - y)' log(1 - 1 ./ (1 + exp(-X w)))) / m",
        "w",
        "X' (sigmoid(X w) - y) / m",
    ),
    ("h = exp(X w) ./ (1 + exp(X w)); J = -mean(y .* log(h) + (1 - y) .* log(1 - h))", "w",
     "X' (h - y) / m"),
    ("J = sum(log(1 + exp(X w))) - y' X w", "w", "X' (sigmoid(X w) - y)"),
    ("J = 1 / (1 + exp(-s))", "s", "J (1 - J)"),
    # softmax and cross-entropy
    ("p = exp(z) / sum(exp(z)); J = -q' log(p)", "z", "p - q"),
    ("J = -q' log(exp(z) / sum(exp(z)))", "z", "softmax(z) - q"),
    ("J = log(sum(exp(z))) - q' z", "z", "softmax(z) - q"),
    ("P = exp(X W) ./ sum(exp(X W), axis=1); J = -sum(Y .* log(P)) / m", "W", "X' (P - Y) / m"),
    ("S = exp(X W); P = S ./ sum(S, axis=1); J = -sum(Y .* log(P)) / m", "W", "X' (P - Y) / m"),
    # others
    ("J = sum((exp(z) - exp(-z)) ./ (exp(z) + exp(-z)))", "z", "1 - tanh(z).^2"),
    ("J = sqrt(sum((X w - y).^2))", "w", "X' (X w - y) / J"),
    ("J = sum(maximum(z, 0))", "z", "step(z)"),
    # functions that are as short as what they are known as stay as typed
    ("J = norm(maximum(X w - y, 0))^2 / 2", "w", "X' maximum(X w - y, 0)"),
    ("J = norm(maximum(0, y - X w))^2", "w", "-2 X' maximum(0, y - X w)"),
    ("J = norm(relu(X w - y))^2 / 2", "w", "X' relu(X w - y)"),
    ("J = sum(maximum(z, 0).^2 + relu(z).^3)", "z", "relu(z) .* (2 + 3 relu(z))"),
    ("h = maximum(X w - y, 0); J = h' h / 2", "w", "X' h"),
]  # fmt: skip

# Not these forms, but neighbours of theirs.
OTHERS = ["1 ./ (2 + exp(-z))", "exp(z) / sum(exp(2 z))", "log(2 + exp(z))", "sqrt(sum(z.^3))"]


@pytest.mark.parametrize(("definitions", "wrt", "gradient"), GRADIENTS)
def test_the_textbook_s_gradient(definitions: str, wrt: str, gradient: str) -> None:
    d = st.derive(f"{GIVEN}{definitions}; grad J wrt {wrt}")
    assert d.verified
    assert str(d.gradient) == gradient


DIAGONALS = [
    ("J = v' inv(diag(z)) v / 2", "v", "v ./ z"),
    ("J = v' inv(diag(z)) v", "z", "-(v ./ z).^2"),
    ("J = logdet(diag(z))", "z", "1 ./ z"),
    ("J = tr(V inv(diag(z)) U)", "V", "(U ./ z)'"),
    ("J = tr(V inv(diag(z)) U)", "U", "V' ./ z"),
]


@pytest.mark.parametrize(("definition", "wrt", "gradient"), DIAGONALS)
def test_what_is_scaled_by_an_inverse_diagonal(definition: str, wrt: str, gradient: str) -> None:
    d = st.derive(f"z, v : k; V : m x k; U : k x m; {definition}; grad J wrt {wrt}")
    assert d.verified
    assert str(d.gradient) == gradient


def test_definitions_stay_as_they_were_typed() -> None:
    d = st.derive(f"{GIVEN}Z = 1 ./ (1 + exp(-X W)); vjp Z with G wrt W")
    assert str(d.gradient) == "X' (G .* Z .* (1 - Z))"
    assert [str(e) for _, e in d.definitions] == ["1 ./ (1 + exp(-X W))"]
    own = d.problem.definitions["Z"]
    assert [e for e in postorder([d.gradient]) if isinstance(e, Name)] == [own]
    assert "sigmoid" in {r.rule for r in d.result.rewritings}
    assert d.steps[0].lines
    assert st.from_dict(d.to_dict()).definitions == d.definitions


@pytest.mark.parametrize("text", OTHERS)
def test_neighbours_are_left_alone(text: str) -> None:
    problem = st.read(f"{GIVEN}E = sum({text}); grad E wrt z").data
    given = [problem.definitions["E"]]
    assert with_functions(given) == (given, {}, [])
