"""Unknowns that equations determine: what is derived, what is refused, and what numbers say."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.linalg

import shapetrick as st
from shapetrick.render.layout import plain
from shapetrick.render.terminal import Style, result_rows

LYAPUNOV = "A, Q : n x n; Y : n x n where A Y + Y A' = Q; "
EIGENPAIR = "A : n x n; v : n, lam : scalar where A v = lam v, v' v = 1; "


def _told(d: st.Derivation) -> tuple[str, dict[str, str], list[str]]:
    """The gradient, the multipliers with a closed form, and the adjoint equations of the others."""
    adjoint = d.result.adjoint
    assert adjoint is not None
    equations = [f"{q.left} = {q.right}" for q in adjoint.equations] if adjoint.multipliers else []
    return str(d.gradient), {name: str(e) for name, e in d.definitions}, equations


@pytest.mark.parametrize(
    ("text", "gradient", "named", "equations"),
    [
        (LYAPUNOV + "vjp Y wrt Q", "S", {}, ["A' S + S A = bar(Y)"]),
        (LYAPUNOV + "vjp Y wrt A", "-(S Y' + S' Y)", {}, ["A' S + S A = bar(Y)"]),
        (
            "A : n x n; b : n; x : n where A x = b; vjp x wrt A",
            "-S x'",
            {"S": "inv(A)' bar(x)"},
            [],
        ),
        ("A : n x n; b : n; x : n where A x = b; vjp x wrt b", "S", {"S": "inv(A)' bar(x)"}, []),
        (
            "a, b : scalar; x : scalar where a x = b; J = x^2; grad J wrt b",
            "S",
            {"S": "2 x / a"},
            [],
        ),
        (
            "A, B, C : n x n; X : n x n where A X B = C; vjp X wrt C",
            "S",
            {"S": "inv(A)' bar(X) inv(B)'"},
            [],
        ),
        (
            "W : n x n; u : n; z : n where z = tanh(W z + u); J = sum(z); grad J wrt u",
            "S .* (1 - z.^2)",
            {"S": "inv(I - W' diag(1 - z.^2)) ones(n)"},
            [],
        ),
        (
            "B : n x n posdef; L : n x n lower where L L' = B; vjp L wrt B",
            "S",
            {
                "S": "inv(L)' (lower(L' bar(L)) + lower(L' bar(L))' - diag(diag(L' bar(L)))) "
                "inv(L) / 2"
            },
            [],
        ),
        (
            EIGENPAIR + "grad lam wrt A",
            "-S1 v'",
            {},
            ["A' S1 - lam S1 + 2 S2 v = zeros(n)", "-S1' v = 1"],
        ),
        (
            "A, Q : n x n symmetric; Y : n x n symmetric where A Y + Y A = Q; J = tr(Y); "
            "grad J wrt Q",
            "S",
            {},
            ["A S + S A = eye(n)"],
        ),
        (
            "A : n x n; b, c, d : n; v : n where A v = c (d' v) + b; J = v' v; grad J wrt b",
            "S",
            {"S": "inv(A - c d')' (2 v)"},
            [],
        ),
        (
            "A : n x n; b, c : n; v : n where A v = c v[1] + b; J = v' v; grad J wrt b",
            "S",
            {"S": "inv(A - [c, zeros(n, n-1)])' (2 v)"},
            [],
        ),
        # a chain of systems, the last first
        (
            "A, B : n x n; c : n; x : n where A x = c; y : n where B y = x; J = sum(y); "
            "grad J wrt A",
            "-S1 x'",
            {"S1": "inv(A)' S2", "S2": "inv(B)' ones(n)"},
            [],
        ),
    ],
)
def test_adjoint_equations(
    text: str, gradient: str, named: dict[str, str], equations: list[str]
) -> None:
    d = st.derive(text)
    assert _told(d) == (gradient, named, equations)
    assert d.verified


@pytest.mark.parametrize(
    "text",
    [
        LYAPUNOV + "J = sum(Y) + tr(A); grad J wrt A, Q",
        "W : n x n; U : n x d; x : d; z : n where z = tanh(W z + U x); J = z' z; grad J wrt W, x",
        EIGENPAIR + "w : n; J = (w' v)^2 + lam; grad J wrt A, w",
        "A : n x n; B : m x m; C : n x m; X : n x m where A X + X B = C; vjp X wrt A, B, C",
        "A : n x n; X : n x n where X X = A; vjp X wrt A",
        "A : n x n; R : n x n upper, Q : n x n where Q R = A, Q' Q = I; J = sum(R); grad J wrt A",
        "A : n x n; U : n x n orthogonal, P : n x n symmetric where U P = A; vjp U wrt A",
        "f : elementwise; a, b : n; x : n where x + f(x) = a .* b; J = sum(x); grad J wrt a",
    ],
)
def test_gradients_pass_the_differences(text: str) -> None:
    assert all(d.verified for d in st.read(text).derive())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("A : n x n; v : n, lam : scalar where A v = lam v; J = lam; grad J wrt A", "determine"),
        ("A : n x n; L : n x n lower where L L' = A; J = sum(L); grad J wrt A", "declare it so"),
        ("a : n; x : n where x = a, x = 2 a; J = sum(x); grad J wrt a", "no solution"),
        ("A : n x n; x : n where A x = 0, sum(x) = 1; J = sum(x); grad J wrt A", "solution"),
    ],
)
def test_what_numbers_refuse(text: str, said: str) -> None:
    with pytest.raises(st.DerivationError, match=said):
        st.read(text).derive()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("A : n x n; Y : n x n where A Y; grad tr(Y) wrt A", "two sides"),
        ("A : n x n; Y : n x n where ; grad tr(Y) wrt A", "equations"),
        ("A : n x n; b : m; x : n where A x = b; grad sum(x) wrt A", "n×1 and m×1"),
        ("A : n x n; Y : n x n where A Y = I; grad tr(Y) wrt Y", "its equations"),
        (
            "A[l] : n x n for l = 1..L; x : n where A[1] x = x; J = sum(x); grad J wrt A[l]",
            "families",
        ),
    ],
)
def test_what_is_no_equation(text: str, said: str) -> None:
    with pytest.raises(st.ShapetrickError, match=said):
        st.read(text)


@pytest.mark.parametrize(
    "text",
    [
        "where : n; J = where' where; grad J wrt where",
        "x : n; where : scalar; J = where sum(x); grad J wrt x",
    ],
)
def test_where_stays_a_free_name(text: str) -> None:
    assert st.derive(text).verified


def test_unknowns_are_no_variables_of_a_problem_that_asks_for_nothing() -> None:
    problem = st.read("A : n x n; b : n; x : n where A x = b; J = sum(x)").data
    assert [r.wrt.name for r in problem.requests] == ["A", "b"]
    assert not problem.unused


def test_the_derivation_tells_the_equation_and_its_rules() -> None:
    d = st.read(LYAPUNOV + "vjp Y wrt A").derive()[0]
    assert [s.label for s in d.steps] == ["∂F/∂Y", "∂F/∂Y", "∂F/∂A", "bar(A)"]
    assert "F = A Y + Y A' - Q" in d.steps[0].note
    text = plain(result_rows(d.result, Style()))
    assert "equation   A Y + Y A' = Q" in text
    assert "adjoint    A' S + S A = bar(Y)" in text


def test_evaluation_solves_for_what_is_not_given() -> None:
    rng = np.random.default_rng(0)
    a, q, g = rng.normal(size=(3, 4, 4))
    y = scipy.linalg.solve_continuous_lyapunov(a, q)
    s = scipy.linalg.solve_continuous_lyapunov(a.T, g)
    d = st.derive(LYAPUNOV + "vjp Y wrt A")
    arrays = {"A": a, "Q": q, "bar(Y)": g}
    for given in (arrays, {**arrays, "Y": y}):
        np.testing.assert_allclose(d.evaluate(given), -(s @ y.T + s.T @ y), rtol=1e-9)


def test_large_adjoint_equations_are_solved_without_their_matrix() -> None:
    rng = np.random.default_rng(0)
    n = 30
    a, g = rng.normal(size=(2, n, n)) / n + np.eye(n)
    y = scipy.linalg.solve_continuous_lyapunov(a, np.eye(n))
    s = scipy.linalg.solve_continuous_lyapunov(a.T, g)
    d = st.derive(LYAPUNOV + "vjp Y wrt A")
    found = d.evaluate({"A": a, "Q": np.eye(n), "bar(Y)": g, "Y": y})
    np.testing.assert_allclose(found, -(s @ y.T + s.T @ y), rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"A": np.eye(3), "v": [1, 0, 0], "lam": 1.0}, "singular"),
        ({"A": np.diag([1.0, 2, 3]), "v": [1, 0, 0], "lam": 2.0}, "do not fulfil"),
        ({"A": np.diag([1.0, 2, 3])}, "start="),
        ({"v": [1, 0, 0], "lam": 1.0}, "`A` has no value"),
    ],
)
def test_what_evaluation_refuses(arrays: dict[str, object], said: str) -> None:
    d = st.derive(EIGENPAIR + "grad lam wrt A")
    with pytest.raises(st.ShapetrickError, match=said):
        d.evaluate(arrays)


def test_claims_are_judged_at_solutions() -> None:
    text = "A : n x n; b : n; x : n where A x = b; J = sum(x); check grad J wrt A = "
    assert st.check(text + "-inv(A)' ones(n) x'").right
    wrong = st.check(text + "-inv(A) ones(n) x'")
    assert wrong.verdict == "wrong" and wrong.suggestion == "-inv(A)' ones(n) x'"
    open_one = st.check(LYAPUNOV + "J = tr(Y); check grad J wrt Q = Y")
    assert open_one.verdict == "wrong" and "S solves `A' S + S A = eye(n)`" in open_one.diagnosis


def test_claims_are_along_the_symmetric_matrices_where_equations_are() -> None:
    text = "S : n x n posdef; check grad logdet(cholesky(S)) wrt S = "
    assert st.check(text + "inv(S) / 2").right
    assert st.check(text + "inv(S)").verdict == "wrong"


@pytest.mark.parametrize(
    ("within", "apart"),
    [
        ("J = sum(sin(cholesky(S)))", "L = cholesky(S); J = sum(sin(L))"),
        ("J = tr(A cholesky(S)') + cholesky(S)[1, 1]",
         "L = cholesky(S); J = tr(A L') + L[1, 1]"),
        ("J = sum(A sqrtm(S + A A'))", "X = sqrtm(S + A A'); J = sum(A X)"),
        ("J = sum(cholesky(sqrtm(S)))", "X = sqrtm(S); L = cholesky(X); J = sum(L)"),
        ("L = 2 S; J = sum(L cholesky(S))", "L = 2 S; L1 = cholesky(S); J = sum(L L1)"),
    ],
)  # fmt: skip
def test_functions_by_equations_stand_within_expressions(within: str, apart: str) -> None:
    declared = "S : n x n posdef; A : n x n; "
    found, expected = (st.derive(f"{declared}{x}; grad J wrt S") for x in (within, apart))
    assert found.verified and str(found.gradient) == str(expected.gradient)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("S : n x n posdef; J = sum(cholesky(S, S)); grad J wrt S", "`cholesky` takes A"),
        ("S : n x n posdef; J = sum(eigh(S)); grad J wrt S", "lam, v = eigh"),
        ("S[t] : n x n posdef for t = 1..T; J = sum(t = 1..T) tr(sqrtm(S[t])); grad J wrt S[t]",
         "`X : … where X X = A`"),
        ("f(S) = sum(cholesky(S)); P : n x n posdef; J = f(P); grad J wrt P", "line of its own"),
    ],
)  # fmt: skip
def test_what_may_not_stand_there_is_told(text: str, said: str) -> None:
    with pytest.raises(st.ShapetrickError, match=said):
        st.read(text)


def test_code_takes_the_unknown_as_an_argument() -> None:
    d = st.derive("A : n x n; b : n; x : n where A x = b; J = norm(x)^2; grad J wrt A")
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(4, 4)), rng.normal(size=4)
    x = np.linalg.solve(a, b)
    found = d.function("numpy")(A=a, x=x)
    np.testing.assert_allclose(found, -np.outer(2 * np.linalg.solve(a.T, x), x), rtol=1e-9)
    assert "given for x fulfils A x = b" in d.code("numpy")
    by_library = st.derive("S : n x n symmetric; lam, v = eigh(S); vjp v wrt S").code("numpy")
    assert "found for lam, v fulfils S v = lam v" in by_library


def test_multipliers_that_a_gradient_does_not_have_are_not_told() -> None:
    text = "K : n x n posdef; y : n; L = cholesky(K); a : n where L a = y; J = a' a + sum(L); "
    d = st.derive(text + "grad J wrt y")
    assert d.result.adjoint is not None and not d.result.adjoint.multipliers
    assert _told(d)[0] == "S2"


LINEAR = "A : n x n; b : n; x : n where A x = b; "
TWO = "A : n x n; b, c : n; x, y : n where A x + y = b, x - A y = c; "
KKT = (
    "Q : n x n posdef; c : n; A : m x n; b : m; x : n, mu : m where Q x + c + A' mu = 0, A x = b; "
)
FIXED = "W : n x n; u : n; z : n where z = tanh(W z + u); "


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (LINEAR + "jac x wrt b", "inv(A)"),
        (LINEAR + "jac x wrt A", "-kron(x', inv(A))"),
        (LINEAR + "jvp x wrt A with V", "-inv(A) V x"),
        (LINEAR + "J = x' x; hess J wrt b", "2 inv(A)' inv(A)"),
        (LINEAR + "J = x' x; hvp J wrt b with V", "2 inv(A)' inv(A) V"),
        ("A, B, C : n x n; X : n x n where A X B = C; jac X wrt C", "kron(inv(B)', inv(A))"),
        ("a, b : scalar; x : scalar where x^3 + a x = b; jac x wrt a", "-x / (3 x^2 + a)"),
        ("a, b : scalar; x : scalar where x^3 + a x = b; hess x wrt b", "-6 x / (3 x^2 + a)^3"),
        (
            LYAPUNOV + "jac Y wrt A",
            "-inv(kron(eye(n), A) + kron(A, eye(n))) (kron(Y', eye(n)) + "
            "kron(eye(n), Y) commute(n, n))",
        ),
        (
            LYAPUNOV + "J = norm(Y)^2; hess J wrt Q",
            "2 inv(kron(eye(n), A') + kron(A', eye(n))) inv(kron(eye(n), A) + kron(A, eye(n)))",
        ),
        ("A : n x n; X = sqrtm(A); jac X wrt A", "inv(kron(X', eye(n)) + kron(eye(n), X))"),
        (TWO + "jac x wrt b", "inv([A, eye(n); eye(n), -A])[1..n, 1..n]"),
        (TWO + "J = norm(x)^2; hess J wrt b", None),
        (KKT + "jac x wrt b", "inv([Q, A'; A, zeros(m, m)])[1..n, n+1..m+n]"),
        (KKT + "jac mu wrt A", None),
        (FIXED + "jvp z wrt u with V", None),
        (FIXED + "J = sum(z); hess J wrt u", None),
    ],
)
def test_other_derivatives_go_through_closed_forms(text: str, answer: str | None) -> None:
    d = st.derive(text)
    assert d.verified
    assert answer is None or str(d.gradient) == answer
    assert "equation" in str(d)


def test_a_jacobian_through_equations_is_evaluated() -> None:
    rng = np.random.default_rng(0)
    A, b = rng.normal(size=(4, 4)) + 4 * np.eye(4), rng.normal(size=4)
    found = st.derive(LINEAR + "jac x wrt b").evaluate({"A": A, "b": b})
    np.testing.assert_allclose(found, np.linalg.inv(A))


@pytest.mark.parametrize(
    ("text", "value", "equations"),
    [
        (LYAPUNOV + "jvp Y wrt Q with V", "dY", ["A dY + dY A' = V"]),
        (LYAPUNOV + "J = norm(Y)^2; jvp J wrt A with V", "2 sum(Y .* dY)",
         ["A dY + dY A' = -(V Y + Y V')"]),
        (LYAPUNOV + "J = norm(Y)^2; hvp J wrt A with V", "-(S dY' + S' dY + dS Y' + dS' Y)",
         ["A dY + dY A' = -(V Y + Y V')", "A' dS + dS A = 2 dY - S V - V' S"]),
        (LYAPUNOV + "J = norm(Y); jac J wrt Q", None, None),
        ("S : n x n posdef; L = cholesky(S); jvp L wrt S with V", "dL",
         ["dL L' + L dL' = (V + V') / 2"]),
        ("S, V : n x n symmetric; L = cholesky(S); J = sum(sin(L)); hvp J wrt S with V",
         None, None),
        ("A : n x n symmetric; lam, v = eigh(A); hvp lam wrt A with V", None, None),
        ("A : m x n; Q, R = qr(A); jvp R wrt A with V", None, None),
        ("A : n x n; t : scalar; X = sqrtm(A + t eye(n)); jac X wrt t", "dX", None),
        ("dY, A, Q : n x n; Y : n x n where A Y + Y A' = dY Q; jvp Y wrt Q with V", "dY1", None),
    ],
)  # fmt: skip
def test_differentials_of_unknowns(
    text: str, value: str | None, equations: list[str] | None
) -> None:
    d = st.derive(text)
    assert d.verified, d.validation.reason
    assert value is None or str(d.gradient) == value
    assert d.result.adjoint is not None
    told = [f"{q.left} = {q.right}" for x in d.result.adjoint.differentials for q in x.equations]
    assert equations is None or told == equations
    assert st.from_dict(d.to_dict()).to_dict() == d.to_dict()


def test_a_differential_is_evaluated() -> None:
    rng = np.random.default_rng(0)
    A, V = rng.normal(size=(4, 4)), rng.normal(size=(4, 4))
    S, along = A @ A.T + np.eye(4), 1e-6 * (V + V.T)
    found = st.derive("S : n x n posdef; L = cholesky(S); jvp L wrt S with V").evaluate(
        {"S": S, "V": V + V.T}
    )
    moved = np.linalg.cholesky(S + along) - np.linalg.cholesky(S - along)
    np.testing.assert_allclose(found, moved / 2e-6, rtol=1e-6, atol=1e-8)


# The Jacobian of a Cholesky factor by a symmetric matrix is Magnus and Neudecker's.
CHOLESKY = "A : n x n posdef; L = cholesky(A); J = sum(L); "
STEIN = "A : n x n; Q : n x n symmetric; P : n x n symmetric where A P + P A' + Q = 0; "
DIAGONAL = "b, c : n; D : n x n diagonal where D b + D.^3 b = c; "


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (
            CHOLESKY + "jac L wrt A",
            "eliminate(n)' inv(eliminate(n) (kron(L, eye(n)) + kron(eye(n), L) commute(n, n)) "
            "eliminate(n)') eliminate(n) (I + commute(n, n)) / 2",
        ),
        (CHOLESKY + "hess J wrt A", None),
        (
            STEIN + "jac P wrt A",
            "-duplicate(n) inv(eliminate(n) (kron(eye(n), A) + kron(A, eye(n))) duplicate(n)) "
            "eliminate(n) (kron(P, eye(n)) + kron(eye(n), P) commute(n, n))",
        ),
        (STEIN + "jac P wrt Q", None),
        (DIAGONAL + "jac D wrt c", None),
        (
            "B : n x n symmetric; U : n x n upper where U' U = B; jac U wrt B",
            "commute(n, n) eliminate(n)' inv(eliminate(n) (kron(U', eye(n)) commute(n, n) + "
            "kron(eye(n), U')) commute(n, n) eliminate(n)') eliminate(n) (I + commute(n, n)) / 2",
        ),
        ("B : n x n; U : n x n upper where U' U = B' B + I; jac U wrt B", None),
        ("a, b : n; L : n x n lower, z : n where L L' = a a' + I, L z = b; jac z wrt a", None),
    ],
)
def test_jacobians_of_structured_unknowns(text: str, answer: str | None) -> None:
    d = st.derive(text)
    assert d.verified
    assert answer in (None, str(d.gradient))
