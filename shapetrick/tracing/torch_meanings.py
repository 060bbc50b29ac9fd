"""What PyTorch's functions mean that NumPy hasn't, or with other parameters and defaults, and the
layers and losses of `torch.nn.functional`: each function here without `_` in front is its function
of that name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..core import expr as ex
from ..core.dims import ONE, Dim
from ..core.errors import TraceError
from ..core.named_tuples import NamedTuple
from ..language.syntax.constants import INFINITE
from . import arrays, class_labels, convolutions, extents, indexing
from . import meanings as common
from .array_terms import HIGHEST_RANK
from .arrays import Traced, constant
from .axis_functions import along, axes_of, count, of_square, reduce, solve, variance
from .meaning_kinds import Meaning, entrywise, named_in, rooted, turned
from .written_meanings import LAYERS, averaged


class Extremes(NamedTuple):
    """What PyTorch gives for the largest entries along an axis; their places aren't followed."""

    values: Traced
    indices: None = None


def var(
    x: Traced,
    axis: Any = None,
    unbiased: bool = True,
    keepdims: bool = False,
    correction: float | None = None,
) -> Traced:
    if isinstance(axis, bool):  # var(x, unbiased)
        axis, unbiased = None, axis
    by = correction if correction is not None else float(unbiased)
    return variance(x, axis, keepdims, by)


def norm(x: Traced, p: Any = "fro", axis: Any = None, keepdims: bool = False) -> Traced:
    """As torch.norm has it: of all the entries, also of a matrix."""
    flat = arrays.ravel(x) if axis is None and not keepdims and p not in ("fro", 2) else x
    return common.norm(flat, None if p == 2 and axis is None else p, axis, keepdims)


def _extreme(name: str, of_two: Meaning) -> Meaning:
    """PyTorch's max: of all entries, of two arrays, or along an axis with the places."""

    def meaning(x: Traced, axis: Any = None, keepdims: bool = False) -> Any:
        if axis is None:
            return reduce(name, x)
        if not isinstance(axis, int):
            return of_two(x, getattr(axis, "value", axis))
        return Extremes(reduce(name, x, axis, keepdims))

    return meaning


def addmm(x: Traced, a: Traced, b: Traced, beta: float = 1, alpha: float = 1) -> Traced:
    return beta * x + alpha * (a @ b)


def logdet(x: Traced) -> Traced:
    return arrays.mapped("log", of_square("det", x))


def split(x: Traced, sizes: Any, axis: Any = 0) -> tuple[Traced, ...]:
    """Parts of one size, or of those in a list."""
    (k,) = axes_of(x, axis)
    given = list(sizes) if isinstance(sizes, tuple | list) else [sizes]
    each = [Dim.of(getattr(n, "dim", n)) for n in given]
    if isinstance(sizes, tuple | list):
        return indexing.divided(x, each, axis)
    return indexing.in_equal_parts(x, extents.quotient(x.shape[k], each[0]).integer, axis)


def unbind(x: Traced, axis: int = 0) -> tuple[Traced, ...]:
    (k,) = axes_of(x, axis)
    each = indexing.in_equal_parts(x, x.shape[k].integer, k)
    return tuple(arrays.reshape(part, x.shape[:k] + x.shape[k + 1 :]) for part in each)


# --------------------------------------------------------------- PyTorch's layers and losses


def flatten(x: Traced, start_dim: int = 0, end_dim: int = -1) -> Traced:
    first, last = start_dim % max(x.rank, 1), end_dim % max(x.rank, 1)
    within = arrays.size(x.shape[first : last + 1])
    return arrays.reshape(x, (*x.shape[:first], within, *x.shape[last + 1 :]))


def linear(x: Traced, weight: Traced, bias: Traced | None = None) -> Traced:
    product = x @ arrays.transpose(weight)
    return product if bias is None else product + bias


def gelu(x: Traced, approximate: str = "none") -> Traced:
    if approximate == "none":
        return arrays.mapped("gelu", x)
    scale = arrays.root(2 / Traced(ex.constant("pi"), ()))
    return 0.5 * x * (1 + arrays.mapped("tanh", scale * (x + 0.044715 * x**3)))


def leaky_relu(x: Traced, negative_slope: float = 0.01) -> Traced:
    if negative_slope == 0.01:
        return arrays.mapped("leaky_relu", x)
    return arrays.mapped("relu", x) + negative_slope * common.minimum(x, constant(0))


def elu(x: Traced, alpha: float = 1.0) -> Traced:
    if alpha == 1:
        return arrays.mapped("elu", x)
    below = arrays.mapped("expm1", common.minimum(x, constant(0)))
    return arrays.mapped("relu", x) + alpha * below


def softmin(x: Traced, axis: int) -> Traced:
    return along("softmax", -x, axis)


def cross_entropy(
    x: Traced,
    target: Traced,
    weight: Traced | None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Traced:
    """With probabilities as targets: a target of classes by number has another shape."""
    x = _classes_last(x)
    if target.shape == x.shape[:-1]:
        target = class_labels.one_hot(target, x.shape[-1])
    else:
        target = _classes_last(target)
    if target.shape != x.shape or not x.rank:
        raise TraceError(
            f"the targets are numbers of classes, {extents.shape_of(x.shape[:-1])}, or one-hot, in "
            f"the shape of the logits, {extents.shape_of(x.shape)}."
        )
    if label_smoothing:
        target = (1 - label_smoothing) * target + label_smoothing / count(x, -1)
    target = target if weight is None else target * weight
    weighed = target * along("log_softmax", x, -1)
    return averaged(-reduce("sum", weighed, -1), reduction)


def _classes_last(x: Traced) -> Traced:
    """Classes are the second axis, behind the examples."""
    return x if x.rank < 3 else arrays.permuted(x, [0, *range(2, x.rank), 1])


def binary_cross_entropy_with_logits(
    x: Traced, target: Traced, weight: Traced | None = None, reduction: str = "mean",
    pos_weight: Traced | None = None,
) -> Traced:  # fmt: skip
    loss = arrays.mapped("softplus", x) - target * x
    if pos_weight is not None:
        loss = loss + (pos_weight - 1) * target * arrays.mapped("softplus", -x)
    return averaged(loss if weight is None else weight * loss, reduction)


def triplet_margin_loss(
    anchor: Traced, positive: Traced, negative: Traced, margin: float = 1.0, p: float = 2.0,
    eps: float = 1e-6, reduction: str = "mean",
) -> Traced:  # fmt: skip
    near = pairwise_distance(anchor, positive, p, eps)
    far = pairwise_distance(anchor, negative, p, eps)
    return averaged(arrays.mapped("relu", near - far + margin), reduction)


def kl_div(x: Traced, target: Traced, reduction: str = "mean", log_target: bool = False) -> Traced:
    if log_target:
        loss = arrays.mapped("exp", target) * (target - x)
    else:
        loss = target * (arrays.mapped("log", target) - x)
    if reduction == "batchmean":
        return reduce("sum", loss) / count(x, 0)
    return averaged(loss, reduction)


def gaussian_nll_loss(
    x: Traced, target: Traced, var: Traced, full: bool = False, eps: float = 1e-6,
    reduction: str = "mean",
) -> Traced:  # fmt: skip
    spread = common.maximum(var, constant(eps))
    loss = 0.5 * (arrays.mapped("log", spread) + (x - target) ** 2 / spread)
    if full:
        loss = loss + 0.9189385332046727
    return averaged(loss, reduction)


def poisson_nll_loss(
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


def nll_loss(x: Traced, target: Traced, reduction: str = "mean") -> Traced:
    x = _classes_last(x)
    chosen = class_labels.one_hot(target, x.shape[-1]) * x
    return averaged(-reduce("sum", chosen, -1), reduction)


def one_hot(x: Traced, num_classes: Any) -> Traced:
    return class_labels.one_hot(x, Dim.of(getattr(num_classes, "dim", num_classes)))


def gather(x: Traced, axis: int, index: Traced) -> Traced:
    return class_labels.along_rows(x, index, axis)


def index_select(x: Traced, axis: int, index: Traced) -> Traced:
    (k,) = axes_of(x, axis)
    return class_labels.rows(x, index, k)


def embedding(
    index: Traced, weight: Traced, padding_idx: int | None = None, max_norm: float | None = None,
    norm_type: float = 2.0, scale_grad_by_freq: bool = False,
) -> Traced:  # fmt: skip
    if max_norm is not None or scale_grad_by_freq:
        raise TraceError("`embedding` is followed without `max_norm` and `scale_grad_by_freq`.")
    return class_labels.rows(weight, index)


def cdist(a: Traced, b: Traced, p: float = 2.0, compute_mode: Any = None) -> Traced:
    return common.cdist(a, b, p)


def masked_fill(x: Traced, mask: Traced, value: Traced) -> Traced:
    return arrays.choose(mask, value, x)


def repeat(x: Traced, *times: Any) -> Traced:
    return indexing.repeated(x, times[0] if isinstance(times[0], tuple | list) else times)


def expand(x: Traced, *shape: Any) -> Traced:
    sizes = shape[0] if isinstance(shape[0], tuple | list) else shape
    own = (ONE,) * (len(sizes) - x.rank) + x.shape
    return common.broadcast_to(x, [d if n == -1 else n for d, n in zip(own, sizes, strict=True)])


def broadcast_tensors(*xs: Traced) -> tuple[Traced, ...]:
    """As `broadcast_tensors`."""
    shape = arrays.broadcast(*xs)
    return tuple(arrays.spread_over(x, shape) for x in xs)


def pad(x: Traced, pad: Any, mode: str = "constant", value: Traced | None = None) -> Any:
    """The widths come in pairs, the last axis first."""
    if mode != "constant":
        raise TraceError(f"`pad` is followed with mode='constant', not {mode!r}.")
    pairs = [(pad[k], pad[k + 1]) for k in range(0, len(pad), 2)]
    widths = [(0, 0)] * (x.rank - len(pairs)) + pairs[::-1]
    return indexing.padded(x, widths, value or constant(0))


def solve_triangular(
    a: Traced, b: Traced, upper: bool = False, left: bool = True, unitriangular: bool = False
) -> Traced:
    if not left or unitriangular:
        raise TraceError("`solve_triangular` is followed from the left, of a whole triangle.")
    return solve(indexing.upper_triangle(a) if upper else indexing.lower_triangle(a), b)


def cholesky_solve(b: Traced, factor: Traced, upper: bool = False) -> Traced:
    turned = arrays.transpose(factor)
    return solve(turned @ factor if upper else factor @ turned, b)


def _each(given: Any, count: int) -> Sequence[Any]:
    """What is said of so many axes, or of all at once."""
    listed = given if isinstance(given, tuple | list) else (given,)
    return listed * (count // len(listed))


def _pooling(name: str, spatial: int) -> Meaning:
    """A reduction in windows along so many last axes."""

    def meaning(
        x: Traced, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1
    ) -> Traced:
        widths = [indexing.dim(n) for n in _each(kernel_size, spatial)]
        zeros = [(indexing.dim(n),) * 2 for n in _each(padding, spatial)]
        steps, apart = (_each(n, spatial) for n in (stride or kernel_size, dilation))
        axes = convolutions.each_axis(steps, zeros, apart)
        return convolutions.pooled(name, x, widths, axes)

    return meaning


def _convolution(spatial: int) -> Meaning:
    """The axes are examples, channels, and so many of places."""

    def meaning(
        x: Traced, weight: Traced, bias: Traced | None = None, stride: Any = 1, padding: Any = 0,
        dilation: Any = 1, groups: Any = 1,
    ) -> Traced:  # fmt: skip
        steps, pads, apart = (_each(n, spatial) for n in (stride, padding, dilation))
        zeros = []
        for width, pad, k in zip(weight.shape[-spatial:], pads, apart, strict=True):
            same = pad == "same" and extents.quotient((width - ONE) * Dim.of(k), Dim.of(2))
            zeros.append((same or indexing.dim(0 if pad == "valid" else pad),) * 2)
        axes = convolutions.each_axis(steps, zeros, apart)
        found = convolutions.correlated(x, weight, axes, indexing.dim(groups))
        if bias is None:
            return found
        return found + arrays.reshape(bias, (*bias.shape, *(ONE for _ in axes)))

    return meaning


def unfold(x: Traced, dimension: int, size: Any, step: int) -> Traced:
    return convolutions.windows(x, size, dimension, step)


def threshold(x: Traced, threshold: Traced, value: Traced) -> Traced:
    return arrays.choose(arrays.greater(x, threshold), x, value)


def layer_norm(
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
    rest = x - reduce("mean", x, axes, True)
    variance = reduce("mean", rest**2, axes, True)
    return _affine(rest / arrays.root(variance + eps), weight, bias)


def _affine(x: Traced, weight: Traced | None, bias: Traced | None) -> Traced:
    scaled = x if weight is None else x * weight
    return scaled if bias is None else scaled + bias


def batch_norm(
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
    if v is None or x.rank <= HIGHEST_RANK:
        return v
    return arrays.reshape(v, v.shape + (ONE,) * (x.rank - HIGHEST_RANK))


def group_norm(
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


def long(x: Traced) -> Traced:
    return class_labels.numbers(x)


def rms_norm(
    x: Traced, normalized_shape: Any, weight: Traced | None = None, eps: float | None = None
) -> Traced:
    axes = tuple(range(-len(normalized_shape), 0))
    size = reduce("mean", x**2, axes, True)
    scaled = x / arrays.root(size + (2.220446049250313e-16 if eps is None else eps))
    return scaled if weight is None else scaled * weight


def normalize(x: Traced, p: float = 2.0, axis: int = 1, eps: float = 1e-12) -> Traced:
    """`eps` is what a smaller norm is taken for: the derivative elsewhere is without it."""
    return x / common.norm(x, p, axis, True)


def cosine_similarity(a: Traced, b: Traced, axis: int = 1, eps: float = 1e-8) -> Traced:
    products = reduce("sum", a * b, axis)
    return products / (common.norm(a, 2, axis) * common.norm(b, 2, axis))


def pairwise_distance(a: Traced, b: Traced, p: float = 2.0, eps: float = 1e-6) -> Traced:
    return common.norm(a - b + eps, p, -1)


def glu(x: Traced, axis: int = -1) -> Traced:
    value, gate = indexing.in_equal_parts(x, 2, axis)
    return value * arrays.mapped("sigmoid", gate)


def scaled_dot_product_attention(
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
    root = arrays.root(count(query, -1))
    scaled = scores / root if scale is None else scores * scale
    if is_causal:
        shape = query.shape[-2], key.shape[-2]
        ones = Traced(ex.ones(*shape), shape)
        attn_mask = arrays.masked(indexing.lower_triangle(ones))
    if attn_mask is not None and attn_mask.is_mask:
        scaled = arrays.choose(attn_mask, scaled, constant(-INFINITE))
    elif attn_mask is not None:
        scaled = scaled + attn_mask
    return along("softmax", dropout(scaled, dropout_p), -1) @ value


def dropout(x: Traced, p: float = 0.5, training: bool = True) -> Traced:
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
    **{name: entrywise(name) for name in ("relu", "silu")},
    **{f"r{name}": turned(common.NUMPY[_ALIASES[name]]) for name in ("sub", "div")},
    "rpow": turned(common.NUMPY["power"]),
    "clamp": common.COMMON["clip"],
    "std": rooted(var),
    "max": _extreme("max", common.maximum),
    "min": _extreme("min", common.minimum),
    "permute": common.NUMPY["transpose"],
    **LAYERS,
    **named_in(globals()),
    "linspace": common.NUMPY["linspace"],
    **{f"conv{n}d": _convolution(n) for n in (1, 2, 3)},
    **{f"avg_pool{n}d": _pooling("mean", n) for n in (1, 2, 3)},
    **{f"max_pool{n}d": _pooling("max", n) for n in (1, 2, 3)},
    "multilabel_soft_margin_loss": binary_cross_entropy_with_logits,
}
