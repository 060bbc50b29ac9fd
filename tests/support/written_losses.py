"""Losses as people write them out, and what they and their gradients are in extended precision."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, reduce
from operator import matmul
from typing import Any

import mpmath
import numpy as np

import shapetrick as st
from shapetrick.core.expr import Add, Expr, MatMul, Name, Number, Power, Symbol, Times, Transpose
from shapetrick.core.functions import TABLE
from shapetrick.core.traversal import postorder

GIVEN = "z, w, y, t, q : n; k : n nonneg; c : scalar unit\n"
H = "h = 1 ./ (1 + exp(-z)); "
P = "p = exp(z) / sum(exp(z)); "

LOSSES: Mapping[str, str] = {
    "logistic": "J = sum(log(1 + exp(-y .* z)))",
    "cross-entropy": H + "J = -sum(t .* log(h) + (1 - t) .* log(1 - h))",
    "cross-entropy, with products": H + "J = -(t' log(h) + (1 - t)' log(1 - h)) / n",
    "softmax cross-entropy": P + "J = -t' log(p)",
    "label smoothing": P + "J = -(9/10 t + 1 / (10 n))' log(p)",
    "log-sum-exp": "J = log(sum(exp(z)))",
    "log-sum-exp, shifted": "J = max(z) + log(sum(exp(z - max(z))))",
    "log-sum-exp at a temperature": "J = 2 log(sum(exp(z / 2)))",
    "the least, softly": "J = -log(sum(exp(-z)))",
    "one class more": "J = log(1 + sum(exp(z))) - t' z",
    "softplus": "J = sum(log(1 + exp(z)))",
    "log of a sigmoid": "J = -sum(log(1 ./ (1 + exp(-z))))",
    "focal": H + "J = -sum((1 - h).^2 .* log(h))",
    "dice": H + "J = 1 - 2 sum(h .* t) / (sum(h) + sum(t))",
    "squares of sigmoids": "J = sum((1 ./ (1 + exp(-z)) - t).^2)",
    "squares of tanhs": "J = sum(((exp(z) - exp(-z)) ./ (exp(z) + exp(-z)) - t).^2)",
    "tanh of two exps": "J = sum(1 - ((exp(2 z) - 1) ./ (exp(2 z) + 1)).^2)",
    "Boltzmann's mean": "J = sum(z .* exp(z)) / sum(exp(z))",
    "one class more, scaled": "J = log(exp(-1) + sum(exp(z - 1))) - t' z",
    "swish": "J = sum(z ./ (1 + exp(-z)))",
    "mish": "J = sum(z .* tanh(log(1 + exp(z))))",
    "log cosh": "J = sum(log(cosh(z)))",
    "log of two exps": "J = sum(log(exp(z) + exp(-z)))",
    "logistic density": "J = sum(z + 2 log(1 + exp(-z)))",
    "Bradley–Terry": "J = -sum(log(exp(z) ./ (exp(z) + exp(w))))",
    "pairs": "J = sum(log(1 + exp(w - z)))",
    "ordinal": "J = -sum(log(1 ./ (1 + exp(z - 1)) - 1 ./ (1 + exp(z + 1))))",
    "a mixture of two": "J = -sum(log(c exp(-(z - 1).^2 / 2) + (1 - c) exp(-(z + 1).^2 / 2)))",
    "divergence": P + "J = sum(q .* (log(q) - log(p)))",
    "entropy": P + "J = -sum(p .* log(p))",
    "pseudo-Huber": "J = sum(sqrt(1 + z.^2) - 1)",
    "Charbonnier": "J = sum(sqrt(1/100 + z.^2))",
    "Cauchy": "J = sum(log(1 + z.^2))",
    "Welsch": "J = sum(1 - exp(-z.^2))",
    "Geman–McClure": "J = sum(z.^2 ./ (1 + z.^2))",
    "Laplace": "J = sum(1 - exp(-abs(z)))",
    "angles": "J = sum(1 - cos(z))",
    "hyperbolic secant": "J = sum(1 ./ cosh(z).^2)",
    "hinge": "J = sum(maximum(0, 1 - y .* z))",
    "squared hinge": "J = sum(maximum(0, 1 - y .* z).^2)",
    "Huber": "J = sum(minimum(abs(z), 1) .* (abs(z) - minimum(abs(z), 1) / 2))",
    "log of a hinge": "J = sum(log(1 + maximum(0, z)).^2)",
    "quantiles": "J = sum(maximum(c z, (c - 1) z))",
    "a distance": "J = sqrt(sum((z - y).^2))",
    "softsign": "J = sum(z ./ (1 + abs(z)))",
    "arctan": "J = sum(atan(z.^2))",
    "focal, balanced": H
    + "J = -sum(c t .* (1 - h).^2 .* log(h) + (1 - c) (1 - t) .* h.^2 .* log(1 - h))",
    "weighted by the other": H + "J = -sum(t .* (1 - h) .* log(h) + (1 - t) .* h .* log(1 - h))",
    "binary entropy": H + "J = -sum(h .* log(h) + (1 - h) .* log(1 - h))",
    "divergence of coins": H + "J = sum(h .* log(h / c) + (1 - h) .* log((1 - h) / (1 - c)))",
    "log odds": H + "J = sum((log(h ./ (1 - h)) - w).^2)",
    "log of a mean": "J = log(sum(exp(z)) / n)",
    "log cosh, by exps": "J = sum(log((exp(z) + exp(-z)) / 2))",
    "Davidson's ties": "J = -log(exp(z' t) / (exp(z' t) + exp(z' q) + 1))",
    "a density of kernels": "J = -log(sum(q .* exp(-(z - y).^2 / 2)))",
    "experts": P + "J = -log(sum(p .* exp(-(y - w).^2)))",
    "Jensen–Shannon": P + "m = (p + q) / 2; J = sum(p .* log(p ./ m) + q .* log(q ./ m)) / 2",
    "Hellinger": P + "J = sum((sqrt(p) - sqrt(q)).^2) / 2",
    "Bhattacharyya": P + "J = -log(sum(sqrt(p .* q)))",
    "InfoNCE with weights": "a = sum(t .* exp(z)); J = -log(a / (a + sum((1 - t) .* exp(z))))",
    "InfoNCE with products": "J = -log((t' exp(z)) / (t' exp(z) + (1 - t)' exp(z)))",
    "a margin": "J = -log(exp(t' z - 1) / (exp(t' z - 1) + sum((1 - t) .* exp(z))))",
    "sums multiplied": "J = log(1 + sum(exp(z)) * sum(exp(w)))",
    "opposite sums multiplied": "J = log(1 + sum(exp(z)) * sum(exp(-z)))",
    "log of three exps": "J = sum(log(exp(z) + exp(w) + exp(-z)))",
    "log of two exps of products": "J = log((exp(z' t) + exp(z' q)) / 2)",
    "reverse divergence": P + "J = sum(p .* log(p ./ q))",
    "forward divergence": P + "J = sum(q .* log(q ./ p))",
    "log of a product of sigmoids": H + "J = -sum(log(h .* (1 - h)))",
    "a chain of products": "J = log(q' (w t') exp(z) + exp(z' q))",
    "circle": "J = log(1 + sum((1 - t) .* exp(z)) * sum(t .* exp(-z)))",
    "proxy anchor": "J = log(1 + sum(t .* exp(-z))) + log(1 + sum((1 - t) .* exp(z)))",
    "many similarities": "J = log(1 + sum(t .* exp(-2 (z - c)))) / 2"
    " + log(1 + sum((1 - t) .* exp(50 (z - c)))) / 50",
    "a lifted structure": "J = maximum(0, log(sum(t .* exp(1 - z)) + sum((1 - t) .* exp(z))))^2",
    "logits adjusted by shares": "J = -log(sum(t .* q .* exp(z)) / sum(q .* exp(z)))",
    "Rényi's divergence": P + "J = log(sum(p.^2 ./ q))",
    "Tversky": H
    + "J = 1 - sum(h .* t) / (sum(h .* t) + c sum(h .* (1 - t)) + (1 - c) sum((1 - h) .* t))",
    "focal, of classes": P + "J = -(1 - t' p)^2 * log(t' p)",
    "log odds of a class": P + "J = log(t' p) - log(1 - t' p)",
    "log odds of a class, as a quotient": P + "J = -log(t' p / (1 - t' p))",
    "noise contrasted": "J = -sum(t .* log(exp(z) ./ (exp(z) + q))"
    " + (1 - t) .* log(q ./ (exp(z) + q)))",
    "one of two": H + "J = -sum(log(1 - (1 - h).^2))",
    "complementary log-log": "J = -sum(log(1 - exp(-exp(z))))",
    "complementary log-log, to one side": "J = -sum(log(1 - exp(-exp(-abs(z)))))",
    "complementary log-log, with labels": "J = -sum(t .* log(1 - exp(-exp(z))) - (1 - t) .* exp(z)"
    ")",
    "complementary log-log, of shares": "p = 1 - exp(-exp(z)); "
    "J = -sum(t .* log(p) + (1 - t) .* log(1 - p))",
    "an exponential below 0": "J = sum(maximum(z, 0) + minimum(exp(z) - 1, 0))",
    "a half angle": "J = sum(sinh(z) ./ (1 + cosh(z)))",
    "shares that overlap": P + "J = 1 - sum(sqrt(p .* q))",
    "an event at all": H + "J = -sum(log(1 - exp(-h)))",
    "a scale, softly positive": "J = sum(log(log(1 + exp(z))))",
    "a log of an angle": H + "J = sum(log(atan(h)))",
    "a hyperbolic cosine, with labels": "J = sum((1 - t) .* cosh((z + abs(z)) / 2))",
    "gamma, weighted": "J = sum(k .* (q .* exp(-z) + z)) / sum(k)",
    "Gumbel, weighted": "J = sum(z + k .* exp(-z))",
    "all classes but one": P + "J = -sum((1 - t) .* log(1 - p))",
    "Jensen–Shannon, of labels": P + "m = (p + k) / 2; "
    "J = sum(p .* log(p) - p .* log(m)) / 2 - k' log(m) / 2",
    "Tweedie": "J = sum(-k .* exp(z).^(-1/2) / (-1/2) + exp(z).^(1/2) / (1/2))",
    "negative binomial": "r = exp(z); J = sum((k + c) .* log(c + r) - k .* log(r))",
    "evidential": "e = log(1 + exp(z)); a = e + 1; s = sum(a); "
    "J = sum((t - a / s).^2 + a .* (s - a) / (s^2 * (s + 1)))",
    "InfoNCE, of shares": "J = -log(sum(t .* exp(z / c)) / sum(exp(z / c)))",
    "lifted structure": "J = log(sum((1 - t) .* exp(c - z)) + sum(t .* exp(z)))",
    "N pairs": "J = log(1 + sum((1 - t) .* exp(z - t' z)))",
    "two paths": "J = -log(exp(w' z + log(1/2)) + exp(t' z - 1))",
    "quantile Huber": "u = abs(z); "
    "J = sum(abs(c - step(-z)) .* (step(1 - u) .* z.^2 / 2 + step(u - 1) .* (u - 1/2)))",
    "contrastive": "J = sum(t .* z.^2 + (1 - t) .* relu(1 - z).^2) / 2",
    "asymmetric": H + "J = -sum(t .* log(h) + (1 - t) .* h.^2 .* log(1 - h))",
    "Student's": "J = sum(2 log(1 + exp(-2 z) .* w.^2 / 3) + z)",
    "zero inflation": H + "J = -sum(log(h + (1 - h) * exp(-1)))",
}

# Losses of many rows, in whose rows they are those of the same name.
_SHARES = "P = exp(Z) ./ sum(exp(Z), axis=1); "
OF_ROWS: Mapping[str, str] = {
    "softmax cross-entropy": _SHARES + "J = -sum(T .* log(P))",
    "log odds of a class": _SHARES + "s = sum(T .* P, axis=1); J = sum(log(s) - log(1 - s))",
    "focal, of classes": _SHARES + "s = sum(T .* P, axis=1); J = -sum((1 - s).^2 .* log(s))",
    "all classes but one": _SHARES + "J = -sum((1 - T) .* log(1 - P))",
    "N pairs": "J = sum(log(1 + sum((1 - T) .* exp(Z - sum(T .* Z, axis=1)), axis=1)))",
}

# Of what cancels beyond all digits, the same in other words.
_SAME = {"complementary log-log, of shares": "complementary log-log, with labels"}
SCALES = (1e-3, 1.7, 30.0, 800.0)
LARGE = 100.0  # a scale above which exponentials have hundreds of zeros
_DIRECTION = np.array([1.0, -1.0, 0.37, -0.59])
_OTHERS = {
    "w": np.array([0.3, -0.2, 0.5, 0.1]), "y": np.array([1.0, 1.0, -1.0, -1.0]),
    "t": np.array([1.0, 0.0, 0.0, 0.0]), "q": np.array([0.1, 0.2, 0.3, 0.4]),
    "k": np.array([2.0, 0.0, 0.0, 0.5]), "c": 0.3,
}  # fmt: skip


def given(e: Expr, scale: float) -> dict[str, Any]:
    """Arrays for the symbols in an expression, z of that scale."""
    arrays = {"z": scale * _DIRECTION, **_OTHERS}
    return {x.name: arrays[x.name] for x in postorder([e]) if isinstance(x, Symbol)}


@cache
def reference(loss: str, scale: float) -> tuple[float, list[float]]:
    """The loss and its gradient by z, by central differences with hundreds of digits."""
    digits = 800 if scale > LARGE else 120
    e = st.read(f"{GIVEN}{LOSSES[_SAME.get(loss, loss)]}; grad J wrt z").data.definitions["J"]
    with mpmath.workdps(digits):
        step = mpmath.mpf(10) ** (-digits // 3)
        env = {name: _exact(v) for name, v in given(e, scale).items()}
        gradient = []
        for i in range(len(_DIRECTION)):
            ends = []
            for sign in (1, -1):
                z = env["z"].copy()
                z[i, 0] += sign * step
                ends.append(_value(e, {**env, "z": z}))
            gradient.append(float((ends[0] - ends[1]) / (2 * step)))
        return float(_value(e, env)), gradient


def check_rows(loss: str) -> None:
    """A loss of rows at all scales, and its gradient, are those of its rows."""
    problem = st.read(f"Z, T : m x n\n{OF_ROWS[loss]}; grad J wrt Z")
    found = problem.function("numpy")(
        Z=np.outer(SCALES, _DIRECTION), T=np.tile(_OTHERS["t"], (len(SCALES), 1))
    )
    values, gradients = zip(*(reference(loss, scale) for scale in SCALES), strict=True)
    np.testing.assert_allclose(found["J"], sum(values), rtol=1e-9)
    np.testing.assert_allclose(found["grad J wrt Z"], gradients, rtol=1e-9, atol=1e-9)


def _exact(value: Any) -> Any:
    column = np.atleast_1d(value).reshape(-1, 1)
    return np.vectorize(mpmath.mpf, otypes=[object])(column)


_UNARY = ("exp", "log", "sqrt", "cos", "sinh", "cosh", "tanh", "atan")
_FUNCTIONS = {
    **{name: np.frompyfunc(getattr(mpmath, name), 1, 1) for name in _UNARY},
    "abs": np.frompyfunc(abs, 1, 1),
    "maximum": np.frompyfunc(max, 2, 1),
    "minimum": np.frompyfunc(min, 2, 1),
}


def _value(root: Expr, env: Mapping[str, Any]) -> Any:
    """The value of a scalar in extended precision."""
    values: dict[Expr, Any] = {}
    for e in postorder([root]):
        args = [values[a] for a in e.args]
        match e:
            case Symbol():
                values[e] = env[e.name]
            case Number():
                values[e] = _exact(mpmath.mpf(e.value.numerator) / e.value.denominator)
            case Name():
                values[e] = args[0]
            case Add():
                values[e] = sum(args[1:], args[0])
            case Times():
                values[e] = np.prod(np.array(np.broadcast_arrays(*args), dtype=object), axis=0)
            case Power():
                values[e] = args[0] ** args[1]
            case MatMul():
                values[e] = reduce(matmul, args)
            case Transpose():
                values[e] = args[0].T
            case _ if e.op == "dimension":
                values[e] = _exact(len(_DIRECTION))
            case _ if e.op in _FUNCTIONS:
                values[e] = _FUNCTIONS[e.op](*args)
            case _:
                values[e] = TABLE[e.op].value(args[0], None)
    return values[root][0, 0]


def check(loss: str, library: str, convert: Any) -> None:
    """A loss and its gradient, generated for a library, are finite and right at all scales."""
    problem = st.read(f"{GIVEN}{LOSSES[loss]}; grad J wrt z")
    function = problem.function(library)
    e = problem.data.definitions["J"]
    for scale in SCALES:
        found = function(**{name: convert(np.asarray(v)) for name, v in given(e, scale).items()})
        value, gradient = reference(loss, scale)
        for got, wanted in ((found["J"], value), (found["grad J wrt z"], gradient)):
            ours, true = np.asarray(got, dtype=float).ravel(), np.ravel(wanted)
            assert np.isfinite(ours).all(), (scale, ours, true)
            rounding = 1e-15 * (1 + scale)  # of what is as large as z
            atol = 1e-9 * np.abs(true).max() + rounding
            np.testing.assert_allclose(ours, true, rtol=1e-9, atol=atol)
