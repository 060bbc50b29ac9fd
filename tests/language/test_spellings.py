"""Expressions as people spell them: each is read as if it had been typed plainly, or refused with
advice that works."""

from __future__ import annotations

import pytest

import shapetrick as st
import shapetrick.pipeline.hooks  # which derives the derivatives that are values
from shapetrick.core.errors import InputError
from shapetrick.language.elaboration import read
from shapetrick.language.expressions import read_expression

GIVEN = """
A, X : n x n; B : m x n; x, y : n; s, lam, lambda_1 : scalar; sigma : elementwise; mu : n
J = norm(A x - y)^2; Z = A x
"""

# As spelled, and in the plain language.
READ = [
    ("x^TAx", "x' A x"), ("s x^TA", "s x' A"),
    ("‖x‖", "norm(x)"), ("||x||", "norm(x)"), ("||A x - y||^2", "norm(A x - y)^2"),
    ("‖x‖²", "norm(x)^2"), ("‖X‖_F", "norm(X)"), ("‖X‖_F^2", "norm(X)^2"), ("‖X‖²_F", "norm(X)^2"),
    ("‖x‖²_{2}", "norm(x)^2"), ("⟨A, X⟩_F", "dot(A, X)"),
    ("‖x‖_2^2", "norm(x)^2"), ("||x||_2", "norm(x)"), ("‖x‖_1", "norm1(x)"), ("‖x‖₁", "norm1(x)"),
    ("‖x‖_{1}", "norm1(x)"), ("‖x‖ ‖y‖", "norm(x) norm(y)"),
    ("(‖x‖ + ‖y‖)²", "(norm(x) + norm(y))^2"), ("‖(‖x‖ y)‖", "norm(norm(x) y)"),
    ("|s|", "abs(s)"), ("|A|", "det(A)"), ("log|A|", "logdet(A)"), ("log |A X|", "logdet(A X)"),
    ("exp|s|", "exp(abs(s))"), ("|A| |X|", "det(A) det(X)"), ("|s| x", "abs(s) x"),
    ("s²", "s^2"), ("A²", "A^2"), ("A⁻¹", "inv(A)"), ("A⁻²", "A^-2"), ("s¹⁰", "s^10"),
    ("X^{-1}", "inv(X)"), ("X^{T} y", "X' y"), ("Xᵀ y", "X' y"), ("X^⊤ y", "X' y"),
    ("X⊤ y", "X' y"), ("X^{⊤} y", "X' y"), ("A⁻ᵀ", "inv(A)'"), ("A^-T", "inv(A)'"),
    ("A^{-T}", "inv(A)'"), ("s^{1/2}", "s^(1/2)"), ("s^{2 lam}", "s^(2 lam)"),
    ("e^s", "exp(s)"), ("e^(x' y)", "exp(x' y)"), ("e^-s", "exp(-s)"), ("e^x", "exp(x)"),
    ("e^{-½ x' A x}", "exp(-1/2 x' A x)"), ("½ x' A x", "1/2 x' A x"),
    ("⅔ s", "2/3 s"), ("s^½", "s^(1/2)"), ("-½ s", "-1/2 s"),
    ("√(x' x)", "sqrt(x' x)"), ("√2 s", "sqrt(2) s"), ("⟨x, A y⟩", "dot(x, A y)"),
    ("⟨x, y⟩²", "dot(x, y)^2"), ("A·x", "A x"), ("2·x", "2 x"),
    ("tr(A)", "tr(A)"), ("Tr(A X)", "tr(A X)"), ("trace(A)", "tr(A)"), ("ln(s)", "log(s)"),
    ("logistic(x)", "sigmoid(x)"), ("arcsin(x)", "asin(x)"), ("A + Id", "A + I"),
    ("𝟙ᵀ x", "ones(n)' x"), ("x' 𝟙", "x' ones(n)"), ("max(0, x)", "maximum(0, x)"),
    ("min(1, x)", "minimum(1, x)"),
    ("np.trace(A @ X)", "tr(A X)"), ("np.linalg.inv(X) @ y", "inv(X) y"),
    ("np.linalg.norm(x)**2", "norm(x)^2"), ("torch.softmax(X, dim=1)", "softmax(X, axis=1)"),
    ("F.softmax(X, dim=-1)", "softmax(X, axis=1)"), ("softmax(X, axis=-2)", "softmax(X, axis=0)"),
    ("jnp.log(jnp.linalg.det(X))", "log(det(X))"), ("X.sum(axis=0).T", "sum(X, axis=0)'"),
    ("X.mean()", "mean(X)"), ("X.sum(1)", "sum(X, 1)"), ("(A @ x).sum()", "sum(A x)"),
    ("X.sum(axis=1, keepdims=True)", "sum(X, axis=1)"), ("X.transpose() @ y", "X' y"),
    ("X - X.mean(axis=1, keepdims=True)", "X - mean(X, axis=1)"),
    ("x.dot(y)", "x' y"), ("X.dot(y)", "X y"), ("x @ y", "x' y"), ("x·y", "x' y"),
    ("np.dot(X, y)", "X y"), ("np.maximum(0, x)", "maximum(0, x)"), ("2 * np.exp(x)", "2 exp(x)"),
    ("np.exp(x) * s", "exp(x) s"), ("1 / np.sum(x)", "1 / sum(x)"),
    ("lam * np.dot(x, x)", "lam (x' x)"), ("np.sum(x**2)", "sum(x.^2)"),
    ("(x**2).sum()", "sum(x.^2)"), ("np.exp(x) * y", "exp(x) .* y"),
    ("1 / (1 + np.exp(-x))", "1 ./ (1 + exp(-x))"), ("np.sum(A / X)", "sum(A ./ X)"),
    ("np.sum((A @ x - y)**2) / 2", "sum((A x - y).^2) / 2"), ("np.exp(B) * B", "exp(B) .* B"),
    ("np.exp(-x**2 / (2 * s**2))", "exp(-x.^2 / (2 s^2))"), ("np.exp(s)**2", "exp(s)^2"),
    ("tr A", "tr(A)"), ("2 tr A'", "2 tr(A')"), ("-logdet A / 2", "-logdet(A) / 2"),
    ("s tr A .* X", "s tr(A) .* X"), ("log det A^2", "logdet(A^2)"), ("log exp s", "log(exp(s))"),
    ("log 2 s", "log(2 s)"), ("norm(X, 'fro')", "norm(X)"), ("norm(x, 2)", "norm(x)"),
    ('np.linalg.norm(X, ord="fro")', "norm(X)"), ("s^+2", "s^2"),
    ("σ(A x)", "sigma(A x)"), ("λ_1 x", "lambda_1 x"), ("μ' x", "mu' x"),
    ("sigma(‖x‖)", "sigma(norm(x))"),
    ("2 solve(X, y)", "2 (inv(X) y)"), ("np.linalg.solve(X, y)", "inv(X) y"),
    ("torch.linalg.solve(X, y)' y", "(inv(X) y)' y"), ("np.multiply(x, y)", "x .* y"),
    ("np.divide(x, y)", "x ./ y"), ("np.power(x, 3)", "x .^ 3"), ("np.subtract(x, y)", "x - y"),
    ("np.negative(x)", "-x"), ("np.matmul(X, y)", "X y"), ("np.matmul(x, y)", "x' y"),
    ("torch.mm(A, X)", "A X"), ("torch.mv(A, x)", "A x"), ("np.inner(x, y)", "x' y"),
    ("np.vdot(x, y)", "dot(x, y)"), ("np.outer(x, y)", "x y'"), ("torch.outer(x, y)", "x y'"),
    ("np.reciprocal(x)", "1 ./ x"), ("np.exp2(x)", "exp(log(2) x)"), ("np.positive(x)", "x"),
    ("x > 0", "step(x)"), ("0.0 < x", "step(x)"), ("x < 0", "step(0 - x)"),
    ("np.greater(x, y)", "step(x - y)"), ("torch.nn.functional.relu6(x)", "minimum(relu(x), 6)"),
    ("torch.nn.functional.mse_loss(x, y)", "mean((x - y).^2)"), ("inner(x, y)", "x' y"),
    ("torch.inverse(A) @ x", "inv(A) x"), ("np.linalg.matrix_power(A, 3)", "A^3"),
    ("np.amax(x)", "max(x)"), ("scipy.special.expit(x)", "sigmoid(x)"),
    ("jax.scipy.special.logsumexp(x)", "logsumexp(x)"), ("A.t() @ x", "A' x"),
    ("exp.(x)", "exp(x)"), ("sigma.(A*x)", "sigma(A x)"), ("sum(abs.(x))", "sum(abs(x))"),
    ("x .+ 1", "x + 1"), ("A*x .- y", "A x - y"), ("A.'*x", "A' x"), ("A⋅x – y", "A x - y"),
    ("∥x∥²", "norm(x)^2"), ("x∙y", "x' y"), ("A∗X", "A X"), ("X⊺ y", "X' y"),
    ("norm(x)ˆ2", "norm(x)^2"), ("xʹ y", "x' y"), ("x´ y", "x' y"), ("x‘ y", "x' y"),
    ("xᵗ y", "x' y"), ("A x — y", "A x - y"), ("A x ‐ y", "A x - y"),
    ("∑ᵢⱼ Aᵢⱼ²", "sum(A.^2)"), ("∑ᵢ Aᵢᵢ", "tr(A)"),
    ("tr A X", "tr(A X)"), ("-2 trace A X' / s", "-2 tr(A X') / s"), ("tr x x' A", "tr(x x' A)"),
    ("tr A X tr X + s", "tr(A X) tr(X) + s"), ("tr A (X + A)", "tr(A (X + A))"),
    ("tanh'(x)", "1 - tanh(x).^2"), ("A sigmoid'(A x)", "A (sigmoid(A x) .* (1 - sigmoid(A x)))"),
    ("tanh'(x)' y", "(1 - tanh(x).^2)' y"), ("exp'(s)", "exp(s)"), ("Φ(x)", "Phi(x)"),
    ("ln det A", "logdet(A)"),
]  # fmt: skip

# Derivatives as people write them, and as requests.
ASKED = [
    ("∂J/∂A", "grad J wrt A"), ("dJ/dA", "grad J wrt A"), ("d J / d A", "grad J wrt A"),
    ("d/dx J", "grad J wrt x"), ("∂/∂x (x' A x)", "grad (x' A x) wrt x"),
    ("∇_x J", "grad J wrt x"), ("∇_{x} J", "grad J wrt x"), ("∇_x (x' A x)", "grad (x' A x) wrt x"),
    ("∇_x ‖x‖", "grad norm(x) wrt x"), ("∂‖x‖/∂x", "grad norm(x) wrt x"),
    ("∂Z/∂x", "jac Z wrt x"), ("∇²_x J", "hess J wrt x"), ("∂²J/∂x²", "hess J wrt x"),
    ("∂_x J", "grad J wrt x"), ("∂_{x} J", "grad J wrt x"), ("D_x J", "grad J wrt x"),
    ("D_{x} Z", "jac Z wrt x"), ("∂_x Z", "jac Z wrt x"), ("∇_x² J", "hess J wrt x"),
    ("∇_x^2 J", "hess J wrt x"), ("D_x (x' A x)", "grad (x' A x) wrt x"),
    ("∂_x J = 2 A' (A x - y)", "check grad J wrt x = 2 A' (A x - y)"),
    ("d²J/dx²", "hess J wrt x"), ("d2J/dx2", "hess J wrt x"), ("∂J/∂x, A", "grad J wrt x, A"),
    ("∂J/∂x = 2 A' (A x - y)", "check grad J wrt x = 2 A' (A x - y)"),
    ("check ∂J/∂x = A'", "check grad J wrt x = A'"),
    ("gradient of J with respect to x", "grad J wrt x"), ("derivative of J wrt A", "∂J/∂A"),
    ("grad(J, x)", "grad J wrt x"), ("diff(J, x)", "∂J/∂x"), ("hessian J wrt x", "hess J wrt x"),
    ("grad J with respect to x, A", "grad J wrt x, A"), ("grad J", "∇J"), ("grad(J)", "∇J"),
    ("check gradient of J wrt x = A'", "check grad J wrt x = A'"),
    ("∇_x J = sum(A, axis=0)'", "check grad J wrt x = sum(A, axis=0)'"),
    ("gradient of J with respect to x", "grad J wrt x"),
    ("the gradient of J w.r.t. x", "grad J wrt x"),
    ("What is the gradient of J wrt x?", "grad J wrt x"), ("∇ₓ J", "grad J wrt x"),
    ("Gradient of J w.r.t. x", "grad J wrt x"),
    ("Find the gradient of J with respect to x.", "grad J wrt x"), ("grad of J", "∇J"),
    ("derivative of Z wrt x", "jac Z wrt x"), ("differentiate J with respect to x", "grad J wrt x"),
    ("hessian of J wrt x", "hess J wrt x"), ("jacobian of Z wrt x", "jac Z wrt x"),
    ("find the gradient of J wrt x and A", "grad J wrt x, A"),
    ("find grad J wrt x", "grad J wrt x"),
    ("min J over x", "grad J wrt x"), ("max J w.r.t. x", "grad J wrt x"),
    ("min over x of J", "grad J wrt x"), ("minimize over x, A of 2 J", "grad 2 J wrt x, A"),
    ("minimize J over x", "grad J wrt x"), ("maximise J over x", "grad J wrt x"),
    ("min_x ‖x‖^2 + J", "grad (‖x‖^2 + J) wrt x"),
    ("max_{x} J s - x' x", "grad (J s - x' x) wrt x"),
    ("diff(x' A x, x)", "grad (x' A x) wrt x"), ("diff(Z, x)", "jac Z wrt x"),
    ("D(J, x)", "grad J wrt x"), ("hessian(J, x)", "hess J wrt x"),
    ("grad (x' x)", "grad (x' x) wrt x"), ("hess (x' x)", "hess (x' x) wrt x"),
    ("check gradient of J wrt x = A'", "check grad J wrt x = A'"),
]  # fmt: skip

# A whole right side that is a derivative.
VALUES = [
    ("∇_x J", "grad J wrt x"), ("∂J/∂x", "grad J wrt x"), ("dJ/dx", "grad J wrt x"),
    ("∂_x J", "grad J wrt x"), ("D_x J", "grad J wrt x"), ("∇²_x J", "hess J wrt x"),
    (r"$E = \nabla_x J$", "grad J wrt x"), (r"$E = \frac{\partial J}{\partial x}$", "grad J wrt x"),
    (r"$E = \nabla_x^2 J$", "hess J wrt x"), (r"$E = \partial_x J$", "grad J wrt x"),
]  # fmt: skip

REFUSED = [
    ("|x|", "`abs(x)`"), ("|B|", "`abs(x)`"), ("‖A‖_2", "`norm(A)`"), ("|A |X| A|", "`det(…)`"),
    ("|s", "never closed"), ("‖x", "never closed"), ("⟨x, y", "never closed"),
    ("<x, y>", "`dot(x, y)`"), ("max(x, 0)", "`maximum(x, y)`"), ("min(x, 1)", "`minimum(x, y)`"),
    ("max(x, 0)", "`max(x, axis=0)`"), ("1'x", "`ones(n)'`"), ("2½ s", "no place here"),
    ("X†", "`pinv(A)`"), ("X⁺", "`pinv(A)`"),
    ("X^+", "`pinv(A)`"), ("X^{†} y", "`pinv(A)`"), ("norm(X, 2)", "`norm(A)`"),
    ("norm(X, 'nuc')", "`norm(A, 'fro')`"), ("np.linalg.slogdet(X)[1]", "`logdet(A)`"),
    ("inv A X", "put brackets"), ("-log s lam", "put brackets"),
    ("tanh''(x)", "first derivative"), ("tr'(A)", "first derivative"),
    ("A^H x", "is the transpose, `A'`"), ("x[None, :]", "its row is `x'`"), ("A I_n", "`eye(n)`"),
    ("np.exp(A) * X", "`np.exp(A) .* X`"), ("np.exp(A) * X", "`np.exp(A) @ X`"),
    ("np.sum(A**2)", "`A .^ 2`"), ("np.sum(A**2)", "`A ^ 2`"), ("np.exp(B) * x", "`np.exp(B) @ x`"),
    ("np.sum(x * A @ y)", "`(x)'`"),
    ("X - X.mean(axis=1)", "`(X.mean(axis=1))'`"), ("np.exp(X) + x", "`(x)'`"),
    ("softmax(x, dim=-1)", "`axis=0`"), ("A \\ x", "`inv(A) b`"), ("A\\x", "`solve(A, b)`"),
    ("np.einsum('ij,j->i', A, x)", "`y[i] = sum(j) A[i,j] x[j]`"), ("A(:)", "`vec(A)`"),
    ("Exp[x]", "`exp(x)`"), ("Total[x]", "`sum(x)`"), ("KroneckerProduct[A, X]", "`kron(A, X)`"),
    ("|x|_1", "`norm1(x)`"), ("A^(1/2)", "`R = sqrtm(A)`"), ("2 solve(A)", "`solve(A, b)`"),
    ("solve A", "`solve(A, b)`"), ("solve |A|", "`solve(A, b)`"),
    ("sum.(A)", "`sum(…)`"), ("F.mse_loss(x, y)", "`mean((a - b).^2)`"),
    ("np.inner(A, A)", "`x` is"), ("np.outer(A, A)", "`x` is"), ("np.invert(A)", "is not read"),
    ("np.concatenate([x, y])", "`[A; B]`"), ("np.multiply(x, y, s)", "`A .* B`"),
    ("np.sort(x)", "no such function"), ("jax.nn.gelu(x)", "tanh form"),
    ("X.cumsum()", "methods are not read"), ("sum(X, keep=True)", "not understood"),
    ("e^A", "`exp(A)`"), ("x²", "`x .^ 2`"), ("2 tr", "`tr(…)`"),
    ("norm(D_x J)", "`(grad f wrt x)`"), ("2 D J", "`(grad f wrt x)`"), ("x dJ", "`∂f/∂x`"),
    ("J_Z x", "`jac f wrt x`"), ("norm(∇_x J)", "`(grad J wrt X)`"), ("dZ/dx", "`jac`"),
    ("diff(s x, x) + diff(x, x)", "no such function"), ("∇_x J + x", "put brackets"),
    ("‖A‖_*", "`U, s, V = svd(A)`"), ("‖x‖_∞", "`max(abs(x))`"),
    ("‖x‖_A", "`sqrt(x' A x)`"), ("‖x‖_3", "`norm(x, p)`"),
    ("x[1] + … + x[3]", "`sum(i = 1..n) x[i]`"), ("x[1] + ... + x[3]", "`sum(i = 1..n) x[i]`"),
]  # fmt: skip

# What is refused, a piece of the advice, and what is typed by someone who follows it.
FOLLOWED = [
    ("X \\ y", "`solve(A, b)`", "2 solve(X, y)"), ("X \\ y", "`inv(A) b`", "inv(X) y"),
    ("np.linalg.slogdet(X)[1]", "`logdet(A)`", "logdet(X)"),
    ("<x, y>", "`dot(x, y)`", "dot(x, y)"), ("<x, y>", "`⟨x, y⟩`", "⟨x, y⟩"),
    ("x'Ax", "`A x`", "x'A x"), ("xT A x", "`x'`", "x' A x"), ("Σ x", "`sum(…)`", "sum(x)"),
    ("|x|", "`abs(x)`", "abs(x)"), ("|x|", "`norm(x)`", "norm(x)"),
    ("X\\(x + y)", "`solve(A, b)`", "2 solve(X, x + y)"), ("A×X", "`A B`", "A X"),
    ("A×X", "`A .* B`", "A .* X"),
    ("max(x, 0)", "`maximum(x, y)`", "maximum(x, 0)"),
    ("max(x, 0)", "`max(x, axis=0)`", "max(x, axis=0)"),
    ("exp(x)^2", "`exp(x) .^ 2`", "exp(x) .^ 2"), ("1/x", "`1 ./ x`", "1 ./ x"),
    ("x/y", "`x ./ y`", "x ./ y"), ("x²", "`x .^ 2`", "x .^ 2"),
    ("X^+", "`pinv(A)`", "pinv(X)"), ("X†", "`pinv(A)`", "pinv(X)"),
    ("I_n", "`eye(n)`", "eye(n)"), ("𝟙", "`ones(m, n)`", "ones(m, n)"),
    ("1'x", "`ones(n)'`", "ones(n)' x"), ("1'x", "`𝟙'`", "𝟙' x"), ("1ᵀx", "`𝟙'`", "𝟙' x"),
    ("np.exp(A) * X", "`np.exp(A) .* X`", "np.exp(A) .* X"),
    ("np.exp(A) * X", "`np.exp(A) @ X`", "np.exp(A) @ X"),
    ("np.exp(B) * x", "`np.exp(B) @ x`", "np.exp(B) @ x"),
    ("np.exp(X) + x", "`(x)'`", "np.exp(X) + (x)'"), ("e^A", "`exp(A)`", "exp(A)"),
    ("exp A X", "`log(x y)`", "exp(A X)"), ("tr B X", "`tr(A B)`", "tr(B' B)"),
    ("‖A‖_2", "`norm(A)`", "norm(A)"),
]  # fmt: skip


@pytest.mark.parametrize(("spelled", "advice", "typed"), FOLLOWED)
def test_advice_works_when_it_is_followed(spelled: str, advice: str, typed: str) -> None:
    with pytest.raises(InputError) as refused:
        read(f"{GIVEN}E = {spelled}\n", complete=False)
    assert advice in refused.value.message
    assert "E" in read(f"{GIVEN}E = {typed}\n", complete=False).definitions


@pytest.mark.parametrize(("spelled", "plain"), READ)
def test_is_read_as_typed_plainly(spelled: str, plain: str) -> None:
    problem = read(GIVEN, complete=False)
    shape = (problem.symbols["A"].shape[0], problem.symbols["A"].shape[0])
    sized = shape if "Id" in spelled else None
    assert read_expression(spelled, problem, shape=sized) is read_expression(
        plain, problem, shape=sized
    )
    as_definition = read(f"{GIVEN}E = {spelled}\n", complete=False).definitions["E"].args[0]
    assert as_definition is read(f"{GIVEN}E = {plain}\n", complete=False).definitions["E"].args[0]


@pytest.mark.parametrize(("spelled", "plain"), ASKED)
def test_derivatives_are_requests(spelled: str, plain: str) -> None:
    def asked(text: str) -> list[tuple[object, ...]]:
        return [
            (r.kind, r.of, r.wrt, r.claim and (r.claim.value, r.claim.problem))
            for r in read(f"{GIVEN}{text}").requests
        ]

    assert asked(spelled) == asked(plain)


@pytest.mark.parametrize(("spelled", "plain"), VALUES)
def test_derivatives_are_values(spelled: str, plain: str) -> None:
    line = spelled if spelled.startswith("$") else f"E = {spelled}"
    values = [
        read(f"{GIVEN}{text}\n", complete=False).definitions for text in (line, f"E = {plain}")
    ]
    assert values[0]["E"].args[0] is values[1]["E"].args[0]


@pytest.mark.parametrize("given", ["f(x) = x^3", "f(x) = x^3; y : scalar"])
@pytest.mark.parametrize("spelled", ["f'(x)", "g = f'(x) + x", "f''(x)", "$f'(x)$", "f'", "$f'$"])
def test_a_prime_is_no_derivative(given: str, spelled: str) -> None:
    with pytest.raises(InputError, match="no derivative"):
        read(f"x : scalar; {given}\n{spelled}")


@pytest.mark.parametrize("constraint", ["s.t. x' x = 1", "subject to x' x = 1", "such that x > 0"])
def test_constraints_are_refused_with_the_lagrangian(constraint: str) -> None:
    with pytest.raises(InputError, match="`grad L wrt x, lam`"):
        read(f"{GIVEN}maximize x' A x {constraint}")
    lagrangian = f"{GIVEN}L = J + lam (x' x - 1)\ngrad L wrt x, lam"
    assert [r.wrt.name for r in read(lagrangian).requests] == ["x", "lam"]


@pytest.mark.parametrize("spelled", ["argmin_x norm(A x)", "arg min_{x} J", "argmax x' A x"])
def test_minimizers_are_refused(spelled: str) -> None:
    with pytest.raises(InputError, match="no derivative"):
        read(GIVEN + spelled)
    assert read(f"{GIVEN}argmin_x : n\ngrad (argmin_x' x) wrt x").requests


@pytest.mark.parametrize(("spelled", "said"), REFUSED)
def test_is_refused_with_what_to_write(spelled: str, said: str) -> None:
    with pytest.raises(InputError) as refused:
        read(f"{GIVEN}E = {spelled}\n", complete=False)
    assert said in refused.value.message
    assert refused.value.span is not None
    assert refused.value.span.start >= len(GIVEN) + len("E = ")


@pytest.mark.parametrize(
    ("spelled", "said"),
    [
        ("‖A‖", "`‖A‖` is read as `norm`, the Frobenius norm of a matrix."),
        ("|A|", "`|A|` is read as `det`."),
        ("log|A|", "`log|A|` is read as `logdet`."),
        ("tr A X", "`tr A X` is read as `tr`."),
        ("max(0, s)", "`max(0, s)` is read as `maximum`."),
        ("e^x", "`e^x` is read as `exp(x)`, by entries."),
        ("x @ y", "`x @ y` is read as the inner product `dot(x, y)`."),
        (
            "sum (x - y).^2",
            "`sum (x - y).^2` is read as `(sum(x - y)).^2`; the other reading is "
            "`sum((x - y).^2)`.",
        ),
        (
            "s^2 / 2 x' x",
            "`s^2 / 2 x' x` is read as `(s^2 / 2) x' x`, from left to right; the other reading is "
            "`s^2 / (2 x' x)`.",
        ),
        (
            "s^2 / 2 lam",
            "`s^2 / 2 lam` is read as `(s^2 / 2) lam`, from left to right; the "
            "other reading is `s^2 / (2 lam)`.",
        ),
        (
            "s² / 2lam²",
            "`s² / 2lam²` is read as `(s² / 2) lam²`, from left to right; the "
            "other reading is `s² / (2lam²)`.",
        ),
        ("1/2s", "`1/2s` is read as `(1/2) s`, from left to right; the other reading is `1/(2s)`."),
    ],
)
def test_a_reading_among_several_is_said(spelled: str, said: str) -> None:
    assert read(f"{GIVEN}E = {spelled}\n", complete=False).readings == (said,)


def test_what_is_printed_is_read() -> None:
    d = st.derive("A : n x n; x : n; J = x' A x; ∂J/∂x")
    claim = f"A : n x n; x : n; J = x' A x; ∂J/∂x = {d.gradient}"
    assert st.check(claim).right


@pytest.mark.parametrize(
    ("typed", "label"),
    [
        ("np.dot(A, X)", "np.dot(A, X)"),
        ("solve(A, X)", "solve(A, X)"),
        ("(A X)", "A X"),
    ],
)
def test_a_request_is_named_as_typed(typed: str, label: str) -> None:
    (request,) = read(f"A, X : n x n; jac {typed} wrt X").requests
    assert request.of_text == label


@pytest.mark.parametrize("sign", [":=", "≔", "≡"])
def test_definitions_have_the_signs_of_books(sign: str) -> None:
    found = read(f"{GIVEN}E {sign} A x; f(u) {sign} u' u\nK {sign} f(x)\n", complete=False)
    plain = read(f"{GIVEN}E = A x; f(u) = u' u\nK = f(x)\n", complete=False)
    assert found.definitions == plain.definitions
