"""Printed expressions are in the language: brackets where needed, and the same value read back."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from effort import calls
from hypothesis import given
from strategies import DECLARATIONS, SIZES, abstract_values, environment, examples, expressions

from shapetrick.core import expr as ex
from shapetrick.core.dims import ONE, SCALAR, Dim
from shapetrick.core.errors import RequestError
from shapetrick.core.expr import Expr
from shapetrick.language.elaboration import read
from shapetrick.language.expressions import read_expression
from shapetrick.language.printer import to_text
from shapetrick.numerics.evaluation import evaluate

M, N = Dim.of("m"), Dim.of("n")
A, B = (ex.symbol(name, (N, N)) for name in "AB")
X, Y = (ex.symbol(name, (M, N)) for name in "XY")
W = ex.symbol("w", (N, ONE))
S, T = (ex.symbol(name, SCALAR) for name in ("s", "T"))
NORM = ex.symbol("norm", (M, N))
SIZE = ex.dimension(M)
HALF = ex.number(Fraction(1, 2))


def q(n: int, d: int = 1) -> Expr:
    return ex.number(Fraction(n, d))


def inverse(a: Expr) -> Expr:
    return ex.power(a, ex.MINUS)


residual = ex.subtract(ex.matmul(X, W), ex.symbol("y", (M, ONE)))

PRINTED = [
    # quotients: one for a term, scalars in front, the coefficient split over both
    (ex.times(ex.matmul(ex.transpose(X), residual), inverse(SIZE)), "X' (X w - y) / m"),
    (ex.times(HALF, S), "s / 2"),
    (ex.times(q(2, 3), X), "2/3 X"),
    (ex.times(q(2, 3), X, inverse(SIZE)), "2 X / (3 m)"),
    (ex.times(HALF, inverse(SIZE)), "1 / (2 m)"),
    (ex.times(X, S, q(-1, 2)), "-s X / 2"),
    (ex.times(X, inverse(ex.power(S, q(2)))), "X / s^2"),
    (ex.power(S, q(-2)), "1 / s^2"),
    (ex.power(X, q(-1)), "1 ./ X"),
    (ex.times(inverse(X), Y), "Y ./ X"),
    (ex.times(HALF, inverse(X)), "1/2 ./ X"),
    (inverse(ex.negate(S)), "1 / (-s)"),
    (ex.times(X, inverse(ex.add(S, SIZE))), "X / (s + m)"),
    (q(99, 100), "0.99"),
    (q(1, 3), "1/3"),
    (ex.number(1e-7), "1e-07"),
    # products of all kinds are one level, left to right
    (ex.times(ex.matmul(X, A), inverse(Y)), "X A ./ Y"),
    (ex.matmul(ex.times(X, Y), A), "(X .* Y) A"),
    (ex.times(X, ex.matmul(Y, A)), "X .* (Y A)"),
    (ex.matmul(ex.times(X, inverse(SIZE)), A), "X A / m"),
    (ex.matmul(ex.times(q(-1, 2), X), A), "-X A / 2"),
    (ex.matmul(ex.times(HALF, SIZE, X), A), "m X A / 2"),
    (ex.matmul(ex.times(HALF, X, Y), A), "(X .* Y) A / 2"),
    (ex.matmul(X, ex.times(HALF, A)), "X (A / 2)"),
    (ex.matmul(ex.times(HALF, A), ex.times(HALF, A)), "(A / 2)^2"),
    (ex.matmul(ex.times(q(2), X), A), "2 X A"),
    (ex.matmul(A, ex.times(q(2), B)), "A (2 B)"),
    (ex.times(ex.matmul(ex.transpose(W), W), A), "(w' w) A"),
    (ex.times(q(2), ex.matmul(ex.transpose(W), A, W)), "2 w' A w"),
    # signs
    (ex.negate(ex.add(A, B)), "-(A + B)"),
    (ex.matmul(X, ex.negate(ex.add(A, B))), "-X (A + B)"),
    (ex.subtract(A, ex.matmul(B, ex.negate(A))), "A + B A"),
    (ex.negate(ex.power(S, q(2))), "-s^2"),
    (ex.add(q(-1), S), "-1 + s"),
    # powers and transposes
    (ex.matmul(A, A, A), "A^3"),
    (ex.matmul(A, A, ex.transpose(B)), "A^2 B'"),
    (ex.matmul(ex.add(A, B), ex.add(A, B)), "(A + B)^2"),
    (ex.matmul(A, B, A, B), "(A B)^2"),
    (ex.matmul(A, B, A), "A B A"),
    (ex.transpose(ex.power(A, q(2))), "(A.^2)'"),
    (ex.power(ex.transpose(A), q(2)), "A'.^2"),
    (ex.power(A, ex.transpose(B)), "A.^(B')"),
    (ex.power(ex.power(S, q(2)), SIZE), "(s^2)^m"),
    (ex.power(S, HALF), "sqrt(s)"),
    (ex.power(S, q(-1, 2)), "1 / sqrt(s)"),
    (ex.power(S, q(3, 2)), "s^(3/2)"),
    (ex.transpose(ex.times(q(2), X)), "(2 X)'"),
    # what a space would turn into something else
    (ex.power(S, T), "s^(T)"),
    (ex.matmul(NORM, ex.add(A, B)), "norm * (A + B)"),
    (ex.matmul(X, ex.add(A, B)), "X (A + B)"),
    (ex.times(S, ex.power(q(2), S)), "s * 2^s"),
    # the identity is bare where its neighbour gives its size
    (ex.eye(N), "eye(n)"),
    (ex.add(A, ex.times(S, ex.eye(N))), "A + s I"),
    (ex.add(ex.eye(N), A), "I + A"),
    (ex.add(ex.eye(N), S, A), "eye(n) + s + A"),
    (ex.add(ex.eye(N), ex.transpose(W)), "eye(n) + w'"),
    (ex.add(A, ex.symbol("I", (N, N)), ex.eye(N)), "A + I + eye(n)"),
    (ex.ones(M), "ones(m)"),
    (ex.ones(ONE, N), "ones(1, n)"),
    (ex.zeros(M, N + ONE), "zeros(m, n+1)"),
    # calls
    (ex.call("sum", X, data=0), "sum(X, axis=0)"),
    (ex.call("unvec", W, data=(N, ONE)), "unvec(w, n, 1)"),
    (ex.abstract("sigma", 1, ex.negate(X)), "sigma'(-X)"),
    (ex.transpose(ex.abstract("sigma", 2, X)), "sigma''(X)'"),
    (ex.named("Z", ex.matmul(X, A)), "Z"),
    (ex.symbol("bar(Z)", (M, N)), "bar(Z)"),
]


@pytest.mark.parametrize(("e", "text"), PRINTED, ids=[text for _, text in PRINTED])
def test_printed(e: Expr, text: str) -> None:
    assert to_text(e) == str(e) == text


def test_unicode() -> None:
    gradient = ex.matmul(ex.transpose(X), ex.times(ex.symbol("bar(Z)", (M, N)), inverse(Y)))
    assert to_text(gradient, unicode=True) == "Xᵀ (Z̄ ⊘ Y)"
    assert to_text(ex.times(X, Y), unicode=True) == "X ⊙ Y"
    assert to_text(ex.times(S, ex.power(q(2), S)), unicode=True) == "s · 2^s"


def test_a_declared_identity_is_none() -> None:
    assert to_text(ex.add(A, ex.eye(N)), taken={"I"}) == "A + eye(n)"


def test_a_decimal_that_lives_is_no_fraction() -> None:
    decimal = ex.number(0.5)
    assert (str(ex.times(HALF, S)), str(ex.times(decimal, S))) == ("s / 2", "0.5 s")


def test_repr_is_in_the_language_too() -> None:
    assert repr(ex.matmul(X, A)) == "X A"


def test_depth_and_length_take_linear_time() -> None:
    deep, long = A, [A]
    for i in range(10_000):
        deep = ex.call("sin", ex.add(deep, B))
        long.append(ex.times(q(i + 2), B))

    def write() -> None:
        assert to_text(deep).count("(") == 10_000
        assert to_text(ex.add(*long)).count("+") == 10_000

    assert calls(write) < 3_000_000


def test_a_text_that_would_not_end_is_refused() -> None:
    e = A
    for _ in range(200):
        e = ex.add(ex.call("sin", e), ex.call("cos", e))
    with pytest.raises(RequestError, match="print it with its definitions"):
        to_text(e)


@examples(300)
@given(expressions())
def test_reads_back_to_the_same_value(e: Expr) -> None:
    problem = read(DECLARATIONS)
    env, functions = environment(), abstract_values()
    expected = evaluate(e, env, SIZES, functions)
    if not np.isfinite(expected).all():
        return
    for unicode in (False, True):
        back = read_expression(to_text(e, unicode=unicode), problem)
        found = evaluate(back, env, SIZES, functions)
        assert found.shape == expected.shape
        scale = max(1.0, float(np.abs(expected).max()))
        np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-8 * scale)
