"""The operation table: one row per function, holding its *scalar* derivative and nothing more of
calculus.

A derivative is text in our own language: of the argument `x` (of two arguments, `a` and `b`), of
the value `y`, and of `k`, the number of entries that were averaged. Everything is read as a
scalar; which transposes, products and sums make the shapes fit is not written here but searched
(`derivation/arrangements.py`).

A signature names the sides of the arguments and of the value by letters; a letter that occurs
twice is one dimension, `n*m` is a fused one. The units of `linear` rows follow from the signature
(a letter that occurs only on the left is summed, and cancels), `equal` operands have one unit,
`inverse` swaps and negates them, and the value of an `elementwise` row has units of its own.

A definition is the value as text in our own language, of the letters of the derivative and with
`{axis}` where an axis goes. What a target has no spelling for is written by it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from math import prod
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from .dims import ONE, SCALAR, Dim, Shape, broadcast, shape_text
from .errors import CallError, InputError, ShapeError
from .named_tuples import NamedTuple
from .records import dataclass

Array = NDArray[Any]
Letters = tuple[str, ...]
SignatureSide = tuple[Letters, Letters]
Units = Literal["linear", "equal", "inverse", "elementwise", "unknown"]
SAME = 1e-13  # relative: values that differ by less are equal but for rounding


class Shaped(Protocol):
    """Anything that has a shape; expressions, and what tests put in their place."""

    @property
    def shape(self) -> Shape: ...


class Signature(NamedTuple):
    """The sides of the arguments and of the value, each a tuple of letters: `()` is 1, two are
    fused."""

    args: tuple[SignatureSide, ...]
    value: SignatureSide

    @property
    def letters(self) -> tuple[str, ...]:
        sides = [*self.args, self.value]
        return tuple(dict.fromkeys(c for side in sides for letters in side for c in letters))

    @property
    def sums(self) -> bool:
        """Whether a letter occurs only on the left: of a linear row, the entries are added."""
        return any(c not in _letters(self.value) for side in self.args for c in _letters(side))

    @property
    def merges(self) -> bool:
        """Whether a letter occurs more often on the left: it stands for a diagonal."""
        value, args = _letters(self.value), [c for side in self.args for c in _letters(side)]
        return any(args.count(c) > value.count(c) for c in value)

    @property
    def spreads(self) -> bool:
        """Whether a letter occurs more often on the right: beside what is there stand zeros."""
        value, args = _letters(self.value), [c for side in self.args for c in _letters(side)]
        return any(value.count(c) > args.count(c) for c in value)


def _letters(side: SignatureSide) -> Letters:
    return tuple(c for letters in side for c in letters)


@dataclass(frozen=True, slots=True, eq=False)
class Function:
    """A row: what a function is called, its value (NumPy, batched over leading axes; data last),
    its scalar derivative by each argument, its signatures by axis, the law of its units, from
    where its argument is drawn in tests, its LaTeX (a sign, or a template with
    `#1`), and the branch that each entry takes where it has kinks.

    Of a user's row with a domain, `ranges` are the parts of it from which arguments are drawn.

    Of the entries of its value: what they lie between, whether they are never 0, whether they grow
    with those of the arguments, whether they are above or below these, and whether each is one of
    these; of a linear row, whether it is their mean; of a square matrix, whether it is a power
    series: then its derivative along V is in the corner of its value at `[A, V; 0, A]`.

    For other forms: its definition, and what NumPy and SymPy call it."""

    name: str
    value: Callable[..., Array]
    derivative: tuple[str, ...]
    signatures: tuple[tuple[Any, str], ...]  # (axis, signature); () for an element-wise function
    units: Units
    drawn_from: tuple[float, float]
    latex: str = ""
    aliases: tuple[str, ...] = ()
    branch: Callable[..., Array] | None = None
    vector_without_axis: bool = False  # a matrix needs an axis
    help: str = ""
    within: tuple[float, float] = (-np.inf, np.inf)
    increasing: bool = False
    beside: Literal["", "above", "below"] = ""
    ranges: tuple[tuple[float, float], ...] = ()
    never_zero: bool = False
    picks: bool = False
    averages: bool = False
    series: bool = False
    definition: str = ""
    numpy: str = ""
    sympy: str = ""

    @property
    def arity(self) -> int:
        return len(self.derivative)

    @property
    def two_sided(self) -> bool:
        """Whether its kinks are where the argument changes its sign, or where the two are equal."""
        return self.branch in (_sign, _order)

    @property
    def elementwise(self) -> bool:
        return not self.signatures

    @property
    def takes_axis(self) -> bool:
        return any(axis is not None for axis, _ in self.signatures)

    def signature_for(self, args: Sequence[Shaped], data: Any) -> tuple[Signature, dict[str, Dim]]:
        """The first signature that the arguments' shapes fit, and the letters' dimensions.

        Raises ShapeError if none fits."""
        axis = data if data in (0, 1) else None
        for wanted, text in self.signatures:
            if wanted == axis:
                signature = parse_signature(text)
                dims = _bind(signature, args, data)
                if dims is not None:
                    return signature, dims
        raise ShapeError(self._misfit(args))

    def miscounted(self, given: int, more: str = "") -> CallError:
        """The error of a call with so many arguments."""
        wanted = "1 argument" if self.arity == 1 else f"{self.arity} arguments"
        return CallError(f"`{self.name}` takes {wanted}{more}, not {given}.")

    def shape_of(self, args: Sequence[Shaped], data: Any) -> Shape:
        """The value's shape. Raises ShapeError if the arguments' shapes don't fit."""
        if len(args) != self.arity:
            raise self.miscounted(len(args))
        if self.elementwise:
            shape = broadcast(a.shape for a in args)
            if shape is None:
                raise ShapeError(self._misfit(args))
            return shape
        if self.vector_without_axis and data is None and ONE not in args[0].shape:
            raise ShapeError(
                f"`{self.name}` of a matrix ({shape_text(args[0].shape)}) needs an axis: "
                f"`axis=0` works down each column, `axis=1` along each row."
            )
        signature, dims = self.signature_for(args, data)
        rows, cols = (_side_dim(letters, dims) for letters in signature.value)
        return rows, cols

    def _misfit(self, args: Sequence[Shaped]) -> str:
        shapes = " and ".join(shape_text(a.shape) for a in args)
        if self.elementwise:
            return f"`{self.name}` of {shapes}: the shapes don't broadcast."
        wanted = " or ".join(dict.fromkeys(_describe(text) for _, text in self.signatures))
        return f"`{self.name}` takes {wanted}, not {shapes}."


def _describe(text: str) -> str:
    sides = parse_signature(text).args
    words = []
    for rows, cols in sides:
        if rows == cols and rows:
            words.append("a square matrix")
        elif not cols:
            words.append("a column")
        elif not rows:
            words.append("a row")
        else:
            words.append("a matrix")
    return " and ".join(words) + (
        " of one shape" if len(sides) == 2 and sides[0] == sides[1] else ""
    )


@cache
def parse_signature(text: str) -> Signature:
    """`r k, k c -> r c` as letters; `1` is no letter, `n*m` is two."""

    def side(words: str) -> SignatureSide:
        rows, cols = (() if w == "1" else tuple(w.split("*")) for w in words.split())
        return rows, cols

    left, right = text.split("->")
    return Signature(tuple(side(words) for words in left.split(",")), side(right))


def _bind(signature: Signature, args: Sequence[Shaped], data: Any) -> dict[str, Dim] | None:
    dims: dict[str, Dim] = {}
    if isinstance(data, tuple):
        dims.update(zip("mn", data, strict=False))
    for side, arg in zip(signature.args, args, strict=True):
        for letters, dim in zip(side, arg.shape, strict=True):
            if len(letters) == 1:
                if dims.setdefault(letters[0], dim) != dim:
                    return None
            elif _side_dim(letters, dims) != dim:
                return None
    return dims


def _side_dim(letters: Letters, dims: dict[str, Dim]) -> Dim:
    if len(letters) == 1:
        return dims[letters[0]]
    return prod((dims[letter] for letter in letters), start=ONE)


# ------------------------------------------------------------------------- values that NumPy lacks

FAR_BELOW = -1e5  # of the argument of a Hurwitz zeta
_AXES: dict[int | None, Any] = {None: (-2, -1), 0: -2, 1: -1}


def _sigmoid(x: Array) -> Array:
    small = np.exp(-np.abs(x))  # also below 0 without a loss of digits
    return np.asarray(np.where(x >= 0, 1.0, small) / (1 + small))


def _special(name: str) -> Callable[..., Array]:
    """A function of SciPy's, imported where it is used: SciPy is slow to import."""

    def value(*args: Array) -> Array:
        from scipy import special

        return np.asarray(getattr(special, name)(*args))

    return value


def _hurwitz(a: Array | float, b: Array) -> Array:
    """The Hurwitz zeta. SciPy's takes a step for each whole number below 0, and far down there the
    digits of `b` that matter are lost: nan."""
    return _special("zeta")(a, np.where(b < FAR_BELOW, np.nan, b))


def _exponentials(x: Array, axis: int | None) -> tuple[Array, Array, Array]:
    """The largest entries, how far all are below, and the sums of exp of that."""
    top = x.max(axis=_AXES[axis], keepdims=True)
    below = x - top
    return top, below, np.exp(below).sum(axis=_AXES[axis], keepdims=True)


def _logsumexp(x: Array, axis: int | None) -> Array:
    top, _, summed = _exponentials(x, axis)
    return np.asarray(top + np.log(summed))


def _softmax(x: Array, axis: int | None) -> Array:
    """Of entries that add up to 1 to rounding, however large the arguments are."""
    _, below, summed = _exponentials(x, axis)
    return np.asarray(np.exp(below) / summed)


def _log_softmax(x: Array, axis: int | None) -> Array:
    _, below, summed = _exponentials(x, axis)
    return np.asarray(below - np.log(summed))


def _extreme(name: str) -> Callable[[Array, int | None], Array]:
    return lambda x, axis: getattr(np, name)(x, axis=_AXES[axis], keepdims=True)


def _is_extreme(name: str) -> Callable[[Array, int | None], Array]:
    """1 at the extreme entry; equal ones share it, so that the entries add up to 1."""
    extreme = _extreme(name)

    def shares(x: Array, axis: int | None) -> Array:
        found = np.where(x == extreme(x, axis), 1.0, 0.0)
        return np.asarray(found / found.sum(axis=_AXES[axis], keepdims=True))

    return shares


def _near_extreme(name: str) -> Callable[[Array, int | None], Array]:
    """Which entries are extreme, but for rounding."""
    extreme = _extreme(name)
    return lambda x, axis: _differ(x, extreme(x, axis)) == 0


def _differ(a: Array, b: Array) -> Array:
    """The sign of a - b; 0 also where they are equal but for rounding."""
    apart = np.abs(a - b) > SAME * np.maximum(np.abs(a), np.abs(b))
    return np.asarray(np.where(apart, np.sign(a - b), 0.0))


def _diag(x: Array, _: Any = None) -> Array:
    if 1 in x.shape[-2:]:
        column = x if x.shape[-1] == 1 else x.swapaxes(-1, -2)
        return np.asarray(column * np.eye(column.shape[-2]))
    return np.diagonal(x, axis1=-2, axis2=-1)[..., None]


def _vec(x: Array, _: Any = None) -> Array:
    return x.swapaxes(-1, -2).reshape(*x.shape[:-2], -1, 1)


def _unvec(v: Array, sizes: tuple[int, int]) -> Array:
    return v.reshape(*v.shape[:-2], sizes[1], sizes[0]).swapaxes(-1, -2)


def _kron(a: Array, b: Array, _: Any = None) -> Array:
    blocks = a[..., :, None, :, None] * b[..., None, :, None, :]
    rows, cols = a.shape[-2] * b.shape[-2], a.shape[-1] * b.shape[-1]
    return np.asarray(blocks.reshape(*blocks.shape[:-4], rows, cols))


def _scalar(x: Any) -> Array:
    return np.asarray(x)[..., None, None]


def _expm(x: Array, _: Any = None) -> Array:
    from scipy import linalg

    if x.dtype == np.longdouble:
        raise TypeError("SciPy has no exponential of a matrix in extended precision")
    finite = np.isfinite(x).all(axis=(-1, -2), keepdims=True)
    return np.where(finite, linalg.expm(np.where(finite, x, 0.0)), np.nan)


def _adjugate(x: Array, _: Any = None) -> Array:
    finite = np.isfinite(x).all(axis=(-1, -2), keepdims=True)
    left, values, right = np.linalg.svd(np.where(finite, x, 0.0))  # of a singular matrix, too
    others = np.where(np.eye(x.shape[-1], dtype=bool), 1.0, values[..., None, :]).prod(axis=-1)
    turned = _scalar(np.linalg.det(left) * np.linalg.det(right)) * others[..., None, :]
    return np.where(finite, (right.swapaxes(-1, -2) * turned) @ left.swapaxes(-1, -2), np.nan)


def _total(x: Array, axis: int | None = None) -> Array:
    return np.asarray(x.sum(axis=_AXES[axis], keepdims=True))


def _norm(x: Array, _: Any = None) -> Array:
    return np.asarray(np.sqrt(_total(x * x)))


def _ignoring_data(f: Callable[..., Array]) -> Callable[..., Array]:
    return lambda *args: f(*args[:-1])


# ----------------------------------------------------------------------------------- the rows


def _elementwise(
    name: str,
    value: Callable[..., Array],
    derivative: str | tuple[str, ...],
    drawn_from: tuple[float, float],
    latex: str = "",
    aliases: tuple[str, ...] = (),
    branch: Callable[..., Array] | None = None,
    help: str = "of every entry",
    **known: Any,
) -> Function:
    texts = (derivative,) if isinstance(derivative, str) else derivative
    known.setdefault("numpy", value.__name__ if isinstance(value, np.ufunc) else "")
    known.setdefault("sympy", "" if "definition" in known else name)
    return Function(
        name, _ignoring_data(value), texts, (), "elementwise", drawn_from, latex, aliases, branch,
        help=help, **known,
    )  # fmt: skip


def _sign(x: Array, *_: Any) -> Array:
    return np.asarray(np.sign(x))


def _order(a: Array, b: Array, *_: Any) -> Array:
    return _differ(a, b)


_SUM = ((None, "r c -> 1 1"), (0, "r c -> 1 c"), (1, "r c -> r 1"))
_KEEP = ((None, "r c -> r c"), (0, "r c -> r c"), (1, "r c -> r c"))
_ANY = (-2.0, 2.0)
_POSITIVE, _NEGATIVE, _UNIT, _WAVE = (0.0, np.inf), (-np.inf, 0.0), (0.0, 1.0), (-1.0, 1.0)

_ROWS = [
    # element-wise      value        derivative    drawn from    LaTeX
    _elementwise("exp", np.exp, "y", _ANY, r"\exp", increasing=True, beside="above",
                 within=_POSITIVE, never_zero=True),
    _elementwise("log", np.log, "1 ./ x", (0.2, 3), r"\log", ("ln",), increasing=True),
    _elementwise("log2", np.log2, "1 ./ (log(2) x)", (0.2, 3), r"\log_2", increasing=True,
                 definition="log(x) / log(2)"),
    _elementwise("log10", np.log10, "1 ./ (log(10) x)", (0.2, 3), r"\log_{10}", increasing=True,
                 definition="log(x) / log(10)"),
    _elementwise("log1p", np.log1p, "1 ./ (1 + x)", (-0.8, 3), increasing=True,
                 definition="log(1 + x)"),
    _elementwise("expm1", np.expm1, "y + 1", _ANY, increasing=True, beside="above",
                 definition="exp(x) - 1"),
    _elementwise("sqrt", np.sqrt, "1 ./ (2 y)", (0.2, 3), r"\sqrt{#1}", increasing=True,
                 within=_POSITIVE),
    _elementwise("square", np.square, "2 x", _ANY, within=_POSITIVE, definition="x.^2"),
    _elementwise("abs", np.abs, "sign(x)", _ANY, branch=_sign, within=_POSITIVE, beside="above",
                 sympy="Abs"),
    _elementwise("sign", np.sign, "0", _ANY, branch=_sign, increasing=True),
    _elementwise("sin", np.sin, "cos(x)", _ANY, r"\sin", within=_WAVE),
    _elementwise("cos", np.cos, "-sin(x)", _ANY, r"\cos", within=_WAVE),
    _elementwise("tan", np.tan, "1 + y.^2", (-1.2, 1.2), r"\tan"),
    _elementwise("asin", np.arcsin, "1 ./ sqrt(1 - x.^2)", (-0.9, 0.9), r"\arcsin", ("arcsin",),
                 increasing=True),
    _elementwise("acos", np.arccos, "-1 ./ sqrt(1 - x.^2)", (-0.9, 0.9), r"\arccos", ("arccos",),
                 within=_POSITIVE),
    _elementwise("atan", np.arctan, "1 ./ (1 + x.^2)", _ANY, r"\arctan", ("arctan",),
                 increasing=True),
    _elementwise("sinh", np.sinh, "cosh(x)", _ANY, r"\sinh", increasing=True),
    _elementwise("cosh", np.cosh, "sinh(x)", _ANY, r"\cosh", within=(1.0, np.inf), never_zero=True),
    _elementwise("asinh", np.arcsinh, "1 ./ sqrt(x.^2 + 1)", _ANY, aliases=("arcsinh",),
                 increasing=True),
    _elementwise("acosh", np.arccosh, "1 ./ sqrt(x.^2 - 1)", (1.2, 4), aliases=("arccosh",),
                 increasing=True, within=_POSITIVE),
    _elementwise("atanh", np.arctanh, "1 ./ (1 - x.^2)", (-0.8, 0.8), aliases=("arctanh",),
                 increasing=True),
    _elementwise("tanh", np.tanh, "1 - y.^2", _ANY, r"\tanh", increasing=True),
    _elementwise("sigmoid", _sigmoid, "y .* (1 - y)", _ANY, aliases=("logistic",), increasing=True,
                 within=_UNIT, never_zero=True, definition="1 ./ (1 + exp(-x))"),
    _elementwise("softplus", lambda x: np.logaddexp(0, x), "sigmoid(x)", _ANY,
                 increasing=True, beside="above", within=_POSITIVE, never_zero=True,
                 definition="log(1 + exp(x))"),
    _elementwise("relu", lambda x: np.maximum(x, 0), "step(y)", _ANY, branch=_sign,
                 increasing=True, beside="above", within=_POSITIVE, definition="maximum(x, 0)"),
    _elementwise(
        "leaky_relu", lambda x: np.maximum(x, 0) + 0.01 * np.minimum(x, 0),
        "leaky_step(x)", _ANY, branch=_sign, help="relu with slope 0.01 below 0",
        increasing=True, definition="maximum(x, 0) + minimum(x, 0) / 100",
    ),
    _elementwise(
        "elu", lambda x: np.maximum(x, 0) + np.expm1(np.minimum(x, 0)), "1 + minimum(y, 0)", _ANY,
        branch=_sign, help="x above 0, exp(x) - 1 below",
        increasing=True, beside="above", definition="maximum(x, 0) + exp(minimum(x, 0)) - 1",
    ),
    _elementwise(
        "gelu", lambda x: x * _special("ndtr")(x),
        "(1 + erf(x / sqrt(2))) / 2 + x .* exp(-x.^2 / 2) / sqrt(2 pi)", _ANY,
        help="x Φ(x), the form with erf",
        within=(-0.17, np.inf), definition="x .* (1 + erf(x / sqrt(2))) / 2",
    ),
    _elementwise(
        "silu", lambda x: x * _sigmoid(x), "sigmoid(x) .* (1 + x .* (1 - sigmoid(x)))", _ANY,
        help="x sigmoid(x)",
        within=(-0.28, np.inf), definition="x ./ (1 + exp(-x))",
    ),
    _elementwise("erf", _special("erf"), "2 exp(-x.^2) / sqrt(pi)", _ANY, increasing=True),
    _elementwise("erfc", _special("erfc"), "-2 exp(-x.^2) / sqrt(pi)", _ANY, within=(0.0, 2.0),
                 never_zero=True, help="1 - erf(x)"),
    _elementwise("lgamma", _special("gammaln"), "digamma(x)", (0.3, 4), r"\log\Gamma",
                 aliases=("gammaln",), help="log of the gamma function, of positive entries",
                 sympy="loggamma"),
    _elementwise("digamma", _special("digamma"), "trigamma(x)", (0.3, 4), r"\psi",
                 increasing=True, help="derivative of lgamma"),
    _elementwise("trigamma", lambda x: _hurwitz(2.0, x), "-2 hurwitz(3, x)", (0.3, 4),
                 r"\psi_1", within=_POSITIVE, never_zero=True, help="derivative of digamma"),
    _elementwise("hurwitz", _hurwitz, ("", "-a .* hurwitz(a + 1, b)"), (1.5, 4), r"\zeta",
                 within=_POSITIVE, never_zero=True,
                 help="Hurwitz zeta, the sum of (b + k)^-a over k from 0 on", sympy="zeta"),
    _elementwise(
        "step", lambda x: (x > 0).astype(float), "0", _ANY, branch=_sign,
        help="1 where the entry is positive, else 0: relu's derivative",
        increasing=True, within=_UNIT,
    ),
    _elementwise(
        "leaky_step", lambda x: np.where(x > 0, 1.0, 0.01), "0", _ANY, branch=_sign,
        help="1 where positive, else 0.01: leaky_relu's derivative",
        increasing=True, within=_UNIT, never_zero=True, definition="0.99 step(x) + 0.01",
    ),
    _elementwise(
        "maximum", np.maximum, ("step(a - b)", "step(b - a)"), _ANY, r"\max", branch=_order,
        help="the larger of two, entry by entry",
        increasing=True, beside="above", picks=True, sympy="Max",
    ),
    _elementwise(
        "minimum", np.minimum, ("step(b - a)", "step(a - b)"), _ANY, r"\min", branch=_order,
        help="the smaller of two, entry by entry",
        increasing=True, beside="below", picks=True, sympy="Min",
    ),
    _elementwise("hypot", np.hypot, ("a ./ y", "b ./ y"), (0.2, 2), within=_POSITIVE,
                 help="sqrt(a.^2 + b.^2)", definition="sqrt(a.^2 + b.^2)"),
    _elementwise("atan2", np.arctan2, ("b ./ (a.^2 + b.^2)", "-a ./ (a.^2 + b.^2)"), (0.2, 2),
                 aliases=("arctan2",), help="the angle of the point (b, a)"),
    _elementwise(
        "power", np.power, ("b .* a.^(b - 1)", "y .* log(a)"), (0.3, 2), help="A .^ p, and x^2"
    ),
    # operators         a, b are the operands
    Function("add", lambda *a: sum(a[1:-1], a[0]), ("1", "1"), (), "equal", _ANY, help="A + B"),
    Function("times", lambda *a: _product(a[:-1]), ("b", "a"), (), "linear", _ANY,
             help="A .* B, A / s, s A"),
    Function("matmul", lambda *a: _chain(a[:-1]), ("b", "a"), ((None, "r k, k c -> r c"),),
             "linear", _ANY, help="A B"),
    Function("transpose", lambda x, _: x.swapaxes(-1, -2), ("1",), ((None, "r c -> c r"),),
             "linear", _ANY, help="A'"),
    # of a square matrix
    Function("tr", lambda x, _: np.trace(x, axis1=-2, axis2=-1)[..., None, None], ("1",),
             ((None, "n n -> 1 1"),), "linear", _ANY, aliases=("trace", "Tr"), help="trace"),
    Function("det", lambda x, _: _scalar(np.linalg.det(x)), ("y inv(x)",),
             ((None, "n n -> 1 1"),), "inverse", _ANY, r"\det", help="determinant"),
    Function("logdet", lambda x, _: _scalar(np.linalg.slogdet(x)[1]), ("inv(x)",),
             ((None, "n n -> 1 1"),), "inverse", _ANY, r"\log\left|\det(#1)\right|",
             branch=lambda x, _: np.linalg.slogdet(x)[0][..., None, None],
             help="log of the absolute value of the determinant", definition="log(abs(det(x)))"),
    Function("inv", lambda x, _: np.linalg.inv(x), ("-y y",), ((None, "n n -> n n"),),
             "inverse", _ANY, "#1^{-1}", help="inverse, A^-1"),
    Function("adj", _adjugate, ("y inv(x) - y inv(x)",), ((None, "n n -> n n"),),
             "inverse", _ANY, help="adjugate, det(A) inv(A)", definition="det(x) inv(x)"),
    Function("expm", _expm, ("y",), ((None, "n n -> n n"),), "unknown", (-1, 1), series=True,
             help="the exponential of a matrix, I + A + A^2 / 2 + …"),
    # shape
    Function("diag", _diag, ("1",),
             ((None, "n 1 -> n n"), (None, "1 n -> n n"), (None, "n n -> n 1")), "linear", _ANY,
             help="diagonal matrix of a vector; diagonal of a matrix as a column"),
    Function("vec", _vec, ("1",), ((None, "m n -> n*m 1"),), "linear", _ANY,
             help="the columns below each other"),
    Function("unvec", _unvec, ("1",), ((None, "n*m 1 -> m n"),), "linear", _ANY,
             help="unvec(v, m, n): the m×n matrix X with vec(X) = v"),
    Function("kron", _kron, ("b", "a"), ((None, "m n, p q -> m*p n*q"),), "linear", _ANY,
             r"#1 \otimes #2", help="Kronecker product, A ⊗ B"),
    # reductions
    Function("sum", _total, ("1",), _SUM, "linear", _ANY, help="of all entries, or along an axis"),
    Function("mean", lambda x, axis: x.mean(axis=_AXES[axis], keepdims=True), ("1 / k",), _SUM,
             "linear", _ANY, help="of all entries, or along an axis",
             averages=True, definition="sum(x{axis}) / k"),
    Function("prod", lambda x, axis: x.prod(axis=_AXES[axis], keepdims=True), ("y ./ x",), _SUM,
             "elementwise", (0.4, 1.6), r"\prod", help="product of the entries",
             sympy=""),
    Function("max", _extreme("max"), ("ismax(x)",), _SUM, "elementwise", _ANY,
             branch=_near_extreme("max"), help="largest entry, of all or along an axis",
             increasing=True, beside="above", picks=True),
    Function("min", _extreme("min"), ("ismin(x)",), _SUM, "elementwise", _ANY,
             branch=_near_extreme("min"), help="smallest entry, of all or along an axis",
             increasing=True, beside="below", picks=True),
    Function("ismax", _is_extreme("max"), ("0",), _KEEP, "elementwise", _ANY,
             branch=_near_extreme("max"), within=_UNIT,
             help="1 at the largest entry, shared by equals: max's derivative"),
    Function("ismin", _is_extreme("min"), ("0",), _KEEP, "elementwise", _ANY,
             branch=_near_extreme("min"), within=_UNIT,
             help="1 at the smallest entry, shared by equals: min's derivative"),
    Function("norm", _norm, ("x / y",), ((None, "r c -> 1 1"),), "elementwise", _ANY,
             r"\left\|#1\right\|", aliases=("norm2",), help="Euclidean or Frobenius norm",
             within=_POSITIVE, definition="sqrt(tr(x' x))"),
    Function("norm1", lambda x, _: _total(np.abs(x)), ("sign(x)",), ((None, "r c -> 1 1"),),
             "elementwise", _ANY, r"\left\|#1\right\|_1", branch=_sign,
             help="sum of the absolute values", within=_POSITIVE, definition="sum(abs(x))"),
    Function("dot", lambda a, b, _: _total(a * b), ("b", "a"), ((None, "r c, r c -> 1 1"),),
             "linear", _ANY, r"\left\langle #1, #2\right\rangle",
             help="sum of the products of the entries", definition="tr(a' b)"),
    Function("logsumexp", _logsumexp, ("softmax(x)",), _SUM, "elementwise", _ANY,
             vector_without_axis=True, help="log(sum(exp(A)))",
             definition="log(sum(exp(x){axis}))"),
    Function("softmax", _softmax, ("y - y y",), _KEEP,
             "elementwise", _ANY, vector_without_axis=True, help="exp(A) over its sum",
             within=_UNIT, never_zero=True, definition="exp(x) ./ sum(exp(x){axis})"),
    Function("log_softmax", _log_softmax, ("1 - softmax(x)",), _KEEP,
             "elementwise", _ANY, vector_without_axis=True, help="log of softmax",
             within=_NEGATIVE, definition="x - log(sum(exp(x){axis}))"),
]  # fmt: skip


def _product(factors: Sequence[Array]) -> Array:
    total = factors[0]
    for factor in factors[1:]:
        total = total * factor
    return total


def _chain(factors: Sequence[Array]) -> Array:
    """The product of a chain, from the end at which a vector makes it cheap."""
    if factors[-1].shape[-1] == 1 and factors[0].shape[-2] != 1:
        total = factors[-1]
        for factor in reversed(factors[:-1]):
            total = factor @ total
        return total
    total = factors[0]
    for factor in factors[1:]:
        total = total @ factor
    return total


TABLE: dict[str, Function] = {row.name: row for row in _ROWS}
NAMES: dict[str, str] = {n: row.name for row in _ROWS for n in (row.name, *row.aliases)}
OPERATORS = frozenset({"add", "times", "matmul", "power"})  # rows that are written as operators


def register(row: Function) -> None:
    """Add a user's row, or replace one. Raises InputError for a name that the language has."""
    if row.name in NAMES and row.name in {r.name for r in _ROWS} | {
        a for r in _ROWS for a in r.aliases
    }:
        raise InputError(f"`{row.name}` is a function of the language: choose another name.")
    TABLE[row.name] = row
    NAMES[row.name] = row.name


assert len(NAMES) == sum(1 + len(row.aliases) for row in _ROWS), "a name or alias occurs twice"
assert SCALAR == (ONE, ONE)
