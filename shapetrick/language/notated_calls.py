r"""Signs that are functions by the shape of what they hold: `|A|`, `\|x\|_2`, `e^{x}`, `\sigma(x)`.

A sign is a call in the syntax; which function of the table it is, is told once shapes are known.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from ..core import expr as ex
from ..core.dims import ONE, SCALAR, Shape
from ..core.expr import Expr
from .unification import Unifier

BARS, LOG_BARS, NORM, TWO_NORM = "|·|", "log|·|", "‖·‖", "‖·‖_2"
EXPONENTIAL, SIGMOID = "e^·", "σ"


class NotatedSign(NamedTuple):
    """A sign: the shapes that it takes (the value's, or None), what is said of others, the function
    that it is, that function's name, and the sign around what it holds."""

    shape: Callable[[Unifier, Shape], Shape | None]
    refusal: str
    build: Callable[[Expr], Expr]
    spelled: Callable[[Shape], str]
    typed: str


def _square(unifier: Unifier, shape: Shape) -> Shape | None:
    return SCALAR if unifier.unify(*shape) else None


def _vector(unifier: Unifier, shape: Shape) -> Shape | None:
    if ONE in shape:
        return shape
    apart = [unifier.is_apart(d) for d in shape]
    if all(apart):
        return None
    return shape if unifier.unify(shape[0] if apart[1] else shape[1], ONE) else None


def _any(_: Unifier, shape: Shape) -> Shape | None:
    return shape


def _by_shape(of_scalar: str, other: str) -> Callable[[Shape], str]:
    return lambda shape: of_scalar if shape == SCALAR else other


def _log_bars(e: Expr) -> Expr:
    return ex.call("log", ex.call("abs", e)) if e.is_scalar else ex.call("logdet", e)


_BARS_REFUSED = (
    "bars are the absolute value of a scalar or the determinant of a square matrix: write "
    "`abs(x)` for each entry, `norm(x)` for the norm."
)
SIGNS: Mapping[str, NotatedSign] = {
    BARS: NotatedSign(
        _square,
        _BARS_REFUSED,
        lambda e: ex.call("abs" if e.is_scalar else "det", e),
        _by_shape("abs", "det"),
        "|{}|",
    ),
    LOG_BARS: NotatedSign(
        _square,
        _BARS_REFUSED,
        _log_bars,
        _by_shape("log abs", "logdet"),
        "log|{}|",
    ),
    NORM: NotatedSign(
        lambda _, __: SCALAR,
        "",
        lambda e: ex.call("norm", e),
        lambda _: "norm",
        "‖{}‖",
    ),
    TWO_NORM: NotatedSign(
        lambda u, shape: None if _vector(u, shape) is None else SCALAR,
        "a matrix's norm with the index 2 is its largest singular value, which is not in the "
        "language: write `norm(A)` for the Frobenius norm.",
        lambda e: ex.call("norm", e),
        lambda _: "norm",
        "norm({})",
    ),
    EXPONENTIAL: NotatedSign(
        _vector,
        "a power of e with a matrix above has two readings: write `exp(A)` for the exponential of "
        "each entry; that of the matrix is not in the language.",
        lambda e: ex.call("exp", e),
        lambda _: "exp",
        "exp({})",
    ),
    SIGMOID: NotatedSign(
        _any, "", lambda e: ex.call("sigmoid", e), lambda _: "sigmoid", "sigmoid({})"
    ),
}
# Those of which the reading is said.
SAID = (BARS, LOG_BARS, SIGMOID)
