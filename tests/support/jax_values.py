"""Expressions evaluated by JAX, written apart from the project's own table of values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jax.scipy import special
from jax.scipy.special import erf, logsumexp

from shapetrick.core import expr as ex
from shapetrick.core.expr import Expr
from shapetrick.core.structure import data_of, sizes_of
from shapetrick.core.structured import entries
from shapetrick.core.traversal import postorder

jax.config.update("jax_enable_x64", True)

AXES = {None: (-2, -1), 0: 0, 1: 1}


def _keep(f: Callable[..., Any]) -> Callable[..., Any]:
    return lambda x, axis: f(x, axis=AXES[axis], keepdims=True)


def _diag(x: Any, _: Any) -> Any:
    return jnp.diag(x.ravel()) if 1 in x.shape else jnp.diag(x)[:, None]


def _shared(winners: Any, axis: Any) -> Any:
    """1 shared by the winners."""
    return winners / _keep(jnp.sum)(winners, axis)


def _one(value: Any) -> Any:
    return jnp.reshape(value, (1, 1))


NUMPY_NAMES = (
    *("exp", "log", "log1p", "expm1", "sqrt", "square", "abs", "sign"),
    *("sin", "cos", "tan", "sinh", "cosh", "tanh", "log2", "log10"),
)
VALUES: dict[str, Callable[..., Any]] = {
    **{name: (lambda f: lambda x, _: f(x))(getattr(jnp, name)) for name in NUMPY_NAMES},
    "asin": lambda x, _: jnp.arcsin(x),
    "acos": lambda x, _: jnp.arccos(x),
    "atan": lambda x, _: jnp.arctan(x),
    "sigmoid": lambda x, _: jax.nn.sigmoid(x),
    "softplus": lambda x, _: jnp.logaddexp(x, 0),
    "relu": lambda x, _: jax.nn.relu(x),
    "leaky_relu": lambda x, _: jax.nn.leaky_relu(x, 0.01),
    "elu": lambda x, _: jax.nn.elu(x),
    "gelu": lambda x, _: jax.nn.gelu(x, approximate=False),
    "silu": lambda x, _: jax.nn.silu(x),
    "erf": lambda x, _: erf(x),
    "erfc": lambda x, _: special.erfc(x),
    "asinh": lambda x, _: jnp.arcsinh(x),
    "acosh": lambda x, _: jnp.arccosh(x),
    "atanh": lambda x, _: jnp.arctanh(x),
    "lgamma": lambda x, _: special.gammaln(x),
    "digamma": lambda x, _: special.digamma(x),
    "trigamma": lambda x, _: special.polygamma(1, x),
    "hurwitz": lambda a, b, _: special.zeta(a, b),
    "hypot": lambda a, b, _: jnp.hypot(a, b),
    "atan2": lambda a, b, _: jnp.arctan2(a, b),
    "prod": _keep(jnp.prod),
    "step": lambda x, _: jnp.where(x > 0, 1.0, 0.0),
    "maximum": lambda a, b, _: jnp.maximum(a, b),
    "minimum": lambda a, b, _: jnp.minimum(a, b),
    "transpose": lambda x, _: x.T,
    "tr": lambda x, _: _one(jnp.trace(x)),
    "det": lambda x, _: _one(jnp.linalg.det(x)),
    "logdet": lambda x, _: _one(jnp.linalg.slogdet(x)[1]),
    "inv": lambda x, _: jnp.linalg.inv(x),
    "expm": lambda x, _: jax.scipy.linalg.expm(x),
    "adj": lambda x, _: jnp.linalg.det(x) * jnp.linalg.inv(x),
    "diag": _diag,
    "vec": lambda x, _: x.T.reshape(-1, 1),
    "kron": lambda a, b, _: jnp.kron(a, b),
    "dot": lambda a, b, _: _one(jnp.sum(a * b)),
    "norm": lambda x, _: _one(jnp.sqrt(jnp.sum(x * x))),
    "norm1": lambda x, _: _one(jnp.sum(jnp.abs(x))),
    "sum": _keep(jnp.sum),
    "mean": _keep(jnp.mean),
    "max": _keep(jnp.max),
    "min": _keep(jnp.min),
    "ismax": lambda x, axis: _shared(x == _keep(jnp.max)(x, axis), axis),
    "ismin": lambda x, axis: _shared(x == _keep(jnp.min)(x, axis), axis),
    "logsumexp": lambda x, axis: logsumexp(x, axis=AXES[axis], keepdims=True),
    "softmax": lambda x, axis: jax.nn.softmax(x, axis=AXES[axis]),
    "log_softmax": lambda x, axis: jax.nn.log_softmax(x, axis=AXES[axis]),
}


def value(
    e: Expr, env: Mapping[str, Any], sizes: Mapping[str, int], functions: Mapping[str, Any]
) -> Any:
    """The value of an expression, differentiable by JAX; `functions` are the abstract ones."""
    done: dict[Expr, Any] = {}
    for x in postorder([e]):
        done[x] = _node(x, [done[a] for a in x.args], env, sizes, functions)
    return done[e]


def _node(
    x: Expr,
    args: list[Any],
    env: Mapping[str, Any],
    sizes: Mapping[str, int],
    functions: Mapping[str, Any],
) -> Any:
    shape = tuple(d.size(sizes) for d in x.shape)
    match x:
        case ex.Number():
            return jnp.full((1, 1), float(x.value))
        case ex.Dimension():
            return jnp.full((1, 1), float(sizes[x.name]))
        case ex.Constant():
            return jnp.full((1, 1), {"pi": jnp.pi, "e": jnp.e}[x.name])
        case ex.Symbol():
            return env[x.name]
        case ex.Ones() | ex.Zeros():
            return getattr(jnp, x.op)(shape)
        case ex.Eye():
            return jnp.eye(shape[0])
        case ex.Commute():
            m, n = (d.size(sizes) for d in x.sizes)
            return jnp.eye(m * n)[jnp.arange(m * n).reshape(n, m).T.ravel()]
        case ex.Structured():
            return jnp.asarray(entries(x, sizes))
        case ex.Call(function="unvec"):
            m, n = (d.size(sizes) for d in sizes_of(x))
            return args[0].reshape(n, m).T
        case ex.Name():
            return args[0]
        case ex.Abstract():
            f = functions[x.name]
            for _ in range(x.order):
                f = jax.grad(f)
            return jax.vmap(jax.vmap(f))(args[0])
        case ex.Add():
            return sum(args[1:], args[0])
        case ex.Times():
            return _product(args)
        case ex.Power():
            return _power(x.args[1], *args)
        case ex.MatMul():
            total = args[0]
            for a in args[1:]:
                total = total @ a
            return total
    return VALUES[x.op](*args, data_of(x))


def _product(args: list[Any]) -> Any:
    total = args[0]
    for a in args[1:]:
        total = total * a
    return total


def _power(exponent: Expr, base: Any, p: Any) -> Any:
    """Whole powers stay whole: JAX differentiates them for negative bases too."""
    k = ex.exact(exponent)
    if k is not None and k.denominator == 1:
        return base ** int(k)
    return base**p
