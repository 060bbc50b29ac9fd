"""Which shape an expression has, which shapes are inferred, and what a request comes to."""

from __future__ import annotations

from fractions import Fraction

import pytest

import shapetrick.pipeline.hooks  # noqa: F401 - it derives the derivatives that are values
from shapetrick.core.dims import shape_text
from shapetrick.core.errors import InferenceError, NameProblem, RequestError
from shapetrick.core.problem import Problem
from shapetrick.core.traversal import symbols_of
from shapetrick.language.elaboration import read
from shapetrick.language.expressions import read_expression

DECLARED = """
X, Y : m x d; W : d x k; S : n x n posdef; v : d; u : m; r : 1 x d; s : scalar
f : elementwise; z : m n; P : m+1 x 2 n
"""
PROBLEM = read(DECLARED + "Q = X W; J = s; grad J wrt s")

SHAPES = [
    ("X W", "m×k"),
    ("X @ W", "m×k"),
    ("s X", "m×d"),
    ("X s v", "m×1"),
    ("v' v X", "m×d"),
    ("u v'", "m×d"),
    ("u r", "m×d"),
    ("r v", "1×1"),
    ("X'", "d×m"),
    ("X + Y", "m×d"),
    ("X + 1", "m×d"),
    ("X + u", "m×d"),
    ("X + r", "m×d"),
    ("u + r", "m×d"),
    ("r - u", "m×d"),
    ("X .* u", "m×d"),
    ("u ./ r", "m×d"),
    ("2 .^ X", "m×d"),
    ("X / s", "m×d"),
    ("s^2", "1×1"),
    ("S^3", "n×n"),
    ("S^-2", "n×n"),
    ("S^0", "n×n"),
    ("X.^2", "m×d"),
    ("X ⊗ W", "(d m)×(d k)"),
    ("kron(v, u)", "(d m)×1"),
    ("vec(X)", "(d m)×1"),
    ("unvec(z, m, n)", "m×n"),
    ("diag(v)", "d×d"),
    ("diag(r)", "d×d"),
    ("diag(S)", "n×1"),
    ("tr(S) + det(S) + logdet(S)", "1×1"),
    ("inv(S)", "n×n"),
    ("sum(X)", "1×1"),
    ("sum(X, axis=0)", "1×d"),
    ("mean(X, axis=1)", "m×1"),
    ("max(X, axis=1)", "m×1"),
    ("sum(X, 1)", "m×1"),
    ("softmax(X, axis=1)", "m×d"),
    ("softmax(v)", "d×1"),
    ("logsumexp(r)", "1×1"),
    ("maximum(X, 0)", "m×d"),
    ("maximum(u, r)", "m×d"),
    ("dot(X, Y)", "1×1"),
    ("norm(X)", "1×1"),
    ("f(X)", "m×d"),
    ("f''(v)", "d×1"),
    ("eye(n + 1)", "(n+1)×(n+1)"),
    ("ones(m)", "m×1"),
    ("ones(2, n)", "2×n"),
    ("zeros(2 m, 3)", "(2 m)×3"),
    ("commute(m, n)", "(m n)×(m n)"),
    ("P P'", "(m+1)×(m+1)"),
    ("I - S", "n×n"),
    ("X' X + s I", "d×d"),
    ("2 I S", "n×n"),
    ("X (I + W W')", "m×d"),
    ("(I - S)*(I + S)", "n×n"),
    ("(I + I)*X", "m×d"),
    ("X' vector(1)", "d×1"),
    ("v - vector(s)", "d×1"),
    ("X .* matrix(2)", "m×d"),
    ("v + vector(1)' v", "d×1"),
    ("n m + s", "1×1"),
    ("pi e", "1×1"),
    ("Q", "m×k"),
    ("transpose(Q)", "k×m"),
]


@pytest.mark.parametrize(("text", "shape"), SHAPES, ids=[t for t, _ in SHAPES])
def test_shape(text: str, shape: str) -> None:
    assert shape_text(read_expression(text, PROBLEM).shape) == shape


INFERRED = [
    ("grad (x' A x) wrt x", "x is n×1; A is n×n"),
    (
        "J = norm(A x - b)^2 + lam x' x\ngrad J wrt x",
        "A is n×m; x is m×1; b is n×1; lam is a scalar",
    ),
    (
        "grad (norm(X w - y)^2 / (2 m)) wrt w",
        "X is n×p; w is p×1; y is n×1; m is a scalar",
    ),
    ("grad tr(A X B) wrt X", "A is n×m; X is m×p; B is p×n"),
    ("grad (x' A x + b' x + c) wrt x", "x is n×1; A is n×n; b is n×1; c is a scalar"),
    ("grad tr(inv(X' X) S) wrt X", "X is n×m; S is m×m"),
    ("grad (norm(Y - U V')^2) wrt U", "Y is n×m; U is n×p; V is m×p"),
    ("grad sum(diag(A)) wrt A", "A is n×n"),
    ("grad (x' diag(d) x) wrt x", "x is n×1; d is n×1"),
    ("grad (x' (A + lam I) x) wrt x", "x is n×1; A is n×n; lam is a scalar"),
    ("grad tr(X^3) wrt X", "X is n×n"),
    ("grad (t^3) wrt t", "t is a scalar"),
    ("vjp (alpha X) wrt X", "alpha is a scalar; X is n×m"),
    ("vjp (a x) wrt x", "a is a scalar; x is n×1"),
    ("grad sum(maximum(x, 0)) wrt x", "x is n×1"),
    ("grad norm(vec(X) - y) wrt X", "X is n×m; y is (m n)×1"),
    ("A : symmetric\ngrad (x' A x) wrt x", "A is n×n; x is n×1"),
    ("x : positive\ngrad sum(log(x)) wrt x", "x is n×1"),
    ("n : scalar\ngrad (n x' x) wrt x", "x is m×1"),
    ("W : d x k\nZ = X W + b\nJ = sum(tanh(Z))\ngrad J wrt W", "X is n×d; b is n×1"),
    ("y : m n; X : m x q\ngrad norm(vec(X B) - y) wrt X", "B is q×n"),
    ("y : n + 1\ngrad sum((A y).^2) wrt A", "A is m×(n+1)"),
    ("X : m x d\ngrad sum(X A + X) wrt X", "A is d×d"),
    ("X : m x d\ngrad sum(softmax(X W, axis=1) .* Y) wrt W", "W is d×n; Y is m×n"),
    # where nothing is asked, the gradient of a scalar is, if names in lower case make it one
    ("L = norm(A x - b)^2 + lam norm(x)^2", "A is n×m; x is m×1; b is n×1; lam is a scalar"),
    ("J = x' x + c", "x is n×1; c is a scalar"),
    ("J = x' x\ng = grad J wrt x", "x is n×1"),
    ("y = W x\n∂y/∂W", "W is n×m; x is m×1"),
    ("J = x' A x + c\n∂J/∂x", "x is n×1; A is n×n; c is a scalar"),
]


@pytest.mark.parametrize(("text", "expected"), INFERRED, ids=[t for t, _ in INFERRED])
def test_shapes_left_out(text: str, expected: str) -> None:
    assert "; ".join(read(text).assumptions) == expected


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("grad tr(kron(A, B)) wrt A", InferenceError),
        ("grad (vec(X)' vec(Y)) wrt X", InferenceError),
        ("J = sum(I)", InferenceError),
        ("x : n; y : m\ngrad (x' A y + x' A x) wrt x", InferenceError),
        ("grad J2 wrt x", NameProblem),
        ("lam : scalar\ngrad (lamb x' x) wrt x", NameProblem),
    ],
)
def test_no_single_answer(text: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        read(text)


def test_declared_shapes_leave_nothing_to_assume() -> None:
    assert PROBLEM.assumptions == ()


# ------------------------------------------------------------------------------------- expressions


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1/2 X", "0.5 X"),
        ("X'", "X.T"),
        ("X^T", "transpose(X)"),
        ("norm2(X)", "norm(X)"),
        ("ln(X)", "log(X)"),
        ("X ⊗ W", "kron(X, W)"),
        ("X ⊙ Y", "X .* Y"),
        ("s**2", "s^2"),
        ("S^2", "S S"),
        ("S^-1", "inv(S)"),
        ("sum(X, 1)", "sum(X, axis=1)"),
        ("(X + Y) + X", "X + (Y + X)"),
        ("vector(2) + v", "2 ones(d) + v"),
    ],
)
def test_spellings_of_one_expression(one: str, other: str) -> None:
    assert read_expression(one, PROBLEM) is read_expression(other, PROBLEM)


def test_numbers_are_exact() -> None:
    assert read_expression("0.1", PROBLEM).value == Fraction(1, 10)
    assert read_expression("1e-3", PROBLEM).value == Fraction(1, 1000)


def test_a_bare_identity_takes_the_shape_that_is_wanted() -> None:
    shape = PROBLEM.symbols["S"].shape
    assert read_expression("2 I", PROBLEM, shape=shape).shape == shape
    with pytest.raises(InferenceError):
        read_expression("2 I", PROBLEM)


def test_definitions_are_named_and_in_order_of_use() -> None:
    problem = read("J = sum(Z)\nZ = tanh(X)\nX : m x d\ngrad J wrt X")
    assert list(problem.definitions) == ["Z", "J"]
    assert problem.definitions["J"].args[0].args[0] is problem.definitions["Z"]
    assert problem.requests[0].of is problem.definitions["J"]


def test_attributes_stay_with_symbols() -> None:
    problem = read("S : n x n posdef const; x : n; J = x' S x")
    assert problem.symbols["S"].attributes == {"posdef"}
    assert problem.constants == {"S"}
    assert [r.wrt.name for r in problem.requests] == ["x"]


def test_names_from_elsewhere_are_read_too() -> None:
    extra = {"T": PROBLEM.symbols["X"]}
    assert symbols_of(read_expression("T W", PROBLEM, extra))[0] is PROBLEM.symbols["X"]
    hidden = read("x : n; J = tr(eye(k)) sum(x); grad J wrt x")
    assert read_expression("k", hidden).op == "dimension"


# --------------------------------------------------------------------------------------- requests


def directions(problem: Problem) -> list[str]:
    found = []
    for r in problem.requests:
        direction = "" if r.direction is None else r.direction.name
        shape = "" if r.direction is None else shape_text(r.direction.shape)
        found.append(" ".join([r.kind, r.of_text, "by", r.wrt.name, direction, shape]).strip())
    return found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("vjp Q wrt X, W", ["vjp Q by X bar(Q) m×k", "vjp Q by W bar(Q) m×k"]),
        ("vjp (X W) wrt X, W", ["vjp X W by X G m×k", "vjp X W by W G m×k"]),
        ("vjp X W wrt X\nvjp f(X) wrt X", ["vjp X W by X G m×k", "vjp f(X) by X G1 m×d"]),
        ("G : m\nvjp f(X) wrt X", ["vjp f(X) by X G1 m×d"]),
        ("vjp Q with H wrt X", ["vjp Q by X H m×k"]),
        ("G : m x k\nvjp Q with G wrt X", ["vjp Q by X G m×k"]),
        ("jvp Q wrt X", ["jvp Q by X V m×d"]),
        ("jvp Q wrt X, W", ["jvp Q by X V m×d", "jvp Q by W V1 d×k"]),
        ("hvp sum(Q.^2) wrt X with D", ["hvp sum(Q.^2) by X D m×d"]),
        ("d Q / d X", ["jac Q by X"]),
        ("d sum(Q) / d X", ["grad sum(Q) by X"]),
        ("d/dX sum(Q)", ["grad sum(Q) by X"]),
        ("hess (s^2) wrt s", ["hess s^2 by s"]),
        ("jac (X v) wrt v", ["jac X v by v"]),
    ],
)
def test_requests_are_made_definite(text: str, expected: list[str]) -> None:
    problem = read(DECLARED + "Q = X W\n" + text)
    assert directions(problem) == expected
    for request in problem.requests:
        if request.direction is not None:
            name = request.direction.name
            assert read_expression(name, problem) is request.direction


def test_symmetric_is_asked_of_square_matrices() -> None:
    assert read("A : n x n; grad tr(A) wrt A symmetric").requests[0].symmetric
    with pytest.raises(RequestError):
        read("A : m x n; grad sum(A) wrt A symmetric")


def test_nothing_asked_is_the_gradient_of_the_last_definition() -> None:
    problem = read("A, B : n x n; x : n; c : n const; K = tr(B); J = x' A x + c' x")
    assert directions(problem) == ["grad J by A", "grad J by x"]
    assert read("A : n x n").requests == ()


def test_claims() -> None:
    text = "X : m x d; w : d; J = norm(X w)^2\ncheck grad J wrt w = 2 X' X w"
    claim = read(text).requests[0].claim
    assert claim is not None and claim.text == "2 X' X w"
    assert claim.value is read_expression("2 X' X w", read(text))
    assert claim.span is not None and text[claim.span.start : claim.span.end] == claim.text


def test_a_claim_may_not_fit_and_still_be_a_claim() -> None:
    claim = read("X : m x d; J = sum(X)\ncheck grad J wrt X = X X").requests[0].claim
    assert claim is not None and claim.value is None
    assert claim.problem.startswith("X (m×d) times X (m×d) is not a matrix product")


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("check grad tr(A) wrt A = I", "n×n"),
        ("check hess (x' x) wrt x = 2 I", "n×n"),
        ("check jac (A x) wrt A = x' ⊗ I", "n×(n n)"),
        ("check jac (A x) wrt x = A I", "n×n"),
        ("check vjp (A x) wrt A = G x'", "n×n"),
    ],
)
def test_claims_know_which_shape_is_wanted(text: str, shape: str) -> None:
    claim = read("A : n x n; x : n\n" + text).requests[0].claim
    assert claim is not None and claim.value is not None
    assert shape_text(claim.value.shape) == shape


# --------------------------------------------------------------------------------------- readings


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("norm(A .* B C)", ("A .* (B C)",)),
        ("norm(A ./ B C)", ("A ./ (B C)",)),
        ("norm((A .* B) C)", ()),
        ("norm(A .* (B C))", ()),
        ("norm(x .* A B)", ()),
        ("norm(A .* s B)", ()),
        ("sum(G .* X W)", ()),
        ("norm(x)^2 / 2 n", ("norm(x)^2 / (2 n)",)),
        ("1/2 s norm(x)^2", ()),
        ("n/2 log(s)", ()),
        ("tr(A log(A))", ("log(A)",)),
        ("tr(M)", ("exp(A)",)),
        ("tr(A + B) sum(exp(A))", ()),
        ("tr(exp(x) x')", ()),
        ("tr(relu(A))", ()),
    ],
)
def test_a_second_reading_is_said(text: str, expected: tuple[str, ...]) -> None:
    declared = "A, B, C : n x n; x : n; s : scalar; G, X : m x n; W : n x m\nM = exp(A)\n"
    found = read(f"{declared}J = {text}\ngrad J wrt A, G").readings
    assert len(found) == len(expected)
    assert all(f"`{part}`" in reading for part, reading in zip(expected, found, strict=True))
