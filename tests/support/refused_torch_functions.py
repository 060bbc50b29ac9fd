"""Functions for PyTorch that can't be followed, written down as `refused_functions` are."""

from __future__ import annotations

import torch
import torch.nn.functional as F


def torch_branch(x):  # "x: n"
    return F.relu(x).sum() if x.norm() > 1 else x.sum()  # branch


def torch_item(x):  # "x: n"
    return torch.tanh(x) * x.sum().item()  # gradient


def torch_classes(Z, y):  # "Z: m x k; y: m"
    return F.cross_entropy(Z, y + 1)  # one-hot


def torch_unknown(X):  # "X: m x n"
    return torch.linalg.eigvals(X).sum()  # eigvals


def torch_detached(x):  # "x: n"
    return torch.dot(x.detach(), x)  # argument


def torch_without_gradient(x, w):  # "x: n; w: n"
    with torch.no_grad():
        target = torch.tanh(x)  # const
    return F.mse_loss(w, target)


class Straight(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return torch.clamp(x, -1, 1)  # backward

    @staticmethod
    def backward(ctx, g):
        return g


def torch_own_gradient(x):  # "x: n"
    return Straight.apply(x).sum()


def torch_dropout(x):  # "x: n"
    return F.dropout(x).sum()  # random


def classes(Z, y):  # "Z: m x k; y: m"
    return F.cross_entropy(Z, (2 * y).long())  # one-hot


def groups(X):  # "X: m x d"
    return F.group_norm(X, 2)  # parts of a row


def shuffled_channels(x, v):  # "x: b x (g k) x n; v: g"
    y = x.view(x.shape[0], v.shape[0], -1, x.shape[2]).transpose(1, 2)
    return (y.reshape(x.shape) * torch.sin(x)).sum()  # made one
