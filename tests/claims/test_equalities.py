"""Equalities of two expressions, after the Matrix Cookbook: true ones and false ones."""

from __future__ import annotations

import json

import pytest

import shapetrick as st
from shapetrick.cli import main
from shapetrick.core.errors import ShapetrickError

DECLARED = """
A, B, C : n x n; S, T : n x n symmetric; P : n x n posdef; D : n x n diagonal; Q : n x n orthogonal
X : m x n; Y : m x n; U : n x k; V : k x n; W : k x k posdef; x, y, u : n; b : m; s : scalar
p : scalar positive; v : n positive; sigma : elementwise; L : n x n lower; F : p1 x q1; G : r1 x t1
"""
TRUE = """
inv(A B) = inv(B) inv(A)
inv(A B C) = inv(C) inv(B) inv(A)
inv(A') = inv(A)'
(A + B)' = A' + B'
(A B C)' = C' B' A'
tr(A) = tr(A')
tr(A + B) = tr(A) + tr(B)
tr(A B C) = tr(B C A)
tr(x y') = y' x
tr(X' Y) = vec(X)' vec(Y)
det(s A) = s^n det(A)
det(A') = det(A)
det(A B) = det(A) det(B)
det(inv(A)) = 1 / det(A)
det(A^3) = det(A)^3
det(eye(n) + x y') = 1 + x' y
det(expm(A)) = exp(tr(A))
inv(expm(A)) = expm(-A)
logdet(expm(A)) = tr(A)
det(eye(m) + X Y') = det(eye(n) + Y' X)
det(A + x y') = det(A) (1 + y' inv(A) x)
inv(A + U W V) = inv(A) - inv(A) U inv(inv(W) + V inv(A) U) V inv(A)
inv(A + x y') = inv(A) - inv(A) x y' inv(A) / (1 + y' inv(A) x)
inv(inv(A) + inv(B)) = A inv(A + B) B
inv(eye(n) + A) = eye(n) - inv(eye(n) + A) A
inv(eye(m) + X Y') X = X inv(eye(n) + Y' X)
A - A inv(A + B) A = B - B inv(A + B) B
inv(A) + inv(B) = inv(A) (A + B) inv(B)
vec(A V' W) = kron(W', A) vec(V')
vec(X A) = kron(A', eye(m)) vec(X)
vec(B A C) = kron(C', B) vec(A)
kron(A, B) kron(C, P) = kron(A C, B P)
kron(A, B)' = kron(A', B')
inv(kron(A, B)) = kron(inv(A), inv(B))
tr(kron(A, B)) = tr(A) tr(B)
det(kron(A, W)) = det(A)^k det(W)^n
kron(F, G) = commute(p1, r1) kron(G, F) commute(t1, q1)
vec(X') = commute(m, n) vec(X)
adj(A) A = det(A) I
adj(A B) = adj(B) adj(A)
x' A x = tr(A x x')
x' A x = x' A' x
x' S y = y' S x
Q' Q = I
inv(Q) = Q'
norm(Q x) = norm(x)
det(Q)^2 = 1
norm(X)^2 = tr(X' X)
diag(D) = D ones(n)
D A D = (diag(D) diag(D)') .* A
diag(x) A diag(y) = (x y') .* A
x' (A .* B) y = tr(diag(x) A diag(y) B')
diag(X Y') = sum(X .* Y, axis=1)
logdet(P) = log(det(P))
logdet(s A) = n log(abs(s)) + logdet(A)
exp(x + y) = exp(x) .* exp(y)
softmax(x + s) = softmax(x)
logsumexp(x + s) = s + logsumexp(x)
log_softmax(x) = x - logsumexp(x)
tanh(x) = 2 sigmoid(2 x) - 1
relu(x) - relu(-x) = x
sigma(X)' = sigma(X')
log(v .* v) = 2 log(v)
abs(x) = maximum(x, -x)
sum(x x') = sum(x)^2
mean(X) = mean(mean(X, axis=0))
(x - y)' (x - y) = norm(x)^2 - 2 x' y + norm(y)^2
norm(x + y)^2 + norm(x - y)^2 = 2 norm(x)^2 + 2 norm(y)^2
(eye(n) - ones(n, n) / n)^2 = eye(n) - ones(n, n) / n
lgamma(v + 1) = lgamma(v) + log(v)
var(x) = mean(x.^2) - mean(x)^2
sum(i) x[i]^2 = x' x
sum(i) sum(j) A[i,j] B[j,i] = tr(A B)
x[1] = x[1..1]
np.sum(X * Y) = tr(X' Y)
"""
FALSE = """
inv(A B) = inv(A) inv(B) | A and B commute
inv(A + B) = inv(A) + inv(B)
(A B)' = A' B' | A and B commute
A B = B A | A and B commute
A' = A | A is symmetric
tr(A B) = tr(A) tr(B) | n = 1
tr(A B C) = tr(A C B) | A and B commute
det(A + B) = det(A) + det(B) | n = 1
det(s A) = s det(A) | n = 1
det(S + x y') = det(S) (1 + x' S y)
(A + B)^2 = A^2 + 2 A B + B^2 | A and B commute
(A + B) (A - B) = A^2 - B^2 | A and B commute
x' A y = y' A x | A is symmetric
norm(A x) = norm(x) | A is orthogonal
norm(x + y) = norm(x) + norm(y)
norm(A B) = norm(A) norm(B) | n = 1
kron(A, B) = kron(B, A) | n = 1
vec(A B C) = kron(C, A) vec(B) | C is symmetric
vec(X') = vec(X) | m = 1
diag(A) .* diag(x) x = diag(A) .* x
diag(A B) = diag(A) .* diag(B) | A is diagonal
exp(A) exp(B) = exp(A + B) | n = 1
1 + log(det(A)^2) = det(A)^2 | A is orthogonal
sqrt(x.^2) = x | the entries of x are not negative
softmax(2 x) = softmax(x) | n = 1
logsumexp(x + y) = logsumexp(x) + logsumexp(y) | n = 1
tanh(x + y) = tanh(x) + tanh(y)
adj(A B) = adj(A) adj(B) | A and B commute
maximum(x, 5000) = 5000 ones(n)
minimum(abs(x), 3) = abs(x)
S T = T S | S and T commute
(S T)' = S T | S and T commute
inv(A)' = inv(A) | A is symmetric
sigma(x + y) = sigma(x) + sigma(y)
mean(x)^2 = mean(x.^2) | n = 1
var(x, ddof=1) = var(x)
x' y = 0
X Y' = Y X' | m = 1
sum(i, j) A[i,j] B[j,i] = tr(A B') | A is symmetric
x' x = x x'
"""


@pytest.mark.parametrize("text", TRUE.strip().splitlines())
def test_what_is_true_is_right(text: str) -> None:
    (found,) = st.read(f"{DECLARED}; check {text}").check_equalities()
    assert found.verdict == "right", found.diagnosis
    assert found.right and not found.diagnosis


@pytest.mark.parametrize("line", FALSE.strip().splitlines())
def test_what_is_false_is_wrong_and_it_is_said_where(line: str) -> None:
    text, _, condition = line.partition(" | ")
    (found,) = st.read(f"{DECLARED}; check {text}").check_equalities()
    assert found.verdict == "wrong"
    assert found.condition == condition
    assert sum(map(found.diagnosis.count, ("right where", "right only where"))) <= 1
    assert "≠" in found.diagnosis or "the right side" in found.diagnosis


LATEX = r"A, B \in \mathbb{R}^{n \times n}; check "


def test_values_are_claimed_to_be_equal_in_latex() -> None:
    (found,) = st.read(
        rf"{LATEX}\operatorname{{tr}}(AB) = \operatorname{{tr}}(BA)"
    ).check_equalities()
    assert found.right and str(found).startswith("check tr(A B) = tr(B A)\n")
    (found,) = st.read(rf"{LATEX}(A B)^\top = A^\top B^\top").check_equalities()
    assert found.verdict == "wrong" and found.suggestion == "B' A'"


@pytest.mark.parametrize(
    ("text", "suggestion"),
    [
        ("J = x' x; check x' x = norm(x)", "norm(x)^2"),
        ("J = x' x; K = J; check K = norm(x)", "norm(x)^2"),
        ("J = x' x; check x' x = 2 J", "J"),
        ("z = A x; check z = A' x", "A x"),
        ("z = A x; check 2 z = A x", "2 A x"),
    ],
)
def test_what_mends_an_equality_is_no_new_name_of_its_left_side(text: str, suggestion: str) -> None:
    (found,) = st.read(f"x : n; A : n x n; {text}").check_equalities()
    assert found.verdict == "wrong" and found.suggestion == suggestion


def test_a_counter_example_is_small_and_true() -> None:
    (found,) = st.read("A, B : n x n; check A B = B A").check_equalities()
    example = found.example
    assert example is not None
    a, b = example.inputs["A"], example.inputs["B"]
    assert (a @ b == example.left).all() and (b @ a == example.right).all()
    assert example.sizes == {"n": 2} and "right where A and B commute" in str(found)
    assert json.loads(json.dumps(found.to_dict()))["example"]["inputs"]["A"] == a.tolist()


def test_what_has_no_values_is_unchecked() -> None:
    (found,) = st.read("x : n; check log(-abs(x)) = x").check_equalities()
    assert found.verdict == "unchecked"


def test_the_same_draws_give_the_same_answer() -> None:
    one, other = (str(st.read("A : n x n; check A' = A").check_equalities()[0]) for _ in range(2))
    assert one == other


def test_the_only_claim_may_be_an_equality() -> None:
    found = st.check("A, B : n x n; check A B = B A")
    assert (found.verdict, found.kind) == ("wrong", "equality")
    assert st.check("A : n x n; check grad tr(A) wrt A = eye(n)").kind == "grad"
    assert st.check("A : n x n; check A = A; grad tr(A) wrt A").right
    with pytest.raises(st.RequestError, match="one claim"):
        st.check("A : n x n; check A = A; check A' = A")


def test_equalities_stand_beside_claims_and_on_the_command_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = "A : n x n; x : n; check grad (x' A x) wrt x = (A + A') x; check A' x = A x"
    assert main(["check", "-e", text]) == 1
    shown = capsys.readouterr().out
    assert "✓ right" in shown and "right where A is symmetric" in shown
    assert main(["check", "-e", "A : n x n; check A I = A"]) == 0
    assert main(["check", "--format", "json", "-e", "A : n x n; check A I = A"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["verdict"] == "right"


@pytest.mark.parametrize("form", ["markdown", "latex", "html"])
def test_equalities_stand_in_documents(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = "A : n x n; x : n; check grad (x' A x) wrt x = (A + A') x; check A' x = A x"
    assert main(["check", "--format", form, "-e", text]) == 1
    shown = capsys.readouterr().out
    assert "check A' x = A x" in shown.replace("&#x27;", "'") and "✗ WRONG" in shown.replace(
        r"$\times$", "✗"
    )


def test_members_are_refused() -> None:
    with pytest.raises(ShapetrickError, match="of members, gradients can be claimed alone"):
        st.read("W[l] : n x n for l = 1..L; check W[1] W[2] = W[2] W[1]")


def test_expressions_are_simplified(capsys: pytest.CaptureFixture[str]) -> None:
    given = "A, B : n x n; x : n; C = A B"
    for text, short in (("A inv(A) B", "B"), ("tr(x x')", "x' x"), ("A B", "C")):
        assert str(st.simplify(text, given)) == short
        assert main(["simplify", text, "--given", given]) == 0
        assert capsys.readouterr().out == f"{short}\n"
    assert main(["simplify", "A (", "--given", given]) == 2


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("S : n x n posdef; L = cholesky(S); check L L' = S", True),
        ("S : n x n posdef; check logdet(S) = 2 sum(log(diag(cholesky(S))))", True),
        ("A : n x n; check sqrtm(A)' = sqrtm(A')", True),
        ("X : m x n; U, s, V = svd(X); check sum(s.^2) = norm(X)^2", True),
        ("A : n x n; b : n; x : n where A x = b; check x = inv(A) b", True),
        ("A, B : n x n; check sqrtm(A) sqrtm(B) = sqrtm(A B)", False),
        ("X : m x n; U, s, V = svd(X); check sum(s) = norm(X)", False),
        ("A, Q : n x n; Y = lyapunov(A, Q); check tr(Y) = tr(Q)", False),
    ],
)
def test_unknowns_of_equations_are_at_solutions(text: str, right: bool) -> None:
    assert st.check(text).verdict == ("right" if right else "wrong")
