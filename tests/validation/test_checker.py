"""What the checker promises: right gradients pass, wrong ones don't, and doubts are said."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import examples

from shapetrick.core.dims import ONE, Dim
from shapetrick.core.expr import (
    MINUS,
    Expr,
    abstract,
    add,
    call,
    commute,
    dimension,
    divide,
    eye,
    matmul,
    named,
    negate,
    number,
    ones,
    power,
    subtract,
    symbol,
    times,
    transpose,
    zeros,
)
from shapetrick.core.functions import TABLE
from shapetrick.core.traversal import postorder
from shapetrick.language.elaboration import read
from shapetrick.pipeline.requests import derive
from shapetrick.validation.check_targets import RANDOM_DIRECTIONS, Target
from shapetrick.validation.checker import Checker

M, D, N, K = Dim.of("m"), Dim.of("d"), Dim.of("n"), Dim.of("k")
X, A, B, C = symbol("X", (M, D)), symbol("A", (N, N)), symbol("B", (N, N)), symbol("C", (D, K))
S, P = symbol("S", (N, N), ["symmetric"]), symbol("P", (N, N), ["posdef"])
w, y, x, b, t = (
    symbol("w", (D, ONE)),
    symbol("y", (M, ONE)),
    symbol("x", (N, ONE)),
    symbol("b", (N, ONE)),
    symbol("t", (ONE, ONE)),
)
p = symbol("p", (N, ONE), ["positive"])
q = symbol("q", (N, ONE), ["simplex"])
r = symbol("r", (M, K))
G = symbol("G", (M, K))
T = transpose
HALF = number(0.5)


def quotient(a: int, b: int) -> Expr:
    return divide(number(a), number(b))


def f(name: str, *args: Expr, axis: int | None = None) -> Expr:
    return call(name, *args, data=axis)


def square(e: Expr) -> Expr:
    return power(e, number(2))


residual = subtract(matmul(X, w), y)
XC = matmul(X, C)
softmax = f("softmax", matmul(A, x))
soft_rows = f("softmax", XC, axis=1)
inverse = f("inv", A)

# (what, by, gradient)
GRADIENTS: dict[str, tuple[Expr, Expr, Expr]] = {
    "least squares": (
        divide(square(f("norm", residual)), times(number(2), dimension(M))),
        w,
        divide(matmul(T(X), residual), dimension(M)),
    ),
    "least squares by X": (
        square(f("norm", residual)),
        X,
        times(number(2), matmul(residual, T(w))),
    ),
    "quadratic form": (matmul(T(x), A, x), x, matmul(add(A, T(A)), x)),
    "quadratic form by A": (matmul(T(x), A, x), A, matmul(x, T(x))),
    "symmetric quadratic form": (matmul(T(x), S, x), x, times(number(2), matmul(S, x))),
    "symmetric matrix, entries independent": (matmul(T(x), S, x), S, matmul(x, T(x))),
    "trace": (f("tr", matmul(A, B)), A, T(B)),
    "bilinear inverse": (
        matmul(T(x), inverse, b),
        A,
        negate(matmul(T(inverse), x, T(b), T(inverse))),
    ),
    "det": (f("det", A), A, times(f("det", A), T(inverse))),
    "logdet": (f("logdet", P), P, T(f("inv", P))),
    "log of det": (f("log", f("det", A)), A, T(inverse)),
    "norm": (f("norm", x), x, divide(x, f("norm", x))),
    "norm1": (f("norm1", x), x, f("sign", x)),
    "relu": (
        f("sum", f("relu", matmul(X, w))),
        w,
        matmul(T(X), f("step", matmul(X, w))),
    ),
    "max": (f("max", matmul(A, x)), x, matmul(T(A), f("ismax", matmul(A, x)))),
    "maximum": (
        f("sum", f("maximum", x, b)),
        x,
        f("step", subtract(x, b)),
    ),
    "log of a draw that must be positive": (
        f("sum", f("log", matmul(A, x))),
        x,
        matmul(T(A), power(matmul(A, x), MINUS)),
    ),
    "entropy": (f("sum", times(p, f("log", p))), p, add(f("log", p), ones(N))),
    "simplex, entries independent": (f("sum", times(q, f("log", q))), q, add(f("log", q), ones(N))),
    "logsumexp": (f("logsumexp", matmul(A, x)), x, matmul(T(A), softmax)),
    "abstract function": (
        f("sum", abstract("sigma", 0, matmul(A, x))),
        x,
        matmul(T(A), abstract("sigma", 1, matmul(A, x))),
    ),
    "power of two symbols": (
        f("sum", power(p, b)),
        p,
        times(b, power(p, subtract(b, number(1)))),
    ),
    "by the exponent": (f("sum", power(p, b)), b, times(power(p, b), f("log", p))),
    "mean": (
        f("mean", square(X)),
        X,
        divide(times(number(2), X), times(dimension(M), dimension(D))),
    ),
    "scalar variable": (
        f("sum", f("exp", times(t, x))),
        t,
        f("sum", times(x, f("exp", times(t, x)))),
    ),
    "diagonal": (
        f("sum", matmul(A, f("diag", x), B)),
        x,
        f("diag", matmul(T(A), ones(N, N), T(B))),
    ),
    "a name": (
        square(named("z", f("sum", x))),
        x,
        times(number(2), named("z", f("sum", x)), ones(N)),
    ),
    "domain is a small ball": (
        f("log", subtract(number(1), matmul(T(x), x))),
        x,
        divide(times(number(-2), x), subtract(number(1), matmul(T(x), x))),
    ),
    "domain is far away": (
        f("sum", f("log", subtract(x, number(100)))),
        x,
        power(subtract(x, number(100)), MINUS),
    ),
    "acos": (
        f("sum", f("acos", matmul(A, x))),
        x,
        negate(matmul(T(A), power(subtract(ones(N), square(matmul(A, x))), number(-0.5)))),
    ),
}

VJPS: dict[str, tuple[Expr, Expr, Expr]] = {
    "product": (XC, X, matmul(G, T(C))),
    "tanh": (
        f("tanh", XC),
        C,
        matmul(T(X), times(G, subtract(ones(M, K), square(f("tanh", XC))))),
    ),
    "softmax": (
        f("softmax", r, axis=1),
        r,
        subtract(
            times(G, f("softmax", r, axis=1)),
            times(f("sum", times(G, f("softmax", r, axis=1)), axis=1), f("softmax", r, axis=1)),
        ),
    ),
    "inverse": (inverse, A, negate(matmul(T(inverse), symbol("H", (N, N)), T(inverse)))),
    "row": (f("sum", X, axis=0), X, matmul(ones(M), symbol("g", (ONE, D)))),
}


def accepts(of: Expr, wrt: Expr, gradient: Expr, **more: object) -> bool:
    checker = Checker(of, wrt, **more)  # type: ignore[arg-type]
    return checker.check(gradient).verdict == "verified"


def refuses(of: Expr, wrt: Expr, gradient: Expr, **more: object) -> bool:
    checker = Checker(of, wrt, **more)  # type: ignore[arg-type]
    return checker.check(gradient).verdict == "wrong"


by_name = pytest.mark.parametrize(("of", "wrt", "gradient"), GRADIENTS.values(), ids=GRADIENTS)


@by_name
def test_right_gradients_are_verified(of: Expr, wrt: Expr, gradient: Expr) -> None:
    checker = Checker(of, wrt)
    found = checker.check(gradient)
    assert (found.verdict, found.reason) == ("verified", "")
    assert found.max_relative_error < 1e-7
    assert found.order > 1.5
    assert found.draws == 3
    assert not found.zero


@by_name
@pytest.mark.parametrize("seed", range(1, 6))
def test_the_seed_does_not_matter(of: Expr, wrt: Expr, gradient: Expr, seed: int) -> None:
    assert Checker(of, wrt, seed=seed).check(gradient).verdict == "verified"


@by_name
@pytest.mark.parametrize(
    "spoil",
    [
        lambda g: times(number(1.001), g),
        lambda g: times(number(1 - 1e-6), g),
        negate,
        lambda g: times(number(2), g),
        lambda g: add(g, number(0.001)),
        lambda g: times(number(0), g),
    ],
    ids=["0.1 %", "1e-6", "negated", "doubled", "a constant more", "nothing"],
)
def test_wrong_gradients_are_refused(of: Expr, wrt: Expr, gradient: Expr, spoil) -> None:
    assert refuses(of, wrt, spoil(gradient))


@pytest.mark.parametrize(("of", "wrt", "gradient"), VJPS.values(), ids=VJPS)
def test_backward_rules(of: Expr, wrt: Expr, gradient: Expr) -> None:
    upstream = next(e for e in postorder([gradient]) if e.op == "symbol" and e.name in "GHg")
    assert accepts(of, wrt, gradient, direction=upstream, kind="vjp")
    assert refuses(of, wrt, times(number(1.001), gradient), direction=upstream, kind="vjp")


# ------------------------------------------------------------- forms that fit and are not right

TRANSPOSED = [
    (matmul(T(x), A, b), A, matmul(b, T(x))),
    (f("tr", matmul(A, B)), A, B),
    (matmul(T(x), inverse, b), A, negate(matmul(inverse, x, T(b), inverse))),
    (matmul(T(x), inverse, b), A, negate(matmul(T(inverse), b, T(x), T(inverse)))),
    (f("logdet", A), A, inverse),
    (f("tr", matmul(A, B, A)), A, add(matmul(A, B), matmul(B, A))),
]


@pytest.mark.parametrize(("of", "wrt", "gradient"), TRANSPOSED)
def test_transposed_gradients_are_refused(of: Expr, wrt: Expr, gradient: Expr) -> None:
    found = Checker(of, wrt).check(gradient)
    assert found.verdict == "wrong" and found.max_relative_error > 1e-3


MISSING = [
    (matmul(T(x), A, x), x, matmul(A, x)),
    (f("sum", times(p, f("log", p))), p, f("log", p)),
    (add(square(f("norm", x)), times(number(1e-3), f("sum", x))), x, times(number(2), x)),
    (f("sum", power(f("softmax", x), number(2))), x, times(number(2), square(f("softmax", x)))),
]


@pytest.mark.parametrize(("of", "wrt", "gradient"), MISSING)
def test_a_missing_term_is_seen(of: Expr, wrt: Expr, gradient: Expr) -> None:
    assert refuses(of, wrt, gradient)


def test_another_shape_is_wrong() -> None:
    found = Checker(matmul(T(x), A, x), x).check(A)
    assert (found.verdict, found.reason) == ("wrong", "its shape is n×n, not n×1")
    assert found.max_relative_error == math.inf


def test_a_gradient_without_a_value_is_wrong() -> None:
    assert refuses(f("sum", x), x, divide(ones(N), zeros(N)))


def test_an_error_in_one_small_entry_is_seen() -> None:
    scale = symbol("s", (N, ONE))
    of = add(f("sum", x), times(number(1e6), f("sum", scale), f("sum", x)))
    assert accepts(of, x, times(ones(N), add(number(1), times(number(1e6), f("sum", scale)))))


c, u = symbol("c", (ONE, ONE)), symbol("u", (ONE, ONE))
ONE_PIECE = {
    "relu": (f("relu", t), t, number(1)),
    "relu, the other piece": (f("relu", t), t, number(0)),
    "abs": (f("abs", t), t, number(1)),
    "a root of a square": (f("sqrt", square(t)), t, number(1)),
    "roots of squares": (f("sum", f("sqrt", square(x))), x, ones(N)),
    "leaky relu": (f("sum", f("leaky_relu", x)), x, f("step", x)),
    "elu": (f("elu", t), t, number(1)),
    "maximum": (f("maximum", t, c), t, number(1)),
    "relu of a sum": (f("relu", f("sum", x)), x, ones(N)),
    "max": (f("max", x), x, f("step", x)),
    "sign of a determinant": (f("abs", f("det", A)), A, times(f("det", A), T(inverse))),
    "two rows": (f("det", A), A, subtract(times(f("tr", A), eye(N)), T(A))),
    "symmetric matrices": (f("tr", matmul(A, A, A)), A, times(number(3), matmul(A, A))),
}


@pytest.mark.parametrize(("of", "wrt", "gradient"), ONE_PIECE.values(), ids=ONE_PIECE)
@pytest.mark.parametrize("seed", range(5))
def test_right_in_a_part_of_the_domain_is_wrong(
    of: Expr, wrt: Expr, gradient: Expr, seed: int
) -> None:
    assert refuses(of, wrt, gradient, seed=seed)


# ------------------------------------------------------------------------------ the other kinds

hessian_of_lse = subtract(f("diag", f("softmax", x)), matmul(f("softmax", x), T(f("softmax", x))))
V, Vx = symbol("V", (M, D)), symbol("v", (N, ONE))
KINDS = {
    "jac of a product": ("jac", matmul(A, x), x, A, None),
    "jac of an element-wise function": ("jac", f("exp", x), x, f("diag", f("exp", x)), None),
    "jac of a scalar": ("jac", matmul(T(b), x), x, T(b), None),
    "jac of a matrix by a matrix": (
        "jac",
        matmul(A, symbol("Y", (N, M)), X),
        symbol("Y", (N, M)),
        call("kron", T(X), A),
        None,
    ),
    "jac of a transpose": ("jac", T(X), X, commute(M, D), None),
    "jac of a matrix by a vector": (
        "jac",
        matmul(x, T(b)),
        x,
        call("kron", b, eye(N)),
        None,
    ),
    "jac by a scalar": ("jac", times(square(t), X), t, times(number(2), t, X), None),
    "jac of a scalar by a scalar": ("jac", f("sin", t), t, f("cos", t), None),
    "jvp": (
        "jvp",
        f("tanh", XC),
        X,
        times(subtract(number(1), square(f("tanh", XC))), matmul(V, C)),
        V,
    ),
    "jvp of the variable twice": (
        "jvp",
        matmul(X, T(X)),
        X,
        add(matmul(V, T(X)), matmul(X, T(V))),
        V,
    ),
    "hess of a quadratic": ("hess", matmul(T(x), A, x), x, add(A, T(A)), None),
    "hess of logsumexp": ("hess", f("logsumexp", x), x, hessian_of_lse, None),
    "hess of a scalar": (
        "hess",
        f("exp", times(number(2), t)),
        t,
        times(number(4), f("exp", times(number(2), t))),
        None,
    ),
    "hess by a matrix": (
        "hess",
        f("tr", matmul(T(X), X)),
        X,
        times(number(2), eye(M * D)),
        None,
    ),
    "hess by a matrix with a product": (
        "hess",
        f("tr", matmul(A, symbol("Y", (N, N)), symbol("Y", (N, N)))),
        symbol("Y", (N, N)),
        add(
            matmul(commute(N, N), call("kron", eye(N), A)),
            matmul(call("kron", eye(N), T(A)), commute(N, N)),
        ),
        None,
    ),
    "hvp": ("hvp", f("logsumexp", x), x, matmul(hessian_of_lse, Vx), Vx),
    "hvp of a cubic": (
        "hvp",
        f("sum", power(X, number(3))),
        X,
        times(number(6), X, V),
        V,
    ),
}


@pytest.mark.parametrize(("kind", "of", "wrt", "answer", "direction"), KINDS.values(), ids=KINDS)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_all_kinds(
    kind, of: Expr, wrt: Expr, answer: Expr, direction: Expr | None, seed: int
) -> None:
    checker = Checker(of, wrt, direction, kind, seed=seed)
    found = checker.check(answer)
    assert (found.verdict, found.reason) == ("verified", "")
    assert found.max_relative_error < 1e-6
    assert found.order > (2.5 if kind in ("hess", "hvp") else 1.5)
    assert checker.check(times(number(1.001), answer)).verdict == "wrong"


def test_second_derivatives_by_a_gradient() -> None:
    gradient = f("softmax", x)
    for kind, answer, direction in [
        ("hess", hessian_of_lse, None),
        ("hvp", matmul(hessian_of_lse, Vx), Vx),
    ]:
        checker = Checker(f("logsumexp", x), x, direction, kind, gradient_of=gradient)
        assert checker.check(answer).max_relative_error < 3e-11  # what rounding leaves
        assert checker.check(times(number(1.001), answer)).verdict == "wrong"


def test_gradient_along_symmetric_matrices() -> None:
    of = matmul(T(x), S, b)
    along = times(HALF, add(matmul(x, T(b)), matmul(b, T(x))))
    assert accepts(of, S, along, symmetric=True)
    assert refuses(of, S, matmul(x, T(b)), symmetric=True)
    assert refuses(of, S, along)


# --------------------------------------------------------------------------- kinks and domains


def test_kinks_are_kept_away_from() -> None:
    layer = X
    for i in range(6):
        layer = f("relu", matmul(layer, symbol(f"W{i}", (D, D))))
    of = f("sum", layer)
    found = Checker(of, symbol("W5", (D, D)))
    inner = layer.args[0]
    answer = matmul(T(inner.args[0]), f("step", inner))
    assert found.check(answer).verdict == "verified"


def test_ties_are_kept_away_from() -> None:
    # the two largest entries always agree: there is no point without a tie
    both = add(matmul(ones(N), f("sum", x)), times(number(0), x))
    found = Checker(f("max", times(b, both)), x)
    assert found.check(times(f("max", b), ones(N))).verdict in ("wrong", "verified")


def test_everything_is_at_a_kink() -> None:
    found = Checker(f("sum", f("abs", subtract(x, x))), x).check(zeros(N))
    assert found.zero


z = matmul(A, x)
DOMAINS = {
    "log of log": (f("sum", f("log", f("log", x))), x, power(times(x, f("log", x)), MINUS)),
    "root of a difference": (
        f("sum", f("sqrt", subtract(z, b))),
        x,
        times(HALF, matmul(T(A), power(subtract(z, b), number(-0.5)))),
    ),
    "broken power": (
        f("sum", power(z, number(1.5))),
        x,
        times(number(1.5), matmul(T(A), power(z, HALF))),
    ),
    "narrow": (
        f("sum", f("log", subtract(f("sin", x), number(0.9)))),
        x,
        divide(f("cos", x), subtract(f("sin", x), number(0.9))),
    ),
    "small": (
        f("sum", f("asin", times(number(50), x))),
        x,
        times(number(50), power(subtract(ones(N), square(times(number(50), x))), number(-0.5))),
    ),
    "steep": (
        f("sum", f("exp", times(number(50), x))),
        x,
        times(number(50), f("exp", times(number(50), x))),
    ),
    "a fast wave": (
        f("sum", f("sin", times(number(1e5), x))),
        x,
        times(number(1e5), f("cos", times(number(1e5), x))),
    ),
    "sign of a determinant": (
        f("sqrt", f("det", A)),
        A,
        times(HALF, f("sqrt", f("det", A)), T(inverse)),
    ),
    "a small number for safety": (
        f("sum", times(p, f("log", add(p, number(1e-12))))),
        p,
        add(f("log", add(p, number(1e-12))), divide(p, add(p, number(1e-12)))),
    ),
}


@pytest.mark.parametrize(("of", "wrt", "gradient"), DOMAINS.values(), ids=DOMAINS)
@pytest.mark.parametrize("seed", range(4))
def test_points_in_the_domain_are_found(of: Expr, wrt: Expr, gradient: Expr, seed: int) -> None:
    assert accepts(of, wrt, gradient, seed=seed)
    assert refuses(of, wrt, times(number(1.001), gradient), seed=seed)


def layers(activation: str, count: int) -> tuple[Expr, list[Expr], list[Expr]]:
    """A network of square layers: its loss, its weights, and the loss's gradients by them."""
    slopes = {"tanh": lambda e: subtract(number(1), square(e)), "relu": lambda e: f("step", e)}
    weights = [symbol(f"W{i}", (N, N)) for i in range(count)]
    values = [symbol("X", (M, N))]
    for i, weight in enumerate(weights):
        bias = symbol(f"b{i}", (ONE, N))
        values.append(f(activation, add(matmul(values[-1], weight), bias)))
    upstream = times(number(2), values[-1], slopes[activation](values[-1]))
    gradients = []
    for i in reversed(range(count)):
        gradients.append(matmul(T(values[i]), upstream))
        if i:
            upstream = times(matmul(upstream, T(weights[i])), slopes[activation](values[i]))
    return f("sum", square(values[-1])), weights, gradients[::-1]


@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize("layer", [0, 50, 99])
def test_deep_networks_neither_vanish_nor_explode(activation: str, layer: int) -> None:
    loss, weights, gradients = layers(activation, 100)
    assert accepts(loss, weights[layer], gradients[layer])


@pytest.mark.slow
def test_five_thousand_layers() -> None:
    loss, weights, gradients = layers("relu", 5000)
    assert accepts(loss, weights[4000], gradients[4000])


def test_no_point_in_the_domain() -> None:
    of = f("sum", f("log", negate(square(x))))
    checker = Checker(of, x)
    found = checker.check(divide(number(2), x))
    assert found.verdict == "unchecked"
    assert found.reason == "no point was found at which its value is finite"


def test_always_singular() -> None:
    of = f("sum", f("inv", matmul(x, T(x))))
    found = Checker(of, x).check(x)
    assert found.verdict == "unchecked"
    assert "well conditioned" in found.reason


gram = matmul(T(X), X)


def test_conditions_on_sizes_are_reported() -> None:
    of = f("logdet", gram)
    answer = times(number(2), matmul(X, f("inv", gram)))
    found = Checker(of, X).check(answer)
    assert (found.verdict, found.conditions) == ("verified", ("m ≥ d",))
    assert all(sizes["m"] > sizes["d"] for sizes in found.sizes)
    wide = Checker(f("logdet", matmul(X, T(X))), X)
    found = wide.check(times(number(2), matmul(f("inv", matmul(X, T(X))), X)))
    assert (found.verdict, found.conditions) == ("verified", ("d ≥ m",))


def test_conditions_beside_other_dimensions() -> None:
    solution = matmul(f("inv", gram), T(X), r)
    of = square(f("norm", solution))
    answer = times(number(2), matmul(X, f("inv", gram), solution))
    found = Checker(of, r).check(answer)
    assert (found.verdict, found.conditions) == ("verified", ("m ≥ d",))


def test_conditions_against_a_number() -> None:
    Z = symbol("Z", (M, Dim.of(3)))
    gram = matmul(T(Z), Z)
    found = Checker(f("logdet", gram), Z).check(times(number(2), matmul(Z, f("inv", gram))))
    assert (found.verdict, found.conditions) == ("verified", ("m ≥ 3",))


@by_name
def test_no_conditions_where_there_are_none(of: Expr, wrt: Expr, gradient: Expr) -> None:
    assert Checker(of, wrt).check(gradient).conditions == ()


# -------------------------------------------------------------------------------------- zero

ZERO = {
    "another variable": (f("sum", x), b, zeros(N)),
    "cancels": (subtract(f("sum", x), f("sum", x)), x, zeros(N)),
    "softmax sums to 1": (f("sum", f("softmax", x)), x, zeros(N)),
    "sign": (f("sum", f("sign", x)), x, zeros(N)),
    "step": (f("sum", times(b, f("step", matmul(A, x)))), x, zeros(N)),
    "a step far away": (f("sum", f("step", subtract(x, number(50)))), x, zeros(N)),
    "noise": (
        f("sum", f("softmax", x)),
        x,
        subtract(f("softmax", x), times(f("sum", f("softmax", x)), f("softmax", x))),
    ),
}


@pytest.mark.parametrize(("of", "wrt", "gradient"), ZERO.values(), ids=ZERO)
def test_zero_is_said_to_be_zero(of: Expr, wrt: Expr, gradient: Expr) -> None:
    found = Checker(of, wrt).check(gradient)
    assert (found.verdict, found.reason, found.zero) == ("verified", "", True)
    assert refuses(of, wrt, add(gradient, number(1e-3)))


@pytest.mark.parametrize("seed", [1, 3, 10])
def test_where_the_last_digit_decides_nothing_is_wrong(seed: int) -> None:
    """Forty sines of products: what the differences see, and the gradient, are chaos."""
    nested = f"{'sin(W ' * 40}X{')' * 40}"
    problem = read(f"W : n x n; X : n x m; J = sum({nested}); grad J wrt X")
    assert derive(problem, problem.requests[0], seed).validation.verdict != "wrong"


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize(
    "loss",
    [
        "-sum(y .* log(p) + (q - y) .* log(1 - p))",
        "sum(y .* log(p ./ (1 - p)) + q .* log(1 - p))",
    ],
)
def test_where_rounding_decides_whether_there_is_a_value(loss: str, seed: int) -> None:
    """Far out 1 - p is a unit in the last place, or 0."""
    problem = read(f"X : m x d; b : d; q, y : m; p = sigmoid(X b); J = {loss}; grad J wrt b")
    assert derive(problem, problem.requests[0], seed).validation.verdict == "verified"


def test_what_underflows_is_not_said_to_be_zero() -> None:
    tiny = f("exp", number(-400))
    of = add(number(1), times(tiny, tiny, f("sum", x)))
    assert Checker(of, x).check(times(tiny, tiny, ones(N))).verdict == "unchecked"


Z = f("exp", times(number(200), t))  # powers of it are soon too large and too small
INVERSE = f("exp", times(number(-200), t))
BEYOND_NUMBERS = {  # both are 1 where no part leaves the range of numbers, and 0 where one does
    "what is too small": times(times(power(Z, number(-2)), Z), Z),
    "the inverse of what is too large": times(
        times(divide(number(1), times(INVERSE, INVERSE)), INVERSE), INVERSE
    ),
}


@pytest.mark.parametrize("ones_too", BEYOND_NUMBERS.values(), ids=BEYOND_NUMBERS)
@pytest.mark.parametrize("seed", range(4))
def test_what_leaves_the_range_of_numbers_is_rounding(ones_too: Expr, seed: int) -> None:
    of = times(t, t)
    right, wrong = times(number(2), t, ones_too), times(number(2.001), t, ones_too)
    assert Checker(of, t, seed=seed).check(right).verdict == "verified"
    assert refuses(of, t, wrong)


def test_dead_units_are_no_zero() -> None:
    """relu is flat at half of the points: others are drawn."""
    found = Checker(f("relu", t), t).check(f("step", t))
    assert (found.verdict, found.zero) == ("verified", False)
    assert refuses(f("relu", t), t, number(0))


# ------------------------------------------------------------------------------------- scales


@pytest.mark.parametrize("scale", [1e-12, 1e-8, 1e-3, 1e8, 1e12, 1e100, 1e-100])
@by_name
def test_scales(of: Expr, wrt: Expr, gradient: Expr, scale: float) -> None:
    factor = number(scale)
    assert accepts(times(factor, of), wrt, times(factor, gradient))
    assert refuses(times(factor, of), wrt, times(number(1.001 * scale), gradient))
    assert refuses(times(factor, of), wrt, times(number(0), gradient))


def test_a_small_gradient_beside_a_large_value() -> None:
    def offset(size: float) -> Expr:
        return add(square(f("norm", x)), number(size))

    answer = times(number(2), x)
    assert accepts(offset(1e6), x, answer)
    assert refuses(offset(1e6), x, times(number(1.001), answer))
    assert Checker(offset(1e17), x).check(answer).verdict == "unchecked"
    assert Checker(offset(1e17), x).check(times(number(2), answer)).verdict == "unchecked"
    assert Checker(offset(1e17), x).check(zeros(N)).verdict == "unchecked"


def test_a_term_below_rounding_is_not_vouched_for() -> None:
    of = add(square(f("norm", x)), times(number(1e-13), f("sum", x)))
    answer = add(times(number(2), x), times(number(1e-13), ones(N)))
    found = Checker(of, x).check(answer)
    assert found.verdict == "unchecked"
    assert "a term dropped" in found.reason


def test_size_one() -> None:
    row = symbol("R", (ONE, ONE))
    assert accepts(f("exp", matmul(row, row)), row, times(number(2), row, f("exp", square(row))))


# --------------------------------------------------------------------------- sizes as declared


def declared(rows: int, cols: int) -> tuple[Expr, Expr, Expr]:
    return (
        symbol("X", (Dim.of(rows), Dim.of(cols))),
        symbol("w", (Dim.of(cols), ONE)),
        symbol("y", (Dim.of(rows), ONE)),
    )


def test_large_declared_sizes_are_drawn_small() -> None:
    big, weights, target = declared(1000, 784)
    of = square(f("norm", subtract(matmul(big, weights), target)))
    answer = times(number(2), matmul(T(big), subtract(matmul(big, weights), target)))
    for wrt, gradient in [(weights, answer)]:
        found = Checker(of, wrt).check(gradient)
        assert found.verdict == "verified"
        assert all(max(sizes.values()) < 8 for sizes in found.sizes)


def test_declared_sizes_that_are_counted_are_kept() -> None:
    big, weights, target = declared(50, 784)
    of = f("mean", square(subtract(matmul(big, weights), target)))
    answer = times(quotient(2, 50), matmul(T(big), subtract(matmul(big, weights), target)))
    assert Checker(of, weights).check(answer).verdict == "verified"
    assert refuses(of, weights, times(number(2), answer))


def test_a_number_that_stems_from_a_declared_size() -> None:
    big, _, _ = declared(50, 60)
    of = f("sum", add(big, t))
    assert accepts(of, t, number(3000)) or Checker(of, t).check(number(3000)).verdict == "verified"
    assert refuses(of, t, number(2999))


def test_too_large_to_check() -> None:
    big, _, _ = declared(10**4, 10**5)
    found = Checker(f("sum", add(big, t)), t).check(number(10**9))
    advice = "write letters for them (`X : m x n`), and it can be"
    assert found.verdict == "unchecked"
    assert found.reason == f"its sizes are too large to be checked: {advice}"


def test_large_sizes_that_are_fused() -> None:
    picture = symbol("X", (Dim.of(28), Dim.of(28)))
    weights = symbol("w", (Dim.of(784), ONE))
    of = square(matmul(T(weights), f("vec", picture)))
    inner = matmul(T(weights), f("vec", picture))
    assert accepts(of, weights, times(number(2), inner, f("vec", picture)))


# ----------------------------------------------------------------------- whose value is unknown


def test_a_function_without_a_value(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_value(*_: object) -> None:
        raise TypeError("`swish` has no NumPy value")

    monkeypatch.setitem(TABLE, "swish", replace(TABLE["tanh"], name="swish", value=no_value))
    found = Checker(f("sum", f("swish", x)), x).check(x)
    assert found.verdict == "unchecked"
    assert "`swish` has no NumPy value" in found.reason


# --------------------------------------------------------------------------------- determinism


@by_name
def test_the_same_seed_gives_the_same(of: Expr, wrt: Expr, gradient: Expr) -> None:
    first, second = (Checker(of, wrt, seed=3).check(gradient) for _ in range(2))
    assert first == second


def test_a_claim_may_mention_other_symbols() -> None:
    checker = Checker(f("sum", x), x, functions=["tau"], symbols=[b])
    assert checker.check(b).verdict == "wrong"
    assert checker.check(abstract("tau", 0, b)).verdict == "wrong"
    assert checker.check(ones(N)).verdict == "verified"


def test_what_was_asked_before_does_not_matter() -> None:
    of, wrt, gradient = GRADIENTS["logsumexp"]
    checker = Checker(of, wrt)
    for wrong in (negate(gradient), x, zeros(N)):
        checker.check(wrong)
    assert checker.check(gradient) == Checker(of, wrt).check(gradient)


# ------------------------------------------------------------------------------------ at random

SMOOTH = ("exp", "tanh", "sin", "sigmoid", "square", "atan", "softplus")
DERIVATIVES = {
    "exp": lambda e: f("exp", e),
    "tanh": lambda e: subtract(number(1), square(f("tanh", e))),
    "sin": lambda e: f("cos", e),
    "sigmoid": lambda e: times(f("sigmoid", e), subtract(number(1), f("sigmoid", e))),
    "square": lambda e: times(number(2), e),
    "atan": lambda e: power(add(number(1), square(e)), MINUS),
    "softplus": lambda e: f("sigmoid", e),
}


@examples(60)
@given(
    names=st.lists(st.sampled_from(SMOOTH), min_size=1, max_size=4),
    scale=st.integers(-8, 8).map(lambda e: 10.0**e),
    wrong=st.floats(1e-5, 1e-1),
    seed=st.integers(0, 2**31),
)
def test_random_chains(names: list[str], scale: float, wrong: float, seed: int) -> None:
    inner = matmul(A, x)
    slope: Expr = number(scale)
    for name in names:
        slope = times(slope, DERIVATIVES[name](inner))
        inner = f(name, inner)
    of = times(number(scale), f("sum", inner))
    checker = Checker(of, x, seed=seed)
    gradient = matmul(T(A), times(slope, ones(N)))
    assert checker.check(gradient).verdict == "verified"
    assert checker.check(times(number(1 + wrong), gradient)).verdict == "wrong"


def test_few_pairs_of_directions_stand_for_those_of_a_large_hessian() -> None:
    problem = read("A : n x n; J = tr(A); hess J wrt A")
    request = problem.requests[0]
    target = Target(request.of, request.wrt, "hess", None, False, (), (), ())
    at = {"A": np.ones((24, 24))}
    pairs = target.directions(at, np.random.default_rng(0), room=400)
    assert 1 < len(pairs) <= RANDOM_DIRECTIONS
