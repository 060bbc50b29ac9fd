"""Spoilt and random texts, the first of those that `benchmarks/fuzz.py` puts through the whole
program: each is answered or refused."""

from __future__ import annotations

from random import Random

import pytest
from fuzz import FAULTS, outcome, through

EACH = 50  # texts of a test


@pytest.mark.parametrize("first", range(0, 300, EACH))
def test_every_text_is_answered_or_refused(first: int) -> None:
    found = [outcome(0, number) for number in range(first, first + EACH)]
    assert [one for one in found if one.word in FAULTS] == []
    assert {one.word for one in found} == {"answered", "refused"}


FOUND = [
    "S : scalar; v : 2 n; r = S / 0 - atan(S); jac r wrt S; hvp r wrt v",
    "A : k x k; check vjp (A + A) with G wrt A = sum(k = 1..K) G",
    "X : n x n; sigma : elementwise; J = sum(sigma(X)); check grad J wrt X = sigma[l](X)",
    "X : n x n; sigma : elementwise; J = sum(sigma[l](X)); grad J wrt X",
    "X : m x n simplex; x : n x n nonneg; Z = mean(min(x) (I + x)); hvp Z wrt X; hess Z wrt x",
    "v : scalar; s : k x k; r = mean(asin(v')); jvp r wrt s",
    "v : scalar; Z = expm(cos(v) asinh(0)); jvp Z wrt v",
    "s : n x n simplex diagonal; W : n x n; Z = trigamma(s); check vjp Z wrt W = s' + 2 ./ Z",
    "A : n x m n; P = sum((asinh(0).^-1).^0); vjp P wrt A",
    "x : n x n; v : n; P = gammaln(n); check jvp (P' - x') wrt v = 2 v .* (x ./ I)",
    "v : m x m symmetric; r = n / 2; W : n; jvp r wrt v",
    "A : n x n; y : n; J = log10(tanh(2 0)'); hvp J wrt A",
    "a : 1 diagonal; P = norm1(leaky_relu(0)); Z = adj(sum(0)); hvp Z wrt a",
    "y : scalar; B : scalar; r = inv((0 / B)); hvp r wrt B",
    "y[i] : d for i = 1..N; Z = sum(i = 1..N) sum(j = 1..N) 1 / (1 + norm(y[i] - y[j])^2);"
    "J = sum(i = 1..N) sum(j = 1..N) log(Z * (1 + norm(y[i] - y[j])^2)); grad J wrt y[i];"
    "x : k; jac (x x' x) wrt x",
    "r : K; y : n; L = cholesky(K); a : n where L a = y; J = a' a / 2; grad J wrt y",
    "a : 3 x 3; v : m x m; Z = leaky_relu(0); check jvp Z wrt v = (transpose(a) .* (a / 0))",
    "A : n x n unit; x : n + 1 onehot; P = norm2(0); check grad P wrt A = ((x / x) log1p(I, A))",
    "A : scalar; a : n; P = softmax(A); r = P - n^-1; jac ((r^64).^64) wrt P",
    "X : b x d; g : 1 x d; C = X - mean(X, axis=1); s = sqrt(mean(C.^2, axis=1) + 1);"
    "H = C ./C ./C ./C ./C ./C ./C ./C ./C ./C ./ s; D = 2 H .* g.^2; grad sum((H .* g).^2) wrt X",
    "X : m x d symmetric; B : d x k; Z[i,c] = sum(j) X[i,j] B[j,c]; J = sum(Z); grad J wrt B",
    "X : n x n posdef; X : m x d; Z[i] = sum(j) X[i,j]; grad sum(Z) wrt X",
    "x : n; W : n x n; E = sum(i, j, j) W[i,j] (x[i] - x[j])^2; grad E wrt x",
    "x : n n n n n n n n n n positive; check hess sum(sqrt(x)) wrt x = 3 diag(x.^(-3/2)) / 4",
    "K[q] : c x d for q = 0..2222222222; X[p] : 1 x c for p = 1..N; Y[p] = sum(q = 0..2) X[p] K[q]"
    "for p = 1..N; J = sum(p = 1..N) norm(Y[p])^2; grad J wrt K[q], X[p]",
    "x : n x n const symmetric; J = x' - n; Z = abs(J) .* prod(expm(x)); jac Z wrt J",
    "c : m; a : n; U : m x n; W = 2 (U' .* c'); f = maximum(mean(W'), tr(U' (c a')));hess f wrt U",
    "X : m x n; check grad sum(sqrt(sum(X.^2, axis=1))) wrt X = X X ./ sqrt(sum().^2, axis=1)X",
    "x : n; J = sum(trigamma(-10^12 - exp(x))); hess J wrt x",
    "X : n x n; H[0] : n x n; A[t] = tanh(X H[t-1]) for t = 1..T; H[t] = X A[t,t] for t = 1..T;"
    "grad norm(H[T])^2 wrt X",
    "X : m x d; Y : m x k; W = 2 X X' - r ones(1, d); J = sum(i, c) Y[i,c] P[i,c]; grad J wrt X",
]


@pytest.mark.parametrize("text", FOUND)
def test_what_was_found_is_answered_or_refused_in_every_form(text: str) -> None:
    for form in range(8):
        assert through(text, Random(form)) in ("answered", "refused")
