r"""Signs that are functions by the shape of what they hold: `|A|`, `\|x\|_2`, `e^{x}`, `\sigma(x)`.

A sign is a call in the syntax; which function of the table it is, is told once shapes are known.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ...core import expr as ex
from ...core.dims import ONE, SCALAR, Shape
from ...core.expr import Expr
from ...core.named_tuples import NamedTuple
from ..syntax.signs import BARS, EXPONENTIAL, GAMMA, LOG_BARS, NORM, SIGMOID, TRACE, TWO_NORM
from .unification import Unifier


class NotatedSign(NamedTuple):
    """A sign: the shapes that it takes (the value's, or None), what is said of others, and the
    names of the functions that it is by what it holds."""

    shape: Callable[[Unifier, Shape], Shape | None]
    refusal: str
    spelled: Callable[[Shape], str]

    def functions(self, shape: Shape) -> list[str]:
        """The functions that it is, the inner one first."""
        return self.spelled(shape).split()[::-1]

    def build(self, e: Expr) -> Expr:
        """The expression that it is."""
        for name in self.functions(e.shape):
            e = ex.call(name, e)
        return e


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


def _norm(_: Unifier, __: Shape) -> Shape | None:
    return SCALAR


def _norm_of_vector(unifier: Unifier, shape: Shape) -> Shape | None:
    return None if _vector(unifier, shape) is None else SCALAR


def _by_shape(of_scalar: str, other: str = "") -> Callable[[Shape], str]:
    return lambda shape: of_scalar if shape == SCALAR or not other else other


_BARS_REFUSED = (
    "bars are the absolute value of a scalar or the determinant of a square matrix: write "
    "`abs(x)` for each entry, `norm(x)` for the norm."
)
SIGNS: Mapping[str, NotatedSign] = {
    BARS: NotatedSign(_square, _BARS_REFUSED, _by_shape("abs", "det")),
    LOG_BARS: NotatedSign(_square, _BARS_REFUSED, _by_shape("log abs", "logdet")),
    NORM: NotatedSign(_norm, "", _by_shape("norm")),
    TWO_NORM: NotatedSign(
        _norm_of_vector,
        "a matrix's norm with the index 2 is its largest singular value, which is not in the "
        "language: write `norm(A)` for the Frobenius norm.",
        _by_shape("norm"),
    ),
    EXPONENTIAL: NotatedSign(
        _vector,
        "a power of e with a matrix above has two readings: write `exp(A)` for the exponential of "
        "each entry, `expm(A)` for that of the matrix.",
        _by_shape("exp"),
    ),
    SIGMOID: NotatedSign(_any, "", _by_shape("sigmoid")),
    GAMMA: NotatedSign(_any, "", _by_shape("exp lgamma")),
    TRACE: NotatedSign(
        _square,
        "a trace without brackets is of the whole product behind it, and this is not square: put "
        "brackets, `tr(A) B` or `tr(A B)`.",
        _by_shape("tr"),
    ),
}
# Those of which the reading is said.
SAID = (BARS, LOG_BARS, SIGMOID, TRACE, GAMMA)
