"""What the special functions of SciPy, `torch.special` and `jax.scipy.special` mean, which have the
same names there."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from .arrays import Traced, constant, mapped


def _entropy(x: Traced) -> Traced:
    return -x * mapped("log", x)


def _x_log_y(a: Traced, b: Traced) -> Traced:
    return a * mapped("log", b)


def _x_log1p_y(a: Traced, b: Traced) -> Traced:
    return a * mapped("log1p", b)


def _relative_entropy(a: Traced, b: Traced) -> Traced:
    return a * mapped("log", a / b)


def _divergence(a: Traced, b: Traced) -> Traced:
    return _relative_entropy(a, b) - a + b


def _logit(x: Traced) -> Traced:
    return mapped("log", x) - mapped("log1p", -x)


def _log_of_sigmoid(x: Traced) -> Traced:
    return -mapped("softplus", -x)


def _normal_cdf(x: Traced) -> Traced:
    return mapped("erfc", -x / mapped("sqrt", constant(2))) / 2


def _log_of_normal_cdf(x: Traced) -> Traced:
    return mapped("log", _normal_cdf(x))


def _beta_log(a: Traced, b: Traced) -> Traced:
    return mapped("lgamma", a) + mapped("lgamma", b) - mapped("lgamma", a + b)


def _gamma(x: Traced) -> Traced:
    """Of what is positive."""
    return mapped("exp", mapped("lgamma", x))


def _factorial(x: Traced) -> Traced:
    return _gamma(x + 1)


def _huber(delta: Traced, x: Traced) -> Traced:
    size = mapped("abs", x)
    q = mapped("minimum", size, delta)
    return q * (size - q / 2)


SPECIAL: Mapping[str, Callable[..., Traced]] = {
    **{"entr": _entropy, "xlogy": _x_log_y, "xlog1py": _x_log1p_y, "logit": _logit},
    **{"rel_entr": _relative_entropy, "kl_div": _divergence, "log_expit": _log_of_sigmoid},
    **{"ndtr": _normal_cdf, "log_ndtr": _log_of_normal_cdf, "betaln": _beta_log},
    **{"gamma": _gamma, "factorial": _factorial, "huber": _huber},
}
