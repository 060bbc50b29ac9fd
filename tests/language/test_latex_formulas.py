"""Formulas as they stand in papers and lecture notes, typed as printed, and the answers to them."""

from __future__ import annotations

import pytest

import shapetrick as st

# Declarations, a formula, what is asked, and the answer in the plain language.
FORMULAS = [
    (
        r"X \in \mathbb{R}^{m \times d}, \theta \in \mathbb{R}^d, y \in \mathbb{R}^m",
        r"J(\theta) = \frac{1}{2m} \|X\theta - y\|_2^2",
        r"\nabla_\theta J",
        "X' (X theta - y) / m",
    ),
    (
        r"X \in \mathbb{R}^{m \times d}, w \in \mathbb{R}^d, "
        r"y \in \mathbb{R}^m, \lambda \in \mathbb{R}",
        r"L = \frac{1}{2} \lVert Xw - y \rVert^2 + \frac{\lambda}{2} w^\top w",
        r"\nabla_w L",
        "X' (X w - y) + lambda w",
    ),
    (
        r"A \in \mathbb{R}^{n \times n}, x \in \mathbb{R}^n",
        r"f = x^{\top} A x",
        r"\frac{\partial f}{\partial x}",
        "(A + A') x",
    ),
    (
        r"A \in \mathbb{R}^{n \times n}, x, b \in \mathbb{R}^n",
        r"f = \frac12 x^T A x - b^T x",
        r"\nabla_x f",
        "(A + A') x / 2 - b",
    ),
    (
        r"X \in \mathbb{R}^{n \times n}",
        r"f = \log \det X",
        r"\frac{\partial f}{\partial X}",
        "inv(X)'",
    ),
    (
        r"X \in \mathbb{R}^{n \times n}",
        r"f = \log |\det X|",
        r"\frac{\partial f}{\partial X}",
        "inv(X)'",
    ),
    (
        r"A, X \in \mathbb{R}^{n \times n}",
        r"f = \operatorname{tr}(A X^{-1})",
        r"\frac{\partial f}{\partial X}",
        "-(inv(X) A inv(X))'",
    ),
    (
        r"A \in \mathbb{R}^{m \times n}, X \in \mathbb{R}^{n \times m}",
        r"f = \mathrm{tr}(A X)",
        r"\nabla_X f",
        "A'",
    ),
    (
        r"X \in \mathbb{R}^{m \times n}",
        r"f = \|X\|_F^2",
        r"\nabla_X f",
        "2 X",
    ),
    (
        r"X \in \mathbb{R}^{m \times k}, Y \in \mathbb{R}^{k \times n}, "
        r"M \in \mathbb{R}^{m \times n}",
        r"L = \left\| M - X Y \right\|_F^2",
        r"\frac{\partial L}{\partial X}",
        "2 (X Y - M) Y'",
    ),
    (
        r"z \in \mathbb{R}^n",
        r"f = \log \sum_{i=1}^{n} \exp(z_i)",
        r"\nabla_z f",
        "softmax(z)",
    ),
    (
        r"z \in \mathbb{R}^n",
        r"f = \log \sum_{j} e^{z_j}",
        r"\nabla_z f",
        "softmax(z)",
    ),
    (
        r"x \in \mathbb{R}^n, \mu \in \mathbb{R}^n, \Sigma \in \mathbb{R}^{n \times n}",
        r"\ell = -\frac{1}{2} (x - \mu)^\top \Sigma^{-1} (x - \mu)",
        r"\nabla_\mu \ell",
        "(inv(Sigma) + inv(Sigma)') (x - mu) / 2",
    ),
    (
        r"x \in \mathbb{R}^n, \mu \in \mathbb{R}^n, \Sigma \in \mathbb{S}_{++}^n",
        r"\ell = -\frac{1}{2} \log\det\Sigma -\frac{1}{2} (x - \mu)^\top \Sigma^{-1} (x - \mu)",
        r"\nabla_\Sigma \ell",
        "inv(Sigma) ((x - mu) (x - mu)' inv(Sigma) - I) / 2",
    ),
    (
        r"w, x \in \mathbb{R}^d, b \in \mathbb{R}, y \in \mathbb{R}",
        r"p = \sigma(w^\top x + b)",
        r"\nabla_w p",
        "p (1 - p) x",
    ),
    (
        r"X \in \mathbb{R}^{m \times d}, w \in \mathbb{R}^d, y \in \mathbb{R}^m",
        r"J = \sum_{i=1}^{m} \log(1 + \exp(-y_i w^\top x_i))",
        r"\nabla_w J",
        "-X' (sigmoid(-y .* (X w)) .* y)",
    ),
    (
        r"X \in \mathbb{R}^{m \times d}, w \in \mathbb{R}^d, y \in \mathbb{R}^m",
        r"J = \frac{1}{m} \sum_{i=1}^{m} (w^\top x_i - y_i)^2",
        r"\nabla_w J",
        "2 X' (X w - y) / m",
    ),
    (
        r"u, v \in \mathbb{R}^n",
        r"f = \frac{u^\top v}{\|u\| \|v\|}",
        r"\nabla_u f",
        "(v / norm(v) - f u / norm(u)) / norm(u)",
    ),
    (
        r"A \in \mathbb{R}^{n \times n}, x \in \mathbb{R}^n",
        r"R = \frac{x^\top A x}{x^\top x}",
        r"\nabla_x R",
        "(A - 2 R I + A') x / (x' x)",
    ),
    (
        r"x \in \mathbb{R}^n, \epsilon \in \mathbb{R}",
        r"f = \sqrt{\|x\|^2 + \epsilon^2}",
        r"\nabla_x f",
        "x / f",
    ),
    (
        r"x \in \mathbb{R}^n",
        r"f = \prod_{i=1}^n x_i",
        r"\nabla_x f",
        "f ./ x",
    ),
    (
        r"W \in \mathbb{R}^{n \times n}, x \in \mathbb{R}^n",
        r"f = \sum_{i,j} W_{ij} (x_i - x_j)^2",
        r"\nabla_x f",
        "2 ((sum(W, axis=1) + sum(W, axis=0)') .* x - (W + W') x)",
    ),
    (
        r"A \in \mathbb{R}^{m \times n}, x \in \mathbb{R}^n, b \in \mathbb{R}^m",
        r"\phi = -\sum_{i=1}^{m} \log(b_i - \sum_{j} A_{ij} x_j)",
        r"\nabla_x \phi",
        "A' (1 ./ (b - A x))",
    ),
    (
        r"P, Q \in \mathbb{R}^{n \times k}",
        r"D = \sum_{i,j} P_{ij} \log\frac{P_{ij}}{Q_{ij}}",
        r"\frac{\partial D}{\partial Q}",
        "-P ./ Q",
    ),
    (
        r"p \in \mathbb{R}^n",
        r"H = -\sum_i p_i \log p_i",
        r"\nabla_p H",
        "-(log(p) + 1)",
    ),
    (
        r"A \in \mathbb{R}^{m \times n}, B \in \mathbb{R}^{m \times n}",
        r"f = \langle A, B \rangle",
        r"\nabla_A f",
        "B",
    ),
    (
        r"x, y \in \mathbb{R}^n",
        r"k = \exp\left(-\frac{1}{2} \|x - y\|^2\right)",
        r"\nabla_x k",
        "k (y - x)",
    ),
    (
        r"x, y \in \mathbb{R}^n, \gamma \in \mathbb{R}",
        r"k = e^{-\gamma \|x - y\|^2}",
        r"\nabla_x k",
        "2 k gamma (y - x)",
    ),
    (
        r"X \in \mathbb{R}^{n \times d}, w \in \mathbb{R}^d, y \in \mathbb{R}^n",
        r"f = \|y \odot (Xw)\|_1",
        r"\nabla_w f",
        "X' (sign(y .* (X w)) .* y)",
    ),
    (
        r"a, b \in \mathbb{R}^n, X \in \mathbb{R}^{n \times n}",
        r"f = a^\top X^{-1} b",
        r"\frac{\partial f}{\partial X}",
        "-inv(X)' a b' inv(X)'",
    ),
    (
        r"a \in \mathbb{R}^m, b \in \mathbb{R}^n, X \in \mathbb{R}^{m \times n}",
        r"f = a^\top X b",
        r"\frac{\partial f}{\partial X}",
        "a b'",
    ),
    (
        r"X \in \mathbb{R}^{n \times n}",
        r"f = \operatorname{tr}(X^3)",
        r"\nabla_X f",
        "3 X'^2",
    ),
    (
        r"A \in \mathbb{R}^{n \times n}, X \in \mathbb{R}^{n \times m}",
        r"f = \operatorname{Tr}\left(X^\top A X\right)",
        r"\nabla_X f",
        "(A + A') X",
    ),
    (
        r"X \in \mathbb{R}^{m \times n}",
        r"f = \frac12 \log\det(I + X X^\top)",
        r"\nabla_X f",
        "inv(I + X X') X",
    ),
    (
        r"x \in \mathbb{R}^n, W \in \mathbb{R}^{m \times n}, b \in \mathbb{R}^m",
        r"f = \mathbf{1}^\top \tanh(Wx + b)",
        r"\nabla_W f",
        "(1 - tanh(W x + b).^2) x'",
    ),
    (
        r"x \in \mathbb{R}^n, W \in \mathbb{R}^{m \times n}, v \in \mathbb{R}^m",
        r"f = v^\top \operatorname{ReLU}(Wx)",
        r"\nabla_W f",
        "(v .* step(W x)) x'",
    ),
    (
        r"x \in \mathbb{R}^n",
        r"f = \sum_{i=1}^{n-1} (x_{i+1} - x_i)^2",
        r"\nabla_x f",
        "2 ([0; x[2..n] - x[1..n-1]] - [x[2..n] - x[1..n-1]; 0])",
    ),
    (
        r"x \in \mathbb{R}^n, y \in \mathbb{R}^n",
        r"f = \max(0, 1 - y^\top x)",
        r"\nabla_x f",
        "-step(1 - y' x) y",
    ),
    (
        r"A \in \mathbb{R}^{n \times n}, x \in \mathbb{R}^n",
        r"f = \frac{1}{2}\|A^{-1} x\|_2^2",
        r"\nabla_x f",
        "inv(A)' inv(A) x",
    ),
    (
        r"Q, K \in \mathbb{R}^{n \times d}",
        r"f = \sum_{i,j} (Q K^\top)_{ij}^2 / d",
        r"\nabla_Q f",
        "2 Q K' K / d",
    ),
    (
        r"x \in \mathbb{R}^n, \mu \in \mathbb{R}, s \in \mathbb{R}",
        r"\ell = -n \log s - \frac{1}{2 s^2} \sum_{i=1}^n (x_i - \mu)^2",
        r"\frac{\partial \ell}{\partial \mu}",
        "sum(x - mu) / s^2",
    ),
    (
        r"x \in \mathbb{R}^n, \mu \in \mathbb{R}, s \in \mathbb{R}",
        r"\ell = -n \log s - \frac{1}{2 s^2} \sum_{i=1}^n (x_i - \mu)^2",
        r"\frac{\partial \ell}{\partial s}",
        "(x' - mu) (x - mu) / s^3 - n / s",
    ),
    (
        r"X \in \mathbb{R}^{n \times p}, \beta \in \mathbb{R}^p, y \in \mathbb{R}^n",
        r"\ell(\beta) = y^\top X \beta - \sum_{i=1}^{n} \log(1 + e^{x_i^\top \beta})",
        r"\frac{\partial \ell}{\partial \beta}",
        "X' (y - sigmoid(X beta))",
    ),
    (
        r"A \in \mathbb{R}^{m \times n}, x \in \mathbb{R}^n",
        r"f = \left( \sum_{i} (\sum_j A_{ij} x_j)^4 \right)^{1/4}",
        r"\nabla_x f",
        "A' (A x).^3 / sum((A x).^4)^(3/4)",
    ),
]


def test_there_are_more_than_40() -> None:
    assert len(FORMULAS) > 40


@pytest.mark.parametrize(("declared", "formula", "asked", "answer"), FORMULAS)
def test_formulas_derive_as_printed(declared: str, formula: str, asked: str, answer: str) -> None:
    d = st.derive(f"${declared}$\n${formula}$\n${asked}$")
    assert d.verified
    assert str(d.gradient) == answer
