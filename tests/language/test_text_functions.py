"""Functions that are defined in the text, and the library of them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import ndtr

import shapetrick as st
from shapetrick.core.errors import ShapetrickError
from shapetrick.language.elaboration import read
from shapetrick.language.shapes.words import vocabulary
from shapetrick.numerics.evaluation import EvaluationTape

NETWORK = """
    X : m x d; W1 : d x h; b1 : 1 x h; W2 : h x k; b2 : 1 x k; Y : m x k
    layer(A, W, b) = tanh(A W + b)
"""
RNG = np.random.default_rng(0)
A, B = RNG.uniform(0.2, 0.8, (2, 4, 3))


def gradients(text: str) -> list[str]:
    return [str(d.gradient) for d in st.read(text).derive()]


def value(text: str, **arrays: np.ndarray) -> np.ndarray:
    """The value of an expression in arrays of these names."""
    shapes = "; ".join(f"{n} : {a.shape[0]} x {a.shape[1]}" for n, a in arrays.items())
    problem = read(f"{shapes}; value = {text}", complete=False)
    return np.asarray(EvaluationTape([problem.definitions["value"]]).run(arrays, {}, {})[0])


@pytest.mark.parametrize(
    ("defined", "plain"),
    [
        ("J = norm(layer(layer(X, W1, b1), W2, b2) - Y)^2",
         "J = norm(tanh(tanh(X W1 + b1) W2 + b2) - Y)^2"),
        ("two(Z) = layer(Z, W2, b2); J = sum(two(layer(X, W1, b1)))",
         "J = sum(tanh(tanh(X W1 + b1) W2 + b2))"),
        ("f(x) = x' x; J = f(X W1 ones(h)) + f(b1')",
         "J = (X W1 ones(h))' (X W1 ones(h)) + b1 b1'"),
        ("f(U : p x q) = sum(U) / q; J = f(X W1) + f(b2)", "J = sum(X W1) / h + sum(b2) / k"),
        ("f(u, c = 2) = sum(u.^c); J = f(W1) + f(W1, c=3) + f(W1, 4)",
         "J = sum(W1.^2) + sum(W1.^3) + sum(W1.^4)"),
        ("f(v) = eye(d) v; J = sum(f(W1))", "J = sum(W1)"),
        ("g(U : p x q) = U ones(q, 1); J = sum(g(X W1).^2)", "J = sum((X W1 ones(h, 1)).^2)"),
        ("relu(x) = maximum(x, 0) + 1; J = sum(relu(X W1))", "J = sum(maximum(X W1, 0) + 1)"),
    ],
)  # fmt: skip
def test_a_call_is_its_right_side(defined: str, plain: str) -> None:
    tail = "; grad J wrt W1"
    assert gradients(NETWORK + defined + tail) == gradients(NETWORK + plain + tail)


def test_a_function_of_declared_names_is_a_value() -> None:
    text = "A : n x n; x, b : n; J(x) = x' A x; "
    expected = ["(A + A') x"]
    for asked in ("grad J wrt x", "∇J(x)", "grad J(x) wrt x", "∂J(x)/∂x"):
        assert gradients(text + asked) == expected
    assert gradients(text + "grad J(b) wrt b") == ["(A + A') b"]
    assert gradients(text + "g(y) = J(y)^2; grad g(b) wrt A") == ["2 (b' A b) b b'"]
    assert gradients(text) == ["x x'", "(A + A') x"]
    assert list(read(text).definitions) == ["J"]


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("f(x) = x' A x", "grad f(x) wrt x"),
        ("f(w, b) = norm(X w + b)^2", "grad f(w, b) wrt w, b"),
        ("g(z) = tanh(z); f(x) = A g(x)", "jac f(x) wrt x"),
        (r"$f(x) = \|Ax - b\|^2$", r"$\nabla_x f(x)$"),
    ],
)
def test_a_function_alone_asks_for_its_derivative(text: str, asked: str) -> None:
    assert gradients(text) == gradients(f"{text}\n{asked}")


def test_names_that_are_no_arguments_are_the_problems() -> None:
    text = "A : n x n; x : n; J(y) = y' A y; grad J(x) wrt A"
    assert gradients(text) == ["x x'"]


def test_a_claim_may_call_functions() -> None:
    text = "X : m x d; w : d; y : m; r(v) = X v - y; J = norm(r(w))^2; "
    assert st.read(text + "check grad J wrt w = 2 X' r(w)").check()[0].right
    wrong = st.read(text + "check grad J wrt w = X' r(w)").check()[0]
    assert not wrong.right and wrong.judgement.mended


def test_members_of_families_are_arguments() -> None:
    text = """
        X : m x n[0]; Y : m x n[L]; layer(A, W, b) = tanh(A W + b)
        W[l] : n[l-1] x n[l] for l = 1..L; b[l] : 1 x n[l] for l = 1..L
        Z[0] = X; Z[l] = {} for l = 1..L; J = norm(Z[L] - Y)^2; grad J wrt W[l]
    """
    one, other = (gradients(text.format(s)) for s in
                  ("layer(Z[l-1], W[l], b[l])", "tanh(Z[l-1] W[l] + b[l])"))  # fmt: skip
    assert one == other


LATEX = r"""
    $X \in \mathbb{R}^{m \times d}$, $\theta, b \in \mathbb{R}^{d}$, $y \in \mathbb{R}^{m}$
    $f(u) = \exp(u) - u$
    $J(\theta) = \frac{1}{2m} \|X\theta - y\|_2^2$
    $\nabla J(\theta)$
    $R = J(b)^2 + \operatorname{sum}(f(b))$
    $\nabla_b R$
"""


def test_functions_in_latex() -> None:
    plain = """
        X : m x d; theta, b : d; y : m; f(u) = exp(u) - u
        J(theta) = norm(X theta - y)^2 / (2 m); grad J wrt theta
        R = J(b)^2 + sum(f(b)); grad R wrt b
    """
    assert gradients(LATEX) == gradients(plain)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("f(x) = g(x); g(x) = f(x); J = f(2)", "`f` is defined by itself: f → g → f"),
        ("f(x) = f(x) + 1; J = f(2)", "`f` is defined by itself: f → f"),
        ("f(x) = x; f(y) = y; J = f(2)", "`f` is already defined"),
        ("f(x, x) = x; J = f(2, 3)", "`x` is given twice"),
        ("f(x, y) = x; J = f(2)", "`f` takes (x, y), not 1 argument."),
        ("f(x) = x; J = f(2, 3)", "`f` takes (x), not 2 arguments."),
        ("f(x, c = 1) = c x; J = f(2, d=3)", "`f` takes (x, c = 1)."),
        ("f(x) = x; J = sum(f(2), d=3)", "`d=3` is not understood"),
        ("f(x) = x; J = f + 2", "a value only where all its arguments are declared"),
        ("f(x) = x; J = f(2, axis=0)", "`f` takes no axis"),
        ("x : n; f(y) = sum(a + y); f : n; J = f(x)", "`f` is already"),
        ("A : m x n; f(X) = X X; J = sum(f(A))", "in `f(A)`, where `f(X) = X X` in line 1"),
        ("A : m x n; f(X : k x k) = X; J = sum(f(A))", "`X` is k×k, and what is given is m×n"),
        ("A : m x n; J = sum(cov(A') + A)", "cov(A') (m×m) and A (m×n) have no sum"),
        ("A : m x n; J = pdist2(A, A')", "`Y` is n×d, and what is given is n×m"),
        ("W[l] : n x n for l = 1..L; f(W) = W[1]; J = tr(f(2))", "takes entries of its"),
        ("f(x : 2 n) = x; J = f(2)", "a letter or a number"),
        ("f(k) = sum(ones(k)); J = f(3)", "`k` is an argument, the value of a matrix: a size"),
    ],
)
def test_what_is_refused(text: str, said: str) -> None:
    with pytest.raises(ShapetrickError) as caught:
        read(text, complete=False)
    assert said in str(caught.value)


def test_an_error_inside_names_the_calls_and_stands_at_the_outer_one() -> None:
    text = "X : m x d\nf(A) = A X\ng(W) = relu(f(W))\nJ = sum(g(X))\n"
    with pytest.raises(ShapetrickError) as caught:
        read(text)
    said = str(caught.value).splitlines()
    assert said[0] == "line 4: J = sum(g(X))" and said[1].strip() == "^^^^"
    assert "in `g(X)`, where `g(W) = relu(f(W))` in line 3: in `f(W)`" in said[2]
    assert "A (m×d) times X (m×d) is not a matrix product" in said[2]


def test_deep_and_wide_nests_are_bounded() -> None:
    chain = "; ".join(["f0(u) = u"] + [f"f{k}(u) = f{k - 1}(u) + 1" for k in range(1, 100)])
    with pytest.raises(ShapetrickError, match="functions call each other"):
        read(f"x : n; {chain}; J = sum(f99(x)); grad J wrt x")
    twice = [f"f{k}(u) = f{k - 1}(u) + f{k - 1}(2 u)" for k in range(1, 40)]
    wide = "; ".join(["f0(u) = u", *twice])
    with pytest.raises(ShapetrickError, match="opening these calls"):
        read(f"x : n; {wide}; J = sum(f39(x)); grad J wrt x")
    deep = "f(" * 200 + "x" + ")" * 200
    assert gradients(f"x : n; f(u) = u + x; J = sum({deep}); grad J wrt x") == ["201 ones(n)"]


# ------------------------------------------------------------------------------------ the library


def softmax(z: np.ndarray) -> np.ndarray:
    return np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)


P = softmax(B)
X1, Y1 = A[:, :1], B[:, :1]
MEANT = [
    ("var(A)", np.var(A)), ("var(A, ddof=1)", np.var(A, ddof=1)),
    ("var(A, axis=0)", np.var(A, axis=0, keepdims=True)),
    ("var(A, ddof=1, axis=1)", np.var(A, axis=1, ddof=1, keepdims=True)),
    ("std(A)", np.std(A)), ("std(A, axis=0)", np.std(A, axis=0, keepdims=True)),
    ("std(A, ddof=1, axis=1)", np.std(A, axis=1, ddof=1, keepdims=True)),
    ("center(A)", A - A.mean(axis=0)), ("cov(A)", np.cov(A.T, ddof=0)), ("cov(A, 1)", np.cov(A.T)),
    ("layer_norm(A)", (A - A.mean(1, keepdims=True)) / A.std(1, keepdims=True)),
    ("layer_norm(A, 0.1)", (A - A.mean(1, keepdims=True)) / np.sqrt(A.var(1, keepdims=True) + 0.1)),
    ("huber(A - B, 0.2)", np.where(abs(A - B) <= 0.2, (A - B)**2 / 2, 0.2 * (abs(A - B) - 0.1))),
    ("huber(3 A)", np.where(3 * A <= 1, 4.5 * A**2, 3 * A - 0.5)),
    ("Phi(A - B)", ndtr(A - B)),
    ("logcosh(A)", np.log(np.cosh(A))), ("mish(A)", A * np.tanh(np.log1p(np.exp(A)))),
    ("swish(A, 2)", A / (1 + np.exp(-2 * A))), ("hardtanh(9 A - 4)", np.clip(9 * A - 4, -1, 1)),
    ("logit(A)", np.log(A / (1 - A))), ("softsign(A - B)", (A - B) / (1 + abs(A - B))),
    ("norm(x, 3)", np.sum(X1**3) ** (1 / 3)),
    ("norm(x - y, 1.5)", np.sum(abs(X1 - Y1)**1.5)**(2/3)),
    ("cosine(x, y)", (X1.T @ Y1) / np.linalg.norm(X1) / np.linalg.norm(Y1)),
    ("inner(x, y)", X1.T @ Y1), ("outer(x, y)", np.outer(X1, Y1)),
    ("sqdist(A, B)", np.sum((A - B)**2)), ("mse(A, B)", np.mean((A - B)**2)),
    ("pdist2(A, B)", ((A[:, None] - B[None])**2).sum(-1)),
    ("rbf(A, B, 0.7)", np.exp(-0.7 * ((A[:, None] - B[None])**2).sum(-1))),
    ("cross_entropy(A, B)", -np.mean(np.sum(B * np.log(softmax(A)), axis=1))),
    ("binary_cross_entropy(A, B)",
     -np.mean(B * np.log(1 / (1 + np.exp(-A))) + (1 - B) * np.log(1 - 1 / (1 + np.exp(-A))))),
    ("hinge(A, B)", np.mean(np.maximum(1 - A * B, 0))), ("entropy(A)", -np.sum(A * np.log(A))),
    ("kl(A, B)", np.sum(A * np.log(A / B))), ("pinv(A) * 1", np.linalg.pinv(A)),
    ("proj(A)", A @ np.linalg.pinv(A)), ("quad(x, A A')", X1.T @ A @ A.T @ X1),
    ("sym(A' B)", (A.T @ B + B.T @ A) / 2),
    ("vech(A' B)", (A.T @ B).T[np.triu_indices(A.shape[1])][:, None]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "meant"), MEANT, ids=[m[0] for m in MEANT])
def test_the_library_means_what_it_says(text: str, meant: np.ndarray) -> None:
    found = value(text, A=A, B=B, x=X1, y=Y1)
    assert found == pytest.approx(np.atleast_2d(meant))


def test_every_function_of_the_library_is_tested() -> None:
    assert {text.partition("(")[0] for text, _ in MEANT} == set(vocabulary().library)


def test_every_function_of_the_library_has_a_verified_gradient() -> None:
    for name, overloads in vocabulary().library.items():
        (function, *_) = overloads.values()
        sizes = {"x": "n", "y": "n", "p": "n positive", "q": "n positive", "z": "n"}
        if name == "logit":
            sizes["x"] = "n unit"
        given = [p for p in function.parameters if p.default is None]
        letters = {p.name.name: sizes.get(p.name.name, "m x d") for p in given}
        if name == "norm":
            letters["p"] = "scalar positive"
        if name == "quad":
            letters["A"] = "n x n"
        if name in ("sym", "vech"):
            letters["A"] = "m x m"
        declared = "; ".join(f"{n} : {s}" for n, s in letters.items())
        first = given[0].name.name
        text = f"{declared}; J = sum({name}({', '.join(letters)}).^2); grad J wrt {first}"
        (found,) = st.read(text).derive()
        assert found.verified, name


def test_values_and_definitions_hide_the_library() -> None:
    assert gradients("std, x : n; J = sum(std .* (x) + std (3)); grad J wrt x") == ["std"]
    assert gradients("std : scalar; x : n; J = sum(std (x + x)); grad J wrt x") == ["2 std ones(n)"]
    own = "x : n; var(u) = sum(u); grad (var(x) + sum(x)) wrt x"
    assert gradients(own) == ["2 ones(n)"]


@pytest.mark.parametrize(
    "line",
    [
        "s(z)_i = exp(z_i) / sum(j) exp(z_j)",
        "s(z)[i] = exp(z[i]) / sum(j) exp(z[j])",
        r"$s(z)_i = \frac{e^{z_i}}{\sum_{j=1}^{k} e^{z_j}}$",
        r"$s(z)_{i} = \frac{e^{z_{i}}}{\sum_j e^{z_j}}$",
    ],
)
@pytest.mark.parametrize(
    "loss", ["-y' log(s(z))", "-sum(i) y_i log(s(z)_i)", "-sum(i) y[i] log(s[i])"]
)
def test_a_value_by_its_entries(line: str, loss: str) -> None:
    if line.startswith("$"):
        loss = f"{loss};".replace("sum(i)", r"\sum_i ").replace("log", r"\log ")
        line, loss = line.strip("$"), loss.replace("y[i]", "y_i").replace("s[i]", "s_i").strip(";")
        given = f"z, y : k\n${line}$\n$L = {loss}$\ngrad L wrt z"
        assert gradients(given) == ["sum(y) s - y"]
        return
    given = f"z, y : k\n{line}\nL = {loss}\ngrad L wrt z"
    assert gradients(given) == ["sum(y) s - y"]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("s(x)_i = exp(x_i)", "declare `x`"),
        ("s(z)_i = exp(z_i); L = sum(s(2 z))", "called as in its head"),
    ],
)
def test_a_function_by_its_entries_is_one_value(line: str, said: str) -> None:
    with pytest.raises(ShapetrickError, match=said):
        st.read(f"z, y : k; {line}")


@pytest.mark.parametrize(
    ("called", "opened"),
    [
        ("var(A, axis=1)", "sum((A - mean(A, axis=1)).^2, axis=1) / n"),
        ("var(A, ddof=1, axis=1)", "sum((A - mean(A, axis=1)).^2, axis=1) / (n - 1)"),
        ("layer_norm(A)", "(A - mean(A, axis=1)) ./ sqrt(var(A, axis=1))"),
        ("layer_norm(A, 1)", "(A - mean(A, axis=1)) ./ sqrt(var(A, axis=1) + 1)"),
    ],
)
def test_what_is_added_by_default_is_left_out_where_it_is_zero(called: str, opened: str) -> None:
    values = [
        read(f"A : m x n; B = {text}", complete=False).definitions for text in (called, opened)
    ]
    assert values[0] == values[1]


@pytest.mark.parametrize(
    ("text", "gradient"),
    [
        ("f(x) = sum(x.^2); grad f wrt x", "2 x"),
        ("X : n x d; L(W) = norm(X W - Y)^2 / 2; ∂L/∂W", "X' (X W - Y)"),
        ("l(mu, S) = logdet(S); S : d x d; ∂l/∂S", "inv(S)'"),
    ],
)
def test_a_function_is_derived_by_its_undeclared_arguments(text: str, gradient: str) -> None:
    derivation = st.derive(text)
    assert derivation.verified
    assert str(derivation.gradient) == gradient
