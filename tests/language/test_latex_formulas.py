"""Formulas as they stand in papers and lecture notes, typed as printed, beside differences of what
they say as NumPy has it."""

from __future__ import annotations

import math
from collections.abc import Callable
from types import SimpleNamespace

import numpy as np
import pytest

import shapetrick as st
from shapetrick.core.dims import ONE
from shapetrick.core.expr import Symbol

# Declarations, a formula, what is asked, and the formula in NumPy.
FORMULAS = [
    (
        r"X\in\mathbb{R}_{>0}^{m\times n}, W\in\mathbb{R}_{>0}^{m\times k}, "
        r"H\in\mathbb{R}_{>0}^{k\times n}",
        r"D(X\|WH) = \sum_{i,j} \left(X_{ij}\log\frac{X_{ij}}{(WH)_{ij}} - X_{ij} "
        r"+ (WH)_{ij}\right)",
        r"\nabla_W D(X\|WH)",
        lambda v: np.sum(v.X * np.log(v.X / (v.W @ v.H)) - v.X + v.W @ v.H),
    ),
    (
        r"\theta\in\mathbb{R}^d, \phi\in\mathbb{R}^{n\times d}, r\in\mathbb{R}^n, "
        r"\gamma\in\mathbb{R}",
        r"\delta = r_{1:n-1} + \gamma (\phi\theta)_{2:n} - (\phi\theta)_{1:n-1} \\ "
        r"L^{TD} = \frac12 \|\delta\|_2^2 + \|\phi_{:,1}\|^2",
        r"\nabla_\theta L^{TD}",
        lambda v: (
            np.sum((v.r[:-1] + v.gamma * (v.phi @ v.theta)[1:] - (v.phi @ v.theta)[:-1]) ** 2) / 2
        ),
    ),
    (
        r"u\in\mathbb{R}^{m\times n}, c\in\mathbb{R}^n",
        r"J = \sum_{i=1}^{m-1}\sum_{j=1}^{n-1} \left((u_{i+1,j} - u_{i,j})^2 "
        r"+ j \, u_{i,j+1}^2\right) "
        r"+ \sum_{j=1}^n c_j u_{1,n+1-j}",
        r"\nabla_u J",
        lambda v: (
            np.sum((v.u[1:, :-1] - v.u[:-1, :-1]) ** 2)
            + np.sum(np.arange(1, v.u.shape[1]) * v.u[:-1, 1:] ** 2)
            + v.c @ v.u[0, ::-1]
        ),
    ),
    (
        r"\alpha\in\mathbb{R}_{>0}^n, p \in\mathbb{R}^n",
        r"\ell = \ln\Gamma\left(\sum_{k=1}^n\alpha_k\right) - \sum_{k=1}^n\ln\Gamma(\alpha_k) "
        r"+ \sum_{k=1}^n (\alpha_k - 1)\ln p_k",
        r"\nabla_\alpha \ell",
        lambda v: (
            math.lgamma(v.alpha.sum())
            - sum(map(math.lgamma, v.alpha))
            + (v.alpha - 1) @ np.log(v.p)
        ),
    ),
    (
        r"X\in\mathbb{R}^{n\times d}, W\in\mathbb{R}^{k\times d}, b\in\mathbb{R}^k, "
        r"Y\in\mathbb{R}^{n\times k}",
        r"z^{(i)} = W x^{(i)} + b, \quad h_i = \sigma(z_i) \\ "
        r"L = \frac1n\sum_{j=1}^n \|h_j - y_j\|^2",
        r"\nabla_W L",
        lambda v: np.sum((1 / (1 + np.exp(-v.X @ v.W.T - v.b)) - v.Y) ** 2) / len(v.X),
    ),
    (
        r"X\in\mathbb{R}^{n\times d}, W_Q, W_K\in\mathbb{R}^{d\times k}, "
        r"W_V\in\mathbb{R}^{d\times p}",
        r"Q = XW_Q,\; K = XW_K \\ A = \exp\left(\frac{QK^\top}{\sqrt{k}}\right)XW_V \\ "
        r"J = \frac12\|A\|_F^2",
        r"\nabla_{W_Q} J",
        lambda v: (
            np.sum(
                (np.exp(v.X @ v.W_Q @ (v.X @ v.W_K).T / np.sqrt(v.W_Q.shape[1])) @ v.X @ v.W_V) ** 2
            )
            / 2
        ),
    ),
    (
        r"P^-\in\mathbb{R}^{n\times n}, H \in \mathbb{R}^{p\times n}, R\in\mathbb{R}^{p\times p}",
        r"K = P^-H^T(HP^-H^T+R)^{-1} \\ J = \operatorname{tr} KRK^T",
        r"\nabla_H J",
        lambda v: np.trace(
            (K := v.P_minus @ v.H.T @ np.linalg.inv(v.H @ v.P_minus @ v.H.T + v.R)) @ v.R @ K.T
        ),
    ),
    (
        r"W\in\mathbb{R}^{n\times n}, x_t, h_{t-1}, c\in\mathbb{R}^n",
        r"h_t = \tanh(W h_{t-1} + x_t) \\ J = c^\top h_t",
        r"\frac{\partial J}{\partial h_{t-1}}",
        lambda v: v.c @ np.tanh(v.W @ v.h_t_minus_1 + v.x_t),
    ),
    (
        r"\theta, Q\in\mathbb{R}^K",
        r"\pi_\theta(a) = \frac{e^{\theta_a}}{\sum_{b}e^{\theta_b}} \\ "
        r"J = \sum_a\pi_\theta(a)Q_a",
        r"\nabla_\theta J",
        lambda v: v.Q @ np.exp(v.theta) / np.exp(v.theta).sum(),
    ),
    (
        r"X \in \mathbb{R}^{d\times N}, w \in \mathbb{R}^d, t \in \mathbb{R}^N",
        r"E(w) = \frac12\sum_{n=1}^{N}\{t_n - w^\top x_n\}^2",
        r"\nabla E(w)",
        lambda v: ((v.t - v.X.T @ v.w) ** 2).sum() / 2,
    ),
    (
        r"A, Q \in \mathbb{R}^{n\times n}, Y \in \mathbb{R}^{n\times n}",
        r"\dot{V} = \|Y - AQ\|_F^2 + \frac{\mu}{2}\|A\|_F^2",
        r"\frac{\partial \dot{V}}{\partial A}",
        lambda v: ((v.Y - v.A @ v.Q) ** 2).sum() + v.mu / 2 * (v.A**2).sum(),
    ),
    (
        r"\theta \in \mathbb{R}^{d}, \Phi \in \mathbb{R}^{A \times d}, r \in \mathbb{R}^A",
        r"\pi_a = \frac{\exp(\phi_a^\top\theta)}{\sum_{b}\exp(\phi_b^\top\theta)} \\ "
        r"J = \sum_{a} \pi_a r_a",
        r"\nabla_\theta J",
        lambda v: v.r @ np.exp(v.Phi @ v.theta) / np.exp(v.Phi @ v.theta).sum(),
    ),
    (
        r"x \in \mathbb{R}^n, M \in \mathbb{R}^{n \times n}, y \in \mathbb{R}^n",
        r"V = x^\top M x \\ F = -\nabla_x V \\ J = y^\top F",
        r"\nabla_x J",
        lambda v: -v.y @ (v.M + v.M.T) @ v.x,
    ),
    (
        r"x \in \mathbb{R}^n, \delta \in \mathbb{R}_{++}",
        r"\rho(a) = \begin{cases} \frac12 a^2 & |a| \le \delta \\ "
        r"\delta(|a| - \frac12\delta) & \text{otherwise} \end{cases} \\ "
        r"J = \sum_{i=1}^n \rho(x_i)",
        r"\nabla_x J",
        lambda v: np.where(
            abs(v.x) <= v.delta, v.x**2 / 2, v.delta * (abs(v.x) - v.delta / 2)
        ).sum(),
    ),
    (
        r"e \in \mathbb{R}^n, \tau \in \mathbb{R}",
        r"Q = \sum_{t=1}^n \left\{\begin{array}{ll} \tau e_t, & \mbox{if } e_t \geq 0, \\ "
        r"(\tau - 1) e_t, & \mbox{otherwise.} \end{array}\right.",
        r"\frac{\partial Q}{\partial e}",
        lambda v: np.where(v.e >= 0, v.tau * v.e, (v.tau - 1) * v.e).sum(),
    ),
    (
        r"x \in \mathbb{R}^d, c \in \mathbb{R}^d, \epsilon \in \mathbb{R}_{>0}",
        r"\mu = \frac1d\sum_{i=1}^d x_i, \quad \sigma^2 = \frac1d\sum_{i=1}^d (x_i-\mu)^2, "
        r"\quad J = c^\top \frac{x-\mu}{\sqrt{\sigma^2+\epsilon}}",
        r"\nabla_x J",
        lambda v: v.c @ (v.x - v.x.mean()) / np.sqrt(v.x.var() + v.epsilon),
    ),
    (
        r"y \in \mathbb{R}^n, \mu \in \mathbb{R}, \sigma^2 \in \mathbb{R}_{>0}",
        r"\ln L(\mu, \sigma^2) = -\frac{n}{2}\ln\sigma^2 - n \ln \sigma "
        r"- \frac{1}{2\sigma^2}(y-\mu)'(y-\mu)",
        r"\frac{\partial \ln L}{\partial \sigma^2}",
        lambda v: -len(v.y) * np.log(v.sigma_sq) - ((v.y - v.mu) ** 2).sum() / (2 * v.sigma_sq),
    ),
    (
        r"x, x' \in \mathbb{R}^d, \ell \in \mathbb{R}_{>0}",
        r"k(x, x') = \exp\left(-\frac{(x - x')^\top (x - x')}{2\ell^2}\right)",
        r"\nabla_{x'} k",
        lambda v: np.exp(-((v.x - v.x_prime) ** 2).sum() / (2 * v.l**2)),
    ),
    (
        r"P^- \in \mathbb{R}^{n \times n}, K \in \mathbb{R}^{n \times p}, "
        r"H \in \mathbb{R}^{p \times n}",
        r"J(K) = \operatorname{tr}\left[(I - KH)P^-(I-KH)^T\right]",
        r"\frac{\partial J}{\partial K}",
        lambda v: np.trace(
            (np.eye(len(v.K)) - v.K @ v.H) @ v.P_minus @ (np.eye(len(v.K)) - v.K @ v.H).T
        ),
    ),
    (
        r"A \in \mathbb{R}^{m\times n}, x \in \mathbb{R}^n, b \in \mathbb{R}^m",
        r"J = \lVert Ax - b\rVert_2^2",
        r"\underset{x}{\operatorname{minimize}}\; J",
        lambda v: ((v.A @ v.x - v.b) ** 2).sum(),
    ),
    (
        r"X \in \mathbb{R}^{m \times d}, \theta \in \mathbb{R}^d, y \in \mathbb{R}^m",
        r"J(\theta) = \frac{1}{2m} \|X\theta - y\|_2^2",
        r"\nabla_\theta J",
        lambda v: np.sum((v.X @ v.theta - v.y) ** 2) / (2 * len(v.y)),
    ),
    (
        r"X \in \mathbb{R}^{m \times d}, w \in \mathbb{R}^d, "
        r"y \in \mathbb{R}^m, \lambda \in \mathbb{R}",
        r"L = \frac{1}{2} \lVert Xw - y \rVert^2 + \frac{\lambda}{2} w^\top w",
        r"\nabla_w L",
        lambda v: np.sum((v.X @ v.w - v.y) ** 2) / 2 + v.lam / 2 * np.sum(v.w**2),
    ),
    (
        r"A \in \mathbb{R}^{n \times n}, x \in \mathbb{R}^n",
        r"f = x^{\top} A x",
        r"\frac{\partial f}{\partial x}",
        lambda v: v.x @ v.A @ v.x,
    ),
    (
        r"A \in \mathbb{R}^{n \times n}, x, b \in \mathbb{R}^n",
        r"f = \frac12 x^T A x - b^T x",
        r"\nabla_x f",
        lambda v: v.x @ v.A @ v.x / 2 - v.b @ v.x,
    ),
    (
        r"X \in \mathbb{R}^{n \times n}",
        r"f = \log \det X",
        r"\frac{\partial f}{\partial X}",
        lambda v: np.log(np.linalg.det(v.X)),
    ),
    (
        r"X \in \mathbb{R}^{n \times n}",
        r"f = \log |\det X|",
        r"\frac{\partial f}{\partial X}",
        lambda v: np.log(np.abs(np.linalg.det(v.X))),
    ),
    (
        r"A, X \in \mathbb{R}^{n \times n}",
        r"f = \operatorname{tr}(A X^{-1})",
        r"\frac{\partial f}{\partial X}",
        lambda v: np.trace(v.A @ np.linalg.inv(v.X)),
    ),
    (
        r"A \in \mathbb{R}^{m \times n}, X \in \mathbb{R}^{n \times m}",
        r"f = \mathrm{tr}(A X)",
        r"\nabla_X f",
        lambda v: np.trace(v.A @ v.X),
    ),
    (
        r"X \in \mathbb{R}^{m \times n}",
        r"f = \|X\|_F^2",
        r"\nabla_X f",
        lambda v: np.sum(v.X**2),
    ),
    (
        r"X \in \mathbb{R}^{m \times k}, Y \in \mathbb{R}^{k \times n}, "
        r"M \in \mathbb{R}^{m \times n}",
        r"L = \left\| M - X Y \right\|_F^2",
        r"\frac{\partial L}{\partial X}",
        lambda v: np.sum((v.M - v.X @ v.Y) ** 2),
    ),
    (
        r"z \in \mathbb{R}^n",
        r"f = \log \sum_{i=1}^{n} \exp(z_i)",
        r"\nabla_z f",
        lambda v: np.log(np.sum(np.exp(v.z))),
    ),
    (
        r"z \in \mathbb{R}^n",
        r"f = \log \sum_{j} e^{z_j}",
        r"\nabla_z f",
        lambda v: np.log(sum(np.e**z for z in v.z)),
    ),
    (
        r"x \in \mathbb{R}^n, \mu \in \mathbb{R}^n, \Sigma \in \mathbb{R}^{n \times n}",
        r"\ell = -\frac{1}{2} (x - \mu)^\top \Sigma^{-1} (x - \mu)",
        r"\nabla_\mu \ell",
        lambda v: -(v.x - v.mu) @ np.linalg.inv(v.Sigma) @ (v.x - v.mu) / 2,
    ),
    (
        r"x \in \mathbb{R}^n, \mu \in \mathbb{R}^n, \Sigma \in \mathbb{S}_{++}^n",
        r"\ell = -\frac{1}{2} \log\det\Sigma -\frac{1}{2} (x - \mu)^\top \Sigma^{-1} (x - \mu)",
        r"\nabla_\Sigma \ell",
        lambda v: (
            -np.log(np.linalg.det(v.Sigma)) / 2
            - (v.x - v.mu) @ np.linalg.inv(v.Sigma) @ (v.x - v.mu) / 2
        ),
    ),
    (
        r"w, x \in \mathbb{R}^d, b \in \mathbb{R}, y \in \mathbb{R}",
        r"p = \sigma(w^\top x + b)",
        r"\nabla_w p",
        lambda v: 1 / (1 + np.exp(-(v.w @ v.x + v.b))),
    ),
    (
        r"X \in \mathbb{R}^{m \times d}, w \in \mathbb{R}^d, y \in \mathbb{R}^m",
        r"J = \sum_{i=1}^{m} \log(1 + \exp(-y_i w^\top x_i))",
        r"\nabla_w J",
        lambda v: sum(np.log(1 + np.exp(-y * (v.w @ x))) for x, y in zip(v.X, v.y, strict=True)),
    ),
    (
        r"X \in \mathbb{R}^{m \times d}, w \in \mathbb{R}^d, y \in \mathbb{R}^m",
        r"J = \frac{1}{m} \sum_{i=1}^{m} (w^\top x_i - y_i)^2",
        r"\nabla_w J",
        lambda v: sum((v.w @ x - y) ** 2 for x, y in zip(v.X, v.y, strict=True)) / len(v.y),
    ),
    (
        r"u, v \in \mathbb{R}^n",
        r"f = \frac{u^\top v}{\|u\| \|v\|}",
        r"\nabla_u f",
        lambda v: v.u @ v.v / (np.sqrt(v.u @ v.u) * np.sqrt(v.v @ v.v)),
    ),
    (
        r"A \in \mathbb{R}^{n \times n}, x \in \mathbb{R}^n",
        r"R = \frac{x^\top A x}{x^\top x}",
        r"\nabla_x R",
        lambda v: v.x @ v.A @ v.x / (v.x @ v.x),
    ),
    (
        r"x \in \mathbb{R}^n, \epsilon \in \mathbb{R}",
        r"f = \sqrt{\|x\|^2 + \epsilon^2}",
        r"\nabla_x f",
        lambda v: np.sqrt(v.x @ v.x + v.epsilon**2),
    ),
    (
        r"x \in \mathbb{R}^n",
        r"f = \prod_{i=1}^n x_i",
        r"\nabla_x f",
        lambda v: np.prod(v.x),
    ),
    (
        r"W \in \mathbb{R}^{n \times n}, x \in \mathbb{R}^n",
        r"f = \sum_{i,j} W_{ij} (x_i - x_j)^2",
        r"\nabla_x f",
        lambda v: sum(w * (v.x[i] - v.x[j]) ** 2 for (i, j), w in np.ndenumerate(v.W)),
    ),
    (
        r"A \in \mathbb{R}^{m \times n}, x \in \mathbb{R}^n, b \in \mathbb{R}^m",
        r"\phi = -\sum_{i=1}^{m} \log(b_i - \sum_{j} A_{ij} x_j)",
        r"\nabla_x \phi",
        lambda v: -sum(np.log(b - row @ v.x) for b, row in zip(v.b, v.A, strict=True)),
    ),
    (
        r"P, Q \in \mathbb{R}^{n \times k}",
        r"D = \sum_{i,j} P_{ij} \log\frac{P_{ij}}{Q_{ij}}",
        r"\frac{\partial D}{\partial Q}",
        lambda v: np.sum(v.P * np.log(v.P / v.Q)),
    ),
    (
        r"p \in \mathbb{R}^n",
        r"H = -\sum_i p_i \log p_i",
        r"\nabla_p H",
        lambda v: -sum(p * np.log(p) for p in v.p),
    ),
    (
        r"A \in \mathbb{R}^{m \times n}, B \in \mathbb{R}^{m \times n}",
        r"f = \langle A, B \rangle",
        r"\nabla_A f",
        lambda v: np.sum(v.A * v.B),
    ),
    (
        r"x, y \in \mathbb{R}^n",
        r"k = \exp\left(-\frac{1}{2} \|x - y\|^2\right)",
        r"\nabla_x k",
        lambda v: np.exp(-np.sum((v.x - v.y) ** 2) / 2),
    ),
    (
        r"x, y \in \mathbb{R}^n, \gamma \in \mathbb{R}",
        r"k = e^{-\gamma \|x - y\|^2}",
        r"\nabla_x k",
        lambda v: np.exp(-v.gamma * np.sum((v.x - v.y) ** 2)),
    ),
    (
        r"X \in \mathbb{R}^{n \times d}, w \in \mathbb{R}^d, y \in \mathbb{R}^n",
        r"f = \|y \odot (Xw)\|_1",
        r"\nabla_w f",
        lambda v: np.sum(np.abs(v.y * (v.X @ v.w))),
    ),
    (
        r"a, b \in \mathbb{R}^n, X \in \mathbb{R}^{n \times n}",
        r"f = a^\top X^{-1} b",
        r"\frac{\partial f}{\partial X}",
        lambda v: v.a @ np.linalg.inv(v.X) @ v.b,
    ),
    (
        r"a \in \mathbb{R}^m, b \in \mathbb{R}^n, X \in \mathbb{R}^{m \times n}",
        r"f = a^\top X b",
        r"\frac{\partial f}{\partial X}",
        lambda v: v.a @ v.X @ v.b,
    ),
    (
        r"X \in \mathbb{R}^{n \times n}",
        r"f = \operatorname{tr}(X^3)",
        r"\nabla_X f",
        lambda v: np.trace(v.X @ v.X @ v.X),
    ),
    (
        r"A \in \mathbb{R}^{n \times n}, X \in \mathbb{R}^{n \times m}",
        r"f = \operatorname{Tr}\left(X^\top A X\right)",
        r"\nabla_X f",
        lambda v: np.trace(v.X.T @ v.A @ v.X),
    ),
    (
        r"X \in \mathbb{R}^{m \times n}",
        r"f = \frac12 \log\det(I + X X^\top)",
        r"\nabla_X f",
        lambda v: np.log(np.linalg.det(np.eye(len(v.X)) + v.X @ v.X.T)) / 2,
    ),
    (
        r"x \in \mathbb{R}^n, W \in \mathbb{R}^{m \times n}, b \in \mathbb{R}^m",
        r"f = \mathbf{1}^\top \tanh(Wx + b)",
        r"\nabla_W f",
        lambda v: np.sum(np.tanh(v.W @ v.x + v.b)),
    ),
    (
        r"x \in \mathbb{R}^n, W \in \mathbb{R}^{m \times n}, v \in \mathbb{R}^m",
        r"f = v^\top \operatorname{ReLU}(Wx)",
        r"\nabla_W f",
        lambda v: v.v @ np.maximum(v.W @ v.x, 0),
    ),
    (
        r"x \in \mathbb{R}^n",
        r"f = \sum_{i=1}^{n-1} (x_{i+1} - x_i)^2",
        r"\nabla_x f",
        lambda v: sum((v.x[i + 1] - v.x[i]) ** 2 for i in range(len(v.x) - 1)),
    ),
    (
        r"x \in \mathbb{R}^n, y \in \mathbb{R}^n",
        r"f = \max(0, 1 - y^\top x)",
        r"\nabla_x f",
        lambda v: max(0, 1 - v.y @ v.x),
    ),
    (
        r"A \in \mathbb{R}^{n \times n}, x \in \mathbb{R}^n",
        r"f = \frac{1}{2}\|A^{-1} x\|_2^2",
        r"\nabla_x f",
        lambda v: np.sum((np.linalg.inv(v.A) @ v.x) ** 2) / 2,
    ),
    (
        r"Q, K \in \mathbb{R}^{n \times d}",
        r"f = \sum_{i,j} (Q K^\top)_{ij}^2 / d",
        r"\nabla_Q f",
        lambda v: np.sum((v.Q @ v.K.T) ** 2) / v.K.shape[1],
    ),
    (
        r"x \in \mathbb{R}^n, \mu \in \mathbb{R}, s \in \mathbb{R}",
        r"\ell = -n \log s - \frac{1}{2 s^2} \sum_{i=1}^n (x_i - \mu)^2",
        r"\frac{\partial \ell}{\partial \mu}",
        lambda v: -len(v.x) * np.log(v.s) - np.sum((v.x - v.mu) ** 2) / (2 * v.s**2),
    ),
    (
        r"x \in \mathbb{R}^n, \mu \in \mathbb{R}, s \in \mathbb{R}",
        r"\ell = -n \log s - \frac{1}{2 s^2} \sum_{i=1}^n (x_i - \mu)^2",
        r"\frac{\partial \ell}{\partial s}",
        lambda v: -len(v.x) * np.log(v.s) - np.sum((v.x - v.mu) ** 2) / (2 * v.s**2),
    ),
    (
        r"X \in \mathbb{R}^{n \times p}, \beta \in \mathbb{R}^p, y \in \mathbb{R}^n",
        r"\ell(\beta) = y^\top X \beta - \sum_{i=1}^{n} \log(1 + e^{x_i^\top \beta})",
        r"\frac{\partial \ell}{\partial \beta}",
        lambda v: v.y @ v.X @ v.beta - sum(np.log(1 + np.exp(x @ v.beta)) for x in v.X),
    ),
    (
        r"A \in \mathbb{R}^{m \times n}, x \in \mathbb{R}^n",
        r"f = \left( \sum_{i} (\sum_j A_{ij} x_j)^4 \right)^{1/4}",
        r"\nabla_x f",
        lambda v: np.sum((v.A @ v.x) ** 4) ** (1 / 4),
    ),
]


POSITIVE = (0.2, 1.2)  # so that all logarithms and roots have values
SIZES = {"n": 4, "m": 3, "d": 2, "k": 5, "p": 2, "N": 3, "A": 4, "K": 3}
SHIFTED = {"b": 9.0}  # that what is subtracted from it stays below it
STEP, CLOSE = 1e-5, 1e-6


def test_there_are_more_than_40() -> None:
    assert len(FORMULAS) > 40


@pytest.mark.parametrize(("declared", "formula", "asked", "value"), FORMULAS)
def test_gradients_are_those_of_the_formula(
    declared: str, formula: str, asked: str, value: Callable[[SimpleNamespace], float]
) -> None:
    """The answer beside differences of what the formula says, as NumPy has it."""
    d = st.derive(f"${declared}$\n${formula}$\n${asked}$")
    assert d.verified
    rng = np.random.default_rng(0)
    inputs = {name: drawn(e, rng) for name, e in d.problem.symbols.items()}
    found = np.asarray(d.evaluate(inputs)).reshape(inputs[d.wrt].shape)

    def at(x: np.ndarray) -> float:
        named = {"lam" if name == "lambda" else name: a for name, a in inputs.items()}
        return float(value(SimpleNamespace(**{**named, d.wrt: x})))

    for index in np.ndindex(found.shape):
        move = np.zeros(found.shape)
        move[index] = STEP
        slope = (at(inputs[d.wrt] + move) - at(inputs[d.wrt] - move)) / (2 * STEP)
        assert found[index] == pytest.approx(slope, rel=CLOSE, abs=CLOSE)


def drawn(e: Symbol, rng: np.random.Generator) -> np.ndarray:
    """A value, a vector with one axis; a square matrix is far from a singular one."""
    sides = [side.size(SIZES) for side in e.shape if side != ONE]
    x = np.asarray(rng.uniform(*POSITIVE, sides)) + SHIFTED.get(e.name, 0)
    return x @ x.T + np.eye(len(x)) if len(sides) == 2 and sides[0] == sides[1] else x
