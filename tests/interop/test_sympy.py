"""To SymPy and back: the same value on both sides, and what a side hasn't is refused by name."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import sympy as sp
from hypothesis import given
from strategies import SIZES, abstract_values, environment, examples, expressions
from sympy.matrices.expressions.diagonal import DiagMatrix, DiagonalMatrix, DiagonalOf
from sympy.tensor.array import expressions as arrays
from sympy.tensor.array.expressions.array_expressions import ArrayElementwiseApplyFunc
from sympy_values import numeric

import shapetrick as st
from shapetrick.core.expr import Expr, operand
from shapetrick.core.traversal import symbols_of
from shapetrick.language.elaboration import read
from shapetrick.language.expressions import read_expression
from shapetrick.numerics.evaluation import evaluate

X, Y, A, w, v, b, s = st.symbols("X, Y: m x n; A: n x n; w, v: n; b: m; s: scalar positive")
sigma = st.symbols("sigma: elementwise")
m, n = sp.symbols("m n", integer=True, positive=True)
XS, AS, WS = sp.MatrixSymbol("X", m, n), sp.MatrixSymbol("A", n, n), sp.MatrixSymbol("w", n, 1)
SS = sp.Symbol("s", positive=True)
DRAW = np.random.default_rng(0)
SIZE = {"m": 3, "n": 2}
ENV = {
    str(e): DRAW.uniform(0.5, 1.5, [d.size(SIZE) for d in e.shape]) for e in (X, Y, A, w, v, b, s)
} | {"c": np.full((1, 1), 2.0)}


@examples(200)
@given(expressions(depth=2))
def test_there_and_back(e: Expr) -> None:
    env, functions = environment(), abstract_values()
    expected = evaluate(e, env, SIZES, functions)
    try:
        there = st.to_sympy(e)
    except st.RequestError as error:
        assert str(error).startswith("SymPy has no")
        return
    back = st.from_sympy(there)
    if not np.isfinite(expected).all():
        return
    assert back.shape == e.shape
    found = evaluate(back, env, SIZES, functions)
    np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-9)
    if not there.has(sp.core.function.AppliedUndef):
        found = numeric(there, env, SIZES)
        np.testing.assert_allclose(found.reshape(expected.shape), expected, rtol=1e-6, atol=1e-8)


TO_SYMPY: list[tuple[Expr, Any]] = [
    (X @ A, XS * AS),
    (X.T, XS.T),
    (2 * X, 2 * XS),
    (X.hadamard(X), sp.HadamardProduct(XS, XS)),
    (st.power(X, 3), sp.HadamardPower(XS, 3)),
    (st.tr(A), sp.Trace(AS)),
    (st.det(A), sp.Determinant(AS)),
    (st.inv(A), sp.Inverse(AS)),
    (w.T @ A @ w, sp.Trace(WS.T * AS * WS)),
    (st.eye("n"), sp.Identity(n)),
    (st.ones("m", "n"), sp.OneMatrix(m, n)),
    (st.zeros("m", "n"), sp.ZeroMatrix(m, n)),
    (X + w.T, XS + sp.MatMul(sp.OneMatrix(m, 1), WS.T)),
    (X + 1, XS + sp.OneMatrix(m, n)),
    (st.diag(w), DiagMatrix(WS)),
    (st.diag(A), DiagonalOf(AS)),
    (st.kron(A, X), sp.KroneckerProduct(AS, XS)),
    (st.log(s) * st.exp(1), sp.log(sp.Symbol("s", real=True, positive=True)) * sp.E),
    (st.dim("m + 1") / 2, (m + 1) / 2),
]


@pytest.mark.parametrize(("e", "expected"), TO_SYMPY, ids=[str(e) for e, _ in TO_SYMPY])
def test_to_sympy(e: Expr, expected: Any) -> None:
    assert st.to_sympy(e).doit() == expected.doit()


FROM_SYMPY: list[tuple[Any, Expr]] = [
    (XS * AS * WS, X @ A @ w),
    (sp.MatMul(2, XS, AS), 2 * (X @ A)),
    (sp.MatPow(AS, 3), A**3),
    (AS.I, A**-1),
    (sp.MatPow(AS, -2), A**-2),
    (sp.Trace(AS) ** 2 / m, st.tr(A) ** 2 / st.dim("m")),
    (sp.MatrixSymbol("c", 1, 1)[0, 0], st.symbols("c: scalar")),
    (DiagonalMatrix(AS), st.diag(st.diag(A))),
    (sp.sin(SS) + sp.Rational(1, 3), st.sin(s) + Fraction(1, 3)),
    (sp.sqrt(SS), st.sqrt(s)),
    (sp.Max(SS, 0, evaluate=False), st.maximum(s, 0)),
    (sp.Heaviside(sp.Symbol("c")), st.step(st.symbols("c: scalar"))),
    (XS.applyfunc(sp.Lambda(SS, 1 / (1 + sp.exp(-SS)))), st.sigmoid(X)),
    (XS.applyfunc(sp.sin), st.sin(X)),
    (XS.applyfunc(sp.Function("sigma")), sigma(X)),
    (sp.Function("sigma")(SS).diff(SS), sigma(s, order=1)),
    (sp.Function("sigma")(2 * SS).diff(SS), 2 * sigma(2 * s, order=1)),
    (sp.Function("sigma")(SS).diff(SS, 2), sigma(s, order=2)),
    (XS.applyfunc(sp.Lambda(SS, 3)), 3 * st.ones("m", "n")),
    (sp.OneMatrix(2 * n + 1, m * n**2), st.ones("2 n + 1", "m n n")),
    (sp.Float("0.25") * XS, X / 4),
    (arrays.ArrayContraction(AS, (0, 1)), st.tr(A)),
    (arrays.ArrayContraction(arrays.ArrayTensorProduct(XS, AS), (1, 2)), X @ A),
    (arrays.PermuteDims(XS, [1, 0]), X.T),
    (arrays.ArrayAdd(AS, arrays.PermuteDims(AS, [1, 0])), A + A.T),
    (arrays.ArrayDiagonal(AS, (0, 1)), st.diag(A)),
    (ArrayElementwiseApplyFunc(sp.sin, XS), st.sin(X)),
    (arrays.ArraySymbol("w", (n,)), w),
    (arrays.ArraySymbol("X", (m, n)), X),
    (arrays.Reshape(XS, (m * n,)), st.vec(X.T)),
    (arrays.Reshape(XS, (n, m)), st.unvec(st.vec(X.T), "m", "n").T),
    (sp.pi + sp.E, st.from_sympy(sp.E) + st.from_sympy(sp.pi)),
    (3, operand(3)),
]


@pytest.mark.parametrize(("q", "e"), FROM_SYMPY, ids=[str(q) for q, _ in FROM_SYMPY])
def test_from_sympy(q: Any, e: Expr) -> None:
    found = st.from_sympy(q)
    assert found.shape == e.shape
    assert set(symbols_of(found)) == set(symbols_of(e))
    values = [evaluate(x, ENV, SIZE, {"sigma": abstract_values()["sigma"]}) for x in (found, e)]
    np.testing.assert_allclose(*values)


def test_reading_several_at_once() -> None:
    """A symbol in the shape of one is a dimension in all."""
    k = sp.Symbol("k")
    B, size = st.from_sympy(sp.MatrixSymbol("B", k, 2), k)
    assert B is st.symbols("B: k x 2")
    assert size is st.dim("k")


def test_symbols_in_shapes_are_dimensions() -> None:
    k = sp.Symbol("k")  # no assumptions
    found = st.from_sympy(sp.MatrixSymbol("B", k, 2) / k)
    assert str(found) == "B / k"
    assert symbols_of(found) == [st.symbols("B: k x 2")]


@pytest.mark.parametrize(
    ("e", "message"),
    [
        (st.vec(X), "`vec`"),
        (st.unvec(st.vec(X), "m", "n"), "`vec`"),
        (st.commute("m", "n"), "`commute`"),
        (st.max(X), "`max`"),
        (st.maximum(X, Y), "`maximum` of two matrices"),
    ],
    ids=str,
)
def test_what_sympy_has_not(e: Expr, message: str) -> None:
    with pytest.raises(st.RequestError) as error:
        st.to_sympy(e)
    assert f"SymPy has no matrix expression for {message}" in str(error.value)


@pytest.mark.parametrize(
    ("q", "message"),
    [
        (sp.Adjoint(AS), "SymPy's Adjoint has no counterpart"),
        (sp.Piecewise((SS, SS > 1), (1, True)), "SymPy's Piecewise has no counterpart"),
        (sp.BlockMatrix([[AS, AS]]), "SymPy's BlockMatrix has no counterpart"),
        (sp.gamma(SS), "SymPy's gamma has no counterpart"),
        (sp.Sum(SS, (sp.Symbol("i"), 1, n)), "SymPy's Sum has no counterpart"),
        (AS[0, 1], "SymPy's MatrixElement has no counterpart"),
        (sp.I * SS, "SymPy's ImaginaryUnit has no counterpart"),
        (sp.oo, "SymPy's Infinity has no counterpart"),
        (sp.Matrix([[1, 2]]), "use a MatrixSymbol"),
        (sp.ImmutableMatrix([[1, 2]]) * XS.T, "MatrixSymbol"),
        (sp.MatPow(AS, SS), "the power of a matrix is a whole number"),
        (sp.Symbol("x_{1}"), "not a name in the language"),
        (sp.MatrixSymbol("X", n - 1, 2), "is no dimension"),
        (sp.MatrixSymbol("X", n / 2, 2), "is no dimension"),
        (arrays.ArrayTensorProduct(AS, AS), "SymPy's ArrayTensorProduct has no counterpart"),
        (arrays.ArraySymbol("B", (n, n, n)), "SymPy's ArraySymbol has no counterpart"),
        (arrays.ArrayContraction(AS, (0,)), "SymPy's ArrayContraction has no counterpart"),
        (arrays.ArrayDiagonal(arrays.ArraySymbol("B", (n, n, n)), (0, 1)), "SymPy's ArraySymbol"),
        (arrays.Reshape(XS, (m, n, 1)), "SymPy's Reshape has no counterpart"),
        (sp.Function("f")(SS, SS), "SymPy's f has no counterpart"),
        (sp.Derivative(sp.Function("f")(SS**2), SS), "SymPy's Derivative"),
        ("x + 1", "str is no SymPy expression"),
        ((SS, SS), "Tuple has no counterpart"),
    ],
    ids=str,
)
def test_what_we_have_not(q: Any, message: str) -> None:
    with pytest.raises(st.InputError) as error:
        st.from_sympy(q)
    assert message in str(error.value)


def test_too_deep_for_sympy() -> None:
    deep = X
    for _ in range(5000):
        deep = st.sin(deep) + Y
    with pytest.raises(st.RequestError, match="too deep"):
        st.to_sympy(deep)


def test_a_gradient() -> None:
    d = st.derive("X: m x n; w: n; b: m; Z = X w - b; grad (Z' Z / 2) wrt w")
    bs = sp.MatrixSymbol("b", m, 1)
    found = numeric(d.to_sympy(), ENV, SIZE)
    np.testing.assert_allclose(found, numeric(XS.T * (XS * WS - bs), ENV, SIZE))


def test_sympys_own_derivative_is_the_same() -> None:
    """`from_sympy` and a gradient, beside what SymPy derives where it is right."""
    for q in [WS.T * AS * WS, WS.T * WS]:
        scalar = sp.Trace(q)
        ours = st.grad(st.from_sympy(scalar), w)
        assert ours.verified
        theirs = numeric(scalar.diff(WS).doit(), ENV, SIZE)
        np.testing.assert_allclose(numeric(ours.to_sympy(), ENV, SIZE), theirs)


def test_the_users_own_rows() -> None:
    gram = st.function("gram", numpy=lambda a: a.T @ a, shape=("c", "c"), derivative="x + x")
    swish = st.function("swish", numpy=np.sin, derivative="cos(x)")
    with pytest.raises(st.RequestError, match="`gram`"):
        st.to_sympy(gram(X))
    assert st.from_sympy(st.to_sympy(swish(X))) is swish(X)


@pytest.mark.parametrize(
    "text",
    [
        "[A, B]",
        "[x[1], 2; 3, x[2]]",
        "A[2..m, 1..2]",
        "x[2..n]' x[1..n-1]",
        "lower(S) x",
        "cumsum(A, axis=1)",
        "flip(x)",
        "shift(A, 1, axis=0)",
    ],
)
def test_slices_blocks_and_masks(text: str) -> None:
    problem = read("A : m x n; B : m x k; S : n x n; x : n; J = norm(x)", complete=False)
    rng, e = np.random.default_rng(0), read_expression(text, problem)
    env = {
        s.name: rng.uniform(-1, 1, [d.size(SIZES) for d in s.shape])
        for s in problem.symbols.values()
    }
    expected = evaluate(e, env, SIZES)
    found = numeric(st.to_sympy(e), env, SIZES)
    np.testing.assert_allclose(np.reshape(found, expected.shape), expected)


def test_equations_go_along() -> None:
    d = st.derive("A, Q : n x n; Y : n x n where A Y + Y A' = Q; J = norm(Y)^2; grad J wrt A")
    told = [str(sp.Eq(*map(st.to_sympy, sides))) for sides in d.equations]
    assert told == ["Eq(A*Y + Y*A.T, Q)", "Eq(S*A + A.T*S, 2*Y)"]
    assert str(d.to_sympy()) == "-(S*Y.T + S.T*Y)"


def test_solutions_go_along() -> None:
    d = st.derive("A : m x n; b : m; x : n; J = norm(A x - b)^2; solve grad J wrt x = 0")
    m, n = sp.symbols("m n", integer=True, positive=True)
    A, b = sp.MatrixSymbol("A", m, n), sp.MatrixSymbol("b", m, 1)
    assert str(d.to_sympy()) == str((A.T * A).inv() * A.T * b)
