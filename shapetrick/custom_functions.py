"""The user's own row of the operation table: a value, a scalar derivative, and that is all.

The rule is searched for when the function is first derived, as for a function of the language
(`derivation/vjp_rules.py`); a derivative that no arrangement fits to the values is refused there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, get_args

import numpy as np

from .builders import applied, checked_name
from .core import functions
from .core.dims import SCALAR
from .core.errors import InputError, NameProblem, OperandError, ShapetrickError
from .core.expr import IDENTITY, KINDS, Expr, symbol
from .core.functions import TABLE, Array, Function
from .core.problem import RequestKind
from .core.traversal import postorder
from .derivation import vjp_rules as rules
from .language.expressions import parse_scalar
from .language.shapes.structured_calls import CALLS
from .language.shapes.words import vocabulary
from .language.syntax.constants import CONSTANTS, SIZED, UNSIZED
from .language.syntax.tree import UPSTREAM
from .numerics.evaluation import EvaluationTape

LETTERS = {1: ("x",), 2: ("a", "b")}  # a derivative's names for the arguments
RESERVED = frozenset(
    (
        *KINDS,
        *CALLS,
        *SIZED,
        *UNSIZED,
        *CONSTANTS,
        *get_args(RequestKind),
        *"abkxy",
        UPSTREAM,
        IDENTITY,
        "check",
    )
)
# From where arguments are drawn: the first range in which the function is finite.
RANGES = ((-2.0, 2.0), (0.2, 2.0), (-0.9, 0.9), (0.1, 0.9), (1.2, 3.0))
LONGEST = 4.0
WIDE, SQUARE = (3, 2), (3, 3)

NumpyFunction = Callable[..., Array]
Interval = tuple[float, float]


def function(
    name: str,
    *,
    numpy: Callable[..., Any],
    derivative: str | Sequence[str],
    shape: tuple[str, str] | None = None,
    domain: Interval | Sequence[Interval] | None = None,
) -> Callable[..., Expr]:
    """Adds a function to the language, or replaces one that was added; returns it as a function.

    Without `shape` it is element-wise: `numpy` is called on whole arrays, and `derivative` is that
    of a scalar function, of the argument `x` and the value `y` (of two arguments: one by `a`, one
    by `b`). With `shape`, such as `("c", "c")` in terms of an r×c argument, `numpy` is called on
    one matrix at a time, and `derivative` is what it would be of scalars: `"x + x"` for `A.T @ A`.

    `domain` says between what the entries of its arguments lie, such as `(0, inf)`, or, of a
    function with poles, the intervals between these, `[(-1, 0), (0, inf)]`: outside, it has no
    value in a check, and its derivative is compared inside each of them. Without it, the function
    is looked at where its values are finite.

    >>> cauchy = st.function("cauchy", numpy=lambda x: 1 / (1 + x * x), derivative="-2 x .* y.^2")
    >>> st.derive("x: n; J = sum(cauchy(x)); grad J wrt x").gradient
    -2 x .* cauchy(x).^2


    Raises InputError."""
    texts = tuple(derivative) if isinstance(derivative, (list, tuple)) else (derivative,)
    if other := [text for text in (name, *texts) if not isinstance(text, str)]:
        raise OperandError(f"a name and a derivative, '1 - y.^2', are texts, not {other[0]!r}.")
    if name in RESERVED:
        raise NameProblem(f"`{name}` has a meaning in the language: choose another name.")
    checked_name(name)
    derivatives = _read(name, texts, shape)
    intervals = _intervals(name, domain)
    value = _elementwise(name, numpy) if shape is None else _of_matrix(name, numpy, shape)
    square = shape is not None and _needs_square(name, numpy, intervals)
    if intervals:
        value = _inside(value, intervals, len(texts))
    shaped = SQUARE if square else WIDE
    ranges = _ranges_inside(name, value, len(texts), shaped, intervals)
    drawn_from = ranges[0] if ranges else _drawn_from(value, len(texts), shaped)
    if shape is None:
        _check_entries(name, value, len(texts), drawn_from)
    replaced = name in TABLE
    functions.register(
        Function(
            name=name,
            value=value,
            derivative=texts,
            signatures=_signature(shape or (), square),
            units="unknown" if shape else "elementwise",
            drawn_from=drawn_from,
            branch=_branch(value, len(texts), derivatives, intervals),
            help="the user's own",
            ranges=ranges,
        )
    )
    vocabulary.cache_clear()
    if replaced:
        rules.forget()
    return applied(name)


# ------------------------------------------------------------------------------------ what is given


def _read(name: str, texts: Sequence[str], shape: Any) -> list[Expr]:
    """The derivatives. Raises InputError."""
    if len(texts) not in LETTERS or (shape is not None and len(texts) != 1):
        raise InputError(
            f"`{name}`: a function of entries has one or two arguments, a function of matrices "
            "one, and a derivative by each."
        )
    letters = (*LETTERS[len(texts)], "y")
    names = {c: symbol(c, SCALAR) for c in letters}
    derivatives = []
    for text in texts:
        try:
            derivatives.append(parse_scalar(text, names))
            if not derivatives[-1].is_scalar:
                raise InputError("it is not a scalar.")
        except InputError as error:
            raise InputError(
                f"the derivative of `{name}`, `{text}`: {error.message} It is written as of "
                f"scalars, in {', '.join(letters[:-1])} (given) and y (the value)."
            ) from None
    return derivatives


def _signature(shape: Sequence[str], square: bool) -> tuple[tuple[None, str], ...]:
    if not shape:
        return ()
    text = f"r c -> {' '.join(shape)}"
    return ((None, text.replace("r", "n").replace("c", "n") if square else text),)


def _intervals(name: str, domain: Any) -> tuple[Interval, ...]:
    """The intervals of the domain, none if it isn't given. Raises InputError."""
    if domain is None:
        return ()
    try:
        ends = np.array(domain, dtype=float).reshape(-1, 2)
    except (TypeError, ValueError):
        ends = np.full((1, 2), np.nan)
    rising = (ends[:, 0] < ends[:, 1]).all() and (ends[:-1, 1] <= ends[1:, 0]).all()
    if not len(ends) or not rising:  # of NaN, nothing is true
        raise InputError(
            f"`{name}`: `domain` is an interval such as `(0, inf)`, or several in rising order, "
            f"`[(-inf, 0), (0, inf)]`, between which the poles are; not {domain!r}."
        )
    return tuple((float(low), float(high)) for low, high in ends)


# ------------------------------------------------------------------------------------- its values


def _inside(value: NumpyFunction, intervals: Sequence[Interval], arity: int) -> NumpyFunction:
    """The value, and none outside the domain."""

    def inside(*args: Any) -> Array:
        def limited(x: Array) -> Array:
            return np.where(_places(x, intervals) >= 0, x, np.nan)

        return value(*map(limited, args[:arity]), *args[arity:])

    return inside


def _places(x: Array, intervals: Sequence[Interval]) -> Array:
    """In which of the intervals each entry is; -1 outside."""
    found = np.full(x.shape, -1)
    for i, (low, high) in enumerate(intervals):
        found[(x >= low) & (x <= high)] = i
    return found


def _elementwise(name: str, numpy: Callable[..., Any]) -> NumpyFunction:
    def value(*args: Any) -> Array:
        arrays = args[:-1]  # the last is an axis, for functions that take one
        y = _called(name, numpy, arrays)
        expected = np.broadcast_shapes(*(x.shape for x in arrays))
        if y.shape != expected:
            raise InputError(
                f"`{name}` of {_shapes(arrays)} has a value of shape {y.shape}: without `shape=` "
                "it is element-wise, and called on whole arrays."
            )
        return y

    return value


def _of_matrix(name: str, numpy: Callable[..., Any], shape: tuple[str, str]) -> NumpyFunction:
    if len(shape) != 2 or not set(shape) <= {"r", "c", "1"}:
        raise InputError(
            f"`{name}`: `shape` is that of the value for an r×c argument, a pair of 'r', 'c', '1'."
        )

    def value(x: Array, _: Any) -> Array:
        sizes = dict(zip("rc1", (*x.shape[-2:], 1), strict=True))
        expected = sizes[shape[0]], sizes[shape[1]]
        matrices = x.reshape(-1, *x.shape[-2:])
        values = np.empty((len(matrices), *expected))
        for matrix, place in zip(matrices, values, strict=True):
            try:
                y = _called(name, numpy, (matrix,))
            except np.linalg.LinAlgError:  # outside of its domain
                y = np.full(expected, np.nan)
            if y.shape != expected and (y.ndim == 2 or y.size != place.size):
                raise InputError(
                    f"`{name}` of {_shapes((matrix,))} has a value of shape {y.shape}, and "
                    f"`shape=` says {expected}."
                )
            place[...] = y.reshape(expected)
        return values.reshape(*x.shape[:-2], *expected)

    return value


def _called(name: str, numpy: Callable[..., Any], arrays: Sequence[Array]) -> Array:
    given = [np.array(x, dtype=float) for x in arrays]  # copies: they may be written to
    try:
        y = np.asarray(numpy(*given))
        if y.dtype.kind not in "biuf":
            raise TypeError(f"it gives {y.dtype}, not real numbers")
        return y.astype(float)
    except (ShapetrickError, np.linalg.LinAlgError):
        raise
    except Exception as error:
        raise InputError(
            f"`{name}` of {_shapes(arrays)} has no value: {type(error).__name__}: {error}"
        ) from error


def _shapes(arrays: Sequence[Array]) -> str:
    return " and ".join(f"an array of shape {x.shape}" for x in arrays)


def _needs_square(name: str, numpy: Callable[..., Any], intervals: Sequence[Interval]) -> bool:
    """Whether it fails on a matrix that is wide, but not on a square one."""
    low, high = _ordinary(intervals[0]) if intervals else (0.3, 0.8)
    try:
        _called(name, numpy, (np.linspace(low, high, 6).reshape(WIDE),))
    except (InputError, np.linalg.LinAlgError):
        steps = np.linspace(0.1, 0.2, 9).reshape(SQUARE)
        square = low + (high - low) * steps if intervals else np.eye(3) + steps
        try:
            _called(name, numpy, (square,))
        except np.linalg.LinAlgError as error:
            raise InputError(f"`{name}` has no value: {error}") from error
        return True
    return False


def _drawn_from(value: NumpyFunction, arity: int, shape: tuple[int, int]) -> Interval:
    return next((r for r in RANGES if _is_finite(value, arity, shape, r)), RANGES[0])


def _ranges_inside(
    name: str,
    value: NumpyFunction,
    arity: int,
    shape: tuple[int, int],
    intervals: Sequence[Interval],
) -> tuple[Interval, ...]:
    """From where arguments are drawn in each interval. Raises InputError if a value there isn't
    finite."""
    ranges = tuple(map(_ordinary, intervals))
    for (low, high), interval in zip(ranges, intervals, strict=True):
        if not _is_finite(value, arity, shape, (low, high)):
            raise InputError(
                f"`{name}` has no finite value somewhere between {low:g} and {high:g}: its "
                f"`domain` {interval} has to leave that out."
            )
    return ranges


def _is_finite(
    value: NumpyFunction, arity: int, shape: tuple[int, int], interval: Interval
) -> bool:
    args = np.random.default_rng(0).uniform(*interval, (arity, 6, *shape))
    with np.errstate(all="ignore"):
        return bool(np.isfinite(value(*args, None)).all())


def _ordinary(interval: Interval) -> Interval:
    """A part of the interval, of ordinary numbers, away from its ends: about 0 as far as it goes
    there, else from its end that is nearer to 0 on, as long as that is far from 0."""
    low, high = interval
    margin = min(0.2, 0.05 * (high - low))
    if max(low, -2.0) + margin < min(high, 2.0) - margin:
        low, high = max(low, -2.0 - margin), min(high, 2.0 + margin)
    else:
        longest = max(LONGEST, min(abs(low), abs(high)))
        low, high = (low, min(high, low + longest)) if low > 0 else (max(low, high - longest), high)
        margin = 0.05 * (high - low)
    return low + margin, high - margin


def _check_entries(
    name: str, value: NumpyFunction, arity: int, drawn_from: tuple[float, float]
) -> None:
    """Refuse a function without `shape=` whose entries depend on each other."""
    args = np.random.default_rng(0).uniform(*drawn_from, (arity, *WIDE))
    with np.errstate(all="ignore"):
        whole = value(*args, None)
        apart = [value(*entry.reshape(arity, 1, 1), None) for entry in args.reshape(arity, -1).T]
    if not np.allclose(whole.ravel(), np.ravel(apart), rtol=1e-9, atol=0, equal_nan=True):
        raise InputError(
            f"`{name}` of an array is not `{name}` of its entries: without `shape=` it has to be "
            "element-wise."
        )


def _branch(
    value: NumpyFunction, arity: int, derivatives: Sequence[Expr], intervals: Sequence[Interval]
) -> NumpyFunction | None:
    """The branches that the derivatives take: where they jump, the function has a kink; and the
    interval that each argument is in."""
    jumps = [e for e in postorder(derivatives) if e.args and _jumps(e)]
    if not jumps and len(intervals) < 2:
        return None
    program = EvaluationTape(jumps)

    def branch(*args: Any) -> Array:
        env = dict(zip(LETTERS[arity], args, strict=False))
        found: list[Array] = []
        program.run({**env, "y": value(*args)}, {}, branches=found)
        if len(intervals) > 1:
            found += [_places(x, intervals) for x in args[:arity]]
        batch = np.broadcast_shapes(*(x.shape[:-2] for x in args[:arity]))
        whole = [np.broadcast_to(b, (*batch, *b.shape[-2:])) for b in found]
        return np.concatenate([b.reshape(*batch, 1, -1) for b in whole], axis=-1)

    return branch


def _jumps(e: Expr) -> bool:
    row = TABLE.get(e.op)
    return row is not None and row.branch is not None
