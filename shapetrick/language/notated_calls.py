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
# A norm by what stands below it, and what is written for those that are none here.
NORMS = {
    "": NORM, "F": "norm", "mathrm{F}": "norm", "1": "norm1", "₁": "norm1", "2": TWO_NORM,
    "₂": TWO_NORM,
}  # fmt: skip
_NORMS_INSTEAD = {
    ("*", "nuc"): "the nuclear norm is `sum(s)` behind a line `U, s, V = svd(A)`",
    ("∞", "infty", "inf"): "the largest entry of a column is `max(abs(x))`",
    ("2,1", "21"): "the sum of the columns' norms is `sum(sqrt(sum(A.^2, axis=0)))`",
    ("0",): "the number of entries that are not 0 has no derivative",
}


def no_norm(below: str) -> str:
    """What is said of a norm with something else below it."""
    below = below.replace("star", "*")
    said = next((said for words, said in _NORMS_INSTEAD.items() if below in words), None)
    if said is None and below[:1].isupper():
        said = f"that of a positive definite matrix is `sqrt(x' {below} x)`"
    return f"a norm with the index `{below}` is not read: {said or 'write `norm(x, p)`'}."


class NotatedSign(NamedTuple):
    """A sign: the shapes that it takes (the value's, or None), what is said of others, the names of
    the functions that it is by what it holds, and how it is typed around that."""

    shape: Callable[[Unifier, Shape], Shape | None]
    refusal: str
    spelled: Callable[[Shape], str]
    typed: str

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
    BARS: NotatedSign(_square, _BARS_REFUSED, _by_shape("abs", "det"), "|{}|"),
    LOG_BARS: NotatedSign(_square, _BARS_REFUSED, _by_shape("log abs", "logdet"), "log|{}|"),
    NORM: NotatedSign(_norm, "", _by_shape("norm"), "‖{}‖"),
    TWO_NORM: NotatedSign(
        _norm_of_vector,
        "a matrix's norm with the index 2 is its largest singular value, which is not in the "
        "language: write `norm(A)` for the Frobenius norm.",
        _by_shape("norm"),
        "norm({})",
    ),
    EXPONENTIAL: NotatedSign(
        _vector,
        "a power of e with a matrix above has two readings: write `exp(A)` for the exponential of "
        "each entry, `expm(A)` for that of the matrix.",
        _by_shape("exp"),
        "exp({})",
    ),
    SIGMOID: NotatedSign(_any, "", _by_shape("sigmoid"), "sigmoid({})"),
}
# Those of which the reading is said.
SAID = (BARS, LOG_BARS, SIGMOID)
