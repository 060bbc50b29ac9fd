"""The forms of Jacobians, Hessians and directional derivatives, and what attributes simplify."""

from __future__ import annotations

import pytest

import shapetrick as st

FORMS: list[tuple[str, str, str]] = [  # declarations, request, answer
    ("A : n x n; r, x : n", "jac (x .* (r + A x)) wrt x", "diag(r + A x) + diag(x) A"),
    ("V, W : n x n; x : n", "jac (x + V sin(W x)) wrt x", "I + V diag(cos(W x)) W"),
    ("A: p x q; x: q", "jac (A x) wrt x", "A"),
    ("A: p x q; B: q x r; x: r", "jac (A tanh(B x)) wrt x", "A diag(1 - tanh(B x).^2) B"),
    ("x: n; p = softmax(x)", "jac p wrt x", "diag(p) - p p'"),
    ("x, y: n", "jac (x .* y) wrt x", "diag(y)"),
    ("x: n", "jac (x x' x) wrt x", "(x' x) I + 2 x x'"),
    ("x: n", "jac norm(x) wrt x", "x' / norm(x)"),
    ("A: n x n; x: n", "hess (x' A x) wrt x", "A + A'"),
    (
        "X: m x d; w: d; y: m; s = sigmoid(X w); J = sum(softplus(X w) - y .* (X w)) / m",
        "hess J wrt w",
        "X' diag(s .* (1 - s)) X / m",
    ),
    ("A: m x n; x: n", "hess logsumexp(A x) wrt x", "A' (diag(t) - t t') A"),
    ("K: m x n; v: n; u: m", "jac (u ./ (K v)) wrt v", "-diag(u ./ (K v).^2) K"),
    (
        "X: m x n",
        "jac kron(X.^2, X) wrt X",
        "kron(eye(n n), commute(m, m)) kron(kron(eye(n), vec(X)), eye(m)) (2 diag(vec(X)))"
        " + kron(kron(eye(n), commute(n, m)), eye(m)) kron(vec(X.^2), eye(m n))",
    ),
    ("X: m x n; A: m x m", "hess tr(X' A X) wrt X", "kron(eye(n), A + A')"),
    ("X: n x n", "hess logdet(X) wrt X", "-kron(inv(X), inv(X)') commute(n, n)"),
    ("A: p x m; X: m x n; B: n x q", "jac (A X B) wrt X", "kron(B', A)"),
    ("X: m x n", "jac X' wrt X", "commute(m, n)"),
    ("X: m x n", "jac tanh(X) wrt X", "diag(vec(1 - tanh(X).^2))"),
    ("X: n x n", "jac inv(X) wrt X", "-kron(inv(X)', inv(X))"),
    (
        "P: n x m; X: m x n",
        "jac inv(tanh(P X))' wrt X",
        "kron(T1, T1') commute(n, n) diag(vec(tanh(P X).^2 - 1)) kron(eye(n), P)",
    ),
    (
        "B: n x m; Q: m x k; P: m x m; x: m",
        "jac (B (Q .* (P x))) wrt x",
        "(kron(ones(k), B) .* kron(Q', ones(n))) P",
    ),
    ("X: m x n", "jac (X X') wrt X", "kron(X, eye(m)) + kron(eye(m), X) commute(m, n)"),
    ("X: m x n; b: n", "jac (X b) wrt X", "kron(b', eye(m))"),
    ("X: m x n; A: k x m", "jac (A tanh(X)) wrt X", "kron(eye(n), A) diag(vec(1 - tanh(X).^2))"),
    ("X: m x n; B: n x k", "jac (tanh(X) B) wrt X", "kron(B', eye(m)) diag(vec(1 - tanh(X).^2))"),
    ("X: n x n; x: k", "jac (det(X) x) wrt X", "det(X) x vec(inv(X)')'"),
    ("X: n x n; a, b: n", "jac ((a' X b) X) wrt X", "vec(X) kron(b, a)' + (a' X b) I"),
    (
        "A: p x q; X: m x n",
        "jac kron(A, X) wrt X",
        "kron(kron(eye(q), commute(n, p)), eye(m)) kron(vec(A), eye(m n))",
    ),
    (
        "A: p x q; X: m x n",
        "jac kron(X, A) wrt X",
        "kron(eye(n q), commute(m, p)) kron(kron(eye(n), vec(A)), eye(m))",
    ),
    ("v: k; X: m x n", "jac kron(v, X) wrt X", "kron(kron(eye(n), v), eye(m))"),
    (
        "X: m x n",
        "jac kron(X, X) wrt X",
        "kron(eye(n n), commute(m, m)) kron(kron(eye(n), vec(X)), eye(m)) + "
        "kron(kron(eye(n), commute(n, m)), eye(m)) kron(vec(X), eye(m n))",
    ),
    ("t: scalar; A, B: m x n", "jac (sin(t) A + t^2 B) wrt t", "cos(t) A + 2 t B"),
    ("t: scalar", "hess t^3 wrt t", "6 t"),
    ("X: m x n", "hvp (norm(X)^2 / 2) wrt X with V", "V"),
    ("A, X: n x n", "hvp tr(X A X) wrt X", "(V A + A V)'"),
    ("X: m x n; W: n x k; Z = tanh(X W)", "jvp Z wrt W with V", "(1 - Z.^2) .* (X V)"),
    ("t: scalar; A: m x n", "jvp (t A) wrt t", "V A"),
    ("S: n x n; x, y: n", "grad (x' S y) wrt S symmetric", "(x y' + y x') / 2"),
    # attributes, and the same without them
    ("S: n x n symmetric; x: n", "hess (x' S x) wrt x", "2 S"),
    ("Q: n x n orthogonal; x: n", "grad norm(Q x)^2 wrt x", "2 x"),
    ("Q: n x n; x: n", "grad norm(Q x)^2 wrt x", "2 Q' Q x"),
    ("Q: n x n orthogonal symmetric; A: n x n", "grad tr(Q Q A) wrt A", "I"),
    ("Q: n x n orthogonal; A: n x n", "grad tr(inv(Q) A) wrt A", "Q"),
    ("D: n x n diagonal; x: n", "hess norm(D x)^2 wrt x", "2 D^2"),
    ("D: n x n; x: n", "hess norm(D x)^2 wrt x", "2 D' D"),
    ("S: n x n posdef", "grad logdet(S) wrt S", "inv(S)"),
    ("S: n x n", "grad logdet(S) wrt S", "inv(S)'"),
    ("L: n x n lower", "grad logdet(L) wrt L", "inv(L)'"),
    ("x: n positive", "grad norm1(x) wrt x", "ones(n)"),
    ("x: n", "grad norm1(x) wrt x", "sign(x)"),
    (
        "Y: m x k onehot; X: m x k",
        "grad -sum(Y .* log_softmax(X, axis=1)) wrt X",
        "softmax(X, axis=1) - Y",
    ),
]


@pytest.mark.parametrize(
    ("given", "request_", "answer"), FORMS, ids=[f"{r}; {g}" for g, r, _ in FORMS]
)
def test_the_form_that_people_write(given: str, request_: str, answer: str) -> None:
    d = st.derive(f"{given}; {request_}")
    assert d.verified
    assert str(d.gradient) == answer


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("A: n x n; x: n; hess (x' A x) wrt x", "the Hessian is symmetric"),
        ("S: n x n; grad tr(S S) wrt S symmetric", "G + G' - diag(G)"),
    ],
)
def test_what_is_said_of_a_result(text: str, note: str) -> None:
    assert note in st.derive(text).result.notes[0]


@pytest.mark.parametrize(
    "request_", ["hess det(tanh(P X)) wrt X", "jac (norm(X) kron(X, X)) wrt X"]
)
def test_what_passes_through_no_matrix_alone_is_a_sum_over_arguments(request_: str) -> None:
    assert st.derive(f"X, P: n x n; {request_}").verified


@pytest.mark.parametrize(
    ("of", "answer"),
    [
        ("logdet(S)", "-kron(inv(S), inv(S)) (I + commute(n, n)) / 2"),
        ("tr(A S)", "zeros(n n, n n)"),
        ("sum(exp(S))", "(I + commute(n, n)) diag(vec(exp(S))) (I + commute(n, n)) / 4"),
    ],
)
def test_a_hessian_along_the_symmetric_matrices(of: str, answer: str) -> None:
    """P H P: what it gives along a symmetric V is the second derivative, along others what it gives
    along their symmetric part."""
    d = st.derive(f"A : n x n; S : n x n posdef; hess {of} wrt S symmetric")
    assert d.verified
    assert str(d.gradient) == answer


def test_a_hessian_is_symmetric_by_a_square_matrix_alone() -> None:
    with pytest.raises(st.RequestError, match="only a square matrix"):
        st.read("X : m x n; hess norm(X)^2 wrt X symmetric")
    with pytest.raises(st.RequestError, match="belongs to `grad`, `vjp`, `hess`"):
        st.read("X : n x n; jac X wrt X symmetric")


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("S, A : n x n; vjp (A S) wrt S symmetric", "(A' G + G' A) / 2"),
        ("S : n x n; a, b : n; vjp (a' S b) with g wrt S symmetric", "g (a b' + b a') / 2"),
    ],
)
def test_backward_rules_along_the_symmetric_matrices(text: str, answer: str) -> None:
    d = st.derive(text)
    assert d.verified
    given, _, asked = text.rpartition("; ")
    assert st.check(f"{given}; check {asked} = {answer}").right
    assert st.check(f"{given}; check {asked} = {d.gradient}").right
