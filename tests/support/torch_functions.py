"""Losses and layers as people write them in PyTorch, each with the shapes of its arguments."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F


def linear_mse(X, W, b, y):  # "X: m x d; W: k x d; b: k; y: m x k"
    return F.mse_loss(F.linear(X, W, b), y)


def soft_cross_entropy(Z, Y):  # "Z: m x k; Y: m x k simplex"
    return F.cross_entropy(Z, Y)


def smoothed_cross_entropy(Z, Y):  # "Z: m x k; Y: m x k onehot"
    return F.cross_entropy(Z, Y, label_smoothing=0.1, reduction="sum")


def one_hot_loss(X, W, Y):  # "X: m x d; W: d x k; Y: m x k onehot"
    log_p = F.log_softmax(X @ W, dim=1)
    return -(Y * log_p).sum(dim=1).mean()


def bce(X, w, b, y):  # "X: m x d; w: d; b: scalar; y: m unit"
    return F.binary_cross_entropy(torch.sigmoid(X @ w + b), y)


def bce_logits(X, w, y):  # "X: m x d; w: d; y: m unit"
    return F.binary_cross_entropy_with_logits(X.mv(w), y, reduction="sum")


def mlp(X, W1, b1, W2, b2):  # "X: m x d; W1: h x d; b1: h; W2: k x h; b2: k"
    h = F.relu(F.linear(X, W1, b1))
    return F.linear(h, W2, b2)


def gelu_layer(X, W):  # "X: m x d; W: k x d"
    return F.gelu(X @ W.T).sum()


def gelu_tanh(x):  # "x: n"
    return F.gelu(x, approximate="tanh").sum()


def silu_gate(X, W, V):  # "X: m x d; W: d x h; V: d x h"
    return F.silu(X @ W) * (X @ V)


def layer_norm(X, g, b):  # "X: m x d; g: d; b: d"
    return F.layer_norm(X, (X.shape[-1],), g, b)


def rms_norm(X, g):  # "X: m x d; g: d"
    return X * torch.rsqrt(X.pow(2).mean(-1, keepdim=True) + 1e-6) * g


def attention(Q, K, V):  # "Q: m x d; K: n x d; V: n x k"
    scores = Q @ K.transpose(-2, -1) / math.sqrt(64)
    return torch.softmax(scores, dim=-1) @ V


def fused_attention(Q, K, V):  # "Q: m x d; K: n x d; V: n x k"
    return F.scaled_dot_product_attention(Q, K, V)


def contrastive(A, B):  # "A: n x d; B: n x d"
    a = F.normalize(A, dim=1)
    b = F.normalize(B, dim=1)
    logits = a @ b.t() / 0.07
    return torch.logsumexp(logits, dim=1).mean() - torch.diagonal(logits).mean()


def cosine_loss(A, B):  # "A: m x d; B: m x d"
    return (1 - F.cosine_similarity(A, B)).mean()


def sample_variance(X):  # "X: m x n"
    return X.var(dim=0).sum() + torch.std(X)


def biased_variance(X):  # "X: m x n"
    return torch.var(X, dim=1, unbiased=False).sum()


def gaussian_log_likelihood(x, mu, S):  # "x: n; mu: n; S: n x n posdef"
    d = x - mu
    return -0.5 * (d @ torch.linalg.solve(S, d) + torch.logdet(S) + len(S.shape) * 0.0)


def with_identity(S, x):  # "S: n x p; x: n"
    n = S.size(0)
    A = S @ S.T + torch.eye(n, dtype=torch.float64)
    return torch.linalg.slogdet(A).logabsdet + x @ torch.linalg.inv(A) @ x


def huber(x, y):  # "x: n; y: n"
    return F.huber_loss(x, y, delta=0.7) + F.smooth_l1_loss(x, y)


def l1(x, y):  # "x: n; y: n"
    return F.l1_loss(x, y) + torch.norm(x, p=1)


def divergence(Z, P):  # "Z: m x k; P: m x k positive"
    return F.kl_div(F.log_softmax(Z, dim=-1), P, reduction="batchmean")


def softplus_margin(x, y):  # "x: n; y: n const"
    return F.soft_margin_loss(x, y) + F.softplus(x, beta=2).mean() - F.logsigmoid(x).sum()


def activations(x):  # "x: n"
    return (F.leaky_relu(x, 0.2) + F.elu(x) + F.mish(x) + torch.tanh(x) + F.softsign(x)).sum()


def largest(X):  # "X: m x n"
    return X.max(dim=1).values.sum() + X.max() + torch.amin(X, dim=0).pow(2).sum()


def poisson(x, y):  # "x: n; y: n positive"
    return F.poisson_nll_loss(x, y)


def masked(x):  # "x: n"
    return torch.where(x > 0, x.exp(), 1 - x).sum()


def einsum_bilinear(A, x, y):  # "A: m x n; x: m; y: n"
    return torch.einsum("i,ij,j->", x, A, y)


def weight_decay(W, X, Y):  # "W: d x k; X: m x d; Y: m x k"
    loss = ((X @ W - Y) ** 2).mean()
    return loss + 1e-2 * W.norm() ** 2 + 1e-3 * W.abs().sum()


def gates(x, h, W, b):  # "x: m x d; h: m x k; W: d + k x 2 k; b: 2 k"
    k = h.shape[1]
    z = torch.cat([x, h], dim=1) @ W + b
    return torch.sigmoid(z[:, :k]) * torch.tanh(z[:, k:])


def causal(x):  # "x: n"
    return (torch.cumsum(x, dim=0) ** 2).mean() + torch.tril(torch.outer(x, x)).sum()


def weighted_cross_entropy(Z, Y, w):  # "Z: m x k; Y: m x k simplex; w: k"
    return F.cross_entropy(Z, Y, weight=w)


def weighted_bce(X, w, y):  # "X: m x d; w: d; y: m unit"
    return F.binary_cross_entropy(torch.sigmoid(X @ w), y, weight=torch.tensor(0.3))


def balanced_bce(Z, Y):  # "Z: m x k; Y: m x k unit"
    return F.binary_cross_entropy_with_logits(Z, Y, pos_weight=torch.tensor(2.5))


def several_labels(Z, Y):  # "Z: m x k; Y: m x k unit"
    return F.multilabel_soft_margin_loss(Z, Y)


def ranking(x, y, t):  # "x: n; y: n; t: n"
    return F.margin_ranking_loss(x, y, t, margin=0.3)


def triplets(A, P, N):  # "A: m x d; P: m x d; N: m x d"
    return F.triplet_margin_loss(A, P, N, margin=2.0)


def batch_norm(X, g, b):  # "X: m x d; g: d; b: d"
    return F.batch_norm(X, None, None, g, b, training=True).tanh().sum()


def group_norm(X):  # "X: m x d"
    return torch.tanh(F.group_norm(X, 1)).sum()


def bent(x):  # "x: n"
    return (F.selu(x) + F.celu(x, 0.7)).sum()


def hard(x):  # "x: n"
    return (F.hardsigmoid(x) + F.hardswish(x) + F.softshrink(x, 0.2)).sum()


def parametric(X, a):  # "X: m x d; a: d"
    return F.prelu(X, a)


def softmin(X):  # "X: m x d"
    return F.softmin(X, dim=1)


def clipped_surrogate(p, q, a):  # "p, q, a: n"
    r = (p - q).exp()
    return -torch.min(r * a, torch.clamp(r, 0.8, 1.2) * a).mean()


def lstm_cell(x, h, c, W, U):  # "x: d; h, c: k; W: 4 k x d; U: 4 k x k"
    i, f, g, o = (W @ x + U @ h).chunk(4)
    return torch.sigmoid(o) * torch.tanh(torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g))


def gated(X):  # "X: m x 2 d"
    return F.glu(X, dim=1)


def in_batch(X, Y):  # "X, Y: n x d"
    logits = X @ Y.T
    return F.cross_entropy(logits, torch.arange(logits.shape[0]))


def masked_attention(q, k, v):  # "q: n x d; k: n x d; v: n x p"
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.size(-1))
    hidden = torch.triu(torch.ones(len(q), len(q), dtype=torch.bool), diagonal=1)
    return scores.masked_fill(hidden, float("-inf")).softmax(dim=-1) @ v


def pairwise_hinge(x, s):  # "x: n x d; s: n"
    d = x.unsqueeze(1) - x.unsqueeze(0)
    ranks = (s[:, None] - s[None, :]).triu(diagonal=1)
    return d.pow(2).sum(-1).mean() + F.relu(1 - ranks).sum() + torch.cdist(x, x + 1).pow(2).sum()


def channels(x, w, h):  # "x: b x c x (n+k-1); w: o x c x k; h: o"
    y = torch.relu(F.conv1d(x, w, h))
    return y.pow(2).sum() + y[:, :, 0].sum()


def channels_to_the_same(x, v):  # "x: b x c x n; v: p x c x 3"
    return torch.tanh(F.conv1d(torch.sin(x), v, padding="same")).sum(dim=(1, 2))


def with_a_stride(x, w, k):  # "x: b x c x (2 n+1); w: o x c x 3; k: 3"
    seen = x.unfold(2, 3, 2)
    return F.conv1d(x, w, stride=2).pow(2).sum() + (seen @ k).sum()


def smoothed_signal(x, w):  # "x: n; w: 3"
    y = F.conv1d(x.view(1, 1, -1), w.view(1, 1, -1), padding=1)
    return y.flatten() * F.pad(x, (1, 0))[:-1] + torch.lerp(x, x.roll(1), 0.3)


def hidden_layer(x):  # "x: n x 3"
    return F.silu(F.linear(x, LAYER.weight, LAYER.bias)).mean() + LAYER(x).square().sum()


def spread_out(x, y):  # "x: n; y: m"
    wide = x.unsqueeze(-1).expand(-1, len(y)) * y.repeat(2)[: len(y)]
    return torch.special.entr(wide.sigmoid()).sum() + torch.special.xlogy(x, x**2 + 1).sum()


def normal_likelihood(S, x):  # "S: n x n posdef; x: n"
    L = torch.linalg.cholesky(S)
    z = torch.linalg.solve_triangular(L, x.unsqueeze(-1), upper=False)
    return 0.5 * z.square().sum() + L.diagonal().log().sum()


LAYER = torch.nn.Linear(3, 2).double().requires_grad_(False)


def batched_causal(q, k, v):  # "q: b x t x d; k: b x t x d; v: b x t x d"
    T = q.size(1)
    wei = q @ k.transpose(-2, -1) * k.shape[-1] ** -0.5
    wei = wei.masked_fill(torch.tril(torch.ones(T, T)) == 0, float("-inf"))
    return torch.bmm(F.softmax(wei, dim=-1), v).pow(2).mean()


def classes_in_time(x, W, y):  # "x: b x t x d const; W: d x c; y: b x t"
    return F.cross_entropy((x @ W).transpose(1, 2), y)


def pooled_classes(x, W, y):  # "x: b x t x d; W: c x d; y: b"
    return F.cross_entropy(x.mean(dim=1) @ W.T, y)


def between_members(x, W):  # "x: b x t x d; W: d x c"
    z = torch.tanh(x.mean(1) @ W)
    return torch.logsumexp(z @ z.T, 1).mean()


def solved_in_batches(S, x):  # "S: b x n x n posdef; x: b x n"
    return (torch.linalg.inv(S) @ x.unsqueeze(-1)).sum() + torch.logdet(S).sum()


def joined_in_batches(x, y):  # "x: b x t x d; y: b x t x p"
    return (
        torch.cat([x, y], -1).sin().sum() + torch.stack([x[:, 0], x[:, 1].exp()], 1).amax(1).mean()
    )


def dice(x, y):  # "x: n x c; y: n x c unit"
    p = x.sigmoid().flatten(1)
    return (1 - (2 * (p * y).sum(-1) + 1) / (p.sum(-1) + y.sum(-1) + 1)).mean()


def tokens(x, W, targets):  # "x: b x t x d; W: c x d; targets: b x t"
    B, T, _ = x.shape
    return F.cross_entropy(F.linear(x, W).view(B * T, -1), targets.view(B * T))


def together_and_apart(x, W):  # "x: b x t x d; W: d x k"
    b, t, d = x.shape
    return torch.relu(x.view(b * t, d) @ W).view(b, t, -1).mean(1).pow(2).sum() + x.flatten().norm()


def causal_library(q, k, v):  # "q: b x t x d; k: b x t x d; v: b x t x d"
    return F.scaled_dot_product_attention(q, k, v, is_causal=True).sum()


def channels_normalized(x, g, b):  # "x: b x c x t; g: c; b: c"
    return F.batch_norm(x, None, None, g, b, training=True).sin().sum()


def of_each_matrix(x):  # "x: b x n x n"
    squares = (x.mT @ x).sin().sum() + torch.tril(x).pow(2).sum()
    return squares + torch.diagonal(x, dim1=-2, dim2=-1).sum() + x.flip(2).cumsum(-1).pow(2).mean()


def causal_attention(X, W, V):  # "X: t x c; W: (3 c) x c; V: c x c"
    T, C = X.size()
    q, k, v = F.linear(X, W).split(C, dim=1)
    mask = torch.tril(torch.ones(T, T)).view(T, T)
    scores = (q @ k.transpose(-2, -1)).masked_fill(mask == 0, float("-inf"))
    return F.linear(F.softmax(scores / math.sqrt(k.size(-1)), dim=-1) @ v, V)


def constant_targets(Q, P, r):  # "Q: n x a; P: n x a const; r: n const"
    with torch.no_grad():
        target = r + 0.9 * P.max(dim=1)[0]
    return F.smooth_l1_loss(Q.mean(dim=1), target.detach())


def heads_of_a_number(x, Wqkv, Wo):  # "x: b x t x (2 p); Wqkv: (6 p) x (2 p); Wo: (2 p) x (2 p)"
    B, T, C = x.size()
    assert C % 2 == 0
    q, k, v = (y.view(B, T, 2, C // 2).transpose(1, 2) for y in F.linear(x, Wqkv).split(C, dim=2))
    scores = F.softmax(q @ k.transpose(-2, -1) / math.sqrt(k.size(-1)), dim=-1)
    return F.linear((scores @ v).transpose(1, 2).contiguous().view(B, T, C), Wo)


def heads_of_a_letter(x, Wq, Wk, R):  # "x: t x c; Wq, Wk: c x (h p); R: h x t x t"
    T, h = x.shape[0], R.shape[0]
    q, k = ((x @ W).reshape(T, h, W.shape[1] // h).transpose(0, 1) for W in (Wq, Wk))
    return (torch.softmax(q @ k.mT + R, dim=-1) ** 2).sum()


def mixtures(x, W, y):  # "x: n x d; W: d x (3 k); y: n"
    pi, mu, s = (x @ W).view(x.shape[0], 3, -1).unbind(1)
    z = (y[:, None] - mu) / s.exp()
    return -torch.logsumexp(F.log_softmax(pi, -1) - s - 0.5 * z**2, dim=-1).mean()


def maxout(x, W):  # "x: n x d; W: d x (3 k)"
    return (x @ W).reshape(x.size(0), 3, -1).max(dim=1).values.pow(2).sum()


def normed_in_groups(x, w):  # "x: b x (4 p); w: 4 p"
    B, C = x.shape
    g = x.view(B, 4, C // 4)
    g = (g - g.mean(-1, keepdim=True)) / (g.var(-1, keepdim=True, unbiased=False) + 1e-5).sqrt()
    return (g.view(B, C) * w).pow(3).sum()


def all_rows(x, W):  # "x: b x t x d; W: d x k"
    return x.reshape(-1, x.shape[-1]) @ W


def in_place(x, y):  # "x: n; y: n"
    out = x.clone()
    out.mul_(2.0).add_(y).sigmoid_()
    return (out.type_as(x) * F.one_hot(torch.tensor([1]), 3).float().sum()).sum()


def policy(mu, s, a, q):  # "mu: n; s: n positive; a: n; q: n positive"
    dist = torch.distributions.Normal(mu, s)
    other = torch.distributions.Normal(a, q)
    kl = torch.distributions.kl_divergence(dist, other)
    return (dist.log_prob(a) - 0.1 * dist.entropy() + kl).sum()


def ensemble(x, W):  # "x: n x d; W: 3 x d x k"
    outs = [torch.tanh(x @ W[i]) for i in range(W.shape[0])]
    half = (x.float() @ W[0].float()).double()
    return torch.stack(outs, dim=0).mean(dim=0) + half + torch.stack(outs, dim=-1).sum(-1)


def kernel_by_vmap(X, Y, w):  # "X: d x n; Y: m x d; w: d"
    def value(x, y):
        return torch.exp(-((x - y) ** 2).sum()) + torch.tanh(x @ w)

    return torch.vmap(lambda x: torch.vmap(lambda y: value(x, y))(Y), in_dims=1)(X).sum()


def images(x, w, b):  # "x: c x h+1 x v+1; w: o x c x 2 x 2; b: o"
    return torch.tanh(F.conv2d(x[None], w, b)).sum()


def channels_apart(x, w, v):  # "x: b x c x n+4; w: c x 1 x 3; v: o x c x 3"
    apart = F.conv1d(x, w, groups=x.shape[1])
    return torch.sin(F.conv1d(x, v, dilation=2)).sum() + apart.pow(2).sum()


def pooled(x):  # "x: b x c x (2 n)"
    return F.avg_pool1d(torch.sin(x), 2).pow(2).sum() + F.max_pool1d(x[:, :, 1:], 2, 1).exp().mean()
