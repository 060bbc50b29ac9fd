"""Problems from which code is generated in tests: each asks for something that is computed in a
way of its own."""

from __future__ import annotations

PROBLEMS = {
    "linear regression": "X: m x d; w: d; y: m; J = norm(X w - y)^2 / (2 m); grad J wrt w, X",
    "ridge": """X: m x d; w: d; y: m; lam: scalar positive
        J = norm(X w - y)^2 / (2 m) + lam/2 norm(w)^2; grad J wrt w, lam""",
    "logistic": """X: m x d; w: d; y: m; z = X w
        J = (sum(softplus(z)) - y' z) / m; grad J wrt w; hess J wrt w""",
    "softmax": """X: m x d; W: d x k; b: 1 x k; Y: m x k onehot; S = X W + b
        J = (sum(logsumexp(S, axis=1)) - sum(Y .* S)) / m; grad J wrt W, b""",
    "network": """X: m x d; W1: d x h; b1: 1 x h; W2: h x k; Y: m x k
        Z = tanh(X W1 + b1); J = norm(sigmoid(Z W2) - Y)^2 / (2 m); grad J wrt W1, b1, W2, X""",
    "abstract network": """X: m x d; W1: d x h; W2: h x k; Y: m x k; sigma: elementwise
        phi: elementwise; Z = sigma(X W1); J = norm(phi(Z W2) - Y)^2; grad J wrt W1, W2""",
    "attention": """Q: n x d; K: m x d; V: m x p; P = softmax(Q K' / sqrt(d), axis=1); A = P V
        vjp A with G wrt Q; vjp A with G wrt K; vjp A with G wrt V""",
    "gaussian": """X: m x n; mu: 1 x n; L: n x n posdef; R = X - mu
        J = m/2 logdet(L) - tr(R L R') / 2; grad J wrt mu, L""",
    "one factorisation": """A: n x n; b: n; C: n x n
        J = logdet(A) + b' inv(A) b + tr(inv(A) C) + det(A); grad J wrt A, b""",
    "regularised solve": """X: m x d; y: m; lam: scalar positive; w = inv(X' X + lam I) X' y
        J = norm(w)^2; grad J wrt y; vjp w with G wrt y""",
    "inverse": "A: n x n; B: n x k; Z = inv(A) B; vjp Z wrt A, B; J = tr(inv(A)); grad J wrt A",
    "adjugate": "A: n x n; B: n x n; J = tr(adj(A) B); grad J wrt A",
    "masked factorisation": """U: m x r; V: n x r; M: m x n; Y: m x n; R = M .* (U V' - Y)
        J = norm(R)^2 / 2; grad J wrt U, V""",
    "traces": """A: n x n; C: n x n; X: n x m; B: m x m; J = tr(X' A X B X' X) + tr(A C' A)
        grad J wrt X, A""",
    "diagonals": """A: m x n; x: n; B: n x m; c: m; J = tr(A diag(x) B) + c' diag(A B)
        Z = diag(c) A diag(x); grad J wrt A, x; vjp Z wrt A, c""",
    "kronecker": """A: m x n; B: p x q; X: q x n; y: m p; Z = kron(A, B) vec(X)
        J = y' Z; grad J wrt X, A; vjp Z wrt X; jac (B X A') wrt X""",
    "commutation": "X: m x n; v: m n; J = v' commute(m, n) vec(X'); grad J wrt X, v",
    "sums": """A: m x n; b: n; c: m; J = sum(sum(A, axis=1).^2) + mean(A .* A) + norm1(A b - c)
        K = c' sum(A, axis=1) + max(A b); grad J wrt A, b; grad K wrt A, b""",
    "broadcasting": """A: m x n; r: 1 x n; c: m; s: scalar; Z = (A - r) ./ exp(c) + s c
        vjp Z wrt A; vjp Z wrt r; vjp Z wrt c; vjp Z wrt s; J = sum(c + r); grad J wrt c, r""",
    "functions of numbers": """s, t: scalar; J = t - step(s) t - step(s t) + elu(s) sigmoid(t)
        K = J + (softplus(t) - gelu(s))^2 + sign(s) silu(t) + minimum(s, t); grad K wrt s, t""",
    "outer products": """u: m; v: n; w: n; A: m x n; Z = u v'; J = norm(Z w)^2 + sum(A .* Z)
        grad J wrt u, v, w; vjp Z wrt u, v""",
    "second order": """w: d; X: m x d; J = sum(log1p(exp(X w))); hess J wrt w; hvp J wrt w with V
        jvp (tanh(X w)) wrt w with U; jac (tanh(X w)) wrt w""",
    "by a scalar": "A: m x n; t: scalar; Z = sin(t A); jac Z wrt t; J = sum(Z); grad J wrt t",
    "names": """lambda: n; θ: n+1; np: n x n; value: n; def: scalar; Z₁ = np lambda + value
        J = norm(Z₁)^2 def + norm(θ)^2; grad J wrt lambda, θ, np, value, def""",
    "activations": """X: m x n; Y: m x n; Z = gelu(X) + silu(X) + elu(X) + leaky_relu(X) + relu(X)
        J = sum(Y .* Z) + sum(erf(X) .* softplus(X)) + sum(maximum(X, Y) .* minimum(X, 1))
        grad J wrt X, Y""",
    "powers": """A: n x n; x: n positive; p: n; J = sum(x.^p) + sum(x.^3) + sum(x.^-1.5) + tr(A^5)
        K = x' A^4 x; grad J wrt x, p, A; grad K wrt x, A""",
    "symmetric": """S: n x n symmetric; x: n; J = x' S x + tr(S^2); grad J wrt x
        grad J wrt S symmetric""",
    "log-softmax": """S: m x k; Y: m x k simplex; c: k; J = -sum(Y .* log_softmax(S, axis=1))
        K = logsumexp(c) - sum(softmax(c) .* c); grad J wrt S; grad K wrt c""",
    "no dependence": """x: m; X: n x d; s: scalar; y: m; J = norm(y); Z = 2 y
        grad J wrt x, X, s, y; vjp Z wrt x, y""",
    "linear": "X: m x d; w: d; c: d; J = c' w + sum(X); grad J wrt w, X",
    "constants": "X: m x n; J = pi sum(X) + e tr(X' X) + m n + sum(ones(m, n)); grad J wrt X",
    "blocks": """A: m x p; B: m x q; W: (p+q) x k; b: 1 x k; Y: (2 m) x k; s: scalar
        H = [A, B] W + b; J = norm([tanh(H); H] - Y)^2 + norm([s, 2; A[1, 1], s])^2
        grad J wrt A, B, W, s; vjp H wrt B""",
    "slices": """X: m x d; W: d x (p+q); x: n; U: m x p; Z = X W; G = U .* Z[:, 1..p]
        r = x[2..n] - x[1..n-1]
        J = sum(sigmoid(G)) + norm(Z[2..m, p+1..p+q])^2 + norm(r)^2 + X[1, 2]^3 + x[1] x[n]
        grad J wrt X, W, x; vjp r wrt x; hess J wrt x""",
    "masks": """Q: m x d; K: m x d; V: m x p; x: m; A: m x m; Y = lower(Q K') V
        J = norm(Y)^2 + norm(cumsum(x))^2 + sum(cumsum(V, axis=1) .* flip(V, axis=0))
        K1 = sum(upper(A) .* shift(A, 1, axis=0)) + sum(tanh(shift(A, -2, axis=1)) .* A)
        L = x' flip(x) + sum(where(x > 0, x.^2, clip(x, -0.5, 0.5)))
        grad J wrt Q, V, x; grad K1 wrt A; grad L wrt x; vjp Y wrt K""",
}  # fmt: skip
