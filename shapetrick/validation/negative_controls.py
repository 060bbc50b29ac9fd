"""Spoilt copies of a gradient, which a check must refuse before its own verdict counts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np

from ..core.errors import ShapeError
from ..core.expr import Add, Expr, MatMul, Name, Number, Times, Transpose, add, matmul, times
from ..core.functions import Array
from ..core.traversal import substitute

SAME = 1e-14  # relative: a spoilt copy this near to the answer is not spoilt
SPOILT_DEPTH = 3  # of the sums and products that are spoilt

_LINEAR = (Add, Times, MatMul, Transpose, Name)  # a spoilt part shows through
_SPOILABLE: dict[type[Expr], tuple[str, Callable[..., Expr]]] = {
    Add: ("a term dropped", add),
    Times: ("a factor dropped", times),
    MatMul: ("a factor dropped", matmul),
}


def spoilt_values(value: Array) -> Iterator[tuple[str, Array]]:
    """The value negated, doubled, transposed where it is square; of zero, something else."""
    yield "negated", -value
    yield "doubled", 2 * value
    if value.shape[0] == value.shape[1]:
        yield "transposed", value.T
    if not value.any():
        yield "not zero", value + 1


def undetected(
    value: Array,
    copies: Iterable[tuple[str, Array | None]],
    off: Callable[[Array], Array],
    zero: bool = False,
) -> list[str]:
    """The names of the copies that a check takes for right as well: `off` counts for each of many
    values the tolerances by which it is off. Copies of `zero` are zero too."""
    named = [("not zero", value + 1)] if zero else [(n, c) for n, c in copies if c is not None]
    spoilt = np.array([other for _, other in named])
    differs = np.abs(spoilt - value).max(axis=(1, 2)) > SAME * np.abs(value).max()
    passes = differs & (off(spoilt) <= 1)
    return [name for (name, _), passed in zip(named, passes, strict=True) if passed]


def spoilt_expressions(gradient: Expr) -> Iterator[tuple[str, Expr]]:
    """The gradient without a term of its outermost sum, or a factor of its outermost products."""
    wanted = dict(_SPOILABLE)
    level = [gradient]
    for _ in range(SPOILT_DEPTH):
        for e in level:
            found = wanted.pop(type(e), None)
            if found is not None:
                name, make = found
                for gone, rest in ((e.args[0], e.args[1:]), (e.args[-1], e.args[:-1])):
                    if isinstance(e, Add) and isinstance(gone, Number):
                        continue  # there to avoid a division by 0, perhaps: below what is seen
                    less = _shortened(make, rest)
                    if less is not None and less.shape == e.shape:
                        yield name, substitute(gradient, {e: less})
        level = list(dict.fromkeys(a for e in level if isinstance(e, _LINEAR) for a in e.args))


def _shortened(make: Callable[..., Expr], args: Sequence[Expr]) -> Expr | None:
    try:
        return make(*args)
    except ShapeError:
        return None
