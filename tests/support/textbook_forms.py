"""Problems with the answers that a textbook prints, by what simplification needs for them."""

from __future__ import annotations

FORMS: dict[str, tuple[tuple[str, str], ...]] = {
    "transposes in Jacobians": (
        ("S : m x n; x : n; jac (S tanh(x)) wrt x", "S diag(1 - tanh(x).^2)"),
        ("S : m x n; x : n positive; jac (S log(x)) wrt x", "S diag(1 ./ x)"),
        ("S : m x n; A : n x n; x : n; jac (S diag(x) A x) wrt x", "S (diag(A x) + diag(x) A)"),
        ("B : m x k; A : k x n; x : n; jac (B exp(A x)) wrt x", "B diag(exp(A x)) A"),
        ("X : m x d; b, c : d; y : m; jac (diag(y - X b) X c) wrt b", "-diag(X c) X"),
        ("A : n x m; x : n; jac (A' x.^2) wrt x", "2 A' diag(x)"),
        ("A : m x n; x : n; jac (A x.^3) wrt x", "3 A diag(x.^2)"),
        ("C, D : m x n; x : n; jac (C sin(x) + D cos(x)) wrt x", "C diag(cos(x)) - D diag(sin(x))"),
        ("P : k x m; Q : m x n; x : n; jac (P relu(Q x)) wrt x", "P diag(step(Q x)) Q"),
        ("A : m x n; x : n; p = softmax(x); jac (A p) wrt x", "A (diag(p) - p p')"),
        ("W : k x m; V : m x n; b : m; x : n; h = sigmoid(V x + b); jac (W h) wrt x",
         "W diag(h .* (1 - h)) V"),
        ("S : m x n; u, x : n; jac (S (u .* tanh(x))) wrt x", "S diag(u .* (1 - tanh(x).^2))"),
        ("A : m x n; x : n positive; y : m; jac (y - A sqrt(x)) wrt x",
         "-A diag(1 ./ sqrt(x)) / 2"),
        ("W : m x n; v : m; x : n; jac (v .* (W x)) wrt x", "diag(v) W"),
    ),
    "rational functions": (
        ("x : n; a : scalar positive; J = sum(abs(x) - a log(1 + abs(x) / a)); grad J wrt x",
         "x ./ (a + abs(x))"),
        ("Z : n x k; J = log(mean(exp(Z))); grad J wrt Z",
         "exp(Z) / sum(exp(Z))"),
        ("y : n; m, s : scalar; J = -sum(log(1 + y ./ s)); grad J wrt y",
         "-1 ./ (s + y)"),
        ("x : n; a : scalar positive; J = sum(sqrt(x.^2 + a^2)); hess J wrt x",
         "diag(a^2 ./ (x.^2 + a^2).^(3/2))"),
        ("p, a : n positive; J = sum(log(1 + p ./ a)); grad J wrt p", "1 ./ (a + p)"),
        ("a, b, x : scalar positive; v = a x / (b + x); grad v wrt x", "a b / (b + x)^2"),
        ("w : n; c : scalar positive; t = sqrt(w.^2 + c); J = sum(w ./ t); grad J wrt w",
         "c ./ t.^3"),
        ("x : n; J = norm(x' x); grad J wrt x", "2 x"),
        ("x : n positive; J = sum(x ./ (1 + x)); grad J wrt x", "1 ./ (1 + x).^2"),
        ("x : n; c : scalar positive; J = sum(x.^2 ./ (c + x.^2)); grad J wrt x",
         "2 c x ./ (c + x.^2).^2"),
        ("x, y : n positive; J = sum((x - y) ./ (x + y)); grad J wrt x", "2 y ./ (x + y).^2"),
        ("s : scalar unit; J = s / (1 - s); grad J wrt s", "1 / (1 - s)^2"),
        ("x : n; s = 1 + x' x; J = x' x / s; grad J wrt x", "2 x / s^2"),
        ("x : n positive; J = sum(log(x) - log(1 + x)); grad J wrt x", "1 ./ (x .* (1 + x))"),
        ("s : scalar positive; J = log(s / (1 + s)); grad J wrt s", "1 / (s (1 + s))"),
        ("x : n positive; J = sum(1 ./ (1 + 1 ./ x)); grad J wrt x", "1 ./ (1 + x).^2"),
        ("a, b : scalar positive; J = 1 / (1 / a + 1 / b); grad J wrt a", "b^2 / (a + b)^2"),
        ("z : n; J = sum(log(sigmoid(1 - z) - sigmoid(-1 - z))); grad J wrt z",
         "sigmoid(1 - z) - sigmoid(z + 1)"),
        ("p : n unit; J = sum(log(p ./ (1 - p))); grad J wrt p", "1 ./ (p .* (1 - p))"),
        ("k, x : scalar positive; v = x^2 / (k^2 + x^2); grad v wrt x", "2 k^2 x / (k^2 + x^2)^2"),
        ("u, f : scalar positive; v = u f / (u - f); grad v wrt u", "-f^2 / (u - f)^2"),
        ("x : n; J = sum(x ./ sqrt(1 + x.^2)); grad J wrt x", "1 ./ sqrt(1 + x.^2).^3"),
        ("x, m : n; v, s : scalar positive; J = sum(log(1 + (x - m).^2 / (v s^2))); grad J wrt x",
         "2 (x - m) ./ (v s^2 + (x - m).^2)"),
        ("x, m : n; v : scalar positive; J = (x - m)' (x - m) / (v + (x - m)' (x - m)); "
         "grad J wrt x", "2 v (x - m) / (v + norm(x - m)^2)^2"),
        ("r : n positive; k : scalar positive; J = sum(exp(-k r) ./ r); grad J wrt r",
         "-exp(-k r) .* (k + 1 ./ r) ./ r"),
        ("r : n positive; s : scalar positive; J = sum((s ./ r).^9 - (s ./ r).^6); grad J wrt r",
         "(6 (s ./ r).^6 - 9 (s ./ r).^9) ./ r"),
        ("D : m x n; l, k : m positive; r = sqrt(sum(D.^2, axis=1)); "
         "J = sum(k .* (r - l).^2 ./ l); grad J wrt l", "k .* (1 - (r ./ l).^2)"),
    ),
    "parts of a definition by its name": (
        ("t : n; y : n; r, k, c : scalar positive; h = k ./ (1 + c exp(-r t)); "
         "J = norm(h - y)^2 / 2; grad J wrt r", "(h - y)' (t .* h .* (1 - h / k))"),
        ("x, y : n positive; a, b, c : scalar positive; h = a ./ (1 + (x / c).^b); "
         "J = norm(h - y)^2 / 2; grad J wrt c", "b (h - y)' (h .* (1 - h / a)) / c"),
        ("x, a, u : d; J = 1 - u' (x - a) / norm(x - a); grad J wrt x",
         "((1 - J) (x - a) / norm(x - a) - u) / norm(x - a)"),
        ("X : n x d; w : d; y : n; m = 1 - exp(-exp(X w)); "
         "J = -(y' log(m) + (1 - y)' log(1 - m)); grad J wrt w",
         "X' (exp(X w) .* (1 - y ./ m))"),
        ("z, u : d; a, b : scalar positive; r = norm(z - u); h = 1 / (a + r); "
         "J = log(1 + b h - b r h^2); grad J wrt b", "a h^2 / (1 + a b h^2)"),
    ),
    "fractions over one denominator, with a sign": (
        ("X : m x n; b : n; y : m nonneg; r : scalar positive; mu = exp(X b); "
         "J = sum((y + r) .* log(r + mu) - y .* (X b)); grad J wrt b",
         "r X' ((mu - y) ./ (r + mu))"),
        ("X : m x n; b : n; y : m nonneg; r : scalar positive; "
         "J = sum((y + r) .* log(r + exp(X b)) - y .* (X b)); grad J wrt b",
         "r X' ((exp(X b) - y) ./ (r + exp(X b)))"),
        ("g : n; s, x, c : n positive; J = g' ((s + c) .* x ./ (x + c) - s); grad J wrt g",
         "c .* (x - s) ./ (x + c)"),
        ("x, m : scalar; s : scalar positive; J = log(s) + (x - m)^2 / (2 s^2); grad J wrt s",
         "(1 - ((x - m) / s)^2) / s"),
    ),
    "kinks": (
        ("x : n; k : scalar positive; y = sign(x) .* maximum(abs(x) - k, 0); jac y wrt x",
         "diag(step(abs(x) - k))"),
        ("r : n; k : scalar positive; J = sum(minimum(abs(r), k).^2 / 2 + k maximum(abs(r) - k, "
         "0)); grad J wrt r",
         "minimum(maximum(r, -k), k)"),
        ("x, y : n; J = sum((abs(x) - y).^2) / 2; grad J wrt x", "x - y .* sign(x)"),
        ("x : n; r : scalar; J = maximum(0, norm(x) - r)^2 / 2; grad J wrt x",
         "maximum(0, norm(x) - r) x / norm(x)"),
        ("X : m x d; w : d; y : m; r = X w - y; J = sum(maximum(0, r).^2) / 2; grad J wrt w",
         "X' maximum(0, r)"),
        ("x : n; J = sum(maximum(x, 0) + maximum(-x, 0)); grad J wrt x", "sign(x)"),
        ("r : n; k : scalar positive; "
         "J = sum(minimum(abs(r), k).^2 / 2 + k (abs(r) - minimum(abs(r), k))); grad J wrt r",
         "sign(r) .* minimum(abs(r), k)"),
        ("r : n; k : scalar positive; "
         "J = sum(step(k - abs(r)) .* r.^2 / 2 + step(abs(r) - k) .* (k abs(r) - k^2 / 2)); "
         "grad J wrt r",
         "step(k - abs(r)) .* r + k step(abs(r) - k) .* sign(r)"),
        ("x : n; a : scalar positive; J = sum(relu(abs(x) - a)); grad J wrt x",
         "sign(x) .* step(abs(x) - a)"),
        ("x : n; J = sum(relu(x).^2 + relu(-x).^2) / 2; grad J wrt x", "x"),
        ("a : n; k : scalar; J = sum((minimum(a, k) - k).^2) / 2; grad J wrt a",
         "minimum(a, k) - k"),
        ("x, y : n; J = sum(maximum(x, y).^2) / 2; grad J wrt x", "x .* step(x - y)"),
        ("X : m x d; w : d; y : m; J = sum(relu(1 - y .* (X w)).^2) / 2; grad J wrt w",
         "-X' (y .* relu(1 - y .* (X w)))"),
        ("x : n; J = sum(abs(x) .* x) / 2; grad J wrt x", "abs(x)"),
        ("x : n; J = sum(relu(x) .* x) / 2; grad J wrt x", "relu(x)"),
        ("r : n; c : scalar positive; J = sum(relu(abs(r) - c).^2) / 2; grad J wrt r",
         "sign(r) .* relu(abs(r) - c)"),
        ("r : n; q : scalar unit; J = sum(q relu(r) + (1 - q) relu(-r)); grad J wrt r",
         "step(r) - (1 - q)"),
        ("x : n; J = sum(relu(x).^3) / 3; grad J wrt x", "relu(x).^2"),
        ("x : n; a : scalar; J = sum(maximum(x, a) - minimum(x, a)); grad J wrt x", "sign(x - a)"),
        ("a, x : n; J = a' minimum(maximum(x, 0), 1); grad J wrt x", "a .* step(x) .* step(1 - x)"),
        ("x : n; J = sum(relu(1 - relu(x)).^2) / 2; grad J wrt x", "-relu(1 - x) .* step(x)"),
        ("x, y : n; J = sum(maximum(x, y) + minimum(x, y)); grad J wrt x", "ones(n)"),
        ("x : n; J = sum(relu(x) - relu(-x)); grad J wrt x", "ones(n)"),
        ("u : n; J = sum(sign(u).^2 .* u.^4) / 4; grad J wrt u", "u.^3"),
        ("z : n; J = sum(maximum(z, z / 10)); grad J wrt z", "(1 + 9 step(z)) / 10"),
        ("x, y : n; w : n positive; J = sum(relu(w .* (2 x - 2 y))); grad J wrt x",
         "2 w .* step(x - y)"),
        ("x : n; J = sum(abs(-x / 3)); grad J wrt x", "sign(x) / 3"),
        ("r : n; k : scalar positive; J = sum(where(abs(r) < k, r.^2 / 2, k abs(r) - k^2 / 2)); "
         "grad J wrt r", "minimum(maximum(r, -k), k)"),
        ("x, y : n; J = sum(where(x < y, 0, (x - y).^2)) / 2; grad J wrt x", "relu(x - y)"),
        ("x, y : n; J = sum(where(x < y, x.^2, 2 y .* x - y.^2)); grad J wrt x",
         "2 minimum(x, y)"),
    ),
    "definitions": (
        ("D : m x d; w : d; s = D w; p = sigmoid(s); J = sum(softplus(-s)); hess J wrt w",
         "D' diag(p .* (1 - p)) D"),
        ("X : m x d; w : d; s = sigmoid(X w); J = sum(s); grad J wrt w", "X' (s .* (1 - s))"),
        ("X : m x d; w : d; y : m; s = sigmoid(X w); J = norm(s - y)^2 / 2; grad J wrt w",
         "X' ((s - y) .* s .* (1 - s))"),
        ("A : n x n symmetric; a : n; J = 1 / (a' A a); grad J wrt a", "-2 J^2 A a"),
        ("K : n x n posdef; y : n; a = inv(K) y; J = y' inv(K) y + logdet(K); grad J wrt K",
         "inv(K) - a a'"),
        ("A : n x n symmetric; x : n; J = x' A x / (x' x); grad J wrt x", "2 (A x - J x) / (x' x)"),
        ("A, B : n x n symmetric; W : n x k; J = tr(W' A W) / tr(W' B W); grad J wrt W",
         "2 (A W - J B W) / tr(W' B W)"),
        ("S : n x n posdef; m, w : n; s = sqrt(w' S w); J = m' w / s; grad J wrt w",
         "(m - J S w / s) / s"),
        ("W : m x n; x : n; t = tanh(W x); J = sum(t); grad J wrt W", "(1 - t.^2) x'"),
        ("x : n; mu = mean(x); J = sum((x - mu).^2) / n; grad J wrt x", "2 (x - mu) / n"),
        ("u : n; q = exp(-u.^2 / 2); J = sum(q); grad J wrt u", "-u .* q"),
        ("A : n x n posdef; x : n; J = exp(-x' A x / 2); grad J wrt x", "-J A x"),
        ("A : n x n posdef; x : n; J = sqrt(x' A x); grad J wrt x", "A x / J"),
        ("x : n; u = exp(x); S = sum(u); J = log(S); grad J wrt x", "u / S"),
        ("X : m x d; w : d; y : m; p = exp(X w); J = sum(p - y .* (X w)); grad J wrt w",
         "X' (p - y)"),
        ("z, y : n; t = tanh(z); J = norm(t - y)^2 / 2; grad J wrt z", "(t - y) .* (1 - t.^2)"),
        ("K : n x n posdef; y : n; P = inv(K); J = logdet(K) + y' P y; grad J wrt K",
         "P - P y y' P"),
        ("x : n; s = 1 / (1 + x' x); J = log(s); grad J wrt x", "-2 s x"),
        ("X : m x d; C = X - ones(m) mean(X, axis=0); J = norm(C)^2 / 2; grad J wrt X", "C"),
        ("X : m x d; u = sum(X, axis=1) / d; C = X - u; s = sqrt(1 + sum(C.^2, axis=1) / d); "
         "Z = C ./ s; vjp Z with G wrt X",
         "(G - mean(G, axis=1) - Z .* mean(G .* Z, axis=1)) ./ s"),
        ("a, b, x : n; J = (a' x)^2 * (b' x); grad J wrt x", "(a' x) (2 (b' x) a + (a' x) b)"),
        ("a, b, x : n; y = (a' x) (x' b) a + (x' b)^2 x; jac y wrt a",
         "(x' b) (a x' + (a' x) I)"),
    ),
    "attributes": (
        ("Q : n x n orthogonal; X, A : n x n; J = norm(Q X Q' - A)^2; grad J wrt X",
         "2 (X - Q' A Q)"),
        ("Q : n x n orthogonal; x, y : n; J = norm(Q x - y)^2; grad J wrt x", "2 (x - Q' y)"),
        ("D : n x n diagonal; x : n; J = x' D x; grad J wrt x", "2 D x"),
        ("Z : m x k; P : m x k onehot; J = -sum(P .* log_softmax(Z, axis=1)); grad J wrt Z",
         "softmax(Z, axis=1) - P"),
        ("z : n; p : n simplex; J = -p' log(softmax(z)); grad J wrt z", "softmax(z) - p"),
        ("S : n x n posdef; x, u : n; J = (x - u)' inv(S) (x - u); grad J wrt x",
         "2 inv(S) (x - u)"),
        ("Q : n x n orthogonal; X : n x k; J = norm(Q X)^2; grad J wrt X", "2 X"),
        ("Q : n x n orthogonal; A : n x n; J = logdet(Q' A Q); grad J wrt A", "inv(A)'"),
        ("Q : n x n orthogonal; X, B : n x k; J = norm(Q' X - B)^2 / 2; grad J wrt X", "X - Q B"),
        ("D : n x n diagonal; x, y : n; J = norm(D x - y)^2 / 2; grad J wrt x", "D (D x - y)"),
        ("Q : n x n orthogonal; X : n x n; A : n x n; J = tr(inv(Q X Q') A); grad J wrt X",
         "-inv(X)' Q' A' Q inv(X)'"),
        ("Q : n x n orthogonal; A : m x n; x : n; y : m; J = norm(A Q x - y)^2 / 2; grad J wrt x",
         "Q' A' (A Q x - y)"),
        ("Q : n x n orthogonal; x, c : n; a : scalar; J = norm(Q x - c)^2 + a norm(Q x)^2; "
         "grad J wrt x",
         "2 ((1 + a) x - Q' c)"),
    ),
    "logs": (
        ("x : n positive; k, l : scalar positive; "
         "J = sum(log(k) - k log(l) + (k - 1) log(x) - (x / l).^k); grad J wrt k",
         "n / k + sum((1 - (x / l).^k) .* log(x / l))"),
        ("m, h : n; K : n x n symmetric; J = sum((1 + m) .* log(1 + m) + (1 - m) .* log(1 - m)) / 2"
         " - m' K m / 2; grad J wrt m", "log((1 + m) ./ (1 - m)) / 2 - K m"),
        ("T, y : n positive; a, e : scalar positive; h = a exp(-e ./ T); "
         "J = norm(log(h) - log(y))^2 / 2; grad J wrt e", "sum(log(y ./ h) ./ T)"),
    ),
    "powers": (
        ("x : n positive; p : scalar positive; N = sum(x.^p)^(1 / p); grad N wrt x",
         "(x / N).^(p - 1)"),
        ("x, c : n positive; s : scalar positive; J = (c' x.^s)^(1 / s); grad J wrt x",
         "J^(1 - s) c .* x.^(s - 1)"),
        ("u, v : n positive; a : scalar; J = sum(u.^a .* v.^(1 - a)) / a; grad J wrt u",
         "(u ./ v).^(a - 1)"),
        ("X, V : m x n positive; b : scalar; J = sum(X.^b / b - V .* X.^(b - 1) / (b - 1)); "
         "grad J wrt X",
         "X.^(b - 2) .* (X - V)"),
        ("t : n positive; k : scalar; s : scalar positive; J = sum((t / s).^k); grad J wrt s",
         "-k J / s"),
        ("a, b : n positive; J = sum(a.^3 ./ b.^2); grad J wrt a", "3 (a ./ b).^2"),
        ("z, c, w : scalar positive; r = w sqrt(1 + z / c); grad r wrt z", "w^2 / (2 c r)"),
        ("p, q : n positive; J = sum(sqrt(p .* q)); grad J wrt q", "sqrt(p ./ q) / 2"),
    ),
    "definitions in several others": (
        ("A : m x n; x : n; u = A x / norm(A x); J = norm(A x); hess J wrt x",
         "A' (I - u u') A / J"),
        ("A : m x n; x : n; J = norm(A x); u = A x / norm(A x); z = A x; "
         "hess J wrt x", "A' (I - u u') A / J"),
        ("A : m x n; x : n; u = A x / norm(A x); J = norm(A x); z = A x; "
         "hess J wrt x", "A' (I - u u') A / J"),
        ("A : m x n; x : n; z = A x; u = z / norm(z); J = norm(z); hess J wrt x",
         "A' (I - u u') A / J"),
        ("A : m x n; x : n; b : m; r = A x - b; u = r / norm(r); J = norm(r); "
         "hess J wrt x", "A' (I - u u') A / J"),
        ("S : n x n posdef; w : n; v = S w / sqrt(w' S w); s = sqrt(w' S w); hess s wrt w",
         "(S - v v') / s"),
    ),
    "powers of quotients in sums": (
        ("x, y : d; s, e : scalar positive; r = norm(x - y); U = e ((s / r)^12 - 2 (s / r)^6); "
         "grad U wrt x", "12 e ((s / r)^6 - (s / r)^12) (x - y) / r^2"),
        ("x, y : d; s : scalar positive; r = norm(x - y); U = (s / r)^9 - (s / r)^3; "
         "grad U wrt x", "(3 (s / r)^3 - 9 (s / r)^9) (x - y) / r^2"),
        ("x, y : d; s, e : scalar positive; r = norm(x - y); t = s / r; U = 4 e (t^12 - t^6); "
         "grad U wrt x", "24 e (t^6 - 2 t^12) (x - y) / r^2"),
        ("p, q, a, b : scalar positive; J = a (p / q)^4 + b (p / q)^2; grad J wrt q",
         "-(4 a (p / q)^4 + 2 b (p / q)^2) / q"),
    ),
    "multiples of functions of quotients": (
        ("x : n; t : scalar positive; J = t logsumexp(x / t); grad J wrt t",
         "(J - x' softmax(x / t)) / t"),
        ("x : n; t : scalar positive; p = softmax(x / t); J = t log(sum(exp(x / t))); "
         "grad J wrt t", "(J - p' x) / t"),
        ("x : n; t : scalar positive; J = -t log(mean(exp(-x / t))); grad J wrt t",
         "(J - x' softmax(-x / t)) / t"),
        ("E : n; k : scalar; T : scalar positive; p = softmax(-E / (k T)); "
         "F = -k T logsumexp(-E / (k T)); grad F wrt T", "(F - p' E) / T"),
    ),
    "definitions of a known norm": (
        ("p, z : d; u = p / norm(p); v = z / norm(z); J = norm(u - v)^2; grad J wrt p",
         "2 ((v' u) u - v) / norm(p)"),
        ("X, A : m x d; r = sqrt(sum(X.^2, axis=1)); U = X ./ r; J = sum((U - A) .* U); "
         "grad J wrt X",
         "(sum(A .* U, axis=1) .* U - A) ./ r"),
    ),
    "sums met as factors": (
        ("p, q : n; l : scalar; J = 1/2 (norm(p - q) - l)^2; grad J wrt p",
         "(1 - l / norm(p - q)) (p - q)"),
        ("h : n; t : scalar; J = sum((h - 1 / (2 t)).^2); grad J wrt h", "2 h - 1 / t"),
        ("z, c : n; p = softmax(z); J = p' (2 log(p) - c); grad J wrt z",
         "p .* (2 log(p) - c - J)"),
        ("X, B : n x n; J = tr(inv(X) (X - B)); grad J wrt X", "(inv(X) B inv(X))'"),
    ),
    "traces of quadratic forms": (
        ("B : n x n symmetric; X : n x k; J = tr(X' B X)^2 / 2; grad J wrt X",
         "2 tr(X' B X) B X"),
        ("A, B : n x n; J = tr(A' B)^2 / 2; grad J wrt A", "sum(A .* B) B"),
    ),
    "traces, determinants and resolvents": (
        ("A, B, C, D : n x n; J = tr(inv(B - A) (A + B) C) + tr(inv(B - A) D); grad J wrt A",
         "inv(B - A)' ((D' + C' (A + B)') inv(B - A)' + C')"),
        ("X, Y : n x n posdef; J = tr(X inv(Y)) - logdet(X inv(Y)); grad J wrt X",
         "inv(Y) - inv(X)"),
        ("X : n x n posdef; J = logdet(X) + logdet(eye(n) + inv(X)); grad J wrt X",
         "inv(eye(n) + X)"),
        ("x : n; m : scalar; s : scalar positive; "
         "J = sum((x - m).^2) / (2 s^2) + n log(s); grad J wrt s",
         "n / s - sum((x - m).^2) / s^3"),
        ("B, C, X : n x n; t : scalar; J = t tr(B X) + t^2 tr(C X); grad J wrt t",
         "tr((B + 2 t C) X)"),
        ("A, B : n x n; J = tr(inv(A) (A + B)); grad J wrt B", "inv(A)'"),
        ("A : n x n; J = tr(A) tr(A); grad J wrt A", "2 tr(A) eye(n)"),
        ("A, X : n x n posdef; J = logdet(inv(A) + inv(X)); grad J wrt X", "inv(A + X) - inv(X)"),
        ("X : n x n posdef; J = tr(inv(I + inv(X))); grad J wrt X", "inv(I + X)^2"),
        ("A : n x n; b, c : n; s : scalar; R = inv(s I - A); J = c' R b; grad J wrt A",
         "R' c b' R'"),
        ("A : n x n; b, c : n; s : scalar; R = inv(s I - A); J = c' R b; grad J wrt s",
         "-c' R^2 b"),
        ("X : n x n; J = det(X)^2; grad J wrt X", "2 det(X)^2 inv(X)'"),
        ("A, X : n x n; J = logdet(X) - logdet(A + X); grad J wrt X", "inv(X)' - inv(A + X)'"),
        ("A, B : n x n posdef; J = tr(inv(inv(A) + inv(B))); grad J wrt B",
         "inv(A + B) A^2 inv(A + B)"),
        ("A, B, X : n x n; t : scalar; J = t^2 tr(A' X) / 2 - t tr(B' X); grad J wrt t",
         "tr((t A - B)' X)"),
        ("A, B : n x n; x : n; t : scalar; J = t x' A x + t^2 x' B x; grad J wrt t",
         "x' (A + 2 t B) x"),
        ("A, X : n x n; J = tr(A inv(X) X) + tr(X); grad J wrt X", "eye(n)"),
        ("X : n x n; J = tr(X)^3 / 3; grad J wrt X", "tr(X)^2 eye(n)"),
        ("A, X : n x n; J = logdet(inv(A) X); grad J wrt X", "inv(X)'"),
    ),
    "determinants of products": (
        ("A : n x n posdef; d : n positive; J = logdet(diag(d) A diag(d)); grad J wrt d",
         "2 ./ d"),
        ("A : n x n; d : n; J = logdet(A diag(d)); grad J wrt A", "inv(A)'"),
        ("A, X : n x n; J = logdet(X' A X); grad J wrt X", "2 inv(X)'"),
        ("A : n x n; x : n; J = logdet(A - diag(x)); grad J wrt x", "-diag(inv(A - diag(x)))"),
    ),
    "Kronecker products": (
        ("A : m x m; B : n x n; J = logdet(kron(A, B)); grad J wrt A", "n inv(A)'"),
        ("A : m x m; B : n x n; J = logdet(kron(A, B)); grad J wrt B", "m inv(B)'"),
        ("Q : n x n orthogonal; X : n x n; J = norm(kron(Q, Q) vec(X))^2; grad J wrt X", "2 X"),
        ("A : m x m; B : n x n; J = tr(kron(A, B)); grad J wrt A", "tr(B) eye(m)"),
        ("A : m x n; B : p x q; J = norm(kron(A, B))^2; grad J wrt A", "2 norm(B)^2 A"),
        ("A, B : n x n symmetric; X : n x n; J = vec(X)' kron(A, B) vec(X) / 2; grad J wrt X",
         "B X A"),
        ("A, X : n x n; jac vec(A X + X A') wrt X", "kron(eye(n), A) + kron(A, eye(n))"),
        ("A : m x m; B : n x n; J = det(kron(A, B)); grad J wrt A", "n det(A)^n det(B)^m inv(A)'"),
        ("A, X, C : n x n; J = norm((kron(I, A) + kron(A, I)) vec(X) - vec(C))^2 / 2; grad J wrt X",
         "A' (A X + X A' - C) + (A X + X A' - C) A"),
        ("A : m x m; B : n x n; C : n x m; J = vec(C)' inv(kron(A, B)) vec(C); grad J wrt C",
         "inv(B) C inv(A)' + inv(B)' C inv(A)"),
        ("A : m x m; B : n x n; J = tr(kron(A, B) kron(A, B)); grad J wrt A", "2 tr(B^2) A'"),
    ),
    "written-out forms": (
        ("z, x : n; J = x' exp(z) / sum(exp(z)); grad J wrt z", "softmax(z) .* (x - J)"),
        ("K : m x n; V : n x d; vjp ((exp(K) V) ./ sum(exp(K), axis=1)) with G wrt V",
         "softmax(K, axis=1)' G"),
        ("z : n; J = sum((1 - exp(-z)) ./ (1 + exp(-z))); grad J wrt z",
         "(1 - tanh(z / 2).^2) / 2"),
        ("X : m x d; w : d; y : m; h = 1 ./ (1 + exp(-X w)); "
         "J = -(y' log(h) + (1 - y)' log(1 - h)) / m; grad J wrt w",
         "X' (h - y) / m"),
        ("X : m x d; W : d x k; Y : m x k onehot; Z = X W; P = exp(Z) ./ sum(exp(Z), axis=1); "
         "J = -sum(Y .* log(P)) / m; grad J wrt W",
         "X' (P - Y) / m"),
        ("Z : m x k; Y : m x k onehot; J = -sum(Y .* log(exp(Z) ./ sum(exp(Z), axis=1))); "
         "grad J wrt Z",
         "softmax(Z, axis=1) - Y"),
        ("x : n; mu = sum(x) / n; v = sum((x - mu).^2) / n; s = sqrt(v + 1/1000); "
         "y = (x - mu) / s; vjp y with G wrt x",
         "(G - mean(G) - mean(G .* y) y) / s"),
        ("X : m x c; mu = sum(X, axis=1) / c; v = sum((X - mu).^2, axis=1) / c; "
         "s = sqrt(v + 1/1000); Y = (X - mu) ./ s; vjp Y with G wrt X",
         "(G - mean(G, axis=1) - mean(G .* Y, axis=1) .* Y) ./ s"),
        ("x : n; a, b : scalar; p : scalar unit; "
         "J = sum(log(p exp(-(x - a).^2 / 2) + (1 - p) exp(-(x - b).^2 / 2))); grad J wrt a",
         "sum(p exp(-(x - a).^2 / 2) .* (x - a) ./ (p exp(-(x - a).^2 / 2) + (1 - p) exp(-(x - "
         "b).^2 / 2)))"),
        ("r : n; v : scalar positive; J = sum(log(1 + r.^2 / v)); grad J wrt r",
         "2 r ./ (v + r.^2)"),
        ("X : m x d; w : d; y : m; J = sum(log(1 + exp(-y .* (X w)))); grad J wrt w",
         "-X' (y .* sigmoid(-y .* (X w)))"),
        ("p, q : n unit; J = sum(p .* log(p ./ q) + (1 - p) .* log((1 - p) ./ (1 - q))); "
         "grad J wrt q",
         "(q - p) ./ (q .* (1 - q))"),
        ("y, u : n positive; r : scalar positive; J = sum((y + r) .* log(r + u) - y .* log(u)); "
         "grad J wrt u",
         "r (u - y) ./ (u .* (r + u))"),
        ("a, b, z : scalar; F = 1 / (1 + exp(z - a)); H = 1 / (1 + exp(z - b)); J = -log(F - H); "
         "grad J wrt z",
         "1 - F - H"),
        ("X : m x d; w : d; y : m; "
         "J = -sum(y .* log(sigmoid(X w)) + (1 - y) .* log(1 - sigmoid(X w))); grad J wrt w",
         "X' (sigmoid(X w) - y)"),
        ("z : n; J = sum((exp(z) - exp(-z)) ./ (exp(z) + exp(-z))); grad J wrt z",
         "1 - tanh(z).^2"),
        ("x : n; J = sum(x ./ (1 + exp(-x))); s = sigmoid(x); grad J wrt x",
         "s + x .* s .* (1 - s)"),
        ("a : k; z : k; S = sum(exp(a)); p = exp(a) / S; J = p' z; grad J wrt a", "p .* (z - J)"),
    ),
    "divisors that meet others inside a sum": (
        ("r : m; s : scalar positive; J = m log(s) + sum(log(1 + abs(r) / s)); grad J wrt s",
         "(m - sum(abs(r) ./ (s + abs(r)))) / s"),
        ("y : m; X : m x n; b : n; c : scalar positive; J = sum(log(1 + ((y - X b) / c).^2)); "
         "grad J wrt b", "2 X' ((X b - y) ./ (c^2 + (y - X b).^2))"),
        ("x : n; c : scalar positive; J = sum(sqrt(1 + (x / c).^2)); hess J wrt x",
         "diag(1 ./ (1 + (x / c).^2).^(3/2)) / c^2"),
        ("t : m positive; p : scalar unit; J = sum(log(1 - p + p cos(t))); grad J wrt p",
         "sum((cos(t) - 1) ./ (1 - p + p cos(t)))"),
    ),
    "definitions in powers and multiples": (
        ("X : m x n; J = tr(X' X X' X)^(1/4); grad J wrt X", "X X' X / J^3"),
        ("A : n x n; J = sqrt(det(A)); grad J wrt A", "J inv(A)' / 2"),
        ("x : n; y = x / mean(abs(x)); vjp y with u wrt x",
         "(u - (u' y) sign(x) / n) / mean(abs(x))"),
        ("x : n; a : n; s : scalar; z = s (x - a); J = sum(tanh(z)); grad J wrt s",
         "(z / s)' (1 - tanh(z).^2)"),
        ("A, B : n x n; J = tr(A B A B); K = log(J); grad K wrt B", "2 (A B A)' / J"),
    ),
    "definitions with powers to what is no number": (
        ("x, a : n positive; r : scalar positive; f = sum(a .* x.^r)^(1/r); grad f wrt x",
         "a .* (x / f).^(r - 1)"),
        ("x, a : n positive; r : scalar positive; f = sum(x.^r .* a)^(1/r); grad f wrt a",
         "f^(1 - r) x.^r / r"),
        ("x, a : n positive; r : scalar positive; f = sum(a .* x.^(-r))^(-1/r); grad f wrt x",
         "a .* (x / f).^(-r - 1)"),
        ("x, m : n; s : scalar positive; p = exp(-norm(x - m)^2 / (2 s^2)) / (2 pi s^2)^(n / 2); "
         "grad log(p) wrt m", "(x - m) / s^2"),
        ("x, m : n; s : scalar positive; p = exp(-norm(x - m)^2 / (2 s^2)) / (2 pi s^2)^(n / 2); "
         "grad p wrt x", "p (m - x) / s^2"),
        ("x, m : n; s : scalar positive; p = exp(-norm(x - m)^2 / (2 s^2)) / (2 pi s^2)^(n / 2); "
         "grad log(p) wrt s", "(norm(x - m)^2 / s^2 - n) / s"),
        ("y : n positive; a : scalar positive; m = mean(y.^a); J = m^(1 / a) / mean(y); "
         "grad J wrt y", "J (y.^(a - 1) / m - 1 / mean(y)) / n"),
        ("t, k : scalar positive; f = k t^(k - 1) exp(-t^k); grad f wrt t",
         "f ((k - 1) / t - k t^(k - 1))"),
        ("t : n positive; k : scalar positive; f = k t.^(k - 1) .* exp(-t.^k); J = sum(f); "
         "grad J wrt t", "f .* ((k - 1) ./ t - k t.^(k - 1))"),
        ("x, l, m : scalar positive; f = sqrt(l / x^3) exp(-l (x - m)^2 / (2 m^2 x)); "
         "grad log(f) wrt l", "1 / (2 l) - (x - m)^2 / (2 m^2 x)"),
        ("x, v : scalar positive; f = (1 + x^2 / v)^(-(v + 1) / 2); grad f wrt x",
         "-x f (v + 1) / (v + x^2)"),
        ("D : n x n nonneg; y : n; a, s : scalar positive; B = 1 + D / a; C = B.^(-a); "
         "K = C + s eye(n); J = (y' inv(K) y + logdet(K)) / 2; grad J wrt a",
         "tr(inv(K) (I - y y' inv(K)) (C .* (1 - 1 ./ B - log(B)))) / 2"),
    ),
    "definitions that meet what they are made of": (
        ("X : n x d; y : n; b : d; M = eye(n) - ones(n, n) / n; J = norm(M (y - X b))^2 / 2; "
         "grad J wrt b", "X' M (X b - y)"),
        ("Z : n x q; y : n; P = Z inv(Z' Z) Z'; J = norm(P y)^2 / 2; grad J wrt y", "P y"),
        ("Z : n x q; y : n; M = eye(n) - Z inv(Z' Z) Z'; J = log(y' M M y); grad J wrt y",
         "2 M y / (y' M y)"),
        ("x, u : n; a = x' u / (u' u); e = x - a u; J = norm(e)^2 / 2; grad J wrt u", "-a e"),
        ("x, u : n; a = x' u / (u' u); e = x - a u; J = log(e' e); grad J wrt x",
         "2 e / norm(e)^2"),
        ("X : n x d; y : n; B = inv(X' X); b = B X' y; e = y - X b; J = e' e / 2; grad J wrt y",
         "e"),
        ("A : m x n; x : n; y : m; f = x - A' inv(A A') (A x - y); J = A f; jac J wrt x",
         "zeros(m, n)"),
        ("K : n x n posdef; y : n; s : scalar; a = inv(K) y; J = a' K a + s a' y; grad J wrt s",
         "a' y"),
    ),
    "parts of sums that have a name": (
        ("d, y : n positive; w : n; c, r : scalar positive; h = c (1 - exp(-d / r)); "
         "J = w' (h - y).^2; grad J wrt r", "2 (c - h)' (d .* w .* (y - h)) / r^2"),
        ("x, u, t : n; s : n; y = u .* exp(s) + t; J = norm(y)^2 / 2 - sum(s); grad J wrt s",
         "y .* (y - t) - 1"),
        ("K, L, A, r : scalar positive; a : scalar unit; s = a K^r + (1 - a) L^r; "
         "Q = A s^(1 / r); grad Q wrt K", "a Q K^(r - 1) / s"),
        ("Z : n x q; b : q; u : n; p = sigmoid(Z b); f = p + (1 - p) .* exp(-u); "
         "J = -sum(log(f)); grad J wrt b", "Z' (p - p ./ f)"),
        ("p, q, r : scalar positive; s = p + q r; J = p (s - 1) / s; grad J wrt r",
         "p q / s^2"),
        ("u, v : n; y : scalar unit; m : scalar positive; r = norm(u - v); "
         "J = y r^2 + (1 - y) relu(m - r)^2; grad J wrt u",
         "2 (y - (1 - y) relu(m - r) / r) (u - v)"),
    ),
    "one-hot": (
        ("h : m; a : m onehot; p = softmax(h); J = -log(a' p); grad J wrt h", "p - a"),
        ("Z : n x k; Y : n x k onehot; P = softmax(Z, axis=1); J = -sum(log(sum(Y .* P, axis=1))); "
         "grad J wrt Z", "P - Y"),
        ("z : 1 x m; a : 1 x m onehot; J = -log(a exp(z)') + log(sum(exp(z))); grad J wrt z",
         "softmax(z) - a"),
    ),
    "sums that are added up": (
        ("d : n; q, h, b, s : scalar positive; J = sum(h softplus((q - d) / s) + "
         "b softplus((d - q) / s)); grad J wrt q",
         "sum(h sigmoid((q - d) / s) - b sigmoid((d - q) / s)) / s"),
        ("t, d : n positive; a, g : scalar positive; J = sum(a (exp(g t) - 1) / g - d * log(a)); "
         "grad J wrt a", "sum((exp(g t) - 1) / g - d / a)"),
        ("p, y : n unit; J = 1 - 2 y' p / (sum(p) + sum(y)); grad J wrt p",
         "(1 - J - 2 y) / (sum(p) + sum(y))"),
        ("A : n x n symmetric; b, w : n; a : scalar; u = w - a (A w - b); J = u' A u / 2 - b' u; "
         "grad J wrt w", "(I - a A) (A u - b)"),
        ("x : n positive; m, l : scalar positive; J = l sum((x - m).^2 ./ (2 m^2 x)); "
         "grad J wrt m", "l sum(m - x) / m^3"),
        ("t, k : n positive; a : scalar positive; J = sum(a t ./ (k + a t)); grad J wrt a",
         "t' (k ./ (k + a t).^2)"),
    ),
    "sums of scaled matrices": (
        ("M : n x n positive; u, a : scalar positive; s = u + a sum(M, axis=1); J = sum(log(s)); "
         "grad J wrt a", "sum(M ./ s)"),
        ("M : m x n positive; v : n positive; a : scalar positive; s = a M' ones(m) + v; "
         "J = sum(log(s)); grad J wrt a", "sum(M ./ s')"),
    ),
    "numbers and divisors of some summands": (
        ("y, h : n; m, s : scalar positive; r = h - m; v = exp(-h); "
         "J = sum(h + y.^2 .* v) / 2 + r' r / (2 s^2); grad J wrt h",
         "(1 - y.^2 .* v) / 2 + r / s^2"),
        ("a, b, x : n; t : scalar; J = a' x / 3 + b' x / 3 + t norm(x)^2; grad J wrt x",
         "(a + b) / 3 + 2 t x"),
        ("w, m : n; s, a : scalar positive; r = (w - m) / s; J = r' r / 2 + n log(s) + a / s; "
         "grad J wrt s", "(n - r' r - a / s) / s"),
        ("y, a : n positive; s : scalar positive; "
         "J = sum((y.^2 + a.^2) / (2 s^2) - log(y / s^2)); grad J wrt s",
         "2 n / s - sum(y.^2 + a.^2) / s^3"),
    ),
    "letters inside, and what stands before diag": (
        ("K, V : m x n; q : n; p = softmax(K q); jac (V' p) wrt q", "V' (diag(p) - p p') K"),
        ("K, V : m x n; q : n; p = softmax(K q); jac (V' (p + K q)) wrt q",
         "V' (diag(p) - p p' + I) K"),
        ("x : n positive; a, h : scalar positive; y = a x ./ (1 + a h x); jac y wrt x",
         "diag(a ./ (1 + a h x).^2)"),
        ("x : n positive; a : scalar; jac (-a log(x)) wrt x", "-diag(a ./ x)"),
    ),
    "scalars over something": (
        ("x : n positive; H = n / sum(1 ./ x); grad H wrt x", "H^2 ./ (n x.^2)"),
        ("x, w : n positive; a : scalar positive; H = a / (w' x); J = H + log(H); grad J wrt x",
         "-(H + 1) H w / a"),
    ),
    "double angles": (
        ("t, y : n; w : scalar positive; h = sin(w t / 2).^2; J = norm(h - y)^2 / 2; grad J wrt w",
         "(h - y)' (t .* sin(w t)) / 2"),
        ("x : n; J = sum(sin(x).^4); grad J wrt x", "4 sin(x).^3 .* cos(x)"),
    ),
    "definitions that are constant": (
        ("x : n; s : scalar; J = sum((x .* s ./ x).^3); grad J wrt s", "3 n s^2"),
        ("x : n; s : scalar; J = sum((x .* s ./ x).^3); grad J wrt x", "zeros(n)"),
    ),
    "one less": (
        ("X : n x d; W : d x h; V : h x k; H = X W; A = H .* sigmoid(H); Z = A V; vjp Z with G "
         "wrt W", "X' ((A + sigmoid(H) .* (1 - A)) .* (G V'))"),
        ("x, a : n positive; J = prod(x.^a); grad J wrt x", "J a ./ x"),
    ),
    "roots in definitions": (
        ("z, k : n; r = exp(z); J = sum(k .* r.^(-1/2) + r.^(1/2)); grad J wrt z",
         "(r - k) ./ (2 sqrt(r))"),
        ("x, y : n positive; J = sum(sqrt(x.^(-3/2)) .* (x + y) ./ y); grad J wrt x",
         "sqrt(1 ./ x.^(3/2)) .* (1 ./ y - 3 ./ x) / 4"),
        ("x, k : n; r = 1 + x.^2; J = sum(k .* r.^(-3/2) + sqrt(r)); grad J wrt x",
         "(1 ./ sqrt(r) - 3 k ./ r.^(5/2)) .* x"),
        ("w : n; S : n x n posdef; s = sqrt(w' S w); r = w .* (S w) / s; J = sum(r); grad J wrt w",
         "S w / s"),
        ("X, g : m x n; u = sum(X, axis=1) / n; v = sum((X - u).^2, axis=1) / n; "
         "Z = (X - u) ./ sqrt(v); J = sum(g .* Z); grad J wrt X",
         "(g - mean(g, axis=1) - mean(g .* Z, axis=1) .* Z) ./ sqrt(v)"),
        ("x, g, w : n positive; v = w.^2 + 1; z = x ./ sqrt(v); J = sum(g .* z + z.^2 / 2); "
         "grad J wrt x", "(g + z) ./ sqrt(v)"),
    ),
    "multiples below": (
        ("r, e : n positive; s : scalar positive; v = s^2 r; J = sum(log(v) + e.^2 ./ v) / 2; "
         "grad J wrt s", "sum(1 - e.^2 ./ v) / s"),
        ("x, y : n positive; a : scalar positive; z = a x; J = sum(y ./ z); grad J wrt a",
         "-J / a"),
    ),
    "quotients of exponentials": (
        ("x : n positive; a, T : scalar positive; u = x / T; B = a ./ (exp(u) - 1); J = sum(B); "
         "grad J wrt T", "(B ./ (1 - exp(-u)))' u / T"),
    ),
    "inner products that meet": (
        ("z, q : n; p = softmax(z); J = 1 - sum(sqrt(p .* q)); grad J wrt z",
         "((1 - J) p - sqrt(p .* q)) / 2"),
        ("X : m x d; W : d x k; Y : m x k onehot; s : scalar positive; P = softmax(s X W, axis=1); "
         "J = -mean(sum(Y .* log(P), axis=1)); grad J wrt s", "sum((P - Y) .* (X W)) / m"),
        ("X : m x n; g, b : 1 x n; mu = mean(X, axis=1); D = X - mu; "
         "s = sqrt(mean(D.^2, axis=1) + 1/100); Z = D ./ s; Y = g .* Z + b; vjp Y with G wrt X",
         "(G .* g - mean(G .* g, axis=1) - Z .* mean(G .* g .* Z, axis=1)) ./ s"),
    ),
    "powers of outer products": (
        ("P : m x n; r = sum(P, axis=1); c = sum(P, axis=0); J = sum(P .* log(P ./ (r c))); "
         "grad J wrt P", "log(P ./ r ./ c) - 1"),
        ("a : m; b : n; K : m x n; J = sum(K ./ (a b')); grad J wrt a", "-K (1 ./ b) ./ a.^2"),
        ("a : m positive; b : n positive; K : m x n; J = sum(K .* log(a b')); grad J wrt a",
         "sum(K, axis=1) ./ a"),
        ("X : m x d; Y : n x d; a = sqrt(sum(X.^2, axis=1)); b = sqrt(sum(Y.^2, axis=1)); "
         "S = X Y' ./ (a b'); vjp S with G wrt X",
         "G (Y ./ b) ./ a - sum(G .* S, axis=1) .* X ./ a.^2"),
        ("C : n x n; s = sqrt(diag(C)); R = C ./ (s s'); J = sum(R); grad J wrt C",
         "1 ./ (s s') - diag((sum(R, axis=1) + sum(R, axis=0)') ./ s.^2) / 2"),
        ("a : m; b : n; K : m x n; J = tr(K' (a b').^2); grad J wrt b", "2 b .* (K' a.^2)"),
    ),
    "even and odd functions": (
        ("x : n; J = sum(log(cosh(-x))); grad J wrt x", "tanh(x)"),
        ("x : n; J = sum(atan(-x).^2) / 2; grad J wrt x", "atan(x) ./ (1 + x.^2)"),
        ("x, y : n; J = sum(y .* erf(-x).^2); grad J wrt x",
         "4 y .* erf(x) .* exp(-x.^2) / sqrt(pi)"),
    ),
    "half angles": (
        ("x : n; J = sum(sinh(x) ./ (1 + cosh(x))); grad J wrt x", "(1 - tanh(x / 2).^2) / 2"),
    ),
    "decimals": (
        ("x : n; J = sum(x.^2 ./ (x.^2 + 0.01)); grad J wrt x", "x ./ (x.^2 + 0.01).^2 / 50"),
        ("x : n positive; J = sum(x ./ (x + 0.003)); grad J wrt x", "0.003 x ./ (x + 0.003).^2"),
        ("x : n positive; J = sum(x ./ (x + 1/4)); grad J wrt x", "4 ./ (4 x + 1).^2"),
    ),
    "signs and complements": (
        ("X : m x n; Y : n x p; U : m x k; V : n x k; W : p x k; "
         "J = norm(X - U V')^2 + norm(Y - V W')^2; grad J wrt V",
         "2 ((U V' - X)' U + (V W' - Y) W)"),
        ("x : n; m : scalar; z = x - m; J = sum(z + exp(-z)); grad J wrt m", "sum(exp(-z) - 1)"),
        ("X, Z : m x n; w : n; J = -sum(log(sigmoid(X w - Z w))); grad J wrt w",
         "(Z - X)' sigmoid((Z - X) w)"),
        ("u, v, w : n; J = -log(sigmoid(u' v - u' w)); grad J wrt u",
         "sigmoid((w - v)' u) (w - v)"),
        ("x : n; m : scalar; z = x - m; J = sum(z + 2 log(1 + exp(-z))); grad J wrt m",
         "-sum(tanh(z / 2))"),
        ("y : n positive; x : n; J = norm1((y - x) ./ y); grad J wrt x", "sign(x - y) ./ y"),
        ("A, W : n x n; J = tr(A W) - tr(W W W) / 3; grad J wrt W", "(A - W^2)'"),
        ("A : n x n; u, v : n; J = det(A + u v'); grad J wrt v", "det(A) inv(A) u"),
        ("P : k x d; x : 1 x d; w = softmax(-sum((P - x).^2, axis=1)); "
         "J = log(sum(exp(-sum((P - x).^2, axis=1)))); grad J wrt x", "2 (w' P - x)"),
    ),
    "outer products of errors and weights": (
        ("X : m x d; W : d x h; w : h; y : m; H = tanh(X W); r = H w - y; J = norm(r)^2 / 2; "
         "grad J wrt W", "X' ((r w') .* (1 - H.^2))"),
        ("X : m x d; W : d x h; w : h; b : 1 x h; y : m; H = softplus(X W + b); o = H w; "
         "J = sum(exp(o) - y .* o); grad J wrt W", "X' (((exp(o) - y) w') .* sigmoid(X W + b))"),
        ("X : m x d; W : d x h; w : h; y : m; H = sigmoid(X W); o = H w; "
         "J = sum(softplus(o) - y .* o); grad J wrt X",
         "(((sigmoid(o) - y) w') .* (1 - H) .* H) W'"),
    ),
    "transposes of chains, and through several layers": (
        ("X : n x n; A : m x n; B : n x k; Y = inv(X) B; Z = A Y; vjp Z with G wrt X",
         "-inv(X)' A' G Y'"),
        ("X : m x d; U, V : d x d; W : d x k; Y : m x k; H = tanh(X U); A = tanh(H V); "
         "E = (H + A) W - Y; J = norm(E)^2 / 2; grad J wrt U",
         "X' ((E W' + ((1 - A.^2) .* (E W')) V') .* (1 - H.^2))"),
    ),
    "sums along rows": (
        ("X, G : n x d; s : 1 x d; vjp (X .* s) with G wrt s", "sum(G .* X, axis=0)"),
        ("W, X : m x n; s : n; J = sum(W .* exp(X + s')); grad J wrt s",
         "sum(W .* exp(X + s'), axis=0)'"),
    ),
    "sums of a matrix beside products with it": (
        ("X : m x p; y : m positive; b : p; J = sum(y .* exp(-X b) + X b); grad J wrt b",
         "X' (1 - y .* exp(-X b))"),
        ("A : m x n; v : n; J = sum(softplus(-A v) + A v); grad J wrt v",
         "A' sigmoid(A v)"),
        ("Z : k x m; u : 1 x k; J = sum(cosh(u Z) - sinh(-u Z) + u Z); grad J wrt u",
         "(sinh(u Z) + cosh(u Z) + 1) Z'"),
    ),
    "quadratic traces": (
        ("N : n x k; O : k x k posdef; c : scalar positive; M = N' N + c O; J = tr(N inv(M) N'); "
         "grad J wrt c", "-tr(N inv(M) O inv(M) N')"),
        ("X : n x k; A : k x k; s : scalar; J = s^2 tr(A X' X) / 2; grad J wrt s",
         "s tr(X A X')"),
    ),
    "names whose rows add up to ones": (
        ("X : m x d; Y : m x k simplex; W : d x k; t : scalar unit; Z = X W; "
         "T = (1 - t) Y + t / k; J = -sum(T .* log_softmax(Z, axis=1)) / m; grad J wrt W",
         "X' (softmax(Z, axis=1) - T) / m"),
        ("A, B : m x k onehot; Z : m x k; t : scalar unit; T = t A + (1 - t) B; "
         "J = -sum(T .* log_softmax(Z, axis=1)); grad J wrt Z", "softmax(Z, axis=1) - T"),
    ),
    "negative exponentials that have a name": (
        ("S : n x n posdef; m, w : n; a : scalar positive; J = -exp(a^2 w' S w / 2 - a m' w); "
         "grad J wrt w", "a J (a S w - m)"),
        ("x : n; U = -3 exp(-norm(x)^2 / 2); grad U wrt x", "-U x"),
    ),
    "letters that summands share": (
        ("x, y : d; s, c : scalar positive; r = norm(x - y); J = 4 c ((s / r)^12 - (s / r)^6); "
         "grad J wrt x", "24 c (2 (s / r)^12 - (s / r)^6) (y - x) / r^2"),
    ),
}  # fmt: skip
