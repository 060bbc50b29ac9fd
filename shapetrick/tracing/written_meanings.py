"""What functions of the libraries mean that are written entry by entry: each is a line of the
language, `softsign(x) = x ./ (1 + abs(x))`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from inspect import Parameter, Signature
from typing import Any

from ..core.errors import TraceError
from ..language.expressions import parse_scalar
from .arrays import Traced, constant, entrywise
from .axis_functions import reduce

_REDUCTION = "reduction"  # the parameter of losses that is no array


class WrittenMeaning:
    """A function of arrays that broadcast; a loss is its mean, or what its `reduction` says."""

    def __init__(self, parameters: str, body: str) -> None:
        each = (text.partition("=") for text in parameters.split(", "))
        self.__signature__ = Signature([_parameter(name, default) for name, _, default in each])
        self._body = body

    def __call__(self, *given: Any, **named: Any) -> Traced:
        bound = self.__signature__.bind(*given, **named)
        bound.apply_defaults()
        defaults = {name: p.default for name, p in self.__signature__.parameters.items()}
        every = {name: defaults[name] if x is None else x for name, x in bound.arguments.items()}
        arrays = {name: x for name, x in every.items() if isinstance(x, Traced)}
        found = entrywise(
            lambda *es: parse_scalar(self._body, dict(zip(arrays, es, strict=True))),
            *arrays.values(),
        )
        return averaged(found, every.get(_REDUCTION, "none"))


def _parameter(name: str, default: str) -> Parameter:
    if name == _REDUCTION:
        return Parameter(name, Parameter.POSITIONAL_OR_KEYWORD, default="mean", annotation="str")
    value = constant(float(default)) if default else Parameter.empty
    kind = Traced.__name__ + " | None" * bool(default)
    return Parameter(name, Parameter.POSITIONAL_OR_KEYWORD, default=value, annotation=kind)


def averaged(loss: Traced, reduction: str) -> Traced:
    """What a loss of each entry is as a whole. Raises TraceError."""
    if reduction not in _REDUCTIONS:
        raise TraceError(f"the reduction {reduction!r} isn't followed.")
    return _REDUCTIONS[reduction](loss)


_REDUCTIONS: Mapping[str, Callable[[Traced], Traced]] = {
    **{name: partial(reduce, name) for name in ("mean", "sum")},
    "none": lambda loss: loss,
}


def _written(lines: str) -> Mapping[str, WrittenMeaning]:
    """The meanings by name; a line goes on where the next one is indented."""
    found = {}
    for line in lines.replace("\n    ", " ").strip().splitlines():
        head, body = line.split(") = ")
        name, parameters = head.split("(")
        found[name] = WrittenMeaning(parameters, body)
    return found


ENTRYWISE = _written("""
arctan2(x, y) = atan2(x, y)
atan2(x, y) = atan2(x, y)
exp2(x) = 2.^x
heaviside(x, at_zero) = step(x)
hypot(x, y) = sqrt(x.^2 + y.^2)
log10(x) = log(x) / log(10)
log2(x) = log(x) / log(2)
reciprocal(x) = 1 ./ x
""")

# Those of SciPy, `torch.special` and `jax.scipy.special`; `gamma` is of what is positive.
SPECIAL = _written("""
entr(x) = -x .* log(x)
xlogy(x, y) = x .* log(y)
xlog1py(x, y) = x .* log1p(y)
rel_entr(x, y) = x .* log(x ./ y)
kl_div(x, y) = x .* log(x ./ y) - x + y
logit(x) = log(x) - log1p(-x)
log_expit(x) = -softplus(-x)
ndtr(x) = erfc(-x / sqrt(2)) / 2
log_ndtr(x) = log(erfc(-x / sqrt(2)) / 2)
gamma(x) = exp(lgamma(x))
factorial(x) = exp(lgamma(x + 1))
betaln(x, y) = lgamma(x) + lgamma(y) - lgamma(x + y)
huber(delta, x) = minimum(abs(x), delta) .* (abs(x) - minimum(abs(x), delta) / 2)
""")

# Densities and distribution functions of SciPy's distributions.
DISTRIBUTIONS = _written("""
norm.pdf(x, loc=0, scale=1) = exp(-((x - loc) ./ scale).^2 / 2) ./ (scale .* sqrt(2 pi))
norm.logpdf(x, loc=0, scale=1) = -((x - loc) ./ scale).^2 / 2 - log(scale) - log(2 pi) / 2
norm.cdf(x, loc=0, scale=1) = erfc((loc - x) ./ scale / sqrt(2)) / 2
norm.logcdf(x, loc=0, scale=1) = log(erfc((loc - x) ./ scale / sqrt(2)) / 2)
norm.sf(x, loc=0, scale=1) = erfc((x - loc) ./ scale / sqrt(2)) / 2
expon.logpdf(x, loc=0, scale=1) = (loc - x) ./ scale - log(scale)
laplace.logpdf(x, loc=0, scale=1) = -abs(x - loc) ./ scale - log(2 scale)
logistic.logpdf(x, loc=0, scale=1) = (loc - x) ./ scale - 2 softplus((loc - x) ./ scale)
    - log(scale)
gamma.logpdf(x, a, loc=0, scale=1) = (a - 1) .* log((x - loc) ./ scale) + (loc - x) ./ scale
    - lgamma(a) - log(scale)
beta.logpdf(x, a, b) = (a - 1) .* log(x) + (b - 1) .* log1p(-x) + lgamma(a + b) - lgamma(a)
    - lgamma(b)
t.logpdf(x, df, loc=0, scale=1) = lgamma((df + 1) / 2) - lgamma(df / 2) - log(pi df) / 2
    - log(scale) - (df + 1) .* log1p(((x - loc) ./ scale).^2 ./ df) / 2
""")

# Those of PyTorch alone: layers and losses. From its threshold on, softplus is taken for the line
# that it is there but for rounding.
LAYERS = _written("""
binary_cross_entropy(x, target, weight=1, reduction) = -(weight .* (target .* log(x)
    + (1 - target) .* log(1 - x)))
addcmul(x, a, b, value=1) = x + value .* a .* b
celu(x, alpha=1) = relu(x) + alpha .* expm1(minimum(x, 0) ./ alpha)
hardsigmoid(x) = minimum(maximum(x / 6 + 0.5, 0), 1)
hardswish(x) = x .* minimum(maximum(x + 3, 0), 6) / 6
hardtanh(x, min_val=-1, max_val=1) = minimum(maximum(x, min_val), max_val)
lerp(x, y, weight) = x + weight .* (y - x)
logsigmoid(x) = -softplus(-x)
mish(x) = x .* tanh(softplus(x))
prelu(x, weight) = relu(x) + weight .* minimum(x, 0)
rsqrt(x) = 1 ./ sqrt(x)
relu6(x) = minimum(maximum(x, 0), 6)
selu(x) = 1.0507009873554805 (relu(x) + 1.6732632423543772 expm1(minimum(x, 0)))
softplus(x, beta=1, threshold=20) = softplus(beta .* x) ./ beta
softshrink(x, lambd=0.5) = relu(x - lambd) - relu(-x - lambd)
softsign(x) = x ./ (1 + abs(x))
tanhshrink(x) = x - tanh(x)
mse_loss(x, target, reduction) = (x - target).^2
l1_loss(x, target, reduction) = abs(x - target)
huber_loss(x, target, reduction, delta=1) = minimum(abs(x - target), delta) .* (abs(x - target)
    - 0.5 minimum(abs(x - target), delta))
smooth_l1_loss(x, target, reduction, beta=1) = minimum(abs(x - target), beta) .* (abs(x - target)
    - 0.5 minimum(abs(x - target), beta)) ./ beta
soft_margin_loss(x, target, reduction) = softplus(-(target .* x))
margin_ranking_loss(x, y, target, margin=0, reduction) = relu(margin - target .* (x - y))
""")
