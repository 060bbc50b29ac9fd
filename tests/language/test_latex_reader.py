r"""Formulas as papers and lecture notes print them, and the plain statement that each one means."""

from __future__ import annotations

import subprocess
import sys
import tomllib

import numpy as np
import pytest
from effort import calls
from hypothesis import example, given
from hypothesis import strategies as st
from paths import ROOT
from strategies import examples
from thinned import thinned

import shapetrick
from shapetrick.cli import main
from shapetrick.core.dims import SCALAR
from shapetrick.core.errors import InputError, ShapetrickError
from shapetrick.core.expr import Expr
from shapetrick.core.indices import base_of
from shapetrick.core.problem import Problem
from shapetrick.core.traversal import symbols_of
from shapetrick.language.elaboration import read
from shapetrick.language.expressions import read_expression
from shapetrick.language.latex.files import marked
from shapetrick.numerics.evaluation import EvaluationTape
from shapetrick.numerics.sampling import dims_of, draw, generator
from shapetrick.render.latex import Latex, alike, notation_for, to_latex
from shapetrick.session.statements import Session, is_expression

DECLARED = """
X : m x d; Y, Z, P : m x k; W : d x k; A, B, C, S, H : n x n; Sigma, Lambda : n x n posdef
Q, K : n x d; V : n x k; M : n x c; U : n x r; R : c x r
x, mu, a, b, y_n, v, z, s, x_0, y_hat : n; w, theta, beta, u : d; y, p, t : m; q : k
lam, alpha, sigma, tau, epsilon, gamma : scalar
"""

FORMULAS = [
    # least squares
    (r"J = \frac{1}{2m} \|X\theta - y\|_2^2", "1/(2 m) norm(X theta - y)^2"),
    (r"J(\theta) = \frac{1}{2m} \left\| X\theta - y \right\|^2", "1/(2 m) norm(X theta - y)^2"),
    (r"\mathcal{L}(\beta) = (y - X\beta)^\top (y - X\beta)", "(y - X beta)' (y - X beta)"),
    (
        r"J = \lVert Xw - y \rVert_2^2 + \lambda \lVert w \rVert_2^2",
        "norm(X w - y)^2 + lam norm(w)^2",
    ),
    (
        r"J = \frac{1}{2}\Vert Xw-y\Vert^2 + \lambda\Vert w\Vert_1",
        "norm(X w - y)^2 / 2 + lam norm1(w)",
    ),
    (r"J = ||\mathbf{X}\mathbf{w}-\mathbf{y}||_2^2", "norm(X w - y)^2"),
    (r"\hat{\beta} = (X^\top X)^{-1} X^\top y", "inv(X' X) X' y"),
    (r"\hat{w} = (X^T X + \lambda I)^{-1} X^T y", "inv(X' X + lam I) X' y"),
    (
        r"\hat{w} = \left(X^{\mathsf T} X + \lambda \mathbf{I}_d\right)^{-1} X^{\mathrm{T}} y",
        "inv(X' X + lam eye(d)) X' y",
    ),
    (r"J = \tfrac{1}{2} w^\intercal X^\intercal X w", "(1/2) w' X' X w"),
    # sums without brackets
    (r"f = \log \sum_{i=1}^{n} e^{x_i}", "log(sum(exp(x)))"),
    (r"f = 2 - \log\sum_i \exp(x_i)", "2 - log(sum(exp(x)))"),
    (r"f = \lambda \sqrt{\sum_i x_i^2} \log \sum_j x_j^2", "lam sqrt(sum(x.^2)) log(sum(x.^2))"),
    # likelihoods
    (
        r"\ell = -\frac12 \log|\Sigma| - \frac12 (x-\mu)^\top \Sigma^{-1} (x-\mu)",
        "-logdet(Sigma) / 2 - (1/2) (x - mu)' inv(Sigma) (x - mu)",
    ),
    (
        r"\ell = -\frac{n}{2} \log(2\pi) - \frac{1}{2} \log\det\Sigma",
        "-n/2 log(2 pi) - logdet(Sigma) / 2",
    ),
    (r"\ell = -\frac{n}{2} \log 2\pi\sigma^2", "-n/2 log(2 pi sigma^2)"),
    (r"D = \sqrt{(x - \mu)^{\top} \Sigma^{-1} (x - \mu)}", "sqrt((x - mu)' inv(Sigma) (x - mu))"),
    (
        r"N = \exp\left(-\tfrac{1}{2} (x-\mu)^\top \Lambda (x-\mu)\right)",
        "exp(-(1/2) (x - mu)' Lambda (x - mu))",
    ),
    (r"N = e^{-\frac{1}{2\sigma^2} \|x-\mu\|^2}", "exp(-1/(2 sigma^2) norm(x - mu)^2)"),
    (r"J = \operatorname{tr}(S\Lambda) - \log\det(\Lambda)", "tr(S Lambda) - logdet(Lambda)"),
    (
        r"J = \frac12\left(\operatorname{tr}(\Sigma) + \mu^\top\mu - n - \log|\Sigma|\right)",
        "(1/2) (tr(Sigma) + mu' mu - n - logdet(Sigma))",
    ),
    (r"J = \log \lvert A^\top A + \epsilon I \rvert", "logdet(A' A + epsilon I)"),
    (r"J = \log\left|\det\left(A B\right)\right|", "logdet(A B)"),
    # logistic regression, softmax
    (
        r"J = -\frac{1}{m}\left(y^\top \log p + (\mathbf{1} - y)^\top \log(\mathbf{1} - p)\right)",
        "-1/m (y' log(p) + (vector(1) - y)' log(vector(1) - p))",
    ),
    (
        r"J = \underbrace{a^\top z}_{\text{fit}} + \overbrace{\sum_i \underbrace{|z_i|}_k}^{L_1}",
        "a' z + sum(abs(z))",
    ),
    (r"J = a^\top \mathbb{1}_{\{z > 0\}} + a^\top \mathbf 1_{[z < 1]}", "a' (z > 0) + a' (z < 1)"),
    (r"J = \mathbf{1}^\top \log(1 + e^{-t})", "vector(1)' log(1 + exp(-t))"),
    (
        r"J = \mathbf{1}_m^\top \log\left(1 + \exp\left(-y \odot Xw\right)\right)",
        "ones(m)' log(1 + exp(-y .* X w))",
    ),
    (r"J = \log\left(\mathbf{1}^\top e^{z}\right) - a^\top z", "log(vector(1)' exp(z)) - a' z"),
    (r"\pi = \frac{e^{z}}{\mathbf{1}^\top e^{z}}", "exp(z) / (vector(1)' exp(z))"),
    (r"J = -a^\top \log \operatorname{softmax}(z)", "-a' log(softmax(z))"),
    (r"J = \operatorname{logsumexp}(z) - a^{\top} z", "logsumexp(z) - a' z"),
    # networks
    (r"h = \tanh(A x + b)", "tanh(A x + b)"),
    (r"h = \max(0, A x + b)", "maximum(0, A x + b)"),
    (r"h = \operatorname{ReLU}(Ax + b)", "relu(A x + b)"),
    (r"h = \mathrm{relu}\bigl(A x + b\bigr)", "relu(A x + b)"),
    (r"J = \|P - \tanh(XW)\|_F^2", "norm(P - tanh(X W))^2"),
    (
        r"O = \operatorname{softmax}\left(\frac{Q K^\top}{\sqrt{d}}, \mathrm{axis}=1\right) V",
        "softmax(Q K' / sqrt(d), axis=1) V",
    ),
    (r"h = x \odot \operatorname{sigmoid}(x)", "x .* sigmoid(x)"),
    (r"v_1 = \frac{1}{n}\|x - \mu\|^2", "1/n norm(x - mu)^2"),
    (
        r"g = \gamma \frac{x - \mu}{\sqrt{\sigma^2 + \epsilon}}",
        "gamma (x - mu) / sqrt(sigma^2 + epsilon)",
    ),
    (r"h = x - \frac1n \mathbf{1}\mathbf{1}^\top x", "x - (1/n) vector(1) vector(1)' x"),
    (
        r"E = \frac12\left\|x - \sigma a\right\|^2 + \frac{\tau}{2} a^{\top}a",
        "norm(x - sigma a)^2 / 2 + tau/2 a' a",
    ),
    (r"J = A x \cdot a + \epsilon \cdot x^\top x", "(A x)' a + epsilon x' x"),
    # matrices
    (
        r"J = \frac12 \|M - UR^\top\|_F^2 + \frac\lambda2\left(\|U\|_F^2 + \|R\|_F^2\right)",
        "norm(M - U R')^2 / 2 + lam/2 (norm(U)^2 + norm(R)^2)",
    ),
    (r"J = \mathrm{tr}(A^\top B)", "tr(A' B)"),
    (r"J = \text{tr}(ABC)", "tr(A B C)"),
    (r"J = \operatorname{tr} A", "tr(A)"),
    (r"J = \operatorname{tr}(W^\top X^\top X W)", "tr(W' X' X W)"),
    (r"J = \operatorname{tr}\left( A^{-1} B \right) \det B", "tr(inv(A) B) det(B)"),
    (r"J = \left|A\right|", "det(A)"),
    (r"J = \det(A)^2 + \lambda |\sigma|", "det(A)^2 + lam abs(sigma)"),
    (r"G = |A| A^{-\top}", "det(A) inv(A)'"),
    (r"G = -A^{-\top} a b^\top A^{-T}", "-inv(A)' a b' inv(A)'"),
    (r"G = (B \otimes A) \operatorname{vec}(C)", "kron(B, A) vec(C)"),
    (r"J = \langle A, B \rangle", "dot(A, B)"),
    (r"J = \left\langle x, A x\right\rangle", "dot(x, A x)"),
    (r"J = \frac{x^\top A x}{x^\top x}", "x' A x / (x' x)"),
    (r"J = u^\top X^\top X u - \lambda(u^\top u - 1)", "u' X' X u - lam (u' u - 1)"),
    (r"J = \|X - X u u^\top\|_F^2", "norm(X - X u u')^2"),
    (r"J = \|A \circ (B - C)\|_F^2", "norm(A .* (B - C))^2"),
    (r"J = a^\top \operatorname{diag}(x) b", "a' diag(x) b"),
    (r"J = \mathbf{1}^\top (A \odot B) \mathbf{1}", "vector(1)' (A .* B) vector(1)"),
    (r"G = \frac{1}{m} X^{\top} (X w - y) + 2\lambda w", "1/m X' (X w - y) + 2 lam w"),
    (r"G = 2\,X^{\!\top}\!\left(Xw-y\right)", "2 X' (X w - y)"),
    (r"K_1 = \exp\left\{-\gamma \|x - x_0\|^2\right\}", "exp(-gamma norm(x - x_0)^2)"),
    (r"J = \sin^2 \alpha + \cos^2(\alpha)", "sin(alpha).^2 + cos(alpha).^2"),
    (r"J = (y_n - \hat{y})^\top (y_n - \hat{y})", "(y_n - y_hat)' (y_n - y_hat)"),
    (r"J = A^{2} x + {A^{-1}}^{\top} x", "A^2 x + inv(A)' x"),
    (r"J = x^{\circ 2} \oslash a", "x.^2 ./ a"),
    (r"J = \boldsymbol{\Sigma}\boldsymbol{\mu} + \vec{a}", "Sigma mu + a"),
]


def defined(text: str) -> Expr:
    """The value of a problem's last definition."""
    return list(read(text, complete=False).definitions.values())[-1].args[0]


@pytest.mark.parametrize(("latex", "plain"), FORMULAS, ids=[latex for latex, _ in FORMULAS])
def test_formula(latex: str, plain: str) -> None:
    wanted = defined(f"{DECLARED}\nvalue = {plain}")
    assert defined(f"{DECLARED}\n{latex}") == wanted
    assert defined(f"{DECLARED}\n${latex}$") == wanted
    assert defined(f"\\[\n{latex}.\n\\]\n{DECLARED}") == wanted


STATEMENTS = [
    # declarations
    (r"X \in \mathbb{R}^{m \times d}", "X : m x d"),
    (r"w \in \mathbb{R}^d", "w : d"), ("w ∈ ℝᵈ", "w : d"), ("w, u ∈ R^d", "w, u : d"),
    ("X ∈ ℝᵐˣᵈ, λ ∈ ℝ", "X : m x d; lambda : scalar"), ("X ∈ ℝ^{m×d}", "X : m x d"),
    (r"\lambda \in \mathbb{R}", "lambda : scalar"),
    (r"c \in \mathbb{N}^n", "c : n nonneg"),
    (r"\lambda \in \mathbb{R}_{>0}", "lambda : scalar positive"),
    (r"p \in \mathbb{R}_{+}^{n}", "p : n nonneg"),
    (r"\Sigma \in \mathbb{S}^n_{++}", "Sigma : n x n posdef"),
    (r"\Theta : m \times (n + 1)", "Theta : m x (n + 1)"),
    (r"\Theta : m x 2n \text{ nonneg}", "Theta : m x 2 n nonneg"),
    (r"S \in \mathbf{R}^{n \times n} \text{symmetric}", "S : n x n symmetric"),
    (r"\phi : \text{elementwise}", "phi : elementwise"),
    (r"W_1, W_2 \in \mathbb{R}^{d_{in} \times d_{\mathrm{out}}}", "W_1, W_2 : d_in x d_out"),
    (r"$X \in \mathbb{R}^{m \times d}, w \in \mathbb{R}^d$ and $b \in \mathbb{R}$",
     "X : m x d; w : d; b : scalar"),
    (r"y \in \{0, 1\}^m", "y : m unit"),
    (r"R \in [0, 1]^{m \times n}", "R : m x n unit"),
    (r"y \in \{-1, +1\}^{m}", "y : m"), (r"y \in \{\pm 1\}^m", "y : m"),
    (r"\sigma^2 > 0", "sigma_sq : scalar positive"),
    (r"C \in \mathbb{R}^{n \times n} \text{ positive definite}", "C : n x n posdef"),
    (r"L \in \mathbb{R}^{n \times n} \text{ lower triangular}", "L : n x n lower"),
    (r"$A = A^\top \in \mathbb{R}^{n \times n}$", "A : n x n symmetric"),
    (r"$A \in \mathbb{R}^{n \times n}$ and $A^\top = A$", "A : n x n symmetric"),
    (r"let $\lambda_1, \lambda_2 > 0$ and $\alpha \ge 0$",
     "lambda_1, lambda_2 : scalar positive; alpha : scalar nonneg"),
    ("lam1, lam2 > 0", "lam1, lam2 : scalar positive"),
    (r"$ratings, weights \in \mathbb{R}^{m \times n}$", "ratings, weights : m x n"),
    (r"y \in \mathbb{R}^{k} \text{ one-hot}", "y : k onehot"),
    # requests and claims, of J = norm(X w)^2
    (r"\nabla_w J", "grad J wrt w"),
    (r"\nabla_{w} J", "grad J wrt w"),
    (r"\nabla_{X, w} J", "grad J wrt X, w"),
    (r"\nabla_w^2 J", "hess J wrt w"),
    (r"\partial J / \partial w", "d J / d w"),
    (r"\frac{\partial J}{\partial w}", "d J / d w"),
    (r"\frac{dJ}{dw}", "d J / d w"),
    (r"\frac{\mathrm{d}J}{\mathrm{d}w}", "d J / d w"),
    (r"\frac{\partial}{\partial w} \|Xw\|^2", "d norm(X w)^2 / d w"),
    (r"\frac{\partial^2 J}{\partial w^2}", "hess J wrt w"),
    (r"\frac{\partial^2 J}{\partial w\,\partial w^\top}", "hess J wrt w"),
    (r"\frac{\partial^{2} J}{\partial w^{2}}[V]", "hvp J wrt w with V"),
    (r"\frac{\partial (X w)}{\partial w}[V]", "jvp (X w) wrt w with V"),
    (r"grad \frac{1}{2} J wrt w", "grad 1/2 J wrt w"),
    (r"\min_w J", "grad J wrt w"),
    (r"\text{minimize}_w \; J", "grad J wrt w"),
    (r"\text{Let } b \in \mathbb{R}^d", "b : d"),
    (r"\min_z \|Xz-b\|^2", "grad norm(X z - b)^2 wrt z"),  # of what nobody declared
    (r"\max_{X, w} \frac{1}{2} J", "grad 1/2 J wrt X, w"),
    (r"\min_{b \in \mathbb{R}} (K - b)^2", "b : scalar; grad (K - b)^2 wrt b"),
    (r"\min_{w, b \in \mathbb{R}^d, c \in \mathbb{R}_+} (w^\top b - c)^2",
     "w, b : d; c : scalar nonneg; grad (w' b - c)^2 wrt w, b, c"),
    (r"\nabla_w J = 2 X^\top X w", "check grad J wrt w = 2 X' X w"),
    (r"$\nabla_w J = ?$", "grad J wrt w"),
    (r"$$\boxed{\nabla_w J = 2 X^\top X w}$$", "check grad J wrt w = 2 X' X w"),
    (r"g = 2 w \implies \nabla_w J = X^\top X g", "g = 2 w; check grad J wrt w = X' X g"),
    (r"grad J wrt w = 2 X^\top X w", "check grad J wrt w = 2 X' X w"),
    (r"check grad J wrt w = 2 X^\top X w", "check grad J wrt w = 2 X' X w"),
    (r"$\nabla_w J = 2X'Xw$", "check grad J wrt w = 2 X' X w"),
    (r"\nabla_w J = X^\top X w + X^\top X w = 2X^{\top}Xw",
     "check grad J wrt w = X' X w + X' X w; check grad J wrt w = 2 X' X w"),
    (r"\nabla_w J = \frac{\partial}{\partial w} \|Xw\|^2 = 2X^{\top}Xw",
     "check grad J wrt w = 2 X' X w; check ∂/∂w norm(X w)^2 = 2 X' X w"),
]  # fmt: skip
GIVEN = "X : m x d; w : d\nJ = norm(X w)^2\n"


def described(text: str) -> list[str]:
    """What a problem declares and asks, in the plain language."""
    problem = shapetrick.read(text).data
    symbols = [f"{n} : {s.shape} {sorted(s.attributes)}" for n, s in problem.symbols.items()]
    return [*symbols, *problem.functions, *map(_asked, problem.requests)]


def _asked(r: shapetrick.core.problem.Request) -> str:
    claim = r.claim and r.claim.value
    return f"{r.kind} {r.of} wrt {r.wrt} with {r.direction} = {claim}"


@pytest.mark.parametrize(("latex", "plain"), STATEMENTS, ids=[latex for latex, _ in STATEMENTS])
def test_statement(latex: str, plain: str) -> None:
    given = "t : scalar; K = 2 t; grad K wrt t\n" if ":" in plain else GIVEN
    assert described(given + latex) == described(given + plain)


def test_families() -> None:
    latex = r"""
        \sigma : \text{elementwise}
        $X \in \mathbb{R}^{m \times n_0}, Y \in \mathbb{R}^{m \times n_L}$
        $W^{[l]} \in \mathbb{R}^{n_{l-1} \times n_l}$, $l = 1, \dots, L$
    """.replace("$, $l", ", l")
    body = r"""
        $Z^{[0]} = X$
        \begin{align}
        Z^{[l]} &= \sigma(Z^{[l-1]} W_l), \quad l = 1, \dots, L \\
        J &= \frac{1}{2m} \|Z_L - Y\|_F^2
        \end{align}
        \nabla_{W^{[l]}} J
    """
    plain = """
        sigma : elementwise
        X : m x n[0]; Y : m x n[L]; W[l] : n[l-1] x n[l] for l = 1..L
        Z[0] = X
        Z[l] = sigma(Z[l-1] W[l]) for l = 1..L
        J = 1/(2 m) norm(Z[L] - Y)^2
        grad J wrt W[l]
    """
    (one,), (other,) = shapetrick.read(latex + body).derive(), shapetrick.read(plain).derive()
    assert str(one.gradient) == str(other.gradient)


@pytest.mark.parametrize(
    "declared",
    [
        r"$x^{(i)} \in \mathbb{R}^d, i = 1, \dots, n$",
        r"$x_i \in \mathbb{R}^d$ for $i = 1, \dots, n$",
        r"Let $x_i \in \mathbb{R}^d$, for all $i \in \{1, \ldots, n\}$",
        r"$v, x_i \in \mathbb{R}^d, b \in \mathbb{R}$, for $i = 1, \dots, n$",
    ],
)
def test_sums_over_members(declared: str) -> None:
    latex = r"""
        $\mu \in \mathbb{R}^d$
        $J = \frac{1}{n} \sum_{i=1}^{n} \|x^{(i)} - \mu\|^2$
        $\nabla_\mu J$
    """
    plain = """
        x[i] : d for i = 1..n
        mu : d
        J = 1/n sum(i = 1..n) norm(x[i] - mu)^2
        grad J wrt mu
    """
    text = f"{declared}\n{latex}"
    (one,), (other,) = shapetrick.read(text).derive(), shapetrick.read(plain).derive()
    assert str(one.gradient) == str(other.gradient)


def test_names_of_several_letters_have_entries() -> None:
    given = r"$u_i, v_j \in \mathbb{R}^k, i = 1, \dots, m$ and $j = 1, \dots, n$"
    text = rf"ratings : m x n; {given}; $J = \sum_{{i,j}} (ratings_{{ij}} - u_i^\top v_j)^2$"
    (d,) = shapetrick.read(rf"{text}; $\nabla_{{u_i}} J$").derive()
    assert str(d.gradient) == "sum(j = 1..n) 2 (u[i]' v[j] - ratings[i,j]) v[j]"


def test_what_is_read_otherwise_than_typed_is_said() -> None:
    said = read("A : n x n posdef; x : n\n" r"J = \log|A| + \mathbf{1}^\top \sigma(x)").readings
    assert said == (
        r"`\log|A|` is read as `logdet`.",
        r"`\sigma(x)` is read as `sigmoid`.",
    )


# --------------------------------------------------------------------------------- written, read

WRITTEN = [
    *(case["text"] for case in
      tomllib.loads((ROOT / "benchmarks" / "problems.toml").read_text("utf-8"))["problem"]),
    *(path.read_text("utf-8") for path in sorted((ROOT / "examples").glob("*.st"))),
]  # fmt: skip


@pytest.mark.parametrize("first", thinned(range(3)))
def test_what_is_written_is_read_back_to_the_same_value(first: int) -> None:
    """Definitions and gradients of every problem, and the shapes of its symbols."""
    count = 0
    for text in WRITTEN[first::3]:
        problem = read(text)
        if problem.has_families:
            continue
        for d in shapetrick.read(text).derive():
            notation = notation_for(problem, d.result.request)
            extra = {n: e for n, e in d.definitions if n not in problem.definitions}
            multipliers = (s for s in symbols_of(d.gradient) if s.name not in problem.symbols)
            extra |= {s.name: s for s in multipliers}
            values = [*(e.args[0] for e in problem.definitions.values()), d.gradient]
            for e in values:
                latex = to_latex(e, notation)
                back = read_expression(f"${latex}$", d.problem, extra, e.shape)
                assert back == e or same_value(e, back, problem), latex
                count += 1
        for name, symbol in problem.symbols.items():
            sides = notation.shape(symbol.shape)
            declared = rf"{notation.name(name)} \in \mathbb{{R}}^{{{sides}}}"
            if symbol.shape != SCALAR:
                found = read(declared, complete=False).symbols.values()
                assert [str(s.shape) for s in found] == [str(symbol.shape)] or "," in sides
    assert count > 150


def test_families_are_read_back_as_they_are_written() -> None:
    """The members of every problem with one letter: what they are, and their shapes."""
    count = 0
    for problem in (shapetrick.read(text).data for text in WRITTEN):
        if problem.has_families and all(len(s.ranges) < 2 for s in problem.families.segments):
            back = read(written_members(problem), complete=False)
            for s, other in zip(problem.families.segments, back.families.segments, strict=True):
                assert (s.name, s.ranges, s.shape) == (other.name, other.ranges, other.shape)
                if s.body is not other.body:
                    assert s.body is not None
                    assert other.body is not None
                    assert same_value(s.body, other.body, problem), s.name
                count += 1
    assert count > 40


def written_members(problem: Problem) -> str:
    """What a problem declares, and its members, in LaTeX."""
    plain = [s for s in problem.symbols.values() if base_of(s.name) == s.name]
    members = problem.families.segments
    names = [*problem.symbols, *problem.definitions, *(s.name for s in members)]
    notation = Latex(alike=alike(names))
    functions = [
        *(f"{name} : elementwise" for name in problem.functions),
        *(f"{f.name} : elementwise for {f.ranges[0]}" for f in problem.families.functions),
    ]
    found = []
    for s in (*plain, *members):
        ranges = getattr(s, "ranges", ())
        over = "".join(rf", {r.letter} = {r.first}, \dots, {r.last}" for r in ranges)
        words = "".join(rf" \text{{{word}}}" for word in sorted(s.attributes))
        reals = rf"\in \mathbb{{R}}^{{{notation.shape(s.shape)}}}{words}"
        body = getattr(s, "body", None)
        right = reals if body is None else f"= {to_latex(body, notation)}"
        found.append(f"${notation.name(s.name)} {right}{over}$")
    return "\n".join([*functions, *found])


def same_value(e: Expr, other: Expr, problem: Problem) -> bool:
    """Whether two expressions have one value at a draw."""
    if e.shape != other.shape:
        return False
    names = dict.fromkeys(name for d in dims_of([e, other]) for name in d.names)
    sizes = dict.fromkeys(names, 3)  # inverses exist
    rng = generator(0)
    env = {s.name: draw(s, sizes, rng) for s in symbols_of(e)}
    functions = {f: lambda x, order: np.sin(x + order) for f in problem.functions}
    one, two = EvaluationTape([e, other]).run(env, sizes, functions)
    return bool(np.allclose(one, two, rtol=1e-9, equal_nan=True))


# -------------------------------------------------------------------------------------- the doors

PAPER = r"""\documentclass{article}
\begin{document}
Prose with $5 and an unbalanced brace }.
% shapetrick: begin
Let $X \in \mathbb{R}^{m \times d}$ be the data, $w \in \mathbb{R}^d$ the weights of $m$ rows.
% shapetrick: y : m; lambda : scalar
\begin{equation}\label{eq:loss}
  J(w) = \frac{1}{2m} \left\| X w - y \right\|_2^2 + \frac{\lambda}{2} \|w\|^2, % a comment
\end{equation}
where $\lambda > 0$. The gradient is
\begin{align*}
  \nabla_w J(w) &= \frac{1}{m} X^{\top} (X w - y) + \lambda w, \\
  \frac{\partial J}{\partial w} &= \frac{1}{m} X^{\top} (X w + y) + \lambda w.
\end{align*}
% shapetrick: end
\end{document}
"""


def test_the_claims_of_a_file(tmp_path, capsys) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "paper.tex"
    path.write_text(PAPER, encoding="utf-8")
    assert main(["check", str(path)]) == 1
    out = capsys.readouterr().out
    assert out.count("✓ right") == 1
    assert "the wrong sign: `X w - y`, not `X w + y`" in out
    assert "instead    1 / m X' (X w - y) + lambda w" in out


def test_places_in_a_file_stay() -> None:
    found = marked(PAPER)
    assert len(found) == len(PAPER)
    assert all(a in (b, " ") for a, b in zip(found, PAPER, strict=True))
    with pytest.raises(InputError, match="nothing is marked"):
        marked("$J = x$")
    with pytest.raises(InputError, match="never ended"):
        marked("% shapetrick: begin\n$J = x$")


def test_a_session_takes_latex() -> None:
    session = Session()
    session.enter(r"$u, x_i \in \mathbb{R}^d$ for $i = 1, \dots, n$")
    assert session.problem.families.segments[0].name == "x[i]"
    session = Session()
    session.enter(r"X \in \mathbb{R}^{m \times d}, w \in \mathbb{R}^d, y \in \mathbb{R}^m")
    session.enter(r"$r = Xw - y$; $\mathrm{loss} = r^\top r$")
    echoed = session.enter(r"J = \frac{1}{2} r^\top r").echoes
    assert list(echoed) == ["J = r' r / 2"]
    entered = session.enter(r"\nabla_w loss")
    assert [str(r.of) for r in entered.requests] == ["loss"]
    assert str(session.problem.definitions["loss"].args[0]) == "r' r"
    assert is_expression(r"$2Xw$")
    assert session.read_expression(r"\frac{1}{2} X^\top r").text == "(1 / 2) X' r"
    assert str(session.read_expression("$2Xw$").value) == "2 X w"
    session.undo()
    with pytest.raises(InputError) as caught:
        session.enter(r"$J = X w +$")
    assert caught.value.span is not None


def test_the_command_line_takes_latex(capsys) -> None:  # type: ignore[no-untyped-def]
    text = r"$A \in \mathbb{R}^{n \times n}, x \in \mathbb{R}^n$; $J = x^\top Ax$; $\nabla_x J$"
    assert main(["derive", "--quiet", "-e", text]) == 0
    assert "(A + A') x" in capsys.readouterr().out


def test_a_plain_text_imports_no_latex() -> None:
    code = "import sys, shapetrick as st; st.read('x : n; grad x\\' x wrt x'); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "shapetrick.language.reader" in done.stdout
    assert "language.latex.parser" not in done.stdout


# ------------------------------------------------------------------------------------ hard to read

ATOMS = st.sampled_from(
    [*"abxWT12 ^_&'|+-=/,;.(){}[]$%\n", "\\\\", r"\frac", r"\left(", r"\right)", r"\left.",
     r"\|", r"\nabla", r"\partial", r"\in", r"\mathbb{R}", r"\top", r"\sum", r"\log", r"\det",
     r"\hat", r"\mathbf", r"\begin{align}", r"\end{align}", r"\text{and}", r"\quad", r"\theta",
     r"\sqrt", "{x}", "^{-1}", "_{i=1}^{n}", r"\operatorname{tr}", r"\max", "wrt", "grad", r"\{",
     r"\langle", r"\rangle", r"\vec", "e^{x}", r"\dots", "l = 1", r"\mathbf{1}", "∂", "θ", "‖"]
)  # fmt: skip


@examples(300)
@given(st.lists(ATOMS, max_size=14).map("".join))
@example(r"\frac")
@example("$")
@example(r"\nabla")
@example(r"x_{l-1}^{(l)} \in")
@example(r"\mathbf{")
@example(r"\left.\right.")
@example(r"x \in \mathbathb")
@example(r"Q = x, i = 1, \dots, n_Q, K = x")
@example(r"\min_{b \in R \in R} b^2")
@example(r"\frac{\partial x}{\partial x}[]")
def test_any_text_is_read_or_refused(text: str) -> None:
    for whole in (text, f"x : n\n${text}$", rf"A : n x n; J = \det {text}"):
        try:
            read(whole)
        except ShapetrickError as error:
            assert error.message


LARGE = [
    r"J = x + \left( x" + " + x" * 200_000,
    "$J = " + "+".join(["x"] * 300_000) + "$",
    "\n".join(rf"z_{{{i}}} = \frac{{1}}{{2}} x" for i in range(45_000)),
    "$" + r"\frac{" * 150_000 + "$",
    "$J = " + r"\frac{1}{" * 3_000 + "x" + "}" * 3_000 + "$",
    "$J = " + r"\left(" * 4_000 + "$",
    "$" * 999_999,
    "\\" * 1_000_000,
    "{" * 1_000_000 + r"\x",
    "$J = " + "x^{" * 9_000 + "$",
]


@pytest.mark.parametrize("text", LARGE, ids=[text[:20] for text in LARGE])
def test_a_large_text_is_refused_with_little_work(text: str) -> None:
    def attempt() -> None:
        with pytest.raises(ShapetrickError):
            read(text)

    assert calls(attempt) < 500_000


@pytest.mark.parametrize(
    ("latex", "plain"),
    [
        (r"\begin{bmatrix} A & B \\ B^{\top} & I_n \end{bmatrix}", "[A, B; B', eye(n)]"),
        (r"\begin{pmatrix} A & B \\ \end{pmatrix} x", "[A, B] x"),
        (r"A_{1..2, :}^{\top}", "A[1..2, :]'"),
        (r"A_{:,\, 2 \ldots n} + A_{:, 1..n-1}", "A[:, 2..n] + A[:, 1..n-1]"),
        (r"\mathrm{cumsum}(A,\, \mathrm{axis}=0)", "cumsum(A, axis=0)"),
        (r"\mathrm{where}(A > B, A, B)", "where(A > B, A, B)"),
    ],
)
def test_blocks_slices_and_comparisons(latex: str, plain: str) -> None:
    declared = "A, B : n x n; x : 2 n"
    problem = read(f"{declared}; J = norm(A)", complete=False)
    assert read_expression(f"${latex}$", problem) is read_expression(plain, problem)


@pytest.mark.parametrize(
    ("latex", "plain"),
    [
        # rows of X are examples, and the entries of y are theirs
        (r"\sum_{i=1}^m (w^\top x^{(i)} - y^{(i)})^2", "norm(X w - y)^2"),
        (r"\sum_{i=1}^m (w^\top x_i - y_i)^2", "norm(X w - y)^2"),
        (r"\sum_{i=1}^m x_j^{(i)} y^{(i)}", None),
        (r"\sum_{i,j} x_{ij}^2", "norm(X)^2"),
        (r"\sum_{i=1}^m \sum_{j=1}^d w_j x_j^{(i)}", "sum(X w)"),
        (r"\langle X, X \rangle_F", "norm(X)^2"),
    ],
)
def test_examples_in_rows(latex: str, plain: str | None) -> None:
    given = r"X \in \mathbb{R}^{m \times d}, w \in \mathbb{R}^d, y \in \mathbb{R}^m"
    if plain is None:
        with pytest.raises(ShapetrickError):
            shapetrick.read(f"{given}\nJ = {latex}")
        return
    value = shapetrick.read(f"{given}\nJ = {latex}").data.definitions["J"].args[0]
    claim = f"X : m x d; w : d; y : m\ncheck {value} = {plain}"
    (equality,) = shapetrick.read(claim).check_equalities()
    assert equality.right


def test_what_is_defined_before_has_entries() -> None:
    text = r"""
        x \in \mathbb{R}^d, W \in \mathbb{R}^{k \times d}, b, y \in \mathbb{R}^k
        z = Wx + b, \quad \hat y = \operatorname{softmax}(z), \quad
        L = -\sum_{i=1}^k y_i \log \hat y_i
        \frac{\partial L}{\partial b}
    """
    (d,) = shapetrick.read(text).derive()
    assert str(d.gradient) == "sum(y) y_hat - y"


def test_a_product_without_a_space_is_said_beside_indices() -> None:
    text = "x : d; W : k x d; y : k\nz = Wx\nL = sum(i) y_i log(z_i)\ngrad L wrt W"
    with pytest.raises(InputError, match="`W x` for the product"):
        shapetrick.read(text)


@pytest.mark.parametrize(
    ("latex", "plain"),
    [
        (r"\sum_i (y_i - w^\top x_i)_+^2", "sum(relu(y - X w).^2)"),
        (r"\mathbf{1}^\top \left[Xw\right]_+", "sum(relu(X w))"),
        (r"\mathbb{1}\{w_1 > 0\} w_1", "relu(w[1])"),
        (r"\mathbf{1}(w_1 < 2)", "step(2 - w[1])"),
        (r"\mathbf{1}^\top (Xw)", "sum(X w)"),
        (r"\mathbf{1}^\top \sigma'(Xw)", "sum(sigmoid(X w) .* (1 - sigmoid(X w)))"),
        (r"\mathbf{1}^\top \tanh^{\prime}(Xw)", "sum(1 - tanh(X w).^2)"),
        (r"\mathrm{ReLU}'(w_1) w_1", "relu(w[1])"),
        (r"\operatorname{tr} X^\top X", "norm(X)^2"),
        (r"-\mathrm{Tr}\, ww^\top X^\top X / 2", "-norm(X w)^2 / 2"),
        (r"\sum_i y[i] X[i,:] w", "y' X w"),
        (r"\mathbb{E}_i\left[y_i x_i^\top w\right]", "y' X w / m"),
        (r"-\hat{\mathbb{E}}_{i} (Xw)_i^2", "-mean((X w).^2)"),
        (r"\ln\Gamma(w_1) - \log\Gamma(\|w\|)", "lgamma(w[1]) - lgamma(norm(w))"),
        (r"\log_2 \|w\|", "log2(norm(w))"),
        (r"\log_{10}(\|w\|)", "log10(norm(w))"),
    ],
)
def test_positive_parts_indicators_and_bases(latex: str, plain: str) -> None:
    given = r"X \in \mathbb{R}^{m \times d}, w \in \mathbb{R}^d, y \in \mathbb{R}^m"
    value = shapetrick.read(f"{given}\nJ = {latex}").data.definitions["J"].args[0]
    claim = f"X : m x d; w : d; y : m\ncheck {value} = {plain}"
    (equality,) = shapetrick.read(claim).check_equalities()
    assert equality.right


def test_arguments_may_be_parted_by_semicolons() -> None:
    given = r"w, x \in \mathbb{R}^d, y \in \mathbb{R}"
    text = f"{given}\n\\ell(w; x, y) = \\log(1 + e^{{-y w^\\top x}})\n\\nabla_w \\ell(w; x, y)"
    (d,) = shapetrick.read(text).derive()
    assert str(d.gradient) == "-y sigmoid(-y w' x) x"
