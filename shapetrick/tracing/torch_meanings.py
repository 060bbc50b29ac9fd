"""What PyTorch's functions mean, by their names: those that NumPy hasn't, or with other parameters
and defaults, and the layers and losses of `torch.nn.functional`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..core import expr as ex
from ..core.dims import ONE, Dim
from ..core.errors import TraceError
from ..core.named_tuples import NamedTuple
from ..language.syntax.constants import INFINITE
from . import arrays, classes, convolutions, extents, parts
from . import meanings as common
from .arrays import Traced, constant
from .meanings import Meaning
from .written_meanings import LAYERS, averaged


class Extremes(NamedTuple):
    """What PyTorch gives for the largest entries along an axis; their places aren't followed."""

    values: Traced
    indices: None = None


def _torch_var(
    x: Traced,
    axis: Any = None,
    unbiased: bool = True,
    keepdims: bool = False,
    correction: float | None = None,
) -> Traced:
    if isinstance(axis, bool):  # var(x, unbiased)
        axis, unbiased = None, axis
    by = correction if correction is not None else float(unbiased)
    return arrays.variance(x, axis, keepdims, by)


def _torch_norm(x: Traced, p: Any = "fro", axis: Any = None, keepdims: bool = False) -> Traced:
    """As torch.norm has it: of all the entries, also of a matrix."""
    flat = arrays.ravel(x) if axis is None and not keepdims and p not in ("fro", 2) else x
    return common.norm(flat, None if p == 2 and axis is None else p, axis, keepdims)


def _extreme(name: str, of_two: Meaning) -> Meaning:
    """PyTorch's max: of all entries, of two arrays, or along an axis with the places."""

    def meaning(x: Traced, axis: Any = None, keepdims: bool = False) -> Any:
        if axis is None:
            return arrays.reduce(name, x)
        if not isinstance(axis, int):
            return of_two(x, getattr(axis, "value", axis))
        return Extremes(arrays.reduce(name, x, axis, keepdims))

    return meaning


def _addmm(x: Traced, a: Traced, b: Traced, beta: float = 1, alpha: float = 1) -> Traced:
    return beta * x + alpha * (a @ b)


def _log_of_det(x: Traced) -> Traced:
    return arrays.mapped("log", arrays.of_square("det", x))


def _split(x: Traced, sizes: Any, axis: Any = 0) -> tuple[Traced, ...]:
    """Parts of one size, or of those in a list."""
    (k,) = arrays.axes_of(x, axis)
    given = list(sizes) if isinstance(sizes, tuple | list) else [sizes]
    each = [Dim.of(getattr(n, "dim", n)) for n in given]
    if isinstance(sizes, tuple | list):
        return parts.divided(x, each, axis)
    return parts.in_equal_parts(x, extents.quotient(x.shape[k], each[0]).integer, axis)


def _unbound(x: Traced, axis: int = 0) -> tuple[Traced, ...]:
    (k,) = arrays.axes_of(x, axis)
    each = parts.in_equal_parts(x, x.shape[k].integer, k)
    return tuple(arrays.reshape(part, x.shape[:k] + x.shape[k + 1 :]) for part in each)


# --------------------------------------------------------------- PyTorch's layers and losses


def _flattened(x: Traced, start_dim: int = 0, end_dim: int = -1) -> Traced:
    first, last = start_dim % max(x.rank, 1), end_dim % max(x.rank, 1)
    within = arrays.size(x.shape[first : last + 1])
    return arrays.reshape(x, (*x.shape[:first], within, *x.shape[last + 1 :]))


def _linear(x: Traced, weight: Traced, bias: Traced | None = None) -> Traced:
    product = x @ arrays.transpose(weight)
    return product if bias is None else product + bias


def _gelu(x: Traced, approximate: str = "none") -> Traced:
    if approximate == "none":
        return arrays.mapped("gelu", x)
    scale = arrays.root(2 / Traced(ex.constant("pi"), ()))
    return 0.5 * x * (1 + arrays.mapped("tanh", scale * (x + 0.044715 * x**3)))


def _leaky_relu(x: Traced, negative_slope: float = 0.01) -> Traced:
    if negative_slope == 0.01:
        return arrays.mapped("leaky_relu", x)
    return arrays.mapped("relu", x) + negative_slope * common.minimum(x, constant(0))


def _elu(x: Traced, alpha: float = 1.0) -> Traced:
    if alpha == 1:
        return arrays.mapped("elu", x)
    below = arrays.mapped("expm1", common.minimum(x, constant(0)))
    return arrays.mapped("relu", x) + alpha * below


def _softmin(x: Traced, axis: int) -> Traced:
    return arrays.along("softmax", -x, axis)


def _cross_entropy(
    x: Traced,
    target: Traced,
    weight: Traced | None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Traced:
    """With probabilities as targets: a target of classes by number has another shape."""
    x = _classes_last(x)
    if target.shape == x.shape[:-1]:
        target = classes.one_hot(target, x.shape[-1])
    else:
        target = _classes_last(target)
    if target.shape != x.shape or not x.rank:
        raise TraceError(
            f"the targets are numbers of classes, {extents.shape_of(x.shape[:-1])}, or one-hot, in "
            f"the shape of the logits, {extents.shape_of(x.shape)}."
        )
    if label_smoothing:
        target = (1 - label_smoothing) * target + label_smoothing / arrays.count(x, -1)
    target = target if weight is None else target * weight
    weighed = target * arrays.along("log_softmax", x, -1)
    return averaged(-arrays.reduce("sum", weighed, -1), reduction)


def _classes_last(x: Traced) -> Traced:
    """Classes are the second axis, behind the examples."""
    return x if x.rank < 3 else arrays.permuted(x, [0, *range(2, x.rank), 1])


def _weighed(loss: Traced, weight: Traced | None, reduction: str) -> Traced:
    return averaged(loss if weight is None else weight * loss, reduction)


def _binary_cross_entropy(
    x: Traced, target: Traced, weight: Traced | None = None, reduction: str = "mean"
) -> Traced:
    hit = target * arrays.mapped("log", x)
    missed = (1 - target) * arrays.mapped("log", 1 - x)
    return _weighed(-(hit + missed), weight, reduction)


def _with_logits(
    x: Traced, target: Traced, weight: Traced | None = None, reduction: str = "mean",
    pos_weight: Traced | None = None,
) -> Traced:  # fmt: skip
    loss = arrays.mapped("softplus", x) - target * x
    if pos_weight is not None:
        loss = loss + (pos_weight - 1) * target * arrays.mapped("softplus", -x)
    return _weighed(loss, weight, reduction)


def _triplet_margin(
    anchor: Traced, positive: Traced, negative: Traced, margin: float = 1.0, p: float = 2.0,
    eps: float = 1e-6, reduction: str = "mean",
) -> Traced:  # fmt: skip
    near = _pairwise_distance(anchor, positive, p, eps)
    far = _pairwise_distance(anchor, negative, p, eps)
    return averaged(arrays.mapped("relu", near - far + margin), reduction)


def _kl_div(x: Traced, target: Traced, reduction: str = "mean", log_target: bool = False) -> Traced:
    if log_target:
        loss = arrays.mapped("exp", target) * (target - x)
    else:
        loss = target * (arrays.mapped("log", target) - x)
    if reduction == "batchmean":
        return arrays.reduce("sum", loss) / arrays.count(x, 0)
    return averaged(loss, reduction)


def _gaussian_nll(
    x: Traced, target: Traced, var: Traced, full: bool = False, eps: float = 1e-6,
    reduction: str = "mean",
) -> Traced:  # fmt: skip
    spread = common.maximum(var, constant(eps))
    loss = 0.5 * (arrays.mapped("log", spread) + (x - target) ** 2 / spread)
    if full:
        loss = loss + 0.9189385332046727
    return averaged(loss, reduction)


def _poisson_nll(
    x: Traced, target: Traced, log_input: bool = True, full: bool = False, eps: float = 1e-8,
    reduction: str = "mean",
) -> Traced:  # fmt: skip
    if full:
        raise TraceError("`full=True` isn't followed: leave the constant out.")
    if log_input:
        loss = arrays.mapped("exp", x) - target * x
    else:
        loss = x - target * arrays.mapped("log", x + eps)
    return averaged(loss, reduction)


def _nll_loss(x: Traced, target: Traced, reduction: str = "mean") -> Traced:
    x = _classes_last(x)
    chosen = classes.one_hot(target, x.shape[-1]) * x
    return averaged(-arrays.reduce("sum", chosen, -1), reduction)


def _one_hot(x: Traced, num_classes: Any) -> Traced:
    return classes.one_hot(x, Dim.of(getattr(num_classes, "dim", num_classes)))


def _gather(x: Traced, axis: int, index: Traced) -> Traced:
    return classes.along_rows(x, index, axis)


def _index_select(x: Traced, axis: int, index: Traced) -> Traced:
    (k,) = arrays.axes_of(x, axis)
    return classes.rows(x, index, k)


def _embedding(
    index: Traced, weight: Traced, padding_idx: int | None = None, max_norm: float | None = None,
    norm_type: float = 2.0, scale_grad_by_freq: bool = False,
) -> Traced:  # fmt: skip
    if max_norm is not None or scale_grad_by_freq:
        raise TraceError("`embedding` is followed without `max_norm` and `scale_grad_by_freq`.")
    return classes.rows(weight, index)


def _cdist(a: Traced, b: Traced, p: float = 2.0, compute_mode: Any = None) -> Traced:
    return common.distances(a, b, p)


def _masked_fill(x: Traced, mask: Traced, value: Traced) -> Traced:
    return arrays.choose(mask, value, x)


def _repeated(x: Traced, *times: Any) -> Traced:
    return parts.repeated(x, times[0] if isinstance(times[0], tuple | list) else times)


def _expanded(x: Traced, *shape: Any) -> Traced:
    sizes = shape[0] if isinstance(shape[0], tuple | list) else shape
    own = (ONE,) * (len(sizes) - x.rank) + x.shape
    return common.broadcast_to(x, [d if n == -1 else n for d, n in zip(own, sizes, strict=True)])


def _alike(*xs: Traced) -> tuple[Traced, ...]:
    """As `broadcast_tensors`."""
    shape = arrays.broadcast(*xs)
    return tuple(arrays.spread_over(x, shape) for x in xs)


def _torch_padded(x: Traced, pad: Any, mode: str = "constant", value: Traced | None = None) -> Any:
    """The widths come in pairs, the last axis first."""
    if mode != "constant":
        raise TraceError(f"`pad` is followed with mode='constant', not {mode!r}.")
    pairs = [(pad[k], pad[k + 1]) for k in range(0, len(pad), 2)]
    widths = [(0, 0)] * (x.rank - len(pairs)) + pairs[::-1]
    return parts.padded(x, widths, value or constant(0))


def _triangular_solution(
    a: Traced, b: Traced, upper: bool = False, left: bool = True, unitriangular: bool = False
) -> Traced:
    if not left or unitriangular:
        raise TraceError("`solve_triangular` is followed from the left, of a whole triangle.")
    return arrays.solve(parts.upper_triangle(a) if upper else parts.lower_triangle(a), b)


def _factored_solution(b: Traced, factor: Traced, upper: bool = False) -> Traced:
    turned = arrays.transpose(factor)
    return arrays.solve(turned @ factor if upper else factor @ turned, b)


def _convolved(
    x: Traced, weight: Traced, bias: Traced | None = None, stride: Any = 1, padding: Any = 0
) -> Traced:
    """The axes are examples, channels, places."""
    step, width = (v[0] if isinstance(v, tuple | list) else v for v in (stride, padding))
    if width == "same" and step == 1:
        width = extents.quotient(weight.shape[-1] - ONE, Dim.of(2))
    found = convolutions.correlated(x, weight, (0 if width == "valid" else width,) * 2, step)
    return found if bias is None else found + arrays.reshape(bias, (*bias.shape, ONE))


def _unfolded(x: Traced, dimension: int, size: Any, step: int) -> Traced:
    return convolutions.windows(x, size, dimension, step)


def _threshold(x: Traced, threshold: Traced, value: Traced) -> Traced:
    return arrays.choose(arrays.greater(x, threshold), x, value)


def _layer_norm(
    x: Traced,
    normalized_shape: Any,
    weight: Traced | None = None,
    bias: Traced | None = None,
    eps: float = 1e-5,
) -> Traced:
    return _standardized(x, tuple(range(-len(normalized_shape), 0)), weight, bias, eps)


def _standardized(
    x: Traced, axes: Any, weight: Traced | None, bias: Traced | None, eps: float
) -> Traced:
    """Of mean 0 and, but for `eps`, of variance 1 along axes."""
    rest = x - arrays.reduce("mean", x, axes, True)
    variance = arrays.reduce("mean", rest**2, axes, True)
    return _affine(rest / arrays.root(variance + eps), weight, bias)


def _affine(x: Traced, weight: Traced | None, bias: Traced | None) -> Traced:
    scaled = x if weight is None else x * weight
    return scaled if bias is None else scaled + bias


def _batch_norm(
    x: Traced,
    running_mean: Traced | None,
    running_var: Traced | None,
    weight: Traced | None = None,
    bias: Traced | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Traced:
    """Of rows that are examples; in training, `momentum` is of the statistics alone."""
    others = (0, *range(2, x.rank))
    weight, bias = (_of_channels(v, x) for v in (weight, bias))
    mean, var = (_of_channels(v, x) for v in (running_mean, running_var))
    if training or mean is None or var is None:
        return _standardized(x, others, weight, bias, eps)
    return _affine((x - mean) / arrays.root(var + eps), weight, bias)


def _of_channels(v: Traced | None, x: Traced) -> Traced | None:
    """One number for each place of the second axis."""
    if v is None or x.rank <= arrays.HIGHEST_RANK:
        return v
    return arrays.reshape(v, v.shape + (ONE,) * (x.rank - arrays.HIGHEST_RANK))


def _group_norm(
    x: Traced,
    num_groups: int,
    weight: Traced | None = None,
    bias: Traced | None = None,
    eps: float = 1e-5,
) -> Traced:
    if num_groups != 1:
        raise TraceError("the groups of `group_norm` are parts of a row: give them as arguments.")
    weight, bias = (_of_channels(v, x) for v in (weight, bias))
    return _standardized(x, tuple(range(1, x.rank)), weight, bias, eps)


def _long(x: Traced) -> Traced:
    return classes.numbers(x)


def _rms_norm(
    x: Traced, normalized_shape: Any, weight: Traced | None = None, eps: float | None = None
) -> Traced:
    axes = tuple(range(-len(normalized_shape), 0))
    size = arrays.reduce("mean", x**2, axes, True)
    scaled = x / arrays.root(size + (2.220446049250313e-16 if eps is None else eps))
    return scaled if weight is None else scaled * weight


def _normalize(x: Traced, p: float = 2.0, axis: int = 1, eps: float = 1e-12) -> Traced:
    """`eps` is what a smaller norm is taken for: the derivative elsewhere is without it."""
    return x / common.norm(x, p, axis, True)


def _cosine_similarity(a: Traced, b: Traced, axis: int = 1, eps: float = 1e-8) -> Traced:
    products = arrays.reduce("sum", a * b, axis)
    return products / (common.norm(a, 2, axis) * common.norm(b, 2, axis))


def _pairwise_distance(a: Traced, b: Traced, p: float = 2.0, eps: float = 1e-6) -> Traced:
    return common.norm(a - b + eps, p, -1)


def _glu(x: Traced, axis: int = -1) -> Traced:
    value, gate = parts.in_equal_parts(x, 2, axis)
    return value * arrays.mapped("sigmoid", gate)


def _attention(
    query: Traced,
    key: Traced,
    value: Traced,
    attn_mask: Traced | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
) -> Traced:
    """A mask is where one looks, or is added to the scores."""
    scores = query @ arrays.turned(key)
    root = arrays.root(arrays.count(query, -1))
    scaled = scores / root if scale is None else scores * scale
    if is_causal:
        shape = query.shape[-2], key.shape[-2]
        ones = Traced(ex.ones(*shape), shape)
        attn_mask = arrays.masked(parts.lower_triangle(ones))
    if attn_mask is not None and attn_mask.is_mask:
        scaled = arrays.choose(attn_mask, scaled, constant(-INFINITE))
    elif attn_mask is not None:
        scaled = scaled + attn_mask
    return arrays.along("softmax", _dropout(scaled, dropout_p), -1) @ value


def _dropout(x: Traced, p: float = 0.5, training: bool = True) -> Traced:
    if training and p:
        raise TraceError("dropout is random: give `training=False`, or the mask as an argument.")
    return x


# PyTorch's other names for what NumPy has.
_ALIASES = {
    **{"sub": "subtract", "mul": "multiply", "div": "divide", "neg": "negative", "t": "transpose"},
    **{"gt": "greater", "lt": "less", "ge": "greater_equal", "le": "less_equal", "mm": "matmul"},
    "bmm": "matmul",
    **{"mv": "matmul", "ger": "outer", "inverse": "inv", "view": "reshape"},
    **{"clone": "positive", "contiguous": "positive", "linalg_norm": "norm"},
    **{"double": "astype", "float": "astype", "to": "astype", "type": "astype"},
    "type_as": "astype",
    **{"tensor": "array", "as_tensor": "array", "transpose": "swapaxes"},
    **{"unsqueeze": "expand_dims"},
}
TORCH: Mapping[str, Meaning] = {
    **common.COMMON,
    **{name: common.NUMPY[numpys] for name, numpys in _ALIASES.items()},
    **{name: common.NUMPY[name] for name in ("logsumexp", "softmax", "log_softmax")},
    **{name: common.entrywise(name) for name in ("relu", "silu")},
    **{f"r{name}": common.turned(common.NUMPY[_ALIASES[name]]) for name in ("sub", "div")},
    "rpow": common.turned(common.NUMPY["power"]),
    "clamp": common.COMMON["clip"],
    "var": _torch_var,
    "std": common.rooted(_torch_var),
    "norm": _torch_norm,
    "max": _extreme("max", common.maximum),
    "min": _extreme("min", common.minimum),
    "addmm": _addmm,
    "logdet": _log_of_det,
    "permute": common.NUMPY["transpose"],
    **{"split": _split, "unbind": _unbound},
    "flatten": _flattened,
    # torch.nn.functional
    **LAYERS,
    "linear": _linear,
    "gelu": _gelu,
    "leaky_relu": _leaky_relu,
    "elu": _elu,
    "softmin": _softmin,
    "long": _long,
    "dropout": _dropout,
    "glu": _glu,
    "cross_entropy": _cross_entropy,
    "binary_cross_entropy": _binary_cross_entropy,
    "binary_cross_entropy_with_logits": _with_logits,
    "kl_div": _kl_div,
    "gaussian_nll_loss": _gaussian_nll,
    "poisson_nll_loss": _poisson_nll,
    "nll_loss": _nll_loss,
    "one_hot": _one_hot,
    "gather": _gather,
    "cdist": _cdist,
    "linspace": common.NUMPY["linspace"],
    **{"conv1d": _convolved, "unfold": _unfolded},
    "index_select": _index_select,
    "embedding": _embedding,
    "masked_fill": _masked_fill,
    "repeat": _repeated,
    **{"expand": _expanded, "broadcast_tensors": _alike},
    "pad": _torch_padded,
    "solve_triangular": _triangular_solution,
    "cholesky_solve": _factored_solution,
    "threshold": _threshold,
    "multilabel_soft_margin_loss": _with_logits,
    "triplet_margin_loss": _triplet_margin,
    "layer_norm": _layer_norm,
    "batch_norm": _batch_norm,
    "group_norm": _group_norm,
    "rms_norm": _rms_norm,
    "normalize": _normalize,
    "cosine_similarity": _cosine_similarity,
    "pairwise_distance": _pairwise_distance,
    "scaled_dot_product_attention": _attention,
}
