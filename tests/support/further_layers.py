"""Further layers whose members have several indices: dilations, windows, pools, sums to a letter,
folds within sums, and recurrences of which batches, grids and both directions run."""

from __future__ import annotations

from typing import Any

from layers import Layer, Sizes, Values, jax

jnp = jax.numpy


def _dilated(v: Values, at: Sizes) -> Any:
    rows = [
        jnp.tanh(sum(v["X"][:, p + 2 * q] @ v["K"][q] for q in range(3))) for p in range(at["P"])
    ]
    return sum((y**2).sum() for y in rows)


def _dilated_and_padded(v: Values, at: Sizes) -> Any:
    x = jnp.pad(v["X"], ((2, 2), (0, 0), (0, 0)))
    rows = [
        jax.nn.softplus(sum(x[2 * p + 2 * q] @ v["K"][q] for q in range(3)))
        for p in range(at["P"] + 1)
    ]
    return sum((y**2).sum() for y in rows) / 2


def _whole_convolution(v: Values, at: Sizes) -> Any:
    x = jnp.pad(v["X"], ((at["k"], at["k"]), (0, 0), (0, 0)))
    rows = (
        sum(x[p - q + at["k"]] @ v["K"][q] for q in range(at["k"]))
        for p in range(at["N"] + at["k"] - 1)
    )
    return sum((y**2).sum() for y in rows) / 2


def _foretold(v: Values, at: Sizes) -> Any:
    p = at["p"]
    before = (sum(v["w"][k] * v["x"][t - k - 1] for k in range(p)) for t in range(p, p + at["m"]))
    return sum(((x - y) ** 2).sum() for x, y in zip(v["x"][p:], before, strict=True))


def _padded_twice(v: Values, at: Sizes) -> Any:
    h = v["X"]
    for name in ("K", "M"):
        x = jnp.pad(h, ((1, 1), (0, 0), (0, 0)))
        h = jnp.tanh(
            jnp.stack([sum(x[p + q] @ v[name][q] for q in range(3)) for p in range(at["N"])])
        )
    return (h**2).sum() / 2


def _correlated(v: Values, at: Sizes) -> Any:
    x, k = v["x"], v["k"]
    pairs = [(i, j) for i in range(2) for j in range(2)]
    rows = (sum(k[i, j] * x[p + i] * x[p + j] for i, j in pairs) for p in range(at["P"]))
    return sum((y**2).sum() for y in rows)


def _vibrating(v: Values, at: Sizes) -> Any:
    before, now = v["a"], v["b"]
    for _ in range(at["T"] - 1):
        x = jnp.pad(now, ((1, 1), (0, 0), (0, 0)))
        before, now = now, 2 * now - before + (x[:-2] - 2 * now + x[2:]) @ v["K"]
    return (now**2).sum() / 2


def _plate(v: Values, at: Sizes) -> Any:
    u, k = v["a"], v["k"]
    for _ in range(at["T"]):
        x = jnp.pad(u, 1)
        sides = x[:-2, 1:-1] + x[2:, 1:-1] + x[1:-1, :-2] + x[1:-1, 2:]
        u = u + k * jnp.sin(sides - 4 * u)
    return (u**2).sum() / 2


def _pooled(v: Values, at: Sizes) -> Any:
    return sum((jnp.max(v["x"][2 * p : 2 * p + 3], axis=0) ** 2).sum() / 2 for p in range(at["P"]))


def _pooled_images(v: Values, at: Sizes) -> Any:
    n = at["P"]
    y = jnp.max(v["X"].reshape(n, 2, n, 2, *v["X"].shape[2:]), axis=(1, 3))
    return jnp.exp(y).sum()


def _averaged(v: Values, at: Sizes) -> Any:
    return jnp.exp(v["x"].reshape(at["P"], 2).mean(axis=1)).sum()


def _channels(v: Values, at: Sizes) -> Any:
    rows = [sum(v["X"][:, p + q] * v["k"][q] for q in range(3)) for p in range(at["P"])]
    return sum((y**2).sum() for y in rows) / (at["P"] * len(v["X"]))


def _causal_attention(v: Values, at: Sizes) -> Any:
    q, k, a = (v[name][..., 0] for name in ("q", "k", "v"))
    s = jnp.tril(jnp.exp(q @ k.T))
    return ((s / s.sum(axis=1, keepdims=True) @ a) ** 2).sum() / 2


def _differences(v: Values, at: Sizes) -> Any:
    y = jnp.tanh(v["A"] @ (v["x"][1:] - v["x"][:-1]))
    return jnp.sqrt((y**2).sum(axis=(1, 2))).mean()


def _grouped(v: Values, at: Sizes) -> Any:
    s = v["Q"] @ jnp.swapaxes(v["K"], -1, -2) / jnp.sqrt(v["Q"].shape[-1])
    return ((jax.nn.softmax(s, axis=-1) @ v["V"]) ** 2).sum() / 2


def _projected(v: Values, at: Sizes) -> Any:
    q, k, a = (jnp.einsum("bnd,hdp->bhnp", v["X"], v[w]) for w in ("Wq", "Wk", "Wv"))
    p = jax.nn.softmax(q @ jnp.swapaxes(k, -1, -2), axis=-1)
    return (jnp.einsum("bhnp,hpd->bnd", p @ a, v["Wo"]) ** 2).sum() / at["B"]


def _states(xs: Any, start: Any, u: Any) -> Any:
    found = [start]
    for x in xs:
        found.append(jnp.tanh(u @ found[-1] + x))
    return jnp.stack(found[1:])


def _both_directions(v: Values, at: Sizes) -> Any:
    f = _states(v["x"], 0 * v["x"][0], v["U"])
    g = _states(v["x"][::-1], 0 * v["x"][0], v["V"])[::-1]
    return ((f + g) ** 2).sum() / 2


def _mirrored(v: Values, at: Sizes) -> Any:
    return (_states(v["x"][::-1], 0 * v["x"][0], v["U"]) * v["x"]).sum()


def _from_starts(v: Values, at: Sizes) -> Any:
    every = (_states(x, h[0], v["W"]) for x, h in zip(v["x"], v["h"], strict=True))
    return sum((h**2).sum() for h in every) / 2


def _after(v: Values, at: Sizes) -> Any:
    return (jnp.cumsum(v["x"][::-1], axis=0) ** 2).sum() / 2


def _before(v: Values, at: Sizes) -> Any:
    ahead = jnp.cumsum(v["A"] @ v["x"], axis=0) - v["A"] @ v["x"]
    return ((v["x"] + ahead) ** 2).sum() / 2


def _each_pair_once(v: Values, at: Sizes) -> Any:
    d = ((v["x"][:, None] - v["x"][None]) ** 2).sum(axis=(2, 3))
    return jnp.tril(jnp.log(1 + d), -1).sum()


def _up_to_a_letter(v: Values, at: Sizes) -> Any:
    return jnp.tril(jax.nn.sigmoid(jnp.einsum("nz,ijnz->ij", v["w"], v["x"]))).sum()


def _three_letters(v: Values, at: Sizes) -> Any:
    x = v["x"][..., 0]
    return (jnp.tanh(x @ v["A"] @ x.T) * (x @ x.sum(axis=0))[None]).sum()


def _normed(v: Values, at: Sizes) -> Any:
    x = v["x"]
    m, s = x.mean(axis=0), ((x - x.mean(axis=0)) ** 2).mean(axis=0)
    return jnp.exp((x - m) / jnp.sqrt(s + 1)).sum()


def _largest_sum(v: Values, at: Sizes) -> Any:
    return jnp.max(v["x"].sum(axis=0), axis=0).sum()


def _sum_of_largest(v: Values, at: Sizes) -> Any:
    return jnp.max(v["x"], axis=1).sum()


def _experts(v: Values, at: Sizes) -> Any:
    x = v["x"][..., 0]
    g = jax.nn.softmax(x @ v["v"][..., 0].T, axis=1)
    y = jnp.einsum("ik,kip->ip", g, jnp.tanh(jnp.einsum("kpd,id->kip", v["W"], x)))
    return (y**2).sum() / len(x)


def _variation(v: Values, at: Sizes) -> Any:
    x = v["x"]
    return ((x[1:] - x[:-1]) ** 2).sum() + ((x[:, 1:] - x[:, :-1]) ** 2).sum()


def _ring(v: Values, at: Sizes) -> Any:
    return (v["x"] * jnp.roll(v["x"], 1, axis=0)).sum()


def _contrast(v: Values, at: Sizes) -> Any:
    s = v["x"][..., 0] @ v["y"][..., 0].T
    return -jnp.mean(jnp.diag(jax.nn.log_softmax(s, axis=1)))


def _normalizers(v: Values, at: Sizes) -> Any:
    return jax.nn.logsumexp(v["s"][..., 0, 0], axis=1).sum()


CONVOLVED = ({"P": 3, "c": 2, "d": 3}, {"P": 2, "c": 3, "d": 2})
BATCHED = ({"B": 2, "P": 3, "c": 2}, {"B": 3, "P": 2, "c": 3})
STEPS = ({"T": 3, "n": 2}, {"T": 4, "n": 3})
MEMBERS = ({"N": 3, "n": 2}, {"N": 4, "n": 3})
COLUMNS = ({"N": 3, "K": 2, "n": 2}, {"N": 2, "K": 3, "n": 3})

FURTHER = {
    "a dilation": Layer(
        "X[b,r] : 1 x c for b = 1..B, r = 1..P+4; K[q] : c x c for q = 0..2\n"
        "Y[b,p] = tanh(sum(q = 0..2) X[b,p+2 q] K[q]) for b = 1..B, p = 1..P\n"
        "J = sum(b = 1..B, p = 1..P) norm(Y[b,p])^2; grad J wrt X[b,r], K[q]",
        _dilated,
        lambda B, P, c: {"X": (B, P + 4, 1, c), "K": (3, c, c)},
        BATCHED,
    ),
    "a dilation with a stride and padding": Layer(
        "X[r] : 1 x c for r = 0..2 P zero outside r; K[q] : c x d for q = 0..2\n"
        "Y[p] = softplus(sum(q = 0..2) X[2 p+2 q-2] K[q]) for p = 0..P\n"
        "J = sum(p = 0..P) sum(Y[p].^2) / 2; grad J wrt X[r], K[q]",
        _dilated_and_padded,
        lambda P, c, d: {"X": (2 * P + 1, 1, c), "K": (3, c, d)},
        CONVOLVED,
    ),
    "a kernel of any length": Layer(
        "X[r] : 1 x c for r = 1..N zero outside r; K[q] : c x d for q = 0..k-1\n"
        "Y[p] = sum(q = 0..k-1) X[p-q] K[q] for p = 1..N+k-1\n"
        "J = sum(p = 1..N+k-1) norm(Y[p])^2 / 2; grad J wrt X[r], K[q]",
        _whole_convolution,
        lambda N, k, c, d: {"X": (N, 1, c), "K": (k, c, d)},
        ({"N": 4, "k": 2, "c": 2, "d": 3}, {"N": 5, "k": 3, "c": 3, "d": 2}),
    ),
    "what is foretold from some values before": Layer(
        "x[t] : 1 x n for t = 1..p+m; w[k] : scalar for k = 1..p\n"
        "J = sum(t = p+1..p+m) norm(x[t] - sum(k = 1..p) w[k] x[t-k])^2; grad J wrt w[k], x[t]",
        _foretold,
        lambda p, m, n: {"x": (p + m, 1, n), "w": (p,)},
        ({"p": 2, "m": 3, "n": 2}, {"p": 3, "m": 2, "n": 3}),
    ),
    "layers that pad": Layer(
        "X[r] : 1 x c for r = 1..N zero outside r; K[q] : c x d for q = 0..2\n"
        "M[q] : d x c for q = 0..2\n"
        "H[p] = tanh(sum(q = 0..2) X[p+q-1] K[q]) for p = 1..N zero outside p\n"
        "Y[p] = tanh(sum(q = 0..2) H[p+q-1] M[q]) for p = 1..N\n"
        "J = sum(p = 1..N) norm(Y[p])^2 / 2; grad J wrt K[q], M[q], X[r]",
        _padded_twice,
        lambda N, c, d: {"X": (N, 1, c), "K": (3, c, d), "M": (3, d, c)},
        ({"N": 3, "c": 2, "d": 3}, {"N": 4, "c": 3, "d": 2}),
    ),
    "a string that vibrates": Layer(
        "a[i], b[i] : 1 x c for i = 1..N; K : c x c\n"
        "u[0,i] = a[i] for i = 1..N zero outside i; u[1,i] = b[i] for i = 1..N zero outside i\n"
        "u[t,i] = 2 u[t-1,i] - u[t-2,i] + (u[t-1,i-1] - 2 u[t-1,i] + u[t-1,i+1]) K "
        "for t = 2..T, i = 1..N zero outside i\n"
        "J = sum(i = 1..N) norm(u[T,i])^2 / 2; grad J wrt a[i], b[i], K",
        _vibrating,
        lambda T, N, c: {"a": (N, 1, c), "b": (N, 1, c), "K": (c, c)},
        ({"T": 3, "N": 4, "c": 2}, {"T": 4, "N": 3, "c": 3}),
    ),
    "a plate": Layer(
        "a[i,j] : scalar for i = 1..M, j = 1..N; k : scalar\n"
        "u[0,i,j] = a[i,j] for i = 1..M, j = 1..N zero outside i, j\n"
        "u[t,i,j] = u[t-1,i,j] + k sin(u[t-1,i-1,j] + u[t-1,i+1,j] + u[t-1,i,j-1] + u[t-1,i,j+1] "
        "- 4 u[t-1,i,j]) for t = 1..T, i = 1..M, j = 1..N zero outside i, j\n"
        "J = sum(i = 1..M, j = 1..N) u[T,i,j]^2 / 2; grad J wrt a[i,j], k",
        _plate,
        lambda T, M, N: {"a": (M, N), "k": ()},
        ({"T": 2, "M": 3, "N": 4}, {"T": 3, "M": 2, "N": 2}),
    ),
    "a product of shifts": Layer(
        "x[r] : scalar for r = 1..P+1; k[i,j] : scalar for i = 0..1, j = 0..1\n"
        "y[p] = sum(i = 0..1, j = 0..1) k[i,j] x[p+i] x[p+j] for p = 1..P\n"
        "J = sum(p = 1..P) y[p]^2; grad J wrt x[r], k[i,j]",
        _correlated,
        lambda P: {"x": (P + 1, 1, 1), "k": (2, 2, 1, 1)},
        ({"P": 3}, {"P": 4}),
    ),
    "windows that overlap, pooled": Layer(
        "x[p] : n for p = 1..2 P+1\ny[p] = max(q = 0..2) x[2 p+q-1] for p = 1..P\n"
        "J = sum(p = 1..P) norm(y[p])^2 / 2; grad J wrt x[p]",
        _pooled,
        lambda P, n: {"x": (2 * P + 1, n, 1)},
        ({"P": 2, "n": 3}, {"P": 3, "n": 2}),
    ),
    "pooled images": Layer(
        "X[r,s] : 1 x c for r = 1..2 P, s = 1..2 P\n"
        "Y[p,q] = max(i = 0..1, j = 0..1) X[2 p+i-1,2 q+j-1] for p = 1..P, q = 1..P\n"
        "J = sum(p = 1..P, q = 1..P) sum(exp(Y[p,q])); grad J wrt X[r,s]",
        _pooled_images,
        lambda P, c: {"X": (2 * P, 2 * P, 1, c)},
        ({"P": 2, "c": 3}, {"P": 3, "c": 2}),
    ),
    "averaged pairs": Layer(
        "x[p] : scalar for p = 1..2 P\ny[p] = (x[2 p] + x[2 p-1]) / 2 for p = 1..P\n"
        "J = sum(p = 1..P) exp(y[p]); grad J wrt x[p]",
        _averaged,
        lambda P: {"x": (2 * P, 1, 1)},
        ({"P": 2}, {"P": 3}),
    ),
    "each channel by itself": Layer(
        "X[b,r] : c for b = 1..B, r = 1..P+2; k[q] : c for q = 0..2\n"
        "Y[b,p] = sum(q = 0..2) X[b,p+q] .* k[q] for b = 1..B, p = 1..P\n"
        "J = mean(b = 1..B, p = 1..P) norm(Y[b,p])^2; grad J wrt X[b,r], k[q]",
        _channels,
        lambda B, P, c: {"X": (B, P + 2, c, 1), "k": (3, c, 1)},
        BATCHED,
    ),
    "causal attention by members": Layer(
        "q[t], k[t], v[t] : n for t = 1..T\ns[t,u] = exp(q[t]' k[u]) for t = 1..T, u = 1..T\n"
        "z[t] = sum(u = 1..t) s[t,u] for t = 1..T\n"
        "o[t] = (sum(u = 1..t) s[t,u] * v[u]) / z[t] for t = 1..T\n"
        "J = sum(t = 1..T) norm(o[t])^2 / 2; grad J wrt q[t], k[t], v[t]",
        _causal_attention,
        lambda T, n: dict.fromkeys("qkv", (T, n, 1)),
        STEPS,
    ),
    "differences of neighbours": Layer(
        "x[t] : n for t = 0..T; A : n x n\ny[t] = tanh(A (x[t] - x[t-1])) for t = 1..T\n"
        "J = mean(t = 1..T) norm(y[t]); grad J wrt A, x[t]",
        _differences,
        lambda T, n: {"x": (T + 1, n, 1), "A": (n, n)},
        STEPS,
    ),
    "queries in groups": Layer(
        "Q[h,g] : n x d for h = 1..H, g = 1..G; K[g], V[g] : n x d for g = 1..G\n"
        "O[h,g] = softmax(Q[h,g] K[g]' / sqrt(d), axis=1) V[g] for h = 1..H, g = 1..G\n"
        "J = sum(h = 1..H, g = 1..G) norm(O[h,g])^2 / 2; grad J wrt Q[h,g], K[g], V[g]",
        _grouped,
        lambda H, G, n, d: {"Q": (H, G, n, d), "K": (G, n, d), "V": (G, n, d)},
        ({"H": 2, "G": 3, "n": 2, "d": 3}, {"H": 3, "G": 2, "n": 3, "d": 2}),
    ),
    "heads that are projected": Layer(
        "X[b] : n x d for b = 1..B; Wq[h], Wk[h], Wv[h] : d x p for h = 1..H\n"
        "Wo[h] : p x d for h = 1..H\n"
        "A[b,h] = softmax(X[b] Wq[h] (X[b] Wk[h])', axis=1) for b = 1..B, h = 1..H\n"
        "O[b] = sum(h = 1..H) A[b,h] X[b] Wv[h] Wo[h] for b = 1..B\n"
        "J = mean(b = 1..B) norm(O[b])^2; grad J wrt Wq[h], Wv[h], Wo[h]",
        _projected,
        lambda B, H, n, d, p: {
            "X": (B, n, d),
            **dict.fromkeys(("Wq", "Wk", "Wv"), (H, d, p)),
            "Wo": (H, p, d),
        },
        ({"B": 2, "H": 3, "n": 2, "d": 3, "p": 2}, {"B": 3, "H": 2, "n": 3, "d": 2, "p": 3}),
    ),
    "both directions": Layer(
        "x[t] : n for t = 1..T; U, V : n x n\nf[0] = 0 * x[1]; g[T+1] = 0 * x[T]\n"
        "f[t] = tanh(U f[t-1] + x[t]) for t = 1..T\ng[t] = tanh(V g[t+1] + x[t]) for t = T..1\n"
        "J = sum(t = 1..T) norm(f[t] + g[t])^2 / 2; grad J wrt U, V, x[t]",
        _both_directions,
        lambda T, n: {"x": (T, n, 1), "U": (n, n), "V": (n, n)},
        STEPS,
    ),
    "a recurrence from the last input on": Layer(
        "x[t] : n for t = 1..T; U : n x n; h[0] = 0 * x[1]\n"
        "h[t] = tanh(U h[t-1] + x[T-t+1]) for t = 1..T\n"
        "J = sum(t = 1..T) h[t]' x[t]; grad J wrt U, x[t]",
        _mirrored,
        lambda T, n: {"x": (T, n, 1), "U": (n, n)},
        STEPS,
    ),
    "recurrences from starts of their own": Layer(
        "x[i,t] : n for i = 1..N, t = 1..T; h[i,0] : n for i = 1..N; W : n x n\n"
        "h[i,t] = tanh(W h[i,t-1] + x[i,t]) for i = 1..N, t = 1..T\n"
        "J = sum(i = 1..N, t = 1..T) norm(h[i,t])^2 / 2; grad J wrt W, x[i,t], h[i,0]",
        _from_starts,
        lambda N, T, n: {"x": (N, T, n, 1), "h": (N, 1, n, 1), "W": (n, n)},
        ({"N": 2, "T": 3, "n": 2}, {"N": 3, "T": 2, "n": 3}),
    ),
    "sums from a letter on": Layer(
        "x[t] : n for t = 1..T\ny[t] = sum(s = t..T) x[s] for t = 1..T\n"
        "J = sum(t = 1..T) norm(y[t])^2 / 2; grad J wrt x[t]",
        _after,
        lambda T, n: {"x": (T, n, 1)},
        STEPS,
    ),
    "sums before a letter": Layer(
        "x[t] : n for t = 1..T; A : n x n\ny[t] = x[t] + sum(s = 1..t-1) A x[s] for t = 1..T\n"
        "J = sum(t = 1..T) norm(y[t])^2 / 2; grad J wrt x[t], A",
        _before,
        lambda T, n: {"x": (T, n, 1), "A": (n, n)},
        STEPS,
    ),
    "each pair once": Layer(
        "x[i] : n for i = 1..N\n"
        "J = sum(i = 1..N) sum(j = 1..i-1) log(1 + norm(x[i] - x[j])^2); grad J wrt x[i]",
        _each_pair_once,
        lambda N, n: {"x": (N, n, 1)},
        MEMBERS,
    ),
    "members up to a letter": Layer(
        "x[i,j] : n for i = 1..N, j = 1..N; w : n\n"
        "J = sum(i = 1..N) sum(j = 1..i) sigmoid(w' x[i,j]); grad J wrt x[i,j], w",
        _up_to_a_letter,
        lambda N, n: {"x": (N, N, n, 1), "w": (n, 1)},
        MEMBERS,
    ),
    "three letters": Layer(
        "x[i] : n for i = 1..N; A : n x n\n"
        "J = sum(i = 1..N, j = 1..N) sum(k = 1..N) tanh(x[i]' A x[j]) * (x[j]' x[k])\n"
        "grad J wrt A, x[i]",
        _three_letters,
        lambda N, n: {"x": (N, n, 1), "A": (n, n)},
        MEMBERS,
    ),
    "a batch that is normed": Layer(
        "x[b,p] : c for b = 1..B, p = 1..P\nm[p] = mean(b = 1..B) x[b,p] for p = 1..P\n"
        "v[p] = mean(b = 1..B) (x[b,p] - m[p]).^2 for p = 1..P\n"
        "y[b,p] = (x[b,p] - m[p]) ./ sqrt(v[p] + 1) for b = 1..B, p = 1..P\n"
        "J = sum(b = 1..B, p = 1..P) sum(exp(y[b,p])); grad J wrt x[b,p]",
        _normed,
        lambda B, P, c: {"x": (B, P, c, 1)},
        BATCHED,
    ),
    "the largest sum": Layer(
        "x[i,k] : n for i = 1..N, k = 1..K\ny[k] = sum(i = 1..N) x[i,k] for k = 1..K\n"
        "J = sum(max(k = 1..K) y[k]); grad J wrt x[i,k]",
        _largest_sum,
        lambda N, K, n: {"x": (N, K, n, 1)},
        COLUMNS,
    ),
    "sums of the largest": Layer(
        "x[i,k] : n for i = 1..N, k = 1..K\n"
        "J = sum(i = 1..N) sum(max(k = 1..K) x[i,k]); grad J wrt x[i,k]",
        _sum_of_largest,
        lambda N, K, n: {"x": (N, K, n, 1)},
        COLUMNS,
    ),
    "experts": Layer(
        "x[i] : d for i = 1..N; W[k] : p x d for k = 1..K; v[k] : d for k = 1..K\n"
        "g[i,k] = exp(v[k]' x[i]) for i = 1..N, k = 1..K\n"
        "z[i] = sum(k = 1..K) g[i,k] for i = 1..N\n"
        "y[i] = sum(k = 1..K) g[i,k] / z[i] * tanh(W[k] x[i]) for i = 1..N\n"
        "J = mean(i = 1..N) norm(y[i])^2; grad J wrt W[k], v[k], x[i]",
        _experts,
        lambda N, K, d, p: {"x": (N, d, 1), "W": (K, p, d), "v": (K, d, 1)},
        ({"N": 2, "K": 3, "d": 2, "p": 3}, {"N": 3, "K": 2, "d": 3, "p": 2}),
    ),
    "the variation of an image": Layer(
        "x[i,j] : scalar for i = 1..N, j = 1..M\n"
        "J = sum(i = 1..N-1, j = 1..M) (x[i+1,j] - x[i,j])^2"
        " + sum(i = 1..N, j = 1..M-1) (x[i,j+1] - x[i,j])^2; grad J wrt x[i,j]",
        _variation,
        lambda N, M: {"x": (N, M, 1, 1)},
        ({"N": 3, "M": 4}, {"N": 4, "M": 3}),
    ),
    "a ring": Layer(
        "x[t] : n for t = 0..T\nJ = sum(t = 1..T) x[t]' x[t-1] + x[0]' x[T]; grad J wrt x[t]",
        _ring,
        lambda T, n: {"x": (T + 1, n, 1)},
        STEPS,
    ),
    "pairs in contrast": Layer(
        "x[i], y[i] : n for i = 1..N\ns[i,j] = exp(x[i]' y[j]) for i = 1..N, j = 1..N\n"
        "J = -mean(i = 1..N) log(s[i,i] / (sum(j = 1..N) s[i,j])); grad J wrt x[i], y[i]",
        _contrast,
        lambda N, n: {"x": (N, n, 1), "y": (N, n, 1)},
        MEMBERS,
    ),
    "logs of sums": Layer(
        "s[i,k] : scalar for i = 1..N, k = 1..K\n"
        "J = sum(i = 1..N) log(sum(k = 1..K) exp(s[i,k])); grad J wrt s[i,k]",
        _normalizers,
        lambda N, K: {"s": (N, K, 1, 1)},
        ({"N": 3, "K": 2}, {"N": 2, "K": 3}),
    ),
}
